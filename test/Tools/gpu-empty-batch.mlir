// A batch may be empty: nothing is launched, and the result has no rows.
// RUN: python %S/Inputs/npy.py %t q=f2:0x8x1x64 k=f2:0x2x32x64 codes=i1:0x2x32x8 wq=f4:2x256x64
// RUN: env LD_LIBRARY_PATH=%cuda dashkv-run %s --target=sm_90a --entry=exact --input=%t/q.npy --input=%t/k.npy --input=%t/k.npy --output=%t/exact.npy
// RUN: env LD_LIBRARY_PATH=%cuda dashkv-run %s --target=sm_90a --entry=tiered --input=%t/q.npy --input=%t/k.npy --input=%t/k.npy --input=%t/codes.npy --input=%t/wq.npy --output=%t/tiered.npy
// RUN: python -c "import numpy as np; assert np.load(r'%t/exact.npy').shape == np.load(r'%t/tiered.npy').shape == (0, 8, 1, 64)"

func.func @exact(%q: tensor<?x8x1x64xf16>, %k: tensor<?x2x32x64xf16>, %v: tensor<?x2x32x64xf16>) -> tensor<?x8x1x64xf16> {
  %c0 = arith.constant 0 : index
  %batch = tensor.dim %q, %c0 : tensor<?x8x1x64xf16>
  %e = tensor.empty(%batch) : tensor<?x8x1x64xf16>
  %0 = dashkv.attention ins(%q, %k, %v : tensor<?x8x1x64xf16>, tensor<?x2x32x64xf16>, tensor<?x2x32x64xf16>)
    outs(%e : tensor<?x8x1x64xf16>)
  return %0 : tensor<?x8x1x64xf16>
}

func.func @tiered(%q: tensor<?x8x1x64xf16>, %k: tensor<?x2x32x64xf16>, %v: tensor<?x2x32x64xf16>,
                  %codes: tensor<?x2x32x8xi8>, %weights: tensor<2x256x64xf32>) -> tensor<?x8x1x64xf16> {
  %c0 = arith.constant 0 : index
  %batch = tensor.dim %q, %c0 : tensor<?x8x1x64xf16>
  %qc0 = tensor.empty(%batch) : tensor<?x2x1x64xi8>
  %qc = dashkv.hash_encode linear ins(%q : tensor<?x8x1x64xf16>) weights(%weights : tensor<2x256x64xf32>)
    outs(%qc0 : tensor<?x2x1x64xi8>) {group = 4 : i64, levels = 7 : i64}
  %e = tensor.empty(%batch) : tensor<?x8x1x64xf16>
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<?x8x1x64xf16>, tensor<?x2x32x64xf16>, tensor<?x2x32x64xf16>)
    codes(%qc, %codes : tensor<?x2x1x64xi8>, tensor<?x2x32x8xi8>)
    outs(%e : tensor<?x8x1x64xf16>) {tiering = #dashkv.tiering<full = 0.5, full_min = 1, window = 4>}
  return %0 : tensor<?x8x1x64xf16>
}
