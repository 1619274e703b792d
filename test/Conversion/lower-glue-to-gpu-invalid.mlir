// RUN: dashkv-opt %s --dashkv-lower-glue-to-gpu --split-input-file --verify-diagnostics

// The size of a launch cannot wait for the device.
func.func @size(%at: memref<index>, %new: memref<?x64xf32>, %cache: memref<?x64xf32>) {
  // expected-error @below {{the host would read device memory here: launches depend on shapes alone}}
  %n = memref.load %at[] : memref<index>
  %rows = memref.subview %cache[0, 0] [%n, 64] [1, 1] : memref<?x64xf32> to memref<?x64xf32, strided<[64, 1]>>
  linalg.copy ins(%rows : memref<?x64xf32, strided<[64, 1]>>) outs(%new : memref<?x64xf32>)
  return
}

// -----

// The value that was read is gone before the kernel runs.
func.func @changed(%x: memref<f32>, %y: memref<4xf32>) {
  // expected-error @below {{the host would read device memory here: launches depend on shapes alone}}
  %v = memref.load %x[] : memref<f32>
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%x : memref<f32>)
  linalg.fill ins(%v : f32) outs(%y : memref<4xf32>)
  return
}

// -----

func.func @softmax(%x: memref<4x8xf32>, %y: memref<4x8xf32>) {
  // expected-error @below {{no kernel for linalg.softmax}}
  linalg.softmax dimension(1) ins(%x : memref<4x8xf32>) outs(%y : memref<4x8xf32>)
  return
}

// -----

func.func @wide(%y: memref<4xf64>, %v: f64) {
  // expected-error @below {{no kernel can take a value of type 'f64'}}
  linalg.fill ins(%v : f64) outs(%y : memref<4xf64>)
  return
}

// -----

func.func @double(%x: memref<4xf64>) {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%x : memref<4xf64>) {
  ^bb0(%v: f64):
    // expected-error @below {{no instructions of the GPU for math.exp of 'f64'}}
    %0 = math.exp %v : f64
    linalg.yield %0 : f64
  }
  return
}

// -----

func.func @narrow(%x: memref<4xf8E4M3FN>, %y: memref<4xf32>) {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : memref<4xf8E4M3FN>) outs(%y : memref<4xf32>) {
  ^bb0(%v: f8E4M3FN, %o: f32):
    // expected-error @below {{no instructions of the GPU for arith.extf of 'f8E4M3FN'}}
    %0 = arith.extf %v : f8E4M3FN to f32
    linalg.yield %0 : f32
  }
  return
}
