//===- JITTest.cpp - Compiling and calling modules ------------------------===//
#include "dashkv/Runtime/JIT.h"
#include "dashkv/InitAll.h"
#include "dashkv/Runtime/Compare.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace mlir::dashkv;

namespace {
class JITTest : public testing::Test {
protected:
  JITTest() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
  }

  /// Two results: a sum, and the first argument updated in place.
  static constexpr llvm::StringLiteral source = R"mlir(
    func.func @main(%cache: tensor<4xf32>, %x: tensor<?xf32> {dashkv.role = "row"}) -> (tensor<4xf32>, tensor<4xf32>) {
      %e = tensor.empty() : tensor<4xf32>
      %c = tensor.cast %x : tensor<?xf32> to tensor<4xf32>
      %sum = linalg.add ins(%cache, %c : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
      %first = tensor.extract_slice %c[0] [1] [1] : tensor<4xf32> to tensor<1xf32>
      %new = tensor.insert_slice %first into %cache[3] [1] [1] : tensor<1xf32> into tensor<4xf32>
      return %sum, %new : tensor<4xf32>, tensor<4xf32>
    }
    func.func private @hidden() {
      return
    })mlir";

  OwningOpRef<ModuleOp> parse(StringRef text) {
    return parseSourceString<ModuleOp>(text, &context);
  }
  std::unique_ptr<JIT> compile() {
    OwningOpRef<ModuleOp> module = parse(source);
    FailureOr<std::unique_ptr<JIT>> jit = JIT::compile(*module, CPUPipelineOptions());
    EXPECT_TRUE(succeeded(jit));
    return std::move(*jit);
  }
  Array makeArray(ArrayRef<float> values) {
    int64_t size = values.size();
    Array array = Array::zeros(RankedTensorType::get(size, Float32Type::get(&context)));
    std::copy(values.begin(), values.end(), array.as<float>());
    return array;
  }
  static std::vector<float> valuesOf(const Array &array) {
    return {array.as<float>(), array.as<float>() + array.getNumElements()};
  }
  static std::string messageOf(llvm::Error error) { return llvm::toString(std::move(error)); }

  MLIRContext context;
};
} // namespace

TEST_F(JITTest, KnowsSignatures) {
  std::unique_ptr<JIT> jit = compile();
  ASSERT_EQ(jit->getFunctions().size(), 1u); // public ones
  const JIT::Function &function = jit->getFunctions().find("main")->second;
  EXPECT_EQ(function.roles, (SmallVector<std::string>{"", "row"}));
  EXPECT_EQ(function.aliases, (SmallVector<int>{-1, 0}));
  EXPECT_EQ(function.written, (SmallVector<bool>{true, false}));
  EXPECT_EQ(function.countResultWords(), 5u); // of the sum
}

TEST_F(JITTest, KnowsWhatIsWritten) {
  OwningOpRef<ModuleOp> module = parse(R"mlir(
    func.func private @read(%x: memref<4xf32>) {
      return
    }
    func.func @main(%loaded: memref<4xf32>, %stored: memref<4xf32>, %view: memref<4xf32>, %passed: memref<4xf32>,
                    %filled: tensor<4xf32>, %returned: tensor<4xf32>, %i: index) -> (tensor<4xf32>, tensor<4xf32>) {
      %x = memref.load %loaded[%i] : memref<4xf32>
      memref.store %x, %stored[%i] : memref<4xf32>
      %part = memref.subview %view[2] [2] [1] : memref<4xf32> to memref<2xf32, strided<[1], offset: 2>>
      %cast = memref.cast %part : memref<2xf32, strided<[1], offset: 2>> to memref<?xf32, strided<[1], offset: 2>>
      memref.store %x, %cast[%i] : memref<?xf32, strided<[1], offset: 2>>
      func.call @read(%passed) : (memref<4xf32>) -> ()
      %f = linalg.fill ins(%x : f32) outs(%filled : tensor<4xf32>) -> tensor<4xf32>
      return %f, %returned : tensor<4xf32>, tensor<4xf32>
    })mlir");
  FailureOr<std::unique_ptr<JIT>> jit = JIT::compile(*module, CPUPipelineOptions());
  ASSERT_TRUE(succeeded(jit));
  const JIT::Function &function = (*jit)->getFunctions().find("main")->second;
  // A callee may write.
  EXPECT_EQ(function.written, (SmallVector<bool>{false, true, true, true, true, false, false}));
  EXPECT_EQ(function.aliases, (SmallVector<int>{4, 5}));
}

TEST_F(JITTest, CallsOnMemoryOfTheCaller) {
  std::unique_ptr<JIT> jit = compile();
  const JIT::Function &function = jit->getFunctions().find("main")->second;
  float cache[] = {1, 2, 3, 4}, row[] = {10, 20, 30, 40};
  auto describe = [](float *data, int64_t size, int64_t stride) {
    auto address = reinterpret_cast<int64_t>(data);
    return std::vector<int64_t>{address, address, 0, size, stride};
  };
  std::vector<int64_t> first = describe(cache, 4, 1), second = describe(row, 4, 1),
                       strided = describe(row, 4, 2), result(5);
  void *arguments[] = {first.data(), second.data()};
  ASSERT_FALSE(JIT::call("main", function, arguments, result.data()));
  EXPECT_EQ(result[3], 4);
  EXPECT_EQ(reinterpret_cast<float *>(result[1])[3], 44);
  EXPECT_EQ(cache[3], 10);
  free(reinterpret_cast<void *>(result[0]));
  arguments[1] = strided.data();
  EXPECT_EQ(
      messageOf(JIT::call("main", function, arguments, result.data())),
      "expected argument 1 (row) of 'main' to be tensor<?xf32>, but got sizes [4] and strides [2]");
  EXPECT_EQ(messageOf(JIT::call("main", function, ArrayRef(arguments).drop_back(), result.data())),
            "expected 2 arguments of 'main', but got 1");
}

TEST_F(JITTest, CallsAndUpdatesInPlace) {
  std::unique_ptr<JIT> jit = compile();
  SmallVector<Array> arguments = {makeArray({1, 2, 3, 4}), makeArray({10, 20, 30, 40})};
  llvm::Expected<SmallVector<Array>> results = jit->call("main", arguments);
  ASSERT_TRUE(static_cast<bool>(results));
  EXPECT_EQ(valuesOf((*results)[0]), (std::vector<float>{11, 22, 33, 44}));
  EXPECT_EQ((*results)[1].data, arguments[0].data);
  EXPECT_EQ(valuesOf(arguments[0]), (std::vector<float>{1, 2, 3, 10}));
  llvm::Expected<double> seconds = jit->time("main", arguments, 3);
  ASSERT_TRUE(static_cast<bool>(seconds));
  EXPECT_GE(*seconds, 0);
}

TEST_F(JITTest, RejectsWrongCalls) {
  std::unique_ptr<JIT> jit = compile();
  Array four = makeArray({1, 2, 3, 4}), three = makeArray({1, 2, 3});
  EXPECT_EQ(messageOf(jit->check("hidden", {})),
            "expected a public function of the module, but got 'hidden'");
  EXPECT_EQ(messageOf(jit->call("other", {}).takeError()),
            "expected a public function of the module, but got 'other'");
  EXPECT_EQ(messageOf(jit->time("main", {four}, 1).takeError()),
            "expected 2 arguments of 'main', but got 1");
  EXPECT_EQ(messageOf(jit->check("main", {three, four})),
            "expected argument 0 of 'main' to be tensor<4xf32>, but got f4[3]");
  EXPECT_EQ(messageOf(jit->check("main", {four, Array{"i4", {4}, four.data}})),
            "expected argument 1 (row) of 'main' to be tensor<?xf32>, but got i4[4]");
  EXPECT_FALSE(jit->check("main", {four, four}));
}

TEST_F(JITTest, RejectsWrongComparisons) {
  OwningOpRef<ModuleOp> module = parse(source);
  Array four = makeArray({1, 2, 3, 4});
  auto compare = [&](StringRef entry) {
    return messageOf(
        compareWithAttention(*module, entry, {four, four}, 1, CPUPipelineOptions()).takeError());
  };
  EXPECT_EQ(compare("other"), "expected a public function of the module, but got 'other'");
  EXPECT_EQ(compare("main"),
            "expected a dashkv.tiered_attention in the only block of 'main', but got none");
}
