//===- ScanLaunch.cpp - The host side of the scan -------------------------===//
#include "Retrieve.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

/// Static shared memory that lets four CTAs share a multiprocessor of any chip.
static constexpr int64_t kSharedBytes = 22 * 1024;
/// Bins of the largest histogram that one pass of a threshold takes.
static constexpr int64_t kMaxBins = 4 * 1024;
/// Rows that a CTA takes at once where their number is not known.
static constexpr int64_t kDynamicRows = 8;

//===----------------------------------------------------------------------===//
// ScanSpec
//===----------------------------------------------------------------------===//

int64_t ScanSpec::getPlanes() const { return llvm::Log2_64(getMaxWeight()) + 1; }

SmallVector<MemRefType> ScanSpec::getShared(MLIRContext *context) const {
  SmallVector<MemRefType> shared = {getSharedType(context, rowTile * getRowWords()),
                                    getSharedType(context, rowTile)};
  if (weighted)
    shared.push_back(getSharedType(context, rowTile));
  if (count.kind == CountSpec::None)
    return shared;
  shared.push_back(getSharedType(context, rowTile * getRowBins()));
  if (!hasThresholdKernel())
    llvm::append_range(shared, ThresholdEmitter::getShared(context, getBins()));
  return shared;
}

static int64_t getBytes(ArrayRef<MemRefType> shared) {
  int64_t bytes = 0;
  for (MemRefType type : shared)
    bytes += 4 * type.getDimSize(0);
  return bytes;
}

std::string ScanSpec::getName() const {
  std::string name;
  llvm::raw_string_ostream(name) << "dashkv_scan_" << (weighted ? "weighted" : "packed")
                                 << (planes    ? "_planes"
                                     : aligned ? ""
                                               : "_unaligned")
                                 << "_l" << bits << "_s" << summands << "_r" << rowTile
                                 << (hasLengths ? "_lengths" : "") << (hasForced ? "_forced" : "")
                                 << count.getName();
  return name;
}

ScanSpec mlir::dashkv::getScanSpec(Value queryCodes, Value keyCodes, Value lengths) {
  CodeForm form = *CodeForm::get(queryCodes.getType(), keyCodes.getType()); // as verified (c3)
  ScanSpec spec;
  spec.bits = form.bits;
  spec.weighted = form.weighted;
  spec.planes = form.planes;
  spec.aligned = false;
  spec.hasLengths = static_cast<bool>(lengths);
  return spec;
}

LogicalResult mlir::dashkv::chooseRowTile(MLIRContext *context, ScanSpec &spec, int64_t rows) {
  if (spec.count.kind != CountSpec::None && spec.getBins() > kMaxBins)
    return failure();
  int64_t tile = ShapedType::isDynamic(rows) ? kDynamicRows : rows;
  for (spec.rowTile = tile; spec.rowTile > 1; --spec.rowTile)
    if (getBytes(spec.getShared(context)) <= kSharedBytes)
      break;
  // Equal shares.
  spec.rowTile = llvm::divideCeil(tile, llvm::divideCeil(tile, spec.rowTile));
  return success();
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

Value mlir::dashkv::chooseChunks(LaunchBuilder &b, Value keys, Value rowsOfCTAs) {
  // Four CTAs, 32 warps, a multiprocessor hide the latency of a step.
  Value share = b.floorDiv(b.mul(b.multiprocessors(), b.index(4)), b.max(rowsOfCTAs, b.index(1)));
  Value most = b.min(b.ceilDiv(keys, b.index(512)), b.index(kMaxChunks));
  return b.max(b.min(share, most), b.index(1));
}

/// The key codes as the scan reads them: a pointer, and in bytes where the first
/// one is and the way from batch to batch and from head to head.
static DeviceBuffer getKeyCodes(Value keyCodes, LaunchBuilder &b) {
  auto type = cast<MemRefType>(keyCodes.getType());
  SmallVector<int64_t> strides;
  int64_t offset, dense = 1;
  bool isDense = succeeded(type.getStridesAndOffset(strides, offset));
  for (int64_t i = type.getRank() - 1; isDense && i >= 2; --i) {
    isDense = strides[i] == dense;
    dense = i > 2 ? dense * type.getDimSize(i) : dense;
  }
  if (isDense)
    return b.flatten(keyCodes);
  DeviceBuffer result;
  result.pointer = b.pointer(keyCodes);
  result.offset = b.index(0);
  Value head = b.mul(b.dim(keyCodes, 2), b.index(dense));
  result.strides = {b.mul(head, b.dim(keyCodes, 1)), head};
  return result;
}

static gpu::GPUFuncOp getKernel(const ScanSpec &spec, LaunchBuilder &b) {
  Type i8 = b.getI8Type(), i32 = b.getI32Type(), i64 = b.getI64Type();
  KernelSignature signature;
  signature.name = spec.getName();
  signature.threads = kRetrieveThreads;
  // 32 warps hide the latency of a step, where 64 registers are enough.
  bool large = spec.bits > 128 || (spec.rowTile > 1 && (spec.weighted || spec.bits < 64));
  signature.minBlocks = large ? 2 : 4;
  // The step may have appended to the key codes: no constant.
  signature.parameters = {{i8}, {i8, KernelParameter::Aligned}};
  if (spec.hasLengths)
    signature.parameters.push_back({i32});
  if (spec.hasForced)
    signature.parameters.push_back({b.getI1Type()});
  signature.parameters.push_back(
      {b.getIntegerType(spec.getDistanceBits()), KernelParameter::Aligned});
  signature.parameters.append(4, {i32, KernelParameter::Scalar});
  signature.parameters.append(3, {i64, KernelParameter::Scalar});
  spec.count.addParameters(b.getContext(), signature.parameters);
  signature.shared = spec.getShared(b.getContext());
  return b.kernels.get(b.getLoc(), signature, [&](gpu::GPUFuncOp func) { emitScan(func, spec); });
}

/// Calls `launch` for keys on 16 bytes or not, as sizes tell, at run time where it
/// must be.
static void launchForAlignment(const ScanSpec &spec, const ScanOperands &operands,
                               const DeviceBuffer &codes, function_ref<void(bool)> launch,
                               LaunchBuilder &b) {
  if (spec.planes || spec.bits < 32 || !llvm::isPowerOf2_64(spec.bits))
    return launch(/*aligned=*/false);

  // Loads of 16 bytes, and the stores of their keys.
  auto isMultiple = [&](Value value, int64_t factor) {
    Value rest = b.createOrFold<arith::RemUIOp>(value, b.index(factor));
    return b.cmp(CmpIPredicate::eq, rest, b.index(0));
  };
  Value aligned = isMultiple(operands.pitch, std::max<int64_t>(1, 128 / spec.bits));
  for (Value bytes : {codes.offset, codes.strides[0], codes.strides[1]})
    aligned = b.createOrFold<arith::AndIOp>(aligned, isMultiple(bytes, 16));
  if (std::optional<int64_t> known = getConstantIntValue(aligned))
    return launch(*known != 0);
  auto branch = scf::IfOp::create(b, aligned, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  launch(/*aligned=*/true);
  b.setInsertionPointToStart(branch.elseBlock());
  launch(/*aligned=*/false);
}

static void emitThresholdKernel(gpu::GPUFuncOp func, const ScanSpec &spec) {
  KernelBuilder b(func);
  ValueRange args = func.getArguments();
  Value lengths = spec.hasLengths ? args.front() : Value();
  args = args.drop_front(spec.hasLengths);
  Value chunks = args[0], queries = args[1], numKeys = args[2];
  CountArguments count = CountArguments::take(spec.count, args.drop_front(3));
  b.launchDependents();
  b.waitForPrevious();
  Value thread = b.threadX(kRetrieveThreads), batch = b.blockId(gpu::Dimension::z);
  Value rowOfBatch = b.blockId(gpu::Dimension::x);
  Value row = b.toIndex(b.add(b.mul(batch, b.gridSize(gpu::Dimension::x)), rowOfBatch));
  Value length = getLength(b, lengths, batch, numKeys);
  Value limit = getRowLimit(b, length, queries, b.remU(rowOfBatch, queries));
  Value words = b.toIndex(b.i32(kStateWords));
  Value offset = b.load(b.view(count.states, b.mul(row, words), words), b.i32(kOffset));
  SmallVector<Value> shared(func.getWorkgroupAttributions());
  ThresholdEmitter thresholds(b, spec.count, count, spec.getBins(), thread, chunks, shared);
  thresholds.emitRow(row, limit, offset, spec.getScale(), /*bias=*/0);
}

/// The thresholds of the rows that a scan has counted.
static void launchThresholds(const ScanSpec &spec, const ScanOperands &operands, LaunchBuilder &b) {
  Type i32 = b.getI32Type();
  KernelSignature signature;
  llvm::raw_string_ostream(signature.name)
      << "dashkv_threshold_b" << spec.getBins() << "_x" << spec.getScale()
      << (spec.hasLengths ? "_lengths" : "") << spec.count.getName();
  signature.threads = kRetrieveThreads;
  SmallVector<Value> arguments;
  if (spec.hasLengths) {
    signature.parameters.push_back({i32});
    arguments.push_back(b.pointer(operands.lengths));
  }
  signature.parameters.append(3, {i32, KernelParameter::Scalar});
  for (Value size : {operands.chunks, operands.queries, operands.keys})
    arguments.push_back(b.i32(size));
  spec.count.addParameters(b.getContext(), signature.parameters);
  llvm::append_range(arguments, operands.count.getLaunchArguments(spec.count));
  signature.shared = ThresholdEmitter::getShared(b.getContext(), spec.getBins());
  gpu::GPUFuncOp kernel = b.kernels.get(
      b.getLoc(), signature, [&](gpu::GPUFuncOp func) { emitThresholdKernel(func, spec); });
  Value rows = b.mul(operands.kvHeads, operands.rows);
  b.launch(kernel, {rows, b.index(1), operands.batch}, arguments);
}

void mlir::dashkv::launchScan(ScanSpec spec, const ScanOperands &operands, LaunchBuilder &b) {
  DeviceBuffer codes = getKeyCodes(operands.keyCodes, b);
  SmallVector<Value> arguments = {b.pointer(operands.queryCodes), codes.pointer};
  if (spec.hasLengths)
    arguments.push_back(b.pointer(operands.lengths));
  if (spec.hasForced)
    arguments.push_back(b.pointer(operands.forced));
  llvm::append_values(arguments, operands.distances, b.i32(operands.keys), b.i32(operands.pitch),
                      b.i32(operands.rows), b.i32(operands.queries), b.i64(codes.offset),
                      b.i64(codes.strides[0]), b.i64(codes.strides[1]));
  llvm::append_range(arguments, operands.count.getLaunchArguments(spec.count));
  Value tiles = b.ceilDiv(operands.rows, b.index(spec.rowTile));
  auto launch = [&](bool aligned) {
    spec.aligned = aligned;
    b.launch(getKernel(spec, b), {operands.chunks, b.mul(operands.kvHeads, tiles), operands.batch},
             arguments);
  };
  launchForAlignment(spec, operands, codes, launch, b);
  if (spec.hasThresholdKernel())
    launchThresholds(spec, operands, b);
}

//===----------------------------------------------------------------------===//
// hamming_distance
//===----------------------------------------------------------------------===//

LogicalResult mlir::dashkv::lowerToLaunches(HammingDistanceOp op, LaunchBuilder &b) {
  Value distances = op.getInit();
  ScanSpec spec = getScanSpec(op.getQueryCodes(), op.getKeyCodes(), Value());
  ScanOperands operands;
  operands.queryCodes = op.getQueryCodes();
  operands.keyCodes = op.getKeyCodes();
  operands.distances = b.pointer(distances, LaunchBuilder::Access::Write);
  operands.batch = b.dim(distances, 0);
  operands.kvHeads = b.dim(op.getKeyCodes(), 1);
  operands.queries = b.dim(distances, 2);
  operands.keys = operands.pitch = b.dim(distances, 3);
  Value codeHeads = b.dim(distances, 1);
  operands.rows = b.mul(b.floorDiv(codeHeads, operands.kvHeads), operands.queries);
  int64_t rows = getConstantIntValue(operands.rows).value_or(ShapedType::kDynamic);
  if (failed(chooseRowTile(b.getContext(), spec, rows)))
    llvm_unreachable("nothing is counted");
  Value tiles = b.ceilDiv(operands.rows, b.index(spec.rowTile));
  Value ctas = b.mul(b.mul(operands.batch, operands.kvHeads), tiles);
  operands.chunks = chooseChunks(b, operands.keys, ctas);
  launchScan(spec, operands, b);
  return success();
}
