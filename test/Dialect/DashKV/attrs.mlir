// RUN: dashkv-opt %s --verify-roundtrip | FileCheck %s

// What #dashkv.tiering prints: fields that differ from their defaults, in one
// order, with fractions to the millionth.

//===----------------------------------------------------------------------===//
// Defaults
//===----------------------------------------------------------------------===//

// CHECK: @nothing() attributes {t = #dashkv.tiering<>}
func.func private @nothing() attributes {t = #dashkv.tiering<>}

// CHECK: @defaults() attributes {t = #dashkv.tiering<>}
func.func private @defaults() attributes {t = #dashkv.tiering<
  full = 0.05, full_min = 128, mid = 0.0, mid_min = 0, sinks = 4, window = 64, bits_fraction = 2, dense_below = 4096,
  kept_votes = 1, scope = group, ties = lowest_index>}

//===----------------------------------------------------------------------===//
// Every field by itself
//===----------------------------------------------------------------------===//

// CHECK: @full() attributes {t = #dashkv.tiering<full = 0.02>}
func.func private @full() attributes {t = #dashkv.tiering<full = 0.02>}
// CHECK: @full_min() attributes {t = #dashkv.tiering<full_min = 0>}
func.func private @full_min() attributes {t = #dashkv.tiering<full_min = 0>}
// CHECK: @full_max() attributes {t = #dashkv.tiering<full_max = 128>}
func.func private @full_max() attributes {t = #dashkv.tiering<full_max = 128>}
// CHECK: @mid() attributes {t = #dashkv.tiering<mid = 0.2>}
func.func private @mid() attributes {t = #dashkv.tiering<mid = 0.2>}
// CHECK: @mid_min() attributes {t = #dashkv.tiering<mid_min = 7>}
func.func private @mid_min() attributes {t = #dashkv.tiering<mid_min = 7>}
// CHECK: @mid_max() attributes {t = #dashkv.tiering<mid_max = 0>}
func.func private @mid_max() attributes {t = #dashkv.tiering<mid_max = 0>}
// CHECK: @sinks() attributes {t = #dashkv.tiering<sinks = 0>}
func.func private @sinks() attributes {t = #dashkv.tiering<sinks = 0>}
// CHECK: @window() attributes {t = #dashkv.tiering<window = 2147483647>}
func.func private @window() attributes {t = #dashkv.tiering<window = 2147483647>}
// CHECK: @bits_fraction() attributes {t = #dashkv.tiering<bits_fraction = 6>}
func.func private @bits_fraction() attributes {t = #dashkv.tiering<bits_fraction = 6>}
// CHECK: @vote_threshold() attributes {t = #dashkv.tiering<vote_threshold = 0>}
func.func private @vote_threshold() attributes {t = #dashkv.tiering<vote_threshold = 0>}
// The default is the fraction of the full tier, whatever that is.
// CHECK: @vote_fraction() attributes {t = #dashkv.tiering<vote_fraction = 0.05>}
func.func private @vote_fraction() attributes {t = #dashkv.tiering<vote_fraction = 0.05>}
// CHECK: @dense_below() attributes {t = #dashkv.tiering<dense_below = 0>}
func.func private @dense_below() attributes {t = #dashkv.tiering<dense_below = 0>}
// CHECK: @kept_votes() attributes {t = #dashkv.tiering<kept_votes = 3>}
func.func private @kept_votes() attributes {t = #dashkv.tiering<kept_votes = 3>}
// CHECK: @scope() attributes {t = #dashkv.tiering<scope = head>}
func.func private @scope() attributes {t = #dashkv.tiering<scope = head>}
// CHECK: @newest() attributes {t = #dashkv.tiering<ties = newest>}
func.func private @newest() attributes {t = #dashkv.tiering<ties = newest>}
// CHECK: @inclusive() attributes {t = #dashkv.tiering<ties = inclusive>}
func.func private @inclusive() attributes {t = #dashkv.tiering<ties = inclusive>}

// CHECK: @order() attributes {t = #dashkv.tiering<full = 0.1, full_min = 1, full_max = 2, mid = 0.2, mid_min = 3, mid_max = 4, sinks = 5, window = 6, bits_fraction = 0, vote_threshold = 7, vote_fraction = 0.3, dense_below = 8, kept_votes = 9, scope = head, ties = inclusive>}
func.func private @order() attributes {t = #dashkv.tiering<
  ties = inclusive, scope = head, kept_votes = 9, dense_below = 8, vote_fraction = 0.3, vote_threshold = 7, bits_fraction = 0,
  window = 6, sinks = 5, mid_max = 4, mid_min = 3, mid = 0.2, full_max = 2, full_min = 1, full = 0.1>}

//===----------------------------------------------------------------------===//
// Fractions
//===----------------------------------------------------------------------===//

// CHECK: @seven_percent() attributes {t = #dashkv.tiering<full = 0.07>}
func.func private @seven_percent() attributes {t = #dashkv.tiering<full = 0.07>}
// CHECK: @one() attributes {t = #dashkv.tiering<full = 1.0>}
func.func private @one() attributes {t = #dashkv.tiering<full = 1.0>}
// CHECK: @zero() attributes {t = #dashkv.tiering<full = 0.0>}
func.func private @zero() attributes {t = #dashkv.tiering<full = 0.0>}
// CHECK: @one_in_64() attributes {t = #dashkv.tiering<full = 0.015625>}
func.func private @one_in_64() attributes {t = #dashkv.tiering<full = 0.015625>}
// CHECK: @exponent() attributes {t = #dashkv.tiering<full = 0.025>}
func.func private @exponent() attributes {t = #dashkv.tiering<full = 2.5e-2>}
// CHECK: @millionth() attributes {t = #dashkv.tiering<full = 0.000001>}
func.func private @millionth() attributes {t = #dashkv.tiering<full = 0.000001>}
// To the nearest millionth.
// CHECK: @rounded_up() attributes {t = #dashkv.tiering<full = 0.333333, mid = 0.666667>}
func.func private @rounded_up() attributes {t = #dashkv.tiering<full = 0.33333333, mid = 0.66666666>}
// CHECK: @rounded_away() attributes {t = #dashkv.tiering<full = 0.0>}
func.func private @rounded_away() attributes {t = #dashkv.tiering<full = 0.0000004>}

//===----------------------------------------------------------------------===//
// The other attributes
//===----------------------------------------------------------------------===//

// CHECK: @activations() attributes {r = #dashkv.activation<relu>, s = #dashkv.activation<silu>, t = #dashkv.activation<tanh>}
func.func private @activations() attributes {r = #dashkv.activation<relu>, s = #dashkv.activation<silu>, t = #dashkv.activation<tanh>}

// Roles name arguments and results.
// CHECK: @roles(tensor<4xf32> {dashkv.role = "bias"}) -> (tensor<4xf32> {dashkv.role = "kept"})
func.func private @roles(tensor<4xf32> {dashkv.role = "bias"}) -> (tensor<4xf32> {dashkv.role = "kept"})

// Marks of GPU launches.
// CHECK-LABEL: @marks
// CHECK-SAME: attributes {dashkv.resident}
func.func @marks() attributes {dashkv.resident} {
  // CHECK: memref.alloc() {dashkv.init = -1 : i8} : memref<4xi32>
  %0 = memref.alloc() {dashkv.init = -1 : i8} : memref<4xi32>
  return
}
