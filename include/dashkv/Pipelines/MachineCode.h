//===- MachineCode.h - From the LLVM dialect to code of a CPU ---*- C++ -*-===//
#ifndef DASHKV_PIPELINES_MACHINECODE_H
#define DASHKV_PIPELINES_MACHINECODE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/CodeGen.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace llvm {
class GlobalValue;
class LLVMContext;
class MemoryBufferRef;
class Module;
class TargetMachine;
class raw_pwrite_stream;
} // namespace llvm

namespace mlir::dashkv {

/// A function that convert-dashkv-to-vector made, in a module that it has left.
struct Kernel {
  std::string name;
  /// The name of its op, types and tile_config, for those who read assembly.
  std::string op, types, config;
  /// Of the op that it is the kernel of.
  Location loc;
};
SmallVector<Kernel> findKernels(ModuleOp module);

/// The LLVM IR of `module`, which is in the LLVM dialect, for `machine`; a null
/// pointer after an error.
std::unique_ptr<llvm::Module> translateForCPU(ModuleOp module, llvm::LLVMContext &context,
                                              const llvm::TargetMachine &machine);

/// Makes internal what is not exported and optimizes for `machine` at -O3
/// without unrolling loops: the portable lowering has many loops with small
/// static bounds, and unrolling them all makes ten times the code (measured) and
/// no speed. Vectorizing stays on.
llvm::Error optimizeForCPU(llvm::Module &module, llvm::TargetMachine &machine,
                           llvm::function_ref<bool(const llvm::GlobalValue &)> isExported);

/// Assembly or an object file of an optimized module.
llvm::Error emitMachineCode(llvm::Module &module, llvm::TargetMachine &machine,
                            llvm::CodeGenFileType kind, llvm::raw_pwrite_stream &os);

/// Makes a shared library of an object file, by the C compiler found first, and
/// writes it to `os`.
LogicalResult linkSharedLibrary(StringRef object, bool usesOpenMP, raw_ostream &os,
                                function_ref<InFlightDiagnostic()> emitError);

/// Checks what no pass can see: that kernels are made of vector instructions. A
/// kernel must call nothing but the functions for memory and threads, and hold no
/// operation that its target lacks: LLVM makes a call of the C library for each
/// element out of exp, bf16 conversion and others, and branches of small gathers.
class KernelGuard {
public:
  /// Pre: `module` is optimized. `kernels` must outlive the guard.
  KernelGuard(const llvm::Module &module, ArrayRef<Kernel> kernels);

  /// Checks the IR, for `machine`. Errors are at the op of the kernel.
  LogicalResult check(const llvm::Module &module, const llvm::TargetMachine &machine) const;
  /// Checks an object file of the module: what kernels refer to outside of it.
  LogicalResult check(llvm::MemoryBufferRef object) const;

private:
  /// The kernel that the code of a function belongs to: itself, a function that
  /// it calls, or what LLVM has split or cloned off.
  const Kernel *find(StringRef function) const;

  llvm::StringMap<const Kernel *> functions;
};

} // namespace mlir::dashkv

#endif // DASHKV_PIPELINES_MACHINECODE_H
