// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/console/config_faults.h"
#include "cli/console/console.h"
#include "dispatcher/dispatcher_config.h"
#include "dispatcher/run_dispatcher.h"
#include "operators/child/run_operator.h"
#include "server/config/config_file.h"
#include "server/system_clock.h"
#include "worker/run_worker.h"
#include "worker/worker_config.h"

namespace weir::cli {
namespace {

std::optional<std::filesystem::path> path_of(const std::string& file) {
  if (file.empty()) return {};
  return file;
}

int refuse(const Error& error) {
  print_error(config_faults_text(error));
  return kExitUsage;
}

int run_dispatcher_role(const std::string& file) {
  const auto loaded = server::load_config(dispatcher::dispatcher_config_keys(),
                                          dispatcher::dispatcher_load_options(path_of(file)));
  if (!loaded.ok()) return refuse(loaded.error());
  const auto config = dispatcher::make_dispatcher_config(*loaded);
  if (!config.ok()) return refuse(config.error());
  return dispatcher::run_dispatcher(*config);
}

struct WorkerFlags {
  std::string config;
  std::string runtime;
  std::vector<std::string> operators;
  int slots = 0;
};

/// What the flags say wins over file and environment.
int run_worker_role(const WorkerFlags& flags) {
  server::LoadOptions options = worker::worker_load_options(path_of(flags.config));
  const std::string prefix = options.env_prefix;
  if (!flags.runtime.empty()) options.environment[prefix + "RUNTIME"] = flags.runtime;
  if (flags.slots > 0) options.environment[prefix + "SLOTS"] = std::to_string(flags.slots);
  if (!flags.operators.empty()) {
    std::string& names = options.environment[prefix + "OPERATORS"];
    names.clear();
    for (const std::string& name : flags.operators) names += (names.empty() ? "" : ",") + name;
  }
  const auto loaded = server::load_config(worker::worker_config_keys(), options);
  if (!loaded.ok()) return refuse(loaded.error());
  const auto config = worker::make_worker_config(*loaded);
  if (!config.ok()) return refuse(config.error());
  return worker::run_worker(*config);
}

int run_operator_process(const std::string& name) {
  server::SystemClock clock;
  server::SystemRandom random;
  return operators::run_operator(
      name, {.in = std::cin, .out = std::cout, .err = std::cerr, .clock = clock, .random = random});
}

constexpr const char* kRoleExits =
    "Exit code: 0 after SIGTERM or SIGINT; 1 if something it needs is not there; 2 if the "
    "configuration does not start, with all its faults.";

}  // namespace

void add_dispatcher(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand(
      "dispatcher", "Serve the task plane until SIGTERM: deploys, events, tasks");
  command->footer(kRoleExits);
  auto file = std::make_shared<std::string>();
  command->add_option("--config", *file, "Configuration file, YAML, section `dispatcher`")
      ->type_name("FILE");
  command->callback(
      [&session, file] { session.action = [file] { return run_dispatcher_role(*file); }; });
}

void add_worker(CLI::App& parent, Session& session) {
  CLI::App* command =
      parent.add_subcommand("worker", "Claim tasks and run their operators until SIGTERM");
  command->footer(kRoleExits);
  auto flags = std::make_shared<WorkerFlags>();
  command->add_option("--config", flags->config, "Configuration file, YAML, section `worker`")
      ->type_name("FILE");
  command->add_option("--runtime", flags->runtime, "The runtime whose tasks it claims")
      ->type_name("RUNTIME");
  command->add_option("--operators", flags->operators, "Operators whose tasks it claims")
      ->delimiter(',')
      ->type_name("NAME,...");
  command->add_option("--slots", flags->slots, "Operators that run at once")
      ->check(CLI::PositiveNumber.description(""))
      ->type_name("N");
  command->callback(
      [&session, flags] { session.action = [flags] { return run_worker_role(*flags); }; });
}

void add_operator(CLI::App& parent, Session& session) {
  CLI::App* command =
      parent.add_subcommand("operator", "The process of a built-in operator: its task on stdin");
  command->group("");
  auto name = std::make_shared<std::string>();
  command->add_option("name", *name)->required()->type_name("NAME");
  command->callback(
      [&session, name] { session.action = [name] { return run_operator_process(*name); }; });
}

}  // namespace weir::cli
