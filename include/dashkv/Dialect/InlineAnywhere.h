//===- InlineAnywhere.h - Dialects that the inliner may move ----*- C++ -*-===//
#ifndef DASHKV_DIALECT_INLINEANYWHERE_H
#define DASHKV_DIALECT_INLINEANYWHERE_H

#include "mlir/Transforms/InliningUtils.h"

namespace mlir::dashkv {

/// For dialects whose ops mean the same in every function.
struct InlineAnywhere : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;
  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final { return true; }
  bool isLegalToInline(Region *, Region *, bool, IRMapping &) const final { return true; }
};

} // namespace mlir::dashkv

#endif // DASHKV_DIALECT_INLINEANYWHERE_H
