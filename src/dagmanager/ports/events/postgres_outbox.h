// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/control_events.h"

namespace weir::postgres {
class Connection;
class Rows;
}  // namespace weir::postgres

/// Rows of the outbox as PostgreSQL holds them, and what they render to.
namespace weir::dagmanager {

/// What a SELECT of read_outbox() begins with. Kinds that this build knows; rows of others are left
/// alone.
#define WEIR_DAG_OUTBOX_COLUMNS                                                                    \
  "key_seq, id::text, kind, revision, tags, interval_seconds, match_all, world_id,"                \
  " execution_domain, queue_ids, sentinel_id, version, weight, created_at, topic, action, reason," \
  " tag, archive_status"
#define WEIR_DAG_OUTBOX_KINDS \
  "kind IN ('queue_updated', 'queue_lifecycle', 'sentinel_weight_updated')"

/// How many columns that is: the next has this place.
inline constexpr std::size_t kOutboxColumns = 19;

std::vector<OutboxRow> read_outbox(const postgres::Rows& rows);

/// The events of the rows, in order. What their queues are called is asked in one statement.
Result<std::vector<ControlEvent>> render_outbox(postgres::Connection& connection,
                                                const std::vector<OutboxRow>& rows,
                                                const std::string& queue_topic);

}  // namespace weir::dagmanager
