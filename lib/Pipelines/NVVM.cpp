//===- NVVM.cpp - From dashkv ops to PTX ----------------------------------===//
#include "dashkv/Pipelines/NVVM.h"
#include "IREE.h"
#include "dashkv/Conversion/DashKVToGPU.h"
#include "dashkv/Conversion/Passes.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "dashkv/Dialect/DashKV/Transforms/Passes.h"
#include "dashkv/Dialect/DashKV/Transforms/Transforms.h"
#include "dashkv/Pipelines/Pipelines.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/LLVMIR/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::dashkv;

void mlir::dashkv::buildGPUBuffersPipeline(OpPassManager &pm) {
  ConvertInteropToSCFPassOptions interop;
  interop.markIndependent = true;
  pm.addPass(createConvertInteropToSCFPass(interop));
  pm.addPass(createDecomposeSoftmaxPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  // Rotary positions, norms and transposed weights join the ops that read them.
  pm.addPass(createLinalgGeneralizeNamedOpsPass());
  pm.addPass(createLinalgElementwiseOpFusionPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  buildBufferizePipeline(pm);
}

void mlir::dashkv::buildGPULaunchPipeline(OpPassManager &pm, const NVVMPipelineOptions &options) {
  // A result that is an argument updated in place is no result.
  pm.addPass(createFinalizeSignaturesPass());
  ConvertDashKVToGPUPassOptions convert;
  convert.target = options.target;
  convert.resident = options.resident;
  pm.addPass(createConvertDashKVToGPUPass(convert));
  LowerGlueToGPUPassOptions glue;
  glue.target = options.target;
  pm.addPass(createLowerGlueToGPUPass(glue));
  // Host code: numbers, buffers, launches.
  OpPassManager &host = pm.nest<func::FuncOp>();
  host.addPass(memref::createExpandStridedMetadataPass());
  host.addPass(createLowerAffinePass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

namespace {
/// f32 kernels flush denormals: the target flag of upstream changes nothing, the
/// attribute of a function does. Encoders do not: the sign of a denormal is a bit.
struct FlushDenormals : PassWrapper<FlushDenormals, OperationPass<gpu::GPUModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FlushDenormals)
  StringRef getArgument() const override { return "flush-denormals"; }
  void runOnOperation() override {
    OpBuilder builder(&getContext());
    Attribute mode =
        builder.getStrArrayAttr({"denormal-fp-math-f32", "preserve-sign,preserve-sign"});
    for (auto func : getOperation().getOps<LLVM::LLVMFuncOp>())
      if (!func.isExternal() && !func.getName().starts_with("dashkv_encode"))
        func.setPassthroughAttr(builder.getArrayAttr(mode));
  }
};

/// A check in a kernel (an index of an embedding, say) stops the kernel: upstream
/// calls __assertfail, which only a CUDA toolkit's linker knows.
struct TrapOnFailedChecks : PassWrapper<TrapOnFailedChecks, OperationPass<gpu::GPUModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(TrapOnFailedChecks)
  StringRef getArgument() const override { return "trap-on-failed-checks"; }
  void runOnOperation() override {
    getOperation()->walk([](cf::AssertOp check) {
      ImplicitLocOpBuilder b(check.getLoc(), check);
      Value yes = arith::ConstantIntOp::create(b, 1, 1);
      Value failed = arith::XOrIOp::create(b, check.getArg(), yes);
      auto branch = scf::IfOp::create(b, failed, /*withElseRegion=*/false);
      b.setInsertionPointToStart(branch.thenBlock());
      LLVM::Trap::create(b);
      check.erase();
    });
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, LLVM::LLVMDialect, scf::SCFDialect>();
  }
};

/// Call sites become what was called: upstream gives them a scope in an llvm.func
/// alone, and does not expect them in host code.
struct DropCallSites : PassWrapper<DropCallSites, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DropCallSites)
  StringRef getArgument() const override { return "drop-call-sites"; }
  void runOnOperation() override {
    getOperation()->walk([](Operation *op) {
      while (auto site = dyn_cast<CallSiteLoc>(op->getLoc()))
        op->setLoc(site.getCallee());
    });
  }
};
} // namespace

void mlir::dashkv::buildGPUKernelPipeline(OpPassManager &pm) {
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  kernels.addPass(std::make_unique<TrapOnFailedChecks>());
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
  kernels.addPass(std::make_unique<FlushDenormals>());
  // Source lines cost no register in this form, and only in this form.
  pm.addPass(std::make_unique<DropCallSites>());
  LLVM::DIScopeForLLVMFuncOpPassOptions debug;
  debug.emissionKind = LLVM::DIEmissionKind::DebugDirectivesOnly;
  pm.addPass(LLVM::createDIScopeForLLVMFuncOpPass(debug));
}

void mlir::dashkv::buildGPUHostPipeline(OpPassManager &pm) {
  pm.addPass(createSCFToControlFlowPass());
  GpuToLLVMConversionPassOptions toLLVM;
  toLLVM.kernelBarePtrCallConv = true;
  pm.addPass(createGpuToLLVMConversionPass(toLLVM));
  GpuModuleToBinaryPassOptions binary;
  binary.compilationTarget = "isa";
  pm.addPass(createGpuModuleToBinaryPass(binary));
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void mlir::dashkv::buildNVVMPipeline(OpPassManager &pm, const NVVMPipelineOptions &options) {
  buildGPUBuffersPipeline(pm);
  buildGPULaunchPipeline(pm, options);
  if (options.host)
    pm.addPass(createLowerGPUHostPass());
  buildGPUKernelPipeline(pm);
  if (options.host)
    buildGPUHostPipeline(pm);
}

void mlir::dashkv::registerNVVMPipeline() {
  PassPipelineRegistration<NVVMPipelineOptions>(
      "dashkv-nvvm-pipeline",
      "Lowers dashkv ops to launches of GPU kernels, and these to LLVM and NVVM ops",
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

/// Numbers among the arguments change from step to step, but launches do not: they
/// become arrays of one element in device memory, an index one of i64.
static void passNumbersInMemory(func::FuncOp function) {
  Block &entry = function.getBody().front();
  ImplicitLocOpBuilder b(function.getLoc(), function.getContext());
  b.setInsertionPointToStart(&entry);
  for (BlockArgument argument : entry.getArguments()) {
    Type type = argument.getType();
    if (!type.isIntOrIndexOrFloat())
      continue;
    b.setLoc(argument.getLoc());
    Type element = type.isIndex() ? b.getI64Type() : type;
    argument.setType(RankedTensorType::get({}, element));
    auto read = tensor::ExtractOp::create(b, argument, ValueRange());
    Value number = read;
    if (type.isIndex())
      number = arith::IndexCastOp::create(b, type, read);
    argument.replaceAllUsesExcept(number, read);
  }
  function.setType(b.getFunctionType(entry.getArgumentTypes(), function.getResultTypes()));
}

FailureOr<GPUProgram> mlir::dashkv::compileForGPU(ModuleOp module, const NVPTXTarget &target,
                                                  KernelABI abi) {
  GPUProgram program;
  program.module = module.clone();
  ModuleOp host = *program.module;
  for (auto function : host.getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isExternal())
      continue;
    if (SymbolTable::symbolKnownUseEmpty(function, host))
      passNumbersInMemory(function);
    GPUFunction &signature = program.functions.emplace_back();
    signature.name = function.getName();
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto role = function.getArgAttrOfType<StringAttr>(i, kRoleAttrName);
      signature.roles.push_back(role ? role.str() : "");
    }
  }
  bool hasAttention = false;
  module.walk(
      [&](Operation *op) { hasAttention |= isa_and_nonnull<DashKVDialect>(op->getDialect()); });
  PassManager buffers(module.getContext()), kernelPasses(module.getContext());
  if (failed(applyCommandLine(buffers)) || failed(applyCommandLine(kernelPasses)))
    return failure();
  buildGPUBuffersPipeline(buffers);
  if (failed(buffers.run(host)))
    return failure();
  // Between the two the IR tells which results are arguments updated in place.
  for (GPUFunction &function : program.functions)
    function.aliases = findReturnedArguments(host.lookupSymbol<func::FuncOp>(function.name));
  NVVMPipelineOptions options;
  options.target = target.chip.str();
  options.resident = abi != KernelABI::IREE;
  buildGPULaunchPipeline(kernelPasses, options);
  buildGPUKernelPipeline(kernelPasses);
  if (failed(kernelPasses.run(host)))
    return failure();

  auto kernels = llvm::to_vector(host.getOps<gpu::GPUModuleOp>());
  if (kernels.empty() && !hasAttention)
    return emitError(module.getLoc(), "expected attention to make GPU kernels of, but found none");
  if (kernels.empty()) // ops of nothing are copies
    kernels.push_back(createKernelModule(host, "dashkv_kernels", target));
  if (kernels.size() > 1)
    return emitError(kernels[1].getLoc(), "expected one GPU module, but got ") << kernels.size();
  OwningOpRef<ModuleOp> device(ModuleOp::create(module.getLoc()));
  device->getBody()->push_back(kernels.front()->clone());
  if (abi == KernelABI::IREE)
    adaptKernelsToIREE(*device->getOps<gpu::GPUModuleOp>().begin());
  gpu::TargetOptions toPTX("", {}, "", "", gpu::CompilationTarget::Assembly, {}, {}, {}, {},
                           [&](StringRef ptx) { program.ptx = ptx.rtrim('\0').str(); });
  if (failed(gpu::transformGpuModulesToBinaries(*device, nullptr, toPTX)) ||
      failed(checkResolved(module.getLoc(), program.ptx)))
    return failure();
  return program;
}
