// The dialect and its passes in the stock mlir-opt of the release. It needs the
// plugin twice, and takes plugin passes inside --pass-pipeline only.

// RUN: split-file %s %t
// RUN: mlir-opt --load-dialect-plugin=%plugin --load-pass-plugin=%plugin %t/decode.mlir --verify-roundtrip | FileCheck %s --check-prefix=PRINT
// RUN: mlir-opt --load-dialect-plugin=%plugin --load-pass-plugin=%plugin %t/decode.mlir --pass-pipeline="builtin.module(dashkv-apply-tiering{tiering=full=2%%},dashkv-expand-tiered,convert-dashkv-to-linalg,canonicalize,dashkv-verify-contract)" | FileCheck %s --check-prefix=LOWER --implicit-check-not=" dashkv."
// RUN: mlir-opt --load-dialect-plugin=%plugin --load-pass-plugin=%plugin %t/decode.mlir --pass-pipeline="builtin.module(dashkv-linalg-pipeline,dashkv-llvm-pipeline)" | mlir-translate --mlir-to-llvmir | FileCheck %s --check-prefix=LLVM

// PRINT: dashkv.attention ins({{.*}}) outs({{.*}} : tensor<1x8x1x64xf16>)
// LOWER: linalg.generic
// LLVM: define void @_mlir_ciface_decode(

// The verifier's messages and those of the passes come through.
// RUN: not mlir-opt --load-dialect-plugin=%plugin %t/bad.mlir 2>&1 | FileCheck %s --check-prefix=BAD
// BAD: bad.mlir:2:8: error: 'dashkv.hamming_distance' op expected distances of i8, but got 'i16'
// RUN: not mlir-opt --load-dialect-plugin=%plugin --load-pass-plugin=%plugin %t/decode.mlir --pass-pipeline="builtin.module(dashkv-verify-contract)" 2>&1 | FileCheck %s --check-prefix=CONTRACT
// CONTRACT: error: no lowering for dashkv.attention at level portable
// Passes with their options.
// RUN: mlir-opt --load-dialect-plugin=%plugin --load-pass-plugin=%plugin %t/decode.mlir --pass-pipeline="builtin.module(dashkv-raise-attention{assume-nonempty-rows=true},dashkv-normalize-attention,dashkv-fuse-retrieval,dashkv-finalize-signatures,dashkv-lower-copies)" --dump-pass-pipeline -o /dev/null 2>&1 | FileCheck %s --check-prefix=DUMP
// DUMP: Pass Manager with 5 passes:
// DUMP: dashkv-raise-attention{{{.*}}assume-nonempty-rows=true{{.*}}}
// DUMP: dashkv-normalize-attention
// DUMP: dashkv-fuse-retrieval
// DUMP: dashkv-finalize-signatures
// DUMP: dashkv-lower-copies

//--- decode.mlir
func.func @decode(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x?x64xf16>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  return %0 : tensor<1x8x1x64xf16>
}

//--- bad.mlir
func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %d: tensor<1x8x1x16xi16>) {
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi16>)
  return
}
