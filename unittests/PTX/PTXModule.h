//===- PTXModule.h - Kernels as the interpreter holds them ------*- C++ -*-===//
//
// Kernels are decoded once: every operand is a row of the register file of a
// warp (32 lanes), constants and special registers included, and an opcode with
// its suffixes is a function.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_UNITTESTS_PTX_PTXMODULE_H
#define DASHKV_UNITTESTS_PTX_PTXMODULE_H

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ptx {

struct Instruction;
class Warp;

/// Executes an instruction for the lanes of `active`.
using Handler = void (*)(Warp &warp, const Instruction &inst, uint32_t active);

/// A type of PTX; `count` is 2 for f16x2 and the like.
struct Type {
  enum Kind : char {
    None,
    Bits,
    Unsigned,
    Signed,
    Float,
    BFloat,
    TF32,
    E4M3,
    E5M2,
    Predicate
  } kind = None;
  unsigned bits = 0, count = 1;

  unsigned total() const { return bits * count; }
  bool isSigned() const { return kind == Signed; }
  bool isFloat() const { return kind >= Float && kind <= E5M2; }
  bool operator==(Type other) const {
    return kind == other.kind && bits == other.bits && count == other.count;
  }
};

/// What the scheduler does with an instruction.
enum class Role : uint8_t {
  Plain,
  Branch,     ///< to `target`, or by `src[0]` to one of `targets`
  Exit,       ///< of the thread
  Collective, ///< all lanes of a mask (`src[mask]`, or all alive) at once
  Barrier,    ///< of the block
  Poll,       ///< may want another warp to go on first
};

/// How bits that were never written go through an instruction.
enum class Flow : uint8_t {
  All,     ///< any such bit makes the whole result such
  Strict,  ///< an error
  Handler, ///< the handler knows
  Move,
  And,
  Or,
  Bitwise,
  Shl,
  Shr,
  Permute,
  Select,
  Convert,
  Extract,
  Pack,
  Unpack,
};

struct Slot {
  int reg = -1;         ///< index of the register, -1 for none
  unsigned offset = 0;  ///< of its row, in words
  unsigned bits = 0;    ///< of the register
  bool negated = false; ///< `!%p1`
};

struct Instruction {
  Handler run = nullptr;
  Role role = Role::Plain;
  Flow flow = Flow::All;
  uint8_t numDst = 0, numSrc = 0;
  bool negatedGuard = false;
  bool aligned = true; ///< a barrier; of an atomic: it orders other accesses
  int8_t mask = -1;    ///< index in `src` of the member mask of a collective
  Slot guard, dst[8], src[12];
  Slot base;          ///< of an address
  int64_t offset = 0; ///< of an address, or an immediate of the opcode
  Slot base2;         ///< of a second address
  int64_t offset2 = 0;
  Type type, sourceType, otherType;
  uint16_t op = 0, flags = 0; ///< of the family's own
  int target = -1;
  std::vector<int> targets;
  int line = 0;
  unsigned index = 0; ///< in the kernel
  std::string name;   ///< opcode with its suffixes
};

struct Register {
  std::string name;
  unsigned bits, offset;
};

// clang-format off
enum class Special : uint8_t {
  Value, TidX, TidY, TidZ, NTidX, NTidY, NTidZ, CtaX, CtaY, CtaZ, NCtaX, NCtaY, NCtaZ,
  Lane, Warp, NWarp, LaneEq, LaneLt, LaneLe, LaneGt, LaneGe, SM, NSM, GridId,
  Clock, DynamicShared, TotalShared
};
// clang-format on

/// A register that is set once a warp.
struct Constant {
  int reg;
  Special special;
  uint64_t value;
};

struct Variable {
  std::string name;
  uint64_t base = 0, size = 0; ///< of dynamic shared memory, the size is the launch's
  bool dynamic = false;
};

struct Parameter {
  unsigned offset, size;
};

struct Kernel {
  std::string name;
  std::vector<Instruction> code;
  std::vector<Register> registers; ///< constants included
  std::vector<Constant> constants;
  unsigned fileWords = 0; ///< of the register file
  std::map<std::string, Parameter, std::less<>> parameters;
  std::vector<Parameter> parameterOrder;
  std::vector<Variable> shared;
  uint64_t sharedEnd = 1024; ///< no variable at address 0
  uint64_t staticShared = 0; ///< bytes, as the hardware counts them
  unsigned maxThreads = 1024;
  bool exactThreads = false; ///< `.reqntid`
  unsigned minBlocks = 0;    ///< `.minnctapersm`
  unsigned cluster[3] = {0, 0, 0};
  std::vector<uint64_t> executed; ///< by instruction, threads

  unsigned parameterBytes() const {
    return parameterOrder.empty() ? 0 : parameterOrder.back().offset + parameterOrder.back().size;
  }
};

/// A global or constant variable of a module.
struct GlobalVariable {
  std::string name;
  std::vector<char> data;
  bool constant = false, initialized = false;
  uint64_t address = 0;
};

struct Module {
  std::string target;
  int version = 0; ///< 10 times
  std::map<std::string, std::unique_ptr<Kernel>, std::less<>> kernels;
  std::map<std::string, std::unique_ptr<GlobalVariable>, std::less<>> globals;
};

/// Gives a global variable its device address, before it is used.
using PlaceGlobal = uint64_t (*)(void *context, GlobalVariable &variable);

/// Parses a module as LLVM or nvcc print it. False, and an error, on anything
/// unknown.
bool parseModule(std::string_view text, Module &module, PlaceGlobal place, void *context,
                 std::string &error);

} // namespace ptx

#endif // DASHKV_UNITTESTS_PTX_PTXMODULE_H
