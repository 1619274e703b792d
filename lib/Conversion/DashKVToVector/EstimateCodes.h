//===- EstimateCodes.h - Distances of single keys ---------------*- C++ -*-===//
//
// Codes in words of 64 bits, for kernels that look at a few keys of many.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_ESTIMATECODES_H
#define DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_ESTIMATECODES_H

#include "VectorBuilder.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"

namespace mlir::dashkv {

/// Why single keys of codes cannot be read; empty if they can.
std::string whyNoWords(Value queryCodes, Value keyCodes);

/// The code of a key, in words (i64), from the codes [B,Hkv,..] of either layout.
SmallVector<Value> loadKeyWords(VectorBuilder &b, CodeForm form, Value keyCodes, Value batch,
                                Value head, Value key);

/// A query code, ready for distances to single keys.
class QueryCode {
public:
  /// The code at `row` of [B,Hc,M,..].
  QueryCode(VectorBuilder &b, CodeForm form, Value queryCodes, ArrayRef<Value> row);
  /// The distance to a key, an i64.
  Value getDistance(ArrayRef<Value> keyWords) const;
  /// The sum of the weights, an i64: L when packed.
  Value getTotal() const { return total; }
  /// Bit b of these words: whether the query's bit is 1.
  ArrayRef<Value> getBits() const { return bits; }

private:
  /// Weighted: the sum of popcounts of planes [begin, end) times their weights.
  Value countPlanes(ArrayRef<Value> differing, size_t begin, size_t end) const;

  VectorBuilder &b;
  SmallVector<Value> bits;
  SmallVector<SmallVector<Value>> planes; // bit i of the weights, when weighted
  Value hasLargeWeights;                  // some weight is 16 or more
  Value total;
};

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_ESTIMATECODES_H
