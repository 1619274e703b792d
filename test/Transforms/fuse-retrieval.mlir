// RUN: dashkv-opt %s --dashkv-fuse-retrieval --split-input-file | FileCheck %s
// RUN: dashkv-opt %s --dashkv-fuse-retrieval --convert-dashkv-to-linalg --split-input-file -o /dev/null

//===----------------------------------------------------------------------===//
// Fused
//===----------------------------------------------------------------------===//

// CHECK-LABEL: @plain
// CHECK-SAME:    %[[QC:[a-z0-9]+]]: tensor<1x8x1x8xi8>, %[[KC:[a-z0-9]+]]: tensor<1x2x16x8xi8>
// CHECK-NOT:     dashkv.{{hamming_distance|calibrate|select}}
// CHECK:         %[[LIST:.+]]:3 = dashkv.retrieve codes(%[[QC]], %[[KC]] : {{.*}}) outs({{.*}}) {tiering = #dashkv.tiering<>}
// CHECK:         return %[[LIST]]#0
func.func @plain(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>) -> tensor<1x2x1x16xi32> {
  %d = tensor.empty() : tensor<1x8x1x16xi8>
  %f = tensor.empty() : tensor<1x8x1x16xi16>
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  %1 = dashkv.calibrate ins(%0 : tensor<1x8x1x16xi8>) outs(%f : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  %2:3 = dashkv.select ins(%1 : tensor<1x8x1x16xi16>) outs(%i, %c, %c : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return %2#0 : tensor<1x2x1x16xi32>
}

// -----

// All operands of all three ops, and the fields of calibration from calibrate,
// those of selection from select.
// CHECK-LABEL: @everything
// CHECK:         dashkv.retrieve codes({{.*}}) lengths({{.*}}) forced({{.*}}) prior({{.*}}) vote_discount({{.*}}) prior_discount({{.*}}) radius({{.*}}) outs({{.*}}) mid({{.*}}) kept({{.*}})
// CHECK-SAME:      {tiering = #dashkv.tiering<full = 0.1, mid = 0.2, bits_fraction = 3, vote_threshold = 5, kept_votes = 2, ties = newest>}
func.func @everything(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %lengths: tensor<1xi32>, %flags: tensor<1x16xi1>, %discount: tensor<8xi16>, %radius: tensor<1x8x1xi32>,
                      %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>) -> tensor<1x16xi1> {
  %d = tensor.empty() : tensor<1x8x1x16xi8>
  %f = tensor.empty() : tensor<1x8x1x16xi16>
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  %1 = dashkv.calibrate ins(%0 : tensor<1x8x1x16xi8>) lengths(%lengths : tensor<1xi32>) prior(%flags : tensor<1x16xi1>) vote_discount(%discount : tensor<8xi16>)
      prior_discount(%discount : tensor<8xi16>) radius(%radius : tensor<1x8x1xi32>) outs(%f : tensor<1x8x1x16xi16>)
      {tiering = #dashkv.tiering<full = 0.1, bits_fraction = 3, vote_threshold = 5, ties = inclusive, sinks = 9>}
  %2:7 = dashkv.select ins(%1 : tensor<1x8x1x16xi16>) lengths(%lengths : tensor<1xi32>) forced(%flags : tensor<1x16xi1>)
      outs(%i, %c, %c : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) mid(%i, %c, %c : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      kept(%flags : tensor<1x16xi1>) {tiering = #dashkv.tiering<full = 0.1, mid = 0.2, bits_fraction = 6, kept_votes = 2, ties = newest>}
  return %2#6 : tensor<1x16xi1>
}

// -----

// The percentile of calibrate is its own budget, 0.2, not that of select.
// CHECK-LABEL: @vote_fraction
// CHECK:         dashkv.retrieve {{.*}} {tiering = #dashkv.tiering<full = 0.1, vote_fraction = 0.2>}
func.func @vote_fraction(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %discount: tensor<8xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>) -> tensor<1x2x1x16xi32> {
  %d = tensor.empty() : tensor<1x8x1x16xi8>
  %f = tensor.empty() : tensor<1x8x1x16xi16>
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  %1 = dashkv.calibrate ins(%0 : tensor<1x8x1x16xi8>) vote_discount(%discount : tensor<8xi16>) outs(%f : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<full = 0.2>}
  %2:3 = dashkv.select ins(%1 : tensor<1x8x1x16xi16>) outs(%i, %c, %c : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<full = 0.1>}
  return %2#0 : tensor<1x2x1x16xi32>
}

// -----

// A calibrate that makes no radius needs no lengths.
// CHECK-LABEL: @lengths_of_select_alone
// CHECK:         dashkv.retrieve codes({{.*}}) lengths({{.*}}) outs
func.func @lengths_of_select_alone(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %lengths: tensor<1xi32>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>) -> tensor<1x2x1x16xi32> {
  %d = tensor.empty() : tensor<1x8x1x16xi8>
  %f = tensor.empty() : tensor<1x8x1x16xi16>
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  %1 = dashkv.calibrate ins(%0 : tensor<1x8x1x16xi8>) outs(%f : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  %2:3 = dashkv.select ins(%1 : tensor<1x8x1x16xi16>) lengths(%lengths : tensor<1xi32>) outs(%i, %c, %c : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return %2#0 : tensor<1x2x1x16xi32>
}

// -----

// Scope head: one list a code head.
// CHECK-LABEL: @scope_head
// CHECK:         dashkv.retrieve {{.*}} {tiering = #dashkv.tiering<scope = head>}
func.func @scope_head(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x8x1x16xi32>, %c: tensor<1x8x1xi32>) -> tensor<1x8x1x16xi32> {
  %d = tensor.empty() : tensor<1x8x1x16xi8>
  %f = tensor.empty() : tensor<1x8x1x16xi16>
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  %1 = dashkv.calibrate ins(%0 : tensor<1x8x1x16xi8>) outs(%f : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  %2:3 = dashkv.select ins(%1 : tensor<1x8x1x16xi16>) outs(%i, %c, %c : tensor<1x8x1x16xi32>, tensor<1x8x1xi32>, tensor<1x8x1xi32>) {tiering = #dashkv.tiering<scope = head>}
  return %2#0 : tensor<1x8x1x16xi32>
}

// -----

// In a graph region a user may stand before its producers.
// CHECK-LABEL: module
// CHECK-NOT:     dashkv.{{hamming_distance|calibrate|select}}
// CHECK:         dashkv.retrieve
// CHECK-NOT:     dashkv.{{hamming_distance|calibrate|select}}
builtin.module {
  %keep = tensor.cast %2#0 : tensor<1x2x1x16xi32> to tensor<1x2x1x?xi32>
  %2:3 = dashkv.select ins(%1 : tensor<1x8x1x16xi16>) outs(%i, %c, %c : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  %1 = dashkv.calibrate ins(%0 : tensor<1x8x1x16xi8>) outs(%f : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  %qc = tensor.empty() : tensor<1x8x1x8xi8>
  %kc = tensor.empty() : tensor<1x2x16x8xi8>
  %d = tensor.empty() : tensor<1x8x1x16xi8>
  %f = tensor.empty() : tensor<1x8x1x16xi16>
  %i = tensor.empty() : tensor<1x2x1x16xi32>
  %c = tensor.empty() : tensor<1x2x1xi32>
}

//===----------------------------------------------------------------------===//
// Not fused
//===----------------------------------------------------------------------===//

// -----

// Distances with another user are needed anyway.
// CHECK-LABEL: @distances_used
// CHECK-NOT:     dashkv.retrieve
// CHECK:         dashkv.select
func.func @distances_used(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>) -> (tensor<1x2x1x16xi32>, tensor<1x8x1x16xi8>) {
  %d = tensor.empty() : tensor<1x8x1x16xi8>
  %f = tensor.empty() : tensor<1x8x1x16xi16>
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  %1 = dashkv.calibrate ins(%0 : tensor<1x8x1x16xi8>) outs(%f : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  %2:3 = dashkv.select ins(%1 : tensor<1x8x1x16xi16>) outs(%i, %c, %c : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return %2#0, %0 : tensor<1x2x1x16xi32>, tensor<1x8x1x16xi8>
}

// -----

// CHECK-LABEL: @calibrated_used
// CHECK-NOT:     dashkv.retrieve
// CHECK:         dashkv.select
func.func @calibrated_used(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>) -> (tensor<1x2x1x16xi32>, tensor<1x8x1x16xi16>) {
  %d = tensor.empty() : tensor<1x8x1x16xi8>
  %f = tensor.empty() : tensor<1x8x1x16xi16>
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  %1 = dashkv.calibrate ins(%0 : tensor<1x8x1x16xi8>) outs(%f : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  %2:3 = dashkv.select ins(%1 : tensor<1x8x1x16xi16>) outs(%i, %c, %c : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return %2#0, %1 : tensor<1x2x1x16xi32>, tensor<1x8x1x16xi16>
}

// -----

// CHECK-LABEL: @not_calibrated
// CHECK-NOT:     dashkv.retrieve
// CHECK:         dashkv.select
func.func @not_calibrated(%d: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>) -> tensor<1x2x1x16xi32> {
  %0:3 = dashkv.select ins(%d : tensor<1x8x1x16xi16>) outs(%i, %c, %c : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return %0#0 : tensor<1x2x1x16xi32>
}

// -----

// CHECK-LABEL: @other_distances
// CHECK-NOT:     dashkv.retrieve
// CHECK:         dashkv.select
func.func @other_distances(%d: tensor<1x8x1x16xi8>, %f: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>) -> tensor<1x2x1x16xi32> {
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) outs(%f : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  %1:3 = dashkv.select ins(%0 : tensor<1x8x1x16xi16>) outs(%i, %c, %c : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return %1#0 : tensor<1x2x1x16xi32>
}

// -----

// The percentile is taken over other keys than the lists.
// CHECK-LABEL: @radius_of_other_lengths
// CHECK-NOT:     dashkv.retrieve
// CHECK:         dashkv.select
func.func @radius_of_other_lengths(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %lengths: tensor<1xi32>, %discount: tensor<8xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>) -> tensor<1x2x1x16xi32> {
  %d = tensor.empty() : tensor<1x8x1x16xi8>
  %f = tensor.empty() : tensor<1x8x1x16xi16>
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  %1 = dashkv.calibrate ins(%0 : tensor<1x8x1x16xi8>) vote_discount(%discount : tensor<8xi16>) outs(%f : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  %2:3 = dashkv.select ins(%1 : tensor<1x8x1x16xi16>) lengths(%lengths : tensor<1xi32>) outs(%i, %c, %c : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return %2#0 : tensor<1x2x1x16xi32>
}

// -----

// CHECK-LABEL: @differing_lengths
// CHECK-NOT:     dashkv.retrieve
// CHECK:         dashkv.select
func.func @differing_lengths(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %lengths: tensor<1xi32>, %others: tensor<1xi32>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>) -> tensor<1x2x1x16xi32> {
  %d = tensor.empty() : tensor<1x8x1x16xi8>
  %f = tensor.empty() : tensor<1x8x1x16xi16>
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  %1 = dashkv.calibrate ins(%0 : tensor<1x8x1x16xi8>) lengths(%lengths : tensor<1xi32>) outs(%f : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  %2:3 = dashkv.select ins(%1 : tensor<1x8x1x16xi16>) lengths(%others : tensor<1xi32>) outs(%i, %c, %c : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return %2#0 : tensor<1x2x1x16xi32>
}

// -----

// select can sum the distances of any number of heads, retrieve those of a group.
// CHECK-LABEL: @lists_of_several_groups
// CHECK-NOT:     dashkv.retrieve
// CHECK:         dashkv.select
func.func @lists_of_several_groups(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x1x1x16xi32>, %c: tensor<1x1x1xi32>) -> tensor<1x1x1x16xi32> {
  %d = tensor.empty() : tensor<1x8x1x16xi8>
  %f = tensor.empty() : tensor<1x8x1x16xi16>
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  %1 = dashkv.calibrate ins(%0 : tensor<1x8x1x16xi8>) outs(%f : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  %2:3 = dashkv.select ins(%1 : tensor<1x8x1x16xi16>) outs(%i, %c, %c : tensor<1x1x1x16xi32>, tensor<1x1x1xi32>, tensor<1x1x1xi32>) {tiering = #dashkv.tiering<>}
  return %2#0 : tensor<1x1x1x16xi32>
}

// -----

// CHECK-LABEL: @dynamic_groups
// CHECK-NOT:     dashkv.retrieve
// CHECK:         dashkv.select
func.func @dynamic_groups(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x?x16x8xi8>, %i: tensor<1x?x1x16xi32>, %c: tensor<1x?x1xi32>) -> tensor<1x?x1x16xi32> {
  %d = tensor.empty() : tensor<1x8x1x16xi8>
  %f = tensor.empty() : tensor<1x8x1x16xi16>
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x?x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  %1 = dashkv.calibrate ins(%0 : tensor<1x8x1x16xi8>) outs(%f : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  %2:3 = dashkv.select ins(%1 : tensor<1x8x1x16xi16>) outs(%i, %c, %c : tensor<1x?x1x16xi32>, tensor<1x?x1xi32>, tensor<1x?x1xi32>) {tiering = #dashkv.tiering<>}
  return %2#0 : tensor<1x?x1x16xi32>
}

// -----

// On memrefs nothing tells where distances come from.
// CHECK-LABEL: @on_memrefs
// CHECK-NOT:     dashkv.retrieve
// CHECK:         dashkv.select
func.func @on_memrefs(%qc: memref<1x8x1x8xi8>, %kc: memref<1x2x16x8xi8>, %d: memref<1x8x1x16xi8>, %f: memref<1x8x1x16xi16>, %i: memref<1x2x1x16xi32>, %c: memref<1x2x1xi32>, %t: memref<1x2x1xi32>) {
  dashkv.hamming_distance ins(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>) outs(%d : memref<1x8x1x16xi8>)
  dashkv.calibrate ins(%d : memref<1x8x1x16xi8>) outs(%f : memref<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  dashkv.select ins(%f : memref<1x8x1x16xi16>) outs(%i, %c, %t : memref<1x2x1x16xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return
}
