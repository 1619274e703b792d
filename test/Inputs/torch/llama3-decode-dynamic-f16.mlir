// .venv/bin/python -m dashkv.torch.export llama3-decode-dynamic-f16
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map3 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map5 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
#map6 = affine_map<(d0, d1, d2, d3) -> ()>
module {
  func.func @decode(%arg0: tensor<1x32x1x128xf16>, %arg1: tensor<1x8x1x128xf16>, %arg2: tensor<1x8x1x128xf16>, %arg3: tensor<1x1x1x128xf16>, %arg4: tensor<1x1x1x128xf16>, %arg5: tensor<1x8x?x128xf16>, %arg6: tensor<1x8x?x128xf16>) -> (tensor<1x32x1x128xf16>, tensor<1x8x?x128xf16>, tensor<1x8x?x128xf16>) {
    %c-1_i64 = arith.constant -1 : i64
    %c0_i64 = arith.constant 0 : i64
    %c2 = arith.constant 2 : index
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %true = arith.constant true
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_2 = arith.constant 0xFFF0000000000000 : f64
    %cst_3 = arith.constant 0.29730177875068026 : f64
    %dim = tensor.dim %arg6, %c2 : tensor<1x8x?x128xf16>
    %0 = arith.index_cast %dim : index to i64
    %1 = tensor.empty() : tensor<1x32x1x128xf16>
    %2 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg0, %arg3 : tensor<1x32x1x128xf16>, tensor<1x1x1x128xf16>) outs(%1 : tensor<1x32x1x128xf16>) {
    ^bb0(%in: f16, %in_16: f16, %out: f16):
      %62 = arith.mulf %in, %in_16 : f16
      linalg.yield %62 : f16
    } -> tensor<1x32x1x128xf16>
    %extracted_slice = tensor.extract_slice %arg0[0, 0, 0, 64] [1, 32, 1, 64] [1, 1, 1, 1] : tensor<1x32x1x128xf16> to tensor<1x32x1x64xf16>
    %3 = tensor.empty() : tensor<1x32x1x64xf16>
    %4 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice : tensor<1x32x1x64xf16>) outs(%3 : tensor<1x32x1x64xf16>) {
    ^bb0(%in: f16, %out: f16):
      %62 = arith.negf %in : f16
      linalg.yield %62 : f16
    } -> tensor<1x32x1x64xf16>
    %extracted_slice_4 = tensor.extract_slice %arg0[0, 0, 0, 0] [1, 32, 1, 64] [1, 1, 1, 1] : tensor<1x32x1x128xf16> to tensor<1x32x1x64xf16>
    %concat = tensor.concat dim(3) %4, %extracted_slice_4 : (tensor<1x32x1x64xf16>, tensor<1x32x1x64xf16>) -> tensor<1x32x1x128xf16>
    %5 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %arg4 : tensor<1x32x1x128xf16>, tensor<1x1x1x128xf16>) outs(%1 : tensor<1x32x1x128xf16>) {
    ^bb0(%in: f16, %in_16: f16, %out: f16):
      %62 = arith.mulf %in, %in_16 : f16
      linalg.yield %62 : f16
    } -> tensor<1x32x1x128xf16>
    %6 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%2, %5 : tensor<1x32x1x128xf16>, tensor<1x32x1x128xf16>) outs(%1 : tensor<1x32x1x128xf16>) {
    ^bb0(%in: f16, %in_16: f16, %out: f16):
      %62 = arith.addf %in, %in_16 : f16
      linalg.yield %62 : f16
    } -> tensor<1x32x1x128xf16>
    %7 = tensor.empty() : tensor<1x8x1x128xf16>
    %8 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg1, %arg3 : tensor<1x8x1x128xf16>, tensor<1x1x1x128xf16>) outs(%7 : tensor<1x8x1x128xf16>) {
    ^bb0(%in: f16, %in_16: f16, %out: f16):
      %62 = arith.mulf %in, %in_16 : f16
      linalg.yield %62 : f16
    } -> tensor<1x8x1x128xf16>
    %extracted_slice_5 = tensor.extract_slice %arg1[0, 0, 0, 64] [1, 8, 1, 64] [1, 1, 1, 1] : tensor<1x8x1x128xf16> to tensor<1x8x1x64xf16>
    %9 = tensor.empty() : tensor<1x8x1x64xf16>
    %10 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_5 : tensor<1x8x1x64xf16>) outs(%9 : tensor<1x8x1x64xf16>) {
    ^bb0(%in: f16, %out: f16):
      %62 = arith.negf %in : f16
      linalg.yield %62 : f16
    } -> tensor<1x8x1x64xf16>
    %extracted_slice_6 = tensor.extract_slice %arg1[0, 0, 0, 0] [1, 8, 1, 64] [1, 1, 1, 1] : tensor<1x8x1x128xf16> to tensor<1x8x1x64xf16>
    %concat_7 = tensor.concat dim(3) %10, %extracted_slice_6 : (tensor<1x8x1x64xf16>, tensor<1x8x1x64xf16>) -> tensor<1x8x1x128xf16>
    %11 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_7, %arg4 : tensor<1x8x1x128xf16>, tensor<1x1x1x128xf16>) outs(%7 : tensor<1x8x1x128xf16>) {
    ^bb0(%in: f16, %in_16: f16, %out: f16):
      %62 = arith.mulf %in, %in_16 : f16
      linalg.yield %62 : f16
    } -> tensor<1x8x1x128xf16>
    %12 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%8, %11 : tensor<1x8x1x128xf16>, tensor<1x8x1x128xf16>) outs(%7 : tensor<1x8x1x128xf16>) {
    ^bb0(%in: f16, %in_16: f16, %out: f16):
      %62 = arith.addf %in, %in_16 : f16
      linalg.yield %62 : f16
    } -> tensor<1x8x1x128xf16>
    %dim_8 = tensor.dim %arg5, %c2 : tensor<1x8x?x128xf16>
    %13 = arith.index_cast %dim_8 : index to i64
    %14 = arith.addi %13, %c-1_i64 : i64
    %15 = arith.maxsi %14, %c0_i64 : i64
    %16 = arith.minsi %15, %13 : i64
    %17 = arith.index_cast %16 : i64 to index
    %inserted_slice = tensor.insert_slice %12 into %arg5[0, 0, %17, 0] [1, 8, 1, 128] [1, 1, 1, 1] : tensor<1x8x1x128xf16> into tensor<1x8x?x128xf16>
    %18 = arith.addi %0, %c-1_i64 : i64
    %19 = arith.maxsi %18, %c0_i64 : i64
    %20 = arith.minsi %19, %0 : i64
    %21 = arith.index_cast %20 : i64 to index
    %inserted_slice_9 = tensor.insert_slice %arg2 into %arg6[0, 0, %21, 0] [1, 8, 1, 128] [1, 1, 1, 1] : tensor<1x8x1x128xf16> into tensor<1x8x?x128xf16>
    %22 = tensor.empty() : tensor<1x32x1x128xf32>
    %23 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%6 : tensor<1x32x1x128xf16>) outs(%22 : tensor<1x32x1x128xf32>) {
    ^bb0(%in: f16, %out: f32):
      %62 = arith.extf %in : f16 to f32
      linalg.yield %62 : f32
    } -> tensor<1x32x1x128xf32>
    %24 = tensor.empty(%dim_8) : tensor<1x8x?x128xf32>
    %25 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%inserted_slice : tensor<1x8x?x128xf16>) outs(%24 : tensor<1x8x?x128xf32>) {
    ^bb0(%in: f16, %out: f32):
      %62 = arith.extf %in : f16 to f32
      linalg.yield %62 : f32
    } -> tensor<1x8x?x128xf32>
    %26 = tensor.empty(%dim) : tensor<1x8x?x128xf32>
    %27 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%inserted_slice_9 : tensor<1x8x?x128xf16>) outs(%26 : tensor<1x8x?x128xf32>) {
    ^bb0(%in: f16, %out: f32):
      %62 = arith.extf %in : f16 to f32
      linalg.yield %62 : f32
    } -> tensor<1x8x?x128xf32>
    %28 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%23 : tensor<1x32x1x128xf32>) outs(%22 : tensor<1x32x1x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %62 = arith.truncf %cst_3 : f64 to f32
      %63 = arith.mulf %in, %62 : f32
      linalg.yield %63 : f32
    } -> tensor<1x32x1x128xf32>
    %29 = tensor.empty(%dim) : tensor<1x8x4x?x128xf32>
    %30 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%25 : tensor<1x8x?x128xf32>) outs(%29 : tensor<1x8x4x?x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x8x4x?x128xf32>
    %collapsed = tensor.collapse_shape %30 [[0], [1, 2], [3], [4]] : tensor<1x8x4x?x128xf32> into tensor<1x32x?x128xf32>
    %31 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%27 : tensor<1x8x?x128xf32>) outs(%29 : tensor<1x8x4x?x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x8x4x?x128xf32>
    %32 = tensor.empty(%dim_8) : tensor<1x32x128x?xf32>
    %transposed = linalg.transpose ins(%collapsed : tensor<1x32x?x128xf32>) outs(%32 : tensor<1x32x128x?xf32>) permutation = [0, 1, 3, 2] 
    %33 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed : tensor<1x32x128x?xf32>) outs(%32 : tensor<1x32x128x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %62 = arith.truncf %cst_3 : f64 to f32
      %63 = arith.mulf %in, %62 : f32
      linalg.yield %63 : f32
    } -> tensor<1x32x128x?xf32>
    %collapsed_10 = tensor.collapse_shape %28 [[0, 1], [2], [3]] : tensor<1x32x1x128xf32> into tensor<32x1x128xf32>
    %collapsed_11 = tensor.collapse_shape %33 [[0, 1], [2], [3]] : tensor<1x32x128x?xf32> into tensor<32x128x?xf32>
    %34 = tensor.empty(%dim_8) : tensor<32x1x?xf32>
    %35 = linalg.fill ins(%cst : f32) outs(%34 : tensor<32x1x?xf32>) -> tensor<32x1x?xf32>
    %36 = linalg.batch_matmul ins(%collapsed_10, %collapsed_11 : tensor<32x1x128xf32>, tensor<32x128x?xf32>) outs(%35 : tensor<32x1x?xf32>) -> tensor<32x1x?xf32>
    %expanded = tensor.expand_shape %36 [[0, 1], [2], [3]] output_shape [1, 32, 1, %dim_8] : tensor<32x1x?xf32> into tensor<1x32x1x?xf32>
    %37 = tensor.empty() : tensor<1x32x1xi64>
    %38 = linalg.fill ins(%c0_i64 : i64) outs(%37 : tensor<1x32x1xi64>) -> tensor<1x32x1xi64>
    %39 = tensor.empty() : tensor<1x32x1xf32>
    %40 = linalg.fill ins(%cst_0 : f32) outs(%39 : tensor<1x32x1xf32>) -> tensor<1x32x1xf32>
    %41:2 = linalg.generic {indexing_maps = [#map, #map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%expanded : tensor<1x32x1x?xf32>) outs(%40, %38 : tensor<1x32x1xf32>, tensor<1x32x1xi64>) {
    ^bb0(%in: f32, %out: f32, %out_16: i64):
      %62 = linalg.index 3 : index
      %63 = arith.index_cast %62 : index to i64
      %64 = arith.maximumf %in, %out : f32
      %65 = arith.cmpf ogt, %in, %out : f32
      %66 = arith.select %65, %63, %out_16 : i64
      linalg.yield %64, %66 : f32, i64
    } -> (tensor<1x32x1xf32>, tensor<1x32x1xi64>)
    %expanded_12 = tensor.expand_shape %41#0 [[0], [1], [2, 3]] output_shape [1, 32, 1, 1] : tensor<1x32x1xf32> into tensor<1x32x1x1xf32>
    %42 = tensor.empty(%dim_8) : tensor<1x32x1x?xf32>
    %43 = linalg.generic {indexing_maps = [#map, #map5, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded, %expanded_12 : tensor<1x32x1x?xf32>, tensor<1x32x1x1xf32>) outs(%42 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: f32, %in_16: f32, %out: f32):
      %62 = arith.subf %in, %in_16 : f32
      linalg.yield %62 : f32
    } -> tensor<1x32x1x?xf32>
    %44 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%43 : tensor<1x32x1x?xf32>) outs(%42 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %62 = math.exp %in : f32
      linalg.yield %62 : f32
    } -> tensor<1x32x1x?xf32>
    %45 = tensor.empty() : tensor<1x32x1x1xf32>
    %46 = linalg.fill ins(%cst : f32) outs(%45 : tensor<1x32x1x1xf32>) -> tensor<1x32x1x1xf32>
    %47 = linalg.generic {indexing_maps = [#map, #map5], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%44 : tensor<1x32x1x?xf32>) outs(%46 : tensor<1x32x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %62 = arith.addf %in, %out : f32
      linalg.yield %62 : f32
    } -> tensor<1x32x1x1xf32>
    %48 = linalg.generic {indexing_maps = [#map, #map5, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%44, %47 : tensor<1x32x1x?xf32>, tensor<1x32x1x1xf32>) outs(%42 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: f32, %in_16: f32, %out: f32):
      %62 = arith.divf %in, %in_16 : f32
      linalg.yield %62 : f32
    } -> tensor<1x32x1x?xf32>
    %49 = tensor.empty(%dim_8) : tensor<1x32x1x?xi1>
    %50 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded : tensor<1x32x1x?xf32>) outs(%49 : tensor<1x32x1x?xi1>) {
    ^bb0(%in: f32, %out: i1):
      %62 = arith.extf %in : f32 to f64
      %63 = arith.cmpf oeq, %62, %cst_2 : f64
      linalg.yield %63 : i1
    } -> tensor<1x32x1x?xi1>
    %51 = tensor.empty() : tensor<1x32x1x1xi1>
    %52 = linalg.fill ins(%true : i1) outs(%51 : tensor<1x32x1x1xi1>) -> tensor<1x32x1x1xi1>
    %53 = linalg.generic {indexing_maps = [#map, #map5], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%50 : tensor<1x32x1x?xi1>) outs(%52 : tensor<1x32x1x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %62 = arith.andi %in, %out : i1
      linalg.yield %62 : i1
    } -> tensor<1x32x1x1xi1>
    %54 = tensor.empty(%dim_8) : tensor<1x32x1x?xf32>
    %55 = linalg.generic {indexing_maps = [#map6, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%cst_1 : tensor<f32>) outs(%54 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x32x1x?xf32>
    %56 = linalg.generic {indexing_maps = [#map5, #map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%53, %55, %48 : tensor<1x32x1x1xi1>, tensor<1x32x1x?xf32>, tensor<1x32x1x?xf32>) outs(%54 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: i1, %in_16: f32, %in_17: f32, %out: f32):
      %62 = arith.select %in, %in_16, %in_17 : f32
      linalg.yield %62 : f32
    } -> tensor<1x32x1x?xf32>
    %collapsed_13 = tensor.collapse_shape %56 [[0, 1], [2], [3]] : tensor<1x32x1x?xf32> into tensor<32x1x?xf32>
    %collapsed_14 = tensor.collapse_shape %31 [[0, 1, 2], [3], [4]] : tensor<1x8x4x?x128xf32> into tensor<32x?x128xf32>
    %57 = arith.cmpi eq, %13, %0 : i64
    cf.assert %57, "mismatching contracting dimension"
    %58 = tensor.empty() : tensor<32x1x128xf32>
    %59 = linalg.fill ins(%cst : f32) outs(%58 : tensor<32x1x128xf32>) -> tensor<32x1x128xf32>
    %60 = linalg.batch_matmul ins(%collapsed_13, %collapsed_14 : tensor<32x1x?xf32>, tensor<32x?x128xf32>) outs(%59 : tensor<32x1x128xf32>) -> tensor<32x1x128xf32>
    %expanded_15 = tensor.expand_shape %60 [[0, 1], [2], [3]] output_shape [1, 32, 1, 128] : tensor<32x1x128xf32> into tensor<1x32x1x128xf32>
    %61 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_15 : tensor<1x32x1x128xf32>) outs(%1 : tensor<1x32x1x128xf16>) {
    ^bb0(%in: f32, %out: f16):
      %62 = arith.truncf %in : f32 to f16
      linalg.yield %62 : f16
    } -> tensor<1x32x1x128xf16>
    return %61, %inserted_slice, %inserted_slice_9 : tensor<1x32x1x128xf16>, tensor<1x8x?x128xf16>, tensor<1x8x?x128xf16>
  }
}
