// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/dagmanager_config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <thread>
#include <utility>

#include "base/text.h"
#include "dagmanager/dagmanager_config_keys.h"
#include "graph/topic.h"

namespace weir::dagmanager {
namespace {

using server::Config;

constexpr unsigned kDiffConcurrencyMin = 4;

/// What a DSN names, by its scheme.
enum class Engine : std::uint8_t { None, Postgres, Neo4j, Kafka, Unknown };

/// `bare` is the engine of a DSN without a scheme ("db:7687").
Engine engine_of(std::string_view dsn, Engine bare) {
  if (dsn.empty()) return Engine::None;
  const std::size_t end = dsn.find("://");
  if (end == std::string_view::npos) return bare;
  const std::string scheme = base::lower_ascii(dsn.substr(0, end));
  if (scheme == "postgresql" || scheme == "postgres") return Engine::Postgres;
  if (scheme == "kafka") return Engine::Kafka;
  constexpr std::array<std::string_view, 6> kNeo4j = {"bolt",  "bolt+s",  "bolt+ssc",
                                                      "neo4j", "neo4j+s", "neo4j+ssc"};
  return std::ranges::find(kNeo4j, scheme) != kNeo4j.end() ? Engine::Neo4j : Engine::Unknown;
}

Duration seconds(double count) {
  return std::chrono::round<Duration>(std::chrono::duration<double>(count));
}

Error config_invalid(std::vector<Fault> faults) {
  return base::invalid_argument("config_invalid", "the configuration has " +
                                                      std::to_string(faults.size()) +
                                                      (faults.size() == 1 ? " fault" : " faults"))
      .with_faults(std::move(faults));
}

/// Reads the typed form off a loaded configuration; collects faults.
class Reader {
 public:
  explicit Reader(const Config& config) : config_(config) {}

  Result<DagmanagerConfig> read() {
    out_.prod = config_.text("profile") == "prod";
    refuse_later_keys();
    read_engines();
    read_policy();
    read_listeners();
    read_service();
    read_alerts();
    read_gc();
    read_canary();
    read_telemetry();
    if (const auto valid = out_.validate(); !valid.ok()) {
      for (const Fault& fault : valid.error().faults()) {
        // A missing DSN is no gap of its own where one was given and refused.
        if (!refused(fault.path)) faults_.push_back(fault);
      }
    }
    if (!faults_.empty()) return config_invalid(std::move(faults_));
    return std::move(out_);
  }

 private:
  void refuse_later_keys() {
    const std::vector<server::KeyDescription> later = later_config_keys();
    for (const server::KeyDescription& description : later) {
      const std::string& pattern = description.key;
      const std::size_t open = pattern.find('<');
      if (open == std::string::npos) {
        if (config_.given(pattern) && !is_default(description)) refuse_later(pattern);
        continue;
      }
      const std::size_t close = pattern.find('>');
      for (const std::string& name : config_.names(pattern)) {
        const std::string key = pattern.substr(0, open) + name + pattern.substr(close + 1);
        if (config_.given(key)) refuse_later(key);
      }
    }
  }

  void refuse_later(const std::string& key) {
    fault("not_available_yet", key,
          "this version cannot do what it asks for yet; take the key out to start");
  }

  /// True if the key was given, and to the value it has anyway.
  bool is_default(const server::KeyDescription& description) const {
    const std::string& text = description.default_text;
    if (text.empty()) return false;
    switch (description.kind) {
      case server::ValueKind::Text:
        return (description.secret ? config_.secret(description.key).reveal()
                                   : config_.text(description.key)) == text;
      case server::ValueKind::Integer:
      case server::ValueKind::Number: {
        double value = 0;
        std::from_chars(text.data(), text.data() + text.size(), value);
        return config_.number(description.key) == value;
      }
      case server::ValueKind::Boolean:
        return config_.boolean(description.key) == (text == "true");
      case server::ValueKind::TextList:
      case server::ValueKind::TextMap:
        return false;
    }
    return false;
  }

  void read_engines() {
    out_.memory_repo_path = config_.text("memory_repo_path");
    const std::string& graph = config_.text("graph_dsn");
    switch (engine_of(graph, Engine::Neo4j)) {
      case Engine::None:
        break;
      case Engine::Postgres:
        out_.graph_dsn = graph;
        break;
      case Engine::Neo4j:
        fault("not_available_yet", "graph_dsn",
              "Neo4j is not available yet: give a postgresql:// address, or take the key out to "
              "keep the graph in memory");
        refuse_default_password();
        break;
      case Engine::Kafka:
      case Engine::Unknown:
        fault("value_not_allowed", "graph_dsn",
              "names no engine that keeps graphs: give a postgresql:// address");
        break;
    }
    const std::string& topics = config_.text("topics_dsn");
    switch (engine_of(topics, Engine::Kafka)) {
      case Engine::None:
        break;
      case Engine::Postgres:
        out_.topics_dsn = topics;
        break;
      case Engine::Kafka:
        out_.topics_dsn = topics;
        out_.topics_on_kafka = true;
        break;
      case Engine::Neo4j:
      case Engine::Unknown:
        fault("value_not_allowed", "topics_dsn",
              "names no engine that makes topics: give a kafka:// or postgresql:// address");
        break;
    }
    read_control_bus();
    out_.kafka_properties = config_.text_map("kafka_properties");
    if (!out_.kafka_properties.empty() && !out_.topics_on_kafka && out_.controlbus_dsn.empty()) {
      fault("value_not_allowed", "kafka_properties",
            "needs a kafka:// address in topics_dsn or controlbus_dsn");
    }
  }

  void read_control_bus() {
    const std::string& bus = config_.text("controlbus_dsn");
    const Engine engine = engine_of(bus, Engine::Kafka);
    if (engine == Engine::Kafka) {
      out_.controlbus_dsn = bus;
    } else if (engine != Engine::None) {
      fault("value_not_allowed", "controlbus_dsn",
            "names no engine that takes control events: give a kafka:// address");
    }
    out_.controlbus_queue_topic = config_.text("controlbus_queue_topic");
    if (out_.controlbus_queue_topic.empty()) {
      fault("value_not_allowed", "controlbus_queue_topic", "must not be empty");
    }
  }

  void refuse_default_password() {
    if (!out_.prod || config_.secret("neo4j_password").reveal() != "neo4j") return;
    fault("prod_default_password", "neo4j_password",
          "profile prod does not start with the default password");
  }

  void read_policy() {
    PlannerPolicy& policy = out_.policy;
    const std::string& check = config_.text("identity_check");
    policy.identity_check = out_.prod ? IdentityCheck::Reject : IdentityCheck::Warn;
    if (check == "off") policy.identity_check = IdentityCheck::Off;
    if (check == "warn") policy.identity_check = IdentityCheck::Warn;
    if (check == "reject") policy.identity_check = IdentityCheck::Reject;
    policy.cross_context = config_.text("cross_context_policy") == "block"
                               ? CrossContextPolicy::Block
                               : CrossContextPolicy::Isolate;
    policy.namespaces = config_.boolean("enable_topic_namespace");
    for (const graph::TopicType type : graph::kTopicTypes) read_topic_overrides(type);
    out_.acls.readers = principals("acl.readers");
    out_.acls.writers = principals("acl.writers");
  }

  std::vector<std::string> principals(const std::string& key) {
    std::vector<std::string> principals = config_.text_list(key);
    for (const std::string& principal : principals) {
      if (is_principal(principal)) continue;
      fault("value_not_allowed", key,
            "\"" + principal + "\" is no principal: write it as the broker has it, User:NAME");
    }
    return principals;
  }

  void read_topic_overrides(graph::TopicType type) {
    const auto at = static_cast<std::size_t>(type);
    graph::TopicShape& shape = out_.policy.shapes[at];
    const std::string stem = "topic_overrides." + std::string(graph::topic_type_name(type)) + ".";
    if (config_.given(stem + "partitions")) {
      shape.partitions = static_cast<int>(config_.integer(stem + "partitions"));
    }
    if (config_.given(stem + "replication")) {
      shape.replication = static_cast<int>(config_.integer(stem + "replication"));
    }
    if (config_.given(stem + "retention_ms")) {
      shape.retention_ms = config_.integer(stem + "retention_ms");
    }
    if (config_.given(stem + "cleanup")) shape.cleanup = config_.text(stem + "cleanup");
    if (config_.given(stem + "lag_alert_seconds")) {
      out_.policy.lag_alert_seconds[at] = config_.integer(stem + "lag_alert_seconds");
    }
  }

  void read_listeners() {
    out_.grpc = {.host = config_.text("grpc_host"),
                 .port = static_cast<std::uint16_t>(config_.integer("grpc_port"))};
    out_.http = {.host = config_.text("http_host"),
                 .port = static_cast<std::uint16_t>(config_.integer("http_port"))};
    out_.allow_plaintext = config_.boolean("allow_plaintext");
  }

  void read_service() {
    out_.compute_key_in_queue_map = config_.boolean("compute_key_in_queue_map");
    out_.diff_concurrency =
        config_.given("diff_concurrency")
            ? static_cast<int>(config_.integer("diff_concurrency"))
            : static_cast<int>(
                  std::max(kDiffConcurrencyMin, 2 * std::thread::hardware_concurrency()));
    out_.diff_queue = static_cast<int>(config_.integer("diff_queue"));
    out_.ack_timeout = seconds(config_.number("ack_timeout_seconds"));
    out_.drain = seconds(config_.number("drain_seconds"));
    out_.reconciler_interval = seconds(config_.number("reconciler_interval_seconds"));
    out_.topic_log_kept = days("topic_log_days");
    out_.buffering_delay = days("delay_days");
    out_.completion = config_.boolean("completion.enabled");
    out_.event_retention = std::chrono::hours(config_.integer("events.retention_hours"));
  }

  void read_telemetry() {
    out_.trace_http = config_.boolean("telemetry.enable_fastapi_otel");
    const std::string& text = config_.text("telemetry.otel_exporter_endpoint");
    if (text.empty()) return;
    auto endpoint = server::read_trace_endpoint(text);
    if (endpoint.ok()) {
      out_.traces = *std::move(endpoint);
    } else {
      fault("value_not_allowed", "telemetry.otel_exporter_endpoint", endpoint.error().message());
    }
  }

  void read_gc() {
    DagmanagerConfig::Gc& gc = out_.gc;
    gc.interval = seconds(config_.number("gc_interval_seconds"));
    gc.rules.deploys_kept = static_cast<std::size_t>(config_.integer("deploys_kept"));
    const char* const tags[] = {"raw", "indicator", "trade_exec", "sentinel"};
    for (const char* tag : tags) read_gc_policy(tag);
    read_archive();
    gc.metrics_url = config_.text("kafka_metrics_url");
    if (config_.given("broker_capacity_messages_per_second")) {
      gc.capacity = config_.number("broker_capacity_messages_per_second");
    }
    if (!gc.metrics_url.empty() && gc.capacity <= 0) {
      fault("value_not_allowed", "kafka_metrics_url",
            "says little without what the broker can take: give "
            "broker_capacity_messages_per_second");
    }
  }

  /// What is not given stays as the seed has it; a tag without a row there gets one with its
  /// action.
  void read_gc_policy(const std::string& tag) {
    const std::string stem = "gc_policies." + tag + ".";
    GcPolicies& policies = out_.gc.rules.policies;
    if (config_.given(stem + "action")) {
      const std::string& action = config_.text(stem + "action");
      policies[tag].action = action == "delete"    ? GcAction::Drop
                             : action == "archive" ? GcAction::Archive
                                                   : GcAction::Skip;
    }
    const auto policy = policies.find(tag);
    for (const char* part : {"ttl_days", "grace_days"}) {
      if (config_.given(stem + part) && policy == policies.end()) {
        fault("value_not_allowed", stem + part,
              "says nothing without what then happens: give " + stem + "action");
      }
    }
    if (policy == policies.end()) return;
    if (config_.given(stem + "ttl_days")) policy->second.ttl = days(stem + "ttl_days");
    if (config_.given(stem + "grace_days")) policy->second.grace = days(stem + "grace_days");
  }

  Duration days(const std::string& key) const { return seconds(86'400 * config_.number(key)); }

  void read_archive() {
    const std::string& bucket = config_.text("gc_archive_bucket");
    constexpr std::string_view kFolder = "file://";
    if (bucket.empty()) return;
    if (bucket.starts_with("s3://")) {
      fault("not_available_yet", "gc_archive_bucket",
            "S3 is not available yet: give a file:///folder");
    } else if (!bucket.starts_with(kFolder) || bucket.size() <= kFolder.size() ||
               bucket[kFolder.size()] != '/') {
      fault("value_not_allowed", "gc_archive_bucket", "names no archive: give a file:///folder");
    } else {
      out_.gc.archive_folder = bucket.substr(kFolder.size());
    }
  }

  void read_alerts() {
    for (const std::string& name : config_.names("alerts.<target>.token_file")) {
      const std::string stem = "alerts." + name + ".";
      if (config_.given(stem + "token_file") && !config_.given(stem + "url")) {
        fault("value_not_allowed", stem + "token_file",
              "goes with an address, which is not there: give " + stem + "url");
      }
    }
    for (const std::string& name : config_.names("alerts.<target>.url")) {
      const std::string stem = "alerts." + name + ".";
      if (!config_.given(stem + "url")) continue;
      AlertRoute route{.target = target_of(name).value_or(AlertTarget::Slack),
                       .url = config_.secret(stem + "url"),
                       .token_file = token_file_of(stem),
                       .dashboards = config_.text("alerts.dashboard_base_url")};
      if (const auto address = route.address(); !address.ok()) {
        fault("value_not_allowed", stem + "url", address.error().message());
      }
      if (route.target == AlertTarget::Pagerduty && route.token_file.empty()) {
        fault("value_not_allowed", stem + "url",
              "takes nothing without a routing key: give " + stem + "token_file");
      }
      out_.alerts.push_back(std::move(route));
    }
  }

  std::string token_file_of(const std::string& stem) const {
    return config_.given(stem + "token_file") ? config_.text(stem + "token_file") : "";
  }

  void read_canary() {
    out_.canary.interval = seconds(config_.number("canary.interval_seconds"));
    out_.canary.failure_limit = static_cast<int>(config_.integer("canary.failure_limit"));
    out_.canary_half_hold = seconds(config_.number("canary.half_hold_seconds"));
    out_.prometheus_url = config_.text("canary.prometheus_url");
    out_.gate.required =
        config_.given("gate.required") ? config_.boolean("gate.required") : out_.prod;
    out_.gate.backtests_min = static_cast<std::size_t>(config_.integer("gate.backtests_min"));
    if (!out_.prometheus_url.empty() && !out_.prometheus_url.starts_with("http://") &&
        !out_.prometheus_url.starts_with("https://")) {
      fault("value_not_allowed", "canary.prometheus_url",
            "must be the address of a Prometheus: http://host:port, or https");
    }
    read_checks();
  }

  void read_checks() {
    for (const std::string& name : config_.names("canary.checks.<name>.query")) {
      const std::string stem = "canary.checks." + name + ".";
      CanaryCheck check{.name = name, .query = config_.text(stem + "query")};
      const bool has_min = config_.given(stem + "min");
      const bool has_max = config_.given(stem + "max");
      if (has_min) check.min = config_.number(stem + "min");
      if (has_max) check.max = config_.number(stem + "max");
      if (!has_min && !has_max) {
        fault("value_not_allowed", stem + "query", "needs a bound beside it: min, max or both");
      } else if (check.min > check.max) {
        fault("value_not_allowed", stem + "min", "is above max: nothing could pass");
      }
      if (out_.prometheus_url.empty()) {
        fault("value_not_allowed", stem + "query", "needs canary.prometheus_url to ask");
      }
      out_.canary_checks.push_back(std::move(check));
    }
    for (const char* bound : {"min", "max"}) {
      for (const std::string& name : config_.names(std::string("canary.checks.<name>.") + bound)) {
        const std::string query = "canary.checks." + name + ".query";
        if (!config_.given(query)) {
          fault("value_not_allowed", "canary.checks." + name + "." + bound,
                "is the bound of no query: give " + query);
        }
      }
    }
    if (out_.canary_checks.size() > kCanaryChecksMax) {
      fault("value_not_allowed", "canary.checks." + out_.canary_checks.back().name + ".query",
            "is one of more than " + std::to_string(kCanaryChecksMax) + " checks");
    }
  }

  bool refused(std::string_view key) const {
    return std::ranges::find(refused_, key) != refused_.end();
  }

  void fault(std::string reason, const std::string& key, std::string_view text) {
    refused_.push_back(key);
    faults_.push_back({std::move(reason), config_.origin(key), key + ": " + std::string(text)});
  }

  const Config& config_;
  DagmanagerConfig out_;
  std::vector<Fault> faults_;
  std::vector<std::string> refused_;
};

bool beyond_loopback(const DagmanagerConfig& config) {
  return !server::is_loopback(config.grpc.host) || !server::is_loopback(config.http.host);
}

}  // namespace

server::LoadOptions dagmanager_load_options(std::optional<std::filesystem::path> file) {
  return {.path = std::move(file),
          .section = std::string(kConfigSection),
          .env_prefix = "QMTL__DAGMANAGER__",
          .top_level_env_prefix = "QMTL__",
          .environment = server::process_environment()};
}

Result<void> DagmanagerConfig::validate() const {
  std::vector<Fault> faults;
  const auto gap = [&](std::string reason, const char* key, const char* text) {
    faults.push_back({std::move(reason), key, text});
  };
  if (grpc.host.empty()) gap("value_not_allowed", "grpc_host", "must not be empty");
  if (http.host.empty()) gap("value_not_allowed", "http_host", "must not be empty");
  if (grpc.port != 0 && grpc.port == http.port && grpc.host == http.host) {
    gap("value_not_allowed", "http_port", "is the gRPC listener's port too: give another");
  }
  if (prod) {
    if (graph_dsn.empty()) {
      gap("prod_needs", "graph_dsn",
          "profile prod keeps no graph in memory: give a postgresql:// "
          "address");
    }
    if (topics_dsn.empty()) {
      gap("prod_needs", "topics_dsn",
          "profile prod keeps no topics in memory: give a "
          "kafka:// or postgresql:// address");
    }
    if (controlbus_dsn.empty()) {
      gap("prod_needs", "controlbus_dsn",
          "profile prod tells gateways of its queues: give a kafka:// address");
    }
    if (beyond_loopback(*this) && !allow_plaintext) {
      gap("prod_needs", "allow_plaintext",
          "profile prod listens in plaintext beyond loopback only with allow_plaintext: true");
    }
  }
  if (!faults.empty()) return config_invalid(std::move(faults));
  return {};
}

std::vector<std::string> DagmanagerConfig::warnings() const {
  std::vector<std::string> warnings;
  if (beyond_loopback(*this)) {
    warnings.emplace_back(
        "listening in plaintext beyond loopback: anyone who reaches the ports may do everything");
  }
  if (!graph_dsn.empty() && topics_dsn.empty()) {
    warnings.emplace_back(
        "graph_dsn is durable and topics_dsn is not set: topics end with the process and are made "
        "anew by no one");
  }
  if (graph_dsn.empty() && !topics_dsn.empty() && memory_repo_path.empty()) {
    warnings.emplace_back(
        "topics_dsn is durable and graph_dsn is not set: the next start does not know these "
        "topics");
  }
  if (!graph_dsn.empty() && !memory_repo_path.empty()) {
    warnings.emplace_back("memory_repo_path has no effect beside graph_dsn");
  }
  if (trace_http && !traces) {
    warnings.emplace_back(
        "telemetry.enable_fastapi_otel has no effect without telemetry.otel_exporter_endpoint");
  }
  return warnings;
}

BacktestHook backtest_hook(const server::Config& config) {
  return {.command = config.text_list("gate.backtest_command"),
          .runs_min = static_cast<std::size_t>(config.integer("gate.backtests_min")),
          .timeout = seconds(config.number("gate.backtest_timeout_seconds"))};
}

Result<DagmanagerConfig> make_dagmanager_config(const server::Config& config) {
  return Reader(config).read();
}

}  // namespace weir::dagmanager
