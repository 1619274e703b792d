//===- Kernel.h - A compiled op and its data --------------------*- C++ -*-===//
//
// A kernel is a function with one op. Operands have names and dims with names; a
// name tells which oracle tensor goes there, so that layouts are a matter of the
// order of the dims.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_UNITTESTS_DIFFERENTIAL_KERNEL_H
#define DASHKV_UNITTESTS_DIFFERENTIAL_KERNEL_H

#include "../Compare.h"
#include "Backend.h"
#include "Random.h"
#include "dashkv/Reference/Tensor.h"
#include <map>
#include <set>
#include <string>
#include <vector>

namespace dashkv::testing {

using reference::Tensor;
using Names = std::vector<std::string>;

/// Rounds each value to one that `element` holds (f32, f16, bf16, f8E4M3FN, i8).
void roundTo(const std::string &element, Tensor<float> &tensor);

/// What happened over all seeds.
struct Report {
  std::set<std::string> classes;        // what was exercised
  std::map<std::string, double> errors; // op to largest relative error
  int64_t dataSets = 0, bits = 0, uncertainBits = 0;
};

class Kernel {
public:
  Kernel(mlir::MLIRContext &context, Backend &backend, Random &random, Report &report)
      : random(random), report(report), context(context), backend(backend) {}

  Random &random;
  Report &report;
  /// Notes that a class of inputs was exercised.
  void hit(const std::string &name) { report.classes.insert(name); }
  std::string name; // of the op

  //===--- Declaring ---------------------------------------------------===//
  void addDim(const std::string &dim, int64_t size, bool dynamic = false);
  /// A new size of a dynamic dim for the next data set.
  void resize(const std::string &dim, int64_t size);
  int64_t size(const std::string &dim) const;
  std::vector<int64_t> sizes(const Names &dims) const;
  bool isDynamic(const std::string &dim) const;

  /// An argument of the function. Dims are names of addDim or numbers.
  void addArgument(const std::string &operand, const std::string &element, Names dims);
  /// An operand of `outs` that is not read: an argument full of garbage or,
  /// where sizes are static, a tensor.empty.
  void addInit(const std::string &operand, const std::string &element, Names dims);
  bool hasTileConfigs() const { return backend.hasTileConfigs(); }
  bool has(const std::string &operand) const { return operands.count(operand); }
  const std::string &element(const std::string &operand) const;
  const Names &dims(const std::string &operand) const;

  /// ` keyword(%a, %b : type, type)`, or nothing when the first operand was not
  /// declared.
  std::string group(const std::string &keyword, const Names &names) const;
  /// Sets the op: everything between its name and its attributes, and the
  /// operands of its outs in the order of the results.
  void setOp(const std::string &text, const Names &attributes, const Names &results);

  //===--- Running -----------------------------------------------------===//
  /// Compiles the function; returns an error message or nothing.
  std::string compile();
  const std::string &getText() const { return text; }

  /// The data of an argument, in the order `order` of its dims (as declared when
  /// empty). Floats must be rounded already.
  void set(const std::string &operand, const Tensor<float> &tensor, Names order = {});
  template <class T> void setInts(const std::string &operand, const Tensor<T> &tensor);
  /// Calls the function with the data set since the last call.
  void run();

  //===--- Comparing ---------------------------------------------------===//
  template <class T> void expectInts(const std::string &operand, const Tensor<T> &expected);
  void expectFloats(const std::string &operand, const Tensor<float> &expected, Names order = {},
                    Tolerance tolerance = {}, const std::vector<double> &slack = {},
                    int64_t rowSize = 0);
  template <class T> std::vector<T> getInts(const std::string &operand) const;
  std::vector<float> getFloats(const std::string &operand, const Names &order) const;
  void fail(const std::string &message);
  const std::string &getFailure() const { return failure; }

private:
  struct Dim {
    int64_t size;
    bool dynamic;
  };
  struct Operand {
    std::string element;
    Names dims;
    bool isArgument, isInit;
  };
  /// Largest finite magnitude of an argument.
  double getLargest(const std::string &operand) const;
  /// What rounding the weights of softmax can do to a weighted sum of values.
  double getWeightError() const;
  std::string typeOf(const Operand &operand) const;
  mlir::dashkv::Array allocate(const Operand &operand) const;
  const mlir::dashkv::Array &result(const std::string &operand) const;

  mlir::MLIRContext &context;
  Backend &backend;
  std::map<std::string, Dim> dimSizes;
  std::map<std::string, Operand> operands;
  Names arguments, results;
  std::string text, failure;
  double weightError = 0; // of the last run
  std::unique_ptr<Executable> executable;
  std::map<std::string, mlir::dashkv::Array> data;
};

} // namespace dashkv::testing

#endif // DASHKV_UNITTESTS_DIFFERENTIAL_KERNEL_H
