// RUN: dashkv-opt %s --verify-roundtrip | FileCheck %s
// RUN: dashkv-opt %s --emit-bytecode | dashkv-opt | FileCheck %s
// RUN: dashkv-opt %s --mlir-print-op-generic | dashkv-opt | FileCheck %s

// Every op in every optional form.

// CHECK-LABEL: @attention
func.func @attention(%q: tensor<2x8x1x64xf16>, %k: tensor<2x2x?x64xf16>, %v: tensor<2x2x?x32xf16>,
                     %mask: tensor<2x8x1x?xf32>, %lengths: tensor<2xi32>,
                     %o: tensor<2x8x1x32xf16>, %l: tensor<2x8x1xf32>) {
  // CHECK: dashkv.attention ins({{.*}}) outs(%{{.*}} : tensor<2x8x1x32xf16>){{$}}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<2x8x1x64xf16>, tensor<2x2x?x64xf16>, tensor<2x2x?x32xf16>)
      outs(%o : tensor<2x8x1x32xf16>)
  // CHECK: dashkv.attention causal ins({{.*}}) mask({{.*}}) lengths({{.*}}) outs({{.*}}) lse({{.*}}) {scale = 1.250000e-01 : f32}
  %1:2 = dashkv.attention causal ins(%q, %k, %v : tensor<2x8x1x64xf16>, tensor<2x2x?x64xf16>, tensor<2x2x?x32xf16>)
      mask(%mask : tensor<2x8x1x?xf32>) lengths(%lengths : tensor<2xi32>)
      outs(%o : tensor<2x8x1x32xf16>) lse(%l : tensor<2x8x1xf32>) {scale = 0.125 : f32}
  return
}

#q = affine_map<(b, h, m, n, d, dv) -> (b, m, h, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, n, h, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, n, h, dv)>
#mask = affine_map<(b, h, m, n, d, dv) -> (b, n)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, m, h, dv)>
// CHECK-LABEL: @attention_bshd_f8
func.func @attention_bshd_f8(%q: tensor<2x1x8x64xbf16>, %k: tensor<2x16x2x64xf8E4M3FN>, %v: tensor<2x16x2x32xf8E4M3FN>,
                             %mask: tensor<2x16xf32>, %scale: tensor<2xf32>, %o: tensor<2x1x8x32xbf16>) {
  // CHECK: dashkv.attention {{.*}} kv_scales({{.*}}) outs({{.*}}) {indexing_maps = [#map, #map1, #map2, #map3, #map4]}
  %0 = dashkv.attention ins(%q, %k, %v : tensor<2x1x8x64xbf16>, tensor<2x16x2x64xf8E4M3FN>, tensor<2x16x2x32xf8E4M3FN>)
      mask(%mask : tensor<2x16xf32>) kv_scales(%scale, %scale : tensor<2xf32>, tensor<2xf32>)
      outs(%o : tensor<2x1x8x32xbf16>) {indexing_maps = [#q, #k, #v, #mask, #o]}
  return
}

#gq = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, d)>
#gk = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, d)>
#gv = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, dv)>
#go = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, dv)>
// CHECK-LABEL: @attention_group_dim
func.func @attention_group_dim(%q: tensor<1x2x4x1x64xf32>, %k: tensor<1x2x16x64xf32>, %o: tensor<1x2x4x1x64xf32>, %l: tensor<1x2x4x1xf32>) {
  // CHECK: dashkv.attention
  %0:2 = dashkv.attention ins(%q, %k, %k : tensor<1x2x4x1x64xf32>, tensor<1x2x16x64xf32>, tensor<1x2x16x64xf32>)
      outs(%o : tensor<1x2x4x1x64xf32>) lse(%l : tensor<1x2x4x1xf32>) {indexing_maps = [#gq, #gk, #gv, #go]}
  return
}

// CHECK-LABEL: @hash_encode
func.func @hash_encode(%k: tensor<1x2x16x64xf16>, %q: tensor<1x8x1x64xf16>, %w: tensor<64x64xf32>, %wh: tensor<2x64x64xf32>,
                       %bh: tensor<2x64xf32>, %w1: tensor<2x256x32xf32>, %b1: tensor<2x32xf32>, %w2: tensor<32x32xf32>,
                       %b2: tensor<32xf32>, %w3: tensor<2x32x64xf32>, %kc: tensor<1x2x16x8xi8>, %qc: tensor<1x2x1x64xi8>,
                       %s: tensor<1x2x1xf32>) {
  // CHECK: dashkv.hash_encode linear ins({{.*}}) weights({{.*}}) outs({{.*}}){{$}}
  %0 = dashkv.hash_encode linear ins(%k : tensor<1x2x16x64xf16>) weights(%w : tensor<64x64xf32>) outs(%kc : tensor<1x2x16x8xi8>)
  // CHECK: dashkv.hash_encode linear ins({{.*}}) weights({{.*}}) biases({{.*}}) outs({{.*}}){{$}}
  %1 = dashkv.hash_encode linear ins(%k : tensor<1x2x16x64xf16>) weights(%wh : tensor<2x64x64xf32>) biases(%bh : tensor<2x64xf32>)
      outs(%kc : tensor<1x2x16x8xi8>)
  // CHECK: dashkv.hash_encode mlp ins({{.*}}) code_scale({{.*}}) {activation = #dashkv.activation<silu>, group = 4 : i64, levels = 7 : i64}
  %2:2 = dashkv.hash_encode mlp ins(%q : tensor<1x8x1x64xf16>) weights(%w1, %w2, %w3 : tensor<2x256x32xf32>, tensor<32x32xf32>, tensor<2x32x64xf32>)
      biases(%b1, %b2, %bh : tensor<2x32xf32>, tensor<32xf32>, tensor<2x64xf32>) outs(%qc : tensor<1x2x1x64xi8>)
      code_scale(%s : tensor<1x2x1xf32>) {activation = #dashkv.activation<silu>, levels = 7 : i64, group = 4 : i64}
  return
}

// CHECK-LABEL: @tiered_attention
func.func @tiered_attention(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x?x64xf16>, %v: tensor<1x2x?x64xf16>, %qc: tensor<1x8x1x8xi8>,
                            %qw: tensor<1x2x1x64xi8>, %kc: tensor<1x2x?x8xi8>, %lengths: tensor<1xi32>, %flags: tensor<1x?xi1>,
                            %discount: tensor<8xi16>, %radius: tensor<1x8x1xi32>, %cs: tensor<1x2x1xf32>, %t: tensor<8xf32>,
                            %table: tensor<8x128xf32>, %w1: tensor<128x16xf32>, %w2: tensor<16x16xf32>, %w3: tensor<16x1xf32>,
                            %b: tensor<16xf32>, %b3: tensor<1xf32>, %o: tensor<1x8x1x64xf16>, %l: tensor<1x8x1xf32>) {
  // CHECK: dashkv.tiered_attention ins({{.*}}) codes({{.*}}) outs({{.*}}) {tiering = #dashkv.tiering<>}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x?x8xi8>) outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  // CHECK: lengths({{.*}}) forced({{.*}}) prior({{.*}}) vote_discount({{.*}}) prior_discount({{.*}}) radius({{.*}}) outs({{.*}}) lse({{.*}}) kept({{.*}}) {tiering = #dashkv.tiering<full = 0.02, bits_fraction = 3, scope = head, ties = newest>}
  %1:3 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x?x8xi8>) lengths(%lengths : tensor<1xi32>) forced(%flags : tensor<1x?xi1>)
      prior(%flags : tensor<1x?xi1>) vote_discount(%discount : tensor<8xi16>) prior_discount(%discount : tensor<8xi16>)
      radius(%radius : tensor<1x8x1xi32>) outs(%o : tensor<1x8x1x64xf16>) lse(%l : tensor<1x8x1xf32>) kept(%flags : tensor<1x?xi1>)
      {tiering = #dashkv.tiering<scope = head, full = 0.02, ties = newest, bits_fraction = 3>}
  // CHECK: code_scale({{.*}}) scoring({{.*}}) table({{.*}}) outs({{.*}}) {tiering = #dashkv.tiering<mid = 0.05>}
  %2 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>)
      codes(%qw, %kc : tensor<1x2x1x64xi8>, tensor<1x2x?x8xi8>) code_scale(%cs : tensor<1x2x1xf32>)
      scoring(%t, %t : tensor<8xf32>, tensor<8xf32>) table(%table : tensor<8x128xf32>)
      outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<mid = 0.05>}
  // CHECK: mlp({{.*}}) biases({{.*}}) outs({{.*}}) {activation = #dashkv.activation<relu>, scale = 1.000000e-01 : f32, tiering = #dashkv.tiering<mid = 0.05>}
  %3 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>)
      codes(%qw, %kc : tensor<1x2x1x64xi8>, tensor<1x2x?x8xi8>) scoring(%t, %t : tensor<8xf32>, tensor<8xf32>)
      mlp(%w1, %w2, %w3 : tensor<128x16xf32>, tensor<16x16xf32>, tensor<16x1xf32>) biases(%b, %b, %b3 : tensor<16xf32>, tensor<16xf32>, tensor<1xf32>)
      outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<mid = 0.05>, scale = 0.1 : f32, activation = #dashkv.activation<relu>}
  return
}

// CHECK-LABEL: @tiered_attention_bshd
func.func @tiered_attention_bshd(%q: tensor<1x1x8x64xf16>, %k: tensor<1x?x2x64xf8E4M3FN>, %s: tensor<2xf32>, %qc: tensor<1x2x1x64xi8>,
                                 %kc: tensor<1x2x?x8xi8>, %o: tensor<1x1x8x64xf16>) {
  // CHECK: kv_scales({{.*}}) outs({{.*}}) {indexing_maps = [{{.*}}], tiering = #dashkv.tiering<>}
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x1x8x64xf16>, tensor<1x?x2x64xf8E4M3FN>, tensor<1x?x2x64xf8E4M3FN>)
      codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x?x8xi8>) kv_scales(%s, %s : tensor<2xf32>, tensor<2xf32>)
      outs(%o : tensor<1x1x8x64xf16>) {tiering = #dashkv.tiering<>, indexing_maps = [#q, #k, #v, #o]}
  return
}

// Key codes as byte planes; N = 128 of the flags is that of the codes.
// CHECK-LABEL: @byte_planes
func.func @byte_planes(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x100x64xf16>, %qc: tensor<1x8x1x8xi8>, %qw: tensor<1x2x1x64xi8>,
                       %kc: tensor<1x2x2x8x64xi8>, %d: tensor<1x8x1x128xi8>, %flags: tensor<1x128xi1>, %i: tensor<1x2x1x128xi32>,
                       %c: tensor<1x2x1xi32>, %t: tensor<8xf32>, %s: tensor<1x8x1x128xf32>, %o: tensor<1x8x1x64xf16>) {
  // CHECK: dashkv.hamming_distance ins({{.*}}tensor<1x2x2x8x64xi8>) outs(%{{.*}} : tensor<1x8x1x128xi8>)
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x2x8x64xi8>) outs(%d : tensor<1x8x1x128xi8>)
  // CHECK: dashkv.retrieve codes({{.*}}tensor<1x2x2x8x64xi8>) forced({{.*}}) outs({{.*}})
  %1:3 = dashkv.retrieve codes(%qw, %kc : tensor<1x2x1x64xi8>, tensor<1x2x2x8x64xi8>) forced(%flags : tensor<1x128xi1>)
      outs(%i, %c, %c : tensor<1x2x1x128xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  // CHECK: dashkv.estimate_scores codes({{.*}}tensor<1x2x2x8x64xi8>)
  %2 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x2x8x64xi8>) list(%i, %c : tensor<1x2x1x128xi32>, tensor<1x2x1xi32>)
      scoring(%t, %t : tensor<8xf32>, tensor<8xf32>) outs(%s : tensor<1x8x1x128xf32>)
  // CHECK: dashkv.tiered_attention ins({{.*}}) codes({{.*}}tensor<1x2x2x8x64xi8>) forced({{.*}}) outs({{.*}}) kept({{.*}})
  %3:2 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x100x64xf16>, tensor<1x2x100x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x2x8x64xi8>) forced(%flags : tensor<1x128xi1>)
      outs(%o : tensor<1x8x1x64xf16>) kept(%flags : tensor<1x128xi1>) {tiering = #dashkv.tiering<>}
  return
}

// CHECK-LABEL: @distances
func.func @distances(%qc: tensor<1x8x2x8xi8>, %kc: tensor<1x2x100x8xi8>, %d: tensor<1x8x2x100xi8>, %qc256: tensor<1x8x2x32xi8>,
                     %kc256: tensor<1x2x100x32xi8>, %d16: tensor<1x8x2x100xi16>, %lengths: tensor<1xi32>, %prior: tensor<1x100xi1>,
                     %discount: tensor<8xi16>, %radius: tensor<1x8x2xi32>) {
  // CHECK: dashkv.hamming_distance ins({{.*}}) outs(%{{.*}} : tensor<1x8x2x100xi8>)
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x2x8xi8>, tensor<1x2x100x8xi8>) outs(%d : tensor<1x8x2x100xi8>)
  // CHECK: dashkv.hamming_distance ins({{.*}}) outs(%{{.*}} : tensor<1x8x2x100xi16>)
  %1 = dashkv.hamming_distance ins(%qc256, %kc256 : tensor<1x8x2x32xi8>, tensor<1x2x100x32xi8>) outs(%d16 : tensor<1x8x2x100xi16>)
  // CHECK: dashkv.calibrate ins({{.*}}) outs({{.*}}) {tiering = #dashkv.tiering<bits_fraction = 4>}
  %2 = dashkv.calibrate ins(%0 : tensor<1x8x2x100xi8>) outs(%d16 : tensor<1x8x2x100xi16>) {tiering = #dashkv.tiering<bits_fraction = 4>}
  // CHECK: dashkv.calibrate ins({{.*}}) lengths({{.*}}) prior({{.*}}) vote_discount({{.*}}) prior_discount({{.*}}) radius({{.*}}) outs({{.*}})
  %3 = dashkv.calibrate ins(%1 : tensor<1x8x2x100xi16>) lengths(%lengths : tensor<1xi32>) prior(%prior : tensor<1x100xi1>)
      vote_discount(%discount : tensor<8xi16>) prior_discount(%discount : tensor<8xi16>) radius(%radius : tensor<1x8x2xi32>)
      outs(%d16 : tensor<1x8x2x100xi16>) {tiering = #dashkv.tiering<vote_threshold = 3, vote_fraction = 0.1>}
  return
}

// CHECK-LABEL: @lists
func.func @lists(%d: tensor<1x8x2x100xi16>, %qc: tensor<1x8x2x8xi8>, %kc: tensor<1x2x100x8xi8>, %lengths: tensor<1xi32>, %flags: tensor<1x100xi1>,
                 %discount: tensor<8xi16>, %radius: tensor<1x8x2xi32>, %i: tensor<1x2x2x100xi32>, %c: tensor<1x2x2xi32>) {
  // CHECK: dashkv.select ins({{.*}}) outs({{.*}}) {tiering = #dashkv.tiering<>}
  %0:3 = dashkv.select ins(%d : tensor<1x8x2x100xi16>)
      outs(%i, %c, %c : tensor<1x2x2x100xi32>, tensor<1x2x2xi32>, tensor<1x2x2xi32>) {tiering = #dashkv.tiering<>}
  // CHECK: dashkv.select ins({{.*}}) lengths({{.*}}) forced({{.*}}) outs({{.*}}) mid({{.*}}) kept({{.*}}) {tiering = #dashkv.tiering<full_min = 8, full_max = 16, mid = 0.1, mid_min = 1, mid_max = 20, sinks = 1, window = 2, dense_below = 0, kept_votes = 2, ties = inclusive>}
  %1:7 = dashkv.select ins(%d : tensor<1x8x2x100xi16>) lengths(%lengths : tensor<1xi32>) forced(%flags : tensor<1x100xi1>)
      outs(%i, %c, %c : tensor<1x2x2x100xi32>, tensor<1x2x2xi32>, tensor<1x2x2xi32>)
      mid(%i, %c, %c : tensor<1x2x2x100xi32>, tensor<1x2x2xi32>, tensor<1x2x2xi32>) kept(%flags : tensor<1x100xi1>)
      {tiering = #dashkv.tiering<mid = 0.1, ties = inclusive, sinks = 1, window = 2, full_min = 8, full_max = 16, mid_min = 1, mid_max = 20, dense_below = 0, kept_votes = 2>}
  // CHECK: dashkv.retrieve codes({{.*}}) outs({{.*}}) {tiering = #dashkv.tiering<>}
  %2:3 = dashkv.retrieve codes(%qc, %kc : tensor<1x8x2x8xi8>, tensor<1x2x100x8xi8>)
      outs(%i, %c, %c : tensor<1x2x2x100xi32>, tensor<1x2x2xi32>, tensor<1x2x2xi32>) {tiering = #dashkv.tiering<>}
  // CHECK: dashkv.retrieve codes({{.*}}) lengths({{.*}}) forced({{.*}}) prior({{.*}}) vote_discount({{.*}}) prior_discount({{.*}}) radius({{.*}}) outs({{.*}}) mid({{.*}}) kept({{.*}}) {tiering = #dashkv.tiering<mid = 0.1>}
  %3:7 = dashkv.retrieve codes(%qc, %kc : tensor<1x8x2x8xi8>, tensor<1x2x100x8xi8>) lengths(%lengths : tensor<1xi32>)
      forced(%flags : tensor<1x100xi1>) prior(%flags : tensor<1x100xi1>) vote_discount(%discount : tensor<8xi16>)
      prior_discount(%discount : tensor<8xi16>) radius(%radius : tensor<1x8x2xi32>)
      outs(%i, %c, %c : tensor<1x2x2x100xi32>, tensor<1x2x2xi32>, tensor<1x2x2xi32>)
      mid(%i, %c, %c : tensor<1x2x2x100xi32>, tensor<1x2x2xi32>, tensor<1x2x2xi32>) kept(%flags : tensor<1x100xi1>)
      {tiering = #dashkv.tiering<mid = 0.1>}
  return
}

// CHECK-LABEL: @scores
func.func @scores(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x100x8xi8>, %i: tensor<1x2x1x10xi32>, %c: tensor<1x2x1xi32>, %t: tensor<8xf32>,
                  %cs: tensor<1x8x1xf32>, %table: tensor<1x65xf32>, %w1: tensor<8x128x4xf32>, %w2: tensor<4x4xf32>, %w3: tensor<8x4x1xf32>,
                  %b1: tensor<8x4xf32>, %b2: tensor<4xf32>, %b3: tensor<8x1xf32>, %o: tensor<1x8x1x10xf32>) {
  // CHECK: dashkv.estimate_scores codes({{.*}}) list({{.*}}) scoring({{.*}}) outs({{.*}}){{$}}
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x100x8xi8>) list(%i, %c : tensor<1x2x1x10xi32>, tensor<1x2x1xi32>)
      scoring(%t, %t : tensor<8xf32>, tensor<8xf32>) outs(%o : tensor<1x8x1x10xf32>)
  // CHECK: code_scale({{.*}}) table({{.*}}) outs({{.*}}){{$}}
  %1 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x100x8xi8>) list(%i, %c : tensor<1x2x1x10xi32>, tensor<1x2x1xi32>)
      scoring(%t, %t : tensor<8xf32>, tensor<8xf32>) code_scale(%cs : tensor<1x8x1xf32>) table(%table : tensor<1x65xf32>) outs(%o : tensor<1x8x1x10xf32>)
  // CHECK: mlp({{.*}}) biases({{.*}}) outs({{.*}}) {activation = #dashkv.activation<tanh>}
  %2 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x100x8xi8>) list(%i, %c : tensor<1x2x1x10xi32>, tensor<1x2x1xi32>)
      scoring(%t, %t : tensor<8xf32>, tensor<8xf32>) mlp(%w1, %w2, %w3 : tensor<8x128x4xf32>, tensor<4x4xf32>, tensor<8x4x1xf32>)
      biases(%b1, %b2, %b3 : tensor<8x4xf32>, tensor<4xf32>, tensor<8x1xf32>) outs(%o : tensor<1x8x1x10xf32>) {activation = #dashkv.activation<tanh>}
  return
}

#dq = affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>
#dk = affine_map<(b, h, m, n, d, dv) -> (b, n, h, d)>
#dv = affine_map<(b, h, m, n, d, dv) -> (b, n, h, dv)>
#do = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
// CHECK-LABEL: @statistics
func.func @statistics(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x100x64xf16>, %kt: tensor<1x100x2x64xf16>, %mask: tensor<1x8x1x100xf16>,
                      %i: tensor<1x2x1x10xi32>, %c: tensor<1x2x1xi32>, %lengths: tensor<1xi32>, %s: tensor<2xf32>, %scores: tensor<1x8x1x10xf32>,
                      %as: tensor<4x1x8x1x64xf32>, %ms: tensor<4x1x8x1xf32>, %a: tensor<1x8x1x64xf32>, %m: tensor<1x8x1xf32>, %o: tensor<1x8x1x64xbf16>) {
  // CHECK: dashkv.online_attention ins({{.*}}) outs({{.*}}){{$}}
  %0:3 = dashkv.online_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x100x64xf16>, tensor<1x2x100x64xf16>)
      outs(%a, %m, %m : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  // CHECK: dashkv.online_attention causal ins({{.*}}) mask({{.*}}) lengths({{.*}}) kv_scales({{.*}}) outs({{.*}}) {scale = 1.000000e+00 : f32}
  %1:3 = dashkv.online_attention causal ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x100x64xf16>, tensor<1x2x100x64xf16>)
      mask(%mask : tensor<1x8x1x100xf16>) lengths(%lengths : tensor<1xi32>) kv_scales(%s, %s : tensor<2xf32>, tensor<2xf32>)
      outs(%a, %m, %m : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>) {scale = 1.0 : f32}
  // CHECK: dashkv.online_attention ins({{.*}}) list({{.*}}) outs({{.*}}) {indexing_maps = [{{.*}}]}
  %2:3 = dashkv.online_attention ins(%q, %kt, %kt : tensor<1x8x1x64xf16>, tensor<1x100x2x64xf16>, tensor<1x100x2x64xf16>)
      list(%i, %c : tensor<1x2x1x10xi32>, tensor<1x2x1xi32>)
      outs(%a, %m, %m : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>) {indexing_maps = [#dq, #dk, #dv, #do]}
  // CHECK: dashkv.online_reduce ins({{.*}}) list({{.*}}) outs({{.*}})
  %3:3 = dashkv.online_reduce ins(%scores, %k : tensor<1x8x1x10xf32>, tensor<1x2x100x64xf16>) list(%i, %c : tensor<1x2x1x10xi32>, tensor<1x2x1xi32>)
      outs(%2#0, %2#1, %2#2 : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  // CHECK: dashkv.online_reduce ins({{.*}}) list({{.*}}) value_scale({{.*}}) outs({{.*}})
  %4:3 = dashkv.online_reduce ins(%scores, %k : tensor<1x8x1x10xf32>, tensor<1x2x100x64xf16>) list(%i, %c : tensor<1x2x1x10xi32>, tensor<1x2x1xi32>)
      value_scale(%s : tensor<2xf32>) outs(%a, %m, %m : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  // CHECK: dashkv.merge ins({{.*}}) outs({{.*}})
  %5:3 = dashkv.merge ins(%as, %ms, %ms : tensor<4x1x8x1x64xf32>, tensor<4x1x8x1xf32>, tensor<4x1x8x1xf32>)
      outs(%a, %m, %m : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  // CHECK: dashkv.finalize ins({{.*}}) outs(%{{.*}} : tensor<1x8x1x64xbf16>){{$}}
  %6 = dashkv.finalize ins(%5#0, %5#1, %5#2 : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>) outs(%o : tensor<1x8x1x64xbf16>)
  // CHECK: dashkv.finalize ins({{.*}}) outs({{.*}}) lse({{.*}})
  %7:2 = dashkv.finalize ins(%5#0, %5#1, %5#2 : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>) outs(%o : tensor<1x8x1x64xbf16>)
      lse(%m : tensor<1x8x1xf32>)
  return
}

// CHECK-LABEL: @on_memrefs
// CHECK-SAME: {dashkv.role = "query_codes"}
func.func @on_memrefs(%qc: memref<1x8x1x8xi8> {dashkv.role = "query_codes"}, %kc: memref<1x2x100x8xi8>, %d: memref<1x8x1x100xi8>) {
  // CHECK: dashkv.hamming_distance ins({{.*}}) outs(%{{.*}} : memref<1x8x1x100xi8>)
  dashkv.hamming_distance ins(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x100x8xi8>) outs(%d : memref<1x8x1x100xi8>)
  return
}
