// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/assert.h"
#include "base/result.h"

namespace weir::base {

enum class JsonKind : std::uint8_t { Null, False, True, Integer, Double, Text, Array, Object };

class JsonDocument;

/// One value inside a JsonDocument: a pointer-sized handle, valid as long as the document lives.
/// A default-made JsonValue is "missing"; asking it for members gives missing again.
class JsonValue {
 public:
  JsonValue() = default;

  bool missing() const { return document_ == nullptr; }
  /// Missing or JSON null.
  bool is_null() const;
  bool is_object() const;
  bool is_array() const;
  bool is_text() const;
  bool is_number() const;
  bool is_bool() const;
  /// Kind; the value must not be missing.
  JsonKind kind() const;

  /// Decoded text of a string; the token as written of a number; empty for other kinds.
  std::string_view text() const;
  /// Rank of this value in the document's order: what opens earlier has the smaller one.
  std::uint32_t position() const { return index_; }
  /// Name of this value as a member of its object (decoded); empty elsewhere.
  std::string_view key() const;
  /// Number of elements or members as written (repeated keys counted).
  std::size_t size() const;

  /// Member of an object by decoded name, the last one where a key is repeated; else missing.
  JsonValue find(std::string_view name) const;

  /// Children of an array or object in document order (repeated keys all there).
  class Iterator;
  Iterator begin() const;
  Iterator end() const;

 private:
  friend class JsonDocument;
  friend class Iterator;
  JsonValue(const JsonDocument* document, std::uint32_t index)
      : document_(document), index_(index) {}

  const JsonDocument* document_ = nullptr;
  std::uint32_t index_ = 0;
};

/// Limits of JsonDocument::parse.
struct JsonLimits {
  std::size_t depth_max = 64;
  std::size_t bytes_max = std::size_t{16} << 20;  ///< at most 4 GiB - 1
  /// Takes the tokens Infinity and -Infinity too: canonical JSON of overflown numbers has them.
  bool infinities = false;
};

/// A parsed JSON text (RFC 8259). Numbers keep their token as written, text is decoded, keys keep
/// their order. simdjson finds the tokens and checks UTF-8; one pass over them checks all the rest
/// and builds the tree. Immutable; safe to read from any thread.
class JsonDocument {
 public:
  /// Refuses what is not JSON with INVALID_ARGUMENT `dag_not_json` (message: line, column, what),
  /// more depth or bytes than `limits` with `dag_bounds` (too deep: one fault, with the pointer of
  /// the value). A lone surrogate is not JSON.
  static Result<JsonDocument> parse(std::string_view text, const JsonLimits& limits = {});

  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  JsonDocument(const JsonDocument&) = delete;
  JsonDocument& operator=(const JsonDocument&) = delete;
  ~JsonDocument();

  JsonValue root() const { return {this, 0}; }

 private:
  friend class JsonValue;
  friend class JsonTreeBuilder;

  /// Offsets go into buffer_. A container's first child stands right behind it in nodes_.
  struct Node {
    std::uint32_t key_at = 0;
    std::uint32_t key_size = 0;
    std::uint32_t text_at = 0;
    std::uint32_t size = 0;  // bytes of the text, or number of children
    std::uint32_t next = 0;  // index of the next sibling, 0 if none
    JsonKind kind = JsonKind::Null;

    bool is_container() const { return kind == JsonKind::Array || kind == JsonKind::Object; }
  };

  JsonDocument();

  std::unique_ptr<char[]> buffer_;  // copy of the input, escapes decoded in place; views point here
  std::vector<Node> nodes_;         // in document order, the root first
};

class JsonValue::Iterator {
 public:
  Iterator(const JsonDocument* document, std::uint32_t index)
      : document_(document), index_(index) {}
  JsonValue operator*() const { return {document_, index_}; }
  Iterator& operator++();
  friend bool operator==(const Iterator&, const Iterator&) = default;

 private:
  const JsonDocument* document_;
  std::uint32_t index_;  // 0 at the end
};

inline JsonKind JsonValue::kind() const {
  WEIR_ASSERT(!missing());
  return document_->nodes_[index_].kind;
}
inline bool JsonValue::is_null() const { return missing() || kind() == JsonKind::Null; }
inline bool JsonValue::is_object() const { return !missing() && kind() == JsonKind::Object; }
inline bool JsonValue::is_array() const { return !missing() && kind() == JsonKind::Array; }
inline bool JsonValue::is_text() const { return !missing() && kind() == JsonKind::Text; }
inline std::string_view JsonValue::text() const {
  if (missing()) return {};
  const JsonDocument::Node& node = document_->nodes_[index_];
  if (node.is_container()) return {};
  return {document_->buffer_.get() + node.text_at, node.size};
}
inline std::string_view JsonValue::key() const {
  if (missing()) return {};
  const JsonDocument::Node& node = document_->nodes_[index_];
  return {document_->buffer_.get() + node.key_at, node.key_size};
}
inline std::size_t JsonValue::size() const {
  return !missing() && document_->nodes_[index_].is_container() ? document_->nodes_[index_].size
                                                                : 0;
}
inline JsonValue::Iterator JsonValue::begin() const {
  return {document_, size() == 0 ? 0 : index_ + 1};
}
inline JsonValue::Iterator JsonValue::end() const { return {document_, 0}; }
inline JsonValue::Iterator& JsonValue::Iterator::operator++() {
  index_ = document_->nodes_[index_].next;
  return *this;
}

/// Appends one step to a JSON Pointer (RFC 6901), `~` and `/` escaped.
std::string json_pointer(std::string_view base, std::string_view step);
std::string json_pointer(std::string_view base, std::size_t step);

/// Appends `text` as a JSON string with canonical escapes (contract section 2.3).
void append_json_text(std::string& out, std::string_view text);

}  // namespace weir::base

namespace weir {
using base::JsonDocument;
using base::JsonKind;
using base::JsonValue;
}  // namespace weir
