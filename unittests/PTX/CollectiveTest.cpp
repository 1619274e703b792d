//===- CollectiveTest.cpp - Lanes of a warp together ----------------------===//
#include "PTXFloat.h"
#include "TestKernel.h"

using namespace ptx;

static const Conditions oneWarp = {32};

template <typename Expected>
static void expectLanes(const std::string &body, Expected expected, Conditions how = oneWarp) {
  Outcome result = runWords(body, how);
  EXPECT_EQ(result.error, "") << body;
  for (unsigned lane = 0; lane < how.threads; ++lane)
    EXPECT_EQ(result.out[lane], expected(lane)) << body << "\nlane " << lane;
}

TEST(PTXCollective, Shuffles) {
  expectLanes("shfl.sync.up.b32 %r9, %r2, 2, 0, -1;",
              [](unsigned lane) { return lane < 2 ? lane : lane - 2; });
  expectLanes("shfl.sync.down.b32 %r9, %r2, 2, 31, -1;",
              [](unsigned lane) { return lane > 29 ? lane : lane + 2; });
  expectLanes("shfl.sync.bfly.b32 %r9, %r2, 5, 31, -1;", [](unsigned lane) { return lane ^ 5; });
  expectLanes("shfl.sync.idx.b32 %r9, %r2, 3, 31, -1;", [](unsigned) { return 3u; });
  // Segments of 8 lanes: c = (32 - 8) << 8 | 31
  expectLanes("shfl.sync.idx.b32 %r9, %r2, 3, 6175, -1;",
              [](unsigned lane) { return lane / 8 * 8 + 3; });
  expectLanes("shfl.sync.down.b32 %r3|%p1, %r2, 1, 6175, -1;\n selp.b32 %r9, 1, 0, %p1;",
              [](unsigned lane) { return unsigned(lane % 8 != 7); });
}

TEST(PTXCollective, VotesAndReductions) {
  std::string odd = "and.b32 %r3, %r2, 1;\n setp.ne.b32 %p1, %r3, 0;\n";
  auto constant = [](uint32_t value) { return [value](unsigned) { return value; }; };
  expectLanes(odd + "vote.sync.ballot.b32 %r9, !%p1, -1;", constant(0x55555555));
  expectLanes(odd + "vote.sync.any.pred %p2, %p1, -1;\n selp.b32 %r9, 1, 0, %p2;", constant(1));
  expectLanes(odd + "vote.sync.all.pred %p2, %p1, -1;\n selp.b32 %r9, 1, 0, %p2;", constant(0));
  expectLanes(odd + "vote.sync.uni.pred %p2, %p1, -1;\n selp.b32 %r9, 1, 0, %p2;", constant(0));
  expectLanes(odd + "match.any.sync.b32 %r9, %r3, -1;",
              [](unsigned lane) { return lane % 2 ? 0xaaaaaaaau : 0x55555555u; });
  expectLanes(odd + "match.all.sync.b32 %r9|%p2, %r3, -1;", constant(0));
  expectLanes("redux.sync.add.s32 %r9, %r2, -1;", constant(31 * 16));
  expectLanes("sub.s32 %r3, %r2, 5;\n redux.sync.min.s32 %r9, %r3, -1;", constant(0xfffffffb));
  expectLanes("sub.s32 %r3, %r2, 5;\n redux.sync.min.u32 %r9, %r3, -1;", constant(0));
  expectLanes("sub.s32 %r3, %r2, 5;\n redux.sync.max.s32 %r9, %r3, -1;", constant(26));
  expectLanes("redux.sync.xor.b32 %r9, %r2, -1;", constant(0));
  expectLanes("elect.sync %r3|%p1, -1;\n selp.b32 %r9, 1, 0, %p1;",
              [](unsigned lane) { return unsigned(lane == 0); });
  expectLanes("mov.u32 %r9, %lanemask_lt;", [](unsigned lane) { return (1u << lane) - 1; });
  expectLanes("mov.u32 %r9, %laneid;", [](unsigned lane) { return lane % 32; }, {64});
  expectLanes("mov.u32 %r9, %warpid;", [](unsigned lane) { return lane / 32; }, {64});
}

TEST(PTXCollective, LanesMeetAgain) {
  // Both sides of a branch, then all lanes at a collective; and half of them.
  expectLanes("setp.lt.u32 %p1, %r2, 7;\n @%p1 bra $A;\n mov.b32 %r3, 1;\n bra $B;\n"
              "$A:\n mov.b32 %r3, 2;\n$B:\n redux.sync.add.s32 %r9, %r3, -1;",
              [](unsigned) { return 7 * 2 + 25u; });
  expectLanes("mov.b32 %r9, 0;\n setp.lt.u32 %p1, %r2, 8;\n @!%p1 bra $B;\n activemask.b32 %r4;\n"
              "redux.sync.add.s32 %r9, %r2, 255;\n$B:",
              [](unsigned lane) { return lane < 8 ? 28u : 0u; });
  // A table of branches
  expectLanes("and.b32 %r3, %r2, 1;\n$T: .branchtargets $X, $Y;\n brx.idx %r3, $T;\n"
              "$X:\n mov.b32 %r9, 5;\n bra $Z;\n$Y:\n mov.b32 %r9, 6;\n$Z:",
              [](unsigned lane) { return 5 + lane % 2; });
  // Lane 0 waits in a loop for another lane that comes later.
  expectLanes("setp.ne.b32 %p1, %r2, 0;\n @%p1 bra $S;\n"
              "$L:\n ld.volatile.global.b32 %r3, [%rd4+512];\n setp.eq.b32 %p2, %r3, 0;\n"
              "@%p2 bra $L;\n bra $E;\n$S:\n st.volatile.global.b32 [%rd4+512], 1;\n$E:\n"
              "mov.b32 %r9, 3;",
              [](unsigned) { return 3u; });
  // Scopes with their own names, twice
  expectLanes("mov.b32 %r9, 0;\n"
              "{ .reg .pred p; L: add.u32 %r9, %r9, 1; setp.lt.u32 p, %r9, 3; @p bra L; }\n"
              "{ .reg .pred p; L: add.u32 %r9, %r9, 2; setp.lt.u32 p, %r9, 8; @p bra L; }",
              [](unsigned) { return 9u; });
}

TEST(PTXCollective, ReportsMissingLanes) {
  std::string half = "setp.lt.u32 %p1, %r2, 16;\n";
  expectError(half + "@%p1 ret;\n redux.sync.add.s32 %r9, %r2, -1;", "part of the warp has left",
              oneWarp);
  expectError(half + "@%p1 redux.sync.add.s32 %r9, %r2, -1;", "part of the warp", oneWarp);
  expectError(half + "selp.b32 %r3, -1, 0xffff, %p1;\n redux.sync.add.s32 %r9, %r2, %r3;",
              "expected one mask in all lanes", oneWarp);
  expectError(half + "@!%p1 bra $B;\n shfl.sync.idx.b32 %r9, %r2, 20, 31, 0xffff;\n$B:",
              "reads lane 20, which is not here", oneWarp);
  expectError(half + "@%p1 bra $B;\n bar.sync 0;\n$B:\n bar.sync 0;", "part of the warp", oneWarp);
  expectError("redux.sync.add.s32 %r9, %r2, 1;", "expected a mask with all lanes", oneWarp);
  // The last warp of a block may be smaller.
  expectError("redux.sync.add.s32 %r9, %r2, -1;", "", {48});
  expectError("movmatrix.sync.aligned.m8n8.trans.b16 %r9, %r2;", "part of the warp has left", {40});
}

TEST(PTXMatrix, Transposes) {
  // Lane 4 r + c / 2 holds columns c, c + 1 of row r: here 16 r + c.
  std::string fill = "shr.u32 %r3, %r2, 2;\n and.b32 %r4, %r2, 3;\n shl.b32 %r3, %r3, 4;\n"
                     "shl.b32 %r4, %r4, 1;\n add.s32 %r3, %r3, %r4;\n add.s32 %r4, %r3, 1;\n"
                     "shl.b32 %r4, %r4, 16;\n or.b32 %r3, %r3, %r4;\n";
  auto transposed = [](unsigned lane) {
    unsigned row = lane / 4, column = 2 * (lane % 4);
    return 16 * column + row | (16 * (column + 1) + row) << 16;
  };
  expectLanes(fill + "movmatrix.sync.aligned.m8n8.trans.b16 %r9, %r3;", transposed);
  // Through shared memory, rows of 16 bytes
  std::string store = "mov.b32 %r5, buffer;\n shl.b32 %r6, %r2, 2;\n add.s32 %r6, %r5, %r6;\n"
                      "st.shared.b32 [%r6], %r3;\n bar.warp.sync -1;\n and.b32 %r7, %r2, 7;\n"
                      "shl.b32 %r7, %r7, 4;\n add.s32 %r7, %r5, %r7;\n";
  expectLanes(fill + store + "ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%r9}, [%r7];",
              transposed);
  expectLanes(fill + store +
                  "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r9}, [%r7];\n"
                  "sub.s32 %r9, %r9, %r3;",
              [](unsigned) { return 0u; });
  expectLanes(fill + store +
                  "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r3, %r4, %r5, %r9}, "
                  "[%r7];\n sub.s32 %r9, %r9, %r3;",
              [](unsigned) { return 0u; });
  expectError(fill + store + "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r9}, [%r7+4];",
              "misaligned access of 16 bytes", oneWarp);
}

/// A is 16 by k with A[r][i] = r == i (mod k), so that the result is rows of B.
TEST(PTXMatrix, Multiplies) {
  struct Shape {
    const char *name, *types;
    unsigned depth, bits;
    uint32_t one;                 ///< 1 of the type
    uint32_t (*number)(unsigned); ///< small integers of the type
  };
  auto asHalf = [](unsigned i) -> uint32_t { return floatToHalf(static_cast<float>(i)); };
  auto asBfloat = [](unsigned i) -> uint32_t { return floatToBfloat(static_cast<float>(i)); };
  auto asFloat = [](unsigned i) -> uint32_t { return floatToBits(static_cast<float>(i)); };
  auto asE4M3 = [](unsigned i) { return roundTo(e4m3, i, Rounding::Nearest, true); };
  auto asInteger = [](unsigned i) -> uint32_t { return i; };
  const Shape shapes[] = {
      {"m16n8k16", "f32.f16.f16.f32", 16, 16, 0x3c00, asHalf},
      {"m16n8k8", "f32.bf16.bf16.f32", 8, 16, 0x3f80, asBfloat},
      {"m16n8k16", "f32.bf16.bf16.f32", 16, 16, 0x3f80, asBfloat},
      {"m16n8k8", "f32.tf32.tf32.f32", 8, 32, 0x3f800000, asFloat},
      {"m16n8k32", "f32.e4m3.e4m3.f32", 32, 8, 0x38, asE4M3},
      {"m16n8k32", "s32.s8.s8.s32", 32, 8, 1, asInteger},
  };
  for (const Shape &shape : shapes) {
    unsigned packed = 32 / shape.bits, numA = 16 * shape.depth / packed / 32, numB = numA / 2;
    auto number = [](unsigned k, unsigned n) { return (3 * k + n) % 16; };
    std::vector<uint32_t> in;
    for (unsigned lane = 0; lane < 32; ++lane) {
      unsigned g = lane / 4, t = lane % 4;
      for (unsigned i = 0; i < numA + numB; ++i) {
        uint32_t word = 0;
        for (unsigned e = 0; e < packed; ++e) {
          bool isA = i < numA;
          unsigned k = (isA ? i / 2 : i - numA) * 4 * packed + t * packed + e;
          unsigned row = g + 8 * (i % 2);
          uint32_t bits =
              isA ? (k == row % shape.depth ? shape.one : 0) : shape.number(number(k, g));
          word |= bits << (e * shape.bits);
        }
        in.push_back(word);
      }
    }
    std::string body = "mul.wide.u32 %rd6, %r2, " + std::to_string(4 * (numA + numB)) +
                       ";\n add.s64 %rd6, %rd3, %rd6;\n";
    std::string a, b;
    for (unsigned i = 0; i < numA + numB; ++i) {
      std::string reg = "%r" + std::to_string(20 + i);
      body += "ld.global.b32 " + reg + ", [%rd6+" + std::to_string(4 * i) + "];\n";
      std::string &list = i < numA ? a : b;
      list += (list.empty() ? "" : ", ") + reg;
    }
    body += std::string("mma.sync.aligned.") + shape.name + ".row.col." + shape.types +
            " {%r3, %r4, %r5, %r6}, {" + a + "}, {" + b +
            "}, {%r10, %r10, %r10, %r10};\n"
            "mul.wide.u32 %rd7, %r2, 16;\n add.s64 %rd7, %rd4, %rd7;\n"
            "st.global.v4.b32 [%rd7], {%r3, %r4, %r5, %r6};";
    Interpreter machine;
    bool isInteger = shape.types[0] == 's';
    ASSERT_TRUE(machine.load(wrapKernel(std::string("mov.b32 %r10, ") +
                                        (isInteger ? "1" : "0f3F800000") + ";\n" + body)))
        << machine.getError();
    std::vector<uint32_t> out(128);
    uint64_t input = machine.addBuffer(in.data(), in.size() * 4, Access::Read);
    uint64_t output = machine.addBuffer(out.data(), 512, Access::Write);
    ASSERT_TRUE(machine.launch("k", {1}, {32}, {input, output, 0})) << machine.getError();
    for (unsigned lane = 0; lane < 32; ++lane)
      for (unsigned i = 0; i < 4; ++i) {
        unsigned row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
        unsigned expected = number(row % shape.depth, column) + 1;
        EXPECT_EQ(out[4 * lane + i],
                  isInteger ? expected : floatToBits(static_cast<float>(expected)))
            << shape.name << " " << shape.types << " row " << row << " column " << column;
      }
  }
}
