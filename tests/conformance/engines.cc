// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/engines.h"

#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "dagmanager/ports/compaction/memory_compaction_store.h"
#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/memory_topic_admin.h"
#include "dagmanager/ports/monitors/memory_alert_store.h"
#include "dagmanager/ports/monitors/memory_completion_store.h"
#include "dagmanager/ports/postgres_schema.h"
#include "dagmanager/ports/postgres_topic_admin.h"
#include "dagmanager/ports/queues/memory_buffering.h"
#include "dagmanager/ports/queues/memory_queue_life.h"
#include "dagmanager/ports/rollouts/memory_hit_store.h"
#include "dagmanager/ports/rollouts/memory_redo_store.h"
#include "dagmanager/ports/rollouts/memory_rollout_store.h"
#include "dagmanager/ports/topics/granting_topic_admin.h"
#include "dagmanager/ports/topics/kafka_topic_admin.h"
#include "dagmanager/ports/topics/kafka_topic_rights.h"
#include "dagmanager/ports/topics/memory_topic_log.h"
#include "dagmanager/ports/topics/memory_topic_upkeep.h"
#include "tests/conformance/postgres_engine.h"
#include "tests/must.h"

namespace weir::test {
namespace {

constexpr const char* kQueueTopic = "queue";

class MemoryGraph final : public GraphEngine {
 public:
  explicit MemoryGraph(const Clock& clock)
      : random_(test_seed()),
        store_(must(dagmanager::MemoryGraphStore::open({}, random_))),
        bus_(*store_, kQueueTopic),
        events_(*store_, kQueueTopic),
        bell_(*store_),
        traffic_(*store_),
        hits_(*store_, random_),
        redo_(*store_),
        loops_(clock),
        alerts_(loops_),
        rollouts_(*store_, loops_, alerts_) {}
  dagmanager::GraphStore& store() override { return *store_; }
  dagmanager::ControlBus& bus() override { return bus_; }
  dagmanager::ControlBus& sending_bus() override {
    if (!sending_bus_) {
      sending_bus_ = std::make_unique<dagmanager::MemoryControlBus>(
          *store_, kQueueTopic,
          [this](const dagmanager::LoopFence& fence) { return loops_.lock(fence); });
    }
    return *sending_bus_;
  }
  server::EventLog& events() override { return events_; }
  dagmanager::EventBell& bell() override { return bell_; }
  dagmanager::TrafficStore& traffic() override { return traffic_; }
  dagmanager::HitStore& hits() override { return hits_; }
  dagmanager::RedoStore& redo() override { return redo_; }
  dagmanager::RolloutStore& rollouts() override { return rollouts_; }
  dagmanager::LoopLeases& loops() override { return loops_; }
  dagmanager::AlertStore& alerts() override { return alerts_; }
  dagmanager::QueueLifeStore& life() override { return life_; }
  dagmanager::BufferingStore& buffering() override { return buffering_; }
  dagmanager::CompletionStore& completion() override { return completion_; }
  dagmanager::CompactionStore& compaction() override { return compaction_; }
  dagmanager::TopicUpkeepStore& upkeep() override { return upkeep_; }
  dagmanager::TopicLogStore& topic_log() override { return topic_log_; }

 private:
  SharedRandom random_;
  std::unique_ptr<dagmanager::MemoryGraphStore> store_;
  dagmanager::MemoryControlBus bus_;
  std::unique_ptr<dagmanager::MemoryControlBus> sending_bus_;
  dagmanager::MemoryEventLog events_;
  dagmanager::MemoryEventBell bell_;
  dagmanager::MemoryTrafficStore traffic_;
  dagmanager::MemoryHitStore hits_;
  dagmanager::MemoryRedoStore redo_;
  dagmanager::MemoryLoopLeases loops_;
  dagmanager::MemoryAlertStore alerts_;
  dagmanager::MemoryRolloutStore rollouts_;
  dagmanager::MemoryQueueLife life_{*store_, loops_, random_};
  dagmanager::MemoryBuffering buffering_{*store_, loops_, random_};
  dagmanager::MemoryCompletionStore completion_{*store_, loops_, random_};
  dagmanager::MemoryCompactionStore compaction_{*store_, loops_};
  dagmanager::MemoryTopicUpkeep upkeep_{*store_, loops_};
  dagmanager::MemoryTopicLogStore topic_log_{*store_, loops_};
};

class MemoryTopics final : public TopicEngine {
 public:
  dagmanager::TopicAdmin& topics() override { return topics_; }

 private:
  dagmanager::MemoryTopicAdmin topics_;
};

class OnePostgresInstance final : public GraphEngine {
 public:
  OnePostgresInstance() : instance_(graph_.instance()) {}
  dagmanager::GraphStore& store() override { return instance_->store(); }
  dagmanager::ControlBus& bus() override { return instance_->bus(); }
  dagmanager::ControlBus& sending_bus() override { return instance_->sending_bus(); }
  server::EventLog& events() override { return instance_->events(); }
  dagmanager::EventBell& bell() override { return instance_->bell(); }
  dagmanager::TrafficStore& traffic() override { return instance_->traffic(); }
  dagmanager::HitStore& hits() override { return instance_->hits(); }
  dagmanager::RedoStore& redo() override { return instance_->redo(); }
  dagmanager::RolloutStore& rollouts() override { return instance_->rollouts(); }
  dagmanager::LoopLeases& loops() override { return instance_->loops(); }
  dagmanager::AlertStore& alerts() override { return instance_->alerts(); }
  dagmanager::QueueLifeStore& life() override { return instance_->life(); }
  dagmanager::BufferingStore& buffering() override { return instance_->buffering(); }
  dagmanager::CompletionStore& completion() override { return instance_->completion(); }
  dagmanager::CompactionStore& compaction() override { return instance_->compaction(); }
  dagmanager::TopicUpkeepStore& upkeep() override { return instance_->upkeep(); }
  dagmanager::TopicLogStore& topic_log() override { return instance_->topic_log(); }
  dagmanager::GraphStore& other_instance() override {
    std::call_once(other_made_, [this] { other_ = graph_.instance(); });
    return other_->store();
  }

 private:
  PostgresGraph graph_;
  std::unique_ptr<PostgresInstance> instance_;
  std::once_flag other_made_;
  std::unique_ptr<PostgresInstance> other_;
};

class PostgresTopics final : public TopicEngine {
 public:
  PostgresTopics() : database_(fresh_database()), pool_(prepare(*database_)), topics_(*pool_) {}
  dagmanager::TopicAdmin& topics() override { return topics_; }

 private:
  static std::unique_ptr<postgres::Pool> prepare(const FreshDatabase& database) {
    const auto owner = database.connect();
    const auto report = must(dagmanager::prepare_topic_schema(*owner));
    EXPECT_TRUE(report.service_role);
    postgres::PoolOptions options;
    options.connect = dagmanager::store_connect_options(database.dsn(), report.service_role);
    return std::make_unique<postgres::Pool>(std::move(options), real_clock());
  }

  std::unique_ptr<FreshDatabase> database_;
  std::unique_ptr<postgres::Pool> pool_;
  dagmanager::PostgresTopicAdmin topics_;
};

/// A broker beside other tests takes its time with hundreds of topics.
constexpr std::chrono::milliseconds kEmptied{60'000};
constexpr std::chrono::milliseconds kLookAgain{20};
constexpr int kEmptyLists = 5;

/// Lines of a file that scripts/engines leaves; it ends the process if nobody started the engine.
std::vector<std::string> engine_lines(const std::string& engine, const std::string& name) {
  std::ifstream file(WEIR_BINARY_DIR "/engines/" + engine + "/" + name);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  if (lines.empty()) {
    give_up("no brokers: WEIR_ENGINES=" WEIR_BINARY_DIR "/engines scripts/engines start " + engine);
  }
  return lines;
}

}  // namespace

kafka::ClientOptions kafka_options(Adapter adapter) {
  if (adapter == Adapter::Kafka) return {.brokers = engine_lines("kafka", "address").front()};
  const std::string engine = "kafka-sasl";
  const std::string user = "weir";
  std::string password;
  for (const std::string& line : engine_lines(engine, "users")) {
    if (line.starts_with(user + " ")) password = line.substr(user.size() + 1);
  }
  return {.brokers = engine_lines(engine, "address").back(),
          .properties = {
              {"security.protocol", "sasl_ssl"},
              {"sasl.mechanisms", adapter == Adapter::KafkaPlain ? "PLAIN" : "SCRAM-SHA-256"},
              {"sasl.username", user},
              {"sasl.password", password},
              {"ssl.ca.location", WEIR_BINARY_DIR "/engines/" + engine + "/ca.pem"}}};
}

namespace {

/// Brokers that scripts/engines has started, emptied; where they keep rights, somebody has some on
/// each topic.
class KafkaTopics final : public TopicEngine {
 public:
  explicit KafkaTopics(Adapter adapter)
      : client_(kafka_client(adapter)), rights_(client_), topics_(make(adapter)) {
    // Each broker lags on its own: a few that know of none are enough.
    int empty_lists = 0;
    const auto empty = [&] {
      std::vector<graph::TopicName> names;
      for (const auto& seen : must(topics_->list())) names.push_back(seen.topic);
      empty_lists = names.empty() ? empty_lists + 1 : 0;
      EXPECT_TRUE(succeeded(topics_->remove(names)));
      return empty_lists == kEmptyLists;
    };
    EXPECT_TRUE(in_the_end(empty, kEmptied));
  }
  dagmanager::TopicAdmin& topics() override { return *topics_; }

 private:
  std::unique_ptr<dagmanager::TopicAdmin> make(Adapter adapter) {
    auto topics = std::make_unique<dagmanager::KafkaTopicAdmin>(client_);
    if (adapter == Adapter::Kafka) return topics;
    return std::make_unique<dagmanager::GrantingTopicAdmin>(
        std::move(topics), rights_,
        dagmanager::TopicAcls{.readers = {"User:guest"}, .writers = {"User:other"}},
        [](const Error& error) { ADD_FAILURE() << error.describe(); });
  }

  std::shared_ptr<kafka::Client> client_;
  dagmanager::KafkaTopicRights rights_;
  std::unique_ptr<dagmanager::TopicAdmin> topics_;
};

postgres::PoolOptions pool_options(const std::string& dsn) {
  postgres::PoolOptions options;
  options.connect = dagmanager::store_connect_options(dsn, true);
  return options;
}

}  // namespace

bool in_the_end(const std::function<bool()>& holds, std::chrono::milliseconds within) {
  const auto until = std::chrono::steady_clock::now() + within;
  std::mutex mutex;
  std::condition_variable nobody_rings;
  std::unique_lock lock(mutex);
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    nobody_rings.wait_for(lock, kLookAgain);
  }
  return true;
}

std::uint64_t test_seed() {
  static const std::uint64_t seed = [] {
    const char* given = std::getenv("WEIR_TEST_SEED");
    const std::uint64_t drawn =
        given != nullptr
            ? std::strtoull(given, nullptr, 10)
            : static_cast<std::uint64_t>(real_clock().now().time_since_epoch().count());
    std::printf("WEIR_TEST_SEED=%llu\n", static_cast<unsigned long long>(drawn));
    return drawn;
  }();
  return seed;
}

PostgresInstance::PostgresInstance(const std::string& dsn, std::uint64_t seed,
                                   dagmanager::IntentSync sync)
    : random_(seed),
      pool_(pool_options(dsn), real_clock()),
      store_(pool_, random_, sync),
      bus_(pool_, kQueueTopic),
      sending_bus_(pool_, kQueueTopic, true),
      events_(pool_, kQueueTopic),
      bell_(pool_.connect_options()),
      traffic_(pool_, random_),
      hits_(pool_, random_),
      redo_(pool_, random_),
      rollouts_(pool_, random_),
      loops_(pool_) {}

PostgresGraph::PostgresGraph() : database_(fresh_database()), owner_(database_->connect()) {
  EXPECT_TRUE(must(dagmanager::prepare_graph_schema(*owner_)).service_role);
}

std::unique_ptr<PostgresInstance> PostgresGraph::instance(const std::string& dsn,
                                                          IntentSync sync) const {
  static std::uint64_t next = 0;
  return std::make_unique<PostgresInstance>(dsn, test_seed() + ++next, sync);
}

void PostgresGraph::script(const std::string& sql) const {
  ASSERT_TRUE(succeeded(owner_->execute_script(sql)));
}

std::int64_t PostgresGraph::number(const std::string& sql) const {
  const auto rows = owner_->execute(sql);
  EXPECT_TRUE(succeeded(rows)) << sql;
  return rows.ok() && !rows->empty() ? rows->int64(0, 0) : -1;
}

void PostgresGraph::kill_sessions() const {
  const auto killed = owner_->execute(
      "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity"
      " WHERE datname = current_database() AND pid <> pg_backend_pid()"
      " AND backend_type = 'client backend'");
  ASSERT_TRUE(succeeded(killed));
}

dagmanager::LoopFence hold_loop(dagmanager::LoopLeases& loops, const std::string& loop) {
  const std::vector<dagmanager::LoopClaim> claims{{loop}};
  return {loop, must(loops.renew("me", claims)).front().fence};
}

std::unique_ptr<GraphEngine> make_graph_engine(Adapter adapter, const Clock* clock) {
  if (adapter == Adapter::Memory) {
    return std::make_unique<MemoryGraph>(clock == nullptr ? real_clock() : *clock);
  }
  return std::make_unique<OnePostgresInstance>();
}

std::unique_ptr<TopicEngine> make_topic_engine(Adapter adapter) {
  if (adapter == Adapter::Memory) return std::make_unique<MemoryTopics>();
  if (adapter == Adapter::Postgres) return std::make_unique<PostgresTopics>();
  return std::make_unique<KafkaTopics>(adapter);
}

std::unique_ptr<kafka::Client> kafka_client(Adapter adapter) {
  return must(kafka::Client::create(kafka_options(adapter), real_clock()));
}

}  // namespace weir::test
