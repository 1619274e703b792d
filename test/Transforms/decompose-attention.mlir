// RUN: dashkv-opt %s --dashkv-decompose-attention --split-input-file | FileCheck %s

// Start values, one step over all keys, division.
// CHECK-LABEL: func.func @decode
// CHECK-SAME:    %[[Q:.+]]: tensor<1x8x1x64xf16>, %[[K:.+]]: tensor<1x2x?x64xf16>, %[[LEN:.+]]: tensor<1xi32>, %[[OUT:.+]]: tensor<1x8x1x64xf16>
// CHECK:         %[[ACC:.+]] = linalg.fill ins(%{{.+}} : f32) outs({{.+}} : tensor<1x8x1x64xf32>)
// CHECK:         %[[LOWEST:.+]] = arith.constant -3.40282347E+38 : f32
// CHECK:         %[[MAX:.+]] = linalg.fill ins(%[[LOWEST]] : f32) outs({{.+}} : tensor<1x8x1xf32>)
// CHECK:         %[[SUM:.+]] = linalg.fill ins(%{{.+}} : f32) outs({{.+}} : tensor<1x8x1xf32>)
// The only row sees all keys: causal says nothing.
// CHECK:         %[[S:.+]]:3 = dashkv.online_attention ins(%[[Q]], %[[K]], %[[K]] :
// CHECK-SAME:      lengths(%[[LEN]] : tensor<1xi32>) outs(%[[ACC]], %[[MAX]], %[[SUM]] :
// CHECK-SAME:      {scale = 1.250000e-01 : f32}
// CHECK:         %[[R:.+]]:2 = dashkv.finalize ins(%[[S]]#0, %[[S]]#1, %[[S]]#2 : {{.+}}) outs(%[[OUT]] : tensor<1x8x1x64xf16>) lse(
// CHECK:         return %[[R]]#0, %[[R]]#1
func.func @decode(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x?x64xf16>, %lengths: tensor<1xi32>, %out: tensor<1x8x1x64xf16>) -> (tensor<1x8x1x64xf16>, tensor<1x8x1xf32>) {
  %e = tensor.empty() : tensor<1x8x1xf32>
  %r:2 = dashkv.attention causal ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>) lengths(%lengths : tensor<1xi32>)
    outs(%out : tensor<1x8x1x64xf16>) lse(%e : tensor<1x8x1xf32>) {scale = 0.125 : f32}
  return %r#0, %r#1 : tensor<1x8x1x64xf16>, tensor<1x8x1xf32>
}

// -----

// Keys and values stay in their layout, the result is permuted; the end of the
// sequences becomes an operand.
// CHECK-DAG:   #[[$QMAP:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d2, d1, d4)>
// CHECK-DAG:   #[[$KMAP:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d3, d1, d4)>
// CHECK-DAG:   #[[$VMAP:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d3, d1, d5)>
// CHECK-DAG:   #[[$ACCMAP:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d5)>
// CHECK-LABEL: func.func @layout
// CHECK:         %[[LEN:.+]] = linalg.fill ins(%{{.+}} : i32) outs({{.+}} : tensor<2xi32>)
// CHECK:         %[[S:.+]]:3 = dashkv.online_attention causal ins({{.+}}) lengths(%[[LEN]] : tensor<2xi32>)
// CHECK-SAME:      indexing_maps = [#[[$QMAP]], #[[$KMAP]], #[[$VMAP]], #[[$ACCMAP]]]
// CHECK:         %[[O:.+]] = dashkv.finalize {{.+}} outs({{.+}} : tensor<2x8x4x64xf32>)
// CHECK:         %[[T:.+]] = linalg.transpose ins(%[[O]] : tensor<2x8x4x64xf32>) {{.+}} permutation = [0, 2, 1, 3]
// CHECK:         return %[[T]]
#q = affine_map<(b, h, m, n, d, dv) -> (b, m, h, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, n, h, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, n, h, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, m, h, dv)>
func.func @layout(%q: tensor<2x4x8x64xf32>, %k: tensor<2x128x2x64xf32>, %out: tensor<2x4x8x64xf32>) -> tensor<2x4x8x64xf32> {
  %r = dashkv.attention causal ins(%q, %k, %k : tensor<2x4x8x64xf32>, tensor<2x128x2x64xf32>, tensor<2x128x2x64xf32>)
    outs(%out : tensor<2x4x8x64xf32>) {indexing_maps = [#q, #k, #v, #o]}
  return %r : tensor<2x4x8x64xf32>
}

// -----

// Heads as two dims become one, written in place.
// CHECK-LABEL: func.func @groups
// CHECK-SAME:    %[[Q:.+]]: tensor<1x2x4x1x64xf32>, %[[K:.+]]: tensor<1x2x128x64xf32>, %[[MASK:.+]]: tensor<1x1x128xf32>, %[[OUT:.+]]: tensor<1x2x4x1x64xf32>
// CHECK-DAG:     %[[JOINED:.+]] = tensor.collapse_shape %[[Q]] {{.*}} into tensor<1x8x1x64xf32>
// CHECK-DAG:     %[[INIT:.+]] = tensor.collapse_shape %[[OUT]] {{.*}} into tensor<1x8x1x64xf32>
// CHECK:         dashkv.online_attention ins(%[[JOINED]], %[[K]], %[[K]] : {{.+}}) mask(%[[MASK]] : tensor<1x1x128xf32>)
// CHECK:         %[[O:.+]] = dashkv.finalize {{.+}} outs(%[[INIT]] :
// CHECK:         tensor.expand_shape %[[O]] {{.*}} into tensor<1x2x4x1x64xf32>
#gq = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, d)>
#gk = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, d)>
#gv = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, dv)>
#gm = affine_map<(b, h, g, m, n, d, dv) -> (b, m, n)>
#go = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, dv)>
func.func @groups(%q: tensor<1x2x4x1x64xf32>, %k: tensor<1x2x128x64xf32>, %mask: tensor<1x1x128xf32>, %out: tensor<1x2x4x1x64xf32>) -> tensor<1x2x4x1x64xf32> {
  %r = dashkv.attention ins(%q, %k, %k : tensor<1x2x4x1x64xf32>, tensor<1x2x128x64xf32>, tensor<1x2x128x64xf32>) mask(%mask : tensor<1x1x128xf32>)
    outs(%out : tensor<1x2x4x1x64xf32>) {indexing_maps = [#gq, #gk, #gv, #gm, #go]}
  return %r : tensor<1x2x4x1x64xf32>
}

// -----

// A mask a KV head cannot be read by query heads: the group stays.
// CHECK-LABEL: func.func @mask_of_kv_heads
// CHECK-NOT:     collapse_shape
// CHECK:         dashkv.online_attention {{.+}} mask({{.+}} : tensor<2x128xf32>) outs({{.+}} : tensor<1x2x4x1x64xf32>, tensor<1x2x4x1xf32>, tensor<1x2x4x1xf32>)
#gq = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, d)>
#gk = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, d)>
#gv = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, dv)>
#gm = affine_map<(b, h, g, m, n, d, dv) -> (h, n)>
#go = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, dv)>
func.func @mask_of_kv_heads(%q: tensor<1x2x4x1x64xf32>, %k: tensor<1x2x128x64xf32>, %mask: tensor<2x128xf32>, %out: tensor<1x2x4x1x64xf32>) -> tensor<1x2x4x1x64xf32> {
  %r = dashkv.attention ins(%q, %k, %k : tensor<1x2x4x1x64xf32>, tensor<1x2x128x64xf32>, tensor<1x2x128x64xf32>) mask(%mask : tensor<2x128xf32>)
    outs(%out : tensor<1x2x4x1x64xf32>) {indexing_maps = [#gq, #gk, #gv, #gm, #go]}
  return %r : tensor<1x2x4x1x64xf32>
}

// -----

// CHECK-LABEL: func.func @on_memrefs
// CHECK:         dashkv.online_attention
// CHECK:         %[[O:.+]] = dashkv.finalize
// CHECK:         bufferization.materialize_in_destination %[[O]] in restrict writable %{{.+}} :
// CHECK-NOT:     dashkv.attention
func.func @on_memrefs(%q: memref<1x8x1x64xf16>, %k: memref<1x2x128x64xf16>, %out: memref<1x8x1x64xf16>) {
  dashkv.attention ins(%q, %k, %k : memref<1x8x1x64xf16>, memref<1x2x128x64xf16>, memref<1x2x128x64xf16>) outs(%out : memref<1x8x1x64xf16>)
  return
}
