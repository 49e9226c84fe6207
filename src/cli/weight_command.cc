// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>
#include <string>

#include "cli/client/dagmanager_client.h"
#include "cli/client/grpc_fault.h"
#include "cli/commands.h"
#include "cli/console/console.h"
#include "cli/graph_flags.h"
#include "dagmanager/traffic_service.h"
#include "server/system_clock.h"

namespace weir::cli {
namespace {

struct WeightFlags {
  std::string sentinel;
  double weight = 0;
  std::string version;
  std::optional<std::string> world;
  std::optional<double> expect;
  std::string target = kTargetDefault;
};

std::string weight_line(const wire::TrafficWeight& weight) {
  std::string line = weight.sentinel_id() + " " + weight.version();
  if (!weight.world_id().empty()) line += " in " + weight.world_id();
  return line + ": " + std::to_string(weight.previous_weight()) + " -> " +
         std::to_string(weight.weight()) + "\n";
}

int run_weight(const Session& session, const WeightFlags& flags) {
  server::SystemClock clock;
  DagmanagerClient client(flags.target, clock);
  wire::SetTrafficWeightRequest request;
  request.set_sentinel_id(flags.sentinel);
  request.set_version(flags.version);
  if (flags.world) request.set_world_id(*flags.world);
  request.set_weight(flags.weight);
  if (flags.expect) request.set_expect_weight(*flags.expect);
  const auto weight = client.set_weight(request);
  if (!weight.ok()) {
    print_error(describe_fault(weight.error(), flags.target) + "\n");
    return kExitFailed;
  }
  print_out(session.json() ? dagmanager::weight_json(*weight) : weight_line(*weight));
  return kExitOk;
}

}  // namespace

void add_weight(CLI::App& parent, Session& session) {
  CLI::App* command =
      parent.add_subcommand("weight", "Set the share of traffic of a sentinel's version");
  auto flags = std::make_shared<WeightFlags>();
  command->add_option("--sentinel", flags->sentinel, "The sentinel")->required()->type_name("ID");
  command->add_option("--set", flags->weight, "The share, from 0 to 1")
      ->required()
      ->type_name("WEIGHT");
  command
      ->add_option("--version", flags->version,
                   "Its version; without it the newest of sentinel and world")
      ->type_name("LABEL");
  add_its_world_flag(*command, flags->world);
  command
      ->add_option("--expect", flags->expect,
                   "Refuse if the share is another one by now (`weight_changed`)")
      ->type_name("WEIGHT");
  add_target_flag(*command, flags->target);
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_weight(session, *flags); };
  });
}

}  // namespace weir::cli
