//===- Encode.cpp - The kernel of hash encoders ---------------------------===//
#include "Emitters.h"

using namespace mlir;
using namespace mlir::dashkv;

std::string mlir::dashkv::whyNoVectorKernel(HashEncodeOp) { return "not emitted yet"; }
void mlir::dashkv::emitVectorKernel(HashEncodeOp, VectorBuilder &) {}
