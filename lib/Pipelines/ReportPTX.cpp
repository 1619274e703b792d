//===- ReportPTX.cpp - Kernels of PTX text --------------------------------===//
#include "Report.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace mlir::dashkv;

static constexpr StringRef kGroups[] = {
    "global memory", "shared memory", "local memory", "atomics",  "tensor cores", "popcounts",
    "warp",          "waits",         "floats",       "integers", "conversions",  "control"};

ArrayRef<StringRef> mlir::dashkv::getGroups() { return kGroups; }

StringRef mlir::dashkv::getGroup(StringRef instruction) {
  StringRef base = instruction.take_until([](char c) { return c == '.' || c == ' '; });
  if (base == "ld" || base == "st" || base == "cp" || base == "prefetch") {
    if (instruction.contains("local"))
      return "local memory";
    if (instruction.contains("param"))
      return "control";
    bool isCopy = base == "cp" && instruction.contains("global");
    return instruction.contains("shared") && !isCopy ? "shared memory" : "global memory";
  }
  return llvm::StringSwitch<StringRef>(base)
      .Cases({"atom", "red"}, "atomics")
      .Cases({"mma", "wgmma", "ldmatrix", "movmatrix"}, "tensor cores")
      .Case("popc", "popcounts")
      .Cases({"shfl", "vote", "match", "redux"}, "warp")
      .Cases({"bar", "barrier", "mbarrier", "fence", "membar", "griddepcontrol"}, "waits")
      .Cases({"fma", "ex2", "lg2", "rcp", "tanh", "sqrt", "rsqrt", "copysign"}, "floats")
      .Cases({"cvt", "cvta", "mov"}, "conversions")
      .Cases({"bra", "brx", "ret", "exit", "call", "trap"}, "control")
      .Default(instruction.contains(" f") ? "floats" : "integers");
}

/// Bits of a type suffix (`b32`), 0 if it is none.
static int64_t typeBits(StringRef suffix) {
  int64_t bits = 0;
  if (suffix.size() < 2 || !StringRef("bsuf").contains(suffix[0]) ||
      suffix.drop_front().getAsInteger(10, bits))
    return 0;
  return bits;
}

/// The name of a mix: what an instruction does, without rounding and the like;
/// memory accesses with their bytes, `ld.global.nc 16`.
static std::string nameInstruction(StringRef opcode) {
  SmallVector<StringRef> parts;
  opcode.split(parts, '.', -1, false);
  StringRef base = parts[0];
  std::string name = base.str();
  if (base == "ld" || base == "st" || base == "atom" || base == "red") {
    int64_t bytes = 0, elements = 1;
    for (StringRef part : ArrayRef(parts).drop_front()) {
      if (int64_t bits = typeBits(part))
        bytes = bits / 8;
      else if (part == "v2" || part == "v4" || part == "v8")
        elements = part[1] - '0';
      else if (part != "relaxed" && part != "gpu" && part != "cta" && !part.contains("::"))
        name += "." + part.str();
    }
    return name + " " + std::to_string(bytes * elements);
  }
  if (base == "mma" || base == "wgmma") {
    for (StringRef part : parts)
      if (part.starts_with("m") && part.contains('n') && part.contains('k'))
        name += "." + part.str();
    for (StringRef type : {"bf16", "f16", "b1", "s8", "tf32"})
      if (llvm::is_contained(parts, type))
        return name + "." + type.str();
    return name;
  }
  if (llvm::is_contained({"cp", "vote", "shfl", "redux", "mbarrier", "griddepcontrol", "bar",
                          "ldmatrix", "fence", "movmatrix", "prefetch", "match"},
                         base)) {
    for (StringRef part : ArrayRef(parts).drop_front().take_front(base == "cp" ? 3 : 2))
      if (part != "sync" && part != "aligned" && !part.contains("::") && !typeBits(part))
        name += "." + part.str();
    return name;
  }
  bool isFloat = false;
  for (StringRef part : parts)
    isFloat |= typeBits(part) && (part[0] == 'f' || part.starts_with("bf"));
  return name + (isFloat && base != "cvt" && base != "mov" ? " f" : "");
}

static int64_t toInteger(StringRef text) {
  int64_t value = 0;
  text.ltrim().take_while(llvm::isDigit).getAsInteger(10, value);
  return value;
}

/// What follows `prefix` and is part of a name in `line`; empty if it is not
/// there.
static StringRef findName(StringRef line, StringRef name) {
  auto isPart = [](char c) { return llvm::isAlnum(c) || c == '_' || c == '$'; };
  for (size_t at = line.find(name); at != StringRef::npos; at = line.find(name, at + 1)) {
    StringRef after = line.drop_front(at + name.size());
    if ((after.empty() || !isPart(after.front())) && (at == 0 || !isPart(line[at - 1])))
      return line.substr(at, name.size());
  }
  return "";
}

namespace {
/// Reads one line after the other.
class Reader {
public:
  explicit Reader(PTXText &text) : text(text) {}
  void read(StringRef line);

private:
  void readDirective(StringRef line);
  void readInstruction(StringRef line);
  void readStatements(StringRef text);
  void finishKernel();

  PTXText &text;
  PTXKernel *kernel = nullptr;
  /// Lines up to the end of an instruction.
  std::string statements;
  /// Braces around a line: inline assembly has its own.
  int64_t depth = 0;
  unsigned file = 0, line = 0;
  /// Shared variables outside of kernels and their bytes, 0 where the launch
  /// decides; those that the kernel names are its own.
  std::map<std::string, int64_t> shared, named;
  /// The names of the kernel's instructions, and the place of each label.
  std::vector<std::string> code;
  std::map<std::string, size_t> labels;
  /// The last branch back to each label.
  std::map<std::string, size_t> branches;
};
} // namespace

void Reader::readDirective(StringRef line) {
  if (line.consume_front(".file")) {
    text.files[toInteger(line)] = line.split('"').second.split('"').first.str();
  } else if (line.consume_front(".loc")) {
    SmallVector<StringRef> numbers;
    line.trim().split(numbers, ' ', -1, false);
    file = toInteger(numbers[0]);
    this->line = numbers.size() > 1 ? toInteger(numbers[1]) : 0;
  } else if (line.contains(".shared ")) {
    StringRef name, size;
    std::tie(name, size) = line.split('[');
    name = name.rtrim().take_back(name.rtrim().size() - name.rtrim().find_last_of(" \t") - 1);
    shared[name.str()] = toInteger(size);
  } else if (!kernel) {
    return;
  } else if (line.consume_front(".maxntid")) {
    SmallVector<StringRef> sizes;
    line.split(sizes, ',');
    kernel->threads = 1;
    for (StringRef size : sizes)
      kernel->threads *= toInteger(size);
  } else if (line.consume_front(".minnctapersm")) {
    kernel->minBlocks = toInteger(line);
  } else if (line.starts_with(".param")) {
    ++kernel->parameters;
  }
}

void Reader::readInstruction(StringRef line) {
  for (const auto &[name, bytes] : shared)
    if (!findName(line, name).empty())
      named[name] = bytes;
  StringRef opcode = line;
  if (opcode.starts_with("@"))
    opcode = opcode.drop_while([](char c) { return !llvm::isSpace(c); }).ltrim();
  StringRef operands = opcode.drop_while([](char c) { return !llvm::isSpace(c); }).trim();
  opcode = opcode.take_until(llvm::isSpace);
  if (opcode.starts_with("bra") && labels.count(operands.str()))
    branches[operands.str()] = code.size();
  code.push_back(nameInstruction(opcode));
  ++kernel->mix[code.back()];
}

void Reader::readStatements(StringRef text) {
  // Inline assembly has several in a line, and braces and labels of its own.
  SmallVector<StringRef> parts;
  text.split(parts, ';');
  for (StringRef statement : parts) {
    statement = statement.ltrim("{} \t").rtrim();
    StringRef label = statement.take_until([](char c) { return c == ':' || llvm::isSpace(c); });
    StringRef after = statement.drop_front(label.size());
    if (!label.empty() && after.starts_with(":") && !after.starts_with("::")) {
      labels[label.str()] = code.size();
      statement = after.drop_front().ltrim();
    }
    if (!statement.empty() && !statement.starts_with(".") && !statement.starts_with("//"))
      readInstruction(statement);
  }
}

void Reader::finishKernel() {
  kernel->instructions = code.size();
  for (const auto &[name, bytes] : named) {
    kernel->staticShared += bytes;
    kernel->usesDynamicShared |= bytes == 0;
  }
  for (const auto &[label, end] : branches) {
    size_t begin = labels[label];
    PTXLoop loop{label, static_cast<int64_t>(end + 1 - begin), {}};
    for (const std::string &name : ArrayRef(code).slice(begin, end + 1 - begin))
      ++loop.mix[name];
    kernel->loops.push_back(std::move(loop));
  }
  kernel = nullptr;
  named.clear();
  code.clear();
  labels.clear();
  branches.clear();
}

void Reader::read(StringRef line) {
  StringRef original = line;
  line = line.trim();
  if (line.consume_front(".visible .entry")) {
    text.kernels.emplace_back();
    kernel = &text.kernels.back();
    kernel->name = line.trim().take_until([](char c) { return c == '(' || c == ' '; }).str();
    file = this->line = 0;
  } else if (line == "{" && kernel) {
    ++depth;
  } else if (line == "}" && depth) {
    if (--depth == 0)
      finishKernel();
  } else if (line.starts_with(".")) {
    readDirective(line);
  } else if (depth && !line.empty() && !line.starts_with("//")) {
    bool isLabel = line.ends_with(":");
    statements += (" " + line).str();
    if (isLabel || line.ends_with(";") || line.ends_with("}")) { // operands may go on
      readStatements(statements);
      statements.clear();
    }
    if (!isLabel || line.contains("BB"))
      kernel->lines.push_back({original.rtrim().str(), file, isLabel ? 0 : this->line});
  }
}

PTXText mlir::dashkv::readPTX(StringRef ptx) {
  PTXText text;
  Reader reader(text);
  while (!ptx.empty()) {
    StringRef line;
    std::tie(line, ptx) = ptx.split('\n');
    reader.read(line);
  }
  return text;
}

std::string PTXText::locate(unsigned file, unsigned line) const {
  auto found = files.find(file);
  if (!line || found == files.end())
    return "";
  return (llvm::sys::path::filename(found->second) + ":" + Twine(line)).str();
}
