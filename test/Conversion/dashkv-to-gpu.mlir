// What every kernel has; what each computes is in the files of the families.
// RUN: dashkv-opt %s --convert-dashkv-to-gpu --split-input-file | FileCheck %s
// RUN: dashkv-opt %s --convert-dashkv-to-gpu=target=sm_80 --split-input-file | FileCheck %s --check-prefix=OLD

// Launches of equal forms share a kernel; a name that is taken is evaded.
// CHECK-LABEL: func.func @twice
//       CHECK:   gpu.launch_func @dashkv_kernels_0::@dashkv_finalize_f16 blocks in
//       CHECK:   gpu.launch_func @dashkv_kernels_0::@dashkv_finalize_f16 blocks in
// CHECK-LABEL: gpu.module @dashkv_kernels_0 [#nvvm.target<O = 3, chip = "sm_90a", features = "+ptx80">]
//  CHECK-SAME:   llvm.data_layout = "e-p6:32:32-i64:64
//       CHECK:   gpu.func @dashkv_finalize_f16(%{{.*}}: memref<1xf32>, {{.*}}: i32) kernel
//  CHECK-SAME:     known_block_size = array<i32: 256, 1, 1>
//       CHECK:     griddepcontrol.launch_dependents
//       CHECK:     griddepcontrol.wait
//   CHECK-NOT:   gpu.func
// The dependencies of grids came with sm_90.
//   OLD-LABEL: gpu.module @dashkv_kernels_0
//     OLD-NOT:   griddepcontrol
func.func private @dashkv_kernels()
func.func @twice(%a: memref<1x4x1x64xf32>, %m: memref<1x4x1xf32>, %o: memref<1x4x1x64xf16>) {
  dashkv.finalize ins(%a, %m, %m : memref<1x4x1x64xf32>, memref<1x4x1xf32>, memref<1x4x1xf32>) outs(%o : memref<1x4x1x64xf16>)
  dashkv.finalize ins(%a, %m, %m : memref<1x4x1x64xf32>, memref<1x4x1xf32>, memref<1x4x1xf32>) outs(%o : memref<1x4x1x64xf16>)
  return
}

// -----

// What a kernel does not take as it is is copied around the launch.
// CHECK-LABEL: func.func @strided
//       CHECK:   %[[DENSE:.+]] = memref.alloc() : memref<1x4x1x64xi8>
//       CHECK:   gpu.launch_func
//       CHECK:   memref.copy %[[DENSE]], %arg2
func.func @strided(%q: memref<1x4x1x8xi8>, %k: memref<1x2x64x8xi8>, %d: memref<1x4x1x64xi8, strided<[512, 128, 128, 1]>>) {
  dashkv.hamming_distance ins(%q, %k : memref<1x4x1x8xi8>, memref<1x2x64x8xi8>) outs(%d : memref<1x4x1x64xi8, strided<[512, 128, 128, 1]>>)
  return
}

// -----

// A module without dashkv ops stays as it is.
// CHECK-LABEL: func.func @nothing
//   CHECK-NOT: gpu.module
func.func @nothing() {
  return
}
