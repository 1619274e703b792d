//===- PlanValues.cpp - Host values of a GPU plan -------------------------===//
#include "PlanValues.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::dashkv;
namespace json = llvm::json;

int PlanValues::addValue(StringRef op, StringRef type, ArrayRef<int> operands, json::Object more) {
  if (more.empty()) {
    auto [it, isNew] = known.try_emplace({op.str(), type.str(), operands.vec()}, values.size());
    if (!isNew)
      return it->second;
  }
  json::Object value = std::move(more);
  value["op"] = op.str(); // JSON would keep a reference
  value["type"] = type.str();
  if (!operands.empty())
    value["operands"] = json::Array(operands);
  values.push_back(std::move(value));
  return static_cast<int>(values.size()) - 1;
}

int PlanValues::addConstant(int64_t value, StringRef type) {
  auto [it, isNew] = constants.try_emplace({type.str(), value}, -1);
  if (isNew) {
    it->second = addValue("constant", type, {}, json::Object{{"value", value}});
    if (type != "f32")
      constantValues[it->second] = value;
  }
  return it->second;
}

std::optional<int64_t> PlanValues::getConstant(int value) const {
  auto it = constantValues.find(value);
  return it == constantValues.end() ? std::nullopt : std::optional(it->second);
}

int PlanValues::multiply(int a, int b) {
  std::optional<int64_t> x = getConstant(a), y = getConstant(b);
  if (x && y)
    return addConstant(*x * *y);
  if (x == 1)
    return b;
  return y == 1 ? a : addValue("muli", "index", {a, b});
}

int PlanValues::add(int a, int b) {
  std::optional<int64_t> x = getConstant(a), y = getConstant(b);
  if (x && y)
    return addConstant(*x + *y);
  if (x == 0)
    return b;
  return y == 0 ? a : addValue("addi", "index", {a, b});
}

int PlanValues::select(int condition, int a, int b) {
  return a == b ? a : addValue("select", "index", {condition, a, b});
}

SmallVector<int> PlanValues::getDenseStrides(ArrayRef<int> sizes) {
  SmallVector<int> strides(sizes.size());
  int stride = addConstant(1);
  for (int64_t i = sizes.size() - 1; i >= 0; --i) {
    strides[i] = stride;
    stride = multiply(stride, sizes[i]);
  }
  return strides;
}

/// Calls `visit` for every reference to a value in an object of a plan.
static void visitValues(json::Value &node, function_ref<void(json::Value &)> visit) {
  if (json::Array *list = node.getAsArray()) {
    for (json::Value &element : *list)
      visitValues(element, visit);
    return;
  }
  json::Object *object = node.getAsObject();
  if (!object)
    return;
  for (auto &[key, value] : *object) {
    bool holdsMany = key == "operands" || key == "grid" || key == "block" || key == "shape";
    bool holdsOne = key == "value" || key == "offset" || key == "bytes" || key == "condition" ||
                    key == "shared";
    if (holdsOne && value.getAsInteger())
      visit(value);
    else if (json::Array *list = holdsMany ? value.getAsArray() : nullptr) {
      for (json::Value &element : *list) {
        if (element.getAsInteger())
          visit(element);
        else
          visitValues(element, visit);
      }
    } else {
      visitValues(value, visit);
    }
  }
}

void PlanValues::finish(json::Object &function) {
  std::vector<bool> used(values.size());
  auto mark = [&](json::Value &reference) { used[*reference.getAsInteger()] = true; };
  for (StringRef key : {"results", "buffers", "steps"})
    visitValues(*function.get(key), mark);
  // Operands come first.
  for (size_t i = values.size(); i-- > 0;)
    if (json::Array *operands = values[i].getAsObject()->getArray("operands"); used[i] && operands)
      for (json::Value &operand : *operands)
        mark(operand);
  std::vector<int64_t> numbers(values.size());
  json::Array kept;
  auto renumber = [&](json::Value &reference) { reference = numbers[*reference.getAsInteger()]; };
  for (size_t i = 0; i < values.size(); ++i) {
    if (!used[i])
      continue;
    numbers[i] = static_cast<int64_t>(kept.size());
    if (json::Array *operands = values[i].getAsObject()->getArray("operands"))
      for (json::Value &operand : *operands)
        renumber(operand);
    kept.push_back(std::move(values[i]));
  }
  for (StringRef key : {"results", "buffers", "steps"})
    visitValues(*function.get(key), renumber);
  function["values"] = std::move(kept);
}
