//===- Attend.cpp - The kernels of online_attention and online_reduce -----===//
//
// A query row is a pair (m, g) of a position and a head within its group, in one
// number m * G + g. All rows of a KV head share its keys where there is no list;
// those of one m share a list of the group; a list a head serves one row.
//
//===----------------------------------------------------------------------===//
#include "AttendBlocks.h"
#include "Emitters.h"
#include "Exp.h"

using namespace mlir;
using namespace mlir::dashkv;

using arith::CmpIPredicate;

namespace {
/// A batch and a KV head.
struct HeadIndex {
  Value batch, head;
};

/// Running statistics of `outs`.
struct Statistics {
  Value acc, max, sum;
  AffineMap accMap;
};

/// What the kernels of one op have in common.
struct AttendKernel {
  AttendKernel(VectorBuilder &b, Operation *op, AttentionDims dims, int64_t kvHeads, int64_t heads,
               Value max)
      : b(b), config(getTileConfig(op)), dims(dims), group(heads / kvHeads),
        numQueries(b.dim(max, dims.group ? 3 : 2)) {}

  VectorBuilder &b;
  TileConfigAttr config;
  AttentionDims dims;
  int64_t group;    // query heads a KV head
  Value numQueries; // M

  Value getQuery(Value row) { return b.div(row, b.index(group)); }
  Value getHeadInGroup(Value row) { return b.sub(row, b.mul(getQuery(row), group)); }
  /// Query head of a row.
  Value getHead(HeadIndex at, Value row) {
    return b.add(b.mul(at.head, group), getHeadInGroup(row));
  }
  /// Index of an operand with `map` at a row; `last` is the index of the key or
  /// of the depth.
  SmallVector<Value> getIndex(AffineMap map, HeadIndex at, Value row, Value last) {
    SmallVector<Value> index;
    for (AffineExpr expr : map.getResults()) {
      unsigned dim = cast<AffineDimExpr>(expr).getPosition();
      index.push_back(dim == dims.batch                  ? at.batch
                      : dim == dims.query                ? getQuery(row)
                      : dims.group && dim == *dims.group ? getHeadInGroup(row)
                      : dim != dims.head                 ? last
                      : dims.group                       ? at.head
                                                         : getHead(at, row));
    }
    return index;
  }
  /// Index of max and sum.
  SmallVector<Value> getStatisticsIndex(HeadIndex at, Value row) {
    if (dims.group)
      return {at.batch, at.head, getHeadInGroup(row), getQuery(row)};
    return {at.batch, getHead(at, row), getQuery(row)};
  }
  /// The matrix [N, D] of a KV head.
  Value getMatrix(Value operand, AffineMap map, HeadIndex at) {
    SmallVector<Value> offsets;
    for (AffineExpr expr : map.getResults()) {
      unsigned dim = cast<AffineDimExpr>(expr).getPosition();
      offsets.push_back(dim == dims.batch ? at.batch : dim == dims.head ? at.head : Value());
    }
    return getSlice(b, operand, offsets);
  }

  /// Puts what became of rows [0, rows) from `first` on into the statistics.
  void store(AttendBlocks &blocks, HeadIndex at, Value first, Value rows, const Statistics &outs,
             Value valueScale);
};
} // namespace

void AttendKernel::store(AttendBlocks &blocks, HeadIndex at, Value first, Value rows,
                         const Statistics &outs, Value valueScale) {
  const Chunks &chunks = blocks.getValueDepth();
  b.loop(rows, [&](Value i) {
    Value row = b.add(first, i);
    SmallVector<Value> index = getStatisticsIndex(at, row);
    Value max = blocks.getMax(i);
    // Everything before has the old maximum as its reference.
    Value rescale = emitExp(b, b.splat(b.subF(b.load(outs.max, index), max), chunks.lanes));
    auto accAt = [&](int64_t chunk) {
      return getIndex(outs.accMap, at, row, b.index(chunks.getBegin(chunk)));
    };
    auto updated = [&](int64_t chunk) {
      Value values = blocks.getValues(i, chunk);
      if (valueScale)
        values = b.mulF(values, b.splat(valueScale, chunks.lanes));
      return b.fma(b.loadVector(outs.acc, accAt(chunk), chunks.lanes), rescale, values);
    };
    // The last chunk may overlap the one before: it is read first.
    int64_t last = chunks.getCount() - 1;
    Value lastChunk = updated(last);
    for (int64_t c = 0; c < last; ++c)
      b.storeVector(updated(c), outs.acc, accAt(c));
    b.storeVector(lastChunk, outs.acc, accAt(last));
    b.store(max, outs.max, index);
    b.store(blocks.getSum(i), outs.sum, index);
  });
}

/// `scale`, if any, times `factor`; null where that is 1.
static Value getScale(VectorBuilder &b, Value scale, HeadIndex at, double factor) {
  Value given = scale ? b.load(scale, {at.head}) : Value();
  if (factor == 1)
    return given;
  Value constant = b.constant(b.getF32Type(), factor);
  return given ? b.mulF(given, constant) : constant;
}

/// The keys of a list, ascending or not.
static KeySource getListSource(VectorBuilder &b, Value indices, Value counts,
                               ArrayRef<Value> listAt) {
  SmallVector<Value> offsets(listAt);
  offsets.push_back(Value());
  Value list = getSlice(b, indices, offsets);
  KeySource source;
  source.count = b.castU(b.load(counts, listAt), b.getIndexType());
  Value last = b.sub(source.count, 1);
  source.row = [&b, list, last](Value position) {
    return b.castU(b.load(list, {b.minU(position, last)}), b.getIndexType());
  };
  return source;
}

/// Size of the dim `dim` of an operand with `map`.
static int64_t getSize(Value operand, AffineMap map, unsigned dim, MLIRContext *context) {
  auto position = map.getResultPosition(getAffineDimExpr(dim, context));
  return cast<ShapedType>(operand.getType()).getDimSize(*position);
}

/// Whether the innermost dim of an operand with `map` is `dim`.
static bool isInnermost(AffineMap map, unsigned dim) {
  return cast<AffineDimExpr>(map.getResults().back()).getPosition() == dim;
}

/// Rows that share keys: M * G, or as many as need be.
static int64_t getMaxRows(int64_t queries, int64_t group) {
  constexpr int64_t kMany = 1 << 20;
  return (ShapedType::isDynamic(queries) ? kMany : std::max<int64_t>(queries, 1)) * group;
}

//===----------------------------------------------------------------------===//
// online_attention
//===----------------------------------------------------------------------===//

std::string mlir::dashkv::whyNoVectorKernel(OnlineAttentionOp op) {
  AttentionDims dims = op.getDims();
  SmallVector<AffineMap> maps = op.getMaps();
  MLIRContext *context = op.getContext();
  if (ShapedType::isDynamic(getSize(op.getKey(), maps[1], dims.head, context)) ||
      ShapedType::isDynamic(
          getSize(op.getQuery(), maps[0], dims.group ? *dims.group : dims.head, context)) ||
      (op.getIndices() && cast<ShapedType>(op.getIndices().getType()).isDynamicDim(1)))
    return "the number of heads is dynamic";
  for (auto [operand, map, dim, name] : {std::tuple(op.getQuery(), maps[0], dims.depth, "query"),
                                         {op.getKey(), maps[1], dims.depth, "key"},
                                         {op.getValue(), maps[2], dims.valueDepth, "value"},
                                         {op.getAcc(), maps.back(), dims.valueDepth, "acc"}}) {
    if (!isInnermost(map, dim))
      return (StringRef("the innermost dim of ") + name + " is not its depth").str();
    std::string why = whyNoRows(operand, name);
    if (!why.empty())
      return why;
  }
  if (Value mask = op.getMask()) {
    auto type = dyn_cast<MemRefType>(mask.getType());
    if (!isInnermost(maps[3], dims.key) || (type && !type.isLastDimUnitStride()))
      return "rows of the mask are not contiguous";
  }
  for (Value operand : op->getOperands())
    if (llvm::is_contained(cast<ShapedType>(operand.getType()).getShape(), 0))
      return "an operand is empty";
  return "";
}

namespace {
struct OnlineAttentionKernel : AttendKernel {
  OnlineAttentionKernel(OnlineAttentionOp op, VectorBuilder &b)
      : AttendKernel(b, op, op.getDims(),
                     getSize(op.getKey(), op.getMaps()[1], op.getDims().head, op.getContext()),
                     getHeads(op), op.getMax()),
        op(op), maps(op.getMaps()), outs{op.getAcc(), op.getMax(), op.getSum(), maps.back()} {}

  void emit();

private:
  static int64_t getHeads(OnlineAttentionOp op) {
    auto size = [&](unsigned dim) {
      return getSize(op.getQuery(), op.getMaps()[0], dim, op.getContext());
    };
    AttentionDims dims = op.getDims();
    return dims.group ? size(dims.head) * size(*dims.group) : size(dims.head);
  }

  /// Attends for rows [first, first + rows) of a KV head.
  void attend(AttendBlocks &blocks, HeadIndex at, Value first, Value rows, const KeySource &source);
  void attendToAll(AttendBlocks &blocks, HeadIndex at);
  void addMask(AttendBlocks &blocks, HeadIndex at, Value row, Value slot, Value begin, Value end);

  OnlineAttentionOp op;
  SmallVector<AffineMap> maps;
  Statistics outs;
};
} // namespace

void OnlineAttentionKernel::attend(AttendBlocks &blocks, HeadIndex at, Value first, Value rows,
                                   const KeySource &source) {
  RowReader keys(b, getMatrix(op.getKey(), maps[1], at), config.getLanes()),
      values(b, getMatrix(op.getValue(), maps[2], at), config.getLanes());
  Value scale =
      getScale(b, op.getKeyScale(), at, *op.getScaleValue() * getWidenedFactor(keys.getElement()));
  Value valueScale = getScale(b, op.getValueScale(), at, getWidenedFactor(values.getElement()));
  blocks.begin(
      rows,
      [&](Value i, int64_t chunk) {
        const Chunks &depth = blocks.getDepth();
        auto index = getIndex(maps[0], at, b.add(first, i), b.index(depth.getBegin(chunk)));
        Value query = emitWiden(b, b.loadVector(op.getQuery(), index, depth.lanes));
        return scale ? b.mulF(query, b.splat(scale, depth.lanes)) : query;
      },
      [&](Value i) {
        SmallVector<Value> index = getStatisticsIndex(at, b.add(first, i));
        return std::pair(b.load(op.getMax(), index), b.load(op.getSum(), index));
      });
  blocks.attend(rows, &keys, values, source);
  store(blocks, at, first, rows, outs, valueScale);
}

void OnlineAttentionKernel::addMask(AttendBlocks &blocks, HeadIndex at, Value row, Value slot,
                                    Value begin, Value end) {
  Value mask = op.getMask(), scores = blocks.getScores();
  int64_t lanes = config.getLanes(), block = config.getKeys();
  // A row that does not exist has no mask.
  Value total = b.mul(numQueries, group);
  row = b.minU(row, b.sub(total, 1));
  auto add = [&](Value column, int64_t count) {
    SmallVector<Value> index = getIndex(maps[3], at, row, b.add(begin, column));
    Value given = emitWiden(b, b.loadVector(mask, index, count));
    Value score = b.loadVector(scores, {slot, column}, count);
    b.storeVector(b.addF(score, given), scores, {slot, column});
  };
  Value isWhole = b.cmp(CmpIPredicate::eq, end, b.index(block));
  b.branch(
      isWhole,
      [&] {
        for (int64_t column = 0; column < block; column += lanes)
          add(b.index(column), lanes);
        return VectorBuilder::Values();
      },
      [&] {
        b.loop(end, [&](Value column) { add(column, 1); });
        return VectorBuilder::Values();
      });
}

void OnlineAttentionKernel::attendToAll(AttendBlocks &blocks, HeadIndex at) {
  Type i32 = b.getI32Type(), index = b.getIndexType();
  auto keyDim = *maps[1].getResultPosition(b.getAffineDimExpr(dims.key));
  Value keys = b.castU(b.dim(op.getKey(), keyDim), i32), zero = b.constant(i32, 0);
  Value length = op.getLengths() ? b.load(op.getLengths(), {at.batch}) : keys;
  // Keys that position m sees. Lengths may pass the end: the keys may be a part
  // of all.
  auto getLimit = [&](Value m) {
    Value limit = length;
    if (op.getCausal())
      limit = b.add(b.sub(length, b.castU(numQueries, i32)), b.add(b.castU(m, i32), 1));
    return b.minS(b.maxS(limit, zero), keys);
  };
  Value total = b.mul(numQueries, group);
  b.loop(b.index(0), total, b.index(blocks.getRowCapacity()), [&](Value first) {
    Value rows = b.minU(b.index(blocks.getRowCapacity()), b.sub(total, first));
    KeySource source;
    source.isSequential = true;
    Value lastRow = b.sub(b.add(first, rows), 1);
    source.count = b.castU(getLimit(getQuery(lastRow)), index);
    Value lastKey = b.sub(source.count, 1);
    source.row = [&](Value position) { return b.minU(position, lastKey); };
    auto rowType = cast<ShapedType>(op.getMax().getType());
    if (op.getCausal() && rowType.getShape().back() != 1)
      source.limit = [&](Value i) { return getLimit(getQuery(b.add(first, i))); };
    if (op.getMask())
      source.score = [&](Value i, Value slot, Value begin, Value end) {
        addMask(blocks, at, b.add(first, i), slot, begin, end);
      };
    attend(blocks, at, first, rows, source);
  });
}

void OnlineAttentionKernel::emit() {
  int64_t queries = cast<ShapedType>(op.getMax().getType()).getShape().back();
  bool isHeadList = op.getIndices() && group > 1 &&
                    cast<ShapedType>(op.getIndices().getType()).getDimSize(1) ==
                        getSize(op.getQuery(), maps[0], dims.head, op.getContext());
  int64_t maxRows = isHeadList ? 1 : op.getIndices() ? group : getMaxRows(queries, group);
  AttendBlocks blocks(b, config, maxRows, cast<ShapedType>(op.getKey().getType()).getShape().back(),
                      cast<ShapedType>(op.getValue().getType()).getShape().back());
  auto dim = [&](Value operand, AffineMap map, unsigned dim) {
    return b.dim(operand, *map.getResultPosition(b.getAffineDimExpr(dim)));
  };
  b.loop(dim(op.getKey(), maps[1], dims.batch), [&](Value batch) {
    b.loop(dim(op.getKey(), maps[1], dims.head), [&](Value head) {
      HeadIndex at{batch, head};
      if (!op.getIndices())
        return attendToAll(blocks, at);
      b.loop(numQueries, [&](Value m) {
        Value first = b.mul(m, group);
        if (!isHeadList)
          return attend(blocks, at, first, b.index(group),
                        getListSource(b, op.getIndices(), op.getCounts(), {batch, head, m}));
        b.loop(b.index(group), [&](Value g) {
          Value row = b.add(first, g);
          attend(blocks, at, row, b.index(1),
                 getListSource(b, op.getIndices(), op.getCounts(), {batch, getHead(at, row), m}));
        });
      });
    });
  });
}

void mlir::dashkv::emitVectorKernel(OnlineAttentionOp op, VectorBuilder &b) {
  OnlineAttentionKernel(op, b).emit();
}

std::string mlir::dashkv::whyNoVectorKernel(OnlineReduceOp) { return "not emitted yet"; }
void mlir::dashkv::emitVectorKernel(OnlineReduceOp, VectorBuilder &) {}
std::string mlir::dashkv::whyNoVectorKernel(EstimateScoresOp) { return "not emitted yet"; }
void mlir::dashkv::emitVectorKernel(EstimateScoresOp, VectorBuilder &) {}
