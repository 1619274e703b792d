//===- AttendKernel.h - Query rows of a KV head -----------------*- C++ -*-===//
//
// A query row is a pair (m, g) of a position and a head within its group, in one
// number m * G + g. All rows of a KV head share its keys where there is no list;
// those of one m share a list of the group; a list a head serves one row, or is
// united with the others of its group.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_ATTENDKERNEL_H
#define DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_ATTENDKERNEL_H

#include "Emitters.h"
#include "Lists.h"

namespace mlir::dashkv {

/// A batch and a KV head.
struct HeadIndex {
  Value batch, head;
};

/// Index lists of an op; none without indices.
struct IndexLists {
  Value indices, counts;
};

/// What the kernels of online_attention and online_reduce have in common.
class AttendKernel {
protected:
  AttendKernel(VectorBuilder &b, Operation *op, AttentionDims dims, int64_t kvHeads, int64_t heads,
               Value max, IndexLists lists, Value blockTable);

  Value getQuery(Value row) { return b.div(row, b.index(group)); }
  Value getHeadInGroup(Value row) { return b.sub(row, b.mul(getQuery(row), group)); }
  /// Query head of a row.
  Value getHead(HeadIndex at, Value row) {
    return b.add(b.mul(at.head, group), getHeadInGroup(row));
  }
  /// Index of an operand with `map` at a row; `last` is that of the key or depth.
  SmallVector<Value> getIndex(AffineMap map, HeadIndex at, Value row, Value last);
  /// Index of max and sum.
  SmallVector<Value> getStatisticsIndex(HeadIndex at, Value row);
  /// The matrix [N, D] of a KV head, or its pages [P, S, D].
  Value getMatrix(Value operand, AffineMap map, HeadIndex at);
  /// N of a cache with `map`.
  Value getNumKeys(Value operand, AffineMap map);
  /// `source`, whose rows are keys, with the rows of `operand` where these are.
  KeySource findRows(KeySource source, Value operand, AffineMap map, HeadIndex at);

  /// Most rows that attend to the same keys.
  int64_t getMaxRows(int64_t queries) const;
  /// Attends for each list (or the lists of a group at once) of a KV head.
  void loopOverLists(HeadIndex at, ListUnion *united,
                     function_ref<void(Value first, Value rows, const KeySource &)> attend);
  /// Whether lists of a group are to be united.
  bool unitesLists() const;

  /// Puts what became of rows [0, rows), rows of the op from `first` on, into the
  /// statistics of `outs`.
  void store(AttendBlocks &blocks, HeadIndex at, Value first, Value rows, AffineMap accMap,
             Value acc, Value max, Value sum, Value valueScale);

  VectorBuilder &b;
  TileConfigAttr config;
  AttentionDims dims;
  int64_t group;    // query heads a KV head
  Value numQueries; // M
  IndexLists lists;
  Value blockTable; // or null
  bool isListPerHead;
};

/// Why pages of `operand` with `map` have no rows as the kernels want them; empty
/// if they have.
std::string whyNoPages(Value operand, AffineMap map, const AttentionDims &dims, StringRef name);

/// `scale` [Hkv], if any, times `factor`; null where that is 1.
Value getScale(VectorBuilder &b, Value scale, HeadIndex at, double factor);

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_ATTENDKERNEL_H
