// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/core/diff_planner.h"
#include "dagmanager/core/topics/topic_rights.h"
#include "dagmanager/monitors/alert_route.h"
#include "dagmanager/queues/limits.h"
#include "dagmanager/queues/orphan_watch.h"
#include "dagmanager/rollouts/canary_checks.h"
#include "server/config/config.h"
#include "server/config/config_file.h"
#include "server/config/config_key.h"
#include "server/http/listen_address.h"
#include "server/span_exporter.h"

/// The configuration of the DAG manager (contract section 4): the one key table that the parser,
/// the sample file, `config show` and the reference page read, and the typed form that the role
/// runs on.
namespace weir::dagmanager {

/// The section of a larger file in which the keys stand.
inline constexpr std::string_view kConfigSection = "dagmanager";

/// Every key of section 4, in its order. Keys of parts that are not built yet are known, and their
/// meaning says so: setting one stops the start, so that nobody believes it works.
std::vector<server::KeyDescription> dagmanager_config_keys();

/// Where the keys are read from: `file` if given, with the environment over it.
server::LoadOptions dagmanager_load_options(std::optional<std::filesystem::path> file);

/// The checked configuration. Plain data.
struct DagmanagerConfig {
  /// Profile `prod`: nothing is adopted, guessed or left in memory.
  bool prod = false;

  /// PostgreSQL DSN of the graph store; empty: in memory. May hold a password: show it only through
  /// server::without_password.
  std::string graph_dsn;
  /// Snapshot of the memory store after each commit; empty: nothing is written.
  std::string memory_repo_path;
  /// PostgreSQL DSN of the topic registry, or addresses of Kafka brokers; empty: in memory. May
  /// hold a password.
  std::string topics_dsn;
  bool topics_on_kafka = false;
  /// Addresses of the Kafka brokers that take control events; empty: none does.
  std::string controlbus_dsn;
  std::string controlbus_queue_topic = "queue";
  /// librdkafka's settings, by its names.
  std::map<std::string, std::string> kafka_properties;
  /// Who is given rights on the topics that are made.
  TopicAcls acls;

  /// What decides a diff: identity check, cross-context policy, namespaces, topic shapes.
  PlannerPolicy policy;
  /// `#ck=` in the keys of the queue map.
  bool compute_key_in_queue_map = true;

  server::ListenAddress grpc{.host = "127.0.0.1", .port = 50051};
  server::ListenAddress http{.host = "127.0.0.1", .port = 8001};
  /// Serve plaintext beyond loopback also in prod.
  bool allow_plaintext = false;

  /// Diffs decided at once, and diffs that wait for their turn.
  int diff_concurrency = 4;
  int diff_queue = 256;
  /// How long a stream waits with a full window for an acknowledgement.
  Duration ack_timeout = std::chrono::seconds(30);
  /// How long running diffs and streams get after SIGTERM.
  Duration drain = std::chrono::seconds(25);
  /// How long control events are kept after they were published.
  Duration event_retention = std::chrono::hours(24);
  /// Who is told of alerts.
  std::vector<AlertRoute> alerts = {};
  /// Between two passes of the reconciler.
  Duration reconciler_interval = std::chrono::seconds(60);

  /// How long rows of the topic log and of the audit are kept.
  Duration topic_log_kept = std::chrono::hours(400 * 24);
  /// How long a queue buffers before it is to be computed in full.
  Duration buffering_delay = kBufferingDelay;
  /// Whether told sets leave out queues that nobody writes to any more.
  bool completion = true;

  /// How queues end (section 3.12).
  struct Gc {
    GcRules rules;
    Duration interval = kGcEvery;
    /// Folder that takes the content of collected topics; empty: none, and what is to be archived
    /// stays.
    std::string archive_folder;
    /// Where the broker's load is read; empty: nobody tells it.
    std::string metrics_url;
    /// Messages that the broker can take a second; 0: no limiter.
    double capacity = 0;
  };
  Gc gc;
  /// How rollouts are judged, and what one needs to begin.
  RolloutPolicy canary;
  /// How long half of the traffic is held where a rollout names no steps.
  Duration canary_half_hold = std::chrono::hours(1);
  /// `http://host:port` of a Prometheus; empty: none is asked.
  std::string prometheus_url;
  std::vector<CanaryCheck> canary_checks;
  GatePolicy gate;

  /// Where spans go (section 3.26); nothing: nowhere.
  std::optional<server::TraceEndpoint> traces;
  /// Calls over HTTP have spans too.
  bool trace_http = false;

  /// Gives all faults at once, each with the key: INVALID_ARGUMENT `config_invalid`. What a profile
  /// or two keys together forbid; single values were checked when they were read.
  Result<void> validate() const;

  /// What works, but surely not as meant: for the log and for /status.
  std::vector<std::string> warnings() const;
};

/// What proves a candidate before it gets traffic (section 3.23): for `promote`, which needs no
/// other key and no server's.
struct BacktestHook {
  std::vector<std::string> command;  ///< program and arguments; empty: none
  std::size_t runs_min = 20;         ///< backtests of different names that must pass
  Duration timeout = std::chrono::hours(1);
};
BacktestHook backtest_hook(const server::Config& config);

/// The typed form of a loaded configuration, checked whole: keys of parts that are not built yet,
/// engines that are not, values that are no such engine's, and validate(). All faults come in one
/// INVALID_ARGUMENT `config_invalid`, each with its place (`weir.yml:3:5`) and its key.
Result<DagmanagerConfig> make_dagmanager_config(const server::Config& config);

}  // namespace weir::dagmanager
