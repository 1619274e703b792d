//===- Operands.h - Groups of operands that ops share -----------*- C++ -*-===//
//
// Each group has a declare step, which chooses forms and types and adds arguments
// to a kernel, and a fill step, which draws one data set for the kernel and for
// the oracle.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_UNITTESTS_DIFFERENTIAL_OPERANDS_H
#define DASHKV_UNITTESTS_DIFFERENTIAL_OPERANDS_H

#include "Kernel.h"
#include "dashkv/Reference/Reference.h"

namespace dashkv::testing {

/// Adds the dims B, Hq, Hkv, G, M, N, D and Dv, some of them dynamic.
void chooseDims(Kernel &kernel);
/// New sizes of the dynamic ones.
void resizeDims(Kernel &kernel);

/// Makes the caches of some kernels, whose dims are chosen, paged: adds the
/// operand block_table [B, Blocks] and the dims Rows, Blocks and Pages, with N =
/// Blocks * Rows.
void choosePages(Kernel &kernel);
/// New sizes of the dynamic ones, part of resizeDims.
void resizePages(Kernel &kernel);
/// Dims of a cache as they are in the kernel: B and N become Pages and Rows.
Names inPages(const Kernel &kernel, Names dims);

/// The block table of a data set.
class PageTable {
public:
  void fill(Kernel &kernel, const Tensor<int32_t> &lengths);
  /// The data of `operand` from `cache` [B,Hkv,N,depth], which becomes what the
  /// pages stand for.
  void set(Kernel &kernel, const std::string &operand, Tensor<float> &cache,
           const std::string &depth) const;

private:
  Tensor<int32_t> table;
};

/// Kinds of data, one a data set.
enum class Flavor {
  Plain,     // normal numbers, random codes
  Clustered, // keys around few centres, codes that differ in few bits
  Wide,      // numbers over several binades
  Edge,      // short sequences, equal codes, large discounts, NaN out of sight
};

/// Query, key, value, mask, lengths, block_table, kv_scales, scale, causal and maps.
class AttentionGroup {
public:
  enum Form { Full, Listed, Tiered };
  void declare(Kernel &kernel, Form form);
  /// `out` is the operand of the last map.
  void declareOut(Kernel &kernel, const std::string &out, const std::string &element, bool isInit);
  /// `ins(...) mask(...)` and the rest up to `outs`; `list` goes in between.
  std::string print(const Kernel &kernel, const std::string &list = "") const;
  Names attributes(const Kernel &kernel) const;

  void fill(Kernel &kernel, Flavor flavor);
  reference::AttentionOperands op;
  /// Dims of the oracle's query, out and row statistics in the kernel's terms.
  Names queryOrder, outOrder, rowOrder;
  /// For each row of out: how much rounding logits to f32 can move it, relative
  /// to its largest element. Empty for plain data, where 1e-5 must do.
  std::vector<double> getSlack(const Tensor<float> &out, Flavor flavor) const;

private:
  Form form = Full;
  bool causal = false, grouped = false;
  std::optional<float> scale;
  Names maskDims;
  std::vector<Names> mapped; // dims of query, key, value, [mask], out
};

/// Query and key codes in one of the two forms; a form set before `declare` stays.
/// Key codes are key-major, or byte planes of P = 64 * NB keys. With `padded`
/// planes N of them exist, otherwise N is P.
class CodesGroup {
public:
  void declare(Kernel &kernel, bool padded = false);
  /// New numbers of blocks where they are dynamic, after resizeDims.
  void resize(Kernel &kernel);
  void fill(Kernel &kernel, Flavor flavor);
  /// Dim of flags of keys: N or P.
  std::string getKeyDim() const { return planes && padded ? "P" : "N"; }
  static std::string print(const Kernel &kernel) {
    return kernel.group("codes", {"query_codes", "key_codes"});
  }
  bool weighted = false, headPerQuery = false, planes = false;
  int64_t bits = 0;
  /// Those of the oracle, key-major.
  Tensor<int8_t> queryCodes, keyCodes;

private:
  void addBlocks(Kernel &kernel);
  bool padded = false;
};

/// A tiering attribute; `headScope` allows scope head.
reference::Tiering chooseTiering(Kernel &kernel, bool headScope);
std::string printTiering(const reference::Tiering &tiering);

/// Lengths, forced, prior, vote_discount, prior_discount, radius.
class RetrieveGroup {
public:
  /// `lengths` and `forced` say whether the op has them.
  void declare(Kernel &kernel, bool calibrates, bool lengths, bool forced,
               const std::string &keys = "N");
  void fill(Kernel &kernel, Flavor flavor, int64_t largestDistance);
  static std::string print(const Kernel &kernel);
  reference::RetrieveOperands op;
};

/// Lengths [B] of a data set.
Tensor<int32_t> drawLengths(Kernel &kernel, Flavor flavor);

/// The outs of select and retrieve.
class SelectionGroup {
public:
  void declare(Kernel &kernel, const reference::Tiering &tiering, const std::string &listHeads);
  /// New capacities where they are dynamic.
  void resize(Kernel &kernel);
  static std::string print(const Kernel &kernel);
  static Names results(const Kernel &kernel);
  void check(Kernel &kernel, const reference::Selection &expected) const;
};

/// Indices and counts of given lists.
class ListGroup {
public:
  void declare(Kernel &kernel);
  void fill(Kernel &kernel, Flavor flavor);
  static std::string print(const Kernel &kernel) {
    return kernel.group("list", {"indices", "counts"});
  }
  reference::List list;
};

/// Weights, biases and activation of an encoder.
class EncoderGroup {
public:
  /// `heads`, `in` and `out` are dims; names start with `prefix`.
  void declare(Kernel &kernel, const std::string &prefix, bool mlp, const std::string &heads,
               const std::string &in, const std::string &out);
  void fill(Kernel &kernel);
  std::string print(const Kernel &kernel, const std::string &weightKeyword) const;
  std::string activation() const;
  reference::Encoder encoder;

private:
  Names weights, biases;
};

/// Temperature, bias, code_scale, table and residual mlp.
class ScoringGroup {
public:
  void declare(Kernel &kernel, const CodesGroup &codes);
  void fill(Kernel &kernel);
  /// `scoring` comes before code_scale in estimate_scores and after it in
  /// tiered_attention.
  std::string print(const Kernel &kernel, bool scoringFirst) const;
  Names attributes() const;
  reference::Scoring scoring;

private:
  bool hasMlp = false;
  EncoderGroup mlp;
};

/// acc, max and sum of outs, which are read.
class StatsGroup {
public:
  static void fill(Kernel &kernel, reference::SoftmaxStats &stats, const Names &accOrder);
  static void check(Kernel &kernel, const reference::SoftmaxStats &expected, const Names &accOrder,
                    const std::vector<double> &slack = {});
};

} // namespace dashkv::testing

#endif // DASHKV_UNITTESTS_DIFFERENTIAL_OPERANDS_H
