//===- Transforms.h - Reusable patterns on the dashkv dialect ---*- C++ -*-===//
#ifndef DASHKV_DIALECT_DASHKV_TRANSFORMS_TRANSFORMS_H
#define DASHKV_DIALECT_DASHKV_TRANSFORMS_TRANSFORMS_H

#include "llvm/ADT/SmallVector.h"

namespace mlir {
class RewritePatternSet;
namespace func {
class FuncOp;
} // namespace func
} // namespace mlir

namespace mlir::dashkv {

/// A dashkv op on memrefs becomes the op on their contents, between to_tensor
/// and materialize_in_destination.
void populateBuffersToTensorsPatterns(RewritePatternSet &patterns);

/// attention on tensors becomes online_attention from neutral statistics and
/// finalize.
void populateDecomposeAttentionPatterns(RewritePatternSet &patterns);

/// tiered_attention on tensors becomes retrieve, online_attention,
/// [estimate_scores, online_reduce], finalize, with a branch to exact attention
/// below `dense_below`.
void populateExpandTieredPatterns(RewritePatternSet &patterns);

/// select of calibrate of hamming_distance becomes retrieve, where the steps
/// between have no other use and agree on lengths and tiering.
void populateFuseRetrievalPatterns(RewritePatternSet &patterns);

/// For each result of a bufferized function the argument whose buffer it is, or
/// -1. dashkv-finalize-signatures drops those that are. Functions with callers in
/// the module have none.
llvm::SmallVector<int> findReturnedArguments(func::FuncOp function);

/// For each argument of a bufferized function whether the function may write to
/// its buffer; true where that is hard to tell.
llvm::SmallVector<bool> findWrittenArguments(func::FuncOp function);

/// Drops what keeps scores alive for nothing: unused results of generics (the
/// argmax beside a maximum) and queries of the sizes of computed tensors.
void populateNormalizeAttentionPatterns(RewritePatternSet &patterns);

} // namespace mlir::dashkv

#endif // DASHKV_DIALECT_DASHKV_TRANSFORMS_TRANSFORMS_H
