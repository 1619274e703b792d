// RUN: dashkv-opt %s --dashkv-raise-attention --split-input-file | FileCheck %s

// Attention that arrives as one op, of torch-mlir and of IREE.

// The default scale; the heads of three dims have no batch.
// CHECK-LABEL: func.func @tm_default(
// CHECK:         dashkv.attention ins({{.*}} : tensor<1x8x1x64xf32>, tensor<1x8x48x64xf32>, tensor<1x8x48x32xf32>) outs(%{{.*}} : tensor<1x8x1x32xf32>) {scale = 1.250000e-01 : f32}
// CHECK-NOT:     tm_tensor
func.func @tm_default(%q: tensor<8x1x64xf32>, %k: tensor<8x48x64xf32>, %v: tensor<8x48x32xf32>, %init: tensor<8x1x32xf32>) -> tensor<8x1x32xf32> {
  %0 = tm_tensor.attention ins(%q, %k, %v : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x32xf32>) outs(%init : tensor<8x1x32xf32>) -> tensor<8x1x32xf32>
  return %0 : tensor<8x1x32xf32>
}

// -----

// As torch-mlir makes it: heads repeated and collapsed, a broadcast mask of i1, which keeps
// where it is true. A fully masked row gives 0 in torch, so that this needs no guard.
// CHECK-LABEL: func.func @tm_grouped(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<1x8x1x32xf16>, %[[K:[a-z0-9]+]]: tensor<1x2x?x32xf16>, %[[V:[a-z0-9]+]]: tensor<1x2x?x32xf16>, %[[M:[a-z0-9]+]]: tensor<1x1x1x?xi1>
// CHECK:         %[[MASK:.+]] = linalg.generic {{.*}} ins(%[[M]] : tensor<1x1x1x?xi1>)
// CHECK:           arith.select
// CHECK:         dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) mask(%[[MASK]] : tensor<?xf32>) outs(%{{.*}} : tensor<1x8x1x32xf16>) {indexing_maps = [{{.*}}], scale = 3.000000e-01 : f32}
// CHECK-NOT:     linalg
#in = affine_map<(b, k, g, n, d) -> (b, k, n, d)>
#out = affine_map<(b, k, g, n, d) -> (b, k, g, n, d)>
#b00n = affine_map<(b, h, m, n) -> (b, 0, m, n)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
func.func @tm_grouped(%q: tensor<1x8x1x32xf16>, %k: tensor<1x2x?x32xf16>, %v: tensor<1x2x?x32xf16>, %mask: tensor<1x1x1x?xi1>) -> tensor<1x8x1x32xf16> {
  %c2 = arith.constant 2 : index
  %keys = tensor.dim %k, %c2 : tensor<1x2x?x32xf16>
  %rep_init = tensor.empty(%keys) : tensor<1x2x4x?x32xf16>
  %kr = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%k : tensor<1x2x?x32xf16>) outs(%rep_init : tensor<1x2x4x?x32xf16>) {
  ^bb0(%x: f16, %o: f16):
    linalg.yield %x : f16
  } -> tensor<1x2x4x?x32xf16>
  %vr = linalg.generic {indexing_maps = [#in, #out], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%v : tensor<1x2x?x32xf16>) outs(%rep_init : tensor<1x2x4x?x32xf16>) {
  ^bb0(%x: f16, %o: f16):
    linalg.yield %x : f16
  } -> tensor<1x2x4x?x32xf16>
  %mask_init = tensor.empty(%keys) : tensor<1x8x1x?xi1>
  %mask_b = linalg.generic {indexing_maps = [#b00n, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%mask : tensor<1x1x1x?xi1>) outs(%mask_init : tensor<1x8x1x?xi1>) {
  ^bb0(%x: i1, %o: i1):
    linalg.yield %x : i1
  } -> tensor<1x8x1x?xi1>
  %q3 = tensor.collapse_shape %q [[0, 1], [2], [3]] : tensor<1x8x1x32xf16> into tensor<8x1x32xf16>
  %k3 = tensor.collapse_shape %kr [[0, 1, 2], [3], [4]] : tensor<1x2x4x?x32xf16> into tensor<8x?x32xf16>
  %v3 = tensor.collapse_shape %vr [[0, 1, 2], [3], [4]] : tensor<1x2x4x?x32xf16> into tensor<8x?x32xf16>
  %m3 = tensor.collapse_shape %mask_b [[0, 1], [2], [3]] : tensor<1x8x1x?xi1> into tensor<8x1x?xi1>
  %o_init = tensor.empty() : tensor<8x1x32xf16>
  %o3 = tm_tensor.attention {scale = 3.000000e-01 : f64} ins(%q3, %k3, %v3, %m3 : tensor<8x1x32xf16>, tensor<8x?x32xf16>, tensor<8x?x32xf16>, tensor<8x1x?xi1>) outs(%o_init : tensor<8x1x32xf16>) -> tensor<8x1x32xf16>
  %o = tensor.expand_shape %o3 [[0, 1], [2], [3]] output_shape [1, 8, 1, 32] : tensor<8x1x32xf16> into tensor<1x8x1x32xf16>
  return %o : tensor<1x8x1x32xf16>
}

// -----

// A dynamic head size: the default scale is computed, on q.
// CHECK-LABEL: func.func @tm_dynamic_depth(
// CHECK:         linalg.generic
// CHECK:           tensor.dim
// CHECK:           math.rsqrt
// CHECK:         dashkv.attention ins({{.*}}) outs({{.*}}) {scale = 1.000000e+00 : f32}
func.func @tm_dynamic_depth(%q: tensor<2x8x1x?xf32>, %k: tensor<2x8x48x?xf32>, %v: tensor<2x8x48x64xf32>, %init: tensor<2x8x1x64xf32>) -> tensor<2x8x1x64xf32> {
  %0 = tm_tensor.attention ins(%q, %k, %v : tensor<2x8x1x?xf32>, tensor<2x8x48x?xf32>, tensor<2x8x48x64xf32>) outs(%init : tensor<2x8x1x64xf32>) -> tensor<2x8x1x64xf32>
  return %0 : tensor<2x8x1x64xf32>
}

// -----

// Transposed V, a mask without batch; k1 is d, k2 is n, n is dv.
// CHECK-LABEL: func.func @iree(
// CHECK:         %[[MASK:.+]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<3x48xi1>)
// CHECK:         dashkv.attention ins({{.*}} : tensor<1x8x3x64xf32>, tensor<1x8x48x64xf32>, tensor<1x8x32x48xf32>) mask(%[[MASK]] : tensor<3x48xf32>) outs(%{{.*}} : tensor<1x8x3x32xf32>) {indexing_maps = [{{.*}}], scale = 1.250000e-01 : f32}
// CHECK-NOT:     iree_linalg_ext
#q = affine_map<(b, m, n, k1, k2) -> (b, m, k1)>
#k = affine_map<(b, m, n, k1, k2) -> (b, k2, k1)>
#v = affine_map<(b, m, n, k1, k2) -> (b, n, k2)>
#s = affine_map<(b, m, n, k1, k2) -> ()>
#mask = affine_map<(b, m, n, k1, k2) -> (m, k2)>
#o = affine_map<(b, m, n, k1, k2) -> (b, m, n)>
func.func @iree(%q: tensor<8x3x64xf32>, %k: tensor<8x48x64xf32>, %v: tensor<8x32x48xf32>, %mask: tensor<3x48xi1>, %init: tensor<8x3x32xf32>) -> tensor<8x3x32xf32> {
  %scale = arith.constant 0.125 : f32
  %0 = iree_linalg_ext.attention <indexing_maps = [#q, #k, #v, #s, #mask, #o]>
    ins(%q, %k, %v, %scale, %mask : tensor<8x3x64xf32>, tensor<8x48x64xf32>, tensor<8x32x48xf32>, f32, tensor<3x48xi1>) outs(%init : tensor<8x3x32xf32>) {
  ^bb0(%score: f32):
    iree_linalg_ext.yield %score : f32
  } -> tensor<8x3x32xf32>
  return %0 : tensor<8x3x32xf32>
}

// -----

// Running statistics from their start values, with the division by the sum.
// CHECK-LABEL: func.func @iree_online(
// CHECK:         dashkv.attention ins({{.*}} : tensor<1x8x3x64xf16>, tensor<1x8x48x64xf16>, tensor<1x8x48x64xf16>) outs(%{{.*}} : tensor<1x8x3x64xf32>) {scale = 1.250000e-01 : f32}
// CHECK-NOT:     linalg
#q = affine_map<(b, m, n, k1, k2) -> (b, m, k1)>
#k = affine_map<(b, m, n, k1, k2) -> (b, k2, k1)>
#v = affine_map<(b, m, n, k1, k2) -> (b, k2, n)>
#s = affine_map<(b, m, n, k1, k2) -> ()>
#o = affine_map<(b, m, n, k1, k2) -> (b, m, n)>
#r = affine_map<(b, m, n, k1, k2) -> (b, m)>
#bmd = affine_map<(b, m, d) -> (b, m, d)>
#bm = affine_map<(b, m, d) -> (b, m)>
func.func @iree_online(%q: tensor<8x3x64xf16>, %k: tensor<8x48x64xf16>, %v: tensor<8x48x64xf16>) -> tensor<8x3x64xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %scale = arith.constant 0.125 : f16
  %acc_init = tensor.empty() : tensor<8x3x64xf32>
  %row_init = tensor.empty() : tensor<8x3xf32>
  %acc = linalg.fill ins(%zero : f32) outs(%acc_init : tensor<8x3x64xf32>) -> tensor<8x3x64xf32>
  %max = linalg.fill ins(%lowest : f32) outs(%row_init : tensor<8x3xf32>) -> tensor<8x3xf32>
  %sum = linalg.fill ins(%zero : f32) outs(%row_init : tensor<8x3xf32>) -> tensor<8x3xf32>
  %0:3 = iree_linalg_ext.online_attention <indexing_maps = [#q, #k, #v, #s, #o, #r, #r]>
    ins(%q, %k, %v, %scale : tensor<8x3x64xf16>, tensor<8x48x64xf16>, tensor<8x48x64xf16>, f16)
    outs(%acc, %max, %sum : tensor<8x3x64xf32>, tensor<8x3xf32>, tensor<8x3xf32>) {
  ^bb0(%score: f32):
    iree_linalg_ext.yield %score : f32
  } -> tensor<8x3x64xf32>, tensor<8x3xf32>, tensor<8x3xf32>
  %out = linalg.generic {indexing_maps = [#bm, #bmd, #bmd], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%0#2, %0#0 : tensor<8x3xf32>, tensor<8x3x64xf32>) outs(%acc_init : tensor<8x3x64xf32>) {
  ^bb0(%t: f32, %x: f32, %o: f32):
    %inverse = arith.divf %one, %t : f32
    %y = arith.mulf %inverse, %x : f32
    linalg.yield %y : f32
  } -> tensor<8x3x64xf32>
  return %out : tensor<8x3x64xf32>
}
