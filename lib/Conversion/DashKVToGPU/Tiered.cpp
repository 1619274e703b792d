//===- Tiered.cpp - Launches of tiered_attention --------------------------===//
//
// One kernel a layer where that is possible (Decode.h), else the steps of the
// op one after another. What depends on sizes alone is decided by the host
// code.
//
//===----------------------------------------------------------------------===//
#include "Decode.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

namespace {
/// Launches of one op; the members are its sizes.
class TieredLauncher {
public:
  TieredLauncher(TieredAttentionOp op, LaunchBuilder &b);
  LogicalResult launch();

private:
  std::optional<DecodeSpec> getDecodeSpec();
  /// Whether the decode kernel takes these sizes; sets how it is launched.
  Value planDecode(DecodeSpec spec);
  void launchDecode(DecodeSpec spec);
  LogicalResult launchSteps();
  void launchExact();
  void launchDenseFlags(Value counts, int64_t below);
  LogicalResult launchTiered();
  LogicalResult either(Value condition, function_ref<LogicalResult()> then,
                       function_ref<LogicalResult()> otherwise);
  AttendBuffers getAttention();
  Value allocate(Type element, ArrayRef<Value> sizes);
  /// Keys that a tier has at most, those that are forced for their place
  /// included.
  Value getCapacity(bool isMid);

  struct Layout {
    Value batch, head, row; ///< strides in elements, index
  };
  /// Of an operand in dense rows.
  Layout getLayout(Value operand, AffineMap map, unsigned rowDim);

  TieredAttentionOp op;
  LaunchBuilder &b;
  TieringAttr tiering;
  SmallVector<AffineMap> maps;
  AttentionDims dims;
  Value batch, kvHeads, keys;
  int64_t queries = 0;
  // Of the decode kernel.
  Value splits, fullWords, midWords, distanceBytes, stages, sharedBytes;
};
} // namespace

static Value getSize(LaunchBuilder &b, Value operand, AffineMap map, unsigned dim) {
  for (auto [i, expr] : llvm::enumerate(map.getResults()))
    if (cast<AffineDimExpr>(expr).getPosition() == dim)
      return b.dim(operand, i);
  llvm_unreachable("the verifier checks the dims of maps");
}

TieredLauncher::TieredLauncher(TieredAttentionOp op, LaunchBuilder &b)
    : op(op), b(b), tiering(op.getTiering()), maps(op.getMaps()), dims(op.getDims()) {
  batch = getSize(b, op.getQuery(), maps[0], dims.batch);
  kvHeads = getSize(b, op.getKey(), maps[1], dims.head);
  keys = getSize(b, op.getKey(), maps[1], dims.key);
  if (op.getBlockTable())
    keys = b.mul(keys, b.dim(op.getBlockTable(), 1));
}

TieredLauncher::Layout TieredLauncher::getLayout(Value operand, AffineMap map, unsigned rowDim) {
  Layout layout;
  Value stride = b.index(1);
  for (int64_t i = map.getNumResults() - 1; i >= 0; --i) {
    unsigned dim = cast<AffineDimExpr>(map.getResult(i)).getPosition();
    if (dim == dims.batch)
      layout.batch = stride;
    else if (dim == dims.head)
      layout.head = stride;
    else if (dim == rowDim)
      layout.row = stride;
    stride = b.mul(stride, b.dim(operand, i));
  }
  return layout;
}

//===----------------------------------------------------------------------===//
// One kernel
//===----------------------------------------------------------------------===//

std::optional<DecodeSpec> TieredLauncher::getDecodeSpec() {
  if (op.getVoteDiscount() || op.getPrior() || op.getForced() || !op.getMlpWeights().empty() ||
      tiering.getTies() == Ties::Inclusive || (op.getKeptInit() && tiering.getKeptVotes() != 1))
    return std::nullopt;
  auto sizeOf = [&](Value operand, AffineMap map, unsigned dim) {
    auto type = cast<ShapedType>(operand.getType());
    for (auto [i, expr] : llvm::enumerate(map.getResults()))
      if (cast<AffineDimExpr>(expr).getPosition() == dim)
        return type.getDimSize(i);
    return ShapedType::kDynamic;
  };
  int64_t heads = sizeOf(op.getQuery(), maps[0], dims.head);
  int64_t kvHeads = sizeOf(op.getKey(), maps[1], dims.head);
  int64_t rows = sizeOf(op.getQuery(), maps[0], dims.query);
  int64_t depth = sizeOf(op.getKey(), maps[1], dims.depth);
  int64_t valueDepth = sizeOf(op.getValue(), maps[2], dims.valueDepth);
  int64_t codeHeads = cast<ShapedType>(op.getQueryCodes().getType()).getDimSize(1);
  if (llvm::is_contained({heads, kvHeads, rows, depth, valueDepth, codeHeads},
                         ShapedType::kDynamic))
    return std::nullopt;
  // Rows are read 16 bytes at a time from where they are.
  std::pair<Value, unsigned> operands[] = {{op.getQuery(), dims.depth},
                                           {op.getKey(), dims.depth},
                                           {op.getValue(), dims.valueDepth},
                                           {op.getInit(), dims.valueDepth}};
  for (auto [operand, map] : llvm::zip_equal(operands, maps)) {
    auto last = cast<AffineDimExpr>(map.getResults().back()).getPosition();
    if (last != operand.second ||
        !cast<MemRefType>(operand.first.getType()).getLayout().isIdentity())
      return std::nullopt;
  }
  CodeForm form = *CodeForm::get(cast<ShapedType>(op.getQueryCodes().getType()),
                                 cast<ShapedType>(op.getKeyCodes().getType()));
  if (form.planes || form.bits < 32 || !llvm::isPowerOf2_64(form.bits))
    return std::nullopt;
  int64_t group = heads / kvHeads;
  if (tiering.getScope() == Scope::Head && group != 1)
    return std::nullopt;

  auto element = [](Value operand) { return getElementTypeOrSelf(operand.getType()); };
  DecodeSpec spec;
  spec.attend = {
      element(op.getQuery()),     element(op.getKey()), element(op.getValue()), depth, valueDepth,
      std::min<int64_t>(8, group)};
  spec.out = element(op.getInit());
  spec.group = group;
  spec.queries = rows;
  spec.bits = form.bits;
  spec.codeHeads = codeHeads / kvHeads;
  spec.weighted = form.weighted;
  spec.newest = tiering.getTies() == Ties::Newest;
  spec.hasLengths = static_cast<bool>(op.getLengths());
  spec.hasScales = static_cast<bool>(op.getKeyScale());
  spec.hasLse = static_cast<bool>(op.getLseInit());
  spec.hasKept = static_cast<bool>(op.getKeptInit());
  spec.mid = tiering.hasMid();
  spec.hasCodeScale = static_cast<bool>(op.getCodeScale());
  spec.tableHeads = 0;
  if (op.getTable())
    spec.tableHeads = cast<ShapedType>(op.getTable().getType()).getDimSize(0);
  // Of a sum over heads the distances of the heads are not known.
  if (spec.tableHeads < 0 || (spec.mid && spec.weighted && spec.codeHeads > 1))
    return std::nullopt;
  spec.bulk = b.getTarget().hasBulkCopy;
  spec.lengthsLate = spec.hasLengths && areLengthsLate(op.getLengths());
  // Codes may be read before the previous kernel is done if that appends to them,
  // and what it appends is in the window: at the end, which lengths tell.
  bool isAppended =
      anyUse(getRoot(op.getKeyCodes()), [&](OpOperand &use) { return use.getOwner() != op; });
  spec.early =
      tiering.getWindow() >= rows && isGiven(op.getKeyCodes()) && (spec.hasLengths || !isAppended);
  auto rowBytes = [&](Value operand, AffineMap map, Type type) {
    Value row = getLayout(operand, map, dims.key).row;
    return getConstantIntValue(row).value_or(0) * type.getIntOrFloatBitWidth() / 8;
  };
  spec.keyStride = rowBytes(op.getKey(), maps[1], spec.attend.key);
  spec.valueStride = rowBytes(op.getValue(), maps[2], spec.attend.value);
  if (spec.keyStride == 0 || spec.valueStride == 0)
    return std::nullopt;
  if (op.getBlockTable()) {
    auto pageBytes = [&](Value operand, AffineMap map, Type type) {
      Value page = getLayout(operand, map, dims.key).batch;
      return getConstantIntValue(page).value_or(0) * type.getIntOrFloatBitWidth() / 8;
    };
    spec.pageRows = sizeOf(op.getKey(), maps[1], dims.key);
    spec.keyPage = pageBytes(op.getKey(), maps[1], spec.attend.key);
    spec.valuePage = pageBytes(op.getValue(), maps[2], spec.attend.value);
    if (ShapedType::isDynamic(spec.pageRows) || spec.pageRows == 0 || spec.keyPage == 0 ||
        spec.valuePage == 0)
      return std::nullopt;
  }
  if (!spec.fitsByte() || !spec.attend.isSupported(b.getTarget()))
    return std::nullopt;
  queries = rows;
  // Two tiers of such short codes take a few registers more than there are.
  if (spec.mid && spec.bits == 32 && !spec.bulk)
    return std::nullopt;
  return spec;
}

Value TieredLauncher::getCapacity(bool isMid) {
  if (std::optional<int64_t> size = getConstantIntValue(keys))
    return b.index(isMid ? tiering.getMidCapacity(*size)
                         : tiering.getFullCapacity(*size, /*hasForced=*/false));
  int64_t fraction = isMid ? tiering.getMid() : tiering.getFull();
  int64_t min = isMid ? tiering.getMidMin() : tiering.getFullMin();
  int64_t max = isMid ? tiering.getMidMax() : tiering.getFullMax();
  Value budget = b.ceilDiv(b.mul(keys, b.index(fraction)), b.index(1000000));
  budget = b.max(budget, b.index(min));
  if (max != TieringAttr::none)
    budget = b.min(budget, b.index(max));
  if (!isMid)
    budget = b.add(budget, b.index(tiering.getSinks() + tiering.getWindow()));
  return b.min(budget, keys);
}

Value TieredLauncher::planDecode(DecodeSpec spec) {
  // As many CTAs a list as run at once, if they have a thousand keys each.
  Value lists = b.mul(b.mul(batch, kvHeads), b.index(queries));
  Value processors = b.multiprocessors();
  splits = b.index(1);
  int64_t maxSplits = b.kernels.allowsResident ? DecodeSpec::kMaxSplits : 1;
  for (int64_t i = 2; i <= maxSplits; i *= 2) {
    Value fits = b.cmp(CmpIPredicate::ule, b.mul(lists, b.index(i)), processors);
    Value worth = b.cmp(CmpIPredicate::uge, keys, b.index(1024 * i));
    fits = b.createOrFold<arith::AndIOp>(fits, worth);
    splits = b.select(fits, b.index(i), splits);
  }
  auto roundUp = [&](Value value, int64_t to) {
    return b.mul(b.ceilDiv(value, b.index(to)), b.index(to));
  };
  int64_t aligned = spec.getAlignedKeys();
  Value share = b.ceilDiv(b.add(keys, b.index(aligned - 1)), splits);
  share = roundUp(share, DecodeSpec::kGranularity);
  distanceBytes = roundUp(share, spec.getDistanceGranularity());
  Value entries = b.ceilDiv(getCapacity(/*isMid=*/false), splits);
  if (spec.hasLengths && tiering.getDenseBelow() > 0) {
    Value all = b.min(keys, b.index(tiering.getDenseBelow() - 1));
    entries = b.max(entries, b.ceilDiv(all, splits));
  }
  Value beyond = b.index(AttendShape::kEntries); // that a tile may read
  fullWords = roundUp(b.add(entries, beyond), 4);
  midWords = b.index(0);
  if (spec.mid)
    midWords = roundUp(b.add(b.ceilDiv(getCapacity(/*isMid=*/true), splits), beyond), 4);
  Value fixed = b.add(b.mul(b.add(fullWords, midWords), b.index(4)), distanceBytes);
  Value region =
      b.index(4 * std::max(spec.getPartialWords(), DecodeSpec::kMaxSplits * spec.getBins()));
  stages = b.index(0);
  int64_t available = b.getTarget().sharedBytes - 4 * spec.getStaticWords();
  if (spec.bulk) {
    // The rest of the memory serves as the cache of rows.
    int64_t preferred = std::min<int64_t>(available, 190 * 1024);
    Value left = b.max(b.index(preferred), fixed);
    left = b.floorDiv(b.createOrFold<arith::SubIOp>(left, fixed), b.index(DecodeSpec::kStageBytes));
    Value steps = b.ceilDiv(share, b.index(spec.getStageKeys()));
    stages = b.max(b.min(left, b.min(steps, b.index(DecodeSpec::kMaxStages))), b.index(2));
    region = b.max(region, b.mul(stages, b.index(DecodeSpec::kStageBytes)));
  }
  sharedBytes = b.add(fixed, region);
  Value fits = b.cmp(CmpIPredicate::ule, sharedBytes, b.index(available));
  if (aligned == 1)
    return fits;
  // Bulk copies end on 16 bytes, and not past the last KV head.
  Value codes = b.mul(b.mul(batch, kvHeads), keys);
  Value rest = b.createOrFold<arith::RemUIOp>(codes, b.index(aligned));
  return b.createOrFold<arith::AndIOp>(fits, b.cmp(CmpIPredicate::eq, rest, b.index(0)));
}

void TieredLauncher::launchDecode(DecodeSpec spec) {
  using Access = LaunchBuilder::Access;
  Location loc = op.getLoc();
  KernelSignature signature;
  signature.name = spec.getName();
  for (const DecodeSpec::Parameter &parameter : spec.getParameters(b.getContext()))
    signature.parameters.push_back(parameter.parameter);
  signature.threads = DecodeSpec::kThreads;
  signature.shared = {getSharedType(b.getContext(), spec.getStaticWords())};
  signature.resident = spec.split;
  gpu::GPUFuncOp kernel =
      b.kernels.get(loc, signature, [&](gpu::GPUFuncOp func) { DecodeEmitter(spec, func).emit(); });

  llvm::StringMap<Value> values;
  values["query_codes"] = b.pointer(op.getQueryCodes());
  values["key_codes"] = b.pointer(op.getKeyCodes());
  values["query"] = b.pointer(op.getQuery());
  values["key"] = b.pointer(op.getKey());
  values["value"] = b.pointer(op.getValue());
  if (spec.hasLengths)
    values["lengths"] = b.pointer(op.getLengths());
  if (spec.pageRows) {
    values["block_table"] = b.pointer(op.getBlockTable());
    values["blocks"] = b.i32(b.dim(op.getBlockTable(), 1));
  }
  if (spec.hasScales) {
    values["key_scale"] = b.pointer(op.getKeyScale());
    values["value_scale"] = b.pointer(op.getValueScale());
  }
  if (spec.mid) {
    values["temperature"] = b.pointer(op.getTemperature());
    values["bias"] = b.pointer(op.getBias());
  }
  if (spec.hasCodeScale)
    values["code_scale"] = b.pointer(op.getCodeScale());
  if (spec.tableHeads > 0)
    values["table"] = b.pointer(op.getTable());
  values["out"] = b.pointer(op.getInit(), Access::Write);
  if (spec.hasLse)
    values["lse"] = b.pointer(op.getLseInit(), Access::Write);
  if (spec.hasKept) {
    // The kernel sets flags, and clears none.
    Value unset = arith::ConstantOp::create(b, b.getBoolAttr(false));
    linalg::FillOp::create(b, ValueRange{unset}, ValueRange{op.getKeptInit()});
    values["kept"] = b.pointer(op.getKeptInit(), Access::ReadWrite);
  }
  if (spec.split) {
    Value perList = b.mul(b.mul(splits, splits), b.index(spec.getBins()));
    perList = b.add(perList, b.mul(splits, b.add(fullWords, midWords)));
    for (int64_t i = 0; i < spec.getColumnTiles(); ++i)
      perList = b.add(perList, b.mul(splits, b.add(b.index(spec.getOutputWords(i)),
                                                   b.mul(splits, b.index(spec.getStatWords(i))))));
    Value lists = b.mul(b.mul(batch, kvHeads), b.index(queries));
    values["boxes"] = b.workspace(b.getI32Type(), b.mul(lists, perList), /*init=*/-1);
  }
  constexpr int64_t unbounded = std::numeric_limits<int32_t>::max();
  auto bounded = [&](int64_t value) { return b.i32(std::min(value, unbounded)); };
  int64_t fullMax = tiering.getFullMax();
  values["keys"] = b.i32(keys);
  values["full"] = b.i32(tiering.getFull());
  values["full_min"] = bounded(tiering.getFullMin());
  values["full_max"] = bounded(fullMax == TieringAttr::none ? unbounded : fullMax);
  values["sinks"] = bounded(tiering.getSinks());
  values["window"] = bounded(tiering.getWindow());
  values["dense_below"] = bounded(tiering.getDenseBelow());
  values["full_words"] = b.i32(fullWords);
  if (spec.mid) {
    int64_t midMax = tiering.getMidMax();
    values["mid"] = b.i32(tiering.getMid());
    values["mid_min"] = bounded(tiering.getMidMin());
    values["mid_max"] = bounded(midMax == TieringAttr::none ? unbounded : midMax);
    values["mid_words"] = b.i32(midWords);
  }
  values["distance_bytes"] = b.i32(distanceBytes);
  values["stages"] = b.i32(stages);
  Layout query = getLayout(op.getQuery(), maps[0], dims.query);
  Layout key = getLayout(op.getKey(), maps[1], dims.key);
  Layout value = getLayout(op.getValue(), maps[2], dims.key);
  Layout out = getLayout(op.getInit(), maps[3], dims.query);
  values["query_batch"] = b.i32(query.batch);
  values["query_head"] = b.i32(query.head);
  values["query_row"] = b.i32(query.row);
  values["out_batch"] = b.i32(out.batch);
  values["out_head"] = b.i32(out.head);
  values["out_row"] = b.i32(out.row);
  values["key_batch"] = b.i64(key.batch);
  values["key_head"] = b.i64(key.head);
  values["value_batch"] = b.i64(value.batch);
  values["value_head"] = b.i64(value.head);
  constexpr float log2e = 1.44269504f;
  values["scale"] = b.f32(*op.getScaleValue() * log2e);

  SmallVector<Value> arguments;
  for (const DecodeSpec::Parameter &parameter : spec.getParameters(b.getContext()))
    arguments.push_back(values.at(parameter.name));
  Value lists = b.mul(kvHeads, b.index(queries));
  b.launch(kernel, {spec.split ? splits : b.index(1), lists, batch}, arguments, sharedBytes);
}

//===----------------------------------------------------------------------===//
// One step after another
//===----------------------------------------------------------------------===//

Value TieredLauncher::allocate(Type element, ArrayRef<Value> sizes) {
  SmallVector<int64_t> shape;
  SmallVector<Value> dynamic;
  for (Value size : sizes) {
    shape.push_back(getConstantIntValue(size).value_or(ShapedType::kDynamic));
    if (ShapedType::isDynamic(shape.back()))
      dynamic.push_back(size);
  }
  return memref::AllocOp::create(b, MemRefType::get(shape, element), dynamic);
}

template <typename OpTy> static LogicalResult lowerNow(OpTy op, LaunchBuilder &b) {
  LaunchBuilder inner(op, b.kernels);
  LogicalResult result = lowerToLaunches(op, inner);
  inner.finish();
  op.erase();
  return result;
}

/// Sequences of fewer than `dense_below` keys: `kept` of all visible keys, and
/// no key in a mid tier. Does nothing to longer ones.
static void emitDenseFlags(gpu::GPUFuncOp func, bool hasLengths, bool hasKept, bool hasCounts,
                           int64_t threads) {
  KernelBuilder b(func);
  auto args = func.getArguments();
  unsigned next = 0;
  Value lengths = hasLengths ? args[next++] : Value(), kept = hasKept ? args[next++] : Value();
  Value counts = hasCounts ? args[next++] : Value();
  // In byte planes a row of `kept` has more flags than there are keys.
  Value batches = args[next++], keys = args[next++], numFlags = args[next++];
  Value numCounts = args[next++], below = args[next++];
  b.launchDependents();
  b.waitForPrevious();
  Value zero = b.i32(0);
  Value i = b.add(b.mul(b.blockId(gpu::Dimension::x), b.i32(threads)), b.threadX(threads));
  Value stride = b.mul(b.gridSize(gpu::Dimension::x), b.i32(threads));
  auto view = [&](Value pointer, Value size) {
    return b.view(pointer, b.toIndex(zero), b.toIndex(size));
  };
  Value longest = keys;
  if (hasLengths) {
    lengths = view(lengths, batches);
    longest = b.loop(zero, batches, b.i32(1), {zero}, [&](Value batch, ValueRange carried) {
      return SmallVector<Value>{b.maxS(carried[0], b.load(lengths, batch))};
    })[0];
  }
  b.when(b.cmp(CmpIPredicate::slt, longest, below), [&] {
    if (hasCounts)
      b.loop(i, numCounts, stride,
             [&](Value count) { b.store(zero, view(counts, numCounts), count); });
    if (!hasKept)
      return;
    b.loop(zero, batches, b.i32(1), [&](Value batch) {
      Value length = hasLengths ? b.load(lengths, batch) : keys;
      Value size = b.toIndex(numFlags);
      Value flags = b.view(kept, b.mul(b.toIndex(batch), size), size);
      b.loop(i, numFlags, stride,
             [&](Value key) { b.store(b.cmp(CmpIPredicate::slt, key, length), flags, key); });
    });
  });
}

void TieredLauncher::launchDenseFlags(Value counts, int64_t below) {
  Value kept = op.getKeptInit(), lengths = op.getLengths();
  if (!counts && !kept)
    return;
  Type i32 = b.getI32Type();
  KernelSignature signature;
  llvm::raw_string_ostream(signature.name) << "dashkv_dense_flags" << (lengths ? "_lengths" : "")
                                           << (kept ? "_kept" : "") << (counts ? "_counts" : "");
  SmallVector<Value> arguments;
  auto add = [&](Type type, Value pointer) {
    signature.parameters.push_back({type});
    arguments.push_back(pointer);
  };
  if (lengths)
    add(i32, b.pointer(lengths));
  if (kept)
    add(b.getI1Type(), b.pointer(kept, LaunchBuilder::Access::ReadWrite));
  Value numCounts = b.index(0);
  if (counts) {
    add(i32, b.pointer(counts, LaunchBuilder::Access::ReadWrite));
    numCounts = b.index(1);
    for (int64_t i = 0; i < 3; ++i)
      numCounts = b.mul(numCounts, b.dim(counts, i));
  }
  signature.parameters.append(5, {i32, KernelParameter::Scalar});
  Value flags = kept ? b.dim(kept, 1) : keys;
  below = std::min<int64_t>(below, std::numeric_limits<int32_t>::max());
  llvm::append_values(arguments, b.i32(batch), b.i32(keys), b.i32(flags), b.i32(numCounts),
                      b.i32(below));
  gpu::GPUFuncOp kernel = b.kernels.get(op.getLoc(), signature, [&](gpu::GPUFuncOp func) {
    emitDenseFlags(func, static_cast<bool>(lengths), static_cast<bool>(kept),
                   static_cast<bool>(counts), signature.threads);
  });
  Value one = b.index(1), blocks = b.ceilDiv(b.max(flags, numCounts), b.index(signature.threads));
  b.launch(kernel, {b.max(blocks, one), one, one}, arguments);
}

AttendBuffers TieredLauncher::getAttention() {
  AttendBuffers buffers;
  buffers.query = op.getQuery();
  buffers.key = op.getKey();
  buffers.value = op.getValue();
  buffers.lengths = op.getLengths();
  buffers.blockTable = op.getBlockTable();
  buffers.keyScale = op.getKeyScale();
  buffers.valueScale = op.getValueScale();
  buffers.maps = maps;
  if (op.getScale())
    buffers.scale = op.getScale()->convertToFloat();
  return buffers;
}

void TieredLauncher::launchExact() {
  AttendBuffers buffers = getAttention();
  buffers.causal = true;
  buffers.out = op.getInit();
  buffers.lse = op.getLseInit();
  launchAttend(buffers, b);
  launchDenseFlags(/*counts=*/Value(), std::numeric_limits<int32_t>::max());
}

LogicalResult TieredLauncher::launchSteps() {
  Type i32 = b.getI32Type(), f32 = b.getF32Type();
  Value heads = getSize(b, op.getQuery(), maps[0], dims.head);
  Value rows = getSize(b, op.getQuery(), maps[0], dims.query);
  Value listHeads = tiering.getScope() == Scope::Group ? kvHeads : heads;
  // Keys that have a code: those of the cache, and up to 63 more in byte
  // planes.
  bool planes = CodeForm::arePlanes(op.getKeyCodes().getType());
  Value codeKeys = keys;
  if (planes)
    codeKeys = b.mul(b.dim(op.getKeyCodes(), 2), b.index(CodeForm::blockKeys));

  RetrieveBuffers retrieve;
  retrieve.queryCodes = op.getQueryCodes();
  retrieve.keyCodes = op.getKeyCodes();
  retrieve.lengths = op.getLengths();
  if (planes && !retrieve.lengths) {
    retrieve.lengths = allocate(i32, {batch});
    linalg::FillOp::create(b, ValueRange{b.i32(keys)}, ValueRange{retrieve.lengths});
  }
  retrieve.forced = op.getForced();
  retrieve.prior = op.getPrior();
  retrieve.voteDiscount = op.getVoteDiscount();
  retrieve.priorDiscount = op.getPriorDiscount();
  retrieve.radius = op.getRadius();
  retrieve.kept = op.getKeptInit();
  bool isInclusive = tiering.getTies() == Ties::Inclusive;
  Value capacity = isInclusive || op.getForced() ? codeKeys : getCapacity(/*isMid=*/false);
  retrieve.fullIndices = allocate(i32, {batch, listHeads, rows, capacity});
  retrieve.fullCounts = allocate(i32, {batch, listHeads, rows});
  retrieve.fullThreshold = allocate(i32, {batch, listHeads, rows});
  bool hasMid = tiering.hasMid();
  Value midCapacity;
  if (hasMid) {
    midCapacity = isInclusive ? codeKeys : getCapacity(/*isMid=*/true);
    retrieve.midIndices = allocate(i32, {batch, listHeads, rows, midCapacity});
    retrieve.midCounts = allocate(i32, {batch, listHeads, rows});
    retrieve.midThreshold = allocate(i32, {batch, listHeads, rows});
  }
  if (failed(launchRetrieve(retrieve, tiering, b)))
    return failure();
  // With lengths the device decides which sequences are short.
  bool mayBeDense = op.getLengths() && tiering.getDenseBelow() > 0;
  if (mayBeDense)
    launchDenseFlags(retrieve.midCounts, tiering.getDenseBelow());

  AttendBuffers full = getAttention();
  full.indices = retrieve.fullIndices;
  full.counts = retrieve.fullCounts;
  full.denseBelow = mayBeDense ? tiering.getDenseBelow() : 0;
  if (!hasMid) {
    full.out = op.getInit();
    full.lse = op.getLseInit();
    launchAttend(full, b);
    return success();
  }
  Value valueDepth = getSize(b, op.getValue(), maps[2], dims.valueDepth);
  Value acc = allocate(f32, {batch, heads, rows, valueDepth});
  Value max = allocate(f32, {batch, heads, rows}), sum = allocate(f32, {batch, heads, rows});
  float lowest = std::numeric_limits<float>::lowest();
  for (auto [buffer, value] : {std::pair(acc, 0.0f), {max, lowest}, {sum, 0.0f}})
    linalg::FillOp::create(b, ValueRange{b.f32(value)}, ValueRange{buffer});
  // Statistics are in default layout whatever that of the operands.
  SmallVector<AffineMap> defaults = AttentionDims::getDefaultMaps(b.getContext(), false);
  full.maps = {maps[0], maps[1], maps[2], defaults[3]};
  std::tie(full.acc, full.max, full.sum) = std::tie(acc, max, sum);
  launchAttend(full, b);

  Value scores = allocate(f32, {batch, heads, rows, midCapacity});
  auto estimate = EstimateScoresOp::create(
      b, op.getQueryCodes(), op.getKeyCodes(), retrieve.midIndices, retrieve.midCounts,
      op.getTemperature(), op.getBias(), op.getCodeScale(), op.getTable(), op.getMlpWeights(),
      op.getMlpBiases(), scores, op.getActivationAttr());
  if (failed(lowerNow(estimate, b)))
    return failure();
  AttendBuffers mid = getAttention();
  mid.query = mid.key = mid.keyScale = mid.lengths = Value();
  mid.maps = full.maps;
  mid.indices = retrieve.midIndices;
  mid.counts = retrieve.midCounts;
  mid.scores = scores;
  std::tie(mid.acc, mid.max, mid.sum) = std::tie(acc, max, sum);
  launchAttend(mid, b);

  if (maps[3] == defaults[3])
    return lowerNow(FinalizeOp::create(b, acc, max, sum, op.getInit(), op.getLseInit()), b);
  Type type = getElementTypeOrSelf(op.getInit().getType());
  Value out = allocate(type, {batch, heads, rows, valueDepth});
  if (failed(lowerNow(FinalizeOp::create(b, acc, max, sum, out, op.getLseInit()), b)))
    return failure();
  SmallVector<int64_t> permutation;
  for (AffineExpr expr : maps[3].getResults())
    permutation.push_back(*defaults[3].getResultPosition(expr));
  linalg::TransposeOp::create(b, out, op.getInit(), permutation);
  return success();
}

//===----------------------------------------------------------------------===//
// The choice
//===----------------------------------------------------------------------===//

LogicalResult TieredLauncher::either(Value condition, function_ref<LogicalResult()> then,
                                     function_ref<LogicalResult()> otherwise) {
  if (std::optional<int64_t> known = getConstantIntValue(condition))
    return *known ? then() : otherwise();
  auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/true);
  b.setInsertionPointToStart(branch.thenBlock());
  LogicalResult first = then();
  b.finish();
  b.setInsertionPointToStart(branch.elseBlock());
  LogicalResult second = otherwise();
  b.finish();
  b.setInsertionPointAfter(branch);
  return success(succeeded(first) && succeeded(second));
}

LogicalResult TieredLauncher::launchTiered() {
  std::optional<DecodeSpec> spec = getDecodeSpec();
  if (!spec)
    return launchSteps();
  auto launchDecodeKernel = [&](bool split) {
    spec->split = split;
    launchDecode(*spec);
    return success();
  };
  return either(
      planDecode(*spec),
      [&] {
        return either(
            b.cmp(CmpIPredicate::ugt, splits, b.index(1)), [&] { return launchDecodeKernel(true); },
            [&] { return launchDecodeKernel(false); });
      },
      [&] { return launchSteps(); });
}

LogicalResult TieredLauncher::launch() {
  int64_t bound = tiering.getDenseBelow();
  std::optional<int64_t> size = getConstantIntValue(keys);
  // With lengths a short cache is short for certain, a long one is not.
  if (bound == 0 || (op.getLengths() && !size))
    return launchTiered();
  return either(
      b.cmp(CmpIPredicate::ult, keys, b.index(bound)),
      [&] {
        launchExact();
        return success();
      },
      [&] { return launchTiered(); });
}

LogicalResult mlir::dashkv::lowerToLaunches(TieredAttentionOp op, LaunchBuilder &b) {
  return TieredLauncher(op, b).launch();
}
