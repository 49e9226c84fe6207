// SPDX-License-Identifier: Apache-2.0
#include "cli/manual/roff.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace weir::cli {
namespace {

constexpr std::string_view kParagraph = "\n\n";

void append_character(std::string& out, char32_t character) {
  switch (character) {
    case U'\\':
      out += "\\(rs";
      return;
    case U'-':
      out += "\\-";
      return;
    case U'\'':
      out += "\\(aq";
      return;
    case U'"':
      out += "\\(dq";
      return;
    case U'^':
      out += "\\(ha";
      return;
    case U'~':
      out += "\\(ti";
      return;
    case U'\n':
      out += ' ';
      return;
    default:
      break;
  }
  if (character < 0x80) {
    out += static_cast<char>(character);
  } else {
    out += fmt::format("\\[u{:04X}]", static_cast<std::uint32_t>(character));
  }
}

}  // namespace

std::string roff_text(std::string_view text) {
  std::string out;
  if (text.starts_with('.')) out += "\\&";  // else it were a macro
  bool bold = false;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t character = base::next_character(text, at);
    if (character == U'`') {
      bold = !bold;
      out += bold ? "\\fB" : "\\fR";
    } else {
      append_character(out, character);
    }
  }
  if (bold) out += "\\fR";
  return out;
}

std::string roff_bold(std::string_view text) { return "\\fB" + roff_text(text) + "\\fR"; }

std::string roff_argument(std::string_view text) { return "\"" + roff_text(text) + "\""; }

std::string roff_paragraphs(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find(kParagraph);
    if (!out.empty()) out += ".PP\n";
    out += roff_text(text.substr(0, end)) + "\n";
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + kParagraph.size());
  }
  return out;
}

}  // namespace weir::cli
