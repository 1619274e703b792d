// RUN: dashkv-opt %s --dashkv-cpu-pipeline=lowering=linalg | FileCheck %s
// RUN: dashkv-opt %s --dashkv-linalg-pipeline --dashkv-llvm-pipeline | FileCheck %s
// RUN: dashkv-opt %s --dashkv-cpu-pipeline=runtime-checks | FileCheck %s --check-prefix=CHECKS
// RUN: dashkv-opt %s --dashkv-cpu-pipeline=target=x86-64-v3 | FileCheck %s --check-prefix=VECTOR --implicit-check-not="llvm.call @malloc" --implicit-check-not=tile_config
// RUN: dashkv-opt %s --dashkv-cpu-pipeline -o - | mlir-translate --mlir-to-llvmir -o /dev/null

// A step of decoding: encode the new key and the queries, append, attend. The
// contract at the end says that nothing but LLVM is left; the codes that are
// updated in place are no result, so that the function returns one descriptor.

// CHECK-NOT:     builtin.unrealized_conversion_cast
// CHECK-DAG:     llvm.func @malloc
// CHECK-DAG:     llvm.func @free
// CHECK-LABEL:   llvm.func @decode(
// CHECK-SAME:      -> !llvm.struct<(ptr, ptr, i64, array<4 x i64>, array<4 x i64>)>
// CHECK-SAME:      attributes {llvm.emit_c_interface}
// CHECK:           llvm.intr.ctpop
// CHECK:         llvm.func @_mlir_ciface_decode(
// CHECK-NOT:     builtin.unrealized_conversion_cast

// A function for each kernel; buffers of this size stand on the stack, so the
// result is the only allocation.
// VECTOR-LABEL:  llvm.func @decode(
// VECTOR:          llvm.call @malloc
// VECTOR:        llvm.func internal @dashkv_online_attention(
// VECTOR:        llvm.func internal @dashkv_retrieve(
// VECTOR:          llvm.call_intrinsic "llvm.x86.avx2.pshuf.b"

// CHECKS-DAG:    llvm.mlir.global {{.*}}@assert_msg
// CHECKS-DAG:    llvm.call @puts
// CHECKS-DAG:    llvm.call @abort
func.func @decode(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x128x64xf16>, %new: tensor<1x2x1x64xf16>, %at: index, %codes: tensor<1x2x128x8xi8> {dashkv.role = "key_codes"}, %w: tensor<2x64x64xf32>,
                  %lengths: tensor<1xi32>) -> (tensor<1x8x1x64xf16>, tensor<1x2x128x8xi8>) {
  %e = tensor.empty() : tensor<1x2x1x8xi8>
  %row = dashkv.hash_encode linear ins(%new : tensor<1x2x1x64xf16>) weights(%w : tensor<2x64x64xf32>) outs(%e : tensor<1x2x1x8xi8>)
  %kc = tensor.insert_slice %row into %codes[0, 0, %at, 0] [1, 2, 1, 8] [1, 1, 1, 1] : tensor<1x2x1x8xi8> into tensor<1x2x128x8xi8>
  %eq = tensor.empty() : tensor<1x8x1x8xi8>
  %split = tensor.expand_shape %q [[0], [1, 2], [3], [4]] output_shape [1, 2, 4, 1, 64] : tensor<1x8x1x64xf16> into tensor<1x2x4x1x64xf16>
  %rows = tensor.collapse_shape %split [[0], [1], [2, 3], [4]] : tensor<1x2x4x1x64xf16> into tensor<1x2x4x64xf16>
  %er = tensor.empty() : tensor<1x2x4x8xi8>
  %coded = dashkv.hash_encode linear ins(%rows : tensor<1x2x4x64xf16>) weights(%w : tensor<2x64x64xf32>) outs(%er : tensor<1x2x4x8xi8>)
  %again = tensor.expand_shape %coded [[0], [1], [2, 3], [4]] output_shape [1, 2, 4, 1, 8] : tensor<1x2x4x8xi8> into tensor<1x2x4x1x8xi8>
  %qc = tensor.collapse_shape %again [[0], [1, 2], [3], [4]] : tensor<1x2x4x1x8xi8> into tensor<1x8x1x8xi8>
  %o = tensor.empty() : tensor<1x8x1x64xf16>
  %out = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x128x64xf16>, tensor<1x2x128x64xf16>) codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x128x8xi8>)
      lengths(%lengths : tensor<1xi32>) outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<full = 0.1, full_min = 4, sinks = 1, window = 4, dense_below = 16>}
  return %out, %kc : tensor<1x8x1x64xf16>, tensor<1x2x128x8xi8>
}
