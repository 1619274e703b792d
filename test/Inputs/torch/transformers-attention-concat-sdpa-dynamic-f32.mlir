// .venv/bin/python -m dashkv.torch.export transformers-attention-concat-sdpa-dynamic-f32
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map3 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map4 = affine_map<()[s0] -> (s0 + 1)>
#map5 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map6 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
#map7 = affine_map<(d0, d1, d2, d3) -> ()>
module {
  func.func @step(%arg0: tensor<1x1x576xf32>, %arg1: tensor<1x1x64xf32>, %arg2: tensor<1x1x64xf32>, %arg3: tensor<1x3x?x64xf32>, %arg4: tensor<1x3x?x64xf32>, %arg5: tensor<576x576xf32>, %arg6: tensor<192x576xf32>, %arg7: tensor<192x576xf32>, %arg8: tensor<576x576xf32>) -> (tensor<1x1x576xf32>, tensor<1x3x?x64xf32>, tensor<1x3x?x64xf32>) {
    %c0_i64 = arith.constant 0 : i64
    %c1_i64 = arith.constant 1 : i64
    %c2 = arith.constant 2 : index
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %true = arith.constant true
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_2 = arith.constant 0xFFF0000000000000 : f64
    %cst_3 = arith.constant 0.35355339059327379 : f64
    %dim = tensor.dim %arg3, %c2 : tensor<1x3x?x64xf32>
    %0 = arith.index_cast %dim : index to i64
    %1 = tensor.empty() : tensor<576x576xf32>
    %transposed = linalg.transpose ins(%arg5 : tensor<576x576xf32>) outs(%1 : tensor<576x576xf32>) permutation = [1, 0] 
    %collapsed = tensor.collapse_shape %arg0 [[0], [1, 2]] : tensor<1x1x576xf32> into tensor<1x576xf32>
    %2 = tensor.empty() : tensor<1x576xf32>
    %3 = linalg.fill ins(%cst : f32) outs(%2 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %4 = linalg.matmul ins(%collapsed, %transposed : tensor<1x576xf32>, tensor<576x576xf32>) outs(%3 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %expanded = tensor.expand_shape %4 [[0], [1, 2, 3]] output_shape [1, 1, 9, 64] : tensor<1x576xf32> into tensor<1x1x9x64xf32>
    %5 = tensor.empty() : tensor<1x9x1x64xf32>
    %transposed_4 = linalg.transpose ins(%expanded : tensor<1x1x9x64xf32>) outs(%5 : tensor<1x9x1x64xf32>) permutation = [0, 2, 1, 3] 
    %6 = tensor.empty() : tensor<576x192xf32>
    %transposed_5 = linalg.transpose ins(%arg6 : tensor<192x576xf32>) outs(%6 : tensor<576x192xf32>) permutation = [1, 0] 
    %7 = tensor.empty() : tensor<1x192xf32>
    %8 = linalg.fill ins(%cst : f32) outs(%7 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %9 = linalg.matmul ins(%collapsed, %transposed_5 : tensor<1x576xf32>, tensor<576x192xf32>) outs(%8 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %expanded_6 = tensor.expand_shape %9 [[0], [1, 2, 3]] output_shape [1, 1, 3, 64] : tensor<1x192xf32> into tensor<1x1x3x64xf32>
    %10 = tensor.empty() : tensor<1x3x1x64xf32>
    %transposed_7 = linalg.transpose ins(%expanded_6 : tensor<1x1x3x64xf32>) outs(%10 : tensor<1x3x1x64xf32>) permutation = [0, 2, 1, 3] 
    %transposed_8 = linalg.transpose ins(%arg7 : tensor<192x576xf32>) outs(%6 : tensor<576x192xf32>) permutation = [1, 0] 
    %11 = linalg.matmul ins(%collapsed, %transposed_8 : tensor<1x576xf32>, tensor<576x192xf32>) outs(%8 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %expanded_9 = tensor.expand_shape %11 [[0], [1, 2, 3]] output_shape [1, 1, 3, 64] : tensor<1x192xf32> into tensor<1x1x3x64xf32>
    %transposed_10 = linalg.transpose ins(%expanded_9 : tensor<1x1x3x64xf32>) outs(%10 : tensor<1x3x1x64xf32>) permutation = [0, 2, 1, 3] 
    %expanded_11 = tensor.expand_shape %arg1 [[0], [1, 2], [3]] output_shape [1, 1, 1, 64] : tensor<1x1x64xf32> into tensor<1x1x1x64xf32>
    %expanded_12 = tensor.expand_shape %arg2 [[0], [1, 2], [3]] output_shape [1, 1, 1, 64] : tensor<1x1x64xf32> into tensor<1x1x1x64xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_4, %expanded_11 : tensor<1x9x1x64xf32>, tensor<1x1x1x64xf32>) outs(%5 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %63 = arith.mulf %in, %in_33 : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x1x64xf32>
    %extracted_slice = tensor.extract_slice %transposed_4[0, 0, 0, 0] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf32> to tensor<1x9x1x32xf32>
    %extracted_slice_13 = tensor.extract_slice %transposed_4[0, 0, 0, 32] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf32> to tensor<1x9x1x32xf32>
    %13 = tensor.empty() : tensor<1x9x1x32xf32>
    %14 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_13 : tensor<1x9x1x32xf32>) outs(%13 : tensor<1x9x1x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %63 = arith.negf %in : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x1x32xf32>
    %concat = tensor.concat dim(3) %14, %extracted_slice : (tensor<1x9x1x32xf32>, tensor<1x9x1x32xf32>) -> tensor<1x9x1x64xf32>
    %15 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %expanded_12 : tensor<1x9x1x64xf32>, tensor<1x1x1x64xf32>) outs(%5 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %63 = arith.mulf %in, %in_33 : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x1x64xf32>
    %16 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%12, %15 : tensor<1x9x1x64xf32>, tensor<1x9x1x64xf32>) outs(%5 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %63 = arith.addf %in, %in_33 : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x1x64xf32>
    %17 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_7, %expanded_11 : tensor<1x3x1x64xf32>, tensor<1x1x1x64xf32>) outs(%10 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %63 = arith.mulf %in, %in_33 : f32
      linalg.yield %63 : f32
    } -> tensor<1x3x1x64xf32>
    %extracted_slice_14 = tensor.extract_slice %transposed_7[0, 0, 0, 0] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf32> to tensor<1x3x1x32xf32>
    %extracted_slice_15 = tensor.extract_slice %transposed_7[0, 0, 0, 32] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf32> to tensor<1x3x1x32xf32>
    %18 = tensor.empty() : tensor<1x3x1x32xf32>
    %19 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_15 : tensor<1x3x1x32xf32>) outs(%18 : tensor<1x3x1x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %63 = arith.negf %in : f32
      linalg.yield %63 : f32
    } -> tensor<1x3x1x32xf32>
    %concat_16 = tensor.concat dim(3) %19, %extracted_slice_14 : (tensor<1x3x1x32xf32>, tensor<1x3x1x32xf32>) -> tensor<1x3x1x64xf32>
    %20 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_16, %expanded_12 : tensor<1x3x1x64xf32>, tensor<1x1x1x64xf32>) outs(%10 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %63 = arith.mulf %in, %in_33 : f32
      linalg.yield %63 : f32
    } -> tensor<1x3x1x64xf32>
    %21 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%17, %20 : tensor<1x3x1x64xf32>, tensor<1x3x1x64xf32>) outs(%10 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %63 = arith.addf %in, %in_33 : f32
      linalg.yield %63 : f32
    } -> tensor<1x3x1x64xf32>
    %concat_17 = tensor.concat dim(2) %arg3, %21 : (tensor<1x3x?x64xf32>, tensor<1x3x1x64xf32>) -> tensor<1x3x?x64xf32>
    %22 = arith.addi %0, %c1_i64 : i64
    %concat_18 = tensor.concat dim(2) %arg4, %transposed_10 : (tensor<1x3x?x64xf32>, tensor<1x3x1x64xf32>) -> tensor<1x3x?x64xf32>
    %23 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%16 : tensor<1x9x1x64xf32>) outs(%5 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %63 = arith.truncf %cst_3 : f64 to f32
      %64 = arith.mulf %in, %63 : f32
      linalg.yield %64 : f32
    } -> tensor<1x9x1x64xf32>
    %24 = arith.index_cast %22 : i64 to index
    %25 = tensor.empty(%24) : tensor<1x3x3x?x64xf32>
    %26 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%concat_17 : tensor<1x3x?x64xf32>) outs(%25 : tensor<1x3x3x?x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x?x64xf32>
    %collapsed_19 = tensor.collapse_shape %26 [[0], [1, 2], [3], [4]] : tensor<1x3x3x?x64xf32> into tensor<1x9x?x64xf32>
    %27 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%concat_18 : tensor<1x3x?x64xf32>) outs(%25 : tensor<1x3x3x?x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x?x64xf32>
    %28 = affine.apply #map4()[%dim]
    %29 = tensor.empty(%28) : tensor<1x9x64x?xf32>
    %transposed_20 = linalg.transpose ins(%collapsed_19 : tensor<1x9x?x64xf32>) outs(%29 : tensor<1x9x64x?xf32>) permutation = [0, 1, 3, 2] 
    %30 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_20 : tensor<1x9x64x?xf32>) outs(%29 : tensor<1x9x64x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %63 = arith.truncf %cst_3 : f64 to f32
      %64 = arith.mulf %in, %63 : f32
      linalg.yield %64 : f32
    } -> tensor<1x9x64x?xf32>
    %collapsed_21 = tensor.collapse_shape %23 [[0, 1], [2], [3]] : tensor<1x9x1x64xf32> into tensor<9x1x64xf32>
    %collapsed_22 = tensor.collapse_shape %30 [[0, 1], [2], [3]] : tensor<1x9x64x?xf32> into tensor<9x64x?xf32>
    %31 = tensor.empty(%28) : tensor<9x1x?xf32>
    %32 = linalg.fill ins(%cst : f32) outs(%31 : tensor<9x1x?xf32>) -> tensor<9x1x?xf32>
    %33 = linalg.batch_matmul ins(%collapsed_21, %collapsed_22 : tensor<9x1x64xf32>, tensor<9x64x?xf32>) outs(%32 : tensor<9x1x?xf32>) -> tensor<9x1x?xf32>
    %expanded_23 = tensor.expand_shape %33 [[0, 1], [2], [3]] output_shape [1, 9, 1, %28] : tensor<9x1x?xf32> into tensor<1x9x1x?xf32>
    %34 = tensor.empty() : tensor<1x9x1xi64>
    %35 = linalg.fill ins(%c0_i64 : i64) outs(%34 : tensor<1x9x1xi64>) -> tensor<1x9x1xi64>
    %36 = tensor.empty() : tensor<1x9x1xf32>
    %37 = linalg.fill ins(%cst_0 : f32) outs(%36 : tensor<1x9x1xf32>) -> tensor<1x9x1xf32>
    %38:2 = linalg.generic {indexing_maps = [#map, #map5, #map5], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%expanded_23 : tensor<1x9x1x?xf32>) outs(%37, %35 : tensor<1x9x1xf32>, tensor<1x9x1xi64>) {
    ^bb0(%in: f32, %out: f32, %out_33: i64):
      %63 = linalg.index 3 : index
      %64 = arith.index_cast %63 : index to i64
      %65 = arith.maximumf %in, %out : f32
      %66 = arith.cmpf ogt, %in, %out : f32
      %67 = arith.select %66, %64, %out_33 : i64
      linalg.yield %65, %67 : f32, i64
    } -> (tensor<1x9x1xf32>, tensor<1x9x1xi64>)
    %expanded_24 = tensor.expand_shape %38#0 [[0], [1], [2, 3]] output_shape [1, 9, 1, 1] : tensor<1x9x1xf32> into tensor<1x9x1x1xf32>
    %39 = tensor.empty(%28) : tensor<1x9x1x?xf32>
    %40 = linalg.generic {indexing_maps = [#map, #map6, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_23, %expanded_24 : tensor<1x9x1x?xf32>, tensor<1x9x1x1xf32>) outs(%39 : tensor<1x9x1x?xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %63 = arith.subf %in, %in_33 : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x1x?xf32>
    %41 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%40 : tensor<1x9x1x?xf32>) outs(%39 : tensor<1x9x1x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %63 = math.exp %in : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x1x?xf32>
    %42 = tensor.empty() : tensor<1x9x1x1xf32>
    %43 = linalg.fill ins(%cst : f32) outs(%42 : tensor<1x9x1x1xf32>) -> tensor<1x9x1x1xf32>
    %44 = linalg.generic {indexing_maps = [#map, #map6], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%41 : tensor<1x9x1x?xf32>) outs(%43 : tensor<1x9x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %63 = arith.addf %in, %out : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x1x1xf32>
    %45 = linalg.generic {indexing_maps = [#map, #map6, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%41, %44 : tensor<1x9x1x?xf32>, tensor<1x9x1x1xf32>) outs(%39 : tensor<1x9x1x?xf32>) {
    ^bb0(%in: f32, %in_33: f32, %out: f32):
      %63 = arith.divf %in, %in_33 : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x1x?xf32>
    %46 = tensor.empty(%28) : tensor<1x9x1x?xi1>
    %47 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_23 : tensor<1x9x1x?xf32>) outs(%46 : tensor<1x9x1x?xi1>) {
    ^bb0(%in: f32, %out: i1):
      %63 = arith.extf %in : f32 to f64
      %64 = arith.cmpf oeq, %63, %cst_2 : f64
      linalg.yield %64 : i1
    } -> tensor<1x9x1x?xi1>
    %48 = tensor.empty() : tensor<1x9x1x1xi1>
    %49 = linalg.fill ins(%true : i1) outs(%48 : tensor<1x9x1x1xi1>) -> tensor<1x9x1x1xi1>
    %50 = linalg.generic {indexing_maps = [#map, #map6], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%47 : tensor<1x9x1x?xi1>) outs(%49 : tensor<1x9x1x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %63 = arith.andi %in, %out : i1
      linalg.yield %63 : i1
    } -> tensor<1x9x1x1xi1>
    %51 = arith.index_cast %28 : index to i64
    %52 = tensor.empty(%28) : tensor<1x9x1x?xf32>
    %53 = linalg.generic {indexing_maps = [#map7, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%cst_1 : tensor<f32>) outs(%52 : tensor<1x9x1x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x9x1x?xf32>
    %54 = linalg.generic {indexing_maps = [#map6, #map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%50, %53, %45 : tensor<1x9x1x1xi1>, tensor<1x9x1x?xf32>, tensor<1x9x1x?xf32>) outs(%52 : tensor<1x9x1x?xf32>) {
    ^bb0(%in: i1, %in_33: f32, %in_34: f32, %out: f32):
      %63 = arith.select %in, %in_33, %in_34 : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x1x?xf32>
    %collapsed_25 = tensor.collapse_shape %54 [[0, 1], [2], [3]] : tensor<1x9x1x?xf32> into tensor<9x1x?xf32>
    %collapsed_26 = tensor.collapse_shape %27 [[0, 1, 2], [3], [4]] : tensor<1x3x3x?x64xf32> into tensor<9x?x64xf32>
    %dim_27 = tensor.dim %arg4, %c2 : tensor<1x3x?x64xf32>
    %55 = affine.apply #map4()[%dim_27]
    %56 = arith.index_cast %55 : index to i64
    %57 = arith.cmpi eq, %51, %56 : i64
    cf.assert %57, "mismatching contracting dimension"
    %58 = tensor.empty() : tensor<9x1x64xf32>
    %59 = linalg.fill ins(%cst : f32) outs(%58 : tensor<9x1x64xf32>) -> tensor<9x1x64xf32>
    %60 = linalg.batch_matmul ins(%collapsed_25, %collapsed_26 : tensor<9x1x?xf32>, tensor<9x?x64xf32>) outs(%59 : tensor<9x1x64xf32>) -> tensor<9x1x64xf32>
    %expanded_28 = tensor.expand_shape %60 [[0, 1], [2], [3]] output_shape [1, 9, 1, 64] : tensor<9x1x64xf32> into tensor<1x9x1x64xf32>
    %61 = tensor.empty() : tensor<1x1x9x64xf32>
    %transposed_29 = linalg.transpose ins(%expanded_28 : tensor<1x9x1x64xf32>) outs(%61 : tensor<1x1x9x64xf32>) permutation = [0, 2, 1, 3] 
    %transposed_30 = linalg.transpose ins(%arg8 : tensor<576x576xf32>) outs(%1 : tensor<576x576xf32>) permutation = [1, 0] 
    %collapsed_31 = tensor.collapse_shape %transposed_29 [[0], [1, 2, 3]] : tensor<1x1x9x64xf32> into tensor<1x576xf32>
    %62 = linalg.matmul ins(%collapsed_31, %transposed_30 : tensor<1x576xf32>, tensor<576x576xf32>) outs(%3 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %expanded_32 = tensor.expand_shape %62 [[0], [1, 2]] output_shape [1, 1, 576] : tensor<1x576xf32> into tensor<1x1x576xf32>
    return %expanded_32, %concat_17, %concat_18 : tensor<1x1x576xf32>, tensor<1x3x?x64xf32>, tensor<1x3x?x64xf32>
  }
}
