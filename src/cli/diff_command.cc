// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include "cli/client/dagmanager_client.h"
#include "cli/client/limits.h"
#include "cli/commands.h"
#include "cli/console/console.h"
#include "cli/console/progress.h"
#include "cli/graph_flags.h"
#include "cli/offline_diff.h"
#include "cli/plan_text.h"
#include "server/system_clock.h"

namespace weir::cli {
namespace {

struct DiffFlags {
  GraphFlags graph;
  bool dry_run = false;
  bool offline = false;
  bool detailed_exitcode = false;
  bool verbose = false;
};

/// One diff with progress on standard error.
Result<DiffOutcome> ask(DagmanagerClient& client, const DiffQuery& query, const std::string& what,
                        const Clock& clock) {
  Progress progress(what, clock);
  return client.diff(
      query,
      {.chunk =
           [&](std::uint32_t taken, std::uint32_t count) {
             progress.update("chunk " + std::to_string(taken) + " of " + std::to_string(count));
           },
       .again =
           [&](const Error& why, int attempt) {
             progress.update("try " + std::to_string(attempt) + " of " +
                             std::to_string(kDiffAttemptsMax) + ": " + why.message());
           }});
}

void print_outcome(const Session& session, const DiffFlags& flags, const DiffOutcome& outcome,
                   const NodeLabels& labels, const PlanTextOptions& options) {
  if (session.json()) {
    print_out(plan_json(outcome));
    return;
  }
  PlanTextOptions shown = options;
  shown.verbose = flags.verbose;
  shown.colours = out_shows_colours();
  print_out(plan_text(outcome, labels, shown));
}

int run_diff(const Session& session, const DiffFlags& flags) {
  const auto dag = read_graph_file(flags.graph.file);
  if (!dag) return kExitFailed;
  const DiffQuery query = flags.graph.query(*dag, /*plan_only=*/true);
  std::string where = "an empty store";
  Result<DiffOutcome> outcome = base::internal("not asked");
  if (flags.offline) {
    outcome = offline_diff(query);
    if (!outcome.ok()) {
      print_error(flags.graph.file + ": " + outcome.error().describe() + "\n");
      return kExitFailed;
    }
  } else {
    where = flags.graph.target;
    server::SystemClock clock;
    DagmanagerClient client(flags.graph.target, clock);
    outcome = ask(client, query, "planning " + flags.graph.file, clock);
    if (!outcome.ok()) {
      print_fault(outcome.error(), flags.graph);
      return kExitFailed;
    }
  }
  print_outcome(session, flags, *outcome, node_labels(*dag),
                {.title = "Plan for " + flags.graph.file + " (" + flags.graph.context_text() +
                          ") against " + where,
                 .closing = "Plan"});
  const bool changes = count_plan(*outcome).changes();
  return flags.detailed_exitcode && changes ? kExitChanges : kExitOk;
}

/// What the store answered, told with the plan made just before it.
DiffOutcome committed(DiffOutcome answer, DiffOutcome plan) {
  if (answer.queue_map != plan.queue_map) {
    answer.warnings.emplace_back(
        "the graph changed between plan and commit: the topics are the committed ones, the "
        "decisions are the planned ones");
  }
  answer.plan = std::move(plan.plan);
  return answer;
}

int run_submit(const Session& session, const DiffFlags& flags) {
  const auto dag = read_graph_file(flags.graph.file);
  if (!dag) return kExitFailed;
  server::SystemClock clock;
  DagmanagerClient client(flags.graph.target, clock);
  // The plan names every decision; the committed stream carries topics only.
  Result<DiffOutcome> plan =
      ask(client, flags.graph.query(*dag, true), "planning " + flags.graph.file, clock);
  if (!plan.ok()) {
    print_fault(plan.error(), flags.graph);
    return kExitFailed;
  }
  Result<DiffOutcome> answer =
      ask(client, flags.graph.query(*dag, false), "submitting " + flags.graph.file, clock);
  if (!answer.ok()) {
    print_fault(answer.error(), flags.graph);
    return kExitFailed;
  }
  const bool changed = count_plan(*plan).changes();
  const DiffOutcome outcome = committed(*std::move(answer), *std::move(plan));
  print_outcome(session, flags, outcome, node_labels(*dag),
                {.title = flags.graph.file + " as version " + outcome.version + ", sentinel " +
                          outcome.sentinel_id + " (" + flags.graph.context_text() + ")",
                 .closing = "Submitted"});
  return flags.detailed_exitcode && changed ? kExitChanges : kExitOk;
}

constexpr const char* kExitCodes =
    "Exit code: 0; 1 if the file cannot be read or the server refuses; ";

std::shared_ptr<DiffFlags> add_common_flags(CLI::App& command) {
  auto flags = std::make_shared<DiffFlags>();
  add_file_flag(command, flags->graph.file);
  add_context_flags(command, flags->graph);
  add_target_flag(command, flags->graph.target);
  command.add_flag("--detailed-exitcode", flags->detailed_exitcode,
                   "Exit with 3 if anything is new, bound, buffered or refused");
  command.add_flag("-v,--verbose", flags->verbose, "List every node, also the reused ones");
  return flags;
}

}  // namespace

void add_diff(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand(
      "diff", "Plan a strategy graph: what is new, what is reused; changes nothing");
  command->footer(std::string(kExitCodes) +
                  "with --detailed-exitcode, 3 if a submit would change anything.");
  const std::shared_ptr<DiffFlags> flags = add_common_flags(*command);
  command->add_flag("--dry-run", flags->dry_run, "The same: a diff changes nothing anyway");
  command->add_flag("--offline", flags->offline, "Compare with an empty store, without a server");
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_diff(session, *flags); };
  });
}

void add_submit(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand(
      "submit", "Commit a strategy graph: make its topics, tell its queue map");
  command->footer(std::string(kExitCodes) + "with --detailed-exitcode, 3 if it changed anything.");
  const std::shared_ptr<DiffFlags> flags = add_common_flags(*command);
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_submit(session, *flags); };
  });
}

}  // namespace weir::cli
