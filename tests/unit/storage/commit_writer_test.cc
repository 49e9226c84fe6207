// SPDX-License-Identifier: Apache-2.0
#include "storage/commit_writer.h"

#include <gtest/gtest.h>

#include "tests/conformance/storage/store_engines.h"
#include "tests/unit/storage/commits.h"

namespace weir::storage {
namespace {

using test::place;
using test::write_commit;

using test::reason_of;

std::string put(CommitWriter& writer, std::string_view name, std::string_view bytes,
                std::int64_t rows = 1) {
  TextSource source(bytes);
  return reason_of(writer.put(name, source, rows));
}

class CommitWriterTest : public testing::Test {
 protected:
  test::MemoryStore engine_;
  ObjectStore& store_ = engine_.store();
};

TEST_F(CommitWriterTest, EndsInTheSameStateWhenItIsRepeated) {
  const auto first = write_commit(store_, place(), "0-9");
  const auto before = store_.list(*ObjectPrefix::parse("datasets/"), {});
  const auto again = write_commit(store_, place(), "0-9");
  ASSERT_TRUE(again.ok()) << again.error().describe();
  EXPECT_EQ(again->named.manifest_sha256, first->named.manifest_sha256);
  EXPECT_EQ(again->named.prefix, first->named.prefix);
  EXPECT_EQ(store_.list(*ObjectPrefix::parse("datasets/"), {})->objects.size(),
            before->objects.size());
  EXPECT_TRUE(verify_commit(store_, *first).ok());
}

TEST_F(CommitWriterTest, IsRefusedWhereItsRepeatMakesOtherBytes) {
  const auto first = write_commit(store_, place(), "0-9");
  CommitWriter writer(store_, place(), "0-9");
  EXPECT_EQ(put(writer, "part_0.parquet", "other rows"), "object_exists");
  EXPECT_EQ(put(writer, "part_9.parquet", "one more"), "ok");
  EXPECT_EQ(reason_of(writer.finish("blake3:abc")), "object_exists") << "another manifest";
  EXPECT_TRUE(verify_commit(store_, *first).ok()) << "the commit stands as it was";
}

TEST_F(CommitWriterTest, WritesNoMarkerBeforeItsManifest) {
  CommitWriter writer(store_, place(), "0-9");
  EXPECT_EQ(put(writer, "a.parquet", "rows"), "ok");
  EXPECT_EQ(reason_of(store_.stat(*writer.prefix().key(kSuccessName), Checksum::Skip)),
            "object_not_found");
  EXPECT_TRUE(writer.finish("").ok());
  EXPECT_TRUE(store_.stat(*writer.prefix().key(kSuccessName), Checksum::Skip).ok());
}

TEST_F(CommitWriterTest, RefusesNamesThatAreNoneOfACommits) {
  CommitWriter writer(store_, place(), "0-9");
  for (const char* name : {"../a.parquet", "a", "a.csv", "/a.parquet", "a//b.parquet",
                           "a\\b.parquet", "_manifest.json", "_SUCCESS", "", "..parquet/../x"}) {
    EXPECT_EQ(put(writer, name, "x"), "key_invalid") << name;
  }
  EXPECT_TRUE(store_.list(*ObjectPrefix::parse("datasets/"), {})->objects.empty());
}

TEST_F(CommitWriterTest, ClosesWithItsManifest) {
  CommitWriter writer(store_, place(), "0-9");
  EXPECT_TRUE(writer.finish("").ok());
  EXPECT_EQ(put(writer, "a.parquet", "x"), "commit_closed");
  EXPECT_EQ(reason_of(writer.adopt("a.parquet", 1)), "commit_closed");
  EXPECT_TRUE(writer.finish("").ok()) << "a repeat";
}

TEST_F(CommitWriterTest, ListsObjectsThatTheOperatorPutItself) {
  CommitWriter writer(store_, place(), "0-9");
  EXPECT_EQ(reason_of(writer.adopt("a.parquet", 3)), "object_not_found");
  ASSERT_TRUE(put_text(store_, *writer.prefix().key("a.parquet"), "rows").ok());
  EXPECT_EQ(reason_of(writer.adopt("a.parquet", 3)), "ok");
  EXPECT_EQ(reason_of(writer.adopt("a.parquet", 3)), "ok");
  EXPECT_EQ(reason_of(writer.adopt("a.parquet", 4)), "manifest_invalid") << "other rows";
  const auto named = writer.finish("");
  ASSERT_TRUE(named.ok());
  EXPECT_EQ(named->row_count, 3);
  EXPECT_TRUE(
      verify_commit(store_, {.place = place(), .partition_key = "0-9", .named = *named}).ok());
}

TEST_F(CommitWriterTest, RefusesTheObjectThatIsOneTooMany) {
  CommitWriter writer(store_, place(), "0-9");
  for (int i = 0; i < 1024; ++i) {
    ASSERT_EQ(put(writer, std::to_string(i) + ".parquet", "x"), "ok");
  }
  EXPECT_EQ(put(writer, "more.parquet", "x"), "manifest_invalid");
  EXPECT_EQ(put(writer, "7.parquet", "x", -1), "manifest_invalid");
  EXPECT_TRUE(writer.finish("").ok());
}

}  // namespace
}  // namespace weir::storage
