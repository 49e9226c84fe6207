// SPDX-License-Identifier: Apache-2.0
#include "worker/child/task_log.h"

#include <gtest/gtest.h>
#include <utime.h>

#include <filesystem>
#include <string>

#include "tests/unit/worker/child/temporary_folder.h"
#include "worker/child/limits.h"

namespace weir::worker {
namespace {

TEST(TaskLog, MakesNoFileForAnAttemptThatSaysNothing) {
  const TemporaryFolder folder;
  TaskLog log(folder / "a.log");
  log.append("");
  EXPECT_FALSE(std::filesystem::exists(folder / "a.log"));
  EXPECT_EQ(read_log_tail(folder / "a.log", 100), "");
}

TEST(TaskLog, KeepsTheNewerHalfWhenItGrowsTooLarge) {
  const TemporaryFolder folder;
  TaskLog log(folder / "a.log");
  const std::string filler(1023, 'x');
  for (int line = 0; line < 3000; ++line) {
    log.append(filler + "\n");
    ASSERT_LE(std::filesystem::file_size(folder / "a.log"), kLogBytesMax);
  }
  log.append("the end\n");
  const std::string text = read_text(folder / "a.log");
  EXPECT_TRUE(text.starts_with("[earlier output was dropped]\nxxx"));
  EXPECT_TRUE(text.ends_with("x\nthe end\n"));
  EXPECT_GE(text.size(), kLogBytesKept / 2);
  EXPECT_EQ(log.seen(), (3000 * 1024) + 8);
}

TEST(TaskLog, GivesItsTailFromTheBeginningOfALine) {
  const TemporaryFolder folder;
  TaskLog log(folder / "a.log");
  log.append("first line\nsecond line\nthird\n");
  EXPECT_EQ(read_log_tail(folder / "a.log", 15), "third\n");
  EXPECT_EQ(read_log_tail(folder / "a.log", 1000), "first line\nsecond line\nthird\n");
}

TEST(TaskLog, OldLogsGoAndOtherFilesStay) {
  const TemporaryFolder folder;
  for (const char* name : {"old.log", "new.log", "old.txt"}) write_text(folder / name, "x");
  const utimbuf long_ago{1000, 1000};
  utime((folder / "old.log").c_str(), &long_ago);
  utime((folder / "old.txt").c_str(), &long_ago);
  const Instant now{std::chrono::seconds(1000) + kLogAge + std::chrono::seconds(1)};
  EXPECT_EQ(prune_logs(folder.path(), now), 1U);
  EXPECT_FALSE(std::filesystem::exists(folder / "old.log"));
  EXPECT_TRUE(std::filesystem::exists(folder / "new.log"));
  EXPECT_TRUE(std::filesystem::exists(folder / "old.txt"));
}

}  // namespace
}  // namespace weir::worker
