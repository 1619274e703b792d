// RUN: dashkv-opt %s --dashkv-raise-attention="allow-unstabilized materialize-index-masks=false" --split-input-file | FileCheck %s --check-prefixes=CHECK,UNSTABLE
// RUN: dashkv-opt %s --dashkv-raise-attention="assume-nonempty-rows materialize-index-masks=false" --split-input-file | FileCheck %s --check-prefixes=CHECK,NONEMPTY
// RUN: dashkv-opt %s --dashkv-raise-attention --split-input-file | FileCheck %s --check-prefixes=CHECK,INDEX

// What each option adds to what is raised, and that the default makes masks of index expressions.

// exp(score) / sum
// CHECK-LABEL: func.func @unstabilized(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// UNSTABLE:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]]
// NONEMPTY-NOT: dashkv.attention
// INDEX-NOT:    dashkv.attention
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
#bhm = affine_map<(b, h, m, n) -> (b, h, m)>
func.func @unstabilized(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %row_init = tensor.empty() : tensor<2x3x4xf32>
  %e = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = math.exp %x : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %sum_start = linalg.fill ins(%zero : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %sum = linalg.reduce { arith.addf } ins(%e : tensor<2x3x4x6xf32>) outs(%sum_start : tensor<2x3x4xf32>) dimensions = [3]
  %p = linalg.generic {indexing_maps = [#bhmn, #bhm, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%e, %sum : tensor<2x3x4x6xf32>, tensor<2x3x4xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %t: f32, %o: f32):
    %y = arith.divf %x, %t : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// an opaque -inf mask under plain softmax
// CHECK-LABEL: func.func @opaque_mask(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// UNSTABLE-NOT: dashkv.attention
// NONEMPTY:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) mask(%{{.*}} : tensor<4x6xf32>)
// INDEX-NOT:    dashkv.attention
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
#mn = affine_map<(b, h, m, n) -> (m, n)>
func.func @opaque_mask(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>, %mask: tensor<4x6xi1>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %row_init = tensor.empty() : tensor<2x3x4xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #mn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %mask : tensor<2x3x4x6xf32>, tensor<4x6xi1>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %c: i1, %o: f32):
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

// a causal mask aligned at the first key, in the body of the scores
// CHECK-LABEL: func.func @top_left(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// UNSTABLE-NOT: dashkv.attention
// NONEMPTY-NOT: dashkv.attention
// INDEX:        %[[MASK:.+]] = linalg.generic
// INDEX:          arith.cmpi sle
// INDEX:          arith.select
// INDEX:        dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) mask(%[[MASK]] : tensor<4x6xf32>)
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
func.func @top_left(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %row_init = tensor.empty() : tensor<2x3x4xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %i = linalg.index 2 : index
    %j = linalg.index 3 : index
    %c = arith.cmpi sle, %j, %i : index
    %y = arith.select %c, %x, %minus_inf : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%score : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}
