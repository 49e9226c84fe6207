// SPDX-License-Identifier: Apache-2.0
#include "cli/tasks/local_config.h"

#include <filesystem>
#include <system_error>

#include <CLI/CLI.hpp>

#include "cli/console/config_faults.h"
#include "cli/console/console.h"
#include "cli/console/session.h"
#include "cli/tasks/api.h"
#include "cli/up/state_folder.h"
#include "server/config/config_file.h"

namespace weir::cli {

void add_local_flags(CLI::App& command, LocalFlags& flags) {
  command
      .add_option("--config", flags.config,
                  "The dispatcher's configuration; without it that of the state folder")
      ->type_name("FILE");
  add_state_folder_flag(command, flags.state_dir);
}

Result<dispatcher::DispatcherConfig> load_local_config(const LocalFlags& flags) {
  std::filesystem::path file = flags.config;
  if (file.empty()) {
    file = StatePaths{flags.state_dir}.config_file();
    std::error_code error;
    if (!std::filesystem::exists(file, error)) {
      return base::not_found("no_config", flags.state_dir +
                                              " is no folder of a `weir up`: name it with "
                                              "--state-dir, or a configuration with --config");
    }
  }
  WEIR_TRY(const server::Config loaded,
           server::load_config(dispatcher::dispatcher_config_keys(),
                               dispatcher::dispatcher_load_options(file)));
  return dispatcher::make_dispatcher_config(loaded);
}

Result<std::unique_ptr<postgres::Connection>> connect_as(const std::string& dsn,
                                                         dispatcher::ServiceRole role) {
  dispatcher::SchemaReport report;
  report.serves[static_cast<std::size_t>(role)] = true;
  postgres::ConnectOptions options = dispatcher::service_connect_options(dsn, role, report);
  options.application_name = "weir cli";
  options.settings.emplace_back("default_transaction_isolation", "repeatable read");
  return postgres::Connection::connect(options);
}

const std::string& data_dsn_of(const dispatcher::DispatcherConfig& config) {
  return config.data_dsn.empty() ? config.state_dsn : config.data_dsn;
}

int refuse_config(const Error& error) {
  print_error(config_faults_text(error));
  return error.reason() == "no_config" ? kExitFailed : kExitUsage;
}

}  // namespace weir::cli
