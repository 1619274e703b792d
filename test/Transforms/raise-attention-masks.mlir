// RUN: dashkv-opt %s --dashkv-raise-attention --split-input-file | FileCheck %s

// Masks that are raised: operands at their own rank, `causal`, `lengths`.

// a finite additive mask [B,1,1,N] stays as it is, without its dims of size 1
// CHECK-LABEL: func.func @finite_additive(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg.contract
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) mask(%{{.*}} : tensor<2x6xf32>) outs(%{{.*}} : tensor<2x3x4x8xf32>) {indexing_maps = [{{.*}}], scale = 1.000000e+00 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
#b00n = affine_map<(b, h, m, n) -> (b, 0, 0, n)>
func.func @finite_additive(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>, %mask: tensor<2x1x1x6xi1>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -1.0e+09 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %mask_init = tensor.empty() : tensor<2x1x1x6xf32>
  %bias = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%mask : tensor<2x1x1x6xi1>) outs(%mask_init : tensor<2x1x1x6xf32>) {
  ^bb0(%c: i1, %o: f32):
    %y = arith.select %c, %zero, %low : f32
    linalg.yield %y : f32
  } -> tensor<2x1x1x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #b00n, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %bias : tensor<2x3x4x6xf32>, tensor<2x1x1x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %a: f32, %o: f32):
    %y = arith.addf %x, %a : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// the same as (1 - mask) * -1e9 of a 0/1 integer mask
// CHECK-LABEL: func.func @one_minus_mask(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg.contract
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) mask(%{{.*}} : tensor<2x6xf32>) outs(%{{.*}} : tensor<2x3x4x8xf32>) {indexing_maps = [{{.*}}], scale = 1.000000e+00 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
#b00n = affine_map<(b, h, m, n) -> (b, 0, 0, n)>
func.func @one_minus_mask(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>, %mask: tensor<2x1x1x6xi64>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %low = arith.constant -1.0e+09 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %mask_init = tensor.empty() : tensor<2x1x1x6xf32>
  %bias = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%mask : tensor<2x1x1x6xi64>) outs(%mask_init : tensor<2x1x1x6xf32>) {
  ^bb0(%c: i64, %o: f32):
    %f = arith.sitofp %c : i64 to f32
    %g = arith.subf %one, %f : f32
    %y = arith.mulf %g, %low : f32
    linalg.yield %y : f32
  } -> tensor<2x1x1x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #b00n, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %bias : tensor<2x3x4x6xf32>, tensor<2x1x1x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %a: f32, %o: f32):
    %y = arith.addf %x, %a : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// a mask that was made at the shape of the scores depends on two dims only
// CHECK-LABEL: func.func @computed_at_full_rank(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg.contract
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) mask(%{{.*}} : tensor<2x6xf32>) outs(%{{.*}} : tensor<2x3x4x8xf32>) {indexing_maps = [{{.*}}], scale = 1.000000e+00 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
func.func @computed_at_full_rank(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>, %mask: tensor<2x6xi1>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -1.0e+09 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %full_init = tensor.empty() : tensor<2x3x4x6xi1>
  %full = linalg.broadcast ins(%mask : tensor<2x6xi1>) outs(%full_init : tensor<2x3x4x6xi1>) dimensions = [1, 2]
  %bias = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%full : tensor<2x3x4x6xi1>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%c: i1, %o: f32):
    %y = arith.select %c, %zero, %low : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %bias : tensor<2x3x4x6xf32>, tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %a: f32, %o: f32):
    %y = arith.addf %x, %a : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// the start value of the first contraction is an additive mask
// CHECK-LABEL: func.func @contraction_init(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg.contract
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) mask(%{{.*}} : tensor<2x3x4x6xf32>) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 1.000000e+00 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
func.func @contraction_init(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>, %mask: tensor<2x3x4x6xi1>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -1.0e+09 : f32
  %score_init0 = tensor.empty() : tensor<2x3x4x6xf32>
  %bias = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%mask : tensor<2x3x4x6xi1>) outs(%score_init0 : tensor<2x3x4x6xf32>) {
  ^bb0(%c: i1, %o: f32):
    %y = arith.select %c, %zero, %low : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%bias : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// a scale after the mask scales both
// CHECK-LABEL: func.func @scale_after_mask(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK:     linalg.generic
// CHECK:       arith.mulf
// CHECK-NOT: linalg.contract
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) mask(%{{.*}} : tensor<2x6xf32>) outs(%{{.*}} : tensor<2x3x4x8xf32>) {indexing_maps = [{{.*}}], scale = 2.500000e-01 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
#b00n = affine_map<(b, h, m, n) -> (b, 0, 0, n)>
func.func @scale_after_mask(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>, %mask: tensor<2x1x1x6xi1>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -1.0e+09 : f32
  %scale = arith.constant 0.25 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %mask_init = tensor.empty() : tensor<2x1x1x6xf32>
  %bias = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%mask : tensor<2x1x1x6xi1>) outs(%mask_init : tensor<2x1x1x6xf32>) {
  ^bb0(%c: i1, %o: f32):
    %y = arith.select %c, %zero, %low : f32
    linalg.yield %y : f32
  } -> tensor<2x1x1x6xf32>
  %biased = linalg.generic {indexing_maps = [#bhmn, #b00n, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %bias : tensor<2x3x4x6xf32>, tensor<2x1x1x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %a: f32, %o: f32):
    %y = arith.addf %x, %a : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%biased : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = arith.mulf %x, %scale : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// two finite masks become the sum of both
// CHECK-LABEL: func.func @two_masks(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK:     linalg.generic
// CHECK:       arith.addf
// CHECK-NOT: linalg.contract
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) mask(%{{.*}} : tensor<2x4x6xf32>) outs(%{{.*}} : tensor<2x3x4x8xf32>) {indexing_maps = [{{.*}}], scale = 1.000000e+00 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
#b00n = affine_map<(b, h, m, n) -> (b, 0, 0, n)>
#mn = affine_map<(b, h, m, n) -> (m, n)>
func.func @two_masks(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>, %mask: tensor<2x1x1x6xi1>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -1.0e+09 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %mask_init = tensor.empty() : tensor<2x1x1x6xf32>
  %bias = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%mask : tensor<2x1x1x6xi1>) outs(%mask_init : tensor<2x1x1x6xf32>) {
  ^bb0(%c: i1, %o: f32):
    %y = arith.select %c, %zero, %low : f32
    linalg.yield %y : f32
  } -> tensor<2x1x1x6xf32>
  %biased = linalg.generic {indexing_maps = [#bhmn, #b00n, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %bias : tensor<2x3x4x6xf32>, tensor<2x1x1x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %a: f32, %o: f32):
    %y = arith.addf %x, %a : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %table = arith.constant dense<[[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 0.0, 1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 0.0, 1.0, 2.0, 3.0], [3.0, 2.0, 1.0, 0.0, 1.0, 2.0]]> : tensor<4x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #mn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%biased, %table : tensor<2x3x4x6xf32>, tensor<4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %a: f32, %o: f32):
    %y = arith.addf %x, %a : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// n <= m + (N - M), of scores
// CHECK-LABEL: func.func @causal_select(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg
// CHECK:     dashkv.attention causal ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 1.000000e+00 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
func.func @causal_select(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %past = arith.constant 2 : index
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %i = linalg.index 2 : index
    %j = linalg.index 3 : index
    %r = arith.addi %i, %past : index
    %c = arith.cmpi ule, %j, %r : index
    %y = arith.select %c, %x, %minus_inf : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// n - m >= 1 + (N - M) hides, with a finite number
// CHECK-LABEL: func.func @causal_finite(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg
// CHECK:     dashkv.attention causal ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 1.000000e+00 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
func.func @causal_finite(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %past = arith.constant 2 : index
  %low = arith.constant -1.0e+09 : f32
  %c1 = arith.constant 1 : index
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %i = linalg.index 2 : index
    %j = linalg.index 3 : index
    %r = arith.addi %i, %past : index
    %d = arith.subi %j, %r : index
    %c = arith.cmpi sge, %d, %c1 : index
    %y = arith.select %c, %low, %x : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// two tensors of positions, compared, and with constant true; added as 0 and -inf
// CHECK-LABEL: func.func @causal_positions(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg
// CHECK:     dashkv.attention causal ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 1.000000e+00 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
#mn = affine_map<(b, h, m, n) -> (m, n)>
#i = affine_map<(i) -> (i)>
#key = affine_map<(i, j) -> (j)>
#row2 = affine_map<(i, j) -> (i)>
#ij = affine_map<(i, j) -> (i, j)>
func.func @causal_positions(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %rows_init = tensor.empty() : tensor<4xi64>
  %keys_init = tensor.empty() : tensor<6xi64>
  %c2 = arith.constant 2 : i64
  %c0 = arith.constant 0 : i64
  %rows = linalg.generic {indexing_maps = [#i], iterator_types = ["parallel"]} outs(%rows_init : tensor<4xi64>) {
  ^bb0(%o: i64):
    %i = linalg.index 0 : index
    %x = arith.index_cast %i : index to i64
    %y = arith.addi %x, %c2 : i64
    linalg.yield %y : i64
  } -> tensor<4xi64>
  %keys = linalg.generic {indexing_maps = [#i], iterator_types = ["parallel"]} outs(%keys_init : tensor<6xi64>) {
  ^bb0(%o: i64):
    %i = linalg.index 0 : index
    %x = arith.index_cast %i : index to i64
    linalg.yield %x : i64
  } -> tensor<6xi64>
  %all = arith.constant dense<true> : tensor<4x6xi1>
  %mask_init = tensor.empty() : tensor<4x6xf32>
  %bias = linalg.generic {indexing_maps = [#key, #row2, #ij, #ij], iterator_types = ["parallel", "parallel"]}
      ins(%keys, %rows, %all : tensor<6xi64>, tensor<4xi64>, tensor<4x6xi1>) outs(%mask_init : tensor<4x6xf32>) {
  ^bb0(%x: i64, %y: i64, %t: i1, %o: f32):
    %d = arith.subi %x, %y : i64
    %c = arith.cmpi sle, %d, %c0 : i64
    %b = arith.andi %c, %t : i1
    %z = arith.select %b, %zero, %minus_inf : f32
    linalg.yield %z : f32
  } -> tensor<4x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #mn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %bias : tensor<2x3x4x6xf32>, tensor<4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %a: f32, %o: f32):
    %y = arith.addf %x, %a : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// a constant table
// CHECK-LABEL: func.func @causal_table(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg
// CHECK:     dashkv.attention causal ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 1.000000e+00 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
#mn = affine_map<(b, h, m, n) -> (m, n)>
func.func @causal_table(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %c0 = arith.constant 0 : i8
  %tril = arith.constant dense<[[1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1]]> : tensor<4x6xi8>
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #mn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %tril : tensor<2x3x4x6xf32>, tensor<4x6xi8>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %t: i8, %o: f32):
    %c = arith.cmpi eq, %t, %c0 : i8
    %y = arith.select %c, %minus_inf, %x : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// aligned at the first key with M != N: a mask operand, every row of which has a key
// CHECK-LABEL: func.func @top_left(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg.contract
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) mask(%{{.*}} : tensor<4x6xf32>) outs(%{{.*}} : tensor<2x3x4x8xf32>) {indexing_maps = [{{.*}}], scale = 1.000000e+00 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
#mn = affine_map<(b, h, m, n) -> (m, n)>
#ij = affine_map<(i, j) -> (i, j)>
func.func @top_left(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %mask_init = tensor.empty() : tensor<4x6xf32>
  %bias = linalg.generic {indexing_maps = [#ij], iterator_types = ["parallel", "parallel"]} outs(%mask_init : tensor<4x6xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %c = arith.cmpi sge, %i, %j : index
    %z = arith.select %c, %zero, %minus_inf : f32
    linalg.yield %z : f32
  } -> tensor<4x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #mn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %bias : tensor<2x3x4x6xf32>, tensor<4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %a: f32, %o: f32):
    %y = arith.addf %x, %a : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// a constant window: no row is empty
// CHECK-LABEL: func.func @window_table(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg.contract
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) mask(%{{.*}} : tensor<4x6xf32>) outs(%{{.*}} : tensor<2x3x4x8xf32>) {indexing_maps = [{{.*}}], scale = 1.000000e+00 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
#mn = affine_map<(b, h, m, n) -> (m, n)>
func.func @window_table(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %c0 = arith.constant 0 : i8
  %band = arith.constant dense<[[1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0], [0, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 0]]> : tensor<4x6xi8>
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #mn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %band : tensor<2x3x4x6xf32>, tensor<4x6xi8>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %t: i8, %o: f32):
    %c = arith.cmpi ne, %t, %c0 : i8
    %y = arith.select %c, %x, %minus_inf : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// a number of keys that is known is lengths
// CHECK-LABEL: func.func @constant_length(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) lengths(%{{.*}} : tensor<2xi32>) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 1.000000e+00 : f32}
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
func.func @constant_length(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %len = arith.constant 5 : index
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %j = linalg.index 3 : index
    %c = arith.cmpi ult, %j, %len : index
    %y = arith.select %c, %x, %minus_inf : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// a number of keys of every batch, under a guard
// CHECK-LABEL: func.func @lengths(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-SAME:    , %[[LEN:[a-z0-9]+]]: tensor<2xi32>
// CHECK-NOT: linalg
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) lengths(%[[LEN]] : tensor<2xi32>) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 1.000000e+00 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
#bhm = affine_map<(b, h, m, n) -> (b, h, m)>
#b = affine_map<(b, h, m, n) -> (b)>
func.func @lengths(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>, %lengths: tensor<2xi32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #b, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %lengths : tensor<2x3x4x6xf32>, tensor<2xi32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %len: i32, %o: f32):
    %j = linalg.index 3 : index
    %j32 = arith.index_cast %j : index to i32
    %c = arith.cmpi slt, %j32, %len : i32
    %y = arith.select %c, %x, %minus_inf : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %true = arith.constant true
  %flag_init = tensor.empty() : tensor<2x3x4x6xi1>
  %hidden = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%score : tensor<2x3x4x6xf32>) outs(%flag_init : tensor<2x3x4x6xi1>) {
  ^bb0(%x: f32, %o: i1):
    %y = arith.cmpf oeq, %x, %minus_inf : f32
    linalg.yield %y : i1
  } -> tensor<2x3x4x6xi1>
  %all_init = tensor.empty() : tensor<2x3x4xi1>
  %all_start = linalg.fill ins(%true : i1) outs(%all_init : tensor<2x3x4xi1>) -> tensor<2x3x4xi1>
  %all = linalg.reduce { arith.andi } ins(%hidden : tensor<2x3x4x6xi1>) outs(%all_start : tensor<2x3x4xi1>) dimensions = [3]
  %safe = linalg.generic {indexing_maps = [#bhm, #bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%all, %p : tensor<2x3x4xi1>, tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%c: i1, %x: f32, %o: f32):
    %y = arith.select %c, %zero, %x : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%safe, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// causal up to a number of keys of every batch, under a guard
// CHECK-LABEL: func.func @causal_lengths(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK:     dashkv.attention causal ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) lengths(%{{.*}} : tensor<2xi32>) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 1.000000e+00 : f32}
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
#bhm = affine_map<(b, h, m, n) -> (b, h, m)>
#b = affine_map<(b, h, m, n) -> (b)>
func.func @causal_lengths(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>, %lengths: tensor<2xi32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %c4 = arith.constant 4 : i32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #b, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %lengths : tensor<2x3x4x6xf32>, tensor<2xi32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %len: i32, %o: f32):
    %i = linalg.index 2 : index
    %j = linalg.index 3 : index
    %i32 = arith.index_cast %i : index to i32
    %j32 = arith.index_cast %j : index to i32
    %past = arith.subi %len, %c4 : i32
    %r = arith.addi %i32, %past : i32
    %c = arith.cmpi sle, %j32, %r : i32
    %y = arith.select %c, %x, %minus_inf : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %true = arith.constant true
  %flag_init = tensor.empty() : tensor<2x3x4x6xi1>
  %hidden = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%score : tensor<2x3x4x6xf32>) outs(%flag_init : tensor<2x3x4x6xi1>) {
  ^bb0(%x: f32, %o: i1):
    %y = arith.cmpf oeq, %x, %minus_inf : f32
    linalg.yield %y : i1
  } -> tensor<2x3x4x6xi1>
  %all_init = tensor.empty() : tensor<2x3x4xi1>
  %all_start = linalg.fill ins(%true : i1) outs(%all_init : tensor<2x3x4xi1>) -> tensor<2x3x4xi1>
  %all = linalg.reduce { arith.andi } ins(%hidden : tensor<2x3x4x6xi1>) outs(%all_start : tensor<2x3x4xi1>) dimensions = [3]
  %safe = linalg.generic {indexing_maps = [#bhm, #bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%all, %p : tensor<2x3x4xi1>, tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%c: i1, %x: f32, %o: f32):
    %y = arith.select %c, %zero, %x : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%safe, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// a mask that hides nothing is none
// CHECK-LABEL: func.func @all_visible(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 1.000000e+00 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
func.func @all_visible(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %c0 = arith.constant 0 : index
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %j = linalg.index 3 : index
    %c = arith.cmpi sge, %j, %c0 : index
    %y = arith.select %c, %x, %minus_inf : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// keys up to the one that the step writes: its position is no less than 0
// CHECK-LABEL: func.func @up_to_written(
// CHECK:         %[[K:.+]] = tensor.insert_slice
// CHECK:         %[[LENGTHS:.+]] = linalg.generic
// CHECK:         dashkv.attention ins({{.*}}) lengths(%[[LENGTHS]] : tensor<1xi32>)
#q = affine_map<(h, n, d) -> (h, d)>
#k = affine_map<(h, n, d) -> (h, n, d)>
#s = affine_map<(h, n, d) -> (h, n)>
#p = affine_map<(h, d, n) -> (h, n)>
#v = affine_map<(h, d, n) -> (h, n, d)>
#o = affine_map<(h, d, n) -> (h, d)>
#hn = affine_map<(h, n) -> (h, n)>
func.func @up_to_written(%q: tensor<2x8xf32>, %new: tensor<2x1x8xf32>, %cache: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>, %pos: i64) -> tensor<2x8xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -1.0e9 : f32
  %at = arith.index_cast %pos : i64 to index
  %k = tensor.insert_slice %new into %cache[0, %at, 0] [2, 1, 8] [1, 1, 1] : tensor<2x1x8xf32> into tensor<2x6x8xf32>
  %score_init = tensor.empty() : tensor<2x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x6xf32>) -> tensor<2x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x6xf32>) -> tensor<2x6xf32>
  %score = linalg.generic {indexing_maps = [#hn, #hn], iterator_types = ["parallel", "parallel"]}
      ins(%dot : tensor<2x6xf32>) outs(%score_init : tensor<2x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %j = linalg.index 1 : index
    %n = arith.index_cast %j : index to i64
    %c = arith.cmpi sle, %n, %pos : i64
    %y = arith.select %c, %x, %low : f32
    linalg.yield %y : f32
  } -> tensor<2x6xf32>
  %w = linalg.softmax dimension(1) ins(%score : tensor<2x6xf32>) outs(%score_init : tensor<2x6xf32>) -> tensor<2x6xf32>
  %out_init = tensor.empty() : tensor<2x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x8xf32>) -> tensor<2x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%w, %v : tensor<2x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x8xf32>) -> tensor<2x8xf32>
  return %out : tensor<2x8xf32>
}
