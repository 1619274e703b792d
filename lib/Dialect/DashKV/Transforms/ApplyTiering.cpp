//===- ApplyTiering.cpp - Exact to tiered attention, on request -----------===//
//
// The one rewrite that changes results beyond rounding. Whatever the codes need
// and the graph does not hold (encoder weights, codes of old keys) becomes an
// argument of the function, named by its dashkv.role.
//
//===----------------------------------------------------------------------===//
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "dashkv/Dialect/DashKV/Transforms/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::dashkv {
#define GEN_PASS_DEF_APPLYTIERINGPASS
#include "dashkv/Dialect/DashKV/Transforms/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;
using namespace mlir::dashkv;

/// Query rows up to which a step counts as decoding (speculative decoding has
/// several); with more the attention stays exact and only appends codes.
static constexpr int64_t kMaxDecodeRows = 8;

/// Query heads of a group that stand where rows do. A group of more is taken for
/// rows of another sequence (cross attention), whose keys of interest differ.
static constexpr int64_t kMaxGroupRows = 16;

namespace {
struct Options {
  TieringAttr tiering;
  int64_t bits, levels, hidden;
  bool mlp, codePerGroup, planes, lengths, forced, prior, votes, table;
  Activation activation;
};

/// Rewrites one attention op.
class Tierer {
public:
  Tierer(AttentionOp op, func::FuncOp function, const Options &options, std::string prefix)
      : op(op), function(function), options(options), prefix(std::move(prefix)), b(op.getLoc(), op),
        maps(op.getMaps()), dims(op.getDims()) {}

  /// Why the op cannot be tiered, or an empty string.
  std::string findObstacle();
  void rewrite();

private:
  int64_t sizeOf(Value tensor, AffineMap map, unsigned dim) {
    return cast<RankedTensorType>(tensor.getType()).getDimSize(positionOf(map, dim));
  }
  unsigned positionOf(AffineMap map, unsigned dim) {
    return *map.getResultPosition(b.getAffineDimExpr(dim));
  }
  /// N, perhaps dynamic.
  int64_t getNumKeys() {
    int64_t rows = sizeOf(op.getKey(), maps[1], dims.key);
    if (!op.getBlockTable())
      return rows;
    int64_t blocks = cast<RankedTensorType>(op.getBlockTable().getType()).getDimSize(1);
    bool known = !ShapedType::isDynamic(rows) && !ShapedType::isDynamic(blocks);
    return known ? rows * blocks : ShapedType::kDynamic;
  }
  /// A new argument of the function.
  Value addArgument(StringRef role, ArrayRef<int64_t> shape, Type element);
  void addResult(StringRef role, Value value);
  /// `tensor`, laid out by `map`, in the order of `order`.
  Value toOrder(Value tensor, AffineMap map, ArrayRef<unsigned> order);
  Value empty(ArrayRef<OpFoldResult> sizes, Type type) {
    return tensor::EmptyOp::create(b, sizes, type);
  }
  SmallVector<OpFoldResult> sizes(Value tensor) {
    return tensor::getMixedSizes(b, b.getLoc(), tensor);
  }

  /// Where keys come from: rows written into a cache, rows appended to one, all
  /// made in the function (prefill), or a cache of which nothing is known.
  enum class KeySource { Update, Append, Fresh, Opaque };
  KeySource findKeySource();
  /// Key-major codes of `keys`, laid out like the op's key operand.
  Value encodeKeys(Value keys);
  /// An argument for the codes of `numKeys` keys.
  Value addCodesArgument(int64_t numKeys);
  /// `numKeys`, or the keys of as many blocks as hold them.
  int64_t roundKeys(int64_t numKeys) {
    return options.planes && !ShapedType::isDynamic(numKeys)
               ? llvm::alignTo<CodeForm::blockKeys>(numKeys)
               : numKeys;
  }
  /// Key-major codes as byte planes, with codes of 0 past the last key.
  Value packCodes(Value codes);
  /// `planes` with the key-major codes `fresh`, one key after the other, at
  /// `offsets` of batch and key.
  Value insertIntoPlanes(Value planes, Value fresh, OpFoldResult batch, OpFoldResult key);
  /// Codes of all keys of the op, and whether they are new (not an argument).
  std::pair<Value, bool> buildKeyCodes();
  HashEncodeOp encodeQueries();
  int64_t getNumRows() { return sizeOf(op.getQuery(), maps[0], dims.query); }
  bool isDecode() {
    int64_t rows = getNumRows();
    return (!ShapedType::isDynamic(rows) && rows <= kMaxDecodeRows) || isGroupOfRows();
  }
  /// True for queries [B, Hkv, G, D] without a dim of rows, whose groups were
  /// raised as rows: all of them see the same keys, and no other group exists.
  bool isGroupOfRows() {
    int64_t rows = getNumRows();
    return !op.getCausal() && queryHeads == kvHeads && rows > 1 && rows <= kMaxGroupRows;
  }
  /// Makes such rows the query heads of one row, which is the same function.
  void foldRows();

  AttentionOp op;
  func::FuncOp function;
  const Options &options;
  std::string prefix;
  ImplicitLocOpBuilder b;
  SmallVector<AffineMap> maps;
  AttentionDims dims;
  int64_t queryHeads = 0, kvHeads = 0, depth = 0;
};
} // namespace

std::string Tierer::findObstacle() {
  if (!op.hasPureTensorSemantics())
    return "on-memrefs: tiering works on tensors";
  if (op.getMask())
    return "mask: a mask hides which keys exist; pass lengths instead of a padding mask, and "
           "assume-nonempty-rows if every row has keys";
  if (dims.group)
    return "layout: the query heads of a group are a dim of their own";
  queryHeads = sizeOf(op.getQuery(), maps[0], dims.head);
  kvHeads = sizeOf(op.getKey(), maps[1], dims.head);
  depth = sizeOf(op.getQuery(), maps[0], dims.depth);
  for (int64_t size : {queryHeads, kvHeads, depth})
    if (ShapedType::isDynamic(size))
      return "dynamic-size: heads and head size must be static, as the shapes of the encoders "
             "follow from them";
  if (kvHeads == 0)
    return "no-heads: there is nothing to encode";
  if (op.getBlockTable() && !isDecode())
    return "block-table: codes of paged keys are the caller's, and only decode steps read them";
  if (getNumRows() != 1 && !op.getCausal() && !isGroupOfRows())
    return "not-causal: several query rows are tiered only with causal attention, or as the at "
           "most 16 query heads of a KV head that has no others";
  Value key = op.getKey();
  KeySource source = findKeySource();
  unsigned keyDim = positionOf(maps[1], dims.key);
  auto insert = key.getDefiningOp<tensor::InsertSliceOp>();
  auto concat = key.getDefiningOp<tensor::ConcatOp>();
  bool addsKeys = concat && concat.getDim() == keyDim;
  if (insert)
    addsKeys = insert.getStaticSizes()[keyDim] != insert.getDestType().getDimSize(keyDim);
  if (source == KeySource::Opaque && addsKeys)
    return "cache-update: keys are added to the cache in another form than as whole rows";
  bool isInBody =
      op->getBlock() == &function.getBody().front() && llvm::hasSingleElement(function.getBody());
  if ((source != KeySource::Opaque || options.prior) && !isInBody)
    return "control-flow: codes or kept keys must be returned, but are made in a branch or loop";
  if (source == KeySource::Append && options.planes)
    return "code-layout: a cache that grows key by key is no whole number of blocks of codes";
  if (source != KeySource::Opaque && isa<Float8E4M3FNType>(getElementTypeOrSelf(key.getType())))
    return "element-type: keys that are made here as f8 have no encoder";
  return "";
}

Value Tierer::addArgument(StringRef role, ArrayRef<int64_t> shape, Type element) {
  unsigned index = function.getNumArguments();
  auto attrs = b.getDictionaryAttr(b.getNamedAttr(kRoleAttrName, b.getStringAttr(prefix + role)));
  if (failed(function.insertArgument(index, RankedTensorType::get(shape, element), attrs,
                                     op.getLoc())))
    llvm_unreachable("functions with a body take arguments");
  return function.getArgument(index);
}

void Tierer::addResult(StringRef role, Value value) {
  unsigned index = function.getNumResults();
  auto attrs = b.getDictionaryAttr(b.getNamedAttr(kRoleAttrName, b.getStringAttr(prefix + role)));
  if (failed(function.insertResult(index, value.getType(), attrs)))
    llvm_unreachable("functions with a body take results");
  function.getBody().back().getTerminator()->insertOperands(index, value);
}

Value Tierer::toOrder(Value tensor, AffineMap map, ArrayRef<unsigned> order) {
  SmallVector<int64_t> permutation;
  SmallVector<OpFoldResult> from = sizes(tensor), permuted;
  for (unsigned dim : order) {
    permutation.push_back(positionOf(map, dim));
    permuted.push_back(from[permutation.back()]);
  }
  if (llvm::is_sorted(permutation))
    return tensor;
  Value init = empty(permuted, getElementTypeOrSelf(tensor.getType()));
  return linalg::TransposeOp::create(b, tensor, init, permutation)->getResult(0);
}

Value Tierer::encodeKeys(Value keys) {
  Value input = toOrder(keys, maps[1], {dims.batch, dims.head, dims.key, dims.depth});
  Value weight = addArgument("key_encoder.weight", {kvHeads, depth, options.bits}, b.getF32Type());
  Value bias = addArgument("key_encoder.bias", {kvHeads, options.bits}, b.getF32Type());
  SmallVector<OpFoldResult> shape = sizes(input);
  shape[3] = b.getIndexAttr(options.bits / 8);
  return HashEncodeOp::create(b, input, ValueRange{weight}, ValueRange{bias},
                              empty(shape, b.getI8Type()), Value(), EncoderKind::Linear,
                              ActivationAttr())
      .getResult(0);
}

/// The update of a cache that `key` is, perhaps behind an expand_shape that adds
/// unit dims (an unbatched cache): new rows are written as they are.
static tensor::InsertSliceOp getCacheUpdate(Value key) {
  if (auto expand = key.getDefiningOp<tensor::ExpandShapeOp>()) {
    for (const ReassociationIndices &group : expand.getReassociationIndices())
      if (llvm::count_if(group,
                         [&](int64_t i) { return expand.getResultType().getDimSize(i) != 1; }) > 1)
        return {};
    key = expand.getSrc();
  }
  auto insert = key.getDefiningOp<tensor::InsertSliceOp>();
  bool sameRank = insert && insert.getSourceType().getRank() == insert.getDestType().getRank();
  return sameRank && insert.hasUnitStride() ? insert : tensor::InsertSliceOp();
}

/// `values`, one a dim of the cache, as one a dim of `key`; dims that expand_shape
/// adds get `unit`.
static SmallVector<OpFoldResult> expandLikeKey(Value key, ArrayRef<OpFoldResult> values,
                                               OpFoldResult unit) {
  auto expand = key.getDefiningOp<tensor::ExpandShapeOp>();
  if (!expand)
    return llvm::to_vector(values);
  SmallVector<OpFoldResult> result(expand.getResultType().getRank(), unit);
  for (auto [group, value] : llvm::zip_equal(expand.getReassociationIndices(), values)) {
    auto large =
        llvm::find_if(group, [&](int64_t i) { return expand.getResultType().getDimSize(i) != 1; });
    result[large == group.end() ? group.back() : *large] = value;
  }
  return result;
}

Tierer::KeySource Tierer::findKeySource() {
  // The codes of a sequence lie one after the other, wherever its pages are.
  if (op.getBlockTable())
    return KeySource::Opaque;
  Value key = op.getKey();
  unsigned keyDim = positionOf(maps[1], dims.key);
  if (auto insert = getCacheUpdate(key)) {
    // Any keys of any batches, but all heads and the whole head.
    SmallVector<OpFoldResult> written =
        expandLikeKey(key, insert.getMixedSizes(), b.getIndexAttr(1));
    auto isWhole = [&](unsigned dim) {
      unsigned i = positionOf(maps[1], dim);
      return getConstantIntValue(written[i]) == cast<RankedTensorType>(key.getType()).getDimSize(i);
    };
    if (isWhole(dims.head) && isWhole(dims.depth))
      return KeySource::Update;
  }
  if (auto concat = key.getDefiningOp<tensor::ConcatOp>())
    if (concat.getDim() == keyDim && concat.getInputs().size() == 2)
      return KeySource::Append;
  return isDecode() ? KeySource::Opaque : KeySource::Fresh;
}

Value Tierer::addCodesArgument(int64_t numKeys) {
  int64_t batch = sizeOf(op.getQuery(), maps[0], dims.batch), bytes = options.bits / 8;
  SmallVector<int64_t> shape = {batch, kvHeads, numKeys, bytes};
  if (options.planes) {
    if (!ShapedType::isDynamic(numKeys))
      shape[2] = llvm::divideCeil(numKeys, CodeForm::blockKeys);
    shape.push_back(CodeForm::blockKeys);
  }
  return addArgument("key_codes", shape, b.getI8Type());
}

Value Tierer::packCodes(Value codes) {
  SmallVector<OpFoldResult> tiles = {b.getIndexAttr(CodeForm::blockKeys)};
  SmallVector<int64_t> tiledDims = {2};
  Value init = linalg::PackOp::createDestinationTensor(b, b.getLoc(), codes, tiles, tiledDims, {});
  Value padding;
  if (linalg::PackOp::requirePaddingValueStrict(
          cast<RankedTensorType>(codes.getType()).getShape(), tiledDims,
          cast<RankedTensorType>(init.getType()).getShape(), {}, tiles))
    padding = arith::ConstantOp::create(b, b.getI8IntegerAttr(0));
  return linalg::PackOp::create(b, codes, init, tiledDims, tiles, padding).getResult();
}

Value Tierer::insertIntoPlanes(Value planes, Value fresh, OpFoldResult batch, OpFoldResult key) {
  OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
  SmallVector<OpFoldResult> freshSizes = sizes(fresh);
  auto index = [&](OpFoldResult value) {
    return getValueOrCreateConstantIndexOp(b, b.getLoc(), value);
  };
  // One key: a column of a block.
  auto insertKey = [&](Value planes, OpFoldResult i) -> Value {
    Value n = arith::AddIOp::create(b, index(key), index(i));
    Value size = arith::ConstantIndexOp::create(b, CodeForm::blockKeys);
    SmallVector<OpFoldResult> rowSizes = freshSizes, columnSizes = freshSizes;
    rowSizes[2] = one;
    columnSizes[2] = one;
    columnSizes.push_back(one);
    Value row =
        tensor::ExtractSliceOp::create(b, fresh, ArrayRef<OpFoldResult>{zero, zero, i, zero},
                                       rowSizes, SmallVector<OpFoldResult>(4, one));
    auto columnType = RankedTensorType::get(decomposeMixedValues(columnSizes).first, b.getI8Type());
    Value column = tensor::ExpandShapeOp::create(
        b, columnType, row, ArrayRef<ReassociationIndices>{{0}, {1}, {2}, {3, 4}}, columnSizes);
    SmallVector<OpFoldResult> offsets = {batch, zero, Value(arith::DivUIOp::create(b, n, size)),
                                         zero, Value(arith::RemUIOp::create(b, n, size))};
    return tensor::InsertSliceOp::create(b, column, planes, offsets, columnSizes,
                                         SmallVector<OpFoldResult>(5, one));
  };
  if (getConstantIntValue(freshSizes[2]) == 1)
    return insertKey(planes, zero);
  auto loop = scf::ForOp::create(b, index(zero), index(freshSizes[2]), index(one), planes);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  scf::YieldOp::create(b, insertKey(loop.getRegionIterArg(0), loop.getInductionVar()));
  return loop.getResult(0);
}

std::pair<Value, bool> Tierer::buildKeyCodes() {
  Value key = op.getKey();
  unsigned batchDim = positionOf(maps[1], dims.batch), keyDim = positionOf(maps[1], dims.key);
  int64_t batch = sizeOf(op.getQuery(), maps[0], dims.batch), keys = getNumKeys();
  switch (findKeySource()) {
  case KeySource::Opaque:
    // The cache has codes of its own.
    if (Operation *producer = key.getDefiningOp())
      remark::analysis(
          op.getLoc(),
          remark::RemarkOpts::name("ApplyTiering").category("dashkv").function(function.getName()))
          << ("opaque-cache: keys come from " + producer->getName().getStringRef() +
              ", so the codes of new keys are the caller's")
                 .str();
    return {addCodesArgument(keys), false};
  case KeySource::Fresh: {
    Value codes = encodeKeys(key);
    return {options.planes ? packCodes(codes) : codes, true};
  }
  case KeySource::Update: {
    // A cache with new rows written into it: so are the codes.
    tensor::InsertSliceOp insert = getCacheUpdate(key);
    Value codes = addCodesArgument(keys), rows = insert.getSource();
    OpFoldResult zero = b.getIndexAttr(0), one = b.getIndexAttr(1);
    if (auto expand = key.getDefiningOp<tensor::ExpandShapeOp>()) {
      SmallVector<OpFoldResult> shape = expandLikeKey(key, insert.getMixedSizes(), one);
      auto type = RankedTensorType::get(decomposeMixedValues(shape).first,
                                        insert.getSourceType().getElementType());
      rows = tensor::ExpandShapeOp::create(b, type, rows, expand.getReassociationIndices(), shape);
    }
    Value fresh = encodeKeys(rows);
    SmallVector<OpFoldResult> at = expandLikeKey(key, insert.getMixedOffsets(), zero),
                              offsets(4, zero), strides(4, one);
    if (options.planes)
      return {insertIntoPlanes(codes, fresh, at[batchDim], at[keyDim]), true};
    offsets[0] = at[batchDim];
    offsets[2] = at[keyDim];
    return {tensor::InsertSliceOp::create(b, fresh, codes, offsets, sizes(fresh), strides), true};
  }
  case KeySource::Append: {
    auto concat = key.getDefiningOp<tensor::ConcatOp>();
    Value old = concat.getInputs()[0];
    Value codes = addCodesArgument(cast<RankedTensorType>(old.getType()).getDimSize(keyDim));
    Value fresh = encodeKeys(concat.getInputs()[1]);
    auto type = RankedTensorType::get({batch, kvHeads, keys, options.bits / 8}, b.getI8Type());
    return {tensor::ConcatOp::create(b, type, /*dim=*/2, ValueRange{codes, fresh}), true};
  }
  }
  llvm_unreachable("covered switch");
}

HashEncodeOp Tierer::encodeQueries() {
  Value input = toOrder(op.getQuery(), maps[0], {dims.batch, dims.head, dims.query, dims.depth});
  int64_t heads = options.codePerGroup ? kvHeads : queryHeads;
  int64_t group = queryHeads / heads;
  SmallVector<int64_t> layers = {group * depth};
  if (options.mlp)
    layers.append(2, options.hidden);
  layers.push_back(options.bits);
  SmallVector<Value> weights, biases;
  for (size_t i = 0; i + 1 < layers.size(); ++i) {
    std::string number = options.mlp ? std::to_string(i) : "";
    weights.push_back(addArgument("query_encoder.weight" + number,
                                  {heads, layers[i], layers[i + 1]}, b.getF32Type()));
    biases.push_back(
        addArgument("query_encoder.bias" + number, {heads, layers[i + 1]}, b.getF32Type()));
  }
  SmallVector<OpFoldResult> shape = sizes(input);
  shape[1] = b.getIndexAttr(heads);
  shape[3] = b.getIndexAttr(options.levels == 1 ? options.bits / 8 : options.bits);
  Value scaleInit;
  if (options.tiering.hasMid())
    scaleInit = empty({shape[0], shape[1], shape[2]}, b.getF32Type());
  EncoderKind kind = options.mlp ? EncoderKind::Mlp : EncoderKind::Linear;
  ActivationAttr activation;
  if (options.mlp)
    activation = ActivationAttr::get(b.getContext(), options.activation);
  return HashEncodeOp::create(b, input, weights, biases, empty(shape, b.getI8Type()), scaleInit,
                              kind, activation, options.levels, group);
}

void Tierer::foldRows() {
  SmallVector<AffineMap> defaults = AttentionDims::getDefaultMaps(b.getContext(), false);
  // [B, X, Y, ...] with the middle dims collapsed and cut as `shape` tells.
  auto regroup = [&](Value tensor, ArrayRef<OpFoldResult> shape) -> Value {
    SmallVector<ReassociationIndices> groups = {{0}, {1, 2}};
    if (shape.size() == 4)
      groups.push_back({3});
    Value flat = tensor::CollapseShapeOp::create(b, tensor, groups);
    Type element = getElementTypeOrSelf(tensor.getType());
    auto type = RankedTensorType::get(decomposeMixedValues(SmallVector<OpFoldResult>(shape)).first,
                                      element);
    return tensor::ExpandShapeOp::create(b, type, flat, groups, shape);
  };
  Value query = toOrder(op.getQuery(), maps[0], {dims.batch, dims.head, dims.query, dims.depth});
  SmallVector<OpFoldResult> rows = sizes(query), heads = rows;
  heads[1] = b.getIndexAttr(queryHeads * getNumRows());
  heads[2] = b.getIndexAttr(1);
  query = regroup(query, heads);
  int64_t valueDepth = sizeOf(op.getValue(), maps[2], dims.valueDepth);
  OpFoldResult outDepth = b.getIndexAttr(valueDepth);
  if (ShapedType::isDynamic(valueDepth))
    outDepth = sizes(op.getValue())[positionOf(maps[2], dims.valueDepth)];
  rows[3] = heads[3] = outDepth;
  Value lse, init = empty(heads, getElementTypeOrSelf(op.getInit().getType()));
  if (op.getLseInit())
    lse = empty(ArrayRef(heads).drop_back(), b.getF32Type());
  SmallVector<AffineMap> foldedMaps = {defaults[0], maps[1], maps[2], defaults[3]};
  ArrayAttr mapsAttr;
  if (foldedMaps != defaults)
    mapsAttr = b.getAffineMapArrayAttr(foldedMaps);
  SmallVector<Type> types = {init.getType()};
  if (lse)
    types.push_back(lse.getType());
  auto folded = AttentionOp::create(b, types, query, op.getKey(), op.getValue(), /*mask=*/Value(),
                                    op.getLengths(), op.getBlockTable(), op.getKeyScale(),
                                    op.getValueScale(), init, lse, op.getScaleAttr(),
                                    /*causal=*/UnitAttr(), mapsAttr);
  SmallVector<unsigned> outOrder;
  for (AffineExpr expr : maps.back().getResults())
    outOrder.push_back(cast<AffineDimExpr>(expr).getPosition());
  Value out = toOrder(regroup(folded->getResult(0), rows), defaults[3], outOrder);
  op->getResult(0).replaceAllUsesWith(out);
  if (lse)
    op->getResult(1).replaceAllUsesWith(regroup(folded->getResult(1), ArrayRef(rows).drop_back()));
  op.erase();
  op = folded;
  b.setInsertionPoint(op);
  maps = op.getMaps();
  queryHeads = sizeOf(op.getQuery(), maps[0], dims.head);
}

void Tierer::rewrite() {
  if (isGroupOfRows())
    foldRows();
  bool decode = isDecode();
  auto [keyCodes, isNew] = buildKeyCodes();
  if (isNew)
    addResult("key_codes", keyCodes);
  if (!decode)
    return;
  HashEncodeOp queries = encodeQueries();
  int64_t batch = sizeOf(op.getQuery(), maps[0], dims.batch), keys = roundKeys(getNumKeys());
  int64_t codeHeads = options.codePerGroup ? kvHeads : queryHeads;
  Type i1 = b.getI1Type(), i16 = b.getI16Type(), f32 = b.getF32Type();
  auto optional = [&](bool wanted, StringRef role, ArrayRef<int64_t> shape, Type type) {
    return wanted ? addArgument(role, shape, type) : Value();
  };
  Value lengths = op.getLengths();
  if (!lengths)
    lengths = optional(options.lengths, "lengths", {batch}, b.getI32Type());
  Value forced = optional(options.forced, "forced", {batch, keys}, i1);
  Value prior = optional(options.prior, "prior", {batch, keys}, i1);
  Value voteDiscount = optional(options.votes, "vote_discount", {codeHeads}, i16);
  Value priorDiscount = optional(options.prior, "prior_discount", {codeHeads}, i16);
  bool hasMid = options.tiering.hasMid();
  Value temperature = optional(hasMid, "temperature", {queryHeads}, f32);
  Value bias = optional(hasMid, "bias", {queryHeads}, f32);
  int64_t columns = options.levels == 1 ? options.bits + 1 : 128;
  Value table = optional(hasMid && options.table, "table", {queryHeads, columns}, f32);
  Value keptInit;
  if (options.prior) {
    SmallVector<OpFoldResult> flagSizes = sizes(prior);
    keptInit = empty(flagSizes, i1);
  }
  ArrayAttr tieredMaps;
  if (op.getIndexingMaps())
    tieredMaps = b.getAffineMapArrayAttr({maps[0], maps[1], maps[2], maps.back()});
  auto tiered = TieredAttentionOp::create(
      b, op.getQuery(), op.getKey(), op.getValue(), queries.getResult(0), keyCodes, lengths,
      op.getBlockTable(), forced, prior, voteDiscount, priorDiscount, /*radius=*/Value(),
      hasMid ? Value(queries.getResult(1)) : Value(), temperature, bias, table, ValueRange(),
      ValueRange(), op.getKeyScale(), op.getValueScale(), op.getInit(), op.getLseInit(), keptInit,
      options.tiering, op.getScaleAttr(), ActivationAttr(), tieredMaps);
  for (auto [old, fresh] : llvm::zip(op->getResults(), tiered->getResults()))
    old.replaceAllUsesWith(fresh);
  op.erase();
  if (options.prior)
    addResult("kept", tiered->getResults().back());
}

namespace {
struct ApplyTieringPass : mlir::dashkv::impl::ApplyTieringPassBase<ApplyTieringPass> {
  using Base::Base;

  FailureOr<Options> readOptions();
  void runOnOperation() override;
};
} // namespace

FailureOr<Options> ApplyTieringPass::readOptions() {
  Location loc = getOperation()->getLoc();
  std::string message;
  FailureOr<TieringAttr> parsed = TieringAttr::parseText(&getContext(), tiering, message);
  if (failed(parsed))
    return emitError(loc) << "dashkv-apply-tiering: " << message;
  if (codeBits % 8 != 0 || codeBits < 8 || codeBits > 256) // c3
    return emitError(loc) << "dashkv-apply-tiering: expected code-bits that are a multiple of 8 in "
                             "8 to 256, but got "
                          << int64_t(codeBits);
  if (levels < 1 || levels > 15)
    return emitError(loc) << "dashkv-apply-tiering: expected levels in 1 to 15, but got "
                          << int64_t(levels);
  if (hidden < 1)
    return emitError(loc) << "dashkv-apply-tiering: expected hidden >= 1, but got "
                          << int64_t(hidden);
  if (parsed->getScope() == Scope::Head && codes == CodeHeads::Group) // c3
    return emitError(loc)
           << "dashkv-apply-tiering: expected codes=head with scope=head, but got codes=group";
  if (residualTable && !parsed->hasMid())
    return emitError(loc)
           << "dashkv-apply-tiering: expected a mid tier with residual-table, but got none";
  return Options{*parsed,
                 codeBits,
                 levels,
                 hidden,
                 encoder == EncoderKind::Mlp,
                 codes == CodeHeads::Group,
                 codeLayout == CodeLayout::Planes,
                 lengths,
                 forced,
                 prior,
                 votes,
                 residualTable,
                 activation};
}

void ApplyTieringPass::runOnOperation() {
  FailureOr<Options> options = readOptions();
  if (failed(options))
    return signalPassFailure();
  for (auto function : getOperation().getOps<func::FuncOp>()) {
    SmallVector<AttentionOp> ops;
    function.walk([&](AttentionOp op) { ops.push_back(op); });
    if (ops.empty())
      continue;
    if (!SymbolTable::symbolKnownUseEmpty(function, getOperation())) {
      emitError(function.getLoc())
          << "expected a function without callers, whose arguments can grow, but '"
          << function.getName() << "' is called";
      return signalPassFailure();
    }
    unsigned tiered = 0;
    auto remarkOptions =
        remark::RemarkOpts::name("ApplyTiering").category("dashkv").function(function.getName());
    for (auto [i, op] : llvm::enumerate(ops)) {
      if (llvm::is_contained(denseLayers, i))
        continue;
      Tierer tierer(op, function, *options,
                    ops.size() == 1 ? "" : "layer" + std::to_string(i) + ".");
      std::string obstacle = tierer.findObstacle();
      if (!obstacle.empty()) {
        remark::missed(op.getLoc(), remarkOptions) << obstacle;
        continue;
      }
      tierer.rewrite();
      ++tiered;
    }
    remark::analysis(function.getLoc(), remarkOptions) << remark::metric("tiered", tiered);
  }
}
