//===- Threads.h - Who runs parallel loops of compiled code -----*- C++ -*-===//
#ifndef DASHKV_LIB_RUNTIME_THREADS_H
#define DASHKV_LIB_RUNTIME_THREADS_H

#include "dashkv/Pipelines/Pipelines.h"
#include "llvm/Support/Error.h"

namespace mlir::dashkv {

/// Makes the threads that code compiled with `options` asks for: loads libomp, or
/// sets up the pool behind `parallelFor`.
llvm::Error startThreads(const CPUPipelineOptions &options);

/// `dashkv_parallel_for` for code in this process.
void parallelFor(void (*body)(void *, int64_t), void *context, int64_t count);

} // namespace mlir::dashkv

#endif // DASHKV_LIB_RUNTIME_THREADS_H
