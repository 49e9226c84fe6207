// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dagfile/json_schema.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/canonical_json.h"
#include "base/json.h"
#include "dispatcher/dagfile/limits.h"
#include "dispatcher/dagfile/normalise.h"
#include "dispatcher/dagfile/tables.h"

namespace weir::dispatcher {
namespace {

/// What the fields that are no scalars hold, by name: a definition, or a list of it.
struct Part {
  std::string_view field;
  std::string_view definition;
  bool list = false;
};
constexpr std::array<Part, 13> kParts = {{{"defaults", "defaults"},
                                          {"jobs", "job", true},
                                          {"publish", "publish"},
                                          {"inputs", "input", true},
                                          {"from", "from"},
                                          {"where", "where"},
                                          {"source", "source"},
                                          {"bootstrap", "bootstrap"},
                                          {"udf", "udf"},
                                          {"scaling", "scaling"},
                                          {"schema", "schema"},
                                          {"columns", "columns"},
                                          {"checks", "check", true}}};

class SchemaWriter {
 public:
  explicit SchemaWriter(const OperatorRegistry& operators) : operators_(operators) {}

  std::string write() {
    out_.open('{').key("$schema").text("https://json-schema.org/draft/2020-12/schema");
    out_.key("$id").text("urn:weir:dag:v1").key("title").text("Weir DAG file, schema v1");
    write_object(document_table());
    out_.key("$defs").open('{');
    define("defaults", defaults_table());
    define_job();
    define("input", input_table());
    define_from();
    define_where();
    define_source();
    define("bootstrap", bootstrap_table());
    define("udf", udf_table());
    define("scaling", scaling_table());
    define_publish();
    define("schema", schema_table());
    define_columns();
    define("check", check_table());
    return out_.close('}').close('}').written();
  }

 private:
  void define(std::string_view name, const FieldTable& table) {
    out_.key(name).open('{');
    write_object(table);
    out_.close('}');
  }

  /// The members of a schema of a closed mapping.
  void write_object(const FieldTable& table) {
    out_.key("type").text("object").key("additionalProperties").boolean(false);
    out_.key("properties").open('{');
    for (const FieldRule& rule : table.rules) {
      out_.key(rule.name).open('{');
      if (!rule.meaning.empty()) out_.key("description").text(rule.meaning);
      write_rule(rule);
      out_.close('}');
    }
    out_.close('}').key("required").open('[');
    for (const FieldRule& rule : table.rules) {
      if (rule.required) out_.text(rule.name);
    }
    out_.close(']');
  }

  void write_rule(const FieldRule& rule) {
    switch (rule.type) {
      case FieldType::Text:
        return write_text(rule);
      case FieldType::Integer:
        out_.key("type").text("integer");
        return write_bounds(rule, "minimum", "maximum");
      case FieldType::Number:
        out_.key("type").text("number");
        return write_bounds(rule, "minimum", "maximum");
      case FieldType::Boolean:
        out_.key("type").text("boolean");
        return;
      case FieldType::Duration:
        out_.key("type").text("string").key("pattern").text(kDurationPattern.regex);
        return;
      case FieldType::TextList:
        out_.key("type").text("array").key("uniqueItems").boolean(true);
        write_bounds(rule, "minItems", "maxItems");
        out_.key("items").open('{');
        write_text(rule);
        out_.close('}');
        return;
      case FieldType::List:
      case FieldType::Mapping:
      case FieldType::Any:
        return write_part(rule);
    }
  }

  /// A plain scalar is a text where one is asked for, whatever it looks like to an editor.
  void write_text(const FieldRule& rule) {
    if (rule.name == "operator") return write_words("enum", operators_.names());
    if (!rule.values.empty()) return write_words("enum", rule.values);
    out_.key("type").open('[').text("string").text("number").text("boolean").close(']');
    if (rule.pattern != nullptr) out_.key("pattern").text(rule.pattern->regex);
  }

  void write_words(std::string_view key, std::span<const std::string_view> words) {
    out_.key(key).open('[');
    for (const std::string_view word : words) out_.text(word);
    out_.close(']');
  }

  void write_bounds(const FieldRule& rule, std::string_view least, std::string_view most) {
    if (!rule.bounded()) return;
    out_.key(least).integer(rule.min).key(most).integer(rule.max);
  }

  void write_part(const FieldRule& rule) {
    const auto part = std::ranges::find(kParts, rule.name, &Part::field);
    const bool list = rule.type == FieldType::List;
    if (rule.type != FieldType::Any || part != kParts.end()) {
      out_.key("type").text(list ? "array" : "object");
      write_bounds(rule, list ? "minItems" : "minProperties", list ? "maxItems" : "maxProperties");
    }
    if (rule.name == "indexes") {
      out_.key("items").raw(R"({"type":"array","minItems":1,"items":{"type":"string"}})");
    }
    if (part == kParts.end()) return;
    if (rule.name == "publish") return write_datasets();
    if (part->list) out_.key("items").open('{');
    reference(part->definition);
    if (part->list) out_.close('}');
  }

  void reference(std::string_view definition) {
    out_.key("$ref").text("#/$defs/" + std::string(definition));
  }

  void write_datasets() {
    out_.key("propertyNames").open('{').key("maxLength");
    out_.integer(kDatasetIdBytesMax).key("minLength").integer(1).close('}');
    out_.key("additionalProperties").open('{');
    reference("publish");
    out_.close('}');
  }

  void define_from() {
    out_.key("from").open('{');
    write_object(from_table());
    out_.key("oneOf").raw(R"([{"required":["job","output"],"properties":{"dataset":false}},)"
                          R"({"required":["dataset"],"properties":{"job":false,"output":false}}])");
    out_.close('}');
  }

  void define_where() {
    out_.key("where").raw(
        R"({"type":"object","additionalProperties":{"oneOf":[)"
        R"({"type":["string","number","boolean"]},{"type":"array","minItems":1,"maxItems":64,)"
        R"("items":{"type":["string","number","boolean"]}}]}})");
  }

  void define_source() {
    out_.key("source").open('{');
    write_object(source_table());
    out_.key("allOf").open('[');
    const auto belongs = [&](std::string_view key, SourceKind kind) {
      out_.open('{').key("if").open('{');
      require_word("kind", word_of(kSourceKinds, kind));
      out_.close('}').key("then").open('{').key("required").open('[').text(key).close(']');
      out_.close('}').key("else").open('{').key("properties").open('{');
      out_.key(key).boolean(false).close('}').close('}').close('}');
    };
    belongs("schedule", SourceKind::Cron);
    belongs("webhook_path", SourceKind::Webhook);
    out_.close(']').close('}');
  }

  void define_publish() {
    out_.key("publish").open('{');
    write_object(publish_table());
    out_.key("allOf").raw(R"([{"properties":{"from":{"required":["job","output"]}}}])");
    out_.close('}');
  }

  void define_columns() {
    out_.key("columns").open('{').key("type").text("object");
    out_.key("minProperties").integer(1).key("maxProperties").integer(kColumnsMax);
    out_.key("propertyNames").open('{').key("pattern").text(kColumnPattern.regex).close('}');
    out_.key("additionalProperties").open('{').key("oneOf").open('[');
    out_.open('{');
    write_words("enum", kColumnTypes);
    out_.close('}').open('{');
    write_object(column_table());
    out_.close('}').close(']').close('}').close('}');
  }

  /// `required` and `properties` that together say: `key` is there and is this word.
  void require_word(std::string_view key, std::string_view word) {
    out_.key("required").open('[').text(key).close(']');
    out_.key("properties").open('{').key(key).open('{').key("const").text(word);
    out_.close('}').close('}');
  }

  void define_job() {
    out_.key("job").open('{');
    write_object(job_table());
    out_.key("allOf").open('[');
    out_.open('{').key("if").open('{');
    require_word("activation", "source");
    out_.close('}').key("then").raw(
        R"({"required":["source"],"properties":{"inputs":false,"execution_strategy":false}})");
    out_.key("else").raw(
        R"({"required":["inputs"],"properties":{"source":false,"bootstrap":false}})");
    out_.close('}');
    out_.open('{').key("if").open('{');
    require_word("update_strategy", "append");
    out_.close('}').key("then").raw(R"({"required":["unique_key"]})");
    out_.key("else").raw(R"({"properties":{"unique_key":false}})").close('}');
    for (const std::string_view name : operators_.names()) write_operator(*operators_.find(name));
    out_.close(']').close('}');
  }

  template <class Enum>
  void write_set(std::string_view key, std::span<const std::string_view> words,
                 WordSet<Enum> legal) {
    out_.key(key).open('{').key("enum").open('[');
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (legal.has(static_cast<Enum>(i))) out_.text(words[i]);
    }
    out_.close(']').close('}');
  }

  void write_operator(const OperatorSpec& spec) {
    out_.open('{').key("if").open('{');
    require_word("operator", spec.name);
    out_.close('}').key("then").open('{').key("properties").open('{');
    out_.key("activation").open('{').key("const");
    out_.text(word_of(kActivations, spec.activation)).close('}');
    write_set("runtime", kRuntimes, spec.runtimes);
    if (!spec.is_source()) write_set("execution_strategy", kExecutionStrategies, spec.execution);
    // No legal word: the field may not be there at all.
    if (spec.updates.empty()) {
      out_.key("update_strategy").boolean(false);
    } else {
      write_set("update_strategy", kUpdateStrategies, spec.updates);
    }
    out_.key("outputs").open('{').key("minimum").integer(spec.outputs_min);
    out_.key("maximum").integer(spec.outputs_max).close('}');
    if (!spec.needs_udf) out_.key("udf").boolean(false);
    if (spec.is_source()) write_source_kind(spec);
    if (!spec.free_config) write_config(spec);
    out_.close('}').key("required").open('[');
    const bool needs_config = std::ranges::any_of(spec.config_fields, &FieldRule::required);
    if (needs_config) out_.text("config");
    if (spec.needs_udf) out_.text("udf");
    if (!spec.is_source() && !spec.is_virtual) {
      out_.text("execution_strategy").text("update_strategy");
    }
    out_.close(']').close('}').close('}');
  }

  void write_source_kind(const OperatorSpec& spec) {
    out_.key("source").open('{').key("properties").open('{').key("kind").open('{').key("const");
    out_.text(word_of(kSourceKinds, spec.source_kind)).close('}').close('}').close('}');
  }

  void write_config(const OperatorSpec& spec) {
    out_.key("config").open('{');
    write_object(spec.config_table());
    out_.close('}');
  }

  const OperatorRegistry& operators_;
  JsonText out_;
};

}  // namespace

std::string dag_json_schema(const OperatorRegistry& operators) {
  const std::string compact = SchemaWriter(operators).write();
  const Result<JsonDocument> document = JsonDocument::parse(compact);
  WEIR_ASSERT(document.ok());
  return base::ascii_json(document->root(), 2) + "\n";
}

}  // namespace weir::dispatcher
