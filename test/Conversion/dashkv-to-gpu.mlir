// RUN: dashkv-opt %s --convert-dashkv-to-gpu --split-input-file | FileCheck %s
// RUN: dashkv-opt %s --convert-dashkv-to-gpu=target=sm_120 --split-input-file | FileCheck %s --check-prefix=CHIP

// Four packed codes of a group sum to c + 2 D, D = popc(x & m0) + 2 popc(x & m1),
// x = key ^ signs: at most 128, a byte a key and 129 bins.
// CHECK-LABEL: func.func @group
//       CHECK:   dashkv.retrieve
//  CHECK-SAME:     dashkv.kernel = @dashkv_kernels::@dashkv_scan_group_packed_l64_g4_m1
// CHECK-LABEL: gpu.module @dashkv_kernels [#nvvm.target<O = 3, chip = "sm_90a", features = "+ptx80">]
//  CHECK-SAME:   llvm.data_layout = "e-p6:32:32-i64:64
//        CHIP: gpu.module @dashkv_kernels [#nvvm.target<O = 3, chip = "sm_120", features = "+ptx87">]
//       CHECK:   gpu.func @dashkv_scan_group_packed_l64_g4_m1(
//  CHECK-SAME:     %[[QUERIES:[^:]+]]: memref<1xi8>,
//  CHECK-SAME:     %[[KEYS:[^:]+]]: memref<1xi32> {llvm.align = 16 : i64, llvm.noalias, llvm.readonly},
//  CHECK-SAME:     %[[DISTANCES:[^:]+]]: memref<1xi8> {llvm.align = 16 : i64, llvm.noalias},
//  CHECK-SAME:     %[[HISTOGRAM:[^:]+]]: memref<1xi32>,
//  CHECK-SAME:     %{{[^:]+}}: memref<1xi32>, %[[N:[^:]+]]: i32)
//  CHECK-SAME:     workgroup(%[[BINS:[^ ]+]] : memref<132xi32, #gpu.address_space<workgroup>> {llvm.align = 16 : i64}
//  CHECK-SAME:     kernel attributes {known_block_size = array<i32: 256, 1, 1>, nvvm.minctasm = 4 : i32}
// Weights by lanes, planes by ballots: signs and two masks, and the constant c.
// CHECK-COUNT-3:   nvvm.vote.sync ballot
//       CHECK:     nvvm.redux.sync add
//       CHECK:     gpu.barrier
// Eight keys in four loads of 16 bytes; two popcounts of a word a plane.
// CHECK-COUNT-4:   vector.load %{{.*}} {alignment = 16 : i64} : memref<?xi32, strided<[1], offset: ?>>, vector<4xi32>
// CHECK-COUNT-32:  math.ctpop
//       CHECK:     vector.store %{{.*}} {alignment = 2 : i64} : memref<?xi8, strided<[1], offset: ?>>, vector<2xi8>
//       CHECK:     memref.extract_aligned_pointer_as_index %[[BINS]]
//       CHECK:     llvm.atomicrmw add %{{.*}} syncscope("block") monotonic : !llvm.ptr<3>, i32
// The tail reads a key at a time.
//       CHECK:     vector.load %{{.*}} {alignment = 8 : i64} : memref<?xi32, strided<[1], offset: ?>>, vector<2xi32>
//       CHECK:     memref.extract_aligned_pointer_as_index %[[HISTOGRAM]]
//       CHECK:     llvm.atomicrmw add %{{.*}} syncscope("device") monotonic : !llvm.ptr, i32
func.func @group(%q: tensor<1x32x1x8xi8>, %k: tensor<1x8x?x8xi8>, %i0: tensor<1x8x1x?xi32>, %c0: tensor<1x8x1xi32>) -> tensor<1x8x1x?xi32> {
  %i, %c, %t = dashkv.retrieve codes(%q, %k : tensor<1x32x1x8xi8>, tensor<1x8x?x8xi8>)
      outs(%i0, %c0, %c0 : tensor<1x8x1x?xi32>, tensor<1x8x1xi32>, tensor<1x8x1xi32>) {tiering = #dashkv.tiering<>}
  return %i : tensor<1x8x1x?xi32>
}

// -----

// An odd group has only odd weights: the lowest plane needs no mask.
// CHECK-LABEL: gpu.func @dashkv_scan_group_packed_l64_g3_m1(
// CHECK-COUNT-2: nvvm.vote.sync ballot
//   CHECK-NOT:   nvvm.vote.sync ballot
//       CHECK:   gpu.return
func.func @odd_group(%q: tensor<1x9x1x8xi8>, %k: tensor<1x3x?x8xi8>, %i0: tensor<1x3x1x?xi32>, %c0: tensor<1x3x1xi32>) {
  %i, %c, %t = dashkv.retrieve codes(%q, %k : tensor<1x9x1x8xi8>, tensor<1x3x?x8xi8>)
      outs(%i0, %c0, %c0 : tensor<1x3x1x?xi32>, tensor<1x3x1xi32>, tensor<1x3x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

// Weighted codes: up to seven planes, but only those in use are counted.
// CHECK-LABEL: gpu.func @dashkv_scan_group_weighted_l64_g1_m1_lengths(
//  CHECK-SAME:   %{{[^:]+}}: memref<1xi8>, %{{[^:]+}}: memref<1xi32> {llvm.align = 16 : i64, llvm.noalias, llvm.readonly}, %[[LENGTHS:[^:]+]]: memref<1xi32>,
//       CHECK:   memref.reinterpret_cast %[[LENGTHS]]
// CHECK-COUNT-8: nvvm.vote.sync ballot
//       CHECK:   nvvm.redux.sync or
//       CHECK:   %[[LEADING:.+]] = math.ctlz
//       CHECK:   %[[PLANES:.+]] = arith.minsi
//       CHECK:   scf.for
//       CHECK:     scf.for %{{.*}} = %{{.*}} to %[[PLANES]]
// CHECK-COUNT-16:    math.ctpop
func.func @weighted(%q: tensor<2x8x1x64xi8>, %k: tensor<2x8x?x8xi8>, %l: tensor<2xi32>, %i0: tensor<2x8x1x?xi32>, %c0: tensor<2x8x1xi32>) {
  %i, %c, %t = dashkv.retrieve codes(%q, %k : tensor<2x8x1x64xi8>, tensor<2x8x?x8xi8>) lengths(%l : tensor<2xi32>)
      outs(%i0, %c0, %c0 : tensor<2x8x1x?xi32>, tensor<2x8x1xi32>, tensor<2x8x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

// Scope head, 256 bits: up to 256, so two bytes a key; a key is two loads.
// CHECK-LABEL: gpu.func @dashkv_scan_head_packed_l256_g2_m2(
//  CHECK-SAME:   memref<1xi16>
// CHECK-COUNT-4: vector.load %{{.*}} {alignment = 16 : i64}
//       CHECK:   scf.for
// CHECK-COUNT-16:  math.ctpop
//       CHECK:   vector.store %{{.*}} {alignment = 2 : i64} : memref<?xi16, strided<[1], offset: ?>>, vector<1xi16>
func.func @head(%q: memref<1x4x2x32xi8>, %k: memref<1x2x?x32xi8>, %i0: memref<1x4x2x?xi32>, %c0: memref<1x4x2xi32>, %t0: memref<1x4x2xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x4x2x32xi8>, memref<1x2x?x32xi8>)
      outs(%i0, %c0, %t0 : memref<1x4x2x?xi32>, memref<1x4x2xi32>, memref<1x4x2xi32>) {tiering = #dashkv.tiering<scope = head>}
  return
}

// -----

// Votes count heads one by one, so scope group keeps them apart too. Equal scans
// share a kernel; a taken name is evaded.
// CHECK-LABEL: func.func @votes
//       CHECK:   dashkv.kernel = @dashkv_kernels_0::@dashkv_scan_head_packed_l64_g4_m1
//       CHECK:   dashkv.kernel = @dashkv_kernels_0::@dashkv_scan_head_packed_l64_g4_m1
//       CHECK: gpu.module @dashkv_kernels_0
//       CHECK:   gpu.func
//   CHECK-NOT:   gpu.func
func.func private @dashkv_kernels()
func.func @votes(%q: tensor<1x32x1x8xi8>, %k: tensor<1x8x?x8xi8>, %v: tensor<32xi16>, %i0: tensor<1x8x1x?xi32>, %i1: tensor<1x32x1x?xi32>, %c0: tensor<1x8x1xi32>, %c1: tensor<1x32x1xi32>) {
  %0:3 = dashkv.retrieve codes(%q, %k : tensor<1x32x1x8xi8>, tensor<1x8x?x8xi8>) vote_discount(%v : tensor<32xi16>)
      outs(%i0, %c0, %c0 : tensor<1x8x1x?xi32>, tensor<1x8x1xi32>, tensor<1x8x1xi32>) {tiering = #dashkv.tiering<>}
  %1:3 = dashkv.retrieve codes(%q, %k : tensor<1x32x1x8xi8>, tensor<1x8x?x8xi8>)
      outs(%i1, %c1, %c1 : tensor<1x32x1x?xi32>, tensor<1x32x1xi32>, tensor<1x32x1xi32>) {tiering = #dashkv.tiering<scope = head>}
  return
}

// -----

// A module without dashkv ops stays as it is.
// CHECK-LABEL: func.func @nothing
//   CHECK-NOT: gpu.module
func.func @nothing() {
  return
}
