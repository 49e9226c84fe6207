// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include <array>
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
#include "cli/traffic/rollout_words.h"
#include "server/system_clock.h"

namespace weir::cli {
namespace {

struct CanaryFlags {
  std::string sentinel;
  std::string version;
  std::optional<std::string> world;
  std::string world_listed;
  std::string baseline;
  std::string steps;
  std::string evidence;
  std::string state;
  std::string id;
  std::string expect;
  std::string target = kTargetDefault;
};

void print_rollout(const Session& session, const wire::Rollout& rollout) {
  print_out(session.json() ? rollout_json(rollout) : rollout_line(rollout));
}

int canary_failed(const Error& error, const CanaryFlags& flags) {
  print_error(describe_fault(error, flags.target) + "\n");
  return kExitFailed;
}

int usage(const std::string& text) {
  print_error(text + "\n");
  return kExitUsage;
}

int run_start(const Session& session, const CanaryFlags& flags) {
  wire::StartRolloutRequest request;
  request.set_sentinel_id(flags.sentinel);
  request.set_version(flags.version);
  if (flags.world) request.set_world_id(*flags.world);
  if (!flags.baseline.empty()) read_baseline(flags.baseline, request);
  if (!flags.steps.empty()) {
    if (const auto read = read_steps(flags.steps, request); !read.ok()) {
      return usage(read.error().message());
    }
  }
  if (!flags.evidence.empty()) {
    const auto text = read_text_file(flags.evidence);
    if (!text.ok()) {
      print_error("Failed to read file " + flags.evidence + ": " + text.error().message() + "\n");
      return kExitFailed;
    }
    auto evidence = read_evidence(*text);
    if (!evidence.ok()) {
      print_error(flags.evidence + ": " + evidence.error().message() + "\n");
      return kExitFailed;
    }
    *request.mutable_evidence() = *std::move(evidence);
  }
  server::SystemClock clock;
  DagmanagerClient client(flags.target, clock);
  const auto started = client.start_rollout(request);
  if (!started.ok()) return canary_failed(started.error(), flags);
  print_rollout(session, *started);
  return kExitOk;
}

/// All that fit; with an id that one, which must be there.
int run_list(const Session& session, const CanaryFlags& flags) {
  server::SystemClock clock;
  DagmanagerClient client(flags.target, clock);
  wire::ListRolloutsRequest request;
  request.set_world_id(flags.world_listed);
  request.set_state(flags.state);
  const auto listed = client.list_rollouts(request);
  if (!listed.ok()) return canary_failed(listed.error(), flags);
  bool found = flags.id.empty();
  for (const wire::Rollout& rollout : listed->rollouts()) {
    if (!flags.id.empty() && rollout.rollout_id() != flags.id) continue;
    print_rollout(session, rollout);
    found = true;
  }
  if (found) return kExitOk;
  return canary_failed(
      Error(Code::NotFound, "unknown_rollout", "the newest 1,000 have no rollout " + flags.id),
      flags);
}

int run_change(const Session& session, const CanaryFlags& flags, const std::string& action) {
  wire::ChangeRolloutRequest request;
  request.set_rollout_id(flags.id);
  request.set_action(action);
  request.set_expect_state(flags.expect);
  server::SystemClock clock;
  DagmanagerClient client(flags.target, clock);
  const auto changed = client.change_rollout(request);
  if (!changed.ok()) return canary_failed(changed.error(), flags);
  print_rollout(session, *changed);
  return kExitOk;
}

using FlagsOf = std::shared_ptr<CanaryFlags>;

void add_start(CLI::App& group, Session& session, const FlagsOf& flags) {
  CLI::App* start = group.add_subcommand("start", "Begin to move traffic to a version");
  start->add_option("--sentinel", flags->sentinel, "The sentinel")->required()->type_name("ID");
  start->add_option("--version", flags->version, "Its version; without it the newest")
      ->type_name("LABEL");
  add_its_world_flag(*start, flags->world);
  start
      ->add_option("--baseline", flags->baseline,
                   "From whom traffic moves; without it the live version before")
      ->type_name("ID[@LABEL]");
  start
      ->add_option("--steps", flags->steps,
                   "Weights and how long each is held; without it 0.1 for a day, 0.5 for "
                   "canary.half_hold_seconds, 1")
      ->type_name("0.1:24h,0.5:1h,1");
  start
      ->add_option("--evidence", flags->evidence,
                   "What was proved of it: JSON with node_set, lint_errors, lint_warnings and "
                   "backtests, each a name, passed and report_hash")
      ->type_name("FILE");
  add_target_flag(*start, flags->target);
  start->callback([&session, flags] {
    session.action = [&session, flags] { return run_start(session, *flags); };
  });
}

void add_lists(CLI::App& group, Session& session, const FlagsOf& flags) {
  const auto run = [&session, flags] {
    session.action = [&session, flags] { return run_list(session, *flags); };
  };
  CLI::App* list = group.add_subcommand("list", "The newest 1,000, newest first");
  list->add_option("--state", flags->state, "Only these: running, paused, done or rolled_back")
      ->check(CLI::IsMember({"running", "paused", "done", "rolled_back"}).description(""))
      ->type_name("STATE");
  list->add_option("--world", flags->world_listed, "Only of this world")->type_name("ID");
  add_target_flag(*list, flags->target);
  list->callback(run);
  CLI::App* show = group.add_subcommand("show", "One of them");
  show->add_option("id", flags->id, "The rollout")->required()->type_name("ID");
  add_target_flag(*show, flags->target);
  show->callback(run);
}

struct ChangeCommand {
  const char* name;
  const char* help;
};

void add_change(CLI::App& group, Session& session, const FlagsOf& flags,
                const ChangeCommand& change) {
  CLI::App* command = group.add_subcommand(change.name, change.help);
  command->add_option("id", flags->id, "The rollout")->required()->type_name("ID");
  command->add_option("--expect", flags->expect, "Only if this is its state still")
      ->type_name("STATE");
  add_target_flag(*command, flags->target);
  command->callback([&session, flags, name = std::string(change.name)] {
    session.action = [&session, flags, name] { return run_change(session, *flags, name); };
  });
}

}  // namespace

void add_canary(CLI::App& parent, Session& session) {
  CLI::App* group = parent.add_subcommand(
      "canary", "Rollouts: traffic moves to a version step by step, watched, and back if it fails");
  group->require_subcommand(1);
  auto flags = std::make_shared<CanaryFlags>();
  add_start(*group, session, flags);
  add_lists(*group, session, flags);
  for (const ChangeCommand& change :
       std::array<ChangeCommand, 4>{{{"pause", "Leave the weights as they are, and judge no more"},
                                     {"resume", "Go on judging"},
                                     {"advance", "Take the next step now"},
                                     {"abort", "Go back to the weights before"}}}) {
    add_change(*group, session, flags, change);
  }
}

}  // namespace weir::cli
