// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "dispatcher/core/records.h"
#include "drivers/postgres/rows.h"

/// How rows of the task plane's tables are read and their JSON columns written. Values that the
/// schema's checks rule out are mistakes of the program.
namespace weir::dispatcher {

/// The columns that `task_of` reads, of a table named `t`.
#define WEIR_TASK_COLUMNS                                                                   \
  "t.task_id, t.org_id, t.build_id, t.dag_version_id, t.kind, t.queue, t.state, t.class,"   \
  " t.effects, t.attempt, t.max_attempts, t.priority, t.trigger_event_id, t.root_event_id," \
  " t.input_index, t.invalidation_id, t.order_seq, t.scope, t.available_at, t.rank_at,"     \
  " t.next_retry_at, t.deadline_at, t.cancel_requested_at, t.cancel_reason, t.last_error,"  \
  " t.result, t.woken_at, t.wakeups, t.created_at, t.started_at, t.finished_at"
inline constexpr std::size_t kTaskColumns = 31;

/// The columns that `attempt_of` reads, of a table named `a`.
#define WEIR_ATTEMPT_COLUMNS                                                                      \
  "a.task_id, a.attempt, a.fence_no, a.lease_token, a.worker_id, a.claim_id, a.state, a.outcome," \
  " a.error, a.started_at, a.ended_at"
inline constexpr std::size_t kAttemptColumns = 11;

/// The columns that `lease_of` reads, of a table named `l`.
#define WEIR_LEASE_COLUMNS "l.task_id, l.attempt, l.worker_id, l.expires_at, l.last_heartbeat_at"

TaskRecord task_of(const postgres::Rows& rows, std::size_t row);
AttemptRecord attempt_of(const postgres::Rows& rows, std::size_t row);
/// `column`: where the lease's columns begin.
LeaseRecord lease_of(const postgres::Rows& rows, std::size_t row, std::size_t column);

/// The columns that `outbox_of` reads, of a table named `o`.
#define WEIR_OUTBOX_COLUMNS                                                                    \
  "o.outbox_id, o.kind, o.topic, o.order_key, o.payload, o.state, o.attempts, o.available_at," \
  " o.locked_until, o.last_error, o.created_at, o.sent_at"
OutboxRecord outbox_of(const postgres::Rows& rows, std::size_t row);

/// Column `scope`: `{partition_key, start, end, cursor_from, cursor_to, row_filter, pinned,
/// frozen}` without what is not there.
std::string scope_json(const TaskScope& scope);
TaskScope scope_of(std::string_view json);

/// Columns `error` and `last_error`: `{code, type, message}`.
std::string error_json(const TaskError& error);
TaskError error_of(std::string_view json);

/// A cursor from the pair of its columns; nothing if both are NULL.
std::optional<Cursor> cursor_of(const postgres::Rows& rows, std::size_t row, std::size_t number,
                                std::size_t text);
/// The cursor as `scope_key` has it.
std::string scope_key(const Cursor& cursor);

/// The JSON in its one form: what PostgreSQL gives has blanks.
std::string canonical(std::string_view json);

/// An id from a cell, and a column that may be NULL.
template <class Id>
Id id_of(const postgres::Rows& rows, std::size_t row, std::size_t column) {
  return Id(rows.uuid(row, column));
}
template <class Id>
std::optional<Id> id_if(const postgres::Rows& rows, std::size_t row, std::size_t column) {
  const auto uuid = rows.uuid_if(row, column);
  return uuid ? std::optional(Id(*uuid)) : std::nullopt;
}

}  // namespace weir::dispatcher
