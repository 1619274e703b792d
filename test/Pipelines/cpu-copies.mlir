// RUN: dashkv-opt %s --dashkv-cpu-pipeline="lowering=vector target=x86-64-v3" --mlir-print-ir-before=dashkv-lower-copies -o /dev/null 2>&1 | FileCheck %s
// RUN: dashkv-opt %s --dashkv-cpu-pipeline="lowering=vector target=x86-64-v3 splits=2" --mlir-print-ir-before=dashkv-lower-copies -o /dev/null 2>&1 | FileCheck %s --check-prefixes=CHECK,SPLITS

// A step of decoding with caches that are updated in place and read by parallel
// loops: the new rows are written, and nothing of the caches is copied.

// The rows of the new key and value are all that is copied.
// CHECK-LABEL:   func.func @step(
// CHECK-NOT:     memref.copy
// CHECK:         memref.copy %{{.+}}, %{{.+}} : memref<1x2x1x64xf16> to memref<1x2x1x64xf16, strided<[1048576, 524288, 64, 1], offset: ?>>
// CHECK-NOT:     memref.copy
// CHECK:         memref.copy %{{.+}}, %{{.+}} : memref<1x2x1x64xf16> to memref<1x2x1x64xf16, strided<[1048576, 524288, 64, 1], offset: ?>>
// CHECK-NOT:     memref.copy {{.+}} : memref<{{.*}}x
// SPLITS:        %[[ACCS:.+]] = memref.alloc() {{.*}} : memref<2x1x8x1x64xf32>
// SPLITS-NOT:    memref.copy
// SPLITS:        call @dashkv_merge(%[[ACCS]]
// CHECK-NOT:     memref.copy {{.+}} : memref<{{.*}}x
// CHECK:         return %{{.+}} : memref<1x8x1x64xf16>

// Buffers of a tile are on its stack.
// CHECK-LABEL:   func.func private @dashkv_tile_0(
// CHECK-NOT:     memref.copy
// CHECK-NOT:     memref.alloc(
// CHECK:         memref.alloca()
// CHECK-NOT:     memref.alloc(
// CHECK:         return
func.func @step(%q: tensor<1x8x1x64xf16>, %newk: tensor<1x2x1x64xf16>, %newv: tensor<1x2x1x64xf16>, %at: index, %lengths: tensor<1xi32>, %k: tensor<1x2x8192x64xf16>, %v: tensor<1x2x8192x64xf16>, %codes: tensor<1x2x8192x8xi8>, %wk: tensor<2x64x64xf32>, %wq: tensor<2x256x64xf32>)
    -> (tensor<1x8x1x64xf16>, tensor<1x2x8192x64xf16>, tensor<1x2x8192x64xf16>, tensor<1x2x8192x8xi8>) {
  %k1 = tensor.insert_slice %newk into %k[0, 0, %at, 0] [1, 2, 1, 64] [1, 1, 1, 1] : tensor<1x2x1x64xf16> into tensor<1x2x8192x64xf16>
  %v1 = tensor.insert_slice %newv into %v[0, 0, %at, 0] [1, 2, 1, 64] [1, 1, 1, 1] : tensor<1x2x1x64xf16> into tensor<1x2x8192x64xf16>
  %e = tensor.empty() : tensor<1x2x1x8xi8>
  %row = dashkv.hash_encode linear ins(%newk : tensor<1x2x1x64xf16>) weights(%wk : tensor<2x64x64xf32>) outs(%e : tensor<1x2x1x8xi8>)
  %codes1 = tensor.insert_slice %row into %codes[0, 0, %at, 0] [1, 2, 1, 8] [1, 1, 1, 1] : tensor<1x2x1x8xi8> into tensor<1x2x8192x8xi8>
  %eq = tensor.empty() : tensor<1x2x1x64xi8>
  %qc = dashkv.hash_encode linear ins(%q : tensor<1x8x1x64xf16>) weights(%wq : tensor<2x256x64xf32>) outs(%eq : tensor<1x2x1x64xi8>) {group = 4, levels = 7}
  %o = tensor.empty() : tensor<1x8x1x64xf16>
  %out = dashkv.tiered_attention ins(%q, %k1, %v1 : tensor<1x8x1x64xf16>, tensor<1x2x8192x64xf16>, tensor<1x2x8192x64xf16>) codes(%qc, %codes1 : tensor<1x2x1x64xi8>, tensor<1x2x8192x8xi8>)
    lengths(%lengths : tensor<1xi32>) outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<full = 0.02>}
  return %out, %k1, %v1, %codes1 : tensor<1x8x1x64xf16>, tensor<1x2x8192x64xf16>, tensor<1x2x8192x64xf16>, tensor<1x2x8192x8xi8>
}
