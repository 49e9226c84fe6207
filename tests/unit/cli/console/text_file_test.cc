// SPDX-License-Identifier: Apache-2.0
#include "cli/console/text_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace weir::cli {
namespace {

class TextFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "weir-text-file-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_;
};

TEST_F(TextFile, IsReadBackAsItWasWritten) {
  const std::string text = std::string("a\nb\0c", 5) + std::string(200'000, 'x');
  ASSERT_TRUE(write_text_file(folder_ / "f", text).ok());
  const Result<std::string> read = read_text_file((folder_ / "f").string());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, text);
}

TEST_F(TextFile, IsReplacedWhole) {
  ASSERT_TRUE(write_text_file(folder_ / "f", "a long text").ok());
  ASSERT_TRUE(write_text_file(folder_ / "f", "short").ok());
  EXPECT_EQ(*read_text_file((folder_ / "f").string()), "short");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(TextFile, ThatIsNotThereIsAFaultInTheSystemsWords) {
  const Result<std::string> read = read_text_file((folder_ / "none").string());
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().reason(), "file_unreadable");
  EXPECT_EQ(read.error().message(), "No such file or directory");
}

TEST_F(TextFile, ThatIsAFolderIsAFault) {
  const Result<std::string> read = read_text_file(folder_.string());
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().message(), "Is a directory");
}

TEST_F(TextFile, InAFolderThatIsNotThereIsNotWritten) {
  const Result<void> written = write_text_file(folder_ / "none" / "f", "x");
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().reason(), "file_unwritable");
}

}  // namespace
}  // namespace weir::cli
