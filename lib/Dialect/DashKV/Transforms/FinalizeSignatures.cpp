//===- FinalizeSignatures.cpp - Functions as callers outside MLIR see them ===//
//
// A cache that a step updates in place and returns is the caller's buffer.
// Upstream's drop-equivalent-buffer-results leaves public functions alone, and
// the deallocation pipeline would then copy the whole cache to return it.
//
//===----------------------------------------------------------------------===//
#include "dashkv/Dialect/DashKV/Transforms/Passes.h"
#include "dashkv/Dialect/DashKV/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace mlir::dashkv {
#define GEN_PASS_DEF_FINALIZESIGNATURESPASS
#include "dashkv/Dialect/DashKV/Transforms/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;
using namespace mlir::dashkv;

SmallVector<int> mlir::dashkv::findReturnedArguments(func::FuncOp function) {
  SmallVector<int> aliases(function.getNumResults(), -1);
  // A caller within the module would have to change with the function.
  if (!llvm::hasSingleElement(function.getBody()) ||
      !SymbolTable::symbolKnownUseEmpty(function, function->getParentOp()))
    return aliases;
  for (auto [i, value] :
       llvm::enumerate(function.getBody().front().getTerminator()->getOperands())) {
    Value result = value;
    while (auto cast = result.getDefiningOp<memref::CastOp>())
      result = cast.getSource();
    auto argument = dyn_cast<BlockArgument>(result);
    if (argument && isa<MemRefType>(argument.getType()) && argument.getType() == value.getType())
      aliases[i] = argument.getArgNumber();
  }
  return aliases;
}

/// Whether anything may write to the memory that `value` refers to.
static bool isWritten(Value value) {
  return llvm::any_of(value.getUsers(), [&](Operation *user) {
    if (isa<ViewLikeOpInterface>(user))
      return llvm::any_of(user->getResults(), isWritten);
    if (isa<func::ReturnOp>(user) || isMemoryEffectFree(user))
      return false;
    auto effects = dyn_cast<MemoryEffectOpInterface>(user);
    return !effects || effects.getEffectOnValue<MemoryEffects::Write>(value).has_value();
  });
}

SmallVector<bool> mlir::dashkv::findWrittenArguments(func::FuncOp function) {
  return llvm::map_to_vector(function.getArguments(), [](BlockArgument argument) {
    return isa<MemRefType>(argument.getType()) && isWritten(argument);
  });
}

namespace {
struct FinalizeSignaturesPass
    : mlir::dashkv::impl::FinalizeSignaturesPassBase<FinalizeSignaturesPass> {
  using Base::Base;
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      // Roles are for tools; LLVM would warn about attributes it does not know.
      for (unsigned i = 0; i < function.getNumArguments(); ++i)
        function.removeArgAttr(i, StringAttr::get(&getContext(), kRoleAttrName));
      for (unsigned i = 0; i < function.getNumResults(); ++i)
        function.removeResultAttr(i, StringAttr::get(&getContext(), kRoleAttrName));
      SmallVector<int> aliases = findReturnedArguments(function);
      BitVector drop(aliases.size());
      for (auto [i, alias] : llvm::enumerate(aliases))
        if (alias >= 0)
          drop.set(i);
      if (drop.none())
        continue;
      function.getBody().front().getTerminator()->eraseOperands(drop);
      if (failed(function.eraseResults(drop)))
        return signalPassFailure();
    }
  }
};
} // namespace
