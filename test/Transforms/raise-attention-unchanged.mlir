// RUN: dashkv-opt %s --dashkv-raise-attention --split-input-file --remark-format=emitRemark --remarks-filter='dashkv.*' 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: dashkv-opt %s --split-input-file -o %t.before
// RUN: dashkv-opt %s --dashkv-raise-attention --split-input-file -o %t.after
// RUN: diff %t.before %t.after

// Functions without attention stay as they are, whatever they hold.

// REMARK: remark: [Analysis] RaiseAttention | Category:dashkv | Function=empty | Remark="no attention found", raised=0
func.func @empty() {
  return
}

func.func private @declaration(tensor<4xf32>) -> tensor<4xf32>

// -----

// A layer of an MLP: contractions, an exponential, no softmax.
// REMARK: Function=mlp | Remark="no attention found", raised=0
func.func @mlp(%x: tensor<4x8xf32>, %w: tensor<8x16xf32>, %w2: tensor<16x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1.0 : f32
  %h_init = tensor.empty() : tensor<4x16xf32>
  %h_zero = linalg.fill ins(%zero : f32) outs(%h_init : tensor<4x16xf32>) -> tensor<4x16xf32>
  %h = linalg.matmul ins(%x, %w : tensor<4x8xf32>, tensor<8x16xf32>) outs(%h_zero : tensor<4x16xf32>) -> tensor<4x16xf32>
  %act = linalg.map ins(%h : tensor<4x16xf32>) outs(%h_init : tensor<4x16xf32>)
    (%v: f32, %o: f32) {
      %n = arith.negf %v : f32
      %e = math.exp %n : f32
      %d = arith.addf %e, %one : f32
      %s = arith.divf %v, %d : f32
      linalg.yield %s : f32
    }
  %y_init = tensor.empty() : tensor<4x8xf32>
  %y_zero = linalg.fill ins(%zero : f32) outs(%y_init : tensor<4x8xf32>) -> tensor<4x8xf32>
  %y = linalg.matmul ins(%act, %w2 : tensor<4x16xf32>, tensor<16x8xf32>) outs(%y_zero : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// A weighted sum whose weights come from outside.
// REMARK: Function=softmax_of_argument | Remark="no attention found", raised=0
func.func @softmax_of_argument(%s: tensor<4x6xf32>, %v: tensor<6x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %p_init = tensor.empty() : tensor<4x6xf32>
  %p = linalg.softmax dimension(1) ins(%s : tensor<4x6xf32>) outs(%p_init : tensor<4x6xf32>) -> tensor<4x6xf32>
  %y_init = tensor.empty() : tensor<4x8xf32>
  %y_zero = linalg.fill ins(%zero : f32) outs(%y_init : tensor<4x8xf32>) -> tensor<4x8xf32>
  %y = linalg.matmul ins(%p, %v : tensor<4x6xf32>, tensor<6x8xf32>) outs(%y_zero : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y : tensor<4x8xf32>
}

// -----

// Complex numbers, integers, no dims, dims of size 0, all sizes dynamic, buffers.
// REMARK: Function=others | raised=0
#id = affine_map<() -> ()>
#i = affine_map<(i) -> (i)>
#none = affine_map<(i) -> ()>
func.func @others(%a: tensor<4x4xcomplex<f32>>, %b: tensor<4x4xi32>, %c: tensor<f32>, %d: tensor<0x4xf32>, %e: tensor<?x?xf32>, %f: memref<4x4xf32>, %g: tensor<7xf32>)
    -> (tensor<4x4xcomplex<f32>>, tensor<4x4xi32>, tensor<f32>, tensor<0x4xf32>, tensor<?x?xf32>, tensor<f32>) {
  %zero = arith.constant 0.0 : f32
  %am = linalg.matmul ins(%a, %a : tensor<4x4xcomplex<f32>>, tensor<4x4xcomplex<f32>>) outs(%a : tensor<4x4xcomplex<f32>>) -> tensor<4x4xcomplex<f32>>
  %bm = linalg.matmul ins(%b, %b : tensor<4x4xi32>, tensor<4x4xi32>) outs(%b : tensor<4x4xi32>) -> tensor<4x4xi32>
  %cm = linalg.generic {indexing_maps = [#id, #id], iterator_types = []} ins(%c : tensor<f32>) outs(%c : tensor<f32>) {
  ^bb0(%x: f32, %o: f32):
    %y = math.exp %x : f32
    linalg.yield %y : f32
  } -> tensor<f32>
  %t_init = tensor.empty() : tensor<4x0xf32>
  %t = linalg.transpose ins(%d : tensor<0x4xf32>) outs(%t_init : tensor<4x0xf32>) permutation = [1, 0]
  %z_init = tensor.empty() : tensor<0x0xf32>
  %z = linalg.matmul ins(%d, %t : tensor<0x4xf32>, tensor<4x0xf32>) outs(%z_init : tensor<0x0xf32>) -> tensor<0x0xf32>
  %zp = linalg.softmax dimension(1) ins(%z : tensor<0x0xf32>) outs(%z_init : tensor<0x0xf32>) -> tensor<0x0xf32>
  %dm = linalg.matmul ins(%zp, %d : tensor<0x0xf32>, tensor<0x4xf32>) outs(%d : tensor<0x4xf32>) -> tensor<0x4xf32>
  %em = linalg.matmul ins(%e, %e : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) -> tensor<?x?xf32>
  linalg.matmul ins(%f, %f : memref<4x4xf32>, memref<4x4xf32>) outs(%f : memref<4x4xf32>)
  // A sum of exponentials of a vector, and of their squares.
  %gm = linalg.generic {indexing_maps = [#i, #none], iterator_types = ["reduction"]} ins(%g : tensor<7xf32>) outs(%c : tensor<f32>) {
  ^bb0(%x: f32, %acc: f32):
    %y = math.exp %x : f32
    %q = arith.mulf %y, %y : f32
    %s = arith.addf %acc, %q : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  return %am, %bm, %cm, %dm, %em, %gm : tensor<4x4xcomplex<f32>>, tensor<4x4xi32>, tensor<f32>, tensor<0x4xf32>, tensor<?x?xf32>, tensor<f32>
}

// -----

// The ops of other dialects and of the shims, in a nested module.
// REMARK: Function=scatter | Remark="no attention found", raised=0
module {
  func.func @scatter(%updates: tensor<3x1xf32>, %indices: tensor<3x2xi64>, %cache: tensor<4x8xf32>) -> tensor<4x8xf32> {
    %0 = tm_tensor.scatter {dimension_map = array<i64: 0, 1>} unique_indices(true) ins(%updates, %indices : tensor<3x1xf32>, tensor<3x2xi64>) outs(%cache : tensor<4x8xf32>) {
    ^bb0(%new: f32, %old: f32):
      tm_tensor.yield %new : f32
    } -> tensor<4x8xf32>
    return %0 : tensor<4x8xf32>
  }
}

// -----

// Attention on buffers as one op.
// REMARK: Function=buffers | Remark="no attention found", raised=0
func.func @buffers(%q: memref<8x1x64xf32>, %k: memref<8x48x64xf32>, %out: memref<8x1x64xf32>) {
  tm_tensor.attention ins(%q, %k, %k : memref<8x1x64xf32>, memref<8x48x64xf32>, memref<8x48x64xf32>) outs(%out : memref<8x1x64xf32>)
  return
}
