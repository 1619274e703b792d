//===- Lists.cpp - Index lists as sources of keys -------------------------===//
#include "Lists.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::dashkv;

using arith::CmpIPredicate;

static SmallVector<Value> append(ArrayRef<Value> index, Value last) {
  SmallVector<Value> result(index);
  result.push_back(last);
  return result;
}

/// Rows of the keys in `list`, of which `source.count` count.
static void setRows(VectorBuilder &b, KeySource &source, Value list) {
  Value last = b.sub(source.count, 1);
  source.row = [&b, list, last](Value position) {
    return b.castU(b.load(list, {b.minU(position, last)}), b.getIndexType());
  };
}

KeySource mlir::dashkv::getListSource(VectorBuilder &b, Value indices, Value counts,
                                      ArrayRef<Value> listAt) {
  KeySource source;
  source.count = b.castU(b.load(counts, listAt), b.getIndexType());
  setRows(b, source, getSlice(b, indices, append(listAt, Value())));
  return source;
}

/// Keys whose holders are looked at together.
static constexpr int64_t kPiece = 64;

ListUnion::ListUnion(VectorBuilder &b, Value numKeys, Value capacity, int64_t numLists,
                     TileConfigAttr config)
    : b(b), numLists(numLists), lanes(config.getLanes()), numKeys(numKeys) {
  Value piece = b.index(kPiece), padded = b.mul(b.ceilDiv(numKeys, piece), piece);
  holders = b.heapBuffer(padded, b.getI8Type());
  b.loop(b.index(0), padded, piece,
         [&](Value key) { b.storeVector(b.constant(b.bytes(kPiece), 0), holders, {key}); });
  Value most = b.minU(numKeys, b.mul(capacity, numLists));
  keys = b.heapBuffer(most, b.getI32Type());
  // The last block may reach beyond the end.
  bits = b.heapBuffer(b.add(most, config.getKeys()), b.getI8Type());
}

void ListUnion::free() {
  for (Value buffer : {holders, keys, bits})
    b.freeBuffer(buffer);
}

KeySource ListUnion::collect(Value indices, Value counts,
                             function_ref<SmallVector<Value>(Value)> listAt) {
  Type i8 = b.getI8Type(), i32 = b.getI32Type(), i64 = b.getI64Type(), index = b.getIndexType();
  Value one = b.constant(i8, 1);
  b.loop(b.index(numLists), [&](Value i) {
    Value bit = b.shl(one, b.castU(i, i8));
    SmallVector<Value> at = listAt(i);
    b.loop(b.castU(b.load(counts, at), index), [&](Value position) {
      Value key = b.castU(b.load(indices, append(at, position)), index);
      b.store(b.bor(b.load(holders, {key}), bit), holders, {key});
    });
  });

  KeySource source;
  source.count = b.loop(
      b.index(0), numKeys, b.index(kPiece), b.index(0), [&](Value first, ValueRange carried) {
        Value zeros = b.constant(b.bytes(kPiece), 0);
        Value piece = b.loadVector(holders, {first}, kPiece);
        Value held = b.bitsOf(b.cmp(CmpIPredicate::ne, piece, zeros));
        Value none = b.constant(i64, 0);
        auto end = b.whileLoop(
            {held, carried[0]},
            [&](ValueRange state) { return b.cmp(CmpIPredicate::ne, state[0], none); },
            [&](ValueRange state) -> VectorBuilder::Values {
              Value offset = math::CountTrailingZerosOp::create(b, state[0]);
              Value key = b.add(first, b.castU(offset, index));
              b.store(b.castU(key, i32), keys, {state[1]});
              b.store(b.load(holders, {key}), bits, {state[1]});
              return {b.band(state[0], b.sub(state[0], 1)), b.add(state[1], 1)};
            });
        b.storeVector(zeros, holders, {first});
        return VectorBuilder::Values{end[1]};
      })[0];
  setRows(b, source, keys);
  source.mask = [b = &b, bits = bits, lanes = lanes, one](Value queryRow, Value position) {
    Value bit = b->splat(b->shl(one, b->castU(queryRow, b->getI8Type())), lanes);
    Value held = b->band(b->loadVector(bits, {position}, lanes), bit);
    return b->cmp(CmpIPredicate::ne, held, b->constant(b->bytes(lanes), 0));
  };
  return source;
}
