//===- AttendKernel.h - Kernels of attention --------------------*- C++ -*-===//
//
// One kernel adds the keys of a *unit* to softmax statistics: a batch, a KV head
// and its query rows, or a list and the query heads that share it; in tiles of
// up to 8 rows ("columns"). The keys of a unit are split over CTAs, whose
// partials the last one to finish merges.
//
// Two forms: on tensor cores (Attend.h), and one of plain loads and multiply-adds
// that takes any types, sizes and layouts.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOGPU_ATTENDKERNEL_H
#define DASHKV_LIB_CONVERSION_DASHKVTOGPU_ATTENDKERNEL_H

#include "Attend.h"
#include "KernelArguments.h"
#include "Launches.h"

namespace mlir::dashkv {

/// All that tells kernels apart.
struct AttendSpec {
  AttendShape shape;  ///< sizes are 0 in the scalar form: known at run time
  bool matrix = true; ///< on tensor cores
  bool given = false; ///< logits are an operand: no query and no keys
  Type mask;          ///< element type, null without
  Type out;           ///< of the result; null: adds to running statistics
  bool lists = false, lengths = false, causal = false, lse = false;
  bool keyScale = false, valueScale = false;
  bool lengthsLate = false; ///< a kernel of this step writes them
  bool rootScale = false;   ///< the scale is 1/sqrt(D), D being known at run time
  bool paged = false;       ///< a block table says where the rows of K and V are
  int64_t pageRows = 0;     ///< rows of a page, 0: known at run time
  int64_t keyPage = 0;      ///< elements from one page to the next, 0: known at run time
  int64_t valuePage = 0;
  int64_t heads = 0;     ///< query heads of a unit, 0: known at run time
  int64_t queries = 0;   ///< positions (M) of a unit, 0: known at run time
  int64_t keyStride = 0; ///< elements from one row to the next, 0: known at run time
  int64_t valueStride = 0;
  int64_t denseBelow = 0; ///< lists give way to all keys if all lengths are below

  bool isOnline() const { return !out; }
  /// Consecutive keys of a tile are in one page.
  bool isTileInPage() const {
    return paged && !lists && pageRows > 0 && pageRows % AttendShape::kEntries == 0;
  }
  int64_t getWarps() const;
  int64_t getThreads() const { return 32 * getWarps(); }
  /// CTAs of a multiprocessor.
  int64_t getBlocks() const;
  /// All rows of a unit fit one tile of columns.
  bool isOneTile() const { return heads && queries && heads * queries <= shape.columns; }
  std::string getName() const;

  static constexpr int64_t kMostSplits = 256;
  /// Entries of a list in shared memory.
  static constexpr int64_t kListChunk = 1024;
  /// Entries of a chunk of the scalar form.
  static constexpr int64_t kChunk = 256;
  /// Entries that are not split further.
  int64_t getTileEntries() const { return matrix ? AttendShape::kEntries : kChunk; }
  int64_t getSharedWords() const;
};

/// The kernel of `spec` in `func`, whose arguments are named.
class AttendKernel {
public:
  AttendKernel(gpu::GPUFuncOp func, const AttendSpec &spec, const KernelArguments &arguments);
  void emit();

private:
  /// Where a column stands, all i32.
  struct Row {
    Value head;     ///< in the group of the KV head
    Value position; ///< m
    Value index;    ///< (b * Hq + h) * M + m
  };
  void locate();
  Row getRow(Value column);
  Value getSize(StringRef name, int64_t known) {
    return known ? b.i32(known) : arguments.get(func, name);
  }
  /// Keys that position `m` may see.
  Value getLimit(Value m);
  Value isDense();
  /// Element (i64) of operand `name` at this batch and KV head, and `row` if given.
  Value getOffset(StringRef name, const Row *row);
  Value getView(StringRef name, Value offset);
  Value getLogitScale();
  Value loadHeadScale(StringRef name);
  /// The logit with the mask's value added.
  Value addMask(Value logit, Value mask, Value key);

  /// What a unit attends to.
  struct Entries {
    Value count; ///< i32
    Value list;  ///< keys of the entries; null: entries are keys
    Value dense; ///< i1, null: false: entries are keys in spite of the list
  };
  Entries getEntries();
  /// Key of an entry, which exists.
  Value loadKey(const Entries &entries, Value entry);

  //===--- Paged caches ---------------------------------------------------===//
  // The *place* of a key is the number of its row over all pages of the pool, or
  // the key itself without a block table.
  Value loadPage(Value block);
  Value findPlace(Value key);
  /// Rows of a page.
  Value getPageRows() { return getSize("page_rows", spec.pageRows); }
  /// First and last tile of this CTA.
  std::pair<Value, Value> getTiles(Value count, int64_t size);

  void emitMatrix();
  void emitScalar();
  Value loadElement(StringRef name, Value view, Value place, Value dim);

  //===--- Partials ---------------------------------------------------------===//
  Value getPartial(Value column, Value of);
  Value getWorkspace();
  void storePartial(Value column, Value dim, Value acc, Value max, Value sum);
  /// The CTA that comes last merges all partials of the unit.
  void mergeSplits();
  /// Factors of the accumulators of a column: those of this kernel, and those
  /// that `outs` has. Writes the statistics, or lse.
  struct Factors {
    Value acc, old;
  };
  Factors finishColumn(Value column, Value max, Value sum, Value writes);
  void storeOutput(Value column, Value dim, Value value, Value oldFactor);
  void whenColumn(Value column, function_ref<void()> body);

  gpu::GPUFuncOp func;
  const AttendSpec &spec;
  const KernelArguments &arguments;
  KernelBuilder b;
  Value thread, lane, warp;
  Value batch, group, position, tile, unit, split, splits; // of this CTA
  Value kvHead, firstHead;                                 // firstHead: within the KV head
  Value heads, queries, rows, valueDepth;
  Value length;       ///< of the batch; not yet below N if limits depend on the position
  Value activeSplits; ///< those with entries
  Value shared, flag;
};

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOGPU_ATTENDKERNEL_H
