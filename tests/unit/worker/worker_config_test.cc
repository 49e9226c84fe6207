// SPDX-License-Identifier: Apache-2.0
#include "worker/worker_config.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/unit/worker/child/temporary_folder.h"

namespace weir::worker {
namespace {

Result<WorkerConfig> load(const std::string& yaml) {
  const TemporaryFolder folder;
  write_text(folder / "weir.yml", yaml);
  server::LoadOptions options = worker_load_options(folder.path() / "weir.yml");
  options.environment = {};
  WEIR_TRY(const server::Config config, server::load_config(worker_config_keys(), options));
  return make_worker_config(config);
}

constexpr const char* kLeast =
    "worker:\n  internal_socket: /run/i.sock\n  worker_token_file: /run/token\n"
    "  object_root: /o\n  scratch_folder: /s\n  log_folder: /l\n";

TEST(WorkerConfig, HasDefaultsForAllButPlaces) {
  const auto config = load(kLeast);
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->runtime, "ecs_platform");
  EXPECT_GE(config->slots, 1);
  EXPECT_EQ(config->data_role, "weir_sink");
  EXPECT_EQ(config->drain, std::chrono::seconds(5));
  EXPECT_EQ(config->cancel_grace, std::chrono::seconds(30));
}

TEST(WorkerConfig, ReadsEveryKey) {
  const auto config = load(std::string(kLeast) +
                           "  slots: 3\n  operators: [a, b@2]\n  ingest_roots: {default: /in}\n"
                           "  secrets: {API_KEY: /run/key}\n  data_dsn: postgresql://x/y\n"
                           "  drain_seconds: 0.5\n  worker_id: w\n");
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->slots, 3);
  EXPECT_EQ(config->operators, (std::vector<std::string>{"a", "b@2"}));
  EXPECT_EQ(config->ingest_roots.at("default"), "/in");
  EXPECT_EQ(config->secret_files.at("API_KEY"), "/run/key");
  EXPECT_EQ(config->data_dsn, "postgresql://x/y");
  EXPECT_EQ(config->drain, std::chrono::milliseconds(500));
}

TEST(WorkerConfig, TellsAllFaultsAtOnce) {
  const auto config =
      load("worker:\n  scratch_folder: " + std::string(80, 'x') + "\n  secrets: {lower: /k}\n");
  ASSERT_FALSE(config.ok());
  std::set<std::string> keys;
  for (const Fault& fault : config.error().faults()) keys.insert(fault.path);
  for (const char* key : {"internal_socket", "worker_token_file", "object_root", "log_folder",
                          "scratch_folder", "secrets"}) {
    EXPECT_TRUE(keys.contains(key)) << key;
  }
}

}  // namespace
}  // namespace weir::worker
