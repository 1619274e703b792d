// RUN: dashkv-opt %s --split-input-file --dashkv-apply-tiering=code-layout=planes | FileCheck %s
// RUN: dashkv-opt %s --split-input-file --dashkv-apply-tiering=code-layout=planes --remark-format=emitRemark --remarks-filter='dashkv.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Codes of keys as byte planes [B,Hkv,NB,L/8,64].

// One new key: its bytes are a column of the block at n div 64.
// CHECK-LABEL: func.func @one_key
//  CHECK-SAME: %[[NEW:[a-z0-9]+]]: tensor<1x2x1x64xf32>, %{{[a-z0-9]+}}: tensor<1x2x?x64xf32>, %[[POS:[a-z0-9]+]]: index,
//  CHECK-SAME: %[[CODES:[a-z0-9]+]]: tensor<1x2x?x8x64xi8> {dashkv.role = "key_codes"}
//  CHECK-SAME: tensor<1x2x?x8x64xi8> {dashkv.role = "key_codes"})
// CHECK:         %[[FRESH:.+]] = dashkv.hash_encode linear ins(%[[NEW]] : {{.*}}) outs({{.*}} : tensor<1x2x1x8xi8>)
// CHECK:         %[[N:.+]] = arith.addi %[[POS]], %{{.*}} : index
// CHECK:         %[[C64:.+]] = arith.constant 64 : index
// CHECK:         %[[COLUMN:.+]] = tensor.expand_shape %{{.*}} {{\[}}[0], [1], [2], [3, 4]] output_shape [1, 2, 1, 8, 1]
// CHECK:         %[[BLOCK:.+]] = arith.divui %[[N]], %[[C64]]
// CHECK:         %[[LANE:.+]] = arith.remui %[[N]], %[[C64]]
// CHECK:         %[[PLANES:.+]] = tensor.insert_slice %[[COLUMN]] into %[[CODES]][0, 0, %[[BLOCK]], 0, %[[LANE]]] [1, 2, 1, 8, 1]
// CHECK:         dashkv.tiered_attention {{.*}} codes(%{{.*}}, %[[PLANES]] : {{.*}}, tensor<1x2x?x8x64xi8>)
// CHECK:         return %{{.*}}, %{{.*}}, %[[PLANES]]
func.func @one_key(%q: tensor<1x8x1x64xf32>, %new: tensor<1x2x1x64xf32>, %cache: tensor<1x2x?x64xf32>, %pos: index) -> (tensor<1x8x1x64xf32>, tensor<1x2x?x64xf32>) {
  %k = tensor.insert_slice %new into %cache[0, 0, %pos, 0] [1, 2, 1, 64] [1, 1, 1, 1] : tensor<1x2x1x64xf32> into tensor<1x2x?x64xf32>
  %o = tensor.empty() : tensor<1x8x1x64xf32>
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) outs(%o : tensor<1x8x1x64xf32>)
  return %0, %k : tensor<1x8x1x64xf32>, tensor<1x2x?x64xf32>
}

// -----

// Several: one after the other, each in its block.
// CHECK-LABEL: func.func @rows
// CHECK:         %[[FRESH:.+]] = dashkv.hash_encode {{.*}} outs({{.*}} : tensor<1x2x3x8xi8>)
// CHECK:         scf.for %[[I:.+]] = %{{.*}} to %{{.*}} iter_args(%[[PLANES:.+]] = %{{.*}}) -> (tensor<1x2x4x8x64xi8>)
// CHECK:           arith.addi %{{.*}}, %[[I]]
// CHECK:           %[[ROW:.+]] = tensor.extract_slice %[[FRESH]][0, 0, %[[I]], 0] [1, 2, 1, 8]
// CHECK:           tensor.insert_slice %{{.*}} into %[[PLANES]]
func.func @rows(%q: tensor<1x8x3x64xf32>, %new: tensor<1x2x3x64xf32>, %cache: tensor<1x2x200x64xf32>) -> (tensor<1x8x3x64xf32>, tensor<1x2x200x64xf32>) {
  %k = tensor.insert_slice %new into %cache[0, 0, 126, 0] [1, 2, 3, 64] [1, 1, 1, 1] : tensor<1x2x3x64xf32> into tensor<1x2x200x64xf32>
  %o = tensor.empty() : tensor<1x8x3x64xf32>
  %0 = dashkv.attention causal ins(%q, %k, %k : tensor<1x8x3x64xf32>, tensor<1x2x200x64xf32>, tensor<1x2x200x64xf32>) outs(%o : tensor<1x8x3x64xf32>)
  return %0, %k : tensor<1x8x3x64xf32>, tensor<1x2x200x64xf32>
}

// -----

// All keys of a prefill, padded to whole blocks.
// CHECK-LABEL: func.func @prefill
//  CHECK-SAME: tensor<1x2x2x8x64xi8> {dashkv.role = "key_codes"})
// CHECK:         %[[CODES:.+]] = dashkv.hash_encode {{.*}} outs({{.*}} : tensor<1x2x100x8xi8>)
// CHECK:         %[[ZERO:.+]] = arith.constant 0 : i8
// CHECK:         %[[PLANES:.+]] = linalg.pack %[[CODES]] padding_value(%[[ZERO]] : i8) inner_dims_pos = [2] inner_tiles = [64] into %{{.*}} : tensor<1x2x100x8xi8> -> tensor<1x2x2x8x64xi8>
// CHECK:         return %{{.*}}, %[[PLANES]]
func.func @prefill(%x: tensor<1x2x100x64xf32>) -> tensor<1x2x100x64xf32> {
  %o = tensor.empty() : tensor<1x2x100x64xf32>
  %0 = dashkv.attention causal ins(%x, %x, %x : tensor<1x2x100x64xf32>, tensor<1x2x100x64xf32>, tensor<1x2x100x64xf32>) outs(%o : tensor<1x2x100x64xf32>)
  return %0 : tensor<1x2x100x64xf32>
}

// -----

// CHECK-LABEL: func.func @full_blocks
// CHECK:         linalg.pack %{{.*}} inner_dims_pos = [2] inner_tiles = [64] into %{{.*}} : tensor<1x2x128x8xi8> -> tensor<1x2x2x8x64xi8>
func.func @full_blocks(%x: tensor<1x2x128x64xf32>) -> tensor<1x2x128x64xf32> {
  %o = tensor.empty() : tensor<1x2x128x64xf32>
  %0 = dashkv.attention causal ins(%x, %x, %x : tensor<1x2x128x64xf32>, tensor<1x2x128x64xf32>, tensor<1x2x128x64xf32>) outs(%o : tensor<1x2x128x64xf32>)
  return %0 : tensor<1x2x128x64xf32>
}

// -----

// Keys are added one by one: no block for them.
// REMARK: code-layout: a cache that grows key by key is no whole number of blocks of codes
// CHECK-LABEL: func.func @append
// CHECK-NOT:     tiered_attention
func.func @append(%q: tensor<1x8x1x64xf32>, %new: tensor<1x2x1x64xf32>, %old: tensor<1x2x127x64xf32>) -> (tensor<1x8x1x64xf32>, tensor<1x2x128x64xf32>) {
  %k = tensor.concat dim(2) %old, %new : (tensor<1x2x127x64xf32>, tensor<1x2x1x64xf32>) -> tensor<1x2x128x64xf32>
  %o = tensor.empty() : tensor<1x8x1x64xf32>
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x64xf32>, tensor<1x2x128x64xf32>, tensor<1x2x128x64xf32>) outs(%o : tensor<1x8x1x64xf32>)
  return %0, %k : tensor<1x8x1x64xf32>, tensor<1x2x128x64xf32>
}
