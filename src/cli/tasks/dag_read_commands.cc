// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/tasks/api.h"
#include "cli/tasks/commands.h"
#include "cli/tasks/dag_text.h"

namespace weir::cli {
namespace {

struct ReadFlags {
  ServerFlags server;
  PageFlags page;
  std::string dag;
  std::string pointer_set;
};

using TextOf = std::string (*)(const JsonTree&);

int show(const Session& session, const ReadFlags& flags, const ApiPath& path, TextOf text) {
  const auto api = Api::open(session, flags.server);
  if (!api) return kExitFailed;
  return api->show({.path = path.text()}, text);
}

int run_list(const Session& session, const ReadFlags& flags) {
  ApiPath path("/v1/dags");
  path.query("world", flags.server.world).query("limit", std::to_string(flags.page.limit));
  return show(session, flags, path.query("cursor", flags.page.cursor), dag_list_text);
}

int run_show(const Session& session, const ReadFlags& flags) {
  ApiPath path("/v1/dags");
  path.segment(flags.dag).query("world", flags.server.world);
  return show(session, flags, path, dag_text);
}

int run_versions(const Session& session, const ReadFlags& flags) {
  ApiPath path("/v1/dags");
  path.segment(flags.dag).segment("versions").query("world", flags.server.world);
  path.query("limit", std::to_string(flags.page.limit)).query("cursor", flags.page.cursor);
  return show(session, flags, path, dag_versions_text);
}

int run_graph(const Session& session, const ReadFlags& flags) {
  ApiPath path("/v1/dags");
  path.segment(flags.dag).segment("graph").query("world", flags.server.world);
  path.query("pointer_set", flags.pointer_set);
  return show(session, flags, path, dag_graph_text);
}

/// A command with the flags that all of them have.
std::shared_ptr<ReadFlags> add_reading(CLI::App& command, Session& session,
                                       int (*run)(const Session&, const ReadFlags&)) {
  auto flags = std::make_shared<ReadFlags>();
  add_server_flags(command, flags->server);
  add_world_flag(command, flags->server);
  command.callback([&session, flags, run] {
    session.action = [&session, flags, run] { return run(session, *flags); };
  });
  return flags;
}

void add_name(CLI::App& command, ReadFlags& flags) {
  command.add_option("dag", flags.dag, "The DAG's name")->required()->type_name("DAG");
}

}  // namespace

void add_dag_reading(CLI::App& group, Session& session) {
  CLI::App* list = group.add_subcommand("list", "List DAGs, with their tasks that are not done");
  add_page_flags(*list, add_reading(*list, session, run_list)->page);

  CLI::App* one = group.add_subcommand("show", "Show a DAG: its version, jobs and datasets");
  add_name(*one, *add_reading(*one, session, run_show));

  CLI::App* versions = group.add_subcommand("versions", "List the versions of a DAG, newest first");
  const auto paged = add_reading(*versions, session, run_versions);
  add_name(*versions, *paged);
  add_page_flags(*versions, paged->page);

  CLI::App* graph = group.add_subcommand("graph", "Show a DAG's jobs with their tasks and rows");
  const auto pictured = add_reading(*graph, session, run_graph);
  add_name(*graph, *pictured);
  graph
      ->add_option("--pointer-set", pictured->pointer_set,
                   "current, previous, candidate, or the id of a pointer set")
      ->type_name("SET");
}

}  // namespace weir::cli
