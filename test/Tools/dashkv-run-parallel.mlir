// Whoever runs the tiles, and with however many threads: the same bits.

// RUN: split-file %s %t
// RUN: python %S/Inputs/npy.py %t q=f4:2x8x1x64 k=f4:2x2x2000x64 v=f4:2x2x2000x64 qc=i1:2x8x1x8 kc=i1:2x2x2000x8 q1=f4:1x4x1x64 k1=f4:1x1x5000x64
// RUN: dashkv-run %t/tiered.mlir --no-cache --input %t/q.npy --input %t/k.npy --input %t/v.npy --input %t/qc.npy --input %t/kc.npy --output %t/serial.npy
// RUN: dashkv-run %t/tiered.mlir --no-cache --workers=2 --input %t/q.npy --input %t/k.npy --input %t/v.npy --input %t/qc.npy --input %t/kc.npy --output %t/omp.npy
// RUN: dashkv-run %t/tiered.mlir --no-cache --workers=2 --parallel=callback --input %t/q.npy --input %t/k.npy --input %t/v.npy --input %t/qc.npy --input %t/kc.npy --output %t/callback.npy
// RUN: cmp %t/serial.npy %t/omp.npy
// RUN: cmp %t/serial.npy %t/callback.npy

// One KV head: the keys are cut for the workers, and merged in order.
// RUN: dashkv-run %t/exact.mlir --no-cache --input %t/q1.npy --input %t/k1.npy --output %t/whole.npy
// RUN: env OMP_NUM_THREADS=1 dashkv-run %t/exact.mlir --no-cache --workers=3 --parallel=omp --input %t/q1.npy --input %t/k1.npy --output %t/one.npy
// RUN: env OMP_NUM_THREADS=2 dashkv-run %t/exact.mlir --no-cache --workers=3 --parallel=omp --input %t/q1.npy --input %t/k1.npy --output %t/two.npy
// RUN: dashkv-run %t/exact.mlir --no-cache --workers=3 --parallel=serial --input %t/q1.npy --input %t/k1.npy --output %t/serial.npy
// RUN: cmp %t/one.npy %t/two.npy
// RUN: cmp %t/one.npy %t/serial.npy
// RUN: python -c "import numpy as np; a, b = (np.load(r'%t/' + n + '.npy') for n in ('whole', 'one')); assert not (a == b).all() and np.abs(a - b).max() < 1e-5 * np.abs(a).max()"

//--- tiered.mlir
func.func @main(%q: tensor<2x8x1x64xf32>, %k: tensor<2x2x?x64xf32>, %v: tensor<2x2x?x64xf32>, %qc: tensor<2x8x1x8xi8>, %kc: tensor<2x2x?x8xi8>) -> tensor<2x8x1x64xf32> {
  %o = tensor.empty() : tensor<2x8x1x64xf32>
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<2x8x1x64xf32>, tensor<2x2x?x64xf32>, tensor<2x2x?x64xf32>)
         codes(%qc, %kc : tensor<2x8x1x8xi8>, tensor<2x2x?x8xi8>)
         outs(%o : tensor<2x8x1x64xf32>) {tiering = #dashkv.tiering<full = 0.1, dense_below = 0>}
  return %0 : tensor<2x8x1x64xf32>
}

//--- exact.mlir
func.func @main(%q: tensor<1x4x1x64xf32>, %k: tensor<1x1x?x64xf32>) -> tensor<1x4x1x64xf32> {
  %o = tensor.empty() : tensor<1x4x1x64xf32>
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x4x1x64xf32>, tensor<1x1x?x64xf32>, tensor<1x1x?x64xf32>)
         outs(%o : tensor<1x4x1x64xf32>)
  return %0 : tensor<1x4x1x64xf32>
}
