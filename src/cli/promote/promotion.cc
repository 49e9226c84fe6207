// SPDX-License-Identifier: Apache-2.0
#include "cli/promote/promotion.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/crash_point.h"
#include "cli/lint/lint_text.h"
#include "cli/promote/limits.h"
#include "graph/dag.h"
#include "graph/lint/lint.h"

namespace weir::cli {
namespace {

Error not_promotable(const std::string& why) {
  return base::failed_precondition(kNotPromotable, why);
}

std::string version_text(const Subject& subject) {
  std::string text = "version " + subject.version.text() + " of " + subject.sentinel.text();
  if (!subject.world.empty()) text += " in world " + subject.world.text();
  return text;
}

bool is_over(const wire::Rollout& rollout) {
  return rollout.state() == "done" || rollout.state() == "rolled_back";
}

/// Where a rollout stands, without what changes with every look.
std::string standing(const wire::Rollout& rollout) {
  std::string text = rollout.state();
  if (!is_over(rollout)) {
    const auto& steps = rollout.steps();
    text += ", step " + std::to_string(rollout.step() + 1) + " of " + std::to_string(steps.size());
  }
  if (!rollout.verdict().empty()) text += ", " + rollout.verdict();
  if (!rollout.reason().empty()) text += ": " + rollout.reason();
  return text;
}

}  // namespace

/// Counts as evidence; errors end it here.
Result<wire::GateEvidence> Promotion::lint(const Candidate& candidate) {
  graph::LintQuestion question{.context = candidate.context};
  if (const auto ids = graph::inputs_from_elsewhere(candidate.json); !ids.empty()) {
    WEIR_TRY(const auto records, parts_.client.describe_nodes(ids));
    for (const auto& record : records) question.stored.push_back(record.node_id());
  }
  const auto findings = graph::lint_dag(candidate.json, question);
  if (!findings.ok()) return not_promotable(candidate.file + ": " + findings.error().describe());
  std::string text = lint_text(*findings, {.title = candidate.file});
  text.pop_back();
  if (lint_fails(*findings, /*warnings_count=*/false)) {
    return base::failed_precondition(kLintFailed, text);
  }
  parts_.tell("lint: " + text);
  wire::GateEvidence evidence;
  evidence.set_lint_warnings(static_cast<std::uint32_t>(findings->size()));
  return evidence;
}

Result<Subject> Promotion::look_at(const Candidate& candidate) const {
  const auto dag = graph::read_dag(candidate.json);
  if (!dag.ok()) return not_promotable(candidate.file + ": " + dag.error().describe());
  const graph::ComputeContext context =
      graph::evaluate_context(graph::merge_context(candidate.context, dag->context));
  if (context.safe_mode) {
    return not_promotable(
        "It would run in safe mode (" + std::string(graph::downgrade_text(context.downgrade)) +
        "), where no version gets traffic: give --domain, and --as-of where it is not "
        "live or shadow.");
  }
  return Subject{.sentinel = graph::sentinel_id(candidate.strategy),
                 .version = dag->version,
                 .world = graph::WorldId(context.world_id),
                 .node_set = graph::node_set_hash(*dag)};
}

/// Asks for the weight 0 where it is 0: that changes nothing, and is refused where the version has
/// traffic, which a submission at weight 0 would take from it.
Result<std::optional<wire::Rollout>> Promotion::begun_before(const Candidate& candidate,
                                                             const Subject& subject) {
  wire::SetTrafficWeightRequest nothing;
  nothing.set_sentinel_id(subject.sentinel.text());
  nothing.set_version(subject.version.text());
  nothing.set_world_id(subject.world.text());
  nothing.set_weight(0);
  nothing.set_expect_weight(0);
  const auto stands = parts_.client.set_weight(nothing);
  if (stands.ok() || stands.error().reason() == "unknown_sentinel") {
    return std::optional<wire::Rollout>();
  }
  if (stands.error().reason() != "weight_changed") return stands.error();
  WEIR_TRY(auto found, find_rollout(candidate, subject));
  if (found) return found;
  return not_promotable(
      version_text(subject) +
      " has traffic already, and not by a rollout of this graph: give the graph a "
      "version of its own (`weir dagmanager canary list` tells of rollouts)");
}

/// The newest rollout of the version, if it is of this graph and was not rolled back.
Result<std::optional<wire::Rollout>> Promotion::find_rollout(const Candidate& candidate,
                                                             const Subject& subject) {
  WEIR_TRY(const auto nodes,
           parts_.client.describe_deploy(candidate.strategy.text(), subject.world.text()));
  std::vector<std::string_view> ids;
  ids.reserve(nodes.size());
  for (const auto& node : nodes) ids.push_back(node.node_id());
  if (graph::node_set_hash(std::move(ids)) != subject.node_set) {
    return std::optional<wire::Rollout>();
  }
  wire::ListRolloutsRequest all;
  all.set_world_id(subject.world.text());
  WEIR_TRY(const auto listed, parts_.client.list_rollouts(all));
  const auto newest = std::ranges::find_if(listed.rollouts(), [&](const wire::Rollout& one) {
    return one.sentinel_id() == subject.sentinel.view() &&
           one.version() == subject.version.view() && one.world_id() == subject.world.view();
  });
  if (newest == listed.rollouts().end() || newest->state() == "rolled_back") {
    return std::optional<wire::Rollout>();
  }
  return std::optional<wire::Rollout>(*newest);
}

Result<void> Promotion::submit(const Candidate& candidate, const Subject& subject) {
  WEIR_TRY(
      const auto answer,
      parts_.client.diff({.dag_json = candidate.json,
                          .fields = {.strategy = candidate.strategy, .context = candidate.context},
                          .plan_only = false},
                         {.chunk = {}, .again = [this](const Error& why, int) {
                            parts_.tell("submit again: " + why.message());
                          }}));
  for (const std::string& warning : answer.warnings) parts_.tell("warning: " + warning);
  if (answer.version != subject.version.view() || answer.sentinel_id != subject.sentinel.view()) {
    return not_promotable("The server calls it version " + answer.version + " of " +
                          answer.sentinel_id + ", and not " + version_text(subject) +
                          ": it reads graphs otherwise than this command");
  }
  parts_.tell("submitted " + version_text(subject) + " at weight 0");
  return {};
}

Result<wire::Rollout> Promotion::start(const Candidate& candidate,
                                       const dagmanager::BacktestHook& hook) {
  WEIR_TRY(wire::GateEvidence evidence, lint(candidate));
  WEIR_TRY(const Subject subject, look_at(candidate));
  WEIR_CRASH_POINT("promote.linted");
  WEIR_TRY(const auto before, begun_before(candidate, subject));
  if (before) {
    parts_.tell("rollout " + before->rollout_id() + " of this graph: " + standing(*before));
    return *before;
  }
  WEIR_TRY(const auto backtests, run_backtests(hook, {candidate.json, subject.node_set}));
  parts_.tell("backtests: " + std::to_string(backtests.size()) + " passed");
  WEIR_CRASH_POINT("promote.tested");
  WEIR_CHECK(submit(candidate, subject));
  WEIR_CRASH_POINT("promote.submitted");
  evidence.set_node_set(subject.node_set);
  evidence.mutable_backtests()->Assign(backtests.begin(), backtests.end());
  wire::StartRolloutRequest request = candidate.rollout;
  request.set_sentinel_id(subject.sentinel.text());
  request.set_version(subject.version.text());
  request.set_world_id(subject.world.text());
  *request.mutable_evidence() = std::move(evidence);
  WEIR_TRY(wire::Rollout rollout, parts_.client.start_rollout(request));
  parts_.tell("rollout " + rollout.rollout_id() + " has begun");
  WEIR_CRASH_POINT("promote.started");
  return rollout;
}

Result<wire::Rollout> Promotion::follow(const wire::Rollout& rollout) {
  wire::ListRolloutsRequest request;
  request.set_world_id(rollout.world_id());
  wire::Rollout seen = rollout;
  std::string told;
  Duration heard_at = parts_.clock.monotonic();
  Duration wait = kLookAgainFirst;
  while (!is_over(seen)) {
    parts_.clock.sleep_for(wait);
    wait = std::min(wait * 2, kLookAgainMax);
    const auto listed = parts_.client.list_rollouts(request);
    if (!listed.ok()) {
      const bool away = listed.error().code() == Code::Unavailable ||
                        listed.error().code() == Code::DeadlineExceeded;
      if (away && parts_.clock.monotonic() - heard_at < kServerGoneMax) continue;
      parts_.tell("the rollout goes on; see `weir dagmanager canary show " + seen.rollout_id() +
                  "`");
      return listed.error();
    }
    heard_at = parts_.clock.monotonic();
    const auto found = std::ranges::find(listed->rollouts(), seen.rollout_id(),
                                         [](const wire::Rollout& one) { return one.rollout_id(); });
    if (found == listed->rollouts().end()) {
      return not_promotable("rollout " + seen.rollout_id() +
                            " is not among the newest 1,000 any more");
    }
    seen = *found;
    if (std::string now = standing(seen); now != told) {
      parts_.tell("rollout " + seen.rollout_id() + ": " + now);
      told = std::move(now);
    }
  }
  return seen;
}

}  // namespace weir::cli
