// SPDX-License-Identifier: Apache-2.0
#include "storage/commit_verifier.h"

#include <gtest/gtest.h>

#include <functional>

#include "storage/faulty_object_store.h"
#include "tests/conformance/storage/store_engines.h"
#include "tests/unit/storage/commits.h"

namespace weir::storage {
namespace {

using test::place;
using test::write_commit;

class CommitVerifierTest : public testing::Test {
 protected:
  CommitVerifierTest() : store_(engine_.store()), claim_(*write_commit(store_, place(), "0-9")) {}

  std::string verdict(const CommitClaim& claim) { return verdict(store_, claim); }
  static std::string verdict(ObjectStore& store, const CommitClaim& claim) {
    const auto facts = verify_commit(store, claim);
    if (facts.ok()) return "ok";
    EXPECT_EQ(commit_fault_status(facts.error()),
              facts.error().reason() == "unavailable" ? 503 : 422);
    return facts.error().reason();
  }
  ObjectKey key(std::string_view name) { return *partition_prefix(place(), "0-9").key(name); }
  void replace(std::string_view name, std::string_view bytes) {
    EXPECT_TRUE(put_text(store_, key(name), bytes, {.existing = Existing::Replace}).ok());
  }
  /// Puts a manifest that was changed, and names its hash.
  std::string verdict_of_manifest(const std::function<void(CommitManifest&)>& change) {
    CommitManifest manifest = *read_manifest(*get_text(store_, key(kManifestName), 1 << 20));
    change(manifest);
    const std::string text = *write_manifest(manifest);
    replace(kManifestName, text);
    CommitClaim claim = claim_;
    claim.named = {.prefix = claim_.named.prefix,
                   .manifest_sha256 = base::sha256_hex(text),
                   .row_count = {},
                   .bytes = {},
                   .schema_hash = {}};
    return verdict(claim);
  }

  test::MemoryStore engine_;
  ObjectStore& store_;
  CommitClaim claim_;
};

TEST_F(CommitVerifierTest, GivesTheFactsOfACommit) {
  const auto facts = verify_commit(store_, claim_);
  ASSERT_TRUE(facts.ok()) << facts.error().describe();
  EXPECT_EQ(facts->location, claim_.named.prefix);
  EXPECT_EQ(facts->manifest_sha256, claim_.named.manifest_sha256);
  EXPECT_EQ(facts->row_count, 10);
  EXPECT_EQ(facts->bytes, *claim_.named.bytes);
  EXPECT_EQ(facts->schema_hash, "blake3:abc");
  EXPECT_EQ(facts->objects.size(), 2U);
  claim_.named.row_count.reset();
  claim_.named.bytes.reset();
  claim_.named.schema_hash.reset();
  EXPECT_EQ(verdict(claim_), "ok") << "counts may be left out";
}

TEST_F(CommitVerifierTest, TakesACommitWithoutObjectsAndOneOfTheMost) {
  EXPECT_EQ(verdict(*write_commit(store_, place("empty"), "0-9", 0)), "ok");
  EXPECT_EQ(verdict(*write_commit(store_, place("large"), "0-9", 1024)), "ok");
}

TEST_F(CommitVerifierTest, CallsACommitIncompleteWithoutMarkerOrManifest) {
  EXPECT_TRUE(store_.remove(key(kManifestName)).ok());
  EXPECT_EQ(verdict(claim_), "commit_incomplete");
  EXPECT_TRUE(store_.remove(key(kSuccessName)).ok());
  EXPECT_EQ(verdict(claim_), "commit_incomplete");
}

TEST_F(CommitVerifierTest, CallsACommitIncompleteWhoseMarkerIsNotEmpty) {
  replace(kSuccessName, "x");
  EXPECT_EQ(verdict(claim_), "commit_incomplete");
}

TEST_F(CommitVerifierTest, RefusesAnAlteredOrTruncatedManifest) {
  const std::string text = *get_text(store_, key(kManifestName), 1 << 20);
  for (std::size_t at = 0; at < text.size(); at += 7) {
    std::string altered = text;
    altered[at] ^= 1;
    replace(kManifestName, altered);
    EXPECT_EQ(verdict(claim_), "manifest_invalid");
    replace(kManifestName, text.substr(0, at));
    EXPECT_EQ(verdict(claim_), "manifest_invalid");
    // Even if the emitter names the hash of what is there now.
    CommitClaim claim = claim_;
    claim.named.manifest_sha256 = base::sha256_hex(text.substr(0, at));
    EXPECT_EQ(verdict(claim), "manifest_invalid");
  }
  replace(kManifestName, std::string((1 << 20) + 1, ' '));
  EXPECT_EQ(verdict(claim_), "manifest_invalid");
  replace(kManifestName, text);
  EXPECT_EQ(verdict(claim_), "ok");
}

TEST_F(CommitVerifierTest, RefusesAManifestOfAnotherPartitionOrVersion) {
  EXPECT_EQ(verdict_of_manifest([](CommitManifest&) {}), "ok");
  EXPECT_EQ(verdict_of_manifest([](CommitManifest& m) { m.partition_key = "10-19"; }),
            "manifest_invalid");
  EXPECT_EQ(verdict_of_manifest([](CommitManifest& m) {
              m.partition_key = "0-9";
              m.version = test::id<DatasetVersionId>("other");
            }),
            "manifest_invalid");
  EXPECT_EQ(verdict_of_manifest([](CommitManifest& m) {
              m.version = place().version;
              m.dataset = test::id<DatasetUuid>("other");
            }),
            "manifest_invalid");
}

TEST_F(CommitVerifierTest, RefusesObjectsThatAreNotThereOrOfAnotherSize) {
  replace("part_0.parquet", "short");
  EXPECT_EQ(verdict(claim_), "manifest_invalid");
  EXPECT_TRUE(store_.remove(key("part_0.parquet")).ok());
  EXPECT_EQ(verdict(claim_), "manifest_invalid");
}

TEST_F(CommitVerifierTest, RefusesCountsThatAreNotTheManifests) {
  CommitClaim claim = claim_;
  claim.named.row_count = 11;
  EXPECT_EQ(verdict(claim), "manifest_invalid");
  claim = claim_;
  claim.named.bytes = 0;
  EXPECT_EQ(verdict(claim), "manifest_invalid");
  claim = claim_;
  claim.named.schema_hash = "blake3:def";
  EXPECT_EQ(verdict(claim), "manifest_invalid");
  claim = claim_;
  claim.named.manifest_sha256 = "";
  EXPECT_EQ(verdict(claim), "manifest_invalid");
}

TEST_F(CommitVerifierTest, RefusesEveryPrefixButTheOneOfThisAttemptAndPartition) {
  const auto later = write_commit(store_, place("task", 2), "0-9");
  const auto other_task = write_commit(store_, place("other"), "0-9");
  const auto other_partition = write_commit(store_, place(), "10-19");
  const std::string root = store_.root().uri();
  const std::string own = claim_.named.prefix;
  for (const std::string& prefix :
       {later->named.prefix, other_task->named.prefix, other_partition->named.prefix, root,
        std::string(), own.substr(0, own.size() - 1), own + "../0-9/", own + "/", own + "x/",
        root + staging_prefix(place()).text(), std::string("file:///etc/"),
        "s3://other/" + partition_prefix(place(), "0-9").text()}) {
    CommitClaim claim = claim_;
    claim.named.prefix = prefix;
    EXPECT_EQ(verdict(claim), "manifest_invalid") << prefix;
  }
  CommitClaim stolen = *later;
  stolen.place = place();
  EXPECT_EQ(verdict(stolen), "manifest_invalid") << "an old attempt with the new one's prefix";
}

TEST_F(CommitVerifierTest, SaysThatTheStoreIsDown) {
  base::SeededRandom random(1);
  FaultyObjectStore lost(store_, random, {.call_lost = 100}, 1'000'000);
  EXPECT_EQ(verdict(lost, claim_), "unavailable");
  for (int before = 0; before < 4; ++before) {
    FaultyObjectStore later(store_, random, {.reply_lost = 40}, 1);
    const std::string said = verdict(later, claim_);
    EXPECT_TRUE(said == "ok" || said == "unavailable") << said;
  }
}

TEST_F(CommitVerifierTest, AsksForEachObjectThatAListingLeftOut) {
  base::SeededRandom random(1);
  FaultyObjectStore holes(store_, random, {.list_short = 30, .list_holes = 80}, 1'000'000);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(verdict(holes, claim_), "ok");
}

TEST_F(CommitVerifierTest, ShowsReadersWhatTheManifestListsAndNothingElse) {
  replace("extra.parquet", "of nobody");
  const auto objects = resolve_commit(
      store_, {.location = claim_.named.prefix, .manifest_sha256 = claim_.named.manifest_sha256});
  ASSERT_TRUE(objects.ok());
  ASSERT_EQ(objects->size(), 2U);
  EXPECT_EQ((*objects)[0].key, key("part_0.parquet"));
  EXPECT_EQ((*objects)[1].key, key("part_1.parquet"));
  replace(kManifestName, "{}");
  EXPECT_EQ(
      resolve_commit(store_, {claim_.named.prefix, claim_.named.manifest_sha256}).error().reason(),
      "commit_damaged");
  EXPECT_EQ(resolve_commit(store_, {"file:///etc/", claim_.named.manifest_sha256}).error().reason(),
            "uri_invalid");
}

}  // namespace
}  // namespace weir::storage
