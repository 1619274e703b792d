//===- PTXCollective.cpp - Lanes of a warp together -----------------------===//
#include "PTXHandlers.h"
#include <algorithm>

using namespace ptx;

namespace {
enum Shuffle : uint16_t { Up, Down, Butterfly, Index };

void shuffle(Warp &warp, const Instruction &inst, uint32_t active) {
  for (unsigned i = 1; i < 3; ++i)
    if (!warp.requireDefined(inst, inst.src[i], active))
      return;
  uint32_t values[32], undefined[32];
  for (unsigned lane = 0; lane < 32; ++lane) {
    values[lane] = warp.row(inst.src[0])[lane];
    undefined[lane] = static_cast<uint32_t>(warp.getUndefined(inst.src[0].reg, lane));
  }
  for (uint32_t rest = active; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    uint32_t b = warp.row(inst.src[1])[lane] & 31, c = warp.row(inst.src[2])[lane];
    uint32_t clamp = c & 31, segment = c >> 8 & 31;
    int last = static_cast<int>((lane & segment) | (clamp & ~segment & 31));
    int from = inst.op == Up          ? static_cast<int>(lane) - static_cast<int>(b)
               : inst.op == Down      ? static_cast<int>(lane + b)
               : inst.op == Butterfly ? static_cast<int>(lane ^ b)
                                      : static_cast<int>((lane & segment) | (b & ~segment & 31));
    bool inside = inst.op == Up ? from >= last : from <= last;
    if (!inside)
      from = static_cast<int>(lane);
    if (!(active >> from & 1)) {
      warp.fail(inst, "reads lane " + std::to_string(from) + ", which is not here",
                static_cast<int>(lane));
      return;
    }
    if (inst.dst[0].reg >= 0) {
      warp.row(inst.dst[0])[lane] = values[from];
      warp.setUndefined(inst.dst[0], lane, undefined[from]);
    }
    if (inst.numDst > 1 && inst.dst[1].reg >= 0) {
      warp.write(inst.dst[1], lane, inside);
      warp.setDefined(inst.dst[1], 1u << lane);
    }
  }
}

enum Vote : uint16_t { All, Any, Uniform, Ballot };

void vote(Warp &warp, const Instruction &inst, uint32_t active) {
  uint32_t p = warp.predicate(inst.src[0]) & active;
  if (inst.op == Ballot) {
    forLanes(active, [&](unsigned lane) { warp.row(inst.dst[0])[lane] = p; });
    return;
  }
  bool result = inst.op == All ? p == active : inst.op == Any ? p : p == 0 || p == active;
  warp.setPredicate(inst.dst[0], result ? ~0u : 0, active);
}

void match(Warp &warp, const Instruction &inst, uint32_t active) {
  uint32_t same[32];
  for (uint32_t rest = active; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    same[lane] = 0;
    for (uint32_t others = active; others; others &= others - 1) {
      unsigned other = __builtin_ctz(others);
      if (warp.read(inst.src[0], other) == warp.read(inst.src[0], lane))
        same[lane] |= 1u << other;
    }
  }
  forLanes(active, [&](unsigned lane) {
    bool all = same[lane] == active;
    warp.write(inst.dst[0], lane, inst.op == Any || all ? same[lane] : 0);
    if (inst.numDst > 1 && inst.dst[1].reg >= 0)
      warp.write(inst.dst[1], lane, all);
  });
}

enum Reduce : uint16_t { Add, Min, Max, And, Or, Xor };

template <typename T> T combine(unsigned op, T a, T b) {
  return op == Min ? std::min(a, b) : std::max(a, b);
}

void reduce(Warp &warp, const Instruction &inst, uint32_t active) {
  const uint32_t *a = warp.row(inst.src[0]);
  uint32_t result = 0;
  bool first = true;
  for (uint32_t rest = active; rest; rest &= rest - 1) {
    uint32_t value = a[__builtin_ctz(rest)];
    if (first)
      result = value;
    else if (inst.op == Add)
      result += value;
    else if (inst.op == And)
      result &= value;
    else if (inst.op == Or)
      result |= value;
    else if (inst.op == Xor)
      result ^= value;
    else if (inst.type.isSigned())
      result = static_cast<uint32_t>(
          combine<int32_t>(inst.op, static_cast<int32_t>(result), static_cast<int32_t>(value)));
    else
      result = combine<uint32_t>(inst.op, result, value);
    first = false;
  }
  forLanes(active, [&](unsigned lane) { warp.row(inst.dst[0])[lane] = result; });
}

void elect(Warp &warp, const Instruction &inst, uint32_t active) {
  uint32_t leader = static_cast<uint32_t>(__builtin_ctz(active));
  if (inst.dst[0].reg >= 0)
    forLanes(active, [&](unsigned lane) { warp.row(inst.dst[0])[lane] = leader; });
  if (inst.numDst > 1 && inst.dst[1].reg >= 0)
    warp.setPredicate(inst.dst[1], 1u << leader, active);
}

void activeMask(Warp &warp, const Instruction &inst, uint32_t active) {
  forLanes(active, [&](unsigned lane) { warp.row(inst.dst[0])[lane] = active; });
}
} // namespace

bool ptx::decodeCollective(Decoder &d) {
  Instruction &inst = d.inst;
  std::string_view root = d.root;
  if (root == "activemask") {
    inst.run = activeMask;
    return d.takeType(inst.type) && d.dst(32);
  }
  if (root != "shfl" && root != "vote" && root != "match" && root != "redux" && root != "elect")
    return true;
  inst.role = Role::Collective;
  inst.flow = Flow::Strict;
  if (!d.take("sync"))
    return d.fail("unknown instruction");
  if (root == "elect") {
    inst.run = elect;
    inst.mask = 0;
    return d.dst(0) && d.src(32);
  }
  int op = root == "shfl"    ? d.takeFirst({"up", "down", "bfly", "idx"})
           : root == "vote"  ? d.takeFirst({"all", "any", "uni", "ballot"})
           : root == "match" ? d.takeFirst({"all", "any"})
                             : d.takeFirst({"add", "min", "max", "and", "or", "xor"});
  if (op < 0 || !d.takeType(inst.type) || inst.type.bits > 64 || inst.type.isFloat())
    return d.fail("unknown instruction");
  inst.op = static_cast<uint16_t>(op);
  if (root == "shfl") {
    inst.run = shuffle;
    inst.flow = Flow::Handler;
    inst.mask = 3;
    return d.dst(0) && d.src(32) && d.src(32) && d.src(32) && d.src(32);
  }
  inst.mask = 1;
  inst.run = root == "vote" ? vote : root == "match" ? match : reduce;
  if (root == "vote")
    return d.dst(op == Ballot ? 32 : 1) && d.src(1) && d.src(32);
  return d.dst(0) && d.src(inst.type.bits) && d.src(32);
}
