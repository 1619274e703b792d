//===- EstimateMlp.h - The residual mlp of estimate_scores ------*- C++ -*-===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_ESTIMATEMLP_H
#define DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_ESTIMATEMLP_H

#include "VectorBuilder.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"

namespace mlir::dashkv {

/// A network on the bits of a query and a key, as signs. Its first layer is a sum
/// over bits: the part of the query is computed once a query, that of a key is
/// looked up in tables, one for each four bits.
class ResidualMlp {
public:
  /// Buffers for the network of `op`, which has one.
  ResidualMlp(VectorBuilder &b, EstimateScoresOp op, int64_t bits, int64_t lanes);
  static std::string whyNot(EstimateScoresOp op);
  void free();
  /// Tables and weights of a query head.
  void setHead(Value head);
  /// The part of a query with these bits (words).
  void setQuery(ArrayRef<Value> bits);
  /// The residual of a key with these bits, an f32.
  Value evaluate(ArrayRef<Value> keyBits);

private:
  /// Copies a weight or bias of a head to a buffer of f32.
  void copy(Value from, int64_t matrixRank, Value head, Value to);
  /// Vectors `part` of a row of a buffer.
  SmallVector<Value> loadRow(Value buffer, Value row, int64_t size);

  VectorBuilder &b;
  EstimateScoresOp op;
  int64_t bits, words, lanes;
  int64_t hidden1, hidden2; // padded to whole vectors
  Value weights1;           // [2L, hidden1]
  Value weights2;           // [size of the first hidden layer, hidden2]
  Value weights3;           // [1, hidden2]
  Value biases1, biases2;   // [1, ..]
  Value bias3;              // [1, 1]
  Value tables;             // [nibbles * 16, hidden1]
  Value query;              // [1, hidden1]
  Value layer;              // [1, hidden1], activated
  Value signs;              // [words * 64]
};

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_ESTIMATEMLP_H
