//===- StepBuilder.cpp - Building the steps of attention ------------------===//
#include "StepBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::dashkv;

OpFoldResult StepBuilder::sizeOf(Value tensor, AffineMap map, unsigned dim) {
  unsigned position = *map.getResultPosition(getAffineDimExpr(dim));
  return tensor::getMixedSize(*this, getLoc(), tensor, position);
}

Value StepBuilder::empty(ArrayRef<OpFoldResult> sizes, Type type) {
  return tensor::EmptyOp::create(*this, sizes, type);
}

Value StepBuilder::filled(ArrayRef<OpFoldResult> sizes, Value scalar) {
  return linalg::FillOp::create(*this, scalar, empty(sizes, scalar.getType())).getResult(0);
}

Value StepBuilder::filled(ArrayRef<OpFoldResult> sizes, TypedAttr scalar) {
  return filled(sizes, Value(arith::ConstantOp::create(*this, scalar)));
}

Value StepBuilder::permute(Value value, AffineMap from, AffineMap to) {
  if (from == to)
    return value;
  SmallVector<int64_t> permutation;
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(*this, getLoc(), value), permuted;
  for (AffineExpr expr : to.getResults()) {
    permutation.push_back(*from.getResultPosition(expr));
    permuted.push_back(sizes[permutation.back()]);
  }
  Value init = empty(permuted, getElementTypeOrSelf(value.getType()));
  return linalg::TransposeOp::create(*this, value, init, permutation)->getResult(0);
}

Statistics StepBuilder::neutral(ArrayRef<OpFoldResult> rows, OpFoldResult depth) {
  SmallVector<OpFoldResult> sizes(rows);
  sizes.push_back(depth);
  APFloat lowest = APFloat::getLargest(APFloat::IEEEsingle(), /*Negative=*/true);
  return {filled(sizes, getF32FloatAttr(0)),
          filled(rows, cast<TypedAttr>(FloatAttr::get(getF32Type(), lowest))),
          filled(rows, getF32FloatAttr(0))};
}

void StepBuilder::castLike(MutableArrayRef<Value> results, ResultRange old) {
  for (auto [result, like] : llvm::zip_equal(results, old))
    if (result.getType() != like.getType())
      result = tensor::CastOp::create(*this, like.getType(), result);
}
