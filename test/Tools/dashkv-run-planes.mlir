// Codes of keys in both layouts, through every lowering: the same results, and the same bytes in the cache.

// RUN: split-file %s %t
// RUN: python %S/Inputs/npy.py %t q=f4:1x8x2x64 new=f4:1x2x2x64 k=f4:1x2x200x64 v=f4:1x2x200x64 codes=i1:1x2x200x8 wq=f4:2x256x64 bq=f4:2x64 wk=f4:2x64x64 bk=f4:2x64 prior=b1:1x200 discount=i2:2=3
// RUN: env PYTHONPATH=%source/python python %t/pack.py %t
// RUN: dashkv-opt %t/step.mlir --dashkv-apply-tiering="tiering=full=10%%,full_min=8,dense_below=0,window=4 levels=7 prior" -o %t/rows.mlir
// RUN: dashkv-opt %t/step.mlir --dashkv-apply-tiering="tiering=full=10%%,full_min=8,dense_below=0,window=4 levels=7 prior code-layout=planes" -o %t/planes.mlir
// RUN: dashkv-run %t/rows.mlir --input %t/q.npy --input %t/new.npy --input %t/k.npy --input %t/v.npy --input key_codes=%t/codes.npy --input key_encoder.weight=%t/wk.npy --input key_encoder.bias=%t/bk.npy --input query_encoder.weight=%t/wq.npy --input query_encoder.bias=%t/bq.npy --input prior=%t/prior.npy --input prior_discount=%t/discount.npy --output %t/o0.npy --output "" --output %t/c0.npy --output %t/kept0.npy
// RUN: dashkv-run %t/planes.mlir --lowering=linalg --input %t/q.npy --input %t/new.npy --input %t/k.npy --input %t/v.npy --input key_codes=%t/planes.npy --input key_encoder.weight=%t/wk.npy --input key_encoder.bias=%t/bk.npy --input query_encoder.weight=%t/wq.npy --input query_encoder.bias=%t/bq.npy --input prior=%t/padded.npy --input prior_discount=%t/discount.npy --output %t/o1.npy --output "" --output %t/c1.npy --output %t/kept1.npy
// RUN: dashkv-run %t/planes.mlir --lowering=vector --input %t/q.npy --input %t/new.npy --input %t/k.npy --input %t/v.npy --input key_codes=%t/planes.npy --input key_encoder.weight=%t/wk.npy --input key_encoder.bias=%t/bk.npy --input query_encoder.weight=%t/wq.npy --input query_encoder.bias=%t/bq.npy --input prior=%t/padded.npy --input prior_discount=%t/discount.npy --output %t/o2.npy --output "" --output %t/c2.npy --output %t/kept2.npy
// RUN: env PYTHONPATH=%source/python python %t/compare.py %t

// Lists end with the keys, not with the last block: the same mass is kept.
// RUN: dashkv-run %t/rows.mlir --compare=attention --repeat=1 --input %t/q.npy --input %t/new.npy --input %t/k.npy --input %t/v.npy --input key_codes=%t/codes.npy --input key_encoder.weight=%t/wk.npy --input key_encoder.bias=%t/bk.npy --input query_encoder.weight=%t/wq.npy --input query_encoder.bias=%t/bq.npy --input prior=%t/prior.npy --input prior_discount=%t/discount.npy | grep kept > %t/kept0.txt
// RUN: dashkv-run %t/planes.mlir --compare=attention --repeat=1 --input %t/q.npy --input %t/new.npy --input %t/k.npy --input %t/v.npy --input key_codes=%t/planes.npy --input key_encoder.weight=%t/wk.npy --input key_encoder.bias=%t/bk.npy --input query_encoder.weight=%t/wq.npy --input query_encoder.bias=%t/bq.npy --input prior=%t/padded.npy --input prior_discount=%t/discount.npy | grep kept > %t/kept1.txt
// RUN: diff %t/kept0.txt %t/kept1.txt

// Codes of a prefill, all of them packed at once.
// RUN: dashkv-opt %t/prefill.mlir --dashkv-apply-tiering -o %t/rows.mlir
// RUN: dashkv-opt %t/prefill.mlir --dashkv-apply-tiering=code-layout=planes -o %t/planes.mlir
// RUN: dashkv-run %t/rows.mlir --input %t/k.npy --input key_encoder.weight=%t/wk.npy --input key_encoder.bias=%t/bk.npy --output "" --output %t/c0.npy
// RUN: dashkv-run %t/planes.mlir --lowering=linalg --input %t/k.npy --input key_encoder.weight=%t/wk.npy --input key_encoder.bias=%t/bk.npy --output "" --output %t/c1.npy
// RUN: dashkv-run %t/planes.mlir --lowering=vector --input %t/k.npy --input key_encoder.weight=%t/wk.npy --input key_encoder.bias=%t/bk.npy --output "" --output %t/c2.npy
// RUN: env PYTHONPATH=%source/python python -c "import numpy as np; from dashkv.reference import pack_planes; a, b, c = (np.load(r'%t/c' + i + '.npy') for i in '012'); assert b.shape == (1, 2, 4, 8, 64) and (b == pack_planes(a)).all() and (c == b).all()"

//--- step.mlir
// Two new keys, in different blocks.
func.func @main(%q: tensor<1x8x2x64xf32>, %new: tensor<1x2x2x64xf32>, %cache: tensor<1x2x?x64xf32>, %v: tensor<1x2x?x64xf32>) -> (tensor<1x8x2x64xf32>, tensor<1x2x?x64xf32>) {
  %k = tensor.insert_slice %new into %cache[0, 0, 127, 0] [1, 2, 2, 64] [1, 1, 1, 1] : tensor<1x2x2x64xf32> into tensor<1x2x?x64xf32>
  %o = tensor.empty() : tensor<1x8x2x64xf32>
  %0 = dashkv.attention causal ins(%q, %k, %v : tensor<1x8x2x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) outs(%o : tensor<1x8x2x64xf32>)
  return %0, %k : tensor<1x8x2x64xf32>, tensor<1x2x?x64xf32>
}
//--- prefill.mlir
func.func @main(%x: tensor<1x2x?x64xf32>) -> tensor<1x2x?x64xf32> {
  %c2 = arith.constant 2 : index
  %n = tensor.dim %x, %c2 : tensor<1x2x?x64xf32>
  %o = tensor.empty(%n) : tensor<1x2x?x64xf32>
  %0 = dashkv.attention causal ins(%x, %x, %x : tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>, tensor<1x2x?x64xf32>) outs(%o : tensor<1x2x?x64xf32>)
  return %0 : tensor<1x2x?x64xf32>
}
//--- pack.py
import sys
import numpy as np
from dashkv.reference import pack_planes

def path(name):
    return f"{sys.argv[1]}/{name}.npy"

np.save(path("planes"), pack_planes(np.load(path("codes")), fill=0x5A))
np.save(path("padded"), np.pad(np.load(path("prior")), ((0, 0), (0, 56)), constant_values=True))
//--- compare.py
import sys
import numpy as np
from dashkv.reference import pack_planes, unpack_planes

def load(name):
    return np.load(f"{sys.argv[1]}/{name}.npy")

new = pack_planes(load("c0"), fill=0x5A)
assert (new != load("planes")).any()
for i in "12":
    assert (load("c" + i) == new).all() and (unpack_planes(load("c" + i), 200) == load("c0")).all()
    assert (load("kept" + i)[:, :200] == load("kept0")).all() and not load("kept" + i)[:, 200:].any()
    assert np.allclose(load("o" + i), load("o0"), rtol=1e-5, atol=1e-6)
