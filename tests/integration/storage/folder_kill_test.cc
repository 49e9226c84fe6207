// SPDX-License-Identifier: Apache-2.0
// Two processes at a time commit partitions to one folder store and are killed at any point of it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "base/blake3.h"
#include "storage/commit_verifier.h"
#include "storage/commit_writer.h"
#include "storage/folder_object_store.h"
#include "storage/limits.h"
#include "tests/conformance/storage/store_engines.h"
#include "tests/unit/base/test_seed.h"
#include "tests/unit/storage/commits.h"

namespace weir::storage {
namespace {

namespace fs = std::filesystem;

constexpr int kRounds = 20;
constexpr int kWriters = 2;

/// What an object must hold follows from its name: 1 to 300 KiB, so that a half is seen.
std::string bytes_of(const std::string& key) {
  const std::string word = base::sha256_hex(key);
  base::SeededRandom random(std::stoull(word.substr(0, 15), nullptr, 16));
  std::string bytes;
  const std::size_t size = 1024 + random.below(std::size_t{300} << 10);
  while (bytes.size() < size) bytes += word;
  return bytes;
}

bool tell(int pipe_end, char what) { return write(pipe_end, &what, 1) == 1; }

/// The child: commits until it is killed. Tells its parent of every step, and writes each commit
/// down, synced, as the transaction that accepts its event does.
[[noreturn]] void commit_for_ever(const StorageRoot& root, const fs::path& ledger, int round,
                                  std::uint64_t seed, int told) {
  base::SeededRandom random(seed);
  auto store = FolderObjectStore::open(root, random);
  const int lines = open(ledger.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (!store.ok() || lines < 0) _exit(1);
  for (int n = 0;; ++n) {
    const std::string task = std::to_string(seed) + "/" + std::to_string(n);
    const StagingPlace place = test::place(task, 1 + round);
    CommitWriter writer(**store, place, "0-9");
    for (int i = 0; i < 3; ++i) {
      const std::string name = "part_" + std::to_string(i) + ".parquet";
      const std::string bytes = bytes_of(writer.prefix().text() + name);
      TextSource source(bytes);
      if (!writer.put(name, source, 1).ok() || !tell(told, 'p')) _exit(2);
    }
    const auto named = writer.finish("");
    if (!named.ok()) _exit(3);
    const std::string line = task + " " + std::to_string(place.attempt) + " " + named->prefix +
                             " " + named->manifest_sha256 + "\n";
    if (write(lines, line.data(), line.size()) != static_cast<ssize_t>(line.size())) _exit(4);
    if (fsync(lines) != 0 || !tell(told, 'c')) _exit(5);
  }
}

struct Child {
  pid_t pid = -1;
  int told = -1;
};

Child start_child(const StorageRoot& root, const fs::path& ledger, int round, std::uint64_t seed) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t pid = fork();
  if (pid == 0) commit_for_ever(root, ledger, round, seed, ends[1]);
  EXPECT_GT(pid, 0);
  close(ends[1]);
  return {.pid = pid, .told = ends[0]};
}

/// Lets the child do so many steps, then kills it in the next.
void kill_after(const Child& child, std::uint64_t steps) {
  char what = 0;
  for (std::uint64_t i = 0; i < steps; ++i) {
    ASSERT_EQ(read(child.told, &what, 1), 1) << "the child ended by itself";
  }
  ASSERT_EQ(kill(child.pid, SIGKILL), 0);
  int status = 0;
  ASSERT_EQ(waitpid(child.pid, &status, 0), child.pid);
  EXPECT_TRUE(WIFSIGNALED(status)) << "exit code " << WEXITSTATUS(status);
  close(child.told);
}

/// Every object that has its name is whole, committed or not.
std::size_t check_objects(ObjectStore& store) {
  std::size_t objects = 0;
  ListOptions options;
  do {
    const auto page = store.list(*ObjectPrefix::parse("datasets/"), options);
    EXPECT_TRUE(page.ok());
    if (!page.ok()) break;
    for (const ListedObject& object : page->objects) {
      if (!object.key.view().ends_with(".parquet")) continue;
      const auto bytes = get_text(store, object.key, kRangeBytesMax - 1);
      EXPECT_TRUE(bytes.ok() && *bytes == bytes_of(object.key.text())) << object.key.text();
      ++objects;
    }
    options.after = page->next_after;
  } while (!options.after.empty());
  return objects;
}

/// Every commit that was written down verifies and can be read.
std::size_t check_commits(ObjectStore& store, const fs::path& ledger) {
  std::ifstream lines(ledger);
  std::size_t commits = 0;
  for (std::string task, attempt, prefix, hash; lines >> task >> attempt >> prefix >> hash;) {
    const CommitClaim claim{.place = test::place(task, std::stoi(attempt)),
                            .partition_key = "0-9",
                            .named = {.prefix = prefix,
                                      .manifest_sha256 = hash,
                                      .row_count = 3,
                                      .bytes = {},
                                      .schema_hash = {}}};
    const auto facts = verify_commit(store, claim);
    EXPECT_TRUE(facts.ok()) << facts.error().describe();
    const auto objects = resolve_commit(store, {.location = prefix, .manifest_sha256 = hash});
    EXPECT_TRUE(objects.ok() && objects->size() == 3U);
    ++commits;
  }
  return commits;
}

TEST(FolderKill, LeavesEveryCommitWholeAndNoTemporaryFile) {
  base::SeededRandom random(base::test_seed(20));
  const test::TestFolder folder;
  const fs::path ledger = folder.path() / "ledger";
  auto store = FolderObjectStore::open(folder.root(), random);
  ASSERT_TRUE(store.ok()) << store.error().describe();
  std::size_t orphans = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::array<Child, kWriters> children;
    for (Child& child : children) child = start_child(folder.root(), ledger, round, random.next());
    for (const Child& child : children) {
      kill_after(child, 1 + random.below(12));
      ASSERT_FALSE(HasFatalFailure());
      // The other child is at work: its temporary file must not be taken from it.
      const auto cleaned = (*store)->clean();
      ASSERT_TRUE(cleaned.ok());
      orphans += *cleaned;
    }
    EXPECT_TRUE(fs::is_empty(folder.path() / "objects" / ".tmp")) << "round " << round;
  }
  const std::size_t commits = check_commits(**store, ledger);
  const std::size_t objects = check_objects(**store);
  std::printf("%d kills: %zu commits, %zu objects, %zu orphans cleaned\n", kRounds * kWriters,
              commits, objects, orphans);
  EXPECT_GT(commits, 0U);
  EXPECT_GE(objects, 3 * commits);
}

}  // namespace
}  // namespace weir::storage
