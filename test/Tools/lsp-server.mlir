// Editors get the diagnostics of our verifier, and know our ops.

// RUN: split-file %s %t
// RUN: python %S/Inputs/lsp.py dashkv-lsp-server %t/bad.mlir %t/good.mlir %t/unfinished.mlir | FileCheck %s

// CHECK: bad.mlir:2: 'dashkv.hamming_distance' op expected distances of i8, but got 'i16'
// CHECK: good.mlir: no diagnostics
// CHECK: good.mlir: hover: {{.*}}"dashkv.calibrate"
// CHECK: unfinished.mlir:3: custom op 'dashkv.attention' expected 'ins'
// CHECK: exit code 0

//--- bad.mlir
func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %d: tensor<1x8x1x16xi16>) {
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi16>)
  return
}

//--- good.mlir
func.func @f(%d: tensor<1x8x1x16xi8>, %o: tensor<1x8x1x16xi16>) {
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  return
}

//--- unfinished.mlir
func.func @f() {
  %0 = dashkv.attention
}
