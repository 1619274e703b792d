//===- HostValues.h - Numbers that the host computes ------------*- C++ -*-===//
#ifndef DASHKV_LIB_RUNTIME_HOSTVALUES_H
#define DASHKV_LIB_RUNTIME_HOSTVALUES_H

#include "dashkv/Runtime/KernelBundle.h"

namespace dashkv::runtime {

/// Computes values when they are asked for: what only a branch that is not taken
/// needs may divide by zero.
class HostValues {
public:
  HostValues(const FunctionPlan &function, const std::vector<std::vector<int64_t>> &shapes,
             int multiprocessors)
      : function(function), shapes(shapes), multiprocessors(multiprocessors),
        known(function.values.size()) {}

  /// The value: an integer with its sign, of an f32 the bits.
  int64_t get(int value);
  bool isTrue(int value) { return get(value) & 1; }
  /// Whether something was divided by zero.
  bool hasFailed() const { return failed; }
  const std::vector<std::vector<int64_t>> &getShapes() const { return shapes; }

private:
  int64_t compute(const HostValue &value);

  const FunctionPlan &function;
  const std::vector<std::vector<int64_t>> &shapes;
  int multiprocessors;
  std::vector<std::optional<int64_t>> known;
  bool failed = false;
};

} // namespace dashkv::runtime

#endif // DASHKV_LIB_RUNTIME_HOSTVALUES_H
