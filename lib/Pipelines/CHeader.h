//===- CHeader.h - How C calls compiled functions ---------------*- C++ -*-===//
#ifndef DASHKV_LIB_PIPELINES_CHEADER_H
#define DASHKV_LIB_PIPELINES_CHEADER_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"

namespace mlir::dashkv {

/// A public function as C sees it.
struct CFunction {
  std::string name;
  SmallVector<Type> arguments, results;
  /// The dashkv.role of each argument, or an empty string.
  SmallVector<std::string> roles;
  /// For each result the argument whose buffer holds it, or -1.
  SmallVector<int> aliases;
};

/// The public functions of `module`, without aliases. An error for types that
/// C has no counterpart of.
FailureOr<std::vector<CFunction>> findCFunctions(ModuleOp module);

/// Writes a header that declares `functions`, for C and C++, and the function by
/// which they take threads of the host, if they do.
void writeCHeader(ArrayRef<CFunction> functions, StringRef target, bool usesHostThreads,
                  raw_ostream &os);

} // namespace mlir::dashkv

#endif // DASHKV_LIB_PIPELINES_CHEADER_H
