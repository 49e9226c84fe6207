// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "dispatcher/ports/waiting_claims.h"

namespace weir::dispatcher {

/// Claims that one transaction looks at before it gives up to find one for a task.
inline constexpr std::size_t kImmediateClaimsMax = 8;

/// The claims that one transaction of a task store has taken out of the line, and what it claimed
/// for each. What is neither answered nor failed is given back in the end. One thread.
class ImmediateClaims {
 public:
  explicit ImmediateClaims(const FindWaitingClaims& find) : line_(find ? find() : nullptr) {}
  ~ImmediateClaims();
  ImmediateClaims(const ImmediateClaims&) = delete;
  ImmediateClaims& operator=(const ImmediateClaims&) = delete;

  /// Whether it is worth to prepare for one.
  bool any() const { return !held_.empty() || (line_ != nullptr && line_->any()); }
  /// Someone who waits for tasks of the queue, has room and runs the operator; null: nobody.
  const ClaimRequest* find(const QueueName& queue, std::string_view operator_name,
                           std::string_view operator_version);
  /// What `find` gave last got the task.
  void took(const TaskId& task, const ClaimReply& reply);

  /// The transaction stands: tells everyone what they got. `finish` adds to the task what is known
  /// now: its context and fence number.
  void answer(const std::function<void(ClaimedTask&)>& finish);
  /// Whether the transaction stands is not known.
  void fail(const Error& error);

 private:
  struct Held {
    WaitingClaim waiting;
    std::vector<std::pair<TaskId, ClaimReply>> tasks = {};
  };

  void give_back();

  WaitingClaims* const line_;
  std::vector<Held> held_;
  std::size_t last_ = 0;  // what `find` gave
};

}  // namespace weir::dispatcher
