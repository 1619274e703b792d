// RUN: dashkv-opt %s --dashkv-nvvm-pipeline="target=sm_80 partial=true" 2>&1 | FileCheck %s
// RUN: not dashkv-opt %s --dashkv-nvvm-pipeline 2>&1 | FileCheck %s --check-prefix=STRICT

// STRICT: error: no lowering for dashkv.finalize on target sm_90a; supported: dashkv.retrieve
// CHECK: remark: no lowering on target sm_80 for dashkv.finalize: left to the host

// What is outside of the kernels stays as it is.
// CHECK-LABEL: func.func @host
//       CHECK:   dashkv.retrieve
//       CHECK:   dashkv.finalize
//       CHECK:   tensor.extract_slice

// Inside is only what LLVM takes: bare pointers, popcounts, loops that stay loops.
// CHECK-LABEL: gpu.module @dashkv_kernels [#nvvm.target<O = 3, chip = "sm_80", features = "+ptx80">]
//       CHECK:   llvm.func @dashkv_scan_group_packed_l64_g2_m1(
//  CHECK-SAME:     !llvm.ptr {llvm.align = 16 : i64, llvm.noalias, llvm.readonly}
//  CHECK-SAME:     nvvm.kernel, nvvm.maxntid = array<i32: 256, 1, 1>, nvvm.minctasm = 4 : i32
//   CHECK-NOT:   {{ (arith|cf|gpu|math|memref|scf|vector)\.}}
//       CHECK:     llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr -> vector<4xi32>
//       CHECK:     llvm.intr.ctpop
//       CHECK:     llvm.br {{.*}} {loop_annotation = #loop_annotation}
//   CHECK-NOT:   {{ (arith|cf|gpu|math|memref|scf|vector)\.}}
//       CHECK:     llvm.return
func.func @host(%q: tensor<1x4x1x8xi8>, %k: tensor<1x2x?x8xi8>, %i0: tensor<1x2x1x64xi32>, %c0: tensor<1x2x1xi32>,
    %a: tensor<1x4x1x64xf32>, %m: tensor<1x4x1xf32>, %o: tensor<1x4x1x64xf16>) -> (tensor<1x2x1x8xi32>, tensor<1x4x1x64xf16>) {
  %0:3 = dashkv.retrieve codes(%q, %k : tensor<1x4x1x8xi8>, tensor<1x2x?x8xi8>)
      outs(%i0, %c0, %c0 : tensor<1x2x1x64xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      {tiering = #dashkv.tiering<full_min = 0, full_max = 16, sinks = 4, window = 16>}
  %1 = dashkv.finalize ins(%a, %m, %m : tensor<1x4x1x64xf32>, tensor<1x4x1xf32>, tensor<1x4x1xf32>) outs(%o : tensor<1x4x1x64xf16>)
  %2 = tensor.extract_slice %0#0[0, 0, 0, 0] [1, 2, 1, 8] [1, 1, 1, 1] : tensor<1x2x1x64xi32> to tensor<1x2x1x8xi32>
  return %2, %1 : tensor<1x2x1x8xi32>, tensor<1x4x1x64xf16>
}
