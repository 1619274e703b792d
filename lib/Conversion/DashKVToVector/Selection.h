//===- Selection.h - Exact budgets and lists of nearest keys ----*- C++ -*-===//
//
// Keys are ordered by their final distance D. What is stored of a key is a byte x
// with `D_raw = offset + (x << shift)`; vote and prior are flags, 64 keys a word.
// Without flags comparisons are made in units of x, with flags in units of D:
// `D <= v` is then `x < t` with a threshold t for each class of flags, because D is
// linear in D_raw. Where a byte does not do, elements are D itself, i32.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_SELECTION_H
#define DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_SELECTION_H

#include "Scan.h"

namespace mlir::dashkv {

//===--- Words of 64 flags ---------------------------------------------------===//

Value countBits(VectorBuilder &b, Value word);
/// The lowest `count` bits, none or all where it is below 0 or above 64; `count`
/// and the result are i64.
Value lowBits(VectorBuilder &b, Value count);
/// Flags n to n + 63 of `flags[batch]`, 0 from `end` on.
Value loadFlags(VectorBuilder &b, Value flags, Value batch, Value n, Value end);
/// Sets flags n to n + 63 of `flags[batch]` below `end`.
void storeFlags(VectorBuilder &b, Value word, Value flags, Value batch, Value n, Value end);

//===--- Order ---------------------------------------------------------------===//

/// A row of elements, one a key; the highest value stands for no candidate.
struct KeyRow {
  Value elements; // memref<?xi8>, unsigned, or memref<?xi32>
  Value begin;    // index of the row's first element

  Type type() const { return cast<MemRefType>(elements.getType()).getElementType(); }
  bool isWide() const { return type().isInteger(32); }
  int64_t highest() const { return isWide() ? std::numeric_limits<int32_t>::max() : 255; }
};

/// A flag that lowers D.
struct Discount {
  Value words;  // memref<?xi64>
  Value begin;  // index of the first word
  Value amount; // i32
};

/// The order of the keys of one row.
class KeyOrder {
public:
  struct Scale {
    Value offset;            // i32
    int64_t shift, fraction; // D = (offset + (x << shift) << fraction) - discounts
  };
  KeyOrder(VectorBuilder &b, KeyRow row, Scale scale, ArrayRef<Discount> discounts,
           int64_t vectorBytes)
      : row(row), b(b), scale(scale), discounts(discounts), vectorBytes(vectorBytes) {}

  /// One Value a class.
  using Classes = SmallVector<Value>;
  size_t getNumClasses() const { return size_t(1) << discounts.size(); }
  /// The thresholds of `D <= v`, of the type of elements.
  Classes getThresholds(Value v);
  /// D of a value v.
  Value getDistance(Value v);
  /// The lowest and the highest value of a key whose byte is at most `largest`. If
  /// a byte does not hold that, the second is the lowest value of which bytes do
  /// not tell.
  std::pair<Value, Value> getRange(int64_t largest);

  /// Elements of some keys of a block and their flags.
  struct Keys {
    Value elements;
    SmallVector<Value> flags;
  };
  Keys load(Value block, int64_t first, int64_t lanes);
  Classes splat(const Classes &thresholds, int64_t lanes);
  /// A mask of the keys at or above the thresholds, which are splats.
  Value isAbove(const Keys &keys, const Classes &thresholds);

  /// The k-th smallest value, k = `wanted`, within [low, high], and how many
  /// elements of the first `blocks` blocks are below it and at most it; `total`
  /// are those at most `high`. The lowest value if `wanted` is 0. Each pass counts
  /// below eight thresholds.
  struct Place {
    Value value, below, upTo; // i32
  };
  Place findPlace(Value blocks, Value wanted, Value low, Value high, Value total);

  KeyRow row;

private:
  SmallVector<Value> countAbove(Value blocks, ArrayRef<Classes> thresholds);

  VectorBuilder &b;
  Scale scale;
  SmallVector<Discount> discounts;
  int64_t vectorBytes;
};

/// The sum of a vector of bytes, i32.
Value sumBytes(VectorBuilder &b, Value bytes);
/// `sum + above` where lanes of `above` count 1, modulo 256.
Value countLanes(VectorBuilder &b, Value sum, Value above);

//===--- Lists ---------------------------------------------------------------===//

/// Ties [begin, end) of those at one distance, by index; i32.
struct TieRange {
  Value begin, end;
};

/// The last distance of a tier: thresholds of `D < distance` and of
/// `D <= distance`.
struct Cut {
  KeyOrder::Classes below, upTo;
};

/// A list that is written front to back.
struct ListOut {
  Value indices; // memref [B,Hl,M,C]
  SmallVector<Value> row;
};

/// Writes the lists of one row in index order: into `full` the keys before
/// `fullCut`, its ties `fullTies` and those of `forced`, words of the row's blocks;
/// into `mid`, if there is one, the keys between the cuts and the ties given.
struct Selection {
  Value blocks; // index
  Value forced; // memref<?xi64>
  ListOut full;
  Cut fullCut;
  TieRange fullTies;
  std::optional<ListOut> mid;
  Cut midCut;
  TieRange midFirstTies, midLastTies;

  /// Returns the lengths of the lists, i32.
  SmallVector<Value> emit(VectorBuilder &b, KeyOrder &order) const;
};

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_SELECTION_H
