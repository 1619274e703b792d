// A kernel whose blocks wait for each other, called from plain MLIR: its mailboxes are
// set before, and it is launched cooperatively.
// RUN: dashkv-opt %s --dashkv-nvvm-pipeline='host=true target=sm_90a' -o %t.mlir
// RUN: FileCheck %s --check-prefix=IR < %t.mlir
// RUN: env LD_LIBRARY_PATH=%cuda mlir-runner %t.mlir -e main --entry-point-result=void --shared-libs=%lib/libdashkv_cuda_runtime.so,%mlir_lib/libmlir_c_runner_utils.so | FileCheck %s

// IR: llvm.call @mgpuMemset32
// IR: llvm.call @dashkv_cooperative_launch
// IR-NEXT: gpu.launch_func {{.*}}@dashkv_kernels::@dashkv_decode_

// Whatever keys are taken, all values are 2.
// CHECK: 2
func.func @decode(%q: memref<1x4x1x64xf16>, %k: memref<1x1x?x64xf16>, %v: memref<1x1x?x64xf16>, %qc: memref<1x4x1x8xi8>, %kc: memref<1x1x?x8xi8>, %out: memref<1x4x1x64xf16>) {
  dashkv.tiered_attention ins(%q, %k, %v : memref<1x4x1x64xf16>, memref<1x1x?x64xf16>, memref<1x1x?x64xf16>)
      codes(%qc, %kc : memref<1x4x1x8xi8>, memref<1x1x?x8xi8>) outs(%out : memref<1x4x1x64xf16>)
      {tiering = #dashkv.tiering<full = 0.05, dense_below = 0>}
  return
}
func.func private @printF32(f32)
func.func private @printNewline()
func.func @main() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c17 = arith.constant 17 : index
  %n = arith.constant 2048 : index
  %zero = arith.constant 0.0 : f16
  %two = arith.constant 2.0 : f16
  %t0 = gpu.wait async
  %q, %t1 = gpu.alloc async [%t0] () : memref<1x4x1x64xf16>
  %k, %t2 = gpu.alloc async [%t1] (%n) : memref<1x1x?x64xf16>
  %v, %t3 = gpu.alloc async [%t2] (%n) : memref<1x1x?x64xf16>
  %qc, %t4 = gpu.alloc async [%t3] () : memref<1x4x1x8xi8>
  %kc, %t5 = gpu.alloc async [%t4] (%n) : memref<1x1x?x8xi8>
  %out, %t6 = gpu.alloc async [%t5] () : memref<1x4x1x64xf16>
  %t7 = gpu.memset async [%t6] %q, %zero : memref<1x4x1x64xf16>, f16
  %t8 = gpu.memset async [%t7] %k, %zero : memref<1x1x?x64xf16>, f16
  %t9 = gpu.memset async [%t8] %v, %two : memref<1x1x?x64xf16>, f16
  gpu.wait [%t9]
  %hqc = memref.alloc() : memref<1x4x1x8xi8>
  %hkc = memref.alloc(%n) : memref<1x1x?x8xi8>
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  scf.for %h = %c0 to %c4 step %c1 { scf.for %i = %c0 to %c8 step %c1 {
    %b = arith.index_cast %i : index to i8
    memref.store %b, %hqc[%c0, %h, %c0, %i] : memref<1x4x1x8xi8>
  } }
  scf.for %j = %c0 to %n step %c1 { scf.for %i = %c0 to %c8 step %c1 {
    %x = arith.muli %j, %i : index
    %b = arith.index_cast %x : index to i8
    memref.store %b, %hkc[%c0, %c0, %j, %i] : memref<1x1x?x8xi8>
  } }
  %s0 = gpu.wait async
  %s1 = gpu.memcpy async [%s0] %qc, %hqc : memref<1x4x1x8xi8>, memref<1x4x1x8xi8>
  %s2 = gpu.memcpy async [%s1] %kc, %hkc : memref<1x1x?x8xi8>, memref<1x1x?x8xi8>
  gpu.wait [%s2]
  func.call @decode(%q, %k, %v, %qc, %kc, %out) : (memref<1x4x1x64xf16>, memref<1x1x?x64xf16>, memref<1x1x?x64xf16>, memref<1x4x1x8xi8>, memref<1x1x?x8xi8>, memref<1x4x1x64xf16>) -> ()
  %result = memref.alloc() : memref<1x4x1x64xf16>
  %r0 = gpu.wait async
  %r1 = gpu.memcpy async [%r0] %result, %out : memref<1x4x1x64xf16>, memref<1x4x1x64xf16>
  gpu.wait [%r1]
  %y = memref.load %result[%c0, %c3, %c0, %c17] : memref<1x4x1x64xf16>
  %z = arith.extf %y : f16 to f32
  func.call @printF32(%z) : (f32) -> ()
  func.call @printNewline() : () -> ()
  return
}
