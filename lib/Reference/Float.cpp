//===- Float.cpp - Narrow floating-point types ----------------------------===//
#include "dashkv/Reference/Float.h"
#include <cmath>
#include <cstring>

namespace dashkv::reference {

static uint32_t getBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

static float fromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

float halfToFloat(uint16_t bits) {
  int exponent = bits >> 10 & 0x1f, mantissa = bits & 0x3ff;
  float magnitude;
  if (exponent == 0)
    magnitude = std::ldexp(static_cast<float>(mantissa), -24);
  else if (exponent == 31)
    magnitude = mantissa ? NAN : INFINITY;
  else
    magnitude = std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
  return bits >> 15 ? -magnitude : magnitude;
}

uint16_t floatToHalf(float value) {
  uint16_t sign = getBits(value) >> 16 & 0x8000;
  float magnitude = std::fabs(value);
  if (std::isnan(value))
    return sign | 0x7e00;
  if (magnitude >= 65520.0f) // half way between 65504 and the next power of two
    return sign | 0x7c00;
  // The spacing of f16 around the value is 2^(exponent - 11), and 2^-24 for
  // denormals. Dividing by it is exact and leaves the rounding to nearbyint.
  int exponent;
  std::frexp(magnitude, &exponent);
  int spacing = magnitude < 0x1p-14f ? -24 : exponent - 11;
  int mantissa = static_cast<int>(std::nearbyint(std::ldexp(magnitude, -spacing)));
  // A mantissa that was rounded up to 2048, or a denormal up to 1024, carries
  // into the exponent field by itself.
  return sign | static_cast<uint16_t>(mantissa + ((spacing + 24) << 10));
}

float bfloatToFloat(uint16_t bits) { return fromBits(static_cast<uint32_t>(bits) << 16); }

uint16_t floatToBfloat(float value) {
  uint32_t bits = getBits(value);
  if (std::isnan(value))
    return static_cast<uint16_t>(bits >> 16 | 0x40);
  uint32_t lastKept = bits >> 16 & 1;
  return static_cast<uint16_t>((bits + 0x7fff + lastKept) >> 16);
}

float f8E4M3FNToFloat(uint8_t bits) {
  int exponent = bits >> 3 & 0xf, mantissa = bits & 7;
  float magnitude;
  if (exponent == 15 && mantissa == 7)
    magnitude = NAN;
  else if (exponent == 0)
    magnitude = std::ldexp(static_cast<float>(mantissa), -9);
  else
    magnitude = std::ldexp(static_cast<float>(mantissa + 8), exponent - 10);
  return bits >> 7 ? -magnitude : magnitude;
}

} // namespace dashkv::reference
