// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "base/uuid.h"
#include "cli/console/console.h"
#include "cli/topics/commands.h"
#include "cli/topics/compaction_text.h"
#include "cli/topics/open_store.h"
#include "dagmanager/compaction/compactor.h"
#include "dagmanager/loops/loop_keeper.h"

namespace weir::cli {
namespace {

using dagmanager::CompactionFence;
using dagmanager::CompactionReport;
using dagmanager::Compactor;

struct CompactFlags {
  std::string before;
  bool dry_run = false;
  std::string config;
};

dagmanager::CompactionRules rules_of(const dagmanager::DagmanagerConfig& config, Instant before) {
  dagmanager::CompactionRules rules{
      .before = before, .wait = std::nullopt, .deploys_kept = config.gc.rules.deploys_kept};
  const auto policy = config.gc.rules.policies.find(dagmanager::kSentinelTag);
  if (policy == config.gc.rules.policies.end()) return rules;
  const dagmanager::TagPolicy& sentinel = policy->second;
  if (sentinel.action == dagmanager::GcAction::Skip) return rules;
  rules.wait = sentinel.ttl.value_or(sentinel.ttl_least) + sentinel.grace;
  return rules;
}

/// The loops that a compaction stands in for are this process's until it ends: taken from whoever
/// runs them, and kept while it works.
Result<CompactionReport> run_in_place_of_loops(OpenStore& store, Compactor& compactor) {
  const std::array<std::string, 2> loops{"gc", "reconciler"};
  const std::string instance = "compact-" + base::uuid_v4(store.random);
  server::Log quiet({.level = server::LogLevel::Warning});
  dagmanager::LoopLeases& leases = *store.engines.loops;
  WEIR_TRY(const auto fences, leases.seize(instance, loops));
  dagmanager::LoopKeeper keeper({leases, store.clock, quiet, instance});
  for (const std::string& loop : loops) keeper.add(loop, {});
  keeper.start();
  return compactor.run({.gc = fences.at(0), .reconciler = fences.at(1)});
}

void print_report(const Session& session, const CompactionReport& report, bool dry) {
  if (dry) print_out(session.json() ? planned_json(report) : planned_lines(report));
  print_out(session.json() ? counts_json(report, dry) : counts_line(report, dry));
  for (const auto& kept : report.failed) print_error(kept_line(kept));
}

int run_compact(const Session& session, const CompactFlags& flags) {
  const auto before = time_flag("--before", flags.before);
  if (!before) return kExitUsage;
  int exit_code = kExitOk;
  const auto store = open_store(flags.config, exit_code);
  if (!store) return exit_code;
  if (store->config.graph_dsn.empty() && store->config.memory_repo_path.empty()) {
    print_error(
        "compact needs graph_dsn, or memory_repo_path: what is in a server's memory ends with "
        "it\n");
    return kExitFailed;
  }
  dagmanager::Engines& engines = store->engines;
  Compactor compactor({*engines.store, *engines.life, *engines.compaction, engines.archive.get(),
                       store->clock, store->random},
                      rules_of(store->config, *before), cli_actor());
  const auto report =
      flags.dry_run ? compactor.dry_run() : run_in_place_of_loops(*store, compactor);
  if (!report.ok()) {
    print_error(report.error());
    return kExitFailed;
  }
  print_report(session, *report, flags.dry_run);
  return report->failed.empty() ? kExitOk : kExitFailed;
}

}  // namespace

void add_compact(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand(
      "compact", "Move sentinels that retired to the archive, and remove nodes that nobody needs");
  command->footer(
      "Sentinels without traffic whose deploys nothing has held since before the time, and for the "
      "time to live and grace of `gc_policies.sentinel`, are written to gc_archive_bucket, read "
      "back, "
      "and then removed. Nodes go that no sentinel has, no deploy holds, nothing is bound to and "
      "no "
      "node that stays depends on. Servers may be running; running it again goes on where it was "
      "cut "
      "off. Exit code: 0; 1 if a sentinel could not be archived, which then stays.");
  auto flags = std::make_shared<CompactFlags>();
  command->add_option("--before", flags->before, "The time (RFC 3339)")
      ->required()
      ->type_name("TIME");
  command->add_flag("--dry-run", flags->dry_run, "Only say which would go");
  add_config_flag(*command, flags->config);
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_compact(session, *flags); };
  });
}

}  // namespace weir::cli
