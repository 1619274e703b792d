// RUN: dashkv-opt %s --dashkv-cpu-pipeline --split-input-file | FileCheck %s
// RUN: dashkv-opt %s --dashkv-cpu-pipeline=runtime-checks --split-input-file -o /dev/null

// Every op with all sizes dynamic that may be, and with sizes of 0, down to LLVM.
// (The heads of lists and codes are static.)

// CHECK-LABEL: llvm.func @attention
func.func @attention(%q: tensor<?x?x?x?xf16>, %k: tensor<?x?x?x?xf16>, %v: tensor<?x?x?x?xbf16>, %mask: tensor<?x?x?x?xf32>, %lengths: tensor<?xi32>, %o: tensor<?x?x?x?xf16>, %l: tensor<?x?x?xf32>) -> (tensor<?x?x?x?xf16>, tensor<?x?x?xf32>) {
  %0:2 = dashkv.attention causal ins(%q, %k, %v : tensor<?x?x?x?xf16>, tensor<?x?x?x?xf16>, tensor<?x?x?x?xbf16>) mask(%mask : tensor<?x?x?x?xf32>) lengths(%lengths : tensor<?xi32>)
      outs(%o : tensor<?x?x?x?xf16>) lse(%l : tensor<?x?x?xf32>)
  return %0#0, %0#1 : tensor<?x?x?x?xf16>, tensor<?x?x?xf32>
}

// -----

#gq = affine_map<(b, h, g, m, n, d, dv) -> (b, m, h, g, d)>
#gk = affine_map<(b, h, g, m, n, d, dv) -> (b, n, h, d)>
#gv = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, dv)>
#go = affine_map<(b, h, g, m, n, d, dv) -> (b, m, h, g, dv)>
// CHECK-LABEL: llvm.func @attention_group_dim
func.func @attention_group_dim(%q: tensor<?x?x?x?x?xf32>, %k: tensor<?x?x?x?xf32>, %o: tensor<?x?x?x?x?xf32>) -> tensor<?x?x?x?x?xf32> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<?x?x?x?x?xf32>, tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) outs(%o : tensor<?x?x?x?x?xf32>) {indexing_maps = [#gq, #gk, #gv, #go]}
  return %0 : tensor<?x?x?x?x?xf32>
}

// -----

// CHECK-LABEL: llvm.func @hash_encode
func.func @hash_encode(%x: tensor<?x?x?x?xf16>, %w1: tensor<?x?x?xf16>, %w2: tensor<?x?xf32>, %w3: tensor<?x64xf32>, %b1: tensor<?x?xf32>, %b2: tensor<?xf32>, %b3: tensor<64xf32>, %o: tensor<?x?x?x64xi8>, %s: tensor<?x?x?xf32>) -> (tensor<?x?x?x64xi8>, tensor<?x?x?xf32>) {
  %0:2 = dashkv.hash_encode mlp ins(%x : tensor<?x?x?x?xf16>) weights(%w1, %w2, %w3 : tensor<?x?x?xf16>, tensor<?x?xf32>, tensor<?x64xf32>) biases(%b1, %b2, %b3 : tensor<?x?xf32>, tensor<?xf32>, tensor<64xf32>)
      outs(%o : tensor<?x?x?x64xi8>) code_scale(%s : tensor<?x?x?xf32>) {activation = #dashkv.activation<silu>, levels = 7 : i64, group = 2 : i64}
  return %0#0, %0#1 : tensor<?x?x?x64xi8>, tensor<?x?x?xf32>
}

// -----

// CHECK-LABEL: llvm.func @tiered_attention
func.func @tiered_attention(%q: tensor<?x8x?x?xf16>, %k: tensor<?x2x?x?xf16>, %qc: tensor<?x8x?x8xi8>, %kc: tensor<?x2x?x8xi8>, %lengths: tensor<?xi32>, %flags: tensor<?x?xi1>, %discount: tensor<?xi16>,
                            %t: tensor<?xf32>, %table: tensor<?x65xf32>, %o: tensor<?x?x?x?xf16>, %l: tensor<?x?x?xf32>) -> (tensor<?x?x?x?xf16>, tensor<?x?x?xf32>, tensor<?x?xi1>) {
  %0:3 = dashkv.tiered_attention ins(%q, %k, %k : tensor<?x8x?x?xf16>, tensor<?x2x?x?xf16>, tensor<?x2x?x?xf16>) codes(%qc, %kc : tensor<?x8x?x8xi8>, tensor<?x2x?x8xi8>) lengths(%lengths : tensor<?xi32>)
      forced(%flags : tensor<?x?xi1>) prior(%flags : tensor<?x?xi1>) vote_discount(%discount : tensor<?xi16>) prior_discount(%discount : tensor<?xi16>) scoring(%t, %t : tensor<?xf32>, tensor<?xf32>)
      table(%table : tensor<?x65xf32>) outs(%o : tensor<?x?x?x?xf16>) lse(%l : tensor<?x?x?xf32>) kept(%flags : tensor<?x?xi1>) {tiering = #dashkv.tiering<mid = 0.1>}
  return %0#0, %0#1, %0#2 : tensor<?x?x?x?xf16>, tensor<?x?x?xf32>, tensor<?x?xi1>
}

// -----

// CHECK-LABEL: llvm.func @retrieval
func.func @retrieval(%qc: tensor<?x?x?x64xi8>, %kc: tensor<?x?x?x8xi8>, %d: tensor<?x?x?x?xi8>, %f: tensor<?x?x?x?xi16>, %discount: tensor<?xi16>, %i: tensor<?x?x?x?xi32>, %c: tensor<?x?x?xi32>, %kept: tensor<?x?xi1>)
    -> (tensor<?x?x?x?xi32>, tensor<?x?xi1>, tensor<?x?x?x?xi32>) {
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<?x?x?x64xi8>, tensor<?x?x?x8xi8>) outs(%d : tensor<?x?x?x?xi8>)
  %1 = dashkv.calibrate ins(%0 : tensor<?x?x?x?xi8>) vote_discount(%discount : tensor<?xi16>) outs(%f : tensor<?x?x?x?xi16>) {tiering = #dashkv.tiering<>}
  %2:7 = dashkv.select ins(%1 : tensor<?x?x?x?xi16>) outs(%i, %c, %c : tensor<?x?x?x?xi32>, tensor<?x?x?xi32>, tensor<?x?x?xi32>) mid(%i, %c, %c : tensor<?x?x?x?xi32>, tensor<?x?x?xi32>, tensor<?x?x?xi32>)
      kept(%kept : tensor<?x?xi1>) {tiering = #dashkv.tiering<mid = 0.1, ties = newest>}
  %3:3 = dashkv.retrieve codes(%qc, %kc : tensor<?x?x?x64xi8>, tensor<?x?x?x8xi8>) outs(%i, %c, %c : tensor<?x?x?x?xi32>, tensor<?x?x?xi32>, tensor<?x?x?xi32>) {tiering = #dashkv.tiering<ties = inclusive>}
  return %2#0, %2#6, %3#0 : tensor<?x?x?x?xi32>, tensor<?x?xi1>, tensor<?x?x?x?xi32>
}

// -----

// CHECK-LABEL: llvm.func @statistics
func.func @statistics(%q: tensor<?x?x?x?xf16>, %k: tensor<?x2x?x?xf16>, %qc: tensor<?x2x?x8xi8>, %kc: tensor<?x2x?x8xi8>, %i: tensor<?x2x?x?xi32>, %c: tensor<?x2x?xi32>, %t: tensor<?xf32>, %s: tensor<?x?x?x?xf32>,
                      %as: tensor<?x?x?x?x?xf32>, %ms: tensor<?x?x?x?xf32>, %acc: tensor<?x?x?x?xf32>, %max: tensor<?x?x?xf32>, %sum: tensor<?x?x?xf32>, %o: tensor<?x?x?x?xf16>) -> tensor<?x?x?x?xf16> {
  %0:3 = dashkv.online_attention ins(%q, %k, %k : tensor<?x?x?x?xf16>, tensor<?x2x?x?xf16>, tensor<?x2x?x?xf16>) list(%i, %c : tensor<?x2x?x?xi32>, tensor<?x2x?xi32>) outs(%acc, %max, %sum : tensor<?x?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?x?xf32>)
  %1 = dashkv.estimate_scores codes(%qc, %kc : tensor<?x2x?x8xi8>, tensor<?x2x?x8xi8>) list(%i, %c : tensor<?x2x?x?xi32>, tensor<?x2x?xi32>) scoring(%t, %t : tensor<?xf32>, tensor<?xf32>) outs(%s : tensor<?x?x?x?xf32>)
  %2:3 = dashkv.online_reduce ins(%1, %k : tensor<?x?x?x?xf32>, tensor<?x2x?x?xf16>) list(%i, %c : tensor<?x2x?x?xi32>, tensor<?x2x?xi32>) outs(%0#0, %0#1, %0#2 : tensor<?x?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?x?xf32>)
  %3:3 = dashkv.merge ins(%as, %ms, %ms : tensor<?x?x?x?x?xf32>, tensor<?x?x?x?xf32>, tensor<?x?x?x?xf32>) outs(%2#0, %2#1, %2#2 : tensor<?x?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?x?xf32>)
  %4 = dashkv.finalize ins(%3#0, %3#1, %3#2 : tensor<?x?x?x?xf32>, tensor<?x?x?xf32>, tensor<?x?x?xf32>) outs(%o : tensor<?x?x?x?xf16>)
  return %4 : tensor<?x?x?x?xf16>
}

// -----

// No keys, no rows, no heads, no batch, no head size.
// CHECK-LABEL: llvm.func @no_keys
func.func @no_keys(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x0x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x0x8xi8>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x0x64xf16>, tensor<1x2x0x64xf16>) codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x0x8xi8>)
      outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<dense_below = 0>}
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// CHECK-LABEL: llvm.func @no_rows
func.func @no_rows(%q: tensor<1x8x0x64xf16>, %k: tensor<1x2x16x64xf16>, %qc: tensor<1x8x0x8xi8>, %kc: tensor<1x2x16x8xi8>, %o: tensor<1x8x0x64xf16>) -> tensor<1x8x0x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x0x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>) codes(%qc, %kc : tensor<1x8x0x8xi8>, tensor<1x2x16x8xi8>)
      outs(%o : tensor<1x8x0x64xf16>) {tiering = #dashkv.tiering<dense_below = 0, scope = head>}
  return %0 : tensor<1x8x0x64xf16>
}

// -----

// CHECK-LABEL: llvm.func @no_heads
func.func @no_heads(%q: tensor<1x0x1x64xf16>, %k: tensor<1x0x16x64xf16>, %qc: tensor<1x0x1x64xi8>, %kc: tensor<1x0x16x8xi8>, %o: tensor<1x0x1x64xf16>) -> tensor<1x0x1x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x0x1x64xf16>, tensor<1x0x16x64xf16>, tensor<1x0x16x64xf16>) codes(%qc, %kc : tensor<1x0x1x64xi8>, tensor<1x0x16x8xi8>)
      outs(%o : tensor<1x0x1x64xf16>) {tiering = #dashkv.tiering<dense_below = 0>}
  return %0 : tensor<1x0x1x64xf16>
}

// -----

// CHECK-LABEL: llvm.func @no_batch
func.func @no_batch(%q: tensor<0x8x1x64xf16>, %k: tensor<0x2x16x64xf16>, %lengths: tensor<0xi32>, %o: tensor<0x8x1x64xf16>) -> tensor<0x8x1x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<0x8x1x64xf16>, tensor<0x2x16x64xf16>, tensor<0x2x16x64xf16>) lengths(%lengths : tensor<0xi32>) outs(%o : tensor<0x8x1x64xf16>)
  return %0 : tensor<0x8x1x64xf16>
}

// -----

// CHECK-LABEL: llvm.func @no_depth
func.func @no_depth(%q: tensor<1x8x1x0xf16>, %k: tensor<1x2x16x0xf16>, %v: tensor<1x2x16x64xf16>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x1x0xf16>, tensor<1x2x16x0xf16>, tensor<1x2x16x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  return %0 : tensor<1x8x1x64xf16>
}
