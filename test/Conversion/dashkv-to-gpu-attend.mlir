// RUN: dashkv-opt %s --convert-dashkv-to-gpu --split-input-file | FileCheck %s
// RUN: dashkv-opt %s --convert-dashkv-to-gpu=target=sm_80 --split-input-file | FileCheck %s --check-prefix=OLD

// The keys of a KV head are split over CTAs, as many as fill the multiprocessors;
// partials and counters lie in a workspace. One CTA alone writes results itself.
// CHECK-LABEL: func.func @exact
//       CHECK:   call @dashkv_multiprocessors
//       CHECK:   memref.alloc(%{{.*}}) : memref<?xf32>
//       CHECK:   memref.alloc() {dashkv.init = 0 : i8} : memref<8xi32>
//       CHECK:   gpu.launch_func @dashkv_kernels::@[[NAME:dashkv_attend_mma_qbf16_kbf16_vbf16_d128_dv128_c4_g4_m1_outbf16_lse_ks128_vs128]]
//       CHECK: gpu.func @[[NAME]](
//  CHECK-SAME:   known_block_size = array<i32: 256, 1, 1>, nvvm.minctasm = 2 : i32
//       CHECK:   griddepcontrol.launch_dependents
//       CHECK:   griddepcontrol.wait
// Two rows of K and four of V a lane, each in one go; all 16 keys exist.
//       CHECK:   scf.for
// CHECK-COUNT-2:   "ld.global{{.*}}.L1::no_allocate.v4.b32 {$0, $1, $2, $3}, [$16]; {{.*}}[$16+64]; {{.*}}[$16+192];"
// CHECK-COUNT-4:   "ld.global{{.*}}.L1::no_allocate.v4.b32 {$0, $1, $2, $3}, [$8]; {{.*}}[$8+128];"
// CHECK-COUNT-8:   nvvm.mma.sync {{.*}}multiplicandAPtxType = #nvvm.mma_type<bf16>
// Nothing is rescaled unless a maximum moved.
//       CHECK:     nvvm.vote.sync any
//       CHECK:     scf.if
// CHECK-COUNT-2:   movmatrix
// CHECK-COUNT-4:   nvvm.prmt
//       CHECK:     nvvm.mma.sync
// The last tile loads what exists.
//       CHECK:   scf.for
//       CHECK:     "mov.b32 $0, 0; {{.*}}@$17 ld.global
//       CHECK:   gpu.barrier
// The last CTA merges, and leaves its counter at 0.
//       CHECK:   llvm.fence syncscope("device") acq_rel
//       CHECK:   llvm.atomicrmw uinc_wrap
//       CHECK:   llvm.fence syncscope("device") acq_rel
func.func @exact(%q: memref<1x32x1x128xbf16>, %k: memref<1x8x?x128xbf16>, %v: memref<1x8x?x128xbf16>, %o: memref<1x32x1x128xbf16>, %l: memref<1x32x1xf32>) {
  dashkv.attention ins(%q, %k, %v : memref<1x32x1x128xbf16>, memref<1x8x?x128xbf16>, memref<1x8x?x128xbf16>)
      outs(%o : memref<1x32x1x128xbf16>) lse(%l : memref<1x32x1xf32>)
  return
}

// -----

// f8 keys and values are widened in registers, from sm_89 on; before, the scalar
// form takes them.
// CHECK-LABEL: gpu.func @dashkv_attend_mma_qbf16_kf8E4M3FN_vf8E4M3FN_d64_dv64_c2_g2_m1_outf32_lengths_kscale_vscale_ks64_vs64(
//       CHECK:   cvt.rn.f16x2.e4m3x2
//       CHECK:   nvvm.mma.sync {{.*}}(vector<2xf16>, vector<2xf16>, f32)
//   OLD-LABEL: gpu.func @dashkv_attend_scalar_qbf16_kf8E4M3FN_vf8E4M3FN_g2_m1_outf32_lengths_kscale_vscale(
//     OLD-NOT:   mma.sync
//         OLD:   gpu.return
func.func @f8(%q: memref<2x4x1x64xbf16>, %k: memref<2x2x?x64xf8E4M3FN>, %v: memref<2x2x?x64xf8E4M3FN>, %l: memref<2xi32>, %s: memref<2xf32>, %o: memref<2x4x1x64xf32>) {
  dashkv.attention ins(%q, %k, %v : memref<2x4x1x64xbf16>, memref<2x2x?x64xf8E4M3FN>, memref<2x2x?x64xf8E4M3FN>)
      lengths(%l : memref<2xi32>) kv_scales(%s, %s : memref<2xf32>, memref<2xf32>) outs(%o : memref<2x4x1x64xf32>)
  return
}

// -----

// Layouts that only the run knows: the host chooses. f32 has no tensor cores.
// CHECK-LABEL: func.func @strided
//       CHECK:   scf.if
//       CHECK:     gpu.launch_func @dashkv_kernels::@dashkv_attend_mma_qf16_kf16_vf16_d64_dv64_c1_g1_m1_outf16
//       CHECK:   } else {
//       CHECK:     gpu.launch_func @dashkv_kernels::@dashkv_attend_scalar_qf16_kf16_vf16_g1_m1_outf16
//  CHECK-SAME:     dynamic_shared_memory_size
func.func @strided(%q: memref<1x2x1x64xf16>, %k: memref<1x2x?x64xf16, strided<[?, ?, ?, 1], offset: ?>>, %v: memref<1x2x?x64xf16>, %o: memref<1x2x1x64xf16>) {
  dashkv.attention ins(%q, %k, %v : memref<1x2x1x64xf16>, memref<1x2x?x64xf16, strided<[?, ?, ?, 1], offset: ?>>, memref<1x2x?x64xf16>)
      outs(%o : memref<1x2x1x64xf16>)
  return
}

// -----

// A list of a KV head serves its group: keys in shared memory, a chunk at a time.
// Adds to the statistics of outs, so the last CTA reads and writes them.
// CHECK-LABEL: func.func @lists
//       CHECK:   gpu.launch_func @dashkv_kernels::@[[NAME:dashkv_attend_mma_qf16_kf16_vf16_d128_dv128_c4_g4_m1_lists_ks128_vs128]]
//       CHECK: gpu.func @[[NAME]](
//       CHECK:   gpu.barrier
//       CHECK:   memref.store %{{.*}} : memref<{{.*}}xf32, #gpu.address_space<workgroup>>
//       CHECK:   gpu.barrier
//       CHECK:   @$17 ld.global
func.func @lists(%q: memref<1x8x2x128xf16>, %k: memref<1x2x?x128xf16>, %i: memref<1x2x2x?xi32>, %c: memref<1x2x2xi32>, %a: memref<1x8x2x128xf32>, %m: memref<1x8x2xf32>, %s: memref<1x8x2xf32>) {
  dashkv.online_attention ins(%q, %k, %k : memref<1x8x2x128xf16>, memref<1x2x?x128xf16>, memref<1x2x?x128xf16>)
      list(%i, %c : memref<1x2x2x?xi32>, memref<1x2x2xi32>)
      outs(%a, %m, %s : memref<1x8x2x128xf32>, memref<1x8x2xf32>, memref<1x8x2xf32>)
  return
}

// -----

// Logits are given: K is not read. i8 values have no tensor cores.
// CHECK-LABEL: gpu.func @dashkv_attend_mma_vbf16_d32_dv64_c1_g1_m1_lists_given_vs64(
// CHECK-COUNT-4: ld.global{{.*}}.L1::no_allocate.v4.b32 {$0, $1, $2, $3}, [$4];"
//   CHECK-NOT:   ld.global{{.*}}.L1::no_allocate
//       CHECK:   movmatrix
// CHECK-LABEL: gpu.func @dashkv_attend_scalar_vi8_g1_m1_lists_vscale_given(
//   CHECK-NOT:   movmatrix
func.func @reduce(%x: memref<1x2x1x?xf32>, %v: memref<1x2x?x64xbf16>, %v8: memref<1x2x?x64xi8>, %vs: memref<2xf32>, %i: memref<1x2x1x?xi32>, %c: memref<1x2x1xi32>, %a: memref<1x2x1x64xf32>, %m: memref<1x2x1xf32>, %s: memref<1x2x1xf32>) {
  dashkv.online_reduce ins(%x, %v : memref<1x2x1x?xf32>, memref<1x2x?x64xbf16>)
      list(%i, %c : memref<1x2x1x?xi32>, memref<1x2x1xi32>) outs(%a, %m, %s : memref<1x2x1x64xf32>, memref<1x2x1xf32>, memref<1x2x1xf32>)
  dashkv.online_reduce ins(%x, %v8 : memref<1x2x1x?xf32>, memref<1x2x?x64xi8>)
      list(%i, %c : memref<1x2x1x?xi32>, memref<1x2x1xi32>) value_scale(%vs : memref<2xf32>)
      outs(%a, %m, %s : memref<1x2x1x64xf32>, memref<1x2x1xf32>, memref<1x2x1xf32>)
  return
}

// -----

// 16 nibbles of 16 values: what they add to the distance.
// CHECK-LABEL: gpu.func @dashkv_estimate_weighted_l64_scale_table(
//  CHECK-SAME:   workgroup(%[[TABLE:[^ ]+]] : memref<256xi32, #gpu.address_space<workgroup>>
//       CHECK:   memref.store %{{.*}}, %[[TABLE]]
//       CHECK:   gpu.barrier
//       CHECK:   vector.load %{{.*}} {alignment = 4 : i64} : memref<?xi8, strided<[1], offset: ?>>, vector<4xi8>
// CHECK-LABEL: gpu.func @dashkv_estimate_packed_l64_relu_f16f16_f16f16_f16f16(
//       CHECK:   nvvm.bar.warp.sync
func.func @estimate(%qc: memref<1x2x1x64xi8>, %qp: memref<1x4x1x8xi8>, %kc: memref<1x2x?x8xi8>, %i: memref<1x2x1x?xi32>, %c: memref<1x2x1xi32>, %t: memref<4xf32>, %cs: memref<1x2x1xf32>, %table: memref<4x128xf32>, %w1: memref<128x32xf16>, %w2: memref<32x16xf16>, %w3: memref<16x1xf16>, %b1: memref<32xf16>, %b2: memref<16xf16>, %b3: memref<1xf16>, %o: memref<1x4x1x?xf32>) {
  dashkv.estimate_scores codes(%qc, %kc : memref<1x2x1x64xi8>, memref<1x2x?x8xi8>)
      list(%i, %c : memref<1x2x1x?xi32>, memref<1x2x1xi32>) scoring(%t, %t : memref<4xf32>, memref<4xf32>)
      code_scale(%cs : memref<1x2x1xf32>) table(%table : memref<4x128xf32>) outs(%o : memref<1x4x1x?xf32>)
  dashkv.estimate_scores codes(%qp, %kc : memref<1x4x1x8xi8>, memref<1x2x?x8xi8>)
      list(%i, %c : memref<1x2x1x?xi32>, memref<1x2x1xi32>) scoring(%t, %t : memref<4xf32>, memref<4xf32>)
      mlp(%w1, %w2, %w3 : memref<128x32xf16>, memref<32x16xf16>, memref<16x1xf16>)
      biases(%b1, %b2, %b3 : memref<32xf16>, memref<16xf16>, memref<1xf16>)
      outs(%o : memref<1x4x1x?xf32>) {activation = #dashkv.activation<relu>}
  return
}
