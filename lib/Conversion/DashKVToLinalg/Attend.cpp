//===- Attend.cpp - Attention, estimates and softmax statistics on linalg -===//
//
// Query heads are always two dims here, KV head and head within the group, so
// that every map is a projected permutation and K and V are read as they are.
//
//===----------------------------------------------------------------------===//
#include "Helpers.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::dashkv;

using arith::CmpIPredicate;

namespace {
/// Loops of the attention equations, in the order of execution: the key before
/// the group, so that a row of K or V serves all its query heads while it is in
/// the cache.
enum Loop : unsigned { B, K, M, N, G, D };

/// A list of keys [B,Hl,M,C] with counts, or all keys.
struct KeyList {
  Value indices, counts;
  SmallVector<unsigned> rowDims; // (B,K,M) or (B,K,G,M) as loops
  explicit operator bool() const { return indices != nullptr; }
};

/// Normalized operands of attention over all or listed keys.
struct Attend {
  Value query;      // [B,K,G,M,D] f32, scaled
  Value key, value; // [B,K,N,D], [B,K,N,Dv]; paged: [P,K,S,D], [P,K,S,Dv]
  Value blockTable; // [B,T], if paged
  Value mask;       // with loops maskDims
  SmallVector<unsigned> maskDims;
  KeyList list;
  Value lengths, valueScale;
  bool causal = false;
  OpFoldResult rows, keys;
};
} // namespace

static const SmallVector<unsigned> kRowDims = {B, K, G, M}; // of statistics

/// Transposes `value`, indexed through `map`, to the order of `dims`.
static Value toOrder(LinalgBuilder &b, Value value, AffineMap map, ArrayRef<unsigned> dims) {
  SmallVector<int64_t> permutation;
  for (unsigned dim : dims)
    permutation.push_back(*map.getResultPosition(b.getAffineDimExpr(dim)));
  return b.transpose(value, permutation);
}

/// The inverse: from the order of `dims` to that of `map`.
static Value fromOrder(LinalgBuilder &b, Value value, AffineMap map, ArrayRef<unsigned> dims) {
  SmallVector<int64_t> permutation;
  for (AffineExpr expr : map.getResults())
    permutation.push_back(
        std::distance(dims.begin(), llvm::find(dims, cast<AffineDimExpr>(expr).getPosition())));
  return b.transpose(value, permutation);
}

/// Query heads [.., Hq, ..] at dim 1 as (Hkv, G).
static Value splitHeads(LinalgBuilder &b, Value value, OpFoldResult kvHeads) {
  return b.splitDim(value, 1, kvHeads);
}

/// The first min(C, N) slots of `tensor` [B,H,M,C]. A list has no more entries
/// than there are keys, and without keys there is no row to read for padding.
static Value cutSlots(LinalgBuilder &b, Value tensor, OpFoldResult keys) {
  SmallVector<OpFoldResult> sizes = b.sizes(tensor);
  std::optional<int64_t> capacity = getConstantIntValue(sizes[3]),
                         numKeys = getConstantIntValue(keys);
  if (capacity && numKeys && *capacity <= *numKeys)
    return tensor;
  AffineExpr c = b.getAffineSymbolExpr(0), n = b.getAffineSymbolExpr(1);
  auto least = AffineMap::get(0, 2, {c, n}, b.getContext());
  sizes[3] = affine::makeComposedFoldedAffineMin(b, b.getLoc(), least, {sizes[3], keys});
  return tensor::ExtractSliceOp::create(b, tensor, SmallVector<OpFoldResult>(4, b.getIndexAttr(0)),
                                        sizes, SmallVector<OpFoldResult>(4, b.getIndexAttr(1)));
}

/// Whether the sizes of dim 1 tell codes and lists of query heads from those of
/// KV heads.
static bool areHeadsStatic(ValueRange values) {
  return llvm::all_of(
      values, [](Value value) { return !cast<ShapedType>(value.getType()).isDynamicDim(1); });
}

static KeyList splitList(LinalgBuilder &b, Value indices, Value counts, OpFoldResult kvHeads,
                         OpFoldResult keys) {
  if (!indices)
    return {};
  indices = cutSlots(b, indices, keys);
  // A list a KV head serves its group; otherwise there is one a query head.
  int64_t listHeads = cast<ShapedType>(indices.getType()).getDimSize(1);
  std::optional<int64_t> heads = getConstantIntValue(kvHeads);
  if (heads ? *heads == listHeads : ShapedType::isDynamic(listHeads))
    return {indices, counts, {B, K, M}};
  return {splitHeads(b, indices, kvHeads), splitHeads(b, counts, kvHeads), {B, K, G, M}};
}

//===----------------------------------------------------------------------===//
// Logits
//===----------------------------------------------------------------------===//

/// The row of `tensor` [B,K,N,X] that a list entry names, at loop dim `last`.
/// Entries past the count are -1 and read row 0; their logit is -inf. With a
/// block table `tensor` is [P,K,S,X]; whatever stands in entries of which no key
/// exists, a page that exists is read.
static Value gather(LinalgBuilder &b, Value tensor, Value entry, unsigned last,
                    Value blockTable = Value()) {
  Type index = b.getIndexType();
  Value safe = arith::MaxSIOp::create(b, entry, b.i32(0));
  Value row = arith::IndexCastOp::create(b, index, safe), outer = b.loopIndex(B, index);
  if (blockTable) {
    Value size = b.sizeValue(tensor, 2);
    Value block = arith::DivUIOp::create(b, row, size);
    row = arith::RemUIOp::create(b, row, size);
    Value page = tensor::ExtractOp::create(b, blockTable, ValueRange{outer, block});
    page = arith::IndexCastUIOp::create(b, index, page);
    Value last = b.createOrFold<arith::SubIOp>(b.sizeValue(tensor, 0), b.index(1));
    outer = arith::MinUIOp::create(b, page, last);
  }
  return tensor::ExtractOp::create(
      b, tensor, ValueRange{outer, b.loopIndex(K, index), row, b.loopIndex(last, index)});
}

/// N of a cache [B,K,N,D], or of pages [P,K,S,D]: none where there are no pages,
/// as there is no row to read for keys past the lengths.
static OpFoldResult getKeys(LinalgBuilder &b, Value cache, Value blockTable) {
  OpFoldResult keys = getNumKeys(b, b.getLoc(), cache, 2, blockTable);
  OpFoldResult pages = b.size(cache, 0);
  std::optional<int64_t> known = getConstantIntValue(pages);
  if (!blockTable || known.value_or(0) > 0)
    return keys;
  if (known)
    return pages;
  Value none = arith::CmpIOp::create(b, CmpIPredicate::eq, cast<Value>(pages), b.index(0));
  return Value(arith::SelectOp::create(b, none, b.index(0), b.materialize(keys)));
}

static SmallVector<unsigned> append(SmallVector<unsigned> dims, unsigned dim) {
  dims.push_back(dim);
  return dims;
}

/// What a loop over keys reads besides `tensor`, or of it.
static void appendKeys(SmallVectorImpl<Indexed> &inputs, const Attend &op, Value tensor) {
  if (op.list)
    inputs.push_back({op.list.indices, append(op.list.rowDims, N)});
  else if (!op.blockTable)
    inputs.push_back({tensor, {B, K, N, D}});
  else if (op.lengths)
    inputs.push_back({op.lengths, {B}});
}

/// Element of a key at loop dim D, given what the loop over keys reads.
static Value loadKey(LinalgBuilder &b, const Attend &op, Value tensor, Value read) {
  if (op.list)
    return gather(b, tensor, read, D, op.blockTable);
  if (!op.blockTable)
    return read;
  Value key = b.loopIndex(N, b.getI32Type());
  if (op.lengths) { // entries past the length may be anything
    Value exists = arith::CmpIOp::create(b, CmpIPredicate::slt, key, read);
    key = arith::SelectOp::create(b, exists, key, b.i32(0));
  }
  return gather(b, tensor, key, D, op.blockTable);
}

static arith::FastMathFlagsAttr getReassoc(LinalgBuilder &b) {
  return arith::FastMathFlagsAttr::get(b.getContext(), arith::FastMathFlags::reassoc |
                                                           arith::FastMathFlags::contract);
}

/// Logits [B,K,G,M,N or C] without masking.
static Value buildDots(LinalgBuilder &b, const Attend &op, ArrayRef<OpFoldResult> sizes) {
  SmallVector<Indexed> inputs = {{op.query, {B, K, G, M, D}}};
  appendKeys(inputs, op, op.key);
  return b.generic(6, inputs, {b.filled(sizes, b.f32(0)), {B, K, G, M, N}},
                   [&](LinalgBuilder &b, ValueRange args) -> Value {
                     Value key = loadKey(b, op, op.key, args[1]);
                     // Sums may be reordered: the op promises f32 up to rounding.
                     auto flags = getReassoc(b);
                     Value product = arith::MulFOp::create(b, args[0], b.toF32(key), flags);
                     return arith::AddFOp::create(b, args.back(), product, flags);
                   });
}

/// Adds the mask and puts -inf where a key does not exist for its row.
static Value maskDots(LinalgBuilder &b, const Attend &op, Value dots) {
  Type i32 = b.getI32Type();
  bool bounded = !op.list && (op.lengths || op.causal);
  if (!op.mask && !bounded && !op.list)
    return dots;
  // Loops of this elementwise step: b, k, g, m, n.
  auto renumber = [](ArrayRef<unsigned> dims) {
    static constexpr unsigned positions[] = {/*B*/ 0, /*K*/ 1, /*M*/ 3, /*N*/ 4, /*G*/ 2};
    SmallVector<unsigned> result;
    for (unsigned dim : dims)
      result.push_back(positions[dim]);
    return result;
  };
  SmallVector<Indexed> inputs = {{dots, iota(5)}};
  if (op.mask)
    inputs.push_back({op.mask, renumber(op.maskDims)});
  if (op.list)
    inputs.push_back({op.list.counts, renumber(op.list.rowDims)});
  else if (op.lengths)
    inputs.push_back({op.lengths, {0}});
  Value rows, keys;
  if (bounded) {
    rows = arith::IndexCastOp::create(b, i32, b.materialize(op.rows));
    keys = arith::IndexCastOp::create(b, i32, b.materialize(op.keys));
  }
  return b.map(
      b.sizes(dots), b.getF32Type(), inputs, [&](LinalgBuilder &b, ValueRange args) -> Value {
        Value score = args[0];
        unsigned next = 1;
        if (op.mask)
          score = arith::AddFOp::create(b, score, b.toF32(args[next++]));
        Value limit;
        if (op.list) {
          limit = args[next];
        } else if (bounded) {
          limit = op.lengths ? args[next] : keys;
          if (op.causal) { // n <= limit - M + m
            Value row = arith::SubIOp::create(b, b.loopIndex(3, i32), rows);
            limit = arith::AddIOp::create(b, arith::AddIOp::create(b, limit, row), b.i32(1));
          }
        }
        if (!limit)
          return score;
        Value visible = arith::CmpIOp::create(b, CmpIPredicate::slt, b.loopIndex(4, i32), limit);
        return arith::SelectOp::create(b, visible, score, b.minusInf());
      });
}

//===----------------------------------------------------------------------===//
// Softmax statistics
//===----------------------------------------------------------------------===//

/// Adds keys with logits `scores` [B,K,G,M,N or C] to statistics with heads as
/// (k, g).
static SoftmaxStats accumulate(LinalgBuilder &b, Value scores, const Attend &op,
                               SoftmaxStats stats) {
  Type f32 = b.getF32Type();
  SmallVector<OpFoldResult> rows = b.sizes(stats.max);
  Value max = b.generic(5, {{scores, iota(5)}}, {stats.max, iota(4)},
                        [](LinalgBuilder &b, ValueRange args) -> Value {
                          return arith::MaximumFOp::create(b, args[1], args[0]);
                        });
  Value p = b.map(b.sizes(scores), f32, {{scores, iota(5)}, {max, iota(4)}},
                  [](LinalgBuilder &b, ValueRange args) -> Value {
                    return math::ExpOp::create(b, arith::SubFOp::create(b, args[0], args[1]));
                  });
  Value rescale = b.map(rows, f32, {{stats.max, iota(4)}, {max, iota(4)}},
                        [](LinalgBuilder &b, ValueRange args) -> Value {
                          return math::ExpOp::create(b, arith::SubFOp::create(b, args[0], args[1]));
                        });
  auto scaled = [&](Value old) {
    unsigned rank = cast<RankedTensorType>(old.getType()).getRank();
    return b.map(b.sizes(old), f32, {{old, iota(rank)}, {rescale, iota(4)}},
                 [](LinalgBuilder &b, ValueRange args) -> Value {
                   return arith::MulFOp::create(b, args[0], args[1]);
                 });
  };
  Value sum = b.generic(5, {{p, iota(5)}}, {scaled(stats.sum), iota(4)},
                        [](LinalgBuilder &b, ValueRange args) -> Value {
                          return arith::AddFOp::create(b, args[1], args[0], getReassoc(b));
                        });
  SmallVector<Indexed> inputs = {{p, {B, K, G, M, N}}};
  appendKeys(inputs, op, op.value);
  if (op.valueScale)
    inputs.push_back({op.valueScale, {K}});
  Value acc = b.generic(6, inputs, {scaled(stats.acc), {B, K, G, M, D}},
                        [&](LinalgBuilder &b, ValueRange args) -> Value {
                          Value value = b.toF32(loadKey(b, op, op.value, args[1]));
                          if (op.valueScale)
                            value = arith::MulFOp::create(b, value, args.drop_back().back());
                          if (op.list || op.lengths || op.causal) {
                            // Rows of keys that do not exist may hold anything, and 0 * NaN is NaN.
                            Value isZero = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ,
                                                                 args[0], b.f32(0));
                            value = arith::SelectOp::create(b, isZero, b.f32(0), value);
                          }
                          auto flags = getReassoc(b);
                          Value product = arith::MulFOp::create(b, args[0], value, flags);
                          return arith::AddFOp::create(b, args.back(), product, flags);
                        });
  return {acc, max, sum};
}

/// out = acc / sum and lse = max + log(sum) with any number of row dims.
static std::pair<Value, Value> finalize(LinalgBuilder &b, SoftmaxStats stats, Type type,
                                        bool wantLse) {
  unsigned rank = cast<RankedTensorType>(stats.acc.getType()).getRank();
  Value out =
      b.map(b.sizes(stats.acc), type, {{stats.acc, iota(rank)}, {stats.sum, iota(rank - 1)}},
            [&](LinalgBuilder &b, ValueRange args) -> Value {
              Value isEmpty =
                  arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, args[1], b.f32(0));
              Value quotient = arith::DivFOp::create(b, args[0], args[1]);
              return b.fromF32(arith::SelectOp::create(b, isEmpty, b.f32(0), quotient), type);
            });
  if (!wantLse)
    return {out, Value()};
  Value lse = b.map(b.sizes(stats.sum), b.getF32Type(),
                    {{stats.max, iota(rank - 1)}, {stats.sum, iota(rank - 1)}},
                    [&](LinalgBuilder &b, ValueRange args) -> Value {
                      Value isEmpty =
                          arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, args[1], b.f32(0));
                      Value sum =
                          arith::AddFOp::create(b, args[0], math::LogOp::create(b, args[1]));
                      return arith::SelectOp::create(b, isEmpty, b.minusInf(), sum);
                    });
  return {out, lse};
}

//===----------------------------------------------------------------------===//
// attention, online_attention
//===----------------------------------------------------------------------===//

/// q as f32 times the scale (1/sqrt(D) at run time where D is dynamic) and the
/// key's scale, [B,K,G,M,D].
static Value scaleQuery(LinalgBuilder &b, Value query, FailureOr<float> scale, Value keyScale) {
  Value factor;
  if (succeeded(scale)) {
    factor = b.f32(*scale);
  } else {
    Value depth = arith::IndexCastOp::create(b, b.getI32Type(), b.sizeValue(query, 4));
    factor = math::RsqrtOp::create(b, arith::SIToFPOp::create(b, b.getF32Type(), depth));
  }
  SmallVector<Indexed> inputs = {{query, iota(5)}};
  if (keyScale)
    inputs.push_back({keyScale, {1}});
  return b.map(b.sizes(query), b.getF32Type(), inputs,
               [&](LinalgBuilder &b, ValueRange args) -> Value {
                 Value scaled = arith::MulFOp::create(b, b.toF32(args[0]), factor);
                 return keyScale ? Value(arith::MulFOp::create(b, scaled, args[1])) : scaled;
               });
}

template <typename OpTy>
static Attend normalize(LinalgBuilder &b, OpTy op, Value indices, Value counts) {
  SmallVector<AffineMap> maps = op.getMaps();
  AttentionDims dims = op.getDims();
  Attend result;
  result.key = toOrder(b, op.getKey(), maps[1], {dims.batch, dims.head, dims.key, dims.depth});
  result.value =
      toOrder(b, op.getValue(), maps[2], {dims.batch, dims.head, dims.key, dims.valueDepth});
  OpFoldResult kvHeads = b.size(result.key, 1);
  Value query;
  if (dims.group) {
    query = toOrder(b, op.getQuery(), maps[0],
                    {dims.batch, dims.head, *dims.group, dims.query, dims.depth});
  } else {
    query = toOrder(b, op.getQuery(), maps[0], {dims.batch, dims.head, dims.query, dims.depth});
    query = splitHeads(b, query, kvHeads);
  }
  result.query = scaleQuery(b, query, op.getScaleValue(), op.getKeyScale());
  result.rows = b.size(query, 3);
  result.keys = getKeys(b, result.key, op.getBlockTable());
  if (Value mask = op.getMask()) {
    // The mask keeps its own rank: only its dims are named anew, and a head dim
    // that counts query heads is split.
    AffineMap map = maps[3];
    for (auto [position, expr] : llvm::enumerate(map.getResults())) {
      unsigned dim = cast<AffineDimExpr>(expr).getPosition();
      unsigned at = result.maskDims.size();
      if (dim == dims.batch)
        result.maskDims.push_back(B);
      else if (dim == dims.query)
        result.maskDims.push_back(M);
      else if (dim == dims.key)
        result.maskDims.push_back(N);
      else if (dims.group && dim == *dims.group)
        result.maskDims.push_back(G);
      else
        result.maskDims.push_back(K);
      if (dim == dims.head && !dims.group) {
        mask = b.splitDim(mask, at, kvHeads);
        result.maskDims.push_back(G);
      }
    }
    result.mask = mask;
  }
  result.list = splitList(b, indices, counts, kvHeads, result.keys);
  result.blockTable = op.getBlockTable();
  result.lengths = op.getLengths();
  result.valueScale = op.getValueScale();
  return result;
}

static SoftmaxStats attend(LinalgBuilder &b, const Attend &op, SoftmaxStats stats) {
  SmallVector<OpFoldResult> sizes = b.sizes(op.query);
  sizes[4] = op.list ? b.sizes(op.list.indices).back() : op.keys;
  Value scores = maskDots(b, op, buildDots(b, op, sizes));
  return accumulate(b, scores, op, stats);
}

FailureOr<SmallVector<Value>> dashkv::lowerOp(LinalgBuilder &b, AttentionOp op) {
  Attend normalized = normalize(b, op, Value(), Value());
  normalized.causal = op.getCausal();
  SmallVector<OpFoldResult> accSizes = b.sizes(normalized.query);
  accSizes[4] = b.size(normalized.value, 3);
  SmallVector<OpFoldResult> rows(accSizes.begin(), accSizes.end() - 1);
  double lowest = APFloat::getLargest(APFloat::IEEEsingle(), /*Negative=*/true).convertToDouble();
  SoftmaxStats start = {b.filled(accSizes, b.f32(0)), b.filled(rows, b.f32(lowest)),
                        b.filled(rows, b.f32(0))};
  auto [out, lse] =
      finalize(b, attend(b, normalized, start), getElementTypeOrSelf(op.getInit().getType()),
               op.getLseInit() != nullptr);
  AttentionDims dims = op.getDims();
  AffineMap map = op.getMaps().back();
  if (dims.group) {
    out = fromOrder(b, out, map, {dims.batch, dims.head, *dims.group, dims.query, dims.valueDepth});
  } else {
    out =
        fromOrder(b, b.joinDims(out, 1), map, {dims.batch, dims.head, dims.query, dims.valueDepth});
    if (lse)
      lse = b.joinDims(lse, 1);
  }
  SmallVector<Value> results = {out};
  if (lse)
    results.push_back(lse);
  return results;
}

FailureOr<SmallVector<Value>> dashkv::lowerOp(LinalgBuilder &b, OnlineAttentionOp op) {
  if (op.getIndices()) {
    auto keyType = cast<ShapedType>(op.getKey().getType());
    AffineExpr head = b.getAffineDimExpr(op.getDims().head);
    if (!areHeadsStatic(op.getIndices()) ||
        keyType.isDynamicDim(*op.getMaps()[1].getResultPosition(head)))
      return failure();
  }
  Attend normalized = normalize(b, op, op.getIndices(), op.getCounts());
  normalized.causal = op.getCausal();
  AttentionDims dims = op.getDims();
  AffineMap map = op.getMaps().back();
  OpFoldResult kvHeads = b.size(normalized.key, 1);
  SmallVector<unsigned> order = {dims.batch, dims.head};
  if (dims.group)
    order.push_back(*dims.group);
  order.append({dims.query, dims.valueDepth});
  SoftmaxStats stats = {toOrder(b, op.getAcc(), map, order), op.getMax(), op.getSum()};
  if (!dims.group)
    for (Value *value : {&stats.acc, &stats.max, &stats.sum})
      *value = splitHeads(b, *value, kvHeads);
  stats = attend(b, normalized, stats);
  if (!dims.group)
    for (Value *value : {&stats.acc, &stats.max, &stats.sum})
      *value = b.joinDims(*value, 1);
  return SmallVector<Value>{fromOrder(b, stats.acc, map, order), stats.max, stats.sum};
}

//===----------------------------------------------------------------------===//
// online_reduce, merge, finalize
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>> dashkv::lowerOp(LinalgBuilder &b, OnlineReduceOp op) {
  if (!areHeadsStatic({op.getIndices(), op.getValue()}))
    return failure();
  OpFoldResult kvHeads = b.size(op.getValue(), 1);
  Attend normalized;
  normalized.value = op.getValue();
  normalized.valueScale = op.getValueScale();
  normalized.blockTable = op.getBlockTable();
  OpFoldResult keys = getKeys(b, op.getValue(), op.getBlockTable());
  normalized.list = splitList(b, op.getIndices(), op.getCounts(), kvHeads, keys);
  Value scores = maskDots(b, normalized, splitHeads(b, cutSlots(b, op.getScores(), keys), kvHeads));
  SoftmaxStats stats = {splitHeads(b, op.getAcc(), kvHeads), splitHeads(b, op.getMax(), kvHeads),
                        splitHeads(b, op.getSum(), kvHeads)};
  stats = accumulate(b, scores, normalized, stats);
  return SmallVector<Value>{b.joinDims(stats.acc, 1), b.joinDims(stats.max, 1),
                            b.joinDims(stats.sum, 1)};
}

FailureOr<SmallVector<Value>> dashkv::lowerOp(LinalgBuilder &b, MergeOp op) {
  Type f32 = b.getF32Type();
  // Loops b, h, m, s: partials in the order of s, so that results repeat.
  Value max = b.generic(4, {{op.getMaxs(), {3, 0, 1, 2}}}, {op.getMax(), iota(3)},
                        [](LinalgBuilder &b, ValueRange args) -> Value {
                          return arith::MaximumFOp::create(b, args[1], args[0]);
                        });
  auto expDifference = [](LinalgBuilder &b, ValueRange args) -> Value {
    return math::ExpOp::create(b, arith::SubFOp::create(b, args[0], args[1]));
  };
  Value factors =
      b.map(b.sizes(op.getMaxs()), f32, {{op.getMaxs(), iota(4)}, {max, {1, 2, 3}}}, expDifference);
  Value own = b.map(b.sizes(max), f32, {{op.getMax(), iota(3)}, {max, iota(3)}}, expDifference);
  auto scaled = [&](Value old) {
    unsigned rank = cast<RankedTensorType>(old.getType()).getRank();
    return b.map(b.sizes(old), f32, {{old, iota(rank)}, {own, iota(3)}},
                 [](LinalgBuilder &b, ValueRange args) -> Value {
                   return arith::MulFOp::create(b, args[0], args[1]);
                 });
  };
  auto addScaled = [](LinalgBuilder &b, ValueRange args) -> Value {
    return arith::AddFOp::create(b, args[2], arith::MulFOp::create(b, args[0], args[1]));
  };
  Value sum = b.generic(4, {{op.getSums(), {3, 0, 1, 2}}, {factors, {3, 0, 1, 2}}},
                        {scaled(op.getSum()), iota(3)}, addScaled);
  // Loops b, h, m, s, d.
  Value acc = b.generic(5, {{op.getAccs(), {3, 0, 1, 2, 4}}, {factors, {3, 0, 1, 2}}},
                        {scaled(op.getAcc()), {0, 1, 2, 4}}, addScaled);
  return SmallVector<Value>{acc, max, sum};
}

FailureOr<SmallVector<Value>> dashkv::lowerOp(LinalgBuilder &b, FinalizeOp op) {
  auto [out, lse] =
      finalize(b, {op.getAcc(), op.getMax(), op.getSum()},
               getElementTypeOrSelf(op.getInit().getType()), op.getLseInit() != nullptr);
  SmallVector<Value> results = {out};
  if (lse)
    results.push_back(lse);
  return results;
}

//===----------------------------------------------------------------------===//
// estimate_scores
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<Value>> dashkv::lowerOp(LinalgBuilder &b, EstimateScoresOp op) {
  if (!areHeadsStatic({op.getIndices(), op.getQueryCodes(), op.getKeyCodes()}))
    return failure();
  CodeForm form = *CodeForm::get(op.getQueryCodes().getType(), op.getKeyCodes().getType());
  Type i8 = b.getI8Type(), i32 = b.getI32Type(), f32 = b.getF32Type();
  Value keyCodes = b.keyMajor(op.getKeyCodes());
  OpFoldResult kvHeads = b.size(keyCodes, 1), keys = b.size(keyCodes, 2);
  KeyList list = splitList(b, op.getIndices(), op.getCounts(), kvHeads, keys);
  // A code a query head is split like the heads; a code a KV head serves all.
  bool codePerHead = cast<ShapedType>(op.getQueryCodes().getType()).getDimSize(1) !=
                     cast<ShapedType>(op.getKeyCodes().getType()).getDimSize(1);
  Value codes = op.getQueryCodes(), codeScale = op.getCodeScale();
  SmallVector<unsigned> codeDims = {B, K, M};
  if (codePerHead) {
    codes = splitHeads(b, codes, kvHeads);
    if (codeScale)
      codeScale = splitHeads(b, codeScale, kvHeads);
    codeDims = {B, K, G, M};
  }
  Value init = cutSlots(b, op.getInit(), keys);
  SmallVector<OpFoldResult> sizes = b.sizes(splitHeads(b, init, kvHeads));

  // Distances of the listed keys, loops b, k, m, c, g, byte, [bit].
  unsigned byte = 5, bit = 6;
  SmallVector<Indexed> inputs = {
      {form.weighted ? b.splitLastDim(codes, 8) : codes, append(codeDims, byte)},
      {list.indices, append(list.rowDims, N)}};
  if (form.weighted)
    inputs[0].dims.push_back(bit);
  else // the byte loop needs an operand that bounds it; the code is one
    bit = 5;
  Value distances =
      b.generic(bit + 1, inputs, {b.filled(sizes, b.i32(0)), {B, K, G, M, N}},
                [&](LinalgBuilder &b, ValueRange args) -> Value {
                  Value key = gather(b, keyCodes, args[1], byte);
                  Value zero = b.constant(i8, int64_t(0));
                  Value count;
                  if (form.weighted) {
                    Value shifted = arith::ShRUIOp::create(b, key, b.loopIndex(bit, i8));
                    Value keyBit = arith::TruncIOp::create(b, b.getI1Type(), shifted);
                    Value queryBit = arith::CmpIOp::create(b, CmpIPredicate::sgt, args[0], zero);
                    Value differs = arith::CmpIOp::create(b, CmpIPredicate::ne, keyBit, queryBit);
                    count =
                        arith::SelectOp::create(b, differs, math::AbsIOp::create(b, args[0]), zero);
                  } else {
                    count = math::CtPopOp::create(b, arith::XOrIOp::create(b, args[0], key));
                  }
                  return arith::AddIOp::create(b, args[2], arith::ExtUIOp::create(b, i32, count));
                });

  // S: L, or the sum of the magnitudes of the code.
  Value total;
  SmallVector<unsigned> rowLoops =
      codePerHead ? SmallVector<unsigned>{0, 1, 2, 3} : SmallVector<unsigned>{0, 1, 3};
  if (form.weighted) {
    unsigned rank = codeDims.size();
    SmallVector<OpFoldResult> rows = b.sizes(codes);
    rows.pop_back();
    total = b.generic(rank + 1, {{codes, iota(rank + 1)}}, {b.filled(rows, b.i32(0)), iota(rank)},
                      [&](LinalgBuilder &b, ValueRange args) -> Value {
                        Value magnitude =
                            arith::ExtUIOp::create(b, i32, math::AbsIOp::create(b, args[0]));
                        return arith::AddIOp::create(b, args[1], magnitude);
                      });
  }

  // The residual mlp on (h_q, h_k): x [B,Hq,M,C,2L], whose layers have a head dim.
  Value residual;
  if (!op.getMlpWeights().empty()) {
    SmallVector<OpFoldResult> inputSizes = sizes;
    inputSizes.push_back(b.getIndexAttr(2 * form.bits));
    SmallVector<unsigned> listDims; // loops b, k, g, m, c, i
    for (unsigned dim : list.rowDims)
      listDims.push_back(dim == M ? 3 : dim == G ? 2 : dim);
    Value x = b.map(
        inputSizes, f32, {{list.indices, append(listDims, 4)}},
        [&](LinalgBuilder &b, ValueRange args) -> Value {
          Type index = b.getIndexType();
          Value position = b.loopIndex(5, index), bits = b.index(form.bits), eight = b.index(8);
          Value isKey = arith::CmpIOp::create(b, CmpIPredicate::uge, position, bits);
          Value within =
              arith::SelectOp::create(b, isKey, arith::SubIOp::create(b, position, bits), position);
          Value byteIndex = arith::DivUIOp::create(b, within, eight);
          Value bitIndex =
              arith::IndexCastOp::create(b, i8, arith::RemUIOp::create(b, within, eight));
          auto bitOf = [&](Value byteValue) -> Value {
            return arith::TruncIOp::create(b, b.getI1Type(),
                                           arith::ShRUIOp::create(b, byteValue, bitIndex));
          };
          Value row =
              arith::IndexCastOp::create(b, index, arith::MaxSIOp::create(b, args[0], b.i32(0)));
          Value keyByte = tensor::ExtractOp::create(
              b, keyCodes,
              ValueRange{b.loopIndex(0, index), b.loopIndex(1, index), row, byteIndex});
          SmallVector<Value> codeIndex;
          for (unsigned dim : rowLoops)
            codeIndex.push_back(b.loopIndex(dim, index));
          codeIndex.push_back(form.weighted ? within : byteIndex);
          Value code = tensor::ExtractOp::create(b, codes, codeIndex);
          Value queryBit = form.weighted ? Value(arith::CmpIOp::create(b, CmpIPredicate::sgt, code,
                                                                       b.constant(i8, int64_t(0))))
                                         : bitOf(code);
          Value isSet = arith::SelectOp::create(b, isKey, bitOf(keyByte), queryBit);
          return arith::SelectOp::create(b, isSet, b.f32(1), b.f32(-1));
        });
    x = b.joinDims(x, 1); // [B,Hq,M,C,2L]
    for (auto [i, weight, bias] : llvm::enumerate(op.getMlpWeights(), op.getMlpBiases()))
      x = denseLayer(b, x, weight, bias, i < 2 ? op.getActivation() : std::nullopt);
    residual = splitHeads(b, b.joinDims(x, 3), kvHeads); // one result: [.., C, 1] joined
  }

  // Everything together, loops b, k, g, m, c.
  SmallVector<unsigned> listRows;
  for (unsigned dim : list.rowDims)
    listRows.push_back(dim == M ? 3 : dim);
  for (unsigned &dim : listRows)
    dim = dim == unsigned(G) ? 2 : dim;
  inputs = {{distances, iota(5)},
            {b.splitDim(op.getTemperature(), 0, kvHeads), {1, 2}},
            {b.splitDim(op.getBias(), 0, kvHeads), {1, 2}},
            {list.counts, listRows}};
  auto addInput = [&](Value value, ArrayRef<unsigned> dims) -> int {
    if (!value)
      return -1;
    inputs.push_back({value, SmallVector<unsigned>(dims)});
    return inputs.size() - 1;
  };
  int totalArg = addInput(total, rowLoops), scaleArg = addInput(codeScale, rowLoops),
      residualArg = addInput(residual, iota(5));
  Value table = op.getTable();
  bool tablePerHead = table && cast<ShapedType>(table.getType()).getDimSize(0) != 1;
  Value group = b.materialize(sizes[2]);
  Value result = b.map(sizes, f32, inputs, [&](LinalgBuilder &b, ValueRange args) -> Value {
    Value twice = arith::ShLIOp::create(b, args[0], b.i32(1));
    Value whole = totalArg < 0 ? b.i32(form.bits) : args[totalArg];
    Value dot = arith::SIToFPOp::create(b, f32, arith::SubIOp::create(b, whole, twice));
    Value factor = args[1];
    if (scaleArg >= 0)
      factor = arith::MulFOp::create(b, factor, args[scaleArg]);
    Value score = arith::AddFOp::create(b, arith::MulFOp::create(b, factor, dot), args[2]);
    if (table) {
      Value head = b.index(0);
      if (tablePerHead) {
        Value first = arith::MulIOp::create(b, b.loopIndex(1, b.getIndexType()), group);
        head = arith::AddIOp::create(b, first, b.loopIndex(2, b.getIndexType()));
      }
      Value column = arith::IndexCastOp::create(b, b.getIndexType(), args[0]);
      score = arith::AddFOp::create(b, score,
                                    tensor::ExtractOp::create(b, table, ValueRange{head, column}));
    }
    if (residualArg >= 0)
      score = arith::AddFOp::create(b, score, args[residualArg]);
    Value listed =
        arith::CmpIOp::create(b, CmpIPredicate::slt, b.loopIndex(4, b.getI32Type()), args[3]);
    return arith::SelectOp::create(b, listed, score, b.minusInf());
  });
  result = b.joinDims(result, 1);
  if (init != op.getInit()) { // the slots cut off are past every count
    Value all = b.filled(b.sizes(op.getInit()), b.minusInf());
    result = tensor::InsertSliceOp::create(
        b, result, all, SmallVector<OpFoldResult>(4, b.getIndexAttr(0)), b.sizes(result),
        SmallVector<OpFoldResult>(4, b.getIndexAttr(1)));
  }
  return SmallVector<Value>{result};
}
