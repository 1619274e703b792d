//===- EncodeAny.cpp - Encoders whose sizes are known at run time ---------===//
//
// A CTA a row, a thread an output. Encoders are rarely like this, so nothing here is
// for speed but that neighbouring threads read neighbouring weights.
//
//===----------------------------------------------------------------------===//
#include "Encode.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

static constexpr int64_t kLanes = 32;

void mlir::dashkv::emitEncodeAny(KernelBuilder &b, const EncoderSpec &spec,
                                 const EncoderArguments &arguments, ValueRange sizes, Value head) {
  Value thread = b.threadX(spec.threads), threads = b.i32(spec.threads);
  Value lane = b.band(thread, b.i32(kLanes - 1)), zero = b.i32(0), one = b.i32(1);
  auto space = gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  auto shared = [&](Type element) {
    return MemRefType::get({ShapedType::kDynamic}, element, MemRefLayoutAttrInterface(), space);
  };
  Value bytes = gpu::DynamicSharedMemoryOp::create(b, shared(b.getI8Type()));
  // What goes into even layers, then what goes into odd ones.
  Value begins[] = {zero, sizes.back()}, size = sizes.front();
  Value values = memref::ViewOp::create(b, shared(b.getF32Type()), bytes, b.toIndex(zero),
                                        ValueRange{b.toIndex(one)});
  auto global = [&](const EncoderOperand &operand, Value address) {
    return b.load(b.view(operand.pointer, address, b.toIndex(one)), zero);
  };

  b.waitForPrevious();
  Value depth = size;
  size = b.mul(size, b.i32(spec.group));
  EncoderRow row = getEncoderRow(b, arguments, b.blockId(gpu::Dimension::x), head);
  Value firstHead = b.mul(row.head, b.i32(spec.group));
  b.loop(thread, size, threads, [&](Value k) {
    Value member = b.add(firstHead, b.divU(k, depth));
    Value address =
        getAddress(b, arguments.input, {row.batch, member, row.query, b.remU(k, depth)});
    b.store(b.toF32(global(arguments.input, address)), values, k);
  });
  for (auto [i, layer] : llvm::enumerate(spec.layers)) {
    bool isLast = i + 1 == spec.layers.size();
    Value from = begins[i % 2], to = begins[(i + 1) % 2];
    Value outputs = sizes[i + 1], own = layer.perHead ? head : zero;
    b.barrier();
    b.loop(thread, outputs, threads, [&, i = i, layer = layer](Value n) {
      Value sum = b.loop(zero, size, one, b.f32(0), [&](Value k, ValueRange carried) {
        Value weight =
            global(arguments.weights[i], getAddress(b, arguments.weights[i], {own, k, n}));
        Value x = b.load(values, b.add(from, k));
        return SmallVector<Value>{b.fma(x, b.toF32(weight), carried[0])};
      })[0];
      if (layer.bias) {
        Value address = b.add(getAddress(b, arguments.biases[i], own), b.toIndex(n));
        sum = b.addF(sum, b.toF32(global(arguments.biases[i], address)));
      }
      b.store(isLast ? sum : emitActivation(b, *spec.activation, sum), values, b.add(to, n));
    });
    size = outputs;
  }
  b.barrier();
  b.when(b.cmp(CmpIPredicate::ult, thread, b.i32(kLanes)), [&] {
    Value begin = begins[spec.layers.size() % 2];
    emitCode(b, spec, arguments, row, loadCodeValues(b, spec, values, begin, lane), lane);
  });
}
