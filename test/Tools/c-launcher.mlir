// The launcher from C, on a simulated GPU (%cuda). The header is C99 and C++.
// RUN: clang -std=c99 -Wall -Wextra -Werror -I %source/include %S/Inputs/launcher.c -L %lib -ldashkv_launcher -ldl -Wl,-rpath,%lib -o %t
// RUN: clang -x c++ -Wall -Wextra -Werror -fsyntax-only -I %source/include -include dashkv-c/Launcher.h /dev/null
// RUN: dashkv-compile %s --emit=bundle --target=sm_80,sm_90a -o %t.dashkv
// RUN: env LD_LIBRARY_PATH=%cuda %t %t.dashkv | FileCheck %s
// RUN: not %t %s | FileCheck %s --check-prefix=BUNDLE

//      CHECK: main: 4 arguments, 1 results
// CHECK-NEXT: argument 0: f32, rank 4, role acc
// CHECK-NEXT: kernels for sm_90a
// CHECK-NEXT: result 0 is argument 3: 1 ... 1
// CHECK-NEXT: status 4: expected an argument below 4 of 'main', but got 4
// BUNDLE: status 2: {{.*}}c-launcher.mlir: expected a kernel bundle, but its first bytes differ

func.func @main(%acc: tensor<?x4x1x64xf32> {dashkv.role = "acc"}, %max: tensor<?x4x1xf32>,
    %sum: tensor<?x4x1xf32>, %init: tensor<?x4x1x64xf32>) -> tensor<?x4x1x64xf32> {
  %out = dashkv.finalize ins(%acc, %max, %sum : tensor<?x4x1x64xf32>, tensor<?x4x1xf32>, tensor<?x4x1xf32>)
    outs(%init : tensor<?x4x1x64xf32>)
  return %out : tensor<?x4x1x64xf32>
}
