//===- AttentionDims.cpp - Names of attention's iteration dims ------------===//
#include "dashkv/Dialect/DashKV/IR/AttentionDims.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace mlir::dashkv;

FailureOr<AttentionDims> AttentionDims::get(unsigned numDims) {
  if (numDims == 6)
    return AttentionDims{0, 1, std::nullopt, 2, 3, 4, 5, 6};
  if (numDims == 7)
    return AttentionDims{0, 1, 2, 3, 4, 5, 6, 7};
  return failure();
}

StringRef AttentionDims::getName(unsigned dim) const {
  static constexpr StringLiteral flat[] = {"b", "h", "m", "n", "d", "dv"};
  static constexpr StringLiteral grouped[] = {"b", "h", "g", "m", "n", "d", "dv"};
  return group ? grouped[dim] : flat[dim];
}

SmallVector<AffineMap> AttentionDims::getDefaultMaps(MLIRContext *context, bool hasMask) {
  AttentionDims dims = *get(6);
  auto map = [&](ArrayRef<unsigned> positions) {
    return AffineMap::getMultiDimMapWithTargets(dims.count, positions, context);
  };
  SmallVector<AffineMap> maps = {map({dims.batch, dims.head, dims.query, dims.depth}),
                                 map({dims.batch, dims.head, dims.key, dims.depth}),
                                 map({dims.batch, dims.head, dims.key, dims.valueDepth})};
  if (hasMask)
    maps.push_back(map({dims.batch, dims.head, dims.query, dims.key}));
  maps.push_back(map({dims.batch, dims.head, dims.query, dims.valueDepth}));
  return maps;
}

FailureOr<AttentionDims> AttentionDims::infer(ArrayRef<AffineMap> maps,
                                              function_ref<InFlightDiagnostic()> emitError) {
  FailureOr<AttentionDims> dims = get(maps.front().getNumDims());
  if (failed(dims))
    return emitError() << "expected indexing maps of 6 or 7 dims, but got "
                       << maps.front().getNumDims();
  static constexpr StringLiteral names[] = {"query", "key", "value", "mask", "out"};
  auto name = [&](unsigned i) { return names[i == 3 && maps.size() == 4 ? 4 : i]; };

  SmallVector<unsigned> rows = {dims->batch, dims->head, dims->query};
  if (dims->group)
    rows.push_back(*dims->group);
  for (auto [i, map] : llvm::enumerate(maps)) {
    if (map.getNumDims() != dims->count)
      return emitError() << "expected indexing maps of " << dims->count << " dims, but got "
                         << map.getNumDims() << " for " << name(i);
    if (!map.isProjectedPermutation()) // c5
      return emitError() << "expected a projected permutation as the map of " << name(i)
                         << ", but got " << AffineMapAttr::get(map);
    llvm::SmallBitVector used(dims->count), wanted(dims->count), optional(dims->count);
    for (AffineExpr expr : map.getResults())
      used.set(cast<AffineDimExpr>(expr).getPosition());
    if (name(i) == "query" || name(i) == "out") {
      for (unsigned dim : rows)
        wanted.set(dim);
      wanted.set(name(i) == "query" ? dims->depth : dims->valueDepth);
    } else if (name(i) == "mask") {
      wanted.set(dims->key);
      for (unsigned dim : rows)
        optional.set(dim);
    } else {
      wanted.set(dims->batch).set(dims->head).set(dims->key);
      wanted.set(name(i) == "key" ? dims->depth : dims->valueDepth);
    }
    llvm::SmallBitVector given = used;
    if ((given.reset(optional), given) != (wanted.reset(optional), wanted)) { // c4
      InFlightDiagnostic diagnostic = emitError();
      diagnostic << "expected the map of " << name(i) << " to use the dims";
      for (unsigned dim : wanted.set_bits())
        diagnostic << " " << dims->getName(dim);
      return diagnostic << ", but got " << AffineMapAttr::get(map);
    }
  }
  return dims;
}
