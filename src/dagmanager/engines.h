// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "dagmanager/dagmanager_config.h"
#include "dagmanager/ports/compaction/compaction_store.h"
#include "dagmanager/ports/control_bus.h"
#include "dagmanager/ports/events/event_wire.h"
#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/loops/loop_leases.h"
#include "dagmanager/ports/monitors/alert_store.h"
#include "dagmanager/ports/monitors/completion_store.h"
#include "dagmanager/ports/monitors/lag_source.h"
#include "dagmanager/ports/queues/archive_store.h"
#include "dagmanager/ports/queues/buffering_store.h"
#include "dagmanager/ports/queues/load_source.h"
#include "dagmanager/ports/queues/queue_life_store.h"
#include "dagmanager/ports/queues/topic_content.h"
#include "dagmanager/ports/rollouts/hit_store.h"
#include "dagmanager/ports/rollouts/redo_store.h"
#include "dagmanager/ports/rollouts/rollout_store.h"
#include "dagmanager/ports/topic_admin.h"
#include "dagmanager/ports/topics/principal_store.h"
#include "dagmanager/ports/topics/topic_log_store.h"
#include "dagmanager/ports/topics/topic_rights_store.h"
#include "dagmanager/ports/topics/topic_upkeep_store.h"
#include "dagmanager/ports/traffic_store.h"
#include "drivers/postgres/exchange_tracer.h"
#include "server/breaker.h"
#include "server/events/event_log.h"

namespace weir::postgres {
class Pool;
}  // namespace weir::postgres

namespace weir::dagmanager {

/// The engines behind the ports, as the configuration chooses them by DSN. Bus, log and bell are of
/// what the store writes: the store outlives them.
struct Engines {
  /// Null where the engine is this process's memory. They outlive the pools, which tell them.
  std::unique_ptr<server::Breaker> graph_breaker;
  std::unique_ptr<server::Breaker> broker_breaker;
  std::unique_ptr<postgres::ExchangeTracer> tracer;    ///< of the pools' connections
  std::unique_ptr<server::Breaker> archive_breaker;    ///< null: no archive is configured
  std::vector<std::shared_ptr<postgres::Pool>> pools;  ///< of the engines below
  std::unique_ptr<GraphStore> store;
  std::unique_ptr<PrincipalStore> principals;
  std::unique_ptr<TopicRightsStore> rights;  ///< on topics; null: the engine keeps none
  /// Whether anybody has, or is to have, rights that Weir gives.
  bool gives_rights = false;
  std::unique_ptr<TopicAdmin> topics;
  std::unique_ptr<ControlBus> bus;
  std::unique_ptr<server::Breaker> bus_breaker;  ///< of the wire
  std::unique_ptr<EventWire> wire;               ///< to the control bus; null: none is configured
  std::unique_ptr<server::EventLog> events;      ///< what the bus has published
  std::unique_ptr<EventBell> bell;
  std::unique_ptr<TrafficStore> traffic;
  std::unique_ptr<HitStore> hits;
  std::unique_ptr<RedoStore> redo;
  std::unique_ptr<RolloutStore> rollouts;
  std::unique_ptr<LoopLeases> loops;  ///< which instance runs which
  std::unique_ptr<AlertStore> alerts;
  std::unique_ptr<QueueLifeStore> life;
  std::unique_ptr<BufferingStore> buffering;
  std::unique_ptr<CompletionStore> completion;
  std::unique_ptr<TopicContent> content;  ///< of the topics
  std::unique_ptr<LagSource> lags;        ///< of the topics' readers; null: nobody reads there
  std::unique_ptr<ArchiveStore> archive;  ///< null: none is configured
  std::unique_ptr<LoadSource> load;       ///< of the broker; null: nobody tells it
  std::unique_ptr<TopicUpkeepStore> upkeep;
  std::unique_ptr<TopicLogStore> log;
  std::unique_ptr<CompactionStore> compaction;
};

/// Opens them, migrating schemas where there are any. `clock` and `random` outlive the engines.
Result<Engines> open_engines(const DagmanagerConfig& config, Clock& clock, Random& random);

}  // namespace weir::dagmanager
