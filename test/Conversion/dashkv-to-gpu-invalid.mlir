// RUN: dashkv-opt %s --convert-dashkv-to-gpu --verify-diagnostics
// RUN: echo 'module {}' | not dashkv-opt - --convert-dashkv-to-gpu=target=sm_91 2>&1 | FileCheck %s --check-prefix=TARGET
// TARGET: error: expected a GPU target out of sm_80, sm_86, sm_89, sm_90, sm_90a, sm_100, sm_100a, sm_120, but got 'sm_91'

func.func @tensors(%q: tensor<1x4x1x8xi8>, %k: tensor<1x2x64x8xi8>, %d: tensor<1x4x1x64xi8>) -> tensor<1x4x1x64xi8> {
  // expected-error @below {{'dashkv.hamming_distance' op expected buffers, but got tensors; bufferize first}}
  %0 = dashkv.hamming_distance ins(%q, %k : tensor<1x4x1x8xi8>, tensor<1x2x64x8xi8>) outs(%d : tensor<1x4x1x64xi8>)
  return %0 : tensor<1x4x1x64xi8>
}
