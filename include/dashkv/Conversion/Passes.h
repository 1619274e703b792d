//===- Passes.h - Conversions out of the dashkv dialect ---------*- C++ -*-===//
#ifndef DASHKV_CONVERSION_PASSES_H
#define DASHKV_CONVERSION_PASSES_H

#include "mlir/Pass/Pass.h"

namespace mlir::dashkv {

/// Who runs the iterations of parallel loops.
enum class Parallelism {
  Serial,   ///< the caller, one after the other
  OpenMP,   ///< threads of libomp
  Callback, ///< `dashkv_parallel_for`, which the host defines
};

#define GEN_PASS_DECL
#include "dashkv/Conversion/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "dashkv/Conversion/Passes.h.inc"

} // namespace mlir::dashkv

#endif // DASHKV_CONVERSION_PASSES_H
