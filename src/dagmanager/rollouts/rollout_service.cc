// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/rollouts/rollout_service.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/rfc3339.h"
#include "base/uuid.h"
#include "dagmanager/core/limits.h"
#include "dagmanager/rollouts/wanted_world.h"
#include "server/log.h"

namespace weir::dagmanager {
namespace {

constexpr Duration kSecond = std::chrono::seconds(1);

Error missing(const std::string& what) { return base::invalid_argument("missing_field", what); }

std::vector<RolloutStep> steps_of(const wire::StartRolloutRequest& request, Duration half_hold) {
  if (request.steps().empty()) return default_steps(half_hold);
  std::vector<RolloutStep> steps;
  for (const wire::RolloutStep& step : request.steps()) {
    // What is beyond the bound stays beyond it, and is refused.
    const auto most = kRolloutHoldMax / kSecond + 1;
    steps.push_back({step.weight(), std::min<std::int64_t>(step.hold_seconds(), most) * kSecond});
    if (step.hold_seconds() < 0) steps.back().hold = -kSecond;
  }
  return steps;
}

std::optional<GateEvidence> evidence_of(const wire::StartRolloutRequest& request) {
  if (!request.has_evidence()) return std::nullopt;
  const wire::GateEvidence& given = request.evidence();
  GateEvidence evidence{.node_set = given.node_set(),
                        .lint_errors = given.lint_errors(),
                        .lint_warnings = given.lint_warnings(),
                        .backtests = {}};
  for (const wire::Backtest& backtest : given.backtests()) {
    evidence.backtests.push_back({backtest.name(), backtest.passed(), backtest.report_hash()});
  }
  return evidence;
}

RolloutWish wish_of(const wire::StartRolloutRequest& request, Duration half_hold) {
  RolloutWish wish{.sentinel = with_suffix(request.sentinel_id()),
                   .version = graph::VersionLabel(request.version()),
                   .world = wanted_world(request),
                   .baseline = {},
                   .steps = steps_of(request, half_hold),
                   .evidence = evidence_of(request)};
  if (!request.baseline_sentinel_id().empty()) {
    wish.baseline = {with_suffix(request.baseline_sentinel_id()),
                     graph::VersionLabel(request.baseline_version())};
  }
  return wish;
}

wire::Rollout message_of(const RolloutRecord& record) {
  const Rollout& rollout = record.rollout;
  wire::Rollout message;
  message.set_rollout_id(record.id);
  message.set_state(std::string(rollout_state_text(rollout.state)));
  message.set_world_id(record.world.text());
  message.set_sentinel_id(record.candidate.sentinel.text());
  message.set_version(record.candidate.version.text());
  message.set_baseline_sentinel_id(record.baseline.sentinel.text());
  message.set_baseline_version(record.baseline.version.text());
  for (const RolloutStep& step : rollout.steps) {
    wire::RolloutStep& out = *message.add_steps();
    out.set_weight(step.weight);
    out.set_hold_seconds(step.hold / kSecond);
  }
  message.set_step(static_cast<std::uint32_t>(rollout.step));
  message.set_held_seconds(rollout.held / kSecond);
  if (rollout.verdict) message.set_verdict(std::string(verdict_text(*rollout.verdict)));
  message.set_reason(rollout.reason);
  message.set_started_by(record.started_by);
  message.set_started_at(base::rfc3339(record.started_at));
  if (rollout.ended_at) message.set_ended_at(base::rfc3339(*rollout.ended_at));
  return message;
}

bool is_moved(const Error& error) { return error.reason() == "graph_moved"; }

}  // namespace

/// One try: what the candidate is now, whether its queues are there, and the transaction, which
/// decides all of it anew.
Result<RolloutOutcome> RolloutService::begin(const RolloutWish& wish, const std::string& actor) {
  WEIR_TRY(SentinelHistory all, parts_.redo.history(wish.sentinel));
  WEIR_TRY(const SentinelHistory history, in_world(std::move(all), wish.world));
  std::vector<SentinelRecord> named;
  if (!wish.baseline.empty()) {
    WEIR_TRY(named, parts_.rollouts.versions(wish.baseline.sentinel));
  }
  WEIR_TRY(const RolloutSides sides, choose_sides(wish, history, named));
  WEIR_TRY(const auto deploy, parts_.redo.deploy(sides.candidate.deploy_key));
  if (!deploy) return sides_moved();
  WEIR_TRY(std::vector<RowId> queues, queues_of(*deploy));
  std::string baseline;
  if (sides.baseline) {  // it has traffic from now on, and may have had none
    baseline = sides.baseline->deploy_key;
    WEIR_TRY(const auto before, parts_.redo.deploy(baseline));
    if (!before) return sides_moved();
    WEIR_TRY(const std::vector<RowId> more, queues_of(*before));
    queues.insert(queues.end(), more.begin(), more.end());
    std::ranges::sort(queues);
    queues.erase(std::ranges::unique(queues).begin(), queues.end());
  }
  return parts_.rollouts.begin({.wish = wish,
                                .start = {base::uuid_v4(parts_.random), actor, parts_.clock.now()},
                                .gate = parts_.gate,
                                .deploy = sides.candidate.deploy_key,
                                .queues = std::move(queues),
                                .baseline_deploy = std::move(baseline)});
}

/// The view is let go of before anything is written: a store may lock its readers out meanwhile.
Result<std::vector<RowId>> RolloutService::queues_of(const DeployRecord& deploy) {
  WEIR_TRY(const GraphView view, parts_.graph.read(nullptr));
  WEIR_TRY(StoredAnswer answer, answer_of(deploy, view.index(), false));
  return std::move(answer.queues);
}

Result<wire::Rollout> RolloutService::start(const wire::StartRolloutRequest& request,
                                            const std::string& actor) {
  if (request.sentinel_id().empty()) return missing("sentinel_id: which sentinel?");
  if (request.baseline_sentinel_id().empty() && !request.baseline_version().empty()) {
    return missing("baseline_sentinel_id: a version of which sentinel?");
  }
  const RolloutWish wish = wish_of(request, parts_.half_hold);
  WEIR_CHECK(check_steps(wish.steps));
  Result<RolloutOutcome> begun = sides_moved();
  for (int attempt = 0; attempt < kDecideAttemptsMax; ++attempt) {
    begun = begin(wish, actor);
    if (begun.ok() || !is_moved(begun.error())) break;
  }
  if (!begun.ok() && is_moved(begun.error())) {
    return base::unavailable("graph_contended", "the candidate was deployed anew " +
                                                    std::to_string(kDecideAttemptsMax) +
                                                    " times meanwhile; repeat the call");
  }
  if (!begun.ok()) return begun.error();
  const RolloutRecord& record = begun->record;
  server::log().info("rollout started", {{"rollout", record.id},
                                         {"sentinel", record.candidate.sentinel},
                                         {"version", record.candidate.version},
                                         {"world", record.world},
                                         {"actor", actor}});
  return message_of(record);
}

Result<wire::Rollout> RolloutService::change(const wire::ChangeRolloutRequest& request,
                                             const std::string& actor) {
  const auto action = rollout_action_of(request.action());
  if (!action) return missing("action: pause, resume, advance or abort");
  RolloutOrder order{.id = request.rollout_id(),
                     .action = *action,
                     .expect = rollout_state_of(request.expect_state()),
                     .actor = actor,
                     .at = parts_.clock.now()};
  if (!request.expect_state().empty() && !order.expect) {
    return missing("expect_state: running, paused, done or rolled_back");
  }
  WEIR_TRY(const RolloutOutcome changed, parts_.rollouts.change(order));
  server::log().info("rollout changed", {{"rollout", changed.record.id},
                                         {"action", request.action()},
                                         {"now", rollout_words(changed.record.rollout)},
                                         {"actor", actor}});
  return message_of(changed.record);
}

Result<wire::ListRolloutsReply> RolloutService::list(const wire::ListRolloutsRequest& request) {
  wire::ListRolloutsReply reply;
  RolloutFilter filter{.world = {}, .state = rollout_state_of(request.state())};
  if (!request.state().empty() && !filter.state) return reply;
  if (!request.world_id().empty()) filter.world = graph::WorldId(request.world_id());
  WEIR_TRY(const auto records, parts_.rollouts.list(filter));
  for (const RolloutRecord& record : records) *reply.add_rollouts() = message_of(record);
  return reply;
}

}  // namespace weir::dagmanager
