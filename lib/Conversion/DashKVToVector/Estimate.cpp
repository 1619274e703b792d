//===- Estimate.cpp - The kernel of estimate_scores -----------------------===//
//
// But for the mlp, a score depends on the distance alone: it is looked up in a
// table a query row, which is made once.
//
//===----------------------------------------------------------------------===//
#include "Emitters.h"
#include "EstimateCodes.h"
#include "EstimateMlp.h"
#include <optional>

using namespace mlir;
using namespace mlir::dashkv;

std::string mlir::dashkv::whyNoVectorKernel(EstimateScoresOp op) {
  for (Value operand : {op.getQueryCodes(), op.getKeyCodes(), op.getIndices(), op.getInit()})
    if (cast<ShapedType>(operand.getType()).isDynamicDim(1))
      return "the number of heads is dynamic";
  for (Value operand : op->getOperands())
    if (llvm::is_contained(cast<ShapedType>(operand.getType()).getShape(), 0))
      return "an operand is empty";
  if (!op.getMlpWeights().empty()) {
    std::string why = ResidualMlp::whyNot(op);
    if (!why.empty())
      return why;
  }
  return whyNoWords(op.getQueryCodes(), op.getKeyCodes());
}

namespace {
class EstimateKernel {
public:
  EstimateKernel(EstimateScoresOp op, VectorBuilder &b)
      : op(op), b(b),
        form(*CodeForm::get(op.getQueryCodes().getType(), op.getKeyCodes().getType())),
        heads(getHeads(op.getInit())), group(heads / getHeads(op.getKeyCodes())),
        isListPerHead(group > 1 && getHeads(op.getIndices()) == heads),
        isCodePerHead(group > 1 && getHeads(op.getQueryCodes()) == heads),
        // With an mlp every head is a pass of its own, for its tables.
        headsPerPass(isListPerHead || !op.getMlpWeights().empty() ? 1 : group),
        numDistances(form.getMaxDistance() + 1) {}

  void emit();

private:
  static int64_t getHeads(Value operand) {
    return cast<MemRefType>(operand.getType()).getDimSize(1);
  }
  /// Scores of heads [first, first + headsPerPass) of a KV head.
  void emitPass(Value batch, Value kvHead, Value first, Value m);
  /// Scores by distance of a query head, in row `i` of the tables.
  void fillTable(int64_t i, Value head, Value codeScale, Value total);

  EstimateScoresOp op;
  VectorBuilder &b;
  CodeForm form;
  int64_t heads, group;
  bool isListPerHead, isCodePerHead;
  int64_t headsPerPass, numDistances;
  Value tables; // [headsPerPass, numDistances] f32
  std::optional<ResidualMlp> mlp;
};
} // namespace

void EstimateKernel::fillTable(int64_t i, Value head, Value codeScale, Value total) {
  Type f32 = b.getF32Type(), i64 = b.getI64Type();
  Value slope = b.load(op.getTemperature(), {head}), bias = b.load(op.getBias(), {head});
  if (codeScale)
    slope = b.mulF(slope, codeScale);
  Value residuals = op.getTable();
  bool isShared = residuals && cast<MemRefType>(residuals.getType()).getDimSize(0) == 1;
  b.loop(b.index(numDistances), [&](Value distance) {
    Value dot = b.sub(total, b.shl(b.castU(distance, i64), 1));
    Value score = b.fma(slope, arith::SIToFPOp::create(b, f32, dot), bias);
    if (residuals)
      score = b.addF(score, b.load(residuals, {isShared ? b.index(0) : head, distance}));
    b.store(score, tables, {b.index(i), distance});
  });
}

void EstimateKernel::emitPass(Value batch, Value kvHead, Value first, Value m) {
  Type index = b.getIndexType();
  Value firstHead = b.add(b.mul(kvHead, group), first);
  int64_t numCodes = isCodePerHead ? headsPerPass : 1;
  SmallVector<QueryCode> codes;
  SmallVector<Value> codeHeads;
  for (int64_t i = 0; i < numCodes; ++i) {
    codeHeads.push_back(isCodePerHead ? b.add(firstHead, i) : kvHead);
    codes.emplace_back(b, form, op.getQueryCodes(), ArrayRef<Value>{batch, codeHeads[i], m});
  }
  for (int64_t i = 0; i < headsPerPass; ++i) {
    int64_t code = isCodePerHead ? i : 0;
    Value scale = op.getCodeScale();
    if (scale)
      scale = b.load(scale, {batch, codeHeads[code], m});
    fillTable(i, b.add(firstHead, i), scale, codes[code].getTotal());
  }
  if (mlp)
    mlp->setQuery(codes[0].getBits());

  SmallVector<Value> listAt = {batch, isListPerHead ? firstHead : kvHead, m};
  Value count = b.castU(b.load(op.getCounts(), listAt), index);
  auto outAt = [&](int64_t i, Value slot) {
    return SmallVector<Value>{batch, b.add(firstHead, i), m, slot};
  };
  listAt.push_back(Value());
  b.loop(count, [&](Value slot) {
    listAt.back() = slot;
    Value key = b.castU(b.load(op.getIndices(), listAt), index);
    SmallVector<Value> words = loadKeyWords(b, form, op.getKeyCodes(), batch, kvHead, key);
    SmallVector<Value> distances;
    for (const QueryCode &code : codes)
      distances.push_back(b.castU(code.getDistance(words), index));
    for (int64_t i = 0; i < headsPerPass; ++i) {
      Value score = b.load(tables, {b.index(i), distances[isCodePerHead ? i : 0]});
      if (mlp)
        score = b.addF(score, mlp->evaluate(words));
      b.store(score, op.getInit(), outAt(i, slot));
    }
  });
  Value none = b.constant(b.getF32Type(), -std::numeric_limits<double>::infinity());
  for (int64_t i = 0; i < headsPerPass; ++i)
    b.loop(count, b.dim(op.getInit(), 3), b.index(1),
           [&](Value slot) { b.store(none, op.getInit(), outAt(i, slot)); });
}

void EstimateKernel::emit() {
  tables = b.stackBuffer({headsPerPass, numDistances}, b.getF32Type());
  bool isMlpShared = true;
  if (!op.getMlpWeights().empty()) {
    mlp.emplace(b, op, form.bits, getTileConfig(op).getLanes());
    for (auto [weight, bias] : llvm::zip_equal(op.getMlpWeights(), op.getMlpBiases()))
      isMlpShared &= cast<MemRefType>(weight.getType()).getRank() == 2 &&
                     cast<MemRefType>(bias.getType()).getRank() == 1;
    if (isMlpShared)
      mlp->setHead(b.index(0));
  }
  b.loop(b.dim(op.getInit(), 0), [&](Value batch) {
    b.loop(b.index(heads / group), [&](Value kvHead) {
      b.loop(b.index(0), b.index(group), b.index(headsPerPass), [&](Value first) {
        if (!isMlpShared)
          mlp->setHead(b.add(b.mul(kvHead, group), first));
        b.loop(b.dim(op.getInit(), 2), [&](Value m) { emitPass(batch, kvHead, first, m); });
      });
    });
  });
  if (mlp)
    mlp->free();
}

void mlir::dashkv::emitVectorKernel(EstimateScoresOp op, VectorBuilder &b) {
  EstimateKernel(op, b).emit();
}
