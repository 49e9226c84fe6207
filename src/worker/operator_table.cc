// SPDX-License-Identifier: Apache-2.0
#include "worker/operator_table.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "base/json.h"
#include "drivers/process/own_program.h"
#include "worker/limits.h"

namespace weir::worker {
namespace {

namespace fs = std::filesystem;

/// Built-in operators that run in a process of their own.
constexpr std::array<std::string_view, 3> kBuiltin = {"parquet_compact", "sequence_source",
                                                      "table_ingest"};
constexpr std::string_view kBuiltinVersion = "1";

std::string key_of(std::string_view name, std::string_view version) {
  return std::string(name) + "@" + std::string(version);
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || text.view().size() > kOperatorFileBytesMax) {
    return base::invalid_argument(
        "file_unreadable", "operators_file " + path + " cannot be read, or is larger than 4 MiB");
  }
  return std::move(text).str();
}

bool has(const std::vector<std::string>& list, const std::string& wanted) {
  return std::ranges::find(list, wanted) != list.end();
}

/// The text of a member that is a text or a number.
std::string word(JsonValue value, std::string_view otherwise) {
  return std::string(value.is_text() || value.is_number() ? value.text() : otherwise);
}

/// A part of a command as a child can be started with it, from whatever folder: one that begins
/// with `./`, or that names a file beside the registry file, is the whole path of that file.
std::string anchored(std::string part, const fs::path& folder) {
  if (part.starts_with("./")) return (folder / part.substr(2)).lexically_normal().string();
  std::error_code error;
  if (part.empty() || part.starts_with("/") || !fs::is_regular_file(folder / part, error)) {
    return part;
  }
  return (folder / part).lexically_normal().string();
}

}  // namespace

Result<OperatorTable> OperatorTable::load(const WorkerConfig& config) {
  OperatorTable table;
  const std::string program =
      config.operator_program.empty() ? process::own_program() : config.operator_program;
  table.program_ = program;
  for (const std::string_view name : kBuiltin) {
    table.commands_[key_of(name, kBuiltinVersion)] = {program, "operator", std::string(name)};
  }
  if (!config.operators_file.empty()) WEIR_CHECK(table.add_file(config.operators_file));
  for (const auto& [key, command] : table.commands_) {
    const std::string name = key.substr(0, key.find('@'));
    if (config.operators.empty() || has(config.operators, key) || has(config.operators, name)) {
      table.announced_.push_back(key);
    }
  }
  for (const std::string& wanted : config.operators) {
    if (std::ranges::none_of(table.announced_, [&](const std::string& key) {
          return key == wanted || key.starts_with(wanted + "@");
        })) {
      return base::invalid_argument("operators_invalid",
                                    "operators: `" + wanted +
                                        "` is neither built in nor has it a command in the "
                                        "operators_file");
    }
  }
  return table;
}

Result<void> OperatorTable::add_file(const std::string& path) {
  WEIR_TRY(const std::string text, read_file(path));
  WEIR_TRY(const JsonDocument document, JsonDocument::parse(text));
  const fs::path folder = fs::absolute(path).parent_path();
  std::vector<Fault> faults;
  std::size_t at = 0;
  for (const JsonValue entry : document.root().find("operators")) {
    const std::string pointer = base::json_pointer("/operators", at++);
    const JsonValue command = entry.find("command");
    if (command.missing()) continue;  // of another runtime
    std::vector<std::string> parts;
    for (const JsonValue part : command) {
      parts.push_back(anchored(std::string(part.text()), folder));
    }
    const std::string name = word(entry.find("name"), "");
    if (name.empty() || parts.empty() || parts.front().empty()) {
      faults.push_back(
          {"operators_invalid", pointer, "needs a name, and a command with at least the program"});
      continue;
    }
    commands_[key_of(name, word(entry.find("version"), "1"))] = std::move(parts);
  }
  if (faults.empty()) return {};
  return base::invalid_argument("operators_invalid", "operators_file " + path + " has faults")
      .with_faults(std::move(faults));
}

Result<std::vector<std::string>> OperatorTable::command(std::string_view name,
                                                        std::string_view version) const {
  const std::string key = key_of(name, version);
  const auto found = commands_.find(key);
  if (found == commands_.end() || !std::ranges::binary_search(announced_, key)) {
    return base::failed_precondition("unsupported_operator", "this worker does not run " + key);
  }
  return found->second;
}

}  // namespace weir::worker
