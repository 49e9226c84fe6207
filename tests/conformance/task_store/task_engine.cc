// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/task_store/task_engine.h"

#include <algorithm>

#include "dispatcher/ports/memory/memory_outbox.h"
#include "dispatcher/ports/memory/memory_task_store.h"
#include "dispatcher/ports/memory/memory_wakeup_queue.h"
#include "tests/hand_clock.h"

namespace weir::test {
namespace {

std::vector<TaskEngineKind>& registered() {
  static std::vector<TaskEngineKind> kinds;
  return kinds;
}

class MemoryEngine final : public TaskEngine {
 public:
  explicit MemoryEngine(Random& random)
      : plane_(clock_, random), store_(plane_, find_line()), queue_(plane_), outbox_(plane_) {}

  dispatcher::TaskStore& store() override { return store_; }
  dispatcher::WakeupQueue& queue() override { return queue_; }
  dispatcher::Outbox& outbox() override { return outbox_; }
  Instant now() const override { return clock_.now(); }
  void advance(Duration span) override { clock_.sleep_for(span); }
  void seed(const dispatcher::TaskSeed& seed) override { plane_.seed(seed); }
  void set_dispatch(const dispatcher::BuildId& build, dispatcher::Dispatch dispatch,
                    dispatcher::CancelReason reason) override {
    plane_.set_dispatch(build, dispatch, reason);
  }
  void pause(const dispatcher::PauseSeed& pause) override { plane_.pause(pause); }
  void unpause(const dispatcher::PauseSeed& pause) override { plane_.unpause(pause); }
  void archive(const dispatcher::TaskId& task) override { plane_.archive(task); }
  void put_outbox(const dispatcher::OutboxRecord& row) override { plane_.put_outbox(row); }
  dispatcher::TaskTables tables() override { return plane_.tables(); }

 private:
  HandClock clock_{Duration::zero(), kEngineStart};
  dispatcher::MemoryTaskPlane plane_;
  dispatcher::MemoryTaskStore store_;
  dispatcher::MemoryWakeupQueue queue_;
  dispatcher::MemoryOutbox outbox_;
};

const RegisterTaskEngine kMemory({"Memory", [](Random& random) {
                                    return std::make_unique<MemoryEngine>(random);
                                  }});

}  // namespace

std::vector<TaskEngineKind> task_engine_kinds() {
  std::vector<TaskEngineKind> kinds = registered();
  std::ranges::sort(kinds, {}, &TaskEngineKind::name);
  return kinds;
}

RegisterTaskEngine::RegisterTaskEngine(TaskEngineKind kind) {
  registered().push_back(std::move(kind));
}

}  // namespace weir::test
