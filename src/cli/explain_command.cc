// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/client/dagmanager_client.h"
#include "cli/commands.h"
#include "cli/console/console.h"
#include "cli/console/progress.h"
#include "cli/explain_text.h"
#include "cli/graph_flags.h"
#include "graph/explain.h"
#include "server/system_clock.h"

namespace weir::cli {
namespace {

using graph::ExplainedNode;
using graph::Explanation;

struct ExplainFlags {
  GraphFlags graph;
  std::string against;
  std::string node;
  bool verbose = false;
};

/// Both sides and what is known beside them. The explanations point into it.
struct Sides {
  std::vector<ExplainedNode> file;
  std::vector<ExplainedNode> other;
  DiffOutcome plan;
  std::string other_name;
};

/// Reads and explains one file, or says why not.
std::optional<std::vector<ExplainedNode>> nodes_of_file(const std::string& path,
                                                        const std::string& text) {
  Result<std::vector<ExplainedNode>> nodes = graph::explained_nodes(text);
  if (nodes.ok()) return *std::move(nodes);
  print_error(path + ": " + nodes.error().describe() + "\n");
  return {};
}

std::vector<ExplainedNode> stored_nodes(
    const std::vector<qmtl::services::dagmanager::NodeRecord>& records) {
  std::vector<ExplainedNode> nodes;
  nodes.reserve(records.size());
  for (const auto& record : records) nodes.push_back(stored_node(record));
  return nodes;
}

bool is_node(const ExplainedNode& node, const std::string& id) {
  return node.stated == id || node.node_id == id;
}

/// True if --node names a node that the file does not have.
bool wants_stored_node(const ExplainFlags& flags, const Sides& sides) {
  return !flags.node.empty() && std::ranges::none_of(sides.file, [&](const ExplainedNode& node) {
    return is_node(node, flags.node);
  });
}

Result<void> ask_server(const ExplainFlags& flags, const std::string& dag, Sides& sides) {
  server::SystemClock clock;
  DagmanagerClient client(flags.graph.target, clock);
  Progress progress("explaining " + flags.graph.file, clock);
  WEIR_TRY(sides.plan, client.diff(flags.graph.query(dag, /*plan_only=*/true)));
  if (wants_stored_node(flags, sides)) {
    WEIR_TRY(const auto records, client.describe_nodes({flags.node}));
    sides.other = stored_nodes(records);
    sides.other_name = "the stored node " + flags.node;
    return {};
  }
  WEIR_TRY(const auto records, client.describe_deploy(flags.graph.strategy, flags.graph.world));
  sides.other = stored_nodes(records);
  sides.other_name = "the newest deploy of strategy " + flags.graph.strategy;
  if (!flags.graph.world.empty()) sides.other_name += " in world " + flags.graph.world;
  return {};
}

/// Fills both sides, or says why not.
bool gather(const ExplainFlags& flags, Sides& sides) {
  const auto dag = read_graph_file(flags.graph.file);
  if (!dag) return false;
  if (flags.against.empty()) {
    auto file = nodes_of_file(flags.graph.file, *dag);
    if (!file) return false;
    sides.file = *std::move(file);
    const Result<void> asked = ask_server(flags, *dag, sides);
    if (!asked.ok()) print_fault(asked.error(), flags.graph);
    return asked.ok();
  }
  const auto against = read_graph_file(flags.against);
  if (!against) return false;
  auto file = nodes_of_file(flags.graph.file, *dag);
  auto other = nodes_of_file(flags.against, *against);
  if (!file || !other) return false;
  sides.file = *std::move(file);
  sides.other = *std::move(other);
  sides.other_name = flags.against;
  return true;
}

/// Leaves the explanation of --node alone. False, and says so, where there is none.
bool keep_one(const ExplainFlags& flags, const Sides& sides,
              std::vector<Explanation>& explanations) {
  const bool stored = wants_stored_node(flags, sides);
  std::erase_if(explanations, [&](const Explanation& explanation) {
    const ExplainedNode* named = stored ? explanation.other : explanation.node;
    const bool paired = explanation.node != nullptr && explanation.other != nullptr;
    return named == nullptr || !is_node(*named, flags.node) || (stored && !paired);
  });
  if (!explanations.empty()) return true;
  print_error("no_counterpart: " + flags.graph.file + " has no node " + flags.node +
              ", and in it " + sides.other_name +
              " has no counterpart that its id, its name, or its type, interval and tags tell\n");
  return false;
}

int run_explain(const Session& session, const ExplainFlags& flags) {
  Sides sides;
  if (!gather(flags, sides)) return kExitFailed;
  std::vector<Explanation> explanations = graph::explain(sides.file, sides.other);
  if (!flags.node.empty() && !keep_one(flags, sides, explanations)) return kExitFailed;
  const PlanByNode plan = plan_by_node(sides.plan.plan);
  if (session.json()) {
    std::string lines;
    for (const Explanation& explanation : explanations) lines += explain_json(explanation, plan);
    print_out(lines);
  } else {
    if (sides.other.empty()) print_error(sides.other_name + " has no nodes.\n");
    print_out(explain_text(explanations, plan,
                           {.title = flags.graph.file + " compared with " + sides.other_name,
                            .verbose = flags.verbose || !flags.node.empty(),
                            .colours = out_shows_colours()}));
  }
  for (const Explanation& explanation : explanations) {
    if (!unexplained(explanation)) continue;
    print_error("internal: node " + explanation.node->stated +
                " has another id than its counterpart, and no part of it differs; please report\n");
    return kExitFailed;
  }
  return kExitOk;
}

}  // namespace

void add_explain(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand(
      "explain",
      "Tell which field made a node's name differ: from another file, or from what is stored");
  command->footer(
      "Exit code: 0; 1 if a file cannot be read, the server refuses, or --node has no "
      "counterpart (`no_counterpart`).");
  auto flags = std::make_shared<ExplainFlags>();
  add_file_flag(*command, flags->graph.file);
  command
      ->add_option("--against", flags->against,
                   "The file to compare with; without it the newest deploy of the strategy")
      ->type_name("FILE");
  command
      ->add_option("--node", flags->node,
                   "This node alone; one that the file does not have is looked up in the store")
      ->type_name("ID");
  add_context_flags(*command, flags->graph);
  add_target_flag(*command, flags->graph.target);
  command->add_flag("-v,--verbose", flags->verbose, "List the nodes that are the same too");
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_explain(session, *flags); };
  });
}

}  // namespace weir::cli
