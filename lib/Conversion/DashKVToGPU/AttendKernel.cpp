//===- AttendKernel.cpp - Kernels of attention ----------------------------===//
#include "AttendKernel.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

static constexpr float kInfinity = std::numeric_limits<float>::infinity();
static constexpr float kLowest = std::numeric_limits<float>::lowest();
static constexpr float kLog2E = 1.44269504f, kLn2 = 0.69314718f;

//===----------------------------------------------------------------------===//
// Specs
//===----------------------------------------------------------------------===//

/// The registers of a warp hold the rows of a tile, so deep rows allow fewer warps.
static bool isDeep(const AttendShape &shape) {
  return shape.depth + shape.valueDepth > 256 || shape.valueDepth > 160;
}

int64_t AttendSpec::getWarps() const { return matrix && isDeep(shape) ? 4 : 8; }

// A mask and strides in registers leave no room for a second CTA.
int64_t AttendSpec::getBlocks() const {
  bool fits = !mask && valueStride && (given || keyStride);
  if (paged)
    fits &= pageRows && valuePage && (given || keyPage);
  return matrix && !fits ? 1 : 2;
}

int64_t AttendSpec::getSharedWords() const {
  int64_t merge = shape.columns * (kMostSplits + 2);             // weights of splits, two factors
  int64_t keys = matrix ? (lists ? kListChunk : 0) : 2 * kChunk; // scalar: logits too
  int64_t warps = matrix ? AttendEmitter::getPartialWords(shape, getWarps()) : 0;
  return std::max({merge, warps, keys});
}

std::string AttendSpec::getName() const {
  std::string name;
  llvm::raw_string_ostream os(name);
  os << "dashkv_attend_" << (matrix ? "mma" : "scalar");
  if (!given)
    os << "_q" << shape.query << "_k" << shape.key;
  os << "_v" << shape.value;
  if (matrix)
    os << "_d" << shape.depth << "_dv" << shape.valueDepth << "_c" << shape.columns;
  if (heads)
    os << "_g" << heads;
  if (queries)
    os << "_m" << queries;
  if (out)
    os << "_out" << out;
  if (mask)
    os << "_mask" << mask;
  std::pair<bool, StringRef> flags[] = {
      {lists, "lists"},     {lengths, lengthsLate ? "late_lengths" : "lengths"},
      {causal, "causal"},   {lse, "lse"},
      {keyScale, "kscale"}, {valueScale, "vscale"},
      {rootScale, "root"},  {given, "given"}};
  for (auto [set, flag] : flags)
    if (set)
      os << "_" << flag;
  if (keyStride)
    os << "_ks" << keyStride;
  if (valueStride)
    os << "_vs" << valueStride;
  if (denseBelow)
    os << "_dense" << denseBelow;
  if (paged)
    os << "_paged";
  if (pageRows)
    os << pageRows;
  if (keyPage)
    os << "_kp" << keyPage;
  if (valuePage)
    os << "_vp" << valuePage;
  return name;
}

//===----------------------------------------------------------------------===//
// Where a CTA stands
//===----------------------------------------------------------------------===//

AttendKernel::AttendKernel(gpu::GPUFuncOp func, const AttendSpec &spec,
                           const KernelArguments &arguments)
    : func(func), spec(spec), arguments(arguments), b(func) {
  shared = func.getWorkgroupAttributions()[0];
  flag = func.getWorkgroupAttributions()[1];
}

void AttendKernel::locate() {
  thread = b.threadX(spec.getThreads());
  lane = b.band(thread, b.i32(31));
  warp = b.shr(thread, 5);
  Value x = b.blockId(gpu::Dimension::x), units = b.gridSize(gpu::Dimension::x);
  split = b.blockId(gpu::Dimension::y);
  splits = b.gridSize(gpu::Dimension::y);
  batch = b.blockId(gpu::Dimension::z);
  unit = b.add(b.mul(batch, units), x);
  heads = getSize("heads", spec.heads);
  queries = getSize("queries", spec.queries);
  rows = b.mul(heads, queries);
  valueDepth = getSize("Dv", spec.shape.valueDepth);
  tile = b.i32(0);
  if (!spec.isOneTile()) {
    Value tiles = arguments.get(func, "tiles");
    tile = b.remU(x, tiles);
    x = b.divU(x, tiles);
  }
  position = b.i32(0);
  group = kvHead = x;
  firstHead = b.i32(0);
  if (spec.lists) {
    Value positions = arguments.get(func, "M"), ratio = arguments.get(func, "ratio");
    position = b.remU(x, positions);
    group = b.divU(x, positions);
    kvHead = b.divU(group, ratio);
    firstHead = b.mul(b.remU(group, ratio), heads);
  }
  length = arguments.get(func, "N");
  if (spec.lengths) {
    Value at = b.toIndex(batch);
    Value given = b.load(b.view(arguments.get(func, "lengths"), b.toIndex(b.i32(0)), at), at);
    length = spec.causal || spec.denseBelow ? given : b.maxS(b.minS(given, length), b.i32(0));
  }
}

AttendKernel::Row AttendKernel::getRow(Value column) {
  Value c = b.add(b.mul(tile, b.i32(spec.shape.columns)), column);
  if (!(spec.isOneTile() && spec.heads * spec.queries == spec.shape.columns))
    c = b.minS(c, b.sub(rows, b.i32(1)));
  Row row;
  row.head = b.add(firstHead, spec.queries == 1 ? c : b.remU(c, heads));
  row.position = spec.queries == 1 ? position : b.add(position, b.divU(c, heads));
  Value head = b.add(b.mul(batch, arguments.get(func, "Hkv")), kvHead);
  head = b.add(b.mul(head, arguments.get(func, "G")), row.head);
  row.index = b.add(b.mul(head, arguments.get(func, "M")), row.position);
  return row;
}

void AttendKernel::whenColumn(Value column, function_ref<void()> body) {
  if (spec.isOneTile() && spec.heads * spec.queries == spec.shape.columns)
    return body();
  Value c = b.add(b.mul(tile, b.i32(spec.shape.columns)), column);
  b.when(b.cmp(CmpIPredicate::slt, c, rows), body);
}

Value AttendKernel::getLimit(Value m) {
  Value keys = arguments.get(func, "N");
  if (!spec.causal && !spec.denseBelow)
    return length;
  Value limit = b.add(b.sub(length, arguments.get(func, "M")), b.add(m, b.i32(1)));
  return b.maxS(b.minS(limit, keys), b.i32(0));
}

Value AttendKernel::isDense() {
  Value longest = arguments.get(func, "N");
  if (spec.lengths) {
    Value batches = b.gridSize(gpu::Dimension::z);
    Value lengths = b.view(arguments.get(func, "lengths"), b.toIndex(b.i32(0)), b.toIndex(batches));
    longest = b.loop(lane, batches, b.i32(32), b.i32(0), [&](Value i, ValueRange most) {
      return SmallVector<Value>{b.maxS(most[0], b.load(lengths, i))};
    })[0];
    longest = b.warpReduce(NVVM::ReduxKind::MAX, longest);
  }
  return b.cmp(CmpIPredicate::slt, longest, b.i32(spec.denseBelow));
}

Value AttendKernel::getOffset(StringRef name, const Row *row) {
  auto term = [&](Value index, StringRef dim) -> Value {
    Value stride = arguments.get(func, (name + "." + dim).str());
    Type i64 = b.getI64Type();
    return b.mul(arith::ExtUIOp::create(b, i64, index), arith::ExtUIOp::create(b, i64, stride));
  };
  Value offset = b.add(arguments.get(func, (name + ".offset").str()), term(kvHead, "h"));
  if (!spec.paged || (name != "k" && name != "v")) // all batches have the same pages
    offset = b.add(offset, term(batch, "b"));
  if (row)
    offset = b.add(b.add(offset, term(row->head, "g")), term(row->position, "m"));
  return offset;
}

Value AttendKernel::getView(StringRef name, Value offset) {
  Value at = arith::IndexCastOp::create(b, b.getIndexType(), offset);
  return b.view(arguments.get(func, name), at, b.toIndex(arguments.get(func, "N")));
}

Value AttendKernel::loadHeadScale(StringRef name) {
  Value zero = b.toIndex(b.i32(0));
  return b.load(b.view(arguments.get(func, name), zero, b.toIndex(arguments.get(func, "Hkv"))),
                kvHead);
}

Value AttendKernel::getLogitScale() {
  Value scale;
  if (spec.rootScale) {
    Value depth = arith::UIToFPOp::create(b, b.getF32Type(), arguments.get(func, "D"));
    scale = b.mulF(b.exp2(b.mulF(b.log2(depth), b.f32(-0.5f))), b.f32(kLog2E));
  } else {
    scale = b.mulF(arguments.get(func, "scale"), b.f32(kLog2E));
  }
  return spec.keyScale ? b.mulF(scale, loadHeadScale("key_scale")) : scale;
}

/// A mask of the lowest number takes nothing out: a row of such values is a mean.
Value AttendKernel::addMask(Value logit, Value mask, Value key) {
  Value value = b.toF32(b.load(mask, b.mul(key, arguments.get(func, "mask.n"))));
  // Half of it stays finite if it is. LLVM would compare the value itself as bf16,
  // in a form that ptxas refuses.
  value = b.mulF(value, b.f32(kLog2E / 2));
  Value out = b.cmpF(CmpFPredicate::OEQ, value, b.f32(-kInfinity));
  value = b.fma(value, b.f32(2), logit);
  // Where the value is NaN, so is the logit.
  Value below = b.cmpF(CmpFPredicate::OLT, value, b.f32(kLowest));
  value = b.select(below, b.f32(kLowest), value);
  return b.select(out, b.f32(-kInfinity), value);
}

//===----------------------------------------------------------------------===//
// On tensor cores
//===----------------------------------------------------------------------===//

void AttendKernel::emit() {
  b.launchDependents();
  if (spec.lengthsLate)
    b.waitForPrevious();
  locate();
  if (!spec.lengthsLate)
    b.waitForPrevious();
  if (spec.matrix)
    emitMatrix();
  else
    emitScalar();
}

/// The entries of a unit: keys below a limit, or a list.
AttendKernel::Entries AttendKernel::getEntries() {
  Entries entries;
  if (!spec.lists) {
    // The last row of the tile sees most.
    Value last = spec.causal ? getRow(b.i32(spec.shape.columns - 1)).position : Value();
    entries.count = getLimit(last);
    return entries;
  }
  Value capacity = arguments.get(func, "capacity"), positions = arguments.get(func, "M");
  Value list = b.mul(batch, b.mul(arguments.get(func, "Hkv"), arguments.get(func, "ratio")));
  list = b.add(b.mul(b.add(list, group), positions), position);
  Value zero = b.toIndex(b.i32(0));
  Value counts = b.view(arguments.get(func, "counts"), zero, b.toIndex(capacity));
  entries.count = b.maxS(b.minS(b.load(counts, list), capacity), b.i32(0));
  Value first = b.mul(b.toIndex(list), b.toIndex(capacity));
  entries.list = b.view(arguments.get(func, "indices"), first, b.toIndex(capacity));
  if (spec.denseBelow) {
    entries.dense = isDense();
    entries.count = b.select(entries.dense, getLimit(position), entries.count);
  }
  return entries;
}

Value AttendKernel::loadKey(const Entries &entries, Value entry) {
  if (!entries.list)
    return entry;
  if (!entries.dense)
    return b.load(entries.list, entry);
  auto branch = scf::IfOp::create(b, b.getI32Type(), entries.dense, /*withElse=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(b, entry);
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, b.load(entries.list, entry));
  return branch.getResult(0);
}

/// Entry `block` of the block table.
Value AttendKernel::loadPage(Value block) {
  Value blocks = b.toIndex(arguments.get(func, "blocks"));
  return b.load(b.view(arguments.get(func, "block_table"), b.mul(b.toIndex(batch), blocks), blocks),
                block);
}

Value AttendKernel::findPlace(Value key) {
  if (!spec.paged)
    return key;
  Value rows = getPageRows(), page = loadPage(b.divU(key, rows));
  return b.add(b.mul(page, rows), b.remU(key, rows));
}

/// The part of this CTA, in tiles of `size` entries: equal parts, the longer first.
std::pair<Value, Value> AttendKernel::getTiles(Value count, int64_t size) {
  Value tiles = b.divU(b.add(count, b.i32(size - 1)), b.i32(size));
  Value each = b.divU(tiles, splits), longer = b.sub(tiles, b.mul(each, splits));
  Value first = b.add(b.mul(split, each), b.minS(split, longer));
  Value more = arith::ExtUIOp::create(b, b.getI32Type(), b.cmp(CmpIPredicate::slt, split, longer));
  activeSplits = b.minS(tiles, splits);
  return {first, b.add(first, b.add(each, more))};
}

void AttendKernel::emitMatrix() {
  const AttendShape &shape = spec.shape;
  AttendEmitter attend(b, shape, lane);
  Entries entries = getEntries();
  Value first, last;
  std::tie(first, last) = getTiles(entries.count, AttendShape::kEntries);

  AttendEmitter::Query query;
  AttendEmitter::Tile part;
  Value listOrigin; // entry of the list that is the first of a chunk
  Value tilePage;   // where it is the same for all keys of a tile
  auto setRows = [&](StringRef name, Type type, int64_t known, int64_t knownPage,
                     std::function<Value(Value)> &rowOf) {
    int64_t bytes = type.getIntOrFloatBitWidth() / 8;
    auto scaled = [&](Value value) -> Value {
      return arith::ShLIOp::create(
          b, value,
          arith::ConstantOp::create(b, b.getIntegerAttr(value.getType(), llvm::Log2_64(bytes))));
    };
    Value base =
        AttendEmitter::address(b, arguments.get(func, name), scaled(getOffset(name, nullptr)));
    Value stride = scaled(getSize((name + ".n").str(), known));
    if (!spec.paged) {
      rowOf = [&b = b, base, stride](Value key) {
        return AttendEmitter::row(b, base, key, stride);
      };
      return;
    }
    Value pageStride = scaled(getSize((name + ".b").str(), knownPage));
    rowOf = [&, base, stride, pageStride](Value key) {
      Value rows = getPageRows(), page = tilePage;
      if (spec.lists) { // by places
        page = b.divU(key, rows);
      } else if (!page) { // entries past the end read the last one of the table
        Value last = b.sub(arguments.get(func, "N"), b.i32(1));
        page = loadPage(b.divU(part.full ? key : b.minS(key, last), rows));
      }
      Value start = AttendEmitter::row(b, base, page, pageStride);
      return AttendEmitter::row(b, start, b.remU(key, rows), stride);
    };
  };
  setRows("v", shape.value, spec.valueStride, spec.valuePage, part.valueRow);
  SmallVector<Value, 2> limits, columns; // of the columns of this lane
  // Lanes of columns that do not exist repeat the last one.
  auto getExisting = [&](int64_t i) -> Value {
    Value column = attend.getColumn(i);
    return shape.columns < 8 ? b.minS(column, b.i32(shape.columns - 1)) : column;
  };
  if (spec.given) {
    for (int64_t i = 0; i < 2; ++i) {
      Row row = getRow(getExisting(i));
      Value at = b.mul(b.toIndex(row.index), b.toIndex(arguments.get(func, "capacity")));
      columns.push_back(b.view(arguments.get(func, "scores"), at, at));
    }
    part.adjust = [&, columns](Value, Value entry, Value, int64_t i) {
      entry = b.add(listOrigin, b.minS(entry, b.sub(part.end, b.i32(1))));
      return b.mulF(b.load(columns[i], entry), b.f32(kLog2E));
    };
  } else {
    setRows("k", shape.key, spec.keyStride, spec.keyPage, part.keyRow);
    Value queryView = getView("q", getOffset("q", nullptr));
    query = attend.loadQuery(
        queryView,
        [&](Value column) {
          Row row = getRow(column);
          return b.add(b.mul(row.head, arguments.get(func, "q.g")),
                       b.mul(row.position, arguments.get(func, "q.m")));
        },
        getLogitScale());
    bool limited = !spec.lists && spec.causal && spec.queries != 1;
    for (int64_t i = 0; i < 2 && (limited || spec.mask); ++i) {
      Row row = getRow(getExisting(i));
      if (limited)
        limits.push_back(getLimit(row.position));
      if (spec.mask)
        columns.push_back(getView("mask", getOffset("mask", &row)));
    }
    if (limited || spec.mask)
      part.adjust = [&, columns, limits](Value logit, Value, Value key, int64_t i) {
        if (spec.mask) { // there is none past the end
          Value last = b.sub(entries.count, b.i32(1));
          logit = addMask(logit, columns[i], part.full ? key : b.minS(key, last));
        }
        if (limits.empty())
          return logit;
        Value visible = b.cmp(CmpIPredicate::slt, key, limits[i]);
        return b.select(visible, logit, b.f32(-kInfinity));
      };
  }
  part.end = entries.count;
  // What the loop does not use makes room for it.
  Value *parked[] = {&unit, &kvHead, &firstHead, &position, &tile, &activeSplits};
  b.when(b.cmp(CmpIPredicate::eq, thread, b.i32(0)), [&] {
    for (auto [i, value] : llvm::enumerate(parked))
      b.store(*value, flag, b.i32(1 + i));
  });
  auto add = [&](ValueRange state) {
    return spec.given ? attend.addGiven(state, part) : attend.add(state, query, part);
  };

  SmallVector<Value> state = attend.start();
  Value warps = b.i32(spec.getWarps()), own = b.add(first, warp);
  if (spec.lists) {
    // The keys of many tiles at a time, in shared memory.
    Value chunk = b.i32(AttendSpec::kListChunk / AttendShape::kEntries);
    state = b.loop(first, last, chunk, state, [&](Value begin, ValueRange carried) {
      Value end = b.minS(b.add(begin, chunk), last);
      Value origin = b.shl(begin, 4), size = b.shl(b.sub(end, begin), 4);
      b.barrier(); // the tiles before are done with
      b.loop(thread, size, b.i32(spec.getThreads()), [&](Value i) {
        Value entry = b.minS(b.add(origin, i), b.sub(entries.count, b.i32(1)));
        Value key = findPlace(loadKey(entries, entry));
        b.store(arith::BitcastOp::create(b, b.getF32Type(), key), shared, i);
      });
      b.barrier();
      // From here on entries count from the start of the chunk.
      part.end = b.sub(entries.count, origin);
      part.keyOf = [this](Value entry) -> Value {
        return arith::BitcastOp::create(b, b.getI32Type(), b.load(shared, entry));
      };
      listOrigin = origin;
      Value step = b.i32(spec.getWarps() * AttendShape::kEntries);
      return b.loop(b.shl(warp, 4), size, step, carried, [&](Value i, ValueRange carried) {
        part.first = i;
        return add(carried);
      });
    });
    b.barrier();
  } else {
    part.keyOf = [](Value entry) { return entry; };
    Value whole = b.minS(last, b.shr(entries.count, 4));
    auto addTile = [&](Value i, ValueRange carried) {
      part.first = b.shl(i, 4);
      if (spec.isTileInPage())
        tilePage = loadPage(b.divU(part.first, getPageRows()));
      return add(carried);
    };
    part.full = true;
    state = b.loop(own, whole, warps, state, addTile);
    // A last tile that is not full has the warp whose turn it is.
    part.full = false;
    Value turn = b.remU(b.sub(whole, first), warps);
    Value begin = b.select(b.cmp(CmpIPredicate::eq, turn, warp), whole, last);
    state = b.loop(begin, last, b.i32(1), state, addTile);
  }

  attend.storePartial(state, shared, Value(), warp, spec.getWarps());
  b.barrier();
  for (auto [i, value] : llvm::enumerate(parked))
    *value = b.load(flag, b.i32(1 + i));
  // Without a split there is nothing to wait for.
  Value alone = b.cmp(CmpIPredicate::eq, splits, b.i32(1));
  attend.mergeWarps(shared, Value(), thread, spec.getWarps(), [&](const auto &merged) {
    auto store = [&] {
      storePartial(merged.column, merged.dim, merged.acc, merged.max, merged.sum);
    };
    if (spec.isOnline())
      return store();
    auto branch = scf::IfOp::create(b, alone, /*withElse=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    whenColumn(merged.column, [&] {
      Factors factors = finishColumn(merged.column, merged.max, merged.sum,
                                     b.cmp(CmpIPredicate::eq, merged.dim, b.i32(0)));
      storeOutput(merged.column, merged.dim, b.mulF(merged.acc, factors.acc), Value());
    });
    b.setInsertionPointToStart(branch.elseBlock());
    store();
  });
  if (spec.isOnline())
    return mergeSplits();
  b.when(b.cmp(CmpIPredicate::ne, splits, b.i32(1)), [&] { mergeSplits(); });
}

//===----------------------------------------------------------------------===//
// Partials
//===----------------------------------------------------------------------===//

Value AttendKernel::getPartial(Value column, Value of) {
  Value at = b.add(b.mul(unit, splits), of);
  at = b.add(b.mul(at, b.i32(spec.shape.columns)), column);
  return b.mul(at, b.add(valueDepth, b.i32(2)));
}

Value AttendKernel::getWorkspace() {
  return b.view(arguments.get(func, "partials"), b.toIndex(b.i32(0)), b.toIndex(valueDepth));
}

/// A partial of a column: maximum, sum, accumulators.
void AttendKernel::storePartial(Value column, Value dim, Value acc, Value max, Value sum) {
  b.when(b.cmp(CmpIPredicate::slt, split, activeSplits), [&] {
    Value workspace = getWorkspace(), at = getPartial(column, split);
    b.store(acc, workspace, b.plus(b.add(at, dim), 2));
    b.when(b.cmp(CmpIPredicate::eq, dim, b.i32(0)), [&] {
      b.store(max, workspace, at);
      b.store(sum, workspace, b.plus(at, 1));
    });
  });
}

void AttendKernel::mergeSplits() {
  Value counters = arguments.get(func, "counters"), zero = b.i32(0), one = b.i32(1);
  Value isLast = b.isLastBlock(counters, unit, splits, thread, flag);
  b.when(isLast, [&] {
    Value workspace = getWorkspace();
    // A warp a column: the weights of the splits, and what becomes of the sum.
    Value numColumns = b.i32(spec.shape.columns), warps = b.i32(spec.getWarps());
    int64_t firstFactors = spec.shape.columns * AttendSpec::kMostSplits;
    b.loop(warp, numColumns, warps, [&](Value column) {
      auto statistics = [&](Value of, int64_t i) {
        return b.load(workspace, b.plus(getPartial(column, of), i));
      };
      Value max = b.loop(lane, activeSplits, b.i32(32), b.f32(kLowest), [&](Value i, ValueRange m) {
        return SmallVector<Value>{b.maxF(m[0], statistics(i, 0))};
      })[0];
      for (int64_t mask = 1; mask < 32; mask *= 2)
        max = b.maxF(max, b.shuffleXor(max, mask));
      Value weights = b.mul(column, b.i32(AttendSpec::kMostSplits));
      Value sum = b.loop(lane, activeSplits, b.i32(32), b.f32(0), [&](Value i, ValueRange s) {
        Value weight = b.exp2(b.subF(statistics(i, 0), max));
        b.store(weight, shared, b.add(weights, i));
        return SmallVector<Value>{b.fma(statistics(i, 1), weight, s[0])};
      })[0];
      for (int64_t mask = 1; mask < 32; mask *= 2)
        sum = b.addF(sum, b.shuffleXor(sum, mask));
      b.when(b.cmp(CmpIPredicate::eq, lane, zero), [&] {
        whenColumn(column, [&] {
          Factors factors = finishColumn(column, max, sum, Value());
          Value at = b.add(b.i32(firstFactors), b.shl(column, 1));
          b.store(factors.acc, shared, at);
          if (factors.old)
            b.store(factors.old, shared, b.plus(at, 1));
        });
      });
    });
    b.barrier();
    Value outputs = b.mul(numColumns, valueDepth);
    b.loop(thread, outputs, b.i32(spec.getThreads()), [&](Value output) {
      Value column = b.divU(output, valueDepth), dim = b.remU(output, valueDepth);
      whenColumn(column, [&] {
        // Many loads at once, those past the end of the last split with no weight.
        constexpr int64_t step = 8;
        Value weights = b.mul(column, b.i32(AttendSpec::kMostSplits));
        Value lastSplit = b.sub(activeSplits, one);
        Value acc = b.loop(zero, activeSplits, b.i32(step), b.f32(0), [&](Value i, ValueRange sum) {
          SmallVector<Value> parts;
          for (int64_t j = 0; j < step; ++j) {
            Value at = getPartial(column, b.minS(b.add(i, b.i32(j)), lastSplit));
            parts.push_back(b.load(workspace, b.plus(b.add(at, dim), 2)));
          }
          Value acc = sum[0];
          for (int64_t j = 0; j < step; ++j) {
            Value of = b.add(i, b.i32(j));
            Value weight = b.load(shared, b.add(weights, b.minS(of, lastSplit)));
            weight = b.select(b.cmp(CmpIPredicate::sle, of, lastSplit), weight, b.f32(0));
            acc = b.fma(weight, parts[j], acc);
          }
          return SmallVector<Value>{acc};
        })[0];
        Value at = b.add(b.i32(firstFactors), b.shl(column, 1));
        acc = b.mulF(acc, b.load(shared, at));
        storeOutput(column, dim, acc, spec.isOnline() ? b.load(shared, b.plus(at, 1)) : Value());
      });
    });
  });
}

/// `writes`: whether this thread stores what belongs to the column; null: yes.
AttendKernel::Factors AttendKernel::finishColumn(Value column, Value max, Value sum, Value writes) {
  Factors factors;
  Value zero = b.f32(0), empty = b.cmpF(CmpFPredicate::OEQ, sum, zero);
  Value index = spec.isOnline() || spec.lse ? getRow(column).index : Value();
  Value origin = b.toIndex(b.i32(0));
  auto statistics = [&](StringRef name) {
    return b.view(arguments.get(func, name), origin, b.toIndex(index));
  };
  if (!spec.isOnline()) {
    factors.acc = b.select(empty, zero, b.reciprocal(sum));
    if (spec.lse) {
      auto store = [&] {
        Value lse = b.mulF(b.addF(max, b.log2(sum)), b.f32(kLn2));
        b.store(b.select(empty, b.f32(-kInfinity), lse), statistics("lse"), index);
      };
      if (writes)
        b.when(writes, store);
      else
        store();
    }
  } else {
    // Statistics of operands have base e.
    Value maxes = statistics("max"), sums = statistics("sum");
    Value old = b.load(maxes, index);
    Value largest = b.select(empty, old, b.maxF(old, b.mulF(max, b.f32(kLn2))));
    Value rescale = b.exp2(b.mulF(b.subF(old, largest), b.f32(kLog2E)));
    // -inf stays what it is.
    Value same = b.cmpF(CmpFPredicate::OEQ, old, largest);
    factors.old = b.select(same, b.f32(1), rescale);
    factors.acc = b.exp2(b.fma(largest, b.f32(-kLog2E), max));
    factors.acc = b.select(empty, zero, factors.acc);
    b.store(largest, maxes, index);
    b.store(b.fma(b.load(sums, index), factors.old, b.mulF(sum, factors.acc)), sums, index);
  }
  if (spec.valueScale)
    factors.acc = b.mulF(factors.acc, loadHeadScale("value_scale"));
  return factors;
}

void AttendKernel::storeOutput(Value column, Value dim, Value value, Value oldFactor) {
  Row row = getRow(column);
  Value at = b.mul(dim, arguments.get(func, "out.dv")),
        out = getView("out", getOffset("out", &row));
  if (oldFactor)
    value = b.fma(b.load(out, at), oldFactor, value);
  b.store(b.fromF32(value, cast<MemRefType>(out.getType()).getElementType()), out, at);
}
