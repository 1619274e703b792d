// RUN: dashkv-opt %s --mlir-print-op-generic | FileCheck %s

// Result types are not written: they are those of the tensors in outs, with all
// optional ones. Ops on memrefs have no results.

// CHECK-LABEL: sym_name = "attention"
func.func @attention(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x?x64xf16>, %v: tensor<1x2x?x32xf16>, %o: tensor<1x8x1x32xf32>, %l: tensor<1x8x?xf32>) {
  // CHECK: "dashkv.attention"({{.*}}) -> tensor<1x8x1x32xf32>
  %0 = dashkv.attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x32xf16>) outs(%o : tensor<1x8x1x32xf32>)
  // CHECK: "dashkv.attention"({{.*}}) -> (tensor<1x8x1x32xf32>, tensor<1x8x?xf32>)
  %1:2 = dashkv.attention ins(%q, %k, %v : tensor<1x8x1x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x32xf16>) outs(%o : tensor<1x8x1x32xf32>) lse(%l : tensor<1x8x?xf32>)
  return
}

// CHECK-LABEL: sym_name = "hash_encode"
func.func @hash_encode(%x: tensor<1x2x?x64xf16>, %w: tensor<64x64xf32>, %o: tensor<1x2x?x8xi8>, %s: tensor<1x2x?xf32>) {
  // CHECK: "dashkv.hash_encode"({{.*}}) -> tensor<1x2x?x8xi8>
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x2x?x64xf16>) weights(%w : tensor<64x64xf32>) outs(%o : tensor<1x2x?x8xi8>)
  // CHECK: "dashkv.hash_encode"({{.*}}) -> (tensor<1x2x?x8xi8>, tensor<1x2x?xf32>)
  %1:2 = dashkv.hash_encode linear ins(%x : tensor<1x2x?x64xf16>) weights(%w : tensor<64x64xf32>) outs(%o : tensor<1x2x?x8xi8>) code_scale(%s : tensor<1x2x?xf32>)
  return
}

// CHECK-LABEL: sym_name = "tiered_attention"
func.func @tiered_attention(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %o: tensor<1x8x1x64xf16>, %l: tensor<1x8x1xf32>, %kept: tensor<1x16xi1>) {
  // CHECK: "dashkv.tiered_attention"({{.*}}) -> (tensor<1x8x1x64xf16>, tensor<1x16xi1>)
  %0:2 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%o : tensor<1x8x1x64xf16>) kept(%kept : tensor<1x16xi1>) {tiering = #dashkv.tiering<>}
  // CHECK: "dashkv.tiered_attention"({{.*}}) -> (tensor<1x8x1x64xf16>, tensor<1x8x1xf32>, tensor<1x16xi1>)
  %1:3 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%o : tensor<1x8x1x64xf16>) lse(%l : tensor<1x8x1xf32>) kept(%kept : tensor<1x16xi1>) {tiering = #dashkv.tiering<>}
  return
}

// CHECK-LABEL: sym_name = "steps"
func.func @steps(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %d: tensor<1x8x1x16xi8>, %f: tensor<1x8x1x16xi16>, %i: tensor<1x2x1x16xi32>, %c: tensor<1x2x1xi32>, %kept: tensor<1x16xi1>) {
  // CHECK: "dashkv.hamming_distance"({{.*}}) -> tensor<1x8x1x16xi8>
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  // CHECK: "dashkv.calibrate"({{.*}}) -> tensor<1x8x1x16xi16>
  %1 = dashkv.calibrate ins(%0 : tensor<1x8x1x16xi8>) outs(%f : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  // CHECK: "dashkv.select"({{.*}}) -> (tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
  %2:3 = dashkv.select ins(%1 : tensor<1x8x1x16xi16>) outs(%i, %c, %c : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  // CHECK: "dashkv.select"({{.*}}) -> (tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>, tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>, tensor<1x16xi1>)
  %3:7 = dashkv.select ins(%1 : tensor<1x8x1x16xi16>) outs(%i, %c, %c : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      mid(%i, %c, %c : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) kept(%kept : tensor<1x16xi1>) {tiering = #dashkv.tiering<mid = 0.1>}
  // CHECK: "dashkv.retrieve"({{.*}}) -> (tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>, tensor<1x16xi1>)
  %4:4 = dashkv.retrieve codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%i, %c, %c : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>)
      kept(%kept : tensor<1x16xi1>) {tiering = #dashkv.tiering<>}
  return
}

// CHECK-LABEL: sym_name = "statistics"
func.func @statistics(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>,
                      %t: tensor<8xf32>, %s: tensor<1x8x1x5xf32>, %as: tensor<4x1x8x1x64xf32>, %ms: tensor<4x1x8x1xf32>,
                      %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %o: tensor<1x8x1x64xbf16>) {
  // CHECK: "dashkv.estimate_scores"({{.*}}) -> tensor<1x8x1x5xf32>
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>)
      scoring(%t, %t : tensor<8xf32>, tensor<8xf32>) outs(%s : tensor<1x8x1x5xf32>)
  // CHECK: "dashkv.online_attention"({{.*}}) -> (tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  %1:3 = dashkv.online_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      outs(%acc, %max, %max : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  // CHECK: "dashkv.online_reduce"({{.*}}) -> (tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  %2:3 = dashkv.online_reduce ins(%0, %k : tensor<1x8x1x5xf32>, tensor<1x2x16x64xf16>) list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>)
      outs(%1#0, %1#1, %1#2 : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  // CHECK: "dashkv.merge"({{.*}}) -> (tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  %3:3 = dashkv.merge ins(%as, %ms, %ms : tensor<4x1x8x1x64xf32>, tensor<4x1x8x1xf32>, tensor<4x1x8x1xf32>)
      outs(%2#0, %2#1, %2#2 : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  // CHECK: "dashkv.finalize"({{.*}}) -> (tensor<1x8x1x64xbf16>, tensor<1x8x1xf32>)
  %4:2 = dashkv.finalize ins(%3#0, %3#1, %3#2 : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>) outs(%o : tensor<1x8x1x64xbf16>) lse(%max : tensor<1x8x1xf32>)
  return
}

// CHECK-LABEL: sym_name = "on_memrefs"
func.func @on_memrefs(%q: memref<1x8x1x64xf16>, %k: memref<1x2x16x64xf16>, %qc: memref<1x8x1x8xi8>, %kc: memref<1x2x16x8xi8>, %x: memref<1x2x16x64xf16>, %w: memref<64x64xf32>,
                      %d: memref<1x8x1x16xi8>, %f: memref<1x8x1x16xi16>, %i: memref<1x2x1x16xi32>, %c: memref<1x2x1xi32>, %kept: memref<1x16xi1>, %t: memref<8xf32>, %s: memref<1x8x1x16xf32>,
                      %as: memref<4x1x8x1x64xf32>, %ms: memref<4x1x8x1xf32>, %acc: memref<1x8x1x64xf32>, %max: memref<1x8x1xf32>, %sum: memref<1x8x1xf32>, %o: memref<1x8x1x64xf16>) {
  // CHECK: "dashkv.attention"({{.*}}) -> ()
  dashkv.attention ins(%q, %k, %k : memref<1x8x1x64xf16>, memref<1x2x16x64xf16>, memref<1x2x16x64xf16>) outs(%o : memref<1x8x1x64xf16>) lse(%max : memref<1x8x1xf32>)
  // CHECK: "dashkv.hash_encode"({{.*}}) -> ()
  dashkv.hash_encode linear ins(%x : memref<1x2x16x64xf16>) weights(%w : memref<64x64xf32>) outs(%kc : memref<1x2x16x8xi8>)
  // CHECK: "dashkv.tiered_attention"({{.*}}) -> ()
  dashkv.tiered_attention ins(%q, %k, %k : memref<1x8x1x64xf16>, memref<1x2x16x64xf16>, memref<1x2x16x64xf16>) codes(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>)
      outs(%o : memref<1x8x1x64xf16>) {tiering = #dashkv.tiering<>}
  // CHECK: "dashkv.hamming_distance"({{.*}}) : ({{.*}}) -> ()
  dashkv.hamming_distance ins(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>) outs(%d : memref<1x8x1x16xi8>)
  // CHECK: "dashkv.calibrate"({{.*}}) -> ()
  dashkv.calibrate ins(%d : memref<1x8x1x16xi8>) outs(%f : memref<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  // CHECK: "dashkv.select"({{.*}}) -> ()
  dashkv.select ins(%f : memref<1x8x1x16xi16>) outs(%i, %c, %c : memref<1x2x1x16xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) kept(%kept : memref<1x16xi1>) {tiering = #dashkv.tiering<>}
  // CHECK: "dashkv.retrieve"({{.*}}) -> ()
  dashkv.retrieve codes(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>) outs(%i, %c, %c : memref<1x2x1x16xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  // CHECK: "dashkv.estimate_scores"({{.*}}) -> ()
  dashkv.estimate_scores codes(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>) list(%i, %c : memref<1x2x1x16xi32>, memref<1x2x1xi32>)
      scoring(%t, %t : memref<8xf32>, memref<8xf32>) outs(%s : memref<1x8x1x16xf32>)
  // CHECK: "dashkv.online_attention"({{.*}}) -> ()
  dashkv.online_attention ins(%q, %k, %k : memref<1x8x1x64xf16>, memref<1x2x16x64xf16>, memref<1x2x16x64xf16>) outs(%acc, %max, %sum : memref<1x8x1x64xf32>, memref<1x8x1xf32>, memref<1x8x1xf32>)
  // CHECK: "dashkv.online_reduce"({{.*}}) -> ()
  dashkv.online_reduce ins(%s, %k : memref<1x8x1x16xf32>, memref<1x2x16x64xf16>) list(%i, %c : memref<1x2x1x16xi32>, memref<1x2x1xi32>)
      outs(%acc, %max, %sum : memref<1x8x1x64xf32>, memref<1x8x1xf32>, memref<1x8x1xf32>)
  // CHECK: "dashkv.merge"({{.*}}) -> ()
  dashkv.merge ins(%as, %ms, %ms : memref<4x1x8x1x64xf32>, memref<4x1x8x1xf32>, memref<4x1x8x1xf32>) outs(%acc, %max, %sum : memref<1x8x1x64xf32>, memref<1x8x1xf32>, memref<1x8x1xf32>)
  // CHECK: "dashkv.finalize"({{.*}}) -> ()
  dashkv.finalize ins(%acc, %max, %sum : memref<1x8x1x64xf32>, memref<1x8x1xf32>, memref<1x8x1xf32>) outs(%o : memref<1x8x1x64xf16>)
  return
}
