//===- Cuda.h - The CUDA driver, found at run time --------------*- C++ -*-===//
//
// What the launcher calls of libcuda: declared here after its public interface
// and looked up by name, so that nothing of CUDA is needed to build, and a
// machine without a driver gets a message.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_RUNTIME_CUDA_H
#define DASHKV_RUNTIME_CUDA_H

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace dashkv::runtime {

/// Kinds of errors; those of the C interface (dashkv-c/Launcher.h).
enum class Code { OK, Driver, Bundle, Chip, Argument, Memory, Check, Launch };

struct [[nodiscard]] Status {
  Code code = Code::OK;
  std::string message;

  bool ok() const { return code == Code::OK; }
  static Status error(Code code, std::string message) { return {code, std::move(message)}; }
};

namespace cuda {
using Result = int;
using Device = int;
using Pointer = unsigned long long;
using Context = struct ContextType *;
using Module = struct ModuleType *;
using Function = struct FunctionType *;
using Stream = struct StreamType *;
using Event = struct EventType *;
using Graph = struct GraphType *;
using GraphExec = struct GraphExecType *;

enum : Result { kSuccess = 0, kOutOfMemory = 2, kInvalidPTX = 218, kUnsupportedPTX = 222 };
enum : int {
  kMultiprocessorCount = 16,
  kCapabilityMajor = 75,
  kCapabilityMinor = 76,
  kCooperativeLaunch = 95,
  kMaxSharedOptIn = 97,
};
enum : int { kFunctionMaxThreads = 0, kFunctionSharedBytes = 1, kFunctionMaxDynamicShared = 8 };
enum : unsigned { kLaunchCooperative = 2, kLaunchProgrammatic = 6 };
enum : int { kJITErrorLog = 5, kJITErrorLogBytes = 6 };
enum : unsigned { kStreamNonBlocking = 1, kCaptureThreadLocal = 1 };

struct LaunchAttribute {
  unsigned id;
  unsigned padding;
  union {
    int value;
    char bytes[64];
  };
};
static_assert(sizeof(LaunchAttribute) == 72);

struct LaunchConfig {
  unsigned grid[3];
  unsigned block[3];
  unsigned sharedBytes;
  Stream stream;
  LaunchAttribute *attributes;
  unsigned numAttributes;
};
static_assert(sizeof(LaunchConfig) == 56);
} // namespace cuda

/// The functions of the driver: member, symbol, parameters.
#define DASHKV_CUDA_FUNCTIONS(X)                                                                   \
  X(init, cuInit, (unsigned))                                                                      \
  X(driverGetVersion, cuDriverGetVersion, (int *))                                                 \
  X(getErrorName, cuGetErrorName, (cuda::Result, const char **))                                   \
  X(getErrorString, cuGetErrorString, (cuda::Result, const char **))                               \
  X(deviceGetCount, cuDeviceGetCount, (int *))                                                     \
  X(deviceGet, cuDeviceGet, (cuda::Device *, int))                                                 \
  X(deviceGetName, cuDeviceGetName, (char *, int, cuda::Device))                                   \
  X(deviceGetAttribute, cuDeviceGetAttribute, (int *, int, cuda::Device))                          \
  X(primaryCtxRetain, cuDevicePrimaryCtxRetain, (cuda::Context *, cuda::Device))                   \
  X(primaryCtxRelease, cuDevicePrimaryCtxRelease_v2, (cuda::Device))                               \
  X(ctxPushCurrent, cuCtxPushCurrent_v2, (cuda::Context))                                          \
  X(ctxPopCurrent, cuCtxPopCurrent_v2, (cuda::Context *))                                          \
  X(ctxSynchronize, cuCtxSynchronize, ())                                                          \
  X(memAlloc, cuMemAlloc_v2, (cuda::Pointer *, size_t))                                            \
  X(memFree, cuMemFree_v2, (cuda::Pointer))                                                        \
  X(memcpyHtoD, cuMemcpyHtoD_v2, (cuda::Pointer, const void *, size_t))                            \
  X(memcpyDtoH, cuMemcpyDtoH_v2, (void *, cuda::Pointer, size_t))                                  \
  X(memcpyDtoDAsync, cuMemcpyDtoDAsync_v2, (cuda::Pointer, cuda::Pointer, size_t, cuda::Stream))   \
  X(memsetD8, cuMemsetD8_v2, (cuda::Pointer, unsigned char, size_t))                               \
  X(moduleLoadDataEx, cuModuleLoadDataEx,                                                          \
    (cuda::Module *, const void *, unsigned, int *, void **))                                      \
  X(moduleUnload, cuModuleUnload, (cuda::Module))                                                  \
  X(moduleGetFunction, cuModuleGetFunction, (cuda::Function *, cuda::Module, const char *))        \
  X(funcGetAttribute, cuFuncGetAttribute, (int *, int, cuda::Function))                            \
  X(funcSetAttribute, cuFuncSetAttribute, (cuda::Function, int, int))                              \
  X(occupancyMaxActiveBlocks, cuOccupancyMaxActiveBlocksPerMultiprocessor,                         \
    (int *, cuda::Function, int, size_t))                                                          \
  X(launchKernelEx, cuLaunchKernelEx,                                                              \
    (const cuda::LaunchConfig *, cuda::Function, void **, void **))                                \
  X(streamCreate, cuStreamCreate, (cuda::Stream *, unsigned))                                      \
  X(streamDestroy, cuStreamDestroy_v2, (cuda::Stream))                                             \
  X(streamSynchronize, cuStreamSynchronize, (cuda::Stream))                                        \
  X(streamBeginCapture, cuStreamBeginCapture_v2, (cuda::Stream, unsigned))                         \
  X(streamEndCapture, cuStreamEndCapture, (cuda::Stream, cuda::Graph *))                           \
  X(graphInstantiate, cuGraphInstantiateWithFlags,                                                 \
    (cuda::GraphExec *, cuda::Graph, unsigned long long))                                          \
  X(graphLaunch, cuGraphLaunch, (cuda::GraphExec, cuda::Stream))                                   \
  X(graphDestroy, cuGraphDestroy, (cuda::Graph))                                                   \
  X(graphExecDestroy, cuGraphExecDestroy, (cuda::GraphExec))                                       \
  X(eventCreate, cuEventCreate, (cuda::Event *, unsigned))                                         \
  X(eventRecord, cuEventRecord, (cuda::Event, cuda::Stream))                                       \
  X(eventSynchronize, cuEventSynchronize, (cuda::Event))                                           \
  X(eventElapsedTime, cuEventElapsedTime, (float *, cuda::Event, cuda::Event))                     \
  X(eventDestroy, cuEventDestroy_v2, (cuda::Event))

/// The driver's functions.
struct Driver {
#define DASHKV_CUDA_MEMBER(member, symbol, parameters) cuda::Result(*member) parameters = nullptr;
  DASHKV_CUDA_FUNCTIONS(DASHKV_CUDA_MEMBER)
#undef DASHKV_CUDA_MEMBER
  /// As in cuda.h: 12040 is CUDA 12.4.
  int version = 0;

  /// Finds a function by name, or null.
  using Lookup = void *(*)(const char *symbol);

  /// The driver of this machine, loaded once and never unloaded.
  static Status get(const Driver *&driver);
  /// A driver whose functions `lookup` finds.
  static Status load(Lookup lookup, Driver &driver);

  /// What `result` says, beginning with `what` failed; OK if it is a success.
  Status check(cuda::Result result, const char *what) const;
};

/// A GPU with its primary context, which every other user of it in the process
/// shares.
class Device {
public:
  static Status open(const Driver &driver, int ordinal, std::shared_ptr<Device> &device);
  ~Device();
  Device(const Device &) = delete;
  Device &operator=(const Device &) = delete;

  const Driver &driver;
  std::string name;
  int major = 0, minor = 0;
  int multiprocessors = 0;
  /// That a block may ask for.
  int maxSharedBytes = 0;
  bool launchesCooperatively = false;

  /// Makes the context current as long as it lives.
  class Scope {
  public:
    explicit Scope(const Device &device) : driver(device.driver) {
      pushed = driver.ctxPushCurrent(device.context) == cuda::kSuccess;
    }
    ~Scope() {
      cuda::Context context;
      if (pushed)
        driver.ctxPopCurrent(&context);
    }
    Scope(const Scope &) = delete;
    Scope &operator=(const Scope &) = delete;

  private:
    const Driver &driver;
    bool pushed;
  };

private:
  Device(const Driver &driver) : driver(driver) {}
  cuda::Device device = 0;
  cuda::Context context = nullptr;
};

} // namespace dashkv::runtime

#endif // DASHKV_RUNTIME_CUDA_H
