//===- Launcher.h - Run the functions of a kernel bundle --------*- C++ -*-===//
//
// All that depends on shapes happens once, when a plan is made: host values,
// memory, launch configurations. A run is launches and copies on a stream and
// nothing else, so it can be captured into a CUDA graph. What changes from step
// to step, lengths above all, is in device memory.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_RUNTIME_LAUNCHER_H
#define DASHKV_RUNTIME_LAUNCHER_H

#include "dashkv/Runtime/KernelBundle.h"

namespace dashkv::runtime {

struct PlanOptions {
  /// Nothing else runs on the device: kernels whose blocks wait for each other
  /// are launched as any other, and may overlap the kernel before.
  bool exclusive = false;
  /// No kernel starts before the one before it has ended.
  bool inTurn = false;
};

class Plan;

/// The kernels of a bundle on a device.
class Launcher : public std::enable_shared_from_this<Launcher> {
public:
  static Status create(const KernelBundle &bundle, std::shared_ptr<Device> device,
                       std::shared_ptr<Launcher> &launcher);
  ~Launcher();

  const Device &getDevice() const { return *device; }
  const Variant &getVariant() const { return variant; }
  bool isMachineCode() const { return machineCode; }

  /// A plan of `function` for arguments of these shapes.
  Status plan(const std::string &function, const std::vector<std::vector<int64_t>> &shapes,
              const PlanOptions &options, std::unique_ptr<Plan> &plan);

private:
  friend class Plan;
  Launcher(const Variant &variant, std::shared_ptr<Device> device)
      : variant(variant), device(std::move(device)) {}
  Status load();
  Status loadModule(const std::string &code);

  Variant variant;
  std::shared_ptr<Device> device;
  cuda::Module module = nullptr;
  std::vector<cuda::Function> functions; ///< as variant.kernels
  bool machineCode = false;
};

/// A function for given shapes. Not for several threads at once.
class Plan {
public:
  ~Plan();

  const FunctionPlan &getFunction() const { return function; }
  const std::vector<std::vector<int64_t>> &getResultShapes() const { return resultShapes; }
  /// Bytes of device memory that the plan holds, results included that nobody
  /// has bound.
  int64_t getMemory() const { return memory; }

  /// Sets the memory of an argument, dense and row-major.
  Status bindArgument(int index, cuda::Pointer pointer);
  /// Sets where a result goes. A result that is an argument has its memory, and
  /// one that is not bound before it is asked for, or before a run, gets some.
  Status bindResult(int index, cuda::Pointer pointer);
  Status getResult(int index, cuda::Pointer &pointer);

  /// One step on `stream`.
  Status run(cuda::Stream stream);
  /// The same by a graph, which is captured first if it is missing or if bindings
  /// have changed. `capture` does that alone.
  Status replay(cuda::Stream stream);
  Status capture();
  /// Seconds of a step, out of `repetitions` one after the other.
  Status time(cuda::Stream stream, int repetitions, bool graph, double &seconds);

private:
  friend class Launcher;
  struct Pointer {
    int buffer;
    int64_t offset;
  };
  struct Operand {
    bool isPointer;
    Pointer pointer;
    uint64_t bits;
  };
  /// A launch, or with `function` null a copy.
  struct Action {
    cuda::Function function = nullptr;
    const Kernel *kernel = nullptr;
    unsigned grid[3] = {}, block[3] = {}, sharedBytes = 0;
    std::vector<Operand> operands;
    Pointer from = {}, to = {};
    size_t bytes = 0;
    std::vector<cuda::LaunchAttribute> attributes;
  };
  struct Memory {
    cuda::Pointer address = 0;
    int64_t bytes = 0;
    unsigned alignment = 1;
    bool used = false, owned = false;
  };
  class Builder;

  Plan(std::shared_ptr<Launcher> launcher, const FunctionPlan &function)
      : launcher(std::move(launcher)), function(function) {}
  const Driver &driver() const { return launcher->getDevice().driver; }
  /// Allocates memory that `buffer` lacks.
  Status allocate(int buffer);
  Status bind(int buffer, const std::string &what, cuda::Pointer pointer);
  /// An error if an argument is missing; allocates results.
  Status complete();
  Status enqueue(cuda::Stream stream);
  void dropGraph();

  std::shared_ptr<Launcher> launcher;
  const FunctionPlan &function; ///< of the launcher's variant
  std::vector<std::vector<int64_t>> resultShapes;
  std::vector<Memory> buffers; ///< as function.buffers
  std::vector<int> argumentBuffers, resultBuffers;
  std::vector<Action> actions;
  int64_t memory = 0;
  bool completed = false;
  cuda::GraphExec graph = nullptr;
};

} // namespace dashkv::runtime

#endif // DASHKV_RUNTIME_LAUNCHER_H
