// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "operators/range_windows.h"
#include "operators/task_payload.h"

namespace weir::operators {

/// The payload of an aggregator's events (contract section 6.12): what a batch covers, and whose
/// rows it speaks of.
struct BatchManifest {
  DatasetUuid dataset;
  DatasetVersionId version;
  std::optional<std::string> dataset_id = {};
  std::string cursor_column;
  WindowMode mode = WindowMode::Range;
  Batch batch;
};

/// One line of JSON; `first_seq` and `last_seq` are null in an empty window.
JsonText write_batch_manifest(const BatchManifest& manifest);

/// What a `parquet_compact` takes from the payload of its partition.
struct ManifestSource {
  std::optional<DatasetUuid> dataset = {};
  std::optional<DatasetVersionId> version = {};
  std::optional<std::string> cursor_column = {};
  std::optional<CursorRange> range = {};
};

/// Reads as much of a manifest as the payload holds; a payload that is none gives nothing of it.
/// Fatal `manifest_invalid` where a member has the wrong type.
Result<ManifestSource> read_manifest_source(std::string_view payload);

}  // namespace weir::operators
