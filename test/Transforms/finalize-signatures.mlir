// RUN: dashkv-opt %s --dashkv-finalize-signatures | FileCheck %s

// The cache that a step updates is its caller's: no result.
// CHECK-LABEL: @cache(
// CHECK-SAME:    %[[OUT:[a-z0-9]+]]: memref<8xf32>, %{{[a-z0-9]+}}: memref<4x8xf32>) -> memref<8xf32> {
// CHECK:         %[[OWN:.+]] = memref.alloc
// CHECK:         return %[[OWN]] : memref<8xf32>
func.func @cache(%x: memref<8xf32>, %cache: memref<4x8xf32>) -> (memref<4x8xf32>, memref<8xf32>, memref<8xf32>) {
  %own = memref.alloc() : memref<8xf32>
  return %cache, %own, %x : memref<4x8xf32>, memref<8xf32>, memref<8xf32>
}

// All results dropped.
// CHECK-LABEL: @nothing_left(%{{[a-z0-9]+}}: memref<8xf32>) {
// CHECK-NEXT:    return{{$}}
func.func @nothing_left(%x: memref<8xf32>) -> memref<8xf32> {
  return %x : memref<8xf32>
}

// Through casts to and fro.
// CHECK-LABEL: @through_casts(%{{[a-z0-9]+}}: memref<8xf32>) {
// CHECK:         return{{$}}
func.func @through_casts(%x: memref<8xf32>) -> memref<8xf32> {
  %0 = memref.cast %x : memref<8xf32> to memref<?xf32>
  %1 = memref.cast %0 : memref<?xf32> to memref<8xf32>
  return %1 : memref<8xf32>
}

// A cast to another type would tell the caller something else than it passed.
// CHECK-LABEL: @other_type
// CHECK-SAME:    -> memref<?xf32> {
// CHECK:         return %{{.*}} : memref<?xf32>
func.func @other_type(%x: memref<8xf32>) -> memref<?xf32> {
  %0 = memref.cast %x : memref<8xf32> to memref<?xf32>
  return %0 : memref<?xf32>
}

// A part of an argument is no argument.
// CHECK-LABEL: @part
// CHECK-SAME:    -> memref<4xf32>
func.func @part(%x: memref<8xf32>) -> memref<4xf32> {
  %0 = memref.subview %x[0] [4] [1] : memref<8xf32> to memref<4xf32, strided<[1]>>
  %1 = memref.cast %0 : memref<4xf32, strided<[1]>> to memref<4xf32>
  return %1 : memref<4xf32>
}

// Scalars and tensors stay.
// CHECK-LABEL: @no_buffers
// CHECK-SAME:    -> (f32, tensor<8xf32>)
func.func @no_buffers(%x: f32, %t: tensor<8xf32>) -> (f32, tensor<8xf32>) {
  return %x, %t : f32, tensor<8xf32>
}

// A caller in the module would have to change as well.
// CHECK-LABEL: @called
// CHECK-SAME:    -> memref<8xf32>
func.func @called(%x: memref<8xf32>) -> memref<8xf32> {
  return %x : memref<8xf32>
}
// CHECK-LABEL: @caller
// CHECK:         return{{$}}
func.func @caller(%x: memref<8xf32>) {
  %0 = call @called(%x) : (memref<8xf32>) -> memref<8xf32>
  return
}

// Which block returns is not known here.
// CHECK-LABEL: @blocks
// CHECK-SAME:    -> memref<8xf32>
func.func @blocks(%c: i1, %x: memref<8xf32>) -> memref<8xf32> {
  cf.cond_br %c, ^a, ^b
^a:
  return %x : memref<8xf32>
^b:
  %own = memref.alloc() : memref<8xf32>
  return %own : memref<8xf32>
}

// Roles have done their work; other attributes stay. Declarations lose them too.
// CHECK-LABEL: @roles(
// CHECK-SAME:    %{{[a-z0-9]+}}: memref<8xf32> {llvm.noalias}, %{{[a-z0-9]+}}: memref<8xf32>) -> (memref<8xf32> {llvm.noundef})
func.func @roles(%x: memref<8xf32> {dashkv.role = "key_codes", llvm.noalias}, %y: memref<8xf32> {dashkv.role = "bias"}) -> (memref<8xf32> {dashkv.role = "kept", llvm.noundef}, memref<8xf32> {dashkv.role = "key_codes"}) {
  %own = memref.alloc() : memref<8xf32>
  return %own, %x : memref<8xf32>, memref<8xf32>
}
// CHECK: func.func private @declared(memref<8xf32>) -> memref<8xf32>
func.func private @declared(memref<8xf32> {dashkv.role = "lengths"}) -> (memref<8xf32> {dashkv.role = "kept"})
