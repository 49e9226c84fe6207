// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "dispatcher/tasks/task_service.h"
#include "dispatcher/tasks/wakeup_desk.h"
#include "server/log.h"
#include "server/worker_pool.h"

namespace weir::dispatcher {

struct InlineExecutorParts {
  TaskService& tasks;
  WakeupQueue& queue;
  WakeupDesk& desk;
  Clock& clock;
  Random& random;
  server::Log& log;
  std::string worker_id;  ///< names this process in claims
};

/// Runs the tasks of `tasks.dispatcher.*` in this process, under the contract that wrappers have
/// (contract section 2.6): wake-up, claim, events, completion. One thread waits for wake-ups and
/// claims; what emits one page runs within its claim's transaction, the rest in kInlineThreads, so
/// that their calls share transactions. Killed: the leases expire and the tasks are tried again.
class InlineExecutor {
 public:
  static Result<std::unique_ptr<InlineExecutor>> create(InlineExecutorParts parts);
  ~InlineExecutor();
  InlineExecutor(const InlineExecutor&) = delete;
  InlineExecutor& operator=(const InlineExecutor&) = delete;

  Result<void> start();
  /// Claims nothing more; what is claimed is brought to its end.
  void stop() WEIR_EXCLUDES(mutex_);

  /// Claims once and runs what it got to its end; gives whether it ran any: then more may be ready,
  /// the next task of an ordered input for one, without a bell of its own. Only once started.
  bool run_claim(std::vector<TaskId> named);

 private:
  InlineExecutor(InlineExecutorParts parts, std::unique_ptr<server::WorkerPool> pool);

  void run() WEIR_EXCLUDES(mutex_);
  std::vector<ReceivedWakeup> wait(std::chrono::seconds span) WEIR_EXCLUDES(mutex_);
  CompleteCommand execute(const Assignment& assignment);
  Result<void> emit_all(const Assignment& assignment);

  const InlineExecutorParts parts_;
  const std::unique_ptr<server::WorkerPool> pool_;
  std::shared_ptr<const InProcess> in_process_;
  base::Mutex mutex_;
  base::CondVar changed_;
  std::optional<Result<std::vector<ReceivedWakeup>>> received_ WEIR_GUARDED_BY(mutex_);
  bool stopping_ WEIR_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace weir::dispatcher
