//===- Guards.cpp - Kernels must be made of vector instructions -----------===//
#include "dashkv/Pipelines/MachineCode.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mlir::dashkv;

/// Functions of the C library and of thread pools that a kernel may call: for
/// scratch and copies, for its threads, and for messages of run-time checks.
static bool isAllowed(StringRef symbol) {
  return symbol.starts_with("__kmpc_") || symbol.starts_with("omp_") ||
         llvm::StringSwitch<bool>(symbol)
             .Cases({"malloc", "aligned_alloc", "free", "memcpy", "memmove", "memset"}, true)
             .Cases({"dashkv_parallel_for", "puts", "abort"}, true)
             .Case("_GLOBAL_OFFSET_TABLE_", true)
             .Default(false);
}

/// How LLVM names what it makes of a function: clones, and parts split off.
static StringRef getOrigin(StringRef function) { return function.split('.').first; }

KernelGuard::KernelGuard(const llvm::Module &module, ArrayRef<Kernel> kernels) {
  SmallVector<std::pair<const llvm::Function *, const Kernel *>> pending;
  for (const llvm::Function &function : module)
    for (const Kernel &kernel : kernels)
      if (!function.isDeclaration() &&
          (function.getName() == kernel.name || getOrigin(function.getName()) == kernel.name))
        pending.emplace_back(&function, &kernel);
  while (!pending.empty()) {
    auto [function, kernel] = pending.pop_back_val();
    if (!functions.try_emplace(function->getName(), kernel).second)
      continue;
    for (const llvm::Instruction &instruction : llvm::instructions(function))
      if (auto *call = dyn_cast<llvm::CallBase>(&instruction))
        if (const llvm::Function *callee = call->getCalledFunction();
            callee && !callee->isDeclaration())
          pending.emplace_back(callee, kernel);
  }
}

const Kernel *KernelGuard::find(StringRef function) const {
  if (const Kernel *kernel = functions.lookup(function))
    return kernel;
  return functions.lookup(getOrigin(function));
}

static InFlightDiagnostic report(const Kernel &kernel) {
  return emitError(kernel.loc) << "expected kernel '" << kernel.name
                               << "' to be vector instructions, but it ";
}

/// Whether no instruction of x86 computes `intrinsic`, whatever its features.
static bool isLibraryCall(llvm::Intrinsic::ID intrinsic) {
  switch (intrinsic) {
  case llvm::Intrinsic::exp:
  case llvm::Intrinsic::exp2:
  case llvm::Intrinsic::exp10:
  case llvm::Intrinsic::log:
  case llvm::Intrinsic::log2:
  case llvm::Intrinsic::log10:
  case llvm::Intrinsic::pow:
  case llvm::Intrinsic::sin:
  case llvm::Intrinsic::cos:
  case llvm::Intrinsic::tan:
  case llvm::Intrinsic::tanh:
    return true;
  default:
    return false;
  }
}

/// Whether a conversion between `narrow` and f32 needs the C library.
static bool isLibraryConversion(llvm::Type *narrow, bool isTruncation,
                                const llvm::MCSubtargetInfo &subtarget) {
  if (narrow->isHalfTy())
    return !subtarget.checkFeatures("+f16c");
  return narrow->isBFloatTy() && isTruncation && !subtarget.checkFeatures("+avx512bf16") &&
         !subtarget.checkFeatures("+avxneconvert");
}

LogicalResult KernelGuard::check(const llvm::Module &module,
                                 const llvm::TargetMachine &machine) const {
  const llvm::MCSubtargetInfo &subtarget = *machine.getMCSubtargetInfo();
  bool failed = false;
  for (const auto &[name, kernel] : functions) {
    for (const llvm::Instruction &instruction : llvm::instructions(module.getFunction(name))) {
      llvm::Type *to = instruction.getType()->getScalarType();
      if (auto *call = dyn_cast<llvm::CallBase>(&instruction)) {
        const llvm::Function *callee = call->getCalledFunction();
        if (!callee || !callee->isDeclaration())
          continue;
        bool gathersBytes = callee->getIntrinsicID() == llvm::Intrinsic::masked_gather &&
                            to->getPrimitiveSizeInBits() < 32;
        if (gathersBytes)
          report(*kernel) << "holds '" << callee->getName() << "', which branches for each element";
        else if (isLibraryCall(callee->getIntrinsicID()))
          report(*kernel) << "holds '" << callee->getName() << "', which calls the C library";
        else if (!callee->isIntrinsic() && !isAllowed(callee->getName()))
          report(*kernel) << "calls '" << callee->getName() << "'";
        else
          continue;
        failed = true;
      } else if (isa<llvm::FPTruncInst, llvm::FPExtInst>(instruction)) {
        bool isTruncation = isa<llvm::FPTruncInst>(instruction);
        llvm::Type *from = instruction.getOperand(0)->getType()->getScalarType();
        llvm::Type *narrow = isTruncation ? to : from;
        if (!isLibraryConversion(narrow, isTruncation, subtarget))
          continue;
        report(*kernel) << (isTruncation ? "rounds to " : "extends from ")
                        << (narrow->isHalfTy() ? "f16" : "bf16")
                        << ", for which the target has no instruction";
        failed = true;
      }
    }
  }
  return failure(failed);
}

LogicalResult KernelGuard::check(llvm::MemoryBufferRef buffer) const {
  auto parsed = llvm::object::ObjectFile::createELFObjectFile(buffer);
  if (!parsed) { // of another system: the IR has been checked
    llvm::consumeError(parsed.takeError());
    return success();
  }
  const auto &object = cast<llvm::object::ELFObjectFileBase>(**parsed);
  // Code of kernels: section, begin, end.
  struct Code {
    llvm::object::SectionRef section;
    uint64_t begin, end;
    const Kernel *kernel;
  };
  std::vector<Code> codes;
  for (llvm::object::ELFSymbolRef symbol : object.symbols()) {
    auto name = symbol.getName();
    auto section = symbol.getSection();
    auto begin = symbol.getValue();
    if (!name || !section || !begin || *section == object.section_end())
      continue;
    if (const Kernel *kernel = find(*name))
      codes.push_back({**section, *begin, *begin + symbol.getSize(), kernel});
  }
  llvm::StringSet<> reported;
  for (const llvm::object::SectionRef &section : object.sections()) {
    auto text = section.getRelocatedSection();
    if (!text || *text == object.section_end() || !(*text)->isText())
      continue;
    for (const llvm::object::RelocationRef &relocation : section.relocations()) {
      llvm::object::symbol_iterator symbol = relocation.getSymbol();
      if (symbol == object.symbol_end())
        continue;
      auto flags = symbol->getFlags();
      auto name = symbol->getName();
      if (!flags || !name || !(*flags & llvm::object::SymbolRef::SF_Undefined) || isAllowed(*name))
        continue;
      uint64_t offset = relocation.getOffset();
      for (const Code &code : codes)
        if (code.section == **text && code.begin <= offset && offset < code.end &&
            reported.insert(code.kernel->name + " " + name->str()).second)
          report(*code.kernel) << "calls '" << *name << "'";
    }
  }
  return success(reported.empty());
}
