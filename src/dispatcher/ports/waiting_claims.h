// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/result.h"
#include "dispatcher/ports/task_requests.h"

namespace weir::dispatcher {

/// A claim that waits for tasks, out of the line until it is given back or answered.
struct WaitingClaim {
  std::uint64_t ticket = 0;
  ClaimRequest claim;  ///< with a claim_id; names no task
  std::vector<QueueName> queues;
  std::size_t max = 1;  ///< tasks that it takes
};

/// Port: claims that wait where nothing was to be had (contract section 3.3.6). A transaction that
/// makes tasks claims them for whoever waits, and answers once it stands. Any thread; nothing here
/// waits for the store.
class WaitingClaims {
 public:
  virtual ~WaitingClaims() = default;

  /// Whether any claim waits; what `take` gives may differ.
  virtual bool any() const = 0;
  /// Takes out of the line the claim that has waited longest for tasks of the queue.
  virtual std::optional<WaitingClaim> take(const QueueName& queue) = 0;
  /// It got nothing, and waits on.
  virtual void give_back(std::uint64_t ticket) = 0;
  /// What it got. An error: what it got is not known, and its executor asks again under the same
  /// claim_id.
  virtual void answer(std::uint64_t ticket, Result<ClaimAnswer> answer) = 0;
};

/// Where claims wait; null: nowhere yet. Empty: nowhere ever.
using FindWaitingClaims = std::function<WaitingClaims*()>;

}  // namespace weir::dispatcher
