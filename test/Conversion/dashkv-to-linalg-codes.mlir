// RUN: dashkv-opt %s --convert-dashkv-to-linalg --split-input-file | FileCheck %s --implicit-check-not="dashkv."

// Codes, distances, lists, and logits from codes.

//===----------------------------------------------------------------------===//
// hash_encode
//===----------------------------------------------------------------------===//

// z = x W + b;  bit i of byte j = z[8 j + i] > 0, which is false for NaN
// CHECK-LABEL: @encode_packed
// CHECK-SAME:    %[[X:[a-z0-9]+]]: tensor<1x2x16x64xf16>, %[[W:[a-z0-9]+]]: tensor<2x64x64xf32>, %[[B:[a-z0-9]+]]: tensor<2x64xf32>
// CHECK:         %[[XW:.+]] = linalg.generic {{{.*}}"reduction", "parallel"]} ins(%[[X]], %[[W]] : {{.*}})
// CHECK:           arith.mulf
// CHECK:           arith.addf
// CHECK:         %[[Z:.+]] = linalg.generic {{.*}} ins(%[[XW]], %[[B]] : {{.*}})
// CHECK:           arith.addf
// CHECK:         %[[BYTES:.+]] = tensor.expand_shape %[[Z]] {{.*}} output_shape [1, 2, 16, 8, 8]
// CHECK:         linalg.generic {{{.*}}"reduction"]} ins(%[[BYTES]] : {{.*}})
// CHECK:           %[[SET:.+]] = arith.cmpf ogt
// CHECK:           %[[BIT:.+]] = arith.shli
// CHECK:           %[[MASKED:.+]] = arith.select %[[SET]], %[[BIT]], %{{.*}} : i8
// CHECK:           arith.ori %{{.*}}, %[[MASKED]] : i8
func.func @encode_packed(%x: tensor<1x2x16x64xf16>, %w: tensor<2x64x64xf32>, %b: tensor<2x64xf32>, %o: tensor<1x2x16x8xi8>) -> tensor<1x2x16x8xi8> {
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x2x16x64xf16>) weights(%w : tensor<2x64x64xf32>) biases(%b : tensor<2x64xf32>) outs(%o : tensor<1x2x16x8xi8>)
  return %0 : tensor<1x2x16x8xi8>
}

// -----

// s = min(8 / max|z|, 126 / sum|z|);  w = sign(z) min(7, floor(|z| s));  code_scale = 1 / s
// Heads of a group are concatenated before the product.
// CHECK-LABEL: @encode_weighted
// CHECK-DAG:     %[[LEVELS:.+]] = arith.constant 7.000000e+00 : f32
// CHECK-DAG:     %[[NEXT:.+]] = arith.constant 8.000000e+00 : f32
// CHECK-DAG:     %[[TOTAL:.+]] = arith.constant 1.260000e+02 : f32
// CHECK:         tensor.expand_shape %{{.*}} output_shape [1, 2, 4, 1, 64]
// CHECK:         linalg.transpose {{.*}} permutation = [0, 1, 3, 2, 4]
// CHECK:         tensor.collapse_shape %{{.*}} : tensor<1x2x1x4x64xf16> into tensor<1x2x1x256xf16>
// CHECK:         arith.cmpf uno
// CHECK:         math.absf
// CHECK:         arith.maximumf
// CHECK:         math.absf
// CHECK:         arith.addf
// CHECK:         arith.divf %[[NEXT]],
// CHECK:         arith.divf %[[TOTAL]],
// CHECK:         arith.minimumf
// CHECK:         math.floor
// CHECK:         arith.minimumf %{{.*}}, %[[LEVELS]]
// CHECK:         arith.fptosi %{{.*}} : f32 to i8
// CHECK:         arith.divf
func.func @encode_weighted(%x: tensor<1x8x1x64xf16>, %w: tensor<256x64xf32>, %o: tensor<1x2x1x64xi8>, %s: tensor<1x2x1xf32>) -> (tensor<1x2x1x64xi8>, tensor<1x2x1xf32>) {
  %0:2 = dashkv.hash_encode linear ins(%x : tensor<1x8x1x64xf16>) weights(%w : tensor<256x64xf32>) outs(%o : tensor<1x2x1x64xi8>) code_scale(%s : tensor<1x2x1xf32>) {group = 4 : i64, levels = 7 : i64}
  return %0#0, %0#1 : tensor<1x2x1x64xi8>, tensor<1x2x1xf32>
}

// -----

// z = W3 a(W2 a(W1 x + b1) + b2) + b3: the activation is between layers only.
// CHECK-LABEL: @encode_mlp_relu
// CHECK-COUNT-2: arith.maximumf
// CHECK-NOT:     arith.maximumf
// CHECK:         arith.cmpf ogt
func.func @encode_mlp_relu(%x: tensor<1x2x1x64xf16>, %w1: tensor<64x32xf32>, %w2: tensor<32x32xf32>, %w3: tensor<32x64xf32>, %b: tensor<32xf32>, %b3: tensor<64xf32>, %o: tensor<1x2x1x8xi8>) -> tensor<1x2x1x8xi8> {
  %0 = dashkv.hash_encode mlp ins(%x : tensor<1x2x1x64xf16>) weights(%w1, %w2, %w3 : tensor<64x32xf32>, tensor<32x32xf32>, tensor<32x64xf32>) biases(%b, %b, %b3 : tensor<32xf32>, tensor<32xf32>, tensor<64xf32>)
      outs(%o : tensor<1x2x1x8xi8>) {activation = #dashkv.activation<relu>}
  return %0 : tensor<1x2x1x8xi8>
}

// -----

// silu(x) = x / (1 + exp(-x))
// CHECK-LABEL: @encode_mlp_silu
// CHECK-COUNT-2: math.exp
// CHECK-NOT:     math.exp
func.func @encode_mlp_silu(%x: tensor<1x2x1x64xf16>, %w1: tensor<64x32xf32>, %w2: tensor<32x32xf32>, %w3: tensor<32x64xf32>, %b: tensor<32xf32>, %b3: tensor<64xf32>, %o: tensor<1x2x1x8xi8>) -> tensor<1x2x1x8xi8> {
  %0 = dashkv.hash_encode mlp ins(%x : tensor<1x2x1x64xf16>) weights(%w1, %w2, %w3 : tensor<64x32xf32>, tensor<32x32xf32>, tensor<32x64xf32>) biases(%b, %b, %b3 : tensor<32xf32>, tensor<32xf32>, tensor<64xf32>)
      outs(%o : tensor<1x2x1x8xi8>) {activation = #dashkv.activation<silu>}
  return %0 : tensor<1x2x1x8xi8>
}

// -----

// CHECK-LABEL: @encode_mlp_tanh
// CHECK-COUNT-2: math.tanh
// CHECK-NOT:     math.tanh
func.func @encode_mlp_tanh(%x: tensor<1x2x1x64xf16>, %w1: tensor<64x32xf32>, %w2: tensor<32x32xf32>, %w3: tensor<32x64xf32>, %b: tensor<32xf32>, %b3: tensor<64xf32>, %o: tensor<1x2x1x8xi8>) -> tensor<1x2x1x8xi8> {
  %0 = dashkv.hash_encode mlp ins(%x : tensor<1x2x1x64xf16>) weights(%w1, %w2, %w3 : tensor<64x32xf32>, tensor<32x32xf32>, tensor<32x64xf32>) biases(%b, %b, %b3 : tensor<32xf32>, tensor<32xf32>, tensor<64xf32>)
      outs(%o : tensor<1x2x1x8xi8>) {activation = #dashkv.activation<tanh>}
  return %0 : tensor<1x2x1x8xi8>
}

// -----

// The scale of packed codes is 1.
// CHECK-LABEL: @encode_packed_scale
// CHECK:         %[[ONE:.+]] = arith.constant 1.000000e+00 : f32
// CHECK:         %[[SCALE:.+]] = linalg.fill ins(%[[ONE]] : f32) {{.*}} -> tensor<1x2x1xf32>
// CHECK:         return %{{.*}}, %[[SCALE]]
func.func @encode_packed_scale(%x: tensor<1x2x1x64xf16>, %w: tensor<64x64xf32>, %o: tensor<1x2x1x8xi8>, %s: tensor<1x2x1xf32>) -> (tensor<1x2x1x8xi8>, tensor<1x2x1xf32>) {
  %0:2 = dashkv.hash_encode linear ins(%x : tensor<1x2x1x64xf16>) weights(%w : tensor<64x64xf32>) outs(%o : tensor<1x2x1x8xi8>) code_scale(%s : tensor<1x2x1xf32>)
  return %0#0, %0#1 : tensor<1x2x1x8xi8>, tensor<1x2x1xf32>
}

// -----

//===----------------------------------------------------------------------===//
// hamming_distance
//===----------------------------------------------------------------------===//

// d = popcount(q ^ k), summed over the bytes of a code
// CHECK-LABEL: @hamming_packed
// CHECK:         linalg.generic
// CHECK:           tensor.extract %{{.*}} : tensor<1x2x16x2xi8>
// CHECK:           %[[BITS:.+]] = arith.xori
// CHECK:           math.ctpop %[[BITS]] : i8
// CHECK:           arith.addi
// CHECK:           %[[MORE:.+]] = arith.xori
// CHECK:           math.ctpop %[[MORE]] : i8
// CHECK-NOT:       math.ctpop
func.func @hamming_packed(%qc: tensor<1x8x1x2xi8>, %kc: tensor<1x2x16x2xi8>, %d: tensor<1x8x1x16xi8>) -> tensor<1x8x1x16xi8> {
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x2xi8>, tensor<1x2x16x2xi8>) outs(%d : tensor<1x8x1x16xi8>)
  return %0 : tensor<1x8x1x16xi8>
}

// -----

// 256 bits: up to 256, in i16.
// CHECK-LABEL: @hamming_256
// CHECK:         math.ctpop
// CHECK:         arith.extui %{{.*}} : i8 to i16
// CHECK-COUNT-31: math.ctpop
// CHECK-NOT:     math.ctpop
func.func @hamming_256(%qc: tensor<1x2x1x32xi8>, %kc: tensor<1x2x16x32xi8>, %d: tensor<1x2x1x16xi16>) -> tensor<1x2x1x16xi16> {
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x2x1x32xi8>, tensor<1x2x16x32xi8>) outs(%d : tensor<1x2x1x16xi16>)
  return %0 : tensor<1x2x1x16xi16>
}

// -----

// d = sum over bits of |w| where the key's bit is not the sign of w: tabulated
// for the 256 values of a byte, then one look-up a byte.
// CHECK-LABEL: @hamming_weighted
// CHECK-NOT:     math.ctpop
// CHECK:         %[[TABLE:.+]] = linalg.generic {{{.*}}"reduction"]} {{.*}} outs({{.*}} : tensor<1x2x1x1x2x256xi8>)
// CHECK:         linalg.generic
// CHECK:           %[[BYTE:.+]] = arith.index_castui %{{.*}} : i8 to index
// CHECK:           tensor.extract %[[TABLE]][{{.*}}, %[[BYTE]]]
func.func @hamming_weighted(%qc: tensor<1x2x1x16xi8>, %kc: tensor<1x2x16x2xi8>, %d: tensor<1x2x1x16xi8>) -> tensor<1x2x1x16xi8> {
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x2x1x16xi8>, tensor<1x2x16x2xi8>) outs(%d : tensor<1x2x1x16xi8>)
  return %0 : tensor<1x2x1x16xi8>
}

// -----

// Codes become byte planes: padded to whole blocks, then transposed.
// CHECK-LABEL: @pack
// CHECK-SAME:    %[[CODES:[a-z0-9]+]]: tensor<1x2x100x8xi8>
// CHECK:         %[[PADDED:.+]] = tensor.pad %[[CODES]]
// CHECK:         %[[BLOCKS:.+]] = tensor.expand_shape %[[PADDED]] {{.*}} into tensor<1x2x2x64x8xi8>
// CHECK:         linalg.transpose ins(%[[BLOCKS]] : {{.*}}) outs(%{{.*}} : tensor<1x2x2x8x64xi8>) permutation = [0, 1, 2, 4, 3]
func.func @pack(%codes: tensor<1x2x100x8xi8>, %init: tensor<1x2x2x8x64xi8>) -> tensor<1x2x2x8x64xi8> {
  %zero = arith.constant 0 : i8
  %0 = linalg.pack %codes padding_value(%zero : i8) inner_dims_pos = [2] inner_tiles = [64] into %init : tensor<1x2x100x8xi8> -> tensor<1x2x2x8x64xi8>
  return %0 : tensor<1x2x2x8x64xi8>
}

// -----

// Byte planes are unpacked to key-major codes of 64 keys a block.
// CHECK-LABEL: @distances_of_planes
// CHECK-SAME:    %[[KC:[a-z0-9]+]]: tensor<1x2x?x2x64xi8>
// CHECK:         %[[ROWS:.+]] = linalg.transpose ins(%[[KC]] : {{.*}}) outs(%{{.*}} : tensor<1x2x?x64x2xi8>) permutation = [0, 1, 2, 4, 3]
// CHECK:         %[[KEYS:.+]] = tensor.collapse_shape %[[ROWS]] {{.*}} into tensor<1x2x?x2xi8>
// CHECK:         linalg.generic
// CHECK:           tensor.extract %[[KEYS]]
func.func @distances_of_planes(%qc: tensor<1x8x1x2xi8>, %kc: tensor<1x2x?x2x64xi8>, %d: tensor<1x8x1x?xi8>) -> tensor<1x8x1x?xi8> {
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x2xi8>, tensor<1x2x?x2x64xi8>) outs(%d : tensor<1x8x1x?xi8>)
  return %0 : tensor<1x8x1x?xi8>
}

// -----

//===----------------------------------------------------------------------===//
// calibrate
//===----------------------------------------------------------------------===//

// out = D << r: i8 distances are unsigned.
// CHECK-LABEL: @calibrate_plain
// CHECK:         %[[R:.+]] = arith.constant 3 : i32
// CHECK:         %[[D:.+]] = arith.extui %{{.*}} : i8 to i32
// CHECK:         arith.shli %[[D]], %[[R]]
// CHECK-NOT:     arith.subi
// CHECK:         arith.trunci %{{.*}} : i32 to i16
// CHECK-NOT:     scf.for
func.func @calibrate_plain(%d: tensor<1x8x1x16xi8>, %o: tensor<1x8x1x16xi16>) -> tensor<1x8x1x16xi16> {
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<bits_fraction = 3>}
  return %0 : tensor<1x8x1x16xi16>
}

// -----

// votes = #{h : D <= radius};  out = (D << r) - vote_discount [votes > 5] - prior_discount prior
// CHECK-LABEL: @calibrate_all
// CHECK-SAME:    %[[D:[a-z0-9]+]]: tensor<1x8x1x16xi16>, %[[PRIOR:[a-z0-9]+]]: tensor<1x16xi1>, %[[VD:[a-z0-9]+]]: tensor<8xi16>, %[[PD:[a-z0-9]+]]: tensor<8xi16>, %[[RADIUS:[a-z0-9]+]]: tensor<1x8x1xi32>
// CHECK:         %[[THRESHOLD:.+]] = arith.constant 5 : i32
// CHECK-NOT:     scf.for
// CHECK:         %[[VOTES:.+]] = linalg.generic {{{.*}}"reduction"]} ins(%[[D]], %[[RADIUS]] : {{.*}})
// CHECK:           arith.extsi %{{.*}} : i16 to i32
// CHECK:           arith.cmpi sle
// CHECK:         linalg.generic {{.*}} ins(%[[D]], %[[VOTES]], %[[VD]], %[[PRIOR]], %[[PD]] : {{.*}})
// CHECK:           arith.shli
// CHECK:           arith.cmpi sgt, %{{.*}}, %[[THRESHOLD]]
// CHECK-COUNT-2:   arith.subi
// CHECK:           arith.trunci
func.func @calibrate_all(%d: tensor<1x8x1x16xi16>, %prior: tensor<1x16xi1>, %vd: tensor<8xi16>, %pd: tensor<8xi16>, %radius: tensor<1x8x1xi32>, %o: tensor<1x8x1x16xi16>) -> tensor<1x8x1x16xi16> {
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi16>) prior(%prior : tensor<1x16xi1>) vote_discount(%vd : tensor<8xi16>) prior_discount(%pd : tensor<8xi16>) radius(%radius : tensor<1x8x1xi32>)
      outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<vote_threshold = 5>}
  return %0 : tensor<1x8x1x16xi16>
}

// -----

// Without a radius: that of the k-th smallest visible distance by bisection,
// k = ceil(0.05 limit) in integers, -1 for k = 0.
// CHECK-LABEL: @calibrate_percentile
// CHECK-DAG:     %[[MILLIONTHS:.+]] = arith.constant 50000 : i64
// CHECK-DAG:     %[[UP:.+]] = arith.constant 999999 : i64
// CHECK-DAG:     %[[MILLION:.+]] = arith.constant 1000000 : i64
// CHECK-DAG:     %[[NONE:.+]] = arith.constant -1 : i32
// CHECK:         %[[SCALED:.+]] = arith.muli %{{.*}}, %[[MILLIONTHS]] : i64
// CHECK:         %[[RAISED:.+]] = arith.addi %[[SCALED]], %[[UP]] : i64
// CHECK:         arith.divui %[[RAISED]], %[[MILLION]] : i64
// CHECK:         scf.for
// CHECK:           arith.cmpi sle
// CHECK:           arith.cmpi sge
// CHECK:         arith.select %{{.*}}, %[[NONE]], %{{.*}}
func.func @calibrate_percentile(%d: tensor<1x8x1x16xi8>, %vd: tensor<8xi16>, %o: tensor<1x8x1x16xi16>) -> tensor<1x8x1x16xi16> {
  %0 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) vote_discount(%vd : tensor<8xi16>) outs(%o : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  return %0 : tensor<1x8x1x16xi16>
}

// -----

//===----------------------------------------------------------------------===//
// select, retrieve
//===----------------------------------------------------------------------===//

// forced = n < sinks or n >= limit - window; distances of a group are summed;
// the budget is clamp(ceil(0.25 limit), 8, 9); two bisections find the last
// distance that enters and the last of its ties; accepted keys are put together.
// CHECK-LABEL: @select
// CHECK-DAG:     %[[SINKS:.+]] = arith.constant 2 : i32
// CHECK-DAG:     %[[WINDOW:.+]] = arith.constant 3 : i32
// CHECK-DAG:     %[[MIN:.+]] = arith.constant 8 : i64
// CHECK-DAG:     %[[MAX:.+]] = arith.constant 9 : i64
// CHECK-DAG:     %[[PAD:.+]] = arith.constant -1 : i32
// CHECK-DAG:     %[[NO_THRESHOLD:.+]] = arith.constant -2147483648 : i32
// CHECK:         arith.subi %{{.*}}, %[[WINDOW]] : i32
// CHECK:         arith.cmpi slt, %{{.*}}, %[[SINKS]] : i32
// CHECK:         tensor.expand_shape %{{.*}} output_shape [1, 2, 4, 1, 64]
// CHECK:         arith.extsi %{{.*}} : i16 to i32
// CHECK:         arith.maxsi %{{.*}}, %[[MIN]] : i64
// CHECK:         arith.minsi %{{.*}}, %[[MAX]] : i64
// CHECK:         scf.for
// CHECK:         scf.for
// CHECK:         arith.select %{{.*}}, %{{.*}}, %[[PAD]] : i32
// CHECK:         arith.select %{{.*}}, %[[NO_THRESHOLD]], %{{.*}} : i32
func.func @select(%d: tensor<1x8x1x64xi16>, %i: tensor<1x2x1x64xi32>, %c: tensor<1x2x1xi32>) -> (tensor<1x2x1x64xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {
  %0:3 = dashkv.select ins(%d : tensor<1x8x1x64xi16>) outs(%i, %c, %c : tensor<1x2x1x64xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      {tiering = #dashkv.tiering<full = 0.25, full_min = 8, full_max = 9, sinks = 2, window = 3>}
  return %0#0, %0#1, %0#2 : tensor<1x2x1x64xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>
}

// -----

// Inclusive ties need no place among them: one bisection (and the scan of the
// list). newest counts places from the end.
// CHECK-LABEL: @select_inclusive
// CHECK:         scf.for
// CHECK:         scf.for
// CHECK-NOT:     scf.for
func.func @select_inclusive(%d: tensor<1x2x1x64xi16>, %i: tensor<1x2x1x64xi32>, %c: tensor<1x2x1xi32>) -> tensor<1x2x1x64xi32> {
  %0:3 = dashkv.select ins(%d : tensor<1x2x1x64xi16>) outs(%i, %c, %c : tensor<1x2x1x64xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<ties = inclusive>}
  return %0#0 : tensor<1x2x1x64xi32>
}

// -----

// CHECK-LABEL: @select_newest
// CHECK-DAG:     %[[ONE:.+]] = arith.constant 1 : i32
// CHECK:         scf.for
// CHECK:         %[[LAST:.+]] = arith.subi %{{.*}}, %[[ONE]] : i32
// CHECK-NEXT:    arith.subi %[[LAST]], %{{.*}} : i32
// CHECK-COUNT-2: scf.for
// CHECK-NOT:     scf.for
func.func @select_newest(%d: tensor<1x2x1x64xi16>, %i: tensor<1x2x1x64xi32>, %c: tensor<1x2x1xi32>) -> tensor<1x2x1x64xi32> {
  %0:3 = dashkv.select ins(%d : tensor<1x2x1x64xi16>) outs(%i, %c, %c : tensor<1x2x1x64xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<ties = newest>}
  return %0#0 : tensor<1x2x1x64xi32>
}

// -----

// The mid tier ends at another bound; kept counts the heads that hold a key.
// CHECK-LABEL: @select_mid_and_kept
// CHECK-SAME:    %[[LENGTHS:[a-z0-9]+]]: tensor<1xi32>, %[[FORCED:[a-z0-9]+]]: tensor<1x64xi1>
// CHECK-DAG:     %[[VOTES:.+]] = arith.constant 2 : i32
// CHECK:         linalg.generic {{.*}} ins(%[[LENGTHS]] : tensor<1xi32>)
// CHECK:         linalg.generic {{.*}} ins(%{{.*}}, %[[FORCED]] : {{.*}})
// CHECK-COUNT-6: scf.for
// CHECK:         arith.cmpi sge, %{{.*}}, %[[VOTES]] : i32
// CHECK:         return %{{.*}} : tensor<1x2x1x64xi32>, tensor<1x2x1x10xi32>, tensor<1x64xi1>
func.func @select_mid_and_kept(%d: tensor<1x2x1x64xi16>, %lengths: tensor<1xi32>, %forced: tensor<1x64xi1>, %i: tensor<1x2x1x64xi32>, %mi: tensor<1x2x1x10xi32>, %c: tensor<1x2x1xi32>, %kept: tensor<1x64xi1>)
    -> (tensor<1x2x1x64xi32>, tensor<1x2x1x10xi32>, tensor<1x64xi1>) {
  %0:7 = dashkv.select ins(%d : tensor<1x2x1x64xi16>) lengths(%lengths : tensor<1xi32>) forced(%forced : tensor<1x64xi1>) outs(%i, %c, %c : tensor<1x2x1x64xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      mid(%mi, %c, %c : tensor<1x2x1x10xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) kept(%kept : tensor<1x64xi1>) {tiering = #dashkv.tiering<mid = 0.15, kept_votes = 2>}
  return %0#0, %0#3, %0#6 : tensor<1x2x1x64xi32>, tensor<1x2x1x10xi32>, tensor<1x64xi1>
}

// -----

// retrieve = hamming_distance -> calibrate -> select, with a bisection from 0 to
// the largest distance, 64 << 2 for each of 4 heads.
// CHECK-LABEL: @retrieve
// CHECK-DAG:     %[[LARGEST:.+]] = arith.constant 1024 : i32
// CHECK:         math.ctpop
// CHECK:         arith.shli
// CHECK:         linalg.fill ins(%[[LARGEST]] : i32)
// CHECK:         scf.for
func.func @retrieve(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x64x8xi8>, %i: tensor<1x2x1x64xi32>, %c: tensor<1x2x1xi32>) -> tensor<1x2x1x64xi32> {
  %0:3 = dashkv.retrieve codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x64x8xi8>) outs(%i, %c, %c : tensor<1x2x1x64xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return %0#0 : tensor<1x2x1x64xi32>
}

// -----

//===----------------------------------------------------------------------===//
// estimate_scores
//===----------------------------------------------------------------------===//

// s = temperature (64 - 2 d) + bias for listed keys, -inf past the count
// CHECK-LABEL: @estimate_packed
// CHECK-SAME:    %[[KC:[a-z0-9]+]]: tensor<1x2x16x8xi8>, %[[I:[a-z0-9]+]]: tensor<1x2x1x5xi32>, %[[C:[a-z0-9]+]]: tensor<1x2x1xi32>, %[[T:[a-z0-9]+]]: tensor<8xf32>, %[[B:[a-z0-9]+]]: tensor<8xf32>
// CHECK-DAG:     %[[BITS:.+]] = arith.constant 64 : i32
// CHECK-DAG:     %[[MINUS_INF:.+]] = arith.constant 0xFF800000 : f32
// CHECK:         tensor.extract %[[KC]]
// CHECK:         arith.xori
// CHECK:         math.ctpop
// CHECK-DAG:     tensor.expand_shape %[[T]] {{.*}} output_shape [2, 4]
// CHECK-DAG:     tensor.expand_shape %[[B]] {{.*}} output_shape [2, 4]
// CHECK:         %[[TWICE:.+]] = arith.shli
// CHECK:         %[[DOT:.+]] = arith.subi %[[BITS]], %[[TWICE]]
// CHECK:         %[[REAL:.+]] = arith.sitofp %[[DOT]] : i32 to f32
// CHECK:         %[[PRODUCT:.+]] = arith.mulf %{{.*}}, %[[REAL]]
// CHECK:         arith.addf %[[PRODUCT]], %{{.*}}
// CHECK:         %[[LISTED:.+]] = arith.cmpi slt
// CHECK:         arith.select %[[LISTED]], %{{.*}}, %[[MINUS_INF]]
func.func @estimate_packed(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>, %t: tensor<8xf32>, %b: tensor<8xf32>, %o: tensor<1x8x1x5xf32>) -> tensor<1x8x1x5xf32> {
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %b : tensor<8xf32>, tensor<8xf32>) outs(%o : tensor<1x8x1x5xf32>)
  return %0 : tensor<1x8x1x5xf32>
}

// -----

// Weighted: S is the sum of |w|; code_scale multiplies the temperature; a table
// adds its entry at the distance.
// CHECK-LABEL: @estimate_weighted
// CHECK-SAME:    %[[CS:[a-z0-9]+]]: tensor<1x2x1xf32>, %[[TABLE:[a-z0-9]+]]: tensor<8x128xf32>
// CHECK-NOT:     math.ctpop
// CHECK:         arith.cmpi ne
// CHECK:         math.absi
// CHECK:         linalg.generic {{{.*}}"reduction"]} ins(%{{.*}} : tensor<1x2x1x64xi8>)
// CHECK:           math.absi
// CHECK:         linalg.generic {{.*}} ins({{.*}}%[[CS]] : {{.*}})
// CHECK:           tensor.extract %[[TABLE]]
// CHECK:           arith.addf
func.func @estimate_weighted(%qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>, %t: tensor<8xf32>, %cs: tensor<1x2x1xf32>, %table: tensor<8x128xf32>, %o: tensor<1x8x1x5xf32>) -> tensor<1x8x1x5xf32> {
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x16x8xi8>) list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %t : tensor<8xf32>, tensor<8xf32>)
      code_scale(%cs : tensor<1x2x1xf32>) table(%table : tensor<8x128xf32>) outs(%o : tensor<1x8x1x5xf32>)
  return %0 : tensor<1x8x1x5xf32>
}

// -----

// The residual mlp reads 2 * 64 signs, query bits first.
// CHECK-LABEL: @estimate_mlp
// CHECK-DAG:     %[[PLUS:.+]] = arith.constant 1.000000e+00 : f32
// CHECK-DAG:     %[[MINUS:.+]] = arith.constant -1.000000e+00 : f32
// CHECK:         linalg.generic {{.*}} outs({{.*}} : tensor<1x2x4x1x5x128xf32>)
// CHECK:           arith.select %{{.*}}, %[[PLUS]], %[[MINUS]]
// CHECK-COUNT-2: math.tanh
// CHECK-NOT:     math.tanh
func.func @estimate_mlp(%qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>, %t: tensor<8xf32>, %w1: tensor<8x128x4xf32>, %b1: tensor<8x4xf32>, %w2: tensor<4x4xf32>, %b2: tensor<4xf32>, %w3: tensor<4x1xf32>, %b3: tensor<1xf32>,
                        %o: tensor<1x8x1x5xf32>) -> tensor<1x8x1x5xf32> {
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x16x8xi8>) list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) scoring(%t, %t : tensor<8xf32>, tensor<8xf32>)
      mlp(%w1, %w2, %w3 : tensor<8x128x4xf32>, tensor<4x4xf32>, tensor<4x1xf32>) biases(%b1, %b2, %b3 : tensor<8x4xf32>, tensor<4xf32>, tensor<1xf32>) outs(%o : tensor<1x8x1x5xf32>) {activation = #dashkv.activation<tanh>}
  return %0 : tensor<1x8x1x5xf32>
}
