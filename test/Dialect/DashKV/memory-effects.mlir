// RUN: dashkv-opt %s --canonicalize --cse | FileCheck %s

// Ops on tensors have no effects: they are removed when dead and merged when
// equal. Ops on memrefs read their inputs and write their outs.

// CHECK-LABEL: @dead_on_tensors
// CHECK-NEXT:    return
func.func @dead_on_tensors(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %d: tensor<1x8x1x16xi8>) {
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  return
}

// CHECK-LABEL: @equal_on_tensors
// CHECK-NEXT:    %[[D:.+]] = dashkv.hamming_distance
// CHECK-NEXT:    return %[[D]], %[[D]]
func.func @equal_on_tensors(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %d: tensor<1x8x1x16xi8>) -> (tensor<1x8x1x16xi8>, tensor<1x8x1x16xi8>) {
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  %1 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  return %0, %1 : tensor<1x8x1x16xi8>, tensor<1x8x1x16xi8>
}

// Equal but for an attribute.
// CHECK-LABEL: @unequal_on_tensors
// CHECK-COUNT-2: dashkv.calibrate
func.func @unequal_on_tensors(%d: tensor<1x8x1x16xi8>, %o: tensor<1x8x1x16xi16>) -> (tensor<1x8x1x16xi16>, tensor<1x8x1x16xi16>) {
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<bits_fraction = 1>}
  %1 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<bits_fraction = 2>}
  return %0, %1 : tensor<1x8x1x16xi16>, tensor<1x8x1x16xi16>
}

// Written buffers: neither dead nor equal.
// CHECK-LABEL: @on_memrefs
// CHECK-COUNT-2: dashkv.hamming_distance
func.func @on_memrefs(%qc: memref<1x8x1x8xi8>, %kc: memref<1x2x16x8xi8>, %d: memref<1x8x1x16xi8>) {
  dashkv.hamming_distance ins(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>) outs(%d : memref<1x8x1x16xi8>)
  dashkv.hamming_distance ins(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>) outs(%d : memref<1x8x1x16xi8>)
  return
}

// A load is not carried over the op that writes what it reads.
// CHECK-LABEL: @load_around_write
// CHECK:         %[[A:.+]] = memref.load
// CHECK:         dashkv.merge
// CHECK:         %[[B:.+]] = memref.load
// CHECK:         return %[[A]], %[[B]]
func.func @load_around_write(%as: memref<4x1x8x1x64xf32>, %ms: memref<4x1x8x1xf32>, %acc: memref<1x8x1x64xf32>, %max: memref<1x8x1xf32>, %sum: memref<1x8x1xf32>) -> (f32, f32) {
  %c0 = arith.constant 0 : index
  %0 = memref.load %max[%c0, %c0, %c0] : memref<1x8x1xf32>
  dashkv.merge ins(%as, %ms, %ms : memref<4x1x8x1x64xf32>, memref<4x1x8x1xf32>, memref<4x1x8x1xf32>)
      outs(%acc, %max, %sum : memref<1x8x1x64xf32>, memref<1x8x1xf32>, memref<1x8x1xf32>)
  %1 = memref.load %max[%c0, %c0, %c0] : memref<1x8x1xf32>
  return %0, %1 : f32, f32
}

// What is written into the buffers that an op reads is not dead.
// CHECK-LABEL: @store_before_read
// CHECK:         memref.store
// CHECK:         dashkv.finalize
func.func @store_before_read(%acc: memref<1x8x1x64xf32>, %max: memref<1x8x1xf32>, %sum: memref<1x8x1xf32>, %o: memref<1x8x1x64xf16>, %f: f32) {
  %c0 = arith.constant 0 : index
  memref.store %f, %sum[%c0, %c0, %c0] : memref<1x8x1xf32>
  dashkv.finalize ins(%acc, %max, %sum : memref<1x8x1x64xf32>, memref<1x8x1xf32>, memref<1x8x1xf32>) outs(%o : memref<1x8x1x64xf16>)
  return
}
