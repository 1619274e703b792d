//===- DashKVToLinalg.h - The portable lowering -----------------*- C++ -*-===//
#ifndef DASHKV_CONVERSION_DASHKVTOLINALG_H
#define DASHKV_CONVERSION_DASHKVTOLINALG_H

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace mlir::dashkv {

/// One pattern an op: all but tiered_attention, which dashkv-expand-tiered
/// takes apart, become linalg, scf, tensor, arith and math ops. An op on
/// memrefs is wrapped in to_tensor and materialize_in_destination.
void populateDashKVToLinalgPatterns(RewritePatternSet &patterns);

} // namespace mlir::dashkv

#endif // DASHKV_CONVERSION_DASHKVTOLINALG_H
