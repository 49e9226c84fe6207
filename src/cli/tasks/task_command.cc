// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/uuid.h"
#include "cli/console/console.h"
#include "cli/tasks/api.h"
#include "cli/tasks/commands.h"
#include "cli/tasks/limits.h"
#include "cli/tasks/task_text.h"
#include "cli/up/state_folder.h"
#include "graph/task_ids.h"
#include "worker/child/task_log.h"

namespace weir::cli {
namespace {

struct TaskFlags {
  ServerFlags server;
  PageFlags page;
  std::string id;
  std::string dag;
  std::string job;
  std::string state;
  std::string task_class;
  std::string kind;
  std::string root;
  bool archived = false;
};

int run_list(const Session& session, const TaskFlags& flags) {
  const auto api = Api::open(session, flags.server);
  if (!api) return kExitFailed;
  ApiPath path("/v1/tasks");
  path.query("dag", flags.dag).query("job", flags.job).query("state", flags.state);
  path.query("class", flags.task_class).query("kind", flags.kind).query("root", flags.root);
  if (flags.archived) path.query("archived", "true");
  path.query("world", flags.server.world).query("limit", std::to_string(flags.page.limit));
  path.query("cursor", flags.page.cursor);
  return api->show({.path = path.text()}, task_list_text);
}

/// The end of the log of the last attempt that has one on this machine; empty if none has.
std::string log_text(const std::string& state_dir, const JsonTree& task) {
  const std::optional<base::Uuid> id = base::Uuid::parse(cell(task, {"task_id"}));
  if (!id) return {};
  const std::filesystem::path folder = StatePaths{state_dir}.task_logs();
  for (std::int64_t attempt = number_at(task, {"attempt"}); attempt >= 1; --attempt) {
    const auto path = worker::task_log_path(folder, graph::TaskId(*id), static_cast<int>(attempt));
    const std::string tail = worker::read_log_tail(path, kLogTailBytes);
    if (tail.empty()) continue;
    return "\nLog of attempt " + std::to_string(attempt) + " (" + path.string() + "):\n" + tail +
           (tail.ends_with('\n') ? "" : "\n");
  }
  return {};
}

int run_show(const Session& session, const TaskFlags& flags) {
  const auto api = Api::open(session, flags.server);
  if (!api) return kExitFailed;
  ApiPath path("/v1/tasks");
  return api->show({.path = path.segment(flags.id).text()}, [&flags](const JsonTree& task) {
    return task_text(task) + log_text(flags.server.state_dir, task);
  });
}

int run_order(const Session& session, const TaskFlags& flags, const char* order) {
  const auto api = Api::open(session, flags.server);
  if (!api) return kExitFailed;
  ApiPath path("/v1/tasks");
  path.segment(flags.id).segment(order);
  return api->show({.method = "POST", .path = path.text()}, task_state_text);
}

void add_list(CLI::App& group, Session& session) {
  CLI::App* command = group.add_subcommand("list", "List tasks, the last first");
  auto flags = std::make_shared<TaskFlags>();
  add_server_flags(*command, flags->server);
  add_world_flag(*command, flags->server);
  command->add_option("--dag", flags->dag, "Of this DAG")->type_name("DAG");
  command->add_option("--job", flags->job, "Of this job")->type_name("JOB");
  command->add_option("--state", flags->state, "In this state")
      ->check(CLI::IsMember({"queued", "running", "retry_wait", "completed", "failed", "canceled"})
                  .description(""))
      ->type_name("queued|running|retry_wait|completed|failed|canceled");
  command->add_option("--class", flags->task_class, "Why they exist")
      ->check(CLI::IsMember({"live", "replay", "backfill", "recompute", "manual"}).description(""))
      ->type_name("live|replay|backfill|recompute|manual");
  command->add_option("--kind", flags->kind, "What they are")
      ->check(
          CLI::IsMember({"reactive", "source_run", "recompute", "sink", "check"}).description(""))
      ->type_name("reactive|source_run|recompute|sink|check");
  command->add_option("--root", flags->root, "Caused by this event")->type_name("EVENT");
  command->add_flag("--archived", flags->archived, "Those that were moved to history");
  add_page_flags(*command, flags->page);
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_list(session, *flags); };
  });
}

CLI::App* add_one(CLI::App& group, TaskFlags& flags, const char* name, const char* meaning) {
  CLI::App* command = group.add_subcommand(name, meaning);
  command->add_option("task", flags.id, "The task's id")
      ->required()
      ->check([](const std::string& text) {
        return base::Uuid::parse(text) ? std::string() : text + " is no id of a task";
      })
      ->type_name("TASK");
  add_server_flags(*command, flags.server);
  return command;
}

}  // namespace

void add_task(CLI::App& parent, Session& session) {
  CLI::App* group = parent.add_subcommand("task", "Tasks: list, look into, retry, cancel");
  group->require_subcommand(1);
  add_list(*group, session);
  auto shown = std::make_shared<TaskFlags>();
  CLI::App* show = add_one(*group, *shown, "show",
                           "Show a task with its attempts and, on its machine, the end of its log");
  show->callback([&session, shown] {
    session.action = [&session, shown] { return run_show(session, *shown); };
  });
  struct Order {
    const char* name;
    const char* meaning;
  };
  for (const Order order :
       {Order{"retry", "Queue a failed or canceled task again, with all its attempts"},
        Order{"cancel", "Cancel a task; one that runs is told to stop"}}) {
    auto flags = std::make_shared<TaskFlags>();
    CLI::App* command = add_one(*group, *flags, order.name, order.meaning);
    command->callback([&session, flags, order] {
      session.action = [&session, flags, order] { return run_order(session, *flags, order.name); };
    });
  }
}

}  // namespace weir::cli
