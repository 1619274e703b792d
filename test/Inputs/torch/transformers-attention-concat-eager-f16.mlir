// .venv/bin/python -m dashkv.torch.export transformers-attention-concat-eager-f16
#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map3 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map4 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map5 = affine_map<(d0, d1, d2) -> (d0, d1, d2)>
#map6 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map7 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
module {
  func.func @step(%arg0: tensor<1x1x576xf16>, %arg1: tensor<1x1x64xf16>, %arg2: tensor<1x1x64xf16>, %arg3: tensor<1x3x128x64xf16>, %arg4: tensor<1x3x128x64xf16>, %arg5: tensor<576x576xf16>, %arg6: tensor<192x576xf16>, %arg7: tensor<192x576xf16>, %arg8: tensor<576x576xf16>) -> (tensor<1x1x576xf16>, tensor<1x3x129x64xf16>, tensor<1x3x129x64xf16>) {
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %cst_1 = arith.constant 1.250000e-01 : f16
    %0 = tensor.empty() : tensor<576x576xf16>
    %transposed = linalg.transpose ins(%arg5 : tensor<576x576xf16>) outs(%0 : tensor<576x576xf16>) permutation = [1, 0] 
    %collapsed = tensor.collapse_shape %arg0 [[0], [1, 2]] : tensor<1x1x576xf16> into tensor<1x576xf16>
    %1 = tensor.empty() : tensor<1x576xf32>
    %2 = linalg.fill ins(%cst : f32) outs(%1 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %3 = linalg.matmul ins(%collapsed, %transposed : tensor<1x576xf16>, tensor<576x576xf16>) outs(%2 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %4 = tensor.empty() : tensor<1x576xf16>
    %5 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%3 : tensor<1x576xf32>) outs(%4 : tensor<1x576xf16>) {
    ^bb0(%in: f32, %out: f16):
      %59 = arith.truncf %in : f32 to f16
      linalg.yield %59 : f16
    } -> tensor<1x576xf16>
    %expanded = tensor.expand_shape %5 [[0], [1, 2, 3]] output_shape [1, 1, 9, 64] : tensor<1x576xf16> into tensor<1x1x9x64xf16>
    %6 = tensor.empty() : tensor<1x9x1x64xf16>
    %transposed_2 = linalg.transpose ins(%expanded : tensor<1x1x9x64xf16>) outs(%6 : tensor<1x9x1x64xf16>) permutation = [0, 2, 1, 3] 
    %7 = tensor.empty() : tensor<576x192xf16>
    %transposed_3 = linalg.transpose ins(%arg6 : tensor<192x576xf16>) outs(%7 : tensor<576x192xf16>) permutation = [1, 0] 
    %8 = tensor.empty() : tensor<1x192xf32>
    %9 = linalg.fill ins(%cst : f32) outs(%8 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %10 = linalg.matmul ins(%collapsed, %transposed_3 : tensor<1x576xf16>, tensor<576x192xf16>) outs(%9 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %11 = tensor.empty() : tensor<1x192xf16>
    %12 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%10 : tensor<1x192xf32>) outs(%11 : tensor<1x192xf16>) {
    ^bb0(%in: f32, %out: f16):
      %59 = arith.truncf %in : f32 to f16
      linalg.yield %59 : f16
    } -> tensor<1x192xf16>
    %expanded_4 = tensor.expand_shape %12 [[0], [1, 2, 3]] output_shape [1, 1, 3, 64] : tensor<1x192xf16> into tensor<1x1x3x64xf16>
    %13 = tensor.empty() : tensor<1x3x1x64xf16>
    %transposed_5 = linalg.transpose ins(%expanded_4 : tensor<1x1x3x64xf16>) outs(%13 : tensor<1x3x1x64xf16>) permutation = [0, 2, 1, 3] 
    %transposed_6 = linalg.transpose ins(%arg7 : tensor<192x576xf16>) outs(%7 : tensor<576x192xf16>) permutation = [1, 0] 
    %14 = linalg.matmul ins(%collapsed, %transposed_6 : tensor<1x576xf16>, tensor<576x192xf16>) outs(%9 : tensor<1x192xf32>) -> tensor<1x192xf32>
    %15 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%14 : tensor<1x192xf32>) outs(%11 : tensor<1x192xf16>) {
    ^bb0(%in: f32, %out: f16):
      %59 = arith.truncf %in : f32 to f16
      linalg.yield %59 : f16
    } -> tensor<1x192xf16>
    %expanded_7 = tensor.expand_shape %15 [[0], [1, 2, 3]] output_shape [1, 1, 3, 64] : tensor<1x192xf16> into tensor<1x1x3x64xf16>
    %transposed_8 = linalg.transpose ins(%expanded_7 : tensor<1x1x3x64xf16>) outs(%13 : tensor<1x3x1x64xf16>) permutation = [0, 2, 1, 3] 
    %expanded_9 = tensor.expand_shape %arg1 [[0], [1, 2], [3]] output_shape [1, 1, 1, 64] : tensor<1x1x64xf16> into tensor<1x1x1x64xf16>
    %expanded_10 = tensor.expand_shape %arg2 [[0], [1, 2], [3]] output_shape [1, 1, 1, 64] : tensor<1x1x64xf16> into tensor<1x1x1x64xf16>
    %16 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_2, %expanded_9 : tensor<1x9x1x64xf16>, tensor<1x1x1x64xf16>) outs(%6 : tensor<1x9x1x64xf16>) {
    ^bb0(%in: f16, %in_30: f16, %out: f16):
      %59 = arith.mulf %in, %in_30 : f16
      linalg.yield %59 : f16
    } -> tensor<1x9x1x64xf16>
    %extracted_slice = tensor.extract_slice %transposed_2[0, 0, 0, 0] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf16> to tensor<1x9x1x32xf16>
    %extracted_slice_11 = tensor.extract_slice %transposed_2[0, 0, 0, 32] [1, 9, 1, 32] [1, 1, 1, 1] : tensor<1x9x1x64xf16> to tensor<1x9x1x32xf16>
    %17 = tensor.empty() : tensor<1x9x1x32xf16>
    %18 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_11 : tensor<1x9x1x32xf16>) outs(%17 : tensor<1x9x1x32xf16>) {
    ^bb0(%in: f16, %out: f16):
      %59 = arith.negf %in : f16
      linalg.yield %59 : f16
    } -> tensor<1x9x1x32xf16>
    %concat = tensor.concat dim(3) %18, %extracted_slice : (tensor<1x9x1x32xf16>, tensor<1x9x1x32xf16>) -> tensor<1x9x1x64xf16>
    %19 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %expanded_10 : tensor<1x9x1x64xf16>, tensor<1x1x1x64xf16>) outs(%6 : tensor<1x9x1x64xf16>) {
    ^bb0(%in: f16, %in_30: f16, %out: f16):
      %59 = arith.mulf %in, %in_30 : f16
      linalg.yield %59 : f16
    } -> tensor<1x9x1x64xf16>
    %20 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%16, %19 : tensor<1x9x1x64xf16>, tensor<1x9x1x64xf16>) outs(%6 : tensor<1x9x1x64xf16>) {
    ^bb0(%in: f16, %in_30: f16, %out: f16):
      %59 = arith.addf %in, %in_30 : f16
      linalg.yield %59 : f16
    } -> tensor<1x9x1x64xf16>
    %21 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_5, %expanded_9 : tensor<1x3x1x64xf16>, tensor<1x1x1x64xf16>) outs(%13 : tensor<1x3x1x64xf16>) {
    ^bb0(%in: f16, %in_30: f16, %out: f16):
      %59 = arith.mulf %in, %in_30 : f16
      linalg.yield %59 : f16
    } -> tensor<1x3x1x64xf16>
    %extracted_slice_12 = tensor.extract_slice %transposed_5[0, 0, 0, 0] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf16> to tensor<1x3x1x32xf16>
    %extracted_slice_13 = tensor.extract_slice %transposed_5[0, 0, 0, 32] [1, 3, 1, 32] [1, 1, 1, 1] : tensor<1x3x1x64xf16> to tensor<1x3x1x32xf16>
    %22 = tensor.empty() : tensor<1x3x1x32xf16>
    %23 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_13 : tensor<1x3x1x32xf16>) outs(%22 : tensor<1x3x1x32xf16>) {
    ^bb0(%in: f16, %out: f16):
      %59 = arith.negf %in : f16
      linalg.yield %59 : f16
    } -> tensor<1x3x1x32xf16>
    %concat_14 = tensor.concat dim(3) %23, %extracted_slice_12 : (tensor<1x3x1x32xf16>, tensor<1x3x1x32xf16>) -> tensor<1x3x1x64xf16>
    %24 = linalg.generic {indexing_maps = [#map1, #map2, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_14, %expanded_10 : tensor<1x3x1x64xf16>, tensor<1x1x1x64xf16>) outs(%13 : tensor<1x3x1x64xf16>) {
    ^bb0(%in: f16, %in_30: f16, %out: f16):
      %59 = arith.mulf %in, %in_30 : f16
      linalg.yield %59 : f16
    } -> tensor<1x3x1x64xf16>
    %25 = linalg.generic {indexing_maps = [#map1, #map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%21, %24 : tensor<1x3x1x64xf16>, tensor<1x3x1x64xf16>) outs(%13 : tensor<1x3x1x64xf16>) {
    ^bb0(%in: f16, %in_30: f16, %out: f16):
      %59 = arith.addf %in, %in_30 : f16
      linalg.yield %59 : f16
    } -> tensor<1x3x1x64xf16>
    %concat_15 = tensor.concat dim(2) %arg3, %25 : (tensor<1x3x128x64xf16>, tensor<1x3x1x64xf16>) -> tensor<1x3x129x64xf16>
    %concat_16 = tensor.concat dim(2) %arg4, %transposed_8 : (tensor<1x3x128x64xf16>, tensor<1x3x1x64xf16>) -> tensor<1x3x129x64xf16>
    %26 = tensor.empty() : tensor<1x3x3x129x64xf16>
    %27 = linalg.generic {indexing_maps = [#map3, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%concat_15 : tensor<1x3x129x64xf16>) outs(%26 : tensor<1x3x3x129x64xf16>) {
    ^bb0(%in: f16, %out: f16):
      linalg.yield %in : f16
    } -> tensor<1x3x3x129x64xf16>
    %collapsed_17 = tensor.collapse_shape %27 [[0], [1, 2], [3], [4]] : tensor<1x3x3x129x64xf16> into tensor<1x9x129x64xf16>
    %28 = linalg.generic {indexing_maps = [#map3, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%concat_16 : tensor<1x3x129x64xf16>) outs(%26 : tensor<1x3x3x129x64xf16>) {
    ^bb0(%in: f16, %out: f16):
      linalg.yield %in : f16
    } -> tensor<1x3x3x129x64xf16>
    %29 = tensor.empty() : tensor<1x9x64x129xf16>
    %transposed_18 = linalg.transpose ins(%collapsed_17 : tensor<1x9x129x64xf16>) outs(%29 : tensor<1x9x64x129xf16>) permutation = [0, 1, 3, 2] 
    %collapsed_19 = tensor.collapse_shape %20 [[0, 1], [2], [3]] : tensor<1x9x1x64xf16> into tensor<9x1x64xf16>
    %collapsed_20 = tensor.collapse_shape %transposed_18 [[0, 1], [2], [3]] : tensor<1x9x64x129xf16> into tensor<9x64x129xf16>
    %30 = tensor.empty() : tensor<9x1x129xf32>
    %31 = linalg.fill ins(%cst : f32) outs(%30 : tensor<9x1x129xf32>) -> tensor<9x1x129xf32>
    %32 = linalg.batch_matmul ins(%collapsed_19, %collapsed_20 : tensor<9x1x64xf16>, tensor<9x64x129xf16>) outs(%31 : tensor<9x1x129xf32>) -> tensor<9x1x129xf32>
    %33 = tensor.empty() : tensor<9x1x129xf16>
    %34 = linalg.generic {indexing_maps = [#map5, #map5], iterator_types = ["parallel", "parallel", "parallel"]} ins(%32 : tensor<9x1x129xf32>) outs(%33 : tensor<9x1x129xf16>) {
    ^bb0(%in: f32, %out: f16):
      %59 = arith.truncf %in : f32 to f16
      linalg.yield %59 : f16
    } -> tensor<9x1x129xf16>
    %expanded_21 = tensor.expand_shape %34 [[0, 1], [2], [3]] output_shape [1, 9, 1, 129] : tensor<9x1x129xf16> into tensor<1x9x1x129xf16>
    %35 = tensor.empty() : tensor<1x9x1x129xf16>
    %36 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_21 : tensor<1x9x1x129xf16>) outs(%35 : tensor<1x9x1x129xf16>) {
    ^bb0(%in: f16, %out: f16):
      %59 = arith.mulf %in, %cst_1 : f16
      linalg.yield %59 : f16
    } -> tensor<1x9x1x129xf16>
    %37 = tensor.empty() : tensor<1x9x1x129xf32>
    %38 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%36 : tensor<1x9x1x129xf16>) outs(%37 : tensor<1x9x1x129xf32>) {
    ^bb0(%in: f16, %out: f32):
      %59 = arith.extf %in : f16 to f32
      linalg.yield %59 : f32
    } -> tensor<1x9x1x129xf32>
    %39 = tensor.empty() : tensor<1x9x1xi64>
    %40 = linalg.fill ins(%c0_i64 : i64) outs(%39 : tensor<1x9x1xi64>) -> tensor<1x9x1xi64>
    %41 = tensor.empty() : tensor<1x9x1xf32>
    %42 = linalg.fill ins(%cst_0 : f32) outs(%41 : tensor<1x9x1xf32>) -> tensor<1x9x1xf32>
    %43:2 = linalg.generic {indexing_maps = [#map1, #map6, #map6], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%38 : tensor<1x9x1x129xf32>) outs(%42, %40 : tensor<1x9x1xf32>, tensor<1x9x1xi64>) {
    ^bb0(%in: f32, %out: f32, %out_30: i64):
      %59 = linalg.index 3 : index
      %60 = arith.index_cast %59 : index to i64
      %61 = arith.maximumf %in, %out : f32
      %62 = arith.cmpf ogt, %in, %out : f32
      %63 = arith.select %62, %60, %out_30 : i64
      linalg.yield %61, %63 : f32, i64
    } -> (tensor<1x9x1xf32>, tensor<1x9x1xi64>)
    %expanded_22 = tensor.expand_shape %43#0 [[0], [1], [2, 3]] output_shape [1, 9, 1, 1] : tensor<1x9x1xf32> into tensor<1x9x1x1xf32>
    %44 = linalg.generic {indexing_maps = [#map1, #map7, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%38, %expanded_22 : tensor<1x9x1x129xf32>, tensor<1x9x1x1xf32>) outs(%37 : tensor<1x9x1x129xf32>) {
    ^bb0(%in: f32, %in_30: f32, %out: f32):
      %59 = arith.subf %in, %in_30 : f32
      linalg.yield %59 : f32
    } -> tensor<1x9x1x129xf32>
    %45 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%44 : tensor<1x9x1x129xf32>) outs(%37 : tensor<1x9x1x129xf32>) {
    ^bb0(%in: f32, %out: f32):
      %59 = math.exp %in : f32
      linalg.yield %59 : f32
    } -> tensor<1x9x1x129xf32>
    %46 = tensor.empty() : tensor<1x9x1x1xf32>
    %47 = linalg.fill ins(%cst : f32) outs(%46 : tensor<1x9x1x1xf32>) -> tensor<1x9x1x1xf32>
    %48 = linalg.generic {indexing_maps = [#map1, #map7], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%45 : tensor<1x9x1x129xf32>) outs(%47 : tensor<1x9x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %59 = arith.addf %in, %out : f32
      linalg.yield %59 : f32
    } -> tensor<1x9x1x1xf32>
    %49 = linalg.generic {indexing_maps = [#map1, #map7, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%45, %48 : tensor<1x9x1x129xf32>, tensor<1x9x1x1xf32>) outs(%37 : tensor<1x9x1x129xf32>) {
    ^bb0(%in: f32, %in_30: f32, %out: f32):
      %59 = arith.divf %in, %in_30 : f32
      linalg.yield %59 : f32
    } -> tensor<1x9x1x129xf32>
    %50 = linalg.generic {indexing_maps = [#map1, #map1], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%49 : tensor<1x9x1x129xf32>) outs(%35 : tensor<1x9x1x129xf16>) {
    ^bb0(%in: f32, %out: f16):
      %59 = arith.truncf %in : f32 to f16
      linalg.yield %59 : f16
    } -> tensor<1x9x1x129xf16>
    %collapsed_23 = tensor.collapse_shape %50 [[0, 1], [2], [3]] : tensor<1x9x1x129xf16> into tensor<9x1x129xf16>
    %collapsed_24 = tensor.collapse_shape %28 [[0, 1, 2], [3], [4]] : tensor<1x3x3x129x64xf16> into tensor<9x129x64xf16>
    %51 = tensor.empty() : tensor<9x1x64xf32>
    %52 = linalg.fill ins(%cst : f32) outs(%51 : tensor<9x1x64xf32>) -> tensor<9x1x64xf32>
    %53 = linalg.batch_matmul ins(%collapsed_23, %collapsed_24 : tensor<9x1x129xf16>, tensor<9x129x64xf16>) outs(%52 : tensor<9x1x64xf32>) -> tensor<9x1x64xf32>
    %54 = tensor.empty() : tensor<9x1x64xf16>
    %55 = linalg.generic {indexing_maps = [#map5, #map5], iterator_types = ["parallel", "parallel", "parallel"]} ins(%53 : tensor<9x1x64xf32>) outs(%54 : tensor<9x1x64xf16>) {
    ^bb0(%in: f32, %out: f16):
      %59 = arith.truncf %in : f32 to f16
      linalg.yield %59 : f16
    } -> tensor<9x1x64xf16>
    %expanded_25 = tensor.expand_shape %55 [[0, 1], [2], [3]] output_shape [1, 9, 1, 64] : tensor<9x1x64xf16> into tensor<1x9x1x64xf16>
    %56 = tensor.empty() : tensor<1x1x9x64xf16>
    %transposed_26 = linalg.transpose ins(%expanded_25 : tensor<1x9x1x64xf16>) outs(%56 : tensor<1x1x9x64xf16>) permutation = [0, 2, 1, 3] 
    %transposed_27 = linalg.transpose ins(%arg8 : tensor<576x576xf16>) outs(%0 : tensor<576x576xf16>) permutation = [1, 0] 
    %collapsed_28 = tensor.collapse_shape %transposed_26 [[0], [1, 2, 3]] : tensor<1x1x9x64xf16> into tensor<1x576xf16>
    %57 = linalg.matmul ins(%collapsed_28, %transposed_27 : tensor<1x576xf16>, tensor<576x576xf16>) outs(%2 : tensor<1x576xf32>) -> tensor<1x576xf32>
    %58 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%57 : tensor<1x576xf32>) outs(%4 : tensor<1x576xf16>) {
    ^bb0(%in: f32, %out: f16):
      %59 = arith.truncf %in : f32 to f16
      linalg.yield %59 : f16
    } -> tensor<1x576xf16>
    %expanded_29 = tensor.expand_shape %58 [[0], [1, 2]] output_shape [1, 1, 576] : tensor<1x576xf16> into tensor<1x1x576xf16>
    return %expanded_29, %concat_15, %concat_16 : tensor<1x1x576xf16>, tensor<1x3x129x64xf16>, tensor<1x3x129x64xf16>
  }
}
