//===- PTXParser.cpp - PTX text to kernels --------------------------------===//
#include "PTXModule.h"
#include <algorithm>
#include <cstdlib>
#include <initializer_list>

using namespace ptx;

namespace {
std::string_view trim(std::string_view s) {
  size_t begin = s.find_first_not_of(" \t\r");
  if (begin == s.npos)
    return {};
  return s.substr(begin, s.find_last_not_of(" \t\r") + 1 - begin);
}
bool consume(std::string_view &s, std::string_view prefix) {
  if (s.substr(0, prefix.size()) != prefix)
    return false;
  s = trim(s.substr(prefix.size()));
  return true;
}
/// Splits at `separator` outside of brackets.
std::vector<std::string_view> split(std::string_view s, char separator) {
  std::vector<std::string_view> parts;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= s.size(); ++i) {
    if (i < s.size() && (s[i] == '{' || s[i] == '['))
      ++depth;
    if (i < s.size() && (s[i] == '}' || s[i] == ']'))
      --depth;
    if (i == s.size() || (s[i] == separator && !depth)) {
      if (std::string_view part = trim(s.substr(begin, i - begin)); !part.empty())
        parts.push_back(part);
      begin = i + 1;
    }
  }
  return parts;
}
bool parseInteger(std::string_view s, int64_t &value) {
  char *end;
  if (!s.empty() && s.back() == 'U')
    s.remove_suffix(1);
  std::string text(s);
  bool negative = !text.empty() && text[0] == '-';
  value = negative ? std::strtoll(text.c_str(), &end, 0)
                   : static_cast<int64_t>(std::strtoull(text.c_str(), &end, 0));
  return !text.empty() && !*end;
}
bool parseType(std::string_view s, Type &type) {
  if (s == "pred") {
    type = {'p', 1};
    return true;
  }
  int64_t bits;
  if (s.size() < 2 || std::string_view("bus").find(s[0]) == s.npos ||
      !parseInteger(s.substr(1), bits) || (bits != 8 && bits != 16 && bits != 32 && bits != 64))
    return false;
  type = {s[0], static_cast<unsigned>(bits)};
  return true;
}

class Parser {
public:
  Parser(std::string_view text) : text(text) {}
  bool run(std::map<std::string, std::unique_ptr<Kernel>> &kernels);
  std::string error;
  int line = 0;

private:
  bool fail(std::string_view message, std::string_view what) {
    error = "line " + std::to_string(line) + ": " + std::string(message) + " '" +
            std::string(what) + "'";
    return false;
  }
  bool directive(std::string_view s);
  bool instruction(std::string_view s);
  bool decode(std::string_view name, Instruction &inst);
  bool operands(std::string_view s, Instruction &inst);
  bool operand(std::string_view s, Operand &result);
  bool address(std::string_view s, Instruction &inst);
  bool sharedVariable(std::string_view s);

  std::string_view text;
  std::unique_ptr<Kernel> kernel;
  std::string kernelName;
  std::map<std::string, SharedVariable> moduleShared;
  uint64_t moduleSharedEnd = 256;
  std::map<std::string, int> labels;
  std::vector<std::pair<size_t, std::string>> branches;
};
} // namespace

bool Parser::run(std::map<std::string, std::unique_ptr<Kernel>> &kernels) {
  bool inBody = false;
  while (!text.empty()) {
    ++line;
    size_t end = text.find('\n');
    std::string_view s = text.substr(0, end);
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
    s = trim(s.substr(0, s.find("//")));
    if (s.empty() || s == ")")
      continue;
    if (s == "{") {
      inBody = true;
    } else if (s == "}") {
      for (auto &[index, label] : branches) {
        auto found = labels.find(label);
        if (found == labels.end())
          return fail("unknown label", label);
        kernel->code[index].target = found->second;
      }
      kernels[kernelName] = std::move(kernel);
      labels.clear();
      branches.clear();
      inBody = false;
    } else if (s[0] == '.') {
      if (!directive(s))
        return false;
    } else if (!inBody) {
      return fail("unknown statement", s);
    } else if (s.back() == ':') {
      labels[std::string(s.substr(0, s.size() - 1))] = kernel->code.size();
    } else if (!instruction(s)) {
      return false;
    }
  }
  return true;
}

bool Parser::directive(std::string_view s) {
  std::string_view whole = s;
  if (s.back() == ';' || s.back() == ',')
    s.remove_suffix(1);
  if (consume(s, ".version") || consume(s, ".target") || consume(s, ".address_size") ||
      consume(s, ".minnctapersm") || consume(s, ".pragma"))
    return true;
  if (consume(s, ".visible .entry")) {
    kernelName = std::string(trim(s.substr(0, s.find('('))));
    kernel = std::make_unique<Kernel>();
    kernel->shared = moduleShared;
    kernel->sharedEnd = moduleSharedEnd;
    return true;
  }
  if (consume(s, ".maxntid")) {
    kernel->maxThreads = 1;
    for (std::string_view part : split(s, ',')) {
      int64_t value;
      if (!parseInteger(part, value))
        return fail("unknown directive", whole);
      kernel->maxThreads *= value;
    }
    return true;
  }
  if (consume(s, ".param")) {
    std::vector<std::string_view> words = split(s, ' ');
    Type type;
    if (!kernel || words.empty() || !parseType(words[0].substr(1), type))
      return fail("unknown parameter", whole);
    unsigned size = type.bits / 8, offset = 0;
    if (!kernel->parameterOrder.empty())
      offset = kernel->parameterOrder.back().offset + kernel->parameterOrder.back().size;
    Parameter parameter{(offset + size - 1) / size * size, size};
    kernel->parameters[std::string(words.back())] = parameter;
    kernel->parameterOrder.push_back(parameter);
    return true;
  }
  if (consume(s, ".reg")) {
    std::vector<std::string_view> words;
    for (std::string_view tab : split(s, '\t'))
      for (std::string_view word : split(tab, ' '))
        words.push_back(word);
    Type type;
    size_t open = words.size() == 2 ? words[1].find('<') : s.npos;
    int64_t count;
    if (open == s.npos || !parseType(words[0].substr(1), type) ||
        !parseInteger(words[1].substr(open + 1, words[1].size() - open - 2), count))
      return fail("unknown registers", whole);
    for (int64_t i = 0; i < count; ++i) {
      std::string name = std::string(words[1].substr(0, open)) + std::to_string(i);
      kernel->registers[name] = kernel->registerBits.size();
      kernel->registerBits.push_back(type.bits);
    }
    return true;
  }
  if (consume(s, ".shared"))
    return sharedVariable(s);
  return fail("unknown directive", whole);
}

/// `.align 16 .b8 name[516]` or `.align 16 .u32 name`
bool Parser::sharedVariable(std::string_view s) {
  std::vector<std::string_view> words = split(s, ' ');
  int64_t align, size = 1;
  Type type;
  if (words.size() != 4 || words[0] != ".align" || !parseInteger(words[1], align) ||
      !parseType(words[2].substr(1), type))
    return fail("unknown shared variable", s);
  size_t open = words[3].find('[');
  if (open != s.npos && !parseInteger(words[3].substr(open + 1, words[3].size() - open - 2), size))
    return fail("unknown shared variable", s);
  uint64_t &end = kernel ? kernel->sharedEnd : moduleSharedEnd;
  // A gap after each, so that no overrun meets the next one.
  uint64_t base = (end + 64 + align - 1) / align * align;
  SharedVariable variable{base, static_cast<uint64_t>(size) * type.bits / 8};
  (kernel ? kernel->shared : moduleShared)[std::string(words[3].substr(0, open))] = variable;
  end = variable.base + variable.size;
  return true;
}

bool Parser::operand(std::string_view s, Operand &result) {
  static const std::map<std::string_view, Special> specials = {
      {"%tid.x", Special::TidX},     {"%tid.y", Special::TidY},     {"%tid.z", Special::TidZ},
      {"%ntid.x", Special::NTidX},   {"%ntid.y", Special::NTidY},   {"%ntid.z", Special::NTidZ},
      {"%ctaid.x", Special::CtaX},   {"%ctaid.y", Special::CtaY},   {"%ctaid.z", Special::CtaZ},
      {"%nctaid.x", Special::NCtaX}, {"%nctaid.y", Special::NCtaY}, {"%nctaid.z", Special::NCtaZ}};
  if (auto special = specials.find(s); special != specials.end()) {
    result.kind = Operand::SpecialRegister;
    result.value = static_cast<int64_t>(special->second);
    return true;
  }
  if (s[0] == '%') {
    auto reg = kernel->registers.find(std::string(s));
    if (reg == kernel->registers.end())
      return fail("unknown register", s);
    result.kind = Operand::Register;
    result.reg = reg->second;
    return true;
  }
  result.kind = Operand::Immediate;
  if (auto variable = kernel->shared.find(std::string(s)); variable != kernel->shared.end()) {
    result.value = variable->second.base;
    return true;
  }
  if (!parseInteger(s, result.value))
    return fail("unknown operand", s);
  return true;
}

/// `[%rd1+16]`, `[name+4]` or `[name]` of shared memory, `[name]` of a parameter.
bool Parser::address(std::string_view s, Instruction &inst) {
  if (s.front() != '[' || s.back() != ']')
    return fail("expected an address, but got", s);
  s = s.substr(1, s.size() - 2);
  int64_t offset = 0;
  if (size_t plus = s.find('+'); plus != s.npos) {
    if (!parseInteger(s.substr(plus + 1), offset))
      return fail("unknown offset", s);
    s = s.substr(0, plus);
  }
  if (inst.opcode == Opcode::LdParam) {
    auto parameter = kernel->parameters.find(std::string(s));
    if (parameter == kernel->parameters.end())
      return fail("unknown parameter", s);
    inst.address.value = parameter->second.offset + offset;
    return true;
  }
  Operand base;
  if (!operand(s, base))
    return false;
  if (base.kind == Operand::Register)
    inst.address.reg = base.reg;
  inst.address.value = base.value + offset;
  return true;
}

bool Parser::decode(std::string_view name, Instruction &inst) {
  std::vector<std::string_view> parts = split(name, '.');
  std::string_view root = parts[0];
  // Suffixes that choose among what is done; every other one must be known.
  std::vector<std::string_view> rest(parts.begin() + 1, parts.end());
  auto take = [&](std::string_view suffix) {
    auto found = std::find(rest.begin(), rest.end(), suffix);
    if (found == rest.end())
      return false;
    rest.erase(found);
    return true;
  };
  auto takeFirst = [&](std::initializer_list<std::string_view> choices) {
    if (rest.empty() || std::find(choices.begin(), choices.end(), rest[0]) == choices.end())
      return false;
    inst.op = std::string(rest[0]);
    rest.erase(rest.begin());
    return true;
  };
  auto takeType = [&](Type &type) {
    if (rest.empty() || !parseType(rest[0], type))
      return false;
    rest.erase(rest.begin());
    return true;
  };

  static const std::map<std::string_view, Opcode> plain = {
      {"mov", Opcode::Mov}, {"add", Opcode::Add},   {"sub", Opcode::Sub},   {"and", Opcode::And},
      {"or", Opcode::Or},   {"xor", Opcode::Xor},   {"not", Opcode::Not},   {"neg", Opcode::Neg},
      {"shl", Opcode::Shl}, {"shr", Opcode::Shr},   {"popc", Opcode::Popc}, {"clz", Opcode::Clz},
      {"bfe", Opcode::Bfe}, {"prmt", Opcode::Prmt}, {"selp", Opcode::Selp}};
  bool known = false;
  if (auto found = plain.find(root); found != plain.end()) {
    inst.opcode = found->second;
    known = takeType(inst.type);
  } else if (root == "min" || root == "max") {
    inst.opcode = root == "min" ? Opcode::Min : Opcode::Max;
    inst.relu = take("relu");
    known = takeType(inst.type);
  } else if (root == "mul" || root == "mad") {
    bool wide = take("wide");
    inst.opcode = root == "mul" ? wide ? Opcode::MulWide : Opcode::MulLo
                  : wide        ? Opcode::MadWide
                                : Opcode::MadLo;
    known = (wide || take("lo")) && takeType(inst.type);
  } else if (root == "setp") {
    inst.opcode = Opcode::Setp;
    known = takeFirst({"eq", "ne", "lt", "le", "gt", "ge"}) && takeType(inst.type);
  } else if (root == "cvt") {
    inst.opcode = Opcode::Cvt;
    known = takeType(inst.type) && takeType(inst.sourceType);
  } else if (root == "cvta") {
    inst.opcode = Opcode::Cvta;
    known = take("to") && take("global") && takeType(inst.type);
  } else if (root == "ld" || root == "st") {
    inst.opcode = root == "st" ? Opcode::St : take("param") ? Opcode::LdParam : Opcode::Ld;
    if (inst.opcode == Opcode::LdParam || take("global"))
      inst.space = Space::Global;
    else if (take("shared"))
      inst.space = Space::Shared;
    else
      return fail("unknown instruction", name);
    if (inst.opcode == Opcode::Ld && inst.space == Space::Global && take("nc"))
      inst.op = "nc";         // constant for the whole kernel
    take("v2") || take("v4"); // the operands tell
    known = takeType(inst.type);
  } else if (root == "atom") {
    inst.opcode = Opcode::Atom;
    inst.space = take("shared") ? Space::Shared : Space::Global;
    known = (inst.space == Space::Shared || take("global")) && takeFirst({"add", "or"}) &&
            takeType(inst.type);
  } else if (root == "bar") {
    inst.opcode = Opcode::Bar;
    known = take("sync");
  } else if (root == "vote") {
    inst.opcode = Opcode::Vote;
    known = take("sync") && take("ballot") && takeType(inst.type);
  } else if (root == "redux") {
    inst.opcode = Opcode::Redux;
    known = take("sync") && takeFirst({"add", "or"}) && takeType(inst.type);
  } else if (root == "bra") {
    inst.opcode = Opcode::Bra;
    take("uni");
    known = true;
  } else if (root == "ret") {
    inst.opcode = Opcode::Ret;
    known = true;
  }
  if (!known || !rest.empty())
    return fail("unknown instruction", name);
  return true;
}

bool Parser::operands(std::string_view s, Instruction &inst) {
  std::vector<std::string_view> parts = split(s, ',');
  auto list = [&](std::string_view part, std::vector<Operand> &result) {
    std::vector<std::string_view> elements{part};
    if (part.front() == '{')
      elements = split(part.substr(1, part.size() - 2), ',');
    for (std::string_view element : elements)
      if (!operand(element, result.emplace_back()))
        return false;
    return true;
  };
  auto expect = [&](size_t count) { return parts.size() == count || fail("unknown operands", s); };
  switch (inst.opcode) {
  case Opcode::Bra:
    if (!expect(1))
      return false;
    branches.emplace_back(kernel->code.size(), std::string(parts[0]));
    return true;
  case Opcode::Ret:
    return expect(0);
  case Opcode::Bar:
    return expect(1) && list(parts[0], inst.src);
  case Opcode::LdParam:
  case Opcode::Ld:
    return expect(2) && list(parts[0], inst.dst) && address(parts[1], inst);
  case Opcode::St:
    return expect(2) && address(parts[0], inst) && list(parts[1], inst.src);
  case Opcode::Atom:
    return expect(3) && list(parts[0], inst.dst) && address(parts[1], inst) &&
           list(parts[2], inst.src);
  default:
    break;
  }
  static const std::map<Opcode, size_t> sources = {
      {Opcode::Mov, 1},  {Opcode::Not, 1},  {Opcode::Neg, 1},   {Opcode::Popc, 1},
      {Opcode::Clz, 1},  {Opcode::Cvt, 1},  {Opcode::Cvta, 1},  {Opcode::Bfe, 3},
      {Opcode::Prmt, 3}, {Opcode::Selp, 3}, {Opcode::MadLo, 3}, {Opcode::MadWide, 3}};
  auto found = sources.find(inst.opcode);
  size_t count = found == sources.end() ? 2 : found->second;
  if (!expect(1 + count) || !list(parts[0], inst.dst))
    return false;
  for (size_t i = 1; i < parts.size(); ++i)
    if (!list(parts[i], inst.src))
      return false;
  return inst.src.size() == count || fail("unknown operands", s);
}

bool Parser::instruction(std::string_view s) {
  Instruction inst;
  inst.line = line;
  if (s.back() == ';')
    s.remove_suffix(1);
  if (consume(s, "@")) {
    inst.negated = consume(s, "!");
    size_t end = s.find(' ');
    Operand guard;
    if (!operand(s.substr(0, end), guard))
      return false;
    inst.predicate = guard.reg;
    s = trim(s.substr(end));
  }
  size_t end = s.find_first_of(" \t");
  inst.name = std::string(s.substr(0, end));
  std::string_view rest = end == s.npos ? std::string_view() : trim(s.substr(end));
  if (!decode(inst.name, inst) || !operands(rest, inst))
    return false;
  kernel->code.push_back(std::move(inst));
  return true;
}

bool ptx::parseModule(std::string_view text,
                      std::map<std::string, std::unique_ptr<Kernel>> &kernels, std::string &error) {
  Parser parser(text);
  bool ok = parser.run(kernels);
  error = parser.error;
  return ok;
}
