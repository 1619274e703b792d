// .venv/bin/python -m dashkv.torch.export transformers-attention-concat-sdpa-f32-kept
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map3 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
module {
  func.func @step(%arg0: tensor<1x1x576xf32>, %arg1: tensor<1x1x64xf32>, %arg2: tensor<1x1x64xf32>, %arg3: tensor<1x3x128x64xf32>, %arg4: tensor<1x3x128x64xf32>, %arg5: tensor<576x576xf32>, %arg6: tensor<192x576xf32>, %arg7: tensor<192x576xf32>, %arg8: tensor<576x576xf32>) -> (tensor<1x1x576xf32>, tensor<1x3x129x64xf32>, tensor<1x3x129x64xf32>) {
    %cst = arith.constant 0.000000e+00 : f32
    %0 = tensor.empty() : tensor<576x576xf32>
    %transposed = linalg.transpose ins(%arg5 : tensor<576x576xf32>) outs(%0 : tensor<576x576xf32>) permutation = [1, 0] 
    %collapsed = tensor.collapse_shape %arg0 [[0], [1, 2]] : tensor<1x1x576xf32> into tensor<1x576xf32>
    %1 = tensor.empty() : tensor<1x576xf32>
    %2 = linalg.fill ins(%cst : f32) outs(%1 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %3 = linalg.matmul ins(%collapsed, %transposed : tensor<1x576xf32>, tensor<576x576xf32>) outs(%2 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %expanded = tensor.expand_shape %3 [[0], [1, 2, 3]] output_shape [1, 1, 9, 64] : tensor<1x576xf32> into tensor<1x1x9x64xf32>
    %4 = tensor.empty() : tensor<1x9x1x64xf32>
    %transposed_0 = linalg.transpose ins(%expanded : tensor<1x1x9x64xf32>) outs(%4 : tensor<1x9x1x64xf32>) permutation = [0, 2, 1, 3] 
    %5 = tensor.empty() : tensor<576x192xf32>
    %transposed_1 = linalg.transpose ins(%arg6 : tensor<192x576xf32>) outs(%5 : tensor<576x192xf32>) permutation = [1, 0] 
    %6 = tensor.empty() : tensor<1x192xf32>
    %7 = linalg.fill ins(%cst : f32) outs(%6 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %8 = linalg.matmul ins(%collapsed, %transposed_1 : tensor<1x576xf32>, tensor<576x192xf32>) outs(%7 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %expanded_2 = tensor.expand_shape %8 [[0], [1, 2, 3]] output_shape [1, 1, 3, 64] : tensor<1x192xf32> into tensor<1x1x3x64xf32>
    %9 = tensor.empty() : tensor<1x3x1x64xf32>
    %transposed_3 = linalg.transpose ins(%expanded_2 : tensor<1x1x3x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) permutation = [0, 2, 1, 3] 
    %transposed_4 = linalg.transpose ins(%arg7 : tensor<192x576xf32>) outs(%5 : tensor<576x192xf32>) permutation = [1, 0] 
    %10 = linalg.matmul ins(%collapsed, %transposed_4 : tensor<1x576xf32>, tensor<576x192xf32>) outs(%7 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %expanded_5 = tensor.expand_shape %10 [[0], [1, 2, 3]] output_shape [1, 1, 3, 64] : tensor<1x192xf32> into tensor<1x1x3x64xf32>
    %transposed_6 = linalg.transpose ins(%expanded_5 : tensor<1x1x3x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) permutation = [0, 2, 1, 3] 
    %expanded_7 = tensor.expand_shape %arg1 [[0], [1, 2], [3]] output_shape [1, 1, 1, 64] : tensor<1x1x64xf32> into tensor<1x1x1x64xf32>
    %expanded_8 = tensor.expand_shape %arg2 [[0], [1, 2], [3]] output_shape [1, 1, 1, 64] : tensor<1x1x64xf32> into tensor<1x1x1x64xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_0, %expanded_7 : tensor<1x9x1x64xf32>, tensor<1x1x1x64xf32>) outs(%4 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_25: f32, %out: f32):
      %29 = arith.mulf %in, %in_25 : f32
      linalg.yield %29 : f32
    } -> tensor<1x9x1x64xf32>
    %extracted_slice = tensor.extract_slice %transposed_0[0, 0, 0, 0] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf32> to tensor<1x9x1x32xf32>
    %extracted_slice_9 = tensor.extract_slice %transposed_0[0, 0, 0, 32] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf32> to tensor<1x9x1x32xf32>
    %12 = tensor.empty() : tensor<1x9x1x32xf32>
    %13 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_9 : tensor<1x9x1x32xf32>) outs(%12 : tensor<1x9x1x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %29 = arith.negf %in : f32
      linalg.yield %29 : f32
    } -> tensor<1x9x1x32xf32>
    %concat = tensor.concat dim(3) %13, %extracted_slice : (tensor<1x9x1x32xf32>, tensor<1x9x1x32xf32>) -> tensor<1x9x1x64xf32>
    %14 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %expanded_8 : tensor<1x9x1x64xf32>, tensor<1x1x1x64xf32>) outs(%4 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_25: f32, %out: f32):
      %29 = arith.mulf %in, %in_25 : f32
      linalg.yield %29 : f32
    } -> tensor<1x9x1x64xf32>
    %15 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%11, %14 : tensor<1x9x1x64xf32>, tensor<1x9x1x64xf32>) outs(%4 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_25: f32, %out: f32):
      %29 = arith.addf %in, %in_25 : f32
      linalg.yield %29 : f32
    } -> tensor<1x9x1x64xf32>
    %16 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_3, %expanded_7 : tensor<1x3x1x64xf32>, tensor<1x1x1x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_25: f32, %out: f32):
      %29 = arith.mulf %in, %in_25 : f32
      linalg.yield %29 : f32
    } -> tensor<1x3x1x64xf32>
    %extracted_slice_10 = tensor.extract_slice %transposed_3[0, 0, 0, 0] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf32> to tensor<1x3x1x32xf32>
    %extracted_slice_11 = tensor.extract_slice %transposed_3[0, 0, 0, 32] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf32> to tensor<1x3x1x32xf32>
    %17 = tensor.empty() : tensor<1x3x1x32xf32>
    %18 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_11 : tensor<1x3x1x32xf32>) outs(%17 : tensor<1x3x1x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %29 = arith.negf %in : f32
      linalg.yield %29 : f32
    } -> tensor<1x3x1x32xf32>
    %concat_12 = tensor.concat dim(3) %18, %extracted_slice_10 : (tensor<1x3x1x32xf32>, tensor<1x3x1x32xf32>) -> tensor<1x3x1x64xf32>
    %19 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_12, %expanded_8 : tensor<1x3x1x64xf32>, tensor<1x1x1x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_25: f32, %out: f32):
      %29 = arith.mulf %in, %in_25 : f32
      linalg.yield %29 : f32
    } -> tensor<1x3x1x64xf32>
    %20 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%16, %19 : tensor<1x3x1x64xf32>, tensor<1x3x1x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_25: f32, %out: f32):
      %29 = arith.addf %in, %in_25 : f32
      linalg.yield %29 : f32
    } -> tensor<1x3x1x64xf32>
    %concat_13 = tensor.concat dim(2) %arg3, %20 : (tensor<1x3x128x64xf32>, tensor<1x3x1x64xf32>) -> tensor<1x3x129x64xf32>
    %concat_14 = tensor.concat dim(2) %arg4, %transposed_6 : (tensor<1x3x128x64xf32>, tensor<1x3x1x64xf32>) -> tensor<1x3x129x64xf32>
    %21 = tensor.empty() : tensor<1x3x3x129x64xf32>
    %22 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%concat_13 : tensor<1x3x129x64xf32>) outs(%21 : tensor<1x3x3x129x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x129x64xf32>
    %collapsed_15 = tensor.collapse_shape %22 [[0], [1, 2], [3], [4]] : tensor<1x3x3x129x64xf32> into tensor<1x9x129x64xf32>
    %23 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%concat_14 : tensor<1x3x129x64xf32>) outs(%21 : tensor<1x3x3x129x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x129x64xf32>
    %collapsed_16 = tensor.collapse_shape %23 [[0], [1, 2], [3], [4]] : tensor<1x3x3x129x64xf32> into tensor<1x9x129x64xf32>
    %collapsed_17 = tensor.collapse_shape %15 [[0, 1], [2], [3]] : tensor<1x9x1x64xf32> into tensor<9x1x64xf32>
    %collapsed_18 = tensor.collapse_shape %collapsed_15 [[0, 1], [2], [3]] : tensor<1x9x129x64xf32> into tensor<9x129x64xf32>
    %collapsed_19 = tensor.collapse_shape %collapsed_16 [[0, 1], [2], [3]] : tensor<1x9x129x64xf32> into tensor<9x129x64xf32>
    %24 = tensor.empty() : tensor<9x1x64xf32>
    %25 = linalg.fill ins(%cst : f32) outs(%24 : tensor<9x1x64xf32>) -> tensor<9x1x64xf32>
    %26 = tm_tensor.attention {scale = 1.250000e-01 : f64} ins(%collapsed_17, %collapsed_18, %collapsed_19 : tensor<9x1x64xf32>, tensor<9x129x64xf32>, tensor<9x129x64xf32>) outs(%25 : tensor<9x1x64xf32>) -> tensor<9x1x64xf32>
    %expanded_20 = tensor.expand_shape %26 [[0, 1], [2], [3]] output_shape [1, 9, 1, 64] : tensor<9x1x64xf32> into tensor<1x9x1x64xf32>
    %27 = tensor.empty() : tensor<1x1x9x64xf32>
    %transposed_21 = linalg.transpose ins(%expanded_20 : tensor<1x9x1x64xf32>) outs(%27 : tensor<1x1x9x64xf32>) permutation = [0, 2, 1, 3] 
    %transposed_22 = linalg.transpose ins(%arg8 : tensor<576x576xf32>) outs(%0 : tensor<576x576xf32>) permutation = [1, 0] 
    %collapsed_23 = tensor.collapse_shape %transposed_21 [[0], [1, 2, 3]] : tensor<1x1x9x64xf32> into tensor<1x576xf32>
    %28 = linalg.matmul ins(%collapsed_23, %transposed_22 : tensor<1x576xf32>, tensor<576x576xf32>) outs(%2 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %expanded_24 = tensor.expand_shape %28 [[0], [1, 2]] output_shape [1, 1, 576] : tensor<1x576xf32> into tensor<1x1x576xf32>
    return %expanded_24, %concat_13, %concat_14 : tensor<1x1x576xf32>, tensor<1x3x129x64xf32>, tensor<1x3x129x64xf32>
  }
}
