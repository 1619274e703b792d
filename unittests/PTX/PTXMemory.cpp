//===- PTXMemory.cpp - Global and shared memory ---------------------------===//
#include "PTXMemory.h"
#include <algorithm>
#include <cstring>

using namespace ptx;

uint64_t Memory::add(void *data, size_t bytes, Access access, unsigned offset) {
  auto buffer = std::make_unique<Buffer>();
  // Far apart, so that no overrun meets the next one; never used again.
  buffer->base = (end + 65536) / 256 * 256 + offset;
  buffer->size = bytes;
  buffer->access = access;
  if (!data)
    buffer->owned.assign(bytes, static_cast<char>(0xCD));
  buffer->data = data ? static_cast<char *>(data) : buffer->owned.data();
  if (access == Access::Workspace) {
    buffer->written.reset(bytes);
    buffer->stamps.reset(bytes / Buffer::unit + 1);
  }
  uint64_t base = buffer->base;
  end = base + bytes;
  used += bytes;
  buffers[base] = std::move(buffer);
  return base;
}

bool Memory::release(uint64_t base) {
  auto found = buffers.find(base);
  if (found == buffers.end())
    return false;
  used -= found->second->size;
  buffers.erase(found);
  return true;
}

Buffer *Memory::find(uint64_t address) {
  auto after = buffers.upper_bound(address);
  if (after == buffers.begin())
    return nullptr;
  Buffer *buffer = std::prev(after)->second.get();
  return buffer->contains(address, 0) ? buffer : nullptr;
}

char *Memory::access(uint64_t address, size_t bytes, bool writes) {
  Buffer *buffer = find(address);
  if (!buffer || !buffer->contains(address, bytes))
    return nullptr;
  if (writes && buffer->written)
    std::memset(buffer->written.get() + (address - buffer->base), 1, bytes);
  return buffer->data + (address - buffer->base);
}

void SharedMemory::reset(uint64_t size, unsigned numWarps) {
  bytes.assign(size, static_cast<char>(0xCD));
  written.assign(size, 0);
  races.reset(size, numWarps);
}

bool SharedMemory::isWritten(uint64_t address, unsigned count) const {
  return !std::memchr(written.data() + address, 0, count);
}
