// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/tasks/postgres_wakeup_queue.h"

#include <charconv>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "dispatcher/ports/database/postgres_limits.h"
#include "dispatcher/ports/database/postgres_port_error.h"
#include "dispatcher/ports/task_limits.h"
#include "dispatcher/ports/tasks/postgres_task_rows.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

namespace weir::dispatcher {
namespace {

using postgres::Params;
using postgres::Rows;
using postgres::Statement;

constexpr Statement kPublish = {
    "queue_publish",
    "INSERT INTO state.queue_messages (queue_name, payload, visible_at, max_deliveries)"
    " SELECT q, jsonb_build_object('task_id', t), clock_timestamp(), $3::int"
    " FROM unnest($1::text[], $2::uuid[]) AS u (q, t)"};

// Bells of tasks whose wake-up is answered: whoever claims by rank leaves them behind, and each
// would cost a look, a claim and an acknowledgement. $1 the queues, $2 how many of each are looked
// at.
constexpr Statement kDropAnswered = {
    "queue_drop_answered",
    "WITH seen AS MATERIALIZED (SELECT m.message_id, (m.payload->>'task_id')::uuid AS task_id"
    " FROM unnest($1::text[]) AS u (q) CROSS JOIN LATERAL"
    " (SELECT message_id, payload FROM state.queue_messages q WHERE q.queue_name = u.q"
    " AND q.visible_at <= (SELECT clock_timestamp()) ORDER BY q.visible_at, q.message_id"
    " LIMIT $2::bigint) AS m),"
    " answered AS MATERIALIZED (SELECT s.message_id FROM seen s CROSS JOIN LATERAL"
    " (SELECT k.woken_at FROM state.tasks k WHERE k.task_id = s.task_id OFFSET 0) AS t"
    " WHERE t.woken_at IS NULL),"
    " free AS MATERIALIZED (SELECT m.message_id FROM answered a JOIN state.queue_messages m"
    " ON m.message_id = a.message_id FOR UPDATE OF m SKIP LOCKED)"
    " DELETE FROM state.queue_messages m USING free f WHERE m.message_id = f.message_id"};

// $1 the queues, in whose order, then by visible_at, messages are taken; $2 how many; $3 the
// longest visibility and $4 the most deliveries; $5 receipts, at least as many. A message that was
// handed out too often goes to the dead ones and is not given.
constexpr Statement kReceive = {
    "queue_receive",
    "WITH found AS MATERIALIZED (SELECT m.message_id, m.deliveries, u.n AS place, m.visible_at"
    " FROM unnest($1::text[]) WITH ORDINALITY AS u (q, n) CROSS JOIN LATERAL"
    " (SELECT message_id, deliveries, visible_at FROM state.queue_messages q"
    " WHERE q.queue_name = u.q AND q.visible_at <= (SELECT clock_timestamp())"
    " ORDER BY q.visible_at, q.message_id LIMIT $2::bigint FOR UPDATE SKIP LOCKED) AS m"
    " LIMIT $2::bigint),"
    " dead AS (DELETE FROM state.queue_messages m USING found f"
    " WHERE m.message_id = f.message_id AND f.deliveries >= $4::int"
    " RETURNING m.message_id, m.queue_name, m.payload, m.deliveries, m.created_at),"
    " buried AS (INSERT INTO state.queue_dead (message_id, queue_name, payload, deliveries,"
    " last_error, created_at) SELECT message_id, queue_name, payload, deliveries,"
    " 'handed out too often', created_at FROM dead),"
    " given AS (SELECT f.message_id, f.place, f.visible_at,"
    " row_number() OVER (ORDER BY f.place, f.visible_at, f.message_id) AS n FROM found f"
    " WHERE f.deliveries < $4::int),"
    " taken AS (UPDATE state.queue_messages m SET deliveries = m.deliveries + 1,"
    " visible_at = clock_timestamp() + $3::bigint * interval '1 microsecond',"
    " receipt = ($5::uuid[])[g.n] FROM given g WHERE m.message_id = g.message_id"
    " RETURNING m.queue_name, m.message_id, m.receipt, m.payload, m.deliveries, g.n)"
    " SELECT queue_name, message_id, receipt, (payload->>'task_id')::uuid, deliveries FROM taken"
    " ORDER BY n"};

constexpr Statement kAcknowledge = {
    "queue_acknowledge",
    "DELETE FROM state.queue_messages m USING unnest($1::bigint[], $2::uuid[]) AS u (id, receipt)"
    " WHERE m.message_id = u.id AND m.receipt = u.receipt"};

constexpr Statement kRelease = {
    "queue_release",
    "UPDATE state.queue_messages m SET visible_at = clock_timestamp(), receipt = NULL,"
    " deliveries = m.deliveries - 1 FROM unnest($1::bigint[], $2::uuid[]) AS u (id, receipt)"
    " WHERE m.message_id = u.id AND m.receipt = u.receipt"};

/// Plans that follow indexes; the queue's size says nothing: it is empty or full from one second
/// to the next. A crash may undo what was done here: then messages come twice, or are rung again.
constexpr Statement kPlans = {
    "queue_plans",
    "SELECT set_config('weir.org', '*', true),"
    " set_config('plan_cache_mode', 'force_generic_plan', true),"
    " set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),"
    " set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),"
    " set_config('jit', 'off', true), set_config('synchronous_commit', 'off', true)"};

Result<Rows> run_one(postgres::Pool& pool, const Statement& statement, Params params,
                     const std::function<void(postgres::Pipeline&)>& first = {}) {
  auto lease = pool.acquire(kTaskSessionWait);
  if (!lease.ok()) return as_port_error(std::move(lease).error());
  postgres::Pipeline pipeline(**lease);
  pipeline.begin();
  pipeline.add(kPlans);
  if (first) first(pipeline);
  const std::size_t at = pipeline.add(statement, std::move(params));
  pipeline.commit();
  auto results = pipeline.run();
  if (!results.ok()) return as_port_error(std::move(results).error());
  return std::move((*results)[at]);
}

}  // namespace

Result<void> PostgresWakeupQueue::publish(std::span<const WakeupMessage> messages) {
  if (messages.empty()) return {};
  WEIR_ASSERT(messages.size() <= kWakeupsPublishMax);
  Params params;
  params.text_array(messages, [](const WakeupMessage& m) { return m.queue.text(); })
      .uuid_array(messages, [](const WakeupMessage& m) { return m.task_id.uuid(); })
      .int32(kWakeupDeliveriesMax);
  WEIR_CHECK(run_one(pool_, kPublish, std::move(params)));
  return {};
}

Result<std::vector<ReceivedWakeup>> PostgresWakeupQueue::receive(std::span<const QueueName> queues,
                                                                 std::size_t max) {
  WEIR_ASSERT(max >= 1 && max <= kWakeupsReceiveMax);
  std::vector<Uuid> receipts;
  receipts.reserve(max);
  for (std::size_t i = 0; i < max; ++i) {
    const auto receipt = Uuid::parse(base::uuid_v4(random_));
    WEIR_ASSERT(receipt);
    receipts.push_back(*receipt);
  }
  Params params;
  params.text_array(queues, [](const QueueName& queue) { return queue.text(); })
      .int64(static_cast<std::int64_t>(max))
      .int64(kWakeupVisibility.count())
      .int32(kWakeupDeliveriesMax)
      .uuid_array(receipts);
  Params drop;
  drop.text_array(queues, [](const QueueName& queue) { return queue.text(); })
      .int64(static_cast<std::int64_t>(kAnsweredLookedAt));
  WEIR_TRY(const Rows rows,
           run_one(pool_, kReceive, std::move(params), [&](postgres::Pipeline& pipeline) {
             pipeline.add(kDropAnswered, std::move(drop));
           }));
  std::vector<ReceivedWakeup> received;
  received.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto queue = parse_queue_name(rows.text(row, 0));
    WEIR_ASSERT(queue);
    received.push_back({.queue = *queue,
                        .message_id = std::to_string(rows.int64(row, 1)),
                        .receipt = rows.uuid(row, 2).text(),
                        .task_id = id_of<TaskId>(rows, row, 3),
                        .deliveries = static_cast<int>(rows.int64(row, 4))});
  }
  return received;
}

namespace {

/// Messages by their numbers and receipts; what is no message of ours is left out.
std::optional<Params> named(std::span<const WakeupReceipt> receipts) {
  std::vector<std::pair<std::int64_t, Uuid>> given;
  for (const WakeupReceipt& receipt : receipts) {
    std::int64_t number = 0;
    const std::string& id = receipt.message_id;
    const auto [end, fault] = std::from_chars(id.data(), id.data() + id.size(), number);
    const auto token = Uuid::parse(receipt.receipt);
    if (fault != std::errc{} || end != id.data() + id.size() || !token) continue;
    given.emplace_back(number, *token);
  }
  if (given.empty()) return std::nullopt;
  Params params;
  params.int64_array(given, [](const auto& pair) { return pair.first; })
      .uuid_array(given, [](const auto& pair) { return pair.second; });
  return params;
}

}  // namespace

Result<void> PostgresWakeupQueue::release(std::span<const WakeupReceipt> receipts) {
  auto params = named(receipts);
  if (params) WEIR_CHECK(run_one(pool_, kRelease, *std::move(params)));
  return {};
}

Result<std::size_t> PostgresWakeupQueue::acknowledge(std::span<const WakeupReceipt> receipts) {
  auto params = named(receipts);
  if (!params) return std::size_t{0};
  WEIR_TRY(const Rows rows, run_one(pool_, kAcknowledge, *std::move(params)));
  return static_cast<std::size_t>(rows.affected());
}

}  // namespace weir::dispatcher
