// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/ports/task_store.h"
#include "dispatcher/tasks/task_gather.h"

namespace weir::dispatcher {

/// Claims at once, of a pool with twice as many sessions or more: the log on its way to the disk is
/// most of one, so that few leave cores idle.
inline constexpr std::size_t kClaimCallsMax = 8;
/// Tasks that claims ask for in one call: what a call costs whatever it claims is a fiftieth then.
inline constexpr std::size_t kClaimItemsMax = 400;

/// The calls of the task store that requests of one kind share. Any thread.
struct SharedCalls {
  /// `store` outlives this; claims take at most half of its `sessions`.
  SharedCalls(TaskStore& store, std::size_t sessions);
  /// Takes nothing more; returns when everything taken is answered.
  void stop();

  Gather<ClaimRequest, ClaimAnswer> claims;
  Gather<TaskItem<HeartbeatCommand>, Answer<HeartbeatReply>> heartbeats;
  Gather<TaskItem<CompleteCommand>, Answer<CompleteReply>> completions;
  Gather<AcceptRequest, Answer<AcceptReply>> acceptances;
};

}  // namespace weir::dispatcher
