// RUN: dashkv-opt %s --verify-roundtrip | FileCheck %s
// RUN: dashkv-opt %s --emit-bytecode | dashkv-opt | FileCheck %s
// RUN: dashkv-opt %inputs/torch/transformers-attention-static-sdpa-f32-kept.mlir --verify-roundtrip -o /dev/null

// CHECK-LABEL: func.func @attention
// CHECK:       tm_tensor.attention ins(%{{.*}}, %{{.*}}, %{{.*}} : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x32xf32>) outs(%{{.*}} : tensor<8x1x32xf32>) -> tensor<8x1x32xf32>
func.func @attention(%q: tensor<8x1x64xf32>, %k: tensor<8x48x64xf32>, %v: tensor<8x48x32xf32>, %init: tensor<8x1x32xf32>) -> tensor<8x1x32xf32> {
  %0 = tm_tensor.attention ins(%q, %k, %v : tensor<8x1x64xf32>, tensor<8x48x64xf32>, tensor<8x48x32xf32>) outs(%init : tensor<8x1x32xf32>) -> tensor<8x1x32xf32>
  return %0 : tensor<8x1x32xf32>
}

// A scale, a mask, four dims, a dynamic size.
// CHECK-LABEL: func.func @attention_masked
// CHECK:       tm_tensor.attention {scale = 1.250000e-01 : f64} ins({{.*}} : tensor<2x8x1x64xf16>, tensor<2x8x?x64xf16>, tensor<2x8x?x64xf16>, tensor<2x8x1x?xi1>) outs({{.*}}) -> tensor<2x8x1x64xf16>
func.func @attention_masked(%q: tensor<2x8x1x64xf16>, %k: tensor<2x8x?x64xf16>, %v: tensor<2x8x?x64xf16>, %mask: tensor<2x8x1x?xi1>, %init: tensor<2x8x1x64xf16>) -> tensor<2x8x1x64xf16> {
  %0 = tm_tensor.attention {scale = 1.250000e-01 : f64}
    ins(%q, %k, %v, %mask : tensor<2x8x1x64xf16>, tensor<2x8x?x64xf16>, tensor<2x8x?x64xf16>, tensor<2x8x1x?xi1>)
    outs(%init : tensor<2x8x1x64xf16>) -> tensor<2x8x1x64xf16>
  return %0 : tensor<2x8x1x64xf16>
}

// CHECK-LABEL: func.func @attention_memref
// CHECK:       tm_tensor.attention ins({{.*}}) outs(%{{.*}} : memref<8x1x64xf32>){{$}}
func.func @attention_memref(%q: memref<8x1x64xf32>, %k: memref<8x48x64xf32>, %out: memref<8x1x64xf32>) {
  tm_tensor.attention ins(%q, %k, %k : memref<8x1x64xf32>, memref<8x48x64xf32>, memref<8x48x64xf32>) outs(%out : memref<8x1x64xf32>)
  return
}

// CHECK-LABEL: func.func @scatter
// CHECK:       tm_tensor.scatter {dimension_map = array<i64: 0, 1>} unique_indices(true) ins(%{{.*}}, %{{.*}} : tensor<3x1xf32>, tensor<3x2xi64>) outs(%{{.*}} : tensor<4x8xf32>) {
// CHECK-NEXT:  ^bb0(%[[NEW:.+]]: f32, %{{.+}}: f32):
// CHECK-NEXT:    tm_tensor.yield %[[NEW]] : f32
// CHECK-NEXT:  } -> tensor<4x8xf32>
func.func @scatter(%updates: tensor<3x1xf32>, %indices: tensor<3x2xi64>, %cache: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %0 = tm_tensor.scatter {dimension_map = array<i64: 0, 1>} unique_indices(true) ins(%updates, %indices : tensor<3x1xf32>, tensor<3x2xi64>) outs(%cache : tensor<4x8xf32>) {
  ^bb0(%new: f32, %old: f32):
    tm_tensor.yield %new : f32
  } -> tensor<4x8xf32>
  return %0 : tensor<4x8xf32>
}

// CHECK-LABEL: func.func @scan
// CHECK:       tm_tensor.scan dimension(1) inclusive(true) ins(%{{.*}} : tensor<1x7xi64>) outs(%{{.*}}, %{{.*}} : tensor<1x7xi64>, tensor<1xi64>) {
// CHECK:       } -> tensor<1x7xi64>, tensor<1xi64>
func.func @scan(%x: tensor<1x7xi64>, %y: tensor<1x7xi64>, %last: tensor<1xi64>) -> tensor<1x7xi64> {
  %0:2 = tm_tensor.scan dimension(1) inclusive(true) ins(%x : tensor<1x7xi64>) outs(%y, %last : tensor<1x7xi64>, tensor<1xi64>) {
  ^bb0(%a: i64, %b: i64):
    %c = arith.addi %a, %b : i64
    tm_tensor.yield %c : i64
  } -> tensor<1x7xi64>, tensor<1xi64>
  return %0#0 : tensor<1x7xi64>
}

// CHECK-LABEL: func.func @sort
// CHECK:       tm_tensor.sort dimension(1) outs(%{{.*}}, %{{.*}} : tensor<2x5xf32>, tensor<2x5xi64>) {
// CHECK:       } -> tensor<2x5xf32>, tensor<2x5xi64>
func.func @sort(%x: tensor<2x5xf32>, %positions: tensor<2x5xi64>) -> tensor<2x5xf32> {
  %0:2 = tm_tensor.sort dimension(1) outs(%x, %positions : tensor<2x5xf32>, tensor<2x5xi64>) {
  ^bb0(%a: f32, %b: f32, %i: i64, %j: i64):
    %c = arith.cmpf ole, %a, %b : f32
    tm_tensor.yield %c : i1
  } -> tensor<2x5xf32>, tensor<2x5xi64>
  return %0#0 : tensor<2x5xf32>
}

// Other ops of the dialect pass through in generic form.
// CHECK-LABEL: func.func @other
// CHECK:       "tm_tensor.topk"
func.func @other(%x: tensor<2x5xf32>) -> tensor<2x2xf32> {
  %0 = "tm_tensor.topk"(%x) {dimension = 1 : i64} : (tensor<2x5xf32>) -> tensor<2x2xf32>
  return %0 : tensor<2x2xf32>
}
