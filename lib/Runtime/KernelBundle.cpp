//===- KernelBundle.cpp - GPU kernels and how to launch them --------------===//
#include "dashkv/Runtime/KernelBundle.h"
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

using namespace dashkv::runtime;
using nlohmann::json;

int64_t dashkv::runtime::getElementBytes(const std::string &dtype) {
  static const std::map<std::string, int64_t> bytes = {
      {"i1", 1},   {"i8", 1},  {"i16", 2}, {"i32", 4}, {"i64", 8},     {"index", 8},
      {"bf16", 2}, {"f16", 2}, {"f32", 4}, {"f64", 8}, {"f8E4M3FN", 1}};
  auto it = bytes.find(dtype);
  return it == bytes.end() ? 0 : it->second;
}

const FunctionPlan *Variant::findFunction(const std::string &name) const {
  for (const FunctionPlan &function : functions)
    if (function.name == name)
      return &function;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Chips
//===----------------------------------------------------------------------===//

namespace {
struct Chip {
  int major, minor;
  bool exact; // no forward compatibility
};
} // namespace

static std::optional<Chip> parseChip(const std::string &name) {
  if (name.compare(0, 3, "sm_") != 0)
    return std::nullopt;
  size_t end = name.find_first_not_of("0123456789", 3);
  std::string digits = name.substr(3, end == std::string::npos ? end : end - 3);
  if (digits.size() < 2 || digits.size() > 3)
    return std::nullopt;
  int number = std::stoi(digits);
  return Chip{number / 10, number % 10, end != std::string::npos};
}

bool dashkv::runtime::runsCubin(const std::string &name, int major, int minor) {
  std::optional<Chip> chip = parseChip(name);
  return chip && chip->major == major &&
         (chip->exact ? chip->minor == minor : chip->minor <= minor);
}

bool dashkv::runtime::runsPTX(const std::string &name, int major, int minor) {
  std::optional<Chip> chip = parseChip(name);
  if (!chip || chip->exact)
    return chip && chip->major == major && chip->minor == minor;
  return std::pair(chip->major, chip->minor) <= std::pair(major, minor);
}

Status KernelBundle::choose(int major, int minor, const Variant *&variant) const {
  // The latest chip is the closest one.
  std::tuple<int, int, bool> best(-1, 0, false);
  for (const Variant &candidate : variants) {
    if (!(!candidate.cubin.empty() && runsCubin(candidate.chip, major, minor)) &&
        !(!candidate.ptx.empty() && runsPTX(candidate.chip, major, minor)))
      continue;
    Chip chip = *parseChip(candidate.chip);
    std::tuple<int, int, bool> rank(chip.major, chip.minor, chip.exact);
    if (rank > best) {
      best = rank;
      variant = &candidate;
    }
  }
  if (std::get<0>(best) >= 0)
    return {};
  std::string chips;
  for (const Variant &candidate : variants)
    chips += (chips.empty() ? "" : ", ") + candidate.chip + (candidate.ptx.empty() ? "" : " (PTX)");
  return Status::error(Code::Chip, "expected a bundle with kernels for this GPU, sm_" +
                                       std::to_string(major) + std::to_string(minor) +
                                       ", but got one for " + chips);
}

//===----------------------------------------------------------------------===//
// The file
//===----------------------------------------------------------------------===//

static constexpr char kMagic[8] = {'D', 'A', 'S', 'H', 'K', 'V', '\r', '\n'};

namespace {
struct Header {
  char magic[8];
  uint32_t version, sections;
  uint64_t fileBytes, tableChecksum;
};
struct Section {
  uint64_t offset, bytes, checksum;
};
} // namespace

/// FNV-1a.
static uint64_t getChecksum(const char *data, size_t bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < bytes; ++i)
    hash = (hash ^ static_cast<unsigned char>(data[i])) * 0x100000001b3;
  return hash;
}

std::string dashkv::runtime::writeBundle(const std::vector<std::string> &sections) {
  auto align = [](uint64_t offset) { return (offset + 15) & ~uint64_t(15); };
  std::vector<Section> table;
  uint64_t end = sizeof(Header) + sections.size() * sizeof(Section);
  for (const std::string &section : sections) {
    uint64_t begin = align(end);
    table.push_back({begin, section.size(), getChecksum(section.data(), section.size())});
    end = begin + section.size();
  }
  const char *tableData = reinterpret_cast<const char *>(table.data());
  size_t tableBytes = table.size() * sizeof(Section);
  Header header = {{},
                   kBundleVersion,
                   static_cast<uint32_t>(sections.size()),
                   end,
                   getChecksum(tableData, tableBytes)};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  std::string file(reinterpret_cast<const char *>(&header), sizeof(header));
  file.append(tableData, tableBytes);
  for (size_t i = 0; i < sections.size(); ++i) {
    file.resize(table[i].offset);
    file += sections[i];
  }
  return file;
}

bool dashkv::runtime::isKernelBundle(const std::string &content) {
  return content.compare(0, sizeof(kMagic), kMagic, sizeof(kMagic)) == 0;
}

static Status damaged(const std::string &what) {
  return Status::error(Code::Bundle, "the bundle is damaged: " + what);
}

static Status readSections(const std::string &file, std::vector<std::string> &sections) {
  Header header;
  if (file.size() < sizeof(header) || !isKernelBundle(file))
    return Status::error(Code::Bundle, "expected a kernel bundle, but its first bytes differ");
  std::memcpy(&header, file.data(), sizeof(header));
  if (header.version != kBundleVersion)
    return Status::error(Code::Bundle, "expected a bundle of version " +
                                           std::to_string(kBundleVersion) + ", but got version " +
                                           std::to_string(header.version));
  if (header.fileBytes != file.size())
    return damaged("expected " + std::to_string(header.fileBytes) + " bytes, but got " +
                   std::to_string(file.size()));
  uint64_t tableBytes = header.sections * uint64_t(sizeof(Section));
  if (header.sections == 0 || tableBytes > file.size() - sizeof(header) ||
      getChecksum(file.data() + sizeof(header), tableBytes) != header.tableChecksum)
    return damaged("the checksum of its table differs");
  for (uint32_t i = 0; i < header.sections; ++i) {
    Section section;
    std::memcpy(&section, file.data() + sizeof(header) + i * sizeof(section), sizeof(section));
    if (section.offset > file.size() || section.bytes > file.size() - section.offset ||
        getChecksum(file.data() + section.offset, section.bytes) != section.checksum)
      return damaged("the checksum of section " + std::to_string(i) + " differs");
    sections.push_back(file.substr(section.offset, section.bytes));
  }
  return {};
}

//===----------------------------------------------------------------------===//
// The plan
//===----------------------------------------------------------------------===//

static std::string decodeBase64(const std::string &text) {
  static const std::string digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string data;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    if (c == '=')
      break;
    size_t digit = digits.find(c);
    if (digit == std::string::npos)
      throw std::runtime_error("a constant that is not base64");
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if ((count += 6) >= 8)
      data.push_back(static_cast<char>(bits >> (count -= 8)));
  }
  return data;
}

static ValueType readType(const std::string &name) {
  static const std::map<std::string, ValueType> types = {
      {"i1", ValueType::I1},   {"i8", ValueType::I8},   {"i16", ValueType::I16},
      {"i32", ValueType::I32}, {"i64", ValueType::I64}, {"index", ValueType::I64},
      {"f32", ValueType::F32}};
  auto it = types.find(name);
  if (it == types.end())
    throw std::runtime_error("unknown type " + name);
  return it->second;
}

/// Names as those of arith, `cmp_` before the predicates of comparisons.
static HostValue::Op readOp(const std::string &name, size_t &numOperands) {
  using Op = HostValue;
  static const std::map<std::string, std::pair<HostValue::Op, size_t>> ops = {
      {"constant", {Op::Constant, 0}},
      {"dim", {Op::Dim, 2}},
      {"multiprocessors", {Op::Multiprocessors, 0}},
      {"addi", {Op::Add, 2}},
      {"subi", {Op::Sub, 2}},
      {"muli", {Op::Mul, 2}},
      {"divui", {Op::DivU, 2}},
      {"divsi", {Op::DivS, 2}},
      {"ceildivui", {Op::CeilDivU, 2}},
      {"ceildivsi", {Op::CeilDivS, 2}},
      {"floordivsi", {Op::FloorDivS, 2}},
      {"remui", {Op::RemU, 2}},
      {"remsi", {Op::RemS, 2}},
      {"minui", {Op::MinU, 2}},
      {"minsi", {Op::MinS, 2}},
      {"maxui", {Op::MaxU, 2}},
      {"maxsi", {Op::MaxS, 2}},
      {"andi", {Op::And, 2}},
      {"ori", {Op::Or, 2}},
      {"xori", {Op::Xor, 2}},
      {"shli", {Op::ShiftLeft, 2}},
      {"shrui", {Op::ShiftRightU, 2}},
      {"shrsi", {Op::ShiftRightS, 2}},
      {"cmp_eq", {Op::Eq, 2}},
      {"cmp_ne", {Op::Ne, 2}},
      {"cmp_ult", {Op::LtU, 2}},
      {"cmp_slt", {Op::LtS, 2}},
      {"cmp_ule", {Op::LeU, 2}},
      {"cmp_sle", {Op::LeS, 2}},
      {"cmp_ugt", {Op::GtU, 2}},
      {"cmp_sgt", {Op::GtS, 2}},
      {"cmp_uge", {Op::GeU, 2}},
      {"cmp_sge", {Op::GeS, 2}},
      {"select", {Op::Select, 3}},
      {"extui", {Op::ExtendU, 1}},
      {"extsi", {Op::ExtendS, 1}},
      {"addf", {Op::AddF, 2}},
      {"subf", {Op::SubF, 2}},
      {"mulf", {Op::MulF, 2}},
      {"divf", {Op::DivF, 2}},
      {"uitofp", {Op::FromU, 1}},
      {"sitofp", {Op::FromS, 1}}};
  auto it = ops.find(name);
  if (it == ops.end())
    throw std::runtime_error("unknown op " + name);
  numOperands = it->second.second;
  return it->second.first;
}

namespace {
/// Reads the plan of one function. What refers to nothing throws, as the JSON
/// library does.
struct FunctionReader {
  FunctionPlan &function;
  const std::vector<Kernel> &kernels;

  static int checkIndex(const json &value, size_t count, const char *what) {
    int64_t index = value.get<int64_t>();
    if (index < 0 || static_cast<size_t>(index) >= count)
      throw std::runtime_error(std::string("no such ") + what);
    return static_cast<int>(index);
  }
  int readValue(const json &value) const {
    return checkIndex(value, function.values.size(), "value");
  }
  int readValue(const json &object, const char *key) const {
    return object.contains(key) ? readValue(object[key]) : -1;
  }

  static Tensor readTensor(const json &object) {
    Tensor tensor;
    tensor.dtype = object.at("dtype");
    tensor.role = object.value("role", "");
    for (const json &size : object.at("shape"))
      tensor.shape.push_back(size.get<int64_t>());
    if (!getElementBytes(tensor.dtype))
      throw std::runtime_error("unknown element type " + tensor.dtype);
    return tensor;
  }

  HostValue readHostValue(const json &object) const {
    HostValue value;
    size_t numOperands;
    value.op = readOp(object.at("op"), numOperands);
    value.type = readType(object.at("type"));
    if (value.op == HostValue::Constant)
      value.constant = object.at("value");
    else if (value.op == HostValue::Dim) {
      int argument = checkIndex(object.at("argument"), function.arguments.size(), "argument");
      const Tensor &tensor = function.arguments[argument];
      value.operands = {argument, checkIndex(object.at("dim"), tensor.shape.size(), "dim")};
    } else if (numOperands) {
      for (const json &operand : object.at("operands"))
        value.operands.push_back(readValue(operand)); // earlier ones: no cycles
      if (value.operands.size() != numOperands)
        throw std::runtime_error("an op with another number of operands");
    }
    return value;
  }

  Buffer readBuffer(const json &object) const {
    Buffer buffer;
    auto readEarlier = [&](const char *key) {
      return checkIndex(object.at(key), function.buffers.size(), "buffer");
    };
    if (object.contains("argument")) {
      buffer.kind = Buffer::Argument;
      buffer.index = checkIndex(object["argument"], function.arguments.size(), "argument");
    } else if (object.contains("condition")) {
      buffer.kind = Buffer::Select;
      buffer.index = readValue(object["condition"]);
      buffer.then = readEarlier("then");
      buffer.otherwise = readEarlier("else");
    } else {
      buffer.bytes = readValue(object.at("bytes"));
      if (object.contains("result")) {
        buffer.kind = Buffer::Result;
        buffer.index = checkIndex(object["result"], function.results.size(), "result");
      }
      if (object.contains("init"))
        buffer.init = static_cast<uint8_t>(object["init"].get<int>());
      if (object.contains("data"))
        buffer.data = decodeBase64(object["data"].get<std::string>());
    }
    return buffer;
  }

  Address readAddress(const json &object) const {
    return {checkIndex(object.at("buffer"), function.buffers.size(), "buffer"),
            readValue(object, "offset")};
  }

  std::vector<Step> readSteps(const json &list) const {
    std::vector<Step> steps;
    for (const json &object : list)
      steps.push_back(readStep(object));
    return steps;
  }

  Step readStep(const json &object) const {
    Step step;
    std::string kind = object.at("step");
    if (kind == "launch") {
      step.kind = Step::Launch;
      std::string name = object.at("kernel");
      for (; step.kernel < static_cast<int>(kernels.size()); ++step.kernel)
        if (kernels[step.kernel].name == name)
          break;
      if (step.kernel == static_cast<int>(kernels.size()))
        throw std::runtime_error("no kernel " + name);
      for (int i = 0; i < 3; ++i) {
        step.grid[i] = readValue(object.at("grid").at(i));
        step.block[i] = readValue(object.at("block").at(i));
      }
      step.sharedBytes = readValue(object, "shared");
      const std::vector<Parameter> &parameters = kernels[step.kernel].parameters;
      for (const json &operand : object.at("operands")) {
        bool isPointer = operand.contains("buffer");
        if (step.operands.size() == parameters.size() ||
            isPointer != parameters[step.operands.size()].isPointer)
          throw std::runtime_error("operands of another kernel than " + name);
        step.operands.push_back(isPointer ? Step::Operand{readAddress(operand), -1}
                                          : Step::Operand{{}, readValue(operand.at("value"))});
      }
      if (step.operands.size() != parameters.size())
        throw std::runtime_error("operands of another kernel than " + name);
    } else if (kind == "copy") {
      step.kind = Step::Copy;
      step.from = readAddress(object.at("from"));
      step.to = readAddress(object.at("to"));
      step.bytes = readValue(object.at("bytes"));
    } else if (kind == "if") {
      step.kind = Step::If;
      step.condition = readValue(object.at("condition"));
      step.then = readSteps(object.at("then"));
      step.otherwise = readSteps(object.at("else"));
    } else if (kind == "check") {
      step.kind = Step::Check;
      step.condition = readValue(object.at("condition"));
      step.message = object.at("message");
    } else {
      throw std::runtime_error("unknown step " + kind);
    }
    return step;
  }

  void read(const json &object) {
    function.name = object.at("name");
    for (const json &argument : object.at("arguments"))
      function.arguments.push_back(readTensor(argument));
    for (const json &value : object.at("values"))
      function.values.push_back(readHostValue(value));
    for (const json &result : object.at("results")) {
      if (result.contains("argument")) {
        int alias = checkIndex(result["argument"], function.arguments.size(), "argument");
        function.results.push_back(function.arguments[alias]);
        function.results.back().role.clear();
        function.results.back().alias = alias;
        continue;
      }
      function.results.push_back(readTensor(result));
      for (int64_t size : function.results.back().shape)
        readValue(size);
    }
    for (const json &buffer : object.at("buffers"))
      function.buffers.push_back(readBuffer(buffer));
    function.steps = readSteps(object.at("steps"));
  }
};
} // namespace

static Kernel readKernel(const json &object) {
  Kernel kernel;
  kernel.name = object.at("name");
  kernel.resident = object.value("resident", false);
  kernel.overlaps = object.value("pdl", false);
  for (const json &parameter : object.at("parameters"))
    kernel.parameters.push_back({parameter.at("type") == "ptr", parameter.value("align", 1u)});
  return kernel;
}

Status KernelBundle::read(const std::string &content, KernelBundle &bundle) {
  std::vector<std::string> sections;
  Status status = readSections(content, sections);
  if (!status.ok())
    return status;
  KernelBundle result;
  try {
    json root = json::parse(sections[0]);
    for (const json &object : root.at("variants")) {
      Variant &variant = result.variants.emplace_back();
      variant.chip = object.at("chip");
      variant.ptxVersion = object.at("ptx_version");
      if (!parseChip(variant.chip))
        throw std::runtime_error("unknown chip " + variant.chip);
      for (const json &kernel : object.at("kernels"))
        variant.kernels.push_back(readKernel(kernel));
      for (const json &function : object.at("functions"))
        FunctionReader{variant.functions.emplace_back(), variant.kernels}.read(function);
      for (auto [key, code] : {std::pair("ptx", &variant.ptx), {"cubin", &variant.cubin}})
        if (object.contains(key))
          *code = sections[FunctionReader::checkIndex(object[key], sections.size(), "section")];
    }
  } catch (const std::exception &error) {
    return damaged(error.what());
  }
  if (result.variants.empty())
    return damaged("it has no kernels");
  bundle = std::move(result);
  return {};
}

Status KernelBundle::readFile(const std::string &path, KernelBundle &bundle) {
  std::ifstream file(path, std::ios::binary);
  std::string content(std::istreambuf_iterator<char>(file), {});
  if (!file)
    return Status::error(Code::Bundle, "cannot read " + path);
  Status status = read(content, bundle);
  if (!status.ok())
    status.message = path + ": " + status.message;
  return status;
}
