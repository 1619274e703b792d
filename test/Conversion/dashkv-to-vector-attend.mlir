// RUN: dashkv-opt %s --dashkv-select-tile-config=target=x86-64-v3 --convert-dashkv-to-vector --canonicalize --cse | FileCheck %s
// RUN: dashkv-opt %s --dashkv-select-tile-config=target=x86-64-v4 --convert-dashkv-to-vector --canonicalize --cse | FileCheck %s --check-prefix=WIDE

// All keys: blocks of keys; in a block two keys at a time for the four query
// heads that share them, then softmax, then values. Rows are asked for ahead.
// CHECK-LABEL: func.func private @dashkv_online_attention(
// CHECK-SAME:    llvm.linkage = #llvm.linkage<internal>
//      CHECK:    memref.alloca() {alignment = 64 : i64} : memref<4x128xf32>
//  CHECK-NOT:    memref.alloc()
//      CHECK:    scf.for
//      CHECK:      scf.for
//      CHECK:        memref.prefetch
//      CHECK:        arith.extf {{.*}} : vector<8xf16> to vector<8xf32>
//      CHECK:        math.fma {{.*}} : vector<8xf32>
//      CHECK:        vector.shuffle
//      CHECK:      scf.if
//      CHECK:      scf.for {{.*}} iter_args
//      CHECK:        memref.prefetch
//      CHECK:        math.fma
//  CHECK-NOT:    vector.gather
//      CHECK:    return
// WIDE-LABEL: func.func private @dashkv_online_attention(
//       WIDE:   arith.extf {{.*}} : vector<16xf16> to vector<16xf32>
func.func @all(%q: memref<1x4x1x128xf16>, %k: memref<1x1x?x128xf16>, %v: memref<1x1x?x128xf16>, %a: memref<1x4x1x128xf32>, %m: memref<1x4x1xf32>, %s: memref<1x4x1xf32>) {
  dashkv.online_attention ins(%q, %k, %v : memref<1x4x1x128xf16>, memref<1x1x?x128xf16>, memref<1x1x?x128xf16>)
    outs(%a, %m, %s : memref<1x4x1x128xf32>, memref<1x4x1xf32>, memref<1x4x1xf32>)
  return
}

// A list: the row of a position is read from it, and never past its end.
// CHECK-LABEL: func.func private @dashkv_online_attention_0(
//       CHECK:   %[[LAST:.+]] = arith.subi
//       CHECK:   %[[AT:.+]] = arith.minui %{{.+}}, %[[LAST]] : index
//       CHECK:   memref.load %{{.+}}[%[[AT]]] : memref<?xi32
func.func @list(%q: memref<1x4x1x128xf16>, %k: memref<1x1x?x128xf16>, %v: memref<1x1x?x128xf16>, %i: memref<1x1x1x?xi32>, %c: memref<1x1x1xi32>, %a: memref<1x4x1x128xf32>, %m: memref<1x4x1xf32>, %s: memref<1x4x1xf32>) {
  dashkv.online_attention ins(%q, %k, %v : memref<1x4x1x128xf16>, memref<1x1x?x128xf16>, memref<1x1x?x128xf16>)
    list(%i, %c : memref<1x1x1x?xi32>, memref<1x1x1xi32>)
    outs(%a, %m, %s : memref<1x4x1x128xf32>, memref<1x4x1xf32>, memref<1x4x1xf32>)
  return
}

// Lists of heads as one: a byte a key says which heads hold it, and masks the
// scores of the others.
// CHECK-LABEL: func.func private @dashkv_online_attention_1(
//       CHECK:   %[[HOLDERS:.+]] = memref.alloc(
//       CHECK:   arith.ori %{{.+}}, %{{.+}} : i8
//       CHECK:   math.cttz
//       CHECK:   arith.cmpi ne, %{{.+}} : vector<8xi8>
//       CHECK:   memref.dealloc %[[HOLDERS]]
func.func @union(%q: memref<1x4x1x128xf16>, %k: memref<1x1x?x128xf16>, %v: memref<1x1x?x128xf16>, %i: memref<1x4x1x?xi32>, %c: memref<1x4x1xi32>, %a: memref<1x4x1x128xf32>, %m: memref<1x4x1xf32>, %s: memref<1x4x1xf32>) {
  dashkv.online_attention ins(%q, %k, %v : memref<1x4x1x128xf16>, memref<1x1x?x128xf16>, memref<1x1x?x128xf16>)
    list(%i, %c : memref<1x4x1x?xi32>, memref<1x4x1xi32>)
    outs(%a, %m, %s : memref<1x4x1x128xf32>, memref<1x4x1xf32>, memref<1x4x1xf32>)
    {dashkv.tile_config = #dashkv.tile_config<vector = 32, lists = union>}
  return
}

// Values of f8: an f16 by shifts, without the factor 2^8, which comes last.
// CHECK-LABEL: func.func private @dashkv_online_reduce(
//   CHECK-NOT:   arith.extf {{.*}}f8E4M3FN
//       CHECK:   arith.mulf %{{.+}} : f32
//       CHECK:   arith.extsi %{{.+}} : vector<8xi8> to vector<8xi16>
func.func @reduce(%p: memref<1x4x1x?xf32>, %v: memref<1x1x?x128xf8E4M3FN>, %vs: memref<1xf32>, %i: memref<1x1x1x?xi32>, %c: memref<1x1x1xi32>, %a: memref<1x4x1x128xf32>, %m: memref<1x4x1xf32>, %s: memref<1x4x1xf32>) {
  dashkv.online_reduce ins(%p, %v : memref<1x4x1x?xf32>, memref<1x1x?x128xf8E4M3FN>)
    list(%i, %c : memref<1x1x1x?xi32>, memref<1x1x1xi32>) value_scale(%vs : memref<1xf32>)
    outs(%a, %m, %s : memref<1x4x1x128xf32>, memref<1x4x1xf32>, memref<1x4x1xf32>)
  return
}

// A distance is a popcount of words, a score one look-up a head.
// CHECK-LABEL: func.func private @dashkv_estimate_scores(
//       CHECK:   scf.for
//       CHECK:     math.ctpop %{{.+}} : i64
//       CHECK:     memref.load %{{.+}} : memref<4x65xf32>
//       CHECK:     memref.load %{{.+}} : memref<4x65xf32>
func.func @estimate(%qc: memref<1x1x1x8xi8>, %kc: memref<1x1x?x8xi8>, %i: memref<1x1x1x?xi32>, %c: memref<1x1x1xi32>, %t: memref<4xf32>, %b: memref<4xf32>, %o: memref<1x4x1x?xf32>) {
  dashkv.estimate_scores codes(%qc, %kc : memref<1x1x1x8xi8>, memref<1x1x?x8xi8>)
    list(%i, %c : memref<1x1x1x?xi32>, memref<1x1x1xi32>) scoring(%t, %b : memref<4xf32>, memref<4xf32>)
    outs(%o : memref<1x4x1x?xf32>)
  return
}

// The sums of a row stay in registers from part to part.
// CHECK-LABEL: func.func private @dashkv_merge(
//       CHECK:   scf.for {{.*}} iter_args
//       CHECK:   scf.for {{.*}} iter_args
//       CHECK:     math.fma
func.func @merge(%as: memref<3x1x4x1x64xf32>, %ms: memref<3x1x4x1xf32>, %ss: memref<3x1x4x1xf32>, %a: memref<1x4x1x64xf32>, %m: memref<1x4x1xf32>, %s: memref<1x4x1xf32>) {
  dashkv.merge ins(%as, %ms, %ss : memref<3x1x4x1x64xf32>, memref<3x1x4x1xf32>, memref<3x1x4x1xf32>)
    outs(%a, %m, %s : memref<1x4x1x64xf32>, memref<1x4x1xf32>, memref<1x4x1xf32>)
  return
}

// CHECK-LABEL: func.func private @dashkv_finalize(
//       CHECK:   arith.divf %{{.+}} : f32
//       CHECK:   arith.truncf %{{.+}} : vector<8xf32> to vector<8xbf16>
//   CHECK-NOT:   math.log
//       CHECK:   return
func.func @finalize(%a: memref<1x4x1x64xf32>, %m: memref<1x4x1xf32>, %s: memref<1x4x1xf32>, %o: memref<1x4x1x64xbf16>, %l: memref<1x4x1xf32>) {
  dashkv.finalize ins(%a, %m, %s : memref<1x4x1x64xf32>, memref<1x4x1xf32>, memref<1x4x1xf32>)
    outs(%o : memref<1x4x1x64xbf16>) lse(%l : memref<1x4x1xf32>)
  return
}
