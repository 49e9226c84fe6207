// SPDX-License-Identifier: Apache-2.0
#include "cli/manual/manual.h"

#include <algorithm>
#include <string_view>

#include "cli/manual/option_text.h"
#include "cli/manual/roff.h"

namespace weir::cli {
namespace {

constexpr std::string_view kExitCode = "Exit code: ";
constexpr std::string_view kUsualExits = "0 done, 1 failed, 2 usage or configuration.";

/// A command by its words and the name of its page.
struct Listed {
  const CLI::App* command;
  std::string path;  // "weir dagmanager diff"

  std::string page() const {
    std::string name = path;
    std::ranges::replace(name, ' ', '-');
    return name;
  }
};

void list_commands(const CLI::App& command, const std::string& path, std::vector<Listed>& out) {
  const std::vector<const CLI::App*> below = command.get_subcommands({});
  if (below.empty()) out.push_back({&command, path});
  for (const CLI::App* next : below) {
    if (next->get_group().empty() || next->get_name() == "service") continue;
    list_commands(*next, path + " " + next->get_name(), out);
  }
}

std::string head(const std::string& page, const std::string& version) {
  std::string title = page;
  std::ranges::transform(title, title.begin(), [](char letter) {
    return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
  });
  return ".\\\" Made by `weir man`; do not edit.\n.TH " + roff_argument(title) + " 1 \"\" " +
         roff_argument("weir " + version) + " \"Weir\"\n";
}

std::string named(const std::string& page, std::string_view what) {
  return ".SH NAME\n" + roff_text(page) + " \\- " + roff_text(what) + "\n";
}

void add_option(std::string& out, const CLI::Option& option) {
  out += ".TP\n" + roff_bold(option_usage(option)) + "\n";
  std::string text = option.get_description();
  if (!text.ends_with('.')) text += '.';
  if (option.get_required()) text += " Required.";
  if (!option.get_default_str().empty()) text += " Default: `" + option.get_default_str() + "`.";
  if (!option.get_envname().empty()) text += " Environment: `" + option.get_envname() + "`.";
  out += roff_text(text) + "\n";
}

void add_options(std::string& out, const CLI::App& command) {
  bool any = false;
  for (const CLI::Option* option : command.get_options()) {
    if (!option_is_listed(*option)) continue;
    if (!any) out += ".SH OPTIONS\n";
    any = true;
    add_option(out, *option);
  }
}

std::string synopsis(const Listed& listed) {
  std::string out = ".SH SYNOPSIS\n" + roff_bold(listed.path);
  std::string arguments;
  bool optional = false;
  for (const CLI::Option* option : listed.command->get_options()) {
    if (!option_is_listed(*option)) continue;
    if (!option->get_required()) optional = true;
    if (!option->get_required() && !option->get_positional()) continue;
    const std::string usage = roff_text(option_usage(*option));
    arguments += option->get_required() ? " " + usage : " [" + usage + "]";
  }
  return out + (optional ? " [OPTION ...]" : "") + arguments + "\n";
}

/// The page of a command. What its footer says before its exit codes belongs to the description.
std::string command_page(const Listed& listed, const std::string& version) {
  const std::string description = listed.command->get_description();
  std::string about = listed.command->get_footer();
  std::string exits(kUsualExits);
  if (const std::size_t at = about.find(kExitCode); at != std::string::npos) {
    exits = about.substr(at + kExitCode.size());
    about.resize(at);
    about.resize(about.find_last_not_of(" \n") + 1);
  }
  std::string out = head(listed.page(), version) + named(listed.page(), description) +
                    synopsis(listed) + ".SH DESCRIPTION\n" + roff_paragraphs(description + ".");
  if (!about.empty()) out += ".PP\n" + roff_paragraphs(about);
  add_options(out, *listed.command);
  out += ".PP\nThe options of\n.BR weir (1)\nare taken too.\n";
  out += ".SH \"EXIT STATUS\"\n" + roff_paragraphs(exits);
  return out + ".SH \"SEE ALSO\"\n.BR weir (1)\n";
}

/// The page of the program: what every command takes, and the list of them.
std::string first_page(const CLI::App& app, const std::vector<Listed>& commands,
                       const std::string& version) {
  const std::string description = app.get_description();
  const std::size_t begin = description.find(": ");
  const std::size_t end = description.find(".\n");
  std::string out = head("weir", version) +
                    named("weir", description.substr(begin + 2, end - begin - 2)) +
                    ".SH SYNOPSIS\n" + roff_bold("weir") + " COMMAND [OPTION ...]\n" +
                    ".SH DESCRIPTION\n" + roff_paragraphs(description);
  out += ".PP\n" +
         roff_text(
             "`weir service dagmanager` is another spelling of `weir dagmanager`. Results go "
             "to standard output, everything else to standard error.") +
         "\n";
  add_options(out, app);
  out += ".SH COMMANDS\n";
  for (const Listed& listed : commands) {
    out += ".TP\n" + roff_bold(listed.path) + "\n" +
           roff_text(listed.command->get_description() + ".") + "\n";
  }
  out += ".SH \"EXIT STATUS\"\n" + roff_paragraphs(kUsualExits) +
         ".PP\nWhere a command has others, its page says so.\n.SH \"SEE ALSO\"\n";
  for (std::size_t i = 0; i < commands.size(); ++i) {
    out +=
        ".BR " + roff_text(commands[i].page()) + (i + 1 == commands.size() ? " (1)\n" : " (1),\n");
  }
  return out;
}

}  // namespace

std::vector<ManualPage> manual_pages(const CLI::App& app, const std::string& version) {
  std::vector<Listed> commands;
  list_commands(app, "weir", commands);
  std::vector<ManualPage> pages = {{"weir.1", first_page(app, commands, version)}};
  for (const Listed& listed : commands) {
    pages.push_back({listed.page() + ".1", command_page(listed, version)});
  }
  return pages;
}

}  // namespace weir::cli
