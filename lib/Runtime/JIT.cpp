//===- JIT.cpp - Compile a module for this CPU and call it ----------------===//
#include "dashkv/Runtime/JIT.h"
#include "dashkv/Conversion/TargetInfo.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "dashkv/Dialect/DashKV/Transforms/Transforms.h"
#include "dashkv/Pipelines/Optimize.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FormatVariadic.h"
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

FailureOr<std::unique_ptr<JIT>> JIT::compile(ModuleOp module, const CPUPipelineOptions &options) {
  std::unique_ptr<JIT> jit(new JIT());
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
    Function entry{function.getFunctionType(), {}, {}, function.getLoc()};
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto role = function.getArgAttrOfType<StringAttr>(i, kRoleAttrName);
      entry.roles.push_back(role ? role.str() : "");
    }
    jit->functions.try_emplace(function.getName(), std::move(entry));
  }

  // Between bufferization and the rest the IR tells which results are
  // arguments updated in place.
  PassManager first(module.getContext()), second(module.getContext());
  buildBuffersPipeline(first, options);
  if (failed(first.run(module)))
    return failure();
  for (auto &entry : jit->functions)
    entry.second.aliases = findReturnedArguments(module.lookupSymbol<func::FuncOp>(entry.first()));
  buildKernelsPipeline(second, options);
  buildLoopsToLLVMPipeline(second);
  if (failed(second.run(module)))
    return failure();

  FailureOr<CPUTarget> target = CPUTarget::get(
      options.target, [&] { return emitError(UnknownLoc::get(module.getContext())); });
  if (failed(target))
    return failure();
  std::unique_ptr<llvm::TargetMachine> machine = target->createTargetMachine();
  ExecutionEngineOptions engineOptions;
  // A named variable: the option is a reference to it.
  llvm::TargetMachine *optimizeFor = machine.get();
  auto optimize = [optimizeFor](llvm::Module *llvmModule) {
    return optimizeForCPU(llvmModule, optimizeFor);
  };
  engineOptions.transformer = optimize;
  engineOptions.jitCodeGenOptLevel = llvm::CodeGenOptLevel::Aggressive;
  auto engine = ExecutionEngine::create(module, engineOptions, std::move(machine));
  if (!engine)
    return module.emitError("cannot compile: ") << llvm::toString(engine.takeError());
  jit->engine = std::move(*engine);
  jit->engine->registerSymbols([](llvm::orc::MangleAndInterner interner) {
    llvm::orc::SymbolMap symbols;
    symbols[interner("puts")] = {llvm::orc::ExecutorAddr::fromPtr(&reportCheck),
                                 llvm::JITSymbolFlags::Exported};
    symbols[interner("abort")] = {llvm::orc::ExecutorAddr::fromPtr(&stopAfterCheck),
                                  llvm::JITSymbolFlags::Exported};
    return symbols;
  });
  return jit;
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
/// as words, and the pointers that the packed interface wants.
struct JIT::Invocation {
  std::vector<std::vector<int64_t>> descriptors;
  std::vector<void *> pointers, packed;
  std::vector<int64_t> results;
  void *resultPointer = nullptr;

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
    resultPointer = results.data();
    for (auto &words : descriptors)
      pointers.push_back(words.data());
    if (resultWords)
      packed.push_back(&resultPointer);
    for (void *&pointer : pointers)
      packed.push_back(&pointer);
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
  if (llvm::Error error = engine->invokePacked(("_mlir_ciface_" + name).str(), invocation.packed))
    return error;
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
    if (llvm::Error error = engine->invokePacked(("_mlir_ciface_" + name).str(), invocation.packed))
      return error;
    std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (i > 0)
      seconds.push_back(elapsed.count());
    consumeResults(function, invocation.results.data(), [](unsigned, int64_t *) {});
  }
  std::nth_element(seconds.begin(), seconds.begin() + seconds.size() / 2, seconds.end());
  return seconds[seconds.size() / 2];
}
