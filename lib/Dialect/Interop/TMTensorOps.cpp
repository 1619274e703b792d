//===- TMTensorOps.cpp - Shim of torch-mlir's tm_tensor -------------------===//
#include "dashkv/Dialect/InlineAnywhere.h"
#include "dashkv/Dialect/Interop/Interop.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::dashkv::tm_tensor;

#include "dashkv/Dialect/Interop/TMTensorOpsDialect.cpp.inc"

void TMTensorDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dashkv/Dialect/Interop/TMTensorOps.cpp.inc"
      >();
  // Upstream has more ops (topk). They pass through unread, in generic form.
  allowUnknownOperations();
  addInterfaces<InlineAnywhere>();
}

/// Effects of an op that reads `inputs` and `outputs` and writes `outputs`; none on tensors.
static void
addEffects(MutableOperandRange inputs, MutableOperandRange outputs,
           SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  for (OpOperand &operand : inputs)
    if (isa<BaseMemRefType>(operand.get().getType()))
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
  for (OpOperand &operand : outputs)
    if (isa<BaseMemRefType>(operand.get().getType())) {
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
    }
}

static LogicalResult verifyResults(Operation *op, ValueRange outputs) {
  for (auto [index, result] : llvm::enumerate(op->getResults()))
    if (index >= outputs.size() || outputs[index].getType() != result.getType())
      return op->emitOpError("expected results of the types of the tensors in outs");
  return success();
}

//===----------------------------------------------------------------------===//
// AttentionOp
//===----------------------------------------------------------------------===//

LogicalResult AttentionOp::verify() {
  if (getInputs().size() != 3 && getInputs().size() != 4)
    return emitOpError("expected query, key, value and at most a mask, but got ")
           << getInputs().size() << " inputs";
  if (getOutputs().size() != 1)
    return emitOpError("expected one output, but got ") << getOutputs().size();
  static constexpr StringLiteral names[] = {"query", "key", "value", "mask"};
  int64_t rank = -1;
  for (auto [index, input] : llvm::enumerate(getInputs())) {
    auto type = cast<ShapedType>(input.getType());
    if (!type.hasRank() || type.getRank() < 3)
      return emitOpError("expected ") << names[index] << " of rank 3 or more, but got " << type;
    if (rank == -1)
      rank = type.getRank();
    if (type.getRank() != rank)
      return emitOpError("expected ") << names[index] << " of the rank of the query, " << rank
                                      << ", but got " << type.getRank();
  }
  auto type = cast<ShapedType>(getOutputs()[0].getType());
  if (!type.hasRank() || type.getRank() != rank)
    return emitOpError("expected an output of the rank of the query, ")
           << rank << ", but got " << type;
  return verifyResults(*this, getOutputs());
}

void AttentionOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  addEffects(getInputsMutable(), getOutputsMutable(), effects);
}

//===----------------------------------------------------------------------===//
// ScatterOp
//===----------------------------------------------------------------------===//

LogicalResult ScatterOp::verify() {
  if (getInputs().size() != 2)
    return emitOpError("expected updates and indices, but got ") << getInputs().size() << " inputs";
  if (getOutputs().size() != 1)
    return emitOpError("expected one output, but got ") << getOutputs().size();
  auto indices = cast<ShapedType>(getInputs()[1].getType());
  if (!indices.hasRank() || indices.getRank() != 2)
    return emitOpError("expected indices of rank 2, but got ") << indices;
  auto original = cast<ShapedType>(getOutputs()[0].getType());
  for (int64_t dim : getDimensionMap())
    if (original.hasRank() && (dim < 0 || dim >= original.getRank()))
      return emitOpError("expected dimension_map in the rank of the output, ")
             << original.getRank() << ", but got " << dim;
  return verifyResults(*this, getOutputs());
}

void ScatterOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  addEffects(getInputsMutable(), getOutputsMutable(), effects);
}

//===----------------------------------------------------------------------===//
// ScanOp, SortOp
//===----------------------------------------------------------------------===//

/// The dim that an op works along is one of its first tensor.
static LogicalResult verifyDimension(Operation *op, uint64_t dimension, ValueRange values) {
  auto type = values.empty() ? ShapedType() : cast<ShapedType>(values[0].getType());
  if (type && type.hasRank() && dimension >= static_cast<uint64_t>(type.getRank()))
    return op->emitOpError("expected a dimension in rank ")
           << type.getRank() << ", but got " << static_cast<int64_t>(dimension);
  return success();
}

LogicalResult ScanOp::verify() {
  if (getInputs().size() != 1)
    return emitOpError("expected one input, but got ") << getInputs().size();
  if (getOutputs().size() != 2)
    return emitOpError("expected two outputs, but got ") << getOutputs().size();
  if (failed(verifyDimension(*this, getDimension(), getInputs())))
    return failure();
  return verifyResults(*this, getOutputs());
}

void ScanOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  addEffects(getInputsMutable(), getOutputsMutable(), effects);
}

LogicalResult SortOp::verify() {
  if (failed(verifyDimension(*this, getDimension(), getOutputs())))
    return failure();
  return verifyResults(*this, getOutputs());
}

void SortOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  addEffects(getInputsMutable(), getOutputsMutable(), effects);
}

#define GET_OP_CLASSES
#include "dashkv/Dialect/Interop/TMTensorOps.cpp.inc"
