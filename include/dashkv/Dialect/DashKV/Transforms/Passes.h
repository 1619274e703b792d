//===- Passes.h - Passes on the dashkv dialect ------------------*- C++ -*-===//
#ifndef DASHKV_DIALECT_DASHKV_TRANSFORMS_PASSES_H
#define DASHKV_DIALECT_DASHKV_TRANSFORMS_PASSES_H

#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Pass/Pass.h"

namespace mlir::dashkv {

/// Levels that dashkv-verify-contract knows.
enum class ContractLevel { Tiled, Portable, LLVM };

/// Who has a query code: each KV head or each query head.
enum class CodeHeads { Group, Head };
/// How dashkv-apply-tiering lays out the codes of keys.
enum class CodeLayout { KeyMajor, Planes };

#define GEN_PASS_DECL
#include "dashkv/Dialect/DashKV/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "dashkv/Dialect/DashKV/Transforms/Passes.h.inc"

} // namespace mlir::dashkv

#endif // DASHKV_DIALECT_DASHKV_TRANSFORMS_PASSES_H
