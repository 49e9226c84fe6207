// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/postgres_lifecycle_rows.h"

#include <string>
#include <string_view>
#include <utility>

#include "base/uuid.h"
#include "dagmanager/ports/postgres_change_rows.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_graph_sql.h"
#include "drivers/postgres/pipeline.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Statement;

/// Event n gets key_seq $1 + n, n from 1, and the revision that kRaiseRevisions has just drawn.
constexpr Statement kInsertLifecycles = {
    "dag_insert_lifecycles",
    "INSERT INTO weir_dagmanager.outbox (key_seq, id, kind, revision, interval_seconds, world_id,"
    " execution_domain, topic, action, reason, tag, archive_status, created_at)"
    " SELECT $1 + u.place, u.id::uuid, 'queue_lifecycle', s.revision, u.interval_seconds,"
    " u.world_id, u.execution_domain, u.topic, u.action, u.reason, u.tag, u.archive_status, $12"
    " FROM (SELECT generate_subscripts($2::text[], 1) AS place, unnest($2::text[]) AS id,"
    " unnest($3::bytea[]) AS query_key, unnest($4::bigint[]) AS interval_seconds,"
    " unnest($5::text[]) AS world_id, unnest($6::text[]) AS execution_domain,"
    " unnest($7::text[]) AS topic, unnest($8::text[]) AS action, unnest($9::text[]) AS reason,"
    " unnest($10::text[]) AS tag, unnest($11::text[]) AS archive_status) u"
    " JOIN weir_dagmanager.query_set s ON s.query_key = u.query_key"};

}  // namespace

void add_lifecycles(postgres::Pipeline& pipeline, const std::vector<LifecycleUpdate>& updates,
                    Random& random, std::int64_t event_seq, Instant at) {
  if (updates.empty()) return;
  std::vector<std::string> ids;
  std::vector<std::string> keys;
  for (const LifecycleUpdate& told : updates) {
    ids.push_back(base::uuid_v4(random));
    keys.push_back(key_hash(lifecycle_key(told.queue)));
  }
  raise_revisions(pipeline, keys);  // a queue is told of once
  using Told = LifecycleUpdate;
  Params params;
  params.int64(event_seq)
      .text_array(ids)
      .bytes_array(keys, as_bytes)
      .int64_array(updates, &Told::interval)
      .text_array(updates, [](const Told& told) { return std::string_view(told.scope.world_id); })
      .text_array(updates,
                  [](const Told& told) { return std::string_view(told.scope.execution_domain); })
      .text_array(updates, [](const Told& told) { return told.queue.view(); })
      .text_array(updates, &Told::action)
      .text_array(updates, &Told::reason)
      .text_array(updates, &Told::tag)
      .text_array(updates, &Told::archive_status)
      .instant(at);
  pipeline.add(kInsertLifecycles, std::move(params));
}

}  // namespace weir::dagmanager
