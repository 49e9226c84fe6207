// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/tasks/api.h"
#include "cli/tasks/commands.h"
#include "cli/tasks/task_text.h"

namespace weir::cli {
namespace {

struct DatasetFlags {
  ServerFlags server;
  PageFlags page;
  std::string id;
  std::string version;
  std::string prefix;
};

using TextOf = std::string (*)(const JsonTree&);

int show(const Session& session, const DatasetFlags& flags, const ApiPath& path, TextOf text) {
  const auto api = Api::open(session, flags.server);
  if (!api) return kExitFailed;
  return api->show({.path = path.text()}, text);
}

void add_page(ApiPath& path, const PageFlags& page) {
  path.query("limit", std::to_string(page.limit)).query("cursor", page.cursor);
}

int run_list(const Session& session, const DatasetFlags& flags) {
  ApiPath path("/v1/datasets");
  add_page(path.query("world", flags.server.world), flags.page);
  return show(session, flags, path, dataset_list_text);
}

int run_show(const Session& session, const DatasetFlags& flags) {
  ApiPath path("/v1/datasets");
  path.segment(flags.id).query("world", flags.server.world);
  return show(session, flags, path, dataset_text);
}

int run_versions(const Session& session, const DatasetFlags& flags) {
  ApiPath path("/v1/datasets");
  add_page(path.segment(flags.id).segment("versions").query("world", flags.server.world),
           flags.page);
  return show(session, flags, path, dataset_versions_text);
}

int run_partitions(const Session& session, const DatasetFlags& flags) {
  ApiPath path("/v1/datasets");
  path.segment(flags.id).segment("partitions").query("world", flags.server.world);
  add_page(path.query("dataset_version", flags.version).query("prefix", flags.prefix), flags.page);
  return show(session, flags, path, dataset_partitions_text);
}

std::shared_ptr<DatasetFlags> add_dataset_reading(CLI::App& command, Session& session,
                                                  int (*run)(const Session&, const DatasetFlags&)) {
  auto flags = std::make_shared<DatasetFlags>();
  add_server_flags(command, flags->server);
  add_world_flag(command, flags->server);
  command.callback([&session, flags, run] {
    session.action = [&session, flags, run] { return run(session, *flags); };
  });
  return flags;
}

void add_name(CLI::App& command, DatasetFlags& flags) {
  command.add_option("dataset", flags.id, "The dataset's published name")
      ->required()
      ->type_name("DATASET");
}

}  // namespace

void add_dataset(CLI::App& parent, Session& session) {
  CLI::App* group = parent.add_subcommand("dataset", "Published datasets: what they hold");
  group->require_subcommand(1);
  CLI::App* list = group->add_subcommand("list", "List datasets");
  add_page_flags(*list, add_dataset_reading(*list, session, run_list)->page);

  CLI::App* one = group->add_subcommand("show", "Show a dataset: owner, version, size, columns");
  add_name(*one, *add_dataset_reading(*one, session, run_show));

  CLI::App* versions =
      group->add_subcommand("versions", "List the versions of a dataset, newest first");
  const auto versioned = add_dataset_reading(*versions, session, run_versions);
  add_name(*versions, *versioned);
  add_page_flags(*versions, versioned->page);

  CLI::App* partitions =
      group->add_subcommand("partitions", "List the committed partitions of a dataset, by key");
  const auto parted = add_dataset_reading(*partitions, session, run_partitions);
  add_name(*partitions, *parted);
  partitions
      ->add_option("--version", parted->version, "Of this version; without it the current one")
      ->type_name("ID");
  partitions->add_option("--prefix", parted->prefix, "Whose keys begin so")->type_name("TEXT");
  add_page_flags(*partitions, parted->page);
  add_dataset_head(*group, session);
}

}  // namespace weir::cli
