//===- Merge.cpp - Softmax statistics of disjoint key sets ----------------===//
#include "KernelBuilder.h"
#include "Launches.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

static constexpr int64_t kLanes = 32;

/// The larger one; NaN if one is.
static Value maxOrNaN(KernelBuilder &b, Value x, Value y) {
  Value isNaN = b.cmpF(CmpFPredicate::UNO, x, x);
  return b.select(isNaN, x, b.select(b.cmpF(CmpFPredicate::OGT, x, y), x, y));
}

/// A warp a row: first the largest maximum, with the lanes along the partials, then
/// sums in the order of the partials, with the lanes along the row.
static void emitMerge(gpu::GPUFuncOp func, int64_t threads) {
  auto args = func.getArguments();
  KernelBuilder b(func);
  b.launchDependents();
  Value splits = args[6], rows = args[7], depth = args[8];
  Value thread = b.threadX(threads), lane = b.band(thread, b.i32(kLanes - 1));
  Value row = b.add(b.mul(b.blockId(gpu::Dimension::x), b.i32(threads / kLanes)), b.shr(thread, 5));
  Value zero = b.i32(0), one = b.i32(1), lanes = b.i32(kLanes), any = b.toIndex(one);
  b.waitForPrevious();
  b.when(b.cmp(CmpIPredicate::ult, row, rows), [&] {
    auto at = [&](Value pointer, Value index) { return b.load(b.view(pointer, index, any), zero); };
    auto put = [&](Value value, Value pointer, Value index) {
      b.store(value, b.view(pointer, index, any), zero);
    };
    auto part = [&](Value split) {
      return b.add(b.mul(b.toIndex(split), b.toIndex(rows)), b.toIndex(row));
    };
    Value index = b.toIndex(row), wide = b.toIndex(depth);
    Value oldMax = at(args[4], index);
    Value max = b.loop(lane, splits, lanes, oldMax, [&](Value split, ValueRange carried) {
      return SmallVector<Value>{maxOrNaN(b, carried[0], at(args[1], part(split)))};
    })[0];
    for (int64_t mask = kLanes / 2; mask > 0; mask /= 2)
      max = maxOrNaN(b, max, b.shuffleXor(max, mask));

    auto rescale = [&](Value from) {
      constexpr float log2e = 1.44269504f;
      return b.exp2(b.mulF(b.subF(from, max), b.f32(log2e)));
    };
    Value oldFactor = rescale(oldMax);
    b.loop(lane, depth, lanes, [&](Value d) {
      Value own = b.add(b.mul(index, wide), b.toIndex(d));
      Value acc = b.mulF(at(args[3], own), oldFactor);
      acc = b.loop(zero, splits, one, acc, [&](Value split, ValueRange carried) {
        Value from = part(split), value = b.add(b.mul(from, wide), b.toIndex(d));
        Value factor = rescale(at(args[1], from));
        return SmallVector<Value>{b.fma(at(args[0], value), factor, carried[0])};
      })[0];
      put(acc, args[3], own);
    });
    b.when(b.cmp(CmpIPredicate::eq, lane, zero), [&] {
      Value sum = b.mulF(at(args[5], index), oldFactor);
      sum = b.loop(zero, splits, one, sum, [&](Value split, ValueRange carried) {
        Value from = part(split);
        return SmallVector<Value>{b.fma(at(args[2], from), rescale(at(args[1], from)), carried[0])};
      })[0];
      put(max, args[4], index);
      put(sum, args[5], index);
    });
  });
}

LogicalResult mlir::dashkv::lowerToLaunches(MergeOp op, LaunchBuilder &b) {
  using Access = LaunchBuilder::Access;
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  KernelSignature signature;
  signature.name = "dashkv_merge";
  signature.parameters.assign(6, {f32});
  signature.parameters.append(3, {i32, KernelParameter::Scalar});
  gpu::GPUFuncOp kernel = b.kernels.get(
      op.getLoc(), signature, [&](gpu::GPUFuncOp func) { emitMerge(func, signature.threads); });
  int64_t rank = cast<MemRefType>(op.getMax().getType()).getRank();
  Value rows = b.index(1);
  for (int64_t i = 0; i < rank; ++i)
    rows = b.mul(rows, b.dim(op.getMax(), i));
  Value arguments[] = {b.pointer(op.getAccs()),
                       b.pointer(op.getMaxs()),
                       b.pointer(op.getSums()),
                       b.pointer(op.getAcc(), Access::ReadWrite),
                       b.pointer(op.getMax(), Access::ReadWrite),
                       b.pointer(op.getSum(), Access::ReadWrite),
                       b.i32(b.dim(op.getMaxs(), 0)),
                       b.i32(rows),
                       b.i32(b.dim(op.getAcc(), rank))};
  Value one = b.index(1), rowsPerBlock = b.index(signature.threads / kLanes);
  b.launch(kernel, {b.ceilDiv(rows, rowsPerBlock), one, one}, arguments);
  return success();
}
