// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/console/console.h"
#include "cli/console/text_file.h"
#include "cli/manual/manual.h"
#include "cli/reference.h"

namespace weir::cli {
namespace {

/// The root of the tree that a command hangs in.
const CLI::App& root_of(const CLI::App& command) {
  const CLI::App* root = &command;
  while (root->get_parent() != nullptr) root = root->get_parent();
  return *root;
}

/// Writes the pages into a folder, which is made if there is none.
int write_manual(const Session& session, const CLI::App& app, const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    print_error("Failed to make folder " + folder.string() + ": " + error.message() + "\n");
    return kExitFailed;
  }
  const std::vector<ManualPage> pages = manual_pages(app, version());
  for (const ManualPage& page : pages) {
    if (const auto written = write_text_file(folder / page.file, page.text); !written.ok()) {
      print_error("Failed to write " + written.error().message() + "\n");
      return kExitFailed;
    }
  }
  if (session.json()) {
    std::string lines;
    for (const ManualPage& page : pages) {
      lines += nlohmann::ordered_json{{"file", (folder / page.file).string()}}.dump() + "\n";
    }
    print_out(lines);
    return kExitOk;
  }
  print_out("Wrote " + std::to_string(pages.size()) + " pages to " + folder.string() +
            "\nRead them with: man " + (folder / "weir.1").string() + "\n");
  return kExitOk;
}

}  // namespace

const char* version() { return WEIR_VERSION; }

void add_version(CLI::App& parent, Session& session) {
  CLI::App* command = parent.add_subcommand("version", "Print the version");
  command->callback([&session] {
    session.action = [&session] {
      const std::string text = version();
      print_out(session.json() ? "{\"version\":\"" + text + "\"}\n" : "weir " + text + "\n");
      return kExitOk;
    };
  });
}

void add_completion(CLI::App& parent, Session& session) {
  CLI::App* group =
      parent.add_subcommand("completion", "Print a script that completes commands in your shell");
  group->require_subcommand(1);
  for (const char* shell : {"bash", "zsh", "fish"}) {
    CLI::App* command = group->add_subcommand(shell, std::string("Print the script for ") + shell);
    command->callback([&session, shell] {
      session.action = [shell] {
        print_out(completion_script(shell));
        return kExitOk;
      };
    });
  }
  CLI::App* asked =
      parent.add_subcommand("__complete", "Tell a shell what can stand at the cursor");
  asked->group("");
  auto words = std::make_shared<std::vector<std::string>>();
  asked->add_option("words", *words);
  asked->callback([&session, words, asked] {
    session.action = [words, asked] {
      print_out(complete(root_of(*asked), *words).text());
      return kExitOk;
    };
  });
}

void add_man(CLI::App& parent, Session& session) {
  CLI::App* command =
      parent.add_subcommand("man", "Write the manual pages: weir(1), and one for each command");
  command->footer("Exit code: 0; 1 if a page cannot be written.");
  auto folder = std::make_shared<std::string>();
  command->add_option("dir", *folder, "Folder of the pages; made if there is none")
      ->required()
      ->type_name("DIR");
  command->callback([&session, command, folder] {
    session.action = [&session, command, folder] {
      return write_manual(session, root_of(*command), *folder);
    };
  });
}

void add_docs(CLI::App& parent, Session& session) {
  CLI::App* group = parent.add_subcommand("docs", "Print the reference pages");
  group->group("");
  group->require_subcommand(1);
  CLI::App* commands = group->add_subcommand("cli", "docs/reference/cli.md");
  commands->callback([&session, commands] {
    session.action = [commands] {
      print_out(cli_reference(root_of(*commands)));
      return kExitOk;
    };
  });
  CLI::App* config = group->add_subcommand("config", "docs/reference/configuration.md");
  config->callback([&session] {
    session.action = [] {
      print_out(config_reference());
      return kExitOk;
    };
  });
}

}  // namespace weir::cli
