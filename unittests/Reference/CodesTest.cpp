//===- CodesTest.cpp - hash_encode and hamming_distance -------------------===//
#include "dashkv/Reference/Reference.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace dashkv::reference;

static constexpr float kLargest = std::numeric_limits<float>::max();

static int sumOfMagnitudes(const Tensor<int8_t> &codes) {
  int sum = 0;
  for (int8_t w : codes.data)
    sum += std::abs(w);
  return sum;
}

//===----------------------------------------------------------------------===//
// Codes of given values
//===----------------------------------------------------------------------===//

TEST(Pack, SignsAndTies) {
  // Byte 0: bits 0, 4 and 6 are above zero: 1 + 16 + 64 = 0x51. Byte 1: bits 0 and
  // 7: 0x81.
  Tensor<float> z({1, 1, 1, 16},
                  {1, -1, 0, NAN, 0.5f, -0.0f, INFINITY, -INFINITY, 2, 0, -3, 0, 0, 0, 0, 1e-45f});
  Codes result = encodeValues(z, 1);
  EXPECT_EQ(result.codes.shape, (std::vector<int64_t>{1, 1, 1, 2}));
  EXPECT_EQ(result.codes.data, (std::vector<int8_t>{0x51, static_cast<int8_t>(0x81)}));
  EXPECT_EQ(result.codeScale.data, (std::vector<float>{1}));
}

TEST(Weigh, LimitedByTheLargest) {
  // max 4, sum 7.75: s = min(8/4, 126/7.75 = 16.3) = 2. 4*2 = 8 is cut to 7.
  Tensor<float> z({1, 1, 1, 8}, {4, -2, 1, 0, 0.5f, -0.25f, NAN, -0.0f});
  Codes result = encodeValues(z, 7);
  EXPECT_EQ(result.codes.data, (std::vector<int8_t>{7, -4, 2, 0, 1, 0, 0, 0}));
  EXPECT_EQ(result.codeScale.data, (std::vector<float>{0.5f}));
}

TEST(Weigh, LimitedByTheSum) {
  // s = min(16/1, 126/8 = 15.75): 15 each.
  Codes result = encodeValues(Tensor<float>({1, 1, 1, 8}, 1.0f), 15);
  EXPECT_EQ(result.codes.data, std::vector<int8_t>(8, 15));
  EXPECT_EQ(result.codeScale.data[0], 1 / 15.75f);
  // s = min(8/1, 126/64 = 1.97): 1 each, where 7 each would be 448.
  EXPECT_EQ(encodeValues(Tensor<float>({1, 1, 1, 64}, -1.0f), 7).codes.data,
            std::vector<int8_t>(64, -1));
  // s = 126/256 < 1: a flat row of 256 values has no weights left.
  EXPECT_EQ(sumOfMagnitudes(encodeValues(Tensor<float>({1, 1, 1, 256}, 1.0f), 7).codes), 0);
}

TEST(Weigh, InfinityIsTheLargestFinite) {
  // s = 8 / largest: the infinity gets 7 (8 is cut), all else vanishes beside it.
  Tensor<float> z({1, 1, 1, 8}, {-INFINITY, 1e30f, 1, NAN, 0, 0, 0, 0});
  Codes result = encodeValues(z, 7);
  EXPECT_EQ(result.codes.data, (std::vector<int8_t>{-7, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(result.codeScale.data[0], 1 / (8 / kLargest));
  // A sum beyond f32 leaves no weights: s = 126 / inf = 0.
  z(0, 0, 0, 1) = INFINITY;
  result = encodeValues(z, 7);
  EXPECT_EQ(sumOfMagnitudes(result.codes), 0);
  EXPECT_EQ(result.codeScale.data[0], INFINITY);
}

TEST(Weigh, ZeroRows) {
  Tensor<float> z({1, 1, 2, 8});
  z(0, 0, 0, 3) = NAN;
  z(0, 0, 1, 3) = -1;
  Codes result = encodeValues(z, 2);
  EXPECT_EQ(sumOfMagnitudes(result.codes), 2);
  EXPECT_EQ(result.codes(0, 0, 1, 3), -2);
  EXPECT_EQ(result.codeScale.data, (std::vector<float>{0, 1.0f / 3}));
}

// Values so small that (W + 1) / max|z| and 126 / sum|z| are infinite.
TEST(Weigh, DenormalsKeepTheSum) {
  Codes result = encodeValues(Tensor<float>({1, 1, 1, 64}, 1e-40f), 7);
  EXPECT_LE(sumOfMagnitudes(result.codes), 127);
  EXPECT_EQ(result.codeScale.data[0], 1 / kLargest);
}

TEST(Weigh, SumNeverPasses127) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (int trial = 0; trial < 2000; ++trial) {
    int64_t bits = 8 << random() % 6;
    Tensor<float> z({1, 1, 1, bits});
    float spread = std::ldexp(1.0f, static_cast<int>(random() % 200) - 100);
    for (float &x : z.data)
      x = spread * std::pow(normal(random), static_cast<float>(1 + random() % 3));
    int64_t levels = 2 + random() % 14;
    Tensor<int8_t> codes = encodeValues(z, levels).codes;
    EXPECT_LE(sumOfMagnitudes(codes), 127);
    for (size_t i = 0; i < codes.data.size(); ++i) {
      EXPECT_LE(std::abs(codes.data[i]), levels);
      EXPECT_GE(codes.data[i] * z.data[i], 0);
    }
  }
}

//===----------------------------------------------------------------------===//
// Encoders
//===----------------------------------------------------------------------===//

TEST(Encoder, SharedWeights) {
  // x = (1, 2): z_j = W[0][j] + 2 W[1][j].
  Encoder encoder;
  encoder.weights = {Tensor<float>({2, 8}, {1, 2, 3, 4, 5, 6, 7, 8, //
                                            -1, -1, -1, -1, -2, -2, -2, -4})};
  Tensor<float> x({1, 2, 1, 2}, {1, 2, 0, 1});
  Tensor<float> z = hashValues(x, encoder);
  EXPECT_EQ(z.shape, (std::vector<int64_t>{1, 2, 1, 8}));
  EXPECT_EQ(z.data, (std::vector<float>{-1, 0, 1, 2, 1, 2, 3, 0, //
                                        -1, -1, -1, -1, -2, -2, -2, -4}));
  // Bits 2 to 6 are set: 4 + 8 + 16 + 32 + 64.
  EXPECT_EQ(hashEncode(x, encoder).codes.data, (std::vector<int8_t>{124, 0}));
}

TEST(Encoder, HeadWeightsAndBiases) {
  // D = 1, z = w_h x + b_h.
  Encoder encoder;
  encoder.weights = {Tensor<float>({2, 1, 8})};
  encoder.biases = {Tensor<float>({2, 8})};
  for (int j = 0; j < 8; ++j) {
    encoder.weights[0](0, 0, j) = j;
    encoder.weights[0](1, 0, j) = -j;
    encoder.biases[0](1, j) = 3;
  }
  // Head 0: 2j. Head 1: 3 - 2j.
  Tensor<float> z = hashValues(Tensor<float>({1, 2, 1, 1}, 2.0f), encoder);
  EXPECT_EQ(z.data, (std::vector<float>{0, 2, 4, 6, 8, 10, 12, 14, 3, 1, -1, -3, -5, -7, -9, -11}));
}

TEST(Encoder, GroupReadsItsHeadsTogether) {
  // Four heads of two values, G = 2: code head 1 reads heads 2 and 3 as
  // (5, 6, 7, 8). The weights pick one input a bit.
  Encoder encoder;
  encoder.weights = {Tensor<float>({4, 8})};
  for (int j = 0; j < 4; ++j)
    encoder.weights[0](j, j) = 1;
  Tensor<float> x({1, 4, 1, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  Tensor<float> z = hashValues(x, encoder, 2);
  EXPECT_EQ(z.shape, (std::vector<int64_t>{1, 2, 1, 8}));
  EXPECT_EQ(z.data, (std::vector<float>{1, 2, 3, 4, 0, 0, 0, 0, 5, 6, 7, 8, 0, 0, 0, 0}));
}

// Two rows per head, so that a mix-up of M and H shows.
TEST(Encoder, GroupWithRows) {
  Encoder encoder;
  encoder.weights = {Tensor<float>({2, 8})};
  encoder.weights[0](0, 0) = encoder.weights[0](1, 1) = 1;
  Tensor<float> x({1, 2, 2, 1}, {1, 2, 3, 4}); // head 0: rows 1, 2; head 1: rows 3, 4
  Tensor<float> z = hashValues(x, encoder, 2);
  EXPECT_EQ(z(0, 0, 0, 0), 1);
  EXPECT_EQ(z(0, 0, 0, 1), 3);
  EXPECT_EQ(z(0, 0, 1, 0), 2);
  EXPECT_EQ(z(0, 0, 1, 1), 4);
}

static std::vector<float> runMlp(Activation activation) {
  // x = 1: hidden1 = a(1, -1), hidden2 = a(h1[0] - h1[1], 2 h1[1]), z_j = h2[0] for
  // even j and h2[1] + 1 for odd j.
  Encoder encoder;
  encoder.activation = activation;
  encoder.weights = {Tensor<float>({1, 2}, {1, -1}), Tensor<float>({2, 2}, {1, 0, -1, 2}),
                     Tensor<float>({2, 8})};
  encoder.biases = {Tensor<float>({2}), Tensor<float>({2}), Tensor<float>({8})};
  for (int j = 0; j < 8; ++j) {
    encoder.weights[2](j % 2, j) = 1;
    encoder.biases[2](j) = j % 2;
  }
  Tensor<float> z = hashValues(Tensor<float>({1, 1, 1, 1}, 1.0f), encoder);
  EXPECT_EQ(z.data[0], z.data[6]);
  EXPECT_EQ(z.data[1], z.data[7]);
  return {z.data[0], z.data[1]};
}

TEST(Encoder, Activations) {
  // relu: (1, 0) -> (1, 0) -> (1, 0 + 1).
  EXPECT_EQ(runMlp(Activation::Relu), (std::vector<float>{1, 1}));
  // tanh(1) = 0.76159416: (t, -t) -> tanh(2t), tanh(-2t) = 0.9092517, -0.9092517.
  std::vector<float> z = runMlp(Activation::Tanh);
  EXPECT_NEAR(z[0], 0.9092517, 1e-6);
  EXPECT_NEAR(z[1], 1 - 0.9092517, 1e-6);
  // silu(1) = 0.73105858, silu(-1) = -0.26894142: (1, -0.53788284) ->
  // silu(1) = 0.73105858, silu(-0.53788284) = -0.1983068.
  z = runMlp(Activation::Silu);
  EXPECT_NEAR(z[0], 0.7310586, 1e-6);
  EXPECT_NEAR(z[1], 1 - 0.1983068, 1e-6);
}

//===----------------------------------------------------------------------===//
// Distances
//===----------------------------------------------------------------------===//

TEST(Hamming, Packed) {
  // 0x0f ^ 0x3c = 0x33: 4 bits; 0xff ^ 0x00: 8 bits.
  Tensor<int8_t> q({1, 1, 1, 2}, {0x0f, -1}), k({1, 1, 2, 2}, {0x3c, 0, 0x0f, -1});
  EXPECT_EQ(hammingDistance(q, k).data, (std::vector<int16_t>{12, 0}));
}

TEST(Hamming, AllOf256Bits) {
  Tensor<int8_t> q({1, 1, 1, 32}, int8_t(-1)), k({1, 1, 1, 32});
  EXPECT_EQ(hammingDistance(q, k).data, (std::vector<int16_t>{256}));
}

TEST(Hamming, Weighted) {
  // Key bits 0 1 1 1 0 0 0 0 = 0x0e. Weight 3 wants a 1 and meets 0: 3. Weight -2
  // wants a 0 and meets 1: 2. Weight 0 does not care. Weight 1 meets a 1: 0.
  Tensor<int8_t> q({1, 1, 1, 8}, {3, -2, 0, 1, 0, 0, -5, 0}), k({1, 1, 1, 1}, {0x0e});
  EXPECT_EQ(hammingDistance(q, k).data, (std::vector<int16_t>{5}));
}

TEST(Hamming, LargestWeightedDistance) {
  Tensor<int8_t> q({1, 1, 1, 8}, {15, 15, 15, 15, 15, 15, 15, 15}), k({1, 1, 1, 1});
  q(0, 0, 0, 7) = 22; // 7 * 15 + 22 = 127
  EXPECT_EQ(hammingDistance(q, k).data, (std::vector<int16_t>{127}));
}

TEST(Hamming, HeadsOfAGroupShareKeys) {
  // Four code heads, two KV heads: code heads 0 and 1 read keys of head 0.
  Tensor<int8_t> q({1, 4, 1, 1}), k({1, 2, 1, 1}, {1, 7});
  EXPECT_EQ(hammingDistance(q, k).data, (std::vector<int16_t>{1, 1, 3, 3}));
}

//===----------------------------------------------------------------------===//
// Identities that lowerings use, on random codes
//===----------------------------------------------------------------------===//

namespace {
struct RandomCodes {
  std::mt19937 random;
  explicit RandomCodes(int seed) : random(seed) {}
  Tensor<int8_t> packed(std::vector<int64_t> shape) {
    Tensor<int8_t> codes(std::move(shape));
    for (int8_t &byte : codes.data)
      byte = static_cast<int8_t>(random());
    return codes;
  }
};
} // namespace

static bool getBit(const Tensor<int8_t> &codes, int64_t h, int64_t n, int64_t b) {
  return codes(0, h, n, b / 8) >> b % 8 & 1;
}

TEST(Identity, PackedIsWeightedByOne) {
  RandomCodes source(4);
  Tensor<int8_t> q = source.packed({1, 1, 1, 16}), k = source.packed({1, 1, 100, 16});
  Tensor<int8_t> weighted({1, 1, 1, 128});
  for (int b = 0; b < 128; ++b)
    weighted(0, 0, 0, b) = getBit(q, 0, 0, b) ? 1 : -1;
  EXPECT_EQ(hammingDistance(q, k).data, hammingDistance(weighted, k).data);
}

// (i): D = sum_i 2^i popcount((k xor s) and m_i), s the signs, m_i bit i of the
// magnitudes.
TEST(Identity, Planes) {
  RandomCodes source(5);
  std::uniform_int_distribution<int> weight(-3, 3);
  for (int trial = 0; trial < 50; ++trial) {
    Tensor<int8_t> q({1, 1, 1, 32}), k = source.packed({1, 1, 10, 4});
    for (int8_t &w : q.data)
      w = weight(source.random);
    Tensor<int16_t> distances = hammingDistance(q, k);
    for (int n = 0; n < 10; ++n) {
      int sum = 0;
      for (int plane = 0; plane < 2; ++plane) {
        int count = 0;
        for (int b = 0; b < 32; ++b) {
          bool sign = q(0, 0, 0, b) > 0, inPlane = std::abs(q(0, 0, 0, b)) >> plane & 1;
          count += (getBit(k, 0, n, b) != sign) && inPlane;
        }
        sum += count << plane;
      }
      EXPECT_EQ(distances(0, 0, 0, n), sum);
    }
  }
}

// (ii): sum_h popcount(k xor q_h) = c + sum_b |w_b| [k_b != (w_b > 0)] with n_b heads
// whose bit b is 1, w_b = 2 n_b - G and c = sum_b min(n_b, G - n_b); for even G all
// w_b are even.
TEST(Identity, GroupSum) {
  RandomCodes source(6);
  for (int64_t group : {1, 2, 3, 4, 8}) {
    Tensor<int8_t> q = source.packed({1, group, 1, 4}), k = source.packed({1, 1, 20, 4});
    Tensor<int8_t> weighted({1, 1, 1, 32});
    int c = 0;
    for (int b = 0; b < 32; ++b) {
      int ones = 0;
      for (int64_t h = 0; h < group; ++h)
        ones += getBit(q, h, 0, b);
      weighted(0, 0, 0, b) = 2 * ones - group;
      if (group % 2 == 0)
        EXPECT_EQ(weighted(0, 0, 0, b) % 2, 0);
      c += std::min<int>(ones, group - ones);
    }
    Tensor<int16_t> each = hammingDistance(q, k), together = hammingDistance(weighted, k);
    for (int n = 0; n < 20; ++n) {
      int sum = 0;
      for (int64_t h = 0; h < group; ++h)
        sum += each(0, h, 0, n);
      EXPECT_EQ(sum, c + together(0, 0, 0, n));
    }
  }
}
