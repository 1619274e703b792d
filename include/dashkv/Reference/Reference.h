//===- Reference.h - Scalar oracle of the dashkv ops ------------*- C++ -*-===//
//
// One function an op, in plain C++ on the default layouts: the executable form
// of docs/Dialect.md, written for reading and not for speed. Every lowering is
// compared with it.
//
// Symbols: B batch, M query rows, N keys, Hq query heads, Hkv KV heads,
// G = Hq/Hkv, D and Dv head sizes, L code bits, Hc heads of the query codes (Hq
// or Hkv), Hl heads of the index lists, C capacity of a list. A head of fewer
// serves a run of neighbouring heads of more: h reads head `h div
// (Hmore/Hfew)`.
//
// Numbers: integers are exact and meant to be matched bit for bit. Floats are
// f32 values; sums, exponentials and softmax statistics are computed in double
// and rounded to f32 once, in the result. Query, key and value come as f32;
// Float.h widens the narrow types, which is exact.
//
// [paper] marks what the DASH-KV paper states, [ours] what it leaves open.
//
//===----------------------------------------------------------------------===//
#ifndef DASHKV_REFERENCE_REFERENCE_H
#define DASHKV_REFERENCE_REFERENCE_H

#include "dashkv/Reference/Tensor.h"
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace dashkv::reference {

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

enum class Scope { Group, Head };
enum class Ties { LowestIndex, Newest, Inclusive };
enum class Activation { Relu, Silu, Tanh };

/// `#dashkv.tiering`. Fractions are integer millionths [ours], so that every
/// target rounds alike; `none` stands for an optional field that is not given.
struct Tiering {
  static constexpr int64_t none = -1;
  int64_t full = 50000, fullMin = 128, fullMax = none;
  int64_t mid = 0, midMin = 0, midMax = none;
  int64_t sinks = 4, window = 64;
  Scope scope = Scope::Group;
  Ties ties = Ties::LowestIndex;
  int64_t bitsFraction = 2;
  int64_t voteThreshold = none, voteFraction = none;
  int64_t denseBelow = 4096;
  int64_t keptVotes = 1;

  /// Keys that a tier takes of `limit` visible ones:
  /// `clamp(ceil(fraction * limit), min, max)`.
  int64_t getFullBudget(int64_t limit) const;
  int64_t getMidBudget(int64_t limit) const;
  /// Rank of the distance that serves as radius where none is given:
  /// `ceil(vote_fraction * limit)`, the fraction of the full tier by default.
  int64_t getVoteRank(int64_t limit) const;
  /// Votes must exceed it; `floor(Hc / 3)` by default.
  int64_t getVoteThreshold(int64_t codeHeads) const;
};

/// Keys that row `m` of `rows` sees, bottom-right causal: key n is visible when
/// n < `clamp(length - M + 1 + m, 0, N)`. `length` is that of the sequence.
int64_t getLimit(int64_t length, int64_t rows, int64_t keys, int64_t m);

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

/// Weights `[D,L]` (shared by the heads) or `[H,D,L]` of each layer, biases
/// `[L]` or `[H,L]` (none at all, or one a layer). The activation stands
/// between the layers: one layer is a linear encoder [paper, keys], three are
/// the mlp of the queries [paper; the activation is ours].
struct Encoder {
  std::vector<Tensor<float>> weights, biases;
  Activation activation = Activation::Relu;
};

/// `z [B,Hc,M,L]` of input `[B,H,M,D]`: linear `z = x W + b`, mlp
/// `z = W3 a(W2 a(W1 x + b1) + b2) + b3`. With `group` = G the encoder reads G
/// neighbouring heads one after the other (G*D values), and Hc = H/G.
Tensor<float> hashValues(const Tensor<float> &input, const Encoder &encoder, int64_t group = 1);

struct Codes {
  Tensor<int8_t> codes;
  Tensor<float> codeScale; // [B,Hc,M]
};

/// Codes of given values. `levels` = 1: packed, `[B,Hc,M,L/8]`; bit b, which is
/// bit `b mod 8` of byte `b div 8`, is `z_b > 0` [paper; 0 and NaN give 0,
/// ours]; code_scale is 1. `levels` = W, 2 to 15: weighted [ours],
/// `[B,Hc,M,L]`, `w_b = sign(z_b) * min(W, floor(|z_b| * s))` in f32 with `s =
/// min((W + 1) / max|z|, 126 / sum|z|, largest finite f32)`, so that the sum of
/// |w_b| never passes 127; code_scale is 1/s, so that `w_b * code_scale`
/// approximates z_b. There NaN counts as 0 and an infinity as the largest
/// finite value; an all-zero row has the scale 0.
Codes encodeValues(const Tensor<float> &values, int64_t levels);

/// `dashkv.hash_encode`: the two one after the other.
Codes hashEncode(const Tensor<float> &input, const Encoder &encoder, int64_t levels = 1,
                 int64_t group = 1);

/// `dashkv.hamming_distance`: `[B,Hc,M,N]` of query codes `[B,Hc,M,L/8]`
/// (packed) or `[B,Hc,M,L]` (weighted) and key codes `[B,Hkv,N,L/8]`. Packed
/// [paper]: number of bits that differ, 0 to L. Weighted [ours]: `sum over b of
/// |w_b| * [k_b != (w_b > 0)]`, 0 to 127.
Tensor<int16_t> hammingDistance(const Tensor<int8_t> &queryCodes, const Tensor<int8_t> &keyCodes);

//===----------------------------------------------------------------------===//
// From distances to index lists
//===----------------------------------------------------------------------===//

/// Optional operands of `calibrate` and `select`, empty where not given.
struct RetrieveOperands {
  Tensor<int32_t> lengths;       // [B], N when absent
  Tensor<uint8_t> forced;        // [B,N], 0 or 1
  Tensor<uint8_t> prior;         // [B,N], 0 or 1
  Tensor<int16_t> voteDiscount;  // [Hc]
  Tensor<int16_t> priorDiscount; // [Hc]
  Tensor<int32_t> radius;        // [B,Hc,M]
};

/// `dashkv.calibrate` [paper for the structure, ours for the fixed point]:
/// ```
/// votes[b,m,n] = #{ h : D[b,h,m,n] <= radius[b,h,m] }
/// out[b,h,m,n] = (D[b,h,m,n] << bits_fraction)
///                - vote_discount[h] * [votes[b,m,n] > vote_threshold]
///                - prior_discount[h] * prior[b,n]
/// ```
/// in units of 2^-bits_fraction bits, computed in i32 and truncated to i16. No
/// votes without `voteDiscount`. With it but without `radius`, the radius of a
/// row is the k-th smallest distance of its visible keys, k =
/// `ceil(vote_fraction * limit)`, and -1 (nobody votes) when k = 0.
Tensor<int16_t> calibrate(const Tensor<int16_t> &distances, const RetrieveOperands &operands,
                          const Tiering &tiering);

/// One tier: keys `[B,Hl,M,C]`, ascending and padded with -1, their number
/// `[B,Hl,M]`, and the largest distance of the candidates that entered the tier
/// (the forced excluded), -2147483648 when none did. A list longer than C keeps
/// its first C keys; the threshold is that of the whole tier.
struct List {
  Tensor<int32_t> indices, counts, threshold;
};

/// `kept [B,N]`: at least `kept_votes` list heads hold n in the full list of
/// some row. The next layer's `prior`.
struct Selection {
  List full, mid;
  Tensor<uint8_t> kept;
};

/// `dashkv.select`: who is attended, by calibrated distances `[B,Hc,M,N]`.
/// ```
/// limit  = clamp(lengths[b] - M + 1 + m, 0, N)
/// forced = n < sinks, or n >= limit - window, or forced[b,n]  (all below
/// limit) order  = candidates by (distance, tie); candidates are visible, not
/// forced full   = forced + the first min(budget_full(limit), #candidates) of
/// order mid    = the next min(budget_mid(limit), #candidates left) of order
/// ```
/// Scope `head` [paper]: a list a code head (Hl = Hc). Scope `group` [ours]:
/// the distances of the Hc/Hl code heads of a list are summed in i32. Ties:
/// `lowest_index` or `newest` (highest index first) [ours]; `inclusive`: all at
/// the last one's distance enter too, of those left for the mid tier [paper:
/// percentile thresholds].
Selection select(const Tensor<int16_t> &distances, int64_t listHeads, int64_t fullCapacity,
                 int64_t midCapacity, const RetrieveOperands &operands, const Tiering &tiering);

/// `dashkv.retrieve`: distances, calibration and selection.
Selection retrieve(const Tensor<int8_t> &queryCodes, const Tensor<int8_t> &keyCodes,
                   int64_t fullCapacity, int64_t midCapacity, const RetrieveOperands &operands,
                   const Tiering &tiering);

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

struct AttentionOperands {
  Tensor<float> query, key, value;    // [B,Hq,M,D], [B,Hkv,N,D], [B,Hkv,N,Dv]; see gatherPages
  Tensor<float> mask;                 // [B,Hq,M,N], dims of size 1 repeat
  Tensor<int32_t> lengths;            // [B], N when absent
  Tensor<float> keyScale, valueScale; // [Hkv], factors of f8 keys and values
  std::optional<float> scale;         // 1/sqrt(D) when absent
  bool causal = false;                // bottom-right: see getLimit
};

struct AttentionResult {
  Tensor<float> out; // [B,Hq,M,Dv]
  Tensor<float> lse; // [B,Hq,M], natural logarithm
};

/// `dashkv.attention`: `out = softmax(scale * Q K^T + mask) V`, `lse` the
/// logarithm of the sum of exponentials. Keys n >= lengths[b] do not exist. A
/// row without a key, or whose logits are all -inf, gives 0 and -inf.
AttentionResult attention(const AttentionOperands &operands);

/// The cache `[B,Hkv,N,D]` that a pool of pages `[P,Hkv,S,D]` and a block table
/// `[B,T]` stand for [ours]: key n of sequence b is row `n mod S` of page
/// `table[b, n div S]`, N = T * S. Keys of pages that do not exist are NaN.
Tensor<float> gatherPages(const Tensor<float> &pool, const Tensor<int32_t> &blockTable);

/// Softmax statistics of the keys seen so far: with m the largest logit s,
/// acc = sum of exp(s - m) v and sum = sum of exp(s - m).
struct SoftmaxStats {
  Tensor<float> acc, max, sum; // [B,Hq,M,Dv], [B,Hq,M], [B,Hq,M]

  /// No keys: acc 0, max the lowest finite f32, sum 0.
  static SoftmaxStats start(int64_t batch, int64_t heads, int64_t rows, int64_t valueDepth);
};

/// `dashkv.online_attention`: adds all keys below lengths[b], or the listed
/// ones, to `stats`. A list `[B,Hl,M,C]` is taken as it is: its entries from
/// counts on are skipped, and neither lengths nor mask nor causal apply.
SoftmaxStats onlineAttention(const AttentionOperands &operands, const SoftmaxStats &stats,
                             const List *list = nullptr);

/// `dashkv.online_reduce`: adds listed values `[B,Hkv,N,Dv]` with given logits
/// `[B,Hq,M,C]`.
SoftmaxStats onlineReduce(const Tensor<float> &scores, const Tensor<float> &value,
                          const Tensor<float> &valueScale, const List &list,
                          const SoftmaxStats &stats);

/// `dashkv.merge`: adds partials of disjoint key sets, with a leading dim S, to
/// `stats`: acc = sum over i of acc_i * exp(max_i - max).
SoftmaxStats merge(const SoftmaxStats &partials, const SoftmaxStats &stats);

/// `dashkv.finalize`: out = acc / sum, lse = max + log(sum); sum = 0 gives 0
/// and -inf.
AttentionResult finalize(const SoftmaxStats &stats);

/// Parameters of estimated logits, empty where not given. At most one of
/// `table` and `mlp`.
struct Scoring {
  Tensor<float> temperature, bias; // [Hq]
  Tensor<float> codeScale;         // [B,Hc,M], 1 when absent
  Tensor<float> table;             // [Hq or 1, L+1 (packed) or 128 (weighted)]
  Encoder mlp;                     // 2L values to one
};

/// `dashkv.estimate_scores`: logits of listed keys from codes alone [paper:
/// hash dot product and residual], in the units of `scale * q.k`:
/// `temperature[h] * code_scale[b,h,m] * dot + bias[h] + residual` with
/// `dot = S - 2 D`, S = L (packed) or the sum of |w_b| (weighted). The residual
/// is 0, `table[h, D]`, or an mlp on the query's bits, then the key's bits, as
/// -1 and +1 [ours]. `[B,Hq,M,C]`; -inf from the count on.
Tensor<float> estimateScores(const Tensor<int8_t> &queryCodes, const Tensor<int8_t> &keyCodes,
                             const List &list, const Scoring &scoring);

struct TieredOperands {
  Tensor<int8_t> queryCodes, keyCodes;
  RetrieveOperands retrieve; // its lengths are those of the attention operands
  Scoring scoring;           // of the mid tier
};

struct TieredResult {
  Tensor<float> out, lse;
  Tensor<uint8_t> kept;
  Selection selection; // empty when the exact branch was taken
};

/// `dashkv.tiered_attention`: retrieve with capacity N, onlineAttention over
/// the full lists, [estimateScores and onlineReduce over the mid lists,]
/// finalize. Always causal. When the longest sequence has fewer than
/// `dense_below` keys: exact attention, and kept is `n < lengths[b]` [ours].
TieredResult tieredAttention(const AttentionOperands &operands, const TieredOperands &tiered,
                             const Tiering &tiering);

} // namespace dashkv::reference

#endif // DASHKV_REFERENCE_REFERENCE_H
