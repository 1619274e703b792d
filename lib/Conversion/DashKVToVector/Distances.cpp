//===- Distances.cpp - The kernel of hamming_distance ---------------------===//
#include "Emitters.h"
#include "Scan.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace mlir::dashkv;
using Values = VectorBuilder::Values;

std::string mlir::dashkv::whyNoVectorKernel(HammingDistanceOp op) {
  FailureOr<CodeForm> form =
      CodeForm::get(op.getQueryCodes().getType(), op.getKeyCodes().getType());
  if (form->getMaxDistance() > 255)
    return "a distance does not fit a byte";
  int64_t heads = cast<ShapedType>(op.getQueryCodes().getType()).getDimSize(1);
  int64_t kvHeads = cast<ShapedType>(op.getKeyCodes().getType()).getDimSize(1);
  if (ShapedType::isDynamic(heads) || ShapedType::isDynamic(kvHeads) || heads == 0)
    return "the number of heads is not known";
  if (CodeForm::getNumKeys(op.getKeyCodes().getType()) == 0)
    return "there are no keys";
  return whyNotContiguous(op.getKeyCodes());
}

namespace {
/// Distances of one batch, KV head and query row.
class DistanceKernel {
public:
  DistanceKernel(HammingDistanceOp op, VectorBuilder &b) : op(op), b(b) {
    shape = ScanShape::get(*CodeForm::get(op.getQueryCodes().getType(), op.getKeyCodes().getType()),
                           getTileConfig(op));
    shape.heads = 1;
    int64_t heads = cast<ShapedType>(op.getQueryCodes().getType()).getDimSize(1);
    codeHeads = heads / cast<ShapedType>(op.getKeyCodes().getType()).getDimSize(1);
    shape.lists = 1;
    for (int64_t lists : {2, 3, 4})
      if (codeHeads % lists == 0)
        shape.lists = lists;
    scan.emplace(b, shape, op.getQueryCodes(), 1);
    if (!shape.form.planes) {
      tail = b.stackBuffer({shape.blockBytes()}, b.getI8Type());
      tailDistances = b.stackBuffer({shape.lists, kBlockKeys}, b.getI8Type());
    }
  }

  void emit() {
    b.loop(b.dim(op.getQueryCodes(), 0), [&](Value batch) {
      b.loop(b.dim(op.getKeyCodes(), 1), [&](Value kvHead) {
        Value codes = flattenCodes(b, op.getKeyCodes(), batch, kvHead);
        b.loop(b.dim(op.getQueryCodes(), 2), [&](Value m) {
          b.loop(b.index(0), b.index(codeHeads), b.index(shape.lists), [&](Value first) {
            emitRow(batch, b.add(b.mul(kvHead, codeHeads), first), m, codes);
          });
        });
      });
    });
  }

private:
  void emitRow(Value batch, Value head, Value m, Value codes) {
    Value zero = b.index(0);
    SmallVector<Value> offsets;
    for (int64_t list = 0; list < shape.lists; ++list) {
      Value offset = scan->buildTables(batch, b.add(head, list), m, zero, list);
      offsets.push_back(b.splat(b.castU(offset, b.getI8Type()), shape.vectorBytes));
    }
    auto scanBlocks = [&](const CodeBlocks &blocks, auto store) {
      scan->scan(blocks, zero, {}, [&](Value block, const CodeScan::Distances &sums, ValueRange) {
        for (auto [list, parts] : llvm::enumerate(sums))
          for (auto [part, sum] : llvm::enumerate(parts)) {
            Value distances = shape.form.weighted ? b.add(sum, offsets[list]) : sum;
            store(distances, list, b.mul(block, kBlockKeys), part * shape.vectorBytes);
          }
        return Values();
      });
    };
    Value keys = b.dim(op.getInit(), 3), whole = b.div(keys, b.index(kBlockKeys));
    scanBlocks({codes, zero, whole, b.index(1), zero}, [&](Value distances, int64_t list, Value key,
                                                           int64_t lane) {
      b.storeVector(distances, op.getInit(), {batch, b.add(head, list), m, b.add(key, lane)});
    });
    if (shape.form.planes)
      return;
    // Nothing is read or written past the end.
    Value begin = b.mul(whole, kBlockKeys), left = b.sub(keys, begin);
    b.when(b.cmp(arith::CmpIPredicate::ne, left, zero), [&] {
      Value start = b.mul(begin, shape.planes());
      b.loop(b.mul(left, shape.planes()),
             [&](Value i) { b.store(b.load(codes, b.add(start, i)), tail, i); });
      Value block = memref::CastOp::create(b, codes.getType(), tail);
      scanBlocks({block, zero, b.index(1), b.index(1), zero},
                 [&](Value distances, int64_t list, Value, int64_t lane) {
                   b.storeVector(distances, tailDistances, {b.index(list), b.index(lane)});
                 });
      b.loop(left, [&](Value i) {
        for (int64_t list = 0; list < shape.lists; ++list)
          b.store(b.load(tailDistances, {b.index(list), i}), op.getInit(),
                  {batch, b.add(head, list), m, b.add(begin, i)});
      });
    });
  }

  HammingDistanceOp op;
  VectorBuilder &b;
  ScanShape shape;
  int64_t codeHeads;
  std::optional<CodeScan> scan;
  Value tail, tailDistances;
};
} // namespace

void mlir::dashkv::emitVectorKernel(HammingDistanceOp op, VectorBuilder &b) {
  DistanceKernel(op, b).emit();
}
