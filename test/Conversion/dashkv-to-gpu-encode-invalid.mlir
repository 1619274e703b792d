// RUN: dashkv-opt %s --convert-dashkv-to-gpu --split-input-file --verify-diagnostics

func.func @too_large(%x: memref<1x2x1x64xf16>, %w1: memref<64x9000xf16>, %w2: memref<9000x32xf16>, %w3: memref<32x64xf16>, %b: memref<9000xf16>, %b2: memref<32xf16>, %b3: memref<64xf16>, %c: memref<1x2x1x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected layers whose values take at most 49152 bytes of shared memory, but these take 52640}}
  dashkv.hash_encode mlp ins(%x : memref<1x2x1x64xf16>) weights(%w1, %w2, %w3 : memref<64x9000xf16>, memref<9000x32xf16>, memref<32x64xf16>)
      biases(%b, %b2, %b3 : memref<9000xf16>, memref<32xf16>, memref<64xf16>) outs(%c : memref<1x2x1x8xi8>) {activation = #dashkv.activation<relu>}
  return
}
