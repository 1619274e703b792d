// .venv/bin/python -m dashkv.torch.export llama3-decode-dynamic-f32-bool
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3) -> ()>
#map3 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map4 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map5 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map6 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
module {
  func.func @decode(%arg0: tensor<1x32x1x128xf32>, %arg1: tensor<1x8x1x128xf32>, %arg2: tensor<1x8x1x128xf32>, %arg3: tensor<1x1x1x128xf32>, %arg4: tensor<1x1x1x128xf32>, %arg5: tensor<1x8x?x128xf32>, %arg6: tensor<1x8x?x128xf32>, %arg7: tensor<1x1x1x?xi1>) -> (tensor<1x32x1x128xf32>, tensor<1x8x?x128xf32>, tensor<1x8x?x128xf32>) {
    %c-1_i64 = arith.constant -1 : i64
    %c0_i64 = arith.constant 0 : i64
    %c2 = arith.constant 2 : index
    %c3 = arith.constant 3 : index
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %true = arith.constant true
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_2 = arith.constant dense<0xFF800000> : tensor<f32>
    %cst_3 = arith.constant 0.29730177875068026 : f64
    %cst_4 = arith.constant 0xFFF0000000000000 : f64
    %dim = tensor.dim %arg6, %c2 : tensor<1x8x?x128xf32>
    %0 = arith.index_cast %dim : index to i64
    %1 = tensor.empty() : tensor<1x32x1x128xf32>
    %2 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg0, %arg3 : tensor<1x32x1x128xf32>, tensor<1x1x1x128xf32>) outs(%1 : tensor<1x32x1x128xf32>) {
    ^bb0(%in: f32, %in_18: f32, %out: f32):
      %58 = arith.mulf %in, %in_18 : f32
      linalg.yield %58 : f32
    } -> tensor<1x32x1x128xf32>
    %extracted_slice = tensor.extract_slice %arg0[0, 0, 0, 64] [1, 32, 1, 64] [1, 1, 1, 1] : tensor<1x32x1x128xf32> to tensor<1x32x1x64xf32>
    %3 = tensor.empty() : tensor<1x32x1x64xf32>
    %4 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice : tensor<1x32x1x64xf32>) outs(%3 : tensor<1x32x1x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %58 = arith.negf %in : f32
      linalg.yield %58 : f32
    } -> tensor<1x32x1x64xf32>
    %extracted_slice_5 = tensor.extract_slice %arg0[0, 0, 0, 0] [1, 32, 1, 64] [1, 1, 1, 1] : tensor<1x32x1x128xf32> to tensor<1x32x1x64xf32>
    %concat = tensor.concat dim(3) %4, %extracted_slice_5 : (tensor<1x32x1x64xf32>, tensor<1x32x1x64xf32>) -> tensor<1x32x1x128xf32>
    %5 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %arg4 : tensor<1x32x1x128xf32>, tensor<1x1x1x128xf32>) outs(%1 : tensor<1x32x1x128xf32>) {
    ^bb0(%in: f32, %in_18: f32, %out: f32):
      %58 = arith.mulf %in, %in_18 : f32
      linalg.yield %58 : f32
    } -> tensor<1x32x1x128xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%2, %5 : tensor<1x32x1x128xf32>, tensor<1x32x1x128xf32>) outs(%1 : tensor<1x32x1x128xf32>) {
    ^bb0(%in: f32, %in_18: f32, %out: f32):
      %58 = arith.addf %in, %in_18 : f32
      linalg.yield %58 : f32
    } -> tensor<1x32x1x128xf32>
    %7 = tensor.empty() : tensor<1x8x1x128xf32>
    %8 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg1, %arg3 : tensor<1x8x1x128xf32>, tensor<1x1x1x128xf32>) outs(%7 : tensor<1x8x1x128xf32>) {
    ^bb0(%in: f32, %in_18: f32, %out: f32):
      %58 = arith.mulf %in, %in_18 : f32
      linalg.yield %58 : f32
    } -> tensor<1x8x1x128xf32>
    %extracted_slice_6 = tensor.extract_slice %arg1[0, 0, 0, 64] [1, 8, 1, 64] [1, 1, 1, 1] : tensor<1x8x1x128xf32> to tensor<1x8x1x64xf32>
    %9 = tensor.empty() : tensor<1x8x1x64xf32>
    %10 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_6 : tensor<1x8x1x64xf32>) outs(%9 : tensor<1x8x1x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %58 = arith.negf %in : f32
      linalg.yield %58 : f32
    } -> tensor<1x8x1x64xf32>
    %extracted_slice_7 = tensor.extract_slice %arg1[0, 0, 0, 0] [1, 8, 1, 64] [1, 1, 1, 1] : tensor<1x8x1x128xf32> to tensor<1x8x1x64xf32>
    %concat_8 = tensor.concat dim(3) %10, %extracted_slice_7 : (tensor<1x8x1x64xf32>, tensor<1x8x1x64xf32>) -> tensor<1x8x1x128xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_8, %arg4 : tensor<1x8x1x128xf32>, tensor<1x1x1x128xf32>) outs(%7 : tensor<1x8x1x128xf32>) {
    ^bb0(%in: f32, %in_18: f32, %out: f32):
      %58 = arith.mulf %in, %in_18 : f32
      linalg.yield %58 : f32
    } -> tensor<1x8x1x128xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%8, %11 : tensor<1x8x1x128xf32>, tensor<1x8x1x128xf32>) outs(%7 : tensor<1x8x1x128xf32>) {
    ^bb0(%in: f32, %in_18: f32, %out: f32):
      %58 = arith.addf %in, %in_18 : f32
      linalg.yield %58 : f32
    } -> tensor<1x8x1x128xf32>
    %dim_9 = tensor.dim %arg5, %c2 : tensor<1x8x?x128xf32>
    %13 = arith.index_cast %dim_9 : index to i64
    %14 = arith.addi %13, %c-1_i64 : i64
    %15 = arith.maxsi %14, %c0_i64 : i64
    %16 = arith.minsi %15, %13 : i64
    %17 = arith.index_cast %16 : i64 to index
    %inserted_slice = tensor.insert_slice %12 into %arg5[0, 0, %17, 0] [1, 8, 1, 128] [1, 1, 1, 1] : tensor<1x8x1x128xf32> into tensor<1x8x?x128xf32>
    %18 = arith.addi %0, %c-1_i64 : i64
    %19 = arith.maxsi %18, %c0_i64 : i64
    %20 = arith.minsi %19, %0 : i64
    %21 = arith.index_cast %20 : i64 to index
    %inserted_slice_10 = tensor.insert_slice %arg2 into %arg6[0, 0, %21, 0] [1, 8, 1, 128] [1, 1, 1, 1] : tensor<1x8x1x128xf32> into tensor<1x8x?x128xf32>
    %dim_11 = tensor.dim %arg7, %c3 : tensor<1x1x1x?xi1>
    %22 = tensor.empty(%dim_11) : tensor<1x1x1x?xf32>
    %23 = linalg.generic {indexing_maps = [#map, #map2, #map2, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg7, %cst_1, %cst_2 : tensor<1x1x1x?xi1>, tensor<f32>, tensor<f32>) outs(%22 : tensor<1x1x1x?xf32>) {
    ^bb0(%in: i1, %in_18: f32, %in_19: f32, %out: f32):
      %58 = arith.select %in, %in_18, %in_19 : f32
      linalg.yield %58 : f32
    } -> tensor<1x1x1x?xf32>
    %24 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%6 : tensor<1x32x1x128xf32>) outs(%1 : tensor<1x32x1x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %58 = arith.truncf %cst_3 : f64 to f32
      %59 = arith.mulf %in, %58 : f32
      linalg.yield %59 : f32
    } -> tensor<1x32x1x128xf32>
    %25 = tensor.empty(%dim) : tensor<1x8x4x?x128xf32>
    %26 = linalg.generic {indexing_maps = [#map3, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%inserted_slice : tensor<1x8x?x128xf32>) outs(%25 : tensor<1x8x4x?x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x8x4x?x128xf32>
    %collapsed = tensor.collapse_shape %26 [[0], [1, 2], [3], [4]] : tensor<1x8x4x?x128xf32> into tensor<1x32x?x128xf32>
    %27 = linalg.generic {indexing_maps = [#map3, #map4], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%inserted_slice_10 : tensor<1x8x?x128xf32>) outs(%25 : tensor<1x8x4x?x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x8x4x?x128xf32>
    %28 = tensor.empty(%dim_9) : tensor<1x32x128x?xf32>
    %transposed = linalg.transpose ins(%collapsed : tensor<1x32x?x128xf32>) outs(%28 : tensor<1x32x128x?xf32>) permutation = [0, 1, 3, 2] 
    %29 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed : tensor<1x32x128x?xf32>) outs(%28 : tensor<1x32x128x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %58 = arith.truncf %cst_3 : f64 to f32
      %59 = arith.mulf %in, %58 : f32
      linalg.yield %59 : f32
    } -> tensor<1x32x128x?xf32>
    %collapsed_12 = tensor.collapse_shape %24 [[0, 1], [2], [3]] : tensor<1x32x1x128xf32> into tensor<32x1x128xf32>
    %collapsed_13 = tensor.collapse_shape %29 [[0, 1], [2], [3]] : tensor<1x32x128x?xf32> into tensor<32x128x?xf32>
    %30 = tensor.empty(%dim_9) : tensor<32x1x?xf32>
    %31 = linalg.fill ins(%cst : f32) outs(%30 : tensor<32x1x?xf32>) -> tensor<32x1x?xf32>
    %32 = linalg.batch_matmul ins(%collapsed_12, %collapsed_13 : tensor<32x1x128xf32>, tensor<32x128x?xf32>) outs(%31 : tensor<32x1x?xf32>) -> tensor<32x1x?xf32>
    %expanded = tensor.expand_shape %32 [[0, 1], [2], [3]] output_shape [1, 32, 1, %dim_9] : tensor<32x1x?xf32> into tensor<1x32x1x?xf32>
    %33 = tensor.empty(%dim_9) : tensor<1x32x1x?xf32>
    %34 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded, %23 : tensor<1x32x1x?xf32>, tensor<1x1x1x?xf32>) outs(%33 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: f32, %in_18: f32, %out: f32):
      %58 = arith.addf %in, %in_18 : f32
      linalg.yield %58 : f32
    } -> tensor<1x32x1x?xf32>
    %35 = tensor.empty() : tensor<1x32x1xi64>
    %36 = linalg.fill ins(%c0_i64 : i64) outs(%35 : tensor<1x32x1xi64>) -> tensor<1x32x1xi64>
    %37 = tensor.empty() : tensor<1x32x1xf32>
    %38 = linalg.fill ins(%cst_0 : f32) outs(%37 : tensor<1x32x1xf32>) -> tensor<1x32x1xf32>
    %39:2 = linalg.generic {indexing_maps = [#map, #map5, #map5], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%34 : tensor<1x32x1x?xf32>) outs(%38, %36 : tensor<1x32x1xf32>, tensor<1x32x1xi64>) {
    ^bb0(%in: f32, %out: f32, %out_18: i64):
      %58 = linalg.index 3 : index
      %59 = arith.index_cast %58 : index to i64
      %60 = arith.maximumf %in, %out : f32
      %61 = arith.cmpf ogt, %in, %out : f32
      %62 = arith.select %61, %59, %out_18 : i64
      linalg.yield %60, %62 : f32, i64
    } -> (tensor<1x32x1xf32>, tensor<1x32x1xi64>)
    %expanded_14 = tensor.expand_shape %39#0 [[0], [1], [2, 3]] output_shape [1, 32, 1, 1] : tensor<1x32x1xf32> into tensor<1x32x1x1xf32>
    %40 = linalg.generic {indexing_maps = [#map, #map6, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%34, %expanded_14 : tensor<1x32x1x?xf32>, tensor<1x32x1x1xf32>) outs(%33 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: f32, %in_18: f32, %out: f32):
      %58 = arith.subf %in, %in_18 : f32
      linalg.yield %58 : f32
    } -> tensor<1x32x1x?xf32>
    %41 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%40 : tensor<1x32x1x?xf32>) outs(%33 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %58 = math.exp %in : f32
      linalg.yield %58 : f32
    } -> tensor<1x32x1x?xf32>
    %42 = tensor.empty() : tensor<1x32x1x1xf32>
    %43 = linalg.fill ins(%cst : f32) outs(%42 : tensor<1x32x1x1xf32>) -> tensor<1x32x1x1xf32>
    %44 = linalg.generic {indexing_maps = [#map, #map6], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%41 : tensor<1x32x1x?xf32>) outs(%43 : tensor<1x32x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %58 = arith.addf %in, %out : f32
      linalg.yield %58 : f32
    } -> tensor<1x32x1x1xf32>
    %45 = linalg.generic {indexing_maps = [#map, #map6, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%41, %44 : tensor<1x32x1x?xf32>, tensor<1x32x1x1xf32>) outs(%33 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: f32, %in_18: f32, %out: f32):
      %58 = arith.divf %in, %in_18 : f32
      linalg.yield %58 : f32
    } -> tensor<1x32x1x?xf32>
    %46 = tensor.empty(%dim_9) : tensor<1x32x1x?xi1>
    %47 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%34 : tensor<1x32x1x?xf32>) outs(%46 : tensor<1x32x1x?xi1>) {
    ^bb0(%in: f32, %out: i1):
      %58 = arith.extf %in : f32 to f64
      %59 = arith.cmpf oeq, %58, %cst_4 : f64
      linalg.yield %59 : i1
    } -> tensor<1x32x1x?xi1>
    %48 = tensor.empty() : tensor<1x32x1x1xi1>
    %49 = linalg.fill ins(%true : i1) outs(%48 : tensor<1x32x1x1xi1>) -> tensor<1x32x1x1xi1>
    %50 = linalg.generic {indexing_maps = [#map, #map6], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%47 : tensor<1x32x1x?xi1>) outs(%49 : tensor<1x32x1x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %58 = arith.andi %in, %out : i1
      linalg.yield %58 : i1
    } -> tensor<1x32x1x1xi1>
    %51 = tensor.empty(%dim_9) : tensor<1x32x1x?xf32>
    %52 = linalg.generic {indexing_maps = [#map2, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%cst_1 : tensor<f32>) outs(%51 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x32x1x?xf32>
    %53 = linalg.generic {indexing_maps = [#map6, #map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%50, %52, %45 : tensor<1x32x1x1xi1>, tensor<1x32x1x?xf32>, tensor<1x32x1x?xf32>) outs(%51 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: i1, %in_18: f32, %in_19: f32, %out: f32):
      %58 = arith.select %in, %in_18, %in_19 : f32
      linalg.yield %58 : f32
    } -> tensor<1x32x1x?xf32>
    %collapsed_15 = tensor.collapse_shape %53 [[0, 1], [2], [3]] : tensor<1x32x1x?xf32> into tensor<32x1x?xf32>
    %collapsed_16 = tensor.collapse_shape %27 [[0, 1, 2], [3], [4]] : tensor<1x8x4x?x128xf32> into tensor<32x?x128xf32>
    %54 = arith.cmpi eq, %13, %0 : i64
    cf.assert %54, "mismatching contracting dimension"
    %55 = tensor.empty() : tensor<32x1x128xf32>
    %56 = linalg.fill ins(%cst : f32) outs(%55 : tensor<32x1x128xf32>) -> tensor<32x1x128xf32>
    %57 = linalg.batch_matmul ins(%collapsed_15, %collapsed_16 : tensor<32x1x?xf32>, tensor<32x?x128xf32>) outs(%56 : tensor<32x1x128xf32>) -> tensor<32x1x128xf32>
    %expanded_17 = tensor.expand_shape %57 [[0, 1], [2], [3]] output_shape [1, 32, 1, 128] : tensor<32x1x128xf32> into tensor<1x32x1x128xf32>
    return %expanded_17, %inserted_slice, %inserted_slice_10 : tensor<1x32x1x128xf32>, tensor<1x8x?x128xf32>, tensor<1x8x?x128xf32>
  }
}
