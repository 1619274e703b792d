//===- PTXFloat.h - Formats of floating point -------------------*- C++ -*-===//
#ifndef DASHKV_UNITTESTS_PTX_PTXFLOAT_H
#define DASHKV_UNITTESTS_PTX_PTXFLOAT_H

#include <cmath>
#include <cstdint>
#include <cstring>

namespace ptx {

inline float bitsToFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}
inline uint32_t floatToBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

/// A narrow format: its bits of exponent and mantissa, and what is at the top.
struct Narrow {
  int exponent, mantissa;
  bool infinity; ///< else the largest exponent is finite, but for NaN
};
constexpr Narrow half{5, 10, true}, bfloat{8, 7, true}, e4m3{4, 3, false}, e5m2{5, 2, true},
    tf32{8, 10, true};

enum class Rounding { Nearest, Zero, Down, Up, Away };

/// Rounds to a narrow format, to infinity or (`saturate`) the largest number.
uint32_t roundTo(const Narrow &format, double value, Rounding rounding, bool saturate);
/// The exact value.
float widen(const Narrow &format, uint32_t bits);

inline float bfloatToFloat(uint16_t bits) { return bitsToFloat(uint32_t(bits) << 16); }
inline uint16_t floatToBfloat(float value) {
  uint32_t bits = floatToBits(value);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return 0x7fff;
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
inline float halfToFloat(uint16_t bits) {
  uint32_t rest = bits & 0x7fff, sign = uint32_t(bits & 0x8000) << 16;
  if (rest >= 0x7c00)
    return bitsToFloat(sign | 0x7f800000 | (rest & 0x3ff) << 13);
  // Scaling by a power of two normalises denormals too.
  return bitsToFloat(sign | floatToBits(bitsToFloat(rest << 13) * 0x1p112f));
}
inline uint16_t floatToHalf(float value) {
  uint32_t bits = floatToBits(value), rest = bits & 0x7fffffff;
  uint16_t sign = bits >> 16 & 0x8000;
  if (rest > 0x7f800000)
    return 0x7fff;
  if (rest >= 0x477ff000)
    return sign | 0x7c00;
  if (rest < 0x38800000) // denormal: the sum rounds at the right place
    return sign | static_cast<uint16_t>(floatToBits(bitsToFloat(rest) + 0.5f) - 0x3f000000);
  return sign | static_cast<uint16_t>((rest + 0xfff + (rest >> 13 & 1) - 0x38000000) >> 13);
}
inline float flushDenormal(float value) {
  return std::fabs(value) < 0x1p-126f ? std::copysign(0.0f, value) : value;
}

} // namespace ptx

#endif // DASHKV_UNITTESTS_PTX_PTXFLOAT_H
