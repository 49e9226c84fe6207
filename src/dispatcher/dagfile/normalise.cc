// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dagfile/normalise.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/canonical_json.h"
#include "base/canonical_number.h"
#include "dispatcher/dagfile/limits.h"
#include "dispatcher/dagfile/schedule.h"
#include "dispatcher/dagfile/tables.h"

namespace weir::dispatcher {

JsonText& JsonText::open(char bracket) {
  separate();
  out_ += bracket;
  fresh_ = true;
  return *this;
}

JsonText& JsonText::close(char bracket) {
  out_ += bracket;
  fresh_ = false;
  return *this;
}

JsonText& JsonText::key(std::string_view name) {
  separate();
  base::append_json_text(out_, name);
  out_ += ':';
  fresh_ = true;
  return *this;
}

JsonText& JsonText::text(std::string_view value) {
  separate();
  base::append_json_text(out_, value);
  return *this;
}

JsonText& JsonText::integer(std::int64_t value) { return raw(std::to_string(value)); }
JsonText& JsonText::boolean(bool value) { return raw(value ? "true" : "false"); }
JsonText& JsonText::null() { return raw("null"); }

JsonText& JsonText::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

JsonText& JsonText::texts(std::span<const std::string> values) {
  open('[');
  for (const std::string& value : values) text(value);
  return close(']');
}

std::string JsonText::canonical() const { return base::canonical_json(parse_written(out_).root()); }

void JsonText::separate() {
  if (!fresh_) out_ += ',';
  fresh_ = false;
}

JsonDocument parse_written(std::string_view json) {
  Result<JsonDocument> document =
      JsonDocument::parse(json, {.depth_max = 2 * kDagDepthMax, .bytes_max = 64 * kDagBytesMax});
  WEIR_ASSERT(document.ok());
  return *std::move(document);
}

// As deep as the document, whose depth kDagDepthMax bounds.
void append_free_json(std::string& out, YamlValue value) {  // NOLINT(misc-no-recursion)
  switch (value.kind()) {
    case YamlKind::Null:
    case YamlKind::Refused:
      out += "null";
      return;
    case YamlKind::Plain:
    case YamlKind::Quoted:
      if (free_scalar_kind(value) == ScalarKind::Text) {
        base::append_json_text(out, value.text());
      } else {
        out += value.text();
      }
      return;
    case YamlKind::Sequence:
    case YamlKind::Mapping:
      break;
  }
  const bool mapping = value.is_mapping();
  out += mapping ? '{' : '[';
  bool first = true;
  for (const YamlValue child : value) {
    if (!std::exchange(first, false)) out += ',';
    if (mapping) {
      base::append_json_text(out, child.key());
      out += ':';
    }
    append_free_json(out, child);
  }
  out += mapping ? '}' : ']';
}

namespace {

/// One value of a filter, as it sorts.
struct FilterValue {
  ScalarKind kind = ScalarKind::Text;
  double number = 0;
  std::string json;

  /// Bools before numbers before texts; numbers by what they are worth, the rest by their bytes.
  auto rank() const {
    const int group = kind == ScalarKind::Boolean ? 0 : kind == ScalarKind::Text ? 2 : 1;
    return std::tuple(group, number, std::string_view(json));
  }
};

FilterValue filter_value(YamlValue scalar) {
  FilterValue value;
  value.kind = free_scalar_kind(scalar);
  if (value.kind == ScalarKind::Text) {
    base::append_json_text(value.json, scalar.text());
  } else if (value.kind == ScalarKind::Boolean) {
    value.json = scalar.text();
  } else {
    base::append_canonical_number(value.json, scalar.text());
    value.number = base::parse_double(scalar.text());
  }
  return value;
}

std::string filter_json(YamlValue value) {
  if (!value.is_sequence()) return filter_value(value).json;
  std::vector<FilterValue> values;
  for (const YamlValue item : value) values.push_back(filter_value(item));
  std::ranges::sort(values, {}, &FilterValue::rank);
  const auto repeated = std::ranges::unique(values, {}, &FilterValue::json);
  values.erase(repeated.begin(), repeated.end());
  if (values.size() == 1) return values.front().json;
  JsonText list;
  list.open('[');
  for (const FilterValue& item : values) list.raw(item.json);
  return list.close(']').canonical();
}

/// Writes the document out of its fields.
class Normaliser {
 public:
  explicit Normaliser(const Draft& draft) : draft_(draft) {}

  std::string write() {
    out_.open('{');
    out_.key("name").text(draft_.document["name"].text());
    if (draft_.document["defaults"].value.size() > 0) {
      out_.key("defaults");
      write_fields(draft_.defaults);
    }
    out_.key("jobs").open('[');
    std::vector<const JobDraft*> jobs;
    jobs.reserve(draft_.jobs.size());
    for (const JobDraft& job : draft_.jobs) jobs.push_back(&job);
    std::ranges::sort(jobs, {}, [](const JobDraft* job) { return job->name; });
    for (const JobDraft* job : jobs) write_job(*job);
    out_.close(']');
    if (!draft_.publish.empty()) {
      out_.key("publish").open('{');
      for (const PublishDraft& entry : draft_.publish) write_publish(entry);
      out_.close('}');
    }
    return out_.close('}').canonical();
  }

 private:
  void write_job(const JobDraft& job) {
    out_.open('{');
    write_members(job.fields);
    if (job.fields["inputs"].there()) {
      out_.key("inputs").open('[');
      for (const InputDraft& input : job.inputs) write_input(input);
      out_.close(']');
    }
    if (job.fields["source"].there()) write_source(job.source);
    write_part(job, "bootstrap", job.bootstrap);
    write_part(job, "udf", job.udf);
    write_part(job, "scaling", job.scaling);
    if (job.fields["config"].value.size() > 0) {
      out_.key("config");
      write_config(job);
    }
    write_secrets(job.fields["secrets"].value);
    out_.close('}');
  }

  void write_part(const JobDraft& job, std::string_view name, const FieldSet& fields) {
    if (!job.fields[name].there()) return;
    out_.key(name);
    write_fields(fields);
  }

  void write_config(const JobDraft& job) {
    const YamlValue config = job.fields["config"].value;
    const std::vector<std::string> order = deciding_order(job);
    if (order.empty()) return write_free(config);
    out_.open('{');
    for (const YamlValue member : config) {
      out_.key(member.key());
      write_free(member);
    }
    out_.key(kColumnsOrder).texts(order).close('}');
  }

  void write_secrets(YamlValue list) {
    if (list.size() == 0) return;
    std::vector<std::string> names;
    for (const YamlValue item : list) names.emplace_back(item.text());
    std::ranges::sort(names);
    out_.key("secrets").texts(names);
  }

  void write_input(const InputDraft& input) {
    out_.open('{').key("from");
    write_fields(input.from.fields);
    if (input.fields["where"].there()) {
      out_.key("where").raw(where_json(input.fields["where"].value));
    }
    out_.close('}');
  }

  void write_source(const FieldSet& source) {
    out_.key("source").open('{');
    out_.key("kind").text(source["kind"].text());
    if (source["schedule"].there()) {
      out_.key("schedule").text(normalised_schedule(source["schedule"].text()));
    }
    if (source["webhook_path"].there()) {
      out_.key("webhook_path").text(source["webhook_path"].text());
    }
    out_.close('}');
  }

  void write_publish(const PublishDraft& entry) {
    out_.key(entry.at.key()).open('{').key("from");
    write_fields(entry.from.fields);
    write_members(entry.fields);
    if (entry.fields["schema"].there()) {
      out_.key("schema").open('{').key("columns");
      write_free(entry.schema["columns"].value);
      write_members(entry.schema);
      if (entry.schema["indexes"].there()) {
        out_.key("indexes");
        write_texts(entry.schema["indexes"].value);
      }
      out_.close('}');
    }
    if (entry.fields["checks"].there()) {
      out_.key("checks").open('[');
      for (const CheckDraft& check : entry.checks) write_fields(check.fields);
      out_.close(']');
    }
    out_.close('}');
  }

  void write_fields(const FieldSet& fields) {
    out_.open('{');
    write_members(fields);
    out_.close('}');
  }

  /// The members that need no knowledge of what they are. Secrets are sorted elsewhere.
  void write_members(const FieldSet& fields) {
    for (std::size_t i = 0; i < fields.rules().size(); ++i) {
      const FieldRule& rule = fields.rules()[i];
      const Field& field = fields.at(i);
      if (!field.there() || rule.name == "secrets") continue;
      switch (rule.type) {
        case FieldType::Text:
          out_.key(rule.name).text(field.text());
          break;
        case FieldType::Integer:
        case FieldType::Duration:
          out_.key(rule.name).integer(field.integer);
          break;
        case FieldType::Number:
          out_.key(rule.name).raw(field.value.text());
          break;
        case FieldType::Boolean:
          out_.key(rule.name).boolean(field.boolean);
          break;
        case FieldType::TextList:
          out_.key(rule.name);
          write_texts(field.value);
          break;
        case FieldType::List:
        case FieldType::Mapping:
        case FieldType::Any:
          break;
      }
    }
  }

  /// A list of texts, or of such lists: whatever they look like, they are texts.
  void write_texts(YamlValue list) {  // NOLINT(misc-no-recursion): two levels
    out_.open('[');
    for (const YamlValue item : list) {
      item.is_sequence() ? write_texts(item) : static_cast<void>(out_.text(item.text()));
    }
    out_.close(']');
  }

  void write_free(YamlValue value) {
    std::string json;
    append_free_json(json, value);
    out_.raw(json);
  }

  const Draft& draft_;
  JsonText out_;
};

}  // namespace

std::string where_json(YamlValue where) {
  JsonText filter;
  filter.open('{');
  for (const YamlValue field : where) filter.key(field.key()).raw(filter_json(field));
  return filter.close('}').canonical();
}

std::string normalised_document(const Draft& draft) { return Normaliser(draft).write(); }

}  // namespace weir::dispatcher
