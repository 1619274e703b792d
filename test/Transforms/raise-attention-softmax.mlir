// RUN: dashkv-opt %s --dashkv-raise-attention --split-input-file | FileCheck %s

// Spellings of softmax between the two contractions, all of the same function.

// maximum, subtraction, exponential, sum, division: one op each
// CHECK-LABEL: func.func @parts(
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
#bhm = affine_map<(b, h, m, n) -> (b, h, m)>
func.func @parts(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %row_init = tensor.empty() : tensor<2x3x4xf32>
  %max_start = linalg.fill ins(%minus_inf : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %max = linalg.reduce { arith.maximumf } ins(%dot : tensor<2x3x4x6xf32>) outs(%max_start : tensor<2x3x4xf32>) dimensions = [3]
  %centred = linalg.generic {indexing_maps = [#bhmn, #bhm, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %max : tensor<2x3x4x6xf32>, tensor<2x3x4xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %top: f32, %o: f32):
    %y = arith.subf %x, %top : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %e = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%centred : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
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

// subtraction and exponential in one body, operands of the sum swapped
// CHECK-LABEL: func.func @fused_exp(
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
#bhm = affine_map<(b, h, m, n) -> (b, h, m)>
func.func @fused_exp(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %row_init = tensor.empty() : tensor<2x3x4xf32>
  %max_start = linalg.fill ins(%minus_inf : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %max = linalg.reduce { arith.maximumf } ins(%dot : tensor<2x3x4x6xf32>) outs(%max_start : tensor<2x3x4xf32>) dimensions = [3]
  %e = linalg.generic {indexing_maps = [#bhmn, #bhm, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %max : tensor<2x3x4x6xf32>, tensor<2x3x4xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %top: f32, %o: f32):
    %c = arith.subf %x, %top : f32
    %y = math.exp %c : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %sum_start = linalg.fill ins(%zero : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %sum = linalg.generic {indexing_maps = [#bhmn, #bhm], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%e : tensor<2x3x4x6xf32>) outs(%sum_start : tensor<2x3x4xf32>) {
  ^bb0(%x: f32, %acc: f32):
    %y = arith.addf %x, %acc : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4xf32>
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

// the maximum starts from the lowest finite number
// CHECK-LABEL: func.func @lowest_start(
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
#bhm = affine_map<(b, h, m, n) -> (b, h, m)>
func.func @lowest_start(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %lowest = arith.constant -3.40282347E+38 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %row_init = tensor.empty() : tensor<2x3x4xf32>
  %max_start = linalg.fill ins(%lowest : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %max = linalg.reduce { arith.maximumf } ins(%dot : tensor<2x3x4x6xf32>) outs(%max_start : tensor<2x3x4xf32>) dimensions = [3]
  %centred = linalg.generic {indexing_maps = [#bhmn, #bhm, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %max : tensor<2x3x4x6xf32>, tensor<2x3x4xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %top: f32, %o: f32):
    %y = arith.subf %x, %top : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %e = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%centred : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
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

// maxnumf ignores NaN, which may be its start value
// CHECK-LABEL: func.func @nan_start(
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
#bhm = affine_map<(b, h, m, n) -> (b, h, m)>
func.func @nan_start(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %nan = arith.constant 0xFFC00000 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %row_init = tensor.empty() : tensor<2x3x4xf32>
  %max_start = linalg.fill ins(%nan : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %max = linalg.reduce { arith.maxnumf } ins(%dot : tensor<2x3x4x6xf32>) outs(%max_start : tensor<2x3x4xf32>) dimensions = [3]
  %centred = linalg.generic {indexing_maps = [#bhmn, #bhm, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %max : tensor<2x3x4x6xf32>, tensor<2x3x4xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %top: f32, %o: f32):
    %y = arith.subf %x, %top : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %e = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%centred : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
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

// a compare and a select are a maximum
// CHECK-LABEL: func.func @select_max(
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
#bhm = affine_map<(b, h, m, n) -> (b, h, m)>
func.func @select_max(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %row_init = tensor.empty() : tensor<2x3x4xf32>
  %max_start = linalg.fill ins(%minus_inf : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %max = linalg.generic {indexing_maps = [#bhmn, #bhm], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%dot : tensor<2x3x4x6xf32>) outs(%max_start : tensor<2x3x4xf32>) {
  ^bb0(%x: f32, %acc: f32):
    %c = arith.cmpf ogt, %x, %acc : f32
    %y = arith.select %c, %x, %acc : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4xf32>
  %centred = linalg.generic {indexing_maps = [#bhmn, #bhm, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %max : tensor<2x3x4x6xf32>, tensor<2x3x4xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %top: f32, %o: f32):
    %y = arith.subf %x, %top : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %e = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%centred : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
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

// a second result counts the position of the maximum; keepdim by expand_shape
// CHECK-LABEL: func.func @argmax(
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
#bhm = affine_map<(b, h, m, n) -> (b, h, m)>
#bhm0 = affine_map<(b, h, m, n) -> (b, h, m, 0)>
func.func @argmax(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %row_init = tensor.empty() : tensor<2x3x4xf32>
  %max_start = linalg.fill ins(%minus_inf : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %c0 = arith.constant 0 : i64
  %at_init = tensor.empty() : tensor<2x3x4xi64>
  %at_start = linalg.fill ins(%c0 : i64) outs(%at_init : tensor<2x3x4xi64>) -> tensor<2x3x4xi64>
  %max:2 = linalg.generic {indexing_maps = [#bhmn, #bhm, #bhm], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%dot : tensor<2x3x4x6xf32>) outs(%max_start, %at_start : tensor<2x3x4xf32>, tensor<2x3x4xi64>) {
  ^bb0(%x: f32, %acc: f32, %at: i64):
    %i = linalg.index 3 : index
    %j = arith.index_cast %i : index to i64
    %y = arith.maximumf %x, %acc : f32
    %c = arith.cmpf ogt, %x, %acc : f32
    %z = arith.select %c, %j, %at : i64
    linalg.yield %y, %z : f32, i64
  } -> (tensor<2x3x4xf32>, tensor<2x3x4xi64>)
  %keep = tensor.expand_shape %max#0 [[0], [1], [2, 3]] output_shape [2, 3, 4, 1] : tensor<2x3x4xf32> into tensor<2x3x4x1xf32>
  %centred = linalg.generic {indexing_maps = [#bhmn, #bhm0, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %keep : tensor<2x3x4x6xf32>, tensor<2x3x4x1xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %top: f32, %o: f32):
    %y = arith.subf %x, %top : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %e = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%centred : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
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

// maximum(-inf, .) on top, statistics broadcast to the shape of the scores
// CHECK-LABEL: func.func @clamped_and_broadcast(
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
func.func @clamped_and_broadcast(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %row_init = tensor.empty() : tensor<2x3x4xf32>
  %max_start = linalg.fill ins(%minus_inf : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %max = linalg.reduce { arith.maximumf } ins(%dot : tensor<2x3x4x6xf32>) outs(%max_start : tensor<2x3x4xf32>) dimensions = [3]
  %infs = arith.constant dense<0xFF800000> : tensor<2x3x4xf32>
  %clamped = arith.maximumf %infs, %max : tensor<2x3x4xf32>
  %top = linalg.broadcast ins(%clamped : tensor<2x3x4xf32>) outs(%score_init : tensor<2x3x4x6xf32>) dimensions = [3]
  %centred = linalg.sub ins(%dot, %top : tensor<2x3x4x6xf32>, tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %e = linalg.exp ins(%centred : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %sum_start = linalg.fill ins(%zero : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %sum = linalg.reduce { arith.addf } ins(%e : tensor<2x3x4x6xf32>) outs(%sum_start : tensor<2x3x4xf32>) dimensions = [3]
  %total = linalg.broadcast ins(%sum : tensor<2x3x4xf32>) outs(%score_init : tensor<2x3x4x6xf32>) dimensions = [3]
  %p = linalg.div ins(%e, %total : tensor<2x3x4x6xf32>, tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// exp * (1 / sum)
// CHECK-LABEL: func.func @reciprocal(
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
#bhm = affine_map<(b, h, m, n) -> (b, h, m)>
func.func @reciprocal(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %row_init = tensor.empty() : tensor<2x3x4xf32>
  %max_start = linalg.fill ins(%minus_inf : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %max = linalg.reduce { arith.maximumf } ins(%dot : tensor<2x3x4x6xf32>) outs(%max_start : tensor<2x3x4xf32>) dimensions = [3]
  %centred = linalg.generic {indexing_maps = [#bhmn, #bhm, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %max : tensor<2x3x4x6xf32>, tensor<2x3x4xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %top: f32, %o: f32):
    %y = arith.subf %x, %top : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %e = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%centred : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = math.exp %x : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %sum_start = linalg.fill ins(%zero : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %sum = linalg.reduce { arith.addf } ins(%e : tensor<2x3x4x6xf32>) outs(%sum_start : tensor<2x3x4xf32>) dimensions = [3]
  %inverse = linalg.reciprocal ins(%sum : tensor<2x3x4xf32>) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %p = linalg.generic {indexing_maps = [#bhmn, #bhm, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%e, %inverse : tensor<2x3x4x6xf32>, tensor<2x3x4xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %t: f32, %o: f32):
    %y = arith.mulf %x, %t : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// division after the second contraction
// CHECK-LABEL: func.func @divided_after(
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
#bhm = affine_map<(b, h, m, n) -> (b, h, m)>
#bhmd = affine_map<(b, h, m, d) -> (b, h, m, d)>
#row_of_out = affine_map<(b, h, m, d) -> (b, h, m)>
func.func @divided_after(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %row_init = tensor.empty() : tensor<2x3x4xf32>
  %max_start = linalg.fill ins(%minus_inf : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %max = linalg.reduce { arith.maximumf } ins(%dot : tensor<2x3x4x6xf32>) outs(%max_start : tensor<2x3x4xf32>) dimensions = [3]
  %centred = linalg.generic {indexing_maps = [#bhmn, #bhm, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %max : tensor<2x3x4x6xf32>, tensor<2x3x4xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %top: f32, %o: f32):
    %y = arith.subf %x, %top : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %e = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%centred : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = math.exp %x : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %sum_start = linalg.fill ins(%zero : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %sum = linalg.reduce { arith.addf } ins(%e : tensor<2x3x4x6xf32>) outs(%sum_start : tensor<2x3x4xf32>) dimensions = [3]
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %acc = linalg.contract indexing_maps = [#p, #v, #o] ins(%e, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.generic {indexing_maps = [#bhmd, #row_of_out, #bhmd], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%acc, %sum : tensor<2x3x4x8xf32>, tensor<2x3x4xf32>) outs(%out_init : tensor<2x3x4x8xf32>) {
  ^bb0(%x: f32, %t: f32, %o: f32):
    %y = arith.divf %x, %t : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// exp2: log2(e) on the scores cancels
// CHECK-LABEL: func.func @exp2(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x3x6x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x3x6x8xf32>
// CHECK-NOT: linalg
// CHECK:     dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<2x3x4x8xf32>) {scale = {{1.000000e\+00|0.99999[0-9]+}} : f32}
// CHECK-NOT: linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#bhmn = affine_map<(b, h, m, n) -> (b, h, m, n)>
#bhm = affine_map<(b, h, m, n) -> (b, h, m)>
func.func @exp2(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %log2e = arith.constant 1.44269502 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %row_init = tensor.empty() : tensor<2x3x4xf32>
  %score = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = arith.mulf %x, %log2e : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %max_start = linalg.fill ins(%minus_inf : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %max = linalg.reduce { arith.maximumf } ins(%score : tensor<2x3x4x6xf32>) outs(%max_start : tensor<2x3x4xf32>) dimensions = [3]
  %centred = linalg.generic {indexing_maps = [#bhmn, #bhm, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%score, %max : tensor<2x3x4x6xf32>, tensor<2x3x4xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %top: f32, %o: f32):
    %y = arith.subf %x, %top : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %e = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%centred : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = math.exp2 %x : f32
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

// exp(score - lse), lse = log(sum) + max
// CHECK-LABEL: func.func @log_sum_exp(
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
#bhm = affine_map<(b, h, m, n) -> (b, h, m)>
#row = affine_map<(b, h, m) -> (b, h, m)>
func.func @log_sum_exp(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %row_init = tensor.empty() : tensor<2x3x4xf32>
  %max_start = linalg.fill ins(%minus_inf : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %max = linalg.reduce { arith.maximumf } ins(%dot : tensor<2x3x4x6xf32>) outs(%max_start : tensor<2x3x4xf32>) dimensions = [3]
  %centred = linalg.generic {indexing_maps = [#bhmn, #bhm, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %max : tensor<2x3x4x6xf32>, tensor<2x3x4xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %top: f32, %o: f32):
    %y = arith.subf %x, %top : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %e = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%centred : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = math.exp %x : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %sum_start = linalg.fill ins(%zero : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %sum = linalg.reduce { arith.addf } ins(%e : tensor<2x3x4x6xf32>) outs(%sum_start : tensor<2x3x4xf32>) dimensions = [3]
  %lse = linalg.generic {indexing_maps = [#row, #row, #row], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%sum, %max : tensor<2x3x4xf32>, tensor<2x3x4xf32>) outs(%row_init : tensor<2x3x4xf32>) {
  ^bb0(%x: f32, %y: f32, %o: f32):
    %l = math.log %x : f32
    %z = arith.addf %l, %y : f32
    linalg.yield %z : f32
  } -> tensor<2x3x4xf32>
  %p = linalg.generic {indexing_maps = [#bhmn, #bhm, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%dot, %lse : tensor<2x3x4x6xf32>, tensor<2x3x4xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %l: f32, %o: f32):
    %c = arith.subf %x, %l : f32
    %y = math.exp %c : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// safe softmax: a row whose scores are all -inf gives 0, as in dashkv.attention
// CHECK-LABEL: func.func @guard(
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
#bhm = affine_map<(b, h, m, n) -> (b, h, m)>
#mn = affine_map<(b, h, m, n) -> (m, n)>
func.func @guard(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>, %mask: tensor<4x6xi1>) -> tensor<2x3x4x8xf32> {
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

// the same guard as not any(score != -inf), after the second contraction
// CHECK-LABEL: func.func @guard_after(
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
#bhmd = affine_map<(b, h, m, d) -> (b, h, m, d)>
#row_of_out = affine_map<(b, h, m, d) -> (b, h, m)>
#mn = affine_map<(b, h, m, n) -> (m, n)>
func.func @guard_after(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>, %mask: tensor<4x6xi1>) -> tensor<2x3x4x8xf32> {
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
  %false = arith.constant false
  %flag_init = tensor.empty() : tensor<2x3x4x6xi1>
  %seen = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%score : tensor<2x3x4x6xf32>) outs(%flag_init : tensor<2x3x4x6xi1>) {
  ^bb0(%x: f32, %o: i1):
    %y = arith.cmpf une, %x, %minus_inf : f32
    linalg.yield %y : i1
  } -> tensor<2x3x4x6xi1>
  %any_init = tensor.empty() : tensor<2x3x4xi1>
  %any_start = linalg.fill ins(%false : i1) outs(%any_init : tensor<2x3x4xi1>) -> tensor<2x3x4xi1>
  %any = linalg.reduce { arith.ori } ins(%seen : tensor<2x3x4x6xi1>) outs(%any_start : tensor<2x3x4xi1>) dimensions = [3]
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %acc = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.generic {indexing_maps = [#row_of_out, #bhmd, #bhmd], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%any, %acc : tensor<2x3x4xi1>, tensor<2x3x4x8xf32>) outs(%out_init : tensor<2x3x4x8xf32>) {
  ^bb0(%c: i1, %x: f32, %o: f32):
    %y = arith.select %c, %x, %zero : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// NaN, which softmax gives for an empty row, is replaced by 0
// CHECK-LABEL: func.func @nan_to_zero(
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
func.func @nan_to_zero(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>, %mask: tensor<4x6xi1>) -> tensor<2x3x4x8xf32> {
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
  %safe = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%p : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %c = arith.cmpf uno, %x, %x : f32
    %y = arith.select %c, %zero, %x : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%safe, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// finite maximum and sum for an empty row, division after the contraction
// CHECK-LABEL: func.func @guarded_statistics(
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
#bhm = affine_map<(b, h, m, n) -> (b, h, m)>
#bhmd = affine_map<(b, h, m, d) -> (b, h, m, d)>
#row_of_out = affine_map<(b, h, m, d) -> (b, h, m)>
#mn = affine_map<(b, h, m, n) -> (m, n)>
#row = affine_map<(b, h, m) -> (b, h, m)>
func.func @guarded_statistics(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>, %mask: tensor<4x6xi1>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
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
  %max_start = linalg.fill ins(%minus_inf : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %max = linalg.reduce { arith.maximumf } ins(%score : tensor<2x3x4x6xf32>) outs(%max_start : tensor<2x3x4xf32>) dimensions = [3]
  %finite = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%max : tensor<2x3x4xf32>) outs(%row_init : tensor<2x3x4xf32>) {
  ^bb0(%x: f32, %o: f32):
    %c = arith.cmpf oeq, %x, %minus_inf : f32
    %y = arith.select %c, %zero, %x : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4xf32>
  %centred = linalg.generic {indexing_maps = [#bhmn, #bhm, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%score, %finite : tensor<2x3x4x6xf32>, tensor<2x3x4xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %top: f32, %o: f32):
    %y = arith.subf %x, %top : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %e = linalg.generic {indexing_maps = [#bhmn, #bhmn], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%centred : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = math.exp %x : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x6xf32>
  %sum_start = linalg.fill ins(%zero : f32) outs(%row_init : tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
  %sum = linalg.reduce { arith.addf } ins(%e : tensor<2x3x4x6xf32>) outs(%sum_start : tensor<2x3x4xf32>) dimensions = [3]
  %divisor = linalg.generic {indexing_maps = [#row, #row], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%sum : tensor<2x3x4xf32>) outs(%row_init : tensor<2x3x4xf32>) {
  ^bb0(%x: f32, %o: f32):
    %c = arith.cmpf oeq, %x, %zero : f32
    %y = arith.select %c, %one, %x : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %acc = linalg.contract indexing_maps = [#p, #v, #o] ins(%e, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.generic {indexing_maps = [#bhmd, #row_of_out, #bhmd], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%acc, %divisor : tensor<2x3x4x8xf32>, tensor<2x3x4xf32>) outs(%out_init : tensor<2x3x4x8xf32>) {
  ^bb0(%x: f32, %t: f32, %o: f32):
    %y = arith.divf %x, %t : f32
    linalg.yield %y : f32
  } -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// the logarithm of the sum is a result, division after the product
// CHECK-LABEL: func.func @lse(
// CHECK:         %[[OUT:.+]]:2 = dashkv.attention ins({{.*}}) outs(%{{.*}} : tensor<1x2x4x8xf32>) lse(%{{.*}} : tensor<1x2x4xf32>) {scale = 1.000000e+00 : f32}
// CHECK-DAG:     tensor.collapse_shape %[[OUT]]#0 {{.*}} into tensor<2x4x8xf32>
// CHECK-DAG:     tensor.collapse_shape %[[OUT]]#1 {{.*}} into tensor<2x4xf32>
// CHECK-NOT:     linalg
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#hm = affine_map<(h, m, n) -> (h, m)>
#row = affine_map<(h, m) -> (h, m)>
func.func @lse(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>) -> (tensor<2x4x8xf32>, tensor<2x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %row_init = tensor.empty() : tensor<2x4xf32>
  %max_start = linalg.fill ins(%minus_inf : f32) outs(%row_init : tensor<2x4xf32>) -> tensor<2x4xf32>
  %max = linalg.reduce { arith.maximumf } ins(%dot : tensor<2x4x6xf32>) outs(%max_start : tensor<2x4xf32>) dimensions = [2]
  %e = linalg.generic {indexing_maps = [#hmn, #hm, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot, %max : tensor<2x4x6xf32>, tensor<2x4xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %top: f32, %o: f32):
    %c = arith.subf %x, %top : f32
    %y = math.exp %c : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %sum_start = linalg.fill ins(%zero : f32) outs(%row_init : tensor<2x4xf32>) -> tensor<2x4xf32>
  %sum = linalg.reduce { arith.addf } ins(%e : tensor<2x4x6xf32>) outs(%sum_start : tensor<2x4xf32>) dimensions = [2]
  %lse = linalg.generic {indexing_maps = [#row, #row, #row], iterator_types = ["parallel", "parallel"]}
      ins(%sum, %max : tensor<2x4xf32>, tensor<2x4xf32>) outs(%row_init : tensor<2x4xf32>) {
  ^bb0(%t: f32, %top: f32, %o: f32):
    %l = math.log %t : f32
    %y = arith.addf %l, %top : f32
    linalg.yield %y : f32
  } -> tensor<2x4xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %acc = linalg.contract indexing_maps = [#p, #v, #o] ins(%e, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %out = linalg.generic {indexing_maps = [#hmn, #hm, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%acc, %sum : tensor<2x4x8xf32>, tensor<2x4xf32>) outs(%out_init : tensor<2x4x8xf32>) {
  ^bb0(%x: f32, %t: f32, %o: f32):
    %y = arith.divf %x, %t : f32
    linalg.yield %y : f32
  } -> tensor<2x4x8xf32>
  return %out, %lse : tensor<2x4x8xf32>, tensor<2x4xf32>
}
