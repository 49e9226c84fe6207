// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "operators/task_payload.h"
#include "worker/dispatcher_port.h"

/// The internal routes a worker calls (contract section 3.3), with their meaning. An Error of a
/// call means that it is to be repeated as it was: UNAVAILABLE, DEADLINE_EXCEEDED or CANCELLED if
/// it was not answered, else the code of the problem that answered it.
namespace weir::worker {

/// A wake-up that was received.
struct Wakeup {
  std::string ack;      ///< `{"message_id":…,"receipt":…}`, to be sent back as it is
  std::string task_id;  ///< empty: the message names none
};

struct PollRequest {
  std::vector<std::string> queues;
  int max = 1;
  std::chrono::seconds wait{0};
  std::vector<std::string> acks;
  std::string claim_id = {};  ///< what comes is to be claimed at once under it; empty: it is not
};

struct ClaimRequest {
  std::string claim_id;
  std::vector<std::string> task_ids = {};
  int max = 1;  ///< in all; 0: those that are named alone
};

/// A lease of one attempt.
struct Claimed {
  operators::TaskPayload payload;
  std::string lease_token;
  std::int64_t fence_no = 0;
  std::string lease_expires_at = {};
  std::chrono::seconds heartbeat_interval{20};
  std::string capability_token = {};
};

struct ClaimAnswer {
  std::vector<Claimed> tasks;
  bool more = false;  ///< further tasks were ready
};

struct PollAnswer {
  std::vector<Wakeup> wakeups;
  std::optional<ClaimAnswer> claim = {};  ///< of the tasks of the wake-ups, where it was made
};

struct Beat {
  std::string task_id;
  int attempt = 1;
  std::string lease_token;
  std::string progress = {};  ///< a JSON object, or empty
};

struct BeatAnswer {
  std::optional<std::string> refusal = {};  ///< code of the problem
  bool canceled = false;
  std::string cancel_reason = {};
  bool paused = false;
  std::string lease_expires_at = {};
  std::string capability_token = {};  ///< a new one, or empty
};

struct Completion {
  std::string task_id;
  int attempt = 1;
  std::string lease_token;
  std::string outcome;  ///< `success`, `retryable_error`, `fatal_error`, `canceled`, `released`
  std::string error_code = {};  ///< empty: no `error`
  std::string error_message = {};
  std::string result = {};  ///< a JSON object, or empty
};

struct CompletionAnswer {
  std::optional<std::string> refusal = {};  ///< code of the problem
  bool try_again = false;                   ///< the problem is one of the moment
  std::string status = {};
};

class InternalApi {
 public:
  /// `port` outlives it.
  InternalApi(DispatcherPort& port, std::string worker_id, std::string runtime,
              std::vector<std::string> operators)
      : port_(port),
        worker_id_(std::move(worker_id)),
        runtime_(std::move(runtime)),
        operators_(std::move(operators)) {}

  Result<PollAnswer> poll(const PollRequest& request);
  /// Tasks whose payload cannot be read are given back as `retryable_error` by the caller: their
  /// `payload.op` is empty.
  Result<ClaimAnswer> claim(const ClaimRequest& request);
  /// Answers in the order of the beats.
  Result<std::vector<BeatAnswer>> heartbeat(const std::vector<Beat>& beats, Duration timeout);
  Result<std::vector<CompletionAnswer>> complete(const std::vector<Completion>& completions);

  /// A call that an operator makes: the body as it is, the answer as it is.
  Result<DispatcherPort::Reply> forward(std::string_view path, std::string body);

  const std::string& runtime() const { return runtime_; }

 private:
  DispatcherPort& port_;
  const std::string worker_id_;
  const std::string runtime_;
  const std::vector<std::string> operators_;
};

/// The body of an item of task-complete.
std::string completion_json(const Completion& completion);

}  // namespace weir::worker
