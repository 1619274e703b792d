// .venv/bin/python -m dashkv.torch.export transformers-attention-static-sdpa-f32
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map2 = affine_map<(d0) -> (d0)>
#map3 = affine_map<(d0) -> ()>
#map4 = affine_map<(d0, d1, d2, d3) -> (d0, d2)>
#map5 = affine_map<(d0, d1, d2, d3) -> (d1, d2)>
#map6 = affine_map<(d0, d1, d2, d3) -> (d2)>
#map7 = affine_map<(d0, d1, d2, d3) -> (d3)>
#map8 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map9 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map10 = affine_map<(d0, d1, d2, d3) -> ()>
#map11 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map12 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
module {
  func.func @step(%arg0: tensor<1x1x576xf32>, %arg1: tensor<1x1x64xf32>, %arg2: tensor<1x1x64xf32>, %arg3: tensor<1x3x128x64xf32>, %arg4: tensor<1x3x128x64xf32>, %arg5: tensor<i64>, %arg6: tensor<1x1x1x128xi1>, %arg7: tensor<576x576xf32>, %arg8: tensor<192x576xf32>, %arg9: tensor<192x576xf32>, %arg10: tensor<576x576xf32>) -> (tensor<1x1x576xf32>, tensor<1x3x128x64xf32>, tensor<1x3x128x64xf32>) {
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %true = arith.constant true
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<1x9x1x128xf32>
    %cst_2 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_3 = arith.constant dense<0xFF800000> : tensor<f32>
    %cst_4 = arith.constant 0.35355339059327379 : f64
    %cst_5 = arith.constant 0xFFF0000000000000 : f64
    %0 = tensor.empty() : tensor<576x576xf32>
    %transposed = linalg.transpose ins(%arg7 : tensor<576x576xf32>) outs(%0 : tensor<576x576xf32>) permutation = [1, 0] 
    %collapsed = tensor.collapse_shape %arg0 [[0], [1, 2]] : tensor<1x1x576xf32> into tensor<1x576xf32>
    %1 = tensor.empty() : tensor<1x576xf32>
    %2 = linalg.fill ins(%cst : f32) outs(%1 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %3 = linalg.matmul ins(%collapsed, %transposed : tensor<1x576xf32>, tensor<576x576xf32>) outs(%2 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %expanded = tensor.expand_shape %3 [[0], [1, 2, 3]] output_shape [1, 1, 9, 64] : tensor<1x576xf32> into tensor<1x1x9x64xf32>
    %4 = tensor.empty() : tensor<1x9x1x64xf32>
    %transposed_6 = linalg.transpose ins(%expanded : tensor<1x1x9x64xf32>) outs(%4 : tensor<1x9x1x64xf32>) permutation = [0, 2, 1, 3] 
    %5 = tensor.empty() : tensor<576x192xf32>
    %transposed_7 = linalg.transpose ins(%arg8 : tensor<192x576xf32>) outs(%5 : tensor<576x192xf32>) permutation = [1, 0] 
    %6 = tensor.empty() : tensor<1x192xf32>
    %7 = linalg.fill ins(%cst : f32) outs(%6 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %8 = linalg.matmul ins(%collapsed, %transposed_7 : tensor<1x576xf32>, tensor<576x192xf32>) outs(%7 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %expanded_8 = tensor.expand_shape %8 [[0], [1, 2, 3]] output_shape [1, 1, 3, 64] : tensor<1x192xf32> into tensor<1x1x3x64xf32>
    %9 = tensor.empty() : tensor<1x3x1x64xf32>
    %transposed_9 = linalg.transpose ins(%expanded_8 : tensor<1x1x3x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) permutation = [0, 2, 1, 3] 
    %transposed_10 = linalg.transpose ins(%arg9 : tensor<192x576xf32>) outs(%5 : tensor<576x192xf32>) permutation = [1, 0] 
    %10 = linalg.matmul ins(%collapsed, %transposed_10 : tensor<1x576xf32>, tensor<576x192xf32>) outs(%7 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %expanded_11 = tensor.expand_shape %10 [[0], [1, 2, 3]] output_shape [1, 1, 3, 64] : tensor<1x192xf32> into tensor<1x1x3x64xf32>
    %transposed_12 = linalg.transpose ins(%expanded_11 : tensor<1x1x3x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) permutation = [0, 2, 1, 3] 
    %expanded_13 = tensor.expand_shape %arg1 [[0], [1, 2], [3]] output_shape [1, 1, 1, 64] : tensor<1x1x64xf32> into tensor<1x1x1x64xf32>
    %expanded_14 = tensor.expand_shape %arg2 [[0], [1, 2], [3]] output_shape [1, 1, 1, 64] : tensor<1x1x64xf32> into tensor<1x1x1x64xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_6, %expanded_13 : tensor<1x9x1x64xf32>, tensor<1x1x1x64xf32>) outs(%4 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_47: f32, %out: f32):
      %70 = arith.mulf %in, %in_47 : f32
      linalg.yield %70 : f32
    } -> tensor<1x9x1x64xf32>
    %extracted_slice = tensor.extract_slice %transposed_6[0, 0, 0, 0] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf32> to tensor<1x9x1x32xf32>
    %extracted_slice_15 = tensor.extract_slice %transposed_6[0, 0, 0, 32] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf32> to tensor<1x9x1x32xf32>
    %12 = tensor.empty() : tensor<1x9x1x32xf32>
    %13 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_15 : tensor<1x9x1x32xf32>) outs(%12 : tensor<1x9x1x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %70 = arith.negf %in : f32
      linalg.yield %70 : f32
    } -> tensor<1x9x1x32xf32>
    %concat = tensor.concat dim(3) %13, %extracted_slice : (tensor<1x9x1x32xf32>, tensor<1x9x1x32xf32>) -> tensor<1x9x1x64xf32>
    %14 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %expanded_14 : tensor<1x9x1x64xf32>, tensor<1x1x1x64xf32>) outs(%4 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_47: f32, %out: f32):
      %70 = arith.mulf %in, %in_47 : f32
      linalg.yield %70 : f32
    } -> tensor<1x9x1x64xf32>
    %15 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%11, %14 : tensor<1x9x1x64xf32>, tensor<1x9x1x64xf32>) outs(%4 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_47: f32, %out: f32):
      %70 = arith.addf %in, %in_47 : f32
      linalg.yield %70 : f32
    } -> tensor<1x9x1x64xf32>
    %16 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_9, %expanded_13 : tensor<1x3x1x64xf32>, tensor<1x1x1x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_47: f32, %out: f32):
      %70 = arith.mulf %in, %in_47 : f32
      linalg.yield %70 : f32
    } -> tensor<1x3x1x64xf32>
    %extracted_slice_16 = tensor.extract_slice %transposed_9[0, 0, 0, 0] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf32> to tensor<1x3x1x32xf32>
    %extracted_slice_17 = tensor.extract_slice %transposed_9[0, 0, 0, 32] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf32> to tensor<1x3x1x32xf32>
    %17 = tensor.empty() : tensor<1x3x1x32xf32>
    %18 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_17 : tensor<1x3x1x32xf32>) outs(%17 : tensor<1x3x1x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %70 = arith.negf %in : f32
      linalg.yield %70 : f32
    } -> tensor<1x3x1x32xf32>
    %concat_18 = tensor.concat dim(3) %18, %extracted_slice_16 : (tensor<1x3x1x32xf32>, tensor<1x3x1x32xf32>) -> tensor<1x3x1x64xf32>
    %19 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_18, %expanded_14 : tensor<1x3x1x64xf32>, tensor<1x1x1x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_47: f32, %out: f32):
      %70 = arith.mulf %in, %in_47 : f32
      linalg.yield %70 : f32
    } -> tensor<1x3x1x64xf32>
    %20 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%16, %19 : tensor<1x3x1x64xf32>, tensor<1x3x1x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_47: f32, %out: f32):
      %70 = arith.addf %in, %in_47 : f32
      linalg.yield %70 : f32
    } -> tensor<1x3x1x64xf32>
    %21 = tensor.empty() : tensor<1xi64>
    %22 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%21 : tensor<1xi64>) {
    ^bb0(%out: i64):
      linalg.yield %c0_i64 : i64
    } -> tensor<1xi64>
    %23 = linalg.generic {indexing_maps = [#map2, #map3, #map2], iterator_types = ["parallel"]} ins(%22, %arg5 : tensor<1xi64>, tensor<i64>) outs(%21 : tensor<1xi64>) {
    ^bb0(%in: i64, %in_47: i64, %out: i64):
      %70 = arith.addi %in, %in_47 : i64
      linalg.yield %70 : i64
    } -> tensor<1xi64>
    %24 = tensor.empty() : tensor<64xi64>
    %25 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%24 : tensor<64xi64>) {
    ^bb0(%out: i64):
      %70 = linalg.index 0 : index
      %71 = arith.index_cast %70 : index to i64
      linalg.yield %71 : i64
    } -> tensor<64xi64>
    %26 = tensor.empty() : tensor<3xi64>
    %27 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%26 : tensor<3xi64>) {
    ^bb0(%out: i64):
      %70 = linalg.index 0 : index
      %71 = arith.index_cast %70 : index to i64
      linalg.yield %71 : i64
    } -> tensor<3xi64>
    %28 = tensor.empty() : tensor<1x3x1x64xi64>
    %expanded_19 = tensor.expand_shape %22 [[0, 1]] output_shape [1, 1] : tensor<1xi64> into tensor<1x1xi64>
    %29 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_19 : tensor<1x1xi64>) outs(%28 : tensor<1x3x1x64xi64>) {
    ^bb0(%in: i64, %out: i64):
      linalg.yield %in : i64
    } -> tensor<1x3x1x64xi64>
    %collapsed_20 = tensor.collapse_shape %29 [[0, 1, 2, 3]] : tensor<1x3x1x64xi64> into tensor<192xi64>
    %expanded_21 = tensor.expand_shape %27 [[0, 1]] output_shape [3, 1] : tensor<3xi64> into tensor<3x1xi64>
    %30 = linalg.generic {indexing_maps = [#map5, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_21 : tensor<3x1xi64>) outs(%28 : tensor<1x3x1x64xi64>) {
    ^bb0(%in: i64, %out: i64):
      linalg.yield %in : i64
    } -> tensor<1x3x1x64xi64>
    %collapsed_22 = tensor.collapse_shape %30 [[0, 1, 2, 3]] : tensor<1x3x1x64xi64> into tensor<192xi64>
    %31 = linalg.generic {indexing_maps = [#map6, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%23 : tensor<1xi64>) outs(%28 : tensor<1x3x1x64xi64>) {
    ^bb0(%in: i64, %out: i64):
      linalg.yield %in : i64
    } -> tensor<1x3x1x64xi64>
    %collapsed_23 = tensor.collapse_shape %31 [[0, 1, 2, 3]] : tensor<1x3x1x64xi64> into tensor<192xi64>
    %32 = linalg.generic {indexing_maps = [#map7, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%25 : tensor<64xi64>) outs(%28 : tensor<1x3x1x64xi64>) {
    ^bb0(%in: i64, %out: i64):
      linalg.yield %in : i64
    } -> tensor<1x3x1x64xi64>
    %collapsed_24 = tensor.collapse_shape %32 [[0, 1, 2, 3]] : tensor<1x3x1x64xi64> into tensor<192xi64>
    %expanded_25 = tensor.expand_shape %collapsed_20 [[0, 1]] output_shape [192, 1] : tensor<192xi64> into tensor<192x1xi64>
    %expanded_26 = tensor.expand_shape %collapsed_22 [[0, 1]] output_shape [192, 1] : tensor<192xi64> into tensor<192x1xi64>
    %expanded_27 = tensor.expand_shape %collapsed_23 [[0, 1]] output_shape [192, 1] : tensor<192xi64> into tensor<192x1xi64>
    %expanded_28 = tensor.expand_shape %collapsed_24 [[0, 1]] output_shape [192, 1] : tensor<192xi64> into tensor<192x1xi64>
    %concat_29 = tensor.concat dim(1) %expanded_25, %expanded_26, %expanded_27, %expanded_28 : (tensor<192x1xi64>, tensor<192x1xi64>, tensor<192x1xi64>, tensor<192x1xi64>) -> tensor<192x4xi64>
    %collapsed_30 = tensor.collapse_shape %20 [[0, 1, 2, 3]] : tensor<1x3x1x64xf32> into tensor<192xf32>
    %expanded_31 = tensor.expand_shape %collapsed_30 [[0, 1, 2, 3, 4]] output_shape [192, 1, 1, 1, 1] : tensor<192xf32> into tensor<192x1x1x1x1xf32>
    %33 = tm_tensor.scatter {dimension_map = array<i64: 0, 1, 2, 3>} unique_indices(true) ins(%expanded_31, %concat_29 : tensor<192x1x1x1x1xf32>, tensor<192x4xi64>) outs(%arg3 : tensor<1x3x128x64xf32>) {
    ^bb0(%arg11: f32, %arg12: f32):
      tm_tensor.yield %arg11 : f32
    } -> tensor<1x3x128x64xf32>
    %collapsed_32 = tensor.collapse_shape %transposed_12 [[0, 1, 2, 3]] : tensor<1x3x1x64xf32> into tensor<192xf32>
    %expanded_33 = tensor.expand_shape %collapsed_32 [[0, 1, 2, 3, 4]] output_shape [192, 1, 1, 1, 1] : tensor<192xf32> into tensor<192x1x1x1x1xf32>
    %34 = tm_tensor.scatter {dimension_map = array<i64: 0, 1, 2, 3>} unique_indices(true) ins(%expanded_33, %concat_29 : tensor<192x1x1x1x1xf32>, tensor<192x4xi64>) outs(%arg4 : tensor<1x3x128x64xf32>) {
    ^bb0(%arg11: f32, %arg12: f32):
      tm_tensor.yield %arg11 : f32
    } -> tensor<1x3x128x64xf32>
    %35 = tensor.empty() : tensor<1x3x3x128x64xf32>
    %36 = linalg.generic {indexing_maps = [#map8, #map9], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%33 : tensor<1x3x128x64xf32>) outs(%35 : tensor<1x3x3x128x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x128x64xf32>
    %collapsed_34 = tensor.collapse_shape %36 [[0], [1, 2], [3], [4]] : tensor<1x3x3x128x64xf32> into tensor<1x9x128x64xf32>
    %37 = linalg.generic {indexing_maps = [#map8, #map9], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%34 : tensor<1x3x128x64xf32>) outs(%35 : tensor<1x3x3x128x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x128x64xf32>
    %38 = tensor.empty() : tensor<1x1x1x128xf32>
    %39 = linalg.generic {indexing_maps = [#map, #map10, #map10, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg6, %cst_2, %cst_3 : tensor<1x1x1x128xi1>, tensor<f32>, tensor<f32>) outs(%38 : tensor<1x1x1x128xf32>) {
    ^bb0(%in: i1, %in_47: f32, %in_48: f32, %out: f32):
      %70 = arith.select %in, %in_47, %in_48 : f32
      linalg.yield %70 : f32
    } -> tensor<1x1x1x128xf32>
    %40 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%15 : tensor<1x9x1x64xf32>) outs(%4 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %70 = arith.truncf %cst_4 : f64 to f32
      %71 = arith.mulf %in, %70 : f32
      linalg.yield %71 : f32
    } -> tensor<1x9x1x64xf32>
    %41 = tensor.empty() : tensor<1x9x64x128xf32>
    %transposed_35 = linalg.transpose ins(%collapsed_34 : tensor<1x9x128x64xf32>) outs(%41 : tensor<1x9x64x128xf32>) permutation = [0, 1, 3, 2] 
    %42 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_35 : tensor<1x9x64x128xf32>) outs(%41 : tensor<1x9x64x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %70 = arith.truncf %cst_4 : f64 to f32
      %71 = arith.mulf %in, %70 : f32
      linalg.yield %71 : f32
    } -> tensor<1x9x64x128xf32>
    %collapsed_36 = tensor.collapse_shape %40 [[0, 1], [2], [3]] : tensor<1x9x1x64xf32> into tensor<9x1x64xf32>
    %collapsed_37 = tensor.collapse_shape %42 [[0, 1], [2], [3]] : tensor<1x9x64x128xf32> into tensor<9x64x128xf32>
    %43 = tensor.empty() : tensor<9x1x128xf32>
    %44 = linalg.fill ins(%cst : f32) outs(%43 : tensor<9x1x128xf32>) -> tensor<9x1x128xf32>
    %45 = linalg.batch_matmul ins(%collapsed_36, %collapsed_37 : tensor<9x1x64xf32>, tensor<9x64x128xf32>) outs(%44 : tensor<9x1x128xf32>) -> tensor<9x1x128xf32>
    %expanded_38 = tensor.expand_shape %45 [[0, 1], [2], [3]] output_shape [1, 9, 1, 128] : tensor<9x1x128xf32> into tensor<1x9x1x128xf32>
    %46 = tensor.empty() : tensor<1x9x1x128xf32>
    %47 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_38, %39 : tensor<1x9x1x128xf32>, tensor<1x1x1x128xf32>) outs(%46 : tensor<1x9x1x128xf32>) {
    ^bb0(%in: f32, %in_47: f32, %out: f32):
      %70 = arith.addf %in, %in_47 : f32
      linalg.yield %70 : f32
    } -> tensor<1x9x1x128xf32>
    %48 = tensor.empty() : tensor<1x9x1xi64>
    %49 = linalg.fill ins(%c0_i64 : i64) outs(%48 : tensor<1x9x1xi64>) -> tensor<1x9x1xi64>
    %50 = tensor.empty() : tensor<1x9x1xf32>
    %51 = linalg.fill ins(%cst_0 : f32) outs(%50 : tensor<1x9x1xf32>) -> tensor<1x9x1xf32>
    %52:2 = linalg.generic {indexing_maps = [#map, #map11, #map11], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%47 : tensor<1x9x1x128xf32>) outs(%51, %49 : tensor<1x9x1xf32>, tensor<1x9x1xi64>) {
    ^bb0(%in: f32, %out: f32, %out_47: i64):
      %70 = linalg.index 3 : index
      %71 = arith.index_cast %70 : index to i64
      %72 = arith.maximumf %in, %out : f32
      %73 = arith.cmpf ogt, %in, %out : f32
      %74 = arith.select %73, %71, %out_47 : i64
      linalg.yield %72, %74 : f32, i64
    } -> (tensor<1x9x1xf32>, tensor<1x9x1xi64>)
    %expanded_39 = tensor.expand_shape %52#0 [[0], [1], [2, 3]] output_shape [1, 9, 1, 1] : tensor<1x9x1xf32> into tensor<1x9x1x1xf32>
    %53 = linalg.generic {indexing_maps = [#map, #map12, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%47, %expanded_39 : tensor<1x9x1x128xf32>, tensor<1x9x1x1xf32>) outs(%46 : tensor<1x9x1x128xf32>) {
    ^bb0(%in: f32, %in_47: f32, %out: f32):
      %70 = arith.subf %in, %in_47 : f32
      linalg.yield %70 : f32
    } -> tensor<1x9x1x128xf32>
    %54 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%53 : tensor<1x9x1x128xf32>) outs(%46 : tensor<1x9x1x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %70 = math.exp %in : f32
      linalg.yield %70 : f32
    } -> tensor<1x9x1x128xf32>
    %55 = tensor.empty() : tensor<1x9x1x1xf32>
    %56 = linalg.fill ins(%cst : f32) outs(%55 : tensor<1x9x1x1xf32>) -> tensor<1x9x1x1xf32>
    %57 = linalg.generic {indexing_maps = [#map, #map12], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%54 : tensor<1x9x1x128xf32>) outs(%56 : tensor<1x9x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %70 = arith.addf %in, %out : f32
      linalg.yield %70 : f32
    } -> tensor<1x9x1x1xf32>
    %58 = linalg.generic {indexing_maps = [#map, #map12, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%54, %57 : tensor<1x9x1x128xf32>, tensor<1x9x1x1xf32>) outs(%46 : tensor<1x9x1x128xf32>) {
    ^bb0(%in: f32, %in_47: f32, %out: f32):
      %70 = arith.divf %in, %in_47 : f32
      linalg.yield %70 : f32
    } -> tensor<1x9x1x128xf32>
    %59 = tensor.empty() : tensor<1x9x1x128xi1>
    %60 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%47 : tensor<1x9x1x128xf32>) outs(%59 : tensor<1x9x1x128xi1>) {
    ^bb0(%in: f32, %out: i1):
      %70 = arith.extf %in : f32 to f64
      %71 = arith.cmpf oeq, %70, %cst_5 : f64
      linalg.yield %71 : i1
    } -> tensor<1x9x1x128xi1>
    %61 = tensor.empty() : tensor<1x9x1x1xi1>
    %62 = linalg.fill ins(%true : i1) outs(%61 : tensor<1x9x1x1xi1>) -> tensor<1x9x1x1xi1>
    %63 = linalg.generic {indexing_maps = [#map, #map12], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%60 : tensor<1x9x1x128xi1>) outs(%62 : tensor<1x9x1x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %70 = arith.andi %in, %out : i1
      linalg.yield %70 : i1
    } -> tensor<1x9x1x1xi1>
    %64 = linalg.generic {indexing_maps = [#map12, #map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%63, %cst_1, %58 : tensor<1x9x1x1xi1>, tensor<1x9x1x128xf32>, tensor<1x9x1x128xf32>) outs(%46 : tensor<1x9x1x128xf32>) {
    ^bb0(%in: i1, %in_47: f32, %in_48: f32, %out: f32):
      %70 = arith.select %in, %in_47, %in_48 : f32
      linalg.yield %70 : f32
    } -> tensor<1x9x1x128xf32>
    %collapsed_40 = tensor.collapse_shape %64 [[0, 1], [2], [3]] : tensor<1x9x1x128xf32> into tensor<9x1x128xf32>
    %collapsed_41 = tensor.collapse_shape %37 [[0, 1, 2], [3], [4]] : tensor<1x3x3x128x64xf32> into tensor<9x128x64xf32>
    %65 = tensor.empty() : tensor<9x1x64xf32>
    %66 = linalg.fill ins(%cst : f32) outs(%65 : tensor<9x1x64xf32>) -> tensor<9x1x64xf32>
    %67 = linalg.batch_matmul ins(%collapsed_40, %collapsed_41 : tensor<9x1x128xf32>, tensor<9x128x64xf32>) outs(%66 : tensor<9x1x64xf32>) -> tensor<9x1x64xf32>
    %expanded_42 = tensor.expand_shape %67 [[0, 1], [2], [3]] output_shape [1, 9, 1, 64] : tensor<9x1x64xf32> into tensor<1x9x1x64xf32>
    %68 = tensor.empty() : tensor<1x1x9x64xf32>
    %transposed_43 = linalg.transpose ins(%expanded_42 : tensor<1x9x1x64xf32>) outs(%68 : tensor<1x1x9x64xf32>) permutation = [0, 2, 1, 3] 
    %transposed_44 = linalg.transpose ins(%arg10 : tensor<576x576xf32>) outs(%0 : tensor<576x576xf32>) permutation = [1, 0] 
    %collapsed_45 = tensor.collapse_shape %transposed_43 [[0], [1, 2, 3]] : tensor<1x1x9x64xf32> into tensor<1x576xf32>
    %69 = linalg.matmul ins(%collapsed_45, %transposed_44 : tensor<1x576xf32>, tensor<576x576xf32>) outs(%2 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %expanded_46 = tensor.expand_shape %69 [[0], [1, 2]] output_shape [1, 1, 576] : tensor<1x576xf32> into tensor<1x1x576xf32>
    return %expanded_46, %33, %34 : tensor<1x1x576xf32>, tensor<1x3x128x64xf32>, tensor<1x3x128x64xf32>
  }
}
