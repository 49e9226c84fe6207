// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/client/dagmanager_client.h"
#include "cli/client/grpc_fault.h"
#include "cli/commands.h"
#include "cli/console/console.h"
#include "cli/graph_flags.h"
#include "cli/lint/lint_text.h"
#include "graph/lint/lint.h"
#include "server/system_clock.h"

namespace weir::cli {
namespace {

struct LintFlags {
  GraphFlags graph;
  bool strict = false;
  bool offline = false;
};

/// Those of the ids that the server has stored.
Result<std::vector<std::string>> stored_of(const std::vector<std::string>& ids,
                                           const std::string& target) {
  if (ids.empty()) return std::vector<std::string>{};
  server::SystemClock clock;
  DagmanagerClient client(target, clock);
  WEIR_TRY(const auto records, client.describe_nodes(ids));
  std::vector<std::string> stored;
  stored.reserve(records.size());
  for (const auto& record : records) stored.push_back(record.node_id());
  return stored;
}

int run_lint(const Session& session, const LintFlags& flags) {
  const std::optional<std::string> dag = read_graph_file(flags.graph.file);
  if (!dag) return kExitFailed;
  graph::LintQuestion question{.context = flags.graph.query({}, true).fields.context};
  if (!flags.offline) {
    auto stored = stored_of(graph::inputs_from_elsewhere(*dag), flags.graph.target);
    if (!stored.ok()) {
      print_error(describe_fault(stored.error(), flags.graph.target) +
                  "\n--offline takes the stored graph for empty.\n");
      return kExitFailed;
    }
    question.stored = *std::move(stored);
  }
  const auto findings = graph::lint_dag(*dag, question);
  if (!findings.ok()) {
    print_error(flags.graph.file + ": " + findings.error().describe() + "\n");
    return kExitFailed;
  }
  print_out(session.json() ? lint_json(*findings)
                           : lint_text(*findings, {.title = flags.graph.file,
                                                   .colours = out_shows_colours()}));
  return lint_fails(*findings, flags.strict) ? kExitFindings : kExitOk;
}

}  // namespace

void add_lint(CLI::App& parent, Session& session) {
  CLI::App* command =
      parent.add_subcommand("lint", "Tell what is wrong with a graph, or may not be meant");
  command->footer(
      "A finding has a rule, L01 to L16, a place, and how to mend it. The server is asked only "
      "for inputs that the graph does not define.\n\n"
      "Exit code: 0; 1 if the file cannot be read, or the server cannot be asked; 3 if an error "
      "was found, with --strict if anything was.");
  auto flags = std::make_shared<LintFlags>();
  add_file_flag(*command, flags->graph.file);
  add_world_flags(*command, flags->graph);
  command->add_flag("--strict", flags->strict, "Let warnings count too");
  command->add_flag("--offline", flags->offline,
                    "Ask no server: the stored graph is taken for empty");
  add_target_flag(*command, flags->graph.target);
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_lint(session, *flags); };
  });
}

}  // namespace weir::cli
