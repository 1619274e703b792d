//===- Compile.cpp - From an attention graph to any product ---------------===//
#include "dashkv/Pipelines/Compile.h"
#include "CHeader.h"
#include "IREE.h"
#include "Multiversion.h"
#include "Report.h"
#include "dashkv/Conversion/TargetInfo.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "dashkv/Dialect/DashKV/Transforms/Passes.h"
#include "dashkv/Dialect/DashKV/Transforms/Transforms.h"
#include "dashkv/Pipelines/Assembler.h"
#include "dashkv/Pipelines/GPUPlan.h"
#include "dashkv/Pipelines/MachineCode.h"
#include "dashkv/Pipelines/NVVM.h"
#include "dashkv/Pipelines/Pipelines.h"
#include "mlir/Conversion/TosaToArith/TosaToArith.h"
#include "mlir/Conversion/TosaToLinalg/TosaToLinalg.h"
#include "mlir/Conversion/TosaToTensor/TosaToTensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tosa/IR/TosaOps.h"
#include "mlir/Dialect/Tosa/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/IR/Module.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Regex.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace mlir;
using namespace mlir::dashkv;

namespace {
/// One compilation: stages run one after the other, each written down.
class Compilation {
public:
  Compilation(ModuleOp module, const CompileOptions &options) : module(module), options(options) {}
  LogicalResult run(llvm::raw_pwrite_stream &os);

private:
  struct Code;

  LogicalResult runPasses(ModuleOp version, function_ref<void(OpPassManager &)> build);
  LogicalResult runStage(StringRef name, function_ref<void(OpPassManager &)> build);
  LogicalResult writeStage(ModuleOp version, const Twine &name);
  LogicalResult raise();
  /// Lowers `version` to kernels; tells which results of `functions` are arguments.
  LogicalResult lowerToKernels(ModuleOp version, const CPUTarget &target, const Twine &suffix,
                               MutableArrayRef<CFunction> functions = {});
  /// Lowers `version`, which is the module or a clone, to optimized code.
  LogicalResult lowerToCode(ModuleOp version, const CPUTarget &target, const Twine &suffix,
                            llvm::LLVMContext &context, Code &code);
  /// One module of LLVM for all targets.
  LogicalResult lowerToVersions(llvm::LLVMContext &context, Code &code);
  LogicalResult emitCode(Code &code, llvm::raw_pwrite_stream &os);
  LogicalResult emitForCPU(llvm::raw_pwrite_stream &os);
  LogicalResult emitForGPU(llvm::raw_pwrite_stream &os);
  LogicalResult checkOptions();
  std::string getTieringFields() const {
    return *options.tiering == "default" ? std::string() : *options.tiering;
  }
  /// An error about the module, and one about an option, which has no location.
  InFlightDiagnostic error() { return emitError(module.getLoc()); }
  InFlightDiagnostic optionError() { return emitError(UnknownLoc::get(module.getContext())); }

  ModuleOp module;
  const CompileOptions &options;
  SmallVector<CPUTarget> targets;
  SmallVector<NVPTXTarget> chips;
  unsigned stage = 0;
};
} // namespace

static void print(ModuleOp module, llvm::raw_ostream &os) {
  module->print(os);
  os << "\n";
}

/// Removes files of earlier runs: only what has the name of a stage.
static void removeStages(StringRef folder) {
  static const llvm::Regex name(
      "^[0-9]+-(input|raised|tiered|steps|linalg|(kernels|llvm|nvvm)(-[a-z0-9_-]+)?)\\.mlir$");
  std::error_code code;
  for (llvm::sys::fs::directory_iterator it(folder, code), end; it != end && !code;
       it.increment(code))
    if (name.match(llvm::sys::path::filename(it->path())))
      llvm::sys::fs::remove(it->path());
}

LogicalResult Compilation::writeStage(ModuleOp version, const Twine &name) {
  if (options.stages.empty())
    return success();
  std::error_code code = llvm::sys::fs::create_directories(options.stages);
  SmallString<128> path(options.stages);
  llvm::sys::path::append(path, Twine(stage) + "-" + name + ".mlir");
  if (!code) {
    if (stage++ == 0)
      removeStages(options.stages);
    llvm::raw_fd_ostream os(path, code);
    if (!code)
      print(version, os);
  }
  if (code)
    return optionError() << "cannot write " << path << ": " << code.message();
  return success();
}

LogicalResult Compilation::runPasses(ModuleOp version, function_ref<void(OpPassManager &)> build) {
  PassManager manager(version.getContext());
  if (failed(applyCommandLine(manager)))
    return failure();
  build(manager);
  return manager.run(version);
}

LogicalResult Compilation::runStage(StringRef name, function_ref<void(OpPassManager &)> build) {
  return failure(failed(runPasses(module, build)) || failed(writeStage(module, name)));
}

/// Tiering adds encoders: of queries in decode, of keys in prefill.
static unsigned countEncoders(ModuleOp module) {
  unsigned count = 0;
  module.walk([&](HashEncodeOp) { ++count; });
  return count;
}

/// TOSA, which torch-mlir exports as well, as linalg.
static void buildTosaToLinalgPipeline(OpPassManager &manager) {
  OpPassManager &functions = manager.nest<func::FuncOp>();
  functions.addPass(tosa::createTosaOptionalDecompositionsPass());
  functions.addPass(tosa::createTosaToLinalgNamed());
  functions.addPass(createTosaToArithPass());
  functions.addPass(createTosaToTensorPass());
  functions.addPass(tosa::createTosaToLinalg());
  functions.addPass(createTosaToTensorPass()); // of reshapes that it makes
}

LogicalResult Compilation::raise() {
  if (failed(writeStage(module, "input")))
    return failure();
  bool hasTosa = false;
  module.walk(
      [&](Operation *op) { hasTosa |= isa_and_nonnull<tosa::TosaDialect>(op->getDialect()); });
  auto build = [&](OpPassManager &manager) {
    if (hasTosa)
      buildTosaToLinalgPipeline(manager);
    // Exports put attention, or parts of it, into functions of their own, which
    // can neither be matched across nor grow arguments.
    manager.addPass(createInlinerPass({}, [](OpPassManager &) {}));
    manager.addPass(createNormalizeAttentionPass());
    RaiseAttentionPassOptions raise;
    raise.assumeNonemptyRows = options.assumeNonemptyRows;
    raise.materializeIndexMasks = options.materializeIndexMasks;
    manager.addPass(createRaiseAttentionPass(raise));
    manager.addPass(createFuseRetrievalPass());
  };
  if (failed(runStage("raised", build)))
    return failure();
  bool found = false;
  module.walk([&](Operation *op) { found |= isa_and_nonnull<DashKVDialect>(op->getDialect()); });
  if (!found && options.requireAttention)
    return error()
           << "expected attention in the module, but found none; --remarks tells what came near";
  if (!options.tiering)
    return success();
  std::string message;
  llvm::raw_string_ostream os(message);
  std::string fields = getTieringFields();
  llvm::erase_if(fields, llvm::isSpace); // ends an option of a pass
  std::string text = "dashkv-apply-tiering{tiering=" + fields + " " + options.tieringOptions + "}";
  OpPassManager tiering(ModuleOp::getOperationName());
  if (failed(parsePassPipeline(text, tiering, os)))
    return optionError() << "cannot read the tiering options: " << StringRef(message).rtrim();
  unsigned encoders = countEncoders(module);
  if (failed(runStage("tiered", [&](OpPassManager &manager) { manager = tiering; })))
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

/// The machine code of `program`; a warning if a kernel has too few registers.
static FailureOr<std::string> assembleKernels(StringRef ptxas, const GPUProgram &program,
                                              const NVPTXTarget &target,
                                              function_ref<InFlightDiagnostic()> emitError) {
  FailureOr<Cubin> cubin = assemble(ptxas, program.ptx, target.chip, emitError);
  if (failed(cubin))
    return failure();
  for (const auto &[name, kernel] : readCubin(cubin->log, cubin->binary))
    if (int64_t bytes = kernel.spillStores + kernel.spillLoads)
      emitWarning(program.module.get().getLoc())
          << name << " does not fit the registers of " << target.chip << ": it moves " << bytes
          << " bytes to and from memory";
  return std::move(cubin->binary);
}

LogicalResult Compilation::emitForGPU(llvm::raw_pwrite_stream &os) {
  std::string ptxas = findPtxas();
  bool needsCubin = options.emit == EmitKind::Cubin;
  if (needsCubin && ptxas.empty())
    return optionError() << "expected ptxas in PATH or CUDA_HOME for --emit=cubin (the Python "
                            "package nvidia-cuda-nvcc has it), but found none";
  std::vector<GPUVariant> variants;
  for (const NVPTXTarget &target : chips) {
    KernelABI abi = options.emit == EmitKind::IREE ? KernelABI::IREE : KernelABI::Driver;
    FailureOr<GPUProgram> program = compileForGPU(module, target, abi);
    if (failed(program) ||
        failed(writeStage(*program->module, chips.size() == 1 ? "nvvm" : "nvvm-" + target.chip)))
      return failure();
    GPUVariant &variant = variants.emplace_back();
    variant.target = target;
    variant.program = std::move(*program);
    if (needsCubin || (options.emit == EmitKind::Bundle && !ptxas.empty())) {
      FailureOr<std::string> cubin =
          assembleKernels(ptxas, variant.program, target, [&] { return error(); });
      if (failed(cubin))
        return failure();
      variant.cubin = std::move(*cubin);
    }
  }
  const GPUVariant &first = variants.front();
  switch (options.emit) {
  case EmitKind::Report:
    return writeReport(module, first.program, first.target, options.report, os,
                       [&] { return error(); });
  case EmitKind::IREE: {
    FailureOr<std::string> library = makeIREELibrary(first.program, first.target);
    return failed(library) ? failure() : (os << *library, success());
  }
  case EmitKind::Cubin:
    return os << first.cubin, success();
  case EmitKind::Bundle: {
    FailureOr<std::string> bundle = makeKernelBundle(variants);
    if (failed(bundle))
      return failure();
    if (ptxas.empty())
      emitRemark(UnknownLoc::get(module.getContext()))
          << "no ptxas in PATH or CUDA_HOME: the bundle has PTX only, which the driver compiles "
             "when it is loaded";
    return os << *bundle, success();
  }
  default: {
    FailureOr<llvm::json::Object> plan = makeGPUPlan(first.program, first.target);
    if (failed(plan))
      return failure();
    os << "// Launches, of which the host code consists:\n//\n";
    printGPUPlan(*plan, "// ", os);
    return os << first.program.ptx, success();
  }
  }
}

LogicalResult Compilation::lowerToKernels(ModuleOp version, const CPUTarget &target,
                                          const Twine &suffix,
                                          MutableArrayRef<CFunction> functions) {
  CPUPipelineOptions cpuOptions;
  cpuOptions.runtimeChecks = options.runtimeChecks;
  cpuOptions.lowering = options.lowering;
  cpuOptions.parallel = options.parallel;
  cpuOptions.workers = options.workers;
  cpuOptions.target = targets.size() == 1 ? options.target : target.cpu;
  auto buildBuffers = [&](OpPassManager &manager) { buildBuffersPipeline(manager, cpuOptions); };
  auto buildKernels = [&](OpPassManager &manager) { buildKernelsPipeline(manager, cpuOptions); };
  if (failed(runPasses(version, buildBuffers)))
    return failure();
  // Between the two the IR tells which results are arguments updated in place.
  for (CFunction &function : functions)
    function.aliases = findReturnedArguments(version.lookupSymbol<func::FuncOp>(function.name));
  return failure(failed(runPasses(version, buildKernels)) ||
                 failed(writeStage(version, "kernels" + suffix)));
}

/// The code of one CPU, and what makes it.
struct Compilation::Code {
  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<llvm::Module> module;
  SmallVector<Kernel> kernels;
};

LogicalResult Compilation::lowerToCode(ModuleOp version, const CPUTarget &target,
                                       const Twine &suffix, llvm::LLVMContext &context,
                                       Code &code) {
  // Helpers that lowering adds must not collide where objects are linked.
  llvm::StringSet<> exported;
  for (auto function : version.getOps<func::FuncOp>())
    if (function.isPublic())
      exported.insert(function.getName());
  auto isExported = [&](const llvm::GlobalValue &value) {
    StringRef name = value.getName();
    name.consume_front("_mlir_ciface_");
    return exported.contains(name);
  };
  if (failed(lowerToKernels(version, target, suffix)))
    return failure();
  code.kernels = findKernels(version);
  if (failed(runPasses(version, buildLoopsToLLVMPipeline)) ||
      failed(writeStage(version, "llvm" + suffix)))
    return failure();
  code.machine = target.createTargetMachine();
  code.module = translateForCPU(version, context, *code.machine);
  if (!code.module)
    return failure();
  if (llvm::Error failure = optimizeForCPU(*code.module, *code.machine, isExported))
    return error() << llvm::toString(std::move(failure));
  return KernelGuard(*code.module, code.kernels).check(*code.module, *code.machine);
}

LogicalResult Compilation::lowerToVersions(llvm::LLVMContext &context, Code &code) {
  std::vector<std::string> names;
  for (const CPUTarget &target : targets) {
    OwningOpRef<ModuleOp> version(module.clone());
    Code one;
    if (failed(lowerToCode(*version, target, "-" + target.cpu, context, one)))
      return failure();
    if (!code.module)
      for (const llvm::Function &function : *one.module)
        if (!function.isDeclaration() && !function.hasLocalLinkage())
          names.push_back(function.getName().str());
    makeVersion(*one.module, target);
    for (Kernel &kernel : one.kernels) {
      kernel.name = getVersionName(kernel.name, target);
      code.kernels.push_back(std::move(kernel));
    }
    if (!code.module)
      code.module = std::move(one.module);
    else if (llvm::Linker::linkModules(*code.module, std::move(one.module)))
      return error() << "cannot link the versions";
  }
  // What belongs to no version runs everywhere.
  code.machine = CPUTarget::get("x86-64", [&] { return error(); })->createTargetMachine();
  addDispatch(*code.module, names, targets);
  return success();
}

/// Puts before each kernel what it is.
static void annotate(StringRef assembly, ArrayRef<Kernel> kernels, raw_ostream &os) {
  llvm::StringMap<const Kernel *> byLabel;
  for (const Kernel &kernel : kernels)
    byLabel[kernel.name + ":"] = &kernel;
  while (!assembly.empty()) {
    StringRef line;
    std::tie(line, assembly) = assembly.split('\n');
    if (const Kernel *kernel = byLabel.lookup(line.take_until(llvm::isSpace)))
      os << "# Kernel of " << kernel->op << ", " << kernel->config << "\n#   " << kernel->types
         << "\n";
    os << line << "\n";
  }
}

LogicalResult Compilation::emitCode(Code &code, llvm::raw_pwrite_stream &os) {
  if (options.emit == EmitKind::LLVM) {
    code.module->print(os, nullptr);
    return success();
  }
  auto generate = [&](llvm::Module &llvmModule, llvm::CodeGenFileType kind,
                      SmallVectorImpl<char> &text) -> LogicalResult {
    llvm::raw_svector_ostream stream(text);
    if (llvm::Error failure = emitMachineCode(llvmModule, *code.machine, kind, stream))
      return error() << llvm::toString(std::move(failure));
    return success();
  };
  // Assembly does not tell what it calls: the object does. Code generation
  // changes the module.
  std::unique_ptr<llvm::Module> copy;
  if (options.emit == EmitKind::Asm)
    copy = llvm::CloneModule(*code.module);
  KernelGuard guard(*code.module, code.kernels);
  SmallVector<char> object, assembly;
  if (failed(generate(*code.module, llvm::CodeGenFileType::ObjectFile, object)))
    return failure();
  StringRef text(object.data(), object.size());
  if (failed(guard.check(llvm::MemoryBufferRef(text, "object"))))
    return failure();
  if (options.emit == EmitKind::Obj)
    return os << text, success();
  if (options.emit == EmitKind::Shared)
    return linkSharedLibrary(text, options.parallel == Parallelism::OpenMP, os,
                             [&] { return optionError(); });
  if (failed(generate(*copy, llvm::CodeGenFileType::AssemblyFile, assembly)))
    return failure();
  annotate(StringRef(assembly.data(), assembly.size()), code.kernels, os);
  return success();
}

LogicalResult Compilation::emitForCPU(llvm::raw_pwrite_stream &os) {
  if (options.emit == EmitKind::Kernels) {
    if (failed(lowerToKernels(module, targets.front(), "")))
      return failure();
    return print(module, os), success();
  }
  if (options.emit == EmitKind::Header) {
    FailureOr<std::vector<CFunction>> functions = findCFunctions(module);
    if (failed(functions) || failed(lowerToKernels(module, targets.front(), "", *functions)))
      return failure();
    writeCHeader(*functions, options.target, options.parallel == Parallelism::Callback, os);
    return success();
  }
  llvm::LLVMContext context;
  Code code;
  if (failed(targets.size() == 1 ? lowerToCode(module, targets.front(), "", context, code)
                                 : lowerToVersions(context, code)))
    return failure();
  return emitCode(code, os);
}

static bool isForGPU(EmitKind emit) { return emit >= EmitKind::PTX; }

/// As --emit spells it, of those that want one target or a GPU.
static StringRef getName(EmitKind emit) {
  switch (emit) {
  case EmitKind::PTX:
    return "ptx";
  case EmitKind::Cubin:
    return "cubin";
  case EmitKind::Bundle:
    return "bundle";
  case EmitKind::IREE:
    return "iree";
  case EmitKind::Report:
    return "report";
  default:
    return "kernels";
  }
}

LogicalResult Compilation::checkOptions() {
  auto report = [&] { return optionError(); };
  bool isGPU = StringRef(options.target).starts_with("sm_");
  if (isGPU) {
    SmallVector<StringRef> names;
    StringRef(options.target).split(names, ',');
    for (StringRef name : names) {
      FailureOr<NVPTXTarget> chip = NVPTXTarget::get(name.trim(), report);
      if (failed(chip))
        return failure();
      chips.push_back(*chip);
    }
  } else {
    FailureOr<SmallVector<CPUTarget>> parsed = parseTargets(options.target, report);
    if (failed(parsed))
      return failure();
    targets = std::move(*parsed);
  }
  constexpr EmitKind single[] = {EmitKind::Kernels, EmitKind::PTX, EmitKind::Cubin, EmitKind::IREE,
                                 EmitKind::Report};
  if (llvm::is_contained(single, options.emit) && targets.size() + chips.size() > 1)
    return optionError() << "expected one target for --emit=" << getName(options.emit)
                         << ", but got " << options.target;
  if (isGPU != isForGPU(options.emit) && options.emit >= EmitKind::Kernels)
    return optionError() << (isGPU
                                 ? "expected --emit=ptx, cubin, bundle, iree or report for the GPU "
                                   "target " +
                                       options.target + ", but got one for CPUs"
                                 : "expected a GPU target (--target=sm_90a) for --emit=" +
                                       getName(options.emit).str() + ", but got " + options.target);
  module.getContext()->loadDialect<DashKVDialect>();
  std::string message;
  if (options.tiering && options.tiering->empty())
    return optionError() << "expected fields of a tiering (full=2%) or default, but got nothing";
  if (!options.tiering && !options.tieringOptions.empty())
    return optionError() << "expected a tiering beside tiering options, but got only "
                         << options.tieringOptions;
  if (options.tiering &&
      failed(TieringAttr::parseText(module.getContext(), getTieringFields(), message)))
    return optionError() << "cannot read the tiering: " << message;
  return success();
}

LogicalResult Compilation::run(llvm::raw_pwrite_stream &os) {
  if (failed(checkOptions()) || failed(raise()))
    return failure();
  if (options.emit == EmitKind::Mlir)
    return print(module, os), success();
  if (isForGPU(options.emit))
    return emitForGPU(os);
  auto expand = [&](OpPassManager &manager) { manager.addPass(createExpandTieredPass()); };
  if (failed(runStage("steps", expand)))
    return failure();
  if (options.emit == EmitKind::Steps)
    return print(module, os), success();
  if (options.emit != EmitKind::Linalg)
    return emitForCPU(os);
  auto lower = [&](OpPassManager &manager) {
    CPUPipelineOptions cpuOptions;
    cpuOptions.runtimeChecks = options.runtimeChecks;
    buildLinalgPipeline(manager, cpuOptions);
  };
  if (failed(runStage("linalg", lower)))
    return failure();
  return print(module, os), success();
}

LogicalResult dashkv::compile(ModuleOp module, const CompileOptions &options,
                              llvm::raw_pwrite_stream &os) {
  return Compilation(module, options).run(os);
}
