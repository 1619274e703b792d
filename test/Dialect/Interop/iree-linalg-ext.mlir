// RUN: dashkv-opt %s --verify-roundtrip | FileCheck %s
// RUN: dashkv-opt %s --emit-bytecode | dashkv-opt | FileCheck %s

#q = affine_map<(b, m, n, d, dv) -> (b, m, d)>
#k = affine_map<(b, m, n, d, dv) -> (b, n, d)>
#v = affine_map<(b, m, n, d, dv) -> (b, n, dv)>
#s = affine_map<(b, m, n, d, dv) -> ()>
#mask = affine_map<(b, m, n, d, dv) -> (m, n)>
#o = affine_map<(b, m, n, d, dv) -> (b, m, dv)>
#r = affine_map<(b, m, n, d, dv) -> (b, m)>

// CHECK-LABEL: func.func @attention
// CHECK:       iree_linalg_ext.attention <indexing_maps = [#map, #map1, #map2, #map3, #map4]> ins(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>, f32) outs(%{{.*}} : tensor<8x1x64xf32>) {
// CHECK-NEXT:  ^bb0(%[[SCORE:.+]]: f32):
// CHECK-NEXT:    iree_linalg_ext.yield %[[SCORE]] : f32
// CHECK-NEXT:  } -> tensor<8x1x64xf32>
func.func @attention(%q: tensor<8x1x64xf32>, %k: tensor<8x48x64xf32>, %scale: f32, %init: tensor<8x1x64xf32>) -> tensor<8x1x64xf32> {
  %0 = iree_linalg_ext.attention <indexing_maps = [#q, #k, #v, #s, #o]>
    ins(%q, %k, %k, %scale : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>, f32) outs(%init : tensor<8x1x64xf32>) {
  ^bb0(%score: f32):
    iree_linalg_ext.yield %score : f32
  } -> tensor<8x1x64xf32>
  return %0 : tensor<8x1x64xf32>
}

// A mask, and the attributes in braces, which is how older releases print them.
// CHECK-LABEL: func.func @attention_masked
// CHECK:       iree_linalg_ext.attention <indexing_maps = [#map, #map1, #map2, #map3, #map5, #map4], decomposition_config = {use_exp2}> {tag} ins({{.*}} f32, tensor<1x48xi1>)
func.func @attention_masked(%q: tensor<8x1x64xf32>, %k: tensor<8x48x64xf32>, %scale: f32, %mask: tensor<1x48xi1>, %init: tensor<8x1x64xf32>) -> tensor<8x1x64xf32> {
  %0 = iree_linalg_ext.attention {indexing_maps = [#q, #k, #v, #s, #mask, #o], decomposition_config = {use_exp2}, tag}
    ins(%q, %k, %k, %scale, %mask : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>, f32, tensor<1x48xi1>) outs(%init : tensor<8x1x64xf32>) {
  ^bb0(%score: f32):
    iree_linalg_ext.yield %score : f32
  } -> tensor<8x1x64xf32>
  return %0 : tensor<8x1x64xf32>
}

// Braces within angle brackets are how MLIR 22 prints properties. Buffers.
// CHECK-LABEL: func.func @attention_memref
// CHECK:       iree_linalg_ext.attention <indexing_maps = [{{.*}}]> ins({{.*}}) outs(%{{.*}} : memref<8x1x64xf32>) {
// CHECK:       }{{$}}
func.func @attention_memref(%q: memref<8x1x64xf32>, %k: memref<8x48x64xf32>, %scale: f32, %out: memref<8x1x64xf32>) {
  iree_linalg_ext.attention <{indexing_maps = [#q, #k, #v, #s, #o]}>
    ins(%q, %k, %k, %scale : memref<8x1x64xf32>, memref<8x48x64xf32>, memref<8x48x64xf32>, f32) outs(%out : memref<8x1x64xf32>) {
  ^bb0(%score: f32):
    iree_linalg_ext.yield %score : f32
  }
  return
}

// CHECK-LABEL: func.func @online_attention
// CHECK:       iree_linalg_ext.online_attention <indexing_maps = [{{.*}}]> ins({{.*}}) outs(%{{.*}}, %{{.*}}, %{{.*}} : tensor<8x1x64xf32>, tensor<8x1xf32>, tensor<8x1xf32>) {
// CHECK:       } -> tensor<8x1x64xf32>, tensor<8x1xf32>, tensor<8x1xf32>
func.func @online_attention(%q: tensor<8x1x64xf16>, %k: tensor<8x48x64xf16>, %scale: f16, %acc: tensor<8x1x64xf32>, %row: tensor<8x1xf32>) -> tensor<8x1x64xf32> {
  %0:3 = iree_linalg_ext.online_attention <indexing_maps = [#q, #k, #v, #s, #o, #r, #r]>
    ins(%q, %k, %k, %scale : tensor<8x1x64xf16>, tensor<8x48x64xf16>, tensor<8x48x64xf16>, f16)
    outs(%acc, %row, %row : tensor<8x1x64xf32>, tensor<8x1xf32>, tensor<8x1xf32>) {
  ^bb0(%score: f32):
    iree_linalg_ext.yield %score : f32
  } -> tensor<8x1x64xf32>, tensor<8x1xf32>, tensor<8x1xf32>
  return %0#0 : tensor<8x1x64xf32>
}

// Other ops of the dialect pass through in generic form.
// CHECK-LABEL: func.func @other
// CHECK:       "iree_linalg_ext.fft"
func.func @other(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = "iree_linalg_ext.fft"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}
