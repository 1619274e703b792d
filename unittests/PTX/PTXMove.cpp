//===- PTXMove.cpp - Moves, choices, comparisons and predicates -----------===//
#include "PTXFloat.h"
#include "PTXHandlers.h"
#include <algorithm>
#include <type_traits>

using namespace ptx;

namespace {
//===----------------------------------------------------------------------===//
// Moves
//===----------------------------------------------------------------------===//

template <typename T> void moveLanes(Warp &warp, const Instruction &inst, uint32_t active) {
  uint32_t *d = warp.row(inst.dst[0]);
  const uint32_t *a = warp.row(inst.src[0]);
  forLanes(active, [=](unsigned lane) { setLane<T>(d, lane, getLane<T>(a, lane)); });
}
void moveWide(Warp &warp, const Instruction &inst, uint32_t active) {
  forLanes(active, [&](unsigned lane) {
    uint64_t low = getLane<uint64_t>(warp.row(inst.src[0]), lane);
    uint64_t high = getLane<uint64_t>(warp.high(inst.src[0]), lane);
    setLane<uint64_t>(warp.row(inst.dst[0]), lane, low);
    setLane<uint64_t>(warp.high(inst.dst[0]), lane, high);
  });
}
void movePredicate(Warp &warp, const Instruction &inst, uint32_t active) {
  warp.setPredicate(inst.dst[0], warp.predicate(inst.src[0]), active);
}

using Wide = unsigned __int128;
void pack(Warp &warp, const Instruction &inst, uint32_t active) {
  unsigned each = inst.type.bits / inst.numSrc;
  forLanes(active, [&](unsigned lane) {
    Wide value = 0;
    for (unsigned i = 0; i < inst.numSrc; ++i)
      value |= Wide(warp.read(inst.src[i], lane) & (~0ull >> (64 - each))) << (i * each);
    warp.write(inst.dst[0], lane, static_cast<uint64_t>(value));
    if (inst.type.bits == 128)
      setLane<uint64_t>(warp.high(inst.dst[0]), lane, static_cast<uint64_t>(value >> 64));
  });
}
void unpack(Warp &warp, const Instruction &inst, uint32_t active) {
  unsigned each = inst.type.bits / inst.numDst;
  forLanes(active, [&](unsigned lane) {
    Wide value = warp.read(inst.src[0], lane);
    if (inst.type.bits == 128)
      value |= Wide(getLane<uint64_t>(warp.high(inst.src[0]), lane)) << 64;
    for (unsigned i = 0; i < inst.numDst; ++i)
      if (inst.dst[i].reg >= 0)
        warp.write(inst.dst[i], lane,
                   static_cast<uint64_t>(value >> (i * each)) & (~0ull >> (64 - each)));
  });
}

void addWindow(Warp &warp, const Instruction &inst, uint32_t active) {
  forLanes(active, [&](unsigned lane) {
    warp.write(inst.dst[0], lane,
               warp.read(inst.src[0], lane) + static_cast<uint64_t>(inst.offset));
  });
}
void isShared(Warp &warp, const Instruction &inst, uint32_t active) {
  uint32_t result = 0;
  forLanes(active, [&](unsigned lane) {
    bool shared = warp.read(inst.src[0], lane) >= SharedMemory::window;
    result |= uint32_t(shared == (inst.op == 1)) << lane;
  });
  warp.setPredicate(inst.dst[0], result, active);
}
/// Clusters are of one CTA: its own rank is the only one.
void mapRank(Warp &warp, const Instruction &inst, uint32_t active) {
  for (uint32_t rest = active; rest; rest &= rest - 1)
    if (warp.read(inst.src[1], __builtin_ctz(rest))) {
      warp.fail(inst, "expected rank 0 of a cluster of one CTA", __builtin_ctz(rest));
      return;
    }
  forLanes(active,
           [&](unsigned lane) { warp.write(inst.dst[0], lane, warp.read(inst.src[0], lane)); });
}

bool decodeMov(Decoder &d) {
  Instruction &inst = d.inst;
  if (!d.takeType(inst.type))
    return d.fail("unknown instruction");
  unsigned bits = inst.type.bits;
  bool results = d.peek().front() == '{';
  bool sources = d.operands.back().front() == '{';
  inst.flow = results ? Flow::Unpack : sources ? Flow::Pack : Flow::Move;
  inst.run = results                             ? unpack
             : sources                           ? pack
             : inst.type.kind == Type::Predicate ? movePredicate
             : bits == 128                       ? moveWide
             : bits == 64                        ? moveLanes<uint64_t>
                                                 : moveLanes<uint32_t>;
  if (!d.dst(results ? 0 : bits) || !d.src(sources ? 0 : bits))
    return false;
  unsigned parts = results ? inst.numDst : sources ? inst.numSrc : 1;
  return bits % parts == 0 ? true : d.fail("unknown operands");
}

//===----------------------------------------------------------------------===//
// Comparisons
//===----------------------------------------------------------------------===//

enum Compare { Eq, Ne, Lt, Le, Gt, Ge, Equ, Neu, Ltu, Leu, Gtu, Geu, Num, Nan };

template <typename T> bool compare(unsigned op, T a, T b) {
  bool unordered = false;
  if constexpr (std::is_floating_point_v<T>)
    unordered = std::isnan(a) || std::isnan(b);
  switch (op) {
  case Eq:
    return a == b;
  case Ne:
    return !unordered && a != b;
  case Lt:
    return a < b;
  case Le:
    return a <= b;
  case Gt:
    return a > b;
  case Ge:
    return a >= b;
  case Equ:
    return unordered || a == b;
  case Neu:
    return unordered || a != b;
  case Ltu:
    return unordered || a < b;
  case Leu:
    return unordered || a <= b;
  case Gtu:
    return unordered || a > b;
  case Geu:
    return unordered || a >= b;
  case Num:
    return !unordered;
  case Nan:
    return unordered;
  }
  return false;
}

enum SetFlags : uint16_t { And = 1, Or = 2, Xor = 3, Flush = 4 };

/// `p|q`: the comparison and its opposite, each combined with a predicate.
void combine(Warp &warp, const Instruction &inst, uint32_t active, uint32_t p, uint32_t q) {
  if (unsigned op = inst.flags & 3) {
    uint32_t c = warp.predicate(inst.src[2]);
    p = op == And ? p & c : op == Or ? p | c : p ^ c;
    q = op == And ? q & c : op == Or ? q | c : q ^ c;
  }
  if (inst.dst[0].reg >= 0)
    warp.setPredicate(inst.dst[0], p, active);
  if (inst.numDst > 1 && inst.dst[1].reg >= 0)
    warp.setPredicate(inst.dst[1], q, active);
}

template <typename T, unsigned Op>
void setPredicate(Warp &warp, const Instruction &inst, uint32_t active) {
  const uint32_t *a = warp.row(inst.src[0]), *b = warp.row(inst.src[1]);
  uint32_t result = 0;
  for (unsigned lane = 0; lane < 32; ++lane)
    result |= uint32_t(compare<T>(Op, getLane<T>(a, lane), getLane<T>(b, lane))) << lane;
  combine(warp, inst, active, result, ~result);
}
template <typename T> Handler pickCompare(unsigned op) {
  static const Handler handlers[] = {
      setPredicate<T, Eq>,  setPredicate<T, Ne>,  setPredicate<T, Lt>,  setPredicate<T, Le>,
      setPredicate<T, Gt>,  setPredicate<T, Ge>,  setPredicate<T, Equ>, setPredicate<T, Neu>,
      setPredicate<T, Ltu>, setPredicate<T, Leu>, setPredicate<T, Gtu>, setPredicate<T, Geu>,
      setPredicate<T, Num>, setPredicate<T, Nan>};
  return handlers[op];
}

/// Narrow floats, and f32 with ftz.
void setPredicateSlow(Warp &warp, const Instruction &inst, uint32_t active) {
  Type type = inst.type;
  uint32_t results[2] = {0, 0};
  auto number = [&](uint32_t bits) {
    return type.bits == 32            ? flushDenormal(bitsToFloat(bits))
           : type.kind == Type::Float ? halfToFloat(static_cast<uint16_t>(bits))
                                      : bfloatToFloat(static_cast<uint16_t>(bits));
  };
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < type.count; ++i) {
      uint32_t a = warp.row(inst.src[0])[lane] >> (16 * i),
               b = warp.row(inst.src[1])[lane] >> (16 * i);
      results[i] |= uint32_t(compare<float>(inst.op, number(a), number(b))) << lane;
    }
  combine(warp, inst, active, results[0], type.count == 2 ? results[1] : ~results[0]);
}

bool decodeSetp(Decoder &d) {
  Instruction &inst = d.inst;
  int op = d.takeFirst(
      {"eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"});
  if (op < 0) {
    int alias = d.takeFirst({"lo", "ls", "hi", "hs"});
    const int aliases[] = {Lt, Le, Gt, Ge};
    op = alias < 0 ? -1 : aliases[alias];
  }
  inst.flags = static_cast<uint16_t>(d.takeFirst({"and", "or", "xor"}) + 1);
  if (d.take("ftz"))
    inst.flags |= Flush;
  if (op < 0 || !d.takeType(inst.type))
    return d.fail("unknown instruction");
  inst.op = static_cast<uint16_t>(op);
  Type type = inst.type;
  bool isSigned = type.isSigned();
  if (type.isFloat() && (type.bits < 32 || inst.flags & Flush))
    inst.run = setPredicateSlow;
  else if (type.isFloat())
    inst.run = type.bits == 32 ? pickCompare<float>(op) : pickCompare<double>(op);
  else if (type.bits == 16)
    inst.run = isSigned ? pickCompare<int16_t>(op) : pickCompare<uint16_t>(op);
  else if (type.bits == 32)
    inst.run = isSigned ? pickCompare<int32_t>(op) : pickCompare<uint32_t>(op);
  else if (type.bits == 64)
    inst.run = isSigned ? pickCompare<int64_t>(op) : pickCompare<uint64_t>(op);
  else
    return d.fail("unknown instruction");
  return d.dst(1) && d.src(type.total()) && d.src(type.total()) && (!(inst.flags & 3) || d.src(1));
}

//===----------------------------------------------------------------------===//
// Choices and predicates
//===----------------------------------------------------------------------===//

template <typename T> void select(Warp &warp, const Instruction &inst, uint32_t active) {
  uint32_t *d = warp.row(inst.dst[0]);
  const uint32_t *a = warp.row(inst.src[0]), *b = warp.row(inst.src[1]);
  uint32_t p = warp.predicate(inst.src[2]);
  forLanes(active, [=](unsigned lane) {
    setLane<T>(d, lane, p >> lane & 1 ? getLane<T>(a, lane) : getLane<T>(b, lane));
  });
}

template <int Op> void logic(Warp &warp, const Instruction &inst, uint32_t active) {
  uint32_t a = warp.predicate(inst.src[0]);
  uint32_t b = Op == 3 ? 0 : warp.predicate(inst.src[1]);
  warp.setPredicate(inst.dst[0], Op == 0 ? a & b : Op == 1 ? a | b : Op == 2 ? a ^ b : ~a, active);
}
} // namespace

bool ptx::decodeMove(Decoder &d) {
  Instruction &inst = d.inst;
  std::string_view root = d.root;
  if (root == "mov")
    return decodeMov(d);
  if (root == "setp")
    return decodeSetp(d);
  if (root == "selp") {
    if (!d.takeType(inst.type) || inst.type.bits > 64)
      return d.fail("unknown instruction");
    unsigned bits = inst.type.bits;
    inst.run = bits == 64 ? select<uint64_t> : select<uint32_t>;
    inst.flow = Flow::Select;
    return d.dst(bits) && d.src(bits) && d.src(bits) && d.src(1);
  }
  if (root == "and" || root == "or" || root == "xor" || root == "not") {
    if (!d.takeType(inst.type) || inst.type.kind != Type::Predicate)
      return d.fail("unknown instruction");
    const Handler handlers[] = {logic<0>, logic<1>, logic<2>, logic<3>};
    int op = root == "and" ? 0 : root == "or" ? 1 : root == "xor" ? 2 : 3;
    const Flow flows[] = {Flow::And, Flow::Or, Flow::Bitwise, Flow::Bitwise};
    return define(d, handlers[op], 1, op == 3 ? 1 : 2, flows[op]);
  }
  if (root == "cvta") {
    bool to = d.take("to");
    int space = d.takeFirst({"global", "shared", "shared::cta", "const", "param"});
    if (space < 0 || !d.takeType(inst.type))
      return d.fail("unknown instruction");
    uint64_t window = space == 1 || space == 2 ? SharedMemory::window
                      : space == 4             ? parameterWindow
                                               : 0;
    inst.offset = static_cast<int64_t>(to ? -window : window);
    return define(d, addWindow, inst.type.bits, 1);
  }
  if (root == "isspacep") {
    int space = d.takeFirst({"global", "shared", "shared::cta", "shared::cluster"});
    if (space < 0)
      return d.fail("unknown instruction");
    inst.op = space > 0;
    inst.run = isShared;
    return d.dst(1) && d.src(64);
  }
  if (root == "mapa") {
    d.take("shared::cluster");
    if (!d.takeType(inst.type))
      return d.fail("unknown instruction");
    inst.run = mapRank;
    inst.flow = Flow::Strict;
    return d.dst(inst.type.bits) && d.src(inst.type.bits) && d.src(32);
  }
  return true;
}
