// RUN: dashkv-opt %s --convert-dashkv-to-gpu --split-input-file | FileCheck %s
// RUN: dashkv-opt %s --convert-dashkv-to-gpu=target=sm_120 --split-input-file | FileCheck %s --check-prefix=CHIP

// Four packed codes of a group sum to c + 2 D, D = popc(x & m0) + 2 popc(x & m1),
// x = key ^ signs: at most 128, a byte a key and 129 bins. A scan and a
// compaction; heads of an odd number of keys do not start on 16 bytes.
// CHECK-LABEL: func.func @group
//       CHECK:   call @dashkv_multiprocessors
//       CHECK:   memref.alloc() {dashkv.init = 0 : i8} : memref<8xi32>
//       CHECK:   scf.if %{{.+}} {
//       CHECK:     gpu.launch_func @dashkv_kernels::@dashkv_scan_packed_l64_s4_r1_lengths_tiers
//       CHECK:   } else {
//       CHECK:     gpu.launch_func @dashkv_kernels::@dashkv_scan_packed_unaligned_l64_s4_r1_lengths_tiers
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_compact_i8_lengths
// CHECK-LABEL: gpu.module @dashkv_kernels [#nvvm.target<O = 3, chip = "sm_90a", features = "+ptx80">]
//  CHECK-SAME:   llvm.data_layout = "e-p6:32:32-i64:64
//        CHIP: gpu.module @dashkv_kernels [#nvvm.target<O = 3, chip = "sm_120", features = "+ptx87">]
//       CHECK:   gpu.func @dashkv_scan_packed_l64_s4_r1_lengths_tiers(
//  CHECK-SAME:     memref<1xi8>, %{{[^:]+}}: memref<1xi8> {llvm.align = 16 : i64}, %{{[^:]+}}: memref<1xi32>,
//  CHECK-SAME:     memref<1xi8> {llvm.align = 16 : i64},
//  CHECK-SAME:     known_block_size = array<i32: 256, 1, 1>, nvvm.minctasm = 4 : i32
//       CHECK:     griddepcontrol.launch_dependents
//       CHECK:     griddepcontrol.wait
// Weights by lanes, planes by ballots: signs and two masks, and the constant c.
// CHECK-COUNT-3:   nvvm.vote.sync ballot
//       CHECK:     nvvm.redux.sync add
//       CHECK:     gpu.barrier
// Eight keys in four loads of 16 bytes; two popcounts of a word a plane.
// CHECK-COUNT-4:   vector.load %{{.*}} {alignment = 16 : i64} : memref<?xi8, strided<[1], offset: ?>>, vector<16xi8>
// CHECK-COUNT-32:  math.ctpop
//       CHECK:     vector.store %{{.*}} {alignment = 2 : i64} : memref<?xi8, strided<[1], offset: ?>>, vector<2xi8>
//       CHECK:     llvm.atomicrmw add %{{.*}} syncscope("block") monotonic : !llvm.ptr<3>, i32
// The last CTA of a row goes on to the thresholds.
//       CHECK:     llvm.fence syncscope("device") acq_rel
//       CHECK:     llvm.atomicrmw uinc_wrap
//       CHECK:   gpu.func @dashkv_compact_i8_lengths(
//       CHECK:     vector.load %{{.*}} {alignment = 8 : i64} : memref<?xi8, strided<[1], offset: ?>>, vector<8xi8>
func.func @group(%q: memref<1x32x1x8xi8>, %k: memref<1x8x?x8xi8>, %l: memref<1xi32>, %i: memref<1x8x1x?xi32>, %c: memref<1x8x1xi32>, %t: memref<1x8x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x32x1x8xi8>, memref<1x8x?x8xi8>) lengths(%l : memref<1xi32>)
      outs(%i, %c, %t : memref<1x8x1x?xi32>, memref<1x8x1xi32>, memref<1x8x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

// An odd group has only odd weights: the lowest plane needs no mask. Keys on 16
// bytes are known to be.
// CHECK-LABEL: func.func @odd_group
//   CHECK-NOT:   scf.if
// CHECK-LABEL: gpu.func @dashkv_scan_packed_l64_s3_r1_tiers(
// CHECK-COUNT-2: nvvm.vote.sync ballot
//   CHECK-NOT:   nvvm.vote.sync ballot
//       CHECK:   math.ctpop
func.func @odd_group(%q: memref<1x9x1x8xi8>, %k: memref<1x3x640x8xi8>, %i: memref<1x3x1x640xi32>, %c: memref<1x3x1xi32>, %t: memref<1x3x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x9x1x8xi8>, memref<1x3x640x8xi8>)
      outs(%i, %c, %t : memref<1x3x1x640xi32>, memref<1x3x1xi32>, memref<1x3x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

// Weighted codes: up to seven planes, but only those in use are counted.
// CHECK-LABEL: gpu.func @dashkv_scan_weighted_l64_s1_r1_tiers(
// CHECK-COUNT-8: nvvm.vote.sync ballot
//       CHECK:   nvvm.redux.sync or
//       CHECK:   math.ctlz
//       CHECK:   %[[PLANES:.+]] = arith.minsi
//       CHECK:   scf.for
//       CHECK:     scf.for %{{.*}} = %{{.*}} to %[[PLANES]]
// CHECK-COUNT-16:    math.ctpop
func.func @weighted(%q: memref<2x8x1x64xi8>, %k: memref<2x8x640x8xi8>, %i: memref<2x8x1x640xi32>, %c: memref<2x8x1xi32>, %t: memref<2x8x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<2x8x1x64xi8>, memref<2x8x640x8xi8>)
      outs(%i, %c, %t : memref<2x8x1x640xi32>, memref<2x8x1xi32>, memref<2x8x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

// Scope head, 256 bits: up to 256, so two bytes a key; a key is two loads.
// CHECK-LABEL: gpu.func @dashkv_scan_packed_l256_s1_r4_tiers(
//  CHECK-SAME:   memref<1xi16>
// CHECK-COUNT-4: vector.load %{{.*}} {alignment = 16 : i64}
//       CHECK:   scf.for
// CHECK-COUNT-16:  math.ctpop
//       CHECK:   vector.store %{{.*}} {alignment = 2 : i64} : memref<?xi16, strided<[1], offset: ?>>, vector<1xi16>
func.func @head(%q: memref<1x4x2x32xi8>, %k: memref<1x2x640x32xi8>, %i: memref<1x4x2x640xi32>, %c: memref<1x4x2xi32>, %t: memref<1x4x2xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x4x2x32xi8>, memref<1x2x640x32xi8>)
      outs(%i, %c, %t : memref<1x4x2x640xi32>, memref<1x4x2xi32>, memref<1x4x2xi32>) {tiering = #dashkv.tiering<scope = head>}
  return
}

// -----

// Byte planes: two loads of four keys a word, transposed by permutes.
// CHECK-LABEL: gpu.func @dashkv_scan_packed_planes_l64_s4_r1_tiers(
// CHECK-COUNT-4: vector.load %{{.*}} {alignment = 4 : i64}
// CHECK-COUNT-8: llvm.call_intrinsic "llvm.nvvm.prmt"
func.func @planes(%q: memref<1x8x1x8xi8>, %k: memref<1x2x10x8x64xi8>, %i: memref<1x2x1x640xi32>, %c: memref<1x2x1xi32>, %t: memref<1x2x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x8x1x8xi8>, memref<1x2x10x8x64xi8>)
      outs(%i, %c, %t : memref<1x2x1x640xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

// Votes count heads one by one: the radius comes from the counts of the scan, by
// a CTA a head, as a CTA scans for four. Values of 18 bits
// take three digits a tier, and the flags are counted at the end.
// CHECK-LABEL: func.func @votes
//       CHECK:   gpu.launch_func @dashkv_kernels_0::@dashkv_scan_packed_l64_s1_r4_radius
//       CHECK:   gpu.launch_func @dashkv_kernels_0::@dashkv_threshold_b65_x1_radius
//       CHECK:   gpu.launch_func @dashkv_kernels_0::@dashkv_calibrate_i8_i32_votes_prior
//       CHECK:   gpu.launch_func @dashkv_kernels_0::@dashkv_count_i32_forced_tiers_mid_newest_digit0of3
//       CHECK:   gpu.launch_func @dashkv_kernels_0::@dashkv_count_i32_forced_tiers_mid_newest_digit1of3
//       CHECK:   gpu.launch_func @dashkv_kernels_0::@dashkv_count_i32_forced_tiers_mid_newest_digit2of3
//       CHECK:   gpu.launch_func @dashkv_kernels_0::@dashkv_count_i32_forced_tiers_mid_newest_digit0of3_second
//       CHECK:   gpu.launch_func @dashkv_kernels_0::@dashkv_count_i32_forced_tiers_mid_newest_digit1of3_second
//       CHECK:   gpu.launch_func @dashkv_kernels_0::@dashkv_count_i32_forced_tiers_mid_newest_digit2of3_second
//       CHECK:   gpu.launch_func @dashkv_kernels_0::@dashkv_compact_i32_forced_mid_kept
//       CHECK:   gpu.launch_func @dashkv_kernels_0::@dashkv_kept
// The name of the module is taken.
func.func private @dashkv_kernels()
func.func @votes(%q: memref<1x32x1x8xi8>, %k: memref<1x8x640x8xi8>, %v: memref<32xi16>, %f: memref<1x640xi1>, %i: memref<1x8x1x640xi32>, %c: memref<1x8x1xi32>, %t: memref<1x8x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x32x1x8xi8>, memref<1x8x640x8xi8>) forced(%f : memref<1x640xi1>) prior(%f : memref<1x640xi1>)
      vote_discount(%v : memref<32xi16>) prior_discount(%v : memref<32xi16>)
      outs(%i, %c, %t : memref<1x8x1x640xi32>, memref<1x8x1xi32>, memref<1x8x1xi32>)
      mid(%i, %c, %t : memref<1x8x1x640xi32>, memref<1x8x1xi32>, memref<1x8x1xi32>) kept(%f : memref<1x640xi1>)
      {tiering = #dashkv.tiering<mid = 0.1, ties = newest>}
  return
}

// -----

// What is not known is not summed by the scan, and takes all digits. Codes of 40
// bits are read byte by byte.
// CHECK-LABEL: func.func @dynamic
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_scan_packed_unaligned_l40_s1_r8
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_calibrate_i8_i32
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_count_i32_tiers_inclusive_digit0of4
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_count_i32_tiers_inclusive_digit3of4
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_compact_i32
func.func @dynamic(%q: memref<?x?x?x5xi8>, %k: memref<?x?x?x5xi8>, %i: memref<?x?x?x?xi32>, %c: memref<?x?x?xi32>, %t: memref<?x?x?xi32>) {
  dashkv.retrieve codes(%q, %k : memref<?x?x?x5xi8>, memref<?x?x?x5xi8>)
      outs(%i, %c, %t : memref<?x?x?x?xi32>, memref<?x?x?xi32>, memref<?x?x?xi32>) {tiering = #dashkv.tiering<ties = inclusive>}
  return
}

// -----

// The steps alone. Key codes of a view are read where they are.
// CHECK-LABEL: func.func @steps
//       CHECK:   memref.extract_strided_metadata
//   CHECK-NOT:   memref.copy
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_scan_packed_l64_s1_r4 blocks
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_count_i8_radius blocks
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_calibrate_i8_i16_votes
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_calibrate_i16_i32
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_count_i32_tiers_digit0of3
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_compact_i32
func.func @steps(%q: memref<1x8x1x8xi8>, %cache: memref<1x2x1024x8xi8>, %d: memref<1x8x1x640xi8>, %v: memref<8xi16>, %f: memref<1x8x1x640xi16>,
    %i: memref<1x2x1x640xi32>, %c: memref<1x2x1xi32>, %t: memref<1x2x1xi32>) {
  %k = memref.subview %cache[0, 0, 0, 0] [1, 2, 640, 8] [1, 1, 1, 1] : memref<1x2x1024x8xi8> to memref<1x2x640x8xi8, strided<[16384, 8192, 8, 1]>>
  dashkv.hamming_distance ins(%q, %k : memref<1x8x1x8xi8>, memref<1x2x640x8xi8, strided<[16384, 8192, 8, 1]>>) outs(%d : memref<1x8x1x640xi8>)
  dashkv.calibrate ins(%d : memref<1x8x1x640xi8>) vote_discount(%v : memref<8xi16>) outs(%f : memref<1x8x1x640xi16>) {tiering = #dashkv.tiering<>}
  dashkv.select ins(%f : memref<1x8x1x640xi16>) outs(%i, %c, %t : memref<1x2x1x640xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}
