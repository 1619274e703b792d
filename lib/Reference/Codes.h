//===- Codes.h - Reading codes ----------------------------------*- C++ -*-===//
#ifndef DASHKV_LIB_REFERENCE_CODES_H
#define DASHKV_LIB_REFERENCE_CODES_H

#include "dashkv/Reference/Reference.h"

namespace dashkv::reference {

/// The two forms of a query code as one: a packed code is the weighted code
/// whose weights are -1 and +1.
struct CodeReader {
  const Tensor<int8_t> &query, &keys;
  int64_t bits;
  bool weighted;

  CodeReader(const Tensor<int8_t> &query, const Tensor<int8_t> &keys);
  bool keyBit(int64_t b, int64_t kv, int64_t n, int64_t bit) const;
  int queryWeight(int64_t b, int64_t h, int64_t m, int64_t bit) const;
  int distance(int64_t b, int64_t h, int64_t m, int64_t n) const;
};

/// What an encoder makes of one vector of head `head`.
std::vector<double> encodeVector(const Encoder &encoder, int64_t head, std::vector<double> x);

} // namespace dashkv::reference

#endif // DASHKV_LIB_REFERENCE_CODES_H
