// SPDX-License-Identifier: Apache-2.0
#include "storage/commit_manifest.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/blake3.h"
#include "base/canonical_json.h"
#include "base/random.h"
#include "storage/limits.h"
#include "tests/unit/storage/commits.h"

namespace weir::storage {
namespace {

using nlohmann::json;
using test::manifest_of;

json as_json(const CommitManifest& manifest) { return json::parse(*write_manifest(manifest)); }

TEST(CommitManifest, IsReadAsItWasWritten) {
  for (const std::size_t objects : {0U, 1U, 3U, 1024U}) {
    const CommitManifest manifest = manifest_of(objects);
    const auto text = write_manifest(manifest);
    ASSERT_TRUE(text.ok());
    const auto read = read_manifest(*text);
    ASSERT_TRUE(read.ok()) << read.error().describe();
    EXPECT_EQ(*read, manifest);
  }
}

TEST(CommitManifest, HasOneTextAndTheSumsOfItsObjects) {
  const CommitManifest manifest = manifest_of(2);
  const std::string text = *write_manifest(manifest);
  const auto document = JsonDocument::parse(text);
  EXPECT_EQ(base::canonical_json(document->root()), text);
  EXPECT_EQ(manifest.row_count(), manifest.objects[0].rows + manifest.objects[1].rows);
  EXPECT_EQ(manifest.bytes(), manifest.objects[0].size + manifest.objects[1].size);
}

TEST(CommitManifest, IsReadWhateverOrderAndBlanksItHas) {
  const CommitManifest manifest = manifest_of(2);
  EXPECT_EQ(*read_manifest(as_json(manifest).dump(2)), manifest);
}

void expect_refused(const std::string& text, const std::string& what) {
  const auto read = read_manifest(text);
  ASSERT_FALSE(read.ok()) << what;
  EXPECT_EQ(read.error().reason(), "manifest_invalid") << what;
}

TEST(CommitManifest, RefusesHostileKeys) {
  for (const char* key : {"../x.parquet",
                          "a/../x.parquet",
                          "/x.parquet",
                          "a//x.parquet",
                          "./x.parquet",
                          "a\\x.parquet",
                          "..\\x.parquet",
                          "x",
                          "x.csv",
                          "x.parquet/",
                          "",
                          "x.parquet ",
                          "%2e%2e/x.parquet",
                          "a/*.parquet",
                          "x?.parquet",
                          "file:///etc/x.parquet",
                          "_SUCCESS",
                          "x.PARQUET",
                          "a\u0000.parquet",
                          "a/..",
                          "https://host/x.parquet"}) {
    json changed = as_json(manifest_of(2));
    changed["objects"][1]["key"] = key;
    expect_refused(changed.dump(), key);
  }
}

TEST(CommitManifest, RefusesAKeyThatIsListedTwice) {
  json changed = as_json(manifest_of(2));
  changed["objects"][1]["key"] = changed["objects"][0]["key"];
  expect_refused(changed.dump(), "twice");
}

TEST(CommitManifest, RefusesWhatIsMissingUnknownOrOfAnotherKind) {
  const json good = as_json(manifest_of(1));
  const std::vector<json> others = {nullptr, true, 7.5, -1, "x", json::array(), json::object()};
  for (const auto& [name, value] : good.items()) {
    json changed = good;
    changed.erase(name);
    expect_refused(changed.dump(), "without " + name);
    for (const json& other : others) {
      if (name == "partition_key" && other.is_string()) continue;
      if (name == "schema_hash" && other.is_string()) continue;
      if (name == "objects" && other == json::array()) continue;
      changed = good;
      changed[name] = other;
      expect_refused(changed.dump(), name + " = " + other.dump());
    }
  }
  for (const auto& [name, value] : good["objects"][0].items()) {
    json changed = good;
    changed["objects"][0].erase(name);
    expect_refused(changed.dump(), "object without " + name);
    for (const json& other : others) {
      changed = good;
      changed["objects"][0][name] = other;
      expect_refused(changed.dump(), "object's " + name + " = " + other.dump());
    }
  }
  json changed = good;
  changed["more"] = 1;
  expect_refused(changed.dump(), "a member more");
  changed = good;
  changed["manifest_version"] = 2;
  expect_refused(changed.dump(), "version 2");
  std::string twice = good.dump();
  twice.insert(1, "\"manifest_version\":1,");
  expect_refused(twice, "a member twice");
}

TEST(CommitManifest, RefusesSizesThatOverflow) {
  for (const char* name : {"size", "rows"}) {
    json changed = as_json(manifest_of(2));
    changed["objects"][0][name] = (std::int64_t{1} << 53) - 1;
    changed["objects"][1][name] = 1;
    expect_refused(changed.dump(), "a sum past 2^53 - 1");
    changed["objects"][1][name] = 0;
    EXPECT_TRUE(read_manifest(changed.dump()).ok());
    changed["objects"][0][name] = std::uint64_t{1} << 63;
    expect_refused(changed.dump(), "a number past int64");
  }
}

TEST(CommitManifest, KeepsItsBounds) {
  EXPECT_FALSE(write_manifest(manifest_of(kManifestObjectsMax + 1)).ok());
  CommitManifest large = manifest_of(kManifestObjectsMax);
  for (std::size_t i = 0; i < large.objects.size(); ++i) {
    large.objects[i].key = std::string(250, 'a') + "/" + std::string(250, 'b') + "/" +
                           std::string(250, 'c') + "/" + std::string(200, 'd') + std::to_string(i) +
                           ".parquet";
  }
  const auto text = write_manifest(large);
  ASSERT_FALSE(text.ok());
  EXPECT_EQ(text.error().reason(), "manifest_invalid");
  expect_refused(std::string(kManifestBytesMax + 1, ' '), "1 MiB and a byte");
  expect_refused(std::string(1000, '['), "deep");
}

TEST(CommitManifest, IsRefusedWhereverItIsCutOff) {
  const std::string text = *write_manifest(manifest_of(2));
  for (std::size_t length = 0; length < text.size(); ++length) {
    expect_refused(text.substr(0, length), "cut at " + std::to_string(length));
  }
}

TEST(CommitManifest, SurvivesRandomBytes) {
  base::SeededRandom random(5);
  const std::string text = *write_manifest(manifest_of(3));
  for (int i = 0; i < 20'000; ++i) {
    std::string changed = text;
    for (std::uint64_t n = 0; n <= random.below(3); ++n) {
      changed[random.below(changed.size())] = static_cast<char>(random.next());
    }
    const auto read = read_manifest(changed);
    if (read.ok()) {
      EXPECT_TRUE(check_manifest(*read).ok());
    } else {
      EXPECT_EQ(read.error().reason(), "manifest_invalid");
    }
  }
}

}  // namespace
}  // namespace weir::storage
