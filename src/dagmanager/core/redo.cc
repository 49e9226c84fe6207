// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/redo.h"

#include <algorithm>
#include <charconv>
#include <ranges>
#include <set>
#include <string_view>

#include "graph/compute_context.h"
#include "graph/dag.h"

namespace weir::dagmanager {
namespace {

constexpr std::string_view kSuffix = "-sentinel";
constexpr std::string_view kHotfix = "-hotfix";

/// "v1-hotfix.3" is the third hotfix of "v1"; what is no hotfix is number 0 of itself.
std::pair<std::string, unsigned> split_hotfix(const std::string& version) {
  const std::size_t at = version.rfind(kHotfix);
  if (at == std::string::npos) return {version, 0};
  const std::string_view rest = std::string_view(version).substr(at + kHotfix.size());
  if (rest.empty()) return {version.substr(0, at), 1};
  unsigned number = 0;
  const char* end = rest.data() + rest.size();
  const bool counted =
      rest.front() == '.' && std::from_chars(rest.data() + 1, end, number).ptr == end && number > 1;
  if (!counted) return {version, 0};
  return {version.substr(0, at), number};
}

bool has_version(const SentinelHistory& history, const graph::VersionLabel& version) {
  return std::ranges::find(history.deploys, version, &DeployHead::version) != history.deploys.end();
}

/// The first hotfix after `version` that nobody had: each turn passes one of the history's.
graph::VersionLabel next_hotfix(const SentinelHistory& history,
                                const graph::VersionLabel& version) {
  auto [stem, number] = split_hotfix(version.text());
  while (true) {
    std::string label = stem + std::string(kHotfix);
    if (++number > 1) label += "." + std::to_string(number);
    graph::VersionLabel next(std::move(label));
    if (!has_version(history, next)) return next;
  }
}

}  // namespace

const SentinelRecord* find_sentinel(const SentinelHistory& history, const DeployHead& deploy) {
  const graph::SentinelId id = graph::sentinel_id(deploy.strategy);
  for (const auto* sentinels : {&history.sentinels, &history.baseline_sentinels}) {
    const auto found = std::ranges::find_if(*sentinels, [&](const SentinelRecord& one) {
      return one.id == id && one.world == deploy.world && one.version == deploy.version;
    });
    if (found != sentinels->end()) return &*found;
  }
  return nullptr;
}

std::vector<graph::StrategyId> strategies_of(const graph::SentinelId& id) {
  std::vector<graph::StrategyId> strategies = {graph::StrategyId(id.text())};
  if (id.view().ends_with(kSuffix) && id.view().size() > kSuffix.size()) {
    strategies.emplace_back(id.view().substr(0, id.view().size() - kSuffix.size()));
  }
  return strategies;
}

graph::SentinelId with_suffix(const std::string& id) {
  return graph::sentinel_id(graph::StrategyId(id));
}

Result<SentinelHistory> in_world(SentinelHistory history, const WantedWorld& world) {
  std::set<graph::WorldId> worlds;
  for (const DeployHead& deploy : history.deploys) worlds.insert(deploy.world);
  WEIR_TRY(const graph::WorldId only, meant_world(world, worlds, history.id));
  const auto elsewhere = [&](const auto& row) { return row.world != only; };
  std::erase_if(history.deploys, elsewhere);
  std::erase_if(history.sentinels, elsewhere);
  std::erase_if(history.baselines, elsewhere);
  std::erase_if(history.baseline_sentinels, elsewhere);
  if (history.deploys.empty()) {
    std::string what = "no sentinel " + history.id.text();
    if (!only.empty()) what += " in world " + only.text();
    return Error(Code::NotFound, "unknown_sentinel", what + " is stored");
  }
  return history;
}

const DeployHead& current_deploy(const SentinelHistory& history) {
  const DeployHead* newest = nullptr;
  for (const DeployHead& deploy : std::views::reverse(history.deploys)) {
    if (deploy.taken_back) continue;
    const SentinelRecord* sentinel = find_sentinel(history, deploy);
    if (sentinel != nullptr && sentinel->traffic_weight.value_or(0) > 0) return deploy;
    if (newest == nullptr) newest = &deploy;
  }
  return newest == nullptr ? history.deploys.back() : *newest;
}

HotfixPlan plan_hotfix(const SentinelHistory& history, const std::string& node_set,
                       const graph::VersionLabel& stated) {
  const DeployHead& newest = history.deploys.back();
  const DeployHead& current = current_deploy(history);
  for (const DeployHead* same : {&current, &newest}) {
    if (same->node_set != node_set) continue;
    HotfixPlan again{same->version, std::nullopt};
    // What was taken back comes again: it takes over as it did at first.
    if (same->taken_back && same != &current) {
      again.handover = Handover{current.version, current.key, {}};
    }
    return again;
  }
  graph::VersionLabel version = stated.empty() ? next_hotfix(history, current.version) : stated;
  return {std::move(version), Handover{current.version, current.key, {}}};
}

Result<RollbackPlan> plan_rollback(const SentinelHistory& history) {
  const DeployHead& taken = history.deploys.back();
  const DeployHead* predecessor = nullptr;
  const auto other = std::ranges::find(history.baselines, taken.baseline, &DeployHead::key);
  if (other != history.baselines.end()) return RollbackPlan{taken, *other};
  for (const DeployHead& deploy : history.deploys) {
    const bool is_baseline = !taken.baseline.empty() && deploy.key == taken.baseline;
    if (is_baseline) {
      predecessor = &deploy;
      break;
    }
    const bool before = deploy.strategy == taken.strategy && deploy.key != taken.key &&
                        deploy.first_seen < taken.first_seen && !deploy.taken_back;
    if (before) predecessor = &deploy;  // the newest comes last
  }
  if (predecessor == nullptr) {
    return base::failed_precondition(
        "no_predecessor", "nothing was deployed before version " + taken.version.text() +
                              " of sentinel " + history.id.text() + " that could come back");
  }
  return RollbackPlan{taken, *predecessor};
}

Result<std::vector<WeightStep>> handover_weights(const SentinelRecord& former,
                                                 const SentinelRecord& gains,
                                                 const WeightFence& fence) {
  std::vector<WeightStep> steps;
  if (!former.traffic_weight || former.version == gains.version) return steps;
  const double weight = *former.traffic_weight;
  WEIR_CHECK(check_fence(fence, former.world, {weight, 0}));
  WEIR_CHECK(check_fence(fence, gains.world, {gains.traffic_weight.value_or(0), weight}));
  if (weight > 0) {
    steps.push_back({former, former.traffic_weight, false});  // both have one id: no event
    give_weight(steps.back().sentinel, 0);
  }
  // One id: whoever reads events hears of the side that gains, had it the weight already or not.
  if (gains.traffic_weight != weight || !steps.empty()) {
    steps.push_back({gains, gains.traffic_weight, true});
    give_weight(steps.back().sentinel, weight);
  }
  return steps;
}

Result<RollbackPlan> decide_take_back(const SentinelHistory& history, const std::string& taken,
                                      const std::string& predecessor) {
  WEIR_TRY(RollbackPlan plan, plan_rollback(history));
  if (plan.taken.key != taken || plan.predecessor.key != predecessor) {
    return Error(Code::Aborted, "graph_moved", "the sentinel was deployed or taken back meanwhile");
  }
  return plan;
}

Error queue_collected(const graph::VersionLabel& version) {
  return base::failed_precondition("queues_collected",
                                   "version " + version.text() +
                                       " cannot come back: a queue of it is collected; submit its "
                                       "graph again");
}

StepCause cause_of(const RollbackPlan& plan, const std::string& actor, Instant at) {
  return {.actor = actor,
          .action = "rollback",
          .subject = plan.taken.key,
          .note = "to version " + plan.predecessor.version.text(),
          .at = at};
}

AuditRow audit_of(const RollbackPlan& plan, const StepCause& cause) {
  return {.at = cause.at,
          .actor = cause.actor,
          .action = cause.action,
          .world = plan.taken.world,
          .sentinel = graph::sentinel_id(plan.taken.strategy),
          .version = plan.taken.version,
          .subject = cause.subject,
          .note = cause.note};
}

StepCause cause_of(const GraphChange& change) {
  return {.actor = change.handover->actor,
          .action = "hotfix",
          .subject = change.sentinel->deploy_key,
          .note = "after version " + change.handover->former.text(),
          .at = change.at};
}

std::optional<AuditRow> audit_of_weight(const GraphChange& change, std::optional<double> from) {
  const SentinelRecord& sentinel = *change.sentinel;
  if (from && same_weight(*from, *sentinel.traffic_weight)) return std::nullopt;
  return AuditRow{.at = change.at,
                  .actor = change.actor,
                  .action = "diff",
                  .world = sentinel.world,
                  .sentinel = sentinel.id,
                  .version = sentinel.version,
                  .from = from,
                  .to = *sentinel.traffic_weight,
                  .subject = sentinel.deploy_key,
                  .note = "diff:" + change.diff_id};
}

AuditRow audit_of(const WeightStep& step, const StepCause& cause) {
  return {.at = cause.at,
          .actor = cause.actor,
          .action = cause.action,
          .world = step.sentinel.world,
          .sentinel = step.sentinel.id,
          .version = step.sentinel.version,
          .from = step.from,
          .to = step.sentinel.traffic_weight.value_or(0),
          .subject = cause.subject,
          .note = cause.note};
}

std::vector<WeightStep> rollback_weights(const RollbackPlan& plan, const SentinelHistory& history,
                                         std::optional<double> former) {
  const SentinelRecord* loses = find_sentinel(history, plan.taken);
  const SentinelRecord* gains = find_sentinel(history, plan.predecessor);
  if (loses == gains) return {};  // one sentinel for both
  std::vector<WeightStep> steps;
  const bool one_id = loses != nullptr && gains != nullptr && loses->id == gains->id;
  if (loses != nullptr && loses->traffic_weight.value_or(0) > 0) {
    WeightStep step{*loses, loses->traffic_weight, !one_id};
    give_weight(step.sentinel, 0);
    steps.push_back(std::move(step));
  }
  if (gains != nullptr) {
    WeightStep step{*gains, gains->traffic_weight, true};
    step.sentinel.deploy_key = plan.predecessor.key;
    give_weight(step.sentinel, former ? *former : last_live_weight(*gains).value_or(1));
    // Of one id the side that loses is not told: the one that stays must be.
    const bool untold = one_id && !steps.empty();
    if (untold || step.sentinel.traffic_weight != gains->traffic_weight) {
      steps.push_back(std::move(step));
    }
  }
  return steps;
}

Result<StoredAnswer> answer_of(const DeployRecord& deploy, const GraphIndex& index,
                               bool compute_key_in_key) {
  StoredAnswer answer;
  answer.map.reserve(deploy.nodes.size());
  answer.queues.reserve(deploy.nodes.size());
  for (std::size_t i = 0; i < deploy.nodes.size(); ++i) {
    const NodeView node = index.node(deploy.nodes[i].node);
    graph::ComputeKey key;
    QueueView queue;
    if (node) {
      key = graph::compute_key(node.id(), deploy.key.context);
      queue =
          index.queue_by_binding(graph::binding_key(key, deploy.key.context, deploy.key.strategy));
    }
    if (!queue || !queue.is_active()) {
      return queue_collected(deploy.key.version);
    }
    const NodeRecord record = node.record();
    const std::string interval = std::to_string(record.parts.interval);
    answer.map.emplace_back(
        graph::partition_key(
            {.node_id = record.id.view(),
             .interval = interval,
             .bucket = deploy.buckets.empty() ? std::string_view() : deploy.buckets.at(i),
             .compute_key = compute_key_in_key ? key.view() : std::string_view()}),
        graph::TopicName(queue.topic()));
    answer.queues.push_back(queue.row());
  }
  return answer;
}

}  // namespace weir::dagmanager
