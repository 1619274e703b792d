//===- IREE.cpp - A library of dispatches for a stock IREE ----------------===//
//
// Writes, as text, ops of IREE's hal and flow dialects: the plan of a function
// (GPUPlan.h) on values instead of buffers. A dispatch returns what it writes, tied
// to the operand that held it before, so that nothing is copied.
//
//===----------------------------------------------------------------------===//
#include "IREE.h"
#include "dashkv/Pipelines/GPUPlan.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Base64.h"

using namespace mlir;
using namespace mlir::dashkv;
namespace json = llvm::json;

/// What IREE 3.13 takes.
static constexpr unsigned kMaxBindings = 16, kMaxConstants = 64;

/// Only shapes grids: how many multiprocessors the largest card of a chip has.
static int64_t guessMultiprocessors(StringRef chip) {
  return llvm::StringSwitch<int64_t>(chip)
      .StartsWith("sm_80", 108)
      .StartsWith("sm_8", 142)
      .StartsWith("sm_90", 132)
      .StartsWith("sm_10", 148)
      .Default(170);
}

namespace {
/// The type of a tensor, and its dynamic sizes as SSA names.
struct Tensor {
  std::string type, sizes;
  std::string print() const { return type + sizes; }
};

/// A buffer of the plan: its tensor, and the SSA name that holds it now.
struct State {
  Tensor tensor;
  std::string name;
};

/// Kernels by name, with their hal.executable.export.
using Exports = std::vector<std::pair<std::string, std::string>>;

/// One function of the plan.
class FunctionWriter {
public:
  FunctionWriter(const json::Object &function, const json::Object &plan, Location loc,
                 const NVPTXTarget &target, Exports &exports, SymbolTable &kernels)
      : function(function), plan(plan), loc(loc), target(target), exports(exports),
        kernels(kernels) {}
  LogicalResult write(raw_ostream &os);

private:
  void writeValues();
  void writeCast(const Twine &name, int64_t from, StringRef op, StringRef type);
  LogicalResult writeBuffers();
  LogicalResult writeSteps(const json::Array &steps);
  LogicalResult writeLaunch(const json::Object &step);
  LogicalResult writeCopy(const json::Object &step);
  LogicalResult writeIf(const json::Object &step);
  void addExport(const json::Object &step, const json::Object &kernel, ArrayRef<bool> written,
                 unsigned numConstants);
  Tensor getTensor(const json::Object &described, function_ref<std::string(int64_t)> size) const;
  Tensor getAllocated(const json::Object &buffer, int64_t index) const;
  const json::Object &value(int64_t id) const {
    return *function.getArray("values")->begin()[id].getAsObject();
  }
  std::optional<int64_t> getConstant(int64_t id) const {
    return value(id).getString("op") == "constant" ? value(id).getInteger("value") : std::nullopt;
  }
  std::string fresh() { return "%t" + std::to_string(numNames++); }
  InFlightDiagnostic error() {
    return emitError(loc) << "IREE cannot run @" << *function.getString("name") << ": ";
  }

  const json::Object &function, &plan;
  Location loc;
  const NVPTXTarget &target;
  Exports &exports;
  SymbolTable &kernels;
  std::string body;
  llvm::raw_string_ostream out{body};
  SmallVector<State> states;
  unsigned numNames = 0;
};
} // namespace

//===--- Values ------------------------------------------------------------===//

/// A conversion between numbers.
void FunctionWriter::writeCast(const Twine &name, int64_t from, StringRef op, StringRef type) {
  StringRef source = *value(from).getString("type");
  bool isUnsigned = op == "extui";
  if (source == type) {
    out << "    " << name << " = arith.select %true, %v" << from << ", %v" << from << " : " << type;
  } else if (source == "index" || type == "index") {
    out << "    " << name << " = arith.index_cast" << (isUnsigned ? "ui" : "") << " %v" << from
        << " : " << source << " to " << type;
  } else {
    unsigned fromBits = 0, toBits = 0;
    (void)source.drop_front().getAsInteger(10, fromBits);
    (void)type.drop_front().getAsInteger(10, toBits);
    out << "    " << name << " = arith." << (toBits < fromBits ? "trunci" : op) << " %v" << from
        << " : " << source << " to " << type;
  }
  out << "\n";
}

void FunctionWriter::writeValues() {
  out << "    %true = arith.constant true\n";
  const json::Array &values = *function.getArray("values");
  for (size_t i = 0; i < values.size(); ++i) {
    const json::Object &described = value(i);
    StringRef op = *described.getString("op"), type = *described.getString("type");
    SmallVector<int64_t> operands;
    if (const json::Array *list = described.getArray("operands"))
      for (const json::Value &operand : *list)
        operands.push_back(*operand.getAsInteger());
    std::string name = "%v" + std::to_string(i);
    if (op == "extsi" || op == "extui") {
      writeCast(name, operands[0], op, type);
      continue;
    }
    out << "    " << name << " = ";
    if (op == "constant" && type == "f32") {
      out << "arith.constant 0x" << llvm::utohexstr(*described.getInteger("value"), false, 8)
          << " : f32";
    } else if (op == "constant") {
      out << "arith.constant " << *described.getInteger("value") << " : " << type;
    } else if (op == "multiprocessors") {
      out << "arith.constant " << guessMultiprocessors(target.chip) << " : index";
    } else if (op == "dim") {
      int64_t argument = *described.getInteger("argument"), dim = *described.getInteger("dim");
      out << "arith.addi %a" << argument << "_" << dim << ", %zero : index";
    } else {
      bool isCompare = op.consume_front("cmp_");
      out << "arith." << (isCompare ? "cmpi " : "") << op << (isCompare ? ", " : " ");
      llvm::interleaveComma(operands, out, [&](int64_t operand) { out << "%v" << operand; });
      out << " : " << (isCompare ? *value(operands[0]).getString("type") : type);
    }
    out << "\n";
  }
}

//===--- Buffers -----------------------------------------------------------===//

Tensor FunctionWriter::getTensor(const json::Object &described,
                                 function_ref<std::string(int64_t)> size) const {
  std::string type = "tensor<", sizes;
  for (const auto &[dim, entry] : llvm::enumerate(*described.getArray("shape"))) {
    std::string name = size(dim);
    bool isDynamic = !name.empty() && name.front() == '%';
    type += (isDynamic ? "?" : name) + "x";
    if (isDynamic)
      sizes += (sizes.empty() ? "{" : ", ") + name;
  }
  return {type + described.getString("dtype")->str() + ">", sizes.empty() ? "" : sizes + "}"};
}

/// A result has the type that the caller sees, all others are bytes.
Tensor FunctionWriter::getAllocated(const json::Object &buffer, int64_t index) const {
  auto print = [&](int64_t id) {
    std::optional<int64_t> constant = getConstant(id);
    return constant ? std::to_string(*constant) : "%v" + std::to_string(id);
  };
  if (std::optional<int64_t> result = buffer.getInteger("result")) {
    const json::Object &described = *(*function.getArray("results"))[*result].getAsObject();
    return getTensor(described, [&](int64_t dim) {
      return print(*(*described.getArray("shape"))[dim].getAsInteger());
    });
  }
  std::string bytes = print(*buffer.getInteger("bytes"));
  if (bytes.front() != '%')
    return {"tensor<" + bytes + "xi8>", ""};
  return {"tensor<?xi8>", "{" + bytes + "}"};
}

LogicalResult FunctionWriter::writeBuffers() {
  const json::Array &arguments = *function.getArray("arguments");
  for (const auto &[i, entry] : llvm::enumerate(*function.getArray("buffers"))) {
    const json::Object &buffer = *entry.getAsObject();
    State &state = states.emplace_back();
    if (std::optional<int64_t> argument = buffer.getInteger("argument")) {
      const json::Object &described = *arguments[*argument].getAsObject();
      std::string name = "%a" + std::to_string(*argument);
      state.name = name;
      state.tensor = getTensor(described, [&](int64_t dim) {
        int64_t size = *(*described.getArray("shape"))[dim].getAsInteger();
        return size >= 0 ? std::to_string(size) : name + "_" + std::to_string(dim);
      });
      continue;
    }
    if (!buffer.get("bytes"))
      return error() << "a buffer is chosen at run time";
    state.tensor = getAllocated(buffer, i);
    state.name = fresh();
    if (std::optional<StringRef> base64 = buffer.getString("data")) {
      std::vector<char> data;
      llvm::cantFail(llvm::decodeBase64(*base64, data)); // of our own
      out << "    " << state.name << " = arith.constant dense<\"0x"
          << llvm::toHex(StringRef(data.data(), data.size())) << "\"> : " << state.tensor.print()
          << "\n";
      continue;
    }
    std::optional<int64_t> init = buffer.getInteger("init");
    if (init)
      out << "    %init" << i << " = arith.constant "
          << static_cast<int>(static_cast<int8_t>(*init)) << " : i8\n";
    out << "    " << state.name << " = flow.tensor."
        << (init ? "splat %init" + std::to_string(i) : "empty") << " : " << state.tensor.print()
        << "\n";
  }
  return success();
}

//===--- Steps -------------------------------------------------------------===//

void FunctionWriter::addExport(const json::Object &step, const json::Object &kernel,
                               ArrayRef<bool> written, unsigned numConstants) {
  StringRef name = *kernel.getString("name");
  if (llvm::any_of(exports, [&](const auto &entry) { return entry.first == name; }))
    return;
  int64_t sharedBytes = 0;
  if (std::optional<int64_t> id = step.getInteger("shared")) {
    // IREE wants a constant: all there is. Kernels know what they use of it.
    std::optional<int64_t> constant = getConstant(*id);
    sharedBytes = constant ? *constant : target.sharedBytes - *kernel.getInteger("shared");
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "    hal.executable.export public @" << name << " ordinal(" << exports.size()
     << ")\n        layout(#hal.pipeline.layout<constants = " << numConstants << ", bindings = [";
  llvm::interleaveComma(written, os, [&](bool isWritten) {
    os << "#hal.pipeline.binding<storage_buffer" << (isWritten ? ">" : ", ReadOnly>");
  });
  os << "]>)\n        count(%device: !hal.device, %x: index, %y: index, %z: index) -> (index, "
        "index, index) {\n      hal.return %x, %y, %z : index, index, index\n    } "
        "<workgroup_size = [";
  llvm::interleaveComma(*step.getArray("block"), os, [&](const json::Value &size) {
    os << getConstant(*size.getAsInteger()).value_or(1) << " : index";
  });
  os << "]";
  if (sharedBytes)
    os << ", workgroup_local_memory = " << sharedBytes;
  os << ">\n";
  exports.push_back({name.str(), text});
}

LogicalResult FunctionWriter::writeLaunch(const json::Object &step) {
  StringRef name = *step.getString("kernel");
  const json::Object *kernel = nullptr;
  for (const json::Value &entry : *plan.getArray("kernels"))
    if (entry.getAsObject()->getString("name") == name)
      kernel = entry.getAsObject();
  auto code = kernels.lookup<LLVM::LLVMFuncOp>(name);

  SmallVector<std::string> constants, operands, types;
  SmallVector<bool> written;
  SmallVector<int64_t> buffers;
  for (const auto &[i, entry] : llvm::enumerate(*step.getArray("operands"))) {
    const json::Object &operand = *entry.getAsObject();
    if (std::optional<int64_t> id = operand.getInteger("value")) {
      StringRef type = *value(*id).getString("type");
      std::string scalar = "%v" + std::to_string(*id), word = fresh();
      if (type == "i32") {
        constants.push_back(scalar);
      } else if (type == "f32") {
        out << "    " << word << " = arith.bitcast " << scalar << " : f32 to i32\n";
        constants.push_back(word);
      } else { // i64
        std::string shifted = fresh(), high = fresh(), bits = fresh();
        out << "    " << bits << " = arith.constant 32 : i64\n"
            << "    " << word << " = arith.trunci " << scalar << " : i64 to i32\n"
            << "    " << shifted << " = arith.shrui " << scalar << ", " << bits << " : i64\n"
            << "    " << high << " = arith.trunci " << shifted << " : i64 to i32\n";
        llvm::append_values(constants, word, high);
      }
      continue;
    }
    if (operand.get("offset"))
      return error() << "an argument of " << name << " points into a buffer";
    int64_t buffer = *operand.getInteger("buffer");
    buffers.push_back(buffer);
    written.push_back(mayWrite(code, i));
  }
  if (buffers.size() > kMaxBindings || constants.size() > kMaxConstants)
    return error() << name << " takes " << buffers.size() << " buffers and " << constants.size()
                   << " words, of " << kMaxBindings << " and " << kMaxConstants;

  // A buffer that is read and written through different parameters: the reader
  // gets its old value.
  for (size_t i = 0; i < buffers.size(); ++i) {
    State &state = states[buffers[i]];
    std::string operand = state.name;
    bool isOther = llvm::count(buffers, buffers[i]) > 1;
    for (size_t k = 0; k < i; ++k)
      if (written[i] && written[k] && buffers[k] == buffers[i])
        return error() << name << " writes a buffer through two arguments";
    if (isOther && !written[i]) {
      operand = fresh();
      out << "    " << operand << " = flow.tensor.clone " << state.name << " : "
          << state.tensor.print() << "\n";
    }
    operands.push_back(operand);
    types.push_back(state.tensor.print());
  }
  addExport(step, *kernel, written, constants.size());
  SmallVector<std::string> results, ties;
  for (size_t i = 0; i < buffers.size(); ++i) {
    if (!written[i])
      continue;
    results.push_back(fresh());
    ties.push_back(operands[i] + states[buffers[i]].tensor.sizes);
    states[buffers[i]].name = results.back();
  }
  out << "    ";
  llvm::interleaveComma(results, out);
  out << " = flow.dispatch @dashkv_kernels::@" << name << "[";
  llvm::interleaveComma(*step.getArray("grid"), out,
                        [&](const json::Value &size) { out << "%v" << *size.getAsInteger(); });
  out << "](";
  llvm::interleaveComma(llvm::concat<std::string>(constants, operands), out);
  out << ")\n        : (";
  SmallVector<std::string> words(constants.size(), "i32");
  llvm::interleaveComma(llvm::concat<std::string>(words, types), out);
  out << ") -> " << (ties.size() == 1 ? "" : "(");
  llvm::interleaveComma(ties, out);
  out << (ties.size() == 1 ? "" : ")") << "\n";
  return success();
}

LogicalResult FunctionWriter::writeCopy(const json::Object &step) {
  const json::Object &from = *step.getObject("from"), &to = *step.getObject("to");
  const State &source = states[*from.getInteger("buffer")];
  State &target = states[*to.getInteger("buffer")];
  // The plan copies whole buffers, of equal sizes.
  if (from.get("offset") || to.get("offset"))
    return error() << "a part of a buffer is copied";
  std::string name = fresh();
  if (source.tensor.print() == target.tensor.print())
    out << "    " << name << " = flow.tensor.clone " << source.name << " : "
        << source.tensor.print() << "\n";
  else
    out << "    " << name << " = flow.tensor.bitcast " << source.name << " : "
        << source.tensor.print() << " -> " << target.tensor.print() << "\n";
  target.name = name;
  return success();
}

LogicalResult FunctionWriter::writeIf(const json::Object &step) {
  SmallVector<State> before = states;
  std::string branches[2];
  SmallVector<State> after[2];
  std::string head = std::move(body);
  for (int i = 0; i < 2; ++i) {
    body.clear();
    states = before;
    if (failed(writeSteps(*step.getArray(i ? "else" : "then"))))
      return failure();
    branches[i] = std::move(body);
    after[i] = states;
  }
  body = std::move(head);
  states = before;
  SmallVector<size_t> changed;
  for (size_t i = 0; i < states.size(); ++i)
    if (after[0][i].name != before[i].name || after[1][i].name != before[i].name)
      changed.push_back(i);
  SmallVector<std::string> types;
  for (size_t i : changed) {
    states[i].name = fresh();
    types.push_back(states[i].tensor.type);
  }
  out << "    ";
  llvm::interleaveComma(changed, out, [&](size_t i) { out << states[i].name; });
  out << (changed.empty() ? "" : " = ") << "scf.if %v" << *step.getInteger("condition");
  if (!changed.empty())
    out << " -> (" << llvm::join(types, ", ") << ")";
  for (int k = 0; k < 2; ++k) {
    out << (k ? "    } else {\n" : " {\n") << branches[k];
    if (changed.empty())
      continue;
    out << "    scf.yield ";
    llvm::interleaveComma(changed, out, [&](size_t i) { out << after[k][i].name; });
    out << " : " << llvm::join(types, ", ") << "\n";
  }
  out << "    }\n";
  return success();
}

LogicalResult FunctionWriter::writeSteps(const json::Array &steps) {
  for (const json::Value &entry : steps) {
    const json::Object &step = *entry.getAsObject();
    StringRef kind = *step.getString("step");
    if (kind == "check") {
      out << "    cf.assert %v" << *step.getInteger("condition") << ", \"";
      llvm::printEscapedString(*step.getString("message"), out);
      out << "\"\n";
    } else if (failed(kind == "launch" ? writeLaunch(step)
                      : kind == "copy" ? writeCopy(step)
                                       : writeIf(step))) {
      return failure();
    }
  }
  return success();
}

LogicalResult FunctionWriter::write(raw_ostream &os) {
  writeValues();
  if (failed(writeBuffers()) || failed(writeSteps(*function.getArray("steps"))))
    return failure();

  const json::Array &buffers = *function.getArray("buffers");
  SmallVector<std::string> names, types, arguments;
  for (const auto &[i, entry] : llvm::enumerate(*function.getArray("results"))) {
    std::optional<int64_t> argument = entry.getAsObject()->getInteger("argument");
    for (const auto &[k, buffer] : llvm::enumerate(buffers)) {
      const json::Object &described = *buffer.getAsObject();
      if (argument ? described.getInteger("argument") == argument
                   : described.getInteger("result") == static_cast<int64_t>(i)) {
        names.push_back(states[k].name);
        types.push_back(states[k].tensor.type);
      }
    }
  }
  std::string sizes;
  for (const auto &[i, entry] : llvm::enumerate(*function.getArray("arguments"))) {
    std::string name = "%a" + std::to_string(i);
    const json::Array &shape = *entry.getAsObject()->getArray("shape");
    arguments.push_back(name + ": " + states[i].tensor.type);
    for (const auto &[dim, size] : llvm::enumerate(shape))
      if (*size.getAsInteger() < 0) {
        std::string index = name + "_" + std::to_string(dim);
        sizes += "    " + index + "_at = arith.constant " + std::to_string(dim) + " : index\n    " +
                 index + " = tensor.dim " + name + ", " + index + "_at : " + states[i].tensor.type +
                 "\n";
      }
  }
  os << "  func.func @" << *function.getString("name") << "(" << llvm::join(arguments, ", ")
     << ") -> (" << llvm::join(types, ", ") << ") {\n    %zero = arith.constant 0 : index\n"
     << sizes << body << "    return " << llvm::join(names, ", ") << (names.empty() ? "" : " : ")
     << llvm::join(types, ", ") << "\n  }\n";
  return success();
}

//===--- The library -------------------------------------------------------===//

FailureOr<std::string> mlir::dashkv::makeIREELibrary(const GPUProgram &program,
                                                     const NVPTXTarget &target) {
  FailureOr<json::Object> plan = makeGPUPlan(program, target);
  if (failed(plan))
    return failure();
  ModuleOp module = *program.module;
  SymbolTable kernels(*module.getOps<gpu::GPUModuleOp>().begin());
  Exports exports;
  std::string functions;
  llvm::raw_string_ostream os(functions);
  for (const json::Value &function : *plan->getArray("functions"))
    if (failed(FunctionWriter(*function.getAsObject(), *plan, module.getLoc(), target, exports,
                              kernels)
                   .write(os)))
      return failure();
  std::string text;
  llvm::raw_string_ostream library(text);
  library << "// For iree-link --link-module and iree-compile --iree-hal-target-device=cuda.\n"
          << "module @dashkv {\n  hal.executable.source private @dashkv_kernels <\n"
          << "    objects = #hal.executable.objects<{#hal.executable.target<\"cuda\", "
             "\"cuda-nvptx-fb\"> = [#hal.executable.object<{path = \"dashkv_kernels.ptx\", data = "
             "dense<\"0x"
          << llvm::toHex(program.ptx) << "\"> : vector<" << program.ptx.size()
          << "xi8>}>]}>\n  > {\n";
  for (const auto &[name, entry] : exports)
    library << entry;
  library << "  }\n" << functions << "}\n";
  return text;
}
