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
static void emitFinalize(gpu::GPUFuncOp func, bool hasLse, int64_t threads) {
  KernelBuilder b(func);
  auto args = func.getArguments();
  Value acc = args[0], max = args[1], sums = args[2], out = args[3], offset = args[4];
  ValueRange strides = args.slice(5, 4);
  Value lse = hasLse ? args[9] : Value();
  ValueRange sizes = args.drop_front(hasLse ? 10 : 9); // heads, queries, depth, rows
  Value heads = sizes[0], queries = sizes[1], depth = sizes[2], rows = sizes[3];

  b.launchDependents();
  Value thread = b.threadX(threads), lane = b.band(thread, b.i32(kLanes - 1));
  Value row = b.add(b.mul(b.blockId(gpu::Dimension::x), b.i32(threads / kLanes)), b.shr(thread, 5));
  Value zero = b.i32(0), any = b.toIndex(b.i32(1));
  b.waitForPrevious();
  b.when(b.cmp(CmpIPredicate::ult, row, rows), [&] {
    Value vector = b.divU(row, queries), batch = b.divU(vector, heads);
    Value position[] = {batch, b.sub(vector, b.mul(batch, heads)),
                        b.sub(row, b.mul(vector, queries))};
    Value begin = b.toIndex(offset);
    for (auto [index, stride] : llvm::zip(position, strides.take_front(3)))
      begin = b.add(begin, b.mul(b.toIndex(index), b.toIndex(stride)));
    Value index = b.toIndex(row), wide = b.toIndex(depth);
    Value sum = b.load(b.view(sums, index, any), zero);
    Value isEmpty = b.cmpF(CmpFPredicate::OEQ, sum, b.f32(0));
    Value values = b.view(acc, b.mul(index, wide), wide), outs = b.view(out, begin, any);
    Type type = cast<MemRefType>(out.getType()).getElementType();
    b.loop(lane, depth, b.i32(kLanes), [&](Value d) {
      // The reciprocal of a large sum would be 0.
      Value value = arith::DivFOp::create(b, b.load(values, d), sum);
      value = b.fromF32(b.select(isEmpty, b.f32(0), value), type);
      b.store(value, outs, b.mul(b.toIndex(d), b.toIndex(strides[3])));
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
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  bool hasLse = static_cast<bool>(op.getLseInit());
  KernelSignature signature;
  llvm::raw_string_ostream(signature.name) << "dashkv_finalize_" << out << (hasLse ? "_lse" : "");
  signature.parameters = {{f32}, {f32}, {f32}, {out}, {b.getI64Type(), KernelParameter::Scalar}};
  signature.parameters.append(4, {i32, KernelParameter::Scalar});
  if (hasLse)
    signature.parameters.push_back({f32});
  signature.parameters.append(4, {i32, KernelParameter::Scalar});
  gpu::GPUFuncOp kernel = b.kernels.get(op.getLoc(), signature, [&](gpu::GPUFuncOp func) {
    emitFinalize(func, hasLse, signature.threads);
  });

  DeviceBuffer init = b.flatten(op.getInit());
  SmallVector<Value> arguments = {b.pointer(op.getAcc()), b.pointer(op.getMax()),
                                  b.pointer(op.getSum()), init.pointer, b.i64(init.offset)};
  for (Value stride : init.strides)
    arguments.push_back(b.i32(stride));
  if (hasLse)
    arguments.push_back(b.pointer(op.getLseInit(), LaunchBuilder::Access::Write));
  SmallVector<Value> sizes;
  for (int64_t i = 0; i < 4; ++i)
    sizes.push_back(b.dim(op.getAcc(), i));
  Value rows = b.mul(b.mul(sizes[0], sizes[1]), sizes[2]);
  llvm::append_values(arguments, b.i32(sizes[1]), b.i32(sizes[2]), b.i32(sizes[3]), b.i32(rows));
  Value one = b.index(1), rowsPerBlock = b.index(signature.threads / kLanes);
  b.launch(kernel, {b.ceilDiv(rows, rowsPerBlock), one, one}, arguments);
  return success();
}
