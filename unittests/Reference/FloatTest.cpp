//===- FloatTest.cpp - Narrow floating-point types ------------------------===//
#include "dashkv/Reference/Float.h"
#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace dashkv::reference;

TEST(Half, Literals) {
  EXPECT_EQ(halfToFloat(0x3c00), 1.0f);
  EXPECT_EQ(halfToFloat(0xc100), -2.5f);
  EXPECT_EQ(halfToFloat(0x7bff), 65504.0f);
  EXPECT_EQ(halfToFloat(0x0400), 0x1p-14f); // smallest normal
  EXPECT_EQ(halfToFloat(0x0001), 0x1p-24f); // smallest denormal
  EXPECT_EQ(halfToFloat(0xfc00), -INFINITY);
  EXPECT_TRUE(std::isnan(halfToFloat(0x7e00)));
  EXPECT_TRUE(std::signbit(halfToFloat(0x8000)));
}

TEST(Half, Rounding) {
  EXPECT_EQ(floatToHalf(0.0f), 0x0000);
  EXPECT_EQ(floatToHalf(-0.0f), 0x8000);
  EXPECT_EQ(floatToHalf(1 + 0x1p-11f), 0x3c00);     // a tie goes to the even one
  EXPECT_EQ(floatToHalf(1 + 3 * 0x1p-11f), 0x3c02); // here upwards
  EXPECT_EQ(floatToHalf(1 + 0x1p-11f + 0x1p-20f), 0x3c01);
  EXPECT_EQ(floatToHalf(2 - 0x1p-12f), 0x4000);        // carries into the exponent
  EXPECT_EQ(floatToHalf(0x1p-14f - 0x1p-26f), 0x0400); // denormal to normal
  EXPECT_EQ(floatToHalf(0x1p-25f), 0x0000);            // half the smallest: even is 0
  EXPECT_EQ(floatToHalf(1.5f * 0x1p-25f), 0x0001);
  EXPECT_EQ(floatToHalf(1e-30f), 0x0000);
  EXPECT_EQ(floatToHalf(65519.0f), 0x7bff);
  EXPECT_EQ(floatToHalf(65520.0f), 0x7c00);
  EXPECT_EQ(floatToHalf(-INFINITY), 0xfc00);
  EXPECT_TRUE(std::isnan(halfToFloat(floatToHalf(NAN))));
}

TEST(Half, RoundTrip) {
  for (int bits = 0; bits < 65536; ++bits) {
    float value = halfToFloat(bits);
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(halfToFloat(floatToHalf(value))));
    else
      EXPECT_EQ(floatToHalf(value), bits);
  }
}

TEST(Bfloat, Literals) {
  EXPECT_EQ(bfloatToFloat(0x3f80), 1.0f);
  EXPECT_EQ(bfloatToFloat(0xc040), -3.0f);
  EXPECT_EQ(floatToBfloat(1 + 0x1p-8f), 0x3f80);     // a tie goes to the even one
  EXPECT_EQ(floatToBfloat(1 + 3 * 0x1p-8f), 0x3f82); // here upwards
  EXPECT_EQ(floatToBfloat(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_TRUE(std::isnan(bfloatToFloat(floatToBfloat(NAN))));
}

TEST(Bfloat, RoundTrip) {
  for (int bits = 0; bits < 65536; ++bits) {
    float value = bfloatToFloat(bits);
    if (std::isnan(value))
      EXPECT_TRUE(std::isnan(bfloatToFloat(floatToBfloat(value))));
    else
      EXPECT_EQ(floatToBfloat(value), bits);
  }
}

TEST(F8E4M3FN, Literals) {
  EXPECT_EQ(f8E4M3FNToFloat(0x00), 0.0f);
  EXPECT_TRUE(std::signbit(f8E4M3FNToFloat(0x80)));
  EXPECT_EQ(f8E4M3FNToFloat(0x01), 0x1p-9f); // smallest denormal
  EXPECT_EQ(f8E4M3FNToFloat(0x07), 7 * 0x1p-9f);
  EXPECT_EQ(f8E4M3FNToFloat(0x08), 0x1p-6f); // smallest normal
  EXPECT_EQ(f8E4M3FNToFloat(0x38), 1.0f);
  EXPECT_EQ(f8E4M3FNToFloat(0xbc), -1.5f);
  EXPECT_EQ(f8E4M3FNToFloat(0x7e), 448.0f); // the exponent 15 is an ordinary one
  EXPECT_TRUE(std::isnan(f8E4M3FNToFloat(0x7f)));
  EXPECT_TRUE(std::isnan(f8E4M3FNToFloat(0xff)));
}
