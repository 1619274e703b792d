// RUN: dashkv-compile %s --lowering=vector --target=skylake-avx512 --emit=asm -o - | FileCheck %s --check-prefixes=CHECK,AVX512
// RUN: dashkv-compile %s --lowering=vector --target=znver3 --emit=asm -o - | FileCheck %s --check-prefixes=CHECK,AVX2

// The heads of a step share an mlp with tanh: products are fused, the exponential
// is a polynomial, bits come out of a comparison, and nothing is called.
// CHECK-LABEL:  dashkv_hash_encode:
// CHECK-NOT:    {{call|vgather|vhaddps}}
// AVX512:       vfmadd{{[0-9]+}}ps {{.*}}%zmm
// AVX2:         vfmadd{{[0-9]+}}ps {{.*}}%ymm
// CHECK-NOT:    {{call|vgather|vhaddps}}
// AVX512:       vcmp{{[a-z]*}}ps {{.*}}%zmm{{.*}}, %k
// AVX2:         vmovmskps
// CHECK-NOT:    {{call|vgather|vhaddps}}
// CHECK:        retq
func.func @encode(%x: tensor<1x32x1x128xf16>, %w1: tensor<128x256xbf16>, %w2: tensor<256x256xf16>, %w3: tensor<256x64xf32>,
                  %b1: tensor<256xf32>, %b3: tensor<64xf32>, %o: tensor<1x32x1x8xi8>) -> tensor<1x32x1x8xi8> {
  %0 = dashkv.hash_encode mlp ins(%x : tensor<1x32x1x128xf16>) weights(%w1, %w2, %w3 : tensor<128x256xbf16>, tensor<256x256xf16>, tensor<256x64xf32>)
      biases(%b1, %b1, %b3 : tensor<256xf32>, tensor<256xf32>, tensor<64xf32>) outs(%o : tensor<1x32x1x8xi8>) {activation = #dashkv.activation<tanh>}
  return %0 : tensor<1x32x1x8xi8>
}
