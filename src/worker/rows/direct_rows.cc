// SPDX-License-Identifier: Apache-2.0
#include "worker/rows/direct_rows.h"

#include <string>
#include <utility>
#include <vector>

#include "base/crash_point.h"
#include "worker/rows/limits.h"
#include "worker/rows/row_batch.h"
#include "worker/rows/rows_sql.h"
#include "worker/rows/table_shape.h"

namespace weir::worker {
namespace {

using postgres::Connection;
using postgres::Params;
using postgres::Rows;
using postgres::Statement;

/// Leaves a marker that is older than any, where there is none: the next statement locks it.
constexpr Statement kMakeMarker{
    "worker_make_marker",
    "INSERT INTO data.applied_scopes (dataset_version, scope_key, fence_no, task_id, rows_written)"
    " VALUES ($1::uuid, $2, -1, '00000000-0000-0000-0000-000000000000', 0) ON CONFLICT DO NOTHING"};

constexpr Statement kLockMarker{
    "worker_lock_marker",
    "SELECT fence_no, task_id = $3::uuid, rows_written FROM data.applied_scopes"
    " WHERE dataset_version = $1::uuid AND scope_key = $2 FOR UPDATE"};

constexpr Statement kReadMarker{
    "worker_read_marker",
    "SELECT fence_no, task_id = $3::uuid, rows_written FROM data.applied_scopes"
    " WHERE dataset_version = $1::uuid AND scope_key = $2"};

constexpr Statement kWriteMarker{
    "worker_write_marker",
    "UPDATE data.applied_scopes SET fence_no = $4, task_id = $3::uuid, rows_written = $5,"
    " applied_at = now() WHERE dataset_version = $1::uuid AND scope_key = $2"};

Params marker_params(const RowsTarget& target) {
  Params params;
  params.text(target.version.text()).text(target.scope).text(target.task_id.text());
  return params;
}

Error unique_key_conflict() {
  return base::failed_precondition("unique_key_conflict",
                                   "two rows of this run have one key and different content");
}

/// A body line by line.
class Lines {
 public:
  explicit Lines(const RowsBody& body) : body_(body), block_(kBodyReadBytes) {}

  /// The next line that is not empty, without its end; nothing at the end of the body.
  Result<std::optional<std::string_view>> next() {
    while (true) {
      line_.clear();
      WEIR_TRY(const bool any, read_line());
      if (!any) return std::optional<std::string_view>();
      ++number_;
      if (line_.ends_with('\r')) line_.pop_back();
      if (!line_.empty()) return std::optional<std::string_view>(line_);
    }
  }
  std::uint64_t number() const { return number_; }

 private:
  Result<bool> read_line() {
    while (true) {
      const std::size_t end = rest_.find('\n');
      line_ += rest_.substr(0, end);
      if (line_.size() > kRowBytesMax) return rows_invalid(number_ + 1, "is too long");
      if (end != std::string_view::npos) {
        rest_.remove_prefix(end + 1);
        return true;
      }
      WEIR_TRY(const std::size_t got, body_(block_));
      rest_ = {block_.data(), got};
      if (got == 0) return !line_.empty();
    }
  }

  const RowsBody& body_;
  std::vector<char> block_;
  std::string_view rest_;
  std::string line_;
  std::uint64_t number_ = 0;
};

/// One write, inside its transaction.
class Writing {
 public:
  Writing(Connection& connection, const RowsTarget& target)
      : connection_(connection), target_(target) {}

  Result<RowsWritten> run(const RowsBody& body) {
    WEIR_TRY(shape_, read_table_shape(connection_, target_.version));
    if (!target_.replace && shape_.key.empty()) {
      return base::failed_precondition("not_supported", "rows are appended by a unique key");
    }
    WEIR_CHECK(connection_.execute(kMakeMarker,
                                   Params().text(target_.version.text()).text(target_.scope)));
    WEIR_TRY(const Rows marker, connection_.execute(kLockMarker, marker_params(target_)));
    if (marker.empty()) return base::internal("a marker vanished");
    if (marker.boolean(0, 1)) return RowsWritten{marker.int64(0, 2), false};
    if (marker.int64(0, 0) > target_.fence_no) return RowsWritten{0, false};
    WEIR_CRASH_POINT("worker.rows.locked");
    if (target_.replace) WEIR_CHECK(remove_scope());
    WEIR_CHECK(insert_all(body));
    Params params = marker_params(target_);
    params.int64(target_.fence_no).int64(rows_);
    WEIR_CHECK(connection_.execute(kWriteMarker, params));
    return RowsWritten{rows_, true};
  }

 private:
  Result<void> remove_scope() {
    WEIR_CHECK(connection_.execute("DELETE FROM " + shape_.table + " WHERE _weir_scope = $1",
                                   Params().text(target_.scope)));
    return {};
  }

  Result<void> insert_all(const RowsBody& body) {
    insert_sql_ = insert_sql(shape_);
    RowBatch batch(shape_);
    Lines lines(body);
    while (true) {
      WEIR_TRY(const std::optional<std::string_view> line, lines.next());
      if (!line) break;
      WEIR_CHECK(batch.add(*line, lines.number()));
      if (batch.full()) WEIR_CHECK(insert(batch));
    }
    if (batch.rows() > 0) WEIR_CHECK(insert(batch));
    return {};
  }

  Result<void> insert(RowBatch& batch) {
    auto answer =
        connection_.execute(insert_sql_, insert_params(target_, batch, shape_.columns.size()));
    if (!answer.ok()) return refusal(batch, std::move(answer).error());
    if (answer->boolean(0, 1)) return unique_key_conflict();
    rows_ += answer->int64(0, 0);
    batch.clear();
    return {};
  }

  /// What the server's refusal of a batch says about the rows.
  Error refusal(const RowBatch& batch, Error error) const {
    const std::string& state = connection_.last_failure().sqlstate;
    if (!connection_.in_transaction()) return error;
    if (state == "21000") return unique_key_conflict();  // a key twice in one batch
    if (state.starts_with("22")) {
      return rows_invalid(batch.first_line(),
                          "a value from this line on is beyond what its column takes");
    }
    return error;
  }

  Connection& connection_;
  const RowsTarget& target_;
  TableShape shape_;
  std::string insert_sql_;
  std::int64_t rows_ = 0;
};

}  // namespace

postgres::ConnectOptions data_connect_options(std::string dsn, const std::string& role) {
  const auto milliseconds = [](std::chrono::seconds span) {
    return std::to_string(std::chrono::milliseconds(span).count());
  };
  postgres::ConnectOptions options;
  options.dsn = std::move(dsn);
  options.application_name = "weir_worker";
  options.reply_timeout = kRowsStatementTimeout + kRowsIdleTimeout;
  options.settings = {
      {"synchronous_commit", "on"},
      {"TimeZone", "UTC"},
      {"statement_timeout", milliseconds(kRowsStatementTimeout)},
      {"lock_timeout", milliseconds(kRowsLockTimeout)},
      {"idle_in_transaction_session_timeout", milliseconds(kRowsIdleTimeout)},
      {"jit", "off"},
  };
  if (!role.empty()) options.settings.emplace_back("role", role);
  return options;
}

Result<RowsWritten> DirectRows::write(const RowsTarget& target, const RowsBody& body) {
  if (target.scope.empty() || target.scope.size() > kScopeBytesMax) {
    return base::invalid_argument("invalid_request", "a scope has 1 to 256 bytes");
  }
  WEIR_TRY(const postgres::Pool::Lease connection, pool_.acquire(kConnectionWait));
  WEIR_CHECK(connection->begin());
  auto written = Writing(*connection, target).run(body);
  if (!written.ok() || !written->applied) {
    static_cast<void>(connection->rollback());  // of a lost connection nothing is left either
    return written;
  }
  WEIR_CRASH_POINT("worker.rows.before_commit");
  const auto committed = connection->commit();
  WEIR_CRASH_POINT("worker.rows.after_commit");
  if (committed.ok()) return written;
  if (committed.error().reason() != postgres::kCommitUnknown) return committed.error();
  return look_up(target);
}

Result<std::vector<Column>> DirectRows::columns(const graph::DatasetVersionId& version) {
  WEIR_TRY(const postgres::Pool::Lease connection, pool_.acquire(kConnectionWait));
  WEIR_TRY(TableShape shape, read_table_shape(*connection, version));
  return std::move(shape.columns);
}

/// After a commit whose reply was lost: the marker tells.
Result<RowsWritten> DirectRows::look_up(const RowsTarget& target) {
  WEIR_TRY(const postgres::Pool::Lease connection, pool_.acquire(kConnectionWait));
  WEIR_TRY(const Rows marker, connection->execute(kReadMarker, marker_params(target)));
  if (!marker.empty() && marker.boolean(0, 1) && marker.int64(0, 0) == target.fence_no) {
    return RowsWritten{marker.int64(0, 2), true};
  }
  return base::unavailable("unavailable", "the rows were not committed: send them again");
}

}  // namespace weir::worker
