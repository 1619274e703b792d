//===- PTXInterpreter.cpp - Run PTX on a CPU ------------------------------===//
#include "PTXInterpreter.h"
#include "PTXModule.h"
#include <algorithm>
#include <cstring>
#include <sstream>

using namespace ptx;

namespace {
uint64_t mask(unsigned bits) { return bits >= 64 ? ~0ull : (1ull << bits) - 1; }
int64_t signExtend(uint64_t value, unsigned bits) {
  return static_cast<int64_t>(value << (64 - bits)) >> (64 - bits);
}

struct Thread {
  enum State { Running, AtWarp, AtBarrier, Done } state = Running;
  size_t pc = 0;
  Dim3 id;
  std::vector<uint64_t> registers;
  std::vector<bool> defined;
};
} // namespace

/// One thread block while it runs.
class ptx::Block {
public:
  Block(Interpreter &machine, const Kernel &kernel, Dim3 grid, Dim3 size, Dim3 id,
        const std::vector<char> &parameters);
  bool run();

private:
  bool fail(const Thread &thread, const std::string &message);
  void runThread(Thread &thread);
  void compute(Thread &thread, const Instruction &inst);
  void memory(Thread &thread, const Instruction &inst);
  bool warpCollective(Thread *first, size_t count);
  bool runWarp(Thread *first, size_t count);
  uint64_t read(Thread &thread, const Operand &operand, Type type);
  void write(Thread &thread, const Operand &operand, uint64_t value, bool defined = true);
  /// The bytes of an access, or null after an error.
  char *resolve(Thread &thread, const Instruction &inst, unsigned bytes, bool reads, bool writes);
  /// All of `bytes` bytes of shared memory have been written.
  bool isWritten(const char *data, unsigned bytes) const;
  uint64_t special(const Thread &thread, Special which) const;

  Interpreter &machine;
  const Kernel &kernel;
  Dim3 grid, size, id;
  const std::vector<char> &parameters;
  std::vector<Thread> threads;
  std::vector<char> shared;
  std::vector<bool> written; ///< bytes of shared memory
  bool failed = false;
};

Block::Block(Interpreter &machine, const Kernel &kernel, Dim3 grid, Dim3 size, Dim3 id,
             const std::vector<char> &parameters)
    : machine(machine), kernel(kernel), grid(grid), size(size), id(id), parameters(parameters),
      shared(kernel.sharedEnd, char(0xCD)), written(kernel.sharedEnd) {
  for (unsigned z = 0; z < size.z; ++z)
    for (unsigned y = 0; y < size.y; ++y)
      for (unsigned x = 0; x < size.x; ++x) {
        Thread &thread = threads.emplace_back();
        thread.id = {x, y, z};
        thread.registers.resize(kernel.registerBits.size());
        thread.defined.resize(kernel.registerBits.size());
      }
}

bool Block::fail(const Thread &thread, const std::string &message) {
  if (failed)
    return false;
  failed = true;
  std::ostringstream os;
  const Instruction &inst = kernel.code[std::min(thread.pc, kernel.code.size() - 1)];
  os << "line " << inst.line << ": " << inst.name << ": " << message << " (block " << id.x << ","
     << id.y << "," << id.z << " thread " << thread.id.x << "," << thread.id.y << "," << thread.id.z
     << ")";
  machine.error = os.str();
  return false;
}

uint64_t Block::special(const Thread &thread, Special which) const {
  const Dim3 *dims[] = {&thread.id, &size, &id, &grid};
  unsigned index = static_cast<unsigned>(which);
  const Dim3 &dim = *dims[index / 3];
  return index % 3 == 0 ? dim.x : index % 3 == 1 ? dim.y : dim.z;
}

uint64_t Block::read(Thread &thread, const Operand &operand, Type type) {
  switch (operand.kind) {
  case Operand::Immediate:
    return operand.value & mask(type.bits);
  case Operand::SpecialRegister:
    return special(thread, static_cast<Special>(operand.value));
  case Operand::Register:
    break;
  }
  if (!thread.defined[operand.reg])
    fail(thread, "use of a value that was never written");
  return thread.registers[operand.reg] & mask(type.bits);
}

void Block::write(Thread &thread, const Operand &operand, uint64_t value, bool defined) {
  thread.registers[operand.reg] = value & mask(kernel.registerBits[operand.reg]);
  thread.defined[operand.reg] = defined;
}

bool Block::isWritten(const char *data, unsigned bytes) const {
  size_t begin = data - shared.data();
  return std::find(written.begin() + begin, written.begin() + begin + bytes, false) ==
         written.begin() + begin + bytes;
}

char *Block::resolve(Thread &thread, const Instruction &inst, unsigned bytes, bool reads,
                     bool writes) {
  uint64_t address = inst.address.value;
  if (inst.address.reg >= 0) {
    Operand base;
    base.kind = Operand::Register;
    base.reg = inst.address.reg;
    address += read(thread, base, {'u', 64});
  }
  std::ostringstream where;
  where << " of " << bytes << " bytes at 0x" << std::hex << address;
  if (address % bytes) {
    fail(thread, "misaligned access" + where.str());
    return nullptr;
  }
  if (inst.space == Space::Shared) {
    for (const auto &entry : kernel.shared) {
      const SharedVariable &variable = entry.second;
      if (address < variable.base || address + bytes > variable.base + variable.size)
        continue;
      if (writes && !reads)
        std::fill_n(written.begin() + address, bytes, true);
      return shared.data() + address;
    }
    fail(thread, "shared access out of bounds" + where.str());
    return nullptr;
  }
  for (const Interpreter::Buffer &buffer : machine.buffers) {
    if (address < buffer.base || address + bytes > buffer.base + buffer.size)
      continue;
    if (reads && buffer.access == Access::Write)
      fail(thread, "read of a buffer that is only written" + where.str());
    else if (writes && buffer.access == Access::Read)
      fail(thread, "write to a buffer that is only read" + where.str());
    else if (inst.op == "nc" && buffer.access != Access::Read)
      fail(thread, "non-coherent read of a buffer that is written" + where.str());
    else
      return buffer.data + (address - buffer.base);
    return nullptr;
  }
  fail(thread, "global access out of bounds" + where.str());
  return nullptr;
}

void Block::memory(Thread &thread, const Instruction &inst) {
  unsigned bytes = inst.type.bits / 8;
  if (inst.opcode == Opcode::LdParam) {
    uint64_t value = 0;
    std::memcpy(&value, parameters.data() + inst.address.value, bytes);
    return write(thread, inst.dst[0], value);
  }
  bool isLoad = inst.opcode != Opcode::St, isStore = inst.opcode != Opcode::Ld;
  const std::vector<Operand> &elements = isLoad ? inst.dst : inst.src;
  char *data = resolve(thread, inst, bytes * elements.size(), isLoad, isStore);
  if (!data)
    return;
  for (size_t i = 0; i < elements.size(); ++i, data += bytes) {
    uint64_t value = 0;
    if (inst.opcode == Opcode::St) {
      value = read(thread, elements[i], inst.type);
      std::memcpy(data, &value, bytes);
      continue;
    }
    std::memcpy(&value, data, bytes);
    // LLVM widens loads: only the use of a value that nobody wrote is wrong.
    bool defined = inst.space == Space::Global || isWritten(data, bytes);
    if (inst.opcode == Opcode::Atom) {
      if (!defined)
        fail(thread, "use of a value that was never written");
      uint64_t other = read(thread, inst.src[0], inst.type);
      uint64_t result = inst.op == "add" ? value + other : value | other;
      std::memcpy(data, &result, bytes);
    } else if (inst.type.kind == 's') {
      value = signExtend(value, inst.type.bits);
    }
    write(thread, elements[i], value, defined);
  }
}

static bool compare(const std::string &op, Type type, uint64_t a, uint64_t b) {
  if (op == "eq")
    return a == b;
  if (op == "ne")
    return a != b;
  // Ordered by sign, then alike.
  uint64_t flip = type.kind == 's' ? 1ull << (type.bits - 1) : 0;
  a ^= flip;
  b ^= flip;
  return op == "lt" ? a < b : op == "le" ? a <= b : op == "gt" ? a > b : a >= b;
}

void Block::compute(Thread &thread, const Instruction &inst) {
  Type type = inst.type;
  unsigned bits = type.bits;
  auto source = [&](unsigned i) { return read(thread, inst.src[i], type); };
  auto extended = [&](uint64_t value, Type from) {
    return from.kind == 's' ? static_cast<uint64_t>(signExtend(value, from.bits)) : value;
  };
  uint64_t result = 0;
  switch (inst.opcode) {
  case Opcode::Mov:
  case Opcode::Cvta:
    result = source(0);
    break;
  case Opcode::Add:
    result = source(0) + source(1);
    break;
  case Opcode::Sub:
    result = source(0) - source(1);
    break;
  case Opcode::MulLo:
    result = source(0) * source(1);
    break;
  case Opcode::MadLo:
    result = source(0) * source(1) + source(2);
    break;
  case Opcode::MulWide:
    result = extended(source(0), type) * extended(source(1), type);
    break;
  case Opcode::MadWide:
    result = extended(source(0), type) * extended(source(1), type) +
             read(thread, inst.src[2], {type.kind, 2 * bits});
    break;
  case Opcode::Min:
  case Opcode::Max: {
    uint64_t a = source(0), b = source(1);
    result = compare("lt", type, a, b) == (inst.opcode == Opcode::Min) ? a : b;
    if (inst.relu && signExtend(result, bits) < 0)
      result = 0;
    break;
  }
  case Opcode::And:
    result = source(0) & source(1);
    break;
  case Opcode::Or:
    result = source(0) | source(1);
    break;
  case Opcode::Xor:
    result = source(0) ^ source(1);
    break;
  case Opcode::Not:
    result = ~source(0);
    break;
  case Opcode::Neg:
    result = -source(0);
    break;
  case Opcode::Shl:
  case Opcode::Shr: {
    // The amount is u32 and clamps at the width.
    uint64_t value = source(0), amount = read(thread, inst.src[1], {'u', 32});
    if (inst.opcode == Opcode::Shl)
      result = amount >= bits ? 0 : value << amount;
    else if (type.kind == 's')
      result = signExtend(value, bits) >> std::min<uint64_t>(amount, bits - 1);
    else
      result = amount >= bits ? 0 : value >> amount;
    break;
  }
  case Opcode::Popc:
    result = __builtin_popcountll(source(0));
    break;
  case Opcode::Clz: {
    uint64_t value = source(0);
    result = value ? __builtin_clzll(value) - (64 - bits) : bits;
    break;
  }
  case Opcode::Bfe: {
    uint64_t value = source(0), position = source(1) & 0xff, length = source(2) & 0xff;
    position = std::min<uint64_t>(position, bits);
    length = std::min<uint64_t>(length, bits - position);
    result = position >= bits ? 0 : (value >> position) & mask(length);
    if (type.kind == 's' && length)
      result = signExtend(result, length);
    break;
  }
  case Opcode::Prmt: {
    uint64_t bytes = source(0) | source(1) << 32, selector = source(2);
    for (unsigned i = 0; i < 4; ++i) {
      unsigned pick = (selector >> (4 * i)) & 0xf;
      uint64_t byte = (bytes >> (8 * (pick & 7))) & 0xff;
      if (pick & 8)
        byte = byte & 0x80 ? 0xff : 0;
      result |= byte << (8 * i);
    }
    break;
  }
  case Opcode::Selp:
    result = read(thread, inst.src[2], {'p', 1}) ? source(0) : source(1);
    break;
  case Opcode::Setp:
    result = compare(inst.op, type, source(0), source(1));
    break;
  case Opcode::Cvt:
    result = extended(read(thread, inst.src[0], inst.sourceType), inst.sourceType) & mask(bits);
    // A narrow result fills a wide register by its own sign.
    result = extended(result, type);
    break;
  default:
    break;
  }
  write(thread, inst.dst[0], result);
}

void Block::runThread(Thread &thread) {
  while (!failed && thread.state == Thread::Running) {
    if (thread.pc >= kernel.code.size()) {
      fail(thread, "control runs past the end of the kernel");
      return;
    }
    const Instruction &inst = kernel.code[thread.pc];
    if (inst.predicate >= 0) {
      Operand guard;
      guard.kind = Operand::Register;
      guard.reg = inst.predicate;
      if ((read(thread, guard, {'p', 1}) != 0) == inst.negated) {
        ++thread.pc;
        continue;
      }
    }
    ++inst.executed;
    switch (inst.opcode) {
    case Opcode::Ret:
      thread.state = Thread::Done;
      break;
    case Opcode::Bra:
      thread.pc = inst.target;
      break;
    case Opcode::Bar:
      thread.state = Thread::AtBarrier;
      break;
    case Opcode::Vote:
    case Opcode::Redux:
      thread.state = Thread::AtWarp;
      break;
    case Opcode::LdParam:
    case Opcode::Ld:
    case Opcode::St:
    case Opcode::Atom:
      memory(thread, inst);
      ++thread.pc;
      break;
    default:
      compute(thread, inst);
      ++thread.pc;
      break;
    }
  }
}

/// All threads of a warp at one warp-wide instruction.
bool Block::warpCollective(Thread *first, size_t count) {
  const Instruction &inst = kernel.code[first->pc];
  uint64_t result = 0;
  for (size_t lane = 0; lane < count; ++lane) {
    Thread &thread = first[lane];
    if (thread.state != Thread::AtWarp || thread.pc != first->pc)
      return fail(*first, "part of the warp is elsewhere");
    if (read(thread, inst.src[1], {'u', 32}) != 0xffffffff)
      return fail(thread, "expected a mask of all lanes");
    if (inst.opcode == Opcode::Vote) {
      result |= read(thread, inst.src[0], {'p', 1}) << lane;
    } else {
      uint64_t value = read(thread, inst.src[0], inst.type);
      result = inst.op == "add" ? result + value : result | value;
    }
  }
  for (size_t lane = 0; lane < count; ++lane) {
    write(first[lane], inst.dst[0], result);
    ++first[lane].pc;
    first[lane].state = Thread::Running;
  }
  return !failed;
}

/// Runs a warp until all of its threads are done or at a barrier.
bool Block::runWarp(Thread *first, size_t count) {
  while (true) {
    bool collective = false;
    for (Thread *thread = first; thread != first + count; ++thread) {
      runThread(*thread);
      collective |= thread->state == Thread::AtWarp;
    }
    if (failed || !collective)
      return !failed;
    if (!warpCollective(first, count))
      return false;
  }
}

bool Block::run() {
  // Every second block runs its last warp first, so that what has no barrier
  // between shows in one order or in the other.
  size_t numWarps = (threads.size() + 31) / 32;
  bool reverse = (id.x + id.y + id.z) % 2;
  while (true) {
    for (size_t i = 0; i < numWarps; ++i) {
      size_t begin = 32 * (reverse ? numWarps - 1 - i : i);
      if (!runWarp(&threads[begin], std::min<size_t>(32, threads.size() - begin)))
        return false;
    }
    const Thread &first = threads[0];
    for (const Thread &thread : threads)
      if (thread.state != first.state)
        return fail(first.state == Thread::Done ? thread : first, "part of the block has left");
      else if (thread.state == Thread::AtBarrier && thread.pc != first.pc)
        return fail(first, "part of the block is elsewhere");
    if (first.state == Thread::Done)
      return true;
    for (Thread &thread : threads) {
      ++thread.pc;
      thread.state = Thread::Running;
    }
  }
}

//===----------------------------------------------------------------------===//
// Interpreter
//===----------------------------------------------------------------------===//

Interpreter::Interpreter() = default;
Interpreter::~Interpreter() = default;

bool Interpreter::fail(const std::string &message) {
  error = message;
  return false;
}

bool Interpreter::load(std::string_view text) {
  kernels.clear();
  counts.clear();
  return parseModule(text, kernels, error);
}

uint64_t Interpreter::addBuffer(void *data, size_t bytes, Access access, unsigned offset) {
  // Far apart, so that no overrun meets the next one.
  uint64_t end = buffers.empty() ? 1ull << 40 : buffers.back().base + buffers.back().size;
  uint64_t base = (end + 65536) / 256 * 256 + offset;
  buffers.push_back({base, bytes, static_cast<char *>(data), access});
  return base;
}

bool Interpreter::launch(const std::string &name, Dim3 grid, Dim3 block,
                         const std::vector<uint64_t> &arguments) {
  auto found = kernels.find(name);
  if (found == kernels.end())
    return fail("no kernel '" + name + "'");
  Kernel &kernel = *found->second;
  if (arguments.size() != kernel.parameterOrder.size())
    return fail("expected " + std::to_string(kernel.parameterOrder.size()) +
                " arguments, but got " + std::to_string(arguments.size()));
  if (block.x * block.y * block.z > kernel.maxThreads)
    return fail("expected at most " + std::to_string(kernel.maxThreads) + " threads, but got " +
                std::to_string(block.x * block.y * block.z));
  std::vector<char> parameters;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Parameter &parameter = kernel.parameterOrder[i];
    parameters.resize(parameter.offset + parameter.size);
    std::memcpy(parameters.data() + parameter.offset, &arguments[i], parameter.size);
  }
  bool ok = true;
  for (unsigned z = 0; ok && z < grid.z; ++z)
    for (unsigned y = 0; ok && y < grid.y; ++y)
      for (unsigned x = 0; ok && x < grid.x; ++x)
        ok = Block(*this, kernel, grid, block, {x, y, z}, parameters).run();
  for (Instruction &inst : kernel.code) {
    counts[inst.name] += inst.executed;
    inst.executed = 0;
  }
  return ok;
}

uint64_t Interpreter::getCount(const std::string &opcode) const {
  auto found = counts.find(opcode);
  return found == counts.end() ? 0 : found->second;
}
