// RUN: dashkv-opt %s --dashkv-nvvm-pipeline=target=sm_80 | FileCheck %s

// Tensors become buffers, ops become launches, sizes stay arithmetic.
// CHECK-LABEL: func.func @host
//   CHECK-NOT:   dashkv.{{retrieve|finalize}}
//       CHECK:   memref.dim
//       CHECK:   memref.alloc() {dashkv.init = 0 : i8}
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_scan_packed_l64_s2_r1_tiers
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_compact_i8
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_finalize_f16

// Inside is only what LLVM takes: bare pointers, popcounts, loops that stay loops.
// CHECK-LABEL: gpu.module @dashkv_kernels [#nvvm.target<O = 3, chip = "sm_80", features = "+ptx80">]
//       CHECK:   llvm.func @dashkv_scan_packed_l64_s2_r1_tiers(
//  CHECK-SAME:     !llvm.ptr {llvm.align = 16 : i64}
//  CHECK-SAME:     nvvm.kernel, nvvm.maxntid = array<i32: 256, 1, 1>, nvvm.minctasm = 4 : i32
//   CHECK-NOT:   {{ (arith|cf|gpu|math|memref|scf|vector)\.}}
//       CHECK:     llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr -> vector<16xi8>
//       CHECK:     llvm.intr.ctpop
//       CHECK:     llvm.br {{.*}} {loop_annotation = #loop_annotation}
//   CHECK-NOT:   {{ (arith|cf|gpu|math|memref|scf|vector)\.}}
//       CHECK:     llvm.return
func.func @host(%q: tensor<1x4x1x8xi8>, %k: tensor<1x2x?x8xi8>, %i0: tensor<1x2x1x64xi32>, %c0: tensor<1x2x1xi32>, %t0: tensor<1x2x1xi32>,
    %a: tensor<1x4x1x64xf32>, %m: tensor<1x4x1xf32>, %o: tensor<1x4x1x64xf16>) -> (tensor<1x2x1x64xi32>, tensor<1x4x1x64xf16>) {
  %0:3 = dashkv.retrieve codes(%q, %k : tensor<1x4x1x8xi8>, tensor<1x2x?x8xi8>)
      outs(%i0, %c0, %t0 : tensor<1x2x1x64xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      {tiering = #dashkv.tiering<full_min = 0, full_max = 16, sinks = 4, window = 16>}
  %1 = dashkv.finalize ins(%a, %m, %m : tensor<1x4x1x64xf32>, tensor<1x4x1xf32>, tensor<1x4x1xf32>) outs(%o : tensor<1x4x1x64xf16>)
  return %0#0, %1 : tensor<1x2x1x64xi32>, tensor<1x4x1x64xf16>
}
