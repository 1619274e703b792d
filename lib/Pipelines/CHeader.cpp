//===- CHeader.cpp - How C calls compiled functions -----------------------===//
#include "CHeader.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"
#include <set>

using namespace mlir;
using namespace mlir::dashkv;

/// The C type of a scalar, empty if there is none that is passed alike.
static std::string getScalarType(Type type) {
  if (type.isF32())
    return "float";
  if (type.isF64())
    return "double";
  if (type.isIndex())
    return "intptr_t";
  for (unsigned width : {8, 16, 32, 64})
    if (type.isInteger(width))
      return "int" + std::to_string(width) + "_t";
  return "";
}

/// Elements of a buffer: how C reads one.
static std::string describeElement(Type type) {
  if (std::string scalar = getScalarType(type); !scalar.empty())
    return scalar;
  if (type.isInteger(1))
    return "uint8_t, 0 or 1";
  unsigned width = type.getIntOrFloatBitWidth();
  return llvm::formatv("bits of {0} in uint{1}_t", type, width);
}

static bool isBuffer(Type type) { return isa<RankedTensorType, MemRefType>(type); }

static std::string getCType(Type type) {
  if (auto shaped = dyn_cast<ShapedType>(type))
    return "dashkv_memref" + std::to_string(shaped.getRank());
  return getScalarType(type);
}

FailureOr<std::vector<CFunction>> mlir::dashkv::findCFunctions(ModuleOp module) {
  std::vector<CFunction> functions;
  for (auto function : module.getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isExternal())
      continue;
    CFunction &entry = functions.emplace_back();
    entry.name = function.getName().str();
    llvm::append_range(entry.arguments, function.getArgumentTypes());
    llvm::append_range(entry.results, function.getResultTypes());
    for (Type type : llvm::concat<Type>(entry.arguments, entry.results)) {
      bool isKnown = isBuffer(type) ? cast<ShapedType>(type).getElementType().isIntOrIndexOrFloat()
                                    : !getScalarType(type).empty();
      if (!isKnown)
        return emitError(function.getLoc(), "expected types of C in the signature of '")
               << function.getName() << "', but got " << type;
    }
    for (unsigned i = 0; i < function.getNumArguments(); ++i) {
      auto role = function.getArgAttrOfType<StringAttr>(i, kRoleAttrName);
      entry.roles.push_back(role ? role.str() : "");
    }
    entry.aliases.assign(function.getNumResults(), -1);
  }
  return functions;
}

namespace {
/// Writes the declaration of one function.
struct Declaration {
  const CFunction &function;
  raw_ostream &os;
  std::vector<std::string> names;
  SmallVector<unsigned> returned;

  Declaration(const CFunction &function, raw_ostream &os) : function(function), os(os) {
    llvm::StringSet<> taken;
    for (auto [i, role] : llvm::enumerate(function.roles)) {
      std::string name = role;
      std::replace_if(name.begin(), name.end(), [](char c) { return !llvm::isAlnum(c); }, '_');
      if (name.empty() || !llvm::isAlpha(name[0]) || !taken.insert(name).second)
        name = "arg" + std::to_string(i);
      taken.insert(name);
      names.push_back(name);
    }
    for (unsigned i = 0; i < function.results.size(); ++i)
      if (function.aliases[i] < 0)
        returned.push_back(i);
  }

  void describe(StringRef name, Type type) {
    std::string text;
    llvm::raw_string_ostream(text) << type;
    os << llvm::formatv(" *   {0,-24} {1}", name, text);
    if (isBuffer(type))
      os << " (" << describeElement(cast<ShapedType>(type).getElementType()) << ")";
  }

  /// Several results, or one that is a descriptor, go where the first argument
  /// points to.
  bool hasResultPointer() const {
    return returned.size() > 1 || (returned.size() == 1 && isBuffer(function.results[returned[0]]));
  }

  void write() {
    std::string resultType = "void";
    if (returned.size() == 1)
      resultType = getCType(function.results[returned[0]]);
    os << "/* " << function.name << "\n";
    for (auto [i, type] : llvm::enumerate(function.arguments)) {
      describe(names[i], type);
      if (!function.roles[i].empty())
        os << ", role " << function.roles[i];
      os << "\n";
    }
    for (auto [i, type] : llvm::enumerate(function.results)) {
      bool isArgument = function.aliases[i] >= 0;
      describe(("result " + Twine(i)).str(), type);
      if (isArgument)
        os << ": none, " << names[function.aliases[i]] << " is updated in place";
      else if (isBuffer(type))
        os << ": free(allocated) is up to the caller";
      os << "\n";
    }
    os << " */\n";
    if (returned.size() > 1) {
      resultType = function.name + "_results";
      os << "typedef struct {\n";
      for (unsigned i : returned)
        os << "  " << getCType(function.results[i]) << " result" << i << ";\n";
      os << "} " << resultType << ";\n";
    }
    std::vector<std::string> parameters;
    if (hasResultPointer())
      parameters.push_back(resultType + (returned.size() > 1 ? " *results" : " *result"));
    for (auto [name, type] : llvm::zip(names, function.arguments))
      parameters.push_back(getCType(type) + (isBuffer(type) ? " *" : " ") + name);
    if (parameters.empty())
      parameters.push_back("void");
    os << (hasResultPointer() ? "void" : resultType) << " _mlir_ciface_" << function.name << "(";
    llvm::interleave(parameters, os, ",\n    ");
    os << ");\n\n";
  }
};
} // namespace

/// A descriptor, and a function that makes one of a dense buffer. Headers of
/// several modules may be included together.
static void writeDescriptor(int64_t rank, raw_ostream &os) {
  auto join = [&](const char *format, StringRef separator) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    llvm::interleave(
        llvm::seq<int64_t>(0, rank), stream, [&](int64_t i) { stream << llvm::formatv(format, i); },
        separator);
    return text;
  };
  os << llvm::formatv("#ifndef DASHKV_MEMREF{0}\n#define DASHKV_MEMREF{0}\n", rank);
  os << "typedef struct {\n  void *allocated, *aligned;\n  int64_t offset";
  if (rank)
    os << llvm::formatv(", sizes[{0}], strides[{0}]", rank);
  os << llvm::formatv(";\n} dashkv_memref{0};\n\n", rank);
  os << llvm::formatv("static inline dashkv_memref{0} dashkv_make_memref{0}(void *data{1}{2}) {{\n",
                      rank, rank ? ", " : "", join("int64_t size{0}", ", "));
  os << llvm::formatv("  dashkv_memref{0} m;\n  m.allocated = m.aligned = data;\n  m.offset = 0;\n",
                      rank);
  for (int64_t i = 0; i < rank; ++i)
    os << llvm::formatv("  m.sizes[{0}] = size{0};\n", i);
  for (int64_t i = rank - 1; i >= 0; --i) {
    os << llvm::formatv("  m.strides[{0}] = ", i);
    if (i + 1 == rank)
      os << "1;\n";
    else
      os << llvm::formatv("m.strides[{0}] * size{0};\n", i + 1);
  }
  os << "  return m;\n}\n#endif\n\n";
}

void mlir::dashkv::writeCHeader(ArrayRef<CFunction> functions, StringRef target,
                                bool usesHostThreads, raw_ostream &os) {
  os << "/* Written by dashkv-compile for " << target << ".\n"
     << " *\n"
     << " * Buffers are passed as pointers to descriptors: the element at indices i, j, ... is\n"
     << " * aligned[offset + i * strides[0] + j * strides[1] + ...], and rows are dense\n"
     << " * (dashkv_make_memrefN). Functions keep no state: calls with different buffers may run\n"
     << " * at the same time.\n"
     << " */\n"
     << "#pragma once\n#include <stdint.h>\n\n"
     << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
  std::set<int64_t> ranks;
  for (const CFunction &function : functions)
    for (Type type : llvm::concat<const Type>(function.arguments, function.results))
      if (isBuffer(type))
        ranks.insert(cast<ShapedType>(type).getRank());
  for (int64_t rank : ranks)
    writeDescriptor(rank, os);
  for (const CFunction &function : functions)
    Declaration(function, os).write();
  if (usesHostThreads)
    os << "/* Up to the program that calls: calls body(context, i) for each i below count, in any\n"
       << " * order and on any threads, and returns when all are done.\n"
       << " */\n"
       << "void dashkv_parallel_for(void (*body)(void *context, int64_t i), void *context,\n"
       << "                         int64_t count);\n\n";
  os << "#ifdef __cplusplus\n}\n#endif\n";
}
