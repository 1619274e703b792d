// RUN: dashkv-opt %s --dashkv-select-tile-config=target=x86-64-v3 --split-input-file --remark-format=emitRemark --remarks-filter=dashkv-tile -o /dev/null 2>&1 | FileCheck %s --check-prefix=DECLINE
// RUN: not dashkv-opt %s --dashkv-select-tile-config=target=x86-64-v3 --convert-dashkv-to-vector --canonicalize --cse --split-input-file 2>/dev/null | FileCheck %s

// A row is looked up once for all its chunks, and read where it is.
// CHECK-LABEL: func.func private @dashkv_online_attention(
// CHECK-SAME:    %{{.+}}: memref<2x4x1x128xf16>, %[[K:.+]]: memref<?x1x16x128xf16>, %{{.+}}: memref<?x1x16x128xf16>, %{{.+}}: memref<2xi32>, %[[TABLE:.+]]: memref<2x?xi32>
// CHECK-NOT:     memref.copy
// CHECK:         %[[PAGES:.+]] = memref.subview %[[K]][0, 0, 0, 0] [%{{.+}}, 1, 16, 128] [1, 1, 1, 1]
// CHECK:         memref.load %[[TABLE]][%{{.+}}, %{{.+}}]
// CHECK:         vector.load %[[PAGES]][%{{.+}}, %{{.+}}, %{{.+}}]
// CHECK-NOT:     memref.copy
// CHECK:         return
func.func @all(%q: memref<2x4x1x128xf16>, %k: memref<?x1x16x128xf16>, %v: memref<?x1x16x128xf16>, %lengths: memref<2xi32>, %table: memref<2x?xi32>,
               %a: memref<2x4x1x128xf32>, %m: memref<2x4x1xf32>, %s: memref<2x4x1xf32>) {
  dashkv.online_attention ins(%q, %k, %v : memref<2x4x1x128xf16>, memref<?x1x16x128xf16>, memref<?x1x16x128xf16>)
    lengths(%lengths : memref<2xi32>) block_table(%table : memref<2x?xi32>)
    outs(%a, %m, %s : memref<2x4x1x128xf32>, memref<2x4x1xf32>, memref<2x4x1xf32>)
  return
}

// -----

// The kernel wants the rows of a page behind it; the equations take any order.
#q = affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (n, b, h, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (n, b, h, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
// DECLINE: Remark="portable lowering of ", Remark=dashkv.online_attention, Remark=": ", Remark="rows of key are ahead of pages"
func.func @rows_first(%q: tensor<2x4x1x128xf16>, %k: tensor<16x9x1x128xf16>, %table: tensor<2x4xi32>, %a: tensor<2x4x1x128xf32>, %m: tensor<2x4x1xf32>) -> tensor<2x4x1x128xf32> {
  %0:3 = dashkv.online_attention ins(%q, %k, %k : tensor<2x4x1x128xf16>, tensor<16x9x1x128xf16>, tensor<16x9x1x128xf16>)
    block_table(%table : tensor<2x4xi32>) outs(%a, %m, %m : tensor<2x4x1x128xf32>, tensor<2x4x1xf32>, tensor<2x4x1xf32>) {indexing_maps = [#q, #k, #v, #o]}
  return %0#0 : tensor<2x4x1x128xf32>
}
