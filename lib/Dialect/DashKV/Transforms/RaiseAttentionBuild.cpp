//===- RaiseAttentionBuild.cpp - The ops that replace a match -------------===//
#include "RaiseAttentionBuild.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::dashkv;

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

/// A size that does not hang on the tensors that the op replaces.
static const DimSize *findSize(Atom *atom, const AttentionMatch &attention) {
  for (const DimSize &size : atom->sizes)
    if (size.isStatic() ||
        (llvm::none_of(attention.outs, [&](ExprRef load) { return load->source == size.value; }) &&
         (!attention.lse || attention.lse->source != size.value)))
      return &size;
  return nullptr;
}

bool AttentionBuilder::hasSize(ArrayRef<Atom *> index) {
  return llvm::all_of(AtomPool::resolve(index), [&](Atom *atom) {
    return !ShapedType::isDynamic(atom->extent) || findSize(atom, attention);
  });
}

Value AttentionBuilder::getSize(ArrayRef<Atom *> index, OpBuilder &builder, Location loc) {
  Value product;
  int64_t fixed = 1;
  for (Atom *atom : AtomPool::resolve(index)) {
    if (!ShapedType::isDynamic(atom->extent)) {
      fixed *= atom->extent;
      continue;
    }
    Value size = findSize(atom, attention)->materialize(builder, loc);
    product = product ? arith::MulIOp::create(builder, loc, product, size) : size;
  }
  if (product && fixed == 1)
    return product;
  Value constant = arith::ConstantIndexOp::create(builder, loc, fixed);
  return product ? arith::MulIOp::create(builder, loc, product, constant) : constant;
}

//===----------------------------------------------------------------------===//
// Reshapes
//===----------------------------------------------------------------------===//

/// Groups of `fine` dims that make up the `coarse` dims, if they do.
static std::optional<SmallVector<ReassociationIndices>> getGroups(ArrayRef<AtomList> fine,
                                                                  ArrayRef<AtomList> coarse) {
  SmallVector<ReassociationIndices> groups(coarse.size());
  size_t next = 0;
  for (auto [position, dim] : llvm::enumerate(coarse)) {
    if (dim.empty()) {
      if (next == fine.size() || !fine[next].empty())
        return std::nullopt;
      groups[position].push_back(next++);
      continue;
    }
    AtomList sofar;
    while (next < fine.size() && sofar.size() < dim.size()) {
      sofar.append(fine[next]);
      groups[position].push_back(next++);
    }
    if (sofar != dim)
      return std::nullopt;
    // A dim of size 1 goes to the group before it unless the next dim is one.
    bool isNextUnit = position + 1 < coarse.size() && coarse[position + 1].empty();
    while (next < fine.size() && fine[next].empty() && !isNextUnit)
      groups[position].push_back(next++);
  }
  if (next != fine.size())
    return std::nullopt;
  return groups;
}

static SmallVector<AtomList> dropUnits(ArrayRef<AtomList> dims) {
  SmallVector<AtomList> result;
  llvm::copy_if(dims, std::back_inserter(result), [](const AtomList &dim) { return !dim.empty(); });
  return result;
}

Value AttentionBuilder::expand(Value tensor, ArrayRef<AtomList> from, ArrayRef<AtomList> to,
                               ArrayRef<ReassociationIndices> groups, OpBuilder &builder,
                               Location loc) {
  auto type = cast<RankedTensorType>(tensor.getType());
  SmallVector<int64_t> shape(to.size());
  SmallVector<OpFoldResult> sizes(to.size());
  for (auto [source, group] : llvm::enumerate(groups)) {
    int64_t divisor = 1;
    std::optional<int64_t> remaining;
    SmallVector<Value> dynamicSizes;
    for (int64_t dim : group) {
      shape[dim] = getExtent(to[dim]);
      if (!ShapedType::isDynamic(shape[dim])) {
        sizes[dim] = builder.getIndexAttr(shape[dim]);
        divisor *= shape[dim];
      } else if (hasSize(to[dim])) {
        Value size = getSize(to[dim], builder, loc);
        sizes[dim] = size;
        dynamicSizes.push_back(size);
      } else {
        remaining = dim;
      }
    }
    if (!remaining)
      continue;
    Value size = tensor::DimOp::create(builder, loc, tensor, source);
    if (divisor > 1)
      size = arith::DivUIOp::create(builder, loc, size,
                                    arith::ConstantIndexOp::create(builder, loc, divisor));
    for (Value other : dynamicSizes)
      size = arith::DivUIOp::create(builder, loc, size, other);
    sizes[*remaining] = size;
  }
  // The type of a source dim that stays whole is the better known one.
  for (auto [source, group] : llvm::enumerate(groups)) {
    int64_t fixed = type.getDimSize(source);
    int64_t dim = group.front();
    if (group.size() == 1 && !ShapedType::isDynamic(fixed)) {
      shape[dim] = fixed;
      sizes[dim] = builder.getIndexAttr(fixed);
    } else if (group.size() == 1 && !ShapedType::isDynamic(shape[dim])) {
      shape[dim] = ShapedType::kDynamic;
      sizes[dim] = Value(tensor::DimOp::create(builder, loc, tensor, source));
    }
  }
  return tensor::ExpandShapeOp::create(builder, loc, type.clone(shape), tensor,
                                       SmallVector<ReassociationIndices>(groups), sizes);
}

Value AttentionBuilder::reshape(Value tensor, ArrayRef<AtomList> from, ArrayRef<AtomList> to,
                                OpBuilder &builder, Location loc) {
  if (from == to)
    return tensor;
  auto collapse = [&](Value value, ArrayRef<ReassociationIndices> groups) -> Value {
    return tensor::CollapseShapeOp::create(builder, loc, value, groups);
  };
  if (to.empty() || from.empty()) {
    SmallVector<ReassociationIndices> none;
    return to.empty() ? collapse(tensor, none) : expand(tensor, from, to, none, builder, loc);
  }
  if (auto groups = getGroups(from, to))
    return collapse(tensor, *groups);
  if (auto groups = getGroups(to, from))
    return expand(tensor, from, to, *groups, builder, loc);

  // Through the dims that both sides split to, without dims of size 1.
  SmallVector<AtomList> fromDims = dropUnits(from), toDims = dropUnits(to), pieces;
  if (fromDims.size() != from.size())
    return reshape(reshape(tensor, from, fromDims, builder, loc), fromDims, to, builder, loc);
  size_t fromAtoms = 0, toAtoms = 0, fromDim = 0, toDim = 0;
  while (fromDim < fromDims.size() && toDim < toDims.size()) {
    size_t fromLeft = fromDims[fromDim].size() - fromAtoms;
    size_t toLeft = toDims[toDim].size() - toAtoms;
    size_t count = std::min(fromLeft, toLeft);
    auto *begin = fromDims[fromDim].begin() + fromAtoms;
    pieces.emplace_back(begin, begin + count);
    fromAtoms += count;
    toAtoms += count;
    if (fromLeft == count) {
      ++fromDim;
      fromAtoms = 0;
    }
    if (toLeft == count) {
      ++toDim;
      toAtoms = 0;
    }
  }
  if (pieces != fromDims)
    return reshape(reshape(tensor, fromDims, pieces, builder, loc), pieces, to, builder, loc);
  return reshape(reshape(tensor, pieces, toDims, builder, loc), toDims, to, builder, loc);
}

//===----------------------------------------------------------------------===//
// The op
//===----------------------------------------------------------------------===//

Value AttentionBuilder::buildOperand(const Operand &operand, OpBuilder &builder, Location loc) {
  if (operand.load)
    return reshape(operand.load->source, operand.from, operand.to, builder, loc);
  return materialize(operand.expr, operand.to, builder.getF32Type(), builder, loc);
}

AffineMap AttentionBuilder::getMap(const Operand &operand, MLIRContext *mlirContext) const {
  return AffineMap::getMultiDimMapWithTargets(dims.count, operand.loops, mlirContext);
}

SmallVector<Value, 2> AttentionBuilder::build(RewriterBase &rewriter) {
  Location loc = attention.anchor->getLoc();
  MLIRContext *mlirContext = rewriter.getContext();
  rewriter.setInsertionPoint(getRoot().getDefiningOp());

  // What looking through broadcasts relied on.
  SmallVector<SizeAssumption> checked;
  for (const SizeAssumption &assumption : context.assumptions) {
    if (llvm::any_of(checked, [&](const SizeAssumption &other) {
          return (other.left.equals(assumption.left) && other.right.equals(assumption.right)) ||
                 (other.left.equals(assumption.right) && other.right.equals(assumption.left));
        }))
      continue;
    checked.push_back(assumption);
    Value same = arith::CmpIOp::create(rewriter, loc, arith::CmpIPredicate::eq,
                                       assumption.left.materialize(rewriter, loc),
                                       assumption.right.materialize(rewriter, loc));
    cf::AssertOp::create(rewriter, loc, same,
                         "attention: expected sizes that agree, not a broadcast of size 1");
  }

  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  for (const Operand *operand : {&query, &key, &value}) {
    operands.push_back(buildOperand(*operand, rewriter, loc));
    maps.push_back(getMap(*operand, mlirContext));
  }
  Value maskValue, lengths = lengthsTensor;
  if (hasMask) {
    maskValue = buildOperand(mask, rewriter, loc);
    maps.push_back(getMap(mask, mlirContext));
  }
  if (attention.lengths && !lengths)
    lengths = materialize(attention.lengths, {batch}, rewriter.getI32Type(), rewriter, loc);
  maps.push_back(getMap(out, mlirContext));

  auto getInit = [&](const Operand &operand) -> Value {
    auto type = cast<RankedTensorType>(operand.load->source.getType());
    SmallVector<OpFoldResult> sizes;
    for (auto [position, dim] : llvm::enumerate(operand.to)) {
      int64_t extent = operand.isReshaped() ? getExtent(dim) : type.getDimSize(position);
      if (ShapedType::isDynamic(extent))
        sizes.push_back(getSize(dim, rewriter, loc));
      else
        sizes.push_back(rewriter.getIndexAttr(extent));
    }
    return tensor::EmptyOp::create(rewriter, loc, sizes, type.getElementType());
  };
  SmallVector<Value, 2> inits = {getInit(out)};
  if (attention.lse)
    inits.push_back(getInit(lse));
  ArrayAttr mapsAttr;
  if (maps != AttentionDims::getDefaultMaps(mlirContext, hasMask))
    mapsAttr = rewriter.getAffineMapArrayAttr(maps);
  auto op =
      AttentionOp::create(rewriter, loc, TypeRange(ValueRange(inits)), operands[0], operands[1],
                          operands[2], maskValue, lengths, /*block_table=*/Value(),
                          /*key_scale=*/Value(),
                          /*value_scale=*/Value(), inits[0], attention.lse ? inits[1] : Value(),
                          rewriter.getF32FloatAttr(attention.scale),
                          attention.causal ? rewriter.getUnitAttr() : UnitAttr(), mapsAttr);
  SmallVector<Value, 2> results;
  for (auto [result, operand] : llvm::zip(op->getResults(), std::array{&out, &lse})) {
    Value value = reshape(result, operand->to, operand->from, rewriter, loc);
    Type type = operand->load->source.getType();
    if (value.getType() != type)
      value = tensor::CastOp::create(rewriter, loc, type, value);
    results.push_back(value);
  }
  return results;
}
