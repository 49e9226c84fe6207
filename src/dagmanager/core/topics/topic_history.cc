// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/topics/topic_history.h"

namespace weir::dagmanager {

/// Actions of a newer build change nothing that this one knows of.
void TopicHistory::add(const TopicLogRow& row) {
  if (row.topic.empty() || row.result == "left alone") return;
  const std::string& action = row.action;
  if (action == "create" || action == "adopt" || action == "mismatch" || action == "recreated") {
    existing_[row.topic.text()] = row;
  } else if (action == "dropped" || action == "deleted") {
    existing_.erase(row.topic.text());
  }
}

}  // namespace weir::dagmanager
