// RUN: dashkv-opt %s --dashkv-raise-attention | FileCheck %s

// The smallest forms. Spellings of softmax, scores, masks and layouts, the one-op
// forms and the options have files of their own (raise-attention-*.mlir); what
// exporters make is in raise-exports.test, near misses in
// raise-attention-decline.mlir.

// Contractions around linalg.softmax, no scale: scale = 1.
// CHECK-LABEL: @named
//  CHECK-SAME: %[[Q:.+]]: tensor<2x4x3x16xf32>, %[[K:.+]]: tensor<2x4x9x16xf32>, %[[V:.+]]: tensor<2x4x9x24xf32>
func.func @named(%q: tensor<2x4x3x16xf32>, %k: tensor<2x4x9x16xf32>, %v: tensor<2x4x9x24xf32>) -> tensor<2x4x3x24xf32> {
  // CHECK-NOT: linalg.softmax
  // CHECK: dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs({{.*}} : tensor<2x4x3x24xf32>) {scale = 1.000000e+00 : f32}
  // CHECK-NOT: linalg.contract
  %zero = arith.constant 0.0 : f32
  %s0 = tensor.empty() : tensor<2x4x3x9xf32>
  %s1 = linalg.fill ins(%zero : f32) outs(%s0 : tensor<2x4x3x9xf32>) -> tensor<2x4x3x9xf32>
  %s = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, d)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>,
                                        affine_map<(b, h, m, n, d) -> (b, h, m, n)>]
      ins(%q, %k : tensor<2x4x3x16xf32>, tensor<2x4x9x16xf32>) outs(%s1 : tensor<2x4x3x9xf32>) -> tensor<2x4x3x9xf32>
  %p = linalg.softmax dimension(3) ins(%s : tensor<2x4x3x9xf32>) outs(%s0 : tensor<2x4x3x9xf32>) -> tensor<2x4x3x9xf32>
  %o0 = tensor.empty() : tensor<2x4x3x24xf32>
  %o1 = linalg.fill ins(%zero : f32) outs(%o0 : tensor<2x4x3x24xf32>) -> tensor<2x4x3x24xf32>
  %o = linalg.contract indexing_maps = [affine_map<(b, h, m, n, d) -> (b, h, m, n)>, affine_map<(b, h, m, n, d) -> (b, h, n, d)>,
                                        affine_map<(b, h, m, n, d) -> (b, h, m, d)>]
      ins(%p, %v : tensor<2x4x3x9xf32>, tensor<2x4x9x24xf32>) outs(%o1 : tensor<2x4x3x24xf32>) -> tensor<2x4x3x24xf32>
  return %o : tensor<2x4x3x24xf32>
}

// The kept op of torch-mlir: the default scale is 1/sqrt(D).
// CHECK-LABEL: @kept_op
func.func @kept_op(%q: tensor<8x1x64xf32>, %k: tensor<8x48x64xf32>, %v: tensor<8x48x64xf32>, %o: tensor<8x1x64xf32>) -> tensor<8x1x64xf32> {
  // CHECK: dashkv.attention {{.*}}scale = 1.250000e-01 : f32
  // CHECK-NOT: tm_tensor
  %0 = tm_tensor.attention ins(%q, %k, %v : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>)
      outs(%o : tensor<8x1x64xf32>) -> tensor<8x1x64xf32>
  return %0 : tensor<8x1x64xf32>
}
