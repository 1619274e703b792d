//===- NVVM.cpp - From dashkv ops to PTX ----------------------------------===//
#include "dashkv/Pipelines/NVVM.h"
#include "dashkv/Conversion/DashKVToGPU.h"
#include "dashkv/Conversion/Passes.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace mlir::dashkv;

void mlir::dashkv::buildNVVMPipeline(OpPassManager &pm, const NVVMPipelineOptions &options) {
  ConvertDashKVToGPUPassOptions convert;
  convert.target = options.target;
  convert.partial = options.partial;
  pm.addPass(createConvertDashKVToGPUPass(convert));

  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(createLoopInvariantCodeMotionPass());
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(memref::createExpandStridedMetadataPass());
  kernels.addPass(createLowerAffinePass());
  ConvertGpuOpsToNVVMOpsOptions toNVVM;
  toNVVM.useBarePtrCallConv = true; // one parameter a tensor, and noalias counts
  kernels.addPass(createConvertGpuOpsToNVVMOps(toNVVM));
  // Only now: the pass before declares the intrinsics of exp and the like illegal.
  kernels.addPass(createConvertMathToLLVMPass());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
  kernels.addPass(createConvertNVVMToLLVMPass());
}

void mlir::dashkv::registerNVVMPipeline() {
  PassPipelineRegistration<NVVMPipelineOptions>(
      "dashkv-nvvm-pipeline", "Lowers dashkv ops to GPU modules of LLVM and NVVM ops",
      buildNVVMPipeline);
}

/// PTX that calls a function it does not define is accepted by every tool up to
/// the launch, which fails.
static LogicalResult checkResolved(Location loc, StringRef ptx) {
  constexpr llvm::StringLiteral declaration = ".extern .func";
  size_t at = ptx.find(declaration);
  if (at == StringRef::npos)
    return success();
  StringRef line = ptx.drop_front(at + declaration.size()).ltrim();
  if (line.consume_front("(")) // the result
    line = line.drop_front(std::min(line.size(), line.find(')') + 1)).ltrim();
  return emitError(loc, "expected PTX without undefined functions, but got a call of ")
         << line.take_while([](char c) { return llvm::isAlnum(c) || c == '_' || c == '$'; });
}

FailureOr<std::string> mlir::dashkv::emitPTX(ModuleOp module, const NVPTXTarget &target) {
  OwningOpRef<ModuleOp> copy(module.clone());
  PassManager pm(module.getContext());
  NVVMPipelineOptions options;
  options.target = target.chip.str();
  options.partial = true;
  buildNVVMPipeline(pm, options);
  GpuModuleToBinaryPassOptions toBinary;
  toBinary.compilationTarget = "isa";
  pm.addPass(createGpuModuleToBinaryPass(toBinary));
  if (failed(pm.run(*copy)))
    return failure();

  auto binaries = llvm::to_vector(copy->getOps<gpu::BinaryOp>());
  if (binaries.empty())
    return emitError(module.getLoc(), "expected a ")
           << RetrieveOp::getOperationName() << " to make a kernel of, but found none";
  if (binaries.size() > 1)
    return emitError(module.getLoc(), "expected one GPU module, but got ") << binaries.size();
  auto object = cast<gpu::ObjectAttr>(binaries.front().getObjects()[0]);
  StringRef ptx = object.getObject().getValue().rtrim('\0');
  if (failed(checkResolved(module.getLoc(), ptx)))
    return failure();

  // How to call the kernels, for whoever reads the file.
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::StringSet<> described;
  module.walk([&](RetrieveOp op) {
    ScanSpec spec = *ScanSpec::get(op, target); // the pass has checked it
    if (described.insert(spec.getName()).second)
      spec.describe(os);
  });
  os << ptx;
  return text;
}
