//===- ArithmeticTest.cpp - Numbers, bits and conversions -----------------===//
#include "PTXFloat.h"
#include "TestKernel.h"

using namespace ptx;

struct Case {
  const char *body; ///< leaves a word in %r9
  uint32_t expected;
};

template <size_t N> static void expectWords(const Case (&cases)[N]) {
  for (const Case &c : cases) {
    Outcome result = runWords(c.body);
    EXPECT_EQ(result.error, "") << c.body;
    EXPECT_EQ(result.out[0], c.expected) << c.body;
  }
}

TEST(PTXArithmetic, Integers) {
  const Case cases[] = {
      {"mul.hi.u32 %r9, -1, -1;", 0xfffffffe},
      {"mul.hi.s32 %r9, -1, 5;", 0xffffffff},
      {"mad.hi.u32 %r9, 0x80000000, 4, 3;", 5},
      {"mul.hi.u64 %rd9, -1, 16;\n cvt.u32.u64 %r9, %rd9;", 15},
      {"mul.wide.u16 %r9, 0xffff, 2;", 0x1fffe},
      {"mov.b16 %rs1, -3;\n mul.wide.s16 %r9, %rs1, 2;", 0xfffffffa},
      {"mad.wide.s32 %rd9, -2, 3, 10;\n cvt.u32.u64 %r9, %rd9;", 4},
      {"div.s32 %r9, -7, 2;", 0xfffffffd},
      {"rem.s32 %r9, -7, 2;", 0xffffffff},
      {"div.u32 %r9, -7, 2;", 0x7ffffffc},
      {"rem.u64 %rd9, 100, 7;\n cvt.u32.u64 %r9, %rd9;", 2},
      {"abs.s32 %r9, -7;", 7},
      {"neg.s32 %r9, 7;", 0xfffffff9},
      {"sad.s32 %r9, -2, 3, 10;", 15},
      {"sad.u32 %r9, 9, 3, 10;", 16},
      {"max.u16 %rs1, -1, 2;\n cvt.u32.u16 %r9, %rs1;", 0xffff},
      {"max.s16 %rs1, -1, 2;\n cvt.u32.u16 %r9, %rs1;", 2},
      {"add.s16x2 %r9, 0x0001ffff, 0x00010001;", 0x00020000},
      {"min.s16x2 %r9, 0x00018000, 0xffff0003;", 0xffff8000},
      {"dp4a.u32.u32 %r9, 0x01020304, 0x01010101, 5;", 15},
      {"dp4a.s32.s32 %r9, 0xff, 0x02, 5;", 3},
  };
  expectWords(cases);
}

TEST(PTXArithmetic, Bits) {
  const Case cases[] = {
      {"lop3.b32 %r9, 0xff00, 0x0ff0, 0xaaaa, 0x96;", 0xff00 ^ 0x0ff0 ^ 0xaaaa},
      {"lop3.b32 %r9, 0xff00, 0x0ff0, 0xaaaa, 0xf8;", 0xff00 | (0x0ff0 & 0xaaaa)},
      {"shf.l.wrap.b32 %r9, 0x80000001, 0x2, 33;", 0x5},
      {"shf.l.clamp.b32 %r9, 0x80000001, 0x2, 33;", 0x80000001},
      {"shf.r.wrap.b32 %r9, 0x80000001, 0x2, 1;", 0x40000000},
      {"shf.r.clamp.b32 %r9, 0x80000001, 0x2, 40;", 2},
      {"brev.b32 %r9, 6;", 0x60000000},
      {"bfind.u32 %r9, 0x10;", 4},
      {"bfind.s32 %r9, -1;", 0xffffffff},
      {"bfind.shiftamt.u32 %r9, 0x10;", 27},
      {"bfi.b32 %r9, 0xff, 0x12345678, 8, 4;", 0x12345f78},
      {"bfi.b32 %r9, 0xff, 0x12345678, 40, 4;", 0x12345678},
      {"bfe.s32 %r9, -5, 40, 3;", 0xffffffff},
      {"bfe.u64 %rd9, 0xABCD00000000, 32, 8;\n cvt.u32.u64 %r9, %rd9;", 0xCD},
      {"popc.b64 %r9, -1;", 64},
      {"clz.b64 %r9, 1;", 63},
      {"not.b32 %r9, 5;", 0xfffffffa},
      {"cnot.b32 %r9, 5;", 0},
      {"mov.b64 %rd9, {3, 4};\n mov.b64 {%r10, %r9}, %rd9;", 4},
      {"mov.b32 %r3, 0x12345678;\n mov.b32 {_, %rs1}, %r3;\n cvt.u32.u16 %r9, %rs1;", 0x1234},
      {"mov.b16 %rs1, 7;\n mov.b32 %r9, {%rs1, %rs1};", 0x70007},
      {"setp.eq.and.u32 %p1|%p2, 1, 1, 0;\n selp.b32 %r9, 1, 0, %p2;", 0},
      {"setp.lt.or.s32 %p1, 5, 1, -1;\n selp.b32 %r9, 1, 0, %p1;", 1},
      {"setp.lt.xor.s64 %p1, 1, 5, !%p3;\n selp.b32 %r9, 1, 0, %p1;", 0},
      {"mov.pred %p1, -1;\n xor.pred %p2, %p1, 0;\n not.pred %p3, %p2;\n"
       "selp.b32 %r9, 1, 2, %p3;",
       2},
  };
  for (const Case &c : cases) {
    Outcome result = runWords(std::string("mov.pred %p3, 0;\n") + c.body);
    EXPECT_EQ(result.error, "") << c.body;
    EXPECT_EQ(result.out[0], c.expected) << c.body;
  }
}

TEST(PTXArithmetic, Floats) {
  const uint32_t one = 0x3f800000, two = 0x40000000, nan = 0x7fc00000;
  const Case cases[] = {
      {"add.rn.f32 %r9, 0f3F800000, 0f3F800000;", two},
      {"sub.f32 %r9, 0f40000000, 0f3F800000;", one},
      {"mul.rn.sat.f32 %r9, 0f40000000, 0f40000000;", one},
      // One rounding: (1 + 2^-12)^2 - 1 - 2^-11 = 2^-24
      {"fma.rn.f32 %r9, 0f3F800800, 0f3F800800, 0fBF801000;", 0x33800000},
      {"mul.rn.f32 %r9, 0f00800000, 0f3F000000;", 0x00400000}, // denormal
      {"mul.rn.ftz.f32 %r9, 0f00800000, 0f3F000000;", 0},
      {"add.ftz.f32 %r9, 0f80400000, 0f80000000;", 0x80000000},
      {"max.f32 %r9, 0f7FC00000, 0f3F800000;", one},
      {"min.f32 %r9, 0f80000000, 0f00000000;", 0x80000000},
      {"max.f32 %r9, 0f3F800000, 0f40000000, 0fBF800000;", two},
      {"neg.f32 %r9, 0f3F800000;", 0xbf800000},
      {"abs.ftz.f32 %r9, 0f80400000;", 0},
      {"ex2.approx.ftz.f32 %r9, 0f3F800000;", two},
      {"ex2.approx.ftz.f32 %r9, 0fC3020000;", 0}, // 2^-130
      {"lg2.approx.f32 %r9, 0f40000000;", one},
      {"rcp.approx.ftz.f32 %r9, 0f40000000;", 0x3f000000},
      {"rsqrt.approx.f32 %r9, 0f40800000;", 0x3f000000},
      {"sqrt.rn.f32 %r9, 0f40800000;", two},
      {"div.full.f32 %r9, 0f40000000, 0f40800000;", 0x3f000000},
      {"div.rn.f32 %r9, 0f3F800000, 0f00000000;", 0x7f800000},
      {"tanh.approx.f32 %r9, 0f00000000;", 0},
      {"copysign.f32 %r9, 0f80000000, 0f3F800000;", 0xbf800000},
      {"setp.ltu.f32 %p1, 0f7FC00000, 0f00000000;\n selp.b32 %r9, 1, 0, %p1;", 1},
      {"setp.ne.f32 %p1, 0f7FC00000, 0f00000000;\n selp.b32 %r9, 1, 0, %p1;", 0},
      {"setp.neu.f32 %p1, 0f7FC00000, 0f00000000;\n selp.b32 %r9, 1, 0, %p1;", 1},
      {"setp.num.f32 %p1, 0f3F800000, 0f00000000;\n selp.f32 %r9, 0f40000000, 0f00000000, %p1;",
       two},
      {"setp.eq.ftz.f32 %p1, 0f00400000, 0f00000000;\n selp.b32 %r9, 1, 0, %p1;", 1},
      // Two at a time
      {"fma.rn.f16x2 %r9, 0x40003c00, 0x42004000, 0x3c003c00;", 0x47004200},
      {"add.rn.bf16x2 %r9, 0x3f804000, 0x3f803f80;", 0x40004040},
      {"mul.rn.bf16 %rs1, 0x4000, 0x4000;\n cvt.u32.u16 %r9, %rs1;", 0x4080},
      {"max.NaN.f16x2 %r9, 0x7e003c00, 0x40004000;", 0x7fff4000},
      {"mov.b64 %rd9, {0f3F800000, 0f40000000};\n add.rn.f32x2 %rd9, %rd9, %rd9;\n"
       "mov.b64 {%r10, %r9}, %rd9;",
       0x40800000},
  };
  expectWords(cases);
  uint32_t got = runWords("max.NaN.f32 %r9, 0f7FC00000, 0f3F800000;").out[0];
  EXPECT_EQ(got & nan, nan);
}

TEST(PTXArithmetic, Conversions) {
  const Case cases[] = {
      {"cvt.rn.f32.s32 %r9, -3;", 0xc0400000},
      {"cvt.rn.f32.u32 %r9, -1;", 0x4f800000},
      {"cvt.rz.f32.u32 %r9, -1;", 0x4f7fffff},
      {"cvt.rzi.s32.f32 %r9, 0fC0200000;", 0xfffffffe},
      {"cvt.rni.s32.f32 %r9, 0f40200000;", 2},
      {"cvt.rmi.s32.f32 %r9, 0fC0200000;", 0xfffffffd},
      {"cvt.rpi.u32.f32 %r9, 0f40200000;", 3},
      {"cvt.rzi.u32.f32 %r9, 0fC0200000;", 0},
      {"cvt.rzi.s32.f32 %r9, 0f4F800000;", 0x7fffffff},
      {"cvt.rmi.f32.f32 %r9, 0f40200000;", 0x40000000},
      {"cvt.sat.u8.s32 %r9, 300;", 255},
      {"cvt.sat.s8.s32 %r9, -300;", 0xffffff80},
      {"cvt.s32.s8 %r9, 0x80;", 0xffffff80},
      {"cvt.u32.u8 %r9, 0x1ff;", 0xff},
      {"mov.b64 %rd9, 0x80;\n cvt.s64.s8 %rd9, %rd9;\n shr.u64 %rd9, %rd9, 32;\n"
       "cvt.u32.u64 %r9, %rd9;",
       0xffffffff},
      {"cvt.rn.bf16x2.f32 %r9, 0f3F800000, 0f40000000;", 0x3f804000},
      {"cvt.rn.bf16x2.f32 %r9, 0f3F808000, 0f3F818000;", 0x3f803f82}, // ties to even
      {"cvt.rz.bf16x2.f32 %r9, 0f3F80ffff, 0f3F818000;", 0x3f803f81},
      {"cvt.rn.relu.bf16x2.f32 %r9, 0fBF800000, 0f40000000;", 0x00004000},
      {"cvt.rn.f16x2.f32 %r9, 0f3F800000, 0f477FF000;", 0x3c007c00},
      {"cvt.rn.f16.f32 %rs1, 0f33800000;\n cvt.u32.u16 %r9, %rs1;", 1}, // 2^-24
      {"mov.b16 %rs1, 0x0001;\n cvt.f32.f16 %r9, %rs1;", 0x33800000},
      {"mov.b16 %rs1, 0x3f80;\n cvt.f32.bf16 %r9, %rs1;", 0x3f800000},
      {"cvt.rn.satfinite.e4m3x2.f32 %rs1, 0f44800000, 0f3F800000;\n cvt.u32.u16 %r9, %rs1;",
       0x7e38}, // 1024 becomes 448
      {"mov.b16 %rs1, 0x7e38;\n cvt.rn.f16x2.e4m3x2 %r9, %rs1;", 0x5f003c00},
      {"cvt.rna.tf32.f32 %r9, 0f3F801000;", 0x3f802000},
  };
  expectWords(cases);
}

TEST(PTXArithmetic, NarrowFormatsRoundTrip) {
  for (const Narrow *format : {&half, &bfloat, &e4m3, &e5m2})
    for (uint32_t bits = 0; bits < 1u << (1 + format->exponent + format->mantissa); ++bits) {
      float value = widen(*format, bits);
      if (!std::isnan(value))
        ASSERT_EQ(roundTo(*format, value, Rounding::Nearest, false), bits);
      if (format == &half && !std::isnan(value)) {
        ASSERT_EQ(halfToFloat(static_cast<uint16_t>(bits)), value);
        ASSERT_EQ(floatToHalf(value), bits);
      }
      if (format == &bfloat && !std::isnan(value))
        ASSERT_EQ(floatToBfloat(value), bits);
    }
  // Between two numbers, and the fast forms like the slow ones.
  uint32_t state = 1;
  for (unsigned i = 0; i < 100000; ++i) {
    state = state * 1664525 + 1013904223;
    float value = bitsToFloat(state);
    if (std::isnan(value))
      continue;
    ASSERT_EQ(floatToHalf(value), roundTo(half, value, Rounding::Nearest, false)) << value;
    ASSERT_EQ(floatToBfloat(value), roundTo(bfloat, value, Rounding::Nearest, false)) << value;
  }
}

TEST(PTXMemory, SpacesAndWidths) {
  const Case cases[] = {
      // Generic addresses of both spaces
      {"mov.b64 %rd6, buffer;\n cvta.shared.u64 %rd7, %rd6;\n st.b32 [%rd7+4], 9;\n"
       "ld.shared.b32 %r9, [buffer+4];",
       9},
      {"mov.b64 %rd6, buffer;\n cvta.shared.u64 %rd7, %rd6;\n cvta.to.shared.u64 %rd8, %rd7;\n"
       "sub.s64 %rd9, %rd8, %rd6;\n cvt.u32.u64 %r9, %rd9;",
       0},
      {"ld.b32 %r9, [%rd1+4];", 2},
      {"isspacep.global %p1, %rd1;\n selp.b32 %r9, 1, 0, %p1;", 1},
      {"ld.global.nc.L1::no_allocate.L2::128B.v4.b32 {%r3, %r4, %r5, %r9}, [%rd3];", 4},
      {"ld.global.v8.b32 {%r3, %r4, %r5, %r6, %r7, %r8, _, %r9}, [%rd3];", 8},
      {"ld.relaxed.gpu.global.b32 %r9, [%rd3];", 1},
      {"ld.acquire.sys.global.b32 %r9, [%rd3];", 1},
      {"st.volatile.global.v2.b32 [%rd4], {5, 6};\n ld.volatile.global.b32 %r9, [%rd4+4];", 6},
      {"mov.b32 %r3, 300;\n st.shared.b8 [buffer], %r3;\n ld.shared.u8 %r9, [buffer];", 44},
      {"mov.b32 %r3, -2;\n st.shared.b16 [buffer], %r3;\n ld.shared.s16 %r9, [buffer];",
       0xfffffffe},
      {"ld.global.v2.b64 {%rd6, %rd7}, [%rd3];\n cvt.u32.u64 %r9, %rd7;", 3},
      {"{\n.reg .b128 %rq;\n ld.global.b128 %rq, [%rd3];\n mov.b128 {%rd6, %rd7}, %rq;\n}\n"
       "shr.u64 %rd7, %rd7, 32;\n cvt.u32.u64 %r9, %rd7;",
       4},
      {"atom.global.add.f32 %r3, [%rd4], 0f3F800000;\n ld.global.b32 %r9, [%rd4];", 0x3f800000},
      {"atom.global.inc.u32 %r3, [%rd4], 0;\n atom.global.max.s32 %r3, [%rd4], -5;\n"
       "ld.global.b32 %r9, [%rd4];",
       0},
      {"atom.global.min.s32 %r3, [%rd4], -5;\n atom.relaxed.gpu.global.exch.b32 %r9, [%rd4], 1;",
       0xfffffffb},
      {"atom.global.cas.b32 %r3, [%rd4], 0, 8;\n atom.global.cas.b32 %r9, [%rd4], 0, 9;", 8},
      {"red.global.add.u32 [%rd4], 8;\n atom.global.dec.u32 %r3, [%rd4], 9;\n"
       "ld.global.b32 %r9, [%rd4];",
       7},
      {"atom.add.noftz.f16x2 %r3, [%rd2], 0x3c003c00;\n ld.global.b32 %r9, [%rd4];", 0x3c003c00},
      {"red.shared.or.b32 [buffer], 8;\n ld.shared.b32 %r9, [buffer];", 12},
      {"atom.global.add.u64 %rd6, [%rd4], 5;\n ld.global.b32 %r9, [%rd4];", 5},
  };
  for (const Case &c : cases) {
    Outcome result = runWords(std::string("st.shared.b32 [buffer], 4;\n") + c.body);
    EXPECT_EQ(result.error, "") << c.body;
    EXPECT_EQ(result.out[0], c.expected) << c.body;
  }
}

TEST(PTXMemory, GlobalVariables) {
  std::string text = wrapKernel("mov.b64 %rd6, table;\n ld.global.b32 %r3, [%rd6+8];\n"
                                "ld.const.b32 %r4, [scale];\n add.s32 %r9, %r3, %r4;\n"
                                "st.global.b32 [%rd4], %r9;");
  text.insert(text.find(".visible"), ".global .align 4 .b32 table[3] = {1, 2, 3};\n"
                                     ".const .align 4 .u32 scale = 40;\n");
  Interpreter machine;
  ASSERT_TRUE(machine.load(text)) << machine.getError();
  uint32_t out = 0;
  uint64_t address = machine.addBuffer(&out, 4, Access::ReadWrite);
  EXPECT_TRUE(machine.launch("k", {1}, {1}, {address, address, 0})) << machine.getError();
  EXPECT_EQ(out, 43u);
}
