// RUN: dashkv-opt %s --split-input-file --verify-diagnostics

// Ranks, dims, heads and maps (c2, c4, c5): every operand.

//===----------------------------------------------------------------------===//
// Operands of all ops: tensors or memrefs, ranks and dims (c4)
//===----------------------------------------------------------------------===//

// All tensors or all memrefs.
func.func @f(%q: tensor<1x8x2x64xf16>, %k: memref<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected operands that are all tensors or all memrefs}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, memref<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

// All tensors or all memrefs, also in outs.
func.func @f(%as: tensor<4x1x8x1x64xf32>, %ms: tensor<4x1x8x1xf32>, %ss: tensor<4x1x8x1xf32>,
             %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: memref<1x8x1xf32>) {
  // expected-error @below {{'dashkv.merge' op expected operands that are all tensors or all memrefs}}
  %0:2 = dashkv.merge ins(%as, %ms, %ss : tensor<4x1x8x1x64xf32>, tensor<4x1x8x1xf32>, tensor<4x1x8x1xf32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, memref<1x8x1xf32>)
  return
}

// -----

// No unranked operands.
func.func @f(%acc: tensor<*xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>, %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.finalize' op operand #0 must be ranked tensor or memref, but got 'tensor<*xf32>'}}
  %0 = dashkv.finalize ins(%acc, %max, %sum : tensor<*xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
      outs(%o : tensor<1x8x1x64xf16>)
  return
}

// -----

// c4: ranks.
func.func @f(%q: tensor<8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>, %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected query of rank 4, but got 'tensor<8x2x64xf16>'}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

// c4: dims have one size everywhere.
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x32xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected D = 64 in key as in query, but got 32}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x32xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x17x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected N = 16 in value as in key, but got 17}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x17x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x3x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected M = 2 in out as in query, but got 3}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x3x32xf16>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x64xf16>) {
  // expected-error @below {{'dashkv.attention' op expected Dv = 32 in out as in value, but got 64}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x64xf16>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %mask: tensor<1x8x2x15xf32>, %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected N = 16 in mask as in key, but got 15}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      mask(%mask : tensor<1x8x2x15xf32>) outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>, %o: tensor<1x8x2x32xf16>,
             %lse: tensor<1x2x2xf32>) {
  // expected-error @below {{'dashkv.attention' op expected Hq = 8 in lse as in query, but got 2}}
  %0:2 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>) lse(%lse : tensor<1x2x2xf32>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>, %ks: tensor<2xf32>,
             %vs: tensor<8xf32>, %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected Hkv = 2 in value scale as in key, but got 8}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      kv_scales(%ks, %vs : tensor<2xf32>, tensor<8xf32>) outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>, %ks: tensor<8xf32>,
             %vs: tensor<2xf32>, %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected Hkv = 2 in key scale as in key, but got 8}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      kv_scales(%ks, %vs : tensor<8xf32>, tensor<2xf32>) outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

// Dynamic sizes agree with all sizes; what two static ones say still counts.
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x?x64xf16>, %v: tensor<1x2x16x32xf16>,
             %mask: tensor<1x8x2x17xf32>, %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected N = 16 in mask as in value, but got 17}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x16x32xf16>)
      mask(%mask : tensor<1x8x2x17xf32>) outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %acc: tensor<1x8x2x32xf32>, %max: tensor<1x8xf32>, %sum: tensor<1x8x2xf32>) {
  // expected-error @below {{'dashkv.online_attention' op expected max of rank 3, but got 'tensor<1x8xf32>'}}
  %0:3 = dashkv.online_attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%acc, %max, %sum : tensor<1x8x2x32xf32>, tensor<1x8xf32>, tensor<1x8x2xf32>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %acc: tensor<1x8x2x32xf32>, %max: tensor<1x8x2xf32>, %sum: tensor<1x8x1xf32>) {
  // expected-error @below {{'dashkv.online_attention' op expected M = 2 in sum as in query, but got 1}}
  %0:3 = dashkv.online_attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%acc, %max, %sum : tensor<1x8x2x32xf32>, tensor<1x8x2xf32>, tensor<1x8x1xf32>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>, %i: tensor<2x2x2x5xi32>,
             %c: tensor<1x2x2xi32>, %acc: tensor<1x8x2x32xf32>, %max: tensor<1x8x2xf32>, %sum: tensor<1x8x2xf32>) {
  // expected-error @below {{'dashkv.online_attention' op expected B = 1 in indices as in query, but got 2}}
  %0:3 = dashkv.online_attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      list(%i, %c : tensor<2x2x2x5xi32>, tensor<1x2x2xi32>)
      outs(%acc, %max, %sum : tensor<1x8x2x32xf32>, tensor<1x8x2xf32>, tensor<1x8x2xf32>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>, %i: tensor<1x2x2x5xi32>,
             %c: tensor<1x8x2xi32>, %acc: tensor<1x8x2x32xf32>, %max: tensor<1x8x2xf32>, %sum: tensor<1x8x2xf32>) {
  // expected-error @below {{'dashkv.online_attention' op expected Hl = 2 in counts as in indices, but got 8}}
  %0:3 = dashkv.online_attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      list(%i, %c : tensor<1x2x2x5xi32>, tensor<1x8x2xi32>)
      outs(%acc, %max, %sum : tensor<1x8x2x32xf32>, tensor<1x8x2xf32>, tensor<1x8x2xf32>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %o: tensor<1x8x3x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected M = 2 in codes as in input, but got 3}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xf32>)
      outs(%o : tensor<1x8x3x8xi8>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %o: tensor<1x8x2x8xi8>, %s: tensor<1x2x2xf32>) {
  // expected-error @below {{'dashkv.hash_encode' op expected Hc = 8 in code scale as in codes, but got 2}}
  %0:2 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xf32>)
      outs(%o : tensor<1x8x2x8xi8>) code_scale(%s : tensor<1x2x2xf32>)
  return
}

// -----

func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>,
             %kc: tensor<1x2x32x8xi8>, %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected N = 16 in key codes as in key, but got 32}}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x32x8xi8>) outs(%o : tensor<1x8x1x64xf16>)
      {tiering = #dashkv.tiering<>}
  return
}

// -----

// Byte planes have ceil(N / 64) blocks, and flags of keys as many keys as those.
func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x100x64xf16>, %qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x3x8x64xi8>,
             %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected byte planes of 2 blocks for N = 100, but got 3}}
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x100x64xf16>, tensor<1x2x100x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x3x8x64xi8>) outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x100x64xf16>, %qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x2x8x64xi8>,
             %forced: tensor<1x100xi1>, %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected NB * 64 = 128 in forced as in key codes, but got 100}}
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x100x64xf16>, tensor<1x2x100x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x2x8x64xi8>) forced(%forced : tensor<1x100xi1>)
      outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x2x8x64xi8>, %d: tensor<1x8x1x100xi8>) {
  // expected-error @below {{'dashkv.hamming_distance' op expected N = 128 in distances as in key codes, but got 100}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x2x8x64xi8>) outs(%d : tensor<1x8x1x100xi8>)
  return
}

// -----

func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>,
             %kc: tensor<1x8x16x8xi8>, %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected Hkv = 2 in key codes as in key, but got 8}}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x8x16x8xi8>) outs(%o : tensor<1x8x1x64xf16>)
      {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %d: tensor<1x8x1x8xi8>) {
  // expected-error @below {{'dashkv.hamming_distance' op expected N = 16 in distances as in key codes, but got 8}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x8xi8>)
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi8>, %o: tensor<1x2x1x16xi16>) {
  // expected-error @below {{'dashkv.calibrate' op expected Hc = 8 in out as in distances, but got 2}}
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) outs(%o : tensor<1x2x1x16xi16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x2xi32>) {
  // expected-error @below {{'dashkv.select' op expected M = 1 in full threshold as in distances, but got 2}}
  %0:3 = dashkv.select ins(%d : tensor<1x8x1x16xi16>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x2xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>,
             %mi: tensor<1x8x1x16xi32>, %mc: tensor<1x2x1xi32>, %mt: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected Hl = 2 in mid indices as in full indices, but got 8}}
  %0:6 = dashkv.select ins(%d : tensor<1x8x1x16xi16>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      mid(%mi, %mc, %mt : tensor<1x8x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      {tiering = #dashkv.tiering<mid = 0.1>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>,
             %mi: tensor<1x2x1x16xi32>, %mc: tensor<1x2x1xi32>, %mt: tensor<1x2xi32>) {
  // expected-error @below {{'dashkv.select' op expected mid threshold of rank 3, but got 'tensor<1x2xi32>'}}
  %0:6 = dashkv.select ins(%d : tensor<1x8x1x16xi16>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      mid(%mi, %mc, %mt : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2xi32>)
      {tiering = #dashkv.tiering<mid = 0.1>}
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x16xi32>, %c: tensor<3x2x1xi32>,
             %t: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.retrieve' op expected B = 1 in full counts as in query codes, but got 3}}
  %0:3 = dashkv.retrieve codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<3x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %o: tensor<1x8x1x6xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected C = 5 in out as in indices, but got 6}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      outs(%o : tensor<1x8x1x6xf32>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<2xf32>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected Hq = 8 in bias as in temperature, but got 2}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<2xf32>)
      outs(%o : tensor<1x8x1x5xf32>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %cs: tensor<1x2x1xf32>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected Hc = 8 in code scale as in query codes, but got 2}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      code_scale(%cs : tensor<1x2x1xf32>) outs(%o : tensor<1x8x1x5xf32>)
  return
}

// -----

func.func @f(%s: tensor<1x8x1x5xf32>, %v: tensor<1x2x16x64xf16>, %i: tensor<1x2x1x4xi32>, %c: tensor<1x2x1xi32>,
             %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) {
  // expected-error @below {{'dashkv.online_reduce' op expected C = 5 in indices as in scores, but got 4}}
  %0:3 = dashkv.online_reduce ins(%s, %v : tensor<1x8x1x5xf32>, tensor<1x2x16x64xf16>)
      list(%i, %c : tensor<1x2x1x4xi32>, tensor<1x2x1xi32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return
}

// -----

func.func @f(%s: tensor<1x8x1x5xf32>, %v: tensor<1x2x16x64xf16>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %vs: tensor<8xf32>, %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) {
  // expected-error @below {{'dashkv.online_reduce' op expected Hkv = 2 in value scale as in value, but got 8}}
  %0:3 = dashkv.online_reduce ins(%s, %v : tensor<1x8x1x5xf32>, tensor<1x2x16x64xf16>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) value_scale(%vs : tensor<8xf32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return
}

// -----

func.func @f(%s: tensor<1x8x1x5xf32>, %v: tensor<1x2x16x64xf16>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %acc: tensor<1x8x1x32xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) {
  // expected-error @below {{'dashkv.online_reduce' op expected Dv = 64 in acc as in value, but got 32}}
  %0:3 = dashkv.online_reduce ins(%s, %v : tensor<1x8x1x5xf32>, tensor<1x2x16x64xf16>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>)
      outs(%acc, %max, %sum : tensor<1x8x1x32xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return
}

// -----

func.func @f(%as: tensor<4x1x8x1x64xf32>, %ms: tensor<3x1x8x1xf32>, %ss: tensor<4x1x8x1xf32>,
             %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) {
  // expected-error @below {{'dashkv.merge' op expected S = 4 in maxs as in accs, but got 3}}
  %0:3 = dashkv.merge ins(%as, %ms, %ss : tensor<4x1x8x1x64xf32>, tensor<3x1x8x1xf32>, tensor<4x1x8x1xf32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return
}

// -----

func.func @f(%as: tensor<1x8x1x64xf32>, %ms: tensor<4x1x8x1xf32>, %ss: tensor<4x1x8x1xf32>,
             %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) {
  // expected-error @below {{'dashkv.merge' op expected accs of rank 5, but got 'tensor<1x8x1x64xf32>'}}
  %0:3 = dashkv.merge ins(%as, %ms, %ss : tensor<1x8x1x64xf32>, tensor<4x1x8x1xf32>, tensor<4x1x8x1xf32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return
}

// -----

func.func @f(%as: tensor<4x1x8x1x64xf32>, %ms: tensor<4x1x8x1xf32>, %ss: tensor<4x1x8x1xf32>,
             %acc: tensor<1x4x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) {
  // expected-error @below {{'dashkv.merge' op expected Hq = 8 in acc as in accs, but got 4}}
  %0:3 = dashkv.merge ins(%as, %ms, %ss : tensor<4x1x8x1x64xf32>, tensor<4x1x8x1xf32>, tensor<4x1x8x1xf32>)
      outs(%acc, %max, %sum : tensor<1x4x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return
}

// -----

func.func @f(%acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>, %o: tensor<1x8x1x32xf16>) {
  // expected-error @below {{'dashkv.finalize' op expected Dv = 64 in out as in acc, but got 32}}
  %0 = dashkv.finalize ins(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
      outs(%o : tensor<1x8x1x32xf16>)
  return
}

// -----

// With a group dim, of rank 5.
func.func @f(%acc: tensor<1x2x4x1x64xf32>, %max: tensor<1x2x4x1xf32>, %sum: tensor<1x2x2x1xf32>,
             %o: tensor<1x2x4x1x64xf16>) {
  // expected-error @below {{'dashkv.finalize' op expected G = 4 in sum as in acc, but got 2}}
  %0 = dashkv.finalize ins(%acc, %max, %sum : tensor<1x2x4x1x64xf32>, tensor<1x2x4x1xf32>, tensor<1x2x2x1xf32>)
      outs(%o : tensor<1x2x4x1x64xf16>)
  return
}

// -----

func.func @f(%acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>, %o: tensor<1x8x1x64xf16>,
             %lse: tensor<8x1xf32>) {
  // expected-error @below {{'dashkv.finalize' op expected lse of rank 3, but got 'tensor<8x1xf32>'}}
  %0:2 = dashkv.finalize ins(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
      outs(%o : tensor<1x8x1x64xf16>) lse(%lse : tensor<8x1xf32>)
  return
}

//===----------------------------------------------------------------------===//
// Heads (c2)
//===----------------------------------------------------------------------===//

// -----

// c2
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x3x16x64xf16>, %v: tensor<1x3x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected Hq to be a multiple of Hkv, but got 8 and 3}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x3x16x64xf16>, tensor<1x3x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

// No KV head serves no query head only.
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x0x16x64xf16>, %v: tensor<1x0x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected Hq to be a multiple of Hkv, but got 8 and 0}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x0x16x64xf16>, tensor<1x0x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x3x16x8xi8>, %d: tensor<1x8x1x16xi8>) {
  // expected-error @below {{'dashkv.hamming_distance' op expected Hc to be a multiple of Hkv, but got 8 and 3}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x3x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  return
}

// -----

func.func @f(%qc: tensor<1x2x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<7xf32>, %b: tensor<7xf32>, %o: tensor<1x7x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected Hq to be a multiple of Hkv, but got 7 and 2}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x2x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<7xf32>, tensor<7xf32>)
      outs(%o : tensor<1x7x1x5xf32>)
  return
}

// -----

func.func @f(%s: tensor<1x8x1x5xf32>, %v: tensor<1x3x16x64xf16>, %i: tensor<1x8x1x5xi32>, %c: tensor<1x8x1xi32>,
             %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) {
  // expected-error @below {{'dashkv.online_reduce' op expected Hq to be a multiple of Hkv, but got 8 and 3}}
  %0:3 = dashkv.online_reduce ins(%s, %v : tensor<1x8x1x5xf32>, tensor<1x3x16x64xf16>)
      list(%i, %c : tensor<1x8x1x5xi32>, tensor<1x8x1xi32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return
}

//===----------------------------------------------------------------------===//
// Indexing maps (c4, c5)
//===----------------------------------------------------------------------===//

// -----

// c5
#q = affine_map<(b, h, m, n, d, dv) -> (b, h, m, m)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, h, n, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected a projected permutation as the map of query, but got affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d2)>}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>) {indexing_maps = [#q, #k, #v, #o]}
  return
}

// -----

#q = affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, h floordiv 4, n, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, h, n, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected a projected permutation as the map of key, but got affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1 floordiv 4, d3, d4)>}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>) {indexing_maps = [#q, #k, #v, #o]}
  return
}

// -----

#q = affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, h, n, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
#mask = affine_map<(b, h, m, n, d, dv) -> (0, h, m, n)>
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %mask: tensor<1x8x2x16xf32>, %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected a projected permutation as the map of mask, but got affine_map<(d0, d1, d2, d3, d4, d5) -> (0, d1, d2, d3)>}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      mask(%mask : tensor<1x8x2x16xf32>) outs(%o : tensor<1x8x2x32xf16>) {indexing_maps = [#q, #k, #v, #mask, #o]}
  return
}

// -----

// c4: maps use the dims of their operands.
#q = affine_map<(b, h, m, n, d, dv) -> (b, h, m, n)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, h, n, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected the map of query to use the dims b h m d, but got affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d3)>}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>) {indexing_maps = [#q, #k, #v, #o]}
  return
}

// -----

#q = affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, h, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, h, n, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected the map of key to use the dims b h n d, but got}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>) {indexing_maps = [#q, #k, #v, #o]}
  return
}

// -----

#q = affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, h, n, d)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected the map of value to use the dims b h n dv, but got}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>) {indexing_maps = [#q, #k, #v, #o]}
  return
}

// -----

#q = affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, h, n, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, m, dv)>
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected the map of out to use the dims b h m dv, but got}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>) {indexing_maps = [#q, #k, #v, #o]}
  return
}

// -----

// A mask has at least the key dim.
#q = affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, h, n, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
#mask = affine_map<(b, h, m, n, d, dv) -> (b, h, m)>
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>, %mask: tensor<1x8x2xf32>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected the map of mask to use the dims n, but got}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      mask(%mask : tensor<1x8x2xf32>) outs(%o : tensor<1x8x2x32xf16>) {indexing_maps = [#q, #k, #v, #mask, #o]}
  return
}

// -----

#q = affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, h, n, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
#mask = affine_map<(b, h, m, n, d, dv) -> (b, h, m, n, d)>
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %mask: tensor<1x8x2x16x64xf32>, %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected the map of mask to use the dims n, but got}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      mask(%mask : tensor<1x8x2x16x64xf32>) outs(%o : tensor<1x8x2x32xf16>) {indexing_maps = [#q, #k, #v, #mask, #o]}
  return
}

// -----

// c4: number of maps.
#q = affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, h, n, dv)>
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected 4 indexing maps, but got 3}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>) {indexing_maps = [#q, #k, #v]}
  return
}

// -----

#q = affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, h, n, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %mask: tensor<1x8x2x16xf32>, %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected 5 indexing maps, but got 4}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      mask(%mask : tensor<1x8x2x16xf32>) outs(%o : tensor<1x8x2x32xf16>) {indexing_maps = [#q, #k, #v, #o]}
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected 4 indexing maps, but got 0}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>) {indexing_maps = []}
  return
}

// -----

// c4: number of loops.
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, h, n, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected indexing maps of 6 or 7 dims, but got 5}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>) {indexing_maps = [#q, #k, #v, #o]}
  return
}

// -----

#q = affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected indexing maps of 6 dims, but got 7 for value}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>) {indexing_maps = [#q, #k, #v, #o]}
  return
}

// -----

// With the group as a dim of its own.
#q = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, d)>
#k = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, dv)>
#o = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, dv)>
func.func @f(%q: tensor<1x2x4x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x2x2x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected G = 4 in out as in query, but got 2}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x2x4x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x2x2x2x32xf16>) {indexing_maps = [#q, #k, #v, #o]}
  return
}

// -----

#q = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, d)>
#k = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, dv)>
#o = affine_map<(b, h, g, m, n, d, dv) -> (b, h, m, dv)>
func.func @f(%q: tensor<1x2x4x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected the map of out to use the dims b h g m dv, but got}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x2x4x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>) {indexing_maps = [#q, #k, #v, #o]}
  return
}

// -----

#q = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, d)>
#k = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, dv)>
#o = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, dv)>
func.func @f(%q: tensor<1x2x4x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>,
             %qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %o: tensor<1x2x4x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected maps without a group dim}}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x2x4x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%o : tensor<1x2x4x1x64xf16>)
      {tiering = #dashkv.tiering<>, indexing_maps = [#q, #k, #v, #o]}
  return
}

// -----

#q = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, d)>
#k = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, dv)>
#o = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, dv)>
func.func @f(%q: tensor<1x2x4x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %i: tensor<1x2x2x5xi32>, %c: tensor<1x2x2xi32>, %acc: tensor<1x2x4x2x32xf32>, %max: tensor<1x2x4x2xf32>,
             %sum: tensor<1x2x4x2xf32>) {
  // expected-error @below {{'dashkv.online_attention' op expected maps without a group dim with a list}}
  %0:3 = dashkv.online_attention
      ins(%q, %k, %v : tensor<1x2x4x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      list(%i, %c : tensor<1x2x2x5xi32>, tensor<1x2x2xi32>)
      outs(%acc, %max, %sum : tensor<1x2x4x2x32xf32>, tensor<1x2x4x2xf32>, tensor<1x2x4x2xf32>)
      {indexing_maps = [#q, #k, #v, #o]}
  return
}

// -----

// A list says which keys there are.
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %mask: tensor<1x8x2x16xf32>, %i: tensor<1x2x2x5xi32>, %c: tensor<1x2x2xi32>, %acc: tensor<1x8x2x32xf32>,
             %max: tensor<1x8x2xf32>, %sum: tensor<1x8x2xf32>) {
  // expected-error @below {{'dashkv.online_attention' op expected no mask and no causal with a list}}
  %0:3 = dashkv.online_attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      mask(%mask : tensor<1x8x2x16xf32>) list(%i, %c : tensor<1x2x2x5xi32>, tensor<1x2x2xi32>)
      outs(%acc, %max, %sum : tensor<1x8x2x32xf32>, tensor<1x8x2xf32>, tensor<1x8x2xf32>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>, %i: tensor<1x2x2x5xi32>,
             %c: tensor<1x2x2xi32>, %acc: tensor<1x8x2x32xf32>, %max: tensor<1x8x2xf32>, %sum: tensor<1x8x2xf32>) {
  // expected-error @below {{'dashkv.online_attention' op expected no mask and no causal with a list}}
  %0:3 = dashkv.online_attention causal
      ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      list(%i, %c : tensor<1x2x2x5xi32>, tensor<1x2x2xi32>)
      outs(%acc, %max, %sum : tensor<1x8x2x32xf32>, tensor<1x8x2xf32>, tensor<1x8x2xf32>)
  return
}
