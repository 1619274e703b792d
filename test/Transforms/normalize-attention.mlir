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

// How torch-mlir spells index_copy into a static cache: a column of places for each dim, all broadcast and flattened.
#own2 = affine_map<(b, h, m, d) -> (m)>
#all = affine_map<(b, h, m, d) -> (b, h, m, d)>

// One row.
// CHECK-LABEL: @index_copy
//  CHECK-SAME: %[[NEW:.+]]: tensor<6xf32>, %[[AT:.+]]: tensor<1xi64>, %[[CACHE:.+]]: tensor<1x3x8x2xf32>
//       CHECK: %[[NUMBER:.+]] = tensor.extract %[[AT]]
//       CHECK: %[[POSITION:.+]] = arith.index_cast %[[NUMBER]] : i64 to index
//       CHECK: %[[ROWS:.+]] = tensor.expand_shape %{{.+}} {{\[\[}}0, 1, 2, 3]] output_shape [1, 3, 1, 2] : tensor<6xf32> into tensor<1x3x1x2xf32>
//       CHECK: tensor.insert_slice %[[ROWS]] into %[[CACHE]][0, 0, %[[POSITION]], 0] [1, 3, 1, 2] [1, 1, 1, 1]
//   CHECK-NOT: tm_tensor
func.func @index_copy(%new: tensor<6xf32>, %at: tensor<1xi64>, %cache: tensor<1x3x8x2xf32>) -> tensor<1x3x8x2xf32> {
  %e0 = tensor.empty() : tensor<1x3x1x2xi64>
  %zeros = arith.constant dense<0> : tensor<1x3x1x2xi64>
  %h = linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%e0 : tensor<1x3x1x2xi64>) {
  ^bb0(%o: i64):
    %i = linalg.index 1 : index
    %n = arith.index_cast %i : index to i64
    linalg.yield %n : i64
  } -> tensor<1x3x1x2xi64>
  %m = linalg.generic {indexing_maps = [#own2, #all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%at : tensor<1xi64>) outs(%e0 : tensor<1x3x1x2xi64>) {
  ^bb0(%x: i64, %o: i64):
    linalg.yield %x : i64
  } -> tensor<1x3x1x2xi64>
  %d = linalg.generic {indexing_maps = [#all], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%e0 : tensor<1x3x1x2xi64>) {
  ^bb0(%o: i64):
    %i = linalg.index 3 : index
    %n = arith.index_cast %i : index to i64
    linalg.yield %n : i64
  } -> tensor<1x3x1x2xi64>
  %c0 = tensor.collapse_shape %zeros [[0, 1, 2, 3]] : tensor<1x3x1x2xi64> into tensor<6xi64>
  %c1 = tensor.collapse_shape %h [[0, 1, 2, 3]] : tensor<1x3x1x2xi64> into tensor<6xi64>
  %c2 = tensor.collapse_shape %m [[0, 1, 2, 3]] : tensor<1x3x1x2xi64> into tensor<6xi64>
  %c3 = tensor.collapse_shape %d [[0, 1, 2, 3]] : tensor<1x3x1x2xi64> into tensor<6xi64>
  %x0 = tensor.expand_shape %c0 [[0, 1]] output_shape [6, 1] : tensor<6xi64> into tensor<6x1xi64>
  %x1 = tensor.expand_shape %c1 [[0, 1]] output_shape [6, 1] : tensor<6xi64> into tensor<6x1xi64>
  %x2 = tensor.expand_shape %c2 [[0, 1]] output_shape [6, 1] : tensor<6xi64> into tensor<6x1xi64>
  %x3 = tensor.expand_shape %c3 [[0, 1]] output_shape [6, 1] : tensor<6xi64> into tensor<6x1xi64>
  %places = tensor.concat dim(1) %x0, %x1, %x2, %x3 : (tensor<6x1xi64>, tensor<6x1xi64>, tensor<6x1xi64>, tensor<6x1xi64>) -> tensor<6x4xi64>
  %updates = tensor.expand_shape %new [[0, 1, 2, 3, 4]] output_shape [6, 1, 1, 1, 1] : tensor<6xf32> into tensor<6x1x1x1x1xf32>
  %r = tm_tensor.scatter {dimension_map = array<i64: 0, 1, 2, 3>} unique_indices(true) ins(%updates, %places : tensor<6x1x1x1x1xf32>, tensor<6x4xi64>) outs(%cache : tensor<1x3x8x2xf32>) {
  ^bb0(%update: f32, %old: f32):
    tm_tensor.yield %update : f32
  } -> tensor<1x3x8x2xf32>
  return %r : tensor<1x3x8x2xf32>
}

// Two rows, from a position on: in the first form every place is index plus position; in the others rows are spread,
// heads are swapped, the region adds, updates may meet, both dims move, the number of heads is unknown, heads are shifted,
// the position is doubled, or the columns are those of other dims.
// CHECK-LABEL: @rows
//       CHECK: %[[NUMBER:.+]] = tensor.extract
//       CHECK: %[[POSITION:.+]] = arith.index_cast %[[NUMBER]]
//       CHECK: tensor.insert_slice %{{.+}} into %{{.+}}[0, %[[POSITION]]] [2, 2] [1, 1] : tensor<2x2xf32> into tensor<2x8xf32>
//   CHECK-NOT: tensor.insert_slice
//       CHECK: tm_tensor.scatter
//       CHECK: tm_tensor.scatter
//       CHECK: tm_tensor.scatter
//       CHECK: tm_tensor.scatter
//       CHECK: tm_tensor.scatter
//       CHECK: tm_tensor.scatter
//       CHECK: tm_tensor.scatter
//       CHECK: tm_tensor.scatter
//       CHECK: tm_tensor.scatter
//       CHECK: return
func.func @rows(%new: tensor<4x1x1xf32>, %at: tensor<i64>, %cache: tensor<2x8xf32>, %loose: tensor<?x8xf32>)
    -> (tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<?x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>) {
  %e0 = tensor.empty() : tensor<2x2xi64>
  %one = arith.constant 1 : i64
  %two = arith.constant 2 : i64
  %h = linalg.generic {indexing_maps = [affine_map<(h, m) -> (h, m)>], iterator_types = ["parallel", "parallel"]} outs(%e0 : tensor<2x2xi64>) {
  ^bb0(%o: i64):
    %i = linalg.index 0 : index
    %n = arith.index_cast %i : index to i64
    linalg.yield %n : i64
  } -> tensor<2x2xi64>
  %swapped = linalg.generic {indexing_maps = [affine_map<(h, m) -> (h, m)>], iterator_types = ["parallel", "parallel"]} outs(%e0 : tensor<2x2xi64>) {
  ^bb0(%o: i64):
    %i = linalg.index 0 : index
    %n = arith.index_cast %i : index to i64
    %back = arith.subi %one, %n : i64
    linalg.yield %back : i64
  } -> tensor<2x2xi64>
  %m = linalg.generic {indexing_maps = [affine_map<(h, m) -> ()>, affine_map<(h, m) -> (h, m)>], iterator_types = ["parallel", "parallel"]} ins(%at : tensor<i64>) outs(%e0 : tensor<2x2xi64>) {
  ^bb0(%x: i64, %o: i64):
    %i = linalg.index 1 : index
    %n = arith.index_cast %i : index to i64
    %p = arith.addi %x, %n : i64
    linalg.yield %p : i64
  } -> tensor<2x2xi64>
  %spread = linalg.generic {indexing_maps = [affine_map<(h, m) -> ()>, affine_map<(h, m) -> (h, m)>], iterator_types = ["parallel", "parallel"]} ins(%at : tensor<i64>) outs(%e0 : tensor<2x2xi64>) {
  ^bb0(%x: i64, %o: i64):
    %i = linalg.index 1 : index
    %n = arith.index_cast %i : index to i64
    %far = arith.muli %n, %two : i64
    %p = arith.addi %x, %far : i64
    linalg.yield %p : i64
  } -> tensor<2x2xi64>
  %shifted = linalg.generic {indexing_maps = [affine_map<(h, m) -> ()>, affine_map<(h, m) -> (h, m)>], iterator_types = ["parallel", "parallel"]} ins(%at : tensor<i64>) outs(%e0 : tensor<2x2xi64>) {
  ^bb0(%x: i64, %o: i64):
    %i = linalg.index 0 : index
    %n = arith.index_cast %i : index to i64
    %p = arith.addi %n, %one : i64
    linalg.yield %p : i64
  } -> tensor<2x2xi64>
  %doubled = linalg.generic {indexing_maps = [affine_map<(h, m) -> ()>, affine_map<(h, m) -> (h, m)>], iterator_types = ["parallel", "parallel"]} ins(%at : tensor<i64>) outs(%e0 : tensor<2x2xi64>) {
  ^bb0(%x: i64, %o: i64):
    %i = linalg.index 1 : index
    %n = arith.index_cast %i : index to i64
    %y = arith.muli %x, %two : i64
    %p = arith.addi %y, %n : i64
    linalg.yield %p : i64
  } -> tensor<2x2xi64>
  %ch = tensor.collapse_shape %h [[0, 1]] : tensor<2x2xi64> into tensor<4xi64>
  %cs = tensor.collapse_shape %swapped [[0, 1]] : tensor<2x2xi64> into tensor<4xi64>
  %cm = tensor.collapse_shape %m [[0, 1]] : tensor<2x2xi64> into tensor<4xi64>
  %cf = tensor.collapse_shape %spread [[0, 1]] : tensor<2x2xi64> into tensor<4xi64>
  %ci = tensor.collapse_shape %shifted [[0, 1]] : tensor<2x2xi64> into tensor<4xi64>
  %cd = tensor.collapse_shape %doubled [[0, 1]] : tensor<2x2xi64> into tensor<4xi64>
  %xi = tensor.expand_shape %ci [[0, 1]] output_shape [4, 1] : tensor<4xi64> into tensor<4x1xi64>
  %xd = tensor.expand_shape %cd [[0, 1]] output_shape [4, 1] : tensor<4xi64> into tensor<4x1xi64>
  %xh = tensor.expand_shape %ch [[0, 1]] output_shape [4, 1] : tensor<4xi64> into tensor<4x1xi64>
  %xs = tensor.expand_shape %cs [[0, 1]] output_shape [4, 1] : tensor<4xi64> into tensor<4x1xi64>
  %xm = tensor.expand_shape %cm [[0, 1]] output_shape [4, 1] : tensor<4xi64> into tensor<4x1xi64>
  %xf = tensor.expand_shape %cf [[0, 1]] output_shape [4, 1] : tensor<4xi64> into tensor<4x1xi64>
  %hm = tensor.concat dim(1) %xh, %xm : (tensor<4x1xi64>, tensor<4x1xi64>) -> tensor<4x2xi64>
  %hf = tensor.concat dim(1) %xh, %xf : (tensor<4x1xi64>, tensor<4x1xi64>) -> tensor<4x2xi64>
  %sm = tensor.concat dim(1) %xs, %xm : (tensor<4x1xi64>, tensor<4x1xi64>) -> tensor<4x2xi64>
  %mm = tensor.concat dim(1) %xm, %xm : (tensor<4x1xi64>, tensor<4x1xi64>) -> tensor<4x2xi64>
  %im = tensor.concat dim(1) %xi, %xm : (tensor<4x1xi64>, tensor<4x1xi64>) -> tensor<4x2xi64>
  %hd = tensor.concat dim(1) %xh, %xd : (tensor<4x1xi64>, tensor<4x1xi64>) -> tensor<4x2xi64>
  %0 = tm_tensor.scatter {dimension_map = array<i64: 0, 1>} unique_indices(true) ins(%new, %hm : tensor<4x1x1xf32>, tensor<4x2xi64>) outs(%cache : tensor<2x8xf32>) {
  ^bb0(%update: f32, %old: f32):
    tm_tensor.yield %update : f32
  } -> tensor<2x8xf32>
  %1 = tm_tensor.scatter {dimension_map = array<i64: 0, 1>} unique_indices(true) ins(%new, %hf : tensor<4x1x1xf32>, tensor<4x2xi64>) outs(%cache : tensor<2x8xf32>) {
  ^bb0(%update: f32, %old: f32):
    tm_tensor.yield %update : f32
  } -> tensor<2x8xf32>
  %2 = tm_tensor.scatter {dimension_map = array<i64: 0, 1>} unique_indices(true) ins(%new, %sm : tensor<4x1x1xf32>, tensor<4x2xi64>) outs(%cache : tensor<2x8xf32>) {
  ^bb0(%update: f32, %old: f32):
    tm_tensor.yield %update : f32
  } -> tensor<2x8xf32>
  %3 = tm_tensor.scatter {dimension_map = array<i64: 0, 1>} unique_indices(true) ins(%new, %hm : tensor<4x1x1xf32>, tensor<4x2xi64>) outs(%cache : tensor<2x8xf32>) {
  ^bb0(%update: f32, %old: f32):
    %sum = arith.addf %update, %old : f32
    tm_tensor.yield %sum : f32
  } -> tensor<2x8xf32>
  %4 = tm_tensor.scatter {dimension_map = array<i64: 0, 1>} unique_indices(false) ins(%new, %hm : tensor<4x1x1xf32>, tensor<4x2xi64>) outs(%cache : tensor<2x8xf32>) {
  ^bb0(%update: f32, %old: f32):
    tm_tensor.yield %update : f32
  } -> tensor<2x8xf32>
  %5 = tm_tensor.scatter {dimension_map = array<i64: 0, 1>} unique_indices(true) ins(%new, %mm : tensor<4x1x1xf32>, tensor<4x2xi64>) outs(%cache : tensor<2x8xf32>) {
  ^bb0(%update: f32, %old: f32):
    tm_tensor.yield %update : f32
  } -> tensor<2x8xf32>
  %6 = tm_tensor.scatter {dimension_map = array<i64: 0, 1>} unique_indices(true) ins(%new, %hm : tensor<4x1x1xf32>, tensor<4x2xi64>) outs(%loose : tensor<?x8xf32>) {
  ^bb0(%update: f32, %old: f32):
    tm_tensor.yield %update : f32
  } -> tensor<?x8xf32>
  %7 = tm_tensor.scatter {dimension_map = array<i64: 0, 1>} unique_indices(true) ins(%new, %im : tensor<4x1x1xf32>, tensor<4x2xi64>) outs(%cache : tensor<2x8xf32>) {
  ^bb0(%update: f32, %old: f32):
    tm_tensor.yield %update : f32
  } -> tensor<2x8xf32>
  %8 = tm_tensor.scatter {dimension_map = array<i64: 0, 1>} unique_indices(true) ins(%new, %hd : tensor<4x1x1xf32>, tensor<4x2xi64>) outs(%cache : tensor<2x8xf32>) {
  ^bb0(%update: f32, %old: f32):
    tm_tensor.yield %update : f32
  } -> tensor<2x8xf32>
  %9 = tm_tensor.scatter {dimension_map = array<i64: 1, 0>} unique_indices(true) ins(%new, %hm : tensor<4x1x1xf32>, tensor<4x2xi64>) outs(%cache : tensor<2x8xf32>) {
  ^bb0(%update: f32, %old: f32):
    tm_tensor.yield %update : f32
  } -> tensor<2x8xf32>
  return %0, %1, %2, %3, %4, %5, %6, %7, %8, %9 : tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<?x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>, tensor<2x8xf32>
}
