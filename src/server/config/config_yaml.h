// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace weir::server {

/// A place in a text, counted from 1.
struct TextPlace {
  std::size_t line = 1;
  std::size_t column = 1;
};

enum class YamlKind : std::uint8_t { Null, Scalar, Sequence, Mapping };

/// A YAML value with aliases expanded; every value remembers where it stands.
struct YamlNode {
  YamlKind kind = YamlKind::Null;
  TextPlace place = {};
  std::string text = {};                // of a scalar
  std::string key = {};                 // of a member of a mapping
  TextPlace key_place = {};             // likewise
  std::vector<YamlNode> children = {};  // elements, or members as written, repeated keys too
};

/// Why a text is not YAML, and where.
struct YamlRefusal {
  TextPlace place;
  std::string text;
};

/// Reads one document; an empty text is null. Refused: what is not YAML, several documents, keys
/// that are not scalars, more than kYamlNodesMax values or kYamlDepthMax levels.
std::variant<YamlNode, YamlRefusal> read_yaml(const std::string& text);

}  // namespace weir::server
