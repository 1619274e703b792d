// RUN: dashkv-opt %s --dashkv-lower-copies | FileCheck %s

// A copy with strides on either side becomes a loop; others are one memcpy.

// CHECK-LABEL: @contiguous
// CHECK-NOT:     linalg.copy
// CHECK:         memref.copy
func.func @contiguous(%a: memref<4x8xf32>, %b: memref<4x8xf32>) {
  memref.copy %a, %b : memref<4x8xf32> to memref<4x8xf32>
  return
}

// CHECK-LABEL: @contiguous_dynamic
// CHECK-NOT:     linalg.copy
// CHECK:         memref.copy
func.func @contiguous_dynamic(%a: memref<4x?xf32>, %b: memref<4x?xf32>) {
  memref.copy %a, %b : memref<4x?xf32> to memref<4x?xf32>
  return
}

// CHECK-LABEL: @strided_target
// CHECK-SAME:    %[[A:[a-z0-9]+]]: memref<4x8xf32>, %[[B:[a-z0-9]+]]: memref<4x8xf32, strided<[16, 1], offset: ?>>
// CHECK-NOT:     memref.copy
// CHECK:         linalg.copy ins(%[[A]] : {{.*}}) outs(%[[B]] : {{.*}})
func.func @strided_target(%a: memref<4x8xf32>, %b: memref<4x8xf32, strided<[16, 1], offset: ?>>) {
  memref.copy %a, %b : memref<4x8xf32> to memref<4x8xf32, strided<[16, 1], offset: ?>>
  return
}

// CHECK-LABEL: @strided_source
// CHECK-NOT:     memref.copy
// CHECK:         linalg.copy
func.func @strided_source(%a: memref<4x8xf32, strided<[?, ?], offset: ?>>, %b: memref<4x8xf32>) {
  memref.copy %a, %b : memref<4x8xf32, strided<[?, ?], offset: ?>> to memref<4x8xf32>
  return
}

// In a loop.
// CHECK-LABEL: @nested
// CHECK:         scf.for
// CHECK:           linalg.copy
func.func @nested(%a: memref<1x8xf32>, %b: memref<4x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  scf.for %i = %c0 to %c4 step %c1 {
    %row = memref.subview %b[%i, 0] [1, 8] [1, 1] : memref<4x8xf32> to memref<1x8xf32, strided<[8, 1], offset: ?>>
    memref.copy %a, %row : memref<1x8xf32> to memref<1x8xf32, strided<[8, 1], offset: ?>>
  }
  return
}

// A rank that is not known has no loops.
// CHECK-LABEL: @unranked
// CHECK:         memref.copy
func.func @unranked(%a: memref<*xf32>, %b: memref<*xf32>) {
  memref.copy %a, %b : memref<*xf32> to memref<*xf32>
  return
}
