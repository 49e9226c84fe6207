// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/rollouts/postgres_rollout_rows.h"

#include <charconv>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/json_line.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

#define WEIR_DAG_ROLLOUT_COLUMNS                                                            \
  "SELECT rollout_id::text, state, world_id, sentinel_id, version, baseline_id,"            \
  " baseline_version, baseline_before, step_weights::text[], step_holds, step, step_since," \
  " held, judged_at, verdict, reason, failing, failing_for, unknown_since, undecided_told," \
  " evidence, started_by, started_at, ended_at FROM weir_dagmanager.rollout"

constexpr Statement kReadUnfinished = {"dag_read_unfinished_rollouts", WEIR_DAG_ROLLOUT_COLUMNS
                                       " WHERE ended_at IS NULL ORDER BY judged_at, rollout_id"};
constexpr Statement kReadRollout = {"dag_read_rollout",
                                    WEIR_DAG_ROLLOUT_COLUMNS " WHERE rollout_id = $1"};
/// $2, $3: world and state, NULL for any.
constexpr Statement kListRollouts = {
    "dag_list_rollouts", WEIR_DAG_ROLLOUT_COLUMNS
    " WHERE ($2::text IS NULL OR world_id = $2) AND ($3::text IS NULL OR state = $3)"
    " ORDER BY seq DESC LIMIT $1"};

constexpr Statement kReadSides = {
    "dag_read_rollout_sides",
    "SELECT s.sentinel_id, s.world_id, s.version, s.commit_hash, s.release_tag, s.traffic_weight,"
    " s.deploy_key, s.created_at, s.live_weight, s.peak_weight"
    " FROM weir_dagmanager.rollout r JOIN weir_dagmanager.sentinel s"
    " ON s.world_id = r.world_id AND (s.sentinel_id, s.version) IN"
    " ((r.sentinel_id, r.version), (r.baseline_id, r.baseline_version))"
    " WHERE r.rollout_id = $1 AND s.sentinel_id IN (r.sentinel_id, r.baseline_id)"};

constexpr Statement kInsertRollout = {
    "dag_insert_rollout",
    "INSERT INTO weir_dagmanager.rollout (rollout_id, state, world_id, sentinel_id, version,"
    " baseline_id, baseline_version, baseline_before, step_weights, step_holds, step, step_since,"
    " held, judged_at, verdict, reason, failing, failing_for, unknown_since, undecided_told,"
    " evidence, started_by, started_at, ended_at)"
    " VALUES ($1::text::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, 0, $11, NULL, '', '{}',"
    " '{}', NULL, false, $12, $13, $14, NULL)"};

/// One that has ended stays as it is.
constexpr Statement kStoreRollout = {
    "dag_store_rollout",
    "UPDATE weir_dagmanager.rollout SET state = $2, step = $3, step_since = $4, held = $5,"
    " judged_at = $6, verdict = $7, reason = $8, failing = $9, failing_for = $10,"
    " unknown_since = $11, undecided_told = $12, ended_at = $13"
    " WHERE rollout_id = $1::text::uuid AND ended_at IS NULL"};

constexpr Statement kSetBaseline = {
    "dag_set_baseline",
    "UPDATE weir_dagmanager.deploy SET baseline_key = $2 WHERE deploy_key = $1"};

constexpr Statement kMarkTakenBack = {
    "dag_mark_taken_back",
    "UPDATE weir_dagmanager.deploy SET taken_back_at = $2 WHERE deploy_key = $1"};

constexpr Statement kCountGaps = {
    "dag_count_sentinel_gaps",
    "SELECT count(*) FROM weir_dagmanager.deploy d WHERE d.sentinel_due AND NOT EXISTS"
    " (SELECT 1 FROM weir_dagmanager.sentinel_deploy s WHERE s.sentinel_id = CASE"
    " WHEN d.strategy_id LIKE '%-sentinel' THEN d.strategy_id ELSE d.strategy_id || '-sentinel' END"
    " AND s.world_id = d.world_id AND s.version = d.version AND s.deploy_key = d.deploy_key)"};

#undef WEIR_DAG_ROLLOUT_COLUMNS

std::string evidence_text(const std::optional<GateEvidence>& evidence) {
  std::string out;
  if (!evidence) return out;
  JsonLine line(out);
  line.text("node_set", evidence->node_set);
  line.number("lint_errors", evidence->lint_errors);
  line.number("lint_warnings", evidence->lint_warnings);
  line.key("backtests");
  base::append_json_list(out, evidence->backtests, [&](const Backtest& backtest) {
    JsonLine(out)
        .text("name", backtest.name)
        .flag("passed", backtest.passed)
        .text("report_hash", backtest.report_hash)
        .end();
  });
  line.end();
  return out;
}

std::uint32_t count_in(JsonValue value) {
  std::uint32_t count = 0;
  const std::string_view text = value.text();
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

std::optional<GateEvidence> read_evidence(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const auto document = JsonDocument::parse(text);
  if (!document.ok()) return std::nullopt;
  const JsonValue root = document->root();
  GateEvidence evidence{.node_set = std::string(root.find("node_set").text()),
                        .lint_errors = count_in(root.find("lint_errors")),
                        .lint_warnings = count_in(root.find("lint_warnings")),
                        .backtests = {}};
  for (const JsonValue item : root.find("backtests")) {
    const JsonValue passed = item.find("passed");
    evidence.backtests.push_back({std::string(item.find("name").text()),
                                  !passed.missing() && passed.kind() == JsonKind::True,
                                  std::string(item.find("report_hash").text())});
  }
  return evidence;
}

std::optional<Verdict> verdict_of(std::optional<std::string_view> text) {
  if (!text) return std::nullopt;
  for (const Verdict verdict : {Verdict::Pass, Verdict::Fail}) {
    if (*text == verdict_text(verdict)) return verdict;
  }
  return Verdict::Unknown;  // also of a later build
}

std::vector<RolloutStep> read_steps(const Rows& rows, std::size_t row) {
  std::vector<RolloutStep> steps;
  const std::vector<std::int64_t> holds = rows.int64_array(row, 9);
  for (const std::string_view text : rows.text_array(row, 8)) {
    RolloutStep step;
    std::from_chars(text.data(), text.data() + text.size(), step.weight);
    step.hold = Duration(holds.at(steps.size()));
    steps.push_back(step);
  }
  return steps;
}

/// A state that this build does not know is of a later one: it is left alone, as one that is
/// paused.
RolloutRecord read_rollout(const Rows& rows, std::size_t row) {
  RolloutRecord record{
      .id = std::string(rows.text(row, 0)),
      .world = graph::WorldId(rows.text(row, 2)),
      .candidate = {graph::SentinelId(rows.text(row, 3)), graph::VersionLabel(rows.text(row, 4))},
      .baseline = {graph::SentinelId(rows.text(row, 5)), graph::VersionLabel(rows.text(row, 6))},
      .rollout = {},
      .evidence = read_evidence(rows.text(row, 20)),
      .started_by = std::string(rows.text(row, 21)),
      .started_at = rows.instant(row, 22)};
  Rollout& rollout = record.rollout;
  rollout.state = rollout_state_of(rows.text(row, 1)).value_or(RolloutState::Paused);
  rollout.baseline_before = rows.number(row, 7);
  rollout.steps = read_steps(rows, row);
  rollout.step = static_cast<std::size_t>(rows.int64(row, 10));
  rollout.step_since = rows.instant(row, 11);
  rollout.held = Duration(rows.int64(row, 12));
  rollout.judged_at = rows.instant(row, 13);
  rollout.verdict = verdict_of(rows.text_if(row, 14));
  rollout.reason = rows.text(row, 15);
  const std::vector<std::int64_t> counts = rows.int64_array(row, 17);
  std::size_t at = 0;
  for (const std::string_view name : rows.text_array(row, 16)) {
    rollout.failures[std::string(name)] = static_cast<int>(counts.at(at++));
  }
  rollout.unknown_since = rows.instant_if(row, 18);
  rollout.undecided_told = rows.boolean(row, 19);
  rollout.ended_at = rows.instant_if(row, 23);
  return record;
}

Params& instant_or_null(Params& params, const std::optional<Instant>& value) {
  return value ? params.instant(*value) : params.null(postgres::Type::Timestamptz);
}

}  // namespace

std::size_t add_unfinished(Pipeline& pipeline) { return pipeline.add(kReadUnfinished); }

std::size_t add_rollout(Pipeline& pipeline, const base::Uuid& id) {
  return pipeline.add(kReadRollout, std::move(Params().uuid(id)));
}

std::size_t add_rollout_list(Pipeline& pipeline, const RolloutFilter& filter) {
  Params params;
  params.int64(static_cast<std::int64_t>(kRolloutsListedMax));
  params.text_or_null(filter.world ? std::optional(filter.world->view()) : std::nullopt);
  params.text_or_null(filter.state ? std::optional(rollout_state_text(*filter.state))
                                   : std::nullopt);
  return pipeline.add(kListRollouts, std::move(params));
}

std::vector<RolloutRecord> take_rollouts(const Rows& rows) {
  std::vector<RolloutRecord> records;
  records.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) records.push_back(read_rollout(rows, row));
  return records;
}

std::size_t add_sides(Pipeline& pipeline, const base::Uuid& id) {
  return pipeline.add(kReadSides, std::move(Params().uuid(id)));
}

void insert_rollout(Pipeline& pipeline, const RolloutRecord& record) {
  const Rollout& rollout = record.rollout;
  Params params;
  params.text(record.id)
      .text(rollout_state_text(rollout.state))
      .text(record.world.view())
      .text(record.candidate.sentinel.view())
      .text(record.candidate.version.view())
      .text(record.baseline.sentinel.view())
      .text(record.baseline.version.view())
      .number(rollout.baseline_before)
      .number_array(rollout.steps, &RolloutStep::weight)
      .int64_array(rollout.steps, [](const RolloutStep& step) { return step.hold.count(); })
      .instant(rollout.step_since)
      .text(evidence_text(record.evidence))
      .text(record.started_by)
      .instant(record.started_at);
  pipeline.add(kInsertRollout, std::move(params));
}

void store_rollout(Pipeline& pipeline, const RolloutRecord& record) {
  const Rollout& rollout = record.rollout;
  Params params;
  params.text(record.id)
      .text(rollout_state_text(rollout.state))
      .int32(static_cast<std::int32_t>(rollout.step))
      .instant(rollout.step_since)
      .int64(rollout.held.count())
      .instant(rollout.judged_at)
      .text_or_null(rollout.verdict ? std::optional(verdict_text(*rollout.verdict)) : std::nullopt)
      .text(rollout.reason)
      .text_array(rollout.failures, [](const auto& one) { return std::string_view(one.first); })
      .int64_array(rollout.failures, [](const auto& one) { return std::int64_t{one.second}; });
  instant_or_null(params, rollout.unknown_since).boolean(rollout.undecided_told);
  instant_or_null(params, rollout.ended_at);
  pipeline.add(kStoreRollout, std::move(params));
}

void set_baseline(Pipeline& pipeline, const std::string& deploy, const std::string& baseline) {
  Params params;
  params.text(deploy).text(baseline);
  pipeline.add(kSetBaseline, std::move(params));
}

void mark_taken_back(Pipeline& pipeline, const std::string& deploy, Instant at) {
  Params params;
  params.text(deploy).instant(at);
  pipeline.add(kMarkTakenBack, std::move(params));
}

std::size_t add_gap_count(Pipeline& pipeline) { return pipeline.add(kCountGaps); }

}  // namespace weir::dagmanager
