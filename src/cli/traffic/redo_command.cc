// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>
#include <string>

#include "cli/client/dagmanager_client.h"
#include "cli/client/grpc_fault.h"
#include "cli/client/target_flag.h"
#include "cli/console/console.h"
#include "cli/console/text_file.h"
#include "cli/traffic/commands.h"
#include "cli/traffic/message_text.h"
#include "server/system_clock.h"

namespace weir::cli {
namespace {

struct RedoFlags {
  std::string sentinel;
  std::string file;
  std::optional<std::string> world;
  bool rollback = false;
  std::string target = kTargetDefault;
};

int run_redo(const Session& session, const RedoFlags& flags) {
  wire::RedoDiffRequest request;
  request.set_sentinel_id(flags.sentinel);
  if (flags.world) request.set_world_id(*flags.world);
  request.set_rollback(flags.rollback);
  if (!flags.file.empty()) {
    auto text = read_text_file(flags.file);
    if (!text.ok()) {
      print_error("Failed to read file " + flags.file + ": " + text.error().message() + "\n");
      return kExitFailed;
    }
    request.set_dag_json(*std::move(text));
  }
  server::SystemClock clock;
  DagmanagerClient client(flags.target, clock);
  const auto result = client.redo_diff(request);
  if (!result.ok()) {
    print_error(describe_fault(result.error(), flags.target) + "\n");
    return kExitFailed;
  }
  print_out(session.json() ? result_json(*result) : result_text(*result));
  return kExitOk;
}

}  // namespace

void add_redo_diff(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand(
      "redo-diff", "Put out a hotfix under a sentinel, or take its newest deploy back");
  command->footer(
      "With --file: the graph goes out as the sentinel's next version, `v1-hotfix` after `v1` "
      "unless it states its own, and takes over the share of traffic. With --rollback: the newest "
      "deploy is taken back and its predecessor gets the share. With neither: what is deployed.\n\n"
      "Exit code: 0; 1 if the file cannot be read or the server refuses.");
  auto flags = std::make_shared<RedoFlags>();
  command->add_option("--sentinel", flags->sentinel, "The sentinel")->required()->type_name("ID");
  CLI::Option* file = command
                          ->add_option("--file", flags->file,
                                       "The hotfix: JSON, or base64 of it; - reads standard input")
                          ->type_name("FILE");
  command->add_flag("--rollback", flags->rollback, "Take the newest deploy back")->excludes(file);
  add_its_world_flag(*command, flags->world);
  add_target_flag(*command, flags->target);
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_redo(session, *flags); };
  });
}

}  // namespace weir::cli
