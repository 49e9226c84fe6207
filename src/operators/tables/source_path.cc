// SPDX-License-Identifier: Apache-2.0
#include "operators/tables/source_path.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "operators/calendar.h"
#include "operators/failure.h"

namespace weir::operators {
namespace {

constexpr std::size_t kValueBytesMax = 128;
constexpr std::int64_t kSecondsPerDay = 86'400;
constexpr std::int64_t kDaysMax = 2'932'896;  // 9999-12-31
constexpr std::int64_t kDaysMin = -719'162;   // 0001-01-01

Error path_invalid(std::string what) { return fatal_error("path_invalid", std::move(what)); }

bool is_plain_letter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

bool is_plain_value(std::string_view value) {
  return !value.empty() && value.size() <= kValueBytesMax && value != "." && value != ".." &&
         std::ranges::all_of(value, is_plain_letter);
}

std::optional<std::string> cursor_text(const std::optional<Cursor>& cursor) {
  if (!cursor) return std::nullopt;
  if (const auto* number = std::get_if<std::int64_t>(&*cursor)) return std::to_string(*number);
  return std::get<std::string>(*cursor);
}

/// The UTC day of a cursor in epoch seconds.
std::optional<std::string> date_text(const std::optional<Cursor>& cursor) {
  if (!cursor) return std::nullopt;
  const auto* seconds = std::get_if<std::int64_t>(&*cursor);
  if (seconds == nullptr) return std::nullopt;
  std::int64_t day = *seconds / kSecondsPerDay;
  if (*seconds % kSecondsPerDay < 0) --day;
  if (day < kDaysMin || day > kDaysMax) return std::nullopt;
  return day_text(static_cast<std::int32_t>(day));
}

std::optional<std::string> value_of(std::string_view name, const PathScope& scope) {
  if (name == "partition_key") return scope.partition_key;
  if (name == "start" && scope.range) return std::to_string(scope.range->start);
  if (name == "end" && scope.range) return std::to_string(scope.range->end);
  if (name == "cursor") return cursor_text(scope.cursor);
  if (name == "date") return date_text(scope.cursor);
  return std::nullopt;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

}  // namespace

Result<std::string> fill_path(std::string_view path, const PathScope& scope) {
  std::string filled;
  while (!path.empty()) {
    const std::size_t open = path.find('{');
    filled += path.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = path.find('}', open);
    if (close == std::string_view::npos) return path_invalid("a `{` has no `}`");
    const std::string name(path.substr(open + 1, close - open - 1));
    const auto value = value_of(name, scope);
    if (!value) return path_invalid("the trigger has no {" + name + "}");
    if (!is_plain_value(*value)) {
      return path_invalid("what the trigger has as {" + name + "} is no name of a file");
    }
    filled += *value;
    path.remove_prefix(close + 1);
  }
  return filled;
}

Result<std::vector<std::string>> path_segments(std::string_view path) {
  if (!base::is_utf8(path) || std::ranges::any_of(path, is_control)) {
    return path_invalid("the path has bytes that no path may have");
  }
  if (path.find('\\') != std::string_view::npos) return path_invalid("the path has a backslash");
  std::vector<std::string> segments;
  for (const std::string_view segment : base::split(path, '/')) {
    if (segment.empty()) return path_invalid("the path is absolute or has an empty segment");
    if (segment == "." || segment == "..") return path_invalid("the path climbs");
    if (!segments.empty() && segments.back().find('*') != std::string::npos) {
      return path_invalid("a `*` stands in the last segment only");
    }
    segments.emplace_back(segment);
  }
  return segments;
}

bool matches(std::string_view pattern, std::string_view name) {
  if (name.starts_with('.') && !pattern.starts_with('.')) return false;
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == name;
  if (!name.starts_with(pattern.substr(0, star))) return false;
  name.remove_prefix(star);
  pattern.remove_prefix(star);
  // Every piece between two stars takes the first place where it is found; the last one the end.
  while (true) {
    pattern.remove_prefix(1);
    const std::size_t next = pattern.find('*');
    const std::string_view piece = pattern.substr(0, next);
    if (next == std::string_view::npos) return name.ends_with(piece);
    const std::size_t found = name.find(piece);
    if (found == std::string_view::npos) return false;
    name.remove_prefix(found + piece.size());
    pattern.remove_prefix(next);
  }
}

}  // namespace weir::operators
