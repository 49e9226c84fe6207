// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dagmanager/ports/compaction/postgres_compaction_store.h"
#include "dagmanager/ports/events/postgres_control_bus.h"
#include "dagmanager/ports/events/postgres_event_bell.h"
#include "dagmanager/ports/events/postgres_event_log.h"
#include "dagmanager/ports/loops/postgres_loop_leases.h"
#include "dagmanager/ports/monitors/postgres_alert_store.h"
#include "dagmanager/ports/monitors/postgres_completion_store.h"
#include "dagmanager/ports/postgres_graph_store.h"
#include "dagmanager/ports/queues/postgres_buffering.h"
#include "dagmanager/ports/queues/postgres_queue_life.h"
#include "dagmanager/ports/rollouts/postgres_hit_store.h"
#include "dagmanager/ports/rollouts/postgres_redo_store.h"
#include "dagmanager/ports/rollouts/postgres_rollout_store.h"
#include "dagmanager/ports/rollouts/postgres_traffic_store.h"
#include "dagmanager/ports/topics/postgres_topic_log.h"
#include "dagmanager/ports/topics/postgres_topic_upkeep.h"
#include "drivers/postgres/pool.h"
#include "tests/conformance/engines.h"
#include "tests/integration/postgres_fixture.h"

namespace weir::test {

/// One instance of the DAG manager's store: a pool of its own and what works over it.
class PostgresInstance final : public GraphEngine {
 public:
  PostgresInstance(const std::string& dsn, std::uint64_t seed,
                   dagmanager::IntentSync sync = dagmanager::IntentSync::OnReserve);
  dagmanager::GraphStore& store() override { return store_; }
  dagmanager::ControlBus& bus() override { return bus_; }
  dagmanager::ControlBus& sending_bus() override { return sending_bus_; }
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
  postgres::Pool& pool() { return pool_; }
  dagmanager::PostgresGraphStore& postgres_store() { return store_; }

 private:
  SharedRandom random_;
  postgres::Pool pool_;
  dagmanager::PostgresGraphStore store_;
  dagmanager::PostgresControlBus bus_;
  dagmanager::PostgresControlBus sending_bus_;
  dagmanager::PostgresEventLog events_;
  dagmanager::PostgresEventBell bell_;
  dagmanager::PostgresTrafficStore traffic_;
  dagmanager::PostgresHitStore hits_;
  dagmanager::PostgresRedoStore redo_;
  dagmanager::PostgresRolloutStore rollouts_;
  dagmanager::PostgresLoopLeases loops_;
  dagmanager::PostgresAlertStore alerts_{pool_};
  dagmanager::PostgresQueueLife life_{pool_, store_, random_};
  dagmanager::PostgresBuffering buffering_{pool_, random_};
  dagmanager::PostgresCompletionStore completion_{pool_, store_, random_};
  dagmanager::PostgresCompactionStore compaction_{pool_, store_, random_};
  dagmanager::PostgresTopicUpkeep upkeep_{pool_};
  dagmanager::PostgresTopicLogStore topic_log_{pool_};
};

/// A database with the schema of the graph, and any number of instances on it. Their sessions run
/// as the service role.
class PostgresGraph {
 public:
  PostgresGraph();

  using IntentSync = dagmanager::IntentSync;

  std::unique_ptr<PostgresInstance> instance(IntentSync sync = IntentSync::OnReserve) const {
    return instance(database_->dsn(), sync);
  }
  std::unique_ptr<PostgresInstance> instance(const std::string& dsn,
                                             IntentSync sync = IntentSync::OnReserve) const;
  const FreshDatabase& database() const { return *database_; }

  /// SQL as the owner of the schema, from a session of its own.
  void script(const std::string& sql) const;
  /// The integer that a query gives.
  std::int64_t number(const std::string& sql) const;
  /// Ends all sessions of service instances and returns when they are gone.
  void kill_sessions() const;

 private:
  std::unique_ptr<FreshDatabase> database_;
  std::unique_ptr<postgres::Connection> owner_;
};

}  // namespace weir::test
