//===- TargetInfoX86.cpp - What kernels ask of a CPU ----------------------===//
#include "dashkv/Conversion/TargetInfo.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace mlir::dashkv;

FailureOr<CPUTarget> CPUTarget::get(StringRef name, function_ref<InFlightDiagnostic()> emitError) {
  static bool initialized =
      !llvm::InitializeNativeTarget() && !llvm::InitializeNativeTargetAsmPrinter();
  (void)initialized;
  CPUTarget target;
  target.triple = llvm::sys::getDefaultTargetTriple();
  target.cpu = name.str();
  if (name == "native") {
    target.cpu = llvm::sys::getHostCPUName().str();
    for (auto &feature : llvm::sys::getHostCPUFeatures())
      target.features += (feature.second ? "+" : "-") + feature.first().str() + ",";
  }
  llvm::Triple triple(target.triple);
  std::string message;
  const llvm::Target *llvmTarget = llvm::TargetRegistry::lookupTarget(triple, message);
  if (!llvmTarget)
    return emitError() << message;
  std::unique_ptr<llvm::MCSubtargetInfo> any(llvmTarget->createMCSubtargetInfo(triple, "", ""));
  if (!any->isCPUStringValid(target.cpu)) {
    InFlightDiagnostic diagnostic =
        emitError() << "expected native, a CPU that LLVM knows (x86-64-v3, znver4, ...) or a GPU (";
    llvm::interleaveComma(NVPTXTarget::getAll(), diagnostic,
                          [&](const NVPTXTarget &gpu) { diagnostic << gpu.chip; });
    return diagnostic << ") as target, but got '" << name << "'";
  }
  if (!triple.isX86())
    return target;
  std::unique_ptr<llvm::MCSubtargetInfo> subtarget(
      llvmTarget->createMCSubtargetInfo(triple, target.cpu, target.features));
  if (subtarget->checkFeatures("+avx512f,+avx512bw,+avx512dq,+avx512vl"))
    target.vectorBytes = 64;
  else if (subtarget->checkFeatures("+avx2,+fma,+f16c"))
    target.vectorBytes = 32;
  target.hasBytePopcount = subtarget->checkFeatures("+avx512bitalg");
  target.dropsPrefetches = llvm::is_contained({"znver1", "znver2", "znver3"}, target.cpu);
  return target;
}

std::unique_ptr<llvm::TargetMachine> CPUTarget::createTargetMachine() const {
  llvm::Triple llvmTriple(triple);
  std::string message;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(llvmTriple, message);
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      llvmTriple, cpu, features, llvm::TargetOptions(), llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
}
