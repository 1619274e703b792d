//===- AttendKernel.cpp - Query rows of a KV head -------------------------===//
#include "AttendKernel.h"
#include "Exp.h"

using namespace mlir;
using namespace mlir::dashkv;

AttendKernel::AttendKernel(VectorBuilder &b, Operation *op, AttentionDims dims, int64_t kvHeads,
                           int64_t heads, Value max, IndexLists lists, Value blockTable)
    : b(b), config(getTileConfig(op)), dims(dims), group(heads / kvHeads),
      numQueries(b.dim(max, dims.group ? 3 : 2)), lists(lists), blockTable(blockTable) {
  isListPerHead = lists.indices && group > 1 &&
                  cast<MemRefType>(lists.indices.getType()).getDimSize(1) == heads;
}

SmallVector<Value> AttendKernel::getIndex(AffineMap map, HeadIndex at, Value row, Value last) {
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

SmallVector<Value> AttendKernel::getStatisticsIndex(HeadIndex at, Value row) {
  if (dims.group)
    return {at.batch, at.head, getHeadInGroup(row), getQuery(row)};
  return {at.batch, getHead(at, row), getQuery(row)};
}

Value AttendKernel::getMatrix(Value operand, AffineMap map, HeadIndex at) {
  SmallVector<Value> offsets;
  for (AffineExpr expr : map.getResults()) {
    unsigned dim = cast<AffineDimExpr>(expr).getPosition();
    bool isBatch = dim == dims.batch && !blockTable;
    offsets.push_back(isBatch ? at.batch : dim == dims.head ? at.head : Value());
  }
  return getSlice(b, operand, offsets);
}

Value AttendKernel::getNumKeys(Value operand, AffineMap map) {
  Value rows = b.dim(operand, *map.getResultPosition(b.getAffineDimExpr(dims.key)));
  return blockTable ? b.mul(rows, b.dim(blockTable, 1)) : rows;
}

KeySource AttendKernel::findRows(KeySource source, Value operand, AffineMap map, HeadIndex at) {
  if (!blockTable)
    return source;
  Value size = b.dim(operand, *map.getResultPosition(b.getAffineDimExpr(dims.key)));
  source.isSequential = false; // not from page to page
  source.row = [this, keyOf = source.row, size, at](Value position) {
    Value key = keyOf(position), block = b.div(key, size);
    Value page = b.castU(b.load(blockTable, {at.batch, block}), b.getIndexType());
    return b.add(b.mul(page, size), b.sub(key, b.mul(block, size)));
  };
  return source;
}

std::string mlir::dashkv::whyNoPages(Value operand, AffineMap map, const AttentionDims &dims,
                                     StringRef name) {
  auto position = [&](unsigned dim) {
    return *map.getResultPosition(getAffineDimExpr(dim, operand.getContext()));
  };
  if (position(dims.batch) < position(dims.key))
    return "";
  return ("rows of " + name + " are ahead of pages").str();
}

bool AttendKernel::unitesLists() const {
  return isListPerHead && config.getLists() == ListFetch::Union && group <= ListUnion::kMostLists;
}

int64_t AttendKernel::getMaxRows(int64_t queries) const {
  if (lists.indices)
    return isListPerHead && !unitesLists() ? 1 : group;
  constexpr int64_t kMany = 1 << 20;
  return (ShapedType::isDynamic(queries) ? kMany : queries) * group;
}

void AttendKernel::loopOverLists(HeadIndex at, ListUnion *united,
                                 function_ref<void(Value, Value, const KeySource &)> attend) {
  b.loop(numQueries, [&](Value m) {
    Value first = b.mul(m, group);
    auto listAt = [&](Value g) -> SmallVector<Value> {
      return {at.batch, isListPerHead ? getHead(at, b.add(first, g)) : at.head, m};
    };
    if (united)
      return attend(first, b.index(group), united->collect(lists.indices, lists.counts, listAt));
    Value rows = b.index(isListPerHead ? 1 : group);
    b.loop(b.index(isListPerHead ? group : 1), [&](Value g) {
      attend(b.add(first, g), rows, getListSource(b, lists.indices, lists.counts, listAt(g)));
    });
  });
}

void AttendKernel::store(AttendBlocks &blocks, HeadIndex at, Value first, Value rows,
                         AffineMap accMap, Value acc, Value max, Value sum, Value valueScale) {
  const Chunks &chunks = blocks.getValueDepth();
  b.loop(rows, [&](Value i) {
    Value row = b.add(first, i), newMax = blocks.getMax(i);
    SmallVector<Value> index = getStatisticsIndex(at, row);
    // Everything before has the old maximum as its reference.
    Value rescale = emitExp(b, b.splat(b.subF(b.load(max, index), newMax), chunks.lanes));
    auto accAt = [&](int64_t chunk) {
      return getIndex(accMap, at, row, b.index(chunks.getBegin(chunk)));
    };
    auto updated = [&](int64_t chunk) {
      Value values = blocks.getValues(i, chunk);
      if (valueScale)
        values = b.mulF(values, b.splat(valueScale, chunks.lanes));
      return b.fma(b.loadVector(acc, accAt(chunk), chunks.lanes), rescale, values);
    };
    // The last chunk may overlap the one before: it is read first.
    int64_t last = chunks.getCount() - 1;
    Value lastChunk = updated(last);
    for (int64_t c = 0; c < last; ++c)
      b.storeVector(updated(c), acc, accAt(c));
    b.storeVector(lastChunk, acc, accAt(last));
    b.store(newMax, max, index);
    b.store(blocks.getSum(i), sum, index);
  });
}

Value mlir::dashkv::getScale(VectorBuilder &b, Value scale, HeadIndex at, double factor) {
  Value given = scale ? b.load(scale, {at.head}) : Value();
  if (factor == 1)
    return given;
  Value constant = b.constant(b.getF32Type(), factor);
  return given ? b.mulF(given, constant) : constant;
}
