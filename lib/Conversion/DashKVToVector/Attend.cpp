//===- Attend.cpp - The kernel of online_attention ------------------------===//
#include "AttendKernel.h"

using namespace mlir;
using namespace mlir::dashkv;

/// Size of the dim `dim` of an operand with `map`.
static int64_t getSize(Value operand, AffineMap map, unsigned dim) {
  auto position = map.getResultPosition(getAffineDimExpr(dim, operand.getContext()));
  return cast<ShapedType>(operand.getType()).getDimSize(*position);
}

/// Whether the innermost dim of an operand with `map` is `dim`.
static bool isInnermost(AffineMap map, unsigned dim) {
  return cast<AffineDimExpr>(map.getResults().back()).getPosition() == dim;
}

std::string mlir::dashkv::whyNoVectorKernel(OnlineAttentionOp op) {
  AttentionDims dims = op.getDims();
  SmallVector<AffineMap> maps = op.getMaps();
  if (ShapedType::isDynamic(getSize(op.getKey(), maps[1], dims.head)) ||
      ShapedType::isDynamic(
          getSize(op.getQuery(), maps[0], dims.group ? *dims.group : dims.head)) ||
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
  if (op.getBlockTable())
    for (auto [operand, map, name] :
         {std::tuple(op.getKey(), maps[1], "key"), {op.getValue(), maps[2], "value"}}) {
      std::string why = whyNoPages(operand, map, dims, name);
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
class OnlineAttentionKernel : AttendKernel {
public:
  OnlineAttentionKernel(OnlineAttentionOp op, VectorBuilder &b)
      : AttendKernel(b, op, op.getDims(), getSize(op.getKey(), op.getMaps()[1], op.getDims().head),
                     getHeads(op), op.getMax(), {op.getIndices(), op.getCounts()},
                     op.getBlockTable()),
        op(op), maps(op.getMaps()) {}

  void emit();

private:
  static int64_t getHeads(OnlineAttentionOp op) {
    auto size = [&](unsigned dim) { return getSize(op.getQuery(), op.getMaps()[0], dim); };
    AttentionDims dims = op.getDims();
    return dims.group ? size(dims.head) * size(*dims.group) : size(dims.head);
  }

  /// Attends for rows [first, first + rows) of a KV head.
  void attend(AttendBlocks &blocks, HeadIndex at, Value first, Value rows, const KeySource &source);
  void attendToAll(AttendBlocks &blocks, HeadIndex at);
  void addMask(AttendBlocks &blocks, HeadIndex at, Value row, Value slot, Value begin, Value end);

  OnlineAttentionOp op;
  SmallVector<AffineMap> maps;
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
  blocks.attend(rows, &keys, values, findRows(source, op.getKey(), maps[1], at));
  store(blocks, at, first, rows, maps.back(), op.getAcc(), op.getMax(), op.getSum(), valueScale);
}

void OnlineAttentionKernel::addMask(AttendBlocks &blocks, HeadIndex at, Value row, Value slot,
                                    Value begin, Value end) {
  Value mask = op.getMask(), scores = blocks.getScores();
  // A row that does not exist has no mask.
  Value total = b.mul(numQueries, group);
  row = b.minU(row, b.sub(total, 1));
  blocks.readScores(begin, end, [&](Value position, Value column, int64_t count) {
    SmallVector<Value> index = getIndex(maps[3], at, row, position);
    Value given = emitWiden(b, b.loadVector(mask, index, count));
    Value score = b.loadVector(scores, {slot, column}, count);
    b.storeVector(b.addF(score, given), scores, {slot, column});
  });
}

void OnlineAttentionKernel::attendToAll(AttendBlocks &blocks, HeadIndex at) {
  Type i32 = b.getI32Type(), index = b.getIndexType();
  Value keys = b.castU(getNumKeys(op.getKey(), maps[1]), i32), zero = b.constant(i32, 0);
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
  auto keyType = cast<MemRefType>(op.getKey().getType());
  auto valueType = cast<MemRefType>(op.getValue().getType());
  auto rowsType = cast<MemRefType>(op.getMax().getType());
  AttendBlocks blocks(b, config, getMaxRows(rowsType.getShape().back()), keyType.getShape().back(),
                      valueType.getShape().back());
  std::optional<ListUnion> united;
  if (unitesLists())
    united.emplace(b, getNumKeys(op.getKey(), maps[1]), b.dim(op.getIndices(), 3), group, config);
  Value kvHeads = b.dim(op.getKey(), *maps[1].getResultPosition(b.getAffineDimExpr(dims.head)));
  b.loop(b.dim(op.getMax(), 0), [&](Value batch) {
    b.loop(kvHeads, [&](Value head) {
      HeadIndex at{batch, head};
      if (!op.getIndices())
        return attendToAll(blocks, at);
      loopOverLists(at, united ? &*united : nullptr,
                    [&](Value first, Value rows, const KeySource &source) {
                      attend(blocks, at, first, rows, source);
                    });
    });
  });
  if (united)
    united->free();
}

void mlir::dashkv::emitVectorKernel(OnlineAttentionOp op, VectorBuilder &b) {
  OnlineAttentionKernel(op, b).emit();
}
