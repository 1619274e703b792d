//===- AttendLaunch.cpp - Launches of attention ---------------------------===//
#include "AttendKernel.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

namespace {
/// An operand by named dims; strides in elements, null where it lacks the dim.
struct Layout {
  DeviceBuffer buffer;
  Value batch, head, group, query, key, depth;
  bool isDense = false; ///< identity layout
  int64_t lastSize = 0; ///< static size of the last dim
};

/// Launches of one op.
class AttendLauncher {
public:
  AttendLauncher(const AttendBuffers &buffers, LaunchBuilder &b);
  void launch();

private:
  Layout getLayout(Value operand, AffineMap map, bool ofQuery);
  AttendSpec getSpec() const;
  /// Whether rows lie as the tensor core form wants them (i1).
  Value isMatrixLayout();
  void launchKernel(AttendSpec spec);
  Value getSplits(const AttendSpec &spec, Value units);
  void addLayout(KernelArguments &arguments, StringRef name, Layout layout, bool isRow);

  const AttendBuffers &buffers;
  LaunchBuilder &b;
  AttentionDims dims;
  Layout query, key, value, mask, out;
  int64_t staticHeads = 0, staticQueries = 0; // of a unit, 0: dynamic
  Value batch, kvHeads, group, queries, keys, depth, valueDepth;
  Value ratio, heads, capacity; // lists a KV head, query heads of a unit
  Value indices, counts, scores, lengths, keyScale, valueScale, lse, max, sum;
  Value blockTable, blocks, pageRows; // blocks: entries of a sequence
};
} // namespace

Layout AttendLauncher::getLayout(Value operand, AffineMap map, bool ofQuery) {
  auto type = cast<MemRefType>(operand.getType());
  Layout layout;
  layout.buffer = b.flatten(operand);
  layout.isDense = type.getLayout().isIdentity();
  layout.lastSize = type.getShape().back();
  for (auto [expr, stride] : llvm::zip_equal(map.getResults(), layout.buffer.strides)) {
    unsigned dim = cast<AffineDimExpr>(expr).getPosition();
    (dim == dims.batch                  ? layout.batch
     : dim == dims.head                 ? layout.head
     : dims.group && dim == *dims.group ? layout.group
     : dim == dims.query                ? layout.query
     : dim == dims.key                  ? layout.key
                                        : layout.depth) = stride;
  }
  // Query heads are (KV head, head of its group).
  if (ofQuery && !dims.group && layout.head) {
    layout.group = layout.head;
    layout.head = b.mul(layout.head, group);
  }
  return layout;
}

/// The static size of the dim `dim` of the iteration space, or 0.
static int64_t getStaticSize(Value operand, AffineMap map, unsigned dim) {
  for (auto [i, expr] : llvm::enumerate(map.getResults()))
    if (cast<AffineDimExpr>(expr).getPosition() == dim) {
      int64_t size = cast<MemRefType>(operand.getType()).getDimSize(i);
      return ShapedType::isDynamic(size) ? 0 : size;
    }
  return 0;
}
static Value getSize(LaunchBuilder &b, Value operand, AffineMap map, unsigned dim) {
  for (auto [i, expr] : llvm::enumerate(map.getResults()))
    if (cast<AffineDimExpr>(expr).getPosition() == dim)
      return b.dim(operand, i);
  return Value();
}

AttendLauncher::AttendLauncher(const AttendBuffers &buffers, LaunchBuilder &b)
    : buffers(buffers), b(b) {
  ArrayRef<AffineMap> maps = buffers.maps;
  dims = *AttentionDims::get(maps.front().getNumDims());
  Value result = buffers.out ? buffers.out : buffers.acc;
  AffineMap valueMap = maps[2], outMap = maps.back();
  batch = getSize(b, result, outMap, dims.batch);
  kvHeads = getSize(b, buffers.value, valueMap, dims.head);
  keys = getSize(b, buffers.value, valueMap, dims.key);
  if (buffers.blockTable) {
    pageRows = keys;
    blocks = b.dim(buffers.blockTable, 1);
    keys = b.mul(blocks, pageRows);
  }
  valueDepth = getSize(b, buffers.value, valueMap, dims.valueDepth);
  queries = getSize(b, result, outMap, dims.query);
  group = dims.group ? getSize(b, result, outMap, *dims.group)
                     : b.floorDiv(getSize(b, result, outMap, dims.head), kvHeads);
  int64_t staticKVHeads = getStaticSize(buffers.value, valueMap, dims.head);
  int64_t staticGroup = getStaticSize(result, outMap, dims.group ? *dims.group : dims.head);
  if (!dims.group)
    staticGroup = staticKVHeads ? staticGroup / staticKVHeads : 0;
  staticHeads = staticGroup;
  staticQueries = getStaticSize(result, outMap, dims.query);
  ratio = b.index(1);
  heads = group;
  if (buffers.indices) {
    Value lists = b.dim(buffers.indices, 1);
    ratio = b.floorDiv(lists, kvHeads);
    heads = b.floorDiv(group, ratio);
    capacity = b.dim(buffers.indices, 3);
    int64_t staticLists = cast<MemRefType>(buffers.indices.getType()).getDimSize(1);
    bool known = staticGroup && !ShapedType::isDynamic(staticLists);
    staticHeads = known ? staticGroup * staticKVHeads / staticLists : 0;
    staticQueries = 1; // a list a position
  }
  if (!buffers.scores) {
    query = getLayout(buffers.query, maps[0], /*ofQuery=*/true);
    key = getLayout(buffers.key, maps[1], /*ofQuery=*/false);
    depth = getSize(b, buffers.query, maps[0], dims.depth);
  }
  value = getLayout(buffers.value, valueMap, /*ofQuery=*/false);
  if (buffers.mask)
    mask = getLayout(buffers.mask, maps[3], /*ofQuery=*/true);
  out = getLayout(result, outMap, /*ofQuery=*/true);
  using Access = LaunchBuilder::Access;
  auto getPointer = [&](Value operand, Access access = Access::Read) {
    return operand ? b.pointer(operand, access) : Value();
  };
  indices = getPointer(buffers.indices);
  counts = getPointer(buffers.counts);
  scores = getPointer(buffers.scores);
  lengths = getPointer(buffers.lengths);
  blockTable = getPointer(buffers.blockTable);
  keyScale = getPointer(buffers.keyScale);
  valueScale = getPointer(buffers.valueScale);
  lse = getPointer(buffers.lse, Access::Write);
  max = getPointer(buffers.max, Access::ReadWrite);
  sum = getPointer(buffers.sum, Access::ReadWrite);
}

AttendSpec AttendLauncher::getSpec() const {
  AttendSpec spec;
  auto element = [](Value operand) { return getElementTypeOrSelf(operand.getType()); };
  spec.given = static_cast<bool>(scores);
  spec.shape.value = element(buffers.value);
  if (!spec.given) {
    spec.shape.query = element(buffers.query);
    spec.shape.key = element(buffers.key);
    spec.shape.depth = getStaticSize(buffers.query, buffers.maps[0], dims.depth);
  } else {
    // Any that goes with the values: there is neither query nor key.
    spec.shape.query = spec.shape.key =
        isa<BFloat16Type>(spec.shape.value) ? spec.shape.value : Type(b.getF16Type());
    spec.shape.depth = 32;
  }
  spec.shape.valueDepth = getStaticSize(buffers.value, buffers.maps[2], dims.valueDepth);
  spec.heads = staticHeads;
  spec.queries = staticQueries;
  int64_t rows = staticHeads * staticQueries;
  spec.shape.columns = rows ? std::min<int64_t>(rows, 8) : 8;
  spec.lists = static_cast<bool>(indices);
  spec.lengths = static_cast<bool>(lengths);
  spec.lengthsLate = spec.lengths && areLengthsLate(buffers.lengths);
  spec.causal = buffers.causal && staticQueries != 1;
  spec.keyScale = static_cast<bool>(keyScale);
  spec.valueScale = static_cast<bool>(valueScale);
  spec.denseBelow = spec.lists ? buffers.denseBelow : 0;
  spec.lse = static_cast<bool>(lse);
  auto getConstant = [](Value stride) -> int64_t {
    APInt known;
    return stride && matchPattern(stride, m_ConstantInt(&known)) ? known.getSExtValue() : 0;
  };
  spec.keyStride = getConstant(key.key);
  spec.valueStride = getConstant(value.key);
  spec.rootScale = !spec.given && !buffers.scale;
  spec.paged = static_cast<bool>(blockTable);
  if (spec.paged) {
    spec.pageRows = getStaticSize(buffers.value, buffers.maps[2], dims.key);
    spec.keyPage = getConstant(key.batch);
    spec.valuePage = getConstant(value.batch);
  }
  if (buffers.mask)
    spec.mask = element(buffers.mask);
  if (buffers.out)
    spec.out = element(buffers.out);
  return spec;
}

Value AttendLauncher::isMatrixLayout() {
  Value good = b.createOrFold<arith::ConstantOp>(b.getBoolAttr(true));
  auto require = [&](const Layout &layout, Type element) {
    // Rows of static size one after another start where they must.
    if (layout.isDense && layout.lastSize > 0 && layout.lastSize % 32 == 0 &&
        matchPattern(layout.depth, m_One()))
      return;
    int64_t bytes = element.getIntOrFloatBitWidth() / 8;
    Value zero = b.index(0), one = b.index(1), mask = b.index(16 / bytes - 1);
    Value bits = layout.buffer.offset;
    for (Value stride : {layout.batch, layout.head, layout.group, layout.query, layout.key})
      if (stride)
        bits = b.createOrFold<arith::OrIOp>(bits, stride);
    bits = b.createOrFold<arith::AndIOp>(bits, mask);
    Value aligned = b.cmp(CmpIPredicate::eq, bits, zero);
    Value contiguous = b.cmp(CmpIPredicate::eq, layout.depth, one);
    good = b.createOrFold<arith::AndIOp>(good, b.createOrFold<arith::AndIOp>(aligned, contiguous));
  };
  if (!scores) {
    require(query, getElementTypeOrSelf(buffers.query.getType()));
    require(key, getElementTypeOrSelf(buffers.key.getType()));
  }
  require(value, getElementTypeOrSelf(buffers.value.getType()));
  return good;
}

void AttendLauncher::launch() {
  AttendSpec spec = getSpec(), scalar = spec;
  scalar.matrix = false;
  scalar.shape.depth = scalar.shape.valueDepth = 0;
  scalar.shape.columns = 1;
  scalar.keyStride = scalar.valueStride = scalar.keyPage = scalar.valuePage = 0;
  if (!spec.shape.isSupported(b.getTarget()))
    return launchKernel(scalar);
  Value isMatrix = isMatrixLayout();
  APInt known;
  if (matchPattern(isMatrix, m_ConstantInt(&known)))
    return launchKernel(known.isZero() ? scalar : spec);
  auto branch = scf::IfOp::create(b, isMatrix, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  launchKernel(spec);
  b.setInsertionPointToStart(branch.elseBlock());
  launchKernel(scalar);
}

void AttendLauncher::addLayout(KernelArguments &arguments, StringRef name, Layout layout,
                               bool isRow) {
  Value pointer = layout.buffer.pointer;
  Type element = getElementTypeOrSelf(pointer.getType());
  arguments.add(name, {element}, pointer);
  arguments.addScalar((name + ".offset").str(), b.i64(layout.buffer.offset));
  auto add = [&](StringRef dim, Value stride) {
    arguments.addScalar((name + "." + dim).str(), b.i32(stride ? stride : b.index(0)));
  };
  add("b", layout.batch);
  add("h", layout.head);
  if (isRow) {
    add("g", layout.group);
    add("m", layout.query);
  }
  if (name != "q" && name != "out")
    add("n", layout.key);
  if (name != "mask")
    add(name == "out" ? "dv" : "d", layout.depth);
}

/// As many as give every multiprocessor the same number of CTAs, in few waves.
Value AttendLauncher::getSplits(const AttendSpec &spec, Value units) {
  Value slots = b.mul(b.multiprocessors(), b.index(spec.getBlocks()));
  Value one = b.index(1), splits, filled;
  units = b.max(units, one); // a batch may be empty
  for (int64_t waves = 1; waves <= 4; ++waves) {
    Value some = b.max(b.floorDiv(b.mul(slots, b.index(waves)), units), one);
    // CTAs a wave, in percent of a number that is divisible by all.
    Value fill = b.mul(b.mul(some, units), b.index(1200 / waves));
    if (splits) {
      Value wanted = b.floorDiv(b.mul(filled, b.index(21)), b.index(20));
      // More than there are slots cannot be in these waves.
      Value fits = b.cmp(CmpIPredicate::ule, b.mul(some, units), b.mul(slots, b.index(waves)));
      Value better = b.cmp(CmpIPredicate::ugt, fill, wanted);
      better = b.createOrFold<arith::AndIOp>(better, fits);
      some = b.select(better, some, splits);
      fill = b.select(better, fill, filled);
    }
    splits = some;
    filled = fill;
  }
  // Every warp has a tile, or almost.
  Value entries = keys;
  if (capacity)
    entries = spec.denseBelow ? b.max(capacity, keys) : capacity;
  int64_t least = spec.getTileEntries() * (spec.matrix ? spec.getWarps() : 1);
  Value most = b.max(b.ceilDiv(entries, b.index(least)), one);
  return b.min(b.min(splits, most), b.index(AttendSpec::kMostSplits));
}

void AttendLauncher::launchKernel(AttendSpec spec) {
  Value one = b.index(1), columns = b.index(spec.shape.columns);
  Value rows = indices ? heads : b.mul(heads, queries);
  Value tiles = b.ceilDiv(rows, columns);
  Value units = b.mul(b.mul(b.mul(kvHeads, ratio), indices ? queries : one), tiles);
  Value allUnits = b.mul(batch, units);
  Value splits = getSplits(spec, allUnits);
  Value words = b.mul(b.mul(allUnits, splits), b.mul(columns, b.add(valueDepth, b.index(2))));
  if (spec.matrix && !spec.isOnline()) // whoever is alone writes results
    words = b.select(b.cmp(CmpIPredicate::eq, splits, one), one, words);

  KernelArguments arguments;
  Type f32 = b.getF32Type(), i32 = b.getI32Type();
  arguments.addScalar("N", b.i32(keys));
  arguments.addScalar("Hkv", b.i32(kvHeads));
  arguments.addScalar("G", b.i32(group));
  arguments.addScalar("M", b.i32(queries));
  arguments.addScalar("heads", b.i32(heads));
  arguments.addScalar("queries", b.i32(indices ? one : queries));
  arguments.addScalar("tiles", b.i32(tiles));
  arguments.addScalar("Dv", b.i32(valueDepth));
  if (!spec.given) {
    arguments.addScalar("D", b.i32(depth));
    if (!spec.rootScale)
      arguments.addScalar("scale", b.f32(*buffers.scale));
    addLayout(arguments, "q", query, /*isRow=*/true);
    addLayout(arguments, "k", key, /*isRow=*/false);
  }
  addLayout(arguments, "v", value, /*isRow=*/false);
  addLayout(arguments, "out", out, /*isRow=*/true);
  if (spec.mask)
    addLayout(arguments, "mask", mask, /*isRow=*/true);
  if (indices) {
    arguments.add("indices", {i32}, indices);
    arguments.add("counts", {i32}, counts);
    arguments.addScalar("capacity", b.i32(capacity));
    arguments.addScalar("ratio", b.i32(ratio));
  }
  if (blockTable) {
    arguments.add("block_table", {i32}, blockTable);
    arguments.addScalar("blocks", b.i32(blocks));
    arguments.addScalar("page_rows", b.i32(pageRows));
  }
  std::pair<StringRef, Value> optional[] = {{"scores", scores},
                                            {"lengths", lengths},
                                            {"key_scale", keyScale},
                                            {"value_scale", valueScale},
                                            {"lse", lse},
                                            {"max", max},
                                            {"sum", sum}};
  for (auto [name, pointer] : optional)
    if (pointer)
      arguments.add(name, {getElementTypeOrSelf(pointer.getType())}, pointer);
  arguments.add("partials", {f32}, b.workspace(f32, words));
  arguments.add("counters", {i32}, b.workspace(i32, allUnits, /*init=*/0));

  KernelSignature signature;
  signature.name = spec.getName();
  signature.parameters = arguments.parameters;
  signature.threads = spec.getThreads();
  // For sm_120 ptxas needs a few registers more than two CTAs leave.
  bool tight = !spec.lists && b.getTarget().chip.starts_with("sm_12");
  signature.minBlocks = tight ? 1 : spec.getBlocks();
  MemRefType shared = getSharedType(b.getContext(), spec.getSharedWords());
  signature.shared = {MemRefType::Builder(shared).setElementType(f32),
                      getSharedType(b.getContext(), 8)};
  gpu::GPUFuncOp kernel = b.kernels.get(b.getLoc(), signature, [&](gpu::GPUFuncOp func) {
    AttendKernel(func, spec, arguments).emit();
  });
  Value bytes;
  if (!spec.matrix)
    bytes = b.mul(spec.given ? valueDepth : b.add(depth, valueDepth), b.index(4));
  b.launch(kernel, {units, splits, batch}, arguments.values, bytes);
}

void mlir::dashkv::launchAttend(const AttendBuffers &buffers, LaunchBuilder &b) {
  AttendLauncher(buffers, b).launch();
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

/// What attention and online_attention share.
template <typename OpTy> static AttendBuffers getBuffers(OpTy op) {
  AttendBuffers buffers;
  buffers.query = op.getQuery();
  buffers.key = op.getKey();
  buffers.value = op.getValue();
  buffers.mask = op.getMask();
  buffers.lengths = op.getLengths();
  buffers.blockTable = op.getBlockTable();
  buffers.keyScale = op.getKeyScale();
  buffers.valueScale = op.getValueScale();
  buffers.maps = op.getMaps();
  FailureOr<float> scale = op.getScaleValue();
  if (succeeded(scale))
    buffers.scale = *scale;
  buffers.causal = op.getCausal();
  return buffers;
}

LogicalResult mlir::dashkv::lowerToLaunches(AttentionOp op, LaunchBuilder &b) {
  AttendBuffers buffers = getBuffers(op);
  buffers.out = op.getInit();
  buffers.lse = op.getLseInit();
  launchAttend(buffers, b);
  return success();
}

LogicalResult mlir::dashkv::lowerToLaunches(OnlineAttentionOp op, LaunchBuilder &b) {
  AttendBuffers buffers = getBuffers(op);
  buffers.indices = op.getIndices();
  buffers.counts = op.getCounts();
  if (buffers.indices)
    buffers.lengths = Value(); // lists hold keys that exist
  buffers.acc = op.getAcc();
  buffers.max = op.getMax();
  buffers.sum = op.getSum();
  launchAttend(buffers, b);
  return success();
}

LogicalResult mlir::dashkv::lowerToLaunches(OnlineReduceOp op, LaunchBuilder &b) {
  AttendBuffers buffers;
  buffers.scores = op.getScores();
  buffers.value = op.getValue();
  buffers.indices = op.getIndices();
  buffers.counts = op.getCounts();
  buffers.blockTable = op.getBlockTable();
  buffers.valueScale = op.getValueScale();
  buffers.maps = AttentionDims::getDefaultMaps(b.getContext(), /*hasMask=*/false);
  buffers.acc = op.getAcc();
  buffers.max = op.getMax();
  buffers.sum = op.getSum();
  launchAttend(buffers, b);
  return success();
}
