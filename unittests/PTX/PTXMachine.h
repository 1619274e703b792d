//===- PTXMachine.h - Warps, blocks and a grid while they run ---*- C++ -*-===//
//
// A warp runs in lockstep: lanes at one instruction are a group, the group with
// the lowest address goes first, and groups that meet become one. Warps of all
// blocks take turns of a few instructions, in an order that a seed chooses.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_UNITTESTS_PTX_PTXMACHINE_H
#define DASHKV_UNITTESTS_PTX_PTXMACHINE_H

#include "PTXInterpreter.h"
#include "PTXModule.h"
#include <array>
#include <cstring>
#include <deque>
#include <random>
#include <unordered_map>

namespace ptx {

class Block;
class Grid;

/// Where generic addresses of parameters start.
constexpr uint64_t parameterWindow = 0x7fff00000000;

/// Lanes of a warp at one instruction.
struct Group {
  enum State : uint8_t { Ready, Parked, AtBarrier } state = Ready;
  bool yielded = false; ///< polls; others first
  uint8_t barrier = 0;
  int pc = 0;
  uint32_t mask = 0;
};

/// Bits of a register that were never written, by lane.
using UndefinedBits = std::array<uint64_t, 32>;

class Warp {
public:
  Warp(Block &block, unsigned index);

  Block &block;
  Grid &grid;
  const Kernel &kernel;
  unsigned index;
  uint32_t lanes, alive; ///< that exist; that have not left
  uint32_t syncs = 0;
  bool waitedForGrid = false; ///< griddepcontrol.wait
  uint32_t clusterGeneration = 0;
  uint64_t pollSignature = 0; ///< what its last poll saw
  std::vector<Group> groups;
  size_t current = 0;

  // The register file.
  uint32_t *row(const Slot &slot) { return &file[slot.offset]; }
  uint32_t *high(const Slot &slot) { return &file[slot.offset + 64]; } ///< of 128 bits
  uint32_t predicate(const Slot &slot) {
    return slot.negated ? ~file[slot.offset] : file[slot.offset];
  }
  void setPredicate(const Slot &slot, uint32_t value, uint32_t active) {
    file[slot.offset] = (file[slot.offset] & ~active) | (value & active);
  }
  /// The low 64 bits of a lane, whatever the width of the register.
  uint64_t read(const Slot &slot, unsigned lane) {
    const uint32_t *data = row(slot);
    if (slot.bits == 1)
      return predicate(slot) >> lane & 1;
    if (slot.bits <= 32)
      return data[lane];
    uint64_t value;
    std::memcpy(&value, data + 2 * lane, 8);
    return value;
  }
  void write(const Slot &slot, unsigned lane, uint64_t value) {
    uint32_t *data = row(slot);
    if (slot.bits == 1)
      *data = (*data & ~(1u << lane)) | static_cast<uint32_t>(value & 1) << lane;
    else if (slot.bits <= 32)
      data[lane] = static_cast<uint32_t>(slot.bits == 32 ? value : value & 0xffff);
    else
      std::memcpy(data + 2 * lane, &value, 8);
  }

  std::vector<uint32_t> defined;                    ///< by register, lanes wholly written
  std::unordered_map<int, UndefinedBits> undefined; ///< of the lanes that are not
  uint64_t getUndefined(int reg, unsigned lane);
  void setDefined(const Slot &slot, uint32_t lanes) {
    if (slot.reg >= 0)
      defined[slot.reg] |= lanes;
  }
  void setUndefined(const Slot &slot, unsigned lane, uint64_t bits);
  /// Fails when lanes of `active` read what was never written.
  bool requireDefined(const Instruction &inst, const Slot &slot, uint32_t active);

  /// Runs up to `quantum` instructions. False when it can do nothing now.
  bool run(unsigned quantum);
  /// The present group waits at a barrier of the block, until that completes.
  void waitAt(unsigned barrier);
  bool isDone() const { return !alive; }
  /// A group can go on.
  bool isReady() const;
  bool fail(const Instruction &inst, const std::string &message, int lane = -1);
  uint64_t getAddress(const Slot &base, int64_t offset, unsigned lane) {
    return (base.reg < 0 ? 0 : read(base, lane)) + offset;
  }

private:
  bool step();
  bool execute(const Instruction &inst, uint32_t active);
  bool choose();
  bool branch(const Instruction &inst, uint32_t active);
  bool gather(const Instruction &inst, uint32_t active);
  bool leave(const Instruction &inst, uint32_t active);
  bool failParked();
  bool runUndefined(const Instruction &inst, uint32_t active);

  void split(uint32_t active, int pc);

  LazyArray<uint32_t> storage;
  uint32_t *file;
};

/// A `bar` of a block.
struct Barrier {
  unsigned expected = 0, arrived = 0;
  uint32_t count = 0; ///< of bar.red
  uint32_t generation = 0;
  VectorClock clock;
};

struct MBarrier {
  uint32_t expected = 0, pending = 0; ///< arrivals
  int64_t bytes = 0;                  ///< of copies, outstanding
  uint32_t phase = 0;
  bool fenced = false; ///< since its init
  unsigned initWarp = 0;
  VectorClock clock, published;
};

/// A copy that has not arrived.
struct Copy {
  uint64_t source = 0, destination = 0;
  unsigned bytes = 0, sourceBytes = 0;
  uint64_t due = 0, mbarrier = 0; ///< bulk: when and where it arrives
  unsigned warp = 0, lane = 0;
  unsigned group = 0; ///< cp.async
  uint32_t clock = 0; ///< cp.async, of its agent
  bool early = false; ///< before griddepcontrol.wait
  const Instruction *inst = nullptr;
};

class Block {
public:
  Block(Grid &grid, Dim3 id, unsigned number);
  bool isDone() const { return live == 0; }
  /// Bulk copies that are due arrive, or the first of all. True when one did.
  bool deliver(bool now);
  /// `threads` of a warp arrive at a barrier of the block.
  bool arrive(Warp &warp, const Instruction &inst, unsigned id, unsigned expected, unsigned threads,
              bool waits);
  /// Why nothing goes on.
  bool failDeadlock();
  /// Copies of cp.async up to a group have arrived for some lanes.
  void completeCopies(Warp &warp, uint32_t lanes, unsigned allBut);
  bool arriveAtMBarrier(MBarrier &barrier, uint32_t count, Warp &warp, const Instruction &inst);
  void finishPhase(MBarrier &barrier);

  Grid &grid;
  const Kernel &kernel;
  Dim3 id;
  unsigned number; ///< in the grid
  SharedMemory shared;
  std::vector<std::unique_ptr<Warp>> warps;
  unsigned live; ///< warps
  std::map<unsigned, Barrier> barriers;
  std::map<uint64_t, MBarrier> mbarriers;
  std::deque<Copy> bulkCopies;
  std::vector<std::deque<Copy>> copies;         ///< cp.async, by warp
  std::vector<std::array<unsigned, 32>> groups; ///< committed, by warp and lane
};

class Grid {
public:
  Grid(Memory &memory, const Kernel &kernel, const Launch &launch, const MachineOptions &options,
       std::string &error);
  bool run();
  bool fail(const std::string &message);

  Memory &memory;
  const Kernel &kernel;
  const Launch &launch;
  const MachineOptions &options;
  std::string &error;
  std::vector<char> parameters;
  std::vector<Variable> shared; ///< dynamic ones have their size
  uint64_t sharedBytes;
  uint64_t steps = 0; ///< turns of warps
  /// Counts stores, atomics and fences.
  uint32_t time = 0;
  /// Of a block, as times: its last fence, its last access of a flag (an atomic
  /// or volatile one), and the last of these that a fence follows.
  struct Order {
    uint32_t fence = 0, flag = 0, acquired = 0;
  };
  std::vector<Order> orders;
  void addFence(const Block &block);
  void addFlag(const Block &block);
  bool progress = false;          ///< memory changed, or something arrived
  bool changed = false;           ///< a poll saw something new
  bool polled = false;            ///< the present turn ended in a poll
  std::vector<uint64_t> executed; ///< by instruction
  // By instruction, where its last access was.
  std::vector<Buffer *> lastBuffer;
  std::vector<const Variable *> lastVariable;
  std::mt19937 random;

private:
  std::vector<std::unique_ptr<Block>> blocks;
};

/// The bytes of one access.
struct Place {
  char *data = nullptr;
  uint64_t address = 0;     ///< in shared memory, or of the buffer
  Buffer *buffer = nullptr; ///< null for shared memory and parameters
  bool shared = false;
};
enum class Space : uint8_t { Generic, Global, Shared, Parameter };

/// Finds `bytes` bytes for a lane, or reports why there are none.
bool locate(Warp &warp, const Instruction &inst, unsigned lane, uint64_t address, unsigned bytes,
            Space space, Place &place);
/// What a kernel must not do with global memory. `constant`: by an `.nc` load.
/// `flag`: another block may have written it without a fence.
struct GlobalAccess {
  bool reads = false, writes = false, constant = false, flag = false;
};
bool checkGlobal(Warp &warp, const Instruction &inst, unsigned lane, const Place &place,
                 unsigned bytes, GlobalAccess access);
/// Bytes of a place, written for the first time or again. `flag`: by an access
/// that other blocks may see without a fence.
void markWritten(Warp &warp, const Place &place, unsigned bytes, bool flag);
/// Bytes that were never written, as a mask of bits of the first 64.
uint64_t getUnwritten(Warp &warp, const Place &place, unsigned bytes);
bool checkRace(Warp &warp, const Instruction &inst, unsigned lane, const Place &place,
               unsigned bytes, Races::Kind kind);

/// Values of lanes, as a type with the size of a row.
template <typename T> T getLane(const uint32_t *row, unsigned lane) {
  T value;
  if constexpr (sizeof(T) == 8)
    std::memcpy(&value, row + 2 * lane, 8);
  else
    std::memcpy(&value, row + lane, sizeof(T));
  return value;
}
template <typename T> void setLane(uint32_t *row, unsigned lane, T value) {
  if constexpr (sizeof(T) == 8) {
    std::memcpy(row + 2 * lane, &value, 8);
  } else if constexpr (sizeof(T) == 4) {
    std::memcpy(row + lane, &value, 4);
  } else {
    uint32_t wide = 0;
    std::memcpy(&wide, &value, sizeof(T));
    row[lane] = wide;
  }
}

/// Calls `body(lane)` for the lanes of `active`; a whole warp in a plain loop.
template <typename Body> void forLanes(uint32_t active, Body body) {
  if (active == ~0u) {
    for (unsigned lane = 0; lane < 32; ++lane)
      body(lane);
    return;
  }
  for (; active; active &= active - 1)
    body(static_cast<unsigned>(__builtin_ctz(active)));
}

} // namespace ptx

#endif // DASHKV_UNITTESTS_PTX_PTXMACHINE_H
