//===- Decode.h - A decode step of a layer in one kernel --------*- C++ -*-===//
//
// C CTAs share a list: the keys that one query row of one KV head attends to.
//
//   scan       key codes -> a distance byte a key in shared memory, a histogram
//   exchange   histograms of the C CTAs
//   threshold  in every CTA, and how many of the ties it takes
//   compact    bytes -> entries, dealt evenly over the C CTAs
//   attend     rows of K and V straight into fragments (Attend.h)
//   merge      the warps, then every CTA finishes 1/C of the outputs
//
// CTAs exchange words through mailboxes in global memory. A word is its own
// flag: all bits set means empty, is never sent, and is restored by the one
// reader, so that there is no fence, no counter and nothing to clear between
// steps. All CTAs must be resident.
//
// Keys are counted from where 16 bytes start at or before the first code of the
// KV head: *positions*. Position `skew` is key 0.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOGPU_DECODE_H
#define DASHKV_LIB_CONVERSION_DASHKVTOGPU_DECODE_H

#include "Attend.h"
#include "Launches.h"

namespace mlir::dashkv {

/// Everything that is a constant of the kernel.
struct DecodeSpec {
  static constexpr int64_t kThreads = 512, kWarps = kThreads / 32;
  static constexpr int64_t kStageBytes = 16384;
  static constexpr int64_t kMaxStages = 6, kMaxSplits = 16;
  /// The keys of a CTA are a multiple of this.
  static constexpr int64_t kGranularity = 256;

  AttendShape attend; ///< of a tile of columns
  Type out;           ///< any float
  int64_t group;      ///< G, query heads a KV head
  int64_t queries;    ///< M
  int64_t bits;       ///< L: 32, 64, 128 or 256
  int64_t codeHeads;  ///< a KV head: their distances are added
  bool weighted;      ///< form of the query codes
  bool newest;        ///< of equal keys the last ones are taken
  bool hasLengths, hasScales, hasLse, hasKept;
  bool lengthsLate;   ///< a kernel of this step writes them
  bool mid;           ///< a second list, of keys whose logits are estimated
  bool hasCodeScale;  ///< factors of the estimates
  int64_t tableHeads; ///< of the residual table: none, one for all, or Hq
  int64_t keyStride = 0,
          valueStride = 0;            ///< bytes from row to row: as constants they save registers
  int64_t pageRows = 0;               ///< rows of a page, 0 without a block table
  int64_t keyPage = 0, valuePage = 0; ///< bytes from page to page
  bool split = true;                  ///< several CTAs a list, which exchange words
  bool bulk;                          ///< the chip copies in bulk
  bool early;                         ///< only forced keys can be newer than the previous kernel

  //===--- Distances
  //-------------------------------------------------------===//
  int64_t getWords() const { return bits / 32; }
  int64_t getCodeBytes() const { return bits / 8; }
  /// Sums of an even number of weights +-1 are even: half of them is counted.
  int64_t getScale() const { return !weighted && codeHeads % 2 == 0 ? 2 : 1; }
  int64_t getMaxWeight() const { return (weighted ? 127 : 1) * codeHeads / getScale(); }
  int64_t getMaxDistance() const { return weighted ? getMaxWeight() : bits * getMaxWeight(); }
  int64_t getPlanes() const;
  /// Whether distances up to `top` keep their order when larger ones become
  /// `top`: the largest of a code is the sum of its weights, the next one lacks
  /// the smallest, and weights fall short of the maximum only as the sum does.
  bool isExactUpTo(int64_t top) const;
  bool fitsByte() const { return isExactUpTo(kTopOfByte); }
  /// Bytes up to 128 are compared by an addition.
  bool isNarrow() const { return isExactUpTo(kTopOfNarrow); }
  int64_t getTop() const { return isNarrow() ? kTopOfNarrow : kTopOfByte; }
  /// The byte of keys that are no candidates.
  int64_t getExcluded() const { return getTop() + 1; }
  int64_t getBins() const { return isNarrow() ? 128 : 256; }

  //===--- Layouts
  //---------------------------------------------------------===//
  int64_t getStageKeys() const { return kStageBytes / getCodeBytes(); }
  /// Distances of a CTA: whole steps, and what compaction takes at once.
  int64_t getDistanceGranularity() const { return std::max<int64_t>(getStageKeys(), kSpan); }
  /// Keys that a warp compacts at once.
  static constexpr int64_t kSpan = 1024;
  /// Keys in 16 bytes of codes.
  int64_t getAlignedKeys() const { return std::max<int64_t>(1, 16 / getCodeBytes()); }
  int64_t getTiers() const { return mid ? 2 : 1; }
  int64_t getColumnTiles() const { return llvm::divideCeil(group, 8); }
  AttendShape getTile(int64_t i) const;
  /// Words of shared memory that do not depend on sizes.
  /// Words of the fragments of the query, of all lanes.
  int64_t getQueryWords() const { return 32 * attend.depth / 8; }
  int64_t getStaticWords() const;
  /// Words from the partials of the warps to the end of those of the CTAs.
  int64_t getPartialWords() const;
  /// Words of the outputs and statistics that one CTA sends to all for a tile,
  /// with those of `getOutputWords` divided among the receivers.
  int64_t getStatWords(int64_t tile) const { return 2 * getTile(tile).columns; }
  int64_t getOutputWords(int64_t tile) const { return getTile(tile).columns * attend.valueDepth; }
  std::string getName() const;

  struct Parameter {
    StringRef name;
    KernelParameter parameter;
  };
  SmallVector<Parameter> getParameters(MLIRContext *context) const;

  static constexpr int64_t kTopOfNarrow = 127, kTopOfByte = 254;
};

/// Emits the body of the kernel.
class DecodeEmitter {
public:
  DecodeEmitter(const DecodeSpec &spec, gpu::GPUFuncOp func);
  void emit();

private:
  /// Where the keys of a tier end.
  struct Tier;
  struct Threshold {
    Value distance; ///< the largest one inside
    Value left;     ///< ties of this CTA that are in (out, when the newest are in)
    Value base;     ///< entries of the CTAs before this one
  };
  /// Masks of the keys of a lane.
  struct Masks {
    Value atMost, below;
  };
  struct Limits; // of the comparison with a threshold, in every byte

  // Decode.cpp
  void emitPlace(bool again);
  void emitIndices();
  void emitSparse();
  void emitDense();
  Value emitBudget(StringRef tier);
  Value emitCount(Value total);
  Value arg(StringRef name) const { return parameters.lookup(name); }
  Value load(int64_t base, Value i) { return b.load(fixed, b.add(i, b.i32(base))); }
  /// The number of a key's row over all pages, which takes the key's place in the
  /// list of the full tier; the key itself without a block table.
  Value findPlace(Value key);
  /// The address of the row at a place.
  Value rowAt(Value base, Value place, int64_t rowBytes, int64_t pageBytes);

  // DecodeScan.cpp
  void emitFetch(Value step, Value stage);
  void emitFirstFetches(bool early);
  void emitQueryPlanes();
  void readQueryPlanes();
  SmallVector<Value> emitDistances(ArrayRef<SmallVector<Value>> codes);
  void emitScan();
  void emitScanStep(Value step, ArrayRef<Value> codes, function_ref<void()> whenRead);
  SmallVector<Value> loadGlobalCodes(Value step);
  SmallVector<Value> loadRing(Value step, Value stage);
  void emitExclude();
  Value emitForcedKey(Value i);

  // DecodeSelect.cpp
  void emitExchange();
  Threshold emitThreshold(Value keep);
  Limits getLimits(Value distance);
  Masks emitMasks(Value position, const Limits &limits);
  /// The first `left` of the ties of a span, and how many are left then.
  std::pair<Value, Value> emitFirstTies(Value ties, Value left);
  Value emitTake(Value position, Tier &tier);
  Value emitDealt(Value take, Value next, Value position, int64_t tier);
  void emitCompaction(ArrayRef<Threshold> thresholds);
  void emitDeal(Value i, Value key, int64_t tier);
  void emitReceive();
  void emitKept(Value key);

  // DecodeAttend.cpp
  void emitAttend();
  SmallVector<Value> emitEstimated(AttendEmitter &attend, SmallVector<Value> state, int64_t tile,
                                   Value valueRows);
  SmallVector<Value> loadKeyCode(Value codes, Value key);
  Value getListBoxes(int64_t tier);
  Value getTileBoxes(int64_t tile);
  void emitMergeCTAs(int64_t tile, Value firstBox, Value words);
  void emitOutput(int64_t tile, Value column, Value dim, Value acc, Value max, Value sum);

  // Helpers, Decode.cpp
  void effect(StringRef text, StringRef constraints, ValueRange operands);
  Value boxAddress(Value word); ///< of the mailboxes of this list
  void sendWord(Value word, Value value);
  /// Waits for 1 or 4 words, and empties the box.
  SmallVector<Value> poll(int64_t size, Value address);
  SmallVector<Value> ifElse(Value condition, TypeRange types,
                            function_ref<SmallVector<Value>()> then,
                            function_ref<SmallVector<Value>()> otherwise);
  SmallVector<Value> whileLoop(ValueRange init, function_ref<Value(ValueRange)> condition,
                               function_ref<SmallVector<Value>(ValueRange)> body);

  const DecodeSpec &spec;
  gpu::GPUFuncOp func;
  KernelBuilder b;
  llvm::StringMap<Value> parameters;

  // Shared memory: words at fixed places, then views of the dynamic part.
  Value fixed, fixedAddress;
  Value bytes, halves, words, dynamicAddress;
  int64_t barrierBase, histBase, totalBase, beforeBase, queryBase, countBase, planeBase;
  int64_t offsetBase;
  std::array<Value, 2> listBase; ///< of the tiers, in words
  Value distanceBase, ringBase;  ///< in bytes

  // Positions, uniform over the CTA but `thread`, `warp`, `lane`.
  Value zero, one, threads;
  Value thread, warp, lane;
  Value rank, splits, logSplits;
  Value batch, kvHead, kvHeads, row;
  Value limit;
  Value dense; ///< or null: never
  Value skew, start, numKeys, steps;
  Value codesAddress, copiedBytes;
  Value sinkEnd, windowShift, numForced, numCandidates;
  Value boxes; ///< address of the mailboxes of this list
  /// Of a tier: entries of the list, and those in this CTA.
  std::array<Value, 2> entries, count;

  // The query codes, in registers.
  SmallVector<Value> signs;
  SmallVector<SmallVector<Value>> masks;
  Value planesInUse;
};

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOGPU_DECODE_H
