//===- CompileTest.cpp - compile() for a program without options ----------===//
#include "dashkv/Pipelines/Compile.h"
#include "dashkv/InitAll.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"

using namespace mlir;

/// What compile() makes of an attention layer, here where nobody has registered
/// options of passes.
static std::string compile(mlir::dashkv::EmitKind emit, std::string target) {
  DialectRegistry registry;
  mlir::dashkv::registerAllDialects(registry);
  MLIRContext context(registry);
  auto module = parseSourceString<ModuleOp>(R"mlir(
    func.func @main(%q: tensor<1x4x1x64xf32>, %k: tensor<1x2x32x64xf32>, %v: tensor<1x2x32x64xf32>) -> tensor<1x4x1x64xf32> {
      %e = tensor.empty() : tensor<1x4x1x64xf32>
      %0 = dashkv.attention ins(%q, %k, %v : tensor<1x4x1x64xf32>, tensor<1x2x32x64xf32>, tensor<1x2x32x64xf32>)
        outs(%e : tensor<1x4x1x64xf32>)
      return %0 : tensor<1x4x1x64xf32>
    }
  )mlir",
                                            &context);
  mlir::dashkv::CompileOptions options;
  options.emit = emit;
  options.target = std::move(target);
  SmallString<0> product;
  llvm::raw_svector_ostream os(product);
  EXPECT_TRUE(module && succeeded(mlir::dashkv::compile(*module, options, os)));
  return product.str().str();
}

TEST(Compile, NeedsNoCommandLine) {
  using mlir::dashkv::EmitKind;
  EXPECT_NE(compile(EmitKind::LLVM, "x86-64-v3").find("define"), std::string::npos);
  EXPECT_NE(compile(EmitKind::PTX, "sm_90a").find(".entry"), std::string::npos);
}
