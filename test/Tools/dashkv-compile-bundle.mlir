// Machine code and bundles of kernels; what a launcher makes of them is tested in
// dashkv-run-gpu.mlir and in unittests/Runtime.
//
// RUN: dashkv-compile %s --emit=ptx --target=sm_90a | FileCheck %s
// RUN: dashkv-compile %s --emit=bundle --target=sm_80,sm_90a --stages=%t.stages -o %t.dashkv
// RUN: python -m dashkv.gpu %t.dashkv | FileCheck %s --check-prefix=BUNDLE
// RUN: ls %t.stages | FileCheck %s --check-prefix=STAGES
//
// Without ptxas there is PTX, and no machine code.
// RUN: python -c "import os, shutil; shutil.rmtree(r'%t', ignore_errors=True); os.mkdir(r'%t'); [os.symlink(shutil.which(n), r'%t/' + n) for n in ('dashkv-compile', 'sh', 'rm', 'touch')]"
// RUN: env PATH=%t CUDA_HOME=%t dashkv-compile %s --emit=bundle --target=sm_90a -o %t.ptx.dashkv 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: python -m dashkv.gpu %t.ptx.dashkv | FileCheck %s --check-prefix=BUNDLE
// RUN: not env PATH=%t CUDA_HOME=%t dashkv-compile %s --emit=cubin --target=sm_90a 2>&1 | FileCheck %s --check-prefix=NONE
//
// Kernels that need more registers than there are.
// RUN: printf '#!/bin/sh\necho "ptxas info    : Function properties for dashkv_finalize_f16"\necho "    8 bytes stack frame, 12 bytes spill stores, 16 bytes spill loads"\ntouch "$6"\n' > %t/ptxas && chmod +x %t/ptxas
// RUN: env PATH=%t dashkv-compile %s --emit=cubin --target=sm_90a -o %t/spills 2>&1 | FileCheck %s --check-prefix=SPILLS
// RUN: env PATH=%t dashkv-compile %s --emit=bundle --target=sm_90a -o %t/spills 2>&1 | FileCheck %s --check-prefix=SPILLS

//      CHECK: // Launches, of which the host code consists:
//      CHECK: // main
// CHECK-NEXT: //   a0: f32[?, 4, 1, 64] acc
// CHECK-NEXT: //   a1: f32[?, 4, 1]
// CHECK-NEXT: //   a2: f32[?, 4, 1]
// CHECK-NEXT: //   a3: f16[?, 4, 1, 64]
//      CHECK: //   v[[B:.+]] = dim(a0, 0)
//      CHECK: //   dashkv_finalize_f16 grid (v{{.+}}, 1, 1) block ({{.+}}, 1, 1) operands (a0, a1, a2, a3, {{.+}})
//      CHECK: .version

//      BUNDLE: main
// BUNDLE-NEXT:   argument 0: f32[?, 4, 1, 64] acc
// BUNDLE-NEXT:   argument 1: f32[?, 4, 1]
// BUNDLE-NEXT:   argument 2: f32[?, 4, 1]
// BUNDLE-NEXT:   argument 3: f16[?, 4, 1, 64]
// BUNDLE-NEXT:   result 0: argument 3

// STAGES: nvvm-sm_80.mlir
// STAGES: nvvm-sm_90a.mlir

// REMARK: remark: no ptxas in PATH or CUDA_HOME: the bundle has PTX only, which the driver compiles when it is loaded
// NONE: error: expected ptxas in PATH or CUDA_HOME for --emit=cubin (the Python package nvidia-cuda-nvcc has it), but found none
// SPILLS: warning: dashkv_finalize_f16 does not fit the registers of sm_90a: it moves 28 bytes to and from memory

func.func @main(%acc: tensor<?x4x1x64xf32> {dashkv.role = "acc"}, %max: tensor<?x4x1xf32>,
    %sum: tensor<?x4x1xf32>, %init: tensor<?x4x1x64xf16>) -> tensor<?x4x1x64xf16> {
  %out = dashkv.finalize ins(%acc, %max, %sum : tensor<?x4x1x64xf32>, tensor<?x4x1xf32>, tensor<?x4x1xf32>)
    outs(%init : tensor<?x4x1x64xf16>)
  return %out : tensor<?x4x1x64xf16>
}
