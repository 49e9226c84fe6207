// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "dispatcher/ports/memory/memory_task_tables.h"

namespace weir::test {

/// Names for ids that a store draws, which other stores draw differently: an event is named by its
/// version and seq, a task by its build, input and event. Ids that are derived or given keep their
/// text.
class TaskNames {
 public:
  explicit TaskNames(const dispatcher::TaskTables& tables);

  std::string of(const dispatcher::EventId& event) const;
  std::string of(const dispatcher::TaskId& task) const;

 private:
  std::map<dispatcher::EventId, std::string> events_;
  std::map<dispatcher::TaskId, std::string> tasks_;
};

/// All rows as lines of text under such names, sorted; without what is drawn at random: lease
/// tokens, fence numbers, receipts, outbox ids (the task they ring is there).
std::vector<std::string> describe(const dispatcher::TaskTables& tables);

}  // namespace weir::test
