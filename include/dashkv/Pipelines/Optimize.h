//===- Optimize.h - LLVM's optimizer as our kernels want it -----*- C++ -*-===//
#ifndef DASHKV_PIPELINES_OPTIMIZE_H
#define DASHKV_PIPELINES_OPTIMIZE_H

#include "llvm/Support/Error.h"

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace mlir::dashkv {

/// Optimizes `module` for `machine` at -O3 without unrolling loops: the portable
/// lowering has many loops with small static bounds, and unrolling them all
/// makes ten times the code (measured) and no speed. Vectorizing stays on.
llvm::Error optimizeForCPU(llvm::Module *module, llvm::TargetMachine *machine);

} // namespace mlir::dashkv

#endif // DASHKV_PIPELINES_OPTIMIZE_H
