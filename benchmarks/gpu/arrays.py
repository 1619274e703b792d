"""Arrays in device memory, random without zeros, and how they read on the host."""

import numpy as np

# Bits that are random, and bits that are set, in a word. Values have the exponent of 0.5, as in the CPU benchmark.
PATTERNS = {
    "bf16": (0x807F807F, 0x3F003F00),
    "f16": (0x83FF83FF, 0x38003800),
    "f32": (0x807FFFFF, 0x3F000000),
    "f8": (0x87878787, 0x30303030),
    "i8": (0xFFFFFFFF, 0),
}
HOST = {"bf16": np.uint16, "f16": np.float16, "f32": np.float32, "f8": np.uint8, "i8": np.uint8, "i32": np.int32}
HOST |= {"i1": np.uint8, "i16": np.int16, "s8": np.int8}


def bytes_of(dtype):
    return np.dtype(HOST[dtype]).itemsize


def to_float(array, dtype):
    """Float64 values of what memory holds."""
    if dtype == "bf16":
        return (array.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    if dtype == "f8":
        return E4M3[array]
    return array.astype(np.float64)


def e4m3():
    """All values of f8E4M3FN."""
    codes = np.arange(256)
    sign, exponent, mantissa = np.where(codes & 128, -1.0, 1.0), codes >> 3 & 15, codes & 7
    values = np.where(exponent > 0, (1 + mantissa / 8) * 2.0 ** (exponent - 7), mantissa / 8 * 2.0**-6)
    return np.where(codes & 127 == 127, np.nan, sign * values)


E4M3 = e4m3()


class Array:
    """Device memory with a shape."""

    def __init__(self, driver, pointer, shape, dtype):
        self.driver, self.pointer, self.shape, self.dtype = driver, pointer, tuple(shape), dtype

    @property
    def size(self):
        return int(np.prod(self.shape)) * bytes_of(self.dtype)

    def host(self, *index):
        """What is at leading indices, as memory holds it."""
        shape = self.shape[len(index) :]
        strides = [int(np.prod(self.shape[i + 1 :])) for i in range(len(index))]
        offset = sum(i * stride for i, stride in zip(index, strides, strict=True)) * bytes_of(self.dtype)
        return self.driver.download(np.empty(shape, HOST[self.dtype]), self.pointer + offset)

    def floats(self, *index):
        return to_float(self.host(*index), self.dtype)


class Memory:
    """Allocates arrays, and frees them together."""

    def __init__(self, driver, probe):
        self.driver, self.probe, self.pointers, self.seed = driver, probe, [], 1

    def empty(self, shape, dtype):
        array = Array(self.driver, 0, shape, dtype)
        array.pointer = self.driver.allocate(array.size + 16)
        self.pointers.append(array.pointer)
        return array

    def random(self, shape, dtype, pattern=None):
        array = self.empty(shape, dtype)
        self.seed += 1
        self.probe.fill(array.pointer, array.size, 0x9E3779B1 * self.seed & 0xFFFFFFFF, *PATTERNS[pattern or dtype])
        return array

    def upload(self, values, dtype=None):
        """`values` as they are in memory."""
        values = np.ascontiguousarray(values)
        names = {np.dtype(kind): name for name, kind in HOST.items() if name not in ("bf16", "f8", "i1")}
        array = self.empty(values.shape, dtype or names[values.dtype])
        self.driver.upload(array.pointer, values)
        return array

    def free(self):
        self.driver.synchronize()
        for pointer in self.pointers:
            self.driver.free(pointer)
        self.pointers = []
