// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/tasks/shared_calls.h"

#include <algorithm>

namespace weir::dispatcher {
namespace {

template <class Item>
std::vector<TaskId> name_of(const Item& item) {
  return {item.task_id};
}

}  // namespace

SharedCalls::SharedCalls(TaskStore& store, std::size_t sessions)
    : claims([&store](auto items) { return store.claim(items); },
             [](const ClaimRequest& claim) { return claim.task_ids; },
             [](const ClaimRequest& claim) {
               return GatherSize{.items = std::max(claim.max, claim.task_ids.size())};
             },
             {.items_max = kClaimItemsMax,
              .calls_max = std::clamp<std::size_t>(sessions / 2, 1, kClaimCallsMax)}),
      heartbeats([&store](auto items) { return store.heartbeat(items); },
                 name_of<TaskItem<HeartbeatCommand>>),
      completions([&store](auto items) { return store.complete(items); },
                  name_of<TaskItem<CompleteCommand>>),
      acceptances(
          [&store](auto items) { return store.accept(items); }, name_of<AcceptRequest>,
          [](const AcceptRequest& accept) { return GatherSize{.events = accept.events.size()}; }) {}

void SharedCalls::stop() {
  claims.stop();
  heartbeats.stop();
  completions.stop();
  acceptances.stop();
}

}  // namespace weir::dispatcher
