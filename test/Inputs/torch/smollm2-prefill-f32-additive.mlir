// .venv/bin/python -m dashkv.torch.export smollm2-prefill-f32-additive
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map3 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map5 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
module {
  func.func @prefill(%arg0: tensor<1x9x128x64xf32>, %arg1: tensor<1x3x128x64xf32>, %arg2: tensor<1x3x128x64xf32>, %arg3: tensor<1x1x128x64xf32>, %arg4: tensor<1x1x128x64xf32>, %arg5: tensor<1x1x128x128xf32>) -> (tensor<1x9x128x64xf32>, tensor<1x3x128x64xf32>, tensor<1x3x128x64xf32>) {
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %true = arith.constant true
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<1x9x128x128xf32>
    %cst_2 = arith.constant 0xFFF0000000000000 : f64
    %cst_3 = arith.constant 0.35355339059327379 : f64
    %0 = tensor.empty() : tensor<1x9x128x64xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg0, %arg3 : tensor<1x9x128x64xf32>, tensor<1x1x128x64xf32>) outs(%0 : tensor<1x9x128x64xf32>) {
    ^bb0(%in: f32, %in_14: f32, %out: f32):
      %43 = arith.mulf %in, %in_14 : f32
      linalg.yield %43 : f32
    } -> tensor<1x9x128x64xf32>
    %extracted_slice = tensor.extract_slice %arg0[0, 0, 0, 32] [1, 9, 128, 32] [1, 1, 1, 1] : tensor<1x9x128x64xf32> to tensor<1x9x128x32xf32>
    %2 = tensor.empty() : tensor<1x9x128x32xf32>
    %3 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice : tensor<1x9x128x32xf32>) outs(%2 : tensor<1x9x128x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %43 = arith.negf %in : f32
      linalg.yield %43 : f32
    } -> tensor<1x9x128x32xf32>
    %extracted_slice_4 = tensor.extract_slice %arg0[0, 0, 0, 0] [1, 9, 128, 32] [1, 1, 1, 1] : tensor<1x9x128x64xf32> to tensor<1x9x128x32xf32>
    %concat = tensor.concat dim(3) %3, %extracted_slice_4 : (tensor<1x9x128x32xf32>, tensor<1x9x128x32xf32>) -> tensor<1x9x128x64xf32>
    %4 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %arg4 : tensor<1x9x128x64xf32>, tensor<1x1x128x64xf32>) outs(%0 : tensor<1x9x128x64xf32>) {
    ^bb0(%in: f32, %in_14: f32, %out: f32):
      %43 = arith.mulf %in, %in_14 : f32
      linalg.yield %43 : f32
    } -> tensor<1x9x128x64xf32>
    %5 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%1, %4 : tensor<1x9x128x64xf32>, tensor<1x9x128x64xf32>) outs(%0 : tensor<1x9x128x64xf32>) {
    ^bb0(%in: f32, %in_14: f32, %out: f32):
      %43 = arith.addf %in, %in_14 : f32
      linalg.yield %43 : f32
    } -> tensor<1x9x128x64xf32>
    %6 = tensor.empty() : tensor<1x3x128x64xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg1, %arg3 : tensor<1x3x128x64xf32>, tensor<1x1x128x64xf32>) outs(%6 : tensor<1x3x128x64xf32>) {
    ^bb0(%in: f32, %in_14: f32, %out: f32):
      %43 = arith.mulf %in, %in_14 : f32
      linalg.yield %43 : f32
    } -> tensor<1x3x128x64xf32>
    %extracted_slice_5 = tensor.extract_slice %arg1[0, 0, 0, 32] [1, 3, 128, 32] [1, 1, 1, 1] : tensor<1x3x128x64xf32> to tensor<1x3x128x32xf32>
    %8 = tensor.empty() : tensor<1x3x128x32xf32>
    %9 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_5 : tensor<1x3x128x32xf32>) outs(%8 : tensor<1x3x128x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %43 = arith.negf %in : f32
      linalg.yield %43 : f32
    } -> tensor<1x3x128x32xf32>
    %extracted_slice_6 = tensor.extract_slice %arg1[0, 0, 0, 0] [1, 3, 128, 32] [1, 1, 1, 1] : tensor<1x3x128x64xf32> to tensor<1x3x128x32xf32>
    %concat_7 = tensor.concat dim(3) %9, %extracted_slice_6 : (tensor<1x3x128x32xf32>, tensor<1x3x128x32xf32>) -> tensor<1x3x128x64xf32>
    %10 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_7, %arg4 : tensor<1x3x128x64xf32>, tensor<1x1x128x64xf32>) outs(%6 : tensor<1x3x128x64xf32>) {
    ^bb0(%in: f32, %in_14: f32, %out: f32):
      %43 = arith.mulf %in, %in_14 : f32
      linalg.yield %43 : f32
    } -> tensor<1x3x128x64xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%7, %10 : tensor<1x3x128x64xf32>, tensor<1x3x128x64xf32>) outs(%6 : tensor<1x3x128x64xf32>) {
    ^bb0(%in: f32, %in_14: f32, %out: f32):
      %43 = arith.addf %in, %in_14 : f32
      linalg.yield %43 : f32
    } -> tensor<1x3x128x64xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5 : tensor<1x9x128x64xf32>) outs(%0 : tensor<1x9x128x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %43 = arith.truncf %cst_3 : f64 to f32
      %44 = arith.mulf %in, %43 : f32
      linalg.yield %44 : f32
    } -> tensor<1x9x128x64xf32>
    %13 = tensor.empty() : tensor<1x3x3x128x64xf32>
    %14 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%11 : tensor<1x3x128x64xf32>) outs(%13 : tensor<1x3x3x128x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x128x64xf32>
    %collapsed = tensor.collapse_shape %14 [[0], [1, 2], [3], [4]] : tensor<1x3x3x128x64xf32> into tensor<1x9x128x64xf32>
    %15 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%arg2 : tensor<1x3x128x64xf32>) outs(%13 : tensor<1x3x3x128x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x128x64xf32>
    %16 = tensor.empty() : tensor<1x9x64x128xf32>
    %transposed = linalg.transpose ins(%collapsed : tensor<1x9x128x64xf32>) outs(%16 : tensor<1x9x64x128xf32>) permutation = [0, 1, 3, 2] 
    %17 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed : tensor<1x9x64x128xf32>) outs(%16 : tensor<1x9x64x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %43 = arith.truncf %cst_3 : f64 to f32
      %44 = arith.mulf %in, %43 : f32
      linalg.yield %44 : f32
    } -> tensor<1x9x64x128xf32>
    %collapsed_8 = tensor.collapse_shape %12 [[0, 1], [2], [3]] : tensor<1x9x128x64xf32> into tensor<9x128x64xf32>
    %collapsed_9 = tensor.collapse_shape %17 [[0, 1], [2], [3]] : tensor<1x9x64x128xf32> into tensor<9x64x128xf32>
    %18 = tensor.empty() : tensor<9x128x128xf32>
    %19 = linalg.fill ins(%cst : f32) outs(%18 : tensor<9x128x128xf32>) -> tensor<9x128x128xf32>
    %20 = linalg.batch_matmul ins(%collapsed_8, %collapsed_9 : tensor<9x128x64xf32>, tensor<9x64x128xf32>) outs(%19 : tensor<9x128x128xf32>) -> tensor<9x128x128xf32>
    %expanded = tensor.expand_shape %20 [[0, 1], [2], [3]] output_shape [1, 9, 128, 128] : tensor<9x128x128xf32> into tensor<1x9x128x128xf32>
    %21 = tensor.empty() : tensor<1x9x128x128xf32>
    %22 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded, %arg5 : tensor<1x9x128x128xf32>, tensor<1x1x128x128xf32>) outs(%21 : tensor<1x9x128x128xf32>) {
    ^bb0(%in: f32, %in_14: f32, %out: f32):
      %43 = arith.addf %in, %in_14 : f32
      linalg.yield %43 : f32
    } -> tensor<1x9x128x128xf32>
    %23 = tensor.empty() : tensor<1x9x128xi64>
    %24 = linalg.fill ins(%c0_i64 : i64) outs(%23 : tensor<1x9x128xi64>) -> tensor<1x9x128xi64>
    %25 = tensor.empty() : tensor<1x9x128xf32>
    %26 = linalg.fill ins(%cst_0 : f32) outs(%25 : tensor<1x9x128xf32>) -> tensor<1x9x128xf32>
    %27:2 = linalg.generic {indexing_maps = [#map, #map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%22 : tensor<1x9x128x128xf32>) outs(%26, %24 : tensor<1x9x128xf32>, tensor<1x9x128xi64>) {
    ^bb0(%in: f32, %out: f32, %out_14: i64):
      %43 = linalg.index 3 : index
      %44 = arith.index_cast %43 : index to i64
      %45 = arith.maximumf %in, %out : f32
      %46 = arith.cmpf ogt, %in, %out : f32
      %47 = arith.select %46, %44, %out_14 : i64
      linalg.yield %45, %47 : f32, i64
    } -> (tensor<1x9x128xf32>, tensor<1x9x128xi64>)
    %expanded_10 = tensor.expand_shape %27#0 [[0], [1], [2, 3]] output_shape [1, 9, 128, 1] : tensor<1x9x128xf32> into tensor<1x9x128x1xf32>
    %28 = linalg.generic {indexing_maps = [#map, #map5, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%22, %expanded_10 : tensor<1x9x128x128xf32>, tensor<1x9x128x1xf32>) outs(%21 : tensor<1x9x128x128xf32>) {
    ^bb0(%in: f32, %in_14: f32, %out: f32):
      %43 = arith.subf %in, %in_14 : f32
      linalg.yield %43 : f32
    } -> tensor<1x9x128x128xf32>
    %29 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%28 : tensor<1x9x128x128xf32>) outs(%21 : tensor<1x9x128x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %43 = math.exp %in : f32
      linalg.yield %43 : f32
    } -> tensor<1x9x128x128xf32>
    %30 = tensor.empty() : tensor<1x9x128x1xf32>
    %31 = linalg.fill ins(%cst : f32) outs(%30 : tensor<1x9x128x1xf32>) -> tensor<1x9x128x1xf32>
    %32 = linalg.generic {indexing_maps = [#map, #map5], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%29 : tensor<1x9x128x128xf32>) outs(%31 : tensor<1x9x128x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %43 = arith.addf %in, %out : f32
      linalg.yield %43 : f32
    } -> tensor<1x9x128x1xf32>
    %33 = linalg.generic {indexing_maps = [#map, #map5, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%29, %32 : tensor<1x9x128x128xf32>, tensor<1x9x128x1xf32>) outs(%21 : tensor<1x9x128x128xf32>) {
    ^bb0(%in: f32, %in_14: f32, %out: f32):
      %43 = arith.divf %in, %in_14 : f32
      linalg.yield %43 : f32
    } -> tensor<1x9x128x128xf32>
    %34 = tensor.empty() : tensor<1x9x128x128xi1>
    %35 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%22 : tensor<1x9x128x128xf32>) outs(%34 : tensor<1x9x128x128xi1>) {
    ^bb0(%in: f32, %out: i1):
      %43 = arith.extf %in : f32 to f64
      %44 = arith.cmpf oeq, %43, %cst_2 : f64
      linalg.yield %44 : i1
    } -> tensor<1x9x128x128xi1>
    %36 = tensor.empty() : tensor<1x9x128x1xi1>
    %37 = linalg.fill ins(%true : i1) outs(%36 : tensor<1x9x128x1xi1>) -> tensor<1x9x128x1xi1>
    %38 = linalg.generic {indexing_maps = [#map, #map5], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%35 : tensor<1x9x128x128xi1>) outs(%37 : tensor<1x9x128x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %43 = arith.andi %in, %out : i1
      linalg.yield %43 : i1
    } -> tensor<1x9x128x1xi1>
    %39 = linalg.generic {indexing_maps = [#map5, #map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%38, %cst_1, %33 : tensor<1x9x128x1xi1>, tensor<1x9x128x128xf32>, tensor<1x9x128x128xf32>) outs(%21 : tensor<1x9x128x128xf32>) {
    ^bb0(%in: i1, %in_14: f32, %in_15: f32, %out: f32):
      %43 = arith.select %in, %in_14, %in_15 : f32
      linalg.yield %43 : f32
    } -> tensor<1x9x128x128xf32>
    %collapsed_11 = tensor.collapse_shape %39 [[0, 1], [2], [3]] : tensor<1x9x128x128xf32> into tensor<9x128x128xf32>
    %collapsed_12 = tensor.collapse_shape %15 [[0, 1, 2], [3], [4]] : tensor<1x3x3x128x64xf32> into tensor<9x128x64xf32>
    %40 = tensor.empty() : tensor<9x128x64xf32>
    %41 = linalg.fill ins(%cst : f32) outs(%40 : tensor<9x128x64xf32>) -> tensor<9x128x64xf32>
    %42 = linalg.batch_matmul ins(%collapsed_11, %collapsed_12 : tensor<9x128x128xf32>, tensor<9x128x64xf32>) outs(%41 : tensor<9x128x64xf32>) -> tensor<9x128x64xf32>
    %expanded_13 = tensor.expand_shape %42 [[0, 1], [2], [3]] output_shape [1, 9, 128, 64] : tensor<9x128x64xf32> into tensor<1x9x128x64xf32>
    return %expanded_13, %11, %arg2 : tensor<1x9x128x64xf32>, tensor<1x3x128x64xf32>, tensor<1x3x128x64xf32>
  }
}
