//===- EstimateMlp.cpp - The residual mlp of estimate_scores --------------===//
#include "EstimateMlp.h"
#include "EncodeValues.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::dashkv;

static int64_t getLastSize(Value value) {
  return cast<ShapedType>(value.getType()).getShape().back();
}

std::string ResidualMlp::whyNot(EstimateScoresOp op) {
  for (Value operand : llvm::concat<Value>(op.getMlpWeights(), op.getMlpBiases()))
    if (!cast<ShapedType>(operand.getType()).hasStaticShape())
      return "a size of the mlp is dynamic";
  return "";
}

/// A buffer on the heap, which has room for any network.
static Value makeBuffer(VectorBuilder &b, int64_t rows, int64_t columns) {
  auto type = MemRefType::get({rows, columns}, b.getF32Type());
  return memref::AllocOp::create(b, type, b.getI64IntegerAttr(64));
}

ResidualMlp::ResidualMlp(VectorBuilder &b, EstimateScoresOp op, int64_t bits, int64_t lanes)
    : b(b), op(op), bits(bits), words((bits + 63) / 64), lanes(lanes) {
  int64_t size1 = getLastSize(op.getMlpWeights()[0]), size2 = getLastSize(op.getMlpWeights()[1]);
  hidden1 = llvm::alignTo(size1, lanes);
  hidden2 = llvm::alignTo(size2, lanes);
  weights1 = makeBuffer(b, 2 * bits, hidden1);
  weights2 = makeBuffer(b, size1, hidden2);
  weights3 = makeBuffer(b, 1, hidden2);
  biases1 = makeBuffer(b, 1, hidden1);
  biases2 = makeBuffer(b, 1, hidden2);
  bias3 = makeBuffer(b, 1, 1);
  tables = makeBuffer(b, words * 16 * 16, hidden1);
  query = makeBuffer(b, 1, hidden1);
  layer = makeBuffer(b, 1, hidden1);
  signs = makeBuffer(b, 1, words * 64);
}

void ResidualMlp::free() {
  for (Value buffer :
       {weights1, weights2, weights3, biases1, biases2, bias3, tables, query, layer, signs})
    b.freeBuffer(buffer);
}

void ResidualMlp::copy(Value from, int64_t matrixRank, Value head, Value to) {
  auto type = cast<MemRefType>(from.getType());
  auto toType = cast<MemRefType>(to.getType());
  // The last weight is a column: it becomes a row.
  bool isColumn = matrixRank == 2 && type.getShape().back() == 1;
  int64_t rows = matrixRank == 2 && !isColumn ? type.getShape()[type.getRank() - 2] : 1;
  int64_t columns = isColumn ? type.getShape()[type.getRank() - 2] : type.getShape().back();
  b.loop(b.index(rows), [&](Value row) {
    b.loop(b.index(columns), [&](Value column) {
      SmallVector<Value> at;
      if (type.getRank() > matrixRank)
        at.push_back(head);
      if (isColumn)
        at.append({column, b.index(0)});
      else if (matrixRank == 2)
        at.append({row, column});
      else
        at.push_back(column);
      Value weight = b.load(from, at);
      if (!weight.getType().isF32())
        weight = arith::ExtFOp::create(b, b.getF32Type(), weight);
      b.store(weight, to, {row, column});
    });
    Value zero = b.constant(b.getF32Type(), 0.0);
    b.loop(b.index(columns), b.index(toType.getDimSize(1)), b.index(1),
           [&](Value column) { b.store(zero, to, {row, column}); });
  });
}

SmallVector<Value> ResidualMlp::loadRow(Value buffer, Value row, int64_t size) {
  SmallVector<Value> vectors;
  for (int64_t at = 0; at < size; at += lanes)
    vectors.push_back(b.loadVector(buffer, {row, b.index(at)}, lanes));
  return vectors;
}

void ResidualMlp::setHead(Value head) {
  copy(op.getMlpWeights()[0], 2, head, weights1);
  copy(op.getMlpWeights()[1], 2, head, weights2);
  copy(op.getMlpWeights()[2], 2, head, weights3);
  copy(op.getMlpBiases()[0], 1, head, biases1);
  copy(op.getMlpBiases()[1], 1, head, biases2);
  copy(op.getMlpBiases()[2], 1, head, bias3);
  // Entry v of table n: the sum of the weights of bits 4n to 4n + 3, each with
  // its sign in v. Bits past the end have no weight.
  VectorType floats = b.f32s(lanes);
  b.loop(b.index(words * 16), [&](Value nibble) {
    b.loop(b.index(16), [&](Value entry) {
      Value at = b.add(b.mul(nibble, 16), entry);
      for (int64_t column = 0; column < hidden1; column += lanes) {
        Value sum = b.constant(floats, 0.0);
        for (int64_t i = 0; i < 4; ++i) {
          Value bit = b.add(b.mul(nibble, 4), i);
          Value exists = b.cmp(arith::CmpIPredicate::ult, bit, b.index(bits));
          Value row = b.add(b.minU(bit, b.index(bits - 1)), bits);
          Value isSet = b.cmp(arith::CmpIPredicate::ne, b.band(entry, b.index(1 << i)), b.index(0));
          Type f32 = b.getF32Type();
          Value sign = b.select(isSet, b.constant(f32, 1.0), b.constant(f32, -1.0));
          sign = b.select(exists, sign, b.constant(f32, 0.0));
          Value weight = b.loadVector(weights1, {row, b.index(column)}, lanes);
          sum = b.fma(weight, b.splat(sign, lanes), sum);
        }
        b.storeVector(sum, tables, {at, b.index(column)});
      }
    });
  });
}

void ResidualMlp::setQuery(ArrayRef<Value> queryBits) {
  Type i64 = b.getI64Type(), f32 = b.getF32Type();
  for (auto [word, value] : llvm::enumerate(queryBits))
    b.loop(b.index(64), [&, word = word, value = value](Value i) {
      Value bit = b.band(b.shrU(value, b.castU(i, i64)), b.constant(i64, 1));
      Value isSet = b.cmp(arith::CmpIPredicate::ne, bit, b.constant(i64, 0));
      Value sign = b.select(isSet, b.constant(f32, 1.0), b.constant(f32, -1.0));
      b.store(sign, signs, {b.index(0), b.add(i, word * 64)});
    });
  for (int64_t column = 0; column < hidden1; column += lanes) {
    Value at = b.index(column), zero = b.index(0);
    Value sum = b.loadVector(biases1, {zero, at}, lanes);
    sum = b.loop(zero, b.index(bits), b.index(1), sum, [&](Value bit, ValueRange carried) {
      Value sign = b.splat(b.load(signs, {zero, bit}), lanes);
      return VectorBuilder::Values{
          b.fma(b.loadVector(weights1, {bit, at}, lanes), sign, carried[0])};
    })[0];
    b.storeVector(sum, query, {zero, at});
  }
}

Value ResidualMlp::evaluate(ArrayRef<Value> keyBits) {
  Type i64 = b.getI64Type();
  Value zero = b.index(0);
  Activation activation = *op.getActivation();
  // First layer, some vectors at a time: as many as stay in registers.
  constexpr int64_t kVectors = 8;
  for (int64_t from = 0; from < hidden1; from += kVectors * lanes) {
    int64_t to = std::min(hidden1, from + kVectors * lanes);
    SmallVector<Value> sums;
    for (int64_t column = from; column < to; column += lanes)
      sums.push_back(b.loadVector(query, {zero, b.index(column)}, lanes));
    for (auto [word, value] : llvm::enumerate(keyBits))
      for (int64_t nibble = 0; nibble < 16; ++nibble) {
        if (static_cast<int64_t>(word) * 64 + nibble * 4 >= bits)
          break;
        Value entry = b.band(b.shrU(value, nibble * 4), b.constant(i64, 15));
        Value row = b.add(b.castU(entry, b.getIndexType()), (word * 16 + nibble) * 16);
        for (auto [i, sum] : llvm::enumerate(sums))
          sum = b.addF(sum, b.loadVector(tables, {row, b.index(from + i * lanes)}, lanes));
      }
    for (auto [i, sum] : llvm::enumerate(sums))
      b.storeVector(emitActivate(b, activation, sum), layer, {zero, b.index(from + i * lanes)});
  }
  // Second layer, and the third, which has one value.
  Value size1 = b.dim(weights2, 0);
  SmallVector<Value> sums = loadRow(biases2, zero, hidden2);
  sums = b.loop(zero, size1, b.index(1), sums, [&](Value i, ValueRange carried) {
    SmallVector<Value> next(carried);
    Value x = b.splat(b.load(layer, {zero, i}), lanes);
    for (auto [sum, weight] : llvm::zip_equal(next, loadRow(weights2, i, hidden2)))
      sum = b.fma(weight, x, sum);
    return next;
  });
  Value total;
  for (auto [sum, weight] : llvm::zip_equal(sums, loadRow(weights3, zero, hidden2))) {
    Value product = b.mulF(emitActivate(b, activation, sum), weight);
    total = total ? b.addF(total, product) : product;
  }
  return b.addF(b.reduceAddF(total), b.load(bias3, {zero, zero}));
}
