// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include "worker/rows/direct_rows.h"
#include "worker/rows/limits.h"
#include "worker/rows/rows_sql.h"
#include "worker/rows/table_shape.h"

namespace weir::worker {
namespace {

using postgres::Connection;

/// What a bound that is no value of its column is refused with.
Error refusal(const Connection& connection, Error error) {
  if (connection.in_transaction() && connection.last_failure().sqlstate.starts_with("22")) {
    return base::invalid_argument("invalid_request", "a bound does not fit its column");
  }
  return error;
}

Result<void> fetch_all(Connection& connection, const RowsRange& range, const RowsSink& sink) {
  WEIR_TRY(const TableShape shape, read_table_shape(connection, range.version));
  WEIR_TRY(RangeSql sql, range_sql(shape, range));
  auto declared = connection.execute(
      "DECLARE weir_rows NO SCROLL CURSOR FOR " + select_sql(shape, sql), sql.params);
  if (!declared.ok()) return refusal(connection, std::move(declared).error());
  const std::string fetch = "FETCH " + std::to_string(kRowsPerFetch) + " FROM weir_rows";
  std::string lines;
  while (true) {
    auto rows = connection.execute(fetch);
    if (!rows.ok()) return refusal(connection, std::move(rows).error());
    if (rows->empty()) return {};
    lines.clear();
    for (std::size_t row = 0; row < rows->size(); ++row) lines.append(rows->text(row, 0)) += '\n';
    WEIR_CHECK(sink(lines));
  }
}

Result<std::int64_t> remove_all(Connection& connection, const RowsRange& range) {
  WEIR_TRY(const TableShape shape, read_table_shape(connection, range.version));
  WEIR_TRY(RangeSql sql, range_sql(shape, range));
  auto removed = connection.execute("DELETE FROM " + shape.table + " t" + sql.where, sql.params);
  if (!removed.ok()) return refusal(connection, std::move(removed).error());
  return removed->affected();
}

}  // namespace

Result<void> DirectRows::read(const RowsRange& range, const RowsSink& sink) {
  WEIR_TRY(const postgres::Pool::Lease connection, pool_.acquire(kConnectionWait));
  WEIR_CHECK(connection->begin());
  auto done = fetch_all(*connection, range, sink);
  static_cast<void>(connection->rollback());  // it only read
  return done;
}

Result<std::int64_t> DirectRows::remove(const RowsRange& range) {
  if (range.cursor_column.empty() || !range.start || !range.end) {
    return base::invalid_argument("invalid_request", "cursor_column, start and end are required");
  }
  WEIR_TRY(const postgres::Pool::Lease connection, pool_.acquire(kConnectionWait));
  WEIR_CHECK(connection->begin());
  auto removed = remove_all(*connection, range);
  if (!removed.ok()) {
    static_cast<void>(connection->rollback());  // of a lost connection nothing is left either
    return removed;
  }
  WEIR_CHECK(connection->commit());
  return removed;
}

}  // namespace weir::worker
