// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "base/random.h"
#include "storage/faulty_object_store.h"
#include "storage/folder_object_store.h"
#include "storage/memory_object_store.h"

namespace weir::test {

/// A folder of its own for one test, gone afterwards.
class TestFolder {
 public:
  TestFolder() {
    std::string made = (std::filesystem::temp_directory_path() / "weir_storage_XXXXXX").string();
    EXPECT_NE(mkdtemp(made.data()), nullptr);
    path_ = made;
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  storage::StorageRoot root(const std::string& name = "objects") const {
    auto root = storage::StorageRoot::of_folder((path_ / name).string());
    EXPECT_TRUE(root.ok());
    return *root;
  }

 private:
  std::filesystem::path path_;
};

/// A seeded Random that threads may share.
class LockedRandom final : public Random {
 public:
  explicit LockedRandom(std::uint64_t seed) : random_(seed) {}
  std::uint64_t next() override {
    const std::scoped_lock lock(mutex_);
    return random_.next();
  }

 private:
  std::mutex mutex_;
  base::SeededRandom random_;
};

/// A clock that stands until it is moved.
class SetClock final : public Clock {
 public:
  Instant now() const override { return Instant(Duration(micros_.load())); }
  Duration monotonic() const override { return Duration(micros_.load()); }
  void sleep_for(Duration span) override { micros_ += span.count(); }

 private:
  std::atomic<std::int64_t> micros_{1'700'000'000'000'000};
};

/// An object store, empty at first.
class StoreEngine {
 public:
  virtual ~StoreEngine() = default;
  virtual storage::ObjectStore& store() = 0;
};

class MemoryStore : public StoreEngine {
 public:
  storage::ObjectStore& store() override { return store_; }

 private:
  SetClock clock_;
  storage::MemoryObjectStore store_{*storage::StorageRoot::parse("s3://bucket/weir/"), clock_};
};

class FolderStore final : public StoreEngine {
 public:
  FolderStore() {
    auto opened = storage::FolderObjectStore::open(folder_.root(), random_);
    EXPECT_TRUE(opened.ok()) << opened.error().describe();
    store_ = *std::move(opened);
  }
  storage::FolderObjectStore& store() override { return *store_; }
  std::filesystem::path path() const { return folder_.path() / "objects"; }
  const TestFolder& folder() const { return folder_; }
  LockedRandom& random() { return random_; }

 private:
  TestFolder folder_;
  LockedRandom random_{20};
  std::unique_ptr<storage::FolderObjectStore> store_;
};

/// The decorator when nothing goes wrong.
class FaultlessStore final : public MemoryStore {
 public:
  storage::ObjectStore& store() override { return faulty_; }

 private:
  base::SeededRandom random_{1};
  storage::FaultyObjectStore faulty_{MemoryStore::store(), random_, {}, 1000};
};

}  // namespace weir::test
