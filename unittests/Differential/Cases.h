//===- Cases.h - One random kernel an op ------------------------*- C++ -*-===//
#ifndef DASHKV_UNITTESTS_DIFFERENTIAL_CASES_H
#define DASHKV_UNITTESTS_DIFFERENTIAL_CASES_H

#include "Operands.h"
#include <memory>

namespace dashkv::testing {

/// Declares a kernel, then draws data sets for it and compares.
class Case {
public:
  virtual ~Case() = default;
  virtual void declare(Kernel &kernel) = 0;
  virtual void check(Kernel &kernel, Flavor flavor) = 0;
};

/// The case of a seed: ops take turns, the more complex ones more often.
std::unique_ptr<Case> makeCase(uint64_t seed, std::string &op);

/// What a full run has to exercise (see Kernel::hit), of kernels or of the portable
/// lowering.
Names getRequiredClasses(bool kernels);

} // namespace dashkv::testing

#endif // DASHKV_UNITTESTS_DIFFERENTIAL_CASES_H
