// What cannot become PTX is an error and leaves no file.
// RUN: split-file %s %t
// RUN: not dashkv-compile %t/exact.mlir --emit=ptx --target=sm_90a -o %t/out.ptx 2>&1 | FileCheck %s --check-prefix=EXACT
// RUN: not dashkv-compile %t/modules.mlir --emit=ptx --target=sm_90a -o %t/out.ptx 2>&1 | FileCheck %s --check-prefix=MODULES
// RUN: not dashkv-compile %t/retrieve.mlir --emit=ptx --target=sm_91 -o %t/out.ptx 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: not ls %t/out.ptx

//--- exact.mlir
// EXACT: error: expected retrieval, which has a GPU kernel, but found none
func.func @exact(%q: tensor<1x4x1x64xf16>, %k: tensor<1x2x8x64xf16>) -> tensor<1x4x1x64xf16> {
  %init = tensor.empty() : tensor<1x4x1x64xf16>
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x4x1x64xf16>, tensor<1x2x8x64xf16>, tensor<1x2x8x64xf16>) outs(%init : tensor<1x4x1x64xf16>)
  return %0 : tensor<1x4x1x64xf16>
}

//--- modules.mlir
// MODULES: error: expected one GPU module, but got 2
gpu.module @theirs [#nvvm.target<chip = "sm_90a", features = "+ptx80">] {
  gpu.func @kernel() kernel {
    gpu.return
  }
}
func.func @scan(%q: memref<1x4x1x8xi8>, %k: memref<1x2x?x8xi8>, %i: memref<1x2x1x?xi32>, %c: memref<1x2x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x4x1x8xi8>, memref<1x2x?x8xi8>)
      outs(%i, %c, %c : memref<1x2x1x?xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

//--- retrieve.mlir
// TARGET: error: expected a GPU target out of sm_80, sm_86, sm_89, sm_90, sm_90a, sm_100, sm_100a, sm_120, but got 'sm_91'
func.func @scan(%q: memref<1x4x1x8xi8>, %k: memref<1x2x?x8xi8>, %i: memref<1x2x1x?xi32>, %c: memref<1x2x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x4x1x8xi8>, memref<1x2x?x8xi8>)
      outs(%i, %c, %c : memref<1x2x1x?xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}
