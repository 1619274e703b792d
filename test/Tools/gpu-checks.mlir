// A check in a kernel (here of the index of an embedding, as torch-mlir writes it) stops the kernel by a trap: PTX has
// no function to call.
// RUN: dashkv-compile %s --target=sm_90a --emit=ptx -o - | FileCheck %s --implicit-check-not=".extern .func"
// CHECK: trap;

// RUN: python %S/Inputs/npy.py %t word=i8:=41 k=f4:1x1x70x16 table=f4:64x16
// DEFINE: %{run} = dashkv-run %s --input=%t/word.npy --input=%t/k.npy --input=%t/table.npy
// RUN: env LD_LIBRARY_PATH=%cuda %{run} --target=sm_90a --output=%t/gpu.npy
// RUN: %{run} --no-cache --output=%t/cpu.npy
// RUN: python -c "import numpy as np; gpu, cpu = (np.load(r'%t/' + n + '.npy') for n in ('gpu', 'cpu')); assert np.allclose(gpu, cpu, atol=1e-5) and np.ptp(cpu) > 0.1"

// RUN: python %S/Inputs/npy.py %t word=i8:=64
// RUN: not env LD_LIBRARY_PATH=%cuda %{run} --target=sm_90a 2>&1 | FileCheck %s --check-prefix=OUTSIDE
// OUTSIDE: trap

#word = affine_map<(d) -> ()>
#row = affine_map<(d) -> (d)>
func.func @main(%word: i64, %k: tensor<1x1x70x16xf32>, %table: tensor<64x16xf32>) -> tensor<1x1x1x16xf32> {
  %zero = arith.constant 0 : index
  %words = arith.constant 64 : index
  %w = tensor.from_elements %word : tensor<i64>
  %e = tensor.empty() : tensor<16xf32>
  %q = linalg.generic {indexing_maps = [#word, #row], iterator_types = ["parallel"]} ins(%w : tensor<i64>) outs(%e : tensor<16xf32>) {
  ^bb0(%in: i64, %out: f32):
    %row = arith.index_cast %in : i64 to index
    %column = linalg.index 0 : index
    %below = arith.cmpi slt, %row, %words : index
    cf.assert %below, "index must be smaller than dim size"
    %above = arith.cmpi sge, %row, %zero : index
    cf.assert %above, "index must be larger or equal to 0"
    %value = tensor.extract %table[%row, %column] : tensor<64x16xf32>
    linalg.yield %value : f32
  } -> tensor<16xf32>
  %q4 = tensor.expand_shape %q [[0, 1, 2, 3]] output_shape [1, 1, 1, 16] : tensor<16xf32> into tensor<1x1x1x16xf32>
  %o = tensor.empty() : tensor<1x1x1x16xf32>
  %r = dashkv.attention ins(%q4, %k, %k : tensor<1x1x1x16xf32>, tensor<1x1x70x16xf32>, tensor<1x1x70x16xf32>) outs(%o : tensor<1x1x1x16xf32>)
  return %r : tensor<1x1x1x16xf32>
}
