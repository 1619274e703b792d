//===- Attend.cpp - Attention, estimates and softmax statistics -----------===//
#include "Codes.h"
#include <algorithm>
#include <cmath>
#include <limits>

namespace dashkv::reference {

/// The head of `few` heads that serves head `h` of `many`.
static int64_t getServing(int64_t h, int64_t many, int64_t few) {
  require(few > 0 && many % few == 0, "heads that are a multiple of others");
  return h / (many / few);
}

namespace {
/// Logits of one query row and the values they weigh.
struct Row {
  std::vector<double> scores;
  std::vector<int64_t> keys; // key of each score
};
} // namespace

/// Element of a mask whose dims of size 1 repeat, 0 without a mask.
static double getMask(const Tensor<float> &mask, int64_t b, int64_t h, int64_t m, int64_t n) {
  if (!mask.isGiven())
    return 0;
  auto at = [&](int64_t i, unsigned dim) { return mask.size(dim) == 1 ? 0 : i; };
  return mask(at(b, 0), at(h, 1), at(m, 2), at(n, 3));
}

/// scale * q.k, without a mask.
static double getScore(const AttentionOperands &op, int64_t b, int64_t h, int64_t m, int64_t n) {
  int64_t kv = getServing(h, op.query.size(1), op.key.size(1));
  int64_t depth = op.query.size(3);
  double dot = 0;
  for (int64_t d = 0; d < depth; ++d)
    dot += static_cast<double>(op.query(b, h, m, d)) * op.key(b, kv, n, d);
  if (op.keyScale.isGiven())
    dot *= op.keyScale(kv);
  return dot * (op.scale ? *op.scale : 1 / std::sqrt(double(depth)));
}

static double getValue(const Tensor<float> &value, const Tensor<float> &valueScale, int64_t b,
                       int64_t kv, int64_t n, int64_t d) {
  double scale = valueScale.isGiven() ? valueScale(kv) : 1;
  return value(b, kv, n, d) * scale;
}

/// All keys that exist for a row.
static Row getRow(const AttentionOperands &op, int64_t b, int64_t h, int64_t m) {
  int64_t rows = op.query.size(2), keys = op.key.size(2);
  int64_t length = op.lengths.isGiven() ? op.lengths(b) : keys;
  int64_t limit =
      op.causal ? getLimit(length, rows, keys, m) : std::clamp<int64_t>(length, 0, keys);
  Row row;
  for (int64_t n = 0; n < limit; ++n) {
    row.keys.push_back(n);
    row.scores.push_back(getScore(op, b, h, m, n) + getMask(op.mask, b, h, m, n));
  }
  return row;
}

//===----------------------------------------------------------------------===//
// Exact attention
//===----------------------------------------------------------------------===//

AttentionResult attention(const AttentionOperands &op) {
  int64_t batch = op.query.size(0), heads = op.query.size(1), rows = op.query.size(2),
          valueDepth = op.value.size(3);
  AttentionResult result = {Tensor<float>({batch, heads, rows, valueDepth}),
                            Tensor<float>({batch, heads, rows})};
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t m = 0; m < rows; ++m) {
        Row row = getRow(op, b, h, m);
        // Starting from a finite number keeps exp(-inf - max) away from NaN.
        double max = std::numeric_limits<float>::lowest();
        for (double score : row.scores)
          max = std::max(max, score);
        double sum = 0;
        for (double score : row.scores)
          sum += std::exp(score - max);
        int64_t kv = getServing(h, heads, op.value.size(1));
        for (int64_t d = 0; d < valueDepth; ++d) {
          double acc = 0;
          for (size_t i = 0; i < row.keys.size(); ++i)
            acc += std::exp(row.scores[i] - max) *
                   getValue(op.value, op.valueScale, b, kv, row.keys[i], d);
          result.out(b, h, m, d) = sum == 0 ? 0 : static_cast<float>(acc / sum);
        }
        result.lse(b, h, m) = sum == 0 ? -INFINITY : static_cast<float>(max + std::log(sum));
      }
  return result;
}

Tensor<float> gatherPages(const Tensor<float> &pool, const Tensor<int32_t> &blockTable) {
  int64_t batch = blockTable.size(0), blocks = blockTable.size(1), heads = pool.size(1),
          rows = pool.size(2), depth = pool.size(3);
  Tensor<float> result({batch, heads, blocks * rows, depth}, NAN);
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t n = 0; n < blocks * rows; ++n) {
      int64_t page = blockTable(b, n / rows);
      if (page < 0 || page >= pool.size(0))
        continue;
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t d = 0; d < depth; ++d)
          result(b, h, n, d) = pool(page, h, n % rows, d);
    }
  return result;
}

//===----------------------------------------------------------------------===//
// Softmax statistics
//===----------------------------------------------------------------------===//

SoftmaxStats SoftmaxStats::start(int64_t batch, int64_t heads, int64_t rows, int64_t valueDepth) {
  return {Tensor<float>({batch, heads, rows, valueDepth}),
          Tensor<float>({batch, heads, rows}, std::numeric_limits<float>::lowest()),
          Tensor<float>({batch, heads, rows})};
}

/// Larger of the two; NaN if either is NaN, as in the softmax of the lowerings.
static float getMaximum(float l, float r) {
  return std::isnan(l) || std::isnan(r) ? NAN : std::max(l, r);
}

/// Adds the keys of `row` to the statistics of row (b,h,m).
static void addRow(const Row &row, const Tensor<float> &value, const Tensor<float> &valueScale,
                   SoftmaxStats &stats, int64_t b, int64_t h, int64_t m) {
  // The new maximum is rounded first: the sums then refer to the number that
  // the result holds.
  float oldMax = stats.max(b, h, m), max = oldMax;
  for (double score : row.scores)
    max = getMaximum(max, static_cast<float>(score));
  double rescale = std::exp(double(oldMax) - max);
  std::vector<double> weights;
  double sum = stats.sum(b, h, m) * rescale;
  for (double score : row.scores) {
    weights.push_back(std::exp(score - max));
    sum += weights.back();
  }
  int64_t kv = getServing(h, stats.acc.size(1), value.size(1));
  for (int64_t d = 0; d < stats.acc.size(3); ++d) {
    double acc = stats.acc(b, h, m, d) * rescale;
    for (size_t i = 0; i < row.keys.size(); ++i)
      acc += weights[i] * getValue(value, valueScale, b, kv, row.keys[i], d);
    stats.acc(b, h, m, d) = static_cast<float>(acc);
  }
  stats.max(b, h, m) = max;
  stats.sum(b, h, m) = static_cast<float>(sum);
}

SoftmaxStats onlineAttention(const AttentionOperands &op, const SoftmaxStats &stats,
                             const List *list) {
  int64_t batch = op.query.size(0), heads = op.query.size(1), rows = op.query.size(2);
  SoftmaxStats result = stats;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t m = 0; m < rows; ++m) {
        Row row;
        if (list) {
          int64_t listHead = getServing(h, heads, list->indices.size(1));
          for (int64_t c = 0; c < list->counts(b, listHead, m); ++c) {
            row.keys.push_back(list->indices(b, listHead, m, c));
            row.scores.push_back(getScore(op, b, h, m, row.keys.back()));
          }
        } else {
          row = getRow(op, b, h, m);
        }
        addRow(row, op.value, op.valueScale, result, b, h, m);
      }
  return result;
}

SoftmaxStats onlineReduce(const Tensor<float> &scores, const Tensor<float> &value,
                          const Tensor<float> &valueScale, const List &list,
                          const SoftmaxStats &stats) {
  int64_t batch = scores.size(0), heads = scores.size(1), rows = scores.size(2);
  SoftmaxStats result = stats;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t m = 0; m < rows; ++m) {
        int64_t listHead = getServing(h, heads, list.indices.size(1));
        Row row;
        for (int64_t c = 0; c < list.counts(b, listHead, m); ++c) {
          row.keys.push_back(list.indices(b, listHead, m, c));
          row.scores.push_back(scores(b, h, m, c));
        }
        addRow(row, value, valueScale, result, b, h, m);
      }
  return result;
}

SoftmaxStats merge(const SoftmaxStats &partials, const SoftmaxStats &stats) {
  int64_t splits = partials.acc.size(0), batch = stats.acc.size(0), heads = stats.acc.size(1),
          rows = stats.acc.size(2), valueDepth = stats.acc.size(3);
  SoftmaxStats result = stats;
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t m = 0; m < rows; ++m) {
        float oldMax = stats.max(b, h, m), max = oldMax;
        for (int64_t s = 0; s < splits; ++s)
          max = getMaximum(max, partials.max(s, b, h, m));
        double rescale = std::exp(double(oldMax) - max);
        double sum = stats.sum(b, h, m) * rescale;
        std::vector<double> acc(valueDepth);
        for (int64_t d = 0; d < valueDepth; ++d)
          acc[d] = stats.acc(b, h, m, d) * rescale;
        for (int64_t s = 0; s < splits; ++s) {
          rescale = std::exp(double(partials.max(s, b, h, m)) - max);
          sum += partials.sum(s, b, h, m) * rescale;
          for (int64_t d = 0; d < valueDepth; ++d)
            acc[d] += partials.acc(s, b, h, m, d) * rescale;
        }
        for (int64_t d = 0; d < valueDepth; ++d)
          result.acc(b, h, m, d) = static_cast<float>(acc[d]);
        result.max(b, h, m) = max;
        result.sum(b, h, m) = static_cast<float>(sum);
      }
  return result;
}

AttentionResult finalize(const SoftmaxStats &stats) {
  AttentionResult result = {Tensor<float>(stats.acc.shape),
                            Tensor<float>(stats.sum.shape, -INFINITY)};
  int64_t valueDepth = stats.acc.size(3);
  for (size_t row = 0; row < stats.sum.data.size(); ++row) {
    double sum = stats.sum.data[row];
    if (sum == 0)
      continue;
    for (int64_t d = row * valueDepth; d < int64_t(row + 1) * valueDepth; ++d)
      result.out.data[d] = static_cast<float>(stats.acc.data[d] / sum);
    result.lse.data[row] = static_cast<float>(stats.max.data[row] + std::log(sum));
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Estimated logits
//===----------------------------------------------------------------------===//

Tensor<float> estimateScores(const Tensor<int8_t> &queryCodes, const Tensor<int8_t> &keyCodes,
                             const List &list, const Scoring &scoring) {
  CodeReader codes(queryCodes, keyCodes);
  int64_t batch = queryCodes.size(0), heads = scoring.temperature.size(0),
          rows = queryCodes.size(2), capacity = list.indices.size(3);
  Tensor<float> scores({batch, heads, rows, capacity}, -INFINITY);
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t m = 0; m < rows; ++m) {
        int64_t listHead = getServing(h, heads, list.indices.size(1)),
                codeHead = getServing(h, heads, queryCodes.size(1)),
                kv = getServing(h, heads, keyCodes.size(1));
        double codeScale = scoring.codeScale.isGiven() ? scoring.codeScale(b, codeHead, m) : 1;
        int total = 0;
        for (int64_t bit = 0; bit < codes.bits; ++bit)
          total += std::abs(codes.queryWeight(b, codeHead, m, bit));
        for (int64_t c = 0; c < list.counts(b, listHead, m); ++c) {
          int64_t n = list.indices(b, listHead, m, c);
          int distance = codes.distance(b, codeHead, m, n);
          double residual = 0;
          if (scoring.table.isGiven())
            residual = scoring.table(scoring.table.size(0) == 1 ? 0 : h, distance);
          if (!scoring.mlp.weights.empty()) {
            std::vector<double> signs;
            for (int64_t bit = 0; bit < codes.bits; ++bit)
              signs.push_back(codes.queryWeight(b, codeHead, m, bit) > 0 ? 1 : -1);
            for (int64_t bit = 0; bit < codes.bits; ++bit)
              signs.push_back(codes.keyBit(b, kv, n, bit) ? 1 : -1);
            residual = encodeVector(scoring.mlp, h, signs)[0];
          }
          scores(b, h, m, c) =
              static_cast<float>(scoring.temperature(h) * codeScale * (total - 2 * distance) +
                                 scoring.bias(h) + residual);
        }
      }
  return scores;
}

//===----------------------------------------------------------------------===//
// Tiered attention
//===----------------------------------------------------------------------===//

TieredResult tieredAttention(const AttentionOperands &operands, const TieredOperands &tiered,
                             const Tiering &tiering) {
  int64_t batch = operands.query.size(0), heads = operands.query.size(1),
          rows = operands.query.size(2), keys = operands.key.size(2);
  TieredResult result;
  int64_t longest = operands.lengths.isGiven() ? 0 : keys;
  for (int32_t length : operands.lengths.data)
    longest = std::max<int64_t>(longest, length);
  if (longest < tiering.denseBelow) {
    AttentionOperands exact = operands;
    exact.causal = true;
    AttentionResult dense = attention(exact);
    result.out = dense.out;
    result.lse = dense.lse;
    result.kept = Tensor<uint8_t>({batch, keys});
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t n = 0; n < keys; ++n)
        result.kept(b, n) = n < (operands.lengths.isGiven() ? operands.lengths(b) : keys);
    return result;
  }

  RetrieveOperands retrieveOperands = tiered.retrieve;
  retrieveOperands.lengths = operands.lengths;
  Selection selection =
      retrieve(tiered.queryCodes, tiered.keyCodes, keys, keys, retrieveOperands, tiering);
  SoftmaxStats stats = onlineAttention(
      operands, SoftmaxStats::start(batch, heads, rows, operands.value.size(3)), &selection.full);
  if (tiered.scoring.temperature.isGiven())
    stats = onlineReduce(
        estimateScores(tiered.queryCodes, tiered.keyCodes, selection.mid, tiered.scoring),
        operands.value, operands.valueScale, selection.mid, stats);
  AttentionResult attended = finalize(stats);
  result.out = attended.out;
  result.lse = attended.lse;
  result.kept = selection.kept;
  result.selection = std::move(selection);
  return result;
}

} // namespace dashkv::reference
