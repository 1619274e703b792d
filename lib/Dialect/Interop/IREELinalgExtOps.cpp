//===- IREELinalgExtOps.cpp - Shim of IREE's iree_linalg_ext --------------===//
#include "dashkv/Dialect/InlineAnywhere.h"
#include "dashkv/Dialect/Interop/Interop.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace mlir::dashkv::iree_linalg_ext;

#include "dashkv/Dialect/Interop/IREELinalgExtOpsDialect.cpp.inc"

void IREELinalgExtDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dashkv/Dialect/Interop/IREELinalgExtOps.cpp.inc"
      >();
  // Upstream has more ops (gather, scan, topk). They pass through unread.
  allowUnknownOperations();
  addInterfaces<InlineAnywhere>();
}

//===----------------------------------------------------------------------===//
// Syntax: <indexing_maps = [...]> ins(...) outs(...) {attributes} { region } -> types
//===----------------------------------------------------------------------===//

/// Reads `name = attribute` pairs in angle brackets.
static ParseResult parseInherent(OpAsmParser &parser, NamedAttrList &attributes) {
  if (failed(parser.parseOptionalLess()))
    return success();
  // `<{...}>` is how other releases of MLIR print the same dictionary.
  if (succeeded(parser.parseOptionalLBrace())) {
    if (failed(parser.parseOptionalRBrace())) {
      if (parser.parseCommaSeparatedList([&]() -> ParseResult {
            std::string name;
            Attribute attribute;
            if (parser.parseKeywordOrString(&name) || parser.parseEqual() ||
                parser.parseAttribute(attribute))
              return failure();
            attributes.set(name, attribute);
            return success();
          }) ||
          parser.parseRBrace())
        return failure();
    }
    return parser.parseGreater();
  }
  if (parser.parseCommaSeparatedList([&]() -> ParseResult {
        std::string name;
        Attribute attribute;
        if (parser.parseKeywordOrString(&name) || parser.parseEqual() ||
            parser.parseAttribute(attribute))
          return failure();
        attributes.set(name, attribute);
        return success();
      }))
    return failure();
  return parser.parseGreater();
}

template <typename OpTy>
static ParseResult parseAttentionLike(OpAsmParser &parser, OperationState &state) {
  SMLoc start = parser.getCurrentLocation();
  if (parseInherent(parser, state.attributes) || parser.parseOptionalAttrDict(state.attributes))
    return failure();

  SmallVector<OpAsmParser::UnresolvedOperand> inputs, outputs;
  SmallVector<Type> inputTypes, outputTypes, resultTypes;
  SMLoc inputsLoc, outputsLoc;
  if (parser.parseKeyword("ins") || parser.parseLParen() || parser.getCurrentLocation(&inputsLoc) ||
      parser.parseOperandList(inputs) || parser.parseColonTypeList(inputTypes) ||
      parser.parseRParen() || parser.parseKeyword("outs") || parser.parseLParen() ||
      parser.getCurrentLocation(&outputsLoc) || parser.parseOperandList(outputs) ||
      parser.parseColonTypeList(outputTypes) || parser.parseRParen())
    return failure();
  if (!isa_and_nonnull<ArrayAttr>(state.attributes.get("indexing_maps")))
    return parser.emitError(start)
           << "expected indexing_maps: the syntax without maps (transpose_v) is not supported";
  if (inputs.size() != 4 && inputs.size() != 5)
    return parser.emitError(inputsLoc)
           << "expected query, key, value, scale and at most a mask, but got " << inputs.size()
           << " inputs";

  Region *region = state.addRegion();
  if (parser.parseRegion(*region))
    return failure();
  // Several types stand without parentheses.
  if ((succeeded(parser.parseOptionalArrow()) && parser.parseTypeList(resultTypes)) ||
      parser.resolveOperands(inputs, inputTypes, inputsLoc, state.operands) ||
      parser.resolveOperands(outputs, outputTypes, outputsLoc, state.operands))
    return failure();
  state.addTypes(resultTypes);
  int32_t masks = static_cast<int32_t>(inputs.size()) - 4;
  llvm::copy(ArrayRef<int32_t>({1, 1, 1, 1, masks, static_cast<int32_t>(outputs.size())}),
             state.getOrAddProperties<typename OpTy::Properties>().operandSegmentSizes.begin());
  return success();
}

template <typename OpTy> static void printAttentionLike(OpTy op, OpAsmPrinter &printer) {
  printer << " <indexing_maps = " << op.getIndexingMaps();
  if (std::optional<DictionaryAttr> config = op.getDecompositionConfig())
    printer << ", decomposition_config = " << *config;
  printer << ">";
  printer.printOptionalAttrDict(op->getAttrs(), {"indexing_maps", "decomposition_config",
                                                 op.getOperandSegmentSizesAttrName()});
  SmallVector<Value> inputs = {op.getQuery(), op.getKey(), op.getValue(), op.getScale()};
  if (op.getMask())
    inputs.push_back(op.getMask());
  auto printGroup = [&](StringRef name, ValueRange values) {
    printer << " " << name << "(" << values << " : " << values.getTypes() << ")";
  };
  printGroup("ins", inputs);
  printGroup("outs", op.getOutputs());
  printer << " ";
  printer.printRegion(op.getRegion());
  if (!op->getResults().empty())
    printer << " -> " << op.getResultTypes();
}

//===----------------------------------------------------------------------===//
// Verification and effects
//===----------------------------------------------------------------------===//

template <typename OpTy> static LogicalResult verifyAttentionLike(OpTy op, size_t numOutputs) {
  if (op.getOutputs().size() != numOutputs)
    return op.emitOpError("expected ")
           << numOutputs << " outputs, but got " << op.getOutputs().size();
  SmallVector<Value> operands = {op.getQuery(), op.getKey(), op.getValue(), op.getScale()};
  if (op.getMask())
    operands.push_back(op.getMask());
  llvm::append_range(operands, op.getOutputs());
  SmallVector<AffineMap> maps(op.getIndexingMaps().template getAsValueRange<AffineMapAttr>());
  if (maps.size() != operands.size())
    return op.emitOpError("expected ")
           << operands.size() << " indexing maps, but got " << maps.size();
  for (auto [index, map, operand] : llvm::enumerate(maps, operands)) {
    if (map.getNumDims() != maps.front().getNumDims() || map.getNumSymbols() != 0)
      return op.emitOpError("expected indexing maps of ")
             << maps.front().getNumDims() << " dims, but got " << AffineMapAttr::get(map);
    auto type = dyn_cast<ShapedType>(operand.getType());
    int64_t rank = !type ? 0 : type.hasRank() ? type.getRank() : -1;
    if (rank != map.getNumResults())
      return op.emitOpError("expected operand ")
             << index << " of the rank of its map, " << map.getNumResults() << ", but got "
             << operand.getType();
  }
  for (auto [index, result] : llvm::enumerate(op->getResults()))
    if (index >= op.getOutputs().size() || op.getOutputs()[index].getType() != result.getType())
      return op.emitOpError("expected results of the types of the tensors in outs");
  if (op.getRegion().getNumArguments() != 1)
    return op.emitOpError("expected a region with one argument, the score");
  return success();
}

template <typename OpTy>
static void
addEffects(OpTy op, SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {
  MutableOperandRange outputs = op.getOutputsMutable();
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<BaseMemRefType>(operand.get().getType()))
      continue;
    effects.emplace_back(MemoryEffects::Read::get(), &operand);
    if (operand.getOperandNumber() >= op->getNumOperands() - outputs.size())
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
  }
}

#define DASHKV_ATTENTION_LIKE(OP, NUM_OUTPUTS)                                                     \
  ParseResult OP::parse(OpAsmParser &parser, OperationState &state) {                              \
    return parseAttentionLike<OP>(parser, state);                                                  \
  }                                                                                                \
  void OP::print(OpAsmPrinter &printer) { printAttentionLike(*this, printer); }                    \
  LogicalResult OP::verify() { return verifyAttentionLike(*this, NUM_OUTPUTS); }                   \
  void OP::getEffects(                                                                             \
      SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>> &effects) {              \
    addEffects(*this, effects);                                                                    \
  }
DASHKV_ATTENTION_LIKE(AttentionOp, 1)
DASHKV_ATTENTION_LIKE(OnlineAttentionOp, 3)
#undef DASHKV_ATTENTION_LIKE

#define GET_OP_CLASSES
#include "dashkv/Dialect/Interop/IREELinalgExtOps.cpp.inc"
