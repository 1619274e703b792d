// Tiered attention, expanded: the kernel of its retrieve, and a word on the rest.
// RUN: dashkv-compile %s --emit=ptx --target=sm_90a -o %t.ptx 2>&1 | FileCheck %s
// RUN: FileCheck %s --input-file=%t.ptx --check-prefix=PTX

// CHECK: remark: no lowering on target sm_90a for {{.*}}dashkv.online_attention, dashkv.finalize{{.*}}: left to the host
// PTX: .visible .entry dashkv_scan_group_packed_l64_g4_m1(
// PTX-NOT: .visible .entry
func.func @decode(%q: tensor<1x32x1x128xf16>, %k: tensor<1x8x?x128xf16>, %qc: tensor<1x32x1x8xi8>, %kc: tensor<1x8x?x8xi8>) -> tensor<1x32x1x128xf16> {
  %init = tensor.empty() : tensor<1x32x1x128xf16>
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x32x1x128xf16>, tensor<1x8x?x128xf16>, tensor<1x8x?x128xf16>)
      codes(%qc, %kc : tensor<1x32x1x8xi8>, tensor<1x8x?x8xi8>) outs(%init : tensor<1x32x1x128xf16>) {tiering = #dashkv.tiering<>}
  return %0 : tensor<1x32x1x128xf16>
}
