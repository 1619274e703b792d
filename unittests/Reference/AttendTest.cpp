//===- AttendTest.cpp - Attention, statistics and estimated logits --------===//
#include "Compare.h"
#include "dashkv/Reference/Reference.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace dashkv::reference;

static constexpr float kLowest = std::numeric_limits<float>::lowest();
static const float ln2 = std::log(2.0f), ln3 = std::log(3.0f);

namespace {
/// Query 1 and scale 1: the keys are the logits.
AttentionOperands withLogits(std::vector<float> keys, std::vector<float> values) {
  AttentionOperands op;
  int64_t n = keys.size();
  op.query = Tensor<float>({1, 1, 1, 1}, 1.0f);
  op.key = Tensor<float>({1, 1, n, 1}, std::move(keys));
  op.value = Tensor<float>({1, 1, n, 1}, std::move(values));
  op.scale = 1.0f;
  return op;
}

List makeList(std::vector<int32_t> keys, int32_t count) {
  int64_t n = keys.size();
  return {Tensor<int32_t>({1, 1, 1, n}, std::move(keys)), Tensor<int32_t>({1, 1, 1}, count), {}};
}

/// Random operands with Hq = 6, Hkv = 2, D = 4, Dv = 3.
AttentionOperands makeRandom(int64_t batch, int64_t rows, int64_t keys, int seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  AttentionOperands op;
  op.query = Tensor<float>({batch, 6, rows, 4});
  op.key = Tensor<float>({batch, 2, keys, 4});
  op.value = Tensor<float>({batch, 2, keys, 3});
  for (auto *tensor : {&op.query, &op.key, &op.value})
    for (float &x : tensor->data)
      x = normal(random);
  return op;
}

void expectClose(const Tensor<float> &actual, const Tensor<float> &expected,
                 double relative = 1e-6) {
  EXPECT_EQ(actual.shape, expected.shape);
  dashkv::testing::Tolerance tolerance;
  tolerance.relative = relative;
  auto result =
      dashkv::testing::compare(actual.data, expected.data, expected.shape.back(), tolerance);
  EXPECT_TRUE(result.equal) << result.message;
}
} // namespace

//===----------------------------------------------------------------------===//
// attention
//===----------------------------------------------------------------------===//

// Logits 0 and ln 3: weights 1/4 and 3/4, and 4/4 + 3 * 8/4 = 7.
TEST(Attention, TwoKeys) {
  AttentionResult r = attention(withLogits({0, ln3}, {4, 8}));
  EXPECT_NEAR(r.out.data[0], 7, 1e-6);
  EXPECT_NEAR(r.lse.data[0], std::log(4.0), 1e-6);
}

TEST(Attention, DefaultScale) {
  // D = 4: q.k = 2 ln 3, halved.
  AttentionOperands op;
  op.query = Tensor<float>({1, 1, 1, 4}, 1.0f);
  op.key = Tensor<float>({1, 1, 2, 4}, {0, 0, 0, 0, ln3, 0, 0, ln3});
  op.value = Tensor<float>({1, 1, 2, 1}, {4, 8});
  EXPECT_NEAR(attention(op).out.data[0], 7, 1e-6);
  op.scale = 0.25f; // logits 0 and ln 3 / 2: 1 to sqrt(3)
  EXPECT_NEAR(attention(op).out.data[0], (4 + 8 * std::sqrt(3)) / (1 + std::sqrt(3)), 1e-6);
}

TEST(Attention, MaskIsAdded) {
  AttentionOperands op = withLogits({0, 0, 100}, {4, 8, 1});
  op.mask = Tensor<float>({1, 1, 1, 3}, {0, ln3, -INFINITY});
  EXPECT_NEAR(attention(op).out.data[0], 7, 1e-6);
}

TEST(Attention, EmptyRows) {
  AttentionOperands op = withLogits({1, 2}, {4, 8});
  op.mask = Tensor<float>({1, 1, 1, 2}, -INFINITY);
  AttentionResult r = attention(op);
  EXPECT_EQ(r.out.data[0], 0);
  EXPECT_EQ(r.lse.data[0], -INFINITY);
  // The lowest finite number is a number: all keys alike.
  op.mask = Tensor<float>({1, 1, 1, 2}, kLowest);
  EXPECT_EQ(attention(op).out.data[0], 6);
  op.mask = {};
  op.lengths = Tensor<int32_t>({1}, {0});
  r = attention(op);
  EXPECT_EQ(r.out.data[0], 0);
  EXPECT_EQ(r.lse.data[0], -INFINITY);
  r = attention(withLogits({}, {}));
  EXPECT_EQ(r.out.data[0], 0);
}

TEST(Attention, NaNStays) {
  EXPECT_TRUE(std::isnan(attention(withLogits({0, NAN}, {4, 8})).out.data[0]));
  EXPECT_TRUE(std::isnan(attention(withLogits({0, -INFINITY}, {4, NAN})).out.data[0])); // 0 * NaN
  EXPECT_EQ(attention(withLogits({0, -INFINITY}, {4, 8})).out.data[0], 4);
}

TEST(Attention, LengthsHideKeys) {
  // Whatever they hold: memory of a cache that nobody has written yet.
  AttentionOperands op = withLogits({0, ln3, 50, NAN}, {4, 8, 1, NAN});
  op.lengths = Tensor<int32_t>({1}, {2});
  EXPECT_NEAR(attention(op).out.data[0], 7, 1e-6);
  List list = makeList({1, 0, 3}, 2);
  SoftmaxStats start = SoftmaxStats::start(1, 1, 1, 1);
  EXPECT_NEAR(finalize(onlineAttention(op, start)).out.data[0], 7, 1e-6);
  EXPECT_NEAR(finalize(onlineAttention(op, start, &list)).out.data[0], 7, 1e-6);
}

TEST(Attention, CausalIsBottomRight) {
  // Three rows, four keys, equal logits: row 0 sees two keys, row 2 all four.
  AttentionOperands op;
  op.query = Tensor<float>({1, 1, 3, 1});
  op.key = Tensor<float>({1, 1, 4, 1});
  op.value = Tensor<float>({1, 1, 4, 1}, {2, 4, 9, 1});
  op.causal = true;
  EXPECT_EQ(attention(op).out.data, (std::vector<float>{3, 5, 4}));
  op.lengths = Tensor<int32_t>({1}, {2}); // 0, 1, 2 keys
  EXPECT_EQ(attention(op).out.data, (std::vector<float>{0, 2, 3}));
  EXPECT_EQ(attention(op).lse.data[0], -INFINITY);
}

TEST(Attention, GroupsShareKeys) {
  // Four query heads, two KV heads with one key each: heads 0 and 1 give 5.
  AttentionOperands op;
  op.query = Tensor<float>({1, 4, 1, 1});
  op.key = Tensor<float>({1, 2, 1, 1});
  op.value = Tensor<float>({1, 2, 1, 1}, {5, 7});
  EXPECT_EQ(attention(op).out.data, (std::vector<float>{5, 5, 7, 7}));
}

TEST(Attention, KVScales) {
  // Key 1 scaled to ln 3 and the values doubled.
  AttentionOperands op = withLogits({0, 1}, {2, 4});
  op.keyScale = Tensor<float>({1}, {ln3});
  op.valueScale = Tensor<float>({1}, {2});
  EXPECT_NEAR(attention(op).out.data[0], 7, 1e-6);
}

TEST(Attention, MaskDimsRepeat) {
  AttentionOperands op = makeRandom(2, 3, 5, 1), full = op;
  op.mask = Tensor<float>({2, 1, 1, 5});
  full.mask = Tensor<float>({2, 6, 3, 5});
  for (int b = 0; b < 2; ++b)
    for (int n = 0; n < 5; ++n)
      op.mask(b, 0, 0, n) = b - 0.5f * n;
  for (int b = 0; b < 2; ++b)
    for (int h = 0; h < 6; ++h)
      for (int m = 0; m < 3; ++m)
        for (int n = 0; n < 5; ++n)
          full.mask(b, h, m, n) = b - 0.5f * n;
  EXPECT_EQ(attention(op).out.data, attention(full).out.data);
}

// Logits far outside the range of exp.
TEST(Attention, Pages) {
  // Three pages of two rows for one head of one value; two sequences of up to four
  // keys. The second one's last page does not exist.
  Tensor<float> pool({3, 1, 2, 1}, {0, 1, 10, 11, 20, 21});
  Tensor<float> cache = gatherPages(pool, Tensor<int32_t>({2, 2}, {2, 0, 1, -1}));
  EXPECT_EQ(cache.shape, (std::vector<int64_t>{2, 1, 4, 1}));
  EXPECT_EQ(std::vector<float>(cache.data.begin(), cache.data.begin() + 6),
            (std::vector<float>{20, 21, 0, 1, 10, 11}));
  EXPECT_TRUE(std::isnan(cache.data[6]) && std::isnan(cache.data[7]));
}

TEST(Attention, WideLogits) {
  EXPECT_EQ(attention(withLogits({1e4f, -1e4f}, {4, 8})).out.data[0], 4);
  AttentionResult r = attention(withLogits({-1e4f, -1e4f}, {4, 8}));
  EXPECT_EQ(r.out.data[0], 6);
  EXPECT_NEAR(r.lse.data[0], -1e4 + std::log(2.0), 1e-3);
}

//===----------------------------------------------------------------------===//
// Statistics
//===----------------------------------------------------------------------===//

TEST(Online, FirstKeys) {
  // Logits ln 2 and 0 from an empty start: max ln 2, sum 1 + 1/2, acc 4 + 8/2.
  SoftmaxStats s = onlineAttention(withLogits({ln2, 0}, {4, 8}), SoftmaxStats::start(1, 1, 1, 1));
  EXPECT_EQ(s.max.data[0], ln2);
  EXPECT_NEAR(s.sum.data[0], 1.5, 1e-6);
  EXPECT_NEAR(s.acc.data[0], 8, 1e-6);
  // Then one with logit ln 3: everything so far times 2/3.
  s = onlineAttention(withLogits({ln3}, {6}), s);
  EXPECT_EQ(s.max.data[0], ln3);
  EXPECT_NEAR(s.sum.data[0], 2, 1e-6);
  EXPECT_NEAR(s.acc.data[0], 8 * 2.0 / 3 + 6, 1e-5);
  // (2 * 4 + 1 * 8 + 3 * 6) / 6
  AttentionResult r = finalize(s);
  EXPECT_NEAR(r.out.data[0], 34.0 / 6, 1e-6);
  EXPECT_NEAR(r.lse.data[0], std::log(6.0), 1e-6);
}

TEST(Online, NoKeysChangeNothing) {
  SoftmaxStats start = SoftmaxStats::start(1, 1, 1, 1);
  AttentionOperands op = withLogits({5}, {4});
  op.lengths = Tensor<int32_t>({1}, {0});
  SoftmaxStats s = onlineAttention(op, start);
  EXPECT_EQ(s.max.data[0], kLowest);
  EXPECT_EQ(s.sum.data[0], 0);
  AttentionResult r = finalize(s);
  EXPECT_EQ(r.out.data[0], 0);
  EXPECT_EQ(r.lse.data[0], -INFINITY);
  // Nor do keys masked by -inf.
  op = withLogits({-INFINITY}, {4});
  s = onlineAttention(op, start);
  EXPECT_EQ(s.max.data[0], kLowest);
  EXPECT_EQ(s.sum.data[0], 0);
}

TEST(Online, List) {
  // Keys 3 and 0, the third entry is past the count. Lengths do not touch a list.
  AttentionOperands op = withLogits({0, 9, 9, ln3}, {4, 1, 1, 8});
  op.lengths = Tensor<int32_t>({1}, {1});
  List list = makeList({3, 0, 1}, 2);
  AttentionResult r = finalize(onlineAttention(op, SoftmaxStats::start(1, 1, 1, 1), &list));
  EXPECT_NEAR(r.out.data[0], 7, 1e-6);
  EXPECT_NEAR(r.lse.data[0], std::log(4.0), 1e-6);
  list = makeList({-1, -1}, 0);
  EXPECT_EQ(finalize(onlineAttention(op, SoftmaxStats::start(1, 1, 1, 1), &list)).out.data[0], 0);
}

TEST(Online, ListHeadsServeTheirGroup) {
  // Two query heads on one KV head; one list for both, or one each.
  AttentionOperands op;
  op.query = Tensor<float>({1, 2, 1, 1});
  op.key = Tensor<float>({1, 1, 2, 1});
  op.value = Tensor<float>({1, 1, 2, 1}, {5, 7});
  List list = makeList({1}, 1);
  SoftmaxStats start = SoftmaxStats::start(1, 2, 1, 1);
  EXPECT_EQ(finalize(onlineAttention(op, start, &list)).out.data, (std::vector<float>{7, 7}));
  list = {Tensor<int32_t>({1, 2, 1, 1}, {1, 0}), Tensor<int32_t>({1, 2, 1}, 1), {}};
  EXPECT_EQ(finalize(onlineAttention(op, start, &list)).out.data, (std::vector<float>{7, 5}));
}

TEST(Online, AllKeysEqualAttention) {
  AttentionOperands op = makeRandom(2, 3, 11, 2);
  op.causal = true;
  op.lengths = Tensor<int32_t>({2}, {2, 11}); // the first row of batch 0 is empty
  AttentionResult exact = attention(op),
                  online = finalize(onlineAttention(op, SoftmaxStats::start(2, 6, 3, 3)));
  EXPECT_EQ(exact.lse(0, 0, 0), -INFINITY);
  expectClose(online.out, exact.out);
  expectClose(online.lse, exact.lse);
}

TEST(OnlineReduce, GivenLogits) {
  // Values of keys 2 and 0 with logits ln 3 and 0; the third is past the count.
  Tensor<float> scores({1, 1, 1, 3}, {ln3, 0, 50}), value({1, 1, 3, 1}, {4, 1, 8});
  SoftmaxStats s =
      onlineReduce(scores, value, {}, makeList({2, 0, 1}, 2), SoftmaxStats::start(1, 1, 1, 1));
  EXPECT_NEAR(finalize(s).out.data[0], 7, 1e-6);
  s = onlineReduce(scores, value, Tensor<float>({1}, {0.5f}), makeList({2, 0, 1}, 2),
                   SoftmaxStats::start(1, 1, 1, 1));
  EXPECT_NEAR(finalize(s).out.data[0], 3.5, 1e-6);
}

TEST(Merge, TwoParts) {
  // Part 0: max 0, sum 2, acc 6. Part 1: max ln 2, sum 1, acc 5. Relative to ln 2
  // part 0 counts half: sum 2, acc 8.
  SoftmaxStats parts = {Tensor<float>({2, 1, 1, 1, 1}, {6, 5}),
                        Tensor<float>({2, 1, 1, 1}, {0, ln2}), Tensor<float>({2, 1, 1, 1}, {2, 1})};
  SoftmaxStats s = merge(parts, SoftmaxStats::start(1, 1, 1, 1));
  EXPECT_EQ(s.max.data[0], ln2);
  EXPECT_NEAR(s.sum.data[0], 2, 1e-6);
  EXPECT_NEAR(s.acc.data[0], 8, 1e-6);
  // What outs hold counts too: max ln 3, sum 4, acc 1 and 2/3 of the above.
  SoftmaxStats before = {Tensor<float>({1, 1, 1, 1}, {1}), Tensor<float>({1, 1, 1}, {ln3}),
                         Tensor<float>({1, 1, 1}, {4})};
  s = merge(parts, before);
  EXPECT_NEAR(s.sum.data[0], 4 + 4.0 / 3, 1e-6);
  EXPECT_NEAR(s.acc.data[0], 1 + 16.0 / 3, 1e-6);
}

// Keys split into three parts, one of them empty, merge to what one pass gives.
TEST(Merge, EqualsOnePass) {
  AttentionOperands op = makeRandom(1, 2, 9, 3);
  SoftmaxStats start = SoftmaxStats::start(1, 6, 2, 3), parts;
  for (auto [list, count] :
       {std::pair(std::vector<int32_t>{8, 1, 3, 0}, 4), {{}, 0}, {{7, 2, 4, 5, 6}, 5}}) {
    int64_t capacity = list.size();
    List keys = {Tensor<int32_t>({1, 2, 2, capacity}), Tensor<int32_t>({1, 2, 2}, count), {}};
    for (size_t i = 0; i < keys.indices.data.size(); ++i)
      keys.indices.data[i] = list[i % capacity];
    SoftmaxStats part = onlineAttention(op, start, &keys);
    parts.acc.data.insert(parts.acc.data.end(), part.acc.data.begin(), part.acc.data.end());
    parts.max.data.insert(parts.max.data.end(), part.max.data.begin(), part.max.data.end());
    parts.sum.data.insert(parts.sum.data.end(), part.sum.data.begin(), part.sum.data.end());
  }
  parts.acc.shape = {3, 1, 6, 2, 3};
  parts.max.shape = parts.sum.shape = {3, 1, 6, 2};
  AttentionResult merged = finalize(merge(parts, start)), exact = attention(op);
  expectClose(merged.out, exact.out);
  expectClose(merged.lse, exact.lse);
}

TEST(Merge, EmptyPartsStayEmpty) {
  SoftmaxStats parts = {Tensor<float>({2, 1, 1, 1, 1}), Tensor<float>({2, 1, 1, 1}, kLowest),
                        Tensor<float>({2, 1, 1, 1})};
  AttentionResult r = finalize(merge(parts, SoftmaxStats::start(1, 1, 1, 1)));
  EXPECT_EQ(r.out.data[0], 0);
  EXPECT_EQ(r.lse.data[0], -INFINITY);
}

//===----------------------------------------------------------------------===//
// Estimated logits
//===----------------------------------------------------------------------===//

TEST(Estimate, Packed) {
  // Distances of 0x0f to 0x0f, 0x0e, 0xf0: 0, 1, 8; dots 8, 6, -8.
  Tensor<int8_t> q({1, 1, 1, 1}, {0x0f}), k({1, 1, 3, 1}, {0x0f, 0x0e, -16});
  Scoring scoring;
  scoring.temperature = Tensor<float>({1}, {0.5f});
  scoring.bias = Tensor<float>({1}, {1});
  Tensor<float> s = estimateScores(q, k, makeList({2, 0, 1, -1}, 3), scoring);
  EXPECT_EQ(s.data, (std::vector<float>{-3, 5, 4, -INFINITY}));
  scoring.codeScale = Tensor<float>({1, 1, 1}, {0.25f});
  s = estimateScores(q, k, makeList({2, 0, 1, -1}, 3), scoring);
  EXPECT_EQ(s.data, (std::vector<float>{0, 2, 1.75f, -INFINITY}));
}

TEST(Estimate, Weighted) {
  // sum |w| = 6. Key 0x02 misses the weight 3 on bit 0 and meets bit 1, which the -2
  // does not want: distance 5, dot 6 - 10.
  Tensor<int8_t> q({1, 1, 1, 8}, {3, -2, 0, 0, 0, 0, 0, -1}), k({1, 1, 1, 1}, {2});
  Scoring scoring;
  scoring.temperature = Tensor<float>({1}, {1});
  scoring.bias = Tensor<float>({1}, {0});
  EXPECT_EQ(estimateScores(q, k, makeList({0}, 1), scoring).data, (std::vector<float>{-4}));
  // The table is read at the distance.
  scoring.table = Tensor<float>({1, 128});
  scoring.table(0, 5) = 10;
  EXPECT_EQ(estimateScores(q, k, makeList({0}, 1), scoring).data, (std::vector<float>{6}));
}

TEST(Estimate, HeadsOfAGroup) {
  // Two query heads share a code head and a list; temperature, bias and table are
  // those of the query head.
  Tensor<int8_t> q({1, 1, 1, 1}, {0}), k({1, 1, 1, 1}, {1}); // distance 1, dot 6
  Scoring scoring;
  scoring.temperature = Tensor<float>({2}, {1, 2});
  scoring.bias = Tensor<float>({2}, {0, 5});
  scoring.table = Tensor<float>({2, 9});
  scoring.table(1, 1) = 100;
  EXPECT_EQ(estimateScores(q, k, makeList({0}, 1), scoring).data, (std::vector<float>{6, 117}));
}

TEST(Estimate, Mlp) {
  // Signs: query bits + + - - - - - -, key bits - + + - - - - -. W1 takes query bit 0
  // (1) and key bit 0 (-1), relu gives (1, 0), W2 their sum and twice the second
  // (1, 0), W3 3 and 5, and the biases add 0.5 and 0.25 at the end: 3 * 1.5 + 0.25.
  Tensor<int8_t> q({1, 1, 1, 1}, {3}), k({1, 1, 1, 1}, {6});
  Scoring scoring;
  scoring.temperature = Tensor<float>({1}, {0});
  scoring.bias = Tensor<float>({1}, {0});
  scoring.mlp.weights = {Tensor<float>({16, 2}), Tensor<float>({2, 2}, {1, 0, 1, 2}),
                         Tensor<float>({2, 1}, {3, 5})};
  scoring.mlp.weights[0](0, 0) = 1;
  scoring.mlp.weights[0](8, 1) = 1;
  scoring.mlp.biases = {Tensor<float>({2}), Tensor<float>({2}, {0.5f, 0}),
                        Tensor<float>({1}, {0.25f})};
  EXPECT_EQ(estimateScores(q, k, makeList({0}, 1), scoring).data, (std::vector<float>{4.75f}));
  // A weighted query has the same signs; its zeros are -1.
  Tensor<int8_t> w({1, 1, 1, 8}, {5, 1, 0, -1, 0, 0, 0, -2});
  EXPECT_EQ(estimateScores(w, k, makeList({0}, 1), scoring).data, (std::vector<float>{4.75f}));
}
