"""Writes arrays: npy.py FOLDER NAME=DTYPE:AxBxC[=VALUE] ...

Values are random, the same for the same name, or all VALUE."""
import pathlib
import sys
import zlib

import numpy as np

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for spec in sys.argv[2:]:
    name, kind, *value = spec.split("=")
    dtype, sizes = kind.split(":")
    shape = [int(size) for size in sizes.split("x") if size]
    random = np.random.default_rng(zlib.crc32(name.encode()))
    if value:
        array = np.full(shape, float(value[0]))
    elif np.dtype(dtype).kind == "f":
        array = random.standard_normal(shape)
    else:
        array = random.integers(-128, 128, shape)
    np.save(folder / f"{name}.npy", array.astype(dtype))
