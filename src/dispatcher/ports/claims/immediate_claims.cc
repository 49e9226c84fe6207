// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/claims/immediate_claims.h"

#include <algorithm>

namespace weir::dispatcher {

ImmediateClaims::~ImmediateClaims() { give_back(); }

const ClaimRequest* ImmediateClaims::find(const QueueName& queue, std::string_view operator_name,
                                          std::string_view operator_version) {
  const auto fits = [&](const Held& held) {
    return held.tasks.size() < held.waiting.max &&
           std::ranges::find(held.waiting.queues, queue) != held.waiting.queues.end() &&
           runs(held.waiting.claim, operator_name, operator_version);
  };
  for (last_ = 0; last_ < held_.size(); ++last_) {
    if (fits(held_[last_])) return &held_[last_].waiting.claim;
  }
  while (line_ != nullptr && held_.size() < kImmediateClaimsMax) {
    auto taken = line_->take(queue);
    if (!taken) break;
    held_.push_back({.waiting = *std::move(taken)});
    last_ = held_.size() - 1;
    if (fits(held_.back())) return &held_.back().waiting.claim;
  }
  return nullptr;
}

void ImmediateClaims::took(const TaskId& task, const ClaimReply& reply) {
  held_[last_].tasks.emplace_back(task, reply);
}

void ImmediateClaims::answer(const std::function<void(ClaimedTask&)>& finish) {
  for (Held& held : held_) {
    if (held.tasks.empty()) continue;
    ClaimAnswer answer;
    for (const auto& [task, reply] : held.tasks) {
      ClaimedTask& claimed = answer.tasks.emplace_back();
      claimed.task_id = task;
      claimed.answer.reply = reply;
      finish(claimed);
    }
    // With all its room taken there may be more.
    answer.more = held.tasks.size() == held.waiting.max;
    line_->answer(held.waiting.ticket, std::move(answer));
  }
  std::erase_if(held_, [](const Held& held) { return !held.tasks.empty(); });
  give_back();
}

void ImmediateClaims::fail(const Error& error) {
  for (const Held& held : held_) {
    if (!held.tasks.empty()) line_->answer(held.waiting.ticket, error);
  }
  std::erase_if(held_, [](const Held& held) { return !held.tasks.empty(); });
  give_back();
}

/// The last that came first, so that they stand in the line as they did.
void ImmediateClaims::give_back() {
  while (!held_.empty()) {
    line_->give_back(held_.back().waiting.ticket);
    held_.pop_back();
  }
}

}  // namespace weir::dispatcher
