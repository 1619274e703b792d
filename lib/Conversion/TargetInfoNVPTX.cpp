//===- TargetInfoNVPTX.cpp - The supported NVIDIA chips -------------------===//
#include "dashkv/Conversion/TargetInfo.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace mlir::dashkv;

// Every chip has redux.sync (sm_80), which the kernels use.
static constexpr int64_t kStaticShared = 48 * 1024;
static constexpr int64_t kLargeShared = 227 * 1024, kSmallShared = 99 * 1024;
static constexpr NVPTXTarget kTargets[] = {
    {"sm_80", 80, kStaticShared, 163 * 1024},
    {"sm_86", 80, kStaticShared, kSmallShared},
    {"sm_89", 81, kStaticShared, kSmallShared, true},
    {"sm_90", 80, kStaticShared, kLargeShared, true, true},
    {"sm_90a", 80, kStaticShared, kLargeShared, true, true},
    {"sm_100", 86, kStaticShared, kLargeShared, true, true},
    {"sm_100a", 86, kStaticShared, kLargeShared, true, true},
    {"sm_120", 87, kStaticShared, kSmallShared, true, true},
};

ArrayRef<NVPTXTarget> NVPTXTarget::getAll() { return kTargets; }

FailureOr<NVPTXTarget> NVPTXTarget::get(StringRef chip,
                                        function_ref<InFlightDiagnostic()> emitError) {
  for (const NVPTXTarget &target : getAll())
    if (target.chip == chip)
      return target;
  InFlightDiagnostic diagnostic = emitError() << "expected a GPU target out of ";
  llvm::interleaveComma(getAll(), diagnostic,
                        [&](const NVPTXTarget &target) { diagnostic << target.chip; });
  return diagnostic << ", but got '" << chip << "'";
}

Attribute NVPTXTarget::getAttr(MLIRContext *context) const {
  return NVVM::NVVMTargetAttr::get(context, /*optLevel=*/3, "nvptx64-nvidia-cuda", chip,
                                   "+ptx" + std::to_string(ptxVersion));
}
