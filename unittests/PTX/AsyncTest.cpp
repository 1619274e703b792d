//===- AsyncTest.cpp - Copies, mbarriers and blocks side by side ----------===//
#include "TestKernel.h"
#include <cstring>

using namespace ptx;

//===----------------------------------------------------------------------===//
// cp.async
//===----------------------------------------------------------------------===//

// Every thread copies its 16 bytes and reads the first word of them.
static std::string copy(const std::string &wait) {
  return "mov.b32 %r3, buffer;\n shl.b32 %r4, %r2, 4;\n add.s32 %r3, %r3, %r4;\n"
         "mul.wide.u32 %rd6, %r2, 16;\n add.s64 %rd6, %rd3, %rd6;\n"
         "cp.async.cg.shared.global [%r3], [%rd6], 16;\n" +
         wait + "ld.shared.b32 %r9, [%r3];";
}

TEST(PTXAsync, CopiesArriveLate) {
  Outcome result = runWords(copy("cp.async.commit_group;\n cp.async.wait_group 0;\n"), {64});
  EXPECT_EQ(result.error, "");
  for (unsigned i = 0; i < 64; ++i)
    EXPECT_EQ(result.out[i], 4 * i + 1);
  EXPECT_EQ(runWords(copy("cp.async.wait_all;\n"), {64}).error, "");
  const Conditions how = {64};
  std::string store = "\n st.global.b32 [%rd5], %r9;";
  expectError(copy("cp.async.commit_group;\n") + store, "race with a write of a cp.async", how);
  expectError(copy("cp.async.commit_group;\n cp.async.wait_group 1;\n") + store,
              "race with a write of a cp.async", how);
  // A barrier does not wait for it.
  expectError(copy("cp.async.commit_group;\n bar.sync 0;\n") + store,
              "race with a write of a cp.async", how);
  expectError("cp.async.ca.shared.global [buffer], [%rd3], 4;\n cp.async.commit_group;",
              "leaves before a copy of line 26 has arrived");
  expectError("cp.async.cg.shared.global [buffer+8], [%rd3], 16;", "misaligned access");
  expectError("cp.async.cg.shared.global [buffer], [%rd3+4096], 16;",
              "global access out of bounds");
  // Bytes past the size are zero.
  EXPECT_EQ(runWords("cp.async.cg.shared.global [buffer], [%rd3], 16, 8;\n cp.async.wait_all;\n"
                     "ld.shared.v4.b32 {%r3, %r4, %r5, %r9}, [buffer];\n add.s32 %r9, %r9, %r4;")
                .out[0],
            2u);
}

TEST(PTXAsync, GroupsArriveInOrder) {
  std::string stages = "cp.async.ca.shared.global [buffer], [%rd3], 4;\n cp.async.commit_group;\n"
                       "cp.async.ca.shared.global [buffer+64], [%rd3+4], 4;\n"
                       "cp.async.commit_group;\n cp.async.wait_group 1;\n";
  EXPECT_EQ(runWords(stages + "ld.shared.b32 %r9, [buffer];\n cp.async.wait_group 0;").out[0], 1u);
  expectError(stages + "ld.shared.b32 %r9, [buffer+64];\n", "race with a write of a cp.async");
}

//===----------------------------------------------------------------------===//
// mbarriers and bulk copies
//===----------------------------------------------------------------------===//

static const std::string init = "mov.b32 %r3, bars;\n mov.b32 %r4, buffer;\n"
                                "shl.b32 %r5, %r2, 2;\n add.s32 %r5, %r4, %r5;\n"
                                "st.shared.b32 [%r5], 0;\n"
                                "setp.eq.b32 %p1, %r2, 0;\n @!%p1 bra $I;\n"
                                "mbarrier.init.shared::cta.b64 [%r3], 1;\n"
                                "mbarrier.init.shared::cta.b64 [%r3+8], 2;\n"
                                "FENCE $I:\n SYNC";
static std::string initialize(bool fence = true, bool sync = true) {
  std::string text = init;
  text.replace(text.find("FENCE"), 5, fence ? "fence.mbarrier_init.release.cluster;\n" : "");
  text.replace(text.find("SYNC"), 4, sync ? "bar.sync 0;\n" : "");
  return text;
}
static const std::string fetch =
    "@!%p1 bra $F;\n mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 256;\n"
    "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r4], [%rd3], 256, "
    "[%r3];\n$F:\n";
static const std::string await =
    "$L:\n mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r3], 0;\n @!%p2 bra $L;\n";
static const std::string use = "shl.b32 %r5, %r2, 2;\n add.s32 %r5, %r4, %r5;\n"
                               "ld.shared.b32 %r9, [%r5];\n st.global.b32 [%rd5], %r9;\n";

TEST(PTXAsync, BulkCopies) {
  for (unsigned seed : {1, 2, 3, 4}) {
    Outcome result = runBody(initialize() + fetch + await + use, {64, 1, seed});
    EXPECT_EQ(result.error, "");
    for (unsigned i = 0; i < 64; ++i)
      EXPECT_EQ(result.out[i], i + 1);
  }
  const Conditions how = {64};
  expectError(initialize() + fetch + use + await, "race with a", how);
  expectError(initialize() + fetch, "the block leaves before a copy", how);
  expectError(initialize(false) + fetch + await, "no fence between the init of the mbarrier", how);
  expectError(initialize(true, false) + fetch + await, "", {32});
  std::string once = initialize() + fetch + await;
  // Twice into the same place: the readers of the first have to be done.
  std::string second = "@!%p1 bra $G;\n mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r3], 16;\n"
                       "cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [%r4+128], "
                       "[%rd3], 16, [%r3];\n$G:\n$M:\n mbarrier.try_wait.parity.shared::cta.b64 "
                       "%p2, [%r3], 1;\n @!%p2 bra $M;\n";
  expectError(once + use + second, "race with a", how);
  expectError(once + use + "bar.sync 0;\n" + second, "", how);
  // Or they arrive at another mbarrier, which the copying thread waits for.
  std::string drained = "bar.warp.sync -1;\n and.b32 %r6, %r2, 31;\n setp.eq.b32 %p3, %r6, 0;\n"
                        "@%p3 mbarrier.arrive.shared::cta.b64 _, [%r3+8];\n";
  std::string awaitDrained = "@!%p1 bra $H;\n$N:\n mbarrier.try_wait.parity.shared::cta.b64 %p2, "
                             "[%r3+8], 0;\n @!%p2 bra $N;\n$H:\n";
  expectError(once + use + drained + awaitDrained + second, "", how);
  expectError(once + use + drained + second, "race with a", how);
}

TEST(PTXAsync, ReportsWrongBulkCopies) {
  auto expect = [](const std::string &destination, const std::string &source,
                   const std::string &bytes, const std::string &error) {
    expectError(initialize() +
                    "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
                    "[" +
                    destination + "], [" + source + "], " + bytes + ", [%r3];",
                error);
  };
  expect("%r4+8", "%rd3", "16", "misaligned access of 16 bytes");
  expect("%r4", "%rd3+4", "16", "misaligned access of 16 bytes");
  expect("%r4", "%rd3", "24", "expected a multiple of 16 bytes, but got 24");
  expect("%r4", "%rd3", "8192", "shared access out of bounds");
  expect("%r4", "%rd3+4080", "32", "global access out of bounds");
}

TEST(PTXAsync, ReportsWrongMBarriers) {
  expectError("mbarrier.arrive.shared.b64 %rd6, [bars];", "no mbarrier was initialized here");
  expectError("mbarrier.init.shared.b64 [bars+4], 1;", "misaligned access of 8 bytes");
  expectError("mbarrier.init.shared.b64 [bars], 0;", "expected a count of 1 to 2^20 - 1");
  expectError(initialize() + "mbarrier.init.shared.b64 [%r3], 1;", "the mbarrier is in use");
  expectError(initialize() + "mbarrier.arrive.shared.b64 _, [%r3+8], 3;",
              "more arrivals than the mbarrier expects");
  expectError(initialize() + "mbarrier.try_wait.parity.shared.b64 %p2, [%r3], 2;",
              "expected a parity of 0 or 1");
  expectError(initialize() + await, "waits for ever", {64});
  // Other warps need a barrier after the init.
  expectError(initialize(true, false) + "mbarrier.try_wait.parity.shared.b64 %p2, [%r3], 1;", "",
              {32});
  std::string inval = initialize() + "bar.sync 0;\n @%p1 mbarrier.inval.shared.b64 [%r3];\n";
  expectError(inval, "", {64});
  expectError(inval + "@%p1 mbarrier.test_wait.parity.shared.b64 %p2, [%r3], 1;",
              "no mbarrier was initialized here", {64});
  // By the state that an arrival returned
  expectError(initialize() + "@!%p1 ret;\n mbarrier.arrive.shared.b64 %rd6, [%r3];\n"
                             "mbarrier.test_wait.shared.b64 %p2, [%r3], %rd6;\n @!%p2 trap;",
              "", {64});
}

//===----------------------------------------------------------------------===//
// Barriers and blocks
//===----------------------------------------------------------------------===//

TEST(PTXBarriers, Deadlocks) {
  std::string first = "setp.lt.u32 %p1, %r2, 32;\n";
  expectError(first + "@%p1 ret;\n bar.sync 0;", "part of the block has left", {64});
  expectError(first + "@%p1 bra $L;\n bar.sync 1;\n ret;\n$L:\n bar.sync 2;",
              "part of the block is elsewhere", {64});
  expectError("bar.sync 0, 48;", "expected a multiple of 32 threads", {64});
  expectError(first + "@%p1 bra $L;\n bar.sync 1, 64;\n ret;\n$L:\n bar.sync 1, 96;",
              "threads like the others", {64});
  expectError("bar.sync %r1;", "", {64});
  expectError("bar.sync 16;", "expected a barrier of 0 to 15", {64});
  expectError("$L:\n ld.volatile.global.b32 %r3, [%rd4];\n setp.eq.b32 %p1, %r3, 0;\n"
              "@%p1 bra $L;",
              "waits for ever", {64});
}

TEST(PTXBarriers, Reductions) {
  Outcome result = runWords("setp.lt.u32 %p1, %r2, 40;\n bar.red.popc.u32 %r9, 0, %p1;", {64});
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.out[63], 40u);
  EXPECT_EQ(runWords("setp.lt.u32 %p1, %r2, 40;\n barrier.cta.red.and.aligned.pred %p2, 0, %p1;\n"
                     "selp.b32 %r9, 1, 2, %p2;",
                     {64})
                .out[5],
            2u);
  EXPECT_EQ(runWords("setp.lt.u32 %p1, %r2, 40;\n bar.red.or.pred %p2, 0, 64, %p1;\n"
                     "selp.b32 %r9, 1, 2, %p2;",
                     {64})
                .out[63],
            1u);
}

/// Block b waits for a word of block b + 1, in whatever order they start.
TEST(PTXGrid, BlocksRunSideBySide) {
  std::string body = "mov.u32 %r3, %ctaid.x;\n mov.u32 %r4, %nctaid.x;\n sub.s32 %r4, %r4, 1;\n"
                     "mul.wide.u32 %rd6, %r3, 4;\n add.s64 %rd6, %rd4, %rd6;\n"
                     "mov.b32 %r9, 1;\n setp.eq.b32 %p1, %r3, %r4;\n @%p1 bra $S;\n"
                     "$L:\n ld.volatile.global.b32 %r9, [%rd6+4];\n setp.eq.b32 %p2, %r9, 0;\n"
                     "@%p2 bra $L;\n add.s32 %r9, %r9, 1;\n"
                     "$S:\n st.volatile.global.b32 [%rd6], %r9;";
  for (unsigned seed : {1, 2, 3}) {
    Outcome result = runBody(body, {1, 20, seed});
    EXPECT_EQ(result.error, "");
    EXPECT_EQ(result.out[0], 20u);
  }
  // Without room for all of them nothing moves.
  Interpreter machine;
  machine.options.residentBlocks = 4;
  ASSERT_TRUE(machine.load(wrapKernel(body)));
  std::vector<uint32_t> out(64);
  uint64_t address = machine.addBuffer(out.data(), 256, Access::ReadWrite);
  EXPECT_FALSE(machine.launch("k", {20}, {1}, {address, address, 0}));
  EXPECT_NE(machine.getError().find("waits for ever"), std::string::npos);
}

TEST(PTXGrid, ChecksSizes) {
  auto run = [](unsigned threads, uint64_t shared, const char *chip) {
    Interpreter machine;
    machine.options.setChip(chip);
    EXPECT_TRUE(machine.load(wrapKernel("")));
    std::vector<uint32_t> out(64);
    uint64_t address = machine.addBuffer(out.data(), 256, Access::ReadWrite);
    machine.launch("k", {1}, {threads}, {address, address, 0}, shared);
    return machine.getError();
  };
  EXPECT_EQ(run(256, 0, "sm_90a"), "");
  EXPECT_EQ(run(257, 0, "sm_90a"), "k: expected at most 256 threads, but got 257");
  EXPECT_EQ(run(256, 220 * 1024, "sm_90a"), "");
  EXPECT_EQ(run(256, 220 * 1024, "sm_80"),
            "k: expected bytes of shared memory of at most 166912, but got 229440");
  EXPECT_EQ(run(256, 100 * 1024, "sm_120"),
            "k: expected bytes of shared memory of at most 101376, but got 106560");
}

/// Every block writes its word; the last to count reads all of them.
TEST(PTXGrid, BlocksNeedFences) {
  auto run = [](bool release, bool acquire, unsigned seed) {
    std::string fence = "fence.acq_rel.gpu;\n";
    std::string body = "mov.u32 %r3, %ctaid.x;\n mul.wide.u32 %rd6, %r3, 4;\n"
                       "add.s64 %rd6, %rd3, %rd6;\n st.global.b32 [%rd6+16], 7;\n" +
                       (release ? fence : "") +
                       "atom.global.add.u32 %r4, [%rd3], 1;\n setp.ne.b32 %p1, %r4, 3;\n"
                       "@%p1 ret;\n" +
                       (acquire ? fence : "") +
                       "ld.global.v4.b32 {%r5, %r6, %r7, %r8}, [%rd3+16];\n"
                       "add.s32 %r5, %r5, %r6;\n add.s32 %r7, %r7, %r8;\n"
                       "add.s32 %r9, %r5, %r7;\n st.global.b32 [%rd4], %r9;";
    Interpreter machine;
    machine.options.seed = seed;
    EXPECT_TRUE(machine.load(wrapKernel(body)));
    uint64_t in = machine.addBuffer(nullptr, 64, Access::Workspace);
    std::memset(machine.memory.access(in, 64, true), 0, 64);
    uint32_t out = 0;
    uint64_t address = machine.addBuffer(&out, 4, Access::Write);
    if (machine.launch("k", {4}, {1}, {in, address, 0}))
      EXPECT_EQ(out, 28u);
    return machine.getError();
  };
  for (unsigned seed : {1, 2, 3, 4}) {
    EXPECT_EQ(run(true, true, seed), "");
    EXPECT_NE(run(false, true, seed).find("without a fence on both sides"), std::string::npos);
    EXPECT_NE(run(true, false, seed).find("without a fence on both sides"), std::string::npos);
  }
}
