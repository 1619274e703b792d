// RUN: dashkv-opt %s --dashkv-lower-forall=parallel=callback --split-input-file --verify-diagnostics

func.func @on_tensors(%x: tensor<8xf32>) -> tensor<8xf32> {
  // expected-error @below {{expected a parallel loop on memrefs, but got one on tensors}}
  %r = scf.forall (%i) in (8) shared_outs(%o = %x) -> tensor<8xf32> {
    %s = tensor.extract_slice %o[%i] [1] [1] : tensor<8xf32> to tensor<1xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %s into %o[%i] [1] [1] : tensor<1xf32> into tensor<8xf32>
    }
  }
  return %r : tensor<8xf32>
}

// -----

func.func @tensor_inside(%x: tensor<8xf32>, %y: memref<8xf32>) {
  // expected-error @below {{cannot pass a value of type 'tensor<8xf32>' to a thread}}
  scf.forall (%i) in (8) {
    %v = tensor.extract %x[%i] : tensor<8xf32>
    memref.store %v, %y[%i] : memref<8xf32>
  }
  return
}
