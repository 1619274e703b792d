// RUN: dashkv-opt %s --generate-runtime-verification --split-input-file | FileCheck %s
// RUN: dashkv-opt %s --dashkv-cpu-pipeline=runtime-checks --split-input-file -o /dev/null

// What only a run knows, asserted before the op: sizes that must agree, lengths,
// entries of lists, weights of codes.

//===----------------------------------------------------------------------===//
// Nothing to check
//===----------------------------------------------------------------------===//

// CHECK-LABEL: @static
// CHECK-NOT:     cf.assert
// CHECK:         return
func.func @static(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %d: tensor<1x8x1x16xi8>, %w: tensor<64x64xf32>, %o: tensor<1x8x1x64xf16>, %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>) {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  %1 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  %2 = dashkv.hash_encode linear ins(%k : tensor<1x2x16x64xf16>) weights(%w : tensor<64x64xf32>) outs(%kc : tensor<1x2x16x8xi8>)
  %3 = dashkv.finalize ins(%acc, %max, %max : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>) outs(%o : tensor<1x8x1x64xf16>)
  return
}

// -----

// CHECK-LABEL: @static_planes
// CHECK-NOT:     cf.assert
// CHECK:         return
func.func @static_planes(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x100x64xf16>, %qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x2x8x64xi8>, %o: tensor<1x8x1x64xf16>) {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x100x64xf16>, tensor<1x2x100x64xf16>) codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x2x8x64xi8>)
      outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

// A block of byte planes is 64 keys of the distances.
// CHECK-LABEL: @distances_of_planes
// CHECK-SAME:    %[[KC:[a-z0-9]+]]: tensor<1x2x?x8x64xi8>, %[[D:[a-z0-9]+]]: tensor<1x8x1x?xi8>
// CHECK:         %[[DIM:.+]] = tensor.dim %[[KC]], %{{.*}}
// CHECK:         %[[BLOCKS:.+]] = arith.index_cast %[[DIM]]
// CHECK:         %[[C64:.+]] = arith.constant 64 : i32
// CHECK:         arith.muli %[[BLOCKS]], %[[C64]] : i32
// CHECK:         cf.assert %{{.*}}, "{{.*}}expected one size of n in all operands
func.func @distances_of_planes(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x?x8x64xi8>, %d: tensor<1x8x1x?xi8>) {
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x?x8x64xi8>) outs(%d : tensor<1x8x1x?xi8>)
  return
}

// -----

// Flags have as many keys as the planes, which have ceil(N / 64) blocks; lengths
// end with the keys.
// CHECK-LABEL: @tiered_planes
// CHECK-DAG:     cf.assert %{{.*}}, "{{.*}}expected one size of n in all operands
// CHECK-DAG:     cf.assert %{{.*}}, "{{.*}}expected one size of padded in all operands
// CHECK-DAG:     cf.assert %{{.*}}, "{{.*}}expected ceil(N / 64) blocks of key codes
// CHECK-DAG:     cf.assert %{{.*}}, "{{.*}}expected lengths from the number of query rows to the number of keys
// CHECK-NOT:     cf.assert
func.func @tiered_planes(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x?x64xf16>, %qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x?x8x64xi8>, %flags: tensor<1x?xi1>, %lengths: tensor<1xi32>, %o: tensor<1x8x1x64xf16>) {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>) codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x?x8x64xi8>)
      lengths(%lengths : tensor<1xi32>) forced(%flags : tensor<1x?xi1>) outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

// A slice that a step writes: its first and last position, unless it is empty.
// CHECK-LABEL: @append
// CHECK-SAME:    %[[K:[a-z0-9]+]]: tensor<1x2x?x64xf16>, %[[NEW:[a-z0-9]+]]: tensor<1x2x?x64xf16>, %[[POS:[a-z0-9]+]]: index, %[[ROWS:[a-z0-9]+]]: index
// CHECK:         %[[EMPTY:.+]] = arith.cmpi eq, %[[ROWS]], %{{.*}}
// CHECK:         %[[END:.+]] = tensor.dim %[[K]], %{{.*}}
// CHECK:         %[[FIRST:.+]] = arith.cmpi ult, %[[POS]], %[[END]]
// CHECK:         %[[LAST:.+]] = arith.cmpi ult, %{{.*}}, %[[END]]
// CHECK:         %[[BOTH:.+]] = arith.andi %[[FIRST]], %[[LAST]]
// CHECK:         %[[HOLDS:.+]] = arith.ori %[[BOTH]], %[[EMPTY]]
// CHECK:         cf.assert %[[HOLDS]], "{{.*}}expected a slice inside the destination
// CHECK-NOT:     cf.assert
// CHECK:         return
func.func @append(%k: tensor<1x2x?x64xf16>, %new: tensor<1x2x?x64xf16>, %pos: index, %rows: index) -> tensor<1x2x?x64xf16> {
  %0 = tensor.insert_slice %new into %k[0, 0, %pos, 0] [1, 2, %rows, 64] [1, 1, 1, 1] : tensor<1x2x?x64xf16> into tensor<1x2x?x64xf16>
  return %0 : tensor<1x2x?x64xf16>
}

// -----

// Keys and values are compared with each other, the batch with a static one.
// CHECK-LABEL: @attention_sizes
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x8x1x64xf16>, %[[K:[a-z0-9]+]]: tensor<?x2x?x64xf16>, %[[V:[a-z0-9]+]]: tensor<?x2x?x64xf16>
// CHECK-DAG:     tensor.dim %[[K]], %{{.*}}
// CHECK-DAG:     tensor.dim %[[V]], %{{.*}}
// CHECK-DAG:     cf.assert %{{.*}}, "{{.*}}expected one size of b in all operands
// CHECK-DAG:     cf.assert %{{.*}}, "{{.*}}expected one size of n in all operands
// CHECK-NOT:     cf.assert
func.func @attention_sizes(%q: tensor<2x8x1x64xf16>, %k: tensor<?x2x?x64xf16>, %v: tensor<?x2x?x64xf16>, %o: tensor<2x8x1x64xf16>) -> tensor<2x8x1x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %v : tensor<2x8x1x64xf16>, tensor<?x2x?x64xf16>, tensor<?x2x?x64xf16>) outs(%o : tensor<2x8x1x64xf16>)
  return %0 : tensor<2x8x1x64xf16>
}

// -----

// Through maps: the key dim of BSHD keys and that of the mask.
#q = affine_map<(b, h, m, n, d, dv) -> (b, m, h, d)>
#k = affine_map<(b, h, m, n, d, dv) -> (b, n, h, d)>
#v = affine_map<(b, h, m, n, d, dv) -> (b, n, h, dv)>
#mask = affine_map<(b, h, m, n, d, dv) -> (n)>
#o = affine_map<(b, h, m, n, d, dv) -> (b, m, h, dv)>
// CHECK-LABEL: @attention_maps
// CHECK-SAME:    %[[K:[a-z0-9]+]]: tensor<1x?x2x64xf16>, %[[MASK:[a-z0-9]+]]: tensor<?xf32>
// CHECK-DAG:     %[[C1:.+]] = arith.constant 1 : index
// CHECK-DAG:     tensor.dim %[[K]], %[[C1]]
// CHECK-DAG:     tensor.dim %[[MASK]], %{{.*}}
// CHECK:         cf.assert %{{.*}}, "{{.*}}expected one size of n in all operands
func.func @attention_maps(%q: tensor<1x1x8x64xf16>, %k: tensor<1x?x2x64xf16>, %mask: tensor<?xf32>, %o: tensor<1x1x8x64xf16>) -> tensor<1x1x8x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x1x8x64xf16>, tensor<1x?x2x64xf16>, tensor<1x?x2x64xf16>) mask(%mask : tensor<?xf32>) outs(%o : tensor<1x1x8x64xf16>) {indexing_maps = [#q, #k, #v, #mask, #o]}
  return %0 : tensor<1x1x8x64xf16>
}

// -----

// The number of query heads may differ from that of KV heads.
// CHECK-LABEL: @heads
// CHECK-DAG:     cf.assert %{{.*}}, "{{.*}}expected one size of h in all operands
// CHECK-DAG:     cf.assert %{{.*}}, "{{.*}}expected one size of hkv in all operands
// CHECK-NOT:     cf.assert
func.func @heads(%q: tensor<1x?x1x64xf16>, %k: tensor<1x?x16x64xf16>, %o: tensor<1x?x1x64xf16>) -> tensor<1x?x1x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x?x1x64xf16>, tensor<1x?x16x64xf16>, tensor<1x?x16x64xf16>) outs(%o : tensor<1x?x1x64xf16>)
  return %0 : tensor<1x?x1x64xf16>
}

// -----

// A group dim: one number of KV heads for all.
#gq = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, d)>
#gk = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, d)>
#gv = affine_map<(b, h, g, m, n, d, dv) -> (b, h, n, dv)>
#go = affine_map<(b, h, g, m, n, d, dv) -> (b, h, g, m, dv)>
// CHECK-LABEL: @group_dim
// CHECK:         cf.assert %{{.*}}, "{{.*}}expected one size of hkv in all operands
// CHECK-NOT:     cf.assert
func.func @group_dim(%q: tensor<1x2x4x1x64xf16>, %k: tensor<1x?x16x64xf16>, %o: tensor<1x2x4x1x64xf16>, %l: tensor<1x?x4x1xf32>) -> tensor<1x2x4x1x64xf16> {
  %0:2 = dashkv.attention ins(%q, %k, %k : tensor<1x2x4x1x64xf16>, tensor<1x?x16x64xf16>, tensor<1x?x16x64xf16>) outs(%o : tensor<1x2x4x1x64xf16>) lse(%l : tensor<1x?x4x1xf32>) {indexing_maps = [#gq, #gk, #gv, #go]}
  return %0#0 : tensor<1x2x4x1x64xf16>
}

// -----

// Codes of a cache go with its keys.
// CHECK-LABEL: @tiered_sizes
// CHECK-SAME:    %[[K:[a-z0-9]+]]: tensor<1x2x?x64xf16>, %{{[a-z0-9]+}}: tensor<1x8x1x8xi8>, %[[KC:[a-z0-9]+]]: tensor<1x2x?x8xi8>, %[[FLAGS:[a-z0-9]+]]: tensor<1x?xi1>
// CHECK-DAG:     tensor.dim %[[KC]]
// CHECK-DAG:     tensor.dim %[[FLAGS]]
// CHECK:         cf.assert %{{.*}}, "{{.*}}expected one size of n in all operands
func.func @tiered_sizes(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x?x64xf16>, %qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x?x8xi8>, %flags: tensor<1x?xi1>, %discount: tensor<8xi16>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>) codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x?x8xi8>)
      prior(%flags : tensor<1x?xi1>) prior_discount(%discount : tensor<8xi16>) outs(%o : tensor<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  return %0 : tensor<1x8x1x64xf16>
}

// -----

// The steps, each with a dim that differs from op to op.
// CHECK-LABEL: @steps
func.func @steps(%x: tensor<?x2x16x64xf16>, %w: tensor<64x64xf32>, %kc: tensor<1x2x16x8xi8>, %qc: tensor<1x8x?x8xi8>, %d: tensor<1x8x1x16xi8>, %f: tensor<1x?x1x16xi16>, %f8: tensor<1x8x1x16xi16>,
                 %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x?xi32>, %t: tensor<1x?x1xi32>, %forced: tensor<1x?xi1>, %temperature: tensor<?xf32>, %s: tensor<1x8x1x?xf32>, %v: tensor<1x?x16x64xf16>,
                 %as: tensor<?x1x8x1x64xf32>, %ms: tensor<4x1x8x1xf32>, %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x?xf32>, %o: tensor<1x8x1x?xf16>) {
  // CHECK: cf.assert %{{.*}}, "{{.*}}dashkv.hash_encode{{.*}}expected one size of b in all operands
  %0 = dashkv.hash_encode linear ins(%x : tensor<?x2x16x64xf16>) weights(%w : tensor<64x64xf32>) outs(%kc : tensor<1x2x16x8xi8>)
  // CHECK: cf.assert %{{.*}}, "{{.*}}dashkv.hamming_distance{{.*}}expected one size of m in all operands
  %1 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x?x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  // CHECK: cf.assert %{{.*}}, "{{.*}}dashkv.calibrate{{.*}}expected one size of hc in all operands
  %2 = dashkv.calibrate ins(%d : tensor<1x8x1x16xi8>) outs(%f : tensor<1x?x1x16xi16>) {tiering = #dashkv.tiering<>}
  // CHECK: cf.assert %{{.*}}, "{{.*}}dashkv.select{{.*}}expected one size of hl in all operands
  %3:3 = dashkv.select ins(%f8 : tensor<1x8x1x16xi16>) outs(%i, %t, %t : tensor<1x2x1x16xi32>, tensor<1x?x1xi32>, tensor<1x?x1xi32>) {tiering = #dashkv.tiering<>}
  // CHECK: cf.assert %{{.*}}, "{{.*}}dashkv.retrieve{{.*}}expected one size of m in all operands
  // CHECK: cf.assert %{{.*}}, "{{.*}}dashkv.retrieve{{.*}}expected one size of n in all operands
  %4:3 = dashkv.retrieve codes(%qc, %kc : tensor<1x8x?x8xi8>, tensor<1x2x16x8xi8>) forced(%forced : tensor<1x?xi1>) outs(%i, %c, %c : tensor<1x2x1x16xi32>, tensor<1x2x?xi32>, tensor<1x2x?xi32>) {tiering = #dashkv.tiering<>}
  // CHECK: cf.assert %{{.*}}, "{{.*}}dashkv.estimate_scores{{.*}}expected one size of m in all operands
  // CHECK: cf.assert %{{.*}}, "{{.*}}dashkv.estimate_scores{{.*}}expected one size of c in all operands
  // CHECK: cf.assert %{{.*}}, "{{.*}}dashkv.estimate_scores{{.*}}expected one size of h in all operands
  %5 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x?x8xi8>, tensor<1x2x16x8xi8>) list(%i, %c : tensor<1x2x1x16xi32>, tensor<1x2x?xi32>) scoring(%temperature, %temperature : tensor<?xf32>, tensor<?xf32>) outs(%s : tensor<1x8x1x?xf32>)
  // CHECK: cf.assert %{{.*}}, "{{.*}}dashkv.online_reduce{{.*}}expected one size of m in all operands
  // CHECK: cf.assert %{{.*}}, "{{.*}}dashkv.online_reduce{{.*}}expected one size of c in all operands
  %6:3 = dashkv.online_reduce ins(%s, %v : tensor<1x8x1x?xf32>, tensor<1x?x16x64xf16>) list(%i, %c : tensor<1x2x1x16xi32>, tensor<1x2x?xi32>) outs(%acc, %max, %max : tensor<1x8x1x64xf32>, tensor<1x8x?xf32>, tensor<1x8x?xf32>)
  // CHECK: cf.assert %{{.*}}, "{{.*}}dashkv.merge{{.*}}expected one size of s in all operands
  %7:3 = dashkv.merge ins(%as, %ms, %ms : tensor<?x1x8x1x64xf32>, tensor<4x1x8x1xf32>, tensor<4x1x8x1xf32>) outs(%acc, %max, %max : tensor<1x8x1x64xf32>, tensor<1x8x?xf32>, tensor<1x8x?xf32>)
  // CHECK: cf.assert %{{.*}}, "{{.*}}dashkv.finalize{{.*}}expected one size of dv in all operands
  %8 = dashkv.finalize ins(%acc, %max, %max : tensor<1x8x1x64xf32>, tensor<1x8x?xf32>, tensor<1x8x?xf32>) outs(%o : tensor<1x8x1x?xf16>)
  return
}

// -----

//===----------------------------------------------------------------------===//
// Lengths, lists, weights
//===----------------------------------------------------------------------===//

// 0 <= lengths[b] <= N
// CHECK-LABEL: @lengths
// CHECK-DAG:     %[[N:.+]] = tensor.dim
// CHECK:         linalg.generic
// CHECK:           arith.cmpi sle
// CHECK:           arith.cmpi sge
// CHECK:         cf.assert %{{.*}}, "{{.*}}expected lengths from 0 to the number of keys
// With several causal rows M <= lengths[b].
// CHECK:         cf.assert %{{.*}}, "{{.*}}expected lengths from the number of query rows to the number of keys
func.func @lengths(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x16x64xf16>, %lengths: tensor<1xi32>, %o: tensor<1x8x2x64xf16>) -> (tensor<1x8x2x64xf16>, tensor<1x8x2x64xf16>) {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>) lengths(%lengths : tensor<1xi32>) outs(%o : tensor<1x8x2x64xf16>)
  %1 = dashkv.attention causal ins(%q, %k, %k : tensor<1x8x2x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>) lengths(%lengths : tensor<1xi32>) outs(%o : tensor<1x8x2x64xf16>)
  return %0, %1 : tensor<1x8x2x64xf16>, tensor<1x8x2x64xf16>
}

// -----

// 0 <= indices[c] < N for c < counts <= C
// CHECK-LABEL: @list
// CHECK:         linalg.generic {{.*}} ins(%{{.*}}, %{{.*}} : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>)
// CHECK:         cf.assert %{{.*}}, "{{.*}}expected listed indices from 0 to the number of keys and counts up to the capacity
func.func @list(%s: tensor<1x8x1x5xf32>, %v: tensor<1x2x16x64xf16>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>, %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>) -> tensor<1x8x1x64xf32> {
  %0:3 = dashkv.online_reduce ins(%s, %v : tensor<1x8x1x5xf32>, tensor<1x2x16x64xf16>) list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>) outs(%acc, %max, %max : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return %0#0 : tensor<1x8x1x64xf32>
}

// -----

// sum |w| <= 127 for weighted codes; packed ones have no weights.
// CHECK-LABEL: @weights
// CHECK:         math.absi
// CHECK:         cf.assert %{{.*}}, "{{.*}}expected weights of a query code whose magnitudes add up to at most 127
// CHECK-NOT:     cf.assert
func.func @weights(%qc: tensor<1x2x1x64xi8>, %packed: tensor<1x2x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %d: tensor<1x2x1x16xi8>) -> (tensor<1x2x1x16xi8>, tensor<1x2x1x16xi8>) {
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x2x1x16xi8>)
  %1 = dashkv.hamming_distance ins(%packed, %kc : tensor<1x2x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x2x1x16xi8>)
  return %0, %1 : tensor<1x2x1x16xi8>, tensor<1x2x1x16xi8>
}

// -----

// On memrefs as well.
// CHECK-LABEL: @on_memrefs
// CHECK:         cf.assert %{{.*}}, "{{.*}}expected one size of n in all operands
// CHECK:         cf.assert %{{.*}}, "{{.*}}expected lengths from the number of query rows to the number of keys
func.func @on_memrefs(%d: memref<1x8x1x?xi8>, %lengths: memref<1xi32>, %o: memref<1x8x1x?xi16>) {
  dashkv.calibrate ins(%d : memref<1x8x1x?xi8>) lengths(%lengths : memref<1xi32>) outs(%o : memref<1x8x1x?xi16>) {tiering = #dashkv.tiering<>}
  return
}
