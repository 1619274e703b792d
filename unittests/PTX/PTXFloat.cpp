//===- PTXFloat.cpp - Floating-point arithmetic ---------------------------===//
#include "PTXFloat.h"
#include "PTXHandlers.h"
#include <algorithm>

using namespace ptx;

uint32_t ptx::roundTo(const Narrow &format, double value, Rounding rounding, bool saturate) {
  uint32_t sign = std::signbit(value), top = (1u << format.exponent) - 1;
  int bias = static_cast<int>(top) / 2;
  uint32_t shift = format.exponent + format.mantissa;
  uint32_t full = (1u << format.mantissa) - 1;
  if (std::isnan(value)) // one NaN
    return top << format.mantissa | full;
  double magnitude = std::fabs(value);
  if (magnitude == 0) // has no exponent
    return sign << shift;
  uint32_t largest =
      format.infinity ? (top << format.mantissa) - 1 : (top << format.mantissa | full) - 1;
  uint32_t overflow = saturate ? largest : largest + 1;
  int exponent;
  std::frexp(magnitude, &exponent);
  exponent = std::max(exponent - 1, 1 - bias);
  if (std::isinf(magnitude) || exponent > bias + 1)
    return sign << shift | overflow;
  double scaled = std::ldexp(magnitude, format.mantissa - exponent);
  double mantissa = rounding == Rounding::Nearest               ? std::nearbyint(scaled)
                    : rounding == Rounding::Zero                ? std::trunc(scaled)
                    : rounding == Rounding::Away                ? std::floor(scaled + 0.5)
                    : (rounding == Rounding::Up) != (sign != 0) ? std::ceil(scaled)
                                                                : std::floor(scaled);
  // A mantissa that was rounded up carries into the exponent.
  int64_t bits = static_cast<int64_t>(mantissa) +
                 (static_cast<int64_t>(exponent + bias - 1) << format.mantissa);
  return sign << shift | std::min<uint32_t>(static_cast<uint32_t>(bits), overflow);
}

float ptx::widen(const Narrow &format, uint32_t bits) {
  uint32_t top = (1u << format.exponent) - 1, full = (1u << format.mantissa) - 1;
  int bias = static_cast<int>(top) / 2;
  uint32_t exponent = bits >> format.mantissa & top, mantissa = bits & full;
  bool negative = bits >> (format.exponent + format.mantissa) & 1;
  float magnitude;
  if (exponent == top && (format.infinity || mantissa == full))
    magnitude = mantissa ? NAN : INFINITY;
  else if (!exponent)
    magnitude = std::ldexp(static_cast<float>(mantissa), 1 - bias - format.mantissa);
  else
    magnitude = std::ldexp(static_cast<float>(mantissa + full + 1),
                           static_cast<int>(exponent) - bias - format.mantissa);
  return negative ? -magnitude : magnitude;
}

namespace {
// How elements of a row become numbers.
template <bool Flush, unsigned N = 1> struct F32 {
  using Value = float;
  static constexpr unsigned count = N;
  static float get(const uint32_t *row, unsigned lane, unsigned i) {
    float value;
    std::memcpy(&value, row + N * lane + i, 4);
    return Flush ? flushDenormal(value) : value;
  }
  static void set(uint32_t *row, unsigned lane, unsigned i, float value) {
    if (Flush)
      value = flushDenormal(value);
    std::memcpy(row + N * lane + i, &value, 4);
  }
};
struct F64 {
  using Value = double;
  static constexpr unsigned count = 1;
  static double get(const uint32_t *row, unsigned lane, unsigned) {
    return getLane<double>(row, lane);
  }
  static void set(uint32_t *row, unsigned lane, unsigned, double value) {
    setLane<double>(row, lane, value);
  }
};
/// Computed in f64 and rounded once.
template <bool IsHalf, unsigned N> struct F16 {
  using Value = double;
  static constexpr unsigned count = N;
  static double get(const uint32_t *row, unsigned lane, unsigned i) {
    uint16_t bits = static_cast<uint16_t>(row[lane] >> (16 * i));
    return IsHalf ? halfToFloat(bits) : bfloatToFloat(bits);
  }
  static void set(uint32_t *row, unsigned lane, unsigned i, double value) {
    uint32_t bits = roundTo(IsHalf ? half : bfloat, value, Rounding::Nearest, false);
    row[lane] = N == 1 ? bits : (row[lane] & (i ? 0xffffu : 0xffff0000u)) | bits << (16 * i);
  }
};

// clang-format off
struct Add { template <typename T> static T run(T a, T b) { return a + b; } };
struct Sub { template <typename T> static T run(T a, T b) { return a - b; } };
struct Mul { template <typename T> static T run(T a, T b) { return a * b; } };
struct Div { template <typename T> static T run(T a, T b) { return a / b; } };
struct Fma { template <typename T> static T run(T a, T b, T c) { return std::fma(a, b, c); } };
struct Neg { template <typename T> static T run(T a) { return -a; } };
struct Abs { template <typename T> static T run(T a) { return std::fabs(a); } };
struct Exp2 { template <typename T> static T run(T a) { return std::exp2(a); } };
struct Log2 { template <typename T> static T run(T a) { return std::log2(a); } };
struct Sin { template <typename T> static T run(T a) { return std::sin(a); } };
struct Cos { template <typename T> static T run(T a) { return std::cos(a); } };
struct Tanh { template <typename T> static T run(T a) { return std::tanh(a); } };
struct Rcp { template <typename T> static T run(T a) { return 1 / a; } };
struct Rsqrt { template <typename T> static T run(T a) { return 1 / std::sqrt(a); } };
struct Sqrt { template <typename T> static T run(T a) { return std::sqrt(a); } };
struct Copysign { template <typename T> static T run(T a, T b) { return std::copysign(b, a); } };
// clang-format on
template <bool NaN> struct Min {
  template <typename T> static T run(T a, T b) {
    if (std::isnan(a) || std::isnan(b))
      return NaN || (std::isnan(a) && std::isnan(b)) ? T(NAN) : std::isnan(a) ? b : a;
    return a < b || (a == b && std::signbit(a)) ? a : b;
  }
  template <typename T> static T run(T a, T b, T c) { return run(run(a, b), c); }
};
template <bool NaN> struct Max {
  template <typename T> static T run(T a, T b) {
    if (std::isnan(a) || std::isnan(b))
      return NaN || (std::isnan(a) && std::isnan(b)) ? T(NAN) : std::isnan(a) ? b : a;
    return a > b || (a == b && !std::signbit(a)) ? a : b;
  }
  template <typename T> static T run(T a, T b, T c) { return run(run(a, b), c); }
};

enum Flags : uint16_t { Saturate = 1, Relu = 2 };

template <typename Format> void finish(Warp &warp, const Instruction &inst, uint32_t active) {
  uint32_t *d = warp.row(inst.dst[0]);
  forLanes(active, [&](unsigned lane) {
    for (unsigned i = 0; i < Format::count; ++i) {
      auto value = Format::get(d, lane, i);
      using T = decltype(value);
      if (inst.flags & Saturate)
        value = std::isnan(value) ? T(0) : std::min(std::max(value, T(0)), T(1));
      if (inst.flags & Relu && value < 0)
        value = 0;
      Format::set(d, lane, i, value);
    }
  });
}

template <typename Format, typename Op, unsigned Sources>
void compute(Warp &warp, const Instruction &inst, uint32_t active) {
  uint32_t *d = warp.row(inst.dst[0]);
  const uint32_t *a = warp.row(inst.src[0]);
  const uint32_t *b = warp.row(inst.src[Sources > 1 ? 1 : 0]);
  const uint32_t *c = warp.row(inst.src[Sources > 2 ? 2 : 0]);
  forLanes(active, [=](unsigned lane) {
    for (unsigned i = 0; i < Format::count; ++i) {
      if constexpr (Sources == 1)
        Format::set(d, lane, i, Op::run(Format::get(a, lane, i)));
      else if constexpr (Sources == 2)
        Format::set(d, lane, i, Op::run(Format::get(a, lane, i), Format::get(b, lane, i)));
      else
        Format::set(
            d, lane, i,
            Op::run(Format::get(a, lane, i), Format::get(b, lane, i), Format::get(c, lane, i)));
    }
  });
  if (inst.flags)
    finish<Format>(warp, inst, active);
}

template <typename Op, unsigned Sources> Handler pick(Type type, bool flush) {
  if (type.kind == Type::Float && type.bits == 32)
    return type.count == 1
               ? (flush ? compute<F32<true>, Op, Sources> : compute<F32<false>, Op, Sources>)
               : (flush ? compute<F32<true, 2>, Op, Sources> : compute<F32<false, 2>, Op, Sources>);
  if (type.kind == Type::Float && type.bits == 64)
    return compute<F64, Op, Sources>;
  if (type.kind == Type::Float)
    return type.count == 1 ? compute<F16<true, 1>, Op, Sources>
                           : compute<F16<true, 2>, Op, Sources>;
  if (type.kind == Type::BFloat)
    return type.count == 1 ? compute<F16<false, 1>, Op, Sources>
                           : compute<F16<false, 2>, Op, Sources>;
  return nullptr;
}

struct Known {
  std::string_view name;
  unsigned sources;
  Handler (*pick)(Type, bool);
};
const Known knownOps[] = {
    {"add", 2, pick<Add, 2>},   {"sub", 2, pick<Sub, 2>},           {"mul", 2, pick<Mul, 2>},
    {"div", 2, pick<Div, 2>},   {"fma", 3, pick<Fma, 3>},           {"mad", 3, pick<Fma, 3>},
    {"neg", 1, pick<Neg, 1>},   {"abs", 1, pick<Abs, 1>},           {"ex2", 1, pick<Exp2, 1>},
    {"lg2", 1, pick<Log2, 1>},  {"sin", 1, pick<Sin, 1>},           {"cos", 1, pick<Cos, 1>},
    {"tanh", 1, pick<Tanh, 1>}, {"rcp", 1, pick<Rcp, 1>},           {"rsqrt", 1, pick<Rsqrt, 1>},
    {"sqrt", 1, pick<Sqrt, 1>}, {"copysign", 2, pick<Copysign, 2>},
};
} // namespace

bool ptx::decodeFloat(Decoder &d) {
  Instruction &inst = d.inst;
  Type type;
  if (d.suffixes.empty() || !parseType(d.suffixes.back(), type) || !type.isFloat())
    return true;
  bool isMin = d.root == "min";
  const Known *known =
      std::find_if(std::begin(knownOps), std::end(knownOps),
                   [&](const Known &candidate) { return candidate.name == d.root; });
  if (known == std::end(knownOps) && !isMin && d.root != "max")
    return true;
  // Approximations are exact here.
  d.take("rn") || d.take("approx") || d.take("full");
  bool flush = d.take("ftz"), nan = d.take("NaN");
  if (d.take("sat"))
    inst.flags |= Saturate;
  if (d.take("relu"))
    inst.flags |= Relu;
  if (!d.takeType(inst.type))
    return d.fail("unknown instruction");
  unsigned bits = type.total();
  if (known != std::end(knownOps)) {
    return define(d, known->pick(type, flush), bits, known->sources);
  }
  bool three = d.operands.size() == 4;
  Handler handler =
      three ? (isMin ? (nan ? pick<Min<true>, 3>(type, flush) : pick<Min<false>, 3>(type, flush))
                     : (nan ? pick<Max<true>, 3>(type, flush) : pick<Max<false>, 3>(type, flush)))
            : (isMin ? (nan ? pick<Min<true>, 2>(type, flush) : pick<Min<false>, 2>(type, flush))
                     : (nan ? pick<Max<true>, 2>(type, flush) : pick<Max<false>, 2>(type, flush)));
  return define(d, handler, bits, three ? 3 : 2);
}
