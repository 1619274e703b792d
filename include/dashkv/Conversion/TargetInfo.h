//===- TargetInfo.h - What the lowerings know of a target -------*- C++ -*-===//
#ifndef DASHKV_CONVERSION_TARGETINFO_H
#define DASHKV_CONVERSION_TARGETINFO_H

#include "mlir/IR/Attributes.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include <memory>
#include <string>

namespace llvm {
class TargetMachine;
} // namespace llvm

namespace mlir::dashkv {

/// An NVIDIA chip. Only chips of the table reach LLVM, which aborts the process
/// on a PTX version below the minimum of the chip.
struct NVPTXTarget {
  /// Name of the chip as LLVM and ptxas spell it.
  StringRef chip;
  /// PTX version times ten: the oldest that the chip takes, so that drivers as
  /// old as the chip load the text, but 8.0 at least; 8.1 where f8 asks for it.
  unsigned ptxVersion;
  /// Shared memory that a kernel may declare statically.
  int64_t staticSharedBytes;
  /// Shared memory of a CTA, static and dynamic together.
  int64_t sharedBytes;
  /// f8 is converted by an instruction.
  bool hasF8 = false;
  /// Copies in bulk from global to shared memory, and kernels that start early.
  bool hasBulkCopy = false;

  /// All supported chips.
  static ArrayRef<NVPTXTarget> getAll();
  /// The chip of this name; one that is not in the table is an error that lists
  /// those that are.
  static FailureOr<NVPTXTarget> get(StringRef chip, function_ref<InFlightDiagnostic()> emitError);

  /// The attribute that makes a gpu.module compile for this chip.
  Attribute getAttr(MLIRContext *context) const;
};

/// A CPU: what LLVM generates code for, and what the kernels ask of it.
struct CPUTarget {
  std::string triple, cpu, features;
  /// Bytes of a vector that kernels are built of: 64 with AVX-512 (F, BW, DQ,
  /// VL), 32 with AVX2, FMA and F16C, 0 on any other CPU, which has no kernels.
  int64_t vectorBytes = 0;
  /// Bytes have a popcount instruction (AVX512-BITALG).
  bool hasBytePopcount = false;
  /// Prefetches are dropped when all miss buffers are busy (Zen 1 to 3).
  bool dropsPrefetches = false;

  /// `native` or a CPU of this machine's architecture that LLVM knows; any other
  /// name is an error.
  static FailureOr<CPUTarget> get(StringRef name, function_ref<InFlightDiagnostic()> emitError);

  /// Code generation for this CPU at the highest level.
  std::unique_ptr<llvm::TargetMachine> createTargetMachine() const;
};

} // namespace mlir::dashkv

#endif // DASHKV_CONVERSION_TARGETINFO_H
