// A tiered step on a paged cache is that on the contiguous cache it stands for,
// whatever the layout of its pages.

// RUN: split-file %s %t
// RUN: python %S/Inputs/paged.py %t
// DEFINE: %{step} = --input q=%t/q.npy --input lengths=%t/lengths.npy --input qc=%t/qc.npy --input codes=%t/codes.npy
// DEFINE: %{pools} = --input k=%t/k.npy --input v=%t/v.npy --input table=%t/table.npy
// DEFINE: %{same} = python -c "import numpy as np; a, b = (np.load(r'%t/' + x + '.npy').astype(np.float32) for x in ('plain', 'out')); assert np.abs(a).max() > 0.1 and np.allclose(a, b, rtol=2e-3, atol=1e-3), (a, b)"
// RUN: dashkv-run %t/plain.mlir %{step} --input k=%t/kc.npy --input v=%t/vc.npy --output %t/plain.npy

// RUN: dashkv-run %t/paged.mlir %{step} %{pools} --runtime-checks --output %t/out.npy
// RUN: %{same}
// RUN: dashkv-run %t/rows.mlir %{step} --input k=%t/kr.npy --input v=%t/vr.npy --input table=%t/table.npy --output %t/out.npy
// RUN: %{same}
// RUN: dashkv-run %t/paged.mlir %{step} %{pools} --lowering=linalg --output %t/out.npy
// RUN: %{same}
// RUN: env LD_LIBRARY_PATH=%cuda dashkv-run %t/paged.mlir --target=sm_90a %{step} %{pools} --output %t/out.npy
// RUN: %{same}

// Beside exact attention.
// RUN: dashkv-run %t/paged.mlir %{step} %{pools} --compare=attention --repeat=1 | FileCheck %s
// CHECK: kept attention mass

// A page that does not exist.
// RUN: python -c "import numpy as np; t = np.load(r'%t/table.npy'); t[1, 2] = 12; np.save(r'%t/table.npy', t)"
// RUN: not dashkv-run %t/paged.mlir %{step} %{pools} --runtime-checks 2>&1 | FileCheck %s --check-prefix=PAGE
// PAGE: expected entries of the block table from 0 to the number of pages

//--- plain.mlir
func.func @main(%q: tensor<2x8x1x64xf16> {dashkv.role = "q"}, %k: tensor<2x2x?x64xf16> {dashkv.role = "k"}, %v: tensor<2x2x?x64xf16> {dashkv.role = "v"},
                %lengths: tensor<2xi32> {dashkv.role = "lengths"}, %qc: tensor<2x2x1x64xi8> {dashkv.role = "qc"},
                %codes: tensor<2x2x?x8xi8> {dashkv.role = "codes"}) -> tensor<2x8x1x64xf16> {
  %init = tensor.empty() : tensor<2x8x1x64xf16>
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<2x8x1x64xf16>, tensor<2x2x?x64xf16>, tensor<2x2x?x64xf16>)
      codes(%qc, %codes : tensor<2x2x1x64xi8>, tensor<2x2x?x8xi8>) lengths(%lengths : tensor<2xi32>)
      outs(%init : tensor<2x8x1x64xf16>) {tiering = #dashkv.tiering<full = 0.1, full_min = 8, sinks = 2, window = 8, dense_below = 0>}
  return %0 : tensor<2x8x1x64xf16>
}

//--- paged.mlir
func.func @main(%q: tensor<2x8x1x64xf16> {dashkv.role = "q"}, %k: tensor<?x2x16x64xf16> {dashkv.role = "k"}, %v: tensor<?x2x16x64xf16> {dashkv.role = "v"},
                %lengths: tensor<2xi32> {dashkv.role = "lengths"}, %table: tensor<2x?xi32> {dashkv.role = "table"},
                %qc: tensor<2x2x1x64xi8> {dashkv.role = "qc"}, %codes: tensor<2x2x?x8xi8> {dashkv.role = "codes"}) -> tensor<2x8x1x64xf16> {
  %init = tensor.empty() : tensor<2x8x1x64xf16>
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<2x8x1x64xf16>, tensor<?x2x16x64xf16>, tensor<?x2x16x64xf16>)
      codes(%qc, %codes : tensor<2x2x1x64xi8>, tensor<2x2x?x8xi8>) lengths(%lengths : tensor<2xi32>) block_table(%table : tensor<2x?xi32>)
      outs(%init : tensor<2x8x1x64xf16>) {tiering = #dashkv.tiering<full = 0.1, full_min = 8, sinks = 2, window = 8, dense_below = 0>}
  return %0 : tensor<2x8x1x64xf16>
}

//--- rows.mlir
#q = affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, n, h, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, n, h, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
func.func @main(%q: tensor<2x8x1x64xf16> {dashkv.role = "q"}, %k: tensor<?x16x2x64xf16> {dashkv.role = "k"}, %v: tensor<?x16x2x64xf16> {dashkv.role = "v"},
                %lengths: tensor<2xi32> {dashkv.role = "lengths"}, %table: tensor<2x?xi32> {dashkv.role = "table"},
                %qc: tensor<2x2x1x64xi8> {dashkv.role = "qc"}, %codes: tensor<2x2x?x8xi8> {dashkv.role = "codes"}) -> tensor<2x8x1x64xf16> {
  %init = tensor.empty() : tensor<2x8x1x64xf16>
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<2x8x1x64xf16>, tensor<?x16x2x64xf16>, tensor<?x16x2x64xf16>)
      codes(%qc, %codes : tensor<2x2x1x64xi8>, tensor<2x2x?x8xi8>) lengths(%lengths : tensor<2xi32>) block_table(%table : tensor<2x?xi32>)
      outs(%init : tensor<2x8x1x64xf16>) {tiering = #dashkv.tiering<full = 0.1, full_min = 8, sinks = 2, window = 8, dense_below = 0>, indexing_maps = [#q, #k, #v, #o]}
  return %0 : tensor<2x8x1x64xf16>
}
