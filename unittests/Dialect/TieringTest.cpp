//===- TieringTest.cpp - Budgets and text of #dashkv.tiering --------------===//
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/IR/MLIRContext.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::dashkv;

namespace {
class TieringTest : public testing::Test {
protected:
  TieringTest() { context.loadDialect<DashKVDialect>(); }

  TieringAttr parse(StringRef text) {
    FailureOr<TieringAttr> result = TieringAttr::parseText(&context, text, error);
    EXPECT_TRUE(succeeded(result)) << error;
    return *result;
  }
  std::string parseError(StringRef text) {
    EXPECT_TRUE(failed(TieringAttr::parseText(&context, text, error)));
    return error;
  }

  MLIRContext context;
  std::string error;
};
} // namespace

TEST_F(TieringTest, BudgetsAreCeilings) {
  TieringAttr seven = parse("full=7%,full_min=0");
  EXPECT_EQ(seven.getFullBudget(0), 0);
  EXPECT_EQ(seven.getFullBudget(1), 1);
  // In floating point 0.07 * 100 is more than 7.
  EXPECT_EQ(seven.getFullBudget(100), 7);
  EXPECT_EQ(seven.getFullBudget(101), 8);
  EXPECT_EQ(seven.getFullBudget(1000000), 70000);
}

TEST_F(TieringTest, BudgetsAreClamped) {
  TieringAttr tiering = parse("full=0.05,full_min=128,full_max=200,mid=0.1,mid_min=3,mid_max=5");
  EXPECT_EQ(tiering.getFullBudget(10), 128);
  EXPECT_EQ(tiering.getFullBudget(3000), 150);
  EXPECT_EQ(tiering.getFullBudget(100000), 200);
  EXPECT_EQ(tiering.getMidBudget(0), 3);
  EXPECT_EQ(tiering.getMidBudget(35), 4);
  EXPECT_EQ(tiering.getMidBudget(1000), 5);
}

TEST_F(TieringTest, CapacitiesHoldEveryList) {
  TieringAttr tiering = parse("full=0.25,full_min=0,mid=0.5,sinks=2,window=3");
  EXPECT_EQ(tiering.getFullCapacity(16, /*hasForced=*/false), 2 + 3 + 4);
  EXPECT_EQ(tiering.getFullCapacity(4, /*hasForced=*/false), 4);
  EXPECT_EQ(tiering.getFullCapacity(16, /*hasForced=*/true), 16);
  EXPECT_EQ(tiering.getMidCapacity(16), 8);
  TieringAttr inclusive = parse("full=0.25,full_min=0,mid=0.5,ties=inclusive");
  EXPECT_EQ(inclusive.getFullCapacity(16, /*hasForced=*/false), 16);
  EXPECT_EQ(inclusive.getMidCapacity(16), 16);
  // More keys than lengths count do not overflow.
  constexpr int64_t most = std::numeric_limits<int64_t>::max();
  EXPECT_GT(parse("full=1.0,full_min=2147483647,window=2147483647").getFullCapacity(most, false),
            0);
}

TEST_F(TieringTest, DefaultsFollowOtherFields) {
  TieringAttr tiering = parse("full=0.02");
  EXPECT_EQ(tiering.getVoteThresholdFor(/*codeHeads=*/8), 2);
  EXPECT_EQ(tiering.getVoteFractionOrFull(), 20000);
  EXPECT_FALSE(tiering.hasMid());
  EXPECT_TRUE(parse("mid_min=1").hasMid());
  EXPECT_EQ(parse("vote_threshold=0").getVoteThresholdFor(8), 0);
  EXPECT_EQ(parse("vote_fraction=0").getVoteFractionOrFull(), 0);
}

TEST_F(TieringTest, TextIsThatOfCommandLines) {
  EXPECT_EQ(parse(""), TieringAttr::getDefault(&context));
  EXPECT_EQ(parse("full=5%, full_min=128, scope=group, ties=lowest_index"),
            TieringAttr::getDefault(&context));
  EXPECT_EQ(parse("full=2%"), parse("full=0.02"));
  EXPECT_EQ(parse("full=100%").getFull(), 1000000);
  EXPECT_EQ(parse("scope=head").getScope(), Scope::Head);
  EXPECT_EQ(parse("ties=newest").getTies(), Ties::Newest);
  EXPECT_EQ(parseError("full=1%,full=2%"), "expected each field once, but got 'full' again");
  EXPECT_EQ(parseError("full=101%"), "expected a fraction in [0, 1] for full, but got '101%'");
  EXPECT_EQ(parseError("kept_votes=0"), "expected kept_votes >= 1 and below 2^31, but got 0");
}

// Text cannot hold such fractions; code can.
TEST_F(TieringTest, FractionsAreChecked) {
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    error = diagnostic.str();
    return success();
  });
  auto make = [&](int64_t full, int64_t mid, int64_t voteFraction) {
    error.clear();
    TieringAttr d = TieringAttr::getDefault(&context);
    return TieringAttr::getChecked([&] { return emitError(UnknownLoc::get(&context)); }, &context,
                                   full, d.getFullMin(), d.getFullMax(), mid, d.getMidMin(),
                                   d.getMidMax(), d.getSinks(), d.getWindow(), d.getScope(),
                                   d.getTies(), d.getBitsFraction(), d.getVoteThreshold(),
                                   voteFraction, d.getDenseBelow(), d.getKeptVotes());
  };
  EXPECT_TRUE(make(0, 1000000, TieringAttr::none));
  for (auto [full, mid, voteFraction] : {std::tuple(-1, 0, 0), {0, 1000001, 0}, {0, 0, -2}}) {
    EXPECT_FALSE(make(full, mid, voteFraction));
    EXPECT_EQ(error, "expected fractions in [0, 1]");
  }
}
