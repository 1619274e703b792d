//===- SelectDigits.cpp - Count one digit of values -----------------------===//
//
// A threshold of more than a byte takes one pass a digit of 8 bits, highest
// first: a pass counts the keys whose digits so far are those of the threshold.
//
//===----------------------------------------------------------------------===//
#include "Retrieve.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

static constexpr int64_t kBins = 256;
/// Loads in flight of a thread.
static constexpr int64_t kLoads = 4;

namespace {
/// Where the parameters are.
struct DigitSpec {
  CountSpec count;
  unsigned bits;
  bool hasLengths, hasForced;

  /// Added to a value so that digits have the order of values.
  int64_t getBias() const { return bits == 8 ? 0 : int64_t(1) << (8 * count.digits - 1); }
};
} // namespace

static void emitDigitPass(gpu::GPUFuncOp func, const DigitSpec &spec) {
  KernelBuilder b(func);
  ValueRange args = func.getArguments();
  auto next = [&] {
    Value value = args.front();
    args = args.drop_front();
    return value;
  };
  Value pointer = next();
  Value lengths = spec.hasLengths ? next() : Value();
  Value forced = spec.hasForced ? next() : Value();
  Value pitch = next(), queries = next(), numKeys = next();
  CountArguments count = CountArguments::take(spec.count, args);
  ArrayRef<BlockArgument> shared = func.getWorkgroupAttributions();
  Value bin = shared[0];

  Value zero = b.i32(0), one = b.i32(1), threads = b.i32(kRetrieveThreads);
  Value thread = b.threadX(kRetrieveThreads);
  Value chunk = b.blockId(gpu::Dimension::x), chunks = b.gridSize(gpu::Dimension::x);
  Value rowOfBatch = b.blockId(gpu::Dimension::y), batch = b.blockId(gpu::Dimension::z);
  b.launchDependents();
  b.waitForPrevious();
  Value length = getLength(b, lengths, batch, numKeys);
  Value limit = getRowLimit(b, length, queries, b.remU(rowOfBatch, queries));
  ChunkRange range = getChunkRange(b, length, chunk, chunks);
  Value rowNumber = b.add(b.mul(batch, b.gridSize(gpu::Dimension::y)), rowOfBatch);
  Value row = b.toIndex(rowNumber);
  b.loop(thread, b.i32(kBins + 1), threads, [&](Value i) { b.store(zero, bin, i); });
  b.barrier();

  Value values = b.view(pointer, b.mul(row, b.toIndex(pitch)), b.toIndex(pitch));
  Value flags;
  if (forced) {
    Value size = b.toIndex(numKeys);
    flags = b.view(forced, b.mul(b.toIndex(batch), size), size);
  }
  Value prefix;
  if (spec.count.digit > 0) {
    Value first = b.mul(row, b.toIndex(b.i32(kStateWords)));
    prefix = b.load(b.view(count.states, first, b.toIndex(b.i32(kStateWords))), b.i32(kPrefix));
  }
  Value end = b.minS(range.end, limit), last = b.sub(end, one);
  int64_t shift = 8 * (spec.count.digits - 1 - spec.count.digit);
  Value tail = limit;
  if (spec.count.kind == CountSpec::Tiers)
    tail = b.sub(limit, count.window);
  b.loop(b.add(range.begin, thread), end, b.i32(kLoads * kRetrieveThreads), [&](Value first) {
    SmallVector<Value> keys, loaded; // all of them before their first use
    for (int64_t i = 0; i < kLoads; ++i) {
      keys.push_back(b.add(first, b.i32(i * kRetrieveThreads)));
      loaded.push_back(b.load(values, b.minS(keys.back(), last)));
    }
    for (auto [key, value] : llvm::zip_equal(keys, loaded)) {
      Value inside = b.cmp(CmpIPredicate::slt, key, end);
      if (spec.bits == 8)
        value = arith::ExtUIOp::create(b, b.getI32Type(), value);
      else if (spec.bits == 16)
        value = arith::ExtSIOp::create(b, b.getI32Type(), value);
      Value digits = b.shr(b.add(value, b.i32(spec.getBias())), shift);
      Value special = b.bxor(b.cmp(CmpIPredicate::slt, key, tail), b.i1(true));
      if (spec.count.kind == CountSpec::Tiers)
        special = b.bor(special, b.cmp(CmpIPredicate::slt, key, count.sinks));
      if (forced)
        special = b.bor(special, b.load(flags, b.minS(key, last)));
      Value slot = b.band(digits, b.i32(kBins - 1));
      Value counted = inside;
      if (prefix) { // what is forced has been counted before
        Value same = b.cmp(CmpIPredicate::eq, b.shr(digits, 8), prefix);
        counted = b.band(b.band(inside, same), b.bxor(special, b.i1(true)));
      } else {
        slot = b.select(special, b.i32(kBins), slot);
      }
      b.when(counted, [&] { b.atomic(LLVM::AtomicBinOp::add, one, bin, slot); });
    }
  });
  b.barrier();
  emitWriteHistogram(b, bin, zero, count.histogram, row, chunks, chunk, kBins, thread);
  ThresholdEmitter threshold(b, spec.count, count, kBins, thread, chunks, shared.drop_front());
  Value isLast = b.isLastBlock(count.counters, rowNumber, chunks, thread, threshold.getFlag());
  b.when(isLast, [&] { threshold.emitRow(row, limit, zero, /*scale=*/1, spec.getBias()); });
}

void mlir::dashkv::launchDigitPass(const CountSpec &count, const DigitOperands &operands,
                                   LaunchBuilder &b) {
  Type i32 = b.getI32Type();
  DigitSpec spec{count, operands.values.getBits(), static_cast<bool>(operands.lengths),
                 static_cast<bool>(operands.forced)};
  KernelSignature signature;
  llvm::raw_string_ostream(signature.name)
      << "dashkv_count_i" << spec.bits << (spec.hasLengths ? "_lengths" : "")
      << (spec.hasForced ? "_forced" : "") << count.getName();
  signature.threads = kRetrieveThreads;
  signature.minBlocks = 4;
  signature.parameters = {{b.getIntegerType(spec.bits)}};
  if (spec.hasLengths)
    signature.parameters.push_back({i32});
  if (spec.hasForced)
    signature.parameters.push_back({b.getI1Type()});
  signature.parameters.append(3, {i32, KernelParameter::Scalar});
  count.addParameters(b.getContext(), signature.parameters);
  signature.shared = {getSharedType(b.getContext(), kBins + 1)};
  llvm::append_range(signature.shared, ThresholdEmitter::getShared(b.getContext(), kBins));
  gpu::GPUFuncOp kernel =
      b.kernels.get(b.getLoc(), signature, [&](gpu::GPUFuncOp func) { emitDigitPass(func, spec); });

  SmallVector<Value> arguments = {operands.values.pointer};
  for (Value memref : {operands.lengths, operands.forced})
    if (memref)
      arguments.push_back(b.pointer(memref));
  llvm::append_values(arguments, b.i32(operands.values.pitch), b.i32(operands.queries),
                      b.i32(operands.keys));
  llvm::append_range(arguments, operands.count.getLaunchArguments(count));
  b.launch(kernel, {operands.chunks, operands.rows, operands.batch}, arguments);
}
