//===- Multiversion.cpp - One object for several CPUs ---------------------===//
//
// Each version of a function is compiled with the features of one CPU. The
// dynamic loader calls the resolver of an ifunc once and binds the function to
// what it returns. Resolvers read the data that libgcc and compiler-rt keep for
// __builtin_cpu_supports, which is part of the object that is linked, so they
// work before anything is relocated.
//
//===----------------------------------------------------------------------===//
#include "Multiversion.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/GlobalIFunc.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/TargetParser/X86TargetParser.h"

using namespace mlir;
using namespace mlir::dashkv;

/// Words of features: `__cpu_model.__cpu_features[0]`, then `__cpu_features2`.
using FeatureBits = std::array<uint32_t, 4>;

/// Bits of the features of `cpu` that LLVM uses on its own, for vectors or
/// scalars; the others (transactions, keys, tiles) are for intrinsics.
static FeatureBits getFeatureBits(StringRef cpu) {
  static const llvm::StringMap<unsigned> bits = [] {
    llvm::StringMap<unsigned> bits;
    auto add = [&](StringRef name, unsigned priority, unsigned bit) {
      // Those that versions of functions are usually made for have a priority.
      if (priority > 0 ||
          llvm::is_contained({"f16c", "lzcnt", "movbe", "avxvnni", "avxifma", "avxneconvert",
                              "avxvnniint8", "avxvnniint16", "avx512fp16", "apxf"},
                             name))
        bits[name] = bit;
    };
#define X86_FEATURE_COMPAT(ENUM, STR, PRIORITY, ABI_VALUE) add(STR, PRIORITY, ABI_VALUE);
#include "llvm/TargetParser/X86TargetParser.def"
    return bits;
  }();
  SmallVector<StringRef> features;
  llvm::X86::getFeaturesForCPU(cpu, features);
  FeatureBits result = {};
  for (StringRef feature : features)
    if (auto it = bits.find(feature); it != bits.end())
      result[it->second / 32] |= uint32_t(1) << (it->second % 32);
  return result;
}

static unsigned countBits(const FeatureBits &words) {
  unsigned count = 0;
  for (uint32_t word : words)
    count += llvm::popcount(word);
  return count;
}

FailureOr<SmallVector<CPUTarget>>
mlir::dashkv::parseTargets(StringRef list, function_ref<InFlightDiagnostic()> emitError) {
  SmallVector<CPUTarget> targets;
  for (StringRef name : llvm::split(list, ',')) {
    FailureOr<CPUTarget> target = CPUTarget::get(name.trim(), emitError);
    if (failed(target))
      return failure();
    if (llvm::none_of(targets, [&](const CPUTarget &other) { return other.cpu == target->cpu; }))
      targets.push_back(*target);
  }
  if (targets.size() == 1)
    return targets;
  for (const CPUTarget &target : targets) {
    llvm::Triple triple(target.triple);
    if (!triple.isX86() || !triple.isOSBinFormatELF())
      return emitError()
             << "expected one target where objects have no ifunc (ELF for x86), but got " << list;
    if (!target.features.empty() ||
        llvm::X86::parseArchX86(target.cpu, /*Only64Bit=*/true) == llvm::X86::CK_None)
      return emitError() << "expected CPUs by their names in a list of targets, but got " << list;
  }
  auto order = [](const CPUTarget &target) {
    return std::pair(countBits(getFeatureBits(target.cpu)), StringRef(target.cpu));
  };
  llvm::sort(targets, [&](auto &a, auto &b) { return order(a) < order(b); });
  return targets;
}

std::string mlir::dashkv::getVersionName(StringRef function, const CPUTarget &target) {
  std::string cpu = target.cpu;
  std::replace(cpu.begin(), cpu.end(), '-', '_'); // assemblers quote other names
  return (function + "." + cpu).str();
}

void mlir::dashkv::makeVersion(llvm::Module &module, const CPUTarget &target) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.setName(getVersionName(function.getName(), target));
    function.addFnAttr("target-cpu", target.cpu);
  }
}

/// `pointer` where the words that are loaded have all of `bits`, else `other`.
static llvm::Value *selectIfSupported(llvm::IRBuilder<> &b, ArrayRef<llvm::Value *> words,
                                      const FeatureBits &bits, llvm::Value *pointer,
                                      llvm::Value *other) {
  llvm::Value *all = b.getTrue();
  for (auto [word, mask] : llvm::zip(words, bits))
    if (mask) {
      llvm::Value *expected = b.getInt32(mask);
      all = b.CreateAnd(all, b.CreateICmpEQ(b.CreateAnd(word, expected), expected));
    }
  return b.CreateSelect(all, pointer, other);
}

void mlir::dashkv::addDispatch(llvm::Module &module, ArrayRef<std::string> names,
                               ArrayRef<CPUTarget> versions) {
  llvm::IRBuilder<> b(module.getContext());
  // Hidden symbols of a static library, as Clang declares them.
  auto hide = [](llvm::GlobalValue *value) {
    value->setVisibility(llvm::GlobalValue::HiddenVisibility);
    value->setDSOLocal(true);
    return value;
  };
  auto *modelType = llvm::ArrayType::get(b.getInt32Ty(), 4); // vendor, type, subtype, features
  auto *moreType = llvm::ArrayType::get(b.getInt32Ty(), 3);
  auto declare = [&](StringRef name, llvm::Type *type) {
    return hide(new llvm::GlobalVariable(module, type, /*isConstant=*/false,
                                         llvm::GlobalValue::ExternalLinkage, nullptr, name));
  };
  llvm::Value *model = declare("__cpu_model", modelType),
              *more = declare("__cpu_features2", moreType);
  auto *initialize =
      llvm::Function::Create(llvm::FunctionType::get(b.getInt32Ty(), false),
                             llvm::GlobalValue::ExternalLinkage, "__cpu_indicator_init", module);
  hide(initialize);

  auto *resolverType = llvm::FunctionType::get(b.getPtrTy(), false);
  for (const std::string &name : names) {
    auto *resolver = llvm::Function::Create(resolverType, llvm::GlobalValue::InternalLinkage,
                                            name + ".resolver", module);
    resolver->addFnAttr("target-cpu", "x86-64"); // runs on every CPU
    resolver->setDoesNotThrow();
    b.SetInsertPoint(llvm::BasicBlock::Create(module.getContext(), "", resolver));
    b.CreateCall(initialize);
    SmallVector<llvm::Value *> words = {
        b.CreateLoad(b.getInt32Ty(), b.CreateConstInBoundsGEP2_32(modelType, model, 0, 3))};
    for (unsigned i = 0; i < 3; ++i)
      words.push_back(
          b.CreateLoad(b.getInt32Ty(), b.CreateConstInBoundsGEP2_32(moreType, more, 0, i)));
    llvm::Value *chosen = nullptr;
    for (const CPUTarget &version : versions) {
      llvm::Function *function = module.getFunction(getVersionName(name, version));
      function->setLinkage(llvm::GlobalValue::InternalLinkage);
      chosen = chosen ? selectIfSupported(b, words, getFeatureBits(version.cpu), function, chosen)
                      : function;
    }
    b.CreateRet(chosen);
    llvm::Type *type = module.getFunction(getVersionName(name, versions[0]))->getFunctionType();
    llvm::GlobalIFunc::create(type, /*AddressSpace=*/0, llvm::GlobalValue::ExternalLinkage, name,
                              resolver, &module);
  }
}
