// SPDX-License-Identifier: Apache-2.0
#include "server/config/config_file.h"

#include <gmock/gmock.h>

#include "tests/unit/server/config/config_fixture.h"

namespace weir::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;
using testing::UnorderedElementsAre;

using ConfigFile = ConfigFixture;

TEST_F(ConfigFile, ReadsEveryKindFromASection) {
  const Result<Config> config = load(R"(
profile: prod
telemetry:
  otel_exporter_endpoint: http://localhost:4318
gateway:
  port: 1
dagmanager:
  graph_dsn: postgresql://localhost/weir
  neo4j_password: hush
  grpc_port: 0
  gc_interval_seconds: 1e1
  legacy_topics: Yes
  auth:
    local_roles: [query, admin]
  kafka_properties:
    security.protocol: SASL_SSL
    retries:
  tls: {cert_file: a.crt, key_file: a.key}
  topic_overrides:
    trade_exec:
      partitions: 12
  gc_policies:
    a.b: {ttl_days: 3}
    c: {ttl_days: 4}
)");
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->text("profile"), "prod");
  EXPECT_EQ(config->text("telemetry.otel_exporter_endpoint"), "http://localhost:4318");
  EXPECT_EQ(config->text("graph_dsn"), "postgresql://localhost/weir");
  EXPECT_EQ(config->secret("neo4j_password").reveal(), "hush");
  EXPECT_EQ(config->integer("grpc_port"), 0);
  EXPECT_EQ(config->number("gc_interval_seconds"), 10.0);
  EXPECT_TRUE(config->boolean("legacy_topics"));
  EXPECT_THAT(config->text_list("auth.local_roles"), ElementsAre("query", "admin"));
  EXPECT_THAT(
      config->text_map("kafka_properties"),
      ElementsAre(testing::Pair("retries", ""), testing::Pair("security.protocol", "SASL_SSL")));
  EXPECT_EQ(config->text("tls.key_file"), "a.key");
  EXPECT_EQ(config->integer("topic_overrides.trade_exec.partitions"), 12);
  EXPECT_FALSE(config->has("topic_overrides.raw.partitions"));
  EXPECT_EQ(config->integer("gc_policies.a.b.ttl_days"), 3);
  EXPECT_THAT(config->names("gc_policies"), ElementsAre("a.b", "c"));
  EXPECT_THAT(config->names("topic_overrides.<type>.partitions"), ElementsAre("trade_exec"));
}

TEST_F(ConfigFile, ReadsKeysAtTheRootOfAFileWithoutTheSection) {
  const Result<Config> config = load("profile: prod\nneo4j_dsn: bolt://x\ngrpc_port: '7000'\n");
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->text("graph_dsn"), "bolt://x");
  EXPECT_EQ(config->integer("grpc_port"), 7000);
  EXPECT_EQ(config->origin("graph_dsn"), "file " + folder_ + "/weir.yml:2:1");
}

TEST_F(ConfigFile, GivesDefaultsWithoutAFile) {
  const Result<Config> config = load_config(table(), {.section = "dagmanager"});
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->text("profile"), "dev");
  EXPECT_FALSE(config->has("graph_dsn"));
  EXPECT_EQ(config->text("graph_dsn"), "");
  EXPECT_EQ(config->number("gc_interval_seconds"), 60.0);
  EXPECT_THAT(config->text_list("auth.local_roles"), ElementsAre("query", "diff"));
  EXPECT_THAT(config->text_map("kafka_properties"), IsEmpty());
  EXPECT_EQ(config->origin("profile"), "default");
  EXPECT_FALSE(config->given("profile"));
}

TEST_F(ConfigFile, TakesAnEmptySectionForNoKeys) {
  const Result<Config> config = load("dagmanager:\n");
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->integer("grpc_port"), 50051);
}

TEST_F(ConfigFile, TakesNullForNoValue) {
  const Result<Config> config = load("dagmanager:\n  grpc_port:\n  graph_dsn: ~\n  tls:\n");
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->integer("grpc_port"), 50051);
  EXPECT_FALSE(config->given("graph_dsn"));
}

TEST_F(ConfigFile, NamesAllUnknownKeysAtOnceWithTheNearestKnownOnes) {
  EXPECT_THAT(
      faults("dagmanager:\n  grcp_port: 1\n  tls:\n    cert: x\n    cert_fil: y\n  zebra: 1\n"),
      ElementsAre("unknown_key 2:3: there is no key `grcp_port`; did you mean `grpc_port`?",
                  "unknown_key 4:5: there is no key `tls.cert`",
                  "unknown_key 5:5: there is no key `tls.cert_fil`; did you mean `tls.cert_file`?",
                  "unknown_key 6:3: there is no key `zebra`"));
}

TEST_F(ConfigFile, SaysHowADottedKeyIsWritten) {
  EXPECT_THAT(faults("dagmanager:\n  tls.cert_file: x\n"),
              ElementsAre("unknown_key 2:3: `tls.cert_file` must be written as nested mappings, "
                          "one level for each dot"));
}

TEST_F(ConfigFile, NamesUnknownKeysAtTheRoot) {
  EXPECT_THAT(faults("grpc_port: 1\ngateway: {}\n"),
              ElementsAre("unknown_key 2:1: there is no key `gateway`"));
}

TEST_F(ConfigFile, SaysWhereAMisplacedKeyBelongs) {
  EXPECT_THAT(faults("grpc_port: 1\ntls: {}\ndagmanager:\n  profile: dev\n"),
              ElementsAre("unknown_key 1:1: `grpc_port` belongs under `dagmanager`",
                          "unknown_key 2:1: `tls` belongs under `dagmanager`",
                          "unknown_key 4:3: `profile` stands at the root of the file, not under "
                          "`dagmanager`"));
}

TEST_F(ConfigFile, RefusesNamesOutsideAClosedSet) {
  EXPECT_THAT(faults("dagmanager:\n  topic_overrides:\n    row: {partitions: 1}\n"),
              ElementsAre("unknown_key 3:5: there is no key `topic_overrides.row`"));
}

TEST_F(ConfigFile, RefusesRepeatedKeys) {
  EXPECT_THAT(
      faults("dagmanager:\n  grpc_port: 1\n  grpc_port: 2\n  tls:\n    cert_file: a\n  tls: {}\n"
             "dagmanager:\n"),
      ElementsAre("duplicate_key 3:3: `grpc_port` stands here a second time",
                  "duplicate_key 6:3: `tls` stands here a second time",
                  "duplicate_key 7:1: `dagmanager` stands here a second time"));
}

TEST_F(ConfigFile, RefusesASecondNameBesideTheFirst) {
  EXPECT_THAT(faults("dagmanager:\n  neo4j_dsn: a\n  graph_dsn: b\n"),
              ElementsAre("given_twice 3:3: `neo4j_dsn` and `graph_dsn` mean the same; keep one"));
}

TEST_F(ConfigFile, RefusesAnythingButAWholeNumberForAnInteger) {
  for (const std::string wrong : {"many", "1.5", "1e3", "0x10", "+1", "''", "[1]", "{a: 1}"}) {
    EXPECT_THAT(faults("dagmanager:\n  grpc_port: " + wrong + "\n"),
                ElementsAre(StartsWith("wrong_kind 2:14: `grpc_port` needs a whole number, not")))
        << wrong;
  }
}

TEST_F(ConfigFile, RefusesAnythingButANumberForANumber) {
  for (const std::string wrong : {"soon", "1s", ".inf", "inf", "nan", "[]"}) {
    EXPECT_THAT(faults("dagmanager:\n  gc_interval_seconds: " + wrong + "\n"),
                ElementsAre(StartsWith("wrong_kind 2:24: `gc_interval_seconds` needs a number")))
        << wrong;
  }
}

TEST_F(ConfigFile, RefusesAnythingButATruthForABoolean) {
  EXPECT_THAT(faults("dagmanager:\n  legacy_topics: maybe\n"),
              ElementsAre("wrong_kind 2:18: `legacy_topics` needs true or false, not `maybe`"));
}

TEST_F(ConfigFile, RefusesAMappingForAText) {
  EXPECT_THAT(faults("dagmanager:\n  graph_dsn:\n    host: x\n"),
              ElementsAre("wrong_kind 3:5: `graph_dsn` needs a text, not a mapping"));
}

TEST_F(ConfigFile, RefusesAScalarForNestedKeys) {
  EXPECT_THAT(faults("dagmanager:\n  tls: yes\n"),
              ElementsAre("wrong_kind 2:8: `tls` needs a mapping of keys"));
}

TEST_F(ConfigFile, RefusesNestedValuesInAMapOfTexts) {
  EXPECT_THAT(
      faults("dagmanager:\n  kafka_properties:\n    a: [1]\n    b: 1\n    b: 2\n"),
      ElementsAre(
          "wrong_kind 3:8: `kafka_properties` needs a mapping of texts, as {name: value}, not a "
          "list",
          "duplicate_key 5:5: `kafka_properties` has `b` twice"));
}

TEST_F(ConfigFile, RefusesValuesOutOfRange) {
  EXPECT_THAT(
      faults("dagmanager:\n  grpc_port: 65536\n  gc_interval_seconds: 0\n"
             "  topic_overrides: {raw: {partitions: 99999999999999999999}}\n"),
      ElementsAre("out_of_range 2:14: `grpc_port` must be from 0 to 65535, not `65536`",
                  "out_of_range 3:24: `gc_interval_seconds` must be at least 0.1, not `0`",
                  StartsWith("out_of_range 4:39: `topic_overrides.raw.partitions` must be")));
}

TEST_F(ConfigFile, RefusesTextsThatAreNotAllowed) {
  EXPECT_THAT(faults("profile: test\ndagmanager:\n  auth:\n    local_roles: [diff, king]\n"),
              ElementsAre("value_not_allowed 1:10: `profile` must be one of dev, prod, not `test`",
                          "value_not_allowed 4:25: `auth.local_roles` must be one of query, diff, "
                          "admin, not `king`"));
}

TEST_F(ConfigFile, SaysWhereTheYamlBreaks) {
  EXPECT_THAT(faults("dagmanager:\n  grpc_port: [1\n  x: 2\n"),
              ElementsAre(StartsWith("not_yaml 3:")));
  EXPECT_THAT(faults("a: 1\n---\nb: 2\n"), ElementsAre(HasSubstr("second document")));
  EXPECT_THAT(faults("dagmanager: {[a]: 1}\n"), ElementsAre(StartsWith("not_yaml 1:")));
  EXPECT_THAT(faults("- a\n"), ElementsAre("wrong_kind 1:1: the file must be a mapping of keys"));
}

TEST_F(ConfigFile, BoundsDepthAndSize) {
  EXPECT_THAT(faults("a: " + std::string(40, '[') + std::string(40, ']')),
              ElementsAre(HasSubstr("nested too deep")));
  std::string bomb = "a0: &a0 [x, x]\n";
  for (int level = 1; level < 25; ++level) {
    const std::string below = "*a" + std::to_string(level - 1);
    bomb += "a" + std::to_string(level) + ": &a" + std::to_string(level) + " [" + below + ", " +
            below + "]\n";
  }
  EXPECT_THAT(faults(bomb), ElementsAre(HasSubstr("too large")));
  EXPECT_THAT(faults(std::string((1 << 20) + 1, '#')), ElementsAre(HasSubstr("is larger than")));
}

TEST_F(ConfigFile, SaysThatTheSectionIsMissingInAnEmptyFile) {
  EXPECT_THAT(faults("# nothing\n"),
              ElementsAre("section_missing 1:1: there is no section `dagmanager`"));
}

TEST_F(ConfigFile, SaysWhyAFileCannotBeRead) {
  LoadOptions missing = {.path = folder_ + "/none.yml", .section = "dagmanager"};
  const Result<Config> config = load_config(table(), missing);
  ASSERT_FALSE(config.ok());
  ASSERT_EQ(config.error().faults().size(), 1U);
  EXPECT_EQ(config.error().faults()[0].reason, "file_unreadable");
  EXPECT_EQ(config.error().faults()[0].path, folder_ + "/none.yml");
  EXPECT_EQ(config.error().faults()[0].text, "No such file or directory");
  missing.path = folder_;
  EXPECT_FALSE(load_config(table(), missing).ok());
}

TEST_F(ConfigFile, LetsTheEnvironmentWin) {
  const Result<Config> config = load("profile: dev\ndagmanager:\n  grpc_port: 1\n",
                                     {{"QMTL__DAGMANAGER__GRPC_PORT", "2"},
                                      {"QMTL__DAGMANAGER__NEO4J_DSN", "bolt://y"},
                                      {"QMTL__DAGMANAGER__AUTH__LOCAL_ROLES", "query, admin"},
                                      {"QMTL__DAGMANAGER__KAFKA_PROPERTIES", "{a.b: c}"},
                                      {"QMTL__DAGMANAGER__TOPIC_OVERRIDES__RAW__PARTITIONS", "5"},
                                      {"QMTL__PROFILE", "prod"},
                                      {"QMTL__GATEWAY__PORT", "9"},
                                      {"PATH", "/bin"}});
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->integer("grpc_port"), 2);
  EXPECT_EQ(config->origin("grpc_port"), "environment QMTL__DAGMANAGER__GRPC_PORT");
  EXPECT_EQ(config->text("graph_dsn"), "bolt://y");
  EXPECT_THAT(config->text_list("auth.local_roles"), ElementsAre("query", "admin"));
  EXPECT_EQ(config->text_map("kafka_properties").at("a.b"), "c");
  EXPECT_EQ(config->integer("topic_overrides.raw.partitions"), 5);
  EXPECT_EQ(config->text("profile"), "prod");
}

TEST_F(ConfigFile, TakesAWildcardNameFromTheEnvironmentWhateverItsCase) {
  const Result<Config> config =
      load("dagmanager:\n", {{"QMTL__DAGMANAGER__TOPIC_OVERRIDES__TRADE_EXEC__PARTITIONS", "5"},
                             {"QMTL__DAGMANAGER__GC_POLICIES__RAW__TTL_DAYS", "6"}});
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->integer("topic_overrides.trade_exec.partitions"), 5);
  EXPECT_EQ(config->integer("gc_policies.raw.ttl_days"), 6);
}

TEST_F(ConfigFile, NamesTheVariablesAtFaultBesideThoseOfTheFile) {
  EXPECT_THAT(
      faults("dagmanager:\n  zebra: 1\n", {{"QMTL__DAGMANAGER__GRCP_PORT", "2"},
                                           {"QMTL__DAGMANAGER__GRPC_PORT", "two"},
                                           {"QMTL__DAGMANAGER__GRAPH_DSN", "a"},
                                           {"QMTL__DAGMANAGER__NEO4J_DSN", "b"}}),
      UnorderedElementsAre(
          "unknown_key 2:3: there is no key `zebra`",
          "unknown_key QMTL__DAGMANAGER__GRCP_PORT: there is no key "
          "`QMTL__DAGMANAGER__GRCP_PORT`; did you mean `grpc_port`?",
          "wrong_kind QMTL__DAGMANAGER__GRPC_PORT: `QMTL__DAGMANAGER__GRPC_PORT` needs a whole "
          "number, not `two`",
          "given_twice QMTL__DAGMANAGER__NEO4J_DSN: `QMTL__DAGMANAGER__GRAPH_DSN` and "
          "`QMTL__DAGMANAGER__NEO4J_DSN` mean the same; keep one"));
}

TEST_F(ConfigFile, ReadsASecretFromAFileBesideTheConfiguration) {
  write("password", "from file\n");
  const Result<Config> config = load("dagmanager:\n  neo4j_password_file: password\n");
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->secret("neo4j_password").reveal(), "from file");
  EXPECT_EQ(config->origin("neo4j_password"), "file " + folder_ + "/weir.yml:2:3");
}

TEST_F(ConfigFile, ReadsASecretFromAFileNamedByTheEnvironment) {
  const std::string path = write("password", "elsewhere\r\n");
  const Result<Config> config = load("dagmanager:\n  neo4j_password: in file\n",
                                     {{"QMTL__DAGMANAGER__NEO4J_PASSWORD_FILE", path}});
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->secret("neo4j_password").reveal(), "elsewhere");
}

TEST_F(ConfigFile, RefusesASecretBesideItsFileAndFilesThatCannotBeRead) {
  EXPECT_THAT(faults("dagmanager:\n  neo4j_password: a\n  neo4j_password_file: b\n"),
              ElementsAre("given_twice 3:3: `neo4j_password` and `neo4j_password_file` mean the "
                          "same; keep one"));
  EXPECT_THAT(faults("dagmanager:\n  neo4j_password_file: none\n"),
              ElementsAre(StartsWith("secret_unreadable 2:24: `neo4j_password_file`: ")));
  write("large", std::string((64 << 10) + 1, 'x'));
  EXPECT_THAT(faults("dagmanager:\n  neo4j_password_file: large\n"),
              ElementsAre(HasSubstr("larger than a secret is")));
  EXPECT_THAT(faults("dagmanager:\n  neo4j_password_file: [a]\n"),
              ElementsAre("wrong_kind 2:24: `neo4j_password_file` needs the path of a file"));
}

TEST_F(ConfigFile, OffersNoFileForKeysThatAreNoSecrets) {
  EXPECT_THAT(faults("dagmanager:\n  graph_dsn_file: x\n"),
              ElementsAre(StartsWith("unknown_key 2:3: there is no key `graph_dsn_file`")));
}

TEST_F(ConfigFile, NeverRepeatsASecretInAFault) {
  const auto found = faults("dagmanager:\n  neo4j_password: [hush]\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0], testing::Not(HasSubstr("hush")));
}

TEST_F(ConfigFile, CutsLongValuesInFaults) {
  const auto found = faults("dagmanager:\n  grpc_port: " + std::string(500, '7') + "x\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_LT(found[0].size(), 200U);
  EXPECT_THAT(found[0], HasSubstr("777...`"));
}

TEST(ProcessEnvironment, HoldsTheVariablesOfThisProcess) {
  setenv("WEIR_TEST_VARIABLE", "a=b", 1);
  EXPECT_EQ(process_environment().at("WEIR_TEST_VARIABLE"), "a=b");
}

}  // namespace
}  // namespace weir::server
