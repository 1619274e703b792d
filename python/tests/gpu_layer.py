"""Runs a kernel bundle on the arrays of a folder, in a process of its own: python gpu_layer.py bundle folder.

The driver is whatever libcuda.so.1 the process finds, in tests the simulated one. Arguments are 0.npy, 1.npy, ...;
results are written as r0.npy, r1.npy, ...
"""

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "gpu"))

from cuda import Driver

from dashkv.gpu import Launcher

ELEMENTS = {"f32": np.float32, "f16": np.float16, "i64": np.int64, "i32": np.int32, "i8": np.int8, "i1": np.bool_}


def main(bundle, folder):
    driver = Driver()
    launcher = Launcher(bundle)
    arguments = [np.load(folder / f"{i}.npy") for i in range(len(list(folder.glob("[0-9]*.npy"))))]
    pointers = []
    for array in arguments:
        pointers.append(driver.allocate(array.nbytes))
        driver.upload(pointers[-1], np.ascontiguousarray(array))
    function = launcher.bundle.functions[0]
    plan = launcher.plan([array.shape for array in arguments], function=function)
    plan.bind(pointers)
    plan.run(driver.stream.value)
    driver.synchronize()
    for i in range(len(launcher.bundle.signature(function)[1])):
        shape, dtype, pointer = plan.result(i)
        array = np.zeros(shape, ELEMENTS[dtype])
        np.save(folder / f"r{i}.npy", driver.download(array, pointer))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
