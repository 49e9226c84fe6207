// SPDX-License-Identifier: Apache-2.0
#include "storage/staging.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/storage/commits.h"

namespace weir::storage {
namespace {

TEST(Staging, StandsWhereTheContractSays) {
  const StagingPlace place = test::place("task", 3);
  const std::string version = "datasets/" + place.dataset.text() + "/" + place.version.text() + "/";
  EXPECT_EQ(version_prefix(place.dataset, place.version).text(), version);
  EXPECT_EQ(staging_prefix(place).text(), version + "_staging/" + place.task.text() + "/3/");
  EXPECT_EQ(partition_prefix(place, "0-9999").text(), staging_prefix(place).text() + "0-9999/");
  EXPECT_EQ(scratch_prefix(place.task, 3).text(), "scratch/" + place.task.text() + "/3/");
}

TEST(Staging, GivesEveryPartitionASegmentOfItsOwnThatNeverClimbs) {
  const std::vector<std::string> keys = {"0-9999",
                                         "BTC_USD",
                                         "all",
                                         "2024-01-02",
                                         "-5--1",
                                         "a.b",
                                         ".",
                                         "..",
                                         "...",
                                         "a/b",
                                         "a\\b",
                                         "_x",
                                         "",
                                         "a b",
                                         "\xff",
                                         "publish:1",
                                         "../../etc",
                                         "/",
                                         "%2e%2e",
                                         std::string(128, 'x'),
                                         std::string(129, 'x'),
                                         std::string(256, '/'),
                                         "_" + std::string(64, 'a'),
                                         "a%2fb"};
  std::set<std::string> segments;
  for (const std::string& key : keys) {
    const std::string segment = partition_segment(key);
    EXPECT_TRUE(segments.insert(segment).second) << key;
    EXPECT_FALSE(segment.contains('/')) << key;
    EXPECT_EQ(partition_prefix(test::place(), key).text(),
              staging_prefix(test::place()).text() + segment + "/");
  }
  for (const char* plain : {"0-9999", "BTC_USD", "all", "2024-01-02", "-5--1", "a.b"}) {
    EXPECT_EQ(partition_segment(plain), plain);
  }
  EXPECT_EQ(partition_segment("a/b"), "_" + base::sha256_hex("a/b"));
}

TEST(Staging, KnowsWhichAttemptAnObjectIsOf) {
  const StagingPlace place = test::place("task", 12);
  EXPECT_EQ(attempt_of(*partition_prefix(place, "a/b").key("x/y.parquet")), staging_prefix(place));
  EXPECT_EQ(attempt_of(*staging_prefix(place).key("x")), staging_prefix(place));
  EXPECT_EQ(attempt_of(*scratch_prefix(place.task, 2).key("x")), scratch_prefix(place.task, 2));
  const std::string id = place.task.text();
  const std::string base = "datasets/" + id + "/" + id + "/";
  for (const std::string& text :
       {base + "x", base + "_staging/" + id, base + "_staging/" + id + "/1",
        base + "_staging/" + id + "/0/x", base + "_staging/" + id + "/01/x",
        base + "_staging/" + id + "/-1/x", base + "_staging/x/1/y", base + "other/" + id + "/1/x",
        "scratch/" + id + "/1", "scratch/" + id + "/x/y", std::string("scratch/x/1/y"),
        std::string("bundles/x"), "a/" + base + "_staging/" + id + "/1/x"}) {
    EXPECT_FALSE(attempt_of(*ObjectKey::parse(text)).has_value()) << text;
  }
}

}  // namespace
}  // namespace weir::storage
