// SPDX-License-Identifier: Apache-2.0
#include "storage/commit_writer.h"

#include <algorithm>
#include <utility>

#include "base/blake3.h"
#include "storage/limits.h"

namespace weir::storage {

CommitWriter::CommitWriter(ObjectStore& store, const StagingPlace& place, std::string partition_key)
    : store_(store), prefix_(partition_prefix(place, partition_key)) {
  manifest_.dataset = place.dataset;
  manifest_.version = place.version;
  manifest_.partition_key = std::move(partition_key);
}

Result<void> CommitWriter::put(std::string_view name, ByteSource& source, std::int64_t rows) {
  if (closed_) return base::failed_precondition("commit_closed", "the commit is finished");
  if (!name.ends_with(".parquet")) {
    return base::invalid_argument("key_invalid", "an object of a commit ends in .parquet");
  }
  WEIR_TRY(const auto key, prefix_.key(name));
  WEIR_TRY(const auto stat, store_.put(key, source, {.existing = Existing::Refuse}));
  return note(name, stat, rows);
}

Result<void> CommitWriter::adopt(std::string_view name, std::int64_t rows) {
  if (closed_) return base::failed_precondition("commit_closed", "the commit is finished");
  WEIR_TRY(const auto key, prefix_.key(name));
  WEIR_TRY(const auto stat, store_.stat(key, Checksum::Read));
  return note(name, stat, rows);
}

Result<void> CommitWriter::note(std::string_view name, const ObjectStat& stat, std::int64_t rows) {
  const ManifestObject object{.key = std::string(name),
                              .size = static_cast<std::int64_t>(stat.size),
                              .sha256 = stat.sha256,
                              .rows = rows};
  const auto known = std::ranges::find(manifest_.objects, object.key, &ManifestObject::key);
  if (known != manifest_.objects.end()) {
    if (*known == object) return {};
    return base::failed_precondition("manifest_invalid",
                                     object.key + " is listed with other facts");
  }
  manifest_.objects.push_back(object);
  auto checked = check_manifest(manifest_);
  if (!checked.ok()) manifest_.objects.pop_back();
  return checked;
}

Result<CommitNamed> CommitWriter::finish(std::string_view schema_hash) {
  if (!closed_) manifest_.schema_hash = schema_hash;
  WEIR_TRY(const std::string text, write_manifest(manifest_));
  closed_ = true;
  WEIR_TRY(const auto manifest_key, prefix_.key(kManifestName));
  WEIR_TRY(const auto success_key, prefix_.key(kSuccessName));
  WEIR_TRY(const auto put, put_text(store_, manifest_key, text));
  WEIR_CHECK(put_text(store_, success_key, ""));
  return CommitNamed{.prefix = store_.root().uri_of(prefix_),
                     .manifest_sha256 = put.sha256,
                     .row_count = manifest_.row_count(),
                     .bytes = manifest_.bytes(),
                     .schema_hash = manifest_.schema_hash};
}

}  // namespace weir::storage
