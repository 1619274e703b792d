// RUN: dashkv-compile %s | FileCheck %s
// RUN: dashkv-compile %s --tiering=full=10% | FileCheck %s --check-prefix=TIERED
// RUN: dashkv-compile %s --emit=ptx --target=sm_80 -o /dev/null

// Exports put parts of attention into functions: they are raised where they are
// called, and two calls are two layers.
// CHECK-NOT:     func.func private
// CHECK-LABEL: @two_layers
// CHECK-COUNT-2: dashkv.attention
// CHECK-NOT:     linalg.softmax
// TIERED-LABEL: @two_layers
// TIERED-SAME:    "layer0.key_codes"
// TIERED-SAME:    "layer1.key_codes"
// TIERED-COUNT-2: dashkv.tiered_attention
#q = affine_map<(h, n, d) -> (h, d)>
#k = affine_map<(h, n, d) -> (h, n, d)>
#s = affine_map<(h, n, d) -> (h, n)>
#p = affine_map<(h, d, n) -> (h, n)>
#v = affine_map<(h, d, n) -> (h, n, d)>
#o = affine_map<(h, d, n) -> (h, d)>
func.func private @softmax(%x: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %init = tensor.empty() : tensor<4x64xf32>
  %p = linalg.softmax dimension(1) ins(%x : tensor<4x64xf32>) outs(%init : tensor<4x64xf32>) -> tensor<4x64xf32>
  return %p : tensor<4x64xf32>
}
func.func private @layer(%q: tensor<4x16xf32>, %k: tensor<4x64x16xf32>, %v: tensor<4x64x16xf32>) -> tensor<4x16xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<4x64xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<4x64xf32>) -> tensor<4x64xf32>
  %score = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<4x16xf32>, tensor<4x64x16xf32>) outs(%zeros : tensor<4x64xf32>) -> tensor<4x64xf32>
  %w = call @softmax(%score) : (tensor<4x64xf32>) -> tensor<4x64xf32>
  %out_init = tensor.empty() : tensor<4x16xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<4x16xf32>) -> tensor<4x16xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%w, %v : tensor<4x64xf32>, tensor<4x64x16xf32>) outs(%out_zero : tensor<4x16xf32>) -> tensor<4x16xf32>
  return %out : tensor<4x16xf32>
}
func.func @two_layers(%q: tensor<4x16xf32>, %k0: tensor<4x64x16xf32>, %k1: tensor<4x64x16xf32>) -> tensor<4x16xf32> {
  %0 = call @layer(%q, %k0, %k0) : (tensor<4x16xf32>, tensor<4x64x16xf32>, tensor<4x64x16xf32>) -> tensor<4x16xf32>
  %1 = call @layer(%0, %k1, %k1) : (tensor<4x16xf32>, tensor<4x64x16xf32>, tensor<4x64x16xf32>) -> tensor<4x16xf32>
  return %1 : tensor<4x16xf32>
}
