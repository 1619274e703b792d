//===- Compile.cpp - From an attention graph to any product ---------------===//
#include "dashkv/Pipelines/Compile.h"
#include "dashkv/Conversion/TargetInfo.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "dashkv/Dialect/DashKV/Transforms/Passes.h"
#include "dashkv/Pipelines/NVVM.h"
#include "dashkv/Pipelines/Optimize.h"
#include "dashkv/Pipelines/Pipelines.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Target/LLVMIR/ModuleTranslation.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/IPO/Internalize.h"

using namespace mlir;
using namespace mlir::dashkv;

namespace {
/// One compilation: stages run one after the other, each written down.
class Compilation {
public:
  Compilation(ModuleOp module, const CompileOptions &options) : module(module), options(options) {}
  LogicalResult run(llvm::raw_pwrite_stream &os);

private:
  LogicalResult runStage(StringRef name, function_ref<LogicalResult(OpPassManager &)> build);
  LogicalResult writeStage(StringRef name);
  LogicalResult raise();
  LogicalResult emitForCPU(llvm::raw_pwrite_stream &os);
  LogicalResult emitForGPU(llvm::raw_pwrite_stream &os);
  LogicalResult checkOptions();
  /// An error about the module, and one about an option, which has no location.
  InFlightDiagnostic error() { return emitError(module.getLoc()); }
  InFlightDiagnostic optionError() { return emitError(UnknownLoc::get(module.getContext())); }

  ModuleOp module;
  const CompileOptions &options;
  unsigned stage = 0;
};
} // namespace

static void print(ModuleOp module, llvm::raw_ostream &os) {
  module->print(os);
  os << "\n";
}

LogicalResult Compilation::writeStage(StringRef name) {
  if (options.stages.empty())
    return success();
  std::error_code code = llvm::sys::fs::create_directories(options.stages);
  SmallString<128> path(options.stages);
  llvm::sys::path::append(path, std::to_string(stage++) + "-" + name + ".mlir");
  if (!code) {
    llvm::raw_fd_ostream os(path, code);
    if (!code)
      print(module, os);
  }
  if (code)
    return optionError() << "cannot write " << path << ": " << code.message();
  return success();
}

LogicalResult Compilation::runStage(StringRef name,
                                    function_ref<LogicalResult(OpPassManager &)> build) {
  PassManager manager(module.getContext());
  if (failed(applyPassManagerCLOptions(manager)) || failed(build(manager)) ||
      failed(manager.run(module)))
    return failure();
  return writeStage(name);
}

/// Tiering adds encoders: of queries in decode, of keys in prefill.
static unsigned countEncoders(ModuleOp module) {
  unsigned count = 0;
  module.walk([&](HashEncodeOp) { ++count; });
  return count;
}

LogicalResult Compilation::raise() {
  if (failed(writeStage("input")))
    return failure();
  auto build = [&](OpPassManager &manager) {
    manager.addPass(createNormalizeAttentionPass());
    RaiseAttentionPassOptions raise;
    raise.assumeNonemptyRows = options.assumeNonemptyRows;
    raise.materializeIndexMasks = options.materializeIndexMasks;
    manager.addPass(createRaiseAttentionPass(raise));
    manager.addPass(createFuseRetrievalPass());
    return success();
  };
  if (failed(runStage("raised", build)))
    return failure();
  bool found = false;
  module.walk([&](Operation *op) { found |= isa_and_nonnull<DashKVDialect>(op->getDialect()); });
  if (!found)
    return error()
           << "expected attention in the module, but found none; --remarks tells what came near";
  if (!options.tier)
    return success();
  auto buildTiering = [&](OpPassManager &manager) -> LogicalResult {
    std::string message;
    llvm::raw_string_ostream os(message);
    std::string fields = options.tiering;
    llvm::erase_if(fields, llvm::isSpace); // ends an option of a pass
    std::string text =
        "dashkv-apply-tiering{tiering=" + fields + " " + options.tieringOptions + "}";
    if (failed(parsePassPipeline(text, manager, os)))
      return optionError() << "cannot read the tiering options: " << StringRef(message).rtrim();
    return success();
  };
  unsigned encoders = countEncoders(module);
  if (failed(runStage("tiered", buildTiering)))
    return failure();
  if (countEncoders(module) != encoders)
    return success();
  // Asked for and not done is an error, at the attention that stayed exact.
  Location loc = module.getLoc();
  module.walk([&](AttentionOp op) {
    loc = op.getLoc();
    return WalkResult::interrupt();
  });
  return emitError(loc)
         << "expected attention that can be tiered, but found none; --remarks tells why";
}

LogicalResult Compilation::emitForGPU(llvm::raw_pwrite_stream &os) {
  bool found = false;
  module.walk([&](RetrieveOp) { found = true; });
  if (!found)
    return error() << "expected retrieval, which has a GPU kernel, but found none; "
                   << (options.tier ? "attention has fewer keys than dense_below"
                                    : "--tiering makes it");
  FailureOr<std::string> text =
      emitPTX(module, *NVPTXTarget::get(options.target, [&] { return optionError(); }));
  if (failed(text))
    return failure();
  os << *text;
  return success();
}

LogicalResult Compilation::emitForCPU(llvm::raw_pwrite_stream &os) {
  std::unique_ptr<llvm::TargetMachine> machine =
      CPUTarget::get(options.target, [&] { return optionError(); })->createTargetMachine();
  // Helpers that lowering adds must not collide where objects are linked.
  llvm::StringSet<> exported;
  for (auto function : module.getOps<func::FuncOp>())
    if (function.isPublic())
      exported.insert(function.getName());
  CPUPipelineOptions cpuOptions;
  cpuOptions.runtimeChecks = options.runtimeChecks;
  cpuOptions.lowering = options.lowering;
  cpuOptions.target = options.target;
  auto buildKernels = [&](OpPassManager &manager) {
    buildBuffersPipeline(manager, cpuOptions);
    buildKernelsPipeline(manager, cpuOptions);
    return success();
  };
  auto buildLLVM = [&](OpPassManager &manager) {
    buildLoopsToLLVMPipeline(manager);
    return success();
  };
  if (failed(runStage("kernels", buildKernels)) || failed(runStage("llvm", buildLLVM)))
    return failure();
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> translated = translateModuleToLLVMIR(module, context);
  if (!translated)
    return error() << "cannot translate the module to LLVM IR";
  translated->setTargetTriple(machine->getTargetTriple());
  translated->setDataLayout(machine->createDataLayout());
  llvm::internalizeModule(*translated, [&](const llvm::GlobalValue &value) {
    StringRef name = value.getName();
    name.consume_front("_mlir_ciface_");
    return exported.contains(name);
  });
  if (llvm::Error failure = optimizeForCPU(translated.get(), machine.get()))
    return error() << llvm::toString(std::move(failure));
  if (options.emit == EmitKind::LLVM) {
    translated->print(os, nullptr);
    return success();
  }
  llvm::legacy::PassManager codegen;
  auto kind = options.emit == EmitKind::Asm ? llvm::CodeGenFileType::AssemblyFile
                                            : llvm::CodeGenFileType::ObjectFile;
  if (machine->addPassesToEmitFile(codegen, os, nullptr, kind))
    return error() << "cannot emit this kind of file for " << options.target;
  codegen.run(*translated);
  return success();
}

LogicalResult Compilation::checkOptions() {
  auto report = [&] { return optionError(); };
  bool isGPU = StringRef(options.target).starts_with("sm_");
  if (isGPU ? failed(NVPTXTarget::get(options.target, report))
            : failed(CPUTarget::get(options.target, report)))
    return failure();
  if (isGPU != (options.emit == EmitKind::PTX) && options.emit >= EmitKind::LLVM)
    return optionError()
           << (isGPU ? "expected --emit=ptx for the GPU target " + options.target +
                           ", but got one for CPUs"
                     : "expected a GPU target (--target=sm_90a) for --emit=ptx, but got " +
                           options.target);
  module.getContext()->loadDialect<DashKVDialect>();
  std::string message;
  if (options.tier && failed(TieringAttr::parseText(module.getContext(), options.tiering, message)))
    return optionError() << "cannot read the tiering: " << message;
  return success();
}

LogicalResult Compilation::run(llvm::raw_pwrite_stream &os) {
  if (failed(checkOptions()) || failed(raise()))
    return failure();
  if (options.emit == EmitKind::Mlir)
    return print(module, os), success();
  auto expand = [&](OpPassManager &manager) {
    manager.addPass(createExpandTieredPass());
    return success();
  };
  if (failed(runStage("steps", expand)))
    return failure();
  if (options.emit == EmitKind::Steps)
    return print(module, os), success();
  if (options.emit == EmitKind::PTX)
    return emitForGPU(os);
  if (options.emit != EmitKind::Linalg)
    return emitForCPU(os);
  auto lower = [&](OpPassManager &manager) {
    CPUPipelineOptions cpuOptions;
    cpuOptions.runtimeChecks = options.runtimeChecks;
    buildLinalgPipeline(manager, cpuOptions);
    return success();
  };
  if (failed(runStage("linalg", lower)))
    return failure();
  return print(module, os), success();
}

LogicalResult dashkv::compile(ModuleOp module, const CompileOptions &options,
                              llvm::raw_pwrite_stream &os) {
  return Compilation(module, options).run(os);
}
