// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dispatcher/ports/task_context.h"

namespace weir::dispatcher {

/// A version that a task asks to read: by its id, or the current one of a published name.
struct VersionAsk {
  std::optional<DatasetVersionId> version = {};
  std::string dataset_id = {};
};

/// A current partition of a parquet version.
struct PartitionFacts {
  std::string partition_key;
  std::string location;  ///< URI of the commit's prefix
  std::string manifest_sha256;
};

/// A version and what a reader of it must know.
struct VersionFacts {
  DatasetUuid dataset;
  DatasetVersionId version;
  std::string dataset_id;  ///< published name; empty if it has none
  DatasetKind kind = DatasetKind::Events;
  std::string schema_json;  ///< empty for none
  std::optional<std::int64_t> max_cursor;
  /// Of kind parquet, by key: at most kPartitionsListed, then nothing.
  std::optional<std::vector<PartitionFacts>> partitions;
};
inline constexpr std::size_t kPartitionsListed = 10'000;

/// Port: versions of datasets, as an executor reads them (contract sections 3.1 and 6.13). Any
/// thread. Faults: UNAVAILABLE `unavailable`.
class DatasetReader {
 public:
  virtual ~DatasetReader() = default;

  /// In the order asked; nothing for one that the organisation does not have. One statement each
  /// for versions and partitions.
  virtual Result<std::vector<std::optional<VersionFacts>>> versions(
      const OrgId& org, std::span<const VersionAsk> asked) = 0;
};

}  // namespace weir::dispatcher
