//===- Scan.cpp - The kernel that reads every key code --------------------===//
//
// Distances by two exact identities of the code semantics. Group sum: the codes
// of the heads of a group collapse to one weighted code, as
//   sum_h w_h [k != s_h] = c + |W| [k != (W > 0)], W = sum of signed weights.
// Planes: with p-bit weights,
//   D = sum_i 2^i popcount((k xor s) and m_i), m_i bit i of the magnitudes.
// Every CTA derives signs, planes and c of its rows from the query codes.
//
//===----------------------------------------------------------------------===//
#include "KernelBuilder.h"
#include "dashkv/Conversion/DashKVToGPU.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpIPredicate;

//===----------------------------------------------------------------------===//
// ScanSpec
//===----------------------------------------------------------------------===//

int64_t ScanSpec::getPlanes() const { return llvm::Log2_64(getMaxWeight()) + 1; }

/// Words of a row in shared memory: signs, then the planes that need a mask.
static int64_t getRowWords(const ScanSpec &spec) {
  return spec.getWords() * (1 + spec.getPlanes() - spec.isLowestPlaneFull());
}

int64_t ScanSpec::getSharedBytes() const {
  auto bytes = [&](int64_t wordsPerRow) {
    return llvm::alignTo(4 * getRowsPerBlock() * wordsPerRow, 16);
  };
  // Histogram, signs and planes, offsets, unions of the weights.
  return bytes(getMaxDistance() + 1) + bytes(getRowWords(*this)) + bytes(1) +
         (weighted ? bytes(1) : 0);
}

std::string ScanSpec::getName() const {
  std::string name;
  llvm::raw_string_ostream(name) << "dashkv_scan_" << (summed ? "group" : "head")
                                 << (weighted ? "_weighted" : "_packed") << "_l" << bits << "_g"
                                 << heads << "_m" << queries << (hasLengths ? "_lengths" : "");
  return name;
}

void ScanSpec::describe(llvm::raw_ostream &os) const {
  os << "// " << getName() << ": distances and histograms of a scan over key codes\n"
     << "//   L = " << bits << ", " << heads << " code heads a KV head, M = " << queries << ", "
     << (summed ? "summed over a group" : "one a code head") << "; R = " << getRows() << "\n"
     << "//   query_codes  i8  [B, Hkv, " << heads << ", " << queries << ", "
     << (weighted ? bits : bits / 8) << "]\n"
     << "//   key_codes    i8  [B, Hkv, N, " << bits / 8 << "]\n";
  if (hasLengths)
    os << "//   lengths      i32 [B]\n";
  os << "//   distances    u" << getDistanceBits() << (getDistanceBits() == 8 ? " " : "")
     << " [B, Hkv, R, N], D_raw = offsets + " << getScale() << " * distances\n"
     << "//   histogram    i32 [B, Hkv, R, " << getMaxDistance() + 1 << "], added to\n"
     << "//   offsets      i32 [B, Hkv, R]\n"
     << "//   keys         i32, N\n"
     << "//   grid (any, " << (rowBlocks > 1 ? std::to_string(rowBlocks) + " * " : "")
     << "Hkv, B), block " << kThreads << "\n";
}

FailureOr<ScanSpec> ScanSpec::get(RetrieveOp op, const NVPTXTarget &target) {
  auto queryType = cast<ShapedType>(op.getQueryCodes().getType());
  auto keyType = cast<ShapedType>(op.getKeyCodes().getType());
  if (queryType.isDynamicDim(1) || queryType.isDynamicDim(2) || keyType.isDynamicDim(1))
    return op.emitOpError("expected static code heads, key heads and query rows on target ")
           << target.chip << ", but got codes of " << queryType << " and " << keyType;
  // The verifier has checked the form (c3) and the heads (c2).
  CodeForm form = *CodeForm::get(queryType, keyType);
  if (form.planes)
    return op.emitOpError("expected key-major codes on target ")
           << target.chip << ", but got byte planes";
  if (form.bits < 32 || !llvm::isPowerOf2_64(form.bits))
    return op.emitOpError("expected codes of 32, 64, 128 or 256 bits on target ")
           << target.chip << ", but got " << form.bits;

  ScanSpec spec;
  spec.bits = form.bits;
  spec.heads = queryType.getDimSize(1) / keyType.getDimSize(1);
  spec.queries = queryType.getDimSize(2);
  spec.weighted = form.weighted;
  spec.summed = op.getTiering().getScope() == Scope::Group && !op.getVoteDiscount();
  spec.hasLengths = static_cast<bool>(op.getLengths());
  // Spread the rows over as few CTAs as shared memory allows.
  while (spec.getRows() % spec.rowBlocks || spec.getSharedBytes() > target.staticSharedBytes) {
    if (spec.rowBlocks == spec.getRows())
      return op.emitOpError("expected at most ")
             << target.staticSharedBytes << " bytes of shared memory on target " << target.chip
             << ", but the histogram of a query row takes " << spec.getSharedBytes();
    ++spec.rowBlocks;
  }
  return spec;
}

//===----------------------------------------------------------------------===//
// ScanEmitter
//===----------------------------------------------------------------------===//

namespace {
/// The query side of a row, in registers.
struct Row {
  Value index; ///< within the rows of this CTA
  SmallVector<Value> signs;
  /// Static planes: masks of plane i at i, empty where all bits are set.
  SmallVector<SmallVector<Value>> masks;
  /// Weighted codes: planes in use, whose masks are read when needed.
  Value numPlanes;
};

/// Neighbouring keys that one thread reads and writes together.
struct Chunk {
  Value key;      ///< i32; the first one is `offset` after it
  int64_t offset; ///< a constant, so that it becomes part of an instruction
  SmallVector<SmallVector<Value>> codes;
};

class ScanEmitter {
public:
  ScanEmitter(const ScanSpec &spec, gpu::GPUFuncOp func)
      : spec(spec), func(func), b(func.getLoc(), func.getContext()), words(spec.getWords()),
        rows(spec.getRowsPerBlock()), bins(spec.getMaxDistance() + 1), rowWords(getRowWords(spec)) {
    b.setInsertionPointToStart(&func.getBody().front());
  }

  void emit();

private:
  void emitIndices();
  void emitQueryPlanes();
  void emitScan();
  void emitFlush();
  Row emitRow(Value index);
  void emitRows(ArrayRef<Chunk> chunks, const Row *onlyRow, bool all);
  void emitRowOfChunks(ArrayRef<Chunk> chunks, const Row &row, bool all);
  SmallVector<Value> emitDistances(ArrayRef<Chunk> chunks, const Row &row);

  /// Element `i` of the [rows, size] array `array` at row `row`.
  Value at(Value row, int64_t size, Value i) { return b.add(b.mul(row, b.i32(size)), i); }

  const ScanSpec &spec;
  gpu::GPUFuncOp func;
  KernelBuilder b;
  int64_t words, rows, bins, rowWords;

  // Arguments and shared buffers.
  Value queryCodes, keyCodes, lengths, distances, histogram, offsets, numKeys;
  Value bin, plane, offset;
  Value weights; ///< union of the weights of a row; weighted codes only
  // Positions, uniform over the CTA but `thread`.
  Value thread, split, numSplits;
  Value firstRow;  ///< of this CTA among the rows of its KV head, i32
  Value globalRow; ///< of this CTA among all rows, index
  Value kvHead;    ///< among those of all batch entries, index
  Value length;    ///< keys that exist
  Value zero, one, threads;
};
} // namespace

void ScanEmitter::emit() {
  auto args = func.getArguments();
  unsigned next = 0;
  queryCodes = args[next++];
  keyCodes = args[next++];
  if (spec.hasLengths)
    lengths = args[next++];
  distances = args[next++];
  histogram = args[next++];
  offsets = args[next++];
  numKeys = args[next++];
  bin = func.getWorkgroupAttributions()[0];
  plane = func.getWorkgroupAttributions()[1];
  offset = func.getWorkgroupAttributions()[2];
  if (spec.weighted)
    weights = func.getWorkgroupAttributions()[3];

  emitIndices();
  b.loop(thread, b.i32(rows * bins), threads, [&](Value i) { b.store(zero, bin, i); });
  b.loop(thread, b.i32(rows), threads, [&](Value i) {
    b.store(zero, offset, i);
    if (weights)
      b.store(zero, weights, i);
  });
  b.barrier();
  emitQueryPlanes();
  b.barrier();
  emitScan();
  b.barrier();
  emitFlush();
  gpu::ReturnOp::create(b);
}

void ScanEmitter::emitIndices() {
  zero = b.i32(0);
  one = b.i32(1);
  threads = b.i32(ScanSpec::kThreads);
  thread = b.threadX(ScanSpec::kThreads);
  split = b.blockId(gpu::Dimension::x);
  numSplits = b.gridSize(gpu::Dimension::x);
  Value batch = b.blockId(gpu::Dimension::z);
  Value blockRow = b.blockId(gpu::Dimension::y);
  Value blockRows = b.gridSize(gpu::Dimension::y);

  // Grid y is [Hkv, rowBlocks].
  Value block = b.add(b.mul(batch, blockRows), blockRow);
  Value rowBlocks = b.i32(spec.rowBlocks);
  kvHead = b.toIndex(arith::DivUIOp::create(b, block, rowBlocks));
  firstRow = b.mul(arith::RemUIOp::create(b, block, rowBlocks), b.i32(rows));
  globalRow = b.mul(b.toIndex(block), b.toIndex(b.i32(rows)));

  length = numKeys;
  if (spec.hasLengths) {
    Value perBatch = b.view(lengths, b.toIndex(zero), b.toIndex(b.gridSize(gpu::Dimension::z)));
    length = b.maxS(b.minS(b.load(perBatch, batch), numKeys), zero);
  }
}

/// One warp a word of a row: a lane adds up the weights of its bit over the
/// heads, ballots turn them into bit planes.
void ScanEmitter::emitQueryPlanes() {
  Value lane = b.band(thread, b.i32(31));
  Value warp = b.shr(thread, 5);
  int64_t codeBytes = spec.weighted ? spec.bits : spec.bits / 8;
  // Query codes are [kvHead, heads, queries, bytes]; a row's heads lie `queries` apart.
  Value perHead = b.toIndex(b.i32(spec.heads * spec.queries * codeBytes));
  Value codes = b.view(queryCodes, b.mul(kvHead, perHead), perHead);

  Value lastPair = b.i32(rows * words);
  b.loop(warp, lastPair, b.i32(ScanSpec::kThreads / 32), [&](Value pair) {
    Value row = arith::DivUIOp::create(b, pair, b.i32(words));
    Value word = arith::RemUIOp::create(b, pair, b.i32(words));
    Value bit = b.add(b.shl(word, 5), lane);
    Value byte = spec.weighted ? bit : b.shr(bit, 3);
    Value first = at(b.add(firstRow, row), codeBytes, byte);
    // What the bit costs when the key's bit is 0 and when it is 1.
    SmallVector<Value> cost = b.loop(
        zero, b.i32(spec.getSummands()), one, {zero, zero},
        [&](Value head, ValueRange sums) -> SmallVector<Value> {
          Value code = b.load(codes, at(head, spec.queries * codeBytes, first));
          Value ifZero, ifOne;
          if (spec.weighted) {
            Value weight = arith::ExtSIOp::create(b, b.getI32Type(), code);
            ifZero = b.maxS(weight, zero);
            ifOne = b.maxS(b.sub(zero, weight), zero);
          } else {
            Value bits = arith::ExtUIOp::create(b, b.getI32Type(), code);
            Value shifted = arith::ShRUIOp::create(b, bits, b.band(lane, b.i32(7)));
            ifZero = b.band(shifted, one);
            ifOne = b.bxor(ifZero, one);
          }
          return {b.add(sums[0], ifZero), b.add(sums[1], ifOne)};
        },
        /*unroll=*/true); // the loads overlap
    Value common = b.minS(cost[0], cost[1]);
    Value weight = b.sub(b.maxS(cost[0], cost[1]), common);
    weight = b.shr(weight, spec.getScale() == 2);
    Value sign = b.ballot(b.cmp(CmpIPredicate::sgt, cost[0], cost[1]));
    SmallVector<Value> masks;
    for (int64_t i = spec.isLowestPlaneFull(); i < spec.getPlanes(); ++i)
      masks.push_back(b.ballot(b.cmp(CmpIPredicate::ne, b.band(weight, b.i32(1 << i)), zero)));
    Value offsetSum = b.warpReduce(NVVM::ReduxKind::ADD, common);
    Value weightUnion = weights ? b.warpReduce(NVVM::ReduxKind::OR, weight) : Value();
    b.when(b.cmp(CmpIPredicate::eq, lane, zero), [&] {
      Value slot = at(row, rowWords, word);
      b.store(sign, plane, slot);
      for (auto [i, mask] : llvm::enumerate(masks))
        b.store(mask, plane, b.add(slot, b.i32((i + 1) * words)));
      b.atomic(LLVM::AtomicBinOp::add, offsetSum, offset, row);
      if (weights)
        b.atomic(LLVM::AtomicBinOp::_or, weightUnion, weights, row);
    });
  });
}

Row ScanEmitter::emitRow(Value index) {
  Row row;
  row.index = index;
  auto loadWords = [&](int64_t group) {
    SmallVector<Value> values;
    for (int64_t i = 0; i < words; ++i)
      values.push_back(b.load(plane, at(index, rowWords, b.i32(group * words + i))));
    return values;
  };
  row.signs = loadWords(0);
  if (spec.weighted) {
    Value leading = math::CountLeadingZerosOp::create(b, b.load(weights, index));
    // A code that breaks the contract must not lead past the planes.
    row.numPlanes = b.minS(b.sub(b.i32(32), leading), b.i32(spec.getPlanes()));
    return row;
  }
  bool full = spec.isLowestPlaneFull();
  if (full)
    row.masks.emplace_back();
  for (int64_t i = full; i < spec.getPlanes(); ++i)
    row.masks.push_back(loadWords(1 + i - full));
  return row;
}

SmallVector<Value> ScanEmitter::emitDistances(ArrayRef<Chunk> chunks, const Row &row) {
  SmallVector<SmallVector<Value>> differing; // per key
  for (const Chunk &chunk : chunks)
    for (const SmallVector<Value> &code : chunk.codes) {
      SmallVector<Value> &words = differing.emplace_back();
      for (auto [key, sign] : llvm::zip_equal(code, row.signs))
        words.push_back(b.bxor(key, sign));
    }
  // Horner's rule over the planes, highest first.
  auto addPlane = [&](ValueRange sums, ArrayRef<Value> mask) {
    SmallVector<Value> result;
    for (size_t key = 0; key < differing.size(); ++key) {
      Value sum = sums.empty() ? Value() : b.shl(sums[key], 1);
      for (auto [i, word] : llvm::enumerate(differing[key])) {
        Value count = b.popcount(mask.empty() ? word : b.band(word, mask[i]));
        sum = sum ? b.add(sum, count) : count;
      }
      result.push_back(sum);
    }
    return result;
  };
  SmallVector<Value> sums;
  if (!spec.weighted) {
    for (ArrayRef<Value> mask : llvm::reverse(row.masks))
      sums = addPlane(sums, mask);
    return sums;
  }
  // Weights rarely have all their bits: only planes in use are counted.
  Value base = at(row.index, rowWords, zero);
  sums = b.loop(zero, row.numPlanes, one, SmallVector<Value>(differing.size(), zero),
                [&](Value i, ValueRange carried) {
                  Value slot = at(b.sub(row.numPlanes, i), words, base);
                  SmallVector<Value> mask;
                  for (int64_t word = 0; word < words; ++word)
                    mask.push_back(b.load(plane, b.add(slot, b.i32(word))));
                  return addPlane(carried, mask);
                });
  for (Value &sum : sums)
    sum = b.minS(sum, b.i32(spec.getMaxDistance()));
  return sums;
}

/// Writes and counts the distances of `chunks` to one row. `all`: every query
/// row sees every one of these keys.
void ScanEmitter::emitRowOfChunks(ArrayRef<Chunk> chunks, const Row &row, bool all) {
  Value n = b.toIndex(numKeys);
  Value outOfRow = b.mul(b.add(globalRow, b.toIndex(row.index)), n);
  Value out = b.view(distances, outOfRow, n);
  Type type = b.getIntegerType(spec.getDistanceBits());
  Value count = one;
  if (!all && spec.queries > 1) { // adding 0 costs less than a branch
    Value query = arith::RemUIOp::create(b, b.add(firstRow, row.index), b.i32(spec.queries));
    Value limit = b.add(b.sub(length, b.i32(spec.queries - 1)), query);
    Value seen = b.cmp(CmpIPredicate::slt, chunks.front().key, limit);
    count = arith::ExtUIOp::create(b, b.getI32Type(), seen);
  }
  SmallVector<Value> sums = emitDistances(chunks, row);
  Value firstBin = at(row.index, bins, zero);
  ArrayRef<Value> rest = sums;
  for (const Chunk &chunk : chunks) {
    ArrayRef<Value> mine = rest.take_front(chunk.codes.size());
    rest = rest.drop_front(mine.size());
    SmallVector<Value> narrow;
    for (Value sum : mine)
      narrow.push_back(arith::TruncIOp::create(b, type, sum));
    b.storeVector(narrow, out, b.plus(chunk.key, chunk.offset),
                  mine.size() * spec.getDistanceBits() / 8);
    for (Value sum : mine)
      b.atomic(LLVM::AtomicBinOp::add, count, bin, b.add(firstBin, sum));
  }
}

void ScanEmitter::emitRows(ArrayRef<Chunk> chunks, const Row *onlyRow, bool all) {
  if (onlyRow)
    return emitRowOfChunks(chunks, *onlyRow, all);
  b.loop(zero, b.i32(rows), one,
         [&](Value index) { emitRowOfChunks(chunks, emitRow(index), all); });
}

void ScanEmitter::emitScan() {
  // A thread reads 64 bytes a step in loads of 16 bytes: `chunkKeys` keys each,
  // or a part of one key.
  int64_t chunkKeys = std::max<int64_t>(1, 128 / spec.bits);
  int64_t loadsPerChunk = std::max<int64_t>(1, spec.bits / 128);
  int64_t numChunks = 4 / loadsPerChunk;
  int64_t sliceKeys = ScanSpec::kThreads * chunkKeys;
  int64_t tileKeys = numChunks * sliceKeys;

  Value n = b.toIndex(numKeys);
  Value headWords = b.mul(n, b.toIndex(b.i32(words)));
  Value codes = b.view(keyCodes, b.mul(kvHead, headWords), headWords);
  auto loadKeys = [&](Value key, int64_t offset, int64_t count) {
    Chunk chunk{key, offset, {}};
    SmallVector<Value> flat;
    Value start = b.mul(key, b.i32(words));
    int64_t total = count * words, step = std::min<int64_t>(4, total);
    for (int64_t i = 0; i < total; i += step)
      llvm::append_range(flat,
                         b.loadVector(codes, b.plus(start, offset * words + i), step, 4 * step));
    for (int64_t i = 0; i < total; i += words)
      chunk.codes.emplace_back(ArrayRef<Value>(flat).slice(i, words));
    return chunk;
  };

  // The planes of a single row stay in registers for the whole scan.
  Row onlyRow;
  if (rows == 1)
    onlyRow = emitRow(zero);
  const Row *only = rows == 1 ? &onlyRow : nullptr;

  // Whole tiles of keys that every query row sees. Heads start on 16 bytes only
  // if N is a multiple of the keys in a chunk; if not, there are no tiles.
  Value seenByAll = b.maxS(b.sub(length, b.i32(spec.queries - 1)), zero);
  Value tiled = b.band(seenByAll, b.i32(-tileKeys));
  if (chunkKeys > 1) {
    Value ragged = b.band(numKeys, b.i32(chunkKeys - 1));
    Value aligned = b.cmp(CmpIPredicate::eq, ragged, zero);
    tiled = arith::SelectOp::create(b, aligned, tiled, zero);
  }
  Value inSlice = b.mul(thread, b.i32(chunkKeys));
  b.loop(b.mul(split, b.i32(tileKeys)), tiled, b.mul(numSplits, b.i32(tileKeys)), [&](Value tile) {
    Value key = b.add(tile, inSlice);
    SmallVector<Chunk> chunks;
    for (int64_t i = 0; i < numChunks; ++i)
      chunks.push_back(loadKeys(key, i * sliceKeys, chunkKeys));
    emitRows(chunks, only, /*all=*/true);
  });

  // The rest, a key at a time: codes lie on their own size, 16 bytes at most.
  Value first = b.add(tiled, b.add(b.mul(split, threads), thread));
  b.loop(first, length, b.mul(numSplits, threads),
         [&](Value key) { emitRows({loadKeys(key, 0, 1)}, only, /*all=*/false); });
}

void ScanEmitter::emitFlush() {
  Value firstBin = b.mul(globalRow, b.toIndex(b.i32(bins)));
  b.loop(thread, b.i32(rows * bins), threads, [&](Value i) {
    Value count = b.load(bin, i);
    b.when(b.cmp(CmpIPredicate::ne, count, zero), [&] {
      b.atomic(LLVM::AtomicBinOp::add, count, histogram, b.add(firstBin, b.toIndex(i)));
    });
  });
  b.when(b.cmp(CmpIPredicate::eq, split, zero), [&] {
    Value out = b.view(offsets, globalRow, b.toIndex(b.i32(rows)));
    b.loop(thread, b.i32(rows), threads, [&](Value i) { b.store(b.load(offset, i), out, i); });
  });
}

gpu::GPUFuncOp mlir::dashkv::emitScanKernel(gpu::GPUModuleOp module, Location loc,
                                            const ScanSpec &spec) {
  MLIRContext *context = module.getContext();
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  Type i8 = builder.getI8Type(), i32 = builder.getI32Type();
  auto pointer = [&](Type element) -> Type { return MemRefType::get({1}, element); };

  enum Access { None, Constant, Aligned };
  SmallVector<Type> types{pointer(i8), pointer(i32)};
  // Only what no earlier kernel of the step writes may be read past the caches.
  SmallVector<Access> access{None, Constant};
  if (spec.hasLengths) {
    types.push_back(pointer(i32));
    access.push_back(None);
  }
  types.append(
      {pointer(builder.getIntegerType(spec.getDistanceBits())), pointer(i32), pointer(i32), i32});
  access.append({Aligned, None, None, None});

  int64_t rows = spec.getRowsPerBlock();
  SmallVector<Type> shared{getSharedType(context, rows * (spec.getMaxDistance() + 1)),
                           getSharedType(context, rows * getRowWords(spec)),
                           getSharedType(context, rows)};
  if (spec.weighted)
    shared.push_back(getSharedType(context, rows));
  auto func = gpu::GPUFuncOp::create(builder, loc, spec.getName(),
                                     builder.getFunctionType(types, {}), shared);
  func->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), builder.getUnitAttr());
  func.setKnownBlockSize(ArrayRef<int32_t>{ScanSpec::kThreads, 1, 1});
  // 32 warps a multiprocessor hide the latency of a step.
  func->setAttr("nvvm.minctasm", builder.getI32IntegerAttr(4));
  for (auto [i, kind] : llvm::enumerate(access)) {
    if (kind != None) {
      func.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(), builder.getI64IntegerAttr(16));
      func.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), builder.getUnitAttr());
    }
    if (kind == Constant)
      func.setArgAttr(i, LLVM::LLVMDialect::getReadonlyAttrName(), builder.getUnitAttr());
  }
  // LLVM may rely on more than the alignment of an element.
  for (unsigned i = 0; i < shared.size(); ++i)
    func.setWorkgroupAttributionAttr(i, LLVM::LLVMDialect::getAlignAttrName(),
                                     builder.getI64IntegerAttr(16));
  ScanEmitter(spec, func).emit();
  return func;
}
