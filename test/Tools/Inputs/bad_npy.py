"""Writes files that are no arrays, or no arrays that dashkv-run takes: bad_npy.py FOLDER"""
import pathlib
import sys

import numpy as np

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)


def write(name, header, data=b"", version=b"\x01\x00"):
    text = header.encode().ljust(117) + b"\n"
    (folder / name).write_bytes(b"\x93NUMPY" + version + len(text).to_bytes(2, "little") + text + data)


good = folder / "good.npy"
np.save(good, np.arange(4, dtype=np.float32))
data = good.read_bytes()
(folder / "text.npy").write_text("4 numbers\n")
(folder / "empty.npy").write_bytes(b"")
(folder / "magic.npy").write_bytes(data[:8])
(folder / "header.npy").write_bytes(data[:60])
(folder / "truncated.npy").write_bytes(data[:-2])
(folder / "long.npy").write_bytes(data + b"\0")
np.save(folder / "big_endian.npy", np.arange(4, dtype=">f4"))
np.save(folder / "complex.npy", np.zeros(4, np.complex64))
np.save(folder / "object.npy", np.array([{}] * 4, dtype=object))
np.save(folder / "fortran.npy", np.asfortranarray(np.zeros((2, 2), np.float32)))
np.save(folder / "double.npy", np.zeros(4, np.float64))
np.save(folder / "five.npy", np.zeros(5, np.float32))
np.save(folder / "matrix.npy", np.zeros((2, 2), np.float32))
np.save(folder / "scalar.npy", np.float32(1))
write("version.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", bytes(16), b"\x09\x00")
write("no_order.npy", "{'descr': '<f4', 'shape': (4,), }", bytes(16))
write("no_shape.npy", "{'descr': '<f4', 'fortran_order': False, }", bytes(16))
write("negative.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (-4,), }")
write("overflow.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }")
