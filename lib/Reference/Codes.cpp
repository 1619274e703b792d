//===- Codes.cpp - hash_encode and hamming_distance -----------------------===//
#include "Codes.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace dashkv::reference {

//===----------------------------------------------------------------------===//
// Encoders
//===----------------------------------------------------------------------===//

static double activate(Activation activation, double x) {
  switch (activation) {
  case Activation::Relu:
    return x < 0 ? 0 : x; // NaN stays
  case Activation::Silu:
    return x / (1 + std::exp(-x));
  case Activation::Tanh:
    return std::tanh(x);
  }
  return NAN;
}

std::vector<double> encodeVector(const Encoder &encoder, int64_t head, std::vector<double> x) {
  for (size_t layer = 0; layer < encoder.weights.size(); ++layer) {
    const Tensor<float> &weight = encoder.weights[layer];
    bool perHead = weight.shape.size() == 3;
    int64_t in = weight.size(perHead), out = weight.size(perHead + 1);
    require(static_cast<int64_t>(x.size()) == in, "weights whose sizes follow from one another");
    std::vector<double> z(out);
    for (int64_t j = 0; j < out; ++j) {
      for (int64_t i = 0; i < in; ++i)
        z[j] += x[i] * (perHead ? weight(head, i, j) : weight(i, j));
      if (layer < encoder.biases.size()) {
        const Tensor<float> &bias = encoder.biases[layer];
        z[j] += bias.shape.size() == 2 ? bias(head, j) : bias(j);
      }
      if (layer + 1 < encoder.weights.size())
        z[j] = activate(encoder.activation, z[j]);
    }
    x = std::move(z);
  }
  return x;
}

Tensor<float> hashValues(const Tensor<float> &input, const Encoder &encoder, int64_t group) {
  int64_t batch = input.size(0), rows = input.size(2), depth = input.size(3);
  require(input.size(1) % group == 0, "heads that are a multiple of the group");
  int64_t codeHeads = input.size(1) / group;
  Tensor<float> values({batch, codeHeads, rows, encoder.weights.back().shape.back()});
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < codeHeads; ++h)
      for (int64_t m = 0; m < rows; ++m) {
        std::vector<double> x;
        for (int64_t g = 0; g < group; ++g)
          for (int64_t d = 0; d < depth; ++d)
            x.push_back(input(b, h * group + g, m, d));
        std::vector<double> z = encodeVector(encoder, h, x);
        for (size_t l = 0; l < z.size(); ++l)
          values(b, h, m, l) = static_cast<float>(z[l]);
      }
  return values;
}

static Codes packValues(const Tensor<float> &values) {
  int64_t batch = values.size(0), heads = values.size(1), rows = values.size(2),
          bits = values.size(3);
  require(bits % 8 == 0, "a multiple of 8 bits");
  Codes result = {Tensor<int8_t>({batch, heads, rows, bits / 8}),
                  Tensor<float>({batch, heads, rows}, 1)};
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t m = 0; m < rows; ++m)
        for (int64_t l = 0; l < bits; ++l)
          if (values(b, h, m, l) > 0)
            result.codes(b, h, m, l / 8) |= 1 << l % 8;
  return result;
}

Codes encodeValues(const Tensor<float> &values, int64_t levels) {
  if (levels == 1)
    return packValues(values);
  constexpr float largestFinite = std::numeric_limits<float>::max();
  int64_t batch = values.size(0), heads = values.size(1), rows = values.size(2),
          bits = values.size(3);
  Codes result = {Tensor<int8_t>(values.shape), Tensor<float>({batch, heads, rows})};
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t m = 0; m < rows; ++m) {
        std::vector<float> magnitudes(bits);
        float largest = 0, total = 0;
        for (int64_t l = 0; l < bits; ++l) {
          float z = values(b, h, m, l);
          magnitudes[l] = std::isnan(z) ? 0 : std::min(std::fabs(z), largestFinite);
          largest = std::max(largest, magnitudes[l]);
          total += magnitudes[l];
        }
        if (largest == 0)
          continue; // weights and scale are 0
        float s =
            std::min({static_cast<float>(levels + 1) / largest, 126.0f / total, largestFinite});
        for (int64_t l = 0; l < bits; ++l) {
          int weight =
              static_cast<int>(std::min(static_cast<float>(levels), std::floor(magnitudes[l] * s)));
          result.codes(b, h, m, l) = values(b, h, m, l) < 0 ? -weight : weight;
        }
        result.codeScale(b, h, m) = 1 / s;
      }
  return result;
}

Codes hashEncode(const Tensor<float> &input, const Encoder &encoder, int64_t levels,
                 int64_t group) {
  return encodeValues(hashValues(input, encoder, group), levels);
}

//===----------------------------------------------------------------------===//
// Distances
//===----------------------------------------------------------------------===//

CodeReader::CodeReader(const Tensor<int8_t> &query, const Tensor<int8_t> &keys)
    : query(query), keys(keys), bits(8 * keys.size(3)), weighted(query.size(3) == bits) {
  require(weighted || query.size(3) == keys.size(3), "query codes of L/8 bytes or of L weights");
  require(query.size(1) % keys.size(1) == 0, "code heads that are a multiple of the KV heads");
}

bool CodeReader::keyBit(int64_t b, int64_t kv, int64_t n, int64_t bit) const {
  return keys(b, kv, n, bit / 8) >> bit % 8 & 1;
}

int CodeReader::queryWeight(int64_t b, int64_t h, int64_t m, int64_t bit) const {
  if (weighted)
    return query(b, h, m, bit);
  return query(b, h, m, bit / 8) >> bit % 8 & 1 ? 1 : -1;
}

int CodeReader::distance(int64_t b, int64_t h, int64_t m, int64_t n) const {
  int64_t kv = h / (query.size(1) / keys.size(1));
  int distance = 0;
  for (int64_t bit = 0; bit < bits; ++bit) {
    int weight = queryWeight(b, h, m, bit);
    if (keyBit(b, kv, n, bit) != (weight > 0))
      distance += std::abs(weight);
  }
  return distance;
}

Tensor<int16_t> hammingDistance(const Tensor<int8_t> &queryCodes, const Tensor<int8_t> &keyCodes) {
  CodeReader codes(queryCodes, keyCodes);
  int64_t batch = queryCodes.size(0), heads = queryCodes.size(1), rows = queryCodes.size(2),
          keys = keyCodes.size(2);
  Tensor<int16_t> distances({batch, heads, rows, keys});
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t m = 0; m < rows; ++m)
        for (int64_t n = 0; n < keys; ++n)
          distances(b, h, m, n) = codes.distance(b, h, m, n);
  return distances;
}

} // namespace dashkv::reference
