// SPDX-License-Identifier: Apache-2.0
#include "server/config/config.h"

#include <gmock/gmock.h>

#include "tests/unit/server/config/config_fixture.h"

namespace weir::server {
namespace {

class ConfigTest : public ConfigFixture {
 protected:
  static ConfigLine line_of(const Config& config, const std::string& key) {
    for (const ConfigLine& line : config.lines()) {
      if (line.key == key) return line;
    }
    ADD_FAILURE() << key << " is not listed";
    return {};
  }
};

TEST_F(ConfigTest, ListsEveryKeyInTableOrderWithItsOrigin) {
  const Result<Config> config = load(
      "dagmanager:\n  grpc_port: 7\n  topic_overrides:\n"
      "    raw: {partitions: 2}\n",
      {{"QMTL__DAGMANAGER__LEGACY_TOPICS", "on"}});
  ASSERT_TRUE(config.ok()) << config.error().describe();
  std::vector<std::string> keys;
  for (const ConfigLine& line : config->lines()) keys.push_back(line.key);
  EXPECT_THAT(keys, testing::ElementsAre("profile", "graph_dsn", "neo4j_password", "grpc_port",
                                         "gc_interval_seconds", "legacy_topics", "auth.local_roles",
                                         "kafka_properties", "tls.cert_file", "tls.key_file",
                                         "topic_overrides.raw.partitions",
                                         "telemetry.otel_exporter_endpoint"));
  EXPECT_EQ(line_of(*config, "grpc_port").value, "7");
  EXPECT_EQ(line_of(*config, "grpc_port").origin, "file " + folder_ + "/weir.yml:2:3");
  EXPECT_EQ(line_of(*config, "legacy_topics").value, "true");
  EXPECT_EQ(line_of(*config, "legacy_topics").origin,
            "environment QMTL__DAGMANAGER__LEGACY_TOPICS");
  EXPECT_EQ(line_of(*config, "auth.local_roles").value, "query, diff");
  EXPECT_EQ(line_of(*config, "auth.local_roles").origin, "default");
  EXPECT_EQ(line_of(*config, "graph_dsn").value, "");
  EXPECT_EQ(line_of(*config, "topic_overrides.raw.partitions").value, "2");
}

TEST_F(ConfigTest, ShowsNoSecret) {
  const Result<Config> config = load(
      "dagmanager:\n  neo4j_password: hush\n"
      "  graph_dsn: postgresql://weir:hush@host/db\n"
      "  kafka_properties: {sasl.password: hush, acks: all}\n");
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(line_of(*config, "neo4j_password").value, "***");
  EXPECT_EQ(line_of(*config, "graph_dsn").value, "postgresql://weir:***@host/db");
  EXPECT_EQ(line_of(*config, "kafka_properties").value, "{acks: all, sasl.password: ***}");
}

TEST_F(ConfigTest, GivesANumberAlsoForAnInteger) {
  const Result<Config> config = load("dagmanager:\n");
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->number("grpc_port"), 50051.0);
}

TEST_F(ConfigTest, StaysGoodWhenItIsCopied) {
  Config copy;
  {
    const Result<Config> config = load("dagmanager:\n  grpc_port: 7\n");
    ASSERT_TRUE(config.ok());
    copy = *config;
  }
  EXPECT_EQ(copy.integer("grpc_port"), 7);
  EXPECT_EQ(copy.lines().size(), 11U);
}

using ConfigDeathTest = ConfigTest;

TEST_F(ConfigDeathTest, StopsOnKeysThatAreNotInTheTable) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const Result<Config> config = load("dagmanager:\n");
  ASSERT_TRUE(config.ok());
  EXPECT_DEATH((void)config->has("zebra"), "assertion failed");
  EXPECT_DEATH((void)config->integer("graph_dsn"), "assertion failed");
  EXPECT_DEATH((void)config->text("neo4j_password"), "assertion failed");
}

}  // namespace
}  // namespace weir::server
