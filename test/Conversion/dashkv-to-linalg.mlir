// RUN: dashkv-opt %s --convert-dashkv-to-linalg --split-input-file | FileCheck %s --implicit-check-not="dashkv."

// Attention and softmax statistics. Query heads are two dims, KV head and head
// within its group, so that K and V are read as they are.

//===----------------------------------------------------------------------===//
// attention
//===----------------------------------------------------------------------===//

// s = sum_d scale q k;  max = maximum over n;  p = exp(s - max);
// sum = sum over n of p;  acc = sum over n of p v;  out = acc / sum, 0 where sum = 0
// CHECK-LABEL: @attention
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<1x8x1x64xf16>, %[[K:[a-z0-9]+]]: tensor<1x2x16x64xf16>, %[[V:[a-z0-9]+]]: tensor<1x2x16x32xf16>
// CHECK-DAG:     %[[SCALE:.+]] = arith.constant 1.250000e-01 : f32
// CHECK-DAG:     %[[LOWEST:.+]] = arith.constant -3.40282347E+38 : f32
// CHECK-DAG:     %[[ZERO:.+]] = arith.constant 0.000000e+00 : f32
// CHECK:         %[[GROUPS:.+]] = tensor.expand_shape %[[Q]] {{\[\[}}0], [1, 2], [3], [4]] output_shape [1, 2, 4, 1, 64]
// CHECK:         %[[SCALED:.+]] = linalg.generic {{.*}} ins(%[[GROUPS]] : {{.*}})
// CHECK:           arith.extf %{{.*}} : f16 to f32
// CHECK:           arith.mulf %{{.*}}, %[[SCALE]]
// CHECK:         linalg.fill ins(%[[LOWEST]] : f32)
// CHECK:         %[[DOTS:.+]] = linalg.generic {{{.*}}"reduction"]} ins(%[[SCALED]], %[[K]] : {{.*}})
// CHECK:           arith.mulf
// CHECK:           arith.addf
// CHECK:         %[[MAX:.+]] = linalg.generic {{{.*}}"reduction"]} ins(%[[DOTS]] : {{.*}})
// CHECK:           arith.maximumf
// CHECK:         %[[P:.+]] = linalg.generic {{.*}} ins(%[[DOTS]], %[[MAX]] : {{.*}})
// CHECK:           arith.subf
// CHECK:           math.exp
// CHECK:         %[[SUM:.+]] = linalg.generic {{{.*}}"reduction"]} ins(%[[P]] : {{.*}})
// CHECK:           arith.addf
// CHECK:         %[[ACC:.+]] = linalg.generic {{.*}} ins(%[[P]], %[[V]] : {{.*}})
// CHECK:           arith.mulf
// CHECK:           arith.addf
// CHECK:         %[[OUT:.+]] = linalg.generic {{.*}} ins(%[[ACC]], %[[SUM]] : {{.*}})
// CHECK:           %[[EMPTY:.+]] = arith.cmpf oeq, %{{.*}}, %[[ZERO]]
// CHECK:           %[[QUOTIENT:.+]] = arith.divf
// CHECK:           %[[RESULT:.+]] = arith.select %[[EMPTY]], %[[ZERO]], %[[QUOTIENT]]
// CHECK:           arith.truncf %[[RESULT]] : f32 to f16
// CHECK:         tensor.collapse_shape %[[OUT]] {{\[\[}}0], [1, 2], [3], [4]]
func.func @attention(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %v: tensor<1x2x16x32xf16>, %o: tensor<1x8x1x32xf16>) -> tensor<1x8x1x32xf16> {
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x32xf16>) outs(%o : tensor<1x8x1x32xf16>)
  return %0 : tensor<1x8x1x32xf16>
}

// -----

// Keys n < lengths[b] - M + m + 1 exist for row m; others have the logit -inf, and
// whatever their value holds counts as 0. lse = max + log(sum).
// CHECK-LABEL: @lengths_and_causal
// CHECK-SAME:    %[[LENGTHS:[a-z0-9]+]]: tensor<1xi32>
// CHECK-DAG:     %[[MINUS_INF:.+]] = arith.constant 0xFF800000 : f32
// CHECK-DAG:     %[[ONE:.+]] = arith.constant 1 : i32
// CHECK-DAG:     %[[ZERO:.+]] = arith.constant 0.000000e+00 : f32
// CHECK:         %[[ROWS:.+]] = arith.index_cast %{{.*}} : index to i32
// CHECK:         linalg.generic {{.*}} ins(%{{.*}}, %[[LENGTHS]] : {{.*}})
// CHECK:           linalg.index 3
// CHECK:           %[[ROW:.+]] = arith.subi %{{.*}}, %[[ROWS]]
// CHECK:           %[[LAST:.+]] = arith.addi %{{.*}}, %[[ROW]]
// CHECK:           %[[LIMIT:.+]] = arith.addi %[[LAST]], %[[ONE]]
// CHECK:           linalg.index 4
// CHECK:           %[[VISIBLE:.+]] = arith.cmpi slt, %{{.*}}, %[[LIMIT]]
// CHECK:           arith.select %[[VISIBLE]], %{{.*}}, %[[MINUS_INF]]
// CHECK:         %[[GONE:.+]] = arith.cmpf oeq, %[[P:.+]], %[[ZERO]]
// CHECK:         %[[VALUE:.+]] = arith.select %[[GONE]], %[[ZERO]], %{{.*}}
// CHECK:         arith.mulf %[[P]], %[[VALUE]]
// CHECK:         math.log
// CHECK:         arith.select %{{.*}}, %[[MINUS_INF]], %{{.*}}
func.func @lengths_and_causal(%q: tensor<1x8x2x64xf32>, %k: tensor<1x2x16x64xf32>, %lengths: tensor<1xi32>, %o: tensor<1x8x2x64xf32>, %l: tensor<1x8x2xf32>) -> (tensor<1x8x2x64xf32>, tensor<1x8x2xf32>) {
  %0:2 = dashkv.attention causal ins(%q, %k, %k : tensor<1x8x2x64xf32>, tensor<1x2x16x64xf32>, tensor<1x2x16x64xf32>) lengths(%lengths : tensor<1xi32>)
      outs(%o : tensor<1x8x2x64xf32>) lse(%l : tensor<1x8x2xf32>)
  return %0#0, %0#1 : tensor<1x8x2x64xf32>, tensor<1x8x2xf32>
}

// -----

// A mask is added at its own rank.
#q = affine_map<(b, h, m, n, d, dv) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, h, n, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, h, m, dv)>
// CHECK: #[[$MASK:.+]] = affine_map<(d0, d1, d2, d3, d4) -> (d3, d4)>
// CHECK-LABEL: @mask
// CHECK-SAME:    %[[MASK:[a-z0-9]+]]: tensor<2x16xf16>
// CHECK:         linalg.generic {indexing_maps = [#{{.*}}, #[[$MASK]], #{{.*}}], {{.*}}} ins(%{{.*}}, %[[MASK]] : {{.*}})
// CHECK:           %[[TERM:.+]] = arith.extf %{{.*}} : f16 to f32
// CHECK:           arith.addf %{{.*}}, %[[TERM]]
func.func @mask(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %mask: tensor<2x16xf16>, %o: tensor<1x8x2x64xf16>) -> tensor<1x8x2x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>) mask(%mask : tensor<2x16xf16>)
      outs(%o : tensor<1x8x2x64xf16>) {indexing_maps = [#q, #k, #v, affine_map<(b, h, m, n, d, dv) -> (m, n)>, #o]}
  return %0 : tensor<1x8x2x64xf16>
}

// -----

// Other layouts are transposed to the default one, and the result back.
#q = affine_map<(b, h, m, n, d, dv) -> (b, m, h, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, n, h, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, n, h, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, m, h, dv)>
// CHECK-LABEL: @layout
// CHECK-COUNT-3: linalg.transpose {{.*}} permutation = [0, 2, 1, 3]
// CHECK:         tensor.expand_shape
// CHECK:         %[[RESULT:.+]] = linalg.transpose {{.*}} permutation = [0, 2, 1, 3]
// CHECK:         return %[[RESULT]]
func.func @layout(%q: tensor<1x2x8x64xf16>, %k: tensor<1x16x2x64xf16>, %o: tensor<1x2x8x64xf16>) -> tensor<1x2x8x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x2x8x64xf16>, tensor<1x16x2x64xf16>, tensor<1x16x2x64xf16>) outs(%o : tensor<1x2x8x64xf16>) {indexing_maps = [#q, #k, #v, #o]}
  return %0 : tensor<1x2x8x64xf16>
}

// -----

// A group that is a dim of its own needs no split.
#q = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, d)>
#k = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, d)>
#v = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, dv)>
#o = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, dv)>
// CHECK-LABEL: @group_dim
// CHECK-NOT:     tensor.{{expand|collapse}}_shape
// CHECK-NOT:     linalg.transpose
// CHECK:         return %{{.*}} : tensor<1x2x4x1x64xf32>
func.func @group_dim(%q: tensor<1x2x4x1x64xf32>, %k: tensor<1x2x16x64xf32>, %o: tensor<1x2x4x1x64xf32>) -> tensor<1x2x4x1x64xf32> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x2x4x1x64xf32>, tensor<1x2x16x64xf32>, tensor<1x2x16x64xf32>) outs(%o : tensor<1x2x4x1x64xf32>) {indexing_maps = [#q, #k, #v, #o]}
  return %0 : tensor<1x2x4x1x64xf32>
}

// -----

// Scales of f8: q takes that of K (one product a query), V its own. LLVM has no
// f8, so that the bits are put together as f32.
// CHECK-LABEL: @f8
// CHECK-SAME:    %[[KS:[a-z0-9]+]]: tensor<2xf32>, %[[VS:[a-z0-9]+]]: tensor<2xf32>
// CHECK:         linalg.generic {{.*}} ins(%{{.*}}, %[[KS]] : tensor<1x2x4x1x64xf16>, tensor<2xf32>)
// CHECK:         arith.bitcast %{{.*}} : f8E4M3FN to i8
// CHECK:         linalg.generic {{.*}} ins(%{{.*}}, %{{.*}}, %[[VS]] : {{.*}})
// CHECK:           arith.bitcast %{{.*}} : f8E4M3FN to i8
func.func @f8(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf8E4M3FN>, %ks: tensor<2xf32>, %vs: tensor<2xf32>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf8E4M3FN>, tensor<1x2x16x64xf8E4M3FN>) kv_scales(%ks, %vs : tensor<2xf32>, tensor<2xf32>)
      outs(%o : tensor<1x8x1x64xf16>)
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// Without a scale and with a dynamic head size: 1/sqrt(D) at run time.
// CHECK-LABEL: @dynamic_depth
// CHECK:         %[[D:.+]] = tensor.dim %{{.*}}, %{{.*}} : tensor<1x2x4x1x?xf16>
// CHECK:         math.rsqrt
// CHECK:         return %{{.*}} : tensor<1x8x1x64xf16>
func.func @dynamic_depth(%q: tensor<1x8x1x?xf16>, %k: tensor<1x2x?x?xf16>, %v: tensor<1x2x?x64xf16>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x1x?xf16>, tensor<1x2x?x?xf16>, tensor<1x2x?x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// Two dynamic numbers of heads: the group is their quotient, known at run time.
// CHECK-LABEL: @dynamic_heads
// CHECK:         %[[KV:.+]] = arith.maxui %{{.*}}, %{{.*}} : index
// CHECK:         arith.divui %{{.*}}, %[[KV]] : index
// CHECK:         tensor.reshape
// CHECK:         return %{{.*}} : tensor<?x?x?x?xf16>
func.func @dynamic_heads(%q: tensor<?x?x?x?xf16>, %k: tensor<?x?x?x?xf16>, %o: tensor<?x?x?x?xf16>) -> tensor<?x?x?x?xf16> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<?x?x?x?xf16>, tensor<?x?x?x?xf16>, tensor<?x?x?x?xf16>) outs(%o : tensor<?x?x?x?xf16>)
  return %0 : tensor<?x?x?x?xf16>
}

// -----

// No heads at all.
// CHECK-LABEL: @no_heads
// CHECK:         return %{{.*}} : tensor<1x0x1x64xf16>
func.func @no_heads(%q: tensor<1x0x1x64xf16>, %k: tensor<1x0x16x64xf16>, %o: tensor<1x0x1x64xf16>) -> tensor<1x0x1x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x0x1x64xf16>, tensor<1x0x16x64xf16>, tensor<1x0x16x64xf16>) outs(%o : tensor<1x0x1x64xf16>)
  return %0 : tensor<1x0x1x64xf16>
}

// -----

//===----------------------------------------------------------------------===//
// online_attention, online_reduce, merge, finalize
//===----------------------------------------------------------------------===//

// max' = maximum(max, s);  r = exp(max - max');  sum' = r sum + sum p;  acc' = r acc + sum p v
// over listed keys: K and V are gathered inside the loops, entries at or past
// the count have the logit -inf.
// CHECK-LABEL: @online_attention
// CHECK-SAME:    %[[K:[a-z0-9]+]]: tensor<1x2x16x64xf16>, %[[I:[a-z0-9]+]]: tensor<1x2x1x5xi32>, %[[C:[a-z0-9]+]]: tensor<1x2x1xi32>
// CHECK-DAG:     %[[MINUS_INF:.+]] = arith.constant 0xFF800000 : f32
// CHECK:         %[[MAX:.+]] = tensor.expand_shape %{{.*}} output_shape [1, 2, 4, 1] : tensor<1x8x1xf32>
// CHECK:         linalg.generic {{.*}} ins(%{{.*}}, %[[I]] : {{.*}})
// CHECK:           %[[SAFE:.+]] = arith.maxsi %{{.*}}, %{{.*}} : i32
// CHECK:           %[[ROW:.+]] = arith.index_cast %[[SAFE]] : i32 to index
// CHECK:           tensor.extract %[[K]][%{{.*}}, %{{.*}}, %[[ROW]], %{{.*}}]
// CHECK:         linalg.generic {{.*}} ins(%{{.*}}, %[[C]] : {{.*}})
// CHECK:           %[[LISTED:.+]] = arith.cmpi slt
// CHECK:           arith.select %[[LISTED]], %{{.*}}, %[[MINUS_INF]]
// CHECK:         %[[NEW_MAX:.+]] = linalg.generic {{.*}} outs(%[[MAX]] : {{.*}})
// CHECK:           arith.maximumf
// CHECK:         linalg.generic {{.*}} ins(%[[MAX]], %[[NEW_MAX]] : {{.*}})
// CHECK:           math.exp
// CHECK:         tensor.extract %[[K]]
// CHECK:         return
func.func @online_attention(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>, %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>)
    -> (tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>) {
  %0:3 = dashkv.online_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>) list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return %0#0, %0#1, %0#2 : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>
}

// -----

// Lists of query heads are split like the heads.
// CHECK-LABEL: @online_attention_of_head_lists
// CHECK:         tensor.expand_shape %{{.*}} output_shape [1, 2, 4, 1, 5] : tensor<1x8x1x5xi32>
// CHECK:         tensor.expand_shape %{{.*}} output_shape [1, 2, 4, 1] : tensor<1x8x1xi32>
func.func @online_attention_of_head_lists(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %i: tensor<1x8x1x5xi32>, %c: tensor<1x8x1xi32>, %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) -> tensor<1x8x1x64xf32> {
  %0:3 = dashkv.online_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>) list(%i, %c : tensor<1x8x1x5xi32>, tensor<1x8x1xi32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return %0#0 : tensor<1x8x1x64xf32>
}

// -----

// As online_attention with given logits: K is not there.
// CHECK-LABEL: @online_reduce
// CHECK-SAME:    %[[V:[a-z0-9]+]]: tensor<1x2x16x64xf16>, %[[I:[a-z0-9]+]]: tensor<1x2x1x5xi32>, %[[C:[a-z0-9]+]]: tensor<1x2x1xi32>
// CHECK:         %[[S:.+]] = tensor.expand_shape %{{.*}} output_shape [1, 2, 4, 1, 5]
// CHECK:         linalg.generic {{.*}} ins(%[[S]], %[[C]] : {{.*}})
// CHECK:         arith.maximumf
// CHECK:         math.exp
// CHECK:         tensor.extract %[[V]]
func.func @online_reduce(%s: tensor<1x8x1x5xf32>, %v: tensor<1x2x16x64xf16>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>, %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) -> tensor<1x8x1x64xf32> {
  %0:3 = dashkv.online_reduce ins(%s, %v : tensor<1x8x1x5xf32>, tensor<1x2x16x64xf16>) list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return %0#0 : tensor<1x8x1x64xf32>
}

// -----

// max' over own and partial ones; factors exp(max_i - max'); sums in the order of the partials.
// CHECK-LABEL: @merge
// CHECK-SAME:    %[[AS:[a-z0-9]+]]: tensor<4x1x8x1x64xf32>, %[[MS:[a-z0-9]+]]: tensor<4x1x8x1xf32>, %[[SS:[a-z0-9]+]]: tensor<4x1x8x1xf32>
// CHECK-SAME:    %[[ACC:[a-z0-9]+]]: tensor<1x8x1x64xf32>, %[[MAX:[a-z0-9]+]]: tensor<1x8x1xf32>, %[[SUM:[a-z0-9]+]]: tensor<1x8x1xf32>
// CHECK:         %[[ALL:.+]] = linalg.generic {{{.*}}"reduction"]} ins(%[[MS]] : {{.*}}) outs(%[[MAX]] : {{.*}})
// CHECK:           arith.maximumf
// CHECK:         %[[FACTORS:.+]] = linalg.generic {{.*}} ins(%[[MS]], %[[ALL]] : {{.*}})
// CHECK:           math.exp
// CHECK:         %[[OWN:.+]] = linalg.generic {{.*}} ins(%[[MAX]], %[[ALL]] : {{.*}})
// CHECK:           math.exp
// CHECK:         linalg.generic {{.*}} ins(%[[SUM]], %[[OWN]] : {{.*}})
// CHECK:         linalg.generic {{.*}} ins(%[[SS]], %[[FACTORS]] : {{.*}})
// CHECK:         linalg.generic {{.*}} ins(%[[ACC]], %[[OWN]] : {{.*}})
// CHECK:         linalg.generic {{.*}} ins(%[[AS]], %[[FACTORS]] : {{.*}})
func.func @merge(%as: tensor<4x1x8x1x64xf32>, %ms: tensor<4x1x8x1xf32>, %ss: tensor<4x1x8x1xf32>, %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>)
    -> (tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>) {
  %0:3 = dashkv.merge ins(%as, %ms, %ss : tensor<4x1x8x1x64xf32>, tensor<4x1x8x1xf32>, tensor<4x1x8x1xf32>) outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return %0#0, %0#1, %0#2 : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>
}

// -----

// out = acc / sum and lse = max + log(sum); 0 and -inf where sum = 0.
// CHECK-LABEL: @finalize
// CHECK-DAG:     %[[MINUS_INF:.+]] = arith.constant 0xFF800000 : f32
// CHECK:         arith.divf
// CHECK:         arith.select
// CHECK:         arith.truncf %{{.*}} : f32 to bf16
// CHECK:         math.log
// CHECK:         arith.select %{{.*}}, %[[MINUS_INF]], %{{.*}}
func.func @finalize(%acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>, %o: tensor<1x8x1x64xbf16>, %l: tensor<1x8x1xf32>) -> (tensor<1x8x1x64xbf16>, tensor<1x8x1xf32>) {
  %0:2 = dashkv.finalize ins(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>) outs(%o : tensor<1x8x1x64xbf16>) lse(%l : tensor<1x8x1xf32>)
  return %0#0, %0#1 : tensor<1x8x1x64xbf16>, tensor<1x8x1xf32>
}

// -----

//===----------------------------------------------------------------------===//
// What stays
//===----------------------------------------------------------------------===//

// The conversion leaves alone what stands around the ops.
// CHECK-LABEL: @around
// CHECK:         %[[A:.+]] = arith.constant 1 : i32
// CHECK:         %[[B:.+]] = arith.constant 2 : i32
// CHECK:         %[[C:.+]] = arith.addi %[[A]], %[[B]] : i32
// CHECK:         return %{{.*}}, %[[C]]
func.func @around(%acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %o: tensor<1x8x1x64xf32>) -> (tensor<1x8x1x64xf32>, i32) {
  %a = arith.constant 1 : i32
  %b = arith.constant 2 : i32
  %c = arith.addi %a, %b : i32
  %0 = dashkv.finalize ins(%acc, %max, %max : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>) outs(%o : tensor<1x8x1x64xf32>)
  return %0, %c : tensor<1x8x1x64xf32>, i32
}

// -----

// A list that can hold nothing adds nothing.
// CHECK-LABEL: @empty_list
// CHECK-SAME:    %[[ACC:[a-z0-9]+]]: tensor<1x8x1x64xf32>, %[[MAX:[a-z0-9]+]]: tensor<1x8x1xf32>, %[[SUM:[a-z0-9]+]]: tensor<1x8x1xf32>)
// CHECK-NEXT:    return %[[ACC]], %[[MAX]], %[[SUM]]
func.func @empty_list(%s: tensor<1x8x1x0xf32>, %v: tensor<1x2x128x64xf32>, %i: tensor<1x2x1x0xi32>, %c: tensor<1x2x1xi32>, %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) -> (tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>) {
  %0:3 = dashkv.online_reduce ins(%s, %v : tensor<1x8x1x0xf32>, tensor<1x2x128x64xf32>) list(%i, %c : tensor<1x2x1x0xi32>, tensor<1x2x1xi32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return %0#0, %0#1, %0#2 : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>
}
