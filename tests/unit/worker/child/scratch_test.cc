// SPDX-License-Identifier: Apache-2.0
#include "worker/child/scratch.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "server/system_clock.h"
#include "tests/unit/worker/child/temporary_folder.h"
#include "worker/child/limits.h"

namespace weir::worker {
namespace {

namespace fs = std::filesystem;

TEST(Scratch, GivesEachAttemptAnEmptyFolderAndRemovesIt) {
  const TemporaryFolder folder;
  server::SystemRandom random;
  const auto scratch = Scratch::open(folder.path() / "s", random);
  ASSERT_TRUE(scratch.ok());
  const auto attempt = (*scratch)->make();
  ASSERT_TRUE(attempt.ok());
  write_text(*attempt / "left", "x");
  const auto other = (*scratch)->make();
  ASSERT_TRUE(other.ok());
  EXPECT_NE(*other, *attempt);
  EXPECT_TRUE(fs::is_empty(*other));
  Scratch::remove(*attempt);
  EXPECT_FALSE(fs::exists(*attempt));
}

/// Names a folder whatever it is called.
ino_t number_of(const fs::path& folder) {
  struct stat facts{};
  EXPECT_EQ(stat(folder.c_str(), &facts), 0);
  return facts.st_ino;
}

TEST(Scratch, GivesTheEmptyFolderOfAnEndedAttemptToTheNext) {
  const TemporaryFolder folder;
  server::SystemRandom random;
  const auto scratch = Scratch::open(folder.path() / "s", random);
  ASSERT_TRUE(scratch.ok());
  const auto first = (*scratch)->make();
  ASSERT_TRUE(first.ok());
  const ino_t number = number_of(*first);
  ASSERT_EQ(chmod(first->c_str(), 0755), 0);
  (*scratch)->give_back(*first);
  const auto second = (*scratch)->make();
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(number_of(*second), number);
  EXPECT_TRUE(fs::is_empty(*second));
  EXPECT_EQ(fs::status(*second).permissions(), fs::perms::owner_all);
  const auto third = (*scratch)->make();
  ASSERT_TRUE(third.ok());
  EXPECT_NE(number_of(*third), number) << "no two at once";
}

TEST(Scratch, GivesNoFolderOnInWhichAnAttemptLeftAnything) {
  const TemporaryFolder folder;
  server::SystemRandom random;
  const auto scratch = Scratch::open(folder.path() / "s", random);
  ASSERT_TRUE(scratch.ok());
  for (std::uint8_t number = 1; number < 5; ++number) {
    const auto attempt = (*scratch)->make();
    ASSERT_TRUE(attempt.ok());
    EXPECT_TRUE(fs::is_empty(*attempt));
    if (number == 1) write_text(*attempt / ".hidden", "x");
    if (number == 2) fs::create_directory(*attempt / "folder");
    if (number == 3) fs::create_symlink("/nowhere", *attempt / "link");
    (*scratch)->give_back(*attempt);
    EXPECT_EQ(fs::exists(*attempt), number == 4) << "what is kept is empty";
  }
}

TEST(Scratch, KeepsNoMoreFoldersThanItsBound) {
  const TemporaryFolder folder;
  server::SystemRandom random;
  const auto scratch = Scratch::open(folder.path() / "s", random);
  ASSERT_TRUE(scratch.ok());
  std::vector<fs::path> attempts;
  for (std::size_t number = 0; number < kSpareFoldersMax + 3; ++number) {
    const auto attempt = (*scratch)->make();
    ASSERT_TRUE(attempt.ok());
    attempts.push_back(*attempt);
  }
  for (const fs::path& attempt : attempts) (*scratch)->give_back(attempt);
  std::size_t kept = 0;
  for (const auto& entry : fs::directory_iterator((*scratch)->folder())) {
    kept += entry.is_directory() ? 1 : 0;
  }
  EXPECT_EQ(kept, kSpareFoldersMax);
}

TEST(Scratch, AfterACrashNothingOfItIsSeenAgain) {
  const TemporaryFolder folder;
  server::SystemRandom random;
  const pid_t other = fork();
  if (other == 0) {
    server::SystemRandom own_random;
    const auto scratch = Scratch::open(folder.path() / "s", own_random);
    if (scratch.ok()) {
      const auto spare = (*scratch)->make();
      if (spare.ok()) (*scratch)->give_back(*spare);
      const auto working = (*scratch)->make();
      if (working.ok()) write_text(*working / "secret", "x");
    }
    _exit(0);  // as if killed: nothing is cleaned
  }
  int status = 0;
  waitpid(other, &status, 0);
  const auto scratch = Scratch::open(folder.path() / "s", random);
  ASSERT_TRUE(scratch.ok());
  EXPECT_EQ((*scratch)->swept(), 1U);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path() / "s"), {}), 1);
  const auto again = (*scratch)->make();
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(fs::is_empty(*again));
}

TEST(Scratch, RemovesLinksAndNotWhatTheyName) {
  const TemporaryFolder folder;
  server::SystemRandom random;
  write_text(folder / "precious", "x");
  const auto scratch = Scratch::open(folder.path() / "s", random);
  ASSERT_TRUE(scratch.ok());
  const auto attempt = (*scratch)->make();
  ASSERT_TRUE(attempt.ok());
  fs::create_symlink(folder / "precious", *attempt / "link");
  Scratch::remove(*attempt);
  EXPECT_TRUE(fs::exists(folder / "precious"));
}

TEST(Scratch, SweepsWhatADeadWorkerLeftAndSparesTheLiving) {
  const TemporaryFolder folder;
  server::SystemRandom random;
  const auto alive = Scratch::open(folder.path() / "s", random);
  ASSERT_TRUE(alive.ok());
  const pid_t other = fork();
  if (other == 0) {
    server::SystemRandom own_random;
    auto scratch = Scratch::open(folder.path() / "s", own_random);
    static_cast<void>(scratch.ok() && (*scratch)->make().ok());
    _exit(0);  // as if killed: nothing is cleaned
  }
  int status = 0;
  waitpid(other, &status, 0);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path() / "s"), {}), 2);
  const auto next = Scratch::open(folder.path() / "s", random);
  ASSERT_TRUE(next.ok());
  EXPECT_EQ((*next)->swept(), 1U);
  EXPECT_TRUE(fs::exists((*alive)->folder()));
}

}  // namespace
}  // namespace weir::worker
