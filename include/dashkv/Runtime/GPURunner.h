//===- GPURunner.h - Call a kernel bundle with arrays -----------*- C++ -*-===//
#ifndef DASHKV_RUNTIME_GPURUNNER_H
#define DASHKV_RUNTIME_GPURUNNER_H

#include "dashkv/Runtime/Array.h"
#include "dashkv/Runtime/Launcher.h"
#include "mlir/IR/MLIRContext.h"

namespace mlir::dashkv {

/// The functions of a kernel bundle on a GPU, for arrays in host memory: what
/// JIT is for CPUs.
class GPURunner {
public:
  /// Loads `bundle`, the content of a file, on the first device of `driver`.
  static llvm::Expected<std::unique_ptr<GPURunner>> open(const std::string &bundle,
                                                         const ::dashkv::runtime::Driver &driver);
  /// On the first GPU of this machine.
  static llvm::Expected<std::unique_ptr<GPURunner>> open(const std::string &bundle);

  /// Null if there is no such function.
  const ::dashkv::runtime::FunctionPlan *find(StringRef name) const {
    return launcher->getVariant().findFunction(name.str());
  }

  /// Calls a function. Results that are arguments, updated in place, are new
  /// arrays: the arguments stay as they are. With `repeat` the function runs a
  /// second time, by a CUDA graph, and it is an error if that gives other results.
  llvm::Expected<SmallVector<Array>> call(StringRef name, ArrayRef<Array> arguments,
                                          bool repeat = false);
  /// Checks arguments as `call` does, without calling.
  llvm::Error check(StringRef name, ArrayRef<Array> arguments) const;
  /// Seconds of a step on the device, by a graph, the mean of `repetitions`.
  llvm::Expected<double> time(StringRef name, ArrayRef<Array> arguments, unsigned repetitions);

private:
  /// A plan with its arguments in device memory.
  class Call;

  GPURunner() : context(MLIRContext::Threading::DISABLED) {}

  mutable MLIRContext context; ///< of the types of arguments
  std::shared_ptr<::dashkv::runtime::Launcher> launcher;
};

} // namespace mlir::dashkv

#endif // DASHKV_RUNTIME_GPURUNNER_H
