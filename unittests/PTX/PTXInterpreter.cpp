//===- PTXInterpreter.cpp - Launches --------------------------------------===//
#include "PTXInterpreter.h"
#include "PTXMachine.h"
#include <cstdlib>

using namespace ptx;

void MachineOptions::setChip(std::string_view name) {
  chip = name;
  int number = std::atoi(chip.c_str() + 3);
  // Of a block, as the CUDA guide lists it by compute capability.
  sharedLimit = (number == 80 || number == 87   ? 163
                 : number >= 90 && number < 120 ? 227
                                                : 99) *
                1024;
}

bool ptx::runKernel(Memory &memory, Module &module, const std::string &name, const Launch &launch,
                    const MachineOptions &options, std::string &error) {
  auto fail = [&](const std::string &message) {
    error = message;
    return false;
  };
  auto found = module.kernels.find(name);
  if (found == module.kernels.end())
    return fail("no kernel '" + name + "'");
  Kernel &kernel = *found->second;
  auto expected = [&](const std::string &what, uint64_t limit, uint64_t got) {
    return fail(name + ": expected " + what + std::to_string(limit) + ", but got " +
                std::to_string(got));
  };
  uint64_t threads = launch.block.total();
  if (threads > kernel.maxThreads)
    return fail(name + ": expected at most " + std::to_string(kernel.maxThreads) +
                " threads, but got " + std::to_string(threads));
  if (!threads || !launch.grid.total())
    return fail(name + ": expected at least one block and one thread");
  if (kernel.exactThreads && threads != kernel.maxThreads)
    return expected("a block of ", kernel.maxThreads, threads);
  if (launch.block.z > 64)
    return expected("a block of depth at most ", 64, launch.block.z);
  if (launch.grid.y > 65535 || launch.grid.z > 65535)
    return expected("a grid of y and z at most ", 65535, std::max(launch.grid.y, launch.grid.z));
  uint64_t shared = kernel.staticShared + launch.dynamicShared;
  if (shared > options.sharedLimit)
    return expected("bytes of shared memory of at most ", options.sharedLimit, shared);
  if (launch.parameters.size() != kernel.parameterBytes())
    return expected("bytes of parameters of ", kernel.parameterBytes(), launch.parameters.size());
  for (unsigned i = 0; i < 3; ++i)
    if (kernel.cluster[i] > 1)
      return fail(name + ": clusters of more than one block are not simulated");
  ++memory.launch;
  if (!launch.dependent || !memory.chain)
    memory.chain = memory.launch;
  error.clear();
  Grid grid(memory, kernel, launch, options, error);
  bool ok = grid.run();
  for (size_t i = 0; i < kernel.code.size(); ++i)
    kernel.executed[i] += grid.executed[i];
  return ok;
}

Interpreter::Interpreter() : module(std::make_unique<Module>()) {}
Interpreter::~Interpreter() = default;

bool Interpreter::load(std::string_view text) {
  module = std::make_unique<Module>();
  auto place = [](void *context, GlobalVariable &variable) {
    return static_cast<Memory *>(context)->add(variable.data.data(), variable.data.size(),
                                               variable.constant ? Access::Read
                                                                 : Access::ReadWrite);
  };
  return parseModule(text, *module, place, &memory, error);
}

bool Interpreter::launch(const std::string &name, Dim3 grid, Dim3 block,
                         const std::vector<uint64_t> &arguments, uint64_t dynamicShared,
                         bool dependent) {
  auto found = module->kernels.find(name);
  if (found == module->kernels.end()) {
    error = "no kernel '" + name + "'";
    return false;
  }
  const Kernel &kernel = *found->second;
  if (arguments.size() != kernel.parameterOrder.size()) {
    error = "expected " + std::to_string(kernel.parameterOrder.size()) + " arguments, but got " +
            std::to_string(arguments.size());
    return false;
  }
  Launch launch;
  launch.grid = grid;
  launch.block = block;
  launch.dynamicShared = dynamicShared;
  launch.dependent = dependent;
  launch.parameters.resize(kernel.parameterBytes());
  for (size_t i = 0; i < arguments.size(); ++i)
    std::memcpy(launch.parameters.data() + kernel.parameterOrder[i].offset, &arguments[i],
                std::min<unsigned>(kernel.parameterOrder[i].size, 8));
  return runKernel(memory, *module, name, launch, options, error);
}

uint64_t Interpreter::getCount(std::string_view opcode) const {
  uint64_t count = 0;
  for (const auto &entry : module->kernels)
    for (size_t i = 0; i < entry.second->code.size(); ++i)
      if (entry.second->code[i].name == opcode)
        count += entry.second->executed[i];
  return count;
}
