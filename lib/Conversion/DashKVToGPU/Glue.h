//===- Glue.h - Kernels of what stands around attention ---------*- C++ -*-===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOGPU_GLUE_H
#define DASHKV_LIB_CONVERSION_DASHKVTOGPU_GLUE_H

#include "Launches.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::dashkv {

/// Values that outputs of a structured op are known to hold before it.
using InitialValues = llvm::SmallDenseMap<OpOperand *, TypedAttr>;

/// Whether `function` leaves its memory to us: it uses the gpu dialect for launches
/// alone.
bool isLaunchCode(func::FuncOp function);

/// Whether `op` may access the buffer `root`; ops that only make views or read
/// sizes do not.
bool touches(Operation *op, Value root);

/// Whether what `value` is computed from is in device memory; of a view, where it
/// begins or how large it is.
bool readsMemory(Value value);

/// Reports that host code needs `op`, which reads device memory.
LogicalResult reportHostRead(Operation *op);

/// Emits a launch of a kernel that does the work of `op`, a structured op on
/// buffers: a thread or a warp for each point of its parallel dims.
LogicalResult lowerGlueToLaunch(linalg::LinalgOp op, const InitialValues &initial,
                                LaunchBuilder &b);

/// The same for a host loop or store: one thread does all, or one an iteration of
/// the outermost loop if these are independent (kIndependentAttrName).
LogicalResult lowerGlueToLaunch(Operation *op, LaunchBuilder &b);

/// Computes functions of numbers in `kernel` by instructions, where upstream would
/// call a library; an error for what has none.
LogicalResult lowerMathForGPU(gpu::GPUFuncOp kernel);

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOGPU_GLUE_H
