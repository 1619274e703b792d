//===- PTXBlock.cpp - Barriers of a block, and blocks of a grid -----------===//
#include "PTXMachine.h"
#include <algorithm>

using namespace ptx;

//===----------------------------------------------------------------------===//
// Block
//===----------------------------------------------------------------------===//

Block::Block(Grid &grid, Dim3 id, unsigned number)
    : grid(grid), kernel(grid.kernel), id(id), number(number) {
  live = (grid.launch.block.total() + 31) / 32;
  shared.reset(grid.sharedBytes, live);
  copies.resize(live);
  groups.resize(live);
  for (unsigned i = 0; i < live; ++i)
    warps.push_back(std::make_unique<Warp>(*this, i));
}

bool Block::arrive(Warp &warp, const Instruction &inst, unsigned id, unsigned expected,
                   unsigned threads, bool waits) {
  Barrier &barrier = barriers[id];
  if (!expected)
    expected = 32 * warps.size();
  if (expected % 32)
    return warp.fail(inst,
                     "expected a multiple of 32 threads, but got " + std::to_string(expected));
  if (barrier.arrived && barrier.expected != expected)
    return warp.fail(inst, "expected " + std::to_string(barrier.expected) +
                               " threads like the others, but got " + std::to_string(expected));
  barrier.expected = expected;
  barrier.arrived += threads;
  shared.races.release(shared.races.getWarpAgent(warp.index), barrier.clock);
  if (waits)
    warp.waitAt(id);
  if (barrier.arrived < expected)
    return true;
  if (barrier.arrived > expected)
    return warp.fail(inst, "more threads than the barrier expects");
  for (auto &other : warps)
    for (Group &group : other->groups) {
      if (group.state != Group::AtBarrier || group.barrier != id)
        continue;
      group.state = Group::Ready;
      shared.races.acquire(shared.races.getWarpAgent(other->index), barrier.clock);
      const Instruction &reduction = kernel.code[group.pc - 1];
      if (!reduction.numDst)
        continue;
      // bar.red: popc, and, or
      const Slot &dst = reduction.dst[0];
      uint32_t value = reduction.op == 0   ? barrier.count
                       : reduction.op == 1 ? (barrier.count == grid.launch.block.total() ? ~0u : 0)
                                           : (barrier.count ? ~0u : 0);
      forLanes(group.mask, [&](unsigned lane) { other->write(dst, lane, value); });
      other->setDefined(dst, group.mask);
    }
  barrier.arrived = barrier.count = 0;
  ++barrier.generation;
  if (id < 16)
    barrier.clock.clear();
  grid.progress = true;
  return true;
}

bool Block::failDeadlock() {
  bool left = live < warps.size();
  for (auto &warp : warps)
    for (const Group &group : warp->groups)
      if (group.state == Group::AtBarrier)
        return warp->fail(kernel.code[group.pc - 1],
                          left ? "part of the block has left" : "part of the block is elsewhere");
  for (auto &warp : warps)
    if (!warp->groups.empty())
      return warp->fail(kernel.code[warp->groups[0].pc], "waits for ever",
                        __builtin_ctz(warp->groups[0].mask));
  return false;
}

//===----------------------------------------------------------------------===//
// Grid
//===----------------------------------------------------------------------===//

Grid::Grid(Memory &memory, const Kernel &kernel, const Launch &launch,
           const MachineOptions &options, std::string &error)
    : memory(memory), kernel(kernel), launch(launch), options(options), error(error),
      parameters(launch.parameters), shared(kernel.shared), orders(launch.grid.total()),
      executed(kernel.code.size()), lastBuffer(kernel.code.size()),
      lastVariable(kernel.code.size()), random(options.seed) {
  sharedBytes = kernel.sharedEnd;
  for (Variable &variable : shared)
    if (variable.dynamic) {
      variable.base = (kernel.sharedEnd + 64 + 1023) / 1024 * 1024;
      variable.size = launch.dynamicShared;
      sharedBytes = variable.base + variable.size;
    }
}

void Grid::addFence(const Block &block) {
  Order &order = orders[block.number];
  order.fence = ++time;
  order.acquired = order.flag;
}

void Grid::addFlag(const Block &block) { orders[block.number].flag = ++time; }

bool Grid::fail(const std::string &message) {
  if (error.empty())
    error = message;
  return false;
}

bool Grid::run() {
  const Dim3 &size = launch.grid;
  uint64_t next = 0, total = size.total();
  // Rounds without any change of memory, after which nothing will change: when
  // polls see the same again and again, and when they see different things.
  constexpr unsigned patience = 100, longPatience = 20000;
  unsigned idle = 0, unchanged = 0;
  std::vector<Warp *> order;
  while (true) {
    bool isNew = false;
    blocks.erase(std::remove_if(blocks.begin(), blocks.end(),
                                [&](auto &block) {
                                  isNew |= block->isDone();
                                  return block->isDone();
                                }),
                 blocks.end());
    while (next < total && blocks.size() < options.residentBlocks) {
      // Odd seeds start the last block first.
      uint64_t number = options.seed % 2 ? next : total - 1 - next;
      Dim3 id;
      id.x = number % size.x;
      id.y = number / size.x % size.y;
      id.z = number / size.x / size.y;
      blocks.push_back(std::make_unique<Block>(*this, id, number));
      ++next;
      isNew = true;
    }
    if (blocks.empty())
      return true;
    if (isNew) {
      order.clear();
      for (auto &block : blocks)
        for (auto &warp : block->warps)
          if (!warp->isDone())
            order.push_back(warp.get());
      std::shuffle(order.begin(), order.end(), random);
    }
    bool ran = false;
    progress = changed = false;
    size_t first = random() % order.size();
    for (size_t i = 0; i < order.size(); ++i) {
      Warp &warp = *order[(first + i) % order.size()];
      if (warp.isDone() || !warp.isReady())
        continue;
      ++steps;
      if (!warp.block.bulkCopies.empty())
        warp.block.deliver(false);
      ran |= warp.run(8 + random() % 120);
      if (!error.empty())
        return false;
      progress |= !polled;
    }
    idle = progress ? 0 : idle + 1;
    unchanged = progress || changed ? 0 : unchanged + 1;
    if (ran && unchanged < 2 && idle < longPatience)
      continue;
    // Nothing moves: whatever is on its way arrives now.
    bool delivered = false;
    for (auto &block : blocks)
      delivered |= block->deliver(true);
    if (!error.empty())
      return false;
    if (delivered)
      idle = unchanged = 0;
    else if (!ran || unchanged > patience || idle > longPatience)
      if (std::all_of(blocks.begin(), blocks.end(), [](auto &block) { return !block->isDone(); }))
        return blocks.front()->failDeadlock();
  }
}
