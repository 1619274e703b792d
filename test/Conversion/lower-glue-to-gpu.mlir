// RUN: dashkv-opt %s --dashkv-lower-glue-to-gpu --split-input-file | FileCheck %s
// RUN: dashkv-opt %s --dashkv-lower-glue-to-gpu=target=sm_80 --split-input-file | FileCheck %s --check-prefix=CHIP

// A dynamic offset is two words, dynamic sizes and strides one each. Kernels wait
// for the one before, on chips that have it.
// CHECK-LABEL: func.func @append
//       CHECK:   %[[BASE:.+]], %[[OFFSET:.+]], %{{.+}}:3, %[[STRIDES:.+]]:3 = memref.extract_strided_metadata
//       CHECK:   %[[POINTER:.+]] = memref.reinterpret_cast %{{.+}} to offset: [0], sizes: [1]
//       CHECK:   arith.index_cast %[[OFFSET]] : index to i32
//       CHECK:   arith.shrui %[[OFFSET]], %c32
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_glue_0_copy
//       CHECK:     args(%{{.+}} : memref<1xf32>, %[[POINTER]] : memref<1xf32>,
//   CHECK-NOT:   memref.copy
// CHECK-LABEL: gpu.module @dashkv_kernels [#nvvm.target<O = 3, chip = "sm_90a"
//       CHECK:   gpu.func @dashkv_glue_0_copy(%{{.+}}: memref<1xf32>, %{{.+}}: memref<1xf32>, %{{.+}}: i32
//       CHECK:     griddepcontrol.launch_dependents
//       CHECK:     griddepcontrol.wait
//       CHECK:     scf.if
//       CHECK:       memref.load {{.*}} : memref<3x1x64xf32>
//       CHECK:       memref.store {{.*}} : memref<3x1x64xf32, strided<[?, 64, 1], offset: ?>>
//  CHIP-LABEL: gpu.module @dashkv_kernels [#nvvm.target<O = 3, chip = "sm_80"
//    CHIP-NOT:   griddepcontrol
func.func @append(%new: memref<3x1x64xf32>, %cache: memref<3x?x64xf32>, %at: index) {
  %slot = memref.subview %cache[0, %at, 0] [3, 1, 64] [1, 1, 1]
    : memref<3x?x64xf32> to memref<3x1x64xf32, strided<[?, 64, 1], offset: ?>>
  memref.copy %new, %slot : memref<3x1x64xf32> to memref<3x1x64xf32, strided<[?, 64, 1], offset: ?>>
  return
}

// -----

// Rows of the weights lie in memory: a warp takes an output, starts from the
// constant that the fill has left, and the fill is gone.
// CHECK-LABEL: func.func @project
//   CHECK-NOT:   glue_0_fill
//       CHECK:   %[[OUT:.+]] = memref.alloc() : memref<1x192xf32>
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_glue_0_reduce blocks in (%c24{{.*}}, %c1{{.*}}, %c1{{.*}}) threads in (%c256
// CHECK-LABEL: gpu.func @dashkv_glue_0_reduce
//       CHECK:   %[[SUM:.+]] = scf.for {{.*}} step %c32{{.*}} iter_args(%{{.+}} = %cst
// CHECK-COUNT-5:  gpu.shuffle xor
//       CHECK:   arith.cmpi eq
//       CHECK:   memref.store
func.func @project(%x: memref<1x576xf32>, %w: memref<192x576xf32>) -> memref<1x192xf32> {
  %zero = arith.constant 0.0 : f32
  %out = memref.alloc() : memref<1x192xf32>
  linalg.fill ins(%zero : f32) outs(%out : memref<1x192xf32>)
  linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
                  iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %w : memref<1x576xf32>, memref<192x576xf32>) outs(%out : memref<1x192xf32>) {
  ^bb0(%a: f32, %b: f32, %sum: f32):
    %product = arith.mulf %a, %b : f32
    %next = arith.addf %sum, %product : f32
    linalg.yield %next : f32
  }
  return %out : memref<1x192xf32>
}

// -----

// Columns of the weights lie in memory: a thread takes an output.
// CHECK-LABEL: gpu.func @dashkv_glue_0_reduce
//   CHECK-NOT:   gpu.shuffle
//       CHECK:   scf.for {{.*}} step %c1
func.func @columns(%x: memref<4x576xf32>, %w: memref<576x192xf32>, %out: memref<4x192xf32>) {
  linalg.matmul ins(%x, %w : memref<4x576xf32>, memref<576x192xf32>) outs(%out : memref<4x192xf32>)
  return
}

// -----

// Equal kernels are one. A dense copy is left to the launcher, one onto itself is
// nothing.
// CHECK-LABEL: func.func @twice
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_glue_0_map
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_glue_0_map
//       CHECK:   memref.copy %{{.+}}, %{{.+}} : memref<64xf32> to memref<64xf32>
//   CHECK-NOT:   memref.copy
//       CHECK: gpu.func @dashkv_glue_0_map
//   CHECK-NOT: gpu.func
func.func @twice(%a: memref<64xf32>, %b: memref<64xf32>) {
  linalg.map { math.rsqrt } ins(%a : memref<64xf32>) outs(%b : memref<64xf32>)
  linalg.map { math.rsqrt } ins(%b : memref<64xf32>) outs(%a : memref<64xf32>)
  memref.copy %a, %b : memref<64xf32> to memref<64xf32>
  memref.copy %a, %a : memref<64xf32> to memref<64xf32>
  return
}

// -----

// Functions of numbers are instructions or polynomials, half types in f32.
//       CHECK: gpu.func @dashkv_glue_0_map
//   CHECK-NOT:   math.
//       CHECK:   llvm.call_intrinsic "llvm.nvvm.rsqrt.approx.f"
//   CHECK-NOT:   math.
func.func @functions(%x: memref<?xf16>) {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%x : memref<?xf16>) {
  ^bb0(%v: f16):
    %0 = math.rsqrt %v : f16
    %1 = math.exp %0 : f16
    %2 = math.tanh %1 : f16
    %3 = math.sin %2 : f16
    %4 = math.cos %3 : f16
    %5 = math.erf %4 : f16
    %6 = math.log %5 : f16
    %7 = math.sqrt %6 : f16
    %8 = math.absf %7 : f16
    %9 = math.floor %8 : f16
    %10 = arith.maxnumf %9, %v : f16
    linalg.yield %10 : f16
  }
  return
}

// -----

// A scatter writes places that are in memory: its loop runs in a kernel, an
// iteration a thread where the order does not matter.
// CHECK-LABEL: func.func @scatter
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_glue_0_loop
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_glue_1_loop
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_glue_2_store
// CHECK-LABEL: gpu.func @dashkv_glue_0_loop
//   CHECK-NOT:   scf.for
// CHECK-LABEL: gpu.func @dashkv_glue_1_loop
//       CHECK:   scf.for
// CHECK-LABEL: gpu.func @dashkv_glue_2_store
//       CHECK:   memref.load
//       CHECK:   memref.store
func.func @scatter(%at: memref<192xi64>, %new: memref<192xf32>, %cache: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = arith.constant 192 : index
  scf.for %i = %c0 to %n step %c1 {
    %p = memref.load %at[%i] : memref<192xi64>
    %place = arith.index_cast %p : i64 to index
    %v = memref.load %new[%i] : memref<192xf32>
    memref.store %v, %cache[%place] : memref<?xf32>
  } {dashkv.independent}
  scf.for %i = %c0 to %n step %c1 {
    %p = memref.load %at[%i] : memref<192xi64>
    %place = arith.index_cast %p : i64 to index
    %v = memref.load %new[%i] : memref<192xf32>
    memref.store %v, %cache[%place] : memref<?xf32>
  }
  %last = memref.load %new[%c1] : memref<192xf32>
  memref.store %last, %cache[%c0] : memref<?xf32>
  return
}

// -----

// Rows of a pool by a table of blocks, as exports of paged caches have it: what the
// body reads from memory is read in the kernel, and was not written in vain.
// CHECK-LABEL: func.func @paged
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_glue_0_fill
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_glue_1_map
// CHECK-LABEL: gpu.func @dashkv_glue_1_map
//       CHECK:   %[[BLOCK:.+]] = memref.load %{{.+}}[%{{.+}}] : memref<?xi32>
//       CHECK:   %[[AT:.+]] = arith.index_cast %[[BLOCK]] : i32 to index
//       CHECK:   %[[ROW:.+]] = memref.load %{{.+}}[%[[AT]], %{{.+}}, %{{.+}}] : memref<8x16x64xf32>
//       CHECK:   memref.store %[[ROW]]
func.func @paged(%table: memref<?xi32>, %keys: memref<?x16x64xf32>) {
  %one = arith.constant 1.0 : f32
  %pool = memref.alloc() : memref<8x16x64xf32>
  linalg.fill ins(%one : f32) outs(%pool : memref<8x16x64xf32>)
  linalg.generic {indexing_maps = [affine_map<(n, r, d) -> (n)>, affine_map<(n, r, d) -> (n, r, d)>], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%table : memref<?xi32>) outs(%keys : memref<?x16x64xf32>) {
  ^bb0(%block: i32, %out: f32):
    %at = arith.index_cast %block : i32 to index
    %r = linalg.index 1 : index
    %d = linalg.index 2 : index
    %row = memref.load %pool[%at, %r, %d] : memref<8x16x64xf32>
    linalg.yield %row : f32
  }
  return
}

// -----

// The row that a step appends begins where device memory says: the kernel reads it.
// CHECK-LABEL: func.func @late_row
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_glue_0_copy
// CHECK-LABEL: gpu.func @dashkv_glue_0_copy
//       CHECK:   %[[AT:.+]] = memref.load %{{.+}}[] : memref<index>
//       CHECK:   %[[ROW:.+]] = memref.subview %{{.+}}[%[[AT]], 0] [1, 64] [1, 1]
//       CHECK:   memref.store %{{.+}}, %[[ROW]]
func.func @late_row(%at: memref<index>, %new: memref<1x64xf32>, %cache: memref<?x64xf32>) {
  %i = memref.load %at[] : memref<index>
  %row = memref.subview %cache[%i, 0] [1, 64] [1, 1] : memref<?x64xf32> to memref<1x64xf32, strided<[64, 1], offset: ?>>
  memref.copy %new, %row : memref<1x64xf32> to memref<1x64xf32, strided<[64, 1], offset: ?>>
  return
}
