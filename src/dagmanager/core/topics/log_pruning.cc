// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/topics/log_pruning.h"

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace weir::dagmanager {

LogEffect log_effect(const TopicLogRow& row) {
  if (row.topic.empty() || row.result == "left alone") return LogEffect::None;
  const std::string& action = row.action;
  if (action == "create" || action == "adopt" || action == "mismatch" || action == "recreated") {
    return LogEffect::Makes;
  }
  return action == "dropped" || action == "deleted" ? LogEffect::Ends : LogEffect::None;
}

std::vector<bool> rows_that_stay(std::span<const TopicLogRow> rows, Instant horizon) {
  struct Last {
    std::optional<std::size_t> made;
    std::size_t any = 0;
  };
  std::map<std::string_view, Last> topics;
  for (std::size_t at = 0; at < rows.size(); ++at) {
    if (rows[at].at >= horizon || rows[at].topic.empty()) continue;
    Last& last = topics[rows[at].topic.view()];
    last.any = at;
    const LogEffect effect = log_effect(rows[at]);
    if (effect == LogEffect::Makes) last.made = at;
    if (effect == LogEffect::Ends) last.made.reset();
  }
  std::vector<bool> stays(rows.size());
  for (std::size_t at = 0; at < rows.size(); ++at) stays[at] = rows[at].at >= horizon;
  for (const auto& [topic, last] : topics) {
    if (!last.made) continue;
    stays[*last.made] = true;
    stays[last.any] = true;
  }
  return stays;
}

}  // namespace weir::dagmanager
