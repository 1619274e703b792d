//===- KernelBundle.h - GPU kernels and how to launch them ------*- C++ -*-===//
//
// One file with everything that a launcher needs of a compiled module: PTX and
// machine code for one or more chips, and for each chip a plan, JSON that
// lib/Pipelines/GPUPlan.cpp writes. The file is a header, a table of sections
// with checksums, and the sections: the JSON, then the code.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_RUNTIME_KERNELBUNDLE_H
#define DASHKV_RUNTIME_KERNELBUNDLE_H

#include "dashkv/Runtime/Cuda.h"
#include <optional>
#include <vector>

namespace dashkv::runtime {

/// Of the file and of the JSON in it; a launcher reads its own version only.
inline constexpr uint32_t kBundleVersion = 1;

/// Types of host values: integers by their bits (64 is index as well), floats.
enum class ValueType { I1, I8, I16, I32, I64, F32 };

/// A number that the host computes from shapes and the device before it launches.
struct HostValue {
  enum Op {
    Constant,        ///< `constant`
    Dim,             ///< of argument `operands[0]`, dim `operands[1]`
    Multiprocessors, ///< of the device
    // Integers.
    Add,
    Sub,
    Mul,
    DivU,
    DivS,
    CeilDivU,
    CeilDivS,
    FloorDivS,
    RemU,
    RemS,
    MinU,
    MinS,
    MaxU,
    MaxS,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRightU,
    ShiftRightS,
    Eq,
    Ne,
    LtU,
    LtS,
    LeU,
    LeS,
    GtU,
    GtS,
    GeU,
    GeS,
    Select, ///< operands[0] ? operands[1] : operands[2]
    ExtendU,
    ExtendS, ///< to a type of other width; narrower ones are cut
    // Floats.
    AddF,
    SubF,
    MulF,
    DivF,
    FromU,
    FromS,
  };
  Op op = Constant;
  ValueType type = ValueType::I64;
  std::vector<int> operands; ///< values
  int64_t constant = 0;      ///< of an f32 its bits
};

/// Device memory of a plan.
struct Buffer {
  enum Kind {
    Argument,  ///< argument `index`
    Result,    ///< result `index`, of `bytes`: the caller's or the plan's
    Workspace, ///< of `bytes`, the plan's
    Select,    ///< values[index] ? buffers[then] : buffers[otherwise]
  } kind = Workspace;
  int index = 0;
  int bytes = -1; ///< value
  /// The value of all bytes before the first run; kernels restore it.
  std::optional<uint8_t> init;
  /// Of a constant: all of its bytes. Kernels leave them alone.
  std::string data;
  int then = -1, otherwise = -1;
};

/// An address: of `buffer`, plus `offset` bytes, a value, unless it is negative.
struct Address {
  int buffer = -1, offset = -1;
};

struct Parameter {
  bool isPointer = false;
  unsigned alignment = 1; ///< of a pointer
};

struct Kernel {
  std::string name;
  std::vector<Parameter> parameters;
  /// All blocks wait for each other.
  bool resident = false;
  /// Waits for the kernel before it on its own (griddepcontrol.wait).
  bool overlaps = false;
};

/// Something that a function does.
struct Step {
  enum Kind { Launch, Copy, If, Check } kind;
  // Launch.
  int kernel = 0;
  int grid[3] = {}, block[3] = {}; ///< values
  int sharedBytes = -1;            ///< value, or negative for none
  struct Operand {
    Address address; ///< of a pointer
    int value = -1;  ///< of a scalar
  };
  std::vector<Operand> operands;
  // Copy.
  Address from, to;
  int bytes = -1; ///< value
  // If and Check.
  int condition = -1; ///< value
  std::vector<Step> then, otherwise;
  std::string message; ///< of a check that fails
};

/// An argument or a result: a dense row-major array.
struct Tensor {
  std::string dtype; ///< MLIR's name of the element type: f32, bf16, i8, ...
  std::string role;  ///< dashkv.role of an argument, or empty
  /// Of an argument sizes, -1 for any; of a result values.
  std::vector<int64_t> shape;
  int alias = -1; ///< the argument that a result is, updated in place
};

struct FunctionPlan {
  std::string name;
  std::vector<Tensor> arguments, results;
  std::vector<HostValue> values;
  std::vector<Buffer> buffers;
  std::vector<Step> steps;
};

/// Everything for one chip.
struct Variant {
  std::string chip;   ///< sm_90a
  int ptxVersion = 0; ///< times ten
  std::vector<Kernel> kernels;
  std::vector<FunctionPlan> functions;
  std::string ptx, cubin; ///< empty if there is none

  const FunctionPlan *findFunction(const std::string &name) const;
};

/// Bytes of an element; 0 of an unknown type.
int64_t getElementBytes(const std::string &dtype);

struct KernelBundle {
  std::vector<Variant> variants;

  /// Reads a bundle, and checks that nothing in it refers to something that is
  /// not there.
  static Status read(const std::string &content, KernelBundle &bundle);
  static Status readFile(const std::string &path, KernelBundle &bundle);

  /// The variant that a device of this capability runs best, and whether by its
  /// machine code; an error says what the bundle is for.
  Status choose(int major, int minor, const Variant *&variant) const;
};

/// Whether code for `chip` runs on a device: machine code within a major version,
/// PTX on all later ones, both of a chip with an `a` on that one only.
bool runsCubin(const std::string &chip, int major, int minor);
bool runsPTX(const std::string &chip, int major, int minor);

/// Whether a file begins as bundles do.
bool isKernelBundle(const std::string &content);

/// A file of sections, the JSON first.
std::string writeBundle(const std::vector<std::string> &sections);

} // namespace dashkv::runtime

#endif // DASHKV_RUNTIME_KERNELBUNDLE_H
