// .venv/bin/python -m dashkv.torch.export smollm2-decode-f32
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map3 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map5 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
module {
  func.func @decode(%arg0: tensor<1x9x1x64xf32>, %arg1: tensor<1x3x1x64xf32>, %arg2: tensor<1x3x1x64xf32>, %arg3: tensor<1x1x1x64xf32>, %arg4: tensor<1x1x1x64xf32>, %arg5: tensor<1x3x1024x64xf32>, %arg6: tensor<1x3x1024x64xf32>) -> (tensor<1x9x1x64xf32>, tensor<1x3x1024x64xf32>, tensor<1x3x1024x64xf32>) {
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %true = arith.constant true
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<1x9x1x1024xf32>
    %cst_2 = arith.constant 0xFFF0000000000000 : f64
    %cst_3 = arith.constant 0.35355339059327379 : f64
    %0 = tensor.empty() : tensor<1x9x1x64xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg0, %arg3 : tensor<1x9x1x64xf32>, tensor<1x1x1x64xf32>) outs(%0 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_15: f32, %out: f32):
      %42 = arith.mulf %in, %in_15 : f32
      linalg.yield %42 : f32
    } -> tensor<1x9x1x64xf32>
    %extracted_slice = tensor.extract_slice %arg0[0, 0, 0, 32] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf32> to tensor<1x9x1x32xf32>
    %2 = tensor.empty() : tensor<1x9x1x32xf32>
    %3 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice : tensor<1x9x1x32xf32>) outs(%2 : tensor<1x9x1x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %42 = arith.negf %in : f32
      linalg.yield %42 : f32
    } -> tensor<1x9x1x32xf32>
    %extracted_slice_4 = tensor.extract_slice %arg0[0, 0, 0, 0] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf32> to tensor<1x9x1x32xf32>
    %concat = tensor.concat dim(3) %3, %extracted_slice_4 : (tensor<1x9x1x32xf32>, tensor<1x9x1x32xf32>) -> tensor<1x9x1x64xf32>
    %4 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %arg4 : tensor<1x9x1x64xf32>, tensor<1x1x1x64xf32>) outs(%0 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_15: f32, %out: f32):
      %42 = arith.mulf %in, %in_15 : f32
      linalg.yield %42 : f32
    } -> tensor<1x9x1x64xf32>
    %5 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%1, %4 : tensor<1x9x1x64xf32>, tensor<1x9x1x64xf32>) outs(%0 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %in_15: f32, %out: f32):
      %42 = arith.addf %in, %in_15 : f32
      linalg.yield %42 : f32
    } -> tensor<1x9x1x64xf32>
    %6 = tensor.empty() : tensor<1x3x1x64xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg1, %arg3 : tensor<1x3x1x64xf32>, tensor<1x1x1x64xf32>) outs(%6 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_15: f32, %out: f32):
      %42 = arith.mulf %in, %in_15 : f32
      linalg.yield %42 : f32
    } -> tensor<1x3x1x64xf32>
    %extracted_slice_5 = tensor.extract_slice %arg1[0, 0, 0, 32] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf32> to tensor<1x3x1x32xf32>
    %8 = tensor.empty() : tensor<1x3x1x32xf32>
    %9 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_5 : tensor<1x3x1x32xf32>) outs(%8 : tensor<1x3x1x32xf32>) {
    ^bb0(%in: f32, %out: f32):
      %42 = arith.negf %in : f32
      linalg.yield %42 : f32
    } -> tensor<1x3x1x32xf32>
    %extracted_slice_6 = tensor.extract_slice %arg1[0, 0, 0, 0] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf32> to tensor<1x3x1x32xf32>
    %concat_7 = tensor.concat dim(3) %9, %extracted_slice_6 : (tensor<1x3x1x32xf32>, tensor<1x3x1x32xf32>) -> tensor<1x3x1x64xf32>
    %10 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_7, %arg4 : tensor<1x3x1x64xf32>, tensor<1x1x1x64xf32>) outs(%6 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_15: f32, %out: f32):
      %42 = arith.mulf %in, %in_15 : f32
      linalg.yield %42 : f32
    } -> tensor<1x3x1x64xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%7, %10 : tensor<1x3x1x64xf32>, tensor<1x3x1x64xf32>) outs(%6 : tensor<1x3x1x64xf32>) {
    ^bb0(%in: f32, %in_15: f32, %out: f32):
      %42 = arith.addf %in, %in_15 : f32
      linalg.yield %42 : f32
    } -> tensor<1x3x1x64xf32>
    %inserted_slice = tensor.insert_slice %11 into %arg5[0, 0, 1023, 0] [1, 3, 1, 64] [1, 1, 1, 1] : tensor<1x3x1x64xf32> into tensor<1x3x1024x64xf32>
    %inserted_slice_8 = tensor.insert_slice %arg2 into %arg6[0, 0, 1023, 0] [1, 3, 1, 64] [1, 1, 1, 1] : tensor<1x3x1x64xf32> into tensor<1x3x1024x64xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5 : tensor<1x9x1x64xf32>) outs(%0 : tensor<1x9x1x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %42 = arith.truncf %cst_3 : f64 to f32
      %43 = arith.mulf %in, %42 : f32
      linalg.yield %43 : f32
    } -> tensor<1x9x1x64xf32>
    %13 = tensor.empty() : tensor<1x3x3x1024x64xf32>
    %14 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%inserted_slice : tensor<1x3x1024x64xf32>) outs(%13 : tensor<1x3x3x1024x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x1024x64xf32>
    %collapsed = tensor.collapse_shape %14 [[0], [1, 2], [3], [4]] : tensor<1x3x3x1024x64xf32> into tensor<1x9x1024x64xf32>
    %15 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%inserted_slice_8 : tensor<1x3x1024x64xf32>) outs(%13 : tensor<1x3x3x1024x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x3x3x1024x64xf32>
    %16 = tensor.empty() : tensor<1x9x64x1024xf32>
    %transposed = linalg.transpose ins(%collapsed : tensor<1x9x1024x64xf32>) outs(%16 : tensor<1x9x64x1024xf32>) permutation = [0, 1, 3, 2] 
    %17 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed : tensor<1x9x64x1024xf32>) outs(%16 : tensor<1x9x64x1024xf32>) {
    ^bb0(%in: f32, %out: f32):
      %42 = arith.truncf %cst_3 : f64 to f32
      %43 = arith.mulf %in, %42 : f32
      linalg.yield %43 : f32
    } -> tensor<1x9x64x1024xf32>
    %collapsed_9 = tensor.collapse_shape %12 [[0, 1], [2], [3]] : tensor<1x9x1x64xf32> into tensor<9x1x64xf32>
    %collapsed_10 = tensor.collapse_shape %17 [[0, 1], [2], [3]] : tensor<1x9x64x1024xf32> into tensor<9x64x1024xf32>
    %18 = tensor.empty() : tensor<9x1x1024xf32>
    %19 = linalg.fill ins(%cst : f32) outs(%18 : tensor<9x1x1024xf32>) -> tensor<9x1x1024xf32>
    %20 = linalg.batch_matmul ins(%collapsed_9, %collapsed_10 : tensor<9x1x64xf32>, tensor<9x64x1024xf32>) outs(%19 : tensor<9x1x1024xf32>) -> tensor<9x1x1024xf32>
    %expanded = tensor.expand_shape %20 [[0, 1], [2], [3]] output_shape [1, 9, 1, 1024] : tensor<9x1x1024xf32> into tensor<1x9x1x1024xf32>
    %21 = tensor.empty() : tensor<1x9x1xi64>
    %22 = linalg.fill ins(%c0_i64 : i64) outs(%21 : tensor<1x9x1xi64>) -> tensor<1x9x1xi64>
    %23 = tensor.empty() : tensor<1x9x1xf32>
    %24 = linalg.fill ins(%cst_0 : f32) outs(%23 : tensor<1x9x1xf32>) -> tensor<1x9x1xf32>
    %25:2 = linalg.generic {indexing_maps = [#map, #map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%expanded : tensor<1x9x1x1024xf32>) outs(%24, %22 : tensor<1x9x1xf32>, tensor<1x9x1xi64>) {
    ^bb0(%in: f32, %out: f32, %out_15: i64):
      %42 = linalg.index 3 : index
      %43 = arith.index_cast %42 : index to i64
      %44 = arith.maximumf %in, %out : f32
      %45 = arith.cmpf ogt, %in, %out : f32
      %46 = arith.select %45, %43, %out_15 : i64
      linalg.yield %44, %46 : f32, i64
    } -> (tensor<1x9x1xf32>, tensor<1x9x1xi64>)
    %expanded_11 = tensor.expand_shape %25#0 [[0], [1], [2, 3]] output_shape [1, 9, 1, 1] : tensor<1x9x1xf32> into tensor<1x9x1x1xf32>
    %26 = tensor.empty() : tensor<1x9x1x1024xf32>
    %27 = linalg.generic {indexing_maps = [#map, #map5, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded, %expanded_11 : tensor<1x9x1x1024xf32>, tensor<1x9x1x1xf32>) outs(%26 : tensor<1x9x1x1024xf32>) {
    ^bb0(%in: f32, %in_15: f32, %out: f32):
      %42 = arith.subf %in, %in_15 : f32
      linalg.yield %42 : f32
    } -> tensor<1x9x1x1024xf32>
    %28 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%27 : tensor<1x9x1x1024xf32>) outs(%26 : tensor<1x9x1x1024xf32>) {
    ^bb0(%in: f32, %out: f32):
      %42 = math.exp %in : f32
      linalg.yield %42 : f32
    } -> tensor<1x9x1x1024xf32>
    %29 = tensor.empty() : tensor<1x9x1x1xf32>
    %30 = linalg.fill ins(%cst : f32) outs(%29 : tensor<1x9x1x1xf32>) -> tensor<1x9x1x1xf32>
    %31 = linalg.generic {indexing_maps = [#map, #map5], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%28 : tensor<1x9x1x1024xf32>) outs(%30 : tensor<1x9x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %42 = arith.addf %in, %out : f32
      linalg.yield %42 : f32
    } -> tensor<1x9x1x1xf32>
    %32 = linalg.generic {indexing_maps = [#map, #map5, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%28, %31 : tensor<1x9x1x1024xf32>, tensor<1x9x1x1xf32>) outs(%26 : tensor<1x9x1x1024xf32>) {
    ^bb0(%in: f32, %in_15: f32, %out: f32):
      %42 = arith.divf %in, %in_15 : f32
      linalg.yield %42 : f32
    } -> tensor<1x9x1x1024xf32>
    %33 = tensor.empty() : tensor<1x9x1x1024xi1>
    %34 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded : tensor<1x9x1x1024xf32>) outs(%33 : tensor<1x9x1x1024xi1>) {
    ^bb0(%in: f32, %out: i1):
      %42 = arith.extf %in : f32 to f64
      %43 = arith.cmpf oeq, %42, %cst_2 : f64
      linalg.yield %43 : i1
    } -> tensor<1x9x1x1024xi1>
    %35 = tensor.empty() : tensor<1x9x1x1xi1>
    %36 = linalg.fill ins(%true : i1) outs(%35 : tensor<1x9x1x1xi1>) -> tensor<1x9x1x1xi1>
    %37 = linalg.generic {indexing_maps = [#map, #map5], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%34 : tensor<1x9x1x1024xi1>) outs(%36 : tensor<1x9x1x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %42 = arith.andi %in, %out : i1
      linalg.yield %42 : i1
    } -> tensor<1x9x1x1xi1>
    %38 = linalg.generic {indexing_maps = [#map5, #map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%37, %cst_1, %32 : tensor<1x9x1x1xi1>, tensor<1x9x1x1024xf32>, tensor<1x9x1x1024xf32>) outs(%26 : tensor<1x9x1x1024xf32>) {
    ^bb0(%in: i1, %in_15: f32, %in_16: f32, %out: f32):
      %42 = arith.select %in, %in_15, %in_16 : f32
      linalg.yield %42 : f32
    } -> tensor<1x9x1x1024xf32>
    %collapsed_12 = tensor.collapse_shape %38 [[0, 1], [2], [3]] : tensor<1x9x1x1024xf32> into tensor<9x1x1024xf32>
    %collapsed_13 = tensor.collapse_shape %15 [[0, 1, 2], [3], [4]] : tensor<1x3x3x1024x64xf32> into tensor<9x1024x64xf32>
    %39 = tensor.empty() : tensor<9x1x64xf32>
    %40 = linalg.fill ins(%cst : f32) outs(%39 : tensor<9x1x64xf32>) -> tensor<9x1x64xf32>
    %41 = linalg.batch_matmul ins(%collapsed_12, %collapsed_13 : tensor<9x1x1024xf32>, tensor<9x1024x64xf32>) outs(%40 : tensor<9x1x64xf32>) -> tensor<9x1x64xf32>
    %expanded_14 = tensor.expand_shape %41 [[0, 1], [2], [3]] output_shape [1, 9, 1, 64] : tensor<9x1x64xf32> into tensor<1x9x1x64xf32>
    return %expanded_14, %inserted_slice, %inserted_slice_8 : tensor<1x9x1x64xf32>, tensor<1x3x1024x64xf32>, tensor<1x3x1024x64xf32>
  }
}
