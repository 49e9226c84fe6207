// SPDX-License-Identifier: Apache-2.0
#include "storage/staging.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/assert.h"
#include "base/blake3.h"
#include "base/text.h"
#include "base/uuid.h"
#include "storage/limits.h"

namespace weir::storage {
namespace {

/// Of names that are made of ids and fixed words, so that they always are prefixes.
ObjectPrefix must(Result<ObjectPrefix> prefix) {
  WEIR_ASSERT(prefix.ok());
  return *std::move(prefix);
}

bool is_id(std::string_view text) {
  const auto uuid = base::Uuid::parse(text);
  return uuid && uuid->text() == text;
}

bool is_attempt(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number >= 1 &&
         std::to_string(number) == text;
}

}  // namespace

ObjectPrefix version_prefix(const DatasetUuid& dataset, const DatasetVersionId& version) {
  return must(ObjectPrefix::parse("datasets/" + dataset.text() + "/" + version.text() + "/"));
}

ObjectPrefix staging_prefix(const StagingPlace& place) {
  return must(version_prefix(place.dataset, place.version)
                  .below("_staging/" + place.task.text() + "/" + std::to_string(place.attempt)));
}

ObjectPrefix scratch_prefix(const TaskId& task, int attempt) {
  return must(ObjectPrefix::parse("scratch/" + task.text() + "/" + std::to_string(attempt) + "/"));
}

std::string partition_segment(std::string_view partition_key) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  const auto plain = [&](char c) { return letter(c) || c == '.' || c == '_'; };
  if (!partition_key.empty() && partition_key.size() <= kPartitionSegmentBytesMax &&
      letter(partition_key.front()) && std::ranges::all_of(partition_key, plain)) {
    return std::string(partition_key);
  }
  return "_" + base::sha256_hex(partition_key);
}

ObjectPrefix partition_prefix(const StagingPlace& place, std::string_view partition_key) {
  return must(staging_prefix(place).below(partition_segment(partition_key)));
}

std::optional<ObjectPrefix> attempt_of(const ObjectKey& key) {
  const auto parts = base::split(key.view(), '/');
  const bool staging = parts.size() > 6 && parts[0] == "datasets" && is_id(parts[1]) &&
                       is_id(parts[2]) && parts[3] == "_staging" && is_id(parts[4]) &&
                       is_attempt(parts[5]);
  const bool scratch =
      parts.size() > 3 && parts[0] == "scratch" && is_id(parts[1]) && is_attempt(parts[2]);
  if (!staging && !scratch) return {};
  const std::string_view last = staging ? parts[5] : parts[2];
  const auto end = static_cast<std::size_t>(last.data() + last.size() - key.view().data());
  return must(ObjectPrefix::parse(key.view().substr(0, end + 1)));
}

}  // namespace weir::storage
