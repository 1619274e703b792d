//===- GPUProducts.cpp - Plans as text, and kernel bundles ----------------===//
#include "dashkv/Pipelines/GPUPlan.h"
#include "dashkv/Runtime/KernelBundle.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mlir::dashkv;
namespace json = llvm::json;

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

namespace {
/// Prints one function: a0.. are arguments, w0.. buffers, v0.. host values.
class PlanPrinter {
public:
  PlanPrinter(const json::Object &function, const json::Array &kernels, StringRef prefix,
              raw_ostream &os)
      : kernels(kernels), values(*function.getArray("values")),
        buffers(*function.getArray("buffers")), function(function), prefix(prefix), os(os) {}
  void print();

private:
  raw_ostream &line() { return os << prefix << "  "; }
  void printTensor(const json::Object &tensor);
  void printValue(const json::Value &value);
  void printList(const json::Array *list);
  void printBuffer(int64_t buffer);
  void printAddress(const json::Object &address);
  void printSteps(const json::Array &steps, const std::string &indentation);

  const json::Array &kernels, &values, &buffers;
  const json::Object &function;
  StringRef prefix;
  raw_ostream &os;
};
} // namespace

void PlanPrinter::printValue(const json::Value &value) {
  int64_t id = *value.getAsInteger();
  const json::Object &described = *values[id].getAsObject();
  if (*described.getString("op") != "constant") {
    os << "v" << id;
    return;
  }
  int64_t constant = *described.getInteger("value");
  if (*described.getString("type") == "f32")
    os << llvm::bit_cast<float>(static_cast<uint32_t>(constant));
  else
    os << constant;
}

void PlanPrinter::printList(const json::Array *list) {
  os << "(";
  llvm::interleaveComma(*list, os, [&](const json::Value &value) { printValue(value); });
  os << ")";
}

void PlanPrinter::printTensor(const json::Object &tensor) {
  os << *tensor.getString("dtype") << "[";
  llvm::interleaveComma(*tensor.getArray("shape"), os, [&](const json::Value &size) {
    if (*size.getAsInteger() < 0)
      os << "?";
    else
      os << *size.getAsInteger();
  });
  os << "]";
}

void PlanPrinter::printBuffer(int64_t buffer) {
  if (std::optional<int64_t> argument = buffers[buffer].getAsObject()->getInteger("argument"))
    os << "a" << *argument;
  else
    os << "w" << buffer;
}

void PlanPrinter::printAddress(const json::Object &address) {
  printBuffer(*address.getInteger("buffer"));
  if (const json::Value *offset = address.get("offset")) {
    os << " + ";
    printValue(*offset);
  }
}

void PlanPrinter::printSteps(const json::Array &steps, const std::string &indentation) {
  for (const json::Value &element : steps) {
    const json::Object &step = *element.getAsObject();
    StringRef kind = *step.getString("step");
    line() << indentation;
    if (kind == "launch") {
      StringRef name = *step.getString("kernel");
      os << name;
      for (const json::Value &kernel : kernels)
        if (*kernel.getAsObject()->getString("name") == name &&
            *kernel.getAsObject()->getBoolean("resident"))
          os << " (resident)";
      os << " grid ";
      printList(step.getArray("grid"));
      os << " block ";
      printList(step.getArray("block"));
      if (const json::Value *shared = step.get("shared")) {
        os << " shared ";
        printValue(*shared);
      }
      os << " operands (";
      llvm::interleaveComma(*step.getArray("operands"), os, [&](const json::Value &operand) {
        if (const json::Value *value = operand.getAsObject()->get("value"))
          printValue(*value);
        else
          printAddress(*operand.getAsObject());
      });
      os << ")\n";
    } else if (kind == "copy") {
      os << "copy ";
      printValue(*step.get("bytes"));
      os << " bytes from ";
      printAddress(*step.getObject("from"));
      os << " to ";
      printAddress(*step.getObject("to"));
      os << "\n";
    } else if (kind == "check") {
      os << "check ";
      printValue(*step.get("condition"));
      os << ": " << *step.getString("message") << "\n";
    } else {
      os << "if ";
      printValue(*step.get("condition"));
      os << " {\n";
      printSteps(*step.getArray("then"), indentation + "  ");
      if (!step.getArray("else")->empty()) {
        line() << indentation << "} else {\n";
        printSteps(*step.getArray("else"), indentation + "  ");
      }
      line() << indentation << "}\n";
    }
  }
}

void PlanPrinter::print() {
  os << prefix << *function.getString("name") << "\n";
  for (auto [i, value] : llvm::enumerate(*function.getArray("arguments"))) {
    const json::Object &argument = *value.getAsObject();
    line() << "a" << i << ": ";
    printTensor(argument);
    if (std::optional<StringRef> role = argument.getString("role"))
      os << " " << *role;
    os << "\n";
  }
  for (auto [i, value] : llvm::enumerate(values)) {
    const json::Object &described = *value.getAsObject();
    StringRef op = *described.getString("op");
    if (op == "constant")
      continue;
    line() << "v" << i << " = " << op;
    if (op == "dim")
      os << "(a" << *described.getInteger("argument") << ", " << *described.getInteger("dim")
         << ")";
    else if (const json::Array *operands = described.getArray("operands"))
      printList(operands);
    os << "\n";
  }
  for (auto [i, value] : llvm::enumerate(buffers)) {
    const json::Object &buffer = *value.getAsObject();
    if (buffer.get("argument"))
      continue;
    line() << "w" << i << ": ";
    if (const json::Value *condition = buffer.get("condition")) {
      printBuffer(*buffer.getInteger("then"));
      os << " if ";
      printValue(*condition);
      os << ", else ";
      printBuffer(*buffer.getInteger("else"));
    } else {
      printValue(*buffer.get("bytes"));
      os << " bytes";
    }
    if (std::optional<int64_t> result = buffer.getInteger("result"))
      os << ", result " << *result;
    if (std::optional<int64_t> init = buffer.getInteger("init"))
      os << ", each " << *init << " at first";
    if (buffer.get("data"))
      os << ", a constant";
    os << "\n";
  }
  printSteps(*function.getArray("steps"), "");
}

void mlir::dashkv::printGPUPlan(const json::Object &plan, StringRef prefix, raw_ostream &os) {
  for (const json::Value &function : *plan.getArray("functions"))
    PlanPrinter(*function.getAsObject(), *plan.getArray("kernels"), prefix, os).print();
}

//===----------------------------------------------------------------------===//
// Bundles
//===----------------------------------------------------------------------===//

FailureOr<std::string> mlir::dashkv::makeKernelBundle(ArrayRef<GPUVariant> variants) {
  json::Array plans;
  std::vector<std::string> sections(1);
  for (const GPUVariant &variant : variants) {
    FailureOr<json::Object> plan = makeGPUPlan(variant.program, variant.target);
    if (failed(plan))
      return failure();
    (*plan)["ptx"] = static_cast<int64_t>(sections.size());
    sections.push_back(variant.program.ptx);
    if (!variant.cubin.empty()) {
      (*plan)["cubin"] = static_cast<int64_t>(sections.size());
      sections.push_back(variant.cubin);
    }
    plans.push_back(std::move(*plan));
  }
  sections[0] = llvm::formatv("{0}", json::Value(json::Object{{"variants", std::move(plans)}}));
  return ::dashkv::runtime::writeBundle(sections);
}
