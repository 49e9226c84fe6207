// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::dispatcher {

/// Refused: what stands here is not read (an alias, the value of a merge key); it was reported.
enum class YamlKind : std::uint8_t { Null, Plain, Quoted, Sequence, Mapping, Refused };

class YamlTree;

/// One value of a YamlTree: a handle, valid as long as the tree lives. A default-made one is
/// "missing"; its children are none and its texts empty.
class YamlValue {
 public:
  YamlValue() = default;
  YamlValue(const YamlTree* tree, std::uint32_t index) : tree_(tree), index_(index) {}

  bool missing() const { return tree_ == nullptr; }
  /// Null of a missing value.
  YamlKind kind() const;
  bool is_mapping() const { return kind() == YamlKind::Mapping; }
  bool is_sequence() const { return kind() == YamlKind::Sequence; }
  bool is_scalar() const { return kind() == YamlKind::Plain || kind() == YamlKind::Quoted; }

  /// Of a scalar, as written but for folding and escapes.
  std::string_view text() const;
  /// Name of this value in its mapping; empty elsewhere.
  std::string_view key() const;
  /// Elements or members.
  std::size_t size() const;
  /// Byte at which the value stands by the position rule of section 2.1: a mapping's first key, a
  /// quote, a bracket; of a null its key or its dash.
  std::size_t offset() const;
  /// Byte of the member's key; of what is no member, of the value.
  std::size_t key_offset() const;
  /// Where it stands in the tree: `jobs[1].inputs[0].from`, `publish["a b"]`.
  std::string path() const;

  /// Member of a mapping; else missing.
  YamlValue find(std::string_view name) const;

  class Iterator;
  Iterator begin() const;
  Iterator end() const;

 private:
  const YamlTree* tree_ = nullptr;
  std::uint32_t index_ = 0;
};

/// A place in a text, counted from 1; columns count characters.
struct YamlPlace {
  std::size_t line = 1;
  std::size_t column = 1;
};

/// One YAML document as it stands: every value with its place, no key twice in a mapping. Filled by
/// read_yaml; then immutable, safe to read from any thread.
class YamlTree {
 public:
  /// The root; missing if nothing was read.
  YamlValue root() const { return nodes_.empty() ? YamlValue() : YamlValue(this, 0); }

 private:
  friend class YamlValue;
  friend class YamlTreeBuilder;

  static constexpr std::uint32_t kNone = 0;  // the root is nobody's child or neighbour

  struct Node {
    std::uint32_t key_at = 0;
    std::uint32_t key_size = 0;
    std::uint32_t key_offset = 0;
    std::uint32_t text_at = 0;
    std::uint32_t size = 0;  // bytes of the text, or number of children
    std::uint32_t offset = 0;
    std::uint32_t parent = kNone;
    std::uint32_t first = kNone;
    std::uint32_t next = kNone;
    std::uint32_t position = 0;  // among its parent's children
    YamlKind kind = YamlKind::Null;
    bool member = false;  // of a mapping
  };

  std::vector<Node> nodes_;
  std::string texts_;
};

class YamlValue::Iterator {
 public:
  Iterator(const YamlTree* tree, std::uint32_t index) : tree_(tree), index_(index) {}
  YamlValue operator*() const { return {tree_, index_}; }
  Iterator& operator++();
  friend bool operator==(const Iterator&, const Iterator&) = default;

 private:
  const YamlTree* tree_;
  std::uint32_t index_;
};

/// Appends one step to a path: `.name`, or `["na me"]` where the name is not `[A-Za-z0-9_-]+`.
void append_path_step(std::string& path, std::string_view key);

}  // namespace weir::dispatcher
