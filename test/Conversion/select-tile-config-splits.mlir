// RUN: dashkv-opt %s --dashkv-select-tile-config="target=x86-64-v3" --split-input-file | FileCheck %s --check-prefix=ONE
// RUN: dashkv-opt %s --dashkv-select-tile-config="target=x86-64-v3 workers=8" --split-input-file | FileCheck %s --check-prefix=EIGHT
// RUN: dashkv-opt %s --dashkv-select-tile-config="target=x86-64-v3 workers=3" --split-input-file | FileCheck %s --check-prefix=THREE
// RUN: dashkv-opt %s --dashkv-select-tile-config="target=x86-64-v3 workers=8 splits=5" --split-input-file | FileCheck %s --check-prefix=FORCED

// Two KV heads on eight workers are cut in four; on three workers one part in
// three rounds of two would idle, so that heads are cut until few do.
// ONE-LABEL:    func.func @heads(
// ONE-NOT:      splits
// EIGHT-LABEL:  func.func @heads(
// EIGHT:        dashkv.online_attention {{.+}} splits = 4
// THREE-LABEL:  func.func @heads(
// THREE:        dashkv.online_attention {{.+}} splits = 3
// FORCED-LABEL: func.func @heads(
// FORCED:       dashkv.online_attention {{.+}} splits = 5
func.func @heads(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x32768x64xf16>, %a: tensor<1x8x1x64xf32>, %m: tensor<1x8x1xf32>) -> tensor<1x8x1x64xf32> {
  %0:3 = dashkv.online_attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x32768x64xf16>, tensor<1x2x32768x64xf16>) outs(%a, %m, %m : tensor<1x8x1x64xf32>, tensor<1x8x1xf32>, tensor<1x8x1xf32>)
  return %0#0 : tensor<1x8x1x64xf32>
}

// -----

// Batches are tiles as well; a dynamic number counts as one.
// EIGHT-LABEL:  func.func @batches(
// EIGHT:        dashkv.online_attention
// EIGHT-NOT:    splits
// EIGHT-LABEL:  func.func @dynamic_batches(
// EIGHT:        dashkv.online_attention {{.+}} splits = 4
func.func @batches(%q: tensor<4x8x1x64xf16>, %k: tensor<4x2x32768x64xf16>, %a: tensor<4x8x1x64xf32>, %m: tensor<4x8x1xf32>) -> tensor<4x8x1x64xf32> {
  %0:3 = dashkv.online_attention ins(%q, %k, %k : tensor<4x8x1x64xf16>, tensor<4x2x32768x64xf16>, tensor<4x2x32768x64xf16>) outs(%a, %m, %m : tensor<4x8x1x64xf32>, tensor<4x8x1xf32>, tensor<4x8x1xf32>)
  return %0#0 : tensor<4x8x1x64xf32>
}
func.func @dynamic_batches(%q: tensor<?x8x1x64xf16>, %k: tensor<?x2x?x64xf16>, %a: tensor<?x8x1x64xf32>, %m: tensor<?x8x1xf32>) -> tensor<?x8x1x64xf32> {
  %0:3 = dashkv.online_attention ins(%q, %k, %k : tensor<?x8x1x64xf16>, tensor<?x2x?x64xf16>, tensor<?x2x?x64xf16>) outs(%a, %m, %m : tensor<?x8x1x64xf32>, tensor<?x8x1xf32>, tensor<?x8x1xf32>)
  return %0#0 : tensor<?x8x1x64xf32>
}

// -----

// A part has 1024 keys or 64 slots at least; steps that add no keys have none.
// EIGHT-LABEL:  func.func @short(
// EIGHT:        dashkv.online_attention {{.+}} splits = 3
// EIGHT:        dashkv.online_attention {{.+}} list({{.+}} splits = 2
// EIGHT:        dashkv.finalize
// EIGHT-NOT:    splits
func.func @short(%q: tensor<1x4x1x64xf16>, %k: tensor<1x1x3072x64xf16>, %i: tensor<1x1x1x150xi32>, %c: tensor<1x1x1xi32>, %a: tensor<1x4x1x64xf32>, %m: tensor<1x4x1xf32>, %o: tensor<1x4x1x64xf16>) -> tensor<1x4x1x64xf16> {
  %0:3 = dashkv.online_attention ins(%q, %k, %k : tensor<1x4x1x64xf16>, tensor<1x1x3072x64xf16>, tensor<1x1x3072x64xf16>) outs(%a, %m, %m : tensor<1x4x1x64xf32>, tensor<1x4x1xf32>, tensor<1x4x1xf32>)
  %1:3 = dashkv.online_attention ins(%q, %k, %k : tensor<1x4x1x64xf16>, tensor<1x1x3072x64xf16>, tensor<1x1x3072x64xf16>) list(%i, %c : tensor<1x1x1x150xi32>, tensor<1x1x1xi32>) outs(%0#0, %0#1, %0#2 : tensor<1x4x1x64xf32>, tensor<1x4x1xf32>, tensor<1x4x1xf32>)
  %2 = dashkv.finalize ins(%1#0, %1#1, %1#2 : tensor<1x4x1x64xf32>, tensor<1x4x1xf32>, tensor<1x4x1xf32>) outs(%o : tensor<1x4x1x64xf16>)
  return %2 : tensor<1x4x1x64xf16>
}
