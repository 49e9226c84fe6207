// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include "base/json_line.h"
#include "cli/client/dagmanager_client.h"
#include "cli/client/grpc_fault.h"
#include "cli/client/target_flag.h"
#include "cli/console/console.h"
#include "cli/queues/commands.h"
#include "server/system_clock.h"

namespace weir::cli {
namespace {

struct GcFlags {
  std::string sentinel;
  std::string target = kTargetDefault;
};

std::string done_json(const std::string& sentinel) {
  std::string out;
  JsonLine(out).text("sentinel", sentinel).flag("triggered", true).end();
  return out + '\n';
}

int run_gc(const Session& session, const GcFlags& flags) {
  server::SystemClock clock;
  DagmanagerClient client(flags.target, clock);
  const auto done = client.cleanup(flags.sentinel);
  if (!done.ok()) {
    print_error(describe_fault(done.error(), flags.target) + "\n");
    return kExitFailed;
  }
  print_out(session.json() ? done_json(flags.sentinel)
                           : "GC triggered for sentinel: " + flags.sentinel + "\n");
  return kExitOk;
}

}  // namespace

void add_gc(CLI::App& parent, Session& session) {
  CLI::App* command =
      parent.add_subcommand("gc", "End the deploys of a sentinel and collect what they leave");
  command->footer(
      "The deploys are ended at once: their queues are held by them no more, unless the sentinel "
      "still has a share of traffic. Queues that nobody else holds go once they are past their "
      "time to live and grace.\n\n"
      "Exit code: 0, also where nothing bears the id; 1 if the server refuses.");
  auto flags = std::make_shared<GcFlags>();
  command
      ->add_option("--sentinel", flags->sentinel,
                   "The sentinel, its strategy, or a version label that no other sentinel bears")
      ->required()
      ->type_name("ID");
  add_target_flag(*command, flags->target);
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_gc(session, *flags); };
  });
}

}  // namespace weir::cli
