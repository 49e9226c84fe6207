// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/dagmanager_config_keys.h"

#include <iterator>
#include <string>
#include <utility>

#include "dagmanager/dagmanager_config.h"

namespace weir::dagmanager {
namespace {

using server::KeyDescription;
using server::ValueKind;
using Keys = std::vector<KeyDescription>;

const std::vector<std::string> kTopicTypeNames = {"raw", "indicator", "trade_exec"};
const std::vector<std::string> kQueueTagNames = {"raw", "indicator", "trade_exec", "sentinel"};
const std::vector<std::string> kAlertTargets = {"pagerduty", "slack", "opsgenie"};

constexpr double kPortMax = 65535;
constexpr double kSecondsMax = 86400;
constexpr double kDaysMax = 36500;

Keys engine_keys() {
  return {
      {.key = "profile",
       .default_text = "dev",
       .meaning = "What the process may take lightly. `prod` refuses to start without durable "
                  "engines, rejects wrong node ids and adopts no foreign topic.",
       .allowed = {"dev", "prod"},
       .top_level = true},
      {.key = "graph_dsn",
       .meaning = "Where the graph is kept. Without it the graph is in memory and ends with the "
                  "process. `bolt://` and `neo4j://` are not available yet and stop the start.",
       .second_names = {"neo4j_dsn"},
       .example = "postgresql://weir@localhost/weir"},
      {.key = "memory_repo_path",
       .meaning = "A file that takes a snapshot of the memory store after each commit, atomically, "
                  "and from which the next start reads it. Without it nothing is written.",
       .example = "weir.graph"},
      {.key = "topics_dsn",
       .meaning =
           "Where topics are made. `kafka://` with brokers behind it, `host:port,host:port`, "
           "also without its scheme: a Kafka cluster; `postgresql://` is a registry without "
           "messages; without the key topics are in memory.",
       .second_names = {"kafka_dsn"},
       .example = "postgresql://weir@localhost/weir"},
      {.key = "kafka_properties",
       .kind = ValueKind::TextMap,
       .meaning = "librdkafka settings, passed through: logins, certificates, time-outs."},
      {.key = "controlbus_dsn",
       .meaning = "Kafka cluster that control events are sent to: `kafka://` with brokers behind "
                  "it, also without its scheme. It may be that of the topics, and takes the same "
                  "`kafka_properties`. Without the key events are on the event stream only. "
                  "All instances of a store must have it, or none.",
       .example = "kafka://localhost:9092"},
      {.key = "controlbus_queue_topic",
       .default_text = "queue",
       .meaning = "Topic of what queues there are. A gateway reads it by its default."},
  };
}

Keys topic_keys() {
  return {
      {.key = "topic_overrides.<type>.partitions",
       .kind = ValueKind::Integer,
       .meaning = "Partitions of a new topic of this type.",
       .at_least = 1,
       .at_most = 10'000,
       .wildcard_names = kTopicTypeNames,
       .example = "1",
       .default_words = "raw 3, indicator 1, trade_exec 1"},
      {.key = "topic_overrides.<type>.replication",
       .kind = ValueKind::Integer,
       .meaning = "Copies of a new topic of this type.",
       .at_least = 1,
       .at_most = 100,
       .wildcard_names = kTopicTypeNames,
       .example = "1",
       .default_words = "raw 3, indicator 2, trade_exec 3"},
      {.key = "topic_overrides.<type>.retention_ms",
       .kind = ValueKind::Integer,
       .meaning = "How long messages of a new topic of this type are kept.",
       .unit = "milliseconds",
       .at_least = 1,
       .wildcard_names = kTopicTypeNames,
       .example = "604800000",
       .default_words = "raw 604800000, indicator 2592000000, trade_exec 7776000000"},
      {.key = "topic_overrides.<type>.cleanup",
       .meaning = "`cleanup.policy` of a new topic of this type.",
       .allowed = {"delete", "compact", "compact,delete", "delete,compact"},
       .wildcard_names = kTopicTypeNames,
       .example = "delete",
       .default_words = "indicator delete, else not set"},
      {.key = "topic_overrides.<type>.lag_alert_seconds",
       .kind = ValueKind::Integer,
       .meaning = "The lag written on a new queue of this type as the bound to alert at.",
       .unit = "seconds",
       .at_least = 1,
       .wildcard_names = kTopicTypeNames,
       .example = "60",
       .default_words = "the larger of 60 and 5 intervals of the node"},
      {.key = "acl.readers",
       .kind = ValueKind::TextList,
       .meaning = "Principals that may read each topic Weir makes, as the broker has them.",
       .example = "[User:gateway, User:research]"},
      {.key = "acl.writers",
       .kind = ValueKind::TextList,
       .meaning = "Principals that may write each topic Weir makes.",
       .example = "[User:gateway]"},
  };
}

Keys listener_keys() {
  return {
      {.key = "grpc_host", .default_text = "127.0.0.1", .meaning = "Address of the gRPC listener."},
      {.key = "grpc_port",
       .kind = ValueKind::Integer,
       .default_text = "50051",
       .meaning = "Port of the gRPC listener; 0 takes a free one.",
       .at_least = 0,
       .at_most = kPortMax},
      {.key = "http_host", .default_text = "127.0.0.1", .meaning = "Address of the HTTP listener."},
      {.key = "http_port",
       .kind = ValueKind::Integer,
       .default_text = "8001",
       .meaning = "Port of the HTTP listener; 0 takes a free one.",
       .at_least = 0,
       .at_most = kPortMax},
      {.key = "allow_plaintext",
       .kind = ValueKind::Boolean,
       .default_text = "false",
       .meaning = "Lets profile `prod` listen beyond loopback without TLS. Profile `dev` does so "
                  "with a warning."},
  };
}

Keys diff_keys() {
  return {
      {.key = "compute_key_in_queue_map",
       .kind = ValueKind::Boolean,
       .default_text = "true",
       .meaning = "Whether keys of the queue map end in `#ck=` and the compute key. Switch it off "
                  "only to go back to gateways that cannot read them."},
      {.key = "identity_check",
       .meaning = "What becomes of a node whose id is not the hash of its content: `off` says "
                  "nothing, `warn` tells the sender, `reject` refuses the graph.",
       .allowed = {"off", "warn", "reject"},
       .example = "warn",
       .default_words = "`warn`, in profile prod `reject`"},
      {.key = "cross_context_policy",
       .default_text = "isolate",
       .meaning =
           "What becomes of a node whose topic belongs to another compute context: `isolate` "
           "gives it a topic of its own, `block` refuses the graph.",
       .allowed = {"isolate", "block"}},
      {.key = "enable_topic_namespace",
       .kind = ValueKind::Boolean,
       .default_text = "true",
       .meaning = "Whether topics of a world begin with `<world>.<domain>.`; the gateway must be "
                  "set alike."},
      {.key = "diff_concurrency",
       .kind = ValueKind::Integer,
       .meaning = "Diffs decided at once.",
       .at_least = 1,
       .at_most = 1024,
       .example = "8",
       .default_words = "twice the cores, at least 4"},
      {.key = "diff_queue",
       .kind = ValueKind::Integer,
       .default_text = "256",
       .meaning = "Diffs that may wait for their turn; further ones are refused with "
                  "`diff_queue_full`.",
       .at_least = 0,
       .at_most = 100'000},
      {.key = "ack_timeout_seconds",
       .kind = ValueKind::Number,
       .default_text = "30",
       .meaning = "How long a stream waits for an acknowledgement when ten chunks are without one.",
       .unit = "seconds",
       .at_least = 1,
       .at_most = kSecondsMax},
      {.key = "drain_seconds",
       .kind = ValueKind::Number,
       .default_text = "25",
       .meaning = "How long running diffs and streams may go on after SIGTERM.",
       .unit = "seconds",
       .at_least = 0,
       .at_most = kSecondsMax},
      {.key = "events.retention_hours",
       .kind = ValueKind::Integer,
       .default_text = "24",
       .meaning = "How long control events are kept for readers that come back.",
       .unit = "hours",
       .at_least = 1,
       .at_most = 8760},
  };
}

Keys alert_keys() {
  return {
      {.key = "alerts.<target>.url",
       .meaning = "Where alerts are sent, `http://` or `https://`: `pagerduty` (Events v2), "
                  "`opsgenie` (Alert API), `slack` (a chat's webhook). A target without it is off.",
       .secret = true,
       .wildcard_names = kAlertTargets,
       .example = "https://events.pagerduty.com/v2/enqueue"},
      {.key = "alerts.<target>.token_file",
       .meaning = "File of the routing key (`pagerduty`), API key (`opsgenie`) or bearer token "
                  "that goes with them, read anew for each; only its owner may read it.",
       .wildcard_names = kAlertTargets,
       .example = "/etc/weir/pagerduty.key"},
      {.key = "alerts.dashboard_base_url",
       .meaning =
           "Each alert links to its dashboard: this address with the alert's name behind it.",
       .example = "https://grafana.example/d"},
  };
}

Keys canary_keys() {
  return {
      {.key = "canary.interval_seconds",
       .kind = ValueKind::Number,
       .default_text = "30",
       .meaning = "Time between two judgements of a rollout.",
       .unit = "seconds",
       .at_least = 0.1,
       .at_most = kSecondsMax},
      {.key = "canary.half_hold_seconds",
       .kind = ValueKind::Number,
       .default_text = "3600",
       .meaning = "How long a rollout that names no steps holds at half of the traffic.",
       .unit = "seconds",
       .at_least = 0,
       .at_most = 30 * kSecondsMax},
      {.key = "canary.failure_limit",
       .kind = ValueKind::Integer,
       .default_text = "3",
       .meaning = "Judgements running in which a check is false, after which a rollout goes back.",
       .at_least = 1,
       .at_most = 1000},
      {.key = "canary.prometheus_url",
       .meaning = "The Prometheus that is asked for the gateway's share and skew and for the "
                  "checks of a rollout. Without it only Weir's own checks decide.",
       .example = "http://localhost:9090"},
      {.key = "canary.checks.<name>.query",
       .meaning = "A query of at most 20 that must come to one sample within its bounds. "
                  "`$sentinel_id`, `$version` and `$world` are the candidate's, for use inside "
                  "quotes.",
       .example = "sum(rate(order_errors_total{version=\"$version\"}[5m]))"},
      {.key = "canary.checks.<name>.min",
       .kind = ValueKind::Number,
       .meaning = "The least that the sample may be.",
       .example = "0"},
      {.key = "canary.checks.<name>.max",
       .kind = ValueKind::Number,
       .meaning = "The most that the sample may be.",
       .example = "0.01"},
  };
}

Keys gate_keys() {
  return {
      {.key = "gate.required",
       .kind = ValueKind::Boolean,
       .meaning = "Whether a rollout begins only with evidence of lint and backtests.",
       .example = "true",
       .default_words = "`false`, in profile prod `true`"},
      {.key = "gate.backtests_min",
       .kind = ValueKind::Integer,
       .default_text = "20",
       .meaning = "Backtests of different names that evidence must show as passed.",
       .at_least = 0,
       .at_most = 10'000},
      {.key = "gate.backtest_command",
       .kind = ValueKind::TextList,
       .meaning = "The program, and its arguments, that runs the backtests of `weir dagmanager "
                  "promote`. It finds the graph in the file `WEIR_DAG_FILE`, the hash of its node "
                  "ids in `WEIR_NODE_SET`, and leaves its report in the file `WEIR_REPORT`.",
       .example = "[/usr/local/bin/run-backtests, --all]"},
      {.key = "gate.backtest_timeout_seconds",
       .kind = ValueKind::Number,
       .default_text = "3600",
       .meaning = "How long it may take; then it is killed with all that it started.",
       .unit = "seconds",
       .at_least = 1,
       .at_most = kSecondsMax},
  };
}

Keys later_engine_keys() {
  return {
      {.key = "neo4j_user", .default_text = "neo4j", .meaning = "User of a Neo4j graph store."},
      {.key = "neo4j_password",
       .default_text = "neo4j",
       .meaning = "Password of a Neo4j graph store.",
       .secret = true},
  };
}

Keys later_access_keys() {
  return {
      {.key = "tls.cert_file", .meaning = "Certificate of the listeners, PEM."},
      {.key = "tls.key_file", .meaning = "Its private key, PEM."},
      {.key = "tls.client_ca_file", .meaning = "Authorities of the clients' certificates, PEM."},
      {.key = "auth.jwks", .meaning = "File or URL of the keys that sign tokens."},
      {.key = "auth.issuer", .meaning = "Issuer that a token must name."},
      {.key = "auth.audience",
       .default_text = "weir.dagmanager",
       .meaning = "Audience that a token must name."},
      {.key = "auth.principals_file",
       .meaning = "File that gives each principal its roles and worlds."},
      {.key = "auth.local_roles",
       .kind = ValueKind::TextList,
       .meaning = "Roles of who comes in plaintext.",
       .allowed = {"query", "diff", "admin"},
       .default_words = "`query, diff, admin`, in profile prod `query, diff`"},
      {.key = "legacy_topics",
       .kind = ValueKind::Boolean,
       .default_text = "false",
       .meaning = "Looks for topics named by older deployments."},
  };
}

Keys upkeep_keys() {
  return {
      {.key = "reconciler_interval_seconds",
       .kind = ValueKind::Number,
       .default_text = "60",
       .meaning = "Time between two passes of the reconciler.",
       .unit = "seconds",
       .at_least = 1,
       .at_most = kSecondsMax},
      {.key = "topic_log_days",
       .kind = ValueKind::Integer,
       .default_text = "400",
       .meaning = "How long rows of the topic log and of the audit are kept, and so how far back "
                  "topics can be restored. What made a topic that is there is kept for ever.",
       .unit = "days",
       .at_least = 1,
       .at_most = kDaysMax},
      {.key = "delay_days",
       .kind = ValueKind::Number,
       .default_text = "7",
       .meaning = "How long a queue buffers after its node's schema changed before it is to be "
                  "computed in full.",
       .unit = "days",
       .at_least = 0,
       .at_most = kDaysMax},
      {.key = "completion.enabled",
       .kind = ValueKind::Boolean,
       .default_text = "true",
       .meaning = "With topics on Kafka: a queue that holds something and has not grown for the "
                  "larger of 10 seconds and 2 intervals of its node is left out of the sets that "
                  "`queue_updated` tells, until it grows again. False where silence is no end, as "
                  "over night where markets close."},
  };
}

Keys gc_keys() {
  return {
      {.key = "gc_interval_seconds",
       .kind = ValueKind::Number,
       .default_text = "60.0",
       .meaning = "Time between two passes of the garbage collector.",
       .unit = "seconds",
       .at_least = 1,
       .at_most = kSecondsMax},
      {.key = "gc_archive_bucket",
       .meaning =
           "Where the content of a queue goes that is archived at its end. Without it such a "
           "queue stays. `s3://` is not available yet and stops the start.",
       .example = "file:///var/lib/weir/archive"},
      {.key = "gc_policies.<tag>.ttl_days",
       .kind = ValueKind::Number,
       .meaning = "How long a queue of this tag stays that nothing holds and nobody writes to.",
       .unit = "days",
       .at_least = 0,
       .at_most = kDaysMax,
       .wildcard_names = kQueueTagNames,
       .example = "7",
       .default_words = "the retention of its topic; sentinel at least 180"},
      {.key = "gc_policies.<tag>.grace_days",
       .kind = ValueKind::Number,
       .meaning = "Grace on top of it.",
       .unit = "days",
       .at_least = 0,
       .at_most = kDaysMax,
       .wildcard_names = kQueueTagNames,
       .example = "1",
       .default_words = "raw 1, indicator 3, sentinel 30"},
      {.key = "gc_policies.<tag>.action",
       .meaning = "What then happens to it.",
       .allowed = {"delete", "archive", "keep"},
       .wildcard_names = kQueueTagNames,
       .example = "delete",
       .default_words = "raw and indicator delete, sentinel archive, trade_exec keep"},
      {.key = "deploys_kept",
       .kind = ValueKind::Integer,
       .default_text = "10",
       .meaning = "Newest deploys of a strategy in a world that keep their queues.",
       .at_least = 1,
       .at_most = 1'000'000},
      {.key = "kafka_metrics_url",
       .meaning = "The broker's metrics page, off which its load is read. Needs "
                  "`broker_capacity_messages_per_second`.",
       .example = "http://localhost:7071/metrics"},
      {.key = "broker_capacity_messages_per_second",
       .kind = ValueKind::Number,
       .meaning = "What the broker can take. Above 80 % of it half as many queues are collected at "
                  "a time. Without it the load is not asked for.",
       .unit = "messages per second",
       .at_least = 1,
       .example = "50000"},
  };
}

Keys later_upkeep_keys() {
  return {
      {.key = "s3.endpoint", .meaning = "Endpoint of the archive.", .default_words = "AWS's own"},
      {.key = "s3.region", .meaning = "Region of the archive."},
      {.key = "s3.access_key", .meaning = "Access key of the archive.", .secret = true},
      {.key = "s3.secret_key", .meaning = "Secret key of the archive.", .secret = true},
  };
}

Keys telemetry_keys() {
  return {
      {.key = "telemetry.otel_exporter_endpoint",
       .meaning = "The OpenTelemetry collector that gets a span for each diff and its steps, as "
                  "OTLP in JSON at `/v1/traces` behind this address. Without it no span is made.",
       .top_level = true,
       .example = "http://localhost:4318"},
      {.key = "telemetry.enable_fastapi_otel",
       .kind = ValueKind::Boolean,
       .default_text = "false",
       .meaning = "Spans for calls over HTTP too. The name is the reference implementation's.",
       .top_level = true},
  };
}

void append(Keys& keys, Keys more) {
  keys.insert(keys.end(), std::make_move_iterator(more.begin()),
              std::make_move_iterator(more.end()));
}

}  // namespace

std::vector<server::KeyDescription> available_config_keys() {
  Keys keys = engine_keys();
  append(keys, topic_keys());
  append(keys, listener_keys());
  append(keys, diff_keys());
  append(keys, alert_keys());
  append(keys, upkeep_keys());
  append(keys, gc_keys());
  append(keys, canary_keys());
  append(keys, telemetry_keys());
  append(keys, gate_keys());
  return keys;
}

std::vector<server::KeyDescription> later_config_keys() {
  Keys keys = later_engine_keys();
  append(keys, later_access_keys());
  append(keys, later_upkeep_keys());
  for (KeyDescription& key : keys) {
    key.meaning += ' ';
    key.meaning += kNotAvailableYet;
  }
  return keys;
}

std::vector<server::KeyDescription> dagmanager_config_keys() {
  Keys keys = available_config_keys();
  append(keys, later_config_keys());
  return keys;
}

}  // namespace weir::dagmanager
