//===- AttendRows.h - Rows of keys, values and queries ----------*- C++ -*-===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_ATTENDROWS_H
#define DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_ATTENDROWS_H

#include "VectorBuilder.h"

namespace mlir::dashkv {

/// A row of `size` elements as vectors of `lanes`. Where size is no multiple, the
/// last chunk begins early and overlaps the one before.
struct Chunks {
  int64_t size, lanes;
  int64_t getCount() const { return (size + lanes - 1) / lanes; }
  int64_t getBegin(int64_t chunk) const { return std::min(chunk * lanes, size - lanes); }
  /// Lanes of the last chunk that the one before holds as well.
  int64_t getOverlap() const { return getCount() * lanes - size; }
  /// Lanes of all chunks: the size of a row in buffers of our own.
  int64_t getPaddedSize() const { return getCount() * lanes; }
};

/// Why the rows of `operand`, whose last dim should be the depth, cannot be
/// loaded as vectors; empty if they can.
std::string whyNoRows(Value operand, StringRef name);

/// `memref` at `offsets`, whole in the dims where the offset is null.
Value getSlice(VectorBuilder &b, Value memref, ArrayRef<Value> offsets);

/// A vector of floats of any type, or of i8, as f32.
Value emitWiden(VectorBuilder &b, Value vector);
/// What widened elements of a type are too small by: it costs nothing in the
/// scale of a query or a value.
double getWidenedFactor(Type element);

/// Rows of a matrix [N, D], or of pages [P, S, D]: row r of page p is p * S + r.
class RowReader {
public:
  RowReader(VectorBuilder &b, Value matrix, int64_t lanes);
  Type getElement() const { return element; }
  /// A chunk of a row as f32, too small by `getWidenedFactor`.
  Value load(Value row, int64_t chunk) const;
  /// Lines of the cache that a row is spread over, at most.
  int64_t getNumLines() const;
  void prefetch(Value row, int64_t line) const;
  void prefetch(Value row) const;
  /// The lines that hold the beginnings of chunks [begin, end).
  void prefetchChunks(Value row, int64_t begin, int64_t end) const;

  Chunks chunks;

private:
  SmallVector<Value> getIndex(Value row, Value at) const;

  VectorBuilder &b;
  Value matrix;
  Type element;
};

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_ATTENDROWS_H
