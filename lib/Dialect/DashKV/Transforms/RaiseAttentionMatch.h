//===- RaiseAttentionMatch.h - Recognition of attention ---------*- C++ -*-===//
//
// Private to the raiser. AttentionMatcher takes the expression of a tensor apart
// into out[b,h,m,dv] = sum over n of softmax(score)[b,h,m,n] * v[b,h,n,dv], or
// says why it is not that.
//
//   RaiseAttentionSoftmax.cpp  the whole, and softmax: maximum, sum, guard
//   RaiseAttentionWeights.cpp  from a probability to its exponential
//   RaiseAttentionScores.cpp   the scores: q k^T, scale, masks
//   RaiseAttentionMasks.cpp    what a mask hides: causal, lengths, empty rows
//   RaiseAttentionOneOp.cpp    attention ops of torch-mlir and IREE
//   RaiseAttentionLayout.cpp   names of the loops, maps of the operands
//   RaiseAttentionBuild.cpp    the ops that replace the match
//   RaiseAttentionEmit.cpp     expressions as generics
//   RaiseAttention.cpp         roots, uses, remarks, the pass
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_DIALECT_DASHKV_TRANSFORMS_RAISEATTENTIONMATCH_H
#define DASHKV_LIB_DIALECT_DASHKV_TRANSFORMS_RAISEATTENTIONMATCH_H

#include "TensorExpr.h"
#include "dashkv/Dialect/Interop/Interop.h"
#include <string>

namespace mlir::dashkv {

struct RaiseAttentionOptions {
  bool assumeNonemptyRows = false;
  bool allowUnstabilized = false;
  bool materializeIndexMasks = true;
};

/// Why something that looks like attention is not raised.
struct Decline {
  StringRef id; ///< A literal of docs: "wrong-softmax-axis", ...
  std::string text;
};

/// Terms of a sum: factor and expression.
using Terms = SmallVector<std::pair<double, ExprRef>, 4>;

/// A mask: an additive term, or a condition that replaces a score by `hidden`.
struct MaskTerm {
  ExprRef expr;
  double factor = 1;                  ///< Additive: its constant factor.
  SmallVector<ExprRef, 1> rowFactors; ///< Additive: factors known at run time.
  bool isSelect = false;
  bool isVisibleIf = true; ///< Select: the value for visible keys.
  double hidden = 0;       ///< Select: what stands for a hidden score.
};

/// Everything the builder needs. Indices are those of the root's loops.
struct AttentionMatch {
  /// The op that remarks point at: the second contraction or the one-op form.
  Operation *anchor = nullptr;
  /// The first contraction and the op of the exponential; null in one-op forms.
  Operation *scoreOp = nullptr, *expOp = nullptr;
  /// Loads of the output, from the root back to the contraction.
  SmallVector<ExprRef, 4> outs;
  ExprRef query = nullptr, key = nullptr, value = nullptr;
  /// Loops of the keys (n) and of the head size (d).
  AtomList keys, depth;
  double scale = 1;
  /// Factors of the scores that do not depend on the key.
  SmallVector<ExprRef, 2> rowFactors;
  SmallVector<MaskTerm, 2> masks;
  /// The index of the scores in the order of their tensor.
  SmallVector<DimIndex, 4> scoreIndex;
  /// The graph gives 0 for a row without keys.
  bool emptyRowIsZero = false;
  /// A finite start or clamp makes a fully masked row the mean of all values.
  bool emptyRowIsMean = false;
  /// A constant was added to all scores of a row, which softmax does not see.
  bool isShifted = false;
  /// The row maximum as the exponential has it, its factor there, and the
  /// denominator, where there is one of each.
  ExprRef maximum = nullptr, sum = nullptr;
  double maximumFactor = 0;
  /// A tensor of the graph that is the logarithm of the sum of exponentials.
  ExprRef lse = nullptr;

  /// Set by the analysis of masks.
  bool causal = false;
  /// The index that causal masks compare keys with.
  AtomList causalRows;
  bool topLeftDecode = false; ///< A top-left mask in a step of one row.
  ExprRef lengths = nullptr;
  /// What remains to be an operand: the sum of these.
  SmallVector<MaskTerm, 2> maskOperands;
};

class AttentionMatcher {
public:
  AttentionMatcher(ExprContext &context, const RaiseAttentionOptions &options)
      : context(context), options(options) {}

  enum class Result {
    Match,
    /// Nothing like attention, or a decline if that is set.
    NoMatch,
    /// Weights without a division: the division may follow.
    Unnormalized
  };

  /// Matches the expression of `root`, computed from the contraction `anchor`.
  Result match(Value root, Operation *anchor);
  /// Matches one-op forms (RaiseAttentionOneOp.cpp). `root` is computed from the
  /// result of `op` by data movement, and for online_attention by a division.
  Result match(Value root, tm_tensor::AttentionOp op);
  Result match(Value root, iree_linalg_ext::AttentionOp op);
  Result match(Value root, iree_linalg_ext::OnlineAttentionOp op);

  AttentionMatch attention;
  std::optional<Decline> decline;

private:
  /// The parts of a probability.
  struct Weights {
    ExprRef exponential = nullptr; ///< The Exp node.
    SmallVector<ExprRef, 2> denominators;
    SmallVector<std::pair<ExprRef, bool>, 1> guards; ///< Zero where it has the value.
    SmallVector<ExprRef, 1> modifiers;               ///< Factors that depend on the key.
    SmallVector<ExprRef, 1> nanTests;                ///< Values that are replaced by 0 if NaN.
    SmallVector<ExprRef, 4> path;                    ///< What was passed on the way here.
    double constant = 1;
    bool hasUnknown = false;
    /// The op that holds the exponential.
    Operation *op = nullptr;
  };
  /// Row statistics inside an exponential.
  struct Statistics {
    Terms scores;
    /// The factor, the reduction, and the term it was found in.
    struct Maximum {
      double factor;
      ExprRef reduction, term;
    };
    SmallVector<Maximum, 1> maxima;
    SmallVector<std::pair<double, ExprRef>, 1> logarithms;
    ExprRef unknown = nullptr;
    bool isMaxGuarded = false, isClampedHigh = false;
    ExprRef wrongAxisMax = nullptr;
  };

  bool fail(StringRef id, const Twine &text);
  /// Starts a match: the loads from `root` back to the first other expression.
  ExprRef start(Value root, Operation *anchor);
  /// Finds out what the masks hide.
  bool analyseMasks();
  /// Looks for the logarithm of the sum of exponentials among the users of the sum.
  void findLse();
  /// Moves constant factors of query and key to the scale.
  bool normalizeOperands();

  // RaiseAttentionWeights.cpp
  bool isKeyDependent(ExprRef expr);
  bool reachesExp(ExprRef expr);
  bool collectWeights(ExprRef expr, Weights &weights);
  ExprRef skipTestOfProbability(ExprRef select, Weights &weights);
  bool classifyModifier(ExprRef modifier);

  // RaiseAttentionSoftmax.cpp
  void flatten(ExprRef expr, double factor, Terms &terms);
  void flattenFully(ExprRef expr, double factor, Terms &terms);
  bool sameTerms(Terms left, Terms right, llvm::SmallPtrSetImpl<Atom *> &bindable);
  bool sameSum(ExprRef left, ExprRef right, double factor, ArrayRef<Atom *> loops);
  Statistics splitStatistics(ExprRef argument);
  void addStatistic(double factor, ExprRef expr, ExprRef term, Statistics &statistics);
  bool checkMaximum(Statistics &statistics);
  bool checkSum(ExprRef sum, ExprRef exponential, bool &isGuarded);
  bool checkGuard(ExprRef condition, bool isZeroIf, const Statistics &statistics);
  bool coversKeys(ArrayRef<Atom *> loops);

  // RaiseAttentionScores.cpp
  struct Factors {
    SmallVector<ExprRef, 3> factors, inverses;
    double constant = 1;
  };
  void collectFactors(ExprRef expr, bool isInverse, Factors &factors);
  Factors getFactors(ExprRef expr);
  bool isDot(ExprRef expr);
  bool hasDot(ExprRef expr);
  bool matchScores(const Terms &scores);
  bool matchScore(ExprRef expr, double factor, SmallVector<ExprRef, 2> rowFactors);
  bool matchSelect(ExprRef select, double factor, SmallVector<ExprRef, 2> rowFactors);
  bool addMask(ExprRef expr, double factor, ArrayRef<ExprRef> rowFactors);
  bool matchDot(ExprRef dot);

  // RaiseAttentionOneOp.cpp
  template <typename OpTy> Result matchIREE(OpTy op, ExprRef result, AffineMap resultMap);

  // RaiseAttentionMasks.cpp
  struct Piece;
  void splitVisibility(ExprRef condition, bool isVisibleIf, SmallVectorImpl<Piece> &pieces);
  bool classifyPiece(Piece &piece);
  bool isBottomRight(const LinearForm &offset, ArrayRef<Atom *> rows);
  std::optional<bool> hasEmptyRow(ArrayRef<MaskTerm> masks);
  bool isBottomRightTable(const MaskTerm &mask);

  ExprContext &context;
  const RaiseAttentionOptions &options;
  DenseMap<ExprRef, bool> expCache, dotCache, keyCache;
};

} // namespace mlir::dashkv

#endif // DASHKV_LIB_DIALECT_DASHKV_TRANSFORMS_RAISEATTENTIONMATCH_H
