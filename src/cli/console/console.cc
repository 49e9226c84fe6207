// SPDX-License-Identifier: Apache-2.0
#include "cli/console/console.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace weir::cli {
namespace {

void write(std::FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

}  // namespace

void print_out(std::string_view text) { write(stdout, text); }

void print_error(std::string_view text) { write(stderr, text); }

bool out_failed() { return std::ferror(stdout) != 0; }

void print_error(const Error& error) { print_error(error.describe() + "\n"); }

bool out_shows_colours() {
  return isatty(STDOUT_FILENO) != 0 && environment("NO_COLOR").empty() &&
         environment("TERM") != "dumb";
}

bool out_is_terminal() { return isatty(STDOUT_FILENO) != 0; }

bool error_is_terminal() { return isatty(STDERR_FILENO) != 0; }

std::string Paint::around(std::string_view code, std::string_view text) const {
  if (!colours_ || text.empty()) return std::string(text);
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

}  // namespace weir::cli
