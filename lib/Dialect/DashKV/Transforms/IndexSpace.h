//===- IndexSpace.h - Loop dims that split through reshapes -----*- C++ -*-===//
//
// Private to the raiser. A loop dim is an *atom*; the index of a tensor dim is a
// list of atoms, most significant first, whose sizes multiply to the size of the
// dim. Looking through a collapse_shape splits an atom where the dims join;
// nothing is ever merged, so a head dim of 8 that was repeated from 2 KV heads
// ends up as the list (kv, g) and K simply lacks g. Dims of size 1 have no atoms.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_DIALECT_DASHKV_TRANSFORMS_INDEXSPACE_H
#define DASHKV_LIB_DIALECT_DASHKV_TRANSFORMS_INDEXSPACE_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/SmallVector.h"
#include <deque>

namespace mlir::dashkv {

/// The size of a dim, traced to the value that decides it, so that equal sizes
/// compare equal however they are spelled: a number, or factor * base + offset
/// where the base is a dim of a tensor or an integer value.
struct DimSize {
  int64_t fixed = ShapedType::kDynamic;
  Value value;      ///< A tensor (dim >= 0) or an integer (dim < 0).
  int64_t dim = -1; ///< Dim of the tensor `value`.
  int64_t factor = 1, offset = 0;

  static DimSize ofDim(Value tensor, int64_t dim);
  static DimSize ofValue(Value integer);
  static DimSize ofFixed(int64_t size);

  DimSize plus(int64_t number) const;
  DimSize times(int64_t number) const;
  /// Fails unless the division is exact whatever the base is.
  FailureOr<DimSize> dividedBy(int64_t number) const;

  bool isStatic() const { return fixed != ShapedType::kDynamic; }
  /// True when both are known to be the same number.
  bool equals(const DimSize &other) const;
  bool hasSameBase(const DimSize &other) const;
  /// The size as an index value (a constant when static).
  Value materialize(OpBuilder &builder, Location loc) const;
};

/// A size that has to equal another for what was looked through to hold.
struct SizeAssumption {
  DimSize left, right;
};

struct Atom {
  /// Size, or kDynamic.
  int64_t extent;
  /// What a dynamic size is known to equal.
  SmallVector<DimSize, 2> sizes;
  /// Atoms that replace this one, most significant first.
  SmallVector<Atom *, 2> parts;
  /// The atom this one was identified with.
  Atom *alias = nullptr;
  /// The loop this atom is a part of: itself, or the atom that was split first.
  Atom *loop = nullptr;
};

using AtomList = SmallVector<Atom *, 3>;

/// Owns the atoms of one match.
class AtomPool {
public:
  /// The index of a fresh loop over a dim of this size: one atom, or none when
  /// the size is 1.
  AtomList createLoop(DimSize size);

  /// The atoms that stand for `index` after all splits.
  static AtomList resolve(ArrayRef<Atom *> index);

  /// Splits the index of a dim into indices of dims of `sizes`, most significant
  /// first. Fails where a boundary falls inside an atom that cannot be split.
  /// With `assumptions`, dynamic dims that nothing else decides are matched in
  /// their order, which is then to be checked at run time.
  bool split(ArrayRef<Atom *> index, ArrayRef<DimSize> sizes, SmallVectorImpl<AtomList> &result,
             SmallVectorImpl<SizeAssumption> *assumptions = nullptr);

  /// Makes two indices the same by identifying parts of the loops `bindable` with
  /// their counterparts. Bindings can be undone, splits stay.
  bool unify(ArrayRef<Atom *> left, ArrayRef<Atom *> right,
             const llvm::SmallPtrSetImpl<Atom *> &bindable);
  size_t getMark() const { return bindings.size(); }
  void rollback(size_t mark);

  /// Records that the dim indexed by `index` has this size.
  static void noteSize(ArrayRef<Atom *> index, DimSize size);

private:
  Atom *create(int64_t extent, Atom *whole = nullptr);
  /// Replaces an atom by a high and a low part.
  std::pair<Atom *, Atom *> divide(Atom *atom, int64_t high, int64_t low);
  /// Takes atoms of a total size of `size` from the least significant end.
  bool peelLow(AtomList &atoms, int64_t size, AtomList &result);
  /// Takes atoms of a total size of `size` from the most significant end.
  bool peelHigh(AtomList &atoms, int64_t size, AtomList &result);

  std::deque<Atom> atoms;
  SmallVector<Atom *> bindings;
};

/// True when the resolved lists hold a common atom.
bool intersects(ArrayRef<Atom *> left, ArrayRef<Atom *> right);
/// Product of the sizes, or kDynamic.
int64_t getExtent(ArrayRef<Atom *> index);

} // namespace mlir::dashkv

#endif // DASHKV_LIB_DIALECT_DASHKV_TRANSFORMS_INDEXSPACE_H
