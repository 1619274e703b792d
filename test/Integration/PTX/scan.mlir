// The text of the scan, and what ptxas makes of it on every supported chip.
// RUN: dashkv-compile %s --emit=ptx --target=sm_90a -o - | FileCheck %s
// RUN: dashkv-compile %s --emit=ptx --target=sm_90a -o - | FileCheck %s --check-prefix=WEIGHTED

// Popcounts: 8 keys, 2 words, 2 planes; then one key of the tail.
//       CHECK: // dashkv_scan_group_packed_l64_g4_m1_lengths: distances and histograms
//       CHECK: //   distances    u8  [B, Hkv, R, N], D_raw = offsets + 2 * distances
//       CHECK: //   histogram    i32 [B, Hkv, R, 129], added to
//       CHECK: .version 8.0
//  CHECK-NEXT: .target sm_90a
//   CHECK-NOT: .extern
//       CHECK: .visible .entry dashkv_scan_group_packed_l64_g4_m1_lengths(
//  CHECK-NEXT:   .param .u64 .ptr .align 1 dashkv_scan_group_packed_l64_g4_m1_lengths_param_0,
//  CHECK-NEXT:   .param .u64 .ptr .align 16
//       CHECK: .maxntid 256, 1, 1
//  CHECK-NEXT: .minnctapersm 4
//       CHECK: .shared .align 16
// CHECK-COUNT-3: vote.sync.ballot.b32
// CHECK-COUNT-4: ld.global.nc.v4.b32
// CHECK-COUNT-32: popc.b32
//       CHECK: st.global.v2.b8
// CHECK-COUNT-8: atom.shared.add.u32
//   CHECK-NOT: popc.b32
//       CHECK: ld.global.nc.v2.b32
// CHECK-COUNT-4: popc.b32
//   CHECK-NOT: popc.b32
//       CHECK: atom.global.add.u32
//       CHECK: .visible .entry

// A plane of weighted codes is a popcount a word of a key.
//    WEIGHTED: .visible .entry dashkv_scan_group_weighted_l64_g1_m1(
// WEIGHTED-COUNT-4: ld.global.nc.v4.b32
// WEIGHTED-COUNT-16: popc.b32
// WEIGHTED-NOT: popc.b32
//    WEIGHTED: ld.global.nc.v2.b32
func.func @scans(%q: memref<2x32x1x8xi8>, %w: memref<2x8x1x64xi8>, %m: memref<2x32x8x8xi8>, %k: memref<2x8x?x8xi8>, %l: memref<2xi32>,
    %i0: memref<2x8x1x?xi32>, %c0: memref<2x8x1xi32>, %i1: memref<2x32x8x?xi32>, %c1: memref<2x32x8xi32>) {
  dashkv.retrieve codes(%q, %k : memref<2x32x1x8xi8>, memref<2x8x?x8xi8>) lengths(%l : memref<2xi32>)
      outs(%i0, %c0, %c0 : memref<2x8x1x?xi32>, memref<2x8x1xi32>, memref<2x8x1xi32>) {tiering = #dashkv.tiering<>}
  dashkv.retrieve codes(%w, %k : memref<2x8x1x64xi8>, memref<2x8x?x8xi8>)
      outs(%i0, %c0, %c0 : memref<2x8x1x?xi32>, memref<2x8x1xi32>, memref<2x8x1xi32>) {tiering = #dashkv.tiering<>}
  dashkv.retrieve codes(%m, %k : memref<2x32x8x8xi8>, memref<2x8x?x8xi8>) lengths(%l : memref<2xi32>)
      outs(%i1, %c1, %c1 : memref<2x32x8x?xi32>, memref<2x32x8xi32>, memref<2x32x8xi32>) {tiering = #dashkv.tiering<scope = head>}
  return
}
