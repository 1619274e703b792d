// RUN: dashkv-opt %s --dashkv-select-tile-config=target=x86-64 | FileCheck %s --check-prefix=BASELINE
// RUN: not dashkv-opt %s --dashkv-select-tile-config=target=pdp11 2>&1 | FileCheck %s --check-prefix=BAD
// RUN: not dashkv-opt %s --dashkv-select-tile-config=workers=0 2>&1 | FileCheck %s --check-prefix=WORKERS
// RUN: not dashkv-opt %s --dashkv-select-tile-config=splits=-1 2>&1 | FileCheck %s --check-prefix=SPLITS
// WORKERS: error: expected workers >= 1 and splits >= 0, but got 0 and 0
// SPLITS: error: expected workers >= 1 and splits >= 0, but got 1 and -1

// A CPU without AVX2 has no kernels.
// BASELINE-NOT: tile_config
// BAD: error: expected native, a CPU that LLVM knows (x86-64-v3, znver4, ...) or a GPU (sm_80
// BAD-SAME: ) as target, but got 'pdp11'
func.func @finalize(%a: tensor<1x4x1x64xf32>, %m: tensor<1x4x1xf32>, %s: tensor<1x4x1xf32>, %o: tensor<1x4x1x64xf16>) -> tensor<1x4x1x64xf16> {
  %0 = dashkv.finalize ins(%a, %m, %s : tensor<1x4x1x64xf32>, tensor<1x4x1xf32>, tensor<1x4x1xf32>)
         outs(%o : tensor<1x4x1x64xf16>)
  return %0 : tensor<1x4x1x64xf16>
}
