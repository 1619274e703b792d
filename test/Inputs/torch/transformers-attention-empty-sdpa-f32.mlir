// .venv/bin/python -m dashkv.torch.export transformers-attention-empty-sdpa-f32
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map2 = affine_map<(d0) -> (d0)>
#map3 = affine_map<(d0, d1) -> (0, d1)>
#map4 = affine_map<(d0, d1) -> (d0, 0)>
#map5 = affine_map<(d0, d1) -> (d0, d1)>
#map6 = affine_map<(d0, d1) -> ()>
#map7 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map8 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map9 = affine_map<(d0, d1, d2, d3) -> (d2, d3)>
#map10 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map11 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
module {
  func.func @step(%arg0: tensor<1x128x576xf32>, %arg1: tensor<1x128x64xf32>, %arg2: tensor<1x128x64xf32>, %arg3: tensor<576x576xf32>, %arg4: tensor<192x576xf32>, %arg5: tensor<192x576xf32>, %arg6: tensor<576x576xf32>) -> (tensor<1x128x576xf32>, tensor<1x3x128x64xf32>, tensor<1x3x128x64xf32>) {
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %true = arith.constant true
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<1x9x128x128xf32>
    %cst_2 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_3 = arith.constant dense<0xFF800000> : tensor<f32>
    %cst_4 = arith.constant dense<true> : tensor<128x128xi1>
    %cst_5 = arith.constant 0xFFF0000000000000 : f64
    %cst_6 = arith.constant 0.35355339059327379 : f64
    %0 = tensor.empty() : tensor<576x576xf32>
    %transposed = linalg.transpose ins(%arg3 : tensor<576x576xf32>) outs(%0 : tensor<576x576xf32>) permutation = [1, 0] 
    %collapsed = tensor.collapse_shape %arg0 [[0, 1], [2]] : tensor<1x128x576xf32> into tensor<128x576xf32>
    %1 = tensor.empty() : tensor<128x576xf32>
    %2 = linalg.fill ins(%cst : f32) outs(%1 : tensor<128x576xf32>) -> tensor<128x576xf32>
    %3 = linalg.matmul ins(%collapsed, %transposed : tensor<128x576xf32>, tensor<576x576xf32>) outs(%2 : tensor<128x576xf32>) -> tensor<128x576xf32>
    %expanded = tensor.expand_shape %3 [[0, 1], [2, 3]] output_shape [1, 128, 9, 64] : tensor<128x576xf32> into tensor<1x128x9x64xf32>
    %4 = tensor.empty() : tensor<1x9x128x64xf32>
    %transposed_7 = linalg.transpose ins(%expanded : tensor<1x128x9x64xf32>) outs(%4 : tensor<1x9x128x64xf32>) permutation = [0, 2, 1, 3] 
    %5 = tensor.empty() : tensor<576x192xf32>
    %transposed_8 = linalg.transpose ins(%arg4 : tensor<192x576xf32>) outs(%5 : tensor<576x192xf32>) permutation = [1, 0] 
    %6 = tensor.empty() : tensor<128x192xf32>
    %7 = linalg.fill ins(%cst : f32) outs(%6 : tensor<128x192xf32>) -> tensor<128x192xf32>
    %8 = linalg.matmul ins(%collapsed, %transposed_8 : tensor<128x576xf32>, tensor<576x192xf32>) outs(%7 : tensor<128x192xf32>) -> tensor<128x192xf32>
    %expanded_9 = tensor.expand_shape %8 [[0, 1], [2, 3]] output_shape [1, 128, 3, 64] : tensor<128x192xf32> into tensor<1x128x3x64xf32>
    %9 = tensor.empty() : tensor<1x3x128x64xf32>
    %transposed_10 = linalg.transpose ins(%expanded_9 : tensor<1x128x3x64xf32>) outs(%9 : tensor<1x3x128x64xf32>) permutation = [0, 2, 1, 3] 
    %transposed_11 = linalg.transpose ins(%arg5 : tensor<192x576xf32>) outs(%5 : tensor<576x192xf32>) permutation = [1, 0] 
    %10 = linalg.matmul ins(%collapsed, %transposed_11 : tensor<128x576xf32>, tensor<576x192xf32>) outs(%7 : tensor<128x192xf32>) -> tensor<128x192xf32>
    %expanded_12 = tensor.expand_shape %10 [[0, 1], [2, 3]] output_shape [1, 128, 3, 64] : tensor<128x192xf32> into tensor<1x128x3x64xf32>
    %transposed_13 = linalg.transpose ins(%expanded_12 : tensor<1x128x3x64xf32>) outs(%9 : tensor<1x3x128x64xf32>) permutation = [0, 2, 1, 3] 
    %expanded_14 = tensor.expand_shape %arg1 [[0], [1, 2], [3]] output_shape [1, 1, 128, 64] : tensor<1x128x64xf32> into tensor<1x1x128x64xf32>
    %expanded_15 = tensor.expand_shape %arg2 [[0], [1, 2], [3]] output_shape [1, 1, 128, 64] : tensor<1x128x64xf32> into tensor<1x1x128x64xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_7, %expanded_14 : tensor<1x9x128x64xf32>, tensor<1x1x128x64xf32>) outs(%4 : tensor<1x9x128x64xf32>) {
    ^bb0(%in: f32, %in_35: f32, %out: f32):
      %63 = arith.mulf %in, %in_35 : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x128x64xf32>
    %extracted_slice = tensor.extract_slice %transposed_7[0, 0, 0, 0] [1, 9, 128, 32] [1, 1, 1, 1] : tensor<1x9x128x64xf32> to tensor<1x9x128x32xf32>
    %extracted_slice_16 = tensor.extract_slice %transposed_7[0, 0, 0, 32] [1, 9, 128, 32] [1, 1, 1, 1] : tensor<1x9x128x64xf32> to tensor<1x9x128x32xf32>
    %12 = tensor.empty() : tensor<1x9x128x32xf32>
    %13 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_16 : tensor<1x9x128x32xf32>) outs(%12 : tensor<1x9x128x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %63 = arith.negf %in : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x128x32xf32>
    %concat = tensor.concat dim(3) %13, %extracted_slice : (tensor<1x9x128x32xf32>, tensor<1x9x128x32xf32>) -> tensor<1x9x128x64xf32>
    %14 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %expanded_15 : tensor<1x9x128x64xf32>, tensor<1x1x128x64xf32>) outs(%4 : tensor<1x9x128x64xf32>) {
    ^bb0(%in: f32, %in_35: f32, %out: f32):
      %63 = arith.mulf %in, %in_35 : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x128x64xf32>
    %15 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%11, %14 : tensor<1x9x128x64xf32>, tensor<1x9x128x64xf32>) outs(%4 : tensor<1x9x128x64xf32>) {
    ^bb0(%in: f32, %in_35: f32, %out: f32):
      %63 = arith.addf %in, %in_35 : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x128x64xf32>
    %16 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_10, %expanded_14 : tensor<1x3x128x64xf32>, tensor<1x1x128x64xf32>) outs(%9 : tensor<1x3x128x64xf32>) {
    ^bb0(%in: f32, %in_35: f32, %out: f32):
      %63 = arith.mulf %in, %in_35 : f32
      linalg.yield %63 : f32
    } -> tensor<1x3x128x64xf32>
    %extracted_slice_17 = tensor.extract_slice %transposed_10[0, 0, 0, 0] [1, 3, 128, 32] [1, 1, 1, 1] : tensor<1x3x128x64xf32> to tensor<1x3x128x32xf32>
    %extracted_slice_18 = tensor.extract_slice %transposed_10[0, 0, 0, 32] [1, 3, 128, 32] [1, 1, 1, 1] : tensor<1x3x128x64xf32> to tensor<1x3x128x32xf32>
    %17 = tensor.empty() : tensor<1x3x128x32xf32>
    %18 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_18 : tensor<1x3x128x32xf32>) outs(%17 : tensor<1x3x128x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %63 = arith.negf %in : f32
      linalg.yield %63 : f32
    } -> tensor<1x3x128x32xf32>
    %concat_19 = tensor.concat dim(3) %18, %extracted_slice_17 : (tensor<1x3x128x32xf32>, tensor<1x3x128x32xf32>) -> tensor<1x3x128x64xf32>
    %19 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_19, %expanded_15 : tensor<1x3x128x64xf32>, tensor<1x1x128x64xf32>) outs(%9 : tensor<1x3x128x64xf32>) {
    ^bb0(%in: f32, %in_35: f32, %out: f32):
      %63 = arith.mulf %in, %in_35 : f32
      linalg.yield %63 : f32
    } -> tensor<1x3x128x64xf32>
    %20 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%16, %19 : tensor<1x3x128x64xf32>, tensor<1x3x128x64xf32>) outs(%9 : tensor<1x3x128x64xf32>) {
    ^bb0(%in: f32, %in_35: f32, %out: f32):
      %63 = arith.addf %in, %in_35 : f32
      linalg.yield %63 : f32
    } -> tensor<1x3x128x64xf32>
    %21 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%15 : tensor<1x9x128x64xf32>) outs(%4 : tensor<1x9x128x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %63 = arith.truncf %cst_6 : f64 to f32
      %64 = arith.mulf %in, %63 : f32
      linalg.yield %64 : f32
    } -> tensor<1x9x128x64xf32>
    %22 = tensor.empty() : tensor<128xi64>
    %23 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%22 : tensor<128xi64>) {
    ^bb0(%out: i64):
      %63 = linalg.index 0 : index
      %64 = arith.index_cast %63 : index to i64
      linalg.yield %64 : i64
    } -> tensor<128xi64>
    %expanded_20 = tensor.expand_shape %23 [[0, 1]] output_shape [1, 128] : tensor<128xi64> into tensor<1x128xi64>
    %expanded_21 = tensor.expand_shape %23 [[0, 1]] output_shape [128, 1] : tensor<128xi64> into tensor<128x1xi64>
    %24 = tensor.empty() : tensor<128x128xi64>
    %25 = linalg.generic {indexing_maps = [#map3, #map4, #map5], iterator_types = ["parallel", "parallel"]} ins(%expanded_20, %expanded_21 : tensor<1x128xi64>, tensor<128x1xi64>) outs(%24 : tensor<128x128xi64>) {
    ^bb0(%in: i64, %in_35: i64, %out: i64):
      %63 = arith.subi %in, %in_35 : i64
      linalg.yield %63 : i64
    } -> tensor<128x128xi64>
    %26 = tensor.empty() : tensor<128x128xi1>
    %27 = linalg.generic {indexing_maps = [#map5, #map5], iterator_types = ["parallel", "parallel"]} ins(%25 : tensor<128x128xi64>) outs(%26 : tensor<128x128xi1>) {
    ^bb0(%in: i64, %out: i1):
      %63 = arith.cmpi sle, %in, %c0_i64 : i64
      linalg.yield %63 : i1
    } -> tensor<128x128xi1>
    %28 = linalg.generic {indexing_maps = [#map5, #map5, #map5], iterator_types = ["parallel", "parallel"]} ins(%27, %cst_4 : tensor<128x128xi1>, tensor<128x128xi1>) outs(%26 : tensor<128x128xi1>) {
    ^bb0(%in: i1, %in_35: i1, %out: i1):
      %63 = arith.andi %in, %in_35 : i1
      linalg.yield %63 : i1
    } -> tensor<128x128xi1>
    %29 = tensor.empty() : tensor<128x128xf32>
    %30 = linalg.generic {indexing_maps = [#map5, #map6, #map6, #map5], iterator_types = ["parallel", "parallel"]} ins(%28, %cst_2, %cst_3 : tensor<128x128xi1>, tensor<f32>, tensor<f32>) outs(%29 : tensor<128x128xf32>) {
    ^bb0(%in: i1, %in_35: f32, %in_36: f32, %out: f32):
      %63 = arith.select %in, %in_35, %in_36 : f32
      linalg.yield %63 : f32
    } -> tensor<128x128xf32>
    %31 = tensor.empty() : tensor<1x3x3x128x64xf32>
    %32 = linalg.generic {indexing_maps = [#map7, #map8], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%20 : tensor<1x3x128x64xf32>) outs(%31 : tensor<1x3x3x128x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x128x64xf32>
    %collapsed_22 = tensor.collapse_shape %32 [[0], [1, 2], [3], [4]] : tensor<1x3x3x128x64xf32> into tensor<1x9x128x64xf32>
    %33 = linalg.generic {indexing_maps = [#map7, #map8], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%transposed_13 : tensor<1x3x128x64xf32>) outs(%31 : tensor<1x3x3x128x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x128x64xf32>
    %34 = tensor.empty() : tensor<1x9x64x128xf32>
    %transposed_23 = linalg.transpose ins(%collapsed_22 : tensor<1x9x128x64xf32>) outs(%34 : tensor<1x9x64x128xf32>) permutation = [0, 1, 3, 2] 
    %35 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_23 : tensor<1x9x64x128xf32>) outs(%34 : tensor<1x9x64x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %63 = arith.truncf %cst_6 : f64 to f32
      %64 = arith.mulf %in, %63 : f32
      linalg.yield %64 : f32
    } -> tensor<1x9x64x128xf32>
    %collapsed_24 = tensor.collapse_shape %21 [[0, 1], [2], [3]] : tensor<1x9x128x64xf32> into tensor<9x128x64xf32>
    %collapsed_25 = tensor.collapse_shape %35 [[0, 1], [2], [3]] : tensor<1x9x64x128xf32> into tensor<9x64x128xf32>
    %36 = tensor.empty() : tensor<9x128x128xf32>
    %37 = linalg.fill ins(%cst : f32) outs(%36 : tensor<9x128x128xf32>) -> tensor<9x128x128xf32>
    %38 = linalg.batch_matmul ins(%collapsed_24, %collapsed_25 : tensor<9x128x64xf32>, tensor<9x64x128xf32>) outs(%37 : tensor<9x128x128xf32>) -> tensor<9x128x128xf32>
    %expanded_26 = tensor.expand_shape %38 [[0, 1], [2], [3]] output_shape [1, 9, 128, 128] : tensor<9x128x128xf32> into tensor<1x9x128x128xf32>
    %39 = tensor.empty() : tensor<1x9x128x128xf32>
    %40 = linalg.generic {indexing_maps = [#map, #map9, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_26, %30 : tensor<1x9x128x128xf32>, tensor<128x128xf32>) outs(%39 : tensor<1x9x128x128xf32>) {
    ^bb0(%in: f32, %in_35: f32, %out: f32):
      %63 = arith.addf %in, %in_35 : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x128x128xf32>
    %41 = tensor.empty() : tensor<1x9x128xi64>
    %42 = linalg.fill ins(%c0_i64 : i64) outs(%41 : tensor<1x9x128xi64>) -> tensor<1x9x128xi64>
    %43 = tensor.empty() : tensor<1x9x128xf32>
    %44 = linalg.fill ins(%cst_0 : f32) outs(%43 : tensor<1x9x128xf32>) -> tensor<1x9x128xf32>
    %45:2 = linalg.generic {indexing_maps = [#map, #map10, #map10], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%40 : tensor<1x9x128x128xf32>) outs(%44, %42 : tensor<1x9x128xf32>, tensor<1x9x128xi64>) {
    ^bb0(%in: f32, %out: f32, %out_35: i64):
      %63 = linalg.index 3 : index
      %64 = arith.index_cast %63 : index to i64
      %65 = arith.maximumf %in, %out : f32
      %66 = arith.cmpf ogt, %in, %out : f32
      %67 = arith.select %66, %64, %out_35 : i64
      linalg.yield %65, %67 : f32, i64
    } -> (tensor<1x9x128xf32>, tensor<1x9x128xi64>)
    %expanded_27 = tensor.expand_shape %45#0 [[0], [1], [2, 3]] output_shape [1, 9, 128, 1] : tensor<1x9x128xf32> into tensor<1x9x128x1xf32>
    %46 = linalg.generic {indexing_maps = [#map, #map11, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%40, %expanded_27 : tensor<1x9x128x128xf32>, tensor<1x9x128x1xf32>) outs(%39 : tensor<1x9x128x128xf32>) {
    ^bb0(%in: f32, %in_35: f32, %out: f32):
      %63 = arith.subf %in, %in_35 : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x128x128xf32>
    %47 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%46 : tensor<1x9x128x128xf32>) outs(%39 : tensor<1x9x128x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %63 = math.exp %in : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x128x128xf32>
    %48 = tensor.empty() : tensor<1x9x128x1xf32>
    %49 = linalg.fill ins(%cst : f32) outs(%48 : tensor<1x9x128x1xf32>) -> tensor<1x9x128x1xf32>
    %50 = linalg.generic {indexing_maps = [#map, #map11], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%47 : tensor<1x9x128x128xf32>) outs(%49 : tensor<1x9x128x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %63 = arith.addf %in, %out : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x128x1xf32>
    %51 = linalg.generic {indexing_maps = [#map, #map11, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%47, %50 : tensor<1x9x128x128xf32>, tensor<1x9x128x1xf32>) outs(%39 : tensor<1x9x128x128xf32>) {
    ^bb0(%in: f32, %in_35: f32, %out: f32):
      %63 = arith.divf %in, %in_35 : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x128x128xf32>
    %52 = tensor.empty() : tensor<1x9x128x128xi1>
    %53 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%40 : tensor<1x9x128x128xf32>) outs(%52 : tensor<1x9x128x128xi1>) {
    ^bb0(%in: f32, %out: i1):
      %63 = arith.extf %in : f32 to f64
      %64 = arith.cmpf oeq, %63, %cst_5 : f64
      linalg.yield %64 : i1
    } -> tensor<1x9x128x128xi1>
    %54 = tensor.empty() : tensor<1x9x128x1xi1>
    %55 = linalg.fill ins(%true : i1) outs(%54 : tensor<1x9x128x1xi1>) -> tensor<1x9x128x1xi1>
    %56 = linalg.generic {indexing_maps = [#map, #map11], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%53 : tensor<1x9x128x128xi1>) outs(%55 : tensor<1x9x128x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %63 = arith.andi %in, %out : i1
      linalg.yield %63 : i1
    } -> tensor<1x9x128x1xi1>
    %57 = linalg.generic {indexing_maps = [#map11, #map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%56, %cst_1, %51 : tensor<1x9x128x1xi1>, tensor<1x9x128x128xf32>, tensor<1x9x128x128xf32>) outs(%39 : tensor<1x9x128x128xf32>) {
    ^bb0(%in: i1, %in_35: f32, %in_36: f32, %out: f32):
      %63 = arith.select %in, %in_35, %in_36 : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x128x128xf32>
    %collapsed_28 = tensor.collapse_shape %57 [[0, 1], [2], [3]] : tensor<1x9x128x128xf32> into tensor<9x128x128xf32>
    %collapsed_29 = tensor.collapse_shape %33 [[0, 1, 2], [3], [4]] : tensor<1x3x3x128x64xf32> into tensor<9x128x64xf32>
    %58 = tensor.empty() : tensor<9x128x64xf32>
    %59 = linalg.fill ins(%cst : f32) outs(%58 : tensor<9x128x64xf32>) -> tensor<9x128x64xf32>
    %60 = linalg.batch_matmul ins(%collapsed_28, %collapsed_29 : tensor<9x128x128xf32>, tensor<9x128x64xf32>) outs(%59 : tensor<9x128x64xf32>) -> tensor<9x128x64xf32>
    %expanded_30 = tensor.expand_shape %60 [[0, 1], [2], [3]] output_shape [1, 9, 128, 64] : tensor<9x128x64xf32> into tensor<1x9x128x64xf32>
    %61 = tensor.empty() : tensor<1x128x9x64xf32>
    %transposed_31 = linalg.transpose ins(%expanded_30 : tensor<1x9x128x64xf32>) outs(%61 : tensor<1x128x9x64xf32>) permutation = [0, 2, 1, 3] 
    %transposed_32 = linalg.transpose ins(%arg6 : tensor<576x576xf32>) outs(%0 : tensor<576x576xf32>) permutation = [1, 0] 
    %collapsed_33 = tensor.collapse_shape %transposed_31 [[0, 1], [2, 3]] : tensor<1x128x9x64xf32> into tensor<128x576xf32>
    %62 = linalg.matmul ins(%collapsed_33, %transposed_32 : tensor<128x576xf32>, tensor<576x576xf32>) outs(%2 : tensor<128x576xf32>) -> tensor<128x576xf32>
    %expanded_34 = tensor.expand_shape %62 [[0, 1], [2]] output_shape [1, 128, 576] : tensor<128x576xf32> into tensor<1x128x576xf32>
    return %expanded_34, %20, %transposed_13 : tensor<1x128x576xf32>, tensor<1x3x128x64xf32>, tensor<1x3x128x64xf32>
  }
}
