// RUN: dashkv-opt %s --dashkv-linalg-pipeline | FileCheck %s --implicit-check-not="dashkv."
// RUN: dashkv-opt %s --dashkv-linalg-pipeline | mlir-opt -o /dev/null
// RUN: dashkv-opt %s --dashkv-linalg-pipeline=runtime-checks | FileCheck %s --check-prefix=CHECKS

// Everything on tensors, in upstream dialects that the stock mlir-opt reads.

// CHECK-LABEL: func.func @tiered
// CHECK:         scf.if
// CHECK:         linalg.generic
// CHECK:         return
// CHECKS:      cf.assert %{{.*}}, {{.*}}expected lengths from the number of query rows to the number of keys
// CHECKS:      cf.assert %{{.*}}, {{.*}}expected weights of a query code whose magnitudes add up to at most 127
func.func @tiered(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x?x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x?x8xi8>, %lengths: tensor<1xi32>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>) codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x?x8xi8>)
      lengths(%lengths : tensor<1xi32>) outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return %0 : tensor<1x8x1x64xf16>
}
