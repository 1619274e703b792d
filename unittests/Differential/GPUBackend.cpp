//===- GPUBackend.cpp - Random kernels on a simulated GPU -----------------===//
#include "../PTX/SimulatedDriver.h"
#include "Backend.h"
#include "dashkv/Pipelines/GPUPlan.h"
#include "dashkv/Runtime/GPURunner.h"
#include <cstdlib>

using namespace dashkv::testing;
using mlir::dashkv::Array;
using mlir::dashkv::GPURunner;

namespace {
struct GPUExecutable : Executable {
  std::unique_ptr<GPURunner> runner;
  llvm::Expected<llvm::SmallVector<Array>> call(llvm::ArrayRef<Array> arguments) override {
    auto results = runner->call("main", arguments, /*repeat=*/true);
    if (results || ptx::getSimulatedError().empty())
      return results;
    return llvm::createStringError(llvm::toString(results.takeError()) + ": " +
                                   ptx::getSimulatedError());
  }
};

struct GPUBackend : Backend {
  mlir::dashkv::NVPTXTarget target;
  ::dashkv::runtime::Driver driver;

  std::unique_ptr<Executable> compile(mlir::ModuleOp module) override {
    mlir::FailureOr<mlir::dashkv::GPUProgram> program = mlir::dashkv::compileForGPU(module, target);
    if (mlir::failed(program))
      return nullptr;
    std::vector<mlir::dashkv::GPUVariant> variants(1);
    variants[0].target = target;
    variants[0].program = std::move(*program);
    mlir::FailureOr<std::string> bundle = mlir::dashkv::makeKernelBundle(variants);
    if (mlir::failed(bundle))
      return nullptr;
    // A kernel that failed has left the device unusable, as it would a real one.
    ptx::resetSimulatedDriver();
    ::dashkv::runtime::Status status =
        ::dashkv::runtime::Driver::load(ptx::simulatedSymbol, driver);
    if (!status.ok()) {
      mlir::emitError(module.getLoc()) << status.message;
      return nullptr;
    }
    auto runner = GPURunner::open(*bundle, driver);
    if (!runner) {
      mlir::emitError(module.getLoc()) << llvm::toString(runner.takeError());
      return nullptr;
    }
    auto executable = std::make_unique<GPUExecutable>();
    executable->runner = std::move(*runner);
    return executable;
  }
  bool hasTileConfigs() const override { return false; }
  bool roundsWeights() const override { return true; }
};
} // namespace

std::unique_ptr<Backend> dashkv::testing::makeGPUBackend(const std::string &chip, unsigned seed) {
  auto target = mlir::dashkv::NVPTXTarget::get(chip, [] { return mlir::InFlightDiagnostic(); });
  if (mlir::failed(target)) {
    llvm::errs() << "dashkv-differential: expected a GPU, but got " << chip << "\n";
    return nullptr;
  }
  setenv("DASHKV_SIM_CHIP", chip.c_str(), 1);
  setenv("DASHKV_SIM_SEED", std::to_string(seed).c_str(), 1);
  auto backend = std::make_unique<GPUBackend>();
  backend->target = *target;
  return backend;
}
