//===- RetrieveRow.cpp - One list of a retrieval --------------------------===//
#include "RetrieveKernel.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

static constexpr int64_t kLowest = std::numeric_limits<int32_t>::min();

//===----------------------------------------------------------------------===//
// Candidates
//===----------------------------------------------------------------------===//

Value RetrieveKernel::getNoCandidates(Value block, Value limit) {
  Type i64 = b.getI64Type();
  Value key = b.castU(b.mul(block, kBlockKeys), i64);
  Value visible = lowBits(b, b.sub(b.castU(limit, i64), key));
  return b.bor(b.load(forced, block), b.bxor(visible, b.constant(i64, -1)));
}

VectorBuilder::Values
RetrieveKernel::forEdges(const Task &task, Value limit, ValueRange init,
                         function_ref<Values(Value block, ValueRange carried)> body) {
  Value zero = b.index(0), one = b.index(1);
  if (op.getForced())
    return b.loop(zero, task.blocks, one, init, body);
  // The first blocks, then the last ones.
  Type i64 = b.getI64Type(), index = b.getIndexType();
  Value sinkEnd = b.minU(b.index(llvm::divideCeil(tiering.getSinks(), kBlockKeys)), task.blocks);
  Value windowStart = b.maxS(b.sub(b.castU(limit, i64), tiering.getWindow()), b.constant(i64, 0));
  Value windowBlock = b.div(b.castU(windowStart, index), b.index(kBlockKeys));
  windowBlock = b.select(b.cmp(CmpIPredicate::ult, windowBlock, sinkEnd), sinkEnd, windowBlock);
  return b.loop(zero, b.index(2), one, init, [&](Value side, ValueRange carried) {
    Value isFirst = b.cmp(CmpIPredicate::eq, side, zero);
    return b.loop(b.select(isFirst, zero, windowBlock), b.select(isFirst, sinkEnd, task.blocks),
                  one, carried, body);
  });
}

Value RetrieveKernel::buildForced(const Task &task, Value limit) {
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  Value none = b.constant(i64, 0), all = b.constant(i64, -1), wide = b.castU(limit, i64);
  b.loop(task.blocks, [&](Value block) { b.store(none, forced, block); });
  Value numForced = forEdges(task, limit, b.constant(i32, 0), [&](Value block, ValueRange carried) {
    Value key = b.castU(b.mul(block, kBlockKeys), i64);
    auto below = [&](Value end) { return lowBits(b, b.sub(end, key)); };
    Value word = b.bor(below(b.constant(i64, tiering.getSinks())),
                       b.bxor(below(b.sub(wide, tiering.getWindow())), all));
    if (op.getForced())
      word = b.bor(word, loadFlags(b, op.getForced(), task.batch, b.mul(block, kBlockKeys),
                                   b.dim(op.getForced(), 1)));
    word = b.band(word, below(wide));
    b.store(word, forced, block);
    return Values{b.add(carried[0], b.castU(countBits(b, word), i32))};
  })[0];
  return b.sub(limit, numForced);
}

VectorBuilder::Values RetrieveKernel::raiseOthers(const Task &task, const Row &row,
                                                  KeyOrder &order) {
  Values init;
  SmallVector<Value> thresholds;
  if (guesses && order.row.elements == bytes) {
    Value lanes = b.mul(b.castU(task.blocks, b.getI32Type()), kBlockKeys);
    for (int64_t i = 0; i < kWindow; ++i) {
      init.push_back(b.sub(lanes, b.load(counts, {row.number, b.index(i)})));
      thresholds.push_back(b.load(window, {row.number, b.index(i)}));
    }
  }
  return forEdges(task, row.limit, init, [&](Value block, ValueRange carried) {
    Value others = getNoCandidates(block, row.limit);
    Value at = b.add(order.row.begin, b.mul(block, kBlockKeys));
    Value elements = b.loadVector(order.row.elements, at, kBlockKeys);
    Value mask = b.bitcast(b.splat(others, 1), b.vec(kBlockKeys, b.getI1Type()));
    Value highest = b.constant(elements.getType(), order.row.isWide() ? order.row.highest() : -1);
    b.storeVector(b.select(mask, highest, elements), order.row.elements, at);
    // They are no longer below the thresholds.
    Values counted;
    for (auto [count, threshold] : llvm::zip(carried, thresholds)) {
      Value below = b.bitsOf(b.cmp(CmpIPredicate::ult, elements, b.splat(threshold, kBlockKeys)));
      Value lost = b.castU(countBits(b, b.band(below, others)), b.getI32Type());
      counted.push_back(b.sub(count, lost));
    }
    return counted;
  });
}

//===----------------------------------------------------------------------===//
// Tiers
//===----------------------------------------------------------------------===//

VectorBuilder::Values RetrieveKernel::Tiers::flatten() const {
  Values values;
  for (const KeyOrder::Place *place : {&full, &mid})
    if (place->value)
      values.append({place->value, place->below, place->upTo});
  for (Value value : {midWanted, fullDistance, midDistance})
    if (value)
      values.push_back(value);
  for (const Cut *cut : {&fullCut, &midCut}) {
    values.append(cut->below);
    values.append(cut->upTo);
  }
  return values;
}

RetrieveKernel::Tiers RetrieveKernel::Tiers::with(ArrayRef<Value> values) const {
  Tiers result = *this;
  auto take = [&](Value &value) {
    if (value) {
      value = values.front();
      values = values.drop_front();
    }
  };
  for (KeyOrder::Place *place : {&result.full, &result.mid})
    for (Value *value : {&place->value, &place->below, &place->upTo})
      take(*value);
  take(result.midWanted);
  take(result.fullDistance);
  take(result.midDistance);
  for (Cut *cut : {&result.fullCut, &result.midCut})
    for (KeyOrder::Classes *thresholds : {&cut->below, &cut->upTo})
      for (Value &threshold : *thresholds)
        take(threshold);
  return result;
}

KeyOrder RetrieveKernel::getOrder(const Task &task, const Row &row, KeyRow keys,
                                  KeyOrder::Scale scale) {
  Type i32 = b.getI32Type();
  Value head = getHead(task, row.list);
  SmallVector<Discount> discounts;
  auto add = [&](Value words, Value begin, Value amounts) {
    Value amount = b.loop(b.index(0), b.index(shape.heads), b.index(1), b.constant(i32, 0),
                          [&](Value h, ValueRange carried) {
                            Value one = b.castS(b.load(amounts, b.add(head, h)), i32);
                            return Values{b.add(carried[0], one)};
                          })[0];
    discounts.push_back({words, begin, amount});
  };
  if (op.getPrior())
    add(priorWords, b.index(0), op.getPriorDiscount());
  if (op.getVoteDiscount())
    add(voteWords, b.mul(b.sub(row.m, task.firstRow), numBlocks), op.getVoteDiscount());
  return KeyOrder(b, keys, scale, discounts, shape.vectorBytes);
}

Value RetrieveKernel::mayWrap(const Task &task, const Row &row) {
  Type i32 = b.getI32Type();
  Value head = getHead(task, row.list), no = b.constant(b.getI1Type(), 0);
  return b.loop(b.index(0), b.index(shape.heads), b.index(1), no, [&](Value h, ValueRange carried) {
    Value sum = b.constant(i32, 0), result = carried[0];
    for (Value amounts : {op.getPriorDiscount(), op.getVoteDiscount()})
      if (amounts) {
        sum = b.add(sum, b.castS(b.load(amounts, b.add(head, h)), i32));
        // Negative ones are large unsigned ones.
        result = b.bor(result, b.cmp(CmpIPredicate::ugt, sum, b.constant(i32, 32768)));
      }
    return Values{result};
  })[0];
}

/// Whether some keys of `wanted` are wanted.
static Value isSome(VectorBuilder &b, Value wanted) {
  return b.cmp(CmpIPredicate::sgt, wanted, b.constant(b.getI32Type(), 0));
}

RetrieveKernel::Tiers RetrieveKernel::findTiers(const Task &task, const Row &row, KeyOrder &order,
                                                Value low, Value high, ValueRange counts,
                                                Value &isUncertain) {
  Tiers tiers;
  Type i32 = b.getI32Type();
  auto search = [&](Value wanted) {
    return order.findPlace(task.blocks, wanted, low, high, row.numCandidates);
  };
  auto cut = [&](Value value) {
    return Cut{order.getThresholds(b.sub(value, 1)), order.getThresholds(value)};
  };
  if (counts.empty()) {
    tiers.full = search(row.wanted);
  } else {
    // The place is within the window if the first threshold has too few keys below
    // it and the last one enough.
    SmallVector<Value> values;
    for (int64_t i = 0; i < kWindow; ++i)
      values.push_back(b.sub(b.castU(b.load(window, {row.number, b.index(i)}), i32), 1));
    auto enough = [&](int64_t i) { return b.cmp(CmpIPredicate::sge, counts[i], row.wanted); };
    Value isHit = b.band(b.cmp(CmpIPredicate::slt, counts[0], row.wanted), enough(kWindow - 1));
    auto guessed = [&] {
      Values place = {values[kWindow - 1], counts[kWindow - 2], counts[kWindow - 1]};
      for (int64_t i = kWindow - 2; i > 0; --i)
        for (auto [value, better] : llvm::zip(place, Values{values[i], counts[i - 1], counts[i]}))
          value = b.select(enough(i), better, value);
      return place;
    };
    auto searched = [&] {
      KeyOrder::Place place = search(row.wanted);
      return Values{place.value, place.below, place.upTo};
    };
    Values place = b.branch(isHit, guessed, searched);
    tiers.full = {place[0], place[1], place[2]};
  }
  tiers.fullDistance = order.getDistance(tiers.full.value);
  tiers.fullCut = cut(tiers.full.value);
  auto check = [&](Value value) {
    Value isLast = b.cmp(CmpIPredicate::eq, value, high);
    isUncertain = isUncertain ? b.bor(isUncertain, isLast) : isLast;
  };
  check(tiers.full.value);
  if (!op.getMidIndices())
    return tiers;

  // With inclusive ties more may have entered than was wanted.
  Value taken = row.wanted;
  if (tiering.getTies() == Ties::Inclusive)
    taken = b.select(isSome(b, row.wanted), tiers.full.upTo, b.constant(i32, 0));
  Value budget = getBudget(row.limit, tiering.getMid(), tiering.getMidMin(), tiering.getMidMax());
  Value left = b.castU(b.sub(row.numCandidates, taken), b.getI64Type());
  tiers.midWanted = b.castU(b.minS(budget, left), i32);
  tiers.mid = search(b.add(taken, tiers.midWanted));
  tiers.midDistance = order.getDistance(tiers.mid.value);
  tiers.midCut = cut(tiers.mid.value);
  check(tiers.mid.value);
  return tiers;
}

//===----------------------------------------------------------------------===//
// Lists
//===----------------------------------------------------------------------===//

void RetrieveKernel::finish(const Task &task, Row row) {
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  KeyOrder::Scale scale = {b.load(offsets, row.number), shape.shift(), tiering.getBitsFraction()};
  KeyOrder order = getOrder(task, row, getRow(row.number), scale);
  Value budget =
      getBudget(row.limit, tiering.getFull(), tiering.getFullMin(), tiering.getFullMax());
  row.wanted = b.castU(b.minS(budget, b.castU(row.numCandidates, i64)), i32);
  Values counts = raiseOthers(task, row, order);
  auto [low, high] = order.getRange(shape.largest());
  Value isUncertain;
  Tiers tiers = findTiers(task, row, order, low, high, counts, isUncertain);
  if (mayBeWide) {
    if (!guesses)
      isUncertain = b.bor(isUncertain, mayWrap(task, row));
    auto wide = [&] { return findTiersWide(task, row, order).flatten(); };
    tiers = tiers.with(b.branch(isUncertain, wide, [&] { return tiers.flatten(); }));
  }
  writeLists(task, row, order, tiers);
}

void RetrieveKernel::writeLists(const Task &task, const Row &row, KeyOrder &order,
                                const Tiers &tiers) {
  Type i32 = b.getI32Type();
  Ties ties = tiering.getTies();
  Value none = b.constant(i32, 0), lowest = b.constant(i32, kLowest);
  SmallVector<Value> at = {task.batch, b.add(b.mul(task.kvHead, listHeads), row.list), row.m};
  Selection selection = {task.blocks, forced, {op.getFullIndices(), at}, tiers.fullCut, {}, {}, {},
                         {},          {}};
  // Of the ties, `quota` enter.
  Value quota = b.sub(row.wanted, tiers.full.below);
  Value fullTies = b.sub(tiers.full.upTo, tiers.full.below);
  Value some = isSome(b, row.wanted);
  if (ties == Ties::LowestIndex)
    selection.fullTies = {none, quota};
  else if (ties == Ties::Newest)
    selection.fullTies = {b.sub(fullTies, quota), fullTies};
  else
    selection.fullTies = {none, b.select(some, fullTies, none)};

  if (op.getMidIndices()) {
    selection.mid = ListOut{op.getMidIndices(), at};
    selection.midCut = tiers.midCut;
    Value isSame = b.cmp(CmpIPredicate::eq, tiers.full.value, tiers.mid.value);
    Value lastTies = b.sub(tiers.mid.upTo, tiers.mid.below), lastQuota;
    if (ties == Ties::LowestIndex) {
      Value end = b.select(isSame, b.add(quota, tiers.midWanted), fullTies);
      selection.midFirstTies = {quota, end};
      lastQuota = b.sub(b.add(row.wanted, tiers.midWanted), tiers.mid.below);
      selection.midLastTies = {none, lastQuota};
    } else if (ties == Ties::Newest) {
      Value end = selection.fullTies.begin;
      selection.midFirstTies = {b.select(isSame, b.sub(end, tiers.midWanted), none), end};
      lastQuota = b.sub(b.add(row.wanted, tiers.midWanted), tiers.mid.below);
      selection.midLastTies = {b.sub(lastTies, lastQuota), lastTies};
    } else {
      // Ties of the full tier's distance have entered it if anything did.
      Value midSome = isSome(b, tiers.midWanted);
      selection.midFirstTies = {none, b.select(some, none, b.select(midSome, fullTies, none))};
      selection.midLastTies = {none, b.select(midSome, lastTies, none)};
    }
    selection.midLastTies.end = b.select(isSame, none, selection.midLastTies.end);
  }

  SmallVector<Value> lengths = selection.emit(b, order);
  b.store(lengths[0], op.getFullCounts(), at);
  b.store(b.select(some, tiers.fullDistance, lowest), op.getFullThreshold(), at);
  if (op.getMidIndices()) {
    b.store(lengths[1], op.getMidCounts(), at);
    Value midSome = isSome(b, tiers.midWanted);
    b.store(b.select(midSome, tiers.midDistance, lowest), op.getMidThreshold(), at);
  }
}
