// RUN: dashkv-opt %s --convert-dashkv-to-linalg --split-input-file | FileCheck %s --implicit-check-not="dashkv."

// An op on memrefs is lowered on their contents; its outs receive the results.

// CHECK-LABEL: @hamming_distance
// CHECK-SAME:    %[[QC:[a-z0-9]+]]: memref<1x8x1x8xi8>, %[[KC:[a-z0-9]+]]: memref<1x2x16x8xi8>, %[[D:[a-z0-9]+]]: memref<1x8x1x16xi8>
// CHECK:         bufferization.to_tensor %[[QC]] restrict :
// CHECK:         bufferization.to_tensor %[[KC]] restrict :
// CHECK:         math.ctpop
// CHECK:         bufferization.materialize_in_destination %{{.*}} in restrict writable %[[D]]
func.func @hamming_distance(%qc: memref<1x8x1x8xi8>, %kc: memref<1x2x16x8xi8>, %d: memref<1x8x1x16xi8>) {
  dashkv.hamming_distance ins(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>) outs(%d : memref<1x8x1x16xi8>)
  return
}

// -----

// Statistics are read and written.
// CHECK-LABEL: @merge
// CHECK-SAME:    %[[ACC:[a-z0-9]+]]: memref<1x8x1x64xf32>, %[[MAX:[a-z0-9]+]]: memref<1x8x1xf32>, %[[SUM:[a-z0-9]+]]: memref<1x8x1xf32>
// CHECK-DAG:     bufferization.to_tensor %[[ACC]] restrict writable
// CHECK-DAG:     bufferization.to_tensor %[[MAX]] restrict writable
// CHECK-DAG:     bufferization.to_tensor %[[SUM]] restrict writable
// CHECK:         arith.maximumf
// CHECK-DAG:     bufferization.materialize_in_destination %{{.*}} in restrict writable %[[ACC]]
// CHECK-DAG:     bufferization.materialize_in_destination %{{.*}} in restrict writable %[[MAX]]
// CHECK-DAG:     bufferization.materialize_in_destination %{{.*}} in restrict writable %[[SUM]]
func.func @merge(%as: memref<4x1x8x1x64xf32>, %ms: memref<4x1x8x1xf32>, %acc: memref<1x8x1x64xf32>, %max: memref<1x8x1xf32>, %sum: memref<1x8x1xf32>) {
  dashkv.merge ins(%as, %ms, %ms : memref<4x1x8x1x64xf32>, memref<4x1x8x1xf32>, memref<4x1x8x1xf32>) outs(%acc, %max, %sum : memref<1x8x1x64xf32>, memref<1x8x1xf32>, memref<1x8x1xf32>)
  return
}

// -----

// A slice of a cache, with strides of its own.
// CHECK-LABEL: @strided
// CHECK:         bufferization.to_tensor %{{.*}} restrict : memref<1x2x16x8xi8, strided<[512, 256, 8, 1], offset: ?>>
func.func @strided(%qc: memref<1x2x1x8xi8>, %kc: memref<1x2x16x8xi8, strided<[512, 256, 8, 1], offset: ?>>, %d: memref<1x2x1x16xi8>) {
  dashkv.hamming_distance ins(%qc, %kc : memref<1x2x1x8xi8>, memref<1x2x16x8xi8, strided<[512, 256, 8, 1], offset: ?>>) outs(%d : memref<1x2x1x16xi8>)
  return
}

// -----

// CHECK-LABEL: @every_op
func.func @every_op(%q: memref<1x8x1x64xf16>, %k: memref<1x2x16x64xf16>, %qc: memref<1x8x1x8xi8>, %kc: memref<1x2x16x8xi8>, %w: memref<64x64xf32>, %d: memref<1x8x1x16xi8>, %f: memref<1x8x1x16xi16>,
                    %i: memref<1x2x1x16xi32>, %c: memref<1x2x1xi32>, %th: memref<1x2x1xi32>, %t: memref<8xf32>, %s: memref<1x8x1x16xf32>, %acc: memref<1x8x1x64xf32>, %max: memref<1x8x1xf32>, %sum: memref<1x8x1xf32>, %o: memref<1x8x1x64xf16>) {
  // CHECK: materialize_in_destination
  dashkv.attention ins(%q, %k, %k : memref<1x8x1x64xf16>, memref<1x2x16x64xf16>, memref<1x2x16x64xf16>) outs(%o : memref<1x8x1x64xf16>)
  // CHECK: materialize_in_destination
  dashkv.hash_encode linear ins(%k : memref<1x2x16x64xf16>) weights(%w : memref<64x64xf32>) outs(%kc : memref<1x2x16x8xi8>)
  // CHECK: materialize_in_destination
  dashkv.calibrate ins(%d : memref<1x8x1x16xi8>) outs(%f : memref<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  // CHECK-COUNT-3: materialize_in_destination
  dashkv.select ins(%f : memref<1x8x1x16xi16>) outs(%i, %c, %th : memref<1x2x1x16xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  // CHECK-COUNT-3: materialize_in_destination
  dashkv.retrieve codes(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>) outs(%i, %c, %th : memref<1x2x1x16xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  // CHECK: materialize_in_destination
  dashkv.estimate_scores codes(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>) list(%i, %c : memref<1x2x1x16xi32>, memref<1x2x1xi32>) scoring(%t, %t : memref<8xf32>, memref<8xf32>) outs(%s : memref<1x8x1x16xf32>)
  // CHECK-COUNT-3: materialize_in_destination
  dashkv.online_attention ins(%q, %k, %k : memref<1x8x1x64xf16>, memref<1x2x16x64xf16>, memref<1x2x16x64xf16>) outs(%acc, %max, %sum : memref<1x8x1x64xf32>, memref<1x8x1xf32>, memref<1x8x1xf32>)
  // CHECK-COUNT-3: materialize_in_destination
  dashkv.online_reduce ins(%s, %k : memref<1x8x1x16xf32>, memref<1x2x16x64xf16>) list(%i, %c : memref<1x2x1x16xi32>, memref<1x2x1xi32>) outs(%acc, %max, %sum : memref<1x8x1x64xf32>, memref<1x8x1xf32>, memref<1x8x1xf32>)
  // CHECK: materialize_in_destination
  dashkv.finalize ins(%acc, %max, %sum : memref<1x8x1x64xf32>, memref<1x8x1xf32>, memref<1x8x1xf32>) outs(%o : memref<1x8x1x64xf16>)
  return
}
