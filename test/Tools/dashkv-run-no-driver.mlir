// A machine without the NVIDIA driver.
// UNSUPPORTED: nvidia-driver
// RUN: not dashkv-run %s --target=sm_90a 2>&1 | FileCheck %s
// CHECK: dashkv-run: error: expected the NVIDIA driver, but libcuda.so.1: cannot open shared object file: No such file or directory

func.func @main(%acc: tensor<1x4x1x64xf32>, %max: tensor<1x4x1xf32>, %sum: tensor<1x4x1xf32>, %init: tensor<1x4x1x64xf16>) -> tensor<1x4x1x64xf16> {
  %out = dashkv.finalize ins(%acc, %max, %sum : tensor<1x4x1x64xf32>, tensor<1x4x1xf32>, tensor<1x4x1xf32>)
    outs(%init : tensor<1x4x1x64xf16>)
  return %out : tensor<1x4x1x64xf16>
}
