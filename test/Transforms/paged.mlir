// RUN: dashkv-opt %s --dashkv-apply-tiering=tiering=full=2%% --split-input-file | FileCheck %s
// RUN: dashkv-opt %s --dashkv-apply-tiering --split-input-file --remark-format=emitRemark --remarks-filter='dashkv.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: dashkv-opt %s --dashkv-decompose-attention --dashkv-select-tile-config="target=x86-64-v3 workers=8" --dashkv-tile-and-fuse --canonicalize --cse --split-input-file | FileCheck %s --check-prefix=TILE

// A decode step on pages: the codes of a sequence are one after the other, an
// argument for T * S keys.
// CHECK-LABEL: @decode
// CHECK-SAME:    tensor<2x2x128x8xi8> {dashkv.role = "key_codes"}
// CHECK:         dashkv.tiered_attention ins({{.*}}) codes({{.*}} : tensor<2x2x1x64xi8>, tensor<2x2x128x8xi8>) lengths({{.*}}) block_table(%{{.*}} : tensor<2x8xi32>)
// Every tile has its row of the table and all pages; the keys are not cut, as
// their parts need not be pages.
// TILE-LABEL: @decode
// TILE-SAME:    %{{.+}}: tensor<2x8x1x64xf16>, %[[K:.+]]: tensor<?x2x16x64xf16>, %{{.+}}: tensor<?x2x16x64xf16>, %{{.+}}: tensor<2xi32>, %[[TABLE:.+]]: tensor<2x8xi32>
// TILE:         scf.forall (%[[B:.+]], %[[H:.+]]) =
// TILE-DAG:       tensor.extract_slice %[[TABLE]][%[[B]], 0] [1, 8] [1, 1]
// TILE-DAG:       tensor.extract_slice %[[K]][0, %{{.+}}, 0, 0] [%{{.+}}, 1, 16, 64]
// TILE:           dashkv.online_attention
// TILE-NOT:     dashkv.merge
func.func @decode(%q: tensor<2x8x1x64xf16>, %k: tensor<?x2x16x64xf16>, %v: tensor<?x2x16x64xf16>, %lengths: tensor<2xi32>, %table: tensor<2x8xi32>,
                  %o: tensor<2x8x1x64xf16>) -> tensor<2x8x1x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %v : tensor<2x8x1x64xf16>, tensor<?x2x16x64xf16>, tensor<?x2x16x64xf16>)
      lengths(%lengths : tensor<2xi32>) block_table(%table : tensor<2x8xi32>) outs(%o : tensor<2x8x1x64xf16>)
  return %0 : tensor<2x8x1x64xf16>
}

// -----

// A prefill is left alone, and says so.
// REMARK: block-table: codes of paged keys are the caller's, and only decode steps read them
// CHECK-LABEL: @prefill
// CHECK-NOT:     dashkv.role
// CHECK:         dashkv.attention causal
func.func @prefill(%q: tensor<2x8x64x64xf16>, %k: tensor<?x2x16x64xf16>, %v: tensor<?x2x16x64xf16>, %lengths: tensor<2xi32>, %table: tensor<2x8xi32>,
                   %o: tensor<2x8x64x64xf16>) -> tensor<2x8x64x64xf16> {
  %0 = dashkv.attention causal ins(%q, %k, %v : tensor<2x8x64x64xf16>, tensor<?x2x16x64xf16>, tensor<?x2x16x64xf16>)
      lengths(%lengths : tensor<2xi32>) block_table(%table : tensor<2x8xi32>) outs(%o : tensor<2x8x64x64xf16>)
  return %0 : tensor<2x8x64x64xf16>
}
