// RUN: dashkv-opt %s --dashkv-verify-contract=level=llvm --split-input-file --verify-diagnostics

// Level llvm: nothing but the LLVM dialect in modules.

module @nested {
  module {
    llvm.func @f(%a: f32) -> f32 {
      %0 = llvm.fadd %a, %a : f32
      llvm.return %0 : f32
    }
  }
}

// -----

// expected-error @below {{no lowering for func.func at level llvm}}
func.func @f() {
  return
}

// -----

llvm.func @casts(%a: i64) -> i64 {
  // expected-error @below {{no lowering for builtin.unrealized_conversion_cast at level llvm}}
  %0 = builtin.unrealized_conversion_cast %a : i64 to index
  %1 = builtin.unrealized_conversion_cast %0 : index to i64
  llvm.return %1 : i64
}

// -----

llvm.func @arith(%a: i64) -> i64 {
  // expected-error @below {{no lowering for arith.addi at level llvm}}
  %0 = arith.addi %a, %a : i64
  llvm.return %0 : i64
}

// -----

// LLVM has no floats of 8 bits.
llvm.func @narrow(%x: i8) -> f32 {
  %0 = builtin.unrealized_conversion_cast %x : i8 to f8E4M3FN
  // expected-error @below {{no lowering for arith.extf of 'f8E4M3FN': only attention converts such numbers}}
  %1 = arith.extf %0 : f8E4M3FN to f32
  llvm.return %1 : f32
}
