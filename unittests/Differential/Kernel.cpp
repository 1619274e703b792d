//===- Kernel.cpp - A compiled op and its data ----------------------------===//
#include "Kernel.h"
#include "dashkv/Reference/Float.h"
#include "mlir/Parser/Parser.h"
#include <cstring>

using namespace dashkv::testing;
using namespace dashkv::reference;
using mlir::dashkv::Array;

//===----------------------------------------------------------------------===//
// Element types
//===----------------------------------------------------------------------===//

/// The finite non-negative values of f8E4M3FN, ascending: their index is their
/// bit pattern.
static const std::vector<float> &getF8Values() {
  static const std::vector<float> values = [] {
    std::vector<float> values;
    for (int bits = 0; bits < 0x7f; ++bits)
      values.push_back(f8E4M3FNToFloat(bits));
    return values;
  }();
  return values;
}

static uint8_t floatToF8(float value) {
  const std::vector<float> &values = getF8Values();
  auto it = std::lower_bound(values.begin(), values.end(), std::fabs(value));
  int bits = std::isnan(value) ? 0x7f : std::min<int>(it - values.begin(), 0x7e);
  return std::signbit(value) ? bits | 0x80 : bits;
}

static std::string getDtype(const std::string &element) {
  if (element == "f32")
    return "f4";
  if (element == "f16")
    return "f2";
  if (element == "bf16")
    return "u2";
  if (element == "f8E4M3FN")
    return "u1";
  if (element == "i1")
    return "b1";
  return element == "i8" ? "i1" : element == "i16" ? "i2" : "i4";
}

static void store(const std::string &element, float value, char *to) {
  uint16_t bits = 0;
  if (element == "f32")
    return void(std::memcpy(to, &value, 4));
  if (element == "f8E4M3FN") {
    *to = static_cast<char>(floatToF8(value));
    return;
  }
  if (element == "i8") {
    *to = static_cast<char>(std::clamp(std::nearbyint(value), -128.0f, 127.0f));
    return;
  }
  bits = element == "f16" ? floatToHalf(value) : floatToBfloat(value);
  std::memcpy(to, &bits, 2);
}

static float load(const std::string &element, const char *from) {
  float value;
  uint16_t bits;
  if (element == "f32") {
    std::memcpy(&value, from, 4);
    return value;
  }
  if (element == "f8E4M3FN")
    return f8E4M3FNToFloat(*from);
  if (element == "i8")
    return static_cast<signed char>(*from);
  std::memcpy(&bits, from, 2);
  return element == "f16" ? halfToFloat(bits) : bfloatToFloat(bits);
}

void dashkv::testing::roundTo(const std::string &element, Tensor<float> &tensor) {
  char bytes[4];
  for (float &value : tensor.data) {
    store(element, value, bytes);
    value = load(element, bytes);
  }
}

//===----------------------------------------------------------------------===//
// Declaring
//===----------------------------------------------------------------------===//

void Kernel::addDim(const std::string &dim, int64_t size, bool dynamic) {
  dimSizes[dim] = {size, dynamic};
}

void Kernel::resize(const std::string &dim, int64_t size) {
  require(isDynamic(dim), "a dynamic dim to resize");
  dimSizes[dim].size = size;
}

int64_t Kernel::size(const std::string &dim) const {
  return std::isdigit(dim[0]) ? std::stoll(dim) : dimSizes.at(dim).size;
}

std::vector<int64_t> Kernel::sizes(const Names &dims) const {
  std::vector<int64_t> result;
  for (const std::string &dim : dims)
    result.push_back(size(dim));
  return result;
}

bool Kernel::isDynamic(const std::string &dim) const {
  return !std::isdigit(dim[0]) && dimSizes.at(dim).dynamic;
}

void Kernel::addArgument(const std::string &operand, const std::string &element, Names dims) {
  operands[operand] = {element, std::move(dims), true, false};
  arguments.push_back(operand);
}

void Kernel::addInit(const std::string &operand, const std::string &element, Names dims) {
  bool dynamic = false;
  for (const std::string &dim : dims)
    dynamic |= isDynamic(dim);
  bool isArgument = dynamic || random.chance(0.5);
  hit(isArgument ? "outs=argument" : "outs=empty");
  operands[operand] = {element, std::move(dims), isArgument, true};
  if (isArgument)
    arguments.push_back(operand);
}

const std::string &Kernel::element(const std::string &operand) const {
  return operands.at(operand).element;
}

const Names &Kernel::dims(const std::string &operand) const { return operands.at(operand).dims; }

std::string Kernel::typeOf(const Operand &operand) const {
  std::string type = "tensor<";
  for (const std::string &dim : operand.dims)
    type += (isDynamic(dim) ? "?" : std::to_string(size(dim))) + "x";
  return type + operand.element + ">";
}

std::string Kernel::group(const std::string &keyword, const Names &names) const {
  if (!has(names.front()))
    return "";
  std::string values, types;
  for (const std::string &operand : names) {
    std::string separator = values.empty() ? "" : ", ";
    values += separator + "%" + operand;
    types += separator + typeOf(operands.at(operand));
  }
  return " " + keyword + "(" + values + " : " + types + ")";
}

void Kernel::setOp(const std::string &op, const Names &attributes, const Names &outs) {
  results = outs;
  std::string signature, resultTypes, returned, body;
  for (const std::string &argument : arguments)
    signature +=
        (signature.empty() ? "%" : ", %") + argument + ": " + typeOf(operands.at(argument));
  for (size_t i = 0; i < results.size(); ++i) {
    std::string type = typeOf(operands.at(results[i]));
    resultTypes += (i ? ", " : "") + type;
    returned += (i ? ", %r#" : "%r#") + std::to_string(i);
    if (!operands.at(results[i]).isArgument)
      body += "  %" + results[i] + " = tensor.empty() : " + type + "\n";
  }
  std::string attributeText;
  for (const std::string &attribute : attributes)
    attributeText += (attributeText.empty() ? "" : ", ") + attribute;
  text = "func.func @main(" + signature + ") -> (" + resultTypes + ") {\n" + body +
         "  %r:" + std::to_string(results.size()) + " = dashkv." + op +
         (attributeText.empty() ? "" : " {" + attributeText + "}") + "\n  return " + returned +
         " : " + resultTypes + "\n}\n";
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

std::string Kernel::compile() {
  std::string message;
  mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
    if (message.empty() && diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error)
      message = diagnostic.str();
    return mlir::success();
  });
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module)
    return "cannot parse: " + message;
  executable = backend.compile(*module);
  return executable ? "" : "cannot compile: " + message;
}

Array Kernel::allocate(const Operand &operand) const {
  Array array;
  array.dtype = getDtype(operand.element);
  for (const std::string &dim : operand.dims)
    array.shape.push_back(size(dim));
  // A byte pattern that is NaN in every float type and a wrong index in every
  // integer type; i1 holds 0 or 1.
  array.data = std::make_shared<std::vector<char>>(array.getNumElements() * array.getElementSize(),
                                                   operand.element == "i1" ? 1 : -1);
  return array;
}

/// Calls `visit(source, target)` with the offset of every element in a dense
/// tensor with dims `from` and in one with dims `to`, a permutation of them.
template <class Visit>
static void permute(const Names &from, const Names &to, const std::vector<int64_t> &toSizes,
                    Visit visit) {
  if (from == to) { // dims that are numbers need not differ
    int64_t count = 1;
    for (int64_t size : toSizes)
      count *= size;
    for (int64_t i = 0; i < count; ++i)
      visit(i, i);
    return;
  }
  std::vector<int64_t> strides(to.size(), 1); // of `to` in the order of `from`
  std::vector<int64_t> sizes(from.size());
  for (size_t i = 0; i < from.size(); ++i) {
    size_t at = std::find(to.begin(), to.end(), from[i]) - to.begin();
    require(at < to.size(), "the same dims in another order");
    sizes[i] = toSizes[at];
    for (size_t j = at + 1; j < to.size(); ++j)
      strides[i] *= toSizes[j];
  }
  int64_t count = 1;
  for (int64_t size : sizes)
    count *= size;
  std::vector<int64_t> index(from.size());
  for (int64_t source = 0; source < count; ++source) {
    int64_t rest = source, target = 0;
    for (size_t i = from.size(); i-- > 0;) {
      target += rest % sizes[i] * strides[i];
      rest /= sizes[i];
    }
    visit(source, target);
  }
}

void Kernel::set(const std::string &operand, const Tensor<float> &tensor, Names order) {
  const Operand &declared = operands.at(operand);
  Array array = allocate(declared);
  require(static_cast<int64_t>(tensor.data.size()) == array.getNumElements(),
          "data of the declared size");
  int64_t bytes = array.getElementSize();
  permute(order.empty() ? declared.dims : order, declared.dims, sizes(declared.dims),
          [&](int64_t source, int64_t target) {
            store(declared.element, tensor.data[source], array.data->data() + target * bytes);
          });
  data[operand] = array;
}

template <class T> void Kernel::setInts(const std::string &operand, const Tensor<T> &tensor) {
  const Operand &declared = operands.at(operand);
  Array array = allocate(declared);
  require(tensor.shape == sizes(declared.dims), "data of the declared shape");
  int64_t bytes = array.getElementSize();
  for (size_t i = 0; i < tensor.data.size(); ++i) {
    int32_t value = tensor.data[i]; // little endian
    std::memcpy(array.data->data() + i * bytes, &value, bytes);
  }
  data[operand] = array;
}
template void Kernel::setInts(const std::string &, const Tensor<uint8_t> &);
template void Kernel::setInts(const std::string &, const Tensor<int8_t> &);
template void Kernel::setInts(const std::string &, const Tensor<int16_t> &);
template void Kernel::setInts(const std::string &, const Tensor<int32_t> &);

void Kernel::run() {
  llvm::SmallVector<Array> values;
  for (const std::string &argument : arguments) {
    const Operand &operand = operands.at(argument);
    // What is there under the name of an init is the result of the last call.
    if (operand.isInit)
      data[argument] = allocate(operand);
    require(data.count(argument), "data of every argument");
    values.push_back(data[argument]);
  }
  weightError = getWeightError();
  data.clear();
  ++report.dataSets;
  auto called = executable->call(values);
  if (!called)
    return fail(llvm::toString(called.takeError()));
  for (size_t i = 0; i < results.size(); ++i)
    data[results[i]] = (*called)[i];
}

//===----------------------------------------------------------------------===//
// Comparing
//===----------------------------------------------------------------------===//

void Kernel::fail(const std::string &message) {
  if (failure.empty())
    failure = message;
}

const Array &Kernel::result(const std::string &operand) const {
  require(data.count(operand), "a result of the kernel");
  return data.at(operand);
}

template <class T> std::vector<T> Kernel::getInts(const std::string &operand) const {
  const Array &array = result(operand);
  std::vector<T> values(array.getNumElements());
  require(array.getElementSize() == sizeof(T), "integers of the given width");
  if (!values.empty())
    std::memcpy(values.data(), array.data->data(), values.size() * sizeof(T));
  return values;
}
template std::vector<int8_t> Kernel::getInts(const std::string &) const;

std::vector<float> Kernel::getFloats(const std::string &operand, const Names &order) const {
  const Operand &declared = operands.at(operand);
  const Array &array = result(operand);
  std::vector<float> values(array.getNumElements());
  int64_t bytes = array.getElementSize();
  permute(order.empty() ? declared.dims : order, declared.dims, sizes(declared.dims),
          [&](int64_t source, int64_t target) {
            values[source] = load(declared.element, array.data->data() + target * bytes);
          });
  return values;
}

template <class T> void Kernel::expectInts(const std::string &operand, const Tensor<T> &expected) {
  if (!failure.empty())
    return;
  const Array &array = result(operand);
  if (std::vector<int64_t>(array.shape.begin(), array.shape.end()) != expected.shape)
    return fail(operand + ": unexpected shape " + array.describe());
  int64_t bytes = array.getElementSize();
  for (size_t i = 0; i < expected.data.size(); ++i) {
    int32_t wanted = expected.data[i], got = wanted;
    std::memcpy(&got, array.data->data() + i * bytes, bytes);
    if (std::memcmp(&wanted, &got, bytes) == 0)
      continue;
    std::string place;
    int64_t rest = i;
    for (size_t dim = expected.shape.size(); dim-- > 0;) {
      place = std::to_string(rest % expected.shape[dim]) + (place.empty() ? "" : ",") + place;
      rest /= expected.shape[dim];
    }
    return fail(operand + "[" + place + "]: expected " + std::to_string(wanted) + ", but got " +
                std::to_string(got));
  }
}
template void Kernel::expectInts(const std::string &, const Tensor<uint8_t> &);
template void Kernel::expectInts(const std::string &, const Tensor<int16_t> &);
template void Kernel::expectInts(const std::string &, const Tensor<int32_t> &);

double Kernel::getLargest(const std::string &operand) const {
  const Array &array = data.at(operand);
  double largest = 0;
  for (int64_t i = 0, e = array.getNumElements(); i < e; ++i) {
    double value = load(element(operand), array.data->data() + i * array.getElementSize());
    if (std::isfinite(value))
      largest = std::max(largest, std::fabs(value));
  }
  return largest;
}

double Kernel::getWeightError() const {
  if (!backend.roundsWeights() || !has("value"))
    return 0;
  const std::string &type = element("value");
  if (type == "f32" || type == "i8")
    return 0;
  double error = (type == "bf16" ? 0x1p-9 : 0x1p-12) * getLargest("value");
  return has("value_scale") ? error * getLargest("value_scale") : error;
}

void Kernel::expectFloats(const std::string &operand, const Tensor<float> &expected, Names order,
                          Tolerance tolerance, const std::vector<double> &slack, int64_t rowSize) {
  if (!failure.empty())
    return;
  if (element(operand) == "f16") {
    tolerance.rounding = 0x1p-11;
    tolerance.smallest = std::max(tolerance.smallest, 0x1p-25);
  } else if (element(operand) == "bf16") {
    tolerance.rounding = 0x1p-8;
  }
  // Weights are at most 1 and, but in running sums, add up to 1.
  if (operand == "out" || operand == "acc")
    tolerance.absolute += operand == "out" ? weightError : weightError * size("N");
  if (rowSize == 0)
    rowSize = std::max<int64_t>(1, expected.shape.back());
  Comparison comparison =
      compare(getFloats(operand, order), expected.data, rowSize, tolerance, slack);
  if (!comparison.equal)
    return fail(operand + ": " + comparison.message);
  if (tolerance.rounding == 0 && tolerance.absolute == 0 && slack.empty()) {
    double &error = report.errors[name + " " + operand];
    error = std::max(error, comparison.error);
  }
}
