// .venv/bin/python -m dashkv.torch.export llama3-decode-dynamic-f32-kept
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map3 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
module {
  func.func @decode(%arg0: tensor<1x32x1x128xf32>, %arg1: tensor<1x8x1x128xf32>, %arg2: tensor<1x8x1x128xf32>, %arg3: tensor<1x1x1x128xf32>, %arg4: tensor<1x1x1x128xf32>, %arg5: tensor<1x8x?x128xf32>, %arg6: tensor<1x8x?x128xf32>) -> (tensor<1x32x1x128xf32>, tensor<1x8x?x128xf32>, tensor<1x8x?x128xf32>) {
    %cst = arith.constant 0.000000e+00 : f32
    %c-1_i64 = arith.constant -1 : i64
    %c0_i64 = arith.constant 0 : i64
    %c2 = arith.constant 2 : index
    %0 = tensor.empty() : tensor<1x32x1x128xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg0, %arg3 : tensor<1x32x1x128xf32>, tensor<1x1x1x128xf32>) outs(%0 : tensor<1x32x1x128xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %29 = arith.mulf %in, %in_10 : f32
      linalg.yield %29 : f32
    } -> tensor<1x32x1x128xf32>
    %extracted_slice = tensor.extract_slice %arg0[0, 0, 0, 64] [1, 32, 1, 64] [1, 1, 1, 1] : tensor<1x32x1x128xf32> to tensor<1x32x1x64xf32>
    %2 = tensor.empty() : tensor<1x32x1x64xf32>
    %3 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice : tensor<1x32x1x64xf32>) outs(%2 : tensor<1x32x1x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %29 = arith.negf %in : f32
      linalg.yield %29 : f32
    } -> tensor<1x32x1x64xf32>
    %extracted_slice_0 = tensor.extract_slice %arg0[0, 0, 0, 0] [1, 32, 1, 64] [1, 1, 1, 1] : tensor<1x32x1x128xf32> to tensor<1x32x1x64xf32>
    %concat = tensor.concat dim(3) %3, %extracted_slice_0 : (tensor<1x32x1x64xf32>, tensor<1x32x1x64xf32>) -> tensor<1x32x1x128xf32>
    %4 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %arg4 : tensor<1x32x1x128xf32>, tensor<1x1x1x128xf32>) outs(%0 : tensor<1x32x1x128xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %29 = arith.mulf %in, %in_10 : f32
      linalg.yield %29 : f32
    } -> tensor<1x32x1x128xf32>
    %5 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%1, %4 : tensor<1x32x1x128xf32>, tensor<1x32x1x128xf32>) outs(%0 : tensor<1x32x1x128xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %29 = arith.addf %in, %in_10 : f32
      linalg.yield %29 : f32
    } -> tensor<1x32x1x128xf32>
    %6 = tensor.empty() : tensor<1x8x1x128xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg1, %arg3 : tensor<1x8x1x128xf32>, tensor<1x1x1x128xf32>) outs(%6 : tensor<1x8x1x128xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %29 = arith.mulf %in, %in_10 : f32
      linalg.yield %29 : f32
    } -> tensor<1x8x1x128xf32>
    %extracted_slice_1 = tensor.extract_slice %arg1[0, 0, 0, 64] [1, 8, 1, 64] [1, 1, 1, 1] : tensor<1x8x1x128xf32> to tensor<1x8x1x64xf32>
    %8 = tensor.empty() : tensor<1x8x1x64xf32>
    %9 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_1 : tensor<1x8x1x64xf32>) outs(%8 : tensor<1x8x1x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %29 = arith.negf %in : f32
      linalg.yield %29 : f32
    } -> tensor<1x8x1x64xf32>
    %extracted_slice_2 = tensor.extract_slice %arg1[0, 0, 0, 0] [1, 8, 1, 64] [1, 1, 1, 1] : tensor<1x8x1x128xf32> to tensor<1x8x1x64xf32>
    %concat_3 = tensor.concat dim(3) %9, %extracted_slice_2 : (tensor<1x8x1x64xf32>, tensor<1x8x1x64xf32>) -> tensor<1x8x1x128xf32>
    %10 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_3, %arg4 : tensor<1x8x1x128xf32>, tensor<1x1x1x128xf32>) outs(%6 : tensor<1x8x1x128xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %29 = arith.mulf %in, %in_10 : f32
      linalg.yield %29 : f32
    } -> tensor<1x8x1x128xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%7, %10 : tensor<1x8x1x128xf32>, tensor<1x8x1x128xf32>) outs(%6 : tensor<1x8x1x128xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %29 = arith.addf %in, %in_10 : f32
      linalg.yield %29 : f32
    } -> tensor<1x8x1x128xf32>
    %dim = tensor.dim %arg5, %c2 : tensor<1x8x?x128xf32>
    %12 = arith.index_cast %dim : index to i64
    %13 = arith.addi %12, %c-1_i64 : i64
    %14 = arith.maxsi %13, %c0_i64 : i64
    %15 = arith.minsi %14, %12 : i64
    %16 = arith.index_cast %15 : i64 to index
    %inserted_slice = tensor.insert_slice %11 into %arg5[0, 0, %16, 0] [1, 8, 1, 128] [1, 1, 1, 1] : tensor<1x8x1x128xf32> into tensor<1x8x?x128xf32>
    %dim_4 = tensor.dim %arg6, %c2 : tensor<1x8x?x128xf32>
    %17 = arith.index_cast %dim_4 : index to i64
    %18 = arith.addi %17, %c-1_i64 : i64
    %19 = arith.maxsi %18, %c0_i64 : i64
    %20 = arith.minsi %19, %17 : i64
    %21 = arith.index_cast %20 : i64 to index
    %inserted_slice_5 = tensor.insert_slice %arg2 into %arg6[0, 0, %21, 0] [1, 8, 1, 128] [1, 1, 1, 1] : tensor<1x8x1x128xf32> into tensor<1x8x?x128xf32>
    %22 = tensor.empty(%dim) : tensor<1x8x4x?x128xf32>
    %23 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%inserted_slice : tensor<1x8x?x128xf32>) outs(%22 : tensor<1x8x4x?x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x8x4x?x128xf32>
    %collapsed = tensor.collapse_shape %23 [[0], [1, 2], [3], [4]] : tensor<1x8x4x?x128xf32> into tensor<1x32x?x128xf32>
    %24 = tensor.empty(%dim_4) : tensor<1x8x4x?x128xf32>
    %25 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%inserted_slice_5 : tensor<1x8x?x128xf32>) outs(%24 : tensor<1x8x4x?x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x8x4x?x128xf32>
    %collapsed_6 = tensor.collapse_shape %25 [[0], [1, 2], [3], [4]] : tensor<1x8x4x?x128xf32> into tensor<1x32x?x128xf32>
    %collapsed_7 = tensor.collapse_shape %5 [[0, 1], [2], [3]] : tensor<1x32x1x128xf32> into tensor<32x1x128xf32>
    %collapsed_8 = tensor.collapse_shape %collapsed [[0, 1], [2], [3]] : tensor<1x32x?x128xf32> into tensor<32x?x128xf32>
    %collapsed_9 = tensor.collapse_shape %collapsed_6 [[0, 1], [2], [3]] : tensor<1x32x?x128xf32> into tensor<32x?x128xf32>
    %26 = tensor.empty() : tensor<32x1x128xf32>
    %27 = linalg.fill ins(%cst : f32) outs(%26 : tensor<32x1x128xf32>) -> tensor<32x1x128xf32>
    %28 = tm_tensor.attention ins(%collapsed_7, %collapsed_8, %collapsed_9 : tensor<32x1x128xf32>, tensor<32x?x128xf32>, tensor<32x?x128xf32>) outs(%27 : tensor<32x1x128xf32>) -> tensor<32x1x128xf32>
    %expanded = tensor.expand_shape %28 [[0, 1], [2], [3]] output_shape [1, 32, 1, 128] : tensor<32x1x128xf32> into tensor<1x32x1x128xf32>
    return %expanded, %inserted_slice, %inserted_slice_5 : tensor<1x32x1x128xf32>, tensor<1x8x?x128xf32>, tensor<1x8x?x128xf32>
  }
}
