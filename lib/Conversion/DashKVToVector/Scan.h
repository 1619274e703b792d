//===- Scan.h - Distances of all keys, a block at a time --------*- C++ -*-===//
//
// A list's distances of 64 keys are 64 bytes: byte j of the keys (a plane) is
// looked up in two tables of 16 entries, one a nibble, and the results are added.
// Tables may hold a whole group of heads (semantics.md, hamming_distance): their
// entries are then reduced so that sums stay small, and
// `distance = offset + (sum << shift)`.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_SCAN_H
#define DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_SCAN_H

#include "VectorBuilder.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"

namespace mlir::dashkv {

/// Keys that are scanned together.
constexpr int64_t kBlockKeys = CodeForm::blockKeys;

/// What one scan makes of the codes that it reads.
struct ScanShape {
  /// Bits, weights and layout of the codes.
  CodeForm form;
  /// Lists whose distances are made of one reading of the keys.
  int64_t lists;
  /// Query heads of a list.
  int64_t heads;
  int64_t vectorBytes;
  /// Whether bytes have a popcount; else tables count.
  bool popcount;
  /// How many bytes ahead codes are prefetched, 0: not at all.
  int64_t ahead;
  /// Whether the one list's sums are made of each half of the planes, as if these
  /// were two lists.
  bool halves = false;

  /// The shape of a scan with a kernel's tile_config, but for lists and heads.
  static ScanShape get(CodeForm form, TileConfigAttr config);

  int64_t planes() const { return form.bits / 8; }
  int64_t blockBytes() const { return kBlockKeys * planes(); }
  /// Vectors of a plane of a block.
  int64_t parts() const { return kBlockKeys / vectorBytes; }
  bool countsBits() const { return popcount && !form.weighted && heads == 1 && planes() < 32; }
  /// Weights of an even number of packed heads are even: half of them is counted.
  int64_t shift() const { return !form.weighted && heads % 2 == 0; }
  /// The largest sum of a list; sums saturate at 255.
  int64_t largest() const { return heads * form.getMaxDistance() >> shift() >> halves; }
};

/// Blocks of codes of one KV head: block `start + i * stride` of `bytes` for each i
/// in [begin, end).
struct CodeBlocks {
  Value bytes; // memref<?xi8>
  Value begin, end, stride, start;
};

/// Why codes cannot be scanned in place, or an empty string; tensors always can.
std::string whyNotContiguous(Value keyCodes);
/// Codes of one batch and KV head as `memref<?xi8, strided<[1], offset: ?>>`.
Value flattenCodes(VectorBuilder &b, Value keyCodes, Value batch, Value head);

/// The scan of one KV head's codes by tables that stand in a stack buffer: `rows`
/// sets of them, of `lists` lists each.
class CodeScan {
public:
  CodeScan(VectorBuilder &b, ScanShape shape, Value queryCodes, int64_t rows);

  /// Writes the tables of one list for the query heads from `head` on and query
  /// row `m`. Returns the offset, i32.
  Value buildTables(Value batch, Value head, Value m, Value row, int64_t list);

  /// Distances of a block: for each list and part a vector of bytes.
  using Distances = SmallVector<SmallVector<Value>>;
  using Consumer =
      function_ref<VectorBuilder::Values(Value i, const Distances &, ValueRange carried)>;
  /// Scans blocks with the tables of `row`, carrying values through `consume`.
  VectorBuilder::Values scan(const CodeBlocks &blocks, Value row, ValueRange init,
                             Consumer consume);

  ScanShape shape;

private:
  /// The planes of a vector's worth of keys that begin at byte `at`, or 16 of 32:
  /// those of half `half`. That of key k is at lane `order[k]` of each.
  SmallVector<Value> transpose(Value bytes, Value at, int64_t half, SmallVector<int64_t> &order);
  /// Planes of a block of any width, one byte at a time.
  void transposeBytes(Value bytes, Value at);
  /// Adds the planes from `first` on, each a vector for each of some parts, to the
  /// sums.
  void accumulate(ArrayRef<SmallVector<Value>> planes, int64_t first, Value row, Distances &sums);
  Value loadTable(Value row, int64_t list, int64_t nibble);
  void buildNibbleTables(Value batch, Value head, Value m, Value plane, SmallVector<Value> &sums);

  VectorBuilder &b;
  Value queryCodes;
  Value tables;            // rows x lists x nibbles x 16, or rows x lists x planes x vector
  Value planeBuffer;       // planes x 64, where keys are transposed a byte at a time
  SmallVector<Value> held; // tables in registers
};

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOVECTOR_SCAN_H
