//===- Passes.td - Conversions out of the dashkv dialect -------*- tablegen -*-===//
#ifndef DASHKV_CONVERSION_PASSES
#define DASHKV_CONVERSION_PASSES

include "mlir/Pass/PassBase.td"

def ConvertDashKVToLinalgPass : Pass<"convert-dashkv-to-linalg"> {
  let summary = "Lower dashkv ops to linalg, scf and tensor ops";
  let description = [{
    The portable lowering, and the executable reference of every other one. Any
    MLIR backend takes its output. Integer results equal the scalar oracle bit
    for bit, float results up to rounding.

    Ops with a `dashkv.tile_config` stay: convert-dashkv-to-vector lowers them.
    `linalg.pack`, by which codes become byte planes, is taken apart: upstream has
    no pass that does, and cannot bufferize it.

    Pre: dashkv-expand-tiered has run; ops on tensors or memrefs.
    Post: no other dashkv op is left; a left-over is an error at its location.
    Example: test/Conversion/dashkv-to-linalg.mlir.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::bufferization::BufferizationDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def ConvertDashKVToGPUPass : Pass<"convert-dashkv-to-gpu", "::mlir::ModuleOp"> {
  let summary = "Turn dashkv ops into launches of kernels for an NVIDIA GPU";
  let description = [{
    Each dashkv op becomes `gpu.launch_func`s of kernels in one gpu.module with
    target and data layout: a kernel for each distinct form (code length, group,
    head size, element types, chip), with batch, heads, keys and lengths as
    arguments. Kernels take bare pointers (one-element memrefs) and scalars.

    The host code around them depends on shapes alone, never on data in device
    memory: a kernel reads lengths and counts itself. Marks that launchers need:
    - `dashkv.resident` on a kernel: its CTAs wait for each other, so that the
      whole grid must be resident (a cooperative launch);
    - `dashkv.init = v : i8` on a `memref.alloc`: all its bytes are v before the
      first launch, and every launch leaves them so;
    - a call of `@dashkv_multiprocessors() -> index`: how many the device has.

    Pre: buffers (one-shot bufferization has run).
    Post: no dashkv op is left; memref.copy and linalg may be.
    Example: test/Conversion/dashkv-to-gpu.mlir.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::gpu::GPUDialect", "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"sm_90a\"", "GPU that the kernels are for">,
    Option<"resident", "resident", "bool", /*default=*/"true",
           "Allow kernels whose CTAs wait for each other">];
}

def LowerGlueToGPUPass : Pass<"dashkv-lower-glue-to-gpu", "::mlir::ModuleOp"> {
  let summary = "Turn what stands around attention into launches of kernels";
  let description = [{
    Structured ops, copies between strided buffers, and host loops over buffers
    (a `tm_tensor.scatter` after convert-interop-to-scf) become launches of plain
    kernels `dashkv_glue_<n>_<kind>` in the gpu.module of convert-dashkv-to-gpu,
    with its calling convention: one-element memrefs and scalars of 32 bits (a
    dynamic offset is two of them). A thread computes an element; a reduction over
    neighbours in memory is shared by a warp. Functions of numbers are expanded:
    nothing calls libdevice.

    Outputs that a fill or a copy has set before start from the constant, and
    writes that nothing reads are dropped. A copy between dense buffers stays.
    Values that are read from memory for a kernel alone are read in it; all other
    reads of the host are errors, since it must not wait for the device.

    Pre: convert-dashkv-to-gpu has run. Post: the host computes with shapes alone.
    Example: test/Conversion/lower-glue-to-gpu.mlir.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::gpu::GPUDialect", "::mlir::linalg::LinalgDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"sm_90a\"", "GPU that the kernels are for">];
}

def LowerGPUHostPass : Pass<"dashkv-lower-gpu-host", "::mlir::ModuleOp"> {
  let summary = "Prepare the host code of launches for the runtime of the gpu dialect";
  let description = [{
    Allocations become `gpu.alloc`, freed at the end of their block unless they are
    results, and set first where they are marked `dashkv.init`; copies become
    `gpu.memcpy`; a launch of a kernel marked `dashkv.resident` comes after a call
    of `dashkv_cooperative_launch`, which libdashkv_cuda_runtime defines, as it does
    `dashkv_multiprocessors` and what gpu-to-llvm calls. Everything waits for the
    device. Arguments and results are buffers in device memory.

    Functions that use the gpu dialect for more than launches manage their memory
    themselves and are left alone, here and by dashkv-lower-glue-to-gpu.

    Pre: dashkv-lower-glue-to-gpu has run. Post: gpu-to-llvm takes the host code.
    Example: test/Conversion/lower-gpu-host.mlir.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::gpu::GPUDialect"];
}

def SelectTileConfigPass : Pass<"dashkv-select-tile-config"> {
  let summary = "Choose the CPU kernel of each op";
  let description = [{
    Attaches a `#dashkv.tile_config` for `target` to each op of the step level that
    convert-dashkv-to-vector has a kernel for; an op that has one keeps it. An op
    without a kernel, or all of them where the CPU has no AVX2, is left to the
    portable lowering, with a missed remark (`--remarks-filter=dashkv`) that says
    why.

    Pre: dashkv-expand-tiered has run; ops on tensors or memrefs.
    Example: test/Conversion/select-tile-config.mlir.
  }];
  let options = [
    Option<"target", "target", "std::string", /*default=*/"\"native\"",
           "CPU that the kernels are for, as LLVM spells it (x86-64-v3, znver4, ...)">,
    Option<"workers", "workers", "int64_t", /*default=*/"1",
           "Threads to keep busy: with fewer KV heads than this, keys are split">,
    Option<"splits", "splits", "int64_t", /*default=*/"0",
           "Parts of the keys, whatever the number of workers; 0 to choose">];
}

def ConvertDashKVToVectorPass : Pass<"convert-dashkv-to-vector", "::mlir::ModuleOp"> {
  let summary = "Emit the CPU kernels of dashkv ops as vector code";
  let description = [{
    Each distinct op becomes a private function of vector, scf, memref, arith and
    math ops, shaped by the op's `dashkv.tile_config`, and the op a call of it.
    Integer results equal the scalar oracle bit for bit, float results up to
    rounding.

    Pre: dashkv-select-tile-config has run, then bufferization.
    Post: no dashkv op is left; one without a kernel is an error at its location.
    Example: test/Conversion/dashkv-to-vector.mlir.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def ApproximateMathPass
    : InterfacePass<"dashkv-approximate-math", "::mlir::FunctionOpInterface"> {
  let summary = "Compute exp, log and tanh in place";
  let description = [{
    Replaces `math.exp`, `math.log` and `math.tanh` of f32, which would call a
    library once an element, by upstream's polynomials, within a few units in the
    last place. Kernels of our own have shorter ones, for arguments they know.

    Example: test/Conversion/approximate-math.mlir.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::vector::VectorDialect"];
}

def LowerForallPass : Pass<"dashkv-lower-forall", "::mlir::ModuleOp"> {
  let summary = "Turn parallel loops into calls of their body";
  let description = [{
    The body of each `scf.forall` becomes a private function of the values it uses
    and the number of the iteration. What calls it is

    - `serial`: an `scf.for`;
    - `omp`: an `scf.parallel`, which convert-scf-to-openmp takes;
    - `callback`: `dashkv_parallel_for(body, context, count)`, a function that the
      host defines (docs/Integration.md): it calls `body(context, i)` for each i
      below count, in any order and on any thread, and returns when all are done.

    Buffers of static sizes up to 64 KiB that a function allocates and frees go on
    its stack.

    Pre: bufferization and deallocation have run. Post: no `scf.forall` is left.
    Example: test/Conversion/lower-forall.mlir.
  }];
  let dependentDialects = ["::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect"];
  let options = [Option<"parallel", "parallel", "::mlir::dashkv::Parallelism",
    /*default=*/"::mlir::dashkv::Parallelism::Serial", "Who runs the iterations",
    [{::llvm::cl::values(
      clEnumValN(::mlir::dashkv::Parallelism::Serial, "serial", "the caller, one after the other"),
      clEnumValN(::mlir::dashkv::Parallelism::OpenMP, "omp", "threads of libomp"),
      clEnumValN(::mlir::dashkv::Parallelism::Callback, "callback", "dashkv_parallel_for, which the host defines"))}]>];
}

def ConvertInteropToSCFPass : Pass<"convert-interop-to-scf"> {
  let summary = "Lower cache updates and scans of foreign dialects to loops";
  let description = [{
    `tm_tensor.scatter`, by which exports with a static KV cache write it, becomes
    loops over the updates, in order; with `mark-independent` those with unique
    indices are marked `dashkv.independent`. `tm_tensor.scan`, by which some exports
    compute positions, becomes loops too. Attention ops of these dialects are raised
    (dashkv-raise-attention) or stay.
    Example: test/Conversion/interop-to-scf.mlir.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::dashkv::DashKVDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
  let options = [
    Option<"markIndependent", "mark-independent", "bool", /*default=*/"false",
           "Mark loops whose iterations may run in any order">];
}

#endif // DASHKV_CONVERSION_PASSES
