// .venv/bin/python -m dashkv.torch.export llama3-decode-dynamic-f32-loose
#map = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#map1 = affine_map<(d0, d1, d2, d3) -> (d0, 0, d2, d3)>
#map2 = affine_map<(d0, d1, d2, d3, d4) -> (d0, d1, d2, d3, d4)>
#map3 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2)>
#map4 = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, 0)>
#map5 = affine_map<(d0, d1, d2, d3) -> ()>
module {
  func.func @decode(%arg0: tensor<1x32x1x128xf32>, %arg1: tensor<1x8x1x128xf32>, %arg2: tensor<1x8x1x128xf32>, %arg3: tensor<1x1x1x128xf32>, %arg4: tensor<1x1x1x128xf32>, %arg5: tensor<1x8x?x128xf32>, %arg6: tensor<1x8x?x128xf32>) -> (tensor<1x32x1x128xf32>, tensor<1x8x?x128xf32>, tensor<1x8x?x128xf32>) {
    %c-1_i64 = arith.constant -1 : i64
    %c0_i64 = arith.constant 0 : i64
    %c1 = arith.constant 1 : index
    %c0 = arith.constant 0 : index
    %c2 = arith.constant 2 : index
    %cst = arith.constant 0.000000e+00 : f32
    %cst_0 = arith.constant 0xFF800000 : f32
    %true = arith.constant true
    %cst_1 = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_2 = arith.constant 0xFFF0000000000000 : f64
    %cst_3 = arith.constant 0.29730177875068026 : f64
    %dim = tensor.dim %arg6, %c2 : tensor<1x8x?x128xf32>
    %0 = arith.index_cast %dim : index to i64
    %1 = tensor.empty() : tensor<1x32x1x128xf32>
    %2 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg0, %arg3 : tensor<1x32x1x128xf32>, tensor<1x1x1x128xf32>) outs(%1 : tensor<1x32x1x128xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %60 = arith.mulf %in, %in_19 : f32
      linalg.yield %60 : f32
    } -> tensor<1x32x1x128xf32>
    %extracted_slice = tensor.extract_slice %arg0[0, 0, 0, 64] [1, 32, 1, 64] [1, 1, 1, 1] : tensor<1x32x1x128xf32> to tensor<1x32x1x64xf32>
    %3 = tensor.empty() : tensor<1x32x1x64xf32>
    %4 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice : tensor<1x32x1x64xf32>) outs(%3 : tensor<1x32x1x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %60 = arith.negf %in : f32
      linalg.yield %60 : f32
    } -> tensor<1x32x1x64xf32>
    %extracted_slice_4 = tensor.extract_slice %arg0[0, 0, 0, 0] [1, 32, 1, 64] [1, 1, 1, 1] : tensor<1x32x1x128xf32> to tensor<1x32x1x64xf32>
    %concat = tensor.concat dim(3) %4, %extracted_slice_4 : (tensor<1x32x1x64xf32>, tensor<1x32x1x64xf32>) -> tensor<1x32x1x128xf32>
    %5 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat, %arg4 : tensor<1x32x1x128xf32>, tensor<1x1x1x128xf32>) outs(%1 : tensor<1x32x1x128xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %60 = arith.mulf %in, %in_19 : f32
      linalg.yield %60 : f32
    } -> tensor<1x32x1x128xf32>
    %6 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%2, %5 : tensor<1x32x1x128xf32>, tensor<1x32x1x128xf32>) outs(%1 : tensor<1x32x1x128xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %60 = arith.addf %in, %in_19 : f32
      linalg.yield %60 : f32
    } -> tensor<1x32x1x128xf32>
    %7 = tensor.empty() : tensor<1x8x1x128xf32>
    %8 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%arg1, %arg3 : tensor<1x8x1x128xf32>, tensor<1x1x1x128xf32>) outs(%7 : tensor<1x8x1x128xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %60 = arith.mulf %in, %in_19 : f32
      linalg.yield %60 : f32
    } -> tensor<1x8x1x128xf32>
    %extracted_slice_5 = tensor.extract_slice %arg1[0, 0, 0, 64] [1, 8, 1, 64] [1, 1, 1, 1] : tensor<1x8x1x128xf32> to tensor<1x8x1x64xf32>
    %9 = tensor.empty() : tensor<1x8x1x64xf32>
    %10 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%extracted_slice_5 : tensor<1x8x1x64xf32>) outs(%9 : tensor<1x8x1x64xf32>) {
    ^bb0(%in: f32, %out: f32):
      %60 = arith.negf %in : f32
      linalg.yield %60 : f32
    } -> tensor<1x8x1x64xf32>
    %extracted_slice_6 = tensor.extract_slice %arg1[0, 0, 0, 0] [1, 8, 1, 64] [1, 1, 1, 1] : tensor<1x8x1x128xf32> to tensor<1x8x1x64xf32>
    %concat_7 = tensor.concat dim(3) %10, %extracted_slice_6 : (tensor<1x8x1x64xf32>, tensor<1x8x1x64xf32>) -> tensor<1x8x1x128xf32>
    %11 = linalg.generic {indexing_maps = [#map, #map1, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%concat_7, %arg4 : tensor<1x8x1x128xf32>, tensor<1x1x1x128xf32>) outs(%7 : tensor<1x8x1x128xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %60 = arith.mulf %in, %in_19 : f32
      linalg.yield %60 : f32
    } -> tensor<1x8x1x128xf32>
    %12 = linalg.generic {indexing_maps = [#map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%8, %11 : tensor<1x8x1x128xf32>, tensor<1x8x1x128xf32>) outs(%7 : tensor<1x8x1x128xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %60 = arith.addf %in, %in_19 : f32
      linalg.yield %60 : f32
    } -> tensor<1x8x1x128xf32>
    %dim_8 = tensor.dim %arg5, %c2 : tensor<1x8x?x128xf32>
    %13 = arith.index_cast %dim_8 : index to i64
    %14 = arith.addi %13, %c-1_i64 : i64
    %15 = arith.maxsi %14, %c0_i64 : i64
    %16 = arith.minsi %15, %13 : i64
    %17 = arith.index_cast %16 : i64 to index
    %inserted_slice = tensor.insert_slice %12 into %arg5[0, 0, %17, 0] [1, 8, 1, 128] [1, 1, 1, 1] : tensor<1x8x1x128xf32> into tensor<1x8x?x128xf32>
    %18 = arith.addi %0, %c-1_i64 : i64
    %19 = arith.maxsi %18, %c0_i64 : i64
    %20 = arith.minsi %19, %0 : i64
    %21 = arith.index_cast %20 : i64 to index
    %inserted_slice_9 = tensor.insert_slice %arg2 into %arg6[0, 0, %21, 0] [1, 8, 1, 128] [1, 1, 1, 1] : tensor<1x8x1x128xf32> into tensor<1x8x?x128xf32>
    %22 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%6 : tensor<1x32x1x128xf32>) outs(%1 : tensor<1x32x1x128xf32>) {
    ^bb0(%in: f32, %out: f32):
      %60 = arith.truncf %cst_3 : f64 to f32
      %61 = arith.mulf %in, %60 : f32
      linalg.yield %61 : f32
    } -> tensor<1x32x1x128xf32>
    %expanded = tensor.expand_shape %inserted_slice [[0], [1], [2, 3], [4]] output_shape [1, 8, 1, %dim_8, 128] : tensor<1x8x?x128xf32> into tensor<1x8x1x?x128xf32>
    %23 = arith.cmpi sge, %0, %c0_i64 : i64
    cf.assert %23, "unimplemented: dynamic negative broadcast sizes"
    %24 = tensor.empty(%dim) : tensor<1x8x4x?x128xf32>
    %25 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} outs(%24 : tensor<1x8x4x?x128xf32>) {
    ^bb0(%out: f32):
      %60 = linalg.index 1 : index
      %61 = linalg.index 3 : index
      %62 = linalg.index 4 : index
      %63 = arith.cmpi eq, %dim_8, %c1 : index
      %64 = arith.select %63, %c0, %61 : index
      %extracted = tensor.extract %expanded[%c0, %60, %c0, %64, %62] : tensor<1x8x1x?x128xf32>
      linalg.yield %extracted : f32
    } -> tensor<1x8x4x?x128xf32>
    %collapsed = tensor.collapse_shape %25 [[0], [1, 2], [3], [4]] : tensor<1x8x4x?x128xf32> into tensor<1x32x?x128xf32>
    %expanded_10 = tensor.expand_shape %inserted_slice_9 [[0], [1], [2, 3], [4]] output_shape [1, 8, 1, %dim, 128] : tensor<1x8x?x128xf32> into tensor<1x8x1x?x128xf32>
    cf.assert %23, "unimplemented: dynamic negative broadcast sizes"
    %26 = linalg.generic {indexing_maps = [#map2], iterator_types = ["parallel", "parallel", "parallel", "parallel", "parallel"]} outs(%24 : tensor<1x8x4x?x128xf32>) {
    ^bb0(%out: f32):
      %60 = linalg.index 1 : index
      %61 = linalg.index 3 : index
      %62 = linalg.index 4 : index
      %63 = arith.cmpi eq, %dim, %c1 : index
      %64 = arith.select %63, %c0, %61 : index
      %extracted = tensor.extract %expanded_10[%c0, %60, %c0, %64, %62] : tensor<1x8x1x?x128xf32>
      linalg.yield %extracted : f32
    } -> tensor<1x8x4x?x128xf32>
    %collapsed_11 = tensor.collapse_shape %26 [[0], [1, 2], [3], [4]] : tensor<1x8x4x?x128xf32> into tensor<1x32x?x128xf32>
    %27 = tensor.empty(%dim) : tensor<1x32x128x?xf32>
    %transposed = linalg.transpose ins(%collapsed : tensor<1x32x?x128xf32>) outs(%27 : tensor<1x32x128x?xf32>) permutation = [0, 1, 3, 2] 
    %28 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%transposed : tensor<1x32x128x?xf32>) outs(%27 : tensor<1x32x128x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %60 = arith.truncf %cst_3 : f64 to f32
      %61 = arith.mulf %in, %60 : f32
      linalg.yield %61 : f32
    } -> tensor<1x32x128x?xf32>
    %collapsed_12 = tensor.collapse_shape %22 [[0, 1], [2], [3]] : tensor<1x32x1x128xf32> into tensor<32x1x128xf32>
    cf.assert %23, "unimplemented: dynamic negative broadcast sizes"
    %29 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%27 : tensor<1x32x128x?xf32>) {
    ^bb0(%out: f32):
      %60 = linalg.index 1 : index
      %61 = linalg.index 2 : index
      %62 = linalg.index 3 : index
      %63 = arith.cmpi eq, %dim, %c1 : index
      %64 = arith.select %63, %c0, %62 : index
      %extracted = tensor.extract %28[%c0, %60, %61, %64] : tensor<1x32x128x?xf32>
      linalg.yield %extracted : f32
    } -> tensor<1x32x128x?xf32>
    %collapsed_13 = tensor.collapse_shape %29 [[0, 1], [2], [3]] : tensor<1x32x128x?xf32> into tensor<32x128x?xf32>
    %30 = tensor.empty(%dim) : tensor<32x1x?xf32>
    %31 = linalg.fill ins(%cst : f32) outs(%30 : tensor<32x1x?xf32>) -> tensor<32x1x?xf32>
    %32 = linalg.batch_matmul ins(%collapsed_12, %collapsed_13 : tensor<32x1x128xf32>, tensor<32x128x?xf32>) outs(%31 : tensor<32x1x?xf32>) -> tensor<32x1x?xf32>
    %expanded_14 = tensor.expand_shape %32 [[0, 1], [2], [3]] output_shape [1, 32, 1, %dim] : tensor<32x1x?xf32> into tensor<1x32x1x?xf32>
    %33 = tensor.empty() : tensor<1x32x1xi64>
    %34 = linalg.fill ins(%c0_i64 : i64) outs(%33 : tensor<1x32x1xi64>) -> tensor<1x32x1xi64>
    %35 = tensor.empty() : tensor<1x32x1xf32>
    %36 = linalg.fill ins(%cst_0 : f32) outs(%35 : tensor<1x32x1xf32>) -> tensor<1x32x1xf32>
    %37:2 = linalg.generic {indexing_maps = [#map, #map3, #map3], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%expanded_14 : tensor<1x32x1x?xf32>) outs(%36, %34 : tensor<1x32x1xf32>, tensor<1x32x1xi64>) {
    ^bb0(%in: f32, %out: f32, %out_19: i64):
      %60 = linalg.index 3 : index
      %61 = arith.index_cast %60 : index to i64
      %62 = arith.maximumf %in, %out : f32
      %63 = arith.cmpf ogt, %in, %out : f32
      %64 = arith.select %63, %61, %out_19 : i64
      linalg.yield %62, %64 : f32, i64
    } -> (tensor<1x32x1xf32>, tensor<1x32x1xi64>)
    %expanded_15 = tensor.expand_shape %37#0 [[0], [1], [2, 3]] output_shape [1, 32, 1, 1] : tensor<1x32x1xf32> into tensor<1x32x1x1xf32>
    %38 = tensor.empty(%dim) : tensor<1x32x1x?xf32>
    %39 = linalg.generic {indexing_maps = [#map, #map4, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_14, %expanded_15 : tensor<1x32x1x?xf32>, tensor<1x32x1x1xf32>) outs(%38 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %60 = arith.subf %in, %in_19 : f32
      linalg.yield %60 : f32
    } -> tensor<1x32x1x?xf32>
    %40 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%39 : tensor<1x32x1x?xf32>) outs(%38 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      %60 = math.exp %in : f32
      linalg.yield %60 : f32
    } -> tensor<1x32x1x?xf32>
    %41 = tensor.empty() : tensor<1x32x1x1xf32>
    %42 = linalg.fill ins(%cst : f32) outs(%41 : tensor<1x32x1x1xf32>) -> tensor<1x32x1x1xf32>
    %43 = linalg.generic {indexing_maps = [#map, #map4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%40 : tensor<1x32x1x?xf32>) outs(%42 : tensor<1x32x1x1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %60 = arith.addf %in, %out : f32
      linalg.yield %60 : f32
    } -> tensor<1x32x1x1xf32>
    %44 = linalg.generic {indexing_maps = [#map, #map4, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%40, %43 : tensor<1x32x1x?xf32>, tensor<1x32x1x1xf32>) outs(%38 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: f32, %in_19: f32, %out: f32):
      %60 = arith.divf %in, %in_19 : f32
      linalg.yield %60 : f32
    } -> tensor<1x32x1x?xf32>
    %45 = tensor.empty(%dim) : tensor<1x32x1x?xi1>
    %46 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%expanded_14 : tensor<1x32x1x?xf32>) outs(%45 : tensor<1x32x1x?xi1>) {
    ^bb0(%in: f32, %out: i1):
      %60 = arith.extf %in : f32 to f64
      %61 = arith.cmpf oeq, %60, %cst_2 : f64
      linalg.yield %61 : i1
    } -> tensor<1x32x1x?xi1>
    %47 = tensor.empty() : tensor<1x32x1x1xi1>
    %48 = linalg.fill ins(%true : i1) outs(%47 : tensor<1x32x1x1xi1>) -> tensor<1x32x1x1xi1>
    %49 = linalg.generic {indexing_maps = [#map, #map4], iterator_types = ["parallel", "parallel", "parallel", "reduction"]} ins(%46 : tensor<1x32x1x?xi1>) outs(%48 : tensor<1x32x1x1xi1>) {
    ^bb0(%in: i1, %out: i1):
      %60 = arith.andi %in, %out : i1
      linalg.yield %60 : i1
    } -> tensor<1x32x1x1xi1>
    %50 = arith.cmpi sge, %0, %c0_i64 : i64
    cf.assert %50, "negative values not allowed in new dimensions"
    %51 = tensor.empty(%dim) : tensor<1x32x1x?xf32>
    %52 = linalg.generic {indexing_maps = [#map5, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%cst_1 : tensor<f32>) outs(%51 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: f32, %out: f32):
      linalg.yield %in : f32
    } -> tensor<1x32x1x?xf32>
    cf.assert %true, "mismatched size for broadcast"
    %53 = linalg.generic {indexing_maps = [#map4, #map, #map, #map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} ins(%49, %52, %44 : tensor<1x32x1x1xi1>, tensor<1x32x1x?xf32>, tensor<1x32x1x?xf32>) outs(%51 : tensor<1x32x1x?xf32>) {
    ^bb0(%in: i1, %in_19: f32, %in_20: f32, %out: f32):
      %60 = arith.select %in, %in_19, %in_20 : f32
      linalg.yield %60 : f32
    } -> tensor<1x32x1x?xf32>
    cf.assert %23, "unimplemented: dynamic negative broadcast sizes"
    %54 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%38 : tensor<1x32x1x?xf32>) {
    ^bb0(%out: f32):
      %60 = linalg.index 1 : index
      %61 = linalg.index 3 : index
      %62 = arith.cmpi eq, %dim, %c1 : index
      %63 = arith.select %62, %c0, %61 : index
      %extracted = tensor.extract %53[%c0, %60, %c0, %63] : tensor<1x32x1x?xf32>
      linalg.yield %extracted : f32
    } -> tensor<1x32x1x?xf32>
    %collapsed_16 = tensor.collapse_shape %54 [[0, 1], [2], [3]] : tensor<1x32x1x?xf32> into tensor<32x1x?xf32>
    cf.assert %23, "unimplemented: dynamic negative broadcast sizes"
    %55 = tensor.empty(%dim) : tensor<1x32x?x128xf32>
    %56 = linalg.generic {indexing_maps = [#map], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%55 : tensor<1x32x?x128xf32>) {
    ^bb0(%out: f32):
      %60 = linalg.index 1 : index
      %61 = linalg.index 2 : index
      %62 = linalg.index 3 : index
      %63 = arith.cmpi eq, %dim, %c1 : index
      %64 = arith.select %63, %c0, %61 : index
      %extracted = tensor.extract %collapsed_11[%c0, %60, %64, %62] : tensor<1x32x?x128xf32>
      linalg.yield %extracted : f32
    } -> tensor<1x32x?x128xf32>
    %collapsed_17 = tensor.collapse_shape %56 [[0, 1], [2], [3]] : tensor<1x32x?x128xf32> into tensor<32x?x128xf32>
    %57 = tensor.empty() : tensor<32x1x128xf32>
    %58 = linalg.fill ins(%cst : f32) outs(%57 : tensor<32x1x128xf32>) -> tensor<32x1x128xf32>
    %59 = linalg.batch_matmul ins(%collapsed_16, %collapsed_17 : tensor<32x1x?xf32>, tensor<32x?x128xf32>) outs(%58 : tensor<32x1x128xf32>) -> tensor<32x1x128xf32>
    %expanded_18 = tensor.expand_shape %59 [[0, 1], [2], [3]] output_shape [1, 32, 1, 128] : tensor<32x1x128xf32> into tensor<1x32x1x128xf32>
    return %expanded_18, %inserted_slice, %inserted_slice_9 : tensor<1x32x1x128xf32>, tensor<1x8x?x128xf32>, tensor<1x8x?x128xf32>
  }
}
