//===- PTXAtomic.cpp - Atomics, fences and the order of grids -------------===//
#include "PTXFloat.h"
#include "PTXHandlers.h"
#include <algorithm>

using namespace ptx;

namespace {
enum Op : uint16_t { Add, Inc, Dec, Min, Max, And, Or, Xor, Exch, Cas };

template <typename T> T combine(unsigned op, T old, T b, T c) {
  switch (op) {
  case Add:
    return static_cast<T>(static_cast<std::make_unsigned_t<T>>(old) +
                          static_cast<std::make_unsigned_t<T>>(b));
  case Inc:
    return old >= b ? 0 : old + 1;
  case Dec:
    return old == 0 || old > b ? b : old - 1;
  case Min:
    return std::min(old, b);
  case Max:
    return std::max(old, b);
  case And:
    return old & b;
  case Or:
    return old | b;
  case Xor:
    return old ^ b;
  case Exch:
    return b;
  case Cas:
    return old == b ? c : old;
  }
  return old;
}

uint64_t addFloats(Type type, uint64_t old, uint64_t b) {
  if (type.bits == 32)
    return floatToBits(bitsToFloat(static_cast<uint32_t>(old)) +
                       bitsToFloat(static_cast<uint32_t>(b)));
  if (type.bits == 64) {
    double x, y;
    std::memcpy(&x, &old, 8);
    std::memcpy(&y, &b, 8);
    x += y;
    std::memcpy(&old, &x, 8);
    return old;
  }
  uint64_t result = 0;
  for (unsigned i = 0; i < type.count; ++i) {
    uint16_t x = static_cast<uint16_t>(old >> (16 * i)), y = static_cast<uint16_t>(b >> (16 * i));
    uint16_t sum = type.kind == Type::Float ? floatToHalf(halfToFloat(x) + halfToFloat(y))
                                            : floatToBfloat(bfloatToFloat(x) + bfloatToFloat(y));
    result |= static_cast<uint64_t>(sum) << (16 * i);
  }
  return result;
}

void atomic(Warp &warp, const Instruction &inst, uint32_t active) {
  Type type = inst.type;
  unsigned bytes = type.total() / 8;
  if (!warp.requireDefined(inst, inst.base, active))
    return;
  for (unsigned i = 0; i < inst.numSrc; ++i)
    if (!warp.requireDefined(inst, inst.src[i], active))
      return;
  GlobalAccess access;
  access.reads = access.writes = access.flag = true;
  bool isOrdered = inst.aligned;
  if (isOrdered)
    warp.grid.addFence(warp.block);
  warp.grid.addFlag(warp.block);
  for (uint32_t rest = active; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    Place place;
    if (!locate(warp, inst, lane, warp.getAddress(inst.base, inst.offset, lane), bytes,
                static_cast<Space>(inst.flags), place) ||
        !checkGlobal(warp, inst, lane, place, bytes, access) ||
        !checkRace(warp, inst, lane, place, bytes, Races::Atomic))
      return;
    uint64_t unwritten = inst.op == Exch ? 0 : getUnwritten(warp, place, bytes);
    if (unwritten) {
      warp.fail(inst, "use of a value that was never written, in memory", lane);
      return;
    }
    uint64_t old = 0, b = warp.read(inst.src[0], lane), result,
             c = inst.numSrc > 1 ? warp.read(inst.src[1], lane) : 0;
    std::memcpy(&old, place.data, bytes);
    if (type.isFloat())
      result = addFloats(type, old, b);
    else if (bytes == 8)
      result = type.isSigned() ? static_cast<uint64_t>(combine<int64_t>(inst.op, old, b, c))
                               : combine<uint64_t>(inst.op, old, b, c);
    else
      result = type.isSigned()
                   ? static_cast<uint32_t>(combine<int32_t>(inst.op, static_cast<int32_t>(old),
                                                            static_cast<int32_t>(b),
                                                            static_cast<int32_t>(c)))
                   : combine<uint32_t>(inst.op, static_cast<uint32_t>(old),
                                       static_cast<uint32_t>(b), static_cast<uint32_t>(c));
    if (result != old || inst.op != Cas)
      markWritten(warp, place, bytes, false);
    std::memcpy(place.data, &result, bytes);
    if (inst.numDst && inst.dst[0].reg >= 0) {
      warp.write(inst.dst[0], lane, old);
      warp.defined[inst.dst[0].reg] |= 1u << lane;
    }
  }
  if (isOrdered)
    warp.grid.addFence(warp.block);
  // A lock is polled by cas and exch.
  if (inst.op == Cas || inst.op == Exch)
    warp.grid.polled = true;
}

/// Lanes of a warp see each other's writes, and asynchronous copies the
/// mbarriers.
void fence(Warp &warp, const Instruction &inst, uint32_t) {
  ++warp.syncs;
  if (inst.flags)
    warp.grid.addFence(warp.block);
  if (inst.op)
    for (auto &entry : warp.block.mbarriers)
      entry.second.fenced |= entry.second.initWarp == warp.index;
}

void nothing(Warp &, const Instruction &, uint32_t) {}
void waitForGrid(Warp &warp, const Instruction &, uint32_t) { warp.waitedForGrid = true; }
void yield(Warp &warp, const Instruction &, uint32_t) { warp.grid.polled = true; }

void trap(Warp &warp, const Instruction &inst, uint32_t active) {
  warp.fail(inst, "the kernel stops itself", __builtin_ctz(active));
}
} // namespace

bool ptx::decodeAtomic(Decoder &d) {
  Instruction &inst = d.inst;
  std::string_view root = d.root;
  inst.flow = Flow::All;
  if (root == "fence" || root == "membar") {
    inst.op = d.take("proxy") || d.take("mbarrier_init");
    inst.flags = !inst.op && (d.take("gpu") || d.take("sys") || d.take("gl"));
    static const std::string_view known[] = {
        "cta",     "cluster", "gpu",   "sys",   "gl",      "acq_rel",       "sc",
        "acquire", "release", "async", "alias", "generic", "async::generic"};
    d.suffixes.erase(std::remove_if(d.suffixes.begin(), d.suffixes.end(),
                                    [](std::string_view suffix) {
                                      return std::find(std::begin(known), std::end(known),
                                                       suffix) != std::end(known) ||
                                             suffix.substr(0, 7) == "async.g" ||
                                             suffix.substr(0, 6) == "shared" ||
                                             suffix == "global" ||
                                             suffix.substr(0, 15) == "sync_restrict::";
                                    }),
                     d.suffixes.end());
    inst.run = fence;
    return true;
  }
  if (root == "griddepcontrol") {
    inst.run = d.take("wait") ? waitForGrid : d.take("launch_dependents") ? nothing : Handler();
    return inst.run || d.fail("unknown instruction");
  }
  if (root == "nanosleep") {
    inst.run = yield;
    inst.role = Role::Poll;
    Type type;
    return d.takeType(type) && d.src(32);
  }
  if (root == "trap" || root == "brkpt") {
    inst.run = trap;
    return true;
  }
  bool isReduction = root == "red";
  if (root != "atom" && !isReduction)
    return true;
  inst.flow = Flow::Handler;
  d.take("relaxed");
  inst.aligned = d.take("acquire") || d.take("release") || d.take("acq_rel");
  d.take("cta") || d.take("cluster") || d.take("gpu") || d.take("sys");
  Space space = Space::Generic;
  if (d.take("global"))
    space = Space::Global;
  else if (d.take("shared") || d.take("shared::cta") || d.take("shared::cluster"))
    space = Space::Shared;
  inst.flags = static_cast<uint16_t>(space);
  int op = d.takeFirst({"add", "inc", "dec", "min", "max", "and", "or", "xor", "exch", "cas"});
  d.take("noftz");
  if (op < 0 || !d.takeType(inst.type) || (inst.type.isFloat() && op != Add) ||
      inst.type.total() < 32)
    return d.fail("unknown instruction");
  inst.op = static_cast<uint16_t>(op);
  inst.run = atomic;
  if (op == Cas || op == Exch)
    inst.role = Role::Poll;
  unsigned bits = inst.type.total();
  return (isReduction || d.dst(bits)) && d.address() && d.src(bits) && (op != Cas || d.src(bits));
}
