// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace weir::operators {

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
    base::append_json_text(out_, value);
    return *this;
  }
  template <std::integral Number>
    requires(!std::same_as<Number, bool>)
  JsonLine& number(std::string_view name, Number value) {
    key(name);
    out_ += std::to_string(value);
    return *this;
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

}  // namespace weir::operators
