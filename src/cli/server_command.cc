// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/commit_log/commands.h"
#include "cli/console/console.h"
#include "cli/queues/commands.h"
#include "cli/topics/commands.h"
#include "cli/topics/open_store.h"
#include "cli/traffic/commands.h"
#include "dagmanager/run_dagmanager.h"

namespace weir::cli {
namespace {

int run_server(const std::string& config_file) {
  const auto config = read_dagmanager_config(config_file);
  if (!config) return kExitUsage;
  return dagmanager::run_dagmanager(*config);
}

}  // namespace

void add_server(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand(
      "server", "Serve until SIGTERM; without --config everything is in memory");
  command->footer(
      "Exit code: 0 after SIGTERM or SIGINT; 1 if an engine or a port is not there; 2 if "
      "the configuration does not start, with all its faults.");
  auto file = std::make_shared<std::string>();
  command->add_option("--config", *file, "Configuration file, YAML (see `weir init`)")
      ->type_name("FILE");
  command->callback([&session, file] { session.action = [file] { return run_server(*file); }; });
}

void add_dagmanager(CLI::App& parent, Session& session) {
  CLI::App* group =
      parent.add_subcommand("dagmanager", "Strategy graphs: plan, commit, explain, serve");
  group->require_subcommand(1);
  add_server(*group, session);
  add_diff(*group, session);
  add_submit(*group, session);
  add_explain(*group, session);
  add_queue_stats(*group, session);
  add_events(*group, session);
  add_consume(*group, session);
  add_metrics(*group, session);
  add_weight(*group, session);
  add_redo_diff(*group, session);
  add_gc(*group, session);
  add_cross_context(*group, session);
  add_canary(*group, session);
  add_lint(*group, session);
  add_promote(*group, session);
  add_topic_log(*group, session);
  add_restore_topics(*group, session);
  add_compact(*group, session);
  add_snapshot(*group, session);
}

}  // namespace weir::cli
