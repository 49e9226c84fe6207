// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/rollouts/canary_checks.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/json_line.h"

namespace weir::dagmanager {
namespace {

constexpr Duration kGatewayWindow = std::chrono::minutes(5);
constexpr double kRatioOff = 0.05;
constexpr double kSkewSecondsMax = 5;
/// A step is on its way for as many judgements.
constexpr int kSettleIntervals = 2;

/// As what a weight off by exactly the bound may come out of binary arithmetic.
constexpr double kRounding = 1e-9;

std::string escaped(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char sign : text) {
    const auto byte = static_cast<unsigned char>(sign);
    const bool plain = byte >= 0x20 && sign != '"' && sign != '\'' && sign != '`' && sign != '\\';
    if (plain) {
      out += sign;
    } else {
      out += "\\x";
      out += kHex[byte >> 4U];
      out += kHex[byte & 0xfU];
    }
  }
  return out;
}

bool goes_on_a_name(char sign) {
  return (sign >= 'a' && sign <= 'z') || (sign >= 'A' && sign <= 'Z') ||
         (sign >= '0' && sign <= '9') || sign == '_';
}

std::string number_text(double value) {
  std::string out;
  JsonLine(out).number("n", value);
  return out.substr(out.find(':') + 1);
}

std::string seen_text(const CanaryCheck& check, double value) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  const auto shown = [](double number) {
    if (number == kInfinite) return std::string("infinite");
    return number == -kInfinite ? std::string("-infinite") : number_text(number);
  };
  std::string text = shown(value);
  if (check.min != -kInfinite) text += ", at least " + shown(check.min);
  if (check.max != kInfinite) text += ", at most " + shown(check.max);
  return text;
}

}  // namespace

std::string fill_query(const std::string& query, const RolloutRecord& rollout) {
  const std::array<std::pair<std::string_view, std::string_view>, 3> values = {
      {{"sentinel_id", rollout.candidate.sentinel.view()},
       {"version", rollout.candidate.version.view()},
       {"world", rollout.world.view()}}};
  std::string out;
  for (std::size_t at = 0; at < query.size();) {
    const auto named = std::ranges::find_if(values, [&](const auto& value) {
      const std::size_t end = at + 1 + value.first.size();
      return query[at] == '$' && query.compare(at + 1, value.first.size(), value.first) == 0 &&
             (end >= query.size() || !goes_on_a_name(query[end]));
    });
    if (named == values.end()) {
      out += query[at++];
      continue;
    }
    out += escaped(named->second);
    at += 1 + named->first.size();
  }
  return out;
}

std::optional<Duration> gateway_window(const Rollout& rollout, Duration interval, Instant now) {
  const Duration stands = now - rollout.step_since - kSettleIntervals * interval;
  if (stands < std::chrono::seconds(1)) return std::nullopt;
  return std::min(stands, kGatewayWindow);
}

std::vector<CanaryCheck> gateway_checks(const RolloutRecord& rollout, Duration window) {
  const double weight = weights_of(rollout.rollout).candidate;
  const std::string span =
      "[" + std::to_string(std::chrono::floor<std::chrono::seconds>(window).count()) + "s]";
  const std::string of = "{sentinel_id=\"$sentinel_id\"}" + span + "))";
  return {{.name = "traffic_ratio_low",
           .query = "min(min_over_time(gateway_sentinel_traffic_ratio" + of,
           .min = weight - kRatioOff - kRounding},
          {.name = "traffic_ratio_high",
           .query = "max(max_over_time(gateway_sentinel_traffic_ratio" + of,
           .max = weight + kRatioOff + kRounding},
          {.name = "skew_seconds",
           .query = "max(max_over_time(sentinel_skew_seconds" + of,
           .max = kSkewSecondsMax}};
}

CheckResult read_check(MetricReader& reader, const CanaryCheck& check, const RolloutRecord& rollout,
                       bool& is_silent) {
  if (is_silent) return {check.name, std::nullopt, "nobody answers"};
  const auto value = reader.read(fill_query(check.query, rollout));
  if (!value.ok()) {
    is_silent = value.error().reason() == kMetricsUnavailable;
    return {check.name, std::nullopt, value.error().message()};
  }
  return {check.name, *value >= check.min && *value <= check.max, seen_text(check, *value)};
}

}  // namespace weir::dagmanager
