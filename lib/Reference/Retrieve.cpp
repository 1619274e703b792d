//===- Retrieve.cpp - calibrate, select and retrieve ----------------------===//
#include "dashkv/Reference/Reference.h"
#include <algorithm>
#include <limits>

namespace dashkv::reference {

static int64_t takeFraction(int64_t millionths, int64_t limit) {
  return (millionths * limit + 999999) / 1000000; // rounded up
}

static int64_t getBudget(int64_t millionths, int64_t min, int64_t max, int64_t limit) {
  int64_t budget = std::max(takeFraction(millionths, limit), min);
  return max == Tiering::none ? budget : std::min(budget, max);
}

int64_t Tiering::getFullBudget(int64_t limit) const {
  return getBudget(full, fullMin, fullMax, limit);
}

int64_t Tiering::getMidBudget(int64_t limit) const { return getBudget(mid, midMin, midMax, limit); }

int64_t Tiering::getVoteRank(int64_t limit) const {
  return takeFraction(voteFraction == none ? full : voteFraction, limit);
}

int64_t Tiering::getVoteThreshold(int64_t codeHeads) const {
  return voteThreshold == none ? codeHeads / 3 : voteThreshold;
}

int64_t getLimit(int64_t length, int64_t rows, int64_t keys, int64_t m) {
  return std::clamp<int64_t>(length - rows + 1 + m, 0, keys);
}

static int64_t getLimit(const Tensor<int32_t> &lengths, int64_t b, int64_t rows, int64_t keys,
                        int64_t m) {
  return getLimit(lengths.isGiven() ? lengths(b) : keys, rows, keys, m);
}

//===----------------------------------------------------------------------===//
// calibrate
//===----------------------------------------------------------------------===//

/// The k-th smallest distance of the visible keys of a row, -1 when k = 0.
static int32_t findRadius(const Tensor<int16_t> &distances, int64_t b, int64_t h, int64_t m,
                          int64_t limit, int64_t k) {
  if (k == 0)
    return -1;
  std::vector<int32_t> visible;
  for (int64_t n = 0; n < limit; ++n)
    visible.push_back(distances(b, h, m, n));
  std::sort(visible.begin(), visible.end());
  return visible[k - 1];
}

Tensor<int16_t> calibrate(const Tensor<int16_t> &distances, const RetrieveOperands &operands,
                          const Tiering &tiering) {
  int64_t batch = distances.size(0), heads = distances.size(1), rows = distances.size(2),
          keys = distances.size(3);
  require(operands.prior.isGiven() == operands.priorDiscount.isGiven(),
          "a prior and its discount, or neither");
  Tensor<int32_t> votes({batch, rows, keys});
  if (operands.voteDiscount.isGiven())
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t m = 0; m < rows; ++m) {
          int64_t limit = getLimit(operands.lengths, b, rows, keys, m);
          int32_t radius = operands.radius.isGiven()
                               ? operands.radius(b, h, m)
                               : findRadius(distances, b, h, m, limit, tiering.getVoteRank(limit));
          for (int64_t n = 0; n < keys; ++n)
            votes(b, m, n) += distances(b, h, m, n) <= radius;
        }

  Tensor<int16_t> result(distances.shape);
  for (int64_t b = 0; b < batch; ++b)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t m = 0; m < rows; ++m)
        for (int64_t n = 0; n < keys; ++n) {
          int32_t value = distances(b, h, m, n) * (1 << tiering.bitsFraction);
          if (operands.voteDiscount.isGiven() && votes(b, m, n) > tiering.getVoteThreshold(heads))
            value -= operands.voteDiscount(h);
          if (operands.prior.isGiven() && operands.prior(b, n))
            value -= operands.priorDiscount(h);
          result(b, h, m, n) = static_cast<int16_t>(value);
        }
  return result;
}

//===----------------------------------------------------------------------===//
// select
//===----------------------------------------------------------------------===//

namespace {
struct Candidate {
  int32_t distance;
  int64_t key;
};
} // namespace

static List makeList(int64_t batch, int64_t heads, int64_t rows, int64_t capacity) {
  return {Tensor<int32_t>({batch, heads, rows, capacity}, -1),
          Tensor<int32_t>({batch, heads, rows}),
          Tensor<int32_t>({batch, heads, rows}, std::numeric_limits<int32_t>::min())};
}

/// Moves the first `wanted` candidates of `order`, and with inclusive ties all
/// at the last one's distance, to `keys`. Returns the largest distance moved.
static int32_t takeTier(std::vector<Candidate> &order, int64_t wanted, Ties ties,
                        std::vector<int64_t> &keys) {
  size_t taken = std::min<int64_t>(wanted, order.size());
  if (taken == 0)
    return std::numeric_limits<int32_t>::min();
  int32_t threshold = order[taken - 1].distance;
  if (ties == Ties::Inclusive)
    while (taken < order.size() && order[taken].distance == threshold)
      ++taken;
  for (size_t i = 0; i < taken; ++i)
    keys.push_back(order[i].key);
  order.erase(order.begin(), order.begin() + taken);
  return threshold;
}

/// Writes `keys`, ascending and cut to the capacity, as a list.
static void writeList(std::vector<int64_t> keys, List &list, int64_t b, int64_t h, int64_t m) {
  std::sort(keys.begin(), keys.end());
  int64_t count = std::min<int64_t>(keys.size(), list.indices.size(3));
  for (int64_t c = 0; c < count; ++c)
    list.indices(b, h, m, c) = static_cast<int32_t>(keys[c]);
  list.counts(b, h, m) = static_cast<int32_t>(count);
}

Selection select(const Tensor<int16_t> &distances, int64_t listHeads, int64_t fullCapacity,
                 int64_t midCapacity, const RetrieveOperands &operands, const Tiering &tiering) {
  int64_t batch = distances.size(0), codeHeads = distances.size(1), rows = distances.size(2),
          keys = distances.size(3);
  require(codeHeads % listHeads == 0 && (tiering.scope == Scope::Group || codeHeads == listHeads),
          "a list a code head or a list a group of them, as the scope says");
  Selection result = {makeList(batch, listHeads, rows, fullCapacity),
                      makeList(batch, listHeads, rows, midCapacity),
                      Tensor<uint8_t>({batch, keys})};
  for (int64_t b = 0; b < batch; ++b) {
    std::vector<int64_t> keptVotes(keys);
    for (int64_t h = 0; h < listHeads; ++h) {
      std::vector<bool> inSomeRow(keys);
      for (int64_t m = 0; m < rows; ++m) {
        int64_t limit = getLimit(operands.lengths, b, rows, keys, m);
        std::vector<int64_t> full, mid;
        std::vector<Candidate> order;
        for (int64_t n = 0; n < limit; ++n) {
          if (n < tiering.sinks || n >= limit - tiering.window ||
              (operands.forced.isGiven() && operands.forced(b, n))) {
            full.push_back(n);
            continue;
          }
          int32_t distance = 0;
          int64_t perList = codeHeads / listHeads;
          for (int64_t e = 0; e < perList; ++e)
            distance += distances(b, h * perList + e, m, n);
          order.push_back({distance, n});
        }
        std::sort(order.begin(), order.end(), [&](const Candidate &l, const Candidate &r) {
          if (l.distance != r.distance)
            return l.distance < r.distance;
          return tiering.ties == Ties::Newest ? l.key > r.key : l.key < r.key;
        });
        result.full.threshold(b, h, m) =
            takeTier(order, tiering.getFullBudget(limit), tiering.ties, full);
        result.mid.threshold(b, h, m) =
            takeTier(order, tiering.getMidBudget(limit), tiering.ties, mid);
        writeList(full, result.full, b, h, m);
        writeList(mid, result.mid, b, h, m);
        for (int64_t c = 0; c < result.full.counts(b, h, m); ++c)
          inSomeRow[result.full.indices(b, h, m, c)] = true;
      }
      for (int64_t n = 0; n < keys; ++n)
        keptVotes[n] += inSomeRow[n];
    }
    for (int64_t n = 0; n < keys; ++n)
      result.kept(b, n) = keptVotes[n] >= tiering.keptVotes;
  }
  return result;
}

Selection retrieve(const Tensor<int8_t> &queryCodes, const Tensor<int8_t> &keyCodes,
                   int64_t fullCapacity, int64_t midCapacity, const RetrieveOperands &operands,
                   const Tiering &tiering) {
  Tensor<int16_t> raw = hammingDistance(queryCodes, keyCodes);
  int64_t listHeads = tiering.scope == Scope::Head ? queryCodes.size(1) : keyCodes.size(1);
  return select(calibrate(raw, operands, tiering), listHeads, fullCapacity, midCapacity, operands,
                tiering);
}

} // namespace dashkv::reference
