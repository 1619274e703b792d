// Tiered attention beside exact attention, on the same inputs.

// RUN: split-file %s %t
// RUN: python %S/Inputs/npy.py %t q=f4:1x8x1x64 k=f4:1x2x512x64 v=f4:1x2x512x64 codes=i1:1x2x512x8 weight=f4:2x256x64 temperature=f4:8=0.01 lengths=i4:1=100
// RUN: dashkv-run %t/some.mlir --input %t/q.npy --input %t/k.npy --input %t/v.npy --input key_codes=%t/codes.npy --input query_encoder.weight=%t/weight.npy --compare=attention --repeat=1 --json %t/c.json --output %t/out.npy | FileCheck %s
// RUN: FileCheck %s --check-prefix=JSON < %t/c.json
// RUN: python -c "import numpy as np; assert np.load(r'%t/out.npy').shape == (1, 8, 1, 64)"

// A table of exact against tiered. Of 1024 keys, 2 heads take 4 + 64 + 64 each.
// CHECK:      exact        tiered     ratio
// CHECK-NEXT: time {{.*}} ms {{.*}} ms {{.*}}x
// CHECK-NEXT: codes, K and V read{{ +}}0.524 MB{{ +}}0.143 MB{{ +}}3.66x
// CHECK-NEXT: K rows{{ +}}1024{{ +}}264{{ +}}25.78%
// CHECK-NEXT: kept attention mass{{ +}}1{{ +}}0.{{[0-9]+}}   min 0.{{[0-9]+}}
// CHECK-NEXT: error of result 0{{ +}}{{[0-9.e+-]+}}   rms {{[0-9.e+-]+}}, correlation {{[0-9.-]+}}
// CHECK-NOT:  {{.}}

// JSON-DAG: "exact_seconds": {{[0-9.e-]+}}
// JSON-DAG: "tiered_seconds": {{[0-9.e-]+}}
// JSON-DAG: "full_rows": 264
// JSON-DAG: "keys": 1024
// JSON-DAG: "kept_mean": 0.
// JSON-DAG: "kept_min": 0.
// JSON-DAG: "dense": false
// JSON-DAG: "tiered_bytes": 143360
// JSON-DAG: "exact_bytes": 524288
// JSON-DAG: "correlation":
// JSON-DAG: "largest_relative":
// JSON-DAG: "rms_relative":

// Everything in the full tier: the same results, all mass kept.
// RUN: dashkv-run %t/everything.mlir --input %t/q.npy --input %t/k.npy --input %t/v.npy --input %t/codes.npy --input %t/weight.npy --compare=attention --repeat=1 | FileCheck %s --check-prefix=ALL
// ALL: kept attention mass{{ +}}1{{ +}}1.0000   min 1.0000
// ALL: error of result 0{{ +(0.00e\+00|[0-9.]+e-0[6-9]).*}}correlation 1.000000

// Two ops, the second with a mid tier, and a sequence below dense_below.
// RUN: dashkv-run %t/two.mlir --input %t/q.npy --input %t/k.npy --input %t/v.npy --input %t/codes.npy --input %t/weight.npy --input %t/temperature.npy --input %t/lengths.npy --compare=attention --repeat=1 | FileCheck %s --check-prefix=TWO
// TWO: codes, K and V read (op 0)
// TWO: kept attention mass (op 0)
// TWO: below dense_below keys: exact attention was taken
// TWO: V rows of the mid tier (op 1){{ +}}104{{ +}}10.16%
// TWO: kept attention mass (op 1)
// TWO: error of result 0

//--- some.mlir
func.func @main(%q: tensor<1x8x1x64xf32>, %k: tensor<1x2x512x64xf32>, %v: tensor<1x2x512x64xf32>, %kc: tensor<1x2x512x8xi8> {dashkv.role = "key_codes"},
                %w: tensor<2x256x64xf32> {dashkv.role = "query_encoder.weight"}) -> tensor<1x8x1x64xf32> {
  %o = tensor.empty() : tensor<1x8x1x64xf32>
  %e = tensor.empty() : tensor<1x2x1x64xi8>
  %qc = dashkv.hash_encode linear ins(%q : tensor<1x8x1x64xf32>) weights(%w : tensor<2x256x64xf32>) outs(%e : tensor<1x2x1x64xi8>) {group = 4 : i64, levels = 7 : i64}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf32>, tensor<1x2x512x64xf32>, tensor<1x2x512x64xf32>) codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x512x8xi8>)
      outs(%o : tensor<1x8x1x64xf32>) {tiering = #dashkv.tiering<full_min = 64, dense_below = 0>}
  return %0 : tensor<1x8x1x64xf32>
}

//--- everything.mlir
func.func @main(%q: tensor<1x8x1x64xf32>, %k: tensor<1x2x512x64xf32>, %v: tensor<1x2x512x64xf32>, %kc: tensor<1x2x512x8xi8>, %w: tensor<2x256x64xf32>) -> tensor<1x8x1x64xf32> {
  %o = tensor.empty() : tensor<1x8x1x64xf32>
  %e = tensor.empty() : tensor<1x2x1x64xi8>
  %qc = dashkv.hash_encode linear ins(%q : tensor<1x8x1x64xf32>) weights(%w : tensor<2x256x64xf32>) outs(%e : tensor<1x2x1x64xi8>) {group = 4 : i64, levels = 7 : i64}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf32>, tensor<1x2x512x64xf32>, tensor<1x2x512x64xf32>) codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x512x8xi8>)
      outs(%o : tensor<1x8x1x64xf32>) {tiering = #dashkv.tiering<full = 1.0, dense_below = 0>}
  return %0 : tensor<1x8x1x64xf32>
}

//--- two.mlir
func.func @main(%q: tensor<1x8x1x64xf32>, %k: tensor<1x2x512x64xf32>, %v: tensor<1x2x512x64xf32>, %kc: tensor<1x2x512x8xi8>, %w: tensor<2x256x64xf32>, %t: tensor<8xf32>, %lengths: tensor<1xi32>) -> tensor<1x8x1x64xf32> {
  %o = tensor.empty() : tensor<1x8x1x64xf32>
  %e = tensor.empty() : tensor<1x2x1x64xi8>
  %qc = dashkv.hash_encode linear ins(%q : tensor<1x8x1x64xf32>) weights(%w : tensor<2x256x64xf32>) outs(%e : tensor<1x2x1x64xi8>) {group = 4 : i64, levels = 7 : i64}
  %0 = dashkv.tiered_attention ins(%q, %k, %v : tensor<1x8x1x64xf32>, tensor<1x2x512x64xf32>, tensor<1x2x512x64xf32>) codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x512x8xi8>)
      lengths(%lengths : tensor<1xi32>) outs(%o : tensor<1x8x1x64xf32>) {tiering = #dashkv.tiering<full_min = 64, dense_below = 200>}
  %1 = dashkv.tiered_attention ins(%0, %k, %v : tensor<1x8x1x64xf32>, tensor<1x2x512x64xf32>, tensor<1x2x512x64xf32>) codes(%qc, %kc : tensor<1x2x1x64xi8>, tensor<1x2x512x8xi8>)
      scoring(%t, %t : tensor<8xf32>, tensor<8xf32>) outs(%o : tensor<1x8x1x64xf32>) {tiering = #dashkv.tiering<full_min = 64, mid = 0.1, dense_below = 0>}
  return %1 : tensor<1x8x1x64xf32>
}
