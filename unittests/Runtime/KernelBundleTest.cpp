//===- KernelBundleTest.cpp - The file of a launcher ----------------------===//
#include "dashkv/Runtime/KernelBundle.h"
#include "../../lib/Runtime/HostValues.h"
#include "gtest/gtest.h"
#include <cstring>
#include <fstream>

using namespace dashkv::runtime;

/// A bundle of one function whose values, buffers and steps are given, for one
/// kernel `k(ptr align 16, i32)`.
static std::string getJSON(const std::string &values, const std::string &steps = "[]",
                           const std::string &buffers = R"([{"argument": 0}])",
                           const std::string &results = R"([{"argument": 0}])") {
  return R"({"variants": [{"chip": "sm_90a", "ptx_version": 80, "ptx": 1,
    "kernels": [{"name": "k", "parameters": [{"type": "ptr", "align": 16}, {"type": "i32"}]}],
    "functions": [{"name": "main",
      "arguments": [{"dtype": "f32", "shape": [4, -1], "role": "lengths"}],
      "results": )" +
         results + R"(, "values": )" + values + R"(, "buffers": )" + buffers + R"(, "steps": )" +
         steps + "}]}]}";
}

static const std::string oneLaunch = R"([{"step": "launch", "kernel": "k", "grid": [0, 0, 0],
    "block": [0, 0, 0], "operands": [{"buffer": 0}, {"value": 0}]}])";
static const std::string one = R"([{"op": "constant", "type": "index", "value": 1}])";

static std::string readError(const std::string &json) {
  KernelBundle bundle;
  Status status = KernelBundle::read(writeBundle({json, "ptx"}), bundle);
  if (!status.ok())
    EXPECT_EQ(status.code, Code::Bundle);
  return status.message;
}

TEST(KernelBundleTest, ReadsWhatWasWritten) {
  KernelBundle bundle;
  Status status = KernelBundle::read(writeBundle({getJSON(one, oneLaunch), "text"}), bundle);
  ASSERT_TRUE(status.ok()) << status.message;
  ASSERT_EQ(bundle.variants.size(), 1u);
  const Variant &variant = bundle.variants[0];
  EXPECT_EQ(variant.ptx, "text");
  EXPECT_EQ(variant.cubin, "");
  const FunctionPlan *function = variant.findFunction("main");
  ASSERT_TRUE(function);
  EXPECT_EQ(variant.findFunction("other"), nullptr);
  EXPECT_EQ(function->arguments[0].shape, (std::vector<int64_t>{4, -1}));
  EXPECT_EQ(function->arguments[0].role, "lengths");
  EXPECT_EQ(function->results[0].alias, 0);
  ASSERT_EQ(function->steps.size(), 1u);
  EXPECT_EQ(function->steps[0].operands.size(), 2u);
}

// A file that is cut anywhere, or has any other byte, is an error with a reason.
TEST(KernelBundleTest, FindsDamage) {
  std::string file = writeBundle({getJSON(one, oneLaunch), "text"});
  for (size_t size = 0; size < file.size(); ++size) {
    KernelBundle bundle;
    Status status = KernelBundle::read(file.substr(0, size), bundle);
    EXPECT_EQ(status.code, Code::Bundle) << size;
  }
  for (size_t i = 0; i < file.size(); ++i) {
    if (i >= 12 + 4 + 16 + 48 && file[i] == 0)
      continue; // between sections
    std::string changed = file;
    changed[i] ^= 0x20;
    KernelBundle bundle;
    Status status = KernelBundle::read(changed, bundle);
    EXPECT_EQ(status.code, Code::Bundle) << i;
    EXPECT_NE(status.message, "");
  }
}

TEST(KernelBundleTest, ReadsItsOwnVersionOnly) {
  std::string file = writeBundle({getJSON(one), "text"});
  uint32_t version = kBundleVersion + 1;
  std::memcpy(&file[8], &version, sizeof(version));
  KernelBundle bundle;
  EXPECT_EQ(KernelBundle::read(file, bundle).message,
            "expected a bundle of version 1, but got version 2");
  EXPECT_EQ(KernelBundle::read("\x7f"
                               "ELF, or anything else that is long enough to have a header",
                               bundle)
                .message,
            "expected a kernel bundle, but its first bytes differ");
}

TEST(KernelBundleTest, ReadsFiles) {
  KernelBundle bundle;
  EXPECT_EQ(KernelBundle::readFile("/nowhere/b", bundle).message, "cannot read /nowhere/b");
  std::string path = testing::TempDir() + "bundle";
  std::ofstream(path) << "short";
  EXPECT_EQ(KernelBundle::readFile(path, bundle).message,
            path + ": expected a kernel bundle, but its first bytes differ");
  std::ofstream(path, std::ios::binary) << writeBundle({getJSON(one), "text"});
  EXPECT_TRUE(KernelBundle::readFile(path, bundle).ok());
}

// A plan that refers to what is not there never reaches a launcher.
TEST(KernelBundleTest, ChecksReferences) {
  EXPECT_EQ(readError(getJSON(one, oneLaunch)), "");
  auto expectDamage = [](const std::string &json, const std::string &message) {
    EXPECT_EQ(readError(json), "the bundle is damaged: " + message) << json;
  };
  EXPECT_NE(readError("{"), "");
  EXPECT_NE(readError("{}"), "");
  EXPECT_NE(readError(R"({"variants": 1})"), "");
  expectDamage(R"({"variants": []})", "it has no kernels");
  expectDamage(R"({"variants": [{"chip": "gfx90a", "ptx_version": 80}]})", "unknown chip gfx90a");
  expectDamage(getJSON(R"([{"op": "exp", "type": "f32", "operands": [0]}])"), "unknown op exp");
  expectDamage(getJSON(R"([{"op": "constant", "type": "i7", "value": 0}])"), "unknown type i7");
  expectDamage(getJSON(R"([{"op": "addi", "type": "i32", "operands": [0, 0]}])"), "no such value");
  expectDamage(getJSON(R"([{"op": "dim", "type": "index", "argument": 0, "dim": 2}])"),
               "no such dim");
  expectDamage(getJSON(R"([{"op": "dim", "type": "index", "argument": 1, "dim": 0}])"),
               "no such argument");
  expectDamage(getJSON(R"([{"op": "constant", "type": "i32", "value": 0},
                           {"op": "addi", "type": "i32", "operands": [0]}])"),
               "an op with another number of operands");
  expectDamage(getJSON(one, R"([{"step": "sleep"}])"), "unknown step sleep");
  auto launch = [](const std::string &kernel, const std::string &operands) {
    return R"([{"step": "launch", "kernel": ")" + kernel +
           R"(", "grid": [0, 0, 0], "block": [0, 0, 0], "operands": )" + operands + "}]";
  };
  expectDamage(getJSON(one, launch("j", "[]")), "no kernel j");
  for (const char *operands : {"[]", R"([{"buffer": 0}])", R"([{"value": 0}, {"value": 0}])",
                               R"([{"buffer": 0}, {"value": 0}, {"value": 0}])"})
    expectDamage(getJSON(one, launch("k", operands)), "operands of another kernel than k");
  expectDamage(getJSON(one, launch("k", R"([{"buffer": 1}, {"value": 0}])")), "no such buffer");
  expectDamage(getJSON(one, launch("k", R"([{"buffer": 0}, {"value": 1}])")), "no such value");
  expectDamage(getJSON(one, "[]", R"([{"argument": 1}])"), "no such argument");
  expectDamage(getJSON(one, "[]", R"([{"bytes": 0, "result": 1}])"), "no such result");
  expectDamage(getJSON(one, "[]", R"([{"condition": 0, "then": 0, "else": 0}])"), "no such buffer");
  expectDamage(getJSON(one, "[]", "[]", R"([{"argument": 1}])"), "no such argument");
  expectDamage(getJSON(one, "[]", "[]", R"([{"dtype": "f32", "shape": [1]}])"), "no such value");
  expectDamage(getJSON(one, "[]", "[]", R"([{"dtype": "f4", "shape": [0]}])"),
               "unknown element type f4");
  std::string noPTX = getJSON(one);
  noPTX.replace(noPTX.find("\"ptx\": 1"), 8, "\"ptx\": 2");
  expectDamage(noPTX, "no such section");
}

TEST(KernelBundleTest, KnowsWhatChipsRun) {
  EXPECT_TRUE(runsCubin("sm_80", 8, 0));
  EXPECT_TRUE(runsCubin("sm_80", 8, 9));
  EXPECT_FALSE(runsCubin("sm_89", 8, 0));
  EXPECT_FALSE(runsCubin("sm_80", 9, 0));
  EXPECT_TRUE(runsCubin("sm_90a", 9, 0));
  EXPECT_FALSE(runsCubin("sm_100a", 10, 3));
  EXPECT_TRUE(runsCubin("sm_100", 10, 3));
  EXPECT_TRUE(runsPTX("sm_80", 12, 0));
  EXPECT_FALSE(runsPTX("sm_90", 8, 9));
  EXPECT_TRUE(runsPTX("sm_90a", 9, 0));
  EXPECT_FALSE(runsPTX("sm_90a", 10, 0));
}

TEST(KernelBundleTest, ChoosesTheClosestChip) {
  KernelBundle bundle;
  for (const char *chip : {"sm_80", "sm_90", "sm_90a", "sm_120"}) {
    Variant &variant = bundle.variants.emplace_back();
    variant.chip = chip;
    variant.ptx = "text";
  }
  auto choose = [&](int major, int minor) {
    const Variant *variant = nullptr;
    Status status = bundle.choose(major, minor, variant);
    return status.ok() ? variant->chip : status.message;
  };
  EXPECT_EQ(choose(8, 9), "sm_80");
  EXPECT_EQ(choose(9, 0), "sm_90a");
  EXPECT_EQ(choose(10, 0), "sm_90");
  EXPECT_EQ(choose(12, 1), "sm_120");
  EXPECT_EQ(choose(7, 5), "expected a bundle with kernels for this GPU, sm_75, but got one for "
                          "sm_80 (PTX), sm_90 (PTX), sm_90a (PTX), sm_120 (PTX)");
  bundle.variants.erase(bundle.variants.begin(), bundle.variants.begin() + 2);
  bundle.variants[1].ptx.clear();
  bundle.variants[1].cubin = "code";
  EXPECT_EQ(choose(10, 0), "expected a bundle with kernels for this GPU, sm_100, but got one for "
                           "sm_90a (PTX), sm_120");
}

//===----------------------------------------------------------------------===//
// Host values
//===----------------------------------------------------------------------===//

namespace {
struct Constant {
  ValueType type;
  int64_t value;
};
} // namespace

static int64_t fromFloat(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

/// The value of an op on constants.
static int64_t evaluate(HostValue::Op op, ValueType type, std::vector<Constant> operands,
                        bool *failed = nullptr) {
  FunctionPlan function;
  HostValue result;
  result.op = op;
  result.type = type;
  for (Constant constant : operands) {
    result.operands.push_back(static_cast<int>(function.values.size()));
    HostValue value;
    value.type = constant.type;
    value.constant = constant.value;
    function.values.push_back(value);
  }
  function.values.push_back(result);
  std::vector<std::vector<int64_t>> shapes;
  HostValues values(function, shapes, 0);
  int64_t computed = values.get(static_cast<int>(operands.size()));
  EXPECT_EQ(values.hasFailed(), failed != nullptr);
  return computed;
}

TEST(HostValuesTest, ComputesIntegersAtTheirWidth) {
  auto i32 = [](HostValue::Op op, int64_t a, int64_t b) {
    return evaluate(op, ValueType::I32, {{ValueType::I32, a}, {ValueType::I32, b}});
  };
  constexpr int64_t smallest = std::numeric_limits<int32_t>::min();
  constexpr int64_t largest = std::numeric_limits<int32_t>::max();
  EXPECT_EQ(i32(HostValue::Add, largest, 1), smallest);
  EXPECT_EQ(i32(HostValue::Sub, smallest, 1), largest);
  EXPECT_EQ(i32(HostValue::Mul, 1 << 20, 1 << 20), 0);
  EXPECT_EQ(i32(HostValue::DivU, -2, 2), largest);
  EXPECT_EQ(i32(HostValue::DivS, -7, 2), -3);
  EXPECT_EQ(i32(HostValue::DivS, smallest, -1), smallest);
  EXPECT_EQ(i32(HostValue::CeilDivU, 7, 2), 4);
  EXPECT_EQ(i32(HostValue::CeilDivU, -1, 1), -1);
  EXPECT_EQ(i32(HostValue::CeilDivS, -7, 2), -3);
  EXPECT_EQ(i32(HostValue::CeilDivS, 7, 2), 4);
  EXPECT_EQ(i32(HostValue::CeilDivS, 7, -1), -7);
  EXPECT_EQ(i32(HostValue::FloorDivS, -7, 2), -4);
  EXPECT_EQ(i32(HostValue::FloorDivS, 7, 2), 3);
  EXPECT_EQ(i32(HostValue::FloorDivS, 7, -1), -7);
  EXPECT_EQ(i32(HostValue::RemU, -1, 16), 15);
  EXPECT_EQ(i32(HostValue::RemS, -7, 4), -3);
  EXPECT_EQ(i32(HostValue::RemS, smallest, -1), 0);
  EXPECT_EQ(i32(HostValue::MinU, -1, 1), 1);
  EXPECT_EQ(i32(HostValue::MinS, -1, 1), -1);
  EXPECT_EQ(i32(HostValue::MaxU, -1, 1), -1);
  EXPECT_EQ(i32(HostValue::MaxS, -1, 1), 1);
  EXPECT_EQ(i32(HostValue::And, 6, 3), 2);
  EXPECT_EQ(i32(HostValue::Or, 6, 3), 7);
  EXPECT_EQ(i32(HostValue::Xor, 6, 3), 5);
  EXPECT_EQ(i32(HostValue::ShiftLeft, 3, 31), smallest);
  EXPECT_EQ(i32(HostValue::ShiftRightU, -1, 31), 1);
  EXPECT_EQ(i32(HostValue::ShiftRightS, -4, 1), -2);
}

TEST(HostValuesTest, ComparesAndConverts) {
  auto isTrue = [](HostValue::Op op, int64_t a, int64_t b) {
    return evaluate(op, ValueType::I1, {{ValueType::I64, a}, {ValueType::I64, b}}) != 0;
  };
  for (auto [op, less, equal, greater, isSigned] :
       {std::tuple(HostValue::Eq, false, true, false, true),
        {HostValue::Ne, true, false, true, true},
        {HostValue::LtS, true, false, false, true},
        {HostValue::LeS, true, true, false, true},
        {HostValue::GtS, false, false, true, true},
        {HostValue::GeS, false, true, true, true},
        {HostValue::LtU, true, false, false, false},
        {HostValue::LeU, true, true, false, false},
        {HostValue::GtU, false, false, true, false},
        {HostValue::GeU, false, true, true, false}}) {
    int64_t a = isSigned ? -1 : 1, b = isSigned ? 1 : -1;
    EXPECT_EQ(isTrue(op, a, b), less) << op;
    EXPECT_EQ(isTrue(op, a, a), equal) << op;
    EXPECT_EQ(isTrue(op, b, a), greater) << op;
  }
  EXPECT_EQ(evaluate(HostValue::ExtendU, ValueType::I64, {{ValueType::I32, -1}}), 0xffffffff);
  EXPECT_EQ(evaluate(HostValue::ExtendS, ValueType::I64, {{ValueType::I32, -1}}), -1);
  EXPECT_EQ(evaluate(HostValue::ExtendS, ValueType::I8, {{ValueType::I32, 0x1ff}}), -1);
  EXPECT_EQ(evaluate(HostValue::ExtendU, ValueType::I32, {{ValueType::I1, -1}}), 1);
  for (int64_t condition : {0, 1, -1})
    EXPECT_EQ(evaluate(HostValue::Select, ValueType::I32,
                       {{ValueType::I1, condition}, {ValueType::I32, 5}, {ValueType::I32, 6}}),
              condition ? 5 : 6);
  auto f32 = [](HostValue::Op op, float a, float b) {
    return evaluate(op, ValueType::F32,
                    {{ValueType::F32, fromFloat(a)}, {ValueType::F32, fromFloat(b)}});
  };
  EXPECT_EQ(f32(HostValue::AddF, 1.5f, 2), fromFloat(3.5f));
  EXPECT_EQ(f32(HostValue::SubF, 1.5f, 2), fromFloat(-0.5f));
  EXPECT_EQ(f32(HostValue::MulF, 1.5f, 2), fromFloat(3));
  EXPECT_EQ(f32(HostValue::DivF, 1, 4), fromFloat(0.25f));
  EXPECT_EQ(evaluate(HostValue::FromS, ValueType::F32, {{ValueType::I32, -1}}), fromFloat(-1));
  EXPECT_EQ(evaluate(HostValue::FromU, ValueType::F32, {{ValueType::I8, -1}}), fromFloat(255));
}

TEST(HostValuesTest, NoticesDivisionByZero) {
  bool failed;
  for (HostValue::Op op :
       {HostValue::DivU, HostValue::DivS, HostValue::CeilDivU, HostValue::CeilDivS,
        HostValue::FloorDivS, HostValue::RemU, HostValue::RemS})
    EXPECT_EQ(evaluate(op, ValueType::I64, {{ValueType::I64, 5}, {ValueType::I64, 0}}, &failed), 0);
}
