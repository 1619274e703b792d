//===- DashKV.cpp - Compile attention and call it from C ------------------===//
#include "dashkv-c/DashKV.h"
#include "dashkv/InitAll.h"
#include "dashkv/Pipelines/Compile.h"
#include "dashkv/Runtime/JIT.h"
#include "dashkv/Runtime/ObjectCache.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mlir::dashkv;

static thread_local std::string messages;

static int32_t fail(const Twine &message) {
  messages = message.str();
  return 1;
}

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

namespace {
struct Options {
  CompileOptions compile;
  bool remarks = false;
  std::string cacheFolder = ObjectCache::getDefaultFolder();

  /// Reads `name=value` texts up to a null.
  llvm::Error read(const char *const *texts);

private:
  bool set(StringRef name, StringRef value);
};
} // namespace

/// Each stores a value if it can be read.
static bool setFlag(StringRef value, bool &flag) {
  flag = value.empty() || value == "true";
  return flag || value == "false";
}
static bool setNumber(StringRef value, int64_t &number) {
  return !value.getAsInteger(10, number) && number > 0;
}
template <typename T> static bool setChoice(std::optional<T> choice, T &option) {
  option = choice.value_or(option);
  return choice.has_value();
}

static std::optional<EmitKind> parseEmitKind(StringRef value) {
  return llvm::StringSwitch<std::optional<EmitKind>>(value)
      .Case("mlir", EmitKind::Mlir)
      .Case("steps", EmitKind::Steps)
      .Case("linalg", EmitKind::Linalg)
      .Case("kernels", EmitKind::Kernels)
      .Case("llvm", EmitKind::LLVM)
      .Case("asm", EmitKind::Asm)
      .Case("obj", EmitKind::Obj)
      .Case("shared", EmitKind::Shared)
      .Case("header", EmitKind::Header)
      .Case("ptx", EmitKind::PTX)
      .Case("cubin", EmitKind::Cubin)
      .Case("bundle", EmitKind::Bundle)
      .Case("iree", EmitKind::IREE)
      .Case("report", EmitKind::Report)
      .Default(std::nullopt);
}

static std::optional<CPULowering> parseLowering(StringRef value) {
  return llvm::StringSwitch<std::optional<CPULowering>>(value)
      .Case("linalg", CPULowering::Linalg)
      .Case("vector", CPULowering::Vector)
      .Default(std::nullopt);
}

static std::optional<Parallelism> parseParallelism(StringRef value) {
  return llvm::StringSwitch<std::optional<Parallelism>>(value)
      .Case("serial", Parallelism::Serial)
      .Case("omp", Parallelism::OpenMP)
      .Case("callback", Parallelism::Callback)
      .Default(std::nullopt);
}

static std::optional<ReportFormat> parseReportFormat(StringRef value) {
  return llvm::StringSwitch<std::optional<ReportFormat>>(value)
      .Case("text", ReportFormat::Text)
      .Case("json", ReportFormat::JSON)
      .Case("html", ReportFormat::HTML)
      .Default(std::nullopt);
}

/// False if there is no such option, or no such value of it.
bool Options::set(StringRef name, StringRef value) {
  auto setText = [&](std::string &text) {
    text = value.str();
    return true;
  };
  if (name == "target")
    return setText(compile.target);
  if (name == "tiering")
    return setText(compile.tiering.emplace());
  if (name == "tiering-options")
    return setText(compile.tieringOptions);
  if (name == "assume-nonempty-rows")
    return setFlag(value, compile.assumeNonemptyRows);
  if (name == "materialize-index-masks")
    return setFlag(value, compile.materializeIndexMasks);
  if (name == "runtime-checks")
    return setFlag(value, compile.runtimeChecks);
  if (name == "lowering")
    return setChoice(parseLowering(value), compile.lowering);
  if (name == "parallel")
    return setChoice(parseParallelism(value), compile.parallel);
  if (name == "workers")
    return setNumber(value, compile.workers);
  if (name == "stages")
    return setText(compile.stages);
  if (name == "remarks")
    return setFlag(value, remarks);
  if (name == "cache")
    return setText(cacheFolder);
  if (name == "emit")
    return setChoice(parseEmitKind(value), compile.emit);
  if (name == "report-keys")
    return setNumber(value, compile.report.keys);
  if (name == "report-batch")
    return setNumber(value, compile.report.batch);
  if (name == "report-format")
    return setChoice(parseReportFormat(value), compile.report.format);
  return false;
}

llvm::Error Options::read(const char *const *texts) {
  bool choosesParallelism = false;
  for (; texts && *texts; ++texts) {
    auto [name, value] = StringRef(*texts).split('=');
    choosesParallelism |= name == "parallel";
    if (!set(name, value))
      return llvm::createStringError("expected an option of dashkv-c/DashKV.h, but got '" +
                                     StringRef(*texts) + "'");
  }
  if (!choosesParallelism && compile.workers > 1)
    compile.parallel = Parallelism::OpenMP;
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Compilations
//===----------------------------------------------------------------------===//

static const DialectRegistry &getRegistry() {
  static const DialectRegistry registry = [] {
    registerDashKVPasses(); // whose names are values of options
    DialectRegistry registry;
    registerAllDialects(registry);
    return registry;
  }();
  return registry;
}

/// Parses a module and passes it to `use`; the status of both, with what is said
/// on the way as messages.
static int32_t compileText(MLIRContext &context, StringRef text, const char *name,
                           const Options &options, function_ref<LogicalResult(ModuleOp)> use) {
  if (options.remarks) {
    // `all` only widens a kind that has a filter of its own: name each kind.
    std::string ours = "dashkv.*";
    remark::RemarkCategories categories{std::nullopt, ours, ours, ours, ours};
    // Fails for filters that are no regular expressions only.
    (void)remark::enableOptimizationRemarks(context, nullptr,
                                            std::make_unique<remark::RemarkEmittingPolicyAll>(),
                                            categories, /*printAsEmitRemarks=*/true);
  }
  messages.clear();
  llvm::raw_string_ostream os(messages);
  llvm::SourceMgr sources;
  // A copy, because the lexer stops at a null only.
  sources.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(text, name), llvm::SMLoc());
  SourceMgrDiagnosticHandler handler(sources, &context, os);
  // Errors about options have no place in the source.
  ScopedDiagnosticHandler optionErrors(&context, [&](Diagnostic &diagnostic) {
    if (!isa<UnknownLoc>(diagnostic.getLocation()) ||
        diagnostic.getSeverity() != DiagnosticSeverity::Error)
      return failure();
    os << "error: " << diagnostic << "\n";
    return success();
  });
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(sources, &context);
  return !module || failed(use(*module));
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

namespace {
/// What a dashkvParameter points to.
struct Parameter {
  std::string type, dtype, role;
  SmallVector<int64_t> shape, strides;
  dashkvParameter view;

  Parameter(Type mlirType, StringRef role, int32_t alias, bool written);
};
} // namespace

static std::string print(Type type) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << type;
  return text;
}

Parameter::Parameter(Type mlirType, StringRef role, int32_t alias, bool written)
    : type(print(mlirType)), dtype(print(getElementTypeOrSelf(mlirType))), role(role) {
  view = {};
  view.kind = DASHKV_SCALAR;
  view.alias = alias;
  view.written = written;
  if (auto shaped = dyn_cast<ShapedType>(mlirType)) {
    view.kind = isa<MemRefType>(mlirType) ? DASHKV_BUFFER : DASHKV_TENSOR;
    view.rank = shaped.getRank();
    for (int64_t size : shaped.getShape())
      shape.push_back(ShapedType::isDynamic(size) ? DASHKV_FREE : size);
  }
  auto buffer = dyn_cast<MemRefType>(mlirType);
  if (!buffer || buffer.getLayout().isIdentity())
    return;
  int64_t offset;
  (void)buffer.getStridesAndOffset(strides, offset); // it is strided
  static_assert(ShapedType::kDynamic == DASHKV_FREE_STRIDE);
}

struct dashkvFunctionType {
  StringRef name;
  const JIT::Function *code;
  std::vector<Parameter> arguments, results;

  dashkvFunctionType(StringRef name, const JIT::Function &function) : name(name), code(&function) {
    for (auto [i, type] : llvm::enumerate(function.type.getInputs()))
      arguments.emplace_back(type, function.roles[i], -1, function.written[i]);
    for (auto [i, type] : llvm::enumerate(function.type.getResults()))
      results.emplace_back(type, "", function.aliases[i], false);
    // Nothing moves any more.
    for (auto *list : {&arguments, &results})
      for (Parameter &parameter : *list) {
        parameter.view.type = parameter.type.c_str();
        parameter.view.dtype = parameter.dtype.c_str();
        parameter.view.role = parameter.role.c_str();
        parameter.view.shape = parameter.shape.data();
        parameter.view.strides = parameter.strides.empty() ? nullptr : parameter.strides.data();
      }
  }
};

struct dashkvModuleType {
  /// Of the types of signatures. One thread: hosts have theirs, and may fork.
  MLIRContext context{getRegistry(), MLIRContext::Threading::DISABLED};
  std::unique_ptr<JIT> jit;
  std::vector<std::unique_ptr<dashkvFunctionType>> functions;

  LogicalResult compile(ModuleOp module, const Options &options);
};

LogicalResult dashkvModuleType::compile(ModuleOp module, const Options &options) {
  if (StringRef(options.compile.target).starts_with("sm_"))
    return emitError(UnknownLoc::get(&context),
                     "expected a CPU as target of code to call, but got ")
           << options.compile.target << ", for which there are products (emit=bundle)";
  CompileOptions raise = options.compile;
  raise.emit = EmitKind::Mlir;
  raise.requireAttention = false;
  llvm::SmallVector<char, 0> text;
  llvm::raw_svector_ostream ignored(text);
  if (failed(mlir::dashkv::compile(module, raise, ignored)))
    return failure();
  CPUPipelineOptions pipeline;
  pipeline.runtimeChecks = options.compile.runtimeChecks;
  pipeline.lowering = options.compile.lowering;
  pipeline.target = options.compile.target;
  pipeline.parallel = options.compile.parallel;
  pipeline.workers = options.compile.workers;
  ObjectCache cache(options.cacheFolder);
  FailureOr<std::unique_ptr<JIT>> compiled =
      JIT::compile(module, pipeline, options.cacheFolder.empty() ? nullptr : &cache);
  if (failed(compiled))
    return failure();
  jit = std::move(*compiled);
  if (!jit->getCacheError().empty())
    emitWarning(module.getLoc()) << jit->getCacheError();
  for (const auto &entry : jit->getFunctions())
    functions.push_back(std::make_unique<dashkvFunctionType>(entry.first(), entry.second));
  llvm::sort(functions, [](auto &a, auto &b) { return a->name < b->name; });
  return success();
}

template <typename T> static const dashkvParameter *getView(const T &list, int32_t index) {
  return index >= 0 && static_cast<size_t>(index) < list.size() ? &list[index].view : nullptr;
}

//===----------------------------------------------------------------------===//
// The interface
//===----------------------------------------------------------------------===//

extern "C" {

const char *dashkvGetMessages(void) { return messages.c_str(); }
const char *dashkvGetVersion(void) { return DASHKV_VERSION; }
const char *dashkvGetLLVMVersion(void) { return LLVM_VERSION_STRING; }

/// The CPU at hand.
static const CPUTarget &getHost() {
  static const CPUTarget host = [] {
    MLIRContext context;
    return *CPUTarget::get("native", [&] { return emitError(UnknownLoc::get(&context)); });
  }();
  return host;
}
const char *dashkvGetCPU(void) { return getHost().cpu.c_str(); }
int32_t dashkvGetVectorBytes(void) { return getHost().vectorBytes; }

const char *dashkvGetCacheFolder(void) {
  static thread_local std::string folder;
  folder = ObjectCache::getDefaultFolder();
  return folder.c_str();
}

int32_t dashkvEmit(const char *text, size_t size, const char *name, const char *const *options,
                   char **product, size_t *productSize) {
  Options read;
  if (llvm::Error error = read.read(options))
    return fail(llvm::toString(std::move(error)));
  MLIRContext context(getRegistry(), MLIRContext::Threading::DISABLED);
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream os(bytes);
  auto use = [&](ModuleOp module) { return compile(module, read.compile, os); };
  if (compileText(context, {text, size}, name, read, use))
    return 1;
  *product = static_cast<char *>(llvm::safe_malloc(bytes.size()));
  llvm::copy(bytes, *product);
  *productSize = bytes.size();
  return 0;
}

void dashkvFree(void *memory) { free(memory); }

int32_t dashkvCompile(const char *text, size_t size, const char *name, const char *const *options,
                      dashkvModule *module) {
  Options read;
  if (llvm::Error error = read.read(options))
    return fail(llvm::toString(std::move(error)));
  auto compiled = std::make_unique<dashkvModuleType>();
  auto use = [&](ModuleOp parsed) { return compiled->compile(parsed, read); };
  if (compileText(compiled->context, {text, size}, name, read, use))
    return 1;
  *module = compiled.release();
  return 0;
}

void dashkvModuleDestroy(dashkvModule module) { delete module; }
int32_t dashkvModuleIsFromCache(dashkvModule module) { return module->jit->isFromCache(); }

int32_t dashkvModuleGetNumFunctions(dashkvModule module) { return module->functions.size(); }

dashkvFunction dashkvModuleGetFunction(dashkvModule module, int32_t index) {
  return index >= 0 && index < dashkvModuleGetNumFunctions(module) ? module->functions[index].get()
                                                                   : nullptr;
}

dashkvFunction dashkvModuleFind(dashkvModule module, const char *name) {
  auto it =
      llvm::find_if(module->functions, [&](auto &function) { return function->name == name; });
  return it == module->functions.end() ? nullptr : it->get();
}

const char *dashkvFunctionGetName(dashkvFunction function) { return function->name.data(); }
int32_t dashkvFunctionGetNumArguments(dashkvFunction function) {
  return function->arguments.size();
}
int32_t dashkvFunctionGetNumResults(dashkvFunction function) { return function->results.size(); }
const dashkvParameter *dashkvFunctionGetArgument(dashkvFunction function, int32_t index) {
  return getView(function->arguments, index);
}
const dashkvParameter *dashkvFunctionGetResult(dashkvFunction function, int32_t index) {
  return getView(function->results, index);
}

int32_t dashkvFunctionCall(dashkvFunction function, void *const *arguments, int32_t numArguments,
                           int64_t *results) {
  if (llvm::Error error =
          JIT::call(function->name, *function->code,
                    ArrayRef<void *>(arguments, static_cast<size_t>(numArguments)), results))
    return fail(llvm::toString(std::move(error)));
  messages.clear();
  return 0;
}

} // extern "C"
