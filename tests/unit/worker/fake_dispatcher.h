// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "worker/dispatcher_port.h"

namespace weir::worker {

/// A dispatcher of one process: it knows tasks, leases, fences and repeats as far as a worker can
/// tell, and can be away, lose replies and cancel. Any thread.
class FakeDispatcher final : public DispatcherPort {
 public:
  using Json = nlohmann::json;

  /// Makes a task ready and rings its wake-up; `changes` are merged into its payload.
  std::string add_task(const std::string& op, const Json& changes = Json::object());
  /// The same without a wake-up.
  std::string add_silent_task(const std::string& op, const Json& changes = Json::object());

  void set_away(bool away);
  /// The next request of that path is served, and its reply lost.
  void lose_reply(const std::string& path);
  void cancel(const std::string& task_id, const std::string& reason);
  /// Another attempt holds the task: everything of the present one is refused.
  void fence(const std::string& task_id);

  /// The recorded completion of a task, waiting for it at most 30 s; null if none came.
  Json completion(const std::string& task_id);
  /// Waits until the condition holds, at most 30 s.
  bool wait(const std::function<bool(const FakeDispatcher&)>& condition);

  // For conditions, which run under the lock.
  int requests(const std::string& path) const;
  const std::string& first_request() const { return first_request_; }
  bool is_running(const std::string& task_id) const;
  std::size_t running() const;
  const std::vector<Json>& events() const { return events_; }
  const std::vector<Json>& beats() const { return beats_; }
  std::size_t acks() const { return acks_; }
  std::size_t attempts(const std::string& task_id) const;

  Result<Reply> post(std::string_view path, std::string body, Duration timeout) override;
  Result<Reply> poll(std::string_view path, std::string body, Duration timeout) override;
  void cancel_polls() override;

  /// Seconds between heartbeats that claims announce; a lease is three times as long.
  int heartbeat_seconds = 20;
  /// Whether a poll that says how is answered with a claim too, or refused.
  enum class PollClaims : std::uint8_t { Ignored, Made, Refused } poll_claims = PollClaims::Ignored;

 private:
  struct Task {
    Json payload;
    std::string state = "queued";
    std::string lease_token;
    std::string claim_id;
    std::string cancel_reason;
    Json completion;
    std::size_t claims = 0;
  };
  std::string add(const std::string& op, const Json& changes);
  Json claim(const Json& body);
  Json lease(Task& task, const std::string& claim_id, bool duplicate);
  Json heartbeat(const Json& body);
  Json complete(const Json& body);
  Json fault(const Json& item, const std::string& code) const;
  const Task* fenced(const Json& item) const;
  bool take_lost(const std::string& path);

  base::Mutex mutex_;
  base::CondVar changed_;
  std::map<std::string, Task> tasks_;
  std::deque<std::string> wakeups_;
  std::map<std::string, int> requests_;
  std::string first_request_;
  std::map<std::string, int> lost_;
  std::vector<Json> events_;
  std::vector<Json> beats_;
  std::size_t acks_ = 0;
  bool away_ = false;
  bool polls_over_ = false;
};

}  // namespace weir::worker
