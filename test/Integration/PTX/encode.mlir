// The text of encoders: what is loaded together, and what waits.
// RUN: dashkv-compile %s --emit=ptx --target=sm_90a -o - | FileCheck %s
// RUN: dashkv-compile %s --emit=ptx --target=sm_80 -o - | FileCheck %s --check-prefix=OLD

// OLD-NOT: griddepcontrol
// OLD-NOT: prefetch

// Queries of a group: 512 x 64 weights of bf16 are 8 loads of each of 512 threads, all
// in flight before the wait; halves become f32 by a shift or a conversion; shuffles
// halve the sums, 4 and then 2.
//       CHECK-NOT: .extern
//           CHECK: .visible .entry dashkv_encode_linear_bf16_d128_g4_bf16x64h_w7_r1_t512(
//           CHECK: griddepcontrol.launch_dependents
// CHECK-COUNT-8: ld.global.nc.v4.b32
//       CHECK-NOT: ld.global.nc.v4
//           CHECK: griddepcontrol.wait
// CHECK-COUNT-64: fma.rn.f32
//       CHECK-NOT: fma.rn
// CHECK-COUNT-6: shfl.sync.bfly.b32
//           CHECK: redux.sync.max.u32
// CHECK-COUNT-5: shfl.sync.bfly.b32
//       CHECK-NOT: shfl.sync
//           CHECK: cvt.rzi.s32.f32
func.func @queries(%q: memref<1x32x1x128xbf16>, %w: memref<8x512x64xbf16>, %c: memref<1x8x1x64xi8>) {
  dashkv.hash_encode linear ins(%q : memref<1x32x1x128xbf16>) weights(%w : memref<8x512x64xbf16>) outs(%c : memref<1x8x1x64xi8>) {group = 4 : i64, levels = 7 : i64}
  return
}

// A small mlp is one kernel: what registers do not hold yet comes to the L2 cache.
//           CHECK: .visible .entry dashkv_encode_silu_bf16_d128_g1_bf16x128h_bf16_bf16x128h_bf16_bf16x64h_bf16_r1_t256(
// CHECK-COUNT-8: ld.global.nc.v4.b32
// CHECK-COUNT-2: prefetch.global.L2
//           CHECK: griddepcontrol.wait
// CHECK-COUNT-8: ld.global.nc.v4.b32
//           CHECK: ex2.approx.ftz.f32
//           CHECK: rcp.approx.ftz.f32
func.func @mlp(%q: memref<1x32x1x128xbf16>, %w1: memref<32x128x128xbf16>, %w2: memref<32x128x128xbf16>, %w3: memref<32x128x64xbf16>, %b1: memref<32x128xbf16>, %b2: memref<32x128xbf16>,
               %b3: memref<32x64xbf16>, %c: memref<1x32x1x8xi8>) {
  dashkv.hash_encode mlp ins(%q : memref<1x32x1x128xbf16>) weights(%w1, %w2, %w3 : memref<32x128x128xbf16>, memref<32x128x128xbf16>, memref<32x128x64xbf16>)
      biases(%b1, %b2, %b3 : memref<32x128xbf16>, memref<32x128xbf16>, memref<32x64xbf16>) outs(%c : memref<1x32x1x8xi8>) {activation = #dashkv.activation<silu>}
  return
}

// Many keys: 32 rows a warp and step, 8 KB in 16 loads in flight, then 128 instructions
// on the tensor cores, their weights by 32 loads of 16 bytes; whole bytes a lane.
//           CHECK: .visible .entry dashkv_encode_linear_bf16_d128_g1_bf16x64h_tiles(
//           CHECK: griddepcontrol.wait
// CHECK-COUNT-16: ld.global.v4.b32
// CHECK-COUNT-128: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
//       CHECK-NOT: mma.sync
// CHECK-COUNT-8: st.global.b8
//       CHECK-NOT: st.global
func.func @keys(%k: memref<1x8x4096x128xbf16>, %w: memref<8x128x64xbf16>, %c: memref<1x8x4096x8xi8>) {
  dashkv.hash_encode linear ins(%k : memref<1x8x4096x128xbf16>) weights(%w : memref<8x128x64xbf16>) outs(%c : memref<1x8x4096x8xi8>)
  return
}
