// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include <CLI/Option.hpp>

#include "base/text.h"

namespace weir::cli {
namespace {

constexpr std::string_view kBash = R"(# bash completion for weir:  source <(weir completion bash)
_weir() {
  local kind='' line current=${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  while IFS= read -r line; do
    if [ -z "$kind" ]; then kind=$line; else COMPREPLY+=("${line%%$'\t'*}"); fi
  done < <("${COMP_WORDS[0]}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  case $kind in
    :files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current");;
    :folders) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current");;
  esac
}
complete -F _weir weir
)";

constexpr std::string_view kZsh = R"(#compdef weir
# zsh completion for weir:  source <(weir completion zsh)
_weir() {
  local -a lines candidates
  lines=("${(@f)$("${words[1]}" __complete -- "${(@)words[2,$CURRENT]}" 2>/dev/null)}")
  case $lines[1] in
    :files) _files ;;
    :folders) _files -/ ;;
    *)
      candidates=("${(@)lines[2,-1]//:/\\:}")
      candidates=("${(@)candidates/$'\t'/:}")
      _describe weir candidates
      ;;
  esac
}
compdef _weir weir
)";

constexpr std::string_view kFish = R"(# fish completion for weir:  weir completion fish | source
function __weir_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines ($words[1] __complete -- $words[2..-1] 2>/dev/null)
    switch "$lines[1]"
        case :files
            __fish_complete_path (commandline -ct)
        case :folders
            __fish_complete_directories (commandline -ct)
        case '*'
            printf '%s\n' $lines[2..-1]
    end
end
complete -c weir -f -a '(__weir_complete)'
)";

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

/// The option of this name in a command, or in one above it (they fall through).
const CLI::Option* find_option(const CLI::App* command, const std::string& name) {
  for (; command != nullptr; command = command->get_parent()) {
    if (const CLI::Option* option = command->get_option_no_throw(name)) return option;
  }
  return nullptr;
}

/// A command below `command` by name; hidden ones too.
const CLI::App* find_command(const CLI::App& command, const std::string& name) {
  for (const CLI::App* below : command.get_subcommands({})) {
    if (below->get_name() == name) return below;
  }
  return nullptr;
}

Completion values_of(const CLI::Option& option) {
  Completion completion;
  const std::string type = option.get_type_name();
  if (type == "FILE") completion.kind = Completion::Kind::Files;
  if (type == "DIR") completion.kind = Completion::Kind::Folders;
  if (type.find('|') == std::string::npos) return completion;
  for (const std::string_view word : base::split(type, '|')) {
    completion.words.push_back({std::string(word), {}});
  }
  return completion;
}

void add_options(const CLI::App* command, Completion& completion) {
  for (; command != nullptr; command = command->get_parent()) {
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        completion.words.push_back({"--" + name, option->get_description()});
      }
    }
  }
}

void add_commands(const CLI::App& command, Completion& completion) {
  for (const CLI::App* below : command.get_subcommands({})) {
    if (below->get_group().empty()) continue;  // hidden
    completion.words.push_back({below->get_name(), below->get_description()});
  }
}

/// The first positional argument, if the command has one.
const CLI::Option* positional_of(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional()) return option;
  }
  return nullptr;
}

void keep_beginning_with(const std::string& begun, Completion& completion) {
  std::erase_if(completion.words,
                [&begun](const Completion::Word& word) { return !word.text.starts_with(begun); });
}

}  // namespace

std::string Completion::text() const {
  std::string text;
  switch (kind) {
    case Kind::Words:
      text = ":words\n";
      break;
    case Kind::Files:
      text = ":files\n";
      break;
    case Kind::Folders:
      text = ":folders\n";
      break;
  }
  for (const Word& word : words) text += word.text + "\t" + word.description + "\n";
  return text;
}

Completion complete(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* command = &app;
  const CLI::Option* open = nullptr;  // the option whose value comes next
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "=") continue;  // bash cuts `--file=x` in three
    if (open != nullptr) {
      open = nullptr;
    } else if (word.starts_with('-')) {
      const CLI::Option* option =
          word.find('=') == std::string::npos ? find_option(command, word) : nullptr;
      if (option != nullptr && takes_value(*option)) open = option;
    } else if (const CLI::App* below = find_command(*command, word)) {
      command = below;
    }
  }
  const std::string begun = words.empty() || words.back() == "=" ? std::string() : words.back();
  Completion completion;
  if (open != nullptr) {
    completion = values_of(*open);
  } else if (begun.starts_with('-')) {
    add_options(command, completion);
  } else {
    add_commands(*command, completion);
    const CLI::Option* positional = positional_of(*command);
    if (completion.words.empty() && positional != nullptr) completion = values_of(*positional);
  }
  keep_beginning_with(begun, completion);
  return completion;
}

std::string_view completion_script(std::string_view shell) {
  if (shell == "bash") return kBash;
  return shell == "zsh" ? kZsh : kFish;
}

}  // namespace weir::cli
