// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cli/client/dagmanager_client.h"
#include "cli/client/grpc_fault.h"
#include "cli/commands.h"
#include "cli/console/config_faults.h"
#include "cli/console/console.h"
#include "cli/graph_flags.h"
#include "cli/promote/candidate_graph.h"
#include "cli/promote/promotion.h"
#include "cli/traffic/message_text.h"
#include "cli/traffic/rollout_words.h"
#include "dagmanager/dagmanager_config.h"
#include "server/config/config_file.h"
#include "server/system_clock.h"

namespace weir::cli {
namespace {

struct PromoteFlags {
  GraphFlags graph;
  std::string baseline;
  std::string steps;
  std::string config;
  bool wait = false;
};

/// Says why there is no rollout, and gives the exit code of that.
int refuse(const Error& error, const PromoteFlags& flags) {
  const std::string& reason = error.reason();
  const bool is_server =
      reason != kLintFailed && reason != kBacktestsFailed && reason != kNotPromotable;
  print_error((is_server ? describe_fault(error, flags.graph.target) : error.message()) + "\n");
  if (reason == kLintFailed) return kExitFindings;
  return reason == kBacktestsFailed ? kExitBacktests : kExitFailed;
}

/// Of the configuration the gate's keys alone: the rest is the server's.
std::optional<dagmanager::BacktestHook> read_hook(const std::string& file) {
  std::optional<std::filesystem::path> path;
  if (!file.empty()) path = file;
  const auto config = server::load_config(dagmanager::dagmanager_config_keys(),
                                          dagmanager::dagmanager_load_options(path));
  if (config.ok()) return dagmanager::backtest_hook(*config);
  print_error(config_faults_text(config.error()));
  return {};
}

int run_promote(const Session& session, const PromoteFlags& flags) {
  const DiffQuery query = flags.graph.query({}, /*plan_only=*/false);
  Candidate candidate{.file = flags.graph.file,
                      .json = {},
                      .strategy = query.fields.strategy,
                      .context = query.fields.context};
  if (!flags.baseline.empty()) read_baseline(flags.baseline, candidate.rollout);
  if (!flags.steps.empty()) {
    if (const auto read = read_steps(flags.steps, candidate.rollout); !read.ok()) {
      print_error(read.error().message() + "\n");
      return kExitUsage;
    }
  }
  const auto hook = read_hook(flags.config);
  if (!hook) return kExitUsage;
  const auto dag = read_graph_file(flags.graph.file);
  if (!dag) return kExitFailed;
  auto json = candidate_json(*dag, candidate.strategy);
  if (!json.ok()) {
    print_error(flags.graph.file + ": " + json.error().describe() + "\n");
    return kExitFailed;
  }
  candidate.json = *std::move(json);

  server::SystemClock clock;
  DagmanagerClient client(flags.graph.target, clock);
  Promotion promotion({.client = client, .clock = clock, .tell = [](const std::string& line) {
                         print_error(line + "\n");
                       }});
  auto rollout = promotion.start(candidate, *hook);
  if (rollout.ok() && flags.wait) rollout = promotion.follow(*rollout);
  if (!rollout.ok()) return refuse(rollout.error(), flags);
  print_out(session.json() ? rollout_json(*rollout) : rollout_line(*rollout));
  return rollout->state() == "rolled_back" ? kExitRolledBack : kExitOk;
}

}  // namespace

void add_promote(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand(
      "promote", "Bring a graph into traffic: lint, backtests, a deploy that waits, a rollout");
  command->footer(
      "The graph is submitted at weight 0, whatever weight it states. Cut off at any point, the "
      "same command does what is left. Progress goes to standard error.\n\n"
      "Exit code: 0 if the rollout has begun, with --wait if it is done; 3 if lint found an error; "
      "4 if the backtests did not pass; 5 if the rollout went back; 2 if the configuration does "
      "not start; else 1.");
  auto flags = std::make_shared<PromoteFlags>();
  add_file_flag(*command, flags->graph.file);
  add_context_flags(*command, flags->graph);
  command
      ->add_option("--baseline", flags->baseline,
                   "From whom traffic moves; without it the live version before")
      ->type_name("ID[@LABEL]");
  command
      ->add_option("--steps", flags->steps,
                   "Weights and how long each is held; without it 0.1 for a day, 0.5 for "
                   "canary.half_hold_seconds, 1")
      ->type_name("0.1:24h,0.5:1h,1");
  command->add_flag("--wait", flags->wait, "Stay until the rollout is done or went back");
  command
      ->add_option("--config", flags->config,
                   "Configuration file with the keys gate.*: which command runs the backtests")
      ->type_name("FILE");
  add_target_flag(*command, flags->graph.target);
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_promote(session, *flags); };
  });
}

}  // namespace weir::cli
