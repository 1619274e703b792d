//===- TargetInfo.h - What the lowerings know of a target -------*- C++ -*-===//
#ifndef DASHKV_CONVERSION_TARGETINFO_H
#define DASHKV_CONVERSION_TARGETINFO_H

#include "mlir/IR/Attributes.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"

namespace mlir::dashkv {

/// An NVIDIA chip. Only chips of the table reach LLVM, which aborts the process
/// on a PTX version below the minimum of the chip.
struct NVPTXTarget {
  /// Name of the chip as LLVM and ptxas spell it.
  StringRef chip;
  /// PTX version times ten: the oldest that the chip takes, so that drivers as
  /// old as the chip load the text, but 8.0 at least.
  unsigned ptxVersion;
  /// Shared memory that a kernel may declare statically.
  int64_t staticSharedBytes;

  /// All supported chips.
  static ArrayRef<NVPTXTarget> getAll();
  /// The chip of this name; one that is not in the table is an error that lists
  /// those that are.
  static FailureOr<NVPTXTarget> get(StringRef chip, function_ref<InFlightDiagnostic()> emitError);

  /// The attribute that makes a gpu.module compile for this chip.
  Attribute getAttr(MLIRContext *context) const;
};

} // namespace mlir::dashkv

#endif // DASHKV_CONVERSION_TARGETINFO_H
