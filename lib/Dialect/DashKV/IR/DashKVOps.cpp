//===- DashKVOps.cpp - Verifiers and interface bodies of the dashkv ops ---===//
//
// Each check carries the label of its constraint in semantics; each has a test
// in test/Dialect/DashKV/invalid*.mlir.
//
//===----------------------------------------------------------------------===//
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::dashkv;

//===----------------------------------------------------------------------===//
// Interfaces shared by all ops
//===----------------------------------------------------------------------===//

template <typename OpTy> static MutableOperandRange getInits(OpTy op) {
  unsigned start = op.getODSOperandIndexAndLength(OpTy::firstInitGroup).first;
  return MutableOperandRange(op, start, op->getNumOperands() - start);
}

template <typename OpTy>
static LogicalResult inferFromInits(ValueRange operands, DictionaryAttr attributes,
                                    OpaqueProperties properties, RegionRange regions,
                                    SmallVectorImpl<Type> &inferred) {
  typename OpTy::Adaptor adaptor(operands, attributes, properties, regions);
  unsigned start = adaptor.getODSOperandIndexAndLength(OpTy::firstInitGroup).first;
  for (Value init : operands.drop_front(start))
    if (isa<RankedTensorType>(init.getType()))
      inferred.push_back(init.getType());
  return success();
}

/// Buffers among the inputs are read; those in `outs` are written, and read
/// where the op accumulates.
static void
getBufferEffects(DestinationStyleOpInterface op, bool accumulates,
                 SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    bool isInit = op.isDpsInit(&operand);
    if (!isInit || accumulates)
      effects.emplace_back(MemoryEffects::Read::get(), &operand,
                           SideEffects::DefaultResource::get());
    if (isInit)
      effects.emplace_back(MemoryEffects::Write::get(), &operand,
                           SideEffects::DefaultResource::get());
  }
}

#define DASHKV_INTERFACES(OP, ACCUMULATES)                                                         \
  MutableOperandRange OP::getDpsInitsMutable() { return getInits(*this); }                         \
  LogicalResult OP::inferReturnTypes(MLIRContext *, std::optional<Location>, ValueRange operands,  \
                                     DictionaryAttr attributes, OpaqueProperties properties,       \
                                     RegionRange regions, SmallVectorImpl<Type> &inferred) {       \
    return inferFromInits<OP>(operands, attributes, properties, regions, inferred);                \
  }                                                                                                \
  void OP::getEffects(                                                                             \
      SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {              \
    getBufferEffects(*this, ACCUMULATES, effects);                                                 \
  }
DASHKV_INTERFACES(AttentionOp, false)
DASHKV_INTERFACES(HashEncodeOp, false)
DASHKV_INTERFACES(TieredAttentionOp, false)
DASHKV_INTERFACES(HammingDistanceOp, false)
DASHKV_INTERFACES(CalibrateOp, false)
DASHKV_INTERFACES(SelectOp, false)
DASHKV_INTERFACES(RetrieveOp, false)
DASHKV_INTERFACES(EstimateScoresOp, false)
DASHKV_INTERFACES(OnlineAttentionOp, true)
DASHKV_INTERFACES(OnlineReduceOp, true)
DASHKV_INTERFACES(MergeOp, true)
DASHKV_INTERFACES(FinalizeOp, false)
#undef DASHKV_INTERFACES

//===----------------------------------------------------------------------===//
// Checking shapes by named dims
//===----------------------------------------------------------------------===//

namespace {
/// Binds names of dims to sizes, operand by operand, and reports the first
/// disagreement by name. A dynamic size agrees with every size.
class ShapeChecker {
public:
  explicit ShapeChecker(Operation *op) : op(op) {}

  /// Checks that `value` has the dims `names`; "_" stands for any size.
  LogicalResult bind(StringRef operand, Value value, ArrayRef<StringRef> names) {
    ArrayRef<int64_t> shape = cast<ShapedType>(value.getType()).getShape();
    if (shape.size() != names.size()) { // c4
      return op->emitOpError("expected ")
             << operand << " of rank " << names.size() << ", but got " << value.getType();
    }
    for (auto [name, size] : llvm::zip(names, shape))
      if (failed(bindDim(operand, name, size)))
        return failure();
    return success();
  }

  LogicalResult bindDim(StringRef operand, StringRef name, int64_t size) {
    if (name == "_" || ShapedType::isDynamic(size))
      return success();
    auto [it, inserted] = sizes.try_emplace(name, size, operand);
    if (inserted || it->second.first == size)
      return success();
    return op->emitOpError("expected ")
           << name << " = " << it->second.first << " in " << operand << " as in "
           << it->second.second << ", but got " << size; // c4
  }

  /// The size of a dim, dynamic if no operand has told.
  int64_t get(StringRef name) const {
    auto it = sizes.find(name);
    return it == sizes.end() ? ShapedType::kDynamic : it->second.first;
  }

  /// (c2) and the choice of heads in (c3): `heads` is a multiple of `kvHeads`.
  LogicalResult checkHeads(StringRef heads, StringRef kvHeads) {
    int64_t many = get(heads), few = get(kvHeads);
    if (ShapedType::isDynamic(many) || ShapedType::isDynamic(few))
      return success();
    if (few == 0 ? many != 0 : many % few != 0) // c2
      return op->emitOpError("expected ") << heads << " to be a multiple of " << kvHeads
                                          << ", but got " << many << " and " << few;
    return success();
  }

  /// Reports unless `dim` is one of the (static) sizes named.
  LogicalResult checkOneOf(StringRef dim, StringRef first, StringRef second) {
    int64_t size = get(dim), one = get(first), two = get(second);
    if (ShapedType::isDynamic(size) || ShapedType::isDynamic(one) || ShapedType::isDynamic(two) ||
        size == one || size == two)
      return success();
    return op->emitOpError("expected ") << dim << " = " << first << " (" << one << ") or " << second
                                        << " (" << two << "), but got " << size;
  }

private:
  Operation *op;
  llvm::StringMap<std::pair<int64_t, std::string>> sizes;
};
} // namespace

static Type getElementType(Value value) {
  return cast<ShapedType>(value.getType()).getElementType();
}
static bool isF16BF16F32(Type type) { return type.isF16() || type.isBF16() || type.isF32(); }

/// (c1): `value` has an element type that `isAllowed` accepts.
static LogicalResult checkElement(Operation *op, StringRef name, Value value, StringRef allowed,
                                  function_ref<bool(Type)> isAllowed) {
  if (!value || isAllowed(getElementType(value)))
    return success();
  return op->emitOpError("expected ")
         << name << " of " << allowed << ", but got " << getElementType(value);
}
static LogicalResult checkF32(Operation *op, StringRef name, Value value) {
  return checkElement(op, name, value, "f32", [](Type type) { return type.isF32(); });
}
static LogicalResult checkInteger(Operation *op, StringRef name, Value value, unsigned width) {
  return checkElement(op, name, value, ("i" + Twine(width)).str(),
                      [&](Type type) { return type.isSignlessInteger(width); });
}

/// An optional operand with its dims: nothing to check when absent.
static LogicalResult bindOptional(ShapeChecker &shapes, StringRef name, Value value,
                                  ArrayRef<StringRef> names) {
  return value ? shapes.bind(name, value, names) : success();
}

/// (c1), (c2): queries, keys, values and scales of f8. Values of i8 are known to
/// online_reduce alone.
static LogicalResult checkQKV(Operation *op, Value query, Value key, Value value, Value keyScale,
                              Value valueScale, bool allowsI8 = false) {
  if (query && failed(checkElement(op, "query", query, "f16, bf16 or f32", isF16BF16F32)))
    return failure();
  for (auto [name, operand, scale] :
       {std::tuple("key", key, keyScale), {"value", value, valueScale}}) {
    if (!operand)
      continue;
    Type type = getElementType(operand);
    bool isNarrow = isa<Float8E4M3FNType>(type) || (allowsI8 && type.isSignlessInteger(8));
    if (!isF16BF16F32(type) && !isNarrow)
      return op->emitOpError("expected ")
             << name << " of f16, bf16, f32" << (allowsI8 ? ", f8E4M3FN or i8" : " or f8E4M3FN")
             << ", but got " << type;
    if (isNarrow && !scale)
      return op->emitOpError("expected a scale of the ") << type << " " << name << ", but got none";
    if (failed(checkF32(op, name == StringRef("key") ? "key scale" : "value scale", scale)))
      return failure();
  }
  return success();
}

/// Binds an operand through its map: the sizes of heads are Hq in query and out
/// and Hkv in key and value unless the group is a dim of its own. Paged keys and
/// values have P pages of S rows.
static LogicalResult bindThroughMap(ShapeChecker &shapes, const AttentionDims &dims, StringRef name,
                                    Value value, AffineMap map, bool kv, bool paged = false) {
  SmallVector<StringRef> names;
  for (AffineExpr expr : map.getResults()) {
    unsigned dim = cast<AffineDimExpr>(expr).getPosition();
    static constexpr StringLiteral upper[] = {"B", "H", "M", "N", "D", "Dv"};
    if (paged && dim == dims.batch)
      names.push_back("P");
    else if (paged && dim == dims.key)
      names.push_back("S");
    else if (dim == dims.head && !dims.group)
      names.push_back(kv ? "Hkv" : "Hq");
    else if (dims.group && dim == *dims.group)
      names.push_back("G");
    else if (dim == dims.head)
      names.push_back("Hkv");
    else
      names.push_back(upper[dims.group && dim > *dims.group ? dim - 1 : dim]);
  }
  return shapes.bind(name, value, names);
}

/// Names of the dims of row statistics: (b, h, [g,] m).
static SmallVector<StringRef> getRowDims(const AttentionDims &dims) {
  if (dims.group)
    return {"B", "Hkv", "G", "M"};
  return {"B", "Hq", "M"};
}

/// (c15): a block table is [B,T] i32, pages of S rows give N = T * S, and rows of
/// all pages have numbers of 32 bits.
static LogicalResult verifyBlockTable(Operation *op, Value table, ShapeChecker &shapes) {
  if (!table)
    return success();
  if (failed(checkInteger(op, "block table", table, 32)) ||
      failed(shapes.bind("block table", table, {"B", "T"})))
    return failure();
  int64_t blocks = shapes.get("T"), rows = shapes.get("S"), pages = shapes.get("P");
  if (!ShapedType::isDynamic(pages) && !ShapedType::isDynamic(rows) && rows > 0 &&
      pages > std::numeric_limits<int32_t>::max() / rows)
    return op->emitOpError("expected fewer than 2^31 rows in all pages, but got ")
           << pages << " pages of " << rows;
  if (ShapedType::isDynamic(blocks) || ShapedType::isDynamic(rows))
    return success();
  return shapes.bindDim("block table", "N", blocks * rows);
}

/// Checks of all attention-like ops. `out` is the operand of the last map.
template <typename OpTy>
static LogicalResult verifyAttentionLike(OpTy op, Value mask, Value out, ShapeChecker &shapes) {
  if (failed(checkQKV(op, op.getQuery(), op.getKey(), op.getValue(), op.getKeyScale(),
                      op.getValueScale())))
    return failure();
  if (failed(checkElement(op, "mask", mask, "f16, bf16 or f32", isF16BF16F32)))
    return failure();
  SmallVector<AffineMap> maps = op.getMaps();
  if (maps.size() != (mask ? 5u : 4u))
    return op.emitOpError("expected ")
           << (mask ? 5 : 4) << " indexing maps, but got " << maps.size();
  FailureOr<AttentionDims> dims = AttentionDims::infer(maps, [&] { return op.emitOpError(); });
  if (failed(dims))
    return failure();
  bool paged = op.getBlockTable() != nullptr;
  if (failed(bindThroughMap(shapes, *dims, "query", op.getQuery(), maps[0], false)) ||
      failed(bindThroughMap(shapes, *dims, "key", op.getKey(), maps[1], true, paged)) ||
      failed(bindThroughMap(shapes, *dims, "value", op.getValue(), maps[2], true, paged)) ||
      failed(verifyBlockTable(op, op.getBlockTable(), shapes)) ||
      (mask && failed(bindThroughMap(shapes, *dims, "mask", mask, maps[3], false))) ||
      failed(bindThroughMap(shapes, *dims, "out", out, maps.back(), false)))
    return failure();
  if (!dims->group && failed(shapes.checkHeads("Hq", "Hkv")))
    return failure();
  if (failed(checkInteger(op, "lengths", op.getLengths(), 32)) || // c12
      failed(bindOptional(shapes, "lengths", op.getLengths(), {"B"})) ||
      failed(bindOptional(shapes, "key scale", op.getKeyScale(), {"Hkv"})) ||
      failed(bindOptional(shapes, "value scale", op.getValueScale(), {"Hkv"})))
    return failure();
  return success();
}

template <typename OpTy> static SmallVector<AffineMap> getMapsOrDefault(OpTy op, bool hasMask) {
  if (std::optional<ArrayAttr> maps = op.getIndexingMaps())
    return llvm::to_vector(maps->getAsValueRange<AffineMapAttr>());
  return AttentionDims::getDefaultMaps(op.getContext(), hasMask);
}

template <typename OpTy> static FailureOr<float> getScaleOrDefault(OpTy op) {
  if (std::optional<APFloat> scale = op.getScale())
    return scale->convertToFloat();
  AffineMap map = op.getMaps().front();
  unsigned position = *map.getResultPosition(getAffineDimExpr(op.getDims().depth, op.getContext()));
  int64_t depth = cast<ShapedType>(op.getQuery().getType()).getDimSize(position);
  if (ShapedType::isDynamic(depth) || depth == 0)
    return failure();
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(depth)));
}

#define DASHKV_ATTENTION_LIKE(OP, HAS_MASK)                                                        \
  SmallVector<AffineMap> OP::getMaps() { return getMapsOrDefault(*this, HAS_MASK); }               \
  AttentionDims OP::getDims() { return *AttentionDims::get(getMaps().front().getNumDims()); }      \
  FailureOr<float> OP::getScaleValue() { return getScaleOrDefault(*this); }
DASHKV_ATTENTION_LIKE(AttentionOp, getMask() != nullptr)
DASHKV_ATTENTION_LIKE(TieredAttentionOp, false)
DASHKV_ATTENTION_LIKE(OnlineAttentionOp, getMask() != nullptr)
#undef DASHKV_ATTENTION_LIKE

//===----------------------------------------------------------------------===//
// Codes, discounts, weights, lists
//===----------------------------------------------------------------------===//

FailureOr<CodeForm> CodeForm::get(Type queryCodes, Type keyCodes) {
  int64_t query = cast<ShapedType>(queryCodes).getShape().back();
  int64_t key = cast<ShapedType>(keyCodes).getDimSize(3);
  if (ShapedType::isDynamic(query) || ShapedType::isDynamic(key) || key < 1 || key > 32 ||
      (query != key && query != 8 * key))
    return failure();
  return CodeForm{8 * key, query != key, arePlanes(keyCodes)};
}

int64_t CodeForm::getNumKeys(Type keyCodes) {
  int64_t size = cast<ShapedType>(keyCodes).getDimSize(2);
  return arePlanes(keyCodes) && !ShapedType::isDynamic(size) ? size * blockKeys : size;
}

/// (c1), (c2), (c3), (c4) of query codes [B,Hc,M,_] and key codes [B,Hkv,N,_] or
/// [B,Hkv,NB,_,64]. `keys` is the name of N, which is NB * 64 for byte planes.
static LogicalResult verifyCodes(Operation *op, Value queryCodes, Value keyCodes,
                                 ShapeChecker &shapes, StringRef keys = "N") {
  if (failed(checkInteger(op, "query codes", queryCodes, 8)) ||
      failed(checkInteger(op, "key codes", keyCodes, 8)) ||
      failed(shapes.bind("query codes", queryCodes, {"B", "Hc", "M", "_"})))
    return failure();
  auto keyType = cast<ShapedType>(keyCodes.getType());
  bool planes = keyType.getRank() == 5;
  if (!planes && keyType.getRank() != 4) // c4
    return op->emitOpError("expected key codes of rank 4 (key-major) or 5 (byte planes), but got ")
           << keyCodes.getType();
  if (planes && keyType.getDimSize(4) != CodeForm::blockKeys) // c3
    return op->emitOpError("expected byte planes of 64 keys, but got ")
           << (keyType.isDynamicDim(4) ? "a dynamic number"
                                       : std::to_string(keyType.getDimSize(4)));
  if (failed(shapes.bindDim("key codes", "B", keyType.getDimSize(0))) ||
      failed(shapes.bindDim("key codes", "Hkv", keyType.getDimSize(1))) ||
      failed(shapes.bindDim("key codes", keys, CodeForm::getNumKeys(keyType))))
    return failure();
  int64_t query = cast<ShapedType>(queryCodes.getType()).getShape().back();
  int64_t key = keyType.getDimSize(3);
  if (ShapedType::isDynamic(key) || key < 1 || key > 32) // c3
    return op->emitOpError("expected key codes of 1 to 32 bytes, but got ")
           << (ShapedType::isDynamic(key) ? "a dynamic number" : std::to_string(key));
  if (query != key && query != 8 * key) // c3
    return op->emitOpError("expected query codes of ")
           << key << " (packed) or " << 8 * key << " (weighted) bytes, but got "
           << (ShapedType::isDynamic(query) ? "a dynamic number" : std::to_string(query));
  return shapes.checkHeads("Hc", "Hkv");
}

/// (c8): discounts are [Hc] i16, and a constant one is not negative.
static LogicalResult verifyDiscount(Operation *op, StringRef name, Value discount,
                                    ShapeChecker &shapes) {
  if (!discount)
    return success();
  if (failed(checkInteger(op, name, discount, 16)) || failed(shapes.bind(name, discount, {"Hc"})))
    return failure();
  DenseIntElementsAttr values;
  if (matchPattern(discount, m_Constant(&values)))
    for (APInt value : values.getValues<APInt>())
      if (value.isNegative()) // c8
        return op->emitOpError("expected ") << name << " >= 0, but got " << value.getSExtValue();
  return success();
}

/// (c11): prior and forced are [B,N] i1.
static LogicalResult verifyKeyFlags(Operation *op, StringRef name, Value flags,
                                    ShapeChecker &shapes, StringRef keys = "N") {
  if (failed(checkInteger(op, name, flags, 1)))
    return failure();
  return bindOptional(shapes, name, flags, {"B", keys});
}

/// Operands of calibration, as calibrate, retrieve and tiered_attention have.
template <typename OpTy>
static LogicalResult verifyCalibration(OpTy op, ShapeChecker &shapes, StringRef keys = "N") {
  if (failed(checkInteger(op, "lengths", op.getLengths(), 32)) || // c12
      failed(bindOptional(shapes, "lengths", op.getLengths(), {"B"})) ||
      failed(verifyKeyFlags(op, "prior", op.getPrior(), shapes, keys)) ||
      failed(verifyDiscount(op, "vote_discount", op.getVoteDiscount(), shapes)) ||
      failed(verifyDiscount(op, "prior_discount", op.getPriorDiscount(), shapes)) ||
      failed(checkInteger(op, "radius", op.getRadius(), 32)) ||
      failed(bindOptional(shapes, "radius", op.getRadius(), {"B", "Hc", "M"})))
    return failure();
  if (!op.getPrior() != !op.getPriorDiscount())
    return op.emitOpError("expected prior and prior_discount together, but got ")
           << (op.getPrior() ? "no prior_discount" : "no prior");
  if (op.getRadius() && !op.getVoteDiscount())
    return op.emitOpError("expected vote_discount with radius, but got none");
  return success();
}

/// (c9), (c1): weights [.., i, o] with optional leading `heads` dim, biases
/// [.., o], sizes following each other from `inputSize`. Returns the last size.
static FailureOr<int64_t> verifyEncoder(Operation *op, OperandRange weights, OperandRange biases,
                                        StringRef inputName, int64_t inputSize, StringRef heads,
                                        ShapeChecker &shapes) {
  int64_t size = inputSize;
  for (auto [i, weight] : llvm::enumerate(weights)) {
    std::string name = "weight " + std::to_string(i), biasName = "bias " + std::to_string(i);
    if (failed(checkElement(op, name, weight, "f16, bf16 or f32", isF16BF16F32)))
      return failure();
    ArrayRef<int64_t> shape = cast<ShapedType>(weight.getType()).getShape();
    if (shape.size() != 2 && shape.size() != 3) // c9
      return op->emitOpError("expected ")
             << name << " of rank 2 (shared) or 3 (per head), but got " << weight.getType();
    if (shape.size() == 3 && failed(shapes.bindDim(name, heads, shape[0])))
      return failure();
    int64_t in = shape[shape.size() - 2], out = shape.back();
    if (!ShapedType::isDynamic(in) && !ShapedType::isDynamic(size) && in != size) // c9
      return op->emitOpError("expected ")
             << name << " to take " << size << " values ("
             << (i == 0 ? inputName : StringRef("the layer before")) << "), but got " << in;
    size = out;
    if (i >= biases.size())
      continue;
    Value bias = biases[i];
    if (failed(checkElement(op, biasName, bias, "f16, bf16 or f32", isF16BF16F32)))
      return failure();
    ArrayRef<int64_t> biasShape = cast<ShapedType>(bias.getType()).getShape();
    if (biasShape.size() != shape.size() - 1) // c9
      return op->emitOpError("expected ") << biasName << " of rank " << shape.size() - 1
                                          << " as its weight has, but got " << bias.getType();
    if (biasShape.size() == 2 && failed(shapes.bindDim(biasName, heads, biasShape[0])))
      return failure();
    if (!ShapedType::isDynamic(out) && !ShapedType::isDynamic(biasShape.back()) &&
        biasShape.back() != out) // c9
      return op->emitOpError("expected ")
             << biasName << " of " << out << " values, but got " << biasShape.back();
  }
  return size;
}

/// (c9), (c10) of a residual mlp on 2L values.
template <typename OpTy>
static LogicalResult verifyResidual(OpTy op, CodeForm form, ShapeChecker &shapes) {
  if (op.getTable()) {
    if (failed(checkF32(op, "table", op.getTable())) ||
        failed(shapes.bind("table", op.getTable(), {"_", "_"})))
      return failure();
    ArrayRef<int64_t> shape = cast<ShapedType>(op.getTable().getType()).getShape();
    int64_t columns = form.weighted ? 128 : form.bits + 1;
    if (shape[1] != columns) // c13
      return op.emitOpError("expected a table of ")
             << columns << " columns, but got " << op.getTable().getType();
    if (shape[0] != 1 && failed(shapes.bindDim("table", "Hq", shape[0])))
      return failure();
    if (!op.getMlpWeights().empty())
      return op.emitOpError("expected a table or an mlp, but got both");
  }
  if (op.getMlpWeights().empty()) {
    if (!op.getMlpBiases().empty())
      return op.emitOpError("expected no mlp biases without weights");
    if (op.getActivation())
      return op.emitOpError("expected no activation without an mlp"); // c10
    return success();
  }
  if (op.getMlpWeights().size() != 3 || op.getMlpBiases().size() != 3) // c9
    return op.emitOpError("expected 3 weights and 3 biases of an mlp, but got ")
           << op.getMlpWeights().size() << " and " << op.getMlpBiases().size();
  if (!op.getActivation()) // c10
    return op.emitOpError("expected an activation of the mlp, but got none");
  FailureOr<int64_t> size = verifyEncoder(op, op.getMlpWeights(), op.getMlpBiases(), "both codes",
                                          2 * form.bits, "Hq", shapes);
  if (failed(size))
    return failure();
  if (*size != 1) // c9
    return op.emitOpError("expected an mlp with one result, but got ")
           << (ShapedType::isDynamic(*size) ? "a dynamic number" : std::to_string(*size));
  return success();
}

/// (c4) of index lists and their counts.
static LogicalResult verifyList(Operation *op, StringRef tier, Value indices, Value counts,
                                StringRef capacity, ShapeChecker &shapes) {
  std::string indexName = (tier + "indices").str(), countName = (tier + "counts").str();
  if (failed(checkInteger(op, indexName, indices, 32)) ||
      failed(checkInteger(op, countName, counts, 32)) ||
      failed(shapes.bind(indexName, indices, {"B", "Hl", "M", capacity})) ||
      failed(shapes.bind(countName, counts, {"B", "Hl", "M"})))
    return failure();
  return success();
}

/// Outs of select and retrieve, with (c7).
template <typename OpTy> static LogicalResult verifySelection(OpTy op, ShapeChecker &shapes) {
  TieringAttr tiering = op.getTiering();
  if (failed(verifyKeyFlags(op, "forced", op.getForced(), shapes)) ||
      failed(verifyList(op, "full ", op.getFullIndices(), op.getFullCounts(), "C", shapes)) ||
      failed(checkInteger(op, "full threshold", op.getFullThreshold(), 32)) ||
      failed(shapes.bind("full threshold", op.getFullThreshold(), {"B", "Hl", "M"})))
    return failure();
  if (!op.getMidIndices() != !tiering.hasMid())
    return op.emitOpError("expected mid lists iff the tiering has a mid tier, but got ")
           << (op.getMidIndices() ? "lists without a mid tier" : "a mid tier without lists");
  if (op.getMidIndices() &&
      (failed(verifyList(op, "mid ", op.getMidIndices(), op.getMidCounts(), "mid C", shapes)) ||
       failed(checkInteger(op, "mid threshold", op.getMidThreshold(), 32)) ||
       failed(shapes.bind("mid threshold", op.getMidThreshold(), {"B", "Hl", "M"}))))
    return failure();
  if (failed(verifyKeyFlags(op, "kept", op.getKeptInit(), shapes)))
    return failure();

  // Without a static N the bound is static only where a maximum is given.
  int64_t keys = shapes.get("N");
  bool unbounded = op.getForced() || tiering.getTies() == Ties::Inclusive;
  for (auto [name, capacity, bound, max] :
       {std::tuple("full", shapes.get("C"),
                   ShapedType::isDynamic(keys)
                       ? tiering.getSinks() + tiering.getWindow() + tiering.getFullMax()
                       : tiering.getFullCapacity(keys, op.getForced() != nullptr),
                   tiering.getFullMax()),
        {"mid", shapes.get("mid C"),
         ShapedType::isDynamic(keys) ? tiering.getMidMax() : tiering.getMidCapacity(keys),
         tiering.getMidMax()}}) {
    if (ShapedType::isDynamic(capacity))
      continue;
    if (ShapedType::isDynamic(keys) && (unbounded || max == TieringAttr::none))
      continue;
    if (capacity < bound) // c7
      return op.emitOpError("expected ")
             << name << " lists of capacity >= " << bound << ", but got " << capacity;
  }
  return success();
}

/// Heads of lists follow the scope: Hl = Hc = Hq, or Hl = Hkv.
static LogicalResult verifyListHeads(Operation *op, TieringAttr tiering, ShapeChecker &shapes) {
  if (tiering.getScope() == Scope::Group)
    return shapes.checkHeads("Hc", "Hl");
  int64_t code = shapes.get("Hc"), list = shapes.get("Hl");
  if (!ShapedType::isDynamic(code) && !ShapedType::isDynamic(list) && code != list) // c3
    return op->emitOpError("expected one list a code head in scope head, but got ")
           << list << " and " << code;
  return success();
}

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

/// Outs are all tensors or all memrefs (a mix would split the results).
static LogicalResult verifyKinds(DestinationStyleOpInterface op) {
  if (op.hasPureTensorSemantics() || op.hasPureBufferSemantics())
    return success();
  return op->emitOpError("expected operands that are all tensors or all memrefs");
}

LogicalResult AttentionOp::verify() {
  ShapeChecker shapes(*this);
  if (failed(verifyKinds(*this)) ||
      failed(verifyAttentionLike(*this, getMask(), getInit(), shapes)) ||
      failed(checkElement(*this, "out", getInit(), "f16, bf16 or f32", isF16BF16F32)) ||
      failed(checkF32(*this, "lse", getLseInit())) ||
      failed(bindOptional(shapes, "lse", getLseInit(), getRowDims(getDims()))))
    return failure();
  return success();
}

LogicalResult OnlineAttentionOp::verify() {
  ShapeChecker shapes(*this);
  if (failed(verifyKinds(*this)) || failed(verifyAttentionLike(*this, getMask(), getAcc(), shapes)))
    return failure();
  for (auto [name, value] : {std::pair("acc", getAcc()), {"max", getMax()}, {"sum", getSum()}})
    if (failed(checkF32(*this, name, value)))
      return failure();
  SmallVector<StringRef> rows = getRowDims(getDims());
  if (failed(shapes.bind("max", getMax(), rows)) || failed(shapes.bind("sum", getSum(), rows)))
    return failure();
  if (!getIndices())
    return success();
  if (getMask() || getCausal())
    return emitOpError("expected no mask and no causal with a list");
  if (getDims().group)
    return emitOpError("expected maps without a group dim with a list");
  if (failed(verifyList(*this, "", getIndices(), getCounts(), "C", shapes)))
    return failure();
  return shapes.checkOneOf("Hl", "Hq", "Hkv");
}

LogicalResult HashEncodeOp::verify() {
  ShapeChecker shapes(*this);
  if (failed(verifyKinds(*this)) ||
      failed(checkElement(*this, "input", getInput(), "f16, bf16 or f32", isF16BF16F32)) ||
      failed(checkInteger(*this, "codes", getInit(), 8)) ||
      failed(checkF32(*this, "code scale", getScaleInit())) ||
      failed(shapes.bind("input", getInput(), {"B", "H", "M", "D"})) ||
      failed(shapes.bind("codes", getInit(), {"B", "Hc", "M", "_"})) ||
      failed(bindOptional(shapes, "code scale", getScaleInit(), {"B", "Hc", "M"})))
    return failure();
  if (getLevels() < 1 || getLevels() > 15)
    return emitOpError("expected levels in 1 to 15, but got ") << getLevels();
  if (getGroup() < 1)
    return emitOpError("expected group >= 1, but got ") << getGroup();
  int64_t heads = shapes.get("H"), codeHeads = shapes.get("Hc"), depth = shapes.get("D");
  if (!ShapedType::isDynamic(heads) && !ShapedType::isDynamic(codeHeads) &&
      heads != codeHeads * static_cast<int64_t>(getGroup())) // c4
    return emitOpError("expected H = group * Hc, but got ")
           << heads << " and " << getGroup() << " * " << codeHeads;

  bool isMlp = getKind() == EncoderKind::Mlp;
  if (isMlp != getActivation().has_value()) // c10
    return emitOpError(isMlp ? "expected an activation of the mlp, but got none"
                             : "expected no activation of a linear encoder");
  size_t layers = isMlp ? 3 : 1;
  if (getWeights().size() != layers ||
      (getBiases().size() != layers && (isMlp || !getBiases().empty()))) // c9
    return emitOpError("expected ")
           << layers << " weights and " << (isMlp ? "3" : "0 or 1") << " biases, but got "
           << getWeights().size() << " and " << getBiases().size();
  int64_t inputSize =
      ShapedType::isDynamic(depth) ? depth : depth * static_cast<int64_t>(getGroup());
  FailureOr<int64_t> bits =
      verifyEncoder(*this, getWeights(), getBiases(), "group * D", inputSize, "Hc", shapes);
  if (failed(bits))
    return failure();
  if (ShapedType::isDynamic(*bits) || *bits % 8 != 0 || *bits < 8 || *bits > 256) // c3
    return emitOpError("expected a code length that is a multiple of 8 in 8 to 256, but got ")
           << (ShapedType::isDynamic(*bits) ? "a dynamic one" : std::to_string(*bits));
  int64_t bytes = getLevels() == 1 ? *bits / 8 : *bits;
  int64_t got = cast<ShapedType>(getInit().getType()).getShape().back();
  if (got != bytes) // c3
    return emitOpError("expected codes of ")
           << bytes << " bytes, but got "
           << (ShapedType::isDynamic(got) ? "a dynamic number" : std::to_string(got));
  return success();
}

LogicalResult TieredAttentionOp::verify() {
  ShapeChecker shapes(*this);
  if (failed(verifyKinds(*this)) ||
      failed(verifyAttentionLike(*this, Value(), getInit(), shapes)) ||
      failed(checkElement(*this, "out", getInit(), "f16, bf16 or f32", isF16BF16F32)))
    return failure();
  if (getDims().group)
    return emitOpError("expected maps without a group dim");
  // Byte planes hold the keys and up to 63 more, and so do flags of keys.
  bool planes = CodeForm::arePlanes(getKeyCodes().getType());
  StringRef codeKeys = planes ? "NB * 64" : "N";
  if (failed(verifyCodes(*this, getQueryCodes(), getKeyCodes(), shapes, codeKeys)) ||
      failed(verifyCalibration(*this, shapes, codeKeys)) ||
      failed(verifyKeyFlags(*this, "forced", getForced(), shapes, codeKeys)) ||
      failed(verifyKeyFlags(*this, "kept", getKeptInit(), shapes, codeKeys)) ||
      failed(checkF32(*this, "lse", getLseInit())) ||
      failed(bindOptional(shapes, "lse", getLseInit(), {"B", "Hq", "M"})))
    return failure();
  int64_t keys = shapes.get("N"), padded = shapes.get(codeKeys);
  if (!ShapedType::isDynamic(keys) && !ShapedType::isDynamic(padded) &&
      llvm::alignTo<CodeForm::blockKeys>(keys) != static_cast<uint64_t>(padded) && planes) // c4
    return emitOpError("expected byte planes of ")
           << llvm::divideCeil(keys, CodeForm::blockKeys) << " blocks for N = " << keys
           << ", but got " << padded / CodeForm::blockKeys;
  if (failed(shapes.checkOneOf("Hc", "Hq", "Hkv"))) // c3
    return failure();
  int64_t queryHeads = shapes.get("Hq"), codeHeads = shapes.get("Hc");
  if (getTiering().getScope() == Scope::Head && !ShapedType::isDynamic(queryHeads) &&
      !ShapedType::isDynamic(codeHeads) && queryHeads != codeHeads) // c3
    return emitOpError("expected one query code a query head in scope head, but got ")
           << codeHeads << " and " << queryHeads;
  if (getTiering().hasMid() != (getTemperature() != nullptr))
    return emitOpError("expected scoring iff the tiering has a mid tier, but got ")
           << (getTemperature() ? "scoring without a mid tier" : "a mid tier without scoring");
  if (!getTemperature() && (getCodeScale() || getTable() || !getMlpWeights().empty()))
    return emitOpError("expected code_scale, table and mlp only with a mid tier");
  if (failed(checkF32(*this, "temperature", getTemperature())) ||
      failed(checkF32(*this, "bias", getBias())) ||
      failed(checkF32(*this, "code scale", getCodeScale())) ||
      failed(bindOptional(shapes, "temperature", getTemperature(), {"Hq"})) ||
      failed(bindOptional(shapes, "bias", getBias(), {"Hq"})) ||
      failed(bindOptional(shapes, "code scale", getCodeScale(), {"B", "Hc", "M"})))
    return failure();
  return verifyResidual(*this, *CodeForm::get(getQueryCodes().getType(), getKeyCodes().getType()),
                        shapes);
}

LogicalResult HammingDistanceOp::verify() {
  ShapeChecker shapes(*this);
  if (failed(verifyKinds(*this)) ||
      failed(verifyCodes(*this, getQueryCodes(), getKeyCodes(), shapes)) ||
      failed(shapes.bind("distances", getInit(), {"B", "Hc", "M", "N"})))
    return failure();
  CodeForm form = *CodeForm::get(getQueryCodes().getType(), getKeyCodes().getType());
  return checkInteger(*this, "distances", getInit(), form.getMaxDistance() > 255 ? 16 : 8);
}

LogicalResult CalibrateOp::verify() {
  ShapeChecker shapes(*this);
  if (failed(verifyKinds(*this)) ||
      failed(checkElement(
          *this, "distances", getDistances(), "i8 or i16",
          [](Type type) { return type.isSignlessInteger(8) || type.isSignlessInteger(16); })) ||
      failed(checkInteger(*this, "out", getInit(), 16)) ||
      failed(shapes.bind("distances", getDistances(), {"B", "Hc", "M", "N"})) ||
      failed(shapes.bind("out", getInit(), {"B", "Hc", "M", "N"})))
    return failure();
  return verifyCalibration(*this, shapes);
}

LogicalResult SelectOp::verify() {
  ShapeChecker shapes(*this);
  if (failed(verifyKinds(*this)) || failed(checkInteger(*this, "distances", getDistances(), 16)) ||
      failed(shapes.bind("distances", getDistances(), {"B", "Hc", "M", "N"})) ||
      failed(checkInteger(*this, "lengths", getLengths(), 32)) || // c12
      failed(bindOptional(shapes, "lengths", getLengths(), {"B"})) ||
      failed(verifySelection(*this, shapes)))
    return failure();
  return verifyListHeads(*this, getTiering(), shapes);
}

LogicalResult RetrieveOp::verify() {
  ShapeChecker shapes(*this);
  if (failed(verifyKinds(*this)) ||
      failed(verifyCodes(*this, getQueryCodes(), getKeyCodes(), shapes)) ||
      failed(verifyCalibration(*this, shapes)) || failed(verifySelection(*this, shapes)))
    return failure();
  int64_t kvHeads = shapes.get("Hkv"), listHeads = shapes.get("Hl");
  if (getTiering().getScope() == Scope::Group && !ShapedType::isDynamic(kvHeads) &&
      !ShapedType::isDynamic(listHeads) && kvHeads != listHeads)
    return emitOpError("expected one list a KV head in scope group, but got ")
           << listHeads << " and " << kvHeads; // c3
  return verifyListHeads(*this, getTiering(), shapes);
}

LogicalResult EstimateScoresOp::verify() {
  ShapeChecker shapes(*this);
  if (failed(verifyKinds(*this)) ||
      failed(verifyCodes(*this, getQueryCodes(), getKeyCodes(), shapes)) ||
      failed(verifyList(*this, "", getIndices(), getCounts(), "C", shapes)))
    return failure();
  for (auto [name, value] : {std::pair("temperature", Value(getTemperature())),
                             {"bias", Value(getBias())},
                             {"code scale", Value(getCodeScale())},
                             {"out", Value(getInit())}})
    if (failed(checkF32(*this, name, value)))
      return failure();
  if (failed(shapes.bind("temperature", getTemperature(), {"Hq"})) ||
      failed(shapes.bind("bias", getBias(), {"Hq"})) ||
      failed(bindOptional(shapes, "code scale", getCodeScale(), {"B", "Hc", "M"})) ||
      failed(shapes.bind("out", getInit(), {"B", "Hq", "M", "C"})) ||
      failed(shapes.checkHeads("Hq", "Hkv")) || failed(shapes.checkOneOf("Hc", "Hq", "Hkv")) ||
      failed(shapes.checkOneOf("Hl", "Hq", "Hkv")))
    return failure();
  return verifyResidual(*this, *CodeForm::get(getQueryCodes().getType(), getKeyCodes().getType()),
                        shapes);
}

LogicalResult OnlineReduceOp::verify() {
  ShapeChecker shapes(*this);
  bool paged = getBlockTable() != nullptr;
  if (failed(verifyKinds(*this)) ||
      failed(checkQKV(*this, Value(), Value(), getValue(), Value(), getValueScale(),
                      /*allowsI8=*/true)))
    return failure();
  for (auto [name, value] :
       {std::pair("scores", getScores()), {"acc", getAcc()}, {"max", getMax()}, {"sum", getSum()}})
    if (failed(checkF32(*this, name, value)))
      return failure();
  if (failed(shapes.bind("scores", getScores(), {"B", "Hq", "M", "C"})) ||
      failed(
          shapes.bind("value", getValue(), {paged ? "P" : "B", "Hkv", paged ? "S" : "N", "Dv"})) ||
      failed(verifyBlockTable(*this, getBlockTable(), shapes)) ||
      failed(verifyList(*this, "", getIndices(), getCounts(), "C", shapes)) ||
      failed(bindOptional(shapes, "value scale", getValueScale(), {"Hkv"})) ||
      failed(shapes.bind("acc", getAcc(), {"B", "Hq", "M", "Dv"})) ||
      failed(shapes.bind("max", getMax(), {"B", "Hq", "M"})) ||
      failed(shapes.bind("sum", getSum(), {"B", "Hq", "M"})) ||
      failed(shapes.checkHeads("Hq", "Hkv")))
    return failure();
  return shapes.checkOneOf("Hl", "Hq", "Hkv");
}

LogicalResult MergeOp::verify() {
  ShapeChecker shapes(*this);
  if (failed(verifyKinds(*this)))
    return failure();
  for (auto [name, value] : {std::pair("accs", getAccs()),
                             {"maxs", getMaxs()},
                             {"sums", getSums()},
                             {"acc", getAcc()},
                             {"max", getMax()},
                             {"sum", getSum()}})
    if (failed(checkF32(*this, name, value)))
      return failure();
  if (failed(shapes.bind("accs", getAccs(), {"S", "B", "Hq", "M", "Dv"})) ||
      failed(shapes.bind("maxs", getMaxs(), {"S", "B", "Hq", "M"})) ||
      failed(shapes.bind("sums", getSums(), {"S", "B", "Hq", "M"})) ||
      failed(shapes.bind("acc", getAcc(), {"B", "Hq", "M", "Dv"})) ||
      failed(shapes.bind("max", getMax(), {"B", "Hq", "M"})) ||
      failed(shapes.bind("sum", getSum(), {"B", "Hq", "M"})))
    return failure();
  return success();
}

LogicalResult FinalizeOp::verify() {
  ShapeChecker shapes(*this);
  if (failed(verifyKinds(*this)))
    return failure();
  for (auto [name, value] : {std::pair("acc", Value(getAcc())),
                             {"max", Value(getMax())},
                             {"sum", Value(getSum())},
                             {"lse", Value(getLseInit())}})
    if (failed(checkF32(*this, name, value)))
      return failure();
  ShapedType type = cast<ShapedType>(getAcc().getType());
  bool grouped = type.getRank() == 5;
  SmallVector<StringRef> rows = grouped ? SmallVector<StringRef>{"B", "Hkv", "G", "M"}
                                        : SmallVector<StringRef>{"B", "Hq", "M"};
  SmallVector<StringRef> full = rows;
  full.push_back("Dv");
  if (failed(checkElement(*this, "out", getInit(), "f16, bf16 or f32", isF16BF16F32)) ||
      failed(shapes.bind("acc", getAcc(), full)) || failed(shapes.bind("max", getMax(), rows)) ||
      failed(shapes.bind("sum", getSum(), rows)) || failed(shapes.bind("out", getInit(), full)) ||
      failed(bindOptional(shapes, "lse", getLseInit(), rows)))
    return failure();
  return success();
}

#define GET_OP_CLASSES
#include "dashkv/Dialect/DashKV/IR/DashKVOps.cpp.inc"
