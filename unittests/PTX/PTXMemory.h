//===- PTXMemory.h - Global and shared memory -------------------*- C++ -*-===//
#ifndef DASHKV_UNITTESTS_PTX_PTXMEMORY_H
#define DASHKV_UNITTESTS_PTX_PTXMEMORY_H

#include "PTXRaces.h"
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ptx {

/// What a kernel may do with a buffer. A workspace is unwritten at first.
enum class Access { Read, Write, ReadWrite, Workspace };

/// Zeroed memory that costs nothing until it is touched.
template <typename T> class LazyArray {
public:
  LazyArray() : data(nullptr, std::free) {}
  void reset(size_t count) {
    data.reset(count ? static_cast<T *>(std::calloc(count, sizeof(T))) : nullptr);
  }
  T *get() const { return data.get(); }
  explicit operator bool() const { return data != nullptr; }

private:
  std::unique_ptr<T[], void (*)(void *)> data;
};

/// One allocation of global memory.
struct Buffer {
  /// Writers are told apart in units of so many bytes.
  static constexpr unsigned unit = 4;
  /// Who wrote a unit last: a block of a launch, at a time of that launch, or
  /// nobody (0) or an access that needs no fence (block ~0).
  struct Stamp {
    uint32_t launch, block, time;
  };

  uint64_t base = 0, size = 0;
  char *data = nullptr;
  Access access = Access::ReadWrite;
  std::vector<char> owned;
  LazyArray<uint8_t> written; ///< a workspace's bytes
  LazyArray<Stamp> stamps;    ///< of a workspace's units

  bool contains(uint64_t address, uint64_t bytes) const {
    return address >= base && bytes <= size && address - base <= size - bytes;
  }
};

/// Global memory: what kernels, copies and the host see.
class Memory {
public:
  /// Bytes of the host, or, where `data` is null, of the buffer. `offset` moves
  /// it off the 256-byte alignment of an allocation.
  uint64_t add(void *data, size_t bytes, Access access, unsigned offset = 0);
  bool release(uint64_t base);
  Buffer *find(uint64_t address);
  /// A run of bytes for the host, or null. `writes` marks them as written.
  char *access(uint64_t address, size_t bytes, bool writes);
  uint64_t getUsed() const { return used; }

  /// Counts launches; `chain` is the first of those that may still run beside
  /// the present one.
  uint32_t launch = 0, chain = 0;

private:
  std::map<uint64_t, std::unique_ptr<Buffer>> buffers;
  uint64_t end = 1ull << 40, used = 0;
};

/// Shared memory of one block.
class SharedMemory {
public:
  /// Where generic addresses of it start.
  static constexpr uint64_t window = 0x7f0000000000;

  void reset(uint64_t bytes, unsigned numWarps);
  char *data() { return bytes.data(); }
  uint64_t size() const { return bytes.size(); }
  bool isWritten(uint64_t address, unsigned count) const;
  std::vector<char> bytes;
  std::vector<uint8_t> written;
  Races races;
};

} // namespace ptx

#endif // DASHKV_UNITTESTS_PTX_PTXMEMORY_H
