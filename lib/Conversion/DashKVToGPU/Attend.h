//===- Attend.h - Attention of a warp on gathered rows ----------*- C++ -*-===//
//
// The piece that all attention kernels share: a warp takes 16 entries (keys of
// a list, or consecutive ones) for up to 8 query rows ("columns") and adds them
// to running softmax statistics. Rows go from global memory straight into
// fragments of mma.m16n8k16, with keys (then value dims) as its 16 rows and the
// query rows as its 8 columns, so that a group of 4 or 8 heads pads nothing.
// Nothing goes through shared memory. All is straight-line code.
//
// Use, in a kernel whose warps share the entries [0, count) of one KV head:
//
//   AttendEmitter attend(b, shape, lane);
//   AttendEmitter::Query query = attend.loadQuery(queries, rowOf, scale);
//   SmallVector<Value> state = b.loop(first, end, b.i32(16), attend.start(),
//       [&](Value i, ValueRange state) { return attend.add(state, query, tile(i)); });
//   attend.storePartial(state, shared, offset, warp, warps);
//   b.barrier();
//   attend.mergeWarps(shared, offset, thread, warps, [&](const auto &merged) {...});
//
// Statistics are in base 2: a logit x contributes 2^(x - max), and logits are
// `scale * log2(e) * q.k`.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOGPU_ATTEND_H
#define DASHKV_LIB_CONVERSION_DASHKVTOGPU_ATTEND_H

#include "KernelBuilder.h"
#include "dashkv/Conversion/TargetInfo.h"
#include <array>
#include <functional>

namespace mlir::dashkv {

/// What is fixed when the kernel is emitted.
struct AttendShape {
  Type query;          ///< f16 or bf16
  Type key, value;     ///< each: the type of the query, or f8E4M3FN (sm_89 and later)
  int64_t depth;       ///< D, a multiple of 32 up to 256
  int64_t valueDepth;  ///< Dv, a multiple of 32 up to 256
  int64_t columns = 8; ///< query rows that share the entries, 1 to 8

  /// Whether the emitter takes this shape on this chip. Rows must be contiguous
  /// and start on 16 bytes besides.
  bool isSupported(const NVPTXTarget &target) const;
  /// Entries of a tile.
  static constexpr int64_t kEntries = 16;
};

class AttendEmitter {
public:
  /// At a point where all lanes of the warp are active; `lane` is i32.
  AttendEmitter(KernelBuilder &b, const AttendShape &shape, Value lane);

  /// Fragments of the query rows, in registers (depth / 8 of them).
  struct Query {
    SmallVector<Value> words;
    std::array<Value, 2> scale; ///< of the logits of the columns of this lane
    /// If set, the i32 address in shared memory from which `words` are read
    /// where they are needed, 4 every 512 bytes, instead of kept in registers.
    Value shared;
  };
  /// `buffer`: rank 1, in shared or global memory, of the query's type or of i32
  /// words. `rowOf(column)` is the index of the first element of this row in it
  /// (i32, on 16 bytes); columns are below `shape.columns`.
  /// `scale` (f32): the factor of q.k in base 2, so scale * log2(e), times the
  /// scale of f8 keys.
  Query loadQuery(Value buffer, function_ref<Value(Value column)> rowOf, Value scale);

  /// The columns whose logits this lane holds: 2 * (lane % 4) + i, i = 0 or 1;
  /// not below `shape.columns`, so clamp what is looked up by it.
  Value getColumn(int64_t i) const { return columns[i]; }

  /// The statistics of no key. A flat list of f32 to be carried by loops:
  /// valueDepth / 4 accumulators, the maxima of the two columns of `getColumn`,
  /// and the sums of this lane's entries (a column's sum is over the 8 lanes
  /// that have it).
  SmallVector<Value> start();

  /// 16 entries from `first` on.
  struct Tile {
    Value first, end; ///< i32; entries at and past `end` do not exist
    /// All 16 exist: no predicates, `end` is not used.
    bool full = false;
    /// Key of an entry, as i32; called at entries past the end as well, where
    /// the result is not used. Free to shuffle: all lanes call it.
    std::function<Value(Value entry)> keyOf;
    /// Address (i64, global) of a key's row of K and V; see `AttendEmitter::row`.
    std::function<Value(Value key)> keyRow, valueRow;
    /// If given: the logit of an entry (base 2) for column `getColumn(i)` made
    /// of the one computed: causal limits, masks of columns, additive masks.
    /// -inf leaves the entry out.
    std::function<Value(Value logit, Value entry, Value key, int64_t i)> adjust;
  };
  /// The statistics with the entries of `tile` added.
  SmallVector<Value> add(ValueRange state, const Query &query, const Tile &tile);
  /// The same with given logits (mid tier): `tile.adjust` gets a null `logit` and
  /// makes one, also of entries past the end (not used, but computed); K is not read.
  SmallVector<Value> addGiven(ValueRange state, const Tile &tile);

  /// `base + key * stride`, both i64 but for `key` and `stride` (i32, bytes).
  static Value row(KernelBuilder &b, Value base, Value key, Value stride);
  /// The global address of a bare pointer, plus `bytes` (i64) if given.
  static Value address(KernelBuilder &b, Value pointer, Value bytes = Value());

  //===--- The warps of a CTA ----------------------------------------------===//
  /// 32-bit words of shared memory that `warps` partials take.
  static int64_t getPartialWords(const AttendShape &shape, int64_t warps);
  /// Writes the statistics of warp `warp` (i32) to `shared` (rank 1, f32 or i32)
  /// from word `offset` on, a multiple of 4 (an i32, or null for 0). Every warp of the
  /// CTA does so, those without entries too; then comes a barrier.
  void storePartial(ValueRange state, Value shared, Value offset, Value warp, int64_t warps);

  struct Merged {
    Value column;   ///< i32, below `shape.columns`
    Value dim;      ///< i32, below `shape.valueDepth`
    Value acc;      ///< sum of weights times values, relative to `max`
    Value max, sum; ///< of the column, the same in all its outputs; sum 0 = no key
  };
  /// Merges the partials of `warps` (2, 4, 8 or 16) warps: `out` is called for
  /// outputs thread, thread + 32 * warps, ... of columns * valueDepth; it may
  /// not communicate between warps. Consecutive threads have consecutive dims.
  void mergeWarps(Value shared, Value offset, Value thread, int64_t warps,
                  function_ref<void(const Merged &)> out);

private:
  using Values = std::array<SmallVector<Value>, 4>; // rows of V in registers
  Value getValid(const Tile &tile, Value entry);
  Values loadValues(const Tile &tile);
  void addValues(MutableArrayRef<Value> acc, ArrayRef<Value> weights, const Values &rows);
  SmallVector<Value> addLogits(ValueRange state, MutableArrayRef<Value> logits,
                               std::array<Value, 2> valid, const Values &values);

  KernelBuilder &b;
  AttendShape shape;
  Value lane, row8, quad; // lane / 4 and lane % 4
  std::array<Value, 2> columns;
};

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOGPU_ATTEND_H
