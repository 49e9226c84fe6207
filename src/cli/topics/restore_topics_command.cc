// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include <algorithm>
#include <memory>
#include <string>

#include "cli/console/console.h"
#include "cli/topics/commands.h"
#include "cli/topics/open_store.h"
#include "cli/topics/topic_text.h"
#include "dagmanager/topics/topic_restore.h"

namespace weir::cli {
namespace {

struct RestoreFlags {
  std::string until;
  bool dry_run = false;
  std::string config;
};

int run_restore(const Session& session, const RestoreFlags& flags) {
  const auto until = time_flag("--until", flags.until);
  if (!until) return kExitUsage;
  int exit_code = kExitOk;
  const auto store = open_store(flags.config, exit_code);
  if (!store) return exit_code;
  if (store->config.graph_dsn.empty() || store->config.topics_dsn.empty()) {
    print_error(
        "restore-topics needs graph_dsn and topics_dsn: what is in a server's memory ends "
        "with it\n");
    return kExitFailed;
  }
  dagmanager::Engines& engines = store->engines;
  dagmanager::TopicRestore restore({*engines.store, *engines.upkeep, *engines.log, *engines.topics,
                                    store->clock, store->random, store->config.policy},
                                   cli_actor());
  const auto restored = restore.run(*until, flags.dry_run);
  if (!restored.ok()) {
    print_error(restored.error());
    return kExitFailed;
  }
  for (const dagmanager::RestoredTopic& topic : *restored) {
    print_out(session.json() ? restored_json(topic) : restored_line(topic));
  }
  return std::ranges::all_of(*restored, &dagmanager::RestoredTopic::done) ? kExitOk : kExitFailed;
}

}  // namespace

void add_restore_topics(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand(
      "restore-topics", "Make every topic again that was there at a time and is not now, empty");
  command->footer(
      "Nothing is deleted, and running it again goes on where it was cut off. Where the content of "
      "a "
      "topic was archived, the archive is named. Exit code: 0 if all "
      "are restored; 1 if one is not, or the log does not reach back so far.");
  auto flags = std::make_shared<RestoreFlags>();
  command->add_option("--until", flags->until, "The time (RFC 3339)")
      ->required()
      ->type_name("TIME");
  command->add_flag("--dry-run", flags->dry_run, "Only say what would be done");
  add_config_flag(*command, flags->config);
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_restore(session, *flags); };
  });
}

}  // namespace weir::cli
