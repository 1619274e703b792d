//===- PTXWarp.cpp - Lanes in lockstep, apart and together ----------------===//
#include "PTXMachine.h"
#include <algorithm>
#include <sstream>

using namespace ptx;

Warp::Warp(Block &block, unsigned index)
    : block(block), grid(block.grid), kernel(block.kernel), index(index),
      defined(kernel.registers.size()) {
  const Dim3 &size = grid.launch.block;
  uint64_t threads = size.total() - 32 * index;
  lanes = threads >= 32 ? ~0u : (1u << threads) - 1;
  alive = lanes;
  groups.push_back({});
  groups[0].mask = lanes;
  storage.reset(kernel.fileWords + 16);
  file = storage.get();
  for (const Constant &constant : kernel.constants) {
    const Register &reg = kernel.registers[constant.reg];
    defined[constant.reg] = ~0u;
    if (reg.bits == 1) {
      file[reg.offset] = static_cast<uint32_t>(constant.value);
      continue;
    }
    for (unsigned lane = 0; lane < 32; ++lane) {
      unsigned thread = 32 * index + lane;
      const Dim3 &grids = grid.launch.grid;
      uint64_t value = constant.value;
      switch (constant.special) {
      case Special::Value:
        break;
      case Special::TidX:
        value = thread % size.x;
        break;
      case Special::TidY:
        value = thread / size.x % size.y;
        break;
      case Special::TidZ:
        value = thread / size.x / size.y;
        break;
      case Special::NTidX:
        value = size.x;
        break;
      case Special::NTidY:
        value = size.y;
        break;
      case Special::NTidZ:
        value = size.z;
        break;
      case Special::CtaX:
        value = block.id.x;
        break;
      case Special::CtaY:
        value = block.id.y;
        break;
      case Special::CtaZ:
        value = block.id.z;
        break;
      case Special::NCtaX:
        value = grids.x;
        break;
      case Special::NCtaY:
        value = grids.y;
        break;
      case Special::NCtaZ:
        value = grids.z;
        break;
      case Special::Lane:
        value = lane;
        break;
      case Special::Warp:
        value = index;
        break;
      case Special::NWarp:
        value = (size.total() + 31) / 32;
        break;
      case Special::LaneEq:
        value = 1u << lane;
        break;
      case Special::LaneLt:
        value = (1u << lane) - 1;
        break;
      case Special::LaneLe:
        value = (2u << lane) - 1;
        break;
      case Special::LaneGt:
        value = ~((2u << lane) - 1);
        break;
      case Special::LaneGe:
        value = ~((1u << lane) - 1);
        break;
      case Special::SM:
        value = block.number % grid.options.multiprocessors;
        break;
      case Special::NSM:
        value = grid.options.multiprocessors;
        break;
      case Special::GridId:
        value = grid.memory.launch;
        break;
      case Special::Clock:
        value = grid.steps;
        break;
      case Special::DynamicShared:
        value = grid.launch.dynamicShared;
        break;
      case Special::TotalShared:
        value = grid.sharedBytes;
        break;
      }
      if (reg.bits <= 32)
        file[reg.offset + lane] = static_cast<uint32_t>(value);
      else
        std::memcpy(file + reg.offset + 2 * lane, &value, 8);
    }
  }
}

bool Warp::fail(const Instruction &inst, const std::string &message, int lane) {
  std::ostringstream os;
  os << "line " << inst.line << ": " << inst.name << ": " << message << " (" << kernel.name
     << ", block " << block.id.x << "," << block.id.y << "," << block.id.z;
  if (lane >= 0) {
    unsigned thread = 32 * index + lane;
    const Dim3 &size = grid.launch.block;
    os << " thread " << thread % size.x << "," << thread / size.x % size.y << ","
       << thread / size.x / size.y;
  } else {
    os << " warp " << index;
  }
  os << ")";
  return grid.fail(os.str());
}

bool Warp::isReady() const {
  return std::any_of(groups.begin(), groups.end(),
                     [](const Group &group) { return group.state == Group::Ready; });
}

void Warp::waitAt(unsigned barrier) {
  groups[current].state = Group::AtBarrier;
  groups[current].barrier = barrier;
}

/// Joins groups that have met and takes the next one to run. False when none
/// can.
bool Warp::choose() {
  for (size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].state == Group::AtBarrier)
      continue;
    for (size_t j = groups.size() - 1; j > i; --j) {
      if (groups[j].pc != groups[i].pc || groups[j].state == Group::AtBarrier)
        continue;
      groups[i].mask |= groups[j].mask;
      groups[i].yielded &= groups[j].yielded;
      groups[i].state = Group::Ready;
      groups.erase(groups.begin() + j);
    }
  }
  for (bool again : {false, true}) {
    int best = -1;
    for (size_t i = 0; i < groups.size(); ++i)
      if (groups[i].state == Group::Ready && !groups[i].yielded &&
          (best < 0 || groups[i].pc < groups[best].pc))
        best = static_cast<int>(i);
    if (best >= 0) {
      current = best;
      return true;
    }
    if (!again)
      for (Group &group : groups)
        group.yielded = false;
  }
  bool waits = std::any_of(groups.begin(), groups.end(),
                           [](const Group &group) { return group.state == Group::AtBarrier; });
  return waits || groups.empty() ? false : failParked();
}

bool Warp::failParked() {
  const Group &group = *std::min_element(
      groups.begin(), groups.end(), [](const Group &a, const Group &b) { return a.pc < b.pc; });
  const Instruction &inst = kernel.code[group.pc];
  return fail(inst,
              groups.size() == 1 ? "part of the warp has left" : "part of the warp is elsewhere",
              __builtin_ctz(group.mask));
}

/// The lanes of the present group that are not in `active` go on at `pc`.
void Warp::split(uint32_t active, int pc) {
  uint32_t rest = groups[current].mask & ~active;
  groups[current].mask = active;
  if (!rest)
    return;
  Group other;
  other.pc = pc;
  other.mask = rest;
  groups.push_back(other);
}

bool Warp::branch(const Instruction &inst, uint32_t active) {
  int next = groups[current].pc + 1;
  if (inst.targets.empty()) {
    if (!active) {
      ++groups[current].pc;
      return true;
    }
    split(active, next);
    groups[current].pc = inst.target;
    return true;
  }
  if (!requireDefined(inst, inst.src[0], active))
    return false;
  split(active, next);
  while (active) {
    uint32_t index = row(inst.src[0])[__builtin_ctz(active)], same = 0;
    if (index >= inst.targets.size())
      return fail(inst, "index past the end of its table", __builtin_ctz(active));
    for (uint32_t rest = active; rest; rest &= rest - 1)
      if (row(inst.src[0])[__builtin_ctz(rest)] == index)
        same |= rest & -rest;
    split(same, groups[current].pc);
    groups[current].pc = inst.targets[index];
    active &= ~same;
    if (active)
      current = groups.size() - 1;
  }
  return true;
}

/// All lanes that a warp-wide instruction wants are here. Else the group waits
/// for them, or nobody can come any more.
bool Warp::gather(const Instruction &inst, uint32_t active) {
  uint32_t need = alive;
  if (inst.mask >= 0) {
    const Slot &slot = inst.src[inst.mask];
    if (!requireDefined(inst, slot, active))
      return false;
    uint32_t first = row(slot)[__builtin_ctz(active)];
    for (uint32_t rest = active; rest; rest &= rest - 1)
      if (row(slot)[__builtin_ctz(rest)] != first)
        return fail(inst, "expected one mask in all lanes", __builtin_ctz(rest));
    if (uint32_t out = active & ~first)
      return fail(inst, "expected a mask with all lanes that are here", __builtin_ctz(out));
    need = first & lanes;
  } else if (inst.role == Role::Collective) {
    need = ~0u; // a fragment in every lane
  }
  if (need & ~alive)
    return fail(inst, "part of the warp has left", __builtin_ctz(active));
  if (active == need)
    return true;
  split(active, groups[current].pc + 1); // a guard kept lanes out
  groups[current].state = Group::Parked;
  return false;
}

bool Warp::leave(const Instruction &inst, uint32_t active) {
  for (const Copy &copy : block.copies[index])
    if (active >> copy.lane & 1)
      return fail(
          inst, "leaves before a copy of line " + std::to_string(copy.inst->line) + " has arrived",
          copy.lane);
  alive &= ~active;
  groups[current].mask &= ~active;
  ++groups[current].pc;
  grid.progress = true;
  if (!groups[current].mask) {
    groups.erase(groups.begin() + current);
    current = 0;
  }
  if (alive)
    return true;
  if (--block.live == 0 && !block.bulkCopies.empty())
    return fail(inst, "the block leaves before a copy of line " +
                          std::to_string(block.bulkCopies.front().inst->line) + " has arrived");
  return true;
}

/// Runs the handler, with what it does to undefined bits. Mostly there are none.
inline bool Warp::execute(const Instruction &inst, uint32_t active) {
  grid.executed[inst.index] += __builtin_popcount(active);
  if (inst.flow == Flow::Handler) {
    inst.run(*this, inst, active);
    return grid.error.empty();
  }
  uint32_t missing = 0;
  for (unsigned i = 0; i < inst.numSrc; ++i)
    missing |= ~defined[inst.src[i].reg];
  if (missing & active)
    return runUndefined(inst, active);
  inst.run(*this, inst, active);
  for (unsigned i = 0; i < inst.numDst; ++i)
    if (inst.dst[i].reg >= 0)
      defined[inst.dst[i].reg] |= active;
  return grid.error.empty();
}

/// One instruction of the present group. False after an error.
bool Warp::step() {
  int pc = groups[current].pc;
  if (pc >= static_cast<int>(kernel.code.size()))
    return fail(kernel.code.back(), "control runs past the end of the kernel");
  const Instruction &inst = kernel.code[pc];
  uint32_t active = groups[current].mask;
  if (inst.guard.reg >= 0) {
    if ((active & ~defined[inst.guard.reg]) && !requireDefined(inst, inst.guard, active))
      return false;
    uint32_t guard = file[inst.guard.offset];
    active &= inst.negatedGuard ? ~guard : guard;
  }
  switch (inst.role) {
  case Role::Plain:
  case Role::Poll:
    ++groups[current].pc;
    return !active || execute(inst, active);
  case Role::Branch:
    grid.executed[inst.index] += __builtin_popcount(active);
    return branch(inst, active);
  case Role::Exit:
    grid.executed[inst.index] += __builtin_popcount(active);
    if (active)
      return leave(inst, active);
    ++groups[current].pc;
    return true;
  case Role::Collective:
  case Role::Barrier:
    break;
  }
  if (!active) {
    ++groups[current].pc;
    return true;
  }
  if (inst.aligned) {
    if (!gather(inst, active))
      return grid.error.empty();
  }
  split(active, pc + 1);
  ++syncs;
  ++groups[current].pc;
  return execute(inst, active);
}

bool Warp::run(unsigned quantum) {
  if (!choose())
    return false;
  for (; quantum; --quantum) {
    grid.polled = false;
    if (!step())
      return false;
    if (!alive)
      break;
    if (grid.polled)
      groups[current].yielded = true;
    if ((groups.size() > 1 || groups[current].state != Group::Ready || grid.polled) && !choose())
      break;
    if (grid.polled)
      break;
  }
  return true;
}
