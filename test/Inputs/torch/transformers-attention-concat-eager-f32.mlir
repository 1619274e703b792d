// .venv/bin/python -m dashkv.torch.export transformers-attention-concat-eager-f32
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map3 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map5 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
module {
  func.func @step(%arg0: tensor<1x1x576xf32>, %arg1: tensor<1x1x64xf32>, %arg2: tensor<1x1x64xf32>, %arg3: tensor<1x3x128x64xf32>, %arg4: tensor<1x3x128x64xf32>, %arg5: tensor<576x576xf32>, %arg6: tensor<192x576xf32>, %arg7: tensor<192x576xf32>, %arg8: tensor<576x576xf32>) -> (tensor<1x1x576xf32>, tensor<1x3x129x64xf32>, tensor<1x3x129x64xf32>) {
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %cst_1 = arith.constant 1.250000e-01 : f32
    %0 = tensor.empty() : tensor<576x576xf32>
    %transposed = linalg.transpose ins(%arg5 : tensor<576x576xf32>) outs(%0 : tensor<576x576xf32>) permutation = [1, 0] 
    %collapsed = tensor.collapse_shape %arg0 [[0], [1, 2]] : tensor<1x1x576xf32> into tensor<1x576xf32>
    %1 = tensor.empty() : tensor<1x576xf32>
    %2 = linalg.fill ins(%cst : f32) outs(%1 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %3 = linalg.matmul ins(%collapsed, %transposed : tensor<1x576xf32>, tensor<576x576xf32>) outs(%2 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %expanded = tensor.expand_shape %3 [[0], [1, 2, 3]] output_shape [1, 1, 9, 64] : tensor<1x576xf32> into tensor<1x1x9x64xf32>
    %4 = tensor.empty() : tensor<1x9x1x64xf32>
    %transposed_2 = linalg.transpose ins(%expanded : tensor<1x1x9x64xf32>) outs(%4 : tensor<1x9x1x64xf32>) permutation = [0, 2, 1, 3] 
    %5 = tensor.empty() : tensor<576x192xf32>
    %transposed_3 = linalg.transpose ins(%arg6 : tensor<192x576xf32>) outs(%5 : tensor<576x192xf32>) permutation = [1, 0] 
    %6 = tensor.empty() : tensor<1x192xf32>
    %7 = linalg.fill ins(%cst : f32) outs(%6 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %8 = linalg.matmul ins(%collapsed, %transposed_3 : tensor<1x576xf32>, tensor<576x192xf32>) outs(%7 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %expanded_4 = tensor.expand_shape %8 [[0], [1, 2, 3]] output_shape [1, 1, 3, 64] : tensor<1x192xf32> into tensor<1x1x3x64xf32>
    %9 = tensor.empty() : tensor<1x3x1x64xf32>
    %transposed_5 = linalg.transpose ins(%expanded_4 : tensor<1x1x3x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) permutation = [0, 2, 1, 3] 
    %transposed_6 = linalg.transpose ins(%arg7 : tensor<192x576xf32>) outs(%5 : tensor<576x192xf32>) permutation = [1, 0] 
    %10 = linalg.matmul ins(%collapsed, %transposed_6 : tensor<1x576xf32>, tensor<576x192xf32>) outs(%7 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %expanded_7 = tensor.expand_shape %10 [[0], [1, 2, 3]] output_shape [1, 1, 3, 64] : tensor<1x192xf32> into tensor<1x1x3x64xf32>
    %transposed_8 = linalg.transpose ins(%expanded_7 : tensor<1x1x3x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) permutation = [0, 2, 1, 3] 
    %expanded_9 = tensor.expand_shape %arg1 [[0], [1, 2], [3]] output_shape [1, 1, 1, 64] : tensor<1x1x64xf32> into tensor<1x1x1x64xf32>
    %expanded_10 = tensor.expand_shape %arg2 [[0], [1, 2], [3]] output_shape [1, 1, 1, 64] : tensor<1x1x64xf32> into tensor<1x1x1x64xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_2, %expanded_9 : tensor<1x9x1x64xf32>, tensor<1x1x1x64xf32>) outs(%4 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_30: f32, %out: f32):
      %46 = arith.mulf %in, %in_30 : f32
      linalg.yield %46 : f32
    } -> tensor<1x9x1x64xf32>
    %extracted_slice = tensor.extract_slice %transposed_2[0, 0, 0, 0] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf32> to tensor<1x9x1x32xf32>
    %extracted_slice_11 = tensor.extract_slice %transposed_2[0, 0, 0, 32] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf32> to tensor<1x9x1x32xf32>
    %12 = tensor.empty() : tensor<1x9x1x32xf32>
    %13 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_11 : tensor<1x9x1x32xf32>) outs(%12 : tensor<1x9x1x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %46 = arith.negf %in : f32
      linalg.yield %46 : f32
    } -> tensor<1x9x1x32xf32>
    %concat = tensor.concat dim(3) %13, %extracted_slice : (tensor<1x9x1x32xf32>, tensor<1x9x1x32xf32>) -> tensor<1x9x1x64xf32>
    %14 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %expanded_10 : tensor<1x9x1x64xf32>, tensor<1x1x1x64xf32>) outs(%4 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_30: f32, %out: f32):
      %46 = arith.mulf %in, %in_30 : f32
      linalg.yield %46 : f32
    } -> tensor<1x9x1x64xf32>
    %15 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%11, %14 : tensor<1x9x1x64xf32>, tensor<1x9x1x64xf32>) outs(%4 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_30: f32, %out: f32):
      %46 = arith.addf %in, %in_30 : f32
      linalg.yield %46 : f32
    } -> tensor<1x9x1x64xf32>
    %16 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_5, %expanded_9 : tensor<1x3x1x64xf32>, tensor<1x1x1x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_30: f32, %out: f32):
      %46 = arith.mulf %in, %in_30 : f32
      linalg.yield %46 : f32
    } -> tensor<1x3x1x64xf32>
    %extracted_slice_12 = tensor.extract_slice %transposed_5[0, 0, 0, 0] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf32> to tensor<1x3x1x32xf32>
    %extracted_slice_13 = tensor.extract_slice %transposed_5[0, 0, 0, 32] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf32> to tensor<1x3x1x32xf32>
    %17 = tensor.empty() : tensor<1x3x1x32xf32>
    %18 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_13 : tensor<1x3x1x32xf32>) outs(%17 : tensor<1x3x1x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %46 = arith.negf %in : f32
      linalg.yield %46 : f32
    } -> tensor<1x3x1x32xf32>
    %concat_14 = tensor.concat dim(3) %18, %extracted_slice_12 : (tensor<1x3x1x32xf32>, tensor<1x3x1x32xf32>) -> tensor<1x3x1x64xf32>
    %19 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_14, %expanded_10 : tensor<1x3x1x64xf32>, tensor<1x1x1x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_30: f32, %out: f32):
      %46 = arith.mulf %in, %in_30 : f32
      linalg.yield %46 : f32
    } -> tensor<1x3x1x64xf32>
    %20 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%16, %19 : tensor<1x3x1x64xf32>, tensor<1x3x1x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_30: f32, %out: f32):
      %46 = arith.addf %in, %in_30 : f32
      linalg.yield %46 : f32
    } -> tensor<1x3x1x64xf32>
    %concat_15 = tensor.concat dim(2) %arg3, %20 : (tensor<1x3x128x64xf32>, tensor<1x3x1x64xf32>) -> tensor<1x3x129x64xf32>
    %concat_16 = tensor.concat dim(2) %arg4, %transposed_8 : (tensor<1x3x128x64xf32>, tensor<1x3x1x64xf32>) -> tensor<1x3x129x64xf32>
    %21 = tensor.empty() : tensor<1x3x3x129x64xf32>
    %22 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%concat_15 : tensor<1x3x129x64xf32>) outs(%21 : tensor<1x3x3x129x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x129x64xf32>
    %collapsed_17 = tensor.collapse_shape %22 [[0], [1, 2], [3], [4]] : tensor<1x3x3x129x64xf32> into tensor<1x9x129x64xf32>
    %23 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%concat_16 : tensor<1x3x129x64xf32>) outs(%21 : tensor<1x3x3x129x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x129x64xf32>
    %24 = tensor.empty() : tensor<1x9x64x129xf32>
    %transposed_18 = linalg.transpose ins(%collapsed_17 : tensor<1x9x129x64xf32>) outs(%24 : tensor<1x9x64x129xf32>) permutation = [0, 1, 3, 2] 
    %collapsed_19 = tensor.collapse_shape %15 [[0, 1], [2], [3]] : tensor<1x9x1x64xf32> into tensor<9x1x64xf32>
    %collapsed_20 = tensor.collapse_shape %transposed_18 [[0, 1], [2], [3]] : tensor<1x9x64x129xf32> into tensor<9x64x129xf32>
    %25 = tensor.empty() : tensor<9x1x129xf32>
    %26 = linalg.fill ins(%cst : f32) outs(%25 : tensor<9x1x129xf32>) -> tensor<9x1x129xf32>
    %27 = linalg.batch_matmul ins(%collapsed_19, %collapsed_20 : tensor<9x1x64xf32>, tensor<9x64x129xf32>) outs(%26 : tensor<9x1x129xf32>) -> tensor<9x1x129xf32>
    %expanded_21 = tensor.expand_shape %27 [[0, 1], [2], [3]] output_shape [1, 9, 1, 129] : tensor<9x1x129xf32> into tensor<1x9x1x129xf32>
    %28 = tensor.empty() : tensor<1x9x1x129xf32>
    %29 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_21 : tensor<1x9x1x129xf32>) outs(%28 : tensor<1x9x1x129xf32>) {
    ^bb0(%in: f32, %out: f32):
      %46 = arith.mulf %in, %cst_1 : f32
      linalg.yield %46 : f32
    } -> tensor<1x9x1x129xf32>
    %30 = tensor.empty() : tensor<1x9x1xi64>
    %31 = linalg.fill ins(%c0_i64 : i64) outs(%30 : tensor<1x9x1xi64>) -> tensor<1x9x1xi64>
    %32 = tensor.empty() : tensor<1x9x1xf32>
    %33 = linalg.fill ins(%cst_0 : f32) outs(%32 : tensor<1x9x1xf32>) -> tensor<1x9x1xf32>
    %34:2 = linalg.generic {indexing_maps = [#map, #map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%29 : tensor<1x9x1x129xf32>) outs(%33, %31 : tensor<1x9x1xf32>, tensor<1x9x1xi64>) {
    ^bb0(%in: f32, %out: f32, %out_30: i64):
      %46 = linalg.index 3 : index
      %47 = arith.index_cast %46 : index to i64
      %48 = arith.maximumf %in, %out : f32
      %49 = arith.cmpf ogt, %in, %out : f32
      %50 = arith.select %49, %47, %out_30 : i64
      linalg.yield %48, %50 : f32, i64
    } -> (tensor<1x9x1xf32>, tensor<1x9x1xi64>)
    %expanded_22 = tensor.expand_shape %34#0 [[0], [1], [2, 3]] output_shape [1, 9, 1, 1] : tensor<1x9x1xf32> into tensor<1x9x1x1xf32>
    %35 = linalg.generic {indexing_maps = [#map, #map5, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%29, %expanded_22 : tensor<1x9x1x129xf32>, tensor<1x9x1x1xf32>) outs(%28 : tensor<1x9x1x129xf32>) {
    ^bb0(%in: f32, %in_30: f32, %out: f32):
      %46 = arith.subf %in, %in_30 : f32
      linalg.yield %46 : f32
    } -> tensor<1x9x1x129xf32>
    %36 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%35 : tensor<1x9x1x129xf32>) outs(%28 : tensor<1x9x1x129xf32>) {
    ^bb0(%in: f32, %out: f32):
      %46 = math.exp %in : f32
      linalg.yield %46 : f32
    } -> tensor<1x9x1x129xf32>
    %37 = tensor.empty() : tensor<1x9x1x1xf32>
    %38 = linalg.fill ins(%cst : f32) outs(%37 : tensor<1x9x1x1xf32>) -> tensor<1x9x1x1xf32>
    %39 = linalg.generic {indexing_maps = [#map, #map5], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%36 : tensor<1x9x1x129xf32>) outs(%38 : tensor<1x9x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %46 = arith.addf %in, %out : f32
      linalg.yield %46 : f32
    } -> tensor<1x9x1x1xf32>
    %40 = linalg.generic {indexing_maps = [#map, #map5, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%36, %39 : tensor<1x9x1x129xf32>, tensor<1x9x1x1xf32>) outs(%28 : tensor<1x9x1x129xf32>) {
    ^bb0(%in: f32, %in_30: f32, %out: f32):
      %46 = arith.divf %in, %in_30 : f32
      linalg.yield %46 : f32
    } -> tensor<1x9x1x129xf32>
    %collapsed_23 = tensor.collapse_shape %40 [[0, 1], [2], [3]] : tensor<1x9x1x129xf32> into tensor<9x1x129xf32>
    %collapsed_24 = tensor.collapse_shape %23 [[0, 1, 2], [3], [4]] : tensor<1x3x3x129x64xf32> into tensor<9x129x64xf32>
    %41 = tensor.empty() : tensor<9x1x64xf32>
    %42 = linalg.fill ins(%cst : f32) outs(%41 : tensor<9x1x64xf32>) -> tensor<9x1x64xf32>
    %43 = linalg.batch_matmul ins(%collapsed_23, %collapsed_24 : tensor<9x1x129xf32>, tensor<9x129x64xf32>) outs(%42 : tensor<9x1x64xf32>) -> tensor<9x1x64xf32>
    %expanded_25 = tensor.expand_shape %43 [[0, 1], [2], [3]] output_shape [1, 9, 1, 64] : tensor<9x1x64xf32> into tensor<1x9x1x64xf32>
    %44 = tensor.empty() : tensor<1x1x9x64xf32>
    %transposed_26 = linalg.transpose ins(%expanded_25 : tensor<1x9x1x64xf32>) outs(%44 : tensor<1x1x9x64xf32>) permutation = [0, 2, 1, 3] 
    %transposed_27 = linalg.transpose ins(%arg8 : tensor<576x576xf32>) outs(%0 : tensor<576x576xf32>) permutation = [1, 0] 
    %collapsed_28 = tensor.collapse_shape %transposed_26 [[0], [1, 2, 3]] : tensor<1x1x9x64xf32> into tensor<1x576xf32>
    %45 = linalg.matmul ins(%collapsed_28, %transposed_27 : tensor<1x576xf32>, tensor<576x576xf32>) outs(%2 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %expanded_29 = tensor.expand_shape %45 [[0], [1, 2]] output_shape [1, 1, 576] : tensor<1x576xf32> into tensor<1x1x576xf32>
    return %expanded_29, %concat_15, %concat_16 : tensor<1x1x576xf32>, tensor<1x3x129x64xf32>, tensor<1x3x129x64xf32>
  }
}
