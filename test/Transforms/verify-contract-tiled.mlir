// RUN: dashkv-opt %s --dashkv-verify-contract=level=tiled --split-input-file --verify-diagnostics

// Level tiled: steps, with a tile_config that fits where there is one.

#config = #dashkv.tile_config<vector = 32, splits = 2>
func.func @fine(%q: tensor<1x4x1x64xf16>, %k: tensor<1x2x128x64xf16>, %a: tensor<1x4x1x64xf32>, %m: tensor<1x4x1xf32>) -> tensor<1x4x1x64xf32> {
  %r = scf.forall (%i) in (1) shared_outs(%o = %a) -> tensor<1x4x1x64xf32> {
    %0:3 = dashkv.online_attention ins(%q, %k, %k : tensor<1x4x1x64xf16>, tensor<1x2x128x64xf16>, tensor<1x2x128x64xf16>)
      outs(%o, %m, %m : tensor<1x4x1x64xf32>, tensor<1x4x1xf32>, tensor<1x4x1xf32>) {dashkv.tile_config = #config}
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %0#0 into %o[0, 0, 0, 0] [1, 4, 1, 64] [1, 1, 1, 1] : tensor<1x4x1x64xf32> into tensor<1x4x1x64xf32>
    }
  }
  return %r : tensor<1x4x1x64xf32>
}

// -----

func.func @model_level(%q: tensor<1x4x1x64xf16>, %k: tensor<1x2x128x64xf16>) -> tensor<1x4x1x64xf16> {
  // expected-error @below {{no lowering for dashkv.attention at level tiled; dashkv-raise-attention and dashkv-expand-tiered take attention apart}}
  %0 = dashkv.attention ins(%q, %k, %k : tensor<1x4x1x64xf16>, tensor<1x2x128x64xf16>, tensor<1x2x128x64xf16>) outs(%q : tensor<1x4x1x64xf16>)
  return %0 : tensor<1x4x1x64xf16>
}

// -----

func.func @not_split(%q: tensor<1x4x1x64xf16>, %k: tensor<1x2x128x64xf16>, %a: tensor<1x4x1x64xf32>, %m: tensor<1x4x1xf32>) -> tensor<1x4x1x64xf32> {
  // expected-error @below {{dashkv.online_attention: expected a loop over 2 parts of the keys; run dashkv-tile-and-fuse}}
  %0:3 = dashkv.online_attention ins(%q, %k, %k : tensor<1x4x1x64xf16>, tensor<1x2x128x64xf16>, tensor<1x2x128x64xf16>)
    outs(%a, %m, %m : tensor<1x4x1x64xf32>, tensor<1x4x1xf32>, tensor<1x4x1xf32>) {dashkv.tile_config = #dashkv.tile_config<vector = 32, splits = 2>}
  return %0#0 : tensor<1x4x1x64xf32>
}

// -----

func.func @splits_of_finalize(%a: tensor<1x4x1x64xf32>, %m: tensor<1x4x1xf32>, %o: tensor<1x4x1x64xf16>) -> tensor<1x4x1x64xf16> {
  // expected-error @below {{dashkv.finalize: expected no splits where no keys are added, but got 3}}
  %0 = dashkv.finalize ins(%a, %m, %m : tensor<1x4x1x64xf32>, tensor<1x4x1xf32>, tensor<1x4x1xf32>)
    outs(%o : tensor<1x4x1x64xf16>) {dashkv.tile_config = #dashkv.tile_config<vector = 32, splits = 3>}
  return %0 : tensor<1x4x1x64xf16>
}

// -----

func.func @vectors(%a: tensor<1x4x1x64xf32>, %m: tensor<1x4x1xf32>, %o: tensor<1x4x1x64xf16>) -> (tensor<1x4x1x64xf16>, tensor<1x4x1x64xf16>) {
  %0 = dashkv.finalize ins(%a, %m, %m : tensor<1x4x1x64xf32>, tensor<1x4x1xf32>, tensor<1x4x1xf32>)
    outs(%o : tensor<1x4x1x64xf16>) {dashkv.tile_config = #dashkv.tile_config<vector = 32>}
  // expected-error @below {{dashkv.finalize: expected vectors of 32 bytes as in the ops before, but got 64}}
  %1 = dashkv.finalize ins(%a, %m, %m : tensor<1x4x1x64xf32>, tensor<1x4x1xf32>, tensor<1x4x1xf32>)
    outs(%0 : tensor<1x4x1x64xf16>) {dashkv.tile_config = #dashkv.tile_config<vector = 64>}
  return %0, %1 : tensor<1x4x1x64xf16>, tensor<1x4x1x64xf16>
}
