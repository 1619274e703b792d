//===- RaiseAttentionBuild.h - From a match to ops --------------*- C++ -*-===//
//
// Private to the raiser. AttentionBuilder names the loops of a match, finds for
// every operand a tensor whose dims are such loops, and builds the op. All
// decisions are made by `plan`; `build` cannot fail.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_DIALECT_DASHKV_TRANSFORMS_RAISEATTENTIONBUILD_H
#define DASHKV_LIB_DIALECT_DASHKV_TRANSFORMS_RAISEATTENTIONBUILD_H

#include "RaiseAttentionMatch.h"
#include "dashkv/Dialect/DashKV/IR/AttentionDims.h"
#include "mlir/IR/PatternMatch.h"

namespace mlir::dashkv {

class AttentionBuilder {
public:
  AttentionBuilder(ExprContext &context, AttentionMatch &attention)
      : context(context), attention(attention) {}

  /// Decides everything, or sets `decline`.
  bool plan();
  /// Builds the ops before `getRoot()` and returns what replaces it and, if there
  /// is one, the logarithm of the sum of exponentials.
  SmallVector<Value, 2> build(RewriterBase &rewriter);
  /// The value that the op replaces: one of the outputs of the match.
  Value getRoot() const { return outLoad->source; }

  std::optional<Decline> decline;

private:
  /// Loops of the op, by the position of their dim in the iteration space.
  using LoopNames = SmallVector<AtomList, 7>;

  /// How a tensor becomes an operand.
  struct Operand {
    ExprRef load = nullptr; ///< An existing tensor, or
    ExprRef expr = nullptr; ///< what a generic has to compute.
    /// The index of each dim before and after reshapes.
    SmallVector<AtomList, 5> from, to;
    /// The loop of each dim after reshapes.
    SmallVector<unsigned, 5> loops;
    bool isReshaped() const { return from != to; }
  };

  bool fail(StringRef id, const Twine &text);

  // RaiseAttentionLayout.cpp
  bool nameLoops();
  void nameHeads(ArrayRef<Atom *> shared);
  void nameRows(ArrayRef<Atom *> rows);
  bool planOperands(bool isGrouped);
  SmallVector<ExprRef, 4> getCandidates(ExprRef expr);
  std::optional<Operand> arrange(ExprRef load, ArrayRef<unsigned> loops, bool isProjection);
  std::optional<Operand> choose(ExprRef expr, ArrayRef<unsigned> loops, bool isProjection);
  bool planMask();
  bool planLengths();
  void planLse();

  // RaiseAttentionBuild.cpp
  ExprRef lookThroughAll(ExprRef expr);
  bool canEmit(ExprRef expr);
  bool canMaterialize(ExprRef expr, ArrayRef<AtomList> dims);
  Value emit(ExprRef expr, ArrayRef<Atom *> loops, OpBuilder &builder,
             DenseMap<ExprRef, Value> &emitted);
  Value materialize(ExprRef expr, ArrayRef<AtomList> dims, Type elementType, OpBuilder &builder,
                    Location loc);
  Value getSize(ArrayRef<Atom *> index, OpBuilder &builder, Location loc);
  bool hasSize(ArrayRef<Atom *> index);
  Value reshape(Value tensor, ArrayRef<AtomList> from, ArrayRef<AtomList> to, OpBuilder &builder,
                Location loc);
  Value expand(Value tensor, ArrayRef<AtomList> from, ArrayRef<AtomList> to,
               ArrayRef<ReassociationIndices> groups, OpBuilder &builder, Location loc);
  Value buildOperand(const Operand &operand, OpBuilder &builder, Location loc);
  AffineMap getMap(const Operand &operand, MLIRContext *mlirContext) const;

  ExprContext &context;
  AttentionMatch &attention;
  AttentionDims dims;
  AtomList batch, head, group, rows, valueDepth;
  LoopNames names;
  Operand query, key, value, mask, out, lse;
  ExprRef outLoad = nullptr;
  bool hasMask = false;
  /// Lengths: a tensor that is used as it is, or an expression.
  Value lengthsTensor;
};

/// The dims of a load, with all splits; nothing if an index is no list of atoms.
std::optional<SmallVector<AtomList, 5>> getDims(ExprRef load);

} // namespace mlir::dashkv

#endif // DASHKV_LIB_DIALECT_DASHKV_TRANSFORMS_RAISEATTENTIONBUILD_H
