//===- PTXDecoder.cpp - Suffixes and operands of one instruction ----------===//
#include "PTXDecoder.h"
#include <algorithm>
#include <cstdlib>

using namespace ptx;

std::string_view ptx::trim(std::string_view s) {
  size_t begin = s.find_first_not_of(" \t\r\n");
  if (begin == s.npos)
    return {};
  return s.substr(begin, s.find_last_not_of(" \t\r\n") + 1 - begin);
}

std::vector<std::string_view> ptx::split(std::string_view s, char separator) {
  std::vector<std::string_view> parts;
  int depth = 0;
  size_t begin = 0;
  for (size_t i = 0; i <= s.size(); ++i) {
    if (i < s.size() && (s[i] == '{' || s[i] == '[' || s[i] == '('))
      ++depth;
    if (i < s.size() && (s[i] == '}' || s[i] == ']' || s[i] == ')'))
      --depth;
    if (i == s.size() || (s[i] == separator && !depth)) {
      if (std::string_view part = trim(s.substr(begin, i - begin)); !part.empty())
        parts.push_back(part);
      begin = i + 1;
    }
  }
  return parts;
}

bool ptx::parseInteger(std::string_view s, int64_t &value) {
  char *end;
  if (!s.empty() && s.back() == 'U')
    s.remove_suffix(1);
  std::string text(s);
  bool negative = !text.empty() && text[0] == '-';
  value = negative ? std::strtoll(text.c_str(), &end, 0)
                   : static_cast<int64_t>(std::strtoull(text.c_str(), &end, 0));
  return !text.empty() && (std::isdigit(static_cast<unsigned char>(text[0])) || negative) && !*end;
}

bool ptx::parseType(std::string_view s, Type &type) {
  static const std::pair<std::string_view, Type> types[] = {
      {"pred", {Type::Predicate, 1}},     {"b8", {Type::Bits, 8}},
      {"b16", {Type::Bits, 16}},          {"b32", {Type::Bits, 32}},
      {"b64", {Type::Bits, 64}},          {"b128", {Type::Bits, 128}},
      {"u8", {Type::Unsigned, 8}},        {"u16", {Type::Unsigned, 16}},
      {"u32", {Type::Unsigned, 32}},      {"u64", {Type::Unsigned, 64}},
      {"s8", {Type::Signed, 8}},          {"s16", {Type::Signed, 16}},
      {"s32", {Type::Signed, 32}},        {"s64", {Type::Signed, 64}},
      {"f16", {Type::Float, 16}},         {"f32", {Type::Float, 32}},
      {"f64", {Type::Float, 64}},         {"f16x2", {Type::Float, 16, 2}},
      {"f32x2", {Type::Float, 32, 2}},    {"bf16", {Type::BFloat, 16}},
      {"bf16x2", {Type::BFloat, 16, 2}},  {"tf32", {Type::TF32, 32}},
      {"e4m3", {Type::E4M3, 8}},          {"e5m2", {Type::E5M2, 8}},
      {"e4m3x2", {Type::E4M3, 8, 2}},     {"e5m2x2", {Type::E5M2, 8, 2}},
      {"u16x2", {Type::Unsigned, 16, 2}}, {"s16x2", {Type::Signed, 16, 2}}};
  for (const auto &[name, known] : types)
    if (name == s) {
      type = known;
      return true;
    }
  return false;
}

Decoder::Decoder(Names &names, Instruction &inst, std::string_view text)
    : names(names), inst(inst) {
  // `shared::cta` is one suffix.
  std::string_view name = inst.name;
  for (size_t begin = 0; begin <= name.size();) {
    size_t end = std::min(name.find('.', begin), name.size());
    suffixes.push_back(name.substr(begin, end - begin));
    begin = end + 1;
  }
  root = suffixes[0];
  suffixes.erase(suffixes.begin());
  operands = split(text, ',');
}

bool Decoder::fail(const std::string &message) {
  if (error.empty())
    error = message;
  return false;
}

bool Decoder::take(std::string_view suffix) {
  auto found = std::find(suffixes.begin(), suffixes.end(), suffix);
  if (found == suffixes.end())
    return false;
  suffixes.erase(found);
  return true;
}

int Decoder::takeFirst(std::initializer_list<std::string_view> choices) {
  if (suffixes.empty())
    return -1;
  auto found = std::find(choices.begin(), choices.end(), suffixes[0]);
  if (found == choices.end())
    return -1;
  suffixes.erase(suffixes.begin());
  return static_cast<int>(found - choices.begin());
}

bool Decoder::takeType(Type &type) {
  if (suffixes.empty() || !parseType(suffixes[0], type))
    return false;
  suffixes.erase(suffixes.begin());
  return true;
}

bool Decoder::list(unsigned bits, Slot *slots, uint8_t &count, unsigned limit, bool isResult) {
  if (next >= operands.size())
    return fail("unknown operands");
  std::string_view part = operands[next++];
  std::vector<std::string_view> elements{part};
  if (part.front() == '{' && part.back() == '}')
    elements = split(part.substr(1, part.size() - 2), ',');
  else if (isResult && part.find('|') != part.npos)
    elements = split(part, '|');
  for (std::string_view element : elements) {
    if (count == limit)
      return fail("too many operands");
    Slot &slot = slots[count++];
    if (element == "_" && isResult)
      continue;
    bool negated = element.front() == '!';
    if (negated)
      element = trim(element.substr(1));
    if (!names.resolve(element, bits, slot))
      return fail("unknown operand '" + std::string(element) + "'");
    slot.negated = negated;
  }
  return true;
}

bool Decoder::dst(unsigned bits) { return list(bits, inst.dst, inst.numDst, 8, true); }
bool Decoder::src(unsigned bits) { return list(bits, inst.src, inst.numSrc, 12, false); }

bool Decoder::address(Slot &base, int64_t &offset) {
  if (next >= operands.size())
    return fail("unknown operands");
  std::string_view s = operands[next++];
  if (s.front() != '[' || s.back() != ']')
    return fail("expected an address, but got '" + std::string(s) + "'");
  s = trim(s.substr(1, s.size() - 2));
  if (size_t plus = s.find('+'); plus != s.npos) {
    if (!parseInteger(trim(s.substr(plus + 1)), offset))
      return fail("unknown offset '" + std::string(s) + "'");
    s = trim(s.substr(0, plus));
  }
  if (const Parameter *parameter = names.findParameter(s)) {
    offset += parameter->offset;
    return true;
  }
  return names.resolve(s, 0, base) || fail("unknown operand '" + std::string(s) + "'");
}

bool Decoder::address() { return address(inst.base, inst.offset); }
bool Decoder::address2() { return address(inst.base2, inst.offset2); }

bool Decoder::addressAsSource() {
  if (next >= operands.size() || operands[next].front() != '[' || operands[next].back() != ']')
    return fail("unknown operands");
  operands[next] = trim(operands[next].substr(1, operands[next].size() - 2));
  return src(0);
}

bool Decoder::immediate(int64_t &value) {
  if (next >= operands.size() || !parseInteger(operands[next], value))
    return fail("unknown operands");
  ++next;
  return true;
}

bool Decoder::finish() {
  if (!suffixes.empty())
    return fail("unknown instruction");
  return next == operands.size() || fail("unknown operands");
}
