//===- Float.h - Narrow floating-point types --------------------*- C++ -*-===//
//
// Bit patterns of f16, bf16 and f8E4M3FN as f32 and back. Widening is exact;
// narrowing rounds to nearest, ties to even.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_REFERENCE_FLOAT_H
#define DASHKV_REFERENCE_FLOAT_H

#include <cstdint>

namespace dashkv::reference {

/// f16: 5 exponent and 10 mantissa bits, with infinities and denormals.
float halfToFloat(uint16_t bits);
uint16_t floatToHalf(float value);

/// bf16: the upper half of an f32.
float bfloatToFloat(uint16_t bits);
uint16_t floatToBfloat(float value);

/// f8E4M3FN: 4 exponent and 3 mantissa bits, denormals, no infinities; 0x7f and
/// 0xff are NaN, and the largest finite value is 448.
float f8E4M3FNToFloat(uint8_t bits);

} // namespace dashkv::reference

#endif // DASHKV_REFERENCE_FLOAT_H
