//===- Launches.cpp - The host side of a kernel ---------------------------===//
#include "Launches.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

using namespace mlir;
using namespace mlir::dashkv;

//===----------------------------------------------------------------------===//
// GPUKernels
//===----------------------------------------------------------------------===//

static constexpr llvm::StringLiteral kKernelsName = "dashkv_kernels";

gpu::GPUModuleOp GPUKernels::find() {
  if (!kernels)
    kernels = module.lookupSymbol<gpu::GPUModuleOp>(kKernelsName);
  return kernels;
}

gpu::GPUFuncOp GPUKernels::get(Location loc, const KernelSignature &signature,
                               function_ref<void(gpu::GPUFuncOp)> emit) {
  if (!find())
    kernels = createKernelModule(module, kKernelsName, target);
  if (auto func = kernels.lookupSymbol<gpu::GPUFuncOp>(signature.name))
    return func;

  OpBuilder builder = OpBuilder::atBlockEnd(kernels.getBody());
  SmallVector<Type> types, shared(signature.shared.begin(), signature.shared.end());
  for (const KernelParameter &parameter : signature.parameters)
    types.push_back(parameter.kind == KernelParameter::Scalar
                        ? parameter.type
                        : Type(MemRefType::get({1}, parameter.type)));
  auto func = gpu::GPUFuncOp::create(builder, loc, signature.name,
                                     builder.getFunctionType(types, {}), shared);
  func->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), builder.getUnitAttr());
  func.setKnownBlockSize(ArrayRef<int32_t>{static_cast<int32_t>(signature.threads), 1, 1});
  func->setAttr(NVVM::NVVMDialect::getMinctasmAttrName(),
                builder.getI32IntegerAttr(signature.minBlocks));
  if (signature.resident)
    func->setAttr(kResidentAttrName, builder.getUnitAttr());
  for (auto [i, parameter] : llvm::enumerate(signature.parameters)) {
    if (parameter.kind != KernelParameter::Constant && parameter.kind != KernelParameter::Aligned)
      continue;
    func.setArgAttr(i, LLVM::LLVMDialect::getAlignAttrName(), builder.getI64IntegerAttr(16));
    if (parameter.kind != KernelParameter::Constant)
      continue;
    // Both together make loads invariant: they may move over `waitForPrevious`.
    // LLVM finds `readonly` by itself, so that `noalias` alone does the same.
    func.setArgAttr(i, LLVM::LLVMDialect::getNoAliasAttrName(), builder.getUnitAttr());
    func.setArgAttr(i, LLVM::LLVMDialect::getReadonlyAttrName(), builder.getUnitAttr());
  }
  // LLVM may rely on more than the alignment of an element.
  for (unsigned i = 0; i < shared.size(); ++i)
    func.setWorkgroupAttributionAttr(i, LLVM::LLVMDialect::getAlignAttrName(),
                                     builder.getI64IntegerAttr(16));
  emit(func);
  builder.setInsertionPointToEnd(&func.getBody().back());
  gpu::ReturnOp::create(builder, loc);
  return func;
}

//===----------------------------------------------------------------------===//
// LaunchBuilder
//===----------------------------------------------------------------------===//

Value LaunchBuilder::index(int64_t value) { return arith::ConstantIndexOp::create(*this, value); }
Value LaunchBuilder::dim(Value memref, int64_t i) { return createOrFold<memref::DimOp>(memref, i); }
Value LaunchBuilder::i32(Value index) {
  return createOrFold<arith::IndexCastOp>(getI32Type(), index);
}
Value LaunchBuilder::i32(int64_t value) {
  return arith::ConstantOp::create(*this, getI32IntegerAttr(value));
}
Value LaunchBuilder::i64(Value index) {
  return createOrFold<arith::IndexCastOp>(getI64Type(), index);
}
Value LaunchBuilder::f32(float value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(value));
}

Value LaunchBuilder::multiprocessors() {
  ModuleOp module = kernels.getModule();
  auto function = module.lookupSymbol<func::FuncOp>(kMultiprocessorsName);
  if (!function) {
    OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
    function = func::FuncOp::create(builder, module.getLoc(), kMultiprocessorsName,
                                    builder.getFunctionType({}, builder.getIndexType()));
    function.setPrivate();
  }
  return func::CallOp::create(*this, function, ValueRange()).getResult(0);
}

/// A pointer to the allocation of `memref`, whatever its layout.
static Value getBase(LaunchBuilder &b, Value base) {
  auto type = MemRefType::get({1}, cast<MemRefType>(base.getType()).getElementType());
  return memref::ReinterpretCastOp::create(b, type, base, /*offset=*/0, /*sizes=*/{1},
                                           /*strides=*/{1});
}

DeviceBuffer LaunchBuilder::flatten(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  DeviceBuffer result;
  if (type.getLayout().isIdentity()) {
    result.pointer = getBase(*this, memref);
    result.offset = index(0);
    result.strides.resize(type.getRank());
    Value stride = index(1);
    for (int64_t i = type.getRank() - 1; i >= 0; --i) {
      result.strides[i] = stride;
      if (i > 0)
        stride = mul(stride, dim(memref, i));
    }
    for (int64_t i = 0; i < type.getRank(); ++i)
      result.sizes.push_back(dim(memref, i));
    return result;
  }
  auto metadata = memref::ExtractStridedMetadataOp::create(*this, memref);
  result.pointer = getBase(*this, metadata.getBaseBuffer());
  result.offset = metadata.getOffset();
  result.strides = metadata.getStrides();
  result.sizes = metadata.getSizes();
  return result;
}

Value LaunchBuilder::pointer(Value memref, Access access) {
  auto type = cast<MemRefType>(memref.getType());
  if (type.getLayout().isIdentity())
    return getBase(*this, memref);
  SmallVector<Value> sizes;
  for (int64_t i = 0; i < type.getRank(); ++i)
    if (type.isDynamicDim(i))
      sizes.push_back(dim(memref, i));
  auto dense = MemRefType::get(type.getShape(), type.getElementType());
  Value copy = memref::AllocOp::create(*this, dense, sizes);
  if (access != Access::Write)
    memref::CopyOp::create(*this, memref, copy);
  if (access != Access::Read)
    copiesBack.push_back({copy, memref});
  return getBase(*this, copy);
}

void LaunchBuilder::finish() {
  for (auto [from, to] : copiesBack)
    memref::CopyOp::create(*this, from, to);
  copiesBack.clear();
}

Value LaunchBuilder::workspace(Type element, Value size, std::optional<int8_t> init) {
  // A constant size is static at once: canonicalization would make it so and drop
  // the attribute.
  std::optional<int64_t> known = getConstantIntValue(size);
  auto type = MemRefType::get({known.value_or(ShapedType::kDynamic)}, element);
  auto alloc = memref::AllocOp::create(*this, type, known ? ValueRange() : ValueRange(size));
  if (init)
    alloc->setAttr(kInitAttrName, getI8IntegerAttr(*init));
  return getBase(*this, alloc);
}

void LaunchBuilder::launch(gpu::GPUFuncOp kernel, std::array<Value, 3> grid, ValueRange arguments,
                           Value sharedBytes) {
  Value one = index(1), threads = index((*kernel.getKnownBlockSize())[0]);
  gpu::LaunchFuncOp::create(*this, kernel, gpu::KernelDim3{grid[0], grid[1], grid[2]},
                            gpu::KernelDim3{threads, one, one},
                            sharedBytes ? i32(sharedBytes) : Value(), arguments);
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

Value mlir::dashkv::getRoot(Value buffer) {
  while (Operation *op = buffer.getDefiningOp()) {
    if (auto view = dyn_cast<ViewLikeOpInterface>(op))
      buffer = view.getViewSource();
    else if (auto metadata = dyn_cast<memref::ExtractStridedMetadataOp>(op))
      buffer = metadata.getSource();
    else
      break;
  }
  return buffer;
}

bool mlir::dashkv::isGiven(Value buffer) {
  Value root = getRoot(buffer);
  if (auto argument = dyn_cast<BlockArgument>(root))
    return isa<FunctionOpInterface>(argument.getOwner()->getParentOp());
  return root.getDefiningOp<memref::GetGlobalOp>();
}

bool mlir::dashkv::anyUse(Value buffer, function_ref<bool(OpOperand &)> found) {
  return llvm::any_of(buffer.getUses(), [&](OpOperand &use) {
    Operation *user = use.getOwner();
    if (!isa<ViewLikeOpInterface, memref::ExtractStridedMetadataOp>(user))
      return found(use);
    return llvm::any_of(user->getResults(), [&](Value result) {
      return isa<BaseMemRefType>(result.getType()) && anyUse(result, found);
    });
  });
}

bool mlir::dashkv::areLengthsLate(Value lengths) {
  // A kernel makes them dense where they are not.
  if (!isGiven(lengths) || !cast<MemRefType>(lengths.getType()).getLayout().isIdentity())
    return true;
  return anyUse(getRoot(lengths), [](OpOperand &use) {
    return hasEffect<MemoryEffects::Write>(use.getOwner(), use.get());
  });
}
