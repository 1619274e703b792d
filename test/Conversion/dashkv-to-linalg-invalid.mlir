// RUN: dashkv-opt %s --convert-dashkv-to-linalg --split-input-file --verify-diagnostics

// tiered_attention has no lowering of its own.
func.func @tiered(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  // expected-error @below {{no lowering to linalg for dashkv.tiered_attention; run dashkv-expand-tiered first}}
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>) codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return %0 : tensor<1x8x1x64xf16>
}

// -----

func.func @tiered_on_memrefs(%q: memref<1x8x1x64xf16>, %k: memref<1x2x16x64xf16>, %qc: memref<1x8x1x8xi8>, %kc: memref<1x2x16x8xi8>, %o: memref<1x8x1x64xf16>) {
  // expected-error @below {{no lowering to linalg for dashkv.tiered_attention; run dashkv-expand-tiered first}}
  dashkv.tiered_attention ins(%q, %k, %k : memref<1x8x1x64xf16>, memref<1x2x16x64xf16>, memref<1x2x16x64xf16>) codes(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>)
      outs(%o : memref<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return
}
