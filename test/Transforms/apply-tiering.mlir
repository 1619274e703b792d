// RUN: dashkv-opt %s --dashkv-apply-tiering --split-input-file | FileCheck %s
// RUN: dashkv-opt %s --dashkv-apply-tiering --dashkv-linalg-pipeline --split-input-file -o /dev/null

// attention = hash_encode(queries) -> tiered_attention, with the defaults:
// weighted codes of 64 bits, one for each KV head. Codes of keys are made where
// keys are made.

//===----------------------------------------------------------------------===//
// Where keys come from
//===----------------------------------------------------------------------===//

// An opaque cache has codes of its own.
// CHECK-LABEL: @opaque_cache
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<1x8x1x64xf16>, %[[K:[a-z0-9]+]]: tensor<1x2x?x64xf16>, %[[V:[a-z0-9]+]]: tensor<1x2x?x32xf16>, %[[O:[a-z0-9]+]]: tensor<1x8x1x32xf16>,
// CHECK-SAME:    %[[KC:[a-z0-9]+]]: tensor<1x2x?x8xi8> {dashkv.role = "key_codes"},
// CHECK-SAME:    %[[W:[a-z0-9]+]]: tensor<2x256x64xf32> {dashkv.role = "query_encoder.weight"},
// CHECK-SAME:    %[[B:[a-z0-9]+]]: tensor<2x64xf32> {dashkv.role = "query_encoder.bias"}) -> tensor<1x8x1x32xf16>
// CHECK-NOT:     dashkv.attention
// CHECK:         %[[QC:.+]] = dashkv.hash_encode linear ins(%[[Q]] : {{.*}}) weights(%[[W]] : {{.*}}) biases(%[[B]] : {{.*}}) outs({{.*}} : tensor<1x2x1x64xi8>) {group = 4 : i64, levels = 7 : i64}
// CHECK:         %[[OUT:.+]] = dashkv.tiered_attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) codes(%[[QC]], %[[KC]] : {{.*}}) outs(%[[O]] : {{.*}}) {scale = 1.250000e-01 : f32, tiering = #dashkv.tiering<>}
// CHECK:         return %[[OUT]] : tensor<1x8x1x32xf16>
func.func @opaque_cache(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x?x64xf16>, %v: tensor<1x2x?x32xf16>, %o: tensor<1x8x1x32xf16>) -> tensor<1x8x1x32xf16> {
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x32xf16>) outs(%o : tensor<1x8x1x32xf16>) {scale = 0.125 : f32}
  return %0 : tensor<1x8x1x32xf16>
}

// -----

// New rows written into a cache: their codes go to the same rows of the codes,
// which are returned.
// CHECK-LABEL: @insert_slice
// CHECK-SAME:    %[[NEW:[a-z0-9]+]]: tensor<1x2x1x64xf16>, %[[AT:[a-z0-9]+]]: index,
// CHECK-SAME:    %[[CODES:[a-z0-9]+]]: tensor<1x2x512x8xi8> {dashkv.role = "key_codes"},
// CHECK-SAME:    %[[W:[a-z0-9]+]]: tensor<2x64x64xf32> {dashkv.role = "key_encoder.weight"}, %[[B:[a-z0-9]+]]: tensor<2x64xf32> {dashkv.role = "key_encoder.bias"},
// CHECK-SAME:    -> (tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x8xi8> {dashkv.role = "key_codes"})
// CHECK:         %[[FRESH:.+]] = dashkv.hash_encode linear ins(%[[NEW]] : {{.*}}) weights(%[[W]] : {{.*}}) biases(%[[B]] : {{.*}}) outs({{.*}} : tensor<1x2x1x8xi8>){{$}}
// CHECK:         %[[KC:.+]] = tensor.insert_slice %[[FRESH]] into %[[CODES]][0, 0, %[[AT]], 0] [1, 2, 1, 8] [1, 1, 1, 1]
// CHECK:         %[[OUT:.+]] = dashkv.tiered_attention {{.*}} codes(%{{.*}}, %[[KC]] : {{.*}})
// CHECK:         return %[[OUT]], %{{.*}}, %[[KC]]
func.func @insert_slice(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x512x64xf16>, %new: tensor<1x2x1x64xf16>, %at: index, %o: tensor<1x8x1x64xf16>) -> (tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>) {
  %cache = tensor.insert_slice %new into %k[0, 0, %at, 0] [1, 2, 1, 64] [1, 1, 1, 1] : tensor<1x2x1x64xf16> into tensor<1x2x512x64xf16>
  %0 = dashkv.attention ins(%q, %cache, %k : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  return %0, %cache : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>
}

// -----

// Some batches of a dynamic number.
// CHECK-LABEL: @insert_slice_of_batches
// CHECK-SAME:    %[[FIRST:[a-z0-9]+]]: index, %[[NUM:[a-z0-9]+]]: index, %[[AT:[a-z0-9]+]]: index
// CHECK:         %[[FRESH:.+]] = dashkv.hash_encode linear ins({{.*}} : tensor<?x2x1x64xf16>)
// CHECK:         %[[KC:.+]] = tensor.insert_slice %[[FRESH]] into %{{.*}}[%[[FIRST]], 0, %[[AT]], 0] [%{{.*}}, 2, 1, 8] [1, 1, 1, 1] : tensor<?x2x1x8xi8> into tensor<?x2x512x8xi8>
// CHECK:         return %{{.*}}, %[[KC]]
func.func @insert_slice_of_batches(%q: tensor<?x8x1x64xf16>, %k: tensor<?x2x512x64xf16>, %new: tensor<?x2x1x64xf16>, %first: index, %num: index, %at: index, %o: tensor<?x8x1x64xf16>) -> tensor<?x8x1x64xf16> {
  %cache = tensor.insert_slice %new into %k[%first, 0, %at, 0] [%num, 2, 1, 64] [1, 1, 1, 1] : tensor<?x2x1x64xf16> into tensor<?x2x512x64xf16>
  %0 = dashkv.attention ins(%q, %cache, %k : tensor<?x8x1x64xf16>, tensor<?x2x512x64xf16>, tensor<?x2x512x64xf16>) outs(%o : tensor<?x8x1x64xf16>)
  return %0 : tensor<?x8x1x64xf16>
}

// -----

// Rows appended to a cache: so are their codes. Queries and keys in layout
// [B, N, H, D] are transposed for the encoders alone.
#q = affine_map<(b, h, m, n, d, dv) -> (b, m, h, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, n, h, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, n, h, dv)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, m, h, dv)>
// CHECK-LABEL: @concat
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<1x1x8x64xf16>, %[[OLD:[a-z0-9]+]]: tensor<1x?x2x64xf16>, %[[NEW:[a-z0-9]+]]: tensor<1x1x2x64xf16>
// CHECK-SAME:    %[[CODES:[a-z0-9]+]]: tensor<1x2x?x8xi8> {dashkv.role = "key_codes"}
// CHECK-SAME:    -> (tensor<1x1x8x64xf16>, tensor<1x2x?x8xi8> {dashkv.role = "key_codes"})
// CHECK:         %[[CACHE:.+]] = tensor.concat dim(1)
// CHECK:         %[[NEW_T:.+]] = linalg.transpose ins(%[[NEW]] : {{.*}}) outs({{.*}} : tensor<1x2x1x64xf16>) permutation = [0, 2, 1, 3]
// CHECK:         %[[FRESH:.+]] = dashkv.hash_encode linear ins(%[[NEW_T]] : {{.*}})
// CHECK:         %[[KC:.+]] = tensor.concat dim(2) %[[CODES]], %[[FRESH]] : (tensor<1x2x?x8xi8>, tensor<1x2x1x8xi8>) -> tensor<1x2x?x8xi8>
// CHECK:         %[[Q_T:.+]] = linalg.transpose ins(%[[Q]] : {{.*}}) outs({{.*}} : tensor<1x8x1x64xf16>) permutation = [0, 2, 1, 3]
// CHECK:         %[[QC:.+]] = dashkv.hash_encode linear ins(%[[Q_T]] : {{.*}})
// CHECK:         %[[OUT:.+]] = dashkv.tiered_attention ins(%[[Q]], %[[CACHE]], %[[CACHE]] : {{.*}}) codes(%[[QC]], %[[KC]] : {{.*}}) outs({{.*}}) {indexing_maps = [#{{.*}}, #{{.*}}, #{{.*}}, #{{.*}}], tiering = #dashkv.tiering<>}
// CHECK:         return %[[OUT]], %[[KC]]
func.func @concat(%q: tensor<1x1x8x64xf16>, %old: tensor<1x?x2x64xf16>, %new: tensor<1x1x2x64xf16>, %o: tensor<1x1x8x64xf16>) -> tensor<1x1x8x64xf16> {
  %cache = tensor.concat dim(1) %old, %new : (tensor<1x?x2x64xf16>, tensor<1x1x2x64xf16>) -> tensor<1x?x2x64xf16>
  %0 = dashkv.attention ins(%q, %cache, %cache : tensor<1x1x8x64xf16>, tensor<1x?x2x64xf16>, tensor<1x?x2x64xf16>) outs(%o : tensor<1x1x8x64xf16>) {indexing_maps = [#q, #k, #v, #o]}
  return %0 : tensor<1x1x8x64xf16>
}

// -----

// Several rows of a speculative step are causal; the last row sees all keys.
// CHECK-LABEL: @speculative
// CHECK:         dashkv.hash_encode {{.*}} outs({{.*}} : tensor<1x2x8x64xi8>)
// CHECK:         dashkv.tiered_attention
func.func @speculative(%q: tensor<1x8x8x64xf16>, %k: tensor<1x2x?x64xf16>, %o: tensor<1x8x8x64xf16>) -> tensor<1x8x8x64xf16> {
  %0 = dashkv.attention causal ins(%q, %k, %k : tensor<1x8x8x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>) outs(%o : tensor<1x8x8x64xf16>)
  return %0 : tensor<1x8x8x64xf16>
}

// -----

// Queries [B, Hkv, G, D] without a dim of rows, here as [Hkv, B, D, G], are raised
// as rows. All see the same keys: they become the heads of one row.
#qmap = affine_map<(b, h, m, n, d, dv) -> (h, b, d, m)>
#kmap = affine_map<(b, h, m, n, d, dv) -> (b, n, h, d)>
#vmap = affine_map<(b, h, m, n, d, dv) -> (b, n, h, dv)>
#omap = affine_map<(b, h, m, n, d, dv) -> (b, m, h, dv)>
// CHECK-LABEL: @group_of_rows
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x?x64x16xf16>, {{.*}} {dashkv.role = "key_codes"}, %[[W:[a-z0-9]+]]: tensor<2x1024x64xf32> {dashkv.role = "query_encoder.weight"}
// CHECK:         %[[T:.+]] = linalg.transpose ins(%[[Q]] : {{.*}}) outs({{.*}} : tensor<?x2x16x64xf16>) permutation = [1, 0, 3, 2]
// CHECK:         %[[FLAT:.+]] = tensor.collapse_shape %[[T]] {{\[}}[0], [1, 2], [3]]
// CHECK:         %[[HEADS:.+]] = tensor.expand_shape %[[FLAT]] {{.*}} into tensor<?x32x1x64xf16>
// CHECK:         dashkv.hash_encode linear ins(%[[HEADS]] : {{.*}}) weights(%[[W]] : {{.*}} outs({{.*}} : tensor<?x2x1x64xi8>) {group = 16 : i64
// CHECK:         %[[OUT:.+]]:2 = dashkv.tiered_attention ins(%[[HEADS]], {{.*}} lengths({{.*}} outs({{.*}} : tensor<?x32x1x32xf16>) lse({{.*}} : tensor<?x32x1xf32>)
// CHECK:         %[[ROWS:.+]] = tensor.expand_shape {{.*}} into tensor<?x2x16x32xf16>
// CHECK:         %[[BACK:.+]] = linalg.transpose ins(%[[ROWS]] : {{.*}}) outs({{.*}} : tensor<?x16x2x32xf16>) permutation = [0, 2, 1, 3]
// CHECK:         %[[LSE:.+]] = tensor.expand_shape {{.*}} into tensor<?x2x16xf32>
// CHECK:         return %[[BACK]], %[[LSE]]
func.func @group_of_rows(%q: tensor<2x?x64x16xf16>, %k: tensor<?x?x2x64xf16>, %v: tensor<?x?x2x32xf16>, %l: tensor<?xi32>, %o: tensor<?x16x2x32xf16>, %e: tensor<?x2x16xf32>) -> (tensor<?x16x2x32xf16>, tensor<?x2x16xf32>) {
  %0:2 = dashkv.attention ins(%q, %k, %v : tensor<2x?x64x16xf16>, tensor<?x?x2x64xf16>, tensor<?x?x2x32xf16>) lengths(%l : tensor<?xi32>)
      outs(%o : tensor<?x16x2x32xf16>) lse(%e : tensor<?x2x16xf32>) {indexing_maps = [#qmap, #kmap, #vmap, #omap]}
  return %0#0, %0#1 : tensor<?x16x2x32xf16>, tensor<?x2x16xf32>
}

// -----

// Prefill (more than 8 rows) stays exact; its keys get codes for later steps.
// CHECK-LABEL: @prefill
// CHECK-SAME:    %[[K:[a-z0-9]+]]: tensor<1x2x128x64xf16>
// CHECK-SAME:    {dashkv.role = "key_encoder.weight"}
// CHECK-SAME:    {dashkv.role = "key_encoder.bias"}) -> (tensor<1x8x128x64xf16>, tensor<1x2x128x8xi8> {dashkv.role = "key_codes"})
// CHECK:         %[[CODES:.+]] = dashkv.hash_encode linear ins(%[[K]] : {{.*}}) {{.*}} outs({{.*}} : tensor<1x2x128x8xi8>)
// CHECK:         %[[OUT:.+]] = dashkv.attention causal
// CHECK-NOT:     dashkv.{{hash_encode|tiered_attention}}
// CHECK:         return %[[OUT]], %[[CODES]]
func.func @prefill(%q: tensor<1x8x128x64xf16>, %k: tensor<1x2x128x64xf16>, %o: tensor<1x8x128x64xf16>) -> tensor<1x8x128x64xf16> {
  %0 = dashkv.attention causal ins(%q, %k, %k : tensor<1x8x128x64xf16>, tensor<1x2x128x64xf16>, tensor<1x2x128x64xf16>) outs(%o : tensor<1x8x128x64xf16>)
  return %0 : tensor<1x8x128x64xf16>
}

// -----

// A dynamic number of rows may be a prefill.
// CHECK-LABEL: @dynamic_rows
// CHECK:         dashkv.hash_encode {{.*}} ins({{.*}} : tensor<1x2x?x64xf16>)
// CHECK:         dashkv.attention causal
// CHECK-NOT:     dashkv.tiered_attention
func.func @dynamic_rows(%q: tensor<1x8x?x64xf16>, %k: tensor<1x2x?x64xf16>, %o: tensor<1x8x?x64xf16>) -> tensor<1x8x?x64xf16> {
  %0 = dashkv.attention causal ins(%q, %k, %k : tensor<1x8x?x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>) outs(%o : tensor<1x8x?x64xf16>)
  return %0 : tensor<1x8x?x64xf16>
}

// -----

// A chunk of a prefill appends to the codes of the chunks before it.
// CHECK-LABEL: @prefill_chunk
// CHECK-SAME:    %[[CODES:[a-z0-9]+]]: tensor<1x2x512x8xi8> {dashkv.role = "key_codes"}
// CHECK:         %[[FRESH:.+]] = dashkv.hash_encode
// CHECK:         %[[KC:.+]] = tensor.insert_slice %[[FRESH]] into %[[CODES]]
// CHECK:         %[[OUT:.+]] = dashkv.attention causal
// CHECK:         return %[[OUT]], %[[KC]]
func.func @prefill_chunk(%q: tensor<1x8x64x64xf16>, %k: tensor<1x2x512x64xf16>, %new: tensor<1x2x64x64xf16>, %at: index, %lengths: tensor<1xi32>, %o: tensor<1x8x64x64xf16>) -> tensor<1x8x64x64xf16> {
  %cache = tensor.insert_slice %new into %k[0, 0, %at, 0] [1, 2, 64, 64] [1, 1, 1, 1] : tensor<1x2x64x64xf16> into tensor<1x2x512x64xf16>
  %0 = dashkv.attention causal ins(%q, %cache, %k : tensor<1x8x64x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) lengths(%lengths : tensor<1xi32>) outs(%o : tensor<1x8x64x64xf16>)
  return %0 : tensor<1x8x64x64xf16>
}

// -----

//===----------------------------------------------------------------------===//
// Operands that stay, several ops
//===----------------------------------------------------------------------===//

// Lengths, lse, scales of f8 (an opaque cache may be f8).
// CHECK-LABEL: @operands
// CHECK-SAME:    %[[LENGTHS:[a-z0-9]+]]: tensor<1xi32>, %[[S:[a-z0-9]+]]: tensor<2xf32>
// CHECK:         %[[R:.+]]:2 = dashkv.tiered_attention {{.*}} lengths(%[[LENGTHS]] : {{.*}}) kv_scales(%[[S]], %[[S]] : {{.*}}) outs({{.*}}) lse({{.*}})
// CHECK:         return %[[R]]#0, %[[R]]#1
func.func @operands(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x512x64xf8E4M3FN>, %lengths: tensor<1xi32>, %s: tensor<2xf32>, %o: tensor<1x8x1x64xf16>, %l: tensor<1x8x1xf32>) -> (tensor<1x8x1x64xf16>, tensor<1x8x1xf32>) {
  %0:2 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf8E4M3FN>, tensor<1x2x512x64xf8E4M3FN>) lengths(%lengths : tensor<1xi32>)
      kv_scales(%s, %s : tensor<2xf32>, tensor<2xf32>) outs(%o : tensor<1x8x1x64xf16>) lse(%l : tensor<1x8x1xf32>)
  return %0#0, %0#1 : tensor<1x8x1x64xf16>, tensor<1x8x1xf32>
}

// -----

// Multi-head attention: a code a head, and no group.
// CHECK-LABEL: @multi_head
// CHECK:         dashkv.hash_encode linear {{.*}} weights({{.*}} : tensor<8x64x64xf32>) {{.*}} {levels = 7 : i64}
// CHECK:         dashkv.tiered_attention
func.func @multi_head(%q: tensor<1x8x1x64xf16>, %k: tensor<1x8x512x64xf16>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x8x512x64xf16>, tensor<1x8x512x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// Ops are numbered in the order of the function.
// CHECK-LABEL: @two_layers
// CHECK-SAME:    %[[CODES0:[a-z0-9]+]]: tensor<1x2x512x8xi8> {dashkv.role = "layer0.key_codes"},
// CHECK-SAME:    {dashkv.role = "layer0.query_encoder.weight"}
// CHECK-SAME:    {dashkv.role = "layer0.query_encoder.bias"}
// CHECK-SAME:    {dashkv.role = "layer1.key_codes"}
// CHECK-SAME:    {dashkv.role = "layer1.key_encoder.weight"}
// CHECK-SAME:    {dashkv.role = "layer1.key_encoder.bias"}
// CHECK-SAME:    {dashkv.role = "layer1.query_encoder.weight"}
// CHECK-SAME:    {dashkv.role = "layer1.query_encoder.bias"}) -> (tensor<1x8x1x64xf16>, tensor<1x2x512x8xi8> {dashkv.role = "layer1.key_codes"})
// CHECK:         dashkv.tiered_attention {{.*}} codes(%{{.*}}, %[[CODES0]] :
// CHECK:         dashkv.tiered_attention
func.func @two_layers(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x512x64xf16>, %k1: tensor<1x2x511x64xf16>, %new: tensor<1x2x1x64xf16>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  %cache = tensor.concat dim(2) %k1, %new : (tensor<1x2x511x64xf16>, tensor<1x2x1x64xf16>) -> tensor<1x2x512x64xf16>
  %1 = dashkv.attention ins(%0, %cache, %cache : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  return %1 : tensor<1x8x1x64xf16>
}

// -----

// In a branch, with nothing to return: tiered as well.
// CHECK-LABEL: @in_branch
// CHECK-SAME:    {dashkv.role = "key_codes"}
// CHECK:         scf.if
// CHECK:           dashkv.hash_encode
// CHECK:           dashkv.tiered_attention
func.func @in_branch(%c: i1, %q: tensor<1x8x1x64xf16>, %k: tensor<1x2x512x64xf16>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %r = scf.if %c -> tensor<1x8x1x64xf16> {
    %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
    scf.yield %0 : tensor<1x8x1x64xf16>
  } else {
    scf.yield %o : tensor<1x8x1x64xf16>
  }
  return %r : tensor<1x8x1x64xf16>
}

// -----

// A function without attention is not touched, called or not.
// CHECK-LABEL: @helper(%{{[a-z0-9]+}}: tensor<4xf32>) -> tensor<4xf32>
func.func private @helper(%a: tensor<4xf32>) -> tensor<4xf32> {
  return %a : tensor<4xf32>
}
// CHECK-LABEL: @caller
// CHECK:         call @helper
func.func @caller(%a: tensor<4xf32>) -> tensor<4xf32> {
  %0 = call @helper(%a) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}
