//===- MachineCode.cpp - From the LLVM dialect to code of a CPU -----------===//
#include "dashkv/Pipelines/MachineCode.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/PassManager.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/IPO/Internalize.h"

using namespace mlir;
using namespace mlir::dashkv;

SmallVector<Kernel> mlir::dashkv::findKernels(ModuleOp module) {
  SmallVector<Kernel> kernels;
  for (auto function : module.getOps<func::FuncOp>()) {
    Attribute config = function->getAttr(kTileConfigAttrName);
    if (!config)
      continue;
    StringRef op = function.getName();
    op.consume_front("dashkv_");
    if (auto [stem, number] = op.rsplit('_'); llvm::all_of(number, llvm::isDigit))
      op = stem; // the second of a kind, and so on
    Kernel &kernel = kernels.emplace_back(
        Kernel{function.getName().str(), ("dashkv." + op).str(), {}, {}, function.getLoc()});
    llvm::raw_string_ostream types(kernel.types), text(kernel.config);
    llvm::interleaveComma(function.getArgumentTypes(), types);
    text << config;
  }
  return kernels;
}

std::unique_ptr<llvm::Module> mlir::dashkv::translateForCPU(ModuleOp module,
                                                            llvm::LLVMContext &context,
                                                            const llvm::TargetMachine &machine) {
  std::unique_ptr<llvm::Module> translated = translateModuleToLLVMIR(module, context);
  if (!translated) {
    emitError(module.getLoc(), "cannot translate the module to LLVM IR");
    return nullptr;
  }
  translated->setTargetTriple(machine.getTargetTriple());
  translated->setDataLayout(machine.createDataLayout());
  return translated;
}

llvm::Error
mlir::dashkv::optimizeForCPU(llvm::Module &module, llvm::TargetMachine &machine,
                             llvm::function_ref<bool(const llvm::GlobalValue &)> isExported) {
  llvm::internalizeModule(module, isExported);
  // Nothing throws: no tables for unwinding, and no directives for them between
  // the lines of a kernel.
  for (llvm::Function &function : module)
    if (!function.isDeclaration())
      function.setDoesNotThrow();
  llvm::PipelineTuningOptions tuning;
  tuning.LoopUnrolling = false;
  tuning.LoopVectorization = tuning.LoopInterleaving = tuning.SLPVectorization = true;
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3).run(module, modules);
  if (llvm::verifyModule(module, &llvm::errs()))
    return llvm::createStringError("the optimizer broke the module");
  return llvm::Error::success();
}

llvm::Error mlir::dashkv::emitMachineCode(llvm::Module &module, llvm::TargetMachine &machine,
                                          llvm::CodeGenFileType kind, llvm::raw_pwrite_stream &os) {
  llvm::legacy::PassManager codegen;
  if (machine.addPassesToEmitFile(codegen, os, nullptr, kind))
    return llvm::createStringError("cannot emit this kind of file for " + machine.getTargetCPU());
  codegen.run(module);
  return llvm::Error::success();
}
