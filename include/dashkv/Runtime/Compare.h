//===- Compare.h - Tiered against exact attention ---------------*- C++ -*-===//
#ifndef DASHKV_RUNTIME_COMPARE_H
#define DASHKV_RUNTIME_COMPARE_H

#include "dashkv/Runtime/JIT.h"
#include "llvm/Support/JSON.h"

namespace mlir::dashkv {

/// What tiering does to one call of a function, beside the same function with
/// exact attention from the same compiler.
struct Comparison {
  /// One result of the function: largest |tiered - exact| relative to the
  /// largest |exact|, relative root mean square error, and correlation.
  struct Error {
    unsigned result;
    double largest, rms, correlation;
  };
  /// One tiered_attention op.
  struct Tier {
    bool dense;                     // the op took its exact branch
    double keptMean, keptMin;       // attention mass of the full lists, over rows
    double fullRows, midRows, keys; // K and V rows read (union of the heads of a
                                    // group and the query rows), of all keys
    double tieredBytes, exactBytes; // codes, K and V
  };
  double exactSeconds = 0, tieredSeconds = 0;
  std::vector<Error> errors;
  std::vector<Tier> tiers;

  llvm::json::Value toJSON() const;
  void print(llvm::raw_ostream &os) const;
};

/// Runs `entry` of `module` as it is and with exact attention on the same
/// arguments, and measures both. The module must hold a tiered_attention op in
/// the body of `entry`; a failure is reported as a diagnostic or an error.
llvm::Expected<Comparison> compareWithAttention(ModuleOp module, StringRef entry,
                                                ArrayRef<Array> arguments, unsigned repetitions,
                                                const CPUPipelineOptions &options,
                                                const ObjectCache *cache = nullptr);

} // namespace mlir::dashkv

#endif // DASHKV_RUNTIME_COMPARE_H
