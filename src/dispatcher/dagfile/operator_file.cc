// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>

#include "base/canonical_json.h"
#include "base/json.h"
#include "dispatcher/dagfile/limits.h"
#include "dispatcher/dagfile/operator_registry.h"

namespace weir::dispatcher {
namespace {

constexpr std::array<std::string_view, 15> kOperatorKeys = {"name",
                                                            "version",
                                                            "activation",
                                                            "source_kind",
                                                            "runtimes",
                                                            "outputs",
                                                            "execution_strategies",
                                                            "update_strategies",
                                                            "scope",
                                                            "needs_udf",
                                                            "storage",
                                                            "writes",
                                                            "config",
                                                            "filterable",
                                                            "flags"};
constexpr std::array<std::string_view, 8> kConfigKeys = {
    "type", "required", "default", "min", "max", "values", "execution_only", "meaning"};
constexpr std::array<std::string_view, 7> kConfigTypes = {"text",     "integer", "number", "bool",
                                                          "duration", "texts",   "any"};
constexpr std::array<FieldType, 7> kConfigFieldTypes = {
    FieldType::Text,     FieldType::Integer,  FieldType::Number, FieldType::Boolean,
    FieldType::Duration, FieldType::TextList, FieldType::Any};
/// Runtimes of extension operators: the Dispatcher runs built-in ones only.
constexpr std::array<std::string_view, 2> kExtensionRuntimes = {"lambda", "ecs_platform"};
constexpr std::array<std::string_view, 2> kFlags = {"ordered", "effects"};
constexpr std::array<std::string_view, 5> kScopes = {"cursor", "partition", "trigger", "caller",
                                                     "unknown"};
/// Where rows are kept: of the default, and of what `publish` may ask for.
constexpr std::array<std::string_view, 3> kDefaultPlaces = {"events", "s3", "direct"};
constexpr std::array<std::string_view, 3> kWritePlaces = {"s3", "direct", "buffered"};
constexpr std::size_t kOperatorsMax = 1000;
constexpr std::size_t kConfigKeysMax = 64;

/// What may be written, by what `writes` has: bit 0 s3, bit 1 direct, bit 2 buffered.
constexpr std::array<StoragePlace, 2> kReplaceBoth = {place::kObjects, place::kDirect};
constexpr std::array<StoragePlace, 2> kAppendBoth = {place::kDirect, place::kBuffered};

StoragePlace place_of(std::string_view word) {
  if (word == "s3") return place::kObjects;
  if (word == "direct") return place::kDirect;
  return {.storage = Storage::Events};
}

/// The part of a constant pair that is wanted: none, the first, the second, or both.
std::span<const StoragePlace> some_of(std::span<const StoragePlace> both, bool first, bool second) {
  return both.subspan(first ? 0 : 1, (first ? 1U : 0U) + (second ? 1U : 0U));
}

}  // namespace

/// Reads a registry file into an OperatorRegistry that is thrown away if there is a fault.
class OperatorFileReader {
 public:
  explicit OperatorFileReader(OperatorRegistry& registry) : registry_(registry) {}

  void read(JsonValue root) {
    if (!expect(root.is_object(), "", "needs an object with `operators`")) return;
    constexpr std::array<std::string_view, 1> kKeys = {"operators"};
    close_object(root, "", kKeys);
    const JsonValue list = root.find("operators");
    if (!expect(list.is_array(), "/operators", "needs a list")) return;
    if (!expect(list.size() <= kOperatorsMax, "/operators",
                "has more than " + std::to_string(kOperatorsMax) + " operators")) {
      return;
    }
    std::size_t index = 0;
    for (const JsonValue item : list) {
      read_operator(item, base::json_pointer("/operators", index++));
    }
  }

  std::vector<Fault>& faults() { return faults_; }

 private:
  bool expect(bool holds, const std::string& path, std::string text) {
    if (!holds && faults_.size() < kFaultsMax) {
      faults_.push_back({"operators_invalid", path, std::move(text)});
    }
    return holds;
  }

  void close_object(JsonValue object, const std::string& path,
                    std::span<const std::string_view> keys) {
    for (const JsonValue member : object) {
      const std::string at = base::json_pointer(path, member.key());
      expect(std::ranges::find(keys, member.key()) != keys.end(), at,
             "is unknown; there are " + one_of(keys));
      expect(object.find(member.key()).position() == member.position(), at, "stands here twice");
    }
  }

  /// A copy that lives as long as the registry.
  std::string_view kept(std::string_view text) { return registry_.texts_.emplace_back(text); }

  bool flag(JsonValue object, const std::string& path, std::string_view key) {
    const JsonValue value = object.find(key);
    if (value.missing()) return false;
    expect(value.is_bool(), base::json_pointer(path, key), "needs true or false");
    return value.is_bool() && value.kind() == JsonKind::True;
  }

  /// One word of a closed set.
  template <class Enum>
  std::optional<Enum> word(JsonValue value, const std::string& path,
                           std::span<const std::string_view> words) {
    const auto found = value.is_text() ? enum_of<Enum>(words, value.text()) : std::nullopt;
    expect(found.has_value(), path, "needs " + one_of(words));
    return found;
  }

  /// A list of words of a closed set, each as its place in `words`.
  std::vector<std::size_t> word_list(JsonValue object, const std::string& path,
                                     std::string_view key,
                                     std::span<const std::string_view> words) {
    const JsonValue list = object.find(key);
    std::vector<std::size_t> found;
    if (list.missing()) return found;
    const std::string at = base::json_pointer(path, key);
    if (!expect(list.is_array(), at, "needs a list")) return found;
    std::size_t index = 0;
    for (const JsonValue item : list) {
      const auto place = word<std::size_t>(item, base::json_pointer(at, index++), words);
      if (place) found.push_back(*place);
    }
    return found;
  }

  template <class Enum>
  WordSet<Enum> word_set(JsonValue object, const std::string& path, std::string_view key,
                         std::span<const std::string_view> words) {
    WordSet<Enum> set;
    for (const std::size_t place : word_list(object, path, key, words)) {
      set.add(static_cast<Enum>(place));
    }
    return set;
  }

  void read_operator(JsonValue item, const std::string& path) {
    if (!expect(item.is_object(), path, "needs an object")) return;
    std::vector<std::string_view> keys(kOperatorKeys.begin(), kOperatorKeys.end());
    keys.emplace_back("command");
    close_object(item, path, keys);
    OperatorSpec& spec = registry_.added_.emplace_back();
    spec.extension = true;
    read_name(item, path, spec);
    if (const JsonValue value = item.find("activation"); !value.missing()) {
      spec.activation = word<Activation>(value, path + "/activation", kActivations)
                            .value_or(Activation::Reactive);
    }
    if (spec.is_source()) {
      spec.source_kind =
          word<SourceKind>(item.find("source_kind"), path + "/source_kind", kSourceKinds)
              .value_or(SourceKind::Cron);
    } else {
      expect(item.find("source_kind").missing(), path + "/source_kind", "is for sources only");
    }
    spec.runtimes = word_set<Runtime>(item, path, "runtimes", kExtensionRuntimes);
    expect(!spec.runtimes.empty(), path + "/runtimes", "needs at least one runtime");
    spec.execution =
        word_set<ExecutionStrategy>(item, path, "execution_strategies", kExecutionStrategies);
    spec.updates = word_set<UpdateStrategy>(item, path, "update_strategies", kUpdateStrategies);
    if (!spec.is_source()) {
      expect(!spec.execution.empty(), path + "/execution_strategies", "needs at least one");
      expect(!spec.updates.empty(), path + "/update_strategies", "needs at least one");
    }
    read_outputs(item, path, spec);
    read_places(item, path, spec);
    spec.needs_udf = flag(item, path, "needs_udf");
    read_command(item, path, spec);
    for (const std::size_t place : word_list(item, path, "flags", kFlags)) {
      (place == 0 ? spec.ordered : spec.effects) = true;
    }
    read_config(item.find("config"), path + "/config", spec);
    read_filters(item.find("filterable"), path + "/filterable", spec);
    for (const ConfigRule& rule : spec.config) spec.config_fields.push_back(rule.field);
  }

  void read_name(JsonValue item, const std::string& path, OperatorSpec& spec) {
    const JsonValue name = item.find("name");
    const bool good = name.is_text() && kCheckNamePattern.matches(name.text());
    if (expect(good, path + "/name", "needs a name in lower_snake_case, at most 63 letters")) {
      spec.name = kept(name.text());
      expect(registry_.operators_.emplace(spec.name, &spec).second, path + "/name",
             shown(spec.name) + " is the name of an operator already");
    }
    const JsonValue version = item.find("version");
    constexpr std::size_t kVersionBytesMax = 64;
    if (expect(version.is_text() && !version.text().empty() &&
                   version.text().size() <= kVersionBytesMax,
               path + "/version", "needs a text: raise it when output may differ")) {
      spec.version = kept(version.text());
    }
  }

  void read_outputs(JsonValue item, const std::string& path, OperatorSpec& spec) {
    if (const JsonValue scope = item.find("scope"); !scope.missing()) {
      const auto place = word<std::size_t>(scope, path + "/scope", kScopes);
      const auto named = enum_of<EmittedScope>(kEmittedScopes, scope.text());
      if (place && named) spec.scope = *named;
    }
    const JsonValue outputs = item.find("outputs");
    if (outputs.missing()) return;
    const std::optional<std::int64_t> count = parse_integer(outputs.text());
    const bool good = outputs.kind() == JsonKind::Integer && count && *count >= 1 &&
                      *count <= static_cast<std::int64_t>(kOutputsMax);
    if (!expect(good, path + "/outputs", "needs a number from 1 to 64")) return;
    spec.outputs_min = spec.outputs_max = *count;
  }

  void read_places(JsonValue item, const std::string& path, OperatorSpec& spec) {
    const JsonValue storage = item.find("storage");
    if (!storage.missing() && expect(storage.is_object(), path + "/storage", "needs an object")) {
      close_object(storage, path + "/storage", kUpdateStrategies);
      for (const JsonValue member : storage) {
        const std::string at = base::json_pointer(path + "/storage", member.key());
        if (!word<std::size_t>(member, at, kDefaultPlaces)) continue;
        const bool append = member.key() == "append";
        expect(!append || member.text() != "s3", at, "an object store cannot keep a key");
        (append ? spec.kept_append : spec.kept_replace) = place_of(member.text());
      }
    }
    std::array<bool, 3> writes = {};
    for (const std::size_t place : word_list(item, path, "writes", kWritePlaces)) {
      writes[place] = true;
    }
    for (const StoragePlace& one : {spec.kept_append, spec.kept_replace}) {
      writes[0] = writes[0] || one == place::kObjects;
      writes[1] = writes[1] || one == place::kDirect;
    }
    spec.places_replace = some_of(kReplaceBoth, writes[0], writes[1]);
    spec.places_append = some_of(kAppendBoth, writes[1], writes[2]);
  }

  void read_command(JsonValue item, const std::string& path, OperatorSpec& spec) {
    const JsonValue command = item.find("command");
    const std::string at = path + "/command";
    if (spec.needs_udf || !spec.runtimes.has(Runtime::EcsPlatform)) {
      expect(command.missing(), at, "is for operators of ecs_platform that run no bundle");
      return;
    }
    if (!expect(command.is_array() && command.size() > 0, at,
                "needs the program and its arguments, a list of texts")) {
      return;
    }
    std::size_t index = 0;
    for (const JsonValue word_of_it : command) {
      expect(word_of_it.is_text() && !word_of_it.text().contains('\0'),
             base::json_pointer(at, index++), "needs a text");
      spec.command.emplace_back(word_of_it.text());
    }
  }

  void read_config(JsonValue config, const std::string& path, OperatorSpec& spec) {
    spec.free_config = config.is_text() && config.text() == "free";
    if (config.missing() || spec.free_config) return;
    if (!expect(config.is_object(), path, "needs an object of keys, or \"free\"")) return;
    if (!expect(config.size() <= kConfigKeysMax, path,
                "has more than " + std::to_string(kConfigKeysMax) + " keys")) {
      return;
    }
    std::vector<ConfigRule>& rules = registry_.configs_.emplace_back();
    for (const JsonValue key : config) {
      const std::string at = base::json_pointer(path, key.key());
      expect(config.find(key.key()).position() == key.position(), at, "stands here twice");
      if (!expect(key.is_object(), at, "needs an object with `type`")) continue;
      close_object(key, at, kConfigKeys);
      rules.push_back(read_rule(key, at));
    }
    spec.config = rules;
  }

  ConfigRule read_rule(JsonValue key, const std::string& path) {
    ConfigRule rule;
    rule.field.name = kept(key.key());
    const auto type = word<std::size_t>(key.find("type"), path + "/type", kConfigTypes);
    rule.field.type = kConfigFieldTypes[type.value_or(0)];
    rule.field.required = flag(key, path, "required");
    rule.execution_only = flag(key, path, "execution_only");
    if (const JsonValue meaning = key.find("meaning"); !meaning.missing()) {
      expect(meaning.is_text(), path + "/meaning", "needs a text");
      rule.field.meaning = kept(meaning.text());
    }
    read_bounds(key, path, rule.field);
    read_values(key.find("values"), path + "/values", rule.field);
    if (const JsonValue fallback = key.find("default"); !fallback.missing()) {
      expect(!rule.field.required, path + "/default", "has no meaning beside `required`");
      check_default(fallback, path + "/default", rule.field);
      rule.default_json = kept(base::canonical_json(fallback));
    }
    return rule;
  }

  void read_bounds(JsonValue key, const std::string& path, FieldRule& field) {
    const JsonValue min = key.find("min");
    const JsonValue max = key.find("max");
    if (min.missing() && max.missing()) return;
    const bool counted = field.type == FieldType::Integer || field.type == FieldType::Number;
    expect(counted, path, "bounds are for integers and numbers");
    const auto bound = [&](JsonValue value, std::string_view name, std::int64_t fallback) {
      if (value.missing()) return fallback;
      const std::optional<std::int64_t> number = parse_integer(value.text());
      expect(value.is_number() && number, base::json_pointer(path, name), "needs an integer");
      return number.value_or(fallback);
    };
    field.min = bound(min, "min", -kWireIntegerMax);
    field.max = bound(max, "max", kWireIntegerMax);
    expect(field.min <= field.max, path, "`min` is above `max`");
  }

  void read_values(JsonValue values, const std::string& path, FieldRule& field) {
    if (values.missing()) return;
    expect(field.type == FieldType::Text, path, "is for texts");
    if (!expect(values.is_array() && values.size() > 0, path, "needs a list of texts")) return;
    std::vector<std::string_view>& words = registry_.words_.emplace_back();
    std::size_t index = 0;
    for (const JsonValue item : values) {
      if (expect(item.is_text(), base::json_pointer(path, index++), "needs a text")) {
        words.push_back(kept(item.text()));
      }
    }
    field.values = words;
  }

  void check_default(JsonValue value, const std::string& path, const FieldRule& field) {
    const bool text = value.is_text();
    const std::optional<std::int64_t> number = parse_integer(value.text());
    switch (field.type) {
      case FieldType::Text:
        expect(text && (field.values.empty() ||
                        std::ranges::find(field.values, value.text()) != field.values.end()),
               path, "needs a text that the key can have");
        return;
      case FieldType::Integer:
        expect(value.kind() == JsonKind::Integer && number &&
                   (!field.bounded() || (*number >= field.min && *number <= field.max)),
               path, "needs an integer that the key can have");
        return;
      case FieldType::Number:
        expect(value.is_number(), path, "needs a number");
        return;
      case FieldType::Boolean:
        expect(value.is_bool(), path, "needs true or false");
        return;
      case FieldType::Duration:
        expect(text && parse_duration_ms(value.text()), path, "needs a duration such as 5m");
        return;
      case FieldType::TextList:
      case FieldType::List:
        expect(value.is_array(), path, "needs a list of texts");
        return;
      case FieldType::Mapping:
      case FieldType::Any:
        expect(!value.is_null(), path, "null is no value");
        return;
    }
  }

  void read_filters(JsonValue filters, const std::string& path, OperatorSpec& spec) {
    if (filters.missing()) return;
    if (!expect(filters.is_object(), path, "needs an object of types by field")) return;
    std::vector<FilterField>& fields = registry_.filters_.emplace_back();
    std::vector<std::string_view> types(kFilterTypes.begin(), kFilterTypes.end());
    types.insert(types.end(), kColumnTypes.begin(), kColumnTypes.end());
    for (const JsonValue field : filters) {
      const std::string at = base::json_pointer(path, field.key());
      expect(filters.find(field.key()).position() == field.position(), at, "stands here twice");
      if (!word<std::size_t>(field, at, types)) continue;
      fields.push_back({.name = kept(field.key()), .type = kept(field.text())});
    }
    spec.filterable = fields;
  }

  OperatorRegistry& registry_;
  std::vector<Fault> faults_;
};

Result<void> OperatorRegistry::add_file(std::string_view json) {
  const Result<JsonDocument> document =
      JsonDocument::parse(json, {.depth_max = kRegistryDepthMax, .bytes_max = kRegistryBytesMax});
  if (!document.ok()) {
    return base::invalid_argument("operators_invalid", document.error().message())
        .with_faults(document.error().faults());
  }
  const std::map<std::string_view, const OperatorSpec*> before = operators_;
  OperatorFileReader reader(*this);
  reader.read(document->root());
  if (reader.faults().empty()) return {};
  operators_ = before;
  return base::invalid_argument("operators_invalid", "the operator file cannot be used")
      .with_faults(std::move(reader.faults()));
}

}  // namespace weir::dispatcher
