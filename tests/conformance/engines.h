// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "dagmanager/ports/compaction/compaction_store.h"
#include "dagmanager/ports/control_bus.h"
#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/loops/loop_leases.h"
#include "dagmanager/ports/monitors/alert_store.h"
#include "dagmanager/ports/monitors/completion_store.h"
#include "dagmanager/ports/queues/buffering_store.h"
#include "dagmanager/ports/queues/queue_life_store.h"
#include "dagmanager/ports/rollouts/hit_store.h"
#include "dagmanager/ports/rollouts/redo_store.h"
#include "dagmanager/ports/rollouts/rollout_store.h"
#include "dagmanager/ports/topic_admin.h"
#include "dagmanager/ports/topics/topic_log_store.h"
#include "dagmanager/ports/topics/topic_upkeep_store.h"
#include "dagmanager/ports/traffic_store.h"
#include "server/events/event_log.h"

namespace weir::kafka {
class Client;
struct ClientOptions;
}  // namespace weir::kafka
namespace weir::postgres {
class Pool;
}  // namespace weir::postgres

namespace weir::test {

/// The seed of this run: WEIR_TEST_SEED, else drawn anew and printed.
std::uint64_t test_seed();

/// A seeded Random that threads may share.
class SharedRandom final : public Random {
 public:
  explicit SharedRandom(std::uint64_t seed) : random_(seed) {}
  std::uint64_t next() override {
    const std::scoped_lock lock(mutex_);
    return random_.next();
  }

 private:
  std::mutex mutex_;
  base::SeededRandom random_;
};

/// Fails the test with the error's text, and stays false.
template <class T>
testing::AssertionResult succeeded(const Result<T>& result) {
  if (result.ok()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << result.error().describe();
}

/// The reason word of a failure, or "ok".
template <class T>
std::string reason_of(const Result<T>& result) {
  return result.ok() ? "ok" : result.error().reason();
}

/// A graph store and what tells of it, moves it and takes from it, empty at first.
class GraphEngine {
 public:
  virtual ~GraphEngine() = default;
  virtual dagmanager::GraphStore& store() = 0;
  virtual dagmanager::ControlBus& bus() = 0;
  /// Over the same store, where a number does not count as sent.
  virtual dagmanager::ControlBus& sending_bus() = 0;
  virtual server::EventLog& events() = 0;
  virtual dagmanager::EventBell& bell() = 0;
  virtual dagmanager::TrafficStore& traffic() = 0;
  virtual dagmanager::HitStore& hits() = 0;
  virtual dagmanager::RedoStore& redo() = 0;
  virtual dagmanager::RolloutStore& rollouts() = 0;
  virtual dagmanager::LoopLeases& loops() = 0;
  virtual dagmanager::AlertStore& alerts() = 0;
  virtual dagmanager::QueueLifeStore& life() = 0;
  virtual dagmanager::BufferingStore& buffering() = 0;
  virtual dagmanager::CompletionStore& completion() = 0;
  virtual dagmanager::CompactionStore& compaction() = 0;
  virtual dagmanager::TopicUpkeepStore& upkeep() = 0;
  virtual dagmanager::TopicLogStore& topic_log() = 0;
  /// The graph as another instance sees it, which has nothing in memory yet; in memory there is
  /// one.
  virtual dagmanager::GraphStore& other_instance() { return store(); }
};

/// A topic admin, without topics at first.
class TopicEngine {
 public:
  virtual ~TopicEngine() = default;
  virtual dagmanager::TopicAdmin& topics() = 0;
};

/// Which adapter a suite runs against; Kafka is one of topics only: three brokers, or one that asks
/// who is there, over TLS, and keeps rights on topics.
enum class Adapter { Memory, Postgres, Kafka, KafkaPlain, KafkaScram };

/// `clock` is what leases of loops in memory go by: the real one unless it is given, and it
/// outlives the engine. PostgreSQL goes by its own.
std::unique_ptr<GraphEngine> make_graph_engine(Adapter adapter, const Clock* clock = nullptr);
constexpr std::chrono::milliseconds kInTheEnd{10'000};
/// Whether it holds after some time, of which there is enough.
bool in_the_end(const std::function<bool()>& holds, std::chrono::milliseconds within = kInTheEnd);
/// Holds a loop.
dagmanager::LoopFence hold_loop(dagmanager::LoopLeases& loops, const std::string& loop);
std::unique_ptr<TopicEngine> make_topic_engine(Adapter adapter);
/// Where the brokers are that ctest starts for suites of that adapter, and how one logs in; it ends
/// the process if nobody started them.
kafka::ClientOptions kafka_options(Adapter adapter);
/// A session with them.
std::unique_ptr<kafka::Client> kafka_client(Adapter adapter);

inline std::string adapter_name(const testing::TestParamInfo<Adapter>& info) {
  switch (info.param) {
    case Adapter::Memory:
      return "Memory";
    case Adapter::Postgres:
      return "Postgres";
    case Adapter::Kafka:
      return "Kafka";
    case Adapter::KafkaPlain:
      return "KafkaPlain";
    case Adapter::KafkaScram:
      return "KafkaScram";
  }
  return "";
}

inline auto all_adapters() { return testing::Values(Adapter::Memory, Adapter::Postgres); }

}  // namespace weir::test
