// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/ports/task_store.h"
#include "dispatcher/tasks/task_gather.h"

namespace weir::dispatcher {

/// Claims at once: the log on its way to the disk is most of one, so that two leave cores idle.
inline constexpr std::size_t kClaimCallsMax = 4;

/// The calls of the task store that requests of one kind share. Any thread.
struct SharedCalls {
  /// `store` outlives this.
  explicit SharedCalls(TaskStore& store);
  /// Takes nothing more; returns when everything taken is answered.
  void stop();

  Gather<ClaimRequest, ClaimAnswer> claims;
  Gather<TaskItem<HeartbeatCommand>, Answer<HeartbeatReply>> heartbeats;
  Gather<TaskItem<CompleteCommand>, Answer<CompleteReply>> completions;
  Gather<AcceptRequest, Answer<AcceptReply>> acceptances;
};

}  // namespace weir::dispatcher
