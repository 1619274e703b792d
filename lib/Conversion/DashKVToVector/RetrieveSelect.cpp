//===- RetrieveSelect.cpp - Lists in index order --------------------------===//
//
// One pass over words of 64 keys: compares make the words, ranks among the ties cut
// them, and indices are written by counting trailing zeros, four at a time whether
// there are so many or not, which spares a branch that is hard to predict.
//
//===----------------------------------------------------------------------===//
#include "Selection.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;
using Values = VectorBuilder::Values;

/// The bits of `ties` whose rank is within `range`, where the lowest one's rank is
/// `rank` and the one after the last is `next`.
static Value cutTies(VectorBuilder &b, Value ties, Value rank, Value next, const TieRange &range) {
  Value none = b.constant(ties.getType(), 0);
  Value isInside = b.band(b.cmp(CmpIPredicate::sge, rank, range.begin),
                          b.cmp(CmpIPredicate::sle, next, range.end));
  Value isOutside = b.bor(b.cmp(CmpIPredicate::sle, next, range.begin),
                          b.cmp(CmpIPredicate::sge, rank, range.end));
  auto whole = [&] { return Values{b.select(isInside, ties, none)}; };
  auto some = [&] { // of one word or two in a row
    Values result = b.whileLoop(
        {ties, rank, none}, [&](ValueRange c) { return b.cmp(CmpIPredicate::ne, c[0], none); },
        [&](ValueRange c) {
          Value rest = b.band(c[0], b.sub(c[0], 1)), lowest = b.bxor(c[0], rest);
          Value isWanted = b.band(b.cmp(CmpIPredicate::sge, c[1], range.begin),
                                  b.cmp(CmpIPredicate::slt, c[1], range.end));
          return Values{rest, b.add(c[1], 1), b.bor(c[2], b.select(isWanted, lowest, none))};
        });
    return Values{result[2]};
  };
  return b.branch(b.bor(isInside, isOutside), whole, some)[0];
}

/// Appends the keys of `word`, the first of which is `key`, at `length` of the
/// list, as far as they fit; returns the new length. A list has no slack: what is
/// written past its keys stays within it.
static Value append(VectorBuilder &b, const ListOut &list, Value capacity, Value length, Value word,
                    Value key) {
  constexpr int64_t kUnconditional = 4;
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  Value none = b.constant(i64, 0);
  auto store = [&](Value word, Value at) {
    Value lowest = math::CountTrailingZerosOp::create(b, word);
    SmallVector<Value> indices = list.row;
    indices.push_back(at);
    b.store(b.add(key, b.castU(lowest, i32)), list.indices, indices);
    return b.band(word, b.sub(word, 1));
  };
  auto isLeft = [&](Value word) { return b.cmp(CmpIPredicate::ne, word, none); };
  Value next = b.add(length, b.castU(countBits(b, word), b.getIndexType()));
  auto fast = [&] {
    auto storeSome = [&](Value word, Value at) {
      for (int64_t i = 0; i < kUnconditional; ++i)
        word = store(word, b.add(at, i));
      return Values{word, b.add(at, kUnconditional)};
    };
    b.whileLoop(
        storeSome(word, length), [&](ValueRange c) { return isLeft(c[0]); },
        [&](ValueRange c) { return storeSome(c[0], c[1]); });
    return Values{next};
  };
  auto careful = [&] {
    Values result = b.whileLoop(
        {word, length},
        [&](ValueRange c) {
          return b.band(isLeft(c[0]), b.cmp(CmpIPredicate::ult, c[1], capacity));
        },
        [&](ValueRange c) { return Values{store(c[0], c[1]), b.add(c[1], 1)}; });
    return Values{result[1]};
  };
  Value fits = b.cmp(CmpIPredicate::ule, b.add(next, kUnconditional), capacity);
  return b.branch(fits, fast, careful)[0];
}

/// Fills a list from `length` on.
static void pad(VectorBuilder &b, const ListOut &list, Value capacity, Value length) {
  Value none = b.constant(b.getI32Type(), -1);
  b.loop(length, capacity, b.index(1), [&](Value at) {
    SmallVector<Value> indices = list.row;
    indices.push_back(at);
    b.store(none, list.indices, indices);
  });
}

SmallVector<Value> Selection::emit(VectorBuilder &b, KeyOrder &order) const {
  Type i32 = b.getI32Type();
  auto splat = [&](const KeyOrder::Classes &thresholds) {
    return order.splat(thresholds, kBlockKeys);
  };
  auto fullBelow = splat(fullCut.below), fullUpTo = splat(fullCut.upTo);
  KeyOrder::Classes midBelow, midUpTo;
  Value fullCapacity = b.dim(full.indices, 3), midCapacity, zero = b.index(0);
  // Lengths, and ties seen.
  Values init = {zero, b.constant(i32, 0)};
  if (mid) {
    midBelow = splat(midCut.below);
    midUpTo = splat(midCut.upTo);
    midCapacity = b.dim(mid->indices, 3);
    init.append({zero, b.constant(i32, 0)});
  }
  Values carried = b.loop(zero, blocks, b.index(1), init, [&](Value block, ValueRange carried) {
    KeyOrder::Keys keys = order.load(block, 0, kBlockKeys);
    auto above = [&](const KeyOrder::Classes &thresholds) {
      return b.bitsOf(order.isAbove(keys, thresholds));
    };
    Value all = b.constant(b.getI64Type(), -1);
    auto without = [&](Value a, Value b1) { return b.band(a, b.bxor(b1, all)); };
    auto countTies = [&](Value rank, Value ties) {
      return b.add(rank, b.castU(countBits(b, ties), i32));
    };
    Value key = b.castU(b.mul(block, kBlockKeys), i32);

    Value notBefore = above(fullBelow), after = above(fullUpTo);
    Value ties = without(notBefore, after), next = countTies(carried[1], ties);
    Value word = b.bor(b.bxor(notBefore, all), b.load(forced, block));
    word = b.bor(word, cutTies(b, ties, carried[1], next, fullTies));
    Values result = {append(b, full, fullCapacity, carried[0], word, key), next};
    if (mid) {
      Value notBeforeLast = above(midBelow), afterLast = above(midUpTo);
      Value lastTies = without(notBeforeLast, afterLast);
      Value nextLast = countTies(carried[3], lastTies);
      word = without(after, notBeforeLast);
      word = b.bor(word, cutTies(b, ties, carried[1], next, midFirstTies));
      word = b.bor(word, cutTies(b, lastTies, carried[3], nextLast, midLastTies));
      result.append({append(b, *mid, midCapacity, carried[2], word, key), nextLast});
    }
    return result;
  });
  pad(b, full, fullCapacity, carried[0]);
  SmallVector<Value> lengths = {b.castU(carried[0], i32)};
  if (mid) {
    pad(b, *mid, midCapacity, carried[2]);
    lengths.push_back(b.castU(carried[2], i32));
  }
  return lengths;
}
