//===- SimulatedDriverTest.cpp - The driver without a GPU -----------------===//
#include "SimulatedDevice.h"
#include "TestKernel.h"
#include <cstdlib>
#include <dlfcn.h>

using namespace ptx;
using namespace ptx::cuda;

namespace {
using Pointer = unsigned long long;

template <typename... Args> int call(const char *name, Args... args) {
  auto function = reinterpret_cast<int (*)(Args...)>(simulatedSymbol(name));
  EXPECT_NE(function, nullptr) << name;
  return function ? function(args...) : -1;
}

class SimulatedDriver : public ::testing::Test {
protected:
  void SetUp() override {
    for (const char *name :
         {"DASHKV_SIM_CHIP", "DASHKV_SIM_SMS", "DASHKV_SIM_DRIVER", "DASHKV_SIM_SEED"})
      unsetenv(name);
    start();
  }
  static void start() {
    resetSimulatedDriver();
    EXPECT_EQ(call("cuInit", 0u), Success);
  }
  static Pointer alloc(size_t bytes) {
    Pointer address = 0;
    EXPECT_EQ(call("cuMemAlloc_v2", &address, bytes), Success);
    return address;
  }
  static Function *load(const std::string &text) {
    LoadedModule *module = nullptr;
    Function *function = nullptr;
    EXPECT_EQ(call("cuModuleLoadData", &module, static_cast<const void *>(text.c_str())), Success);
    EXPECT_EQ(call("cuModuleGetFunction", &function, module, "k"), Success);
    return function;
  }
  static int launch(Function *function, Pointer in, Pointer out, Stream *stream = nullptr,
                    std::vector<LaunchAttribute> attributes = {}, unsigned blocks = 1,
                    unsigned threads = 64, unsigned shared = 0) {
    unsigned n = 7;
    void *parameters[] = {&in, &out, &n};
    LaunchConfig config = {
        {blocks, 1, 1}, {threads, 1, 1},   shared,
        stream,         attributes.data(), static_cast<unsigned>(attributes.size())};
    return call("cuLaunchKernelEx", static_cast<const LaunchConfig *>(&config), function,
                static_cast<void **>(parameters), static_cast<void **>(nullptr));
  }
  static uint32_t readWord(Pointer address) {
    uint32_t word = 0;
    EXPECT_EQ(call("cuMemcpyDtoH_v2", static_cast<void *>(&word), address, sizeof(word)), Success);
    return word;
  }
};

const std::string addOne = wrapKernel("mul.wide.u32 %rd6, %r2, 4;\n add.s64 %rd6, %rd3, %rd6;\n"
                                      "griddepcontrol.wait;\n ld.global.b32 %r3, [%rd6];\n"
                                      "add.s32 %r3, %r3, 1;\n st.global.b32 [%rd5], %r3;");
LaunchAttribute attribute(unsigned id, int value) { return {id, 0, {value}}; }
} // namespace

TEST_F(SimulatedDriver, DescribesTheEnvironment) {
  setenv("DASHKV_SIM_CHIP", "sm_89", 1);
  setenv("DASHKV_SIM_SMS", "7", 1);
  setenv("DASHKV_SIM_DRIVER", "11070", 1);
  start();
  int value = 0;
  EXPECT_EQ(call("cuDeviceGetAttribute", &value, 16, 0), Success);
  EXPECT_EQ(value, 7);
  EXPECT_EQ(call("cuDeviceGetAttribute", &value, 75, 0), Success);
  EXPECT_EQ(value, 8);
  EXPECT_EQ(call("cuDeviceGetAttribute", &value, 76, 0), Success);
  EXPECT_EQ(value, 9);
  EXPECT_EQ(call("cuDeviceGetAttribute", &value, 97, 0), Success);
  EXPECT_EQ(value, 99 * 1024);
  EXPECT_EQ(call("cuDriverGetVersion", &value), Success);
  EXPECT_EQ(value, 11070);
  EXPECT_EQ(simulatedSymbol("cuLaunchKernelEx"), nullptr);
  EXPECT_EQ(simulatedSymbol("cuNoSuchThing"), nullptr);
  const char *name = nullptr;
  EXPECT_EQ(call("cuGetErrorName", 719, &name), Success);
  EXPECT_STREQ(name, "CUDA_ERROR_LAUNCH_FAILED");
}

TEST_F(SimulatedDriver, NeedsInit) {
  resetSimulatedDriver();
  int count = 0;
  EXPECT_EQ(call("cuDeviceGetCount", &count), NotInitialized);
}

TEST_F(SimulatedDriver, RefusesModulesOfOthers) {
  LoadedModule *module = nullptr;
  auto load = [&](const std::string &text) {
    return call("cuModuleLoadData", &module, static_cast<const void *>(text.c_str()));
  };
  EXPECT_EQ(load("\x7f"
                 "ELF..."),
            NoBinaryForGPU);
  std::string newer = addOne, version = addOne;
  newer.replace(newer.find("sm_90a"), 6, "sm_100");
  EXPECT_EQ(load(newer), NoBinaryForGPU);
  version.replace(version.find("8.6"), 3, "9.1");
  EXPECT_EQ(load(version), UnsupportedPTXVersion);
  EXPECT_EQ(load(addOne), Success);
  Function *function = nullptr;
  EXPECT_EQ(call("cuModuleGetFunction", &function, module, "other"), NotFound);
  EXPECT_EQ(call("cuModuleUnload", module), Success);
  EXPECT_EQ(call("cuModuleUnload", module), InvalidHandle);

  char log[128] = "";
  int options[] = {5, 6};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log))};
  std::string broken = wrapKernel("frobnicate.b32 %r9, 1;");
  EXPECT_EQ(call("cuModuleLoadDataEx", &module, static_cast<const void *>(broken.c_str()), 2u,
                 static_cast<int *>(options), static_cast<void **>(values)),
            InvalidPTX);
  EXPECT_STREQ(log, "line 26: unknown instruction 'frobnicate.b32'");
}

TEST_F(SimulatedDriver, RunsWhenSomebodyWaits) {
  Function *function = load(addOne);
  Pointer data = alloc(256);
  EXPECT_EQ(call("cuMemsetD32_v2", data, 5u, size_t(64)), Success);
  EXPECT_EQ(launch(function, data, data), Success);
  EXPECT_TRUE(getSimulatedLaunches().empty());
  EXPECT_EQ(readWord(data), 6u); // waits for the default stream
  EXPECT_EQ(getSimulatedLaunches().size(), 1u);

  // A stream of its own is not waited for.
  Stream *stream = nullptr;
  EXPECT_EQ(call("cuStreamCreate", &stream, 1u), Success);
  EXPECT_EQ(launch(function, data, data, stream), Success);
  EXPECT_EQ(readWord(data), 6u);
  EXPECT_EQ(call("cuStreamSynchronize", stream), Success);
  EXPECT_EQ(readWord(data), 7u);

  // Events order two streams.
  Stream *other = nullptr;
  Event *event = nullptr;
  EXPECT_EQ(call("cuStreamCreate", &other, 1u), Success);
  EXPECT_EQ(call("cuEventCreate", &event, 0u), Success);
  EXPECT_EQ(launch(function, data, data, stream), Success);
  EXPECT_EQ(call("cuEventRecord", event, stream), Success);
  EXPECT_EQ(call("cuStreamWaitEvent", other, event, 0u), Success);
  uint32_t word = 0;
  EXPECT_EQ(call("cuMemcpyDtoHAsync_v2", static_cast<void *>(&word), data, size_t(4), other),
            Success);
  EXPECT_EQ(word, 0u);
  EXPECT_EQ(call("cuStreamSynchronize", other), Success);
  EXPECT_EQ(word, 8u);
  EXPECT_EQ(call("cuEventDestroy_v2", event), Success);
  EXPECT_EQ(call("cuStreamDestroy_v2", other), Success);
  EXPECT_EQ(call("cuStreamDestroy_v2", stream), Success);
}

TEST_F(SimulatedDriver, CapturesGraphs) {
  Function *function = load(addOne);
  Pointer data = alloc(256);
  EXPECT_EQ(call("cuMemsetD32_v2", data, 0u, size_t(64)), Success);
  Stream *stream = nullptr;
  EXPECT_EQ(call("cuStreamCreate", &stream, 1u), Success);
  GraphWork *graph = nullptr, *executable = nullptr;
  EXPECT_EQ(call("cuStreamBeginCapture_v2", stream, 1u), Success);
  EXPECT_EQ(launch(function, data, data, stream, {attribute(6, 1)}), Success);
  EXPECT_EQ(launch(function, data, data, stream, {attribute(6, 1)}), Success);
  EXPECT_EQ(call("cuStreamEndCapture", stream, &graph), Success);
  EXPECT_EQ(call("cuGraphInstantiateWithFlags", &executable, graph, 0ull), Success);
  EXPECT_EQ(call("cuGraphDestroy", graph), Success);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(call("cuGraphLaunch", executable, stream), Success);
  EXPECT_EQ(call("cuGraphExecDestroy", executable), Success);
  EXPECT_EQ(call("cuStreamSynchronize", stream), Success);
  EXPECT_EQ(readWord(data), 6u);
  // The first kernel of a graph waits, the second may start early.
  ASSERT_EQ(getSimulatedLaunches().size(), 6u);
  EXPECT_FALSE(getSimulatedLaunches()[2].dependent);
  EXPECT_TRUE(getSimulatedLaunches()[3].dependent);

  // What would wait ends the capture.
  EXPECT_EQ(call("cuStreamBeginCapture_v2", stream, 1u), Success);
  EXPECT_EQ(call("cuStreamSynchronize", stream), StreamCaptureUnsupported);
  EXPECT_EQ(call("cuStreamEndCapture", stream, &graph), StreamCaptureInvalidated);
  EXPECT_EQ(call("cuStreamBeginCapture_v2", stream, 1u), Success);
  Pointer address = 0;
  EXPECT_EQ(call("cuMemAlloc_v2", &address, size_t(16)), StreamCaptureUnsupported);
  EXPECT_EQ(call("cuStreamEndCapture", stream, &graph), StreamCaptureInvalidated);
}

TEST_F(SimulatedDriver, ChecksLaunches) {
  Function *function = load(addOne);
  Pointer in = alloc(4096), out = alloc(4096);
  EXPECT_EQ(call("cuMemsetD8_v2", in, static_cast<unsigned char>(0), size_t(4096)), Success);
  EXPECT_EQ(launch(function, in, out, nullptr, {}, 1, 257), InvalidValue); // maxntid
  EXPECT_EQ(launch(function, in, out, nullptr, {}, 0), InvalidValue);
  EXPECT_EQ(launch(function, in, out, nullptr, {}, 1, 64, 60000), InvalidValue);
  EXPECT_EQ(call("cuFuncSetAttribute", function, 8, 60000), Success);
  EXPECT_EQ(launch(function, in, out, nullptr, {}, 1, 64, 60000), Success);
  EXPECT_EQ(call("cuFuncSetAttribute", function, 8, 300000), InvalidValue);
  EXPECT_EQ(launch(function, in, out, nullptr, {attribute(4, 2)}), Success); // y and z are 0
  EXPECT_EQ(launch(function, in, out, nullptr, {attribute(77, 2)}), NotSupported);
  int blocks = 0;
  EXPECT_EQ(call("cuOccupancyMaxActiveBlocksPerMultiprocessor", &blocks, function, 256, size_t(0)),
            Success);
  EXPECT_EQ(launch(function, in, out, nullptr, {attribute(2, 1)}, 132 * blocks, 256), Success);
  EXPECT_EQ(launch(function, in, out, nullptr, {attribute(2, 1)}, 132 * blocks + 1, 256),
            CooperativeLaunchTooLarge);
  EXPECT_EQ(call("cuCtxSynchronize"), Success);
}

TEST_F(SimulatedDriver, FailsForEver) {
  Function *function = load(addOne);
  Pointer data = alloc(256), freed = alloc(256);
  EXPECT_EQ(call("cuMemsetD32_v2", data, 5u, size_t(64)), Success);
  // Fresh memory has no value.
  EXPECT_EQ(launch(function, freed, data), Success);
  EXPECT_EQ(call("cuCtxSynchronize"), LaunchFailed);
  EXPECT_NE(getSimulatedError().find("use of a value that was never written"), std::string::npos);
  int count = 0;
  EXPECT_EQ(call("cuDeviceGetCount", &count), LaunchFailed);

  start();
  function = load(addOne);
  data = alloc(256);
  freed = alloc(256);
  EXPECT_EQ(call("cuMemsetD32_v2", freed, 5u, size_t(64)), Success);
  EXPECT_EQ(call("cuMemFree_v2", freed), Success);
  EXPECT_EQ(call("cuMemFree_v2", freed), InvalidValue);
  EXPECT_EQ(call("cuMemsetD32_v2", freed, 5u, size_t(64)), InvalidValue);
  EXPECT_EQ(launch(function, freed, data), Success);
  EXPECT_EQ(call("cuCtxSynchronize"), LaunchFailed);
  EXPECT_NE(getSimulatedError().find("global access out of bounds"), std::string::npos);
}

TEST_F(SimulatedDriver, CopiesInEveryDirection) {
  Pointer a = alloc(64), b = alloc(64);
  std::vector<char> host(64, 3), back(64);
  EXPECT_EQ(call("cuMemcpyHtoD_v2", a, static_cast<const void *>(host.data()), size_t(64)),
            Success);
  EXPECT_EQ(call("cuMemcpyDtoD_v2", b, a, size_t(64)), Success);
  EXPECT_EQ(call("cuMemcpyDtoH_v2", static_cast<void *>(back.data()), b, size_t(64)), Success);
  EXPECT_EQ(back, host);
  EXPECT_EQ(call("cuMemcpy", reinterpret_cast<Pointer>(back.data()), a + 60, size_t(8)),
            InvalidValue);
  EXPECT_EQ(call("cuMemsetD16_v2", b + 1, static_cast<unsigned short>(1), size_t(2)), InvalidValue);
}

TEST_F(SimulatedDriver, IsFoundByName) {
  void *function = nullptr;
  int status = 7;
  EXPECT_EQ(call("cuGetProcAddress_v2", "cuMemAlloc", &function, 13000, 0ull, &status), Success);
  EXPECT_EQ(function, simulatedSymbol("cuMemAlloc_v2"));
  EXPECT_EQ(status, 0);
  EXPECT_EQ(call("cuGetProcAddress_v2", "cuNothing", &function, 13000, 0ull, &status), NotFound);
}
