// One decode step: 8 query heads, 2 KV heads of 64, any number of cached keys.
func.func @decode(%q: tensor<1x8x1x64xf32>, %k: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) -> tensor<1x8x1x64xf32> {
  %init = tensor.empty() : tensor<1x8x1x64xf32>
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x1x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>)
    outs(%init : tensor<1x8x1x64xf32>) {scale = 0.125 : f32}
  return %0 : tensor<1x8x1x64xf32>
}
