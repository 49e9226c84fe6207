// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dagfile/yaml_tree.h"

#include <algorithm>

#include "base/json.h"

namespace weir::dispatcher {
namespace {

bool is_plain_step(char byte) {
  const char lower = static_cast<char>(byte | 0x20);
  return (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z') || byte == '_' ||
         byte == '-';
}

}  // namespace

void append_path_step(std::string& path, std::string_view key) {
  if (key.empty() || !std::ranges::all_of(key, is_plain_step)) {
    path += '[';
    base::append_json_text(path, key);
    path += ']';
    return;
  }
  if (!path.empty()) path += '.';
  path += key;
}

YamlKind YamlValue::kind() const { return missing() ? YamlKind::Null : tree_->nodes_[index_].kind; }

std::string_view YamlValue::text() const {
  if (!is_scalar()) return {};
  const YamlTree::Node& node = tree_->nodes_[index_];
  return std::string_view(tree_->texts_).substr(node.text_at, node.size);
}

std::string_view YamlValue::key() const {
  if (missing()) return {};
  const YamlTree::Node& node = tree_->nodes_[index_];
  return std::string_view(tree_->texts_).substr(node.key_at, node.key_size);
}

std::size_t YamlValue::size() const {
  return is_mapping() || is_sequence() ? tree_->nodes_[index_].size : 0;
}

std::size_t YamlValue::offset() const { return missing() ? 0 : tree_->nodes_[index_].offset; }

std::size_t YamlValue::key_offset() const {
  if (missing()) return 0;
  const YamlTree::Node& node = tree_->nodes_[index_];
  return node.member ? node.key_offset : node.offset;
}

std::string YamlValue::path() const {
  if (missing()) return {};
  std::vector<std::uint32_t> steps;
  for (std::uint32_t at = index_; at != 0; at = tree_->nodes_[at].parent) steps.push_back(at);
  std::string path;
  std::ranges::reverse(steps);
  for (const std::uint32_t at : steps) {
    const YamlTree::Node& node = tree_->nodes_[at];
    if (node.member) {
      append_path_step(path, YamlValue(tree_, at).key());
    } else {
      path += '[' + std::to_string(node.position) + ']';
    }
  }
  return path;
}

YamlValue YamlValue::find(std::string_view name) const {
  if (!is_mapping()) return {};
  for (const YamlValue member : *this) {
    if (member.key() == name) return member;
  }
  return {};
}

YamlValue::Iterator YamlValue::begin() const {
  return {tree_, size() == 0 ? YamlTree::kNone : tree_->nodes_[index_].first};
}

YamlValue::Iterator YamlValue::end() const { return {tree_, YamlTree::kNone}; }

YamlValue::Iterator& YamlValue::Iterator::operator++() {
  index_ = tree_->nodes_[index_].next;
  return *this;
}

}  // namespace weir::dispatcher
