//===- CudaRuntimeWrappers.cpp - What MLIR's gpu dialect calls ------------===//
//
// The functions that upstream's gpu-to-llvm and gpu.binary lower to, and those of
// dashkv's host code, without a dependency on CUDA. None of them ends the
// process: the first error is printed and kept (dashkvCudaStatus), and what
// follows it does nothing.
//
//===----------------------------------------------------------------------===//
#include "dashkv/Runtime/Cuda.h"
#include <algorithm>
#include <cstdio>
#include <dlfcn.h>
#include <map>
#include <mutex>
#include <string>

using namespace dashkv::runtime;

#define DASHKV_EXPORT extern "C" __attribute__((visibility("default")))

namespace {
/// Functions of the driver that the launcher has no use for.
#define DASHKV_MORE_FUNCTIONS(X)                                                                   \
  X(memAllocManaged, cuMemAllocManaged, (cuda::Pointer *, size_t, unsigned))                       \
  X(memcpyAsync, cuMemcpyAsync, (cuda::Pointer, cuda::Pointer, size_t, cuda::Stream))              \
  X(memsetD16, cuMemsetD16Async, (cuda::Pointer, unsigned short, size_t, cuda::Stream))            \
  X(memsetD32, cuMemsetD32Async, (cuda::Pointer, unsigned, size_t, cuda::Stream))                  \
  X(streamWaitEvent, cuStreamWaitEvent, (cuda::Stream, cuda::Event, unsigned))

/// The driver and the device of the process. Never destroyed: module destructors
/// of programs run late.
class Runtime {
public:
  static Runtime &get() {
    static Runtime *runtime = new Runtime;
    return *runtime;
  }

  /// Calls `action` with the context of the device current, unless there is none
  /// or there was an error.
  template <typename Action> void run(Action action) {
    std::lock_guard<std::recursive_mutex> guard(mutex);
    if (!isOpen) {
      isOpen = true;
      report(open());
    }
    if (!failed) {
      Device::Scope scope(*device);
      action();
    }
  }
  void check(cuda::Result result, const char *what) { report(driver->check(result, what)); }
  void report(const Status &status) {
    if (status.ok() || failed)
      return;
    failed = true;
    message = status.message;
    std::fprintf(stderr, "dashkv: %s\n", message.c_str());
  }

  const Driver *driver = nullptr;
  std::shared_ptr<Device> device;
#define DASHKV_MORE_MEMBER(member, symbol, parameters) cuda::Result(*member) parameters = nullptr;
  DASHKV_MORE_FUNCTIONS(DASHKV_MORE_MEMBER)
#undef DASHKV_MORE_MEMBER
  /// That the next launch is cooperative.
  bool isNextResident = false;
  int ordinal = 0;
  bool failed = false;
  std::string message;
  std::recursive_mutex mutex;

private:
  Status open() {
    Status status = Driver::get(driver);
    if (!status.ok())
      return status;
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
#define DASHKV_MORE_LOAD(member, symbol, parameters)                                               \
  member =                                                                                         \
      reinterpret_cast<cuda::Result(*) parameters>(library ? dlsym(library, #symbol) : nullptr);   \
  if (!member)                                                                                     \
    return Status::error(Code::Driver, "expected an NVIDIA driver with " #symbol);
    DASHKV_MORE_FUNCTIONS(DASHKV_MORE_LOAD)
#undef DASHKV_MORE_LOAD
    return Device::open(*driver, ordinal, device);
  }

  bool isOpen = false;
};

/// Code of kernels. Programs hand it over in constructors, when it may be too
/// early for anything: it is loaded when a kernel is wanted.
struct Blob {
  const void *data;
  cuda::Module module = nullptr;
  std::map<std::string, cuda::Function> functions;
};

cuda::Pointer toPointer(const void *pointer) { return reinterpret_cast<cuda::Pointer>(pointer); }
} // namespace

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

DASHKV_EXPORT void *mgpuModuleLoad(void *data, size_t) { return new Blob{data, nullptr, {}}; }
DASHKV_EXPORT void *mgpuModuleLoadJIT(void *data, int) { return new Blob{data, nullptr, {}}; }

DASHKV_EXPORT void mgpuModuleUnload(void *module) {
  // The driver may be gone by now, and frees what is left of the process anyhow.
  delete static_cast<Blob *>(module);
}

static void loadFunction(Runtime &runtime, Blob &blob, const char *name, cuda::Function &function) {
  const Driver &driver = *runtime.driver;
  if (!blob.module) {
    char log[4096] = "";
    int options[] = {cuda::kJITErrorLog, cuda::kJITErrorLogBytes};
    void *values[] = {log, reinterpret_cast<void *>(sizeof(log))};
    Status status = driver.check(
        driver.moduleLoadDataEx(&blob.module, blob.data, 2, options, values), "cuModuleLoadDataEx");
    if (!status.ok() && log[0])
      status.message += std::string(": ") + log;
    runtime.report(status);
    if (!status.ok())
      return;
  }
  runtime.check(driver.moduleGetFunction(&function, blob.module, name), name);
  // Kernels ask for what they need; above 48 KB that has to be allowed first.
  int used = 0;
  if (function && driver.funcGetAttribute(&used, cuda::kFunctionSharedBytes, function) == 0)
    runtime.check(driver.funcSetAttribute(function, cuda::kFunctionMaxDynamicShared,
                                          std::max(runtime.device->maxSharedBytes - used, 0)),
                  name);
}

DASHKV_EXPORT void *mgpuModuleGetFunction(void *module, const char *name) {
  Blob &blob = *static_cast<Blob *>(module);
  cuda::Function function = nullptr;
  Runtime &runtime = Runtime::get();
  runtime.run([&] {
    auto [it, isNew] = blob.functions.try_emplace(name, nullptr);
    if (isNew)
      loadFunction(runtime, blob, name, it->second);
    function = it->second;
  });
  return function;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

DASHKV_EXPORT void dashkv_cooperative_launch() {
  Runtime &runtime = Runtime::get();
  runtime.run([&] { runtime.isNextResident = true; });
}

DASHKV_EXPORT intptr_t dashkv_multiprocessors() {
  Runtime &runtime = Runtime::get();
  intptr_t count = 1;
  runtime.run([&] { count = runtime.device->multiprocessors; });
  return count;
}

DASHKV_EXPORT void mgpuLaunchKernel(void *function, intptr_t gridX, intptr_t gridY, intptr_t gridZ,
                                    intptr_t blockX, intptr_t blockY, intptr_t blockZ,
                                    int32_t sharedBytes, void *stream, void **parameters, void **,
                                    size_t) {
  Runtime &runtime = Runtime::get();
  runtime.run([&] {
    cuda::LaunchAttribute attribute = {};
    attribute.id = cuda::kLaunchCooperative;
    attribute.value = 1;
    cuda::LaunchConfig config = {
        {static_cast<unsigned>(gridX), static_cast<unsigned>(gridY), static_cast<unsigned>(gridZ)},
        {static_cast<unsigned>(blockX), static_cast<unsigned>(blockY),
         static_cast<unsigned>(blockZ)},
        static_cast<unsigned>(sharedBytes),
        static_cast<cuda::Stream>(stream),
        &attribute,
        runtime.isNextResident ? 1u : 0u};
    runtime.isNextResident = false;
    runtime.check(runtime.driver->launchKernelEx(&config, static_cast<cuda::Function>(function),
                                                 parameters, nullptr),
                  "cuLaunchKernelEx");
  });
}

//===----------------------------------------------------------------------===//
// Streams and events
//===----------------------------------------------------------------------===//

DASHKV_EXPORT void *mgpuStreamCreate() {
  Runtime &runtime = Runtime::get();
  cuda::Stream stream = nullptr;
  runtime.run([&] {
    runtime.check(runtime.driver->streamCreate(&stream, cuda::kStreamNonBlocking),
                  "cuStreamCreate");
  });
  return stream;
}
DASHKV_EXPORT void mgpuStreamDestroy(void *stream) {
  Runtime &runtime = Runtime::get();
  runtime.run([&] {
    runtime.check(runtime.driver->streamDestroy(static_cast<cuda::Stream>(stream)),
                  "cuStreamDestroy");
  });
}
DASHKV_EXPORT void mgpuStreamSynchronize(void *stream) {
  Runtime &runtime = Runtime::get();
  runtime.run([&] {
    runtime.check(runtime.driver->streamSynchronize(static_cast<cuda::Stream>(stream)),
                  "cuStreamSynchronize");
  });
}
DASHKV_EXPORT void mgpuStreamWaitEvent(void *stream, void *event) {
  Runtime &runtime = Runtime::get();
  runtime.run([&] {
    runtime.check(runtime.streamWaitEvent(static_cast<cuda::Stream>(stream),
                                          static_cast<cuda::Event>(event), 0),
                  "cuStreamWaitEvent");
  });
}
DASHKV_EXPORT void *mgpuEventCreate() {
  constexpr unsigned withoutTime = 2;
  Runtime &runtime = Runtime::get();
  cuda::Event event = nullptr;
  runtime.run(
      [&] { runtime.check(runtime.driver->eventCreate(&event, withoutTime), "cuEventCreate"); });
  return event;
}
DASHKV_EXPORT void mgpuEventDestroy(void *event) {
  Runtime &runtime = Runtime::get();
  runtime.run([&] {
    runtime.check(runtime.driver->eventDestroy(static_cast<cuda::Event>(event)), "cuEventDestroy");
  });
}
DASHKV_EXPORT void mgpuEventSynchronize(void *event) {
  Runtime &runtime = Runtime::get();
  runtime.run([&] {
    runtime.check(runtime.driver->eventSynchronize(static_cast<cuda::Event>(event)),
                  "cuEventSynchronize");
  });
}
DASHKV_EXPORT void mgpuEventRecord(void *event, void *stream) {
  Runtime &runtime = Runtime::get();
  runtime.run([&] {
    runtime.check(runtime.driver->eventRecord(static_cast<cuda::Event>(event),
                                              static_cast<cuda::Stream>(stream)),
                  "cuEventRecord");
  });
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

DASHKV_EXPORT void *mgpuMemAlloc(uint64_t bytes, void *, int8_t isShared) {
  constexpr unsigned attachGlobal = 1;
  Runtime &runtime = Runtime::get();
  cuda::Pointer pointer = 0;
  runtime.run([&] {
    if (bytes == 0)
      return;
    if (isShared)
      runtime.check(runtime.memAllocManaged(&pointer, bytes, attachGlobal), "cuMemAllocManaged");
    else
      runtime.check(runtime.driver->memAlloc(&pointer, bytes), "cuMemAlloc");
  });
  return reinterpret_cast<void *>(pointer);
}
DASHKV_EXPORT void mgpuMemFree(void *pointer, void *) {
  Runtime &runtime = Runtime::get();
  runtime.run([&] {
    if (pointer)
      runtime.check(runtime.driver->memFree(toPointer(pointer)), "cuMemFree");
  });
}
DASHKV_EXPORT void mgpuMemcpy(void *target, void *source, size_t bytes, void *stream) {
  Runtime &runtime = Runtime::get();
  runtime.run([&] {
    if (bytes)
      runtime.check(runtime.memcpyAsync(toPointer(target), toPointer(source), bytes,
                                        static_cast<cuda::Stream>(stream)),
                    "cuMemcpyAsync");
  });
}
DASHKV_EXPORT void mgpuMemset32(void *target, int32_t value, size_t count, void *stream) {
  Runtime &runtime = Runtime::get();
  runtime.run([&] {
    if (count)
      runtime.check(
          runtime.memsetD32(toPointer(target), value, count, static_cast<cuda::Stream>(stream)),
          "cuMemsetD32Async");
  });
}
DASHKV_EXPORT void mgpuMemset16(void *target, int16_t value, size_t count, void *stream) {
  Runtime &runtime = Runtime::get();
  runtime.run([&] {
    if (count)
      runtime.check(
          runtime.memsetD16(toPointer(target), value, count, static_cast<cuda::Stream>(stream)),
          "cuMemsetD16Async");
  });
}

//===----------------------------------------------------------------------===//
// For the program
//===----------------------------------------------------------------------===//

/// Before anything else is called.
DASHKV_EXPORT void mgpuSetDefaultDevice(int32_t ordinal) { Runtime::get().ordinal = ordinal; }

/// The message of the first error, or null.
DASHKV_EXPORT const char *dashkvCudaStatus() {
  Runtime &runtime = Runtime::get();
  runtime.run([] {});
  return runtime.failed ? runtime.message.c_str() : nullptr;
}
