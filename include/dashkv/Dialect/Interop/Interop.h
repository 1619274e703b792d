//===- Interop.h - Shims of other projects' dialects ------------*- C++ -*-===//
//
// Ops of torch-mlir and IREE that attention arrives in. The shims parse, print
// and verify ranks; dashkv-raise-attention is their only user.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_DIALECT_INTEROP_INTEROP_H
#define DASHKV_DIALECT_INTEROP_INTEROP_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dashkv/Dialect/Interop/IREELinalgExtOpsDialect.h.inc"
#include "dashkv/Dialect/Interop/TMTensorOpsDialect.h.inc"

#define GET_OP_CLASSES
#include "dashkv/Dialect/Interop/TMTensorOps.h.inc"
#define GET_OP_CLASSES
#include "dashkv/Dialect/Interop/IREELinalgExtOps.h.inc"

#endif // DASHKV_DIALECT_INTEROP_INTEROP_H
