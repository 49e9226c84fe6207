// SPDX-License-Identifier: Apache-2.0
#include "cli/app.h"

#include <CLI/CLI.hpp>

#include <map>
#include <string>

#include "cli/commands.h"
#include "cli/console/console.h"
#include "cli/tasks/commands.h"

namespace weir::cli {
namespace {

constexpr const char* kDescription =
    "Weir: a control plane for versioned dataflow graphs.\n\n"
    "Start here: `weir up` runs everything on this machine; `weir dagmanager diff --file F` plans "
    "a\n"
    "strategy graph, `weir dagmanager submit --file F` commits it; `weir dag deploy FILE` deploys "
    "a DAG\n"
    "file, `weir run DAG JOB` starts it, `weir dataset head NAME` shows rows.";

/// Options that every command takes, before or after its name.
void add_global_options(CLI::App& app, Session& session) {
  const std::map<std::string, OutputForm> forms = {
      {"table", OutputForm::Text}, {"text", OutputForm::Text}, {"json", OutputForm::Json}};
  app.add_option("-o,--output", session.output,
                 "Form of the output: table (or text) for people, json for machines")
      ->transform(CLI::CheckedTransformer(forms).description(""))
      ->type_name("table|text|json")
      ->default_str("table");
  app.add_option("-L,--lang", session.language,
                 "Language of messages; there is English only, so any is taken")
      ->type_name("LANG");
}

/// Options of the root are understood after a command's name too.
void let_fall_through(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    command->fallthrough();
    let_fall_through(*command);
  }
}

int usage_fault(const CLI::App& app, const CLI::ParseError& fault) {
  const CLI::App* command = &app;
  std::string path = "weir";
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    path += " " + command->get_name();
  }
  print_error(path + ": " + fault.what() + "\nSee `" + path + " --help`.\n");
  return kExitUsage;
}

}  // namespace

std::unique_ptr<CLI::App> make_app(Session& session) {
  auto app = std::make_unique<CLI::App>(kDescription, "weir");
  app->require_subcommand(1);
  app->set_version_flag("--version", std::string("weir ") + version(), "Print the version");
  add_global_options(*app, session);

  add_up(*app, session);
  add_down(*app, session);
  add_dagmanager(*app, session);
  CLI::App* service = app->add_subcommand("service", "The roles, as the specification spells them");
  service->require_subcommand(1);
  add_dagmanager(*service, session);
  add_dag(*app, session);
  add_run(*app, session);
  add_task(*app, session);
  add_dataset(*app, session);
  add_dispatcher(*app, session);
  add_worker(*app, session);
  add_check(*app, session);
  add_doctor(*app, session);
  add_init(*app, session);
  add_config(*app, session);
  add_version(*app, session);
  add_completion(*app, session);
  add_man(*app, session);
  add_docs(*app, session);
  add_operator(*app, session);
  add_head_child(*app, session);
  let_fall_through(*app);
  return app;
}

int run(int argc, char** argv) {
  Session session;
  const std::unique_ptr<CLI::App> app = make_app(session);
  try {
    app->parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app->exit(help);
  } catch (const CLI::Success& shown) {
    return app->exit(shown);
  } catch (const CLI::ParseError& fault) {
    return usage_fault(*app, fault);
  }
  const int code = session.action();
  if (out_failed()) {
    print_error("the output could not be written\n");
    return code == kExitOk ? kExitFailed : code;
  }
  return code;
}

}  // namespace weir::cli
