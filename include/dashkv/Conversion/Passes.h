//===- Passes.h - Conversions out of the dashkv dialect ---------*- C++ -*-===//
#ifndef DASHKV_CONVERSION_PASSES_H
#define DASHKV_CONVERSION_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::dashkv {

#define GEN_PASS_DECL
#include "dashkv/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "dashkv/Conversion/Passes.h.inc"

} // namespace mlir::dashkv

#endif // DASHKV_CONVERSION_PASSES_H
