//===- HostValues.cpp - Numbers that the host computes --------------------===//
#include "HostValues.h"
#include <algorithm>
#include <cstring>

using namespace dashkv::runtime;

static unsigned getBits(ValueType type) {
  switch (type) {
  case ValueType::I1:
    return 1;
  case ValueType::I8:
    return 8;
  case ValueType::I16:
    return 16;
  case ValueType::I32:
  case ValueType::F32:
    return 32;
  case ValueType::I64:
    return 64;
  }
  return 64;
}

/// The low bits of `value`, as a signed number and as one without a sign.
static int64_t signExtend(uint64_t value, unsigned bits) {
  return static_cast<int64_t>(value << (64 - bits)) >> (64 - bits);
}
static uint64_t zeroExtend(int64_t value, unsigned bits) {
  return static_cast<uint64_t>(value) << (64 - bits) >> (64 - bits);
}

static float toFloat(int64_t bits) {
  uint32_t word = static_cast<uint32_t>(bits);
  float value;
  std::memcpy(&value, &word, sizeof(value));
  return value;
}
static int64_t fromFloat(float value) {
  uint32_t word;
  std::memcpy(&word, &value, sizeof(word));
  return word;
}

int64_t HostValues::get(int value) {
  if (!known[value]) {
    const HostValue &described = function.values[value];
    int64_t result = compute(described);
    known[value] = described.type == ValueType::F32
                       ? result
                       : signExtend(static_cast<uint64_t>(result), getBits(described.type));
  }
  return *known[value];
}

int64_t HostValues::compute(const HostValue &value) {
  using Op = HostValue;
  switch (value.op) {
  case Op::Constant:
    return value.constant;
  case Op::Dim:
    return shapes[value.operands[0]][value.operands[1]];
  case Op::Multiprocessors:
    return multiprocessors;
  case Op::Select:
    return get(value.operands[isTrue(value.operands[0]) ? 1 : 2]);
  default:
    break;
  }
  // Signed and unsigned forms; comparisons are of the width of their operands.
  unsigned bits = getBits(function.values[value.operands[0]].type);
  int64_t a = get(value.operands[0]), b = 0;
  uint64_t ua = zeroExtend(a, bits), ub = 0;
  if (value.operands.size() > 1) {
    b = get(value.operands[1]);
    ub = zeroExtend(b, bits);
  }
  auto wrap = [](uint64_t result) { return static_cast<int64_t>(result); };
  auto divides = [&] {
    failed |= b == 0;
    return b != 0;
  };
  bool overflows = b == -1; // the quotient is -a, without a trap
  switch (value.op) {
  case Op::Add:
    return wrap(ua + ub);
  case Op::Sub:
    return wrap(ua - ub);
  case Op::Mul:
    return wrap(ua * ub);
  case Op::DivU:
    return divides() ? wrap(ua / ub) : 0;
  case Op::CeilDivU:
    return divides() ? wrap(ua / ub + (ua % ub != 0)) : 0;
  case Op::RemU:
    return divides() ? wrap(ua % ub) : 0;
  case Op::DivS:
    return !divides() ? 0 : overflows ? wrap(0 - ua) : a / b;
  case Op::CeilDivS:
    return !divides() ? 0 : overflows ? wrap(0 - ua) : a / b + (a % b != 0 && (a < 0) == (b < 0));
  case Op::FloorDivS:
    return !divides() ? 0 : overflows ? wrap(0 - ua) : a / b - (a % b != 0 && (a < 0) != (b < 0));
  case Op::RemS:
    return !divides() || overflows ? 0 : a % b;
  case Op::MinU:
    return wrap(std::min(ua, ub));
  case Op::MaxU:
    return wrap(std::max(ua, ub));
  case Op::MinS:
    return std::min(a, b);
  case Op::MaxS:
    return std::max(a, b);
  case Op::And:
    return a & b;
  case Op::Or:
    return a | b;
  case Op::Xor:
    return a ^ b;
  case Op::ShiftLeft:
    return ub < bits ? wrap(ua << ub) : 0;
  case Op::ShiftRightU:
    return ub < bits ? wrap(ua >> ub) : 0;
  case Op::ShiftRightS:
    return a >> std::min<uint64_t>(ub, bits - 1);
  case Op::Eq:
    return a == b;
  case Op::Ne:
    return a != b;
  case Op::LtU:
    return ua < ub;
  case Op::LtS:
    return a < b;
  case Op::LeU:
    return ua <= ub;
  case Op::LeS:
    return a <= b;
  case Op::GtU:
    return ua > ub;
  case Op::GtS:
    return a > b;
  case Op::GeU:
    return ua >= ub;
  case Op::GeS:
    return a >= b;
  case Op::ExtendU:
    return wrap(ua);
  case Op::ExtendS:
    return a;
  case Op::AddF:
    return fromFloat(toFloat(a) + toFloat(b));
  case Op::SubF:
    return fromFloat(toFloat(a) - toFloat(b));
  case Op::MulF:
    return fromFloat(toFloat(a) * toFloat(b));
  case Op::DivF:
    return fromFloat(toFloat(a) / toFloat(b));
  case Op::FromU:
    return fromFloat(static_cast<float>(ua));
  case Op::FromS:
    return fromFloat(static_cast<float>(a));
  case Op::Constant:
  case Op::Dim:
  case Op::Multiprocessors:
  case Op::Select:
    break;
  }
  return 0;
}
