//===- DashKVToVector.cpp - Emit the CPU kernels --------------------------===//
//
// Implements convert-dashkv-to-vector: each distinct op becomes a call of a
// private function, which the emitter of its family fills with vector code.
//
//===----------------------------------------------------------------------===//
#include "dashkv/Conversion/DashKVToVector.h"
#include "Emitters.h"
#include "dashkv/Conversion/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::dashkv {
#define GEN_PASS_DEF_CONVERTDASHKVTOVECTORPASS
#include "dashkv/Conversion/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;
using namespace mlir::dashkv;

#define DASHKV_VECTOR_OPS                                                                          \
  HashEncodeOp, HammingDistanceOp, RetrieveOp, OnlineAttentionOp, OnlineReduceOp,                  \
      EstimateScoresOp, MergeOp, FinalizeOp

std::string mlir::dashkv::whyNoKernel(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::string>(op)
      .Case<DASHKV_VECTOR_OPS>([](auto op) { return whyNoVectorKernel(op); })
      .Default([](Operation *) { return "the op has no CPU kernel"; });
}

/// Whether two ops of different functions are the same kernel.
static bool isSameKernel(Operation *a, Operation *b) {
  return OperationEquivalence::isEquivalentTo(a, b, OperationEquivalence::ignoreValueEquivalence,
                                              nullptr, OperationEquivalence::IgnoreLocations);
}

namespace {
struct ConvertDashKVToVectorPass
    : mlir::dashkv::impl::ConvertDashKVToVectorPassBase<ConvertDashKVToVectorPass> {
  using Base::Base;
  void getDependentDialects(DialectRegistry &registry) const override {
    Base::getDependentDialects(registry);
    VectorBuilder::registerIntrinsicEffects(registry);
  }
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<Operation *> ops;
    bool failed = false;
    module.walk([&](Operation *op) {
      if (!isa_and_nonnull<DashKVDialect>(op->getDialect()))
        return;
      std::string why;
      if (!getTileConfig(op))
        why = "it has no tile_config";
      else if (!cast<DestinationStyleOpInterface>(op).hasPureBufferSemantics())
        why = "it works on tensors";
      else
        why = whyNoKernel(op);
      if (!why.empty()) {
        emitError(op->getLoc()) << "no CPU kernel for " << op->getName() << ": " << why;
        failed = true;
      }
      ops.push_back(op);
    });
    if (failed)
      return signalPassFailure();

    SymbolTable symbols(module);
    // The op that each kernel started from, kept apart from its function.
    SmallVector<std::pair<Operation *, func::FuncOp>> kernels;
    for (Operation *op : ops) {
      auto it = llvm::find_if(kernels, [&](auto &k) { return isSameKernel(k.first, op); });
      func::FuncOp kernel = it == kernels.end() ? outline(op, symbols) : it->second;
      OpBuilder builder(op);
      func::CallOp::create(builder, op->getLoc(), kernel, op->getOperands());
      op->remove();
      kernels.emplace_back(op, kernel);
    }
    for (auto &[op, kernel] : kernels)
      op->destroy();
  }

  /// A kernel function for `op`, filled.
  func::FuncOp outline(Operation *op, SymbolTable &symbols) {
    OpBuilder builder(&getContext());
    StringRef mnemonic = op->getName().stripDialect();
    auto kernel =
        func::FuncOp::create(builder, op->getLoc(), ("dashkv_" + mnemonic).str(),
                             builder.getFunctionType(llvm::to_vector(op->getOperandTypes()), {}));
    kernel.setPrivate();
    // A private function with a body would be an external symbol.
    kernel->setAttr("llvm.linkage", LLVM::LinkageAttr::get(&getContext(), LLVM::Linkage::Internal));
    kernel->setAttr("passthrough", builder.getStrArrayAttr({"noinline"}));
    // Tells later stages, and readers, that this is a kernel.
    kernel->setAttr(kTileConfigAttrName, getTileConfig(op));
    symbols.insert(kernel); // renames it if the name is taken
    Block *body = kernel.addEntryBlock();
    builder.setInsertionPointToStart(body);
    IRMapping mapping;
    mapping.map(op->getOperands(), body->getArguments());
    // An operand may stand twice; each stands for an argument of its own.
    Operation *clone = builder.clone(*op, mapping);
    clone->setOperands(body->getArguments());
    func::ReturnOp::create(builder, op->getLoc());
    VectorBuilder b(op->getLoc(), builder);
    b.setInsertionPoint(clone);
    llvm::TypeSwitch<Operation *>(clone).Case<DASHKV_VECTOR_OPS>(
        [&](auto op) { emitVectorKernel(op, b); });
    clone->erase();
    return kernel;
  }
};
} // namespace
