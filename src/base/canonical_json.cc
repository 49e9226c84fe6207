// SPDX-License-Identifier: Apache-2.0
#include "base/canonical_json.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/canonical_number.h"
#include "base/utf8.h"

namespace weir::base {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

/// The escape of a character that both forms escape alike: quote, backslash, controls.
void append_escape(std::string& out, unsigned char byte) {
  switch (byte) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\r':
      out += "\\r";
      return;
    default:
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 0xf];
  }
}

bool needs_escape(unsigned char byte) { return byte < 0x20 || byte == '"' || byte == '\\'; }

void append_unit(std::string& out, char32_t unit) {
  out += "\\u";
  for (const unsigned shift : {12U, 8U, 4U, 0U}) out += kHex[(unit >> shift) & 0xf];
}

void append_ascii_text(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const char32_t character = next_character(text, at);
    if (character < 0x7f) {
      const auto byte = static_cast<unsigned char>(character);
      if (needs_escape(byte)) {
        append_escape(out, byte);
      } else {
        out += static_cast<char>(byte);
      }
    } else if (character < 0x10000) {
      append_unit(out, character);
    } else {
      append_unit(out, 0xd800 + ((character - 0x10000) >> 10));
      append_unit(out, 0xdc00 + ((character - 0x10000) & 0x3ff));
    }
  }
  out += '"';
}

/// Writes values in one of the two forms. Members wait in `members_`, one run an open object, so
/// that no object needs memory of its own.
class Writer {
 public:
  struct Form {
    KeyFilter drop = nullptr;
    bool ascii = false;
    int indent = 0;  ///< blanks a level; 0: all on one line
  };

  Writer(std::string& out, const Form& form) : out_(out), form_(form) {}

  // Recursion is as deep as the document, whose depth JsonLimits bounds.
  void write(JsonValue value) {  // NOLINT(misc-no-recursion)
    switch (value.missing() ? JsonKind::Null : value.kind()) {
      case JsonKind::Null:
        out_ += "null";
        return;
      case JsonKind::False:
        out_ += "false";
        return;
      case JsonKind::True:
        out_ += "true";
        return;
      case JsonKind::Integer:
      case JsonKind::Double:
        append_canonical_number(out_, value.text());
        return;
      case JsonKind::Text:
        write_text(value.text());
        return;
      case JsonKind::Array:
        write_array(value);
        return;
      case JsonKind::Object:
        write_object(value);
        return;
    }
  }

 private:
  void write_text(std::string_view text) {
    if (form_.ascii) {
      append_ascii_text(out_, text);
    } else {
      append_json_text(out_, text);
    }
  }

  void write_array(JsonValue array) {  // NOLINT(misc-no-recursion)
    bool first = true;
    out_ += '[';
    ++level_;
    for (const JsonValue element : array) {
      separate(first);
      write(element);
    }
    finish(first, ']');
  }

  void write_object(JsonValue object) {  // NOLINT(misc-no-recursion)
    const std::size_t begin = members_.size();
    bool sorted = true;
    for (const JsonValue member : object) {
      if (form_.drop != nullptr && form_.drop(member.key())) continue;
      sorted = sorted && (members_.size() == begin || members_.back().key() < member.key());
      members_.push_back(member);
    }
    if (!sorted) {
      std::sort(members_.begin() + static_cast<std::ptrdiff_t>(begin), members_.end(),
                [](JsonValue a, JsonValue b) {
                  return std::pair(a.key(), a.position()) < std::pair(b.key(), b.position());
                });
    }
    const std::size_t end = members_.size();
    bool first = true;
    out_ += '{';
    ++level_;
    for (std::size_t at = begin; at < end; ++at) {
      const JsonValue member = members_[at];
      // Of a repeated key the last one counts, and comes last.
      if (at + 1 < end && members_[at + 1].key() == member.key()) continue;
      separate(first);
      write_text(member.key());
      out_ += form_.indent > 0 ? ": " : ":";
      write(member);
    }
    finish(first, '}');
    members_.resize(begin);
  }

  void separate(bool& first) {
    if (!first) out_ += ',';
    first = false;
    new_line();
  }

  void finish(bool empty, char bracket) {
    --level_;
    if (!empty) new_line();
    out_ += bracket;
  }

  void new_line() {
    if (form_.indent == 0) return;
    out_ += '\n';
    out_.append(static_cast<std::size_t>(form_.indent) * level_, ' ');
  }

  std::string& out_;
  const Form form_;
  std::vector<JsonValue> members_;
  std::size_t level_ = 0;
};

}  // namespace

void append_canonical_json(std::string& out, JsonValue value, KeyFilter drop) {
  Writer(out, {.drop = drop, .ascii = false, .indent = 0}).write(value);
}

std::string canonical_json(JsonValue value, KeyFilter drop) {
  std::string out;
  append_canonical_json(out, value, drop);
  return out;
}

std::string ascii_json(JsonValue value, int indent) {
  std::string out;
  Writer(out, {.drop = nullptr, .ascii = true, .indent = indent}).write(value);
  return out;
}

void append_json_text(std::string& out, std::string_view text) {
  out += '"';
  std::size_t plain = 0;  // start of the run that is copied as it is
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (!needs_escape(byte)) continue;
    out += text.substr(plain, at - plain);
    append_escape(out, byte);
    plain = at + 1;
  }
  out += text.substr(plain);
  out += '"';
}

}  // namespace weir::base
