//===- AttendWarp.cpp - Attention of a warp on gathered rows --------------===//
#include "Attend.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>

using namespace mlir;
using namespace mlir::dashkv;
using arith::CmpFPredicate;
using arith::CmpIPredicate;

static constexpr float kInfinity = std::numeric_limits<float>::infinity();

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static bool isF8(Type type) { return isa<Float8E4M3FNType>(type); }

/// Elements in a register of 32 bits.
static int64_t getPacking(Type type) { return 32 / type.getIntOrFloatBitWidth(); }

bool AttendShape::isSupported(const NVPTXTarget &target) const {
  if (!query.isF16() && !query.isBF16())
    return false;
  for (Type type : {key, value})
    if (type != query && !(isF8(type) && target.hasF8))
      return false;
  auto fits = [](int64_t size) { return size > 0 && size <= 256 && size % 32 == 0; };
  return fits(depth) && fits(valueDepth);
}

namespace {
/// What a lane loads of a row at once: `words` registers, the next lane the next
/// ones.
struct Piece {
  int64_t offset; ///< of lane 0, in words
  int64_t words;  ///< 4, 2 or 1
};
} // namespace

/// A row of `words` words spread over `lanes` lanes, in loads as wide as they get.
static SmallVector<Piece> getPieces(int64_t words, int64_t lanes) {
  SmallVector<Piece> pieces;
  int64_t offset = 0;
  for (int64_t size : {4, 2, 1})
    for (; words - offset >= size * lanes; offset += size * lanes)
      pieces.push_back({offset, size});
  return pieces;
}
/// 4 lanes load a row of K, 8 lanes a row of V.
static SmallVector<Piece> getKeyPieces(const AttendShape &shape) {
  return getPieces(shape.depth / getPacking(shape.key), 4);
}
static SmallVector<Piece> getValuePieces(const AttendShape &shape) {
  return getPieces(shape.valueDepth / getPacking(shape.value), 8);
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

static Value permute(KernelBuilder &b, Value low, Value high, int64_t selector) {
  return NVVM::PermuteOp::create(b, b.getI32Type(), low, high, b.i32(selector),
                                 NVVM::PermuteMode::DEFAULT);
}

/// Two f32 rounded to one register of f16 or bf16; `low` is in the low half.
static Value pack(KernelBuilder &b, Value low, Value high, bool bf16) {
  Type element = bf16 ? Type(b.getBF16Type()) : Type(b.getF16Type());
  StringRef name = bf16 ? "llvm.nvvm.ff2bf16x2.rn" : "llvm.nvvm.ff2f16x2.rn";
  Value packed = LLVM::CallIntrinsicOp::create(b, VectorType::get({2}, element),
                                               b.getStringAttr(name), ValueRange{high, low})
                     .getResult(0);
  return LLVM::BitcastOp::create(b, b.getI32Type(), packed);
}

/// The two f8 in the low or the high half of a register as a register of f16.
static Value widenF8(KernelBuilder &b, Value word, bool high) {
  // The intrinsic wants a later PTX version than the chips from sm_90 on do.
  Value half = arith::TruncIOp::create(b, b.getI16Type(), b.shr(word, high ? 16 : 0));
  return b.inlineAsm("cvt.rn.f16x2.e4m3x2 $0, $1;", "=r,h", b.getI32Type(), half)[0];
}

/// Transposes 8x8 values of 16 bits over the warp.
static Value transpose(KernelBuilder &b, Value word) {
  return b.inlineAsm("movmatrix.sync.aligned.m8n8.trans.b16 $0, $1;", "=r,r", b.getI32Type(),
                     word)[0];
}

/// The words of lane `lane` of a row; zeros where `valid` (if any) is false.
/// Loads of one width are one piece of assembly, with one address.
static SmallVector<Value> loadRow(KernelBuilder &b, Value row, Value lane, ArrayRef<Piece> pieces,
                                  Value valid) {
  SmallVector<Value> loaded;
  while (!pieces.empty()) {
    int64_t width = pieces[0].words;
    ArrayRef<Piece> same =
        pieces.take_while([&](const Piece &piece) { return piece.words == width; });
    pieces = pieces.drop_front(same.size());
    int64_t words = width * same.size();
    std::string text, constraints;
    llvm::raw_string_ostream os(text), to(constraints);
    for (int64_t i = 0; i < words && valid; ++i)
      os << "mov.b32 $" << i << ", 0; ";
    for (auto [i, piece] : llvm::enumerate(same)) {
      if (valid)
        os << "@$" << words + 1 << " ";
      os << "ld.global.L1::no_allocate."
         << (width == 4   ? "v4."
             : width == 2 ? "v2."
                          : "")
         << "b32 " << (width > 1 ? "{" : "");
      for (int64_t j = 0; j < width; ++j)
        os << (j ? ", " : "") << "$" << i * width + j;
      os << (width > 1 ? "}" : "") << ", [$" << words;
      if (piece.offset)
        os << "+" << 4 * piece.offset;
      os << "]; ";
    }
    for (int64_t i = 0; i < words; ++i)
      to << "=&r,";
    to << (valid ? "l,b" : "l");
    Value bytes = arith::ExtUIOp::create(b, b.getI64Type(), b.mul(lane, b.i32(4 * width)));
    SmallVector<Value> operands = {b.add(row, bytes)};
    if (valid)
      operands.push_back(valid);
    llvm::append_range(loaded, b.inlineAsm(StringRef(text).rtrim(), constraints,
                                           SmallVector<Type>(words, b.getI32Type()), operands));
  }
  return loaded;
}

/// Four words of shared memory, read at this place and not before.
static SmallVector<Value> loadShared(KernelBuilder &b, Value address, int64_t offset) {
  std::string text = ("ld.shared.v4.b32 {$0,$1,$2,$3}, [$4+" + Twine(offset) + "];").str();
  return b.inlineAsm(text, "=r,=r,=r,=r,r", SmallVector<Type>(4, b.getI32Type()), address);
}

//===----------------------------------------------------------------------===//
// The emitter
//===----------------------------------------------------------------------===//

AttendEmitter::AttendEmitter(KernelBuilder &b, const AttendShape &shape, Value lane)
    : b(b), shape(shape), lane(lane), row8(b.shr(lane, 2)), quad(b.band(lane, b.i32(3))) {
  columns[0] = b.shl(quad, 1);
  columns[1] = b.add(columns[0], b.i32(1));
}

Value AttendEmitter::row(KernelBuilder &b, Value base, Value key, Value stride) {
  Type i64 = b.getI64Type();
  // Both zero-extended: one instruction multiplies and adds.
  Value offset = b.mul(arith::ExtUIOp::create(b, i64, key), arith::ExtUIOp::create(b, i64, stride));
  return b.add(base, offset);
}

Value AttendEmitter::address(KernelBuilder &b, Value pointer, Value bytes) {
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, pointer);
  base = arith::IndexCastOp::create(b, b.getI64Type(), base);
  return bytes ? b.add(base, bytes) : base;
}

AttendEmitter::Query AttendEmitter::loadQuery(Value buffer, function_ref<Value(Value column)> rowOf,
                                              Value scale) {
  Query query;
  query.scale = {scale, scale};
  Type i32 = b.getI32Type();
  Type element = cast<MemRefType>(buffer.getType()).getElementType();
  int64_t packing = getPacking(element); // elements of the buffer in a word
  // Lanes of columns that do not exist repeat the last one.
  Value column = shape.columns < 8 ? b.minS(row8, b.i32(shape.columns - 1)) : row8;
  Value row = rowOf(column);
  // Two elements in a word, in the order in which K has them: f8 keys take twice
  // the words of queries.
  int64_t wider = getPacking(shape.key) / getPacking(shape.query);
  for (const Piece &piece : getKeyPieces(shape)) {
    int64_t words = piece.words * wider;
    Value own = b.add(row, b.mul(quad, b.i32(words * packing)));
    for (int64_t i = 0; i < words; i += 4) {
      Value at = b.plus(own, (piece.offset * wider + i) * packing);
      auto type = VectorType::get({4 * packing}, element);
      Value loaded =
          vector::LoadOp::create(b, type, buffer, at, /*nontemporal=*/false, llvm::MaybeAlign(16));
      if (element != i32)
        loaded = vector::BitCastOp::create(b, VectorType::get({4}, i32), loaded);
      for (int64_t j = 0; j < 4; ++j)
        query.words.push_back(vector::ExtractOp::create(b, loaded, j));
    }
  }
  if (!isF8(shape.key) || shape.query.isF16())
    return query;

  // f8 keys are multiplied as f16: a power of two brings bf16 queries there.
  SmallVector<Value> values;
  Value largest = b.f32(0);
  for (Value word : query.words)
    for (Value bits : {b.shl(word, 16), b.band(word, b.i32(0xffff0000))}) {
      values.push_back(arith::BitcastOp::create(b, b.getF32Type(), bits));
      Value magnitude = b.band(bits, b.i32(0x7fffffff));
      largest = b.maxF(largest, arith::BitcastOp::create(b, b.getF32Type(), magnitude));
    }
  for (int64_t mask : {1, 2})
    largest = b.maxF(largest, b.shuffleXor(largest, mask));
  Value exponent = b.shr(arith::BitcastOp::create(b, i32, largest), 23);
  exponent = b.maxS(b.minS(exponent, b.i32(253)), b.i32(1));
  auto power = [&](Value biased) -> Value {
    return arith::BitcastOp::create(b, b.getF32Type(), b.shl(biased, 23));
  };
  Value down = power(b.sub(b.i32(254), exponent)), up = power(exponent);
  for (auto [i, word] : llvm::enumerate(query.words))
    word = pack(b, b.mulF(values[2 * i], down), b.mulF(values[2 * i + 1], down), /*bf16=*/false);
  for (int64_t i = 0; i < 2; ++i)
    query.scale[i] = b.mulF(scale, b.shuffleIdx(up, b.shl(columns[i], 2)));
  return query;
}

SmallVector<Value> AttendEmitter::start() {
  SmallVector<Value> state(shape.valueDepth / 4, b.f32(0));
  Value lowest = b.f32(std::numeric_limits<float>::lowest());
  llvm::append_values(state, lowest, lowest, b.f32(0), b.f32(0));
  return state;
}

/// Whether an entry exists; null if all do.
Value AttendEmitter::getValid(const Tile &tile, Value entry) {
  return tile.full ? Value() : b.cmp(CmpIPredicate::slt, entry, tile.end);
}

/// The rows of V of a tile, those of entries 2t, 2t+1, 2t+8 and 2t+9 (t = lane % 4).
AttendEmitter::Values AttendEmitter::loadValues(const Tile &tile) {
  Values rows;
  for (int64_t i = 0; i < 4; ++i) {
    Value entry = b.add(tile.first, b.add(columns[i % 2], b.i32(8 * (i / 2))));
    rows[i] = loadRow(b, tile.valueRow(tile.keyOf(entry)), row8, getValuePieces(shape),
                      getValid(tile, entry));
  }
  return rows;
}

/// acc += P V, with the weights of 16 entries as the logits were computed: of
/// entries r and r+8 (r = lane / 4) for the two columns of this lane.
void AttendEmitter::addValues(MutableArrayRef<Value> acc, ArrayRef<Value> weights,
                              const Values &rows) {
  bool bf16 = shape.value.isBF16();
  Value weight[2];
  for (int64_t i = 0; i < 2; ++i)
    weight[i] = transpose(b, pack(b, weights[2 * i], weights[2 * i + 1], bf16));
  int64_t at = 0;
  auto add = [&](ArrayRef<Value> a) { b.multiply(acc.slice(4 * at++, 4), a, weight, bf16); };
  for (int64_t i = 0, e = rows[0].size(); i < e; ++i) {
    // Entries of a pair side by side, one value dim a register.
    Value pairs[2][2];
    bool f8 = isF8(shape.value);
    for (int64_t j = 0; j < 2; ++j)
      for (int64_t k = 0; k < 2; ++k)
        pairs[j][k] = permute(b, rows[2 * j][i], rows[2 * j + 1][i],
                              f8 ? (k ? 0x7362 : 0x5140) : (k ? 0x7632 : 0x5410));
    if (!f8) {
      add({pairs[0][0], pairs[0][1], pairs[1][0], pairs[1][1]});
      continue;
    }
    for (int64_t k = 0; k < 2; ++k)
      add({widenF8(b, pairs[0][k], false), widenF8(b, pairs[0][k], true),
           widenF8(b, pairs[1][k], false), widenF8(b, pairs[1][k], true)});
  }
}

SmallVector<Value> AttendEmitter::add(ValueRange state, const Query &query, const Tile &tile) {
  // All loads first, if there are registers for them.
  Value entries[2], keys[2], valid[2];
  SmallVector<Value> rows[2];
  for (int64_t i = 0; i < 2; ++i) {
    entries[i] = b.add(tile.first, b.add(row8, b.i32(8 * i)));
    keys[i] = tile.keyOf(entries[i]);
    valid[i] = getValid(tile, entries[i]);
    rows[i] = loadRow(b, tile.keyRow(keys[i]), quad, getKeyPieces(shape), valid[i]);
  }
  bool deep = shape.depth + shape.valueDepth > 256;
  Values values;
  if (!deep)
    values = loadValues(tile);

  // Two chains of sums.
  bool f8 = isF8(shape.key);
  SmallVector<Value> sums[2] = {SmallVector<Value>(4, b.f32(0)), SmallVector<Value>(4, b.f32(0))};
  int64_t at = 0;
  SmallVector<Value> words; // of the query, for the next two
  auto multiplyWords = [&](ArrayRef<Value> a) {
    if (query.shared && at % 2 == 0)
      words = loadShared(b, query.shared, 256 * at);
    ArrayRef<Value> pair = query.shared ? ArrayRef(words).slice(at % 2 * 2, 2)
                                        : ArrayRef(query.words).slice(2 * at, 2);
    b.multiply(sums[at % 2], a, {pair[0], pair[1]}, shape.key.isBF16());
    ++at;
  };
  for (int64_t i = 0, e = rows[0].size(); i < e; i += f8 ? 1 : 2) {
    if (f8)
      multiplyWords({widenF8(b, rows[0][i], false), widenF8(b, rows[1][i], false),
                     widenF8(b, rows[0][i], true), widenF8(b, rows[1][i], true)});
    else
      multiplyWords({rows[0][i], rows[1][i], rows[0][i + 1], rows[1][i + 1]});
  }
  SmallVector<Value> logits;
  for (int64_t i = 0; i < 4; ++i) {
    Value logit = b.mulF(b.addF(sums[0][i], sums[1][i]), query.scale[i % 2]);
    if (tile.adjust)
      logit = tile.adjust(logit, entries[i / 2], keys[i / 2], i % 2);
    logits.push_back(logit);
  }
  if (deep)
    values = loadValues(tile);
  return addLogits(state, logits, {valid[0], valid[1]}, values);
}

SmallVector<Value> AttendEmitter::addGiven(ValueRange state, const Tile &tile) {
  Values values = loadValues(tile);
  SmallVector<Value> logits;
  std::array<Value, 2> valid;
  for (int64_t i = 0; i < 2; ++i) {
    Value entry = b.add(tile.first, b.add(row8, b.i32(8 * i)));
    Value key = tile.keyOf(entry);
    valid[i] = getValid(tile, entry);
    for (int64_t j = 0; j < 2; ++j)
      logits.push_back(tile.adjust(Value(), entry, key, j));
  }
  return addLogits(state, logits, valid, values);
}

SmallVector<Value> AttendEmitter::addLogits(ValueRange state, MutableArrayRef<Value> logits,
                                            std::array<Value, 2> valid, const Values &values) {
  int64_t size = shape.valueDepth / 4;
  SmallVector<Value> acc(state.take_front(size)), max(state.slice(size, 2)),
      sum(state.drop_front(size + 2));
  // The maximum never falls below the lowest finite number, so that -inf has the
  // weight 0 even where there is nothing else.
  for (int64_t i = 0; i < 4; ++i)
    if (valid[i / 2])
      logits[i] = b.select(valid[i / 2], logits[i], b.f32(-kInfinity));
  Value moved, rescale[2];
  for (int64_t i = 0; i < 2; ++i) {
    Value largest = b.maxF(logits[i], logits[i + 2]);
    for (int64_t mask : {4, 8, 16})
      largest = b.maxF(largest, b.shuffleXor(largest, mask));
    largest = b.maxF(largest, max[i]);
    Value moves = b.cmpF(CmpFPredicate::ONE, largest, max[i]);
    moved = moved ? Value(arith::OrIOp::create(b, moved, moves)) : moves;
    rescale[i] = b.exp2(b.subF(max[i], largest));
    max[i] = largest;
    sum[i] = b.mulF(sum[i], rescale[i]);
  }
  SmallVector<Value> weights;
  for (int64_t i = 0; i < 4; ++i) {
    weights.push_back(b.exp2(b.subF(logits[i], max[i % 2])));
    sum[i % 2] = b.addF(sum[i % 2], weights.back());
  }
  auto branch = scf::IfOp::create(b, TypeRange(ValueRange(acc)), b.any(moved), /*withElse=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    SmallVector<Value> scaled;
    for (int64_t i = 0; i < size; ++i)
      scaled.push_back(b.mulF(acc[i], rescale[i % 2]));
    scf::YieldOp::create(b, scaled);
    b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(b, acc);
  }
  SmallVector<Value> result(branch.getResults());
  addValues(result, weights, values);
  llvm::append_range(result, max);
  llvm::append_range(result, sum);
  return result;
}

//===----------------------------------------------------------------------===//
// The warps of a CTA
//===----------------------------------------------------------------------===//

/// Words from one row of a partial to the next: not a multiple of the banks.
static int64_t getPitch(const AttendShape &shape) { return shape.valueDepth + 4; }

int64_t AttendEmitter::getPartialWords(const AttendShape &shape, int64_t warps) {
  return warps * shape.columns * (getPitch(shape) + 2);
}

/// `value` (f32) as an element of `shared`.
static Value toWord(KernelBuilder &b, Value value, Value shared) {
  Type element = cast<MemRefType>(shared.getType()).getElementType();
  return element == value.getType() ? value : arith::BitcastOp::create(b, element, value);
}

void AttendEmitter::storePartial(ValueRange state, Value shared, Value offset, Value warp,
                                 int64_t warps) {
  int64_t size = shape.valueDepth / 4, packing = getPacking(shape.value);
  Value base = offset ? offset : b.i32(0);
  for (int64_t i = 0; i < std::min<int64_t>(2, shape.columns); ++i) {
    Value sum = state[size + 2 + i];
    for (int64_t mask : {4, 8, 16})
      sum = b.addF(sum, b.shuffleXor(sum, mask));
    auto store = [&] {
      Value row = b.add(b.mul(warp, b.i32(shape.columns)), columns[i]);
      row = b.add(base, b.mul(row, b.i32(getPitch(shape))));
      int64_t at = 0;
      for (const Piece &piece : getValuePieces(shape)) {
        // The dims of this lane are consecutive, two in a multiplication.
        int64_t dims = piece.words * packing;
        SmallVector<Value> words;
        for (int64_t j = 0; j < dims; ++j)
          words.push_back(toWord(b, state[4 * (at + j / 2) + 2 * (j % 2) + i], shared));
        Value own = b.add(row, b.mul(row8, b.i32(dims)));
        for (int64_t j = 0; j < dims; j += 4)
          b.storeVector(ArrayRef(words).slice(j, std::min<int64_t>(4, dims)), shared,
                        b.plus(own, piece.offset * packing + j), 4 * std::min<int64_t>(4, dims));
        at += dims / 2;
      }
      b.when(b.cmp(CmpIPredicate::eq, row8, b.i32(0)), [&] {
        Value stats = b.add(b.add(base, warp), b.mul(columns[i], b.i32(warps)));
        int64_t first = warps * shape.columns * getPitch(shape);
        b.store(toWord(b, state[size + i], shared), shared, b.plus(stats, first));
        b.store(toWord(b, sum, shared), shared, b.plus(stats, first + warps * shape.columns));
      });
    };
    if (i + 6 < shape.columns)
      store();
    else
      b.when(b.cmp(CmpIPredicate::slt, columns[i], b.i32(shape.columns)), store);
  }
}

void AttendEmitter::mergeWarps(Value shared, Value offset, Value thread, int64_t warps,
                               function_ref<void(const Merged &)> out) {
  Value base = offset ? offset : b.i32(0);
  auto load = [&](Value index) -> Value {
    Value word = b.load(shared, index);
    return word.getType().isF32() ? word : arith::BitcastOp::create(b, b.getF32Type(), word);
  };
  int64_t outputs = shape.columns * shape.valueDepth, threads = 32 * warps;
  for (int64_t first = 0; first < outputs; first += threads) {
    Value output = b.add(thread, b.i32(first));
    auto merge = [&] {
      Merged merged;
      merged.column = b.divU(output, b.i32(shape.valueDepth));
      merged.dim = b.remU(output, b.i32(shape.valueDepth));
      // Lane i has the statistics of warp i % warps. A warp has one column.
      Value stats =
          b.add(b.add(base, b.mul(merged.column, b.i32(warps))), b.band(lane, b.i32(warps - 1)));
      int64_t firstStats = warps * shape.columns * getPitch(shape);
      Value max = load(b.plus(stats, firstStats));
      Value sum = load(b.plus(stats, firstStats + warps * shape.columns));
      merged.max = max;
      for (int64_t mask = 1; mask < warps; mask *= 2)
        merged.max = b.maxF(merged.max, b.shuffleXor(merged.max, mask));
      Value weight = b.exp2(b.subF(max, merged.max));
      merged.sum = b.mulF(sum, weight);
      for (int64_t mask = 1; mask < warps; mask *= 2)
        merged.sum = b.addF(merged.sum, b.shuffleXor(merged.sum, mask));
      Value at = b.add(b.add(base, b.mul(merged.column, b.i32(getPitch(shape)))), merged.dim);
      SmallVector<Value> parts;
      for (int64_t i = 0; i < warps; ++i)
        parts.push_back(load(b.plus(at, i * shape.columns * getPitch(shape))));
      merged.acc = b.f32(0);
      for (auto [i, part] : llvm::enumerate(parts))
        merged.acc = b.fma(b.shuffleIdx(weight, b.i32(i)), part, merged.acc);
      out(merged);
    };
    if (first + threads <= outputs)
      merge();
    else // whole warps
      b.when(b.cmp(CmpIPredicate::slt, output, b.i32(outputs)), merge);
  }
}
