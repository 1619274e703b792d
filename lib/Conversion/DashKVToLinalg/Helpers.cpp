//===- Helpers.cpp - Short forms for building linalg on tensors -----------===//
#include "Helpers.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "llvm/ADT/Sequence.h"

using namespace mlir;
using namespace mlir::dashkv;

SmallVector<unsigned> dashkv::iota(unsigned count) {
  return llvm::to_vector(llvm::seq<unsigned>(0, count));
}

//===----------------------------------------------------------------------===//
// Constants and scalars
//===----------------------------------------------------------------------===//

Value LinalgBuilder::constant(Type type, double value) {
  return arith::ConstantOp::create(*this, getFloatAttr(type, value));
}
Value LinalgBuilder::constant(Type type, int64_t value) {
  return arith::ConstantOp::create(*this, getIntegerAttr(type, value));
}
Value LinalgBuilder::index(int64_t value) { return arith::ConstantIndexOp::create(*this, value); }
Value LinalgBuilder::f32(double value) { return constant(getF32Type(), value); }
Value LinalgBuilder::i32(int64_t value) { return constant(getI32Type(), value); }
Value LinalgBuilder::i64(int64_t value) { return constant(getI64Type(), value); }
Value LinalgBuilder::minusInf() {
  return arith::ConstantOp::create(
      *this, getFloatAttr(getF32Type(), APFloat::getInf(APFloat::IEEEsingle(), /*Negative=*/true)));
}
Value LinalgBuilder::toF32(Value value) {
  if (value.getType().isF32())
    return value;
  if (value.getType().isInteger(8))
    return arith::SIToFPOp::create(*this, getF32Type(), value);
  if (!isa<Float8E4M3FNType>(value.getType()))
    return arith::ExtFOp::create(*this, getF32Type(), value);
  // LLVM has no 8-bit floats. Exponent and fraction in their places of an f32
  // are the value times 2^-120, subnormals included; 0x7f is NaN.
  Value bits = arith::ExtUIOp::create(*this, getI32Type(),
                                      arith::BitcastOp::create(*this, getI8Type(), value));
  Value magnitude = arith::AndIOp::create(*this, bits, i32(0x7f));
  Value small = arith::BitcastOp::create(*this, getF32Type(),
                                         arith::ShLIOp::create(*this, magnitude, i32(20)));
  Value positive = arith::MulFOp::create(*this, small, f32(std::ldexp(1.0, 120)));
  Value isNaN = arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, magnitude, i32(0x7f));
  Value nan = f32(std::numeric_limits<double>::quiet_NaN());
  Value unsignedValue = arith::SelectOp::create(*this, isNaN, nan, positive);
  Value isNegative = arith::CmpIOp::create(*this, arith::CmpIPredicate::ne, bits, magnitude);
  Value negated = arith::NegFOp::create(*this, unsignedValue);
  return arith::SelectOp::create(*this, isNegative, negated, unsignedValue);
}
Value LinalgBuilder::fromF32(Value value, Type type) {
  return type.isF32() ? value : arith::TruncFOp::create(*this, type, value);
}
Value LinalgBuilder::loopIndex(unsigned dim, Type type) {
  Value index = linalg::IndexOp::create(*this, dim);
  return type.isIndex() ? index : arith::IndexCastOp::create(*this, type, index);
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

OpFoldResult LinalgBuilder::size(Value tensor, unsigned dim) {
  return tensor::getMixedSize(*this, getLoc(), tensor, dim);
}
SmallVector<OpFoldResult> LinalgBuilder::sizes(Value tensor) {
  return tensor::getMixedSizes(*this, getLoc(), tensor);
}
Value LinalgBuilder::materialize(OpFoldResult size) {
  return getValueOrCreateConstantIndexOp(*this, getLoc(), size);
}
Value LinalgBuilder::sizeValue(Value tensor, unsigned dim) {
  return materialize(size(tensor, dim));
}
Value LinalgBuilder::empty(ArrayRef<OpFoldResult> sizes, Type type) {
  return tensor::EmptyOp::create(*this, sizes, type);
}
Value LinalgBuilder::filled(ArrayRef<OpFoldResult> sizes, Value scalar) {
  return linalg::FillOp::create(*this, scalar, empty(sizes, scalar.getType())).getResult(0);
}

/// Reassociation that groups dims `dim` and `dim + 1` of `rank` dims.
static SmallVector<ReassociationIndices> groupTwo(int64_t rank, int64_t dim) {
  SmallVector<ReassociationIndices> groups;
  for (int64_t i = 0; i < rank; ++i) {
    groups.push_back({i});
    if (i == dim)
      groups.back().push_back(++i);
  }
  return groups;
}

/// `tensor` with dim `dim` as the two dims `outer` and `inner`.
static Value expandDim(LinalgBuilder &b, Value tensor, unsigned dim, OpFoldResult outer,
                       OpFoldResult inner) {
  SmallVector<OpFoldResult> shape = b.sizes(tensor);
  shape[dim] = outer;
  shape.insert(shape.begin() + dim + 1, inner);
  auto [staticShape, dynamicSizes] = decomposeMixedValues(shape);
  auto type = RankedTensorType::get(staticShape, getElementTypeOrSelf(tensor.getType()));
  if (!isa<Value>(outer) || !isa<Value>(inner))
    return tensor::ExpandShapeOp::create(b, type, tensor, groupTwo(type.getRank(), dim), shape);
  // Upstream's expand-strided-metadata crashes on two dynamic dims in a group.
  SmallVector<Value> values;
  for (OpFoldResult size : shape)
    values.push_back(b.materialize(size));
  return tensor::ReshapeOp::create(b, type, tensor, tensor::FromElementsOp::create(b, values));
}

Value LinalgBuilder::splitDim(Value tensor, unsigned dim, OpFoldResult outer) {
  if (getConstantIntValue(outer) == 0) // an empty dim: 0 parts of size 0
    return expandDim(*this, tensor, dim, outer, getIndexAttr(0));
  if (auto parts = dyn_cast<Value>(outer)) { // that may be 0 as well
    Value divisor = arith::MaxUIOp::create(*this, parts, index(1));
    Value quotient = arith::DivUIOp::create(*this, sizeValue(tensor, dim), divisor);
    return expandDim(*this, tensor, dim, outer, quotient);
  }
  AffineExpr whole = getAffineSymbolExpr(0), part = getAffineSymbolExpr(1);
  OpFoldResult inner = affine::makeComposedFoldedAffineApply(*this, getLoc(), whole.floorDiv(part),
                                                             {size(tensor, dim), outer});
  return expandDim(*this, tensor, dim, outer, inner);
}

Value LinalgBuilder::splitLastDim(Value tensor, int64_t inner) {
  unsigned last = cast<RankedTensorType>(tensor.getType()).getRank() - 1;
  OpFoldResult outer = affine::makeComposedFoldedAffineApply(
      *this, getLoc(), getAffineSymbolExpr(0).floorDiv(inner), {size(tensor, last)});
  return expandDim(*this, tensor, last, outer, getIndexAttr(inner));
}

Value LinalgBuilder::joinDims(Value tensor, unsigned dim) {
  auto rank = cast<RankedTensorType>(tensor.getType()).getRank();
  return tensor::CollapseShapeOp::create(*this, tensor, groupTwo(rank, dim));
}

Value LinalgBuilder::transpose(Value tensor, ArrayRef<int64_t> permutation) {
  if (llvm::equal(permutation, llvm::seq<int64_t>(0, permutation.size())))
    return tensor;
  SmallVector<OpFoldResult> shape = sizes(tensor), permuted;
  for (int64_t dim : permutation)
    permuted.push_back(shape[dim]);
  Value init = empty(permuted, getElementTypeOrSelf(tensor.getType()));
  return linalg::TransposeOp::create(*this, tensor, init, permutation)->getResult(0);
}

Value LinalgBuilder::keyMajor(Value keyCodes) {
  if (!CodeForm::arePlanes(keyCodes.getType()))
    return keyCodes;
  return joinDims(transpose(keyCodes, {0, 1, 2, 4, 3}), 2);
}

Value LinalgBuilder::castLike(Value tensor, Value like) {
  if (tensor.getType() == like.getType())
    return tensor;
  return tensor::CastOp::create(*this, like.getType(), tensor);
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

Value LinalgBuilder::generic(unsigned numDims, ArrayRef<Indexed> inputs, Indexed init, Body body) {
  SmallVector<AffineMap> maps;
  SmallVector<Value> operands;
  for (const Indexed &input : inputs) {
    operands.push_back(input.tensor);
    maps.push_back(AffineMap::getMultiDimMapWithTargets(numDims, input.dims, getContext()));
  }
  maps.push_back(AffineMap::getMultiDimMapWithTargets(numDims, init.dims, getContext()));
  SmallVector<utils::IteratorType> iterators(numDims, utils::IteratorType::reduction);
  for (unsigned dim : init.dims)
    iterators[dim] = utils::IteratorType::parallel;
  return linalg::GenericOp::create(*this, init.tensor.getType(), operands, init.tensor, maps,
                                   iterators,
                                   [&](OpBuilder &nested, Location loc, ValueRange args) {
                                     LinalgBuilder inner(loc, nested);
                                     linalg::YieldOp::create(nested, loc, body(inner, args));
                                   })
      .getResult(0);
}

Value LinalgBuilder::map(ArrayRef<OpFoldResult> sizes, Type type, ArrayRef<Indexed> inputs,
                         Body body) {
  return generic(sizes.size(), inputs, {empty(sizes, type), iota(sizes.size())}, body);
}
