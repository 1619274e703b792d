// RUN: dashkv-opt %s --convert-dashkv-to-gpu --split-input-file --verify-diagnostics
// RUN: echo 'module {}' | not dashkv-opt - --convert-dashkv-to-gpu=target=sm_91 2>&1 | FileCheck %s --check-prefix=TARGET
// TARGET: error: expected a GPU target out of sm_80, sm_86, sm_89, sm_90, sm_90a, sm_100, sm_100a, sm_120, but got 'sm_91'

func.func @other_op(%q: tensor<1x4x1x64xf16>, %k: tensor<1x2x8x64xf16>, %a: tensor<1x4x1x64xf32>, %m: tensor<1x4x1xf32>) {
  // expected-error @below {{no lowering for dashkv.online_attention on target sm_90a; supported: dashkv.retrieve}}
  %0:3 = dashkv.online_attention ins(%q, %k, %k : tensor<1x4x1x64xf16>, tensor<1x2x8x64xf16>, tensor<1x2x8x64xf16>)
      outs(%a, %m, %m : tensor<1x4x1x64xf32>, tensor<1x4x1xf32>, tensor<1x4x1xf32>)
  return
}

// -----

func.func @not_expanded(%q: tensor<1x4x1x64xf16>, %k: tensor<1x2x8x64xf16>, %qc: tensor<1x4x1x8xi8>, %kc: tensor<1x2x8x8xi8>) {
  // expected-error @below {{no lowering for dashkv.tiered_attention on target sm_90a; run dashkv-expand-tiered first}}
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x4x1x64xf16>, tensor<1x2x8x64xf16>, tensor<1x2x8x64xf16>)
      codes(%qc, %kc : tensor<1x4x1x8xi8>, tensor<1x2x8x8xi8>) outs(%q : tensor<1x4x1x64xf16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @dynamic_rows(%q: tensor<1x4x?x8xi8>, %k: tensor<1x2x?x8xi8>, %i0: tensor<1x2x?x?xi32>, %c0: tensor<1x2x?xi32>) {
  // expected-error @below {{'dashkv.retrieve' op expected static code heads, key heads and query rows on target sm_90a, but got codes of 'tensor<1x4x?x8xi8>' and 'tensor<1x2x?x8xi8>'}}
  %0:3 = dashkv.retrieve codes(%q, %k : tensor<1x4x?x8xi8>, tensor<1x2x?x8xi8>)
      outs(%i0, %c0, %c0 : tensor<1x2x?x?xi32>, tensor<1x2x?xi32>, tensor<1x2x?xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @code_length(%q: tensor<1x4x1x5xi8>, %k: tensor<1x2x?x5xi8>, %i0: tensor<1x2x1x?xi32>, %c0: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.retrieve' op expected codes of 32, 64, 128 or 256 bits on target sm_90a, but got 40}}
  %0:3 = dashkv.retrieve codes(%q, %k : tensor<1x4x1x5xi8>, tensor<1x2x?x5xi8>)
      outs(%i0, %c0, %c0 : tensor<1x2x1x?xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @byte_planes(%q: tensor<1x4x1x8xi8>, %k: tensor<1x2x?x8x64xi8>, %i0: tensor<1x2x1x?xi32>, %c0: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.retrieve' op expected key-major codes on target sm_90a, but got byte planes}}
  %0:3 = dashkv.retrieve codes(%q, %k : tensor<1x4x1x8xi8>, tensor<1x2x?x8x64xi8>)
      outs(%i0, %c0, %c0 : tensor<1x2x1x?xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @shared_memory(%q: tensor<1x128x1x32xi8>, %k: tensor<1x1x?x32xi8>, %i0: tensor<1x1x1x?xi32>, %c0: tensor<1x1x1xi32>) {
  // expected-error @below {{'dashkv.retrieve' op expected at most 49152 bytes of shared memory on target sm_90a, but the histogram of a query row takes 65824}}
  %0:3 = dashkv.retrieve codes(%q, %k : tensor<1x128x1x32xi8>, tensor<1x1x?x32xi8>)
      outs(%i0, %c0, %c0 : tensor<1x1x1x?xi32>, tensor<1x1x1xi32>, tensor<1x1x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @kernel_attribute(%q: tensor<1x4x1x8xi8>, %k: tensor<1x2x?x8xi8>, %i0: tensor<1x2x1x?xi32>, %c0: tensor<1x2x1xi32>) {
  // expected-error @below {{expected a symbol in 'dashkv.kernel', but got "scan"}}
  %0:3 = dashkv.retrieve codes(%q, %k : tensor<1x4x1x8xi8>, tensor<1x2x?x8xi8>)
      outs(%i0, %c0, %c0 : tensor<1x2x1x?xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>, dashkv.kernel = "scan"}
  return
}
