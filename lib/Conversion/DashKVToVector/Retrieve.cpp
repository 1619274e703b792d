//===- Retrieve.cpp - The kernel of retrieval -----------------------------===//
#include "Emitters.h"

using namespace mlir;
using namespace mlir::dashkv;

std::string mlir::dashkv::whyNoVectorKernel(RetrieveOp) { return "not emitted yet"; }
void mlir::dashkv::emitVectorKernel(RetrieveOp, VectorBuilder &) {}
