// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace weir::base {

/// Writes a JSON list at the end of a text; `append` writes each value.
template <class Values, class Append>
void append_json_list(std::string& out, const Values& values, Append append) {
  out += '[';
  bool first = true;
  for (const auto& value : values) {
    if (!first) out += ',';
    first = false;
    append(value);
  }
  out += ']';
}

/// Writes one JSON object at the end of a text, member by member, without blanks. Keys are plain
/// names of ours.
class JsonLine {
 public:
  explicit JsonLine(std::string& out) : out_(out) { out_ += '{'; }

  /// Begins a member; its value follows by `text`, `raw`, or whatever appends to the text.
  JsonLine& key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    out_ += '"';
    out_ += name;
    out_ += "\":";
    return *this;
  }
  JsonLine& text(std::string_view name, std::string_view value) {
    key(name);
    append_json_text(out_, value);
    return *this;
  }
  template <std::integral Number>
    requires(!std::same_as<Number, bool>)
  JsonLine& number(std::string_view name, Number value) {
    key(name);
    out_ += std::to_string(value);
    return *this;
  }
  /// The shortest text that reads back as the same number, which must be finite.
  JsonLine& number(std::string_view name, double value) {
    std::array<char, 32> text{};
    const auto written = std::to_chars(text.data(), text.data() + text.size(), value);
    return raw(name, {text.data(), written.ptr});
  }
  JsonLine& flag(std::string_view name, bool value) {
    key(name);
    out_ += value ? "true" : "false";
    return *this;
  }
  /// JSON that is there already.
  JsonLine& raw(std::string_view name, std::string_view json) {
    key(name);
    out_ += json;
    return *this;
  }
  template <class Texts>
  JsonLine& texts(std::string_view name, const Texts& values) {
    key(name);
    append_json_list(out_, values, [this](std::string_view text) { append_json_text(out_, text); });
    return *this;
  }
  JsonLine& null(std::string_view name) { return raw(name, "null"); }
  JsonLine& text_or_null(std::string_view name, const std::optional<std::string>& value) {
    return value ? text(name, *value) : null(name);
  }
  JsonLine& raw_or_null(std::string_view name, const std::optional<std::string>& json) {
    return json ? raw(name, *json) : null(name);
  }
  void end() { out_ += '}'; }

 private:
  std::string& out_;
  bool first_ = true;
};

}  // namespace weir::base

namespace weir {
using base::JsonLine;
}  // namespace weir
