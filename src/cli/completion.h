// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/App.hpp>

namespace weir::cli {

/// What a shell may offer at the cursor.
struct Completion {
  enum class Kind : std::uint8_t { Words, Files, Folders };
  struct Word {
    std::string text;
    std::string description;
  };

  Kind kind = Kind::Words;
  std::vector<Word> words;

  /// What the scripts read: the kind (`:words`, `:files`, `:folders`), then a line a word, its
  /// description after a tab.
  std::string text() const;
};

/// What can stand where the last of `words` stands (the program's name is not among them; the last
/// one may be empty or begun). Read off the command tree.
Completion complete(const CLI::App& app, const std::vector<std::string>& words);

/// The script that hooks `weir` into a shell: "bash", "zsh" or "fish".
std::string_view completion_script(std::string_view shell);

}  // namespace weir::cli
