//===- Encode.cpp - The kernel of hash encoders ---------------------------===//
//
// z[r, l] = sum over d of x[r, d] * W[d, l]: rows of W are contiguous in l, so a
// vector holds neighbouring outputs, and a tile of some rows r and some vectors
// stays in registers while d runs. Rows that share weights are taken together,
// as a row of W is then read once for all of them; a decode step gets such rows
// from its heads where they share an encoder, a prefill from its keys.
//
//===----------------------------------------------------------------------===//
#include "Emitters.h"
#include "EncodeValues.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::dashkv;

/// Bytes of the stack that values between layers may take.
static constexpr int64_t kMaxStackBytes = 1 << 20;
/// Rows of weights between a prefetch and the use.
static constexpr int64_t kPrefetchRows = 16;
static constexpr int64_t kLineBytes = 64;
/// Rows of a tile, at most.
static constexpr int64_t kMaxRows = 8;

static ArrayRef<int64_t> getShape(Value value) {
  return cast<ShapedType>(value.getType()).getShape();
}

std::string mlir::dashkv::whyNoVectorKernel(HashEncodeOp op) {
  int64_t depth = getShape(op.getInput()).back(), values = depth * op.getGroup();
  if (ShapedType::isDynamic(depth))
    return "the head size is dynamic";
  for (Value weight : op.getWeights()) {
    if (ShapedType::isDynamic(getShape(weight).back()))
      return "the sizes of the layers are dynamic";
    values += getShape(weight).back();
  }
  if (values * kMaxRows * 4 > kMaxStackBytes)
    return "the layers are too large for the stack";
  return "";
}

namespace {
class HashEncoder {
public:
  HashEncoder(HashEncodeOp op, VectorBuilder &b)
      : op(op), b(b), lanes(getTileConfig(op).getLanes()) {}
  void emit();

private:
  /// Where a row of the op is: its batch, code head and query row.
  struct Position {
    Value batch, head, row;
  };
  using Map = function_ref<Position(Value)>;

  /// Rows 0 to `count` of those that share weights; those of `head` if they are
  /// a head's own.
  void emitRows(Value count, int64_t staticCount, Value head, Map map);
  void emitBlock(Value first, int64_t rows, Value head, Map map);
  void emitInput(Value to, const Position &from);
  void emitLayer(unsigned layer, int64_t rows, Value head);
  /// Outputs [offset + piece] of `rows` rows; the relu is applied at once.
  void emitTile(unsigned layer, int64_t rows, Value head, Value offset, ArrayRef<Piece> pieces);
  void emitPrefetch(Value weight, Value head, Value d, Value offset, ArrayRef<Piece> pieces);
  void emitActivation(unsigned layer, int64_t rows);
  void emitCodes(Value from, const Position &to);

  /// Vectors of a tile of `rows` rows, so that its sums, a row of weights and one
  /// value of x fit the registers, and that there are sums enough to hide the
  /// latency of a multiplication.
  int64_t getTileVectors(int64_t rows) const {
    bool isWide = lanes == 16; // 32 registers, otherwise 16
    if (rows == 1)
      return 8;
    if (rows == 2)
      return isWide ? 8 : 4;
    return rows == 4 ? (isWide ? 4 : 3) : 2;
  }
  int64_t getMaxTileRows() const { return lanes == 16 ? kMaxRows : 4; }

  HashEncodeOp op;
  VectorBuilder &b;
  int64_t lanes;
  /// What goes into each layer, and what comes out of the last one, f32
  /// [rows of a tile, size].
  SmallVector<Value> values;
};
} // namespace

void HashEncoder::emit() {
  SmallVector<int64_t> sizes = {getShape(op.getInput()).back() *
                                static_cast<int64_t>(op.getGroup())};
  for (Value weight : op.getWeights())
    sizes.push_back(getShape(weight).back());
  for (int64_t size : sizes)
    values.push_back(b.stackBuffer({getMaxTileRows(), size}, b.getF32Type()));

  Value init = op.getInit();
  Value batch = b.dim(init, 0), heads = b.dim(init, 1), rows = b.dim(init, 2);
  ArrayRef<int64_t> shape = getShape(init);
  bool isShared = llvm::all_of(op.getWeights(), [](Value w) { return getShape(w).size() == 2; });
  auto product = [](ArrayRef<int64_t> sizes) {
    int64_t result = 1;
    for (int64_t size : sizes)
      result = ShapedType::isDynamic(size) || ShapedType::isDynamic(result) ? ShapedType::kDynamic
                                                                            : result * size;
    return result;
  };
  // Few query rows: those of several batches and, with shared weights, of
  // several heads are taken together. The divisions are by constants.
  bool isFew = !ShapedType::isDynamic(shape[2]) && shape[2] < kMaxRows;
  if (isFew && isShared && !ShapedType::isDynamic(shape[1])) {
    Value count = b.mul(b.mul(batch, heads), rows);
    emitRows(count, product(shape.take_front(3)), Value(), [&](Value r) -> Position {
      Value vector = b.div(r, rows), batch = b.div(vector, heads);
      return {batch, b.sub(vector, b.mul(batch, heads)), b.sub(r, b.mul(vector, rows))};
    });
    return;
  }
  if (isFew) {
    b.loop(heads, [&](Value head) {
      emitRows(b.mul(batch, rows), product({shape[0], shape[2]}), head, [&](Value r) -> Position {
        Value batch = b.div(r, rows);
        return {batch, head, b.sub(r, b.mul(batch, rows))};
      });
    });
    return;
  }
  b.loop(batch, [&](Value batch) {
    b.loop(heads, [&](Value head) {
      emitRows(rows, shape[2], head, [&](Value r) -> Position { return {batch, head, r}; });
    });
  });
}

void HashEncoder::emitRows(Value count, int64_t staticCount, Value head, Map map) {
  int64_t tileRows = getMaxTileRows();
  bool isStatic = !ShapedType::isDynamic(staticCount);
  while (isStatic && tileRows > 1 && tileRows > staticCount)
    tileRows /= 2;
  Value end = b.sub(count, arith::RemUIOp::create(b, count, b.index(tileRows)));
  b.loop(b.index(0), end, b.index(tileRows),
         [&](Value first) { emitBlock(first, tileRows, head, map); });
  if (tileRows > 1 && (!isStatic || staticCount % tileRows != 0))
    b.loop(end, count, b.index(1), [&](Value first) { emitBlock(first, 1, head, map); });
}

void HashEncoder::emitBlock(Value first, int64_t rows, Value head, Map map) {
  auto rowOf = [&](Value buffer, Value row) { return getRow(b, buffer, row); };
  b.loop(b.index(rows),
         [&](Value row) { emitInput(rowOf(values.front(), row), map(b.add(first, row))); });
  for (unsigned layer = 0; layer < op.getWeights().size(); ++layer)
    emitLayer(layer, rows, head);
  b.loop(b.index(rows),
         [&](Value row) { emitCodes(rowOf(values.back(), row), map(b.add(first, row))); });
}

/// The values of the heads of a group, one head after the other.
void HashEncoder::emitInput(Value to, const Position &from) {
  int64_t depth = getShape(op.getInput()).back(), group = op.getGroup();
  b.loop(b.index(group), [&](Value member) {
    Value head = b.add(b.mul(from.head, group), member), begin = b.mul(member, depth);
    forEachPiece(b, depth, lanes, [&](Value offset, int64_t pieceLanes) {
      Value x = loadF32(b, op.getInput(), {from.batch, head, from.row, offset}, pieceLanes);
      b.storeVector(x, to, {b.add(begin, offset)});
    });
  });
}

void HashEncoder::emitLayer(unsigned layer, int64_t rows, Value head) {
  int64_t size = getShape(op.getWeights()[layer]).back(), perTile = getTileVectors(rows);
  SmallVector<Piece> pieces = getPieces(size, lanes);
  int64_t whole = size / lanes, tiles = whole / perTile;
  if (tiles > 0)
    b.loop(b.index(tiles), [&](Value i) {
      emitTile(layer, rows, head, b.mul(i, perTile * lanes),
               ArrayRef<Piece>(pieces).take_front(perTile));
    });
  for (size_t i = tiles * perTile; i < pieces.size(); i += perTile)
    emitTile(layer, rows, head, b.index(0),
             ArrayRef<Piece>(pieces).slice(i, std::min<size_t>(perTile, pieces.size() - i)));
  if (layer + 1 < op.getWeights().size() && *op.getActivation() != Activation::Relu)
    emitActivation(layer, rows);
}

void HashEncoder::emitTile(unsigned layer, int64_t rows, Value head, Value offset,
                           ArrayRef<Piece> pieces) {
  Value weight = op.getWeights()[layer], x = values[layer], y = values[layer + 1];
  bool isLast = layer + 1 == op.getWeights().size();
  auto at = [&](Value parameter, ArrayRef<Value> row, const Piece &piece) {
    SmallVector<Value> indices(row);
    indices.push_back(b.add(offset, piece.offset));
    if (getShape(parameter).size() > indices.size())
      indices.insert(indices.begin(), head);
    return loadF32(b, parameter, indices, piece.lanes);
  };
  SmallVector<Value> start;
  for (const Piece &piece : pieces)
    start.push_back(layer < op.getBiases().size() ? at(op.getBiases()[layer], {}, piece)
                                                  : b.constant(b.f32s(piece.lanes), 0.0));
  SmallVector<Value> sums;
  for (int64_t row = 0; row < rows; ++row)
    sums.append(start);
  Value depth = b.index(getShape(x).back());
  sums = b.loop(b.index(0), depth, b.index(1), sums, [&](Value d, ValueRange carried) {
    SmallVector<Value> weights, result;
    for (const Piece &piece : pieces)
      weights.push_back(at(weight, d, piece));
    if (rows == 1)
      emitPrefetch(weight, head, b.add(d, kPrefetchRows), offset, pieces);
    for (int64_t row = 0; row < rows; ++row) {
      Value scalar = b.load(x, {b.index(row), d});
      for (auto [i, piece] : llvm::enumerate(pieces)) {
        Value sum = carried[row * pieces.size() + i];
        result.push_back(b.fma(b.splat(scalar, piece.lanes), weights[i], sum));
      }
    }
    return result;
  });
  for (int64_t row = 0; row < rows; ++row)
    for (auto [i, piece] : llvm::enumerate(pieces)) {
      Value sum = sums[row * pieces.size() + i];
      if (!isLast && *op.getActivation() == Activation::Relu)
        sum = emitActivate(b, Activation::Relu, sum);
      b.storeVector(sum, y, {b.index(row), b.add(offset, piece.offset)});
    }
}

/// Weights that serve one row come from memory, and a tile skips through them.
void HashEncoder::emitPrefetch(Value weight, Value head, Value d, Value offset,
                               ArrayRef<Piece> pieces) {
  int64_t bytes = cast<MemRefType>(weight.getType()).getElementTypeBitWidth() / 8;
  int64_t end = pieces.back().offset + pieces.back().lanes;
  for (int64_t i = pieces.front().offset; i < end; i += kLineBytes / bytes) {
    SmallVector<Value> indices = {d, b.add(offset, i)};
    if (getShape(weight).size() == 3)
      indices.insert(indices.begin(), head);
    b.prefetch(weight, indices);
  }
}

void HashEncoder::emitActivation(unsigned layer, int64_t rows) {
  Value y = values[layer + 1];
  b.loop(b.index(rows), [&](Value row) {
    forEachPiece(b, getShape(y).back(), lanes, [&](Value offset, int64_t pieceLanes) {
      Value x = b.loadVector(y, {row, offset}, pieceLanes);
      b.storeVector(emitActivate(b, *op.getActivation(), x), y, {row, offset});
    });
  });
}

void HashEncoder::emitCodes(Value from, const Position &to) {
  SmallVector<Value> at = {to.batch, to.head, to.row};
  Value scale;
  if (op.getLevels() == 1) {
    emitPackedCode(b, from, op.getInit(), at, lanes);
    scale = b.constant(b.getF32Type(), 1.0);
  } else {
    scale = emitWeightedCode(b, from, op.getInit(), at, op.getLevels(), lanes);
  }
  if (op.getScaleInit())
    b.store(scale, op.getScaleInit(), at);
}

void mlir::dashkv::emitVectorKernel(HashEncodeOp op, VectorBuilder &b) {
  HashEncoder(op, b).emit();
}
