// RUN: dashkv-opt %s --dashkv-expand-tiered --dashkv-decompose-attention --dashkv-tile-and-fuse --canonicalize --cse --split-input-file | FileCheck %s

// One loop over KV heads; each step once, on the heads of its group.
// CHECK-DAG:   #[[$KV:.+]] = affine_map<()[s0] -> (s0 floordiv 4)>
// CHECK-LABEL: func.func @tiered(
// CHECK-SAME:    %[[Q:.+]]: tensor<1x32x1x128xf16>, %[[K:.+]]: tensor<1x8x?x128xf16>, %{{.+}}: tensor<1x8x?x128xf16>
// CHECK-NOT:     dashkv.
// CHECK:         %[[R:.+]] = scf.forall (%[[H:.+]]) = (0) to (32) step (4) shared_outs(%[[OUT:.+]] = %{{.+}}) -> (tensor<1x32x1x128xf16>)
// CHECK:           %[[QT:.+]] = tensor.extract_slice %[[Q]][0, %[[H]], 0, 0] [1, 4, 1, 128]
// CHECK:           %[[HKV:.+]] = affine.apply #[[$KV]]()[%[[H]]]
// CHECK:           %[[KT:.+]] = tensor.extract_slice %[[K]][0, %[[HKV]], 0, 0] [1, 1, %{{.+}}, 128]
// CHECK:           %[[CODES:.+]] = dashkv.hash_encode linear ins({{.+}} : tensor<1x4x1x128xf16>) {{.+}} outs({{.+}} : tensor<1x1x1x64xi8>)
// CHECK-NOT:       hash_encode
// CHECK:           %[[LIST:.+]]:3 = dashkv.retrieve codes(%[[CODES]], {{.+}} : tensor<1x1x1x64xi8>, tensor<1x1x?x8xi8>)
// CHECK-NOT:       retrieve
// CHECK:           %[[S:.+]]:3 = dashkv.online_attention ins(%[[QT]], %[[KT]], {{.+}}) list(%[[LIST]]#0, %[[LIST]]#1 : tensor<1x1x1x?xi32>, tensor<1x1x1xi32>)
// CHECK-NOT:       online_attention
// CHECK:           %[[INIT:.+]] = tensor.extract_slice %[[OUT]][0, %[[H]], 0, 0] [1, 4, 1, 128]
// CHECK:           %[[O:.+]] = dashkv.finalize ins(%[[S]]#0, %[[S]]#1, %[[S]]#2 : {{.+}}) outs(%[[INIT]] :
// CHECK:           scf.forall.in_parallel
// CHECK:             tensor.parallel_insert_slice %[[O]] into %[[OUT]][0, %[[H]], 0, 0] [1, 4, 1, 128]
// CHECK:         return %[[R]]
func.func @tiered(%q: tensor<1x32x1x128xf16>, %k: tensor<1x8x?x128xf16>, %v: tensor<1x8x?x128xf16>, %codes: tensor<1x8x?x8xi8>, %w: tensor<512x64xf32>, %init: tensor<1x32x1x128xf16>) -> tensor<1x32x1x128xf16> {
  %e = tensor.empty() : tensor<1x8x1x64xi8>
  %qc = dashkv.hash_encode linear ins(%q : tensor<1x32x1x128xf16>) weights(%w : tensor<512x64xf32>) outs(%e : tensor<1x8x1x64xi8>) {group = 4, levels = 7}
  %out = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x32x1x128xf16>, tensor<1x8x?x128xf16>, tensor<1x8x?x128xf16>) codes(%qc, %codes : tensor<1x8x1x64xi8>, tensor<1x8x?x8xi8>)
    outs(%init : tensor<1x32x1x128xf16>) {tiering = #dashkv.tiering<full = 0.02, dense_below = 0>}
  return %out : tensor<1x32x1x128xf16>
}

// -----

// The mid tier and lists a query head; a dynamic batch.
// CHECK-LABEL: func.func @mid(
// CHECK:         %[[B:.+]] = tensor.dim
// CHECK:         scf.forall (%[[I:.+]], %[[H:.+]]) = (0, 0) to (%[[B]], 8) step (1, 4)
// CHECK:           %[[LIST:.+]]:6 = dashkv.retrieve codes({{.+}} : tensor<1x4x2x8xi8>, tensor<1x1x1024x8xi8>) lengths({{.+}} : tensor<1xi32>)
// CHECK:           %[[SCORES:.+]] = dashkv.estimate_scores {{.+}} list(%[[LIST]]#3, %[[LIST]]#4 : {{.+}}) scoring({{.+}} : tensor<4xf32>, tensor<4xf32>)
// CHECK:           %[[S:.+]]:3 = dashkv.online_attention {{.+}} list(%[[LIST]]#0, %[[LIST]]#1 :
// CHECK:           %[[T:.+]]:3 = dashkv.online_reduce ins(%[[SCORES]], {{.+}} outs(%[[S]]#0, %[[S]]#1, %[[S]]#2 :
// CHECK:           dashkv.finalize ins(%[[T]]#0,
// CHECK-NOT:       dashkv.
func.func @mid(%q: tensor<?x8x2x64xf32>, %k: tensor<?x2x1024x64xf32>, %qc: tensor<?x8x2x8xi8>, %codes: tensor<?x2x1024x8xi8>, %lengths: tensor<?xi32>, %t: tensor<8xf32>, %init: tensor<?x8x2x64xf32>) -> tensor<?x8x2x64xf32> {
  %out = dashkv.tiered_attention ins(%q, %k, %k : tensor<?x8x2x64xf32>, tensor<?x2x1024x64xf32>, tensor<?x2x1024x64xf32>) codes(%qc, %codes : tensor<?x8x2x8xi8>, tensor<?x2x1024x8xi8>)
    lengths(%lengths : tensor<?xi32>) scoring(%t, %t : tensor<8xf32>, tensor<8xf32>)
    outs(%init : tensor<?x8x2x64xf32>) {tiering = #dashkv.tiering<mid = 0.1, scope = head, dense_below = 0>}
  return %out : tensor<?x8x2x64xf32>
}

// -----

// Votes and kept need all heads: retrieval is a loop over batches of its own.
// CHECK-LABEL: func.func @votes(
// CHECK:         %[[LIST:.+]]:3 = scf.forall (%{{.+}}) in (4)
// CHECK:           dashkv.retrieve codes({{.+}} : tensor<1x8x1x8xi8>, tensor<1x2x1024x8xi8>)
// CHECK:         scf.forall (%{{.+}}, %{{.+}}) = (0, 0) to (4, 8) step (1, 4)
// CHECK-NOT:       dashkv.retrieve
// CHECK:           dashkv.online_attention
// CHECK:           dashkv.finalize
func.func @votes(%q: tensor<4x8x1x64xf32>, %k: tensor<4x2x1024x64xf32>, %qc: tensor<4x8x1x8xi8>, %codes: tensor<4x2x1024x8xi8>, %v: tensor<8xi16>, %init: tensor<4x8x1x64xf32>, %kept: tensor<4x1024xi1>) -> (tensor<4x8x1x64xf32>, tensor<4x1024xi1>) {
  %out, %keep = dashkv.tiered_attention ins(%q, %k, %k : tensor<4x8x1x64xf32>, tensor<4x2x1024x64xf32>, tensor<4x2x1024x64xf32>) codes(%qc, %codes : tensor<4x8x1x8xi8>, tensor<4x2x1024x8xi8>)
    vote_discount(%v : tensor<8xi16>) outs(%init : tensor<4x8x1x64xf32>) kept(%kept : tensor<4x1024xi1>) {tiering = #dashkv.tiering<dense_below = 0>}
  return %out, %keep : tensor<4x8x1x64xf32>, tensor<4x1024xi1>
}

// -----

// Heads as a dim of their own, with lse.
// CHECK-LABEL: func.func @exact(
// CHECK:         scf.forall (%[[H:.+]]) in (2) shared_outs(%{{.+}} = %{{.+}}, %{{.+}} = %{{.+}}) -> (tensor<1x2x4x1x64xf32>, tensor<1x2x4x1xf32>)
// CHECK:           dashkv.online_attention {{.+}} mask({{.+}} : tensor<1x128xf32>) outs({{.+}} : tensor<1x1x4x1x64xf32>, tensor<1x1x4x1xf32>, tensor<1x1x4x1xf32>)
// CHECK:           dashkv.finalize
// CHECK:             tensor.parallel_insert_slice %{{.+}} into %{{.+}}[0, %[[H]], 0, 0, 0] [1, 1, 4, 1, 64]
// CHECK:             tensor.parallel_insert_slice %{{.+}} into %{{.+}}[0, %[[H]], 0, 0] [1, 1, 4, 1]
#gq = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, d)>
#gk = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, d)>
#gv = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, dv)>
#gm = affine_map<(b, h, g, m, n, d, dv) -> (h, n)>
#go = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, dv)>
func.func @exact(%q: tensor<1x2x4x1x64xf32>, %k: tensor<1x2x128x64xf32>, %mask: tensor<2x128xf32>, %out: tensor<1x2x4x1x64xf32>, %lse: tensor<1x2x4x1xf32>) -> (tensor<1x2x4x1x64xf32>, tensor<1x2x4x1xf32>) {
  %r:2 = dashkv.attention ins(%q, %k, %k : tensor<1x2x4x1x64xf32>, tensor<1x2x128x64xf32>, tensor<1x2x128x64xf32>) mask(%mask : tensor<2x128xf32>)
    outs(%out : tensor<1x2x4x1x64xf32>) lse(%lse : tensor<1x2x4x1xf32>) {indexing_maps = [#gq, #gk, #gv, #gm, #go]}
  return %r#0, %r#1 : tensor<1x2x4x1x64xf32>, tensor<1x2x4x1xf32>
}

// -----

// Steps alone: loops where they pay, and none for a single key's code, for heads
// that only a run knows, or for tensors without elements.
// CHECK-LABEL: func.func @alone(
// CHECK-NOT:     scf.forall
// CHECK:         dashkv.hash_encode linear ins({{.+}} : tensor<1x8x1x128xf16>)
// CHECK:         scf.forall (%{{.+}}) in (8)
// CHECK:           dashkv.hash_encode linear ins({{.+}} : tensor<1x1x512x128xf16>) weights({{.+}} : tensor<1x128x64xf32>)
// CHECK:         scf.forall (%{{.+}}) in (8)
// CHECK:           dashkv.retrieve
func.func @alone(%one: tensor<1x8x1x128xf16>, %many: tensor<1x8x512x128xf16>, %w: tensor<8x128x64xf32>, %codes: tensor<1x8x1024x8xi8>, %i: tensor<1x8x1x196xi32>, %c: tensor<1x8x1xi32>) -> (tensor<1x8x1x8xi8>, tensor<1x8x512x8xi8>, tensor<1x8x1x196xi32>, tensor<1x8x1xi32>, tensor<1x8x1xi32>) {
  %e1 = tensor.empty() : tensor<1x8x1x8xi8>
  %a = dashkv.hash_encode linear ins(%one : tensor<1x8x1x128xf16>) weights(%w : tensor<8x128x64xf32>) outs(%e1 : tensor<1x8x1x8xi8>)
  %e2 = tensor.empty() : tensor<1x8x512x8xi8>
  %b = dashkv.hash_encode linear ins(%many : tensor<1x8x512x128xf16>) weights(%w : tensor<8x128x64xf32>) outs(%e2 : tensor<1x8x512x8xi8>)
  %r:3 = dashkv.retrieve codes(%a, %codes : tensor<1x8x1x8xi8>, tensor<1x8x1024x8xi8>) outs(%i, %c, %c : tensor<1x8x1x196xi32>, tensor<1x8x1xi32>, tensor<1x8x1xi32>) {tiering = #dashkv.tiering<>}
  return %a, %b, %r#0, %r#1, %r#2 : tensor<1x8x1x8xi8>, tensor<1x8x512x8xi8>, tensor<1x8x1x196xi32>, tensor<1x8x1xi32>, tensor<1x8x1xi32>
}
// CHECK-LABEL: func.func @dynamic_heads(
// CHECK-NOT:     scf.forall
// CHECK:         dashkv.online_attention
// CHECK:         dashkv.finalize
func.func @dynamic_heads(%q: tensor<1x?x1x64xf32>, %k: tensor<1x?x128x64xf32>, %out: tensor<1x?x1x64xf32>) -> tensor<1x?x1x64xf32> {
  %r = dashkv.attention ins(%q, %k, %k : tensor<1x?x1x64xf32>, tensor<1x?x128x64xf32>, tensor<1x?x128x64xf32>) outs(%out : tensor<1x?x1x64xf32>)
  return %r : tensor<1x?x1x64xf32>
}
// CHECK-LABEL: func.func @no_keys(
// CHECK:         dashkv.online_attention
func.func @no_keys(%q: tensor<1x4x1x64xf32>, %k: tensor<1x2x0x64xf32>, %out: tensor<1x4x1x64xf32>) -> tensor<1x4x1x64xf32> {
  %r = dashkv.attention ins(%q, %k, %k : tensor<1x4x1x64xf32>, tensor<1x2x0x64xf32>, tensor<1x2x0x64xf32>) outs(%out : tensor<1x4x1x64xf32>)
  return %r : tensor<1x4x1x64xf32>
}
