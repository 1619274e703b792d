//===- AttendScalar.cpp - Attention of any types and layouts --------------===//
//
// A CTA takes one query row: in chunks, a warp computes the logit of a key, then
// a thread adds up one dim of the values.
//
//===----------------------------------------------------------------------===//
#include "AttendKernel.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include <limits>

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

static constexpr float kInfinity = std::numeric_limits<float>::infinity();
static constexpr float kLowest = std::numeric_limits<float>::lowest();
static constexpr float kLog2E = 1.44269504f;

/// Element `dim` of the row at `place` in a view of K or V.
Value AttendKernel::loadElement(StringRef name, Value view, Value place, Value dim) {
  auto term = [&](Value i, StringRef stride) {
    return b.mul(b.toIndex(i), b.toIndex(arguments.get(func, (name + stride).str())));
  };
  Value row;
  if (spec.paged) {
    Value rows = getPageRows();
    row = b.add(term(b.divU(place, rows), ".b"), term(b.remU(place, rows), ".n"));
  } else {
    row = term(place, ".n");
  }
  Value at = b.add(row, b.toIndex(b.mul(dim, arguments.get(func, (name + ".d").str()))));
  return b.toF32(b.load(view, at));
}

void AttendKernel::emitScalar() {
  constexpr int64_t chunk = AttendSpec::kChunk;
  static_assert(chunk == 256, "a thread has one entry of a chunk");
  Entries entries = getEntries();
  auto [first, last] = getTiles(entries.count, chunk);
  Value zero = b.i32(0), threads = b.i32(spec.getThreads()), warps = b.i32(spec.getWarps());
  Row row = getRow(zero);

  // In shared memory: logits and places of the chunk; the query and the sums.
  auto dynamic = gpu::DynamicSharedMemoryOp::create(
      b, MemRefType::get({ShapedType::kDynamic}, b.getI8Type(), MemRefLayoutAttrInterface(),
                         cast<MemRefType>(shared.getType()).getMemorySpace()));
  auto viewWords = [&](Value offset, Value size) -> Value {
    auto type = MemRefType::get({ShapedType::kDynamic}, b.getF32Type(), MemRefLayoutAttrInterface(),
                                dynamic.getType().getMemorySpace());
    return memref::ViewOp::create(b, type, dynamic, b.toIndex(b.shl(offset, 2)),
                                  ValueRange(b.toIndex(size)));
  };
  Value acc = viewWords(zero, valueDepth), query, queryDepth, scale, keyView, mask, scores;
  b.loop(thread, valueDepth, threads, [&](Value dim) { b.store(b.f32(0), acc, dim); });
  if (spec.given) {
    Value at = b.mul(b.toIndex(row.index), b.toIndex(arguments.get(func, "capacity")));
    scores = b.view(arguments.get(func, "scores"), at, at);
  } else {
    queryDepth = arguments.get(func, "D");
    query = viewWords(valueDepth, queryDepth);
    Value given = getView("q", getOffset("q", &row));
    b.loop(thread, queryDepth, threads, [&](Value dim) {
      b.store(b.toF32(b.load(given, b.mul(dim, arguments.get(func, "q.d")))), query, dim);
    });
    scale = getLogitScale();
    keyView = getView("k", getOffset("k", nullptr));
    if (spec.mask)
      mask = getView("mask", getOffset("mask", &row));
  }
  Value values = getView("v", getOffset("v", nullptr));
  auto word = [&](Value value, Type type) { return arith::BitcastOp::create(b, type, value); };
  Value firstPlace = b.i32(chunk);
  auto storeEntry = [&](Value entry, Value place, Value logit) {
    b.store(logit, shared, entry);
    b.store(word(place, b.getF32Type()), shared, b.add(firstPlace, entry));
  };

  SmallVector<Value> stats = {b.f32(kLowest), b.f32(0)};
  stats = b.loop(first, last, b.i32(1), stats, [&](Value i, ValueRange stats) {
    Value begin = b.mul(i, b.i32(chunk)), size = b.minS(b.sub(entries.count, begin), b.i32(chunk));
    b.barrier(); // the chunk before is done with
    if (spec.given) {
      b.when(b.cmp(CmpIPredicate::slt, thread, size), [&] {
        Value entry = b.add(begin, thread);
        Value logit = b.mulF(b.load(scores, entry), b.f32(kLog2E));
        storeEntry(thread, findPlace(loadKey(entries, entry)), logit);
      });
    } else {
      b.loop(warp, size, warps, [&](Value entry) {
        Value key = loadKey(entries, b.add(begin, entry)), place = findPlace(key);
        Value dot = b.loop(lane, queryDepth, b.i32(32), b.f32(0), [&](Value dim, ValueRange sum) {
          Value element = loadElement("k", keyView, place, dim);
          return SmallVector<Value>{b.fma(b.load(query, dim), element, sum[0])};
        })[0];
        for (int64_t mask = 1; mask < 32; mask *= 2)
          dot = b.addF(dot, b.shuffleXor(dot, mask));
        Value logit = b.mulF(dot, scale);
        if (spec.mask)
          logit = addMask(logit, mask, key);
        b.when(b.cmp(CmpIPredicate::eq, lane, zero), [&] { storeEntry(entry, place, logit); });
      });
    }
    b.barrier();
    // Every warp reduces the whole chunk.
    SmallVector<Value> logits;
    Value max = stats[0];
    for (int64_t j = 0; j < chunk; j += 32) {
      Value entry = b.add(lane, b.i32(j));
      Value logit = b.load(shared, b.minS(entry, b.sub(size, b.i32(1))));
      Value exists = b.cmp(CmpIPredicate::slt, entry, size);
      logits.push_back(b.select(exists, logit, b.f32(-kInfinity)));
      max = b.maxF(max, logits.back());
    }
    for (int64_t mask = 1; mask < 32; mask *= 2)
      max = b.maxF(max, b.shuffleXor(max, mask));
    Value rescale = b.exp2(b.subF(stats[0], max)), added = b.f32(0);
    for (Value logit : logits)
      added = b.addF(added, b.exp2(b.subF(logit, max)));
    for (int64_t mask = 1; mask < 32; mask *= 2)
      added = b.addF(added, b.shuffleXor(added, mask));
    b.loop(thread, valueDepth, threads, [&](Value dim) {
      Value sum = b.mulF(b.load(acc, dim), rescale);
      sum = b.loop(zero, size, b.i32(1), sum, [&](Value entry, ValueRange sum) {
        Value weight = b.exp2(b.subF(b.load(shared, entry), max));
        Value place = word(b.load(shared, b.add(firstPlace, entry)), b.getI32Type());
        return SmallVector<Value>{b.fma(weight, loadElement("v", values, place, dim), sum[0])};
      })[0];
      b.store(sum, acc, dim);
    });
    return SmallVector<Value>{max, b.fma(stats[1], rescale, added)};
  });

  b.loop(thread, valueDepth, threads,
         [&](Value dim) { storePartial(zero, dim, b.load(acc, dim), stats[0], stats[1]); });
  mergeSplits();
}
