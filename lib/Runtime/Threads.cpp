//===- Threads.cpp - Who runs parallel loops of compiled code -------------===//
#include "Threads.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/Parallel.h"
#include "llvm/Support/Threading.h"

using namespace mlir::dashkv;

llvm::Error mlir::dashkv::startThreads(const CPUPipelineOptions &options) {
  int workers = std::max<int64_t>(1, options.workers);
  if (options.parallel == Parallelism::Callback)
    llvm::parallel::strategy = llvm::hardware_concurrency(workers);
  if (options.parallel != Parallelism::OpenMP)
    return llvm::Error::success();
  std::string message;
  auto library = llvm::sys::DynamicLibrary::getPermanentLibrary(DASHKV_LIBOMP, &message);
  if (!library.isValid())
    return llvm::createStringError("expected libomp for parallel=omp, but got none (" + message +
                                   "); install libomp-22-dev, or use parallel=callback");
  using SetThreads = void (*)(int);
  reinterpret_cast<SetThreads>(library.getAddressOfSymbol("omp_set_num_threads"))(workers);
  return llvm::Error::success();
}

void mlir::dashkv::parallelFor(void (*body)(void *, int64_t), void *context, int64_t count) {
  llvm::parallelFor(0, count, [&](size_t i) { body(context, i); });
}
