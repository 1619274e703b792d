// Calls on .npy files, checked with NumPy.

// RUN: python %S/Inputs/npy.py %t a=f4:4 b=f4:4 h=f2:2x3 flags=b1:5 bytes=i1:2x2 counts=i4:3 scalar=f4: empty=f4:0 bf16=u2:4 words=u1:4

// By position and by number; the result is written.
// RUN: dashkv-run %s --entry=add --input %t/a.npy --input %t/b.npy --output %t/sum.npy
// RUN: dashkv-run %s --entry=add --input 1=%t/b.npy --input %t/a.npy --output %t/sum1.npy
// RUN: python -c "import numpy as np; a, b, c, d = (np.load(r'%t/' + n + '.npy') for n in ('a', 'b', 'sum', 'sum1')); assert c.dtype == np.float32 and (c == a + b).all() and (c == d).all()"
func.func @add(%a: tensor<?xf32>, %b: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %a, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %0 = linalg.add ins(%a, %b : tensor<?xf32>, tensor<?xf32>) outs(%e : tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}

// By role, mixed with positions; an empty name skips a result.
// RUN: dashkv-run %s --entry=roles --input weight=%t/b.npy --input %t/a.npy --output "" --output %t/second.npy
// RUN: python -c "import numpy as np; assert (np.load(r'%t/second.npy') == np.load(r'%t/a.npy') * np.load(r'%t/b.npy')).all()"
func.func @roles(%a: tensor<4xf32>, %b: tensor<4xf32> {dashkv.role = "weight"}) -> (tensor<4xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.add ins(%a, %b : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %1 = linalg.mul ins(%a, %b : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  return %0, %1 : tensor<4xf32>, tensor<4xf32>
}

// Every element type passes unchanged; unsigned files serve bf16 and signless integers.
// RUN: dashkv-run %s --entry=types --input %t/h.npy --input %t/flags.npy --input %t/bytes.npy --input %t/counts.npy --input %t/scalar.npy --input %t/empty.npy --input %t/bf16.npy --input %t/words.npy --output %t/o0.npy --output %t/o1.npy --output %t/o2.npy --output %t/o3.npy --output %t/o4.npy --output %t/o5.npy --output %t/o6.npy --output %t/o7.npy
// RUN: python -c "import numpy as np; names = 'h flags bytes counts scalar empty bf16 words'.split(); pairs = [(np.load(r'%t/' + n + '.npy'), np.load(r'%t/o' + str(i) + '.npy')) for i, n in enumerate(names)]; assert all(a.dtype == b.dtype and a.shape == b.shape and (a == b).all() for a, b in pairs), pairs"
func.func @types(%h: tensor<2x3xf16>, %flags: tensor<5xi1>, %bytes: tensor<2x2xi8>, %counts: tensor<3xi32>, %s: tensor<f32>, %empty: tensor<?xf32>, %b: tensor<4xbf16>, %w: tensor<4xi8>)
    -> (tensor<2x3xf16>, tensor<5xi1>, tensor<2x2xi8>, tensor<3xi32>, tensor<f32>, tensor<?xf32>, tensor<4xbf16>, tensor<4xi8>) {
  return %h, %flags, %bytes, %counts, %s, %empty, %b, %w : tensor<2x3xf16>, tensor<5xi1>, tensor<2x2xi8>, tensor<3xi32>, tensor<f32>, tensor<?xf32>, tensor<4xbf16>, tensor<4xi8>
}

// A value returned twice, a part of another result, a constant, an argument.
// RUN: dashkv-run %s --entry=shared --input %t/a.npy --output %t/p.npy --output %t/q.npy --output %t/r.npy --output %t/s.npy --output %t/u.npy --repeat=2
// RUN: python -c "import numpy as np; a, p, q, r, s, u = (np.load(r'%t/' + n + '.npy') for n in 'apqrsu'); assert (p == 2 * a).all() and (q == p).all() and (r == p[1:3]).all() and (s == [1, 2]).all() and (u == a).all()"
func.func @shared(%a: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<4xf32>) {
  %e = tensor.empty() : tensor<4xf32>
  %0 = linalg.add ins(%a, %a : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) -> tensor<4xf32>
  %1 = tensor.extract_slice %0[1] [2] [1] : tensor<4xf32> to tensor<2xf32>
  %2 = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  return %0, %0, %1, %2, %a : tensor<4xf32>, tensor<4xf32>, tensor<2xf32>, tensor<2xf32>, tensor<4xf32>
}

// A function that another one calls keeps its results; both can be run.
// RUN: dashkv-run %s --entry=callee --input %t/a.npy --output %t/callee.npy
// RUN: dashkv-run %s --entry=caller --input %t/a.npy --output %t/caller.npy
// RUN: python -c "import numpy as np; assert all((np.load(r'%t/' + n + '.npy') == np.load(r'%t/a.npy')).all() for n in ('callee', 'caller'))"
func.func @callee(%a: tensor<4xf32>) -> tensor<4xf32> {
  return %a : tensor<4xf32>
}
func.func @caller(%a: tensor<4xf32>) -> tensor<4xf32> {
  %0 = call @callee(%a) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// A cache that is updated in place.
// RUN: python %S/Inputs/npy.py %t row=i1:1x2 at=i4:1=1
// RUN: dashkv-run %s --entry=append --input %t/bytes.npy --input %t/row.npy --input %t/at.npy --output %t/cache.npy
// RUN: python -c "import numpy as np; old, row, new = (np.load(r'%t/' + n + '.npy') for n in ('bytes', 'row', 'cache')); assert (new[0] == old[0]).all() and (new[1] == row[0]).all()"
func.func @append(%cache: tensor<2x2xi8>, %row: tensor<1x2xi8>, %at: tensor<1xi32>) -> tensor<2x2xi8> {
  %c0 = arith.constant 0 : index
  %0 = tensor.extract %at[%c0] : tensor<1xi32>
  %1 = arith.index_cast %0 : i32 to index
  %2 = tensor.insert_slice %row into %cache[%1, 0] [1, 2] [1, 1] : tensor<1x2xi8> into tensor<2x2xi8>
  return %2 : tensor<2x2xi8>
}

// Timing, and the help.
// RUN: dashkv-run %s --entry=add --input %t/a.npy --input %t/b.npy --repeat=3 --json %t/time.json | FileCheck %s --check-prefix=TIME
// TIME: add: {{[0-9.]+}} ms (median of 3)
// RUN: FileCheck %s --check-prefix=JSON < %t/time.json
// JSON: "seconds": {{[0-9.e-]+}}
// RUN: dashkv-run --help | FileCheck %s --check-prefix=HELP
// HELP: dashkv-run: compiles a module of dashkv or linalg ops for this machine and calls a function
// HELP: dashkv-run options:
// HELP-DAG: --entry=<name>
// HELP-DAG: --input=<[name=]file.npy>
// HELP-DAG: --output=<file.npy>
// HELP-DAG: --compare=<attention>
// HELP-DAG: --repeat=<uint>
// HELP-DAG: --json=<file>
// HELP-DAG: --runtime-checks
// RUN: cat %s | dashkv-run - --entry=callee --input %t/a.npy --output %t/stdin.npy

// Buffers of the caller, with strides that the type leaves open or not, and scalars.
// RUN: python %S/Inputs/npy.py %t plane=f4:4x4 zero=f4:4x4=0 factor=f4: two=i8:=2
// RUN: dashkv-run %s --entry=buffers --input %t/plane.npy --input %t/zero.npy --input %t/factor.npy --input %t/two.npy --output %t/scaled.npy
// RUN: python -c "import numpy as np; a, f, s = (np.load(r'%t/' + n + '.npy') for n in ('plane', 'factor', 'scaled')); assert np.allclose(s, (f * a).sum() + 2 * a[1, 1]), (s, f, a)"
func.func @buffers(%a: memref<4x?xf32, strided<[?, 1], offset: ?>>, %b: memref<4x?xf32>, %factor: f32, %two: index) -> tensor<f32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c4 step %c1 {
    scf.for %j = %c0 to %c4 step %c1 {
      %x = memref.load %a[%i, %j] : memref<4x?xf32, strided<[?, 1], offset: ?>>
      %y = arith.mulf %x, %factor : f32
      memref.store %y, %b[%i, %j] : memref<4x?xf32>
    }
  }
  %t = bufferization.to_tensor %b restrict : memref<4x?xf32> to tensor<4x?xf32>
  %e = tensor.empty() : tensor<f32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %sum = linalg.reduce { arith.addf } ins(%t : tensor<4x?xf32>) outs(%f : tensor<f32>) dimensions = [0, 1]
  %n = arith.index_cast %two : index to i32
  %nf = arith.sitofp %n : i32 to f32
  %d = arith.subi %two, %c1 : index
  %x = memref.load %a[%d, %d] : memref<4x?xf32, strided<[?, 1], offset: ?>>
  %y = arith.mulf %x, %nf : f32
  %s = tensor.extract %sum[] : tensor<f32>
  %z = arith.addf %s, %y : f32
  %r = tensor.from_elements %z : tensor<f32>
  return %r : tensor<f32>
}
