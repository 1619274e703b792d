//===- ObjectCache.h - Compiled code on disk --------------------*- C++ -*-===//
#ifndef DASHKV_RUNTIME_OBJECTCACHE_H
#define DASHKV_RUNTIME_OBJECTCACHE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <string>

namespace mlir::dashkv {

/// A folder of files by key, which any number of processes share: files appear
/// whole, and damaged ones count as missing.
class ObjectCache {
public:
  /// $DASHKV_CACHE_DIR, else `dashkv` in $XDG_CACHE_HOME or in ~/.cache; empty
  /// where there is no home.
  static std::string getDefaultFolder();

  /// With more than `limit` bytes the files used least recently are removed.
  explicit ObjectCache(std::string folder, uint64_t limit = uint64_t(1) << 30)
      : folder(std::move(folder)), limit(limit) {}
  const std::string &getFolder() const { return folder; }

  /// A key for what `parts` say, this build of dashkv, and LLVM as loaded; empty
  /// if the code that runs cannot be told apart from other builds.
  static std::string makeKey(llvm::ArrayRef<llvm::StringRef> parts);

  /// The content stored for `key`, or null.
  std::unique_ptr<llvm::MemoryBuffer> load(llvm::StringRef key) const;
  llvm::Error store(llvm::StringRef key, llvm::StringRef content) const;

private:
  std::string getPath(llvm::StringRef key) const;

  std::string folder;
  uint64_t limit;
};

} // namespace mlir::dashkv

#endif // DASHKV_RUNTIME_OBJECTCACHE_H
