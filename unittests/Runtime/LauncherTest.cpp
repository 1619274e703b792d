//===- LauncherTest.cpp - Plans and runs on a simulated GPU ---------------===//
#include "dashkv/Runtime/Launcher.h"
#include "../PTX/SimulatedDriver.h"
#include "dashkv/Runtime/GPURunner.h"
#include "gtest/gtest.h"
#include <cstdlib>
#include <dlfcn.h>

using namespace dashkv::runtime;

namespace {

/// `shift(in, out, n)`: out[i] = in[i] + n for the 32 threads of a block.
/// `meet(out)`: one word; said to need all blocks resident.
const std::string ptx = R"(.version 8.0
.target sm_90a
.address_size 64

.visible .entry shift(
	.param .u64 .ptr .align 16 shift_param_0,
	.param .u64 .ptr .align 1 shift_param_1,
	.param .u32 shift_param_2
)
.maxntid 32, 1, 1
{
	.reg .b32 	%r<5>;
	.reg .b64 	%rd<9>;
	ld.param.b64 	%rd1, [shift_param_0];
	ld.param.b64 	%rd2, [shift_param_1];
	ld.param.b32 	%r1, [shift_param_2];
	griddepcontrol.wait;
	cvta.to.global.u64 	%rd3, %rd1;
	cvta.to.global.u64 	%rd4, %rd2;
	mov.u32 	%r2, %tid.x;
	mul.wide.u32 	%rd5, %r2, 4;
	add.s64 	%rd6, %rd3, %rd5;
	ld.global.b32 	%r3, [%rd6];
	add.s32 	%r4, %r3, %r1;
	add.s64 	%rd7, %rd4, %rd5;
	st.global.b32 	[%rd7], %r4;
	ret;
}
.visible .entry meet(
	.param .u64 .ptr .align 1 meet_param_0
)
.maxntid 32, 1, 1
{
	.reg .b32 	%r<3>;
	.reg .b64 	%rd<3>;
	ld.param.b64 	%rd1, [meet_param_0];
	griddepcontrol.wait;
	cvta.to.global.u64 	%rd2, %rd1;
	mov.u32 	%r1, %ctaid.x;
	st.global.b32 	[%rd2], %r1;
	ret;
}
)";

/// A bundle of `main(lengths, x)` with some steps. Values are 1, the size of
/// `lengths`, 7, 128, 32 and `more`; buffers the arguments, a workspace of 128
/// bytes and `buffers`.
std::string getBundle(const std::string &steps, const std::string &more = "",
                      const std::string &buffers = "", const std::string &results = "") {
  std::string function = R"({"name": "main",
     "arguments": [{"dtype": "i32", "shape": [-1], "role": "lengths"},
                   {"dtype": "i32", "shape": [32]}],
     "results": [{"argument": 1})" +
                         results + R"(],
     "values": [{"op": "constant", "type": "index", "value": 1},
                {"op": "dim", "type": "index", "argument": 0, "dim": 0},
                {"op": "constant", "type": "i32", "value": 7},
                {"op": "constant", "type": "index", "value": 128},
                {"op": "constant", "type": "index", "value": 32})" +
                         more + R"(],
     "buffers": [{"argument": 0}, {"argument": 1}, {"bytes": 3})" +
                         buffers + R"(],
     "steps": [)" + steps +
                         "]}";
  std::string root = R"({"variants": [{"chip": "sm_90a", "ptx_version": 80, "ptx": 1,
    "kernels": [
      {"name": "shift", "pdl": true, "parameters": [
        {"type": "ptr", "align": 16}, {"type": "ptr"}, {"type": "i32"}]},
      {"name": "meet", "resident": true, "pdl": true, "parameters": [{"type": "ptr"}]}],
    "functions": [)" +
                     function + "]}]}";
  return writeBundle({root, ptx});
}

std::string shift(const std::string &from, const std::string &to) {
  return R"({"step": "launch", "kernel": "shift", "grid": [0, 0, 0], "block": [4, 0, 0],
    "operands": [)" +
         from + ", " + to + R"(, {"value": 2}]})";
}
const std::string argument0 = R"({"buffer": 0})", argument1 = R"({"buffer": 1})",
                  workspace = R"({"buffer": 2})";
const std::string twoShifts = shift(argument0, workspace) + "," + shift(workspace, argument1);

class LauncherTest : public testing::Test {
protected:
  void SetUp() override {
    for (const char *name : {"DASHKV_SIM_CHIP", "DASHKV_SIM_SMS", "DASHKV_SIM_DRIVER"})
      unsetenv(name);
  }
  void TearDown() override {
    plan.reset();
    launcher.reset();
    device.reset();
    SetUp();
  }

  /// Opens the bundle on a new device.
  Status open(const std::string &file) {
    plan.reset();
    launcher.reset();
    device.reset();
    ptx::resetSimulatedDriver();
    KernelBundle bundle;
    Status status = Driver::load(ptx::simulatedSymbol, driver);
    if (status.ok())
      status = Device::open(driver, 0, device);
    if (status.ok())
      status = KernelBundle::read(file, bundle);
    return status.ok() ? Launcher::create(bundle, device, launcher) : status;
  }
  /// A plan for 32 elements.
  Status makePlan(const std::string &file, PlanOptions options = {}, int64_t size = 32) {
    Status status = open(file);
    return status.ok() ? launcher->plan("main", {{size}, {32}}, options, plan) : status;
  }
  cuda::Pointer alloc(std::vector<int32_t> data) {
    cuda::Pointer pointer = 0;
    EXPECT_EQ(driver.memAlloc(&pointer, data.size() * 4), cuda::kSuccess);
    EXPECT_EQ(driver.memcpyHtoD(pointer, data.data(), data.size() * 4), cuda::kSuccess);
    return pointer;
  }
  std::vector<int32_t> read(cuda::Pointer pointer) {
    std::vector<int32_t> data(32);
    EXPECT_EQ(driver.ctxSynchronize(), cuda::kSuccess);
    EXPECT_EQ(driver.memcpyDtoH(data.data(), pointer, 128), cuda::kSuccess)
        << ptx::getSimulatedError();
    return data;
  }
  static std::vector<int32_t> filled(int32_t value) { return std::vector<int32_t>(32, value); }
  void bindBoth(int32_t value = 1) {
    input = alloc(filled(value));
    output = alloc(filled(0));
    EXPECT_TRUE(plan->bindArgument(0, input).ok());
    EXPECT_TRUE(plan->bindArgument(1, output).ok());
  }
  /// Kernels and the attributes they were launched with since `begin`.
  std::string trace(size_t begin = 0) {
    std::string text;
    const auto &launches = ptx::getSimulatedLaunches();
    for (size_t i = begin; i < launches.size(); ++i)
      text += (text.empty() ? "" : " ") + launches[i].kernel +
              (launches[i].dependent ? "+pdl" : "") +
              (launches[i].cooperative ? "+cooperative" : "");
    return text;
  }

  Driver driver;
  std::shared_ptr<Device> device;
  std::shared_ptr<Launcher> launcher;
  std::unique_ptr<Plan> plan;
  cuda::Pointer input = 0, output = 0;
};

void *lookUpOldDriver(const char *symbol) {
  return std::string(symbol) == "cuLaunchKernelEx" ? nullptr : ptx::simulatedSymbol(symbol);
}

} // namespace

//===----------------------------------------------------------------------===//
// Drivers and chips
//===----------------------------------------------------------------------===//

TEST_F(LauncherTest, SaysThatThereIsNoDriver) {
  if (void *library = dlopen("libcuda.so.1", RTLD_NOW)) {
    dlclose(library);
    GTEST_SKIP() << "this machine has a driver";
  }
  const Driver *found = nullptr;
  Status status = Driver::get(found);
  EXPECT_EQ(status.code, Code::Driver);
  EXPECT_NE(status.message.find("expected the NVIDIA driver, but libcuda.so.1"), std::string::npos)
      << status.message;
}

TEST_F(LauncherTest, SaysThatTheDriverIsTooOld) {
  setenv("DASHKV_SIM_DRIVER", "11070", 1);
  ptx::resetSimulatedDriver();
  Status status = Driver::load(lookUpOldDriver, driver);
  EXPECT_EQ(status.code, Code::Driver);
  EXPECT_EQ(status.message,
            "expected the NVIDIA driver of CUDA 11.8 or later, but got one of 11.7, "
            "which lacks cuLaunchKernelEx");
  setenv("DASHKV_SIM_DRIVER", "11080", 1);
  status = open(getBundle(twoShifts));
  EXPECT_EQ(status.code, Code::Driver);
  EXPECT_EQ(status.message, "expected the driver of CUDA 12.0 or later for PTX 8.0, but got that "
                            "of CUDA 11.8");
}

TEST_F(LauncherTest, SaysWhatChipsTheBundleIsFor) {
  setenv("DASHKV_SIM_CHIP", "sm_100", 1);
  Status status = open(getBundle(twoShifts));
  EXPECT_EQ(status.code, Code::Chip);
  EXPECT_EQ(status.message, "expected a bundle with kernels for this GPU, sm_100, but got one for "
                            "sm_90a (PTX)");
}

TEST_F(LauncherTest, SaysThatTheDeviceIsMissing) {
  ptx::resetSimulatedDriver();
  ASSERT_TRUE(Driver::load(ptx::simulatedSymbol, driver).ok());
  for (int ordinal : {-1, 1}) {
    Status status = Device::open(driver, ordinal, device);
    EXPECT_EQ(status.code, Code::Argument);
    EXPECT_EQ(status.message, "expected a device below 1, but got " + std::to_string(ordinal));
  }
}

// Machine code that the driver refuses is no reason to give up.
TEST_F(LauncherTest, FallsBackToPTX) {
  KernelBundle bundle;
  ASSERT_TRUE(KernelBundle::read(getBundle(twoShifts), bundle).ok());
  ASSERT_TRUE(open(getBundle(twoShifts)).ok());
  EXPECT_FALSE(launcher->isMachineCode());
  bundle.variants[0].cubin = "\x7f"
                             "ELF";
  launcher.reset();
  Status status = Launcher::create(bundle, device, launcher);
  EXPECT_TRUE(status.ok()) << status.message;
  bundle.variants[0].ptx = "";
  launcher.reset();
  status = Launcher::create(bundle, device, launcher);
  EXPECT_EQ(status.code, Code::Launch);
  EXPECT_NE(status.message.find("cuModuleLoadDataEx failed: "), std::string::npos);
}

TEST_F(LauncherTest, ReportsPTXThatCannotBeLoaded) {
  KernelBundle bundle;
  ASSERT_TRUE(open(getBundle(twoShifts)).ok());
  ASSERT_TRUE(KernelBundle::read(getBundle(twoShifts), bundle).ok());
  bundle.variants[0].kernels[1].name = "gone";
  Status status = Launcher::create(bundle, device, launcher);
  EXPECT_EQ(status.code, Code::Launch);
  EXPECT_NE(status.message.find("cuModuleGetFunction failed: "), std::string::npos);
  EXPECT_NE(status.message.find(": gone"), std::string::npos);
}

//===----------------------------------------------------------------------===//
// Plans
//===----------------------------------------------------------------------===//

TEST_F(LauncherTest, ChecksArguments) {
  ASSERT_TRUE(open(getBundle(twoShifts)).ok());
  auto getError = [&](const std::string &function, std::vector<std::vector<int64_t>> shapes) {
    Status status = launcher->plan(function, shapes, {}, plan);
    EXPECT_EQ(status.code, Code::Argument);
    return status.message;
  };
  EXPECT_EQ(getError("other", {{32}, {32}}),
            "expected a function of the bundle ('main'), but got 'other'");
  EXPECT_EQ(getError("main", {{32}}), "expected 2 arguments of 'main', but got 1");
  EXPECT_EQ(getError("main", {{32, 1}, {32}}),
            "expected argument 0 (lengths) of 'main' to be [?], but got [32, 1]");
  EXPECT_EQ(getError("main", {{32}, {31}}),
            "expected argument 1 of 'main' to be [32], but got [31]");
  EXPECT_EQ(getError("main", {{-1}, {32}}),
            "expected argument 0 (lengths) of 'main' to be [?], but got [?]");
}

TEST_F(LauncherTest, ChecksPointers) {
  ASSERT_TRUE(makePlan(getBundle(twoShifts)).ok());
  EXPECT_EQ(plan->bindArgument(2, 16).message, "expected an argument below 2 of 'main', but got 2");
  EXPECT_EQ(plan->bindArgument(0, 8).message, "expected argument 0 (lengths) of 'main' on 16 "
                                              "bytes, but its address is a multiple of 8");
  EXPECT_EQ(plan->bindArgument(1, 0).message,
            "expected memory for argument 1 of 'main', but got a null pointer");
  EXPECT_EQ(plan->bindResult(0, 16).message,
            "expected no memory for result 0 of 'main', which is argument 1");
  EXPECT_EQ(plan->bindResult(1, 16).message, "expected a result below 1 of 'main', but got 1");
  cuda::Pointer pointer;
  EXPECT_EQ(plan->getResult(-1, pointer).message,
            "expected a result below 1 of 'main', but got -1");
  EXPECT_TRUE(plan->bindArgument(1, alloc(filled(0))).ok());
  for (Status status : {plan->run(nullptr), plan->replay(nullptr), plan->capture()}) {
    EXPECT_EQ(status.code, Code::Argument);
    EXPECT_EQ(status.message,
              "expected memory for argument 0 (lengths) of 'main', but none is bound");
  }
}

TEST_F(LauncherTest, ChecksWhatShapesNeed) {
  auto getError = [&](const std::string &steps, const std::string &values = "",
                      const std::string &buffers = "", int64_t size = 32) {
    Status status = makePlan(getBundle(steps, values, buffers), {}, size);
    EXPECT_FALSE(status.ok());
    return status;
  };
  auto launch = [](const std::string &grid, const std::string &more = "") {
    return R"({"step": "launch", "kernel": "meet", "block": [4, 0, 0], "grid": )" + grid + more +
           R"(, "operands": [{"buffer": 1}]})";
  };
  std::string constant = R"(, {"op": "constant", "type": "index", "value": )";
  Status status = getError(R"({"step": "check", "condition": 5, "message": "too short"})",
                           R"(, {"op": "cmp_ult", "type": "i1", "operands": [0, 1]})", "", 1);
  EXPECT_EQ(status.code, Code::Check);
  EXPECT_EQ(status.message, "'main': too short");
  status = getError(launch("[0, 5, 0]"), constant + "65536}");
  EXPECT_EQ(status.code, Code::Argument);
  EXPECT_EQ(status.message, "these shapes are too large for meet: a grid of 65536 blocks of 1 "
                            "threads in dim 1");
  status = getError(launch("[0, 0, 0]", R"(, "shared": 5)"), constant + "300000}");
  EXPECT_EQ(status.message.substr(0, 69),
            "these shapes need 300000 bytes of shared memory in meet, but a block ");
  status = getError(launch("[5, 0, 0]"), constant + "100000}");
  EXPECT_EQ(status.code, Code::Argument);
  EXPECT_NE(status.message.find(" blocks of meet, which wait for each other, on "),
            std::string::npos)
      << status.message;
  status = getError(launch("[5, 0, 0]"),
                    R"(, {"op": "divui", "type": "index", "operands": [1, 1]})", "", 0);
  EXPECT_EQ(status.message, "'main' divides by zero for these shapes");
  std::string useWorkspace = shift(argument0, R"({"buffer": 3})");
  status = getError(useWorkspace, constant + "-4}", R"(, {"bytes": 5})");
  EXPECT_EQ(status.message, "'main' needs a buffer of a negative size");
  status = getError(useWorkspace, constant + "17592186044416}", R"(, {"bytes": 5})");
  EXPECT_EQ(status.code, Code::Memory);
  EXPECT_EQ(status.message, "cuMemAlloc failed: out of memory (CUDA_ERROR_OUT_OF_MEMORY): "
                            "17592186044416 bytes for 'main', which has 0 already");
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

TEST_F(LauncherTest, RunsStepsInOrder) {
  Status status = makePlan(getBundle(twoShifts));
  ASSERT_TRUE(status.ok()) << status.message;
  EXPECT_EQ(plan->getMemory(), 128);
  bindBoth();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(plan->run(nullptr).ok());
    EXPECT_EQ(read(output), filled(15));
  }
  cuda::Pointer result = 0;
  EXPECT_TRUE(plan->getResult(0, result).ok());
  EXPECT_EQ(result, output);
  // The first kernel of a run knows nothing of the one before.
  EXPECT_EQ(trace(), "shift shift+pdl shift shift+pdl");
}

TEST_F(LauncherTest, GivesResultsMemory) {
  std::string file =
      getBundle(shift(argument0, R"({"buffer": 3})"), "", R"(, {"bytes": 3, "result": 1})",
                R"(, {"dtype": "i32", "shape": [4]})");
  ASSERT_TRUE(makePlan(file).ok());
  EXPECT_EQ(plan->getResultShapes(), (std::vector<std::vector<int64_t>>{{32}, {32}}));
  bindBoth();
  ASSERT_TRUE(plan->run(nullptr).ok());
  cuda::Pointer result = 0;
  ASSERT_TRUE(plan->getResult(1, result).ok());
  EXPECT_EQ(read(result), filled(8));
  EXPECT_EQ(plan->getMemory(), 128);
  // A bound one takes its place.
  cuda::Pointer mine = alloc(filled(0));
  ASSERT_TRUE(plan->bindResult(1, mine).ok());
  EXPECT_EQ(plan->getMemory(), 0);
  ASSERT_TRUE(plan->replay(nullptr).ok());
  EXPECT_EQ(read(mine), filled(8));
}

TEST_F(LauncherTest, TakesTheBranchThatShapesChoose) {
  // values[5] = n > 16; buffers[3] = values[5] ? workspace : argument 0.
  std::string values = R"(, {"op": "constant", "type": "index", "value": 16},
                          {"op": "cmp_ugt", "type": "i1", "operands": [1, 5]})";
  std::string steps = R"({"step": "if", "condition": 6, "then": [)" + shift(argument0, workspace) +
                      R"(], "else": []},)" + shift(R"({"buffer": 3})", argument1);
  std::string file = getBundle(steps, values, R"(, {"condition": 6, "then": 2, "else": 0})");
  for (auto [size, expected] : {std::pair(32, 15), {16, 8}}) {
    ASSERT_TRUE(makePlan(file, {}, size).ok());
    EXPECT_EQ(plan->getMemory(), size == 32 ? 128 : 0);
    bindBoth();
    ASSERT_TRUE(plan->run(nullptr).ok());
    EXPECT_EQ(read(output), filled(expected));
  }
}

TEST_F(LauncherTest, FillsWorkspaces) {
  std::string file =
      getBundle(shift(R"({"buffer": 3})", argument1), "", R"(, {"bytes": 3, "init": 255})");
  ASSERT_TRUE(makePlan(file).ok());
  bindBoth();
  ASSERT_TRUE(plan->run(nullptr).ok());
  EXPECT_EQ(read(output), filled(6));
}

TEST_F(LauncherTest, AddsOffsets) {
  // The second half of argument 1 onto its first: 64 bytes on.
  std::string values = R"(, {"op": "constant", "type": "index", "value": 64})";
  std::string steps = R"({"step": "copy", "from": {"buffer": 0}, "to": {"buffer": 1, "offset": 5},
                          "bytes": 5})";
  ASSERT_TRUE(makePlan(getBundle(steps, values)).ok());
  bindBoth();
  ASSERT_TRUE(plan->run(nullptr).ok());
  std::vector<int32_t> expected = filled(0);
  std::fill(expected.begin() + 16, expected.end(), 1);
  EXPECT_EQ(read(output), expected);
}

// After a copy a kernel must not start early.
TEST_F(LauncherTest, OverlapsKernelsOnly) {
  std::string copy =
      R"(, {"step": "copy", "from": {"buffer": 0}, "to": {"buffer": 1}, "bytes": 3},)";
  std::string meet = R"(, {"step": "launch", "kernel": "meet", "grid": [0, 0, 0],
                         "block": [4, 0, 0], "operands": [{"buffer": 1}]})";
  ASSERT_TRUE(
      makePlan(getBundle(shift(argument0, workspace) + copy + shift(workspace, argument1) + meet))
          .ok());
  bindBoth();
  ASSERT_TRUE(plan->run(nullptr).ok());
  read(output);
  EXPECT_EQ(trace(), "shift shift meet+cooperative");
  PlanOptions options;
  options.exclusive = true;
  ASSERT_TRUE(makePlan(getBundle(shift(argument0, argument1) + meet), options).ok());
  bindBoth();
  ASSERT_TRUE(plan->run(nullptr).ok());
  read(output);
  EXPECT_EQ(trace(), "shift meet+pdl");
  options.inTurn = true;
  ASSERT_TRUE(makePlan(getBundle(twoShifts), options).ok());
  bindBoth();
  ASSERT_TRUE(plan->run(nullptr).ok());
  read(output);
  EXPECT_EQ(trace(), "shift shift");
}

TEST_F(LauncherTest, LeavesOutEmptySteps) {
  std::string empty = R"({"step": "launch", "kernel": "meet", "grid": [1, 0, 0],
                         "block": [4, 0, 0], "operands": [{"buffer": 1}]},
                         {"step": "copy", "from": {"buffer": 0}, "to": {"buffer": 1}, "bytes": 1})";
  ASSERT_TRUE(makePlan(getBundle(empty), {}, 0).ok());
  EXPECT_TRUE(plan->bindArgument(0, 0).ok());
  EXPECT_TRUE(plan->bindArgument(1, alloc(filled(3))).ok());
  ASSERT_TRUE(plan->run(nullptr).ok());
  EXPECT_EQ(trace(), "");
}

// What changes from step to step is in device memory; other pointers make a new
// graph.
TEST_F(LauncherTest, ReplaysAGraph) {
  ASSERT_TRUE(makePlan(getBundle(twoShifts)).ok());
  bindBoth(1);
  ASSERT_TRUE(plan->capture().ok());
  EXPECT_EQ(trace(), "");
  ASSERT_TRUE(plan->replay(nullptr).ok());
  EXPECT_EQ(read(output), filled(15));
  std::vector<int32_t> longer = filled(100);
  ASSERT_EQ(driver.memcpyHtoD(input, longer.data(), 128), cuda::kSuccess);
  ASSERT_TRUE(plan->replay(nullptr).ok());
  EXPECT_EQ(read(output), filled(114));
  EXPECT_EQ(trace(), "shift shift+pdl shift shift+pdl");
  cuda::Pointer other = alloc(filled(5));
  ASSERT_TRUE(plan->bindArgument(0, other).ok());
  ASSERT_TRUE(plan->replay(nullptr).ok());
  EXPECT_EQ(read(output), filled(19));
}

TEST_F(LauncherTest, MeasuresTime) {
  ASSERT_TRUE(makePlan(getBundle(twoShifts)).ok());
  bindBoth();
  double seconds = -1;
  EXPECT_EQ(plan->time(nullptr, 0, false, seconds).message,
            "expected at least one repetition, but got 0");
  for (bool graph : {false, true}) {
    size_t before = ptx::getSimulatedLaunches().size();
    Status status = plan->time(nullptr, 3, graph, seconds);
    ASSERT_TRUE(status.ok()) << status.message;
    EXPECT_GE(seconds, 0);
    EXPECT_EQ(ptx::getSimulatedLaunches().size(), before + 8);
  }
}

// A kernel that the device stops is an error of whoever looks next.
TEST_F(LauncherTest, ReportsFaults) {
  ASSERT_TRUE(makePlan(getBundle(twoShifts), {}, 16).ok());
  EXPECT_TRUE(plan->bindArgument(0, alloc(std::vector<int32_t>(16, 1))).ok());
  EXPECT_TRUE(plan->bindArgument(1, alloc(filled(0))).ok());
  Status status = plan->run(nullptr);
  if (status.ok())
    status = driver.check(driver.ctxSynchronize(), "cuCtxSynchronize");
  EXPECT_EQ(status.code, Code::Launch);
  EXPECT_NE(ptx::getSimulatedError(), "");
  double seconds;
  EXPECT_EQ(plan->time(nullptr, 1, false, seconds).code, Code::Launch);
}

//===----------------------------------------------------------------------===//
// Arrays
//===----------------------------------------------------------------------===//

TEST_F(LauncherTest, RunsOnArrays) {
  mlir::dashkv::Array array{"i4", {32}, std::make_shared<std::vector<char>>(128, 0)};
  auto run = [&](const std::string &file) -> std::string {
    ptx::resetSimulatedDriver();
    EXPECT_TRUE(Driver::load(ptx::simulatedSymbol, driver).ok());
    auto runner = mlir::dashkv::GPURunner::open(file, driver);
    if (!runner)
      return llvm::toString(runner.takeError());
    auto results = (*runner)->call("main", {array, array}, /*repeat=*/true);
    if (!results)
      return llvm::toString(results.takeError());
    return results->front().describe() + ": " + std::to_string(results->front().as<int32_t>()[31]);
  };
  EXPECT_EQ(run(getBundle(twoShifts)), "i4[32]: 14");
  EXPECT_EQ((*array.data)[0], 0);
  // A workspace that a step leaves in another state than it was.
  std::string leaves = R"({"buffer": 3})";
  EXPECT_EQ(run(getBundle(shift(leaves, leaves) + "," + shift(leaves, argument1), "",
                          R"(, {"bytes": 3, "init": 0})")),
            "expected equal results of two runs, but result 0 differs");
  EXPECT_EQ(run("text"), "expected a kernel bundle, but its first bytes differ");
}
