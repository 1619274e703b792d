// RUN: dashkv-opt %s --dashkv-raise-attention=materialize-index-masks=false --split-input-file --verify-diagnostics \
// RUN:   --remark-format=emitRemark --remarks-filter-missed='dashkv.*' | FileCheck %s
//
// Near misses: the IR stays as it is, and one remark at the second contraction
// says why. See raise-attention.mlir for what is raised.

// CHECK-NOT: dashkv.

// softmax over m, the second contraction over n
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
func.func @wrong_axis(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(1) ins(%dot : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{wrong-softmax-axis: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// the scores are returned as well
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
func.func @scores_used(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>) -> (tensor<2x4x8xf32>, tensor<2x4x6xf32>) {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%dot : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{scores-used: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out, %dot : tensor<2x4x8xf32>, tensor<2x4x6xf32>
}

// -----

// the logarithm of the sum of shifted scores: softmax does not see the shift, it does
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#hm = affine_map<(h, m, n) -> (h, m)>
#row = affine_map<(h, m) -> (h, m)>
func.func @lse_of_shifted(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>) -> (tensor<2x4x8xf32>, tensor<2x4xf32>) {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %shift = arith.constant 3.0 : f32
  %moved = linalg.generic {indexing_maps = [#hmn, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = arith.addf %x, %shift : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %row_init = tensor.empty() : tensor<2x4xf32>
  %max_start = linalg.fill ins(%minus_inf : f32) outs(%row_init : tensor<2x4xf32>) -> tensor<2x4xf32>
  %max = linalg.reduce { arith.maximumf } ins(%moved : tensor<2x4x6xf32>) outs(%max_start : tensor<2x4xf32>) dimensions = [2]
  %e = linalg.generic {indexing_maps = [#hmn, #hm, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%moved, %max : tensor<2x4x6xf32>, tensor<2x4xf32>) outs(%score_init : tensor<2x4x6xf32>) {
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
  // expected-remark @below {{weights-used: }}
  %acc = linalg.contract indexing_maps = [#p, #v, #o] ins(%e, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  %out = linalg.generic {indexing_maps = [#hmn, #hm, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%acc, %sum : tensor<2x4x8xf32>, tensor<2x4xf32>) outs(%out_init : tensor<2x4x8xf32>) {
  ^bb0(%x: f32, %t: f32, %o: f32):
    %y = arith.divf %x, %t : f32
    linalg.yield %y : f32
  } -> tensor<2x4x8xf32>
  return %out, %lse : tensor<2x4x8xf32>, tensor<2x4xf32>
}

// -----

// scores of two caches are concatenated, and scaled after that
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
func.func @two_caches(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %k2: tensor<2x3x8xf32>, %v: tensor<2x9x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %half = arith.constant 0.5 : f32
  %init1 = tensor.empty() : tensor<2x4x6xf32>
  %zeros1 = linalg.fill ins(%zero : f32) outs(%init1 : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot1 = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros1 : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %init2 = tensor.empty() : tensor<2x4x3xf32>
  %zeros2 = linalg.fill ins(%zero : f32) outs(%init2 : tensor<2x4x3xf32>) -> tensor<2x4x3xf32>
  %dot2 = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k2 : tensor<2x4x8xf32>, tensor<2x3x8xf32>) outs(%zeros2 : tensor<2x4x3xf32>) -> tensor<2x4x3xf32>
  %both = tensor.concat dim(2) %dot1, %dot2 : (tensor<2x4x6xf32>, tensor<2x4x3xf32>) -> tensor<2x4x9xf32>
  %score_init = tensor.empty() : tensor<2x4x9xf32>
  %score = linalg.generic {indexing_maps = [#hmn, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%both : tensor<2x4x9xf32>) outs(%score_init : tensor<2x4x9xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = arith.mulf %x, %half : f32
    linalg.yield %y : f32
  } -> tensor<2x4x9xf32>
  %p = linalg.softmax dimension(2) ins(%score : tensor<2x4x9xf32>) outs(%score_init : tensor<2x4x9xf32>) -> tensor<2x4x9xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{layout: the scores of several sets of keys are concatenated}}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x9xf32>, tensor<2x9x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// the probabilities are returned as well
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
func.func @weights_used(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>) -> (tensor<2x4x8xf32>, tensor<2x4x6xf32>) {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%dot : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{weights-used: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out, %p : tensor<2x4x8xf32>, tensor<2x4x6xf32>
}

// -----

// the sum of the exponentials is returned as well
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#hm = affine_map<(h, m, n) -> (h, m)>
func.func @sum_used(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>) -> (tensor<2x4x8xf32>, tensor<2x4xf32>) {
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
  %p = linalg.generic {indexing_maps = [#hmn, #hm, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %sum : tensor<2x4x6xf32>, tensor<2x4xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %t: f32, %o: f32):
    %y = arith.divf %x, %t : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{weights-used: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out, %sum : tensor<2x4x8xf32>, tensor<2x4xf32>
}

// -----

// the maximum starts from 0
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#hm = affine_map<(h, m, n) -> (h, m)>
func.func @max_identity(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %row_init = tensor.empty() : tensor<2x4xf32>
  %max_start = linalg.fill ins(%zero : f32) outs(%row_init : tensor<2x4xf32>) -> tensor<2x4xf32>
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
  %p = linalg.generic {indexing_maps = [#hmn, #hm, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %sum : tensor<2x4x6xf32>, tensor<2x4xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %t: f32, %o: f32):
    %y = arith.divf %x, %t : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{max-identity: the maximum starts from 0}}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// the maximum of q k^T is subtracted from the scaled scores
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#hm = affine_map<(h, m, n) -> (h, m)>
func.func @max_source(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %half = arith.constant 0.5 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %score = linalg.generic {indexing_maps = [#hmn, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = arith.mulf %x, %half : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %row_init = tensor.empty() : tensor<2x4xf32>
  %max_start = linalg.fill ins(%minus_inf : f32) outs(%row_init : tensor<2x4xf32>) -> tensor<2x4xf32>
  %max = linalg.reduce { arith.maximumf } ins(%dot : tensor<2x4x6xf32>) outs(%max_start : tensor<2x4xf32>) dimensions = [2]
  %e = linalg.generic {indexing_maps = [#hmn, #hm, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%score, %max : tensor<2x4x6xf32>, tensor<2x4xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %top: f32, %o: f32):
    %c = arith.subf %x, %top : f32
    %y = math.exp %c : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %sum_start = linalg.fill ins(%zero : f32) outs(%row_init : tensor<2x4xf32>) -> tensor<2x4xf32>
  %sum = linalg.reduce { arith.addf } ins(%e : tensor<2x4x6xf32>) outs(%sum_start : tensor<2x4xf32>) dimensions = [2]
  %p = linalg.generic {indexing_maps = [#hmn, #hm, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %sum : tensor<2x4x6xf32>, tensor<2x4xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %t: f32, %o: f32):
    %y = arith.divf %x, %t : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{max-source: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// a given row value is subtracted instead of the maximum
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#hm = affine_map<(h, m, n) -> (h, m)>
func.func @max_given(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>, %max: tensor<2x4xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %row_init = tensor.empty() : tensor<2x4xf32>
  %e = linalg.generic {indexing_maps = [#hmn, #hm, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot, %max : tensor<2x4x6xf32>, tensor<2x4xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %top: f32, %o: f32):
    %c = arith.subf %x, %top : f32
    %y = math.exp %c : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %sum_start = linalg.fill ins(%zero : f32) outs(%row_init : tensor<2x4xf32>) -> tensor<2x4xf32>
  %sum = linalg.reduce { arith.addf } ins(%e : tensor<2x4x6xf32>) outs(%sum_start : tensor<2x4xf32>) dimensions = [2]
  %p = linalg.generic {indexing_maps = [#hmn, #hm, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %sum : tensor<2x4x6xf32>, tensor<2x4xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %t: f32, %o: f32):
    %y = arith.divf %x, %t : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{max-source: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// the denominator is the sum of the scores
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#hm = affine_map<(h, m, n) -> (h, m)>
func.func @sum_source(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>) -> tensor<2x4x8xf32> {
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
  %sum = linalg.reduce { arith.addf } ins(%dot : tensor<2x4x6xf32>) outs(%sum_start : tensor<2x4xf32>) dimensions = [2]
  %p = linalg.generic {indexing_maps = [#hmn, #hm, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %sum : tensor<2x4x6xf32>, tensor<2x4xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %t: f32, %o: f32):
    %y = arith.divf %x, %t : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{sum-source: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// nothing is divided by the sum
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#hm = affine_map<(h, m, n) -> (h, m)>
func.func @no_sum(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>) -> tensor<2x4x8xf32> {
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
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{sum-source: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%e, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// exp(score) / sum without a maximum
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#hm = affine_map<(h, m, n) -> (h, m)>
func.func @no_max(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %row_init = tensor.empty() : tensor<2x4xf32>
  %e = linalg.generic {indexing_maps = [#hmn, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = math.exp %x : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %sum_start = linalg.fill ins(%zero : f32) outs(%row_init : tensor<2x4xf32>) -> tensor<2x4xf32>
  %sum = linalg.reduce { arith.addf } ins(%e : tensor<2x4x6xf32>) outs(%sum_start : tensor<2x4xf32>) dimensions = [2]
  %p = linalg.generic {indexing_maps = [#hmn, #hm, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %sum : tensor<2x4x6xf32>, tensor<2x4xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %t: f32, %o: f32):
    %y = arith.divf %x, %t : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{no-max: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// the denominator has an attention sink
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#hm = affine_map<(h, m, n) -> (h, m)>
func.func @extra_denominator(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>, %sink: tensor<2x4xf32>) -> tensor<2x4x8xf32> {
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
  %with_sink = linalg.add ins(%sum, %sink : tensor<2x4xf32>, tensor<2x4xf32>) outs(%row_init : tensor<2x4xf32>) -> tensor<2x4xf32>
  %p = linalg.generic {indexing_maps = [#hmn, #hm, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %with_sink : tensor<2x4x6xf32>, tensor<2x4xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %t: f32, %o: f32):
    %y = arith.divf %x, %t : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{extra-denominator: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// the sum starts from 1 (softmax plus one)
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#hm = affine_map<(h, m, n) -> (h, m)>
func.func @sum_start(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %one = arith.constant 1.0 : f32
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
  %sum_start = linalg.fill ins(%one : f32) outs(%row_init : tensor<2x4xf32>) -> tensor<2x4xf32>
  %sum = linalg.reduce { arith.addf } ins(%e : tensor<2x4x6xf32>) outs(%sum_start : tensor<2x4xf32>) dimensions = [2]
  %p = linalg.generic {indexing_maps = [#hmn, #hm, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%e, %sum : tensor<2x4x6xf32>, tensor<2x4xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %t: f32, %o: f32):
    %y = arith.divf %x, %t : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{extra-denominator: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// a scale for every key
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#n = affine_map<(h, m, n) -> (n)>
func.func @scale_varies(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>, %scale: tensor<6xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %score = linalg.generic {indexing_maps = [#hmn, #n, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot, %scale : tensor<2x4x6xf32>, tensor<6xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %f: f32, %o: f32):
    %y = arith.mulf %x, %f : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%score : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{scale-varies: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// the second contraction adds to a residual
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
func.func @nonzero_init(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>, %residual: tensor<2x4x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%dot : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{nonzero-init: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%residual : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// p = 0.5: the probabilities are dropped and scaled by 2
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
func.func @dropout(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>, %keep: tensor<2x4x6xi1>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %two = arith.constant 2.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%dot : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %kept = linalg.generic {indexing_maps = [#hmn, #hmn, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%p, %keep : tensor<2x4x6xf32>, tensor<2x4x6xi1>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %c: i1, %o: f32):
    %y = arith.mulf %x, %two : f32
    %z = arith.select %c, %y, %zero : f32
    linalg.yield %z : f32
  } -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{dropout: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%kept, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// tanh(score / 30) * 30
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
func.func @softcap(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %cap = arith.constant 30.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %score = linalg.generic {indexing_maps = [#hmn, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = arith.divf %x, %cap : f32
    %t = math.tanh %y : f32
    %z = arith.mulf %t, %cap : f32
    linalg.yield %z : f32
  } -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%score : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{softcap: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// softmax of |score|
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
func.func @score_modifier(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %score = linalg.generic {indexing_maps = [#hmn, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = math.absf %x : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%score : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{score-modifier: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// scores divided by 0
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
func.func @zero_divisor(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %score = linalg.generic {indexing_maps = [#hmn, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %y = arith.divf %x, %zero : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%score : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{score-modifier: the scale is 0 or not finite in f32}}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// hidden scores become 0, which is a score like any other
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#mn = affine_map<(h, m, n) -> (m, n)>
func.func @select_of_zero(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>, %mask: tensor<4x6xi1>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %score = linalg.generic {indexing_maps = [#hmn, #mn, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot, %mask : tensor<2x4x6xf32>, tensor<4x6xi1>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %c: i1, %o: f32):
    %y = arith.select %c, %x, %zero : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%score : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{score-modifier: scores are replaced by 0}}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// a guard on something else than the scores
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#hm = affine_map<(h, m, n) -> (h, m)>
func.func @other_guard(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>, %empty: tensor<2x4xi1>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%dot : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %guarded = linalg.generic {indexing_maps = [#hmn, #hm, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%p, %empty : tensor<2x4x6xf32>, tensor<2x4xi1>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %c: i1, %o: f32):
    %y = arith.select %c, %zero, %x : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{score-modifier: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%guarded, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// a sliding window of 3 keys inside the scores
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
func.func @index_bias(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %c3 = arith.constant 3 : index
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %score = linalg.generic {indexing_maps = [#hmn, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %end = arith.addi %j, %c3 : index
    %c = arith.cmpi sgt, %end, %i : index
    %y = arith.select %c, %x, %minus_inf : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%score : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{index-bias: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// causal, aligned at the first key, inside the scores with M != N
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
func.func @top_left(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %score = linalg.generic {indexing_maps = [#hmn, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %o: f32):
    %i = linalg.index 1 : index
    %j = linalg.index 2 : index
    %c = arith.cmpi sle, %j, %i : index
    %y = arith.select %c, %x, %minus_inf : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%score : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{index-bias: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// a mask over queries only
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#m = affine_map<(h, m, n) -> (m)>
func.func @query_mask(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>, %mask: tensor<4xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %score = linalg.generic {indexing_maps = [#hmn, #m, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot, %mask : tensor<2x4x6xf32>, tensor<4xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %a: f32, %o: f32):
    %y = arith.addf %x, %a : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%score : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{mask-without-key-dim: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// a 0/1 mask multiplied into the scores
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#mn = affine_map<(h, m, n) -> (m, n)>
func.func @mask_multiplies(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>, %mask: tensor<4x6xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %score = linalg.generic {indexing_maps = [#hmn, #mn, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot, %mask : tensor<2x4x6xf32>, tensor<4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %a: f32, %o: f32):
    %y = arith.mulf %x, %a : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%score : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{mask-multiplies: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// a key mask applied to the probabilities
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#n = affine_map<(h, m, n) -> (n)>
func.func @mask_after_softmax(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>, %mask: tensor<6xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%dot : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %kept = linalg.generic {indexing_maps = [#hmn, #n, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%p, %mask : tensor<2x4x6xf32>, tensor<6xf32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %a: f32, %o: f32):
    %y = arith.mulf %x, %a : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{mask-multiplies: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%kept, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// an opaque -inf mask: softmax of an empty row is NaN, dashkv.attention gives 0
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#mn = affine_map<(h, m, n) -> (m, n)>
func.func @empty_row(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>, %mask: tensor<4x6xi1>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %minus_inf = arith.constant 0xFF800000 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %score = linalg.generic {indexing_maps = [#hmn, #mn, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot, %mask : tensor<2x4x6xf32>, tensor<4x6xi1>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %c: i1, %o: f32):
    %y = arith.select %c, %x, %minus_inf : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%score : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{empty-row: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// an empty row of a finite mask is the mean of V
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
#hmn = affine_map<(h, m, n) -> (h, m, n)>
#mn = affine_map<(h, m, n) -> (m, n)>
func.func @empty_row_mean(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>, %mask: tensor<4x6xi1>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant -1.0e+09 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %score = linalg.generic {indexing_maps = [#hmn, #mn, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot, %mask : tensor<2x4x6xf32>, tensor<4x6xi1>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: f32, %c: i1, %o: f32):
    %y = arith.select %c, %x, %low : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%score : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{empty-row: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// K has two heads and V one: no grouping of query heads fits both
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
func.func @kv_heads_differ(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<6x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%dot : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{kv-heads-differ: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// five query heads read KV head h div 2 of three
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h floordiv 2, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h floordiv 2, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
func.func @heads_not_divisible(%q: tensor<5x4x8xf32>, %k: tensor<3x6x8xf32>, %v: tensor<3x6x8xf32>) -> tensor<5x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<5x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<5x4x6xf32>) -> tensor<5x4x6xf32>
  %dot = linalg.generic {indexing_maps = [#q, #k, #s], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<5x4x8xf32>, tensor<3x6x8xf32>) outs(%zeros : tensor<5x4x6xf32>) {
  ^bb0(%x: f32, %y: f32, %a: f32):
    %t = arith.mulf %x, %y : f32
    %r = arith.addf %a, %t : f32
    linalg.yield %r : f32
  } -> tensor<5x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%dot : tensor<5x4x6xf32>) outs(%score_init : tensor<5x4x6xf32>) -> tensor<5x4x6xf32>
  %out_init = tensor.empty() : tensor<5x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<5x4x8xf32>) -> tensor<5x4x8xf32>
  // expected-remark @below {{heads-not-divisible: }}
  %out = linalg.generic {indexing_maps = [#p, #v, #o], iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%p, %v : tensor<5x4x6xf32>, tensor<3x6x8xf32>) outs(%out_zero : tensor<5x4x8xf32>) {
  ^bb0(%x: f32, %y: f32, %a: f32):
    %t = arith.mulf %x, %y : f32
    %r = arith.addf %a, %t : f32
    linalg.yield %r : f32
  } -> tensor<5x4x8xf32>
  return %out : tensor<5x4x8xf32>
}

// -----

// a paged cache: pages and rows of V are not next to each other
#q = affine_map<(h, m, b, n, d) -> (h, m, d)>
#k = affine_map<(h, m, b, n, d) -> (b, n, h, d)>
#s = affine_map<(h, m, b, n, d) -> (h, m, b, n)>
#p = affine_map<(h, m, d, b, n) -> (h, m, b, n)>
#v = affine_map<(h, m, d, b, n) -> (b, h, n, d)>
#o = affine_map<(h, m, d, b, n) -> (h, m, d)>
func.func @layout(%q: tensor<2x4x8xf32>, %k: tensor<3x5x2x8xf32>, %v: tensor<3x2x5x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x3x5xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x3x5xf32>) -> tensor<2x4x3x5xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<3x5x2x8xf32>) outs(%zeros : tensor<2x4x3x5xf32>) -> tensor<2x4x3x5xf32>
  %flat = tensor.collapse_shape %dot [[0], [1], [2, 3]] : tensor<2x4x3x5xf32> into tensor<2x4x15xf32>
  %flat_init = tensor.empty() : tensor<2x4x15xf32>
  %p = linalg.softmax dimension(2) ins(%flat : tensor<2x4x15xf32>) outs(%flat_init : tensor<2x4x15xf32>) -> tensor<2x4x15xf32>
  %pages = tensor.expand_shape %p [[0], [1], [2, 3]] output_shape [2, 4, 3, 5] : tensor<2x4x15xf32> into tensor<2x4x3x5xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{layout: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%pages, %v : tensor<2x4x3x5xf32>, tensor<3x2x5x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// the scores are computed once, attention in a loop
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
func.func @crosses_region(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>, %init: tensor<2x4x8xf32>, %steps: index) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %r = scf.for %i = %c0 to %steps step %c1 iter_args(%last = %init) -> tensor<2x4x8xf32> {
    %p = linalg.softmax dimension(2) ins(%dot : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
    %out_init = tensor.empty() : tensor<2x4x8xf32>
    %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
    // expected-remark @below {{crosses-region: }}
    %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
    scf.yield %out : tensor<2x4x8xf32>
  }
  return %r : tensor<2x4x8xf32>
}

// -----

// the scores come out of a branch
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
func.func @scores_of_branch(%q: tensor<2x4x8xf32>, %k: tensor<2x8x6xf32>, %v: tensor<2x6x8xf32>, %c: i1) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = scf.if %c -> tensor<2x4x6xf32> {
    %inner = linalg.batch_matmul ins(%q, %k : tensor<2x4x8xf32>, tensor<2x8x6xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
    scf.yield %inner : tensor<2x4x6xf32>
  } else {
    scf.yield %zeros : tensor<2x4x6xf32>
  }
  %p = linalg.softmax dimension(2) ins(%dot : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{crosses-region: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// after bufferization
func.func @memrefs(%q: memref<2x4x8xf32>, %k: memref<2x8x6xf32>, %v: memref<2x6x8xf32>, %s: memref<2x4x6xf32>, %p: memref<2x4x6xf32>, %out: memref<2x4x8xf32>) {
  linalg.batch_matmul ins(%q, %k : memref<2x4x8xf32>, memref<2x8x6xf32>) outs(%s : memref<2x4x6xf32>)
  linalg.softmax dimension(2) ins(%s : memref<2x4x6xf32>) outs(%p : memref<2x4x6xf32>)
  // expected-remark @below {{crosses-region: the parts are on memrefs}}
  linalg.batch_matmul ins(%p, %v : memref<2x4x6xf32>, memref<2x6x8xf32>) outs(%out : memref<2x4x8xf32>)
  return
}

// -----

// 8-bit queries and keys, scaled to float afterwards
#hmn = affine_map<(h, m, n) -> (h, m, n)>
func.func @integers(%q: tensor<2x4x8xi8>, %k: tensor<2x8x6xi8>, %v: tensor<2x6x8xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : i32
  %scale = arith.constant 0.01 : f32
  %int_init = tensor.empty() : tensor<2x4x6xi32>
  %zeros = linalg.fill ins(%c0 : i32) outs(%int_init : tensor<2x4x6xi32>) -> tensor<2x4x6xi32>
  %dot = linalg.batch_matmul ins(%q, %k : tensor<2x4x8xi8>, tensor<2x8x6xi8>) outs(%zeros : tensor<2x4x6xi32>) -> tensor<2x4x6xi32>
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %score = linalg.generic {indexing_maps = [#hmn, #hmn], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%dot : tensor<2x4x6xi32>) outs(%score_init : tensor<2x4x6xf32>) {
  ^bb0(%x: i32, %o: f32):
    %f = arith.sitofp %x : i32 to f32
    %y = arith.mulf %f, %scale : f32
    linalg.yield %y : f32
  } -> tensor<2x4x6xf32>
  %p = linalg.softmax dimension(2) ins(%score : tensor<2x4x6xf32>) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{element-type: }}
  %out = linalg.batch_matmul ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// double precision
func.func @f64(%q: tensor<2x4x8xf64>, %k: tensor<2x8x6xf64>, %v: tensor<2x6x8xf64>) -> tensor<2x4x8xf64> {
  %zero = arith.constant 0.0 : f64
  %score_init = tensor.empty() : tensor<2x4x6xf64>
  %zeros = linalg.fill ins(%zero : f64) outs(%score_init : tensor<2x4x6xf64>) -> tensor<2x4x6xf64>
  %dot = linalg.batch_matmul ins(%q, %k : tensor<2x4x8xf64>, tensor<2x8x6xf64>) outs(%zeros : tensor<2x4x6xf64>) -> tensor<2x4x6xf64>
  %p = linalg.softmax dimension(2) ins(%dot : tensor<2x4x6xf64>) outs(%score_init : tensor<2x4x6xf64>) -> tensor<2x4x6xf64>
  %out_init = tensor.empty() : tensor<2x4x8xf64>
  %out_zero = linalg.fill ins(%zero : f64) outs(%out_init : tensor<2x4x8xf64>) -> tensor<2x4x8xf64>
  // expected-remark @below {{element-type: queries of f64}}
  %out = linalg.batch_matmul ins(%p, %v : tensor<2x4x6xf64>, tensor<2x6x8xf64>) outs(%out_zero : tensor<2x4x8xf64>) -> tensor<2x4x8xf64>
  return %out : tensor<2x4x8xf64>
}

// -----

// the softmax has a column besides the scores: an attention sink
#q = affine_map<(h, m, n, d) -> (h, m, d)>
#k = affine_map<(h, m, n, d) -> (h, n, d)>
#s = affine_map<(h, m, n, d) -> (h, m, n)>
#p = affine_map<(h, m, d, n) -> (h, m, n)>
#v = affine_map<(h, m, d, n) -> (h, n, d)>
#o = affine_map<(h, m, d, n) -> (h, m, d)>
func.func @sink_column(%q: tensor<2x4x8xf32>, %k: tensor<2x6x8xf32>, %v: tensor<2x6x8xf32>, %sink: tensor<2x4x1xf32>) -> tensor<2x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x4x8xf32>, tensor<2x6x8xf32>) outs(%zeros : tensor<2x4x6xf32>) -> tensor<2x4x6xf32>
  %wide = tensor.concat dim(2) %dot, %sink : (tensor<2x4x6xf32>, tensor<2x4x1xf32>) -> tensor<2x4x7xf32>
  %wide_init = tensor.empty() : tensor<2x4x7xf32>
  %pw = linalg.softmax dimension(2) ins(%wide : tensor<2x4x7xf32>) outs(%wide_init : tensor<2x4x7xf32>) -> tensor<2x4x7xf32>
  %p = tensor.extract_slice %pw[0, 0, 0] [2, 4, 6] [1, 1, 1] : tensor<2x4x7xf32> to tensor<2x4x6xf32>
  %out_init = tensor.empty() : tensor<2x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  // expected-remark @below {{extra-denominator: }}
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x4x6xf32>, tensor<2x6x8xf32>) outs(%out_zero : tensor<2x4x8xf32>) -> tensor<2x4x8xf32>
  return %out : tensor<2x4x8xf32>
}

// -----

// a mask that is neither i1 nor float
func.func @tm_mask(%q: tensor<8x3x64xf32>, %k: tensor<8x48x64xf32>, %mask: tensor<8x3x48xi8>, %init: tensor<8x3x64xf32>) -> tensor<8x3x64xf32> {
  // expected-remark @below {{element-type: }}
  %0 = tm_tensor.attention ins(%q, %k, %k, %mask : tensor<8x3x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>, tensor<8x3x48xi8>) outs(%init : tensor<8x3x64xf32>) -> tensor<8x3x64xf32>
  return %0 : tensor<8x3x64xf32>
}

// -----

#q = affine_map<(b, m, n, d, dv) -> (b, m, d)>
#k = affine_map<(b, m, n, d, dv) -> (b, n, d)>
#v = affine_map<(b, m, n, d, dv) -> (b, n, dv)>
#s = affine_map<(b, m, n, d, dv) -> ()>
#o = affine_map<(b, m, n, d, dv) -> (b, m, dv)>
#r = affine_map<(b, m, n, d, dv) -> (b, m)>
func.func @iree_regions(%q: tensor<8x3x64xf32>, %k: tensor<8x48x64xf32>, %init: tensor<8x3x64xf32>, %scale: f32) -> (tensor<8x3x64xf32>, tensor<8x3x64xf32>) {
  // expected-remark @below {{softcap: }}
  %0 = iree_linalg_ext.attention <indexing_maps = [#q, #k, #v, #s, #o]>
    ins(%q, %k, %k, %scale : tensor<8x3x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>, f32) outs(%init : tensor<8x3x64xf32>) {
  ^bb0(%score: f32):
    %t = math.tanh %score : f32
    iree_linalg_ext.yield %t : f32
  } -> tensor<8x3x64xf32>
  // expected-remark @below {{score-modifier: }}
  %1 = iree_linalg_ext.attention <indexing_maps = [#q, #k, #v, #s, #o]>
    ins(%q, %k, %k, %scale : tensor<8x3x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>, f32) outs(%init : tensor<8x3x64xf32>) {
  ^bb0(%score: f32):
    %t = arith.mulf %score, %score : f32
    iree_linalg_ext.yield %t : f32
  } -> tensor<8x3x64xf32>
  return %0, %1 : tensor<8x3x64xf32>, tensor<8x3x64xf32>
}

// -----

#q = affine_map<(b, m, n, d, dv) -> (b, m, d)>
#k = affine_map<(b, m, n, d, dv) -> (b, n, d)>
#v = affine_map<(b, m, n, d, dv) -> (b, n, dv)>
#s = affine_map<(b, m, n, d, dv) -> ()>
#o = affine_map<(b, m, n, d, dv) -> (b, m, dv)>
#r = affine_map<(b, m, n, d, dv) -> (b, m)>
#bmd = affine_map<(b, m, d) -> (b, m, d)>
#bm = affine_map<(b, m, d) -> (b, m)>
func.func @iree_online(%q: tensor<8x3x64xf32>, %k: tensor<8x48x64xf32>, %acc: tensor<8x3x64xf32>, %max: tensor<8x3xf32>, %scale: f32) -> (tensor<8x3x64xf32>, tensor<8x3x64xf32>) {
  %zero = arith.constant 0.0 : f32
  %row_init = tensor.empty() : tensor<8x3xf32>
  %sum = linalg.fill ins(%zero : f32) outs(%row_init : tensor<8x3xf32>) -> tensor<8x3xf32>
  // The accumulator goes on from earlier keys.
  // expected-remark @below {{nonzero-init: }}
  %0:3 = iree_linalg_ext.online_attention <indexing_maps = [#q, #k, #v, #s, #o, #r, #r]>
    ins(%q, %k, %k, %scale : tensor<8x3x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>, f32) outs(%acc, %max, %sum : tensor<8x3x64xf32>, tensor<8x3xf32>, tensor<8x3xf32>) {
  ^bb0(%score: f32):
    iree_linalg_ext.yield %score : f32
  } -> tensor<8x3x64xf32>, tensor<8x3xf32>, tensor<8x3xf32>
  %out = linalg.generic {indexing_maps = [#bmd, #bm, #bmd], iterator_types = ["parallel", "parallel", "parallel"]} ins(%0#0, %0#2 : tensor<8x3x64xf32>, tensor<8x3xf32>) outs(%acc : tensor<8x3x64xf32>) {
  ^bb0(%x: f32, %t: f32, %o: f32):
    %y = arith.divf %x, %t : f32
    linalg.yield %y : f32
  } -> tensor<8x3x64xf32>
  // Nothing is divided.
  // expected-remark @below {{sum-source: }}
  %1:3 = iree_linalg_ext.online_attention <indexing_maps = [#q, #k, #v, #s, #o, #r, #r]>
    ins(%q, %k, %k, %scale : tensor<8x3x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>, f32) outs(%acc, %max, %sum : tensor<8x3x64xf32>, tensor<8x3xf32>, tensor<8x3xf32>) {
  ^bb0(%score: f32):
    iree_linalg_ext.yield %score : f32
  } -> tensor<8x3x64xf32>, tensor<8x3xf32>, tensor<8x3xf32>
  return %out, %1#0 : tensor<8x3x64xf32>, tensor<8x3x64xf32>
}
