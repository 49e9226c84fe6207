// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "dagmanager/core/records.h"

namespace weir::dagmanager {

/// The topic log replayed (contract section 3.19): which topics there were once its rows, oldest
/// first, had been added.
class TopicHistory {
 public:
  void add(const TopicLogRow& row);
  /// Topics that were there, by name, each with the last row that made or adopted it.
  const std::map<std::string, TopicLogRow>& existing() const { return existing_; }

 private:
  std::map<std::string, TopicLogRow> existing_;
};

}  // namespace weir::dagmanager
