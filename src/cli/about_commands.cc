// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <vector>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/console/console.h"
#include "cli/reference.h"

namespace weir::cli {
namespace {

/// The root of the tree that a command hangs in.
const CLI::App& root_of(const CLI::App& command) {
  const CLI::App* root = &command;
  while (root->get_parent() != nullptr) root = root->get_parent();
  return *root;
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
