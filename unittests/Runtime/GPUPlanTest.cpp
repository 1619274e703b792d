//===- GPUPlanTest.cpp - Host code of GPU kernels as data -----------------===//
#include "dashkv/Pipelines/GPUPlan.h"
#include "dashkv/InitAll.h"
#include "dashkv/Runtime/KernelBundle.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::dashkv;

namespace {
class GPUPlanTest : public testing::Test {
protected:
  GPUPlanTest() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
  }

  /// The bundle, as text, of a function `main`, with the signature and the body
  /// given, or the first error.
  std::string plan(const std::string &function, SmallVector<int> aliases = {}) {
    std::string source = R"mlir(
      module attributes {gpu.container_module} {
        func.func private @dashkv_multiprocessors() -> index
        func.func private @other()
        gpu.module @kernels {
          llvm.mlir.global internal @shared() {addr_space = 3 : i32} : !llvm.array<64 x i32>
          llvm.func @bare(%p: !llvm.ptr {llvm.align = 16 : i64}, %n: i32)
              attributes {gpu.kernel, nvvm.kernel, dashkv.resident} {
            %0 = llvm.mlir.addressof @shared : !llvm.ptr<3>
            llvm.inline_asm has_side_effects "griddepcontrol.wait;", "" : () -> ()
            llvm.return
          }
          llvm.func @whole(%0: !llvm.ptr, %1: !llvm.ptr, %2: i64, %3: i64, %4: i64, %5: i64, %6: i64,
              %f: f32) attributes {gpu.kernel, nvvm.kernel} {
            llvm.return
          }
        }
        func.func @main)mlir" +
                         function + "}";
    std::string error;
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      if (error.empty())
        error = diagnostic.str();
      return success();
    });
    std::vector<GPUVariant> variants(1);
    GPUProgram &program = variants[0].program;
    variants[0].target = *NVPTXTarget::get("sm_90a", [] { return InFlightDiagnostic(); });
    program.module = parseSourceString<ModuleOp>(source, &context);
    if (!program.module)
      return "cannot parse: " + error;
    auto main = program.module->lookupSymbol<func::FuncOp>("main");
    GPUFunction &signature = program.functions.emplace_back();
    signature.name = "main";
    signature.roles.resize(main.getNumArguments());
    signature.roles[0] = "keys";
    signature.aliases = aliases;
    program.ptx = "text";
    FailureOr<llvm::json::Object> made = makeGPUPlan(program, variants[0].target);
    if (failed(made))
      return error;
    // What is written can be read.
    FailureOr<std::string> bundle = makeKernelBundle(variants);
    ::dashkv::runtime::KernelBundle read;
    ::dashkv::runtime::Status status = ::dashkv::runtime::KernelBundle::read(*bundle, read);
    EXPECT_TRUE(status.ok()) << status.message;
    kernels = *made->getArray("kernels");
    std::string text;
    llvm::raw_string_ostream os(text);
    printGPUPlan(*made, "", os);
    return text;
  }

  MLIRContext context;
  llvm::json::Array kernels;
};
} // namespace

TEST_F(GPUPlanTest, ReadsArithmeticAndLaunches) {
  EXPECT_EQ(plan(R"mlir((%a: memref<4x?xf32>) {
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    %n = memref.dim %a, %c1 : memref<4x?xf32>
    %sms = func.call @dashkv_multiprocessors() : () -> index
    %blocks = arith.ceildivui %n, %c64 : index
    %grid = arith.minui %blocks, %sms : index
    %n32 = arith.index_cast %n : index to i32
    %bytes = arith.constant 1024 : i32
    %unused = arith.muli %n, %n : index
    %p = memref.reinterpret_cast %a to offset: [0], sizes: [1], strides: [1] : memref<4x?xf32> to memref<1xf32>
    gpu.launch_func @kernels::@bare blocks in (%grid, %c1, %c1) threads in (%c64, %c1, %c1)
      dynamic_shared_memory_size %bytes args(%p : memref<1xf32>, %n32 : i32)
    return
  })mlir"),
            R"(main
  a0: f32[4, ?] keys
  v0 = dim(a0, 1)
  v3 = multiprocessors
  v4 = ceildivui(v0, 64)
  v5 = minui(v4, v3)
  v6 = extsi(v0)
  bare (resident) grid (v5, 1, 1) block (64, 1, 1) shared 1024 operands (a0, v6)
)");
  ASSERT_EQ(kernels.size(), 2u);
  EXPECT_EQ(llvm::formatv("{0}", kernels[0]).str(),
            R"({"name":"bare","parameters":[{"align":16,"type":"ptr"},{"type":"i32"}],"pdl":true,)"
            R"("resident":true,"shared":256})");
  EXPECT_EQ(*kernels[1].getAsObject()->getBoolean("pdl"), false);
}

// Upstream's kernels take descriptors: twice the pointer, offset, sizes, strides.
TEST_F(GPUPlanTest, ReadsViews) {
  EXPECT_EQ(plan(R"mlir((%a: memref<4x?x8xf32>, %n: memref<?xi8>) {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %f = arith.constant 0.5 : f32
    %d = memref.dim %a, %c1 : memref<4x?x8xf32>
    %s = memref.subview %a[2, 0, 4] [1, %d, 2] [1, 3, 1] : memref<4x?x8xf32> to memref<?x2xf32, strided<[24, 1], offset: ?>>
    gpu.launch_func @kernels::@whole blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1)
      args(%s : memref<?x2xf32, strided<[24, 1], offset: ?>>, %f : f32)
    %flat = memref.collapse_shape %a [[0, 1], [2]] : memref<4x?x8xf32> into memref<?x8xf32>
    gpu.launch_func @kernels::@whole blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1)
      args(%flat : memref<?x8xf32>, %f : f32)
    %m = memref.view %n[%c2][%d] : memref<?xi8> to memref<?x4xf32>
    %base, %offset, %sizes:2, %strides:2 = memref.extract_strided_metadata %m : memref<?x4xf32> -> memref<f32>, index, index, index, index, index
    %again = memref.reinterpret_cast %base to offset: [%c2], sizes: [%sizes#1, %sizes#0], strides: [1, %strides#0] : memref<f32> to memref<?x?xf32, strided<[1, ?], offset: ?>>
    gpu.launch_func @kernels::@whole blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1)
      args(%again : memref<?x?xf32, strided<[1, ?], offset: ?>>, %f : f32)
    %wide = memref.expand_shape %flat [[0], [1, 2]] output_shape [%d, 2, 4] : memref<?x8xf32> into memref<?x2x4xf32>
    %row = memref.subview %wide[0, 0, 0] [1, 2, 4] [1, 1, 1] : memref<?x2x4xf32> to memref<2x4xf32, strided<[4, 1]>>
    gpu.launch_func @kernels::@whole blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1)
      args(%row : memref<2x4xf32, strided<[4, 1]>>, %f : f32)
    return
  })mlir"),
            R"(main
  a0: f32[4, ?, 8] keys
  a1: i8[?]
  v2 = dim(a0, 1)
  v5 = muli(8, v2)
  v8 = muli(2, v5)
  v10 = addi(v8, 4)
  v11 = muli(4, v2)
  whole grid (1, 1, 1) block (1, 1, 1) operands (a0, a0, v10, v2, 2, 24, 1, 5.000000e-01)
  whole grid (1, 1, 1) block (1, 1, 1) operands (a0, a0, 0, v11, 8, 8, 1, 5.000000e-01)
  whole grid (1, 1, 1) block (1, 1, 1) operands (a1 + 2, a1 + 2, 2, 4, v2, 1, 4, 5.000000e-01)
  whole grid (1, 1, 1) block (1, 1, 1) operands (a0, a0, 0, 2, 4, 4, 1, 5.000000e-01)
)");
}

TEST_F(GPUPlanTest, ReadsBuffersCopiesAndBranches) {
  EXPECT_EQ(plan(R"mlir((%a: memref<?xf32>, %b: memref<?xf32>) -> (memref<?xf32>, memref<?xf32>) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %n = memref.dim %a, %c0 : memref<?xf32>
    %any = arith.cmpi ugt, %n, %c1 : index
    cf.assert %any, "expected two keys"
    %boxes = memref.alloc(%n) {dashkv.init = -1 : i8} : memref<?xi32>
    %result = memref.alloc(%n) {alignment = 64 : i64} : memref<?xf32>
    memref.copy %a, %result : memref<?xf32> to memref<?xf32>
    %big = arith.cmpi ult, %n, %c1 : index
    %chosen, %size = scf.if %big -> (memref<?xf32>, index) {
      %t = memref.alloc(%c1) : memref<?xf32>
      memref.copy %a, %t : memref<?xf32> to memref<?xf32>
      scf.yield %t, %c1 : memref<?xf32>, index
    } else {
      scf.yield %b, %n : memref<?xf32>, index
    }
    %i = arith.index_cast %size : index to i32
    %p = memref.reinterpret_cast %chosen to offset: [0], sizes: [1], strides: [1] : memref<?xf32> to memref<1xf32>
    %q = memref.reinterpret_cast %boxes to offset: [0], sizes: [1], strides: [1] : memref<?xi32> to memref<1xi32>
    gpu.launch_func @kernels::@bare blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%p : memref<1xf32>, %i : i32)
    gpu.launch_func @kernels::@bare blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%q : memref<1xi32>, %i : i32)
    memref.dealloc %boxes : memref<?xi32>
    %same = memref.cast %result : memref<?xf32> to memref<?xf32>
    return %same, %b : memref<?xf32>, memref<?xf32>
  })mlir",
                 {-1, -1}),
            R"(main
  a0: f32[?] keys
  a1: f32[?]
  v0 = dim(a0, 0)
  v2 = cmp_ugt(v0, 1)
  v4 = muli(4, v0)
  v5 = cmp_ult(v0, 1)
  v6 = select(v5, 1, v0)
  v7 = extsi(v6)
  w2: v4 bytes, each 255 at first
  w3: v4 bytes, result 0
  w4: 4 bytes
  w5: w4 if v5, else a1
  check v2: expected two keys
  copy v4 bytes from a0 to w3
  if v5 {
    copy v4 bytes from a0 to w4
  }
  bare (resident) grid (1, 1, 1) block (1, 1, 1) operands (w5, v7)
  bare (resident) grid (1, 1, 1) block (1, 1, 1) operands (w2, v7)
)");
}

TEST_F(GPUPlanTest, KnowsUpdatedArguments) {
  EXPECT_EQ(plan("(%a: memref<?xf32>) { return }", {0}), "main\n  a0: f32[?] keys\n");
}

TEST_F(GPUPlanTest, RefusesOtherHostCode) {
  EXPECT_EQ(plan("(%a: memref<4xf32>) { %c0 = arith.constant 0 : index\n"
                 "%0 = memref.load %a[%c0] : memref<4xf32>\n return }"),
            "expected host code of shapes and launches, but got memref.load");
  EXPECT_EQ(plan("(%a: memref<4xf32>) { func.call @other() : () -> ()\n return }"),
            "expected a launch of a kernel, but got a call of other");
  EXPECT_EQ(plan("(%a: memref<4xf32>) { cf.br ^next\n ^next:\n return }"),
            "expected host code without branches");
  EXPECT_EQ(plan("(%a: f32) { return }"), "expected a dense buffer as argument, but got 'f32'");
  EXPECT_EQ(plan("(%a: memref<4xf32, strided<[2]>>) { return }"),
            "expected a dense buffer as argument, but got 'memref<4xf32, strided<[2]>>'");
  EXPECT_EQ(
      plan("(%a: memref<4xf32>) -> f32 { %f = arith.constant 1.0 : f32\n return %f : f32 }", {-1}),
      "expected a buffer as result, but got 'f32'");
  EXPECT_EQ(plan("(%a: memref<4xf32>) -> (memref<4xf32>, memref<4xf32>) {\n"
                 "%0 = memref.alloc() : memref<4xf32>\n"
                 "return %0, %0 : memref<4xf32>, memref<4xf32> }",
                 {-1, -1}),
            "expected a result that is a buffer of its own, but got "
            "'memref<4xf32>'");
  EXPECT_EQ(plan("(%a: memref<4xf32>, %n: memref<4x4xf32>) { "
                 "%0 = memref.subview %n[0, 1] [4, 1] [1, 1] : memref<4x4xf32> to memref<4xf32, "
                 "strided<[4], offset: 1>>\n"
                 "memref.copy %a, %0 : memref<4xf32> to memref<4xf32, strided<[4], offset: 1>>\n"
                 "return }"),
            "expected a copy of a dense buffer, but got "
            "'memref<4xf32, strided<[4], offset: 1>>'");
  EXPECT_EQ(
      plan("(%a: memref<4xf32>) { %0 = memref.alloc() : memref<4xf32, strided<[2]>>\n return }"),
      "expected a dense buffer, but got 'memref<4xf32, strided<[2]>>'");
  EXPECT_EQ(
      plan("(%a: memref<4xf32>) { %0 = memref.cast %a : memref<4xf32> to memref<*xf32>\n return }"),
      "expected a buffer of a known rank, but got 'memref<*xf32>'");
  EXPECT_EQ(plan("(%a: memref<?x?xf32>, %n: memref<?xi8>) { %c0 = arith.constant 0 : index\n"
                 "%0 = memref.dim %n, %c0 : memref<?xi8>\n"
                 "%1 = memref.dim %a, %0 : memref<?x?xf32>\n return }"),
            "expected a constant dim");
}

TEST_F(GPUPlanTest, RefusesOtherLaunches) {
  auto launch = [&](const std::string &what, const std::string &operands,
                    const std::string &more = "") {
    return plan("(%a: memref<1xf32>) { %c1 = arith.constant 1 : index\n"
                "%i = arith.constant 1 : i32\n gpu.launch_func " +
                what + " blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(" + operands +
                ")\n return }" + more);
  };
  EXPECT_EQ(launch("@kernels::@bare", "%i : i32"),
            "expected 2 operands of @kernels::@bare, but got 1");
  EXPECT_EQ(launch("@kernels::@bare clusters in (%c1, %c1, %c1)", "%a : memref<1xf32>, %i : i32"),
            "expected a launch without clusters and tokens");
  EXPECT_EQ(launch("@more::@kernel", "%i : i32",
                   "gpu.module @more { llvm.func @kernel(%i: i32) attributes {gpu.kernel} { "
                   "llvm.return } }"),
            "expected a kernel of the first GPU module, but got "
            "@more::@kernel");
}
