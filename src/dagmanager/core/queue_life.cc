// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/queue_life.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <utility>

#include "dagmanager/core/limits.h"

namespace weir::dagmanager {
namespace {

constexpr std::string_view kDryRunStrategy = "dryrun";

constexpr Duration days(int count) { return std::chrono::hours(24 * count); }

/// Held by the second row of the table, not by how many came after it.
bool is_trial(const DeployStanding& deploy) {
  return deploy.safe_mode || deploy.strategy.view() == kDryRunStrategy;
}

/// Whether two contexts give a node the same binding key.
bool bind_alike(const BindingContext& queue, const DeployBindings& deploy) {
  const graph::ComputeContext& a = queue.context;
  const graph::ComputeContext& b = deploy.context;
  return a.world_id == b.world_id && a.execution_domain == b.execution_domain &&
         a.as_of == b.as_of && a.partition == b.partition && a.safe_mode == b.safe_mode &&
         (!a.safe_mode || queue.strategy == deploy.strategy);
}

}  // namespace

std::vector<bool> held_deploys(std::span<const DeployStanding> deploys, std::size_t kept,
                               Instant now) {
  using Group = std::pair<std::string_view, std::string_view>;
  std::map<Group, std::vector<std::size_t>> groups;
  std::vector<bool> held(deploys.size());
  for (std::size_t i = 0; i < deploys.size(); ++i) {
    const DeployStanding& deploy = deploys[i];
    if (is_trial(deploy)) {
      held[i] = deploy.live || now - deploy.last_seen < kTrialDeployHeld;
      continue;
    }
    const bool lately = !deploy.ended && now - deploy.last_seen < kSeenLatelyHeld;
    held[i] = deploy.live || lately;
    if (!deploy.ended) groups[{deploy.strategy.view(), deploy.world.view()}].push_back(i);
  }
  const auto newer = [&](std::size_t a, std::size_t b) {
    return std::pair(deploys[a].last_seen, deploys[a].order) >
           std::pair(deploys[b].last_seen, deploys[b].order);
  };
  for (auto& [group, members] : groups) {
    const std::size_t first = std::min(kept, members.size());
    std::ranges::partial_sort(members, members.begin() + static_cast<std::ptrdiff_t>(first), newer);
    for (std::size_t i = 0; i < first; ++i) held[members[i]] = true;
  }
  return held;
}

std::vector<EndedDeploy> lately_ended(std::span<const DeployStanding> deploys, Instant now) {
  std::vector<EndedDeploy> ended;
  for (const DeployStanding& deploy : deploys) {
    if (deploy.ended && now - deploy.last_seen < kSeenLatelyHeld) {
      ended.push_back({deploy.key, deploy.last_seen});
    }
  }
  std::ranges::sort(ended);
  return ended;
}

void QueueReferences::add(const GraphIndex& index, const DeployBindings& deploy, bool held,
                          bool was_live) {
  if (!held && !was_live) return;
  // A graph has few contexts, and each is one object however many queues it has.
  absl::flat_hash_map<const BindingContext*, bool> alike;
  for (const RowId node : deploy.nodes) {
    for (const RowId row : index.queues_of(node)) {
      const QueueView queue = index.queue(row);
      const auto [known, fresh] = alike.try_emplace(&queue.binding(), false);
      if (fresh) known->second = bind_alike(queue.binding(), deploy);
      if (!known->second) continue;
      if (held) held_.insert(row);
      if (was_live) was_live_.insert(row);
    }
  }
}

std::vector<RowId> QueueReferences::orphans(const GraphIndex& index,
                                            std::span<const RowId> queues) const {
  std::vector<RowId> rows;
  for (const RowId row : queues) {
    const QueueView queue = index.queue(row);
    if (queue && queue.is_active() && !held(row)) rows.push_back(row);
  }
  return rows;
}

bool stands_on_queues(const GraphIndex& index, const DeployBindings& deploy) {
  return std::ranges::all_of(deploy.nodes, [&](RowId node) {
    return std::ranges::any_of(index.queues_of(node), [&](RowId row) {
      const QueueView queue = index.queue(row);
      return queue.is_active() && bind_alike(queue.binding(), deploy);
    });
  });
}

std::vector<RowId> active_queues(const GraphIndex& index) {
  std::vector<RowId> rows;
  rows.reserve(index.queue_count());
  index.for_each_queue([&](const QueueView& queue) {
    if (queue.is_active()) rows.push_back(queue.row());
  });
  std::ranges::sort(rows);
  return rows;
}

std::string_view gc_action_text(GcAction action) {
  constexpr std::array<std::string_view, 3> kTexts = {"drop", "archive", "skip"};
  return kTexts.at(static_cast<std::size_t>(action));
}

std::string_view gc_reason_text(GcReason reason) {
  constexpr std::array<std::string_view, 5> kTexts = {"eligible", "within_grace", "unknown_policy",
                                                      "archive_failed", "referenced"};
  return kTexts.at(static_cast<std::size_t>(reason));
}

GcPolicies default_gc_policies() {
  return {{"raw", {.ttl = {}, .ttl_least = {}, .grace = days(1), .action = GcAction::Drop}},
          {"indicator", {.ttl = {}, .ttl_least = {}, .grace = days(3), .action = GcAction::Drop}},
          {std::string(kSentinelTag),
           {.ttl = {}, .ttl_least = days(180), .grace = days(30), .action = GcAction::Archive}}};
}

std::string orphan_tag(graph::TopicType type, bool was_live) {
  const bool orders = type == graph::TopicType::TradeExec;
  return std::string(was_live && !orders ? kSentinelTag : graph::topic_type_name(type));
}

OrphanMarks mark_orphans(std::span<const OrphanRecord> known, std::span<const OrphanSeen> seen,
                         Instant now) {
  OrphanMarks marks;
  auto before = known.begin();
  for (const OrphanSeen& orphan : seen) {
    while (before != known.end() && before->queue < orphan.queue) {
      marks.no_more.push_back((before++)->queue);
    }
    if (before == known.end() || before->queue != orphan.queue) {
      marks.put.push_back({orphan.queue, orphan.tag, now, orphan.size, now});
      continue;
    }
    OrphanRecord record = *before++;
    const bool grown = orphan.size && record.size && *orphan.size != *record.size;
    const bool first_size = orphan.size && !record.size;
    if (!grown && !first_size && record.tag == orphan.tag) continue;
    if (grown) record.grown_at = now;
    if (orphan.size) record.size = orphan.size;
    record.tag = orphan.tag;
    marks.put.push_back(std::move(record));
  }
  for (; before != known.end(); ++before) marks.no_more.push_back(before->queue);
  return marks;
}

GcVerdict judge_orphan(const OrphanStanding& orphan, const GcPolicies& policies, Instant now) {
  const auto policy = policies.find(orphan.tag);
  if (policy == policies.end() || policy->second.action == GcAction::Skip) {
    return {GcAction::Skip, GcReason::UnknownPolicy};
  }
  const TagPolicy& rule = policy->second;
  const Duration own = std::chrono::milliseconds(orphan.ttl_ms);
  const Duration ttl = rule.ttl.value_or(std::max(own, rule.ttl_least));
  if (now - std::max(orphan.since, orphan.grown_at) < ttl + rule.grace) {
    return {GcAction::Skip, GcReason::WithinGrace};
  }
  return {rule.action, GcReason::Eligible};
}

}  // namespace weir::dagmanager
