//===- RuntimeVerify.cpp - Conditions that only a run can check -----------===//
//
// Each condition is reduced to one i1 and asserted before the op.
//
//===----------------------------------------------------------------------===//
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/RuntimeVerifiableOpInterface.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mlir::dashkv;

using arith::CmpIPredicate;

namespace {
using Message = function_ref<std::string(Operation *, StringRef)>;

/// Builds the assertions of one op.
struct Checker {
  Operation *op;
  ImplicitLocOpBuilder b;
  Message message;

  Value toTensor(Value value) {
    auto type = dyn_cast<MemRefType>(value.getType());
    if (!type)
      return value;
    return bufferization::ToTensorOp::create(b, memref::getTensorTypeFromMemRefType(type), value,
                                             /*restrict=*/true);
  }
  Value i32(int64_t value) { return arith::ConstantIntOp::create(b, value, 32); }
  /// Size of a dim as i32, `factor` times.
  Value size(Value value, unsigned dim, int64_t factor = 1) {
    Value size = arith::IndexCastOp::create(b, b.getI32Type(),
                                            tensor::DimOp::create(b, toTensor(value), dim));
    return factor == 1 ? size : arith::MulIOp::create(b, size, i32(factor));
  }
  /// N of key codes as i32.
  Value numKeys(Value keyCodes) {
    return size(keyCodes, 2, CodeForm::arePlanes(keyCodes.getType()) ? CodeForm::blockKeys : 1);
  }
  static Value compare(OpBuilder &b, Location loc, CmpIPredicate predicate, Value lhs, Value rhs) {
    return arith::CmpIOp::create(b, loc, predicate, lhs, rhs);
  }

  using Body = function_ref<Value(OpBuilder &, Location, ValueRange)>;
  /// Asserts that `body` holds for all elements: operands with their loop dims.
  void assertAll(unsigned numDims, ArrayRef<std::pair<Value, SmallVector<unsigned>>> operands,
                 Body body, StringRef text) {
    SmallVector<AffineMap> maps;
    SmallVector<Value> inputs;
    for (auto &[value, dims] : operands) {
      inputs.push_back(toTensor(value));
      maps.push_back(AffineMap::getMultiDimMapWithTargets(numDims, dims, b.getContext()));
    }
    maps.push_back(AffineMap::get(numDims, 0, b.getContext()));
    Value yes = arith::ConstantIntOp::create(b, 1, 1);
    Value init = linalg::FillOp::create(
                     b, yes, Value(tensor::EmptyOp::create(b, ArrayRef<int64_t>(), b.getI1Type())))
                     .getResult(0);
    SmallVector<utils::IteratorType> iterators(numDims, utils::IteratorType::reduction);
    Value all =
        linalg::GenericOp::create(
            b, init.getType(), inputs, init, maps, iterators,
            [&](OpBuilder &nested, Location loc, ValueRange args) {
              Value holds = body(nested, loc, args.drop_back());
              linalg::YieldOp::create(
                  nested, loc, Value(arith::AndIOp::create(nested, loc, args.back(), holds)));
            })
            .getResult(0);
    Value scalar = tensor::ExtractOp::create(b, all, ValueRange());
    cf::AssertOp::create(b, scalar, message(op, text));
  }

  /// Sizes that only a run knows agree: operands (or null) with the names of
  /// their dims, "_" for one of its own, "n/64" for a 64th of n.
  void checkDims(ArrayRef<std::pair<Value, std::string>> operands) {
    struct Size {
      Value operand;
      unsigned dim;
      bool isStatic;
      int64_t factor;
    };
    llvm::MapVector<StringRef, SmallVector<Size>> sizes;
    for (auto &[operand, text] : operands) {
      if (!operand)
        continue;
      SmallVector<StringRef> names;
      StringRef(text).split(names, ' ', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
      auto type = cast<ShapedType>(operand.getType());
      for (auto [dim, name] : llvm::enumerate(names))
        if (name != "_") {
          int64_t factor = name.consume_back("/64") ? CodeForm::blockKeys : 1;
          sizes[name].push_back(
              {operand, static_cast<unsigned>(dim), !type.isDynamicDim(dim), factor});
        }
    }
    for (auto &[name, uses] : sizes) {
      if (Size *use = llvm::find_if(uses, [](Size use) { return use.isStatic; }); use != uses.end())
        std::swap(uses.front(), *use);
      Value same;
      for (const Size &use : ArrayRef<Size>(uses).drop_front()) {
        if (use.isStatic)
          continue; // the verifier has compared them
        const Size &first = uses.front();
        Value equal =
            compare(b, b.getLoc(), CmpIPredicate::eq, size(use.operand, use.dim, use.factor),
                    size(first.operand, first.dim, first.factor));
        same = same ? Value(arith::AndIOp::create(b, same, equal)) : equal;
      }
      if (same)
        cf::AssertOp::create(
            b, same, message(op, ("expected one size of " + name + " in all operands").str()));
    }
  }

  /// Byte planes of ceil(N / 64) blocks.
  void checkBlocks(Value keyCodes, Value numKeys) {
    Value rounded = arith::AddIOp::create(b, numKeys, i32(CodeForm::blockKeys - 1));
    Value blocks = arith::DivUIOp::create(b, rounded, i32(CodeForm::blockKeys));
    Value equal = compare(b, b.getLoc(), CmpIPredicate::eq, size(keyCodes, 2), blocks);
    cf::AssertOp::create(b, equal, message(op, "expected ceil(N / 64) blocks of key codes"));
  }

  /// 0 <= lengths[b] <= N, and at least `rows` where given.
  void checkLengths(Value lengths, function_ref<Value()> numKeys, Value query, unsigned queryDim) {
    if (!lengths)
      return;
    Value most = numKeys(), least = query ? size(query, queryDim) : i32(0);
    assertAll(
        1, {{lengths, {0}}},
        [&](OpBuilder &nested, Location loc, ValueRange args) -> Value {
          Value high = compare(nested, loc, CmpIPredicate::sle, args[0], most);
          Value low = compare(nested, loc, CmpIPredicate::sge, args[0], least);
          return arith::AndIOp::create(nested, loc, high, low);
        },
        query ? "expected lengths from the number of query rows to the number of keys"
              : "expected lengths from 0 to the number of keys");
  }

  /// N of keys that lie along `dim` of `cache`, or in pages of that size.
  Value cacheKeys(Value cache, unsigned dim, Value blockTable) {
    Value rows = size(cache, dim);
    return blockTable ? arith::MulIOp::create(b, rows, size(blockTable, 1)) : rows;
  }

  /// P * S < 2^31, where types leave it open.
  void checkPoolSize(Value cache, unsigned pageDim, unsigned rowDim) {
    auto type = cast<ShapedType>(cache.getType());
    if (!type.isDynamicDim(pageDim) && !type.isDynamicDim(rowDim))
      return;
    auto size = [&](unsigned dim) {
      return arith::IndexCastOp::create(b, b.getI64Type(),
                                        tensor::DimOp::create(b, toTensor(cache), dim));
    };
    Value rows = arith::MulIOp::create(b, size(pageDim), size(rowDim));
    Value most = arith::ConstantIntOp::create(b, std::numeric_limits<int32_t>::max(), 64);
    Value fits = compare(b, b.getLoc(), CmpIPredicate::sle, rows, most);
    cf::AssertOp::create(b, fits, message(op, "expected fewer than 2^31 rows in all pages"));
  }

  /// 0 <= table[b,t] < P where t * S < lengths[b], everywhere without lengths.
  void checkPages(Value table, Value lengths, Value cache, unsigned pageDim, unsigned rowDim) {
    Value pages = size(cache, pageDim), rows = size(cache, rowDim), zero = i32(0);
    SmallVector<std::pair<Value, SmallVector<unsigned>>> operands = {{table, {0, 1}}};
    if (lengths)
      operands.push_back({lengths, {0}});
    assertAll(
        2, operands,
        [&](OpBuilder &nested, Location loc, ValueRange args) -> Value {
          Value low = compare(nested, loc, CmpIPredicate::sge, args[0], zero);
          Value high = compare(nested, loc, CmpIPredicate::slt, args[0], pages);
          Value inside = arith::AndIOp::create(nested, loc, low, high);
          if (!lengths)
            return inside;
          Value block = arith::IndexCastOp::create(nested, loc, nested.getI32Type(),
                                                   linalg::IndexOp::create(nested, loc, 1));
          Value first = arith::MulIOp::create(nested, loc, block, rows);
          Value past = compare(nested, loc, CmpIPredicate::sge, first, args[1]);
          return arith::OrIOp::create(nested, loc, past, inside);
        },
        "expected entries of the block table from 0 to the number of pages");
  }

  /// 0 <= indices[b,h,m,c] < N for c < counts[b,h,m] <= C.
  void checkList(Value indices, Value counts, function_ref<Value()> numKeys) {
    if (!indices)
      return;
    Value most = numKeys(), capacity = size(indices, 3), zero = i32(0);
    assertAll(
        4, {{indices, {0, 1, 2, 3}}, {counts, {0, 1, 2}}},
        [&](OpBuilder &nested, Location loc, ValueRange args) -> Value {
          Value slot = arith::IndexCastOp::create(nested, loc, nested.getI32Type(),
                                                  linalg::IndexOp::create(nested, loc, 3));
          Value past = compare(nested, loc, CmpIPredicate::sge, slot, args[1]);
          Value low = compare(nested, loc, CmpIPredicate::sge, args[0], zero);
          Value high = compare(nested, loc, CmpIPredicate::slt, args[0], most);
          Value inside = arith::OrIOp::create(nested, loc, past,
                                              arith::AndIOp::create(nested, loc, low, high));
          Value fits = compare(nested, loc, CmpIPredicate::sle, args[1], capacity);
          return arith::AndIOp::create(nested, loc, inside, fits);
        },
        "expected listed indices from 0 to the number of keys and counts up to the capacity");
  }

  /// The magnitudes of a weighted code add up to at most 127.
  void checkWeights(Value queryCodes, Value keyCodes) {
    FailureOr<CodeForm> form = CodeForm::get(queryCodes.getType(), keyCodes.getType());
    if (failed(form) || !form->weighted)
      return;
    Value codes = toTensor(queryCodes);
    SmallVector<OpFoldResult> rows = tensor::getMixedSizes(b, b.getLoc(), codes);
    rows.pop_back();
    Value init =
        linalg::FillOp::create(b, i32(0), Value(tensor::EmptyOp::create(b, rows, b.getI32Type())))
            .getResult(0);
    SmallVector<AffineMap> maps = {
        b.getMultiDimIdentityMap(4),
        AffineMap::getMultiDimMapWithTargets(4, {0, 1, 2}, b.getContext())};
    SmallVector<utils::IteratorType> iterators(4, utils::IteratorType::parallel);
    iterators[3] = utils::IteratorType::reduction;
    Value sums =
        linalg::GenericOp::create(
            b, init.getType(), codes, init, maps, iterators,
            [](OpBuilder &nested, Location loc, ValueRange args) {
              Value wide = arith::ExtSIOp::create(nested, loc, nested.getI32Type(), args[0]);
              Value magnitude = math::AbsIOp::create(nested, loc, wide);
              linalg::YieldOp::create(
                  nested, loc, Value(arith::AddIOp::create(nested, loc, args[1], magnitude)));
            })
            .getResult(0);
    Value most = i32(127);
    assertAll(
        3, {{sums, {0, 1, 2}}},
        [&](OpBuilder &nested, Location loc, ValueRange args) {
          return compare(nested, loc, CmpIPredicate::sle, args[0], most);
        },
        "expected weights of a query code whose magnitudes add up to at most 127");
  }
};

/// Position of a named dim in an operand's map.
unsigned positionOf(AffineMap map, unsigned dim) {
  return *map.getResultPosition(getAffineDimExpr(dim, map.getContext()));
}

/// Names of the dims of an operand; query heads and KV heads have two names
/// unless the group is a dim of its own.
std::string namesOf(AffineMap map, const AttentionDims &dims, bool kv, bool paged = false) {
  std::string names;
  for (AffineExpr expr : map.getResults()) {
    unsigned dim = cast<AffineDimExpr>(expr).getPosition();
    if (paged && (dim == dims.batch || dim == dims.key)) {
      names += dim == dims.key ? "rows " : "pages ";
      continue;
    }
    bool isKV = dim == dims.head && (kv || dims.group);
    names += (isKV ? "hkv" : dims.getName(dim)).str() + " ";
  }
  return names;
}
std::string rowNames(const AttentionDims &dims) { return dims.group ? "b hkv g m" : "b h m"; }

/// Operands that all attention-like ops have; `out` is that of the last map.
template <typename OpTy>
SmallVector<std::pair<Value, std::string>> attentionDims(OpTy op, Value out) {
  AttentionDims dims = op.getDims();
  SmallVector<AffineMap> maps = op.getMaps();
  bool paged = op.getBlockTable() != nullptr;
  return {{op.getQuery(), namesOf(maps[0], dims, false)},
          {op.getKey(), namesOf(maps[1], dims, true, paged)},
          {op.getValue(), namesOf(maps[2], dims, true, paged)},
          {out, namesOf(maps.back(), dims, false)},
          {op.getLengths(), "b"},
          {op.getBlockTable(), "b _"},
          {op.getKeyScale(), "hkv"},
          {op.getValueScale(), "hkv"}};
}

/// N of an attention-like op as i32.
template <typename OpTy> Value keysOf(Checker &c, OpTy op) {
  return c.cacheKeys(op.getKey(), positionOf(op.getMaps()[1], op.getDims().key),
                     op.getBlockTable());
}
/// T * S is the size of `operand` along `dim`, where types leave it open.
template <typename OpTy> void checkPagedKeys(Checker &c, OpTy op, Value operand, unsigned dim) {
  Value table = op.getBlockTable();
  if (!table)
    return;
  auto isDynamic = [](Value value, unsigned dim) {
    return cast<ShapedType>(value.getType()).isDynamicDim(dim);
  };
  unsigned rowDim = positionOf(op.getMaps()[1], op.getDims().key);
  if (!isDynamic(table, 1) && !isDynamic(op.getKey(), rowDim) && !isDynamic(operand, dim))
    return; // the verifier has compared them
  Value equal =
      Checker::compare(c.b, c.b.getLoc(), CmpIPredicate::eq, keysOf(c, op), c.size(operand, dim));
  cf::AssertOp::create(
      c.b, equal, c.message(c.op, "expected as many keys as the block table has rows of pages"));
}
/// Pages, and the entries of the block table, if there is one. Those of listed
/// keys are known only with the lists.
template <typename OpTy> void checkPages(Checker &c, OpTy op) {
  if (!op.getBlockTable())
    return;
  AffineMap map = op.getMaps()[1];
  unsigned pageDim = positionOf(map, op.getDims().batch),
           rowDim = positionOf(map, op.getDims().key);
  c.checkPoolSize(op.getKey(), pageDim, rowDim);
  c.checkPages(op.getBlockTable(), op.getLengths(), op.getKey(), pageDim, rowDim);
}
/// Names of the dims of key codes of `keys` keys.
std::string namesOfKeyCodes(Value keyCodes, StringRef keys = "n") {
  bool planes = CodeForm::arePlanes(keyCodes.getType());
  return ("b hkv " + keys + (planes ? "/64 _ _" : " _")).str();
}

void check(Checker &c, HashEncodeOp op) {
  c.checkDims({{op.getInput(), "b _ m"}, {op.getInit(), "b hc m"}, {op.getScaleInit(), "b hc m"}});
}
void check(Checker &c, AttentionOp op) {
  AttentionDims dims = op.getDims();
  SmallVector<std::pair<Value, std::string>> operands = attentionDims(op, op.getInit());
  if (op.getMask()) {
    operands.push_back({op.getMask(), namesOf(op.getMaps()[3], dims, false)});
    checkPagedKeys(c, op, op.getMask(), positionOf(op.getMaps()[3], dims.key));
  }
  operands.push_back({op.getLseInit(), rowNames(dims)});
  c.checkDims(operands);
  c.checkLengths(
      op.getLengths(), [&] { return keysOf(c, op); }, op.getCausal() ? op.getQuery() : Value(),
      positionOf(op.getMaps()[0], dims.query));
  checkPages(c, op);
}
void check(Checker &c, OnlineAttentionOp op) {
  AttentionDims dims = op.getDims();
  SmallVector<std::pair<Value, std::string>> operands = attentionDims(op, op.getAcc());
  if (op.getMask()) {
    operands.push_back({op.getMask(), namesOf(op.getMaps()[3], dims, false)});
    checkPagedKeys(c, op, op.getMask(), positionOf(op.getMaps()[3], dims.key));
  }
  operands.append({{op.getIndices(), "b hl m c"},
                   {op.getCounts(), "b hl m"},
                   {op.getMax(), rowNames(dims)},
                   {op.getSum(), rowNames(dims)}});
  c.checkDims(operands);
  auto numKeys = [&] { return keysOf(c, op); };
  c.checkLengths(op.getLengths(), numKeys, op.getCausal() ? op.getQuery() : Value(),
                 positionOf(op.getMaps()[0], dims.query));
  c.checkList(op.getIndices(), op.getCounts(), numKeys);
  if (!op.getIndices())
    checkPages(c, op);
}
void check(Checker &c, TieredAttentionOp op) {
  SmallVector<std::pair<Value, std::string>> operands = attentionDims(op, op.getInit());
  // Byte planes, and flags of keys with them, have room for up to 63 keys more.
  bool planes = CodeForm::arePlanes(op.getKeyCodes().getType());
  StringRef keys = planes ? "padded" : "n";
  std::string flags = ("b " + keys).str();
  operands.append({{op.getQueryCodes(), "b hc m _"},
                   {op.getKeyCodes(), namesOfKeyCodes(op.getKeyCodes(), keys)},
                   {op.getForced(), flags},
                   {op.getPrior(), flags},
                   {op.getVoteDiscount(), "hc"},
                   {op.getPriorDiscount(), "hc"},
                   {op.getRadius(), "b hc m"},
                   {op.getCodeScale(), "b hc m"},
                   {op.getTemperature(), "h"},
                   {op.getBias(), "h"},
                   {op.getLseInit(), "b h m"},
                   {op.getKeptInit(), flags}});
  c.checkDims(operands);
  unsigned keyDim = positionOf(op.getMaps()[1], op.getDims().key);
  if (planes &&
      (cast<ShapedType>(op.getKeyCodes().getType()).isDynamicDim(2) ||
       cast<ShapedType>(op.getKey().getType()).isDynamicDim(keyDim) ||
       (op.getBlockTable() && cast<ShapedType>(op.getBlockTable().getType()).isDynamicDim(1))))
    c.checkBlocks(op.getKeyCodes(), keysOf(c, op));
  if (!planes)
    checkPagedKeys(c, op, op.getKeyCodes(), 2);
  c.checkLengths(op.getLengths(), [&] { return keysOf(c, op); }, op.getQueryCodes(), 2);
  checkPages(c, op);
  c.checkWeights(op.getQueryCodes(), op.getKeyCodes());
}
/// Operands of calibration and of selection.
template <typename OpTy>
void appendCalibration(SmallVector<std::pair<Value, std::string>> &operands, OpTy op) {
  operands.append({{op.getLengths(), "b"},
                   {op.getPrior(), "b n"},
                   {op.getVoteDiscount(), "hc"},
                   {op.getPriorDiscount(), "hc"},
                   {op.getRadius(), "b hc m"}});
}
template <typename OpTy>
void appendSelection(SmallVector<std::pair<Value, std::string>> &operands, OpTy op) {
  operands.append({{op.getForced(), "b n"},
                   {op.getFullIndices(), "b hl m _"},
                   {op.getFullCounts(), "b hl m"},
                   {op.getFullThreshold(), "b hl m"},
                   {op.getMidIndices(), "b hl m _"},
                   {op.getMidCounts(), "b hl m"},
                   {op.getMidThreshold(), "b hl m"},
                   {op.getKeptInit(), "b n"}});
}

void check(Checker &c, RetrieveOp op) {
  SmallVector<std::pair<Value, std::string>> operands = {
      {op.getQueryCodes(), "b hc m _"}, {op.getKeyCodes(), namesOfKeyCodes(op.getKeyCodes())}};
  appendCalibration(operands, op);
  appendSelection(operands, op);
  c.checkDims(operands);
  c.checkLengths(
      op.getLengths(), [&] { return c.numKeys(op.getKeyCodes()); }, op.getQueryCodes(), 2);
  c.checkWeights(op.getQueryCodes(), op.getKeyCodes());
}
void check(Checker &c, HammingDistanceOp op) {
  c.checkDims({{op.getQueryCodes(), "b hc m _"},
               {op.getKeyCodes(), namesOfKeyCodes(op.getKeyCodes())},
               {op.getInit(), "b hc m n"}});
  c.checkWeights(op.getQueryCodes(), op.getKeyCodes());
}
void check(Checker &c, CalibrateOp op) {
  SmallVector<std::pair<Value, std::string>> operands = {{op.getDistances(), "b hc m n"},
                                                         {op.getInit(), "b hc m n"}};
  appendCalibration(operands, op);
  c.checkDims(operands);
  c.checkLengths(
      op.getLengths(), [&] { return c.size(op.getDistances(), 3); }, op.getDistances(), 2);
}
void check(Checker &c, SelectOp op) {
  SmallVector<std::pair<Value, std::string>> operands = {{op.getDistances(), "b hc m n"},
                                                         {op.getLengths(), "b"}};
  appendSelection(operands, op);
  c.checkDims(operands);
  c.checkLengths(
      op.getLengths(), [&] { return c.size(op.getDistances(), 3); }, op.getDistances(), 2);
}
void check(Checker &c, EstimateScoresOp op) {
  c.checkDims({{op.getQueryCodes(), "b hc m _"},
               {op.getKeyCodes(), namesOfKeyCodes(op.getKeyCodes())},
               {op.getIndices(), "b hl m c"},
               {op.getCounts(), "b hl m"},
               {op.getTemperature(), "h"},
               {op.getBias(), "h"},
               {op.getCodeScale(), "b hc m"},
               {op.getInit(), "b h m c"}});
  c.checkWeights(op.getQueryCodes(), op.getKeyCodes());
  c.checkList(op.getIndices(), op.getCounts(), [&] { return c.numKeys(op.getKeyCodes()); });
}
void check(Checker &c, OnlineReduceOp op) {
  c.checkDims({{op.getScores(), "b h m c"},
               {op.getValue(), op.getBlockTable() ? "_ hkv _ dv" : "b hkv n dv"},
               {op.getBlockTable(), "b _"},
               {op.getIndices(), "b hl m c"},
               {op.getCounts(), "b hl m"},
               {op.getValueScale(), "hkv"},
               {op.getAcc(), "b h m dv"},
               {op.getMax(), "b h m"},
               {op.getSum(), "b h m"}});
  c.checkList(op.getIndices(), op.getCounts(),
              [&] { return c.cacheKeys(op.getValue(), 2, op.getBlockTable()); });
}

void check(Checker &c, MergeOp op) {
  c.checkDims({{op.getAccs(), "s b h m dv"},
               {op.getMaxs(), "s b h m"},
               {op.getSums(), "s b h m"},
               {op.getAcc(), "b h m dv"},
               {op.getMax(), "b h m"},
               {op.getSum(), "b h m"}});
}
void check(Checker &c, FinalizeOp op) {
  std::string rows = cast<ShapedType>(op.getMax().getType()).getRank() == 4 ? "b hkv g m" : "b h m";
  c.checkDims({{op.getAcc(), rows + " dv"},
               {op.getMax(), rows},
               {op.getSum(), rows},
               {op.getInit(), rows + " dv"},
               {op.getLseInit(), rows}});
}

/// First and last position of each dim lie inside the destination, unless there
/// is none. What upstream checks of other ops of tensors, not of this one.
void check(Checker &c, tensor::InsertSliceOp op) {
  auto toIndex = [&](OpFoldResult value) {
    return getValueOrCreateConstantIndexOp(c.b, c.b.getLoc(), value);
  };
  Value holds, empty;
  Value zero = arith::ConstantIndexOp::create(c.b, 0), one = arith::ConstantIndexOp::create(c.b, 1);
  for (auto [dim, offset, size, stride] :
       llvm::enumerate(op.getMixedOffsets(), op.getMixedSizes(), op.getMixedStrides())) {
    Value length = toIndex(size);
    if (!getConstantIntValue(size)) {
      Value none = arith::CmpIOp::create(c.b, CmpIPredicate::eq, length, zero);
      empty = empty ? Value(arith::OrIOp::create(c.b, empty, none)) : none;
    }
    if (!op.getType().isDynamicDim(dim) && getConstantIntValue(offset) &&
        getConstantIntValue(size) && getConstantIntValue(stride))
      continue; // the verifier has compared them
    Value end = tensor::DimOp::create(c.b, op.getDest(), dim), first = toIndex(offset);
    Value reach =
        arith::MulIOp::create(c.b, arith::SubIOp::create(c.b, length, one), toIndex(stride));
    for (Value position : {first, Value(arith::AddIOp::create(c.b, first, reach))}) {
      // Negative ones are large as unsigned numbers.
      Value inside = arith::CmpIOp::create(c.b, CmpIPredicate::ult, position, end);
      holds = holds ? Value(arith::AndIOp::create(c.b, holds, inside)) : inside;
    }
  }
  if (!holds || llvm::is_contained(op.getSourceType().getShape(), 0))
    return;
  if (empty)
    holds = arith::OrIOp::create(c.b, holds, empty);
  cf::AssertOp::create(c.b, holds, c.message(op, "expected a slice inside the destination"));
}

template <typename OpTy>
struct RuntimeVerify : RuntimeVerifiableOpInterface::ExternalModel<RuntimeVerify<OpTy>, OpTy> {
  void generateRuntimeVerification(Operation *op, OpBuilder &builder, Location loc,
                                   Message message) const {
    Checker checker{op, ImplicitLocOpBuilder(loc, builder), message};
    check(checker, cast<OpTy>(op));
  }
};

template <typename... OpTys> void attach(MLIRContext *context) {
  (OpTys::template attachInterface<RuntimeVerify<OpTys>>(*context), ...);
}
} // namespace

void mlir::dashkv::registerRuntimeVerifiableOpInterfaceExternalModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, DashKVDialect *) {
    attach<
#define GET_OP_LIST
#include "dashkv/Dialect/DashKV/IR/DashKVOps.cpp.inc"
        >(context);
    context->loadDialect<arith::ArithDialect, bufferization::BufferizationDialect,
                         cf::ControlFlowDialect, linalg::LinalgDialect, math::MathDialect,
                         tensor::TensorDialect>();
  });
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    attach<tensor::InsertSliceOp>(context);
    context->loadDialect<arith::ArithDialect, cf::ControlFlowDialect>();
  });
}
