//===- PTXAsync.cpp - mbarriers and copies that arrive late ---------------===//
#include "PTXHandlers.h"
#include <algorithm>

using namespace ptx;

//===----------------------------------------------------------------------===//
// Phases and arrivals
//===----------------------------------------------------------------------===//

void Block::finishPhase(MBarrier &barrier) {
  if (barrier.pending || barrier.bytes)
    return;
  ++barrier.phase;
  barrier.pending = barrier.expected;
  Races::join(barrier.published, barrier.clock);
  barrier.clock.clear();
  grid.progress = true;
}

bool Block::arriveAtMBarrier(MBarrier &barrier, uint32_t count, Warp &warp,
                             const Instruction &inst) {
  if (count > barrier.pending)
    return warp.fail(inst, "more arrivals than the mbarrier expects in a phase");
  barrier.pending -= count;
  finishPhase(barrier);
  return true;
}

bool Block::deliver(bool now) {
  bool any = false;
  for (auto copy = bulkCopies.begin(); copy != bulkCopies.end();) {
    if (copy->due > grid.steps && !now) {
      ++copy;
      continue;
    }
    char *to = shared.data() + copy->destination;
    Buffer *buffer = grid.memory.find(copy->source);
    const char *from = buffer->data + (copy->source - buffer->base);
    std::memcpy(to, from, copy->bytes);
    std::memset(shared.written.data() + copy->destination, 1, copy->bytes);
    // What a kernel before may write meanwhile is anything.
    if (copy->early && buffer->stamps)
      for (unsigned i = 0; i < copy->bytes; ++i) {
        uint64_t unit = (copy->source - buffer->base + i) / Buffer::unit;
        uint32_t writer = buffer->stamps.get()[unit].launch;
        if (writer && writer >= grid.memory.chain && writer != grid.memory.launch)
          to[i] = static_cast<char>(grid.random());
      }
    auto found = mbarriers.find(copy->mbarrier);
    if (found == mbarriers.end())
      return warps[copy->warp]->fail(*copy->inst, "its mbarrier is gone when it arrives");
    shared.races.release(shared.races.getBarrierAgent(copy->mbarrier), found->second.clock);
    found->second.bytes -= copy->bytes;
    finishPhase(found->second);
    copy = bulkCopies.erase(copy);
    grid.progress = any = true;
    if (now)
      break;
  }
  return any;
}

void Block::completeCopies(Warp &warp, uint32_t lanes, unsigned allBut) {
  auto &pending = copies[warp.index];
  Races &races = shared.races;
  unsigned agent = races.getCopyAgent(warp.index);
  uint32_t seen = races.getClock(agent)[agent];
  for (auto copy = pending.begin(); copy != pending.end();) {
    unsigned committed = groups[warp.index][copy->lane];
    if (!(lanes >> copy->lane & 1) || (allBut != ~0u && copy->group + allBut >= committed)) {
      seen = std::min(seen, copy->clock - 1);
      ++copy;
      continue;
    }
    char *to = shared.data() + copy->destination;
    Buffer *buffer = grid.memory.find(copy->source);
    if (copy->sourceBytes)
      std::memcpy(to, buffer->data + (copy->source - buffer->base), copy->sourceBytes);
    std::memset(to + copy->sourceBytes, 0, copy->bytes - copy->sourceBytes);
    std::memset(shared.written.data() + copy->destination, 1, copy->bytes);
    copy = pending.erase(copy);
  }
  uint32_t &known = races.getClock(races.getWarpAgent(warp.index))[agent];
  known = std::max(known, seen);
  grid.progress = true;
}

//===----------------------------------------------------------------------===//
// Handlers
//===----------------------------------------------------------------------===//

namespace {
enum Op : uint16_t { Init, Invalidate, Arrive, ArriveExpect, Expect, TestState, TestParity };

uint64_t getSharedAddress(Warp &warp, const Slot &base, int64_t offset, unsigned lane) {
  uint64_t address = warp.getAddress(base, offset, lane);
  return address >= SharedMemory::window ? address - SharedMemory::window : address;
}

/// The mbarrier of a lane, or null and an error.
MBarrier *findMBarrier(Warp &warp, const Instruction &inst, unsigned lane, uint64_t address,
                       bool writes, bool isInit) {
  Place place;
  if (!locate(warp, inst, lane, address, 8, Space::Shared, place) ||
      !checkRace(warp, inst, lane, place, 8, writes ? Races::Write : Races::Read))
    return nullptr;
  auto found = warp.block.mbarriers.find(address);
  if (found != warp.block.mbarriers.end())
    return &found->second;
  if (!isInit)
    warp.fail(inst, "no mbarrier was initialized here", lane);
  return nullptr;
}

void mbarrier(Warp &warp, const Instruction &inst, uint32_t active) {
  Block &block = warp.block;
  Races &races = block.shared.races;
  unsigned agent = races.getWarpAgent(warp.index);
  if (!warp.requireDefined(inst, inst.base, active))
    return;
  for (unsigned i = 0; i < inst.numSrc; ++i)
    if (!warp.requireDefined(inst, inst.src[i], active))
      return;
  bool released = false;
  for (uint32_t rest = active; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    uint64_t address = getSharedAddress(warp, inst.base, inst.offset, lane);
    bool writes = inst.op == Init || inst.op == Invalidate;
    MBarrier *barrier = findMBarrier(warp, inst, lane, address, writes, inst.op == Init);
    if (!warp.grid.error.empty())
      return;
    uint32_t operand = inst.numSrc ? static_cast<uint32_t>(warp.read(inst.src[0], lane)) : 1;
    auto arrive = [&](uint32_t count) {
      if (!released)
        races.release(agent, barrier->clock);
      else
        Races::join(barrier->clock, races.getClock(agent));
      released = true;
      return block.arriveAtMBarrier(*barrier, count, warp, inst);
    };
    switch (inst.op) {
    case Init: {
      if (barrier) {
        warp.fail(inst, "the mbarrier is in use", lane);
        return;
      }
      if (!operand || operand >= 1u << 20) {
        warp.fail(inst, "expected a count of 1 to 2^20 - 1, but got " + std::to_string(operand),
                  lane);
        return;
      }
      MBarrier fresh;
      fresh.expected = fresh.pending = operand;
      fresh.initWarp = warp.index;
      block.mbarriers[address] = std::move(fresh);
      std::memset(block.shared.written.data() + address, 0, 8);
      break;
    }
    case Invalidate:
      block.mbarriers.erase(address);
      break;
    case Arrive:
      warp.grid.progress = true;
      if (inst.numDst && inst.dst[0].reg >= 0) {
        warp.write(inst.dst[0], lane, barrier->phase);
        warp.setDefined(inst.dst[0], 1u << lane);
      }
      if (!arrive(operand))
        return;
      break;
    case ArriveExpect:
      warp.grid.progress = true;
      barrier->bytes += operand;
      if (inst.numDst && inst.dst[0].reg >= 0) {
        warp.write(inst.dst[0], lane, barrier->phase);
        warp.setDefined(inst.dst[0], 1u << lane);
      }
      if (!arrive(1))
        return;
      break;
    case Expect:
      barrier->bytes += operand;
      break;
    case TestState:
    case TestParity: {
      uint32_t phase = inst.op == TestParity ? barrier->phase & 1 : barrier->phase;
      bool done = phase != operand;
      if (inst.op == TestParity && operand > 1) {
        warp.fail(inst, "expected a parity of 0 or 1, but got " + std::to_string(operand), lane);
        return;
      }
      warp.write(inst.dst[0], lane, done);
      warp.setDefined(inst.dst[0], 1u << lane);
      if (done)
        races.acquire(agent, barrier->published);
      else
        warp.grid.polled = true;
      break;
    }
    }
  }
}

/// Room in shared memory that a copy will fill: nobody may use it meanwhile.
bool claim(Warp &warp, const Instruction &inst, unsigned lane, const Place &place, unsigned bytes,
           unsigned agent) {
  SharedMemory &shared = warp.block.shared;
  Races &races = shared.races;
  races.acquire(agent, races.getClock(races.getWarpAgent(warp.index)));
  if (!races.access(agent, Races::Write, place.address, bytes, lane, 0))
    return warp.fail(inst, races.describe() + ", at the destination", lane);
  std::memset(place.data, 0xCD, bytes);
  std::memset(shared.written.data() + place.address, 0, bytes);
  return true;
}

/// The source of a copy has been written.
bool checkSource(Warp &warp, const Instruction &inst, unsigned lane, const Place &place,
                 unsigned bytes) {
  const Buffer *buffer = place.buffer;
  if (buffer->access == Access::Write)
    return warp.fail(inst, "read of a buffer that is only written", lane);
  if (bytes && buffer->written && std::memchr(buffer->written.get() + place.address, 0, bytes))
    return warp.fail(inst, "use of a value that was never written, in global memory", lane);
  return true;
}

void copyAsync(Warp &warp, const Instruction &inst, uint32_t active) {
  if (!warp.requireDefined(inst, inst.base, active) ||
      !warp.requireDefined(inst, inst.base2, active))
    return;
  unsigned bytes = static_cast<unsigned>(inst.op);
  GlobalAccess access;
  access.reads = true;
  Races &races = warp.block.shared.races;
  unsigned agent = races.getCopyAgent(warp.index);
  for (uint32_t rest = active; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    Copy copy;
    copy.bytes = copy.sourceBytes = bytes;
    if (inst.numSrc) {
      if (!warp.requireDefined(inst, inst.src[0], 1u << lane))
        return;
      copy.sourceBytes = std::min<uint64_t>(bytes, warp.read(inst.src[0], lane));
    }
    Place to, from;
    copy.destination = getSharedAddress(warp, inst.base, inst.offset, lane);
    copy.source = warp.getAddress(inst.base2, inst.offset2, lane);
    if (!locate(warp, inst, lane, copy.destination, bytes, Space::Shared, to))
      return;
    if (copy.sourceBytes && (!locate(warp, inst, lane, copy.source, bytes, Space::Global, from) ||
                             !checkGlobal(warp, inst, lane, from, bytes, access) ||
                             !checkSource(warp, inst, lane, from, copy.sourceBytes)))
      return;
    if (!claim(warp, inst, lane, to, bytes, agent))
      return;
    copy.warp = warp.index;
    copy.lane = lane;
    copy.group = warp.block.groups[warp.index][lane];
    copy.clock = races.getClock(agent)[agent];
    copy.inst = &inst;
    warp.block.copies[warp.index].push_back(copy);
  }
}

void commit(Warp &warp, const Instruction &, uint32_t active) {
  for (uint32_t rest = active; rest; rest &= rest - 1)
    ++warp.block.groups[warp.index][__builtin_ctz(rest)];
  Races &races = warp.block.shared.races;
  VectorClock none;
  races.release(races.getCopyAgent(warp.index), none);
}

void waitCopies(Warp &warp, const Instruction &inst, uint32_t active) {
  warp.block.completeCopies(warp, active, static_cast<unsigned>(inst.offset2));
}

void copyBulk(Warp &warp, const Instruction &inst, uint32_t active) {
  Block &block = warp.block;
  for (const Slot &slot : {inst.base, inst.base2, inst.src[0], inst.src[1]})
    if (!warp.requireDefined(inst, slot, active))
      return;
  for (uint32_t rest = active; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    Copy copy;
    copy.destination = getSharedAddress(warp, inst.base, inst.offset, lane);
    copy.source = warp.getAddress(inst.base2, inst.offset2, lane);
    copy.bytes = copy.sourceBytes = static_cast<unsigned>(warp.read(inst.src[0], lane));
    copy.mbarrier = getSharedAddress(warp, inst.src[1], 0, lane);
    MBarrier *barrier = findMBarrier(warp, inst, lane, copy.mbarrier, false, false);
    if (!barrier)
      return;
    if (!barrier->fenced) {
      warp.fail(inst, "no fence between the init of the mbarrier and this", lane);
      return;
    }
    if (!copy.bytes || copy.bytes % 16) {
      warp.fail(inst, "expected a multiple of 16 bytes, but got " + std::to_string(copy.bytes),
                lane);
      return;
    }
    Place to, from, end;
    if (!locate(warp, inst, lane, copy.destination, 16, Space::Shared, to) ||
        !locate(warp, inst, lane, copy.destination + copy.bytes - 16, 16, Space::Shared, end) ||
        !locate(warp, inst, lane, copy.source, 16, Space::Global, from) ||
        !locate(warp, inst, lane, copy.source + copy.bytes - 16, 16, Space::Global, end) ||
        !checkSource(warp, inst, lane, from, copy.bytes) ||
        !claim(warp, inst, lane, to, copy.bytes, block.shared.races.getBarrierAgent(copy.mbarrier)))
      return;
    copy.warp = warp.index;
    copy.lane = lane;
    copy.inst = &inst;
    copy.early = warp.grid.launch.dependent && !warp.waitedForGrid;
    copy.due = warp.grid.steps + warp.grid.random() % 256;
    block.bulkCopies.push_back(copy);
  }
}

bool decodeMBarrier(Decoder &d) {
  Instruction &inst = d.inst;
  inst.flow = Flow::Handler;
  inst.run = mbarrier;
  bool init = d.take("init"), inval = d.take("inval"), arrive = d.take("arrive"),
       expect = d.take("expect_tx"), test = d.take("test_wait"), tries = d.take("try_wait"),
       parity = d.take("parity");
  for (std::string_view suffix : {"release", "acquire", "relaxed", "cta", "cluster", "shared",
                                  "shared::cta", "shared::cluster", "noComplete"})
    d.take(suffix);
  if (!d.takeType(inst.type) || inst.type.bits != 64)
    return d.fail("unknown instruction");
  if (init || inval) {
    inst.op = init ? Init : Invalidate;
    return d.address() && (inval || d.src(32));
  }
  if (arrive) {
    inst.op = expect ? ArriveExpect : Arrive;
    return (d.peek().front() == '[' || d.dst(64)) && d.address() && (!d.hasOperands() || d.src(32));
  }
  if (expect) {
    inst.op = Expect;
    return d.address() && d.src(32);
  }
  if (!test && !tries)
    return d.fail("unknown instruction");
  inst.op = parity ? TestParity : TestState;
  inst.role = Role::Poll;
  if (!d.dst(1) || !d.address() || !d.src(parity ? 32 : 64))
    return false;
  return !d.hasOperands() || d.src(32); // how long to wait
}
} // namespace

bool ptx::decodeAsync(Decoder &d) {
  Instruction &inst = d.inst;
  if (d.root == "mbarrier")
    return decodeMBarrier(d);
  if (d.root != "cp" || !d.take("async"))
    return d.root != "cp" || d.fail("unknown instruction");
  inst.flow = Flow::Handler;
  d.suffixes.erase(
      std::remove_if(d.suffixes.begin(), d.suffixes.end(),
                     [](std::string_view suffix) { return suffix.substr(0, 4) == "L2::"; }),
      d.suffixes.end());
  if (d.take("bulk")) {
    bool known = (d.take("shared::cluster") || d.take("shared::cta")) && d.take("global") &&
                 d.take("mbarrier::complete_tx::bytes");
    if (!known)
      return d.fail("unknown instruction");
    inst.run = copyBulk;
    if (!d.address() || !d.address2() || !d.src(32) || !d.addressAsSource())
      return false;
    return !d.hasOperands() || d.src(64); // a cache policy
  }
  if (d.take("commit_group")) {
    inst.run = commit;
    return true;
  }
  if (d.take("wait_all")) {
    inst.run = waitCopies;
    inst.offset2 = ~0u;
    return true;
  }
  if (d.take("wait_group")) {
    inst.run = waitCopies;
    return d.immediate(inst.offset2);
  }
  bool known = (d.take("ca") || d.take("cg")) && (d.take("shared") || d.take("shared::cta")) &&
               d.take("global");
  if (!known)
    return d.fail("unknown instruction");
  inst.run = copyAsync;
  int64_t bytes;
  if (!d.address() || !d.address2() || !d.immediate(bytes))
    return false;
  inst.op = static_cast<uint16_t>(bytes);
  if (bytes != 4 && bytes != 8 && bytes != 16)
    return d.fail("unknown size");
  return !d.hasOperands() || d.src(32);
}
