// SPDX-License-Identifier: Apache-2.0
#include "cli/traffic/rollout_words.h"

#include <charconv>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "base/json.h"

namespace weir::cli {
namespace {

Error wrong(const std::string& what) { return base::invalid_argument("usage", what); }

std::optional<std::int64_t> unit_seconds(std::string_view unit) {
  if (unit.empty() || unit == "s") return 1;
  if (unit == "m") return 60;
  if (unit == "h") return 3'600;
  if (unit == "d") return 86'400;
  return std::nullopt;
}

std::optional<std::int64_t> read_span(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), count);
  const auto unit = unit_seconds({end, static_cast<std::size_t>(text.data() + text.size() - end)});
  if (fault != std::errc() || count < 0 || !unit) return std::nullopt;
  if (count > std::numeric_limits<std::int64_t>::max() / *unit) return std::nullopt;
  return count * *unit;
}

Result<std::uint32_t> count_of(JsonValue root, const char* name) {
  const JsonValue value = root.find(name);
  if (value.is_null()) return 0U;
  std::uint32_t count = 0;
  const std::string_view text = value.is_number() ? value.text() : std::string_view();
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (text.empty() || fault != std::errc() || end != text.data() + text.size()) {
    return wrong(std::string(name) + ": must be a whole number from 0");
  }
  return count;
}

}  // namespace

Result<void> read_steps(const std::string& text, wire::StartRolloutRequest& request) {
  std::string_view rest = text;
  while (true) {
    const std::string_view item = rest.substr(0, rest.find(','));
    const std::size_t colon = item.find(':');
    const std::string_view weight = item.substr(0, colon);
    wire::RolloutStep& step = *request.add_steps();
    double share = 0;
    const auto [end, fault] = std::from_chars(weight.data(), weight.data() + weight.size(), share);
    const auto hold = colon == std::string_view::npos ? std::optional<std::int64_t>(0)
                                                      : read_span(item.substr(colon + 1));
    if (weight.empty() || fault != std::errc() || end != weight.data() + weight.size() || !hold) {
      return wrong("--steps: " + std::string(item) +
                   " is no step; one is a weight and how long it is held: 0.1:24h");
    }
    step.set_weight(share);
    step.set_hold_seconds(*hold);
    if (item.size() == rest.size()) return {};
    rest.remove_prefix(item.size() + 1);
  }
}

void read_baseline(const std::string& text, wire::StartRolloutRequest& request) {
  const std::size_t at = text.rfind('@');
  request.set_baseline_sentinel_id(text.substr(0, at));
  if (at != std::string::npos) request.set_baseline_version(text.substr(at + 1));
}

Result<wire::GateEvidence> read_evidence(const std::string& json) {
  const auto document = JsonDocument::parse(json);
  if (!document.ok() || !document->root().is_object()) {
    return wrong("--evidence: is no JSON object");
  }
  const JsonValue root = document->root();
  wire::GateEvidence evidence;
  evidence.set_node_set(std::string(root.find("node_set").text()));
  WEIR_TRY(const std::uint32_t errors, count_of(root, "lint_errors"));
  WEIR_TRY(const std::uint32_t warnings, count_of(root, "lint_warnings"));
  evidence.set_lint_errors(errors);
  evidence.set_lint_warnings(warnings);
  const JsonValue backtests = root.find("backtests");
  if (!backtests.is_null() && !backtests.is_array()) return wrong("backtests: must be a list");
  for (const JsonValue item : backtests) {
    const JsonValue passed = item.find("passed");
    if (!item.is_object() || !item.find("name").is_text() || !passed.is_bool()) {
      return wrong("backtests: each has a name and whether it passed");
    }
    wire::Backtest& backtest = *evidence.add_backtests();
    backtest.set_name(std::string(item.find("name").text()));
    backtest.set_passed(passed.kind() == JsonKind::True);
    backtest.set_report_hash(std::string(item.find("report_hash").text()));
  }
  return evidence;
}

}  // namespace weir::cli
