// SPDX-License-Identifier: Apache-2.0
#include "storage/commit_manifest.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <span>

#include "base/canonical_json.h"
#include "base/json.h"
#include "base/text.h"
#include "base/uuid.h"
#include "storage/limits.h"
#include "storage/object_key.h"

namespace weir::storage {
namespace {

constexpr std::int64_t kIntegerMax = (std::int64_t{1} << 53) - 1;  // section 0, integers
constexpr std::array<std::string_view, 6> kMembers = {"manifest_version", "dataset_uuid",
                                                      "dataset_version",  "partition_key",
                                                      "objects",          "schema_hash"};
constexpr std::array<std::string_view, 4> kObjectMembers = {"key", "size", "sha256", "rows"};

Error manifest_fault(std::string_view what) {
  return base::failed_precondition("manifest_invalid", "the manifest " + std::string(what));
}

bool is_hash(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

/// A key that stays below the prefix: the rules of ObjectKey, and the suffix.
bool is_manifest_key(std::string_view key) {
  return key.ends_with(".parquet") && !key.starts_with('/') &&
         ObjectKey::parse("p/" + std::string(key)).ok();
}

/// Exactly these members, each once.
bool has_members(JsonValue object, std::span<const std::string_view> names) {
  if (!object.is_object() || object.size() != names.size()) return false;
  return std::ranges::none_of(names,
                              [&](std::string_view name) { return object.find(name).missing(); });
}

std::optional<std::int64_t> integer(JsonValue value) {
  if (value.missing() || value.kind() != JsonKind::Integer) return {};
  std::int64_t number = 0;
  const std::string_view token = value.text();
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), number);
  if (error != std::errc() || end != token.data() + token.size()) return {};
  return number;
}

template <class Id>
std::optional<Id> id(JsonValue value) {
  const auto uuid = value.is_text() ? base::Uuid::parse(value.text()) : std::nullopt;
  if (!uuid || uuid->text() != value.text()) return {};
  return Id(*uuid);
}

Result<ManifestObject> read_object(JsonValue value) {
  if (!has_members(value, kObjectMembers)) {
    return manifest_fault("has an object without exactly key, size, sha256 and rows");
  }
  const auto size = integer(value.find("size"));
  const auto rows = integer(value.find("rows"));
  if (!size || !rows) return manifest_fault("has a size or rows that is no integer");
  if (!value.find("key").is_text() || !value.find("sha256").is_text()) {
    return manifest_fault("has a key or sha256 that is no text");
  }
  return ManifestObject{.key = std::string(value.find("key").text()),
                        .size = *size,
                        .sha256 = std::string(value.find("sha256").text()),
                        .rows = *rows};
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  base::append_json_text(out, name);
  out += ':';
  base::append_json_text(out, text);
  out += ',';
}

}  // namespace

std::int64_t CommitManifest::row_count() const {
  std::int64_t sum = 0;
  for (const ManifestObject& object : objects) sum += object.rows;
  return sum;
}

std::int64_t CommitManifest::bytes() const {
  std::int64_t sum = 0;
  for (const ManifestObject& object : objects) sum += object.size;
  return sum;
}

Result<void> check_manifest(const CommitManifest& manifest) {
  if (manifest.partition_key.empty() || manifest.partition_key.size() > kPartitionKeyBytesMax ||
      !base::is_utf8(manifest.partition_key)) {
    return manifest_fault("has no partition key of 1 to 256 bytes");
  }
  if (manifest.schema_hash.size() > kSchemaHashBytesMax || !base::is_utf8(manifest.schema_hash)) {
    return manifest_fault("has a schema hash that is too long");
  }
  if (manifest.objects.size() > kManifestObjectsMax)
    return manifest_fault("lists more than 1024 objects");
  std::set<std::string_view> keys;
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  for (const ManifestObject& object : manifest.objects) {
    if (!is_manifest_key(object.key)) {
      return manifest_fault("has a key that is no plain relative name ending in .parquet");
    }
    if (!keys.insert(object.key).second)
      return manifest_fault("lists an object twice: " + object.key);
    if (!is_hash(object.sha256)) return manifest_fault("has a sha256 that is none: " + object.key);
    if (object.size < 0 || object.size > kIntegerMax - bytes || object.rows < 0 ||
        object.rows > kIntegerMax - rows) {
      return manifest_fault("has a size or rows out of range: " + object.key);
    }
    bytes += object.size;
    rows += object.rows;
  }
  return {};
}

Result<std::string> write_manifest(const CommitManifest& manifest) {
  WEIR_CHECK(check_manifest(manifest));
  std::string text = "{\"manifest_version\":1,";
  append_member(text, "dataset_uuid", manifest.dataset.text());
  append_member(text, "dataset_version", manifest.version.text());
  append_member(text, "partition_key", manifest.partition_key);
  append_member(text, "schema_hash", manifest.schema_hash);
  text += "\"objects\":[";
  for (const ManifestObject& object : manifest.objects) {
    text += &object == manifest.objects.data() ? "{" : ",{";
    append_member(text, "key", object.key);
    append_member(text, "sha256", object.sha256);
    text += "\"size\":" + std::to_string(object.size);
    text += ",\"rows\":" + std::to_string(object.rows) + "}";
  }
  text += "]}";
  WEIR_TRY(const auto document, JsonDocument::parse(text));
  text = base::canonical_json(document.root());
  if (text.size() > kManifestBytesMax) return manifest_fault("is larger than 1 MiB");
  return text;
}

Result<CommitManifest> read_manifest(std::string_view text) {
  if (text.size() > kManifestBytesMax) return manifest_fault("is larger than 1 MiB");
  const auto document = JsonDocument::parse(text, {.depth_max = 4, .bytes_max = kManifestBytesMax});
  if (!document.ok()) return manifest_fault("is no JSON of its form");
  const JsonValue root = document->root();
  if (!has_members(root, kMembers))
    return manifest_fault("has not exactly the members it must have");
  if (integer(root.find("manifest_version")) != 1) return manifest_fault("is not of version 1");
  const auto dataset = id<DatasetUuid>(root.find("dataset_uuid"));
  const auto version = id<DatasetVersionId>(root.find("dataset_version"));
  if (!dataset || !version) return manifest_fault("names no dataset or version");
  if (!root.find("partition_key").is_text()) return manifest_fault("has no partition key");
  if (!root.find("schema_hash").is_text()) return manifest_fault("has no schema hash");
  if (!root.find("objects").is_array()) return manifest_fault("has no list of objects");
  CommitManifest manifest{.dataset = *dataset,
                          .version = *version,
                          .partition_key = std::string(root.find("partition_key").text()),
                          .objects = {},
                          .schema_hash = std::string(root.find("schema_hash").text())};
  if (root.find("objects").size() > kManifestObjectsMax) {
    return manifest_fault("lists more than 1024 objects");
  }
  manifest.objects.reserve(root.find("objects").size());
  for (const JsonValue value : root.find("objects")) {
    WEIR_TRY(auto object, read_object(value));
    manifest.objects.push_back(std::move(object));
  }
  WEIR_CHECK(check_manifest(manifest));
  return manifest;
}

}  // namespace weir::storage
