//===- CompareTest.cpp - The comparator accepts and, above all, refuses ----===//
#include "Compare.h"
#include <gtest/gtest.h>
#include <random>

using dashkv::testing::compare;
using dashkv::testing::Tolerance;

namespace {
/// 20 rows of 8 numbers over ten binades.
std::vector<float> makeData() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> data;
  for (int i = 0; i < 160; ++i)
    data.push_back(std::ldexp(normal(random), static_cast<int>(random() % 10) - 5));
  return data;
}
bool accepts(const std::vector<float> &actual, const std::vector<float> &expected,
             Tolerance tolerance = {}) {
  auto result = compare(actual, expected, 8, tolerance);
  EXPECT_EQ(result.equal, result.message.empty());
  return result.equal;
}
} // namespace

TEST(Compare, AcceptsEqualAndRounded) {
  std::vector<float> expected = makeData(), actual = expected;
  EXPECT_TRUE(accepts(actual, expected));
  for (float &x : actual)
    x *= 1 + 1e-6f;
  EXPECT_TRUE(accepts(actual, expected));
  EXPECT_TRUE(accepts({}, {}));
  EXPECT_TRUE(accepts({3}, {3}));
}

TEST(Compare, RefusesASignFlip) {
  std::vector<float> expected = makeData(), actual = expected;
  actual[37] = -actual[37];
  EXPECT_FALSE(accepts(actual, expected));
}

TEST(Compare, RefusesOneWrongElement) {
  std::vector<float> expected = makeData();
  for (size_t i = 0; i < expected.size(); ++i) {
    std::vector<float> actual = expected;
    float largest = 0;
    for (size_t j = i / 8 * 8; j < i / 8 * 8 + 8; ++j)
      largest = std::max(largest, std::fabs(expected[j]));
    actual[i] += 2e-5f * largest;
    EXPECT_FALSE(accepts(actual, expected)) << i;
  }
}

TEST(Compare, RefusesShifts) {
  std::vector<float> expected = makeData(), actual = expected;
  std::rotate(actual.begin(), actual.begin() + 1, actual.end());
  EXPECT_FALSE(accepts(actual, expected));
  actual = expected;
  std::rotate(actual.begin(), actual.begin() + 8, actual.end());
  EXPECT_FALSE(accepts(actual, expected));
}

TEST(Compare, RefusesAWrongFactorAndZeros) {
  std::vector<float> expected = makeData(), actual = expected;
  for (float &x : actual)
    x *= 1 + 0x1p-10f;
  EXPECT_FALSE(accepts(actual, expected));
  EXPECT_FALSE(accepts(std::vector<float>(160), expected));
}

TEST(Compare, RefusesAnythingInARowOfZeros) {
  std::vector<float> expected = makeData(), actual;
  std::fill(expected.begin() + 8, expected.begin() + 16, 0);
  actual = expected;
  EXPECT_TRUE(accepts(actual, expected));
  actual[9] = 1e-30f;
  EXPECT_FALSE(accepts(actual, expected));
}

TEST(Compare, RefusesOtherNaNAndInfinity) {
  std::vector<float> expected = makeData(), actual = expected;
  actual[5] = NAN;
  EXPECT_FALSE(accepts(actual, expected));
  EXPECT_FALSE(accepts(expected, actual));
  expected[5] = NAN;
  EXPECT_TRUE(accepts(actual, expected));
  expected[5] = actual[5] = -INFINITY;
  EXPECT_TRUE(accepts(actual, expected));
  actual[5] = INFINITY;
  EXPECT_FALSE(accepts(actual, expected));
  actual[5] = -3e38f;
  EXPECT_FALSE(accepts(actual, expected));
}

TEST(Compare, RefusesOtherSizes) { EXPECT_FALSE(accepts({1, 2}, {1, 2, 3})); }

// A tolerance wide enough for every element does not hide unrelated data.
TEST(Compare, RefusesUncorrelatedData) {
  std::vector<float> expected, actual;
  std::mt19937 random(2);
  std::uniform_real_distribution<float> uniform(0.9f, 1.1f);
  for (int i = 0; i < 160; ++i) {
    expected.push_back(uniform(random));
    actual.push_back(uniform(random));
  }
  Tolerance wide;
  wide.relative = 1;
  EXPECT_FALSE(accepts(actual, expected, wide));
  // Constants have no correlation that could be asked for.
  EXPECT_TRUE(accepts(std::vector<float>(160, 1.0f), std::vector<float>(160, 1.0f), wide));
  EXPECT_FALSE(accepts(std::vector<float>(160, 1.0f), expected, wide));
}

TEST(Compare, NarrowTypesMayRound) {
  std::vector<float> expected = makeData(), actual = expected;
  Tolerance half;
  half.rounding = 0x1p-11;
  half.smallest = 0x1p-25;
  for (float &x : actual)
    x *= 1 + 0x1p-12f;
  EXPECT_TRUE(accepts(actual, expected, half));
  EXPECT_FALSE(accepts(actual, expected));
  for (float &x : actual)
    x *= 1 + 0x1p-10f;
  EXPECT_FALSE(accepts(actual, expected, half));
}

TEST(Compare, SlackIsPerRow) {
  std::vector<float> expected = makeData(), actual = expected;
  actual[8] *= 1.001f;
  std::vector<double> slack(20);
  EXPECT_FALSE(compare(actual, expected, 8, {}, slack).equal);
  slack[1] = 1e-3;
  EXPECT_TRUE(compare(actual, expected, 8, {}, slack).equal);
  actual[0] *= 1.001f;
  actual[3] *= 1.001f;
  EXPECT_FALSE(compare(actual, expected, 8, {}, slack).equal);
}
