//===- PTXConvert.cpp - Conversions ---------------------------------------===//
#include "PTXFloat.h"
#include "PTXHandlers.h"
#include <algorithm>

using namespace ptx;

namespace {
enum Flags : uint16_t { Saturate = 1, Relu = 2, Flush = 4, RoundShift = 4 };

int64_t signExtend(uint64_t value, unsigned bits) {
  return static_cast<int64_t>(value << (64 - bits)) >> (64 - bits);
}

const Narrow *getNarrow(Type type) {
  switch (type.kind) {
  case Type::BFloat:
    return &bfloat;
  case Type::TF32:
    return &tf32;
  case Type::E4M3:
    return &e4m3;
  case Type::E5M2:
    return &e5m2;
  case Type::Float:
    return type.bits == 16 ? &half : nullptr;
  default:
    return nullptr;
  }
}

double toNumber(Type type, uint64_t bits) {
  if (type.kind == Type::Float && type.bits == 32)
    return bitsToFloat(static_cast<uint32_t>(bits));
  if (type.kind == Type::Float && type.bits == 64) {
    double value;
    std::memcpy(&value, &bits, 8);
    return value;
  }
  return widen(*getNarrow(type), static_cast<uint32_t>(bits));
}

Rounding getRounding(const Instruction &inst) {
  return static_cast<Rounding>(inst.flags >> RoundShift);
}

double roundToInteger(double value, Rounding rounding) {
  switch (rounding) {
  case Rounding::Nearest:
    return std::nearbyint(value);
  case Rounding::Zero:
    return std::trunc(value);
  case Rounding::Down:
    return std::floor(value);
  case Rounding::Up:
    return std::ceil(value);
  case Rounding::Away:
    return std::round(value);
  }
  return value;
}

uint64_t fromNumber(const Instruction &inst, double value) {
  Type type = inst.type;
  if (inst.flags & Relu && value < 0)
    value = 0;
  bool narrow8 = type.bits == 8 && type.isFloat();
  if (inst.flags & Saturate && type.isFloat() && !narrow8)
    value = std::isnan(value) ? 0 : std::min(std::max(value, 0.0), 1.0);
  if (type.kind == Type::TF32) {
    uint32_t bits = roundTo(tf32, value, getRounding(inst), false);
    return static_cast<uint64_t>(bits) << 13;
  }
  if (const Narrow *narrow = getNarrow(type))
    return roundTo(*narrow, value, getRounding(inst), narrow8);
  if (type.bits == 64) {
    uint64_t bits;
    std::memcpy(&bits, &value, 8);
    return bits;
  }
  float single = static_cast<float>(value);
  // Directed roundings of f64 and integers: step back where the nearest is
  // beyond.
  Rounding rounding = getRounding(inst);
  if (rounding != Rounding::Nearest && static_cast<double>(single) != value && !std::isnan(value)) {
    bool tooHigh = single > value;
    bool wantsDown = rounding == Rounding::Down || (rounding == Rounding::Zero && value > 0);
    if (tooHigh == wantsDown)
      single = std::nextafter(single, wantsDown ? -INFINITY : INFINITY);
  }
  if (inst.flags & Flush)
    single = flushDenormal(single);
  return floatToBits(single);
}

uint64_t toInteger(const Instruction &inst, double value) {
  // Out of range clamps, with and without .sat; NaN is 0.
  Type type = inst.type;
  if (std::isnan(value))
    return 0;
  value = roundToInteger(value, getRounding(inst));
  double top = std::ldexp(1.0, static_cast<int>(type.bits) - type.isSigned());
  double low = type.isSigned() ? -top : 0;
  if (value >= top)
    return type.isSigned() ? (1ull << (type.bits - 1)) - 1 : ~0ull >> (64 - type.bits);
  if (value <= low)
    return type.isSigned() ? ~0ull << (type.bits - 1) : 0;
  return type.isSigned() ? static_cast<uint64_t>(static_cast<int64_t>(value))
                         : static_cast<uint64_t>(value);
}

uint64_t convert(const Instruction &inst, uint64_t bits) {
  Type from = inst.sourceType, to = inst.type;
  if (from.bits < 64)
    bits &= (1ull << from.bits) - 1;
  if (from.isFloat()) {
    double value = toNumber(from, bits);
    if (inst.flags & Flush && from.bits == 32)
      value = flushDenormal(static_cast<float>(value));
    if (!to.isFloat())
      return toInteger(inst, value);
    // The same width: round to an integer.
    if (from == to && getRounding(inst) != Rounding::Nearest)
      value = roundToInteger(value, getRounding(inst));
    else if (from == to && inst.op)
      value = std::nearbyint(value);
    return fromNumber(inst, value);
  }
  int64_t integer = from.isSigned() ? signExtend(bits, from.bits) : static_cast<int64_t>(bits);
  if (to.isFloat()) {
    // One rounding, also from 64 bits.
    if (to.bits == 32 && getRounding(inst) == Rounding::Nearest)
      return floatToBits(from.isSigned() ? static_cast<float>(integer) : static_cast<float>(bits));
    return fromNumber(inst,
                      from.isSigned() ? static_cast<double>(integer) : static_cast<double>(bits));
  }
  if (inst.flags & Saturate) {
    bool negative = from.isSigned() && integer < 0;
    int64_t low = to.isSigned() ? -(1ll << (to.bits - 1)) : 0;
    uint64_t high = ~0ull >> (64 - to.bits + to.isSigned());
    if (negative)
      return static_cast<uint64_t>(std::max(integer, low));
    return std::min(static_cast<uint64_t>(integer), high);
  }
  if (to.bits == 64)
    return static_cast<uint64_t>(integer);
  // A narrow result fills a wide register by its own sign.
  uint64_t result = static_cast<uint64_t>(integer) & ((1ull << to.bits) - 1);
  return to.isSigned() ? static_cast<uint64_t>(signExtend(result, to.bits)) : result;
}

void convertLanes(Warp &warp, const Instruction &inst, uint32_t active) {
  forLanes(active, [&](unsigned lane) {
    warp.write(inst.dst[0], lane, convert(inst, warp.read(inst.src[0], lane)));
  });
}

/// Two numbers in one register: `cvt.rn.bf16x2.f32 d, a, b` has a on top, and
/// `cvt.rn.f16x2.e4m3x2 d, a` keeps their order.
void convertPair(Warp &warp, const Instruction &inst, uint32_t active) {
  forLanes(active, [&](unsigned lane) {
    uint64_t low, high;
    Type from = inst.sourceType, to = inst.type;
    if (inst.numSrc == 2) {
      high = convert(inst, warp.read(inst.src[0], lane));
      low = convert(inst, warp.read(inst.src[1], lane));
    } else {
      uint64_t both = warp.read(inst.src[0], lane);
      low = convert(inst, both & ((1ull << from.bits) - 1));
      high = convert(inst, both >> from.bits);
    }
    uint64_t mask = (1ull << to.bits) - 1;
    warp.write(inst.dst[0], lane, (low & mask) | (high & mask) << to.bits);
  });
}

// The common ones without the detour.
template <typename To, typename From>
void castLanes(Warp &warp, const Instruction &inst, uint32_t active) {
  uint32_t *d = warp.row(inst.dst[0]);
  const uint32_t *a = warp.row(inst.src[0]);
  forLanes(active,
           [=](unsigned lane) { setLane<To>(d, lane, static_cast<To>(getLane<From>(a, lane))); });
}
struct ToBfloatPair {
  static uint32_t run(float a, float b) {
    return static_cast<uint32_t>(floatToBfloat(a)) << 16 | floatToBfloat(b);
  }
};
struct ToHalfPair {
  static uint32_t run(float a, float b) {
    return static_cast<uint32_t>(floatToHalf(a)) << 16 | floatToHalf(b);
  }
};
struct FromBfloat {
  static float run(uint16_t a) { return bfloatToFloat(a); }
};
struct FromHalf {
  static float run(uint16_t a) { return halfToFloat(a); }
};

Handler pickFast(const Instruction &inst) {
  Type to = inst.type, from = inst.sourceType;
  if (inst.flags)
    return nullptr;
  bool toFloat = to.kind == Type::Float && to.bits == 32;
  if (toFloat && from.kind == Type::BFloat)
    return unary<FromBfloat, float, uint16_t>;
  if (toFloat && from.kind == Type::Float && from.bits == 16)
    return unary<FromHalf, float, uint16_t>;
  if (toFloat && from.kind == Type::Signed && from.bits == 32)
    return castLanes<float, int32_t>;
  if (toFloat && from.kind == Type::Unsigned && from.bits == 32)
    return castLanes<float, uint32_t>;
  if (to.isFloat() || from.isFloat())
    return nullptr;
  if (to.bits == 64 && from.bits == 32)
    return from.isSigned() ? castLanes<int64_t, int32_t> : castLanes<uint64_t, uint32_t>;
  if (to.bits == 32 && from.bits == 64)
    return castLanes<uint32_t, uint64_t>;
  return nullptr;
}
} // namespace

bool ptx::decodeConvert(Decoder &d) {
  if (d.root != "cvt")
    return true;
  Instruction &inst = d.inst;
  // Rounding: of floats, and to integers.
  static const std::pair<std::string_view, Rounding> roundings[] = {
      {"rn", Rounding::Nearest}, {"rz", Rounding::Zero},  {"rm", Rounding::Down},
      {"rp", Rounding::Up},      {"rna", Rounding::Away}, {"rni", Rounding::Nearest},
      {"rzi", Rounding::Zero},   {"rmi", Rounding::Down}, {"rpi", Rounding::Up}};
  for (const auto &[name, rounding] : roundings)
    if (d.take(name)) {
      inst.flags |= static_cast<uint16_t>(static_cast<unsigned>(rounding) << RoundShift);
      inst.op = name.size() == 3 && name[2] == 'i'; // to an integer
      break;
    }
  if (d.take("ftz"))
    inst.flags |= Flush;
  if (d.take("relu"))
    inst.flags |= Relu;
  if (d.take("sat") || d.take("satfinite"))
    inst.flags |= Saturate;
  if (!d.takeType(inst.type) || !d.takeType(inst.sourceType))
    return d.fail("unknown instruction");
  Type to = inst.type, from = inst.sourceType;
  if (to.count == 2) {
    bool two = from.count == 1;
    if (two && !(from.kind == Type::Float && from.bits == 32))
      return d.fail("unknown instruction");
    inst.run = convertPair;
    if (two && !inst.flags && to.kind == Type::BFloat)
      inst.run = binary<ToBfloatPair, uint32_t, float>;
    if (two && !inst.flags && to.kind == Type::Float)
      inst.run = binary<ToHalfPair, uint32_t, float>;
    return d.dst(to.total()) && d.src(from.total()) && (!two || d.src(from.total()));
  }
  if (from.count == 2 || to.kind == Type::Predicate || from.kind == Type::Predicate)
    return d.fail("unknown instruction");
  if (!to.isFloat() && !from.isFloat())
    inst.flow = inst.flags ? Flow::All : Flow::Convert;
  if (!d.dst(0) || !d.src(from.bits == 64 ? 64 : 0))
    return false;
  // LLVM extends within one register: `cvt.s64.s8 %rd1, %rd2`.
  bool plain = inst.dst[0].bits == (to.bits == 64 ? 64 : 32) || to.bits == 16;
  Handler fast = plain && (inst.src[0].bits > 32) == (from.bits > 32) ? pickFast(inst) : nullptr;
  inst.run = fast ? fast : convertLanes;
  return true;
}
