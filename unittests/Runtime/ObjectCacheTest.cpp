//===- ObjectCacheTest.cpp - Compiled code on disk ------------------------===//
#include "dashkv/Runtime/ObjectCache.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "gtest/gtest.h"
#include <fstream>
#include <set>
#include <thread>

using namespace mlir::dashkv;

namespace {
class ObjectCacheTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("cache", folder));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string load(const ObjectCache &cache, llvm::StringRef key) {
    std::unique_ptr<llvm::MemoryBuffer> buffer = cache.load(key);
    return buffer ? buffer->getBuffer().str() : "none";
  }
  void store(const ObjectCache &cache, llvm::StringRef key,
             llvm::StringRef content) {
    EXPECT_EQ(llvm::toString(cache.store(key, content)), "");
  }
  /// Names of the files of the folder.
  std::set<std::string> list() {
    std::set<std::string> names;
    std::error_code code;
    for (llvm::sys::fs::directory_iterator it(folder, code), end; it != end;
         it.increment(code))
      names.insert(llvm::sys::path::filename(it->path()).str());
    return names;
  }

  llvm::SmallString<64> folder;
};
} // namespace

TEST_F(ObjectCacheTest, ReturnsWhatWasStored) {
  ObjectCache cache(folder.str().str());
  EXPECT_EQ(load(cache, "a"), "none");
  store(cache, "a", std::string("x\0y\n", 4));
  store(cache, "empty", "");
  EXPECT_EQ(load(cache, "a"), std::string("x\0y\n", 4));
  EXPECT_EQ(load(cache, "empty"), "");
  EXPECT_EQ(load(cache, "b"), "none");
  store(cache, "a", "new");
  EXPECT_EQ(load(cache, "a"), "new");
  EXPECT_EQ(list(), (std::set<std::string>{"llvmcache-a", "llvmcache-empty",
                                           "llvmcache.timestamp"}));
}

// A file that is cut anywhere or has any other byte counts as missing.
TEST_F(ObjectCacheTest, RejectsDamage) {
  ObjectCache cache(folder.str().str());
  store(cache, "a", "content");
  std::string path = (folder + "/llvmcache-a").str();
  auto file = llvm::MemoryBuffer::getFile(path);
  ASSERT_TRUE(static_cast<bool>(file));
  std::string whole = (*file)->getBuffer().str();
  auto write = [&](const std::string &text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  };
  for (size_t i = 0; i < whole.size(); ++i) {
    write(whole.substr(0, i));
    EXPECT_EQ(load(cache, "a"), "none") << "cut at " << i;
    std::string changed = whole;
    changed[i] ^= 1;
    write(changed);
    EXPECT_EQ(load(cache, "a"), "none") << "changed at " << i;
  }
  write(whole + "more");
  EXPECT_EQ(load(cache, "a"), "none");
  store(cache, "a", "content"); // over the damaged one
  EXPECT_EQ(load(cache, "a"), "content");
}

TEST_F(ObjectCacheTest, RemovesWhatWasUsedLeastRecently) {
  ObjectCache cache(folder.str().str(), /*limit=*/30000);
  std::string content(8000, 'x');
  auto age = [&](llvm::StringRef key, int hours) {
    int descriptor;
    ASSERT_FALSE(llvm::sys::fs::openFileForReadWrite(
        folder + "/llvmcache-" + key, descriptor,
        llvm::sys::fs::CD_OpenExisting, llvm::sys::fs::OF_None));
    auto time = std::chrono::system_clock::now() - std::chrono::hours(hours);
    EXPECT_FALSE(
        llvm::sys::fs::setLastAccessAndModificationTime(descriptor, time));
    llvm::sys::fs::file_t file =
        llvm::sys::fs::convertFDToNativeFile(descriptor);
    llvm::sys::fs::closeFile(file);
  };
  for (const char *key : {"a", "b", "c"})
    store(cache, key, content);
  age("a", 3);
  age("b", 2);
  age("c", 1);
  EXPECT_EQ(load(cache, "a"), content); // used now
  store(cache, "d", content);
  EXPECT_EQ(load(cache, "a"), content);
  EXPECT_EQ(load(cache, "b"), "none");
  EXPECT_EQ(load(cache, "c"), content);
  EXPECT_EQ(load(cache, "d"), content);
}

TEST_F(ObjectCacheTest, SaysWhyItCannotWrite) {
  ObjectCache nowhere("/proc/none/cache"), file((folder + "/file").str());
  std::ofstream((folder + "/file").str()) << "x";
  EXPECT_EQ(load(nowhere, "a"), "none");
  EXPECT_EQ(
      llvm::toString(nowhere.store("a", "x")),
      "cannot write the cache /proc/none/cache: No such file or directory");
  EXPECT_EQ(llvm::toString(file.store("a", "x")),
            "cannot write the cache " + file.getFolder() + ": Not a directory");
}

// Readers see one of the contents whole, whoever writes.
TEST_F(ObjectCacheTest, IsShared) {
  ObjectCache cache(folder.str().str());
  auto contentOf = [](int i) { return std::string(50000, 'a' + i); };
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int round = 0; round < 20; ++round) {
        llvm::consumeError(cache.store("a", contentOf(i)));
        std::unique_ptr<llvm::MemoryBuffer> buffer = cache.load("a");
        if (!buffer ||
            buffer->getBuffer() != contentOf(buffer->getBuffer()[0] - 'a'))
          ++wrong;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(list(),
            (std::set<std::string>{"llvmcache-a", "llvmcache.timestamp"}));
}

TEST_F(ObjectCacheTest, MakesKeysOfAllParts) {
  std::set<std::string> keys = {
      ObjectCache::makeKey({"a", "b"}), ObjectCache::makeKey({"b", "a"}),
      ObjectCache::makeKey({"ab"}),     ObjectCache::makeKey({"", "ab"}),
      ObjectCache::makeKey({"a:b"}),    ObjectCache::makeKey({"1:ab"}),
  };
  EXPECT_EQ(keys.size(), 6u);
  for (const std::string &key : keys)
    EXPECT_EQ(key.size(), 32u);
  EXPECT_EQ(ObjectCache::makeKey({"a", "b"}), ObjectCache::makeKey({"a", "b"}));
}
