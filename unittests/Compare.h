//===- Compare.h - How floats are compared with the oracle ------*- C++ -*-===//
#ifndef DASHKV_UNITTESTS_COMPARE_H
#define DASHKV_UNITTESTS_COMPARE_H

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

namespace dashkv::testing {

/// An element may differ by `relative` of the largest magnitude in its row, for
/// sums lose accuracy relative to their largest terms, plus the error of rounding
/// to its own type. A row of zeros must be zeros.
struct Tolerance {
  double relative = 1e-5;
  /// On top of it, whatever the row.
  double absolute = 0;
  /// Half an ulp of a narrow type, relative and for denormals: 2^-11 and 2^-25
  /// for f16, 2^-8 for bf16.
  double rounding = 0, smallest = 0;
  /// Least correlation of all elements. An error in a few rows of small numbers,
  /// or a mistake that a generous tolerance hides, shows here.
  double correlation = 0.9999;
};

struct Comparison {
  bool equal = true;
  std::string message;    // the first difference, empty when equal
  double error = 0;       // largest difference, relative to its row
  double correlation = 1; // of the finite elements
};

/// Compares rows of `rowSize` elements. `slack` is an optional allowance on top
/// of `relative`, one a row, for rows whose conditioning is known to be worse.
/// Infinities and NaN must stand in the same places.
inline Comparison compare(const std::vector<float> &actual, const std::vector<float> &expected,
                          int64_t rowSize, const Tolerance &tolerance = {},
                          const std::vector<double> &slack = {}) {
  Comparison result;
  auto fail = [&](const std::string &message) {
    if (result.equal)
      result.message = message;
    result.equal = false;
  };
  if (actual.size() != expected.size()) {
    fail("expected " + std::to_string(expected.size()) + " elements, but got " +
         std::to_string(actual.size()));
    return result;
  }
  double count = 0, sumA = 0, sumE = 0, squareA = 0, squareE = 0, product = 0;
  for (size_t begin = 0; begin < expected.size(); begin += rowSize) {
    size_t end = std::min(expected.size(), begin + rowSize);
    double largest = 0;
    for (size_t i = begin; i < end; ++i)
      if (std::isfinite(expected[i]))
        largest = std::max<double>(largest, std::fabs(expected[i]));
    double relative = tolerance.relative + (slack.empty() ? 0 : slack[begin / rowSize]);
    for (size_t i = begin; i < end; ++i) {
      double a = actual[i], e = expected[i];
      bool same;
      if (std::isfinite(a) && std::isfinite(e)) {
        double difference = std::fabs(a - e);
        // A narrow type rounds a true value that may itself be off.
        double allowed = relative * largest + tolerance.absolute;
        allowed += std::max(tolerance.rounding * (std::fabs(e) + allowed), tolerance.smallest);
        same = difference <= allowed;
        if (difference > 0)
          result.error = std::max(result.error, difference / largest);
        ++count;
        sumA += a;
        sumE += e;
        squareA += a * a;
        squareE += e * e;
        product += a * e;
      } else {
        same = a == e || (std::isnan(a) && std::isnan(e));
      }
      if (!same) {
        std::ostringstream message;
        message.precision(9);
        message << "row " << begin / rowSize << " column " << i - begin << ": expected " << e
                << ", but got " << a << " (largest of the row " << largest << ")";
        fail(message.str());
      }
    }
  }
  double deviation = std::sqrt((squareA - sumA * sumA / count) * (squareE - sumE * sumE / count));
  // Constant arrays have no correlation.
  if (count > 1 && squareE - sumE * sumE / count > 1e-12 * squareE) {
    result.correlation = deviation > 0 ? (product - sumA * sumE / count) / deviation : 0;
    if (!(result.correlation >= tolerance.correlation))
      fail("expected a correlation of at least " + std::to_string(tolerance.correlation) +
           ", but got " + std::to_string(result.correlation));
  }
  return result;
}

} // namespace dashkv::testing

#endif // DASHKV_UNITTESTS_COMPARE_H
