//===- Encode.h - Kernels of hash encoders ----------------------*- C++ -*-===//
#ifndef DASHKV_LIB_CONVERSION_DASHKVTOGPU_ENCODE_H
#define DASHKV_LIB_CONVERSION_DASHKVTOGPU_ENCODE_H

#include "KernelBuilder.h"
#include "Launches.h"
#include "dashkv/Dialect/DashKV/IR/DashKV.h"

namespace mlir::dashkv {

/// A layer `y = x W (+ bias)` of an encoder.
struct EncoderLayer {
  Type weight;
  Type bias; ///< null without
  int64_t in, out;
  bool perHead;
  /// Weights a load takes; 0 if they lie at strides of their own.
  int64_t vector;
};

/// What a kernel of hash_encode knows when it is compiled: all but batch, heads,
/// rows and strides. Sizes of layers are dynamic in EncodeAny.cpp only.
///
/// Parameters:
///   input: pointer, offset, strides of batch, head, row, element (i64)
///   each layer: weights: pointer, offset, and if `vector` is 0 strides of head,
///     row, element; the bias: pointer, offset, stride of head
///   codes: as the input; the code scale: as the input, without an element
///   code heads, rows (M), rows that share weights (i32)
struct EncoderSpec {
  Type input;
  int64_t depth, group, levels;
  bool hasScale;
  /// No kernel of the step writes the weights: they may be read before it waits.
  bool hasConstantWeights;
  std::optional<Activation> activation;
  SmallVector<EncoderLayer, 3> layers;
  /// Rows that a CTA takes at once, of EncodeRows.cpp.
  int64_t rows = 1;
  int64_t threads = 256;
  /// Writes the values of its one layer instead of codes, those of a CTA from
  /// `kSplitOutputs` times its z on: f32 with strides as codes have.
  bool givesValues = false;
  static constexpr int64_t kSplitOutputs = 64;
  /// The kernel starts while the one before still runs.
  bool startsEarly = false;

  /// The encoder of `op`.
  static EncoderSpec get(HashEncodeOp op, const NVPTXTarget &target);

  /// Whether a size is not known. The weights are at strides then.
  bool isDynamic() const;
  int64_t getBits() const { return layers.back().out; }
  bool isPerHead() const {
    return llvm::any_of(layers, [](const EncoderLayer &layer) { return layer.perHead; });
  }
  std::string getName() const;
  void addParameters(SmallVectorImpl<KernelParameter> &parameters, MLIRContext *context) const;
  /// Whether few rows go through a kernel a layer, so that more CTAs read weights.
  bool isSplit() const;
  /// The kernel of layer `i` then.
  EncoderSpec getLayer(unsigned i) const;
  /// f32 of shared memory that `emitEncodeRows` needs.
  int64_t getSharedFloats() const;
};

/// A tensor as a kernel gets it.
struct EncoderOperand {
  Value pointer, offset;      ///< offset: index
  SmallVector<Value> strides; ///< index
};

/// The arguments of `spec`, taken from the front of `arguments`.
struct EncoderArguments {
  EncoderArguments(KernelBuilder &b, const EncoderSpec &spec, ValueRange &arguments);
  EncoderOperand input;
  SmallVector<EncoderOperand> weights, biases; ///< a null pointer for no bias
  EncoderOperand codes, scale;
  Value codeHeads, queries, sharing;
};

/// Where a row of the op is, all i32.
struct EncoderRow {
  Value batch, head, query;
};

/// `base` plus indices times strides, from the first stride on.
Value getAddress(KernelBuilder &b, const EncoderOperand &operand, ValueRange indices);

/// Row `row` of those that share weights, of `head` if it has weights of its own.
EncoderRow getEncoderRow(KernelBuilder &b, const EncoderArguments &arguments, Value row,
                         Value head);

/// Activation of an f32.
Value emitActivation(KernelBuilder &b, Activation activation, Value x);

/// Value `32 i + lane` of the row at `begin` of a shared buffer, 0 past the end.
SmallVector<Value> loadCodeValues(KernelBuilder &b, const EncoderSpec &spec, Value shared,
                                  Value begin, Value lane);

/// A warp turns the values of a row into its code, and stores its scale: value
/// `32 i + lane` is `values[i]`, 0 past the end.
void emitCode(KernelBuilder &b, const EncoderSpec &spec, const EncoderArguments &arguments,
              const EncoderRow &row, ArrayRef<Value> values, Value lane);

/// A CTA computes `spec.rows` rows at a time by multiply-adds, exact in f32. The
/// weights are read once a CTA and, of the first layer, before the kernel waits for
/// the one before: blocks `block`, `block + blocks` ... of rows, of `head` if the
/// weights are a head's own.
void emitEncodeRows(KernelBuilder &b, const EncoderSpec &spec, const EncoderArguments &arguments,
                    Value shared, Value block, Value blocks, Value head);

/// How a warp of EncodeTiles.cpp takes its rows.
struct EncoderTile {
  explicit EncoderTile(const EncoderSpec &spec);
  /// Whether tensor cores take the encoder.
  static bool supports(const EncoderSpec &spec);

  /// Rows of a CTA.
  int64_t getRows() const { return 8 * 16 * blocks; }
  int64_t getWeightBytes() const { return depth * bits * 2 * weightPlanes; }
  int64_t getSharedBytes() const { return getWeightBytes() + bits * 4; }

  int64_t bits;
  int64_t depth; ///< of a row with all heads of a group, in whole steps of 32
  bool nativeF16;
  int64_t inputPlanes, weightPlanes;
  int64_t blocks; ///< of 16 rows
};

/// A linear encoder to packed codes on tensor cores. Grid (any number, code heads,
/// batch); the elements of a row lie next to each other, on 16 bytes.
void emitEncodeTiles(KernelBuilder &b, const EncoderSpec &spec, const EncoderArguments &arguments);

/// Any sizes: `sizes` are those of a head, of the outputs of the layers, and of the
/// values that go into even layers, in f32 of dynamic shared memory before those of the
/// odd ones. Grid (rows that share weights, heads with weights of their own).
void emitEncodeAny(KernelBuilder &b, const EncoderSpec &spec, const EncoderArguments &arguments,
                   ValueRange sizes, Value head);

} // namespace mlir::dashkv

#endif // DASHKV_LIB_CONVERSION_DASHKVTOGPU_ENCODE_H
