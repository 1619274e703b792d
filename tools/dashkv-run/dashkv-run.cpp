//===- dashkv-run.cpp - Compile a module for this machine and run it ------===//
#include "dashkv/InitAll.h"
#include "dashkv/Pipelines/Compile.h"
#include "dashkv/Runtime/Compare.h"
#include "dashkv/Runtime/GPURunner.h"
#include "dashkv/Runtime/JIT.h"
#include "dashkv/Runtime/ObjectCache.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"
#include <chrono>

using namespace mlir;
using namespace mlir::dashkv;
namespace cl = llvm::cl;

static cl::OptionCategory category("dashkv-run options");
static cl::opt<std::string> inputFile(cl::Positional, cl::desc("<module.mlir or kernel bundle>"),
                                      cl::init("-"), cl::cat(category));
static cl::opt<std::string> entry("entry", cl::desc("Function to call"), cl::value_desc("name"),
                                  cl::init("main"), cl::cat(category));
static cl::list<std::string>
    inputs("input",
           cl::desc("An argument of the function: a file for the next one, or NAME=file, where "
                    "NAME is a number or the dashkv.role of an argument"),
           cl::value_desc("[name=]file.npy"), cl::cat(category));
static cl::list<std::string> outputs("output",
                                     cl::desc("Where the next result is written (empty: nowhere)"),
                                     cl::value_desc("file.npy"), cl::cat(category));
static cl::opt<std::string>
    compareWith("compare",
                cl::desc("Compare with 'attention': the same module with exact attention, by time, "
                         "bytes, error and kept attention mass"),
                cl::value_desc("attention"), cl::cat(category));
static cl::opt<unsigned> repeat(
    "repeat",
    cl::desc("Calls that are timed; the median is printed (default 5 with --compare, else 0)"),
    cl::init(0), cl::cat(category));
static cl::opt<std::string> jsonFile("json", cl::desc("Where the measurements are written as JSON"),
                                     cl::value_desc("file"), cl::cat(category));
static cl::opt<bool>
    runtimeChecks("runtime-checks",
                  cl::desc("Check sizes, lengths, indices and code weights while running"),
                  cl::cat(category));

static cl::opt<CPULowering> lowering("lowering", cl::desc("How dashkv ops become code of a CPU"),
                                     cl::init(CPULowering::Vector), cl::cat(category),
                                     getLoweringValues());
static cl::opt<std::string> target("target",
                                   cl::desc("CPU to compile for, native or one that this CPU is "
                                            "compatible with (x86-64-v3, ...), or GPU (sm_90a)"),
                                   cl::value_desc("name"), cl::init("native"), cl::cat(category));

static cl::opt<Parallelism> parallel(
    "parallel",
    cl::desc("Who runs parallel loops (default: omp with more than one worker, else serial)"),
    cl::init(Parallelism::Serial), cl::cat(category), getParallelismValues());
static cl::opt<unsigned> workers("workers", cl::desc("Threads to keep busy"), cl::init(1),
                                 cl::cat(category));

static cl::opt<bool>
    noCache("no-cache",
            cl::desc("Compile even if the code is in the cache ($DASHKV_CACHE_DIR, or dashkv in "
                     "$XDG_CACHE_HOME or ~/.cache), and store nothing there"),
            cl::cat(category));
static cl::opt<bool> verbose("verbose", cl::desc("Tell where the code came from"),
                             cl::cat(category));

static int fail(const Twine &message) {
  llvm::WithColor::error(llvm::errs(), "dashkv-run") << message << "\n";
  return 1;
}

/// Puts the files of --input at the arguments they are for.
static llvm::Expected<SmallVector<Array>> readArguments(ArrayRef<std::string> roles) {
  SmallVector<std::optional<Array>> slots(roles.size());
  unsigned next = 0;
  for (StringRef input : inputs) {
    auto [name, path] = input.contains('=') ? input.split('=') : std::pair(StringRef(), input);
    unsigned index = next;
    if (!name.empty() && name.getAsInteger(10, index)) {
      auto it = llvm::find(roles, name);
      if (it == roles.end())
        return llvm::createStringError(
            "expected a number or a dashkv.role of an argument, but got '" + name + "'");
      index = it - roles.begin();
    }
    if (index >= slots.size())
      return llvm::createStringError("expected at most " + Twine(slots.size()) +
                                     " arguments, but got " + input);
    if (slots[index])
      return llvm::createStringError("expected one file for argument " + Twine(index) +
                                     ", but got " + input + " as well");
    auto array = Array::readNpy(path);
    if (!array)
      return array.takeError();
    slots[index] = *array;
    while (next < slots.size() && slots[next])
      ++next;
  }
  SmallVector<Array> arguments;
  for (auto [i, slot] : llvm::enumerate(slots)) {
    if (!slot)
      return llvm::createStringError("expected an --input for argument " + Twine(i) +
                                     (roles[i].empty() ? "" : " (" + roles[i] + ")") +
                                     ", but got none");
    arguments.push_back(*slot);
  }
  return arguments;
}

//===----------------------------------------------------------------------===//
// What was measured and computed
//===----------------------------------------------------------------------===//

static bool hasTooManyOutputs(size_t numResults) {
  if (outputs.size() <= numResults)
    return false;
  fail("expected at most " + Twine(numResults) + " outputs, but got " + Twine(outputs.size()));
  return true;
}

static void printTime(double seconds, StringRef what) {
  llvm::outs() << llvm::formatv("{0}: {1:f3} ms ({2} of {3})\n", entry, seconds * 1e3, what,
                                repeat);
}

/// Writes --output and --json: all files or none.
static int write(ArrayRef<Array> results, llvm::json::Object measured) {
  std::vector<std::unique_ptr<llvm::FileOutputBuffer>> files;
  for (auto [path, result] : llvm::zip(outputs, results)) {
    if (path.empty())
      continue;
    auto file = result.prepareNpy(path);
    if (!file)
      return fail(llvm::toString(file.takeError()));
    files.push_back(std::move(*file));
  }
  if (!jsonFile.empty()) {
    std::string message;
    auto output = openOutputFile(jsonFile, &message);
    if (!output)
      return fail(message);
    output->os() << llvm::formatv("{0:2}\n", llvm::json::Value(std::move(measured)));
    output->keep();
  }
  for (auto &file : files)
    if (llvm::Error error = file->commit())
      return fail("cannot write " + file->getPath() + ": " + llvm::toString(std::move(error)));
  return 0;
}

//===----------------------------------------------------------------------===//
// GPU
//===----------------------------------------------------------------------===//

/// Runs the content of a bundle.
static int runBundle(const std::string &bundle) {
  auto runner = GPURunner::open(bundle);
  if (!runner)
    return fail(llvm::toString(runner.takeError()));
  const ::dashkv::runtime::FunctionPlan *function = (*runner)->find(entry);
  if (!function)
    return fail("expected a public function with a body, but '" + entry + "' is none of " +
                inputFile);
  SmallVector<std::string> roles;
  for (const ::dashkv::runtime::Tensor &argument : function->arguments)
    roles.push_back(argument.role);
  auto arguments = readArguments(roles);
  if (!arguments)
    return fail(llvm::toString(arguments.takeError()));
  if (hasTooManyOutputs(function->results.size()))
    return 1;
  auto results = (*runner)->call(entry, *arguments);
  if (!results)
    return fail(llvm::toString(results.takeError()));
  llvm::json::Object measured;
  if (repeat) {
    auto seconds = (*runner)->time(entry, *arguments, repeat);
    if (!seconds)
      return fail(llvm::toString(seconds.takeError()));
    printTime(*seconds, "mean");
    measured["seconds"] = *seconds;
  }
  return write(*results, std::move(measured));
}

static int compileAndRunOnGPU(ModuleOp module) {
  if (!compareWith.empty())
    return fail("expected a CPU as target of --compare, but got " + target);
  CompileOptions options;
  options.emit = EmitKind::Bundle;
  options.target = target;
  SmallString<0> bundle;
  llvm::raw_svector_ostream os(bundle);
  if (failed(compile(module, options, os)))
    return 1;
  return runBundle(bundle.str().str());
}

//===----------------------------------------------------------------------===//
// CPU
//===----------------------------------------------------------------------===//

static int compileAndRunOnCPU(ModuleOp module) {
  CPUPipelineOptions options;
  options.runtimeChecks = runtimeChecks;
  options.lowering = lowering;
  options.target = target;
  options.workers = workers;
  options.parallel = parallel.getNumOccurrences() || workers == 1 ? parallel : Parallelism::OpenMP;
  OwningOpRef<ModuleOp> original = module.clone();
  ObjectCache folder(ObjectCache::getDefaultFolder());
  const ObjectCache *cache = noCache || folder.getFolder().empty() ? nullptr : &folder;
  auto start = std::chrono::steady_clock::now();
  FailureOr<std::unique_ptr<JIT>> jit = JIT::compile(module, options, cache);
  if (failed(jit))
    return 1;
  if (verbose) {
    std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - start;
    llvm::errs() << "dashkv-run: "
                 << ((*jit)->isFromCache() ? "code from the cache in " : "compiled in ")
                 << llvm::formatv("{0:f1} ms\n", elapsed.count());
    if (!(*jit)->getCacheError().empty())
      llvm::errs() << "dashkv-run: " << (*jit)->getCacheError() << "\n";
  }
  auto function = (*jit)->getFunctions().find(entry);
  if (function == (*jit)->getFunctions().end())
    return fail("expected a public function with a body, but '" + entry + "' is none of " +
                inputFile);
  auto arguments = readArguments(function->second.roles);
  if (!arguments)
    return fail(llvm::toString(arguments.takeError()));
  if (llvm::Error error = (*jit)->check(entry, *arguments))
    return fail(llvm::toString(std::move(error)));
  if (hasTooManyOutputs(function->second.aliases.size()))
    return 1;

  // Measured first: the call below may write its arguments.
  llvm::json::Object measured;
  if (compareWith == "attention") {
    auto comparison =
        compareWithAttention(*original, entry, *arguments, repeat ? repeat : 5u, options, cache);
    if (!comparison)
      return fail(llvm::toString(comparison.takeError()));
    comparison->print(llvm::outs());
    measured = *comparison->toJSON().getAsObject();
  }
  auto results = (*jit)->call(entry, *arguments);
  if (!results)
    return fail(llvm::toString(results.takeError()));
  if (repeat && compareWith.empty()) {
    auto seconds = (*jit)->time(entry, *arguments, repeat);
    if (!seconds)
      return fail(llvm::toString(seconds.takeError()));
    printTime(*seconds, "median");
    measured["seconds"] = *seconds;
  }
  return write(*results, std::move(measured));
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  registerMLIRContextCLOptions();
  registerPassManagerCLOptions(); // which compile() applies
  cl::ParseCommandLineOptions(
      argc, argv,
      "dashkv-run: compiles a module of dashkv or linalg ops for this machine and calls a "
      "function\n\n"
      "  dashkv-run layer.mlir --input q.npy --input k.npy --input v.npy --output out.npy\n"
      "  dashkv-run tiered.mlir --input ... --input key_codes=codes.npy --compare=attention\n"
      "  dashkv-run tiered.mlir --target=sm_90a --input ... --repeat=100\n"
      "  dashkv-run tiered.dashkv --input ...    (of dashkv-compile --emit=bundle)\n");
  if (!compareWith.empty() && compareWith != "attention")
    return fail("expected --compare=attention, but got --compare=" + compareWith);

  std::string message;
  auto file = openInputFile(inputFile, &message);
  if (!file)
    return fail(message);
  if (::dashkv::runtime::isKernelBundle(file->getBuffer().str()))
    return runBundle(file->getBuffer().str());
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry);
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(file), llvm::SMLoc());
  SourceMgrDiagnosticHandler handler(sources, &context);
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, &context);
  if (!module)
    return 1;
  return StringRef(target).starts_with("sm_") ? compileAndRunOnGPU(*module)
                                              : compileAndRunOnCPU(*module);
}
