//===- EmitTest.cpp - What compileForGPU refuses --------------------------===//
#include "dashkv/InitAll.h"
#include "dashkv/Pipelines/NVVM.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;

/// The errors of compileForGPU for `text`, empty when it succeeds.
static std::string getErrors(StringRef text) {
  DialectRegistry registry;
  mlir::dashkv::registerAllDialects(registry);
  MLIRContext context(registry);
  auto module = parseSourceString<ModuleOp>(text, &context);
  if (!module)
    return "not a module";
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &d) { message += d.str(); });
  auto target = mlir::dashkv::NVPTXTarget::get("sm_90a", [&] { return module->emitError(); });
  EXPECT_EQ(failed(mlir::dashkv::compileForGPU(*module, *target)), !message.empty());
  return message;
}

// libdevice is not linked, so tanh stays a call that no driver resolves.
TEST(EmitPTX, RefusesUndefinedFunctions) {
  EXPECT_EQ(getErrors(R"mlir(
    gpu.module @theirs [#nvvm.target<chip = "sm_90a", features = "+ptx80">] {
      gpu.func @kernel(%x: memref<1xf32>) kernel {
        %c0 = arith.constant 0 : index
        %0 = memref.load %x[%c0] : memref<1xf32>
        %1 = math.tanh %0 : f32
        memref.store %1, %x[%c0] : memref<1xf32>
        gpu.return
      }
    }
  )mlir"),
            "expected PTX without undefined functions, but got a call of __nv_tanhf");
}

TEST(EmitPTX, RefusesModulesWithoutKernels) {
  EXPECT_EQ(getErrors("func.func @f() { return }"),
            "expected attention to make GPU kernels of, but found none");
}
