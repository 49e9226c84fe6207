// SPDX-License-Identifier: Apache-2.0
#include "storage/staging_waste.h"

#include <gtest/gtest.h>

#include <set>

#include "storage/faulty_object_store.h"
#include "storage/limits.h"
#include "tests/conformance/storage/store_engines.h"
#include "tests/unit/storage/commits.h"

namespace weir::storage {
namespace {

using test::place;
using test::write_commit;

class SetLedger final : public CommitLedger {
 public:
  Result<std::vector<bool>> names_any(std::span<const std::string> prefixes) override {
    if (down) return base::unavailable("unavailable", "the ledger is down");
    std::vector<bool> answers;
    for (const std::string& prefix : prefixes) {
      const auto at = locations.lower_bound(prefix);
      answers.push_back(at != locations.end() && at->starts_with(prefix));
    }
    return answers;
  }

  std::set<std::string> locations;
  bool down = false;
};

class StagingWasteTest : public testing::Test {
 protected:
  std::vector<AttemptFiles> scan(ObjectStore& store, Instant before) {
    AttemptScan scan(store, under_, before);
    std::vector<AttemptFiles> all;
    for (int steps = 0; !scan.done() && steps < 10'000; ++steps) {
      auto found = scan.next();
      if (found.ok()) all.insert(all.end(), found->begin(), found->end());
    }
    EXPECT_TRUE(scan.done());
    return all;
  }

  test::SetClock clock_;
  MemoryObjectStore store_{*StorageRoot::parse("s3://bucket/"), clock_};
  SetLedger ledger_;
  const ObjectPrefix under_ = *ObjectPrefix::parse("datasets/");
};

TEST_F(StagingWasteTest, FindsAttemptsThatAreOldEnough) {
  ASSERT_TRUE(write_commit(store_, place("a", 1), "0-9").ok());
  ASSERT_TRUE(write_commit(store_, place("a", 1), "10-19").ok());
  ASSERT_TRUE(write_commit(store_, place("b", 10), "0-9").ok());
  ASSERT_TRUE(put_text(store_, *ObjectKey::parse("datasets/other"), "x").ok());
  clock_.sleep_for(kStagingRetention);
  EXPECT_TRUE(scan(store_, clock_.now() - kStagingRetention).empty()) << "not older yet";
  clock_.sleep_for(Duration(1));
  ASSERT_TRUE(put_text(store_, *staging_prefix(place("b", 10)).key("late"), "x").ok());
  const auto found = scan(store_, clock_.now() - kStagingRetention);
  ASSERT_EQ(found.size(), 1U) << "what is still written to is kept";
  EXPECT_EQ(found[0].prefix, staging_prefix(place("a", 1)));
  EXPECT_EQ(found[0].objects, 8U);
}

TEST_F(StagingWasteTest, FindsScratchToo) {
  const TaskId task = place().task;
  ASSERT_TRUE(put_text(store_, *scratch_prefix(task, 1).key("x/y"), "x").ok());
  AttemptScan scan(store_, *ObjectPrefix::parse("scratch/"), clock_.now() + Duration(1));
  const auto found = scan.next();
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ((*found)[0].prefix, scratch_prefix(task, 1));
  EXPECT_TRUE(remove_attempt(store_, scratch_prefix(task, 1), 10)->done);
}

TEST_F(StagingWasteTest, NeverOffersAnAttemptThatCommittedAnything) {
  const auto kept = write_commit(store_, place("a", 1), "0-9");
  ASSERT_TRUE(write_commit(store_, place("a", 1), "10-19").ok());
  ASSERT_TRUE(write_commit(store_, place("a", 2), "0-9").ok());
  ledger_.locations.insert(kept->named.prefix);
  const auto found = scan(store_, clock_.now() + Duration(1));
  ASSERT_EQ(found.size(), 2U);
  const auto free = removable(store_, ledger_, found);
  ASSERT_EQ(free->size(), 1U);
  EXPECT_EQ((*free)[0].prefix, staging_prefix(place("a", 2)));
  ledger_.down = true;
  EXPECT_FALSE(removable(store_, ledger_, found).ok()) << "who cannot ask removes nothing";
}

TEST_F(StagingWasteTest, RemovesInBoundedStepsAndMarkersFirst) {
  const auto claim = write_commit(store_, place("a", 1), "0-9", 50);
  const auto kept = write_commit(store_, place("a", 11), "0-9", 2);
  const ObjectPrefix attempt = staging_prefix(place("a", 1));
  const auto first = remove_attempt(store_, attempt, 1);
  EXPECT_FALSE(first->done);
  EXPECT_EQ(verify_commit(store_, *claim).error().reason(), "commit_incomplete");
  int steps = 1;
  for (bool done = false; !done; ++steps) {
    const auto step = remove_attempt(store_, attempt, 10);
    ASSERT_TRUE(step.ok());
    EXPECT_LE(step->removed, 10U);
    done = step->done;
  }
  EXPECT_GE(steps, 5);
  EXPECT_TRUE(store_.list(attempt, {})->objects.empty());
  EXPECT_TRUE(verify_commit(store_, *kept).ok()) << "attempt 11 only begins like attempt 1";
}

TEST_F(StagingWasteTest, IsRemovedInOnePassAndWhatWasCommittedStays) {
  const auto kept = write_commit(store_, place("a", 1), "0-9");
  ASSERT_TRUE(write_commit(store_, place("a", 2), "0-9").ok());
  const TaskId task = place().task;
  ASSERT_TRUE(put_text(store_, *scratch_prefix(task, 1).key("x"), "x").ok());
  ledger_.locations.insert(kept->named.prefix);
  const Instant later = clock_.now() + Duration(1);
  EXPECT_EQ(*remove_waste(store_, ledger_, clock_.now(), [] { return true; }), 0U) << "too young";
  EXPECT_EQ(*remove_waste(store_, ledger_, later, [] { return false; }), 0U) << "not to go on";
  const auto removed = remove_waste(store_, ledger_, later, [] { return true; });
  ASSERT_TRUE(removed.ok()) << removed.error().describe();
  EXPECT_TRUE(store_.list(staging_prefix(place("a", 2)), {})->objects.empty());
  EXPECT_TRUE(store_.list(scratch_prefix(task, 1), {})->objects.empty());
  EXPECT_TRUE(verify_commit(store_, *kept).ok());
  EXPECT_GT(*removed, 1U);
  ledger_.down = true;
  EXPECT_FALSE(remove_waste(store_, ledger_, later, [] { return true; }).ok());
}

TEST_F(StagingWasteTest, FindsEveryAttemptOnceOverFaultsAndShortPages) {
  for (int i = 1; i <= 40; ++i) {
    ASSERT_TRUE(write_commit(store_, place("t" + std::to_string(i % 7), i), "0-9").ok());
  }
  base::SeededRandom random(3);
  FaultyObjectStore faulty(store_, random, {.call_lost = 30, .reply_lost = 30, .list_short = 80},
                           400);
  const auto found = scan(faulty, clock_.now() + Duration(1));
  std::set<std::string> prefixes;
  for (const AttemptFiles& files : found) {
    EXPECT_TRUE(prefixes.insert(files.prefix.text()).second) << files.prefix.text();
    EXPECT_EQ(files.objects, 4U);
  }
  EXPECT_EQ(prefixes.size(), 40U);
}

}  // namespace
}  // namespace weir::storage
