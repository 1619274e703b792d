// A kernel (a function with a tile_config) must be made of vector instructions.
// Other functions may call the C library.

// RUN: split-file %s %t

// Calls, in the kernel and in what it calls.
// RUN: not dashkv-run %t/call.mlir --no-cache --target=x86-64-v3 2>&1 | FileCheck %s --check-prefix=CALL
// CALL: call.mlir:5:1: error: expected kernel 'kernel' to be vector instructions, but it calls 'erff'

// Intrinsics that become calls.
// RUN: not dashkv-run %t/sine.mlir --no-cache --target=x86-64-v3 2>&1 | FileCheck %s --check-prefix=SINE
// SINE: sine.mlir:1:1: error: expected kernel 'kernel' to be vector instructions, but it holds 'llvm.sin.v8f32', which calls the C library

// What only machine code tells: a remainder is an instruction of LLVM and a call.
// RUN: not dashkv-run %t/remainder.mlir --no-cache --target=x86-64-v3 2>&1 | FileCheck %s --check-prefix=REMAINDER
// REMAINDER: remainder.mlir:1:1: error: expected kernel 'kernel' to be vector instructions, but it calls 'fmodf'

// Conversions without an instruction.
// RUN: not dashkv-run %t/bf16.mlir --no-cache --target=x86-64-v3 2>&1 | FileCheck %s --check-prefix=BF16
// BF16: bf16.mlir:1:1: error: expected kernel 'kernel' to be vector instructions, but it rounds to bf16, for which the target has no instruction
// RUN: not dashkv-run %t/f16.mlir --no-cache --target=x86-64-v2 2>&1 | FileCheck %s --check-prefix=F16
// F16: f16.mlir:1:1: error: expected kernel 'kernel' to be vector instructions, but it extends from f16, for which the target has no instruction

// Gathers of bytes.
// RUN: not dashkv-run %t/gather.mlir --no-cache --target=x86-64-v3 2>&1 | FileCheck %s --check-prefix=GATHER
// GATHER: gather.mlir:1:1: error: expected kernel 'kernel' to be vector instructions, but it holds 'llvm.masked.gather.v8i8.v8p0', which branches for each element

// The same in every product of dashkv-compile.
// RUN: cat %t/remainder.mlir %t/attend.mlir > %t/remainder2.mlir
// RUN: not dashkv-compile %t/remainder2.mlir --emit=obj --target=x86-64-v3 -o %t.o 2>&1 | FileCheck %s --check-prefix=PRODUCT
// RUN: not dashkv-compile %t/remainder2.mlir --emit=shared --target=x86-64-v3 -o %t.so 2>&1 | FileCheck %s --check-prefix=PRODUCT
// RUN: not dashkv-compile %t/remainder2.mlir --emit=asm --target=x86-64-v3 -o %t.s 2>&1 | FileCheck %s --check-prefix=PRODUCT
// PRODUCT: remainder2.mlir:1:1: error: expected kernel 'kernel' to be vector instructions, but it calls 'fmodf'
// RUN: not dashkv-compile %t/remainder2.mlir --emit=obj --target=x86-64-v3,skylake-avx512 -o %t.o 2>&1 | FileCheck %s --check-prefix=VERSIONS
// VERSIONS: remainder2.mlir:1:1: error: expected kernel 'kernel.{{.*}}' to be vector instructions, but it calls 'fmodf'
// RUN: cat %t/sine.mlir %t/attend.mlir > %t/sine2.mlir
// RUN: not dashkv-compile %t/sine2.mlir --emit=llvm --target=x86-64-v3 -o %t.ll 2>&1 | FileCheck %s --check-prefix=LLVM
// LLVM: sine2.mlir:1:1: error: expected kernel 'kernel' to be vector instructions, but it holds 'llvm.sin.v8f32', which calls the C library

//--- attend.mlir
func.func @attend(%q: tensor<1x1x1x8xf32>, %k: tensor<1x1x16x8xf32>, %o: tensor<1x1x1x8xf32>) -> tensor<1x1x1x8xf32> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x1x1x8xf32>, tensor<1x1x16x8xf32>, tensor<1x1x16x8xf32>) outs(%o : tensor<1x1x1x8xf32>)
  return %0 : tensor<1x1x1x8xf32>
}

//--- call.mlir
func.func private @helper(%x: f32) -> f32 attributes {passthrough = ["noinline"]} {
  %0 = math.erf %x : f32
  return %0 : f32
}
func.func private @kernel(%x: tensor<8xf32>) -> tensor<8xf32> attributes {dashkv.tile_config = #dashkv.tile_config<vector = 32>, passthrough = ["noinline"]} {
  %0 = linalg.map ins(%x : tensor<8xf32>) outs(%x : tensor<8xf32>) (%v: f32, %o: f32) {
    %1 = func.call @helper(%v) : (f32) -> f32
    linalg.yield %1 : f32
  }
  return %0 : tensor<8xf32>
}
func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = call @kernel(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

//--- sine.mlir
func.func private @kernel(%x: tensor<8xf32>) -> tensor<8xf32> attributes {no_inline, dashkv.tile_config = #dashkv.tile_config<vector = 32>, passthrough = ["noinline"]} {
  %c0 = arith.constant 0 : index
  %f0 = arith.constant 0.0 : f32
  %v = vector.transfer_read %x[%c0], %f0 {in_bounds = [true]} : tensor<8xf32>, vector<8xf32>
  %e = math.sin %v : vector<8xf32>
  %0 = vector.transfer_write %e, %x[%c0] {in_bounds = [true]} : vector<8xf32>, tensor<8xf32>
  return %0 : tensor<8xf32>
}
func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = call @kernel(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

//--- remainder.mlir
func.func private @kernel(%x: tensor<8xf32>) -> tensor<8xf32> attributes {no_inline, dashkv.tile_config = #dashkv.tile_config<vector = 32>, passthrough = ["noinline"]} {
  %0 = linalg.map { arith.remf } ins(%x, %x : tensor<8xf32>, tensor<8xf32>) outs(%x : tensor<8xf32>)
  return %0 : tensor<8xf32>
}
func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = call @kernel(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

//--- bf16.mlir
func.func private @kernel(%x: tensor<8xf32>) -> tensor<8xf32> attributes {dashkv.tile_config = #dashkv.tile_config<vector = 32>, passthrough = ["noinline"]} {
  %c0 = arith.constant 0 : index
  %f0 = arith.constant 0.0 : f32
  %v = vector.transfer_read %x[%c0], %f0 {in_bounds = [true]} : tensor<8xf32>, vector<8xf32>
  %n = llvm.fptrunc %v : vector<8xf32> to vector<8xbf16>
  %e = arith.extf %n : vector<8xbf16> to vector<8xf32>
  %0 = vector.transfer_write %e, %x[%c0] {in_bounds = [true]} : vector<8xf32>, tensor<8xf32>
  return %0 : tensor<8xf32>
}
func.func @main(%x: tensor<8xf32>) -> tensor<8xf32> {
  %0 = call @kernel(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return %0 : tensor<8xf32>
}

//--- f16.mlir
func.func private @kernel(%x: tensor<8xf16>) -> tensor<8xf16> attributes {dashkv.tile_config = #dashkv.tile_config<vector = 32>, passthrough = ["noinline"]} {
  %0 = linalg.map ins(%x : tensor<8xf16>) outs(%x : tensor<8xf16>) (%v: f16, %o: f16) {
    %e = arith.extf %v : f16 to f32
    %a = arith.addf %e, %e : f32
    %b = arith.mulf %a, %e : f32
    %n = arith.truncf %b : f32 to f16
    linalg.yield %n : f16
  }
  return %0 : tensor<8xf16>
}
func.func @main(%x: tensor<8xf16>) -> tensor<8xf16> {
  %0 = call @kernel(%x) : (tensor<8xf16>) -> tensor<8xf16>
  return %0 : tensor<8xf16>
}

//--- gather.mlir
func.func private @kernel(%x: tensor<8xi8>) -> tensor<8xi8> attributes {dashkv.tile_config = #dashkv.tile_config<vector = 32>, passthrough = ["noinline"]} {
  %c0 = arith.constant 0 : index
  %i0 = arith.constant 0 : i8
  %v = vector.transfer_read %x[%c0], %i0 {in_bounds = [true]} : tensor<8xi8>, vector<8xi8>
  %i = arith.extui %v : vector<8xi8> to vector<8xi32>
  %mask = arith.constant dense<true> : vector<8xi1>
  %g = vector.gather %x[%c0] [%i], %mask, %v : tensor<8xi8>, vector<8xi32>, vector<8xi1>, vector<8xi8> into vector<8xi8>
  %0 = vector.transfer_write %g, %x[%c0] {in_bounds = [true]} : vector<8xi8>, tensor<8xi8>
  return %0 : tensor<8xi8>
}
func.func @main(%x: tensor<8xi8>) -> tensor<8xi8> {
  %0 = call @kernel(%x) : (tensor<8xi8>) -> tensor<8xi8>
  return %0 : tensor<8xi8>
}
