//===- SimulatedStreams.cpp - Streams, graphs and memory ------------------===//
#include "SimulatedAPI.h"
#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace ptx;
using namespace ptx::cuda;

//===----------------------------------------------------------------------===//
// Streams, events and graphs
//===----------------------------------------------------------------------===//

API cuStreamCreate(Stream **stream, unsigned flags) {
  ENTER();
  *stream = new Stream();
  (*stream)->blocking = !(flags & 1);
  device.streams.insert(*stream);
  return Success;
}
API cuStreamCreateWithPriority(Stream **stream, unsigned flags, int) {
  return cuStreamCreate(stream, flags);
}
API cuStreamDestroy_v2(Stream *stream) {
  Device &device = Device::get();
  std::lock_guard<std::recursive_mutex> lock(device.mutex);
  if (!device.streams.count(stream))
    return InvalidHandle;
  Result result = device.flush(*stream);
  device.streams.erase(stream);
  delete stream;
  return result;
}
API cuStreamSynchronize(Stream *handle) {
  ENTER();
  Stream &stream = device.resolve(handle);
  if (stream.capture)
    return refuseInCapture(device);
  return &stream == &device.defaultStream ? device.flushBlocking() : device.flush(stream);
}
API cuStreamQuery(Stream *stream) { return cuStreamSynchronize(stream); }
API cuStreamBeginCapture_v2(Stream *handle, unsigned) {
  ENTER();
  Stream &stream = device.resolve(handle);
  if (&stream == &device.defaultStream)
    return StreamCaptureUnsupported;
  if (stream.capture)
    return InvalidValue;
  stream.capture = std::make_unique<GraphWork>();
  stream.captureFailed = false;
  return Success;
}
API cuStreamIsCapturing(Stream *handle, int *status) {
  ENTER();
  Stream &stream = device.resolve(handle);
  *status = !stream.capture ? 0 : stream.captureFailed ? 2 : 1;
  return Success;
}
API cuStreamEndCapture(Stream *handle, GraphWork **graph) {
  ENTER();
  Stream &stream = device.resolve(handle);
  *graph = nullptr;
  if (!stream.capture)
    return StreamCaptureUnmatched;
  std::unique_ptr<GraphWork> captured = std::move(stream.capture);
  if (stream.captureFailed)
    return StreamCaptureInvalidated;
  *graph = captured.release();
  return Success;
}
API cuGraphInstantiateWithFlags(GraphWork **executable, GraphWork *graph, unsigned long long) {
  ENTER();
  *executable = new GraphWork(*graph);
  return Success;
}
API cuGraphLaunch(GraphWork *graph, Stream *stream) {
  ENTER();
  Work work;
  // Held by the work: the graph may be destroyed before it runs.
  work.run = [graph = *graph](bool) {
    bool lastWasKernel = false;
    for (const Work &each : graph.work) {
      if (Result result = each.run(each.programmatic && lastWasKernel))
        return result;
      lastWasKernel = each.isKernel;
    }
    return Success;
  };
  return device.submit(stream, std::move(work));
}
API cuGraphDestroy(GraphWork *graph) {
  delete graph;
  return Success;
}
API cuGraphExecDestroy(GraphWork *graph) {
  delete graph;
  return Success;
}
API cuGraphGetNodes(GraphWork *graph, void **nodes, size_t *count) {
  size_t room = nodes ? *count : 0;
  *count = graph->work.size();
  for (size_t i = 0; i < std::min(room, *count); ++i)
    nodes[i] = &graph->work[i];
  return Success;
}

API cuEventCreate(Event **event, unsigned) {
  ENTER();
  *event = new Event();
  return Success;
}
API cuEventDestroy_v2(Event *event) {
  delete event;
  return Success;
}
API cuEventRecord(Event *event, Stream *handle) {
  ENTER();
  Stream &stream = device.resolve(handle);
  if (stream.capture)
    return Success;
  event->stream = &stream;
  event->position = stream.submitted;
  event->time = device.clock += 0.001;
  return Success;
}
API cuEventSynchronize(Event *event) {
  ENTER();
  if (event->stream &&
      (event->stream == &device.defaultStream || device.streams.count(event->stream)))
    return device.flush(*event->stream, event->position);
  return Success;
}
API cuEventQuery(Event *event) { return cuEventSynchronize(event); }
API cuEventElapsedTime(float *milliseconds, Event *start, Event *end) {
  ENTER();
  if (!start->stream || !end->stream)
    return InvalidHandle;
  *milliseconds = static_cast<float>(end->time - start->time);
  return Success;
}
API cuStreamWaitEvent(Stream *stream, Event *event, unsigned) {
  ENTER();
  Stream *source = event->stream;
  if (!source || source == &device.resolve(stream))
    return Success;
  Work work;
  work.run = [&device, source, position = event->position](bool) {
    return device.streams.count(source) ? device.flush(*source, position) : Success;
  };
  return device.submit(stream, std::move(work));
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// The host memory that stands for the device: less than the device has.
constexpr uint64_t room = uint64_t(8) << 30;

API cuMemAlloc_v2(DevicePointer *address, size_t bytes) {
  ENTER();
  REFUSE_IN_CAPTURE();
  if (!bytes)
    return InvalidValue;
  if (bytes > room || device.memory.getUsed() + bytes > room)
    return OutOfMemory;
  *address = device.memory.add(nullptr, bytes, Access::Workspace);
  return Success;
}
API cuMemFree_v2(DevicePointer address) {
  Device &device = Device::get();
  std::lock_guard<std::recursive_mutex> lock(device.mutex);
  if (device.isCapturing())
    return refuseInCapture(device);
  if (!address)
    return Success;
  Result result = device.flushAll();
  return device.memory.release(address) ? result : InvalidValue;
}
API cuMemAllocAsync(DevicePointer *address, size_t bytes, Stream *stream) {
  ENTER();
  if (device.resolve(stream).capture)
    return NotSupported;
  return cuMemAlloc_v2(address, bytes);
}
API cuMemFreeAsync(DevicePointer address, Stream *stream) {
  ENTER();
  Work work;
  work.run = [&device, address](bool) {
    return device.memory.release(address) ? Success : InvalidValue;
  };
  return device.submit(stream, std::move(work));
}
API cuMemGetInfo_v2(size_t *free, size_t *total) {
  ENTER();
  *total = size_t(80) << 30;
  *free = *total - device.memory.getUsed();
  return Success;
}
API cuMemAllocHost_v2(void **data, size_t bytes) {
  *data = std::malloc(bytes ? bytes : 1);
  return *data ? Success : OutOfMemory;
}
API cuMemHostAlloc(void **data, size_t bytes, unsigned) { return cuMemAllocHost_v2(data, bytes); }
API cuMemFreeHost(void *data) {
  std::free(data);
  return Success;
}
API cuMemHostRegister_v2(void *, size_t, unsigned) { return NotSupported; }
API cuMemHostUnregister(void *) { return NotSupported; }
API cuMemAllocManaged(DevicePointer *, size_t, unsigned) { return NotSupported; }

/// Copies what has been written as such.
static Result copyOnDevice(Device &device, DevicePointer to, DevicePointer from, size_t bytes) {
  const char *source = device.memory.access(from, bytes, false);
  char *destination = device.memory.access(to, bytes, true);
  if (!source || !destination)
    return InvalidValue;
  std::memmove(destination, source, bytes);
  Buffer *in = device.memory.find(from), *out = device.memory.find(to);
  if (in->written && out->written)
    std::memmove(out->written.get() + (to - out->base), in->written.get() + (from - in->base),
                 bytes);
  return Success;
}

/// Work on memory whose range is checked at the call.
static int submitCopy(Device &device, Stream *stream, bool waits, std::function<Result(bool)> run) {
  if (waits && device.isCapturing())
    return refuseInCapture(device);
  Work work;
  work.run = std::move(run);
  if (Result result = device.submit(stream, std::move(work)))
    return result;
  return waits ? device.flush(device.resolve(stream)) : Success;
}

static int copyToDevice(DevicePointer to, const void *from, size_t bytes, Stream *stream,
                        bool waits) {
  ENTER();
  if (!bytes)
    return Success;
  if (!device.memory.access(to, bytes, false))
    return InvalidValue;
  // Pageable memory is read at the call.
  std::vector<char> staged(static_cast<const char *>(from),
                           static_cast<const char *>(from) + bytes);
  return submitCopy(device, stream, waits, [&device, to, staged = std::move(staged)](bool) {
    char *data = device.memory.access(to, staged.size(), true);
    if (!data)
      return InvalidValue;
    std::memcpy(data, staged.data(), staged.size());
    return Success;
  });
}
static int copyToHost(void *to, DevicePointer from, size_t bytes, Stream *stream, bool waits) {
  ENTER();
  if (!bytes)
    return Success;
  if (!device.memory.access(from, bytes, false))
    return InvalidValue;
  return submitCopy(device, stream, waits, [&device, to, from, bytes](bool) {
    const char *data = device.memory.access(from, bytes, false);
    if (!data)
      return InvalidValue;
    std::memcpy(to, data, bytes);
    return Success;
  });
}
static int copyBetween(DevicePointer to, DevicePointer from, size_t bytes, Stream *stream,
                       bool waits) {
  ENTER();
  if (!bytes)
    return Success;
  if (!device.memory.access(to, bytes, false) || !device.memory.access(from, bytes, false))
    return InvalidValue;
  return submitCopy(device, stream, waits, [&device, to, from, bytes](bool) {
    return copyOnDevice(device, to, from, bytes);
  });
}
template <typename T>
static int fill(DevicePointer to, T value, size_t count, Stream *stream, bool waits) {
  ENTER();
  if (to % sizeof(T))
    return InvalidValue;
  if (!count)
    return Success;
  if (!device.memory.access(to, count * sizeof(T), false))
    return InvalidValue;
  return submitCopy(device, stream, waits, [&device, to, value, count](bool) {
    char *data = device.memory.access(to, count * sizeof(T), true);
    if (!data)
      return InvalidValue;
    for (size_t i = 0; i < count; ++i)
      std::memcpy(data + i * sizeof(T), &value, sizeof(T));
    return Success;
  });
}

API cuMemcpyHtoD_v2(DevicePointer to, const void *from, size_t bytes) {
  return copyToDevice(to, from, bytes, nullptr, true);
}
API cuMemcpyDtoH_v2(void *to, DevicePointer from, size_t bytes) {
  return copyToHost(to, from, bytes, nullptr, true);
}
API cuMemcpyDtoD_v2(DevicePointer to, DevicePointer from, size_t bytes) {
  return copyBetween(to, from, bytes, nullptr, false);
}
API cuMemcpyHtoDAsync_v2(DevicePointer to, const void *from, size_t bytes, Stream *stream) {
  return copyToDevice(to, from, bytes, stream, false);
}
API cuMemcpyDtoHAsync_v2(void *to, DevicePointer from, size_t bytes, Stream *stream) {
  return copyToHost(to, from, bytes, stream, false);
}
API cuMemcpyDtoDAsync_v2(DevicePointer to, DevicePointer from, size_t bytes, Stream *stream) {
  return copyBetween(to, from, bytes, stream, false);
}
/// Addresses of the device start at 2^40, beyond those of the host.
static bool isDevice(DevicePointer address) {
  return Device::get().memory.find(address) != nullptr;
}
API cuMemcpyAsync(DevicePointer to, DevicePointer from, size_t bytes, Stream *stream) {
  if (isDevice(to))
    return isDevice(from)
               ? copyBetween(to, from, bytes, stream, false)
               : copyToDevice(to, reinterpret_cast<const void *>(from), bytes, stream, false);
  if (isDevice(from))
    return copyToHost(reinterpret_cast<void *>(to), from, bytes, stream, false);
  return InvalidValue;
}
API cuMemcpy(DevicePointer to, DevicePointer from, size_t bytes) {
  if (int result = cuMemcpyAsync(to, from, bytes, nullptr))
    return result;
  return cuStreamSynchronize(nullptr);
}
API cuMemsetD8_v2(DevicePointer to, unsigned char value, size_t count) {
  return fill(to, value, count, nullptr, true);
}
API cuMemsetD16_v2(DevicePointer to, unsigned short value, size_t count) {
  return fill(to, value, count, nullptr, true);
}
API cuMemsetD32_v2(DevicePointer to, unsigned value, size_t count) {
  return fill(to, value, count, nullptr, true);
}
API cuMemsetD8Async(DevicePointer to, unsigned char value, size_t count, Stream *stream) {
  return fill(to, value, count, stream, false);
}
API cuMemsetD16Async(DevicePointer to, unsigned short value, size_t count, Stream *stream) {
  return fill(to, value, count, stream, false);
}
API cuMemsetD32Async(DevicePointer to, unsigned value, size_t count, Stream *stream) {
  return fill(to, value, count, stream, false);
}

static const Symbol symbols[] = {
    SYMBOL(cuEventCreate),
    SYMBOL(cuEventDestroy_v2),
    SYMBOL(cuEventElapsedTime),
    SYMBOL(cuEventQuery),
    SYMBOL(cuEventRecord),
    SYMBOL(cuEventSynchronize),
    SYMBOL(cuGraphDestroy),
    SYMBOL(cuGraphExecDestroy),
    SYMBOL(cuGraphGetNodes),
    SYMBOL(cuGraphInstantiateWithFlags),
    SYMBOL(cuGraphLaunch),
    SYMBOL(cuMemAllocAsync),
    SYMBOL(cuMemAllocHost_v2),
    SYMBOL(cuMemAllocManaged),
    SYMBOL(cuMemAlloc_v2),
    SYMBOL(cuMemFreeAsync),
    SYMBOL(cuMemFreeHost),
    SYMBOL(cuMemFree_v2),
    SYMBOL(cuMemGetInfo_v2),
    SYMBOL(cuMemHostAlloc),
    SYMBOL(cuMemHostRegister_v2),
    SYMBOL(cuMemHostUnregister),
    SYMBOL(cuMemcpy),
    SYMBOL(cuMemcpyAsync),
    SYMBOL(cuMemcpyDtoDAsync_v2),
    SYMBOL(cuMemcpyDtoD_v2),
    SYMBOL(cuMemcpyDtoHAsync_v2),
    SYMBOL(cuMemcpyDtoH_v2),
    SYMBOL(cuMemcpyHtoDAsync_v2),
    SYMBOL(cuMemcpyHtoD_v2),
    SYMBOL(cuMemsetD16Async),
    SYMBOL(cuMemsetD16_v2),
    SYMBOL(cuMemsetD32Async),
    SYMBOL(cuMemsetD32_v2),
    SYMBOL(cuMemsetD8Async),
    SYMBOL(cuMemsetD8_v2),
    SYMBOL(cuStreamBeginCapture_v2),
    SYMBOL(cuStreamCreate),
    SYMBOL(cuStreamCreateWithPriority),
    SYMBOL(cuStreamDestroy_v2),
    SYMBOL(cuStreamEndCapture),
    SYMBOL(cuStreamIsCapturing),
    SYMBOL(cuStreamQuery),
    SYMBOL(cuStreamSynchronize),
    SYMBOL(cuStreamWaitEvent),
};

void *ptx::cuda::findStreamSymbol(std::string_view name) {
  for (const Symbol &symbol : symbols)
    if (symbol.name == name)
      return symbol.function;
  return nullptr;
}
