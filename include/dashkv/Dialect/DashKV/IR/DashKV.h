//===- DashKV.h - The dashkv dialect ----------------------------*- C++ -*-===//
#ifndef DASHKV_DIALECT_DASHKV_IR_DASHKV_H
#define DASHKV_DIALECT_DASHKV_IR_DASHKV_H

#include "dashkv/Dialect/DashKV/IR/AttentionDims.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dashkv/Dialect/DashKV/IR/DashKVEnums.h.inc"
#include "dashkv/Dialect/DashKV/IR/DashKVOpsDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dashkv/Dialect/DashKV/IR/DashKVAttrs.h.inc"

#define GET_OP_CLASSES
#include "dashkv/Dialect/DashKV/IR/DashKVOps.h.inc"

namespace mlir::dashkv {

/// Function argument attribute that names what an argument added by
/// dashkv-apply-tiering holds ("key_codes", "encoder.weight0", "lengths", ...).
inline constexpr llvm::StringLiteral kRoleAttrName = "dashkv.role";
/// Attribute of a retrieve with the symbol of the kernel that
/// convert-dashkv-to-gpu has outlined for it.
inline constexpr llvm::StringLiteral kKernelAttrName = "dashkv.kernel";
/// Attribute of a step with the TileConfigAttr of its CPU kernel.
inline constexpr llvm::StringLiteral kTileConfigAttrName = "dashkv.tile_config";

/// The form of a pair of query and key codes.
struct CodeForm {
  /// L, the number of bits of a code.
  int64_t bits;
  bool weighted;

  /// Form of codes of these types; fails on anything (c3) forbids.
  static FailureOr<CodeForm> get(Type queryCodes, Type keyCodes);
  /// The largest distance: L, or 127 when weighted.
  int64_t getMaxDistance() const { return weighted ? 127 : bits; }
};

/// Registers one-shot bufferization of the dashkv ops.
void registerBufferizableOpInterfaceExternalModels(DialectRegistry &registry);
/// Registers the run-time checks of the dashkv ops.
void registerRuntimeVerifiableOpInterfaceExternalModels(DialectRegistry &registry);

} // namespace mlir::dashkv

#endif // DASHKV_DIALECT_DASHKV_IR_DASHKV_H
