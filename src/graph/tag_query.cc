// SPDX-License-Identifier: Apache-2.0
#include "graph/tag_query.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace weir::graph {
namespace {

/// What the public SDK's language takes for false: null, false, 0, and everything empty.
bool is_falsy(JsonValue value) {
  return is_blank(value) || ((value.is_array() || value.is_object()) && value.size() == 0);
}

/// Tags of a list or of comma-separated text, trimmed, blanks dropped; nothing for other shapes.
std::optional<std::vector<std::string>> tags_of(JsonValue value) {
  std::vector<std::string> tags;
  const auto keep = [&](std::string_view text) {
    const std::string_view tag = base::trim(text);
    if (!tag.empty()) tags.emplace_back(tag);
  };
  if (value.is_null()) return tags;
  if (value.is_text()) {
    for (const std::string_view piece : base::split(value.text(), ',')) keep(piece);
    return tags;
  }
  if (!value.is_array()) return std::nullopt;
  for (const JsonValue item : value) {
    const std::optional<std::string> text = scalar_text(item);
    if (!text) return std::nullopt;
    keep(*text);
  }
  return tags;
}

}  // namespace

TagQuerySources tag_query_sources(const NodeFields& fields) {
  TagQuerySources sources;
  const JsonValue params = fields.params.is_object() ? fields.params : JsonValue();
  const JsonValue query_tags = params.find("query_tags");
  const JsonValue params_tags = params.find("tags");
  if (!is_falsy(query_tags)) {
    sources.tags = {query_tags, "/params/query_tags"};
  } else if (!params_tags.is_null()) {
    sources.tags = {params_tags, "/params/tags"};
  } else {
    sources.tags = {fields.tags, "/tags"};
  }
  const JsonValue params_mode = params.find("match_mode");
  sources.match_mode = params_mode.is_null() ? TagQuerySource{fields.match_mode, "/match_mode"}
                                             : TagQuerySource{params_mode, "/params/match_mode"};
  const JsonValue params_interval = params.find("interval");
  sources.interval = fields.interval.is_null() && !params_interval.missing()
                         ? TagQuerySource{params_interval, "/params/interval"}
                         : TagQuerySource{fields.interval, "/interval"};
  return sources;
}

TagQuerySpec read_tag_query(const NodeFields& fields, std::string_view path, FaultList* faults) {
  const TagQuerySources sources = tag_query_sources(fields);
  TagQuerySpec query;
  const auto refuse = [&](const TagQuerySource& source, std::string reason, std::string text) {
    if (faults == nullptr) return;
    faults->add(source.value,
                {std::move(reason), std::string(path).append(source.pointer), std::move(text)});
  };
  std::optional<std::vector<std::string>> tags = tags_of(sources.tags.value);
  // The node's own tags must be a list anyway, which whoever reads the node says.
  if (!tags && sources.tags.pointer != "/tags") {
    refuse(sources.tags, "dag_shape", "must be a list of tags or comma-separated text");
  }
  query.tags = tags.value_or(std::vector<std::string>{});
  std::ranges::sort(query.tags);
  query.tags.erase(std::ranges::unique(query.tags).begin(), query.tags.end());
  query.match_all = sources.match_mode.value.is_text() &&
                    base::lower_ascii(sources.match_mode.value.text()) == "all";
  const JsonValue interval = sources.interval.value;
  const bool blank = interval.is_null() || (interval.is_text() && interval.text().empty());
  const IntegerReading reading = read_integer(interval);
  if (!blank && reading.state == IntegerState::OutOfRange &&
      sources.interval.pointer != "/interval") {
    refuse(sources.interval, "dag_bounds", "must be within 64 bits");
  }
  query.has_interval = !blank && reading.state == IntegerState::Ok;
  query.interval = query.has_interval ? reading.value : 0;
  return query;
}

std::string tag_query_json(const TagQuerySpec& query) {
  std::string json = R"({"interval":)";
  json += query.has_interval ? std::to_string(query.interval) : "null";
  json += query.match_all ? R"(,"match_mode":"all","query_tags":[)"
                          : R"(,"match_mode":"any","query_tags":[)";
  for (const std::string& tag : query.tags) {
    if (&tag != query.tags.data()) json += ',';
    base::append_json_text(json, tag);
  }
  json += "]}";
  return json;
}

TagQuerySpec read_tag_query(JsonValue node) {
  return read_tag_query(node_fields(node), {}, nullptr);
}

}  // namespace weir::graph
