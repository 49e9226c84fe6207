// SPDX-License-Identifier: Apache-2.0
#include "cli/reference.h"

#include <CLI/Option.hpp>

#include <string_view>
#include <vector>

#include "cli/manual/option_text.h"
#include "dagmanager/dagmanager_config.h"
#include "dagmanager/dagmanager_config_keys.h"
#include "dispatcher/dispatcher_config.h"
#include "server/config/config_key.h"
#include "worker/worker_config.h"

namespace weir::cli {
namespace {

/// A text inside a table's cell.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string code(std::string_view text) { return "`" + cell(text) + "`"; }

std::string option_default(const CLI::Option& option) {
  std::string text;
  if (option.get_required()) text = "required";
  if (!option.get_default_str().empty()) text = code(option.get_default_str());
  if (!option.get_envname().empty()) text += ", or environment " + code(option.get_envname());
  return text;
}

void add_options(std::string& out, const CLI::App& command) {
  bool any = false;
  for (const CLI::Option* option : command.get_options()) {
    if (!option_is_listed(*option)) continue;
    if (!any) out += "| option | default | meaning |\n|---|---|---|\n";
    any = true;
    out += "| " + code(option_usage(*option)) + " | " + option_default(*option) + " | " +
           cell(option->get_description()) + " |\n";
  }
  if (any) out += "\n";
}

void add_command(std::string& out, const CLI::App& command, const std::string& path) {
  const std::vector<const CLI::App*> below = command.get_subcommands({});
  if (below.empty()) {
    out += "## " + path + "\n\n" + command.get_description() + ".\n\n";
    add_options(out, command);
    if (!command.get_footer().empty()) out += command.get_footer() + "\n\n";
    return;
  }
  for (const CLI::App* next : below) {
    if (next->get_group().empty() || next->get_name() == "service") continue;
    add_command(out, *next, path + " " + next->get_name());
  }
}

std::string key_default(const server::KeyDescription& key) {
  if (!key.default_words.empty()) return cell(key.default_words);
  return key.default_text.empty() ? "none" : code(key.default_text);
}

std::string key_value(const server::KeyDescription& key) {
  using server::ValueKind;
  std::string text;
  switch (key.kind) {
    case ValueKind::Text:
      text = "text";
      break;
    case ValueKind::Integer:
      text = "whole number";
      break;
    case ValueKind::Number:
      text = "number";
      break;
    case ValueKind::Boolean:
      text = "true or false";
      break;
    case ValueKind::TextList:
      text = "list of texts";
      break;
    case ValueKind::TextMap:
      text = "mapping of texts";
      break;
  }
  if (!key.allowed.empty()) {
    text = key.kind == ValueKind::TextList ? "list of " : "";
    for (std::size_t i = 0; i < key.allowed.size(); ++i) {
      text += (i == 0 ? "" : ", ") + code(key.allowed[i]);
    }
  }
  return key.unit.empty() ? text : text + ", " + key.unit;
}

void add_keys(std::string& out, const std::vector<server::KeyDescription>& keys) {
  out += "| key | default | value | meaning |\n|---|---|---|---|\n";
  for (const server::KeyDescription& key : keys) {
    out += "| " + code(key.key);
    for (const std::string& name : key.second_names) out += ", second name " + code(name);
    if (key.secret) out += " (or " + code(key.key + "_file") + ")";
    if (key.top_level) out += " (top level)";
    std::string meaning = key.meaning;
    if (meaning.ends_with(dagmanager::kNotAvailableYet)) {
      meaning.resize(meaning.size() - std::string_view(dagmanager::kNotAvailableYet).size() - 1);
    }
    out += " | " + key_default(key) + " | " + key_value(key) + " | " + cell(meaning) + " |\n";
  }
  out += "\n";
}

}  // namespace

std::string cli_reference(const CLI::App& app) {
  std::string out =
      "# Command line\n\n"
      "Made by `weir docs cli` from the descriptions that `--help` shows; do not edit.\n\n"
      "`weir service dagmanager …` is another spelling of `weir dagmanager …`, with the same\n"
      "commands and flags. Results go to standard output, everything else to standard error; what\n"
      "takes longer than a second says so there. Exit codes: 0 done, 1 failed, 2 usage or\n"
      "configuration; where a command has others, it says so.\n\n"
      "Every command takes, before or after its name:\n\n";
  add_options(out, app);
  add_command(out, app, "weir");
  out.pop_back();
  return out;
}

std::string config_reference() {
  std::string out =
      "# Configuration\n\n"
      "Made by `weir docs config` from the key table that the parser uses; do not edit.\n\n"
      "A YAML file, named with `--config`. Each role reads its own section (`dagmanager`,\n"
      "`dispatcher`, `worker`), or the file's root if it has no such section; top-level keys "
      "stand\n"
      "at the root in both cases. A dot is a nested mapping. `<name>` stands for one of the names "
      "that\n"
      "the meaning lists. Unknown keys are an error. Changes take effect at the next start.\n\n"
      "The environment wins over the file: `QMTL__DAGMANAGER__<KEY>`, `WEIR__DISPATCHER__<KEY>`,\n"
      "`WEIR__WORKER__<KEY>`, in capitals, a dot as `__`; top-level keys as `QMTL__<KEY>`.\n"
      "`weir config show --role ROLE --origin` tells each value and where it comes from, `weir "
      "init`\n"
      "writes a file with all keys in comments.\n\n"
      "## dagmanager\n\n"
      "Without a file everything is in memory.\n\n";
  add_keys(out, dagmanager::available_config_keys());
  out +=
      "### Not available yet\n\n"
      "Known, so that a file for a later version says clearly what this one cannot do: another "
      "value\n"
      "than the default stops the start with the key's name and exit code 2. The same holds for\n"
      "`bolt://` and `neo4j://` in `graph_dsn`.\n\n";
  add_keys(out, dagmanager::later_config_keys());
  out += "## dispatcher\n\n`weir up` writes these for one machine.\n\n";
  add_keys(out, dispatcher::dispatcher_config_keys());
  out += "## worker\n\n`weir up` writes these for one machine.\n\n";
  add_keys(out, worker::worker_config_keys());
  out.pop_back();
  return out;
}

}  // namespace weir::cli
