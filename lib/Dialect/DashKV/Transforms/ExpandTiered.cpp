//===- ExpandTiered.cpp - tiered_attention into its steps -----------------===//
#include "StepBuilder.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "dashkv/Dialect/DashKV/Transforms/Passes.h"
#include "dashkv/Dialect/DashKV/Transforms/Transforms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mlir::dashkv {
#define GEN_PASS_DEF_EXPANDTIEREDPASS
#include "dashkv/Dialect/DashKV/Transforms/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;
using namespace mlir::dashkv;

namespace {
/// Expands one op; the members are its sizes.
class Expander {
public:
  Expander(TieredAttentionOp op, OpBuilder &builder)
      : op(op), b(op.getLoc(), builder), tiering(op.getTiering()), maps(op.getMaps()),
        dims(op.getDims()) {
    batch = b.sizeOf(op.getQuery(), maps[0], dims.batch);
    heads = b.sizeOf(op.getQuery(), maps[0], dims.head);
    rows = b.sizeOf(op.getQuery(), maps[0], dims.query);
    kvHeads = b.sizeOf(op.getKey(), maps[1], dims.head);
    keys = b.numKeys(op);
    valueDepth = b.sizeOf(op.getValue(), maps[2], dims.valueDepth);
    codeKeys = keys;
    if (!CodeForm::arePlanes(op.getKeyCodes().getType()))
      return;
    int64_t padded = CodeForm::getNumKeys(op.getKeyCodes().getType());
    codeKeys = b.getIndexAttr(padded);
    if (ShapedType::isDynamic(padded)) {
      Value blocks = tensor::DimOp::create(b, op.getKeyCodes(), 2);
      Value size = arith::ConstantIndexOp::create(b, CodeForm::blockKeys);
      codeKeys = Value(arith::MulIOp::create(b, blocks, size));
    }
  }
  SmallVector<Value> expand();

private:
  SmallVector<Value> buildDense();
  SmallVector<Value> buildSteps();
  /// Whether no sequence reaches `dense_below`: known, or an i1 value.
  std::variant<bool, Value> isDense();

  /// min(N, extra + budget(N)) for a capacity, N where nothing bounds a list.
  OpFoldResult capacity(bool isMid);
  /// Those of the op; made of the number of keys where the codes end later.
  Value getLengths();

  TieredAttentionOp op;
  StepBuilder b;
  TieringAttr tiering;
  SmallVector<AffineMap> maps;
  AttentionDims dims;
  OpFoldResult batch, heads, rows, kvHeads, keys, valueDepth;
  /// Keys that have a code: `keys`, and up to 63 more in byte planes.
  OpFoldResult codeKeys;
};
} // namespace

std::variant<bool, Value> Expander::isDense() {
  int64_t bound = tiering.getDenseBelow();
  if (bound == 0)
    return false;
  if (std::optional<int64_t> size = getConstantIntValue(keys)) {
    if (*size < bound)
      return true;
    if (!op.getLengths())
      return false;
  }
  Value longest;
  if (op.getLengths()) {
    Value zero = b.filled({}, b.getI32IntegerAttr(0));
    auto identity = b.getMultiDimIdentityMap(1);
    auto reduced = linalg::GenericOp::create(
        b, zero.getType(), op.getLengths(), zero,
        ArrayRef<AffineMap>{identity, AffineMap::get(1, 0, b.getContext())},
        ArrayRef<utils::IteratorType>{utils::IteratorType::reduction},
        [](OpBuilder &nested, Location loc, ValueRange args) {
          Value max = arith::MaxSIOp::create(nested, loc, args[0], args[1]);
          linalg::YieldOp::create(nested, loc, max);
        });
    Value scalar = tensor::ExtractOp::create(b, reduced.getResult(0), ValueRange());
    longest = arith::IndexCastOp::create(b, b.getIndexType(), scalar);
  } else {
    longest = getValueOrCreateConstantIndexOp(b, b.getLoc(), keys);
  }
  Value limit = arith::ConstantIndexOp::create(b, bound);
  return Value(arith::CmpIOp::create(b, arith::CmpIPredicate::slt, longest, limit));
}

SmallVector<Value> Expander::buildDense() {
  auto attention = AttentionOp::create(
      b, op.getQuery(), op.getKey(), op.getValue(), Value(), op.getLengths(), op.getBlockTable(),
      op.getKeyScale(), op.getValueScale(), op.getInit(), op.getLseInit(), op.getScaleAttr(),
      /*causal=*/true, op.getIndexingMapsAttr());
  SmallVector<Value> results = llvm::to_vector_of<Value>(attention->getResults());
  if (!op.getKeptInit())
    return results;
  // Every visible key is kept.
  SmallVector<Value> inputs;
  SmallVector<AffineMap> keptMaps = {b.getMultiDimIdentityMap(2)};
  Value lengths = getLengths();
  if (lengths) {
    inputs.push_back(lengths);
    keptMaps.insert(keptMaps.begin(), AffineMap::getMultiDimMapWithTargets(2, {0}, b.getContext()));
  }
  auto kept = linalg::GenericOp::create(
      b, op.getKeptInit().getType(), inputs, op.getKeptInit(), keptMaps,
      SmallVector<utils::IteratorType>(2, utils::IteratorType::parallel),
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        Value visible;
        if (lengths) {
          Value key = linalg::IndexOp::create(nested, loc, 1);
          key = arith::IndexCastOp::create(nested, loc, nested.getI32Type(), key);
          visible = arith::CmpIOp::create(nested, loc, arith::CmpIPredicate::slt, key, args[0]);
        } else {
          visible = arith::ConstantIntOp::create(nested, loc, 1, 1);
        }
        linalg::YieldOp::create(nested, loc, visible);
      });
  results.push_back(kept.getResult(0));
  return results;
}

OpFoldResult Expander::capacity(bool isMid) {
  bool unbounded = tiering.getTies() == Ties::Inclusive || (!isMid && op.getForced());
  if (unbounded)
    return codeKeys;
  if (std::optional<int64_t> size = getConstantIntValue(codeKeys))
    return b.getIndexAttr(isMid ? tiering.getMidCapacity(*size)
                                : tiering.getFullCapacity(*size, /*hasForced=*/false));
  auto index = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(b, value); };
  Value size = cast<Value>(codeKeys);
  Value scaled =
      arith::MulIOp::create(b, size, index(isMid ? tiering.getMid() : tiering.getFull()));
  Value budget = arith::CeilDivUIOp::create(b, scaled, index(1000000));
  budget =
      arith::MaxSIOp::create(b, budget, index(isMid ? tiering.getMidMin() : tiering.getFullMin()));
  int64_t max = isMid ? tiering.getMidMax() : tiering.getFullMax();
  if (max != TieringAttr::none)
    budget = arith::MinSIOp::create(b, budget, index(max));
  if (!isMid)
    budget = arith::AddIOp::create(b, budget, index(tiering.getSinks() + tiering.getWindow()));
  return OpFoldResult(Value(arith::MinSIOp::create(b, budget, size)));
}

Value Expander::getLengths() {
  if (op.getLengths() || isEqualConstantIntOrValue(keys, codeKeys))
    return op.getLengths();
  Value number = arith::IndexCastOp::create(b, b.getI32Type(),
                                            getValueOrCreateConstantIndexOp(b, b.getLoc(), keys));
  return b.filled({batch}, number);
}

SmallVector<Value> Expander::buildSteps() {
  Type i32 = b.getI32Type(), f32 = b.getF32Type();
  OpFoldResult listHeads = tiering.getScope() == Scope::Group ? kvHeads : heads;
  SmallVector<OpFoldResult> listRows = {batch, listHeads, rows};
  auto list = [&](bool isMid) -> SmallVector<Value, 3> {
    SmallVector<OpFoldResult> sizes = listRows;
    sizes.push_back(capacity(isMid));
    return {b.empty(sizes, i32), b.empty(listRows, i32), b.empty(listRows, i32)};
  };
  SmallVector<Value, 3> full = list(false), mid = {Value(), Value(), Value()};
  if (tiering.hasMid())
    mid = list(true);
  auto retrieve = RetrieveOp::create(b, op.getQueryCodes(), op.getKeyCodes(), getLengths(),
                                     op.getForced(), op.getPrior(), op.getVoteDiscount(),
                                     op.getPriorDiscount(), op.getRadius(), full[0], full[1],
                                     full[2], mid[0], mid[1], mid[2], op.getKeptInit(), tiering);

  // The statistics are in default layout whatever that of the operands.
  SmallVector<AffineMap> defaults = AttentionDims::getDefaultMaps(b.getContext(), false);
  ArrayAttr listMaps;
  if (op.getIndexingMaps())
    listMaps = b.getAffineMapArrayAttr({maps[0], maps[1], maps[2], defaults[3]});
  auto [acc, max, sum] = b.neutral({batch, heads, rows}, valueDepth);
  auto attend = OnlineAttentionOp::create(
      b, op.getQuery(), op.getKey(), op.getValue(), Value(), retrieve->getResult(0),
      retrieve->getResult(1), Value(), op.getBlockTable(), op.getKeyScale(), op.getValueScale(),
      acc, max, sum, op.getScaleAttr(), /*causal=*/false, listMaps);
  ResultRange stats = attend->getResults();
  if (tiering.hasMid()) {
    Value indices = retrieve->getResult(3), counts = retrieve->getResult(4);
    OpFoldResult midCapacity = tensor::getMixedSize(b, b.getLoc(), indices, 3);
    Value init = b.empty({batch, heads, rows, midCapacity}, f32);
    Value scores = EstimateScoresOp::create(b, op.getQueryCodes(), op.getKeyCodes(), indices,
                                            counts, op.getTemperature(), op.getBias(),
                                            op.getCodeScale(), op.getTable(), op.getMlpWeights(),
                                            op.getMlpBiases(), init, op.getActivationAttr())
                       .getResult(0);
    Value value = b.permute(op.getValue(), maps[2], defaults[2]);
    stats = OnlineReduceOp::create(b, scores, value, indices, counts, op.getBlockTable(),
                                   op.getValueScale(), stats[0], stats[1], stats[2])
                ->getResults();
  }
  bool isDefault = maps.back() == defaults.back();
  Type outType = getElementTypeOrSelf(op.getInit().getType());
  Value init = isDefault ? op.getInit() : b.empty({batch, heads, rows, valueDepth}, outType);
  auto finalize = FinalizeOp::create(b, stats[0], stats[1], stats[2], init, op.getLseInit());
  SmallVector<Value> results = llvm::to_vector_of<Value>(finalize->getResults());
  if (!isDefault)
    results[0] = b.permute(results[0], defaults.back(), maps.back());
  if (op.getKeptInit())
    results.push_back(retrieve->getResults().back());
  b.castLike(results, op->getResults());
  return results;
}

SmallVector<Value> Expander::expand() {
  std::variant<bool, Value> dense = isDense();
  if (bool *known = std::get_if<bool>(&dense))
    return *known ? buildDense() : buildSteps();
  auto branch = scf::IfOp::create(b, op->getResultTypes(), std::get<Value>(dense),
                                  /*addThenBlock=*/true, /*addElseBlock=*/true);
  b.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(b, buildDense());
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, buildSteps());
  return llvm::to_vector_of<Value>(branch.getResults());
}

namespace {
struct ExpandTiered : OpRewritePattern<TieredAttentionOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(TieredAttentionOp op, PatternRewriter &rewriter) const override {
    if (!op.hasPureTensorSemantics())
      return rewriter.notifyMatchFailure(op, "on memrefs");
    rewriter.replaceOp(op, Expander(op, rewriter).expand());
    return success();
  }
};

struct ExpandTieredPass : mlir::dashkv::impl::ExpandTieredPassBase<ExpandTieredPass> {
  using Base::Base;
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateExpandTieredPatterns(patterns);
    populateBuffersToTensorsPatterns(patterns);
    // Only ops that hold a tiered_attention are touched.
    SmallVector<Operation *> targets;
    getOperation()->walk([&](TieredAttentionOp op) { targets.push_back(op); });
    GreedyRewriteConfig config;
    config.setStrictness(GreedyRewriteStrictness::ExistingAndNewOps).enableFolding(false);
    FrozenRewritePatternSet frozen(std::move(patterns));
    for (Operation *target : targets) {
      // On memrefs the first rewrite makes an op on tensors, the second expands it.
      if (failed(applyOpPatternsGreedily({target}, frozen, config)))
        return signalPassFailure();
    }
  }
};
} // namespace

void mlir::dashkv::populateExpandTieredPatterns(RewritePatternSet &patterns) {
  patterns.add<ExpandTiered>(patterns.getContext());
}
