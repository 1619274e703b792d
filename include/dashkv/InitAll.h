//===- InitAll.h - The one list of dialects, passes and pipelines -*- C++ -*-===//
//
// Every tool, the plugin and the JIT register from here.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_INITALL_H
#define DASHKV_INITALL_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace mlir::dashkv {

/// Our dialects with their interface models; nothing of upstream.
void registerDashKVDialects(DialectRegistry &registry);

/// Our dialects and the upstream ones that our passes and inputs use, with
/// their interface models and translations to LLVM IR.
void registerAllDialects(DialectRegistry &registry);

/// Our passes and pipelines.
void registerDashKVPasses();

} // namespace mlir::dashkv

#endif // DASHKV_INITALL_H
