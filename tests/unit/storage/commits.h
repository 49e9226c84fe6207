// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/blake3.h"
#include "base/uuid.h"
#include "storage/commit_manifest.h"
#include "storage/commit_verifier.h"
#include "storage/commit_writer.h"

/// Ids, manifests and commits for the tests of object storage.
namespace weir::test {

template <class Id>
Id id(std::string_view name) {
  return Id(base::uuid_v5(base::kUuidOfDns, name));
}

/// The reason word of a failure, or "ok".
template <class T>
std::string reason_of(const Result<T>& result) {
  return result.ok() ? "ok" : result.error().reason();
}

inline storage::StagingPlace place(std::string_view task = "task", int attempt = 1) {
  return {.dataset = id<storage::DatasetUuid>("dataset"),
          .version = id<storage::DatasetVersionId>("version"),
          .task = id<storage::TaskId>(task),
          .attempt = attempt};
}

inline storage::CommitManifest manifest_of(std::size_t objects) {
  storage::CommitManifest manifest{.dataset = place().dataset,
                                   .version = place().version,
                                   .partition_key = "0-9999",
                                   .objects = {},
                                   .schema_hash = "blake3:abc"};
  for (std::size_t i = 0; i < objects; ++i) {
    const std::string name = "part_0_9999_" + std::to_string(i) + ".parquet";
    manifest.objects.push_back({.key = name,
                                .size = 100 + static_cast<std::int64_t>(i),
                                .sha256 = base::sha256_hex(name),
                                .rows = 10});
  }
  return manifest;
}

/// Writes a commit of `objects` objects; its claim is right.
inline Result<storage::CommitClaim> write_commit(storage::ObjectStore& store,
                                                 const storage::StagingPlace& place,
                                                 const std::string& partition, int objects = 2) {
  storage::CommitWriter writer(store, place, partition);
  for (int i = 0; i < objects; ++i) {
    const std::string name = "part_" + std::to_string(i) + ".parquet";
    const std::string bytes = "rows of " + partition + " " + name;
    storage::TextSource source(bytes);
    WEIR_CHECK(writer.put(name, source, 5));
  }
  WEIR_TRY(const auto named, writer.finish("blake3:abc"));
  return storage::CommitClaim{.place = place, .partition_key = partition, .named = named};
}

}  // namespace weir::test
