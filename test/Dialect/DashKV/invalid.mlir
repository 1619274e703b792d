// RUN: dashkv-opt %s --split-input-file --verify-diagnostics

// What the verifiers ask beyond types and shapes, which have files of their own.
// One test for every sentence. The labels are those of the ODS descriptions.

//===----------------------------------------------------------------------===//
// #dashkv.tiering (c6) and the other attributes
//===----------------------------------------------------------------------===//

// expected-error @below {{expected a field of #dashkv.tiering (full, full_min, full_max, mid, mid_min, mid_max, sinks, window, bits_fraction, vote_threshold, vote_fraction, dense_below, kept_votes, scope, ties), but got 'ful'}}
#t = #dashkv.tiering<ful = 0.1>

// -----

// expected-error @below {{expected each field once, but got 'sinks' again}}
#t = #dashkv.tiering<sinks = 1, window = 2, sinks = 1>

// -----

// expected-error @below {{expected each field once, but got 'scope' again}}
#t = #dashkv.tiering<scope = head, scope = head>

// -----

// c6: fractions are in [0, 1].
// expected-error @below {{expected full in [0, 1], but got 1.5}}
#t = #dashkv.tiering<full = 1.5>

// -----

// expected-error @below {{expected mid in [0, 1], but got -1.0}}
#t = #dashkv.tiering<mid = -0.1>

// -----

// expected-error @below {{expected vote_fraction in [0, 1], but got}}
#t = #dashkv.tiering<vote_fraction = 1.0e30>

// -----

// c6: counts are not negative and fit i32.
// expected-error @below {{expected full_min >= 0 and below 2^31, but got -1}}
#t = #dashkv.tiering<full_min = -1>

// -----

// expected-error @below {{expected full_max >= 0 and below 2^31, but got -2}}
#t = #dashkv.tiering<full_max = -2>

// -----

// expected-error @below {{expected mid_min >= 0 and below 2^31, but got 2147483648}}
#t = #dashkv.tiering<mid_min = 2147483648>

// -----

// expected-error @below {{expected mid_max >= 0 and below 2^31, but got 9223372036854775807}}
#t = #dashkv.tiering<mid_max = 9223372036854775807>

// -----

// expected-error @below {{expected sinks >= 0 and below 2^31, but got -4}}
#t = #dashkv.tiering<sinks = -4>

// -----

// expected-error @below {{expected window >= 0 and below 2^31, but got 2147483648}}
#t = #dashkv.tiering<window = 2147483648>

// -----

// expected-error @below {{expected dense_below >= 0 and below 2^31, but got -1}}
#t = #dashkv.tiering<dense_below = -1>

// -----

// expected-error @below {{expected kept_votes >= 1 and below 2^31, but got 0}}
#t = #dashkv.tiering<kept_votes = 0>

// -----

// expected-error @below {{expected vote_threshold >= 0 and below 2^31, but got -2}}
#t = #dashkv.tiering<vote_threshold = -2>

// -----

// c6: min <= max; the default of full_min is 128.
// expected-error @below {{expected full_min <= full_max, but got 128 and 100}}
#t = #dashkv.tiering<full_max = 100>

// -----

// expected-error @below {{expected mid_min <= mid_max, but got 8 and 7}}
#t = #dashkv.tiering<mid_min = 8, mid_max = 7>

// -----

// expected-error @below {{expected bits_fraction in 0 to 6, but got 7}}
#t = #dashkv.tiering<bits_fraction = 7>

// -----

// expected-error @below {{expected bits_fraction in 0 to 6, but got -1}}
#t = #dashkv.tiering<bits_fraction = -1>

// -----

// expected-error @below {{expected group or head, but got layer}}
#t = #dashkv.tiering<scope = layer>

// -----

// expected-error @below {{expected lowest_index, newest or inclusive, but got oldest}}
#t = #dashkv.tiering<ties = oldest>

// -----

// What the parser of upstream says about the rest.
// expected-error @below {{expected integer value}}
#t = #dashkv.tiering<sinks = head>

// -----

// expected-error @below {{expected floating point literal}}
#t = #dashkv.tiering<full = head>

// -----

// expected-error @below {{expected valid keyword}}
#t = #dashkv.tiering<scope = 3>

// -----

// expected-error @below {{expected '='}}
#t = #dashkv.tiering<full 0.1>

// -----

// expected-error @below {{expected '<'}}
#t = #dashkv.tiering

// -----

// The attribute is mandatory.
func.func @f(%d: tensor<1x8x1x16xi8>, %o: tensor<1x8x1x16xi16>) {
  // expected-error @below {{'dashkv.calibrate' op requires attribute 'tiering'}}
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) outs(%o : tensor<1x8x1x16xi16>)
  return
}

// -----

// expected-error @+2 {{failed to parse DashKV_ActivationAttr parameter 'value'}}
// expected-error @below {{expected ::mlir::dashkv::Activation to be one of: relu, silu, tanh}}
#a = #dashkv.activation<gelu>

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @+2 {{failed to parse DashKV_EncoderKindAttr parameter 'value'}}
  // expected-error @below {{expected ::mlir::dashkv::EncoderKind to be one of: linear, mlp}}
  %0 = dashkv.hash_encode conv ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xf32>) outs(%o : tensor<1x8x2x8xi8>)
  return
}

//===----------------------------------------------------------------------===//
// Codes (c3)
//===----------------------------------------------------------------------===//

// -----

// c3: 8 to 256 bits.
func.func @f(%qc: tensor<1x8x1x33xi8>, %kc: tensor<1x2x16x33xi8>, %d: tensor<1x8x1x16xi8>) {
  // expected-error @below {{'dashkv.hamming_distance' op expected key codes of 1 to 32 bytes, but got 33}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x33xi8>, tensor<1x2x16x33xi8>)
      outs(%d : tensor<1x8x1x16xi8>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x0xi8>, %kc: tensor<1x2x16x0xi8>, %d: tensor<1x8x1x16xi8>) {
  // expected-error @below {{'dashkv.hamming_distance' op expected key codes of 1 to 32 bytes, but got 0}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x0xi8>, tensor<1x2x16x0xi8>) outs(%d : tensor<1x8x1x16xi8>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x?xi8>, %d: tensor<1x8x1x16xi8>) {
  // expected-error @below {{'dashkv.hamming_distance' op expected key codes of 1 to 32 bytes, but got a dynamic number}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x?xi8>) outs(%d : tensor<1x8x1x16xi8>)
  return
}

// -----

// c3: byte planes are [B,Hkv,NB,L/8,64].
func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x1x8x32xi8>, %d: tensor<1x8x1x32xi8>) {
  // expected-error @below {{'dashkv.hamming_distance' op expected byte planes of 64 keys, but got 32}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x1x8x32xi8>) outs(%d : tensor<1x8x1x32xi8>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x1x8x?xi8>, %d: tensor<1x8x1x64xi8>) {
  // expected-error @below {{'dashkv.hamming_distance' op expected byte planes of 64 keys, but got a dynamic number}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x1x8x?xi8>) outs(%d : tensor<1x8x1x64xi8>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x1x64x64xi8>, %d: tensor<1x8x1x64xi8>) {
  // expected-error @below {{'dashkv.hamming_distance' op expected key codes of 1 to 32 bytes, but got 64}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x1x64x64xi8>) outs(%d : tensor<1x8x1x64xi8>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<2x128x8xi8>, %d: tensor<1x8x1x128xi8>) {
  // expected-error @below {{'dashkv.hamming_distance' op expected key codes of rank 4 (key-major) or 5 (byte planes), but got 'tensor<2x128x8xi8>'}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<2x128x8xi8>) outs(%d : tensor<1x8x1x128xi8>)
  return
}

// -----

// c3: packed or weighted.
func.func @f(%qc: tensor<1x8x1x16xi8>, %kc: tensor<1x2x16x8xi8>, %d: tensor<1x8x1x16xi8>) {
  // expected-error @below {{'dashkv.hamming_distance' op expected query codes of 8 (packed) or 64 (weighted) bytes, but got 16}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x16xi8>, tensor<1x2x16x8xi8>)
      outs(%d : tensor<1x8x1x16xi8>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x?xi8>, %kc: tensor<1x2x16x8xi8>, %d: tensor<1x8x1x16xi8>) {
  // expected-error @below {{'dashkv.hamming_distance' op expected query codes of 8 (packed) or 64 (weighted) bytes, but got a dynamic number}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x?xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  return
}

// -----

// c3: a code a query head or a code a KV head.
func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x4x1x8xi8>,
             %kc: tensor<1x2x16x8xi8>, %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected Hc = Hq (8) or Hkv (2), but got 4}}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x4x1x8xi8>, tensor<1x2x16x8xi8>) outs(%o : tensor<1x8x1x64xf16>)
      {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%qc: tensor<1x4x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected Hc = Hq (8) or Hkv (2), but got 4}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x4x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      outs(%o : tensor<1x8x1x5xf32>)
  return
}

// -----

// c3: scope head needs a code a query head.
func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x2x1x8xi8>,
             %kc: tensor<1x2x16x8xi8>, %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected one query code a query head in scope head, but got 2 and 8}}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x2x1x8xi8>, tensor<1x2x16x8xi8>) outs(%o : tensor<1x8x1x64xf16>)
      {tiering = #dashkv.tiering<scope = head>}
  return
}

// -----

// c3: one list a code head in scope head.
func.func @f(%d: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected one list a code head in scope head, but got 2 and 8}}
  %0:3 = dashkv.select ins(%d : tensor<1x8x1x16xi16>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      {tiering = #dashkv.tiering<scope = head>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi16>, %i: tensor<1x3x1x16xi32>, %c: tensor<1x3x1xi32>, %t: tensor<1x3x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected Hc to be a multiple of Hl, but got 8 and 3}}
  %0:3 = dashkv.select ins(%d : tensor<1x8x1x16xi16>)
      outs(%i, %c, %t : tensor<1x3x1x16xi32>, tensor<1x3x1xi32>, tensor<1x3x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

// c3: one list a KV head in scope group.
func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x4x1x16xi32>, %c: tensor<1x4x1xi32>,
             %t: tensor<1x4x1xi32>) {
  // expected-error @below {{'dashkv.retrieve' op expected one list a KV head in scope group, but got 4 and 2}}
  %0:3 = dashkv.retrieve codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      outs(%i, %c, %t : tensor<1x4x1x16xi32>, tensor<1x4x1xi32>, tensor<1x4x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.retrieve' op expected one list a code head in scope head, but got 2 and 8}}
  %0:3 = dashkv.retrieve codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      {tiering = #dashkv.tiering<scope = head>}
  return
}

// -----

// c3: one list a query head or a KV head.
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>, %i: tensor<1x4x2x5xi32>,
             %c: tensor<1x4x2xi32>, %acc: tensor<1x8x2x32xf32>, %max: tensor<1x8x2xf32>, %sum: tensor<1x8x2xf32>) {
  // expected-error @below {{'dashkv.online_attention' op expected Hl = Hq (8) or Hkv (2), but got 4}}
  %0:3 = dashkv.online_attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      list(%i, %c : tensor<1x4x2x5xi32>, tensor<1x4x2xi32>)
      outs(%acc, %max, %sum : tensor<1x8x2x32xf32>, tensor<1x8x2xf32>, tensor<1x8x2xf32>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x4x1x5xi32>, %c: tensor<1x4x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected Hl = Hq (8) or Hkv (2), but got 4}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x4x1x5xi32>, tensor<1x4x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      outs(%o : tensor<1x8x1x5xf32>)
  return
}

// -----

func.func @f(%s: tensor<1x8x1x5xf32>, %v: tensor<1x2x16x64xf16>, %i: tensor<1x4x1x5xi32>, %c: tensor<1x4x1xi32>,
             %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) {
  // expected-error @below {{'dashkv.online_reduce' op expected Hl = Hq (8) or Hkv (2), but got 4}}
  %0:3 = dashkv.online_reduce ins(%s, %v : tensor<1x8x1x5xf32>, tensor<1x2x16x64xf16>)
      list(%i, %c : tensor<1x4x1x5xi32>, tensor<1x4x1xi32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return
}

// -----

// c3: length of the codes that an encoder makes.
func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x60xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected a code length that is a multiple of 8 in 8 to 256, but got 60}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x60xf32>)
      outs(%o : tensor<1x8x2x8xi8>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<64x264xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected a code length that is a multiple of 8 in 8 to 256, but got 264}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<64x264xf32>)
      outs(%o : tensor<1x8x2x8xi8>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x?xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected a code length that is a multiple of 8 in 8 to 256, but got a dynamic one}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x?xf32>)
      outs(%o : tensor<1x8x2x8xi8>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %o: tensor<1x8x2x64xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected codes of 8 bytes, but got 64}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xf32>)
      outs(%o : tensor<1x8x2x64xi8>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected codes of 64 bytes, but got 8}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xf32>)
      outs(%o : tensor<1x8x2x8xi8>) {levels = 7 : i64}
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %o: tensor<1x8x2x?xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected codes of 8 bytes, but got a dynamic number}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xf32>)
      outs(%o : tensor<1x8x2x?xi8>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected levels in 1 to 15, but got 0}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xf32>)
      outs(%o : tensor<1x8x2x8xi8>) {levels = 0 : i64}
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected levels in 1 to 15, but got 16}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xf32>)
      outs(%o : tensor<1x8x2x8xi8>) {levels = 16 : i64}
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected group >= 1, but got 0}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xf32>)
      outs(%o : tensor<1x8x2x8xi8>) {group = 0 : i64}
  return
}

// -----

// c4
func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected H = group * Hc, but got 8 and 4 * 8}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xf32>)
      outs(%o : tensor<1x8x2x8xi8>) {group = 4 : i64}
  return
}

//===----------------------------------------------------------------------===//
// Capacity of lists (c7)
//===----------------------------------------------------------------------===//

// -----

// c7: sinks + window + budget, 16 at most as there are no more keys.
func.func @f(%d: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x15xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected full lists of capacity >= 16, but got 15}}
  %0:3 = dashkv.select ins(%d : tensor<1x8x1x16xi16>)
      outs(%i, %c, %t : tensor<1x2x1x15xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

// 2 + 3 + ceil(0.25 * 16)
func.func @f(%d: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x8xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected full lists of capacity >= 9, but got 8}}
  %0:3 = dashkv.select ins(%d : tensor<1x8x1x16xi16>)
      outs(%i, %c, %t : tensor<1x2x1x8xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      {tiering = #dashkv.tiering<full = 0.25, full_min = 0, sinks = 2, window = 3>}
  return
}

// -----

// All keys may be forced.
func.func @f(%d: tensor<1x8x1x16xi16>, %forced: tensor<1x16xi1>, %i: tensor<1x2x1x9xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected full lists of capacity >= 16, but got 9}}
  %0:3 = dashkv.select ins(%d : tensor<1x8x1x16xi16>) forced(%forced : tensor<1x16xi1>)
      outs(%i, %c, %t : tensor<1x2x1x9xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      {tiering = #dashkv.tiering<full = 0.25, full_min = 0, sinks = 2, window = 3>}
  return
}

// -----

// All keys may be as near as the last one.
func.func @f(%d: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x9xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected full lists of capacity >= 16, but got 9}}
  %0:3 = dashkv.select ins(%d : tensor<1x8x1x16xi16>)
      outs(%i, %c, %t : tensor<1x2x1x9xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      {tiering = #dashkv.tiering<full = 0.25, full_min = 0, sinks = 2, window = 3, ties = inclusive>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>,
             %mi: tensor<1x2x1x1xi32>, %mc: tensor<1x2x1xi32>, %mt: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected mid lists of capacity >= 2, but got 1}}
  %0:6 = dashkv.select ins(%d : tensor<1x8x1x16xi16>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      mid(%mi, %mc, %mt : tensor<1x2x1x1xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      {tiering = #dashkv.tiering<mid = 0.1>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>,
             %mi: tensor<1x2x1x2xi32>, %mc: tensor<1x2x1xi32>, %mt: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected mid lists of capacity >= 16, but got 2}}
  %0:6 = dashkv.select ins(%d : tensor<1x8x1x16xi16>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      mid(%mi, %mc, %mt : tensor<1x2x1x2xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      {tiering = #dashkv.tiering<mid = 0.1, ties = inclusive>}
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x10xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.retrieve' op expected full lists of capacity >= 16, but got 10}}
  %0:3 = dashkv.retrieve codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      outs(%i, %c, %t : tensor<1x2x1x10xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

// With a dynamic number of keys, a maximum is a bound: 4 + 64 + 100.
func.func @f(%d: tensor<1x8x1x?xi16>, %i: tensor<1x2x1x167xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected full lists of capacity >= 168, but got 167}}
  %0:3 = dashkv.select ins(%d : tensor<1x8x1x?xi16>)
      outs(%i, %c, %t : tensor<1x2x1x167xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      {tiering = #dashkv.tiering<full_min = 0, full_max = 100>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x?xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>,
             %mi: tensor<1x2x1x16xi32>, %mc: tensor<1x2x1xi32>, %mt: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected mid lists of capacity >= 100, but got 16}}
  %0:6 = dashkv.select ins(%d : tensor<1x8x1x?xi16>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      mid(%mi, %mc, %mt : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      {tiering = #dashkv.tiering<mid = 0.1, mid_max = 100>}
  return
}

// -----

// Mid lists and a mid tier come together.
func.func @f(%d: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>,
             %mi: tensor<1x2x1x16xi32>, %mc: tensor<1x2x1xi32>, %mt: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected mid lists iff the tiering has a mid tier, but got lists without a mid tier}}
  %0:6 = dashkv.select ins(%d : tensor<1x8x1x16xi16>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      mid(%mi, %mc, %mt : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.retrieve' op expected mid lists iff the tiering has a mid tier, but got a mid tier without lists}}
  %0:3 = dashkv.retrieve codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      {tiering = #dashkv.tiering<mid = 0.1>}
  return
}

//===----------------------------------------------------------------------===//
// Discounts and radius (c8)
//===----------------------------------------------------------------------===//

// -----

// c8
func.func @f(%d: tensor<1x8x1x16xi8>, %vd: tensor<8xi32>, %o: tensor<1x8x1x16xi16>) {
  // expected-error @below {{'dashkv.calibrate' op expected vote_discount of i16, but got 'i32'}}
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) vote_discount(%vd : tensor<8xi32>)
      outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi8>, %prior: tensor<1x16xi1>, %pd: tensor<8xi8>, %o: tensor<1x8x1x16xi16>) {
  // expected-error @below {{'dashkv.calibrate' op expected prior_discount of i16, but got 'i8'}}
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) prior(%prior : tensor<1x16xi1>)
      prior_discount(%pd : tensor<8xi8>) outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi8>, %vd: tensor<2xi16>, %o: tensor<1x8x1x16xi16>) {
  // expected-error @below {{'dashkv.calibrate' op expected Hc = 8 in vote_discount as in distances, but got 2}}
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) vote_discount(%vd : tensor<2xi16>)
      outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi8>, %prior: tensor<1x16xi1>, %pd: tensor<2xi16>, %o: tensor<1x8x1x16xi16>) {
  // expected-error @below {{'dashkv.calibrate' op expected Hc = 8 in prior_discount as in distances, but got 2}}
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) prior(%prior : tensor<1x16xi1>)
      prior_discount(%pd : tensor<2xi16>) outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

// c8: constant discounts are not negative.
func.func @f(%d: tensor<1x8x1x16xi8>, %o: tensor<1x8x1x16xi16>) {
  %vd = arith.constant dense<-3> : tensor<8xi16>
  // expected-error @below {{'dashkv.calibrate' op expected vote_discount >= 0, but got -3}}
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) vote_discount(%vd : tensor<8xi16>)
      outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %prior: tensor<1x16xi1>, %i: tensor<1x2x1x16xi32>,
             %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>) {
  %pd = arith.constant dense<[0, 1, 2, 3, 4, 5, 6, -1]> : tensor<8xi16>
  // expected-error @below {{'dashkv.retrieve' op expected prior_discount >= 0, but got -1}}
  %0:3 = dashkv.retrieve codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) prior(%prior : tensor<1x16xi1>)
      prior_discount(%pd : tensor<8xi16>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi8>, %prior: tensor<1x16xi1>, %o: tensor<1x8x1x16xi16>) {
  // expected-error @below {{'dashkv.calibrate' op expected prior and prior_discount together, but got no prior_discount}}
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) prior(%prior : tensor<1x16xi1>) outs(%o : tensor<1x8x1x16xi16>)
      {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi8>, %pd: tensor<8xi16>, %o: tensor<1x8x1x16xi16>) {
  // expected-error @below {{'dashkv.calibrate' op expected prior and prior_discount together, but got no prior}}
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) prior_discount(%pd : tensor<8xi16>)
      outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi8>, %r: tensor<1x8x1xi32>, %o: tensor<1x8x1x16xi16>) {
  // expected-error @below {{'dashkv.calibrate' op expected vote_discount with radius, but got none}}
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) radius(%r : tensor<1x8x1xi32>) outs(%o : tensor<1x8x1x16xi16>)
      {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %vd: tensor<8xi16>, %r: tensor<1x2x1xi32>,
             %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.retrieve' op expected Hc = 8 in radius as in query codes, but got 2}}
  %0:3 = dashkv.retrieve codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) vote_discount(%vd : tensor<8xi16>)
      radius(%r : tensor<1x2x1xi32>) outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      {tiering = #dashkv.tiering<>}
  return
}

//===----------------------------------------------------------------------===//
// Encoders and residuals (c9, c10, c13)
//===----------------------------------------------------------------------===//

// -----

// c9: weights chain.
func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x32x64xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected weight 0 to take 64 values (group * D), but got 32}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x32x64xf32>)
      outs(%o : tensor<1x8x2x8xi8>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<64x64xf32>, %o: tensor<1x2x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected weight 0 to take 256 values (group * D), but got 64}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<64x64xf32>)
      outs(%o : tensor<1x2x2x8xi8>) {group = 4 : i64}
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w1: tensor<64x16xf32>, %w2: tensor<16x16xf32>, %w3: tensor<8x32x64xf32>,
             %b1: tensor<16xf32>, %b2: tensor<16xf32>, %b3: tensor<8x64xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected weight 2 to take 16 values (the layer before), but got 32}}
  %0 = dashkv.hash_encode mlp ins(%x : tensor<1x8x2x64xf16>)
      weights(%w1, %w2, %w3 : tensor<64x16xf32>, tensor<16x16xf32>, tensor<8x32x64xf32>)
      biases(%b1, %b2, %b3 : tensor<16xf32>, tensor<16xf32>, tensor<8x64xf32>) outs(%o : tensor<1x8x2x8xi8>)
      {activation = #dashkv.activation<silu>}
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<64xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected weight 0 of rank 2 (shared) or 3 (per head), but got 'tensor<64xf32>'}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<64xf32>)
      outs(%o : tensor<1x8x2x8xi8>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<2x64x64xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected Hc = 8 in weight 0 as in codes, but got 2}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<2x64x64xf32>)
      outs(%o : tensor<1x8x2x8xi8>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %b: tensor<64xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected bias 0 of rank 2 as its weight has, but got 'tensor<64xf32>'}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xf32>)
      biases(%b : tensor<64xf32>) outs(%o : tensor<1x8x2x8xi8>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<64x64xf32>, %b: tensor<8x64xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected bias 0 of rank 1 as its weight has, but got 'tensor<8x64xf32>'}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<64x64xf32>)
      biases(%b : tensor<8x64xf32>) outs(%o : tensor<1x8x2x8xi8>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %b: tensor<2x64xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected Hc = 8 in bias 0 as in codes, but got 2}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xf32>)
      biases(%b : tensor<2x64xf32>) outs(%o : tensor<1x8x2x8xi8>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %b: tensor<8x32xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected bias 0 of 64 values, but got 32}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xf32>)
      biases(%b : tensor<8x32xf32>) outs(%o : tensor<1x8x2x8xi8>)
  return
}

// -----

// c9: number of layers.
func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %w1: tensor<64x16xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected 1 weights and 0 or 1 biases, but got 2 and 0}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>)
      weights(%w, %w1 : tensor<8x64x64xf32>, tensor<64x16xf32>) outs(%o : tensor<1x8x2x8xi8>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %b: tensor<8x64xf32>, %b3: tensor<8x64xf32>,
             %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected 1 weights and 0 or 1 biases, but got 1 and 2}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xf32>)
      biases(%b, %b3 : tensor<8x64xf32>, tensor<8x64xf32>) outs(%o : tensor<1x8x2x8xi8>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w1: tensor<64x16xf32>, %w2: tensor<16x16xf32>, %w3: tensor<8x16x64xf32>,
             %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected 3 weights and 3 biases, but got 3 and 0}}
  %0 = dashkv.hash_encode mlp ins(%x : tensor<1x8x2x64xf16>)
      weights(%w1, %w2, %w3 : tensor<64x16xf32>, tensor<16x16xf32>, tensor<8x16x64xf32>)
      outs(%o : tensor<1x8x2x8xi8>) {activation = #dashkv.activation<silu>}
  return
}

// -----

// c10
func.func @f(%x: tensor<1x8x2x64xf16>, %w1: tensor<64x16xf32>, %w2: tensor<16x16xf32>, %w3: tensor<8x16x64xf32>,
             %b1: tensor<16xf32>, %b2: tensor<16xf32>, %b3: tensor<8x64xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected an activation of the mlp, but got none}}
  %0 = dashkv.hash_encode mlp ins(%x : tensor<1x8x2x64xf16>)
      weights(%w1, %w2, %w3 : tensor<64x16xf32>, tensor<16x16xf32>, tensor<8x16x64xf32>)
      biases(%b1, %b2, %b3 : tensor<16xf32>, tensor<16xf32>, tensor<8x64xf32>) outs(%o : tensor<1x8x2x8xi8>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected no activation of a linear encoder}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xf32>)
      outs(%o : tensor<1x8x2x8xi8>) {activation = #dashkv.activation<silu>}
  return
}

// -----

// c9, c10 of the residual mlp.
func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %w1: tensor<128x4xf32>, %w2: tensor<4x4xf32>, %w3: tensor<4x1xf32>,
             %b1: tensor<4xf32>, %b2: tensor<4xf32>, %b3: tensor<1xf32>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected an activation of the mlp, but got none}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      mlp(%w1, %w2, %w3 : tensor<128x4xf32>, tensor<4x4xf32>, tensor<4x1xf32>)
      biases(%b1, %b2, %b3 : tensor<4xf32>, tensor<4xf32>, tensor<1xf32>) outs(%o : tensor<1x8x1x5xf32>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected no activation without an mlp}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      outs(%o : tensor<1x8x1x5xf32>) {activation = #dashkv.activation<silu>}
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %w1: tensor<64x4xf32>, %w2: tensor<4x4xf32>, %w3: tensor<4x1xf32>,
             %b1: tensor<4xf32>, %b2: tensor<4xf32>, %b3: tensor<1xf32>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected weight 0 to take 128 values (both codes), but got 64}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      mlp(%w1, %w2, %w3 : tensor<64x4xf32>, tensor<4x4xf32>, tensor<4x1xf32>)
      biases(%b1, %b2, %b3 : tensor<4xf32>, tensor<4xf32>, tensor<1xf32>) outs(%o : tensor<1x8x1x5xf32>)
      {activation = #dashkv.activation<silu>}
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %w1: tensor<128x4xf32>, %w2: tensor<4x4xf32>, %w3: tensor<4x2xf32>,
             %b1: tensor<4xf32>, %b2: tensor<4xf32>, %b3: tensor<2xf32>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected an mlp with one result, but got 2}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      mlp(%w1, %w2, %w3 : tensor<128x4xf32>, tensor<4x4xf32>, tensor<4x2xf32>)
      biases(%b1, %b2, %b3 : tensor<4xf32>, tensor<4xf32>, tensor<2xf32>) outs(%o : tensor<1x8x1x5xf32>)
      {activation = #dashkv.activation<silu>}
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %w1: tensor<128x4xf32>, %w2: tensor<4x4xf32>, %w3: tensor<4x?xf32>,
             %b1: tensor<4xf32>, %b2: tensor<4xf32>, %b3: tensor<1xf32>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected an mlp with one result, but got a dynamic number}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      mlp(%w1, %w2, %w3 : tensor<128x4xf32>, tensor<4x4xf32>, tensor<4x?xf32>)
      biases(%b1, %b2, %b3 : tensor<4xf32>, tensor<4xf32>, tensor<1xf32>) outs(%o : tensor<1x8x1x5xf32>)
      {activation = #dashkv.activation<silu>}
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %w1: tensor<128x4xf32>, %w2: tensor<4x4xf32>, %b1: tensor<4xf32>,
             %b2: tensor<4xf32>, %b3: tensor<1xf32>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected 3 weights and 3 biases of an mlp, but got 2 and 3}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      mlp(%w1, %w2 : tensor<128x4xf32>, tensor<4x4xf32>)
      biases(%b1, %b2, %b3 : tensor<4xf32>, tensor<4xf32>, tensor<1xf32>) outs(%o : tensor<1x8x1x5xf32>)
      {activation = #dashkv.activation<silu>}
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %w1: tensor<2x128x4xf32>, %w2: tensor<4x4xf32>,
             %w3: tensor<4x1xf32>, %b1: tensor<4xf32>, %b2: tensor<4xf32>, %b3: tensor<1xf32>,
             %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected Hq = 8 in weight 0 as in temperature, but got 2}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      mlp(%w1, %w2, %w3 : tensor<2x128x4xf32>, tensor<4x4xf32>, tensor<4x1xf32>)
      biases(%b1, %b2, %b3 : tensor<4xf32>, tensor<4xf32>, tensor<1xf32>) outs(%o : tensor<1x8x1x5xf32>)
      {activation = #dashkv.activation<silu>}
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<1xf32>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected no mlp biases without weights}}
  %0 = "dashkv.estimate_scores"(%qc, %kc, %i, %c, %t, %t, %b, %o)
      <{operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1>}>
      : (tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>, tensor<1x2x1x5xi32>, tensor<1x2x1xi32>, tensor<8xf32>, tensor<8xf32>,
         tensor<1xf32>, tensor<1x8x1x5xf32>) -> tensor<1x8x1x5xf32>
  return
}

// -----

// c13: a column a distance.
func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %table: tensor<8x64xf32>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected a table of 65 columns, but got 'tensor<8x64xf32>'}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      table(%table : tensor<8x64xf32>) outs(%o : tensor<1x8x1x5xf32>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x64xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %table: tensor<8x65xf32>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected a table of 128 columns, but got 'tensor<8x65xf32>'}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x64xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      table(%table : tensor<8x65xf32>) outs(%o : tensor<1x8x1x5xf32>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %table: tensor<8x?xf32>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected a table of 65 columns, but got 'tensor<8x?xf32>'}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      table(%table : tensor<8x?xf32>) outs(%o : tensor<1x8x1x5xf32>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %table: tensor<2x65xf32>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected Hq = 8 in table as in temperature, but got 2}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      table(%table : tensor<2x65xf32>) outs(%o : tensor<1x8x1x5xf32>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %table: tensor<8x65xf32>, %w1: tensor<128x4xf32>,
             %w2: tensor<4x4xf32>, %w3: tensor<4x1xf32>, %b1: tensor<4xf32>, %b2: tensor<4xf32>, %b3: tensor<1xf32>,
             %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected a table or an mlp, but got both}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      table(%table : tensor<8x65xf32>) mlp(%w1, %w2, %w3 : tensor<128x4xf32>, tensor<4x4xf32>, tensor<4x1xf32>)
      biases(%b1, %b2, %b3 : tensor<4xf32>, tensor<4xf32>, tensor<1xf32>) outs(%o : tensor<1x8x1x5xf32>)
      {activation = #dashkv.activation<silu>}
  return
}

// -----

// Scoring and a mid tier come together.
func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>,
             %kc: tensor<1x2x16x8xi8>, %t: tensor<8xf32>, %b: tensor<8xf32>, %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected scoring iff the tiering has a mid tier, but got scoring without a mid tier}}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>,
             %kc: tensor<1x2x16x8xi8>, %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected scoring iff the tiering has a mid tier, but got a mid tier without scoring}}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%o : tensor<1x8x1x64xf16>)
      {tiering = #dashkv.tiering<mid = 0.1>}
  return
}

// -----

func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>,
             %kc: tensor<1x2x16x8xi8>, %cs: tensor<1x8x1xf32>, %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected code_scale, table and mlp only with a mid tier}}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) code_scale(%cs : tensor<1x8x1xf32>)
      outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>,
             %kc: tensor<1x2x16x8xi8>, %table: tensor<8x65xf32>, %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected code_scale, table and mlp only with a mid tier}}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) table(%table : tensor<8x65xf32>)
      outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>,
             %kc: tensor<1x2x16x8xi8>, %w1: tensor<128x4xf32>, %w2: tensor<4x4xf32>, %w3: tensor<4x1xf32>,
             %b1: tensor<4xf32>, %b2: tensor<4xf32>, %b3: tensor<1xf32>, %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected code_scale, table and mlp only with a mid tier}}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      mlp(%w1, %w2, %w3 : tensor<128x4xf32>, tensor<4x4xf32>, tensor<4x1xf32>)
      biases(%b1, %b2, %b3 : tensor<4xf32>, tensor<4xf32>, tensor<1xf32>) outs(%o : tensor<1x8x1x64xf16>)
      {tiering = #dashkv.tiering<>, activation = #dashkv.activation<silu>}
  return
}

// -----

func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>,
             %kc: tensor<1x2x16x8xi8>, %t: tensor<8xf32>, %b: tensor<8xf32>, %table: tensor<8x128xf32>,
             %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected a table of 65 columns, but got 'tensor<8x128xf32>'}}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      table(%table : tensor<8x128xf32>) outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<mid = 0.1>}
  return
}

//===----------------------------------------------------------------------===//
// Flags and lengths (c11, c12)
//===----------------------------------------------------------------------===//

// -----

// c11
func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>,
             %kc: tensor<1x2x16x8xi8>, %forced: tensor<1x16xi8>, %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected forced of i1, but got 'i8'}}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) forced(%forced : tensor<1x16xi8>)
      outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>,
             %kc: tensor<1x2x16x8xi8>, %forced: tensor<1x8xi1>, %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected N = 16 in forced as in key, but got 8}}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) forced(%forced : tensor<1x8xi1>)
      outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>,
             %kc: tensor<1x2x16x8xi8>, %o: tensor<1x8x1x64xf16>, %kept: tensor<1x16xi8>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected kept of i1, but got 'i8'}}
  %0:2 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%o : tensor<1x8x1x64xf16>)
      kept(%kept : tensor<1x16xi8>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>,
             %kc: tensor<1x2x16x8xi8>, %o: tensor<1x8x1x64xf16>, %kept: tensor<2x16xi1>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected B = 1 in kept as in query, but got 2}}
  %0:2 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%o : tensor<1x8x1x64xf16>)
      kept(%kept : tensor<2x16xi1>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi8>, %prior: tensor<1x16xi32>, %pd: tensor<8xi16>, %o: tensor<1x8x1x16xi16>) {
  // expected-error @below {{'dashkv.calibrate' op expected prior of i1, but got 'i32'}}
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) prior(%prior : tensor<1x16xi32>)
      prior_discount(%pd : tensor<8xi16>) outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi8>, %prior: tensor<16xi1>, %pd: tensor<8xi16>, %o: tensor<1x8x1x16xi16>) {
  // expected-error @below {{'dashkv.calibrate' op expected prior of rank 2, but got 'tensor<16xi1>'}}
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) prior(%prior : tensor<16xi1>)
      prior_discount(%pd : tensor<8xi16>) outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi16>, %forced: tensor<1x16xf32>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected forced of i1, but got 'f32'}}
  %0:3 = dashkv.select ins(%d : tensor<1x8x1x16xi16>) forced(%forced : tensor<1x16xf32>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>,
             %kept: tensor<1x15xi1>) {
  // expected-error @below {{'dashkv.select' op expected N = 16 in kept as in distances, but got 15}}
  %0:4 = dashkv.select ins(%d : tensor<1x8x1x16xi16>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) kept(%kept : tensor<1x15xi1>)
      {tiering = #dashkv.tiering<>}
  return
}

// -----

// c12
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>, %lengths: tensor<1xi64>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected lengths of i32, but got 'i64'}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      lengths(%lengths : tensor<1xi64>) outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %lengths: tensor<1x1xi32>, %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected lengths of rank 1, but got 'tensor<1x1xi32>'}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      lengths(%lengths : tensor<1x1xi32>) outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>, %lengths: tensor<2xi32>,
             %acc: tensor<1x8x2x32xf32>, %max: tensor<1x8x2xf32>, %sum: tensor<1x8x2xf32>) {
  // expected-error @below {{'dashkv.online_attention' op expected B = 1 in lengths as in query, but got 2}}
  %0:3 = dashkv.online_attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      lengths(%lengths : tensor<2xi32>)
      outs(%acc, %max, %sum : tensor<1x8x2x32xf32>, tensor<1x8x2xf32>, tensor<1x8x2xf32>)
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi8>, %lengths: tensor<1xi64>, %o: tensor<1x8x1x16xi16>) {
  // expected-error @below {{'dashkv.calibrate' op expected lengths of i32, but got 'i64'}}
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) lengths(%lengths : tensor<1xi64>)
      outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi8>, %lengths: tensor<2xi32>, %o: tensor<1x8x1x16xi16>) {
  // expected-error @below {{'dashkv.calibrate' op expected B = 1 in lengths as in distances, but got 2}}
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) lengths(%lengths : tensor<2xi32>)
      outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi16>, %lengths: tensor<1xi64>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected lengths of i32, but got 'i64'}}
  %0:3 = dashkv.select ins(%d : tensor<1x8x1x16xi16>) lengths(%lengths : tensor<1xi64>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi16>, %lengths: tensor<2xi32>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected B = 1 in lengths as in distances, but got 2}}
  %0:3 = dashkv.select ins(%d : tensor<1x8x1x16xi16>) lengths(%lengths : tensor<2xi32>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %lengths: tensor<1xf32>, %i: tensor<1x2x1x16xi32>,
             %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.retrieve' op expected lengths of i32, but got 'f32'}}
  %0:3 = dashkv.retrieve codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) lengths(%lengths : tensor<1xf32>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

//===----------------------------------------------------------------------===//
// Results (c14)
//===----------------------------------------------------------------------===//

// -----

// c14: results agree with outs; only the generic form can say otherwise.
func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %d: tensor<1x8x1x16xi8>) {
  // expected-error @below {{'dashkv.hamming_distance' op expected type of operand #2 ('tensor<1x8x1x16xi8>') to match type of corresponding result ('tensor<1x8x1x16xi16>')}}
  %0 = "dashkv.hamming_distance"(%qc, %kc, %d) : (tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>, tensor<1x8x1x16xi8>) -> tensor<1x8x1x16xi16>
  return
}

// -----

// A result of an optional init that is absent.
func.func @f(%acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.finalize' op expected the number of tensor results (2) to be equal to the number of output tensors (1)}}
  %0:2 = "dashkv.finalize"(%acc, %max, %max, %o) : (tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>, tensor<1x8x1x64xf16>) -> (tensor<1x8x1x64xf16>, tensor<1x8x1xf32>)
  return
}

// -----

// Ops on memrefs have no results.
func.func @f(%qc: memref<1x8x1x8xi8>, %kc: memref<1x2x16x8xi8>, %d: memref<1x8x1x16xi8>) {
  // expected-error @below {{cannot name an operation with no results}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>) outs(%d : memref<1x8x1x16xi8>)
  return
}

//===----------------------------------------------------------------------===//
// Attributes of the dialect on ops, arguments and results
//===----------------------------------------------------------------------===//

// -----

func.func @f() {
  // expected-error @below {{expected no attribute 'dashkv.role' on an operation}}
  %0 = arith.constant {dashkv.role = "key_codes"} 0 : i32
  return
}

// -----

// The role belongs to an argument, not to the function.
// expected-error @below {{expected no attribute 'dashkv.role' on an operation}}
func.func @f(%a: tensor<4xf32>) attributes {dashkv.role = "lengths"} {
  return
}

// -----

// Only an allocation has a first value.
func.func @f() {
  // expected-error @below {{expected no attribute 'dashkv.init' on an operation}}
  scf.execute_region {
    scf.yield
  } {dashkv.init = 0 : i8}
  return
}

// -----

func.func @f() {
  // expected-error @below {{expected an i8 in 'dashkv.init', but got 0 : i32}}
  %0 = memref.alloc() {dashkv.init = 0 : i32} : memref<4xi32>
  return
}

// -----

// expected-error @below {{expected no value in 'dashkv.resident', but got 1 : i64}}
func.func @f() attributes {dashkv.resident = 1} {
  return
}

// -----

// expected-error @below {{expected 'dashkv.role' on argument 1, but got 'dashkv.roles'}}
func.func @f(%a: tensor<4xf32>, %b: tensor<4xf32> {dashkv.roles = "lengths"}) {
  return
}

// -----

// expected-error @below {{expected a string in 'dashkv.role' of argument 0, but got 3 : i64}}
func.func @f(%a: tensor<4xf32> {dashkv.role = 3}) {
  return
}

// -----

// expected-error @below {{expected 'dashkv.role' on result 0, but got 'dashkv.kernels'}}
func.func @f(%a: tensor<4xf32>) -> (tensor<4xf32> {dashkv.kernels = @f}) {
  return %a : tensor<4xf32>
}

// -----

// expected-error @below {{expected a string in 'dashkv.role' of result 0, but got unit}}
func.func @f(%a: tensor<4xf32>) -> (tensor<4xf32> {dashkv.role}) {
  return %a : tensor<4xf32>
}

// -----

// expected-error @below {{expected vectors of 32 or 64 bytes, but got 16}}
#vectors = #dashkv.tile_config<vector = 16>

// -----

// expected-error @below {{expected keys of a block in multiples of 16, but got 24}}
#keys = #dashkv.tile_config<vector = 64, keys = 24>

// -----

// expected-error @below {{expected splits >= 1, but got 0}}
#splits = #dashkv.tile_config<vector = 64, splits = 0>

// -----

func.func @tile_config(%a: tensor<1x4x1x64xf32>, %m: tensor<1x4x1xf32>, %o: tensor<1x4x1x64xf16>) {
  // expected-error @below {{expected a #dashkv.tile_config in 'dashkv.tile_config', but got "wide"}}
  dashkv.finalize ins(%a, %m, %m : tensor<1x4x1x64xf32>, tensor<1x4x1xf32>, tensor<1x4x1xf32>)
    outs(%o : tensor<1x4x1x64xf16>) {dashkv.tile_config = "wide"}
  return
}
