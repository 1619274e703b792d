// RUN: not dashkv-opt %s --convert-dashkv-to-vector 2>&1 | FileCheck %s

// CHECK: error: no CPU kernel for dashkv.finalize: it has no tile_config
func.func @finalize(%a: memref<1x4x1x64xf32>, %m: memref<1x4x1xf32>, %s: memref<1x4x1xf32>, %o: memref<1x4x1x64xf16>) {
  dashkv.finalize ins(%a, %m, %s : memref<1x4x1x64xf32>, memref<1x4x1xf32>, memref<1x4x1xf32>)
    outs(%o : memref<1x4x1x64xf16>)
  return
}
