// RUN: dashkv-opt %s --dashkv-apply-tiering="tiering=full=2%%,full_min=16,sinks=1,window=2,dense_below=0" | FileCheck %s --check-prefix=FIELDS
// RUN: dashkv-opt %s --dashkv-apply-tiering="tiering=scope=head codes=head levels=1 encoder=mlp" | FileCheck %s --check-prefix=PAPER
// RUN: dashkv-opt %s --dashkv-apply-tiering="code-bits=128 levels=15 encoder=mlp hidden=32 activation=relu" | FileCheck %s --check-prefix=MLP
// RUN: dashkv-opt %s --dashkv-apply-tiering="lengths forced prior votes" | FileCheck %s --check-prefix=OPERANDS
// RUN: dashkv-opt %s --dashkv-apply-tiering="tiering=mid=10%% residual-table" | FileCheck %s --check-prefix=MID
// RUN: dashkv-opt %s --dashkv-apply-tiering="tiering=mid=0.1 residual-table levels=1 codes=head" | FileCheck %s --check-prefix=PACKED
// RUN: dashkv-opt %s --dashkv-apply-tiering="dense-layers=0,2" | FileCheck %s --check-prefix=DENSE
// RUN: dashkv-opt %s --dashkv-apply-tiering="tiering=scope=head codes=head levels=1 encoder=mlp" --dashkv-linalg-pipeline -o /dev/null
// RUN: dashkv-opt %s --dashkv-apply-tiering="lengths forced prior votes" --dashkv-linalg-pipeline -o /dev/null
// RUN: dashkv-opt %s --dashkv-apply-tiering="tiering=mid=10%% residual-table" --dashkv-linalg-pipeline -o /dev/null

// Fields of #dashkv.tiering, fractions also as percentages.
// FIELDS-LABEL: @decode
// FIELDS:         dashkv.tiered_attention {{.*}} {tiering = #dashkv.tiering<full = 0.02, full_min = 16, sinks = 1, window = 2, dense_below = 0>}

// The form of the paper: packed codes of an mlp, and lists, for each query head.
// PAPER-LABEL: @decode
// PAPER-SAME:    tensor<8x64x256xf32> {dashkv.role = "query_encoder.weight0"}
// PAPER-SAME:    tensor<8x256xf32> {dashkv.role = "query_encoder.bias0"}
// PAPER-SAME:    tensor<8x256x256xf32> {dashkv.role = "query_encoder.weight1"}
// PAPER-SAME:    tensor<8x256xf32> {dashkv.role = "query_encoder.bias1"}
// PAPER-SAME:    tensor<8x256x64xf32> {dashkv.role = "query_encoder.weight2"}
// PAPER-SAME:    tensor<8x64xf32> {dashkv.role = "query_encoder.bias2"}
// PAPER:         dashkv.hash_encode mlp {{.*}} outs({{.*}} : tensor<1x8x1x8xi8>) {activation = #dashkv.activation<silu>}
// PAPER:         dashkv.tiered_attention {{.*}} codes({{.*}} : tensor<1x8x1x8xi8>, tensor<1x2x512x8xi8>) {{.*}} {tiering = #dashkv.tiering<scope = head>}

// Sizes: 4 * 64 inputs, 32 hidden, 128 bits in 16 bytes of a key code.
// MLP-LABEL: @decode
// MLP-SAME:    tensor<1x2x512x16xi8> {dashkv.role = "key_codes"}
// MLP-SAME:    tensor<2x256x32xf32> {dashkv.role = "query_encoder.weight0"}
// MLP-SAME:    tensor<2x32x128xf32> {dashkv.role = "query_encoder.weight2"}
// MLP:         dashkv.hash_encode mlp {{.*}} outs({{.*}} : tensor<1x2x1x128xi8>) {activation = #dashkv.activation<relu>, group = 4 : i64, levels = 15 : i64}

// OPERANDS-LABEL: @decode
// OPERANDS-SAME:    %[[LENGTHS:[a-z0-9]+]]: tensor<1xi32> {dashkv.role = "lengths"},
// OPERANDS-SAME:    %[[FORCED:[a-z0-9]+]]: tensor<1x512xi1> {dashkv.role = "forced"},
// OPERANDS-SAME:    %[[PRIOR:[a-z0-9]+]]: tensor<1x512xi1> {dashkv.role = "prior"},
// OPERANDS-SAME:    %[[VOTE:[a-z0-9]+]]: tensor<2xi16> {dashkv.role = "vote_discount"},
// OPERANDS-SAME:    %[[DISCOUNT:[a-z0-9]+]]: tensor<2xi16> {dashkv.role = "prior_discount"})
// OPERANDS-SAME:    -> (tensor<1x8x1x64xf16>, tensor<1x512xi1> {dashkv.role = "kept"})
// OPERANDS:         %[[R:.+]]:2 = dashkv.tiered_attention {{.*}} lengths(%[[LENGTHS]] : {{.*}}) forced(%[[FORCED]] : {{.*}}) prior(%[[PRIOR]] : {{.*}}) vote_discount(%[[VOTE]] : {{.*}}) prior_discount(%[[DISCOUNT]] : {{.*}}) outs({{.*}}) kept({{.*}} : tensor<1x512xi1>)
// OPERANDS:         return %[[R]]#0, %[[R]]#1

// Lengths that the op has are used; no argument is added.
// OPERANDS-LABEL: @with_lengths
// OPERANDS-SAME:    %[[OWN:[a-z0-9]+]]: tensor<1xi32>
// OPERANDS-NOT:     "lengths"
// OPERANDS:         dashkv.tiered_attention {{.*}} lengths(%[[OWN]] :

// A mid tier takes temperature, bias and the scale of weighted codes.
// MID-LABEL: @decode
// MID-SAME:    %[[T:[a-z0-9]+]]: tensor<8xf32> {dashkv.role = "temperature"}, %[[B:[a-z0-9]+]]: tensor<8xf32> {dashkv.role = "bias"}, %[[TABLE:[a-z0-9]+]]: tensor<8x128xf32> {dashkv.role = "table"}
// MID:         %[[CODES:.+]]:2 = dashkv.hash_encode linear {{.*}} outs({{.*}}) code_scale({{.*}} : tensor<1x2x1xf32>)
// MID:         dashkv.tiered_attention {{.*}} codes(%[[CODES]]#0, {{.*}}) code_scale(%[[CODES]]#1 : {{.*}}) scoring(%[[T]], %[[B]] : {{.*}}) table(%[[TABLE]] : {{.*}}) outs({{.*}}) {tiering = #dashkv.tiering<mid = 0.1>}

// A distance of packed codes is at most 64.
// PACKED-LABEL: @decode
// PACKED-SAME:    tensor<8x65xf32> {dashkv.role = "table"}
// PACKED:         dashkv.tiered_attention

func.func @decode(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x512x64xf16>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  return %0 : tensor<1x8x1x64xf16>
}

func.func @with_lengths(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x512x64xf16>, %lengths: tensor<1xi32>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) lengths(%lengths : tensor<1xi32>) outs(%o : tensor<1x8x1x64xf16>)
  return %0 : tensor<1x8x1x64xf16>
}

// Ops 0 and 2 stay exact; the number of op 1 is that in the function.
// DENSE-LABEL: @three_layers
// DENSE-NOT:     "layer{{[02]}}.
// DENSE-SAME:    {dashkv.role = "layer1.key_codes"}
// DENSE-NOT:     "layer{{[02]}}.
// DENSE:         dashkv.attention
// DENSE:         dashkv.tiered_attention
// DENSE:         dashkv.attention
func.func @three_layers(%q: tensor<1x8x1x64xf16>, %k: tensor<1x2x512x64xf16>, %o: tensor<1x8x1x64xf16>) -> tensor<1x8x1x64xf16> {
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  %1 = dashkv.attention ins(%0, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  %2 = dashkv.attention ins(%1, %k, %k : tensor<1x8x1x64xf16>, tensor<1x2x512x64xf16>, tensor<1x2x512x64xf16>) outs(%o : tensor<1x8x1x64xf16>)
  return %2 : tensor<1x8x1x64xf16>
}
