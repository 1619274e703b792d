//===- RaiseAttention.cpp - dashkv-raise-attention ------------------------===//
//
// Finds roots, checks that nothing else uses what attention computes on the way,
// replaces, cleans up, and reports what was left.
//
//===----------------------------------------------------------------------===//
#include "RaiseAttentionBuild.h"
#include "dashkv/Dialect/DashKV/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/TypeSwitch.h"

#define DEBUG_TYPE "dashkv-raise-attention"

namespace mlir::dashkv {
#define GEN_PASS_DEF_RAISEATTENTIONPASS
#include "dashkv/Dialect/DashKV/Transforms/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;
using namespace mlir::dashkv;

//===----------------------------------------------------------------------===//
// Roots
//===----------------------------------------------------------------------===//

/// The only user of a value apart from queries of its size.
static Operation *getSingleUser(Value value) {
  Operation *user = nullptr;
  for (OpOperand &use : value.getUses()) {
    if (isa<tensor::DimOp>(use.getOwner()))
      continue;
    if (user)
      return nullptr;
    user = use.getOwner();
  }
  Operation *producer = value.getDefiningOp();
  return user && producer && user->getBlock() == producer->getBlock() ? user : nullptr;
}

/// True when `user` moves the elements of `value` and neither drops nor repeats
/// one, or converts them to another float type.
static bool isPermutation(Operation *user, Value value) {
  if (user->getNumResults() != 1)
    return false;
  auto type = dyn_cast<RankedTensorType>(user->getResult(0).getType());
  if (!type || !isa<FloatType>(type.getElementType()))
    return false;
  ExprContext context;
  SmallVector<DimIndex, 4> index;
  for (int64_t dim = 0; dim < type.getRank(); ++dim) {
    index.push_back({context.pool.createLoop(DimSize::ofDim(user->getResult(0), dim)), nullptr});
  }
  ExprRef load = context.getLoad(user->getResult(0), index);
  ExprRef moved = context.expand(load);
  if (!moved || moved->kind != ExprKind::Load || moved->source != value)
    return false;
  AtomList all, seen;
  for (const DimIndex &dim : index)
    all.append(AtomPool::resolve(dim.atoms));
  for (const DimIndex &dim : moved->indices) {
    if (dim.other)
      return false;
    for (Atom *atom : AtomPool::resolve(dim.atoms)) {
      if (llvm::is_contained(seen, atom))
        return false;
      seen.push_back(atom);
    }
  }
  return seen.size() == all.size();
}

/// Follows the result of an op through data movement that nothing else shares.
static Value followMovement(Value value) {
  while (Operation *user = getSingleUser(value)) {
    if (!isPermutation(user, value))
      break;
    value = user->getResult(0);
  }
  return value;
}

static bool isElementwise(Operation *op) {
  if (!isa<RankedTensorType>(op->getResult(0).getType()))
    return false;
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp ? linalgOp.getNumLoops() == linalgOp.getNumParallelLoops()
                  : op->hasTrait<OpTrait::Elementwise>();
}

//===----------------------------------------------------------------------===//
// Uses
//===----------------------------------------------------------------------===//

namespace {
/// The ops that have no use once roots are replaced.
class DeadOps {
public:
  explicit DeadOps(ArrayRef<Operation *> roots) { kill(roots); }
  bool contains(Operation *op) const { return ops.contains(op); }
  ArrayRef<Operation *> getOps() const { return order; }
  /// Queries of sizes of dead tensors, which are to be answered otherwise.
  ArrayRef<tensor::DimOp> getSizeQueries() const { return sizeQueries; }

private:
  void kill(ArrayRef<Operation *> roots);
  bool hasLiveUser(Operation *op);

  DenseSet<Operation *> ops;
  SmallVector<Operation *> order;
  SmallVector<tensor::DimOp> sizeQueries;
};
} // namespace

/// True for an op that was dead before, up to a bound on the search; collects it
/// and its users.
static bool isUnused(Operation *op, SmallVectorImpl<Operation *> &unused, unsigned depth = 0) {
  unused.push_back(op);
  return depth < 8 && isMemoryEffectFree(op) && !op->hasTrait<OpTrait::IsTerminator>() &&
         llvm::all_of(
             op->getUsers(), [&](Operation *user) { return isUnused(user, unused, depth + 1); });
}

bool DeadOps::hasLiveUser(Operation *op) {
  SmallVector<tensor::DimOp> queries;
  SmallVector<Operation *> unused;
  for (Operation *user : op->getUsers()) {
    auto query = dyn_cast<tensor::DimOp>(user);
    if (query && query.getSource().getDefiningOp() == op) {
      DimSize size = DimSize::ofValue(query.getResult());
      bool isElsewhere =
          size.isStatic() || (size.value != query.getResult() && size.value.getDefiningOp() != op);
      if (!isElsewhere)
        return true;
      queries.push_back(query);
      continue;
    }
    Operation *ancestor = user;
    while (ancestor && !ops.contains(ancestor))
      ancestor = ancestor->getParentOp();
    if (ancestor)
      continue;
    if (!isUnused(user, unused))
      return true;
  }
  sizeQueries.append(queries);
  for (Operation *user : unused)
    if (ops.insert(user).second)
      order.push_back(user);
  return false;
}

void DeadOps::kill(ArrayRef<Operation *> roots) {
  ops.insert_range(roots);
  order.append(roots.begin(), roots.end());
  for (size_t next = 0; next < order.size(); ++next)
    order[next]->walk([&](Operation *inner) {
      for (Value operand : inner->getOperands()) {
        Operation *producer = operand.getDefiningOp();
        if (!producer || ops.contains(producer) || !isMemoryEffectFree(producer) ||
            producer->hasTrait<OpTrait::IsTerminator>() || order[next]->isAncestor(producer) ||
            hasLiveUser(producer))
          continue;
        ops.insert(producer);
        order.push_back(producer);
      }
    });
}

//===----------------------------------------------------------------------===//
// One attempt
//===----------------------------------------------------------------------===//

namespace {
/// Decides about one op that may be the last contraction of attention.
class Attempt {
public:
  Attempt(Operation *anchor, const RaiseAttentionOptions &options)
      : anchor(anchor), options(options) {}
  /// True when the op is to be raised; else `decline` may say why not.
  bool analyse();
  void rewrite(RewriterBase &rewriter);
  std::optional<Decline> decline;
  bool isTopLeftDecode() const { return matcher->attention.topLeftDecode; }

private:
  AttentionMatcher::Result matchRoot(Value root);
  bool checkUses();

  Operation *anchor;
  const RaiseAttentionOptions &options;
  std::unique_ptr<ExprContext> context;
  std::unique_ptr<AttentionMatcher> matcher;
  std::unique_ptr<AttentionBuilder> builder;
  std::unique_ptr<DeadOps> dead;
};
} // namespace

AttentionMatcher::Result Attempt::matchRoot(Value root) {
  context = std::make_unique<ExprContext>();
  matcher = std::make_unique<AttentionMatcher>(*context, options);
  auto result = TypeSwitch<Operation *, AttentionMatcher::Result>(anchor)
                    .Case<tm_tensor::AttentionOp, iree_linalg_ext::AttentionOp,
                          iree_linalg_ext::OnlineAttentionOp>(
                        [&](auto op) { return matcher->match(root, op); })
                    .Default([&](Operation *op) { return matcher->match(root, op); });
  if (matcher->decline)
    decline = matcher->decline;
  return result;
}

bool Attempt::analyse() {
  using Result = AttentionMatcher::Result;
  if (anchor->getNumResults() == 0 || !isa<RankedTensorType>(anchor->getResult(0).getType()))
    return false;
  // A division by the sum, a guard for empty rows, or both may follow the
  // contraction: where it is no attention without them, one op after the other is
  // taken in.
  std::optional<Decline> first;
  bool isOpen = true;
  Value root = followMovement(anchor->getResult(0));
  for (int numTaken = 0; isOpen && numTaken <= 2; ++numTaken) {
    decline.reset();
    Result result = matchRoot(root);
    if (result == Result::Match) {
      builder = std::make_unique<AttentionBuilder>(*context, matcher->attention);
      if (builder->plan() && checkUses())
        return true;
      if (builder->decline)
        decline = builder->decline;
    }
    if (result == Result::Unnormalized)
      decline = Decline{"sum-source", "the result is not divided by the sum of the exponentials"};
    if (decline && (!first || first->id == "sum-source"))
      first = decline;
    isOpen = decline.has_value();
    Operation *user = isOpen ? getSingleUser(root) : nullptr;
    isOpen = user && user->getNumResults() == 1 && isElementwise(user);
    if (isOpen)
      root = followMovement(user->getResult(0));
  }
  decline = first;
  return false;
}

bool Attempt::checkUses() {
  const AttentionMatch &attention = matcher->attention;
  Operation *root = builder->getRoot().getDefiningOp();
  for (Operation *op : {attention.scoreOp, attention.expOp, anchor})
    if (op && op->getBlock() != root->getBlock()) {
      decline = Decline{"crosses-region", "the parts are in different blocks"};
      return false;
    }
  SmallVector<Operation *> roots = {root};
  if (attention.lse)
    roots.push_back(attention.lse->source.getDefiningOp());
  dead = std::make_unique<DeadOps>(roots);
  auto isUsed = [&](Operation *op) { return op && !dead->contains(op); };
  if (isUsed(attention.expOp) || isUsed(anchor)) {
    decline = Decline{"weights-used", "the exponentials, their sum or the probabilities have "
                                      "another user"};
    return false;
  }
  if (isUsed(attention.scoreOp)) {
    decline = Decline{"scores-used", "the scores or their maximum have another user"};
    return false;
  }
  // What takes the place of the second result stands where the first one does.
  if (attention.lse)
    for (Operation *user : attention.lse->source.getUsers()) {
      Operation *ancestor = root->getBlock()->findAncestorOpInBlock(*user);
      if (!dead->contains(user) && (!ancestor || ancestor->isBeforeInBlock(root))) {
        decline = Decline{"weights-used", "the logarithm of the sum is used before the result"};
        return false;
      }
    }
  for (tensor::DimOp query : dead->getSizeQueries()) {
    DimSize size = DimSize::ofValue(query.getResult());
    if (!size.isStatic() && isUsed(query) && size.value.getDefiningOp() &&
        dead->contains(size.value.getDefiningOp())) {
      decline = Decline{"scores-used", "the size of the scores has another user"};
      return false;
    }
  }
  return true;
}

void Attempt::rewrite(RewriterBase &rewriter) {
  SmallVector<Value, 2> replaced = {builder->getRoot()};
  if (ExprRef lse = matcher->attention.lse)
    replaced.push_back(lse->source);
  SmallVector<Value, 2> replacements = builder->build(rewriter);
  rewriter.replaceAllUsesWith(replaced, replacements);
  for (tensor::DimOp query : dead->getSizeQueries()) {
    if (dead->contains(query))
      continue;
    DimSize size = DimSize::ofValue(query.getResult());
    rewriter.setInsertionPoint(query);
    Value value = size.materialize(rewriter, query.getLoc());
    rewriter.replaceOp(query, value);
  }
  // Operands first in the list are users of those behind them, up to order among
  // equals: rounds until nothing is left.
  SmallVector<Operation *> pending(dead->getOps());
  for (bool changed = true; changed && !pending.empty();) {
    changed = false;
    llvm::erase_if(pending, [&](Operation *op) {
      if (!op->use_empty())
        return false;
      rewriter.eraseOp(op);
      changed = true;
      return true;
    });
  }
}

//===----------------------------------------------------------------------===//
// Pass
//===----------------------------------------------------------------------===//

/// Contractions and reductions on tensors, and the one-op forms.
static bool isAnchor(Operation *op) {
  if (isa<tm_tensor::AttentionOp, iree_linalg_ext::AttentionOp, iree_linalg_ext::OnlineAttentionOp>(
          op))
    return true;
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp && linalgOp.hasPureTensorSemantics() && op->getNumResults() == 1 &&
         linalgOp.getNumReductionLoops() > 0 &&
         isa<FloatType>(getElementTypeOrSelf(op->getResult(0).getType()));
}

/// Softmax between contractions on buffers: raising works on tensors only.
static bool isAttentionOnBuffers(linalg::LinalgOp op) {
  if (!op.hasPureBufferSemantics() || op.getNumReductionLoops() == 0 || op.getNumDpsInputs() < 2)
    return false;
  auto writer = [&](Value buffer, function_ref<bool(Operation *)> isWanted) {
    return llvm::find_if(buffer.getUsers(), [&](Operation *user) {
             auto dps = dyn_cast<DestinationStyleOpInterface>(user);
             return dps && user != op && llvm::is_contained(dps.getDpsInits(), buffer) &&
                    isWanted(user);
           }) != buffer.getUsers().end();
  };
  auto isSoftmax = [](Operation *user) {
    if (isa<linalg::SoftmaxOp, linalg::ExpOp>(user))
      return true;
    auto generic = dyn_cast<linalg::LinalgOp>(user);
    return generic && generic->getNumRegions() == 1 &&
           llvm::any_of(*generic.getBlock(), [](Operation &inner) {
             return isa<math::ExpOp, math::Exp2Op, arith::DivFOp>(inner);
           });
  };
  return llvm::any_of(op.getDpsInputs(), [&](Value input) {
    return isa<MemRefType>(input.getType()) && writer(input, isSoftmax);
  });
}

namespace {
/// Keeps the list of ops still to be visited free of erased ones.
struct ErasedOps : RewriterBase::Listener {
  void notifyOperationErased(Operation *op) override { ops.insert(op); }
  DenseSet<Operation *> ops;
};

struct RaiseAttentionPass : dashkv::impl::RaiseAttentionPassBase<RaiseAttentionPass> {
  using Base::Base;

  void runOnOperation() override {
    RaiseAttentionOptions options{assumeNonemptyRows, allowUnstabilized, materializeIndexMasks};
    getOperation()->walk<WalkOrder::PreOrder>([&](FunctionOpInterface function) {
      raise(function, options);
      return WalkResult::skip();
    });
  }

  void raise(FunctionOpInterface function, const RaiseAttentionOptions &options) {
    ErasedOps erased;
    IRRewriter rewriter(&getContext(), &erased);
    SmallVector<Operation *> anchors;
    function->walk([&](Operation *op) {
      if (isAnchor(op))
        anchors.push_back(op);
    });
    auto remarkOptions =
        remark::RemarkOpts::name("RaiseAttention").category("dashkv").function(function.getName());
    unsigned numRaised = 0, numMissed = 0;
    for (Operation *anchor : anchors) {
      if (erased.ops.contains(anchor))
        continue;
      Attempt attempt(anchor, options);
      if (!attempt.analyse()) {
        (void)rewriter.notifyMatchFailure(anchor, [&](Diagnostic &why) {
          why << (attempt.decline ? attempt.decline->text : "not the end of attention");
        });
        continue;
      }
      Location loc = anchor->getLoc();
      bool isTopLeftDecode = attempt.isTopLeftDecode();
      attempt.rewrite(rewriter);
      ++numRaised;
      if (isTopLeftDecode)
        remark::analysis(loc, remarkOptions)
            << "a causal mask aligned at the first key leaves one key to a step of one row";
    }

    // What is left, once for each op: an earlier op may have been in the way.
    function->walk([&](Operation *op) {
      if (isAnchor(op)) {
        Attempt attempt(op, options);
        if (attempt.analyse() || !attempt.decline)
          return;
        ++numMissed;
        remark::missed(op->getLoc(), remarkOptions)
            << (attempt.decline->id + ": " + attempt.decline->text).str();
      } else if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
                 linalgOp && isAttentionOnBuffers(linalgOp)) {
        ++numMissed;
        remark::missed(op->getLoc(), remarkOptions)
            << "crosses-region: the parts are on memrefs, raise before bufferization";
      }
    });
    auto summary = remark::analysis(function.getLoc(), remarkOptions);
    if (numRaised + numMissed == 0)
      summary << "no attention found";
    summary << remark::metric("raised", numRaised);
  }
};
} // namespace
