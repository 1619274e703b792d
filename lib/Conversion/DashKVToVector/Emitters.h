//===- Emitters.h - One emitter a family of ops -----------------*- C++ -*-===//
//
// An emitter writes the kernel of an op on memrefs before the op, for all its
// batches and KV heads; the driver then erases the op. The op stands alone in a
// function of its own, whose arguments are its operands. Forms and sizes come
// from `getTileConfig`, nothing else depends on the target.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_EMITTERS_H
#define DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_EMITTERS_H

#include "VectorBuilder.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"

namespace mlir::dashkv {

/// The tile_config of an op that has one.
inline TileConfigAttr getTileConfig(Operation *op) {
  return op->getAttrOfType<TileConfigAttr>(kTileConfigAttrName);
}

/// See `whyNoKernel` in dashkv/Conversion/DashKVToVector.h.
#define DASHKV_VECTOR_KERNEL(OpTy)                                                                 \
  std::string whyNoVectorKernel(OpTy op);                                                          \
  void emitVectorKernel(OpTy op, VectorBuilder &b);
DASHKV_VECTOR_KERNEL(HashEncodeOp)
DASHKV_VECTOR_KERNEL(HammingDistanceOp)
DASHKV_VECTOR_KERNEL(RetrieveOp)
DASHKV_VECTOR_KERNEL(OnlineAttentionOp)
DASHKV_VECTOR_KERNEL(OnlineReduceOp)
DASHKV_VECTOR_KERNEL(EstimateScoresOp)
DASHKV_VECTOR_KERNEL(MergeOp)
DASHKV_VECTOR_KERNEL(FinalizeOp)
#undef DASHKV_VECTOR_KERNEL

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_EMITTERS_H
