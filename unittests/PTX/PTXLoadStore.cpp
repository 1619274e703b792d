//===- PTXLoadStore.cpp - Loads and stores --------------------------------===//
#include "PTXHandlers.h"
#include <algorithm>
#include <sstream>

using namespace ptx;

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

static std::string describe(unsigned bytes, uint64_t address) {
  std::ostringstream os;
  os << " of " << bytes << " bytes at 0x" << std::hex << address;
  return os.str();
}

bool ptx::locate(Warp &warp, const Instruction &inst, unsigned lane, uint64_t address,
                 unsigned bytes, Space space, Place &place) {
  Grid &grid = warp.grid;
  if (address & (bytes - 1))
    return warp.fail(inst, "misaligned access" + describe(bytes, address), lane);
  if (space == Space::Generic) {
    space = address >= parameterWindow        ? Space::Parameter
            : address >= SharedMemory::window ? Space::Shared
                                              : Space::Global;
    if (space == Space::Parameter)
      address -= parameterWindow;
    if (space == Space::Shared)
      address -= SharedMemory::window;
  }
  place.address = address;
  place.shared = space == Space::Shared;
  place.buffer = nullptr;
  if (space == Space::Shared) {
    auto holds = [&](const Variable &variable) {
      return address >= variable.base && address + bytes <= variable.base + variable.size;
    };
    const Variable *&last = grid.lastVariable[inst.index];
    if (!last || !holds(*last)) {
      auto found = std::find_if(grid.shared.begin(), grid.shared.end(), holds);
      if (found == grid.shared.end())
        return warp.fail(inst, "shared access out of bounds" + describe(bytes, address), lane);
      last = &*found;
    }
    place.data = warp.block.shared.data() + address;
    return true;
  }
  if (space == Space::Parameter) {
    if (address + bytes > grid.parameters.size())
      return warp.fail(inst, "parameter access out of bounds" + describe(bytes, address), lane);
    place.data = grid.parameters.data() + address;
    return true;
  }
  Buffer *&last = grid.lastBuffer[inst.index];
  if (!last || !last->contains(address, bytes)) {
    last = grid.memory.find(address);
    if (!last || !last->contains(address, bytes))
      return warp.fail(inst, "global access out of bounds" + describe(bytes, address), lane);
  }
  place.buffer = last;
  place.address = address - last->base;
  place.data = last->data + place.address;
  return true;
}

bool ptx::checkGlobal(Warp &warp, const Instruction &inst, unsigned lane, const Place &place,
                      unsigned bytes, GlobalAccess access) {
  const Buffer *buffer = place.buffer;
  if (!buffer)
    return true;
  auto fail = [&](const std::string &message) {
    return warp.fail(inst, message + describe(bytes, buffer->base + place.address), lane);
  };
  if (access.reads && buffer->access == Access::Write)
    return fail("read of a buffer that is only written");
  if (access.writes && buffer->access == Access::Read)
    return fail("write to a buffer that is only read");
  const Grid &grid = warp.grid;
  bool early = grid.launch.dependent && !warp.waitedForGrid;
  if (access.writes && early)
    return fail("write before griddepcontrol.wait");
  if (buffer->access != Access::Workspace)
    return access.constant && buffer->access != Access::Read
               ? fail("non-coherent read of a buffer that is written")
               : true;
  if (!access.reads)
    return true;
  for (uint64_t unit = place.address / Buffer::unit;
       unit <= (place.address + bytes - 1) / Buffer::unit; ++unit) {
    const Buffer::Stamp &stamp = buffer->stamps.get()[unit];
    if (!stamp.launch || stamp.launch < grid.memory.chain)
      continue;
    // Written by a kernel that may still run, this one included.
    bool isOwn = stamp.launch == grid.memory.launch;
    if (access.constant)
      return fail(isOwn ? "non-coherent read of what this kernel has written"
                        : "non-coherent read of what a kernel before has written, which may run");
    if (early && !isOwn)
      return fail("read before griddepcontrol.wait of what a kernel before has written");
    if (!isOwn || access.flag || stamp.block == ~0u || stamp.block == warp.block.number)
      continue;
    // The other block has to release what it wrote, and this one to acquire it.
    if (grid.orders[stamp.block].fence <= stamp.time ||
        grid.orders[warp.block.number].acquired <= stamp.time)
      return fail("read of what block " + std::to_string(stamp.block) +
                  " has written, without a fence on both sides,");
  }
  return true;
}

void ptx::markWritten(Warp &warp, const Place &place, unsigned bytes, bool flag) {
  Grid &grid = warp.grid;
  grid.progress = true;
  if (place.shared) {
    std::memset(warp.block.shared.written.data() + place.address, 1, bytes);
  } else if (place.buffer && place.buffer->written) {
    std::memset(place.buffer->written.get() + place.address, 1, bytes);
    Buffer::Stamp stamp{grid.memory.launch, flag ? ~0u : warp.block.number, grid.time};
    for (uint64_t unit = place.address / Buffer::unit;
         unit <= (place.address + bytes - 1) / Buffer::unit; ++unit)
      place.buffer->stamps.get()[unit] = stamp;
  }
}

uint64_t ptx::getUnwritten(Warp &warp, const Place &place, unsigned bytes) {
  const uint8_t *written = nullptr;
  if (place.shared)
    written = warp.block.shared.written.data() + place.address;
  else if (place.buffer && place.buffer->written)
    written = place.buffer->written.get() + place.address;
  if (!written || !std::memchr(written, 0, bytes))
    return 0;
  uint64_t mask = 0;
  for (unsigned i = 0; i < std::min(bytes, 8u); ++i)
    mask |= (written[i] ? 0 : 0xffull) << (8 * i);
  return bytes > 8 ? ~0ull : mask;
}

bool ptx::checkRace(Warp &warp, const Instruction &inst, unsigned lane, const Place &place,
                    unsigned bytes, Races::Kind kind) {
  if (!place.shared)
    return true;
  Races &races = warp.block.shared.races;
  if (races.access(races.getWarpAgent(warp.index), kind, place.address, bytes, lane, warp.syncs))
    return true;
  return warp.fail(inst, races.describe() + "," + describe(bytes, place.address), lane);
}

//===----------------------------------------------------------------------===//
// Handlers
//===----------------------------------------------------------------------===//

namespace {
enum Flags : uint16_t { NonCoherent = 1, Volatile = 2, Synchronizing = 4 };

Space getSpace(const Instruction &inst) { return static_cast<Space>(inst.op); }

int64_t signExtend(uint64_t value, unsigned bits) {
  return static_cast<int64_t>(value << (64 - bits)) >> (64 - bits);
}

void load(Warp &warp, const Instruction &inst, uint32_t active) {
  if (!warp.requireDefined(inst, inst.base, active))
    return;
  unsigned each = inst.type.bits / 8, bytes = each * inst.numDst;
  bool isVolatile = inst.flags & Volatile, isSigned = inst.type.isSigned();
  GlobalAccess access;
  access.reads = true;
  access.constant = inst.flags & NonCoherent;
  access.flag = isVolatile;
  // What a poll sees: the same twice is no progress.
  uint64_t signature = inst.index * 0x9e3779b97f4a7c15ull ^ active;
  // A vector may overwrite its own address.
  uint64_t addresses[32];
  for (uint32_t rest = active; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    addresses[lane] = warp.getAddress(inst.base, inst.offset, lane);
  }
  for (uint32_t rest = active; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    Place place;
    if (!locate(warp, inst, lane, addresses[lane], bytes, getSpace(inst), place) ||
        !checkGlobal(warp, inst, lane, place, bytes, access))
      return;
    if (!isVolatile && !checkRace(warp, inst, lane, place, bytes, Races::Read))
      return;
    bool whole = !getUnwritten(warp, place, bytes);
    for (unsigned i = 0; i < inst.numDst; ++i) {
      const Slot &dst = inst.dst[i];
      Place part = place;
      part.address += i * each;
      part.data += i * each;
      uint64_t value = 0;
      std::memcpy(&value, part.data, std::min(each, 8u));
      signature = (signature ^ value ^ addresses[lane]) * 0x9e3779b97f4a7c15ull;
      if (dst.reg < 0)
        continue;
      if (isSigned)
        value = static_cast<uint64_t>(signExtend(value, inst.type.bits));
      warp.write(dst, lane, value);
      if (each == 16) {
        std::memcpy(&value, part.data + 8, 8);
        setLane<uint64_t>(warp.high(dst), lane, value);
      }
      uint64_t unwritten = whole ? 0 : getUnwritten(warp, part, each);
      if (unwritten && isSigned && each < 8 && unwritten >> (inst.type.bits - 1))
        unwritten |= ~0ull << inst.type.bits;
      if (unwritten)
        warp.setUndefined(dst, lane, unwritten);
      else
        warp.defined[dst.reg] |= 1u << lane;
    }
  }
  if (isVolatile) {
    warp.grid.addFlag(warp.block);
    if (inst.flags & Synchronizing)
      warp.grid.addFence(warp.block);
    warp.grid.polled = true;
    warp.grid.changed |= signature != warp.pollSignature;
    warp.pollSignature = signature;
  }
}

void store(Warp &warp, const Instruction &inst, uint32_t active) {
  if (!warp.requireDefined(inst, inst.base, active))
    return;
  unsigned each = inst.type.bits / 8, bytes = each * inst.numSrc;
  GlobalAccess access;
  access.writes = true;
  if (inst.flags & Synchronizing)
    warp.grid.addFence(warp.block);
  ++warp.grid.time;
  for (uint32_t rest = active; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    Place place;
    if (!locate(warp, inst, lane, warp.getAddress(inst.base, inst.offset, lane), bytes,
                getSpace(inst), place) ||
        !checkGlobal(warp, inst, lane, place, bytes, access) ||
        !checkRace(warp, inst, lane, place, bytes,
                   inst.flags & Volatile ? Races::Atomic : Races::Write))
      return;
    markWritten(warp, place, bytes, inst.flags & Volatile);
    for (unsigned i = 0; i < inst.numSrc; ++i) {
      const Slot &src = inst.src[i];
      uint64_t value = warp.read(src, lane);
      char *data = place.data + i * each;
      std::memcpy(data, &value, std::min(each, 8u));
      if (each == 16) {
        value = getLane<uint64_t>(warp.high(src), lane);
        std::memcpy(data + 8, &value, 8);
      }
      uint64_t undefined = warp.getUndefined(src.reg, lane);
      if (each < 8)
        undefined &= (1ull << inst.type.bits) - 1;
      if (!undefined)
        continue;
      if (!place.shared) {
        warp.requireDefined(inst, src, 1u << lane);
        return;
      }
      // Shared memory may hold what nobody will use.
      for (unsigned byte = 0; byte < each; ++byte)
        if (each == 16 || undefined >> (8 * byte) & 0xff)
          warp.block.shared.written[place.address + i * each + byte] = 0;
    }
  }
}

void loadParameter(Warp &warp, const Instruction &inst, uint32_t active) {
  if (!warp.requireDefined(inst, inst.base, active))
    return;
  unsigned each = inst.type.bits / 8;
  for (uint32_t rest = active; rest; rest &= rest - 1) {
    unsigned lane = __builtin_ctz(rest);
    Place place;
    if (!locate(warp, inst, lane, warp.getAddress(inst.base, inst.offset, lane), each * inst.numDst,
                Space::Parameter, place))
      return;
    for (unsigned i = 0; i < inst.numDst; ++i) {
      uint64_t value = 0;
      std::memcpy(&value, place.data + i * each, each);
      if (inst.type.isSigned())
        value = static_cast<uint64_t>(signExtend(value, inst.type.bits));
      if (inst.dst[i].reg < 0)
        continue;
      warp.write(inst.dst[i], lane, value);
      warp.defined[inst.dst[i].reg] |= 1u << lane;
    }
  }
}

void nothing(Warp &, const Instruction &, uint32_t) {}
} // namespace

bool ptx::decodeMemory(Decoder &d) {
  Instruction &inst = d.inst;
  if (d.root == "prefetch" || d.root == "prefetchu" || d.root == "discard" ||
      d.root == "applypriority") {
    // A hint: nothing to do, and any address will do.
    d.suffixes.clear();
    inst.run = nothing;
    inst.flow = Flow::Handler;
    int64_t size;
    return d.address() && (!d.hasOperands() || d.immediate(size));
  }
  bool isStore = d.root == "st";
  if (d.root != "ld" && d.root != "ldu" && !isStore)
    return true;
  inst.flow = Flow::Handler;
  bool isWeak = d.take("weak");
  if (!isWeak && (d.take("volatile") || d.take("relaxed") || d.take("mmio")))
    inst.flags |= Volatile;
  if (d.take("acquire") || d.take("release"))
    inst.flags |= Volatile | Synchronizing;
  d.take("cta") || d.take("cluster") || d.take("gpu") || d.take("sys");
  Space space = Space::Generic;
  bool parameter = false;
  if (d.take("global") || d.take("const"))
    space = Space::Global;
  else if (d.take("shared") || d.take("shared::cta") || d.take("shared::cluster"))
    space = Space::Shared;
  else if (d.take("param") || d.take("param::entry"))
    parameter = true;
  inst.op = static_cast<uint16_t>(space);
  if (d.take("nc") || d.root == "ldu")
    inst.flags |= NonCoherent;
  d.take("ca") || d.take("cg") || d.take("cs") || d.take("lu") || d.take("cv") || d.take("wb") ||
      d.take("wt");
  d.suffixes.erase(std::remove_if(d.suffixes.begin(), d.suffixes.end(),
                                  [](std::string_view suffix) {
                                    return suffix.substr(0, 4) == "L1::" ||
                                           suffix.substr(0, 4) == "L2::";
                                  }),
                   d.suffixes.end());
  int vector = d.takeFirst({"v2", "v4", "v8"});
  unsigned count = vector < 0 ? 1 : 2u << vector;
  if (!d.takeType(inst.type) || inst.type.bits % 8 || inst.type.count != 1)
    return d.fail("unknown instruction");
  inst.run = parameter ? loadParameter : isStore ? store : load;
  if (parameter && isStore)
    return d.fail("unknown instruction");
  if (!isStore && inst.flags & Volatile)
    inst.role = Role::Poll;
  bool ok = isStore ? d.address() && d.src(0) : d.dst(0) && d.address();
  return ok && ((isStore ? inst.numSrc : inst.numDst) == count || d.fail("unknown operands"));
}
