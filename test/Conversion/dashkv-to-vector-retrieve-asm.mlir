// What the scan and the selection become on each kind of CPU.
// DEFINE: %{not} = --implicit-check-not=vgather --implicit-check-not=vpcompress --implicit-check-not=vpscatter
// RUN: dashkv-compile %s --lowering=vector --target=x86-64-v3 --emit=asm | FileCheck %s --check-prefixes=CHECK,YMM,TABLE %{not}
// RUN: dashkv-compile %s --lowering=vector --target=znver3 --emit=asm | FileCheck %s --check-prefixes=CHECK,YMM,TABLE %{not}
// RUN: dashkv-compile %s --lowering=vector --target=skylake-avx512 --emit=asm | FileCheck %s --check-prefixes=CHECK,ZMM,TABLE %{not}
// RUN: dashkv-compile %s --lowering=vector --target=icelake-server --emit=asm | FileCheck %s --check-prefixes=CHECK,ZMM,COUNT %{not}

// Eight heads: the sum saturates in one instruction.
// CHECK-LABEL: dashkv_retrieve:
// CHECK:         prefetcht0
// YMM:           vpshufb %ymm
// YMM:           vpaddusb {{.*}}%ymm
// ZMM:           vpshufb %zmm
// ZMM:           vpaddusb {{.*}}%zmm
// CHECK:         tzcnt
func.func @group(%q: memref<1x8x1x8xi8>, %k: memref<1x1x?x8x64xi8>, %i: memref<1x1x1x?xi32>, %c: memref<1x1x1xi32>, %t: memref<1x1x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x8x1x8xi8>, memref<1x1x?x8x64xi8>)
    outs(%i, %c, %t : memref<1x1x1x?xi32>, memref<1x1x1xi32>, memref<1x1x1xi32>) {tiering = #dashkv.tiering<full = 0.02>}
  return
}

// Key-major codes: bytes are interleaved.
// CHECK-LABEL: dashkv_retrieve_0:
// CHECK-DAG:     vpunpcklbw
// CHECK-DAG:     vpunpckhbw
func.func @key_major(%q: memref<1x4x1x8xi8>, %k: memref<1x1x?x8xi8>, %i: memref<1x1x1x?xi32>, %c: memref<1x1x1xi32>, %t: memref<1x1x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x4x1x8xi8>, memref<1x1x?x8xi8>)
    outs(%i, %c, %t : memref<1x1x1x?xi32>, memref<1x1x1xi32>, memref<1x1x1xi32>) {tiering = #dashkv.tiering<full = 0.02>}
  return
}

// CHECK-LABEL: dashkv_retrieve_1:
// TABLE:         vpshufb
// COUNT:         vpopcntb {{.*}}%zmm
func.func @head(%q: memref<1x4x1x8xi8>, %k: memref<1x1x?x8x64xi8>, %i: memref<1x4x1x?xi32>, %c: memref<1x4x1xi32>, %t: memref<1x4x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x4x1x8xi8>, memref<1x1x?x8x64xi8>)
    outs(%i, %c, %t : memref<1x4x1x?xi32>, memref<1x4x1xi32>, memref<1x4x1xi32>) {tiering = #dashkv.tiering<scope = head>}
  return
}
