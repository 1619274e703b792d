//===- Assembler.h - PTX to machine code by ptxas ----------------*- C++ -*-===//
//
// ptxas of the CUDA toolkit, or of the Python package nvidia-cuda-nvcc, which is
// all of it that is needed. Nothing else in the project depends on CUDA.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_PIPELINES_ASSEMBLER_H
#define DASHKV_PIPELINES_ASSEMBLER_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include <string>

namespace mlir::dashkv {

/// The machine code of PTX.
struct Cubin {
  /// An ELF file.
  std::string binary;
  /// What ptxas says about each kernel (`ptxas -v`).
  std::string log;
};

/// The ptxas of PATH, else of CUDA_HOME; empty if there is none.
std::string findPtxas();

/// Assembles `ptx` for `chip` by the ptxas at `path`; its errors go to
/// `emitError`.
FailureOr<Cubin> assemble(StringRef path, StringRef ptx, StringRef chip,
                          function_ref<InFlightDiagnostic()> emitError);

} // namespace mlir::dashkv

#endif // DASHKV_PIPELINES_ASSEMBLER_H
