//===- SimulatedDevice.cpp - State of the simulated driver ----------------===//
#include "SimulatedDevice.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace ptx;
using namespace ptx::cuda;

static std::unique_ptr<Device> &getInstance() {
  static std::unique_ptr<Device> device;
  return device;
}

Device &Device::get() {
  std::unique_ptr<Device> &device = getInstance();
  if (!device)
    device.reset(new Device());
  return *device;
}

void Device::reset() { getInstance().reset(); }

Device::Device() {
  auto read = [](const char *name, const char *fallback) {
    const char *value = std::getenv(name);
    return value && *value ? value : fallback;
  };
  options.setChip(read("DASHKV_SIM_CHIP", "sm_90a"));
  options.multiprocessors = std::atoi(read("DASHKV_SIM_SMS", "132"));
  options.seed = std::atoi(read("DASHKV_SIM_SEED", "1"));
  driverVersion = std::atoi(read("DASHKV_SIM_DRIVER", "13000"));
  trace = std::atoi(read("DASHKV_SIM_TRACE", "0"));
}

Device::~Device() {
  for (LoadedModule *module : modules)
    delete module;
  for (Stream *stream : streams)
    delete stream;
}

// Of the CUDA guide's table of compute capabilities.
uint64_t Device::threadsPerSM() const {
  int chip = capability();
  return chip == 86 || chip == 89 || chip >= 120 ? 1536 : 2048;
}
uint64_t Device::sharedPerSM() const { return options.sharedLimit + 1024; }

/// The newest PTX that a driver knows, as 10 x version.
static int getPTXVersion(int driver) {
  static const std::pair<int, int> versions[] = {
      {13000, 90}, {12090, 88}, {12080, 87}, {12070, 86}, {12050, 85}, {12040, 84},
      {12030, 83}, {12020, 82}, {12010, 81}, {12000, 80}, {11080, 78}, {11070, 77}};
  for (const auto &[since, version] : versions)
    if (driver >= since)
      return version;
  return 75;
}

Result Device::load(LoadedModule *&module, std::string_view text, std::string &log) {
  // "\x7fELF" of a cubin, and the magic number of a fat binary.
  if (text.size() >= 4 && (text.substr(0, 4) == "\x7f"
                                                "ELF" ||
                           text.substr(0, 4) == "\x50\xed\x55\xba"))
    return NoBinaryForGPU;
  auto loaded = std::make_unique<LoadedModule>();
  auto place = [](void *context, GlobalVariable &variable) {
    Memory &memory = *static_cast<Memory *>(context);
    uint64_t address = memory.add(variable.data.data(), variable.data.size(),
                                  variable.constant ? Access::Read : Access::ReadWrite);
    return address;
  };
  if (!parseModule(text, loaded->module, place, &memory, log)) {
    std::fprintf(stderr, "simulated driver: %s\n", log.c_str());
    message = log;
    return InvalidPTX;
  }
  const std::string &target = loaded->module.target;
  int wanted = target.size() > 3 ? std::atoi(target.c_str() + 3) : 0;
  bool specific = !target.empty() && !std::isdigit(static_cast<unsigned char>(target.back()));
  if (wanted > capability() || (specific && wanted != capability())) {
    log = "ptx of " + target + " does not run on " + options.chip;
    return NoBinaryForGPU;
  }
  if (loaded->module.version > getPTXVersion(driverVersion)) {
    log = "unsupported PTX version";
    return UnsupportedPTXVersion;
  }
  module = loaded.release();
  modules.insert(module);
  return Success;
}

void Device::unload(LoadedModule *module) {
  for (const auto &entry : module->module.globals)
    memory.release(entry.second->address);
  modules.erase(module);
  delete module;
}

uint64_t Device::getOccupancy(const Function &function, uint64_t threads, uint64_t dynamic) const {
  const Kernel &kernel = *function.kernel;
  threads = (threads + 31) / 32 * 32;
  // What ptxas makes of the registers is not known: what the kernel asks for,
  // or half of the threads.
  uint64_t byRegisters = std::max<uint64_t>(threadsPerSM() / 2 / threads, kernel.minBlocks);
  uint64_t shared = kernel.staticShared + dynamic + 1024;
  return std::min({std::max<uint64_t>(byRegisters, 1), threadsPerSM() / threads,
                   sharedPerSM() / shared, uint64_t(32)});
}

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

Stream &Device::resolve(Stream *stream) {
  // 0, CU_STREAM_LEGACY and CU_STREAM_PER_THREAD
  return reinterpret_cast<uintptr_t>(stream) <= 2 ? defaultStream : *stream;
}

bool Device::isCapturing() const {
  return std::any_of(streams.begin(), streams.end(),
                     [](const Stream *stream) { return stream->capture != nullptr; });
}

Result Device::submit(Stream *handle, Work work) {
  Stream &stream = resolve(handle);
  if (stream.capture) {
    stream.capture->work.push_back(std::move(work));
    return Success;
  }
  if (&stream == &defaultStream && isCapturing())
    for (Stream *other : streams)
      if (other->capture && other->blocking) {
        other->captureFailed = true;
        return StreamCaptureImplicit;
      }
  // The default stream and the blocking ones wait for each other.
  if (&stream == &defaultStream)
    flushBlocking();
  else if (stream.blocking)
    flush(defaultStream);
  stream.work.push_back(std::move(work));
  ++stream.submitted;
  return sticky;
}

Result Device::flush(Stream &stream, uint64_t until) {
  while (!stream.work.empty() && stream.done < until) {
    Work work = std::move(stream.work.front());
    stream.work.pop_front();
    ++stream.done;
    if (sticky != Success)
      continue;
    Result result = work.run(work.programmatic && stream.lastWasKernel);
    stream.lastWasKernel = work.isKernel;
    if (result != Success)
      sticky = result;
  }
  return sticky;
}

Result Device::flushBlocking() {
  flush(defaultStream);
  for (Stream *stream : streams)
    if (stream->blocking)
      flush(*stream);
  return sticky;
}

Result Device::flushAll() {
  flush(defaultStream);
  for (Stream *stream : streams)
    flush(*stream);
  return sticky;
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

Result Device::runKernelWork(Function *function, Launch launch, bool cooperative, bool dependent) {
  launch.dependent = dependent;
  MachineOptions machine = options;
  machine.residentBlocks =
      options.multiprocessors * getOccupancy(*function, launch.block.total(), launch.dynamicShared);
  const Kernel &kernel = *function->kernel;
  uint64_t before = 0, after = 0;
  for (uint64_t count : kernel.executed)
    before += count;
  std::string error;
  bool ok = runKernel(memory, function->owner->module, kernel.name, launch, machine, error);
  for (uint64_t count : kernel.executed)
    after += count;
  launches.push_back(
      {kernel.name, launch.grid, launch.block, launch.dynamicShared, cooperative, dependent});
  if (trace)
    std::fprintf(stderr,
                 "simulated driver: %s grid %u,%u,%u block %u,%u,%u shared %llu%s%s: %llu "
                 "thread instructions\n",
                 kernel.name.c_str(), launch.grid.x, launch.grid.y, launch.grid.z, launch.block.x,
                 launch.block.y, launch.block.z,
                 static_cast<unsigned long long>(launch.dynamicShared),
                 cooperative ? " cooperative" : "", dependent ? " dependent" : "",
                 static_cast<unsigned long long>(after - before));
  if (ok)
    return Success;
  std::fprintf(stderr, "simulated driver: %s\n", error.c_str());
  message = error;
  return LaunchFailed;
}

Result Device::launch(Function *function, const LaunchConfig &config, void **parameters,
                      void **extra) {
  if (!function || !modules.count(function->owner))
    return InvalidHandle;
  const Kernel &kernel = *function->kernel;
  Launch launch;
  launch.grid = {config.grid[0], config.grid[1], config.grid[2]};
  launch.block = {config.block[0], config.block[1], config.block[2]};
  launch.dynamicShared = config.sharedBytes;
  bool cooperative = false, programmatic = false;
  for (unsigned i = 0; i < config.numAttributes; ++i) {
    const LaunchAttribute &attribute = config.attributes[i];
    switch (attribute.id) {
    case 0: // ignore
      break;
    case 2:
      cooperative = attribute.value;
      break;
    case 4:
      if (attribute.cluster[0] * attribute.cluster[1] * attribute.cluster[2] > 1)
        return NotSupported;
      break;
    case 6:
      programmatic = attribute.value && capability() >= 90;
      break;
    default:
      return NotSupported;
    }
  }
  uint64_t threads = launch.block.total();
  if (!threads || !launch.grid.total() || threads > 1024 || launch.block.z > 64 ||
      launch.grid.y > 65535 || launch.grid.z > 65535 || launch.grid.x > 0x7fffffff)
    return InvalidValue;
  if (threads > kernel.maxThreads || (kernel.exactThreads && threads != kernel.maxThreads))
    return InvalidValue;
  if (launch.dynamicShared > function->dynamicLimit ||
      kernel.staticShared + launch.dynamicShared > options.sharedLimit)
    return InvalidValue;
  if (cooperative &&
      launch.grid.total() >
          options.multiprocessors * getOccupancy(*function, threads, launch.dynamicShared))
    return CooperativeLaunchTooLarge;
  launch.parameters.resize(kernel.parameterBytes());
  if (parameters) {
    for (size_t i = 0; i < kernel.parameterOrder.size(); ++i)
      std::memcpy(launch.parameters.data() + kernel.parameterOrder[i].offset, parameters[i],
                  kernel.parameterOrder[i].size);
  } else if (!launch.parameters.empty()) {
    const void *buffer = nullptr;
    size_t size = 0;
    for (size_t i = 0; extra && extra[i]; i += 2) {
      if (reinterpret_cast<uintptr_t>(extra[i]) == 1)
        buffer = extra[i + 1];
      else if (reinterpret_cast<uintptr_t>(extra[i]) == 2)
        size = *static_cast<size_t *>(extra[i + 1]);
    }
    if (!buffer || size < launch.parameters.size())
      return InvalidValue;
    std::memcpy(launch.parameters.data(), buffer, launch.parameters.size());
  }
  Work work;
  work.isKernel = true;
  work.programmatic = programmatic;
  work.run = [this, function, launch, cooperative](bool dependent) {
    return runKernelWork(function, launch, cooperative, dependent);
  };
  return submit(config.stream, std::move(work));
}
