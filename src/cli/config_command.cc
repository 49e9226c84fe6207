// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/console/config_faults.h"
#include "cli/console/console.h"
#include "cli/console/text_file.h"
#include "dagmanager/dagmanager_config.h"
#include "dispatcher/dispatcher_config.h"
#include "server/config/config_file.h"
#include "worker/worker_config.h"

namespace weir::cli {
namespace {

/// A role's keys, where it reads them, and whether it would start on them.
struct Role {
  std::string_view name;
  std::vector<server::KeyDescription> keys;
  server::LoadOptions (*load_options)(std::optional<std::filesystem::path>);
  Result<void> (*check)(const server::Config&);
};

template <auto Make>
Result<void> check_with(const server::Config& config) {
  const auto made = Make(config);
  if (made.ok()) return {};
  return made.error();
}

std::vector<Role> roles() {
  return {{dagmanager::kConfigSection, dagmanager::dagmanager_config_keys(),
           dagmanager::dagmanager_load_options, check_with<dagmanager::make_dagmanager_config>},
          {dispatcher::kConfigSection, dispatcher::dispatcher_config_keys(),
           dispatcher::dispatcher_load_options, check_with<dispatcher::make_dispatcher_config>},
          {worker::kConfigSection, worker::worker_config_keys(), worker::worker_load_options,
           check_with<worker::make_worker_config>}};
}

struct InitFlags {
  std::string folder = ".";
  bool force = false;
};

int run_init(const Session& session, const InitFlags& flags) {
  const std::filesystem::path folder = flags.folder;
  const std::filesystem::path file = folder / "weir.yml";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    print_error("Failed to make folder " + folder.string() + ": " + error.message() + "\n");
    return kExitFailed;
  }
  if (!flags.force && std::filesystem::exists(file, error)) {
    print_error(file.string() + " is there already; --force writes over it.\n");
    return kExitFailed;
  }
  std::string text;
  for (const Role& role : roles()) {
    if (!text.empty()) text += "\n";
    text += server::sample_config(role.keys, std::string(role.name));
  }
  if (const auto written = write_text_file(file, text); !written.ok()) {
    print_error("Failed to write " + written.error().message() + "\n");
    return kExitFailed;
  }
  if (session.json()) {
    nlohmann::ordered_json line;
    line["file"] = file.string();
    print_out(line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
    return kExitOk;
  }
  print_out("Wrote " + file.string() + ": everything in memory, every key explained.\n" +
            "Start with: weir dagmanager server --config " + file.string() + "\n");
  return kExitOk;
}

struct ShowFlags {
  std::string config;
  std::string role = "dagmanager";
  bool origin = false;
};

std::string show_json(const std::vector<server::ConfigLine>& lines) {
  std::string text;
  for (const server::ConfigLine& line : lines) {
    nlohmann::ordered_json row;
    row["key"] = line.key;
    row["value"] = line.value;
    row["origin"] = line.origin;
    text += row.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }
  return text;
}

std::string show_text(const std::vector<server::ConfigLine>& lines, bool origin) {
  std::size_t width = 0;
  for (const server::ConfigLine& line : lines) {
    width = std::max(width, line.key.size() + line.value.size());
  }
  constexpr std::size_t kOriginColumnMax = 60;
  width = std::min(width, kOriginColumnMax) + 4;
  std::string text;
  for (const server::ConfigLine& line : lines) {
    std::string row = line.key + ": " + line.value;
    if (origin) {
      row.append(row.size() < width ? width - row.size() : 1, ' ');
      row += "# " + line.origin;
    }
    while (row.ends_with(' ')) row.pop_back();
    text += row + "\n";
  }
  return text;
}

int run_show(const Session& session, const ShowFlags& flags) {
  std::optional<std::filesystem::path> file;
  if (!flags.config.empty()) file = flags.config;
  const std::vector<Role> all = roles();
  const Role& role = *std::ranges::find(all, flags.role, &Role::name);
  const Result<server::Config> config = server::load_config(role.keys, role.load_options(file));
  if (!config.ok()) {
    print_error(config_faults_text(config.error()));
    return kExitUsage;
  }
  print_out(session.json() ? show_json(config->lines()) : show_text(config->lines(), flags.origin));
  // What the values forbid together is shown beside them: the server would not start.
  if (const auto checked = role.check(*config); !checked.ok()) {
    print_error(config_faults_text(checked.error()));
    return kExitUsage;
  }
  return kExitOk;
}

}  // namespace

void add_init(CLI::App& parent, Session& session) {
  CLI::App* command =
      parent.add_subcommand("init", "Write weir.yml: every key explained, everything in memory");
  command->footer("Exit code: 0; 1 if the file is there already and --force is not given.");
  auto flags = std::make_shared<InitFlags>();
  command->add_option("dir", flags->folder, "Folder of the file; made if there is none")
      ->capture_default_str()
      ->type_name("DIR");
  command->add_flag("--force", flags->force, "Write over a file that is there");
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_init(session, *flags); };
  });
}

void add_config(CLI::App& parent, Session& session) {
  CLI::App* group = parent.add_subcommand("config", "Look at the configuration");
  group->require_subcommand(1);
  CLI::App* command = group->add_subcommand(
      "show", "Print every key with its value in force, and whether the server would start on it");
  command->footer("Exit code: 0; 2 if the server would not start on it.");
  auto flags = std::make_shared<ShowFlags>();
  command->add_option("--config", flags->config, "Configuration file; without it the defaults")
      ->type_name("FILE");
  command->add_option("--role", flags->role, "Whose configuration")
      ->check(CLI::IsMember({"dagmanager", "dispatcher", "worker"}).description(""))
      ->capture_default_str()
      ->type_name("dagmanager|dispatcher|worker");
  command->add_flag("--origin", flags->origin,
                    "Say where each value comes from: default, file and line, or environment");
  command->callback([&session, flags] {
    session.action = [&session, flags] { return run_show(session, *flags); };
  });
}

}  // namespace weir::cli
