// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/graph/reference_identity.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/blake3.h"

namespace weir::graph {
namespace {

constexpr std::size_t kDepthMax = 64;

struct Refusal {};  // thrown where the contract refuses a node

enum class Kind { Null, Boolean, Integer, Double, Text, List, Object };

/// A JSON value with its number tokens as text. Of a repeated key the map has the last value.
struct Value {
  Kind kind = Kind::Null;
  std::string text = {};  // of text; of a number its digits
  double number = 0;
  bool truth = false;
  std::vector<Value> items = {};
  std::map<std::string, Value> members = {};
};

/// Builds a Value from nlohmann's events.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  Value root;
  bool too_deep = false;
  bool overflown = false;

  bool null() override { return put({}); }
  bool boolean(bool truth) override { return put({.kind = Kind::Boolean, .truth = truth}); }
  bool number_integer(number_integer_t number) override {
    return put({.kind = Kind::Integer,
                .text = std::to_string(number),
                .number = static_cast<double>(number)});
  }
  bool number_unsigned(number_unsigned_t number) override {
    return put({.kind = Kind::Integer,
                .text = std::to_string(number),
                .number = static_cast<double>(number)});
  }
  bool number_float(number_float_t number, const string_t& token) override {
    const bool whole = token.find_first_of(".eE") == std::string::npos;
    return put({.kind = whole ? Kind::Integer : Kind::Double, .text = token, .number = number});
  }
  bool string(string_t& text) override { return put({.kind = Kind::Text, .text = text}); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Kind::Object); }
  bool start_array(std::size_t) override { return open(Kind::List); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    keys_.back() = name;
    return true;
  }
  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& error) override {
    constexpr int kNumberOverflow = 406;
    overflown = error.id == kNumberOverflow;
    return false;
  }

 private:
  bool put(Value value) {
    place() = std::move(value);
    return true;
  }

  bool open(Kind kind) {
    Value& value = place();
    value = {.kind = kind};
    open_.push_back(&value);
    keys_.emplace_back();
    too_deep = open_.size() > kDepthMax;
    return !too_deep;
  }

  bool close() {
    open_.pop_back();
    keys_.pop_back();
    return true;
  }

  Value& place() {
    if (open_.empty()) return root;
    Value& parent = *open_.back();
    if (parent.kind == Kind::Object) return parent.members[keys_.back()];
    return parent.items.emplace_back();
  }

  std::vector<Value*> open_;
  std::vector<std::string> keys_;
};

ReferenceVerdict parse(std::string_view json, Value& root) {
  // nlohmann skips a byte order mark, and takes a zero byte for the end.
  if (json.starts_with("\xef\xbb\xbf") || json.find('\0') != std::string_view::npos) {
    return ReferenceVerdict::NotJson;
  }
  Builder builder;
  if (nlohmann::json::sax_parse(json.begin(), json.end(), &builder)) {
    root = std::move(builder.root);
    return ReferenceVerdict::Named;
  }
  if (builder.too_deep) return ReferenceVerdict::TooDeep;
  return builder.overflown ? ReferenceVerdict::Unreadable : ReferenceVerdict::NotJson;
}

const Value* find(const Value& object, const std::string& name) {
  const auto member = object.members.find(name);
  return member == object.members.end() ? nullptr : &member->second;
}

bool is_null(const Value* value) { return value == nullptr || value->kind == Kind::Null; }

std::string lower(std::string text) {
  for (char& byte : text) {
    if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte - 'A' + 'a');
  }
  return text;
}

std::string trim(std::string text) {
  static const std::vector<std::string> blanks = [] {
    std::vector<std::string> all = {"\u0085", "\u00a0", "\u1680", "\u2028", "\u2029",
                                    "\u202f", "\u205f", "\u3000", " "};
    for (char byte = 0x09; byte <= 0x0d; ++byte) all.emplace_back(1, byte);
    for (char byte = 0x1c; byte <= 0x1f; ++byte) all.emplace_back(1, byte);
    for (char last = '\x80'; last <= '\x8a'; ++last) all.push_back(std::string("\xe2\x80") + last);
    return all;
  }();
  for (bool changed = true; changed;) {
    changed = false;
    for (const std::string& blank : blanks) {
      if (text.starts_with(blank)) {
        text.erase(0, blank.size());
        changed = true;
      } else if (text.ends_with(blank)) {
        text.erase(text.size() - blank.size());
        changed = true;
      }
    }
  }
  return text;
}

/// The shortest digits that read back, by trying ever more of them; of equally many the nearest,
/// which printf's own or one of their two neighbours is. As "d.ddde±XX".
std::string shortest(double value) {
  std::array<char, 64> buffer{};
  for (int digits = 0; digits < 17; ++digits) {
    std::snprintf(buffer.data(), buffer.size(), "%.*e", digits, value);
    const std::string nearest = buffer.data();
    if (std::strtod(nearest.c_str(), nullptr) == value) return nearest;
    const double step = std::pow(10.0, std::floor(std::log10(std::fabs(value))) - digits);
    for (const double beside : {value + step, value - step}) {
      std::snprintf(buffer.data(), buffer.size(), "%.*e", digits, beside);
      if (std::strtod(buffer.data(), nullptr) == value) return buffer.data();
    }
  }
  return buffer.data();
}

std::string double_text(double value) {
  if (value == 0) return std::signbit(value) ? "-0.0" : "0.0";
  std::string text = shortest(std::fabs(value));
  const std::string sign = value < 0 ? "-" : "";
  const std::size_t mark = text.find('e');
  const int power = std::atoi(text.c_str() + mark + 1);
  std::string digits = text.substr(0, mark);
  std::erase(digits, '.');
  while (digits.size() > 1 && digits.back() == '0') digits.pop_back();
  if (power >= 16 || power < -4) {
    const std::string mantissa =
        digits.size() == 1 ? digits : digits.substr(0, 1) + "." + digits.substr(1);
    std::array<char, 16> exponent{};
    std::snprintf(exponent.data(), exponent.size(), "e%c%02d", power < 0 ? '-' : '+',
                  std::abs(power));
    return sign + mantissa + exponent.data();
  }
  if (power < 0)
    return sign + "0." + std::string(static_cast<std::size_t>(-power - 1), '0') + digits;
  const auto whole = static_cast<std::size_t>(power) + 1;
  if (digits.size() <= whole) digits += std::string(whole + 1 - digits.size(), '0');
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string integer_text(const std::string& token) { return token == "-0" ? "0" : token; }

std::string quoted(const std::string& text) {
  static const std::map<char, std::string> escapes = {{'"', "\\\""}, {'\\', "\\\\"}, {'\b', "\\b"},
                                                      {'\t', "\\t"}, {'\n', "\\n"},  {'\f', "\\f"},
                                                      {'\r', "\\r"}};
  std::string out = "\"";
  for (const char byte : text) {
    const auto escape = escapes.find(byte);
    if (escape != escapes.end()) {
      out += escape->second;
    } else if (byte >= 0 && byte < 0x20) {
      std::array<char, 8> code{};
      std::snprintf(code.data(), code.size(), "\\u%04x", static_cast<unsigned>(byte));
      out += code.data();
    } else {
      out += byte;
    }
  }
  return out + "\"";
}

bool excluded(const std::string& key) {
  static const std::set<std::string> keys = {"world",
                                             "world_id",
                                             "world_ids",
                                             "execution_world",
                                             "execution_domain",
                                             "domain",
                                             "domains",
                                             "as_of",
                                             "partition",
                                             "dataset_fingerprint",
                                             "seed",
                                             "timestamp",
                                             "random_state",
                                             "env"};
  const std::string lowered = lower(key);
  return keys.contains(lowered) || lowered.starts_with("env_");
}

std::string canonical(const Value& value) {
  switch (value.kind) {
    case Kind::Null:
      return "null";
    case Kind::Boolean:
      return value.truth ? "true" : "false";
    case Kind::Integer:
      return integer_text(value.text);
    case Kind::Double:
      return double_text(value.number);
    case Kind::Text:
      return quoted(value.text);
    case Kind::List: {
      std::string out = "[";
      for (const Value& item : value.items) out += (out.size() > 1 ? "," : "") + canonical(item);
      return out + "]";
    }
    case Kind::Object:
      break;
  }
  std::string out = "{";
  for (const auto& [name, member] : value.members) {
    if (excluded(name)) continue;
    out += (out.size() > 1 ? "," : "") + quoted(name) + ":" + canonical(member);
  }
  return out + "}";
}

/// A scalar as text; a list or an object is refused.
std::string as_text(const Value& value) {
  switch (value.kind) {
    case Kind::Null:
      return "None";
    case Kind::Boolean:
      return value.truth ? "True" : "False";
    case Kind::Integer:
      return integer_text(value.text);
    case Kind::Double:
      return double_text(value.number);
    case Kind::Text:
      return value.text;
    default:
      throw Refusal{};
  }
}

std::string text_field(const Value& node, const std::string& name) {
  const Value* value = find(node, name);
  return value == nullptr ? "" : as_text(*value);
}

bool falsy(const Value* value) {
  if (is_null(value)) return true;
  switch (value->kind) {
    case Kind::Boolean:
      return !value->truth;
    case Kind::Integer:
    case Kind::Double:
      return value->number == 0;
    case Kind::Text:
      return value->text.empty();
    default:
      return value->items.empty() && value->members.empty();
  }
}

enum class Reading { Integer, None, TooLarge };

Reading read_integer(const Value& value, std::int64_t& number) {
  std::string digits;
  if (value.kind == Kind::Boolean) digits = value.truth ? "1" : "0";
  if (value.kind == Kind::Integer) digits = value.text;
  if (value.kind == Kind::Text) digits = trim(value.text);
  if (value.kind == Kind::Double) {
    std::array<char, 400> whole{};
    std::snprintf(whole.data(), whole.size(), "%.0f", std::trunc(value.number));
    digits = whole.data();
  }
  if (digits.starts_with("+")) {
    digits.erase(0, 1);
    if (digits.starts_with("-")) return Reading::None;
  }
  const std::size_t sign = digits.starts_with("-") ? 1 : 0;
  if (digits.size() == sign) return Reading::None;
  if (digits.find_first_not_of("0123456789", sign) != std::string::npos) return Reading::None;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return read.ec == std::errc{} ? Reading::Integer : Reading::TooLarge;
}

std::int64_t integer_field(const Value& node, const std::string& name, std::int64_t most) {
  const Value* value = find(node, name);
  if (is_null(value) || (value->kind == Kind::Text && value->text.empty())) return 0;
  std::int64_t number = 0;
  if (read_integer(*value, number) != Reading::Integer) throw Refusal{};
  if (number > most || number < -most - 1) throw Refusal{};
  return number;
}

std::string schema_field(const Value& node, const std::string& name) {
  const Value* value = find(node, name);
  if (is_null(value)) return "";
  const std::string text = as_text(*value);  // a list is refused, empty or not
  return falsy(value) ? "" : trim(text);
}

std::vector<std::string> dependencies(const Value& node) {
  for (const char* name : {"inputs", "dependencies"}) {
    const Value* list = find(node, name);
    if (!is_null(list) && list->kind != Kind::List) throw Refusal{};
  }
  const Value* list = find(node, "inputs");
  if (is_null(list) || list->items.empty()) list = find(node, "dependencies");
  std::vector<std::string> ids;
  if (is_null(list)) return ids;
  for (const Value& item : list->items) {
    const std::string id = item.kind == Kind::Null ? "" : as_text(item);
    if (!id.empty()) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

std::set<std::string> query_tags(const Value* source, bool own) {
  std::vector<std::string> raw;
  if (is_null(source)) return {};
  if (source->kind == Kind::Text) {
    std::string rest = source->text + ",";
    for (std::size_t comma = rest.find(','); comma != std::string::npos; comma = rest.find(',')) {
      raw.push_back(rest.substr(0, comma));
      rest.erase(0, comma + 1);
    }
  } else if (source->kind == Kind::List) {
    try {
      for (const Value& item : source->items) raw.push_back(as_text(item));
    } catch (const Refusal&) {
      if (!own) throw;
      return {};  // the document's reader refuses the node's own tags
    }
  } else if (!own) {
    throw Refusal{};
  }
  std::set<std::string> tags;
  for (const std::string& text : raw) {
    if (!trim(text).empty()) tags.insert(trim(text));
  }
  return tags;
}

std::string tag_query(const Value& node) {
  const Value* params = find(node, "params");
  const bool has_params = params != nullptr && params->kind == Kind::Object;
  const Value* tags = has_params ? find(*params, "query_tags") : nullptr;
  if (has_params && falsy(tags)) tags = find(*params, "tags");
  const bool own_tags = !has_params || is_null(tags);
  if (own_tags) tags = find(node, "tags");
  const Value* mode = has_params ? find(*params, "match_mode") : nullptr;
  if (is_null(mode)) mode = find(node, "match_mode");
  const bool all = !is_null(mode) && mode->kind == Kind::Text && lower(mode->text) == "all";
  const Value* interval = find(node, "interval");
  const bool from_params = is_null(interval) && has_params;
  if (from_params) interval = find(*params, "interval");
  std::string interval_text = "null";
  std::int64_t seconds = 0;
  if (!is_null(interval)) {
    const Reading reading = read_integer(*interval, seconds);
    if (reading == Reading::Integer) interval_text = std::to_string(seconds);
    if (reading == Reading::TooLarge && from_params) throw Refusal{};
  }
  std::string list;
  for (const std::string& tag : query_tags(tags, own_tags)) {
    list += (list.empty() ? "" : ",") + quoted(tag);
  }
  return "{\"interval\":" + interval_text + ",\"match_mode\":\"" + (all ? "all" : "any") +
         "\",\"query_tags\":[" + list + "]}";
}

std::string canonical_node(const Value& node) {
  const std::string node_type = text_field(node, "node_type");
  const std::int64_t interval = integer_field(node, "interval", INT64_MAX);
  const std::int64_t period = integer_field(node, "period", INT32_MAX);
  const Value* params = find(node, "params");
  if (is_null(params)) params = find(node, "config");
  const std::string params_text = node_type == "TagQueryNode" ? tag_query(node)
                                  : params == nullptr         ? "null"
                                                              : canonical(*params);
  std::string joined;
  for (const std::string& id : dependencies(node)) joined += (joined.empty() ? "" : ",") + id;
  const std::string compat = schema_field(node, "schema_compat_id");
  const std::string legacy = schema_field(node, "schema_id");
  if (!compat.empty() && !legacy.empty() && compat != legacy) throw Refusal{};
  return node_type + "|" + std::to_string(interval) + "|" + std::to_string(period) + "|" +
         params_text + "|" + joined + "|" + (compat.empty() ? legacy : compat) + "|" +
         text_field(node, "code_hash");
}

}  // namespace

ReferenceNode reference_node(std::string_view node_json) {
  Value node;
  const ReferenceVerdict verdict = parse(node_json, node);
  if (verdict != ReferenceVerdict::Named) return {verdict, ""};
  try {
    return {ReferenceVerdict::Named, canonical_node(node)};
  } catch (const Refusal&) {
    return {ReferenceVerdict::Refused, ""};
  }
}

ReferenceDag reference_dag(std::string_view dag_json) {
  Value root;
  const ReferenceVerdict verdict = parse(dag_json, root);
  if (verdict != ReferenceVerdict::Named) return {verdict, {}};
  const Value* nodes = find(root, "nodes");
  if (nodes == nullptr || nodes->kind != Kind::List) return {ReferenceVerdict::Refused, {}};
  ReferenceDag dag{ReferenceVerdict::Named, {}};
  for (std::size_t index = 0; index < nodes->items.size(); ++index) {
    const Value& node = nodes->items[index];
    const Value* type = find(node, "node_type");
    const bool sentinel =
        type != nullptr && type->kind == Kind::Text && type->text == "VersionSentinel";
    if (node.kind != Kind::Object || sentinel) continue;
    std::string id;
    try {
      id = "blake3:" + base::blake3_hex(canonical_node(node));
    } catch (const Refusal&) {
      id.clear();
    }
    dag.ids.push_back({index, std::move(id)});
  }
  return dag;
}

}  // namespace weir::graph
