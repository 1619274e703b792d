//===- Tensor.h - Dense arrays of the oracle --------------------*- C++ -*-===//
#ifndef DASHKV_REFERENCE_TENSOR_H
#define DASHKV_REFERENCE_TENSOR_H

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <utility>
#include <vector>

namespace dashkv::reference {

/// Ends the process when a caller breaks a contract: a wrong oracle must not go
/// on, and this library uses no exceptions.
inline void require(bool condition, const char *contract) {
  if (condition)
    return;
  std::fprintf(stderr, "reference: expected %s\n", contract);
  std::abort();
}

/// A dense row-major array; without a shape it stands for an absent operand.
template <class T> struct Tensor {
  std::vector<int64_t> shape;
  std::vector<T> data;

  Tensor() = default;
  explicit Tensor(std::vector<int64_t> sizes, T fill = T())
      : shape(std::move(sizes)), data(getNumElements(shape), fill) {}
  Tensor(std::vector<int64_t> sizes, std::initializer_list<T> values)
      : Tensor(std::move(sizes), std::vector<T>(values)) {}
  Tensor(std::vector<int64_t> sizes, std::vector<T> values)
      : shape(std::move(sizes)), data(std::move(values)) {
    require(static_cast<int64_t>(data.size()) == getNumElements(shape),
            "as many values as the shape has elements");
  }

  bool isGiven() const { return !shape.empty(); }
  int64_t size(unsigned dim) const { return shape[dim]; }

  /// Element at the given indices, one a dim.
  template <class... Indices> const T &operator()(Indices... indices) const {
    return data[offset({static_cast<int64_t>(indices)...})];
  }
  template <class... Indices> T &operator()(Indices... indices) {
    return data[offset({static_cast<int64_t>(indices)...})];
  }

private:
  static int64_t getNumElements(const std::vector<int64_t> &shape) {
    int64_t count = 1;
    for (int64_t size : shape)
      count *= size;
    return count;
  }
  template <size_t Rank> int64_t offset(const int64_t (&indices)[Rank]) const {
    require(Rank == shape.size(), "one index a dim");
    int64_t result = 0;
    for (size_t i = 0; i < Rank; ++i) {
      require(0 <= indices[i] && indices[i] < shape[i], "an index in range");
      result = result * shape[i] + indices[i];
    }
    return result;
  }
};

} // namespace dashkv::reference

#endif // DASHKV_REFERENCE_TENSOR_H
