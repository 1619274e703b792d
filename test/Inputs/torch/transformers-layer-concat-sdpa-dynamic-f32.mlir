// .venv/bin/python -m dashkv.torch.export transformers-layer-concat-sdpa-dynamic-f32
#map = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map1 = affine_map<(d0, d1, d2) -> (d0, d1, 0)>
#map2 = affine_map<(d0, d1, d2) -> (d2)>
#map3 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map4 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map5 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map6 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map7 = affine_map<()[s0] -> (s0 + 1)>
#map8 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map9 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
#map10 = affine_map<(d0, d1, d2, d3) -> ()>
module {
  func.func @step(%arg0: tensor<1x1x576xf32>, %arg1: tensor<1x1x64xf32>, %arg2: tensor<1x1x64xf32>, %arg3: tensor<1x3x?x64xf32>, %arg4: tensor<1x3x?x64xf32>, %arg5: tensor<576x576xf32>, %arg6: tensor<192x576xf32>, %arg7: tensor<192x576xf32>, %arg8: tensor<576x576xf32>, %arg9: tensor<1536x576xf32>, %arg10: tensor<1536x576xf32>, %arg11: tensor<576x1536xf32>, %arg12: tensor<576xf32>, %arg13: tensor<576xf32>) -> (tensor<1x1x576xf32>, tensor<1x3x?x64xf32>, tensor<1x3x?x64xf32>) {
    %c1_i64 = arith.constant 1 : i64
    %c0_i64 = arith.constant 0 : i64
    %c2_i64 = arith.constant 2 : i64
    %c2 = arith.constant 2 : index
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %true = arith.constant true
    %cst_1 = arith.constant 1.000000e+00 : f32
    %cst_2 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_3 = arith.constant 0xFFF0000000000000 : f64
    %cst_4 = arith.constant 0.35355339059327379 : f64
    %cst_5 = arith.constant 9.9999999999999995E-7 : f64
    %cst_6 = arith.constant 5.760000e+02 : f32
    %dim = tensor.dim %arg3, %c2 : tensor<1x3x?x64xf32>
    %0 = arith.index_cast %dim : index to i64
    %1 = tensor.empty() : tensor<1x1x576xf32>
    %2 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0 : tensor<1x1x576xf32>) outs(%1 : tensor<1x1x576xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %93 : f32
    } -> tensor<1x1x576xf32>
    %3 = tensor.empty() : tensor<1x1x1xf32>
    %4 = linalg.fill ins(%cst : f32) outs(%3 : tensor<1x1x1xf32>) -> tensor<1x1x1xf32>
    %5 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "reduction"]} ins(%2 : tensor<1x1x576xf32>) outs(%4 : tensor<1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.addf %in, %out : f32
      linalg.yield %93 : f32
    } -> tensor<1x1x1xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%5 : tensor<1x1x1xf32>) outs(%3 : tensor<1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.divf %in, %cst_6 : f32
      linalg.yield %93 : f32
    } -> tensor<1x1x1xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%6 : tensor<1x1x1xf32>) outs(%3 : tensor<1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.truncf %cst_5 : f64 to f32
      %94 = arith.addf %in, %93 : f32
      linalg.yield %94 : f32
    } -> tensor<1x1x1xf32>
    %8 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%7 : tensor<1x1x1xf32>) outs(%3 : tensor<1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = math.rsqrt %in : f32
      linalg.yield %93 : f32
    } -> tensor<1x1x1xf32>
    %9 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0, %8 : tensor<1x1x576xf32>, tensor<1x1x1xf32>) outs(%1 : tensor<1x1x576xf32>) {
    ^bb0(%in: f32, %in_44: f32, %out: f32):
      %93 = arith.mulf %in, %in_44 : f32
      linalg.yield %93 : f32
    } -> tensor<1x1x576xf32>
    %10 = linalg.generic {indexing_maps = [#map2, #map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg12, %9 : tensor<576xf32>, tensor<1x1x576xf32>) outs(%1 : tensor<1x1x576xf32>) {
    ^bb0(%in: f32, %in_44: f32, %out: f32):
      %93 = arith.mulf %in, %in_44 : f32
      linalg.yield %93 : f32
    } -> tensor<1x1x576xf32>
    %11 = tensor.empty() : tensor<576x576xf32>
    %transposed = linalg.transpose ins(%arg5 : tensor<576x576xf32>) outs(%11 : tensor<576x576xf32>) permutation = [1, 0] 
    %collapsed = tensor.collapse_shape %10 [[0], [1, 2]] : tensor<1x1x576xf32> into tensor<1x576xf32>
    %12 = tensor.empty() : tensor<1x576xf32>
    %13 = linalg.fill ins(%cst : f32) outs(%12 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %14 = linalg.matmul ins(%collapsed, %transposed : tensor<1x576xf32>, tensor<576x576xf32>) outs(%13 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %expanded = tensor.expand_shape %14 [[0], [1, 2, 3]] output_shape [1, 1, 9, 64] : tensor<1x576xf32> into tensor<1x1x9x64xf32>
    %15 = tensor.empty() : tensor<1x9x1x64xf32>
    %transposed_7 = linalg.transpose ins(%expanded : tensor<1x1x9x64xf32>) outs(%15 : tensor<1x9x1x64xf32>) permutation = [0, 2, 1, 3] 
    %16 = tensor.empty() : tensor<576x192xf32>
    %transposed_8 = linalg.transpose ins(%arg6 : tensor<192x576xf32>) outs(%16 : tensor<576x192xf32>) permutation = [1, 0] 
    %17 = tensor.empty() : tensor<1x192xf32>
    %18 = linalg.fill ins(%cst : f32) outs(%17 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %19 = linalg.matmul ins(%collapsed, %transposed_8 : tensor<1x576xf32>, tensor<576x192xf32>) outs(%18 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %expanded_9 = tensor.expand_shape %19 [[0], [1, 2, 3]] output_shape [1, 1, 3, 64] : tensor<1x192xf32> into tensor<1x1x3x64xf32>
    %20 = tensor.empty() : tensor<1x3x1x64xf32>
    %transposed_10 = linalg.transpose ins(%expanded_9 : tensor<1x1x3x64xf32>) outs(%20 : tensor<1x3x1x64xf32>) permutation = [0, 2, 1, 3] 
    %transposed_11 = linalg.transpose ins(%arg7 : tensor<192x576xf32>) outs(%16 : tensor<576x192xf32>) permutation = [1, 0] 
    %21 = linalg.matmul ins(%collapsed, %transposed_11 : tensor<1x576xf32>, tensor<576x192xf32>) outs(%18 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %expanded_12 = tensor.expand_shape %21 [[0], [1, 2, 3]] output_shape [1, 1, 3, 64] : tensor<1x192xf32> into tensor<1x1x3x64xf32>
    %transposed_13 = linalg.transpose ins(%expanded_12 : tensor<1x1x3x64xf32>) outs(%20 : tensor<1x3x1x64xf32>) permutation = [0, 2, 1, 3] 
    %expanded_14 = tensor.expand_shape %arg1 [[0], [1, 2], [3]] output_shape [1, 1, 1, 64] : tensor<1x1x64xf32> into tensor<1x1x1x64xf32>
    %expanded_15 = tensor.expand_shape %arg2 [[0], [1, 2], [3]] output_shape [1, 1, 1, 64] : tensor<1x1x64xf32> into tensor<1x1x1x64xf32>
    %22 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_7, %expanded_14 : tensor<1x9x1x64xf32>, tensor<1x1x1x64xf32>) outs(%15 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_44: f32, %out: f32):
      %93 = arith.mulf %in, %in_44 : f32
      linalg.yield %93 : f32
    } -> tensor<1x9x1x64xf32>
    %extracted_slice = tensor.extract_slice %transposed_7[0, 0, 0, 0] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf32> to tensor<1x9x1x32xf32>
    %extracted_slice_16 = tensor.extract_slice %transposed_7[0, 0, 0, 32] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf32> to tensor<1x9x1x32xf32>
    %23 = tensor.empty() : tensor<1x9x1x32xf32>
    %24 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_16 : tensor<1x9x1x32xf32>) outs(%23 : tensor<1x9x1x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.negf %in : f32
      linalg.yield %93 : f32
    } -> tensor<1x9x1x32xf32>
    %concat = tensor.concat dim(3) %24, %extracted_slice : (tensor<1x9x1x32xf32>, tensor<1x9x1x32xf32>) -> tensor<1x9x1x64xf32>
    %25 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %expanded_15 : tensor<1x9x1x64xf32>, tensor<1x1x1x64xf32>) outs(%15 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_44: f32, %out: f32):
      %93 = arith.mulf %in, %in_44 : f32
      linalg.yield %93 : f32
    } -> tensor<1x9x1x64xf32>
    %26 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%22, %25 : tensor<1x9x1x64xf32>, tensor<1x9x1x64xf32>) outs(%15 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_44: f32, %out: f32):
      %93 = arith.addf %in, %in_44 : f32
      linalg.yield %93 : f32
    } -> tensor<1x9x1x64xf32>
    %27 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_10, %expanded_14 : tensor<1x3x1x64xf32>, tensor<1x1x1x64xf32>) outs(%20 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_44: f32, %out: f32):
      %93 = arith.mulf %in, %in_44 : f32
      linalg.yield %93 : f32
    } -> tensor<1x3x1x64xf32>
    %extracted_slice_17 = tensor.extract_slice %transposed_10[0, 0, 0, 0] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf32> to tensor<1x3x1x32xf32>
    %extracted_slice_18 = tensor.extract_slice %transposed_10[0, 0, 0, 32] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf32> to tensor<1x3x1x32xf32>
    %28 = tensor.empty() : tensor<1x3x1x32xf32>
    %29 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_18 : tensor<1x3x1x32xf32>) outs(%28 : tensor<1x3x1x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.negf %in : f32
      linalg.yield %93 : f32
    } -> tensor<1x3x1x32xf32>
    %concat_19 = tensor.concat dim(3) %29, %extracted_slice_17 : (tensor<1x3x1x32xf32>, tensor<1x3x1x32xf32>) -> tensor<1x3x1x64xf32>
    %30 = linalg.generic {indexing_maps = [#map3, #map4, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_19, %expanded_15 : tensor<1x3x1x64xf32>, tensor<1x1x1x64xf32>) outs(%20 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_44: f32, %out: f32):
      %93 = arith.mulf %in, %in_44 : f32
      linalg.yield %93 : f32
    } -> tensor<1x3x1x64xf32>
    %31 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%27, %30 : tensor<1x3x1x64xf32>, tensor<1x3x1x64xf32>) outs(%20 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_44: f32, %out: f32):
      %93 = arith.addf %in, %in_44 : f32
      linalg.yield %93 : f32
    } -> tensor<1x3x1x64xf32>
    %concat_20 = tensor.concat dim(2) %arg3, %31 : (tensor<1x3x?x64xf32>, tensor<1x3x1x64xf32>) -> tensor<1x3x?x64xf32>
    %32 = arith.addi %0, %c1_i64 : i64
    %concat_21 = tensor.concat dim(2) %arg4, %transposed_13 : (tensor<1x3x?x64xf32>, tensor<1x3x1x64xf32>) -> tensor<1x3x?x64xf32>
    %33 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%26 : tensor<1x9x1x64xf32>) outs(%15 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.truncf %cst_4 : f64 to f32
      %94 = arith.mulf %in, %93 : f32
      linalg.yield %94 : f32
    } -> tensor<1x9x1x64xf32>
    %34 = arith.index_cast %32 : i64 to index
    %35 = tensor.empty(%34) : tensor<1x3x3x?x64xf32>
    %36 = linalg.generic {indexing_maps = [#map5, #map6], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%concat_20 : tensor<1x3x?x64xf32>) outs(%35 : tensor<1x3x3x?x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x?x64xf32>
    %collapsed_22 = tensor.collapse_shape %36 [[0], [1, 2], [3], [4]] : tensor<1x3x3x?x64xf32> into tensor<1x9x?x64xf32>
    %37 = linalg.generic {indexing_maps = [#map5, #map6], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%concat_21 : tensor<1x3x?x64xf32>) outs(%35 : tensor<1x3x3x?x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x?x64xf32>
    %38 = affine.apply #map7()[%dim]
    %39 = tensor.empty(%38) : tensor<1x9x64x?xf32>
    %transposed_23 = linalg.transpose ins(%collapsed_22 : tensor<1x9x?x64xf32>) outs(%39 : tensor<1x9x64x?xf32>) permutation = [0, 1, 3, 2] 
    %40 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_23 : tensor<1x9x64x?xf32>) outs(%39 : tensor<1x9x64x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.truncf %cst_4 : f64 to f32
      %94 = arith.mulf %in, %93 : f32
      linalg.yield %94 : f32
    } -> tensor<1x9x64x?xf32>
    %collapsed_24 = tensor.collapse_shape %33 [[0, 1], [2], [3]] : tensor<1x9x1x64xf32> into tensor<9x1x64xf32>
    %collapsed_25 = tensor.collapse_shape %40 [[0, 1], [2], [3]] : tensor<1x9x64x?xf32> into tensor<9x64x?xf32>
    %41 = tensor.empty(%38) : tensor<9x1x?xf32>
    %42 = linalg.fill ins(%cst : f32) outs(%41 : tensor<9x1x?xf32>) -> tensor<9x1x?xf32>
    %43 = linalg.batch_matmul ins(%collapsed_24, %collapsed_25 : tensor<9x1x64xf32>, tensor<9x64x?xf32>) outs(%42 : tensor<9x1x?xf32>) -> tensor<9x1x?xf32>
    %expanded_26 = tensor.expand_shape %43 [[0, 1], [2], [3]] output_shape [1, 9, 1, %38] : tensor<9x1x?xf32> into tensor<1x9x1x?xf32>
    %44 = tensor.empty() : tensor<1x9x1xi64>
    %45 = linalg.fill ins(%c0_i64 : i64) outs(%44 : tensor<1x9x1xi64>) -> tensor<1x9x1xi64>
    %46 = tensor.empty() : tensor<1x9x1xf32>
    %47 = linalg.fill ins(%cst_0 : f32) outs(%46 : tensor<1x9x1xf32>) -> tensor<1x9x1xf32>
    %48:2 = linalg.generic {indexing_maps = [#map3, #map8, #map8], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%expanded_26 : tensor<1x9x1x?xf32>) outs(%47, %45 : tensor<1x9x1xf32>, tensor<1x9x1xi64>) {
    ^bb0(%in: f32, %out: f32, %out_44: i64):
      %93 = linalg.index 3 : index
      %94 = arith.index_cast %93 : index to i64
      %95 = arith.maximumf %in, %out : f32
      %96 = arith.cmpf ogt, %in, %out : f32
      %97 = arith.select %96, %94, %out_44 : i64
      linalg.yield %95, %97 : f32, i64
    } -> (tensor<1x9x1xf32>, tensor<1x9x1xi64>)
    %expanded_27 = tensor.expand_shape %48#0 [[0], [1], [2, 3]] output_shape [1, 9, 1, 1] : tensor<1x9x1xf32> into tensor<1x9x1x1xf32>
    %49 = tensor.empty(%38) : tensor<1x9x1x?xf32>
    %50 = linalg.generic {indexing_maps = [#map3, #map9, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_26, %expanded_27 : tensor<1x9x1x?xf32>, tensor<1x9x1x1xf32>) outs(%49 : tensor<1x9x1x?xf32>) {
    ^bb0(%in: f32, %in_44: f32, %out: f32):
      %93 = arith.subf %in, %in_44 : f32
      linalg.yield %93 : f32
    } -> tensor<1x9x1x?xf32>
    %51 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%50 : tensor<1x9x1x?xf32>) outs(%49 : tensor<1x9x1x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = math.exp %in : f32
      linalg.yield %93 : f32
    } -> tensor<1x9x1x?xf32>
    %52 = tensor.empty() : tensor<1x9x1x1xf32>
    %53 = linalg.fill ins(%cst : f32) outs(%52 : tensor<1x9x1x1xf32>) -> tensor<1x9x1x1xf32>
    %54 = linalg.generic {indexing_maps = [#map3, #map9], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%51 : tensor<1x9x1x?xf32>) outs(%53 : tensor<1x9x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.addf %in, %out : f32
      linalg.yield %93 : f32
    } -> tensor<1x9x1x1xf32>
    %55 = linalg.generic {indexing_maps = [#map3, #map9, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%51, %54 : tensor<1x9x1x?xf32>, tensor<1x9x1x1xf32>) outs(%49 : tensor<1x9x1x?xf32>) {
    ^bb0(%in: f32, %in_44: f32, %out: f32):
      %93 = arith.divf %in, %in_44 : f32
      linalg.yield %93 : f32
    } -> tensor<1x9x1x?xf32>
    %56 = tensor.empty(%38) : tensor<1x9x1x?xi1>
    %57 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_26 : tensor<1x9x1x?xf32>) outs(%56 : tensor<1x9x1x?xi1>) {
    ^bb0(%in: f32, %out: i1):
      %93 = arith.extf %in : f32 to f64
      %94 = arith.cmpf oeq, %93, %cst_3 : f64
      linalg.yield %94 : i1
    } -> tensor<1x9x1x?xi1>
    %58 = tensor.empty() : tensor<1x9x1x1xi1>
    %59 = linalg.fill ins(%true : i1) outs(%58 : tensor<1x9x1x1xi1>) -> tensor<1x9x1x1xi1>
    %60 = linalg.generic {indexing_maps = [#map3, #map9], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%57 : tensor<1x9x1x?xi1>) outs(%59 : tensor<1x9x1x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %93 = arith.andi %in, %out : i1
      linalg.yield %93 : i1
    } -> tensor<1x9x1x1xi1>
    %61 = arith.index_cast %38 : index to i64
    %62 = tensor.empty(%38) : tensor<1x9x1x?xf32>
    %63 = linalg.generic {indexing_maps = [#map10, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%cst_2 : tensor<f32>) outs(%62 : tensor<1x9x1x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x9x1x?xf32>
    %64 = linalg.generic {indexing_maps = [#map9, #map3, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%60, %63, %55 : tensor<1x9x1x1xi1>, tensor<1x9x1x?xf32>, tensor<1x9x1x?xf32>) outs(%62 : tensor<1x9x1x?xf32>) {
    ^bb0(%in: i1, %in_44: f32, %in_45: f32, %out: f32):
      %93 = arith.select %in, %in_44, %in_45 : f32
      linalg.yield %93 : f32
    } -> tensor<1x9x1x?xf32>
    %collapsed_28 = tensor.collapse_shape %64 [[0, 1], [2], [3]] : tensor<1x9x1x?xf32> into tensor<9x1x?xf32>
    %collapsed_29 = tensor.collapse_shape %37 [[0, 1, 2], [3], [4]] : tensor<1x3x3x?x64xf32> into tensor<9x?x64xf32>
    %dim_30 = tensor.dim %arg4, %c2 : tensor<1x3x?x64xf32>
    %65 = affine.apply #map7()[%dim_30]
    %66 = arith.index_cast %65 : index to i64
    %67 = arith.cmpi eq, %61, %66 : i64
    cf.assert %67, "mismatching contracting dimension"
    %68 = tensor.empty() : tensor<9x1x64xf32>
    %69 = linalg.fill ins(%cst : f32) outs(%68 : tensor<9x1x64xf32>) -> tensor<9x1x64xf32>
    %70 = linalg.batch_matmul ins(%collapsed_28, %collapsed_29 : tensor<9x1x?xf32>, tensor<9x?x64xf32>) outs(%69 : tensor<9x1x64xf32>) -> tensor<9x1x64xf32>
    %expanded_31 = tensor.expand_shape %70 [[0, 1], [2], [3]] output_shape [1, 9, 1, 64] : tensor<9x1x64xf32> into tensor<1x9x1x64xf32>
    %71 = tensor.empty() : tensor<1x1x9x64xf32>
    %transposed_32 = linalg.transpose ins(%expanded_31 : tensor<1x9x1x64xf32>) outs(%71 : tensor<1x1x9x64xf32>) permutation = [0, 2, 1, 3] 
    %transposed_33 = linalg.transpose ins(%arg8 : tensor<576x576xf32>) outs(%11 : tensor<576x576xf32>) permutation = [1, 0] 
    %collapsed_34 = tensor.collapse_shape %transposed_32 [[0], [1, 2, 3]] : tensor<1x1x9x64xf32> into tensor<1x576xf32>
    %72 = linalg.matmul ins(%collapsed_34, %transposed_33 : tensor<1x576xf32>, tensor<576x576xf32>) outs(%13 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %expanded_35 = tensor.expand_shape %72 [[0], [1, 2]] output_shape [1, 1, 576] : tensor<1x576xf32> into tensor<1x1x576xf32>
    %73 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg0, %expanded_35 : tensor<1x1x576xf32>, tensor<1x1x576xf32>) outs(%1 : tensor<1x1x576xf32>) {
    ^bb0(%in: f32, %in_44: f32, %out: f32):
      %93 = arith.addf %in, %in_44 : f32
      linalg.yield %93 : f32
    } -> tensor<1x1x576xf32>
    %74 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%73 : tensor<1x1x576xf32>) outs(%1 : tensor<1x1x576xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = math.fpowi %in, %c2_i64 : f32, i64
      linalg.yield %93 : f32
    } -> tensor<1x1x576xf32>
    %75 = linalg.generic {indexing_maps = [#map, #map1], iterator_types = ["parallel", "parallel", "reduction"]} ins(%74 : tensor<1x1x576xf32>) outs(%4 : tensor<1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.addf %in, %out : f32
      linalg.yield %93 : f32
    } -> tensor<1x1x1xf32>
    %76 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%75 : tensor<1x1x1xf32>) outs(%3 : tensor<1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.divf %in, %cst_6 : f32
      linalg.yield %93 : f32
    } -> tensor<1x1x1xf32>
    %77 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%76 : tensor<1x1x1xf32>) outs(%3 : tensor<1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.truncf %cst_5 : f64 to f32
      %94 = arith.addf %in, %93 : f32
      linalg.yield %94 : f32
    } -> tensor<1x1x1xf32>
    %78 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%77 : tensor<1x1x1xf32>) outs(%3 : tensor<1x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = math.rsqrt %in : f32
      linalg.yield %93 : f32
    } -> tensor<1x1x1xf32>
    %79 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%73, %78 : tensor<1x1x576xf32>, tensor<1x1x1xf32>) outs(%1 : tensor<1x1x576xf32>) {
    ^bb0(%in: f32, %in_44: f32, %out: f32):
      %93 = arith.mulf %in, %in_44 : f32
      linalg.yield %93 : f32
    } -> tensor<1x1x576xf32>
    %80 = linalg.generic {indexing_maps = [#map2, #map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%arg13, %79 : tensor<576xf32>, tensor<1x1x576xf32>) outs(%1 : tensor<1x1x576xf32>) {
    ^bb0(%in: f32, %in_44: f32, %out: f32):
      %93 = arith.mulf %in, %in_44 : f32
      linalg.yield %93 : f32
    } -> tensor<1x1x576xf32>
    %81 = tensor.empty() : tensor<576x1536xf32>
    %transposed_36 = linalg.transpose ins(%arg9 : tensor<1536x576xf32>) outs(%81 : tensor<576x1536xf32>) permutation = [1, 0] 
    %collapsed_37 = tensor.collapse_shape %80 [[0], [1, 2]] : tensor<1x1x576xf32> into tensor<1x576xf32>
    %82 = tensor.empty() : tensor<1x1536xf32>
    %83 = linalg.fill ins(%cst : f32) outs(%82 : tensor<1x1536xf32>) -> tensor<1x1536xf32>
    %84 = linalg.matmul ins(%collapsed_37, %transposed_36 : tensor<1x576xf32>, tensor<576x1536xf32>) outs(%83 : tensor<1x1536xf32>) -> tensor<1x1536xf32>
    %expanded_38 = tensor.expand_shape %84 [[0], [1, 2]] output_shape [1, 1, 1536] : tensor<1x1536xf32> into tensor<1x1x1536xf32>
    %85 = tensor.empty() : tensor<1x1x1536xf32>
    %86 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_38 : tensor<1x1x1536xf32>) outs(%85 : tensor<1x1x1536xf32>) {
    ^bb0(%in: f32, %out: f32):
      %93 = arith.negf %in : f32
      %94 = math.exp %93 : f32
      %95 = arith.addf %94, %cst_1 : f32
      %96 = arith.divf %cst_1, %95 : f32
      linalg.yield %96 : f32
    } -> tensor<1x1x1536xf32>
    %87 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%expanded_38, %86 : tensor<1x1x1536xf32>, tensor<1x1x1536xf32>) outs(%85 : tensor<1x1x1536xf32>) {
    ^bb0(%in: f32, %in_44: f32, %out: f32):
      %93 = arith.mulf %in, %in_44 : f32
      linalg.yield %93 : f32
    } -> tensor<1x1x1536xf32>
    %transposed_39 = linalg.transpose ins(%arg10 : tensor<1536x576xf32>) outs(%81 : tensor<576x1536xf32>) permutation = [1, 0] 
    %88 = linalg.matmul ins(%collapsed_37, %transposed_39 : tensor<1x576xf32>, tensor<576x1536xf32>) outs(%83 : tensor<1x1536xf32>) -> tensor<1x1536xf32>
    %expanded_40 = tensor.expand_shape %88 [[0], [1, 2]] output_shape [1, 1, 1536] : tensor<1x1536xf32> into tensor<1x1x1536xf32>
    %89 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%87, %expanded_40 : tensor<1x1x1536xf32>, tensor<1x1x1536xf32>) outs(%85 : tensor<1x1x1536xf32>) {
    ^bb0(%in: f32, %in_44: f32, %out: f32):
      %93 = arith.mulf %in, %in_44 : f32
      linalg.yield %93 : f32
    } -> tensor<1x1x1536xf32>
    %90 = tensor.empty() : tensor<1536x576xf32>
    %transposed_41 = linalg.transpose ins(%arg11 : tensor<576x1536xf32>) outs(%90 : tensor<1536x576xf32>) permutation = [1, 0] 
    %collapsed_42 = tensor.collapse_shape %89 [[0], [1, 2]] : tensor<1x1x1536xf32> into tensor<1x1536xf32>
    %91 = linalg.matmul ins(%collapsed_42, %transposed_41 : tensor<1x1536xf32>, tensor<1536x576xf32>) outs(%13 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %expanded_43 = tensor.expand_shape %91 [[0], [1, 2]] output_shape [1, 1, 576] : tensor<1x576xf32> into tensor<1x1x576xf32>
    %92 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel"]} ins(%73, %expanded_43 : tensor<1x1x576xf32>, tensor<1x1x576xf32>) outs(%1 : tensor<1x1x576xf32>) {
    ^bb0(%in: f32, %in_44: f32, %out: f32):
      %93 = arith.addf %in, %in_44 : f32
      linalg.yield %93 : f32
    } -> tensor<1x1x576xf32>
    return %92, %concat_20, %concat_21 : tensor<1x1x576xf32>, tensor<1x3x?x64xf32>, tensor<1x3x?x64xf32>
  }
}
