//===- RuntimeVerify.cpp - Conditions that only a run can check -----------===//
//
// Each condition is reduced to one i1 and asserted before the op.
//
//===----------------------------------------------------------------------===//
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/RuntimeVerifiableOpInterface.h"

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
  /// Size of a dim as i32.
  Value size(Value value, unsigned dim) {
    return arith::IndexCastOp::create(b, b.getI32Type(),
                                      tensor::DimOp::create(b, toTensor(value), dim));
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

  /// 0 <= lengths[b] <= N, and at least `rows` where given.
  void checkLengths(Value lengths, Value keys, unsigned keyDim, Value query, unsigned queryDim) {
    if (!lengths)
      return;
    Value most = size(keys, keyDim), least = query ? size(query, queryDim) : i32(0);
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

  /// 0 <= indices[b,h,m,c] < N for c < counts[b,h,m] <= C.
  void checkList(Value indices, Value counts, Value keys, unsigned keyDim) {
    if (!indices)
      return;
    Value most = size(keys, keyDim), capacity = size(indices, 3), zero = i32(0);
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

void check(Checker &c, AttentionOp op) {
  AttentionDims dims = op.getDims();
  c.checkLengths(op.getLengths(), op.getKey(), positionOf(op.getMaps()[1], dims.key),
                 op.getCausal() ? op.getQuery() : Value(), positionOf(op.getMaps()[0], dims.query));
}
void check(Checker &c, OnlineAttentionOp op) {
  AttentionDims dims = op.getDims();
  unsigned keyDim = positionOf(op.getMaps()[1], dims.key);
  c.checkLengths(op.getLengths(), op.getKey(), keyDim, op.getCausal() ? op.getQuery() : Value(),
                 positionOf(op.getMaps()[0], dims.query));
  c.checkList(op.getIndices(), op.getCounts(), op.getKey(), keyDim);
}
void check(Checker &c, TieredAttentionOp op) {
  c.checkLengths(op.getLengths(), op.getKeyCodes(), 2, op.getQueryCodes(), 2);
  c.checkWeights(op.getQueryCodes(), op.getKeyCodes());
}
void check(Checker &c, RetrieveOp op) {
  c.checkLengths(op.getLengths(), op.getKeyCodes(), 2, op.getQueryCodes(), 2);
  c.checkWeights(op.getQueryCodes(), op.getKeyCodes());
}
void check(Checker &c, HammingDistanceOp op) {
  c.checkWeights(op.getQueryCodes(), op.getKeyCodes());
}
void check(Checker &c, CalibrateOp op) {
  c.checkLengths(op.getLengths(), op.getDistances(), 3, op.getDistances(), 2);
}
void check(Checker &c, SelectOp op) {
  c.checkLengths(op.getLengths(), op.getDistances(), 3, op.getDistances(), 2);
}
void check(Checker &c, EstimateScoresOp op) {
  c.checkWeights(op.getQueryCodes(), op.getKeyCodes());
  c.checkList(op.getIndices(), op.getCounts(), op.getKeyCodes(), 2);
}
void check(Checker &c, OnlineReduceOp op) {
  c.checkList(op.getIndices(), op.getCounts(), op.getValue(), 2);
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
    attach<AttentionOp, TieredAttentionOp, HammingDistanceOp, CalibrateOp, SelectOp, RetrieveOp,
           EstimateScoresOp, OnlineAttentionOp, OnlineReduceOp>(context);
    context->loadDialect<arith::ArithDialect, bufferization::BufferizationDialect,
                         cf::ControlFlowDialect, linalg::LinalgDialect, math::MathDialect,
                         tensor::TensorDialect>();
  });
}
