// Every size of code, form, scope and number of rows compiles without spills and
// without calls on the chips that the project promises; the rest of the table is
// accepted.
// REQUIRES: ptxas
// RUN: dashkv-compile %s --emit=ptx --target=sm_80 -o %t.sm_80.ptx
// RUN: ptxas -v -arch=sm_80 %t.sm_80.ptx -o %t.cubin 2>&1 | FileCheck %s --implicit-check-not="bytes spill"
// RUN: FileCheck %s --input-file=%t.sm_80.ptx --check-prefix=CALLS
// RUN: dashkv-compile %s --emit=ptx --target=sm_90a -o %t.sm_90a.ptx
// RUN: ptxas -v -arch=sm_90a %t.sm_90a.ptx -o %t.cubin 2>&1 | FileCheck %s --implicit-check-not="bytes spill"
// RUN: FileCheck %s --input-file=%t.sm_90a.ptx --check-prefix=CALLS
// RUN: dashkv-compile %s --emit=ptx --target=sm_100 -o %t.sm_100.ptx
// RUN: ptxas -v -arch=sm_100 %t.sm_100.ptx -o %t.cubin 2>&1 | FileCheck %s --implicit-check-not="bytes spill"
// RUN: FileCheck %s --input-file=%t.sm_100.ptx --check-prefix=CALLS
// RUN: dashkv-compile %s --emit=ptx --target=sm_120 -o %t.sm_120.ptx
// RUN: ptxas -v -arch=sm_120 %t.sm_120.ptx -o %t.cubin 2>&1 | FileCheck %s --implicit-check-not="bytes spill"
// RUN: FileCheck %s --input-file=%t.sm_120.ptx --check-prefix=CALLS
// RUN: dashkv-compile %S/scan.mlir --emit=ptx --target=sm_86 -o %t.ptx && ptxas -arch=sm_86 %t.ptx -o %t.cubin
// RUN: dashkv-compile %S/scan.mlir --emit=ptx --target=sm_89 -o %t.ptx && ptxas -arch=sm_89 %t.ptx -o %t.cubin
// RUN: dashkv-compile %S/scan.mlir --emit=ptx --target=sm_90 -o %t.ptx && ptxas -arch=sm_90 %t.ptx -o %t.cubin
// RUN: dashkv-compile %S/scan.mlir --emit=ptx --target=sm_100a -o %t.ptx && ptxas -arch=sm_100a %t.ptx -o %t.cubin
// CHECK-COUNT-29: 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
// CALLS: .visible .entry
// CALLS-NOT: .extern
// CALLS-NOT: call

func.func @f0(%q: memref<1x2x1x4xi8>, %k: memref<1x2x?x4xi8>, %l: memref<1xi32>, %i: memref<1x2x1x?xi32>, %c: memref<1x2x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x2x1x4xi8>, memref<1x2x?x4xi8>) lengths(%l : memref<1xi32>)
      outs(%i, %c, %c : memref<1x2x1x?xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f1(%q: memref<1x6x3x32xi8>, %k: memref<1x2x?x4xi8>, %l: memref<1xi32>, %i: memref<1x2x3x?xi32>, %c: memref<1x2x3xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x6x3x32xi8>, memref<1x2x?x4xi8>)
      outs(%i, %c, %c : memref<1x2x3x?xi32>, memref<1x2x3xi32>, memref<1x2x3xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f2(%q: memref<1x8x8x4xi8>, %k: memref<1x2x?x4xi8>, %l: memref<1xi32>, %i: memref<1x2x8x?xi32>, %c: memref<1x2x8xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x8x8x4xi8>, memref<1x2x?x4xi8>) lengths(%l : memref<1xi32>)
      outs(%i, %c, %c : memref<1x2x8x?xi32>, memref<1x2x8xi32>, memref<1x2x8xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f3(%q: memref<1x16x1x32xi8>, %k: memref<1x2x?x4xi8>, %l: memref<1xi32>, %i: memref<1x2x1x?xi32>, %c: memref<1x2x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x16x1x32xi8>, memref<1x2x?x4xi8>)
      outs(%i, %c, %c : memref<1x2x1x?xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f4(%q: memref<1x2x3x64xi8>, %k: memref<1x2x?x8xi8>, %l: memref<1xi32>, %i: memref<1x2x3x?xi32>, %c: memref<1x2x3xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x2x3x64xi8>, memref<1x2x?x8xi8>) lengths(%l : memref<1xi32>)
      outs(%i, %c, %c : memref<1x2x3x?xi32>, memref<1x2x3xi32>, memref<1x2x3xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f5(%q: memref<1x6x8x8xi8>, %k: memref<1x2x?x8xi8>, %l: memref<1xi32>, %i: memref<1x2x8x?xi32>, %c: memref<1x2x8xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x6x8x8xi8>, memref<1x2x?x8xi8>)
      outs(%i, %c, %c : memref<1x2x8x?xi32>, memref<1x2x8xi32>, memref<1x2x8xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f6(%q: memref<1x8x1x64xi8>, %k: memref<1x2x?x8xi8>, %l: memref<1xi32>, %i: memref<1x2x1x?xi32>, %c: memref<1x2x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x8x1x64xi8>, memref<1x2x?x8xi8>) lengths(%l : memref<1xi32>)
      outs(%i, %c, %c : memref<1x2x1x?xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f7(%q: memref<1x16x3x8xi8>, %k: memref<1x2x?x8xi8>, %l: memref<1xi32>, %i: memref<1x2x3x?xi32>, %c: memref<1x2x3xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x16x3x8xi8>, memref<1x2x?x8xi8>)
      outs(%i, %c, %c : memref<1x2x3x?xi32>, memref<1x2x3xi32>, memref<1x2x3xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f8(%q: memref<1x2x8x16xi8>, %k: memref<1x2x?x16xi8>, %l: memref<1xi32>, %i: memref<1x2x8x?xi32>, %c: memref<1x2x8xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x2x8x16xi8>, memref<1x2x?x16xi8>) lengths(%l : memref<1xi32>)
      outs(%i, %c, %c : memref<1x2x8x?xi32>, memref<1x2x8xi32>, memref<1x2x8xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f9(%q: memref<1x6x1x128xi8>, %k: memref<1x2x?x16xi8>, %l: memref<1xi32>, %i: memref<1x2x1x?xi32>, %c: memref<1x2x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x6x1x128xi8>, memref<1x2x?x16xi8>)
      outs(%i, %c, %c : memref<1x2x1x?xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f10(%q: memref<1x8x3x16xi8>, %k: memref<1x2x?x16xi8>, %l: memref<1xi32>, %i: memref<1x2x3x?xi32>, %c: memref<1x2x3xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x8x3x16xi8>, memref<1x2x?x16xi8>) lengths(%l : memref<1xi32>)
      outs(%i, %c, %c : memref<1x2x3x?xi32>, memref<1x2x3xi32>, memref<1x2x3xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f11(%q: memref<1x16x8x128xi8>, %k: memref<1x2x?x16xi8>, %l: memref<1xi32>, %i: memref<1x2x8x?xi32>, %c: memref<1x2x8xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x16x8x128xi8>, memref<1x2x?x16xi8>)
      outs(%i, %c, %c : memref<1x2x8x?xi32>, memref<1x2x8xi32>, memref<1x2x8xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f12(%q: memref<1x2x1x256xi8>, %k: memref<1x2x?x32xi8>, %l: memref<1xi32>, %i: memref<1x2x1x?xi32>, %c: memref<1x2x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x2x1x256xi8>, memref<1x2x?x32xi8>) lengths(%l : memref<1xi32>)
      outs(%i, %c, %c : memref<1x2x1x?xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f13(%q: memref<1x6x3x32xi8>, %k: memref<1x2x?x32xi8>, %l: memref<1xi32>, %i: memref<1x2x3x?xi32>, %c: memref<1x2x3xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x6x3x32xi8>, memref<1x2x?x32xi8>)
      outs(%i, %c, %c : memref<1x2x3x?xi32>, memref<1x2x3xi32>, memref<1x2x3xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f14(%q: memref<1x8x8x256xi8>, %k: memref<1x2x?x32xi8>, %l: memref<1xi32>, %i: memref<1x2x8x?xi32>, %c: memref<1x2x8xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x8x8x256xi8>, memref<1x2x?x32xi8>) lengths(%l : memref<1xi32>)
      outs(%i, %c, %c : memref<1x2x8x?xi32>, memref<1x2x8xi32>, memref<1x2x8xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f15(%q: memref<1x16x1x32xi8>, %k: memref<1x2x?x32xi8>, %l: memref<1xi32>, %i: memref<1x2x1x?xi32>, %c: memref<1x2x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x16x1x32xi8>, memref<1x2x?x32xi8>)
      outs(%i, %c, %c : memref<1x2x1x?xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f16(%q: memref<1x8x1x4xi8>, %k: memref<1x2x?x4xi8>, %l: memref<1xi32>, %i: memref<1x8x1x?xi32>, %c: memref<1x8x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x8x1x4xi8>, memref<1x2x?x4xi8>)
      outs(%i, %c, %c : memref<1x8x1x?xi32>, memref<1x8x1xi32>, memref<1x8x1xi32>) {tiering = #dashkv.tiering<scope = head>}
  return
}

func.func @f17(%q: memref<1x8x1x8xi8>, %k: memref<1x2x?x8xi8>, %l: memref<1xi32>, %i: memref<1x8x1x?xi32>, %c: memref<1x8x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x8x1x8xi8>, memref<1x2x?x8xi8>)
      outs(%i, %c, %c : memref<1x8x1x?xi32>, memref<1x8x1xi32>, memref<1x8x1xi32>) {tiering = #dashkv.tiering<scope = head>}
  return
}

func.func @f18(%q: memref<1x16x8x8xi8>, %k: memref<1x2x?x8xi8>, %l: memref<1xi32>, %i: memref<1x16x8x?xi32>, %c: memref<1x16x8xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x16x8x8xi8>, memref<1x2x?x8xi8>)
      outs(%i, %c, %c : memref<1x16x8x?xi32>, memref<1x16x8xi32>, memref<1x16x8xi32>) {tiering = #dashkv.tiering<scope = head>}
  return
}

func.func @f19(%q: memref<1x8x3x64xi8>, %k: memref<1x2x?x8xi8>, %l: memref<1xi32>, %i: memref<1x8x3x?xi32>, %c: memref<1x8x3xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x8x3x64xi8>, memref<1x2x?x8xi8>)
      outs(%i, %c, %c : memref<1x8x3x?xi32>, memref<1x8x3xi32>, memref<1x8x3xi32>) {tiering = #dashkv.tiering<scope = head>}
  return
}

func.func @f20(%q: memref<1x6x3x16xi8>, %k: memref<1x2x?x16xi8>, %l: memref<1xi32>, %i: memref<1x6x3x?xi32>, %c: memref<1x6x3xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x6x3x16xi8>, memref<1x2x?x16xi8>)
      outs(%i, %c, %c : memref<1x6x3x?xi32>, memref<1x6x3xi32>, memref<1x6x3xi32>) {tiering = #dashkv.tiering<scope = head>}
  return
}

func.func @f21(%q: memref<1x16x1x32xi8>, %k: memref<1x2x?x32xi8>, %l: memref<1xi32>, %i: memref<1x16x1x?xi32>, %c: memref<1x16x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x16x1x32xi8>, memref<1x2x?x32xi8>)
      outs(%i, %c, %c : memref<1x16x1x?xi32>, memref<1x16x1xi32>, memref<1x16x1xi32>) {tiering = #dashkv.tiering<scope = head>}
  return
}

func.func @f22(%q: memref<1x16x8x32xi8>, %k: memref<1x2x?x32xi8>, %l: memref<1xi32>, %i: memref<1x16x8x?xi32>, %c: memref<1x16x8xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x16x8x32xi8>, memref<1x2x?x32xi8>)
      outs(%i, %c, %c : memref<1x16x8x?xi32>, memref<1x16x8xi32>, memref<1x16x8xi32>) {tiering = #dashkv.tiering<scope = head>}
  return
}

func.func @f23(%q: memref<1x8x3x256xi8>, %k: memref<1x2x?x32xi8>, %l: memref<1xi32>, %i: memref<1x8x3x?xi32>, %c: memref<1x8x3xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x8x3x256xi8>, memref<1x2x?x32xi8>)
      outs(%i, %c, %c : memref<1x8x3x?xi32>, memref<1x8x3xi32>, memref<1x8x3xi32>) {tiering = #dashkv.tiering<scope = head>}
  return
}

func.func @f24(%q: memref<1x8x1x8xi8>, %k: memref<1x2x?x8xi8>, %l: memref<1xi32>, %i: memref<1x2x1x?xi32>, %c: memref<1x2x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x8x1x8xi8>, memref<1x2x?x8xi8>) lengths(%l : memref<1xi32>)
      outs(%i, %c, %c : memref<1x2x1x?xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f25(%q: memref<1x16x1x8xi8>, %k: memref<1x2x?x8xi8>, %l: memref<1xi32>, %i: memref<1x2x1x?xi32>, %c: memref<1x2x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x16x1x8xi8>, memref<1x2x?x8xi8>) lengths(%l : memref<1xi32>)
      outs(%i, %c, %c : memref<1x2x1x?xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f26(%q: memref<1x2x1x64xi8>, %k: memref<1x2x?x8xi8>, %l: memref<1xi32>, %i: memref<1x2x1x?xi32>, %c: memref<1x2x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x2x1x64xi8>, memref<1x2x?x8xi8>) lengths(%l : memref<1xi32>)
      outs(%i, %c, %c : memref<1x2x1x?xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f27(%q: memref<1x8x8x8xi8>, %k: memref<1x2x?x8xi8>, %l: memref<1xi32>, %i: memref<1x2x8x?xi32>, %c: memref<1x2x8xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x8x8x8xi8>, memref<1x2x?x8xi8>) lengths(%l : memref<1xi32>)
      outs(%i, %c, %c : memref<1x2x8x?xi32>, memref<1x2x8xi32>, memref<1x2x8xi32>) {tiering = #dashkv.tiering<>}
  return
}

func.func @f28(%q: memref<1x8x3x32xi8>, %k: memref<1x2x?x32xi8>, %l: memref<1xi32>, %i: memref<1x2x3x?xi32>, %c: memref<1x2x3xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x8x3x32xi8>, memref<1x2x?x32xi8>) lengths(%l : memref<1xi32>)
      outs(%i, %c, %c : memref<1x2x3x?xi32>, memref<1x2x3xi32>, memref<1x2x3xi32>) {tiering = #dashkv.tiering<>}
  return
}
