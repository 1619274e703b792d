//===- JIT.cpp - Compile a module for this CPU and call it ----------------===//
#include "dashkv/Runtime/JIT.h"
#include "Threads.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "dashkv/Dialect/DashKV/Transforms/Transforms.h"
#include "dashkv/Pipelines/MachineCode.h"
#include "dashkv/Runtime/ObjectCache.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ExecutionEngine/Orc/ExecutionUtils.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Target/TargetMachine.h"
#include <chrono>
#include <cstdlib>
#include <set>

using namespace mlir;
using namespace mlir::dashkv;

// A run-time check that fails prints a line and aborts. Neither the frames of
// compiled code can be unwound nor the kernel be continued, so the process ends
// in order, with the message where errors go.
static int reportCheck(const char *message) {
  llvm::errs() << "error: run-time check failed: " << message << "\n";
  return 0;
}
static void stopAfterCheck() { std::exit(1); }

/// Symbols that calls enter by.
static constexpr llvm::StringLiteral entryPrefix = "dashkv.call.";

JIT::~JIT() = default;

LogicalResult JIT::readSignatures(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isExternal())
      continue;
    for (Type type :
         llvm::concat<const Type>(function.getArgumentTypes(), function.getResultTypes())) {
      auto tensor = dyn_cast<RankedTensorType>(type);
      if (!tensor || getDtype(tensor.getElementType()).empty())
        return emitError(function.getLoc(),
                         "expected tensors of floats or integers in the signature, but got ")
               << type;
    }
    Function entry{function.getFunctionType(), {}, {}, function.getLoc(), nullptr};
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto role = function.getArgAttrOfType<StringAttr>(i, kRoleAttrName);
      entry.roles.push_back(role ? role.str() : "");
    }
    functions.try_emplace(function.getName(), std::move(entry));
  }
  return success();
}

/// Adds `dashkv.call.NAME(ptr to pointers)` for each C wrapper of `names`: calls
/// with any number of arguments through one type.
static void addEntries(llvm::Module &module, ArrayRef<StringRef> names) {
  llvm::IRBuilder<> b(module.getContext());
  auto *type = llvm::FunctionType::get(b.getVoidTy(), b.getPtrTy(), /*isVarArg=*/false);
  for (StringRef name : names) {
    llvm::Function *callee = module.getFunction(("_mlir_ciface_" + name).str());
    auto *entry = llvm::Function::Create(type, llvm::GlobalValue::ExternalLinkage,
                                         entryPrefix + name, module);
    b.SetInsertPoint(llvm::BasicBlock::Create(module.getContext(), "", entry));
    SmallVector<llvm::Value *> arguments;
    for (unsigned i = 0; i < callee->arg_size(); ++i)
      arguments.push_back(b.CreateLoad(
          b.getPtrTy(), b.CreateConstInBoundsGEP1_64(b.getPtrTy(), entry->getArg(0), i)));
    b.CreateCall(callee, arguments);
    b.CreateRetVoid();
  }
}

FailureOr<std::string> JIT::lower(ModuleOp module, const CPUPipelineOptions &options,
                                  const CPUTarget &target) {
  auto run = [&](function_ref<void(OpPassManager &)> build) {
    PassManager manager(module.getContext());
    build(manager);
    return manager.run(module);
  };
  // Buffers tell which results are arguments updated in place, and what follows
  // which functions are kernels.
  if (failed(run([&](OpPassManager &pm) { buildBuffersPipeline(pm, options); })))
    return failure();
  SmallVector<StringRef> names;
  for (auto &entry : functions) {
    names.push_back(entry.first());
    entry.second.aliases = findReturnedArguments(module.lookupSymbol<func::FuncOp>(entry.first()));
  }
  llvm::sort(names);
  if (failed(run([&](OpPassManager &pm) { buildKernelsPipeline(pm, options); })))
    return failure();
  SmallVector<Kernel> kernels = findKernels(module);
  if (failed(run(buildLoopsToLLVMPipeline)))
    return failure();

  std::unique_ptr<llvm::TargetMachine> machine = target.createTargetMachine();
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = translateForCPU(module, context, *machine);
  if (!code)
    return failure();
  addEntries(*code, names);
  auto isExported = [](const llvm::GlobalValue &value) {
    return value.getName().starts_with(entryPrefix);
  };
  if (llvm::Error error = optimizeForCPU(*code, *machine, isExported))
    return emitError(module.getLoc(), "cannot compile: ") << llvm::toString(std::move(error));
  KernelGuard guard(*code, kernels);
  SmallVector<char> object;
  llvm::raw_svector_ostream os(object);
  if (failed(guard.check(*code, *machine)))
    return failure();
  if (llvm::Error error = emitMachineCode(*code, *machine, llvm::CodeGenFileType::ObjectFile, os))
    return emitError(module.getLoc(), "cannot compile: ") << llvm::toString(std::move(error));
  if (failed(guard.check(llvm::MemoryBufferRef(os.str(), "object"))))
    return failure();
  return os.str().str();
}

std::string JIT::save(StringRef object) const {
  llvm::json::Object aliases;
  for (const auto &entry : functions)
    aliases[entry.first()] = llvm::json::Array(entry.second.aliases);
  return llvm::formatv("{0}\n{1}", llvm::json::Value(std::move(aliases)), object);
}

StringRef JIT::restore(StringRef text) {
  auto [head, object] = text.split('\n');
  llvm::Expected<llvm::json::Value> parsed = llvm::json::parse(head);
  if (!parsed) {
    llvm::consumeError(parsed.takeError());
    return "";
  }
  for (auto &entry : functions) {
    entry.second.aliases.clear();
    llvm::json::Path::Root root;
    std::vector<int> aliases;
    const llvm::json::Object *object = parsed->getAsObject();
    const llvm::json::Value *value = object ? object->get(entry.first()) : nullptr;
    if (!value || !llvm::json::fromJSON(*value, aliases, root) ||
        aliases.size() != entry.second.type.getNumResults())
      return "";
    entry.second.aliases.assign(aliases.begin(), aliases.end());
  }
  return object;
}

llvm::Error JIT::link(StringRef object) {
  auto created = llvm::orc::LLJITBuilder().create();
  if (!created)
    return created.takeError();
  engine = std::move(*created);
  llvm::orc::JITDylib &library = engine->getMainJITDylib();
  llvm::orc::SymbolMap symbols;
  auto define = [&](StringRef name, auto *function) {
    symbols[engine->mangleAndIntern(name)] = {llvm::orc::ExecutorAddr::fromPtr(function),
                                              llvm::JITSymbolFlags::Exported};
  };
  define("puts", &reportCheck);
  define("abort", &stopAfterCheck);
  define("dashkv_parallel_for", &parallelFor);
  if (llvm::Error error = library.define(llvm::orc::absoluteSymbols(std::move(symbols))))
    return error;
  auto process = llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess(
      engine->getDataLayout().getGlobalPrefix());
  if (!process)
    return process.takeError();
  library.addGenerator(std::move(*process));
  auto buffer = llvm::MemoryBuffer::getMemBufferCopy(object, "kernels");
  if (llvm::Error error = engine->addObjectFile(std::move(buffer)))
    return error;
  for (auto &entry : functions) {
    auto address = engine->lookup((entryPrefix + entry.first()).str());
    if (!address)
      return address.takeError();
    entry.second.entry = address->toPtr<void (*)(void **)>();
  }
  return llvm::Error::success();
}

/// What the code of `module` depends on, apart from this program.
static std::string getKey(ModuleOp module, const CPUPipelineOptions &options,
                          const CPUTarget &target) {
  std::string text, optionText;
  llvm::raw_string_ostream os(text), optionStream(optionText);
  OpPrintingFlags flags;
  flags.printGenericOpForm().assumeVerified().useLocalScope();
  flags.elideLargeElementsAttrs(std::numeric_limits<int64_t>::max());
  flags.enableDebugInfo(options.runtimeChecks); // whose messages hold locations
  module->print(os, flags);
  const_cast<CPUPipelineOptions &>(options).print(optionStream); // changes nothing
  return ObjectCache::makeKey({text, optionText, target.triple, target.cpu, target.features});
}

FailureOr<std::unique_ptr<JIT>> JIT::compile(ModuleOp module, const CPUPipelineOptions &options,
                                             const ObjectCache *cache) {
  std::unique_ptr<JIT> jit(new JIT());
  FailureOr<CPUTarget> target = CPUTarget::get(
      options.target, [&] { return emitError(UnknownLoc::get(module.getContext())); });
  if (failed(target) || failed(jit->readSignatures(module)))
    return failure();
  CPUTarget host = *CPUTarget::get("native", [&] { return emitError(module.getLoc()); });
  if (target->vectorBytes > host.vectorBytes || target->hasBytePopcount > host.hasBytePopcount)
    return emitError(UnknownLoc::get(module.getContext()))
           << "expected a target that this CPU (" << host.cpu << ") can run, but got "
           << options.target;
  if (llvm::Error error = startThreads(options))
    return emitError(UnknownLoc::get(module.getContext())) << llvm::toString(std::move(error));
  auto link = [&](StringRef object) -> LogicalResult {
    if (llvm::Error error = jit->link(object))
      return emitError(module.getLoc(), "cannot compile: ") << llvm::toString(std::move(error));
    return success();
  };
  std::string key = cache ? getKey(module, options, *target) : "";
  if (!key.empty()) {
    if (std::unique_ptr<llvm::MemoryBuffer> stored = cache->load(key)) {
      StringRef object = jit->restore(stored->getBuffer());
      jit->fromCache = !object.empty();
      if (jit->fromCache) {
        if (failed(link(object)))
          return failure();
        return jit;
      }
    }
  }
  FailureOr<std::string> object = jit->lower(module, options, *target);
  if (failed(object) || failed(link(*object)))
    return failure();
  if (!key.empty())
    if (llvm::Error error = cache->store(key, jit->save(*object)))
      jit->cacheError = llvm::toString(std::move(error));
  return std::move(jit);
}

llvm::Error JIT::check(StringRef name, ArrayRef<Array> arguments) const {
  auto it = functions.find(name);
  if (it == functions.end())
    return llvm::createStringError("expected a public function of the module, but got '" + name +
                                   "'");
  const Function &function = it->second;
  if (arguments.size() != function.type.getNumInputs())
    return llvm::createStringError(llvm::formatv("expected {0} arguments of '{1}', but got {2}",
                                                 function.type.getNumInputs(), name,
                                                 arguments.size()));
  for (auto [i, type] : llvm::enumerate(function.type.getInputs())) {
    if (arguments[i].matches(cast<RankedTensorType>(type)))
      continue;
    std::string text;
    llvm::raw_string_ostream os(text);
    os << "expected argument " << i;
    if (!function.roles[i].empty())
      os << " (" << function.roles[i] << ")";
    os << " of '" << name << "' to be " << type << ", but got " << arguments[i].describe();
    return llvm::createStringError(text);
  }
  return llvm::Error::success();
}

/// Memory of one call: descriptors {allocated, aligned, offset, sizes, strides}
/// as words, and the pointers to them that the C wrapper takes.
struct JIT::Invocation {
  std::vector<std::vector<int64_t>> descriptors;
  std::vector<void *> pointers;
  std::vector<int64_t> results;

  Invocation(const Function &function, ArrayRef<Array> arguments) {
    for (const Array &array : arguments) {
      auto data = reinterpret_cast<int64_t>(array.data->data());
      std::vector<int64_t> words = {data, data, 0};
      words.insert(words.end(), array.shape.begin(), array.shape.end());
      std::vector<int64_t> strides(array.shape.size(), 1);
      for (int i = static_cast<int>(strides.size()) - 2; i >= 0; --i)
        strides[i] = strides[i + 1] * array.shape[i + 1];
      words.insert(words.end(), strides.begin(), strides.end());
      descriptors.push_back(std::move(words));
    }
    size_t resultWords = 0;
    for (auto [alias, type] : llvm::zip(function.aliases, function.type.getResults()))
      if (alias < 0)
        resultWords += 3 + 2 * cast<RankedTensorType>(type).getRank();
    results.resize(resultWords);
    if (resultWords)
      pointers.push_back(results.data());
    for (auto &words : descriptors)
      pointers.push_back(words.data());
  }
};

/// Calls `visit(i, descriptor)` for every result that is no argument, then frees
/// their buffers, of which several results may share one.
static void consumeResults(const JIT::Function &function, int64_t *words,
                           function_ref<void(unsigned, int64_t *)> visit) {
  std::set<void *> buffers;
  for (unsigned i = 0; i < function.aliases.size(); ++i) {
    if (function.aliases[i] >= 0)
      continue;
    visit(i, words);
    buffers.insert(reinterpret_cast<void *>(words[0]));
    words += 3 + 2 * cast<RankedTensorType>(function.type.getResult(i)).getRank();
  }
  for (void *buffer : buffers)
    free(buffer);
}

llvm::Expected<SmallVector<Array>> JIT::call(StringRef name, ArrayRef<Array> arguments) {
  if (llvm::Error error = check(name, arguments))
    return error;
  const Function &function = functions.find(name)->second;
  Invocation invocation(function, arguments);
  function.entry(invocation.pointers.data());
  SmallVector<Array> results(function.aliases.size());
  for (auto [result, alias] : llvm::zip(results, function.aliases))
    if (alias >= 0)
      result = arguments[alias];
  consumeResults(function, invocation.results.data(), [&](unsigned i, int64_t *words) {
    auto type = cast<RankedTensorType>(function.type.getResult(i));
    Array &array = results[i];
    array.dtype = getDtype(type.getElementType()).str();
    array.shape.assign(words + 3, words + 3 + type.getRank());
    const char *begin =
        reinterpret_cast<const char *>(words[1]) + words[2] * array.getElementSize();
    array.data = std::make_shared<std::vector<char>>(begin, begin + array.getNumElements() *
                                                                        array.getElementSize());
  });
  return results;
}

llvm::Expected<double> JIT::time(StringRef name, ArrayRef<Array> arguments, unsigned repetitions) {
  if (llvm::Error error = check(name, arguments))
    return error;
  const Function &function = functions.find(name)->second;
  std::vector<double> seconds;
  for (unsigned i = 0; i <= repetitions; ++i) {
    Invocation invocation(function, arguments);
    auto start = std::chrono::steady_clock::now();
    function.entry(invocation.pointers.data());
    std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (i > 0)
      seconds.push_back(elapsed.count());
    consumeResults(function, invocation.results.data(), [](unsigned, int64_t *) {});
  }
  std::nth_element(seconds.begin(), seconds.begin() + seconds.size() / 2, seconds.end());
  return seconds[seconds.size() / 2];
}
