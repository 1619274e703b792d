// .venv/bin/python -m dashkv.torch.export transformers-attention-static-eager-f32
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
#map10 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map11 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
module {
  func.func @step(%arg0: tensor<1x1x576xf32>, %arg1: tensor<1x1x64xf32>, %arg2: tensor<1x1x64xf32>, %arg3: tensor<1x3x128x64xf32>, %arg4: tensor<1x3x128x64xf32>, %arg5: tensor<i64>, %arg6: tensor<1x1x1x128xf32>, %arg7: tensor<576x576xf32>, %arg8: tensor<192x576xf32>, %arg9: tensor<192x576xf32>, %arg10: tensor<576x576xf32>) -> (tensor<1x1x576xf32>, tensor<1x3x128x64xf32>, tensor<1x3x128x64xf32>) {
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %cst_1 = arith.constant 1.250000e-01 : f32
    %0 = tensor.empty() : tensor<576x576xf32>
    %transposed = linalg.transpose ins(%arg7 : tensor<576x576xf32>) outs(%0 : tensor<576x576xf32>) permutation = [1, 0] 
    %collapsed = tensor.collapse_shape %arg0 [[0], [1, 2]] : tensor<1x1x576xf32> into tensor<1x576xf32>
    %1 = tensor.empty() : tensor<1x576xf32>
    %2 = linalg.fill ins(%cst : f32) outs(%1 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %3 = linalg.matmul ins(%collapsed, %transposed : tensor<1x576xf32>, tensor<576x576xf32>) outs(%2 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %expanded = tensor.expand_shape %3 [[0], [1, 2, 3]] output_shape [1, 1, 9, 64] : tensor<1x576xf32> into tensor<1x1x9x64xf32>
    %4 = tensor.empty() : tensor<1x9x1x64xf32>
    %transposed_2 = linalg.transpose ins(%expanded : tensor<1x1x9x64xf32>) outs(%4 : tensor<1x9x1x64xf32>) permutation = [0, 2, 1, 3] 
    %5 = tensor.empty() : tensor<576x192xf32>
    %transposed_3 = linalg.transpose ins(%arg8 : tensor<192x576xf32>) outs(%5 : tensor<576x192xf32>) permutation = [1, 0] 
    %6 = tensor.empty() : tensor<1x192xf32>
    %7 = linalg.fill ins(%cst : f32) outs(%6 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %8 = linalg.matmul ins(%collapsed, %transposed_3 : tensor<1x576xf32>, tensor<576x192xf32>) outs(%7 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %expanded_4 = tensor.expand_shape %8 [[0], [1, 2, 3]] output_shape [1, 1, 3, 64] : tensor<1x192xf32> into tensor<1x1x3x64xf32>
    %9 = tensor.empty() : tensor<1x3x1x64xf32>
    %transposed_5 = linalg.transpose ins(%expanded_4 : tensor<1x1x3x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) permutation = [0, 2, 1, 3] 
    %transposed_6 = linalg.transpose ins(%arg9 : tensor<192x576xf32>) outs(%5 : tensor<576x192xf32>) permutation = [1, 0] 
    %10 = linalg.matmul ins(%collapsed, %transposed_6 : tensor<1x576xf32>, tensor<576x192xf32>) outs(%7 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %expanded_7 = tensor.expand_shape %10 [[0], [1, 2, 3]] output_shape [1, 1, 3, 64] : tensor<1x192xf32> into tensor<1x1x3x64xf32>
    %transposed_8 = linalg.transpose ins(%expanded_7 : tensor<1x1x3x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) permutation = [0, 2, 1, 3] 
    %expanded_9 = tensor.expand_shape %arg1 [[0], [1, 2], [3]] output_shape [1, 1, 1, 64] : tensor<1x1x64xf32> into tensor<1x1x1x64xf32>
    %expanded_10 = tensor.expand_shape %arg2 [[0], [1, 2], [3]] output_shape [1, 1, 1, 64] : tensor<1x1x64xf32> into tensor<1x1x1x64xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_2, %expanded_9 : tensor<1x9x1x64xf32>, tensor<1x1x1x64xf32>) outs(%4 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_43: f32, %out: f32):
      %61 = arith.mulf %in, %in_43 : f32
      linalg.yield %61 : f32
    } -> tensor<1x9x1x64xf32>
    %extracted_slice = tensor.extract_slice %transposed_2[0, 0, 0, 0] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf32> to tensor<1x9x1x32xf32>
    %extracted_slice_11 = tensor.extract_slice %transposed_2[0, 0, 0, 32] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf32> to tensor<1x9x1x32xf32>
    %12 = tensor.empty() : tensor<1x9x1x32xf32>
    %13 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_11 : tensor<1x9x1x32xf32>) outs(%12 : tensor<1x9x1x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %61 = arith.negf %in : f32
      linalg.yield %61 : f32
    } -> tensor<1x9x1x32xf32>
    %concat = tensor.concat dim(3) %13, %extracted_slice : (tensor<1x9x1x32xf32>, tensor<1x9x1x32xf32>) -> tensor<1x9x1x64xf32>
    %14 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %expanded_10 : tensor<1x9x1x64xf32>, tensor<1x1x1x64xf32>) outs(%4 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_43: f32, %out: f32):
      %61 = arith.mulf %in, %in_43 : f32
      linalg.yield %61 : f32
    } -> tensor<1x9x1x64xf32>
    %15 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%11, %14 : tensor<1x9x1x64xf32>, tensor<1x9x1x64xf32>) outs(%4 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_43: f32, %out: f32):
      %61 = arith.addf %in, %in_43 : f32
      linalg.yield %61 : f32
    } -> tensor<1x9x1x64xf32>
    %16 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_5, %expanded_9 : tensor<1x3x1x64xf32>, tensor<1x1x1x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_43: f32, %out: f32):
      %61 = arith.mulf %in, %in_43 : f32
      linalg.yield %61 : f32
    } -> tensor<1x3x1x64xf32>
    %extracted_slice_12 = tensor.extract_slice %transposed_5[0, 0, 0, 0] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf32> to tensor<1x3x1x32xf32>
    %extracted_slice_13 = tensor.extract_slice %transposed_5[0, 0, 0, 32] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf32> to tensor<1x3x1x32xf32>
    %17 = tensor.empty() : tensor<1x3x1x32xf32>
    %18 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_13 : tensor<1x3x1x32xf32>) outs(%17 : tensor<1x3x1x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %61 = arith.negf %in : f32
      linalg.yield %61 : f32
    } -> tensor<1x3x1x32xf32>
    %concat_14 = tensor.concat dim(3) %18, %extracted_slice_12 : (tensor<1x3x1x32xf32>, tensor<1x3x1x32xf32>) -> tensor<1x3x1x64xf32>
    %19 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_14, %expanded_10 : tensor<1x3x1x64xf32>, tensor<1x1x1x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_43: f32, %out: f32):
      %61 = arith.mulf %in, %in_43 : f32
      linalg.yield %61 : f32
    } -> tensor<1x3x1x64xf32>
    %20 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%16, %19 : tensor<1x3x1x64xf32>, tensor<1x3x1x64xf32>) outs(%9 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_43: f32, %out: f32):
      %61 = arith.addf %in, %in_43 : f32
      linalg.yield %61 : f32
    } -> tensor<1x3x1x64xf32>
    %21 = tensor.empty() : tensor<1xi64>
    %22 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%21 : tensor<1xi64>) {
    ^bb0(%out: i64):
      linalg.yield %c0_i64 : i64
    } -> tensor<1xi64>
    %23 = linalg.generic {indexing_maps = [#map2, #map3, #map2], iterator_types = ["parallel"]} ins(%22, %arg5 : tensor<1xi64>, tensor<i64>) outs(%21 : tensor<1xi64>) {
    ^bb0(%in: i64, %in_43: i64, %out: i64):
      %61 = arith.addi %in, %in_43 : i64
      linalg.yield %61 : i64
    } -> tensor<1xi64>
    %24 = tensor.empty() : tensor<64xi64>
    %25 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%24 : tensor<64xi64>) {
    ^bb0(%out: i64):
      %61 = linalg.index 0 : index
      %62 = arith.index_cast %61 : index to i64
      linalg.yield %62 : i64
    } -> tensor<64xi64>
    %26 = tensor.empty() : tensor<3xi64>
    %27 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%26 : tensor<3xi64>) {
    ^bb0(%out: i64):
      %61 = linalg.index 0 : index
      %62 = arith.index_cast %61 : index to i64
      linalg.yield %62 : i64
    } -> tensor<3xi64>
    %28 = tensor.empty() : tensor<1x3x1x64xi64>
    %expanded_15 = tensor.expand_shape %22 [[0, 1]] output_shape [1, 1] : tensor<1xi64> into tensor<1x1xi64>
    %29 = linalg.generic {indexing_maps = [#map4, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_15 : tensor<1x1xi64>) outs(%28 : tensor<1x3x1x64xi64>) {
    ^bb0(%in: i64, %out: i64):
      linalg.yield %in : i64
    } -> tensor<1x3x1x64xi64>
    %collapsed_16 = tensor.collapse_shape %29 [[0, 1, 2, 3]] : tensor<1x3x1x64xi64> into tensor<192xi64>
    %expanded_17 = tensor.expand_shape %27 [[0, 1]] output_shape [3, 1] : tensor<3xi64> into tensor<3x1xi64>
    %30 = linalg.generic {indexing_maps = [#map5, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_17 : tensor<3x1xi64>) outs(%28 : tensor<1x3x1x64xi64>) {
    ^bb0(%in: i64, %out: i64):
      linalg.yield %in : i64
    } -> tensor<1x3x1x64xi64>
    %collapsed_18 = tensor.collapse_shape %30 [[0, 1, 2, 3]] : tensor<1x3x1x64xi64> into tensor<192xi64>
    %31 = linalg.generic {indexing_maps = [#map6, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%23 : tensor<1xi64>) outs(%28 : tensor<1x3x1x64xi64>) {
    ^bb0(%in: i64, %out: i64):
      linalg.yield %in : i64
    } -> tensor<1x3x1x64xi64>
    %collapsed_19 = tensor.collapse_shape %31 [[0, 1, 2, 3]] : tensor<1x3x1x64xi64> into tensor<192xi64>
    %32 = linalg.generic {indexing_maps = [#map7, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%25 : tensor<64xi64>) outs(%28 : tensor<1x3x1x64xi64>) {
    ^bb0(%in: i64, %out: i64):
      linalg.yield %in : i64
    } -> tensor<1x3x1x64xi64>
    %collapsed_20 = tensor.collapse_shape %32 [[0, 1, 2, 3]] : tensor<1x3x1x64xi64> into tensor<192xi64>
    %expanded_21 = tensor.expand_shape %collapsed_16 [[0, 1]] output_shape [192, 1] : tensor<192xi64> into tensor<192x1xi64>
    %expanded_22 = tensor.expand_shape %collapsed_18 [[0, 1]] output_shape [192, 1] : tensor<192xi64> into tensor<192x1xi64>
    %expanded_23 = tensor.expand_shape %collapsed_19 [[0, 1]] output_shape [192, 1] : tensor<192xi64> into tensor<192x1xi64>
    %expanded_24 = tensor.expand_shape %collapsed_20 [[0, 1]] output_shape [192, 1] : tensor<192xi64> into tensor<192x1xi64>
    %concat_25 = tensor.concat dim(1) %expanded_21, %expanded_22, %expanded_23, %expanded_24 : (tensor<192x1xi64>, tensor<192x1xi64>, tensor<192x1xi64>, tensor<192x1xi64>) -> tensor<192x4xi64>
    %collapsed_26 = tensor.collapse_shape %20 [[0, 1, 2, 3]] : tensor<1x3x1x64xf32> into tensor<192xf32>
    %expanded_27 = tensor.expand_shape %collapsed_26 [[0, 1, 2, 3, 4]] output_shape [192, 1, 1, 1, 1] : tensor<192xf32> into tensor<192x1x1x1x1xf32>
    %33 = tm_tensor.scatter {dimension_map = array<i64: 0, 1, 2, 3>} unique_indices(true) ins(%expanded_27, %concat_25 : tensor<192x1x1x1x1xf32>, tensor<192x4xi64>) outs(%arg3 : tensor<1x3x128x64xf32>) {
    ^bb0(%arg11: f32, %arg12: f32):
      tm_tensor.yield %arg11 : f32
    } -> tensor<1x3x128x64xf32>
    %collapsed_28 = tensor.collapse_shape %transposed_8 [[0, 1, 2, 3]] : tensor<1x3x1x64xf32> into tensor<192xf32>
    %expanded_29 = tensor.expand_shape %collapsed_28 [[0, 1, 2, 3, 4]] output_shape [192, 1, 1, 1, 1] : tensor<192xf32> into tensor<192x1x1x1x1xf32>
    %34 = tm_tensor.scatter {dimension_map = array<i64: 0, 1, 2, 3>} unique_indices(true) ins(%expanded_29, %concat_25 : tensor<192x1x1x1x1xf32>, tensor<192x4xi64>) outs(%arg4 : tensor<1x3x128x64xf32>) {
    ^bb0(%arg11: f32, %arg12: f32):
      tm_tensor.yield %arg11 : f32
    } -> tensor<1x3x128x64xf32>
    %35 = tensor.empty() : tensor<1x3x3x128x64xf32>
    %36 = linalg.generic {indexing_maps = [#map8, #map9], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%33 : tensor<1x3x128x64xf32>) outs(%35 : tensor<1x3x3x128x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x128x64xf32>
    %collapsed_30 = tensor.collapse_shape %36 [[0], [1, 2], [3], [4]] : tensor<1x3x3x128x64xf32> into tensor<1x9x128x64xf32>
    %37 = linalg.generic {indexing_maps = [#map8, #map9], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%34 : tensor<1x3x128x64xf32>) outs(%35 : tensor<1x3x3x128x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x128x64xf32>
    %38 = tensor.empty() : tensor<1x9x64x128xf32>
    %transposed_31 = linalg.transpose ins(%collapsed_30 : tensor<1x9x128x64xf32>) outs(%38 : tensor<1x9x64x128xf32>) permutation = [0, 1, 3, 2] 
    %collapsed_32 = tensor.collapse_shape %15 [[0, 1], [2], [3]] : tensor<1x9x1x64xf32> into tensor<9x1x64xf32>
    %collapsed_33 = tensor.collapse_shape %transposed_31 [[0, 1], [2], [3]] : tensor<1x9x64x128xf32> into tensor<9x64x128xf32>
    %39 = tensor.empty() : tensor<9x1x128xf32>
    %40 = linalg.fill ins(%cst : f32) outs(%39 : tensor<9x1x128xf32>) -> tensor<9x1x128xf32>
    %41 = linalg.batch_matmul ins(%collapsed_32, %collapsed_33 : tensor<9x1x64xf32>, tensor<9x64x128xf32>) outs(%40 : tensor<9x1x128xf32>) -> tensor<9x1x128xf32>
    %expanded_34 = tensor.expand_shape %41 [[0, 1], [2], [3]] output_shape [1, 9, 1, 128] : tensor<9x1x128xf32> into tensor<1x9x1x128xf32>
    %42 = tensor.empty() : tensor<1x9x1x128xf32>
    %43 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_34 : tensor<1x9x1x128xf32>) outs(%42 : tensor<1x9x1x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %61 = arith.mulf %in, %cst_1 : f32
      linalg.yield %61 : f32
    } -> tensor<1x9x1x128xf32>
    %44 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%43, %arg6 : tensor<1x9x1x128xf32>, tensor<1x1x1x128xf32>) outs(%42 : tensor<1x9x1x128xf32>) {
    ^bb0(%in: f32, %in_43: f32, %out: f32):
      %61 = arith.addf %in, %in_43 : f32
      linalg.yield %61 : f32
    } -> tensor<1x9x1x128xf32>
    %45 = tensor.empty() : tensor<1x9x1xi64>
    %46 = linalg.fill ins(%c0_i64 : i64) outs(%45 : tensor<1x9x1xi64>) -> tensor<1x9x1xi64>
    %47 = tensor.empty() : tensor<1x9x1xf32>
    %48 = linalg.fill ins(%cst_0 : f32) outs(%47 : tensor<1x9x1xf32>) -> tensor<1x9x1xf32>
    %49:2 = linalg.generic {indexing_maps = [#map, #map10, #map10], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%44 : tensor<1x9x1x128xf32>) outs(%48, %46 : tensor<1x9x1xf32>, tensor<1x9x1xi64>) {
    ^bb0(%in: f32, %out: f32, %out_43: i64):
      %61 = linalg.index 3 : index
      %62 = arith.index_cast %61 : index to i64
      %63 = arith.maximumf %in, %out : f32
      %64 = arith.cmpf ogt, %in, %out : f32
      %65 = arith.select %64, %62, %out_43 : i64
      linalg.yield %63, %65 : f32, i64
    } -> (tensor<1x9x1xf32>, tensor<1x9x1xi64>)
    %expanded_35 = tensor.expand_shape %49#0 [[0], [1], [2, 3]] output_shape [1, 9, 1, 1] : tensor<1x9x1xf32> into tensor<1x9x1x1xf32>
    %50 = linalg.generic {indexing_maps = [#map, #map11, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%44, %expanded_35 : tensor<1x9x1x128xf32>, tensor<1x9x1x1xf32>) outs(%42 : tensor<1x9x1x128xf32>) {
    ^bb0(%in: f32, %in_43: f32, %out: f32):
      %61 = arith.subf %in, %in_43 : f32
      linalg.yield %61 : f32
    } -> tensor<1x9x1x128xf32>
    %51 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%50 : tensor<1x9x1x128xf32>) outs(%42 : tensor<1x9x1x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %61 = math.exp %in : f32
      linalg.yield %61 : f32
    } -> tensor<1x9x1x128xf32>
    %52 = tensor.empty() : tensor<1x9x1x1xf32>
    %53 = linalg.fill ins(%cst : f32) outs(%52 : tensor<1x9x1x1xf32>) -> tensor<1x9x1x1xf32>
    %54 = linalg.generic {indexing_maps = [#map, #map11], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%51 : tensor<1x9x1x128xf32>) outs(%53 : tensor<1x9x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %61 = arith.addf %in, %out : f32
      linalg.yield %61 : f32
    } -> tensor<1x9x1x1xf32>
    %55 = linalg.generic {indexing_maps = [#map, #map11, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%51, %54 : tensor<1x9x1x128xf32>, tensor<1x9x1x1xf32>) outs(%42 : tensor<1x9x1x128xf32>) {
    ^bb0(%in: f32, %in_43: f32, %out: f32):
      %61 = arith.divf %in, %in_43 : f32
      linalg.yield %61 : f32
    } -> tensor<1x9x1x128xf32>
    %collapsed_36 = tensor.collapse_shape %55 [[0, 1], [2], [3]] : tensor<1x9x1x128xf32> into tensor<9x1x128xf32>
    %collapsed_37 = tensor.collapse_shape %37 [[0, 1, 2], [3], [4]] : tensor<1x3x3x128x64xf32> into tensor<9x128x64xf32>
    %56 = tensor.empty() : tensor<9x1x64xf32>
    %57 = linalg.fill ins(%cst : f32) outs(%56 : tensor<9x1x64xf32>) -> tensor<9x1x64xf32>
    %58 = linalg.batch_matmul ins(%collapsed_36, %collapsed_37 : tensor<9x1x128xf32>, tensor<9x128x64xf32>) outs(%57 : tensor<9x1x64xf32>) -> tensor<9x1x64xf32>
    %expanded_38 = tensor.expand_shape %58 [[0, 1], [2], [3]] output_shape [1, 9, 1, 64] : tensor<9x1x64xf32> into tensor<1x9x1x64xf32>
    %59 = tensor.empty() : tensor<1x1x9x64xf32>
    %transposed_39 = linalg.transpose ins(%expanded_38 : tensor<1x9x1x64xf32>) outs(%59 : tensor<1x1x9x64xf32>) permutation = [0, 2, 1, 3] 
    %transposed_40 = linalg.transpose ins(%arg10 : tensor<576x576xf32>) outs(%0 : tensor<576x576xf32>) permutation = [1, 0] 
    %collapsed_41 = tensor.collapse_shape %transposed_39 [[0], [1, 2, 3]] : tensor<1x1x9x64xf32> into tensor<1x576xf32>
    %60 = linalg.matmul ins(%collapsed_41, %transposed_40 : tensor<1x576xf32>, tensor<576x576xf32>) outs(%2 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %expanded_42 = tensor.expand_shape %60 [[0], [1, 2]] output_shape [1, 1, 576] : tensor<1x576xf32> into tensor<1x1x576xf32>
    return %expanded_42, %33, %34 : tensor<1x1x576xf32>, tensor<1x3x128x64xf32>, tensor<1x3x128x64xf32>
  }
}
