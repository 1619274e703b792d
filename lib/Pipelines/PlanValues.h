//===- PlanValues.h - Host values of a GPU plan -----------------*- C++ -*-===//
#ifndef DASHKV_LIB_PIPELINES_PLANVALUES_H
#define DASHKV_LIB_PIPELINES_PLANVALUES_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/JSON.h"
#include <map>
#include <optional>
#include <tuple>
#include <vector>

namespace mlir::dashkv {

/// Builds the list of numbers that the host computes; a number is its position
/// in the list.
class PlanValues {
public:
  int addValue(StringRef op, StringRef type, ArrayRef<int> operands,
               llvm::json::Object more = llvm::json::Object());
  int addConstant(int64_t value, StringRef type = "index");
  std::optional<int64_t> getConstant(int value) const;

  // Of index, folded where that is easy.
  int multiply(int a, int b);
  int add(int a, int b);
  int select(int condition, int a, int b);
  /// Strides of a dense array of these sizes.
  SmallVector<int> getDenseStrides(ArrayRef<int> sizes);

  /// Puts what the results, buffers and steps of `function` need in its `values`,
  /// and renumbers these.
  void finish(llvm::json::Object &function);

private:
  llvm::json::Array values;
  /// Those of operands alone.
  std::map<std::tuple<std::string, std::string, std::vector<int>>, int> known;
  std::map<std::pair<std::string, int64_t>, int> constants;
  DenseMap<int, int64_t> constantValues; ///< of integers
};

} // namespace mlir::dashkv

#endif // DASHKV_LIB_PIPELINES_PLANVALUES_H
