//===- RetrieveWide.cpp - Votes and distances of 16 bits ------------------===//
#include "RetrieveKernel.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

/// A word of 64 flags as a mask.
static Value getMask(VectorBuilder &b, Value word) {
  return b.bitcast(b.splat(word, 1), b.vec(kBlockKeys, b.getI1Type()));
}

/// Vectors of parts of a block as one.
static Value join(VectorBuilder &b, ArrayRef<Value> parts) {
  if (parts.size() == 1)
    return parts[0];
  SmallVector<int64_t> lanes;
  for (int64_t lane = 0; lane < kBlockKeys; ++lane)
    lanes.push_back(lane);
  return b.shuffle(parts[0], parts[1], lanes);
}

//===----------------------------------------------------------------------===//
// Distances of 32 bits
//===----------------------------------------------------------------------===//

void RetrieveKernel::scanWide(const Task &task, Value m, Value head, int64_t heads, bool isFinal) {
  // Head by head, each exact in a byte: a code of 256 bits in two halves.
  Value zero = b.index(0);
  auto wide = b.vec(kBlockKeys, b.getI32Type()), narrow = b.vec(kBlockKeys, b.getI16Type());
  struct Discount {
    Value words, begin, amounts;
  };
  SmallVector<Discount> discounts;
  if (isFinal && op.getPrior())
    discounts.push_back({priorWords, zero, op.getPriorDiscount()});
  if (isFinal && op.getVoteDiscount())
    discounts.push_back(
        {voteWords, b.mul(b.sub(m, task.firstRow), numBlocks), op.getVoteDiscount()});
  b.loop(b.index(heads), [&](Value h) {
    Value current = b.add(head, h), isFirst = b.cmp(CmpIPredicate::eq, h, zero);
    headScan->buildTables(task.batch, current, m, zero, 0);
    auto calibrate = [&](Value block, Value distance) {
      distance = b.shl(distance, tiering.getBitsFraction());
      for (const Discount &discount : discounts) {
        Value amount = b.castS(b.load(discount.amounts, current), wide.getElementType());
        Value mask = getMask(b, b.load(discount.words, b.add(discount.begin, block)));
        distance =
            b.sub(distance, b.select(mask, b.splat(amount, kBlockKeys), b.constant(wide, 0)));
      }
      // Of one head it is an i16.
      return discounts.empty() ? distance : b.castS(b.castU(distance, narrow), wide);
    };
    forSources(task, [&](const CodeBlocks &blocks) {
      headScan->scan(blocks, zero, {},
                     [&](Value block, const CodeScan::Distances &sums, ValueRange) {
                       Value at = b.mul(block, kBlockKeys), distance = b.constant(wide, 0);
                       for (const SmallVector<Value> &half : sums)
                         distance = b.add(distance, b.castU(join(b, half), wide));
                       if (isFinal)
                         distance = calibrate(block, distance);
                       Value before = b.loadVector(wideElements, at, kBlockKeys);
                       before = b.select(isFirst, b.constant(wide, 0), before);
                       b.storeVector(b.add(before, distance), wideElements, at);
                       return Values();
                     });
    });
  });
}

RetrieveKernel::Tiers RetrieveKernel::findTiersWide(const Task &task, const Row &row,
                                                    const KeyOrder &narrow) {
  Type i8 = b.getI8Type(), i32 = b.getI32Type();
  scanWide(task, row.m, getHead(task, row.list), shape.heads, /*isFinal=*/true);
  KeyOrder order(b, {wideElements, b.index(0)}, {b.constant(i32, 0), 0, 0}, {}, shape.vectorBytes);
  raiseOthers(task, row, order);
  // With discounts, those of one head are any i16.
  int64_t low = guesses ? 0 : -32768;
  int64_t high = guesses ? shape.form.getMaxDistance() << tiering.getBitsFraction() : 32767;
  Value isUncertain;
  Tiers tiers = findTiers(task, row, order, b.constant(i32, low * shape.heads),
                          b.constant(i32, high * shape.heads), {}, isUncertain);
  // Bytes in the order of the tiers take the place of distances: 0 before the full
  // tier's last distance and 1 at it, 2 before the mid tier's and 3 at it.
  SmallVector<KeyOrder::Classes *> cuts = {&tiers.fullCut.below, &tiers.fullCut.upTo};
  if (op.getMidIndices())
    cuts.append({&tiers.midCut.below, &tiers.midCut.upTo});
  SmallVector<KeyOrder::Classes> thresholds;
  for (KeyOrder::Classes *cut : cuts)
    thresholds.push_back(order.splat(*cut, kBlockKeys));
  b.loop(task.blocks, [&](Value block) {
    KeyOrder::Keys keys = order.load(block, 0, kBlockKeys);
    auto byte = [&](int64_t value) { return b.constant(b.bytes(kBlockKeys), value); };
    auto choose = [&](size_t cut, Value above, Value upTo) {
      return b.select(order.isAbove(keys, thresholds[cut]), above, upTo);
    };
    Value after =
        op.getMidIndices() ? choose(3, byte(255), choose(2, byte(3), byte(2))) : byte(255);
    Value element = choose(1, after, choose(0, byte(1), byte(0)));
    b.storeVector(element, narrow.row.elements, b.add(narrow.row.begin, b.mul(block, kBlockKeys)));
  });
  for (auto [i, cut] : llvm::enumerate(cuts))
    cut->assign(narrow.getNumClasses(), b.constant(i8, int64_t(i + 1)));
  return tiers;
}

//===----------------------------------------------------------------------===//
// Votes
//===----------------------------------------------------------------------===//

void RetrieveKernel::emitVotes(Value batch, Value firstRow, Value endRow) {
  Value zero = b.index(0), one = b.index(1);
  auto type = b.bytes(kBlockKeys);
  auto forBlocks = [&](Value blocks, function_ref<void(Value block, Value at)> body) {
    b.loop(blocks, [&](Value block) { body(block, b.mul(block, kBlockKeys)); });
  };
  b.loop(firstRow, endRow, one, [&](Value m) {
    forBlocks(numBlocks,
              [&](Value, Value at) { b.storeVector(b.constant(type, 0), voteCounts, at); });
    Value limit = getLimit(batch, m);
    b.loop(b.dim(op.getKeyCodes(), 1), [&](Value kvHead) {
      Task task = {batch, kvHead, zero, m, b.add(m, 1), {}, {}, {}, {}};
      prepare(task);
      b.loop(b.index(codeHeads), [&](Value h) {
        Value head = b.add(b.mul(kvHead, codeHeads), h);
        if (headScan->shape.halves) {
          scanWide(task, m, head, 1, /*isFinal=*/false);
          return countVotes(task, m, head, limit, {wideElements, zero});
        }
        headScan->buildTables(batch, head, m, zero, 0);
        forSources(task, [&](const CodeBlocks &blocks) {
          headScan->scan(blocks, zero, {},
                         [&](Value block, const CodeScan::Distances &sums, ValueRange) {
                           b.storeVector(join(b, sums[0]), bytes, b.mul(block, kBlockKeys));
                           return Values();
                         });
        });
        countVotes(task, m, head, limit, {bytes, zero});
      });
    });
    int64_t enough =
        tiering.getVoteThresholdFor(cast<ShapedType>(op.getQueryCodes().getType()).getDimSize(1));
    Value threshold = b.constant(type, std::min<int64_t>(enough, 255));
    Value begin = b.mul(b.sub(m, firstRow), numBlocks);
    forBlocks(numBlocks, [&](Value block, Value at) {
      Value votes = b.loadVector(voteCounts, at, kBlockKeys);
      Value word = b.bitsOf(b.cmp(CmpIPredicate::ugt, votes, threshold));
      b.store(word, voteWords, b.add(begin, block));
    });
  });
}

void RetrieveKernel::countVotes(const Task &task, Value m, Value head, Value limit, KeyRow keys) {
  Type i32 = b.getI32Type();
  KeyOrder order(b, keys, {b.constant(i32, 0), 0, 0}, {}, shape.vectorBytes);
  Value radius;
  if (op.getRadius()) {
    radius = b.load(op.getRadius(), {task.batch, head, m});
  } else {
    // The place of the percentile among the visible keys.
    b.when(b.cmp(CmpIPredicate::ne, task.blocks, b.index(0)), [&] {
      Value at = b.mul(b.sub(task.blocks, 1), kBlockKeys);
      Value visible =
          lowBits(b, b.castU(b.sub(b.castU(limit, b.getIndexType()), at), b.getI64Type()));
      Value elements = b.loadVector(keys.elements, at, kBlockKeys);
      Value highest = b.constant(elements.getType(), keys.isWide() ? keys.highest() : -1);
      b.storeVector(b.select(getMask(b, visible), elements, highest), keys.elements, at);
    });
    Value wanted =
        b.castU(getBudget(limit, tiering.getVoteFractionOrFull(), 0, TieringAttr::none), i32);
    Value low = b.constant(i32, 0), high = b.constant(i32, shape.form.getMaxDistance());
    Value place = order.findPlace(task.blocks, wanted, low, high, limit).value;
    Value isNone = b.cmp(CmpIPredicate::eq, wanted, b.constant(i32, 0));
    radius = b.select(isNone, b.constant(i32, -1), place);
  }
  radius = b.minS(b.maxS(radius, b.constant(i32, -1)), b.constant(i32, keys.highest() - 1));
  KeyOrder::Classes threshold = order.splat(order.getThresholds(radius), kBlockKeys);
  b.loop(task.blocks, [&](Value block) {
    Value at = b.mul(block, kBlockKeys);
    Value above = order.isAbove(order.load(block, 0, kBlockKeys), threshold);
    Value votes = b.loadVector(voteCounts, at, kBlockKeys);
    Value within = b.castU(above, votes.getType());
    Value one = b.constant(votes.getType(), 1);
    b.storeVector(b.add(votes, b.sub(one, within)), voteCounts, at);
  });
}

//===----------------------------------------------------------------------===//
// Keys that enough lists hold
//===----------------------------------------------------------------------===//

void RetrieveKernel::emitKept(Value batch) {
  Type i8 = b.getI8Type(), index = b.getIndexType();
  auto type = b.bytes(kBlockKeys);
  b.loop(numBlocks, [&](Value block) {
    for (Value buffer : {keptCounts, keptHeads})
      b.storeVector(b.constant(type, 0), buffer, b.mul(block, kBlockKeys));
  });
  b.loop(b.dim(op.getFullIndices(), 1), [&](Value head) {
    // A key counts once, in however many rows it is.
    Value number = b.castU(b.add(head, 1), i8);
    b.loop(numRows, [&](Value m) {
      Value length = b.castU(b.load(op.getFullCounts(), {batch, head, m}), index);
      b.loop(length, [&](Value i) {
        Value key = b.castU(b.load(op.getFullIndices(), {batch, head, m, i}), index);
        Value isNew = b.cmp(CmpIPredicate::ne, b.load(keptHeads, key), number);
        Value count = b.add(b.load(keptCounts, key), b.castU(isNew, i8));
        b.store(number, keptHeads, key);
        b.store(count, keptCounts, key);
      });
    });
  });
  b.loop(numBlocks, [&](Value block) {
    Value at = b.mul(block, kBlockKeys), word = b.constant(b.getI64Type(), 0);
    if (tiering.getKeptVotes() <= 255) {
      Value votes = b.loadVector(keptCounts, at, kBlockKeys);
      word = b.bitsOf(b.cmp(CmpIPredicate::uge, votes, b.constant(type, tiering.getKeptVotes())));
    }
    storeFlags(b, word, op.getKeptInit(), batch, at, numKeys);
  });
}
