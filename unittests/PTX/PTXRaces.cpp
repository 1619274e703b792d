//===- PTXRaces.cpp - Order of accesses to shared memory ------------------===//
#include "PTXRaces.h"
#include <algorithm>
#include <cstdlib>

using namespace ptx;

void Races::reset(uint64_t size, unsigned warps) {
  numWarps = warps;
  bytes = {static_cast<Byte *>(std::calloc(size, sizeof(Byte))), std::free};
  barrierAgents.clear();
  sets.clear();
  transitions.clear();
  lastKey = 0;
  clocks.assign(2 * warps, VectorClock(2 * warps, 0));
  for (unsigned agent = 0; agent < clocks.size(); ++agent)
    clocks[agent][agent] = 1; // a mark of 0 is none
}

unsigned Races::getBarrierAgent(uint64_t address) {
  auto [found, isNew] = barrierAgents.insert({address, clocks.size()});
  if (isNew) {
    for (VectorClock &clock : clocks)
      clock.push_back(0);
    clocks.emplace_back(clocks.size() + 1, 0);
    clocks.back().back() = 1;
  }
  return found->second;
}

void Races::join(VectorClock &to, const VectorClock &from) {
  if (to.size() < from.size())
    to.resize(from.size());
  for (size_t i = 0; i < from.size(); ++i)
    to[i] = std::max(to[i], from[i]);
}

void Races::release(unsigned agent, VectorClock &to) {
  join(to, clocks[agent]);
  ++clocks[agent][agent];
}

void Races::acquire(unsigned agent, const VectorClock &from) {
  uint32_t own = clocks[agent][agent];
  join(clocks[agent], from);
  clocks[agent][agent] = own;
}

bool Races::isBefore(Mark mark, const VectorClock &clock) {
  auto ordered = [&](Mark single) {
    unsigned agent = single >> clockBits;
    if ((single & ((1u << clockBits) - 1)) <= clock[agent])
      return true;
    conflict = single;
    return false;
  };
  if (!(mark & setBit))
    return ordered(mark);
  const std::vector<Mark> &set = sets[mark & ~setBit];
  return std::all_of(set.begin(), set.end(), ordered);
}

/// `set` with `mark`, without what is known to be before it.
Races::Mark Races::add(Mark set, Mark mark, const VectorClock &clock) {
  if (!set || set == mark)
    return mark;
  // The bytes of a word are alike.
  uint64_t key = static_cast<uint64_t>(set) << 32 | mark;
  if (key == lastKey)
    return lastResult;
  lastKey = key;
  if (auto found = transitions.find(key); found != transitions.end())
    return lastResult = found->second;
  std::vector<Mark> members;
  if (set & setBit)
    members = sets[set & ~setBit];
  else
    members.push_back(set);
  Mark before = conflict;
  members.erase(std::remove_if(members.begin(), members.end(),
                               [&](Mark member) { return isBefore(member, clock); }),
                members.end());
  conflict = before;
  members.push_back(mark);
  lastResult = mark;
  if (members.size() > 1) {
    std::sort(members.begin(), members.end());
    sets.push_back(std::move(members));
    lastResult = setBit | static_cast<Mark>(sets.size() - 1);
  }
  transitions.emplace(key, lastResult);
  return lastResult;
}

/// Tests and records one byte.
bool Races::check(unsigned agent, Kind kind, uint64_t at, const VectorClock &clock) {
  Byte &byte = bytes[at];
  Mark mark = getMark(agent);
  auto isOrdered = [&](Mark earlier, const char *kindOfEarlier) {
    conflictKind = kindOfEarlier;
    return !earlier || earlier == mark || isBefore(earlier, clock);
  };
  if (!isOrdered(byte.writer, "write") || (kind != Read && !isOrdered(byte.reader, "read")) ||
      (kind != Atomic && !isOrdered(byte.atomics, "atomic")))
    return false;
  if (kind == Read) {
    byte.reader = add(byte.reader, mark, clock);
  } else if (kind == Atomic) {
    byte.atomics = add(byte.atomics, mark, clock);
  } else {
    byte.writer = mark;
    byte.reader = byte.atomics = 0;
  }
  return true;
}

bool Races::access(unsigned agent, Kind kind, uint64_t address, unsigned count, unsigned lane,
                   uint32_t syncs) {
  const VectorClock &clock = clocks[agent];
  Mark mark = getMark(agent);
  uint32_t stamp = syncs << 5 | lane;
  conflictInWarp = false;
  for (uint64_t at = address; at < address + count; ++at) {
    Byte &byte = bytes[at];
    if (byte.writer == mark && kind != Atomic) {
      // Since the last release of this warp: lanes need something between them.
      if (byte.lane >> 5 == (stamp >> 5) && byte.lane != stamp && kind == Read) {
        conflict = byte.writer;
        conflictInWarp = true;
        return false;
      }
    }
    bool known = kind == Read ? byte.reader == mark && !byte.atomics
                              : kind == Atomic && byte.atomics == mark && !byte.reader;
    if (!known && !check(agent, kind, at, clock))
      return false;
    if (kind == Write)
      byte.lane = stamp;
  }
  return true;
}

std::string Races::describe() const {
  if (conflictInWarp)
    return "race with a write of another lane, without a warp-wide instruction between";
  unsigned agent = conflict >> clockBits;
  std::string who = agent < numWarps ? "of warp " + std::to_string(agent)
                    : agent < 2 * numWarps
                        ? "of a cp.async of warp " + std::to_string(agent - numWarps)
                        : std::string("of a bulk copy");
  return std::string("race with a ") + conflictKind + " " + who + ", without a barrier between";
}
