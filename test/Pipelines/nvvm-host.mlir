// Plain MLIR: the gpu dialect, upstream's lowering of it, and our runtime, here on a
// simulated GPU.
// RUN: dashkv-opt %s --dashkv-nvvm-pipeline='host=true target=sm_80' -o %t.mlir
// RUN: FileCheck %s --check-prefix=IR < %t.mlir
// RUN: env LD_LIBRARY_PATH=%cuda mlir-runner %t.mlir -e main --entry-point-result=void --shared-libs=%lib/libdashkv_cuda_runtime.so,%mlir_lib/libmlir_c_runner_utils.so | FileCheck %s

// IR-LABEL: llvm.func @decode
//   IR-NOT:   {{ (arith|memref|scf|func)\.}}
//       IR:   gpu.launch_func {{.*}}@dashkv_kernels::@dashkv_attend
//       IR:   gpu.launch_func {{.*}}@dashkv_kernels::@dashkv_glue_0_map
//       IR: gpu.binary @dashkv_kernels {{.*}}assembly = "

// All keys count the same: the mean of 1, 2, 3, 4, then one more.
// CHECK: 3.5
func.func @decode(%q: memref<1x2x1x64xf32>, %k: memref<1x1x?x64xf32>, %v: memref<1x1x?x64xf32>, %out: memref<1x2x1x64xf32>) {
  dashkv.attention ins(%q, %k, %v : memref<1x2x1x64xf32>, memref<1x1x?x64xf32>, memref<1x1x?x64xf32>)
      outs(%out : memref<1x2x1x64xf32>)
  %one = arith.constant 1.0 : f32
  linalg.generic {indexing_maps = [affine_map<(b, h, m, d) -> (b, h, m, d)>], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      outs(%out : memref<1x2x1x64xf32>) {
  ^bb0(%x: f32):
    %y = arith.addf %x, %one : f32
    linalg.yield %y : f32
  }
  return
}

func.func private @printF32(f32)
func.func private @printNewline()

// Device memory is the caller's business, as everywhere in the gpu dialect.
func.func @main() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  %host = memref.alloc() : memref<1x1x4x64xf32>
  scf.for %n = %c0 to %c4 step %c1 {
    %n1 = arith.addi %n, %c1 : index
    %n32 = arith.index_cast %n1 : index to i32
    %value = arith.sitofp %n32 : i32 to f32
    scf.for %d = %c0 to %c64 step %c1 {
      memref.store %value, %host[%c0, %c0, %n, %d] : memref<1x1x4x64xf32>
    }
  }
  %t0 = gpu.wait async
  %q, %t1 = gpu.alloc async [%t0] () : memref<1x2x1x64xf32>
  %t2 = gpu.memset async [%t1] %q, %zero : memref<1x2x1x64xf32>, f32
  %k, %t3 = gpu.alloc async [%t2] (%c4) : memref<1x1x?x64xf32>
  %v, %t4 = gpu.alloc async [%t3] (%c4) : memref<1x1x?x64xf32>
  %hostn = memref.cast %host : memref<1x1x4x64xf32> to memref<1x1x?x64xf32>
  %t5 = gpu.memcpy async [%t4] %k, %hostn : memref<1x1x?x64xf32>, memref<1x1x?x64xf32>
  %t6 = gpu.memcpy async [%t5] %v, %hostn : memref<1x1x?x64xf32>, memref<1x1x?x64xf32>
  %out, %t7 = gpu.alloc async [%t6] () : memref<1x2x1x64xf32>
  gpu.wait [%t7]
  func.call @decode(%q, %k, %v, %out) : (memref<1x2x1x64xf32>, memref<1x1x?x64xf32>, memref<1x1x?x64xf32>, memref<1x2x1x64xf32>) -> ()
  %result = memref.alloc() : memref<1x2x1x64xf32>
  %t8 = gpu.wait async
  %t9 = gpu.memcpy async [%t8] %result, %out : memref<1x2x1x64xf32>, memref<1x2x1x64xf32>
  gpu.wait [%t9]
  %y = memref.load %result[%c0, %c1, %c0, %c4] : memref<1x2x1x64xf32>
  func.call @printF32(%y) : (f32) -> ()
  func.call @printNewline() : () -> ()
  return
}
