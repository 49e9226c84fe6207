// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "server/config/config_file.h"

namespace weir::server {

/// A table with one key of every kind, and a folder of its own for files.
class ConfigFixture : public testing::Test {
 protected:
  ConfigFixture() {
    std::string pattern = testing::TempDir() + "/weir-config-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~ConfigFixture() override { std::filesystem::remove_all(folder_); }

  static std::vector<KeyDescription> table() {
    return {
        {.key = "profile",
         .default_text = "dev",
         .meaning = "How strict the start is.",
         .allowed = {"dev", "prod"},
         .top_level = true},
        {.key = "graph_dsn",
         .meaning = "The graph store.",
         .second_names = {"neo4j_dsn"},
         .example = "postgresql://weir@localhost/weir"},
        {.key = "neo4j_password",
         .default_text = "neo4j",
         .meaning = "The graph store's password.",
         .secret = true},
        {.key = "grpc_port",
         .kind = ValueKind::Integer,
         .default_text = "50051",
         .meaning = "Where gRPC listens.",
         .at_least = 0,
         .at_most = 65535},
        {.key = "gc_interval_seconds",
         .kind = ValueKind::Number,
         .default_text = "60.0",
         .meaning = "Between two collections.",
         .unit = "seconds",
         .at_least = 0.1},
        {.key = "legacy_topics",
         .kind = ValueKind::Boolean,
         .default_text = "false",
         .meaning = "Old topic names."},
        {.key = "auth.local_roles",
         .kind = ValueKind::TextList,
         .default_text = "query, diff",
         .meaning = "Roles of callers without a token.",
         .allowed = {"query", "diff", "admin"}},
        {.key = "kafka_properties", .kind = ValueKind::TextMap, .meaning = "Passed through."},
        {.key = "tls.cert_file", .meaning = "The certificate."},
        {.key = "tls.key_file", .meaning = "Its key."},
        {.key = "topic_overrides.<type>.partitions",
         .kind = ValueKind::Integer,
         .meaning = "Partitions of a topic.",
         .at_least = 1,
         .wildcard_names = {"raw", "trade_exec"},
         .example = "3"},
        {.key = "gc_policies.<tag>.ttl_days",
         .kind = ValueKind::Integer,
         .meaning = "Days a queue is kept.",
         .example = "7"},
        {.key = "telemetry.otel_exporter_endpoint",
         .meaning = "Spans go there.",
         .top_level = true},
    };
  }

  std::string write(const std::string& name, const std::string& text) const {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  LoadOptions options(const std::string& yaml, Environment environment = {}) const {
    return {.path = write("weir.yml", yaml),
            .section = "dagmanager",
            .env_prefix = "QMTL__DAGMANAGER__",
            .top_level_env_prefix = "QMTL__",
            .environment = std::move(environment)};
  }

  Result<Config> load(const std::string& yaml, Environment environment = {}) const {
    return load_config(table(), options(yaml, std::move(environment)));
  }

  /// The faults of a file as "reason line:column: text" or "reason VARIABLE: text".
  std::vector<std::string> faults(const std::string& yaml, Environment environment = {}) const {
    const Result<Config> config = load(yaml, std::move(environment));
    if (config.ok()) return {};
    EXPECT_EQ(config.error().code(), Code::InvalidArgument);
    EXPECT_EQ(config.error().reason(), "config_invalid");
    std::vector<std::string> lines;
    for (const Fault& fault : config.error().faults()) {
      std::string place = fault.path;
      const std::string file = folder_ + "/weir.yml:";
      if (place.starts_with(file)) place.erase(0, file.size());
      lines.push_back(fault.reason + " " + place + ": " + fault.text);
    }
    return lines;
  }

  std::string folder_;
};

}  // namespace weir::server
