//===- Array.cpp - Dense arrays and .npy files ----------------------------===//
#include "dashkv/Runtime/Array.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::dashkv;

int64_t Array::getNumElements() const {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

int64_t Array::getElementSize() const { return StringRef(dtype).back() - '0'; }

StringRef dashkv::getDtype(Type type) {
  if (type.isF32())
    return "f4";
  if (type.isF64())
    return "f8";
  if (type.isF16())
    return "f2";
  if (type.isBF16())
    return "u2";
  if (isa<Float8E4M3FNType>(type))
    return "u1";
  if (type.isInteger(1))
    return "b1";
  if (type.isInteger(8))
    return "i1";
  if (type.isInteger(16))
    return "i2";
  if (type.isInteger(32))
    return "i4";
  if (type.isInteger(64) || type.isIndex())
    return "i8";
  return "";
}

Array Array::zeros(RankedTensorType type) {
  Array array;
  array.dtype = getDtype(type.getElementType()).str();
  array.shape = llvm::to_vector(type.getShape());
  array.data = std::make_shared<std::vector<char>>(array.getNumElements() * array.getElementSize());
  return array;
}

bool Array::matches(RankedTensorType type) const {
  StringRef wanted = getDtype(type.getElementType()), got = dtype;
  bool sameBits = wanted == got;
  if (type.getElementType().isBF16())
    sameBits = got == "V2" || got == "u2";
  else if (isa<Float8E4M3FNType>(type.getElementType()))
    sameBits = got == "V1" || got == "u1";
  else if (type.getElementType().isInteger() && wanted != "b1" && !sameBits)
    sameBits = got.front() == 'u' && got.back() == wanted.back(); // signless integers
  if (!sameBits || static_cast<int64_t>(shape.size()) != type.getRank())
    return false;
  for (auto [size, wantedSize] : llvm::zip(shape, type.getShape()))
    if (!ShapedType::isDynamic(wantedSize) && size != wantedSize)
      return false;
  return true;
}

std::string Array::describe() const {
  std::string text = dtype + "[";
  llvm::raw_string_ostream os(text);
  llvm::interleaveComma(shape, os);
  return text + "]";
}

//===----------------------------------------------------------------------===//
// .npy
//===----------------------------------------------------------------------===//

static llvm::Error fail(StringRef path, const Twine &message) {
  return llvm::createStringError(path + ": " + message);
}

/// The text after `'key':` in a header, up to the next comma outside brackets.
static std::optional<StringRef> getField(StringRef header, StringRef key) {
  size_t at = header.find(("'" + key + "'").str());
  if (at == StringRef::npos)
    return std::nullopt;
  StringRef rest = header.drop_front(at + key.size() + 2).ltrim();
  if (!rest.consume_front(":"))
    return std::nullopt;
  rest = rest.ltrim();
  if (rest.starts_with("("))
    return rest.take_until([](char c) { return c == ')'; }).drop_front();
  return rest.take_until([](char c) { return c == ',' || c == '}'; }).trim();
}

llvm::Expected<Array> Array::readNpy(StringRef path) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!file)
    return fail(path, "cannot read: " + file.getError().message());
  StringRef bytes = (*file)->getBuffer();
  if (!bytes.consume_front("\x93NUMPY") || bytes.size() < 6)
    return fail(path, "expected a .npy file, but the magic number differs");
  int major = static_cast<unsigned char>(bytes[0]);
  bytes = bytes.drop_front(2);
  auto byte = [&](unsigned i) { return size_t(static_cast<unsigned char>(bytes[i])); };
  size_t lengthBytes = major == 1 ? 2 : 4;
  size_t length = byte(0) | byte(1) << 8;
  if (lengthBytes == 4)
    length |= byte(2) << 16 | byte(3) << 24;
  bytes = bytes.drop_front(lengthBytes);
  if (major < 1 || major > 3 || bytes.size() < length)
    return fail(path, "expected a .npy header, but the file is cut short");
  StringRef header = bytes.take_front(length), body = bytes.drop_front(length);

  std::optional<StringRef> descr = getField(header, "descr"),
                           order = getField(header, "fortran_order"),
                           shape = getField(header, "shape");
  if (!descr || !order || !shape)
    return fail(path, "expected descr, fortran_order and shape in the .npy header");
  StringRef code = descr->trim("'\"");
  Array array;
  if (code.size() != 3 || code[0] == '>' || !StringRef("fiubV").contains(code[1]) ||
      !StringRef("1248").contains(code[2]))
    return fail(path, "expected little-endian floats or integers, but got dtype " + *descr);
  array.dtype = code.drop_front().str();
  if (*order != "False")
    return fail(path, "expected C order, but got Fortran order");
  int64_t wanted = array.getElementSize();
  SmallVector<StringRef> sizes;
  shape->split(sizes, ',', -1, /*KeepEmpty=*/false);
  for (StringRef text : sizes) {
    int64_t size;
    if (text.trim().empty())
      continue;
    if (text.trim().getAsInteger(10, size) || size < 0)
      return fail(path, "expected sizes in the shape, but got '" + text + "'");
    array.shape.push_back(size);
    if (llvm::MulOverflow(wanted, size, wanted))
      return fail(path, "expected a size that 64 bits hold, but got shape (" + *shape + ")");
  }
  if (body.size() != static_cast<size_t>(wanted))
    return fail(path, llvm::formatv("expected {0} bytes of data for {1}, but got {2}", wanted,
                                    array.describe(), body.size()));
  array.data = std::make_shared<std::vector<char>>(body.begin(), body.end());
  return array;
}

llvm::Expected<std::unique_ptr<llvm::FileOutputBuffer>> Array::prepareNpy(StringRef path) const {
  std::string shapeText;
  for (int64_t size : shape)
    shapeText += std::to_string(size) + ", ";
  StringRef order = getElementSize() == 1 ? "|" : "<";
  std::string header = llvm::formatv(
      "{{'descr': '{0}{1}', 'fortran_order': False, 'shape': ({2}), }", order, dtype, shapeText);
  // Data starts at a multiple of 64 bytes.
  size_t prefix = 10;
  header.append(63 - (prefix + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 255);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  auto output = llvm::FileOutputBuffer::create(path, bytes.size() + data->size());
  if (!output)
    return fail(path, "cannot write: " + llvm::toString(output.takeError()));
  std::copy(bytes.begin(), bytes.end(), (*output)->getBufferStart());
  std::copy(data->begin(), data->end(), (*output)->getBufferStart() + bytes.size());
  return output;
}

double dashkv::getElement(const Array &array, Type type, int64_t i) {
  if (type.isF32())
    return array.as<float>()[i];
  if (auto floatType = dyn_cast<FloatType>(type)) {
    uint64_t bits = 0;
    memcpy(&bits, array.data->data() + i * array.getElementSize(), array.getElementSize());
    llvm::APFloat value(floatType.getFloatSemantics(), llvm::APInt(floatType.getWidth(), bits));
    bool losesInfo;
    value.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
    return value.convertToDouble();
  }
  switch (array.getElementSize()) {
  case 1:
    return array.as<int8_t>()[i];
  case 2:
    return array.as<int16_t>()[i];
  case 4:
    return array.as<int32_t>()[i];
  default:
    return array.as<int64_t>()[i];
  }
}
