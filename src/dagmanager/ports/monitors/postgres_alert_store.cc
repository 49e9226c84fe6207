// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/monitors/postgres_alert_store.h"

#include <array>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/crash_point.h"
#include "dagmanager/ports/loops/postgres_loop_leases.h"
#include "dagmanager/ports/monitors/limits.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_limits.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Rows;
using postgres::Statement;

/// Conditions that are known last longer; of new ones as many as there is room for ($8).
constexpr Statement kRaiseConditions = {
    "dag_raise_conditions",
    "INSERT INTO weir_dagmanager.alert_condition AS c (name, subject, detail, topic, node,"
    " raised_at, until) SELECT u.name, u.subject, u.detail, u.topic, u.node, u.raised_at, u.until"
    " FROM (SELECT unnest($1::text[]) AS name, unnest($2::text[]) AS subject,"
    " unnest($3::text[]) AS detail, unnest($4::text[]) AS topic, unnest($5::text[]) AS node,"
    " unnest($6::timestamptz[]) AS raised_at, unnest($7::timestamptz[]) AS until) u"
    " WHERE (SELECT count(*) FROM weir_dagmanager.alert_condition) < $8 OR EXISTS"
    " (SELECT 1 FROM weir_dagmanager.alert_condition k"
    " WHERE k.name = u.name AND k.subject = u.subject)"
    " ORDER BY u.name COLLATE \"C\", u.subject COLLATE \"C\""
    " ON CONFLICT (name, subject) DO UPDATE SET detail = excluded.detail, topic = excluded.topic,"
    " node = excluded.node, raised_at = excluded.raised_at,"
    " until = greatest(c.until, excluded.until)"};

constexpr Statement kReadConditions = {
    "dag_read_conditions",
    "SELECT name, subject, detail, topic, node, raised_at, until"
    " FROM weir_dagmanager.alert_condition ORDER BY name, subject LIMIT $1"};

constexpr Statement kReadAlerts = {
    "dag_read_alerts",
    "SELECT alert_id::text, name, subject, detail, topic, node, opened_at, resolved_at"
    " FROM weir_dagmanager.alert WHERE NOT settled ORDER BY seq LIMIT $1"};

constexpr Statement kReadNotices = {
    "dag_read_notices",
    "SELECT n.alert_id::text, n.target, n.kind, n.state, n.attempts, n.made_at, n.due, n.done_at,"
    " n.error FROM weir_dagmanager.alert_notice n JOIN weir_dagmanager.alert a USING (alert_id)"
    " WHERE NOT a.settled ORDER BY n.alert_id, n.place"};

constexpr Statement kPutAlerts = {
    "dag_put_alerts",
    "INSERT INTO weir_dagmanager.alert (alert_id, name, subject, detail, topic, node, opened_at,"
    " resolved_at, settled) SELECT u.id::uuid, u.name, u.subject, u.detail, u.topic, u.node,"
    " u.opened_at, u.resolved_at, u.settled FROM (SELECT"
    " unnest($1::text[]) AS id, unnest($2::text[]) AS name, unnest($3::text[]) AS subject,"
    " unnest($4::text[]) AS detail, unnest($5::text[]) AS topic, unnest($6::text[]) AS node,"
    " unnest($7::timestamptz[]) AS opened_at, unnest($8::timestamptz[]) AS resolved_at,"
    " unnest($9::bool[]) AS settled, generate_series(1, cardinality($1)) AS place) u"
    " ORDER BY u.place ON CONFLICT (alert_id) DO UPDATE SET detail = excluded.detail,"
    " resolved_at = excluded.resolved_at, settled = excluded.settled"};

// Notices of these alerts that are no more, and those that are. What bears a target, kind or state
// of a newer build is left alone: $1 to $3 are the words of this one.
constexpr Statement kDropNotices = {
    "dag_drop_notices",
    "DELETE FROM weir_dagmanager.alert_notice n WHERE n.alert_id = ANY ($4::uuid[])"
    " AND n.target = ANY ($1) AND n.kind = ANY ($2) AND n.state = ANY ($3)"
    " AND (n.alert_id, n.target, n.kind) NOT IN"
    " (SELECT unnest($5::text[])::uuid, unnest($6::text[]), unnest($7::text[]))"};

constexpr Statement kPutNotices = {
    "dag_put_notices",
    "INSERT INTO weir_dagmanager.alert_notice AS n (alert_id, place, target, kind, state, attempts,"
    " made_at, due, done_at, error) SELECT unnest($2::text[])::uuid, unnest($3::bigint[])::int,"
    " unnest($4::text[]), unnest($5::text[]), unnest($6::text[]), unnest($7::bigint[])::int,"
    " unnest($8::timestamptz[]), unnest($9::timestamptz[]), unnest($10::timestamptz[]),"
    " unnest($11::text[]) ON CONFLICT (alert_id, target, kind) DO UPDATE SET"
    " place = excluded.place, state = excluded.state, attempts = excluded.attempts,"
    " made_at = excluded.made_at, due = excluded.due, done_at = excluded.done_at,"
    " error = excluded.error WHERE n.state = ANY ($1)"};

constexpr Statement kDropConditions = {
    "dag_drop_conditions",
    "DELETE FROM weir_dagmanager.alert_condition c USING (SELECT unnest($1::text[]) AS name,"
    " unnest($2::text[]) AS subject, unnest($3::timestamptz[]) AS until) u"
    " WHERE c.name = u.name AND c.subject = u.subject AND c.until = u.until"};

/// Their notices go with them.
constexpr Statement kForgetAlerts = {
    "dag_forget_alerts",
    "DELETE FROM weir_dagmanager.alert WHERE alert_id IN (SELECT alert_id"
    " FROM weir_dagmanager.alert WHERE settled AND resolved_at < $1 ORDER BY resolved_at LIMIT "
    "$2)"};

Params raise_params(std::span<const Condition> conditions) {
  Params params;
  params
      .text_array(conditions, [](const Condition& one) -> std::string_view { return one.key.name; })
      .text_array(conditions,
                  [](const Condition& one) -> std::string_view { return one.key.subject; })
      .text_array(conditions, &Condition::detail)
      .text_array(conditions, &Condition::topic)
      .text_array(conditions, &Condition::node)
      .instant_array(conditions, &Condition::raised_at)
      .instant_array(conditions, &Condition::until)
      .int64(static_cast<std::int64_t>(kConditionsMax));
  return params;
}

Condition read_condition(const Rows& rows, std::size_t row) {
  return {.key = {std::string(rows.text(row, 0)), std::string(rows.text(row, 1))},
          .detail = std::string(rows.text(row, 2)),
          .topic = std::string(rows.text(row, 3)),
          .node = std::string(rows.text(row, 4)),
          .raised_at = rows.instant(row, 5),
          .until = rows.instant(row, 6)};
}

Alert read_alert(const Rows& rows, std::size_t row) {
  return {.id = std::string(rows.text(row, 0)),
          .key = {std::string(rows.text(row, 1)), std::string(rows.text(row, 2))},
          .detail = std::string(rows.text(row, 3)),
          .topic = std::string(rows.text(row, 4)),
          .node = std::string(rows.text(row, 5)),
          .opened_at = rows.instant(row, 6),
          .resolved_at = rows.instant_if(row, 7)};
}

/// Nothing for a target, kind or state of a newer build, which is left alone.
std::optional<Notice> read_notice(const Rows& rows, std::size_t row) {
  const auto target = target_of(rows.text(row, 1));
  const auto kind = notice_kind_of(rows.text(row, 2));
  const auto state = notice_state_of(rows.text(row, 3));
  if (!target || !kind || !state) return std::nullopt;
  return Notice{.target = *target,
                .kind = *kind,
                .state = *state,
                .attempts = static_cast<int>(rows.int64(row, 4)),
                .made_at = rows.instant(row, 5),
                .due = rows.instant(row, 6),
                .done_at = rows.instant_if(row, 7),
                .error = std::string(rows.text(row, 8))};
}

/// Notices of many alerts, beside the ids of those.
struct NoticeRows {
  std::vector<std::string> alerts;
  std::vector<std::int64_t> places;
  std::vector<Notice> notices;
};

NoticeRows notice_rows(const std::vector<Alert>& alerts) {
  NoticeRows rows;
  for (const Alert& alert : alerts) {
    std::int64_t place = 0;
    for (const Notice& notice : alert.notices) {
      rows.alerts.push_back(alert.id);
      rows.places.push_back(place++);
      rows.notices.push_back(notice);
    }
  }
  return rows;
}

constexpr std::array kTargets = {AlertTarget::Pagerduty, AlertTarget::Slack, AlertTarget::Opsgenie};
constexpr std::array kKinds = {NoticeKind::Trigger, NoticeKind::Resolve};
constexpr std::array kStates = {NoticeState::Pending, NoticeState::Sent, NoticeState::Dead};

void add_notices(postgres::Pipeline& pipeline, const std::vector<Alert>& alerts,
                 const NoticeRows& rows) {
  const auto target = [](const Notice& one) { return target_text(one.target); };
  const auto kind = [](const Notice& one) { return notice_kind_text(one.kind); };
  Params drop;
  drop.text_array(kTargets, target_text)
      .text_array(kKinds, notice_kind_text)
      .text_array(kStates, notice_state_text)
      .text_array(alerts, &Alert::id)
      .text_array(rows.alerts)
      .text_array(rows.notices, target)
      .text_array(rows.notices, kind);
  pipeline.add(kDropNotices, std::move(drop));
  Params params;
  params.text_array(kStates, notice_state_text)
      .text_array(rows.alerts)
      .int64_array(rows.places)
      .text_array(rows.notices, target)
      .text_array(rows.notices, kind)
      .text_array(rows.notices, [](const Notice& one) { return notice_state_text(one.state); })
      .int64_array(rows.notices, [](const Notice& one) { return std::int64_t{one.attempts}; })
      .instant_array(rows.notices, &Notice::made_at)
      .instant_array(rows.notices, &Notice::due)
      .instant_array(rows.notices, &Notice::done_at)
      .text_array(rows.notices, &Notice::error);
  pipeline.add(kPutNotices, std::move(params));
}

void add_alerts(postgres::Pipeline& pipeline, const std::vector<Alert>& alerts) {
  Params put;
  put.text_array(alerts, &Alert::id)
      .text_array(alerts, [](const Alert& one) -> std::string_view { return one.key.name; })
      .text_array(alerts, [](const Alert& one) -> std::string_view { return one.key.subject; })
      .text_array(alerts, &Alert::detail)
      .text_array(alerts, &Alert::topic)
      .text_array(alerts, &Alert::node)
      .instant_array(alerts, &Alert::opened_at)
      .instant_array(alerts, &Alert::resolved_at)
      .boolean_array(alerts, &Alert::settled);
  pipeline.add(kPutAlerts, std::move(put));
  add_notices(pipeline, alerts, notice_rows(alerts));
}

void add_gone(postgres::Pipeline& pipeline, const std::vector<Condition>& gone) {
  Params params;
  params.text_array(gone, [](const Condition& one) -> std::string_view { return one.key.name; })
      .text_array(gone, [](const Condition& one) -> std::string_view { return one.key.subject; })
      .instant_array(gone, &Condition::until);
  pipeline.add(kDropConditions, std::move(params));
}

Result<AlertBook> read_book(postgres::Pool& pool) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  postgres::Pipeline pipeline(*connection);
  pipeline.begin();
  const std::size_t conditions_at = pipeline.add(
      kReadConditions, std::move(Params().int64(static_cast<std::int64_t>(kConditionsMax))));
  const std::size_t alerts_at = pipeline.add(
      kReadAlerts, std::move(Params().int64(static_cast<std::int64_t>(kLiveAlertsMax))));
  const std::size_t notices_at = pipeline.add(kReadNotices);
  pipeline.commit();
  WEIR_TRY(const auto read, pipeline.run());
  AlertBook book;
  for (std::size_t row = 0; row < read[conditions_at].size(); ++row) {
    book.conditions.push_back(read_condition(read[conditions_at], row));
  }
  std::unordered_map<std::string, std::size_t> places;
  for (std::size_t row = 0; row < read[alerts_at].size(); ++row) {
    book.alerts.push_back(read_alert(read[alerts_at], row));
    places[book.alerts.back().id] = row;
  }
  const Rows& notices = read[notices_at];
  for (std::size_t row = 0; row < notices.size(); ++row) {
    const auto place = places.find(std::string(notices.text(row, 0)));
    if (place == places.end()) continue;
    if (auto notice = read_notice(notices, row)) {
      book.alerts[place->second].notices.push_back(*std::move(notice));
    }
  }
  return book;
}

}  // namespace

void add_condition(postgres::Pipeline& pipeline, const Condition& condition) {
  pipeline.add(kRaiseConditions, raise_params({&condition, 1}));
}

Result<void> PostgresAlertStore::raise(std::span<const Condition> conditions) {
  if (conditions.empty()) return {};
  const auto connection = pool_.acquire(kStoreConnectionWait);
  if (!connection.ok()) return graph_error(connection.error());
  const auto raised = (*connection)->execute(kRaiseConditions, raise_params(conditions));
  if (!raised.ok()) return graph_error(raised.error());
  return {};
}

Result<AlertBook> PostgresAlertStore::read() { return with_graph_error(read_book(pool_)); }

Result<void> PostgresAlertStore::write_once(const LoopFence& fence, const AlertChange& change,
                                            Instant now) {
  WEIR_TRY(const auto connection, pool_.acquire(kStoreConnectionWait));
  postgres::Pipeline pipeline(*connection);
  pipeline.begin();
  const std::size_t fence_at = add_fence(pipeline, fence);
  if (!change.put.empty()) add_alerts(pipeline, change.put);
  if (!change.gone.empty()) add_gone(pipeline, change.gone);
  pipeline.add(kForgetAlerts,
               std::move(Params().instant(now - kSettledAlertsKept).int64(kAlertsForgottenMax)));
  WEIR_TRY(const auto written, pipeline.run());
  WEIR_CHECK(judge_fence(written[fence_at], fence));
  WEIR_CRASH_POINT("alert.before_commit");
  postgres::Pipeline ending(*connection);
  ending.commit();
  WEIR_CHECK(ending.run());
  WEIR_CRASH_POINT("alert.after_commit");
  return {};
}

Result<void> PostgresAlertStore::write(const LoopFence& fence, const AlertChange& change,
                                       Instant now) {
  return with_loop_error(write_once(fence, change, now));
}

}  // namespace weir::dagmanager
