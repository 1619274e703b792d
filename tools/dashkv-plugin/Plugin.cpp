//===- Plugin.cpp - The dialect and passes for a stock mlir-opt -----------===//
//
// The host compares only the plugin API number. C++ interfaces of LLVM change
// between minor releases, so the release is compared here; API number 0 makes
// the host refuse.
//
//===----------------------------------------------------------------------===//
#include "dashkv/InitAll.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm-c/Core.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

static uint32_t getPluginAPI() {
  unsigned major, minor, patch;
  LLVMGetVersion(&major, &minor, &patch);
  if (major == LLVM_VERSION_MAJOR && minor == LLVM_VERSION_MINOR)
    return MLIR_PLUGIN_API_VERSION;
  llvm::errs() << "dashkv: built for LLVM " << LLVM_VERSION_MAJOR << "." << LLVM_VERSION_MINOR
               << ", but the host is " << major << "." << minor << "." << patch << "\n";
  return 0;
}

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT DialectPluginLibraryInfo mlirGetDialectPluginInfo() {
  return {getPluginAPI(), "DashKV", LLVM_VERSION_STRING,
          [](DialectRegistry *registry) { dashkv::registerDashKVDialects(*registry); }};
}

extern "C" LLVM_ATTRIBUTE_VISIBILITY_DEFAULT PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {getPluginAPI(), "DashKVPasses", LLVM_VERSION_STRING,
          [] { dashkv::registerDashKVPasses(); }};
}
