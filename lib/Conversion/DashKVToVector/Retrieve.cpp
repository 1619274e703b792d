//===- Retrieve.cpp - The kernel of retrieval -----------------------------===//
#include "RetrieveKernel.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

/// Blocks scanned before the others, and from how many blocks on.
static constexpr int64_t kSampleBlocks = 32, kSampleFrom = 4 * kSampleBlocks;
/// Blocks of a chunk: counters of a byte hold twice as many keys a lane.
static constexpr int64_t kChunkBlocks = 127;

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

static int64_t getHeads(Value memref) { return cast<ShapedType>(memref.getType()).getDimSize(1); }

std::string mlir::dashkv::whyNoVectorKernel(RetrieveOp op) {
  int64_t heads = getHeads(op.getQueryCodes()), kvHeads = getHeads(op.getKeyCodes());
  if (ShapedType::isDynamic(heads) || ShapedType::isDynamic(kvHeads) || kvHeads == 0 || heads == 0)
    return "the number of heads is not known";
  if (heads > 255)
    return "there are more heads than votes of a byte count";
  if (CodeForm::getNumKeys(op.getKeyCodes().getType()) == 0)
    return "there are no keys";
  return whyNotContiguous(op.getKeyCodes());
}

RetrieveKernel::RetrieveKernel(RetrieveOp op, VectorBuilder &b)
    : op(op), b(b), tiering(op.getTiering()) {
  shape = ScanShape::get(*CodeForm::get(op.getQueryCodes().getType(), op.getKeyCodes().getType()),
                         getTileConfig(op));
  codeHeads = getHeads(op.getQueryCodes()) / getHeads(op.getKeyCodes());
  listHeads = tiering.getScope() == Scope::Head ? codeHeads : 1;
  shape.heads = codeHeads / listHeads;
  shape.lists = 1;
  for (int64_t lists : {2, 3, 4})
    if (listHeads % lists == 0)
      shape.lists = lists;
  int64_t rows = cast<ShapedType>(op.getQueryCodes().getType()).getDimSize(2);
  taskRows = ShapedType::isDynamic(rows) ? 8 : std::clamp<int64_t>(rows, 1, 8);
  guesses = !op.getPrior() && !op.getVoteDiscount();
  mayBeWide = shape.largest() >= 255 || !guesses;
}

Value RetrieveKernel::getLimit(Value batch, Value m) {
  Type i32 = b.getI32Type();
  Value keys = b.castU(numKeys, i32), length = keys;
  if (op.getLengths())
    length = b.load(op.getLengths(), batch);
  Value limit = b.add(b.sub(b.add(length, b.castU(m, i32)), b.castU(numRows, i32)), 1);
  return b.minS(b.maxS(limit, b.constant(i32, 0)), keys);
}

Value RetrieveKernel::getBudget(Value limit, int64_t millionths, int64_t min, int64_t max) {
  Type i64 = b.getI64Type();
  Value scaled = b.add(b.mul(b.castU(limit, i64), millionths), 999999);
  Value budget = b.maxS(b.div(scaled, b.constant(i64, 1000000)), b.constant(i64, min));
  return max == TieringAttr::none ? budget : b.minS(budget, b.constant(i64, max));
}

Value RetrieveKernel::getHead(const Task &task, Value list) {
  return b.add(b.mul(task.kvHead, codeHeads), b.mul(list, shape.heads));
}

void RetrieveKernel::forLists(const Task &task,
                              function_ref<void(Value m, Value list, Value number)> body) {
  b.loop(task.firstRow, task.endRow, b.index(1), [&](Value m) {
    Value first = b.mul(b.sub(m, task.firstRow), shape.lists);
    b.loop(b.index(shape.lists),
           [&](Value list) { body(m, b.add(task.firstList, list), b.add(first, list)); });
  });
}

//===----------------------------------------------------------------------===//
// All heads and rows
//===----------------------------------------------------------------------===//

void RetrieveKernel::emit() {
  Type i8 = b.getI8Type(), i32 = b.getI32Type(), i64 = b.getI64Type();
  Value query = op.getQueryCodes(), keys = op.getKeyCodes();
  numRows = b.dim(query, 2);
  numKeys = b.dim(keys, 2);
  if (shape.form.planes)
    numKeys = b.mul(numKeys, kBlockKeys);
  numBlocks = b.ceilDiv(numKeys, b.index(kBlockKeys));
  padded = b.mul(numBlocks, kBlockKeys);

  int64_t lists = taskRows * shape.lists;
  // One allocation: a library that gives memory back to the system would do so
  // after each of several.
  struct Part {
    Value *buffer, size;
    Type type;
  };
  SmallVector<Part> parts;
  auto add = [&](Value &buffer, Value size, Type type) { parts.push_back({&buffer, size, type}); };
  add(bytes, b.mul(padded, lists), i8);
  add(forced, numBlocks, i64);
  offsets = b.stackBuffer({lists}, i32);
  window = b.stackBuffer({lists, kWindow}, i8);
  counts = b.stackBuffer({lists, kWindow}, i32);
  if (!shape.form.planes)
    tail = b.stackBuffer({shape.blockBytes()}, i8);
  scan.emplace(b, shape, query, taskRows);
  if (op.getVoteDiscount() || mayBeWide) {
    // One code head at a time, in parts that a byte holds.
    ScanShape single = shape;
    single.lists = single.heads = 1;
    single.halves = single.largest() > 255;
    headScan.emplace(b, single, query, 1);
  }
  if (op.getPrior())
    add(priorWords, numBlocks, i64);
  if (op.getVoteDiscount()) {
    add(voteWords, b.mul(numBlocks, taskRows), i64);
    add(voteCounts, padded, i8);
  }
  if (op.getKeptInit()) {
    add(keptCounts, padded, i8);
    add(keptHeads, padded, i8);
  }
  if (mayBeWide || (headScan && headScan->shape.halves))
    add(wideElements, padded, i32);
  Value total = b.index(0);
  SmallVector<Value> begins;
  for (Part &part : parts) {
    begins.push_back(total);
    Value size = b.mul(part.size, part.type.getIntOrFloatBitWidth() / 8);
    total = b.add(total, b.mul(b.ceilDiv(size, b.index(64)), 64));
  }
  Value buffer = b.heapBuffer(total, i8);
  for (auto [part, begin] : llvm::zip(parts, begins)) {
    auto type = MemRefType::get({ShapedType::kDynamic}, part.type);
    *part.buffer = memref::ViewOp::create(b, type, buffer, begin, part.size);
  }

  b.loop(b.dim(query, 0), [&](Value batch) {
    if (op.getPrior())
      b.loop(numBlocks, [&](Value block) {
        Value word =
            loadFlags(b, op.getPrior(), batch, b.mul(block, kBlockKeys), b.dim(op.getPrior(), 1));
        b.store(word, priorWords, block);
      });
    b.loop(b.index(0), numRows, b.index(taskRows), [&](Value firstRow) {
      Value endRow = b.minU(b.add(firstRow, taskRows), numRows);
      if (op.getVoteDiscount())
        emitVotes(batch, firstRow, endRow);
      b.loop(b.dim(keys, 1), [&](Value kvHead) {
        b.loop(b.index(0), b.index(listHeads), b.index(shape.lists), [&](Value firstList) {
          Task task = {batch, kvHead, firstList, firstRow, endRow, {}, {}, {}, {}};
          emitTask(task);
        });
      });
    });
    if (op.getKeptInit())
      emitKept(batch);
  });
  b.freeBuffer(buffer);
}

void RetrieveKernel::emitTask(Task &task) {
  prepare(task);
  b.loop(task.firstRow, task.endRow, b.index(1), [&](Value m) {
    Value row = b.sub(m, task.firstRow);
    for (int64_t list = 0; list < shape.lists; ++list) {
      Value head = getHead(task, b.add(task.firstList, list));
      Value offset = scan->buildTables(task.batch, head, m, row, list);
      b.store(offset, offsets, b.add(b.mul(row, shape.lists), list));
    }
  });
  scanAll(task);
  b.loop(task.firstRow, task.endRow, b.index(1), [&](Value m) {
    Row row;
    row.m = m;
    row.limit = getLimit(task.batch, m);
    row.numCandidates = buildForced(task, row.limit);
    Value first = b.mul(b.sub(m, task.firstRow), shape.lists);
    b.loop(b.index(shape.lists), [&](Value list) {
      row.list = b.add(task.firstList, list);
      row.number = b.add(first, list);
      finish(task, row);
    });
  });
}

//===----------------------------------------------------------------------===//
// Scan
//===----------------------------------------------------------------------===//

void RetrieveKernel::prepare(Task &task) {
  task.codes = flattenCodes(b, op.getKeyCodes(), task.batch, task.kvHead);
  Value limit = b.castU(getLimit(task.batch, b.sub(task.endRow, 1)), b.getIndexType());
  task.blocks = b.ceilDiv(limit, b.index(kBlockKeys));
  task.wholeBlocks = task.blocks;
  task.tail = task.codes;
  if (shape.form.planes)
    return;
  // The last block of key-major codes may be cut: nothing is read past the end.
  task.wholeBlocks = b.minU(task.blocks, b.div(numKeys, b.index(kBlockKeys)));
  task.tail = memref::CastOp::create(b, task.codes.getType(), tail);
  b.when(b.cmp(CmpIPredicate::ne, task.blocks, task.wholeBlocks), [&] {
    int64_t size = shape.blockBytes();
    Value begin = b.mul(task.wholeBlocks, size);
    Value length = b.sub(b.mul(numKeys, shape.planes()), begin);
    Value zero = b.constant(b.getI8Type(), 0);
    b.loop(b.index(size), [&](Value i) { b.store(zero, tail, i); });
    b.loop(length, [&](Value i) { b.store(b.load(task.codes, b.add(begin, i)), tail, i); });
  });
}

void RetrieveKernel::forSources(const Task &task, function_ref<void(const CodeBlocks &)> body) {
  Value zero = b.index(0), one = b.index(1);
  if (shape.form.planes)
    return body({task.codes, zero, task.blocks, one, zero});
  b.loop(b.index(2), [&](Value source) {
    Value isTail = b.cmp(CmpIPredicate::ne, source, zero);
    body({b.select(isTail, task.tail, task.codes), b.select(isTail, task.wholeBlocks, zero),
          b.select(isTail, task.blocks, task.wholeBlocks), one,
          b.select(isTail, b.sub(zero, task.wholeBlocks), zero)});
  });
}

void RetrieveKernel::scanAll(const Task &task) {
  Value zero = b.index(0), one = b.index(1), sampleFirst = zero;
  if (guesses) {
    // Thresholds that count nothing as long as there is no guess.
    b.loop(b.index(taskRows * shape.lists), [&](Value number) {
      for (int64_t i = 0; i < kWindow; ++i) {
        b.store(b.constant(b.getI8Type(), 0), window, {number, b.index(i)});
        b.store(b.constant(b.getI32Type(), 0), counts, {number, b.index(i)});
      }
    });
    sampleFirst =
        b.select(b.cmp(CmpIPredicate::uge, task.wholeBlocks, b.index(kSampleFrom)), zero, one);
  }
  // First the sample, then all blocks, by the same code.
  b.loop(guesses ? sampleFirst : one, b.index(2), one, [&](Value pass) {
    Value isSample = b.cmp(CmpIPredicate::eq, pass, zero);
    Value size = b.select(isSample, b.index(kSampleBlocks), task.wholeBlocks);
    Value stride = b.select(isSample, b.div(task.wholeBlocks, b.index(kSampleBlocks)), one);
    Value start = b.select(isSample, b.div(stride, b.index(2)), zero);
    Value tailBlocks = b.select(isSample, zero, b.sub(task.blocks, task.wholeBlocks));
    Value chunk = b.index(kChunkBlocks), numChunks = b.ceilDiv(size, chunk);
    b.loop(b.add(numChunks, tailBlocks), [&](Value number) {
      Value isTail = b.cmp(CmpIPredicate::uge, number, numChunks);
      CodeBlocks blocks = {task.codes, b.mul(number, kChunkBlocks), {}, stride, start};
      blocks.end = b.minU(b.add(blocks.begin, kChunkBlocks), size);
      if (!shape.form.planes) {
        blocks.bytes = b.select(isTail, task.tail, task.codes);
        blocks.begin = b.select(isTail, task.wholeBlocks, blocks.begin);
        blocks.end = b.select(isTail, task.blocks, blocks.end);
        blocks.start = b.select(isTail, b.sub(zero, task.wholeBlocks), start);
      }
      b.loop(task.firstRow, task.endRow, one, [&](Value m) { scanChunk(task, blocks, m); });
    });
    if (guesses)
      b.when(isSample, [&] {
        forLists(task, [&](Value m, Value, Value number) { guess(task, m, number); });
      });
  });
}

void RetrieveKernel::scanChunk(const Task &task, const CodeBlocks &blocks, Value m) {
  int64_t lanes = shape.vectorBytes;
  Value row = b.sub(m, task.firstRow), first = b.mul(row, shape.lists);
  // One list counts as it scans; several would not have the registers.
  bool counting = guesses && shape.lists == 1;
  auto loadWindow = [&](Value number) {
    KeyOrder::Classes thresholds;
    for (int64_t i = 0; i < kWindow; ++i)
      thresholds.push_back(b.splat(b.load(window, {number, b.index(i)}), lanes));
    return thresholds;
  };
  auto addCounts = [&](Value number, ValueRange counters) {
    for (int64_t i = 0; i < kWindow; ++i) {
      Value count = b.load(counts, {number, b.index(i)});
      b.store(b.add(count, sumBytes(b, counters[i])), counts, {number, b.index(i)});
    }
  };
  auto count = [&](Value elements, const KeyOrder::Classes &thresholds, Values &counters) {
    for (auto [counter, threshold] : llvm::zip(counters, thresholds))
      counter = countLanes(b, counter, b.cmp(CmpIPredicate::uge, elements, threshold));
  };
  Values none(kWindow, b.constant(b.bytes(lanes), 0));

  SmallVector<Value> begins;
  for (int64_t list = 0; list < shape.lists; ++list)
    begins.push_back(getRow(b.add(first, list)).begin);
  KeyOrder::Classes thresholds;
  if (counting)
    thresholds = loadWindow(first);
  Values counters =
      scan->scan(blocks, row, counting ? none : Values(),
                 [&](Value block, const CodeScan::Distances &sums, ValueRange carried) {
                   Values counters(carried);
                   Value key = b.mul(block, kBlockKeys);
                   for (auto [list, parts] : llvm::enumerate(sums))
                     for (auto [part, elements] : llvm::enumerate(parts)) {
                       Value at = b.add(b.add(begins[list], key), part * lanes);
                       b.storeVector(elements, bytes, at);
                       if (counting)
                         count(elements, thresholds, counters);
                     }
                   return counters;
                 });
  if (counting)
    return addCounts(first, counters);
  if (!guesses)
    return;
  b.loop(b.index(shape.lists), [&](Value list) {
    Value number = b.add(first, list), begin = getRow(number).begin;
    KeyOrder::Classes thresholds = loadWindow(number);
    Values counters =
        b.loop(blocks.begin, blocks.end, b.index(1), none, [&](Value block, ValueRange carried) {
          Values counters(carried);
          for (int64_t part = 0; part < shape.parts(); ++part) {
            Value at = b.add(b.add(begin, b.mul(block, kBlockKeys)), part * lanes);
            count(b.loadVector(bytes, at, lanes), thresholds, counters);
          }
          return counters;
        });
    addCounts(number, counters);
  });
}

void RetrieveKernel::guess(const Task &task, Value m, Value number) {
  // The place in the sample that the budget has among the candidates.
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  int64_t sampleKeys = kSampleBlocks * kBlockKeys;
  Value limit = getLimit(task.batch, m), one = b.constant(i64, 1);
  Value candidates =
      b.maxS(b.sub(b.castU(limit, i64), tiering.getSinks() + tiering.getWindow()), one);
  Value budget = b.minS(
      getBudget(limit, tiering.getFull(), tiering.getFullMin(), tiering.getFullMax()), candidates);
  Value place = b.div(b.mul(budget, sampleKeys), candidates);
  place = b.minS(b.maxS(place, one), b.constant(i64, sampleKeys));

  KeyOrder order(b, getRow(number), {}, {}, shape.vectorBytes);
  auto [low, high] = order.getRange(shape.largest());
  Value guess = order
                    .findPlace(b.index(kSampleBlocks), b.castU(place, i32), low, high,
                               b.constant(i32, sampleKeys))
                    .value;
  // Thresholds are exclusive: these end at guess - 2, ..., guess + 1.
  Value first = b.minS(b.maxS(b.sub(guess, 1), b.constant(i32, 0)), b.constant(i32, 251));
  for (int64_t i = 0; i < kWindow; ++i) {
    b.store(b.castU(b.add(first, i), b.getI8Type()), window, {number, b.index(i)});
    b.store(b.constant(i32, 0), counts, {number, b.index(i)});
  }
}

void mlir::dashkv::emitVectorKernel(RetrieveOp op, VectorBuilder &b) {
  RetrieveKernel(op, b).emit();
}
