// RUN: dashkv-opt %s --split-input-file --verify-diagnostics

func.func @attention_inputs(%q: tensor<8x1x64xf32>, %k: tensor<8x48x64xf32>) -> tensor<8x1x64xf32> {
  // expected-error @below {{expected query, key, value and at most a mask, but got 2 inputs}}
  %0 = tm_tensor.attention ins(%q, %k : tensor<8x1x64xf32>, tensor<8x48x64xf32>) outs(%q : tensor<8x1x64xf32>) -> tensor<8x1x64xf32>
  return %0 : tensor<8x1x64xf32>
}

// -----

func.func @attention_outputs(%q: tensor<8x1x64xf32>, %k: tensor<8x48x64xf32>) {
  // expected-error @below {{expected one output, but got 2}}
  %0:2 = tm_tensor.attention ins(%q, %k, %k : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>) outs(%q, %q : tensor<8x1x64xf32>, tensor<8x1x64xf32>) -> tensor<8x1x64xf32>, tensor<8x1x64xf32>
  return
}

// -----

func.func @attention_rank(%q: tensor<1x64xf32>, %k: tensor<48x64xf32>) -> tensor<1x64xf32> {
  // expected-error @below {{expected query of rank 3 or more, but got 'tensor<1x64xf32>'}}
  %0 = tm_tensor.attention ins(%q, %k, %k : tensor<1x64xf32>, tensor<48x64xf32>, tensor<48x64xf32>) outs(%q : tensor<1x64xf32>) -> tensor<1x64xf32>
  return %0 : tensor<1x64xf32>
}

// -----

func.func @attention_ranks(%q: tensor<8x1x64xf32>, %k: tensor<8x48x64xf32>, %mask: tensor<1x8x1x48xi1>) -> tensor<8x1x64xf32> {
  // expected-error @below {{expected mask of the rank of the query, 3, but got 4}}
  %0 = tm_tensor.attention ins(%q, %k, %k, %mask : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>, tensor<1x8x1x48xi1>) outs(%q : tensor<8x1x64xf32>) -> tensor<8x1x64xf32>
  return %0 : tensor<8x1x64xf32>
}

// -----

func.func @attention_output_rank(%q: tensor<8x1x64xf32>, %k: tensor<8x48x64xf32>, %init: tensor<1x64xf32>) -> tensor<1x64xf32> {
  // expected-error @below {{expected an output of the rank of the query, 3, but got 'tensor<1x64xf32>'}}
  %0 = tm_tensor.attention ins(%q, %k, %k : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>) outs(%init : tensor<1x64xf32>) -> tensor<1x64xf32>
  return %0 : tensor<1x64xf32>
}

// -----

func.func @attention_result(%q: tensor<8x1x64xf32>, %k: tensor<8x48x64xf32>) -> tensor<8x1x32xf32> {
  // expected-error @below {{expected results of the types of the tensors in outs}}
  %0 = tm_tensor.attention ins(%q, %k, %k : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>) outs(%q : tensor<8x1x64xf32>) -> tensor<8x1x32xf32>
  return %0 : tensor<8x1x32xf32>
}

// -----

func.func @scatter_inputs(%updates: tensor<3x1xf32>, %cache: tensor<4x8xf32>) {
  // expected-error @below {{expected updates and indices, but got 1 inputs}}
  %0 = tm_tensor.scatter {dimension_map = array<i64: 0>} unique_indices(true) ins(%updates : tensor<3x1xf32>) outs(%cache : tensor<4x8xf32>) {
  ^bb0(%new: f32, %old: f32):
    tm_tensor.yield %new : f32
  } -> tensor<4x8xf32>
  return
}

// -----

func.func @scatter_outputs(%updates: tensor<3x1xf32>, %indices: tensor<3x1xi64>, %cache: tensor<4x8xf32>) {
  // expected-error @below {{expected one output, but got 2}}
  %0:2 = tm_tensor.scatter {dimension_map = array<i64: 0>} unique_indices(true) ins(%updates, %indices : tensor<3x1xf32>, tensor<3x1xi64>) outs(%cache, %cache : tensor<4x8xf32>, tensor<4x8xf32>) {
  ^bb0(%new: f32, %old: f32):
    tm_tensor.yield %new : f32
  } -> tensor<4x8xf32>, tensor<4x8xf32>
  return
}

// -----

func.func @scatter_indices(%updates: tensor<3x1xf32>, %indices: tensor<3xi64>, %cache: tensor<4x8xf32>) {
  // expected-error @below {{expected indices of rank 2, but got 'tensor<3xi64>'}}
  %0 = tm_tensor.scatter {dimension_map = array<i64: 0>} unique_indices(true) ins(%updates, %indices : tensor<3x1xf32>, tensor<3xi64>) outs(%cache : tensor<4x8xf32>) {
  ^bb0(%new: f32, %old: f32):
    tm_tensor.yield %new : f32
  } -> tensor<4x8xf32>
  return
}

// -----

func.func @scatter_dims(%updates: tensor<3x1xf32>, %indices: tensor<3x1xi64>, %cache: tensor<4x8xf32>) {
  // expected-error @below {{expected dimension_map in the rank of the output, 2, but got 2}}
  %0 = tm_tensor.scatter {dimension_map = array<i64: 2>} unique_indices(true) ins(%updates, %indices : tensor<3x1xf32>, tensor<3x1xi64>) outs(%cache : tensor<4x8xf32>) {
  ^bb0(%new: f32, %old: f32):
    tm_tensor.yield %new : f32
  } -> tensor<4x8xf32>
  return
}

// -----

func.func @scan_inputs(%x: tensor<7xi64>, %last: tensor<i64>) {
  // expected-error @below {{expected one input, but got 2}}
  %0:2 = tm_tensor.scan dimension(0) inclusive(true) ins(%x, %x : tensor<7xi64>, tensor<7xi64>) outs(%x, %last : tensor<7xi64>, tensor<i64>) {
  ^bb0(%a: i64, %b: i64):
    tm_tensor.yield %a : i64
  } -> tensor<7xi64>, tensor<i64>
  return
}

// -----

func.func @scan_outputs(%x: tensor<7xi64>) {
  // expected-error @below {{expected two outputs, but got 1}}
  %0 = tm_tensor.scan dimension(0) inclusive(true) ins(%x : tensor<7xi64>) outs(%x : tensor<7xi64>) {
  ^bb0(%a: i64, %b: i64):
    tm_tensor.yield %a : i64
  } -> tensor<7xi64>
  return
}

// -----

func.func @sort_dim(%x: tensor<7xf32>) {
  // expected-error @below {{expected a dimension in rank 1, but got 1}}
  %0 = tm_tensor.sort dimension(1) outs(%x : tensor<7xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.cmpf ole, %a, %b : f32
    tm_tensor.yield %c : i1
  } -> tensor<7xf32>
  return
}

// -----

func.func @iree_without_maps(%q: tensor<8x1x64xf32>, %k: tensor<8x48x64xf32>, %scale: f32) {
  // expected-error @below {{expected indexing_maps: the syntax without maps (transpose_v) is not supported}}
  %0 = iree_linalg_ext.attention {transpose_v = true} ins(%q, %k, %k, %scale : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>, f32) outs(%q : tensor<8x1x64xf32>) {
  ^bb0(%score: f32):
    iree_linalg_ext.yield %score : f32
  } -> tensor<8x1x64xf32>
  return
}

// -----

#q = affine_map<(b, m, n, d, dv) -> (b, m, d)>
#k = affine_map<(b, m, n, d, dv) -> (b, n, d)>
#v = affine_map<(b, m, n, d, dv) -> (b, n, dv)>
#o = affine_map<(b, m, n, d, dv) -> (b, m, dv)>
func.func @iree_inputs(%q: tensor<8x1x64xf32>, %k: tensor<8x48x64xf32>) {
  // expected-error @below {{expected query, key, value, scale and at most a mask, but got 3 inputs}}
  %0 = iree_linalg_ext.attention <indexing_maps = [#q, #k, #v, #o]> ins(%q, %k, %k : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>) outs(%q : tensor<8x1x64xf32>) {
  ^bb0(%score: f32):
    iree_linalg_ext.yield %score : f32
  } -> tensor<8x1x64xf32>
  return
}

// -----

#q = affine_map<(b, m, n, d, dv) -> (b, m, d)>
#k = affine_map<(b, m, n, d, dv) -> (b, n, d)>
#v = affine_map<(b, m, n, d, dv) -> (b, n, dv)>
#s = affine_map<(b, m, n, d, dv) -> ()>
#o = affine_map<(b, m, n, d, dv) -> (b, m, dv)>
func.func @iree_outputs(%q: tensor<8x1x64xf32>, %k: tensor<8x48x64xf32>, %scale: f32) {
  // expected-error @below {{expected 3 outputs, but got 1}}
  %0 = iree_linalg_ext.online_attention <indexing_maps = [#q, #k, #v, #s, #o]> ins(%q, %k, %k, %scale : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>, f32) outs(%q : tensor<8x1x64xf32>) {
  ^bb0(%score: f32):
    iree_linalg_ext.yield %score : f32
  } -> tensor<8x1x64xf32>
  return
}

// -----

#q = affine_map<(b, m, n, d, dv) -> (b, m, d)>
#k = affine_map<(b, m, n, d, dv) -> (b, n, d)>
#v = affine_map<(b, m, n, d, dv) -> (b, n, dv)>
#s = affine_map<(b, m, n, d, dv) -> ()>
func.func @iree_maps(%q: tensor<8x1x64xf32>, %k: tensor<8x48x64xf32>, %scale: f32) {
  // expected-error @below {{expected 5 indexing maps, but got 4}}
  %0 = iree_linalg_ext.attention <indexing_maps = [#q, #k, #v, #s]> ins(%q, %k, %k, %scale : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>, f32) outs(%q : tensor<8x1x64xf32>) {
  ^bb0(%score: f32):
    iree_linalg_ext.yield %score : f32
  } -> tensor<8x1x64xf32>
  return
}

// -----

#q = affine_map<(b, m, n, d, dv) -> (b, m, d)>
#k = affine_map<(b, m, n, d, dv) -> (b, n, d)>
#v = affine_map<(b, m, n, d, dv) -> (b, n, dv)>
#s = affine_map<(b, m, n, d, dv) -> ()>
#o = affine_map<(b, m, n, d) -> (b, m, d)>
func.func @iree_map_dims(%q: tensor<8x1x64xf32>, %k: tensor<8x48x64xf32>, %scale: f32) {
  // expected-error @below {{expected indexing maps of 5 dims, but got affine_map<(d0, d1, d2, d3) -> (d0, d1, d3)>}}
  %0 = iree_linalg_ext.attention <indexing_maps = [#q, #k, #v, #s, #o]> ins(%q, %k, %k, %scale : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>, f32) outs(%q : tensor<8x1x64xf32>) {
  ^bb0(%score: f32):
    iree_linalg_ext.yield %score : f32
  } -> tensor<8x1x64xf32>
  return
}

// -----

#q = affine_map<(b, m, n, d, dv) -> (m, d)>
#k = affine_map<(b, m, n, d, dv) -> (b, n, d)>
#v = affine_map<(b, m, n, d, dv) -> (b, n, dv)>
#s = affine_map<(b, m, n, d, dv) -> ()>
#o = affine_map<(b, m, n, d, dv) -> (b, m, dv)>
func.func @iree_map_rank(%q: tensor<8x1x64xf32>, %k: tensor<8x48x64xf32>, %scale: f32) {
  // expected-error @below {{expected operand 0 of the rank of its map, 2, but got 'tensor<8x1x64xf32>'}}
  %0 = iree_linalg_ext.attention <indexing_maps = [#q, #k, #v, #s, #o]> ins(%q, %k, %k, %scale : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>, f32) outs(%q : tensor<8x1x64xf32>) {
  ^bb0(%score: f32):
    iree_linalg_ext.yield %score : f32
  } -> tensor<8x1x64xf32>
  return
}

// -----

#q = affine_map<(b, m, n, d, dv) -> (b, m, d)>
#k = affine_map<(b, m, n, d, dv) -> (b, n, d)>
#v = affine_map<(b, m, n, d, dv) -> (b, n, dv)>
#s = affine_map<(b, m, n, d, dv) -> ()>
#o = affine_map<(b, m, n, d, dv) -> (b, m, dv)>
func.func @iree_result(%q: tensor<8x1x64xf32>, %k: tensor<8x48x64xf32>, %scale: f32) {
  // expected-error @below {{expected results of the types of the tensors in outs}}
  %0 = iree_linalg_ext.attention <indexing_maps = [#q, #k, #v, #s, #o]> ins(%q, %k, %k, %scale : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>, f32) outs(%q : tensor<8x1x64xf32>) {
  ^bb0(%score: f32):
    iree_linalg_ext.yield %score : f32
  } -> tensor<8x1x32xf32>
  return
}

// -----

#q = affine_map<(b, m, n, d, dv) -> (b, m, d)>
#k = affine_map<(b, m, n, d, dv) -> (b, n, d)>
#v = affine_map<(b, m, n, d, dv) -> (b, n, dv)>
#s = affine_map<(b, m, n, d, dv) -> ()>
#o = affine_map<(b, m, n, d, dv) -> (b, m, dv)>
func.func @iree_region(%q: tensor<8x1x64xf32>, %k: tensor<8x48x64xf32>, %scale: f32) {
  // expected-error @below {{expected a region with one argument, the score}}
  %0 = iree_linalg_ext.attention <indexing_maps = [#q, #k, #v, #s, #o]> ins(%q, %k, %k, %scale : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x64xf32>, f32) outs(%q : tensor<8x1x64xf32>) {
  ^bb0(%score: f32, %other: f32):
    iree_linalg_ext.yield %score : f32
  } -> tensor<8x1x64xf32>
  return
}
