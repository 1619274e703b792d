//===- probe.cpp - What memory delivers to reading loops ------------------===//
//
// The bandwidth that kernels are measured against: reading in order, and
// reading rows at given indices. Sums keep the loads alive.
//
//===----------------------------------------------------------------------===//
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <pthread.h>
#include <vector>

namespace {

#ifdef __AVX512F__
constexpr size_t vectorBytes = 64;
#else
constexpr size_t vectorBytes = 32;
#endif
typedef uint64_t Vector __attribute__((vector_size(vectorBytes), may_alias));
constexpr size_t lineBytes = 64;
/// Bytes that one step of the streaming loop reads from each of its streams.
constexpr size_t stepBytes = 128;
/// Streams of one thread: hardware prefetchers follow several at a time.
constexpr size_t streams = 4;

uint64_t sum(Vector v) {
  uint64_t total = 0;
  for (size_t i = 0; i < vectorBytes / sizeof(uint64_t); ++i)
    total += v[i];
  return total;
}

Vector load(const char *p) { return *reinterpret_cast<const Vector *>(p); }

uint64_t readStream(const char *data, size_t bytes) {
  Vector sums[stepBytes / vectorBytes * streams] = {};
  size_t part = bytes / streams / stepBytes * stepBytes;
  for (size_t at = 0; at < part; at += stepBytes)
    for (size_t s = 0; s < streams; ++s)
      for (size_t v = 0; v < stepBytes / vectorBytes; ++v)
        sums[s * (stepBytes / vectorBytes) + v] ^= load(data + s * part + at + v * vectorBytes);
  Vector total = {};
  for (Vector v : sums)
    total ^= v;
  for (size_t at = part * streams; at + vectorBytes <= bytes; at += vectorBytes)
    total ^= load(data + at);
  return sum(total);
}

uint64_t readRows(const char *data, size_t rowBytes, const uint32_t *rows, size_t count,
                  size_t ahead) {
  Vector total = {};
  for (size_t i = 0; i < count; ++i) {
    if (ahead && i + ahead < count) {
      const char *next = data + rows[i + ahead] * rowBytes;
      for (size_t at = 0; at < rowBytes; at += lineBytes)
        __builtin_prefetch(next + at);
    }
    const char *row = data + rows[i] * rowBytes;
    for (size_t at = 0; at < rowBytes; at += vectorBytes)
      total ^= load(row + at);
  }
  return sum(total);
}

struct Work {
  const char *data;
  size_t bytes, rowBytes;
  const uint32_t *rows;
  size_t count, ahead;
  uint64_t sum;
};

void *work(void *argument) {
  auto &w = *static_cast<Work *>(argument);
  w.sum =
      w.rows ? readRows(w.data, w.rowBytes, w.rows, w.count, w.ahead) : readStream(w.data, w.bytes);
  return nullptr;
}

/// Runs the parts, the last one on the calling thread.
uint64_t runAll(std::vector<Work> &parts) {
  std::vector<pthread_t> threads(parts.size() - 1);
  for (size_t i = 0; i < threads.size(); ++i)
    if (pthread_create(&threads[i], nullptr, work, &parts[i]))
      threads[i] = pthread_self(), work(&parts[i]);
  work(&parts.back());
  uint64_t total = parts.back().sum;
  for (size_t i = 0; i < threads.size(); ++i) {
    if (!pthread_equal(threads[i], pthread_self()))
      pthread_join(threads[i], nullptr);
    total += parts[i].sum;
  }
  return total;
}

} // namespace

/// Reads `bytes` at `data`, aligned to a vector, in order.
extern "C" uint64_t probeStream(const char *data, size_t bytes, size_t threads) {
  std::vector<Work> parts(threads);
  size_t part = bytes / threads / stepBytes * stepBytes;
  for (size_t t = 0; t < threads; ++t)
    parts[t] = {data + t * part, t + 1 == threads ? bytes - t * part : part, 0, nullptr, 0, 0, 0};
  return runAll(parts);
}

/// Reads the rows with the given indices, prefetching `ahead` rows before (0: not).
extern "C" uint64_t probeRows(const char *data, size_t rowBytes, const uint32_t *rows, size_t count,
                              size_t ahead, size_t threads) {
  std::vector<Work> parts(threads);
  for (size_t t = 0; t < threads; ++t) {
    size_t begin = count * t / threads, end = count * (t + 1) / threads;
    parts[t] = {data, 0, rowBytes, rows + begin, end - begin, ahead, 0};
  }
  return runAll(parts);
}
