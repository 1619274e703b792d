"""The CUDA driver by ctypes: what the benchmark needs of it, and nothing to install."""

import ctypes
from ctypes import byref, c_char_p, c_float, c_int, c_size_t, c_uint, c_uint64, c_void_p

MULTIPROCESSORS, L2_BYTES, MAJOR, MINOR = 16, 38, 75, 76
NON_BLOCKING, THREAD_LOCAL = 1, 1
PAGE = 256  # of the addresses of allocations


class CudaError(Exception):
    pass


class Driver:
    """The first device, its primary context, one stream."""

    def __init__(self, library="libcuda.so.1"):
        try:
            self.lib = ctypes.CDLL(library)
        except OSError as reason:
            raise CudaError(f"no CUDA driver: {reason}") from reason
        self.call("cuInit", c_uint(0))
        count, version = c_int(), c_int()
        self.call("cuDeviceGetCount", byref(count))
        if not count.value:
            raise CudaError("the CUDA driver finds no GPU")
        self.call("cuDriverGetVersion", byref(version))
        self.version = version.value
        self.device, context = c_int(), c_void_p()
        self.call("cuDeviceGet", byref(self.device), c_int(0))
        self.call("cuDevicePrimaryCtxRetain", byref(context), self.device)
        self.call("cuCtxSetCurrent", context)
        name = ctypes.create_string_buffer(128)
        self.call("cuDeviceGetName", name, c_int(128), self.device)
        self.name = name.value.decode()
        self.multiprocessors, self.l2 = self.attribute(MULTIPROCESSORS), self.attribute(L2_BYTES)
        self.capability = self.attribute(MAJOR), self.attribute(MINOR)
        self.stream = c_void_p()
        self.call("cuStreamCreate", byref(self.stream), c_uint(NON_BLOCKING))

    def call(self, name, *arguments):
        status = getattr(self.lib, name)(*arguments)
        if status:
            text = c_char_p()
            self.lib.cuGetErrorName(c_int(status), byref(text))
            raise CudaError(f"{name}: {text.value.decode() if text.value else status}")

    def attribute(self, number):
        value = c_int()
        self.call("cuDeviceGetAttribute", byref(value), c_int(number), self.device)
        return value.value

    def memory(self):
        """Free bytes and all bytes."""
        free, total = c_size_t(), c_size_t()
        self.call("cuMemGetInfo_v2", byref(free), byref(total))
        return free.value, total.value

    def allocate(self, size):
        pointer = c_uint64()
        self.call("cuMemAlloc_v2", byref(pointer), c_size_t(max(size, 1)))
        return pointer.value

    def free(self, pointer):
        self.call("cuMemFree_v2", c_uint64(pointer))

    def upload(self, pointer, array):
        self.call("cuMemcpyHtoD_v2", c_uint64(pointer), c_void_p(array.ctypes.data), c_size_t(array.nbytes))
        self.synchronize()  # a copy of pageable memory may return before the data is there

    def download(self, array, pointer):
        self.synchronize()
        self.call("cuMemcpyDtoH_v2", c_void_p(array.ctypes.data), c_uint64(pointer), c_size_t(array.nbytes))
        return array

    def synchronize(self):
        self.call("cuStreamSynchronize", self.stream)

    def load(self, ptx):
        """A module of PTX text."""
        module = c_void_p()
        self.call("cuModuleLoadData", byref(module), c_char_p(ptx.encode()))
        return module

    def function(self, module, name):
        function = c_void_p()
        self.call("cuModuleGetFunction", byref(function), module, c_char_p(name.encode()))
        return function

    def launch(self, function, grid, block, arguments):
        """`arguments` are ctypes values; grids have two dims."""
        pointers = (c_void_p * len(arguments))(*(ctypes.addressof(x) for x in arguments))
        sizes = (c_uint(x) for x in (*grid, 1, block, 1, 1, 0))
        self.call("cuLaunchKernel", function, *sizes, self.stream, pointers, None)

    def capture(self, enqueue):
        """A graph of what `enqueue` puts into the stream, ready to launch."""
        graph, executable = c_void_p(), c_void_p()
        self.call("cuStreamBeginCapture_v2", self.stream, c_uint(THREAD_LOCAL))
        try:
            enqueue()
        finally:
            self.call("cuStreamEndCapture", self.stream, byref(graph))
        self.call("cuGraphInstantiateWithFlags", byref(executable), graph, c_uint64(0))
        self.call("cuGraphDestroy", graph)
        return executable

    def replay(self, graph):
        self.call("cuGraphLaunch", graph, self.stream)

    def drop(self, graph):
        self.call("cuGraphExecDestroy", graph)

    def time(self, enqueue):
        """Seconds of what `enqueue` puts into the stream."""
        events = c_void_p(), c_void_p()
        for event in events:
            self.call("cuEventCreate", byref(event), c_uint(0))
        self.call("cuEventRecord", events[0], self.stream)
        enqueue()
        self.call("cuEventRecord", events[1], self.stream)
        self.call("cuEventSynchronize", events[1])
        elapsed = c_float()
        self.call("cuEventElapsedTime", byref(elapsed), *events)
        for event in events:
            self.call("cuEventDestroy_v2", event)
        return elapsed.value / 1e3
