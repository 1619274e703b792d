//===- GPUPlan.h - Host code of GPU kernels as data -------------*- C++ -*-===//
#ifndef DASHKV_PIPELINES_GPUPLAN_H
#define DASHKV_PIPELINES_GPUPLAN_H

#include "dashkv/Pipelines/NVVM.h"
#include "llvm/Support/JSON.h"

namespace mlir::dashkv {

/// What a launcher (dashkv/Runtime/KernelBundle.h) needs of `program` for one
/// chip besides its code: `chip`, `ptx_version`, `kernels`, and for each public
/// function its arguments, results, host values, buffers and steps. Host code
/// other than arithmetic on shapes, launches, copies of dense buffers,
/// allocations, checks and scf.if is an error.
FailureOr<llvm::json::Object> makeGPUPlan(const GPUProgram &program, const NVPTXTarget &target);

/// Prints the functions of a plan for people, each line after `prefix`.
void printGPUPlan(const llvm::json::Object &plan, StringRef prefix, raw_ostream &os);

/// A program for one chip, and its machine code where there is some.
struct GPUVariant {
  NVPTXTarget target;
  GPUProgram program;
  std::string cubin;
};

/// The content of the file that a launcher reads.
FailureOr<std::string> makeKernelBundle(ArrayRef<GPUVariant> variants);

} // namespace mlir::dashkv

#endif // DASHKV_PIPELINES_GPUPLAN_H
