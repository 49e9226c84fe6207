// SPDX-License-Identifier: Apache-2.0
#include "graph/topic.h"

#include <algorithm>
#include <initializer_list>

#include "base/text.h"
#include "base/utf8.h"

namespace weir::graph {
namespace {

constexpr std::size_t kShortHash = 8;        // characters of the first candidate
constexpr std::size_t kLegacyShortHash = 6;  // of the names in old deployments
constexpr std::size_t kHashGrowth = 2;       // characters more a candidate
constexpr std::size_t kTopicBytesMax = 249;  // Kafka's

bool is_topic_byte(char byte) {
  const char lower = static_cast<char>(byte | 0x20);
  return (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z') || byte == '.' ||
         byte == '_' || byte == '-';
}

/// `text` with every character that a topic cannot have as `-`, one for one.
std::string cleaned(std::string_view text) {
  std::string clean;
  for (std::size_t at = 0; at < text.size();) {
    const char byte = text[at];
    base::next_character(text, at);
    clean += is_topic_byte(byte) ? byte : '-';
  }
  return clean;
}

std::size_t character_count(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++count) base::next_character(text, at);
  return count;
}

std::string_view first_characters(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  for (; count > 0 && at < text.size(); --count) base::next_character(text, at);
  return text.substr(0, at);
}

std::string base_name(const TopicNameParts& parts, std::string_view hash) {
  std::string name(parts.asset);
  name.append("_").append(cleaned(parts.node_type)).append("_").append(hash).append("_");
  name.append(cleaned(parts.version));
  if (parts.dry_run) name += "_sim";
  return name;
}

bool contains_any(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::any_of(
      words, [&](std::string_view word) { return text.find(word) != std::string_view::npos; });
}

bool says_trade_exec(std::string_view lowered) {
  return contains_any(lowered, {"exec", "trade", "order", "portfolio"});
}

bool says_raw(std::string_view lowered) { return contains_any(lowered, {"raw", "price", "ohlcv"}); }

}  // namespace

std::string_view topic_type_name(TopicType type) {
  switch (type) {
    case TopicType::Raw:
      return "raw";
    case TopicType::Indicator:
      return "indicator";
    case TopicType::TradeExec:
      break;
  }
  return "trade_exec";
}

std::optional<TopicType> topic_type_from_name(std::string_view name) {
  for (const TopicType type : kTopicTypes) {
    if (topic_type_name(type) == name) return type;
  }
  return std::nullopt;
}

TopicType topic_type_of(std::string_view node_type) {
  const std::string lowered = base::lower_ascii(node_type);
  if (says_trade_exec(lowered)) return TopicType::TradeExec;
  return says_raw(lowered) ? TopicType::Raw : TopicType::Indicator;
}

bool fits_two_topic_types(std::string_view node_type) {
  const std::string lowered = base::lower_ascii(node_type);
  return says_trade_exec(lowered) && says_raw(lowered);
}

TopicShapes default_topic_shapes() {
  constexpr std::int64_t kDayMs = std::int64_t{24} * 60 * 60 * 1000;
  return {{
      {.partitions = 3, .replication = 3, .retention_ms = 7 * kDayMs, .cleanup = ""},
      {.partitions = 1, .replication = 2, .retention_ms = 30 * kDayMs, .cleanup = "delete"},
      {.partitions = 1, .replication = 3, .retention_ms = 90 * kDayMs, .cleanup = ""},
  }};
}

std::string topic_asset(const std::vector<std::string>& tags) {
  for (const std::string& tag : tags) {
    std::string asset;
    for (std::size_t at = 0; at < tag.size();) {
      const char byte = tag[at];
      const char32_t character = base::next_character(tag, at);
      if (character >= 0x80) {
        if (base::is_letter_or_digit(character)) asset += '-';
      } else if (base::is_letter_or_digit(character) || byte == '_' || byte == '-') {
        asset += base::lower_ascii(std::string_view(&byte, 1));
      }
    }
    if (!asset.empty()) return asset;
  }
  return "asset";
}

TopicName topic_name(const TopicNameParts& parts, unsigned candidate) {
  constexpr std::string_view kIdPrefix = "blake3:";
  std::string_view digest = parts.node_id;
  if (digest.starts_with(kIdPrefix)) digest.remove_prefix(kIdPrefix.size());
  const std::size_t longest = character_count(digest);
  const std::size_t wanted = kShortHash + kHashGrowth * std::size_t{candidate};
  std::string name = base_name(parts, first_characters(digest, wanted));
  if (wanted > longest) {
    // The whole digest was first tried by `whole`; what follows counts on from it.
    const std::size_t short_by = longest > kShortHash ? longest - kShortHash : 0;
    const std::size_t whole = (short_by + kHashGrowth - 1) / kHashGrowth;
    if (candidate > whole) name += "_v" + std::to_string(candidate - whole + 1);
  }
  return with_namespace(Namespace(parts.name_space), TopicName(std::move(name)));
}

std::vector<TopicName> legacy_topic_names(const TopicNameParts& parts, std::string_view code_hash) {
  std::vector<TopicName> names;
  const std::size_t longest = character_count(code_hash);
  for (std::size_t length = kLegacyShortHash;; length += kHashGrowth) {
    TopicName bare(base_name(parts, first_characters(code_hash, length)));
    TopicName prefixed = with_namespace(Namespace(parts.name_space), bare);
    if (prefixed != bare) names.push_back(std::move(prefixed));
    names.push_back(std::move(bare));
    if (length >= longest) return names;
  }
}

TopicKey topic_key(const TopicName& topic) {
  std::string key = base::lower_ascii(topic.view());
  std::ranges::replace(key, '.', '_');
  return TopicKey(std::move(key));
}

std::optional<std::string> illegal_topic(std::string_view topic) {
  if (topic.empty()) return "a topic needs a name";
  if (topic == "." || topic == "..") return "a topic cannot be called '" + std::string(topic) + "'";
  if (topic.size() > kTopicBytesMax) {
    return "the topic's name has " + std::to_string(topic.size()) + " bytes, at most " +
           std::to_string(kTopicBytesMax) + " are possible";
  }
  if (!std::ranges::all_of(topic, is_topic_byte)) {
    return "the topic's name '" + std::string(topic) +
           "' has characters other than A-Z, a-z, 0-9, '.', '_' and '-'";
  }
  return std::nullopt;
}

TopicName with_namespace(const Namespace& name_space, const TopicName& topic) {
  if (name_space.empty()) return topic;
  const std::string prefix = name_space.text() + ".";
  if (topic.view().starts_with(prefix)) return topic;
  return TopicName(prefix + topic.text());
}

}  // namespace weir::graph
