// SPDX-License-Identifier: Apache-2.0
#include "cli/up/state_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "cli/up/limits.h"

namespace weir::cli {
namespace {

class StateFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "weir-state-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    path_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  std::filesystem::path path_;
};

TEST_F(StateFolderTest, IsMadeWhereThereIsNone) {
  const auto folder = StateFolder::take(path_ / "a" / "b");
  ASSERT_TRUE(folder.ok()) << folder.error().describe();
  EXPECT_TRUE(std::filesystem::is_directory(path_ / "a" / "b"));
}

TEST_F(StateFolderTest, HasOneOwnerWhomASecondOneNames) {
  const auto first = StateFolder::take(path_);
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(
      (*first)->note({.pid = 4711, .grpc = "127.0.0.1:5", .http = "http://127.0.0.1:6"}).ok());
  const auto second = StateFolder::take(path_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().reason(), "already_up");
  EXPECT_THAT(second.error().message(), testing::HasSubstr("pid 4711, gRPC 127.0.0.1:5, HTTP "
                                                           "http://127.0.0.1:6;"));
}

TEST_F(StateFolderTest, SaysThatTheOwnerIsStillStarting) {
  const auto first = StateFolder::take(path_);
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE((*first)->note({.pid = 4711, .grpc = "", .http = ""}).ok());
  const auto second = StateFolder::take(path_);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(second.error().message(), testing::HasSubstr("pid 4711, still starting;"));
}

TEST_F(StateFolderTest, IsFreeAgainAfterItsOwner) {
  ASSERT_TRUE(StateFolder::take(path_).ok());
  EXPECT_TRUE(StateFolder::take(path_).ok());
}

TEST_F(StateFolderTest, TellsWhoRunsInIt) {
  EXPECT_FALSE(*running_in(path_));
  {
    const auto folder = StateFolder::take(path_);
    ASSERT_TRUE((*folder)->note({.pid = getpid(), .grpc = "g", .http = "h"}).ok());
    const auto running = running_in(path_);
    ASSERT_TRUE(running.ok() && *running);
    EXPECT_EQ((*running)->pid, getpid());
    EXPECT_EQ((*running)->grpc, "g");
  }
  EXPECT_FALSE(*running_in(path_));
  EXPECT_FALSE(*running_in(path_ / "none"));
}

TEST_F(StateFolderTest, WithoutAnOwnerHasNobodyToStop) {
  EXPECT_FALSE(*stop_running_in(path_, std::chrono::seconds(1)));
  ASSERT_TRUE((*StateFolder::take(path_))->note({.pid = getpid(), .grpc = "", .http = ""}).ok());
  EXPECT_FALSE(*stop_running_in(path_, std::chrono::seconds(1)));
}

TEST_F(StateFolderTest, ThatCannotBeMadeIsAFaultWithItsMend) {
  std::ofstream(path_ / "file") << "x";
  const auto folder = StateFolder::take(path_ / "file" / "below");
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error().reason(), "state_dir_unusable");
  EXPECT_THAT(folder.error().message(), testing::HasSubstr("--state-dir"));
}

TEST(UpNote, IsReadBackAsItWasWritten) {
  const auto note = UpNote::parse(UpNote{.pid = 7, .grpc = "a:1", .http = "http://b:2"}.json());
  ASSERT_TRUE(note);
  EXPECT_EQ(note->pid, 7);
  EXPECT_EQ(note->grpc, "a:1");
  EXPECT_EQ(note->http, "http://b:2");
}

TEST(UpNote, OfOtherTextIsNone) {
  for (const char* text : {"", "{", "[]", "{\"pid\":\"7\"}", "{\"pid\":0}", "{\"grpc\":\"a\"}"}) {
    EXPECT_FALSE(UpNote::parse(text)) << text;
  }
}

TEST_F(StateFolderTest, LogTailIsTheEndInWholeLines) {
  EXPECT_EQ(log_tail(path_ / "none"), "");
  std::ofstream(path_ / "short") << "one\ntwo\n";
  EXPECT_EQ(log_tail(path_ / "short"), "one\ntwo");
  EXPECT_EQ(log_tail(path_ / "short", 4), "two");
  EXPECT_EQ(log_tail(path_ / "short", 8), "");
  std::ofstream(path_ / "long") << std::string(2 * kLogTailBytesMax, 'x') << "\nlast\n";
  EXPECT_EQ(log_tail(path_ / "long"), "last");
}

}  // namespace
}  // namespace weir::cli
