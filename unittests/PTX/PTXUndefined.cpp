//===- PTXUndefined.cpp - Bits that were never written --------------------===//
//
// LLVM widens loads, speculates arithmetic and leaves out the moves of values
// that do not matter, so that reading what nobody wrote is no mistake by itself.
// Such bits go through moves, logic and shifts one by one and through the rest
// as a whole, and are an error where they decide something: an address, a
// branch, global memory, other lanes.
//
//===----------------------------------------------------------------------===//
#include "PTXMachine.h"

using namespace ptx;

static uint64_t maskOf(unsigned bits) { return bits >= 64 ? ~0ull : (1ull << bits) - 1; }

uint64_t Warp::getUndefined(int reg, unsigned lane) {
  if (defined[reg] >> lane & 1)
    return 0;
  auto found = undefined.find(reg);
  return found == undefined.end() ? ~0ull : found->second[lane];
}

void Warp::setUndefined(const Slot &slot, unsigned lane, uint64_t bits) {
  if (slot.reg < 0)
    return;
  bits &= maskOf(slot.bits);
  if (!bits) {
    defined[slot.reg] |= 1u << lane;
    return;
  }
  defined[slot.reg] &= ~(1u << lane);
  auto [found, isNew] = undefined.try_emplace(slot.reg);
  if (isNew)
    found->second.fill(~0ull);
  found->second[lane] = bits;
}

bool Warp::requireDefined(const Instruction &inst, const Slot &slot, uint32_t active) {
  if (slot.reg < 0)
    return true;
  for (uint32_t missing = active & ~defined[slot.reg]; missing; missing &= missing - 1) {
    unsigned lane = __builtin_ctz(missing);
    if (getUndefined(slot.reg, lane) & maskOf(slot.bits))
      return fail(inst,
                  "use of a value that was never written, in " + kernel.registers[slot.reg].name,
                  lane);
  }
  return true;
}

/// Undefined bits of the results of one lane, in order.
static void flowBits(Warp &warp, const Instruction &inst, unsigned lane, uint64_t *results) {
  auto bits = [&](unsigned i) {
    return warp.getUndefined(inst.src[i].reg, lane) & maskOf(inst.src[i].bits);
  };
  auto value = [&](unsigned i) { return warp.read(inst.src[i], lane); };
  unsigned width = inst.type.total() ? inst.type.total() : 64;
  uint64_t all = 0;
  for (unsigned i = 0; i < inst.numSrc; ++i)
    all |= bits(i);
  uint64_t whole = all ? ~0ull : 0, result = whole;
  switch (inst.flow) {
  case Flow::All:
  case Flow::Strict:
  case Flow::Handler:
    break;
  case Flow::Move:
    result = bits(0);
    break;
  case Flow::And: // a known 0 decides
    result = all & (bits(0) | value(0)) & (bits(1) | value(1));
    break;
  case Flow::Or: // a known 1 decides
    result = all & (bits(0) | ~value(0)) & (bits(1) | ~value(1));
    break;
  case Flow::Bitwise:
    result = all;
    break;
  case Flow::Shl:
  case Flow::Shr: {
    uint64_t amount = value(1) & 0xffffffff;
    if (bits(1))
      break;
    if (inst.flow == Flow::Shl)
      result = amount >= width ? 0 : bits(0) << amount;
    else if (amount >= width)
      result = inst.type.isSigned() ? whole : 0;
    else
      result = bits(0) >> amount;
    // Copies of an undefined sign.
    if (inst.flow == Flow::Shr && inst.type.isSigned() && bits(0) >> (width - 1) & 1)
      result |= ~(maskOf(width) >> amount);
    break;
  }
  case Flow::Permute: {
    if (bits(2))
      break;
    uint64_t bytes = (bits(0) & 0xffffffff) | bits(1) << 32, selector = value(2);
    result = 0;
    for (unsigned i = 0; i < 4; ++i) {
      uint64_t byte = bytes >> (8 * (selector >> (4 * i) & 7)) & 0xff;
      if (selector >> (4 * i) & 8)
        byte = byte & 0x80 ? 0xff : 0;
      result |= byte << (8 * i);
    }
    break;
  }
  case Flow::Select:
    if (!bits(2))
      result = bits(value(2) ? 0 : 1);
    break;
  case Flow::Convert: {
    unsigned from = inst.sourceType.total();
    result = bits(0) & maskOf(from);
    if (inst.sourceType.isSigned() && result >> (from - 1) & 1)
      result |= ~maskOf(from);
    result &= maskOf(width);
    if (inst.type.isSigned() && result >> (width - 1) & 1)
      result |= ~maskOf(width);
    break;
  }
  case Flow::Extract: {
    uint64_t position = value(1) & 0xff, length = value(2) & 0xff;
    if (bits(1) || bits(2))
      break;
    result = position >= width ? 0 : bits(0) >> position & maskOf(length);
    if (inst.type.isSigned() && result)
      result = ~0ull;
    break;
  }
  case Flow::Pack: {
    unsigned each = width / inst.numSrc;
    result = 0;
    for (unsigned i = 0; i < inst.numSrc && i * each < 64; ++i)
      result |= (bits(i) & maskOf(each)) << (i * each);
    if (width > 64)
      result = whole;
    break;
  }
  case Flow::Unpack: {
    unsigned each = width / inst.numDst;
    for (unsigned i = 0; i < inst.numDst; ++i)
      results[i] = width > 64 ? whole : bits(0) >> (i * each) & maskOf(each);
    return;
  }
  }
  for (unsigned i = 0; i < inst.numDst; ++i)
    results[i] = result;
}

bool Warp::runUndefined(const Instruction &inst, uint32_t active) {
  if (inst.flow == Flow::Strict) {
    for (unsigned i = 0; i < inst.numSrc; ++i)
      if (!requireDefined(inst, inst.src[i], active))
        return false;
  }
  uint64_t results[32][8];
  for (uint32_t rest = active; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    flowBits(*this, inst, lane, results[lane]);
  }
  inst.run(*this, inst, active);
  for (uint32_t rest = active; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    for (unsigned i = 0; i < inst.numDst; ++i)
      setUndefined(inst.dst[i], lane, results[lane][i]);
  }
  return grid.error.empty();
}
