// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/topics/topic_history.h"

#include "dagmanager/core/topics/log_pruning.h"

namespace weir::dagmanager {

/// Actions of a newer build change nothing that this one knows of.
void TopicHistory::add(const TopicLogRow& row) {
  switch (log_effect(row)) {
    case LogEffect::Makes:
      existing_[row.topic.text()] = row;
      break;
    case LogEffect::Ends:
      existing_.erase(row.topic.text());
      break;
    case LogEffect::None:
      break;
  }
}

}  // namespace weir::dagmanager
