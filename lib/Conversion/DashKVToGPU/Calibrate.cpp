//===- Calibrate.cpp - Distances corrected by votes and a prior -----------===//
//
// A thread takes four keys: it counts the votes of all code heads, then corrects
// the distances of each, which are still in the cache.
//
//===----------------------------------------------------------------------===//
#include "Retrieve.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

/// Keys of a thread.
static constexpr int64_t kKeys = 4;

namespace {
struct CalibrateSpec {
  unsigned bits;    ///< of a distance; 8 without a sign
  unsigned outBits; ///< 16, or 32: sums over the heads of a list
  bool hasLengths, votes, prior;
};
} // namespace

static void emitCalibrate(gpu::GPUFuncOp func, const CalibrateSpec &spec) {
  KernelBuilder b(func);
  unsigned taken = 0;
  auto next = [&] { return func.getArgument(taken++); };
  Value distances = next(), out = next();
  Value lengths = spec.hasLengths ? next() : Value();
  Value voteDiscount, radius, prior, priorDiscount;
  if (spec.votes) {
    voteDiscount = next();
    radius = next();
  }
  if (spec.prior) {
    prior = next();
    priorDiscount = next();
  }
  Value pitch = next(), outPitch = next(), heads = next(), perList = next(), numKeys = next();
  Value shift = next(), voteThreshold = next();

  Value zero = b.i32(0), one = b.i32(1);
  bool sums = spec.outBits == 32;
  b.launchDependents();
  b.waitForPrevious();
  Value thread = b.threadX(kRetrieveThreads);
  Value query = b.blockId(gpu::Dimension::y), queries = b.gridSize(gpu::Dimension::y);
  Value batch = b.blockId(gpu::Dimension::z);
  Value length = getLength(b, lengths, batch, numKeys);
  Value first = b.mul(b.blockId(gpu::Dimension::x), b.i32(kKeys * kRetrieveThreads));
  b.when(b.cmp(CmpIPredicate::slt, first, length), [&] {
    SmallVector<Value> keys, clamped;
    for (int64_t i = 0; i < kKeys; ++i) {
      keys.push_back(b.add(b.add(first, thread), b.i32(i * kRetrieveThreads)));
      clamped.push_back(b.minS(keys.back(), b.sub(length, one)));
    }
    auto getRow = [&](Value head, Value numHeads) { // of [B, heads, M]
      Value row = b.add(b.mul(batch, numHeads), head);
      return b.add(b.mul(b.toIndex(row), b.toIndex(queries)), b.toIndex(query));
    };
    auto loadDistances = [&](Value head) {
      Value size = b.toIndex(pitch);
      Value row = b.view(distances, b.mul(getRow(head, heads), size), size);
      SmallVector<Value> values;
      for (Value key : clamped)
        values.push_back(b.load(row, key));
      for (Value &value : values)
        value = spec.bits == 8 ? Value(arith::ExtUIOp::create(b, b.getI32Type(), value))
                               : Value(arith::ExtSIOp::create(b, b.getI32Type(), value));
      return values;
    };
    auto loadDiscount = [&](Value discounts, Value head) -> Value {
      Value all = b.view(discounts, b.toIndex(zero), b.toIndex(heads));
      return arith::ExtSIOp::create(b, b.getI32Type(), b.load(all, head));
    };

    SmallVector<Value> agreed, wasKept;
    if (spec.votes) {
      Value size = b.add(getRow(heads, heads), b.toIndex(one));
      Value radii = b.view(radius, b.toIndex(zero), size);
      agreed = b.loop(
          zero, heads, one, SmallVector<Value>(kKeys, zero), [&](Value head, ValueRange votes) {
            Value mine = b.load(radii, getRow(head, heads));
            SmallVector<Value> sums;
            for (auto [sum, value] : llvm::zip_equal(votes, loadDistances(head))) {
              Value near = b.cmp(CmpIPredicate::sle, value, mine);
              sums.push_back(b.add(sum, arith::ExtUIOp::create(b, b.getI32Type(), near)));
            }
            return sums;
          });
      for (Value &votes : agreed)
        votes = b.cmp(CmpIPredicate::sgt, votes, voteThreshold);
    }
    if (spec.prior) {
      Value size = b.toIndex(numKeys);
      Value flags = b.view(prior, b.mul(b.toIndex(batch), size), size);
      for (Value key : clamped)
        wasKept.push_back(b.load(flags, key));
    }
    auto calibrate = [&](Value head) {
      SmallVector<Value> values = loadDistances(head);
      for (Value &value : values)
        value = arith::ShLIOp::create(b, value, shift);
      for (auto [discounts, conditions] :
           {std::pair(voteDiscount, agreed), {priorDiscount, wasKept}}) {
        if (!discounts)
          continue;
        Value discount = loadDiscount(discounts, head);
        for (auto [value, condition] : llvm::zip_equal(values, conditions))
          value = b.sub(value, b.select(condition, discount, zero));
      }
      for (Value &value : values)
        value = arith::TruncIOp::create(b, b.getI16Type(), value);
      return values;
    };
    auto store = [&](ValueRange values, Value row, Value end) {
      Value size = b.toIndex(outPitch);
      Value mine = b.view(out, b.mul(row, size), size);
      for (auto [key, value] : llvm::zip_equal(keys, values))
        b.when(b.cmp(CmpIPredicate::slt, key, end),
               [&, key = key, value = value] { b.store(value, mine, key); });
    };
    if (!sums) {
      b.loop(zero, heads, one,
             [&](Value head) { store(calibrate(head), getRow(head, heads), length); });
      return;
    }
    // Compaction reads a little more than there is.
    Value end = b.band(b.add(length, b.i32(kCompactKeys - 1)), b.i32(-kCompactKeys));
    Value lists = b.divU(heads, perList);
    b.loop(zero, lists, one, [&](Value list) {
      Value firstHead = b.mul(list, perList);
      SmallVector<Value> total = b.loop(
          zero, perList, one, SmallVector<Value>(kKeys, zero), [&](Value i, ValueRange sums) {
            SmallVector<Value> next;
            for (auto [sum, value] : llvm::zip_equal(sums, calibrate(b.add(firstHead, i))))
              next.push_back(b.add(sum, arith::ExtSIOp::create(b, b.getI32Type(), value)));
            return next;
          });
      store(total, getRow(list, lists), end);
    });
  });
}

void mlir::dashkv::launchCalibrate(const CalibrateOperands &operands, LaunchBuilder &b) {
  Type i32 = b.getI32Type(), i16 = b.getI16Type();
  CalibrateSpec spec{operands.distances.getBits(), operands.out.getBits(),
                     static_cast<bool>(operands.lengths), static_cast<bool>(operands.voteDiscount),
                     static_cast<bool>(operands.prior)};
  KernelSignature signature;
  llvm::raw_string_ostream(signature.name)
      << "dashkv_calibrate_i" << spec.bits << "_i" << spec.outBits
      << (spec.hasLengths ? "_lengths" : "") << (spec.votes ? "_votes" : "")
      << (spec.prior ? "_prior" : "");
  signature.threads = kRetrieveThreads;
  signature.minBlocks = 4;
  signature.parameters = {{b.getIntegerType(spec.bits)}, {b.getIntegerType(spec.outBits)}};
  SmallVector<Value> arguments = {operands.distances.pointer, operands.out.pointer};
  if (spec.hasLengths) {
    signature.parameters.push_back({i32});
    arguments.push_back(b.pointer(operands.lengths));
  }
  if (spec.votes) {
    llvm::append_values(signature.parameters, KernelParameter{i16}, KernelParameter{i32});
    llvm::append_values(arguments, b.pointer(operands.voteDiscount), operands.radius);
  }
  if (spec.prior) {
    llvm::append_values(signature.parameters, KernelParameter{b.getI1Type()}, KernelParameter{i16});
    llvm::append_values(arguments, b.pointer(operands.prior), b.pointer(operands.priorDiscount));
  }
  signature.parameters.append(7, {i32, KernelParameter::Scalar});
  Value voteThreshold = operands.voteThreshold ? operands.voteThreshold : b.index(0);
  for (Value size : {operands.distances.pitch, operands.out.pitch, operands.heads, operands.perList,
                     operands.keys, b.index(operands.shift), voteThreshold})
    arguments.push_back(b.i32(size));
  gpu::GPUFuncOp kernel =
      b.kernels.get(b.getLoc(), signature, [&](gpu::GPUFuncOp func) { emitCalibrate(func, spec); });
  b.launch(kernel,
           {b.ceilDiv(operands.keys, b.index(kKeys * kRetrieveThreads)), operands.queries,
            operands.batch},
           arguments);
}
