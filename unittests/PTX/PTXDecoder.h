//===- PTXDecoder.h - One instruction between text and handler --*- C++ -*-===//
#ifndef DASHKV_UNITTESTS_PTX_PTXDECODER_H
#define DASHKV_UNITTESTS_PTX_PTXDECODER_H

#include "PTXModule.h"
#include <initializer_list>

namespace ptx {

/// Resolves names of operands: the parser.
class Names {
public:
  virtual ~Names() = default;
  /// A register, constant, special register or the address of a variable. `bits`
  /// is the width that the instruction wants; 0 takes any.
  virtual bool resolve(std::string_view name, unsigned bits, Slot &slot) = 0;
  virtual const Parameter *findParameter(std::string_view name) = 0;
  virtual void branchTo(std::string_view label, bool table) = 0;
};

/// One instruction as text. The decode functions take suffixes and operands one
/// after another; what is left over is an error.
class Decoder {
public:
  Decoder(Names &names, Instruction &inst, std::string_view operands);

  Names &names;
  Instruction &inst;
  std::string_view root;
  std::vector<std::string_view> suffixes, operands;
  std::string error;

  bool fail(const std::string &message);
  /// The suffix is there; then it is gone.
  bool take(std::string_view suffix);
  /// The next suffix is one of `choices`: its index, else -1.
  int takeFirst(std::initializer_list<std::string_view> choices);
  bool takeType(Type &type);

  /// The next operand as a result or a source. A vector gives several.
  bool dst(unsigned bits);
  bool src(unsigned bits);
  /// The next operand as `[register + offset]`.
  bool address();
  bool address2();
  /// The next operand as `[register]`, taken as a source.
  bool addressAsSource();
  /// The next operand as a number.
  bool immediate(int64_t &value);
  bool hasOperands() const { return next < operands.size(); }
  std::string_view peek() const { return next < operands.size() ? operands[next] : " "; }
  void skip() { ++next; }
  bool finish();

private:
  bool list(unsigned bits, Slot *slots, uint8_t &count, unsigned limit, bool isResult);
  bool address(Slot &base, int64_t &offset);
  size_t next = 0;
};

bool parseType(std::string_view s, Type &type);
bool parseInteger(std::string_view s, int64_t &value);
std::string_view trim(std::string_view s);
/// Splits at `separator` outside of brackets.
std::vector<std::string_view> split(std::string_view s, char separator);

/// Each decodes the opcodes of its family: true and no handler for the others,
/// false on an error.
bool decodeInteger(Decoder &decoder);
bool decodeFloat(Decoder &decoder);
bool decodeConvert(Decoder &decoder);
bool decodeMove(Decoder &decoder);
bool decodeMemory(Decoder &decoder);
bool decodeAtomic(Decoder &decoder);
bool decodeAsync(Decoder &decoder);
bool decodeControl(Decoder &decoder);
bool decodeCollective(Decoder &decoder);
bool decodeMatrix(Decoder &decoder);

} // namespace ptx

#endif // DASHKV_UNITTESTS_PTX_PTXDECODER_H
