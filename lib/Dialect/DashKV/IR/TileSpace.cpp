//===- TileSpace.cpp - Loops of the dashkv ops and the dims they cut ------===//
//
// A loop is there only if a tile of it computes what the op computes: heads are
// not where results depend on all of them (votes, kept), nor rows where their
// position counts (causal, limits).
//
//===----------------------------------------------------------------------===//
#include "TileSpace.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include <numeric>

using namespace mlir;
using namespace mlir::dashkv;

static bool isHeads(StringRef name) { return name.starts_with("h"); }

void TileSpace::operand(Value value, StringRef dims) {
  if (!value)
    return;
  SmallVector<StringRef> split = llvm::to_vector(llvm::split(dims, " "));
  values.push_back(value);
  names.emplace_back(split.begin(), split.end());
  // Trailing dims that the spec leaves out are whole.
  names.back().resize(cast<ShapedType>(value.getType()).getRank(), "_");
}

std::optional<unsigned> TileSpace::find(StringRef loop) const {
  for (auto [i, candidate] : llvm::enumerate(loops))
    if (candidate.name == loop)
      return i;
  return std::nullopt;
}

void TileSpace::resolve() {
  // The size of each head dim as a multiple or part of the loop over heads.
  llvm::StringMap<int64_t> heads;
  for (auto [value, dims] : llvm::zip_equal(values, names))
    for (auto [name, size] : llvm::zip_equal(dims, cast<ShapedType>(value.getType()).getShape()))
      if (isHeads(name) && (ShapedType::isStatic(size) || !heads.count(name)))
        heads[name] = size;
  auto *headLoop = llvm::find_if(loops, [](const Loop &loop) { return isHeads(loop.name); });
  llvm::StringMap<Rule> ratios;
  if (headLoop != loops.end()) {
    int64_t size = heads.lookup(headLoop->name);
    bool known = true;
    for (auto &entry : heads) {
      int64_t other = entry.second;
      Rule rule;
      if (entry.first() == headLoop->name || other == size) {
        known &= entry.first() == headLoop->name || ShapedType::isStatic(size);
      } else if (ShapedType::isDynamic(size) || ShapedType::isDynamic(other) || size == 0 ||
                 other == 0) {
        known = false;
      } else if (size % other == 0) {
        rule.div = size / other;
        headUnit = std::lcm(headUnit, rule.div);
      } else if (other % size == 0) {
        rule.mul = other / size;
      } else {
        known = false;
      }
      ratios[entry.first()] = rule;
    }
    if (!known) {
      loops.erase(headLoop);
      ratios.clear();
      headUnit = 1;
    }
  }
  std::optional<unsigned> head;
  for (auto [i, loop] : llvm::enumerate(loops))
    if (isHeads(loop.name))
      head = i;
  sources.assign(loops.size(), {0, 0});
  for (auto [operand, dims] : llvm::enumerate(names)) {
    SmallVector<Rule> &operandRules = rules.emplace_back();
    for (auto [dim, name] : llvm::enumerate(dims)) {
      Rule rule;
      if (std::optional<unsigned> loop = find(name)) {
        rule.loop = *loop;
        sources[*loop] = {operand, dim}; // the last one: results tell all but keys
      } else if (head && isHeads(name)) {
        rule = ratios.lookup(name);
        rule.loop = *head;
      }
      operandRules.push_back(rule);
    }
  }
}

//===----------------------------------------------------------------------===//
// The ops
//===----------------------------------------------------------------------===//

/// Dims of an operand in the layout of `map`. Every tile may need any page.
static std::string getNames(const AttentionDims &dims, AffineMap map, bool kv, bool paged = false) {
  SmallVector<std::string> names;
  for (AffineExpr expr : map.getResults()) {
    unsigned dim = cast<AffineDimExpr>(expr).getPosition();
    if (paged && (dim == dims.batch || dim == dims.key))
      names.push_back("_");
    else if (dim == dims.head)
      names.push_back(kv || dims.group ? "hkv" : "hq");
    else
      names.push_back(dims.getName(dim).str());
  }
  return llvm::join(names, " ");
}

static StringRef getRows(const AttentionDims &dims) { return dims.group ? "b hkv g m" : "b hq m"; }

/// What is added to scores that are estimated: [table], weights and biases of an mlp.
template <typename OpTy> static void addResidual(TileSpace &s, OpTy op) {
  auto perHead = [](Value value, int64_t rank) {
    return cast<ShapedType>(value.getType()).getRank() == rank ? "hq" : "_";
  };
  if (Value table = op.getTable())
    s.operand(table, cast<ShapedType>(table.getType()).getDimSize(0) == 1 ? "_" : "hq");
  for (Value weight : op.getMlpWeights())
    s.operand(weight, perHead(weight, 3));
  for (Value bias : op.getMlpBiases())
    s.operand(bias, perHead(bias, 2));
}

/// Query, key, value, [mask].
template <typename OpTy> static void addInputs(TileSpace &s, OpTy op, Value mask) {
  SmallVector<AffineMap> maps = op.getMaps();
  AttentionDims dims = op.getDims();
  bool paged = op.getBlockTable() != nullptr;
  s.operand(op.getQuery(), getNames(dims, maps[0], /*kv=*/false));
  s.operand(op.getKey(), getNames(dims, maps[1], /*kv=*/true, paged));
  s.operand(op.getValue(), getNames(dims, maps[2], /*kv=*/true, paged));
  if (mask)
    s.operand(mask, getNames(dims, maps[3], /*kv=*/false));
}

static void addHeads(TileSpace &s, const AttentionDims &dims) {
  s.parallel(dims.group ? "hkv" : "hq");
  if (dims.group)
    s.parallel("g");
}

static void define(TileSpace &s, AttentionOp op) {
  AttentionDims dims = op.getDims();
  s.parallel("b");
  addHeads(s, dims);
  if (!op.getCausal())
    s.parallel("m");
  addInputs(s, op, op.getMask());
  s.operand(op.getLengths(), "b");
  s.operand(op.getBlockTable(), "b");
  s.operand(op.getKeyScale(), "hkv");
  s.operand(op.getValueScale(), "hkv");
  s.operand(op.getInit(), getNames(dims, op.getMaps().back(), /*kv=*/false));
  s.operand(op.getLseInit(), getRows(dims));
}

static void define(TileSpace &s, TieredAttentionOp op) {
  // Whether the op is exact depends on the longest sequence of the batch.
  if (!op.getLengths() || op.getTiering().getDenseBelow() == 0)
    s.parallel("b");
  if (!op.getVoteDiscount() && !op.getKeptInit())
    s.parallel("hq");
  addInputs(s, op, Value());
  s.operand(op.getQueryCodes(), "b hc");
  s.operand(op.getKeyCodes(), "b hkv");
  s.operand(op.getLengths(), "b");
  s.operand(op.getBlockTable(), "b");
  s.operand(op.getForced(), "b");
  s.operand(op.getPrior(), "b");
  s.operand(op.getVoteDiscount(), "hc");
  s.operand(op.getPriorDiscount(), "hc");
  s.operand(op.getRadius(), "b hc");
  s.operand(op.getCodeScale(), "b hc");
  s.operand(op.getTemperature(), "hq");
  s.operand(op.getBias(), "hq");
  addResidual(s, op);
  s.operand(op.getKeyScale(), "hkv");
  s.operand(op.getValueScale(), "hkv");
  s.operand(op.getInit(), getNames(op.getDims(), op.getMaps().back(), /*kv=*/false));
  s.operand(op.getLseInit(), "b hq");
  s.operand(op.getKeptInit(), "b");
}

static void define(TileSpace &s, HashEncodeOp op) {
  s.parallel("b");
  s.parallel("hc");
  s.parallel("m");
  s.operand(op.getInput(), "b hin m");
  auto perHead = [](Value value, int64_t rank) {
    return cast<ShapedType>(value.getType()).getRank() == rank ? "hc" : "_";
  };
  for (Value weight : op.getWeights())
    s.operand(weight, perHead(weight, 3));
  for (Value bias : op.getBiases())
    s.operand(bias, perHead(bias, 2));
  s.operand(op.getInit(), "b hc m");
  s.operand(op.getScaleInit(), "b hc m");
}

static void define(TileSpace &s, HammingDistanceOp op) {
  bool planes = CodeForm::arePlanes(op.getKeyCodes().getType());
  s.parallel("b");
  s.parallel("hc");
  s.parallel("m");
  if (!planes)
    s.parallel("n");
  s.operand(op.getQueryCodes(), "b hc m");
  s.operand(op.getKeyCodes(), "b hkv n");
  s.operand(op.getInit(), "b hc m n");
}

static void define(TileSpace &s, CalibrateOp op) {
  s.parallel("b");
  if (!op.getVoteDiscount())
    s.parallel("hc");
  // A percentile is of all keys below the limit of the row.
  if (!op.getVoteDiscount() || op.getRadius()) {
    s.parallel("m");
    s.parallel("n");
  }
  s.operand(op.getDistances(), "b hc m n");
  s.operand(op.getLengths(), "b");
  s.operand(op.getPrior(), "b n");
  s.operand(op.getVoteDiscount(), "hc");
  s.operand(op.getPriorDiscount(), "hc");
  s.operand(op.getRadius(), "b hc m");
  s.operand(op.getInit(), "b hc m n");
}

template <typename OpTy> static void addLists(TileSpace &s, OpTy op) {
  for (Value list : {op.getFullIndices(), op.getFullCounts(), op.getFullThreshold(),
                     op.getMidIndices(), op.getMidCounts(), op.getMidThreshold()})
    s.operand(list, "b hl");
  s.operand(op.getKeptInit(), "b");
}

static void define(TileSpace &s, SelectOp op) {
  s.parallel("b");
  if (!op.getKeptInit())
    s.parallel("hl");
  s.operand(op.getDistances(), "b hc");
  s.operand(op.getLengths(), "b");
  s.operand(op.getForced(), "b");
  addLists(s, op);
}

static void define(TileSpace &s, RetrieveOp op) {
  s.parallel("b");
  if (!op.getVoteDiscount() && !op.getKeptInit())
    s.parallel("hl");
  s.operand(op.getQueryCodes(), "b hc");
  s.operand(op.getKeyCodes(), "b hkv");
  s.operand(op.getLengths(), "b");
  s.operand(op.getForced(), "b");
  s.operand(op.getPrior(), "b");
  s.operand(op.getVoteDiscount(), "hc");
  s.operand(op.getPriorDiscount(), "hc");
  s.operand(op.getRadius(), "b hc");
  addLists(s, op);
}

static void define(TileSpace &s, EstimateScoresOp op) {
  s.parallel("b");
  s.parallel("hq");
  s.parallel("m");
  s.parallel("c");
  s.operand(op.getQueryCodes(), "b hc m");
  s.operand(op.getKeyCodes(), "b hkv");
  s.operand(op.getIndices(), "b hl m c");
  s.operand(op.getCounts(), "b hl m");
  s.operand(op.getTemperature(), "hq");
  s.operand(op.getBias(), "hq");
  s.operand(op.getCodeScale(), "b hc m");
  addResidual(s, op);
  s.operand(op.getInit(), "b hq m c");
}

static void define(TileSpace &s, OnlineAttentionOp op) {
  AttentionDims dims = op.getDims();
  s.parallel("b");
  addHeads(s, dims);
  if (!op.getCausal())
    s.parallel("m");
  if (op.getIndices()) {
    s.reduction("c");
    addInputs(s, op, Value()); // lists name keys of the whole cache
  } else {
    // The limit of a causal row moves with the keys: it takes lengths to say so.
    // Parts of the keys need not be whole pages.
    if (!op.getBlockTable() && (!op.getCausal() || op.getLengths()))
      s.reduction("n");
    addInputs(s, op, op.getMask());
  }
  s.operand(op.getIndices(), "b hl m c");
  s.operand(op.getCounts(), "b hl m");
  s.operand(op.getLengths(), "b");
  s.operand(op.getBlockTable(), "b");
  s.operand(op.getKeyScale(), "hkv");
  s.operand(op.getValueScale(), "hkv");
  s.operand(op.getAcc(), getNames(dims, op.getMaps().back(), /*kv=*/false));
  s.operand(op.getMax(), getRows(dims));
  s.operand(op.getSum(), getRows(dims));
}

static void define(TileSpace &s, OnlineReduceOp op) {
  s.parallel("b");
  s.parallel("hq");
  s.parallel("m");
  s.reduction("c");
  s.operand(op.getScores(), "b hq m c");
  s.operand(op.getValue(), op.getBlockTable() ? "_ hkv" : "b hkv");
  s.operand(op.getIndices(), "b hl m c");
  s.operand(op.getCounts(), "b hl m");
  s.operand(op.getBlockTable(), "b");
  s.operand(op.getValueScale(), "hkv");
  s.operand(op.getAcc(), "b hq m");
  s.operand(op.getMax(), "b hq m");
  s.operand(op.getSum(), "b hq m");
}

static void define(TileSpace &s, MergeOp op) {
  for (StringRef loop : {"b", "hq", "m"})
    s.parallel(loop);
  for (Value partial : {op.getAccs(), op.getMaxs(), op.getSums()})
    s.operand(partial, "_ b hq m");
  for (Value init : op.getDpsInits())
    s.operand(init, "b hq m");
}

static void define(TileSpace &s, FinalizeOp op) {
  bool grouped = cast<ShapedType>(op.getAcc().getType()).getRank() == 5;
  StringRef rows = grouped ? "b hkv g m" : "b hq m";
  for (StringRef loop : llvm::split(rows, " "))
    s.parallel(loop);
  for (Value operand : op->getOperands())
    s.operand(operand, rows);
}

TileSpace TileSpace::get(Operation *op) {
  TileSpace space;
  llvm::TypeSwitch<Operation *>(op)
      .Case<
#define GET_OP_LIST
#include "dashkv/Dialect/DashKV/IR/DashKVOps.cpp.inc"
          >([&](auto op) { define(space, op); });
  space.resolve();
  return space;
}

TileLoops TileLoops::get(Operation *op) {
  TileSpace space = TileSpace::get(op);
  TileLoops result;
  result.headUnit = space.getHeadUnit();
  for (auto [i, loop] : llvm::enumerate(space.getLoops())) {
    auto [operand, dim] = space.getSource(i);
    int64_t size = cast<ShapedType>(op->getOperand(operand).getType()).getDimSize(dim);
    int64_t known = ShapedType::isDynamic(size) ? 1 : size;
    if (loop.name == "b") {
      result.batch = i;
      result.numTiles *= known;
    } else if (isHeads(loop.name)) {
      result.head = i;
      result.numTiles *= llvm::divideCeil(known, result.headUnit);
    } else if (loop.kind == utils::IteratorType::reduction) {
      result.keys = i;
      result.numKeys = size;
    }
  }
  return result;
}
