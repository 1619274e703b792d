// Constants of a module (weights that an export has baked in) come to the GPU with the plan.
// RUN: split-file %s %t
// RUN: dashkv-compile %t/weight.mlir --target=sm_90a --emit=ptx -o - | FileCheck %s --check-prefix=PLAN
// RUN: dashkv-compile %t/weight.mlir --target=sm_90a --emit=iree -o - | FileCheck %s --check-prefix=IREE
// RUN: dashkv-opt %t/weight.mlir --dashkv-nvvm-pipeline=host=true | FileCheck %s --check-prefix=HOST
// RUN: not dashkv-compile %t/lost.mlir --target=sm_90a --emit=ptx -o - 2>&1 | FileCheck %s --check-prefix=LOST

// On the simulated GPU the weights are there: a product with zeros would average the values.
// RUN: python %S/Inputs/gpu-constants.py make %t
// RUN: env LD_LIBRARY_PATH=%cuda dashkv-run %t/weight.mlir --target=sm_90a --input=%t/q.npy --input=%t/k.npy --input=%t/v.npy --output=%t/gpu.npy
// RUN: dashkv-run %t/weight.mlir --no-cache --input=%t/q.npy --input=%t/k.npy --input=%t/v.npy --output=%t/cpu.npy
// RUN: python %S/Inputs/gpu-constants.py compare %t

// PLAN: 8 bytes, a constant
// IREE: arith.constant dense<"0x0040003C00420038"> : tensor<8xi8>
// HOST: llvm.call @mgpuMemcpy
// LOST: lost.mlir:2:8: error: expected a constant with its values

//--- weight.mlir
func.func @main(%q: tensor<1x4x1x64xf16>, %k: tensor<1x2x96x64xf16>, %v: tensor<1x2x96x64xf16>) -> tensor<1x4x1x64xf16> {
  %w = arith.constant dense<[2.0, 1.0, 3.0, 0.5]> : tensor<4xf16>
  %e = tensor.empty() : tensor<1x4x1x64xf16>
  %scaled = linalg.generic {indexing_maps = [affine_map<(b, h, m, d) -> (b, h, m, d)>, affine_map<(b, h, m, d) -> (h)>, affine_map<(b, h, m, d) -> (b, h, m, d)>],
                            iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%q, %w : tensor<1x4x1x64xf16>, tensor<4xf16>) outs(%e : tensor<1x4x1x64xf16>) {
    ^bb0(%x: f16, %y: f16, %o: f16):
      %z = arith.mulf %x, %y : f16
      linalg.yield %z : f16
  } -> tensor<1x4x1x64xf16>
  %0 = dashkv.attention ins(%scaled, %k, %v : tensor<1x4x1x64xf16>, tensor<1x2x96x64xf16>, tensor<1x2x96x64xf16>) outs(%e : tensor<1x4x1x64xf16>)
  return %0 : tensor<1x4x1x64xf16>
}

//--- lost.mlir
func.func @main(%q: tensor<1x4x1x64xf16>, %k: tensor<1x2x96x64xf16>, %v: tensor<1x2x96x64xf16>) -> tensor<1x4x1x64xf16> {
  %w = arith.constant dense_resource<weight> : tensor<1x4x1x64xf16>
  %e = tensor.empty() : tensor<1x4x1x64xf16>
  %scaled = linalg.mul ins(%q, %w : tensor<1x4x1x64xf16>, tensor<1x4x1x64xf16>) outs(%e : tensor<1x4x1x64xf16>) -> tensor<1x4x1x64xf16>
  %0 = dashkv.attention ins(%scaled, %k, %v : tensor<1x4x1x64xf16>, tensor<1x2x96x64xf16>, tensor<1x2x96x64xf16>) outs(%e : tensor<1x4x1x64xf16>)
  return %0 : tensor<1x4x1x64xf16>
}
