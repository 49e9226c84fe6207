// SPDX-License-Identifier: Apache-2.0
#include "worker/child/scratch.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "server/system_clock.h"
#include "tests/unit/worker/child/temporary_folder.h"

namespace weir::worker {
namespace {

namespace fs = std::filesystem;

TEST(Scratch, GivesAnAttemptAnEmptyFolderAndRemovesIt) {
  const TemporaryFolder folder;
  server::SystemRandom random;
  const auto scratch = Scratch::open(folder.path() / "s", random);
  ASSERT_TRUE(scratch.ok());
  const graph::TaskId task(base::Uuid{{1}});
  auto attempt = (*scratch)->make(task, 2);
  ASSERT_TRUE(attempt.ok());
  write_text(*attempt / "left", "x");
  ASSERT_TRUE((*scratch)->make(task, 2).ok());
  EXPECT_TRUE(fs::is_empty(*attempt));
  Scratch::remove(*attempt);
  EXPECT_FALSE(fs::exists(*attempt));
}

TEST(Scratch, RemovesLinksAndNotWhatTheyName) {
  const TemporaryFolder folder;
  server::SystemRandom random;
  write_text(folder / "precious", "x");
  const auto scratch = Scratch::open(folder.path() / "s", random);
  ASSERT_TRUE(scratch.ok());
  const auto attempt = (*scratch)->make(graph::TaskId(), 1);
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
    static_cast<void>(scratch.ok() && (*scratch)->make(graph::TaskId(), 1).ok());
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
