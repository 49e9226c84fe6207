// SPDX-License-Identifier: Apache-2.0
#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

#include "base/json.h"
#include "base/json_token.h"
#include "base/utf8.h"

namespace weir::base {
namespace {

bool is_blank(char byte) { return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t'; }

/// Where the first byte stands that keeps `text` from being tokenised, and why.
struct Flaw {
  std::size_t offset = 0;
  std::string what;
};

/// Says in words, and at which byte, what simdjson's tokeniser answered with a bare code.
Flaw find_flaw(std::string_view text, simdjson::error_code code) {
  if (code == simdjson::EMPTY) return {0, "there is no value"};
  if (code == simdjson::UTF8_ERROR) return {first_bad_utf8(text), "this is not UTF-8"};
  std::size_t opened = 0;
  bool in_text = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char byte = text[at];
    if (!in_text) {
      if (byte == '"') opened = at;
      in_text = byte == '"';
    } else if (byte == '\\') {
      ++at;
    } else if (static_cast<unsigned char>(byte) < 0x20) {
      return {at, "a control character inside text must be escaped"};
    } else if (byte == '"') {
      in_text = false;
    }
  }
  return {opened, "this text has no closing quote"};
}

Error not_json(std::string_view text, std::size_t offset, std::string_view what) {
  const TextPosition place = text_position(text, offset);
  return invalid_argument("dag_not_json", "line " + std::to_string(place.line) + ", column " +
                                              std::to_string(place.column) + ": " +
                                              std::string(what));
}

}  // namespace

/// Builds the tree from simdjson's token starts. Each step is told which token comes next and
/// refuses every other one, so nothing that is not JSON gets through.
class JsonTreeBuilder {
 public:
  JsonTreeBuilder(std::string_view text, const JsonLimits& limits) : text_(text), limits_(limits) {}

  Result<JsonDocument> build() {
    WEIR_CHECK(tokenise());
    const auto starts =
        std::span(scanner_->structural_indexes.get(), scanner_->n_structural_indexes);
    document_.nodes_.reserve(starts.size() / 2 + 1);
    for (std::size_t at = 0; at < starts.size(); ++at) {
      start_ = starts[at];
      end_ = at + 1 < starts.size() ? starts[at + 1] : text_.size();
      if (!take_token()) return *std::move(refusal_);
    }
    if (expected_ != Expected::Nothing) {
      return not_json(text_, text_.size(), "the text ends in the middle of a value");
    }
    return std::move(document_);
  }

 private:
  enum class Expected : std::uint8_t {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    Nothing
  };

  struct Open {
    std::uint32_t node;
    std::uint32_t last_child;  // 0: none yet
    bool object;
  };

  Result<void> tokenise() {
    WEIR_ASSERT(limits_.bytes_max <= UINT32_MAX);
    if (text_.size() > limits_.bytes_max) {
      return invalid_argument("dag_bounds", "the document has " + std::to_string(text_.size()) +
                                                " bytes, more than " +
                                                std::to_string(limits_.bytes_max));
    }
    if (text_.empty()) return not_json(text_, 0, "there is no value");
    document_.buffer_ = std::make_unique_for_overwrite<char[]>(text_.size());
    std::memcpy(document_.buffer_.get(), text_.data(), text_.size());
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(text_.data());
    auto code = simdjson::get_active_implementation()->create_dom_parser_implementation(
        text_.size(), simdjson::DEFAULT_MAX_DEPTH, scanner_);
    if (code == simdjson::SUCCESS) {
      code = scanner_->stage1(bytes, text_.size(), simdjson::stage1_mode::regular);
    }
    if (code == simdjson::MEMALLOC || code == simdjson::UNSUPPORTED_ARCHITECTURE) {
      return internal(std::string("simdjson: ") + simdjson::error_message(code));
    }
    if (code != simdjson::SUCCESS) {
      const Flaw flaw = find_flaw(text_, code);
      return not_json(text_, flaw.offset, flaw.what);
    }
    return {};
  }

  // The steps below are false where the document is refused; `refusal_` then says why.

  bool take_token() {
    const char byte = text_[start_];
    switch (expected_) {
      case Expected::ValueOrEnd:
        if (byte == ']') return close();
        return take_value();
      case Expected::Value:
        return take_value();
      case Expected::KeyOrEnd:
        if (byte == '}') return close();
        return take_key();
      case Expected::Key:
        return take_key();
      case Expected::Colon:
        if (byte != ':') return refuse(start_, "a `:` must follow the key");
        expected_ = Expected::Value;
        return true;
      case Expected::CommaOrEnd:
        return take_comma_or_end(byte);
      case Expected::Nothing:
        break;
    }
    return refuse(start_, "nothing may follow the document's value");
  }

  bool take_comma_or_end(char byte) {
    const bool object = open_.back().object;
    if (byte == ',') {
      expected_ = object ? Expected::Key : Expected::Value;
      return true;
    }
    if (byte == (object ? '}' : ']')) return close();
    return refuse(start_,
                  object ? "`,` or `}` must follow a member" : "`,` or `]` must follow an element");
  }

  bool take_value() {
    const char byte = text_[start_];
    if (byte == '{' || byte == '[') return open(byte == '{');
    JsonDocument::Node node;
    if (byte == '"') {
      node.kind = JsonKind::Text;
      if (!decode_text(node.text_at, node.size)) return false;
    } else {
      const std::string_view written = token();
      const std::optional<JsonKind> kind = scalar_kind(written, limits_.infinities);
      if (!kind) return refuse(start_, "this is no value");
      node.kind = *kind;
      if (*kind == JsonKind::Integer || *kind == JsonKind::Double) {
        node.text_at = static_cast<std::uint32_t>(start_);
        node.size = static_cast<std::uint32_t>(written.size());
      }
    }
    append(node);
    value_done();
    return true;
  }

  bool take_key() {
    if (text_[start_] != '"') return refuse(start_, "a key must be text");
    expected_ = Expected::Colon;
    return decode_text(key_at_, key_size_);
  }

  bool open(bool object) {
    JsonDocument::Node node;
    node.kind = object ? JsonKind::Object : JsonKind::Array;
    const std::uint32_t index = append(node);
    open_.push_back({.node = index, .last_child = 0, .object = object});
    if (open_.size() > limits_.depth_max) {
      refusal_ = too_deep();
      return false;
    }
    expected_ = object ? Expected::KeyOrEnd : Expected::ValueOrEnd;
    return true;
  }

  bool close() {
    open_.pop_back();
    value_done();
    return true;
  }

  void value_done() { expected_ = open_.empty() ? Expected::Nothing : Expected::CommaOrEnd; }

  std::uint32_t append(JsonDocument::Node node) {
    auto& nodes = document_.nodes_;
    const auto index = static_cast<std::uint32_t>(nodes.size());
    if (!open_.empty()) {
      Open& parent = open_.back();
      if (parent.object) {
        node.key_at = key_at_;
        node.key_size = key_size_;
      }
      if (parent.last_child != 0) nodes[parent.last_child].next = index;
      parent.last_child = index;
      ++nodes[parent.node].size;
    }
    nodes.push_back(node);
    return index;
  }

  /// The token without the blanks after it.
  std::string_view token() const {
    std::size_t end = end_;
    while (end > start_ + 1 && is_blank(text_[end - 1])) --end;
    return text_.substr(start_, end - start_);
  }

  /// The text token's content; escapes are decoded in place, in the document's own copy.
  bool decode_text(std::uint32_t& at, std::uint32_t& size) {
    const std::string_view quoted = token();
    if (quoted.size() < 2 || quoted.back() != '"') {
      return refuse(start_, "this text has no closing quote");
    }
    const std::string_view raw = quoted.substr(1, quoted.size() - 2);
    at = static_cast<std::uint32_t>(start_ + 1);
    size = static_cast<std::uint32_t>(raw.size());
    if (std::memchr(raw.data(), '\\', raw.size()) == nullptr) return true;
    const Unescaped unescaped = unescape_json_text(raw, document_.buffer_.get() + at);
    if (unescaped.bad) {
      return refuse(start_ + 1 + *unescaped.bad, "this escape stands for no character");
    }
    size = static_cast<std::uint32_t>(unescaped.size);
    return true;
  }

  bool refuse(std::size_t offset, std::string_view what) {
    refusal_ = not_json(text_, offset, what);
    return false;
  }

  Error too_deep() const {
    std::string pointer;
    for (std::size_t depth = 1; depth < open_.size(); ++depth) {
      const JsonDocument::Node& node = document_.nodes_[open_[depth].node];
      const JsonDocument::Node& parent = document_.nodes_[open_[depth - 1].node];
      const std::string_view key(document_.buffer_.get() + node.key_at, node.key_size);
      pointer = open_[depth - 1].object ? json_pointer(pointer, key)
                                        : json_pointer(pointer, parent.size - 1);
    }
    const std::string text = "nested deeper than " + std::to_string(limits_.depth_max);
    return invalid_argument("dag_bounds", "the document is " + text)
        .with_faults({Fault{.reason = "dag_bounds", .path = pointer, .text = text}});
  }

  std::string_view text_;
  const JsonLimits& limits_;
  JsonDocument document_;
  std::unique_ptr<simdjson::internal::dom_parser_implementation> scanner_;
  std::vector<Open> open_;
  std::uint32_t key_at_ = 0;  // of the member being read
  std::uint32_t key_size_ = 0;
  std::size_t start_ = 0;  // of the token at hand
  std::size_t end_ = 0;    // where the next token starts
  Expected expected_ = Expected::Value;
  std::optional<Error> refusal_;
};

Result<JsonDocument> JsonDocument::parse(std::string_view text, const JsonLimits& limits) {
  return JsonTreeBuilder(text, limits).build();
}

}  // namespace weir::base
