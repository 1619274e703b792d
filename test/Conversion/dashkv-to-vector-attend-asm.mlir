// What the kernels of attention become on each kind of CPU: fused multiply-adds on
// the widest vectors, and no call of a function of libm or of a conversion.
// DEFINE: %{not} = --implicit-check-not=expf --implicit-check-not=logf --implicit-check-not=sfbf2 --implicit-check-not=hfsf2 --implicit-check-not=vgather
// RUN: dashkv-compile %s --lowering=vector --target=x86-64-v3 --emit=asm | FileCheck %s --check-prefixes=CHECK,YMM %{not}
// RUN: dashkv-compile %s --lowering=vector --target=znver3 --emit=asm | FileCheck %s --check-prefixes=CHECK,YMM %{not}
// RUN: dashkv-compile %s --lowering=vector --target=skylake-avx512 --emit=asm | FileCheck %s --check-prefixes=CHECK,ZMM %{not}
// RUN: dashkv-compile %s --lowering=vector --target=icelake-server --emit=asm | FileCheck %s --check-prefixes=CHECK,ZMM %{not}
// RUN: dashkv-compile %s --lowering=vector --target=sapphirerapids --emit=asm | FileCheck %s --check-prefixes=CHECK,ZMM %{not}

// CHECK-LABEL: dashkv_online_attention:
// YMM-DAG:       vcvtph2ps {{.*}}, %ymm
// YMM-DAG:       vfmadd{{.*}}ps {{.*}}, %ymm
// ZMM-DAG:       vcvtph2ps{{x?}} {{.*}}, %zmm
// ZMM-DAG:       vfmadd{{.*}}ps {{.*}}, %zmm
// CHECK-DAG:     prefetcht0
func.func @all(%q: memref<1x4x1x128xf16>, %k: memref<1x1x?x128xf16>, %v: memref<1x1x?x128xf16>, %a: memref<1x4x1x128xf32>, %m: memref<1x4x1xf32>, %s: memref<1x4x1xf32>) {
  dashkv.online_attention ins(%q, %k, %v : memref<1x4x1x128xf16>, memref<1x1x?x128xf16>, memref<1x1x?x128xf16>)
    outs(%a, %m, %s : memref<1x4x1x128xf32>, memref<1x4x1xf32>, memref<1x4x1xf32>)
  return
}

// bf16 is widened by a shift.
// CHECK-LABEL: dashkv_online_attention_0:
// CHECK:         vpmovzxwd
// CHECK:         vpslld
func.func @list(%q: memref<1x3x1x80xbf16>, %k: memref<1x1x?x80xbf16>, %v: memref<1x1x?x80xbf16>, %i: memref<1x1x1x?xi32>, %c: memref<1x1x1xi32>, %a: memref<1x3x1x80xf32>, %m: memref<1x3x1xf32>, %s: memref<1x3x1xf32>) {
  dashkv.online_attention ins(%q, %k, %v : memref<1x3x1x80xbf16>, memref<1x1x?x80xbf16>, memref<1x1x?x80xbf16>)
    list(%i, %c : memref<1x1x1x?xi32>, memref<1x1x1xi32>)
    outs(%a, %m, %s : memref<1x3x1x80xf32>, memref<1x3x1xf32>, memref<1x3x1xf32>)
  return
}

// CHECK-LABEL: dashkv_online_reduce:
// CHECK:         vpmovsxbw
// CHECK:         vcvtph2ps
func.func @reduce(%p: memref<1x4x1x?xf32>, %v: memref<1x1x?x128xf8E4M3FN>, %vs: memref<1xf32>, %i: memref<1x1x1x?xi32>, %c: memref<1x1x1xi32>, %a: memref<1x4x1x128xf32>, %m: memref<1x4x1xf32>, %s: memref<1x4x1xf32>) {
  dashkv.online_reduce ins(%p, %v : memref<1x4x1x?xf32>, memref<1x1x?x128xf8E4M3FN>)
    list(%i, %c : memref<1x1x1x?xi32>, memref<1x1x1xi32>) value_scale(%vs : memref<1xf32>)
    outs(%a, %m, %s : memref<1x4x1x128xf32>, memref<1x4x1xf32>, memref<1x4x1xf32>)
  return
}

// CHECK-LABEL: dashkv_estimate_scores:
// CHECK:         popcntq
func.func @estimate(%qc: memref<1x1x1x8xi8>, %kc: memref<1x1x?x8x64xi8>, %i: memref<1x1x1x?xi32>, %c: memref<1x1x1xi32>, %t: memref<4xf32>, %b: memref<4xf32>, %o: memref<1x4x1x?xf32>) {
  dashkv.estimate_scores codes(%qc, %kc : memref<1x1x1x8xi8>, memref<1x1x?x8x64xi8>)
    list(%i, %c : memref<1x1x1x?xi32>, memref<1x1x1xi32>) scoring(%t, %b : memref<4xf32>, memref<4xf32>)
    outs(%o : memref<1x4x1x?xf32>)
  return
}

// CHECK-LABEL: dashkv_finalize:
// CHECK:         vdivss
func.func @finalize(%a: memref<1x4x1x64xf32>, %m: memref<1x4x1xf32>, %s: memref<1x4x1xf32>, %o: memref<1x4x1x64xbf16>, %l: memref<1x4x1xf32>) {
  dashkv.finalize ins(%a, %m, %s : memref<1x4x1x64xf32>, memref<1x4x1xf32>, memref<1x4x1xf32>)
    outs(%o : memref<1x4x1x64xbf16>) lse(%l : memref<1x4x1xf32>)
  return
}
