// RUN: dashkv-opt %s --dashkv-raise-attention --split-input-file | FileCheck %s

// Heads, layouts, sizes and types. K and V become operands as they are stored.

// heads are (g, kv), as repeat() makes them: the group is a dim of its own, K and V are the caches
// CHECK-DAG:   #[[$QMAP:.+]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d2, d1, d3, d5)>
// CHECK-DAG:   #[[$KMAP:.+]] = affine_map<(d0, d1, d2, d3, d4, d5, d6) -> (d0, d1, d4, d5)>
// CHECK-LABEL: func.func @tile(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x6x3x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x2x7x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x2x7x8xf32>
// CHECK:         %[[Q5:.+]] = tensor.expand_shape %[[Q]] {{\[}}[0], [1, 2], [3], [4]] {{.*}} into tensor<2x3x2x3x8xf32>
// CHECK:         %[[OUT:.+]] = dashkv.attention ins(%[[Q5]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<2x3x2x3x8xf32>) {indexing_maps = [#[[$QMAP]], #[[$KMAP]],
// CHECK:         tensor.collapse_shape %[[OUT]] {{\[}}[0], [1, 2], [3], [4]]
func.func @tile(%q: tensor<2x6x3x8xf32>, %k: tensor<2x2x7x8xf32>, %v: tensor<2x2x7x8xf32>) -> tensor<2x6x3x8xf32> {
  %e = tensor.empty() : tensor<2x3x2x7x8xf32>
  %kb = linalg.broadcast ins(%k : tensor<2x2x7x8xf32>) outs(%e : tensor<2x3x2x7x8xf32>) dimensions = [1]
  %vb = linalg.broadcast ins(%v : tensor<2x2x7x8xf32>) outs(%e : tensor<2x3x2x7x8xf32>) dimensions = [1]
  %kr = tensor.collapse_shape %kb [[0],[1,2],[3],[4]] : tensor<2x3x2x7x8xf32> into tensor<2x6x7x8xf32>
  %vr = tensor.collapse_shape %vb [[0],[1,2],[3],[4]] : tensor<2x3x2x7x8xf32> into tensor<2x6x7x8xf32>
  %z = arith.constant 0.0 : f32
  %se = tensor.empty() : tensor<2x6x3x7xf32>
  %sz = linalg.fill ins(%z : f32) outs(%se : tensor<2x6x3x7xf32>) -> tensor<2x6x3x7xf32>
  %s = linalg.contract indexing_maps = [affine_map<(b,h,m,n,d)->(b,h,m,d)>, affine_map<(b,h,m,n,d)->(b,h,n,d)>, affine_map<(b,h,m,n,d)->(b,h,m,n)>] ins(%q, %kr : tensor<2x6x3x8xf32>, tensor<2x6x7x8xf32>) outs(%sz : tensor<2x6x3x7xf32>) -> tensor<2x6x3x7xf32>
  %p = linalg.softmax dimension(3) ins(%s : tensor<2x6x3x7xf32>) outs(%se : tensor<2x6x3x7xf32>) -> tensor<2x6x3x7xf32>
  %oe = tensor.empty() : tensor<2x6x3x8xf32>
  %oz = linalg.fill ins(%z : f32) outs(%oe : tensor<2x6x3x8xf32>) -> tensor<2x6x3x8xf32>
  %o = linalg.contract indexing_maps = [affine_map<(b,h,m,n,d)->(b,h,m,n)>, affine_map<(b,h,m,n,d)->(b,h,n,d)>, affine_map<(b,h,m,n,d)->(b,h,m,d)>] ins(%p, %vr : tensor<2x6x3x7xf32>, tensor<2x6x7x8xf32>) outs(%oz : tensor<2x6x3x8xf32>) -> tensor<2x6x3x8xf32>
  return %o : tensor<2x6x3x8xf32>
}

// -----

// rank 2, scores kept as [N,M], V^T P^T
// CHECK-LABEL: func.func @transposed(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<4x8xf32>, %[[K:[a-z0-9]+]]: tensor<9x8xf32>, %[[V:[a-z0-9]+]]: tensor<9x5xf32>
// CHECK-DAG:     %[[Q4:.+]] = tensor.expand_shape %[[Q]] {{.*}} into tensor<1x1x4x8xf32>
// CHECK-DAG:     %[[K4:.+]] = tensor.expand_shape %[[K]] {{.*}} into tensor<1x1x9x8xf32>
// CHECK-DAG:     %[[V4:.+]] = tensor.expand_shape %[[V]] {{.*}} into tensor<1x1x9x5xf32>
// CHECK:         dashkv.attention ins(%[[Q4]], %[[K4]], %[[V4]] : {{.*}}) outs(%{{.*}} : tensor<1x1x5x4xf32>)
// CHECK-NOT:     linalg
func.func @transposed(%q: tensor<4x8xf32>, %k: tensor<9x8xf32>, %v: tensor<9x5xf32>) -> tensor<5x4xf32> {
  %z = arith.constant 0.0 : f32
  %se = tensor.empty() : tensor<9x4xf32>
  %sz = linalg.fill ins(%z : f32) outs(%se : tensor<9x4xf32>) -> tensor<9x4xf32>
  %qte = tensor.empty() : tensor<8x4xf32>
  %qt = linalg.transpose ins(%q : tensor<4x8xf32>) outs(%qte : tensor<8x4xf32>) permutation = [1, 0]
  %s = linalg.matmul ins(%k, %qt : tensor<9x8xf32>, tensor<8x4xf32>) outs(%sz : tensor<9x4xf32>) -> tensor<9x4xf32>
  %p = linalg.softmax dimension(0) ins(%s : tensor<9x4xf32>) outs(%se : tensor<9x4xf32>) -> tensor<9x4xf32>
  %vte = tensor.empty() : tensor<5x9xf32>
  %vt = linalg.transpose ins(%v : tensor<9x5xf32>) outs(%vte : tensor<5x9xf32>) permutation = [1, 0]
  %oe = tensor.empty() : tensor<5x4xf32>
  %oz = linalg.fill ins(%z : f32) outs(%oe : tensor<5x4xf32>) -> tensor<5x4xf32>
  %o = linalg.matmul ins(%vt, %p : tensor<5x9xf32>, tensor<9x4xf32>) outs(%oz : tensor<5x4xf32>) -> tensor<5x4xf32>
  return %o : tensor<5x4xf32>
}

// -----

// a step of one vector
// CHECK-LABEL: func.func @matvec(
// CHECK:         dashkv.attention ins({{.*}} : tensor<1x1x1x8xf32>, tensor<1x1x9x8xf32>, tensor<1x1x9x5xf32>) outs(%{{.*}} : tensor<1x1x1x5xf32>) {scale = 1.000000e+00 : f32}
// CHECK-NOT:     linalg
func.func @matvec(%q: tensor<8xf32>, %k: tensor<9x8xf32>, %v: tensor<9x5xf32>) -> tensor<5xf32> {
  %z = arith.constant 0.0 : f32
  %se = tensor.empty() : tensor<9xf32>
  %sz = linalg.fill ins(%z : f32) outs(%se : tensor<9xf32>) -> tensor<9xf32>
  %s = linalg.matvec ins(%k, %q : tensor<9x8xf32>, tensor<8xf32>) outs(%sz : tensor<9xf32>) -> tensor<9xf32>
  %p = linalg.softmax dimension(0) ins(%s : tensor<9xf32>) outs(%se : tensor<9xf32>) -> tensor<9xf32>
  %oe = tensor.empty() : tensor<5xf32>
  %oz = linalg.fill ins(%z : f32) outs(%oe : tensor<5xf32>) -> tensor<5xf32>
  %o = linalg.vecmat ins(%p, %v : tensor<9xf32>, tensor<9x5xf32>) outs(%oz : tensor<5xf32>) -> tensor<5xf32>
  return %o : tensor<5xf32>
}

// -----

// a step of one vector for every head
// CHECK-LABEL: func.func @batch_matvec(
// CHECK:         dashkv.attention ins({{.*}} : tensor<1x6x1x8xf32>, tensor<1x6x9x8xf32>, tensor<1x6x9x5xf32>) outs(%{{.*}} : tensor<1x6x1x5xf32>) {scale = 1.000000e+00 : f32}
// CHECK-NOT:     linalg
func.func @batch_matvec(%q: tensor<6x8xf32>, %k: tensor<6x9x8xf32>, %v: tensor<6x9x5xf32>) -> tensor<6x5xf32> {
  %z = arith.constant 0.0 : f32
  %se = tensor.empty() : tensor<6x9xf32>
  %sz = linalg.fill ins(%z : f32) outs(%se : tensor<6x9xf32>) -> tensor<6x9xf32>
  %s = linalg.batch_matvec ins(%k, %q : tensor<6x9x8xf32>, tensor<6x8xf32>) outs(%sz : tensor<6x9xf32>) -> tensor<6x9xf32>
  %p = linalg.softmax dimension(1) ins(%s : tensor<6x9xf32>) outs(%se : tensor<6x9xf32>) -> tensor<6x9xf32>
  %oe = tensor.empty() : tensor<6x5xf32>
  %oz = linalg.fill ins(%z : f32) outs(%oe : tensor<6x5xf32>) -> tensor<6x5xf32>
  %o = linalg.batch_vecmat ins(%p, %v : tensor<6x9xf32>, tensor<6x9x5xf32>) outs(%oz : tensor<6x5xf32>) -> tensor<6x5xf32>
  return %o : tensor<6x5xf32>
}

// -----

// one KV head, by maps only
// CHECK-LABEL: func.func @mqa(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x6x3x8xf32>
// CHECK:         dashkv.attention ins(%[[Q]], {{.*}} : tensor<2x6x3x8xf32>, tensor<2x1x7x8xf32>, tensor<2x1x7x8xf32>) outs(%{{.*}} : tensor<2x6x3x8xf32>) {scale = 1.000000e+00 : f32}
// CHECK-NOT:     linalg
func.func @mqa(%q: tensor<2x6x3x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x8xf32>) -> tensor<2x6x3x8xf32> {
  %z = arith.constant 0.0 : f32
  %se = tensor.empty() : tensor<2x6x3x7xf32>
  %sz = linalg.fill ins(%z : f32) outs(%se : tensor<2x6x3x7xf32>) -> tensor<2x6x3x7xf32>
  %s = linalg.contract indexing_maps = [affine_map<(b,h,m,n,d)->(b,h,m,d)>, affine_map<(b,h,m,n,d)->(b,n,d)>, affine_map<(b,h,m,n,d)->(b,h,m,n)>] ins(%q, %k : tensor<2x6x3x8xf32>, tensor<2x7x8xf32>) outs(%sz : tensor<2x6x3x7xf32>) -> tensor<2x6x3x7xf32>
  %p = linalg.softmax dimension(3) ins(%s : tensor<2x6x3x7xf32>) outs(%se : tensor<2x6x3x7xf32>) -> tensor<2x6x3x7xf32>
  %oe = tensor.empty() : tensor<2x6x3x8xf32>
  %oz = linalg.fill ins(%z : f32) outs(%oe : tensor<2x6x3x8xf32>) -> tensor<2x6x3x8xf32>
  %o = linalg.contract indexing_maps = [affine_map<(b,h,m,n,d)->(b,h,m,n)>, affine_map<(b,h,m,n,d)->(b,n,d)>, affine_map<(b,h,m,n,d)->(b,h,m,d)>] ins(%p, %v : tensor<2x6x3x7xf32>, tensor<2x7x8xf32>) outs(%oz : tensor<2x6x3x8xf32>) -> tensor<2x6x3x8xf32>
  return %o : tensor<2x6x3x8xf32>
}

// -----

// query head h reads KV head h div 3: by a computed index, and in a map
// CHECK-LABEL: func.func @kv_floordiv(
// CHECK:         dashkv.attention ins({{.*}} : tensor<1x6x3x8xf32>, tensor<1x2x7x8xf32>, tensor<1x2x7x8xf32>) outs(%{{.*}} : tensor<1x6x3x8xf32>) {scale = 1.000000e+00 : f32}
// CHECK-NOT:     linalg
func.func @kv_floordiv(%q: tensor<6x3x8xf32>, %k: tensor<2x7x8xf32>, %v: tensor<2x7x8xf32>) -> tensor<6x3x8xf32> {
  %z = arith.constant 0.0 : f32
  %ke = tensor.empty() : tensor<6x7x8xf32>
  %kr = linalg.generic {indexing_maps = [affine_map<(h,n,d)->(h,n,d)>], iterator_types = ["parallel","parallel","parallel"]} outs(%ke : tensor<6x7x8xf32>) {
  ^bb0(%o: f32):
    %h = linalg.index 0 : index
    %n = linalg.index 1 : index
    %d = linalg.index 2 : index
    %c3 = arith.constant 3 : index
    %kv = arith.divui %h, %c3 : index
    %x = tensor.extract %k[%kv, %n, %d] : tensor<2x7x8xf32>
    linalg.yield %x : f32
  } -> tensor<6x7x8xf32>
  %se = tensor.empty() : tensor<6x3x7xf32>
  %sz = linalg.fill ins(%z : f32) outs(%se : tensor<6x3x7xf32>) -> tensor<6x3x7xf32>
  %s = linalg.batch_matmul indexing_maps = [affine_map<(b,m,n,d)->(b,m,d)>, affine_map<(b,m,n,d)->(b,n,d)>, affine_map<(b,m,n,d)->(b,m,n)>] ins(%q, %kr : tensor<6x3x8xf32>, tensor<6x7x8xf32>) outs(%sz : tensor<6x3x7xf32>) -> tensor<6x3x7xf32>
  %p = linalg.softmax dimension(2) ins(%s : tensor<6x3x7xf32>) outs(%se : tensor<6x3x7xf32>) -> tensor<6x3x7xf32>
  %oe = tensor.empty() : tensor<6x3x8xf32>
  %oz = linalg.fill ins(%z : f32) outs(%oe : tensor<6x3x8xf32>) -> tensor<6x3x8xf32>
  %o = linalg.generic {indexing_maps = [affine_map<(h,m,d,n)->(h,m,n)>, affine_map<(h,m,d,n)->(h floordiv 3,n,d)>, affine_map<(h,m,d,n)->(h,m,d)>], iterator_types = ["parallel","parallel","parallel","reduction"]} ins(%p, %v : tensor<6x3x7xf32>, tensor<2x7x8xf32>) outs(%oz : tensor<6x3x8xf32>) {
  ^bb0(%x: f32, %y: f32, %a: f32):
    %t = arith.mulf %x, %y : f32
    %r = arith.addf %a, %t : f32
    linalg.yield %r : f32
  } -> tensor<6x3x8xf32>
  return %o : tensor<6x3x8xf32>
}

// -----

// einsum: group and rows are one dim of the product, q and the result are BSHD
// CHECK-DAG:   #[[$QMAP:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d2, d1, d4)>
// CHECK-DAG:   #[[$OMAP:.+]] = affine_map<(d0, d1, d2, d3, d4, d5) -> (d0, d2, d1, d5)>
// CHECK-LABEL: func.func @folded(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<1x3x8x16xf32>, %[[K:[a-z0-9]+]]: tensor<1x2x7x16xf32>, %[[V:[a-z0-9]+]]: tensor<1x2x7x16xf32>
// CHECK-NEXT:    tensor.empty
// CHECK-NEXT:    %[[OUT:.+]] = dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<1x3x8x16xf32>) {indexing_maps = [#[[$QMAP]], {{.*}}, #[[$OMAP]]]
// CHECK-NEXT:    return %[[OUT]]
func.func @folded(%q: tensor<1x3x8x16xf32>, %k: tensor<1x2x7x16xf32>, %v: tensor<1x2x7x16xf32>) -> tensor<1x3x8x16xf32> {
  // q is BSHD with 8 heads = 2 kv x 4 g
  %z = arith.constant 0.0 : f32
  %q5 = tensor.expand_shape %q [[0],[1],[2,3],[4]] output_shape [1,3,2,4,16] : tensor<1x3x8x16xf32> into tensor<1x3x2x4x16xf32>
  %qe = tensor.empty() : tensor<1x2x4x3x16xf32>
  %qt = linalg.transpose ins(%q5 : tensor<1x3x2x4x16xf32>) outs(%qe : tensor<1x2x4x3x16xf32>) permutation = [0, 2, 3, 1, 4]
  %qf = tensor.collapse_shape %qt [[0,1],[2,3],[4]] : tensor<1x2x4x3x16xf32> into tensor<2x12x16xf32>
  %kf = tensor.collapse_shape %k [[0,1],[2],[3]] : tensor<1x2x7x16xf32> into tensor<2x7x16xf32>
  %vf = tensor.collapse_shape %v [[0,1],[2],[3]] : tensor<1x2x7x16xf32> into tensor<2x7x16xf32>
  %se = tensor.empty() : tensor<2x12x7xf32>
  %sz = linalg.fill ins(%z : f32) outs(%se : tensor<2x12x7xf32>) -> tensor<2x12x7xf32>
  %s = linalg.batch_matmul indexing_maps = [affine_map<(b,m,n,d)->(b,m,d)>, affine_map<(b,m,n,d)->(b,n,d)>, affine_map<(b,m,n,d)->(b,m,n)>] ins(%qf, %kf : tensor<2x12x16xf32>, tensor<2x7x16xf32>) outs(%sz : tensor<2x12x7xf32>) -> tensor<2x12x7xf32>
  %p = linalg.softmax dimension(2) ins(%s : tensor<2x12x7xf32>) outs(%se : tensor<2x12x7xf32>) -> tensor<2x12x7xf32>
  %oe = tensor.empty() : tensor<2x12x16xf32>
  %oz = linalg.fill ins(%z : f32) outs(%oe : tensor<2x12x16xf32>) -> tensor<2x12x16xf32>
  %o = linalg.batch_matmul ins(%p, %vf : tensor<2x12x7xf32>, tensor<2x7x16xf32>) outs(%oz : tensor<2x12x16xf32>) -> tensor<2x12x16xf32>
  %o5 = tensor.expand_shape %o [[0,1],[2,3],[4]] output_shape [1,2,4,3,16] : tensor<2x12x16xf32> into tensor<1x2x4x3x16xf32>
  %o5e = tensor.empty() : tensor<1x3x2x4x16xf32>
  %ot = linalg.transpose ins(%o5 : tensor<1x2x4x3x16xf32>) outs(%o5e : tensor<1x3x2x4x16xf32>) permutation = [0, 3, 1, 2, 4]
  %o4 = tensor.collapse_shape %ot [[0],[1],[2,3],[4]] : tensor<1x3x2x4x16xf32> into tensor<1x3x8x16xf32>
  return %o4 : tensor<1x3x8x16xf32>
}

// -----

// JAX: BTNH, query heads [Hkv, G] without a repeat, select of the lowest number, exponentials
// in another layout than the scores, V^T P^T
// CHECK-LABEL: func.func @jax(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x5x6x8xf32>, %[[K:[a-z0-9]+]]: tensor<2x5x3x8xf32>, %[[V:[a-z0-9]+]]: tensor<2x5x3x8xf32>
// CHECK-NOT:     linalg
// CHECK:         dashkv.attention causal ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<2x5x6x8xf32>) {indexing_maps = [{{.*}}], scale = 0.353553385 : f32}
// CHECK-NOT:     linalg
func.func @jax(%q: tensor<2x5x6x8xf32>, %k: tensor<2x5x3x8xf32>, %v: tensor<2x5x3x8xf32>) -> tensor<2x5x6x8xf32> {
  %z = arith.constant 0.0 : f32
  %ninf = arith.constant 0xFF800000 : f32
  %neg = arith.constant -2.38197633E+38 : f32
  %scale = arith.constant 0.353553385 : f32
  %q5 = tensor.expand_shape %q [[0],[1],[2,3],[4]] output_shape [2,5,3,2,8] : tensor<2x5x6x8xf32> into tensor<2x5x3x2x8xf32>
  %se = tensor.empty() : tensor<2x3x2x5x5xf32>
  %sz = linalg.fill ins(%z : f32) outs(%se : tensor<2x3x2x5x5xf32>) -> tensor<2x3x2x5x5xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(b,k,g,t,s,h)->(b,t,k,g,h)>, affine_map<(b,k,g,t,s,h)->(b,s,k,h)>, affine_map<(b,k,g,t,s,h)->(b,k,g,t,s)>], iterator_types = ["parallel","parallel","parallel","parallel","parallel","reduction"]} ins(%q5, %k : tensor<2x5x3x2x8xf32>, tensor<2x5x3x8xf32>) outs(%sz : tensor<2x3x2x5x5xf32>) {
  ^bb0(%x: f32, %y: f32, %a: f32):
    %t = arith.mulf %x, %y : f32
    %r = arith.addf %a, %t : f32
    linalg.yield %r : f32
  } -> tensor<2x3x2x5x5xf32>
  %sc = tensor.collapse_shape %s [[0],[1,2],[3],[4]] : tensor<2x3x2x5x5xf32> into tensor<2x6x5x5xf32>
  %it = tensor.empty() : tensor<5xi32>
  %iota = linalg.generic {indexing_maps = [affine_map<(i)->(i)>], iterator_types = ["parallel"]} outs(%it : tensor<5xi32>) {
  ^bb0(%o: i32):
    %i = linalg.index 0 : index
    %c = arith.index_cast %i : index to i32
    linalg.yield %c : i32
  } -> tensor<5xi32>
  %mi = tensor.empty() : tensor<5x5xi32>
  %rowb = linalg.broadcast ins(%iota : tensor<5xi32>) outs(%mi : tensor<5x5xi32>) dimensions = [1]
  %colb = linalg.broadcast ins(%iota : tensor<5xi32>) outs(%mi : tensor<5x5xi32>) dimensions = [0]
  %vis = arith.cmpi sge, %rowb, %colb : tensor<5x5xi32>
  %m4e = tensor.empty() : tensor<2x6x5x5xi1>
  %vis4 = linalg.broadcast ins(%vis : tensor<5x5xi1>) outs(%m4e : tensor<2x6x5x5xi1>) dimensions = [0, 1]
  %s4e = tensor.empty() : tensor<2x6x5x5xf32>
  %scf = linalg.fill ins(%scale : f32) outs(%s4e : tensor<2x6x5x5xf32>) -> tensor<2x6x5x5xf32>
  %scaled = arith.mulf %sc, %scf : tensor<2x6x5x5xf32>
  %negs = arith.constant dense<-2.38197633E+38> : tensor<2x6x5x5xf32>
  %masked = arith.select %vis4, %scaled, %negs : tensor<2x6x5x5xi1>, tensor<2x6x5x5xf32>
  %re = tensor.empty() : tensor<2x6x5xf32>
  %mf = linalg.fill ins(%ninf : f32) outs(%re : tensor<2x6x5xf32>) -> tensor<2x6x5xf32>
  %mx = linalg.reduce { arith.maximumf } ins(%masked : tensor<2x6x5x5xf32>) outs(%mf : tensor<2x6x5xf32>) dimensions = [3]
  %ninfs = arith.constant dense<0xFF800000> : tensor<2x6x5xf32>
  %mx2 = arith.maximumf %ninfs, %mx : tensor<2x6x5xf32>
  %mxb = linalg.broadcast ins(%mx2 : tensor<2x6x5xf32>) outs(%s4e : tensor<2x6x5x5xf32>) dimensions = [3]
  %cen = arith.subf %masked, %mxb : tensor<2x6x5x5xf32>
  %tre = tensor.empty() : tensor<2x5x6x5xf32>
  %cent = linalg.transpose ins(%cen : tensor<2x6x5x5xf32>) outs(%tre : tensor<2x5x6x5xf32>) permutation = [0, 2, 1, 3]
  %ex = math.exp %cent : tensor<2x5x6x5xf32>
  %re2 = tensor.empty() : tensor<2x5x6xf32>
  %sf = linalg.fill ins(%z : f32) outs(%re2 : tensor<2x5x6xf32>) -> tensor<2x5x6xf32>
  %sm = linalg.reduce { arith.addf } ins(%ex : tensor<2x5x6x5xf32>) outs(%sf : tensor<2x5x6xf32>) dimensions = [3]
  %smb = linalg.broadcast ins(%sm : tensor<2x5x6xf32>) outs(%tre : tensor<2x5x6x5xf32>) dimensions = [3]
  %p = arith.divf %ex, %smb : tensor<2x5x6x5xf32>
  %p5 = tensor.expand_shape %p [[0],[1],[2,3],[4]] output_shape [2,5,3,2,5] : tensor<2x5x6x5xf32> into tensor<2x5x3x2x5xf32>
  %oe = tensor.empty() : tensor<2x3x8x5x2xf32>
  %oz = linalg.fill ins(%z : f32) outs(%oe : tensor<2x3x8x5x2xf32>) -> tensor<2x3x8x5x2xf32>
  %o = linalg.generic {indexing_maps = [affine_map<(b,k,h,t,g,s)->(b,s,k,h)>, affine_map<(b,k,h,t,g,s)->(b,t,k,g,s)>, affine_map<(b,k,h,t,g,s)->(b,k,h,t,g)>], iterator_types = ["parallel","parallel","parallel","parallel","parallel","reduction"]} ins(%v, %p5 : tensor<2x5x3x8xf32>, tensor<2x5x3x2x5xf32>) outs(%oz : tensor<2x3x8x5x2xf32>) {
  ^bb0(%x: f32, %y: f32, %a: f32):
    %t = arith.mulf %x, %y : f32
    %r = arith.addf %a, %t : f32
    linalg.yield %r : f32
  } -> tensor<2x3x8x5x2xf32>
  %ote = tensor.empty() : tensor<2x5x3x2x8xf32>
  %ot = linalg.transpose ins(%o : tensor<2x3x8x5x2xf32>) outs(%ote : tensor<2x5x3x2x8xf32>) permutation = [0, 3, 1, 4, 2]
  %r = tensor.collapse_shape %ot [[0],[1],[2,3],[4]] : tensor<2x5x3x2x8xf32> into tensor<2x5x6x8xf32>
  return %r : tensor<2x5x6x8xf32>
}

// -----

// K and V of one batch serve all: the batch of the queries is a group of its own
// CHECK-LABEL: func.func @keys_shared_by_batch(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<2x3x4x8xf32>
// CHECK:         dashkv.attention ins({{.*}} : tensor<1x2x3x4x8xf32>, tensor<1x3x6x8xf32>, tensor<1x3x6x8xf32>) outs(%{{.*}} : tensor<1x2x3x4x8xf32>)
// CHECK-NOT:     linalg
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
func.func @keys_shared_by_batch(%q: tensor<2x3x4x8xf32>, %k: tensor<3x6x8xf32>, %v: tensor<3x6x8xf32>) -> tensor<2x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  return %out : tensor<2x3x4x8xf32>
}

// -----

// two batch dims become one by a reshape; K kept as [D, N]
// CHECK-LABEL: func.func @two_batch_dims(
// CHECK:         dashkv.attention ins({{.*}} : tensor<10x3x4x8xf32>, tensor<10x3x8x6xf32>, tensor<10x3x6x8xf32>) outs(%{{.*}} : tensor<10x3x4x8xf32>) {indexing_maps
// CHECK-NOT:     linalg
#q = affine_map<(a, b, h, m, n, d) -> (a, b, h, m, d)>
#k = affine_map<(a, b, h, m, n, d) -> (a, b, h, d, n)>
#s = affine_map<(a, b, h, m, n, d) -> (a, b, h, m, n)>
#p = affine_map<(a, b, h, m, d, n) -> (a, b, h, m, n)>
#v = affine_map<(a, b, h, m, d, n) -> (a, b, h, n, d)>
#o = affine_map<(a, b, h, m, d, n) -> (a, b, h, m, d)>
func.func @two_batch_dims(%q: tensor<2x5x3x4x8xf32>, %k: tensor<2x5x3x8x6xf32>, %v: tensor<2x5x3x6x8xf32>) -> tensor<2x5x3x4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x5x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x5x3x4x6xf32>) -> tensor<2x5x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x5x3x4x8xf32>, tensor<2x5x3x8x6xf32>) outs(%zeros : tensor<2x5x3x4x6xf32>) -> tensor<2x5x3x4x6xf32>
  %p = linalg.softmax dimension(4) ins(%dot : tensor<2x5x3x4x6xf32>) outs(%score_init : tensor<2x5x3x4x6xf32>) -> tensor<2x5x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x5x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x5x3x4x8xf32>) -> tensor<2x5x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x5x3x4x6xf32>, tensor<2x5x3x6x8xf32>) outs(%out_zero : tensor<2x5x3x4x8xf32>) -> tensor<2x5x3x4x8xf32>
  return %out : tensor<2x5x3x4x8xf32>
}

// -----

// batch, rows and keys dynamic, heads collapsed by tensor.reshape: K has sizes of its own,
// so that an assertion relates them
// CHECK-LABEL: func.func @dynamic(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<?x4x?x8xf32>, %[[K:[a-z0-9]+]]: tensor<?x4x8x?xf32>, %[[V:[a-z0-9]+]]: tensor<?x4x?x8xf32>
// CHECK:         %[[KEYS_OF_K:.+]] = tensor.dim %[[K]], %c3
// CHECK:         %[[KEYS_OF_V:.+]] = tensor.dim %[[V]], %c2
// CHECK:         %[[SAME:.+]] = arith.cmpi eq, %[[KEYS_OF_K]], %[[KEYS_OF_V]]
// CHECK:         cf.assert %[[SAME]], "attention: expected sizes that agree
// CHECK:         dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<?x4x?x8xf32>) {indexing_maps
// CHECK-NOT:     linalg
func.func @dynamic(%q: tensor<?x4x?x8xf32>, %k: tensor<?x4x8x?xf32>, %v: tensor<?x4x?x8xf32>) -> tensor<?x4x?x8xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %batch = tensor.dim %q, %c0 : tensor<?x4x?x8xf32>
  %rows = tensor.dim %q, %c2 : tensor<?x4x?x8xf32>
  %keys = tensor.dim %v, %c2 : tensor<?x4x?x8xf32>
  %heads = arith.muli %batch, %c4 : index
  %q_shape = tensor.from_elements %heads, %rows, %c8 : tensor<3xindex>
  %q3 = tensor.reshape %q(%q_shape) : (tensor<?x4x?x8xf32>, tensor<3xindex>) -> tensor<?x?x8xf32>
  %k_shape = tensor.from_elements %heads, %c8, %keys : tensor<3xindex>
  %k3 = tensor.reshape %k(%k_shape) : (tensor<?x4x8x?xf32>, tensor<3xindex>) -> tensor<?x8x?xf32>
  %s_init = tensor.empty(%heads, %rows, %keys) : tensor<?x?x?xf32>
  %s_zero = linalg.fill ins(%zero : f32) outs(%s_init : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %s = linalg.batch_matmul ins(%q3, %k3 : tensor<?x?x8xf32>, tensor<?x8x?xf32>) outs(%s_zero : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %p = linalg.softmax dimension(2) ins(%s : tensor<?x?x?xf32>) outs(%s_init : tensor<?x?x?xf32>) -> tensor<?x?x?xf32>
  %v_shape = tensor.from_elements %heads, %keys, %c8 : tensor<3xindex>
  %v3 = tensor.reshape %v(%v_shape) : (tensor<?x4x?x8xf32>, tensor<3xindex>) -> tensor<?x?x8xf32>
  %o_init = tensor.empty(%heads, %rows) : tensor<?x?x8xf32>
  %o_zero = linalg.fill ins(%zero : f32) outs(%o_init : tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %o = linalg.batch_matmul ins(%p, %v3 : tensor<?x?x?xf32>, tensor<?x?x8xf32>) outs(%o_zero : tensor<?x?x8xf32>) -> tensor<?x?x8xf32>
  %o_shape = tensor.from_elements %batch, %c4, %rows, %c8 : tensor<4xindex>
  %out = tensor.reshape %o(%o_shape) : (tensor<?x?x8xf32>, tensor<4xindex>) -> tensor<?x4x?x8xf32>
  return %out : tensor<?x4x?x8xf32>
}

// -----

// a dynamic dim that may be broadcast is read through select(size == 1, 0, n): the dim itself
// where its size is that of the loop, else under an assertion
// CHECK-LABEL: func.func @broadcast_guard(
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: tensor<1x2x1x8xf32>, %[[K:[a-z0-9]+]]: tensor<1x2x?x8xf32>, %[[V:[a-z0-9]+]]: tensor<1x2x?x8xf32>
// CHECK:         cf.assert
// CHECK-NOT:     cf.assert
// CHECK:         dashkv.attention ins(%[[Q]], %[[K]], %[[V]] : {{.*}}) outs(%{{.*}} : tensor<1x2x1x8xf32>)
// CHECK-NOT:     linalg
#id = affine_map<(b, h, n, d) -> (b, h, n, d)>
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
func.func @broadcast_guard(%q: tensor<1x2x1x8xf32>, %k: tensor<1x2x?x8xf32>, %v: tensor<1x2x?x8xf32>) -> tensor<1x2x1x8xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %keys_of_k = tensor.dim %k, %c2 : tensor<1x2x?x8xf32>
  %keys = tensor.dim %v, %c2 : tensor<1x2x?x8xf32>
  %copy_init = tensor.empty(%keys) : tensor<1x2x?x8xf32>
  %kb = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%copy_init : tensor<1x2x?x8xf32>) {
  ^bb0(%o: f32):
    %h = linalg.index 1 : index
    %n = linalg.index 2 : index
    %d = linalg.index 3 : index
    %is_one = arith.cmpi eq, %keys_of_k, %c1 : index
    %at = arith.select %is_one, %c0, %n : index
    %x = tensor.extract %k[%c0, %h, %at, %d] : tensor<1x2x?x8xf32>
    linalg.yield %x : f32
  } -> tensor<1x2x?x8xf32>
  %vb = linalg.generic {indexing_maps = [#id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%copy_init : tensor<1x2x?x8xf32>) {
  ^bb0(%o: f32):
    %h = linalg.index 1 : index
    %n = linalg.index 2 : index
    %d = linalg.index 3 : index
    %is_one = arith.cmpi eq, %keys, %c1 : index
    %at = arith.select %is_one, %c0, %n : index
    %x = tensor.extract %v[%c0, %h, %at, %d] : tensor<1x2x?x8xf32>
    linalg.yield %x : f32
  } -> tensor<1x2x?x8xf32>
  %score_init = tensor.empty(%keys) : tensor<1x2x1x?xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<1x2x1x?xf32>) -> tensor<1x2x1x?xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %kb : tensor<1x2x1x8xf32>, tensor<1x2x?x8xf32>) outs(%zeros : tensor<1x2x1x?xf32>) -> tensor<1x2x1x?xf32>
  %p = linalg.softmax dimension(3) ins(%dot : tensor<1x2x1x?xf32>) outs(%score_init : tensor<1x2x1x?xf32>) -> tensor<1x2x1x?xf32>
  %out_init = tensor.empty() : tensor<1x2x1x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<1x2x1x8xf32>) -> tensor<1x2x1x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %vb : tensor<1x2x1x?xf32>, tensor<1x2x?x8xf32>) outs(%out_zero : tensor<1x2x1x8xf32>) -> tensor<1x2x1x8xf32>
  return %out : tensor<1x2x1x8xf32>
}

// -----

// half precision: operands in their type, the cast of the result taken in, probabilities that
// were rounded before the second contraction are not
// CHECK-LABEL: func.func @f16(
// CHECK-NEXT:    tensor.empty() : tensor<2x3x4x8xf16>
// CHECK-NEXT:    dashkv.attention ins(%{{.*}} : tensor<2x3x4x8xf16>, tensor<2x3x6x8xf16>, tensor<2x3x6x8xf16>) outs(%{{.*}} : tensor<2x3x4x8xf16>)
// CHECK-NEXT:    return
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
#id = affine_map<(b, h, m, d) -> (b, h, m, d)>
func.func @f16(%q: tensor<2x3x4x8xf16>, %k: tensor<2x3x6x8xf16>, %v: tensor<2x3x6x8xf16>) -> tensor<2x3x4x8xf16> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf16>, tensor<2x3x6x8xf16>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %half = arith.truncf %p : tensor<2x3x4x6xf32> to tensor<2x3x4x6xf16>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out32 = linalg.contract indexing_maps = [#p, #v, #o] ins(%half, %v : tensor<2x3x4x6xf16>, tensor<2x3x6x8xf16>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = arith.truncf %out32 : tensor<2x3x4x8xf32> to tensor<2x3x4x8xf16>
  return %out : tensor<2x3x4x8xf16>
}

// -----

// the head dims of the result are joined for the projection that follows: the op writes BSHD
// and the collapse stays
// CHECK-LABEL: func.func @projection(
// CHECK:         %[[OUT:.+]] = dashkv.attention ins({{.*}}) outs(%{{.*}} : tensor<2x4x3x8xf32>) {indexing_maps
// CHECK-NEXT:    %[[JOINED:.+]] = tensor.collapse_shape %[[OUT]] {{\[}}[0, 1], [2, 3]]
// CHECK:         linalg.matmul ins(%[[JOINED]],
#q = affine_map<(b, h, m, n, d) -> (b, h, m, d)>
#k = affine_map<(b, h, m, n, d) -> (b, h, n, d)>
#s = affine_map<(b, h, m, n, d) -> (b, h, m, n)>
#p = affine_map<(b, h, m, d, n) -> (b, h, m, n)>
#v = affine_map<(b, h, m, d, n) -> (b, h, n, d)>
#o = affine_map<(b, h, m, d, n) -> (b, h, m, d)>
func.func @projection(%q: tensor<2x3x4x8xf32>, %k: tensor<2x3x6x8xf32>, %v: tensor<2x3x6x8xf32>, %w: tensor<24x24xf32>) -> tensor<8x24xf32> {
  %zero = arith.constant 0.0 : f32
  %score_init = tensor.empty() : tensor<2x3x4x6xf32>
  %zeros = linalg.fill ins(%zero : f32) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %dot = linalg.contract indexing_maps = [#q, #k, #s] ins(%q, %k : tensor<2x3x4x8xf32>, tensor<2x3x6x8xf32>) outs(%zeros : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %p = linalg.softmax dimension(3) ins(%dot : tensor<2x3x4x6xf32>) outs(%score_init : tensor<2x3x4x6xf32>) -> tensor<2x3x4x6xf32>
  %out_init = tensor.empty() : tensor<2x3x4x8xf32>
  %out_zero = linalg.fill ins(%zero : f32) outs(%out_init : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %out = linalg.contract indexing_maps = [#p, #v, #o] ins(%p, %v : tensor<2x3x4x6xf32>, tensor<2x3x6x8xf32>) outs(%out_zero : tensor<2x3x4x8xf32>) -> tensor<2x3x4x8xf32>
  %rows_init = tensor.empty() : tensor<2x4x3x8xf32>
  %rows = linalg.transpose ins(%out : tensor<2x3x4x8xf32>) outs(%rows_init : tensor<2x4x3x8xf32>) permutation = [0, 2, 1, 3]
  %joined = tensor.collapse_shape %rows [[0, 1], [2, 3]] : tensor<2x4x3x8xf32> into tensor<8x24xf32>
  %y_init = tensor.empty() : tensor<8x24xf32>
  %y_zero = linalg.fill ins(%zero : f32) outs(%y_init : tensor<8x24xf32>) -> tensor<8x24xf32>
  %y = linalg.matmul ins(%joined, %w : tensor<8x24xf32>, tensor<24x24xf32>) outs(%y_zero : tensor<8x24xf32>) -> tensor<8x24xf32>
  return %y : tensor<8x24xf32>
}
