//===- Multiversion.h - One object for several CPUs -------------*- C++ -*-===//
#ifndef DASHKV_LIB_PIPELINES_MULTIVERSION_H
#define DASHKV_LIB_PIPELINES_MULTIVERSION_H

#include "dashkv/Conversion/TargetInfo.h"
#include "llvm/IR/Module.h"

namespace mlir::dashkv {

/// The CPUs of a list `a,b,c`, those of fewest features first. Every CPU of a
/// list of several must be one that a program can tell at run time.
FailureOr<SmallVector<CPUTarget>> parseTargets(StringRef list,
                                               function_ref<InFlightDiagnostic()> emitError);

/// The name of a function of one version of a module.
std::string getVersionName(StringRef function, const CPUTarget &target);

/// Makes the functions of an optimized `module` one version: compiled for
/// `target` whatever the rest of the object is for, and renamed.
void makeVersion(llvm::Module &module, const CPUTarget &target);

/// Defines each function of `names` as an ifunc, and hides its versions. When the object is loaded
/// its resolver takes the last version whose features the CPU has, or the first of all: what the
/// object needs at least.
void addDispatch(llvm::Module &module, ArrayRef<std::string> names, ArrayRef<CPUTarget> versions);

} // namespace mlir::dashkv

#endif // DASHKV_LIB_PIPELINES_MULTIVERSION_H
