// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/run_dagmanager.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dagmanager/bus/event_sender.h"
#include "dagmanager/bus/limits.h"
#include "dagmanager/compaction/retirement_watch.h"
#include "dagmanager/diff_service.h"
#include "dagmanager/diff_witness.h"
#include "dagmanager/engines.h"
#include "dagmanager/event_relay.h"
#include "dagmanager/http_routes.h"
#include "dagmanager/limits.h"
#include "dagmanager/loops/loop_keeper.h"
#include "dagmanager/loops/periodic_loop.h"
#include "dagmanager/monitors/completion_watch.h"
#include "dagmanager/monitors/lag_watch.h"
#include "dagmanager/monitors/limits.h"
#include "dagmanager/monitors/size_keeper.h"
#include "dagmanager/monitors/watchers.h"
#include "dagmanager/ports/rollouts/prometheus_reader.h"
#include "dagmanager/query_service.h"
#include "dagmanager/queues/cleanup_service.h"
#include "dagmanager/queues/limits.h"
#include "dagmanager/queues/recompute_executor.h"
#include "dagmanager/rollouts/canary_executor.h"
#include "dagmanager/rollouts/hit_service.h"
#include "dagmanager/rollouts/redo_service.h"
#include "dagmanager/rollouts/rollout_service.h"
#include "dagmanager/topics/log_prune_executor.h"
#include "dagmanager/topics/reconciler.h"
#include "dagmanager/topics/rights_check.h"
#include "server/breaker_prober.h"
#include "server/events/event_stream.h"
#include "server/grpc_stop.h"
#include "server/http/http_server.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/role_process.h"
#include "server/system_clock.h"
#include "server/telemetry.h"

namespace weir::dagmanager {
namespace {

/// How long calls that are not diffs may still take at the end.
constexpr std::chrono::seconds kLastCalls{1};

/// Which engine has the topics, for the log.
std::string_view topics_word(const DagmanagerConfig& config) {
  if (config.topics_on_kafka) return "kafka";
  return config.topics_dsn.empty() ? "memory" : "postgresql";
}

/// The role: everything that serves, in the order it is made; it is taken down in reverse.
class Dagmanager {
 public:
  static Result<std::unique_ptr<Dagmanager>> create(const DagmanagerConfig& config) {
    std::unique_ptr<Dagmanager> role(new Dagmanager(config));
    WEIR_CHECK(role->open_telemetry());
    WEIR_TRY(role->engines_, open_engines(config, role->clock_, role->random_));
    role->time_topic_calls();
    role->cap_replication();
    WEIR_CHECK(role->check_rights());
    WEIR_TRY(role->admission_,
             server::WorkerPool::create(
                 {.name = "diff",
                  .concurrency = static_cast<std::size_t>(config.diff_concurrency),
                  .queue_max = static_cast<std::size_t>(config.diff_queue),
                  .queue_bytes_max = kDiffQueueBytesMax,
                  .full_reason = "diff_queue_full"}));
    WEIR_TRY(role->queries_,
             server::WorkerPool::create({.name = "query", .concurrency = kQueryThreads}));
    if (!config.prometheus_url.empty()) {
      WEIR_TRY(role->prometheus_, PrometheusReader::create(config.prometheus_url, role->clock_));
    }
    WEIR_CHECK(role->wire());
    return role;
  }

  Result<void> start() {
    WEIR_CHECK(admission_->start());
    WEIR_CHECK(queries_->start());
    if (telemetry_) telemetry_->start();
    acks_.start();
    prober_.start();
    WEIR_CHECK(health_->probe());
    events_->start();
    relay_->start();
    gc_loop_->start();
    watchers_->start();
    reconciler_loop_->start();
    canary_loop_->start();
    recompute_loop_->start();
    counts_loop_->start();
    if (lag_loop_) lag_loop_->start();
    sizes_->start();
    if (completion_loop_) completion_loop_->start();
    if (sender_loop_) sender_loop_->start();
    loops_->start();
    engines_.bell->start(
        {.written = [this] { relay_->nudge(); }, .published = [this] { tell_published(); }});
    WEIR_CHECK(listen_grpc());
    WEIR_TRY(http_, server::HttpServer::create({.address = config_.http}, make_http_routes(),
                                               {random_, server::log(), http_tracer()}));
    WEIR_CHECK(http_->start());  // last: whoever sees /readyz finds everything there
    const server::ListenAddress http{config_.http.host, http_->port()};
    server::log().info("serving", {{"grpc", grpc_address_},
                                   {"http", http.text()},
                                   {"instance", instance_},
                                   {"profile", config_.prod ? "prod" : "dev"},
                                   {"graph", config_.graph_dsn.empty() ? "memory" : "postgresql"},
                                   {"topics", topics_word(config_)}});
    return {};
  }

  /// Lets running diffs and streams end, at most `drain_seconds`, and cuts the rest.
  void drain() {
    const Duration until = clock_.monotonic() + config_.drain;
    draining_ = true;
    diffs_->drain();
    stop_loops();     // others go on with them
    events_->stop();  // readers come back to another instance
    server::log().info("draining", {{"streams", acks_.open_streams()}});
    const auto left = [&] { return std::max(until - clock_.monotonic(), Duration::zero()); };
    // What steers traffic, and ends deploys, is a call like a diff.
    const bool all_called = queries_->drain(left());
    const bool all_decided = admission_->drain(left());
    const bool all_streamed = acks_.wait_until_idle(left());
    if (!all_called || !all_decided || !all_streamed) {
      server::log().warning("calls and streams are cut; their clients repeat or resume",
                            {{"streams", acks_.open_streams()}});
    }
  }

  void stop() {
    if (grpc_) server::stop_grpc(*grpc_, kLastCalls);
    if (events_) events_->stop();
    if (http_) http_->stop(kLastCalls);
    stop_loops();
    if (sizes_) sizes_->stop();
    if (engines_.bell) engines_.bell->stop();
    if (relay_) relay_->stop();
    prober_.stop();
    acks_.stop();
    if (admission_) admission_->stop();
    if (queries_) queries_->stop();
    if (telemetry_) telemetry_->stop();  // last: the others end their spans
  }

 private:
  explicit Dagmanager(const DagmanagerConfig& config)
      : config_(config),
        policy_(config.policy),
        instance_(base::uuid_v4(random_)),
        dagmanager_metrics_(metrics_),
        prober_(clock_),
        acks_(clock_, config.ack_timeout) {}

  Result<void> open_telemetry() {
    if (!config_.traces) return {};
    dagmanager_metrics_.spans_dropped(0);
    WEIR_TRY(telemetry_, server::Telemetry::create(
                             {.endpoint = *config_.traces,
                              .resource = {.service = "weir-dagmanager", .instance = instance_}},
                             {clock_, random_, server::log(), [this](std::size_t count) {
                                dagmanager_metrics_.spans_dropped(count);
                              }}));
    return {};
  }

  server::Tracer* tracer() { return telemetry_ ? &telemetry_->tracer() : nullptr; }
  void time_topic_calls() {
    if (!engines_.broker_breaker) return;  // they are function calls
    engines_.topics =
        std::make_unique<TimedTopicAdmin>(std::move(engines_.topics), clock_, dagmanager_metrics_);
  }

  /// To the brokers there are at the start. Where none answers, nothing is known of how many there
  /// are, and topics are asked for as the rules say.
  void cap_replication() {
    if (config_.prod) return;
    const Result<int> brokers = engines_.topics->broker_count();
    if (!brokers.ok()) return;
    for (const std::string& warning : dagmanager::cap_replication(policy_, *brokers)) {
      server::log().warning(warning);
    }
  }

  Result<void> check_rights() {
    warnings_ = config_.warnings();
    WEIR_TRY(const auto warning,
             dagmanager::check_rights(engines_.rights.get(), config_.acls, config_.prod));
    if (!warning) return {};
    server::log().warning(*warning);
    warnings_.push_back(*warning);
    return {};
  }

  server::Tracer* http_tracer() { return config_.trace_http ? tracer() : nullptr; }

  Result<void> wire() {
    health_ = std::make_unique<StoreHealth>(*engines_.store, clock_, *queries_,
                                            engines_.graph_breaker.get());
    hits_ = std::make_unique<HitService>(*engines_.hits, clock_);
    witness_ = std::make_unique<DiffWitness>(dagmanager_metrics_, *hits_, *engines_.alerts, clock_);
    executor_ = std::make_unique<DiffExecutor>(
        DiffExecutor::Config{policy_, config_.compute_key_in_queue_map, config_.prod},
        *engines_.store, *engines_.topics, clock_, random_, *witness_);
    diffs_ = std::make_unique<DiffServer>(DiffServer::Parts{
        *executor_, *admission_, acks_, dagmanager_metrics_, *health_, clock_, random_, tracer()});
    traffic_ = std::make_unique<TrafficService>(TrafficService::Parts{*engines_.traffic, clock_});
    redo_ = std::make_unique<RedoService>(RedoService::Parts{
        .redo = *engines_.redo,
        .graph = *engines_.store,
        .clock = clock_,
        .run = [this](const HotfixDiff& hotfix) { return diffs_->run_hotfix(hotfix); },
        .compute_key_in_queue_map = config_.compute_key_in_queue_map});
    wire_gc();
    wire_rollouts();
    sizes_ = std::make_unique<SizeKeeper>(SizeKeeper::Parts{
        *engines_.store, *engines_.topics, clock_, server::log(), config_.topics_on_kafka});
    const QueryParts parts{*engines_.store, *sizes_,   *queries_, *admission_, *diffs_,
                           *health_,        *traffic_, *hits_,    *redo_,      *cleanup_,
                           *rollouts_,      clock_,    random_,   tracer()};
    tag_queries_ = std::make_unique<TagQueryServer>(parts, draining_);
    admin_ = std::make_unique<AdminServer>(parts, draining_);
    health_server_ = std::make_unique<HealthServer>(*health_, draining_);
    events_ = std::make_unique<server::EventStream>(
        server::EventStream::Parts{*engines_.events, clock_, server::log()});
    loops_ = std::make_unique<LoopKeeper>(
        LoopKeeper::Parts{*engines_.loops, clock_, server::log(), instance_});
    gc_loop_ =
        make_loop(kGcLoop, config_.gc.interval, [this](const LoopFence& fence) -> Result<void> {
          WEIR_CHECK(cleanup_->pass(fence));
          WEIR_CHECK(retirements_->run_once(fence));
          return {};
        });
    reconciler_ = std::make_unique<Reconciler>(
        Reconciler::Parts{*engines_.store, *engines_.upkeep, *engines_.topics, *engines_.hits,
                          *engines_.alerts, clock_, dagmanager_metrics_,
                          [this](const LoopFence& fence) { return holds(fence); }, rights_parts()});
    log_prune_ = std::make_unique<LogPruneExecutor>(LogPruneExecutor::Parts{*engines_.log, clock_},
                                                    config_.topic_log_kept);
    reconciler_loop_ = make_loop("reconciler", config_.reconciler_interval,
                                 [this](const LoopFence& fence) -> Result<void> {
                                   WEIR_CHECK(reconciler_->run_once(fence));
                                   WEIR_CHECK(log_prune_->run_once(fence));
                                   return {};
                                 });
    wire_canary();
    wire_recompute();
    wire_counts();
    wire_content();
    relay_ = std::make_unique<EventRelay>(
        EventRelay::Parts{*engines_.bus, clock_, server::log(), config_.event_retention});
    wire_sender();
    return wire_watchers();
  }

  void wire_sender() {
    if (!engines_.wire) return;
    dagmanager_metrics_.control_events_oversize(0);
    sender_ = std::make_unique<EventSender>(
        EventSender::Parts{.bus = *engines_.bus,
                           .wire = *engines_.wire,
                           .breaker = *engines_.bus_breaker,
                           .clock = clock_,
                           .log = server::log(),
                           .holds = [this](const LoopFence& fence) { return holds(fence); },
                           .oversize = [this] { dagmanager_metrics_.control_events_oversize(1); }});
    sender_loop_ =
        make_loop(kRelayLoop, kSendEvery, [this](const LoopFence& fence) -> Result<void> {
          WEIR_CHECK(sender_->run_once(fence));
          return {};
        });
    watch_engine(*engines_.bus_breaker, [this] { return engines_.wire->ping(); });
  }

  /// Events were published, by whichever instance.
  void tell_published() {
    events_->tell();
    if (sender_loop_) sender_loop_->nudge();
  }

  std::optional<RightsMender::Parts> rights_parts() {
    if (!engines_.gives_rights) return std::nullopt;
    return RightsMender::Parts{*engines_.upkeep, *engines_.principals, *engines_.rights,
                               config_.acls};
  }

  Result<void> wire_watchers() {
    WEIR_TRY(watchers_,
             Watchers::create({.alerts = *engines_.alerts,
                               .keeper = *loops_,
                               .loops = dagmanager_metrics_,
                               .notices = dagmanager_metrics_,
                               .clock = clock_,
                               .random = random_,
                               .log = server::log(),
                               .instance = instance_,
                               .routes = config_.alerts,
                               .graph = engines_.graph_breaker.get(),
                               .broker = engines_.broker_breaker.get(),
                               .figures = [this] { return dagmanager_metrics_.figures(); }}));
    if (engines_.graph_breaker) {
      watch_engine(*engines_.graph_breaker, [this] { return engines_.store->ping(); });
    }
    if (engines_.broker_breaker) {
      watch_engine(*engines_.broker_breaker, [this] { return engines_.topics->ping(); });
    }
    if (engines_.archive_breaker) {
      watch_engine(*engines_.archive_breaker, [this] { return engines_.archive->ping(); });
    }
    for (const server::Breaker* target : watchers_->breakers()) breakers_.push_back(target);
    return {};
  }

  bool holds(const LoopFence& fence) const { return loops_->held(fence.loop) == fence; }

  /// An engine that is gone is probed, and told of.
  void watch_engine(server::Breaker& breaker, std::function<Result<void>()> ping) {
    prober_.add(breaker, std::move(ping), [this] {
      if (watchers_) watchers_->nudge();
    });
    breakers_.push_back(&breaker);
  }

  /// What ends queues.
  void wire_gc() {
    if (engines_.archive) {
      archiver_ = std::make_unique<TopicArchiver>(*engines_.content, *engines_.archive);
    }
    collector_ = std::make_unique<QueueCollector>(
        QueueCollector::Parts{*engines_.store, *engines_.life, *engines_.topics, archiver_.get(),
                              engines_.load.get(), clock_, random_,
                              [this](const LoopFence& fence) { return holds(fence); }},
        QueueCollector::Rules{config_.gc.rules, config_.gc.capacity});
    retirements_ = std::make_unique<RetirementWatch>(
        RetirementWatch::Parts{*engines_.life, *engines_.compaction, clock_},
        config_.gc.rules.deploys_kept);
    cleanup_ = std::make_unique<CleanupService>(
        CleanupService::Parts{.life = *engines_.life,
                              .collector = *collector_,
                              .clock = clock_,
                              .held = [this] { return loops_->held(kGcLoop); },
                              .passed =
                                  [this](const GcReport& report) {
                                    dagmanager_metrics_.orphans_seen(report.observed, clock_.now());
                                  },
                              .nudge = [this] { gc_loop_->nudge(); }});
  }

  void wire_rollouts() {
    rollouts_ = std::make_unique<RolloutService>(
        RolloutService::Parts{.rollouts = *engines_.rollouts,
                              .redo = *engines_.redo,
                              .graph = *engines_.store,
                              .clock = clock_,
                              .random = random_,
                              .gate = config_.gate,
                              .half_hold = config_.canary_half_hold});
  }

  void wire_canary() {
    canary_ = std::make_unique<CanaryExecutor>(
        CanaryExecutor::Config{config_.canary, config_.canary_checks},
        CanaryExecutor::Parts{.rollouts = *engines_.rollouts,
                              .clock = clock_,
                              .observer = dagmanager_metrics_,
                              .metrics = prometheus_.get(),
                              .holds = [this](const LoopFence& fence) { return holds(fence); }});
    canary_loop_ = make_loop("canary", config_.canary.interval,
                             [this](const LoopFence& fence) -> Result<void> {
                               WEIR_CHECK(canary_->run_once(fence));
                               return {};
                             });
  }

  void wire_recompute() {
    recompute_ = std::make_unique<RecomputeExecutor>(
        RecomputeExecutor::Parts{*engines_.buffering, clock_}, config_.buffering_delay);
    recompute_loop_ =
        make_loop(kRecomputeLoop, kRecomputeEvery, [this](const LoopFence& fence) -> Result<void> {
          WEIR_CHECK(recompute_->run_once(fence));
          return {};
        });
  }

  /// The size of the graph is known without anybody's asking; whoever asks /metrics counts anew.
  void wire_counts() {
    counts_loop_ = make_loop("counts", kCountsEvery, [this](const LoopFence&) -> Result<void> {
      WEIR_TRY(const GraphView view, engines_.store->read(nullptr));
      dagmanager_metrics_.graph_counted(view.index().node_count(), view.index().queue_count());
      return {};
    });
  }

  /// What is read of topics' content, which only brokers tell.
  void wire_content() {
    if (!config_.topics_on_kafka) return;
    lag_watch_ = std::make_unique<LagWatch>(LagWatch::Parts{
        *engines_.store, *engines_.lags, *engines_.alerts, clock_, dagmanager_metrics_});
    lag_loop_ = make_loop(kLagLoop, kLagEvery, [this](const LoopFence&) -> Result<void> {
      WEIR_CHECK(engines_.topics->admits());
      return lag_watch_->run_once();
    });
    completion_ = std::make_unique<CompletionWatch>(
        CompletionWatch::Parts{*engines_.store, *sizes_, *engines_.completion, clock_,
                               dagmanager_metrics_, config_.completion});
    completion_loop_ = make_loop(kCompletionLoop, kCompletionEvery, [this](const LoopFence& fence) {
      return completion_->run_once(fence);
    });
  }

  std::unique_ptr<PeriodicLoop> make_loop(const char* name, Duration period,
                                          std::function<Result<void>(const LoopFence&)> work) {
    return std::make_unique<PeriodicLoop>(PeriodicLoop::Parts{.keeper = *loops_,
                                                              .clock = clock_,
                                                              .log = server::log(),
                                                              .observer = dagmanager_metrics_,
                                                              .loop = name,
                                                              .period = period,
                                                              .work = std::move(work)});
  }

  /// Loops are given up first, so that passes end soon; their rows are given back once they have.
  void stop_loops() {
    if (loops_) loops_->let_go();
    if (prometheus_) prometheus_->cancel();
    if (completion_loop_) completion_loop_->stop();
    if (lag_loop_) lag_loop_->stop();
    if (sender_loop_) sender_loop_->stop();
    if (counts_loop_) counts_loop_->stop();
    if (recompute_loop_) recompute_loop_->stop();
    if (canary_loop_) canary_loop_->stop();
    if (gc_loop_) gc_loop_->stop();
    if (watchers_) watchers_->stop();
    if (reconciler_loop_) reconciler_loop_->stop();
    if (collector_) collector_->settle();  // a cleanup's pass
    if (loops_) loops_->stop();
  }

  server::Router make_http_routes() {
    return make_routes({*engines_.store, *engines_.bus, *events_, *traffic_, *hits_, *cleanup_,
                        *engines_.rollouts, *engines_.traffic, *loops_, *health_,
                        dagmanager_metrics_, *admission_, *queries_, clock_, draining_, instance_,
                        warnings_, breakers_});
  }

  Result<void> listen_grpc() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(config_.grpc.text(), grpc::InsecureServerCredentials(), &port);
    builder.SetMaxReceiveMessageSize(static_cast<int>(kRequestBytesMax));
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
    builder.RegisterService(diffs_.get());
    builder.RegisterService(tag_queries_.get());
    builder.RegisterService(admin_.get());
    builder.RegisterService(health_server_.get());
    grpc_ = builder.BuildAndStart();
    if (!grpc_ || port == 0) {
      return base::unavailable("listen_failed", "cannot listen for gRPC on " + config_.grpc.text() +
                                                    "; is another server there? set grpc_port");
    }
    grpc_address_ =
        server::ListenAddress{config_.grpc.host, static_cast<std::uint16_t>(port)}.text();
    return {};
  }

  const DagmanagerConfig& config_;
  PlannerPolicy policy_;
  server::SystemClock clock_;
  server::SystemRandom random_;
  const std::string instance_;
  std::vector<std::string> warnings_;  // for /status
  std::atomic<bool> draining_ = false;
  server::Metrics metrics_;
  DagmanagerMetrics dagmanager_metrics_;
  std::unique_ptr<server::Telemetry> telemetry_;  // null: no collector
  Engines engines_;
  server::BreakerProber prober_;
  std::vector<const server::Breaker*> breakers_;
  AckRegistry acks_;
  std::unique_ptr<server::WorkerPool> admission_;
  std::unique_ptr<server::WorkerPool> queries_;
  std::unique_ptr<StoreHealth> health_;
  std::unique_ptr<HitService> hits_;
  std::unique_ptr<RedoService> redo_;
  std::unique_ptr<RolloutService> rollouts_;
  std::unique_ptr<DiffWitness> witness_;
  std::unique_ptr<DiffExecutor> executor_;
  std::unique_ptr<DiffServer> diffs_;
  std::unique_ptr<TagQueryServer> tag_queries_;
  std::unique_ptr<AdminServer> admin_;
  std::unique_ptr<HealthServer> health_server_;
  std::unique_ptr<TrafficService> traffic_;
  std::unique_ptr<server::EventStream> events_;
  std::unique_ptr<EventRelay> relay_;
  std::unique_ptr<LoopKeeper> loops_;
  std::unique_ptr<PrometheusReader> prometheus_;
  std::unique_ptr<CanaryExecutor> canary_;
  std::unique_ptr<PeriodicLoop> canary_loop_;
  std::unique_ptr<RecomputeExecutor> recompute_;
  std::unique_ptr<PeriodicLoop> recompute_loop_;
  std::unique_ptr<PeriodicLoop> counts_loop_;
  std::unique_ptr<SizeKeeper> sizes_;
  std::unique_ptr<LagWatch> lag_watch_;
  std::unique_ptr<PeriodicLoop> lag_loop_;
  std::unique_ptr<CompletionWatch> completion_;
  std::unique_ptr<PeriodicLoop> completion_loop_;
  std::unique_ptr<EventSender> sender_;  // null: there is no control bus
  std::unique_ptr<PeriodicLoop> sender_loop_;
  std::unique_ptr<TopicArchiver> archiver_;
  std::unique_ptr<QueueCollector> collector_;
  std::unique_ptr<RetirementWatch> retirements_;
  std::unique_ptr<CleanupService> cleanup_;
  std::unique_ptr<PeriodicLoop> gc_loop_;
  std::unique_ptr<Watchers> watchers_;
  std::unique_ptr<Reconciler> reconciler_;
  std::unique_ptr<LogPruneExecutor> log_prune_;
  std::unique_ptr<PeriodicLoop> reconciler_loop_;
  std::unique_ptr<server::HttpServer> http_;
  std::unique_ptr<grpc::Server> grpc_;
  std::string grpc_address_;
};

/// 2: a newer Weir wrote what is stored, or a setting is none.
int exit_code(const Error& error) {
  const bool is_mended_by_hand =
      error.reason() == "schema_version" || error.reason() == "snapshot_version" ||
      error.reason() == "kafka_setting_invalid" || error.reason() == "acl_unavailable";
  return is_mended_by_hand ? 2 : 1;
}

}  // namespace

int run_dagmanager(const DagmanagerConfig& config) {
  return server::serve_role([&] { return Dagmanager::create(config); }, exit_code);
}

}  // namespace weir::dagmanager
