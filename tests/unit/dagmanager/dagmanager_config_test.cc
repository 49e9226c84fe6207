// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/dagmanager_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "dagmanager/dagmanager_config_keys.h"

namespace weir::dagmanager {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class DagmanagerConfigTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "weir-config-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Result<DagmanagerConfig> read(const std::string& yaml, server::Environment environment = {}) {
    std::ofstream(folder_ / "weir.yml") << yaml;
    server::LoadOptions options = dagmanager_load_options(folder_ / "weir.yml");
    options.environment = std::move(environment);
    WEIR_TRY(const server::Config config, server::load_config(dagmanager_config_keys(), options));
    return make_dagmanager_config(config);
  }

  /// "reason key" of each fault.
  std::vector<std::string> faults(const std::string& yaml) {
    const Result<DagmanagerConfig> config = read(yaml);
    std::vector<std::string> words;
    if (config.ok()) return words;
    for (const Fault& fault : config.error().faults()) {
      const bool bare = fault.path.find(':') == std::string::npos;
      const std::string key = bare ? fault.path : fault.text.substr(0, fault.text.find(':'));
      words.push_back(fault.reason + " " + key);
    }
    return words;
  }

  /// What `config show` says.
  std::string show(const std::string& yaml) {
    std::ofstream(folder_ / "weir.yml") << yaml;
    const auto config = server::load_config(dagmanager_config_keys(),
                                            dagmanager_load_options(folder_ / "weir.yml"));
    std::string text;
    if (!config.ok()) return text;
    for (const auto& line : config->lines()) text += line.key + " " + line.value + "\n";
    return text;
  }

  std::filesystem::path folder_;
};

TEST_F(DagmanagerConfigTest, IsInMemoryOnLoopbackByDefault) {
  const Result<DagmanagerConfig> config = read("dagmanager:\n");
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_FALSE(config->prod);
  EXPECT_EQ(config->graph_dsn, "");
  EXPECT_EQ(config->topics_dsn, "");
  EXPECT_EQ(config->memory_repo_path, "");
  EXPECT_EQ(config->grpc.text(), "127.0.0.1:50051");
  EXPECT_EQ(config->http.text(), "127.0.0.1:8001");
  EXPECT_EQ(config->policy.identity_check, IdentityCheck::Warn);
  EXPECT_EQ(config->policy.cross_context, CrossContextPolicy::Isolate);
  EXPECT_TRUE(config->policy.namespaces);
  EXPECT_TRUE(config->compute_key_in_queue_map);
  EXPECT_EQ(config->policy.shapes, graph::default_topic_shapes());
  EXPECT_GE(config->diff_concurrency, 4);
  EXPECT_EQ(config->diff_queue, 256);
  EXPECT_EQ(config->ack_timeout, std::chrono::seconds(30));
  EXPECT_EQ(config->event_retention, std::chrono::hours(24));
  EXPECT_EQ(config->drain, std::chrono::seconds(25));
  EXPECT_TRUE(config->completion);
  EXPECT_THAT(config->warnings(), IsEmpty());
}

TEST_F(DagmanagerConfigTest, ReadsEveryKeyThatItObeys) {
  const Result<DagmanagerConfig> config = read(
      "dagmanager:\n"
      "  graph_dsn: postgresql://u:p@h/d\n"
      "  topics_dsn: postgres://h/t\n"
      "  grpc_host: ::1\n  grpc_port: 0\n  http_host: localhost\n  http_port: 9\n"
      "  allow_plaintext: true\n  compute_key_in_queue_map: false\n"
      "  identity_check: reject\n  cross_context_policy: block\n  enable_topic_namespace: no\n"
      "  diff_concurrency: 3\n  diff_queue: 0\n  ack_timeout_seconds: 1.5\n  drain_seconds: 0\n"
      "  completion: {enabled: false}\n"
      "  topic_overrides:\n    raw: {partitions: 7, replication: 2, retention_ms: 5, cleanup: "
      "compact, lag_alert_seconds: 9}\n");
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->graph_dsn, "postgresql://u:p@h/d");
  EXPECT_EQ(config->topics_dsn, "postgres://h/t");
  EXPECT_EQ(config->grpc.text(), "[::1]:0");
  EXPECT_EQ(config->http.text(), "localhost:9");
  EXPECT_TRUE(config->allow_plaintext);
  EXPECT_FALSE(config->compute_key_in_queue_map);
  EXPECT_EQ(config->policy.identity_check, IdentityCheck::Reject);
  EXPECT_EQ(config->policy.cross_context, CrossContextPolicy::Block);
  EXPECT_FALSE(config->policy.namespaces);
  EXPECT_EQ(config->diff_concurrency, 3);
  EXPECT_EQ(config->diff_queue, 0);
  EXPECT_EQ(config->ack_timeout, std::chrono::milliseconds(1500));
  EXPECT_EQ(config->drain, Duration::zero());
  EXPECT_FALSE(config->completion);
  const auto raw = static_cast<std::size_t>(graph::TopicType::Raw);
  EXPECT_EQ(config->policy.shapes[raw], (graph::TopicShape{7, 2, 5, "compact"}));
  EXPECT_EQ(config->policy.lag_alert_seconds[raw], 9);
  const auto indicator = static_cast<std::size_t>(graph::TopicType::Indicator);
  EXPECT_EQ(config->policy.shapes[indicator], graph::default_topic_shapes()[indicator]);
}

TEST_F(DagmanagerConfigTest, TakesTheSpecificationsNamesForTheEngines) {
  const Result<DagmanagerConfig> config =
      read("dagmanager:\n  neo4j_dsn: postgresql://h/d\n  kafka_dsn: postgresql://h/d\n");
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->graph_dsn, "postgresql://h/d");
  EXPECT_EQ(config->topics_dsn, "postgresql://h/d");
}

TEST_F(DagmanagerConfigTest, TakesTheKeysAtTheRootToo) {
  const Result<DagmanagerConfig> config = read("grpc_port: 7\n");
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->grpc.port, 7);
}

TEST_F(DagmanagerConfigTest, LetsTheEnvironmentWin) {
  const Result<DagmanagerConfig> config =
      read("dagmanager:\n  grpc_port: 7\n",
           {{"QMTL__DAGMANAGER__GRPC_PORT", "8"},
            {"QMTL__DAGMANAGER__TOPIC_OVERRIDES__RAW__PARTITIONS", "5"}});
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->grpc.port, 8);
  EXPECT_EQ(config->policy.shapes[0].partitions, 5);
}

TEST_F(DagmanagerConfigTest, NamesAnEngineThatIsNotBuiltYet) {
  for (const char* dsn :
       {"bolt://db:7687", "neo4j://db", "bolt+s://db", "neo4j+s://db", "db:7687"}) {
    EXPECT_THAT(faults(std::string("dagmanager:\n  graph_dsn: ") + dsn + "\n"),
                ElementsAre("not_available_yet graph_dsn"))
        << dsn;
  }
  EXPECT_THAT(faults("dagmanager:\n  controlbus_dsn: postgresql://b\n"),
              ElementsAre("value_not_allowed controlbus_dsn"));
  EXPECT_THAT(faults("dagmanager:\n  controlbus_dsn: kafka://b:9092\n"), IsEmpty());
}

TEST_F(DagmanagerConfigTest, TakesBrokersWithAndWithoutTheirScheme) {
  for (const std::string dsn : {"kafka://b:9092,c:9092", "localhost:9092"}) {
    const auto config = read("dagmanager:\n  kafka_dsn: " + dsn +
                             "\n  kafka_properties: {security.protocol: sasl_ssl}\n");
    ASSERT_TRUE(config.ok()) << config.error().describe();
    EXPECT_TRUE(config->topics_on_kafka);
    EXPECT_EQ(config->topics_dsn, dsn);
    EXPECT_THAT(config->kafka_properties,
                ElementsAre(testing::Pair("security.protocol", "sasl_ssl")));
  }
  EXPECT_THAT(faults("dagmanager:\n  kafka_properties: {a: b}\n"),
              ElementsAre("value_not_allowed kafka_properties"));
}

TEST_F(DagmanagerConfigTest, RefusesAnEngineThatIsNone) {
  EXPECT_THAT(faults("dagmanager:\n  graph_dsn: mysql://x\n  topics_dsn: bolt://x\n"),
              ElementsAre("value_not_allowed graph_dsn", "value_not_allowed topics_dsn"));
}

TEST_F(DagmanagerConfigTest, PlacesAFaultInTheFile) {
  const Result<DagmanagerConfig> config = read("dagmanager:\n  controlbus_dsn: bolt://b\n");
  ASSERT_FALSE(config.ok());
  ASSERT_EQ(config.error().faults().size(), 1U);
  EXPECT_THAT(config.error().faults()[0].path, HasSubstr("weir.yml:2:"));
  EXPECT_THAT(config.error().faults()[0].text, testing::StartsWith("controlbus_dsn: "));
}

TEST_F(DagmanagerConfigTest, RefusesEveryKeyOfAPartThatIsNotBuiltYet) {
  const std::string yaml =
      "dagmanager:\n"
      "  tls: {cert_file: c}\n  auth: {jwks: j, local_roles: [query]}\n  legacy_topics: true\n"
      "  s3: {secret_key: k}\n";
  EXPECT_THAT(
      faults(yaml),
      UnorderedElementsAre("not_available_yet tls.cert_file", "not_available_yet auth.jwks",
                           "not_available_yet auth.local_roles", "not_available_yet legacy_topics",
                           "not_available_yet s3.secret_key"));
}

TEST_F(DagmanagerConfigTest, ReadsWhoMayDoWhatOnTopics) {
  const Result<DagmanagerConfig> config =
      read("dagmanager:\n  acl: {readers: [\"User:r\"], writers: [\"User:w\", \"User:r\"]}\n");
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_THAT(config->acls.readers, ElementsAre("User:r"));
  EXPECT_THAT(config->acls.principals(), ElementsAre("User:r", "User:w"));
  EXPECT_THAT(faults("dagmanager:\n  acl: {readers: [r], writers: [\":w\"]}\n"),
              ElementsAre("value_not_allowed acl.readers", "value_not_allowed acl.writers"));
}

TEST_F(DagmanagerConfigTest, ReadsWhereSpansGo) {
  const Result<DagmanagerConfig> none = read("dagmanager: {}\n");
  ASSERT_TRUE(none.ok()) << none.error().describe();
  EXPECT_FALSE(none->traces);
  EXPECT_FALSE(none->trace_http);
  const Result<DagmanagerConfig> config = read(
      "telemetry: {otel_exporter_endpoint: 'http://c:4318/otlp', enable_fastapi_otel: true}\n"
      "dagmanager: {}\n");
  ASSERT_TRUE(config.ok()) << config.error().describe();
  ASSERT_TRUE(config->traces);
  EXPECT_EQ(config->traces->base, "http://c:4318");
  EXPECT_EQ(config->traces->path, "/otlp/v1/traces");
  EXPECT_TRUE(config->trace_http);
  EXPECT_TRUE(config->warnings().empty());
}

TEST_F(DagmanagerConfigTest, RefusesACollectorThatIsNone) {
  EXPECT_THAT(faults("telemetry: {otel_exporter_endpoint: 'collector:4318'}\ndagmanager: {}\n"),
              ElementsAre("value_not_allowed telemetry.otel_exporter_endpoint"));
}

TEST_F(DagmanagerConfigTest, WarnsOfSpansOverHttpThatGoNowhere) {
  const Result<DagmanagerConfig> config =
      read("telemetry: {enable_fastapi_otel: true}\ndagmanager: {}\n");
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_THAT(config->warnings(), ElementsAre(HasSubstr("enable_fastapi_otel has no effect")));
}

TEST_F(DagmanagerConfigTest, ReadsTheGateAndWhatProvesACandidate) {
  const Result<DagmanagerConfig> open = read("dagmanager:\n");
  ASSERT_TRUE(open.ok()) << open.error().describe();
  EXPECT_FALSE(open->gate.required);
  EXPECT_EQ(open->gate.backtests_min, 20U);
  const std::string yaml =
      "dagmanager:\n  gate: {required: true, backtests_min: 3, backtest_command: [/b, -a, 'c d'],"
      " backtest_timeout_seconds: 1.5}\n";
  const Result<DagmanagerConfig> closed = read(yaml);
  ASSERT_TRUE(closed.ok()) << closed.error().describe();
  EXPECT_TRUE(closed->gate.required);
  EXPECT_EQ(closed->gate.backtests_min, 3U);
  const auto loaded =
      server::load_config(dagmanager_config_keys(), dagmanager_load_options(folder_ / "weir.yml"));
  ASSERT_TRUE(loaded.ok()) << loaded.error().describe();
  const BacktestHook hook = backtest_hook(*loaded);
  EXPECT_THAT(hook.command, ElementsAre("/b", "-a", "c d"));
  EXPECT_EQ(hook.runs_min, 3U);
  EXPECT_EQ(hook.timeout, std::chrono::milliseconds(1500));
  EXPECT_FALSE(read("dagmanager:\n  gate: {backtest_timeout_seconds: 0}\n").ok());
}

TEST_F(DagmanagerConfigTest, ReadsWhoIsToldOfAlerts) {
  const Result<DagmanagerConfig> config = read(
      "dagmanager:\n  alerts:\n    dashboard_base_url: https://g/d\n"
      "    pagerduty: {url: 'https://events.pagerduty.com/v2/enqueue', token_file: /k}\n"
      "    slack: {url: 'http://127.0.0.1:1/T0/B0'}\n");
  ASSERT_TRUE(config.ok()) << config.error().describe();
  ASSERT_EQ(config->alerts.size(), 2U);
  EXPECT_EQ(config->alerts[0].target, AlertTarget::Pagerduty);
  EXPECT_EQ(config->alerts[0].token_file, "/k");
  EXPECT_EQ(config->alerts[1].target, AlertTarget::Slack);
  EXPECT_EQ(config->alerts[1].url.reveal(), "http://127.0.0.1:1/T0/B0");
  EXPECT_EQ(config->alerts[1].dashboards, "https://g/d");
}

TEST_F(DagmanagerConfigTest, RefusesAlertsThatWouldReachNobody) {
  EXPECT_THAT(faults("dagmanager:\n  alerts:\n    slack: {url: hooks.example}\n"
                     "    opsgenie: {token_file: /k}\n    pagerduty: {url: 'https://p/v2'}\n"),
              UnorderedElementsAre("value_not_allowed alerts.slack.url",
                                   "value_not_allowed alerts.opsgenie.token_file",
                                   "value_not_allowed alerts.pagerduty.url"));
}

TEST_F(DagmanagerConfigTest, NeverShowsWhereAChatIsTold) {
  const std::string shown = show("dagmanager:\n  alerts: {slack: {url: 'https://h/T0B0'}}\n");
  EXPECT_THAT(shown, HasSubstr("alerts.slack.url"));
  EXPECT_THAT(shown, testing::Not(HasSubstr("T0B0")));
}

TEST_F(DagmanagerConfigTest, ReadsHowQueuesEnd) {
  const Result<DagmanagerConfig> config = read(
      "dagmanager:\n  gc_interval_seconds: 5\n  deploys_kept: 3\n"
      "  gc_archive_bucket: file:///var/archive\n"
      "  kafka_metrics_url: http://b:7071/metrics\n"
      "  broker_capacity_messages_per_second: 1000\n"
      "  gc_policies: {raw: {ttl_days: 1, grace_days: 0.5}, sentinel: {action: keep},"
      " trade_exec: {action: archive, ttl_days: 90}}\n");
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->gc.interval, std::chrono::seconds(5));
  EXPECT_EQ(config->gc.rules.deploys_kept, 3U);
  EXPECT_EQ(config->gc.archive_folder, "/var/archive");
  EXPECT_EQ(config->gc.metrics_url, "http://b:7071/metrics");
  EXPECT_EQ(config->gc.capacity, 1000);
  GcPolicies expected = default_gc_policies();
  expected["raw"].ttl = std::chrono::hours(24);
  expected["raw"].grace = std::chrono::hours(12);
  expected["sentinel"].action = GcAction::Skip;
  expected["trade_exec"] = {.ttl = std::chrono::hours(90 * 24), .action = GcAction::Archive};
  EXPECT_EQ(config->gc.rules.policies, expected);
  EXPECT_EQ(read("dagmanager: {}\n")->gc.rules.policies, default_gc_policies());
}

TEST_F(DagmanagerConfigTest, RefusesWhatSaysNothingOfTheEndOfQueues) {
  EXPECT_THAT(faults("dagmanager:\n  gc_archive_bucket: s3://b/p\n"
                     "  kafka_metrics_url: http://b/metrics\n"
                     "  gc_policies: {trade_exec: {ttl_days: 1}}\n"),
              UnorderedElementsAre("not_available_yet gc_archive_bucket",
                                   "value_not_allowed kafka_metrics_url",
                                   "value_not_allowed gc_policies.trade_exec.ttl_days"));
  EXPECT_THAT(faults("dagmanager:\n  gc_archive_bucket: folder\n"),
              UnorderedElementsAre("value_not_allowed gc_archive_bucket"));
}

TEST_F(DagmanagerConfigTest, TakesTheDefaultOfAKeyThatIsNotBuiltYet) {
  EXPECT_THAT(faults("dagmanager:\n  legacy_topics: false\n  controlbus_queue_topic: queue\n"
                     "  neo4j_user: neo4j\n"
                     "  neo4j_password: neo4j\n"),
              IsEmpty());
}

TEST_F(DagmanagerConfigTest, ProfileProdTellsAllItsGapsAtOnce) {
  EXPECT_THAT(faults("profile: prod\ndagmanager:\n  grpc_host: 0.0.0.0\n"),
              UnorderedElementsAre("prod_needs graph_dsn", "prod_needs topics_dsn",
                                   "prod_needs controlbus_dsn", "prod_needs allow_plaintext"));
}

TEST_F(DagmanagerConfigTest, ProfileProdRefusesTheDefaultPassword) {
  EXPECT_THAT(faults("profile: prod\ndagmanager:\n  graph_dsn: bolt://db\n"),
              UnorderedElementsAre("not_available_yet graph_dsn", "prod_default_password default",
                                   "prod_needs topics_dsn", "prod_needs controlbus_dsn"));
}

TEST_F(DagmanagerConfigTest, WarnsOfPlaintextBeyondLoopbackOutsideProd) {
  const Result<DagmanagerConfig> config = read("dagmanager:\n  http_host: 0.0.0.0\n");
  ASSERT_TRUE(config.ok());
  EXPECT_THAT(config->warnings(), ElementsAre(HasSubstr("plaintext beyond loopback")));
}

TEST_F(DagmanagerConfigTest, RefusesOnePortForBothListeners) {
  EXPECT_THAT(faults("dagmanager:\n  grpc_port: 9\n  http_port: 9\n"),
              ElementsAre("value_not_allowed http_port"));
  EXPECT_THAT(faults("dagmanager:\n  grpc_port: 0\n  http_port: 0\n"), IsEmpty());
}

/// The sample with every key in force.
std::string uncommented(const std::string& sample, const std::set<std::string>& only = {}) {
  std::istringstream lines(sample);
  std::string out;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t mark = line.find_first_not_of(' ');
    const bool key = mark != std::string::npos && line.compare(mark, 2, "# ") == 0;
    if (key) {
      const std::string name = line.substr(mark + 2, line.find(':') - mark - 2);
      if (only.empty() || only.contains(name)) line.erase(mark, 2);
    }
    out += line + "\n";
  }
  return out;
}

TEST_F(DagmanagerConfigTest, SampleStartsAsItStands) {
  const std::string sample = server::sample_config(dagmanager_config_keys(), "dagmanager");
  EXPECT_THAT(faults(sample), IsEmpty());
}

TEST_F(DagmanagerConfigTest, SampleHoldsTheParsersKeysAndNoOthers) {
  const std::string sample = server::sample_config(dagmanager_config_keys(), "dagmanager");
  std::ofstream(folder_ / "all.yml") << uncommented(sample);
  server::LoadOptions options = dagmanager_load_options(folder_ / "all.yml");
  options.environment = {};
  const Result<server::Config> config = server::load_config(dagmanager_config_keys(), options);
  ASSERT_TRUE(config.ok()) << config.error().describe();
  for (const server::KeyDescription& key : dagmanager_config_keys()) {
    const std::string leaf = key.key.substr(key.key.rfind('.') + 1);
    EXPECT_TRUE(sample.find(" " + leaf + ":") != std::string::npos) << key.key;
    EXPECT_FALSE(key.meaning.empty()) << key.key;
  }
}

TEST_F(DagmanagerConfigTest, SampleStartsOnTheEnginesWhoseDsnsAreUncommented) {
  const std::string sample = server::sample_config(dagmanager_config_keys(), "dagmanager");
  const Result<DagmanagerConfig> config = read(uncommented(sample, {"graph_dsn", "topics_dsn"}));
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->graph_dsn, "postgresql://weir@localhost/weir");
  EXPECT_EQ(config->topics_dsn, "postgresql://weir@localhost/weir");
}

TEST_F(DagmanagerConfigTest, SaysOfEachLaterKeyThatItIsNotAvailable) {
  for (const server::KeyDescription& key : later_config_keys()) {
    EXPECT_THAT(key.meaning, testing::EndsWith(kNotAvailableYet)) << key.key;
  }
  for (const server::KeyDescription& key : available_config_keys()) {
    EXPECT_THAT(key.meaning, testing::Not(HasSubstr(kNotAvailableYet))) << key.key;
  }
}

}  // namespace
}  // namespace weir::dagmanager
