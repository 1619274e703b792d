//===- SimulatedDevice.h - State of the simulated driver --------*- C++ -*-===//
#ifndef DASHKV_UNITTESTS_PTX_SIMULATEDDEVICE_H
#define DASHKV_UNITTESTS_PTX_SIMULATEDDEVICE_H

#include "PTXModule.h"
#include "SimulatedDriver.h"
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>

namespace ptx::cuda {

enum Result : int {
  Success = 0,
  InvalidValue = 1,
  OutOfMemory = 2,
  NotInitialized = 3,
  InvalidDevice = 101,
  InvalidContext = 201,
  NoBinaryForGPU = 209,
  InvalidPTX = 218,
  UnsupportedPTXVersion = 222,
  InvalidHandle = 400,
  NotFound = 500,
  NotReady = 600,
  LaunchOutOfResources = 701,
  LaunchFailed = 719,
  CooperativeLaunchTooLarge = 720,
  NotSupported = 801,
  StreamCaptureUnsupported = 900,
  StreamCaptureInvalidated = 901,
  StreamCaptureUnmatched = 903,
  StreamCaptureImplicit = 906,
};

/// A device address.
using DevicePointer = unsigned long long;

struct Function;

struct LoadedModule {
  Module module;
  std::map<std::string, std::unique_ptr<Function>, std::less<>> functions;
};

struct Function {
  LoadedModule *owner;
  Kernel *kernel;
  uint64_t dynamicLimit = 48 * 1024; ///< cuFuncSetAttribute
};

/// Work of a stream. `run` is told whether the work before it was a kernel that
/// it need not wait for.
struct Work {
  bool isKernel = false, programmatic = false;
  std::function<Result(bool dependent)> run;
};

struct GraphWork {
  std::vector<Work> work;
};

struct Stream {
  bool blocking = true; ///< waits for the default stream
  std::deque<Work> work;
  bool lastWasKernel = false;
  std::unique_ptr<GraphWork> capture;
  bool captureFailed = false;
  uint64_t submitted = 0, done = 0; ///< works, counted
};

struct Event {
  Stream *stream = nullptr;
  uint64_t position = 0; ///< of the stream's works
  double time = 0;       ///< pretended, in ms
};

struct LaunchAttribute {
  unsigned id, padding;
  union {
    int value;
    unsigned cluster[3];
    char bytes[64];
  };
};
static_assert(sizeof(LaunchAttribute) == 72);

struct LaunchConfig {
  unsigned grid[3], block[3], sharedBytes;
  Stream *stream;
  LaunchAttribute *attributes;
  unsigned numAttributes;
};
static_assert(sizeof(LaunchConfig) == 56);

class Device {
public:
  static Device &get();
  static void reset();
  ~Device();

  std::recursive_mutex mutex;
  Memory memory;
  MachineOptions options;
  int driverVersion = 13000;
  bool initialized = false, trace = false;
  int retained = 0;
  Result sticky = Success;
  std::string message;
  double clock = 0;
  std::vector<SimulatedLaunch> launches;
  Stream defaultStream;
  std::set<Stream *> streams;
  std::set<LoadedModule *> modules;
  std::vector<void *> contexts; ///< stack of the thread

  int capability() const { return std::atoi(options.chip.c_str() + 3); }
  uint64_t threadsPerSM() const;
  uint64_t sharedPerSM() const;

  Result load(LoadedModule *&module, std::string_view text, std::string &log);
  void unload(LoadedModule *module);
  /// Blocks of a kernel that one multiprocessor holds.
  uint64_t getOccupancy(const Function &function, uint64_t threads, uint64_t dynamic) const;
  Result launch(Function *function, const LaunchConfig &config, void **parameters, void **extra);

  Stream &resolve(Stream *stream);
  /// Queues work, or adds it to the graph that is being captured.
  Result submit(Stream *stream, Work work);
  Result flush(Stream &stream, uint64_t until = ~0ull);
  /// What the default stream waits for, and all.
  Result flushBlocking();
  Result flushAll();
  bool isCapturing() const;

private:
  Device();
  Result runKernelWork(Function *function, Launch launch, bool cooperative, bool dependent);
};

} // namespace ptx::cuda

#endif // DASHKV_UNITTESTS_PTX_SIMULATEDDEVICE_H
