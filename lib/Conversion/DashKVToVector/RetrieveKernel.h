//===- RetrieveKernel.h - The kernel of dashkv.retrieve ---------*- C++ -*-===//
//
// For each batch and KV head, for up to eight query rows and four lists at once:
//  1. Tables of the query codes.
//  2. A few blocks of keys, spread evenly, are scanned first: the distance at the
//     budget's place among them is a guess of the threshold.
//  3. All keys are scanned to one byte each, in chunks that stay in the caches for
//     the rows and lists that share them, and keys below four thresholds around
//     the guess are counted on the way.
//  4. For each list: bytes of keys that are no candidates are raised to 255, the
//     guess is verified by the counts or replaced by a search of the bytes, and the
//     list is written in one pass.
// Votes need every code head of the batch and come first. Where 255 is too small
// for the distance at the budget's place, distances of 32 bits take over.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_RETRIEVEKERNEL_H
#define DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_RETRIEVEKERNEL_H

#include "Emitters.h"
#include "Selection.h"

namespace mlir::dashkv {

/// Thresholds that are counted while keys are scanned.
constexpr int64_t kWindow = 4;

class RetrieveKernel {
public:
  RetrieveKernel(RetrieveOp op, VectorBuilder &b);
  void emit();

private:
  using Values = VectorBuilder::Values;

  /// A KV head, the first of its lists and the rows that are made together.
  struct Task {
    Value batch, kvHead, firstList, firstRow, endRow;
    Value codes, tail;         // flat; the last block, padded
    Value blocks, wholeBlocks; // to be scanned, and those within the codes
  };
  /// One list of a task.
  struct Row {
    Value m, list;                      // list: of the KV head
    Value number;                       // among the lists of the task
    Value limit, numCandidates, wanted; // i32
  };
  /// The last keys of the tiers of a list.
  struct Tiers {
    KeyOrder::Place full, mid;
    Value midWanted, fullDistance, midDistance;
    Cut fullCut, midCut;
    Values flatten() const;
    /// The same with other values.
    Tiers with(ArrayRef<Value> values) const;
  };

  //===--- Sizes (Retrieve.cpp) ------------------------------------------===//
  Value getLimit(Value batch, Value m);
  /// clamp(ceil(fraction * limit), min, max), i64.
  Value getBudget(Value limit, int64_t millionths, int64_t min, int64_t max);
  Value getHead(const Task &task, Value list);
  KeyRow getRow(Value number) { return {bytes, b.mul(number, padded)}; }
  /// Calls `body` with each list of a task.
  void forLists(const Task &task, function_ref<void(Value m, Value list, Value number)> body);

  //===--- Scan (Retrieve.cpp) -------------------------------------------===//
  void prepare(Task &task);
  void emitTask(Task &task);
  void scanAll(const Task &task);
  void scanChunk(const Task &task, const CodeBlocks &blocks, Value m);
  void guess(const Task &task, Value m, Value number);
  /// Calls `body` with all blocks of a task, in the codes or in their padded tail.
  void forSources(const Task &task, function_ref<void(const CodeBlocks &)> body);

  //===--- One list (RetrieveRow.cpp) ------------------------------------===//
  /// Writes the words of the keys that row m forces; returns the number of its
  /// candidates.
  Value buildForced(const Task &task, Value limit);
  /// Keys of a block that are forced or not visible.
  Value getNoCandidates(Value block, Value limit);
  /// Loops over the blocks in which not all keys are candidates.
  Values forEdges(const Task &task, Value limit, ValueRange init,
                  function_ref<Values(Value block, ValueRange carried)> body);
  KeyOrder getOrder(const Task &task, const Row &row, KeyRow keys, KeyOrder::Scale scale);
  /// Whether discounts of a list's heads are negative or lead out of i16, where
  /// distances wrap.
  Value mayWrap(const Task &task, const Row &row);
  void finish(const Task &task, Row row);
  /// Raises the elements of the keys that are no candidates; returns corrected
  /// counts.
  Values raiseOthers(const Task &task, const Row &row, KeyOrder &order);
  /// Searches for the tiers' last keys among values in [low, high]; `isUncertain`
  /// tells if `high` is one of them. `counts` are those of the window, if any.
  Tiers findTiers(const Task &task, const Row &row, KeyOrder &order, Value low, Value high,
                  ValueRange counts, Value &isUncertain);
  void writeLists(const Task &task, const Row &row, KeyOrder &order, const Tiers &tiers);
  void emitKept(Value batch);

  //===--- Votes, wide elements (RetrieveWide.cpp) ------------------------===//
  void emitVotes(Value batch, Value firstRow, Value endRow);
  void countVotes(const Task &task, Value m, Value head, Value limit, KeyRow keys);
  /// Writes the distances of all keys, summed over heads from `head` on, to
  /// `wideElements`: final ones or those of the codes.
  void scanWide(const Task &task, Value m, Value head, int64_t heads, bool isFinal);
  Tiers findTiersWide(const Task &task, const Row &row, const KeyOrder &narrow);

  RetrieveOp op;
  VectorBuilder &b;
  TieringAttr tiering;
  ScanShape shape;
  /// Code heads and lists of a KV head, lists and rows of a task.
  int64_t codeHeads, listHeads, taskRows;
  /// Whether thresholds are guessed, and whether elements of a byte may not do.
  bool guesses, mayBeWide;

  Value numRows, numKeys, numBlocks, padded; // padded: keys of whole blocks
  Value bytes;                               // a row of elements a list of a task
  Value forced;                              // a word a block
  Value tail;                                // the last block, padded
  Value offsets;                             // [rows, lists] i32
  Value window, counts; // [lists of a task, 4]: thresholds, keys at or above them
  Value priorWords, voteWords, wideElements;
  Value voteCounts, keptCounts, keptHeads; // a byte a key
  std::optional<CodeScan> scan, headScan;
};

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_RETRIEVEKERNEL_H
