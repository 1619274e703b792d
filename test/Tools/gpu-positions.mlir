// A number among the arguments is an array of one element on the GPU, so that one plan serves all steps: the row that a
// step appends begins where device memory says.
// RUN: dashkv-compile %s --tiering=full=25%%,full_min=16,window=8 --target=sm_90a --emit=ptx -o - | FileCheck %s
// CHECK: // main
// CHECK: a5: i64[]

// RUN: dashkv-compile %s --tiering=full=25%%,full_min=16,window=8 --emit=mlir -o %t.mlir
// RUN: python %S/Inputs/npy.py %t q=f4:1x2x4x1x64 k=f4:1x2x1x64 v=f4:1x2x1x64 keys=f4:1x2x256x64 values=f4:1x2x256x64 pos=i8:=77 codes=i1:1x2x256x8 wk=f4:2x64x64 bk=f4:2x64 wq=f4:2x256x64 bq=f4:2x64
// DEFINE: %{arguments} = --input=%t/q.npy --input=%t/k.npy --input=%t/v.npy --input=%t/keys.npy --input=%t/values.npy --input=%t/pos.npy --input=%t/codes.npy --input=%t/wk.npy --input=%t/bk.npy --input=%t/wq.npy --input=%t/bq.npy
// RUN: env LD_LIBRARY_PATH=%cuda dashkv-run %t.mlir --target=sm_90a %{arguments} --output=%t/gpu0.npy --output=%t/gpu1.npy --output=%t/gpu2.npy --output=%t/gpu3.npy
// RUN: dashkv-run %t.mlir --no-cache %{arguments} --output=%t/cpu0.npy --output=%t/cpu1.npy --output=%t/cpu2.npy --output=%t/cpu3.npy
// RUN: python -c "import numpy as np; load = lambda n: np.load(r'%t/' + n + '.npy'); assert np.allclose(load('gpu0'), load('cpu0'), atol=1e-4); assert all((load(f'gpu{i}') == load(f'cpu{i}')).all() for i in (1, 2, 3)); assert (load('gpu1')[:, :, 77] == load('k')[:, :, 0]).all()"

// One decode step of 8 query heads on 2 KV heads: append key and value to the cache, softmax(q k^T) v.
#q = affine_map<(b, h, g, m, n, d) -> (b, h, g, m, d)>
#k = affine_map<(b, h, g, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, g, m, n, d) -> (b, h, g, m, n)>

func.func @main(%q: tensor<1x2x4x1x64xf32>, %new_k: tensor<1x2x1x64xf32>, %new_v: tensor<1x2x1x64xf32>,
                  %k_cache: tensor<1x2x256x64xf32>, %v_cache: tensor<1x2x256x64xf32>, %pos: index)
    -> (tensor<1x2x4x1x64xf32>, tensor<1x2x256x64xf32>, tensor<1x2x256x64xf32>) {
  %k = tensor.insert_slice %new_k into %k_cache[0, 0, %pos, 0] [1, 2, 1, 64] [1, 1, 1, 1]
         : tensor<1x2x1x64xf32> into tensor<1x2x256x64xf32>
  %v = tensor.insert_slice %new_v into %v_cache[0, 0, %pos, 0] [1, 2, 1, 64] [1, 1, 1, 1]
         : tensor<1x2x1x64xf32> into tensor<1x2x256x64xf32>

  %zero = arith.constant 0.0 : f32
  %s0 = tensor.empty() : tensor<1x2x4x1x256xf32>
  %s1 = linalg.fill ins(%zero : f32) outs(%s0 : tensor<1x2x4x1x256xf32>) -> tensor<1x2x4x1x256xf32>
  %s = linalg.contract indexing_maps = [#q, #k, #s]
         ins(%q, %k : tensor<1x2x4x1x64xf32>, tensor<1x2x256x64xf32>)
         outs(%s1 : tensor<1x2x4x1x256xf32>) -> tensor<1x2x4x1x256xf32>
  %p = linalg.softmax dimension(4) ins(%s : tensor<1x2x4x1x256xf32>)
         outs(%s0 : tensor<1x2x4x1x256xf32>) -> tensor<1x2x4x1x256xf32>
  %o0 = tensor.empty() : tensor<1x2x4x1x64xf32>
  %o1 = linalg.fill ins(%zero : f32) outs(%o0 : tensor<1x2x4x1x64xf32>) -> tensor<1x2x4x1x64xf32>
  %o = linalg.contract indexing_maps = [#s, #k, #q]
         ins(%p, %v : tensor<1x2x4x1x256xf32>, tensor<1x2x256x64xf32>)
         outs(%o1 : tensor<1x2x4x1x64xf32>) -> tensor<1x2x4x1x64xf32>
  return %o, %k, %v : tensor<1x2x4x1x64xf32>, tensor<1x2x256x64xf32>, tensor<1x2x256x64xf32>
}
