// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "dispatcher/ports/task_store.h"

namespace weir::dispatcher {

/// A task store of which the user listener uses two methods: it notes what it is asked and answers
/// what the test says.
class NotedTaskStore final : public TaskStore {
 public:
  Answer<StateReply> command_answer;
  std::optional<Error> failure;

  Result<Answer<StateReply>> command(const UserRequest& request) override {
    const base::MutexLock lock(mutex_);
    commands_.push_back(request);
    if (failure) return *failure;
    return command_answer;
  }
  /// A run that was started before is a duplicate with the same event.
  Result<std::vector<Answer<RunReply>>> start_runs(std::span<const RunRequest> requests) override {
    const base::MutexLock lock(mutex_);
    std::vector<Answer<RunReply>> answers;
    for (const RunRequest& request : requests) {
      runs_.push_back(request);
      Answer<RunReply> answer;
      answer.reply = {.task_id = request.run_id, .event_id = EventId(request.run_id.uuid())};
      answers.push_back(answer);
    }
    if (failure) return *failure;
    return answers;
  }

  std::vector<UserRequest> commands() const {
    const base::MutexLock lock(mutex_);
    return commands_;
  }
  std::vector<RunRequest> runs() const {
    const base::MutexLock lock(mutex_);
    return runs_;
  }

  Result<std::vector<ClaimAnswer>> claim(std::span<const ClaimRequest> /*requests*/) override {
    return unasked();
  }
  Result<std::vector<Answer<HeartbeatReply>>> heartbeat(
      std::span<const TaskItem<HeartbeatCommand>> /*items*/) override {
    return unasked();
  }
  Result<std::vector<Answer<CompleteReply>>> complete(
      std::span<const TaskItem<CompleteCommand>> /*items*/) override {
    return unasked();
  }
  Result<std::vector<Answer<AcceptReply>>> accept(
      std::span<const AcceptRequest> /*requests*/) override {
    return unasked();
  }
  Result<TaskContext> fetch(const TaskId& /*task*/) override { return unasked(); }
  Result<Answer<StateRow>> read_state(const StateRead& /*request*/) override { return unasked(); }
  Result<ChorePage> run_chore(Chore /*chore*/, std::size_t /*limit*/) override { return unasked(); }
  Result<DueInstants> due() override { return unasked(); }

 private:
  static Error unasked() { return base::internal("the user listener never asks this"); }

  mutable base::Mutex mutex_;
  std::vector<UserRequest> commands_ WEIR_GUARDED_BY(mutex_);
  std::vector<RunRequest> runs_ WEIR_GUARDED_BY(mutex_);
};

}  // namespace weir::dispatcher
