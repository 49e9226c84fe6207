// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/console/config_faults.h"
#include "cli/console/console.h"
#include "cli/console/text_file.h"
#include "cli/tasks/commands.h"
#include "cli/validation_text.h"
#include "dispatcher/dagfile/json_schema.h"
#include "dispatcher/dagfile/known_names.h"
#include "dispatcher/dagfile/operator_registry.h"
#include "dispatcher/dagfile/validate.h"
#include "server/system_clock.h"

namespace weir::cli {
namespace {

struct ValidateFlags {
  std::vector<std::string> files;
  std::string registry;
  std::string operators;
};

/// Reads a file, or says why not.
std::optional<std::string> read_or_say(const std::string& path) {
  Result<std::string> text = read_text_file(path);
  if (text.ok()) return *std::move(text);
  print_error("Failed to read " + path + ": " + text.error().message() + "\n");
  return {};
}

void say_faults(const std::string& path, const Error& error) {
  print_error(path + ": " + error.message() + "\n" + config_faults_text(error));
}

/// The built-in operators and, if a file is named, those in it; nothing, and says why, if that
/// cannot be used.
std::optional<dispatcher::OperatorRegistry> read_operators(const std::string& path) {
  dispatcher::OperatorRegistry operators;
  if (path.empty()) return operators;
  const std::optional<std::string> text = read_or_say(path);
  if (!text) return {};
  const Result<void> added = operators.add_file(*text);
  if (added.ok()) return operators;
  say_faults(path, added.error());
  return {};
}

/// What the registry file knows, or nothing, and says why, if it cannot be used.
std::optional<dispatcher::KnownNames> read_registry(const std::string& path) {
  const std::optional<std::string> text = read_or_say(path);
  if (!text) return {};
  Result<dispatcher::KnownNames> known = dispatcher::read_known_names(*text);
  if (known.ok()) return *std::move(known);
  say_faults(path, known.error());
  return {};
}

int run_validate(const Session& session, const ValidateFlags& flags) {
  const auto operators = read_operators(flags.operators);
  if (!operators) return kExitUsage;
  std::optional<dispatcher::KnownNames> known;
  if (!flags.registry.empty()) {
    known = read_registry(flags.registry);
    if (!known) return kExitUsage;
  }
  std::vector<std::string> texts;
  for (const std::string& file : flags.files) {
    std::optional<std::string> text = read_or_say(file);
    if (!text) return kExitUsage;
    texts.push_back(*std::move(text));
  }
  const server::SystemClock clock;
  std::vector<FileReport> reports;
  bool valid = true;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    reports.push_back(
        {flags.files[i],
         dispatcher::validate_dag(texts[i], {.mode = known ? dispatcher::ValidationMode::Snapshot
                                                           : dispatcher::ValidationMode::Offline,
                                             .operators = *operators,
                                             .known = known ? &*known : nullptr,
                                             .now = clock.now()})});
    valid = valid && reports.back().report.valid();
  }
  print_out(session.json() ? validation_json(reports) : validation_text(reports));
  return valid ? kExitOk : kExitFailed;
}

int run_schema(const std::string& operators_file) {
  const auto operators = read_operators(operators_file);
  if (!operators) return kExitUsage;
  print_out(dispatcher::dag_json_schema(*operators));
  return kExitOk;
}

void add_operators_flag(CLI::App& command, std::string& path) {
  command
      .add_option("--operators", path,
                  "Registry file of extension operators, beside the built-in ones")
      ->type_name("FILE");
}

void add_validate(CLI::App& group, Session& session) {
  CLI::App* command = group.add_subcommand(
      "validate", "Check DAG files without a server: every fault, with its line and column");
  command->footer(
      "Exit code: 0 if all files are valid; 1 if any is not; 2 for a file that cannot be read, "
      "or a registry file that cannot be used.");
  auto flags = std::make_shared<ValidateFlags>();
  command->add_option("files", flags->files, "DAG files, YAML; - reads standard input")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--registry", flags->registry,
                   "What else exists, JSON: {\"datasets\":{id:{column:type}},"
                   "\"bundles\":{id:language}}")
      ->type_name("FILE");
  add_operators_flag(*command, flags->operators);
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_validate(session, *flags); };
  });
}

}  // namespace

void add_dag(CLI::App& parent, Session& session) {
  CLI::App* group = parent.add_subcommand(
      "dag", "DAG files, jobs that are wired by datasets: check, deploy, look at them");
  group->require_subcommand(1);
  add_validate(*group, session);
  add_dag_deploying(*group, session);
  add_dag_reading(*group, session);
  CLI::App* schema = group->add_subcommand(
      "schema", "Print the JSON Schema of DAG files, for editors that complete and check");
  auto operators = std::make_shared<std::string>();
  add_operators_flag(*schema, *operators);
  schema->callback(
      [&session, operators] { session.action = [operators] { return run_schema(*operators); }; });
}

}  // namespace weir::cli
