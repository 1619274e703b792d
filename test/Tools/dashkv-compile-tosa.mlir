// RUN: dashkv-compile %s --emit=mlir | FileCheck %s
// RUN: dashkv-compile %s --emit=obj -o /dev/null

// TOSA becomes linalg before it is raised.
// CHECK-LABEL: @attention
// CHECK-NOT:     tosa
// CHECK:         dashkv.attention ins({{.*}} : tensor<1x4x1x16xf32>, tensor<1x4x32x16xf32>, tensor<1x4x32x16xf32>) outs({{.*}}) {scale = 2.500000e-01 : f32}
func.func @attention(%q: tensor<4x1x16xf32>, %k: tensor<4x32x16xf32>, %v: tensor<4x32x16xf32>) -> tensor<4x1x16xf32> {
  %zp = "tosa.const"() <{values = dense<0.0> : tensor<1xf32>}> : () -> tensor<1xf32>
  %shift = "tosa.const"() <{values = dense<0> : tensor<1xi8>}> : () -> tensor<1xi8>
  %scale = "tosa.const"() <{values = dense<0.25> : tensor<1x1x1xf32>}> : () -> tensor<1x1x1xf32>
  %kt = tosa.transpose %k {perms = array<i32: 0, 2, 1>} : (tensor<4x32x16xf32>) -> tensor<4x16x32xf32>
  %dot = tosa.matmul %q, %kt, %zp, %zp : (tensor<4x1x16xf32>, tensor<4x16x32xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<4x1x32xf32>
  %s = tosa.mul %dot, %scale, %shift : (tensor<4x1x32xf32>, tensor<1x1x1xf32>, tensor<1xi8>) -> tensor<4x1x32xf32>
  %max = tosa.reduce_max %s {axis = 2 : i32} : (tensor<4x1x32xf32>) -> tensor<4x1x1xf32>
  %low = tosa.sub %s, %max : (tensor<4x1x32xf32>, tensor<4x1x1xf32>) -> tensor<4x1x32xf32>
  %e = tosa.exp %low : (tensor<4x1x32xf32>) -> tensor<4x1x32xf32>
  %sum = tosa.reduce_sum %e {axis = 2 : i32} : (tensor<4x1x32xf32>) -> tensor<4x1x1xf32>
  %inverse = tosa.reciprocal %sum : (tensor<4x1x1xf32>) -> tensor<4x1x1xf32>
  %p = tosa.mul %e, %inverse, %shift : (tensor<4x1x32xf32>, tensor<4x1x1xf32>, tensor<1xi8>) -> tensor<4x1x32xf32>
  %out = tosa.matmul %p, %v, %zp, %zp : (tensor<4x1x32xf32>, tensor<4x32x16xf32>, tensor<1xf32>, tensor<1xf32>) -> tensor<4x1x16xf32>
  return %out : tensor<4x1x16xf32>
}
