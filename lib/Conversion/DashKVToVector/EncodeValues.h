//===- EncodeValues.h - Rows of values, activations, codes ------*- C++ -*-===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_ENCODEVALUES_H
#define DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_ENCODEVALUES_H

#include "VectorBuilder.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"

namespace mlir::dashkv {

/// A vector of a row: where it begins, and its lanes.
struct Piece {
  int64_t offset, lanes;
};

/// A row of `size` elements as vectors: as many of `lanes` as there are, then
/// smaller powers of two, so that none reaches past the row.
SmallVector<Piece> getPieces(int64_t size, int64_t lanes);
/// A loop over the vectors of `lanes`, and the smaller ones after it.
void forEachPiece(VectorBuilder &b, int64_t size, int64_t lanes,
                  function_ref<void(Value offset, int64_t lanes)> body);

/// A vector of f16, bf16 or f32 in memory as f32.
Value loadF32(VectorBuilder &b, Value memref, ValueRange indices, int64_t lanes);
/// Row `row` of a buffer [rows, size].
Value getRow(VectorBuilder &b, Value buffer, Value row);

/// The activation of a vector of f32, of any value.
Value emitActivate(VectorBuilder &b, Activation activation, Value x);

/// Writes bits z > 0 of a row of values to `codes` [.., L/8] at `row`.
void emitPackedCode(VectorBuilder &b, Value z, Value codes, ValueRange row, int64_t lanes);
/// Writes weights of -levels to levels to `codes` [.., L] at `row`; returns the
/// scale of the code.
Value emitWeightedCode(VectorBuilder &b, Value z, Value codes, ValueRange row, int64_t levels,
                       int64_t lanes);

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_ENCODEVALUES_H
