// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/registry/postgres_event_log.h"

#include <utility>

#include "dispatcher/ports/database/org_transaction.h"
#include "dispatcher/ports/database/postgres_limits.h"
#include "drivers/postgres/pool.h"

namespace weir::dispatcher {
namespace {

using postgres::Params;
using postgres::Rows;
using postgres::Statement;

// Read before the events: one that is published between the two is among them.
constexpr Statement kEventBounds{.name = "event_log_bounds", .sql = R"(
SELECT h.last_no, (SELECT c.event_no FROM state.control_events c WHERE c.org_id = $1::uuid
                   ORDER BY c.event_no LIMIT 1)
  FROM state.control_event_heads h WHERE h.org_id = $1::uuid)"};

constexpr Statement kEventsAfter{.name = "event_log_after", .sql = R"(
SELECT event_no, type, coalesce(envelope -> 'data' ->> 'world', ''), envelope::text
  FROM state.control_events WHERE org_id = $1::uuid AND event_no > $2
 ORDER BY event_no LIMIT $3)"};

}  // namespace

Result<server::EventPage> PostgresEventLog::read(const std::string& stream, std::int64_t after,
                                                 std::size_t limit) {
  WEIR_TRY(const auto connection, pool_.acquire(kUserPoolWait));
  OrgTransaction work(*connection, stream);
  const std::size_t bounds_at = work.add(kEventBounds, std::move(Params().text(stream)));
  const std::size_t events_at = work.add(
      kEventsAfter,
      std::move(Params().text(stream).int64(after).int64(static_cast<std::int64_t>(limit))));
  WEIR_TRY(const auto results, work.run());
  server::EventPage page;
  if (const Rows& bounds = results[bounds_at]; !bounds.empty()) {
    page.newest = bounds.int64(0, 0);
    page.oldest = bounds.is_null(0, 1) ? page.newest + 1 : bounds.int64(0, 1);
  }
  const Rows& rows = results[events_at];
  page.events.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    page.events.push_back({.number = rows.int64(row, 0),
                           .type = std::string(rows.text(row, 1)),
                           .world = std::string(rows.text(row, 2)),
                           .envelope = std::string(rows.text(row, 3))});
  }
  return page;
}

}  // namespace weir::dispatcher
