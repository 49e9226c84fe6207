// SPDX-License-Identifier: Apache-2.0
#include "cli/graph_flags.h"

#include <utility>

#include "cli/client/grpc_fault.h"
#include "cli/console/console.h"
#include "cli/console/text_file.h"

namespace weir::cli {

DiffQuery GraphFlags::query(std::string dag_json, bool plan_only) const {
  return {.dag_json = std::move(dag_json),
          .fields = {.strategy = graph::StrategyId(strategy),
                     .context = {.world_id = world,
                                 .execution_domain = domain,
                                 .as_of = as_of,
                                 .partition = partition,
                                 .dataset_fingerprint = fingerprint}},
          .plan_only = plan_only};
}

std::string GraphFlags::context_text() const {
  std::string text = "strategy " + strategy;
  const auto add = [&text](const char* name, const std::string& value) {
    if (!value.empty()) text += std::string(", ") + name + " " + value;
  };
  add("world", world);
  add("domain", domain);
  add("as of", as_of);
  add("partition", partition);
  add("data set", fingerprint);
  return text;
}

void add_file_flag(CLI::App& command, std::string& file) {
  command
      .add_option("--file", file,
                  "The strategy graph: JSON, or base64 of it; - reads standard input")
      ->required()
      ->type_name("FILE");
}

void add_world_flags(CLI::App& command, GraphFlags& flags) {
  command
      .add_option("--world", flags.world, "World that computes it; gives its topics a namespace")
      ->type_name("ID");
  command
      .add_option("--domain", flags.domain,
                  "Execution domain: backtest, dryrun, live or shadow, or an alias of one")
      ->type_name("NAME");
  command.add_option("--as-of", flags.as_of, "Point in time of the data")->type_name("TIME");
}

void add_context_flags(CLI::App& command, GraphFlags& flags) {
  command
      .add_option("--strategy", flags.strategy,
                  "Name of the strategy that the graph is a deploy of")
      ->capture_default_str()
      ->type_name("ID");
  add_world_flags(command, flags);
  command.add_option("--partition", flags.partition, "Partition of the data")->type_name("NAME");
  command.add_option("--fingerprint", flags.fingerprint, "Fingerprint of the data set")
      ->type_name("TEXT");
}

std::optional<std::string> read_graph_file(const std::string& file) {
  Result<std::string> text = read_text_file(file);
  if (text.ok()) return *std::move(text);
  print_error("Failed to read file " + file + ": " + text.error().message() + "\n");
  return {};
}

void print_fault(const Error& error, const GraphFlags& flags) {
  std::string text = describe_fault(error, flags.target);
  if (error.code() == Code::InvalidArgument) text += "\nThe graph is " + flags.file + ".";
  print_error(text + "\n");
}

}  // namespace weir::cli
