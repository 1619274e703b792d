// Facts about GPU kernels: as text, as JSON, as a page, and without ptxas.
// REQUIRES: ptxas
// RUN: dashkv-compile %s --emit=report --target=sm_90a | FileCheck %s
// RUN: dashkv-compile %s --emit=report --target=sm_120 --report-batch=4 -o %t.json && FileCheck %s --check-prefix=JSON --input-file=%t.json
// RUN: dashkv-compile %s --emit=report --target=sm_80 --report-keys=4096 -o %t.html && FileCheck %s --check-prefix=HTML --input-file=%t.html
// RUN: python -c "import os, shutil; shutil.rmtree(r'%t', ignore_errors=True); os.mkdir(r'%t'); [os.symlink(shutil.which(n), r'%t/' + n) for n in ('dashkv-compile', 'sh', 'rm')]"
// RUN: env PATH=%t CUDA_HOME=%t dashkv-compile %s --emit=report --target=sm_90a | FileCheck %s --check-prefix=NONE
// RUN: printf '#!/bin/sh\necho no such chip today\nexit 1\n' > %t/ptxas && chmod +x %t/ptxas
// RUN: not env PATH=%t dashkv-compile %s --emit=report --target=sm_90a 2>&1 | FileCheck %s --check-prefix=BROKEN
// RUN: printf '#!/bin/sh\nrm "$6"\n' > %t/ptxas
// RUN: not env PATH=%t dashkv-compile %s --emit=report --target=sm_90a 2>&1 | FileCheck %s --check-prefix=EMPTY

//      CHECK: Kernels for sm_90a, where types leave sizes open for 131072 keys and batch 1
//      CHECK: dashkv_finalize_f16  (dashkv-compile-report.mlir:[[#@LINE+32]])
// CHECK-NEXT:   registers       {{[0-9]+}} a thread, 256 threads a CTA
// CHECK-NEXT:   spills          0 bytes stored, 0 loaded, 0 of stack
// CHECK-NEXT:   shared memory   0 bytes static, 0 dynamic
// CHECK-NEXT:   occupancy       8 CTAs, 64 of 64 warps a multiprocessor, by warps
// CHECK-NEXT:   PTX             {{[0-9]+}} instructions
//      CHECK:     {{.*}}ld.global 4 x2
//      CHECK:     {{.*}}st.global 2 x1
//      CHECK:   machine code    {{[0-9]+}} instructions
//      CHECK:     {{.*}}LDG x2
//      CHECK: Launches, on 132 multiprocessors
// CHECK-NEXT:   finish: dashkv_finalize_f16, grid 1 x 1 x 1, 0 bytes of dynamic shared memory
//      CHECK:   // dashkv-compile-report.mlir:[[#@LINE+20]]
//      CHECK:   griddepcontrol.wait;

// A dim of batch size that the type leaves open.
//      JSON: "chip": "sm_120",
//      JSON: "spill_loads": 0,
//      JSON: "grid": [
// JSON-NEXT:   4,

//     HTML: <title>dashkv kernels for sm_80</title>
//     HTML: dashkv-compile-report.mlir:
// HTML-NOT: http
//     HTML: </html>

//      NONE: No ptxas in PATH or CUDA_HOME
//  NONE-NOT: registers  {{.*}} a thread
//      NONE: threads         256 a CTA
//    BROKEN: error: cannot assemble PTX by {{.*}}ptxas: no such chip today
//     EMPTY: error: cannot read {{.*}}.cubin: No such file or directory
func.func @finish(%a: tensor<?x8x1x128xf32>, %m: tensor<?x8x1xf32>, %o: tensor<?x8x1x128xf16>) -> tensor<?x8x1x128xf16> {
  %0 = dashkv.finalize ins(%a, %m, %m : tensor<?x8x1x128xf32>, tensor<?x8x1xf32>, tensor<?x8x1xf32>) outs(%o : tensor<?x8x1x128xf16>)
  return %0 : tensor<?x8x1x128xf16>
}
