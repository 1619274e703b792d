// RUN: dashkv-opt %s --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" --split-input-file | FileCheck %s

// Every op becomes itself on the buffers of its operands. What is in outs is
// overwritten, so it is never copied; online_attention, online_reduce and merge
// add to it.

// CHECK-LABEL: @attention
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: memref<1x8x2x64xf16>, %[[K:[a-z0-9]+]]: memref<1x2x?x64xf16>, %[[O:[a-z0-9]+]]: memref<1x8x2x64xf16>, %[[L:[a-z0-9]+]]: memref<1x8x2xf32>
// CHECK-NEXT:    dashkv.attention causal ins(%[[Q]], %[[K]], %[[K]] :{{.*}}) outs(%[[O]] :{{.*}}) lse(%[[L]] :{{.*}}) {scale = 1.250000e-01 : f32}
// CHECK-NEXT:    return %[[O]], %[[L]]
func.func @attention(%q: tensor<1x8x2x64xf16>, %k: tensor<1x2x?x64xf16>, %o: tensor<1x8x2x64xf16>, %l: tensor<1x8x2xf32>) -> (tensor<1x8x2x64xf16>, tensor<1x8x2xf32>) {
  %0:2 = dashkv.attention causal ins(%q, %k, %k : tensor<1x8x2x64xf16>, tensor<1x2x?x64xf16>, tensor<1x2x?x64xf16>)
      outs(%o : tensor<1x8x2x64xf16>) lse(%l : tensor<1x8x2xf32>) {scale = 0.125 : f32}
  return %0#0, %0#1 : tensor<1x8x2x64xf16>, tensor<1x8x2xf32>
}

// -----

// CHECK-LABEL: @hash_encode
// CHECK-SAME:    %[[X:[a-z0-9]+]]: memref<1x2x16x64xf16>, %[[W:[a-z0-9]+]]: memref<64x64xf32>, %[[B:[a-z0-9]+]]: memref<64xf32>, %[[O:[a-z0-9]+]]: memref<1x2x16x64xi8>, %[[S:[a-z0-9]+]]: memref<1x2x16xf32>
// CHECK-NEXT:    dashkv.hash_encode linear ins(%[[X]] {{.*}}) weights(%[[W]] {{.*}}) biases(%[[B]] {{.*}}) outs(%[[O]] {{.*}}) code_scale(%[[S]] {{.*}}) {levels = 7 : i64}
// CHECK-NEXT:    return %[[O]], %[[S]]
func.func @hash_encode(%x: tensor<1x2x16x64xf16>, %w: tensor<64x64xf32>, %b: tensor<64xf32>, %o: tensor<1x2x16x64xi8>, %s: tensor<1x2x16xf32>) -> (tensor<1x2x16x64xi8>, tensor<1x2x16xf32>) {
  %0:2 = dashkv.hash_encode linear ins(%x : tensor<1x2x16x64xf16>) weights(%w : tensor<64x64xf32>) biases(%b : tensor<64xf32>)
      outs(%o : tensor<1x2x16x64xi8>) code_scale(%s : tensor<1x2x16xf32>) {levels = 7 : i64}
  return %0#0, %0#1 : tensor<1x2x16x64xi8>, tensor<1x2x16xf32>
}

// -----

// CHECK-LABEL: @tiered_attention
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: memref<1x8x1x64xf16>, %[[K:[a-z0-9]+]]: memref<1x2x16x64xf16>, %[[QC:[a-z0-9]+]]: memref<1x8x1x8xi8>, %[[KC:[a-z0-9]+]]: memref<1x2x16x8xi8>, %[[O:[a-z0-9]+]]: memref<1x8x1x64xf16>, %[[KEPT:[a-z0-9]+]]: memref<1x16xi1>
// CHECK-NEXT:    dashkv.tiered_attention ins(%[[Q]], %[[K]], %[[K]] :{{.*}}) codes(%[[QC]], %[[KC]] :{{.*}}) outs(%[[O]] :{{.*}}) kept(%[[KEPT]] :{{.*}})
// CHECK-NEXT:    return %[[O]], %[[KEPT]]
func.func @tiered_attention(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %o: tensor<1x8x1x64xf16>, %kept: tensor<1x16xi1>) -> (tensor<1x8x1x64xf16>, tensor<1x16xi1>) {
  %0:2 = dashkv.tiered_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%o : tensor<1x8x1x64xf16>) kept(%kept : tensor<1x16xi1>) {tiering = #dashkv.tiering<>}
  return %0#0, %0#1 : tensor<1x8x1x64xf16>, tensor<1x16xi1>
}

// -----

// A chain of steps: a buffer for each, no copy.
// CHECK-LABEL: @steps
// CHECK-NOT:     memref.copy
// CHECK-DAG:     %[[D:.+]] = memref.alloc() {{.*}} : memref<1x8x1x16xi8>
// CHECK-DAG:     %[[F:.+]] = memref.alloc() {{.*}} : memref<1x8x1x16xi16>
// CHECK:         dashkv.hamming_distance ins({{.*}}) outs(%[[D]] : memref<1x8x1x16xi8>)
// CHECK:         dashkv.calibrate ins(%[[D]] : memref<1x8x1x16xi8>) outs(%[[F]] : memref<1x8x1x16xi16>)
// CHECK:         dashkv.select ins(%[[F]] : memref<1x8x1x16xi16>) outs(%[[I:.+]], %[[C:.+]], %[[T:.+]] : memref<1x2x1x16xi32>, memref<1x2x1xi32>, memref<1x2x1xi32>)
// CHECK:         return %[[I]], %[[C]], %[[T]]
// CHECK-NOT:     memref.copy
func.func @steps(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>) -> (tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {
  %d = tensor.empty() : tensor<1x8x1x16xi8>
  %f = tensor.empty() : tensor<1x8x1x16xi16>
  %i = tensor.empty() : tensor<1x2x1x16xi32>
  %c = tensor.empty() : tensor<1x2x1xi32>
  %t = tensor.empty() : tensor<1x2x1xi32>
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  %1 = dashkv.calibrate ins(%0 : tensor<1x8x1x16xi8>) outs(%f : tensor<1x8x1x16xi16>) {tiering = #dashkv.tiering<>}
  %2:3 = dashkv.select ins(%1 : tensor<1x8x1x16xi16>) outs(%i, %c, %t : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return %2#0, %2#1, %2#2 : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>
}

// -----

// One tensor as two inits (CSE makes such): the results get buffers of their own.
// CHECK-LABEL: @retrieve_shared_init
// CHECK:         dashkv.retrieve codes({{.*}}) outs(%{{.*}}, %[[C:.+]], %[[T:.+]] : {{.*}})
// CHECK-NEXT:    return %{{.*}}, %[[C]], %[[T]]
func.func @retrieve_shared_init(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x16xi32>) -> (tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {
  %c = tensor.empty() : tensor<1x2x1xi32>
  %0:3 = dashkv.retrieve codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>)
      outs(%i, %c, %c : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>) {tiering = #dashkv.tiering<>}
  return %0#0, %0#1, %0#2 : tensor<1x2x1x16xi32>, tensor<1x2x1xi32>, tensor<1x2x1xi32>
}

// -----

// CHECK-LABEL: @estimate_scores
// CHECK-NOT:     memref.{{alloc|copy}}
// CHECK:         dashkv.estimate_scores codes({{.*}} : memref<1x8x1x8xi8>, memref<1x2x16x8xi8>) list({{.*}}) scoring({{.*}}) table({{.*}}) outs(%[[O:.+]] : memref<1x8x1x5xf32>)
// CHECK-NEXT:    return %[[O]]
func.func @estimate_scores(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>, %t: tensor<8xf32>, %table: tensor<1x65xf32>, %o: tensor<1x8x1x5xf32>) -> tensor<1x8x1x5xf32> {
  %0 = dashkv.estimate_scores codes(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>)
      scoring(%t, %t : tensor<8xf32>, tensor<8xf32>) table(%table : tensor<1x65xf32>) outs(%o : tensor<1x8x1x5xf32>)
  return %0 : tensor<1x8x1x5xf32>
}

// -----

// Statistics are updated in place, step by step.
// CHECK-LABEL: @accumulate
// CHECK-SAME:    %[[ACC:[a-z0-9]+]]: memref<1x8x1x64xf32>, %[[MAX:[a-z0-9]+]]: memref<1x8x1xf32>, %[[SUM:[a-z0-9]+]]: memref<1x8x1xf32>, %[[O:[a-z0-9]+]]: memref<1x8x1x64xf16>
// CHECK-NEXT:    dashkv.online_attention ins({{.*}}) list({{.*}}) outs(%[[ACC]], %[[MAX]], %[[SUM]] : {{.*}})
// CHECK-NEXT:    dashkv.online_reduce ins({{.*}}) list({{.*}}) outs(%[[ACC]], %[[MAX]], %[[SUM]] : {{.*}})
// CHECK-NEXT:    dashkv.merge ins({{.*}}) outs(%[[ACC]], %[[MAX]], %[[SUM]] : {{.*}})
// CHECK-NEXT:    dashkv.finalize ins(%[[ACC]], %[[MAX]], %[[SUM]] : {{.*}}) outs(%[[O]] : {{.*}})
// CHECK-NEXT:    return %[[O]]
func.func @accumulate(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %i: tensor<1x2x1x5xi32>, %c: tensor<1x2x1xi32>, %s: tensor<1x8x1x5xf32>,
                      %as: tensor<4x1x8x1x64xf32>, %ms: tensor<4x1x8x1xf32>, %ss: tensor<4x1x8x1xf32>,
                      %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0:3 = dashkv.online_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>) list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  %1:3 = dashkv.online_reduce ins(%s, %k : tensor<1x8x1x5xf32>, tensor<1x2x16x64xf16>) list(%i, %c : tensor<1x2x1x5xi32>, tensor<1x2x1xi32>)
      outs(%0#0, %0#1, %0#2 : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  %2:3 = dashkv.merge ins(%as, %ms, %ss : tensor<4x1x8x1x64xf32>, tensor<4x1x8x1xf32>, tensor<4x1x8x1xf32>)
      outs(%1#0, %1#1, %1#2 : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  %3 = dashkv.finalize ins(%2#0, %2#1, %2#2 : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>) outs(%o : tensor<1x8x1x64xf16>)
  return %3 : tensor<1x8x1x64xf16>
}

// -----

// Statistics that must not be written are copied before something is added.
// CHECK-LABEL: @accumulate_on_read_only
// CHECK-SAME:    %[[ACC:[a-z0-9]+]]: memref<1x8x1x64xf32>
// CHECK:         %[[OWN:.+]] = memref.alloc() {{.*}} : memref<1x8x1x64xf32>
// CHECK:         memref.copy %[[ACC]], %[[OWN]]
// CHECK:         dashkv.online_attention ins({{.*}}) outs(%[[OWN]], {{.*}})
func.func @accumulate_on_read_only(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x16x64xf16>, %acc: tensor<1x8x1x64xf32> {bufferization.writable = false},
                                   %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) -> tensor<1x8x1x64xf32> {
  %0:3 = dashkv.online_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x16x64xf16>, tensor<1x2x16x64xf16>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return %0#0 : tensor<1x8x1x64xf32>
}

// -----

// CHECK-LABEL: @merge_on_values_still_used
// CHECK-SAME:    %[[ACC:[a-z0-9]+]]: memref<1x8x1x64xf32>
// CHECK:         memref.copy %[[ACC]], %[[OWN:.+]] :
// CHECK:         dashkv.merge ins({{.*}}) outs(%[[OWN]], {{.*}})
// CHECK:         return %[[OWN]], %[[ACC]]
func.func @merge_on_values_still_used(%as: tensor<4x1x8x1x64xf32>, %ms: tensor<4x1x8x1xf32>, %acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) -> (tensor<1x8x1x64xf32>, tensor<1x8x1x64xf32>) {
  %0:3 = dashkv.merge ins(%as, %ms, %ms : tensor<4x1x8x1x64xf32>, tensor<4x1x8x1xf32>, tensor<4x1x8x1xf32>)
      outs(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return %0#0, %acc : tensor<1x8x1x64xf32>, tensor<1x8x1x64xf32>
}

// -----

// A read-only init of an op that overwrites it gives its shape only.
// CHECK-LABEL: @overwrite_read_only
// CHECK-NOT:     memref.copy
// CHECK:         %[[OWN:.+]] = memref.alloc() {{.*}} : memref<1x8x1x16xi8>
// CHECK:         dashkv.hamming_distance ins({{.*}}) outs(%[[OWN]] : memref<1x8x1x16xi8>)
// CHECK-NOT:     memref.copy
// CHECK:         return %[[OWN]]
func.func @overwrite_read_only(%qc: tensor<1x8x1x8xi8>, %kc: tensor<1x2x16x8xi8>, %d: tensor<1x8x1x16xi8> {bufferization.writable = false}) -> tensor<1x8x1x16xi8> {
  %0 = dashkv.hamming_distance ins(%qc, %kc : tensor<1x8x1x8xi8>, tensor<1x2x16x8xi8>) outs(%d : tensor<1x8x1x16xi8>)
  return %0 : tensor<1x8x1x16xi8>
}

// -----

// An input that is the init as well is not overwritten while it is read.
// CHECK-LABEL: @finalize_into_its_input
// CHECK-SAME:    %[[ACC:[a-z0-9]+]]: memref<1x8x1x64xf32>
// CHECK:         %[[OWN:.+]] = memref.alloc() {{.*}} : memref<1x8x1x64xf32>
// CHECK:         dashkv.finalize ins(%[[ACC]], {{.*}}) outs(%[[OWN]] : memref<1x8x1x64xf32>)
func.func @finalize_into_its_input(%acc: tensor<1x8x1x64xf32>, %max: tensor<1x8x1xf32>, %sum: tensor<1x8x1xf32>) -> tensor<1x8x1x64xf32> {
  %0 = dashkv.finalize ins(%acc, %max, %sum : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>) outs(%acc : tensor<1x8x1x64xf32>)
  return %0 : tensor<1x8x1x64xf32>
}

// -----

// A cache that is updated and returned stays where it is.
// CHECK-LABEL: @append_codes
// CHECK-SAME:    %[[X:[a-z0-9]+]]: memref<1x2x1x64xf16>, %[[W:[a-z0-9]+]]: memref<64x64xf32>, %[[CODES:[a-z0-9]+]]: memref<1x2x16x8xi8>
// CHECK:         dashkv.hash_encode linear ins(%[[X]] {{.*}}) outs(%[[NEW:.+]] : {{.*}})
// CHECK:         %[[ROW:.+]] = memref.subview %[[CODES]]
// CHECK:         memref.copy %[[NEW]], %[[ROW]]
// CHECK-NOT:     memref.copy
// CHECK:         return %[[CODES]]
func.func @append_codes(%x: tensor<1x2x1x64xf16>, %w: tensor<64x64xf32>, %codes: tensor<1x2x16x8xi8>, %at: index) -> tensor<1x2x16x8xi8> {
  %e = tensor.empty() : tensor<1x2x1x8xi8>
  %0 = dashkv.hash_encode linear ins(%x : tensor<1x2x1x64xf16>) weights(%w : tensor<64x64xf32>) outs(%e : tensor<1x2x1x8xi8>)
  %1 = tensor.insert_slice %0 into %codes[0, 0, %at, 0] [1, 2, 1, 8] [1, 1, 1, 1] : tensor<1x2x1x8xi8> into tensor<1x2x16x8xi8>
  return %1 : tensor<1x2x16x8xi8>
}
