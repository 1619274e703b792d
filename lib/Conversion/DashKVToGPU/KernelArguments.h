//===- KernelArguments.h - Named arguments of a kernel ----------*- C++ -*-===//
//
// Kernels with many optional operands name them, so that the host and the kernel
// need not count.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOGPU_KERNELARGUMENTS_H
#define DASHKV_LIB_CONVERSION_DASHKVTOGPU_KERNELARGUMENTS_H

#include "Launches.h"

namespace mlir::dashkv {

class KernelArguments {
public:
  void add(StringRef name, KernelParameter parameter, Value value) {
    names.push_back(name.str());
    parameters.push_back(parameter);
    values.push_back(value);
  }
  void addScalar(StringRef name, Value value) {
    add(name, {value.getType(), KernelParameter::Scalar}, value);
  }
  /// The argument of this name in the kernel, which has one.
  Value get(gpu::GPUFuncOp func, StringRef name) const {
    return func.getArgument(llvm::find(names, name) - names.begin());
  }

  SmallVector<std::string> names;
  SmallVector<KernelParameter> parameters;
  SmallVector<Value> values;
};

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOGPU_KERNELARGUMENTS_H
