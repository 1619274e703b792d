// RUN: dashkv-opt %s --pass-pipeline='builtin.module(func.func(dashkv-approximate-math))' | FileCheck %s

// What would call a library becomes arithmetic, on scalars and vectors.
// CHECK-LABEL: func.func @functions
//   CHECK-NOT:   math.exp
//   CHECK-NOT:   math.log
//   CHECK-NOT:   math.tanh
//       CHECK:   math.fma
//       CHECK:   return
func.func @functions(%x: f32, %v: vector<16xf32>) -> (f32, f32, vector<16xf32>) {
  %0 = math.exp %x : f32
  %1 = math.log %x : f32
  %2 = math.tanh %v : vector<16xf32>
  return %0, %1, %2 : f32, f32, vector<16xf32>
}

// Other functions have instructions, or no polynomial of ours.
// CHECK-LABEL: func.func @others
//       CHECK:   math.sqrt
//       CHECK:   math.sin
func.func @others(%x: f32) -> (f32, f32) {
  %0 = math.sqrt %x : f32
  %1 = math.sin %x : f32
  return %0, %1 : f32, f32
}
