"""Which version of a function the loader takes: versions.py OBJECT FUNCTION [CPU...]

For each CPU a library is made of OBJECT and of a stand-in for the data that libgcc has about the CPU that runs; without
a CPU the library has libgcc itself. Prints the CPU and the version that FUNCTION is bound to.
"""

import ctypes
import pathlib
import re
import subprocess
import sys

# Features in __cpu_model and __cpu_features2 by number, as in cpuinfo.h of GCC, and Clang's macros for them.
FEATURES = {
    0: "", 1: "MMX", 2: "POPCNT", 3: "SSE", 4: "SSE2", 5: "SSE3", 6: "SSSE3", 7: "SSE4_1", 8: "SSE4_2", 9: "AVX",
    10: "AVX2", 11: "SSE4A", 14: "FMA", 15: "AVX512F", 16: "BMI", 17: "BMI2", 18: "AES", 19: "PCLMUL", 20: "AVX512VL",
    21: "AVX512BW", 22: "AVX512DQ", 23: "AVX512CD", 26: "AVX512VBMI", 27: "AVX512IFMA", 30: "AVX512VPOPCNTDQ",
    31: "AVX512VBMI2", 32: "GFNI", 33: "VPCLMULQDQ", 34: "AVX512VNNI", 35: "AVX512BITALG", 36: "AVX512BF16",
    49: "F16C", 57: "LZCNT", 58: "MOVBE", 93: "AVXVNNI", 94: "AVX512FP16",
}  # fmt: skip


def run(*args, **kwargs):
    return subprocess.run(args, check=True, capture_output=True, text=True, **kwargs).stdout


def standin(cpu):
    macros = run("clang", f"-march={cpu}", "-dM", "-E", "-x", "c", "/dev/null")
    words = [0, 0, 0, 0]
    for bit, name in FEATURES.items():
        if f"#define __{name}__ 1\n" in macros or not name:
            words[bit // 32] |= 1 << bit % 32
    more = ", ".join(f"{word}u" for word in words[1:])
    return f"""#pragma GCC visibility push(hidden)
unsigned __cpu_model[4] = {{0, 0, 0, {words[0]}u}}, __cpu_features2[3] = {{{more}}};
int __cpu_indicator_init(void) {{ return 0; }}
"""


def bound(library, function):
    """The local symbol at the address that the loader gives for a function."""
    address = ctypes.cast(getattr(ctypes.CDLL(library), function), ctypes.c_void_p).value
    maps = pathlib.Path("/proc/self/maps").read_text()
    base = min(int(line.split("-")[0], 16) for line in maps.splitlines() if line.endswith(library))
    symbols = re.findall(rf"^(\w+) t ({re.escape(function)}\.\w+)$", run("llvm-nm", library), re.MULTILINE)
    return next(name for value, name in symbols if int(value, 16) == address - base)


def main():
    path, function, *cpus = sys.argv[1:]
    for cpu in cpus or ["host"]:
        library = f"{path}.{cpu}.so"
        source = standin(cpu) if cpu != "host" else ""
        run("clang", "-shared", "-fPIC", "-o", library, path, "-x", "c", "-", "-lm", input=source)
        print(cpu, bound(library, function).removeprefix(function + "."))


main()
