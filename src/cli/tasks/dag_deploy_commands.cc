// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "base/json_dump.h"
#include "base/text.h"
#include "cli/console/console.h"
#include "cli/console/text_file.h"
#include "cli/tasks/api.h"
#include "cli/tasks/commands.h"
#include "cli/tasks/dag_text.h"
#include "cli/tasks/watch.h"

namespace weir::cli {
namespace {

struct DeployFlags {
  ServerFlags server;
  WaitFlags wait;
  std::string file;
  std::string out;
  std::string plan;
  std::string activate = "auto";
  std::string old_version;
  std::string effects;
  std::vector<std::string> keep;
  bool run_sources = false;
  std::string expect_generation;
};

/// A DAG file's text, or nothing, and why.
std::optional<std::string> read_file(const std::string& path) {
  Result<std::string> text = read_text_file(path);
  if (text.ok()) return *std::move(text);
  print_error("Failed to read " + path + ": " + text.error().message() + "\n");
  return {};
}

void add_options(ApiPath& path, const DeployFlags& flags) {
  path.query("world", flags.server.world)
      .query("keep", base::join(flags.keep, ","))
      .query("old_version", flags.old_version)
      .query("effects", flags.effects);
}

/// The validate route's answer; nothing, and every fault is told, if the file is not valid.
std::optional<std::string> validate(Api& api, const DeployFlags& flags, const std::string& yaml) {
  ApiPath path("/v1/dags/validate");
  add_options(path, flags);
  const auto answer = api.client().call(
      {.method = "POST", .path = path.text(), .content_type = "application/yaml", .body = yaml});
  if (!answer.ok()) {
    print_error(answer.error());
    return {};
  }
  if (answer->ok()) return answer->body;
  const JsonTree problem = JsonTree::parse(answer->body, nullptr, /*allow_exceptions=*/false);
  if (api.session().json() && problem.is_object()) print_body(answer->body);
  print_error(faults_text(problem, flags.file));
  print_error(problem_of(*answer));
  return {};
}

int run_plan(const Session& session, const DeployFlags& flags) {
  const std::optional<std::string> yaml = read_file(flags.file);
  if (!yaml) return kExitUsage;
  const auto api = Api::open(session, flags.server);
  if (!api) return kExitFailed;
  const std::optional<std::string> body = validate(*api, flags, *yaml);
  if (!body) return kExitFailed;
  const std::optional<JsonTree> answer = read_body(*body);
  if (!answer) return kExitFailed;
  const JsonTree& plan = at(*answer, {"plan"});
  if (!flags.out.empty()) {
    const auto written = write_text_file(flags.out, plan.dump() + "\n");
    if (!written.ok()) {
      print_error("Failed to write " + written.error().message() + "\n");
      return kExitFailed;
    }
  }
  if (session.json()) {
    print_body(*body);
  } else {
    print_out(plan_jobs_text(plan, list_at(*answer, {"warnings"})));
  }
  return kExitOk;
}

/// What is deployed: the file, or a saved plan with it.
struct Deployment {
  std::string dag;
  ApiCall call;
};

Deployment of_plan(const DeployFlags& flags, const std::string& yaml, const JsonTree& plan) {
  Deployment deployment{.dag = cell(plan, {"dag"}),
                        .call = {.method = "POST", .content_type = "application/json"}};
  const JsonTree body = {{"yaml", yaml}, {"plan", plan}};
  deployment.call.body = base::dump_json(body);
  ApiPath path("/v1/dags");
  path.segment(deployment.dag).segment("versions").query("world", flags.server.world);
  path.query("activate", flags.activate).query("expect_generation", flags.expect_generation);
  deployment.call.path = path.text();
  return deployment;
}

Deployment of_file(const DeployFlags& flags, const std::string& yaml, const std::string& dag) {
  Deployment deployment{.dag = dag, .call = {.method = "POST", .content_type = "application/yaml"}};
  deployment.call.body = yaml;
  ApiPath path("/v1/dags");
  path.segment(dag).segment("versions");
  add_options(path, flags);
  path.query("activate", flags.activate).query("expect_generation", flags.expect_generation);
  if (flags.run_sources) path.query("run_sources", "true");
  deployment.call.path = path.text();
  return deployment;
}

/// Shows the plan and says what to send; nothing, and why, if the file or the plan is no good.
std::optional<Deployment> prepare(Api& api, const DeployFlags& flags, const std::string& yaml) {
  if (!flags.plan.empty()) {
    const std::optional<std::string> text = read_file(flags.plan);
    if (!text) return {};
    const JsonTree plan = JsonTree::parse(*text, nullptr, /*allow_exceptions=*/false);
    if (!plan.is_object() || !at(plan, {"dag"}).is_string()) {
      print_error("plan_invalid: " + flags.plan + " is no plan that `weir dag plan` wrote\n");
      return {};
    }
    if (!api.session().json()) print_out(plan_jobs_text(plan, JsonTree::array()));
    return of_plan(flags, yaml, plan);
  }
  const std::optional<std::string> body = validate(api, flags, yaml);
  if (!body) return {};
  const std::optional<JsonTree> answer = read_body(*body);
  if (!answer) return {};
  const JsonTree& plan = at(*answer, {"plan"});
  if (!api.session().json()) print_out(plan_jobs_text(plan, list_at(*answer, {"warnings"})));
  return of_file(flags, yaml, cell(plan, {"dag"}));
}

DeployToWatch to_watch(const DeployFlags& flags, const Deployment& deployment,
                       const JsonTree& answer) {
  DeployToWatch watched{.dag = deployment.dag,
                        .ends_ready = flags.activate == "manual",
                        .seconds_max = flags.wait.seconds_max};
  const JsonTree& id = at(answer, {"deploy", "deploy_id"});
  if (id.is_string()) watched.deploy_id = id.get<std::string>();
  for (const JsonTree& job : list_at(answer, {"deploy", "plan"})) {
    if (cell(job, {"action"}) == "reuse") watched.reused.insert(cell(job, {"job"}));
  }
  return watched;
}

int run_deploy(const Session& session, const DeployFlags& flags) {
  const std::optional<std::string> yaml = read_file(flags.file);
  if (!yaml) return kExitUsage;
  const auto api = Api::open(session, flags.server);
  if (!api) return kExitFailed;
  const std::optional<Deployment> deployment = prepare(*api, flags, *yaml);
  if (!deployment) return kExitFailed;
  const std::optional<std::string> body = api->call(deployment->call);
  if (!body) return kExitFailed;
  const std::optional<JsonTree> answer = read_body(*body);
  if (!answer) return kExitFailed;
  if (session.json()) {
    print_body(*body);
  } else {
    print_out(deploy_text(deployment->dag, *answer));
  }
  // On a terminal people see how it goes on; what failed there is shown, not an exit code.
  const bool shown = !session.json() && out_is_terminal() && error_is_terminal();
  if (flags.activate == "none" || !(flags.wait.wait || shown)) return kExitOk;
  const int code = watch_deploy(*api, to_watch(flags, *deployment, *answer));
  return flags.wait.wait ? code : kExitOk;
}

void add_shared(CLI::App& command, DeployFlags& flags) {
  command.add_option("file", flags.file, "DAG file, YAML; - reads standard input")
      ->required()
      ->type_name("FILE");
  add_server_flags(command, flags.server);
  add_world_flag(command, flags.server);
  command
      .add_option("--keep", flags.keep,
                  "Jobs whose output stays though only how they run has changed")
      ->delimiter(',')
      ->type_name("JOB,...");
  command
      .add_option("--old-version", flags.old_version,
                  "What the running version does meanwhile: live goes on, hold waits")
      ->check(CLI::IsMember({"live", "hold"}).description(""))
      ->type_name("live|hold");
  command.add_option("--effects", flags.effects, "Whether rebuilt results may page people")
      ->check(CLI::IsMember({"suppress", "fire"}).description(""))
      ->type_name("suppress|fire");
}

constexpr const char* kExits =
    "Exit code: 0 done; 1 refused, invalid, unreachable, or failed with --wait; 2 usage, or a "
    "file that cannot be read.";

}  // namespace

void add_dag_deploying(CLI::App& group, Session& session) {
  CLI::App* plan =
      group.add_subcommand("plan",
                           "Ask the server what a deploy of the file would do: nothing is "
                           "changed");
  plan->footer(kExits);
  auto planning = std::make_shared<DeployFlags>();
  add_shared(*plan, *planning);
  plan->add_option("--out", planning->out, "Write the plan, for `weir dag deploy --plan`")
      ->type_name("FILE");
  plan->callback([&session, planning] {
    session.action = [&session, planning] { return run_plan(session, *planning); };
  });

  CLI::App* deploy = group.add_subcommand(
      "deploy",
      "Store the file as a version of its DAG and make it current; on a terminal, show "
      "how its tasks go on");
  deploy->footer(kExits);
  auto flags = std::make_shared<DeployFlags>();
  add_shared(*deploy, *flags);
  deploy
      ->add_option("--plan", flags->plan,
                   "Carry out exactly this saved plan, with its options, or refuse")
      ->type_name("FILE");
  deploy
      ->add_option("--activate", flags->activate,
                   "auto: current when it is built; manual: wait for a word; none: only store it")
      ->check(CLI::IsMember({"auto", "manual", "none"}).description(""))
      ->capture_default_str()
      ->type_name("auto|manual|none");
  deploy->add_flag("--run-sources", flags->run_sources,
                   "Let sources run in another world than live");
  deploy
      ->add_option("--expect-generation", flags->expect_generation,
                   "Refuse if another deploy came first: the generation it is based on")
      ->check(CLI::NonNegativeNumber.description(""))
      ->type_name("N");
  add_wait_flags(*deploy, flags->wait, "Follow the deploy to its end, and the tasks it begins");
  deploy->callback([&session, flags] {
    session.action = [&session, flags] { return run_deploy(session, *flags); };
  });
}

}  // namespace weir::cli
