//===- PTXMatrix.cpp - Tensor cores and their fragments -------------------===//
#include "PTXFloat.h"
#include "PTXHandlers.h"
#include <algorithm>

using namespace ptx;

namespace {
/// Rows of 8x8 16-bit matrices, addresses from 8 lanes each.
void loadMatrix(Warp &warp, const Instruction &inst, uint32_t active) {
  uint16_t rows[32][8];
  bool written[32][8];
  if (!warp.requireDefined(inst, inst.base, active))
    return;
  for (unsigned lane = 0; lane < 8u * inst.numDst; ++lane) {
    Place place;
    if (!locate(warp, inst, lane, warp.getAddress(inst.base, inst.offset, lane), 16,
                static_cast<Space>(inst.flags), place))
      return;
    if (!place.shared) {
      warp.fail(inst, "expected an address of shared memory", static_cast<int>(lane));
      return;
    }
    if (!checkRace(warp, inst, lane, place, 16, Races::Read))
      return;
    std::memcpy(rows[lane], place.data, 16);
    for (unsigned i = 0; i < 8; ++i)
      written[lane][i] = warp.block.shared.isWritten(place.address + 2 * i, 2);
  }
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < inst.numDst; ++i) {
      uint32_t value = 0, undefined = 0;
      for (unsigned half = 0; half < 2; ++half) {
        unsigned row = lane / 4, column = 2 * (lane % 4) + half;
        if (inst.op) // transposed
          std::swap(row, column);
        value |= static_cast<uint32_t>(rows[8 * i + row][column]) << (16 * half);
        if (!written[8 * i + row][column])
          undefined |= 0xffffu << (16 * half);
      }
      warp.row(inst.dst[i])[lane] = value;
      warp.setUndefined(inst.dst[i], lane, undefined);
    }
}

void transpose(Warp &warp, const Instruction &inst, uint32_t) {
  uint32_t source[32];
  uint64_t bad[32];
  for (unsigned lane = 0; lane < 32; ++lane) {
    source[lane] = warp.row(inst.src[0])[lane];
    bad[lane] = warp.getUndefined(inst.src[0].reg, lane);
  }
  for (unsigned lane = 0; lane < 32; ++lane) {
    uint32_t value = 0;
    uint64_t undefined = 0;
    for (unsigned half = 0; half < 2; ++half) {
      unsigned row = 2 * (lane % 4) + half, column = lane / 4;
      unsigned from = 4 * row + column / 2, shift = 16 * (column % 2);
      value |= (source[from] >> shift & 0xffff) << (16 * half);
      undefined |= (bad[from] >> shift & 0xffff) << (16 * half);
    }
    warp.row(inst.dst[0])[lane] = value;
    warp.setUndefined(inst.dst[0], lane, undefined);
  }
}

//===----------------------------------------------------------------------===//
// mma
//===----------------------------------------------------------------------===//

/// A number of a fragment, by its bits.
double getNumber(Type type, uint32_t bits) {
  switch (type.kind) {
  case Type::BFloat:
    return bfloatToFloat(static_cast<uint16_t>(bits));
  case Type::TF32: // the low bits do not count
    return bitsToFloat(bits & 0xffffe000);
  case Type::E4M3:
    return widen(e4m3, bits);
  case Type::E5M2:
    return widen(e5m2, bits);
  case Type::Signed:
    return static_cast<int8_t>(bits);
  case Type::Unsigned:
    return static_cast<uint8_t>(bits);
  default:
    return halfToFloat(static_cast<uint16_t>(bits));
  }
}

/// m16n8: A is 16 by k, B k by 8. A register holds neighbours in k; lane
/// 4 g + t has rows g and g + 8 of A, column g of B, and columns 2 t and
/// 2 t + 1 of the result.
void multiply(Warp &warp, const Instruction &inst, uint32_t) {
  Type type = inst.sourceType;
  unsigned each = type.bits, packed = 32 / each; // bits of an element, elements of a register
  unsigned depth = static_cast<unsigned>(inst.offset);
  unsigned numA = 16 * depth / packed / 32, numB = numA / 2;
  bool pairs = inst.type.bits == 16; // f16 results
  unsigned numC = pairs ? 2 : 4;
  if (inst.numSrc != numA + numB + numC || inst.numDst != numC) {
    warp.fail(inst, "unknown operands");
    return;
  }
  static thread_local double a[16][32], b[32][8];
  bool badRow[16] = {}, badColumn[8] = {};
  uint32_t mask = each == 32 ? ~0u : (1u << each) - 1;
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned g = lane / 4, t = lane % 4;
    for (unsigned i = 0; i < numA + numB; ++i) {
      const Slot &slot = inst.src[i];
      uint32_t bits = warp.row(slot)[lane];
      bool bad = warp.getUndefined(slot.reg, lane) & 0xffffffff;
      bool isA = i < numA;
      unsigned row = g + 8 * (i % 2), part = isA ? i / 2 : i - numA;
      (isA ? badRow[row] : badColumn[g]) |= bad;
      for (unsigned e = 0; e < packed; ++e) {
        unsigned k = part * 4 * packed + t * packed + e;
        uint32_t element = bits >> (each == 32 ? 0 : e * each) & mask;
        (isA ? a[row][k] : b[k][g]) = getNumber(isA ? type : inst.otherType, element);
      }
    }
  }
  double sums[16][8] = {};
  for (unsigned row = 0; row < 16; ++row)
    for (unsigned k = 0; k < depth; ++k)
      for (unsigned column = 0; column < 8; ++column)
        sums[row][column] += a[row][k] * b[k][column];
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned i = 0; i < numC; ++i) {
      const Slot &slot = inst.src[numA + numB + i];
      uint32_t old = warp.row(slot)[lane], result = 0;
      bool bad = warp.getUndefined(slot.reg, lane) & 0xffffffff;
      for (unsigned half = 0; half < (pairs ? 2 : 1); ++half) {
        unsigned row = lane / 4 + 8 * (pairs ? i : i / 2);
        unsigned column = 2 * (lane % 4) + (pairs ? half : i % 2);
        double sum = sums[row][column];
        bad |= badRow[row] || badColumn[column];
        if (pairs)
          result |= roundTo(ptx::half, sum + halfToFloat(static_cast<uint16_t>(old >> (16 * half))),
                            Rounding::Nearest, false)
                    << (16 * half);
        else if (inst.type.isFloat())
          result = floatToBits(static_cast<float>(sum + bitsToFloat(old)));
        else
          result = static_cast<uint32_t>(static_cast<int64_t>(sum)) + old;
      }
      warp.row(inst.dst[i])[lane] = result;
      warp.setUndefined(inst.dst[i], lane, bad ? ~0ull : 0);
    }
}

bool decodeMma(Decoder &d) {
  Instruction &inst = d.inst;
  d.take("sync");
  d.take("aligned");
  static const std::pair<std::string_view, int> shapes[] = {
      {"m16n8k4", 4}, {"m16n8k8", 8}, {"m16n8k16", 16}, {"m16n8k32", 32}};
  for (const auto &[name, depth] : shapes)
    if (d.take(name))
      inst.offset = depth;
  d.take("satfinite");
  bool known = inst.offset && d.take("row") && d.take("col") && d.takeType(inst.type);
  if (!known)
    return d.fail("unknown instruction");
  known = d.takeType(inst.sourceType) && d.takeType(inst.otherType) &&
          inst.sourceType.bits == inst.otherType.bits;
  Type result;
  if (!known || !d.takeType(result) || !(result == inst.type))
    return d.fail("unknown instruction");
  inst.run = multiply;
  return d.dst(32) && d.src(32) && d.src(32) && d.src(32);
}
} // namespace

bool ptx::decodeMatrix(Decoder &d) {
  Instruction &inst = d.inst;
  bool isLoad = d.root == "ldmatrix";
  if (d.root != "mma" && d.root != "movmatrix" && !isLoad)
    return true;
  inst.role = Role::Collective;
  inst.flow = Flow::Handler;
  if (d.root == "mma")
    return decodeMma(d);
  if (!d.take("sync") || !d.take("aligned") || !d.take("m8n8"))
    return d.fail("unknown instruction");
  int count = isLoad ? d.takeFirst({"x1", "x2", "x4"}) : 0;
  inst.op = d.take("trans");
  inst.flags = static_cast<uint16_t>(d.take("shared") || d.take("shared::cta") ? Space::Shared
                                                                               : Space::Generic);
  if (count < 0 || !d.takeType(inst.type) || inst.type.bits != 16)
    return d.fail("unknown instruction");
  unsigned registers = 1u << count;
  if (isLoad) {
    inst.run = loadMatrix;
    return d.dst(32) && d.address() && (inst.numDst == registers || d.fail("unknown operands"));
  }
  inst.run = transpose;
  return inst.op ? d.dst(32) && d.src(32) : d.fail("unknown instruction");
}
