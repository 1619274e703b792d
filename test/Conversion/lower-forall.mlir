// RUN: dashkv-opt %s --dashkv-lower-forall | FileCheck %s --check-prefixes=CHECK,SERIAL
// RUN: dashkv-opt %s --dashkv-lower-forall=parallel=omp | FileCheck %s --check-prefixes=CHECK,OMP
// RUN: dashkv-opt %s --dashkv-lower-forall=parallel=callback | FileCheck %s --check-prefixes=CALLBACK
// RUN: dashkv-opt %s --dashkv-lower-forall=parallel=callback --lower-affine --finalize-memref-to-llvm --convert-to-llvm --reconcile-unrealized-casts | mlir-translate --mlir-to-llvmir | FileCheck %s --check-prefix=LLVM

// CHECK-LABEL: func.func @scale(
// CHECK-SAME:    %[[X:.+]]: memref<?x8xf32>, %[[F:.+]]: f32)
// CHECK:         %[[ROWS:.+]] = memref.dim %[[X]]
// CHECK:         %[[COUNT:.+]] = affine.apply
// SERIAL:        scf.for %[[I:.+]] = %{{.+}} to %[[COUNT]] step
// OMP:           scf.parallel (%[[I:.+]]) = (%{{.+}}) to (%[[COUNT]]) step
// CHECK:           call @dashkv_tile(%{{.+}}, %[[I]])

// CALLBACK-LABEL: func.func @scale(
// CALLBACK-SAME:    %[[X:.+]]: memref<?x8xf32>, %[[F:.+]]: f32)
// CALLBACK:         %[[CONTEXT:.+]] = llvm.alloca %{{.+}} x !llvm.struct<(f32, struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>)>
// CALLBACK:         llvm.store %[[F]], %{{.+}} : f32, !llvm.ptr
// CALLBACK:         %[[ENTRY:.+]] = llvm.mlir.addressof @dashkv_tile_entry
// CALLBACK:         llvm.call @dashkv_parallel_for(%[[ENTRY]], %[[CONTEXT]], %{{.+}}) : (!llvm.ptr, !llvm.ptr, i64) -> ()
// CALLBACK:       llvm.func internal @dashkv_tile_entry(%[[ARG:.+]]: !llvm.ptr, %[[I:.+]]: i64)
// CALLBACK:         %[[G:.+]] = llvm.load %{{.+}} : !llvm.ptr -> f32
// CALLBACK:         %[[N:.+]] = arith.index_cast %[[I]] : i64 to index
// CALLBACK:         func.call @dashkv_tile(%[[G]], %{{.+}}, %[[N]])
// CALLBACK:       llvm.func @dashkv_parallel_for(!llvm.ptr, !llvm.ptr, i64)

// LLVM-DAG: declare void @dashkv_parallel_for(ptr, ptr, i64)
// LLVM-DAG: define internal void @dashkv_tile_entry(ptr %0, i64 %1)
// LLVM-DAG: call void @dashkv_parallel_for(ptr @dashkv_tile_entry, ptr %{{.+}}, i64 %{{.+}})
func.func @scale(%x: memref<?x8xf32>, %f: f32) {
  %c0 = arith.constant 0 : index
  %two = arith.constant 2.0 : f32
  %rows = memref.dim %x, %c0 : memref<?x8xf32>
  scf.forall (%i, %j) = (0, 0) to (%rows, 8) step (1, 2) {
    %scratch = memref.alloc() {alignment = 64 : i64} : memref<2xf32>
    %factor = arith.mulf %f, %two : f32
    memref.store %factor, %scratch[%c0] : memref<2xf32>
    %v = memref.load %scratch[%c0] : memref<2xf32>
    memref.store %v, %x[%i, %j] : memref<?x8xf32>
    memref.dealloc %scratch : memref<2xf32>
  }
  return
}

// A single iteration is a call.
// CHECK-LABEL: func.func @single(
// CHECK-NOT:     scf.
// CHECK:         call @dashkv_tile_0(
func.func @single(%x: memref<8xf32>, %f: f32) {
  scf.forall (%i) in (1) {
    memref.store %f, %x[%i] : memref<8xf32>
  }
  return
}

// Large buffers, and those of sizes that only a run knows, stay on the heap.
// SERIAL-LABEL: func.func @buffers(
// SERIAL:         memref.alloc() : memref<16385xf32>
// SERIAL:         memref.alloc(%{{.+}}) : memref<?xf32>
// SERIAL:         memref.alloca() : memref<16384xf32>
func.func @buffers(%n: index) {
  %a = memref.alloc() : memref<16385xf32>
  %b = memref.alloc(%n) : memref<?xf32>
  %c = memref.alloc() : memref<16384xf32>
  memref.dealloc %a : memref<16385xf32>
  memref.dealloc %b : memref<?xf32>
  memref.dealloc %c : memref<16384xf32>
  return
}

// The number of the iteration gives both indices; the constant is not passed, and
// the buffer is on the stack of the iteration.
// CHECK-LABEL: func.func private @dashkv_tile(
// CHECK-SAME:    %[[F:.+]]: f32, %[[X:.+]]: memref<?x8xf32>, %[[N:.+]]: index) attributes {llvm.linkage = #llvm.linkage<internal>}
// CHECK-NOT:     memref.alloc()
// CHECK:         arith.constant 2.000000e+00 : f32
// CHECK:         %[[REM:.+]] = arith.remui %[[N]], %[[C4:.+]] :
// CHECK:         %[[ROW:.+]] = arith.divui %[[N]], %[[C4]] :
// CHECK:         %[[COLUMN:.+]] = arith.muli %[[REM]],
// CHECK:         memref.alloca() {alignment = 64 : i64} : memref<2xf32>
// CHECK:         memref.store %{{.+}}, %[[X]]
// CHECK-NOT:     memref.dealloc
// CHECK:         return
