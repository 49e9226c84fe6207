// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <memory>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/console/console.h"
#include "cli/tasks/api.h"
#include "cli/tasks/commands.h"
#include "cli/tasks/watch.h"

namespace weir::cli {
namespace {

struct RunFlags {
  ServerFlags server;
  WaitFlags wait;
  std::string dag;
  std::string job;
  std::string cursor;
  std::string partition;
  std::optional<std::int64_t> start;
  std::optional<std::int64_t> end;
  std::string payload;
  std::string key;
};

/// A number where the text is one that JSON holds, else the text (contract section 0).
JsonTree cursor_of(const std::string& text) {
  constexpr std::int64_t kIntegerMax = (std::int64_t{1} << 53) - 1;
  std::int64_t number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error == std::errc() && end == last && number <= kIntegerMax && number >= -kIntegerMax &&
      std::to_string(number) == text) {
    return number;
  }
  return text;
}

/// The body of the request; nothing, and why, if the payload is no JSON object.
std::optional<std::string> body_of(const RunFlags& flags) {
  JsonTree body = JsonTree::object();
  if (!flags.cursor.empty()) body["cursor"] = cursor_of(flags.cursor);
  if (!flags.partition.empty()) body["partition_key"] = flags.partition;
  if (flags.start) body["start"] = *flags.start;
  if (flags.end) body["end"] = *flags.end;
  if (!flags.payload.empty()) {
    JsonTree payload = JsonTree::parse(flags.payload, nullptr, /*allow_exceptions=*/false);
    if (!payload.is_object()) {
      print_error("weir run: --payload is a JSON object\nSee `weir run --help`.\n");
      return {};
    }
    body["payload"] = std::move(payload);
  }
  return body.dump(-1, ' ', false, JsonTree::error_handler_t::replace);
}

int run_run(const Session& session, const RunFlags& flags) {
  const std::optional<std::string> request = body_of(flags);
  if (!request) return kExitUsage;
  const auto api = Api::open(session, flags.server);
  if (!api) return kExitFailed;
  ApiPath path("/v1/dags");
  path.segment(flags.dag).segment("jobs").segment(flags.job).segment("runs");
  path.query("world", flags.server.world);
  const std::optional<std::string> body = api->call({.method = "POST",
                                                     .path = path.text(),
                                                     .content_type = "application/json",
                                                     .body = *request,
                                                     .repeat_key = flags.key});
  if (!body) return kExitFailed;
  const std::optional<JsonTree> answer = read_body(*body);
  if (!answer) return kExitFailed;
  if (session.json()) {
    print_body(*body);
  } else {
    print_out("Started task " + cell(*answer, {"task_id"}) + ".\n");
  }
  if (!flags.wait.wait) return kExitOk;
  std::string root = cell(*answer, {"event_id"});
  if (root == "-") {
    // A run that was there before does not tell its event; its task does.
    ApiPath task("/v1/tasks");
    const auto picture = api->get(task.segment(cell(*answer, {"task_id"})));
    if (!picture) return kExitFailed;
    root = cell(*picture, {"root_event_id"});
  }
  return watch_run(*api, {.what = flags.dag + "/" + flags.job,
                          .task_id = cell(*answer, {"task_id"}),
                          .root_event_id = root,
                          .seconds_max = flags.wait.seconds_max});
}

void add_scope_flags(CLI::App& command, RunFlags& flags) {
  CLI::Option* cursor =
      command
          .add_option("--cursor", flags.cursor,
                      "The cursor its event has; without cursor and partition the time")
          ->type_name("CURSOR");
  CLI::Option* partition =
      command.add_option("--partition", flags.partition, "The partition its event has")
          ->type_name("KEY");
  cursor->excludes(partition);
  CLI::Option* start =
      command.add_option("--start", flags.start, "First of the partition's range, included")
          ->type_name("N");
  CLI::Option* end =
      command.add_option("--end", flags.end, "Last of the partition's range, included")
          ->type_name("N");
  start->needs(partition)->needs(end);
  end->needs(partition)->needs(start);
  command.add_option("--payload", flags.payload, "What goes with the event: a JSON object")
      ->type_name("JSON");
  command.add_option("--key", flags.key, "Names this run: the same key again starts nothing new")
      ->type_name("KEY");
}

}  // namespace

void add_run(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand("run", "Start a manual source of a deployed DAG");
  command->footer(
      "Exit code: 0 done; 1 refused, unreachable, or with --wait a task failed; 2 usage.");
  auto flags = std::make_shared<RunFlags>();
  command->add_option("dag", flags->dag, "The DAG's name")->required()->type_name("DAG");
  command->add_option("job", flags->job, "Its manual source")->required()->type_name("JOB");
  add_server_flags(*command, flags->server);
  add_world_flag(*command, flags->server);
  add_scope_flags(*command, *flags);
  add_wait_flags(*command, flags->wait, "Wait until every task that this run causes is over");
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_run(session, *flags); };
  });
}

}  // namespace weir::cli
