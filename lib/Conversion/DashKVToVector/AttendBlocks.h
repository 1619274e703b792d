//===- AttendBlocks.h - Softmax over blocks of keys -------------*- C++ -*-===//
//
// What the kernels of attention share. Some query rows attend to the same keys,
// block after block: scores, running softmax, weighted values. Query rows are
// taken in groups whose sums fit the registers; the keys of a block stay in the
// first cache while the groups go over them.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_ATTENDBLOCKS_H
#define DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_ATTENDBLOCKS_H

#include "AttendRows.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include <functional>
#include <optional>

namespace mlir::dashkv {

/// Horizontal sums of as many vectors as they have lanes: lane i is the sum of
/// vectors[i].
Value emitSums(VectorBuilder &b, ArrayRef<Value> vectors);

/// The keys that query rows attend to, by position.
struct KeySource {
  /// Positions, an index.
  Value count;
  /// Row of the key at a position; that of the last one for positions beyond.
  std::function<Value(Value position)> row;
  /// Rows follow each other, so that the CPU sees them coming.
  bool isSequential = false;
  /// Positions that a query row sees (i32), where that is not `count` for all.
  std::function<Value(Value queryRow)> limit;
  /// Which of the lanes from a position on a query row sees, where lists differ.
  std::function<Value(Value queryRow, Value position)> mask;
  /// Changes, or without keys writes, the scores of positions [begin, end) in
  /// row `slot` of the buffer of scores, from column 0 on.
  std::function<void(Value queryRow, Value slot, Value begin, Value end)> score;
};

class AttendBlocks {
public:
  /// Buffers for up to `maxRows` query rows, or for a part of them. `depth` is
  /// that of keys, 0 where scores are given.
  AttendBlocks(VectorBuilder &b, TileConfigAttr config, int64_t maxRows, int64_t depth,
               int64_t valueDepth);

  /// Query rows that the buffers hold.
  int64_t getRowCapacity() const { return capacity; }
  const Chunks &getDepth() const { return depth; }
  const Chunks &getValueDepth() const { return valueDepth; }
  Value getScores() const { return scores; }
  /// For a `score` that reads memory which may end with `end`: calls `read` for
  /// whole vectors of a block, or key by key in the last block.
  void readScores(Value begin, Value end,
                  function_ref<void(Value position, Value column, int64_t count)> read);

  /// Query rows [0, rows) begin: `query` gives a chunk, scaled, `statistics` max
  /// and sum.
  void begin(Value rows, function_ref<Value(Value row, int64_t chunk)> query,
             function_ref<std::pair<Value, Value>(Value row)> statistics);

  /// Adds the keys of `source` to rows [0, rows). Without `keys`, scores are given.
  void attend(Value rows, const RowReader *keys, const RowReader &values, const KeySource &source);

  /// What has become of a row: max and sum, f32, and the weighted values since
  /// `begin`.
  Value getMax(Value row) { return b.load(max, {row}); }
  Value getSum(Value row) { return b.load(sum, {row}); }
  Value getValues(Value row, int64_t chunk);

private:
  void emitScores(Value first, Value begin, Value end, const RowReader &keys,
                  const RowReader &values, const KeySource &source);
  void emitSoftmax(Value first, Value begin, const KeySource &source);
  void emitValues(Value first, Value begin, Value end, const RowReader &ahead,
                  const RowReader &values, const KeySource &source);
  Value getRow(Value first, int64_t i) { return b.add(first, i); }

  VectorBuilder &b;
  int64_t lanes, block;
  Prefetch prefetch;
  int64_t group;    // query rows that are processed together
  int64_t keyStep;  // keys whose scores for a group are in registers at once
  int64_t capacity; // a multiple of group
  bool isPartial;   // the last group may have rows that do not exist
  Chunks depth, valueDepth;
  Value query, acc; // [capacity, padded depth]
  Value scores;     // [group, block]
  Value max, sum;   // [capacity]
};

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_ATTENDBLOCKS_H
