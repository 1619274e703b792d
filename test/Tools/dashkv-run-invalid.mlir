// Everything that dashkv-run rejects: exit code 1, one message, no file.

// RUN: python %S/Inputs/bad_npy.py %t
// RUN: python %S/Inputs/npy.py %t q=f4:1x2x1x16 k=f4:1x1x32x16 codes=i1:1x1x32x2 lengths=i4:1=33 plane=f4:4x4
// RUN: split-file %s %t/modules

//--- add.mlir
func.func @main(%a: tensor<?xf32>, %b: tensor<?xf32> {dashkv.role = "bias"}) -> tensor<?xf32> {
  %0 = linalg.add ins(%a, %b : tensor<?xf32>, tensor<?xf32>) outs(%a : tensor<?xf32>) -> tensor<?xf32>
  return %0 : tensor<?xf32>
}
func.func @matrix(%a: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %0 = linalg.exp ins(%a : tensor<?x?xf32>) outs(%a : tensor<?x?xf32>) -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}
func.func @sizes(%a: tensor<4xf32>, %b: tensor<4x4xf32>, %c: tensor<4xi32>) -> (tensor<4xf32>, tensor<4x4xf32>) {
  return %a, %b : tensor<4xf32>, tensor<4x4xf32>
}
func.func private @hidden(%a: tensor<4xf32>) -> tensor<4xf32> {
  return %a : tensor<4xf32>
}

// Files that are no arrays.
// RUN: not dashkv-run %t/modules/add.mlir --input %t/missing.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: dashkv-run: error: {{.*}}missing.npy: cannot read: No such file or directory
// RUN: not dashkv-run %t/modules/add.mlir --input %t --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=FOLDER
// FOLDER: cannot read: Is a directory
// RUN: not dashkv-run %t/modules/add.mlir --input %t/text.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=MAGIC
// RUN: not dashkv-run %t/modules/add.mlir --input %t/empty.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=MAGIC
// RUN: not dashkv-run %t/modules/add.mlir --input %t/magic.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=MAGIC
// MAGIC: npy: expected a .npy file, but the magic number differs
// RUN: not dashkv-run %t/modules/add.mlir --input %t/header.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=HEADER
// RUN: not dashkv-run %t/modules/add.mlir --input %t/version.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=HEADER
// HEADER: npy: expected a .npy header, but the file is cut short
// RUN: not dashkv-run %t/modules/add.mlir --input %t/truncated.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=TRUNCATED
// TRUNCATED: truncated.npy: expected 16 bytes of data for f4[4], but got 14
// RUN: not dashkv-run %t/modules/add.mlir --input %t/long.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=LONG
// LONG: long.npy: expected 16 bytes of data for f4[4], but got 17
// RUN: not dashkv-run %t/modules/add.mlir --input %t/no_order.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=FIELDS
// RUN: not dashkv-run %t/modules/add.mlir --input %t/no_shape.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=FIELDS
// FIELDS: npy: expected descr, fortran_order and shape in the .npy header
// RUN: not dashkv-run %t/modules/add.mlir --input %t/negative.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// NEGATIVE: negative.npy: expected sizes in the shape, but got '-4'
// RUN: not dashkv-run %t/modules/add.mlir --entry=matrix --input %t/overflow.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=OVERFLOW
// OVERFLOW: overflow.npy: expected a size that 64 bits hold, but got shape (4294967296, 4294967296)

// Arrays of a kind that no tensor has.
// RUN: not dashkv-run %t/modules/add.mlir --input %t/big_endian.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=DTYPE
// RUN: not dashkv-run %t/modules/add.mlir --input %t/complex.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=DTYPE
// RUN: not dashkv-run %t/modules/add.mlir --input %t/object.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=DTYPE
// DTYPE: npy: expected little-endian floats or integers, but got dtype '{{>f4|<c8|\|O}}'
// RUN: not dashkv-run %t/modules/add.mlir --entry=matrix --input %t/fortran.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=ORDER
// ORDER: fortran.npy: expected C order, but got Fortran order

// Arrays that do not fit their argument: type, size, rank.
// RUN: not dashkv-run %t/modules/add.mlir --input %t/double.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=DOUBLE
// DOUBLE: dashkv-run: error: expected argument 0 of 'main' to be tensor<?xf32>, but got f8[4]
// RUN: not dashkv-run %t/modules/add.mlir --input %t/good.npy --input bias=%t/double.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=ROLE
// ROLE: dashkv-run: error: expected argument 1 (bias) of 'main' to be tensor<?xf32>, but got f8[4]
// RUN: not dashkv-run %t/modules/add.mlir --input %t/matrix.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=RANK
// RANK: expected argument 0 of 'main' to be tensor<?xf32>, but got f4[2, 2]
// RUN: not dashkv-run %t/modules/add.mlir --input %t/scalar.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=SCALAR
// SCALAR: expected argument 0 of 'main' to be tensor<?xf32>, but got f4[]
// RUN: not dashkv-run %t/modules/add.mlir --entry=sizes --input %t/five.npy --input %t/matrix.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=SIZE
// SIZE: expected argument 0 of 'sizes' to be tensor<4xf32>, but got f4[5]
// RUN: not dashkv-run %t/modules/add.mlir --entry=sizes --input %t/good.npy --input %t/matrix.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=SIZES
// SIZES: expected argument 1 of 'sizes' to be tensor<4x4xf32>, but got f4[2, 2]

// Too few, too many, twice, for nobody.
// RUN: not dashkv-run %t/modules/add.mlir --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=FEW
// FEW: dashkv-run: error: expected an --input for argument 1 (bias), but got none
// RUN: not dashkv-run %t/modules/add.mlir --input %t/good.npy --input %t/good.npy --input %t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=MANY
// MANY: dashkv-run: error: expected at most 2 arguments, but got {{.*}}good.npy
// RUN: not dashkv-run %t/modules/add.mlir --input 5=%t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=NUMBER
// NUMBER: dashkv-run: error: expected at most 2 arguments, but got 5={{.*}}good.npy
// RUN: not dashkv-run %t/modules/add.mlir --input %t/good.npy --input 0=%t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: dashkv-run: error: expected one file for argument 0, but got 0={{.*}}good.npy as well
// RUN: not dashkv-run %t/modules/add.mlir --input %t/good.npy --input table=%t/good.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: dashkv-run: error: expected a number or a dashkv.role of an argument, but got 'table'
// RUN: not dashkv-run %t/modules/add.mlir --input %t/good.npy --input %t/good.npy --output %t/out.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=OUTPUTS
// OUTPUTS: dashkv-run: error: expected at most 1 outputs, but got 2

// Files that cannot be written: none is, not even the ones that could.
// RUN: not dashkv-run %t/modules/add.mlir --input %t/good.npy --input %t/good.npy --output %t/missing/out.npy 2>&1 | FileCheck %s --check-prefix=WRITE
// WRITE: out.npy: cannot write: No such file or directory
// RUN: python %S/Inputs/npy.py %t square=f4:4x4 four=i4:4
// RUN: not dashkv-run %t/modules/add.mlir --entry=sizes --input %t/good.npy --input %t/square.npy --input %t/four.npy --output %t/out.npy --output %t 2>&1 | FileCheck %s --check-prefix=DIRECTORY
// DIRECTORY: cannot write: Is a directory
// RUN: not dashkv-run %t/modules/add.mlir --input %t/good.npy --input %t/good.npy --repeat=1 --output %t/out.npy --json %t/missing/out.json 2>&1 | FileCheck %s --check-prefix=JSON
// JSON: dashkv-run: error: cannot open output file {{.*}}out.json': No such file or directory

// Functions and modules.
// RUN: not dashkv-run %t/modules/add.mlir --entry=mean --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=ENTRY
// RUN: not dashkv-run %t/modules/add.mlir --entry=hidden --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=ENTRY
// ENTRY: dashkv-run: error: expected a public function with a body, but '{{mean|hidden}}' is none of {{.*}}add.mlir
// RUN: not dashkv-run %t/missing.mlir --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=NOMODULE
// NOMODULE: dashkv-run: error: cannot open input file {{.*}}missing.mlir': No such file or directory
//--- malformed.mlir
func.func @main(%a: tensor<4xf32>) -> tensor<4xf32> {
  return %b : tensor<4xf32>
}
// RUN: not dashkv-run %t/modules/malformed.mlir --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=MALFORMED
// MALFORMED: malformed.mlir:2:10: error: use of undeclared SSA value name
//--- vector.mlir
func.func @main(%a: vector<4xf32>) {
  return
}
// RUN: not dashkv-run %t/modules/vector.mlir --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=SIGNATURE
//--- unranked.mlir
func.func @main(%a: tensor<*xf32>) {
  return
}
// RUN: not dashkv-run %t/modules/unranked.mlir --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=SIGNATURE
//--- memref.mlir
func.func @main(%a: memref<4xf32, affine_map<(d0) -> (d0 mod 2)>>) {
  return
}
// RUN: not dashkv-run %t/modules/memref.mlir --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=SIGNATURE
//--- space.mlir
func.func @main(%a: memref<4xf32, 3>) {
  return
}
// RUN: not dashkv-run %t/modules/space.mlir --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=SIGNATURE
// SIGNATURE: mlir:1:1: error: expected tensors, strided buffers or scalars of floats or integers as arguments, but got '{{vector<4xf32>|tensor<\*xf32>|memref<4xf32, affine_map<.*>>|memref<4xf32, 3>}}'
//--- nibbles.mlir
func.func @main() -> tensor<4xi4> {
  %0 = arith.constant dense<0> : tensor<4xi4>
  return %0 : tensor<4xi4>
}
// RUN: not dashkv-run %t/modules/nibbles.mlir --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=RESULT
//--- scalar-result.mlir
func.func @main(%a: f32) -> f32 {
  return %a : f32
}
// RUN: not dashkv-run %t/modules/scalar-result.mlir --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=RESULT
// RESULT: mlir:1:1: error: expected tensors of floats or integers as results, but got '{{f32|tensor<4xi4>}}'
//--- strides.mlir
func.func @main(%a: memref<4x?xf32, strided<[5, 1]>>) {
  return
}
// RUN: not dashkv-run %t/modules/strides.mlir --input %t/plane.npy 2>&1 | FileCheck %s --check-prefix=STRIDES
// STRIDES: dashkv-run: error: expected argument 0 of 'main' to be memref<4x?xf32, strided<[5, 1]>>, but got sizes [4, 4] and strides [4, 1]
//--- unlowered.mlir
func.func @main(%q: tensor<1x4x8xf32>, %o: tensor<1x4x8xf32>) -> tensor<1x4x8xf32> {
  %0 = tm_tensor.attention ins(%q, %q, %q : tensor<1x4x8xf32>, tensor<1x4x8xf32>, tensor<1x4x8xf32>) outs(%o : tensor<1x4x8xf32>) -> tensor<1x4x8xf32>
  return %0 : tensor<1x4x8xf32>
}
// RUN: not dashkv-run %t/modules/unlowered.mlir --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=UNLOWERED
// UNLOWERED: unlowered.mlir:2:8: error: no lowering for tm_tensor.attention at level tiled
//--- undefined.mlir
func.func private @elsewhere(tensor<4xf32>)
func.func @main(%a: tensor<4xf32>) {
  call @elsewhere(%a) : (tensor<4xf32>) -> ()
  return
}
// RUN: not dashkv-run %t/modules/undefined.mlir --input %t/good.npy 2>&1 | FileCheck %s --check-prefix=UNDEFINED
// UNDEFINED: Symbols not found: [ _mlir_ciface_elsewhere ]

// Comparing.
// RUN: not dashkv-run %t/modules/add.mlir --input %t/good.npy --input %t/good.npy --output %t/out.npy --compare=speed 2>&1 | FileCheck %s --check-prefix=COMPARE
// COMPARE: dashkv-run: error: expected --compare=attention, but got --compare=speed
// RUN: not dashkv-run %t/modules/add.mlir --input %t/good.npy --input %t/good.npy --output %t/out.npy --compare=attention 2>&1 | FileCheck %s --check-prefix=NOTHING
// NOTHING: dashkv-run: error: expected a dashkv.tiered_attention in the only block of 'main', but got none
//--- blocks.mlir
func.func @main(%q: tensor<1x2x1x16xf32>, %k: tensor<1x1x32x16xf32>, %c: tensor<1x1x32x2xi8>, %lengths: tensor<1xi32>) -> tensor<1x2x1x16xf32> {
  %e = tensor.empty() : tensor<1x1x1x2xi8>
  %f = arith.constant 1 : i8
  %qc = linalg.fill ins(%f : i8) outs(%e : tensor<1x1x1x2xi8>) -> tensor<1x1x1x2xi8>
  %o = tensor.empty() : tensor<1x2x1x16xf32>
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x2x1x16xf32>, tensor<1x1x32x16xf32>, tensor<1x1x32x16xf32>) codes(%qc, %c : tensor<1x1x1x2xi8>, tensor<1x1x32x2xi8>)
      lengths(%lengths : tensor<1xi32>) outs(%o : tensor<1x2x1x16xf32>) {tiering = #dashkv.tiering<dense_below = 64>}
  cf.br ^exit
^exit:
  return %0 : tensor<1x2x1x16xf32>
}
// RUN: not dashkv-run %t/modules/blocks.mlir --input %t/q.npy --input %t/k.npy --input %t/codes.npy --input %t/lengths.npy --output %t/out.npy --compare=attention 2>&1 | FileCheck %s --check-prefix=NOTHING

// A run-time check that fails ends the run.
// RUN: not dashkv-run %t/modules/blocks.mlir --input %t/q.npy --input %t/k.npy --input %t/codes.npy --input %t/lengths.npy --output %t/out.npy --json %t/out.json --runtime-checks 2>&1 | FileCheck %s --check-prefix=CHECK
// CHECK: error: run-time check failed:
// CHECK: expected lengths from the number of query rows to the number of keys

// So does one of sizes that only a run knows: codes of another cache.
//--- dynamic.mlir
func.func @main(%q: tensor<1x2x1x16xf32>, %k: tensor<1x1x?x16xf32>, %qc: tensor<1x1x1x2xi8>, %c: tensor<1x1x?x2xi8>) -> tensor<1x2x1x16xf32> {
  %o = tensor.empty() : tensor<1x2x1x16xf32>
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x2x1x16xf32>, tensor<1x1x?x16xf32>, tensor<1x1x?x16xf32>) codes(%qc, %c : tensor<1x1x1x2xi8>, tensor<1x1x?x2xi8>)
      outs(%o : tensor<1x2x1x16xf32>) {tiering = #dashkv.tiering<dense_below = 0>}
  return %0 : tensor<1x2x1x16xf32>
}
// RUN: python %S/Inputs/npy.py %t qc=i1:1x1x1x2 more=i1:1x1x40x2
// RUN: dashkv-run %t/modules/dynamic.mlir --input %t/q.npy --input %t/k.npy --input %t/qc.npy --input %t/codes.npy --runtime-checks
// RUN: not dashkv-run %t/modules/dynamic.mlir --input %t/q.npy --input %t/k.npy --input %t/qc.npy --input %t/more.npy --output %t/out.npy --runtime-checks 2>&1 | FileCheck %s --check-prefix=DYNAMIC
// DYNAMIC: error: run-time check failed:
// DYNAMIC: expected one size of n in all operands

// Options.
// RUN: not dashkv-run %t/modules/add.mlir --repeat=often 2>&1 | FileCheck %s --check-prefix=OPTION
// OPTION: for the --repeat option: 'often' value invalid for uint argument!

// RUN: not ls %t/out.npy
// RUN: not ls %t/out.json
