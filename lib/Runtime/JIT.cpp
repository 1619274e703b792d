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

/// Whether a function can take `type`: a tensor, a buffer with strides, a scalar.
static bool isArgumentType(Type type) {
  if (auto buffer = dyn_cast<MemRefType>(type)) {
    if (!buffer.isStrided() || buffer.getMemorySpace())
      return false;
  }
  return (isa<RankedTensorType, MemRefType>(type) || type.isIntOrIndexOrFloat()) &&
         !getDtype(getElementTypeOrSelf(type)).empty();
}

static bool isResultType(Type type) {
  return isa<RankedTensorType>(type) && !getDtype(getElementTypeOrSelf(type)).empty();
}

/// Bytes of an element of `type`, which is a tensor, a buffer or a scalar.
static int64_t getElementSize(Type type) {
  return getDtype(getElementTypeOrSelf(type)).back() - '0';
}

static int64_t getRank(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  return shaped ? shaped.getRank() : 0;
}

JIT::Layout JIT::Layout::get(Type type) {
  Layout layout = {getElementSize(type), 0, {}, std::nullopt, !isa<ShapedType>(type)};
  if (auto shaped = dyn_cast<ShapedType>(type))
    layout.shape.assign(shaped.getShape().begin(), shaped.getShape().end());
  auto buffer = dyn_cast<MemRefType>(type);
  if (buffer && !buffer.getLayout().isIdentity())
    (void)buffer.getStridesAndOffset(layout.strides.emplace(), layout.offset); // it is strided
  return layout;
}

LogicalResult JIT::readSignatures(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isExternal())
      continue;
    auto reject = [&](StringRef wanted, Type type) {
      return emitError(function.getLoc(), "expected ") << wanted << ", but got " << type;
    };
    for (Type type : function.getArgumentTypes())
      if (!isArgumentType(type))
        return reject("tensors, strided buffers or scalars of floats or integers as arguments",
                      type);
    for (Type type : function.getResultTypes())
      if (!isResultType(type))
        return reject("tensors of floats or integers as results", type);
    Function entry{function.getFunctionType(), {}, {}, {}, {}, function.getLoc(), nullptr};
    entry.layouts = llvm::map_to_vector(function.getArgumentTypes(), Layout::get);
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
    for (unsigned i = 0; i < callee->arg_size(); ++i) {
      llvm::Value *pointer = b.CreateLoad(
          b.getPtrTy(), b.CreateConstInBoundsGEP1_64(b.getPtrTy(), entry->getArg(0), i));
      llvm::Type *scalar = callee->getArg(i)->getType();
      arguments.push_back(scalar->isPointerTy() ? pointer : b.CreateLoad(scalar, pointer));
    }
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
    auto function = module.lookupSymbol<func::FuncOp>(entry.first());
    entry.second.aliases = findReturnedArguments(function);
    entry.second.written = findWrittenArguments(function);
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
  llvm::json::Object facts;
  for (const auto &entry : functions)
    facts[entry.first()] = llvm::json::Object{
        {"aliases", llvm::json::Array(entry.second.aliases)},
        {"written", llvm::json::Array(llvm::to_vector_of<int>(entry.second.written))}};
  return llvm::formatv("{0}\n{1}", llvm::json::Value(std::move(facts)), object);
}

StringRef JIT::restore(StringRef text) {
  auto [head, object] = text.split('\n');
  llvm::Expected<llvm::json::Value> parsed = llvm::json::parse(head);
  if (!parsed) {
    llvm::consumeError(parsed.takeError());
    return "";
  }
  for (auto &entry : functions) {
    Function &function = entry.second;
    llvm::json::Path::Root root;
    std::vector<int> aliases, written;
    const llvm::json::Object *facts = parsed->getAsObject();
    const llvm::json::Value *value = facts ? facts->get(entry.first()) : nullptr;
    if (!value)
      return "";
    llvm::json::ObjectMapper mapper(*value, root);
    if (!mapper || !mapper.map("aliases", aliases) || !mapper.map("written", written) ||
        aliases.size() != function.type.getNumResults() ||
        written.size() != function.type.getNumInputs())
      return "";
    function.aliases.assign(aliases.begin(), aliases.end());
    function.written.assign(written.begin(), written.end());
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

/// "expected argument 1 (row) of 'main' to be tensor<4xf32>, but got GOT".
static llvm::Error wrongArgument(StringRef name, const JIT::Function &function, unsigned index,
                                 const Twine &got) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "expected argument " << index;
  if (!function.roles[index].empty())
    os << " (" << function.roles[index] << ")";
  os << " of '" << name << "' to be " << function.type.getInput(index) << ", but got " << got;
  return llvm::createStringError(text);
}

static llvm::Error checkCount(StringRef name, const JIT::Function &function, size_t count) {
  if (count == function.type.getNumInputs())
    return llvm::Error::success();
  return llvm::createStringError(llvm::formatv("expected {0} arguments of '{1}', but got {2}",
                                               function.type.getNumInputs(), name, count));
}

/// Strides of a dense row-major array.
static SmallVector<int64_t> getRowMajorStrides(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size(), 1);
  for (int i = static_cast<int>(shape.size()) - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * shape[i + 1];
  return strides;
}

namespace {
/// The words of a descriptor: {allocated, aligned, offset, sizes, strides}.
struct Descriptor {
  int64_t *words;
  int64_t rank;

  char *getData() const { return reinterpret_cast<char *>(words[1]); }
  int64_t &getOffset() const { return words[2]; }
  MutableArrayRef<int64_t> getShape() const { return {words + 3, static_cast<size_t>(rank)}; }
  MutableArrayRef<int64_t> getStrides() const {
    return {words + 3 + rank, static_cast<size_t>(rank)};
  }
  static size_t countWords(int64_t rank) { return 3 + 2 * rank; }

  /// Whether code that expects `layout` can use what this describes.
  bool fits(const JIT::Layout &layout) const;
  std::string describe(int64_t elementSize) const;
};
} // namespace

bool Descriptor::fits(const JIT::Layout &layout) const {
  auto agree = [](int64_t wanted, int64_t got) {
    return ShapedType::isDynamic(wanted) || wanted == got;
  };
  if (words[1] % layout.elementSize != 0 || !agree(layout.offset, getOffset()))
    return false;
  int64_t rowMajor = 1;
  for (int64_t i = rank - 1; i >= 0; --i) {
    int64_t size = getShape()[i], stride = layout.strides ? (*layout.strides)[i] : rowMajor;
    if (size < 0 || !agree(layout.shape[i], size) || !agree(stride, getStrides()[i]))
      return false;
    rowMajor *= size;
  }
  return true;
}

std::string Descriptor::describe(int64_t elementSize) const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "sizes [";
  llvm::interleaveComma(getShape(), os);
  os << "] and strides [";
  llvm::interleaveComma(getStrides(), os);
  os << "]";
  if (getOffset())
    os << " with offset " << getOffset();
  if (words[1] % elementSize)
    os << " at the odd address " << llvm::format_hex(words[1], 2);
  return text;
}

/// The type of the array that holds an argument of `type`.
static RankedTensorType getArrayType(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  return RankedTensorType::get(shaped ? shaped.getShape() : ArrayRef<int64_t>(),
                               getElementTypeOrSelf(type));
}

/// Words that describe `array`.
static std::vector<int64_t> makeDescriptor(const Array &array) {
  auto data = reinterpret_cast<int64_t>(array.data->data());
  std::vector<int64_t> words = {data, data, 0};
  llvm::append_range(words, array.shape);
  llvm::append_range(words, getRowMajorStrides(array.shape));
  return words;
}

llvm::Error JIT::check(StringRef name, ArrayRef<Array> arguments) const {
  auto it = functions.find(name);
  if (it == functions.end())
    return llvm::createStringError("expected a public function of the module, but got '" + name +
                                   "'");
  const Function &function = it->second;
  if (llvm::Error error = checkCount(name, function, arguments.size()))
    return error;
  for (auto [i, type] : llvm::enumerate(function.type.getInputs())) {
    if (!arguments[i].matches(getArrayType(type)))
      return wrongArgument(name, function, i, arguments[i].describe());
    auto buffer = dyn_cast<MemRefType>(type);
    if (!buffer)
      continue;
    std::vector<int64_t> words = makeDescriptor(arguments[i]);
    Descriptor descriptor{words.data(), buffer.getRank()};
    if (!descriptor.fits(function.layouts[i]))
      return wrongArgument(name, function, i, descriptor.describe(getElementSize(type)));
  }
  return llvm::Error::success();
}

size_t JIT::Function::countResultWords() const {
  size_t count = 0;
  for (auto [alias, type] : llvm::zip(aliases, type.getResults()))
    if (alias < 0)
      count += Descriptor::countWords(getRank(type));
  return count;
}

/// Calls `visit(i, descriptor)` for every result that is no argument.
static void forEachResult(const JIT::Function &function, int64_t *words,
                          function_ref<void(unsigned, Descriptor)> visit) {
  for (unsigned i = 0; i < function.aliases.size(); ++i) {
    if (function.aliases[i] >= 0)
      continue;
    int64_t rank = getRank(function.type.getResult(i));
    visit(i, Descriptor{words, rank});
    words += Descriptor::countWords(rank);
  }
}

static void invoke(const JIT::Function &function, ArrayRef<void *> arguments, int64_t *results,
                   size_t resultWords) {
  SmallVector<void *, 16> pointers;
  if (resultWords)
    pointers.push_back(results);
  llvm::append_range(pointers, arguments);
  function.entry(pointers.data());
}

llvm::Error JIT::call(StringRef name, const Function &function, ArrayRef<void *> arguments,
                      int64_t *results) {
  if (llvm::Error error = checkCount(name, function, arguments.size()))
    return error;
  for (auto [i, layout] : llvm::enumerate(function.layouts)) {
    Descriptor descriptor{static_cast<int64_t *>(arguments[i]),
                          static_cast<int64_t>(layout.shape.size())};
    if (!layout.isScalar && !descriptor.fits(layout))
      return wrongArgument(name, function, i, descriptor.describe(layout.elementSize));
  }
  invoke(function, arguments, results, function.countResultWords());
  // Several results may share a buffer.
  SmallVector<int64_t> buffers;
  forEachResult(function, results, [&](unsigned i, Descriptor result) {
    if (!llvm::is_contained(buffers, result.words[0])) {
      buffers.push_back(result.words[0]);
      return;
    }
    int64_t elementSize = getElementSize(function.type.getResult(i));
    size_t bytes = llvm::product_of(result.getShape()) * elementSize;
    void *copy = llvm::safe_malloc(bytes);
    memcpy(copy, result.getData() + result.getOffset() * elementSize, bytes);
    result.words[0] = result.words[1] = reinterpret_cast<int64_t>(copy);
    result.getOffset() = 0;
  });
  return llvm::Error::success();
}

/// Memory of one call: the descriptors, and the pointers to them.
struct JIT::Invocation {
  const Function &function;
  std::vector<std::vector<int64_t>> descriptors;
  std::vector<void *> pointers;
  std::vector<int64_t> results;

  Invocation(const Function &function, ArrayRef<Array> arguments)
      : function(function), results(function.countResultWords()) {
    for (auto [array, type] : llvm::zip(arguments, function.type.getInputs())) {
      if (!isa<ShapedType>(type)) {
        pointers.push_back(array.data->data());
        continue;
      }
      descriptors.push_back(makeDescriptor(array));
      pointers.push_back(descriptors.back().data());
    }
  }
  ~Invocation() {
    // Several results may share a buffer.
    std::set<void *> buffers;
    forEachResult(function, results.data(), [&](unsigned, Descriptor result) {
      buffers.insert(reinterpret_cast<void *>(result.words[0]));
    });
    for (void *buffer : buffers)
      free(buffer);
  }
  void run() { invoke(function, pointers, results.data(), results.size()); }
};

llvm::Expected<SmallVector<Array>> JIT::call(StringRef name, ArrayRef<Array> arguments) {
  if (llvm::Error error = check(name, arguments))
    return error;
  const Function &function = functions.find(name)->second;
  Invocation invocation(function, arguments);
  invocation.run();
  SmallVector<Array> results(function.aliases.size());
  for (auto [result, alias] : llvm::zip(results, function.aliases))
    if (alias >= 0)
      result = arguments[alias];
  forEachResult(function, invocation.results.data(), [&](unsigned i, Descriptor descriptor) {
    Array &array = results[i];
    array.dtype = getDtype(getElementTypeOrSelf(function.type.getResult(i))).str();
    array.shape = llvm::to_vector(descriptor.getShape());
    const char *begin = descriptor.getData() + descriptor.getOffset() * array.getElementSize();
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
    invocation.run();
    std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (i > 0)
      seconds.push_back(elapsed.count());
  }
  std::nth_element(seconds.begin(), seconds.begin() + seconds.size() / 2, seconds.end());
  return seconds[seconds.size() / 2];
}
