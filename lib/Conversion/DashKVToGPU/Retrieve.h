//===- Retrieve.h - From codes to index lists on GPUs -----------*- C++ -*-===//
//
// The kernels of retrieval. A *row* is one query row of one list head (of one
// code head where heads stay apart), rows are numbered [B, heads, M]. The keys
// below lengths[b] are dealt to `chunks` CTAs a row in runs of whole 64 keys.
//
//   scan         codes -> distances, a histogram a chunk
//   digit pass   values of more than a byte -> a histogram a chunk of one digit
//   calibrate    distances -> values in i32, where votes or a prior change them
//   compact      distances or values -> lists, a chunk a CTA
//   kept         list heads that hold a key -> flags
//
// The last CTA of a row that has counted turns the histograms into thresholds,
// and into what each chunk has to know of the chunks before it. Nothing waits.
// Where a CTA scans several rows, a kernel with a CTA a row does.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOGPU_RETRIEVE_H
#define DASHKV_LIB_CONVERSION_DASHKVTOGPU_RETRIEVE_H

#include "KernelBuilder.h"
#include "Launches.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"

namespace mlir::dashkv {

/// Chunks a row, at most.
inline constexpr int64_t kMaxChunks = 128;
/// Threads of every kernel of retrieval.
inline constexpr int64_t kRetrieveThreads = 256;
/// Rows of distances and values start at multiples of this many keys.
inline constexpr int64_t kPitchKeys = 64;
/// Keys that a thread of compaction takes at once: distances and values are
/// there (any value) up to the next multiple of it.
inline constexpr int64_t kCompactKeys = 8;

//===----------------------------------------------------------------------===//
// Thresholds
//===----------------------------------------------------------------------===//

/// Words of a row of `states`.
enum RowState : int64_t {
  kPrefix,     ///< digits of the threshold found so far
  kNeed,       ///< rank of the threshold among the keys with this prefix, 0: none
  kCandidates, ///< that are visible and not forced
  kFullTaken,  ///< candidates in the full tier
  kThreshold1, ///< largest value of the full tier, INT_MIN: none
  kTaken1,     ///< keys of this value in the full tier
  kTies1,      ///< keys of this value
  kThreshold2, ///< the same of the mid tier: largest value,
  kTaken2,     ///< its rank among the keys of this value,
  kTies2,      ///< keys of this value
  kFullBegin,  ///< ties at threshold 1 in the full tier, by number in key order
  kFullEnd,    ///<
  kMidBegin1,  ///< ties at threshold 1 in the mid tier
  kMidEnd1,    ///<
  kMidBegin2,  ///< ties at threshold 2 in the mid tier
  kMidEnd2,    ///<
  kFullCount,  ///< keys of the full tier
  kMidCount,   ///< keys of the mid tier
  kOffset,     ///< of the distances, from a scan to the threshold kernel
  kStateWords = 32,
};

/// Words of a chunk of a row in `chunkStates`: counts of the chunk, and at the
/// end sums over the chunks before it.
enum ChunkState : int64_t {
  kForced,
  kBelow1, ///< below threshold 1, then forced or below
  kEqual1, ///< at threshold 1
  kBelow2, ///< below threshold 2, then between the thresholds
  kEqual2, ///< at threshold 2
  kChunkWords = 8,
};

/// What a counting kernel finds out.
struct CountSpec {
  enum Kind {
    None,
    Tiers,  ///< thresholds of the tiers
    Radius, ///< the distance of rank ceil(fraction * limit), -1 for rank 0
  };
  Kind kind = None;
  bool mid = false;
  Ties ties = Ties::LowestIndex;
  /// Passes that a threshold takes, and which one this is; the passes of the mid
  /// tier follow those of the full tier, except in a single pass.
  int64_t digits = 1, digit = 0;
  bool second = false;

  bool isFirst() const { return digit == 0 && !second; }
  bool isLast() const { return digit + 1 == digits && (digits == 1 || !mid || second); }
  /// Parameters and name of a kernel that counts.
  void addParameters(MLIRContext *context, SmallVectorImpl<KernelParameter> &parameters) const;
  std::string getName() const;
};

/// What a counting kernel needs at run time, in the order of its parameters.
struct CountArguments {
  Value histogram;   ///< i32 [rows, chunks, bins + 1]; the last is the number of forced keys
  Value counters;    ///< i32, one for the CTAs of the same row
  Value states;      ///< i32 [rows, kStateWords]
  Value chunkStates; ///< i32 [rows, chunks, kChunkWords]
  Value fullCounts, fullThreshold, midCounts, midThreshold; ///< i32 [rows]
  Value fullCapacity, midCapacity;
  Value full, fullMin, fullMax, mid, midMin, midMax; ///< budgets
  Value sinks, window, shift;
  Value radius; ///< i32 [rows]; of Radius, as `full`, the fraction

  /// Takes as many of `args` as the parameters are.
  static CountArguments take(const CountSpec &spec, ValueRange args);
  /// The arguments of a launch.
  SmallVector<Value> getLaunchArguments(const CountSpec &spec) const;
};

/// Emits what the last CTA of a row does.
class ThresholdEmitter {
public:
  ThresholdEmitter(KernelBuilder &b, const CountSpec &spec, const CountArguments &args,
                   int64_t bins, Value thread, Value chunks, ValueRange shared);
  /// Shared buffers: totals, counts of chunks, words.
  static SmallVector<MemRefType> getShared(MLIRContext *context, int64_t bins);
  /// `row` is an index; a value is `(offset + scale * bin) << shift`, or with
  /// more than one digit the digits minus `bias`.
  void emitRow(Value row, Value limit, Value offset, int64_t scale, int64_t bias);
  Value getFlag() const { return words; }

private:
  void emitTotals();
  void emitTarget(bool second);
  void emitChunks(bool second);
  void emitFinal();
  Value getBudget(Value fraction, Value min, Value max);
  Value getState(int64_t word);
  void setState(int64_t word, Value value);
  void onLane(int64_t lane, function_ref<void()> body);

  KernelBuilder &b;
  const CountSpec &spec;
  const CountArguments &args;
  int64_t bins;
  Value thread, lane, chunks;
  Value totals, counts, words;
  Value state, chunkState, histogram; ///< of the row
  Value row, limit, offset;
  int64_t scale = 1, bias = 0;
};

/// The keys of a chunk, all i32.
struct ChunkRange {
  Value begin, end;
};
ChunkRange getChunkRange(KernelBuilder &b, Value length, Value chunk, Value chunks);
/// clamp(lengths[batch], 0, keys); `keys` without lengths.
Value getLength(KernelBuilder &b, Value lengths, Value batch, Value keys);
/// Keys that row `query` of `queries` sees.
Value getRowLimit(KernelBuilder &b, Value length, Value queries, Value query);
/// The number of forced keys of one row is bin `bins` of its histogram.
void emitWriteHistogram(KernelBuilder &b, Value shared, Value base, Value histogram, Value row,
                        Value chunks, Value chunk, int64_t bins, Value thread);

//===----------------------------------------------------------------------===//
// Scan
//===----------------------------------------------------------------------===//

/// Distances of key codes. A row has one distance a key, that of a code head or
/// the sum over `summands` heads: `D_raw = offset + scale * distance`.
struct ScanSpec {
  int64_t bits;  ///< L, a multiple of 8
  bool weighted; ///< form of the query codes
  bool planes;   ///< form of the key codes
  /// Key-major codes of every head start on 16 bytes, and rows of distances so
  /// that neighbouring keys can be written together.
  bool aligned;
  int64_t summands = 1;
  int64_t rowTile = 1; ///< rows of a KV head that a CTA takes at once
  bool hasLengths = false, hasForced = false;
  CountSpec count;

  /// Sums of an even number of +-1 weights are even: half of them is counted.
  int64_t getScale() const { return !weighted && summands % 2 == 0 ? 2 : 1; }
  /// The largest weight of a bit.
  int64_t getMaxWeight() const { return (weighted ? 127 : 1) * summands / getScale(); }
  int64_t getMaxDistance() const { return weighted ? getMaxWeight() : bits * getMaxWeight(); }
  int64_t getBins() const { return getMaxDistance() + 1; }
  /// Width of an element of the distances.
  unsigned getDistanceBits() const { return getMaxDistance() < 256 ? 8 : 16; }
  /// Words of 32 bits in a code.
  int64_t getWords() const { return (bits + 31) / 32; }
  /// Bits of the largest weight: popcounts a word of a key, at most.
  int64_t getPlanes() const;
  /// Bit 0 of every weight is set: its plane needs no mask.
  bool isLowestPlaneFull() const { return !weighted && getMaxWeight() % 2 == 1 && getScale() == 1; }
  /// Words of a row in shared memory: signs, then the planes that need a mask.
  int64_t getRowWords() const { return getWords() * (1 + getPlanes() - isLowestPlaneFull()); }
  /// Counters of a row in shared memory: the bins, and one for forced keys.
  int64_t getRowBins() const { return getBins() + 1; }
  SmallVector<MemRefType> getShared(MLIRContext *context) const;
  /// The last CTA would find the thresholds of its rows one after the other.
  bool hasThresholdKernel() const { return rowTile > 1 && count.kind != CountSpec::None; }
  std::string getName() const;
};

/// What a scan works on. Sizes are index.
struct ScanOperands {
  Value queryCodes, keyCodes, lengths, forced; ///< memrefs
  Value distances;                             ///< a pointer
  Value pitch;                                 ///< keys from row to row
  Value batch, kvHeads, keys;
  Value rows, queries; ///< rows a KV head; M
  Value chunks;
  CountArguments count;
};

/// Emits the kernel, whose parameters are as `launchScan` gives them.
void emitScan(gpu::GPUFuncOp func, const ScanSpec &spec);
/// The scan of these codes without `aligned`, `rowTile` and `count`.
ScanSpec getScanSpec(Value queryCodes, Value keyCodes, Value lengths);
/// Sets `rowTile` for `rows` rows (perhaps dynamic); fails if there are too many
/// bins to count.
LogicalResult chooseRowTile(MLIRContext *context, ScanSpec &spec, int64_t rows);
/// Chunks of a row where `rowsOfCTAs` CTAs have a chunk each.
Value chooseChunks(LaunchBuilder &b, Value keys, Value rowsOfCTAs);
/// Chooses `aligned`, at run time where it must.
void launchScan(ScanSpec spec, const ScanOperands &operands, LaunchBuilder &b);

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// Rows of distances or values.
struct RowValues {
  Value pointer;
  Value pitch; ///< index, from row to row
  /// Elements of 8 bits have no sign.
  unsigned getBits() const { return cast<MemRefType>(pointer.getType()).getElementTypeBitWidth(); }
};

/// `calibrate` of distances [B, heads, M, keys]; null is absent. With votes,
/// `radius` is given. The results are i16, or in i32 the sums over `perList`
/// heads of a list for the keys below lengths[b].
struct CalibrateOperands {
  RowValues distances;
  Value lengths, prior, voteDiscount, priorDiscount; ///< memrefs
  Value radius;                                      ///< a pointer
  RowValues out;
  Value batch, heads, queries, keys, perList;
  Value voteThreshold;
  int64_t shift = 0;
};
void launchCalibrate(const CalibrateOperands &operands, LaunchBuilder &b);

/// One pass over one digit of 8 bits of the values of `rows` rows a batch entry.
struct DigitOperands {
  RowValues values;
  Value lengths, forced;
  Value batch, rows, queries, keys, chunks;
  CountArguments count;
};
void launchDigitPass(const CountSpec &count, const DigitOperands &operands, LaunchBuilder &b);

/// Writes the lists.
struct CompactOperands {
  RowValues values;
  Value lengths, forced;
  Value states, chunkStates;
  Value fullIndices, midIndices; ///< pointers
  Value fullCapacity, midCapacity;
  Value kept; ///< i32 [B, ceil(list heads / 32), keys], or null
  Value batch, rows, queries, keys, chunks;
  Value sinks, window;
};
void launchCompact(const CompactOperands &operands, LaunchBuilder &b);

/// Flags [B, keys] from the words of `launchCompact`, which are 0 afterwards.
void launchKept(Value words, Value numWords, Value kept, int64_t votes, LaunchBuilder &b);

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOGPU_RETRIEVE_H
