// A decode step on a cache of no keys: a key that is appended is the only one, a
// position past the end is an error with run-time checks.

// RUN: python %S/Inputs/npy.py %t q=f4:1x2x1x16 new=f4:1x1x1x16 cache=f4:1x1x0x16 codes=i1:1x1x0x2 weight=f4:1x16x16 at=i8:=0
// RUN: split-file %s %t

// DEFINE: %{lowering} = vector
// DEFINE: %{options} = --runtime-checks --lowering=%{lowering} --input %t/q.npy --input %t/new.npy --input %t/cache.npy
// DEFINE: %{concat} = dashkv-run %t/concat.mlir %{options} --input %t/codes.npy --input %t/weight.npy
// DEFINE: %{only} = python -c "import numpy as np; new, out, k, tiered = (np.load(r'%t/' + n + '.npy') for n in ('new', 'out', 'keys', 'tiered')); assert (k == new).all() and np.allclose(out, new) and np.allclose(tiered, new)"
// RUN: %{concat} --output %t/out.npy --output %t/keys.npy --output %t/tiered.npy && %{only}
// DEFINE: %{insert} = not dashkv-run %t/insert.mlir %{options} --input %t/at.npy 2>&1 | FileCheck %t/insert.mlir
// RUN: %{insert}
// DEFINE: %{scatter} = not dashkv-run %t/scatter.mlir %{options} --input %t/place.npy 2>&1 | FileCheck %t/scatter.mlir
// RUN: python %S/Inputs/npy.py %t place=i4:1x3=0
// RUN: %{scatter}
// REDEFINE: %{lowering} = linalg
// RUN: %{concat} --output %t/out.npy --output %t/keys.npy --output %t/tiered.npy && %{only}
// RUN: %{insert}
// RUN: %{scatter}

//--- concat.mlir
func.func @main(%q: tensor<1x2x1x16xf32>, %new: tensor<1x1x1x16xf32>, %cache: tensor<1x1x?x16xf32>, %codes: tensor<1x1x?x2xi8>, %w: tensor<1x16x16xf32>)
    -> (tensor<1x2x1x16xf32>, tensor<1x1x?x16xf32>, tensor<1x2x1x16xf32>) {
  %k = tensor.concat dim(2) %cache, %new : (tensor<1x1x?x16xf32>, tensor<1x1x1x16xf32>) -> tensor<1x1x?x16xf32>
  %o = tensor.empty() : tensor<1x2x1x16xf32>
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x2x1x16xf32>, tensor<1x1x?x16xf32>, tensor<1x1x?x16xf32>) outs(%o : tensor<1x2x1x16xf32>)
  %e = tensor.empty() : tensor<1x1x1x2xi8>
  %code = dashkv.hash_encode linear ins(%new : tensor<1x1x1x16xf32>) weights(%w : tensor<1x16x16xf32>) outs(%e : tensor<1x1x1x2xi8>)
  %kc = tensor.concat dim(2) %codes, %code : (tensor<1x1x?x2xi8>, tensor<1x1x1x2xi8>) -> tensor<1x1x?x2xi8>
  %1 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x2x1x16xf32>, tensor<1x1x?x16xf32>, tensor<1x1x?x16xf32>) codes(%code, %kc : tensor<1x1x1x2xi8>, tensor<1x1x?x2xi8>)
      outs(%o : tensor<1x2x1x16xf32>) {tiering = #dashkv.tiering<dense_below = 0>}
  return %0, %k, %1 : tensor<1x2x1x16xf32>, tensor<1x1x?x16xf32>, tensor<1x2x1x16xf32>
}
//--- insert.mlir
// CHECK: error: run-time check failed:
// CHECK: tensor.insert_slice
// CHECK: expected a slice inside the destination
func.func @main(%q: tensor<1x2x1x16xf32>, %new: tensor<1x1x1x16xf32>, %cache: tensor<1x1x?x16xf32>, %at: index) -> (tensor<1x2x1x16xf32>, tensor<1x1x?x16xf32>) {
  %k = tensor.insert_slice %new into %cache[0, 0, %at, 0] [1, 1, 1, 16] [1, 1, 1, 1] : tensor<1x1x1x16xf32> into tensor<1x1x?x16xf32>
  %o = tensor.empty() : tensor<1x2x1x16xf32>
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x2x1x16xf32>, tensor<1x1x?x16xf32>, tensor<1x1x?x16xf32>) outs(%o : tensor<1x2x1x16xf32>)
  return %0, %k : tensor<1x2x1x16xf32>, tensor<1x1x?x16xf32>
}
//--- scatter.mlir
// CHECK: error: run-time check failed:
// CHECK: out-of-bounds access
func.func @main(%q: tensor<1x2x1x16xf32>, %new: tensor<1x1x1x16xf32>, %cache: tensor<1x1x?x16xf32>, %place: tensor<1x3xi32>) -> (tensor<1x2x1x16xf32>, tensor<1x1x?x16xf32>) {
  %row = tensor.collapse_shape %new [[0, 1, 2], [3]] : tensor<1x1x1x16xf32> into tensor<1x16xf32>
  %k = tm_tensor.scatter {dimension_map = array<i64: 0, 1, 2>} unique_indices(true) ins(%row, %place : tensor<1x16xf32>, tensor<1x3xi32>) outs(%cache : tensor<1x1x?x16xf32>) {
  ^bb0(%update: f32, %old: f32):
    tm_tensor.yield %update : f32
  } -> tensor<1x1x?x16xf32>
  %o = tensor.empty() : tensor<1x2x1x16xf32>
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x2x1x16xf32>, tensor<1x1x?x16xf32>, tensor<1x1x?x16xf32>) outs(%o : tensor<1x2x1x16xf32>)
  return %0, %k : tensor<1x2x1x16xf32>, tensor<1x1x?x16xf32>
}
