//===- ScanTest.cpp - Compiled scans against the definition ---------------===//
//
// Compiles the scan of a `retrieve` to PTX, runs it, and compares distances,
// histograms and offsets bit by bit with the oracle.
//
//===----------------------------------------------------------------------===//
#include "PTXInterpreter.h"
#include "dashkv/InitAll.h"
#include "dashkv/Pipelines/NVVM.h"
#include "dashkv/Reference/Reference.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cstring>
#include <random>
#include <sstream>

using namespace mlir;
namespace reference = ::dashkv::reference;

namespace {
struct Shape {
  int64_t bits, heads, queries;
  bool weighted, perHead;
  int64_t keys;
  std::vector<int32_t> lengths; ///< one a batch entry; none: all keys of one
  unsigned splits = 2;          ///< CTAs a KV head
  int maxWeight = 15;
  bool votes = false; ///< keeps the heads apart whatever the scope
  int64_t kvHeads = 2;

  int64_t batch() const { return lengths.empty() ? 1 : lengths.size(); }
  int64_t codeBytes() const { return weighted ? bits : bits / 8; }
  bool summed() const { return !perHead && !votes; }
  std::string str() const {
    std::ostringstream os;
    os << "L=" << bits << " heads=" << heads << " M=" << queries
       << (weighted ? " weighted" : " packed") << (perHead ? " head" : " group")
       << (votes ? " votes" : "") << " N=" << keys << " splits=" << splits;
    return os.str();
  }
};
} // namespace

/// A function with the `retrieve` of a shape.
static std::string moduleText(const Shape &shape) {
  std::ostringstream os;
  int64_t listHeads = shape.perHead ? shape.heads * shape.kvHeads : shape.kvHeads;
  std::ostringstream queries, keys, lists, counts;
  queries << "tensor<" << shape.batch() << "x" << shape.heads * shape.kvHeads << "x"
          << shape.queries << "x" << shape.codeBytes() << "xi8>";
  keys << "tensor<" << shape.batch() << "x" << shape.kvHeads << "x?x" << shape.bits / 8 << "xi8>";
  counts << "tensor<" << shape.batch() << "x" << listHeads << "x" << shape.queries << "xi32>";
  lists << "tensor<" << shape.batch() << "x" << listHeads << "x" << shape.queries << "x?xi32>";
  std::string lengths = "tensor<" + std::to_string(shape.batch()) + "xi32>";
  std::string discounts = "tensor<" + std::to_string(shape.heads * shape.kvHeads) + "xi16>";
  os << "func.func private @f(%q: " << queries.str() << ", %k: " << keys.str()
     << ", %l: " << lengths << ", %v: " << discounts << ", %i: " << lists.str()
     << ", %c: " << counts.str() << ", %t: " << counts.str()
     << ") {\n%r:3 = dashkv.retrieve codes(%q, %k : " << queries.str() << ", " << keys.str() << ")";
  if (!shape.lengths.empty())
    os << " lengths(%l : " << lengths << ")";
  if (shape.votes)
    os << " vote_discount(%v : " << discounts << ")";
  os << " outs(%i, %c, %t : " << lists.str() << ", " << counts.str() << ", " << counts.str()
     << ") {tiering = #dashkv.tiering<scope = " << (shape.perHead ? "head" : "group")
     << ">}\nreturn\n}\n";
  return os.str();
}

template <typename T>
static uint64_t addBuffer(ptx::Interpreter &machine, std::vector<T> &data, ptx::Access access) {
  return machine.addBuffer(data.data(), data.size() * sizeof(T), access);
}

static void runShape(const Shape &shape) {
  SCOPED_TRACE(shape.str());
  static MLIRContext *context = [] {
    static DialectRegistry registry;
    mlir::dashkv::registerAllDialects(registry);
    return new MLIRContext(registry);
  }();
  auto module = parseSourceString<ModuleOp>(moduleText(shape), context);
  ASSERT_TRUE(module);
  auto target = mlir::dashkv::NVPTXTarget::get("sm_80", [&] { return module->emitError(); });
  FailureOr<std::string> ptx = mlir::dashkv::emitPTX(*module, *target);
  ASSERT_TRUE(succeeded(ptx));
  ptx::Interpreter machine;
  ASSERT_TRUE(machine.load(*ptx)) << machine.getError();

  // The first and the last key are as far as can be from a query of all ones or
  // of all zeros.
  std::mt19937 random(shape.bits * 131 + shape.heads * 17 + shape.keys + shape.weighted);
  int64_t batch = shape.batch(), kvHeads = shape.kvHeads, heads = shape.heads;
  int64_t M = shape.queries, N = shape.keys, bits = shape.bits;
  reference::Tensor<int8_t> queryTensor({batch, kvHeads * heads, M, shape.codeBytes()});
  reference::Tensor<int8_t> keyTensor({batch, kvHeads, N, bits / 8});
  std::vector<int8_t> &queries = queryTensor.data, &keys = keyTensor.data;
  for (size_t row = 0; row < queries.size() / shape.codeBytes(); ++row) {
    int8_t *code = &queries[row * shape.codeBytes()];
    if (!shape.weighted) {
      for (int64_t i = 0; i < shape.codeBytes(); ++i)
        code[i] = static_cast<int8_t>(row % 5 == 1 ? 0xff : row % 5 == 2 ? 0 : random());
      continue;
    }
    // At most 127 in all, in random places.
    for (int left = 127; left > 0;) {
      int magnitude = std::min<int>(left, 1 + random() % shape.maxWeight);
      left -= magnitude;
      int8_t &weight = code[random() % bits];
      if (!weight)
        weight = static_cast<int8_t>(random() % 2 ? magnitude : -magnitude);
    }
  }
  for (int8_t &byte : keys)
    byte = static_cast<int8_t>(random());
  for (int64_t head = 0; head < batch * kvHeads; ++head) {
    std::memset(&keys[head * N * bits / 8], 0, bits / 8);
    std::memset(&keys[(head * N + N - 1) * bits / 8], 0xff, bits / 8);
  }

  // The contract (ScanSpec), worked out on its own.
  int64_t summands = shape.summed() ? heads : 1, rows = shape.summed() ? M : heads * M;
  int64_t scale = !shape.weighted && summands % 2 == 0 ? 2 : 1;
  int64_t maxDistance = (shape.weighted ? 127 : bits) * summands / scale;
  int64_t width = maxDistance < 256 ? 1 : 2, bins = maxDistance + 1;
  int64_t allRows = batch * kvHeads * rows;
  std::vector<uint8_t> distances(allRows * N * width, 0xEE);
  std::vector<int32_t> histogram(allRows * bins, 5), offsets(allRows, -1);

  std::vector<int32_t> lengths = shape.lengths;
  std::vector<uint64_t> arguments{addBuffer(machine, queries, ptx::Access::Read),
                                  addBuffer(machine, keys, ptx::Access::Read)};
  if (!lengths.empty())
    arguments.push_back(addBuffer(machine, lengths, ptx::Access::Read));
  arguments.push_back(addBuffer(machine, distances, ptx::Access::Write));
  arguments.push_back(addBuffer(machine, histogram, ptx::Access::ReadWrite));
  arguments.push_back(addBuffer(machine, offsets, ptx::Access::Write));
  arguments.push_back(N);

  size_t entry = ptx->find(".entry ") + 7;
  std::string name = ptx->substr(entry, ptx->find('(', entry) - entry);
  // The text says over how many CTAs the rows of a head are spread.
  unsigned rowBlocks = 1;
  if (size_t grid = ptx->find("grid (any, "); std::isdigit((*ptx)[grid + 11]))
    rowBlocks = std::stoi(ptx->substr(grid + 11));
  unsigned gridY = rowBlocks * kvHeads, gridZ = batch;
  ASSERT_TRUE(machine.launch(name, {shape.splits, gridY, gridZ}, {256}, arguments))
      << machine.getError();

  reference::Tensor<int16_t> expected = reference::hammingDistance(queryTensor, keyTensor);
  size_t wrongDistances = 0, wrongBins = 0;
  for (int64_t head = 0; head < batch * kvHeads; ++head) {
    int64_t b = head / kvHeads, kv = head % kvHeads;
    int64_t length = lengths.empty() ? N : std::clamp<int64_t>(lengths[b], 0, N);
    for (int64_t row = 0; row < rows; ++row) {
      int64_t at = head * rows + row, m = row % M;
      int64_t limit = reference::getLimit(length, M, N, m);
      std::vector<int32_t> counts(bins, 5);
      for (int64_t n = 0; n < N; ++n) {
        int64_t got = 0;
        std::memcpy(&got, &distances[(at * N + n) * width], width);
        if (n >= length) { // untouched
          wrongDistances += got != (width == 1 ? 0xEE : 0xEEEE);
          continue;
        }
        int64_t distance = 0;
        for (int64_t summand = 0; summand < summands; ++summand)
          distance += expected(b, kv * heads + row / M + summand, m, n);
        wrongDistances += offsets[at] + scale * got != distance;
        if (n < limit)
          ++counts[(distance - offsets[at]) / scale];
      }
      for (int64_t i = 0; i < bins; ++i)
        wrongBins += counts[i] != histogram[at * bins + i];
    }
  }
  EXPECT_EQ(wrongDistances, 0u);
  EXPECT_EQ(wrongBins, 0u);
}

TEST(Scan, EverySizeFormAndScope) {
  const int64_t rows[] = {1, 3, 1, 8}; // rows, keys and lengths take turns
  unsigned turn = 0;
  for (int64_t bits : {32, 64, 128, 256})
    for (int64_t heads : {1, 3, 4, 8})
      for (bool weighted : {false, true})
        for (bool perHead : {false, true}) {
          int64_t tile = 2048 * 64 / bits;
          Shape shape{bits, heads, rows[turn % 4], weighted, perHead, tile + 77, {}};
          if (turn % 3 == 0)
            shape.keys = tile + 64; // heads start on 16 bytes
          if (turn % 3 == 1)
            shape.lengths = {static_cast<int32_t>(shape.keys - 5), 3};
          runShape(shape);
          ++turn;
        }
}

TEST(Scan, NumbersOfKeysAndCTAs) {
  runShape({64, 4, 1, false, false, 1, {}});
  runShape({64, 4, 1, false, false, 2048, {}, 1});
  runShape({64, 4, 1, false, false, 6 * 2048 + 10, {}, 2}); // several tiles a CTA
  runShape({64, 4, 1, false, false, 2048, {}, 5});          // CTAs without a tile
}

TEST(Scan, Lengths) {
  runShape({64, 4, 2, false, false, 100, {0, 1, 2, 100}}); // rows that see nothing
  runShape({32, 4, 8, false, true, 4096, {5, 4096}, 3});
  runShape({64, 4, 1, false, false, 100, {-1, 101}}); // broken, but no access out of bounds
}

TEST(Scan, WeightsOfEverySize) {
  runShape({64, 1, 1, true, false, 2100, {}, 2, 127});
  runShape({64, 4, 2, true, false, 2100, {}, 2, 127});
  runShape({64, 4, 1, true, false, 300, {}, 2, 1});
}

TEST(Scan, OddGroups) {
  runShape({64, 1, 4, true, false, 2050, {2049, 7}}); // one code a group
  runShape({64, 7, 1, false, false, 2050, {}});
  runShape({256, 5, 1, false, false, 600, {}});
}

TEST(Scan, VotesKeepHeadsApart) { runShape({64, 4, 1, false, false, 2100, {}, 2, 15, true}); }

TEST(Scan, MoreRowsThanSharedMemoryOfACTA) { runShape({256, 8, 8, false, true, 530, {}}); }
