//===- InitAll.cpp - Registration of dialects, passes and pipelines -------===//
#include "dashkv/InitAll.h"
#include "dashkv/Conversion/Passes.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "dashkv/Dialect/DashKV/Transforms/Passes.h"
#include "dashkv/Dialect/Interop/Interop.h"
#include "dashkv/Pipelines/NVVM.h"
#include "dashkv/Pipelines/Pipelines.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"

using namespace mlir;

void mlir::dashkv::registerDashKVDialects(DialectRegistry &registry) {
  registry
      .insert<DashKVDialect, tm_tensor::TMTensorDialect, iree_linalg_ext::IREELinalgExtDialect>();
  registerBufferizableOpInterfaceExternalModels(registry);
  registerRuntimeVerifiableOpInterfaceExternalModels(registry);
}

void mlir::dashkv::registerAllDialects(DialectRegistry &registry) {
  // Upstream's list is lazy: a dialect costs nothing until IR uses it.
  mlir::registerAllDialects(registry);
  registerAllExtensions(registry);
  registerAllToLLVMIRTranslations(registry);
  registerDashKVDialects(registry);
}

void mlir::dashkv::registerDashKVPasses() {
  registerDashKVTransformsPasses();
  registerDashKVConversionPasses();
  registerDashKVPipelines();
  registerNVVMPipeline();
}
