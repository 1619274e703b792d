"""Memory of the benchmark: huge pages, random bits that are the same in every process, rotation."""

import ctypes
import mmap

import numpy as np

HUGE = 2 << 20
# Sign and mantissa are random; the exponent is that of [0.5, 1), so that there is no zero, no denormal and no NaN.
RANDOM_BITS = {
    "f16": (0x83FF83FF83FF83FF, 0x3800380038003800),
    "bf16": (0x807F807F807F807F, 0x3F003F003F003F00),
    "f32": (0x807FFFFF807FFFFF, 0x3F0000003F000000),
    "bytes": (0xFFFFFFFFFFFFFFFF, 0),
}


def allocate(size, huge=True):
    """`size` bytes on pages of 2 MiB where the system has them, aligned to such a page."""
    # Private, because shared memory gets no huge pages by madvise.
    memory = mmap.mmap(-1, size + HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if huge and hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    whole = np.frombuffer(memory, np.uint8)  # keeps `memory` alive
    start = -whole.ctypes.data % HUGE
    return whole[start : start + size]


def random(size, dtype, seed):
    """A pool of `size` random bytes; a smaller pool of the same seed is its beginning."""
    pool = allocate(-(-size // 8) * 8)
    words, mask_and_base = pool.view(np.uint64), [np.uint64(x) for x in RANDOM_BITS[dtype]]
    generator = np.random.Generator(np.random.SFC64(seed))
    chunk = 1 << 17
    for start in range(0, len(words), chunk):
        part = words[start : start + chunk]
        np.bitwise_and(generator.integers(0, 1 << 64, chunk, np.uint64)[: len(part)], mask_and_base[0], out=part)
        np.bitwise_or(part, mask_and_base[1], out=part)
    return pool[:size]


def float32(array, dtype):
    """Raw bytes of a float type as f32, exactly."""
    if dtype == "bf16":
        return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return array.view({"f16": np.float16, "f32": np.float32}[dtype]).astype(np.float32)


def raw(array, dtype):
    """f32 values as raw bytes of a float type; values that it cannot hold are cut."""
    if dtype == "bf16":
        return (np.ascontiguousarray(array, np.float32).view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
    return np.ascontiguousarray(array, {"f16": np.float16, "f32": np.float32}[dtype]).view(np.uint8)


class Rotation:
    """A pool cut into equal sets; call i works on set i, so that a set has left the caches when its turn comes again."""

    def __init__(self, pool, size):
        self.sets = [pool[at : at + size] for at in range(0, len(pool) - size + 1, size)]

    def __getitem__(self, i):
        return self.sets[i % len(self.sets)]

    def __len__(self):
        return len(self.sets)


def address(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def huge_share():
    """The part of this process's own memory that is on huge pages, None where the system does not tell."""
    try:
        with open("/proc/self/smaps_rollup") as file:
            sizes = {name: int(rest.split()[0]) for name, _, rest in (x.partition(":") for x in file) if "kB" in rest}
        return sizes["AnonHugePages"] / max(1, sizes["Anonymous"])
    except (OSError, KeyError):
        return None


def last_level_cache():
    """Bytes of the largest cache, 32 MiB where the system does not tell."""
    sizes = [32 << 20]
    try:
        for index in range(5):
            with open(f"/sys/devices/system/cpu/cpu0/cache/index{index}/size") as file:
                text = file.read().strip()
            sizes.append(int(text[:-1]) << {"K": 10, "M": 20}[text[-1]])
    except OSError:
        pass
    return max(sizes)
