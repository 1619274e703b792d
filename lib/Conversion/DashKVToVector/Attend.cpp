//===- Attend.cpp - The kernels of attention over keys and lists ----------===//
#include "Emitters.h"

using namespace mlir;
using namespace mlir::dashkv;

std::string mlir::dashkv::whyNoVectorKernel(OnlineAttentionOp) { return "not emitted yet"; }
void mlir::dashkv::emitVectorKernel(OnlineAttentionOp, VectorBuilder &) {}
std::string mlir::dashkv::whyNoVectorKernel(OnlineReduceOp) { return "not emitted yet"; }
void mlir::dashkv::emitVectorKernel(OnlineReduceOp, VectorBuilder &) {}
std::string mlir::dashkv::whyNoVectorKernel(EstimateScoresOp) { return "not emitted yet"; }
void mlir::dashkv::emitVectorKernel(EstimateScoresOp, VectorBuilder &) {}
std::string mlir::dashkv::whyNoVectorKernel(MergeOp) { return "not emitted yet"; }
void mlir::dashkv::emitVectorKernel(MergeOp, VectorBuilder &) {}
std::string mlir::dashkv::whyNoVectorKernel(FinalizeOp) { return "not emitted yet"; }
void mlir::dashkv::emitVectorKernel(FinalizeOp, VectorBuilder &) {}
