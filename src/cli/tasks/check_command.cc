// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/console/console.h"
#include "cli/tasks/api.h"
#include "cli/tasks/commands.h"
#include "cli/tasks/limits.h"
#include "cli/tasks/local_config.h"
#include "dispatcher/ports/database/postgres_auditor.h"
#include "server/shutdown.h"

namespace weir::cli {
namespace {

struct CheckFlags {
  LocalFlags local;
  bool live = false;
};

std::string check_text(const std::vector<dispatcher::AuditCount>& counts) {
  std::string text;
  std::int64_t violations = 0;
  for (const dispatcher::AuditCount& count : counts) {
    violations += count.violations;
    std::string line = (count.violations == 0 ? "ok    " : "FAIL  ") + std::string(count.id);
    line.append(line.size() < 12 ? 12 - line.size() : 1, ' ');
    text += line + grouped(count.violations) + "  " + std::string(count.statement) + "\n";
  }
  return text + (violations == 0 ? "Everything holds.\n" : grouped(violations) + " violations.\n");
}

std::string check_json(const std::vector<dispatcher::AuditCount>& counts) {
  JsonTree invariants = JsonTree::array();
  std::int64_t violations = 0;
  for (const dispatcher::AuditCount& count : counts) {
    violations += count.violations;
    invariants.push_back(
        {{"id", count.id}, {"statement", count.statement}, {"violations", count.violations}});
  }
  return JsonTree{{"violations", violations}, {"invariants", std::move(invariants)}}.dump() + "\n";
}

Result<std::vector<dispatcher::AuditCount>> audit(const dispatcher::DispatcherConfig& config) {
  using dispatcher::ServiceRole;
  WEIR_TRY(const auto state, connect_as(config.state_dsn, ServiceRole::Dispatcher));
  std::unique_ptr<postgres::Connection> data;
  if (!config.data_dsn.empty() && config.data_dsn != config.state_dsn) {
    WEIR_TRY(data, connect_as(config.data_dsn, ServiceRole::Dispatcher));
  }
  return dispatcher::run_audit(*state, data.get());
}

/// Whether anything is violated; nothing, and why, if that could not be found out.
std::optional<bool> check_once(const Session& session, const dispatcher::DispatcherConfig& config) {
  const auto counts = audit(config);
  if (!counts.ok()) {
    print_error(counts.error());
    return {};
  }
  print_out(session.json() ? check_json(*counts) : check_text(*counts));
  for (const dispatcher::AuditCount& count : *counts) {
    if (count.violations > 0) return true;
  }
  return false;
}

/// Waits for the next round; false if a signal ends them.
bool wait_for_next() {
  sigset_t stops;
  sigemptyset(&stops);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&stops, number);
  const timespec span{.tv_sec = kCheckEvery.count(), .tv_nsec = 0};
  return sigtimedwait(&stops, nullptr, &span) < 0;
}

int run_check(const Session& session, const CheckFlags& flags) {
  const auto config = load_local_config(flags.local);
  if (!config.ok()) return refuse_config(config.error());
  if (flags.live) server::block_shutdown_signals();
  bool failed = false;
  do {
    const std::optional<bool> violated = check_once(session, *config);
    // A database that is away for a while does not end the watch.
    failed = failed || violated.value_or(true);
  } while (flags.live && wait_for_next());
  return failed ? kExitFailed : kExitOk;
}

}  // namespace

void add_check(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand(
      "check", "Count, in the task plane's database, what breaks its invariants: a line each");
  command->footer(
      "Exit code: 0 if everything holds; 1 if not, or it cannot be found out; 2 usage "
      "or configuration.");
  auto flags = std::make_shared<CheckFlags>();
  add_local_flags(*command, flags->local);
  command->add_flag("--live", flags->live, "Repeat each minute, until Ctrl-C");
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_check(session, *flags); };
  });
}

}  // namespace weir::cli
