// The compiler from C: include/dashkv-c/DashKV.h, which is C99 and C++.
// RUN: clang -std=c99 -pedantic -Wall -Wextra -Werror -I %source/include %S/Inputs/compile.c -L %lib -ldashkv -lpthread -Wl,-rpath,%lib -o %t
// RUN: clang -x c++ -Wall -Wextra -Werror -fsyntax-only -I %source/include -include dashkv-c/DashKV.h /dev/null
// RUN: %t %s | FileCheck %s

// CHECK-COUNT-4: thread: right
//      CHECK: functions: 1
// CHECK-NEXT: main
// CHECK-NEXT: argument 0: kind 0, tensor<4xf32> of f32, role 'cache', alias -1, written 1, shape 4{{$}}
// CHECK-NEXT: argument 1: kind 1, memref<?xf32, strided<[?], offset: ?>> of f32, role '', alias -1, written 0, shape -1, strides free
// CHECK-NEXT: argument 2: kind 2, f32 of f32, role '', alias -1, written 0, shape{{$}}
// CHECK-NEXT: result 0: kind 0, tensor<?xf32> of f32, role '', alias -1, written 0, shape -1
// CHECK-NEXT: result 1: kind 0, tensor<4xf32> of f32, role '', alias 0, written 0, shape 4
// CHECK-NEXT: none: 1 1 1
// CHECK-NEXT: call: right
// CHECK-NEXT: expected argument 0 (cache) of 'main' to be tensor<4xf32>, but got sizes [3] and strides [1]
// CHECK-NEXT: expected argument 0 (cache) of 'main' to be tensor<4xf32>, but got sizes [4] and strides [1] at the odd address 0x{{[0-9a-f]+}}
// CHECK-NEXT: expected 3 arguments of 'main', but got 2
// CHECK-NEXT: bad.mlir:1:18: error: custom op 'oops' is unknown
//      CHECK: expected an option of dashkv-c/DashKV.h, but got 'speed=9'
// CHECK-NEXT: expected an option of dashkv-c/DashKV.h, but got 'workers=0'
// CHECK-NEXT: error: expected a CPU as target of code to call, but got sm_90a, for which there are products (emit=bundle)
//      CHECK: error: {{.*}}z80
//      CHECK: error: cannot read the tiering: {{.*}}200
//      CHECK: module.mlir:0:0: error: expected attention in the module, but found none
//      CHECK: product:
//      CHECK: void _mlir_ciface_attend(

func.func @main(%cache: tensor<4xf32> {dashkv.role = "cache"}, %row: memref<?xf32, strided<[?], offset: ?>>, %factor: f32)
    -> (tensor<?xf32>, tensor<4xf32>) {
  %c0 = arith.constant 0 : index
  %r = bufferization.to_tensor %row restrict : memref<?xf32, strided<[?], offset: ?>> to tensor<?xf32>
  %n = tensor.dim %r, %c0 : tensor<?xf32>
  %first = tensor.extract %cache[%c0] : tensor<4xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %f = linalg.fill ins(%factor : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %half = linalg.mul ins(%r, %f : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %one = linalg.fill ins(%first : f32) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %two = linalg.mul ins(%half, %one : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  %tenth = tensor.extract_slice %r[0] [1] [1] : tensor<?xf32> to tensor<1xf32>
  %new = tensor.insert_slice %tenth into %cache[3] [1] [1] : tensor<1xf32> into tensor<4xf32>
  %sum = linalg.add ins(%two, %one : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  return %sum, %new : tensor<?xf32>, tensor<4xf32>
}
