//===- TileSpace.h - How tiles of loops cut operands ------------*- C++ -*-===//
#ifndef DASHKV_LIB_DIALECT_DASHKV_IR_TILESPACE_H
#define DASHKV_LIB_DIALECT_DASHKV_IR_TILESPACE_H

#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/Utils/StructuredOpsUtils.h"

namespace mlir::dashkv {

/// The loops of an op and the loop that each dim of its operands follows.
///
/// Dims have names. One that bears the name of a loop is cut with it, one of
/// heads (its name begins with h) in proportion to the loop over heads, and any
/// other is whole in every tile.
class TileSpace {
public:
  static TileSpace get(Operation *op);

  struct Loop {
    std::string name;
    utils::IteratorType kind;
  };
  ArrayRef<Loop> getLoops() const { return loops; }
  std::optional<unsigned> find(StringRef loop) const;

  /// The loop of a dim, with tile = tile of the loop * mul / div.
  struct Rule {
    int loop = -1;
    int64_t mul = 1, div = 1;
  };
  ArrayRef<Rule> getRules(unsigned operand) const { return rules[operand]; }
  /// The smallest tile of heads that separates none of any operand.
  int64_t getHeadUnit() const { return headUnit; }
  /// The operand and dim that tell the size of a loop.
  std::pair<unsigned, unsigned> getSource(unsigned loop) const { return sources[loop]; }

  //===--- Definition ------------------------------------------------------===//
  void parallel(StringRef name) { loops.push_back({name.str(), utils::IteratorType::parallel}); }
  void reduction(StringRef name) { loops.push_back({name.str(), utils::IteratorType::reduction}); }
  /// The dims of the next operand, "b hq m _"; nothing where it is absent.
  void operand(Value value, StringRef dims);

private:
  void resolve();

  SmallVector<Loop> loops;
  SmallVector<Value> values;
  SmallVector<SmallVector<std::string>> names;
  SmallVector<SmallVector<Rule>> rules;
  SmallVector<std::pair<unsigned, unsigned>> sources;
  int64_t headUnit = 1;
};

/// The tile of `op` (on tensors) at `offsets` of `sizes`. Keys are whole where
/// their loop is. Fails where the tile would separate heads that share a KV head.
FailureOr<TilingResult> tileOp(Operation *op, OpBuilder &b, ArrayRef<OpFoldResult> offsets,
                               ArrayRef<OpFoldResult> sizes);

/// The same with `inits` in the place of the slices of `outs`.
FailureOr<TilingResult> tileOp(Operation *op, OpBuilder &b, ArrayRef<OpFoldResult> offsets,
                               ArrayRef<OpFoldResult> sizes, ValueRange inits);

} // namespace mlir::dashkv

#endif // DASHKV_LIB_DIALECT_DASHKV_IR_TILESPACE_H
