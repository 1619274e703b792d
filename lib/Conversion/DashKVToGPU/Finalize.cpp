//===- Finalize.cpp - Softmax statistics to outputs -----------------------===//
#include "KernelBuilder.h"
#include "Launches.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

/// A thread an output: it belongs to row `i / depth`.
static void emitFinalize(gpu::GPUFuncOp func, bool hasLse, int64_t threads) {
  auto args = func.getArguments();
  KernelBuilder b(func);
  b.launchDependents();
  Value depth = args[args.size() - 2], count = args.back();
  Value i = b.add(b.mul(b.blockId(gpu::Dimension::x), b.i32(threads)), b.threadX(threads));
  b.waitForPrevious();
  b.when(b.cmp(CmpIPredicate::ult, i, count), [&] {
    Value size = b.toIndex(count);
    auto view = [&](Value pointer) { return b.view(pointer, b.toIndex(b.i32(0)), size); };
    Value row = b.divU(i, depth);
    Value sum = b.load(view(args[2]), row);
    Value empty = b.cmpF(CmpFPredicate::OEQ, sum, b.f32(0));
    Value out = b.mulF(b.load(view(args[0]), i), b.reciprocal(sum));
    out = b.select(empty, b.f32(0), out);
    Type type = cast<MemRefType>(args[3].getType()).getElementType();
    b.store(b.fromF32(out, type), view(args[3]), i);
    if (!hasLse)
      return;
    b.when(b.cmp(CmpIPredicate::eq, b.remU(i, depth), b.i32(0)), [&] {
      constexpr float ln2 = 0.69314718f;
      Value lse = b.fma(b.log2(sum), b.f32(ln2), b.load(view(args[1]), row));
      Value infinity = b.f32(-std::numeric_limits<float>::infinity());
      b.store(b.select(empty, infinity, lse), view(args[4]), row);
    });
  });
}

LogicalResult mlir::dashkv::lowerToLaunches(FinalizeOp op, LaunchBuilder &b) {
  using Access = LaunchBuilder::Access;
  Type out = getElementTypeOrSelf(op.getInit().getType());
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  bool hasLse = static_cast<bool>(op.getLseInit());
  KernelSignature signature;
  llvm::raw_string_ostream(signature.name) << "dashkv_finalize_" << out << (hasLse ? "_lse" : "");
  signature.parameters = {{f32}, {f32}, {f32}, {out}};
  if (hasLse)
    signature.parameters.push_back({f32});
  signature.parameters.push_back({i32, KernelParameter::Scalar});
  signature.parameters.push_back({i32, KernelParameter::Scalar});
  gpu::GPUFuncOp kernel = b.kernels.get(op.getLoc(), signature, [&](gpu::GPUFuncOp func) {
    emitFinalize(func, hasLse, signature.threads);
  });

  SmallVector<Value> arguments = {b.pointer(op.getAcc()), b.pointer(op.getMax()),
                                  b.pointer(op.getSum()), b.pointer(op.getInit(), Access::Write)};
  if (hasLse)
    arguments.push_back(b.pointer(op.getLseInit(), Access::Write));
  Value depth = b.dim(op.getAcc(), 3), count = depth;
  for (int64_t i = 0; i < 3; ++i)
    count = b.mul(count, b.dim(op.getAcc(), i));
  llvm::append_values(arguments, b.i32(depth), b.i32(count));
  Value one = b.index(1);
  b.launch(kernel, {b.ceilDiv(count, b.index(signature.threads)), one, one}, arguments);
  return success();
}
