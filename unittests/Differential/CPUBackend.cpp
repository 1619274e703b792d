//===- CPUBackend.cpp - Random kernels on this CPU ------------------------===//
#include "Backend.h"

using namespace dashkv::testing;
using mlir::dashkv::Array;
using mlir::dashkv::JIT;

namespace {
struct CPUExecutable : Executable {
  std::unique_ptr<JIT> jit;
  llvm::Expected<llvm::SmallVector<Array>> call(llvm::ArrayRef<Array> arguments) override {
    return jit->call("main", arguments);
  }
};

struct CPUBackend : Backend {
  const mlir::dashkv::CPUPipelineOptions &options;
  explicit CPUBackend(const mlir::dashkv::CPUPipelineOptions &options) : options(options) {}

  std::unique_ptr<Executable> compile(mlir::ModuleOp module) override {
    auto jit = JIT::compile(module, options);
    if (mlir::failed(jit))
      return nullptr;
    auto executable = std::make_unique<CPUExecutable>();
    executable->jit = std::move(*jit);
    return executable;
  }
  bool hasTileConfigs() const override {
    return options.lowering == mlir::dashkv::CPULowering::Vector;
  }
};
} // namespace

std::unique_ptr<Backend>
dashkv::testing::makeCPUBackend(const mlir::dashkv::CPUPipelineOptions &options) {
  return std::make_unique<CPUBackend>(options);
}
