//===- LowerForall.cpp - Parallel loops as calls of their body ------------===//
//
// Implements dashkv-lower-forall. The body of a loop becomes a function of what it
// uses and of the number of the iteration, whatever runs it: buffers on the stack
// are then those of one iteration, and any thread pool can call it.
//
//===----------------------------------------------------------------------===//
#include "dashkv/Conversion/Passes.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/RegionUtils.h"

namespace mlir::dashkv {
#define GEN_PASS_DEF_LOWERFORALLPASS
#include "dashkv/Conversion/Passes.h.inc"
} // namespace mlir::dashkv

using namespace mlir;
using namespace mlir::dashkv;

/// Buffers up to this size go on the stack.
static constexpr int64_t kMaxStackBytes = 64 * 1024;

/// What a host's thread pool implements; see docs/Integration.md.
static constexpr StringLiteral kParallelFor = "dashkv_parallel_for";

namespace {
/// A loop as calls `body(arguments, i)` for i from 0 to count - 1.
struct Calls {
  func::FuncOp body;
  SmallVector<Value> arguments;
  Value count;
};

class Lowering {
public:
  explicit Lowering(SymbolTable &symbols) : symbols(symbols) {}
  LogicalResult lower(scf::ForallOp loop, Parallelism parallel);

private:
  Calls outline(scf::ForallOp loop);
  LogicalResult callback(ImplicitLocOpBuilder &b, Calls calls);

  SymbolTable &symbols;
};
} // namespace

static LLVM::LinkageAttr getInternal(MLIRContext *context) {
  return LLVM::LinkageAttr::get(context, LLVM::Linkage::Internal);
}

Calls Lowering::outline(scf::ForallOp loop) {
  ImplicitLocOpBuilder b(loop.getLoc(), loop);
  SmallVector<OpFoldResult> lower = loop.getMixedLowerBound(), steps = loop.getMixedStep(), trips;
  AffineExpr s0 = b.getAffineSymbolExpr(0), s1 = b.getAffineSymbolExpr(1),
             s2 = b.getAffineSymbolExpr(2);
  OpFoldResult count = b.getIndexAttr(1);
  for (auto [from, to, step] : llvm::zip_equal(lower, loop.getMixedUpperBound(), steps)) {
    trips.push_back(affine::makeComposedFoldedAffineApply(b, b.getLoc(), (s1 - s0).ceilDiv(s2),
                                                          {from, to, step}));
    count = affine::makeComposedFoldedAffineApply(b, b.getLoc(), s0 * s1, {count, trips.back()});
  }
  Calls calls;
  calls.count = getValueOrCreateConstantIndexOp(b, b.getLoc(), count);

  SetVector<Value> used;
  getUsedValuesDefinedAbove(loop.getRegion(), used);
  for (ArrayRef<OpFoldResult> sizes :
       {ArrayRef(lower), ArrayRef(steps), ArrayRef(trips).drop_front()})
    for (OpFoldResult size : sizes)
      if (auto value = dyn_cast<Value>(size))
        used.insert(value);
  SmallVector<Operation *> constants;
  for (Value value : used) {
    if (matchPattern(value, m_Constant()))
      constants.push_back(value.getDefiningOp());
    else
      calls.arguments.push_back(value);
  }
  SmallVector<Type> types = llvm::to_vector_of<Type>(ValueRange(calls.arguments).getTypes());
  types.push_back(b.getIndexType());
  calls.body = func::FuncOp::create(loop.getLoc(), "dashkv_tile", b.getFunctionType(types, {}));
  calls.body.setPrivate();
  // A private function with a body would be an external symbol.
  calls.body->setAttr("llvm.linkage", getInternal(b.getContext()));
  symbols.insert(calls.body); // renames it if the name is taken

  Block *entry = calls.body.addEntryBlock();
  b.setInsertionPointToStart(entry);
  IRMapping mapping;
  mapping.map(calls.arguments, entry->getArguments().drop_back());
  for (Operation *constant : constants)
    b.clone(*constant, mapping);
  auto materialize = [&](OpFoldResult size) -> Value {
    if (auto value = dyn_cast<Value>(size))
      return mapping.lookup(value);
    return getValueOrCreateConstantIndexOp(b, b.getLoc(), size);
  };
  // The number of an iteration counts its last dim first.
  Value rest = entry->getArguments().back();
  for (unsigned i = loop.getRank(); i-- > 0;) {
    Value number = rest;
    if (i > 0) {
      Value trip = materialize(trips[i]);
      number = arith::RemUIOp::create(b, rest, trip);
      rest = arith::DivUIOp::create(b, rest, trip);
    }
    number = arith::MulIOp::create(b, number, materialize(steps[i]));
    number = arith::AddIOp::create(b, number, materialize(lower[i]));
    mapping.map(loop.getInductionVar(i), number);
  }
  for (Operation &op : loop.getBody()->without_terminator())
    b.clone(op, mapping);
  func::ReturnOp::create(b);
  return calls;
}

/// dashkv_parallel_for(entry, context, count): the context holds the arguments.
LogicalResult Lowering::callback(ImplicitLocOpBuilder &b, Calls calls) {
  MLIRContext *context = b.getContext();
  LLVMTypeConverter converter(context);
  SmallVector<Type> fields;
  for (Value argument : calls.arguments) {
    Type type = converter.convertType(argument.getType());
    if (!type)
      return emitError(b.getLoc())
             << "cannot pass a value of type " << argument.getType() << " to a thread";
    fields.push_back(type);
  }
  auto pointer = LLVM::LLVMPointerType::get(context);
  auto structure = LLVM::LLVMStructType::getLiteral(context, fields);
  auto empty = LLVM::LLVMVoidType::get(context);

  auto entryType = LLVM::LLVMFunctionType::get(empty, {pointer, b.getI64Type()});
  OpBuilder top(context);
  auto entry = LLVM::LLVMFuncOp::create(top, b.getLoc(), (calls.body.getName() + "_entry").str(),
                                        entryType, LLVM::Linkage::Internal);
  symbols.insert(entry);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(entry.addEntryBlock(b));
    SmallVector<Value> values;
    for (auto [i, argument] : llvm::enumerate(calls.arguments)) {
      Value address = LLVM::GEPOp::create(b, pointer, structure, entry.getArgument(0),
                                          ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(i)});
      Value value = LLVM::LoadOp::create(b, fields[i], address);
      if (fields[i] != argument.getType())
        value = UnrealizedConversionCastOp::create(b, argument.getType(), value).getResult(0);
      values.push_back(value);
    }
    values.push_back(arith::IndexCastOp::create(b, b.getIndexType(), entry.getArgument(1)));
    func::CallOp::create(b, calls.body, values);
    LLVM::ReturnOp::create(b, ValueRange());
  }

  auto function = symbols.lookup<LLVM::LLVMFuncOp>(kParallelFor);
  if (!function) {
    auto type = LLVM::LLVMFunctionType::get(empty, {pointer, pointer, b.getI64Type()});
    function = LLVM::LLVMFuncOp::create(top, b.getLoc(), kParallelFor, type);
    symbols.insert(function);
  }
  Value arguments;
  {
    OpBuilder::InsertionGuard guard(b);
    auto parent = b.getInsertionBlock()->getParentOp()->getParentOfType<FunctionOpInterface>();
    if (!parent)
      parent = cast<FunctionOpInterface>(b.getInsertionBlock()->getParentOp());
    b.setInsertionPointToStart(&parent.getFunctionBody().front());
    Value one = LLVM::ConstantOp::create(b, b.getI64Type(), b.getI64IntegerAttr(1));
    arguments = LLVM::AllocaOp::create(b, pointer, structure, one);
  }
  for (auto [i, argument] : llvm::enumerate(calls.arguments)) {
    Value value = argument;
    if (fields[i] != argument.getType())
      value = UnrealizedConversionCastOp::create(b, fields[i], value).getResult(0);
    Value address = LLVM::GEPOp::create(b, pointer, structure, arguments,
                                        ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(i)});
    LLVM::StoreOp::create(b, value, address);
  }
  Value address = LLVM::AddressOfOp::create(b, entry);
  Value count = arith::IndexCastOp::create(b, b.getI64Type(), calls.count);
  LLVM::CallOp::create(b, function, ValueRange{address, arguments, count});
  return success();
}

LogicalResult Lowering::lower(scf::ForallOp loop, Parallelism parallel) {
  if (loop.getNumResults() > 0)
    return emitError(loop.getLoc())
           << "expected a parallel loop on memrefs, but got one on tensors";
  Calls calls = outline(loop);
  ImplicitLocOpBuilder b(loop.getLoc(), loop);
  auto call = [&](OpBuilder &builder, Location loc, Value index) {
    SmallVector<Value> values = calls.arguments;
    values.push_back(index);
    func::CallOp::create(builder, loc, calls.body, values);
  };
  Value zero = arith::ConstantIndexOp::create(b, 0), one = arith::ConstantIndexOp::create(b, 1);
  if (matchPattern(calls.count, m_One())) {
    call(b, b.getLoc(), zero);
  } else if (parallel == Parallelism::Callback) {
    if (failed(callback(b, calls)))
      return failure();
  } else if (parallel == Parallelism::OpenMP) {
    scf::ParallelOp::create(
        b, ValueRange{zero}, ValueRange{calls.count}, ValueRange{one},
        [&](OpBuilder &builder, Location loc, ValueRange ivs) { call(builder, loc, ivs.front()); });
  } else {
    scf::ForOp::create(b, zero, calls.count, one, ValueRange(),
                       [&](OpBuilder &builder, Location loc, Value iv, ValueRange) {
                         call(builder, loc, iv);
                         scf::YieldOp::create(builder, loc);
                       });
  }
  loop.erase();
  return success();
}

/// Small buffers of a function that live from call to return go on the stack.
static void promoteBuffers(func::FuncOp function) {
  if (function.isExternal())
    return;
  SmallVector<std::pair<memref::AllocOp, memref::DeallocOp>> promoted;
  for (auto alloc : function.front().getOps<memref::AllocOp>()) {
    MemRefType type = alloc.getType();
    memref::DeallocOp dealloc;
    unsigned count = 0;
    for (Operation *user : alloc->getUsers())
      if (auto found = dyn_cast<memref::DeallocOp>(user)) {
        dealloc = found;
        ++count;
      }
    if (count != 1 || dealloc->getBlock() != alloc->getBlock() || !type.hasStaticShape() ||
        !type.getElementType().isIntOrFloat() ||
        type.getNumElements() > kMaxStackBytes * 8 / type.getElementTypeBitWidth())
      continue;
    promoted.push_back({alloc, dealloc});
  }
  for (auto [alloc, dealloc] : promoted) {
    OpBuilder b(alloc);
    Value buffer =
        memref::AllocaOp::create(b, alloc.getLoc(), alloc.getType(), alloc.getAlignmentAttr());
    alloc.replaceAllUsesWith(buffer);
    dealloc.erase();
    alloc.erase();
  }
}

namespace {
struct LowerForallPass : mlir::dashkv::impl::LowerForallPassBase<LowerForallPass> {
  using Base::Base;
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    SmallVector<scf::ForallOp> loops;
    module.walk([&](scf::ForallOp loop) { loops.push_back(loop); }); // inner ones first
    for (scf::ForallOp loop : loops)
      if (failed(Lowering(symbols).lower(loop, parallel)))
        return signalPassFailure();
    for (auto function : module.getOps<func::FuncOp>())
      promoteBuffers(function);
  }
};
} // namespace
