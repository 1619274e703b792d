//===- Backend.h - What compiles and runs a random kernel -------*- C++ -*-===//
#ifndef DASHKV_UNITTESTS_DIFFERENTIAL_BACKEND_H
#define DASHKV_UNITTESTS_DIFFERENTIAL_BACKEND_H

#include "dashkv/Runtime/JIT.h"
#include <memory>
#include <string>

namespace dashkv::testing {

/// A compiled function `main` of tensors.
class Executable {
public:
  virtual ~Executable() = default;
  virtual llvm::Expected<llvm::SmallVector<mlir::dashkv::Array>>
  call(llvm::ArrayRef<mlir::dashkv::Array> arguments) = 0;
};

class Backend {
public:
  virtual ~Backend() = default;
  /// Null after an error, which is a diagnostic.
  virtual std::unique_ptr<Executable> compile(mlir::ModuleOp module) = 0;
  /// Whether ops become kernels that take a `tile_config`.
  virtual bool hasTileConfigs() const = 0;
  /// Whether weights of softmax are rounded to the type of narrow values.
  virtual bool roundsWeights() const { return false; }
};

/// The CPU that runs this program.
std::unique_ptr<Backend> makeCPUBackend(const mlir::dashkv::CPUPipelineOptions &options);

/// A simulated GPU: kernels are interpreted, and launched by the launcher that
/// real ones get. Blocks take turns in an order that `seed` chooses.
std::unique_ptr<Backend> makeGPUBackend(const std::string &chip, unsigned seed);

} // namespace dashkv::testing

#endif // DASHKV_UNITTESTS_DIFFERENTIAL_BACKEND_H
