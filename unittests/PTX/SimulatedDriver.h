//===- SimulatedDriver.h - A CUDA driver without a GPU ----------*- C++ -*-===//
//
// Stands in for libcuda: its functions, with the interpreter as the device.
// Device addresses are no host pointers, fresh memory counts as unwritten, and
// freed memory is out of bounds. Streams are queues that run only when somebody
// waits for them, so that a result that is read too early is not there. PTX is
// interpreted; machine code is refused, as on a GPU of another kind.
//
// The environment describes the GPU, when the driver is first used:
//   DASHKV_SIM_CHIP=sm_90a   DASHKV_SIM_SMS=132    DASHKV_SIM_DRIVER=13000
//   DASHKV_SIM_SEED=1        order of blocks and warps; even: last block first
//   DASHKV_SIM_TRACE=1       a line for each launch, on stderr
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_UNITTESTS_PTX_SIMULATEDDRIVER_H
#define DASHKV_UNITTESTS_PTX_SIMULATEDDRIVER_H

#include "PTXInterpreter.h"

namespace ptx {

/// The function of libcuda of that name, or null.
void *simulatedSymbol(const char *name);

/// What has been launched, in order.
struct SimulatedLaunch {
  std::string kernel;
  Dim3 grid, block;
  uint64_t dynamicShared;
  bool cooperative, dependent;
};
const std::vector<SimulatedLaunch> &getSimulatedLaunches();

/// What the interpreter last complained about.
const std::string &getSimulatedError();

/// Forgets memory, modules and errors and reads the environment again. Handles
/// and functions are invalid afterwards.
void resetSimulatedDriver();

} // namespace ptx

#endif // DASHKV_UNITTESTS_PTX_SIMULATEDDRIVER_H
