// RUN: dashkv-opt %s --dashkv-normalize-attention | FileCheck %s

// The argmax that exports compute beside a maximum has no user and goes.
// CHECK-LABEL: @unused_argmax
func.func @unused_argmax(%s: tensor<2x8xf32>, %max0: tensor<2xf32>, %arg0: tensor<2xi64>) -> tensor<2xf32> {
  // CHECK: %[[MAX:.+]] = linalg.generic {{.*}} ins(%{{.*}} : tensor<2x8xf32>) outs(%{{.*}} : tensor<2xf32>)
  // CHECK: arith.maximumf
  // CHECK-NOT: arith.select
  // CHECK: return %[[MAX]]
  %r:2 = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m)>, affine_map<(m, n) -> (m)>],
                         iterator_types = ["parallel", "reduction"]}
      ins(%s : tensor<2x8xf32>) outs(%max0, %arg0 : tensor<2xf32>, tensor<2xi64>) {
  ^bb0(%x: f32, %max: f32, %at: i64):
    %n = linalg.index 1 : index
    %i = arith.index_cast %n : index to i64
    %y = arith.maximumf %x, %max : f32
    %larger = arith.cmpf ogt, %x, %max : f32
    %z = arith.select %larger, %i, %at : i64
    linalg.yield %y, %z : f32, i64
  } -> (tensor<2xf32>, tensor<2xi64>)
  return %r#0 : tensor<2xf32>
}

// One that is used stays.
// CHECK-LABEL: @used_argmax
func.func @used_argmax(%s: tensor<2x8xf32>, %max0: tensor<2xf32>, %arg0: tensor<2xi64>) -> tensor<2xi64> {
  // CHECK: arith.select
  %r:2 = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m)>, affine_map<(m, n) -> (m)>],
                         iterator_types = ["parallel", "reduction"]}
      ins(%s : tensor<2x8xf32>) outs(%max0, %arg0 : tensor<2xf32>, tensor<2xi64>) {
  ^bb0(%x: f32, %max: f32, %at: i64):
    %n = linalg.index 1 : index
    %i = arith.index_cast %n : index to i64
    %y = arith.maximumf %x, %max : f32
    %larger = arith.cmpf ogt, %x, %max : f32
    %z = arith.select %larger, %i, %at : i64
    linalg.yield %y, %z : f32, i64
  } -> (tensor<2xf32>, tensor<2xi64>)
  return %r#1 : tensor<2xi64>
}
