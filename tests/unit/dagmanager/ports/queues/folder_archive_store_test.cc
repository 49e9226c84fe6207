// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/folder_archive_store.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "dagmanager/ports/queues/limits.h"
#include "tests/must.h"

namespace weir::dagmanager {
namespace {

class FolderArchiveStoreTest : public testing::Test {
 protected:
  FolderArchiveStoreTest()
      : folder_(std::filesystem::path(testing::TempDir()) /
                ("archive" + std::to_string(::getpid()))),
        store_(test::must(FolderArchiveStore::open(folder_ / "inner"))) {}
  ~FolderArchiveStoreTest() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& bytes) {
    const auto writer = test::must(store_->begin(name));
    test::must(writer->append(bytes));
    test::must(writer->finish());
  }
  std::string read(const std::string& name) {
    std::string bytes;
    const auto done = store_->read(name, [&](std::string_view piece) -> Result<void> {
      EXPECT_LE(piece.size(), kArchivePieceBytes);
      bytes += piece;
      return {};
    });
    return done.ok() ? bytes : done.error().reason();
  }
  std::vector<std::string> files() {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "inner")) {
      names.push_back(entry.path().filename());
    }
    return names;
  }

  std::filesystem::path folder_;
  std::unique_ptr<FolderArchiveStore> store_;
};

TEST_F(FolderArchiveStoreTest, GivesBackWhatWasFinishedAndWritesOverIt) {
  std::string large;
  for (int i = 0; large.size() < 3 * kArchivePieceBytes; ++i) large += std::to_string(i) + '\0';
  write("a.content", large);
  EXPECT_EQ(read("a.content"), large);
  write("a.content", "short");
  EXPECT_EQ(read("a.content"), "short");
  write("empty", "");
  EXPECT_EQ(read("empty"), "");
  EXPECT_THAT(files(), testing::UnorderedElementsAre("a.content", "empty"));
}

TEST_F(FolderArchiveStoreTest, LeavesNothingOfWhatWasNotFinished) {
  write("a", "old");
  {
    const auto writer = test::must(store_->begin("a"));
    test::must(writer->append("new"));
  }
  EXPECT_EQ(read("a"), "old");
  EXPECT_THAT(files(), testing::ElementsAre("a"));
  EXPECT_EQ(read("never"), "archive_missing");
}

TEST_F(FolderArchiveStoreTest, TellsLongNamesApartAndRefusesImpossibleOnes) {
  const std::string long_name(264, 'x');
  write(long_name + "1", "one");
  write(long_name + "2", "two");
  EXPECT_EQ(read(long_name + "1"), "one");
  EXPECT_EQ(read(long_name + "2"), "two");
  for (const char* name :
       {"", "../out", "a/../b", "a//b", "/a", "a/", ".hidden", "a/.b", "a b", "\xc3\xa4"}) {
    const auto refused = store_->begin(name);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().reason(), "name_illegal") << name;
  }
}

TEST_F(FolderArchiveStoreTest, SaysThatItsFolderIsGone) {
  std::filesystem::remove_all(folder_);
  const auto writer = store_->begin("a");
  ASSERT_FALSE(writer.ok());
  EXPECT_EQ(writer.error().reason(), "archive_unavailable");
  const auto opened = FolderArchiveStore::open("/dev/null/folder");
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().reason(), "archive_unavailable");
}

TEST_F(FolderArchiveStoreTest, EndsAReadThatItsCallerEnds) {
  write("a", std::string(2 * kArchivePieceBytes, 'a'));
  int pieces = 0;
  const auto done = store_->read("a", [&](std::string_view) -> Result<void> {
    ++pieces;
    return base::unavailable("enough", "enough");
  });
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().reason(), "enough");
  EXPECT_EQ(pieces, 1);
}

}  // namespace
}  // namespace weir::dagmanager
