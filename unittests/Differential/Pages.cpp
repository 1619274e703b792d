//===- Pages.cpp - Paged caches -------------------------------------------===//
//
// Keys and values as pools of pages in any order, with pages that belong to no
// sequence, and a table of which entries without keys are wrong in every way.
//
//===----------------------------------------------------------------------===//
#include "Operands.h"
#include <limits>
#include <numeric>

using namespace dashkv::testing;
using namespace dashkv::reference;

void dashkv::testing::choosePages(Kernel &kernel) {
  Random &random = kernel.random;
  if (!random.chance(0.3))
    return;
  bool dynamic = kernel.isDynamic("N"), anyRows = dynamic && random.chance(0.3);
  int64_t rows = random.pick({1, 4, 5, 16, 16, 32, 64});
  int64_t blocks = (kernel.size("N") + rows - 1) / rows;
  kernel.addDim("Rows", rows, anyRows);
  kernel.addDim("Blocks", blocks, dynamic);
  kernel.addDim("N", blocks * rows, dynamic);
  int64_t pages = kernel.size("B") * blocks + random.integer(0, 3);
  kernel.addDim("Pages", pages, dynamic || kernel.isDynamic("B") || random.chance(0.3));
  kernel.addArgument("block_table", "i32", {"B", "Blocks"});
  kernel.hit("paged");
  kernel.hit(anyRows ? "paged=dynamic rows" : "paged=static rows");
}

void dashkv::testing::resizePages(Kernel &kernel) {
  if (!kernel.has("block_table"))
    return;
  int64_t rows = kernel.size("Rows"), blocks = (kernel.size("N") + rows - 1) / rows;
  if (kernel.isDynamic("N")) {
    kernel.resize("N", blocks * rows);
    kernel.resize("Blocks", blocks);
  }
  if (kernel.isDynamic("Pages"))
    kernel.resize("Pages", kernel.size("B") * blocks + kernel.random.integer(0, 3));
}

Names dashkv::testing::inPages(const Kernel &kernel, Names dims) {
  if (kernel.has("block_table"))
    for (std::string &dim : dims)
      dim = dim == "B" ? "Pages" : dim == "N" ? "Rows" : dim;
  return dims;
}

void PageTable::fill(Kernel &kernel, const Tensor<int32_t> &lengths) {
  Random &random = kernel.random;
  table = Tensor<int32_t>(kernel.sizes({"B", "Blocks"}));
  std::vector<int32_t> free(kernel.size("Pages"));
  std::iota(free.begin(), free.end(), 0);
  for (size_t i = free.size(); i > 1; --i)
    std::swap(free[i - 1], free[random.integer(0, i - 1)]);
  constexpr int32_t most = std::numeric_limits<int32_t>::max();
  for (int64_t b = 0; b < table.size(0); ++b)
    for (int64_t t = 0; t < table.size(1); ++t) {
      bool exists = !lengths.isGiven() || t * kernel.size("Rows") < lengths(b);
      table(b, t) = exists ? free.back() : random.pick({-1, -1, -most, most});
      if (exists)
        free.pop_back();
      else
        kernel.hit("paged=no page");
    }
  kernel.setInts("block_table", table);
}

void PageTable::set(Kernel &kernel, const std::string &operand, Tensor<float> &cache,
                    const std::string &depth) const {
  bool isInteger = kernel.element(operand) == "i8";
  Tensor<float> pool(kernel.sizes({"Pages", "Hkv", "Rows", depth}), isInteger ? 99.0f : NAN);
  int64_t rows = pool.size(2);
  for (int64_t b = 0; b < cache.size(0); ++b)
    for (int64_t h = 0; h < cache.size(1); ++h)
      for (int64_t n = 0; n < cache.size(2); ++n)
        for (int64_t d = 0; d < cache.size(3); ++d) {
          int64_t page = table(b, n / rows);
          if (page >= 0 && page < pool.size(0))
            pool(page, h, n % rows, d) = cache(b, h, n, d);
        }
  kernel.set(operand, pool, {"Pages", "Hkv", "Rows", depth});
  cache = gatherPages(pool, table);
}
