// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "cli/client/dagmanager_client.h"
#include "cli/client/grpc_fault.h"
#include "cli/commands.h"
#include "cli/console/console.h"
#include "cli/console/progress.h"
#include "cli/graph_flags.h"
#include "cli/queue_stats_text.h"
#include "server/system_clock.h"

namespace weir::cli {
namespace {

struct QueueStatsFlags {
  std::string tag;
  std::string interval = "1h";
  std::string target = kTargetDefault;
};

int run_queue_stats(const Session& session, const QueueStatsFlags& flags) {
  const Result<std::string> filter = queue_stats_filter(flags.tag, flags.interval);
  if (!filter.ok()) {
    print_error("--interval: " + filter.error().message() + "\n");
    return kExitUsage;
  }
  server::SystemClock clock;
  DagmanagerClient client(flags.target, clock);
  std::optional<Progress> progress;
  progress.emplace("asking " + flags.target, clock);
  const Result<QueueSizes> sizes = client.queue_stats(*filter);
  progress.reset();
  if (!sizes.ok()) {
    print_error(describe_fault(sizes.error(), flags.target) + "\n");
    return kExitFailed;
  }
  print_out(session.json() ? queue_stats_json(*sizes) : queue_stats_text(*sizes));
  return kExitOk;
}

}  // namespace

void add_queue_stats(CLI::App& parent, Session& session) {
  CLI::App* command =
      parent.add_subcommand("queue-stats", "List topics by tag and interval, with their sizes");
  auto flags = std::make_shared<QueueStatsFlags>();
  command->add_option("--tag", flags->tag, "Tag of the nodes, or several with commas: any of them")
      ->type_name("TAG");
  command->add_option("--interval", flags->interval, "Interval of the nodes: 60, 30s, 5m, 1h")
      ->capture_default_str()
      ->type_name("SPAN");
  add_target_flag(*command, flags->target);
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_queue_stats(session, *flags); };
  });
}

}  // namespace weir::cli
