// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/task_store/postgres_task_tables.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "dispatcher/ports/tasks/postgres_task_rows.h"

namespace weir::test {
namespace {

using dispatcher::attempt_of;
using dispatcher::AttemptRecord;
using dispatcher::BuildId;
using dispatcher::Cursor;
using dispatcher::cursor_of;
using dispatcher::DatasetUuid;
using dispatcher::DatasetVersionId;
using dispatcher::EventId;
using dispatcher::EventRow;
using dispatcher::id_if;
using dispatcher::id_of;
using dispatcher::lease_of;
using dispatcher::LeaseRecord;
using dispatcher::MessageRow;
using dispatcher::OrgId;
using dispatcher::outbox_of;
using dispatcher::OutboxRecord;
using dispatcher::parse_queue_name;
using dispatcher::parse_task_class;
using dispatcher::parse_task_state;
using dispatcher::QueueName;
using dispatcher::task_of;
using dispatcher::TaskId;
using dispatcher::TaskRecord;
using dispatcher::TaskTables;
using postgres::Rows;

Rows query(postgres::Connection& session, const std::string& sql) {
  auto rows = session.execute(sql);
  if (rows.ok()) return *std::move(rows);
  ADD_FAILURE() << rows.error().describe() << "\n" << sql;
  return {};
}

std::string text_of(const Rows& rows, std::size_t row, std::size_t column) {
  return std::string(rows.text_if(row, column).value_or(""));
}
QueueName queue_of(const Rows& rows, std::size_t row, std::size_t column) {
  return parse_queue_name(rows.text(row, column)).value();
}
int int_of(const Rows& rows, std::size_t row, std::size_t column) {
  return static_cast<int>(rows.int64(row, column));
}

void read_tasks(postgres::Connection& session, TaskTables& tables) {
  const Rows tasks = query(session, "SELECT " WEIR_TASK_COLUMNS " FROM state.tasks t");
  for (std::size_t at = 0; at < tasks.size(); ++at) {
    TaskRecord task = task_of(tasks, at);
    tables.tasks[task.task_id] = std::move(task);
  }
  const Rows attempts = query(session, "SELECT " WEIR_ATTEMPT_COLUMNS " FROM state.attempts a");
  for (std::size_t at = 0; at < attempts.size(); ++at) {
    AttemptRecord attempt = attempt_of(attempts, at);
    tables.attempts[{attempt.task_id, attempt.attempt}] = std::move(attempt);
  }
  const Rows leases = query(session, "SELECT " WEIR_LEASE_COLUMNS " FROM state.leases l");
  for (std::size_t at = 0; at < leases.size(); ++at) {
    LeaseRecord lease = lease_of(leases, at, 0);
    tables.leases[lease.task_id] = std::move(lease);
  }
}

/// What of the history's columns the memory store keeps apart as well.
void read_history(postgres::Connection& session, TaskTables& tables) {
  const Rows rows = query(session,
                          "SELECT task_id, org_id, build_id, state, trigger_event_id, input_index"
                          " FROM state.task_history");
  for (std::size_t at = 0; at < rows.size(); ++at) {
    TaskRecord task;
    task.task_id = id_of<TaskId>(rows, at, 0);
    task.org_id = id_of<OrgId>(rows, at, 1);
    task.build_id = id_of<BuildId>(rows, at, 2);
    task.life.state = parse_task_state(rows.text(at, 3)).value();
    task.trigger_event_id = id_if<EventId>(rows, at, 4);
    if (const auto input = rows.int64_if(at, 5)) task.input_index = static_cast<int>(*input);
    tables.history[task.task_id] = std::move(task);
  }
}

void read_counts(postgres::Connection& session, TaskTables& tables) {
  const Rows counts = query(
      session,
      "SELECT build_id, queue, sum(queued)::bigint, sum(running)::bigint, sum(retry_wait)::bigint,"
      " sum(completed)::bigint, sum(failed)::bigint, sum(canceled)::bigint"
      " FROM state.task_counts GROUP BY 1, 2");
  for (std::size_t at = 0; at < counts.size(); ++at) {
    tables.counts[{id_of<BuildId>(counts, at, 0), queue_of(counts, at, 1)}] = {
        .queued = int_of(counts, at, 2),
        .running = int_of(counts, at, 3),
        .retry_wait = int_of(counts, at, 4),
        .completed = int_of(counts, at, 5),
        .failed = int_of(counts, at, 6),
        .canceled = int_of(counts, at, 7)};
  }
  const Rows meters = query(session,
                            "SELECT queue_name, sum(outstanding)::bigint, bool_or(owed),"
                            " max(more_until) FROM state.wakeup_meters GROUP BY 1");
  for (std::size_t at = 0; at < meters.size(); ++at) {
    tables.meters[queue_of(meters, at, 0)] = {.outstanding = meters.int64(at, 1),
                                              .owed = meters.boolean(at, 2),
                                              .more_until = meters.instant_if(at, 3)};
  }
}

void read_events(postgres::Connection& session, TaskTables& tables) {
  const Rows rows =
      query(session,
            "SELECT event_id, org_id, dataset_uuid, dataset_version, seq, producer_task_id,"
            " producer_attempt, kind, scope_key, cursor_int, range_start, range_end, class,"
            " root_event_id, payload, accepted_at FROM state.events");
  for (std::size_t at = 0; at < rows.size(); ++at) {
    EventRow row;
    row.event_id = id_of<EventId>(rows, at, 0);
    row.org_id = id_of<OrgId>(rows, at, 1);
    row.key = {.producer = id_of<TaskId>(rows, at, 5),
               .dataset = id_of<DatasetUuid>(rows, at, 2),
               .partition = rows.text(at, 7) == "partition",
               .scope_key = text_of(rows, at, 8)};
    row.version = id_of<DatasetVersionId>(rows, at, 3);
    row.seq = rows.int64(at, 4);
    row.producer_attempt = int_of(rows, at, 6);
    const auto number = rows.int64_if(at, 9);
    if (!row.key.partition) row.cursor = number ? Cursor(*number) : Cursor(row.key.scope_key);
    row.start = rows.int64_if(at, 10);
    row.end = rows.int64_if(at, 11);
    row.event_class = parse_task_class(rows.text(at, 12)).value();
    row.root_event_id = id_of<EventId>(rows, at, 13);
    row.payload_json = text_of(rows, at, 14);
    row.accepted_at = rows.instant(at, 15);
    tables.events[row.event_id] = std::move(row);
  }
}

void read_versions(postgres::Connection& session, TaskTables& tables) {
  const Rows rows = query(session,
                          "SELECT dataset_version, last_seq, max_cursor_int, max_cursor_text,"
                          " row_count, bytes FROM state.dataset_versions");
  for (std::size_t at = 0; at < rows.size(); ++at) {
    tables.versions[id_of<DatasetVersionId>(rows, at, 0)] = {
        .last_seq = rows.int64(at, 1),
        .max_cursor = cursor_of(rows, at, 2, 3),
        .row_count = rows.int64(at, 4),
        .bytes = rows.int64(at, 5)};
  }
  const Rows parts = query(
      session,
      "SELECT dataset_version, partition_key, revision, event_id, producer_task_id,"
      " producer_attempt, range_start, range_end, location, encode(manifest_sha256, 'hex'),"
      " row_count, bytes, schema_hash, committed_at, superseded_at FROM state.partition_versions");
  for (std::size_t at = 0; at < parts.size(); ++at) {
    tables.partitions[{id_of<DatasetVersionId>(parts, at, 0), text_of(parts, at, 1),
                       int_of(parts, at, 2)}] = {.event_id = id_of<EventId>(parts, at, 3),
                                                 .producer = id_of<TaskId>(parts, at, 4),
                                                 .producer_attempt = int_of(parts, at, 5),
                                                 .start = parts.int64_if(at, 6),
                                                 .end = parts.int64_if(at, 7),
                                                 .location = text_of(parts, at, 8),
                                                 .manifest_sha256 = text_of(parts, at, 9),
                                                 .row_count = parts.int64_if(at, 10),
                                                 .bytes = parts.int64_if(at, 11),
                                                 .schema_hash = text_of(parts, at, 12),
                                                 .committed_at = parts.instant(at, 13),
                                                 .superseded_at = parts.instant_if(at, 14)};
  }
  const Rows rejected =
      query(session, "SELECT consumer_build_id, input_index, event_id FROM state.route_rejections");
  for (std::size_t at = 0; at < rejected.size(); ++at) {
    tables.rejections.emplace(id_of<BuildId>(rejected, at, 0), int_of(rejected, at, 1),
                              id_of<EventId>(rejected, at, 2));
  }
}

void read_states(postgres::Connection& session, TaskTables& tables) {
  const Rows cursors = query(session,
                             "SELECT build_id, input_index, dataset_version, cursor_int,"
                             " cursor_text FROM state.dataset_cursors");
  for (std::size_t at = 0; at < cursors.size(); ++at) {
    tables.cursors[{id_of<BuildId>(cursors, at, 0), int_of(cursors, at, 1),
                    id_of<DatasetVersionId>(cursors, at, 2)}] =
        cursor_of(cursors, at, 3, 4).value();
  }
  const Rows states = query(
      session, "SELECT build_id, state_key, state, revision, task_id FROM state.operator_state");
  for (std::size_t at = 0; at < states.size(); ++at) {
    tables.operator_state[{id_of<BuildId>(states, at, 0), text_of(states, at, 1)}] = {
        .state_json = text_of(states, at, 2),
        .revision = states.int64(at, 3),
        .task_id = id_if<TaskId>(states, at, 4).value_or(TaskId{})};
  }
  const Rows manifests = query(session,
                               "SELECT build_id, source_dataset_version, batch_no, manifest,"
                               " event_id FROM state.batch_manifests");
  for (std::size_t at = 0; at < manifests.size(); ++at) {
    tables.manifests[{id_of<BuildId>(manifests, at, 0), id_of<DatasetVersionId>(manifests, at, 1),
                      manifests.int64(at, 2)}] = {.manifest_json = text_of(manifests, at, 3),
                                                  .event_id = id_of<EventId>(manifests, at, 4)};
  }
  const Rows sources = query(session,
                             "SELECT build_id, enabled, next_fire_at, last_fire_at, run_epoch"
                             " FROM state.source_state");
  for (std::size_t at = 0; at < sources.size(); ++at) {
    const auto build = id_of<BuildId>(sources, at, 0);
    tables.sources[build] = {.build_id = build,
                             .enabled = sources.boolean(at, 1),
                             .next_fire_at = sources.instant_if(at, 2),
                             .last_fire_at = sources.instant_if(at, 3),
                             .run_epoch = sources.int64(at, 4)};
  }
}

MessageRow message_of(const Rows& rows, std::size_t at) {
  MessageRow row;
  row.queue = queue_of(rows, at, 1);
  row.task_id = id_of<TaskId>(rows, at, 2);
  row.deliveries = int_of(rows, at, 3);
  if (rows.columns() > 4) row.visible_at = rows.instant(at, 4);
  return row;
}

void read_outside(postgres::Connection& session, TaskTables& tables) {
  const Rows outbox = query(session, "SELECT " WEIR_OUTBOX_COLUMNS " FROM state.outbox o");
  for (std::size_t at = 0; at < outbox.size(); ++at) {
    OutboxRecord row = outbox_of(outbox, at);
    tables.outbox[row.outbox_id] = std::move(row);
  }
  const Rows messages = query(session,
                              "SELECT message_id, queue_name, (payload->>'task_id')::uuid,"
                              " deliveries, visible_at FROM state.queue_messages");
  for (std::size_t at = 0; at < messages.size(); ++at) {
    tables.messages[messages.int64(at, 0)] = message_of(messages, at);
  }
  const Rows dead = query(session,
                          "SELECT message_id, queue_name, (payload->>'task_id')::uuid, deliveries"
                          " FROM state.queue_dead");
  for (std::size_t at = 0; at < dead.size(); ++at) {
    tables.dead_messages[dead.int64(at, 0)] = message_of(dead, at);
  }
  const Rows events =
      query(session, "SELECT org_id, event_no, type, envelope FROM state.control_events");
  for (std::size_t at = 0; at < events.size(); ++at) {
    tables.control_events[{id_of<OrgId>(events, at, 0), events.int64(at, 1)}] = {
        .type = text_of(events, at, 2), .envelope_json = text_of(events, at, 3)};
  }
}

}  // namespace

TaskTables read_tables(postgres::Connection& superuser) {
  TaskTables tables;
  query(superuser, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  read_tasks(superuser, tables);
  read_history(superuser, tables);
  read_counts(superuser, tables);
  read_events(superuser, tables);
  read_versions(superuser, tables);
  read_states(superuser, tables);
  read_outside(superuser, tables);
  query(superuser, "COMMIT");
  return tables;
}

}  // namespace weir::test
