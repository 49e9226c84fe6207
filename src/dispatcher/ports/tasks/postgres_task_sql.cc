// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/tasks/postgres_task_sql.h"

#include <chrono>

#include "base/assert.h"

namespace weir::dispatcher::sql {

BuildFacts facts_of(const postgres::Rows& rows, std::size_t row) {
  BuildFacts facts;
  facts.build_id = id_of<BuildId>(rows, row, 1);
  const auto dispatch = parse_dispatch(rows.text(row, 2));
  WEIR_ASSERT(dispatch);
  facts.dispatch = *dispatch;
  facts.live_world = rows.text(row, 3) == "live";
  if (const auto reason = rows.text_if(row, 4)) {
    facts.stop_reason = parse_cancel_reason(*reason).value_or(CancelReason::Superseded);
  }
  facts.paused = rows.boolean(row, 5);
  facts.heartbeat_timeout = std::chrono::seconds(rows.int64(row, 6));
  if (const auto timeout = rows.int64_if(row, 7)) facts.timeout = std::chrono::seconds(*timeout);
  facts.max_attempts = static_cast<int>(rows.int64(row, 8));
  facts.max_concurrency = rows.int64_if(row, 9);
  facts.running = rows.int64_if(row, 10).value_or(0);
  return facts;
}

EventContext event_of(const postgres::Rows& rows, std::size_t row, std::size_t column) {
  EventContext event;
  event.event_id = id_of<EventId>(rows, row, column);
  event.version = id_of<DatasetVersionId>(rows, row, column + 1);
  event.seq = rows.int64(row, column + 2);
  const bool partition = rows.text(row, column + 3) == "partition";
  const std::string key(rows.text(row, column + 4));
  const auto number = rows.int64_if(row, column + 5);
  if (partition) event.partition_key = key;
  if (!partition) event.cursor = number ? Cursor(*number) : Cursor(key);
  event.start = rows.int64_if(row, column + 6);
  event.end = rows.int64_if(row, column + 7);
  event.payload_json = canonical(rows.text(row, column + 8));
  return event;
}

}  // namespace weir::dispatcher::sql
