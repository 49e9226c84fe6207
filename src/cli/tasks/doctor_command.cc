// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/console/console.h"
#include "cli/tasks/commands.h"
#include "cli/tasks/doctor.h"
#include "cli/tasks/local_config.h"
#include "server/system_clock.h"

namespace weir::cli {
namespace {

int run_doctor(const Session& session, const LocalFlags& flags) {
  const auto config = load_local_config(flags);
  if (!config.ok()) return refuse_config(config.error());
  server::SystemClock clock;
  std::vector<Finding> findings = examine_databases(*config, clock);
  for (const auto& more :
       {examine_folders(*config), examine_secrets(*config), examine_operators()}) {
    findings.insert(findings.end(), more.begin(), more.end());
  }
  print_out(session.json() ? findings_json(findings) : findings_text(findings));
  return any_failed(findings) ? kExitFailed : kExitOk;
}

}  // namespace

void add_doctor(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand(
      "doctor", "Look whether the task plane can work here: a line each, with what mends it");
  command->footer("Exit code: 0 if nothing fails; 1 if something does; 2 usage or configuration.");
  auto flags = std::make_shared<LocalFlags>();
  add_local_flags(*command, *flags);
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_doctor(session, *flags); };
  });
}

}  // namespace weir::cli
