// RUN: dashkv-opt %s --dashkv-raise-attention --split-input-file | FileCheck %s

// Spellings of the scores: where the scale stands, and how q and k are contracted.

// a constant on the scores
// CHECK-LABEL: func.func @on_scores(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 2.500000e-01 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
func.func @on_scores(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %scale = arith.constant 0.25 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = arith.mulf %scale, %x : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// a division of the scores
// CHECK-LABEL: func.func @division(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 2.500000e-01 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
func.func @division(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %root = arith.constant 4.0 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = arith.divf %x, %root : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// on q
// CHECK-LABEL: func.func @on_query(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 2.500000e-01 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmd = affine_map<(b, h, m, d) -> (b, h, m, d)>
func.func @on_query(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %scale = arith.constant 0.25 : f32
  %qs_init = tensor.empty() : tensor<2x3x4x8xf32>
  %qs = linalg.generic {indexing_maps = [#bhmd, #bhmd], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%q : tensor<2x3x4x8xf32>) outs(%qs_init : tensor<2x3x4x8xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = arith.mulf %x, %scale : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x8xf32>
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%qs, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// on k
// CHECK-LABEL: func.func @on_key(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 2.500000e-01 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmd = affine_map<(b, h, m, d) -> (b, h, m, d)>
func.func @on_key(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %scale = arith.constant 0.25 : f32
  %ks_init = tensor.empty() : tensor<2x3x6x8xf32>
  %ks = linalg.generic {indexing_maps = [#bhmd, #bhmd], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%k : tensor<2x3x6x8xf32>) outs(%ks_init : tensor<2x3x6x8xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = arith.mulf %x, %scale : f32
    linalg.yield %y : f32
  } -> tensor<2x3x6x8xf32>
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %ks : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// its root on q and k, computed in f64 before it is rounded once: 0.1
// CHECK-LABEL: func.func @on_both(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 1.000000e-01 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmd = affine_map<(b, h, m, d) -> (b, h, m, d)>
func.func @on_both(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %root = arith.constant 0.31622776601683794 : f64
  %qs_init = tensor.empty() : tensor<2x3x4x8xf32>
  %qs = linalg.generic {indexing_maps = [#bhmd, #bhmd], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%q : tensor<2x3x4x8xf32>) outs(%qs_init : tensor<2x3x4x8xf32>) {
  ^bb0(%x: f32, %o: f32):
    %t = arith.truncf %root : f64 to f32
    %y = arith.mulf %x, %t : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x8xf32>
  %ks_init = tensor.empty() : tensor<2x3x6x8xf32>
  %ks = linalg.generic {indexing_maps = [#bhmd, #bhmd], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%k : tensor<2x3x6x8xf32>) outs(%ks_init : tensor<2x3x6x8xf32>) {
  ^bb0(%x: f32, %o: f32):
    %t = arith.truncf %root : f64 to f32
    %y = arith.mulf %x, %t : f32
    linalg.yield %y : f32
  } -> tensor<2x3x6x8xf32>
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%qs, %ks : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// a filled tensor and named ops
// CHECK-LABEL: func.func @filled_tensor(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 2.500000e-01 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
func.func @filled_tensor(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %scale = arith.constant 0.25 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %scales = linalg.fill ins(%scale : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %score = linalg.mul ins(%dot, %scales : tensor<2x3x4x6xf32>, tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// a constant of shape 1x1x1x1, read by a constant map
// CHECK-LABEL: func.func @unit_tensor(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 2.500000e-01 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
#zeros = affine_map<(b, h, m, n) -> (0, 0, 0, 0)>
func.func @unit_tensor(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %scale = arith.constant dense<0.25> : tensor<1x1x1x1xf32>
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #zeros, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %scale : tensor<2x3x4x6xf32>, tensor<1x1x1x1xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %f: f32, %o: f32):
    %y = arith.mulf %x, %f : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// known at run time only: q is multiplied, scale = 1
// CHECK-LABEL: func.func @runtime_scale(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK:     %[[QS:.+]] = linalg.generic {{.*}} ins(%[[Q]], %{{.*}} : {{.*}})
// CHECK:       arith.mulf
// CHECK:     dashkv.attention ins(%[[QS]], %[[K]], %[[V]] : {{.*}}) outs({{.*}}) {scale = 1.000000e+00 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
#none = affine_map<(b, h, m, n) -> ()>
func.func @runtime_scale(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>, %scale: tensor<f32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #none, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %scale : tensor<2x3x4x6xf32>, tensor<f32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %f: f32, %o: f32):
    %y = arith.mulf %x, %f : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// a temperature for every head, with a constant
// CHECK-LABEL: func.func @head_scale(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK:     %[[QS:.+]] = linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : {{.*}})
// CHECK:       arith.divf
// CHECK:     dashkv.attention ins(%[[QS]], %[[K]], %[[V]] : {{.*}}) outs({{.*}}) {scale = 2.500000e-01 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
#h = affine_map<(b, h, m, n) -> (h)>
func.func @head_scale(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>, %temperature: tensor<3xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %scale = arith.constant 0.25 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #h, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %temperature : tensor<2x3x4x6xf32>, tensor<3xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %f: f32, %o: f32):
    %y = arith.divf %x, %f : f32
    %z = arith.mulf %y, %scale : f32
    linalg.yield %z : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// no contraction op: a product at full rank and a sum
// CHECK-LABEL: func.func @product_and_sum(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 1.000000e+00 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#all = affine_map<(b, h, m, n, d) -> (b, h, m, n, d)>
func.func @product_and_sum(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %prod_init = tensor.empty() : tensor<2x3x4x6x8xf32>
  %prod = linalg.generic {indexing_maps = [#q, #k, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]}
      ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%prod_init : tensor<2x3x4x6x8xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %z = arith.mulf %x, %y : f32
    linalg.yield %z : f32
  } -> tensor<2x3x4x6x8xf32>
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.reduce { arith.addf } ins(%prod : tensor<2x3x4x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) dimensions = [4]
  %p = linalg.softmax dimension(3) ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// collapsed to one batch dim, K transposed by an op
// CHECK-LABEL: func.func @collapsed(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: tensor.expand_shape
// CHECK-NOT: linalg
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 1.000000e+00 : f32}
// CHECK-NOT: linalg
func.func @collapsed(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %q3 = tensor.collapse_shape %q [[0, 1], [2], [3]] : tensor<2x3x4x8xf32> into tensor<6x4x8xf32>
  %kt_init = tensor.empty() : tensor<2x3x8x6xf32>
  %kt = linalg.transpose ins(%k : tensor<2x3x6x8xf32>) outs(%kt_init : tensor<2x3x8x6xf32>) permutation = [0, 1, 3, 2]
  %k3 = tensor.collapse_shape %kt [[0, 1], [2], [3]] : tensor<2x3x8x6xf32> into tensor<6x8x6xf32>
  %s3_init = tensor.empty() : tensor<6x4x6xf32>
  %s3_zero = linalg.fill ins(%zero : f32) outs(%s3_init : tensor<6x4x6xf32>) -> tensor<6x4x6xf32>
  %s3 = linalg.batch_matmul ins(%q3, %k3 : tensor<6x4x8xf32>, tensor<6x8x6xf32>) outs(%s3_zero : tensor<6x4x6xf32>) -> tensor<6x4x6xf32>
  %p3 = linalg.softmax dimension(2) ins(%s3 : tensor<6x4x6xf32>) outs(%s3_init : tensor<6x4x6xf32>) -> tensor<6x4x6xf32>
  %v3 = tensor.collapse_shape %v [[0, 1], [2], [3]] : tensor<2x3x6x8xf32> into tensor<6x6x8xf32>
  %o3_init = tensor.empty() : tensor<6x4x8xf32>
  %o3_zero = linalg.fill ins(%zero : f32) outs(%o3_init : tensor<6x4x8xf32>) -> tensor<6x4x8xf32>
  %o3 = linalg.batch_matmul ins(%p3, %v3 : tensor<6x4x6xf32>, tensor<6x6x8xf32>) outs(%o3_zero : tensor<6x4x8xf32>) -> tensor<6x4x8xf32>
  %out = tensor.expand_shape %o3 [[0, 1], [2], [3]] output_shape [2, 3, 4, 8] : tensor<6x4x8xf32> into tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// elementwise ops on whole tensors of the arith dialect
// CHECK-LABEL: func.func @arith_on_tensors(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = 2.500000e-01 : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
func.func @arith_on_tensors(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %scale = arith.constant dense<0.25> : tensor<2x3x4x6xf32>
  %score = arith.mulf %dot, %scale : tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// operands of both contractions swapped
// CHECK-LABEL: func.func @swapped(
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
func.func @swapped(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#k, #q, #s] ins(%k, %q : tensor<2x3x6x8xf32>, tensor<2x3x4x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#v, #p, #o] ins(%v, %p : tensor<2x3x6x8xf32>, tensor<2x3x4x6xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// the size of the scores is asked for, and their rest has no use
// CHECK-LABEL: func.func @size_of_scores(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: tensor.dim
// CHECK: dashkv.attention ins(%[[Q]], %[[K]], %[[V]]
// CHECK: linalg.generic
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmd = affine_map<(b, h, m, d) -> (b, h, m, d)>
func.func @size_of_scores(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %sum0 = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %c3 = arith.constant 3 : index
  %keys = tensor.dim %p, %c3 : tensor<2x3x4x6xf32>
  %keys32 = arith.index_cast %keys : index to i32
  %keysf = arith.sitofp %keys32 : i32 to f32
  %out = linalg.generic {indexing_maps = [#bhmd, #bhmd], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%sum0 : tensor<2x3x4x8xf32>) outs(%out_init : tensor<2x3x4x8xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = arith.addf %x, %keysf : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// a second product of the queries, of their rotary part, is added to the scores; one
// batch and one KV head
// CHECK-LABEL: func.func @two_products(
// CHECK:         %[[ROPE:.+]] = linalg.contract
// CHECK:         %[[MASK:.+]] = linalg.generic {{.*}} ins(%[[ROPE]] :
// CHECK:         dashkv.attention ins({{.*}}) mask(%[[MASK]] : {{.*}}) outs(%{{.*}}) {{.*}}scale = 5.000000e-01 : f32
#q = affine_map<(b, h, n, d) -> (b, h, d)>
#k = affine_map<(b, h, n, d) -> (b, n, d)>
#s = affine_map<(b, h, n, d) -> (b, h, n)>
#p = affine_map<(b, h, d, n) -> (b, h, n)>
#v = affine_map<(b, h, d, n) -> (b, n, d)>
#o = affine_map<(b, h, d, n) -> (b, h, d)>
#id = affine_map<(b, h, n) -> (b, h, n)>
func.func @two_products(%q: tensor<1x4x8xf32>, %qr: tensor<1x4x2xf32>, %c: tensor<1x6x8xf32>, %kr: tensor<1x6x2xf32>) -> tensor<1x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %half = arith.constant 0.5 : f32
  %score_init = tensor.empty() : tensor<1x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<1x4x6xf32>) -> tensor<1x4x6xf32>
  %a = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %c : tensor<1x4x8xf32>, tensor<1x6x8xf32>) outs(%zeros : tensor<1x4x6xf32>) -> tensor<1x4x6xf32>
  %b = linalg.contract indexing_maps = [#q, #k, #s] ins(%qr, %kr : tensor<1x4x2xf32>, tensor<1x6x2xf32>) outs(%zeros : tensor<1x4x6xf32>) -> tensor<1x4x6xf32>
  %score = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%a, %b : tensor<1x4x6xf32>, tensor<1x4x6xf32>) outs(%score_init : tensor<1x4x6xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %t = arith.addf %x, %y : f32
    %r = arith.mulf %t, %half : f32
    linalg.yield %r : f32
  } -> tensor<1x4x6xf32>
  %w = linalg.softmax dimension(2) ins(%score : tensor<1x4x6xf32>) outs(%score_init : tensor<1x4x6xf32>) -> tensor<1x4x6xf32>
  %out_init = tensor.empty() : tensor<1x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%w, %c : tensor<1x4x6xf32>, tensor<1x6x8xf32>) outs(%out_zero : tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  return %out : tensor<1x4x8xf32>
}
