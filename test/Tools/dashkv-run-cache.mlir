// Compiled code is kept on disk.

// RUN: rm -rf %t && split-file %s %t
// RUN: python %S/Inputs/npy.py %t a=f4:4 b=f4:4
// DEFINE: %{cache} = env DASHKV_CACHE_DIR=%t/cache
// DEFINE: %{run} = dashkv-run %t/add.mlir --verbose --input %t/a.npy --input %t/b.npy --output %t/out.npy

// The second run takes the code of the first, and knows that the second result
// is an argument.
// RUN: %{cache} %{run} 2>&1 | FileCheck %s --check-prefix=MISS
// RUN: %{cache} %{run} --output %t/sum.npy 2>&1 | FileCheck %s --check-prefix=HIT
// RUN: python -c "import numpy as np; a, b, out, sum = (np.load(r'%t/' + n + '.npy') for n in ('a', 'b', 'out', 'sum')); assert (out == a + b).all() and (sum == b).all()"
// MISS: dashkv-run: compiled in {{[0-9.]+}} ms
// HIT:  dashkv-run: code from the cache in {{[0-9.]+}} ms

// Neither comments nor places matter, but every op and option does.
// RUN: cp %t/add.mlir %t/moved.mlir && echo "// other" >> %t/moved.mlir
// RUN: %{cache} dashkv-run %t/moved.mlir --verbose --input %t/a.npy --input %t/b.npy 2>&1 | FileCheck %s --check-prefix=HIT
// RUN: sed s/linalg.add/linalg.mul/ %t/add.mlir > %t/mul.mlir
// RUN: %{cache} dashkv-run %t/mul.mlir --verbose --input %t/a.npy --input %t/b.npy 2>&1 | FileCheck %s --check-prefix=MISS
// RUN: %{cache} %{run} --target=x86-64-v3 2>&1 | FileCheck %s --check-prefix=MISS
// RUN: %{cache} %{run} --target=x86-64-v3 2>&1 | FileCheck %s --check-prefix=HIT
// RUN: %{cache} %{run} --runtime-checks 2>&1 | FileCheck %s --check-prefix=MISS
// RUN: %{cache} %{run} --no-cache 2>&1 | FileCheck %s --check-prefix=MISS

// Damaged files are compiled anew.
// RUN: python -c "import pathlib, os; [os.truncate(f, f.stat().st_size - 10) for f in pathlib.Path(r'%t/cache').glob('*-*')]"
// RUN: %{cache} %{run} 2>&1 | FileCheck %s --check-prefix=MISS
// RUN: %{cache} %{run} 2>&1 | FileCheck %s --check-prefix=HIT

// Where nothing can be written everything works.
// RUN: env DASHKV_CACHE_DIR=%t/add.mlir %{run} 2>&1 | FileCheck %s --check-prefix=UNWRITABLE
// UNWRITABLE: dashkv-run: compiled in
// UNWRITABLE-NEXT: dashkv-run: cannot write the cache {{.*}}add.mlir: Not a directory

// Where it is.
// RUN: env -u DASHKV_CACHE_DIR XDG_CACHE_HOME=%t/xdg %{run} 2>&1 | FileCheck %s --check-prefix=MISS
// RUN: ls %t/xdg/dashkv | FileCheck %s --check-prefix=XDG
// XDG: llvmcache-{{[0-9a-f]+$}}
// RUN: env -u DASHKV_CACHE_DIR -u XDG_CACHE_HOME HOME=%t/home %{run} 2>&1 | FileCheck %s --check-prefix=MISS
// RUN: ls %t/home/.cache/dashkv | FileCheck %s --check-prefix=XDG
// RUN: env -u DASHKV_CACHE_DIR -u XDG_CACHE_HOME HOME=%t/home %{run} 2>&1 | FileCheck %s --check-prefix=HIT

//--- add.mlir
func.func @main(%a: tensor<4xf32>, %b: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.add ins(%a, %b : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %0, %b : tensor<4xf32>, tensor<4xf32>
}
