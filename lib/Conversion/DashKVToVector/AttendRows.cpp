//===- AttendRows.cpp - Rows of keys, values and queries ------------------===//
#include "AttendRows.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace mlir::dashkv;

std::string mlir::dashkv::whyNoRows(Value operand, StringRef name) {
  auto type = cast<ShapedType>(operand.getType());
  int64_t size = type.getShape().back();
  if (ShapedType::isDynamic(size))
    return ("the size of a row of " + name + " is dynamic").str();
  if (size < 16)
    return ("rows of " + name + " have fewer than 16 elements").str();
  auto memref = dyn_cast<MemRefType>(type);
  if (memref && !memref.isLastDimUnitStride())
    return ("rows of " + name + " are not contiguous").str();
  return "";
}

Value mlir::dashkv::getSlice(VectorBuilder &b, Value memref, ArrayRef<Value> offsets) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<OpFoldResult> begins, sizes, strides(type.getRank(), b.getIndexAttr(1));
  SmallVector<int64_t> shape;
  for (auto [dim, offset] : llvm::enumerate(offsets)) {
    begins.push_back(offset ? OpFoldResult(offset) : b.getIndexAttr(0));
    if (offset) {
      sizes.push_back(b.getIndexAttr(1));
      continue;
    }
    shape.push_back(type.getDimSize(dim));
    sizes.push_back(type.isDynamicDim(dim) ? OpFoldResult(b.dim(memref, dim))
                                           : b.getIndexAttr(type.getDimSize(dim)));
  }
  auto result = memref::SubViewOp::inferRankReducedResultType(shape, type, begins, sizes, strides);
  return memref::SubViewOp::create(b, cast<MemRefType>(result), memref, begins, sizes, strides);
}

/// f8E4M3FN has the layout of f16 with a bit less of exponent and seven of
/// fraction: shifted by those seven it is an f16, too small by 2^8, denormal
/// numbers included.
static Value widenF8(VectorBuilder &b, Value vector) {
  int64_t lanes = cast<VectorType>(vector.getType()).getNumElements();
  VectorType words = b.vec(lanes, b.getIntegerType(16));
  Value extended = b.castS(arith::BitcastOp::create(b, b.bytes(lanes), vector), words);
  // The sign is in bits 14 and 15 now.
  Value bits = b.band(b.shl(extended, 7), b.constant(words, int64_t(0xbf80)));
  Value magnitude = b.band(bits, b.constant(words, int64_t(0x3f80)));
  Value isNaN = b.cmp(arith::CmpIPredicate::eq, magnitude, b.constant(words, int64_t(0x3f80)));
  bits = b.select(isNaN, b.constant(words, int64_t(0x7e00)), bits);
  Value half = arith::BitcastOp::create(b, b.vec(lanes, b.getF16Type()), bits);
  return arith::ExtFOp::create(b, b.f32s(lanes), half);
}

Value mlir::dashkv::emitWiden(VectorBuilder &b, Value vector) {
  auto type = cast<VectorType>(vector.getType());
  Type element = type.getElementType();
  VectorType floats = b.f32s(type.getNumElements());
  if (element.isF32())
    return vector;
  if (isa<Float8E4M3FNType>(element))
    return widenF8(b, vector);
  if (element.isInteger(8))
    return arith::SIToFPOp::create(b, floats, b.castS(vector, floats.clone(b.getI32Type())));
  return arith::ExtFOp::create(b, floats, vector);
}

double mlir::dashkv::getWidenedFactor(Type element) {
  return isa<Float8E4M3FNType>(element) ? 256 : 1;
}

RowReader::RowReader(VectorBuilder &b, Value matrix, int64_t lanes)
    : chunks{cast<MemRefType>(matrix.getType()).getShape().back(), lanes}, b(b), matrix(matrix),
      element(cast<MemRefType>(matrix.getType()).getElementType()) {}

SmallVector<Value> RowReader::getIndex(Value row, Value at) const {
  if (cast<MemRefType>(matrix.getType()).getRank() == 2)
    return {row, at};
  Value size = b.dim(matrix, 1), page = b.div(row, size);
  return {page, b.sub(row, b.mul(page, size)), at};
}

Value RowReader::load(Value row, int64_t chunk) const {
  Value at = b.index(chunks.getBegin(chunk));
  return emitWiden(b, b.loadVector(matrix, getIndex(row, at), chunks.lanes));
}

static constexpr int64_t kLineBytes = 64;

int64_t RowReader::getNumLines() const {
  int64_t bytes = chunks.size * element.getIntOrFloatBitWidth() / 8;
  // A row whose size is no multiple of a line begins anywhere in one.
  return (bytes + kLineBytes - 1) / kLineBytes + (bytes % kLineBytes != 0);
}

void RowReader::prefetch(Value row, int64_t line) const {
  int64_t perLine = kLineBytes * 8 / element.getIntOrFloatBitWidth();
  b.prefetch(matrix, getIndex(row, b.index(std::min(line * perLine, chunks.size - 1))));
}

void RowReader::prefetch(Value row) const {
  for (int64_t line = 0; line < getNumLines(); ++line)
    prefetch(row, line);
}

void RowReader::prefetchChunks(Value row, int64_t begin, int64_t end) const {
  int64_t perLine = kLineBytes * 8 / element.getIntOrFloatBitWidth();
  for (int64_t line = 0; line < getNumLines(); ++line) {
    int64_t chunk = line * perLine / chunks.lanes;
    if (begin <= chunk && chunk < end)
      prefetch(row, line);
  }
}
