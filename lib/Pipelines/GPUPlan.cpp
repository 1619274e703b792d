//===- GPUPlan.cpp - Host code of GPU kernels as data ---------------------===//
//
// Reads the functions that convert-dashkv-to-gpu leaves: straight line code with
// scf.if, in which only shapes decide. A memref becomes a buffer and a layout of
// host values; nothing is computed here.
//
//===----------------------------------------------------------------------===//
#include "dashkv/Pipelines/GPUPlan.h"
#include "PlanValues.h"
#include "dashkv/Conversion/DashKVToGPU.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Base64.h"

using namespace mlir;
using namespace mlir::dashkv;
namespace json = llvm::json;

static std::string print(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// Bytes of the shared buffers that `kernel` declares.
static int64_t getSharedBytes(LLVM::LLVMFuncOp kernel) {
  llvm::SetVector<Operation *> globals;
  kernel.walk([&](LLVM::AddressOfOp address) {
    auto global =
        SymbolTable::lookupNearestSymbolFrom<LLVM::GlobalOp>(kernel, address.getGlobalNameAttr());
    if (global && global.getAddrSpace() == NVVM::NVVMMemorySpace::Shared)
      globals.insert(global);
  });
  DataLayout layout = DataLayout::closest(kernel);
  int64_t bytes = 0;
  for (Operation *global : globals)
    bytes += layout.getTypeSize(cast<LLVM::GlobalOp>(global).getGlobalType());
  return bytes;
}

static json::Object describeKernel(LLVM::LLVMFuncOp kernel) {
  json::Array parameters;
  for (auto [i, type] : llvm::enumerate(kernel.getArgumentTypes())) {
    json::Object parameter;
    bool isPointer = isa<LLVM::LLVMPointerType>(type);
    parameter["type"] = isPointer ? "ptr" : print(type);
    if (auto alignment =
            kernel.getArgAttrOfType<IntegerAttr>(i, LLVM::LLVMDialect::getAlignAttrName()))
      parameter["align"] = alignment.getInt();
    parameters.push_back(std::move(parameter));
  }
  bool overlaps = false;
  kernel.walk([&](Operation *op) {
    if (auto text = dyn_cast<LLVM::InlineAsmOp>(op))
      overlaps |= text.getAsmString().contains("griddepcontrol.wait");
  });
  return json::Object{{"name", kernel.getName()},
                      {"parameters", std::move(parameters)},
                      {"shared", getSharedBytes(kernel)},
                      {"resident", kernel->hasAttr(kResidentAttrName)},
                      {"pdl", overlaps}};
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

namespace {
/// A memref: `buffer` from `shift` bytes on, and the layout behind that. Host
/// values; a shift of -1 is 0.
struct View {
  int buffer = -1, shift = -1, offset = -1;
  SmallVector<int> sizes, strides;
};

class FunctionReader : PlanValues {
public:
  FunctionReader(func::FuncOp function, const GPUFunction &signature, SymbolTable &kernels)
      : function(function), signature(signature), kernels(kernels) {}

  FailureOr<json::Object> read();

private:
  LogicalResult read(Block &block, json::Array &steps);
  LogicalResult read(Operation *op, json::Array &steps);
  LogicalResult readAlloc(memref::AllocOp op);
  LogicalResult readConstant(memref::GetGlobalOp op);
  LogicalResult readSubview(memref::SubViewOp op);
  LogicalResult readReshape(Value source, Value result, ArrayRef<ReassociationIndices> groups,
                            ArrayRef<int> sizes);
  LogicalResult readIf(scf::IfOp op, json::Array &steps);
  LogicalResult readLaunch(gpu::LaunchFuncOp op, json::Array &steps);
  LogicalResult readCopy(memref::CopyOp op, json::Array &steps);
  LogicalResult readReturn(func::ReturnOp op);
  /// Arithmetic; fails silently if `op` is none.
  LogicalResult readArithmetic(Operation *op);

  //===--- Host values -----------------------------------------------------===//
  int getValue(OpFoldResult value);
  SmallVector<int> getValues(ArrayRef<OpFoldResult> list);
  int getBytes(ArrayRef<int> sizes, Type element);

  View selectView(int condition, const View &a, const View &b);
  /// The address of the first element.
  json::Object getAddress(const View &view, Type element);

  func::FuncOp function;
  const GPUFunction &signature;
  SymbolTable &kernels;
  json::Array buffers, results;
  DenseMap<Value, int> valueIds;
  DenseMap<Value, View> views;
};
} // namespace

//===--- Host values -------------------------------------------------------===//

int FunctionReader::getValue(OpFoldResult value) {
  if (auto attribute = dyn_cast<Attribute>(value))
    return addConstant(cast<IntegerAttr>(attribute).getInt());
  return valueIds.lookup(cast<Value>(value));
}

SmallVector<int> FunctionReader::getValues(ArrayRef<OpFoldResult> list) {
  return llvm::map_to_vector(list, [&](OpFoldResult value) { return getValue(value); });
}

/// i1 takes a byte.
static int64_t getElementBytes(Type element) {
  return element.isIndex() ? 8 : llvm::divideCeil(element.getIntOrFloatBitWidth(), 8);
}

int FunctionReader::getBytes(ArrayRef<int> sizes, Type element) {
  int bytes = addConstant(getElementBytes(element));
  for (int size : sizes)
    bytes = multiply(bytes, size);
  return bytes;
}

/// The type as a plan names it, or nothing.
static StringRef getTypeName(Type type) {
  if (type.isIndex())
    return "index";
  for (auto [bits, name] : {std::pair(1, "i1"), {8, "i8"}, {16, "i16"}, {32, "i32"}, {64, "i64"}})
    if (type.isSignlessInteger(bits))
      return name;
  return type.isF32() ? "f32" : "";
}

LogicalResult FunctionReader::readArithmetic(Operation *op) {
  if (op->getNumResults() != 1 || !isa<arith::ArithDialect>(op->getDialect()))
    return failure();
  StringRef type = getTypeName(op->getResult(0).getType());
  if (type.empty())
    return failure();
  int &id = valueIds[op->getResult(0)];
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto number = dyn_cast<IntegerAttr>(constant.getValue());
    auto real = dyn_cast<FloatAttr>(constant.getValue());
    if (!number && !real)
      return failure();
    id = addConstant(number ? number.getValue().getSExtValue()
                            : real.getValue().bitcastToAPInt().getZExtValue(),
                     type);
    return success();
  }
  SmallVector<int> operands;
  for (Value operand : op->getOperands()) {
    auto it = valueIds.find(operand);
    if (it == valueIds.end())
      return failure();
    operands.push_back(it->second);
  }
  StringRef name = op->getName().stripDialect();
  std::string comparison;
  if (auto cmp = dyn_cast<arith::CmpIOp>(op)) {
    comparison = ("cmp_" + stringifyCmpIPredicate(cmp.getPredicate())).str();
    name = comparison;
  } else if (isa<arith::IndexCastOp, arith::TruncIOp>(op)) {
    name = "extsi";
  } else if (isa<arith::IndexCastUIOp>(op)) {
    name = "extui";
  } else if (!isa<arith::AddIOp, arith::SubIOp, arith::MulIOp, arith::DivUIOp, arith::DivSIOp,
                  arith::CeilDivUIOp, arith::CeilDivSIOp, arith::FloorDivSIOp, arith::RemUIOp,
                  arith::RemSIOp, arith::MinUIOp, arith::MinSIOp, arith::MaxUIOp, arith::MaxSIOp,
                  arith::AndIOp, arith::OrIOp, arith::XOrIOp, arith::ShLIOp, arith::ShRUIOp,
                  arith::ShRSIOp, arith::SelectOp, arith::ExtUIOp, arith::ExtSIOp, arith::AddFOp,
                  arith::SubFOp, arith::MulFOp, arith::DivFOp, arith::UIToFPOp, arith::SIToFPOp>(
                 op)) {
    return failure();
  }
  id = addValue(name, type, operands);
  return success();
}

//===--- Memrefs -----------------------------------------------------------===//

View FunctionReader::selectView(int condition, const View &a, const View &b) {
  View view;
  view.buffer = a.buffer;
  if (a.buffer != b.buffer) {
    view.buffer = static_cast<int>(buffers.size());
    buffers.push_back(
        json::Object{{"condition", condition}, {"then", a.buffer}, {"else", b.buffer}});
  }
  if (a.shift >= 0 || b.shift >= 0)
    view.shift = select(condition, a.shift < 0 ? addConstant(0) : a.shift,
                        b.shift < 0 ? addConstant(0) : b.shift);
  view.offset = select(condition, a.offset, b.offset);
  for (auto [x, y] : llvm::zip(a.sizes, b.sizes))
    view.sizes.push_back(select(condition, x, y));
  for (auto [x, y] : llvm::zip(a.strides, b.strides))
    view.strides.push_back(select(condition, x, y));
  return view;
}

json::Object FunctionReader::getAddress(const View &view, Type element) {
  int offset = multiply(view.offset, addConstant(getElementBytes(element)));
  if (view.shift >= 0)
    offset = add(offset, view.shift);
  json::Object address{{"buffer", view.buffer}};
  if (getConstant(offset) != 0)
    address["offset"] = offset;
  return address;
}

LogicalResult FunctionReader::readAlloc(memref::AllocOp op) {
  MemRefType type = op.getType();
  if (!type.getLayout().isIdentity())
    return op.emitError("expected a dense buffer, but got ") << type;
  View &view = views[op];
  view.sizes = getValues(op.getMixedSizes());
  view.strides = getDenseStrides(view.sizes);
  view.offset = addConstant(0);
  view.buffer = static_cast<int>(buffers.size());
  json::Object buffer{{"bytes", getBytes(view.sizes, type.getElementType())}};
  if (auto init = op->getAttrOfType<IntegerAttr>(kInitAttrName))
    buffer["init"] = static_cast<int64_t>(init.getValue().getZExtValue());
  buffers.push_back(std::move(buffer));
  return success();
}

/// The bytes of a constant, as a dense buffer holds them; none if they are not
/// there.
static std::optional<std::string> getData(Attribute value) {
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(value)) {
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    if (!blob)
      return std::nullopt;
    return std::string(blob->getData().begin(), blob->getData().end());
  }
  auto dense = dyn_cast<DenseElementsAttr>(value);
  if (!dense)
    return std::nullopt;
  std::string data;
  if (dense.getElementType().isInteger(1)) { // packed in the attribute
    for (bool element : dense.getValues<bool>())
      data.push_back(element);
    return data;
  }
  StringRef raw(dense.getRawData().data(), dense.getRawData().size());
  for (int64_t i = 0, e = dense.isSplat() ? dense.getNumElements() : 1; i < e; ++i)
    data += raw;
  return data;
}

LogicalResult FunctionReader::readConstant(memref::GetGlobalOp op) {
  auto global = SymbolTable::lookupNearestSymbolFrom<memref::GlobalOp>(op, op.getNameAttr());
  std::optional<std::string> data;
  if (global.getInitialValue() && op.getType().getLayout().isIdentity())
    data = getData(*global.getInitialValue());
  if (!data)
    return op.emitError("expected a constant with its values");
  View &view = views[op];
  for (int64_t size : op.getType().getShape())
    view.sizes.push_back(addConstant(size));
  view.strides = getDenseStrides(view.sizes);
  view.offset = addConstant(0);
  view.buffer = static_cast<int>(buffers.size());
  buffers.push_back(
      json::Object{{"bytes", addConstant(data->size())}, {"data", llvm::encodeBase64(*data)}});
  return success();
}

LogicalResult FunctionReader::readSubview(memref::SubViewOp op) {
  View source = views.lookup(op.getSource());
  View &view = views[op];
  view = {source.buffer, source.shift, source.offset, {}, {}};
  llvm::SmallBitVector dropped = op.getDroppedDims();
  for (unsigned i = 0; i < source.sizes.size(); ++i) {
    view.offset = add(view.offset, multiply(getValue(op.getMixedOffsets()[i]), source.strides[i]));
    if (dropped.test(i))
      continue;
    view.sizes.push_back(getValue(op.getMixedSizes()[i]));
    view.strides.push_back(multiply(getValue(op.getMixedStrides()[i]), source.strides[i]));
  }
  return success();
}

/// `groups` are the dims of the result, of an expansion (which gives `sizes`), or
/// of the source, of a collapse.
LogicalResult FunctionReader::readReshape(Value source, Value result,
                                          ArrayRef<ReassociationIndices> groups,
                                          ArrayRef<int> sizes) {
  View from = views.lookup(source);
  View &view = views[result];
  view = {from.buffer, from.shift, from.offset, {}, {}};
  for (auto [i, group] : llvm::enumerate(groups)) {
    if (sizes.empty()) {
      int size = addConstant(1);
      for (int64_t dim : group)
        size = multiply(size, from.sizes[dim]);
      view.sizes.push_back(size);
      view.strides.push_back(group.empty() ? addConstant(1) : from.strides[group.back()]);
      continue;
    }
    SmallVector<int> strides(group.size());
    int stride = from.strides[i];
    for (int64_t k = group.size() - 1; k >= 0; --k) {
      strides[k] = stride;
      stride = multiply(stride, sizes[group[k]]);
    }
    view.strides.append(strides);
    for (int64_t dim : group)
      view.sizes.push_back(sizes[dim]);
  }
  if (groups.empty() && !sizes.empty()) { // of rank 0
    view.sizes.assign(sizes.begin(), sizes.end());
    view.strides.assign(sizes.size(), addConstant(1));
  }
  return success();
}

//===--- Steps -------------------------------------------------------------===//

LogicalResult FunctionReader::readIf(scf::IfOp op, json::Array &steps) {
  json::Array then, otherwise;
  int condition = valueIds.lookup(op.getCondition());
  if (failed(read(*op.thenBlock(), then)) ||
      (op.elseBlock() && failed(read(*op.elseBlock(), otherwise))))
    return failure();
  for (auto [i, value] : llvm::enumerate(op.getResults())) {
    Value a = op.thenYield().getOperand(i), b = op.elseYield().getOperand(i);
    if (isa<MemRefType>(value.getType()))
      views[value] = selectView(condition, views.lookup(a), views.lookup(b));
    else
      valueIds[value] = addValue("select", getTypeName(value.getType()),
                                 {condition, valueIds.lookup(a), valueIds.lookup(b)});
  }
  if (!then.empty() || !otherwise.empty())
    steps.push_back(json::Object{{"step", "if"},
                                 {"condition", condition},
                                 {"then", std::move(then)},
                                 {"else", std::move(otherwise)}});
  return success();
}

LogicalResult FunctionReader::readLaunch(gpu::LaunchFuncOp op, json::Array &steps) {
  auto kernel = kernels.lookup<LLVM::LLVMFuncOp>(op.getKernelName());
  if (!kernel)
    return op.emitError("expected a kernel of the first GPU module, but got ") << op.getKernel();
  if (op.hasClusterSize() || op.getAsyncToken() || !op.getAsyncDependencies().empty())
    return op.emitError("expected a launch without clusters and tokens");
  // Kernels take bare pointers, or, where upstream made them, descriptors.
  size_t numWords = 0, numOperands = op.getKernelOperands().size();
  for (Value operand : op.getKernelOperands()) {
    auto type = dyn_cast<MemRefType>(operand.getType());
    numWords += type ? 3 + 2 * type.getRank() : 1;
  }
  bool isBare = kernel.getNumArguments() == numOperands;
  if (!isBare && kernel.getNumArguments() != numWords)
    return op.emitError("expected ") << kernel.getNumArguments() << " operands of "
                                     << op.getKernel() << ", but got " << numOperands;
  json::Array operands;
  for (Value operand : op.getKernelOperands()) {
    auto type = dyn_cast<MemRefType>(operand.getType());
    if (!type) {
      operands.push_back(json::Object{{"value", valueIds.lookup(operand)}});
      continue;
    }
    const View &view = views[operand];
    View base = view;
    base.offset = addConstant(0);
    json::Object address = getAddress(base, type.getElementType());
    if (isBare) {
      operands.push_back(std::move(address));
      continue;
    }
    operands.push_back(json::Object(address));
    operands.push_back(std::move(address));
    operands.push_back(json::Object{{"value", view.offset}});
    for (ArrayRef<int> list : {ArrayRef<int>(view.sizes), ArrayRef<int>(view.strides)})
      for (int value : list)
        operands.push_back(json::Object{{"value", value}});
  }
  auto getSizes = [&](gpu::KernelDim3 size) {
    return json::Array{valueIds.lookup(size.x), valueIds.lookup(size.y), valueIds.lookup(size.z)};
  };
  json::Object step{{"step", "launch"},
                    {"kernel", kernel.getName()},
                    {"grid", getSizes(op.getGridSizeOperandValues())},
                    {"block", getSizes(op.getBlockSizeOperandValues())},
                    {"operands", std::move(operands)}};
  if (Value shared = op.getDynamicSharedMemorySize())
    step["shared"] = valueIds.lookup(shared);
  steps.push_back(std::move(step));
  return success();
}

LogicalResult FunctionReader::readCopy(memref::CopyOp op, json::Array &steps) {
  auto source = cast<MemRefType>(op.getSource().getType());
  auto target = cast<MemRefType>(op.getTarget().getType());
  for (MemRefType type : {source, target})
    if (!type.areTrailingDimsContiguous(type.getRank()))
      return op.emitError("expected a copy of a dense buffer, but got ") << type;
  Type element = source.getElementType();
  const View &from = views[op.getSource()], &to = views[op.getTarget()];
  steps.push_back(json::Object{{"step", "copy"},
                               {"from", getAddress(from, element)},
                               {"to", getAddress(to, element)},
                               {"bytes", getBytes(from.sizes, element)}});
  return success();
}

LogicalResult FunctionReader::readReturn(func::ReturnOp op) {
  unsigned next = 0; // updated arguments are no results any more
  for (int alias : signature.aliases) {
    if (alias >= 0) {
      results.push_back(json::Object{{"argument", alias}});
      continue;
    }
    Value value = op.getOperand(next++);
    auto type = dyn_cast<MemRefType>(value.getType());
    if (!type)
      return op.emitError("expected a buffer as result, but got ") << value.getType();
    const View &view = views[value];
    json::Object &buffer = *buffers[view.buffer].getAsObject();
    if (std::optional<int64_t> argument = buffer.getInteger("argument")) {
      results.push_back(json::Object{{"argument", *argument}});
      continue;
    }
    if (!type.getLayout().isIdentity() || view.shift >= 0 || !buffer.get("bytes") ||
        buffer.get("result"))
      return op.emitError("expected a result that is a buffer of its own, but got ") << type;
    buffer["result"] = static_cast<int64_t>(results.size());
    results.push_back(
        json::Object{{"dtype", print(type.getElementType())}, {"shape", json::Array(view.sizes)}});
  }
  return success();
}

LogicalResult FunctionReader::read(Operation *op, json::Array &steps) {
  if (succeeded(readArithmetic(op)))
    return success();
  auto alias = [&](Value result, Value source) {
    View view = views.lookup(source);
    views[result] = view;
    return success();
  };
  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](memref::AllocOp op) { return readAlloc(op); })
      .Case([&](memref::GetGlobalOp op) { return readConstant(op); })
      .Case([&](memref::DeallocOp) { return success(); })
      .Case([&](memref::DimOp op) -> LogicalResult {
        std::optional<int64_t> dim = op.getConstantIndex();
        if (!dim)
          return op.emitError("expected a constant dim");
        valueIds[op] = views[op.getSource()].sizes[*dim];
        return success();
      })
      .Case([&](memref::CastOp op) -> LogicalResult {
        if (!isa<MemRefType>(op.getType()))
          return op.emitError("expected a buffer of a known rank, but got ") << op.getType();
        return alias(op, op.getSource());
      })
      .Case([&](memref::AssumeAlignmentOp op) { return alias(op, op.getMemref()); })
      .Case([&](arith::SelectOp op) {
        View view = selectView(valueIds.lookup(op.getCondition()), views.lookup(op.getTrueValue()),
                               views.lookup(op.getFalseValue()));
        views[op] = view;
        return success();
      })
      .Case([&](memref::ReinterpretCastOp op) {
        View source = views.lookup(op.getSource());
        views[op] = {source.buffer, source.shift, getValue(op.getMixedOffsets().front()),
                     getValues(op.getMixedSizes()), getValues(op.getMixedStrides())};
        return success();
      })
      .Case([&](memref::ViewOp op) {
        View source = views.lookup(op.getSource());
        SmallVector<int> sizes;
        for (auto [i, size] : llvm::enumerate(op.getType().getShape()))
          sizes.push_back(
              ShapedType::isDynamic(size)
                  ? valueIds.lookup(op.getDynamicSizes()[op.getType().getDynamicDimIndex(i)])
                  : addConstant(size));
        int shift = valueIds.lookup(op.getByteShift());
        if (source.shift >= 0)
          shift = add(shift, source.shift);
        views[op] = {source.buffer, shift, addConstant(0), sizes, getDenseStrides(sizes)};
        return success();
      })
      .Case([&](memref::SubViewOp op) { return readSubview(op); })
      .Case([&](memref::CollapseShapeOp op) {
        return readReshape(op.getSrc(), op, op.getReassociationIndices(), {});
      })
      .Case([&](memref::ExpandShapeOp op) {
        return readReshape(op.getSrc(), op, op.getReassociationIndices(),
                           getValues(op.getMixedOutputShape()));
      })
      .Case([&](memref::ExtractStridedMetadataOp op) {
        View source = views.lookup(op.getSource());
        views[op.getBaseBuffer()] = {source.buffer, source.shift, addConstant(0), {}, {}};
        valueIds[op.getOffset()] = source.offset;
        for (auto [value, id] : llvm::zip(op.getSizes(), source.sizes))
          valueIds[value] = id;
        for (auto [value, id] : llvm::zip(op.getStrides(), source.strides))
          valueIds[value] = id;
        return success();
      })
      .Case([&](func::CallOp op) -> LogicalResult {
        if (op.getCallee() != kMultiprocessorsName)
          return op.emitError("expected a launch of a kernel, but got a call of ")
                 << op.getCallee();
        valueIds[op.getResult(0)] = addValue("multiprocessors", "index", {});
        return success();
      })
      .Case([&](cf::AssertOp op) {
        steps.push_back(json::Object{{"step", "check"},
                                     {"condition", valueIds.lookup(op.getArg())},
                                     {"message", op.getMsg()}});
        return success();
      })
      .Case([&](scf::IfOp op) { return readIf(op, steps); })
      .Case([&](gpu::LaunchFuncOp op) { return readLaunch(op, steps); })
      .Case([&](memref::CopyOp op) { return readCopy(op, steps); })
      .Case([&](func::ReturnOp op) { return readReturn(op); })
      .Case([&](scf::YieldOp) { return success(); })
      .Default([&](Operation *op) {
        // Also what reads device memory, which the host cannot.
        return emitError(op->getLoc())
               << "expected host code of shapes and launches, but got " << op->getName();
      });
}

LogicalResult FunctionReader::read(Block &block, json::Array &steps) {
  for (Operation &op : block)
    if (failed(read(&op, steps)))
      return failure();
  return success();
}

//===--- The whole ---------------------------------------------------------===//

FailureOr<json::Object> FunctionReader::read() {
  json::Array arguments, steps;
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitError("expected host code without branches");
  for (auto [i, argument] : llvm::enumerate(function.getArguments())) {
    auto type = dyn_cast<MemRefType>(argument.getType());
    if (!type || !type.getLayout().isIdentity())
      return emitError(argument.getLoc(), "expected a dense buffer as argument, but got ")
             << argument.getType();
    View &view = views[argument];
    view.buffer = static_cast<int>(i);
    view.offset = addConstant(0);
    json::Array shape;
    for (auto [dim, size] : llvm::enumerate(type.getShape())) {
      bool isDynamic = ShapedType::isDynamic(size);
      shape.push_back(isDynamic ? -1 : size);
      view.sizes.push_back(isDynamic ? addValue("dim", "index", {},
                                                json::Object{{"argument", static_cast<int64_t>(i)},
                                                             {"dim", static_cast<int64_t>(dim)}})
                                     : addConstant(size));
    }
    view.strides = getDenseStrides(view.sizes);
    json::Object described{{"dtype", print(type.getElementType())}, {"shape", std::move(shape)}};
    if (!signature.roles[i].empty())
      described["role"] = signature.roles[i];
    arguments.push_back(std::move(described));
    buffers.push_back(json::Object{{"argument", static_cast<int64_t>(i)}});
  }
  if (failed(read(function.getBody().front(), steps)))
    return failure();
  json::Object result{{"name", function.getName()},
                      {"arguments", std::move(arguments)},
                      {"results", std::move(results)},
                      {"buffers", std::move(buffers)},
                      {"steps", std::move(steps)}};
  finish(result);
  return std::move(result);
}

FailureOr<json::Object> mlir::dashkv::makeGPUPlan(const GPUProgram &program,
                                                  const NVPTXTarget &target) {
  ModuleOp module = *program.module;
  json::Array kernels, functions;
  gpu::GPUModuleOp device = *module.getOps<gpu::GPUModuleOp>().begin();
  for (auto kernel : device.getOps<LLVM::LLVMFuncOp>())
    if (kernel->hasAttr(gpu::GPUDialect::getKernelFuncAttrName()))
      kernels.push_back(describeKernel(kernel));
  SymbolTable symbols(device);
  for (const GPUFunction &signature : program.functions) {
    FailureOr<json::Object> function =
        FunctionReader(module.lookupSymbol<func::FuncOp>(signature.name), signature, symbols)
            .read();
    if (failed(function))
      return failure();
    functions.push_back(std::move(*function));
  }
  return json::Object{{"chip", target.chip},
                      {"ptx_version", static_cast<int64_t>(target.ptxVersion)},
                      {"kernels", std::move(kernels)},
                      {"functions", std::move(functions)}};
}
