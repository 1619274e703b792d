// RUN: dashkv-opt %s --split-input-file --verify-diagnostics

// Block tables (c15).

// c15: i32.
func.func @f(%q: tensor<2x8x1x64xf16>, %k: tensor<9x2x16x64xf16>, %table: tensor<2x4xi64>, %o: tensor<2x8x1x64xf16>) {
  // expected-error @below {{'dashkv.attention' op expected block table of i32, but got 'i64'}}
  %0 = dashkv.attention ins(%q, %k, %k : tensor<2x8x1x64xf16>, tensor<9x2x16x64xf16>, tensor<9x2x16x64xf16>)
      block_table(%table : tensor<2x4xi64>) outs(%o : tensor<2x8x1x64xf16>)
  return
}

// -----

// c15: one row a sequence.
func.func @f(%q: tensor<2x8x1x64xf16>, %k: tensor<9x2x16x64xf16>, %table: tensor<3x4xi32>, %o: tensor<2x8x1x64xf16>) {
  // expected-error @below {{'dashkv.attention' op expected B = 2 in block table as in query, but got 3}}
  %0 = dashkv.attention ins(%q, %k, %k : tensor<2x8x1x64xf16>, tensor<9x2x16x64xf16>, tensor<9x2x16x64xf16>)
      block_table(%table : tensor<3x4xi32>) outs(%o : tensor<2x8x1x64xf16>)
  return
}

// -----

// c15: rank.
func.func @f(%q: tensor<2x8x1x64xf16>, %k: tensor<9x2x16x64xf16>, %table: tensor<8xi32>, %o: tensor<2x8x1x64xf16>) {
  // expected-error @below {{'dashkv.attention' op expected block table of rank 2, but got 'tensor<8xi32>'}}
  %0 = dashkv.attention ins(%q, %k, %k : tensor<2x8x1x64xf16>, tensor<9x2x16x64xf16>, tensor<9x2x16x64xf16>)
      block_table(%table : tensor<8xi32>) outs(%o : tensor<2x8x1x64xf16>)
  return
}

// -----

// c15: keys and values have the same pages.
func.func @f(%q: tensor<2x8x1x64xf16>, %k: tensor<9x2x16x64xf16>, %v: tensor<9x2x32x64xf16>, %table: tensor<2x4xi32>, %o: tensor<2x8x1x64xf16>) {
  // expected-error @below {{'dashkv.attention' op expected S = 16 in value as in key, but got 32}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<2x8x1x64xf16>, tensor<9x2x16x64xf16>, tensor<9x2x32x64xf16>)
      block_table(%table : tensor<2x4xi32>) outs(%o : tensor<2x8x1x64xf16>)
  return
}

// -----

// c15: as many pages of keys as of values.
func.func @f(%q: tensor<2x8x1x64xf16>, %k: tensor<9x2x16x64xf16>, %v: tensor<8x2x16x64xf16>, %table: tensor<2x4xi32>, %o: tensor<2x8x1x64xf16>) {
  // expected-error @below {{'dashkv.attention' op expected P = 9 in value as in key, but got 8}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<2x8x1x64xf16>, tensor<9x2x16x64xf16>, tensor<8x2x16x64xf16>)
      block_table(%table : tensor<2x4xi32>) outs(%o : tensor<2x8x1x64xf16>)
  return
}

// -----

// c15: rows of all pages have numbers of 32 bits.
func.func @f(%q: tensor<2x8x1x64xf16>, %k: tensor<134217728x2x16x64xf16>, %table: tensor<2x4xi32>, %o: tensor<2x8x1x64xf16>) {
  // expected-error @below {{'dashkv.attention' op expected fewer than 2^31 rows in all pages, but got 134217728 pages of 16}}
  %0 = dashkv.attention ins(%q, %k, %k : tensor<2x8x1x64xf16>, tensor<134217728x2x16x64xf16>, tensor<134217728x2x16x64xf16>)
      block_table(%table : tensor<2x4xi32>) outs(%o : tensor<2x8x1x64xf16>)
  return
}

// -----

// c15: N = T * S, of codes too.
func.func @f(%q: tensor<2x8x1x64xf16>, %k: tensor<9x2x16x64xf16>, %table: tensor<2x4xi32>, %qc: tensor<2x8x1x8xi8>, %kc: tensor<2x2x60x8xi8>,
             %o: tensor<2x8x1x64xf16>) {
  // expected-error @below {{'dashkv.tiered_attention' op expected N = 64 in key codes as in block table, but got 60}}
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<2x8x1x64xf16>, tensor<9x2x16x64xf16>, tensor<9x2x16x64xf16>)
      codes(%qc, %kc : tensor<2x8x1x8xi8>, tensor<2x2x60x8xi8>) block_table(%table : tensor<2x4xi32>)
      outs(%o : tensor<2x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

// c15: of online_reduce.
func.func @f(%scores: tensor<2x8x1x24xf32>, %v: tensor<9x2x16x64xf16>, %table: tensor<1x4xi32>, %list: tensor<2x2x1x24xi32>,
             %count: tensor<2x2x1xi32>, %acc: tensor<2x8x1x64xf32>, %max: tensor<2x8x1xf32>) {
  // expected-error @below {{'dashkv.online_reduce' op expected B = 2 in block table as in scores, but got 1}}
  %0:3 = dashkv.online_reduce ins(%scores, %v : tensor<2x8x1x24xf32>, tensor<9x2x16x64xf16>)
      list(%list, %count : tensor<2x2x1x24xi32>, tensor<2x2x1xi32>) block_table(%table : tensor<1x4xi32>)
      outs(%acc, %max, %max : tensor<2x8x1x64xf32>, tensor<2x8x1xf32>, tensor<2x8x1xf32>)
  return
}
