// .venv/bin/python -m dashkv.torch.export smollm2-prefill-f32
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
  func.func @prefill(%arg0: tensor<1x9x128x64xf32>, %arg1: tensor<1x3x128x64xf32>, %arg2: tensor<1x3x128x64xf32>, %arg3: tensor<1x1x128x64xf32>, %arg4: tensor<1x1x128x64xf32>) -> (tensor<1x9x128x64xf32>, tensor<1x3x128x64xf32>, tensor<1x3x128x64xf32>) {
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
    %0 = tensor.empty() : tensor<1x9x128x64xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg0, %arg3 : tensor<1x9x128x64xf32>, tensor<1x1x128x64xf32>) outs(%0 : tensor<1x9x128x64xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %52 = arith.mulf %in, %in_19 : f32
      linalg.yield %52 : f32
    } -> tensor<1x9x128x64xf32>
    %extracted_slice = tensor.extract_slice %arg0[0, 0, 0, 32] [1, 9, 128, 32] [1, 1, 1, 1] : tensor<1x9x128x64xf32> to tensor<1x9x128x32xf32>
    %2 = tensor.empty() : tensor<1x9x128x32xf32>
    %3 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice : tensor<1x9x128x32xf32>) outs(%2 : tensor<1x9x128x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %52 = arith.negf %in : f32
      linalg.yield %52 : f32
    } -> tensor<1x9x128x32xf32>
    %extracted_slice_7 = tensor.extract_slice %arg0[0, 0, 0, 0] [1, 9, 128, 32] [1, 1, 1, 1] : tensor<1x9x128x64xf32> to tensor<1x9x128x32xf32>
    %concat = tensor.concat dim(3) %3, %extracted_slice_7 : (tensor<1x9x128x32xf32>, tensor<1x9x128x32xf32>) -> tensor<1x9x128x64xf32>
    %4 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %arg4 : tensor<1x9x128x64xf32>, tensor<1x1x128x64xf32>) outs(%0 : tensor<1x9x128x64xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %52 = arith.mulf %in, %in_19 : f32
      linalg.yield %52 : f32
    } -> tensor<1x9x128x64xf32>
    %5 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%1, %4 : tensor<1x9x128x64xf32>, tensor<1x9x128x64xf32>) outs(%0 : tensor<1x9x128x64xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %52 = arith.addf %in, %in_19 : f32
      linalg.yield %52 : f32
    } -> tensor<1x9x128x64xf32>
    %6 = tensor.empty() : tensor<1x3x128x64xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg1, %arg3 : tensor<1x3x128x64xf32>, tensor<1x1x128x64xf32>) outs(%6 : tensor<1x3x128x64xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %52 = arith.mulf %in, %in_19 : f32
      linalg.yield %52 : f32
    } -> tensor<1x3x128x64xf32>
    %extracted_slice_8 = tensor.extract_slice %arg1[0, 0, 0, 32] [1, 3, 128, 32] [1, 1, 1, 1] : tensor<1x3x128x64xf32> to tensor<1x3x128x32xf32>
    %8 = tensor.empty() : tensor<1x3x128x32xf32>
    %9 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_8 : tensor<1x3x128x32xf32>) outs(%8 : tensor<1x3x128x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %52 = arith.negf %in : f32
      linalg.yield %52 : f32
    } -> tensor<1x3x128x32xf32>
    %extracted_slice_9 = tensor.extract_slice %arg1[0, 0, 0, 0] [1, 3, 128, 32] [1, 1, 1, 1] : tensor<1x3x128x64xf32> to tensor<1x3x128x32xf32>
    %concat_10 = tensor.concat dim(3) %9, %extracted_slice_9 : (tensor<1x3x128x32xf32>, tensor<1x3x128x32xf32>) -> tensor<1x3x128x64xf32>
    %10 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_10, %arg4 : tensor<1x3x128x64xf32>, tensor<1x1x128x64xf32>) outs(%6 : tensor<1x3x128x64xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %52 = arith.mulf %in, %in_19 : f32
      linalg.yield %52 : f32
    } -> tensor<1x3x128x64xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%7, %10 : tensor<1x3x128x64xf32>, tensor<1x3x128x64xf32>) outs(%6 : tensor<1x3x128x64xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %52 = arith.addf %in, %in_19 : f32
      linalg.yield %52 : f32
    } -> tensor<1x3x128x64xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5 : tensor<1x9x128x64xf32>) outs(%0 : tensor<1x9x128x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %52 = arith.truncf %cst_6 : f64 to f32
      %53 = arith.mulf %in, %52 : f32
      linalg.yield %53 : f32
    } -> tensor<1x9x128x64xf32>
    %13 = tensor.empty() : tensor<128xi64>
    %14 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%13 : tensor<128xi64>) {
    ^bb0(%out: i64):
      %52 = linalg.index 0 : index
      %53 = arith.index_cast %52 : index to i64
      linalg.yield %53 : i64
    } -> tensor<128xi64>
    %expanded = tensor.expand_shape %14 [[0, 1]] output_shape [1, 128] : tensor<128xi64> into tensor<1x128xi64>
    %expanded_11 = tensor.expand_shape %14 [[0, 1]] output_shape [128, 1] : tensor<128xi64> into tensor<128x1xi64>
    %15 = tensor.empty() : tensor<128x128xi64>
    %16 = linalg.generic {indexing_maps = [#map3, #map4, #map5], iterator_types = ["parallel", "parallel"]} ins(%expanded, %expanded_11 : tensor<1x128xi64>, tensor<128x1xi64>) outs(%15 : tensor<128x128xi64>) {
    ^bb0(%in: i64, %in_19: i64, %out: i64):
      %52 = arith.subi %in, %in_19 : i64
      linalg.yield %52 : i64
    } -> tensor<128x128xi64>
    %17 = tensor.empty() : tensor<128x128xi1>
    %18 = linalg.generic {indexing_maps = [#map5, #map5], iterator_types = ["parallel", "parallel"]} ins(%16 : tensor<128x128xi64>) outs(%17 : tensor<128x128xi1>) {
    ^bb0(%in: i64, %out: i1):
      %52 = arith.cmpi sle, %in, %c0_i64 : i64
      linalg.yield %52 : i1
    } -> tensor<128x128xi1>
    %19 = linalg.generic {indexing_maps = [#map5, #map5, #map5], iterator_types = ["parallel", "parallel"]} ins(%18, %cst_4 : tensor<128x128xi1>, tensor<128x128xi1>) outs(%17 : tensor<128x128xi1>) {
    ^bb0(%in: i1, %in_19: i1, %out: i1):
      %52 = arith.andi %in, %in_19 : i1
      linalg.yield %52 : i1
    } -> tensor<128x128xi1>
    %20 = tensor.empty() : tensor<128x128xf32>
    %21 = linalg.generic {indexing_maps = [#map5, #map6, #map6, #map5], iterator_types = ["parallel", "parallel"]} ins(%19, %cst_2, %cst_3 : tensor<128x128xi1>, tensor<f32>, tensor<f32>) outs(%20 : tensor<128x128xf32>) {
    ^bb0(%in: i1, %in_19: f32, %in_20: f32, %out: f32):
      %52 = arith.select %in, %in_19, %in_20 : f32
      linalg.yield %52 : f32
    } -> tensor<128x128xf32>
    %22 = tensor.empty() : tensor<1x3x3x128x64xf32>
    %23 = linalg.generic {indexing_maps = [#map7, #map8], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%11 : tensor<1x3x128x64xf32>) outs(%22 : tensor<1x3x3x128x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x128x64xf32>
    %collapsed = tensor.collapse_shape %23 [[0], [1, 2], [3], [4]] : tensor<1x3x3x128x64xf32> into tensor<1x9x128x64xf32>
    %24 = linalg.generic {indexing_maps = [#map7, #map8], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%arg2 : tensor<1x3x128x64xf32>) outs(%22 : tensor<1x3x3x128x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x128x64xf32>
    %25 = tensor.empty() : tensor<1x9x64x128xf32>
    %transposed = linalg.transpose ins(%collapsed : tensor<1x9x128x64xf32>) outs(%25 : tensor<1x9x64x128xf32>) permutation = [0, 1, 3, 2] 
    %26 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed : tensor<1x9x64x128xf32>) outs(%25 : tensor<1x9x64x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %52 = arith.truncf %cst_6 : f64 to f32
      %53 = arith.mulf %in, %52 : f32
      linalg.yield %53 : f32
    } -> tensor<1x9x64x128xf32>
    %collapsed_12 = tensor.collapse_shape %12 [[0, 1], [2], [3]] : tensor<1x9x128x64xf32> into tensor<9x128x64xf32>
    %collapsed_13 = tensor.collapse_shape %26 [[0, 1], [2], [3]] : tensor<1x9x64x128xf32> into tensor<9x64x128xf32>
    %27 = tensor.empty() : tensor<9x128x128xf32>
    %28 = linalg.fill ins(%cst : f32) outs(%27 : tensor<9x128x128xf32>) -> tensor<9x128x128xf32>
    %29 = linalg.batch_matmul ins(%collapsed_12, %collapsed_13 : tensor<9x128x64xf32>, tensor<9x64x128xf32>) outs(%28 : tensor<9x128x128xf32>) -> tensor<9x128x128xf32>
    %expanded_14 = tensor.expand_shape %29 [[0, 1], [2], [3]] output_shape [1, 9, 128, 128] : tensor<9x128x128xf32> into tensor<1x9x128x128xf32>
    %30 = tensor.empty() : tensor<1x9x128x128xf32>
    %31 = linalg.generic {indexing_maps = [#map, #map9, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_14, %21 : tensor<1x9x128x128xf32>, tensor<128x128xf32>) outs(%30 : tensor<1x9x128x128xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %52 = arith.addf %in, %in_19 : f32
      linalg.yield %52 : f32
    } -> tensor<1x9x128x128xf32>
    %32 = tensor.empty() : tensor<1x9x128xi64>
    %33 = linalg.fill ins(%c0_i64 : i64) outs(%32 : tensor<1x9x128xi64>) -> tensor<1x9x128xi64>
    %34 = tensor.empty() : tensor<1x9x128xf32>
    %35 = linalg.fill ins(%cst_0 : f32) outs(%34 : tensor<1x9x128xf32>) -> tensor<1x9x128xf32>
    %36:2 = linalg.generic {indexing_maps = [#map, #map10, #map10], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%31 : tensor<1x9x128x128xf32>) outs(%35, %33 : tensor<1x9x128xf32>, tensor<1x9x128xi64>) {
    ^bb0(%in: f32, %out: f32, %out_19: i64):
      %52 = linalg.index 3 : index
      %53 = arith.index_cast %52 : index to i64
      %54 = arith.maximumf %in, %out : f32
      %55 = arith.cmpf ogt, %in, %out : f32
      %56 = arith.select %55, %53, %out_19 : i64
      linalg.yield %54, %56 : f32, i64
    } -> (tensor<1x9x128xf32>, tensor<1x9x128xi64>)
    %expanded_15 = tensor.expand_shape %36#0 [[0], [1], [2, 3]] output_shape [1, 9, 128, 1] : tensor<1x9x128xf32> into tensor<1x9x128x1xf32>
    %37 = linalg.generic {indexing_maps = [#map, #map11, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%31, %expanded_15 : tensor<1x9x128x128xf32>, tensor<1x9x128x1xf32>) outs(%30 : tensor<1x9x128x128xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %52 = arith.subf %in, %in_19 : f32
      linalg.yield %52 : f32
    } -> tensor<1x9x128x128xf32>
    %38 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%37 : tensor<1x9x128x128xf32>) outs(%30 : tensor<1x9x128x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %52 = math.exp %in : f32
      linalg.yield %52 : f32
    } -> tensor<1x9x128x128xf32>
    %39 = tensor.empty() : tensor<1x9x128x1xf32>
    %40 = linalg.fill ins(%cst : f32) outs(%39 : tensor<1x9x128x1xf32>) -> tensor<1x9x128x1xf32>
    %41 = linalg.generic {indexing_maps = [#map, #map11], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%38 : tensor<1x9x128x128xf32>) outs(%40 : tensor<1x9x128x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %52 = arith.addf %in, %out : f32
      linalg.yield %52 : f32
    } -> tensor<1x9x128x1xf32>
    %42 = linalg.generic {indexing_maps = [#map, #map11, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%38, %41 : tensor<1x9x128x128xf32>, tensor<1x9x128x1xf32>) outs(%30 : tensor<1x9x128x128xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %52 = arith.divf %in, %in_19 : f32
      linalg.yield %52 : f32
    } -> tensor<1x9x128x128xf32>
    %43 = tensor.empty() : tensor<1x9x128x128xi1>
    %44 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%31 : tensor<1x9x128x128xf32>) outs(%43 : tensor<1x9x128x128xi1>) {
    ^bb0(%in: f32, %out: i1):
      %52 = arith.extf %in : f32 to f64
      %53 = arith.cmpf oeq, %52, %cst_5 : f64
      linalg.yield %53 : i1
    } -> tensor<1x9x128x128xi1>
    %45 = tensor.empty() : tensor<1x9x128x1xi1>
    %46 = linalg.fill ins(%true : i1) outs(%45 : tensor<1x9x128x1xi1>) -> tensor<1x9x128x1xi1>
    %47 = linalg.generic {indexing_maps = [#map, #map11], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%44 : tensor<1x9x128x128xi1>) outs(%46 : tensor<1x9x128x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %52 = arith.andi %in, %out : i1
      linalg.yield %52 : i1
    } -> tensor<1x9x128x1xi1>
    %48 = linalg.generic {indexing_maps = [#map11, #map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%47, %cst_1, %42 : tensor<1x9x128x1xi1>, tensor<1x9x128x128xf32>, tensor<1x9x128x128xf32>) outs(%30 : tensor<1x9x128x128xf32>) {
    ^bb0(%in: i1, %in_19: f32, %in_20: f32, %out: f32):
      %52 = arith.select %in, %in_19, %in_20 : f32
      linalg.yield %52 : f32
    } -> tensor<1x9x128x128xf32>
    %collapsed_16 = tensor.collapse_shape %48 [[0, 1], [2], [3]] : tensor<1x9x128x128xf32> into tensor<9x128x128xf32>
    %collapsed_17 = tensor.collapse_shape %24 [[0, 1, 2], [3], [4]] : tensor<1x3x3x128x64xf32> into tensor<9x128x64xf32>
    %49 = tensor.empty() : tensor<9x128x64xf32>
    %50 = linalg.fill ins(%cst : f32) outs(%49 : tensor<9x128x64xf32>) -> tensor<9x128x64xf32>
    %51 = linalg.batch_matmul ins(%collapsed_16, %collapsed_17 : tensor<9x128x128xf32>, tensor<9x128x64xf32>) outs(%50 : tensor<9x128x64xf32>) -> tensor<9x128x64xf32>
    %expanded_18 = tensor.expand_shape %51 [[0, 1], [2], [3]] output_shape [1, 9, 128, 64] : tensor<9x128x64xf32> into tensor<1x9x128x64xf32>
    return %expanded_18, %11, %arg2 : tensor<1x9x128x64xf32>, tensor<1x3x128x64xf32>, tensor<1x3x128x64xf32>
  }
}
