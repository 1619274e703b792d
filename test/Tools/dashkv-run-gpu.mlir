// Modules and bundles on a GPU, which is simulated: %cuda is the folder of a
// libcuda.so.1 that interprets PTX.
//
// RUN: python %S/Inputs/npy.py %t acc=f4:2x4x1x64 max=f4:2x4x1 sum=f4:2x4x1 init=f2:2x4x1x64 short=f4:2x4x1x32
// DEFINE: %{arguments} = --input %t/max.npy --input 2=%t/sum.npy --input %t/init.npy
// DEFINE: %{check} = python -c "import numpy as np; a, s, o = (np.load(r'%t/' + x + '.npy').astype(np.float32) for x in ('acc', 'sum', 'out')); assert np.allclose(o, np.where(s[..., None] == 0, 0, a / s[..., None]), rtol=1e-3), o"
//
// RUN: env LD_LIBRARY_PATH=%cuda dashkv-run %s --target=sm_90a --input acc=%t/acc.npy %{arguments} --output %t/out.npy
// RUN: %{check}
//
// The same by a bundle, for any chip that runs it.
// RUN: dashkv-compile %s --emit=bundle --target=sm_80,sm_90a -o %t/kernels
// RUN: env LD_LIBRARY_PATH=%cuda DASHKV_SIM_CHIP=sm_120 DASHKV_SIM_TRACE=1 dashkv-run %t/kernels --input acc=%t/acc.npy %{arguments} --output %t/out.npy --repeat=2 --json %t/times.json 2>&1 | FileCheck %s
// RUN: %{check}
// RUN: python -c "import json; assert json.load(open(r'%t/times.json'))['seconds'] >= 0"
//   CHECK: dashkv_finalize_f16
//   CHECK: main: {{.+}} ms (mean of 2)

// Everything that cannot run: exit code 1 and a message.
// DEFINE: %{run} = env LD_LIBRARY_PATH=%cuda not dashkv-run
// RUN: %{run} %s --target=sm_90a --compare=attention 2>&1 | FileCheck %s --check-prefix=COMPARE
// COMPARE: dashkv-run: error: expected a CPU as target of --compare, but got sm_90a
// RUN: %{run} %s --target=sm_91 2>&1 | FileCheck %s --check-prefix=TARGET
// TARGET: error: expected a GPU target out of {{.*}}, but got 'sm_91'
// RUN: env DASHKV_SIM_CHIP=sm_80 LD_LIBRARY_PATH=%cuda not dashkv-run %s --target=sm_90a 2>&1 | FileCheck %s --check-prefix=CHIP
// CHIP: dashkv-run: error: expected a bundle with kernels for this GPU, sm_80, but got one for sm_90a (PTX)
// RUN: env DASHKV_SIM_DRIVER=11080 LD_LIBRARY_PATH=%cuda not dashkv-run %s --target=sm_90a 2>&1 | FileCheck %s --check-prefix=DRIVER
// DRIVER: dashkv-run: error: expected the driver of CUDA 12.0 or later for PTX 8.0, but got that of CUDA 11.8
// RUN: %{run} %t/kernels --entry=other 2>&1 | FileCheck %s --check-prefix=ENTRY
// ENTRY: dashkv-run: error: expected a public function with a body, but 'other' is none of {{.*}}kernels
// RUN: %{run} %t/kernels --input acc=%t/acc.npy %{arguments} --input %t/acc.npy 2>&1 | FileCheck %s --check-prefix=COUNT
// COUNT: dashkv-run: error: expected at most 4 arguments, but got {{.*}}acc.npy
// RUN: %{run} %t/kernels --input %t/max.npy 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: dashkv-run: error: expected an --input for argument 1, but got none
// RUN: %{run} %t/kernels --input %t/short.npy %{arguments} 2>&1 | FileCheck %s --check-prefix=SHAPE
// SHAPE: dashkv-run: error: expected argument 0 (acc) of 'main' to be tensor<?x4x1x64xf32>, but got f4[2, 4, 1, 32]
// RUN: %{run} %t/kernels --input acc=%t/acc.npy %{arguments} --output %t/out.npy --output %t/out.npy 2>&1 | FileCheck %s --check-prefix=OUTPUTS
// OUTPUTS: dashkv-run: error: expected at most 1 outputs, but got 2
// RUN: python -c "data = open(r'%t/kernels', 'rb').read(); open(r'%t/cut', 'wb').write(data[:-1])"
// RUN: %{run} %t/cut 2>&1 | FileCheck %s --check-prefix=CUT
// CUT: dashkv-run: error: the bundle is damaged: expected {{[0-9]+}} bytes, but got {{[0-9]+}}

func.func @main(%acc: tensor<?x4x1x64xf32> {dashkv.role = "acc"}, %max: tensor<?x4x1xf32>,
    %sum: tensor<?x4x1xf32>, %init: tensor<?x4x1x64xf16>) -> tensor<?x4x1x64xf16> {
  %out = dashkv.finalize ins(%acc, %max, %sum : tensor<?x4x1x64xf32>, tensor<?x4x1xf32>, tensor<?x4x1xf32>)
    outs(%init : tensor<?x4x1x64xf16>)
  return %out : tensor<?x4x1x64xf16>
}
