// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/ids.h"

namespace weir::graph {

/// What kind of stream a topic carries; decides its shape (contract section 3.7).
enum class TopicType : std::uint8_t { Raw, Indicator, TradeExec };
inline constexpr std::array<TopicType, 3> kTopicTypes = {TopicType::Raw, TopicType::Indicator,
                                                         TopicType::TradeExec};

/// "raw", "indicator", "trade_exec".
std::string_view topic_type_name(TopicType type);
std::optional<TopicType> topic_type_from_name(std::string_view name);
TopicType topic_type_of(std::string_view node_type);
/// True if its name says two of them; topic_type_of takes the first.
bool fits_two_topic_types(std::string_view node_type);

/// How a topic is laid out on the broker.
struct TopicShape {
  int partitions = 1;
  int replication = 1;
  std::int64_t retention_ms = 0;
  std::string cleanup = {};  ///< cleanup.policy; empty: not set

  friend bool operator==(const TopicShape&, const TopicShape&) = default;
};

/// One shape a type; `default_topic_shapes()` is the specification's table.
using TopicShapes = std::array<TopicShape, 3>;
TopicShapes default_topic_shapes();

/// What a topic's name is made of (section 2.10).
struct TopicNameParts {
  std::string_view asset = {};  ///< as given by `topic_asset`
  std::string_view node_type = {};
  std::string_view node_id = {};
  std::string_view version = {};
  bool dry_run = false;              ///< adds "_sim"
  std::string_view name_space = {};  ///< empty: none
};

/// First tag that leaves something after lower-casing and keeping letters, digits, `_`, `-`.
std::string topic_asset(const std::vector<std::string>& tags);

/// The n-th candidate for the name, n from 0: the hash grows by two digits; past the whole digest
/// "_v2", "_v3", … is added (specification section 8). Always a different name for a different n.
TopicName topic_name(const TopicNameParts& parts, unsigned candidate);

/// Names under which an old deployment may have the topic (section 3.7), in the order in which to
/// look: by the first 6, 8, 10, … characters of the code hash, each prefixed, then bare.
std::vector<TopicName> legacy_topic_names(const TopicNameParts& parts, std::string_view code_hash);

/// The key under which a broker would confuse names.
TopicKey topic_key(const TopicName& topic);

/// Why the broker could not have such a topic, or nothing if it could (Kafka's rules: 1 to 249 of
/// `[A-Za-z0-9._-]`, not "." or "..").
std::optional<std::string> illegal_topic(std::string_view topic);

/// `topic` with "<ns>." in front, unless it is there already.
TopicName with_namespace(const Namespace& name_space, const TopicName& topic);

}  // namespace weir::graph
