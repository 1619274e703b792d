//===- Finalize.cpp - Softmax statistics to outputs -----------------------===//
#include "KernelBuilder.h"
#include "Launches.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

static constexpr int64_t kLanes = 32;

/// A warp a row. Outputs lie at strides, so that they need no copy to another order
/// of dims. A sum below the normal numbers counts as 0.
static void emitFinalize(gpu::GPUFuncOp func, int64_t rank, bool hasLse, int64_t threads) {
  KernelBuilder b(func);
  ValueRange args = func.getArguments();
  auto take = [&](unsigned count) {
    ValueRange taken = args.take_front(count);
    args = args.drop_front(count);
    return taken;
  };
  ValueRange statistics = take(3);
  Value acc = statistics[0], max = statistics[1], sums = statistics[2];
  Value out = take(1)[0], offset = take(1)[0];
  ValueRange strides = take(rank);
  Value lse = hasLse ? take(1)[0] : Value();
  ValueRange sizes = take(rank); // the last is that of a row
  Value depth = sizes.back(), rows = take(1)[0];

  b.launchDependents();
  Value thread = b.threadX(threads), lane = b.band(thread, b.i32(kLanes - 1));
  Value row = b.add(b.mul(b.blockId(gpu::Dimension::x), b.i32(threads / kLanes)), b.shr(thread, 5));
  Value zero = b.i32(0), any = b.toIndex(b.i32(1));
  b.waitForPrevious();
  b.when(b.cmp(CmpIPredicate::ult, row, rows), [&] {
    Value begin = b.toIndex(offset), rest = row;
    for (int64_t i = rank - 2; i >= 0; --i) {
      Value outer = i > 0 ? b.divU(rest, sizes[i]) : zero;
      Value index = i > 0 ? b.sub(rest, b.mul(outer, sizes[i])) : rest;
      begin = b.add(begin, b.mul(b.toIndex(index), b.toIndex(strides[i])));
      rest = outer;
    }
    Value index = b.toIndex(row), wide = b.toIndex(depth);
    Value sum = b.load(b.view(sums, index, any), zero);
    Value isEmpty = b.cmpF(CmpFPredicate::OEQ, sum, b.f32(0));
    Value values = b.view(acc, b.mul(index, wide), wide), outs = b.view(out, begin, any);
    Type type = cast<MemRefType>(out.getType()).getElementType();
    b.loop(lane, depth, b.i32(kLanes), [&](Value d) {
      // The reciprocal of a large sum would be 0.
      Value value = arith::DivFOp::create(b, b.load(values, d), sum);
      value = b.fromF32(b.select(isEmpty, b.f32(0), value), type);
      b.store(value, outs, b.mul(b.toIndex(d), b.toIndex(strides.back())));
    });
    if (!hasLse)
      return;
    b.when(b.cmp(CmpIPredicate::eq, lane, zero), [&] {
      constexpr float ln2 = 0.69314718f;
      Value largest = b.load(b.view(max, index, any), zero);
      Value value = b.fma(b.log2(sum), b.f32(ln2), largest);
      Value infinity = b.f32(-std::numeric_limits<float>::infinity());
      b.store(b.select(isEmpty, infinity, value), b.view(lse, index, any), zero);
    });
  });
}

LogicalResult mlir::dashkv::lowerToLaunches(FinalizeOp op, LaunchBuilder &b) {
  Type out = getElementTypeOrSelf(op.getInit().getType());
  Type f32 = b.getF32Type(), i32 = b.getI32Type(), i64 = b.getI64Type();
  bool hasLse = static_cast<bool>(op.getLseInit());
  int64_t rank = cast<MemRefType>(op.getAcc().getType()).getRank();
  KernelSignature signature;
  llvm::raw_string_ostream os(signature.name);
  os << "dashkv_finalize_" << out << (hasLse ? "_lse" : "");
  if (rank != 4)
    os << "_rank" << rank;
  signature.parameters = {{f32}, {f32}, {f32}, {out}};
  signature.parameters.append(rank + 1, {i64, KernelParameter::Scalar});
  if (hasLse)
    signature.parameters.push_back({f32});
  signature.parameters.append(rank + 1, {i32, KernelParameter::Scalar});
  gpu::GPUFuncOp kernel = b.kernels.get(op.getLoc(), signature, [&](gpu::GPUFuncOp func) {
    emitFinalize(func, rank, hasLse, signature.threads);
  });

  DeviceBuffer init = b.flatten(op.getInit());
  SmallVector<Value> arguments = {b.pointer(op.getAcc()), b.pointer(op.getMax()),
                                  b.pointer(op.getSum()), init.pointer, b.i64(init.offset)};
  for (Value stride : init.strides)
    arguments.push_back(b.i64(stride));
  if (hasLse)
    arguments.push_back(b.pointer(op.getLseInit(), LaunchBuilder::Access::Write));
  Value rows = b.index(1);
  for (int64_t i = 0; i < rank; ++i) {
    Value size = b.dim(op.getAcc(), i);
    arguments.push_back(b.i32(size));
    rows = i + 1 < rank ? b.mul(rows, size) : rows;
  }
  arguments.push_back(b.i32(rows));
  Value one = b.index(1), rowsPerBlock = b.index(signature.threads / kLanes);
  b.launch(kernel, {b.ceilDiv(rows, rowsPerBlock), one, one}, arguments);
  return success();
}
