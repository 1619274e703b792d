//===- RetrieveTest.cpp - calibrate, select and retrieve ------------------===//
#include "dashkv/Reference/Reference.h"
#include <gtest/gtest.h>
#include <limits>

using namespace dashkv::reference;

static constexpr int32_t kNone = std::numeric_limits<int32_t>::min();

namespace {
using Ints = std::vector<int32_t>;

/// No minimum, nothing forced: budgets are the fractions alone.
Tiering plain(int64_t full, int64_t mid = 0) {
  Tiering tiering;
  tiering.full = full;
  tiering.mid = mid;
  tiering.fullMin = tiering.sinks = tiering.window = 0;
  tiering.denseBelow = 0;
  return tiering;
}

/// Distances [1,Hc,M,N] from rows.
Tensor<int16_t> distances(int64_t heads, int64_t rows, std::vector<int16_t> values) {
  int64_t keys = values.size() / (heads * rows);
  return {{1, heads, rows, keys}, std::move(values)};
}

/// The keys of one list; checks that it is padded with -1.
Ints keysOf(const List &list, int64_t h = 0, int64_t m = 0) {
  Ints keys;
  for (int64_t c = 0; c < list.indices.size(3); ++c)
    if (c < list.counts(0, h, m))
      keys.push_back(list.indices(0, h, m, c));
    else
      EXPECT_EQ(list.indices(0, h, m, c), -1);
  return keys;
}

/// One list with capacity N.
Selection selectOne(const Tensor<int16_t> &d, const Tiering &tiering,
                    const RetrieveOperands &operands = {}) {
  return select(d, 1, d.size(3), d.size(3), operands, tiering);
}
} // namespace

//===----------------------------------------------------------------------===//
// Budgets
//===----------------------------------------------------------------------===//

TEST(Budget, ExactMillionths) {
  // In floating point 0.07 * 100 = 7.000000000000001, which would round up to 8.
  EXPECT_EQ(plain(70000).getFullBudget(100), 7);
  EXPECT_EQ(plain(70000).getFullBudget(101), 8); // 7.07
  EXPECT_EQ(plain(290000).getFullBudget(100), 29);
  EXPECT_EQ(plain(1).getFullBudget(1), 1);
  EXPECT_EQ(plain(1).getFullBudget(1000000), 1);
  EXPECT_EQ(plain(1).getFullBudget(1000001), 2);
  EXPECT_EQ(plain(0).getFullBudget(1000), 0);
  EXPECT_EQ(plain(1000000).getFullBudget(12345), 12345);
  EXPECT_EQ(plain(999999).getFullBudget(int64_t(1) << 31), 2147481501); // 2147483648 - 2147.48
}

TEST(Budget, Clamped) {
  Tiering tiering; // 0.05, at least 128
  EXPECT_EQ(tiering.getFullBudget(0), 128);
  EXPECT_EQ(tiering.getFullBudget(2560), 128);
  EXPECT_EQ(tiering.getFullBudget(2561), 129); // 128.05
  tiering.fullMax = 130;
  EXPECT_EQ(tiering.getFullBudget(100000), 130);
  EXPECT_EQ(tiering.getMidBudget(100000), 0);
  tiering.mid = 200000;
  tiering.midMin = 3;
  tiering.midMax = 9;
  EXPECT_EQ(tiering.getMidBudget(1), 3);
  EXPECT_EQ(tiering.getMidBudget(26), 6); // 5.2
  EXPECT_EQ(tiering.getMidBudget(1000), 9);
}

TEST(Limit, BottomRight) {
  // M = 3, N = 10: with all keys the rows see 8, 9 and 10 of them.
  EXPECT_EQ(getLimit(10, 3, 10, 0), 8);
  EXPECT_EQ(getLimit(10, 3, 10, 2), 10);
  EXPECT_EQ(getLimit(4, 3, 10, 1), 3);
  // A sequence shorter than the rows: the first rows see nothing.
  EXPECT_EQ(getLimit(1, 3, 10, 0), 0);
  EXPECT_EQ(getLimit(1, 3, 10, 1), 0);
  EXPECT_EQ(getLimit(1, 3, 10, 2), 1);
  EXPECT_EQ(getLimit(12, 1, 10, 0), 10); // never more than N
}

//===----------------------------------------------------------------------===//
// calibrate
//===----------------------------------------------------------------------===//

TEST(Calibrate, FixedPointAlone) {
  Tiering tiering; // r = 2
  EXPECT_EQ(calibrate(distances(1, 1, {0, 3, 256}), {}, tiering).data,
            (std::vector<int16_t>{0, 12, 1024}));
  tiering.bitsFraction = 0;
  EXPECT_EQ(calibrate(distances(1, 1, {0, 3, 256}), {}, tiering).data,
            (std::vector<int16_t>{0, 3, 256}));
}

TEST(Calibrate, VotesWithRadius) {
  // radius 2: key 0 has the vote of head 0, key 1 of both, key 2 of head 1. Only key
  // 1 has more than one, and loses 4 (head 0) and 100 (head 1) quarter bits.
  Tiering tiering;
  tiering.voteThreshold = 1;
  RetrieveOperands operands;
  operands.radius = Tensor<int32_t>({1, 2, 1}, 2);
  operands.voteDiscount = Tensor<int16_t>({2}, {4, 100});
  Tensor<int16_t> d = distances(2, 1, {1, 2, 3, 3, 2, 1});
  EXPECT_EQ(calibrate(d, operands, tiering).data, (std::vector<int16_t>{4, 4, 12, 12, -92, 4}));
  // The radius is that of the head.
  operands.radius(0, 1, 0) = 1;
  EXPECT_EQ(calibrate(d, operands, tiering).data, (std::vector<int16_t>{4, 8, 12, 12, 8, 4}));
  // Without a discount nobody asks for votes.
  operands.voteDiscount = {};
  EXPECT_EQ(calibrate(d, operands, tiering).data, (std::vector<int16_t>{4, 8, 12, 12, 8, 4}));
}

TEST(Calibrate, DefaultThresholdIsAThirdOfTheHeads) {
  // Hc = 5: more than floor(5/3) = 1 vote. Key 0 has one, key 1 two.
  RetrieveOperands operands;
  operands.radius = Tensor<int32_t>({1, 5, 1}, 0);
  operands.voteDiscount = Tensor<int16_t>({5}, int16_t(1));
  Tensor<int16_t> result = calibrate(distances(5, 1, {0, 0, 9, 0, 9, 9, 9, 9, 9, 9}), operands, {});
  EXPECT_EQ(result(0, 4, 0, 0), 36);
  EXPECT_EQ(result(0, 4, 0, 1), 35);
}

TEST(Calibrate, Prior) {
  RetrieveOperands operands;
  operands.prior = Tensor<uint8_t>({1, 2}, {1, 0});
  operands.priorDiscount = Tensor<int16_t>({2}, {1, 30});
  EXPECT_EQ(calibrate(distances(2, 1, {1, 1, 2, 2}), operands, {}).data,
            (std::vector<int16_t>{3, 4, -22, 8}));
}

TEST(Calibrate, BothDiscountsAddUp) {
  RetrieveOperands operands;
  operands.prior = Tensor<uint8_t>({1, 1}, {1});
  operands.priorDiscount = Tensor<int16_t>({1}, {5});
  operands.voteDiscount = Tensor<int16_t>({1}, {3});
  operands.radius = Tensor<int32_t>({1, 1, 1}, 7);
  EXPECT_EQ(calibrate(distances(1, 1, {7}), operands, {}).data, (std::vector<int16_t>{28 - 3 - 5}));
  // i32 arithmetic, then truncation: -32767 - 32767 + 65536 = 2.
  operands.priorDiscount(0) = operands.voteDiscount(0) = 32767;
  EXPECT_EQ(calibrate(distances(1, 1, {0}), operands, {}).data, (std::vector<int16_t>{2}));
}

TEST(Calibrate, RadiusFromThePercentile) {
  // 3 keys are visible: k = ceil(0.5 * 3) = 2, the second smallest of 5, 1, 3 is 3.
  // Keys 1 and 2 are within it, and so is the invisible key 3.
  Tiering tiering;
  tiering.bitsFraction = 0;
  tiering.voteFraction = 500000;
  RetrieveOperands operands;
  operands.lengths = Tensor<int32_t>({1}, {3});
  operands.voteDiscount = Tensor<int16_t>({1}, {10});
  EXPECT_EQ(calibrate(distances(1, 1, {5, 1, 3, 0}), operands, tiering).data,
            (std::vector<int16_t>{5, -9, -7, -10}));
  // All four visible: the second smallest of 5, 1, 3, 0 is 1.
  operands.lengths = {};
  EXPECT_EQ(calibrate(distances(1, 1, {5, 1, 3, 0}), operands, tiering).data,
            (std::vector<int16_t>{5, -9, 3, -10}));
}

TEST(Calibrate, VoteFractionIsThatOfTheFullTier) {
  // full = 0.25 of 4 keys: the smallest. Neither minimum nor maximum count here.
  Tiering tiering = plain(250000);
  tiering.fullMin = 4;
  RetrieveOperands operands;
  operands.voteDiscount = Tensor<int16_t>({1}, {1});
  EXPECT_EQ(calibrate(distances(1, 1, {2, 1, 3, 1}), operands, tiering).data,
            (std::vector<int16_t>{8, 3, 12, 3}));
}

TEST(Calibrate, NobodyVotesInAnEmptyRow) {
  RetrieveOperands operands;
  operands.voteDiscount = Tensor<int16_t>({1}, {1});
  operands.lengths = Tensor<int32_t>({1}, {0});
  EXPECT_EQ(calibrate(distances(1, 1, {0, 1}), operands, {}).data, (std::vector<int16_t>{0, 4}));
}

TEST(Calibrate, RowsVoteApart) {
  // Row 0 sees 1 key, row 1 both: radii 4 and min(3, 3).
  Tiering tiering;
  tiering.bitsFraction = 0;
  tiering.voteFraction = 1;
  RetrieveOperands operands;
  operands.voteDiscount = Tensor<int16_t>({1}, {10});
  EXPECT_EQ(calibrate(distances(1, 2, {4, 3, 4, 3}), operands, tiering).data,
            (std::vector<int16_t>{-6, -7, 4, -7}));
}

//===----------------------------------------------------------------------===//
// select: order and ties
//===----------------------------------------------------------------------===//

// Five keys, three wanted (0.6 * 5): key 3 (distance 1), then two of 1, 2, 4.
TEST(Select, LowestIndex) {
  Selection s = selectOne(distances(1, 1, {5, 3, 3, 1, 3}), plain(600000, 200000));
  EXPECT_EQ(keysOf(s.full), (Ints{1, 2, 3}));
  EXPECT_EQ(s.full.threshold.data, (Ints{3}));
  EXPECT_EQ(keysOf(s.mid), (Ints{4}));
  EXPECT_EQ(s.mid.threshold.data, (Ints{3}));
  EXPECT_EQ(s.kept.data, (std::vector<uint8_t>{0, 1, 1, 1, 0}));
}

TEST(Select, Newest) {
  Tiering tiering = plain(600000, 200000);
  tiering.ties = Ties::Newest;
  Selection s = selectOne(distances(1, 1, {5, 3, 3, 1, 3}), tiering);
  EXPECT_EQ(keysOf(s.full), (Ints{2, 3, 4}));
  EXPECT_EQ(keysOf(s.mid), (Ints{1}));
}

TEST(Select, Inclusive) {
  Tiering tiering = plain(600000, 200000);
  tiering.ties = Ties::Inclusive;
  Selection s = selectOne(distances(1, 1, {5, 3, 3, 1, 3}), tiering);
  EXPECT_EQ(keysOf(s.full), (Ints{1, 2, 3, 4}));
  EXPECT_EQ(s.full.threshold.data, (Ints{3}));
  EXPECT_EQ(keysOf(s.mid), (Ints{0}));
  EXPECT_EQ(s.mid.threshold.data, (Ints{5}));
}

TEST(Select, InclusiveMidTakesItsTieClassToo) {
  // Full: one wanted, key 0. Mid: one wanted, keys 1 and 3 share distance 2.
  Tiering tiering = plain(200000, 200000);
  tiering.ties = Ties::Inclusive;
  Selection s = selectOne(distances(1, 1, {1, 2, 3, 2, 4}), tiering);
  EXPECT_EQ(keysOf(s.full), (Ints{0}));
  EXPECT_EQ(keysOf(s.mid), (Ints{1, 3}));
}

TEST(Select, NothingWanted) {
  for (Ties ties : {Ties::LowestIndex, Ties::Newest, Ties::Inclusive}) {
    Tiering tiering = plain(0);
    tiering.ties = ties;
    Selection s = selectOne(distances(1, 1, {1, 1}), tiering);
    EXPECT_EQ(keysOf(s.full), Ints());
    EXPECT_EQ(s.full.threshold.data, (Ints{kNone}));
    EXPECT_EQ(s.kept.data, (std::vector<uint8_t>{0, 0}));
    // A mid tier does not need a full one.
    tiering.mid = 1;
    s = selectOne(distances(1, 1, {1, -1}), tiering);
    EXPECT_EQ(keysOf(s.mid), (Ints{1}));
    EXPECT_EQ(s.mid.threshold.data, (Ints{-1}));
  }
}

TEST(Select, WantedIsCutToTheCandidates) {
  Tiering tiering = plain(0, 500000);
  tiering.fullMin = 2;
  Selection s = selectOne(distances(1, 1, {7, -7, 0}), tiering);
  EXPECT_EQ(keysOf(s.full), (Ints{1, 2}));
  EXPECT_EQ(s.full.threshold.data, (Ints{0}));
  EXPECT_EQ(keysOf(s.mid), (Ints{0})); // two wanted, one left
  tiering.fullMin = 100;
  s = selectOne(distances(1, 1, {7, -7, 0}), tiering);
  EXPECT_EQ(keysOf(s.full), (Ints{0, 1, 2}));
  EXPECT_EQ(keysOf(s.mid), Ints());
  EXPECT_EQ(s.mid.threshold.data, (Ints{kNone}));
}

//===----------------------------------------------------------------------===//
// select: forced keys, lengths, rows
//===----------------------------------------------------------------------===//

TEST(Select, SinksWindowAndForced) {
  // Eight keys: 0 is a sink, 6 and 7 the window, 3 forced. Of 1, 2, 4, 5 the budget
  // 0.125 * 8 = 1 takes key 5. The forced keys have the smallest distances and do not
  // count in the threshold.
  Tiering tiering = plain(125000);
  tiering.sinks = 1;
  tiering.window = 2;
  RetrieveOperands operands;
  operands.forced = Tensor<uint8_t>({1, 8});
  operands.forced(0, 3) = 1;
  Selection s = selectOne(distances(1, 1, {0, 9, 9, 0, 9, 4, 0, 0}), tiering, operands);
  EXPECT_EQ(keysOf(s.full), (Ints{0, 3, 5, 6, 7}));
  EXPECT_EQ(s.full.threshold.data, (Ints{4}));
}

TEST(Select, ForcedKeysDoNotUseTheBudget) {
  // A key that is forced in three ways is listed once.
  Tiering tiering = plain(500000);
  tiering.sinks = 4;
  tiering.window = 4;
  RetrieveOperands operands;
  operands.forced = Tensor<uint8_t>({1, 4}, uint8_t(1));
  Selection s = selectOne(distances(1, 1, {1, 2, 3, 4}), tiering, operands);
  EXPECT_EQ(keysOf(s.full), (Ints{0, 1, 2, 3}));
  EXPECT_EQ(s.full.threshold.data, (Ints{kNone}));
}

TEST(Select, Lengths) {
  // Three of five keys exist. The forced key 4 and the small distance of key 3 are
  // beyond them, the window is key 2.
  Tiering tiering = plain(300000); // ceil(0.9) = 1
  tiering.window = 1;
  RetrieveOperands operands;
  operands.lengths = Tensor<int32_t>({1}, {3});
  operands.forced = Tensor<uint8_t>({1, 5}, {0, 0, 0, 0, 1});
  Selection s = selectOne(distances(1, 1, {5, 4, 9, 0, 0}), tiering, operands);
  EXPECT_EQ(keysOf(s.full), (Ints{1, 2}));
  EXPECT_EQ(s.kept.data, (std::vector<uint8_t>{0, 1, 1, 0, 0}));
}

TEST(Select, RowsSeeMoreAndMore) {
  // M = 2, N = 4: row 0 sees three keys with window key 2, row 1 four with window
  // key 3; each takes its nearest besides.
  Tiering tiering = plain(250000);
  tiering.window = 1;
  Selection s = selectOne(distances(1, 2, {2, 1, 3, 0, 2, 3, 1, 4}), tiering);
  EXPECT_EQ(keysOf(s.full, 0, 0), (Ints{1, 2}));
  EXPECT_EQ(keysOf(s.full, 0, 1), (Ints{2, 3}));
  EXPECT_EQ(s.full.threshold.data, (Ints{1, 1}));
  EXPECT_EQ(s.kept.data, (std::vector<uint8_t>{0, 1, 1, 1})); // in some row
}

TEST(Select, EmptyRows) {
  // One key, three rows: the first two see none.
  Tiering tiering; // the defaults: 4 sinks, a window of 64, at least 128
  RetrieveOperands operands;
  operands.lengths = Tensor<int32_t>({1}, {1});
  operands.forced = Tensor<uint8_t>({1, 2}, uint8_t(1));
  Selection s = selectOne(distances(1, 3, {0, 0, 0, 0, 0, 0}), tiering, operands);
  EXPECT_EQ(s.full.counts.data, (Ints{0, 0, 1}));
  EXPECT_EQ(s.full.indices.data, (Ints{-1, -1, -1, -1, 0, -1}));
  EXPECT_EQ(s.full.threshold.data, (Ints{kNone, kNone, kNone}));
  EXPECT_EQ(s.kept.data, (std::vector<uint8_t>{1, 0}));
}

TEST(Select, NoKeysAtAll) {
  Selection s = select(Tensor<int16_t>({1, 1, 1, 0}), 1, 2, 0, {}, {});
  EXPECT_EQ(s.full.counts.data, (Ints{0}));
  EXPECT_EQ(s.full.indices.data, (Ints{-1, -1}));
  EXPECT_TRUE(s.kept.data.empty());
}

//===----------------------------------------------------------------------===//
// select: scopes, capacity, kept
//===----------------------------------------------------------------------===//

TEST(Select, Scopes) {
  // Four code heads, three keys, one wanted. Heads 0 + 1: 5, 4, 9 and heads 2 + 3:
  // 10, 8, -2.
  Tensor<int16_t> d = distances(4, 1, {0, 4, 9, 5, 0, 0, 1, 4, 9, 9, 4, -11});
  Tiering tiering = plain(1);
  Selection group = select(d, 2, 3, 3, {}, tiering);
  EXPECT_EQ(keysOf(group.full, 0), (Ints{1}));
  EXPECT_EQ(keysOf(group.full, 1), (Ints{2}));
  EXPECT_EQ(group.full.threshold.data, (Ints{4, -2}));
  tiering.scope = Scope::Head;
  Selection head = select(d, 4, 3, 3, {}, tiering);
  EXPECT_EQ(keysOf(head.full, 0), (Ints{0}));
  EXPECT_EQ(keysOf(head.full, 1), (Ints{1})); // 1 and 2 tie
  EXPECT_EQ(keysOf(head.full, 2), (Ints{0}));
  EXPECT_EQ(keysOf(head.full, 3), (Ints{2}));
  EXPECT_EQ(head.full.threshold.data, (Ints{0, 0, 1, -11}));
}

TEST(Select, SumsAreWide) {
  // 32767 + 32767 and -32768 - 32768 leave 16 bits.
  Selection s =
      select(distances(2, 1, {32767, -32768, 32767, -32768}), 1, 2, 2, {}, plain(500000, 500000));
  EXPECT_EQ(s.full.threshold.data, (Ints{-65536}));
  EXPECT_EQ(s.mid.threshold.data, (Ints{65534}));
}

TEST(Select, ListsAreCutToTheirCapacity) {
  // Four keys enter, two fit: the lowest indices, whatever their distance. The
  // threshold is that of the tier; kept follows the list.
  Selection s = select(distances(1, 1, {4, 9, 3, 2, 1}), 1, 2, 0, {}, plain(800000, 200000));
  EXPECT_EQ(keysOf(s.full), (Ints{0, 2}));
  EXPECT_EQ(s.full.threshold.data, (Ints{4}));
  EXPECT_EQ(s.kept.data, (std::vector<uint8_t>{1, 0, 1, 0, 0}));
  EXPECT_EQ(s.mid.counts.data, (Ints{0}));
  EXPECT_EQ(s.mid.threshold.data, (Ints{9}));
}

TEST(Select, KeptVotes) {
  // Two list heads take keys {0} and {1} in row 0, {1} and {1} in row 1. Rows of one
  // head count once.
  Tensor<int16_t> d = distances(2, 2, {0, 1, 9, 1, 0, 9, 1, 0, 9, 1, 0, 9});
  Tiering tiering = plain(1);
  EXPECT_EQ(select(d, 2, 3, 3, {}, tiering).kept.data, (std::vector<uint8_t>{1, 1, 0}));
  tiering.keptVotes = 2;
  EXPECT_EQ(select(d, 2, 3, 3, {}, tiering).kept.data, (std::vector<uint8_t>{0, 1, 0}));
  tiering.keptVotes = 3;
  EXPECT_EQ(select(d, 2, 3, 3, {}, tiering).kept.data, (std::vector<uint8_t>{0, 0, 0}));
}

TEST(Select, BatchesAreApart) {
  RetrieveOperands operands;
  operands.lengths = Tensor<int32_t>({2}, {1, 3});
  operands.forced = Tensor<uint8_t>({2, 3}, {0, 0, 0, 0, 0, 1});
  Tensor<int16_t> d({2, 1, 1, 3}, {5, 1, 1, 7, 2, 9});
  Selection s = select(d, 1, 3, 3, operands, plain(300000));
  EXPECT_EQ(s.full.counts.data, (Ints{1, 2}));
  EXPECT_EQ(s.full.indices.data, (Ints{0, -1, -1, 1, 2, -1}));
  EXPECT_EQ(s.full.threshold.data, (Ints{5, 2}));
  EXPECT_EQ(s.kept.data, (std::vector<uint8_t>{1, 0, 0, 0, 1, 1}));
}

//===----------------------------------------------------------------------===//
// retrieve
//===----------------------------------------------------------------------===//

// Keys 0x00, 0x01, 0x03, 0x0f and the query 0x0f: distances 4, 3, 2, 0; half of the
// keys enter.
TEST(Retrieve, Packed) {
  Tensor<int8_t> q({1, 1, 1, 1}, {0x0f}), k({1, 1, 4, 1}, {0, 1, 3, 0x0f});
  Selection s = retrieve(q, k, 4, 4, {}, plain(500000));
  EXPECT_EQ(keysOf(s.full), (Ints{2, 3}));
  EXPECT_EQ(s.full.threshold.data, (Ints{8})); // 2 bits in quarters
}

TEST(Retrieve, WeightedWithPrior) {
  // Weights 7 on bit 0, 1 on bit 1: distances 8, 1, 0, 7 in quarters 32, 4, 0, 28.
  // The prior takes 29 from key 3.
  Tensor<int8_t> q({1, 1, 1, 8}), k({1, 1, 4, 1}, {0, 1, 3, 2});
  q(0, 0, 0, 0) = 7;
  q(0, 0, 0, 1) = 1;
  RetrieveOperands operands;
  operands.prior = Tensor<uint8_t>({1, 4}, {0, 0, 0, 1});
  operands.priorDiscount = Tensor<int16_t>({1}, {29});
  Selection s = retrieve(q, k, 4, 4, operands, plain(250000, 250000));
  EXPECT_EQ(keysOf(s.full), (Ints{3}));
  EXPECT_EQ(s.full.threshold.data, (Ints{-1}));
  EXPECT_EQ(keysOf(s.mid), (Ints{2}));
}

TEST(Retrieve, ScopesAndVotes) {
  // Two code heads 0x00 and 0xff on one KV head; keys 0x00, 0x0f, 0xff: distances
  // 0 4 8 and 8 4 0, sums 8 8 8. With radius 4 only key 1 has two votes.
  Tensor<int8_t> q({1, 2, 1, 1}, {0, -1}), k({1, 1, 3, 1}, {0, 0x0f, -1});
  Tiering tiering = plain(1);
  EXPECT_EQ(keysOf(retrieve(q, k, 3, 3, {}, tiering).full), (Ints{0}));
  RetrieveOperands operands;
  operands.radius = Tensor<int32_t>({1, 2, 1}, 4);
  operands.voteDiscount = Tensor<int16_t>({2}, {1, 2});
  tiering.voteThreshold = 1;
  Selection s = retrieve(q, k, 3, 3, operands, tiering);
  EXPECT_EQ(keysOf(s.full), (Ints{1}));
  EXPECT_EQ(s.full.threshold.data, (Ints{29})); // 8 << 2 less 1 and 2
  tiering.scope = Scope::Head;
  s = retrieve(q, k, 3, 3, operands, tiering);
  EXPECT_EQ(keysOf(s.full, 0), (Ints{0}));
  EXPECT_EQ(keysOf(s.full, 1), (Ints{2}));
}
