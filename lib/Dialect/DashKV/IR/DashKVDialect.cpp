//===- DashKVDialect.cpp - Registration and argument attributes -----------===//
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "dashkv/Dialect/InlineAnywhere.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::dashkv;

#include "dashkv/Dialect/DashKV/IR/DashKVOpsDialect.cpp.inc"

#include "dashkv/Dialect/DashKV/IR/DashKVEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dashkv/Dialect/DashKV/IR/DashKVAttrs.cpp.inc"

void DashKVDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dashkv/Dialect/DashKV/IR/DashKVOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dashkv/Dialect/DashKV/IR/DashKVAttrs.cpp.inc"
      >();
  addInterfaces<InlineAnywhere>();
}

LogicalResult DashKVDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  StringRef name = attribute.getName(), opName = op->getName().getStringRef();
  if ((name == kResidentAttrName && isa<FunctionOpInterface>(op)) ||
      (name == kIndependentAttrName && opName == "scf.for")) {
    if (isa<UnitAttr>(attribute.getValue()))
      return success();
    return op->emitError("expected no value in '") << name << "', but got " << attribute.getValue();
  }
  if (name == kInitAttrName && opName == "memref.alloc") {
    auto value = dyn_cast<IntegerAttr>(attribute.getValue());
    if (value && value.getType().isInteger(8))
      return success();
    return op->emitError("expected an i8 in '")
           << kInitAttrName << "', but got " << attribute.getValue();
  }
  if (attribute.getName() == kTileConfigAttrName &&
      (isa_and_nonnull<DashKVDialect>(op->getDialect()) || isa<FunctionOpInterface>(op))) {
    if (isa<TileConfigAttr>(attribute.getValue()))
      return success();
    return op->emitError("expected a #dashkv.tile_config in '")
           << kTileConfigAttrName << "', but got " << attribute.getValue();
  }
  return op->emitError("expected no attribute '")
         << attribute.getName().strref() << "' on an operation";
}

/// The only attribute of arguments and results is the role, a string.
static LogicalResult verifyRole(Operation *op, StringRef kind, unsigned index,
                                NamedAttribute attribute) {
  if (attribute.getName() != kRoleAttrName)
    return op->emitError("expected '") << kRoleAttrName << "' on " << kind << " " << index
                                       << ", but got '" << attribute.getName().strref() << "'";
  if (!isa<StringAttr>(attribute.getValue()))
    return op->emitError("expected a string in '") << kRoleAttrName << "' of " << kind << " "
                                                   << index << ", but got " << attribute.getValue();
  return success();
}

LogicalResult DashKVDialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned index,
                                                      NamedAttribute attribute) {
  return verifyRole(op, "argument", index, attribute);
}

LogicalResult DashKVDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned index,
                                                         NamedAttribute attribute) {
  return verifyRole(op, "result", index, attribute);
}
