//===- PTXControl.cpp - Branches and barriers -----------------------------===//
#include "PTXHandlers.h"

using namespace ptx;

namespace {
enum Form : uint16_t { Sync, Arrive, Reduce, ClusterArrive, ClusterWait };
/// A barrier number beyond those of a block.
constexpr unsigned clusterBarrier = 16;

void nothing(Warp &, const Instruction &, uint32_t) {}

/// The same value in all lanes.
bool getUniform(Warp &warp, const Instruction &inst, unsigned i, uint32_t active, uint32_t &value) {
  if (!warp.requireDefined(inst, inst.src[i], active))
    return false;
  const uint32_t *row = warp.row(inst.src[i]);
  value = row[__builtin_ctz(active)];
  for (uint32_t rest = active; rest; rest &= rest - 1)
    if (row[__builtin_ctz(rest)] != value)
      return warp.fail(inst, "expected one value in all lanes", __builtin_ctz(rest));
  return true;
}

void barrier(Warp &warp, const Instruction &inst, uint32_t active) {
  Block &block = warp.block;
  unsigned threads = active == warp.lanes ? 32 : static_cast<unsigned>(__builtin_popcount(active));
  if (inst.flags == ClusterArrive) {
    warp.clusterGeneration = block.barriers[clusterBarrier].generation;
    block.arrive(warp, inst, clusterBarrier, 0, threads, false);
    return;
  }
  if (inst.flags == ClusterWait) {
    Barrier &barrier = block.barriers[clusterBarrier];
    if (barrier.generation == warp.clusterGeneration)
      warp.waitAt(clusterBarrier);
    else
      block.shared.races.acquire(block.shared.races.getWarpAgent(warp.index), barrier.clock);
    return;
  }
  uint32_t id = 0, expected = 0;
  unsigned numbers = inst.numSrc - (inst.flags == Reduce);
  if ((numbers > 0 && !getUniform(warp, inst, 0, active, id)) ||
      (numbers > 1 && !getUniform(warp, inst, 1, active, expected)))
    return;
  if (id > 15) {
    warp.fail(inst, "expected a barrier of 0 to 15, but got " + std::to_string(id));
    return;
  }
  if (inst.flags == Reduce) {
    const Slot &source = inst.src[inst.numSrc - 1];
    if (!warp.requireDefined(inst, source, active))
      return;
    block.barriers[id].count +=
        static_cast<uint32_t>(__builtin_popcount(warp.predicate(source) & active));
  }
  block.arrive(warp, inst, id, expected, threads, inst.flags != Arrive);
}

bool decodeBarrier(Decoder &d) {
  Instruction &inst = d.inst;
  inst.flow = Flow::Handler;
  if (d.take("warp")) {
    inst.run = nothing;
    inst.role = Role::Collective;
    inst.mask = 0;
    return d.take("sync") && d.src(32);
  }
  inst.role = Role::Barrier;
  inst.run = barrier;
  bool isCluster = d.take("cluster");
  d.take("cta");
  inst.aligned = d.take("aligned") || d.root == "bar";
  if (isCluster) {
    d.take("release") || d.take("relaxed") || d.take("acquire");
    inst.flags = d.take("arrive") ? ClusterArrive : d.take("wait") ? ClusterWait : Sync;
    inst.aligned = true;
    return inst.flags != Sync || d.fail("unknown instruction");
  }
  if (d.take("sync"))
    return d.src(32) && (!d.hasOperands() || d.src(32));
  if (d.take("arrive")) {
    inst.flags = Arrive;
    return d.src(32) && d.src(32);
  }
  if (!d.take("red"))
    return d.fail("unknown instruction");
  inst.flags = Reduce;
  int op = d.takeFirst({"popc", "and", "or"});
  if (op < 0 || !d.takeType(inst.type))
    return d.fail("unknown instruction");
  inst.op = static_cast<uint16_t>(op);
  if (!d.dst(op ? 1 : 32) || !d.src(32))
    return false;
  return d.operands.size() < 4 ? d.src(1) : d.src(32) && d.src(1);
}
} // namespace

bool ptx::decodeControl(Decoder &d) {
  Instruction &inst = d.inst;
  if (d.root == "bra" || d.root == "brx") {
    inst.role = Role::Branch;
    inst.run = nothing;
    inst.flow = Flow::Handler;
    bool table = d.root == "brx" && d.take("idx");
    d.take("uni");
    if (table && !d.src(32))
      return false;
    if (!d.hasOperands())
      return d.fail("unknown operands");
    d.names.branchTo(d.peek(), table);
    d.skip();
    return true;
  }
  if (d.root == "ret" || d.root == "exit") {
    inst.role = Role::Exit;
    inst.run = nothing;
    d.take("uni");
    return true;
  }
  if (d.root == "bar" || d.root == "barrier")
    return decodeBarrier(d);
  return true;
}
