// .venv/bin/python -m dashkv.torch.export smollm2-layer-decode-dynamic-f16-kept
#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map3 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map4 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
module {
  func.func @decode(%arg0: tensor<1x1x576xf16>, %arg1: tensor<576x576xf16>, %arg2: tensor<192x576xf16>, %arg3: tensor<192x576xf16>, %arg4: tensor<576x576xf16>, %arg5: tensor<1x1x1x64xf16>, %arg6: tensor<1x1x1x64xf16>, %arg7: tensor<1x3x?x64xf16>, %arg8: tensor<1x3x?x64xf16>) -> (tensor<1x1x576xf16>, tensor<1x3x?x64xf16>, tensor<1x3x?x64xf16>) {
    %cst = arith.constant 0.000000e+00 : f16
    %c-1_i64 = arith.constant -1 : i64
    %c0_i64 = arith.constant 0 : i64
    %c2 = arith.constant 2 : index
    %cst_0 = arith.constant 0.000000e+00 : f32
    %0 = tensor.empty() : tensor<576x576xf16>
    %transposed = linalg.transpose ins(%arg1 : tensor<576x576xf16>) outs(%0 : tensor<576x576xf16>) permutation = [1, 0] 
    %collapsed = tensor.collapse_shape %arg0 [[0], [1, 2]] : tensor<1x1x576xf16> into tensor<1x576xf16>
    %1 = tensor.empty() : tensor<1x576xf32>
    %2 = linalg.fill ins(%cst_0 : f32) outs(%1 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %3 = linalg.matmul ins(%collapsed, %transposed : tensor<1x576xf16>, tensor<576x576xf16>) outs(%2 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %4 = tensor.empty() : tensor<1x576xf16>
    %5 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%3 : tensor<1x576xf32>) outs(%4 : tensor<1x576xf16>) {
    ^bb0(%in: f32, %out: f16):
      %46 = arith.truncf %in : f32 to f16
      linalg.yield %46 : f16
    } -> tensor<1x576xf16>
    %expanded = tensor.expand_shape %5 [[0], [1, 2, 3]] output_shape [1, 1, 9, 64] : tensor<1x576xf16> into tensor<1x1x9x64xf16>
    %6 = tensor.empty() : tensor<1x9x1x64xf16>
    %transposed_1 = linalg.transpose ins(%expanded : tensor<1x1x9x64xf16>) outs(%6 : tensor<1x9x1x64xf16>) permutation = [0, 2, 1, 3] 
    %7 = tensor.empty() : tensor<576x192xf16>
    %transposed_2 = linalg.transpose ins(%arg2 : tensor<192x576xf16>) outs(%7 : tensor<576x192xf16>) permutation = [1, 0] 
    %8 = tensor.empty() : tensor<1x192xf32>
    %9 = linalg.fill ins(%cst_0 : f32) outs(%8 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %10 = linalg.matmul ins(%collapsed, %transposed_2 : tensor<1x576xf16>, tensor<576x192xf16>) outs(%9 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %11 = tensor.empty() : tensor<1x192xf16>
    %12 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%10 : tensor<1x192xf32>) outs(%11 : tensor<1x192xf16>) {
    ^bb0(%in: f32, %out: f16):
      %46 = arith.truncf %in : f32 to f16
      linalg.yield %46 : f16
    } -> tensor<1x192xf16>
    %expanded_3 = tensor.expand_shape %12 [[0], [1, 2, 3]] output_shape [1, 1, 3, 64] : tensor<1x192xf16> into tensor<1x1x3x64xf16>
    %13 = tensor.empty() : tensor<1x3x1x64xf16>
    %transposed_4 = linalg.transpose ins(%expanded_3 : tensor<1x1x3x64xf16>) outs(%13 : tensor<1x3x1x64xf16>) permutation = [0, 2, 1, 3] 
    %transposed_5 = linalg.transpose ins(%arg3 : tensor<192x576xf16>) outs(%7 : tensor<576x192xf16>) permutation = [1, 0] 
    %14 = linalg.matmul ins(%collapsed, %transposed_5 : tensor<1x576xf16>, tensor<576x192xf16>) outs(%9 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %15 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%14 : tensor<1x192xf32>) outs(%11 : tensor<1x192xf16>) {
    ^bb0(%in: f32, %out: f16):
      %46 = arith.truncf %in : f32 to f16
      linalg.yield %46 : f16
    } -> tensor<1x192xf16>
    %expanded_6 = tensor.expand_shape %15 [[0], [1, 2, 3]] output_shape [1, 1, 3, 64] : tensor<1x192xf16> into tensor<1x1x3x64xf16>
    %transposed_7 = linalg.transpose ins(%expanded_6 : tensor<1x1x3x64xf16>) outs(%13 : tensor<1x3x1x64xf16>) permutation = [0, 2, 1, 3] 
    %16 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_1, %arg5 : tensor<1x9x1x64xf16>, tensor<1x1x1x64xf16>) outs(%6 : tensor<1x9x1x64xf16>) {
    ^bb0(%in: f16, %in_24: f16, %out: f16):
      %46 = arith.mulf %in, %in_24 : f16
      linalg.yield %46 : f16
    } -> tensor<1x9x1x64xf16>
    %extracted_slice = tensor.extract_slice %transposed_1[0, 0, 0, 32] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf16> to tensor<1x9x1x32xf16>
    %17 = tensor.empty() : tensor<1x9x1x32xf16>
    %18 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice : tensor<1x9x1x32xf16>) outs(%17 : tensor<1x9x1x32xf16>) {
    ^bb0(%in: f16, %out: f16):
      %46 = arith.negf %in : f16
      linalg.yield %46 : f16
    } -> tensor<1x9x1x32xf16>
    %extracted_slice_8 = tensor.extract_slice %transposed_1[0, 0, 0, 0] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf16> to tensor<1x9x1x32xf16>
    %concat = tensor.concat dim(3) %18, %extracted_slice_8 : (tensor<1x9x1x32xf16>, tensor<1x9x1x32xf16>) -> tensor<1x9x1x64xf16>
    %19 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %arg6 : tensor<1x9x1x64xf16>, tensor<1x1x1x64xf16>) outs(%6 : tensor<1x9x1x64xf16>) {
    ^bb0(%in: f16, %in_24: f16, %out: f16):
      %46 = arith.mulf %in, %in_24 : f16
      linalg.yield %46 : f16
    } -> tensor<1x9x1x64xf16>
    %20 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%16, %19 : tensor<1x9x1x64xf16>, tensor<1x9x1x64xf16>) outs(%6 : tensor<1x9x1x64xf16>) {
    ^bb0(%in: f16, %in_24: f16, %out: f16):
      %46 = arith.addf %in, %in_24 : f16
      linalg.yield %46 : f16
    } -> tensor<1x9x1x64xf16>
    %21 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_4, %arg5 : tensor<1x3x1x64xf16>, tensor<1x1x1x64xf16>) outs(%13 : tensor<1x3x1x64xf16>) {
    ^bb0(%in: f16, %in_24: f16, %out: f16):
      %46 = arith.mulf %in, %in_24 : f16
      linalg.yield %46 : f16
    } -> tensor<1x3x1x64xf16>
    %extracted_slice_9 = tensor.extract_slice %transposed_4[0, 0, 0, 32] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf16> to tensor<1x3x1x32xf16>
    %22 = tensor.empty() : tensor<1x3x1x32xf16>
    %23 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_9 : tensor<1x3x1x32xf16>) outs(%22 : tensor<1x3x1x32xf16>) {
    ^bb0(%in: f16, %out: f16):
      %46 = arith.negf %in : f16
      linalg.yield %46 : f16
    } -> tensor<1x3x1x32xf16>
    %extracted_slice_10 = tensor.extract_slice %transposed_4[0, 0, 0, 0] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf16> to tensor<1x3x1x32xf16>
    %concat_11 = tensor.concat dim(3) %23, %extracted_slice_10 : (tensor<1x3x1x32xf16>, tensor<1x3x1x32xf16>) -> tensor<1x3x1x64xf16>
    %24 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_11, %arg6 : tensor<1x3x1x64xf16>, tensor<1x1x1x64xf16>) outs(%13 : tensor<1x3x1x64xf16>) {
    ^bb0(%in: f16, %in_24: f16, %out: f16):
      %46 = arith.mulf %in, %in_24 : f16
      linalg.yield %46 : f16
    } -> tensor<1x3x1x64xf16>
    %25 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%21, %24 : tensor<1x3x1x64xf16>, tensor<1x3x1x64xf16>) outs(%13 : tensor<1x3x1x64xf16>) {
    ^bb0(%in: f16, %in_24: f16, %out: f16):
      %46 = arith.addf %in, %in_24 : f16
      linalg.yield %46 : f16
    } -> tensor<1x3x1x64xf16>
    %dim = tensor.dim %arg7, %c2 : tensor<1x3x?x64xf16>
    %26 = arith.index_cast %dim : index to i64
    %27 = arith.addi %26, %c-1_i64 : i64
    %28 = arith.maxsi %27, %c0_i64 : i64
    %29 = arith.minsi %28, %26 : i64
    %30 = arith.index_cast %29 : i64 to index
    %inserted_slice = tensor.insert_slice %25 into %arg7[0, 0, %30, 0] [1, 3, 1, 64] [1, 1, 1, 1] : tensor<1x3x1x64xf16> into tensor<1x3x?x64xf16>
    %dim_12 = tensor.dim %arg8, %c2 : tensor<1x3x?x64xf16>
    %31 = arith.index_cast %dim_12 : index to i64
    %32 = arith.addi %31, %c-1_i64 : i64
    %33 = arith.maxsi %32, %c0_i64 : i64
    %34 = arith.minsi %33, %31 : i64
    %35 = arith.index_cast %34 : i64 to index
    %inserted_slice_13 = tensor.insert_slice %transposed_7 into %arg8[0, 0, %35, 0] [1, 3, 1, 64] [1, 1, 1, 1] : tensor<1x3x1x64xf16> into tensor<1x3x?x64xf16>
    %36 = tensor.empty(%dim) : tensor<1x3x3x?x64xf16>
    %37 = linalg.generic {indexing_maps = [#map3, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%inserted_slice : tensor<1x3x?x64xf16>) outs(%36 : tensor<1x3x3x?x64xf16>) {
    ^bb0(%in: f16, %out: f16):
      linalg.yield %in : f16
    } -> tensor<1x3x3x?x64xf16>
    %collapsed_14 = tensor.collapse_shape %37 [[0], [1, 2], [3], [4]] : tensor<1x3x3x?x64xf16> into tensor<1x9x?x64xf16>
    %38 = tensor.empty(%dim_12) : tensor<1x3x3x?x64xf16>
    %39 = linalg.generic {indexing_maps = [#map3, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%inserted_slice_13 : tensor<1x3x?x64xf16>) outs(%38 : tensor<1x3x3x?x64xf16>) {
    ^bb0(%in: f16, %out: f16):
      linalg.yield %in : f16
    } -> tensor<1x3x3x?x64xf16>
    %collapsed_15 = tensor.collapse_shape %39 [[0], [1, 2], [3], [4]] : tensor<1x3x3x?x64xf16> into tensor<1x9x?x64xf16>
    %collapsed_16 = tensor.collapse_shape %20 [[0, 1], [2], [3]] : tensor<1x9x1x64xf16> into tensor<9x1x64xf16>
    %collapsed_17 = tensor.collapse_shape %collapsed_14 [[0, 1], [2], [3]] : tensor<1x9x?x64xf16> into tensor<9x?x64xf16>
    %collapsed_18 = tensor.collapse_shape %collapsed_15 [[0, 1], [2], [3]] : tensor<1x9x?x64xf16> into tensor<9x?x64xf16>
    %40 = tensor.empty() : tensor<9x1x64xf16>
    %41 = linalg.fill ins(%cst : f16) outs(%40 : tensor<9x1x64xf16>) -> tensor<9x1x64xf16>
    %42 = tm_tensor.attention ins(%collapsed_16, %collapsed_17, %collapsed_18 : tensor<9x1x64xf16>, tensor<9x?x64xf16>, tensor<9x?x64xf16>) outs(%41 : tensor<9x1x64xf16>) -> tensor<9x1x64xf16>
    %expanded_19 = tensor.expand_shape %42 [[0, 1], [2], [3]] output_shape [1, 9, 1, 64] : tensor<9x1x64xf16> into tensor<1x9x1x64xf16>
    %43 = tensor.empty() : tensor<1x1x9x64xf16>
    %transposed_20 = linalg.transpose ins(%expanded_19 : tensor<1x9x1x64xf16>) outs(%43 : tensor<1x1x9x64xf16>) permutation = [0, 2, 1, 3] 
    %transposed_21 = linalg.transpose ins(%arg4 : tensor<576x576xf16>) outs(%0 : tensor<576x576xf16>) permutation = [1, 0] 
    %collapsed_22 = tensor.collapse_shape %transposed_20 [[0], [1, 2, 3]] : tensor<1x1x9x64xf16> into tensor<1x576xf16>
    %44 = linalg.matmul ins(%collapsed_22, %transposed_21 : tensor<1x576xf16>, tensor<576x576xf16>) outs(%2 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %45 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%44 : tensor<1x576xf32>) outs(%4 : tensor<1x576xf16>) {
    ^bb0(%in: f32, %out: f16):
      %46 = arith.truncf %in : f32 to f16
      linalg.yield %46 : f16
    } -> tensor<1x576xf16>
    %expanded_23 = tensor.expand_shape %45 [[0], [1, 2]] output_shape [1, 1, 576] : tensor<1x576xf16> into tensor<1x1x576xf16>
    return %expanded_23, %inserted_slice, %inserted_slice_13 : tensor<1x1x576xf16>, tensor<1x3x?x64xf16>, tensor<1x3x?x64xf16>
  }
}
