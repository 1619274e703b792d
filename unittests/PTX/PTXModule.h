//===- PTXModule.h - Kernels as the interpreter holds them ------*- C++ -*-===//
#ifndef DASHKV_UNITTESTS_PTX_PTXMODULE_H
#define DASHKV_UNITTESTS_PTX_PTXMODULE_H

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ptx {

/// A type of PTX: 'b', 'u', 's' with its bits, or a predicate ('p', 1).
struct Type {
  char kind = 0;
  unsigned bits = 0;
};

// clang-format off
enum class Opcode {
  Mov, Add, Sub, MulLo, MulWide, MadLo, MadWide, Min, Max, And, Or, Xor, Not, Neg, Shl, Shr,
  Popc, Clz, Bfe, Prmt, Selp, Setp, Cvt, Cvta, LdParam, Ld, St, Atom, Bar, Vote, Redux, Bra, Ret
};
// clang-format on
enum class Space { Global, Shared };
enum class Special { TidX, TidY, TidZ, NTidX, NTidY, NTidZ, CtaX, CtaY, CtaZ, NCtaX, NCtaY, NCtaZ };

struct Operand {
  enum Kind { Register, Immediate, SpecialRegister } kind = Immediate;
  int reg = -1;      ///< Register; also the base of an address, -1 for none
  int64_t value = 0; ///< Immediate, offset of an address, or Special
};

struct Instruction {
  Opcode opcode;
  std::string name; ///< opcode with its suffixes
  int line;
  Type type, sourceType;
  Space space = Space::Global;
  std::string op; ///< comparison, or operation of atom and redux
  bool relu = false;
  int predicate = -1;
  bool negated = false;
  std::vector<Operand> dst, src; ///< dst.size() > 1: a vector
  Operand address;
  int target = -1; ///< of a branch
  mutable uint64_t executed = 0;
};

struct SharedVariable {
  uint64_t base, size;
};
struct Parameter {
  unsigned offset, size;
};

struct Kernel {
  std::vector<Instruction> code;
  std::vector<unsigned> registerBits;
  std::map<std::string, int> registers;
  std::map<std::string, Parameter> parameters;
  std::vector<Parameter> parameterOrder;
  std::map<std::string, SharedVariable> shared;
  uint64_t sharedEnd = 256; ///< no variable at address 0
  unsigned maxThreads = 1024;
};

/// Parses a module, line by line, as LLVM prints one statement a line. False,
/// and an error, on anything unknown.
bool parseModule(std::string_view text, std::map<std::string, std::unique_ptr<Kernel>> &kernels,
                 std::string &error);

} // namespace ptx

#endif // DASHKV_UNITTESTS_PTX_PTXMODULE_H
