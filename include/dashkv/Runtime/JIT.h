//===- JIT.h - Compile a module for this CPU and call it --------*- C++ -*-===//
#ifndef DASHKV_RUNTIME_JIT_H
#define DASHKV_RUNTIME_JIT_H

#include "dashkv/Conversion/TargetInfo.h"
#include "dashkv/Pipelines/Pipelines.h"
#include "dashkv/Runtime/Array.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace mlir::dashkv {

class ObjectCache;

/// A module compiled for the host CPU. Functions take tensors, strided buffers and
/// scalars, and give tensors.
class JIT {
public:
  /// Lowers `module` (dashkv ops, linalg or both, on tensors) in place by the
  /// CPU pipeline and compiles it, unless `cache` has the code already.
  /// Diagnostics go to the context's handlers.
  static FailureOr<std::unique_ptr<JIT>> compile(ModuleOp module, const CPUPipelineOptions &options,
                                                 const ObjectCache *cache = nullptr);
  ~JIT();

  /// What the code expects of the memory of an argument; kDynamic where anything
  /// will do.
  struct Layout {
    int64_t elementSize, offset;
    SmallVector<int64_t> shape;
    /// In elements; none where the array is dense and row-major.
    std::optional<SmallVector<int64_t>> strides;
    bool isScalar;

    static Layout get(Type type);
  };

  /// Signature of a public function as it was before lowering.
  struct Function {
    FunctionType type;
    SmallVector<Layout> layouts;
    /// For each result the argument whose buffer holds it, or -1.
    SmallVector<int> aliases;
    /// For each argument whether a call may write to it.
    SmallVector<bool> written;
    /// The dashkv.role of each argument, or an empty string.
    SmallVector<std::string> roles;
    Location loc;
    /// The code, which takes pointers to descriptors: of the results that are no
    /// arguments one after the other, then one for each argument (of a scalar, to
    /// its value).
    void (*entry)(void **);

    /// Words of the descriptors of those results: {allocated, aligned, offset,
    /// sizes, strides} of each.
    size_t countResultWords() const;
  };
  const llvm::StringMap<Function> &getFunctions() const { return functions; }

  /// Calls a function. Arguments may be written where the module updates them
  /// in place (a cache that is returned); such a result shares its argument's
  /// data. Fails with a message when arguments and signature disagree.
  llvm::Expected<SmallVector<Array>> call(StringRef name, ArrayRef<Array> arguments);

  /// Checks arguments as `call` does, without calling.
  llvm::Error check(StringRef name, ArrayRef<Array> arguments) const;

  /// The same with memory of the caller: a descriptor for each argument, whose
  /// element type is not checked. Results that are no arguments get descriptors in
  /// `results` and buffers of malloc, each its own.
  static llvm::Error call(StringRef name, const Function &function, ArrayRef<void *> arguments,
                          int64_t *results);

  /// Median seconds of a call over `repetitions` runs after one to warm up;
  /// allocation of the results counts, as it does for every caller.
  llvm::Expected<double> time(StringRef name, ArrayRef<Array> arguments, unsigned repetitions);

  /// Whether the code came out of the cache, and why it was not stored there, if
  /// it should have been.
  bool isFromCache() const { return fromCache; }
  StringRef getCacheError() const { return cacheError; }

private:
  JIT() = default;
  /// Memory of a call.
  struct Invocation;

  LogicalResult readSignatures(ModuleOp module);
  /// Lowers `module` and returns an object file.
  FailureOr<std::string> lower(ModuleOp module, const CPUPipelineOptions &options,
                               const CPUTarget &target);
  /// An object file and what `functions` has from lowering, as one text.
  std::string save(StringRef object) const;
  /// Reads both from such a text; an empty result if it is none.
  StringRef restore(StringRef text);
  llvm::Error link(StringRef object);

  std::unique_ptr<llvm::orc::LLJIT> engine;
  bool fromCache = false;
  std::string cacheError;
  llvm::StringMap<Function> functions;
};

} // namespace mlir::dashkv

#endif // DASHKV_RUNTIME_JIT_H
