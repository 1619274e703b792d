// .venv/bin/python -m dashkv.torch.export llama3-prefill-f32-kept
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map3 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
module {
  func.func @prefill(%arg0: tensor<1x32x128x128xf32>, %arg1: tensor<1x8x128x128xf32>, %arg2: tensor<1x8x128x128xf32>, %arg3: tensor<1x1x128x128xf32>, %arg4: tensor<1x1x128x128xf32>) -> (tensor<1x32x128x128xf32>, tensor<1x8x128x128xf32>, tensor<1x8x128x128xf32>) {
    %cst = arith.constant 0xFF800000 : f32
    %cst_0 = arith.constant 0.000000e+00 : f32
    %0 = tensor.empty() : tensor<1x32x128x128xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg0, %arg3 : tensor<1x32x128x128xf32>, tensor<1x1x128x128xf32>) outs(%0 : tensor<1x32x128x128xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %20 = arith.mulf %in, %in_10 : f32
      linalg.yield %20 : f32
    } -> tensor<1x32x128x128xf32>
    %extracted_slice = tensor.extract_slice %arg0[0, 0, 0, 64] [1, 32, 128, 64] [1, 1, 1, 1] : tensor<1x32x128x128xf32> to tensor<1x32x128x64xf32>
    %2 = tensor.empty() : tensor<1x32x128x64xf32>
    %3 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice : tensor<1x32x128x64xf32>) outs(%2 : tensor<1x32x128x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %20 = arith.negf %in : f32
      linalg.yield %20 : f32
    } -> tensor<1x32x128x64xf32>
    %extracted_slice_1 = tensor.extract_slice %arg0[0, 0, 0, 0] [1, 32, 128, 64] [1, 1, 1, 1] : tensor<1x32x128x128xf32> to tensor<1x32x128x64xf32>
    %concat = tensor.concat dim(3) %3, %extracted_slice_1 : (tensor<1x32x128x64xf32>, tensor<1x32x128x64xf32>) -> tensor<1x32x128x128xf32>
    %4 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %arg4 : tensor<1x32x128x128xf32>, tensor<1x1x128x128xf32>) outs(%0 : tensor<1x32x128x128xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %20 = arith.mulf %in, %in_10 : f32
      linalg.yield %20 : f32
    } -> tensor<1x32x128x128xf32>
    %5 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%1, %4 : tensor<1x32x128x128xf32>, tensor<1x32x128x128xf32>) outs(%0 : tensor<1x32x128x128xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %20 = arith.addf %in, %in_10 : f32
      linalg.yield %20 : f32
    } -> tensor<1x32x128x128xf32>
    %6 = tensor.empty() : tensor<1x8x128x128xf32>
    %7 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg1, %arg3 : tensor<1x8x128x128xf32>, tensor<1x1x128x128xf32>) outs(%6 : tensor<1x8x128x128xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %20 = arith.mulf %in, %in_10 : f32
      linalg.yield %20 : f32
    } -> tensor<1x8x128x128xf32>
    %extracted_slice_2 = tensor.extract_slice %arg1[0, 0, 0, 64] [1, 8, 128, 64] [1, 1, 1, 1] : tensor<1x8x128x128xf32> to tensor<1x8x128x64xf32>
    %8 = tensor.empty() : tensor<1x8x128x64xf32>
    %9 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_2 : tensor<1x8x128x64xf32>) outs(%8 : tensor<1x8x128x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %20 = arith.negf %in : f32
      linalg.yield %20 : f32
    } -> tensor<1x8x128x64xf32>
    %extracted_slice_3 = tensor.extract_slice %arg1[0, 0, 0, 0] [1, 8, 128, 64] [1, 1, 1, 1] : tensor<1x8x128x128xf32> to tensor<1x8x128x64xf32>
    %concat_4 = tensor.concat dim(3) %9, %extracted_slice_3 : (tensor<1x8x128x64xf32>, tensor<1x8x128x64xf32>) -> tensor<1x8x128x128xf32>
    %10 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_4, %arg4 : tensor<1x8x128x128xf32>, tensor<1x1x128x128xf32>) outs(%6 : tensor<1x8x128x128xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %20 = arith.mulf %in, %in_10 : f32
      linalg.yield %20 : f32
    } -> tensor<1x8x128x128xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%7, %10 : tensor<1x8x128x128xf32>, tensor<1x8x128x128xf32>) outs(%6 : tensor<1x8x128x128xf32>) {
    ^bb0(%in: f32, %in_10: f32, %out: f32):
      %20 = arith.addf %in, %in_10 : f32
      linalg.yield %20 : f32
    } -> tensor<1x8x128x128xf32>
    %12 = linalg.fill ins(%cst_0 : f32) outs(%0 : tensor<1x32x128x128xf32>) -> tensor<1x32x128x128xf32>
    %13 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%12 : tensor<1x32x128x128xf32>) {
    ^bb0(%out: f32):
      %20 = linalg.index 2 : index
      %21 = linalg.index 3 : index
      %22 = arith.cmpi sge, %20, %21 : index
      %23 = arith.select %22, %cst_0, %cst : f32
      linalg.yield %23 : f32
    } -> tensor<1x32x128x128xf32>
    %14 = tensor.empty() : tensor<1x8x4x128x128xf32>
    %15 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%11 : tensor<1x8x128x128xf32>) outs(%14 : tensor<1x8x4x128x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x8x4x128x128xf32>
    %collapsed = tensor.collapse_shape %15 [[0], [1, 2], [3], [4]] : tensor<1x8x4x128x128xf32> into tensor<1x32x128x128xf32>
    %16 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%arg2 : tensor<1x8x128x128xf32>) outs(%14 : tensor<1x8x4x128x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x8x4x128x128xf32>
    %collapsed_5 = tensor.collapse_shape %16 [[0], [1, 2], [3], [4]] : tensor<1x8x4x128x128xf32> into tensor<1x32x128x128xf32>
    %collapsed_6 = tensor.collapse_shape %5 [[0, 1], [2], [3]] : tensor<1x32x128x128xf32> into tensor<32x128x128xf32>
    %collapsed_7 = tensor.collapse_shape %collapsed [[0, 1], [2], [3]] : tensor<1x32x128x128xf32> into tensor<32x128x128xf32>
    %collapsed_8 = tensor.collapse_shape %collapsed_5 [[0, 1], [2], [3]] : tensor<1x32x128x128xf32> into tensor<32x128x128xf32>
    %collapsed_9 = tensor.collapse_shape %13 [[0, 1], [2], [3]] : tensor<1x32x128x128xf32> into tensor<32x128x128xf32>
    %17 = tensor.empty() : tensor<32x128x128xf32>
    %18 = linalg.fill ins(%cst_0 : f32) outs(%17 : tensor<32x128x128xf32>) -> tensor<32x128x128xf32>
    %19 = tm_tensor.attention ins(%collapsed_6, %collapsed_7, %collapsed_8, %collapsed_9 : tensor<32x128x128xf32>, tensor<32x128x128xf32>, tensor<32x128x128xf32>, tensor<32x128x128xf32>) outs(%18 : tensor<32x128x128xf32>) -> tensor<32x128x128xf32>
    %expanded = tensor.expand_shape %19 [[0, 1], [2], [3]] output_shape [1, 32, 128, 128] : tensor<32x128x128xf32> into tensor<1x32x128x128xf32>
    return %expanded, %11, %arg2 : tensor<1x32x128x128xf32>, tensor<1x8x128x128xf32>, tensor<1x8x128x128xf32>
  }
}
