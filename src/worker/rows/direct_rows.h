// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/pool.h"
#include "graph/task_ids.h"
#include "worker/rows/table_shape.h"

namespace weir::worker {

/// How sessions of schema `data` are made: bounded, of UTC, as `role` unless that is empty.
postgres::ConnectOptions data_connect_options(std::string dsn, const std::string& role);

/// Whose rows are written, and where.
struct RowsTarget {
  graph::TaskId task_id;
  std::int64_t fence_no = 0;
  graph::DatasetVersionId version;
  std::string scope;     ///< the partition's key, or the cursor
  bool replace = false;  ///< else the rows are upserted by the table's key
};

struct RowsWritten {
  std::int64_t rows = 0;
  /// False: this task had written them before, or a newer claim wrote; nothing was changed.
  bool applied = false;
};

/// Rows that are asked for: a range of one column, both ends inclusive, in the order of that
/// column and the key. A bound of a time may be epoch seconds.
struct RowsRange {
  graph::DatasetVersionId version;
  std::string where = "{}";        ///< a filter (section 2.5.2) as JSON
  std::string cursor_column = {};  ///< empty: no range, ordered by the key
  std::optional<std::string> start = {};
  std::optional<std::string> end = {};
};

/// Fills the beginning with the next bytes, says how many; 0 at the end.
using RowsBody = std::function<Result<std::size_t>(std::span<char>)>;
using RowsSink = std::function<Result<void>(std::string_view)>;

/// Rows of `direct` outputs in schema `data` (contract section 6.7, "Table outputs"): each write is
/// one transaction under the marker of its version and scope, so a run that was killed is repeated,
/// one that committed is recognised, and a paused old attempt meets the number of a newer claim.
/// Any thread.
class DirectRows {
 public:
  /// `pool` outlives it; its connections are made by data_connect_options.
  explicit DirectRows(postgres::Pool& pool) : pool_(pool) {}

  /// Writes JSON Lines. INVALID_ARGUMENT `rows_invalid` (a fault has the line), FAILED_PRECONDITION
  /// `unique_key_conflict` (one key, two contents) and `not_supported` (no table, or no key to
  /// append by); UNAVAILABLE, DEADLINE_EXCEEDED and ABORTED of the database: repeat it. After any
  /// error nothing of it is there, except that a lost reply to a commit is asked after once.
  Result<RowsWritten> write(const RowsTarget& target, const RowsBody& body);

  /// The declared columns of a version's table, in their order. FAILED_PRECONDITION `not_supported`
  /// if it has none.
  Result<std::vector<Column>> columns(const graph::DatasetVersionId& version);

  /// Gives rows as JSON Lines, in pieces, of one snapshot. INVALID_ARGUMENT `invalid_request` for a
  /// column or bound that does not fit.
  Result<void> read(const RowsRange& range, const RowsSink& sink);

  /// Deletes them, in one transaction; gives how many there were.
  Result<std::int64_t> remove(const RowsRange& range);

 private:
  Result<RowsWritten> look_up(const RowsTarget& target);

  postgres::Pool& pool_;
};

}  // namespace weir::worker
