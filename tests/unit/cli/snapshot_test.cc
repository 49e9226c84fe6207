// SPDX-License-Identifier: Apache-2.0
#include "cli/snapshot.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/blake3.h"

namespace weir::cli {
namespace {

std::string hash_of(std::string_view text) {
  const Result<DagSnapshot> snapshot = make_snapshot(text);
  return snapshot.ok() ? snapshot->hash : snapshot.error().reason();
}

TEST(Snapshot, HashesSortedJsonWithNonAsciiEscaped) {
  EXPECT_EQ(hash_of("{\"b\": 1, \"a\": [\"é\", \"\xF0\x9F\x98\x80\"]}"),
            base::sha256_hex(R"({"a":["\u00e9","\ud83d\ude00"],"b":1})"));
}

TEST(Snapshot, DoesNotDependOnKeyOrderOrBlanks) {
  EXPECT_EQ(hash_of("{\"a\":1,\"b\":{\"c\":2,\"d\":3}}"),
            hash_of("{\n  \"b\": {\"d\": 3, \"c\": 2},\n  \"a\": 1\n}"));
  EXPECT_NE(hash_of("{\"a\":1}"), hash_of("{\"a\":2}"));
}

TEST(Snapshot, OfBase64IsThatOfItsJson) {
  const std::string json = R"({"nodes":[]})";
  EXPECT_EQ(hash_of(base::encode_base64(json) + "\n"), hash_of(json));
}

TEST(Snapshot, FreezesDagAndHashWithIndentTwo) {
  const Result<DagSnapshot> snapshot = make_snapshot(R"({"nodes":[],"a":1})");
  ASSERT_TRUE(snapshot.ok());
  EXPECT_EQ(snapshot->frozen,
            "{\n  \"dag\": {\n    \"a\": 1,\n    \"nodes\": []\n  },\n  \"dag_hash\": \"" +
                snapshot->hash + "\"\n}\n");
}

TEST(Snapshot, IsReadBackWithItsHash) {
  const Result<DagSnapshot> snapshot = make_snapshot(R"({"nodes":[{"x":1.50}]})");
  ASSERT_TRUE(snapshot.ok());
  const Result<std::string> hash = snapshot_hash(snapshot->frozen);
  ASSERT_TRUE(hash.ok()) << hash.error().describe();
  EXPECT_EQ(*hash, snapshot->hash);
}

TEST(Snapshot, RefusesWhatIsNotJson) {
  EXPECT_EQ(hash_of("{"), "dag_not_json");
  EXPECT_EQ(hash_of(""), "dag_not_json");
}

TEST(Snapshot, FileWithoutAHashIsRefused) {
  for (const char* text : {"{}", R"({"dag_hash":1})", "[]"}) {
    const Result<std::string> hash = snapshot_hash(text);
    ASSERT_FALSE(hash.ok()) << text;
    EXPECT_EQ(hash.error().reason(), "snapshot_invalid");
  }
}

}  // namespace
}  // namespace weir::cli
