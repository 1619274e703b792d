// .venv/bin/python -m dashkv.torch.export llama3-prefill-f16
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
  func.func @prefill(%arg0: tensor<1x32x128x128xf16>, %arg1: tensor<1x8x128x128xf16>, %arg2: tensor<1x8x128x128xf16>, %arg3: tensor<1x1x128x128xf16>, %arg4: tensor<1x1x128x128xf16>) -> (tensor<1x32x128x128xf16>, tensor<1x8x128x128xf16>, tensor<1x8x128x128xf16>) {
    %c0_i64 = arith.constant 0 : i64
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %true = arith.constant true
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<1x32x128x128xf32>
    %cst_2 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_3 = arith.constant dense<0xFF800000> : tensor<f32>
    %cst_4 = arith.constant dense<true> : tensor<128x128xi1>
    %cst_5 = arith.constant 0xFFF0000000000000 : f64
    %cst_6 = arith.constant 0.29730177875068026 : f64
    %0 = tensor.empty() : tensor<1x32x128x128xf16>
    %1 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg0, %arg3 : tensor<1x32x128x128xf16>, tensor<1x1x128x128xf16>) outs(%0 : tensor<1x32x128x128xf16>) {
    ^bb0(%in: f16, %in_19: f16, %out: f16):
      %54 = arith.mulf %in, %in_19 : f16
      linalg.yield %54 : f16
    } -> tensor<1x32x128x128xf16>
    %extracted_slice = tensor.extract_slice %arg0[0, 0, 0, 64] [1, 32, 128, 64] [1, 1, 1, 1] : tensor<1x32x128x128xf16> to tensor<1x32x128x64xf16>
    %2 = tensor.empty() : tensor<1x32x128x64xf16>
    %3 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice : tensor<1x32x128x64xf16>) outs(%2 : tensor<1x32x128x64xf16>) {
    ^bb0(%in: f16, %out: f16):
      %54 = arith.negf %in : f16
      linalg.yield %54 : f16
    } -> tensor<1x32x128x64xf16>
    %extracted_slice_7 = tensor.extract_slice %arg0[0, 0, 0, 0] [1, 32, 128, 64] [1, 1, 1, 1] : tensor<1x32x128x128xf16> to tensor<1x32x128x64xf16>
    %concat = tensor.concat dim(3) %3, %extracted_slice_7 : (tensor<1x32x128x64xf16>, tensor<1x32x128x64xf16>) -> tensor<1x32x128x128xf16>
    %4 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %arg4 : tensor<1x32x128x128xf16>, tensor<1x1x128x128xf16>) outs(%0 : tensor<1x32x128x128xf16>) {
    ^bb0(%in: f16, %in_19: f16, %out: f16):
      %54 = arith.mulf %in, %in_19 : f16
      linalg.yield %54 : f16
    } -> tensor<1x32x128x128xf16>
    %5 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%1, %4 : tensor<1x32x128x128xf16>, tensor<1x32x128x128xf16>) outs(%0 : tensor<1x32x128x128xf16>) {
    ^bb0(%in: f16, %in_19: f16, %out: f16):
      %54 = arith.addf %in, %in_19 : f16
      linalg.yield %54 : f16
    } -> tensor<1x32x128x128xf16>
    %6 = tensor.empty() : tensor<1x8x128x128xf16>
    %7 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg1, %arg3 : tensor<1x8x128x128xf16>, tensor<1x1x128x128xf16>) outs(%6 : tensor<1x8x128x128xf16>) {
    ^bb0(%in: f16, %in_19: f16, %out: f16):
      %54 = arith.mulf %in, %in_19 : f16
      linalg.yield %54 : f16
    } -> tensor<1x8x128x128xf16>
    %extracted_slice_8 = tensor.extract_slice %arg1[0, 0, 0, 64] [1, 8, 128, 64] [1, 1, 1, 1] : tensor<1x8x128x128xf16> to tensor<1x8x128x64xf16>
    %8 = tensor.empty() : tensor<1x8x128x64xf16>
    %9 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_8 : tensor<1x8x128x64xf16>) outs(%8 : tensor<1x8x128x64xf16>) {
    ^bb0(%in: f16, %out: f16):
      %54 = arith.negf %in : f16
      linalg.yield %54 : f16
    } -> tensor<1x8x128x64xf16>
    %extracted_slice_9 = tensor.extract_slice %arg1[0, 0, 0, 0] [1, 8, 128, 64] [1, 1, 1, 1] : tensor<1x8x128x128xf16> to tensor<1x8x128x64xf16>
    %concat_10 = tensor.concat dim(3) %9, %extracted_slice_9 : (tensor<1x8x128x64xf16>, tensor<1x8x128x64xf16>) -> tensor<1x8x128x128xf16>
    %10 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_10, %arg4 : tensor<1x8x128x128xf16>, tensor<1x1x128x128xf16>) outs(%6 : tensor<1x8x128x128xf16>) {
    ^bb0(%in: f16, %in_19: f16, %out: f16):
      %54 = arith.mulf %in, %in_19 : f16
      linalg.yield %54 : f16
    } -> tensor<1x8x128x128xf16>
    %11 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%7, %10 : tensor<1x8x128x128xf16>, tensor<1x8x128x128xf16>) outs(%6 : tensor<1x8x128x128xf16>) {
    ^bb0(%in: f16, %in_19: f16, %out: f16):
      %54 = arith.addf %in, %in_19 : f16
      linalg.yield %54 : f16
    } -> tensor<1x8x128x128xf16>
    %12 = tensor.empty() : tensor<1x32x128x128xf32>
    %13 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%5 : tensor<1x32x128x128xf16>) outs(%12 : tensor<1x32x128x128xf32>) {
    ^bb0(%in: f16, %out: f32):
      %54 = arith.extf %in : f16 to f32
      linalg.yield %54 : f32
    } -> tensor<1x32x128x128xf32>
    %14 = tensor.empty() : tensor<1x8x128x128xf32>
    %15 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%11 : tensor<1x8x128x128xf16>) outs(%14 : tensor<1x8x128x128xf32>) {
    ^bb0(%in: f16, %out: f32):
      %54 = arith.extf %in : f16 to f32
      linalg.yield %54 : f32
    } -> tensor<1x8x128x128xf32>
    %16 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg2 : tensor<1x8x128x128xf16>) outs(%14 : tensor<1x8x128x128xf32>) {
    ^bb0(%in: f16, %out: f32):
      %54 = arith.extf %in : f16 to f32
      linalg.yield %54 : f32
    } -> tensor<1x8x128x128xf32>
    %17 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%13 : tensor<1x32x128x128xf32>) outs(%12 : tensor<1x32x128x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %54 = arith.truncf %cst_6 : f64 to f32
      %55 = arith.mulf %in, %54 : f32
      linalg.yield %55 : f32
    } -> tensor<1x32x128x128xf32>
    %18 = tensor.empty() : tensor<128xi64>
    %19 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel"]} outs(%18 : tensor<128xi64>) {
    ^bb0(%out: i64):
      %54 = linalg.index 0 : index
      %55 = arith.index_cast %54 : index to i64
      linalg.yield %55 : i64
    } -> tensor<128xi64>
    %expanded = tensor.expand_shape %19 [[0, 1]] output_shape [1, 128] : tensor<128xi64> into tensor<1x128xi64>
    %expanded_11 = tensor.expand_shape %19 [[0, 1]] output_shape [128, 1] : tensor<128xi64> into tensor<128x1xi64>
    %20 = tensor.empty() : tensor<128x128xi64>
    %21 = linalg.generic {indexing_maps = [#map3, #map4, #map5], iterator_types = ["parallel", "parallel"]} ins(%expanded, %expanded_11 : tensor<1x128xi64>, tensor<128x1xi64>) outs(%20 : tensor<128x128xi64>) {
    ^bb0(%in: i64, %in_19: i64, %out: i64):
      %54 = arith.subi %in, %in_19 : i64
      linalg.yield %54 : i64
    } -> tensor<128x128xi64>
    %22 = tensor.empty() : tensor<128x128xi1>
    %23 = linalg.generic {indexing_maps = [#map5, #map5], iterator_types = ["parallel", "parallel"]} ins(%21 : tensor<128x128xi64>) outs(%22 : tensor<128x128xi1>) {
    ^bb0(%in: i64, %out: i1):
      %54 = arith.cmpi sle, %in, %c0_i64 : i64
      linalg.yield %54 : i1
    } -> tensor<128x128xi1>
    %24 = linalg.generic {indexing_maps = [#map5, #map5, #map5], iterator_types = ["parallel", "parallel"]} ins(%23, %cst_4 : tensor<128x128xi1>, tensor<128x128xi1>) outs(%22 : tensor<128x128xi1>) {
    ^bb0(%in: i1, %in_19: i1, %out: i1):
      %54 = arith.andi %in, %in_19 : i1
      linalg.yield %54 : i1
    } -> tensor<128x128xi1>
    %25 = tensor.empty() : tensor<128x128xf32>
    %26 = linalg.generic {indexing_maps = [#map5, #map6, #map6, #map5], iterator_types = ["parallel", "parallel"]} ins(%24, %cst_2, %cst_3 : tensor<128x128xi1>, tensor<f32>, tensor<f32>) outs(%25 : tensor<128x128xf32>) {
    ^bb0(%in: i1, %in_19: f32, %in_20: f32, %out: f32):
      %54 = arith.select %in, %in_19, %in_20 : f32
      linalg.yield %54 : f32
    } -> tensor<128x128xf32>
    %27 = tensor.empty() : tensor<1x8x4x128x128xf32>
    %28 = linalg.generic {indexing_maps = [#map7, #map8], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%15 : tensor<1x8x128x128xf32>) outs(%27 : tensor<1x8x4x128x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x8x4x128x128xf32>
    %collapsed = tensor.collapse_shape %28 [[0], [1, 2], [3], [4]] : tensor<1x8x4x128x128xf32> into tensor<1x32x128x128xf32>
    %29 = linalg.generic {indexing_maps = [#map7, #map8], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%16 : tensor<1x8x128x128xf32>) outs(%27 : tensor<1x8x4x128x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x8x4x128x128xf32>
    %transposed = linalg.transpose ins(%collapsed : tensor<1x32x128x128xf32>) outs(%12 : tensor<1x32x128x128xf32>) permutation = [0, 1, 3, 2] 
    %30 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed : tensor<1x32x128x128xf32>) outs(%12 : tensor<1x32x128x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %54 = arith.truncf %cst_6 : f64 to f32
      %55 = arith.mulf %in, %54 : f32
      linalg.yield %55 : f32
    } -> tensor<1x32x128x128xf32>
    %collapsed_12 = tensor.collapse_shape %17 [[0, 1], [2], [3]] : tensor<1x32x128x128xf32> into tensor<32x128x128xf32>
    %collapsed_13 = tensor.collapse_shape %30 [[0, 1], [2], [3]] : tensor<1x32x128x128xf32> into tensor<32x128x128xf32>
    %31 = tensor.empty() : tensor<32x128x128xf32>
    %32 = linalg.fill ins(%cst : f32) outs(%31 : tensor<32x128x128xf32>) -> tensor<32x128x128xf32>
    %33 = linalg.batch_matmul ins(%collapsed_12, %collapsed_13 : tensor<32x128x128xf32>, tensor<32x128x128xf32>) outs(%32 : tensor<32x128x128xf32>) -> tensor<32x128x128xf32>
    %expanded_14 = tensor.expand_shape %33 [[0, 1], [2], [3]] output_shape [1, 32, 128, 128] : tensor<32x128x128xf32> into tensor<1x32x128x128xf32>
    %34 = linalg.generic {indexing_maps = [#map, #map9, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_14, %26 : tensor<1x32x128x128xf32>, tensor<128x128xf32>) outs(%12 : tensor<1x32x128x128xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %54 = arith.addf %in, %in_19 : f32
      linalg.yield %54 : f32
    } -> tensor<1x32x128x128xf32>
    %35 = tensor.empty() : tensor<1x32x128xi64>
    %36 = linalg.fill ins(%c0_i64 : i64) outs(%35 : tensor<1x32x128xi64>) -> tensor<1x32x128xi64>
    %37 = tensor.empty() : tensor<1x32x128xf32>
    %38 = linalg.fill ins(%cst_0 : f32) outs(%37 : tensor<1x32x128xf32>) -> tensor<1x32x128xf32>
    %39:2 = linalg.generic {indexing_maps = [#map, #map10, #map10], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%34 : tensor<1x32x128x128xf32>) outs(%38, %36 : tensor<1x32x128xf32>, tensor<1x32x128xi64>) {
    ^bb0(%in: f32, %out: f32, %out_19: i64):
      %54 = linalg.index 3 : index
      %55 = arith.index_cast %54 : index to i64
      %56 = arith.maximumf %in, %out : f32
      %57 = arith.cmpf ogt, %in, %out : f32
      %58 = arith.select %57, %55, %out_19 : i64
      linalg.yield %56, %58 : f32, i64
    } -> (tensor<1x32x128xf32>, tensor<1x32x128xi64>)
    %expanded_15 = tensor.expand_shape %39#0 [[0], [1], [2, 3]] output_shape [1, 32, 128, 1] : tensor<1x32x128xf32> into tensor<1x32x128x1xf32>
    %40 = linalg.generic {indexing_maps = [#map, #map11, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%34, %expanded_15 : tensor<1x32x128x128xf32>, tensor<1x32x128x1xf32>) outs(%12 : tensor<1x32x128x128xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %54 = arith.subf %in, %in_19 : f32
      linalg.yield %54 : f32
    } -> tensor<1x32x128x128xf32>
    %41 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%40 : tensor<1x32x128x128xf32>) outs(%12 : tensor<1x32x128x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %54 = math.exp %in : f32
      linalg.yield %54 : f32
    } -> tensor<1x32x128x128xf32>
    %42 = tensor.empty() : tensor<1x32x128x1xf32>
    %43 = linalg.fill ins(%cst : f32) outs(%42 : tensor<1x32x128x1xf32>) -> tensor<1x32x128x1xf32>
    %44 = linalg.generic {indexing_maps = [#map, #map11], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%41 : tensor<1x32x128x128xf32>) outs(%43 : tensor<1x32x128x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %54 = arith.addf %in, %out : f32
      linalg.yield %54 : f32
    } -> tensor<1x32x128x1xf32>
    %45 = linalg.generic {indexing_maps = [#map, #map11, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%41, %44 : tensor<1x32x128x128xf32>, tensor<1x32x128x1xf32>) outs(%12 : tensor<1x32x128x128xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %54 = arith.divf %in, %in_19 : f32
      linalg.yield %54 : f32
    } -> tensor<1x32x128x128xf32>
    %46 = tensor.empty() : tensor<1x32x128x128xi1>
    %47 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%34 : tensor<1x32x128x128xf32>) outs(%46 : tensor<1x32x128x128xi1>) {
    ^bb0(%in: f32, %out: i1):
      %54 = arith.extf %in : f32 to f64
      %55 = arith.cmpf oeq, %54, %cst_5 : f64
      linalg.yield %55 : i1
    } -> tensor<1x32x128x128xi1>
    %48 = tensor.empty() : tensor<1x32x128x1xi1>
    %49 = linalg.fill ins(%true : i1) outs(%48 : tensor<1x32x128x1xi1>) -> tensor<1x32x128x1xi1>
    %50 = linalg.generic {indexing_maps = [#map, #map11], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%47 : tensor<1x32x128x128xi1>) outs(%49 : tensor<1x32x128x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %54 = arith.andi %in, %out : i1
      linalg.yield %54 : i1
    } -> tensor<1x32x128x1xi1>
    %51 = linalg.generic {indexing_maps = [#map11, #map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%50, %cst_1, %45 : tensor<1x32x128x1xi1>, tensor<1x32x128x128xf32>, tensor<1x32x128x128xf32>) outs(%12 : tensor<1x32x128x128xf32>) {
    ^bb0(%in: i1, %in_19: f32, %in_20: f32, %out: f32):
      %54 = arith.select %in, %in_19, %in_20 : f32
      linalg.yield %54 : f32
    } -> tensor<1x32x128x128xf32>
    %collapsed_16 = tensor.collapse_shape %51 [[0, 1], [2], [3]] : tensor<1x32x128x128xf32> into tensor<32x128x128xf32>
    %collapsed_17 = tensor.collapse_shape %29 [[0, 1, 2], [3], [4]] : tensor<1x8x4x128x128xf32> into tensor<32x128x128xf32>
    %52 = linalg.batch_matmul ins(%collapsed_16, %collapsed_17 : tensor<32x128x128xf32>, tensor<32x128x128xf32>) outs(%32 : tensor<32x128x128xf32>) -> tensor<32x128x128xf32>
    %expanded_18 = tensor.expand_shape %52 [[0, 1], [2], [3]] output_shape [1, 32, 128, 128] : tensor<32x128x128xf32> into tensor<1x32x128x128xf32>
    %53 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_18 : tensor<1x32x128x128xf32>) outs(%0 : tensor<1x32x128x128xf16>) {
    ^bb0(%in: f32, %out: f16):
      %54 = arith.truncf %in : f32 to f16
      linalg.yield %54 : f16
    } -> tensor<1x32x128x128xf16>
    return %53, %11, %arg2 : tensor<1x32x128x128xf16>, tensor<1x8x128x128xf16>, tensor<1x8x128x128xf16>
  }
}
