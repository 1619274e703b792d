//===- Array.h - Dense arrays and .npy files --------------------*- C++ -*-===//
#ifndef DASHKV_RUNTIME_ARRAY_H
#define DASHKV_RUNTIME_ARRAY_H

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileOutputBuffer.h"
#include <memory>

namespace mlir::dashkv {

/// A dense row-major array in host memory. Copies share the data.
struct Array {
  /// NumPy's kind and size, as in `f4`, `i1`, `b1`; `V2` and `u2` also hold bf16
  /// bits, `V1` and `u1` those of f8.
  std::string dtype;
  SmallVector<int64_t> shape;
  std::shared_ptr<std::vector<char>> data;

  int64_t getNumElements() const;
  int64_t getElementSize() const;
  template <typename T> T *as() const { return reinterpret_cast<T *>(data->data()); }

  /// The array of zeros that a tensor of static `type` holds.
  static Array zeros(RankedTensorType type);
  /// Whether the array can be passed for a tensor of `type`.
  bool matches(RankedTensorType type) const;
  /// `f4[1, 8, 128]`.
  std::string describe() const;

  /// Reads version 1 to 3 of the format: little endian, C order, plain types.
  static llvm::Expected<Array> readNpy(StringRef path);
  /// Writes a temporary file, which `commit()` of the result renames to `path`;
  /// without it nothing is left behind.
  llvm::Expected<std::unique_ptr<llvm::FileOutputBuffer>> prepareNpy(StringRef path) const;
};

/// The dtype that holds elements of `type`, empty if none does.
StringRef getDtype(Type type);

/// Element `i` as a double, whatever the element type.
double getElement(const Array &array, Type type, int64_t i);

} // namespace mlir::dashkv

#endif // DASHKV_RUNTIME_ARRAY_H
