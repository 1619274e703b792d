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
#include "mlir/Interfaces/TilingInterface.h"

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
/// Attribute of a GPU kernel whose CTAs wait for each other: the grid must be
/// resident.
inline constexpr llvm::StringLiteral kResidentAttrName = "dashkv.resident";
/// Attribute of a memref.alloc of the GPU lowering: the value, an i8, of all its
/// bytes before the first launch.
inline constexpr llvm::StringLiteral kInitAttrName = "dashkv.init";
/// On an `scf.for`: its iterations write different elements, in any order.
inline constexpr llvm::StringLiteral kIndependentAttrName = "dashkv.independent";
/// Attribute of a step with the TileConfigAttr of its CPU kernel.
inline constexpr llvm::StringLiteral kTileConfigAttrName = "dashkv.tile_config";

/// The form of a pair of query and key codes.
struct CodeForm {
  /// L, the number of bits of a code.
  int64_t bits;
  bool weighted;
  /// Key codes are byte planes, `[B,Hkv,NB,L/8,64]`: byte j of key n is at
  /// `[.., n / 64, j, n % 64]`. Otherwise key-major, `[B,Hkv,N,L/8]`.
  bool planes;
  /// Keys of a block of byte planes.
  static constexpr int64_t blockKeys = 64;

  /// Form of codes of these types; fails on anything (c3) forbids.
  static FailureOr<CodeForm> get(Type queryCodes, Type keyCodes);
  /// Whether key codes of this type are byte planes.
  static bool arePlanes(Type keyCodes) { return cast<ShapedType>(keyCodes).getRank() == 5; }
  /// N: dim 2 of key-major codes, 64 times that of byte planes; perhaps dynamic.
  static int64_t getNumKeys(Type keyCodes);
  /// The largest distance: L, or 127 when weighted.
  int64_t getMaxDistance() const { return weighted ? 127 : bits; }
};

/// Loops of an op's TilingInterface by what they run over, absent where a tile of
/// fewer would change what the op computes.
struct TileLoops {
  std::optional<unsigned> batch, head, keys;
  /// Heads of the head loop that a tile must not separate: those that share a KV
  /// head, a list or a code.
  int64_t headUnit = 1;
  /// Tiles of one batch and one unit of heads: as many as are known to be there.
  int64_t numTiles = 1;
  /// Keys, or slots of a list; perhaps dynamic.
  int64_t numKeys = ShapedType::kDynamic;

  static TileLoops get(Operation *op);
};

/// Size of `tensor` along `dim`: that of the value which decides it, so that no
/// op is kept for its size alone.
OpFoldResult getTensorSize(OpBuilder &b, Location loc, Value tensor, int64_t dim);
/// N of a cache on tensors whose `dim` counts keys: its size, or that of a page
/// times the entries of a sequence in `blockTable`, if there is one.
OpFoldResult getNumKeys(OpBuilder &b, Location loc, Value cache, int64_t dim, Value blockTable);

/// Registers one-shot bufferization of the dashkv ops.
void registerBufferizableOpInterfaceExternalModels(DialectRegistry &registry);
/// Registers the run-time checks of the dashkv ops.
void registerRuntimeVerifiableOpInterfaceExternalModels(DialectRegistry &registry);

} // namespace mlir::dashkv

#endif // DASHKV_DIALECT_DASHKV_IR_DASHKV_H
