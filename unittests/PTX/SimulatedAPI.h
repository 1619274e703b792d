//===- SimulatedAPI.h - How functions of libcuda begin ----------*- C++ -*-===//
#ifndef DASHKV_UNITTESTS_PTX_SIMULATEDAPI_H
#define DASHKV_UNITTESTS_PTX_SIMULATEDAPI_H

#include "SimulatedDevice.h"

namespace ptx::cuda {

struct Symbol {
  const char *name;
  void *function;
};
#define SYMBOL(name) {#name, reinterpret_cast<void *>(name)}

/// Those of streams, events, graphs and memory.
void *findStreamSymbol(std::string_view name);

/// An error, which ends every capture that is under way.
inline Result refuseInCapture(Device &device) {
  for (Stream *stream : device.streams)
    if (stream->capture)
      stream->captureFailed = true;
  return StreamCaptureUnsupported;
}

} // namespace ptx::cuda

#define API extern "C" __attribute__((visibility("default"))) int

/// Locks the device. Returns early before cuInit and after a failed kernel.
#define ENTER()                                                                                    \
  Device &device = Device::get();                                                                  \
  std::lock_guard<std::recursive_mutex> lock(device.mutex);                                        \
  if (!device.initialized)                                                                         \
    return NotInitialized;                                                                         \
  if (device.sticky != Success)                                                                    \
    return device.sticky;

/// No capture is under way: this would wait or is not allowed beside one.
#define REFUSE_IN_CAPTURE()                                                                        \
  if (device.isCapturing())                                                                        \
    return refuseInCapture(device);

#endif // DASHKV_UNITTESTS_PTX_SIMULATEDAPI_H
