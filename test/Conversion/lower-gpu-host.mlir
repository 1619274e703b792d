// RUN: dashkv-opt %s --dashkv-lower-gpu-host --split-input-file --verify-diagnostics | FileCheck %s

// A workspace is set before its first launch and freed at the end; a result is the
// caller's. Kernels whose blocks wait for each other are launched together.
// CHECK-LABEL: func.func @step
//       CHECK:   %[[SPACE:.+]], %{{.+}} = gpu.alloc async [%{{.+}}] (%{{.+}}) : memref<?xi32>
//       CHECK:   %[[ONES:.+]] = arith.constant -1 : i32
//       CHECK:   gpu.memset async [%{{.+}}] %[[SPACE]], %[[ONES]] : memref<?xi32>, i32
//       CHECK:   gpu.wait [
//       CHECK:   %[[RESULT:.+]], %{{.+}} = gpu.alloc async [%{{.+}}] () : memref<64xf32>
//       CHECK:   gpu.memcpy async [%{{.+}}] %[[RESULT]], %{{.+}} : memref<64xf32>, memref<64xf32>
//       CHECK:   call @dashkv_cooperative_launch()
//  CHECK-NEXT:   gpu.launch_func @dashkv_kernels::@together
//   CHECK-NOT:   dashkv_cooperative_launch
//       CHECK:   gpu.launch_func @dashkv_kernels::@alone
//       CHECK:   gpu.dealloc async [%{{.+}}] %[[SPACE]]
//   CHECK-NOT:   gpu.dealloc
//       CHECK:   return %[[RESULT]]
module attributes {gpu.container_module} {
  func.func @step(%x: memref<64xf32>, %n: index) -> memref<64xf32> {
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    %space = memref.alloc(%n) {dashkv.init = -1 : i8} : memref<?xi32>
    %boxes = memref.reinterpret_cast %space to offset: [0], sizes: [1], strides: [1] : memref<?xi32> to memref<1xi32>
    %result = memref.alloc() : memref<64xf32>
    memref.copy %x, %result : memref<64xf32> to memref<64xf32>
    gpu.launch_func @dashkv_kernels::@together blocks in (%c32, %c1, %c1) threads in (%c32, %c1, %c1) args(%boxes : memref<1xi32>)
    gpu.launch_func @dashkv_kernels::@alone blocks in (%c32, %c1, %c1) threads in (%c32, %c1, %c1) args(%boxes : memref<1xi32>)
    return %result : memref<64xf32>
  }
  gpu.module @dashkv_kernels {
    gpu.func @together(%boxes: memref<1xi32>) kernel attributes {dashkv.resident} {
      gpu.return
    }
    gpu.func @alone(%boxes: memref<1xi32>) kernel {
      gpu.return
    }
  }
}

// -----

// Code that uses the gpu dialect for more than launches is left alone.
// CHECK-LABEL: func.func @main
//       CHECK:   memref.alloc
//       CHECK:   gpu.alloc
func.func @main() {
  %host = memref.alloc() : memref<64xf32>
  %device = gpu.alloc host_shared () : memref<64xf32>
  memref.copy %host, %device : memref<64xf32> to memref<64xf32>
  return
}

// -----

func.func @bytes() {
  // expected-error @below {{expected i32 in a workspace with 'dashkv.init', but got 'i8'}}
  %space = memref.alloc() {dashkv.init = -1 : i8} : memref<64xi8>
  return
}
