// RUN: dashkv-opt %s --dashkv-expand-tiered --split-input-file | FileCheck %s
// RUN: dashkv-opt %s --dashkv-expand-tiered --dashkv-linalg-pipeline --split-input-file -o /dev/null

// tiered_attention = retrieve -> online_attention(full lists)
//                    [-> estimate_scores -> online_reduce(mid lists)] -> finalize,
// or attention where no sequence has dense_below keys.

//===----------------------------------------------------------------------===//
// When it is exact
//===----------------------------------------------------------------------===//

// 4095 < 4096: attention alone.
// CHECK-LABEL: @below
// CHECK-NOT:     dashkv.{{retrieve|tiered_attention}}
// CHECK-NOT:     scf.if
// CHECK:         %[[OUT:.+]] = dashkv.attention causal ins({{.*}}) outs({{.*}}) {scale = 5.000000e-01 : f32}
// CHECK-NEXT:    return %[[OUT]]
func.func @below(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x4095x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x4095x8xi8>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x4095x64xf16>, tensor<1x2x4095x64xf16>)
      codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x4095x8xi8>) outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>, scale = 0.5 : f32}
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// Steps alone. Start values: 0, the lowest f32, 0. Capacity: 4 + 64 + ceil(0.05 * 4096).
// CHECK-LABEL: @above
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<1x8x1x64xf16>, %[[K:[a-z0-9]+]]: tensor<1x2x4096x64xf16>, %[[QC:[a-z0-9]+]]: tensor<1x2x1x64xi8>, %[[KC:[a-z0-9]+]]: tensor<1x2x4096x8xi8>, %[[O:[a-z0-9]+]]: tensor<1x8x1x64xf16>
// CHECK-NOT:     dashkv.attention
// CHECK-NOT:     scf.if
// CHECK:         %[[LIST:.+]]:3 = dashkv.retrieve codes(%[[QC]], %[[KC]] : {{.*}}) outs({{.*}} : tensor<1x2x1x273xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
// CHECK:         %[[ZERO:.+]] = arith.constant 0.000000e+00 : f32
// CHECK:         %[[ACC:.+]] = linalg.fill ins(%[[ZERO]] : f32) {{.*}} -> tensor<1x8x1x64xf32>
// CHECK:         %[[LOWEST:.+]] = arith.constant -3.40282347E+38 : f32
// CHECK:         %[[MAX:.+]] = linalg.fill ins(%[[LOWEST]] : f32) {{.*}} -> tensor<1x8x1xf32>
// CHECK:         %[[SUM:.+]] = linalg.fill {{.*}} -> tensor<1x8x1xf32>
// CHECK:         %[[STATS:.+]]:3 = dashkv.online_attention ins(%[[Q]], %[[K]], %[[K]] : {{.*}}) list(%[[LIST]]#0, %[[LIST]]#1 : {{.*}}) outs(%[[ACC]], %[[MAX]], %[[SUM]] : {{.*}}) {scale = 5.000000e-01 : f32}
// CHECK:         %[[OUT:.+]] = dashkv.finalize ins(%[[STATS]]#0, %[[STATS]]#1, %[[STATS]]#2 : {{.*}}) outs(%[[O]] : tensor<1x8x1x64xf16>)
// CHECK:         return %[[OUT]]
func.func @above(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x4096x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x4096x8xi8>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x4096x64xf16>, tensor<1x2x4096x64xf16>)
      codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x4096x8xi8>) outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>, scale = 0.5 : f32}
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// dense_below = 0: never, whatever the sizes.
// CHECK-LABEL: @never
// CHECK-NOT:     dashkv.attention
// CHECK-NOT:     scf.if
// CHECK:         dashkv.retrieve
func.func @never(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x?x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x?x8xi8>, %lengths: tensor<1xi32>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>)
      codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x?x8xi8>) lengths(%lengths : tensor<1xi32>) outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<dense_below = 0>}
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// A dynamic number of keys: known at run time. The capacity as well:
// min(4 + 64 + max(ceil(0.05 * N), 128), N).
// CHECK-LABEL: @dynamic
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<1x8x1x64xf16>, %[[K:[a-z0-9]+]]: tensor<1x2x?x64xf16>
// CHECK:         %[[N:.+]] = tensor.dim %[[K]], %{{.*}}
// CHECK:         %[[BOUND:.+]] = arith.constant 4096 : index
// CHECK:         %[[DENSE:.+]] = arith.cmpi slt, %[[N]], %[[BOUND]] : index
// CHECK:         %[[OUT:.+]] = scf.if %[[DENSE]] -> (tensor<1x8x1x64xf16>) {
// CHECK:           %[[EXACT:.+]] = dashkv.attention causal
// CHECK-NEXT:      scf.yield %[[EXACT]]
// CHECK-NEXT:    } else {
// CHECK-NOT:       dashkv.attention
// CHECK:           %[[SCALED:.+]] = arith.muli %[[N]], %{{.*}} : index
// CHECK:           %[[SHARE:.+]] = arith.ceildivui %[[SCALED]], %{{.*}} : index
// CHECK:           %[[BUDGET:.+]] = arith.maxsi %[[SHARE]], %{{.*}} : index
// CHECK:           %[[LIST:.+]] = arith.addi %[[BUDGET]], %{{.*}} : index
// CHECK:           %[[CAPACITY:.+]] = arith.minsi %[[LIST]], %[[N]] : index
// CHECK:           %[[INIT:.+]] = tensor.empty(%[[CAPACITY]]) : tensor<1x2x1x?xi32>
// CHECK:           dashkv.retrieve {{.*}} outs(%[[INIT]],
// CHECK:           %[[TIERED:.+]] = dashkv.finalize
// CHECK-NEXT:      scf.yield %[[TIERED]]
// CHECK:         return %[[OUT]]
func.func @dynamic(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x?x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x?x8xi8>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>)
      codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x?x8xi8>) outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// Lengths: the longest sequence decides, even if the cache is large enough.
// CHECK-LABEL: @lengths
// CHECK-SAME:    %[[LENGTHS:[a-z0-9]+]]: tensor<3xi32>
// CHECK:         %[[MAX:.+]] = linalg.generic {{{.*}}iterator_types = ["reduction"]} ins(%[[LENGTHS]] : tensor<3xi32>)
// CHECK:           arith.maxsi
// CHECK:         %[[LONGEST:.+]] = tensor.extract %[[MAX]][]
// CHECK:         %[[N:.+]] = arith.index_cast %[[LONGEST]] : i32 to index
// CHECK:         %[[DENSE:.+]] = arith.cmpi slt, %[[N]], %{{.*}} : index
// CHECK:         scf.if %[[DENSE]]
// CHECK:           dashkv.attention causal {{.*}} lengths(%[[LENGTHS]] : tensor<3xi32>)
// CHECK:         } else {
// CHECK:           dashkv.retrieve {{.*}} lengths(%[[LENGTHS]] : tensor<3xi32>)
func.func @lengths(%q: tensor<3x8x1x64xf16>, %k: tensor<3x2x8192x64xf16>, %qc: tensor<3x2x1x64xi8>, %kc: tensor<3x2x8192x8xi8>, %lengths: tensor<3xi32>, %o: tensor<3x8x1x64xf16>) -> tensor<3x8x1x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<3x8x1x64xf16>, tensor<3x2x8192x64xf16>, tensor<3x2x8192x64xf16>)
      codes(%qc, %kc : tensor<3x2x1x64xi8>, tensor<3x2x8192x8xi8>) lengths(%lengths : tensor<3xi32>) outs(%o : tensor<3x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return %0 : tensor<3x8x1x64xf16>
}

// -----

// A cache that is too small for the bound needs no look at the lengths.
// CHECK-LABEL: @lengths_of_small_cache
// CHECK-NOT:     scf.if
// CHECK:         dashkv.attention causal {{.*}} lengths(
// CHECK-NOT:     dashkv.retrieve
func.func @lengths_of_small_cache(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x1024x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x1024x8xi8>, %lengths: tensor<1xi32>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x1024x64xf16>, tensor<1x2x1024x64xf16>)
      codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x1024x8xi8>) lengths(%lengths : tensor<1xi32>) outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return %0 : tensor<1x8x1x64xf16>
}

// -----

//===----------------------------------------------------------------------===//
// Tiers and optional operands
//===----------------------------------------------------------------------===//

// The mid tier adds estimated logits to the statistics of the full tier.
// Capacity of the mid lists: ceil(0.1 * 8192).
// CHECK-LABEL: @mid_tier
// CHECK:         %[[LIST:.+]]:6 = dashkv.retrieve codes(%[[QC:.+]], %[[KC:.+]] : {{.*}}) outs({{.*}}) mid({{.*}} : tensor<1x2x1x820xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
// CHECK:         %[[FULL:.+]]:3 = dashkv.online_attention {{.*}} list(%[[LIST]]#0, %[[LIST]]#1 : {{.*}})
// CHECK:         %[[SCORES:.+]] = dashkv.estimate_scores codes(%[[QC]], %[[KC]] : {{.*}}) list(%[[LIST]]#3, %[[LIST]]#4 : {{.*}}) scoring({{.*}}) code_scale({{.*}}) table({{.*}}) outs({{.*}} : tensor<1x8x1x820xf32>)
// CHECK:         %[[BOTH:.+]]:3 = dashkv.online_reduce ins(%[[SCORES]], %{{.*}} : {{.*}}) list(%[[LIST]]#3, %[[LIST]]#4 : {{.*}}) outs(%[[FULL]]#0, %[[FULL]]#1, %[[FULL]]#2 : {{.*}})
// CHECK:         dashkv.finalize ins(%[[BOTH]]#0, %[[BOTH]]#1, %[[BOTH]]#2 : {{.*}})
func.func @mid_tier(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x8192x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x8192x8xi8>, %cs: tensor<1x2x1xf32>, %t: tensor<8xf32>, %table: tensor<8x128xf32>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x8192x64xf16>, tensor<1x2x8192x64xf16>)
      codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x8192x8xi8>) code_scale(%cs : tensor<1x2x1xf32>) scoring(%t, %t : tensor<8xf32>, tensor<8xf32>) table(%table : tensor<8x128xf32>)
      outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<mid = 0.1>}
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// CHECK-LABEL: @residual_mlp
// CHECK:         dashkv.estimate_scores {{.*}} mlp({{.*}}) biases({{.*}}) outs({{.*}}) {activation = #dashkv.activation<tanh>}
func.func @residual_mlp(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x8192x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x8192x8xi8>, %t: tensor<8xf32>, %w1: tensor<128x4xf32>, %w2: tensor<4x4xf32>, %w3: tensor<4x1xf32>,
                        %b: tensor<4xf32>, %b3: tensor<1xf32>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x8192x64xf16>, tensor<1x2x8192x64xf16>)
      codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x8192x8xi8>) scoring(%t, %t : tensor<8xf32>, tensor<8xf32>)
      mlp(%w1, %w2, %w3 : tensor<128x4xf32>, tensor<4x4xf32>, tensor<4x1xf32>) biases(%b, %b, %b3 : tensor<4xf32>, tensor<4xf32>, tensor<1xf32>)
      outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<mid = 0.1>, activation = #dashkv.activation<tanh>}
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// Everything that retrieval takes; forced keys may be all keys, so that lists
// have the capacity N.
// CHECK-LABEL: @retrieval_operands
// CHECK:         dashkv.retrieve codes({{.*}}) forced({{.*}}) prior({{.*}}) vote_discount({{.*}}) prior_discount({{.*}}) radius({{.*}}) outs({{.*}} : tensor<1x2x1x8192xi32>, {{.*}}) {tiering = #dashkv.tiering<>}
func.func @retrieval_operands(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x8192x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x8192x8xi8>, %flags: tensor<1x8192xi1>, %discount: tensor<2xi16>, %radius: tensor<1x2x1xi32>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x8192x64xf16>, tensor<1x2x8192x64xf16>)
      codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x8192x8xi8>) forced(%flags : tensor<1x8192xi1>) prior(%flags : tensor<1x8192xi1>) vote_discount(%discount : tensor<2xi16>)
      prior_discount(%discount : tensor<2xi16>) radius(%radius : tensor<1x2x1xi32>) outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// Inclusive ties may fill both tiers.
// CHECK-LABEL: @inclusive
// CHECK:         dashkv.retrieve {{.*}} outs({{.*}} : tensor<1x2x1x8192xi32>, {{.*}}) mid({{.*}} : tensor<1x2x1x8192xi32>, {{.*}})
func.func @inclusive(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x8192x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x8192x8xi8>, %t: tensor<8xf32>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x8192x64xf16>, tensor<1x2x8192x64xf16>)
      codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x8192x8xi8>) scoring(%t, %t : tensor<8xf32>, tensor<8xf32>) outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<mid = 0.1, ties = inclusive>}
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// A maximum bounds the capacity of a dynamic number of keys.
// CHECK-LABEL: @full_max
// CHECK:         %[[MAX:.+]] = arith.constant 256 : index
// CHECK:         arith.minsi %{{.*}}, %[[MAX]] : index
// CHECK:         dashkv.retrieve
func.func @full_max(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x?x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x?x8xi8>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>)
      codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x?x8xi8>) outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<full_max = 256, dense_below = 0>}
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// Scope head: a list a query head.
// CHECK-LABEL: @scope_head
// CHECK:         dashkv.retrieve {{.*}} outs({{.*}} : tensor<1x8x1x478xi32>, tensor<1x8x1xi32>, tensor<1x8x1xi32>) {tiering = #dashkv.tiering<scope = head>}
func.func @scope_head(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x8192x64xf16>, %qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x8192x8xi8>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x8192x64xf16>, tensor<1x2x8192x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x8192x8xi8>) outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<scope = head>}
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// lse and kept: of the lists, or of all keys that exist.
// CHECK-LABEL: @lse_and_kept
// CHECK-SAME:    %[[LENGTHS:[a-z0-9]+]]: tensor<1xi32>, %[[O:[a-z0-9]+]]: tensor<1x8x1x64xf16>, %[[LSE:[a-z0-9]+]]: tensor<1x8x1xf32>, %[[KEPT:[a-z0-9]+]]: tensor<1x8192xi1>
// CHECK:         %[[R:.+]]:3 = scf.if
// CHECK:           %[[EXACT:.+]]:2 = dashkv.attention {{.*}} outs(%[[O]] {{.*}}) lse(%[[LSE]] {{.*}})
// CHECK:           %[[ALL:.+]] = linalg.generic {{.*}} ins(%[[LENGTHS]] : tensor<1xi32>) outs(%[[KEPT]] : tensor<1x8192xi1>)
// CHECK:             %[[KEY:.+]] = linalg.index 1
// CHECK:             arith.cmpi slt
// CHECK:           scf.yield %[[EXACT]]#0, %[[EXACT]]#1, %[[ALL]]
// CHECK:           %[[LIST:.+]]:4 = dashkv.retrieve {{.*}} kept(%[[KEPT]] : tensor<1x8192xi1>)
// CHECK:           %[[TIERED:.+]]:2 = dashkv.finalize {{.*}} outs(%[[O]] {{.*}}) lse(%[[LSE]] {{.*}})
// CHECK:           scf.yield %[[TIERED]]#0, %[[TIERED]]#1, %[[LIST]]#3
// CHECK:         return %[[R]]#0, %[[R]]#1, %[[R]]#2
func.func @lse_and_kept(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x8192x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x8192x8xi8>, %lengths: tensor<1xi32>, %o: tensor<1x8x1x64xf16>, %lse: tensor<1x8x1xf32>, %kept: tensor<1x8192xi1>) -> (tensor<1x8x1x64xf16>, tensor<1x8x1xf32>, tensor<1x8192xi1>) {
  %0:3 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x8192x64xf16>, tensor<1x2x8192x64xf16>)
      codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x8192x8xi8>) lengths(%lengths : tensor<1xi32>) outs(%o : tensor<1x8x1x64xf16>) lse(%lse : tensor<1x8x1xf32>) kept(%kept : tensor<1x8192xi1>) {tiering = #dashkv.tiering<>}
  return %0#0, %0#1, %0#2 : tensor<1x8x1x64xf16>, tensor<1x8x1xf32>, tensor<1x8192xi1>
}

// -----

// Without lengths all keys exist.
// CHECK-LABEL: @kept_without_lengths
// CHECK:         dashkv.attention
// CHECK:         %[[ALL:.+]] = linalg.generic
// CHECK:           %[[TRUE:.+]] = arith.constant true
// CHECK:           linalg.yield %[[TRUE]]
// CHECK:         return %{{.*}}, %[[ALL]]
func.func @kept_without_lengths(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x1024x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x1024x8xi8>, %o: tensor<1x8x1x64xf16>, %kept: tensor<1x1024xi1>) -> (tensor<1x8x1x64xf16>, tensor<1x1024xi1>) {
  %0:2 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x1024x64xf16>, tensor<1x2x1024x64xf16>)
      codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x1024x8xi8>) outs(%o : tensor<1x8x1x64xf16>) kept(%kept : tensor<1x1024xi1>) {tiering = #dashkv.tiering<>}
  return %0#0, %0#1 : tensor<1x8x1x64xf16>, tensor<1x1024xi1>
}

// -----

//===----------------------------------------------------------------------===//
// Layouts, sizes, memrefs
//===----------------------------------------------------------------------===//

#q = affine_map<(b, h, m, n, d, dv) -> (b, m, h, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, n, h, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, n, h, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, m, h, dv)>

// Queries, keys and values are read where they lie; statistics have the default
// layout, so the result is transposed. The mid tier has no maps: V is transposed.
// CHECK-DAG: #[[$Q:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d2, d1, d4)>
// CHECK-DAG: #[[$K:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d3, d1, d4)>
// CHECK-DAG: #[[$V:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d3, d1, d5)>
// CHECK-DAG: #[[$ACC:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d1, d2, d5)>
// CHECK-LABEL: @layout
// CHECK-SAME:    %[[QUERY:[a-z0-9]+]]: tensor<1x1x8x64xf16>, %[[KEY:[a-z0-9]+]]: tensor<1x8192x2x64xf8E4M3FN>
// CHECK:         dashkv.online_attention ins(%[[QUERY]], %[[KEY]], %[[KEY]] : {{.*}}) list({{.*}}) kv_scales({{.*}}) outs({{.*}} : tensor<1x8x1x64xf32>, {{.*}}) {indexing_maps = [#[[$Q]], #[[$K]], #[[$V]], #[[$ACC]]]}
// CHECK:         %[[VALUE:.+]] = linalg.transpose ins(%[[KEY]] : {{.*}}) outs({{.*}} : tensor<1x2x8192x64xf8E4M3FN>) permutation = [0, 2, 1, 3]
// CHECK:         dashkv.online_reduce ins(%{{.*}}, %[[VALUE]] : {{.*}}) {{.*}} value_scale({{.*}})
// CHECK:         %[[OUT:.+]] = dashkv.finalize ins({{.*}}) outs({{.*}} : tensor<1x8x1x64xf16>)
// CHECK:         %[[RESULT:.+]] = linalg.transpose ins(%[[OUT]] : {{.*}}) outs({{.*}} : tensor<1x1x8x64xf16>) permutation = [0, 2, 1, 3]
// CHECK:         return %[[RESULT]]
func.func @layout(%q: tensor<1x1x8x64xf16>, %k: tensor<1x8192x2x64xf8E4M3FN>, %s: tensor<2xf32>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x8192x8xi8>, %t: tensor<8xf32>, %o: tensor<1x1x8x64xf16>) -> tensor<1x1x8x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x1x8x64xf16>, tensor<1x8192x2x64xf8E4M3FN>, tensor<1x8192x2x64xf8E4M3FN>)
      codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x8192x8xi8>) scoring(%t, %t : tensor<8xf32>, tensor<8xf32>) kv_scales(%s, %s : tensor<2xf32>, tensor<2xf32>) outs(%o : tensor<1x1x8x64xf16>)
      {tiering = #dashkv.tiering<mid = 0.1>, indexing_maps = [#q, #k, #v, #o]}
  return %0 : tensor<1x1x8x64xf16>
}

// -----

// The exact branch keeps the maps.
// CHECK-LABEL: @layout_below
// CHECK:         dashkv.attention causal {{.*}} {indexing_maps = [#{{.*}}, #{{.*}}, #{{.*}}, #{{.*}}]}
#q = affine_map<(b, h, m, n, d, dv) -> (b, m, h, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, n, h, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, n, h, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, m, h, dv)>
func.func @layout_below(%q: tensor<1x1x8x64xf16>, %k: tensor<1x16x2x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x16x8xi8>, %o: tensor<1x1x8x64xf16>) -> tensor<1x1x8x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x1x8x64xf16>, tensor<1x16x2x64xf16>, tensor<1x16x2x64xf16>)
      codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x16x8xi8>) outs(%o : tensor<1x1x8x64xf16>) {tiering = #dashkv.tiering<>, indexing_maps = [#q, #k, #v, #o]}
  return %0 : tensor<1x1x8x64xf16>
}

// -----

// Byte planes hold 28 keys that do not exist: lengths say so, made of the number
// of keys where there are none. Lists have the capacity of 8256 keys, not 8228.
// CHECK-LABEL: @byte_planes
// CHECK-SAME:    %[[KC:[a-z0-9]+]]: tensor<1x2x129x8x64xi8>
// CHECK:         %[[N:.+]] = arith.constant 8228 : index
// CHECK:         %[[N32:.+]] = arith.index_cast %[[N]] : index to i32
// CHECK:         %[[LENGTHS:.+]] = linalg.fill ins(%[[N32]] : i32) outs(%{{.*}} : tensor<1xi32>)
// CHECK:         dashkv.retrieve codes(%{{.*}}, %[[KC]] : {{.*}}) lengths(%[[LENGTHS]] : tensor<1xi32>) outs({{.*}} : tensor<1x2x1x481xi32>, {{.*}}) kept(%{{.*}} : tensor<1x8256xi1>)
func.func @byte_planes(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x8228x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x129x8x64xi8>, %kept: tensor<1x8256xi1>, %o: tensor<1x8x1x64xf16>) -> (tensor<1x8x1x64xf16>, tensor<1x8256xi1>) {
  %0:2 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x8228x64xf16>, tensor<1x2x8228x64xf16>)
      codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x129x8x64xi8>) outs(%o : tensor<1x8x1x64xf16>) kept(%kept : tensor<1x8256xi1>) {tiering = #dashkv.tiering<>}
  return %0#0, %0#1 : tensor<1x8x1x64xf16>, tensor<1x8256xi1>
}

// -----

// 8192 keys fill their blocks.
// CHECK-LABEL: @full_planes
// CHECK:         dashkv.retrieve codes({{.*}}) outs(
func.func @full_planes(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x8192x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x128x8x64xi8>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x8192x64xf16>, tensor<1x2x8192x64xf16>)
      codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x128x8x64xi8>) outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// With a number of keys that only a run knows, exact below dense_below: there
// `kept` ends with the keys as well.
// CHECK-LABEL: @dynamic_planes
// CHECK-SAME:    %[[K:[a-z0-9]+]]: tensor<1x2x?x64xf16>, %{{.*}}: tensor<1x2x1x64xi8>, %[[KC:[a-z0-9]+]]: tensor<1x2x?x8x64xi8>
// CHECK:         %[[N:.+]] = tensor.dim %[[K]], %{{.*}}
// CHECK:         %[[NB:.+]] = tensor.dim %[[KC]], %{{.*}}
// CHECK:         %[[PADDED:.+]] = arith.muli %[[NB]], %{{.*}}
// CHECK:         arith.cmpi slt, %[[N]], %{{.*}}
// CHECK:         scf.if
// CHECK:           dashkv.attention causal
// CHECK:           %[[N32:.+]] = arith.index_cast %[[N]] : index to i32
// CHECK:           %[[ALL:.+]] = linalg.fill ins(%[[N32]] : i32)
// CHECK:           linalg.generic {{.*}} ins(%[[ALL]] : tensor<1xi32>) outs(%{{.*}} : tensor<1x?xi1>)
// CHECK:         else
// CHECK:           arith.minsi %{{.*}}, %[[PADDED]]
// CHECK:           %[[LENGTHS:.+]] = linalg.fill
// CHECK:           dashkv.retrieve {{.*}} lengths(%[[LENGTHS]] : tensor<1xi32>)
func.func @dynamic_planes(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x?x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x?x8x64xi8>, %kept: tensor<1x?xi1>, %o: tensor<1x8x1x64xf16>) -> (tensor<1x8x1x64xf16>, tensor<1x?xi1>) {
  %0:2 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>)
      codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x?x8x64xi8>) outs(%o : tensor<1x8x1x64xf16>) kept(%kept : tensor<1x?xi1>) {tiering = #dashkv.tiering<>}
  return %0#0, %0#1 : tensor<1x8x1x64xf16>, tensor<1x?xi1>
}

// -----

// Sizes that only the inits tell come back by a cast.
// CHECK-LABEL: @dynamic_operands_static_result
// CHECK:         dashkv.online_attention {{.*}} outs({{.*}} : tensor<?x8x1x64xf32>, tensor<?x8x1xf32>, tensor<?x8x1xf32>)
// CHECK:         return %{{.*}} : tensor<2x8x1x64xf16>
func.func @dynamic_operands_static_result(%q: tensor<?x8x1x64xf16>, %k: tensor<?x2x8192x64xf16>, %qc: tensor<?x2x1x64xi8>, %kc: tensor<?x2x8192x8xi8>, %o: tensor<2x8x1x64xf16>) -> tensor<2x8x1x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<?x8x1x64xf16>, tensor<?x2x8192x64xf16>, tensor<?x2x8192x64xf16>)
      codes(%qc, %kc : tensor<?x2x1x64xi8>, tensor<?x2x8192x8xi8>) outs(%o : tensor<2x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return %0 : tensor<2x8x1x64xf16>
}

// -----

// On memrefs: the steps on their contents.
// CHECK-LABEL: @on_memrefs
// CHECK-SAME:    %[[O:[a-z0-9]+]]: memref<1x8x1x64xf16>)
// CHECK:         %[[INIT:.+]] = bufferization.to_tensor %[[O]] restrict writable
// CHECK:         %[[OUT:.+]] = dashkv.finalize ins({{.*}}) outs(%[[INIT]] : tensor<1x8x1x64xf16>)
// CHECK:         bufferization.materialize_in_destination %[[OUT]] in restrict writable %[[O]]
func.func @on_memrefs(%q: memref<1x8x1x64xf16>, %k: memref<1x2x8192x64xf16>, %qc: memref<1x2x1x64xi8>, %kc: memref<1x2x8192x8xi8>, %o: memref<1x8x1x64xf16>) {
  dashkv.tiered_attention ins(%q, %k, %k : memref<1x8x1x64xf16>, memref<1x2x8192x64xf16>, memref<1x2x8192x64xf16>)
      codes(%qc, %kc : memref<1x2x1x64xi8>, memref<1x2x8192x8xi8>) outs(%o : memref<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

// Only tiered_attention is touched: other ops on memrefs stay.
// CHECK-LABEL: @others_stay
// CHECK-NOT:     to_tensor
// CHECK:         dashkv.hamming_distance {{.*}} memref<1x8x1x16xi8>
func.func @others_stay(%qc: memref<1x8x1x8xi8>, %kc: memref<1x2x16x8xi8>, %d: memref<1x8x1x16xi8>) {
  dashkv.hamming_distance ins(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>) outs(%d : memref<1x8x1x16xi8>)
  return
}
