// RUN: dashkv-opt %s --convert-dashkv-to-gpu --canonicalize --cse --split-input-file | FileCheck %s

// All keys: a tile of 16 is in one page, which is looked up once.
// CHECK-LABEL: func.func @exact
// CHECK-NOT:     memref.copy
// CHECK:         gpu.launch_func @dashkv_kernels::@[[NAME:dashkv_attend_mma_qbf16_kbf16_vbf16_d128_dv128_c4_g4_m1_outbf16_lengths_ks128_vs128_paged16_kp16384_vp16384]]
// CHECK:       gpu.func @[[NAME]](
// CHECK:         scf.for
// CHECK:           %[[BLOCK:.+]] = arith.divui %{{.+}}, %c16_i32
// CHECK:           memref.load %{{.+}} : memref<?xi32
// CHECK-NOT:       memref.load
// CHECK-COUNT-6:   "ld.global.L1::no_allocate
// CHECK:           nvvm.mma.sync
func.func @exact(%q: memref<2x32x1x128xbf16>, %k: memref<?x8x16x128xbf16>, %v: memref<?x8x16x128xbf16>, %lengths: memref<2xi32>, %table: memref<2x?xi32>, %o: memref<2x32x1x128xbf16>) {
  dashkv.attention ins(%q, %k, %v : memref<2x32x1x128xbf16>, memref<?x8x16x128xbf16>, memref<?x8x16x128xbf16>)
      lengths(%lengths : memref<2xi32>) block_table(%table : memref<2x?xi32>) outs(%o : memref<2x32x1x128xbf16>)
  return
}

// -----

// A list: keys are looked up as they come to shared memory, where the tiles find
// the numbers of their rows over all pages. Pages of any size.
// CHECK-LABEL: func.func @list
// CHECK:         gpu.launch_func @dashkv_kernels::@[[NAME:dashkv_attend_mma_qf16_kf16_vf16_d128_dv128_c4_g4_m1_lists_ks128_vs128_paged]]
// CHECK:       gpu.func @[[NAME]](
// CHECK:         scf.for
// CHECK:           %[[KEY:.+]] = memref.load %{{.+}} : memref<?xi32
// CHECK:           arith.divui %[[KEY]], %[[ROWS:.+]] : i32
// CHECK:           %[[PAGE:.+]] = memref.load %{{.+}} : memref<?xi32
// CHECK:           arith.muli %[[PAGE]], %[[ROWS]] : i32
// CHECK:           memref.store
func.func @list(%q: memref<2x32x1x128xf16>, %k: memref<?x8x?x128xf16>, %v: memref<?x8x?x128xf16>, %i: memref<2x8x1x?xi32>, %c: memref<2x8x1xi32>, %table: memref<2x?xi32>,
                %acc: memref<2x32x1x128xf32>, %max: memref<2x32x1xf32>, %sum: memref<2x32x1xf32>) {
  dashkv.online_attention ins(%q, %k, %v : memref<2x32x1x128xf16>, memref<?x8x?x128xf16>, memref<?x8x?x128xf16>)
      list(%i, %c : memref<2x8x1x?xi32>, memref<2x8x1xi32>) block_table(%table : memref<2x?xi32>)
      outs(%acc, %max, %sum : memref<2x32x1x128xf32>, memref<2x32x1xf32>, memref<2x32x1xf32>)
  return
}

// -----

#q = affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, n, h, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, n, h, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
// A decode step in one kernel, in both layouts of a page: where rows of all heads
// are one after the other, so are pages.
// CHECK-LABEL: func.func @tiered
// CHECK:         gpu.launch_func @dashkv_kernels::@dashkv_decode_f16_d128_g4_m1_l64w1_lengths_rows2048x2048_pages16x32768x32768_split
// CHECK:         gpu.launch_func @dashkv_kernels::@dashkv_decode_f16_d128_g4_m1_l64w1_lengths_pages16x32768x32768_split
func.func @tiered(%q: memref<2x32x1x128xf16>, %k: memref<?x16x8x128xf16>, %hk: memref<?x8x16x128xf16>, %qc: memref<2x8x1x64xi8>, %kc: memref<2x8x65536x8xi8>,
                  %lengths: memref<2xi32>, %table: memref<2x4096xi32>, %o: memref<2x32x1x128xf16>) {
  dashkv.tiered_attention ins(%q, %k, %k : memref<2x32x1x128xf16>, memref<?x16x8x128xf16>, memref<?x16x8x128xf16>)
      codes(%qc, %kc : memref<2x8x1x64xi8>, memref<2x8x65536x8xi8>) lengths(%lengths : memref<2xi32>) block_table(%table : memref<2x4096xi32>)
      outs(%o : memref<2x32x1x128xf16>) {tiering = #dashkv.tiering<full = 0.02>, indexing_maps = [#q, #k, #v, #o]}
  dashkv.tiered_attention ins(%q, %hk, %hk : memref<2x32x1x128xf16>, memref<?x8x16x128xf16>, memref<?x8x16x128xf16>)
      codes(%qc, %kc : memref<2x8x1x64xi8>, memref<2x8x65536x8xi8>) lengths(%lengths : memref<2xi32>) block_table(%table : memref<2x4096xi32>)
      outs(%o : memref<2x32x1x128xf16>) {tiering = #dashkv.tiering<full = 0.02>}
  return
}
