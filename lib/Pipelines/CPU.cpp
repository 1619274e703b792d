//===- CPU.cpp - From dashkv ops to LLVM on the CPU -----------------------===//
#include "dashkv/Conversion/Passes.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "dashkv/Dialect/DashKV/Transforms/Passes.h"
#include "dashkv/Pipelines/Pipelines.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Pipelines/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/Tensor/Transforms/Passes.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace mlir::dashkv;

void mlir::dashkv::buildLinalgPipeline(OpPassManager &pm, const CPUPipelineOptions &options) {
  pm.addPass(createConvertInteropToSCFPass()); // whose accesses are checked, too
  if (options.runtimeChecks)
    pm.addPass(createGenerateRuntimeVerificationPass());
  pm.addPass(createExpandTieredPass());
  pm.addPass(createConvertDashKVToLinalgPass());
  pm.addPass(createDecomposeSoftmaxPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createVerifyContractPass());
}

void mlir::dashkv::buildBufferizePipeline(OpPassManager &pm) {
  // Tensors to buffers. Function arguments are writable and results are buffers
  // of the callee's choice, so a cache that is updated and returned stays put.
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.bufferizeFunctionBoundaries = true;
  bufferize.allowReturnAllocsFromLoops = true; // the scan of select ping-pongs
  bufferize.functionBoundaryTypeConversion = bufferization::LayoutMapOption::IdentityLayoutMap;
  pm.addPass(bufferization::createOneShotBufferizePass(bufferize));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}

void mlir::dashkv::buildBuffersPipeline(OpPassManager &pm, const CPUPipelineOptions &options) {
  if (options.lowering == CPULowering::Linalg) {
    buildLinalgPipeline(pm, options);
    buildBufferizePipeline(pm);
    return;
  }
  pm.addPass(createConvertInteropToSCFPass()); // whose accesses are checked, too
  if (options.runtimeChecks)
    pm.addPass(createGenerateRuntimeVerificationPass());
  pm.addPass(createDecomposeSoftmaxPass());
  pm.addPass(createExpandTieredPass());
  pm.addPass(createDecomposeAttentionPass());
  SelectTileConfigPassOptions select;
  select.target = options.target;
  select.workers = options.workers;
  select.splits = options.splits;
  pm.addPass(createSelectTileConfigPass(select));
  pm.addPass(createTileAndFusePass());
  pm.addPass(createSelectTileConfigPass(select)); // of the merges
  VerifyContractPassOptions contract;
  contract.level = ContractLevel::Tiled;
  pm.addPass(createVerifyContractPass(contract));
  pm.addPass(createConvertDashKVToLinalgPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  buildBufferizePipeline(pm);
}

/// Frees what bufferization has allocated. Kernels come later: upstream takes no
/// functions that free their scratch themselves.
static void buildDeallocationPipeline(OpPassManager &pm) {
  // A result that is an argument updated in place is no result: the caller has
  // the buffer, and returning it would cost a copy.
  pm.addPass(createFinalizeSignaturesPass());
  bufferization::buildBufferDeallocationPipeline(
      pm, bufferization::BufferDeallocationPipelineOptions());
  pm.addPass(createConvertBufferizationToMemRefPass());
}

void mlir::dashkv::buildKernelsPipeline(OpPassManager &pm, const CPUPipelineOptions &options) {
  buildDeallocationPipeline(pm);
  if (options.lowering == CPULowering::Vector) {
    pm.addPass(createConvertDashKVToVectorPass());
    // What has no kernel calls no library either.
    pm.addNestedPass<func::FuncOp>(createApproximateMathPass());
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
  }
  LowerForallPassOptions forall;
  forall.parallel = options.parallel;
  pm.addPass(createLowerForallPass(forall));
  if (options.parallel == Parallelism::OpenMP)
    pm.addPass(createConvertSCFToOpenMPPass());
  pm.addPass(createVerifyContractPass());
}

namespace {
/// The tile_config of kernels has been read: the LLVM dialect stands alone, for
/// tools that do not know ours.
struct DropTileConfigs : PassWrapper<DropTileConfigs, OperationPass<>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DropTileConfigs)
  StringRef getArgument() const override { return "drop-tile-configs"; }
  void runOnOperation() override {
    getOperation()->walk(
        [](FunctionOpInterface function) { function->removeDiscardableAttr(kTileConfigAttrName); });
  }
};
} // namespace

void mlir::dashkv::buildLoopsToLLVMPipeline(OpPassManager &pm) {
  pm.addPass(std::make_unique<DropTileConfigs>());
  // Loops, then control flow.
  pm.addPass(createLowerCopiesPass());
  pm.addNestedPass<func::FuncOp>(createConvertLinalgToLoopsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  pm.addPass(createConvertVectorToSCFPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());

  // LLVM. bf16 rounds by integer arithmetic: the library call is slower and
  // not everywhere.
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = true;
  pm.addPass(arith::createArithExpandOpsPass(expand));
  // Before libm: its functions are called as they are.
  pm.addNestedPass<func::FuncOp>(LLVM::createLLVMRequestCWrappersPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createConvertMathToLibmPass());
  ConvertVectorToLLVMPassOptions vectorOptions;
  vectorOptions.x86Vector = true;
  pm.addPass(createConvertVectorToLLVMPass(vectorOptions));
  pm.addPass(createFinalizeMemRefToLLVMConversionPass()); // the next leaves memref.reshape
  pm.addPass(createConvertToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  VerifyContractPassOptions contract;
  contract.level = ContractLevel::LLVM;
  pm.addPass(createVerifyContractPass(contract));
}

void mlir::dashkv::buildLLVMPipeline(OpPassManager &pm) {
  buildBufferizePipeline(pm);
  buildDeallocationPipeline(pm);
  buildLoopsToLLVMPipeline(pm);
}

void mlir::dashkv::buildCPUPipeline(OpPassManager &pm, const CPUPipelineOptions &options) {
  buildBuffersPipeline(pm, options);
  buildKernelsPipeline(pm, options);
  buildLoopsToLLVMPipeline(pm);
}

LogicalResult mlir::dashkv::applyCommandLine(PassManager &manager) {
  // In a program that never registered them, applying them fails without a word.
  registerPassManagerCLOptions();
  return applyPassManagerCLOptions(manager);
}

void mlir::dashkv::registerDashKVPipelines() {
  PassPipelineRegistration<CPUPipelineOptions>(
      "dashkv-linalg-pipeline", "Lowers dashkv ops to linalg on tensors", buildLinalgPipeline);
  PassPipelineRegistration<>("dashkv-llvm-pipeline", "Lowers linalg on tensors to the LLVM dialect",
                             buildLLVMPipeline);
  PassPipelineRegistration<CPUPipelineOptions>(
      "dashkv-cpu-pipeline", "Lowers dashkv ops to the LLVM dialect on the CPU", buildCPUPipeline);
}
