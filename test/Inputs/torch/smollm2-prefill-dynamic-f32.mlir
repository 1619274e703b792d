// .venv/bin/python -m dashkv.torch.export smollm2-prefill-dynamic-f32
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map2 = affine_map<(d0, d1) -> ()>
#map3 = affine_map<(d0, d1) -> (d0, d1)>
#map4 = affine_map<(d0) -> (d0)>
#map5 = affine_map<(d0, d1) -> (0, d1)>
#map6 = affine_map<(d0, d1) -> (d0, 0)>
#map7 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map8 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map9 = affine_map<(d0, d1, d2, d3) -> (d2, d3)>
#map10 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map11 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
#map12 = affine_map<(d0, d1, d2, d3) -> ()>
module {
  func.func @prefill(%arg0: tensor<1x9x?x64xf32>, %arg1: tensor<1x3x?x64xf32>, %arg2: tensor<1x3x?x64xf32>, %arg3: tensor<1x1x?x64xf32>, %arg4: tensor<1x1x?x64xf32>) -> (tensor<1x9x?x64xf32>, tensor<1x3x?x64xf32>, tensor<1x3x?x64xf32>) {
    %c0_i64 = arith.constant 0 : i64
    %c1_i64 = arith.constant 1 : i64
    %c2 = arith.constant 2 : index
    %cst = arith.constant 0.000000e+00 : f32
    %c9_i64 = arith.constant 9 : i64
    %cst_0 = arith.constant 0xFF800000 : f32
    %true = arith.constant true
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_2 = arith.constant dense<0xFF800000> : tensor<f32>
    %cst_3 = arith.constant dense<true> : tensor<i1>
    %cst_4 = arith.constant 0xFFF0000000000000 : f64
    %cst_5 = arith.constant 0.35355339059327379 : f64
    %dim = tensor.dim %arg0, %c2 : tensor<1x9x?x64xf32>
    %0 = arith.index_cast %dim : index to i64
    %1 = tensor.empty(%dim) : tensor<1x9x?x64xf32>
    %2 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg0, %arg3 : tensor<1x9x?x64xf32>, tensor<1x1x?x64xf32>) outs(%1 : tensor<1x9x?x64xf32>) {
    ^bb0(%in: f32, %in_22: f32, %out: f32):
      %62 = arith.mulf %in, %in_22 : f32
      linalg.yield %62 : f32
    } -> tensor<1x9x?x64xf32>
    %extracted_slice = tensor.extract_slice %arg0[0, 0, 0, 32] [1, 9, %dim, 32] [1, 1, 1, 1] : tensor<1x9x?x64xf32> to tensor<1x9x?x32xf32>
    %3 = tensor.empty(%dim) : tensor<1x9x?x32xf32>
    %4 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice : tensor<1x9x?x32xf32>) outs(%3 : tensor<1x9x?x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %62 = arith.negf %in : f32
      linalg.yield %62 : f32
    } -> tensor<1x9x?x32xf32>
    %extracted_slice_6 = tensor.extract_slice %arg0[0, 0, 0, 0] [1, 9, %dim, 32] [1, 1, 1, 1] : tensor<1x9x?x64xf32> to tensor<1x9x?x32xf32>
    %concat = tensor.concat dim(3) %4, %extracted_slice_6 : (tensor<1x9x?x32xf32>, tensor<1x9x?x32xf32>) -> tensor<1x9x?x64xf32>
    %dim_7 = tensor.dim %4, %c2 : tensor<1x9x?x32xf32>
    %5 = tensor.empty(%dim_7) : tensor<1x9x?x64xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %arg4 : tensor<1x9x?x64xf32>, tensor<1x1x?x64xf32>) outs(%5 : tensor<1x9x?x64xf32>) {
    ^bb0(%in: f32, %in_22: f32, %out: f32):
      %62 = arith.mulf %in, %in_22 : f32
      linalg.yield %62 : f32
    } -> tensor<1x9x?x64xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%2, %6 : tensor<1x9x?x64xf32>, tensor<1x9x?x64xf32>) outs(%1 : tensor<1x9x?x64xf32>) {
    ^bb0(%in: f32, %in_22: f32, %out: f32):
      %62 = arith.addf %in, %in_22 : f32
      linalg.yield %62 : f32
    } -> tensor<1x9x?x64xf32>
    %dim_8 = tensor.dim %arg1, %c2 : tensor<1x3x?x64xf32>
    %8 = tensor.empty(%dim_8) : tensor<1x3x?x64xf32>
    %9 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg1, %arg3 : tensor<1x3x?x64xf32>, tensor<1x1x?x64xf32>) outs(%8 : tensor<1x3x?x64xf32>) {
    ^bb0(%in: f32, %in_22: f32, %out: f32):
      %62 = arith.mulf %in, %in_22 : f32
      linalg.yield %62 : f32
    } -> tensor<1x3x?x64xf32>
    %extracted_slice_9 = tensor.extract_slice %arg1[0, 0, 0, 32] [1, 3, %dim_8, 32] [1, 1, 1, 1] : tensor<1x3x?x64xf32> to tensor<1x3x?x32xf32>
    %10 = tensor.empty(%dim_8) : tensor<1x3x?x32xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_9 : tensor<1x3x?x32xf32>) outs(%10 : tensor<1x3x?x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %62 = arith.negf %in : f32
      linalg.yield %62 : f32
    } -> tensor<1x3x?x32xf32>
    %extracted_slice_10 = tensor.extract_slice %arg1[0, 0, 0, 0] [1, 3, %dim_8, 32] [1, 1, 1, 1] : tensor<1x3x?x64xf32> to tensor<1x3x?x32xf32>
    %concat_11 = tensor.concat dim(3) %11, %extracted_slice_10 : (tensor<1x3x?x32xf32>, tensor<1x3x?x32xf32>) -> tensor<1x3x?x64xf32>
    %dim_12 = tensor.dim %11, %c2 : tensor<1x3x?x32xf32>
    %12 = tensor.empty(%dim_12) : tensor<1x3x?x64xf32>
    %13 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_11, %arg4 : tensor<1x3x?x64xf32>, tensor<1x1x?x64xf32>) outs(%12 : tensor<1x3x?x64xf32>) {
    ^bb0(%in: f32, %in_22: f32, %out: f32):
      %62 = arith.mulf %in, %in_22 : f32
      linalg.yield %62 : f32
    } -> tensor<1x3x?x64xf32>
    %14 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%9, %13 : tensor<1x3x?x64xf32>, tensor<1x3x?x64xf32>) outs(%8 : tensor<1x3x?x64xf32>) {
    ^bb0(%in: f32, %in_22: f32, %out: f32):
      %62 = arith.addf %in, %in_22 : f32
      linalg.yield %62 : f32
    } -> tensor<1x3x?x64xf32>
    %15 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%7 : tensor<1x9x?x64xf32>) outs(%1 : tensor<1x9x?x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %62 = arith.truncf %cst_5 : f64 to f32
      %63 = arith.mulf %in, %62 : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x?x64xf32>
    %16 = tensor.empty(%dim, %dim) : tensor<?x?xi1>
    %17 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel"]} ins(%cst_3 : tensor<i1>) outs(%16 : tensor<?x?xi1>) {
    ^bb0(%in: i1, %out: i1):
      linalg.yield %in : i1
    } -> tensor<?x?xi1>
    %18 = tensor.empty(%dim) : tensor<?xi64>
    %19 = linalg.generic {indexing_maps = [#map4], iterator_types = ["parallel"]} outs(%18 : tensor<?xi64>) {
    ^bb0(%out: i64):
      %62 = linalg.index 0 : index
      %63 = arith.index_cast %62 : index to i64
      linalg.yield %63 : i64
    } -> tensor<?xi64>
    %expanded = tensor.expand_shape %19 [[0, 1]] output_shape [1, %dim] : tensor<?xi64> into tensor<1x?xi64>
    %expanded_13 = tensor.expand_shape %19 [[0, 1]] output_shape [%dim, 1] : tensor<?xi64> into tensor<?x1xi64>
    %20 = tensor.empty(%dim, %dim) : tensor<?x?xi64>
    %21 = linalg.generic {indexing_maps = [#map5, #map6, #map3], iterator_types = ["parallel", "parallel"]} ins(%expanded, %expanded_13 : tensor<1x?xi64>, tensor<?x1xi64>) outs(%20 : tensor<?x?xi64>) {
    ^bb0(%in: i64, %in_22: i64, %out: i64):
      %62 = arith.subi %in, %in_22 : i64
      linalg.yield %62 : i64
    } -> tensor<?x?xi64>
    %22 = tensor.empty(%dim, %dim) : tensor<?x?xi1>
    %23 = linalg.generic {indexing_maps = [#map3, #map3], iterator_types = ["parallel", "parallel"]} ins(%21 : tensor<?x?xi64>) outs(%22 : tensor<?x?xi1>) {
    ^bb0(%in: i64, %out: i1):
      %62 = arith.cmpi sle, %in, %c0_i64 : i64
      linalg.yield %62 : i1
    } -> tensor<?x?xi1>
    %24 = linalg.generic {indexing_maps = [#map3, #map3, #map3], iterator_types = ["parallel", "parallel"]} ins(%23, %17 : tensor<?x?xi1>, tensor<?x?xi1>) outs(%22 : tensor<?x?xi1>) {
    ^bb0(%in: i1, %in_22: i1, %out: i1):
      %62 = arith.andi %in, %in_22 : i1
      linalg.yield %62 : i1
    } -> tensor<?x?xi1>
    %25 = tensor.empty(%dim, %dim) : tensor<?x?xf32>
    %26 = linalg.generic {indexing_maps = [#map3, #map2, #map2, #map3], iterator_types = ["parallel", "parallel"]} ins(%24, %cst_1, %cst_2 : tensor<?x?xi1>, tensor<f32>, tensor<f32>) outs(%25 : tensor<?x?xf32>) {
    ^bb0(%in: i1, %in_22: f32, %in_23: f32, %out: f32):
      %62 = arith.select %in, %in_22, %in_23 : f32
      linalg.yield %62 : f32
    } -> tensor<?x?xf32>
    %27 = tensor.empty(%dim) : tensor<1x3x3x?x64xf32>
    %28 = linalg.generic {indexing_maps = [#map7, #map8], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%14 : tensor<1x3x?x64xf32>) outs(%27 : tensor<1x3x3x?x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x?x64xf32>
    %collapsed = tensor.collapse_shape %28 [[0], [1, 2], [3], [4]] : tensor<1x3x3x?x64xf32> into tensor<1x9x?x64xf32>
    %29 = linalg.generic {indexing_maps = [#map7, #map8], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%arg2 : tensor<1x3x?x64xf32>) outs(%27 : tensor<1x3x3x?x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x?x64xf32>
    %30 = tensor.empty(%dim_8) : tensor<1x9x64x?xf32>
    %transposed = linalg.transpose ins(%collapsed : tensor<1x9x?x64xf32>) outs(%30 : tensor<1x9x64x?xf32>) permutation = [0, 1, 3, 2] 
    %31 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed : tensor<1x9x64x?xf32>) outs(%30 : tensor<1x9x64x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %62 = arith.truncf %cst_5 : f64 to f32
      %63 = arith.mulf %in, %62 : f32
      linalg.yield %63 : f32
    } -> tensor<1x9x64x?xf32>
    %collapsed_14 = tensor.collapse_shape %15 [[0, 1], [2], [3]] : tensor<1x9x?x64xf32> into tensor<9x?x64xf32>
    %collapsed_15 = tensor.collapse_shape %31 [[0, 1], [2], [3]] : tensor<1x9x64x?xf32> into tensor<9x64x?xf32>
    %32 = tensor.empty(%dim, %dim_8) : tensor<9x?x?xf32>
    %33 = linalg.fill ins(%cst : f32) outs(%32 : tensor<9x?x?xf32>) -> tensor<9x?x?xf32>
    %34 = linalg.batch_matmul ins(%collapsed_14, %collapsed_15 : tensor<9x?x64xf32>, tensor<9x64x?xf32>) outs(%33 : tensor<9x?x?xf32>) -> tensor<9x?x?xf32>
    %from_elements = tensor.from_elements %c1_i64, %c9_i64, %0, %0 : tensor<4xi64>
    %reshape = tensor.reshape %34(%from_elements) : (tensor<9x?x?xf32>, tensor<4xi64>) -> tensor<1x9x?x?xf32>
    %35 = tensor.empty(%dim, %dim) : tensor<1x9x?x?xf32>
    %36 = linalg.generic {indexing_maps = [#map, #map9, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%reshape, %26 : tensor<1x9x?x?xf32>, tensor<?x?xf32>) outs(%35 : tensor<1x9x?x?xf32>) {
    ^bb0(%in: f32, %in_22: f32, %out: f32):
      %62 = arith.addf %in, %in_22 : f32
      linalg.yield %62 : f32
    } -> tensor<1x9x?x?xf32>
    %37 = tensor.empty(%dim) : tensor<1x9x?xi64>
    %38 = linalg.fill ins(%c0_i64 : i64) outs(%37 : tensor<1x9x?xi64>) -> tensor<1x9x?xi64>
    %39 = tensor.empty(%dim) : tensor<1x9x?xf32>
    %40 = linalg.fill ins(%cst_0 : f32) outs(%39 : tensor<1x9x?xf32>) -> tensor<1x9x?xf32>
    %41:2 = linalg.generic {indexing_maps = [#map, #map10, #map10], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%36 : tensor<1x9x?x?xf32>) outs(%40, %38 : tensor<1x9x?xf32>, tensor<1x9x?xi64>) {
    ^bb0(%in: f32, %out: f32, %out_22: i64):
      %62 = linalg.index 3 : index
      %63 = arith.index_cast %62 : index to i64
      %64 = arith.maximumf %in, %out : f32
      %65 = arith.cmpf ogt, %in, %out : f32
      %66 = arith.select %65, %63, %out_22 : i64
      linalg.yield %64, %66 : f32, i64
    } -> (tensor<1x9x?xf32>, tensor<1x9x?xi64>)
    %expanded_16 = tensor.expand_shape %41#0 [[0], [1], [2, 3]] output_shape [1, 9, %dim, 1] : tensor<1x9x?xf32> into tensor<1x9x?x1xf32>
    %42 = linalg.generic {indexing_maps = [#map, #map11, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%36, %expanded_16 : tensor<1x9x?x?xf32>, tensor<1x9x?x1xf32>) outs(%35 : tensor<1x9x?x?xf32>) {
    ^bb0(%in: f32, %in_22: f32, %out: f32):
      %62 = arith.subf %in, %in_22 : f32
      linalg.yield %62 : f32
    } -> tensor<1x9x?x?xf32>
    %43 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%42 : tensor<1x9x?x?xf32>) outs(%35 : tensor<1x9x?x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %62 = math.exp %in : f32
      linalg.yield %62 : f32
    } -> tensor<1x9x?x?xf32>
    %44 = tensor.empty(%dim) : tensor<1x9x?x1xf32>
    %45 = linalg.fill ins(%cst : f32) outs(%44 : tensor<1x9x?x1xf32>) -> tensor<1x9x?x1xf32>
    %46 = linalg.generic {indexing_maps = [#map, #map11], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%43 : tensor<1x9x?x?xf32>) outs(%45 : tensor<1x9x?x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %62 = arith.addf %in, %out : f32
      linalg.yield %62 : f32
    } -> tensor<1x9x?x1xf32>
    %47 = linalg.generic {indexing_maps = [#map, #map11, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%43, %46 : tensor<1x9x?x?xf32>, tensor<1x9x?x1xf32>) outs(%35 : tensor<1x9x?x?xf32>) {
    ^bb0(%in: f32, %in_22: f32, %out: f32):
      %62 = arith.divf %in, %in_22 : f32
      linalg.yield %62 : f32
    } -> tensor<1x9x?x?xf32>
    %48 = tensor.empty(%dim, %dim) : tensor<1x9x?x?xi1>
    %49 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%36 : tensor<1x9x?x?xf32>) outs(%48 : tensor<1x9x?x?xi1>) {
    ^bb0(%in: f32, %out: i1):
      %62 = arith.extf %in : f32 to f64
      %63 = arith.cmpf oeq, %62, %cst_4 : f64
      linalg.yield %63 : i1
    } -> tensor<1x9x?x?xi1>
    %50 = tensor.empty(%dim) : tensor<1x9x?x1xi1>
    %51 = linalg.fill ins(%true : i1) outs(%50 : tensor<1x9x?x1xi1>) -> tensor<1x9x?x1xi1>
    %52 = linalg.generic {indexing_maps = [#map, #map11], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%49 : tensor<1x9x?x?xi1>) outs(%51 : tensor<1x9x?x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %62 = arith.andi %in, %out : i1
      linalg.yield %62 : i1
    } -> tensor<1x9x?x1xi1>
    %53 = tensor.empty(%dim, %dim) : tensor<1x9x?x?xf32>
    %54 = linalg.generic {indexing_maps = [#map12, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%cst_1 : tensor<f32>) outs(%53 : tensor<1x9x?x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x9x?x?xf32>
    %55 = tensor.empty(%dim, %dim) : tensor<1x9x?x?xf32>
    %56 = linalg.generic {indexing_maps = [#map11, #map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%52, %54, %47 : tensor<1x9x?x1xi1>, tensor<1x9x?x?xf32>, tensor<1x9x?x?xf32>) outs(%55 : tensor<1x9x?x?xf32>) {
    ^bb0(%in: i1, %in_22: f32, %in_23: f32, %out: f32):
      %62 = arith.select %in, %in_22, %in_23 : f32
      linalg.yield %62 : f32
    } -> tensor<1x9x?x?xf32>
    %from_elements_17 = tensor.from_elements %c9_i64, %0, %0 : tensor<3xi64>
    %reshape_18 = tensor.reshape %56(%from_elements_17) : (tensor<1x9x?x?xf32>, tensor<3xi64>) -> tensor<9x?x?xf32>
    %collapsed_19 = tensor.collapse_shape %29 [[0, 1, 2], [3], [4]] : tensor<1x3x3x?x64xf32> into tensor<9x?x64xf32>
    %dim_20 = tensor.dim %arg2, %c2 : tensor<1x3x?x64xf32>
    %57 = arith.index_cast %dim_20 : index to i64
    %58 = arith.cmpi eq, %0, %57 : i64
    cf.assert %58, "mismatching contracting dimension"
    %59 = tensor.empty(%dim) : tensor<9x?x64xf32>
    %60 = linalg.fill ins(%cst : f32) outs(%59 : tensor<9x?x64xf32>) -> tensor<9x?x64xf32>
    %61 = linalg.batch_matmul ins(%reshape_18, %collapsed_19 : tensor<9x?x?xf32>, tensor<9x?x64xf32>) outs(%60 : tensor<9x?x64xf32>) -> tensor<9x?x64xf32>
    %expanded_21 = tensor.expand_shape %61 [[0, 1], [2], [3]] output_shape [1, 9, %dim, 64] : tensor<9x?x64xf32> into tensor<1x9x?x64xf32>
    return %expanded_21, %14, %arg2 : tensor<1x9x?x64xf32>, tensor<1x3x?x64xf32>, tensor<1x3x?x64xf32>
  }
}
