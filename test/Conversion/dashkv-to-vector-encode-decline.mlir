// RUN: dashkv-opt %s --dashkv-select-tile-config=target=x86-64-v3 --split-input-file | FileCheck %s
// RUN: dashkv-opt %s --dashkv-select-tile-config=target=x86-64-v3 --split-input-file -o /dev/null \
// RUN:   --remark-format=emitRemark --remarks-filter='dashkv.*' 2>&1 | FileCheck %s --check-prefix=REMARK

// Encoders that are left to the portable lowering, and why.

// REMARK: Remark="portable lowering of ", Remark=dashkv.hash_encode, Remark=": ", Remark="the head size is dynamic"
// CHECK-LABEL: @depth
// CHECK-NOT:     tile_config
func.func @depth(%x: tensor<1x8x1x?xf16>, %w: tensor<?x64xf32>, %o: tensor<1x8x1x8xi8>) -> tensor<1x8x1x8xi8> {
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x1x?xf16>) weights(%w : tensor<?x64xf32>) outs(%o : tensor<1x8x1x8xi8>)
  return %0 : tensor<1x8x1x8xi8>
}

// -----

// REMARK: Remark="the sizes of the layers are dynamic"
// CHECK-LABEL: @layers
func.func @layers(%x: tensor<1x8x1x64xf16>, %w1: tensor<64x?xf32>, %w2: tensor<?x16xf32>, %w3: tensor<16x64xf32>, %b1: tensor<?xf32>,
                  %b2: tensor<16xf32>, %b3: tensor<64xf32>, %o: tensor<1x8x1x8xi8>) -> tensor<1x8x1x8xi8> {
  %0 = dashkv.hash_encode mlp ins(%x : tensor<1x8x1x64xf16>) weights(%w1, %w2, %w3 : tensor<64x?xf32>, tensor<?x16xf32>, tensor<16x64xf32>)
      biases(%b1, %b2, %b3 : tensor<?xf32>, tensor<16xf32>, tensor<64xf32>) outs(%o : tensor<1x8x1x8xi8>) {activation = #dashkv.activation<relu>}
  return %0 : tensor<1x8x1x8xi8>
}

// -----

// REMARK: Remark="the layers are too large for the stack"
// CHECK-LABEL: @large
func.func @large(%x: tensor<1x8x1x40000xf16>, %w: tensor<40000x64xf32>, %o: tensor<1x8x1x8xi8>) -> tensor<1x8x1x8xi8> {
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x1x40000xf16>) weights(%w : tensor<40000x64xf32>) outs(%o : tensor<1x8x1x8xi8>)
  return %0 : tensor<1x8x1x8xi8>
}

// -----

// REMARK-NOT: Remark
// CHECK-LABEL: @yes
// CHECK:         dashkv.hash_encode {{.*}}dashkv.tile_config = #dashkv.tile_config<vector = 32
func.func @yes(%x: tensor<1x8x?x64xf16>, %w: tensor<64x64xf32>, %o: tensor<1x8x?x8xi8>) -> tensor<1x8x?x8xi8> {
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x?x64xf16>) weights(%w : tensor<64x64xf32>) outs(%o : tensor<1x8x?x8xi8>)
  return %0 : tensor<1x8x?x8xi8>
}
