// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/run_dispatcher.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include "dispatcher/deploy/deploy_service.h"
#include "dispatcher/dispatcher_stores.h"
#include "dispatcher/internal_api/internal_routes.h"
#include "dispatcher/internal_api/worker_tokens.h"
#include "dispatcher/loops/chore_loop.h"
#include "dispatcher/loops/housekeeper.h"
#include "dispatcher/loops/inline_executor.h"
#include "dispatcher/loops/outbox_relay.h"
#include "dispatcher/ports/registry/postgres_identity.h"
#include "dispatcher/tasks/capability_mint.h"
#include "dispatcher/tasks/task_service.h"
#include "dispatcher/tasks/wakeup_desk.h"
#include "dispatcher/user_api/user_api.h"
#include "dispatcher/user_issuer.h"
#include "dispatcher/wire/problems.h"
#include "server/events/event_stream.h"
#include "server/http/http_server.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/role_process.h"
#include "server/system_clock.h"
#include "server/worker_pool.h"

namespace weir::dispatcher {
namespace {

/// How long answers that are under way may still take once nothing new is taken.
constexpr Duration kLastAnswers = std::chrono::seconds(1);
constexpr Duration kSessionWait = std::chrono::seconds(5);

std::set<std::string, std::less<>> names_of(const std::map<std::string, std::string>& roots) {
  std::set<std::string, std::less<>> names;
  for (const auto& [name, folder] : roots) names.insert(name);
  return names;
}

/// The role: everything that serves, in the order it is made; it is taken down in reverse.
class Dispatcher : public Nudges {
 public:
  static Result<std::unique_ptr<Dispatcher>> create(const DispatcherConfig& config) {
    std::unique_ptr<Dispatcher> role(new Dispatcher(config));
    const auto tell = [&role = *role](auto rung) {
      if (role.desk_) role.desk_->tell(rung);
    };
    const auto waiting = [&role = *role] { return role.desk_.get(); };
    WEIR_TRY(role->stores_, open_stores(config, role->clock_, role->random_, tell, waiting));
    WEIR_TRY(role->mint_, CapabilityMint::create({.key_path = config.capability_key_file},
                                                 role->clock_, role->random_));
    WEIR_TRY(role->issuer_, UserIssuer::create(config, role->clock_, role->random_));
    WEIR_CHECK(role->register_identities());
    WEIR_CHECK(role->wire());
    return role;
  }

  Result<void> start() {
    desk_->start();
    events_->start();
    relay_->start();
    loop_->start();
    housekeeper_->start();
    WEIR_CHECK(inline_executor_->start());
    WEIR_CHECK(issuer_->start());
    WEIR_TRY(internal_, listen({.path = config_.internal_socket}, internal_router()));
    if (!config_.task_socket.empty()) {
      WEIR_TRY(task_, listen({.path = config_.task_socket}, task_router()));
    }
    WEIR_TRY(user_, listen(config_.user, user_router()));  // last: who sees it finds all the rest
    ready_ = true;
    server::log().info(
        "serving", {{"user", server::ListenAddress{config_.user.host, user_->port(), {}}.text()},
                    {"internal", config_.internal_socket},
                    {"instance", instance_}});
    return {};
  }

  /// Takes nothing new and lets what is under way end, at most `drain_seconds`.
  void drain() {
    ready_ = false;
    server::log().info("draining");
    inline_executor_->stop();
    desk_->stop();
    events_->stop();
    for (const auto* listener : {&user_, &task_, &internal_}) {
      if (*listener) (*listener)->stop(config_.drain);
    }
  }

  void stop() {
    for (const auto* listener : {&user_, &task_, &internal_}) {
      if (*listener) (*listener)->stop(kLastAnswers);
    }
    if (issuer_) issuer_->stop();
    if (inline_executor_) inline_executor_->stop();
    if (desk_) desk_->stop();
    if (claimers_) claimers_->stop();
    if (events_) events_->stop();
    if (housekeeper_) housekeeper_->stop();
    if (loop_) loop_->stop();
    if (relay_) relay_->stop();
    if (tasks_) tasks_->stop();
  }

  void outbox() override { relay_->nudge(); }
  void chore(Chore, Duration after) override { loop_->nudge(after); }

 private:
  explicit Dispatcher(const DispatcherConfig& config)
      : config_(config), instance_("dispatcher-" + base::uuid_v4(random_)) {}

  /// The organisation, its admin and the worker token of one machine.
  Result<void> register_identities() {
    WEIR_TRY(const auto connection, stores_->pool->acquire(kSessionWait));
    const Instant now = clock_.now();
    if (const auto user = issuer_->local_user()) {
      WEIR_TRY(const OrgId org, ensure_org(*connection, config_.org, now, random_));
      WEIR_CHECK(ensure_admin(*connection, org, *user, now, random_));
    }
    WEIR_TRY(const base::Digest digest, read_or_make_worker_token(config_.worker_token_file));
    return ensure_worker_token(*connection, "local", digest, now, random_);
  }

  Result<void> wire() {
    wire_loops();
    WEIR_CHECK(wire_work());
    WEIR_TRY(claimers_,
             server::WorkerPool::create({.name = "poll-claims", .concurrency = kClaimersMax}));
    WEIR_CHECK(claimers_->start());
    wire_apis();
    return {};
  }

  void wire_loops() {
    DispatcherStores& stores = *stores_;
    worker_tokens_ = std::make_unique<WorkerTokens>(
        [this] { return read_worker_tokens(*stores_->pool); }, clock_);
    events_ = std::make_unique<server::EventStream>(
        server::EventStream::Parts{*stores.events, clock_, server::log()});
    desk_ = std::make_unique<WakeupDesk>(*stores.queue, clock_, [this] { relay_->nudge(); });
    relay_ = std::make_unique<OutboxRelay>(
        OutboxRelayParts{.outbox = *stores.outbox,
                         .queue = *stores.queue,
                         .clock = clock_,
                         .random = random_,
                         .log = server::log(),
                         .desk = *desk_,
                         .events_published = [this] { events_->tell(); }});
    loop_ = std::make_unique<ChoreLoop>(ChoreLoopParts{
        .store = *stores.tasks,
        .clock = clock_,
        .log = server::log(),
        .outbox_due = [this] { relay_->nudge(); },
        .wakeups_due = [this] { desk_->ring(); },
        .looked = [this](const DueInstants& due) { worker_tokens_->confirm(due.worker_tokens); }});
    housekeeper_ = std::make_unique<Housekeeper>(HousekeeperParts{.work = *stores.housekeeping,
                                                                  .objects = *stores.objects,
                                                                  .commits = *stores.commits,
                                                                  .metrics = metrics_,
                                                                  .clock = clock_,
                                                                  .log = server::log()});
  }

  Result<void> wire_work() {
    DispatcherStores& stores = *stores_;
    tasks_ = std::make_unique<TaskService>(
        TaskServiceParts{.store = *stores.tasks,
                         .datasets = *stores.datasets,
                         .objects = *stores.objects,
                         .mint = *mint_,
                         .nudges = *this,
                         .sessions = static_cast<std::size_t>(config_.sessions)});
    WEIR_TRY(inline_executor_, InlineExecutor::create({.tasks = *tasks_,
                                                       .queue = *stores.queue,
                                                       .desk = *desk_,
                                                       .clock = clock_,
                                                       .random = random_,
                                                       .log = server::log(),
                                                       .worker_id = instance_}));
    deploys_ = std::make_unique<DeployService>(
        DeployPorts{.store = *stores.dags, .random = random_, .switched = [this] { switched(); }},
        stores.operators, own_engines(stores.operators, names_of(config_.ingest_roots)));
    return {};
  }

  void wire_apis() {
    DispatcherStores& stores = *stores_;
    internal_api_ = std::make_unique<InternalApi>(InternalApi{
        .tasks = *tasks_,
        .queue = *stores.queue,
        .desk = *desk_,
        .mint = *mint_,
        .claimers = *claimers_,
        .worker_tokens = *worker_tokens_,
        .metrics = metrics_,
        .clock = clock_,
        .denied = [this](const auto& request, const Error& error) { denied(request, error); }});
    user_api_ = std::make_unique<UserApi>(
        UserApiConfig{.issuer = issuer_->trusted()},
        UserApiPorts{.registry = *stores.registry,
                     .users = *stores.users,
                     .tasks = *stores.tasks,
                     .deploys = *deploys_,
                     .keys = issuer_->keys(),
                     .clock = clock_,
                     .random = random_,
                     .log = server::log(),
                     .ready = [this] { return ready(); },
                     .outbox_due = [this] { outbox(); },
                     .follow_events =
                         [this](auto request, const OrgId& org, auto responder) {
                           events_->subscribe(std::move(request), org.text(), std::move(responder));
                         }});
  }

  /// Builds were opened: their queues are owed, their sources may be due.
  void switched() {
    loop_->nudge({});
    relay_->nudge();
  }

  void denied(const server::HttpRequest& request, const Error& error) {
    const char* actor = request.path.starts_with("/v1/task") ? "task" : "worker";
    const auto noted = audit_denial(*stores_->pool, actor, request.method + " " + request.path,
                                    Uuid::parse(request.request_id), error.reason());
    if (!noted.ok()) {
      server::log().warning("a refused credential is not in the audit log",
                            {{"reason", noted.error().reason()}});
    }
  }

  Result<void> ready() {
    if (!ready_) return base::unavailable("draining", "this process is stopping");
    return stores_->pool->ping(kSessionWait);
  }

  server::Router internal_router() {
    server::Router router;
    add_internal_routes(router, *internal_api_);
    return router;
  }
  server::Router task_router() {
    server::Router router;
    add_task_routes(router, *internal_api_);
    return router;
  }
  server::Router user_router() {
    server::Router router;
    add_user_routes(router, *user_api_);
    return router;
  }

  Result<std::unique_ptr<server::HttpServer>> listen(server::ListenAddress address,
                                                     server::Router router) {
    server::HttpServerConfig config;
    config.address = std::move(address);
    config.handler_threads = static_cast<std::size_t>(config_.handler_threads);
    config.too_large_reason = "too_large";
    config.problem = listener_problem;
    WEIR_TRY(auto listener, server::HttpServer::create(std::move(config), std::move(router),
                                                       {random_, server::log()}));
    WEIR_CHECK(listener->start());
    return listener;
  }

  const DispatcherConfig& config_;
  server::SystemClock clock_;
  server::SystemRandom random_;
  const std::string instance_;
  std::atomic<bool> ready_ = false;
  server::Metrics metrics_;
  std::unique_ptr<DispatcherStores> stores_;
  std::unique_ptr<CapabilityMint> mint_;
  std::unique_ptr<UserIssuer> issuer_;
  std::unique_ptr<WorkerTokens> worker_tokens_;
  std::unique_ptr<server::EventStream> events_;
  std::unique_ptr<WakeupDesk> desk_;
  std::unique_ptr<OutboxRelay> relay_;
  std::unique_ptr<ChoreLoop> loop_;
  std::unique_ptr<Housekeeper> housekeeper_;
  std::unique_ptr<TaskService> tasks_;
  std::unique_ptr<InlineExecutor> inline_executor_;
  std::unique_ptr<DeployService> deploys_;
  std::unique_ptr<server::WorkerPool> claimers_;
  std::unique_ptr<InternalApi> internal_api_;
  std::unique_ptr<UserApi> user_api_;
  std::unique_ptr<server::HttpServer> internal_;
  std::unique_ptr<server::HttpServer> task_;
  std::unique_ptr<server::HttpServer> user_;
};

/// 2: a newer Weir wrote what is stored.
int exit_code(const Error& error) { return error.reason() == "schema_version" ? 2 : 1; }

}  // namespace

int run_dispatcher(const DispatcherConfig& config) {
  return server::serve_role([&] { return Dispatcher::create(config); }, exit_code);
}

}  // namespace weir::dispatcher
