// SPDX-License-Identifier: Apache-2.0
#include "server/config/config_yaml.h"

#include <yaml-cpp/yaml.h>

#include <stdexcept>
#include <utility>

#include "server/config/limits.h"

namespace weir::server {
namespace {

TextPlace place_of(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {static_cast<std::size_t>(mark.line) + 1, static_cast<std::size_t>(mark.column) + 1};
}

/// Copies yaml-cpp's nodes. Aliases are expanded, so a loop of them ends at a bound.
class Copier {
 public:
  YamlNode copy(const YAML::Node& node, std::size_t depth) {
    if (++nodes_ > kYamlNodesMax || depth > kYamlDepthMax) {
      throw YAML::ParserException(node.Mark(), "too large, or nested too deep");
    }
    YamlNode made;
    made.place = place_of(node.Mark());
    if (node.IsScalar()) {
      made.kind = YamlKind::Scalar;
      made.text = node.Scalar();
    } else if (node.IsSequence()) {
      made.kind = YamlKind::Sequence;
      for (const YAML::Node& element : node) made.children.push_back(copy(element, depth + 1));
    } else if (node.IsMap()) {
      made.kind = YamlKind::Mapping;
      for (const auto& member : node) {
        if (!member.first.IsScalar()) {
          throw YAML::ParserException(member.first.Mark(), "a key must be a plain text");
        }
        YamlNode& child = made.children.emplace_back(copy(member.second, depth + 1));
        child.key = member.first.Scalar();
        child.key_place = place_of(member.first.Mark());
      }
    }
    return made;
  }

 private:
  std::size_t nodes_ = 0;
};

}  // namespace

std::variant<YamlNode, YamlRefusal> read_yaml(const std::string& text) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.empty()) return YamlNode{};
    if (documents.size() > 1) {
      return YamlRefusal{place_of(documents[1].Mark()), "a second document starts here"};
    }
    return Copier().copy(documents.front(), 0);
  } catch (const YAML::Exception& error) {
    return YamlRefusal{place_of(error.mark), error.msg};
  } catch (const std::exception& error) {
    return YamlRefusal{{}, error.what()};
  }
}

}  // namespace weir::server
