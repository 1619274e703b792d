// RUN: dashkv-opt %s --split-input-file --dashkv-apply-tiering | FileCheck %s
// RUN: dashkv-opt %s --split-input-file --dashkv-apply-tiering --remark-format=emitRemark --remarks-filter='dashkv.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// An unbatched cache gets its unit dim after the update: the new rows are seen
// through it, and their place is that of the update.
// CHECK-LABEL: func.func @unbatched
//  CHECK-SAME: %{{[a-z0-9]+}}: tensor<1x8x1x64xf32>, %[[NEW:[a-z0-9]+]]: tensor<2x1x64xf32>, %[[CACHE:[a-z0-9]+]]: tensor<2x?x64xf32>, %[[POS:[a-z0-9]+]]: index,
//  CHECK-SAME: %[[CODES:[a-z0-9]+]]: tensor<1x2x?x8xi8> {dashkv.role = "key_codes"}
func.func @unbatched(%q: tensor<1x8x1x64xf32>, %new: tensor<2x1x64xf32>, %cache: tensor<2x?x64xf32>, %pos: index, %n: index)
    -> (tensor<1x8x1x64xf32>, tensor<2x?x64xf32>) {
  // CHECK: %[[ROWS:.+]] = tensor.expand_shape %[[NEW]] {{\[}}[0, 1], [2], [3]] output_shape [1, 2, 1, 64]
  // CHECK: %[[FRESH:.+]] = dashkv.hash_encode linear ins(%[[ROWS]] : tensor<1x2x1x64xf32>)
  // CHECK: tensor.insert_slice %[[FRESH]] into %[[CODES]][0, 0, %[[POS]], 0] [1, 2, 1, 8] [1, 1, 1, 1]
  // CHECK: dashkv.tiered_attention
  %k = tensor.insert_slice %new into %cache[0, %pos, 0] [2, 1, 64] [1, 1, 1] : tensor<2x1x64xf32> into tensor<2x?x64xf32>
  %k4 = tensor.expand_shape %k [[0, 1], [2], [3]] output_shape [1, 2, %n, 64] : tensor<2x?x64xf32> into tensor<1x2x?x64xf32>
  %o = tensor.empty() : tensor<1x8x1x64xf32>
  %0 = dashkv.attention ins(%q, %k4, %k4 : tensor<1x8x1x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>)
      outs(%o : tensor<1x8x1x64xf32>)
  return %0, %k : tensor<1x8x1x64xf32>, tensor<2x?x64xf32>
}

// -----

// Keys that come out of an op which says nothing of what is new: the codes are
// an argument, and a remark says whose they are.
// REMARK: remark: {{.*}}opaque-cache: keys come from arith.select, so the codes of new keys are the caller's
// CHECK-LABEL: func.func @opaque
//  CHECK-SAME: tensor<1x2x?x8xi8> {dashkv.role = "key_codes"}
//  CHECK-NOT: key_encoder
//  CHECK: return
func.func @opaque(%q: tensor<1x8x1x64xf32>, %a: tensor<1x2x?x64xf32>, %b: tensor<1x2x?x64xf32>, %c: i1) -> tensor<1x8x1x64xf32> {
  %k = arith.select %c, %a, %b : tensor<1x2x?x64xf32>
  %o = tensor.empty() : tensor<1x8x1x64xf32>
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>)
      outs(%o : tensor<1x8x1x64xf32>)
  return %0 : tensor<1x8x1x64xf32>
}
