//===- Launcher.cpp - Run the functions of a kernel bundle ----------------===//
#include "dashkv/Runtime/Launcher.h"
#include "HostValues.h"
#include <algorithm>

using namespace dashkv::runtime;

static Status fail(Code code, std::string message) {
  return Status::error(code, std::move(message));
}

static std::string printShape(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + (shape[i] < 0 ? std::string("?") : std::to_string(shape[i]));
  return text + "]";
}

static std::string describeArgument(const FunctionPlan &function, size_t index) {
  const std::string &role = function.arguments[index].role;
  return "argument " + std::to_string(index) + (role.empty() ? "" : " (" + role + ")") + " of '" +
         function.name + "'";
}

//===----------------------------------------------------------------------===//
// Launcher
//===----------------------------------------------------------------------===//

Status Launcher::create(const KernelBundle &bundle, std::shared_ptr<Device> device,
                        std::shared_ptr<Launcher> &launcher) {
  const Variant *variant = nullptr;
  Status status = bundle.choose(device->major, device->minor, variant);
  if (!status.ok())
    return status;
  std::shared_ptr<Launcher> created(new Launcher(*variant, std::move(device)));
  status = created->load();
  if (status.ok())
    launcher = std::move(created);
  return status;
}

Launcher::~Launcher() {
  Device::Scope scope(*device);
  if (module)
    device->driver.moduleUnload(module);
}

Status Launcher::loadModule(const std::string &code) {
  char log[2048] = "";
  int options[] = {cuda::kJITErrorLog, cuda::kJITErrorLogBytes};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log))};
  Status status = device->driver.check(
      device->driver.moduleLoadDataEx(&module, code.c_str(), 2, options, values),
      "cuModuleLoadDataEx");
  if (!status.ok()) {
    module = nullptr;
    if (log[0])
      status.message += std::string(": ") + log;
  }
  return status;
}

/// The CUDA version whose driver is the first to know a PTX version, both as
/// numbers like 80 and 120.
static int getCudaVersion(int ptxVersion) {
  // 7.0 came with 11.0, 8.0 with 12.0, 9.0 with 13.0; 12.6 brought nothing new.
  return ptxVersion + (ptxVersion >= 86 && ptxVersion < 90 ? 41 : 40);
}

Status Launcher::load() {
  Device::Scope scope(*device);
  const Driver &driver = device->driver;
  Status status = fail(Code::Chip, "no machine code");
  if (!variant.cubin.empty() && runsCubin(variant.chip, device->major, device->minor)) {
    status = loadModule(variant.cubin);
    machineCode = status.ok();
  }
  // Machine code of a ptxas newer than the driver may be refused: PTX may do.
  if (!status.ok() && !variant.ptx.empty() && runsPTX(variant.chip, device->major, device->minor)) {
    int wanted = getCudaVersion(variant.ptxVersion);
    auto print = [](int version) {
      return std::to_string(version / 10) + "." + std::to_string(version % 10);
    };
    int driverVersion = driver.version / 1000 * 10 + driver.version % 1000 / 10;
    if (driverVersion < wanted)
      return fail(Code::Driver, "expected the driver of CUDA " + print(wanted) +
                                    " or later for PTX " + print(variant.ptxVersion) +
                                    ", but got that of CUDA " + print(driverVersion));
    status = loadModule(variant.ptx);
  }
  if (!status.ok())
    return status;
  for (const Kernel &kernel : variant.kernels) {
    cuda::Function found = nullptr;
    status = driver.check(driver.moduleGetFunction(&found, module, kernel.name.c_str()),
                          "cuModuleGetFunction");
    if (!status.ok()) {
      status.message += ": " + kernel.name;
      return status;
    }
    functions.push_back(found);
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Making a plan
//===----------------------------------------------------------------------===//

/// Fills a plan.
class Plan::Builder {
public:
  Builder(Plan &plan, const std::vector<std::vector<int64_t>> &shapes, const PlanOptions &options)
      : plan(plan), function(plan.function), launcher(*plan.launcher), options(options),
        values(function, shapes, launcher.device->multiprocessors) {}

  Status build() {
    plan.buffers.resize(function.buffers.size());
    plan.argumentBuffers.resize(function.arguments.size(), -1);
    plan.resultBuffers.resize(function.results.size(), -1);
    for (size_t i = 0; i < function.buffers.size(); ++i) {
      const Buffer &buffer = function.buffers[i];
      if (buffer.kind == Buffer::Argument)
        plan.argumentBuffers[buffer.index] = static_cast<int>(i);
      else if (buffer.kind == Buffer::Result)
        plan.resultBuffers[buffer.index] = static_cast<int>(i);
    }
    for (const Tensor &result : function.results) {
      std::vector<int64_t> shape;
      if (result.alias >= 0)
        plan.resultBuffers[plan.resultShapes.size()] = plan.argumentBuffers[result.alias];
      for (size_t i = 0; i < result.shape.size(); ++i)
        shape.push_back(result.alias >= 0 ? shapes()[result.alias][i]
                                          : values.get(static_cast<int>(result.shape[i])));
      plan.resultShapes.push_back(std::move(shape));
    }
    Status status = addSteps(function.steps);
    for (size_t i = 0; status.ok() && i < plan.buffers.size(); ++i) {
      const Buffer &buffer = function.buffers[i];
      Memory &memory = plan.buffers[i];
      if (buffer.kind != Buffer::Workspace && buffer.kind != Buffer::Result)
        continue;
      memory.used |= buffer.kind == Buffer::Result;
      if (!memory.used)
        continue;
      memory.bytes = values.get(buffer.bytes);
      if (memory.bytes < 0)
        status = fail(Code::Argument, "'" + function.name + "' needs a buffer of a negative size");
      else if (buffer.kind == Buffer::Workspace)
        status = plan.allocate(static_cast<int>(i));
    }
    if (status.ok() && values.hasFailed())
      status = fail(Code::Argument, "'" + function.name + "' divides by zero for these shapes");
    return status;
  }

private:
  const std::vector<std::vector<int64_t>> &shapes() const { return values.getShapes(); }

  Pointer resolve(Address address, unsigned alignment) {
    int buffer = address.buffer;
    while (function.buffers[buffer].kind == Buffer::Select) {
      const Buffer &select = function.buffers[buffer];
      buffer = values.isTrue(select.index) ? select.then : select.otherwise;
    }
    Memory &memory = plan.buffers[buffer];
    memory.used = true;
    int64_t offset = address.offset < 0 ? 0 : values.get(address.offset);
    if (offset % alignment == 0)
      memory.alignment = std::max(memory.alignment, alignment);
    return {buffer, offset};
  }

  Status addSteps(const std::vector<Step> &steps) {
    for (const Step &step : steps) {
      Status status;
      switch (step.kind) {
      case Step::Launch:
        status = addLaunch(step);
        break;
      case Step::Copy: {
        Action &action = plan.actions.emplace_back();
        action.from = resolve(step.from, 1);
        action.to = resolve(step.to, 1);
        int64_t bytes = values.get(step.bytes);
        if (bytes == 0)
          plan.actions.pop_back();
        else
          action.bytes = bytes;
        break;
      }
      case Step::If:
        status = addSteps(values.isTrue(step.condition) ? step.then : step.otherwise);
        break;
      case Step::Check:
        if (!values.isTrue(step.condition))
          status = fail(Code::Check, "'" + function.name + "': " + step.message);
        break;
      }
      if (!status.ok())
        return status;
    }
    return {};
  }

  Status addLaunch(const Step &step) {
    const Kernel &kernel = launcher.variant.kernels[step.kernel];
    Action action;
    action.kernel = &kernel;
    action.function = launcher.functions[step.kernel];
    int64_t blocks = 1;
    static constexpr int64_t maxGrid[3] = {0x7fffffff, 65535, 65535};
    for (int i = 0; i < 3; ++i) {
      int64_t grid = values.get(step.grid[i]), block = values.get(step.block[i]);
      if (grid < 0 || grid > maxGrid[i] || block <= 0 || block > 1024)
        return fail(Code::Argument, "these shapes are too large for " + kernel.name +
                                        ": a grid of " + std::to_string(grid) + " blocks of " +
                                        std::to_string(block) + " threads in dim " +
                                        std::to_string(i));
      action.grid[i] = static_cast<unsigned>(grid);
      action.block[i] = static_cast<unsigned>(block);
      blocks *= grid;
    }
    if (blocks == 0)
      return {};
    for (size_t i = 0; i < step.operands.size(); ++i) {
      const Step::Operand &operand = step.operands[i];
      if (kernel.parameters[i].isPointer)
        action.operands.push_back(
            {true, resolve(operand.address, kernel.parameters[i].alignment), 0});
      else
        action.operands.push_back({false, {}, static_cast<uint64_t>(values.get(operand.value))});
    }
    int64_t shared = step.sharedBytes < 0 ? 0 : values.get(step.sharedBytes);
    Status status = allowShared(action, shared);
    if (status.ok() && kernel.resident)
      status = checkResident(action, blocks);
    if (status.ok()) {
      addAttributes(action);
      plan.actions.push_back(std::move(action));
    }
    return status;
  }

  Status allowShared(Action &action, int64_t shared) {
    const Driver &driver = plan.driver();
    int fixed = 0;
    Status status =
        driver.check(driver.funcGetAttribute(&fixed, cuda::kFunctionSharedBytes, action.function),
                     "cuFuncGetAttribute");
    if (!status.ok())
      return status;
    if (shared < 0 || shared + fixed > launcher.device->maxSharedBytes)
      return fail(Code::Argument, "these shapes need " + std::to_string(shared + fixed) +
                                      " bytes of shared memory in " + action.kernel->name +
                                      ", but a block of " + launcher.device->name + " has " +
                                      std::to_string(launcher.device->maxSharedBytes));
    action.sharedBytes = static_cast<unsigned>(shared);
    // More than 48 KB must be asked for; plans share the function, so never less.
    if (shared + fixed <= 48 * 1024)
      return {};
    return driver.check(driver.funcSetAttribute(action.function, cuda::kFunctionMaxDynamicShared,
                                                launcher.device->maxSharedBytes - fixed),
                        "cuFuncSetAttribute");
  }

  /// All blocks must be on the device at once, or they wait for ever.
  Status checkResident(const Action &action, int64_t blocks) {
    const Driver &driver = plan.driver();
    int active = 0;
    int threads = action.block[0] * action.block[1] * action.block[2];
    Status status = driver.check(
        driver.occupancyMaxActiveBlocks(&active, action.function, threads, action.sharedBytes),
        "cuOccupancyMaxActiveBlocksPerMultiprocessor");
    if (!status.ok())
      return status;
    int64_t resident = int64_t(active) * launcher.device->multiprocessors;
    if (blocks > resident)
      return fail(Code::Argument, "expected at most " + std::to_string(resident) + " blocks of " +
                                      action.kernel->name + ", which wait for each other, on " +
                                      launcher.device->name + ", but got " +
                                      std::to_string(blocks));
    if (!options.exclusive && !launcher.device->launchesCooperatively)
      return fail(Code::Chip, launcher.device->name + " has no cooperative launches, which " +
                                  action.kernel->name + " needs unless the plan is exclusive");
    return {};
  }

  void addAttributes(Action &action) {
    auto add = [&](unsigned id) {
      cuda::LaunchAttribute attribute = {};
      attribute.id = id;
      attribute.value = 1;
      action.attributes.push_back(attribute);
    };
    // Both at once are refused. A kernel may start early only behind a kernel of
    // the same run: others know nothing of it.
    if (action.kernel->resident && !options.exclusive)
      add(cuda::kLaunchCooperative);
    else if (action.kernel->overlaps && !options.inTurn && !plan.actions.empty() &&
             plan.actions.back().function)
      add(cuda::kLaunchProgrammatic);
  }

  Plan &plan;
  const FunctionPlan &function;
  Launcher &launcher;
  const PlanOptions &options;
  HostValues values;
};

Status Launcher::plan(const std::string &name, const std::vector<std::vector<int64_t>> &shapes,
                      const PlanOptions &options, std::unique_ptr<Plan> &plan) {
  const FunctionPlan *function = variant.findFunction(name);
  if (!function) {
    std::string names;
    for (const FunctionPlan &known : variant.functions)
      names += (names.empty() ? "'" : ", '") + known.name + "'";
    return fail(Code::Argument,
                "expected a function of the bundle (" + names + "), but got '" + name + "'");
  }
  if (shapes.size() != function->arguments.size())
    return fail(Code::Argument, "expected " + std::to_string(function->arguments.size()) +
                                    " arguments of '" + name + "', but got " +
                                    std::to_string(shapes.size()));
  for (size_t i = 0; i < shapes.size(); ++i) {
    const std::vector<int64_t> &wanted = function->arguments[i].shape;
    bool matches = shapes[i].size() == wanted.size();
    for (size_t dim = 0; matches && dim < wanted.size(); ++dim)
      matches = shapes[i][dim] >= 0 && (wanted[dim] < 0 || shapes[i][dim] == wanted[dim]);
    if (!matches)
      return fail(Code::Argument, "expected " + describeArgument(*function, i) + " to be " +
                                      printShape(wanted) + ", but got " + printShape(shapes[i]));
  }
  Device::Scope scope(*device);
  std::unique_ptr<Plan> made(new Plan(shared_from_this(), *function));
  Status status = Plan::Builder(*made, shapes, options).build();
  if (!status.ok())
    return status;
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (made->argumentBuffers[i] < 0)
      continue;
    int64_t bytes = getElementBytes(function->arguments[i].dtype);
    for (int64_t size : shapes[i])
      bytes *= size;
    made->buffers[made->argumentBuffers[i]].bytes = bytes;
  }
  plan = std::move(made);
  return {};
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Plan::~Plan() {
  Device::Scope scope(launcher->getDevice());
  dropGraph();
  for (Memory &buffer : buffers)
    if (buffer.owned)
      driver().memFree(buffer.address);
}

Status Plan::allocate(int index) {
  Memory &buffer = buffers[index];
  size_t bytes = std::max<int64_t>(1, buffer.bytes);
  Status status = driver().check(driver().memAlloc(&buffer.address, bytes), "cuMemAlloc");
  if (!status.ok()) {
    status.message += ": " + std::to_string(bytes) + " bytes for '" + function.name +
                      "', which has " + std::to_string(memory) + " already";
    return status;
  }
  buffer.owned = true;
  memory += bytes;
  const Buffer &planned = function.buffers[index];
  if (planned.init)
    status = driver().check(driver().memsetD8(buffer.address, *planned.init, bytes), "cuMemsetD8");
  else if (!planned.data.empty() && planned.data.size() != static_cast<size_t>(buffer.bytes))
    return fail(Code::Bundle, "the bundle is damaged: a constant of " +
                                  std::to_string(buffer.bytes) + " bytes has " +
                                  std::to_string(planned.data.size()));
  else if (!planned.data.empty())
    status = driver().check(driver().memcpyHtoD(buffer.address, planned.data.data(), bytes),
                            "cuMemcpyHtoD");
  // The stream of a run need not wait for the one of a memset or a copy.
  if (status.ok() && (planned.init || !planned.data.empty()))
    status = driver().check(driver().ctxSynchronize(), "cuCtxSynchronize");
  return status;
}

Status Plan::bind(int index, const std::string &what, cuda::Pointer pointer) {
  if (index < 0)
    return {}; // nothing uses it
  Memory &buffer = buffers[index];
  if (pointer % buffer.alignment != 0)
    return fail(Code::Argument, "expected " + what + " on " + std::to_string(buffer.alignment) +
                                    " bytes, but its address is a multiple of " +
                                    std::to_string(pointer & -pointer));
  if (!pointer && buffer.bytes > 0 && buffer.used)
    return fail(Code::Argument, "expected memory for " + what + ", but got a null pointer");
  if (buffer.address == pointer && !buffer.owned)
    return {};
  if (buffer.owned) {
    Device::Scope scope(launcher->getDevice());
    driver().memFree(buffer.address);
    memory -= std::max<int64_t>(1, buffer.bytes);
    buffer.owned = false;
  }
  buffer.address = pointer;
  completed = false;
  return {};
}

Status Plan::bindArgument(int index, cuda::Pointer pointer) {
  if (index < 0 || static_cast<size_t>(index) >= argumentBuffers.size())
    return fail(Code::Argument, "expected an argument below " +
                                    std::to_string(argumentBuffers.size()) + " of '" +
                                    function.name + "', but got " + std::to_string(index));
  return bind(argumentBuffers[index], describeArgument(function, index), pointer);
}

static Status checkResult(const FunctionPlan &function, int index) {
  if (index >= 0 && static_cast<size_t>(index) < function.results.size())
    return {};
  return fail(Code::Argument, "expected a result below " + std::to_string(function.results.size()) +
                                  " of '" + function.name + "', but got " + std::to_string(index));
}

Status Plan::bindResult(int index, cuda::Pointer pointer) {
  Status status = checkResult(function, index);
  if (!status.ok())
    return status;
  std::string what = "result " + std::to_string(index) + " of '" + function.name + "'";
  if (function.results[index].alias >= 0)
    return fail(Code::Argument, "expected no memory for " + what + ", which is argument " +
                                    std::to_string(function.results[index].alias));
  return bind(resultBuffers[index], what, pointer);
}

Status Plan::getResult(int index, cuda::Pointer &pointer) {
  Status status = checkResult(function, index);
  if (!status.ok())
    return status;
  int buffer = resultBuffers[index];
  Device::Scope scope(launcher->getDevice());
  if (function.results[index].alias < 0 && !buffers[buffer].address)
    status = allocate(buffer);
  pointer = buffers[buffer].address;
  return status;
}

Status Plan::complete() {
  if (completed)
    return {};
  dropGraph();
  for (size_t i = 0; i < argumentBuffers.size(); ++i) {
    if (argumentBuffers[i] < 0)
      continue;
    const Memory &buffer = buffers[argumentBuffers[i]];
    if (buffer.used && buffer.bytes > 0 && !buffer.address)
      return fail(Code::Argument,
                  "expected memory for " + describeArgument(function, i) + ", but none is bound");
  }
  for (size_t i = 0; i < resultBuffers.size(); ++i) {
    if (function.results[i].alias >= 0 || buffers[resultBuffers[i]].address)
      continue;
    Status status = allocate(resultBuffers[i]);
    if (!status.ok())
      return status;
  }
  completed = true;
  return {};
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

Status Plan::enqueue(cuda::Stream stream) {
  for (Action &action : actions) {
    auto getAddress = [&](Pointer pointer) {
      return buffers[pointer.buffer].address + pointer.offset;
    };
    if (!action.function) {
      Status status =
          driver().check(driver().memcpyDtoDAsync(getAddress(action.to), getAddress(action.from),
                                                  action.bytes, stream),
                         "cuMemcpyDtoDAsync");
      if (!status.ok())
        return status;
      continue;
    }
    std::vector<uint64_t> words;
    for (const Operand &operand : action.operands)
      words.push_back(operand.isPointer ? getAddress(operand.pointer) : operand.bits);
    std::vector<void *> parameters; // little endian: narrower ones stand in front
    for (uint64_t &word : words)
      parameters.push_back(&word);
    cuda::LaunchConfig config = {};
    std::copy_n(action.grid, 3, config.grid);
    std::copy_n(action.block, 3, config.block);
    config.sharedBytes = action.sharedBytes;
    config.stream = stream;
    config.attributes = action.attributes.data();
    config.numAttributes = static_cast<unsigned>(action.attributes.size());
    Status status = driver().check(
        driver().launchKernelEx(&config, action.function, parameters.data(), nullptr),
        "cuLaunchKernelEx");
    if (!status.ok()) {
      status.message = action.kernel->name + ": " + status.message;
      return status;
    }
  }
  return {};
}

Status Plan::run(cuda::Stream stream) {
  Device::Scope scope(launcher->getDevice());
  Status status = complete();
  return status.ok() ? enqueue(stream) : status;
}

void Plan::dropGraph() {
  if (graph)
    driver().graphExecDestroy(graph);
  graph = nullptr;
}

Status Plan::capture() {
  Device::Scope scope(launcher->getDevice());
  Status status = complete();
  if (!status.ok() || graph)
    return status;
  cuda::Stream stream = nullptr;
  status =
      driver().check(driver().streamCreate(&stream, cuda::kStreamNonBlocking), "cuStreamCreate");
  if (!status.ok())
    return status;
  cuda::Graph captured = nullptr;
  status = driver().check(driver().streamBeginCapture(stream, cuda::kCaptureThreadLocal),
                          "cuStreamBeginCapture");
  if (status.ok()) {
    status = enqueue(stream);
    Status ended =
        driver().check(driver().streamEndCapture(stream, &captured), "cuStreamEndCapture");
    if (status.ok())
      status = ended;
  }
  if (status.ok())
    status = driver().check(driver().graphInstantiate(&graph, captured, 0),
                            "cuGraphInstantiateWithFlags");
  if (captured)
    driver().graphDestroy(captured);
  driver().streamDestroy(stream);
  return status;
}

Status Plan::replay(cuda::Stream stream) {
  Status status = capture();
  if (!status.ok())
    return status;
  Device::Scope scope(launcher->getDevice());
  return driver().check(driver().graphLaunch(graph, stream), "cuGraphLaunch");
}

Status Plan::time(cuda::Stream stream, int repetitions, bool asGraph, double &seconds) {
  if (repetitions <= 0)
    return fail(Code::Argument,
                "expected at least one repetition, but got " + std::to_string(repetitions));
  auto step = [&] { return asGraph ? replay(stream) : run(stream); };
  Status status = step(); // the first of all loads and allocates
  if (!status.ok())
    return status;
  Device::Scope scope(launcher->getDevice());
  cuda::Event events[2] = {};
  for (cuda::Event &event : events)
    if (status.ok())
      status = driver().check(driver().eventCreate(&event, 0), "cuEventCreate");
  if (status.ok())
    status = driver().check(driver().eventRecord(events[0], stream), "cuEventRecord");
  for (int i = 0; status.ok() && i < repetitions; ++i)
    status = step();
  if (status.ok())
    status = driver().check(driver().eventRecord(events[1], stream), "cuEventRecord");
  if (status.ok())
    status = driver().check(driver().eventSynchronize(events[1]), "cuEventSynchronize");
  float milliseconds = 0;
  if (status.ok())
    status = driver().check(driver().eventElapsedTime(&milliseconds, events[0], events[1]),
                            "cuEventElapsedTime");
  seconds = milliseconds * 1e-3 / repetitions;
  for (cuda::Event event : events)
    if (event)
      driver().eventDestroy(event);
  return status;
}
