//===- IREEKernels.cpp - Kernels with the parameters that IREE passes -----===//
#include "IREE.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace mlir::dashkv;

static void adapt(LLVM::LLVMFuncOp kernel) {
  OpBuilder b(kernel.getContext());
  Block &entry = kernel.getBody().front();
  Type word = b.getI32Type();
  SmallVector<Type> types;
  SmallVector<Attribute> attributes;
  SmallVector<Location> locations;
  SmallVector<unsigned> scalars, order;
  for (unsigned i = 0; i < entry.getNumArguments(); ++i)
    (isa<LLVM::LLVMPointerType>(entry.getArgument(i).getType()) ? order : scalars).push_back(i);
  order.append(scalars);

  auto add = [&](Type type, unsigned from) {
    types.push_back(type);
    locations.push_back(entry.getArgument(from).getLoc());
    auto dictionary = kernel.getArgAttrDict(from);
    attributes.push_back(dictionary && isa<LLVM::LLVMPointerType>(type) ? dictionary
                                                                        : b.getDictionaryAttr({}));
  };
  for (unsigned i : order) {
    Type type = entry.getArgument(i).getType();
    bool isPointer = isa<LLVM::LLVMPointerType>(type);
    add(isPointer ? type : word, i);
    if (type.isInteger(64))
      add(word, i);
  }
  unsigned numOld = entry.getNumArguments(), next = numOld;
  for (auto [type, location] : llvm::zip_equal(types, locations))
    entry.addArgument(type, location);
  b.setInsertionPointToStart(&entry);
  Location loc = kernel.getLoc();
  for (unsigned i : order) {
    Value value = entry.getArgument(next++);
    Type type = entry.getArgument(i).getType();
    if (type.isInteger(64)) {
      Value high = LLVM::ZExtOp::create(b, loc, type, entry.getArgument(next++));
      Value bits = LLVM::ConstantOp::create(b, loc, type, b.getI64IntegerAttr(32));
      value = LLVM::ZExtOp::create(b, loc, type, value);
      value = LLVM::OrOp::create(b, loc, value, LLVM::ShlOp::create(b, loc, high, bits));
    } else if (type != value.getType()) {
      value = LLVM::BitcastOp::create(b, loc, type, value);
    }
    entry.getArgument(i).replaceAllUsesWith(value);
  }
  entry.eraseArguments(0, numOld);
  auto oldType = kernel.getFunctionType();
  kernel.setFunctionType(LLVM::LLVMFunctionType::get(oldType.getReturnType(), types));
  kernel.setArgAttrsAttr(b.getArrayAttr(attributes));
}

void mlir::dashkv::adaptKernelsToIREE(gpu::GPUModuleOp kernels) {
  for (auto kernel : kernels.getOps<LLVM::LLVMFuncOp>())
    if (kernel->hasAttr(gpu::GPUDialect::getKernelFuncAttrName()))
      adapt(kernel);
}

/// Whether no instruction of inline assembly writes global memory.
static bool isReading(StringRef assembly) {
  constexpr StringRef writing[] = {"st.", "red.", "atom.", "bulk.global", "call"};
  return llvm::none_of(writing, [&](StringRef part) { return assembly.contains(part); });
}

/// Follows a pointer through the kernel; what is not known to read, writes.
static bool mayWrite(Value pointer, llvm::DenseSet<Value> &seen) {
  if (!seen.insert(pointer).second)
    return false;
  for (OpOperand &use : pointer.getUses()) {
    Operation *user = use.getOwner();
    StringRef name = user->getName().getStringRef();
    if (isa<LLVM::LoadOp, LLVM::ICmpOp>(user) || name.starts_with("nvvm.cp.async") ||
        name.starts_with("nvvm.prefetch"))
      continue;
    if (auto assembly = dyn_cast<LLVM::InlineAsmOp>(user);
        assembly && isReading(assembly.getAsmString()))
      continue;
    if (auto branch = dyn_cast<BranchOpInterface>(user)) {
      for (unsigned i = 0; i < user->getNumSuccessors(); ++i) {
        SuccessorOperands operands = branch.getSuccessorOperands(i);
        for (unsigned k = 0; k < operands.size(); ++k)
          if (operands[k] == pointer && mayWrite(user->getSuccessor(i)->getArgument(k), seen))
            return true;
      }
      continue;
    }
    // Addresses made of it.
    bool isAddress =
        isa<LLVM::GEPOp, LLVM::AddrSpaceCastOp, LLVM::BitcastOp, LLVM::PtrToIntOp, LLVM::IntToPtrOp,
            LLVM::SelectOp, LLVM::AddOp, LLVM::InsertValueOp, LLVM::ExtractValueOp>(user);
    if (!isAddress || mayWrite(user->getResult(0), seen))
      return true;
  }
  return false;
}

bool mlir::dashkv::mayWrite(LLVM::LLVMFuncOp kernel, unsigned parameter) {
  if (kernel.getArgAttr(parameter, LLVM::LLVMDialect::getReadonlyAttrName()))
    return false;
  llvm::DenseSet<Value> seen;
  return ::mayWrite(kernel.getArgument(parameter), seen);
}
