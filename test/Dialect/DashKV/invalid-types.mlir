// RUN: dashkv-opt %s --split-input-file --verify-diagnostics

// Element types (c1): every operand that has one.

//===----------------------------------------------------------------------===//
// Element types (c1)
//===----------------------------------------------------------------------===//

// c1: queries, keys, values.
func.func @f(%q: tensor<1x8x2x64xf64>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected query of f16, bf16 or f32, but got 'f64'}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf64>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf8E4M3FN>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected query of f16, bf16 or f32, but got 'f8E4M3FN'}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf8E4M3FN>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xi8>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected key of f16, bf16, f32 or f8E4M3FN, but got 'i8'}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xi8>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf8E5M2>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected value of f16, bf16, f32 or f8E4M3FN, but got 'f8E5M2'}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf8E5M2>)
      outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

// c1: f8 needs its scale.
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf8E4M3FN>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected a scale of the 'f8E4M3FN' key, but got none}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf8E4M3FN>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf8E4M3FN>,
             %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected a scale of the 'f8E4M3FN' value, but got none}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf8E4M3FN>)
      outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

func.func @f(%s: tensor<1x8x1x5xf32>, %v: tensor<1x2x16x64xf8E4M3FN>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) {
  // expected-error @below {{'dashkv.online_reduce' op expected a scale of the 'f8E4M3FN' value, but got none}}
  %0:3 = dashkv.online_reduce ins(%s, %v : tensor<1x8x1x5xf32>, tensor<1x2x16x64xf8E4M3FN>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>, %ks: tensor<2xf16>,
             %vs: tensor<2xf32>, %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected key scale of f32, but got 'f16'}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      kv_scales(%ks, %vs : tensor<2xf16>, tensor<2xf32>) outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>, %ks: tensor<2xf32>,
             %vs: tensor<2xf16>, %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected value scale of f32, but got 'f16'}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      kv_scales(%ks, %vs : tensor<2xf32>, tensor<2xf16>) outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %mask: tensor<1x8x2x16xi1>, %o: tensor<1x8x2x32xf16>) {
  // expected-error @below {{'dashkv.attention' op expected mask of f16, bf16 or f32, but got 'i1'}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      mask(%mask : tensor<1x8x2x16xi1>) outs(%o : tensor<1x8x2x32xf16>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %o: tensor<1x8x2x32xf64>) {
  // expected-error @below {{'dashkv.attention' op expected out of f16, bf16 or f32, but got 'f64'}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf64>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>, %o: tensor<1x8x2x32xf16>,
             %lse: tensor<1x8x2xf16>) {
  // expected-error @below {{'dashkv.attention' op expected lse of f32, but got 'f16'}}
  %0:2 = dashkv.attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%o : tensor<1x8x2x32xf16>) lse(%lse : tensor<1x8x2xf16>)
  return
}

// -----

// c1: statistics are f32.
func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %acc: tensor<1x8x2x32xf16>, %max: tensor<1x8x2xf32>, %sum: tensor<1x8x2xf32>) {
  // expected-error @below {{'dashkv.online_attention' op expected acc of f32, but got 'f16'}}
  %0:3 = dashkv.online_attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%acc, %max, %sum : tensor<1x8x2x32xf16>, tensor<1x8x2xf32>, tensor<1x8x2xf32>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %acc: tensor<1x8x2x32xf32>, %max: tensor<1x8x2xf16>, %sum: tensor<1x8x2xf32>) {
  // expected-error @below {{'dashkv.online_attention' op expected max of f32, but got 'f16'}}
  %0:3 = dashkv.online_attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%acc, %max, %sum : tensor<1x8x2x32xf32>, tensor<1x8x2xf16>, tensor<1x8x2xf32>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>,
             %acc: tensor<1x8x2x32xf32>, %max: tensor<1x8x2xf32>, %sum: tensor<1x8x2xf16>) {
  // expected-error @below {{'dashkv.online_attention' op expected sum of f32, but got 'f16'}}
  %0:3 = dashkv.online_attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      outs(%acc, %max, %sum : tensor<1x8x2x32xf32>, tensor<1x8x2xf32>, tensor<1x8x2xf16>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>, %i: tensor<1x2x2x5xi64>,
             %c: tensor<1x2x2xi32>, %acc: tensor<1x8x2x32xf32>, %max: tensor<1x8x2xf32>, %sum: tensor<1x8x2xf32>) {
  // expected-error @below {{'dashkv.online_attention' op expected indices of i32, but got 'i64'}}
  %0:3 = dashkv.online_attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      list(%i, %c : tensor<1x2x2x5xi64>, tensor<1x2x2xi32>)
      outs(%acc, %max, %sum : tensor<1x8x2x32xf32>, tensor<1x8x2xf32>, tensor<1x8x2xf32>)
  return
}

// -----

func.func @f(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>, %i: tensor<1x2x2x5xi32>,
             %c: tensor<1x2x2xi64>, %acc: tensor<1x8x2x32xf32>, %max: tensor<1x8x2xf32>, %sum: tensor<1x8x2xf32>) {
  // expected-error @below {{'dashkv.online_attention' op expected counts of i32, but got 'i64'}}
  %0:3 = dashkv.online_attention ins(%q, %k, %v : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>)
      list(%i, %c : tensor<1x2x2x5xi32>, tensor<1x2x2xi64>)
      outs(%acc, %max, %sum : tensor<1x8x2x32xf32>, tensor<1x8x2xf32>, tensor<1x8x2xf32>)
  return
}

// -----

// c1: encoders.
func.func @f(%x: tensor<1x8x2x64xi8>, %w: tensor<8x64x64xf32>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected input of f16, bf16 or f32, but got 'i8'}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xi8>) weights(%w : tensor<8x64x64xf32>)
      outs(%o : tensor<1x8x2x8xi8>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %o: tensor<1x8x2x8xi32>) {
  // expected-error @below {{'dashkv.hash_encode' op expected codes of i8, but got 'i32'}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xf32>)
      outs(%o : tensor<1x8x2x8xi32>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %o: tensor<1x8x2x8xi8>, %s: tensor<1x8x2xf16>) {
  // expected-error @below {{'dashkv.hash_encode' op expected code scale of f32, but got 'f16'}}
  %0:2 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xf32>)
      outs(%o : tensor<1x8x2x8xi8>) code_scale(%s : tensor<1x8x2xf16>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xi8>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected weight 0 of f16, bf16 or f32, but got 'i8'}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xi8>)
      outs(%o : tensor<1x8x2x8xi8>)
  return
}

// -----

func.func @f(%x: tensor<1x8x2x64xf16>, %w: tensor<8x64x64xf32>, %b: tensor<8x64xf64>, %o: tensor<1x8x2x8xi8>) {
  // expected-error @below {{'dashkv.hash_encode' op expected bias 0 of f16, bf16 or f32, but got 'f64'}}
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x8x2x64xf16>) weights(%w : tensor<8x64x64xf32>)
      biases(%b : tensor<8x64xf64>) outs(%o : tensor<1x8x2x8xi8>)
  return
}

// -----

func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>,
             %kc: tensor<1x2x16x8xi8>, %o: tensor<1x8x1x64xf64>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected out of f16, bf16 or f32, but got 'f64'}}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%o : tensor<1x8x1x64xf64>)
      {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>,
             %kc: tensor<1x2x16x8xi8>, %o: tensor<1x8x1x64xf16>, %lse: tensor<1x8x1xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected lse of f32, but got 'f16'}}
  %0:2 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%o : tensor<1x8x1x64xf16>)
      lse(%lse : tensor<1x8x1xf16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>,
             %kc: tensor<1x2x16x8xi8>, %t: tensor<8xf16>, %b: tensor<8xf32>, %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected temperature of f32, but got 'f16'}}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) scoring(%t, %b : tensor<8xf16>, tensor<8xf32>)
      outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<mid = 0.1>}
  return
}

// -----

func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>,
             %kc: tensor<1x2x16x8xi8>, %t: tensor<8xf32>, %b: tensor<8xf16>, %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected bias of f32, but got 'f16'}}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) scoring(%t, %b : tensor<8xf32>, tensor<8xf16>)
      outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<mid = 0.1>}
  return
}

// -----

func.func @f(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>,
             %kc: tensor<1x2x16x8xi8>, %cs: tensor<1x8x1xf16>, %t: tensor<8xf32>, %b: tensor<8xf32>,
             %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected code scale of f32, but got 'f16'}}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) code_scale(%cs : tensor<1x8x1xf16>)
      scoring(%t, %b : tensor<8xf32>, tensor<8xf32>) outs(%o : tensor<1x8x1x64xf16>)
      {tiering = #dashkv.tiering<mid = 0.1>}
  return
}

// -----

// c1: codes and distances.
func.func @f(%qc: tensor<1x8x1x8xi16>, %kc: tensor<1x2x16x8xi8>, %d: tensor<1x8x1x16xi8>) {
  // expected-error @below {{'dashkv.hamming_distance' op expected query codes of i8, but got 'i16'}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi16>, tensor<1x2x16x8xi8>)
      outs(%d : tensor<1x8x1x16xi8>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xui8>, %d: tensor<1x8x1x16xi8>) {
  // expected-error @below {{'dashkv.hamming_distance' op expected key codes of i8, but got 'ui8'}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xui8>)
      outs(%d : tensor<1x8x1x16xi8>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %d: tensor<1x8x1x16xi16>) {
  // expected-error @below {{'dashkv.hamming_distance' op expected distances of i8, but got 'i16'}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      outs(%d : tensor<1x8x1x16xi16>)
  return
}

// -----

// 256 packed bits need i16.
func.func @f(%qc: tensor<1x8x1x32xi8>, %kc: tensor<1x2x16x32xi8>, %d: tensor<1x8x1x16xi8>) {
  // expected-error @below {{'dashkv.hamming_distance' op expected distances of i16, but got 'i8'}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x32xi8>, tensor<1x2x16x32xi8>)
      outs(%d : tensor<1x8x1x16xi8>)
  return
}

// -----

// 256 weighted bits do not: their distance is at most 127.
func.func @f(%qc: tensor<1x8x1x256xi8>, %kc: tensor<1x2x16x32xi8>, %d: tensor<1x8x1x16xi16>) {
  // expected-error @below {{'dashkv.hamming_distance' op expected distances of i8, but got 'i16'}}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x256xi8>, tensor<1x2x16x32xi8>)
      outs(%d : tensor<1x8x1x16xi16>)
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi32>, %o: tensor<1x8x1x16xi16>) {
  // expected-error @below {{'dashkv.calibrate' op expected distances of i8 or i16, but got 'i32'}}
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi32>) outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi8>, %o: tensor<1x8x1x16xi32>) {
  // expected-error @below {{'dashkv.calibrate' op expected out of i16, but got 'i32'}}
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) outs(%o : tensor<1x8x1x16xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi8>, %vd: tensor<8xi16>, %r: tensor<1x8x1xi16>, %o: tensor<1x8x1x16xi16>) {
  // expected-error @below {{'dashkv.calibrate' op expected radius of i32, but got 'i16'}}
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) vote_discount(%vd : tensor<8xi16>)
      radius(%r : tensor<1x8x1xi16>) outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi8>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected distances of i16, but got 'i8'}}
  %0:3 = dashkv.select ins(%d : tensor<1x8x1x16xi8>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x16xi64>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected full indices of i32, but got 'i64'}}
  %0:3 = dashkv.select ins(%d : tensor<1x8x1x16xi16>)
      outs(%i, %c, %t : tensor<1x2x1x16xi64>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi64>, %t: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected full counts of i32, but got 'i64'}}
  %0:3 = dashkv.select ins(%d : tensor<1x8x1x16xi16>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi64>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi16>) {
  // expected-error @below {{'dashkv.select' op expected full threshold of i32, but got 'i16'}}
  %0:3 = dashkv.select ins(%d : tensor<1x8x1x16xi16>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>,
             %mi: tensor<1x2x1x16xi64>, %mc: tensor<1x2x1xi32>, %mt: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected mid indices of i32, but got 'i64'}}
  %0:6 = dashkv.select ins(%d : tensor<1x8x1x16xi16>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      mid(%mi, %mc, %mt : tensor<1x2x1x16xi64>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      {tiering = #dashkv.tiering<mid = 0.1>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>,
             %mi: tensor<1x2x1x16xi32>, %mc: tensor<1x2x1xi64>, %mt: tensor<1x2x1xi32>) {
  // expected-error @below {{'dashkv.select' op expected mid counts of i32, but got 'i64'}}
  %0:6 = dashkv.select ins(%d : tensor<1x8x1x16xi16>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      mid(%mi, %mc, %mt : tensor<1x2x1x16xi32>, tensor<1x2x1xi64>, tensor<1x2x1xi32>)
      {tiering = #dashkv.tiering<mid = 0.1>}
  return
}

// -----

func.func @f(%d: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>, %t: tensor<1x2x1xi32>,
             %mi: tensor<1x2x1x16xi32>, %mc: tensor<1x2x1xi32>, %mt: tensor<1x2x1xi16>) {
  // expected-error @below {{'dashkv.select' op expected mid threshold of i32, but got 'i16'}}
  %0:6 = dashkv.select ins(%d : tensor<1x8x1x16xi16>)
      outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      mid(%mi, %mc, %mt : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi16>)
      {tiering = #dashkv.tiering<mid = 0.1>}
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf16>, %b: tensor<8xf32>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected temperature of f32, but got 'f16'}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf16>, tensor<8xf32>)
      outs(%o : tensor<1x8x1x5xf32>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf16>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected bias of f32, but got 'f16'}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf16>)
      outs(%o : tensor<1x8x1x5xf32>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %cs: tensor<1x8x1xf16>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected code scale of f32, but got 'f16'}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      code_scale(%cs : tensor<1x8x1xf16>) outs(%o : tensor<1x8x1x5xf32>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %o: tensor<1x8x1x5xf16>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected out of f32, but got 'f16'}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      outs(%o : tensor<1x8x1x5xf16>)
  return
}

// -----

func.func @f(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %t: tensor<8xf32>, %b: tensor<8xf32>, %table: tensor<8x65xf16>, %o: tensor<1x8x1x5xf32>) {
  // expected-error @below {{'dashkv.estimate_scores' op expected table of f32, but got 'f16'}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>)
      table(%table : tensor<8x65xf16>) outs(%o : tensor<1x8x1x5xf32>)
  return
}

// -----

func.func @f(%s: tensor<1x8x1x5xf16>, %v: tensor<1x2x16x64xf16>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) {
  // expected-error @below {{'dashkv.online_reduce' op expected scores of f32, but got 'f16'}}
  %0:3 = dashkv.online_reduce ins(%s, %v : tensor<1x8x1x5xf16>, tensor<1x2x16x64xf16>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return
}

// -----

func.func @f(%s: tensor<1x8x1x5xf32>, %v: tensor<1x2x16x64xf64>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) {
  // expected-error @below {{'dashkv.online_reduce' op expected value of f16, bf16, f32, f8E4M3FN or i8, but got 'f64'}}
  %0:3 = dashkv.online_reduce ins(%s, %v : tensor<1x8x1x5xf32>, tensor<1x2x16x64xf64>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return
}

// -----

func.func @f(%s: tensor<1x8x1x5xf32>, %v: tensor<1x2x16x64xf16>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf16>) {
  // expected-error @below {{'dashkv.online_reduce' op expected sum of f32, but got 'f16'}}
  %0:3 = dashkv.online_reduce ins(%s, %v : tensor<1x8x1x5xf32>, tensor<1x2x16x64xf16>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf16>)
  return
}

// -----

func.func @f(%as: tensor<4x1x8x1x64xf16>, %ms: tensor<4x1x8x1xf32>, %ss: tensor<4x1x8x1xf32>,
             %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) {
  // expected-error @below {{'dashkv.merge' op expected accs of f32, but got 'f16'}}
  %0:3 = dashkv.merge ins(%as, %ms, %ss : tensor<4x1x8x1x64xf16>, tensor<4x1x8x1xf32>, tensor<4x1x8x1xf32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return
}

// -----

func.func @f(%as: tensor<4x1x8x1x64xf32>, %ms: tensor<4x1x8x1xf32>, %ss: tensor<4x1x8x1xf32>,
             %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf64>) {
  // expected-error @below {{'dashkv.merge' op expected sum of f32, but got 'f64'}}
  %0:3 = dashkv.merge ins(%as, %ms, %ss : tensor<4x1x8x1x64xf32>, tensor<4x1x8x1xf32>, tensor<4x1x8x1xf32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf64>)
  return
}

// -----

func.func @f(%acc: tensor<1x8x1x64xf16>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>, %o: tensor<1x8x1x64xf16>) {
  // expected-error @below {{'dashkv.finalize' op expected acc of f32, but got 'f16'}}
  %0 = dashkv.finalize ins(%acc, %max, %sum : tensor<1x8x1x64xf16>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
      outs(%o : tensor<1x8x1x64xf16>)
  return
}

// -----

func.func @f(%acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>,
             %o: tensor<1x8x1x64xf8E4M3FN>) {
  // expected-error @below {{'dashkv.finalize' op expected out of f16, bf16 or f32, but got 'f8E4M3FN'}}
  %0 = dashkv.finalize ins(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
      outs(%o : tensor<1x8x1x64xf8E4M3FN>)
  return
}

// -----

func.func @f(%s: tensor<1x8x1x5xf32>, %v: tensor<1x2x16x64xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
             %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) {
  // expected-error @below {{'dashkv.online_reduce' op expected a scale of the 'i8' value, but got none}}
  %0:3 = dashkv.online_reduce ins(%s, %v : tensor<1x8x1x5xf32>, tensor<1x2x16x64xi8>)
      list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return
}
