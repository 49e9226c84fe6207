// SPDX-License-Identifier: Apache-2.0
#include "cli/topics/open_store.h"

#include <CLI/CLI.hpp>

#include <unistd.h>

#include <filesystem>
#include <utility>

#include "cli/console/config_faults.h"
#include "cli/console/console.h"
#include "cli/console/session.h"
#include "drivers/process/user.h"
#include "operators/calendar.h"
#include "server/config/config_file.h"

namespace weir::cli {

void add_config_flag(CLI::App& command, std::string& file) {
  command.add_option("--config", file, "Configuration file of the server, YAML")->type_name("FILE");
}

std::optional<dagmanager::DagmanagerConfig> read_dagmanager_config(const std::string& file) {
  std::optional<std::filesystem::path> path;
  if (!file.empty()) path = file;
  const Result<server::Config> loaded = server::load_config(
      dagmanager::dagmanager_config_keys(), dagmanager::dagmanager_load_options(path));
  if (!loaded.ok()) {
    print_error(config_faults_text(loaded.error()));
    return std::nullopt;
  }
  auto config = dagmanager::make_dagmanager_config(*loaded);
  if (!config.ok()) {
    print_error(config_faults_text(config.error()));
    return std::nullopt;
  }
  return *std::move(config);
}

std::unique_ptr<OpenStore> open_store(const std::string& file, int& exit_code) {
  exit_code = kExitUsage;
  auto config = read_dagmanager_config(file);
  if (!config) return nullptr;
  auto store = std::make_unique<OpenStore>();
  store->config = *std::move(config);
  exit_code = kExitFailed;
  auto engines = dagmanager::open_engines(store->config, store->clock, store->random);
  if (!engines.ok()) {
    print_error(engines.error());
    return nullptr;
  }
  store->engines = *std::move(engines);
  return store;
}

std::string cli_actor() {
  const auto user = process::find_user(::geteuid());
  return "cli:" + (user ? user->name : std::to_string(::geteuid()));
}

std::optional<Instant> time_flag(const char* flag, const std::string& text) {
  if (const auto micros = operators::instant_of(text)) {
    return Instant(std::chrono::microseconds(*micros));
  }
  print_error(std::string(flag) + ": " + text +
              " is no time; write it like 2026-01-31T00:00:00Z\n");
  return std::nullopt;
}

}  // namespace weir::cli
