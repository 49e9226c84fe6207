// SPDX-License-Identifier: Apache-2.0
#include "storage/folder_object_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "tests/conformance/storage/store_engines.h"
#include "tests/unit/storage/commits.h"

namespace weir::storage {
namespace {

namespace fs = std::filesystem;

using test::reason_of;

std::string content(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t temporary_files(const fs::path& root) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(root / ".tmp"), fs::directory_iterator()));
}

class FolderObjectStoreTest : public testing::Test {
 protected:
  FolderObjectStoreTest() {
    fs::create_directories(outside_);
    std::ofstream(outside_ / "secret") << "secret";
  }
  std::string put(std::string_view name, std::string_view bytes = "x",
                  Existing existing = Existing::Replace) {
    return reason_of(put_text(store_, *ObjectKey::parse(name), bytes, {.existing = existing}));
  }
  std::string get(std::string_view name) {
    const auto got = get_text(store_, *ObjectKey::parse(name), 1000);
    return got.ok() ? *got : got.error().reason();
  }

  test::FolderStore engine_;
  FolderObjectStore& store_ = engine_.store();
  const fs::path root_ = engine_.path();
  const fs::path outside_ = engine_.folder().path() / "outside";
};

TEST_F(FolderObjectStoreTest, FollowsNoLinkInAFolderOfAKey) {
  fs::create_directories(root_ / "a");
  fs::create_directory_symlink(outside_, root_ / "a" / "link");
  fs::create_directory_symlink("../../outside", root_ / "a" / "relative");
  fs::create_directory_symlink(root_ / "a", root_ / "a" / "inside");
  for (const char* name : {"a/link/secret", "a/relative/secret", "a/inside/x"}) {
    EXPECT_EQ(get(name), "path_unsafe") << name;
    EXPECT_EQ(put(name), "path_unsafe") << name;
    EXPECT_EQ(put(name, "x", Existing::Refuse), "path_unsafe") << name;
    EXPECT_EQ(reason_of(store_.remove(*ObjectKey::parse(name))), "path_unsafe") << name;
  }
  const ObjectPrefix under = *ObjectPrefix::parse("a/");
  EXPECT_TRUE(store_.list(under, {})->objects.empty());
  EXPECT_EQ(reason_of(store_.list(*ObjectPrefix::parse("a/link/"), {})), "path_unsafe");
  EXPECT_EQ(reason_of(store_.remove_prefix(*ObjectPrefix::parse("a/link/"), 10)), "path_unsafe");
  EXPECT_EQ(store_.remove_prefix(under, 10)->removed, 0U);
  EXPECT_EQ(content(outside_ / "secret"), "secret");
  EXPECT_EQ(std::distance(fs::directory_iterator(outside_), fs::directory_iterator()), 1);
}

TEST_F(FolderObjectStoreTest, FollowsNoLinkInPlaceOfAnObject) {
  fs::create_directories(root_ / "a");
  fs::create_symlink(outside_ / "secret", root_ / "a" / "link");
  fs::create_symlink(outside_ / "new", root_ / "a" / "dangling");
  for (const char* name : {"a/link", "a/dangling"}) {
    EXPECT_EQ(get(name), "path_unsafe") << name;
    EXPECT_EQ(reason_of(store_.stat(*ObjectKey::parse(name), Checksum::Read)), "path_unsafe");
    EXPECT_EQ(put(name), "path_unsafe") << name;
    EXPECT_EQ(put(name, "x", Existing::Refuse), "path_unsafe") << name;
  }
  EXPECT_EQ(content(outside_ / "secret"), "secret");
  EXPECT_FALSE(fs::exists(outside_ / "new"));
  EXPECT_EQ(temporary_files(root_), 0U);
}

TEST_F(FolderObjectStoreTest, TakesNoDeviceOrPipeForAnObject) {
  fs::create_directories(root_ / "a");
  ASSERT_EQ(mkfifo((root_ / "a" / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(get("a/pipe"), "path_unsafe");
  EXPECT_EQ(put("a/pipe"), "path_unsafe");
  EXPECT_TRUE(store_.list(*ObjectPrefix::parse("a/"), {})->objects.empty());
}

TEST_F(FolderObjectStoreTest, RefusesACommitThatLeadsOverALink) {
  const auto claim = *test::write_commit(store_, test::place(), "0-9");
  EXPECT_TRUE(verify_commit(store_, claim).ok());
  const fs::path folder = root_ / partition_prefix(test::place(), "0-9").text();
  fs::rename(folder / "part_0.parquet", outside_ / "part_0.parquet");
  fs::create_symlink(outside_ / "part_0.parquet", folder / "part_0.parquet");
  EXPECT_EQ(reason_of(verify_commit(store_, claim)), "manifest_invalid");
  fs::remove(folder / "_SUCCESS");
  fs::create_symlink("/dev/null", folder / "_SUCCESS");
  EXPECT_EQ(reason_of(verify_commit(store_, claim)), "commit_incomplete");
}

TEST_F(FolderObjectStoreTest, CleansWhatDeadWritersLeftAndNothingElse) {
  std::ofstream(root_ / ".tmp" / "orphan1") << "half";
  std::ofstream(root_ / ".tmp" / "orphan2") << "half";
  std::ofstream(root_ / ".tmp" / "at_work") << "half";
  const process::FileDescriptor writer(
      open((root_ / ".tmp" / "at_work").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(flock(writer.number(), LOCK_EX), 0);
  put("a/x", "kept");
  EXPECT_EQ(*store_.clean(), 2U);
  EXPECT_TRUE(fs::exists(root_ / ".tmp" / "at_work"));
  EXPECT_EQ(get("a/x"), "kept");
  EXPECT_EQ(*store_.clean(), 0U);
}

TEST_F(FolderObjectStoreTest, CleansWhenItIsOpened) {
  std::ofstream(root_ / ".tmp" / "orphan") << "half";
  const auto again = FolderObjectStore::open(store_.root(), engine_.random());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(temporary_files(root_), 0U);
}

TEST_F(FolderObjectStoreTest, LeavesNoTemporaryFileWhereAPutIsRefused) {
  EXPECT_EQ(put("a/x", "1"), "ok");
  EXPECT_EQ(put("a/x", "2", Existing::Refuse), "object_exists");
  EXPECT_EQ(put("a/x/y", "2"), "key_conflict");
  EXPECT_EQ(put("a", "2"), "key_conflict");
  EXPECT_EQ(temporary_files(root_), 0U);
}

TEST_F(FolderObjectStoreTest, RemovesFoldersWithTheirLastObject) {
  put("a/b/c");
  put("a/d");
  EXPECT_TRUE(store_.remove(*ObjectKey::parse("a/b/c")).ok());
  EXPECT_FALSE(fs::exists(root_ / "a" / "b"));
  EXPECT_TRUE(fs::exists(root_ / "a" / "d"));
  fs::create_directories(root_ / "e" / "empty" / "below");
  EXPECT_TRUE(store_.remove_prefix(*ObjectPrefix::parse("e/"), 10)->done);
  EXPECT_FALSE(fs::exists(root_ / "e" / "empty"));
}

TEST_F(FolderObjectStoreTest, KeepsItsFilesToItself) {
  put("a/x");
  struct stat facts{};
  ASSERT_EQ(stat((root_ / "a" / "x").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0600U);
  ASSERT_EQ(stat((root_ / "a").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777U, 0700U);
}

TEST_F(FolderObjectStoreTest, PutsAFileOfTheMachine) {
  const process::FileDescriptor file(open((outside_ / "secret").c_str(), O_RDONLY | O_CLOEXEC));
  auto source = FileSource::of(file.number());
  ASSERT_TRUE(source.ok());
  EXPECT_TRUE(store_.put(*ObjectKey::parse("a/x"), *source, {}).ok());
  EXPECT_TRUE(store_.put(*ObjectKey::parse("a/x"), *source, {}).ok()) << "again from the start";
  EXPECT_EQ(get("a/x"), "secret");
  const process::FileDescriptor folder(open(outside_.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(reason_of(FileSource::of(folder.number())), "source_unreadable");
}

TEST_F(FolderObjectStoreTest, SaysWhyARootCannotBeUsed) {
  base::SeededRandom random(1);
  const auto open_at = [&](const std::string& name) {
    return reason_of(FolderObjectStore::open(engine_.folder().root(name), random));
  };
  EXPECT_EQ(open_at("missing/deeper"), "root_unusable");
  EXPECT_EQ(open_at("outside/secret"), "root_unusable");
  EXPECT_EQ(open_at("new"), "ok");
  EXPECT_EQ(reason_of(FolderObjectStore::open(*StorageRoot::parse("s3://bucket/"), random)),
            "root_unusable");
}

}  // namespace
}  // namespace weir::storage
