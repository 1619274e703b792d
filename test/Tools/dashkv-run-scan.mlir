// Running differences (running sums compute positions in exports): with and without
// the element itself, from an accumulator on, along a middle dim; none of no elements.

// RUN: split-file %s %t && python %S/Inputs/npy.py %t some=i8:3x5x2 none=i8:3x0x2 init=i8:3x2
// DEFINE: %{run} = dashkv-run %t/scan.mlir --input %t/init.npy --output %t/a.npy --output %t/b.npy --output %t/c.npy --output %t/d.npy --input
// RUN: %{run} %t/some.npy && python %t/check.py %t some
// RUN: %{run} %t/none.npy && python %t/check.py %t none

//--- check.py
import sys
import numpy as np

x, init, a, b, c, d = (np.load(f"{sys.argv[1]}/{name}.npy") for name in (sys.argv[2], "init", *"abcd"))


def run(values):
    """values[0], values[0] - values[1], .. along dim 1."""
    signs = np.where(np.arange(values.shape[1]) == 0, 1, -1)[:, None]
    return np.cumsum(values * signs, axis=1)


full = np.concatenate([init[:, None], x], axis=1)
inclusive, exclusive = run(x), run(full)[:, : x.shape[1]]
assert (a == inclusive).all() and (c == exclusive).all()
assert (b == np.concatenate([init[:, None], inclusive], 1)[:, -1]).all()
assert (d == np.concatenate([init[:, None], exclusive], 1)[:, -1]).all()
assert x.size == 0 or np.ptp(d) > 9

//--- scan.mlir
func.func @main(%init: tensor<3x2xi64>, %x: tensor<3x?x2xi64>) -> (tensor<3x?x2xi64>, tensor<3x2xi64>, tensor<3x?x2xi64>, tensor<3x2xi64>) {
  %one = arith.constant 1 : index
  %n = tensor.dim %x, %one : tensor<3x?x2xi64>
  %e = tensor.empty(%n) : tensor<3x?x2xi64>
  %a:2 = tm_tensor.scan dimension(1) inclusive(true) ins(%x : tensor<3x?x2xi64>) outs(%e, %init : tensor<3x?x2xi64>, tensor<3x2xi64>) {
  ^bb0(%so_far: i64, %element: i64):
    %r = arith.subi %so_far, %element : i64
    tm_tensor.yield %r : i64
  } -> tensor<3x?x2xi64>, tensor<3x2xi64>
  %b:2 = tm_tensor.scan dimension(1) inclusive(false) ins(%x : tensor<3x?x2xi64>) outs(%e, %init : tensor<3x?x2xi64>, tensor<3x2xi64>) {
  ^bb0(%so_far: i64, %element: i64):
    %r = arith.subi %so_far, %element : i64
    tm_tensor.yield %r : i64
  } -> tensor<3x?x2xi64>, tensor<3x2xi64>
  return %a#0, %a#1, %b#0, %b#1 : tensor<3x?x2xi64>, tensor<3x2xi64>, tensor<3x?x2xi64>, tensor<3x2xi64>
}
