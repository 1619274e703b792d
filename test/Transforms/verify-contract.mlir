// RUN: dashkv-opt %s --dashkv-verify-contract --split-input-file --verify-diagnostics
// RUN: dashkv-opt %s --dashkv-verify-contract=level=portable --split-input-file --verify-diagnostics

// Level portable: no op of dashkv or of the interop dialects.

func.func @upstream_is_fine(%a: tensor<4xf32>, %b: memref<4xf32>) -> tensor<4xf32> {
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.exp ins(%a : tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// -----

// The first op that is left, at its place, without its regions.
func.func @left_over(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %d: tensor<1x8x1x16xi8>, %o: tensor<1x8x1x16xi16>) -> tensor<1x8x1x16xi16> {
  // expected-error @below {{no lowering for dashkv.hamming_distance at level portable}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  %1 = dashkv.calibrate ins(%0 : tensor<1x8x1x16xi8>) outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  return %1 : tensor<1x8x1x16xi16>
}

// -----

func.func @left_over_in_region(%c: i1, %qc: memref<1x8x1x8xi8>, %kc: memref<1x2x16x8xi8>, %d: memref<1x8x1x16xi8>) {
  scf.if %c {
    // expected-error @below {{no lowering for dashkv.hamming_distance at level portable}}
    dashkv.hamming_distance ins(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>) outs(%d : memref<1x8x1x16xi8>)
  }
  return
}

// -----

func.func @left_over_tm_tensor(%q: tensor<1x4x8xf32>, %o: tensor<1x4x8xf32>) -> tensor<1x4x8xf32> {
  // expected-error @below {{no lowering for tm_tensor.attention at level portable; dashkv-raise-attention and dashkv-expand-tiered take attention apart}}
  %0 = tm_tensor.attention ins(%q, %q, %q : tensor<1x4x8xf32>, tensor<1x4x8xf32>, tensor<1x4x8xf32>) outs(%o : tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  return %0 : tensor<1x4x8xf32>
}

// -----

#q = affine_map<(b, m, d, n, dv) -> (b, m, d)>
#k = affine_map<(b, m, d, n, dv) -> (b, n, d)>
#v = affine_map<(b, m, d, n, dv) -> (b, n, dv)>
#s = affine_map<(b, m, d, n, dv) -> ()>
#o = affine_map<(b, m, d, n, dv) -> (b, m, dv)>
func.func @left_over_with_region(%q: tensor<1x4x8xf32>, %s: f32, %o: tensor<1x4x8xf32>) -> tensor<1x4x8xf32> {
  // expected-error @below {{no lowering for iree_linalg_ext.attention at level portable; dashkv-raise-attention and dashkv-expand-tiered take attention apart}}
  %0 = iree_linalg_ext.attention {indexing_maps = [#q, #k, #v, #s, #o]} ins(%q, %q, %q, %s : tensor<1x4x8xf32>, tensor<1x4x8xf32>, tensor<1x4x8xf32>, f32)
      outs(%o : tensor<1x4x8xf32>) {
  ^bb0(%score: f32):
    iree_linalg_ext.yield %score : f32
  } -> tensor<1x4x8xf32>
  return %0 : tensor<1x4x8xf32>
}
