// RUN: dashkv-opt %s --dashkv-tile-and-fuse --canonicalize --cse --split-input-file | FileCheck %s

// Lists in three parts: retrieval once, in its own loop; parts of the slots up to
// the longest list, with the entries that stand in them; a merge in order.
// CHECK-DAG:   #[[$START:.+]] = affine_map<()[s0, s1] -> (s0 * (s1 ceildiv 3), s1)>
// CHECK-DAG:   #[[$SIZE:.+]] = affine_map<()[s0, s1] -> (s0 ceildiv 3, s0 - s1)>
// CHECK-LABEL: func.func @lists(
// CHECK:         %[[LIST:.+]]:2 = scf.forall (%{{.+}}) in (2)
// CHECK:           dashkv.retrieve
// CHECK:         %[[LARGEST:.+]] = linalg.generic {{.+}} iterator_types = ["reduction", "reduction", "reduction"]} ins(%[[LIST]]#1 : tensor<1x2x1xi32>)
// CHECK:           arith.maxsi
// CHECK:         %[[SLOTS:.+]] = arith.minsi
// CHECK:         %[[PARTS:.+]]:3 = scf.forall (%{{.+}}, %[[S:.+]]) in (2, 3) shared_outs({{.+}}) -> (tensor<3x1x8x1x64xf32>, tensor<3x1x8x1xf32>, tensor<3x1x8x1xf32>)
// CHECK-NOT:       dashkv.retrieve
// CHECK:           %[[FROM:.+]] = affine.min #[[$START]]()[%[[S]], %[[SLOTS]]]
// CHECK:           %[[MANY:.+]] = affine.min #[[$SIZE]]()[%[[SLOTS]], %[[FROM]]]
// CHECK:           %[[I:.+]] = tensor.extract_slice %[[LIST]]#0[0, %{{.+}}, 0, %[[FROM]]] [1, 1, 1, %[[MANY]]]
// CHECK:           %[[C:.+]] = linalg.generic
// CHECK:             arith.subi
// CHECK:             arith.maxsi
// CHECK:             arith.minsi
// CHECK:           dashkv.online_attention ins({{.+}} : tensor<1x4x1x64xf16>, tensor<1x1x1024x64xf16>, tensor<1x1x1024x64xf16>) list(%[[I]], %[[C]] : tensor<1x1x1x?xi32>, tensor<1x1x1xi32>)
// CHECK-SAME:        splits = 3
// CHECK-NOT:       dashkv.online_attention
// CHECK:             tensor.parallel_insert_slice %{{.+}} into %{{.+}}[%[[S]], 0, %{{.+}}, 0, 0] [1, 1, 4, 1, 64]
// CHECK:         %[[M:.+]]:3 = dashkv.merge ins(%[[PARTS]]#0, %[[PARTS]]#1, %[[PARTS]]#2 :
// CHECK:         dashkv.finalize ins(%[[M]]#0, %[[M]]#1, %[[M]]#2 :
#config = #dashkv.tile_config<vector = 32, splits = 3>
func.func @lists(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x1024x64xf16>, %qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x1024x8xi8>, %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %i0 = tensor.empty() : tensor<1x2x1x196xi32>
  %c0 = tensor.empty() : tensor<1x2x1xi32>
  %i, %c, %t = dashkv.retrieve codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x1024x8xi8>)
    outs(%i0, %c0, %c0 : tensor<1x2x1x196xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  %s:3 = dashkv.online_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x1024x64xf16>, tensor<1x2x1024x64xf16>) list(%i, %c : tensor<1x2x1x196xi32>, tensor<1x2x1xi32>)
    outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>) {dashkv.tile_config = #config}
  %r = dashkv.finalize ins(%s#0, %s#1, %s#2 : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>) outs(%o : tensor<1x8x1x64xf16>)
  return %r : tensor<1x8x1x64xf16>
}

// -----

// All keys in two parts: rows of K and V, and lengths less what is before.
// CHECK-LABEL: func.func @keys(
// CHECK-SAME:    %[[Q:[^ ]+]]: {{.+}}, %[[K:[^ ]+]]: tensor<2x2x?x64xf16>, %[[LEN:[^ ]+]]: tensor<2xi32>
// CHECK:         linalg.generic {{.+}} ins(%[[LEN]] : tensor<2xi32>)
// CHECK:         scf.forall (%[[B:.+]], %{{.+}}, %{{.+}}) in (2, 2, 2)
// CHECK:           %[[FROM:.+]] = affine.min
// CHECK:           %[[MANY:.+]] = affine.min
// CHECK:           %[[ROWS:.+]] = tensor.extract_slice %[[K]][%[[B]], %{{.+}}, %[[FROM]], 0] [1, 1, %[[MANY]], 64]
// CHECK:           %[[REST:.+]] = linalg.generic
// CHECK:             arith.subi
// CHECK:           dashkv.online_attention causal ins(%{{.+}}, %[[ROWS]], %[[ROWS]] : {{.+}}) lengths(%[[REST]] : tensor<1xi32>)
// CHECK:         dashkv.merge
#config = #dashkv.tile_config<vector = 32, splits = 2>
func.func @keys(%q: tensor<2x8x4x64xf16>, %k: tensor<2x2x?x64xf16>, %lengths: tensor<2xi32>, %acc: tensor<2x8x4x64xf32>, %max: tensor<2x8x4xf32>, %sum: tensor<2x8x4xf32>) -> tensor<2x8x4x64xf32> {
  %s:3 = dashkv.online_attention causal ins(%q, %k, %k : tensor<2x8x4x64xf16>, tensor<2x2x?x64xf16>, tensor<2x2x?x64xf16>) lengths(%lengths : tensor<2xi32>)
    outs(%acc, %max, %sum : tensor<2x8x4x64xf32>, tensor<2x8x4xf32>, tensor<2x8x4xf32>) {dashkv.tile_config = #config}
  return %s#0 : tensor<2x8x4x64xf32>
}

// -----

// Estimated scores are computed where they are added.
// CHECK-LABEL: func.func @scores(
// CHECK:         scf.forall (%{{.+}}, %{{.+}}) in (2, 2)
// CHECK:           %[[C:.+]] = linalg.generic
// CHECK:           %[[SCORES:.+]] = dashkv.estimate_scores {{.+}} list(%[[I:.+]], %[[C]] : tensor<1x1x1x?xi32>, tensor<1x1x1xi32>)
// CHECK:           dashkv.online_reduce ins(%[[SCORES]], {{.+}}) list(%[[I]], %[[C]] :
// CHECK-NOT:     dashkv.estimate_scores
// CHECK:         dashkv.merge
#config = #dashkv.tile_config<vector = 32, splits = 2>
func.func @scores(%qc: tensor<1x2x1x64xi8>, %kc: tensor<1x2x1024x8xi8>, %v: tensor<1x2x1024x64xf16>, %i: tensor<1x2x1x52xi32>, %c: tensor<1x2x1xi32>, %t: tensor<8xf32>, %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) -> tensor<1x8x1x64xf32> {
  %e = tensor.empty() : tensor<1x8x1x52xf32>
  %s = dashkv.estimate_scores codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x1024x8xi8>) list(%i, %c : tensor<1x2x1x52xi32>, tensor<1x2x1xi32>)
    scoring(%t, %t : tensor<8xf32>, tensor<8xf32>) outs(%e : tensor<1x8x1x52xf32>)
  %r:3 = dashkv.online_reduce ins(%s, %v : tensor<1x8x1x52xf32>, tensor<1x2x1024x64xf16>) list(%i, %c : tensor<1x2x1x52xi32>, tensor<1x2x1xi32>)
    outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>) {dashkv.tile_config = #config}
  return %r#0 : tensor<1x8x1x64xf32>
}

// -----

// Without lengths a causal op cannot be cut: the limit of a row would move.
// CHECK-LABEL: func.func @causal_without_lengths(
// CHECK-NOT:     dashkv.merge
// CHECK:         scf.forall (%{{.+}}) = (0) to (8) step (4)
// CHECK:           dashkv.online_attention causal
// CHECK-NOT:     dashkv.merge
#config = #dashkv.tile_config<vector = 32, splits = 2>
func.func @causal_without_lengths(%q: tensor<1x8x4x64xf16>, %k: tensor<1x2x1024x64xf16>, %acc: tensor<1x8x4x64xf32>, %max: tensor<1x8x4xf32>, %sum: tensor<1x8x4xf32>) -> tensor<1x8x4x64xf32> {
  %s:3 = dashkv.online_attention causal ins(%q, %k, %k : tensor<1x8x4x64xf16>, tensor<1x2x1024x64xf16>, tensor<1x2x1024x64xf16>)
    outs(%acc, %max, %sum : tensor<1x8x4x64xf32>, tensor<1x8x4xf32>, tensor<1x8x4xf32>) {dashkv.tile_config = #config}
  return %s#0 : tensor<1x8x4x64xf32>
}
