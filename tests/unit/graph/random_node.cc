// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/graph/random_node.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/utf8.h"

namespace weir::graph {
namespace {

using base::SeededRandom;

template <class List>
std::string_view pick(SeededRandom& random, const List& list) {
  return list[random.below(list.size())];
}

template <class T>
void shuffle(SeededRandom& random, std::vector<T>& list) {
  for (std::size_t left = list.size(); left > 1; --left) {
    std::swap(list[left - 1], list[random.below(left)]);
  }
}

std::string random_text(SeededRandom& random) {
  static constexpr std::array<std::string_view, 16> kPieces = {
      "a",  "B",  "z_1", "é",  "€",      "😀",     " ",    ",",
      "\"", "\\", "/",   "\n", "\u2028", "\u00a0", "\x7f", std::string_view("\0", 1)};
  std::string text;
  const std::uint64_t count = random.below(5);
  for (std::uint64_t piece = 0; piece < count; ++piece) text += pick(random, kPieces);
  return text;
}

std::string random_number(SeededRandom& random) {
  static constexpr std::array<std::string_view, 18> kNumbers = {
      "0",      "-0",    "1",    "1.0",   "-1",    "60",
      "0.1",    "1e16",  "1e15", "1E2",   "-0.0",  "1e-7",
      "5e-324", "1e-99", "0e9",  "2.5e3", "-14.9", "123456789012345678901234567890"};
  if (random.chance(50)) return std::string(pick(random, kNumbers));
  std::array<char, 64> buffer{};
  const auto scaled = static_cast<double>(random.below(2'000'000)) - 1e6;
  const double power = std::pow(10.0, static_cast<double>(random.below(40)) - 20);
  std::snprintf(buffer.data(), buffer.size(), "%.*e", static_cast<int>(random.below(17)),
                scaled / 7 * power);
  return buffer.data();
}

/// Writes one character, sometimes as an escape.
void append_character(SeededRandom& random, char32_t character, std::string& out) {
  const bool must = character < 0x20 || character == '"' || character == '\\';
  std::array<char, 16> buffer{};
  if (!must && random.chance(80)) {
    out.append(buffer.data(), base::encode_utf8(character, buffer.data()));
    return;
  }
  if (character >= 0x10000) {
    std::snprintf(buffer.data(), buffer.size(), "\\u%04x\\u%04X",
                  static_cast<unsigned>(0xd800 + ((character - 0x10000) >> 10)),
                  static_cast<unsigned>(0xdc00 + ((character - 0x10000) & 0x3ff)));
  } else {
    std::snprintf(buffer.data(), buffer.size(), "\\u%04x", static_cast<unsigned>(character));
  }
  out += buffer.data();
}

std::string written(SeededRandom& random, std::string_view text) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    append_character(random, base::next_character(text, at), out);
  }
  return out + "\"";
}

std::string blanks(SeededRandom& random) {
  static constexpr std::array<std::string_view, 6> kBlanks = {"", "", "", " ", "\n", "\t\r "};
  return std::string(pick(random, kBlanks));
}

std::string random_key(SeededRandom& random) {
  static constexpr std::array<std::string_view, 20> kKeys = {
      "a",    "b",      "c",          "alpha", "window", "query_tags", "tags",
      "seed", "World",  "ENV_PATH",   "env",   "envx",   "match_mode", "interval",
      "é",    "\uffff", "\U00010000", "as_of", "",       "timestamps"};
  return std::string(pick(random, kKeys));
}

std::string random_value(SeededRandom& random, int depth, const RandomNodeStyle& style);

std::string random_object(SeededRandom& random, int depth, const RandomNodeStyle& style) {
  std::string out = "{";
  std::set<std::string> used;
  const std::uint64_t count = random.below(5);
  for (std::uint64_t member = 0; member < count; ++member) {
    const std::string key = random_key(random);
    if (!used.insert(key).second && !style.repeated_keys) continue;
    out += (out.size() > 1 ? "," : "") + written(random, key) + blanks(random) + ":" +
           random_value(random, depth + 1, style) + blanks(random);
  }
  return out + "}";
}

std::string random_value(SeededRandom& random, int depth, const RandomNodeStyle& style) {
  static constexpr std::array<std::string_view, 3> kLiterals = {"null", "true", "false"};
  switch (random.below(depth > 3 ? 4 : 6)) {
    case 0:
      return std::string(pick(random, kLiterals));
    case 1:
    case 2:
      return random_number(random);
    case 3:
      return written(random, random_text(random));
    case 4:
      return random_object(random, depth, style);
    default: {
      std::string out = "[";
      const std::uint64_t count = random.below(4);
      for (std::uint64_t item = 0; item < count; ++item) {
        out += (item > 0 ? "," : "") + random_value(random, depth + 1, style);
      }
      return out + "]";
    }
  }
}

std::string random_list(SeededRandom& random) {
  static constexpr std::array<std::string_view, 8> kItems = {
      R"("blake3:aa")", R"("blake3:bb")", R"("é")", R"("")", "null", "7", "1.50", "true"};
  std::string out = "[";
  const std::uint64_t count = random.below(5);
  for (std::uint64_t item = 0; item < count; ++item) {
    out += std::string(item > 0 ? "," : "") + std::string(pick(random, kItems));
  }
  return out + "]";
}

std::string random_integer_field(SeededRandom& random) {
  static constexpr std::array<std::string_view, 15> kIntegers = {
      "60",    "0",     "null", "-5",     R"(" 60 ")",
      R"("")", "14.9",  "-1.9", "1e3",    R"("+7")",
      "true",  "3.5e9", "1e19", R"("x")", "9223372036854775808"};
  return std::string(pick(random, kIntegers));
}

}  // namespace

std::string random_node(SeededRandom& random, const RandomNodeStyle& style) {
  static constexpr std::array<std::string_view, 7> kTypes = {
      R"("Node")", R"("TagQueryNode")", R"("TagQueryNode")", R"("A|B")", "null", "12.0", "-0"};
  static constexpr std::array<std::string_view, 8> kSchemas = {
      R"("s1")", R"(" s1 ")", R"("s2")", R"("  ")", "null", "0", "false", "3"};
  static constexpr std::array<std::string_view, 6> kModes = {R"("any")", R"("ALL")", R"("some")",
                                                             "null",     "1",        R"("")"};
  std::vector<std::pair<std::string, std::string>> fields;
  const auto add = [&](const std::string& name, std::string value) {
    if (random.chance(25)) return;  // absent
    const bool wrong = style.wrong_shapes && random.chance(8);
    fields.emplace_back(name, wrong ? random_value(random, 0, style) : std::move(value));
  };
  add("node_type", std::string(pick(random, kTypes)));
  add("interval", random_integer_field(random));
  add("period", random_integer_field(random));
  add("params",
      random.chance(70) ? random_object(random, 0, style) : random_value(random, 0, style));
  add("config", random_value(random, 0, style));
  add("inputs", random_list(random));
  add("dependencies", random_list(random));
  add("schema_compat_id", std::string(pick(random, kSchemas)));
  if (random.chance(30)) add("schema_id", std::string(pick(random, kSchemas)));
  add("code_hash", written(random, random_text(random)));
  add("tags", random_list(random));
  add("match_mode", std::string(pick(random, kModes)));
  add("name", written(random, random_text(random)));
  shuffle(random, fields);
  std::string out = "{";
  for (const auto& [name, value] : fields) {
    out += (out.size() > 1 ? "," : "") + written(random, name) + ":" + blanks(random) + value;
  }
  return out + "}";
}

std::string rewritten(SeededRandom& random, JsonValue value) {
  std::vector<JsonValue> children;
  for (const JsonValue child : value) children.push_back(child);
  const bool object = value.is_object();
  const bool unordered = value.key() == "inputs" || value.key() == "dependencies";
  if (object || unordered) shuffle(random, children);
  switch (value.kind()) {
    case JsonKind::Null:
      return "null";
    case JsonKind::True:
      return "true";
    case JsonKind::False:
      return "false";
    case JsonKind::Integer:
    case JsonKind::Double:
      return std::string(value.text());
    case JsonKind::Text:
      return written(random, value.text());
    case JsonKind::Array:
    case JsonKind::Object:
      break;
  }
  std::string out = object ? "{" : "[";
  for (const JsonValue child : children) {
    out += (out.size() > 1 ? "," : "") + blanks(random);
    if (object) out += written(random, child.key()) + blanks(random) + ":";
    out += rewritten(random, child) + blanks(random);
  }
  return out + (object ? "}" : "]");
}

}  // namespace weir::graph
