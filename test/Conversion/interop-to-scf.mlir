// RUN: dashkv-opt %s --convert-interop-to-scf | FileCheck %s
// RUN: dashkv-opt %s --dashkv-cpu-pipeline -o /dev/null

// One element an update, as exports of index_put write: indices [updates, 4],
// updates [updates, 1, 1, 1, 1].
// CHECK-LABEL: @elements
//  CHECK-SAME: %[[NEW:.+]]: tensor<6x1x1x1x1xf32>, %[[AT:.+]]: tensor<6x4xi64>, %[[CACHE:.+]]: tensor<1x3x8x2xf32>
func.func @elements(%new: tensor<6x1x1x1x1xf32>, %at: tensor<6x4xi64>, %cache: tensor<1x3x8x2xf32>) -> tensor<1x3x8x2xf32> {
  // CHECK: scf.for %[[I:.+]] = {{.*}} iter_args({{.*}} = %[[CACHE]])
  // CHECK: tensor.extract %[[AT]][%[[I]], %{{.*}}] : tensor<6x4xi64>
  // CHECK: %[[VALUE:.+]] = tensor.extract %[[NEW]][%[[I]],
  // CHECK: tensor.insert %[[VALUE]] into
  // CHECK-NOT: tm_tensor
  %0 = tm_tensor.scatter {dimension_map = array<i64: 0, 1, 2, 3>} unique_indices(true)
      ins(%new, %at : tensor<6x1x1x1x1xf32>, tensor<6x4xi64>) outs(%cache : tensor<1x3x8x2xf32>) {
  ^bb0(%update: f32, %old: f32):
    tm_tensor.yield %update : f32
  } -> tensor<1x3x8x2xf32>
  return %0 : tensor<1x3x8x2xf32>
}

// A row an update, added to what is there.
// CHECK-LABEL: @rows
func.func @rows(%new: tensor<2x4xi32>, %at: tensor<2x1xi32>, %cache: tensor<8x4xi32>) -> tensor<8x4xi32> {
  // CHECK: %[[START:.+]] = tensor.extract %arg1
  // CHECK: %[[ROW:.+]] = arith.index_cast %[[START]] : i32 to index
  // CHECK: arith.addi %{{.*}}, %[[ROW]] : index
  // CHECK: %[[SUM:.+]] = arith.addi %{{.*}}, %{{.*}} : i32
  // CHECK: tensor.insert %[[SUM]] into
  %0 = tm_tensor.scatter {dimension_map = array<i64: 0>} unique_indices(false)
      ins(%new, %at : tensor<2x4xi32>, tensor<2x1xi32>) outs(%cache : tensor<8x4xi32>) {
  ^bb0(%update: i32, %old: i32):
    %sum = arith.addi %update, %old : i32
    tm_tensor.yield %sum : i32
  } -> tensor<8x4xi32>
  return %0 : tensor<8x4xi32>
}

// A scan is a loop nest that keeps what is combined so far in the second output.
// CHECK-LABEL: @scan
//  CHECK-SAME: %[[X:.+]]: tensor<3x5xi64>, %[[INIT:.+]]: tensor<5xi64>
func.func @scan(%x: tensor<3x5xi64>, %init: tensor<5xi64>) -> (tensor<3x5xi64>, tensor<5xi64>) {
  // CHECK: scf.for %[[ROW:[^ ]+]] =
  // CHECK: scf.for %[[COLUMN:[^ ]+]] = {{.*}} iter_args({{.*}}, %[[LAST:[^ ]+]] = %{{.*}})
  // CHECK: %[[FIRST:.+]] = arith.cmpi eq, %[[ROW]],
  // CHECK: %[[BEFORE:.+]] = arith.select %[[FIRST]],
  // CHECK: %[[ELEMENT:.+]] = tensor.extract %[[X]][%[[BEFORE]], %[[COLUMN]]]
  // CHECK: %[[SO_FAR:.+]] = tensor.extract %[[LAST]][%[[COLUMN]]]
  // CHECK: %[[SUM:.+]] = arith.addi %[[SO_FAR]], %[[ELEMENT]]
  // CHECK: %[[RESULT:.+]] = arith.select %[[FIRST]], %[[SO_FAR]], %[[SUM]]
  // CHECK: tensor.insert %[[RESULT]] into {{.*}}[%[[ROW]], %[[COLUMN]]]
  // CHECK: tensor.insert %[[RESULT]] into %[[LAST]][%[[COLUMN]]]
  // CHECK-NOT: tm_tensor
  %e = tensor.empty() : tensor<3x5xi64>
  %0:2 = tm_tensor.scan dimension(0) inclusive(false) ins(%x : tensor<3x5xi64>) outs(%e, %init : tensor<3x5xi64>, tensor<5xi64>) {
  ^bb0(%so_far: i64, %element: i64):
    %sum = arith.addi %so_far, %element : i64
    tm_tensor.yield %sum : i64
  } -> tensor<3x5xi64>, tensor<5xi64>
  return %0#0, %0#1 : tensor<3x5xi64>, tensor<5xi64>
}
