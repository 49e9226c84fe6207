// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include <memory>
#include <optional>
#include <string>

#include "cli/console/console.h"
#include "cli/topics/commands.h"
#include "cli/topics/open_store.h"
#include "cli/topics/topic_text.h"
#include "dagmanager/topics/limits.h"

namespace weir::cli {
namespace {

struct LogFlags {
  std::string topic;
  std::string since;
  std::string until;
  std::string config;
};

int run_topic_log(const Session& session, const LogFlags& flags) {
  std::optional<Instant> since;
  std::optional<Instant> until;
  if (!flags.since.empty() && !(since = time_flag("--since", flags.since))) return kExitUsage;
  if (!flags.until.empty() && !(until = time_flag("--until", flags.until))) return kExitUsage;
  int exit_code = kExitOk;
  const auto store = open_store(flags.config, exit_code);
  if (!store) return exit_code;
  if (store->config.graph_dsn.empty() && store->config.memory_repo_path.empty()) {
    print_error(
        "topic-log needs graph_dsn or memory_repo_path: what is in a server's memory ends with "
        "it\n");
    return kExitFailed;
  }
  dagmanager::RowId after = 0;
  while (true) {
    const auto page = store->engines.store->topic_log(after, dagmanager::kLogPage);
    if (!page.ok()) {
      print_error(page.error());
      return kExitFailed;
    }
    for (const auto& [seq, row] : *page) {
      after = seq;
      if (!flags.topic.empty() && row.topic.view() != flags.topic) continue;
      if ((since && row.at < *since) || (until && row.at > *until)) continue;
      print_out(session.json() ? log_json(seq, row) : log_line(seq, row));
    }
    if (page->size() < dagmanager::kLogPage) return kExitOk;
  }
}

}  // namespace

void add_topic_log(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand(
      "topic-log", "What became of topics, oldest first; read from the store itself");
  auto flags = std::make_shared<LogFlags>();
  command->add_option("--topic", flags->topic, "Only this one")->type_name("TOPIC");
  command->add_option("--since", flags->since, "From this time on (RFC 3339)")->type_name("TIME");
  command->add_option("--until", flags->until, "Up to this time (RFC 3339)")->type_name("TIME");
  add_config_flag(*command, flags->config);
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_topic_log(session, *flags); };
  });
}

}  // namespace weir::cli
