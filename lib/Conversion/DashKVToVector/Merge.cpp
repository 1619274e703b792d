//===- Merge.cpp - The kernels of merge and finalize ----------------------===//
//
// Rows of statistics: the rows of all batches and heads are alike.
//
//===----------------------------------------------------------------------===//
#include "AttendRows.h"
#include "Emitters.h"
#include "Exp.h"

using namespace mlir;
using namespace mlir::dashkv;

using arith::CmpFPredicate;

/// Loops over all dims of `memref`; the body gets the index of an element.
static void loopOverElements(VectorBuilder &b, Value memref,
                             function_ref<void(ArrayRef<Value>)> body,
                             SmallVector<Value> outer = {}) {
  int64_t rank = cast<MemRefType>(memref.getType()).getRank();
  if (static_cast<int64_t>(outer.size()) == rank)
    return body(outer);
  b.loop(b.dim(memref, outer.size()), [&](Value i) {
    SmallVector<Value> index = outer;
    index.push_back(i);
    loopOverElements(b, memref, body, index);
  });
}

static SmallVector<Value> append(ArrayRef<Value> index, Value last) {
  SmallVector<Value> result(index);
  result.push_back(last);
  return result;
}

/// exp(max - newMax) in all lanes.
static Value emitRescale(VectorBuilder &b, Value max, Value newMax, int64_t lanes) {
  return emitExp(b, b.splat(b.subF(max, newMax), lanes));
}

//===----------------------------------------------------------------------===//
// merge
//===----------------------------------------------------------------------===//

std::string mlir::dashkv::whyNoVectorKernel(MergeOp op) {
  std::string why = whyNoRows(op.getAccs(), "accs");
  return why.empty() ? whyNoRows(op.getAcc(), "acc") : why;
}

void mlir::dashkv::emitVectorKernel(MergeOp op, VectorBuilder &b) {
  Chunks chunks{cast<MemRefType>(op.getAcc().getType()).getShape().back(),
                getTileConfig(op).getLanes()};
  int64_t lanes = chunks.lanes;
  Value splits = b.dim(op.getAccs(), 0);
  loopOverElements(b, op.getMax(), [&](ArrayRef<Value> row) {
    auto part = [&](Value split) {
      SmallVector<Value> index = {split};
      index.append(row.begin(), row.end());
      return index;
    };
    Value oldMax = b.load(op.getMax(), row);
    Value newMax = b.loop(b.index(0), splits, b.index(1), oldMax, [&](Value split, ValueRange max) {
      return VectorBuilder::Values{b.maxF(max[0], b.load(op.getMaxs(), part(split)))};
    })[0];
    // Sum and chunks are carried in registers from part to part.
    Value rescale = emitRescale(b, oldMax, newMax, lanes);
    SmallVector<Value> totals = {b.mulF(b.load(op.getSum(), row), b.extract(rescale, 0))};
    auto at = [&](int64_t chunk) { return b.index(chunks.getBegin(chunk)); };
    for (int64_t c = 0; c < chunks.getCount(); ++c)
      totals.push_back(b.mulF(b.loadVector(op.getAcc(), append(row, at(c)), lanes), rescale));
    totals = b.loop(b.index(0), splits, b.index(1), totals, [&](Value split, ValueRange carried) {
      SmallVector<Value> sums(carried), index = part(split);
      Value factor = emitRescale(b, b.load(op.getMaxs(), index), newMax, lanes);
      sums[0] = b.fma(b.load(op.getSums(), index), b.extract(factor, 0), sums[0]);
      for (int64_t c = 0; c < chunks.getCount(); ++c)
        sums[c + 1] =
            b.fma(b.loadVector(op.getAccs(), append(index, at(c)), lanes), factor, sums[c + 1]);
      return sums;
    });
    for (int64_t c = 0; c < chunks.getCount(); ++c)
      b.storeVector(totals[c + 1], op.getAcc(), append(row, at(c)));
    b.store(newMax, op.getMax(), row);
    b.store(totals[0], op.getSum(), row);
  });
}

//===----------------------------------------------------------------------===//
// finalize
//===----------------------------------------------------------------------===//

std::string mlir::dashkv::whyNoVectorKernel(FinalizeOp op) {
  std::string why = whyNoRows(op.getAcc(), "acc");
  return why.empty() ? whyNoRows(op.getInit(), "out") : why;
}

void mlir::dashkv::emitVectorKernel(FinalizeOp op, VectorBuilder &b) {
  auto outType = cast<MemRefType>(op.getInit().getType());
  Chunks chunks{outType.getShape().back(), getTileConfig(op).getLanes()};
  int64_t lanes = chunks.lanes;
  Type f32 = b.getF32Type(), element = outType.getElementType();
  loopOverElements(b, op.getSum(), [&](ArrayRef<Value> row) {
    Value sum = b.load(op.getSum(), row), one = b.constant(f32, 1.0);
    Value isEmpty = b.cmpF(CmpFPredicate::OEQ, sum, b.constant(f32, 0.0));
    // Of an empty row acc is 0, unless it was never written.
    Value factor = arith::DivFOp::create(b, one, b.select(isEmpty, one, sum));
    Value noValues = b.splat(isEmpty, lanes), zeros = b.constant(b.f32s(lanes), 0.0);
    for (int64_t c = 0; c < chunks.getCount(); ++c) {
      SmallVector<Value> index = append(row, b.index(chunks.getBegin(c)));
      Value values = b.mulF(b.loadVector(op.getAcc(), index, lanes), b.splat(factor, lanes));
      values = b.select(noValues, zeros, values);
      if (element != f32)
        values = arith::TruncFOp::create(b, b.vec(lanes, element), values);
      b.storeVector(values, op.getInit(), index);
    }
    if (op.getLseInit()) {
      Value logSum = b.extract(emitLog(b, b.splat(sum, lanes)), 0);
      b.store(b.addF(b.load(op.getMax(), row), logSum), op.getLseInit(), row);
    }
  });
}
