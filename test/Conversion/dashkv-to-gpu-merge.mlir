// RUN: dashkv-opt %s --convert-dashkv-to-gpu --canonicalize --cse --split-input-file | FileCheck %s

// A warp a row; the largest maximum by shuffles, then sums in the order of the parts.
// CHECK-LABEL: func.func @merge
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_merge blocks in (%c2, %c1, %c1) threads in (%c256, %c1, %c1)
// CHECK-LABEL: gpu.func @dashkv_merge
//       CHECK:   griddepcontrol.wait
// CHECK-COUNT-5: gpu.shuffle xor
//       CHECK:   llvm.nvvm.ex2.approx.ftz.f
//       CHECK:   gpu.return
func.func @merge(%as: memref<?x1x4x3x96xf32>, %ms: memref<?x1x4x3xf32>, %ss: memref<?x1x4x3xf32>, %a: memref<1x4x3x96xf32>, %m: memref<1x4x3xf32>, %s: memref<1x4x3xf32>) {
  dashkv.merge ins(%as, %ms, %ss : memref<?x1x4x3x96xf32>, memref<?x1x4x3xf32>, memref<?x1x4x3xf32>)
      outs(%a, %m, %s : memref<1x4x3x96xf32>, memref<1x4x3xf32>, memref<1x4x3xf32>)
  return
}

// -----

// Outputs in another order of dims are written where they go; dims may be more.
// CHECK-LABEL: func.func @finalize
//   CHECK-NOT:   memref.copy
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_finalize_bf16_lse_rank5 blocks in (%c3, %c1, %c1)
//   CHECK-NOT:   memref.copy
// CHECK-LABEL: gpu.func @dashkv_finalize_bf16_lse_rank5
//       CHECK:   arith.divf
//       CHECK:   arith.truncf %{{.*}} : f32 to bf16
//       CHECK:   llvm.nvvm.lg2.approx.ftz.f
func.func @finalize(%a: memref<1x2x4x3x64xf32>, %m: memref<1x2x4x3xf32>, %s: memref<1x2x4x3xf32>, %o: memref<1x2x4x3x64xbf16, strided<[1536, 256, 64, 512, 1]>>, %l: memref<1x2x4x3xf32>) {
  dashkv.finalize ins(%a, %m, %s : memref<1x2x4x3x64xf32>, memref<1x2x4x3xf32>, memref<1x2x4x3xf32>)
      outs(%o : memref<1x2x4x3x64xbf16, strided<[1536, 256, 64, 512, 1]>>) lse(%l : memref<1x2x4x3xf32>)
  return
}
