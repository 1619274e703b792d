// An object file is called from C, with nothing but libc and libm.
// RUN: dashkv-compile %s --emit=obj -o %t.o
// RUN: clang %S/Inputs/call.c %t.o -lm -o %t
// RUN: %t | FileCheck %s

// A query of zeros sees both keys alike: the mean of the values.
// CHECK: out = 2 20
func.func @attend(%q: memref<1x1x1x2xf32>, %k: memref<1x1x?x2xf32>, %v: memref<1x1x?x2xf32>, %out: memref<1x1x1x2xf32>) {
  dashkv.attention ins(%q, %k, %v : memref<1x1x1x2xf32>, memref<1x1x?x2xf32>, memref<1x1x?x2xf32>)
    outs(%out : memref<1x1x1x2xf32>)
  return
}
