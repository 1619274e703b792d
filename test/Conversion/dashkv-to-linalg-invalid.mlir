// RUN: dashkv-opt %s --convert-dashkv-to-linalg --split-input-file --verify-diagnostics

// tiered_attention has no lowering of its own.
func.func @tiered(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  // expected-error @below {{no lowering to linalg for dashkv.tiered_attention; run dashkv-expand-tiered first}}
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>) codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// Lists of query heads are told from those of KV heads by their static sizes.
func.func @dynamic_heads_of_list(%q: tensor<1x?x1x64xf16>, %k: tensor<1x?x16x64xf16>, %i: tensor<1x?x1x5xi32>, %c: tensor<1x?x1xi32>, %acc: tensor<1x?x1x64xf32>, %max: tensor<1x?x1xf32>) -> tensor<1x?x1x64xf32> {
  // expected-error @below {{no lowering to linalg for dashkv.online_attention; the heads of lists and codes must be static}}
  %0:3 = dashkv.online_attention ins(%q, %k, %k : tensor<1x?x1x64xf16>, tensor<1x?x16x64xf16>, tensor<1x?x16x64xf16>) list(%i, %c : tensor<1x?x1x5xi32>, tensor<1x?x1xi32>)
      outs(%acc, %max, %max : tensor<1x?x1x64xf32>, tensor<1x?x1xf32>, tensor<1x?x1xf32>)
  return %0#0 : tensor<1x?x1x64xf32>
}

// -----

func.func @dynamic_heads_of_values(%s: tensor<1x8x1x5xf32>, %v: tensor<1x?x16x64xf16>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>, %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>) -> tensor<1x8x1x64xf32> {
  // expected-error @below {{no lowering to linalg for dashkv.online_reduce; the heads of lists and codes must be static}}
  %0:3 = dashkv.online_reduce ins(%s, %v : tensor<1x8x1x5xf32>, tensor<1x?x16x64xf16>) list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>)
      outs(%acc, %max, %max : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return %0#0 : tensor<1x8x1x64xf32>
}

// -----

func.func @dynamic_heads_of_codes(%qc: tensor<1x?x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>, %t: tensor<8xf32>, %o: tensor<1x8x1x5xf32>) -> tensor<1x8x1x5xf32> {
  // expected-error @below {{no lowering to linalg for dashkv.estimate_scores; the heads of lists and codes must be static}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x?x1x8xi8>, tensor<1x2x16x8xi8>) list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %t : tensor<8xf32>, tensor<8xf32>)
      outs(%o : tensor<1x8x1x5xf32>)
  return %0 : tensor<1x8x1x5xf32>
}

// -----

func.func @tiered_on_memrefs(%q: memref<1x8x1x64xf16>, %k: memref<1x2x16x64xf16>, %qc: memref<1x8x1x8xi8>, %kc: memref<1x2x16x8xi8>, %o: memref<1x8x1x64xf16>) {
  // expected-error @below {{no lowering to linalg for dashkv.tiered_attention; run dashkv-expand-tiered first}}
  dashkv.tiered_attention ins(%q, %k, %k : memref<1x8x1x64xf16>, memref<1x2x16x64xf16>, memref<1x2x16x64xf16>) codes(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>)
      outs(%o : memref<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return
}
