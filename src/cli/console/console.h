// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

/// Where commands write. Results go to standard output, everything else to standard error.
namespace weir::cli {

/// Writes and flushes.
void print_out(std::string_view text);
void print_error(std::string_view text);

/// True if something that was printed did not get out (a full disk).
bool out_failed();

/// Writes "<describe()>" and a line end to standard error.
void print_error(const Error& error);

/// True if the stream is a terminal that shows colours (NO_COLOR is empty, TERM is not "dumb").
bool out_shows_colours();
bool out_is_terminal();
bool error_is_terminal();

/// Puts colours around texts, or leaves them.
class Paint {
 public:
  explicit Paint(bool colours) : colours_(colours) {}

  std::string added(std::string_view text) const { return around("32", text); }
  std::string changed(std::string_view text) const { return around("33", text); }
  std::string bad(std::string_view text) const { return around("31", text); }
  std::string faint(std::string_view text) const { return around("2", text); }
  std::string strong(std::string_view text) const { return around("1", text); }

 private:
  std::string around(std::string_view code, std::string_view text) const;

  bool colours_;
};

}  // namespace weir::cli
