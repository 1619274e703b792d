// RUN: dashkv-opt %s --dashkv-select-tile-config=target=x86-64-v3 --eliminate-empty-tensors \
// RUN:   --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" \
// RUN:   --canonicalize --cse --convert-dashkv-to-vector --canonicalize --split-input-file | FileCheck %s

// Codes of new keys go where they stay.

// Key-major: the code is the row n of the cache; no buffer lies between.
// CHECK-LABEL: func.func @key_major
// CHECK-SAME:    %[[X:[a-z0-9]+]]: memref<1x8x1x64xf32>, %[[W:[a-z0-9]+]]: memref<8x64x64xf32>, %[[CODES:[a-z0-9]+]]: memref<1x8x?x8xi8>, %[[N:[a-z0-9]+]]: index
// CHECK-NOT:     memref.alloc
// CHECK-NOT:     memref.copy
// CHECK:         %[[ROW:.+]] = memref.subview %[[CODES]][0, 0, %[[N]], 0] [1, 8, 1, 8] [1, 1, 1, 1]
// CHECK-NEXT:    call @dashkv_hash_encode(%[[X]], %[[W]], %[[ROW]])
// CHECK-NEXT:    return
// CHECK:       func.func private @dashkv_hash_encode
// CHECK-SAME:    %[[OUT:[a-z0-9]+]]: memref<1x8x1x8xi8, strided<[?, ?, 8, 1], offset: ?>>
// CHECK:         vector.store %{{.*}}, %[[OUT]]
func.func @key_major(%x: tensor<1x8x1x64xf32>, %w: tensor<8x64x64xf32>, %codes: tensor<1x8x?x8xi8>, %n: index) -> tensor<1x8x?x8xi8> {
  %init = tensor.empty() : tensor<1x8x1x8xi8>
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x1x64xf32>) weights(%w : tensor<8x64x64xf32>) outs(%init : tensor<1x8x1x8xi8>)
  %1 = tensor.insert_slice %0 into %codes[0, 0, %n, 0] [1, 8, 1, 8] [1, 1, 1, 1] : tensor<1x8x1x8xi8> into tensor<1x8x?x8xi8>
  return %1 : tensor<1x8x?x8xi8>
}

// -----

// Byte planes: the bytes of a code lie 64 apart, so it is made beside the cache
// and copied into its column.
// CHECK-LABEL: func.func @planes
// CHECK-SAME:    %[[PLANES:[a-z0-9]+]]: memref<1x8x?x8x64xi8>, %[[BLOCK:[a-z0-9]+]]: index, %[[LANE:[a-z0-9]+]]: index
// CHECK:         %[[CODE:.+]] = memref.alloc() {{.*}} : memref<1x8x1x8xi8>
// CHECK-NOT:     memref.alloc
// CHECK:         call @dashkv_hash_encode(%{{.*}}, %{{.*}}, %[[CODE]])
// CHECK:         %[[COLUMN:.+]] = memref.subview %[[PLANES]][0, 0, %[[BLOCK]], 0, %[[LANE]]] [1, 8, 1, 8, 1] [1, 1, 1, 1, 1]
// CHECK-NEXT:    memref.copy %{{.*}}, %[[COLUMN]]
// CHECK-NEXT:    return
func.func @planes(%x: tensor<1x8x1x64xf32>, %w: tensor<8x64x64xf32>, %planes: tensor<1x8x?x8x64xi8>, %block: index, %lane: index) -> tensor<1x8x?x8x64xi8> {
  %init = tensor.empty() : tensor<1x8x1x8xi8>
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x1x64xf32>) weights(%w : tensor<8x64x64xf32>) outs(%init : tensor<1x8x1x8xi8>)
  %1 = tensor.expand_shape %0 [[0], [1], [2], [3, 4]] output_shape [1, 8, 1, 8, 1] : tensor<1x8x1x8xi8> into tensor<1x8x1x8x1xi8>
  %2 = tensor.insert_slice %1 into %planes[0, 0, %block, 0, %lane] [1, 8, 1, 8, 1] [1, 1, 1, 1, 1] : tensor<1x8x1x8x1xi8> into tensor<1x8x?x8x64xi8>
  return %2 : tensor<1x8x?x8x64xi8>
}
