// RUN: dashkv-opt %s --convert-dashkv-to-gpu --canonicalize --cse --split-input-file | FileCheck %s

// Codes of new keys: a CTA a head, in place, no copy. 128 x 64 weights of f32 are 8
// loads of 16 bytes for each of 256 threads, all before the kernel waits.
// CHECK-LABEL: func.func @append
//  CHECK-SAME:   %[[X:[a-z0-9]+]]: memref<1x8x1x128xbf16, {{.*}}>, %[[W:[a-z0-9]+]]: memref<8x128x64xf32>, %[[B:[a-z0-9]+]]: memref<8x64xf32>, %[[CODES:[a-z0-9]+]]: memref<1x8x?x8xi8>
//   CHECK-NOT:   memref.alloc
//   CHECK-NOT:   memref.copy
//       CHECK:   %[[OFFSET:.+]] = arith.index_cast %{{.*}} : index to i64
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_encode_linear_bf16_d128_g1_f32x64h_f32_r1_t256 blocks in (%c1, %c8, %c1) threads in (%c256, %c1, %c1)
// CHECK-LABEL: gpu.func @dashkv_encode_linear_bf16_d128_g1_f32x64h_f32_r1_t256
//  CHECK-SAME:   memref<1xf32> {llvm.align = 16 : i64, llvm.noalias, llvm.readonly}
//       CHECK:   griddepcontrol.launch_dependents
// CHECK-COUNT-8: vector.load %{{.*}} {alignment = 16 : i64} : memref<8192xf32, {{.*}}>, vector<4xf32>
//   CHECK-NOT:   vector.load
//       CHECK:   griddepcontrol.wait
//       CHECK:   gpu.barrier
// 8 loads of 4 weights.
// CHECK-COUNT-32: llvm.intr.fma
// Lane i has byte i of the code, which may lie on any address.
// CHECK-COUNT-2: nvvm.vote.sync ballot
//       CHECK:   memref.store %{{.*}} : memref<1xi8, strided<[1], offset: ?>>
//       CHECK:   gpu.return
func.func @append(%x: memref<1x8x1x128xbf16, strided<[1024, 128, 1024, 1], offset: ?>>, %w: memref<8x128x64xf32>, %b: memref<8x64xf32>, %codes: memref<1x8x?x8xi8>, %n: index) {
  %row = memref.subview %codes[0, 0, %n, 0] [1, 8, 1, 8] [1, 1, 1, 1] : memref<1x8x?x8xi8> to memref<1x8x1x8xi8, strided<[?, ?, 8, 1], offset: ?>>
  dashkv.hash_encode linear ins(%x : memref<1x8x1x128xbf16, strided<[1024, 128, 1024, 1], offset: ?>>) weights(%w : memref<8x128x64xf32>)
      biases(%b : memref<8x64xf32>) outs(%row : memref<1x8x1x8xi8, strided<[?, ?, 8, 1], offset: ?>>)
  return
}

// -----

// Keys and queries of a decode step: one launch, heads of the keys first.
// CHECK-LABEL: func.func @pair
//   CHECK-NOT:   gpu.launch_func
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_encode_linear_f16_d64_g1_f16x64h_and_encode_linear_f16_d64_g4_f16x64h_w7 blocks in (%c1, %c4, %c1)
//   CHECK-NOT:   gpu.launch_func
// CHECK-LABEL: gpu.func @dashkv_encode_linear_f16_d64_g1_f16x64h_and_encode_linear_f16_d64_g4_f16x64h_w7
//       CHECK:   %[[Y:.+]] = gpu.block_id y
//       CHECK:   scf.if
//       CHECK:     nvvm.vote.sync ballot
//       CHECK:   scf.if
// s = min(8 / max|z|, 126 / sum|z|): numbers that are not negative are in the order of their bits.
//       CHECK:     nvvm.redux.sync umax
// CHECK-COUNT-5:   gpu.shuffle xor %{{.*}}, %{{.*}}, %{{.*}} : f32
// CHECK-COUNT-2:   arith.divf
//       CHECK:     arith.fptosi
func.func @pair(%k: memref<1x2x1x64xf16>, %q: memref<1x8x1x64xf16>, %wk: memref<2x64x64xf16>, %wq: memref<2x256x64xf16>, %kc: memref<1x2x1x8xi8>) -> memref<1x2x1x64xi8> {
  dashkv.hash_encode linear ins(%k : memref<1x2x1x64xf16>) weights(%wk : memref<2x64x64xf16>) outs(%kc : memref<1x2x1x8xi8>)
  memref.copy %kc, %kc : memref<1x2x1x8xi8> to memref<1x2x1x8xi8>
  %qc = memref.alloc() : memref<1x2x1x64xi8>
  dashkv.hash_encode linear ins(%q : memref<1x8x1x64xf16>) weights(%wq : memref<2x256x64xf16>) outs(%qc : memref<1x2x1x64xi8>) {group = 4 : i64, levels = 7 : i64}
  return %qc : memref<1x2x1x64xi8>
}

// -----

// Not at once: the second reads what the first writes, or memory changes between.
// CHECK-LABEL: func.func @in_turn
// CHECK-COUNT-3: gpu.launch_func @dashkv_kernels::@dashkv_encode_linear_f16_d64_g1_f16x64_r1_t256
func.func @in_turn(%k: memref<1x2x1x64xf16>, %w: memref<64x64xf16>, %c: memref<1x2x1x8xi8>) {
  dashkv.hash_encode linear ins(%k : memref<1x2x1x64xf16>) weights(%w : memref<64x64xf16>) outs(%c : memref<1x2x1x8xi8>)
  dashkv.hash_encode linear ins(%k : memref<1x2x1x64xf16>) weights(%w : memref<64x64xf16>) outs(%c : memref<1x2x1x8xi8>)
  %d = memref.alloc() : memref<1x2x1x8xi8>
  memref.copy %c, %d : memref<1x2x1x8xi8> to memref<1x2x1x8xi8>
  dashkv.hash_encode linear ins(%k : memref<1x2x1x64xf16>) weights(%w : memref<64x64xf16>) outs(%d : memref<1x2x1x8xi8>)
  return
}

// -----

// Few rows of a large mlp: a launch a layer, 64 outputs a CTA. Many: all layers in one,
// 8 rows at a time. Exponentials by the hardware, no library.
// CHECK-LABEL: func.func @mlp
//       CHECK:   call @dashkv_multiprocessors
//       CHECK:   scf.if
//       CHECK:     gpu.launch_func @dashkv_kernels::@dashkv_encode_tanh_f16_d128_g1_f32x256_f32_f32x256_f32_f32x64_f32_scale_r8_t256
//       CHECK:   else
//       CHECK:     %[[Y1:.+]] = memref.alloc() : memref<1x8x4x256xf32>
//       CHECK:     gpu.launch_func @dashkv_kernels::@dashkv_encode_tanh_f16_d128_g1_f32x256_f32_values_r1_t512 blocks in (%c32, %c1, %c4)
//       CHECK:     %[[Y2:.+]] = memref.alloc() : memref<1x8x4x256xf32>
//       CHECK:     gpu.launch_func @dashkv_kernels::@dashkv_encode_tanh_f32_d256_g1_f32x256_f32_values_r1_t512 blocks in (%c32, %c1, %c4)
//       CHECK:     gpu.launch_func @dashkv_kernels::@dashkv_encode_linear_f32_d256_g1_f32x64_f32_scale_r1_t512 blocks in (%c32, %c1, %c1)
// CHECK-LABEL: gpu.func @dashkv_encode_tanh_f16_d128_g1_f32x256_f32_f32x256_f32_f32x64_f32_scale_r8_t256
//   CHECK-NOT:   math.
//       CHECK:   llvm.nvvm.ex2.approx.ftz.f
//       CHECK:   llvm.nvvm.rcp.approx.ftz.f
//   CHECK-NOT:   math.
//       CHECK:   gpu.return
func.func @mlp(%q: memref<1x8x4x128xf16>, %w1: memref<128x256xf32>, %w2: memref<256x256xf32>, %w3: memref<256x64xf32>, %b1: memref<256xf32>, %b2: memref<256xf32>,
               %b3: memref<64xf32>, %c: memref<1x8x4x8xi8>, %s: memref<1x8x4xf32>) {
  dashkv.hash_encode mlp ins(%q : memref<1x8x4x128xf16>) weights(%w1, %w2, %w3 : memref<128x256xf32>, memref<256x256xf32>, memref<256x64xf32>)
      biases(%b1, %b2, %b3 : memref<256xf32>, memref<256xf32>, memref<64xf32>) outs(%c : memref<1x8x4x8xi8>) code_scale(%s : memref<1x8x4xf32>) {activation = #dashkv.activation<tanh>}
  return
}

// -----

// Codes of a prefill: tensor cores where there are rows enough, on 16 bytes. 4 steps
// of 32 values, 8 tiles of columns, 2 blocks of 16 rows, 2 instructions each.
// CHECK-LABEL: func.func @prefill
//       CHECK:   %[[MANY:.+]] = arith.cmpi uge, %{{.*}}, %c64
//       CHECK:   scf.if %[[MANY]]
//       CHECK:     gpu.launch_func @dashkv_kernels::@dashkv_encode_linear_bf16_d128_g1_bf16x64h_tiles blocks in (%{{.*}}, %c8, %c1) threads in (%c256, %c1, %c1) dynamic_shared_memory_size %c16640_i32
// CHECK-LABEL: gpu.func @dashkv_encode_linear_bf16_d128_g1_bf16x64h_tiles
// CHECK-COUNT-16: vector.load %{{.*}} {alignment = 16 : i64} : memref<8xbf16, strided<[1], offset: ?>>, vector<8xbf16>
// CHECK-COUNT-128: nvvm.mma.sync
//   CHECK-NOT:   nvvm.mma.sync
//       CHECK:   gpu.return
func.func @prefill(%k: memref<1x8x?x128xbf16>, %w: memref<8x128x64xbf16>, %c: memref<1x8x?x8xi8>) {
  dashkv.hash_encode linear ins(%k : memref<1x8x?x128xbf16>) weights(%w : memref<8x128x64xbf16>) outs(%c : memref<1x8x?x8xi8>)
  return
}

// -----

// f32 is the sum of three numbers of bf16: six products of nine count. What is not
// finite is done again by multiply-adds.
// CHECK-LABEL: gpu.func @dashkv_encode_linear_f32_d64_g1_f32x32_tiles
// CHECK-COUNT-96: nvvm.mma.sync
//   CHECK-NOT:   nvvm.mma.sync
//       CHECK:   nvvm.vote.sync any
//       CHECK:   nvvm.vote.sync ballot
func.func @split(%k: memref<1x8x128x64xf32>, %w: memref<64x32xf32>, %c: memref<1x8x128x4xi8>) {
  dashkv.hash_encode linear ins(%k : memref<1x8x128x64xf32>) weights(%w : memref<64x32xf32>) outs(%c : memref<1x8x128x4xi8>)
  return
}

// -----

// Rows whose elements lie apart, weights at strides: one by one.
// CHECK-LABEL: func.func @strided
//   CHECK-NOT:   memref.copy
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_encode_linear_f16_d64_g1_f16x64v0_r8_t256
//   CHECK-NOT:   memref.copy
// CHECK-LABEL: gpu.func @dashkv_encode_linear_f16_d64_g1_f16x64v0_r8_t256
//   CHECK-NOT:   vector.load %{{.*}}xf16
//       CHECK:   gpu.return
func.func @strided(%k: memref<1x2x128x64xf16, strided<[16384, 8192, 1, 128]>>, %w: memref<64x64xf16, strided<[1, 64]>>, %c: memref<1x2x128x8xi8>) {
  dashkv.hash_encode linear ins(%k : memref<1x2x128x64xf16, strided<[16384, 8192, 1, 128]>>) weights(%w : memref<64x64xf16, strided<[1, 64]>>) outs(%c : memref<1x2x128x8xi8>)
  return
}

// -----

// Weights that the step itself makes are no constants: they are read after the wait.
// CHECK-LABEL: gpu.func @dashkv_encode_linear_f16_d64_g1_f16x64_fresh_r1_t256
//   CHECK-NOT:   llvm.readonly
//       CHECK:   griddepcontrol.wait
//       CHECK:   vector.load
//   CHECK-NOT:   griddepcontrol.wait
//       CHECK:   gpu.return
func.func @fresh(%k: memref<1x2x1x64xf16>, %w: memref<64x64xf16, strided<[1, 64]>>, %c: memref<1x2x1x8xi8>) {
  %t = memref.alloc() : memref<64x64xf16>
  memref.copy %w, %t : memref<64x64xf16, strided<[1, 64]>> to memref<64x64xf16>
  dashkv.hash_encode linear ins(%k : memref<1x2x1x64xf16>) weights(%t : memref<64x64xf16>) outs(%c : memref<1x2x1x8xi8>)
  return
}

// -----

// Sizes that are known at run time only: a thread an output, values of the layers in
// dynamic shared memory, those of even layers first.
// CHECK-LABEL: func.func @dynamic
//  CHECK-SAME:   %[[X:[a-z0-9]+]]: memref<1x2x1x?xf16>, %[[W1:[a-z0-9]+]]: memref<?x?xf16>
//       CHECK:   %[[IN:.+]] = memref.dim %[[X]], %c3
//       CHECK:   %[[HIDDEN:.+]] = memref.dim %[[W1]], %c1
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_encode_relu_f16_dn_g1_f16xnv0_f16_f16x32v0_f16_f16x64v0_f16_any blocks in (%c2, %c1, %c1) threads in (%c256, %c1, %c1) dynamic_shared_memory_size
func.func @dynamic(%x: memref<1x2x1x?xf16>, %w1: memref<?x?xf16>, %w2: memref<?x32xf16>, %w3: memref<32x64xf16>, %b: memref<?xf16>, %b2: memref<32xf16>, %b3: memref<64xf16>, %c: memref<1x2x1x8xi8>) {
  dashkv.hash_encode mlp ins(%x : memref<1x2x1x?xf16>) weights(%w1, %w2, %w3 : memref<?x?xf16>, memref<?x32xf16>, memref<32x64xf16>)
      biases(%b, %b2, %b3 : memref<?xf16>, memref<32xf16>, memref<64xf16>) outs(%c : memref<1x2x1x8xi8>) {activation = #dashkv.activation<relu>}
  return
}
