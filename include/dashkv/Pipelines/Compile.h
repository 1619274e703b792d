//===- Compile.h - From an attention graph to any product -------*- C++ -*-===//
#ifndef DASHKV_PIPELINES_COMPILE_H
#define DASHKV_PIPELINES_COMPILE_H

#include "dashkv/Pipelines/Pipelines.h"
#include "dashkv/Pipelines/Report.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"
#include <optional>
#include <string>

namespace mlir::dashkv {

/// What a compilation ends with.
enum class EmitKind {
  Mlir,    ///< dashkv ops of the model level: raised, and tiered on request
  Steps,   ///< dashkv ops of the step level
  Linalg,  ///< linalg, scf and tensor ops
  Kernels, ///< upstream ops on buffers, the vector kernels among them
  LLVM,    ///< LLVM IR
  Asm,     ///< assembly of the CPU
  Obj,     ///< object file
  Shared,  ///< shared library, linked by the compiler of the system
  Header,  ///< C header of the functions of the two before
  PTX,     ///< PTX of the GPU kernels
  Cubin,   ///< their machine code, assembled by ptxas
  Bundle,  ///< both with their launches, for dashkv-c/Launcher.h
  IREE,    ///< the kernels and their dispatches, as a library for IREE
  Report,  ///< facts about them, for tuning
};

struct CompileOptions {
  EmitKind emit = EmitKind::Mlir;
  /// `native`, a CPU that LLVM knows (`x86-64-v3`), or a GPU (`sm_90a`). A list
  /// of CPUs, or of GPUs for a bundle, makes code that takes the best for the
  /// machine it is loaded on.
  std::string target = "native";
  /// Makes attention tiered: fields of #dashkv.tiering (`full=2%`), or `default`.
  std::optional<std::string> tiering;
  /// Further options of dashkv-apply-tiering (`encoder=mlp levels=7`).
  std::string tieringOptions;
  /// Options of dashkv-raise-attention.
  bool assumeNonemptyRows = false, materializeIndexMasks = true;
  /// Whether a module without attention is an error.
  bool requireAttention = true;
  bool runtimeChecks = false;
  /// How dashkv ops become code of a CPU.
  CPULowering lowering = CPULowering::Vector;
  /// Who runs parallel loops, and how many threads they should keep busy.
  Parallelism parallel = Parallelism::Serial;
  int64_t workers = 1;
  /// Form and sizes of a report.
  ReportOptions report;
  /// Folder that receives the IR after every stage, if not empty.
  std::string stages;
};

/// Compiles `module` in place and writes the product to `os`. Errors are
/// diagnostics; nothing is written to `os` after one.
LogicalResult compile(ModuleOp module, const CompileOptions &options, llvm::raw_pwrite_stream &os);

} // namespace mlir::dashkv

#endif // DASHKV_PIPELINES_COMPILE_H
