// RUN: dashkv-opt %s --convert-dashkv-to-linalg --split-input-file | FileCheck %s --implicit-check-not="dashkv."

// Rows are read where the block table says; entries of which no key exists are
// not followed.

// CHECK-LABEL: @attention
// CHECK-SAME:    %{{[a-z0-9]+}}: tensor<2x4x1x64xf32>, %[[K:[a-z0-9]+]]: tensor<9x2x16x64xf32>, %[[LEN:[a-z0-9]+]]: tensor<2xi32>, %[[TABLE:[a-z0-9]+]]: tensor<2x4xi32>
// CHECK-DAG:     %[[C0:.+]] = arith.constant 0 : i32
// CHECK-DAG:     %[[LAST:.+]] = arith.constant 8 : index
// CHECK-DAG:     %[[C16:.+]] = arith.constant 16 : index
// CHECK:         linalg.generic {{.*}} ins(%{{.+}}, %[[LEN]] : tensor<2x2x2x1x64xf32>, tensor<2xi32>) outs(%{{.+}} : tensor<2x2x2x1x64xf32>)
// CHECK:           %[[EXISTS:.+]] = arith.cmpi slt, %[[N:.+]], %{{.+}} : i32
// CHECK:           %[[SAFE:.+]] = arith.select %[[EXISTS]], %[[N]], %[[C0]]
// CHECK:           %[[BLOCK:.+]] = arith.divui %[[KEY:.+]], %[[C16]]
// CHECK:           %[[ROW:.+]] = arith.remui %[[KEY]], %[[C16]]
// CHECK:           %[[ENTRY:.+]] = tensor.extract %[[TABLE]][%{{.+}}, %[[BLOCK]]]
// CHECK:           %[[PAGE:.+]] = arith.index_castui %[[ENTRY]]
// CHECK:           %[[IN:.+]] = arith.minui %[[PAGE]], %[[LAST]]
// CHECK:           tensor.extract %[[K]][%[[IN]], %{{.+}}, %[[ROW]], %{{.+}}]
func.func @attention(%q: tensor<2x4x1x64xf32>, %k: tensor<9x2x16x64xf32>, %lengths: tensor<2xi32>, %table: tensor<2x4xi32>,
                     %o: tensor<2x4x1x64xf32>) -> tensor<2x4x1x64xf32> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<2x4x1x64xf32>, tensor<9x2x16x64xf32>, tensor<9x2x16x64xf32>)
      lengths(%lengths : tensor<2xi32>) block_table(%table : tensor<2x4xi32>) outs(%o : tensor<2x4x1x64xf32>)
  return %0 : tensor<2x4x1x64xf32>
}

// -----

// A list names keys, which the table finds. The values of online_reduce too.
// CHECK-LABEL: @lists
// CHECK-SAME:    %[[TABLE:[a-z0-9]+]]: tensor<2x4xi32>
// CHECK-COUNT-3: tensor.extract %[[TABLE]]
func.func @lists(%table: tensor<2x4xi32>, %q: tensor<2x4x1x64xf32>, %k: tensor<9x2x16x64xf32>, %list: tensor<2x2x1x24xi32>, %count: tensor<2x2x1xi32>,
                 %scores: tensor<2x4x1x24xf32>, %acc: tensor<2x4x1x64xf32>, %max: tensor<2x4x1xf32>) -> tensor<2x4x1x64xf32> {
  %0:3 = dashkv.online_attention ins(%q, %k, %k : tensor<2x4x1x64xf32>, tensor<9x2x16x64xf32>, tensor<9x2x16x64xf32>)
      list(%list, %count : tensor<2x2x1x24xi32>, tensor<2x2x1xi32>) block_table(%table : tensor<2x4xi32>)
      outs(%acc, %max, %max : tensor<2x4x1x64xf32>, tensor<2x4x1xf32>, tensor<2x4x1xf32>)
  %1:3 = dashkv.online_reduce ins(%scores, %k : tensor<2x4x1x24xf32>, tensor<9x2x16x64xf32>)
      list(%list, %count : tensor<2x2x1x24xi32>, tensor<2x2x1xi32>) block_table(%table : tensor<2x4xi32>)
      outs(%0#0, %0#1, %0#2 : tensor<2x4x1x64xf32>, tensor<2x4x1xf32>, tensor<2x4x1xf32>)
  return %1#0 : tensor<2x4x1x64xf32>
}
