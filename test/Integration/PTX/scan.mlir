// The text of retrieval: what is loaded together, counted, and written.
// RUN: dashkv-compile %s --emit=ptx --target=sm_90a -o - | FileCheck %s

// 8 keys in four loads, 2 words, 2 planes; bytes out, 8 counts.
//       CHECK: .version 8.0
//  CHECK-NEXT: .target sm_90a
//   CHECK-NOT: .extern
//       CHECK: .visible .entry dashkv_scan_packed_l64_s4_r1_lengths_tiers(
//  CHECK-NEXT:   .param .u64 .ptr .align 1 dashkv_scan_packed_l64_s4_r1_lengths_tiers_param_0,
//  CHECK-NEXT:   .param .u64 .ptr .align 16
//       CHECK: .maxntid 256, 1, 1
//  CHECK-NEXT: .minnctapersm 4
//       CHECK: griddepcontrol.launch_dependents
//       CHECK: griddepcontrol.wait
// CHECK-COUNT-3: vote.sync.ballot.b32
// CHECK-COUNT-4: ld.global.v4.b32
// CHECK-COUNT-32: popc.b32
//       CHECK: st.global.v2.b8
// CHECK-COUNT-8: atom.shared.add.u32
// Then less than a tile, each group of keys where it is still inside.
//       CHECK: ld.global.v4.b32
//       CHECK: fence.acq_rel.gpu
//       CHECK: atom.global.inc.u32
//       CHECK: .visible .entry dashkv_compact_i8_lengths(
//   CHECK-NOT: ld.global.nc
//       CHECK: ld.global.v2.b32
func.func @retrieve(%q: memref<2x32x1x8xi8>, %k: memref<2x8x640x8xi8>, %l: memref<2xi32>, %i: memref<2x8x1x640xi32>, %c: memref<2x8x1xi32>, %t: memref<2x8x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<2x32x1x8xi8>, memref<2x8x640x8xi8>) lengths(%l : memref<2xi32>)
      outs(%i, %c, %t : memref<2x8x1x640xi32>, memref<2x8x1xi32>, memref<2x8x1xi32>) {tiering = #dashkv.tiering<>}
  return
}
