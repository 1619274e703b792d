//===- ReferenceC.cpp - The oracle for Python's ctypes --------------------===//
//
// What python/tests/test_reference.py needs. Arrays are dense and row-major;
// sizes come first; optional ones may be null.
//
//===----------------------------------------------------------------------===//
#include "dashkv/Reference/Reference.h"
#include <algorithm>

using namespace dashkv::reference;

template <class T> static Tensor<T> read(const T *data, std::vector<int64_t> shape) {
  if (!data)
    return {};
  Tensor<T> tensor(std::move(shape));
  std::copy(data, data + tensor.data.size(), tensor.data.begin());
  return tensor;
}

template <class T> static void write(const Tensor<T> &tensor, T *data) {
  std::copy(tensor.data.begin(), tensor.data.end(), data);
}

/// query [B,Hq,M,D], key [B,Hkv,N,D], value [B,Hkv,N,Dv], mask [B,Hq,M,N],
/// lengths [B], out [B,Hq,M,Dv], lse [B,Hq,M]; sizes B, Hq, Hkv, M, N, D, Dv.
extern "C" void dashkvReferenceAttention(const int64_t *sizes, const float *query, const float *key,
                                         const float *value, const float *mask,
                                         const int32_t *lengths, int causal, float *out,
                                         float *lse) {
  int64_t b = sizes[0], hq = sizes[1], hkv = sizes[2], m = sizes[3], n = sizes[4], d = sizes[5],
          dv = sizes[6];
  AttentionOperands op;
  op.query = read(query, {b, hq, m, d});
  op.key = read(key, {b, hkv, n, d});
  op.value = read(value, {b, hkv, n, dv});
  op.mask = read(mask, {b, hq, m, n});
  op.lengths = read(lengths, {b});
  op.causal = causal;
  AttentionResult result = attention(op);
  write(result.out, out);
  write(result.lse, lse);
}

/// tiered_attention of one batch with a full tier of `full` millionths, no minimum
/// and otherwise the default tiering. queryCodes [Hc,M,X], keyCodes [Hkv,N,L/8],
/// full [Hkv,M,N] (0 or 1); sizes Hq, Hkv, Hc, M, N, D, Dv, X, L/8.
extern "C" void dashkvReferenceTieredAttention(const int64_t *sizes, int64_t full,
                                               const float *query, const float *key,
                                               const float *value, const int8_t *queryCodes,
                                               const int8_t *keyCodes, float *out,
                                               uint8_t *fullTier) {
  int64_t hq = sizes[0], hkv = sizes[1], hc = sizes[2], m = sizes[3], n = sizes[4], d = sizes[5],
          dv = sizes[6];
  AttentionOperands op;
  op.query = read(query, {1, hq, m, d});
  op.key = read(key, {1, hkv, n, d});
  op.value = read(value, {1, hkv, n, dv});
  TieredOperands tiered;
  tiered.queryCodes = read(queryCodes, {1, hc, m, sizes[7]});
  tiered.keyCodes = read(keyCodes, {1, hkv, n, sizes[8]});
  Tiering tiering;
  tiering.full = full;
  tiering.fullMin = tiering.denseBelow = 0;
  TieredResult result = tieredAttention(op, tiered, tiering);
  write(result.out, out);
  Tensor<uint8_t> listed({hkv, m, n});
  const List &list = result.selection.full;
  for (int64_t h = 0; h < hkv; ++h)
    for (int64_t row = 0; row < m; ++row)
      for (int64_t c = 0; c < list.counts(0, h, row); ++c)
        listed(h, row, list.indices(0, h, row, c)) = 1;
  write(listed, fullTier);
}

/// Codes of input [H,M,D] by one linear layer [Hc,G*D,L] with bias [Hc,L]; codes
/// [Hc,M,L/8] (levels 1) or [Hc,M,L]; sizes H, M, D, G, L.
extern "C" void dashkvReferenceHashEncode(const int64_t *sizes, int64_t levels, const float *input,
                                          const float *weight, const float *bias, int8_t *codes) {
  int64_t h = sizes[0], m = sizes[1], d = sizes[2], g = sizes[3], l = sizes[4];
  Encoder encoder;
  encoder.weights = {read(weight, {h / g, g * d, l})};
  encoder.biases = {read(bias, {h / g, l})};
  write(hashEncode(read(input, {1, h, m, d}), encoder, levels, g).codes, codes);
}
