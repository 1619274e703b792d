// What cannot become PTX is an error and leaves no file.
// RUN: split-file %s %t
// RUN: not dashkv-compile %t/none.mlir --emit=ptx --target=sm_90a -o %t/out.ptx 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not dashkv-compile %t/modules.mlir --emit=ptx --target=sm_90a -o %t/out.ptx 2>&1 | FileCheck %s --check-prefix=MODULES
// RUN: not dashkv-compile %t/none.mlir --emit=ptx --target=sm_91 -o %t/out.ptx 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: not ls %t/out.ptx

//--- none.mlir
// NONE: error: expected attention in the module, but found none
// TARGET: error: expected a GPU target out of sm_80, sm_86, sm_89, sm_90, sm_90a, sm_100, sm_100a, sm_120, but got 'sm_91'
func.func @none() {
  return
}

//--- modules.mlir
// MODULES: error: expected one GPU module, but got 2
gpu.module @theirs [#nvvm.target<chip = "sm_90a", features = "+ptx80">] {
  gpu.func @kernel() kernel {
    gpu.return
  }
}
func.func @scan(%q: memref<1x4x1x8xi8>, %k: memref<1x2x64x8xi8>, %d: memref<1x4x1x64xi8>) {
  dashkv.hamming_distance ins(%q, %k : memref<1x4x1x8xi8>, memref<1x2x64x8xi8>) outs(%d : memref<1x4x1x64xi8>)
  return
}
