//===- EstimateCodes.cpp - Distances of single keys -----------------------===//
#include "EstimateCodes.h"
#include "AttendRows.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mlir::dashkv;

using arith::CmpIPredicate;

std::string mlir::dashkv::whyNoWords(Value queryCodes, Value keyCodes) {
  for (Value codes : {queryCodes, keyCodes}) {
    auto memref = dyn_cast<MemRefType>(codes.getType());
    if (memref && !memref.isLastDimUnitStride())
      return "codes are not contiguous";
  }
  return "";
}

/// Bytes of each word of a code.
static SmallVector<int64_t> getWordBytes(CodeForm form) {
  SmallVector<int64_t> bytes(form.bits / 64, 8);
  if (form.bits % 64)
    bytes.push_back(form.bits % 64 / 8);
  return bytes;
}

/// A vector of bytes, or a mask, as one i64.
static Value toWord(VectorBuilder &b, Value vector) {
  auto type = cast<VectorType>(vector.getType());
  unsigned width = type.getNumElements() * type.getElementTypeBitWidth();
  Value whole = b.extract(b.bitcast(vector, b.vec(1, b.getIntegerType(width))), 0);
  return b.castU(whole, b.getI64Type());
}

SmallVector<Value> mlir::dashkv::loadKeyWords(VectorBuilder &b, CodeForm form, Value keyCodes,
                                              Value batch, Value head, Value key) {
  Type i64 = b.getI64Type();
  SmallVector<Value> words;
  int64_t byte = 0;
  for (int64_t bytes : getWordBytes(form)) {
    if (!form.planes) {
      Value vector = b.loadVector(keyCodes, {batch, head, key, b.index(byte)}, bytes);
      words.push_back(toWord(b, vector));
      byte += bytes;
      continue;
    }
    Value keys = b.index(CodeForm::blockKeys);
    Value block = b.div(key, keys), within = b.sub(key, b.mul(block, keys)), word;
    for (int64_t i = 0; i < bytes; ++i, ++byte) {
      Value part = b.load(keyCodes, {batch, head, block, b.index(byte), within});
      part = b.shl(b.castU(part, i64), 8 * i);
      word = word ? b.bor(word, part) : part;
    }
    words.push_back(word);
  }
  return words;
}

static Value popcount(VectorBuilder &b, Value word) { return math::CtPopOp::create(b, word); }

QueryCode::QueryCode(VectorBuilder &b, CodeForm form, Value queryCodes, ArrayRef<Value> row)
    : b(b), total(b.constant(b.getI64Type(), form.bits)) {
  SmallVector<Value> at(row);
  at.push_back(Value());
  int64_t element = 0;
  if (!form.weighted) {
    for (int64_t bytes : getWordBytes(form)) {
      at.back() = b.index(element);
      bits.push_back(toWord(b, b.loadVector(queryCodes, at, bytes)));
      element += bytes;
    }
    return;
  }
  constexpr int64_t kPlanes = 7; // weights up to 127
  planes.resize(kPlanes);
  for (int64_t bytes : getWordBytes(form)) {
    at.back() = b.index(element);
    Value weights = b.loadVector(queryCodes, at, 8 * bytes);
    Value zeros = b.constant(weights.getType(), 0);
    bits.push_back(toWord(b, b.cmp(CmpIPredicate::sgt, weights, zeros)));
    Value sizes = math::AbsIOp::create(b, weights);
    for (int64_t i = 0; i < kPlanes; ++i) {
      Value bit = b.band(sizes, b.constant(weights.getType(), int64_t(1) << i));
      planes[i].push_back(toWord(b, b.cmp(CmpIPredicate::ne, bit, zeros)));
    }
    element += 8 * bytes;
  }
  Value any = b.constant(b.getI64Type(), 0), none = any;
  total = none;
  for (int64_t i = 0; i < kPlanes; ++i)
    for (Value word : planes[i]) {
      total = b.add(total, b.shl(popcount(b, word), i));
      if (i >= 4)
        any = b.bor(any, word);
    }
  hasLargeWeights = b.cmp(CmpIPredicate::ne, any, none);
}

Value QueryCode::countPlanes(ArrayRef<Value> differing, size_t begin, size_t end) const {
  Value sum;
  for (size_t i = begin; i < end; ++i)
    for (auto [word, plane] : llvm::zip_equal(differing, planes[i])) {
      Value count = b.shl(popcount(b, b.band(word, plane)), static_cast<int64_t>(i));
      sum = sum ? b.add(sum, count) : count;
    }
  return sum;
}

Value QueryCode::getDistance(ArrayRef<Value> keyWords) const {
  SmallVector<Value> differing;
  for (auto [key, query] : llvm::zip_equal(keyWords, bits))
    differing.push_back(b.bxor(key, query));
  if (!planes.empty()) {
    // Encoders make weights of up to 15, codes may have others.
    Value low = countPlanes(differing, 0, 4);
    return b.branch(
        hasLargeWeights,
        [&] { return VectorBuilder::Values{b.add(low, countPlanes(differing, 4, 7))}; },
        [&] { return VectorBuilder::Values{low}; })[0];
  }
  Value sum;
  for (Value word : differing)
    sum = sum ? b.add(sum, popcount(b, word)) : popcount(b, word);
  return sum;
}
