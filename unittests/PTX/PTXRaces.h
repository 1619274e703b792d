//===- PTXRaces.h - Order of accesses to shared memory ----------*- C++ -*-===//
//
// Happens-before between the agents of a block: its warps, the cp.async copies
// of each warp, and the bulk copies of each mbarrier. Every agent has a clock
// that advances when it releases what it did (a barrier, an arrival), and a
// vector of the clocks it has acquired from the others. Two accesses of one
// byte, one of them a write, must be ordered by these.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_UNITTESTS_PTX_PTXRACES_H
#define DASHKV_UNITTESTS_PTX_PTXRACES_H

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace ptx {

using VectorClock = std::vector<uint32_t>;

class Races {
public:
  enum Kind { Read, Write, Atomic };

  void reset(uint64_t bytes, unsigned numWarps);

  unsigned getWarpAgent(unsigned warp) const { return warp; }
  unsigned getCopyAgent(unsigned warp) const { return numWarps + warp; }
  /// The agent of the bulk copies that arrive at an mbarrier.
  unsigned getBarrierAgent(uint64_t address);

  /// What an agent has seen of the others.
  VectorClock &getClock(unsigned agent) { return clocks[agent]; }
  /// Makes what `agent` did visible through `to`, and starts its next clock.
  void release(unsigned agent, VectorClock &to);
  void acquire(unsigned agent, const VectorClock &from);
  static void join(VectorClock &to, const VectorClock &from);

  /// Records an access. False, and the other agent, when it is not ordered after
  /// an earlier one. `lane` and `syncs` (of the warp so far) find lanes of one
  /// warp that exchange data without a warp-wide instruction between.
  bool access(unsigned agent, Kind kind, uint64_t address, unsigned bytes, unsigned lane,
              uint32_t syncs);
  /// Of the access that failed.
  std::string describe() const;

private:
  // A mark is an agent and its clock, or the index of a set of these.
  static constexpr uint32_t setBit = 1u << 31, clockBits = 23;
  using Mark = uint32_t;
  Mark getMark(unsigned agent) const { return agent << clockBits | clocks[agent][agent]; }
  bool isBefore(Mark mark, const VectorClock &clock);
  Mark add(Mark set, Mark mark, const VectorClock &clock);
  bool check(unsigned agent, Kind kind, uint64_t at, const VectorClock &clock);

  struct Byte {
    Mark writer = 0, reader = 0, atomics = 0; ///< the atomics since the write
    uint32_t lane = 0;                        ///< of the last write: number of syncs, lane
  };
  unsigned numWarps = 0;
  std::vector<VectorClock> clocks;
  std::unordered_map<uint64_t, unsigned> barrierAgents;
  std::unique_ptr<Byte[], void (*)(void *)> bytes{nullptr, nullptr};
  std::vector<std::vector<Mark>> sets;
  std::unordered_map<uint64_t, Mark> transitions;
  uint64_t lastKey = 0;
  Mark lastResult = 0;
  Mark conflict = 0;
  const char *conflictKind = "";
  bool conflictInWarp = false;
};

} // namespace ptx

#endif // DASHKV_UNITTESTS_PTX_PTXRACES_H
