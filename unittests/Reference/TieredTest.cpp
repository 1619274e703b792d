//===- TieredTest.cpp - tiered_attention ----------------------------------===//
#include "Compare.h"
#include "dashkv/Reference/Reference.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace dashkv::reference;

namespace {
/// Hq = 6, Hkv = 2, M = 3, D = 8, Dv = 5, N = 40, packed 16-bit codes.
struct Random {
  AttentionOperands op;
  TieredOperands tiered;

  explicit Random(int64_t codeHeads = 6) {
    std::mt19937 random(11);
    std::normal_distribution<float> normal;
    op.query = Tensor<float>({1, 6, 3, 8});
    op.key = Tensor<float>({1, 2, 40, 8});
    op.value = Tensor<float>({1, 2, 40, 5});
    for (auto *tensor : {&op.query, &op.key, &op.value})
      for (float &x : tensor->data)
        x = normal(random);
    tiered.queryCodes = Tensor<int8_t>({1, codeHeads, 3, 2});
    tiered.keyCodes = Tensor<int8_t>({1, 2, 40, 2});
    for (auto *codes : {&tiered.queryCodes, &tiered.keyCodes})
      for (int8_t &byte : codes->data)
        byte = static_cast<int8_t>(random());
  }
};

void expectClose(const Tensor<float> &actual, const Tensor<float> &expected) {
  auto result = dashkv::testing::compare(actual.data, expected.data, expected.shape.back());
  EXPECT_TRUE(result.equal) << result.message;
}

Tiering noDense() {
  Tiering tiering;
  tiering.denseBelow = 0;
  return tiering;
}
} // namespace

// One query, four keys with logits 0, ln 3, 0, 0 and distances 2, 0, 1, 3. Full: the
// nearest, key 1. Mid: keys 2 and 0, whose logits are estimated.
TEST(Tiered, ByHand) {
  float ln3 = std::log(3.0f);
  AttentionOperands op;
  op.query = Tensor<float>({1, 1, 1, 1}, 1.0f);
  op.key = Tensor<float>({1, 1, 4, 1}, {0, ln3, 0, 0});
  op.value = Tensor<float>({1, 1, 4, 1}, {8, 4, 16, 1000});
  op.scale = 1.0f;
  TieredOperands tiered;
  tiered.queryCodes = Tensor<int8_t>({1, 1, 1, 1}, {0});
  tiered.keyCodes = Tensor<int8_t>({1, 1, 4, 1}, {3, 0, 1, 7});
  Tiering tiering = noDense();
  tiering.full = 250000;
  tiering.fullMin = tiering.sinks = tiering.window = 0;
  TieredResult r = tieredAttention(op, tiered, tiering);
  EXPECT_NEAR(r.out.data[0], 4, 1e-6);
  EXPECT_NEAR(r.lse.data[0], ln3, 1e-6);
  EXPECT_EQ(r.kept.data, (std::vector<uint8_t>{0, 1, 0, 0}));
  // dot = 8 - 2 D is 4 for key 0 and 6 for key 2; temperature 0 and bias ln 2 weigh
  // both with 2: (3 * 4 + 2 * 8 + 2 * 16) / 7.
  tiering.mid = 500000;
  tiered.scoring.temperature = Tensor<float>({1}, {0});
  tiered.scoring.bias = Tensor<float>({1}, {std::log(2.0f)});
  r = tieredAttention(op, tiered, tiering);
  EXPECT_NEAR(r.out.data[0], 60.0 / 7, 1e-5);
  EXPECT_NEAR(r.lse.data[0], std::log(7.0), 1e-6);
  EXPECT_EQ(r.kept.data, (std::vector<uint8_t>{0, 1, 0, 0}));
}

TEST(Tiered, FullBudgetIsExact) {
  for (int64_t codeHeads : {6, 2})
    for (Scope scope : {Scope::Group, Scope::Head}) {
      if (scope == Scope::Head && codeHeads == 2)
        continue;
      Random data(codeHeads);
      data.op.lengths = Tensor<int32_t>({1}, {37});
      Tiering tiering = noDense();
      tiering.full = 1000000;
      tiering.scope = scope;
      TieredResult r = tieredAttention(data.op, data.tiered, tiering);
      data.op.causal = true;
      AttentionResult exact = attention(data.op);
      expectClose(r.out, exact.out);
      expectClose(r.lse, exact.lse);
      for (int n = 0; n < 40; ++n)
        EXPECT_EQ(r.kept(0, n), n < 37);
    }
}

TEST(Tiered, SmallBudgetIsAttentionOverTheLists) {
  Random data;
  Tiering tiering = noDense();
  tiering.fullMin = 0;
  tiering.full = 100000;
  tiering.sinks = 1;
  tiering.window = 2;
  tiering.scope = Scope::Head;
  TieredResult r = tieredAttention(data.op, data.tiered, tiering);
  AttentionOperands masked = data.op;
  masked.mask = Tensor<float>({1, 6, 3, 40}, -INFINITY);
  for (int h = 0; h < 6; ++h)
    for (int m = 0; m < 3; ++m) {
      EXPECT_EQ(r.selection.full.counts(0, h, m), 3 + 4);
      for (int c = 0; c < 7; ++c)
        masked.mask(0, h, m, r.selection.full.indices(0, h, m, c)) = 0;
    }
  AttentionResult expected = attention(masked);
  expectClose(r.out, expected.out);
  expectClose(r.lse, expected.lse);
}

TEST(Tiered, ExactBelowDenseBelow) {
  Random data;
  Tiering tiering;
  tiering.full = 0;
  tiering.fullMin = tiering.sinks = tiering.window = 0;
  tiering.denseBelow = 41;
  TieredResult r = tieredAttention(data.op, data.tiered, tiering);
  data.op.causal = true;
  EXPECT_EQ(r.out.data, attention(data.op).out.data);
  EXPECT_EQ(r.kept.data, std::vector<uint8_t>(40, 1));
  // As many keys as the bound are not below it: nothing is attended.
  tiering.denseBelow = 40;
  r = tieredAttention(data.op, data.tiered, tiering);
  EXPECT_EQ(r.out.data, std::vector<float>(90));
  EXPECT_EQ(r.kept.data, std::vector<uint8_t>(40));
  // The longest sequence counts, not the capacity of the cache.
  data.op.lengths = Tensor<int32_t>({1}, {39});
  r = tieredAttention(data.op, data.tiered, tiering);
  EXPECT_EQ(r.out.data, attention(data.op).out.data);
  EXPECT_EQ(r.kept(0, 38), 1);
  EXPECT_EQ(r.kept(0, 39), 0);
}

// Prior, votes and forced reach the selection.
TEST(Tiered, RetrieveOperandsCount) {
  Random data;
  Tiering tiering = noDense();
  tiering.full = 1;
  tiering.fullMin = tiering.sinks = tiering.window = 0;
  data.tiered.retrieve.forced = Tensor<uint8_t>({1, 40});
  data.tiered.retrieve.prior = Tensor<uint8_t>({1, 40});
  data.tiered.retrieve.priorDiscount = Tensor<int16_t>({6}, int16_t(1000));
  data.tiered.retrieve.forced(0, 20) = data.tiered.retrieve.prior(0, 30) = 1;
  TieredResult r = tieredAttention(data.op, data.tiered, tiering);
  for (int n = 0; n < 40; ++n)
    EXPECT_EQ(r.kept(0, n), n == 20 || n == 30);
}
