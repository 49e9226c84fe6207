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

struct YamlMember;

/// A YAML value with aliases expanded; every value remembers where it stands.
struct YamlNode {
  YamlKind kind = YamlKind::Null;
  TextPlace place = {};
  std::string text = {};                 // of a scalar
  std::vector<YamlNode> elements = {};   // of a sequence
  std::vector<YamlMember> members = {};  // of a mapping, as written, repeated keys too
};

struct YamlMember {
  std::string key;
  TextPlace key_place;
  YamlNode value;
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
