//===- AttendReduce.cpp - The kernel of online_reduce ---------------------===//
#include "AttendKernel.h"

using namespace mlir;
using namespace mlir::dashkv;

using arith::CmpIPredicate;

std::string mlir::dashkv::whyNoVectorKernel(OnlineReduceOp op) {
  for (Value operand : {op.getAcc(), op.getValue(), op.getIndices()})
    if (cast<ShapedType>(operand.getType()).isDynamicDim(1))
      return "the number of heads is dynamic";
  for (Value operand : op->getOperands())
    if (llvm::is_contained(cast<ShapedType>(operand.getType()).getShape(), 0))
      return "an operand is empty";
  auto scores = dyn_cast<MemRefType>(op.getScores().getType());
  if (scores && !scores.isLastDimUnitStride())
    return "rows of scores are not contiguous";
  std::string why = whyNoRows(op.getValue(), "value");
  return why.empty() ? whyNoRows(op.getAcc(), "acc") : why;
}

namespace {
class OnlineReduceKernel : AttendKernel {
public:
  OnlineReduceKernel(OnlineReduceOp op, VectorBuilder &b)
      : AttendKernel(b, op, *AttentionDims::get(6),
                     cast<MemRefType>(op.getValue().getType()).getDimSize(1),
                     cast<MemRefType>(op.getAcc().getType()).getDimSize(1), op.getMax(),
                     {op.getIndices(), op.getCounts()}, op.getBlockTable()),
        op(op), maps(AttentionDims::getDefaultMaps(b.getContext(), /*hasMask=*/true)) {}

  void emit();

private:
  void reduce(AttendBlocks &blocks, HeadIndex at, Value first, Value rows, KeySource source);

  OnlineReduceOp op;
  SmallVector<AffineMap> maps; // scores have that of a mask
};
} // namespace

void OnlineReduceKernel::reduce(AttendBlocks &blocks, HeadIndex at, Value first, Value rows,
                                KeySource source) {
  source = findRows(std::move(source), op.getValue(), maps[2], at);
  RowReader values(b, getMatrix(op.getValue(), maps[2], at), config.getLanes());
  Value valueScale = getScale(b, op.getValueScale(), at, getWidenedFactor(values.getElement()));
  blocks.begin(
      rows, [](Value, int64_t) { return Value(); },
      [&](Value i) {
        SmallVector<Value> index = getStatisticsIndex(at, b.add(first, i));
        return std::pair(b.load(op.getMax(), index), b.load(op.getSum(), index));
      });
  source.score = [&](Value i, Value slot, Value begin, Value end) {
    blocks.readScores(begin, end, [&](Value position, Value column, int64_t count) {
      auto index = getIndex(maps[3], at, b.add(first, i), position);
      b.storeVector(b.loadVector(op.getScores(), index, count), blocks.getScores(), {slot, column});
    });
  };
  blocks.attend(rows, /*keys=*/nullptr, values, source);
  store(blocks, at, first, rows, maps.back(), op.getAcc(), op.getMax(), op.getSum(), valueScale);
}

void OnlineReduceKernel::emit() {
  AttendBlocks blocks(b, config, getMaxRows(ShapedType::kDynamic), /*depth=*/0,
                      cast<MemRefType>(op.getValue().getType()).getShape().back());
  b.loop(b.dim(op.getMax(), 0), [&](Value batch) {
    b.loop(b.dim(op.getValue(), 1), [&](Value head) {
      HeadIndex at{batch, head};
      loopOverLists(at, /*united=*/nullptr, [&](Value first, Value rows, const KeySource &source) {
        reduce(blocks, at, first, rows, source);
      });
    });
  });
}

void mlir::dashkv::emitVectorKernel(OnlineReduceOp op, VectorBuilder &b) {
  OnlineReduceKernel(op, b).emit();
}
