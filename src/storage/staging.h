// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "graph/task_ids.h"
#include "storage/object_key.h"

/// Where things stand in the object store (contract section 4, object layout).
namespace weir::storage {

using graph::DatasetUuid;
using graph::DatasetVersionId;
using graph::TaskId;

/// What an attempt's objects are for: one output of one task's build.
struct StagingPlace {
  DatasetUuid dataset;
  DatasetVersionId version;
  TaskId task;
  int attempt = 1;

  friend bool operator==(const StagingPlace&, const StagingPlace&) = default;
};

/// `datasets/<dataset_uuid>/<dataset_version>/`.
ObjectPrefix version_prefix(const DatasetUuid& dataset, const DatasetVersionId& version);
/// `datasets/<dataset_uuid>/<dataset_version>/_staging/<task_id>/<attempt>/`: all that an attempt
/// may write of an output.
ObjectPrefix staging_prefix(const StagingPlace& place);
/// `scratch/<task_id>/<attempt>/`.
ObjectPrefix scratch_prefix(const TaskId& task, int attempt);

/// The segment of a partition below the attempt's staging prefix: the key itself if it is of
/// `[A-Za-z0-9._-]`, begins with a letter, a digit or `-`, and has at most 128 bytes; any other key
/// is `_` and its SHA-256 in hex. So two keys never share a segment, and no key climbs.
std::string partition_segment(std::string_view partition_key);
/// `<staging_prefix><partition_segment>/`: what a commit of that partition names.
ObjectPrefix partition_prefix(const StagingPlace& place, std::string_view partition_key);

/// The names of the two objects that make a prefix a commit.
inline constexpr std::string_view kManifestName = "_manifest.json";
inline constexpr std::string_view kSuccessName = "_SUCCESS";

/// The staging or scratch prefix of an attempt that a key stands in; nothing if in none.
std::optional<ObjectPrefix> attempt_of(const ObjectKey& key);

}  // namespace weir::storage
