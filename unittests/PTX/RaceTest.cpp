//===- RaceTest.cpp - Races, missing barriers, unwritten memory -----------===//
#include "TestKernel.h"
#include <cstring>

using namespace ptx;

// Each thread writes its word and reads the one of the other warp.
static std::string exchange(const std::string &between) {
  return "mov.b32 %r3, buffer;\n shl.b32 %r4, %r2, 2;\n add.s32 %r3, %r3, %r4;\n"
         "st.shared.b32 [%r3], 0;\n bar.sync 0;\n st.shared.b32 [%r3], %r2;\n" +
         between +
         "xor.b32 %r5, %r4, 128;\n mov.b32 %r6, buffer;\n add.s32 %r6, %r6, %r5;\n"
         "ld.shared.b32 %r9, [%r6];\n st.global.b32 [%rd5], %r9;";
}

TEST(PTXRaces, WarpsNeedABarrier) {
  expectError(exchange(""), "race with a", {64});
  expectError(exchange("bar.warp.sync -1;\n"), "race with a", {64});
  expectError(exchange("bar.sync 0;\n"), "", {64});
  expectError(exchange("barrier.sync.aligned 3, 64;\n"), "", {64});
  expectError(exchange("barrier.cluster.arrive.aligned;\n barrier.cluster.wait.aligned;\n"), "",
              {64});
  // Arrivals without a wait order nothing.
  expectError(exchange("bar.arrive 1, 128;\n"), "race with a", {64});
  // One more round: the next writes race with the reads.
  expectError(exchange("bar.sync 0;\n") + "\nst.shared.b32 [%r3], 5;", "race with a", {64});
  expectError(exchange("bar.sync 0;\n") + "\nbar.sync 0;\nst.shared.b32 [%r3], 5;", "", {64});
}

TEST(PTXRaces, ProducerAndConsumer) {
  // Warp 0 writes and arrives, warp 1 waits for it.
  std::string body = "setp.lt.u32 %p1, %r2, 32;\n mov.b32 %r3, buffer;\n and.b32 %r4, %r2, 31;\n"
                     "shl.b32 %r4, %r4, 2;\n add.s32 %r3, %r3, %r4;\n @%p1 bra $W;\n"
                     "WAIT ld.shared.b32 %r9, [%r3];\n st.global.b32 [%rd5], %r9;\n ret;\n"
                     "$W:\n st.shared.b32 [%r3], %r2;\n bar.arrive 1, 64;";
  std::string waits = body, races = body;
  waits.replace(waits.find("WAIT"), 4, "bar.sync 1, 64;\n");
  races.replace(races.find("WAIT"), 4, "");
  expectError(waits, "", {64});
  // Nobody completes the barrier either, but that alone is no error.
  expectError(races, "race with a", {64});
}

TEST(PTXRaces, LanesNeedAnInstructionBetween) {
  std::string body = "mov.b32 %r3, buffer;\n shl.b32 %r4, %r2, 2;\n add.s32 %r3, %r3, %r4;\n"
                     "st.shared.b32 [%r3], %r2;\n SYNC xor.b32 %r5, %r4, 4;\n"
                     "mov.b32 %r6, buffer;\n add.s32 %r6, %r6, %r5;\n ld.shared.b32 %r9, [%r6];";
  std::string synced = body, racing = body;
  synced.replace(synced.find("SYNC"), 4, "bar.warp.sync -1;\n");
  racing.replace(racing.find("SYNC"), 4, "");
  expectError(racing, "race with a write of another lane", {32});
  expectError(synced, "", {32});
}

TEST(PTXRaces, AtomicsAgreeWithEachOther) {
  std::string zero = "setp.eq.b32 %p1, %r2, 0;\n @%p1 st.shared.b32 [buffer], 0;\n";
  std::string add = "atom.shared.add.u32 %r4, [buffer], 1;\n";
  expectError(zero + "bar.sync 0;\n" + add + "bar.sync 0;\n ld.shared.b32 %r9, [buffer];", "",
              {128});
  expectError(zero + "bar.sync 0;\n" + zero + add, "race with a", {128});
  expectError(zero + "bar.sync 0;\n" + add +
                  "ld.shared.b32 %r9, [buffer];\n"
                  "st.global.b32 [%rd5], %r9;",
              "race with a", {128});
}

TEST(PTXRaces, BytesOfAWordAreApart) {
  expectError("mov.b32 %r3, buffer;\n add.s32 %r3, %r3, %r2;\n st.shared.b8 [%r3+1], 7;\n"
              "ld.shared.b8 %rs1, [%r3+1];",
              "", {128});
}

TEST(PTXUnwritten, FlowsByBit) {
  // A widened load: only the written byte is used.
  std::string body = "st.shared.b8 [buffer+1], 5;\n ld.shared.b32 %r3, [buffer];\n";
  EXPECT_EQ(runWords(body + "and.b32 %r9, %r3, 0xff00;").error, "");
  EXPECT_EQ(runWords(body + "bfe.u32 %r9, %r3, 8, 8;").out[0], 5u);
  EXPECT_EQ(runWords(body + "shl.b32 %r4, %r3, 16;\n shr.u32 %r9, %r4, 24;").out[0], 5u);
  EXPECT_EQ(runWords(body + "prmt.b32 %r9, %r3, 0, 0x4441;").out[0], 5u);
  EXPECT_EQ(runWords(body + "mov.b32 {%rs1, %rs2}, %r3;\n shr.u16 %rs3, %rs1, 8;\n"
                            "cvt.u32.u16 %r9, %rs3;")
                .out[0],
            5u);
  EXPECT_EQ(runWords(body + "setp.eq.b32 %p1, %r1, 7;\n selp.b32 %r9, 3, %r3, %p1;").out[0], 3u);
  EXPECT_EQ(runWords(body + "or.b32 %r4, %r3, 0xffff00ff;\n not.b32 %r9, %r4;").error, "");
  for (const char *use :
       {"and.b32 %r9, %r3, 0x1ff00;", "bfe.u32 %r9, %r3, 9, 8;", "add.s32 %r9, %r3, 1;",
        "prmt.b32 %r9, %r3, 0, 0x4410;", "shr.s32 %r9, %r3, 31;", "mov.b32 %r9, %r3;"})
    EXPECT_NE(runWords(body + use).error.find("use of a value that was never written"),
              std::string::npos)
        << use;
}

TEST(PTXUnwritten, IsAnErrorWhereItDecides) {
  std::string load = "ld.shared.b32 %r3, [buffer+8];\n";
  const char *uses[] = {
      "cvt.u64.u32 %rd6, %r3;\n add.s64 %rd6, %rd4, %rd6;\n st.global.b32 [%rd6], 1;",
      "setp.eq.b32 %p1, %r3, 0;\n @%p1 bra $L;\n$L:",
      "setp.eq.b32 %p1, %r3, 0;\n @%p1 st.global.b32 [%rd4], 1;",
      "atom.global.add.u32 %r4, [%rd4], %r3;",
      "atom.shared.add.u32 %r4, [buffer+8], 1;",
      "redux.sync.add.s32 %r4, %r3, -1;",
      "setp.eq.b32 %p1, %r3, 0;\n vote.sync.ballot.b32 %r4, %p1, -1;",
      "shfl.sync.idx.b32 %r9, %r1, %r3, 31, -1;",
      "shfl.sync.idx.b32 %r9, %r3, 0, 31, -1;\n st.global.b32 [%rd5], %r9;",
  };
  for (const char *use : uses)
    expectError(load + use, "use of a value that was never written", {32});
  // Copied to another place it stays what it is.
  expectError(load + "st.shared.b32 [buffer], %r3;", "", {1});
  expectError(load + "st.shared.b32 [buffer], %r3;\n ld.shared.b32 %r4, [buffer];\n"
                     "st.global.b32 [%rd4], %r4;",
              "use of a value", {1});
}

TEST(PTXUnwritten, WorkspacesStartUnwritten) {
  Interpreter machine;
  ASSERT_TRUE(machine.load(wrapKernel("ld.global.b32 %r9, [%rd3];\n st.global.b32 [%rd4], %r9;")));
  uint64_t in = machine.addBuffer(nullptr, 64, Access::Workspace);
  uint64_t out = machine.addBuffer(nullptr, 64, Access::Workspace);
  EXPECT_FALSE(machine.launch("k", {1}, {1}, {in, out, 0}));
  EXPECT_NE(machine.getError().find("use of a value that was never written"), std::string::npos);
  std::memset(machine.memory.access(in, 64, true), 3, 64);
  EXPECT_TRUE(machine.launch("k", {1}, {1}, {in, out, 0})) << machine.getError();
  EXPECT_EQ(machine.memory.access(out, 4, false)[0], 3);
}

/// Kernels that may start before the ones before them have ended.
TEST(PTXDependentLaunch, WaitsForWhatIsBefore) {
  auto run = [&](const std::string &body, bool dependent) {
    Interpreter machine;
    EXPECT_TRUE(machine.load(wrapKernel(body)));
    Memory &memory = machine.memory;
    uint64_t a = memory.add(nullptr, 256, Access::Workspace);
    uint64_t b = memory.add(nullptr, 256, Access::Workspace);
    std::memset(memory.access(a, 256, true), 0, 256);
    machine.launch("k", {1}, {1}, {a, a, 0}); // writes a
    machine.launch("k", {1}, {1}, {a, b, 0}, 0, dependent);
    return machine.getError();
  };
  std::string use = "ld.global.b32 %r9, [%rd3];\n griddepcontrol.wait;\n st.global.b32 [%rd4], 1;";
  EXPECT_EQ(run(use, false), "");
  EXPECT_NE(run(use, true).find("read before griddepcontrol.wait"), std::string::npos);
  EXPECT_NE(run("st.global.b32 [%rd4], 1;", true).find("write before griddepcontrol.wait"),
            std::string::npos);
  std::string waits = "griddepcontrol.launch_dependents;\n griddepcontrol.wait;\n";
  EXPECT_EQ(run(waits + "ld.global.b32 %r9, [%rd3];\n st.global.b32 [%rd4], 1;", true), "");
  // The compiler may move such a load above the wait.
  EXPECT_NE(run(waits + "ld.global.nc.b32 %r9, [%rd3];\n st.global.b32 [%rd4], 1;", true)
                .find("non-coherent read"),
            std::string::npos);
}
