//===- JIT.h - Compile a module for this CPU and call it --------*- C++ -*-===//
#ifndef DASHKV_RUNTIME_JIT_H
#define DASHKV_RUNTIME_JIT_H

#include "dashkv/Pipelines/Pipelines.h"
#include "dashkv/Runtime/Array.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/IR/BuiltinOps.h"

namespace mlir::dashkv {

/// A module compiled for the host CPU. Functions take and give tensors.
class JIT {
public:
  /// Lowers `module` (dashkv ops, linalg or both, on tensors) in place by the
  /// CPU pipeline and compiles it. Diagnostics go to the context's handlers.
  static FailureOr<std::unique_ptr<JIT>> compile(ModuleOp module,
                                                 const CPUPipelineOptions &options);

  /// Signature of a public function as it was before lowering.
  struct Function {
    FunctionType type;
    /// For each result the argument whose buffer holds it, or -1.
    SmallVector<int> aliases;
    /// The dashkv.role of each argument, or an empty string.
    SmallVector<std::string> roles;
    Location loc;
  };
  const llvm::StringMap<Function> &getFunctions() const { return functions; }

  /// Calls a function. Arguments may be written where the module updates them
  /// in place (a cache that is returned); such a result shares its argument's
  /// data. Fails with a message when arguments and signature disagree.
  llvm::Expected<SmallVector<Array>> call(StringRef name, ArrayRef<Array> arguments);

  /// Checks arguments as `call` does, without calling.
  llvm::Error check(StringRef name, ArrayRef<Array> arguments) const;

  /// Median seconds of a call over `repetitions` runs after one to warm up;
  /// allocation of the results counts, as it does for every caller.
  llvm::Expected<double> time(StringRef name, ArrayRef<Array> arguments, unsigned repetitions);

private:
  JIT() = default;
  /// Runs and returns the descriptors of the results that are no arguments.
  struct Invocation;

  std::unique_ptr<ExecutionEngine> engine;
  llvm::StringMap<Function> functions;
};

} // namespace mlir::dashkv

#endif // DASHKV_RUNTIME_JIT_H
