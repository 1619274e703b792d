//===- AttentionDims.h - Names of attention's iteration dims ----*- C++ -*-===//
//
// The one place that knows which iteration dim of an attention-like op is the
// batch, the head, the key and so on. Verifier, passes and lowerings use it and
// nothing else.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_DIALECT_DASHKV_IR_ATTENTIONDIMS_H
#define DASHKV_DIALECT_DASHKV_IR_ATTENTIONDIMS_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <optional>

namespace mlir::dashkv {

/// Positions of the named dims in the iteration space, which is
/// (b, h, m, n, d, dv), or (b, h, g, m, n, d, dv) when the query heads of a
/// group are a dim of their own. In the first form the `h` of query and out
/// counts query heads and that of key and value counts KV heads. With a block
/// table the `b` of key and value counts pages, and their `n` rows of a page.
struct AttentionDims {
  unsigned batch, head;
  std::optional<unsigned> group;
  unsigned query, key, depth, valueDepth, count;

  /// Dims of a space of `numDims` dims; fails unless there are 6 or 7.
  static FailureOr<AttentionDims> get(unsigned numDims);

  /// Dims of the 4 or 5 maps of query, key, value, [mask], out. Reports (c5) and
  /// the part of (c4) that concerns maps through `emitError`.
  static FailureOr<AttentionDims> infer(ArrayRef<AffineMap> maps,
                                        function_ref<InFlightDiagnostic()> emitError);

  /// Maps of the default layout: q (b,h,m,d), k (b,h,n,d), v (b,h,n,dv), mask
  /// (b,h,m,n), out (b,h,m,dv).
  static SmallVector<AffineMap> getDefaultMaps(MLIRContext *context, bool hasMask);

  /// "b", "h", "g", "m", "n", "d" or "dv".
  StringRef getName(unsigned dim) const;
};

} // namespace mlir::dashkv

#endif // DASHKV_DIALECT_DASHKV_IR_ATTENTIONDIMS_H
