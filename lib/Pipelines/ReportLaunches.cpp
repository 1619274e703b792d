//===- ReportLaunches.cpp - Launches for given sizes ----------------------===//
//
// The host code of kernels depends on sizes alone (see Launches.h), so folding
// it with constants for the sizes tells what is launched.
//
//===----------------------------------------------------------------------===//
#include "Report.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace mlir::dashkv;

namespace {
class Evaluator {
public:
  Evaluator(const ReportSizes &sizes, std::vector<KernelLaunch> &launches)
      : sizes(sizes), launches(launches) {}
  void run(func::FuncOp function);

private:
  void run(Block &block);
  void run(Operation &op);
  void launch(gpu::LaunchFuncOp op);
  /// -1 if unknown.
  int64_t getInteger(Value value) const;
  int64_t getDim(Value memref, int64_t dim) const;

  const ReportSizes &sizes;
  std::vector<KernelLaunch> &launches;
  StringRef function;
  DenseMap<Value, Attribute> known;
};
} // namespace

int64_t Evaluator::getInteger(Value value) const {
  auto integer = dyn_cast_if_present<IntegerAttr>(known.lookup(value));
  return integer ? integer.getInt() : -1;
}

int64_t Evaluator::getDim(Value memref, int64_t dim) const {
  auto type = cast<MemRefType>(memref.getType());
  if (!type.isDynamicDim(dim))
    return type.getDimSize(dim);
  if (isa<BlockArgument>(memref))
    return dim == 0 ? sizes.batch : sizes.keys;
  Operation *op = memref.getDefiningOp();
  if (auto view = dyn_cast<OffsetSizeAndStrideOpInterface>(op)) {
    if (isa<memref::SubViewOp>(op) &&
        type.getRank() != static_cast<int64_t>(view.getMixedSizes().size()))
      return -1;
    OpFoldResult size = view.getMixedSizes()[dim];
    if (auto attr = dyn_cast<Attribute>(size))
      return cast<IntegerAttr>(attr).getInt();
    return getInteger(cast<Value>(size));
  }
  if (isa<memref::AllocOp, memref::AllocaOp>(op))
    return getInteger(op->getOperand(type.getDynamicDimIndex(dim)));
  if (isa<memref::CastOp>(op))
    return getDim(op->getOperand(0), dim);
  return -1;
}

void Evaluator::launch(gpu::LaunchFuncOp op) {
  KernelLaunch launch{function.str(), op.getKernelName().str(), {}, 0};
  Value grid[] = {op.getGridSizeX(), op.getGridSizeY(), op.getGridSizeZ()};
  for (auto [size, value] : llvm::zip(launch.grid, grid))
    size = getInteger(value);
  if (Value bytes = op.getDynamicSharedMemorySize())
    launch.dynamicShared = getInteger(bytes);
  launches.push_back(std::move(launch));
}

void Evaluator::run(Operation &op) {
  if (auto launchOp = dyn_cast<gpu::LaunchFuncOp>(op))
    return launch(launchOp);
  if (auto branch = dyn_cast<scf::IfOp>(op)) {
    int64_t condition = getInteger(branch.getCondition());
    Region &taken = condition == 0 ? branch.getElseRegion() : branch.getThenRegion();
    if (taken.empty())
      return;
    run(taken.front());
    for (auto [result, value] :
         llvm::zip(branch.getResults(), taken.front().getTerminator()->getOperands()))
      known[result] = known.lookup(value);
    return;
  }
  auto set = [&](int64_t value) {
    if (value >= 0)
      known[op.getResult(0)] = IntegerAttr::get(op.getResult(0).getType(), value);
  };
  if (auto dim = dyn_cast<memref::DimOp>(op)) {
    int64_t index = getInteger(dim.getIndex());
    if (index >= 0)
      set(getDim(dim.getSource(), index));
    return;
  }
  if (auto call = dyn_cast<func::CallOp>(op)) {
    if (call.getCallee() == "dashkv_multiprocessors")
      set(sizes.multiprocessors);
    return;
  }
  SmallVector<Attribute> operands;
  for (Value operand : op.getOperands())
    operands.push_back(known.lookup(operand));
  SmallVector<OpFoldResult> results;
  if (failed(op.fold(operands, results)))
    return;
  for (auto [result, folded] : llvm::zip(op.getResults(), results))
    known[result] =
        isa<Attribute>(folded) ? cast<Attribute>(folded) : known.lookup(cast<Value>(folded));
}

void Evaluator::run(Block &block) {
  for (Operation &op : block)
    run(op);
}

void Evaluator::run(func::FuncOp func) {
  function = func.getName();
  if (!func.isExternal())
    for (Block &block : func.getBody())
      run(block);
}

std::vector<KernelLaunch> mlir::dashkv::listLaunches(ModuleOp module, const ReportSizes &sizes) {
  std::vector<KernelLaunch> launches;
  for (auto function : module.getOps<func::FuncOp>())
    Evaluator(sizes, launches).run(function);
  return launches;
}
