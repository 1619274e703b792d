//===- PTXInteger.cpp - Integer arithmetic, bits and bytes ----------------===//
#include "PTXHandlers.h"
#include <algorithm>
#include <type_traits>

using namespace ptx;

namespace {
template <typename T> using Unsigned = std::make_unsigned_t<T>;
template <typename T> struct WideOf;
template <> struct WideOf<int16_t> {
  using type = int32_t;
};
template <> struct WideOf<uint16_t> {
  using type = uint32_t;
};
template <> struct WideOf<int32_t> {
  using type = int64_t;
};
template <> struct WideOf<uint32_t> {
  using type = uint64_t;
};
template <> struct WideOf<int64_t> {
  using type = __int128;
};
template <> struct WideOf<uint64_t> {
  using type = unsigned __int128;
};
template <typename T> using Wide = typename WideOf<T>::type;

// clang-format off
struct Add { template <typename T> static T run(T a, T b) { return Unsigned<T>(a) + Unsigned<T>(b); } };
struct Sub { template <typename T> static T run(T a, T b) { return Unsigned<T>(a) - Unsigned<T>(b); } };
struct MulLo { template <typename T> static T run(T a, T b) { return uint64_t(a) * uint64_t(b); } };
struct MulHi { template <typename T> static T run(T a, T b) { return (Wide<T>(a) * b) >> (8 * sizeof(T)); } };
struct MulWide { template <typename T> static Wide<T> run(T a, T b) { return Wide<T>(a) * b; } };
struct MadLo { template <typename T> static T run(T a, T b, T c) { return uint64_t(a) * uint64_t(b) + uint64_t(c); } };
struct MadHi { template <typename T> static T run(T a, T b, T c) { return Unsigned<T>(MulHi::run(a, b)) + Unsigned<T>(c); } };
struct MadWide { template <typename T> static Wide<T> run(T a, T b, Wide<T> c) { return uint64_t(Wide<T>(a) * b) + uint64_t(c); } };
struct Div { template <typename T> static T run(T a, T b) { return !b ? T(-1) : std::is_signed_v<T> && b == T(-1) ? T(-uint64_t(a)) : a / b; } };
struct Rem { template <typename T> static T run(T a, T b) { return !b ? a : std::is_signed_v<T> && b == T(-1) ? 0 : a % b; } };
struct Min { template <typename T> static T run(T a, T b) { return a < b ? a : b; } };
struct Max { template <typename T> static T run(T a, T b) { return a < b ? b : a; } };
struct MinRelu { template <typename T> static T run(T a, T b) { return std::max<T>(std::min(a, b), 0); } };
struct MaxRelu { template <typename T> static T run(T a, T b) { return std::max<T>(std::max(a, b), 0); } };
struct Abs { template <typename T> static T run(T a) { return a < 0 ? T(-uint64_t(a)) : a; } };
struct Neg { template <typename T> static T run(T a) { return -uint64_t(a); } };
struct Not { template <typename T> static T run(T a) { return ~a; } };
struct CNot { template <typename T> static T run(T a) { return !a; } };
struct And { template <typename T> static T run(T a, T b) { return a & b; } };
struct Or { template <typename T> static T run(T a, T b) { return a | b; } };
struct Xor { template <typename T> static T run(T a, T b) { return a ^ b; } };
struct Sad { template <typename T> static T run(T a, T b, T c) { return Unsigned<T>(c) + (a < b ? Unsigned<T>(b) - Unsigned<T>(a) : Unsigned<T>(a) - Unsigned<T>(b)); } };
// clang-format on

struct Shl {
  template <typename T> static T run(T a, uint32_t amount) {
    return amount >= 8 * sizeof(T) ? 0 : Unsigned<T>(a) << amount;
  }
};
struct Shr {
  template <typename T> static T run(T a, uint32_t amount) {
    constexpr uint32_t last = 8 * sizeof(T) - 1;
    if (std::is_signed_v<T>)
      return a >> std::min(amount, last);
    return amount > last ? 0 : a >> amount;
  }
};
struct Popc {
  template <typename T> static uint32_t run(T a) { return __builtin_popcountll(Unsigned<T>(a)); }
};
struct Clz {
  template <typename T> static uint32_t run(T a) {
    return a ? __builtin_clzll(Unsigned<T>(a)) - (64 - 8 * sizeof(T)) : 8 * sizeof(T);
  }
};
/// Position of the highest bit that differs from the sign.
struct Bfind {
  template <typename T> static uint32_t run(T a) {
    Unsigned<T> bits = std::is_signed_v<T> && a < 0 ? ~a : a;
    return bits ? 8 * sizeof(T) - 1 - Clz::run(bits) : ~0u;
  }
};
struct BfindShift {
  template <typename T> static uint32_t run(T a) {
    uint32_t position = Bfind::run(a);
    return position == ~0u ? ~0u : 8 * sizeof(T) - 1 - position;
  }
};
struct Brev {
  static uint32_t run(uint32_t a) { return __builtin_bitreverse32(a); }
  static uint64_t run(uint64_t a) { return __builtin_bitreverse64(a); }
};
struct Bfe {
  template <typename T> static T run(T a, uint32_t b, uint32_t c) {
    constexpr uint32_t bits = 8 * sizeof(T);
    uint32_t position = b & 0xff, length = c & 0xff;
    if (!length)
      return 0;
    if (position >= bits)
      return std::is_signed_v<T> && a < 0 ? T(-1) : 0;
    length = std::min(length, bits - position);
    // Move the field to the top and back.
    Unsigned<T> top = Unsigned<T>(a) << (bits - position - length);
    return static_cast<T>(top) >> (bits - length);
  }
};
template <typename T> void bfi(Warp &warp, const Instruction &inst, uint32_t active) {
  constexpr uint32_t bits = 8 * sizeof(T);
  forLanes(active, [&](unsigned lane) {
    T a = getLane<T>(warp.row(inst.src[0]), lane), b = getLane<T>(warp.row(inst.src[1]), lane);
    uint32_t position = warp.row(inst.src[2])[lane] & 0xff,
             length = warp.row(inst.src[3])[lane] & 0xff;
    T mask = length >= bits ? ~T(0) : (T(1) << length) - 1;
    T result = position >= bits ? b : (b & ~(mask << position)) | ((a & mask) << position);
    setLane<T>(warp.row(inst.dst[0]), lane, result);
  });
}

/// Two of 16 bits.
template <typename Op, typename T> struct Pair {
  static uint32_t run(uint32_t a, uint32_t b) {
    uint16_t low = Op::run(T(a), T(b)), high = Op::run(T(a >> 16), T(b >> 16));
    return low | static_cast<uint32_t>(high) << 16;
  }
};

struct Prmt {
  static uint32_t run(uint32_t a, uint32_t b, uint32_t selector) {
    uint64_t bytes = a | static_cast<uint64_t>(b) << 32;
    uint32_t result = 0;
    for (unsigned i = 0; i < 4; ++i) {
      unsigned pick = selector >> (4 * i) & 0xf;
      uint32_t byte = bytes >> (8 * (pick & 7)) & 0xff;
      if (pick & 8)
        byte = byte & 0x80 ? 0xff : 0;
      result |= byte << (8 * i);
    }
    return result;
  }
};

struct Dp4aSigned {
  static int32_t run(int32_t a, int32_t b, int32_t c) {
    for (unsigned i = 0; i < 4; ++i)
      c += int8_t(a >> (8 * i)) * int8_t(b >> (8 * i));
    return c;
  }
};
struct Dp4aUnsigned {
  static uint32_t run(uint32_t a, uint32_t b, uint32_t c) {
    for (unsigned i = 0; i < 4; ++i)
      c += uint8_t(a >> (8 * i)) * uint8_t(b >> (8 * i));
    return c;
  }
};

template <bool Left, bool Wrap> struct Funnel {
  static uint32_t run(uint32_t low, uint32_t high, uint32_t amount) {
    amount = Wrap ? amount & 31 : std::min(amount, 32u);
    uint64_t both = low | static_cast<uint64_t>(high) << 32;
    return static_cast<uint32_t>(Left ? (both << amount) >> 32 : both >> amount);
  }
};

void lop3(Warp &warp, const Instruction &inst, uint32_t active) {
  uint32_t *d = warp.row(inst.dst[0]);
  const uint32_t *a = warp.row(inst.src[0]), *b = warp.row(inst.src[1]), *c = warp.row(inst.src[2]);
  unsigned table = static_cast<unsigned>(inst.offset);
  forLanes(active, [=](unsigned lane) {
    uint32_t result = 0;
    for (unsigned i = 0; i < 8; ++i)
      if (table >> i & 1)
        result |= (i & 4 ? a[lane] : ~a[lane]) & (i & 2 ? b[lane] : ~b[lane]) &
                  (i & 1 ? c[lane] : ~c[lane]);
    d[lane] = result;
  });
}
} // namespace

// An instance of `Op` for each integer type.
#define MAKE(Name, Shape, ...)                                                                     \
  template <typename T> struct Make##Name {                                                        \
    static constexpr Handler handler = Shape<__VA_ARGS__>;                                         \
  };

namespace {
MAKE(Add, binary, Add, T, T)
MAKE(Sub, binary, Sub, T, T)
MAKE(MulLo, binary, MulLo, T, T)
MAKE(MadLo, ternary, MadLo, T, T)
MAKE(Div, binary, Div, T, T)
MAKE(Rem, binary, Rem, T, T)
MAKE(Min, binary, Min, T, T)
MAKE(Max, binary, Max, T, T)
MAKE(MinRelu, binary, MinRelu, T, T)
MAKE(MaxRelu, binary, MaxRelu, T, T)
MAKE(Abs, unary, Abs, T, T)
MAKE(Neg, unary, Neg, T, T)
MAKE(Not, unary, Not, T, T)
MAKE(CNot, unary, CNot, T, T)
MAKE(And, binary, And, T, T)
MAKE(Or, binary, Or, T, T)
MAKE(Xor, binary, Xor, T, T)
MAKE(Sad, ternary, Sad, T, T)
MAKE(Shl, binary, Shl, T, T, uint32_t)
MAKE(Shr, binary, Shr, T, T, uint32_t)
MAKE(Popc, unary, Popc, uint32_t, T)
MAKE(Clz, unary, Clz, uint32_t, T)
MAKE(Bfind, unary, Bfind, uint32_t, T)
MAKE(BfindShift, unary, BfindShift, uint32_t, T)
MAKE(Bfe, ternary, Bfe, T, T, uint32_t, uint32_t)
} // namespace

template <typename Op> static Handler pickPair(Type type) {
  if (type.count != 2)
    return nullptr;
  return type.isSigned() ? binary<Pair<Op, int16_t>, uint32_t, uint32_t>
                         : binary<Pair<Op, uint16_t>, uint32_t, uint32_t>;
}

/// mul and mad: lo, hi, wide.
static bool decodeMultiply(Decoder &d, bool isMad) {
  Instruction &inst = d.inst;
  int form = d.takeFirst({"lo", "hi", "wide"});
  if (form < 0 || !d.takeType(inst.type))
    return d.fail("unknown instruction");
  Type type = inst.type;
  bool isSigned = type.isSigned();
  Handler handler = nullptr;
  if (form == 0)
    handler =
        isMad ? pickInteger<MakeMadLo>(type, isSigned) : pickInteger<MakeMulLo>(type, isSigned);
  // clang-format off
  else if (form == 1 && type.bits == 32)
    handler = isMad ? (isSigned ? ternary<MadHi, int32_t, int32_t> : ternary<MadHi, uint32_t, uint32_t>)
                    : (isSigned ? binary<MulHi, int32_t, int32_t> : binary<MulHi, uint32_t, uint32_t>);
  else if (form == 1 && type.bits == 64)
    handler = isMad ? (isSigned ? ternary<MadHi, int64_t, int64_t> : ternary<MadHi, uint64_t, uint64_t>)
                    : (isSigned ? binary<MulHi, int64_t, int64_t> : binary<MulHi, uint64_t, uint64_t>);
  else if (form == 1 && type.bits == 16 && !isMad)
    handler = isSigned ? binary<MulHi, int16_t, int16_t> : binary<MulHi, uint16_t, uint16_t>;
  else if (form == 2 && type.bits == 32)
    handler = isMad ? (isSigned ? ternary<MadWide, int64_t, int32_t> : ternary<MadWide, uint64_t, uint32_t>)
                    : (isSigned ? binary<MulWide, int64_t, int32_t> : binary<MulWide, uint64_t, uint32_t>);
  else if (form == 2 && type.bits == 16)
    handler = isMad ? (isSigned ? ternary<MadWide, int32_t, int16_t> : ternary<MadWide, uint32_t, uint16_t>)
                    : (isSigned ? binary<MulWide, int32_t, int16_t> : binary<MulWide, uint32_t, uint16_t>);
  // clang-format on
  if (!handler)
    return d.fail("unknown instruction");
  inst.run = handler;
  unsigned wide = form == 2 ? 2 * type.bits : type.bits;
  return d.dst(wide) && d.src(type.bits) && d.src(type.bits) && (!isMad || d.src(wide));
}

bool ptx::decodeInteger(Decoder &d) {
  std::string_view root = d.root;
  Instruction &inst = d.inst;
  if (root == "shf") {
    int left = d.takeFirst({"r", "l"}), wrap = d.takeFirst({"clamp", "wrap"});
    if (left < 0 || wrap < 0 || !d.takeType(inst.type))
      return d.fail("unknown instruction");
    const Handler forms[] = {ternary<Funnel<false, false>, uint32_t, uint32_t>,
                             ternary<Funnel<false, true>, uint32_t, uint32_t>,
                             ternary<Funnel<true, false>, uint32_t, uint32_t>,
                             ternary<Funnel<true, true>, uint32_t, uint32_t>};
    return define(d, forms[2 * left + wrap], 32, 3);
  }
  if (root == "lop3") {
    if (!d.takeType(inst.type) || inst.type.bits != 32)
      return d.fail("unknown instruction");
    return define(d, lop3, 32, 3, Flow::Bitwise) && d.immediate(inst.offset);
  }
  if (root == "prmt") {
    if (!d.takeType(inst.type) || inst.type.bits != 32)
      return d.fail("unknown instruction");
    return define(d, ternary<Prmt, uint32_t, uint32_t>, 32, 3, Flow::Permute);
  }
  if (root == "dp4a") {
    Type other;
    if (!d.takeType(inst.type) || !d.takeType(other) || !(inst.type == other))
      return d.fail("unknown instruction");
    return define(d,
                  inst.type.isSigned() ? ternary<Dp4aSigned, int32_t, int32_t>
                                       : ternary<Dp4aUnsigned, uint32_t, uint32_t>,
                  32, 3);
  }
  Type last;
  if (!d.suffixes.empty() && parseType(d.suffixes.back(), last) &&
      (last.isFloat() || last.kind == Type::Predicate))
    return true;
  if (root == "mul" || root == "mad")
    return decodeMultiply(d, root == "mad");
  bool shift = root == "bfind" && d.take("shiftamt"), relu = d.take("relu");
  static const std::string_view known[] = {
      "add", "sub", "div", "rem", "min", "max",  "abs", "neg",   "not",  "cnot", "and",
      "or",  "xor", "sad", "shl", "shr", "popc", "clz", "bfind", "brev", "bfe",  "bfi"};
  if (std::find(std::begin(known), std::end(known), root) == std::end(known))
    return true;
  if (!d.takeType(inst.type))
    return d.fail("unknown instruction");
  Type type = inst.type;
  unsigned bits = type.total();
  bool isSigned = type.isSigned();
  if (type.count == 2) {
    Handler handler = root == "add"   ? pickPair<Add>(type)
                      : root == "sub" ? pickPair<Sub>(type)
                      : root == "min" ? (relu ? pickPair<MinRelu>(type) : pickPair<Min>(type))
                      : root == "max" ? (relu ? pickPair<MaxRelu>(type) : pickPair<Max>(type))
                                      : nullptr;
    return define(d, handler, 32, 2);
  }
  if (root == "add")
    return define(d, pickInteger<MakeAdd>(type, isSigned), bits, 2);
  if (root == "sub")
    return define(d, pickInteger<MakeSub>(type, isSigned), bits, 2);
  if (root == "div")
    return define(d, pickInteger<MakeDiv>(type, isSigned), bits, 2);
  if (root == "rem")
    return define(d, pickInteger<MakeRem>(type, isSigned), bits, 2);
  if (root == "min")
    return define(
        d, relu ? pickInteger<MakeMinRelu>(type, isSigned) : pickInteger<MakeMin>(type, isSigned),
        bits, 2);
  if (root == "max")
    return define(
        d, relu ? pickInteger<MakeMaxRelu>(type, isSigned) : pickInteger<MakeMax>(type, isSigned),
        bits, 2);
  if (root == "abs")
    return define(d, pickInteger<MakeAbs>(type, isSigned), bits, 1);
  if (root == "neg")
    return define(d, pickInteger<MakeNeg>(type, isSigned), bits, 1);
  if (root == "not")
    return define(d, pickInteger<MakeNot>(type, isSigned), bits, 1, Flow::Bitwise);
  if (root == "cnot")
    return define(d, pickInteger<MakeCNot>(type, isSigned), bits, 1);
  if (root == "and")
    return define(d, pickInteger<MakeAnd>(type, isSigned), bits, 2, Flow::And);
  if (root == "or")
    return define(d, pickInteger<MakeOr>(type, isSigned), bits, 2, Flow::Or);
  if (root == "xor")
    return define(d, pickInteger<MakeXor>(type, isSigned), bits, 2, Flow::Bitwise);
  if (root == "sad")
    return define(d, pickInteger<MakeSad>(type, isSigned), bits, 3);
  // These have operands of their own widths.
  bool isBfi = root == "bfi", isBfe = root == "bfe";
  bool isShift = root == "shl" || root == "shr";
  if (root == "shl")
    inst.run = pickInteger<MakeShl>(type, isSigned);
  else if (root == "shr")
    inst.run = pickInteger<MakeShr>(type, isSigned);
  else if (root == "popc")
    inst.run = pickInteger<MakePopc>(type, false);
  else if (root == "clz")
    inst.run = pickInteger<MakeClz>(type, false);
  else if (root == "bfind")
    inst.run = shift ? pickInteger<MakeBfindShift>(type, isSigned)
                     : pickInteger<MakeBfind>(type, isSigned);
  else if (root == "brev")
    inst.run = bits == 32   ? unary<Brev, uint32_t, uint32_t>
               : bits == 64 ? unary<Brev, uint64_t, uint64_t>
                            : Handler();
  else if (isBfe)
    inst.run = pickInteger<MakeBfe>(type, isSigned);
  else
    inst.run = bits == 32 ? bfi<uint32_t> : bits == 64 ? bfi<uint64_t> : Handler();
  if (!inst.run)
    return d.fail("unknown instruction");
  inst.flow = root == "shl"   ? Flow::Shl
              : root == "shr" ? Flow::Shr
              : isBfe         ? Flow::Extract
                              : Flow::All;
  bool isCount = root == "popc" || root == "clz" || root == "bfind";
  return d.dst(isCount ? 32 : bits) && d.src(bits) && (!isBfi || d.src(bits)) &&
         (!(isShift || isBfe || isBfi) || d.src(32)) && (!(isBfe || isBfi) || d.src(32));
}
