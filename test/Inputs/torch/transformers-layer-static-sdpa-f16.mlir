// .venv/bin/python -m dashkv.torch.export transformers-layer-static-sdpa-f16
#map = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map1 = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#map2 = affine_map<(d0, d1, d2) -> (d2)>
#map3 = affine_map<(d0, d1) -> (d0, d1)>
#map4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map5 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map6 = affine_map<(d0) -> (d0)>
#map7 = affine_map<(d0) -> ()>
#map8 = affine_map<(d0, d1, d2, d3) -> (d0, d2)>
#map9 = affine_map<(d0, d1, d2, d3) -> (d1, d2)>
#map10 = affine_map<(d0, d1, d2, d3) -> (d2)>
#map11 = affine_map<(d0, d1, d2, d3) -> (d3)>
#map12 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map13 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map14 = affine_map<(d0, d1, d2, d3) -> ()>
#map15 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map16 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
module {
  func.func @step(%arg0: tensor<1x1x576xf16>, %arg1: tensor<1x1x64xf16>, %arg2: tensor<1x1x64xf16>, %arg3: tensor<1x3x128x64xf16>, %arg4: tensor<1x3x128x64xf16>, %arg5: tensor<i64>, %arg6: tensor<1x1x1x128xi1>, %arg7: tensor<576x576xf16>, %arg8: tensor<192x576xf16>, %arg9: tensor<192x576xf16>, %arg10: tensor<576x576xf16>, %arg11: tensor<1536x576xf16>, %arg12: tensor<1536x576xf16>, %arg13: tensor<576x1536xf16>, %arg14: tensor<576xf16>, %arg15: tensor<576xf16>) -> (tensor<1x1x576xf16>, tensor<1x3x128x64xf16>, tensor<1x3x128x64xf16>) {
    %c2_i64 = arith.constant 2 : i64
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %true = arith.constant true
    %cst_1 = arith.constant 1.000000e+00 : f32
    %cst_2 = arith.constant dense<0.000000e+00> : tensor<1x9x1x128xf32>
    %cst_3 = arith.constant dense<0.000000e+00> : tensor<f16>
    %cst_4 = arith.constant dense<0xFC00> : tensor<f16>
    %cst_5 = arith.constant 0.35355339059327379 : f64
    %cst_6 = arith.constant 0xFFF0000000000000 : f64
    %cst_7 = arith.constant 9.9999999999999995E-7 : f64
    %cst_8 = arith.constant 5.760000e+02 : f32
    %0 = tensor.empty() : tensor<1x1x576xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<1x1x576xf16>) outs(%0 : tensor<1x1x576xf32>) {
    ^bb0(%in: f16, %out: f32):
      %124 = arith.extf %in : f16 to f32
      linalg.yield %124 : f32
    } -> tensor<1x1x576xf32>
    %2 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%1 : tensor<1x1x576xf32>) outs(%0 : tensor<1x1x576xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %124 : f32
    } -> tensor<1x1x576xf32>
    %3 = tensor.empty() : tensor<1x1x1xf32>
    %4 = linalg.fill ins(%cst : f32) outs(%3 : tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %5 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "reduction"]} ins(%2 : tensor<1x1x576xf32>) outs(%4 : tensor<1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.addf %in, %out : f32
      linalg.yield %124 : f32
    } -> tensor<1x1x1xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%5 : tensor<1x1x1xf32>) outs(%3 : tensor<1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.divf %in, %cst_8 : f32
      linalg.yield %124 : f32
    } -> tensor<1x1x1xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%6 : tensor<1x1x1xf32>) outs(%3 : tensor<1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.truncf %cst_7 : f64 to f32
      %125 = arith.addf %in, %124 : f32
      linalg.yield %125 : f32
    } -> tensor<1x1x1xf32>
    %8 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%7 : tensor<1x1x1xf32>) outs(%3 : tensor<1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = math.rsqrt %in : f32
      linalg.yield %124 : f32
    } -> tensor<1x1x1xf32>
    %9 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%1, %8 : tensor<1x1x576xf32>, tensor<1x1x1xf32>) outs(%0 : tensor<1x1x576xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.mulf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<1x1x576xf32>
    %10 = tensor.empty() : tensor<1x1x576xf16>
    %11 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%9 : tensor<1x1x576xf32>) outs(%10 : tensor<1x1x576xf16>) {
    ^bb0(%in: f32, %out: f16):
      %124 = arith.truncf %in : f32 to f16
      linalg.yield %124 : f16
    } -> tensor<1x1x576xf16>
    %12 = linalg.generic {indexing_maps = [#map2, #map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg14, %11 : tensor<576xf16>, tensor<1x1x576xf16>) outs(%10 : tensor<1x1x576xf16>) {
    ^bb0(%in: f16, %in_59: f16, %out: f16):
      %124 = arith.mulf %in, %in_59 : f16
      linalg.yield %124 : f16
    } -> tensor<1x1x576xf16>
    %13 = tensor.empty() : tensor<576x576xf16>
    %transposed = linalg.transpose ins(%arg7 : tensor<576x576xf16>) outs(%13 : tensor<576x576xf16>) permutation = [1, 0] 
    %collapsed = tensor.collapse_shape %12 [[0], [1, 2]] : tensor<1x1x576xf16> into tensor<1x576xf16>
    %14 = tensor.empty() : tensor<1x576xf32>
    %15 = linalg.fill ins(%cst : f32) outs(%14 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %16 = linalg.matmul ins(%collapsed, %transposed : tensor<1x576xf16>, tensor<576x576xf16>) outs(%15 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %17 = tensor.empty() : tensor<1x576xf16>
    %18 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel"]} ins(%16 : tensor<1x576xf32>) outs(%17 : tensor<1x576xf16>) {
    ^bb0(%in: f32, %out: f16):
      %124 = arith.truncf %in : f32 to f16
      linalg.yield %124 : f16
    } -> tensor<1x576xf16>
    %expanded = tensor.expand_shape %18 [[0], [1, 2, 3]] output_shape [1, 1, 9, 64] : tensor<1x576xf16> into tensor<1x1x9x64xf16>
    %19 = tensor.empty() : tensor<1x9x1x64xf16>
    %transposed_9 = linalg.transpose ins(%expanded : tensor<1x1x9x64xf16>) outs(%19 : tensor<1x9x1x64xf16>) permutation = [0, 2, 1, 3] 
    %20 = tensor.empty() : tensor<576x192xf16>
    %transposed_10 = linalg.transpose ins(%arg8 : tensor<192x576xf16>) outs(%20 : tensor<576x192xf16>) permutation = [1, 0] 
    %21 = tensor.empty() : tensor<1x192xf32>
    %22 = linalg.fill ins(%cst : f32) outs(%21 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %23 = linalg.matmul ins(%collapsed, %transposed_10 : tensor<1x576xf16>, tensor<576x192xf16>) outs(%22 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %24 = tensor.empty() : tensor<1x192xf16>
    %25 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel"]} ins(%23 : tensor<1x192xf32>) outs(%24 : tensor<1x192xf16>) {
    ^bb0(%in: f32, %out: f16):
      %124 = arith.truncf %in : f32 to f16
      linalg.yield %124 : f16
    } -> tensor<1x192xf16>
    %expanded_11 = tensor.expand_shape %25 [[0], [1, 2, 3]] output_shape [1, 1, 3, 64] : tensor<1x192xf16> into tensor<1x1x3x64xf16>
    %26 = tensor.empty() : tensor<1x3x1x64xf16>
    %transposed_12 = linalg.transpose ins(%expanded_11 : tensor<1x1x3x64xf16>) outs(%26 : tensor<1x3x1x64xf16>) permutation = [0, 2, 1, 3] 
    %transposed_13 = linalg.transpose ins(%arg9 : tensor<192x576xf16>) outs(%20 : tensor<576x192xf16>) permutation = [1, 0] 
    %27 = linalg.matmul ins(%collapsed, %transposed_13 : tensor<1x576xf16>, tensor<576x192xf16>) outs(%22 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %28 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel"]} ins(%27 : tensor<1x192xf32>) outs(%24 : tensor<1x192xf16>) {
    ^bb0(%in: f32, %out: f16):
      %124 = arith.truncf %in : f32 to f16
      linalg.yield %124 : f16
    } -> tensor<1x192xf16>
    %expanded_14 = tensor.expand_shape %28 [[0], [1, 2, 3]] output_shape [1, 1, 3, 64] : tensor<1x192xf16> into tensor<1x1x3x64xf16>
    %transposed_15 = linalg.transpose ins(%expanded_14 : tensor<1x1x3x64xf16>) outs(%26 : tensor<1x3x1x64xf16>) permutation = [0, 2, 1, 3] 
    %expanded_16 = tensor.expand_shape %arg1 [[0], [1, 2], [3]] output_shape [1, 1, 1, 64] : tensor<1x1x64xf16> into tensor<1x1x1x64xf16>
    %expanded_17 = tensor.expand_shape %arg2 [[0], [1, 2], [3]] output_shape [1, 1, 1, 64] : tensor<1x1x64xf16> into tensor<1x1x1x64xf16>
    %29 = linalg.generic {indexing_maps = [#map4, #map5, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_9, %expanded_16 : tensor<1x9x1x64xf16>, tensor<1x1x1x64xf16>) outs(%19 : tensor<1x9x1x64xf16>) {
    ^bb0(%in: f16, %in_59: f16, %out: f16):
      %124 = arith.mulf %in, %in_59 : f16
      linalg.yield %124 : f16
    } -> tensor<1x9x1x64xf16>
    %extracted_slice = tensor.extract_slice %transposed_9[0, 0, 0, 0] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf16> to tensor<1x9x1x32xf16>
    %extracted_slice_18 = tensor.extract_slice %transposed_9[0, 0, 0, 32] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf16> to tensor<1x9x1x32xf16>
    %30 = tensor.empty() : tensor<1x9x1x32xf16>
    %31 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_18 : tensor<1x9x1x32xf16>) outs(%30 : tensor<1x9x1x32xf16>) {
    ^bb0(%in: f16, %out: f16):
      %124 = arith.negf %in : f16
      linalg.yield %124 : f16
    } -> tensor<1x9x1x32xf16>
    %concat = tensor.concat dim(3) %31, %extracted_slice : (tensor<1x9x1x32xf16>, tensor<1x9x1x32xf16>) -> tensor<1x9x1x64xf16>
    %32 = linalg.generic {indexing_maps = [#map4, #map5, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %expanded_17 : tensor<1x9x1x64xf16>, tensor<1x1x1x64xf16>) outs(%19 : tensor<1x9x1x64xf16>) {
    ^bb0(%in: f16, %in_59: f16, %out: f16):
      %124 = arith.mulf %in, %in_59 : f16
      linalg.yield %124 : f16
    } -> tensor<1x9x1x64xf16>
    %33 = linalg.generic {indexing_maps = [#map4, #map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%29, %32 : tensor<1x9x1x64xf16>, tensor<1x9x1x64xf16>) outs(%19 : tensor<1x9x1x64xf16>) {
    ^bb0(%in: f16, %in_59: f16, %out: f16):
      %124 = arith.addf %in, %in_59 : f16
      linalg.yield %124 : f16
    } -> tensor<1x9x1x64xf16>
    %34 = linalg.generic {indexing_maps = [#map4, #map5, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_12, %expanded_16 : tensor<1x3x1x64xf16>, tensor<1x1x1x64xf16>) outs(%26 : tensor<1x3x1x64xf16>) {
    ^bb0(%in: f16, %in_59: f16, %out: f16):
      %124 = arith.mulf %in, %in_59 : f16
      linalg.yield %124 : f16
    } -> tensor<1x3x1x64xf16>
    %extracted_slice_19 = tensor.extract_slice %transposed_12[0, 0, 0, 0] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf16> to tensor<1x3x1x32xf16>
    %extracted_slice_20 = tensor.extract_slice %transposed_12[0, 0, 0, 32] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf16> to tensor<1x3x1x32xf16>
    %35 = tensor.empty() : tensor<1x3x1x32xf16>
    %36 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_20 : tensor<1x3x1x32xf16>) outs(%35 : tensor<1x3x1x32xf16>) {
    ^bb0(%in: f16, %out: f16):
      %124 = arith.negf %in : f16
      linalg.yield %124 : f16
    } -> tensor<1x3x1x32xf16>
    %concat_21 = tensor.concat dim(3) %36, %extracted_slice_19 : (tensor<1x3x1x32xf16>, tensor<1x3x1x32xf16>) -> tensor<1x3x1x64xf16>
    %37 = linalg.generic {indexing_maps = [#map4, #map5, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_21, %expanded_17 : tensor<1x3x1x64xf16>, tensor<1x1x1x64xf16>) outs(%26 : tensor<1x3x1x64xf16>) {
    ^bb0(%in: f16, %in_59: f16, %out: f16):
      %124 = arith.mulf %in, %in_59 : f16
      linalg.yield %124 : f16
    } -> tensor<1x3x1x64xf16>
    %38 = linalg.generic {indexing_maps = [#map4, #map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%34, %37 : tensor<1x3x1x64xf16>, tensor<1x3x1x64xf16>) outs(%26 : tensor<1x3x1x64xf16>) {
    ^bb0(%in: f16, %in_59: f16, %out: f16):
      %124 = arith.addf %in, %in_59 : f16
      linalg.yield %124 : f16
    } -> tensor<1x3x1x64xf16>
    %39 = tensor.empty() : tensor<1xi64>
    %40 = linalg.generic {indexing_maps = [#map6], iterator_types = ["parallel"]} outs(%39 : tensor<1xi64>) {
    ^bb0(%out: i64):
      linalg.yield %c0_i64 : i64
    } -> tensor<1xi64>
    %41 = linalg.generic {indexing_maps = [#map6, #map7, #map6], iterator_types = ["parallel"]} ins(%40, %arg5 : tensor<1xi64>, tensor<i64>) outs(%39 : tensor<1xi64>) {
    ^bb0(%in: i64, %in_59: i64, %out: i64):
      %124 = arith.addi %in, %in_59 : i64
      linalg.yield %124 : i64
    } -> tensor<1xi64>
    %42 = tensor.empty() : tensor<64xi64>
    %43 = linalg.generic {indexing_maps = [#map6], iterator_types = ["parallel"]} outs(%42 : tensor<64xi64>) {
    ^bb0(%out: i64):
      %124 = linalg.index 0 : index
      %125 = arith.index_cast %124 : index to i64
      linalg.yield %125 : i64
    } -> tensor<64xi64>
    %44 = tensor.empty() : tensor<3xi64>
    %45 = linalg.generic {indexing_maps = [#map6], iterator_types = ["parallel"]} outs(%44 : tensor<3xi64>) {
    ^bb0(%out: i64):
      %124 = linalg.index 0 : index
      %125 = arith.index_cast %124 : index to i64
      linalg.yield %125 : i64
    } -> tensor<3xi64>
    %46 = tensor.empty() : tensor<1x3x1x64xi64>
    %expanded_22 = tensor.expand_shape %40 [[0, 1]] output_shape [1, 1] : tensor<1xi64> into tensor<1x1xi64>
    %47 = linalg.generic {indexing_maps = [#map8, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_22 : tensor<1x1xi64>) outs(%46 : tensor<1x3x1x64xi64>) {
    ^bb0(%in: i64, %out: i64):
      linalg.yield %in : i64
    } -> tensor<1x3x1x64xi64>
    %collapsed_23 = tensor.collapse_shape %47 [[0, 1, 2, 3]] : tensor<1x3x1x64xi64> into tensor<192xi64>
    %expanded_24 = tensor.expand_shape %45 [[0, 1]] output_shape [3, 1] : tensor<3xi64> into tensor<3x1xi64>
    %48 = linalg.generic {indexing_maps = [#map9, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_24 : tensor<3x1xi64>) outs(%46 : tensor<1x3x1x64xi64>) {
    ^bb0(%in: i64, %out: i64):
      linalg.yield %in : i64
    } -> tensor<1x3x1x64xi64>
    %collapsed_25 = tensor.collapse_shape %48 [[0, 1, 2, 3]] : tensor<1x3x1x64xi64> into tensor<192xi64>
    %49 = linalg.generic {indexing_maps = [#map10, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%41 : tensor<1xi64>) outs(%46 : tensor<1x3x1x64xi64>) {
    ^bb0(%in: i64, %out: i64):
      linalg.yield %in : i64
    } -> tensor<1x3x1x64xi64>
    %collapsed_26 = tensor.collapse_shape %49 [[0, 1, 2, 3]] : tensor<1x3x1x64xi64> into tensor<192xi64>
    %50 = linalg.generic {indexing_maps = [#map11, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%43 : tensor<64xi64>) outs(%46 : tensor<1x3x1x64xi64>) {
    ^bb0(%in: i64, %out: i64):
      linalg.yield %in : i64
    } -> tensor<1x3x1x64xi64>
    %collapsed_27 = tensor.collapse_shape %50 [[0, 1, 2, 3]] : tensor<1x3x1x64xi64> into tensor<192xi64>
    %expanded_28 = tensor.expand_shape %collapsed_23 [[0, 1]] output_shape [192, 1] : tensor<192xi64> into tensor<192x1xi64>
    %expanded_29 = tensor.expand_shape %collapsed_25 [[0, 1]] output_shape [192, 1] : tensor<192xi64> into tensor<192x1xi64>
    %expanded_30 = tensor.expand_shape %collapsed_26 [[0, 1]] output_shape [192, 1] : tensor<192xi64> into tensor<192x1xi64>
    %expanded_31 = tensor.expand_shape %collapsed_27 [[0, 1]] output_shape [192, 1] : tensor<192xi64> into tensor<192x1xi64>
    %concat_32 = tensor.concat dim(1) %expanded_28, %expanded_29, %expanded_30, %expanded_31 : (tensor<192x1xi64>, tensor<192x1xi64>, tensor<192x1xi64>, tensor<192x1xi64>) -> tensor<192x4xi64>
    %collapsed_33 = tensor.collapse_shape %38 [[0, 1, 2, 3]] : tensor<1x3x1x64xf16> into tensor<192xf16>
    %expanded_34 = tensor.expand_shape %collapsed_33 [[0, 1, 2, 3, 4]] output_shape [192, 1, 1, 1, 1] : tensor<192xf16> into tensor<192x1x1x1x1xf16>
    %51 = tm_tensor.scatter {dimension_map = array<i64: 0, 1, 2, 3>} unique_indices(true) ins(%expanded_34, %concat_32 : tensor<192x1x1x1x1xf16>, tensor<192x4xi64>) outs(%arg3 : tensor<1x3x128x64xf16>) {
    ^bb0(%arg16: f16, %arg17: f16):
      tm_tensor.yield %arg16 : f16
    } -> tensor<1x3x128x64xf16>
    %collapsed_35 = tensor.collapse_shape %transposed_15 [[0, 1, 2, 3]] : tensor<1x3x1x64xf16> into tensor<192xf16>
    %expanded_36 = tensor.expand_shape %collapsed_35 [[0, 1, 2, 3, 4]] output_shape [192, 1, 1, 1, 1] : tensor<192xf16> into tensor<192x1x1x1x1xf16>
    %52 = tm_tensor.scatter {dimension_map = array<i64: 0, 1, 2, 3>} unique_indices(true) ins(%expanded_36, %concat_32 : tensor<192x1x1x1x1xf16>, tensor<192x4xi64>) outs(%arg4 : tensor<1x3x128x64xf16>) {
    ^bb0(%arg16: f16, %arg17: f16):
      tm_tensor.yield %arg16 : f16
    } -> tensor<1x3x128x64xf16>
    %53 = tensor.empty() : tensor<1x3x3x128x64xf16>
    %54 = linalg.generic {indexing_maps = [#map12, #map13], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%51 : tensor<1x3x128x64xf16>) outs(%53 : tensor<1x3x3x128x64xf16>) {
    ^bb0(%in: f16, %out: f16):
      linalg.yield %in : f16
    } -> tensor<1x3x3x128x64xf16>
    %collapsed_37 = tensor.collapse_shape %54 [[0], [1, 2], [3], [4]] : tensor<1x3x3x128x64xf16> into tensor<1x9x128x64xf16>
    %55 = linalg.generic {indexing_maps = [#map12, #map13], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%52 : tensor<1x3x128x64xf16>) outs(%53 : tensor<1x3x3x128x64xf16>) {
    ^bb0(%in: f16, %out: f16):
      linalg.yield %in : f16
    } -> tensor<1x3x3x128x64xf16>
    %collapsed_38 = tensor.collapse_shape %55 [[0], [1, 2], [3], [4]] : tensor<1x3x3x128x64xf16> into tensor<1x9x128x64xf16>
    %56 = tensor.empty() : tensor<1x1x1x128xf16>
    %57 = linalg.generic {indexing_maps = [#map4, #map14, #map14, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg6, %cst_3, %cst_4 : tensor<1x1x1x128xi1>, tensor<f16>, tensor<f16>) outs(%56 : tensor<1x1x1x128xf16>) {
    ^bb0(%in: i1, %in_59: f16, %in_60: f16, %out: f16):
      %124 = arith.select %in, %in_59, %in_60 : f16
      linalg.yield %124 : f16
    } -> tensor<1x1x1x128xf16>
    %58 = tensor.empty() : tensor<1x9x1x64xf32>
    %59 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%33 : tensor<1x9x1x64xf16>) outs(%58 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f16, %out: f32):
      %124 = arith.extf %in : f16 to f32
      linalg.yield %124 : f32
    } -> tensor<1x9x1x64xf32>
    %60 = tensor.empty() : tensor<1x9x128x64xf32>
    %61 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%collapsed_37 : tensor<1x9x128x64xf16>) outs(%60 : tensor<1x9x128x64xf32>) {
    ^bb0(%in: f16, %out: f32):
      %124 = arith.extf %in : f16 to f32
      linalg.yield %124 : f32
    } -> tensor<1x9x128x64xf32>
    %62 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%collapsed_38 : tensor<1x9x128x64xf16>) outs(%60 : tensor<1x9x128x64xf32>) {
    ^bb0(%in: f16, %out: f32):
      %124 = arith.extf %in : f16 to f32
      linalg.yield %124 : f32
    } -> tensor<1x9x128x64xf32>
    %63 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%59 : tensor<1x9x1x64xf32>) outs(%58 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.truncf %cst_5 : f64 to f32
      %125 = arith.mulf %in, %124 : f32
      linalg.yield %125 : f32
    } -> tensor<1x9x1x64xf32>
    %64 = tensor.empty() : tensor<1x9x64x128xf32>
    %transposed_39 = linalg.transpose ins(%61 : tensor<1x9x128x64xf32>) outs(%64 : tensor<1x9x64x128xf32>) permutation = [0, 1, 3, 2] 
    %65 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_39 : tensor<1x9x64x128xf32>) outs(%64 : tensor<1x9x64x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.truncf %cst_5 : f64 to f32
      %125 = arith.mulf %in, %124 : f32
      linalg.yield %125 : f32
    } -> tensor<1x9x64x128xf32>
    %collapsed_40 = tensor.collapse_shape %63 [[0, 1], [2], [3]] : tensor<1x9x1x64xf32> into tensor<9x1x64xf32>
    %collapsed_41 = tensor.collapse_shape %65 [[0, 1], [2], [3]] : tensor<1x9x64x128xf32> into tensor<9x64x128xf32>
    %66 = tensor.empty() : tensor<9x1x128xf32>
    %67 = linalg.fill ins(%cst : f32) outs(%66 : tensor<9x1x128xf32>) -> tensor<9x1x128xf32>
    %68 = linalg.batch_matmul ins(%collapsed_40, %collapsed_41 : tensor<9x1x64xf32>, tensor<9x64x128xf32>) outs(%67 : tensor<9x1x128xf32>) -> tensor<9x1x128xf32>
    %expanded_42 = tensor.expand_shape %68 [[0, 1], [2], [3]] output_shape [1, 9, 1, 128] : tensor<9x1x128xf32> into tensor<1x9x1x128xf32>
    %69 = tensor.empty() : tensor<1x9x1x128xf32>
    %70 = linalg.generic {indexing_maps = [#map4, #map5, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_42, %57 : tensor<1x9x1x128xf32>, tensor<1x1x1x128xf16>) outs(%69 : tensor<1x9x1x128xf32>) {
    ^bb0(%in: f32, %in_59: f16, %out: f32):
      %124 = arith.extf %in_59 : f16 to f32
      %125 = arith.addf %in, %124 : f32
      linalg.yield %125 : f32
    } -> tensor<1x9x1x128xf32>
    %71 = tensor.empty() : tensor<1x9x1xi64>
    %72 = linalg.fill ins(%c0_i64 : i64) outs(%71 : tensor<1x9x1xi64>) -> tensor<1x9x1xi64>
    %73 = tensor.empty() : tensor<1x9x1xf32>
    %74 = linalg.fill ins(%cst_0 : f32) outs(%73 : tensor<1x9x1xf32>) -> tensor<1x9x1xf32>
    %75:2 = linalg.generic {indexing_maps = [#map4, #map15, #map15], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%70 : tensor<1x9x1x128xf32>) outs(%74, %72 : tensor<1x9x1xf32>, tensor<1x9x1xi64>) {
    ^bb0(%in: f32, %out: f32, %out_59: i64):
      %124 = linalg.index 3 : index
      %125 = arith.index_cast %124 : index to i64
      %126 = arith.maximumf %in, %out : f32
      %127 = arith.cmpf ogt, %in, %out : f32
      %128 = arith.select %127, %125, %out_59 : i64
      linalg.yield %126, %128 : f32, i64
    } -> (tensor<1x9x1xf32>, tensor<1x9x1xi64>)
    %expanded_43 = tensor.expand_shape %75#0 [[0], [1], [2, 3]] output_shape [1, 9, 1, 1] : tensor<1x9x1xf32> into tensor<1x9x1x1xf32>
    %76 = linalg.generic {indexing_maps = [#map4, #map16, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%70, %expanded_43 : tensor<1x9x1x128xf32>, tensor<1x9x1x1xf32>) outs(%69 : tensor<1x9x1x128xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.subf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<1x9x1x128xf32>
    %77 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%76 : tensor<1x9x1x128xf32>) outs(%69 : tensor<1x9x1x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = math.exp %in : f32
      linalg.yield %124 : f32
    } -> tensor<1x9x1x128xf32>
    %78 = tensor.empty() : tensor<1x9x1x1xf32>
    %79 = linalg.fill ins(%cst : f32) outs(%78 : tensor<1x9x1x1xf32>) -> tensor<1x9x1x1xf32>
    %80 = linalg.generic {indexing_maps = [#map4, #map16], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%77 : tensor<1x9x1x128xf32>) outs(%79 : tensor<1x9x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.addf %in, %out : f32
      linalg.yield %124 : f32
    } -> tensor<1x9x1x1xf32>
    %81 = linalg.generic {indexing_maps = [#map4, #map16, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%77, %80 : tensor<1x9x1x128xf32>, tensor<1x9x1x1xf32>) outs(%69 : tensor<1x9x1x128xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.divf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<1x9x1x128xf32>
    %82 = tensor.empty() : tensor<1x9x1x128xi1>
    %83 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%70 : tensor<1x9x1x128xf32>) outs(%82 : tensor<1x9x1x128xi1>) {
    ^bb0(%in: f32, %out: i1):
      %124 = arith.extf %in : f32 to f64
      %125 = arith.cmpf oeq, %124, %cst_6 : f64
      linalg.yield %125 : i1
    } -> tensor<1x9x1x128xi1>
    %84 = tensor.empty() : tensor<1x9x1x1xi1>
    %85 = linalg.fill ins(%true : i1) outs(%84 : tensor<1x9x1x1xi1>) -> tensor<1x9x1x1xi1>
    %86 = linalg.generic {indexing_maps = [#map4, #map16], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%83 : tensor<1x9x1x128xi1>) outs(%85 : tensor<1x9x1x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %124 = arith.andi %in, %out : i1
      linalg.yield %124 : i1
    } -> tensor<1x9x1x1xi1>
    %87 = linalg.generic {indexing_maps = [#map16, #map4, #map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%86, %cst_2, %81 : tensor<1x9x1x1xi1>, tensor<1x9x1x128xf32>, tensor<1x9x1x128xf32>) outs(%69 : tensor<1x9x1x128xf32>) {
    ^bb0(%in: i1, %in_59: f32, %in_60: f32, %out: f32):
      %124 = arith.select %in, %in_59, %in_60 : f32
      linalg.yield %124 : f32
    } -> tensor<1x9x1x128xf32>
    %collapsed_44 = tensor.collapse_shape %87 [[0, 1], [2], [3]] : tensor<1x9x1x128xf32> into tensor<9x1x128xf32>
    %collapsed_45 = tensor.collapse_shape %62 [[0, 1], [2], [3]] : tensor<1x9x128x64xf32> into tensor<9x128x64xf32>
    %88 = tensor.empty() : tensor<9x1x64xf32>
    %89 = linalg.fill ins(%cst : f32) outs(%88 : tensor<9x1x64xf32>) -> tensor<9x1x64xf32>
    %90 = linalg.batch_matmul ins(%collapsed_44, %collapsed_45 : tensor<9x1x128xf32>, tensor<9x128x64xf32>) outs(%89 : tensor<9x1x64xf32>) -> tensor<9x1x64xf32>
    %expanded_46 = tensor.expand_shape %90 [[0, 1], [2], [3]] output_shape [1, 9, 1, 64] : tensor<9x1x64xf32> into tensor<1x9x1x64xf32>
    %91 = linalg.generic {indexing_maps = [#map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_46 : tensor<1x9x1x64xf32>) outs(%19 : tensor<1x9x1x64xf16>) {
    ^bb0(%in: f32, %out: f16):
      %124 = arith.truncf %in : f32 to f16
      linalg.yield %124 : f16
    } -> tensor<1x9x1x64xf16>
    %92 = tensor.empty() : tensor<1x1x9x64xf16>
    %transposed_47 = linalg.transpose ins(%91 : tensor<1x9x1x64xf16>) outs(%92 : tensor<1x1x9x64xf16>) permutation = [0, 2, 1, 3] 
    %transposed_48 = linalg.transpose ins(%arg10 : tensor<576x576xf16>) outs(%13 : tensor<576x576xf16>) permutation = [1, 0] 
    %collapsed_49 = tensor.collapse_shape %transposed_47 [[0], [1, 2, 3]] : tensor<1x1x9x64xf16> into tensor<1x576xf16>
    %93 = linalg.matmul ins(%collapsed_49, %transposed_48 : tensor<1x576xf16>, tensor<576x576xf16>) outs(%15 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %94 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel"]} ins(%93 : tensor<1x576xf32>) outs(%17 : tensor<1x576xf16>) {
    ^bb0(%in: f32, %out: f16):
      %124 = arith.truncf %in : f32 to f16
      linalg.yield %124 : f16
    } -> tensor<1x576xf16>
    %expanded_50 = tensor.expand_shape %94 [[0], [1, 2]] output_shape [1, 1, 576] : tensor<1x576xf16> into tensor<1x1x576xf16>
    %95 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0, %expanded_50 : tensor<1x1x576xf16>, tensor<1x1x576xf16>) outs(%10 : tensor<1x1x576xf16>) {
    ^bb0(%in: f16, %in_59: f16, %out: f16):
      %124 = arith.addf %in, %in_59 : f16
      linalg.yield %124 : f16
    } -> tensor<1x1x576xf16>
    %96 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%95 : tensor<1x1x576xf16>) outs(%0 : tensor<1x1x576xf32>) {
    ^bb0(%in: f16, %out: f32):
      %124 = arith.extf %in : f16 to f32
      linalg.yield %124 : f32
    } -> tensor<1x1x576xf32>
    %97 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%96 : tensor<1x1x576xf32>) outs(%0 : tensor<1x1x576xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %124 : f32
    } -> tensor<1x1x576xf32>
    %98 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "reduction"]} ins(%97 : tensor<1x1x576xf32>) outs(%4 : tensor<1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.addf %in, %out : f32
      linalg.yield %124 : f32
    } -> tensor<1x1x1xf32>
    %99 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%98 : tensor<1x1x1xf32>) outs(%3 : tensor<1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.divf %in, %cst_8 : f32
      linalg.yield %124 : f32
    } -> tensor<1x1x1xf32>
    %100 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%99 : tensor<1x1x1xf32>) outs(%3 : tensor<1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.truncf %cst_7 : f64 to f32
      %125 = arith.addf %in, %124 : f32
      linalg.yield %125 : f32
    } -> tensor<1x1x1xf32>
    %101 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%100 : tensor<1x1x1xf32>) outs(%3 : tensor<1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = math.rsqrt %in : f32
      linalg.yield %124 : f32
    } -> tensor<1x1x1xf32>
    %102 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%96, %101 : tensor<1x1x576xf32>, tensor<1x1x1xf32>) outs(%0 : tensor<1x1x576xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.mulf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<1x1x576xf32>
    %103 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%102 : tensor<1x1x576xf32>) outs(%10 : tensor<1x1x576xf16>) {
    ^bb0(%in: f32, %out: f16):
      %124 = arith.truncf %in : f32 to f16
      linalg.yield %124 : f16
    } -> tensor<1x1x576xf16>
    %104 = linalg.generic {indexing_maps = [#map2, #map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg15, %103 : tensor<576xf16>, tensor<1x1x576xf16>) outs(%10 : tensor<1x1x576xf16>) {
    ^bb0(%in: f16, %in_59: f16, %out: f16):
      %124 = arith.mulf %in, %in_59 : f16
      linalg.yield %124 : f16
    } -> tensor<1x1x576xf16>
    %105 = tensor.empty() : tensor<576x1536xf16>
    %transposed_51 = linalg.transpose ins(%arg11 : tensor<1536x576xf16>) outs(%105 : tensor<576x1536xf16>) permutation = [1, 0] 
    %collapsed_52 = tensor.collapse_shape %104 [[0], [1, 2]] : tensor<1x1x576xf16> into tensor<1x576xf16>
    %106 = tensor.empty() : tensor<1x1536xf32>
    %107 = linalg.fill ins(%cst : f32) outs(%106 : tensor<1x1536xf32>) -> tensor<1x1536xf32>
    %108 = linalg.matmul ins(%collapsed_52, %transposed_51 : tensor<1x576xf16>, tensor<576x1536xf16>) outs(%107 : tensor<1x1536xf32>) -> tensor<1x1536xf32>
    %109 = tensor.empty() : tensor<1x1536xf16>
    %110 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel"]} ins(%108 : tensor<1x1536xf32>) outs(%109 : tensor<1x1536xf16>) {
    ^bb0(%in: f32, %out: f16):
      %124 = arith.truncf %in : f32 to f16
      linalg.yield %124 : f16
    } -> tensor<1x1536xf16>
    %expanded_53 = tensor.expand_shape %110 [[0], [1, 2]] output_shape [1, 1, 1536] : tensor<1x1536xf16> into tensor<1x1x1536xf16>
    %111 = tensor.empty() : tensor<1x1x1536xf32>
    %112 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_53 : tensor<1x1x1536xf16>) outs(%111 : tensor<1x1x1536xf32>) {
    ^bb0(%in: f16, %out: f32):
      %124 = arith.extf %in : f16 to f32
      linalg.yield %124 : f32
    } -> tensor<1x1x1536xf32>
    %113 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%112 : tensor<1x1x1536xf32>) outs(%111 : tensor<1x1x1536xf32>) {
    ^bb0(%in: f32, %out: f32):
      %124 = arith.negf %in : f32
      %125 = math.exp %124 : f32
      %126 = arith.addf %125, %cst_1 : f32
      %127 = arith.divf %cst_1, %126 : f32
      linalg.yield %127 : f32
    } -> tensor<1x1x1536xf32>
    %114 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%112, %113 : tensor<1x1x1536xf32>, tensor<1x1x1536xf32>) outs(%111 : tensor<1x1x1536xf32>) {
    ^bb0(%in: f32, %in_59: f32, %out: f32):
      %124 = arith.mulf %in, %in_59 : f32
      linalg.yield %124 : f32
    } -> tensor<1x1x1536xf32>
    %115 = tensor.empty() : tensor<1x1x1536xf16>
    %116 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%114 : tensor<1x1x1536xf32>) outs(%115 : tensor<1x1x1536xf16>) {
    ^bb0(%in: f32, %out: f16):
      %124 = arith.truncf %in : f32 to f16
      linalg.yield %124 : f16
    } -> tensor<1x1x1536xf16>
    %transposed_54 = linalg.transpose ins(%arg12 : tensor<1536x576xf16>) outs(%105 : tensor<576x1536xf16>) permutation = [1, 0] 
    %117 = linalg.matmul ins(%collapsed_52, %transposed_54 : tensor<1x576xf16>, tensor<576x1536xf16>) outs(%107 : tensor<1x1536xf32>) -> tensor<1x1536xf32>
    %118 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel"]} ins(%117 : tensor<1x1536xf32>) outs(%109 : tensor<1x1536xf16>) {
    ^bb0(%in: f32, %out: f16):
      %124 = arith.truncf %in : f32 to f16
      linalg.yield %124 : f16
    } -> tensor<1x1536xf16>
    %expanded_55 = tensor.expand_shape %118 [[0], [1, 2]] output_shape [1, 1, 1536] : tensor<1x1536xf16> into tensor<1x1x1536xf16>
    %119 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%116, %expanded_55 : tensor<1x1x1536xf16>, tensor<1x1x1536xf16>) outs(%115 : tensor<1x1x1536xf16>) {
    ^bb0(%in: f16, %in_59: f16, %out: f16):
      %124 = arith.mulf %in, %in_59 : f16
      linalg.yield %124 : f16
    } -> tensor<1x1x1536xf16>
    %120 = tensor.empty() : tensor<1536x576xf16>
    %transposed_56 = linalg.transpose ins(%arg13 : tensor<576x1536xf16>) outs(%120 : tensor<1536x576xf16>) permutation = [1, 0] 
    %collapsed_57 = tensor.collapse_shape %119 [[0], [1, 2]] : tensor<1x1x1536xf16> into tensor<1x1536xf16>
    %121 = linalg.matmul ins(%collapsed_57, %transposed_56 : tensor<1x1536xf16>, tensor<1536x576xf16>) outs(%15 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %122 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel"]} ins(%121 : tensor<1x576xf32>) outs(%17 : tensor<1x576xf16>) {
    ^bb0(%in: f32, %out: f16):
      %124 = arith.truncf %in : f32 to f16
      linalg.yield %124 : f16
    } -> tensor<1x576xf16>
    %expanded_58 = tensor.expand_shape %122 [[0], [1, 2]] output_shape [1, 1, 576] : tensor<1x576xf16> into tensor<1x1x576xf16>
    %123 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%95, %expanded_58 : tensor<1x1x576xf16>, tensor<1x1x576xf16>) outs(%10 : tensor<1x1x576xf16>) {
    ^bb0(%in: f16, %in_59: f16, %out: f16):
      %124 = arith.addf %in, %in_59 : f16
      linalg.yield %124 : f16
    } -> tensor<1x1x576xf16>
    return %123, %51, %52 : tensor<1x1x576xf16>, tensor<1x3x128x64xf16>, tensor<1x3x128x64xf16>
  }
}
