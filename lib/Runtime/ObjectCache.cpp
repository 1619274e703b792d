//===- ObjectCache.cpp - Compiled code on disk ----------------------------===//
#include "dashkv/Runtime/ObjectCache.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/BLAKE3.h"
#include "llvm/Support/CachePruning.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"
#include <cstring>
#include <dlfcn.h>

using namespace mlir::dashkv;

/// First in a file: format, then the checksum of what follows.
static constexpr llvm::StringLiteral magic = "dashkv1\n";
static constexpr size_t headerSize = magic.size() + sizeof(uint64_t);

std::string ObjectCache::getDefaultFolder() {
  if (std::optional<std::string> folder = llvm::sys::Process::GetEnv("DASHKV_CACHE_DIR"))
    return *folder;
  llvm::SmallString<128> folder;
  if (!llvm::sys::path::cache_directory(folder)) // $XDG_CACHE_HOME or ~/.cache
    return "";
  llvm::sys::path::append(folder, "dashkv");
  return std::string(folder);
}

/// The file of the code at `address`.
static std::string getFileOf(const void *address) {
  Dl_info info;
  if (!dladdr(address, &info) || !info.dli_fname)
    return "";
  // The name of the program is as it was called; the link holds wherever it is.
  if (llvm::sys::fs::exists(info.dli_fname))
    return info.dli_fname;
  return llvm::sys::fs::getMainExecutable(info.dli_fname, const_cast<void *>(address));
}

/// Whatever changes with the code that makes objects: the content of the file
/// that this function is in, and size and time of the libraries of LLVM, which
/// are too large to be read.
static const std::string &getBuild() {
  static const std::string build = []() -> std::string {
    auto self = llvm::MemoryBuffer::getFile(getFileOf(reinterpret_cast<void *>(&getFileOf)),
                                            /*IsText=*/false, /*RequiresNullTerminator=*/false);
    if (!self)
      return "";
    std::string text = LLVM_VERSION_STRING;
    llvm::raw_string_ostream os(text);
    os << " " << llvm::xxh3_64bits((*self)->getBuffer());
    for (void *address : {reinterpret_cast<void *>(&llvm::sys::fs::getMainExecutable),
                          reinterpret_cast<void *>(&mlir::ModuleOp::getOperationName)}) {
      llvm::sys::fs::file_status status;
      if (llvm::sys::fs::status(getFileOf(address), status))
        return "";
      os << " " << status.getSize() << " "
         << status.getLastModificationTime().time_since_epoch().count();
    }
    return text;
  }();
  return build;
}

std::string ObjectCache::makeKey(llvm::ArrayRef<llvm::StringRef> parts) {
  const std::string &build = getBuild();
  if (build.empty())
    return "";
  llvm::BLAKE3 hasher;
  auto add = [&](llvm::StringRef part) {
    hasher.update(std::to_string(part.size()) + ":"); // so that parts cannot run together
    hasher.update(part);
  };
  add(build);
  for (llvm::StringRef part : parts)
    add(part);
  return llvm::toHex(hasher.final<16>(), /*LowerCase=*/true);
}

std::string ObjectCache::getPath(llvm::StringRef key) const {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, "llvmcache-" + key); // a name that pruneCache removes
  return std::string(path);
}

std::unique_ptr<llvm::MemoryBuffer> ObjectCache::load(llvm::StringRef key) const {
  auto file = llvm::MemoryBuffer::getFile(getPath(key), /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!file)
    return nullptr;
  llvm::StringRef text = (*file)->getBuffer();
  uint64_t checksum;
  if (text.size() < headerSize || !text.starts_with(magic))
    return nullptr;
  std::memcpy(&checksum, text.data() + magic.size(), sizeof(checksum));
  text = text.drop_front(headerSize);
  if (checksum != llvm::xxh3_64bits(text))
    return nullptr;
  // Used now: removed after those that were used before.
  int descriptor;
  if (!llvm::sys::fs::openFileForReadWrite(getPath(key), descriptor, llvm::sys::fs::CD_OpenExisting,
                                           llvm::sys::fs::OF_None)) {
    (void)llvm::sys::fs::setLastAccessAndModificationTime(descriptor,
                                                          std::chrono::system_clock::now());
    (void)llvm::sys::Process::SafelyCloseFileDescriptor(descriptor);
  }
  return llvm::MemoryBuffer::getMemBufferCopy(text, key); // aligned, as readers of objects want
}

llvm::Error ObjectCache::store(llvm::StringRef key, llvm::StringRef content) const {
  auto fail = [&](std::error_code code) {
    return llvm::createStringError("cannot write the cache " + folder + ": " + code.message());
  };
  if (std::error_code code = llvm::sys::fs::create_directories(folder))
    return fail(code);
  auto file = llvm::sys::fs::TempFile::create(folder + "/Thin-%%%%%%%%.tmp");
  if (!file)
    return fail(llvm::errorToErrorCode(file.takeError()));
  llvm::raw_fd_ostream os(file->FD, /*shouldClose=*/false);
  uint64_t checksum = llvm::xxh3_64bits(content);
  os << magic << llvm::StringRef(reinterpret_cast<char *>(&checksum), sizeof(checksum)) << content;
  os.flush();
  if (std::error_code code = os.error()) {
    os.clear_error();
    llvm::consumeError(file->discard());
    return fail(code);
  }
  if (llvm::Error error = file->keep(getPath(key)))
    return fail(llvm::errorToErrorCode(std::move(error)));
  llvm::CachePruningPolicy policy;
  policy.Interval = std::chrono::seconds(0); // at every store: compiling took longer
  policy.Expiration = std::chrono::seconds(0);
  policy.MaxSizePercentageOfAvailableSpace = 0;
  policy.MaxSizeBytes = limit;
  llvm::pruneCache(folder, policy);
  return llvm::Error::success();
}
