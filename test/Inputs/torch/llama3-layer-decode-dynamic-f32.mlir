// .venv/bin/python -m dashkv.torch.export llama3-layer-decode-dynamic-f32
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d3, d4)>
#map3 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map5 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
#map6 = affine_map<(d0, d1, d2, d3) -> ()>
module {
  func.func @decode(%arg0: tensor<1x1x4096xf32>, %arg1: tensor<4096x4096xf32>, %arg2: tensor<1024x4096xf32>, %arg3: tensor<1024x4096xf32>, %arg4: tensor<4096x4096xf32>, %arg5: tensor<1x1x1x128xf32>, %arg6: tensor<1x1x1x128xf32>, %arg7: tensor<1x8x?x128xf32>, %arg8: tensor<1x8x?x128xf32>) -> (tensor<1x1x4096xf32>, tensor<1x8x?x128xf32>, tensor<1x8x?x128xf32>) {
    %c-1_i64 = arith.constant -1 : i64
    %c0_i64 = arith.constant 0 : i64
    %c2 = arith.constant 2 : index
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %true = arith.constant true
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_2 = arith.constant 0xFFF0000000000000 : f64
    %cst_3 = arith.constant 0.29730177875068026 : f64
    %dim = tensor.dim %arg8, %c2 : tensor<1x8x?x128xf32>
    %0 = arith.index_cast %dim : index to i64
    %1 = tensor.empty() : tensor<4096x4096xf32>
    %transposed = linalg.transpose ins(%arg1 : tensor<4096x4096xf32>) outs(%1 : tensor<4096x4096xf32>) permutation = [1, 0] 
    %collapsed = tensor.collapse_shape %arg0 [[0], [1, 2]] : tensor<1x1x4096xf32> into tensor<1x4096xf32>
    %2 = tensor.empty() : tensor<1x4096xf32>
    %3 = linalg.fill ins(%cst : f32) outs(%2 : tensor<1x4096xf32>) -> tensor<1x4096xf32>
    %4 = linalg.matmul ins(%collapsed, %transposed : tensor<1x4096xf32>, tensor<4096x4096xf32>) outs(%3 : tensor<1x4096xf32>) -> tensor<1x4096xf32>
    %expanded = tensor.expand_shape %4 [[0], [1, 2, 3]] output_shape [1, 1, 32, 128] : tensor<1x4096xf32> into tensor<1x1x32x128xf32>
    %5 = tensor.empty() : tensor<1x32x1x128xf32>
    %transposed_4 = linalg.transpose ins(%expanded : tensor<1x1x32x128xf32>) outs(%5 : tensor<1x32x1x128xf32>) permutation = [0, 2, 1, 3] 
    %6 = tensor.empty() : tensor<4096x1024xf32>
    %transposed_5 = linalg.transpose ins(%arg2 : tensor<1024x4096xf32>) outs(%6 : tensor<4096x1024xf32>) permutation = [1, 0] 
    %7 = tensor.empty() : tensor<1x1024xf32>
    %8 = linalg.fill ins(%cst : f32) outs(%7 : tensor<1x1024xf32>) -> tensor<1x1024xf32>
    %9 = linalg.matmul ins(%collapsed, %transposed_5 : tensor<1x4096xf32>, tensor<4096x1024xf32>) outs(%8 : tensor<1x1024xf32>) -> tensor<1x1024xf32>
    %expanded_6 = tensor.expand_shape %9 [[0], [1, 2, 3]] output_shape [1, 1, 8, 128] : tensor<1x1024xf32> into tensor<1x1x8x128xf32>
    %10 = tensor.empty() : tensor<1x8x1x128xf32>
    %transposed_7 = linalg.transpose ins(%expanded_6 : tensor<1x1x8x128xf32>) outs(%10 : tensor<1x8x1x128xf32>) permutation = [0, 2, 1, 3] 
    %transposed_8 = linalg.transpose ins(%arg3 : tensor<1024x4096xf32>) outs(%6 : tensor<4096x1024xf32>) permutation = [1, 0] 
    %11 = linalg.matmul ins(%collapsed, %transposed_8 : tensor<1x4096xf32>, tensor<4096x1024xf32>) outs(%8 : tensor<1x1024xf32>) -> tensor<1x1024xf32>
    %expanded_9 = tensor.expand_shape %11 [[0], [1, 2, 3]] output_shape [1, 1, 8, 128] : tensor<1x1024xf32> into tensor<1x1x8x128xf32>
    %transposed_10 = linalg.transpose ins(%expanded_9 : tensor<1x1x8x128xf32>) outs(%10 : tensor<1x8x1x128xf32>) permutation = [0, 2, 1, 3] 
    %12 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_4, %arg5 : tensor<1x32x1x128xf32>, tensor<1x1x1x128xf32>) outs(%5 : tensor<1x32x1x128xf32>) {
    ^bb0(%in: f32, %in_30: f32, %out: f32):
      %66 = arith.mulf %in, %in_30 : f32
      linalg.yield %66 : f32
    } -> tensor<1x32x1x128xf32>
    %extracted_slice = tensor.extract_slice %transposed_4[0, 0, 0, 64] [1, 32, 1, 64] [1, 1, 1, 1] : tensor<1x32x1x128xf32> to tensor<1x32x1x64xf32>
    %13 = tensor.empty() : tensor<1x32x1x64xf32>
    %14 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice : tensor<1x32x1x64xf32>) outs(%13 : tensor<1x32x1x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %66 = arith.negf %in : f32
      linalg.yield %66 : f32
    } -> tensor<1x32x1x64xf32>
    %extracted_slice_11 = tensor.extract_slice %transposed_4[0, 0, 0, 0] [1, 32, 1, 64] [1, 1, 1, 1] : tensor<1x32x1x128xf32> to tensor<1x32x1x64xf32>
    %concat = tensor.concat dim(3) %14, %extracted_slice_11 : (tensor<1x32x1x64xf32>, tensor<1x32x1x64xf32>) -> tensor<1x32x1x128xf32>
    %15 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %arg6 : tensor<1x32x1x128xf32>, tensor<1x1x1x128xf32>) outs(%5 : tensor<1x32x1x128xf32>) {
    ^bb0(%in: f32, %in_30: f32, %out: f32):
      %66 = arith.mulf %in, %in_30 : f32
      linalg.yield %66 : f32
    } -> tensor<1x32x1x128xf32>
    %16 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%12, %15 : tensor<1x32x1x128xf32>, tensor<1x32x1x128xf32>) outs(%5 : tensor<1x32x1x128xf32>) {
    ^bb0(%in: f32, %in_30: f32, %out: f32):
      %66 = arith.addf %in, %in_30 : f32
      linalg.yield %66 : f32
    } -> tensor<1x32x1x128xf32>
    %17 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_7, %arg5 : tensor<1x8x1x128xf32>, tensor<1x1x1x128xf32>) outs(%10 : tensor<1x8x1x128xf32>) {
    ^bb0(%in: f32, %in_30: f32, %out: f32):
      %66 = arith.mulf %in, %in_30 : f32
      linalg.yield %66 : f32
    } -> tensor<1x8x1x128xf32>
    %extracted_slice_12 = tensor.extract_slice %transposed_7[0, 0, 0, 64] [1, 8, 1, 64] [1, 1, 1, 1] : tensor<1x8x1x128xf32> to tensor<1x8x1x64xf32>
    %18 = tensor.empty() : tensor<1x8x1x64xf32>
    %19 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_12 : tensor<1x8x1x64xf32>) outs(%18 : tensor<1x8x1x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %66 = arith.negf %in : f32
      linalg.yield %66 : f32
    } -> tensor<1x8x1x64xf32>
    %extracted_slice_13 = tensor.extract_slice %transposed_7[0, 0, 0, 0] [1, 8, 1, 64] [1, 1, 1, 1] : tensor<1x8x1x128xf32> to tensor<1x8x1x64xf32>
    %concat_14 = tensor.concat dim(3) %19, %extracted_slice_13 : (tensor<1x8x1x64xf32>, tensor<1x8x1x64xf32>) -> tensor<1x8x1x128xf32>
    %20 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_14, %arg6 : tensor<1x8x1x128xf32>, tensor<1x1x1x128xf32>) outs(%10 : tensor<1x8x1x128xf32>) {
    ^bb0(%in: f32, %in_30: f32, %out: f32):
      %66 = arith.mulf %in, %in_30 : f32
      linalg.yield %66 : f32
    } -> tensor<1x8x1x128xf32>
    %21 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%17, %20 : tensor<1x8x1x128xf32>, tensor<1x8x1x128xf32>) outs(%10 : tensor<1x8x1x128xf32>) {
    ^bb0(%in: f32, %in_30: f32, %out: f32):
      %66 = arith.addf %in, %in_30 : f32
      linalg.yield %66 : f32
    } -> tensor<1x8x1x128xf32>
    %dim_15 = tensor.dim %arg7, %c2 : tensor<1x8x?x128xf32>
    %22 = arith.index_cast %dim_15 : index to i64
    %23 = arith.addi %22, %c-1_i64 : i64
    %24 = arith.maxsi %23, %c0_i64 : i64
    %25 = arith.minsi %24, %22 : i64
    %26 = arith.index_cast %25 : i64 to index
    %inserted_slice = tensor.insert_slice %21 into %arg7[0, 0, %26, 0] [1, 8, 1, 128] [1, 1, 1, 1] : tensor<1x8x1x128xf32> into tensor<1x8x?x128xf32>
    %27 = arith.addi %0, %c-1_i64 : i64
    %28 = arith.maxsi %27, %c0_i64 : i64
    %29 = arith.minsi %28, %0 : i64
    %30 = arith.index_cast %29 : i64 to index
    %inserted_slice_16 = tensor.insert_slice %transposed_10 into %arg8[0, 0, %30, 0] [1, 8, 1, 128] [1, 1, 1, 1] : tensor<1x8x1x128xf32> into tensor<1x8x?x128xf32>
    %31 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%16 : tensor<1x32x1x128xf32>) outs(%5 : tensor<1x32x1x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %66 = arith.truncf %cst_3 : f64 to f32
      %67 = arith.mulf %in, %66 : f32
      linalg.yield %67 : f32
    } -> tensor<1x32x1x128xf32>
    %32 = tensor.empty(%dim) : tensor<1x8x4x?x128xf32>
    %33 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%inserted_slice : tensor<1x8x?x128xf32>) outs(%32 : tensor<1x8x4x?x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x8x4x?x128xf32>
    %collapsed_17 = tensor.collapse_shape %33 [[0], [1, 2], [3], [4]] : tensor<1x8x4x?x128xf32> into tensor<1x32x?x128xf32>
    %34 = linalg.generic {indexing_maps = [#map2, #map3], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} ins(%inserted_slice_16 : tensor<1x8x?x128xf32>) outs(%32 : tensor<1x8x4x?x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x8x4x?x128xf32>
    %35 = tensor.empty(%dim_15) : tensor<1x32x128x?xf32>
    %transposed_18 = linalg.transpose ins(%collapsed_17 : tensor<1x32x?x128xf32>) outs(%35 : tensor<1x32x128x?xf32>) permutation = [0, 1, 3, 2] 
    %36 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed_18 : tensor<1x32x128x?xf32>) outs(%35 : tensor<1x32x128x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %66 = arith.truncf %cst_3 : f64 to f32
      %67 = arith.mulf %in, %66 : f32
      linalg.yield %67 : f32
    } -> tensor<1x32x128x?xf32>
    %collapsed_19 = tensor.collapse_shape %31 [[0, 1], [2], [3]] : tensor<1x32x1x128xf32> into tensor<32x1x128xf32>
    %collapsed_20 = tensor.collapse_shape %36 [[0, 1], [2], [3]] : tensor<1x32x128x?xf32> into tensor<32x128x?xf32>
    %37 = tensor.empty(%dim_15) : tensor<32x1x?xf32>
    %38 = linalg.fill ins(%cst : f32) outs(%37 : tensor<32x1x?xf32>) -> tensor<32x1x?xf32>
    %39 = linalg.batch_matmul ins(%collapsed_19, %collapsed_20 : tensor<32x1x128xf32>, tensor<32x128x?xf32>) outs(%38 : tensor<32x1x?xf32>) -> tensor<32x1x?xf32>
    %expanded_21 = tensor.expand_shape %39 [[0, 1], [2], [3]] output_shape [1, 32, 1, %dim_15] : tensor<32x1x?xf32> into tensor<1x32x1x?xf32>
    %40 = tensor.empty() : tensor<1x32x1xi64>
    %41 = linalg.fill ins(%c0_i64 : i64) outs(%40 : tensor<1x32x1xi64>) -> tensor<1x32x1xi64>
    %42 = tensor.empty() : tensor<1x32x1xf32>
    %43 = linalg.fill ins(%cst_0 : f32) outs(%42 : tensor<1x32x1xf32>) -> tensor<1x32x1xf32>
    %44:2 = linalg.generic {indexing_maps = [#map, #map4, #map4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%expanded_21 : tensor<1x32x1x?xf32>) outs(%43, %41 : tensor<1x32x1xf32>, tensor<1x32x1xi64>) {
    ^bb0(%in: f32, %out: f32, %out_30: i64):
      %66 = linalg.index 3 : index
      %67 = arith.index_cast %66 : index to i64
      %68 = arith.maximumf %in, %out : f32
      %69 = arith.cmpf ogt, %in, %out : f32
      %70 = arith.select %69, %67, %out_30 : i64
      linalg.yield %68, %70 : f32, i64
    } -> (tensor<1x32x1xf32>, tensor<1x32x1xi64>)
    %expanded_22 = tensor.expand_shape %44#0 [[0], [1], [2, 3]] output_shape [1, 32, 1, 1] : tensor<1x32x1xf32> into tensor<1x32x1x1xf32>
    %45 = tensor.empty(%dim_15) : tensor<1x32x1x?xf32>
    %46 = linalg.generic {indexing_maps = [#map, #map5, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_21, %expanded_22 : tensor<1x32x1x?xf32>, tensor<1x32x1x1xf32>) outs(%45 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: f32, %in_30: f32, %out: f32):
      %66 = arith.subf %in, %in_30 : f32
      linalg.yield %66 : f32
    } -> tensor<1x32x1x?xf32>
    %47 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%46 : tensor<1x32x1x?xf32>) outs(%45 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %66 = math.exp %in : f32
      linalg.yield %66 : f32
    } -> tensor<1x32x1x?xf32>
    %48 = tensor.empty() : tensor<1x32x1x1xf32>
    %49 = linalg.fill ins(%cst : f32) outs(%48 : tensor<1x32x1x1xf32>) -> tensor<1x32x1x1xf32>
    %50 = linalg.generic {indexing_maps = [#map, #map5], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%47 : tensor<1x32x1x?xf32>) outs(%49 : tensor<1x32x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %66 = arith.addf %in, %out : f32
      linalg.yield %66 : f32
    } -> tensor<1x32x1x1xf32>
    %51 = linalg.generic {indexing_maps = [#map, #map5, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%47, %50 : tensor<1x32x1x?xf32>, tensor<1x32x1x1xf32>) outs(%45 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: f32, %in_30: f32, %out: f32):
      %66 = arith.divf %in, %in_30 : f32
      linalg.yield %66 : f32
    } -> tensor<1x32x1x?xf32>
    %52 = tensor.empty(%dim_15) : tensor<1x32x1x?xi1>
    %53 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_21 : tensor<1x32x1x?xf32>) outs(%52 : tensor<1x32x1x?xi1>) {
    ^bb0(%in: f32, %out: i1):
      %66 = arith.extf %in : f32 to f64
      %67 = arith.cmpf oeq, %66, %cst_2 : f64
      linalg.yield %67 : i1
    } -> tensor<1x32x1x?xi1>
    %54 = tensor.empty() : tensor<1x32x1x1xi1>
    %55 = linalg.fill ins(%true : i1) outs(%54 : tensor<1x32x1x1xi1>) -> tensor<1x32x1x1xi1>
    %56 = linalg.generic {indexing_maps = [#map, #map5], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%53 : tensor<1x32x1x?xi1>) outs(%55 : tensor<1x32x1x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %66 = arith.andi %in, %out : i1
      linalg.yield %66 : i1
    } -> tensor<1x32x1x1xi1>
    %57 = tensor.empty(%dim_15) : tensor<1x32x1x?xf32>
    %58 = linalg.generic {indexing_maps = [#map6, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%cst_1 : tensor<f32>) outs(%57 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x32x1x?xf32>
    %59 = linalg.generic {indexing_maps = [#map5, #map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%56, %58, %51 : tensor<1x32x1x1xi1>, tensor<1x32x1x?xf32>, tensor<1x32x1x?xf32>) outs(%57 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: i1, %in_30: f32, %in_31: f32, %out: f32):
      %66 = arith.select %in, %in_30, %in_31 : f32
      linalg.yield %66 : f32
    } -> tensor<1x32x1x?xf32>
    %collapsed_23 = tensor.collapse_shape %59 [[0, 1], [2], [3]] : tensor<1x32x1x?xf32> into tensor<32x1x?xf32>
    %collapsed_24 = tensor.collapse_shape %34 [[0, 1, 2], [3], [4]] : tensor<1x8x4x?x128xf32> into tensor<32x?x128xf32>
    %60 = arith.cmpi eq, %22, %0 : i64
    cf.assert %60, "mismatching contracting dimension"
    %61 = tensor.empty() : tensor<32x1x128xf32>
    %62 = linalg.fill ins(%cst : f32) outs(%61 : tensor<32x1x128xf32>) -> tensor<32x1x128xf32>
    %63 = linalg.batch_matmul ins(%collapsed_23, %collapsed_24 : tensor<32x1x?xf32>, tensor<32x?x128xf32>) outs(%62 : tensor<32x1x128xf32>) -> tensor<32x1x128xf32>
    %expanded_25 = tensor.expand_shape %63 [[0, 1], [2], [3]] output_shape [1, 32, 1, 128] : tensor<32x1x128xf32> into tensor<1x32x1x128xf32>
    %64 = tensor.empty() : tensor<1x1x32x128xf32>
    %transposed_26 = linalg.transpose ins(%expanded_25 : tensor<1x32x1x128xf32>) outs(%64 : tensor<1x1x32x128xf32>) permutation = [0, 2, 1, 3] 
    %transposed_27 = linalg.transpose ins(%arg4 : tensor<4096x4096xf32>) outs(%1 : tensor<4096x4096xf32>) permutation = [1, 0] 
    %collapsed_28 = tensor.collapse_shape %transposed_26 [[0], [1, 2, 3]] : tensor<1x1x32x128xf32> into tensor<1x4096xf32>
    %65 = linalg.matmul ins(%collapsed_28, %transposed_27 : tensor<1x4096xf32>, tensor<4096x4096xf32>) outs(%3 : tensor<1x4096xf32>) -> tensor<1x4096xf32>
    %expanded_29 = tensor.expand_shape %65 [[0], [1, 2]] output_shape [1, 1, 4096] : tensor<1x4096xf32> into tensor<1x1x4096xf32>
    return %expanded_29, %inserted_slice, %inserted_slice_16 : tensor<1x1x4096xf32>, tensor<1x8x?x128xf32>, tensor<1x8x?x128xf32>
  }
}
