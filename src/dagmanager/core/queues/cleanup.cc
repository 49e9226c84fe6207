// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/queues/cleanup.h"

#include <algorithm>
#include <set>
#include <utility>

#include "dagmanager/core/redo.h"
#include "graph/dag_meta.h"

namespace weir::dagmanager {
namespace {

using Bearer = std::pair<std::string, std::string>;  // world, sentinel

Error ambiguous(const std::string& id, const std::set<Bearer>& bearers) {
  std::string names;
  for (const auto& [world, sentinel] : bearers) {
    if (!names.empty()) names += ", ";
    names += sentinel;
    if (!world.empty()) names += " in world ";
    names += world;
  }
  return base::failed_precondition(
      "ambiguous_sentinel",
      "several sentinels bear the version label " + id + ": " + names + "; name one of them");
}

}  // namespace

std::vector<graph::StrategyId> strategies_meant(const std::string& id) {
  return strategies_of(graph::SentinelId(id));
}

Result<std::vector<std::string>> decide_cleanup(std::span<const CleanupRow> rows,
                                                const std::string& id) {
  const std::vector<graph::StrategyId> strategies = strategies_meant(id);
  std::vector<std::string> by_strategy;
  std::vector<std::string> by_label;
  std::set<Bearer> bearers;
  bool known = false;
  for (const CleanupRow& row : rows) {
    if (std::ranges::find(strategies, row.strategy) != strategies.end()) {
      known = true;
      if (!row.ended) by_strategy.push_back(row.key);
    } else if (row.sentinel_due && row.version.view() == id) {
      bearers.emplace(row.world.text(), graph::sentinel_id(row.strategy).text());
      if (!row.ended) by_label.push_back(row.key);
    }
  }
  if (known) return by_strategy;
  if (bearers.size() > 1) return ambiguous(id, bearers);
  return by_label;
}

AuditRow audit_of(const Cleanup& cleanup, std::size_t ended) {
  AuditRow row;
  row.at = cleanup.at;
  row.actor = cleanup.actor;
  row.action = "cleanup";
  row.subject = cleanup.id;
  row.note = std::to_string(ended) + (ended == 1 ? " deploy ended" : " deploys ended");
  return row;
}

}  // namespace weir::dagmanager
