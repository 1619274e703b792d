//===- PTXParser.cpp - PTX text to kernels --------------------------------===//
#include "PTXDecoder.h"
#include <algorithm>
#include <cstring>

using namespace ptx;

static std::string dropComments(std::string_view text);

namespace {
/// Names of a `{ }` in a kernel: inline assembly has its own.
struct Scope {
  Scope *parent;
  std::map<std::string, int, std::less<>> registers;
  std::map<std::string, int, std::less<>> labels;
};

class Parser : public Names {
public:
  Parser(std::string_view text, Module &module, PlaceGlobal place, void *context)
      : owned(dropComments(text)), text(owned), module(module), place(place), context(context) {}
  bool run();
  std::string error;

  bool resolve(std::string_view name, unsigned bits, Slot &slot) override;
  const Parameter *findParameter(std::string_view name) override;
  void branchTo(std::string_view label, bool table) override;

private:
  bool fail(std::string_view message, std::string_view what);
  void skipSpace();
  std::string_view takeUntil(const char *ends);
  bool statement();
  bool directive(std::string_view s);
  bool entry(std::string_view s);
  bool parameters(std::string_view s);
  bool registers(std::string_view s);
  bool sharedVariable(std::string_view s);
  bool globalVariable(std::string_view s, bool constant);
  bool instruction(std::string_view s);
  bool finishKernel();
  int addRegister(std::string name, unsigned bits);
  int addConstant(Special special, uint64_t value, unsigned bits);

  std::string owned;
  std::string_view text;
  size_t position = 0;
  int line = 1, statementLine = 1;
  Module &module;
  PlaceGlobal place;
  void *context;
  std::unique_ptr<Kernel> kernel;
  std::vector<Variable> moduleShared;
  uint64_t moduleSharedEnd = 1024, moduleStatic = 0;
  std::vector<std::unique_ptr<Scope>> scopes; ///< of the kernel, finished ones too
  Scope *scope = nullptr;
  struct Fixup {
    size_t index;
    Scope *scope;
    std::string label;
    int line;
    bool table;
  };
  std::vector<Fixup> fixups;
  std::map<std::string, std::vector<std::string>, std::less<>> tables; ///< `.branchtargets`
  std::map<std::pair<uint64_t, int>, int> constants;
};
} // namespace

bool Parser::fail(std::string_view message, std::string_view what) {
  if (error.empty())
    error = "line " + std::to_string(statementLine) + ": " + std::string(message) + " '" +
            std::string(what) + "'";
  return false;
}

void Parser::skipSpace() {
  for (; position < text.size(); ++position) {
    char c = text[position];
    if (c == '\n')
      ++line;
    else if (c != ' ' && c != '\t' && c != '\r' && c != ';')
      break;
  }
}

/// Blanks in the place of comments.
static std::string dropComments(std::string_view text) {
  std::string result(text);
  for (size_t i = 0; i + 1 < result.size(); ++i) {
    if (result[i] != '/' || (result[i + 1] != '/' && result[i + 1] != '*'))
      continue;
    bool isLine = result[i + 1] == '/';
    size_t end = isLine ? text.find('\n', i) : text.find("*/", i + 2) + 2;
    for (end = std::min(end, text.size()); i < end; ++i)
      if (result[i] != '\n')
        result[i] = ' ';
  }
  return result;
}

/// Up to one of `ends`, which goes too.
std::string_view Parser::takeUntil(const char *ends) {
  size_t begin = position;
  while (position < text.size() && !std::strchr(ends, text[position])) {
    if (text[position] == '\n')
      ++line;
    ++position;
  }
  std::string_view s = text.substr(begin, position - begin);
  if (position < text.size())
    position += text[position] != '\n';
  return trim(s);
}

bool Parser::run() {
  while (true) {
    skipSpace();
    if (position >= text.size())
      return !kernel || fail("expected the end of", kernel->name);
    statementLine = line;
    if (!statement())
      return false;
  }
}

bool Parser::statement() {
  char c = text[position];
  if (c == '{' && kernel) {
    ++position;
    scopes.push_back(std::make_unique<Scope>(Scope{scope, {}, {}}));
    scope = scopes.back().get();
    return true;
  }
  if (c == '}' && scope) {
    ++position;
    scope = scope->parent;
    return scope || finishKernel();
  }
  std::string_view rest = text.substr(position);
  auto startsWith = [&](std::string_view s) { return rest.substr(0, s.size()) == s; };
  // These end with their line.
  for (std::string_view word : {".version", ".target", ".address_size", ".loc ", ".loc\t", ".file"})
    if (startsWith(word)) {
      std::string_view s = takeUntil("\n");
      if (word == ".version" && s.size() > 11)
        module.version = 10 * (s[9] - '0') + (s[11] - '0');
      if (word == ".target")
        module.target = trim(s.substr(7, s.find_first_of(",/") - 7));
      return true;
    }
  if (startsWith(".section")) {
    takeUntil("}");
    return true;
  }
  if (!scope && (startsWith(".visible") || startsWith(".weak") || startsWith(".entry") ||
                 startsWith(".func"))) {
    size_t end = rest.find_first_of("(;{=");
    if (end != rest.npos && rest[end] == '(')
      return entry(takeUntil("("));
  }
  if (!scope && kernel) { // directives between the parameters and the body
    std::string_view s = takeUntil("{\n;");
    if (text[position - 1] == '{')
      --position;
    return directive(s);
  }
  // A label?
  size_t end =
      rest.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_$%.");
  if (end && end != rest.npos && rest[end] == ':' && rest[end + 1] != ':') {
    std::string label(rest.substr(0, end));
    position += end + 1;
    if (!scope)
      return fail("unknown statement", label);
    skipSpace();
    if (text.substr(position, 14) == ".branchtargets") {
      for (std::string_view target : split(takeUntil(";").substr(14), ','))
        tables[label].emplace_back(target);
      return true;
    }
    scope->labels[label] = kernel->code.size();
    return true;
  }
  if (c == '.' && rest.find('{') < rest.find(';')) { // an initializer
    size_t close = position + rest.find('}');
    size_t begin = position;
    line += std::count(text.begin() + begin, text.begin() + close, '\n');
    position = close + 1;
    return directive(text.substr(begin, close + 1 - begin));
  }
  std::string_view s = takeUntil(";");
  return c == '.' ? directive(s) : scope ? instruction(s) : fail("unknown statement", s);
}

static bool consume(std::string_view &s, std::string_view prefix) {
  if (s.substr(0, prefix.size()) != prefix)
    return false;
  s = trim(s.substr(prefix.size()));
  return true;
}

bool Parser::directive(std::string_view s) {
  std::string_view whole = s;
  if (s.empty() || s == ")" || consume(s, ".pragma") || consume(s, ".maxnreg") ||
      consume(s, ".explicitcluster") || consume(s, ".alias") || consume(s, ".maxclusterrank"))
    return true;
  bool isExtern = consume(s, ".extern");
  consume(s, ".visible") || consume(s, ".weak");
  bool exact = s.substr(0, 8) == ".reqntid";
  if (kernel && (consume(s, ".maxntid") || consume(s, ".reqntid"))) {
    kernel->maxThreads = 1;
    kernel->exactThreads = exact;
    for (std::string_view part : split(s, ',')) {
      int64_t value;
      if (!parseInteger(part, value))
        return fail("unknown directive", whole);
      kernel->maxThreads *= value;
    }
    return true;
  }
  if (kernel && consume(s, ".minnctapersm")) {
    int64_t value;
    if (!parseInteger(s, value))
      return fail("unknown directive", whole);
    kernel->minBlocks = value;
    return true;
  }
  if (kernel && consume(s, ".reqnctapercluster")) {
    unsigned i = 0;
    for (std::string_view part : split(s, ',')) {
      int64_t value;
      if (i == 3 || !parseInteger(part, value))
        return fail("unknown directive", whole);
      kernel->cluster[i++] = value;
    }
    return true;
  }
  if (scope && consume(s, ".reg"))
    return registers(s) || fail("unknown registers", whole);
  if (consume(s, ".shared"))
    return sharedVariable(s) || fail("unknown shared variable", whole);
  if (!isExtern && !kernel) {
    bool constant = s.substr(0, 6) == ".const";
    if (consume(s, ".const") || consume(s, ".global"))
      return globalVariable(s, constant) || fail("unknown variable", whole);
  }
  return fail("unknown directive", whole);
}

bool Parser::entry(std::string_view s) {
  std::string_view whole = s;
  consume(s, ".visible") || consume(s, ".weak");
  if (!consume(s, ".entry"))
    return fail("unknown directive", whole);
  kernel = std::make_unique<Kernel>();
  kernel->name = s;
  kernel->shared = moduleShared;
  kernel->sharedEnd = moduleSharedEnd;
  kernel->staticShared = moduleStatic;
  std::string_view list = takeUntil(")");
  return parameters(list);
}

/// `.param .u64 .ptr .global .align 16 name, .param .align 8 .b8 name[96]`
bool Parser::parameters(std::string_view s) {
  for (std::string_view part : split(s, ',')) {
    std::string flat(part);
    std::replace(flat.begin(), flat.end(), '\t', ' ');
    std::replace(flat.begin(), flat.end(), '\n', ' ');
    std::vector<std::string_view> words = split(flat, ' ');
    Type type;
    int64_t align = 0, count = 1;
    bool isPointer = false;
    for (size_t i = 0; i + 1 < words.size(); ++i) {
      if (words[i] == ".ptr")
        isPointer = true;
      if (words[i] == ".align" && !isPointer && !parseInteger(words[i + 1], align))
        return fail("unknown parameter", part);
      if (!type.bits)
        parseType(words[i].substr(1), type);
    }
    std::string_view name = words.empty() ? std::string_view() : words.back();
    if (size_t open = name.find('['); open != name.npos) {
      if (!parseInteger(name.substr(open + 1, name.size() - open - 2), count))
        return fail("unknown parameter", part);
      name = name.substr(0, open);
    }
    if (!type.bits || words[0] != ".param")
      return fail("unknown parameter", part);
    unsigned size = type.bits / 8, offset = kernel->parameterBytes();
    unsigned to = std::max<unsigned>(align, size);
    Parameter parameter{(offset + to - 1) / to * to, static_cast<unsigned>(size * count)};
    kernel->parameters[std::string(name)] = parameter;
    kernel->parameterOrder.push_back(parameter);
  }
  return true;
}

int Parser::addRegister(std::string name, unsigned bits) {
  unsigned words = bits == 1 ? 1 : bits <= 32 ? 32 : bits;
  unsigned align = bits == 1 ? 1 : 32;
  unsigned offset = (kernel->fileWords + align - 1) / align * align;
  kernel->registers.push_back({std::move(name), bits, offset});
  kernel->fileWords = offset + words;
  return kernel->registers.size() - 1;
}

/// `.b32 %r<9>`, or `.pred p, q`
bool Parser::registers(std::string_view s) {
  size_t end = s.find_first_of(" \t\n");
  Type type;
  if (end == s.npos || !parseType(s.substr(1, end - 1), type))
    return false;
  for (std::string_view name : split(s.substr(end), ',')) {
    size_t open = name.find('<');
    if (open == name.npos) {
      scope->registers[std::string(name)] = addRegister(std::string(name), type.bits);
      continue;
    }
    int64_t count;
    if (!parseInteger(name.substr(open + 1, name.size() - open - 2), count))
      return false;
    for (int64_t i = 0; i < count; ++i) {
      std::string element = std::string(name.substr(0, open)) + std::to_string(i);
      scope->registers[element] = addRegister(element, type.bits);
    }
  }
  return true;
}

/// `.align 16 .b8 name[516]`, `.align 16 .u32 name`, or `.align 16 .b8 name[]`
/// of dynamic shared memory. LLVM demotes dynamic shared memory of one kernel
/// into it, and then prints no brackets.
bool Parser::sharedVariable(std::string_view s) {
  std::vector<std::string_view> words = split(s, ' ');
  int64_t align = 1, size = 1;
  Type type;
  if (words.size() > 2 && words[0] == ".align" && parseInteger(words[1], align))
    words.erase(words.begin(), words.begin() + 2);
  if (words.size() != 2 || !parseType(words[0].substr(1), type))
    return false;
  std::string_view name = words[1];
  size_t open = name.find('[');
  bool dynamic =
      open == name.npos ? name.substr(0, 15) == "__dynamic_shmem" : name[open + 1] == ']';
  if (open != name.npos && !dynamic &&
      !parseInteger(name.substr(open + 1, name.size() - open - 2), size))
    return false;
  uint64_t &end = kernel ? kernel->sharedEnd : moduleSharedEnd;
  uint64_t &bytes = kernel ? kernel->staticShared : moduleStatic;
  align = std::max<int64_t>(align, type.bits / 8);
  Variable variable{std::string(name.substr(0, open)), 0,
                    static_cast<uint64_t>(size) * type.bits / 8, dynamic};
  if (dynamic) {
    variable.size = 0; // after the others, at the launch
  } else {
    // A gap after each, so that no overrun meets the next one.
    variable.base = (end + 64 + align - 1) / align * align;
    end = variable.base + variable.size;
    bytes = (bytes + align - 1) / align * align + variable.size;
  }
  (kernel ? kernel->shared : moduleShared).push_back(std::move(variable));
  return true;
}

/// `.align 4 .u32 name[3] = {1, 2, 3}`
bool Parser::globalVariable(std::string_view s, bool constant) {
  std::string_view values;
  bool initialized = false;
  if (size_t equals = s.find('='); equals != s.npos) {
    values = trim(s.substr(equals + 1));
    s = trim(s.substr(0, equals));
    initialized = true;
  }
  std::vector<std::string_view> words = split(s, ' ');
  int64_t align, size = 1;
  Type type;
  if (words.size() > 2 && words[0] == ".align" && parseInteger(words[1], align))
    words.erase(words.begin(), words.begin() + 2);
  if (words.size() != 2 || !parseType(words[0].substr(1), type))
    return false;
  std::string_view name = words[1];
  size_t open = name.find('[');
  if (open != name.npos && !parseInteger(name.substr(open + 1, name.size() - open - 2), size))
    return false;
  auto variable = std::make_unique<GlobalVariable>();
  variable->name = name.substr(0, open);
  variable->data.resize(size * type.bits / 8);
  variable->constant = constant;
  variable->initialized = initialized || constant;
  if (!values.empty() && values.front() == '{')
    values = values.substr(1, values.find('}') - 1);
  size_t at = 0;
  for (std::string_view element : split(values, ',')) {
    int64_t value;
    if (element.substr(0, 2) == "0f" || element.substr(0, 2) == "0d")
      value = std::strtoull(std::string(element.substr(2)).c_str(), nullptr, 16);
    else if (!parseInteger(element, value))
      return false;
    if (at + type.bits / 8 > variable->data.size())
      return false;
    std::memcpy(variable->data.data() + at, &value, type.bits / 8);
    at += type.bits / 8;
  }
  if (!place)
    return false;
  variable->address = place(context, *variable);
  std::string key = variable->name;
  module.globals[key] = std::move(variable);
  return true;
}

int Parser::addConstant(Special special, uint64_t value, unsigned bits) {
  unsigned width = bits == 1 ? 1 : bits <= 32 ? 32 : 64;
  if (width == 32)
    value &= 0xffffffff;
  auto [found, isNew] =
      constants.insert({{value, static_cast<int>(special) * 256 + static_cast<int>(width)}, 0});
  if (isNew) {
    found->second = addRegister("", width);
    kernel->constants.push_back({found->second, special, value});
  }
  return found->second;
}

bool Parser::resolve(std::string_view name, unsigned bits, Slot &slot) {
  auto use = [&](int reg) {
    const Register &r = kernel->registers[reg];
    slot.reg = reg;
    slot.offset = r.offset;
    slot.bits = r.bits;
    auto rank = [](unsigned bits) { return bits == 1 ? 0 : bits <= 32 ? 1 : bits <= 64 ? 2 : 3; };
    return !bits || rank(bits) == rank(r.bits);
  };
  for (Scope *s = scope; s; s = s->parent)
    if (auto found = s->registers.find(name); found != s->registers.end())
      return use(found->second);
  static const std::map<std::string_view, Special> specials = {
      {"%tid.x", Special::TidX},
      {"%tid.y", Special::TidY},
      {"%tid.z", Special::TidZ},
      {"%ntid.x", Special::NTidX},
      {"%ntid.y", Special::NTidY},
      {"%ntid.z", Special::NTidZ},
      {"%ctaid.x", Special::CtaX},
      {"%ctaid.y", Special::CtaY},
      {"%ctaid.z", Special::CtaZ},
      {"%nctaid.x", Special::NCtaX},
      {"%nctaid.y", Special::NCtaY},
      {"%nctaid.z", Special::NCtaZ},
      // Clusters are of one CTA.
      {"%clusterid.x", Special::CtaX},
      {"%clusterid.y", Special::CtaY},
      {"%clusterid.z", Special::CtaZ},
      {"%nclusterid.x", Special::NCtaX},
      {"%nclusterid.y", Special::NCtaY},
      {"%nclusterid.z", Special::NCtaZ},
      {"%laneid", Special::Lane},
      {"%warpid", Special::Warp},
      {"%nwarpid", Special::NWarp},
      {"%lanemask_eq", Special::LaneEq},
      {"%lanemask_lt", Special::LaneLt},
      {"%lanemask_le", Special::LaneLe},
      {"%lanemask_gt", Special::LaneGt},
      {"%lanemask_ge", Special::LaneGe},
      {"%smid", Special::SM},
      {"%nsmid", Special::NSM},
      {"%gridid", Special::GridId},
      {"%dynamic_smem_size", Special::DynamicShared},
      {"%total_smem_size", Special::TotalShared},
      {"%clock", Special::Clock},
      {"%clock64", Special::Clock},
      {"%globaltimer", Special::Clock}};
  if (auto special = specials.find(name); special != specials.end())
    return use(addConstant(special->second, 0, bits == 64 ? 64 : 32));
  if (name.substr(0, 16) == "%cluster_ctaid.x" || name.substr(0, 14) == "%cluster_ctaid" ||
      name == "%cluster_ctarank")
    return use(addConstant(Special::Value, 0, 32));
  if (name.substr(0, 15) == "%cluster_nctaid" || name == "%cluster_nctarank")
    return use(addConstant(Special::Value, 1, 32));
  if (name == "WARP_SZ")
    return use(addConstant(Special::Value, 32, bits));
  int64_t value;
  if (name.substr(0, 2) == "0f" || name.substr(0, 2) == "0d") {
    value = std::strtoull(std::string(name.substr(2)).c_str(), nullptr, 16);
    return use(addConstant(Special::Value, value, name[1] == 'f' ? 32 : 64));
  }
  if (parseInteger(name, value))
    return use(
        addConstant(Special::Value, bits == 1 && value ? 0xffffffff : value, bits ? bits : 64));
  int64_t offset = 0;
  if (size_t plus = name.find('+'); plus != name.npos) {
    if (!parseInteger(trim(name.substr(plus + 1)), offset))
      return false;
    name = trim(name.substr(0, plus));
  }
  for (const Variable &variable : kernel->shared)
    if (variable.name == name) {
      // Dynamic shared memory follows the last static variable.
      uint64_t base = variable.dynamic ? 0 : variable.base;
      if (variable.dynamic)
        base = (kernel->sharedEnd + 64 + 1023) / 1024 * 1024;
      return use(addConstant(Special::Value, base + offset, bits ? bits : 64));
    }
  if (const Parameter *parameter = findParameter(name))
    return use(addConstant(Special::Value, parameter->offset + offset, bits ? bits : 64));
  if (auto global = module.globals.find(name); global != module.globals.end())
    return use(addConstant(Special::Value, global->second->address + offset, 64));
  return false;
}

const Parameter *Parser::findParameter(std::string_view name) {
  auto found = kernel->parameters.find(name);
  return found == kernel->parameters.end() ? nullptr : &found->second;
}

void Parser::branchTo(std::string_view label, bool table) {
  fixups.push_back({kernel->code.size(), scope, std::string(label), statementLine, table});
}

bool Parser::instruction(std::string_view s) {
  Instruction inst;
  inst.line = statementLine;
  inst.index = kernel->code.size();
  if (consume(s, "@")) {
    inst.negatedGuard = consume(s, "!");
    size_t end = s.find_first_of(" \t\n");
    if (end == s.npos || !resolve(s.substr(0, end), 1, inst.guard))
      return fail("unknown register", s.substr(0, end));
    s = trim(s.substr(end));
  }
  size_t end = s.find_first_of(" \t\n[{");
  inst.name = std::string(s.substr(0, end));
  std::string_view rest = end == s.npos ? std::string_view() : trim(s.substr(end));
  Decoder decoder(*this, inst, rest);
  for (auto decode : {decodeInteger, decodeFloat, decodeConvert, decodeMove, decodeMemory,
                      decodeAtomic, decodeAsync, decodeControl, decodeCollective, decodeMatrix}) {
    bool ok = decode(decoder);
    if (!ok || inst.run || !decoder.error.empty()) {
      if (ok && decoder.finish()) {
        kernel->code.push_back(std::move(inst));
        return true;
      }
      const std::string &why = decoder.error;
      return why.empty() || why == "unknown instruction"
                 ? fail("unknown instruction", inst.name)
                 : fail(why + " in", inst.name + " " + std::string(rest));
    }
  }
  return fail("unknown instruction", inst.name);
}

bool Parser::finishKernel() {
  auto find = [&](const Fixup &fixup, const std::string &label) {
    for (Scope *s = fixup.scope; s; s = s->parent)
      if (auto found = s->labels.find(label); found != s->labels.end())
        return found->second;
    statementLine = fixup.line;
    fail("unknown label", label);
    return -1;
  };
  for (const Fixup &fixup : fixups) {
    Instruction &inst = kernel->code[fixup.index];
    if (fixup.table) {
      auto table = tables.find(fixup.label);
      if (table == tables.end()) {
        statementLine = fixup.line;
        return fail("unknown label", fixup.label);
      }
      for (const std::string &label : table->second)
        inst.targets.push_back(find(fixup, label));
    } else {
      inst.target = find(fixup, fixup.label);
    }
    if (!error.empty())
      return false;
  }
  kernel->executed.resize(kernel->code.size());
  std::string name = kernel->name;
  module.kernels[name] = std::move(kernel);
  fixups.clear();
  tables.clear();
  constants.clear();
  scopes.clear();
  return true;
}

bool ptx::parseModule(std::string_view text, Module &module, PlaceGlobal place, void *context,
                      std::string &error) {
  Parser parser(text, module, place, context);
  bool ok = parser.run();
  error = parser.error;
  return ok;
}
