// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "dispatcher/ports/memory/memory_task_tables.h"
#include "dispatcher/ports/outbox.h"
#include "dispatcher/ports/task_seed.h"
#include "dispatcher/ports/task_store.h"
#include "dispatcher/ports/wakeup_queue.h"

namespace weir::test {

/// The instant at which every engine's clock begins. It stands still until it is moved.
inline constexpr Instant kEngineStart{std::chrono::seconds(1'800'000'000)};

/// Numbers from 4096 on, a step of 4096 apart: ids drawn in one millisecond rise in the order in
/// which they are drawn, and every back-off has the shortest jitter. Any thread.
class RisingRandom final : public Random {
 public:
  std::uint64_t next() override {
    const std::scoped_lock lock(mutex_);
    return (++drawn_ & 0xfffffU) << 12U;
  }
  /// Begins again; the ids it gives are new if the clock has moved by a millisecond.
  void restart() {
    const std::scoped_lock lock(mutex_);
    drawn_ = 0;
  }

 private:
  std::mutex mutex_;
  std::uint64_t drawn_ = 0;
};

/// A database of the task plane, empty at first, with the three ports over it, and what deploys,
/// users and the mover do to it. Its clock is the test's.
class TaskEngine {
 public:
  virtual ~TaskEngine() = default;

  virtual dispatcher::TaskStore& store() = 0;
  virtual dispatcher::WakeupQueue& queue() = 0;
  virtual dispatcher::Outbox& outbox() = 0;
  /// Where claims wait that tasks of the store may meet.
  void wait_in(dispatcher::WaitingClaims& line) { line_ = &line; }

  virtual Instant now() const = 0;
  virtual void advance(Duration span) = 0;

  virtual void seed(const dispatcher::TaskSeed& seed) = 0;
  virtual void set_dispatch(const dispatcher::BuildId& build, dispatcher::Dispatch dispatch,
                            dispatcher::CancelReason reason) = 0;
  virtual void pause(const dispatcher::PauseSeed& pause) = 0;
  virtual void unpause(const dispatcher::PauseSeed& pause) = 0;
  virtual void archive(const dispatcher::TaskId& task) = 0;
  virtual void put_outbox(const dispatcher::OutboxRecord& row) = 0;

  /// All rows.
  virtual dispatcher::TaskTables tables() = 0;
  /// Fails the test where an invariant of the rows does not hold, if the engine has an auditor.
  virtual void audit() {}

 protected:
  dispatcher::FindWaitingClaims find_line() {
    return [this] { return line_; };
  }

 private:
  dispatcher::WaitingClaims* line_ = nullptr;
};

/// An adapter that the suites run against. `random` outlives the engine.
struct TaskEngineKind {
  std::string name;
  std::function<std::unique_ptr<TaskEngine>(Random& random)> make;
};
inline void PrintTo(const TaskEngineKind& kind, std::ostream* out) { *out << kind.name; }

/// All adapters that are linked in, by name.
std::vector<TaskEngineKind> task_engine_kinds();

/// Adds one: `const RegisterTaskEngine kRegistered({"Name", make});` in a file of its own.
class RegisterTaskEngine {
 public:
  explicit RegisterTaskEngine(TaskEngineKind kind);
};

inline std::string engine_name(const testing::TestParamInfo<TaskEngineKind>& info) {
  return info.param.name;
}

}  // namespace weir::test
