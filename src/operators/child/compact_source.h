// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "operators/child/context.h"

namespace weir::operators {

/// What a parquet_compact is to do, from its config and its trigger (contract section 6.13).
struct CompactPlan {
  std::string partition_key;
  CursorRange range;
  std::string cursor_column;
  const TaskInput* source = nullptr;  ///< in the payload
  std::int64_t rows_per_file = 100'000;
  std::int64_t finality_depth = 0;
  bool delete_after = false;

  /// Fatal `config_invalid`, `range_missing`, `cursor_column_missing`, `source_not_granted`,
  /// `nothing_to_compact`.
  static Result<CompactPlan> of(const TaskPayload& payload);
};

/// Retryable `not_final` while rows of the range may still change: if its end is beyond the
/// source's newest cursor less the depth. Where the payload does not say that cursor, and the depth
/// is not 0, the source is asked for a row that is new enough.
Result<void> check_final(const CompactPlan& plan, TaskApi& api);

/// A relation of the engine that holds the source's rows.
struct LoadedSource {
  std::string table;
  std::string cursor;   ///< expression: the row's cursor as a bigint
  std::string columns;  ///< list of a SELECT
  std::string schema_hash;
};

/// Brings the rows of the range, and perhaps others, into the engine: from the files of the granted
/// commits where the payload lists them, else through the task API.
Result<LoadedSource> load_source(const CompactPlan& plan, const OperatorContext& context,
                                 duckdb::Engine& engine, const WorkFolder& work,
                                 storage::ObjectStore& store);

}  // namespace weir::operators
