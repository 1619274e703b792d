// RUN: dashkv-opt %s --verify-roundtrip | FileCheck %s
// RUN: dashkv-opt %s --mlir-print-op-generic | dashkv-opt | FileCheck %s
// RUN: dashkv-opt %s --generate-runtime-verification -o - | FileCheck %s --check-prefix=ASSERT
// RUN: dashkv-opt %s --dashkv-expand-tiered --dashkv-decompose-attention | FileCheck %s --check-prefix=STEPS

// Paged caches: a block table on every op that reads rows of keys or values.

#q = affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, n, h, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, n, h, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
#mask = affine_map<(b, h, m, n, d, dv) -> (b, n)>

// A mask and codes go by the number of a key, whatever page it is in.
// CHECK-LABEL: @attention
// CHECK:         dashkv.attention ins({{.*}}) mask({{.*}}) lengths({{.*}}) block_table(%{{.*}} : tensor<2x8xi32>) outs({{.*}}) {indexing_maps = [#map, #map1, #map2, #map3, #map4]}
// STEPS-LABEL: @attention
// STEPS:         dashkv.online_attention ins({{.*}}) mask({{.*}}) lengths({{.*}}) block_table(%{{.*}} : tensor<2x8xi32>) outs
// ASSERT-LABEL: @attention
// ASSERT-DAG:     cf.assert %{{.*}}, "{{.*}}expected one size of pages in all operands
// ASSERT-DAG:     cf.assert %{{.*}}, "{{.*}}expected fewer than 2^31 rows in all pages
// ASSERT-DAG:     cf.assert %{{.*}}, "{{.*}}expected lengths from 0 to the number of keys
// ASSERT-DAG:     cf.assert %{{.*}}, "{{.*}}expected entries of the block table from 0 to the number of pages
func.func @attention(%q: tensor<2x8x1x64xf16>, %k: tensor<?x16x2x64xf16>, %v: tensor<?x16x2x64xf16>, %mask: tensor<2x128xf32>,
                     %lengths: tensor<2xi32>, %table: tensor<2x8xi32>, %o: tensor<2x8x1x64xf16>) -> tensor<2x8x1x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %v : tensor<2x8x1x64xf16>, tensor<?x16x2x64xf16>, tensor<?x16x2x64xf16>)
      mask(%mask : tensor<2x128xf32>) lengths(%lengths : tensor<2xi32>) block_table(%table : tensor<2x8xi32>)
      outs(%o : tensor<2x8x1x64xf16>) {indexing_maps = [#q, #k, #v, #mask, #o]}
  return %0 : tensor<2x8x1x64xf16>
}

// N is a multiplication away where the table or the pages are dynamic.
// CHECK-LABEL: @tiered
// CHECK:         dashkv.tiered_attention ins({{.*}}) codes({{.*}}) lengths({{.*}}) block_table(%{{.*}} : tensor<2x?xi32>) forced({{.*}}) scoring({{.*}}) outs
// STEPS-LABEL: @tiered
// STEPS-SAME:    %[[TABLE:[a-z0-9]+]]: tensor<2x?xi32>
// STEPS:         %[[BLOCKS:.+]] = tensor.dim %[[TABLE]], %{{.*}}
// STEPS:         arith.muli %[[BLOCKS]], %c16
// STEPS:         scf.if
// STEPS:           dashkv.online_attention causal ins({{.*}}) lengths({{.*}}) block_table(%[[TABLE]] : tensor<2x?xi32>)
// STEPS:         else
// STEPS:           dashkv.online_attention ins({{.*}}) list({{.*}}) block_table(%[[TABLE]] : tensor<2x?xi32>)
// STEPS:           dashkv.online_reduce ins({{.*}}) list({{.*}}) block_table(%[[TABLE]] : tensor<2x?xi32>)
// ASSERT-LABEL: @tiered
// ASSERT-DAG:     cf.assert %{{.*}}, "{{.*}}expected as many keys as the block table has rows of pages
// ASSERT-DAG:     cf.assert %{{.*}}, "{{.*}}expected lengths from the number of query rows to the number of keys
// ASSERT-DAG:     cf.assert %{{.*}}, "{{.*}}expected entries of the block table from 0 to the number of pages
func.func @tiered(%q: tensor<2x8x2x64xf16>, %k: tensor<?x2x16x64xf16>, %v: tensor<?x2x16x64xf16>, %table: tensor<2x?xi32>,
                  %lengths: tensor<2xi32>, %qc: tensor<2x2x2x64xi8>, %kc: tensor<2x2x?x8xi8>, %forced: tensor<2x?xi1>,
                  %scale: tensor<8xf32>, %o: tensor<2x8x2x64xf16>) -> tensor<2x8x2x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<2x8x2x64xf16>, tensor<?x2x16x64xf16>, tensor<?x2x16x64xf16>)
      codes(%qc, %kc : tensor<2x2x2x64xi8>, tensor<2x2x?x8xi8>) lengths(%lengths : tensor<2xi32>)
      block_table(%table : tensor<2x?xi32>) forced(%forced : tensor<2x?xi1>) scoring(%scale, %scale : tensor<8xf32>, tensor<8xf32>)
      outs(%o : tensor<2x8x2x64xf16>) {tiering = #dashkv.tiering<mid = 0.05>}
  return %0 : tensor<2x8x2x64xf16>
}

// CHECK-LABEL: @steps
// CHECK:         dashkv.online_attention ins({{.*}}) list({{.*}}) block_table({{.*}}) kv_scales({{.*}}) outs
// CHECK:         dashkv.online_reduce ins({{.*}}) list({{.*}}) block_table({{.*}}) value_scale({{.*}}) outs
// ASSERT-LABEL: @steps
// ASSERT:         cf.assert %{{.*}}, "{{.*}}expected listed indices from 0 to the number of keys and counts up to the capacity
// ASSERT:         cf.assert %{{.*}}, "{{.*}}expected listed indices from 0 to the number of keys and counts up to the capacity
func.func @steps(%q: memref<2x8x1x64xf16>, %k: memref<9x2x16x64xf16>, %v: memref<9x2x16x64xf16>, %table: memref<2x4xi32>,
                 %list: memref<2x2x1x24xi32>, %count: memref<2x2x1xi32>, %s: memref<2xf32>, %scores: memref<2x8x1x24xf32>,
                 %acc: memref<2x8x1x64xf32>, %max: memref<2x8x1xf32>, %sum: memref<2x8x1xf32>) {
  dashkv.online_attention ins(%q, %k, %v : memref<2x8x1x64xf16>, memref<9x2x16x64xf16>, memref<9x2x16x64xf16>)
      list(%list, %count : memref<2x2x1x24xi32>, memref<2x2x1xi32>) block_table(%table : memref<2x4xi32>)
      kv_scales(%s, %s : memref<2xf32>, memref<2xf32>)
      outs(%acc, %max, %sum : memref<2x8x1x64xf32>, memref<2x8x1xf32>, memref<2x8x1xf32>)
  dashkv.online_reduce ins(%scores, %v : memref<2x8x1x24xf32>, memref<9x2x16x64xf16>)
      list(%list, %count : memref<2x2x1x24xi32>, memref<2x2x1xi32>) block_table(%table : memref<2x4xi32>)
      value_scale(%s : memref<2xf32>)
      outs(%acc, %max, %sum : memref<2x8x1x64xf32>, memref<2x8x1xf32>, memref<2x8x1xf32>)
  return
}
