//===- Launches.h - The host side of a kernel -------------------*- C++ -*-===//
//
// An op on memrefs becomes launches: host code that depends on shapes alone,
// never on what is in device memory, so that it runs once for many steps, as a
// CUDA graph or as the plan of a kernel bundle.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOGPU_LAUNCHES_H
#define DASHKV_LIB_CONVERSION_DASHKVTOGPU_LAUNCHES_H

#include "dashkv/Conversion/DashKVToGPU.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/StringMap.h"
#include <array>

namespace mlir::dashkv {

/// A parameter of a kernel: a bare pointer to `type`, or a scalar.
struct KernelParameter {
  enum Kind {
    Scalar,
    Buffer,   ///< written by this step, or before it in the same step
    Constant, ///< of the whole step: loads may pass the caches; 16-byte aligned
    Aligned,  ///< a buffer on 16 bytes
  };
  Type type;
  Kind kind = Buffer;
};

/// What a kernel function is made of besides its body.
struct KernelSignature {
  std::string name;
  SmallVector<KernelParameter> parameters;
  int64_t threads = 256;
  /// CTAs that should fit a multiprocessor: bounds the registers.
  int64_t minBlocks = 1;
  /// Static shared buffers.
  SmallVector<MemRefType> shared;
  /// All CTAs wait for each other: the grid must be resident.
  bool resident = false;
};

/// The kernels of a module: one function for each name.
class GPUKernels {
public:
  GPUKernels(ModuleOp module, const NVPTXTarget &target, bool allowsResident = true)
      : allowsResident(allowsResident), module(module), target(target) {}

  /// Whether the launcher can launch grids that are resident.
  const bool allowsResident;

  /// The kernel of this name; made, and its body filled by `emit` (which starts
  /// at its first block and must not return), when asked for first.
  gpu::GPUFuncOp get(Location loc, const KernelSignature &signature,
                     function_ref<void(gpu::GPUFuncOp)> emit);

  /// The gpu.module of the kernels, null as long as there is none.
  gpu::GPUModuleOp find();
  const NVPTXTarget &getTarget() const { return target; }
  ModuleOp getModule() { return module; }

private:
  ModuleOp module;
  const NVPTXTarget &target;
  gpu::GPUModuleOp kernels;
};

/// A buffer as kernels see it: element i of it is at `offset` plus the sum of
/// indices times strides, in elements from `pointer`.
struct DeviceBuffer {
  Value pointer;              ///< memref<1xT>
  Value offset;               ///< index
  SmallVector<Value> strides; ///< index
  SmallVector<Value> sizes;   ///< index
};

/// Builds the launches of one op, before it.
class LaunchBuilder : public ImplicitLocOpBuilder {
public:
  LaunchBuilder(Operation *op, GPUKernels &kernels)
      : ImplicitLocOpBuilder(op->getLoc(), op), kernels(kernels) {}

  GPUKernels &kernels;
  const NVPTXTarget &getTarget() const { return kernels.getTarget(); }

  //===--- Sizes, all index ------------------------------------------------===//
  Value index(int64_t value);
  Value dim(Value memref, int64_t i);
  Value add(Value a, Value b) { return createOrFold<arith::AddIOp>(a, b); }
  Value mul(Value a, Value b) { return createOrFold<arith::MulIOp>(a, b); }
  Value ceilDiv(Value a, Value b) { return createOrFold<arith::CeilDivUIOp>(a, b); }
  Value floorDiv(Value a, Value b) { return createOrFold<arith::DivUIOp>(a, b); }
  Value min(Value a, Value b) { return createOrFold<arith::MinUIOp>(a, b); }
  Value max(Value a, Value b) { return createOrFold<arith::MaxUIOp>(a, b); }
  Value cmp(arith::CmpIPredicate predicate, Value a, Value b) {
    return createOrFold<arith::CmpIOp>(predicate, a, b);
  }
  Value select(Value condition, Value a, Value b) {
    return createOrFold<arith::SelectOp>(condition, a, b);
  }
  /// Of the device that the launches run on.
  Value multiprocessors();

  //===--- Arguments -------------------------------------------------------===//
  /// A size as an i32 argument.
  Value i32(Value index);
  Value i32(int64_t value);
  Value i64(Value index);
  Value f32(float value);
  /// The layout of any strided memref.
  DeviceBuffer flatten(Value memref);
  enum class Access { Read, Write, ReadWrite };
  /// A pointer to the first element of `memref`. If its layout is not the
  /// identity, the launches get a dense temporary, to which it is copied before
  /// them and from which it is copied after `finish`, as `access` demands.
  Value pointer(Value memref, Access access = Access::Read);
  /// Emits the copies back; the last of all.
  void finish();
  /// `size` elements that nothing outside of this op sees. With `init` all bytes
  /// have this value before the first launch, and the kernels leave them so.
  Value workspace(Type element, Value size, std::optional<int8_t> init = std::nullopt);

  /// Launches `kernel`; sizes are index, `sharedBytes` is the dynamic shared
  /// memory, none if null.
  void launch(gpu::GPUFuncOp kernel, std::array<Value, 3> grid, ValueRange arguments,
              Value sharedBytes = Value());

private:
  SmallVector<std::pair<Value, Value>> copiesBack;
};

//===----------------------------------------------------------------------===//
// One lowering a family of ops. Each emits launches before `op`, which the
// caller erases, or reports an error.
//===----------------------------------------------------------------------===//

class HashEncodeOp;
class HammingDistanceOp;
class CalibrateOp;
class SelectOp;
class RetrieveOp;
class AttentionOp;
class TieredAttentionOp;
class OnlineAttentionOp;
class OnlineReduceOp;
class EstimateScoresOp;
class MergeOp;
class FinalizeOp;

class TieringAttr;

LogicalResult lowerToLaunches(HashEncodeOp op, LaunchBuilder &b);
LogicalResult lowerToLaunches(HammingDistanceOp op, LaunchBuilder &b);
LogicalResult lowerToLaunches(CalibrateOp op, LaunchBuilder &b);
LogicalResult lowerToLaunches(SelectOp op, LaunchBuilder &b);
LogicalResult lowerToLaunches(RetrieveOp op, LaunchBuilder &b);
LogicalResult lowerToLaunches(AttentionOp op, LaunchBuilder &b);
LogicalResult lowerToLaunches(OnlineAttentionOp op, LaunchBuilder &b);
LogicalResult lowerToLaunches(OnlineReduceOp op, LaunchBuilder &b);
LogicalResult lowerToLaunches(EstimateScoresOp op, LaunchBuilder &b);
LogicalResult lowerToLaunches(MergeOp op, LaunchBuilder &b);
LogicalResult lowerToLaunches(FinalizeOp op, LaunchBuilder &b);
LogicalResult lowerToLaunches(TieredAttentionOp op, LaunchBuilder &b);

/// The operands of a `retrieve`, memrefs as its verifier takes them; what is not
/// given is null.
struct RetrieveBuffers {
  Value queryCodes, keyCodes, lengths, forced, prior, voteDiscount, priorDiscount, radius;
  Value fullIndices, fullCounts, fullThreshold;
  Value midIndices, midCounts, midThreshold; ///< with a mid tier
  Value kept;
};
/// Launches a `retrieve` in which row m sees the keys below lengths[b] - M + 1 + m.
/// Lists may be longer than the tier, which is cut to their capacity.
LogicalResult launchRetrieve(const RetrieveBuffers &buffers, TieringAttr tiering, LaunchBuilder &b);

/// The operands of attention, memrefs as the verifiers of `attention`,
/// `online_attention` and `online_reduce` take them; what is not given is null.
struct AttendBuffers {
  Value query, key, value, mask, lengths, blockTable, keyScale, valueScale;
  SmallVector<AffineMap> maps; ///< of query, key, value, [mask] and out
  std::optional<float> scale;  ///< 1/sqrt(D) when absent
  bool causal = false;
  Value indices, counts; ///< the keys of a list instead of all; counts may pass its capacity
  Value scores;          ///< logits of the listed keys, instead of query and key
  /// All visible keys, causal, instead of the lists if all lengths are below.
  int64_t denseBelow = 0;
  Value out, lse;      ///< the results, or
  Value acc, max, sum; ///< statistics to which the keys are added
};
/// Launches one kernel (or one of two, by the layout at run time).
void launchAttend(const AttendBuffers &buffers, LaunchBuilder &b);

/// The allocation or argument that `buffer` is a view of.
Value getRoot(Value buffer);

/// Whether `buffer` is an argument or a global: what is allocated here, an earlier
/// kernel of the step writes.
bool isGiven(Value buffer);

/// Whether a kernel of this step writes `lengths`, so that its readers have to wait
/// for it.
bool areLengthsLate(Value lengths);

/// Whether `found` holds for a use of `buffer` or of a view of it.
bool anyUse(Value buffer, function_ref<bool(OpOperand &)> found);

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOGPU_LAUNCHES_H
