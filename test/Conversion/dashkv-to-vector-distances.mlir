// RUN: dashkv-opt %s --dashkv-select-tile-config=target=x86-64-v3 --convert-dashkv-to-vector | FileCheck %s --check-prefixes=CHECK,TABLE
// RUN: dashkv-opt %s --dashkv-select-tile-config=target=icelake-server --convert-dashkv-to-vector | FileCheck %s --check-prefixes=CHECK,COUNT

// Packed codes are counted by the instruction where there is one, weighted ones by
// tables of nibbles on every CPU.

// CHECK-LABEL: func.func @packed
// CHECK:         call @dashkv_hamming_distance(
// CHECK-LABEL: func.func @weighted
// CHECK:         call @dashkv_hamming_distance_0(
// CHECK:       func.func private @dashkv_hamming_distance(
// TABLE:         llvm.x86.avx2.pshuf.b
// COUNT-NOT:     pshuf
// COUNT:         math.ctpop %{{.*}} : vector<64xi8>
// CHECK:       func.func private @dashkv_hamming_distance_0(
// TABLE:         llvm.x86.avx2.pshuf.b
// COUNT:         llvm.x86.avx512.pshuf.b.512
func.func @packed(%q: memref<1x8x1x8xi8>, %k: memref<1x2x?x8xi8>, %d: memref<1x8x1x?xi8>) {
  dashkv.hamming_distance ins(%q, %k : memref<1x8x1x8xi8>, memref<1x2x?x8xi8>) outs(%d : memref<1x8x1x?xi8>)
  return
}
func.func @weighted(%q: memref<1x2x1x64xi8>, %k: memref<1x2x?x8x64xi8>, %d: memref<1x2x1x?xi8>) {
  dashkv.hamming_distance ins(%q, %k : memref<1x2x1x64xi8>, memref<1x2x?x8x64xi8>) outs(%d : memref<1x2x1x?xi8>)
  return
}
