// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "drivers/postgres/params.h"
#include "worker/rows/direct_rows.h"
#include "worker/rows/row_batch.h"
#include "worker/rows/table_shape.h"

/// The SQL that depends on a table's columns.
namespace weir::worker {

/// Inserts a batch. With a key it upserts where the stored number is not greater, and gives
/// (rows written, whether a key came with two contents in this run); without one it gives (rows
/// written, false).
std::string insert_sql(const TableShape& shape);
postgres::Params insert_params(const RowsTarget& target, const RowBatch& batch,
                               std::size_t columns);

/// ` WHERE …` of a range, and its parameters. INVALID_ARGUMENT `invalid_request`.
struct RangeSql {
  std::string where;
  std::string order;  ///< ` ORDER BY …`
  postgres::Params params;
};
Result<RangeSql> range_sql(const TableShape& shape, const RowsRange& range);

/// Each row as one JSON text, of the declared columns.
std::string select_sql(const TableShape& shape, const RangeSql& range);

}  // namespace weir::worker
