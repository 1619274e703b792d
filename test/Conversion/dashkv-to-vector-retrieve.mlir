// RUN: dashkv-opt %s --dashkv-select-tile-config=target=x86-64-v3 --convert-dashkv-to-vector --canonicalize --cse | FileCheck %s
// RUN: dashkv-opt %s --dashkv-select-tile-config=target=skylake-avx512 --convert-dashkv-to-vector --canonicalize --cse | FileCheck %s --check-prefix=WIDE
// RUN: dashkv-opt %s --dashkv-select-tile-config=target=icelake-server --convert-dashkv-to-vector --canonicalize --cse | FileCheck %s --check-prefix=COUNT

// Byte planes, one list a KV head: tables hold the sum over the four heads of a
// group, so a key costs two look-ups a byte whatever the group. A sample is
// scanned first, by the same loop as all keys, and its place of the budget is
// sought; then the guess is verified or replaced and the list is written.
// CHECK-LABEL: func.func private @dashkv_retrieve(
// CHECK-DAG:     memref.alloca() {alignment = 64 : i64} : memref<1x1x16x16xi8>
// CHECK-DAG:     memref.alloca() {alignment = 64 : i64} : memref<1x4xi8>
//     CHECK:     memref.alloc({{.*}}) {alignment = 64 : i64, bufferization.manual_deallocation}
//     CHECK:     math.ctpop {{.*}} : vector<16xi8>
//     CHECK:     vector.reduction <minui>
//     CHECK:     arith.shrui {{.*}} : vector<16xi16>
//     CHECK:     scf.for {{.*}} iter_args({{.*}}) -> (vector<32xi8>, vector<32xi8>, vector<32xi8>, vector<32xi8>)
//     CHECK:       memref.prefetch
//     CHECK:       vector.load {{.*}} vector<32xi8>
// CHECK-COUNT-32:  llvm.call_intrinsic "llvm.x86.avx2.pshuf.b"
// CHECK-NOT:       pshuf.b
//     CHECK:       vector.store
// CHECK-COUNT-4:   arith.cmpi uge, {{.*}} : vector<32xi8>
//     CHECK:     scf.while
//     CHECK:     scf.if {{.*}} -> (i32, i32)
//     CHECK:     scf.for {{.*}} iter_args({{.*}}) -> (index, i32)
// CHECK-COUNT-4:   math.cttz
// CHECK-NOT:     compressstore
//     CHECK:     memref.dealloc {{.*}} {bufferization.manual_deallocation}
// WIDE-LABEL:  func.func private @dashkv_retrieve(
// WIDE-COUNT-16: llvm.call_intrinsic "llvm.x86.avx512.pshuf.b.512"
// WIDE-NOT:      pshuf.b
// WIDE:          return
// COUNT-LABEL: func.func private @dashkv_retrieve(
// COUNT-COUNT-16: llvm.call_intrinsic "llvm.x86.avx512.pshuf.b.512"
func.func @group(%q: memref<1x4x1x8xi8>, %k: memref<1x1x?x8x64xi8>, %l: memref<1xi32>, %i: memref<1x1x1x?xi32>, %c: memref<1x1x1xi32>, %t: memref<1x1x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x4x1x8xi8>, memref<1x1x?x8x64xi8>) lengths(%l : memref<1xi32>)
    outs(%i, %c, %t : memref<1x1x1x?xi32>, memref<1x1x1xi32>, memref<1x1x1xi32>) {tiering = #dashkv.tiering<full = 0.02>}
  return
}

// Key-major codes of 64 keys become eight planes by four steps of interleaving,
// twice for vectors of 32 bytes; one more shuffle restores the order of the keys.
// The last keys go through a padded buffer.
// CHECK-LABEL: func.func private @dashkv_retrieve_0(
//     CHECK:     memref.alloca() {alignment = 64 : i64} : memref<512xi8>
//     CHECK:     memref.prefetch
// CHECK-COUNT-8:   vector.load {{.*}} vector<32xi8>
//     CHECK:       vector.shuffle {{.*}}[0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39, 16, 48
//     CHECK:       vector.shuffle {{.*}}[8, 40, 9, 41
//     CHECK:       vector.shuffle {{.*}}[0, 1, 16, 17, 2, 3, 18, 19,
func.func @key_major(%q: memref<1x4x1x8xi8>, %k: memref<1x1x?x8xi8>, %i: memref<1x1x1x?xi32>, %c: memref<1x1x1xi32>, %t: memref<1x1x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x4x1x8xi8>, memref<1x1x?x8xi8>)
    outs(%i, %c, %t : memref<1x1x1x?xi32>, memref<1x1x1xi32>, memref<1x1x1xi32>) {tiering = #dashkv.tiering<full = 0.02>}
  return
}

// A list a head: four of them are made of one reading of the keys, by tables or
// where bytes have a popcount without.
// CHECK-LABEL: func.func private @dashkv_retrieve_1(
//     CHECK:     memref.alloca() {alignment = 64 : i64} : memref<1x4x16x16xi8>
// CHECK-COUNT-128: pshuf.b
// CHECK-NOT:     pshuf.b
// CHECK:         return
// COUNT-LABEL: func.func private @dashkv_retrieve_1(
//     COUNT:     memref.alloca() {alignment = 64 : i64} : memref<1x4x8x64xi8>
// COUNT-NOT:     pshuf.b
// COUNT-COUNT-32: math.ctpop {{.*}} : vector<64xi8>
// COUNT-NOT:     pshuf.b
// COUNT:         return
func.func @head(%q: memref<1x4x1x8xi8>, %k: memref<1x1x?x8x64xi8>, %i: memref<1x4x1x?xi32>, %c: memref<1x4x1xi32>, %t: memref<1x4x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x4x1x8xi8>, memref<1x1x?x8x64xi8>)
    outs(%i, %c, %t : memref<1x4x1x?xi32>, memref<1x4x1xi32>, memref<1x4x1xi32>) {tiering = #dashkv.tiering<scope = head>}
  return
}

// Sums that a byte may not hold saturate; i32 take over if they do where it
// matters. Weights of one code are other entries of the same tables.
// CHECK-LABEL: func.func private @dashkv_retrieve_2(
//     CHECK:     math.absi
//     CHECK:     %[[SUM:.+]] = llvm.call_intrinsic "llvm.x86.avx2.pshuf.b"
//     CHECK:     arith.minui {{.*}} : vector<32xi8>
//     CHECK:     scf.if
//     CHECK:       vector.store {{.*}} vector<64xi32>
func.func @weighted(%q: memref<1x4x1x64xi8>, %k: memref<1x1x?x8x64xi8>, %i: memref<1x1x1x?xi32>, %c: memref<1x1x1xi32>, %t: memref<1x1x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x4x1x64xi8>, memref<1x1x?x8x64xi8>)
    outs(%i, %c, %t : memref<1x1x1x?xi32>, memref<1x1x1xi32>, memref<1x1x1xi32>) {tiering = #dashkv.tiering<full = 0.02>}
  return
}

// A prior is a second threshold on the same bytes.
// CHECK-LABEL: func.func private @dashkv_retrieve_3(
//     CHECK:     llvm.load {{.*}} -> vector<64xi8>
//     CHECK:     %[[PRIOR:.+]] = vector.bitcast {{.*}} : vector<1xi32> to vector<32xi1>
//     CHECK:     %[[T:.+]] = arith.select %[[PRIOR]], {{.*}} : vector<32xi1>, vector<32xi8>
//     CHECK:     arith.cmpi uge, %{{.*}}, %[[T]] : vector<32xi8>
func.func @prior(%q: memref<1x4x1x8xi8>, %k: memref<1x1x?x8x64xi8>, %p: memref<1x?xi1>, %pd: memref<4xi16>, %i: memref<1x1x1x?xi32>, %c: memref<1x1x1xi32>, %t: memref<1x1x1xi32>) {
  dashkv.retrieve codes(%q, %k : memref<1x4x1x8xi8>, memref<1x1x?x8x64xi8>) prior(%p : memref<1x?xi1>) prior_discount(%pd : memref<4xi16>)
    outs(%i, %c, %t : memref<1x1x1x?xi32>, memref<1x1x1xi32>, memref<1x1x1xi32>) {tiering = #dashkv.tiering<full = 0.02>}
  return
}
