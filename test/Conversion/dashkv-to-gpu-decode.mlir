// RUN: dashkv-opt %s --convert-dashkv-to-gpu --split-input-file | FileCheck %s
// RUN: dashkv-opt %s --convert-dashkv-to-gpu=target=sm_80 --split-input-file | FileCheck %s --check-prefix=OLD

// One kernel of C CTAs a list, C the largest power of two whose lists fit the
// device, resident; or one CTA a list. What does not fit shared
// memory goes step by step.
// CHECK-LABEL: func.func @group
//       CHECK:   call @dashkv_multiprocessors
//       CHECK:   scf.if %{{.+}} {
//       CHECK:     scf.if %{{.+}} {
//       CHECK:       memref.alloc(%{{.+}}) {dashkv.init = -1 : i8} : memref<?xi32>
//       CHECK:       gpu.launch_func @dashkv_kernels::@dashkv_decode_f16_d128_g4_m1_l64p4_split
//  CHECK-SAME:         dynamic_shared_memory_size
//       CHECK:     } else {
//       CHECK:       gpu.launch_func @dashkv_kernels::@dashkv_decode_f16_d128_g4_m1_l64p4 
//       CHECK:   } else {
//       CHECK:     gpu.launch_func @dashkv_kernels::@dashkv_scan
//       CHECK:     gpu.launch_func @dashkv_kernels::@dashkv_compact
//       CHECK:     gpu.launch_func @dashkv_kernels::@dashkv_attend
//       CHECK: gpu.func @dashkv_decode_f16_d128_g4_m1_l64p4_split
//  CHECK-SAME:   dashkv.resident
// Only window keys can be newer than the kernel before: copies start before the wait.
//       CHECK:   griddepcontrol.launch_dependents
//       CHECK:   mbarrier.init
//       CHECK:   cp.async.bulk
//       CHECK:   griddepcontrol.wait
// c + 2 D, D = popc(x & m0) + 2 popc(x & m1) with sums up to 128 as up to 127: 4 keys of 2 words.
//       CHECK:   mbarrier.try_wait.parity
// CHECK-COUNT-16: math.ctpop
//       CHECK:   mbarrier.arrive
// Histograms of the CTAs, then entries, then partials: words that are their own flags.
//       CHECK:   st.volatile.global.v4.b32
//       CHECK:   ld.volatile.global.v4.b32
//       CHECK:   st.volatile.global.b32
//       CHECK:   ld.volatile.global.b32
//       CHECK:   mma.sync
// On chips without bulk copies the codes come by 16-byte loads, a step ahead.
// OLD-LABEL: func.func @group
//   OLD-NOT:   cp.async.bulk
//   OLD-NOT:   griddepcontrol
//       OLD: gpu.func @dashkv_decode_f16_d128_g4_m1_l64p4_split
//       OLD:   ld.global.nc.v4.b32
func.func @group(%q: memref<1x32x1x128xf16>, %k: memref<1x8x65536x128xf16>, %v: memref<1x8x65536x128xf16>, %qc: memref<1x32x1x8xi8>, %kc: memref<1x8x65536x8xi8>, %o: memref<1x32x1x128xf16>) {
  dashkv.tiered_attention ins(%q, %k, %v : memref<1x32x1x128xf16>, memref<1x8x65536x128xf16>, memref<1x8x65536x128xf16>)
      codes(%qc, %kc : memref<1x32x1x8xi8>, memref<1x8x65536x8xi8>) outs(%o : memref<1x32x1x128xf16>) {tiering = #dashkv.tiering<full = 0.02>}
  return
}

// -----

// Fewer keys than `dense_below`: exact attention, known when compiled.
// CHECK-LABEL: func.func @dense
//   CHECK-NOT:   scf.if
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_attend
//   CHECK-NOT:   gpu.launch_func
func.func @dense(%q: memref<1x8x1x128xf16>, %k: memref<1x2x1000x128xf16>, %qc: memref<1x8x1x8xi8>, %kc: memref<1x2x1000x8xi8>, %o: memref<1x8x1x128xf16>) {
  dashkv.tiered_attention ins(%q, %k, %k : memref<1x8x1x128xf16>, memref<1x2x1000x128xf16>, memref<1x2x1000x128xf16>)
      codes(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x1000x8xi8>) outs(%o : memref<1x8x1x128xf16>) {tiering = #dashkv.tiering<>}
  return
}

// -----

// Lengths are read on the device: the kernel itself finds that all are short.
// Flags of kept keys are set by it and cleared before.
// CHECK-LABEL: func.func @lengths
//       CHECK:   linalg.fill
//  CHECK-SAME:     memref<2x?xi1>
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_decode_bf16_d64_g4_m2_l64w1_newest_lengths_kept_lse_split
func.func @lengths(%q: memref<2x8x2x64xbf16>, %k: memref<2x2x?x64xbf16>, %qc: memref<2x2x2x64xi8>, %kc: memref<2x2x?x8xi8>, %n: memref<2xi32>, %o: memref<2x8x2x64xbf16>, %l: memref<2x8x2xf32>, %f: memref<2x?xi1>) {
  dashkv.tiered_attention ins(%q, %k, %k : memref<2x8x2x64xbf16>, memref<2x2x?x64xbf16>, memref<2x2x?x64xbf16>)
      codes(%qc, %kc : memref<2x2x2x64xi8>, memref<2x2x?x8xi8>) lengths(%n : memref<2xi32>)
      outs(%o : memref<2x8x2x64xbf16>) lse(%l : memref<2x8x2xf32>) kept(%f : memref<2x?xi1>) {tiering = #dashkv.tiering<ties = newest>}
  return
}

// -----

// Votes come from all heads: step by step. What the device finds short is exact
// there too, with all its keys kept.
// CHECK-LABEL: func.func @votes
//   CHECK-NOT:   dashkv_decode
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_calibrate
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_dense_flags_lengths_kept
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_attend
func.func @votes(%q: memref<1x8x1x128xf16>, %k: memref<1x2x8192x128xf16>, %qc: memref<1x8x1x8xi8>, %kc: memref<1x2x8192x8xi8>, %n: memref<1xi32>, %d: memref<8xi16>, %o: memref<1x8x1x128xf16>, %f: memref<1x8192xi1>) {
  dashkv.tiered_attention ins(%q, %k, %k : memref<1x8x1x128xf16>, memref<1x2x8192x128xf16>, memref<1x2x8192x128xf16>)
      codes(%qc, %kc : memref<1x8x1x8xi8>, memref<1x2x8192x8xi8>) lengths(%n : memref<1xi32>) vote_discount(%d : memref<8xi16>)
      outs(%o : memref<1x8x1x128xf16>) kept(%f : memref<1x8192xi1>) {tiering = #dashkv.tiering<>}
  return
}

// -----

// A second list, of keys whose logits come from codes; the same step by step.
// CHECK-LABEL: func.func @mid
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_decode_f16_d128_g4_m1_l64w1_mid_scale_table1_split
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_estimate
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_attend
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_finalize
func.func @mid(%q: memref<1x8x1x128xf16>, %k: memref<1x2x8192x128xf16>, %qc: memref<1x2x1x64xi8>, %kc: memref<1x2x8192x8xi8>, %s: memref<1x2x1xf32>, %t: memref<8xf32>, %r: memref<1x128xf32>, %o: memref<1x8x1x128xf16>) {
  dashkv.tiered_attention ins(%q, %k, %k : memref<1x8x1x128xf16>, memref<1x2x8192x128xf16>, memref<1x2x8192x128xf16>)
      codes(%qc, %kc : memref<1x2x1x64xi8>, memref<1x2x8192x8xi8>) code_scale(%s : memref<1x2x1xf32>) scoring(%t, %t : memref<8xf32>, memref<8xf32>)
      table(%r : memref<1x128xf32>) outs(%o : memref<1x8x1x128xf16>) {tiering = #dashkv.tiering<mid = 0.05>}
  return
}

// -----

// Lengths and codes that this step makes are read after the wait for the kernel
// that makes them; without lengths also codes of which some are written.
// CHECK-LABEL: func.func @late
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_decode_f16_d128_g4_m1_l64p4_late_lengths_late
//       CHECK: gpu.func @dashkv_decode_f16_d128_g4_m1_l64p4_late_lengths_late
//       CHECK:   griddepcontrol.launch_dependents
//   CHECK-NOT:   memref.load
//       CHECK:   griddepcontrol.wait
//       CHECK:   cp.async.bulk
func.func @late(%q: memref<1x32x1x128xf16>, %k: memref<1x8x65536x128xf16>, %v: memref<1x8x65536x128xf16>, %qc: memref<1x32x1x8xi8>, %pos: memref<1xi32>, %given: memref<1x8x65536x8xi8>, %o: memref<1x32x1x128xf16>) {
  %lengths = memref.alloc() : memref<1xi32>
  linalg.map { arith.addi } ins(%pos, %pos : memref<1xi32>, memref<1xi32>) outs(%lengths : memref<1xi32>)
  %kc = memref.alloc() : memref<1x8x65536x8xi8>
  memref.copy %given, %kc : memref<1x8x65536x8xi8> to memref<1x8x65536x8xi8>
  dashkv.tiered_attention ins(%q, %k, %v : memref<1x32x1x128xf16>, memref<1x8x65536x128xf16>, memref<1x8x65536x128xf16>)
      codes(%qc, %kc : memref<1x32x1x8xi8>, memref<1x8x65536x8xi8>) lengths(%lengths : memref<1xi32>) outs(%o : memref<1x32x1x128xf16>) {tiering = #dashkv.tiering<full = 0.02>}
  return
}

// -----

// CHECK-LABEL: func.func @appended
//       CHECK:   gpu.launch_func @dashkv_kernels::@dashkv_decode_f16_d128_g4_m1_l64p4_late
func.func @appended(%q: memref<1x32x1x128xf16>, %k: memref<1x8x65536x128xf16>, %v: memref<1x8x65536x128xf16>, %qc: memref<1x32x1x8xi8>, %new: memref<1x8x1x8xi8>, %kc: memref<1x8x65536x8xi8>, %o: memref<1x32x1x128xf16>) {
  %at = memref.subview %kc[0, 0, 7, 0] [1, 8, 1, 8] [1, 1, 1, 1] : memref<1x8x65536x8xi8> to memref<1x8x1x8xi8, strided<[4194304, 524288, 8, 1], offset: 56>>
  memref.copy %new, %at : memref<1x8x1x8xi8> to memref<1x8x1x8xi8, strided<[4194304, 524288, 8, 1], offset: 56>>
  dashkv.tiered_attention ins(%q, %k, %v : memref<1x32x1x128xf16>, memref<1x8x65536x128xf16>, memref<1x8x65536x128xf16>)
      codes(%qc, %kc : memref<1x32x1x8xi8>, memref<1x8x65536x8xi8>) outs(%o : memref<1x32x1x128xf16>) {tiering = #dashkv.tiering<full = 0.02>}
  return
}
