// SPDX-License-Identifier: Apache-2.0
#include "server/auth/prefixes.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/auth/limits.h"

namespace weir::auth {
namespace {

const Uuid kTask = *Uuid::parse("01970000-0000-7000-8000-000000000001");

TEST(Prefixes, AreCanonicalInOneSpelling) {
  for (const char* prefix :
       {"s3://bucket/a/", "s3://my.bucket-1/a/b_c/d=1/", "file:///a/",
        "file:///home of ada/w\xc3\xa9/", "s3://b/..a/", "s3://b/a../", "s3://b/50%/"}) {
    EXPECT_TRUE(is_canonical_prefix(prefix)) << prefix;
  }
}

TEST(Prefixes, RefuseEveryOtherSpelling) {
  for (const std::string& prefix :
       std::vector<std::string>{"",
                                "/",
                                "a/",
                                "s3://",
                                "s3://bucket",
                                "s3://bucket/",
                                "s3:///a/",
                                "s3://bucket/a",
                                "s3://bucket//",
                                "s3://bucket//a/",
                                "s3://bucket/a//",
                                "s3://bucket/a//b/",
                                "s3://bucket/../",
                                "s3://bucket/a/../b/",
                                "s3://bucket/a/..",
                                "s3://bucket/./a/",
                                "s3://bucket/a/./",
                                "s3://bucket/a*/",
                                "s3://bucket/a?/",
                                "s3://bucket/a\\b/",
                                "s3://bucket/a\n/",
                                "s3://bucket/\x7f/",
                                "s3://bucket/%2e%2E/",
                                "s3://bucket/a%2Fb/",
                                "s3://bucket/a%5cb/",
                                "s3://../a/",
                                "s3://B/a/",
                                "s3://b*/a/",
                                "S3://bucket/a/",
                                "file://",
                                "file:///",
                                "file:////",
                                "file://host/a/",
                                "file://a/",
                                "file:///a/../",
                                "http://bucket/a/",
                                "s3://bucket/\xff/",
                                "s3://bucket/" + std::string(kPrefixBytesMax, 'a') + "/"}) {
    EXPECT_FALSE(is_canonical_prefix(prefix)) << prefix;
  }
  EXPECT_FALSE(is_canonical_prefix(std::string("s3://bucket/a\0/", 15)));
}

TEST(Prefixes, HoldWhatIsUnderThemAndNothingElse) {
  const std::string prefix = "s3://bucket/a/b/";
  EXPECT_TRUE(is_under("s3://bucket/a/b/c", prefix));
  EXPECT_TRUE(is_under("s3://bucket/a/b/c/d.parquet", prefix));
  for (const char* uri :
       {"s3://bucket/a/b/", "s3://bucket/a/b", "s3://bucket/a/bc", "s3://bucket/a/", "",
        "s3://bucket/a/b/../c", "s3://bucket/a/b/c/../../../d", "s3://bucket/a/b//c",
        "s3://bucket/a/b/c/", "s3://bucket/a/b/%2e%2e/c", "s3://bucket/a/b/c*", "s3://other/a/b/c",
        "file://bucket/a/b/c", "s3://bucket/A/b/c", "s3://bucket/a/b/./c",
        "s3://bucket/a/b/\xff"}) {
    EXPECT_FALSE(is_under(uri, prefix)) << uri;
  }
  EXPECT_FALSE(is_under("s3://bucket/a/b", "s3://bucket/a"));
  EXPECT_FALSE(is_under("s3://bucket/a", "s3://bucket/"));
  EXPECT_FALSE(is_under("anything", ""));
}

TEST(Prefixes, BelongToOneAttempt) {
  const AttemptRef owner{.task_id = kTask, .attempt = 2};
  const std::string task = kTask.text();
  const std::string scratch = "s3://b/scratch/" + task + "/2/";
  const std::string staging = "s3://b/datasets/x/y/_staging/" + task + "/2/";
  EXPECT_TRUE(is_own_prefix(scratch, owner));
  EXPECT_TRUE(is_own_scratch(scratch, owner));
  EXPECT_TRUE(is_own_prefix(staging, owner));
  EXPECT_FALSE(is_own_scratch(staging, owner));
  for (const std::string& other : std::vector<std::string>{
           "s3://b/scratch/" + task + "/1/", "s3://b/scratch/" + task + "/22/",
           "s3://b/scratch/" + task + "/", "s3://b/myscratch/" + task + "/2/",
           "s3://b/scratch/01970000-0000-7000-8000-000000000002/2/", scratch + "x/",
           "s3://b/datasets/x/y/", "s3://b/scratch/../scratch/" + task + "/2/"}) {
    EXPECT_FALSE(is_own_prefix(other, owner)) << other;
  }
}

}  // namespace
}  // namespace weir::auth
