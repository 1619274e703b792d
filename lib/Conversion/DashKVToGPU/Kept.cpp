//===- Kept.cpp - Which keys enough list heads hold -----------------------===//
#include "Retrieve.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

static void emitKept(gpu::GPUFuncOp func) {
  KernelBuilder b(func);
  auto args = func.getArguments();
  Value words = args[0], kept = args[1], numWords = args[2], numKeys = args[3], votes = args[4];
  b.launchDependents();
  Value key = b.add(b.mul(b.blockId(gpu::Dimension::x), b.i32(kRetrieveThreads)),
                    b.threadX(kRetrieveThreads));
  Value batch = b.blockId(gpu::Dimension::y), zero = b.i32(0);
  b.waitForPrevious();
  b.when(b.cmp(CmpIPredicate::slt, key, numKeys), [&] {
    Value keys = b.toIndex(numKeys);
    Value count = b.loop(zero, numWords, b.i32(1), {zero}, [&](Value word, ValueRange sum) {
      Value row = b.toIndex(b.add(b.mul(batch, numWords), word));
      Value heads = b.view(words, b.mul(row, keys), keys);
      Value bits = b.load(heads, key);
      b.store(zero, heads, key); // as the next step expects it
      return SmallVector<Value>{b.add(sum[0], b.popcount(bits))};
    })[0];
    Value flags = b.view(kept, b.mul(b.toIndex(batch), keys), keys);
    b.store(b.cmp(CmpIPredicate::sge, count, votes), flags, key);
  });
}

void mlir::dashkv::launchKept(Value words, Value numWords, Value kept, int64_t votes,
                              LaunchBuilder &b) {
  Type i32 = b.getI32Type();
  KernelSignature signature;
  signature.name = "dashkv_kept";
  signature.threads = kRetrieveThreads;
  signature.parameters = {{i32}, {b.getI1Type()}};
  signature.parameters.append(3, {i32, KernelParameter::Scalar});
  gpu::GPUFuncOp kernel = b.kernels.get(b.getLoc(), signature, emitKept);
  Value batch = b.dim(kept, 0), keys = b.dim(kept, 1);
  Value pointer = b.pointer(kept, LaunchBuilder::Access::Write);
  b.launch(kernel, {b.ceilDiv(keys, b.index(kRetrieveThreads)), batch, b.index(1)},
           {words, pointer, b.i32(numWords), b.i32(keys), b.i32(votes)});
}
