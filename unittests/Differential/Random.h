//===- Random.h - Reproducible choices --------------------------*- C++ -*-===//
#ifndef DASHKV_UNITTESTS_DIFFERENTIAL_RANDOM_H
#define DASHKV_UNITTESTS_DIFFERENTIAL_RANDOM_H

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <random>

namespace dashkv::testing {

/// Choices that depend on the seed alone: the engine is fixed by the standard,
/// the distributions of the library are not.
class Random {
public:
  explicit Random(uint64_t seed) : engine(seed) {}

  /// One of low..high.
  int64_t integer(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(engine() % (high - low + 1));
  }
  double uniform() { return (engine() >> 11) * 0x1p-53; }
  bool chance(double probability) { return uniform() < probability; }
  template <class T> T pick(std::initializer_list<T> values) {
    return values.begin()[integer(0, values.size() - 1)];
  }
  float normal() {
    double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return static_cast<float>(radius * std::cos(2 * M_PI * uniform()));
  }
  /// Normal, times a random power of two out of `binades` of them around 1.
  float wide(int binades) {
    return std::ldexp(normal(), static_cast<int>(integer(0, binades)) - binades / 2);
  }

private:
  std::mt19937_64 engine;
};

} // namespace dashkv::testing

#endif // DASHKV_UNITTESTS_DIFFERENTIAL_RANDOM_H
