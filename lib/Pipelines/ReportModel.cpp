//===- ReportModel.cpp - Chips, occupancy, bytes of ops -------------------===//
#include "Report.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include <cmath>

using namespace mlir;
using namespace mlir::dashkv;

/// CUDA C++ programming guide, table of technical specifications.
static constexpr ChipLimits kChips[] = {
    {"sm_80", 64, 32, 164 << 10, 108},   {"sm_86", 48, 16, 100 << 10, 82},
    {"sm_89", 48, 24, 100 << 10, 142},   {"sm_90", 64, 32, 228 << 10, 132},
    {"sm_90a", 64, 32, 228 << 10, 132},  {"sm_100", 64, 32, 228 << 10, 148},
    {"sm_100a", 64, 32, 228 << 10, 148}, {"sm_120", 48, 24, 100 << 10, 170},
};

/// GB/s of data sheets; the H200's second number is a read of 4 GB in a CUDA
/// graph.
static constexpr GPUModel kGPUs[] = {
    {"A100 80GB", 2039, 0}, {"L40S", 864, 0},  {"H100 SXM", 3350, 0},
    {"H200", 4800, 4630},   {"B200", 8000, 0}, {"RTX 5090", 1792, 0},
};

ArrayRef<GPUModel> mlir::dashkv::getGPUModels() { return kGPUs; }

const ChipLimits *mlir::dashkv::findChipLimits(StringRef chip) {
  const ChipLimits *found =
      llvm::find_if(kChips, [&](const ChipLimits &limits) { return limits.chip == chip; });
  return found == std::end(kChips) ? nullptr : found;
}

Occupancy mlir::dashkv::computeOccupancy(const ChipLimits &chip, int64_t threads, int64_t registers,
                                         int64_t sharedBytes) {
  // Registers come in 256 a warp, shared memory in 128 bytes and 1 KB of the
  // system.
  constexpr int64_t registerFile = 65536, registerUnit = 256, sharedUnit = 128, reserved = 1024;
  int64_t warps = llvm::divideCeil(std::max<int64_t>(threads, 1), 32);
  int64_t registersOfWarp = llvm::alignTo(std::max<int64_t>(registers, 1) * 32, registerUnit);
  // The four schedulers share the warps evenly.
  int64_t byRegisters = registerFile / 4 / registersOfWarp * 4 / warps;
  int64_t byShared = chip.sharedBytes / (llvm::alignTo(sharedBytes, sharedUnit) + reserved);
  Occupancy result;
  result.blocks = std::min({byRegisters, byShared, chip.warps / warps, chip.blocks});
  result.warps = result.blocks * warps;
  result.limit = result.blocks == chip.warps / warps ? "warps"
                 : result.blocks == byRegisters      ? "registers"
                 : result.blocks == byShared         ? "shared memory"
                                                     : "CTAs";
  return result;
}

namespace {
/// Sizes of operands, with those asked for where types have none.
class Sizes {
public:
  explicit Sizes(const ReportSizes &sizes) : sizes(sizes) {}

  int64_t get(Value value, AffineMap map, unsigned dim, int64_t otherwise) const {
    std::optional<unsigned> at = map.getResultPosition(getAffineDimExpr(dim, value.getContext()));
    int64_t size = at ? cast<ShapedType>(value.getType()).getDimSize(*at) : ShapedType::kDynamic;
    return ShapedType::isDynamic(size) ? otherwise : size;
  }
  static int64_t bytesOf(Value value) {
    return llvm::divideCeil(getElementTypeOrSelf(value.getType()).getIntOrFloatBitWidth(), 8);
  }

  const ReportSizes &sizes;
};
} // namespace

/// `file:line` of an op in the input.
static std::string getSource(Operation *op) {
  auto loc = op->getLoc()->findInstanceOf<FileLineColLoc>();
  if (!loc)
    return "";
  return (llvm::sys::path::filename(loc.getFilename().getValue()) + ":" + Twine(loc.getLine()))
      .str();
}

/// What attention of any kind says about its sizes, and the bytes of exact one.
template <typename Op> static OpTraffic describe(Op op, const Sizes &sizes) {
  OpTraffic traffic;
  AttentionDims dims = op.getDims();
  auto maps = op.getMaps();
  traffic.op = op->getName().getStringRef().str();
  traffic.source = getSource(op);
  traffic.batch = sizes.get(op.getQuery(), maps[0], dims.batch, sizes.sizes.batch);
  traffic.kvHeads = sizes.get(op.getKey(), maps[1], dims.head, 1);
  traffic.keys = sizes.get(op.getKey(), maps[1], dims.key, sizes.sizes.keys);
  if (Value table = op.getBlockTable()) {
    int64_t blocks = cast<ShapedType>(table.getType()).getDimSize(1);
    traffic.keys = ShapedType::isDynamic(blocks) ? sizes.sizes.keys : traffic.keys * blocks;
  }
  int64_t heads = sizes.get(op.getQuery(), maps[0], dims.head, traffic.kvHeads);
  traffic.group = dims.group ? sizes.get(op.getQuery(), maps[0], *dims.group, 1)
                             : std::max<int64_t>(1, heads / traffic.kvHeads);
  int64_t row =
      sizes.get(op.getKey(), maps[1], dims.depth, 128) * Sizes::bytesOf(op.getKey()) +
      sizes.get(op.getValue(), maps[2], dims.valueDepth, 128) * Sizes::bytesOf(op.getValue());
  traffic.exact = double(traffic.batch) * traffic.kvHeads * traffic.keys * row;
  return traffic;
}

static OpTraffic describe(TieredAttentionOp op, const Sizes &sizes) {
  OpTraffic traffic = describe<TieredAttentionOp>(op, sizes);
  double rows = double(traffic.batch) * traffic.kvHeads * traffic.keys;
  TieringAttr tiering = op.getTiering();
  if (op.getLengths() && traffic.keys < tiering.getDenseBelow()) {
    traffic.fullShare = traffic.unionShare = 1;
    traffic.full = traffic.exact;
    return traffic;
  }
  auto share = [&](int64_t keys) { return std::min(1.0, double(keys) / traffic.keys); };
  double forced = share(tiering.getSinks() + tiering.getWindow());
  traffic.fullShare = std::min(1.0, share(tiering.getFullBudget(traffic.keys)) + forced);
  traffic.midShare =
      tiering.hasMid() ? std::min(1 - traffic.fullShare, share(tiering.getMidBudget(traffic.keys)))
                       : 0.0;
  traffic.unionShare = traffic.fullShare;
  double mid = traffic.midShare;
  if (tiering.getScope() == Scope::Head) {
    // Forced keys are in all lists of a group, the others where chance puts
    // them.
    double missed = std::pow(1 - (traffic.fullShare - forced) / std::max(1e-9, 1 - forced),
                             double(traffic.group));
    traffic.unionShare = forced + (1 - forced) * (1 - missed);
    mid = (1 - traffic.unionShare) * (1 - std::pow(1 - mid, double(traffic.group)));
  }
  CodeForm form = *CodeForm::get(op.getQueryCodes().getType(), op.getKeyCodes().getType());
  AttentionDims dims = op.getDims();
  double valueRow = sizes.get(op.getValue(), op.getMaps()[2], dims.valueDepth, 128) *
                    Sizes::bytesOf(op.getValue());
  traffic.codes = rows * form.bits / 8;
  traffic.full = traffic.exact * traffic.unionShare;
  traffic.mid = rows * mid * valueRow;
  return traffic;
}

static OpTraffic describe(HashEncodeOp op, const Sizes &) {
  OpTraffic traffic;
  traffic.op = op->getName().getStringRef().str();
  traffic.source = getSource(op);
  for (ValueRange values : {ValueRange(op.getWeights()), ValueRange(op.getBiases())})
    for (Value value : values)
      if (auto type = cast<ShapedType>(value.getType()); type.hasStaticShape())
        traffic.weights += double(type.getNumElements()) * Sizes::bytesOf(value);
  return traffic;
}

static OpTraffic describe(RetrieveOp op, const Sizes &sizes) {
  OpTraffic traffic;
  traffic.op = op->getName().getStringRef().str();
  traffic.source = getSource(op);
  auto type = cast<ShapedType>(op.getKeyCodes().getType());
  auto size = [&](int64_t dim, int64_t otherwise) {
    return type.isDynamicDim(dim) ? otherwise : type.getDimSize(dim);
  };
  traffic.batch = size(0, sizes.sizes.batch);
  traffic.kvHeads = size(1, 1);
  bool isPlanes = type.getRank() == 5;
  traffic.keys = size(2, isPlanes ? sizes.sizes.keys / 64 : sizes.sizes.keys) * (isPlanes ? 64 : 1);
  CodeForm form = *CodeForm::get(op.getQueryCodes().getType(), op.getKeyCodes().getType());
  traffic.codes = double(traffic.batch) * traffic.kvHeads * traffic.keys * form.bits / 8;
  return traffic;
}

std::vector<OpTraffic> mlir::dashkv::listTraffic(ModuleOp module, const ReportSizes &reportSizes) {
  Sizes sizes(reportSizes);
  std::vector<OpTraffic> traffic;
  module.walk([&](Operation *op) {
    llvm::TypeSwitch<Operation *, void>(op)
        .Case([&](AttentionOp op) {
          traffic.push_back(describe<AttentionOp>(op, sizes));
          traffic.back().full = traffic.back().exact;
          traffic.back().fullShare = traffic.back().unionShare = 1;
        })
        .Case<TieredAttentionOp, HashEncodeOp, RetrieveOp>(
            [&](auto op) { traffic.push_back(describe(op, sizes)); });
  });
  return traffic;
}
