// SPDX-License-Identifier: Apache-2.0
#include "cli/queue_stats_text.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/limits.h"

namespace weir::cli {
namespace {

/// Seconds of one unit, or 0 for what is none.
long unit_seconds(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    default:
      return 0;
  }
}

/// The number in front of the unit; more than a long holds counts as too long, not as other text.
std::optional<long> leading_number(const std::string& text) {
  const bool digits =
      text.size() > 1 && std::ranges::all_of(text.begin(), text.end() - 1,
                                             [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return {};
  long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size() - 1, number);
  return error == std::errc() ? number : kIntervalSecondsMax + 1;
}

}  // namespace

Result<std::string> queue_stats_filter(const std::string& tag, const std::string& interval) {
  std::string seconds = interval;
  const long unit = interval.empty() ? 0 : unit_seconds(interval.back());
  const std::optional<long> number = unit == 0 ? std::nullopt : leading_number(interval);
  if (number) {
    if (*number > kIntervalSecondsMax / unit) {
      return base::invalid_argument("interval_too_long",
                                    interval + " is more than a day (86400 seconds)");
    }
    seconds = std::to_string(*number * unit);
  }
  return "tag=" + tag + ";interval=" + seconds;
}

std::string queue_stats_json(const QueueSizes& sizes) {
  nlohmann::ordered_json line = nlohmann::ordered_json::object();
  for (const auto& [topic, size] : sizes) line[topic] = size;
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string queue_stats_text(const QueueSizes& sizes) {
  std::size_t width = 0;
  for (const auto& [topic, size] : sizes) width = std::max(width, topic.size());
  std::string text;
  for (const auto& [topic, size] : sizes) {
    text += topic + std::string(width - topic.size() + 2, ' ') + std::to_string(size) + "\n";
  }
  return text + std::to_string(sizes.size()) + (sizes.size() == 1 ? " topic.\n" : " topics.\n");
}

}  // namespace weir::cli
