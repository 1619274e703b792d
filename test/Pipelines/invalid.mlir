// RUN: dashkv-opt %s --dashkv-linalg-pipeline --split-input-file --verify-diagnostics
// RUN: dashkv-opt %s --dashkv-cpu-pipeline --split-input-file --verify-diagnostics

// No silent left-over: what has no lowering is an error.

func.func @tm_tensor(%q: tensor<1x4x8xf32>, %o: tensor<1x4x8xf32>) -> tensor<1x4x8xf32> {
  // expected-error-re @below {{no lowering for tm_tensor.attention at level {{portable|tiled}}; dashkv-raise-attention and dashkv-expand-tiered take attention apart}}
  %0 = tm_tensor.attention ins(%q, %q, %q : tensor<1x4x8xf32>, tensor<1x4x8xf32>, tensor<1x4x8xf32>) outs(%o : tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  return %0 : tensor<1x4x8xf32>
}
