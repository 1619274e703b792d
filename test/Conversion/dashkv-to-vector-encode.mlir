// RUN: dashkv-opt %s --convert-dashkv-to-vector --canonicalize --cse --split-input-file | FileCheck %s

// z[r, l] = sum over d of x[r, d] * W[d, l]: tiles of rows and vectors of l whose
// sums stay in registers; then bits z > 0, or weights.

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

// A prefill, with weights of each head: 8 rows and 2 of the 4 vectors a tile, and
// then row by row.
// CHECK-LABEL: func.func @prefill(
// CHECK:         call @dashkv_hash_encode
// CHECK:       func.func private @dashkv_hash_encode
// CHECK-SAME:    %[[X:[a-z0-9]+]]: memref<1x2x?x128xf16>, %[[W:[a-z0-9]+]]: memref<2x128x64xf32>, %[[B:[a-z0-9]+]]: memref<2x64xf32>, %[[O:[a-z0-9]+]]: memref<1x2x?x8xi8>
// CHECK-DAG:     %[[XS:.+]] = memref.alloca() {alignment = 64 : i64} : memref<8x128xf32>
// CHECK-DAG:     %[[ZS:.+]] = memref.alloca() {alignment = 64 : i64} : memref<8x64xf32>
// CHECK:         scf.for %[[HEAD:.+]] = %{{.*}} to %c2
// CHECK:           scf.for %[[FIRST:.+]] = %c0 to %{{.*}} step %c8
// x of 8 rows as f32
// CHECK:             scf.for %[[R:.+]] = %c0 to %c8
// CHECK:               %[[ROW:.+]] = arith.addi %[[FIRST]], %[[R]]
// CHECK:               scf.for %[[I:.+]] = %c0 to %c128 step %c16
// CHECK:                 %[[HALF:.+]] = vector.load %[[X]][%c0, %[[HEAD]], %[[ROW]], %[[I]]] : {{.*}}, vector<16xf16>
// CHECK:                 arith.extf %[[HALF]] : vector<16xf16> to vector<16xf32>
// CHECK:             scf.for %{{.*}} = %c0 to %c2
// CHECK:               vector.load %[[B]][%[[HEAD]], %{{.*}}] : memref<2x64xf32>, vector<16xf32>
// CHECK:               scf.for %[[D:.+]] = %c0 to %c128 {{.*}} iter_args
// CHECK-COUNT-2:         vector.load %[[W]][%[[HEAD]], %[[D]], %{{.*}}] : memref<2x128x64xf32>, vector<16xf32>
// CHECK:                 %[[S:.+]] = memref.load %[[XS]][%c0, %[[D]]]
// CHECK-COUNT-16:        math.fma
// CHECK-NOT:             math.fma
// CHECK-COUNT-16:      vector.store %{{.*}}, %[[ZS]]
// CHECK:             scf.for
// CHECK:               %[[Z:.+]] = vector.load {{.*}} vector<16xf32>
// CHECK:               %[[SET:.+]] = arith.cmpf ogt, %[[Z]], %{{.*}} : vector<16xf32>
// CHECK:               %[[BYTES:.+]] = vector.bitcast %[[SET]] : vector<16xi1> to vector<2xi8>
// CHECK:               vector.store %[[BYTES]], %[[O]][%c0, %[[HEAD]], %{{.*}}, %c0] : memref<1x2x?x8xi8>, vector<2xi8>
// CHECK:           scf.for {{.*}} step %c1
// CHECK:             memref.prefetch %[[W]]
func.func @prefill(%x: memref<1x2x?x128xf16>, %w: memref<2x128x64xf32>, %b: memref<2x64xf32>, %o: memref<1x2x?x8xi8>) {
  dashkv.hash_encode linear ins(%x : memref<1x2x?x128xf16>) weights(%w : memref<2x128x64xf32>) biases(%b : memref<2x64xf32>)
      outs(%o : memref<1x2x?x8xi8>) {dashkv.tile_config = #dashkv.tile_config<vector = 64>}
  return
}

// -----

// The heads of a decode step share an encoder: 32 rows, 8 a tile, of any head. A
// vector of 8 bytes is 8 lanes.
// CHECK-LABEL: func.func @shared(
// CHECK:         call @dashkv_hash_encode
// CHECK:       func.func private @dashkv_hash_encode
// CHECK-SAME:    %[[X:[a-z0-9]+]]: memref<2x16x1x128xf32>
// CHECK:         scf.for %[[FIRST:.+]] = %c0 to %c32 step %c4
// CHECK:           scf.for
// CHECK:             %[[R:.+]] = arith.addi %[[FIRST]]
// CHECK:             %[[BATCH:.+]] = arith.divui %[[R]], %c16
// CHECK:             %[[FIRST_OF_BATCH:.+]] = arith.muli %[[BATCH]], %c16
// CHECK:             %[[HEAD:.+]] = arith.subi %[[R]], %[[FIRST_OF_BATCH]]
// CHECK:             vector.load %[[X]][%[[BATCH]], %[[HEAD]], %c0, %{{.*}}] : {{.*}}, vector<8xf32>
// relu after the first layer, 3 vectors of 4 rows a tile, and the rest of 256 / 8
// CHECK:           scf.for %{{.*}} = %c0 to %c10
// CHECK-COUNT-12:      math.fma
// CHECK-NOT:           math.fma
// CHECK-COUNT-12:    arith.cmpf olt
// CHECK:           scf.for {{.*}} iter_args
// CHECK-COUNT-8:     math.fma
// CHECK:           vector.bitcast %{{.*}} : vector<8xi1> to vector<1xi8>
func.func @shared(%x: memref<2x16x1x128xf32>, %w1: memref<128x256xf32>, %w2: memref<256x256xf32>, %w3: memref<256x64xf32>,
                  %b1: memref<256xf32>, %b3: memref<64xf32>, %o: memref<2x16x1x8xi8>) {
  dashkv.hash_encode mlp ins(%x : memref<2x16x1x128xf32>) weights(%w1, %w2, %w3 : memref<128x256xf32>, memref<256x256xf32>, memref<256x64xf32>)
      biases(%b1, %b1, %b3 : memref<256xf32>, memref<256xf32>, memref<64xf32>) outs(%o : memref<2x16x1x8xi8>)
      {activation = #dashkv.activation<relu>, dashkv.tile_config = #dashkv.tile_config<vector = 32>}
  return
}

// -----

// One row a head: 8 vectors a tile, and the next weights are asked for early. 40
// bits are two vectors of 16 lanes and one of 8.
// CHECK-LABEL: func.func @one_row(
// CHECK:         call @dashkv_hash_encode
// CHECK:       func.func private @dashkv_hash_encode
// CHECK-SAME:    memref<1x8x1x64xbf16>, %[[W:[a-z0-9]+]]: memref<8x64x40xbf16>
// CHECK:         scf.for %[[HEAD:.+]] = %c0 to %c8
// CHECK:           scf.for %[[D:.+]] = %c0 to %c64 {{.*}} iter_args(%{{.*}}, %{{.*}}, %{{.*}}) -> (vector<16xf32>, vector<16xf32>, vector<8xf32>)
// CHECK:             vector.load %[[W]][%[[HEAD]], %[[D]], %c32] : {{.*}}, vector<8xbf16>
// CHECK:             %[[AHEAD:.+]] = arith.addi %[[D]], %c16
// CHECK:             memref.prefetch %[[W]][%[[HEAD]], %[[AHEAD]], %c0], read
// CHECK-COUNT-3:     math.fma
// CHECK:           vector.bitcast %{{.*}} : vector<8xi1> to vector<1xi8>
func.func @one_row(%x: memref<1x8x1x64xbf16>, %w: memref<8x64x40xbf16>, %o: memref<1x8x1x5xi8>) {
  dashkv.hash_encode linear ins(%x : memref<1x8x1x64xbf16>) weights(%w : memref<8x64x40xbf16>)
      outs(%o : memref<1x8x1x5xi8>) {dashkv.tile_config = #dashkv.tile_config<vector = 64>}
  return
}

// -----

//===----------------------------------------------------------------------===//
// Weighted codes
//===----------------------------------------------------------------------===//

// The heads of a group one after the other; w = sign(z) * min(7, floor(|z| * s))
// with s = min(8 / max|z|, 126 / sum|z|), and 1 / s as the scale, 0 for z = 0.
// CHECK-LABEL: func.func @group(
// CHECK:         call @dashkv_hash_encode
// CHECK:       func.func private @dashkv_hash_encode
// CHECK-SAME:    %[[X:[a-z0-9]+]]: memref<1x8x1x64xf32>, %[[W:[a-z0-9]+]]: memref<2x256x16xf32>, %[[O:[a-z0-9]+]]: memref<1x2x1x16xi8>, %[[SCALE:[a-z0-9]+]]: memref<1x2x1xf32>
// CHECK-DAG:     %[[EIGHT:.+]] = arith.constant 8.000000e+00 : f32
// CHECK-DAG:     %[[TOTAL:.+]] = arith.constant 1.260000e+02 : f32
// CHECK-DAG:     %[[LEVELS:.+]] = arith.constant dense<7.000000e+00> : vector<16xf32>
// CHECK:         scf.for %[[KV:.+]] = %c0 to %c2
// CHECK:           scf.for %[[G:.+]] = %c0 to %c4
// CHECK:             %[[BEGIN:.+]] = arith.muli %[[KV]], %c4
// CHECK:             %[[HEAD:.+]] = arith.addi %[[BEGIN]], %[[G]]
// CHECK:             vector.load %[[X]][%c0, %[[HEAD]], %c0, %{{.*}}]
// CHECK:           %[[MAX:.+]] = vector.reduction <maxnumf>
// CHECK:           %[[SUM:.+]] = vector.reduction <add>
// CHECK:           arith.divf %[[EIGHT]]
// CHECK:           arith.divf %[[TOTAL]]
// CHECK:           math.floor
// CHECK:           arith.cmpf olt, %{{.*}}, %[[LEVELS]]
// CHECK:           %[[INTS:.+]] = arith.fptosi %{{.*}} : vector<16xf32> to vector<16xi32>
// CHECK:           arith.trunci %{{.*}} : vector<16xi32> to vector<16xi8>
// CHECK:           vector.store %{{.*}}, %[[O]][%c0, %[[KV]], %c0, %c0]
// CHECK:           memref.store %{{.*}}, %[[SCALE]][%c0, %[[KV]], %c0]
func.func @group(%x: memref<1x8x1x64xf32>, %w: memref<2x256x16xf32>, %o: memref<1x2x1x16xi8>, %s: memref<1x2x1xf32>) {
  dashkv.hash_encode linear ins(%x : memref<1x8x1x64xf32>) weights(%w : memref<2x256x16xf32>) outs(%o : memref<1x2x1x16xi8>)
      code_scale(%s : memref<1x2x1xf32>) {levels = 7 : i64, group = 4 : i64, dashkv.tile_config = #dashkv.tile_config<vector = 64>}
  return
}
