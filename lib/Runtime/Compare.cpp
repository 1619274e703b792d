//===- Compare.cpp - Tiered against exact attention -----------------------===//
//
// Three modules are compiled: the one given; one whose tiered ops always take
// their exact branch; and a probe that returns, for each tiered op, its lists
// and the log-sum-exp over the lists and over all keys. Their difference is the
// kept attention mass.
//
//===----------------------------------------------------------------------===//
#include "dashkv/Runtime/Compare.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <set>

using namespace mlir;
using namespace mlir::dashkv;

static TieringAttr withDenseBelow(TieringAttr t, int64_t denseBelow) {
  return TieringAttr::get(t.getContext(), t.getFull(), t.getFullMin(), t.getFullMax(), t.getMid(),
                          t.getMidMin(), t.getMidMax(), t.getSinks(), t.getWindow(), t.getScope(),
                          t.getTies(), t.getBitsFraction(), t.getVoteThreshold(),
                          t.getVoteFraction(), denseBelow, t.getKeptVotes());
}

static llvm::Expected<std::unique_ptr<JIT>>
compile(ModuleOp module, const CPUPipelineOptions &options, const ObjectCache *cache) {
  FailureOr<std::unique_ptr<JIT>> jit = JIT::compile(module, options, cache);
  if (failed(jit))
    return llvm::createStringError("cannot compile the module for this CPU");
  return std::move(*jit);
}

namespace {
/// Builds the probe's results for one tiered op.
struct Probe {
  TieredAttentionOp op;
  ImplicitLocOpBuilder b;

  explicit Probe(TieredAttentionOp op) : op(op), b(op.getLoc(), op) {}

  OpFoldResult size(Value tensor, AffineMap map, unsigned dim) {
    return tensor::getMixedSize(b, b.getLoc(), tensor,
                                *map.getResultPosition(b.getAffineDimExpr(dim)));
  }
  Value empty(ArrayRef<OpFoldResult> sizes, Type type) {
    return tensor::EmptyOp::create(b, sizes, type);
  }
  Value filled(ArrayRef<OpFoldResult> sizes, float value) {
    Value scalar = arith::ConstantOp::create(b, b.getF32FloatAttr(value));
    return linalg::FillOp::create(b, scalar, empty(sizes, b.getF32Type())).getResult(0);
  }

  /// lse over all keys, lse over the full lists, full lists, full counts, [mid
  /// lists, mid counts], [lengths].
  SmallVector<Value> build() {
    AttentionDims dims = op.getDims();
    SmallVector<AffineMap> maps = op.getMaps();
    OpFoldResult batch = size(op.getQuery(), maps[0], dims.batch),
                 heads = size(op.getQuery(), maps[0], dims.head),
                 rows = size(op.getQuery(), maps[0], dims.query),
                 kvHeads = size(op.getKey(), maps[1], dims.head),
                 keys = getNumKeys(b, b.getLoc(), op.getKey(),
                                   *maps[1].getResultPosition(b.getAffineDimExpr(dims.key)),
                                   op.getBlockTable()),
                 depth = size(op.getValue(), maps[2], dims.valueDepth);
    Type i32 = b.getI32Type();
    auto exact =
        AttentionOp::create(b, op.getQuery(), op.getKey(), op.getValue(), Value(), op.getLengths(),
                            op.getBlockTable(), op.getKeyScale(), op.getValueScale(), op.getInit(),
                            empty({batch, heads, rows}, b.getF32Type()), op.getScaleAttr(),
                            /*causal=*/true, op.getIndexingMapsAttr());
    // Byte planes have codes past the last key.
    OpFoldResult codeKeys = keys;
    Value lengths = op.getLengths();
    if (CodeForm::arePlanes(op.getKeyCodes().getType())) {
      Value blocks = tensor::DimOp::create(b, op.getKeyCodes(), 2);
      Value size = arith::ConstantIndexOp::create(b, CodeForm::blockKeys);
      codeKeys = Value(arith::MulIOp::create(b, blocks, size));
      if (!lengths) {
        Value number = getValueOrCreateConstantIndexOp(b, b.getLoc(), keys);
        number = arith::IndexCastOp::create(b, i32, number);
        lengths = linalg::FillOp::create(b, number, empty({batch}, i32)).getResult(0);
      }
    }
    OpFoldResult listHeads = op.getTiering().getScope() == Scope::Group ? kvHeads : heads;
    SmallVector<OpFoldResult> listRows = {batch, listHeads, rows},
                              listSizes = {batch, listHeads, rows, codeKeys};
    auto list = [&]() -> std::array<Value, 3> {
      return {empty(listSizes, i32), empty(listRows, i32), empty(listRows, i32)};
    };
    std::array<Value, 3> full = list(), mid = {};
    if (op.getTiering().hasMid())
      mid = list();
    auto retrieve = RetrieveOp::create(b, op.getQueryCodes(), op.getKeyCodes(), lengths,
                                       op.getForced(), op.getPrior(), op.getVoteDiscount(),
                                       op.getPriorDiscount(), op.getRadius(), full[0], full[1],
                                       full[2], mid[0], mid[1], mid[2], Value(), op.getTiering());
    SmallVector<AffineMap> defaults = AttentionDims::getDefaultMaps(b.getContext(), false);
    ArrayAttr listMaps;
    if (op.getIndexingMaps())
      listMaps = b.getAffineMapArrayAttr({maps[0], maps[1], maps[2], defaults[3]});
    SmallVector<OpFoldResult> statRows = {batch, heads, rows},
                              accSizes = {batch, heads, rows, depth};
    auto stats = OnlineAttentionOp::create(
        b, op.getQuery(), op.getKey(), op.getValue(), Value(), retrieve->getResult(0),
        retrieve->getResult(1), Value(), op.getBlockTable(), op.getKeyScale(), op.getValueScale(),
        filled(accSizes, 0), filled(statRows, std::numeric_limits<float>::lowest()),
        filled(statRows, 0), op.getScaleAttr(), /*causal=*/false, listMaps);
    auto finalize =
        FinalizeOp::create(b, stats->getResult(0), stats->getResult(1), stats->getResult(2),
                           empty(accSizes, b.getF32Type()), empty(statRows, b.getF32Type()));
    SmallVector<Value> results = {exact->getResult(1), finalize->getResult(1),
                                  retrieve->getResult(0), retrieve->getResult(1)};
    if (op.getTiering().hasMid())
      results.append({retrieve->getResult(3), retrieve->getResult(4)});
    if (op.getLengths())
      results.push_back(op.getLengths());
    return results;
  }
};
} // namespace

/// Number of different keys in the lists of one KV head, summed over KV heads.
static double countUnion(const Array &indices, const Array &counts, int64_t kvHeads) {
  int64_t batch = indices.shape[0], heads = indices.shape[1], rows = indices.shape[2],
          capacity = indices.shape[3];
  double total = 0;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t kv = 0; kv < kvHeads; ++kv) {
      std::set<int32_t> keys;
      for (int64_t h = kv * heads / kvHeads; h < (kv + 1) * heads / kvHeads; ++h)
        for (int64_t m = 0; m < rows; ++m) {
          int64_t row = (b * heads + h) * rows + m;
          const int32_t *list = indices.as<int32_t>() + row * capacity;
          keys.insert(list, list + counts.as<int32_t>()[row]);
        }
      total += keys.size();
    }
  return total;
}

static Comparison::Error compare(unsigned index, Type type, const Array &exact,
                                 const Array &tiered) {
  double largest = 0, biggest = 0, squares = 0, errors = 0, sumE = 0, sumT = 0, squareT = 0,
         product = 0;
  int64_t count = exact.getNumElements();
  for (int64_t i = 0; i < count; ++i) {
    double e = getElement(exact, type, i), t = getElement(tiered, type, i);
    if (std::isinf(e) && e == t)
      continue;
    largest = std::isnan(t - e) ? std::numeric_limits<double>::infinity()
                                : std::max(largest, std::abs(t - e));
    biggest = std::max(biggest, std::abs(e));
    squares += e * e;
    errors += (t - e) * (t - e);
    sumE += e;
    sumT += t;
    squareT += t * t;
    product += e * t;
  }
  double covariance = product - sumE * sumT / count;
  double deviation = std::sqrt((squares - sumE * sumE / count) * (squareT - sumT * sumT / count));
  return {index, biggest > 0 ? largest / biggest : largest,
          squares > 0 ? std::sqrt(errors / squares) : std::sqrt(errors),
          deviation > 0 ? covariance / deviation : 1};
}

llvm::Expected<Comparison> dashkv::compareWithAttention(ModuleOp module, StringRef entry,
                                                        ArrayRef<Array> arguments,
                                                        unsigned repetitions,
                                                        const CPUPipelineOptions &options,
                                                        const ObjectCache *cache) {
  auto function = module.lookupSymbol<func::FuncOp>(entry);
  if (!function)
    return llvm::createStringError("expected a public function of the module, but got '" + entry +
                                   "'");
  OwningOpRef<ModuleOp> exactModule = module.clone(), probeModule = module.clone(),
                        tieredModule = module.clone();
  exactModule->walk([](TieredAttentionOp op) {
    op.setTieringAttr(withDenseBelow(op.getTiering(), std::numeric_limits<int32_t>::max()));
  });

  // The probe: more results at the end of the function.
  struct Site {
    TieringAttr tiering;
    int64_t bits, depth, valueDepth;
    unsigned keyBytes, valueBytes, firstResult, numResults;
    bool hasLengths;
  };
  std::vector<Site> sites;
  auto probeFunction = probeModule->lookupSymbol<func::FuncOp>(entry);
  SmallVector<TieredAttentionOp> ops(probeFunction.getBody().front().getOps<TieredAttentionOp>());
  if (ops.empty() || !llvm::hasSingleElement(probeFunction.getBody()))
    return llvm::createStringError("expected a dashkv.tiered_attention in the only block of '" +
                                   entry + "', but got none");
  Operation *terminator = probeFunction.getBody().front().getTerminator();
  SmallVector<Value> returned(terminator->getOperands());
  for (TieredAttentionOp op : ops) {
    SmallVector<Value> results = Probe(op).build();
    auto typeOf = [](Value value) { return cast<RankedTensorType>(value.getType()); };
    AttentionDims dims = op.getDims();
    auto sizeOf = [&](Value value, AffineMap map, unsigned dim) {
      return typeOf(value).getDimSize(
          *map.getResultPosition(getAffineDimExpr(dim, op.getContext())));
    };
    auto bytesOf = [&](Value value) { return typeOf(value).getElementTypeBitWidth() / 8; };
    CodeForm form = *CodeForm::get(op.getQueryCodes().getType(), op.getKeyCodes().getType());
    sites.push_back({op.getTiering(), form.bits, sizeOf(op.getKey(), op.getMaps()[1], dims.depth),
                     sizeOf(op.getValue(), op.getMaps()[2], dims.valueDepth), bytesOf(op.getKey()),
                     bytesOf(op.getValue()), static_cast<unsigned>(returned.size()),
                     static_cast<unsigned>(results.size()), op.getLengths() != nullptr});
    returned.append(results);
  }
  // Sizes that only a run knows come with the lists: their capacity is N there,
  // and the KV heads are those of the key codes.
  SmallVector<int64_t> kvHeads;
  for (TieredAttentionOp op : ops)
    kvHeads.push_back(cast<RankedTensorType>(op.getKeyCodes().getType()).getDimSize(1));
  terminator->setOperands(returned);
  probeFunction.setType(FunctionType::get(module.getContext(), probeFunction.getArgumentTypes(),
                                          ValueRange(returned).getTypes()));
  if (auto attrs = probeFunction.getAllResultAttrs())
    probeFunction.removeResAttrsAttr();

  auto exact = compile(*exactModule, options, cache),
       tiered = compile(*tieredModule, options, cache),
       probe = compile(*probeModule, options, cache);
  for (auto *jit : {&exact, &tiered, &probe})
    if (!*jit) {
      llvm::Error error = jit->takeError();
      for (auto *other : {&exact, &tiered, &probe})
        if (other != jit)
          llvm::consumeError(other->takeError());
      return std::move(error);
    }
  // A call may write its arguments: everyone gets a copy.
  auto copy = [&] {
    SmallVector<Array> copies(arguments);
    for (Array &array : copies)
      array.data = std::make_shared<std::vector<char>>(*array.data);
    return copies;
  };
  SmallVector<Array> exactArguments = copy(), tieredArguments = copy();
  auto exactResults = (*exact)->call(entry, exactArguments);
  if (!exactResults)
    return exactResults.takeError();
  auto tieredResults = (*tiered)->call(entry, tieredArguments);
  if (!tieredResults)
    return tieredResults.takeError();
  auto probeResults = (*probe)->call(entry, copy());
  if (!probeResults)
    return probeResults.takeError();

  Comparison comparison;
  // A cache that is an argument and a result is the same in both.
  ArrayRef<int> aliases = (*tiered)->getFunctions().find(entry)->second.aliases;
  for (auto [i, type] : llvm::enumerate(function.getResultTypes())) {
    if (aliases[i] >= 0)
      continue;
    Type element = cast<RankedTensorType>(type).getElementType();
    if (isa<FloatType>(element))
      comparison.errors.push_back(compare(i, element, (*exactResults)[i], (*tieredResults)[i]));
  }
  for (auto [site, heads] : llvm::zip(sites, kvHeads)) {
    ArrayRef<Array> results =
        ArrayRef<Array>(*probeResults).slice(site.firstResult, site.numResults);
    Comparison::Tier tier = {};
    int64_t batch = results[2].shape[0], keys = results[2].shape[3];
    int64_t longest = keys;
    if (site.hasLengths) {
      ArrayRef<int32_t> lengths(results.back().as<int32_t>(), batch);
      longest = batch ? *llvm::max_element(lengths) : 0;
    }
    tier.dense = longest < site.tiering.getDenseBelow();
    int64_t rows = results[0].getNumElements();
    tier.keptMin = 1;
    for (int64_t i = 0; i < rows; ++i) {
      float all = results[0].as<float>()[i], listed = results[1].as<float>()[i];
      double mass = tier.dense || std::isinf(all) ? 1 : std::exp(double(listed) - double(all));
      tier.keptMean += mass / rows;
      tier.keptMin = std::min(tier.keptMin, mass);
    }
    double allRows = double(batch) * heads * keys,
           rowBytes = site.depth * site.keyBytes + site.valueDepth * site.valueBytes;
    tier.keys = allRows;
    tier.exactBytes = allRows * rowBytes;
    if (tier.dense) {
      tier.fullRows = allRows;
      tier.tieredBytes = tier.exactBytes;
    } else {
      tier.fullRows = countUnion(results[2], results[3], heads);
      if (site.tiering.hasMid())
        tier.midRows = countUnion(results[4], results[5], heads);
      tier.tieredBytes = allRows * site.bits / 8 + tier.fullRows * rowBytes +
                         tier.midRows * site.valueDepth * site.valueBytes;
    }
    comparison.tiers.push_back(tier);
  }
  auto exactTime = (*exact)->time(entry, exactArguments, repetitions);
  if (!exactTime)
    return exactTime.takeError();
  auto tieredTime = (*tiered)->time(entry, tieredArguments, repetitions);
  if (!tieredTime)
    return tieredTime.takeError();
  comparison.exactSeconds = *exactTime;
  comparison.tieredSeconds = *tieredTime;
  return comparison;
}

llvm::json::Value Comparison::toJSON() const {
  llvm::json::Array errorList, tierList;
  for (const Error &error : errors)
    errorList.push_back(llvm::json::Object{{"result", error.result},
                                           {"largest_relative", error.largest},
                                           {"rms_relative", error.rms},
                                           {"correlation", error.correlation}});
  for (const Tier &tier : tiers)
    tierList.push_back(llvm::json::Object{{"dense", tier.dense},
                                          {"kept_mean", tier.keptMean},
                                          {"kept_min", tier.keptMin},
                                          {"full_rows", tier.fullRows},
                                          {"mid_rows", tier.midRows},
                                          {"keys", tier.keys},
                                          {"tiered_bytes", tier.tieredBytes},
                                          {"exact_bytes", tier.exactBytes}});
  return llvm::json::Object{{"exact_seconds", exactSeconds},
                            {"tiered_seconds", tieredSeconds},
                            {"errors", std::move(errorList)},
                            {"tiers", std::move(tierList)}};
}

void Comparison::print(llvm::raw_ostream &os) const {
  os << llvm::formatv("{0,-28}{1,14}{2,14}{3,10}\n", "", "exact", "tiered", "ratio");
  os << llvm::formatv("{0,-28}{1,11:f3} ms{2,11:f3} ms{3,9:f2}x\n", "time", exactSeconds * 1e3,
                      tieredSeconds * 1e3, exactSeconds / tieredSeconds);
  for (auto [i, tier] : llvm::enumerate(tiers)) {
    std::string name = tiers.size() == 1 ? "" : llvm::formatv(" (op {0})", i).str();
    os << llvm::formatv("{0,-28}{1,11:f3} MB{2,11:f3} MB{3,9:f2}x\n", "codes, K and V read" + name,
                        tier.exactBytes / 1e6, tier.tieredBytes / 1e6,
                        tier.exactBytes / tier.tieredBytes);
    os << llvm::formatv("{0,-28}{1,14:f0}{2,14:f0}{3,9:f2}%\n", "K rows" + name, tier.keys,
                        tier.fullRows, 100 * tier.fullRows / tier.keys);
    if (tier.midRows > 0)
      os << llvm::formatv("{0,-28}{1,14}{2,14:f0}{3,9:f2}%\n", "V rows of the mid tier" + name, "",
                          tier.midRows, 100 * tier.midRows / tier.keys);
    os << llvm::formatv("{0,-28}{1,14}{2,14:f4}   min {3:f4}\n", "kept attention mass" + name, 1,
                        tier.keptMean, tier.keptMin);
    if (tier.dense)
      os << "below dense_below keys: exact attention was taken\n";
  }
  for (const Error &error : errors)
    os << llvm::formatv("{0,-28}{1,14}{2,14:e2}   rms {3:e2}, correlation {4:f6}\n",
                        llvm::formatv("error of result {0}", error.result).str(), "", error.largest,
                        error.rms, error.correlation);
}
