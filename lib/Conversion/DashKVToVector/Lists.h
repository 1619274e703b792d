//===- Lists.h - Index lists as sources of keys -----------------*- C++ -*-===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_LISTS_H
#define DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_LISTS_H

#include "AttendBlocks.h"

namespace mlir::dashkv {

/// The list of `indices` [.., C] at `listAt`, as long as `counts` [..] says.
KeySource getListSource(VectorBuilder &b, Value indices, Value counts, ArrayRef<Value> listAt);

/// The lists of up to eight query rows as one: a key that several hold is there
/// once, with a bit for each of its rows.
class ListUnion {
public:
  static constexpr int64_t kMostLists = 8;

  /// Buffers for lists of up to `capacity` entries of `numKeys` keys.
  ListUnion(VectorBuilder &b, Value numKeys, Value capacity, int64_t numLists,
            TileConfigAttr config);
  void free();
  /// The union of the lists at `listAt(i)`, whose query row is i.
  KeySource collect(Value indices, Value counts, function_ref<SmallVector<Value>(Value i)> listAt);

private:
  VectorBuilder &b;
  int64_t numLists, lanes;
  Value numKeys;
  Value holders;    // i8 a key: which rows hold it; zero between uses
  Value keys, bits; // i32 and i8 an entry of the union
};

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_LISTS_H
