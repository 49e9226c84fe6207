// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "graph/task_ids.h"

namespace weir::storage {

using graph::DatasetUuid;
using graph::DatasetVersionId;

/// One object of a commit.
struct ManifestObject {
  std::string key;  ///< below the commit's prefix
  std::int64_t size = 0;
  std::string sha256;  ///< lower-case hex
  std::int64_t rows = 0;

  friend bool operator==(const ManifestObject&, const ManifestObject&) = default;
};

/// `_manifest.json` of a commit (contract section 6.7): what a reader may open, and nothing else
/// is.
struct CommitManifest {
  DatasetUuid dataset;
  DatasetVersionId version;
  std::string partition_key;
  std::vector<ManifestObject> objects;  ///< in the writer's order; none: an empty partition
  std::string schema_hash;

  std::int64_t row_count() const;
  std::int64_t bytes() const;

  friend bool operator==(const CommitManifest&, const CommitManifest&) = default;
};

/// Checks a manifest's content against section 6.7: distinct relative keys without `..`, backslash
/// or empty segments, each ending in `.parquet`; at most 1024 objects; sizes, rows and their sums
/// in 0 … 2^53-1; hashes of 64 hex digits; partition key of 1 … 256 bytes. FAILED_PRECONDITION
/// `manifest_invalid`, which names what is wrong.
Result<void> check_manifest(const CommitManifest& manifest);

/// The manifest's text: canonical JSON, so that the same manifest has the same hash.
/// `manifest_invalid` if it does not pass `check_manifest` or is larger than 1 MiB.
Result<std::string> write_manifest(const CommitManifest& manifest);

/// Reads and checks a manifest. Every member must be there, once, and no other. `manifest_invalid`.
Result<CommitManifest> read_manifest(std::string_view text);

}  // namespace weir::storage
