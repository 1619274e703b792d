//===- DashKVToGPU.h - Kernels for NVIDIA GPUs ------------------*- C++ -*-===//
//
// The kernels that convert-dashkv-to-gpu emits, and their calling conventions.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_CONVERSION_DASHKVTOGPU_H
#define DASHKV_CONVERSION_DASHKVTOGPU_H

#include "dashkv/Conversion/TargetInfo.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace mlir::dashkv {
class RetrieveOp;

/// The function that host code of the GPU lowering calls to know how many
/// multiprocessors the device has: `() -> index`.
inline constexpr llvm::StringLiteral kMultiprocessorsName = "dashkv_multiprocessors";

/// The scan of a `retrieve`: one pass over the key codes that gives a distance
/// and a histogram. Everything that is a constant of the kernel stands here;
/// batch, KV heads, keys and lengths are read at run time.
///
/// A *row* has one distance a key: R rows a KV head. Scope `group` sums the code
/// heads of a KV head (R = M), scope `head` keeps them apart (R = heads * M,
/// the order of `hamming_distance`). With votes the heads stay apart as well,
/// because `calibrate` counts them one by one.
///
/// Parameters, all device pointers but the last:
///   query_codes  i8 [B, Hkv*heads, M, L/8 or L]
///   key_codes    i8 [B, Hkv, N, L/8], 16-byte aligned, constant
///   lengths      i32 [B]; only with hasLengths
///   distances    u8 or u16 [B, Hkv, R, N], 16-byte aligned; keys at and past
///                lengths[b] are not written
///   histogram    i32 [B, Hkv, R, maxDistance + 1]; the kernel adds to it the
///                number of visible keys at each distance
///   offsets      i32 [B, Hkv, R]
///   keys         i32, N, below 2^28
/// so that `D_raw = offsets + scale * distances`. Grid (any number up to 65535,
/// Hkv * rowBlocks, B), blocks of `kThreads`.
struct ScanSpec {
  static constexpr int64_t kThreads = 256;

  int64_t bits;    ///< L: 32, 64, 128 or 256
  int64_t heads;   ///< code heads a KV head
  int64_t queries; ///< M
  bool weighted;   ///< form of the query codes
  bool summed;     ///< one distance a group instead of one a code head
  bool hasLengths;
  int64_t rowBlocks = 1; ///< CTAs over which the rows of a KV head are spread

  /// The scan that `op` needs; an error if the target has none.
  static FailureOr<ScanSpec> get(RetrieveOp op, const NVPTXTarget &target);

  /// Code heads that add up to one distance.
  int64_t getSummands() const { return summed ? heads : 1; }
  int64_t getRows() const { return summed ? queries : heads * queries; }
  int64_t getRowsPerBlock() const { return getRows() / rowBlocks; }
  /// Sums of an even number of +-1 weights are even: half of them is counted.
  int64_t getScale() const { return !weighted && getSummands() % 2 == 0 ? 2 : 1; }
  /// The largest weight of a bit.
  int64_t getMaxWeight() const { return (weighted ? 127 : 1) * getSummands() / getScale(); }
  int64_t getMaxDistance() const { return weighted ? getMaxWeight() : bits * getMaxWeight(); }
  /// Width of an element of `distances`.
  unsigned getDistanceBits() const { return getMaxDistance() < 256 ? 8 : 16; }
  /// Words of 32 bits in a code.
  int64_t getWords() const { return bits / 32; }
  /// Bits of the largest weight: popcounts a word of a key, at most.
  int64_t getPlanes() const;
  /// Bit 0 of every weight is set: its plane needs no mask.
  bool isLowestPlaneFull() const { return !weighted && getMaxWeight() % 2 == 1 && getScale() == 1; }
  int64_t getSharedBytes() const;
  /// Name of the kernel; equal names are equal kernels.
  std::string getName() const;
  /// Prints the calling convention as lines that start with `//`.
  void describe(llvm::raw_ostream &os) const;
};

/// An empty gpu.module for `target` with the data layout of LLVM, in `module`.
gpu::GPUModuleOp createKernelModule(ModuleOp module, StringRef name, const NVPTXTarget &target);

/// Emits the kernel into `module`.
gpu::GPUFuncOp emitScanKernel(gpu::GPUModuleOp module, Location loc, const ScanSpec &spec);

} // namespace mlir::dashkv

#endif // DASHKV_CONVERSION_DASHKVTOGPU_H
