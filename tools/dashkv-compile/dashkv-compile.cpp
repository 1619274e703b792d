//===- dashkv-compile.cpp - Attention graphs to kernels -------------------===//
#include "dashkv/InitAll.h"
#include "dashkv/Pipelines/Compile.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/Timing.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"

using namespace mlir;
using namespace mlir::dashkv;
namespace cl = llvm::cl;

static cl::OptionCategory category("dashkv-compile options");
static cl::opt<std::string> inputFile(cl::Positional, cl::desc("<module.mlir>"), cl::init("-"),
                                      cl::cat(category));
static cl::opt<std::string>
    outputFile("o", cl::desc("Where the product is written (- for standard output)"),
               cl::value_desc("file"), cl::init("-"), cl::cat(category));
static cl::opt<EmitKind> emitKind(
    "emit", cl::desc("What is written"), cl::init(EmitKind::Mlir), cl::cat(category),
    cl::values(clEnumValN(EmitKind::Mlir, "mlir", "dashkv ops: raised, and tiered with --tiering"),
               clEnumValN(EmitKind::Steps, "steps", "tiered attention taken apart into its steps"),
               clEnumValN(EmitKind::Linalg, "linalg", "linalg on tensors, for any MLIR backend"),
               clEnumValN(EmitKind::Kernels, "kernels", "kernels of a CPU as vectors on buffers"),
               clEnumValN(EmitKind::LLVM, "llvm", "LLVM IR for a CPU"),
               clEnumValN(EmitKind::Asm, "asm", "assembly for a CPU"),
               clEnumValN(EmitKind::Obj, "obj", "object file for a CPU (needs libc and libm)"),
               clEnumValN(EmitKind::Shared, "shared",
                          "shared library for a CPU, linked by clang-22, clang, cc or gcc"),
               clEnumValN(EmitKind::Header, "header",
                          "C header of the functions of obj and shared"),
               clEnumValN(EmitKind::PTX, "ptx", "PTX of the GPU kernels"),
               clEnumValN(EmitKind::Cubin, "cubin", "machine code of the GPU kernels, by ptxas"),
               clEnumValN(EmitKind::Bundle, "bundle",
                          "kernels and launches for the launcher (dashkv-c/Launcher.h)"),
               clEnumValN(EmitKind::IREE, "iree",
                          "the GPU kernels and their dispatches, as a library for IREE"),
               clEnumValN(EmitKind::Report, "report",
                          "facts for tuning GPU kernels: text, or JSON or a page by the name of "
                          "the file (.json, .html)")));
static cl::opt<std::string>
    target("target",
           cl::desc("native, a CPU (x86-64-v3, znver4, ...) or a GPU (sm_80, sm_90a, ...); of a "
                    "list of CPUs (x86-64-v3,icelake-server), or of GPUs for a bundle, the best is "
                    "taken at load time"),
           cl::value_desc("name"), cl::init("native"), cl::cat(category));
static cl::opt<std::string>
    tiering("tiering",
            cl::desc("Make attention tiered (results change): fields of #dashkv.tiering as "
                     "full=2%,scope=head,...; 'default' for the defaults"),
            cl::value_desc("fields"), cl::cat(category));
static cl::opt<std::string> tieringOptions(
    "tiering-options",
    cl::desc("Further options of dashkv-apply-tiering, as 'encoder=mlp levels=7 lengths'"),
    cl::value_desc("options"), cl::cat(category));
static cl::opt<bool> assumeNonemptyRows("assume-nonempty-rows",
                                        cl::desc("Masks never hide every key of a row"),
                                        cl::cat(category));
static cl::opt<bool>
    materializeIndexMasks("materialize-index-masks",
                          cl::desc("Make a mask operand of index expressions inside the scores "
                                   "(=false: leave such attention as it is)"),
                          cl::init(true), cl::cat(category));
static cl::opt<bool>
    runtimeChecks("runtime-checks",
                  cl::desc("Check sizes, lengths, indices and code weights while running"),
                  cl::cat(category));
static cl::opt<CPULowering> lowering("lowering", cl::desc("How dashkv ops become code of a CPU"),
                                     cl::init(CPULowering::Vector), cl::cat(category),
                                     getLoweringValues());
static cl::opt<Parallelism> parallel(
    "parallel",
    cl::desc("Who runs parallel loops (default: omp with more than one worker, else serial)"),
    cl::init(Parallelism::Serial), cl::cat(category), getParallelismValues());
static cl::opt<unsigned> workers("workers", cl::desc("Threads to keep busy"), cl::init(1),
                                 cl::cat(category));
static cl::opt<int64_t>
    reportKeys("report-keys", cl::desc("Keys in the caches of a report, where types have none"),
               cl::init(131072), cl::cat(category));
static cl::opt<int64_t> reportBatch("report-batch", cl::desc("The same for the batch"), cl::init(1),
                                    cl::cat(category));
static cl::opt<std::string> stages("stages",
                                   cl::desc("Folder that receives the MLIR after every stage"),
                                   cl::value_desc("folder"), cl::cat(category));
static cl::opt<bool> remarks("remarks",
                             cl::desc("Tell what was raised and tiered, and why the rest was not"),
                             cl::cat(category));

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  registerDashKVPasses(); // whose names are values of options
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions();
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(
      argc, argv,
      "dashkv-compile: raises attention graphs, makes them tiered on request, and compiles them\n\n"
      "  dashkv-compile layer.mlir --emit=mlir\n"
      "  dashkv-compile layer.mlir --tiering=full=2% --emit=obj --target=x86-64-v3 -o layer.o\n"
      "  dashkv-compile layer.mlir --tiering=full=2% --emit=header -o layer.h\n"
      "  dashkv-compile layer.mlir --tiering=default --emit=ptx --target=sm_90a -o scan.ptx\n\n"
      "--help-hidden lists the options of MLIR (--mlir-print-ir-after-all and others) too.\n");
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry);
  if (remarks) {
    // `all` only widens a kind that has a filter of its own: name each kind.
    std::string ours = "dashkv.*";
    remark::RemarkCategories categories{std::nullopt, ours, ours, ours, ours};
    if (failed(remark::enableOptimizationRemarks(
            context, nullptr, std::make_unique<remark::RemarkEmittingPolicyAll>(), categories,
            /*printAsEmitRemarks=*/true)))
      return 1;
  }

  std::string message;
  auto file = openInputFile(inputFile, &message);
  auto output = file ? openOutputFile(outputFile, &message) : nullptr;
  if (!output) {
    llvm::WithColor::error(llvm::errs(), "dashkv-compile") << message << "\n";
    return 1;
  }
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(file), llvm::SMLoc());
  SourceMgrDiagnosticHandler handler(sources, &context);
  // Errors about options have no place in the source.
  ScopedDiagnosticHandler optionErrors(&context, [](Diagnostic &diagnostic) {
    if (!isa<UnknownLoc>(diagnostic.getLocation()) ||
        diagnostic.getSeverity() != DiagnosticSeverity::Error)
      return failure();
    llvm::WithColor::error(llvm::errs(), "dashkv-compile") << diagnostic << "\n";
    return success();
  });
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, &context);
  if (!module)
    return 1;

  CompileOptions options;
  options.emit = emitKind;
  options.target = target;
  if (tiering.getNumOccurrences())
    options.tiering = tiering.getValue();
  options.tieringOptions = tieringOptions;
  options.assumeNonemptyRows = assumeNonemptyRows;
  options.materializeIndexMasks = materializeIndexMasks;
  options.runtimeChecks = runtimeChecks;
  options.lowering = lowering;
  options.workers = workers;
  options.parallel = parallel.getNumOccurrences() || workers == 1 ? parallel : Parallelism::OpenMP;
  StringRef suffix = llvm::sys::path::extension(outputFile);
  options.report.format = suffix == ".json"   ? ReportFormat::JSON
                          : suffix == ".html" ? ReportFormat::HTML
                                              : ReportFormat::Text;
  options.report.keys = reportKeys;
  options.report.batch = reportBatch;
  options.stages = stages;
  // The file is written whole or not at all.
  SmallVector<char> product;
  llvm::raw_svector_ostream os(product);
  if (failed(compile(*module, options, os)))
    return 1;
  output->os() << os.str();
  output->os().flush();
  if (std::error_code code = output->os().error()) {
    output->os().clear_error();
    llvm::WithColor::error(llvm::errs(), "dashkv-compile")
        << "cannot write " << outputFile << ": " << code.message() << "\n";
    return 1;
  }
  output->keep();
  return 0;
}
