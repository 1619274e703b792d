// RUN: dashkv-opt %s --canonicalize | FileCheck %s

//===----------------------------------------------------------------------===//
// memref.cast into every op
//===----------------------------------------------------------------------===//

// CHECK-LABEL: @cast_attention
func.func @cast_attention(%q: memref<1x8x2x64xf16>, %k: memref<1x2x16x64xf16>, %lengths: memref<1xi32>, %o: memref<1x8x2x64xf16>) {
  %dq = memref.cast %q : memref<1x8x2x64xf16> to memref<?x8x?x64xf16>
  %dk = memref.cast %k : memref<1x2x16x64xf16> to memref<1x2x?x64xf16>
  %dlengths = memref.cast %lengths : memref<1xi32> to memref<?xi32>
  %do = memref.cast %o : memref<1x8x2x64xf16> to memref<?x8x2x64xf16>
  // CHECK-NOT: memref.cast
  // CHECK: dashkv.attention ins({{.*}} : memref<1x8x2x64xf16>, memref<1x2x16x64xf16>, memref<1x2x16x64xf16>) lengths({{.*}} : memref<1xi32>) outs({{.*}} : memref<1x8x2x64xf16>)
  dashkv.attention ins(%dq, %dk, %dk : memref<?x8x?x64xf16>, memref<1x2x?x64xf16>, memref<1x2x?x64xf16>) lengths(%dlengths : memref<?xi32>)
      outs(%do : memref<?x8x2x64xf16>)
  return
}

// CHECK-LABEL: @cast_hash_encode
func.func @cast_hash_encode(%x: memref<1x2x16x64xf16>, %w: memref<64x64xf32>, %o: memref<1x2x16x8xi8>) {
  %dx = memref.cast %x : memref<1x2x16x64xf16> to memref<1x2x?x64xf16>
  %dw = memref.cast %w : memref<64x64xf32> to memref<?x64xf32>
  // CHECK-NOT: memref.cast
  // CHECK: dashkv.hash_encode linear ins({{.*}} : memref<1x2x16x64xf16>) weights({{.*}} : memref<64x64xf32>) outs({{.*}} : memref<1x2x16x8xi8>)
  dashkv.hash_encode linear ins(%dx : memref<1x2x?x64xf16>) weights(%dw : memref<?x64xf32>) outs(%o : memref<1x2x16x8xi8>)
  return
}

// CHECK-LABEL: @cast_tiered_attention
func.func @cast_tiered_attention(%q: memref<1x8x1x64xf16>, %k: memref<1x2x16x64xf16>, %qc: memref<1x8x1x8xi8>, %kc: memref<1x2x16x8xi8>, %o: memref<1x8x1x64xf16>) {
  %dk = memref.cast %k : memref<1x2x16x64xf16> to memref<1x2x?x64xf16>
  %dkc = memref.cast %kc : memref<1x2x16x8xi8> to memref<1x2x?x8xi8>
  // CHECK-NOT: memref.cast
  // CHECK: dashkv.tiered_attention ins({{.*}} : memref<1x8x1x64xf16>, memref<1x2x16x64xf16>, memref<1x2x16x64xf16>) codes({{.*}} : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>)
  dashkv.tiered_attention ins(%q, %dk, %dk : memref<1x8x1x64xf16>, memref<1x2x?x64xf16>, memref<1x2x?x64xf16>)
      codes(%qc, %dkc : memref<1x8x1x8xi8>, memref<1x2x?x8xi8>) outs(%o : memref<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return
}

// CHECK-LABEL: @cast_hamming_distance
func.func @cast_hamming_distance(%qc: memref<1x8x1x8xi8>, %kc: memref<1x2x16x8xi8>, %d: memref<1x8x1x16xi8>) {
  %dkc = memref.cast %kc : memref<1x2x16x8xi8> to memref<1x2x?x8xi8>
  %dd = memref.cast %d : memref<1x8x1x16xi8> to memref<1x8x1x?xi8>
  // CHECK-NOT: memref.cast
  // CHECK: dashkv.hamming_distance ins({{.*}} : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>) outs({{.*}} : memref<1x8x1x16xi8>)
  dashkv.hamming_distance ins(%qc, %dkc : memref<1x8x1x8xi8>, memref<1x2x?x8xi8>) outs(%dd : memref<1x8x1x?xi8>)
  return
}

// CHECK-LABEL: @cast_calibrate
func.func @cast_calibrate(%d: memref<1x8x1x16xi8>, %vd: memref<8xi16>, %o: memref<1x8x1x16xi16>) {
  %dd = memref.cast %d : memref<1x8x1x16xi8> to memref<1x8x1x?xi8>
  %dvd = memref.cast %vd : memref<8xi16> to memref<?xi16>
  // CHECK-NOT: memref.cast
  // CHECK: dashkv.calibrate ins({{.*}} : memref<1x8x1x16xi8>) vote_discount({{.*}} : memref<8xi16>) outs({{.*}} : memref<1x8x1x16xi16>)
  dashkv.calibrate ins(%dd : memref<1x8x1x?xi8>) vote_discount(%dvd : memref<?xi16>) outs(%o : memref<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  return
}

// CHECK-LABEL: @cast_select
func.func @cast_select(%d: memref<1x8x1x16xi16>, %i: memref<1x2x1x16xi32>, %c: memref<1x2x1xi32>, %t: memref<1x2x1xi32>) {
  %dd = memref.cast %d : memref<1x8x1x16xi16> to memref<1x8x1x?xi16>
  %di = memref.cast %i : memref<1x2x1x16xi32> to memref<1x2x1x?xi32>
  // CHECK-NOT: memref.cast
  // CHECK: dashkv.select ins({{.*}} : memref<1x8x1x16xi16>) outs({{.*}} : memref<1x2x1x16xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>)
  dashkv.select ins(%dd : memref<1x8x1x?xi16>) outs(%di, %c, %t : memref<1x2x1x?xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}

// CHECK-LABEL: @cast_retrieve
func.func @cast_retrieve(%qc: memref<1x8x1x8xi8>, %kc: memref<1x2x16x8xi8>, %i: memref<1x2x1x16xi32>, %c: memref<1x2x1xi32>, %t: memref<1x2x1xi32>) {
  %dkc = memref.cast %kc : memref<1x2x16x8xi8> to memref<1x?x?x8xi8>
  // CHECK-NOT: memref.cast
  // CHECK: dashkv.retrieve codes({{.*}} : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>)
  dashkv.retrieve codes(%qc, %dkc : memref<1x8x1x8xi8>, memref<1x?x?x8xi8>) outs(%i, %c, %t : memref<1x2x1x16xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>)
      {tiering = #dashkv.tiering<>}
  return
}

// CHECK-LABEL: @cast_estimate_scores
func.func @cast_estimate_scores(%qc: memref<1x8x1x8xi8>, %kc: memref<1x2x16x8xi8>, %i: memref<1x2x1x5xi32>, %c: memref<1x2x1xi32>, %t: memref<8xf32>, %o: memref<1x8x1x5xf32>) {
  %di = memref.cast %i : memref<1x2x1x5xi32> to memref<1x2x1x?xi32>
  %do = memref.cast %o : memref<1x8x1x5xf32> to memref<1x8x1x?xf32>
  // CHECK-NOT: memref.cast
  // CHECK: dashkv.estimate_scores codes({{.*}}) list({{.*}} : memref<1x2x1x5xi32>, memref<1x2x1xi32>) scoring({{.*}}) outs({{.*}} : memref<1x8x1x5xf32>)
  dashkv.estimate_scores codes(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>) list(%di, %c : memref<1x2x1x?xi32>, memref<1x2x1xi32>)
      scoring(%t, %t : memref<8xf32>, memref<8xf32>) outs(%do : memref<1x8x1x?xf32>)
  return
}

// CHECK-LABEL: @cast_online_attention
func.func @cast_online_attention(%q: memref<1x8x1x64xf16>, %k: memref<1x2x16x64xf16>, %acc: memref<1x8x1x64xf32>, %max: memref<1x8x1xf32>, %sum: memref<1x8x1xf32>) {
  %dk = memref.cast %k : memref<1x2x16x64xf16> to memref<1x2x?x64xf16>
  %dsum = memref.cast %sum : memref<1x8x1xf32> to memref<?x8x1xf32>
  // CHECK-NOT: memref.cast
  // CHECK: dashkv.online_attention ins({{.*}} : memref<1x8x1x64xf16>, memref<1x2x16x64xf16>, memref<1x2x16x64xf16>) outs({{.*}} : memref<1x8x1x64xf32>, memref<1x8x1xf32>, memref<1x8x1xf32>)
  dashkv.online_attention ins(%q, %dk, %dk : memref<1x8x1x64xf16>, memref<1x2x?x64xf16>, memref<1x2x?x64xf16>)
      outs(%acc, %max, %dsum : memref<1x8x1x64xf32>, memref<1x8x1xf32>, memref<?x8x1xf32>)
  return
}

// CHECK-LABEL: @cast_online_reduce
func.func @cast_online_reduce(%s: memref<1x8x1x5xf32>, %v: memref<1x2x16x64xf16>, %i: memref<1x2x1x5xi32>, %c: memref<1x2x1xi32>, %acc: memref<1x8x1x64xf32>, %max: memref<1x8x1xf32>, %sum: memref<1x8x1xf32>) {
  %ds = memref.cast %s : memref<1x8x1x5xf32> to memref<1x8x1x?xf32>
  %di = memref.cast %i : memref<1x2x1x5xi32> to memref<1x2x1x?xi32>
  // CHECK-NOT: memref.cast
  // CHECK: dashkv.online_reduce ins({{.*}} : memref<1x8x1x5xf32>, memref<1x2x16x64xf16>) list({{.*}} : memref<1x2x1x5xi32>, memref<1x2x1xi32>)
  dashkv.online_reduce ins(%ds, %v : memref<1x8x1x?xf32>, memref<1x2x16x64xf16>) list(%di, %c : memref<1x2x1x?xi32>, memref<1x2x1xi32>)
      outs(%acc, %max, %sum : memref<1x8x1x64xf32>, memref<1x8x1xf32>, memref<1x8x1xf32>)
  return
}

// CHECK-LABEL: @cast_merge
func.func @cast_merge(%as: memref<4x1x8x1x64xf32>, %ms: memref<4x1x8x1xf32>, %ss: memref<4x1x8x1xf32>, %acc: memref<1x8x1x64xf32>, %max: memref<1x8x1xf32>, %sum: memref<1x8x1xf32>) {
  %das = memref.cast %as : memref<4x1x8x1x64xf32> to memref<?x1x8x1x64xf32>
  %dms = memref.cast %ms : memref<4x1x8x1xf32> to memref<?x1x8x1xf32>
  // CHECK-NOT: memref.cast
  // CHECK: dashkv.merge ins({{.*}} : memref<4x1x8x1x64xf32>, memref<4x1x8x1xf32>, memref<4x1x8x1xf32>)
  dashkv.merge ins(%das, %dms, %ss : memref<?x1x8x1x64xf32>, memref<?x1x8x1xf32>, memref<4x1x8x1xf32>)
      outs(%acc, %max, %sum : memref<1x8x1x64xf32>, memref<1x8x1xf32>, memref<1x8x1xf32>)
  return
}

// CHECK-LABEL: @cast_finalize
func.func @cast_finalize(%acc: memref<1x8x1x64xf32>, %max: memref<1x8x1xf32>, %sum: memref<1x8x1xf32>, %o: memref<1x8x1x64xf16>) {
  %dacc = memref.cast %acc : memref<1x8x1x64xf32> to memref<1x8x?x64xf32>
  %do = memref.cast %o : memref<1x8x1x64xf16> to memref<1x8x?x64xf16>
  // CHECK-NOT: memref.cast
  // CHECK: dashkv.finalize ins({{.*}} : memref<1x8x1x64xf32>, memref<1x8x1xf32>, memref<1x8x1xf32>) outs({{.*}} : memref<1x8x1x64xf16>)
  dashkv.finalize ins(%dacc, %max, %sum : memref<1x8x?x64xf32>, memref<1x8x1xf32>, memref<1x8x1xf32>) outs(%do : memref<1x8x?x64xf16>)
  return
}

// A cast that knows more than its source stays: the length of a code is static.
// CHECK-LABEL: @cast_to_static_stays
func.func @cast_to_static_stays(%qc: memref<1x8x1x8xi8>, %kc: memref<1x2x16x?xi8>, %d: memref<1x8x1x16xi8>) {
  // CHECK: %[[STATIC:.+]] = memref.cast %{{.*}} : memref<1x2x16x?xi8> to memref<1x2x16x8xi8>
  // CHECK: dashkv.hamming_distance ins(%{{.*}}, %[[STATIC]] :
  %static = memref.cast %kc : memref<1x2x16x?xi8> to memref<1x2x16x8xi8>
  dashkv.hamming_distance ins(%qc, %static : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>) outs(%d : memref<1x8x1x16xi8>)
  return
}

//===----------------------------------------------------------------------===//
// tensor.cast, by the tensor dialect
//===----------------------------------------------------------------------===//

// Inputs and inits become static; the result is cast back.
// CHECK-LABEL: @cast_tensors
func.func @cast_tensors(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %d: tensor<1x8x1x16xi8>) -> tensor<1x8x1x?xi8> {
  %dkc = tensor.cast %kc : tensor<1x2x16x8xi8> to tensor<1x2x?x8xi8>
  %dd = tensor.cast %d : tensor<1x8x1x16xi8> to tensor<1x8x1x?xi8>
  // CHECK: %[[D:.+]] = dashkv.hamming_distance ins({{.*}} : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs({{.*}} : tensor<1x8x1x16xi8>)
  // CHECK: tensor.cast %[[D]] : tensor<1x8x1x16xi8> to tensor<1x8x1x?xi8>
  %0 = dashkv.hamming_distance ins(%qc, %dkc : tensor<1x8x1x8xi8>, tensor<1x2x?x8xi8>) outs(%dd : tensor<1x8x1x?xi8>)
  return %0 : tensor<1x8x1x?xi8>
}

// Properties and segments survive the rebuilt op.
// CHECK-LABEL: @cast_tensors_of_optional_operands
func.func @cast_tensors_of_optional_operands(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %lengths: tensor<1xi32>, %o: tensor<1x8x2x64xf16>, %lse: tensor<1x8x2xf32>) -> (tensor<?x8x2x64xf16>, tensor<1x8x?xf32>) {
  %dk = tensor.cast %k : tensor<1x2x16x64xf16> to tensor<1x2x?x64xf16>
  %do = tensor.cast %o : tensor<1x8x2x64xf16> to tensor<?x8x2x64xf16>
  %dlse = tensor.cast %lse : tensor<1x8x2xf32> to tensor<1x8x?xf32>
  // CHECK: dashkv.attention causal ins({{.*}} : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>) lengths({{.*}} : tensor<1xi32>) outs({{.*}} : tensor<1x8x2x64xf16>) lse({{.*}} : tensor<1x8x2xf32>) {scale = 5.000000e-01 : f32}
  %0:2 = dashkv.attention causal ins(%q, %dk, %dk : tensor<1x8x2x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>)
      lengths(%lengths : tensor<1xi32>) outs(%do : tensor<?x8x2x64xf16>) lse(%dlse : tensor<1x8x?xf32>) {scale = 0.5 : f32}
  return %0#0, %0#1 : tensor<?x8x2x64xf16>, tensor<1x8x?xf32>
}

// CHECK-LABEL: @cast_tensors_to_static_stays
func.func @cast_tensors_to_static_stays(%x: tensor<1x2x16x64xf16>, %w: tensor<64x?xf32>, %o: tensor<1x2x16x8xi8>) -> tensor<1x2x16x8xi8> {
  // CHECK: tensor.cast
  // CHECK: dashkv.hash_encode linear ins({{.*}}) weights({{.*}} : tensor<64x64xf32>)
  %static = tensor.cast %w : tensor<64x?xf32> to tensor<64x64xf32>
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x2x16x64xf16>) weights(%static : tensor<64x64xf32>) outs(%o : tensor<1x2x16x8xi8>)
  return %0 : tensor<1x2x16x8xi8>
}

//===----------------------------------------------------------------------===//
// Maps, causal
//===----------------------------------------------------------------------===//

#q = affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, h, n, dv)>
#mask = affine_map<(b, h, m, n, d, dv) -> (b, h, m, n)>
#shared_mask = affine_map<(b, h, m, n, d, dv) -> (m, n)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
#bmhd = affine_map<(b, h, m, n, d, dv) -> (b, m, h, d)>

// CHECK-LABEL: @default_maps
func.func @default_maps(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %mask: tensor<1x8x2x16xf32>, %o: tensor<1x8x2x64xf16>) -> (tensor<1x8x2x64xf16>, tensor<1x8x2x64xf16>) {
  // CHECK: dashkv.attention ins({{.*}}) outs({{.*}}){{$}}
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      outs(%o : tensor<1x8x2x64xf16>) {indexing_maps = [#q, #k, #v, #o]}
  // CHECK: dashkv.attention ins({{.*}}) mask({{.*}}) outs({{.*}}){{$}}
  %1 = dashkv.attention ins(%q, %k, %k : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      mask(%mask : tensor<1x8x2x16xf32>) outs(%o : tensor<1x8x2x64xf16>) {indexing_maps = [#q, #k, #v, #mask, #o]}
  return %0, %1 : tensor<1x8x2x64xf16>, tensor<1x8x2x64xf16>
}

// CHECK-LABEL: @other_maps
func.func @other_maps(%q: tensor<1x2x8x64xf16>, %qh: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %mask: tensor<2x16xf32>, %o: tensor<1x8x2x64xf16>) -> (tensor<1x8x2x64xf16>, tensor<1x8x2x64xf16>) {
  // CHECK: dashkv.attention {{.*}} {indexing_maps =
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x2x8x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      outs(%o : tensor<1x8x2x64xf16>) {indexing_maps = [#bmhd, #k, #v, #o]}
  // CHECK: dashkv.attention {{.*}} mask({{.*}} : tensor<2x16xf32>) {{.*}} {indexing_maps =
  %1 = dashkv.attention ins(%qh, %k, %k : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      mask(%mask : tensor<2x16xf32>) outs(%o : tensor<1x8x2x64xf16>) {indexing_maps = [#q, #k, #v, #shared_mask, #o]}
  return %0, %1 : tensor<1x8x2x64xf16>, tensor<1x8x2x64xf16>
}

// The only row sees keys n <= lengths - 1 + 0: all of them.
// CHECK-LABEL: @causal_of_one_row
func.func @causal_of_one_row(%q: tensor<1x1x8x64xf16>, %k: tensor<1x2x16x64xf16>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  // CHECK: dashkv.attention ins
  %0 = dashkv.attention causal ins(%q, %k, %k : tensor<1x1x8x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      outs(%o : tensor<1x8x1x64xf16>) {indexing_maps = [#bmhd, #k, #v, #o]}
  return %0 : tensor<1x8x1x64xf16>
}

// CHECK-LABEL: @causal_of_more_rows
func.func @causal_of_more_rows(%q: tensor<1x8x2x64xf16>, %dq: tensor<1x8x?x64xf16>, %k: tensor<1x2x16x64xf16>, %o: tensor<1x8x2x64xf16>, %do: tensor<1x8x?x64xf16>) -> (tensor<1x8x2x64xf16>, tensor<1x8x?x64xf16>) {
  // CHECK: dashkv.attention causal ins({{.*}} : tensor<1x8x2x64xf16>,
  %0 = dashkv.attention causal ins(%q, %k, %k : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>) outs(%o : tensor<1x8x2x64xf16>)
  // CHECK: dashkv.attention causal ins({{.*}} : tensor<1x8x?x64xf16>,
  %1 = dashkv.attention causal ins(%dq, %k, %k : tensor<1x8x?x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>) outs(%do : tensor<1x8x?x64xf16>)
  return %0, %1 : tensor<1x8x2x64xf16>, tensor<1x8x?x64xf16>
}

//===----------------------------------------------------------------------===//
// merge
//===----------------------------------------------------------------------===//

// Nothing to merge: the statistics stay as they are.
// CHECK-LABEL: @merge_of_nothing
// CHECK-SAME: %[[ACC:[a-z0-9]+]]: tensor<1x8x1x64xf32>, %[[MAX:[a-z0-9]+]]: tensor<1x8x1xf32>, %[[SUM:[a-z0-9]+]]: tensor<1x8x1xf32>
func.func @merge_of_nothing(%acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>, %as: tensor<0x1x8x1x64xf32>, %ms: tensor<0x1x8x1xf32>) -> (tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>) {
  // CHECK-NEXT: return %[[ACC]], %[[MAX]], %[[SUM]]
  %0:3 = dashkv.merge ins(%as, %ms, %ms : tensor<0x1x8x1x64xf32>, tensor<0x1x8x1xf32>, tensor<0x1x8x1xf32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return %0#0, %0#1, %0#2 : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>
}

// CHECK-LABEL: @merge_of_some
func.func @merge_of_some(%acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>, %as: tensor<?x1x8x1x64xf32>, %ms: tensor<?x1x8x1xf32>) -> tensor<1x8x1x64xf32> {
  // CHECK: dashkv.merge
  %0:3 = dashkv.merge ins(%as, %ms, %ms : tensor<?x1x8x1x64xf32>, tensor<?x1x8x1xf32>, tensor<?x1x8x1xf32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return %0#0 : tensor<1x8x1x64xf32>
}
