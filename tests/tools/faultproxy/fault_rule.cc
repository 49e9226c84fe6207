// SPDX-License-Identifier: Apache-2.0
#include "tests/tools/faultproxy/fault_rule.h"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/enum_words.h"
#include "tests/tools/faultproxy/limits.h"

namespace weir::faultproxy {
namespace {

using Json = nlohmann::json;

constexpr std::array<std::string_view, 8> kKinds = {"refuse", "reset", "reset_after", "drop",
                                                    "delay",  "slow",  "slice",       "cut"};
constexpr std::array<std::string_view, 2> kDirections = {"to_server", "to_client"};
constexpr std::array<std::string_view, 6> kMessages = {
    "none", "commit", "commit_reply", "create_topics", "create_topics_reply", "produce"};

Error refused(std::string_view key, std::string_view wanted) {
  return {base::Code::InvalidArgument, "bad_rule",
          std::string("rule.").append(key).append(": ").append(wanted)};
}

template <class Words>
std::string one_of(const Words& words) {
  std::string text = "must be one of";
  for (const std::string_view word : words) text.append(" ").append(word);
  return text;
}

/// Reads the members of one rule; the first that is wrong is what `fault` says.
class RuleReader {
 public:
  explicit RuleReader(const Json& rule) : rule_(rule) {}

  template <class Enum, class Words>
  std::optional<Enum> word(const char* key, const Words& words) {
    const Json* found = member(key);
    if (found == nullptr) return std::nullopt;
    const auto value = found->is_string()
                           ? base::enum_of<Enum>(words, found->template get<std::string>())
                           : std::nullopt;
    if (!value) fail(key, one_of(words));
    return value;
  }

  std::optional<double> number(const char* key, double lowest, double highest) {
    const Json* found = member(key);
    if (found == nullptr) return std::nullopt;
    const double value = found->is_number() ? found->get<double>() : std::nan("");
    if (!(value >= lowest && value <= highest)) {
      fail(key, "must be a number from " + Json(lowest).dump() + " to " + Json(highest).dump());
      return std::nullopt;
    }
    return value;
  }

  std::optional<std::uint64_t> whole(const char* key, std::uint64_t lowest, std::uint64_t highest) {
    const auto value = number(key, static_cast<double>(lowest), static_cast<double>(highest));
    if (!value) return std::nullopt;
    if (std::floor(*value) != *value) fail(key, "must be a whole number");
    return static_cast<std::uint64_t>(*value);
  }

  /// Every member was asked for.
  void end() {
    for (const auto& [key, value] : rule_.items()) {
      if (!asked_.contains(key)) fail(key, "is no member of a rule of this kind");
    }
  }

  void fail(std::string_view key, std::string_view wanted) {
    if (!fault_) fault_ = refused(key, wanted);
  }
  const std::optional<Error>& fault() const { return fault_; }

 private:
  const Json* member(const char* key) {
    asked_.insert(key);
    const auto found = rule_.find(key);
    return found == rule_.end() ? nullptr : &*found;
  }

  const Json& rule_;
  std::set<std::string> asked_;
  std::optional<Error> fault_;
};

bool message_of(Protocol protocol, Message message) {
  const bool postgres = message == Message::Commit || message == Message::CommitReply;
  if (protocol == Protocol::Tcp || message == Message::None) return false;
  return postgres == (protocol == Protocol::Postgres);
}

void read_kind(RuleReader& reader, FaultRule& rule, Protocol protocol) {
  const auto must = [&](const char* key, bool given) {
    if (!given) reader.fail(key, "is missing");
  };
  if (rule.kind != FaultKind::Refuse && rule.kind != FaultKind::Reset &&
      rule.kind != FaultKind::Cut) {
    rule.direction = reader.word<Direction>("direction", kDirections);
  }
  switch (rule.kind) {
    case FaultKind::Refuse:
    case FaultKind::Reset:
      break;
    case FaultKind::ResetAfter:
      rule.bytes = reader.whole("bytes", 0, kRuleBytesMax);
      must("bytes", rule.bytes.has_value());
      break;
    case FaultKind::Drop:
      if (!rule.span) reader.fail("seconds", "is missing: a drop ends by time");
      break;
    case FaultKind::Delay:
      rule.delay = std::chrono::milliseconds(reader.whole("millis", 0, kRuleMillisMax).value_or(0));
      rule.jitter =
          std::chrono::milliseconds(reader.whole("jitter_millis", 0, kRuleMillisMax).value_or(0));
      must("millis", rule.delay.count() + rule.jitter.count() > 0);
      break;
    case FaultKind::Slow:
      rule.bytes_per_second = reader.whole("bytes_per_second", 1, kRuleBytesMax).value_or(0);
      must("bytes_per_second", rule.bytes_per_second > 0);
      break;
    case FaultKind::Slice:
      rule.bytes = reader.whole("bytes", 1, kRuleBytesMax);
      must("bytes", rule.bytes.has_value());
      break;
    case FaultKind::Cut: {
      const auto message = reader.word<Message>("message", kMessages);
      must("message", message.has_value());
      rule.message = message.value_or(Message::None);
      if (!message_of(protocol, rule.message)) {
        reader.fail("message", "is none of this proxy's --protocol");
      }
      break;
    }
  }
}

}  // namespace

Result<FaultRule> parse_fault_rule(std::string_view json, std::size_t pairs, Protocol protocol) {
  const Json parsed = Json::parse(json, nullptr, false);
  if (!parsed.is_object()) return refused("kind", "a rule is a JSON object with a kind");
  RuleReader reader(parsed);
  FaultRule rule;
  const auto kind = reader.word<FaultKind>("kind", kKinds);
  if (!kind) return reader.fault().value_or(refused("kind", one_of(kKinds)));
  rule.kind = *kind;
  if (const auto pair = reader.whole("pair", 0, pairs - 1)) rule.pair = *pair;
  if (const auto seconds = reader.number("seconds", 0.001, kRuleSecondsMax)) {
    rule.span = std::chrono::milliseconds(std::llround(*seconds * 1000));
  }
  rule.count = reader.whole("count", 1, kRuleCountMax);
  read_kind(reader, rule, protocol);
  if (!rule.span && !rule.count) {
    reader.fail("seconds", "a rule names its end: seconds, count, or both");
  }
  reader.end();
  if (reader.fault()) return *reader.fault();
  return rule;
}

std::string_view kind_name(FaultKind kind) { return base::word_of<FaultKind>(kKinds, kind); }

std::string_view message_name(Message message) {
  return base::word_of<Message>(kMessages, message);
}

}  // namespace weir::faultproxy
