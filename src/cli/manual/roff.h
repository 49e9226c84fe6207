// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

/// Text in the man macros of roff. Every function gives whole lines, or what stands inside one.
namespace weir::cli {

/// `text` as it is to be read: backslashes and hyphens as themselves, characters beyond ASCII by
/// their number, line ends as blanks; what stands in `these` is bold.
std::string roff_text(std::string_view text);

/// `text` in bold, on no line of its own.
std::string roff_bold(std::string_view text);

/// A macro's argument: `text` in quotation marks.
std::string roff_argument(std::string_view text);

/// Paragraphs, which blank lines divide.
std::string roff_paragraphs(std::string_view text);

}  // namespace weir::cli
