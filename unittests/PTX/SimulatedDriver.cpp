//===- SimulatedDriver.cpp - The functions of libcuda ---------------------===//
#include "SimulatedDriver.h"
#include "SimulatedAPI.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace ptx;
using namespace ptx::cuda;

//===----------------------------------------------------------------------===//
// Device and context
//===----------------------------------------------------------------------===//

API cuInit(unsigned flags) {
  Device &device = Device::get();
  device.initialized = true;
  return flags ? InvalidValue : Success;
}
API cuDriverGetVersion(int *version) {
  *version = Device::get().driverVersion;
  return Success;
}
API cuDeviceGetCount(int *count) {
  ENTER();
  *count = 1;
  return Success;
}
API cuDeviceGet(int *handle, int ordinal) {
  ENTER();
  *handle = 0;
  return ordinal == 0 ? Success : InvalidDevice;
}
API cuDeviceGetName(char *name, int length, int) {
  ENTER();
  std::snprintf(name, length, "Simulated %s", device.options.chip.c_str());
  return Success;
}
API cuDeviceGetUuid_v2(char *uuid, int) {
  std::memset(uuid, 0, 16);
  return Success;
}
API cuDeviceTotalMem_v2(size_t *bytes, int) {
  ENTER();
  *bytes = size_t(80) << 30;
  return Success;
}
API cuDeviceGetAttribute(int *value, int attribute, int) {
  ENTER();
  int chip = device.capability();
  switch (attribute) {
  case 1: // threads of a block, and its x and y
  case 2:
  case 3:
    *value = 1024;
    return Success;
  case 4:
    *value = 64;
    return Success;
  case 5: // grid
    *value = 0x7fffffff;
    return Success;
  case 6:
  case 7:
    *value = 65535;
    return Success;
  case 8: // shared memory of a block without an attribute
    *value = 48 * 1024;
    return Success;
  case 10: // warp size
    *value = 32;
    return Success;
  case 12: // registers of a block, of a multiprocessor
  case 82:
    *value = 65536;
    return Success;
  case 13: // clock and memory clock, kHz
  case 36:
    *value = 1000000;
    return Success;
  case 16:
    *value = static_cast<int>(device.options.multiprocessors);
    return Success;
  case 37: // bus width
    *value = 4096;
    return Success;
  case 38: // L2
    *value = 50 << 20;
    return Success;
  case 39:
    *value = static_cast<int>(device.threadsPerSM());
    return Success;
  case 75:
    *value = chip / 10;
    return Success;
  case 76:
    *value = chip % 10;
    return Success;
  case 81:
    *value = static_cast<int>(device.sharedPerSM());
    return Success;
  case 97:
    *value = static_cast<int>(device.options.sharedLimit);
    return Success;
  case 41: // unified addresses, cooperative launches, memory pools
  case 95:
  case 115:
    *value = 1;
    return Success;
  case 106: // blocks of a multiprocessor
    *value = 32;
    return Success;
  case 111: // shared memory that the driver keeps
    *value = 1024;
    return Success;
  default: // clusters (120) among them
    *value = 0;
    return Success;
  }
}

static char primaryContext;
API cuDevicePrimaryCtxRetain(void **context, int) {
  ENTER();
  ++device.retained;
  *context = &primaryContext;
  return Success;
}
API cuDevicePrimaryCtxRelease_v2(int) {
  Device &device = Device::get();
  return --device.retained < 0 ? InvalidContext : Success;
}
API cuDevicePrimaryCtxGetState(int, unsigned *flags, int *active) {
  ENTER();
  *flags = 0;
  *active = device.retained > 0;
  return Success;
}
API cuCtxSetCurrent(void *context) {
  ENTER();
  if (!device.contexts.empty())
    device.contexts.pop_back();
  if (context)
    device.contexts.push_back(context);
  return Success;
}
API cuCtxGetCurrent(void **context) {
  ENTER();
  *context = device.contexts.empty() ? nullptr : device.contexts.back();
  return Success;
}
API cuCtxPushCurrent_v2(void *context) {
  ENTER();
  device.contexts.push_back(context);
  return context ? Success : InvalidContext;
}
API cuCtxPopCurrent_v2(void **context) {
  Device &device = Device::get();
  if (device.contexts.empty())
    return InvalidContext;
  if (context)
    *context = device.contexts.back();
  device.contexts.pop_back();
  return Success;
}
API cuCtxGetDevice(int *handle) {
  ENTER();
  *handle = 0;
  return device.contexts.empty() ? InvalidContext : Success;
}
API cuCtxSynchronize() {
  ENTER();
  REFUSE_IN_CAPTURE();
  return device.flushAll();
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

static const struct {
  Result result;
  const char *name, *text;
} errors[] = {
    {Success, "CUDA_SUCCESS", "no error"},
    {InvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {OutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {NotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {InvalidDevice, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {InvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {NoBinaryForGPU, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image is available for execution on the device"},
    {InvalidPTX, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {UnsupportedPTXVersion, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
     "the provided PTX was compiled with an unsupported toolchain."},
    {InvalidHandle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {NotFound, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {NotReady, "CUDA_ERROR_NOT_READY", "device not ready"},
    {LaunchOutOfResources, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES",
     "too many resources requested for launch"},
    {LaunchFailed, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {CooperativeLaunchTooLarge, "CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE",
     "too many blocks in cooperative launch"},
    {NotSupported, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {StreamCaptureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {StreamCaptureInvalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {StreamCaptureUnmatched, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED",
     "capture was not ended in the same stream as it began"},
    {StreamCaptureImplicit, "CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
     "operation would make the legacy stream depend on a capturing blocking stream"},
};

API cuGetErrorName(int result, const char **name) {
  for (const auto &error : errors)
    if (error.result == result) {
      *name = error.name;
      return Success;
    }
  *name = nullptr;
  return InvalidValue;
}
API cuGetErrorString(int result, const char **text) {
  for (const auto &error : errors)
    if (error.result == result) {
      *text = error.text;
      return Success;
    }
  *text = nullptr;
  return InvalidValue;
}

//===----------------------------------------------------------------------===//
// Modules and launches
//===----------------------------------------------------------------------===//

API cuModuleLoadDataEx(LoadedModule **module, const void *data, unsigned count, int *options,
                       void **values) {
  ENTER();
  if (!module || !data)
    return InvalidValue;
  const char *text = static_cast<const char *>(data);
  std::string log;
  Result result = device.load(*module, std::string_view(text, std::strlen(text)), log);
  // CU_JIT_ERROR_LOG_BUFFER and its size
  char *buffer = nullptr;
  size_t size = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] == 5)
      buffer = static_cast<char *>(values[i]);
    if (options[i] == 6)
      size = reinterpret_cast<uintptr_t>(values[i]);
  }
  if (buffer && size)
    std::snprintf(buffer, size, "%s", log.c_str());
  return result;
}
API cuModuleLoadData(LoadedModule **module, const void *data) {
  return cuModuleLoadDataEx(module, data, 0, nullptr, nullptr);
}
API cuModuleUnload(LoadedModule *module) {
  Device &device = Device::get();
  std::lock_guard<std::recursive_mutex> lock(device.mutex);
  if (!device.modules.count(module))
    return InvalidHandle;
  Result result = device.flushAll();
  device.unload(module);
  return result;
}
API cuModuleGetFunction(Function **function, LoadedModule *module, const char *name) {
  ENTER();
  if (!device.modules.count(module))
    return InvalidHandle;
  auto kernel = module->module.kernels.find(name);
  if (kernel == module->module.kernels.end())
    return NotFound;
  std::unique_ptr<Function> &known = module->functions[name];
  if (!known)
    known.reset(new Function{module, kernel->second.get()});
  *function = known.get();
  return Success;
}
API cuModuleGetGlobal_v2(DevicePointer *address, size_t *bytes, LoadedModule *module,
                         const char *name) {
  ENTER();
  auto found = module->module.globals.find(name);
  if (found == module->module.globals.end())
    return NotFound;
  if (address)
    *address = found->second->address;
  if (bytes)
    *bytes = found->second->data.size();
  return Success;
}
API cuFuncGetAttribute(int *value, int attribute, Function *function) {
  ENTER();
  switch (attribute) {
  case 0:
    *value = static_cast<int>(function->kernel->maxThreads);
    return Success;
  case 1:
    *value = static_cast<int>(function->kernel->staticShared);
    return Success;
  case 4: // not known here: what half of the threads of a multiprocessor leave
    *value = 64;
    return Success;
  case 5:
    *value = function->owner->module.version;
    return Success;
  case 6:
    *value = device.capability();
    return Success;
  case 8:
    *value = static_cast<int>(function->dynamicLimit);
    return Success;
  default:
    *value = 0;
    return Success;
  }
}
API cuFuncSetAttribute(Function *function, int attribute, int value) {
  ENTER();
  if (attribute == 8) {
    if (value < 0 || function->kernel->staticShared + value > device.options.sharedLimit)
      return InvalidValue;
    function->dynamicLimit = value;
  }
  return Success;
}
API cuFuncSetCacheConfig(Function *, int) { return Success; }
API cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, Function *function, int threads,
                                                size_t dynamic) {
  ENTER();
  *blocks = static_cast<int>(device.getOccupancy(*function, threads, dynamic));
  return Success;
}
API cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, Function *function,
                                                         int threads, size_t dynamic, unsigned) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, threads, dynamic);
}
API cuLaunchKernelEx(const LaunchConfig *config, Function *function, void **parameters,
                     void **extra) {
  ENTER();
  return device.launch(function, *config, parameters, extra);
}
API cuLaunchKernel(Function *function, unsigned gridX, unsigned gridY, unsigned gridZ,
                   unsigned blockX, unsigned blockY, unsigned blockZ, unsigned shared,
                   Stream *stream, void **parameters, void **extra) {
  LaunchConfig config = {
      {gridX, gridY, gridZ}, {blockX, blockY, blockZ}, shared, stream, nullptr, 0};
  return cuLaunchKernelEx(&config, function, parameters, extra);
}
API cuLaunchCooperativeKernel(Function *function, unsigned gridX, unsigned gridY, unsigned gridZ,
                              unsigned blockX, unsigned blockY, unsigned blockZ, unsigned shared,
                              Stream *stream, void **parameters) {
  LaunchAttribute attribute = {2, 0, {1}};
  LaunchConfig config = {
      {gridX, gridY, gridZ}, {blockX, blockY, blockZ}, shared, stream, &attribute, 1};
  return cuLaunchKernelEx(&config, function, parameters, nullptr);
}

//===----------------------------------------------------------------------===//
// Functions by name
//===----------------------------------------------------------------------===//

API cuGetProcAddress_v2(const char *name, void **function, int, unsigned long long, int *status);

static const Symbol symbols[] = {
    SYMBOL(cuCtxGetCurrent),
    SYMBOL(cuCtxGetDevice),
    SYMBOL(cuCtxPopCurrent_v2),
    SYMBOL(cuCtxPushCurrent_v2),
    SYMBOL(cuCtxSetCurrent),
    SYMBOL(cuCtxSynchronize),
    SYMBOL(cuDeviceGet),
    SYMBOL(cuDeviceGetAttribute),
    SYMBOL(cuDeviceGetCount),
    SYMBOL(cuDeviceGetName),
    SYMBOL(cuDeviceGetUuid_v2),
    SYMBOL(cuDevicePrimaryCtxGetState),
    SYMBOL(cuDevicePrimaryCtxRelease_v2),
    SYMBOL(cuDevicePrimaryCtxRetain),
    SYMBOL(cuDeviceTotalMem_v2),
    SYMBOL(cuDriverGetVersion),
    SYMBOL(cuFuncGetAttribute),
    SYMBOL(cuFuncSetAttribute),
    SYMBOL(cuFuncSetCacheConfig),
    SYMBOL(cuGetErrorName),
    SYMBOL(cuGetErrorString),
    SYMBOL(cuInit),
    SYMBOL(cuLaunchCooperativeKernel),
    SYMBOL(cuLaunchKernel),
    SYMBOL(cuLaunchKernelEx),
    SYMBOL(cuModuleGetFunction),
    SYMBOL(cuModuleGetGlobal_v2),
    SYMBOL(cuModuleLoadData),
    SYMBOL(cuModuleLoadDataEx),
    SYMBOL(cuModuleUnload),
    SYMBOL(cuOccupancyMaxActiveBlocksPerMultiprocessor),
    SYMBOL(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags),
    SYMBOL(cuGetProcAddress_v2),
};

void *ptx::simulatedSymbol(const char *name) {
  // cuLaunchKernelEx came with CUDA 11.8.
  if (Device::get().driverVersion < 11080 && !std::strcmp(name, "cuLaunchKernelEx"))
    return nullptr;
  for (const Symbol &symbol : symbols)
    if (!std::strcmp(symbol.name, name))
      return symbol.function;
  return findStreamSymbol(name);
}

API cuGetProcAddress_v2(const char *name, void **function, int, unsigned long long, int *status) {
  // Without the version that cuda.h adds.
  for (const char *suffix : {"", "_v2"})
    if ((*function = simulatedSymbol((std::string(name) + suffix).c_str()))) {
      if (status)
        *status = 0;
      return Success;
    }
  if (status)
    *status = 1;
  return NotFound;
}

const std::vector<SimulatedLaunch> &ptx::getSimulatedLaunches() { return Device::get().launches; }
const std::string &ptx::getSimulatedError() { return Device::get().message; }
void ptx::resetSimulatedDriver() { Device::reset(); }
