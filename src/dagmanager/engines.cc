// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/engines.h"

#include <string>
#include <utility>

#include "dagmanager/limits.h"
#include "dagmanager/ports/compaction/memory_compaction_store.h"
#include "dagmanager/ports/compaction/postgres_compaction_store.h"
#include "dagmanager/ports/events/kafka_event_wire.h"
#include "dagmanager/ports/events/postgres_control_bus.h"
#include "dagmanager/ports/events/postgres_event_bell.h"
#include "dagmanager/ports/events/postgres_event_log.h"
#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "dagmanager/ports/loops/postgres_loop_leases.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/memory_topic_admin.h"
#include "dagmanager/ports/monitors/guarded_topic_admin.h"
#include "dagmanager/ports/monitors/kafka_lag_source.h"
#include "dagmanager/ports/monitors/memory_alert_store.h"
#include "dagmanager/ports/monitors/memory_completion_store.h"
#include "dagmanager/ports/monitors/postgres_alert_store.h"
#include "dagmanager/ports/monitors/postgres_completion_store.h"
#include "dagmanager/ports/postgres_graph_store.h"
#include "dagmanager/ports/postgres_limits.h"
#include "dagmanager/ports/postgres_schema.h"
#include "dagmanager/ports/postgres_topic_admin.h"
#include "dagmanager/ports/queues/folder_archive_store.h"
#include "dagmanager/ports/queues/guarded_archive_store.h"
#include "dagmanager/ports/queues/kafka_topic_content.h"
#include "dagmanager/ports/queues/memory_buffering.h"
#include "dagmanager/ports/queues/memory_queue_life.h"
#include "dagmanager/ports/queues/metrics_load_source.h"
#include "dagmanager/ports/queues/postgres_buffering.h"
#include "dagmanager/ports/queues/postgres_queue_life.h"
#include "dagmanager/ports/queues/registry_topic_content.h"
#include "dagmanager/ports/rollouts/memory_hit_store.h"
#include "dagmanager/ports/rollouts/memory_redo_store.h"
#include "dagmanager/ports/rollouts/memory_rollout_store.h"
#include "dagmanager/ports/rollouts/postgres_hit_store.h"
#include "dagmanager/ports/rollouts/postgres_redo_store.h"
#include "dagmanager/ports/rollouts/postgres_rollout_store.h"
#include "dagmanager/ports/rollouts/postgres_traffic_store.h"
#include "dagmanager/ports/topics/granting_topic_admin.h"
#include "dagmanager/ports/topics/kafka_topic_admin.h"
#include "dagmanager/ports/topics/kafka_topic_rights.h"
#include "dagmanager/ports/topics/limits.h"
#include "dagmanager/ports/topics/memory_principal_store.h"
#include "dagmanager/ports/topics/memory_topic_log.h"
#include "dagmanager/ports/topics/memory_topic_upkeep.h"
#include "dagmanager/ports/topics/postgres_principal_store.h"
#include "dagmanager/ports/topics/postgres_topic_log.h"
#include "dagmanager/ports/topics/postgres_topic_upkeep.h"
#include "drivers/postgres/pool.h"
#include "server/log.h"
#include "server/tracing/sql_tracer.h"

namespace weir::dagmanager {
namespace {

using PrepareSchema = Result<SchemaReport> (*)(postgres::Connection&);

/// Brings the schema up to date with the login of the DSN, then opens a pool with as few rights as
/// the service needs.
Result<std::shared_ptr<postgres::Pool>> open_pool(const std::string& dsn, PrepareSchema prepare,
                                                  std::size_t connections, Clock& clock,
                                                  server::Breaker& breaker,
                                                  postgres::ExchangeTracer& tracer) {
  WEIR_TRY(const auto connection, postgres::Connection::connect({.dsn = dsn}));
  WEIR_TRY(const SchemaReport report, prepare(*connection));
  for (const std::string& note : report.notes) server::log().warning(note);
  postgres::ConnectOptions connect = store_connect_options(dsn, report.service_role);
  connect.tracer = &tracer;
  return std::make_shared<postgres::Pool>(
      postgres::PoolOptions{.connect = std::move(connect),
                            .connections_max = connections,
                            .admit = [&breaker] { return breaker.admit(); },
                            .saw = [&breaker](bool there) { breaker.saw(there); }},
      clock);
}

/// One and the same DSN is one and the same write-ahead log.
bool one_log(const DagmanagerConfig& config) { return config.topics_dsn == config.graph_dsn; }

Result<void> open_graph(const DagmanagerConfig& config, Clock& clock, Random& random,
                        Engines& engines) {
  if (config.graph_dsn.empty()) {
    WEIR_TRY(auto store, MemoryGraphStore::open({.path = config.memory_repo_path}, random));
    engines.events = std::make_unique<MemoryEventLog>(*store, config.controlbus_queue_topic);
    engines.bell = std::make_unique<MemoryEventBell>(*store);
    engines.traffic = std::make_unique<MemoryTrafficStore>(*store);
    engines.hits = std::make_unique<MemoryHitStore>(*store, random);
    engines.redo = std::make_unique<MemoryRedoStore>(*store);
    auto loops = std::make_unique<MemoryLoopLeases>(clock);
    MemoryControlBus::FenceLock sending;
    if (!config.controlbus_dsn.empty()) {
      sending = [rows = loops.get()](const LoopFence& fence) { return rows->lock(fence); };
    }
    engines.bus = std::make_unique<MemoryControlBus>(*store, config.controlbus_queue_topic,
                                                     std::move(sending));
    engines.life = std::make_unique<MemoryQueueLife>(*store, *loops, random);
    engines.buffering = std::make_unique<MemoryBuffering>(*store, *loops, random);
    engines.completion = std::make_unique<MemoryCompletionStore>(*store, *loops, random);
    engines.alerts = std::make_unique<MemoryAlertStore>(*loops);
    engines.rollouts = std::make_unique<MemoryRolloutStore>(*store, *loops, *engines.alerts);
    engines.upkeep = std::make_unique<MemoryTopicUpkeep>(*store, *loops);
    engines.principals = std::make_unique<MemoryPrincipalStore>(*store, *loops);
    engines.log = std::make_unique<MemoryTopicLogStore>(*store, *loops);
    engines.compaction = std::make_unique<MemoryCompactionStore>(*store, *loops);
    engines.loops = std::move(loops);
    engines.store = std::move(store);
    return {};
  }
  const auto connections = static_cast<std::size_t>(config.diff_concurrency) + kQueryThreads +
                           kEventThreads + kLoopThreads + kWriteAheadDiffs * kWriteAheadConnections;
  engines.graph_breaker = std::make_unique<server::Breaker>("graph", clock);
  WEIR_TRY(auto pool, open_pool(config.graph_dsn, prepare_graph_schema, connections, clock,
                                *engines.graph_breaker, *engines.tracer));
  const IntentSync sync = one_log(config) ? IntentSync::WithTopics : IntentSync::OnReserve;
  auto store = std::make_unique<PostgresGraphStore>(*pool, random, sync);
  engines.bus = std::make_unique<PostgresControlBus>(*pool, config.controlbus_queue_topic,
                                                     !config.controlbus_dsn.empty());
  engines.events = std::make_unique<PostgresEventLog>(*pool, config.controlbus_queue_topic);
  engines.bell = std::make_unique<PostgresEventBell>(pool->connect_options());
  engines.traffic = std::make_unique<PostgresTrafficStore>(*pool, random);
  engines.hits = std::make_unique<PostgresHitStore>(*pool, random);
  engines.redo = std::make_unique<PostgresRedoStore>(*pool, random);
  engines.rollouts = std::make_unique<PostgresRolloutStore>(*pool, random);
  engines.loops = std::make_unique<PostgresLoopLeases>(*pool);
  engines.alerts = std::make_unique<PostgresAlertStore>(*pool);
  engines.life = std::make_unique<PostgresQueueLife>(*pool, *store, random);
  engines.buffering = std::make_unique<PostgresBuffering>(*pool, random);
  engines.completion = std::make_unique<PostgresCompletionStore>(*pool, *store, random);
  engines.compaction = std::make_unique<PostgresCompactionStore>(*pool, *store, random);
  engines.store = std::move(store);
  engines.upkeep = std::make_unique<PostgresTopicUpkeep>(*pool);
  engines.principals = std::make_unique<PostgresPrincipalStore>(*pool);
  engines.log = std::make_unique<PostgresTopicLogStore>(*pool);
  engines.pools.push_back(std::move(pool));
  return {};
}

/// Rights that an earlier configuration gave are taken with the topics too.
Result<void> open_rights(const DagmanagerConfig& config, std::shared_ptr<kafka::Client> client,
                         Engines& engines) {
  engines.rights = std::make_unique<KafkaTopicRights>(std::move(client));
  WEIR_CHECK(engines.principals->add(config.acls.principals()));
  WEIR_TRY(const auto given, engines.principals->list());
  engines.gives_rights = !given.empty();
  return {};
}

void told_of_not_made(const graph::TopicName& topic, const std::string& words) {
  server::log().warning("the brokers do not make a topic now",
                        {{"topic", topic.text()}, {"error", words}});
}

void told_of_missed_rights(const Error& error) {
  server::log().warning("topics were made without the rights on them; the reconciler gives them",
                        {{"error", error.describe()}});
}

Result<void> open_kafka(const DagmanagerConfig& config, Clock& clock, Engines& engines) {
  WEIR_TRY(auto made, kafka::Client::create({.brokers = config.topics_dsn,
                                             .properties = config.kafka_properties,
                                             .call_timeout = kBrokerCallTimeout},
                                            clock));
  const std::shared_ptr<kafka::Client> client = std::move(made);
  WEIR_CHECK(open_rights(config, client, engines));
  engines.content = std::make_unique<KafkaTopicContent>(client);
  engines.lags = std::make_unique<KafkaLagSource>(client);
  std::unique_ptr<TopicAdmin> topics = std::make_unique<KafkaTopicAdmin>(client, told_of_not_made);
  if (engines.gives_rights) {
    topics = std::make_unique<GrantingTopicAdmin>(std::move(topics), *engines.rights, config.acls,
                                                  told_of_missed_rights);
  }
  engines.broker_breaker = std::make_unique<server::Breaker>("broker", clock);
  engines.topics = std::make_unique<GuardedTopicAdmin>(std::move(topics), *engines.broker_breaker);
  return {};
}

Result<void> open_topics(const DagmanagerConfig& config, Clock& clock, Engines& engines) {
  if (config.topics_dsn.empty()) {
    engines.topics = std::make_unique<MemoryTopicAdmin>();
    return {};
  }
  if (config.topics_on_kafka) return open_kafka(config, clock, engines);
  const auto connections = static_cast<std::size_t>(config.diff_concurrency);
  engines.broker_breaker = std::make_unique<server::Breaker>("broker", clock);
  WEIR_TRY(auto pool, open_pool(config.topics_dsn, prepare_topic_schema, connections, clock,
                                *engines.broker_breaker, *engines.tracer));
  const TopicSync sync = one_log(config) ? TopicSync::WithGraph : TopicSync::OnCreate;
  engines.topics = std::make_unique<GuardedTopicAdmin>(
      std::make_unique<PostgresTopicAdmin>(*pool, sync), *engines.broker_breaker);
  engines.pools.push_back(std::move(pool));
  return {};
}

Result<void> open_bus(const DagmanagerConfig& config, Clock& clock, Engines& engines) {
  if (config.controlbus_dsn.empty()) return {};
  engines.bus_breaker = std::make_unique<server::Breaker>("bus", clock);
  WEIR_TRY(engines.wire, KafkaEventWire::open({.brokers = config.controlbus_dsn,
                                               .properties = config.kafka_properties},
                                              config.controlbus_queue_topic, clock));
  return {};
}

Result<void> open_gc(const DagmanagerConfig& config, const Clock& clock, Engines& engines) {
  if (!engines.content) {
    engines.content = std::make_unique<RegistryTopicContent>(*engines.topics);
  }
  if (!config.gc.metrics_url.empty()) {
    WEIR_TRY(engines.load, MetricsLoadSource::open(config.gc.metrics_url, clock));
  }
  if (config.gc.archive_folder.empty()) return {};
  engines.archive_breaker = std::make_unique<server::Breaker>("archive", clock);
  WEIR_TRY(auto folder, FolderArchiveStore::open(config.gc.archive_folder));
  engines.archive =
      std::make_unique<GuardedArchiveStore>(std::move(folder), *engines.archive_breaker);
  return {};
}

}  // namespace

Result<Engines> open_engines(const DagmanagerConfig& config, Clock& clock, Random& random) {
  Engines engines;
  engines.tracer = std::make_unique<server::SqlTracer>();
  if (auto opened = open_graph(config, clock, random, engines); !opened.ok()) {
    return std::move(opened).error().prepend("graph_dsn");
  }
  if (auto opened = open_topics(config, clock, engines); !opened.ok()) {
    return std::move(opened).error().prepend("topics_dsn");
  }
  if (auto opened = open_bus(config, clock, engines); !opened.ok()) {
    return std::move(opened).error().prepend("controlbus_dsn");
  }
  if (auto opened = open_gc(config, clock, engines); !opened.ok()) {
    return std::move(opened).error().prepend("gc_archive_bucket");
  }
  return engines;
}

}  // namespace weir::dagmanager
