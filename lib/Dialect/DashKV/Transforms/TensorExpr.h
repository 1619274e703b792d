//===- TensorExpr.h - Tensors as functions of their indices -----*- C++ -*-===//
//
// Private to the raiser. A tensor at an index is a scalar expression: reshapes,
// transposes, broadcasts and copies move the index, elementwise ops apply a
// function, reductions bind a loop. The raiser matches these expressions, so op
// names, layouts and the way work is cut into ops do not matter.
//
// Expressions are those of real numbers: conversions between float types and
// between integer types are not represented, constants are doubles. A load is
// expanded into the expression of its producer only on demand.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_DIALECT_DASHKV_TRANSFORMS_TENSOREXPR_H
#define DASHKV_LIB_DIALECT_DASHKV_TRANSFORMS_TENSOREXPR_H

#include "IndexSpace.h"
#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include <optional>

namespace mlir::linalg {
class LinalgOp;
class SoftmaxOp;
} // namespace mlir::linalg

namespace mlir::dashkv {

struct Expr;
using ExprRef = const Expr *;

/// The index of one tensor dim: atoms, or any other integer expression.
struct DimIndex {
  AtomList atoms;
  ExprRef other = nullptr;
};

enum class ExprKind {
  Constant, ///< A float, integer or boolean.
  Index,    ///< The value of an index, an integer.
  Load,     ///< An element of a tensor.
  Scalar,   ///< An SSA value that is no tensor, or the size of a tensor's dim.
  Acc,      ///< The accumulator of a reduction body, while that is taken apart.
  Reduce,   ///< Sum, maximum, ... over loops.
  Apply     ///< A function of other expressions.
};

enum class Fn {
  Add,
  Sub,
  Mul,
  Div,
  Max,
  Min,
  FloorDiv, ///< Integer division of non-negative numbers.
  Mod,      ///< Remainder of non-negative numbers.
  Exp,
  Log,
  Sqrt,
  Rsqrt,
  Abs,
  Tanh,
  Pow,
  ToFloat, ///< Integer to float.
  Select,
  CmpF,
  CmpI,
  And, ///< And, Or, Xor of booleans.
  Or,
  Xor,
  Other ///< Another op without effects.
};

inline bool isComparison(Fn fn) { return fn == Fn::CmpF || fn == Fn::CmpI; }

/// What kind of number an expression is. Booleans are integers of one bit.
enum class Domain { Float, Integer, Boolean };

struct Expr {
  ExprKind kind;
  Domain domain = Domain::Float;
  /// Constant.
  double number = 0;
  int64_t integer = 0;
  /// Load and Scalar: the value; Reduce: the result it came from.
  Value source;
  /// Load: an index for every dim; Index: one.
  SmallVector<DimIndex, 4> indices;
  /// Apply and Reduce: the function; Reduce combines with it.
  Fn fn = Fn::Other;
  /// CmpF and CmpI: the predicate; Acc: the result number; Scalar: the dim of a
  /// tensor.
  int64_t predicate = 0;
  /// Apply: the arguments. Reduce: the body and the start value.
  SmallVector<ExprRef, 3> args;
  /// Reduce: the loops it binds.
  AtomList bound;
  /// Reduce by maximum or minimum: a NaN does not win.
  bool ignoresNaN = false;
  /// Fn::Other: the op.
  Operation *origin = nullptr;
  /// Load: its expansion, when known.
  mutable ExprRef expansion = nullptr;
  mutable bool isExpanded = false;

  bool isConstant() const { return kind == ExprKind::Constant; }
  bool is(Fn function) const { return kind == ExprKind::Apply && fn == function; }
  bool isReduce(Fn function) const { return kind == ExprKind::Reduce && fn == function; }
  ExprRef getBody() const { return args[0]; }
  ExprRef getStart() const { return args[1]; }
};

/// Builds and compares the expressions of one match.
class ExprContext {
public:
  AtomPool pool;
  /// What the expansions made so far rely on.
  SmallVector<SizeAssumption> assumptions;
  /// Set where an expansion failed because of a head count that does not divide.
  bool sawUnevenDivision = false;

  //--- Construction, with the folds that need no expansion ------------------//
  ExprRef getConstant(double number);
  ExprRef getInteger(int64_t integer, Domain domain = Domain::Integer);
  ExprRef getIndex(DimIndex index);
  ExprRef getLoad(Value tensor, SmallVector<DimIndex, 4> indices);
  ExprRef getScalar(Value value);
  /// The size of a dim as an integer.
  ExprRef getSize(const DimSize &size);
  ExprRef getReduce(Fn fn, AtomList bound, ExprRef body, ExprRef start, Value source,
                    bool ignoresNaN = false);
  ExprRef get(Fn fn, ArrayRef<ExprRef> args, int64_t predicate = 0);
  ExprRef getNot(ExprRef value);

  //--- From IR (TensorExprExpand.cpp) ---------------------------------------//
  /// The expression behind a load: another load where the producer only moves
  /// data, null where the tensor is a leaf.
  ExprRef expand(ExprRef load);
  /// Follows loads through data movement to the last tensor.
  ExprRef lookThrough(ExprRef expr);
  /// Follows loads until something that is no load, or to the leaf.
  ExprRef strip(ExprRef expr);
  /// `expr` with all loads replaced by what is behind them, except reductions
  /// and leaves.
  ExprRef expandAll(ExprRef expr);
  /// The expression of a scalar outside of any body.
  ExprRef getScalarExpr(Value value);
  /// The index of dim `dim` of `tensor` that an integer expression stands for.
  DimIndex getDimIndex(ExprRef integer, Value tensor, int64_t dim);

  //--- Queries ----------------------------------------------------------------//
  /// Free atoms of an expression. Loads count by the index of the tensor that
  /// data movement leads to.
  AtomList getFreeAtoms(ExprRef expr);
  bool dependsOn(ExprRef expr, ArrayRef<Atom *> atoms);
  /// True when both are the same function; loops of `bindable` in either may be
  /// identified with loops of the other, which stays so on success.
  bool equal(ExprRef left, ExprRef right, llvm::SmallPtrSetImpl<Atom *> &bindable);
  std::optional<double> getFloatConstant(ExprRef expr);

  /// A point to return to when a trial of `equal` is to be forgotten.
  struct Mark {
    size_t bindings, expansions;
  };
  Mark getMark() const { return {pool.getMark(), expansionLog.size()}; }
  void rollback(Mark mark);

private:
  struct Body;
  Expr *create(ExprKind kind, Domain domain);
  ExprRef foldConstants(Fn fn, ArrayRef<ExprRef> args, int64_t predicate);
  ExprRef foldIdentities(Fn fn, ArrayRef<ExprRef> args, int64_t predicate);
  void collectFreeAtoms(ExprRef expr, AtomList &atoms, DenseSet<ExprRef> &seen);

  ExprRef expandLinalg(linalg::LinalgOp op, unsigned result, ArrayRef<DimIndex> index);
  ExprRef expandSoftmax(linalg::SoftmaxOp op, ArrayRef<DimIndex> index);
  ExprRef expandReshape(Value source, ArrayRef<ReassociationIndices> groups, bool isCollapse,
                        ArrayRef<DimIndex> index);
  ExprRef expandOp(Operation *op, unsigned result, ArrayRef<DimIndex> index);
  ExprRef evaluate(Value value, Body &body);
  ExprRef evaluateOp(Operation *op, Body &body);
  ExprRef makeOp(Operation *op, ArrayRef<ExprRef> args);
  DimIndex applyAffine(AffineExpr expr, ArrayRef<DimIndex> loops, Value tensor, int64_t dim);
  ExprRef getAffineValue(AffineExpr expr, ArrayRef<DimIndex> loops);

  std::deque<Expr> exprs;
  DenseMap<ExprRef, ExprRef> allExpanded;
  /// Loads in the order of their expansion: an expansion made under a binding is
  /// only valid while that holds.
  SmallVector<ExprRef> expansionLog;
  DenseMap<Value, SmallVector<ExprRef>> loads;
  DenseMap<Value, ExprRef> scalars;
  unsigned depth = 0;
};

/// What a Scalar is, traced to where it comes from.
DimSize getSymbol(ExprRef scalar);
/// An integer expression of one symbol as a size.
FailureOr<DimSize> getAsSize(ExprRef expr);

/// An integer expression as constant + sum of coefficient * atom + sum of
/// coefficient * symbol. Symbols are integers without atoms, or loads.
struct LinearForm {
  int64_t constant = 0;
  SmallVector<std::pair<Atom *, int64_t>> atoms;
  SmallVector<std::pair<ExprRef, int64_t>> symbols;

  void add(const LinearForm &other, int64_t factor);
  int64_t getCoefficient(Atom *atom) const;
};

/// Fails on anything that is not linear, or whose coefficients are not known.
FailureOr<LinearForm> getLinearForm(ExprContext &context, ExprRef expr);

/// A number that an integer is never below, as far as it is known.
int64_t getLowerBound(ExprRef integer);

/// The value of an expression of constants where the atoms have the given values.
/// `expr` must have been expanded.
std::optional<double> evaluateAt(ExprRef expr, const DenseMap<Atom *, int64_t> &values);

} // namespace mlir::dashkv

#endif // DASHKV_LIB_DIALECT_DASHKV_TRANSFORMS_TENSOREXPR_H
