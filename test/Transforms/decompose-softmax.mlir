// RUN: dashkv-opt %s --dashkv-decompose-softmax | FileCheck %s
// RUN: dashkv-compile %s --emit=obj -o /dev/null
// RUN: dashkv-compile %s --emit=ptx --target=sm_80 -o /dev/null

// The softmax of a router beside attention.
// CHECK-LABEL: @router
// CHECK-NOT:     linalg.softmax
// CHECK:         dashkv.attention
// CHECK:         arith.maxnumf
// CHECK:         math.exp
// CHECK:         arith.divf
// CHECK-NOT:     linalg.softmax
func.func @router(%q: tensor<1x2x1x8xf32>, %k: tensor<1x2x16x8xf32>, %o: tensor<1x2x1x8xf32>, %x: tensor<4x6xf32>) -> (tensor<1x2x1x8xf32>, tensor<4x6xf32>) {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x2x1x8xf32>, tensor<1x2x16x8xf32>, tensor<1x2x16x8xf32>) outs(%o : tensor<1x2x1x8xf32>)
  %init = tensor.empty() : tensor<4x6xf32>
  %1 = linalg.softmax dimension(1) ins(%x : tensor<4x6xf32>) outs(%init : tensor<4x6xf32>) -> tensor<4x6xf32>
  return %0, %1 : tensor<1x2x1x8xf32>, tensor<4x6xf32>
}
