// SPDX-License-Identifier: Apache-2.0
#include "graph/lint/node_rules.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/text.h"
#include "base/utf8.h"
#include "graph/tag_query.h"
#include "graph/topic.h"

namespace weir::graph {
namespace {

/// The entries of a `nodes` array by their index.
std::vector<JsonValue> entries_of(JsonValue nodes) {
  std::vector<JsonValue> entries;
  entries.reserve(nodes.size());
  for (const JsonValue entry : nodes) entries.push_back(entry);
  return entries;
}

/// The tag of a list that gives a topic its first word, as topic_asset chooses it, and whether that
/// word is the tag's own: a letter or digit beyond ASCII becomes a dash, and what leaves nothing is
/// passed over.
bool tag_names(std::string_view tag, bool& keeps_all) {
  bool leaves_something = false;
  keeps_all = true;
  for (std::size_t at = 0; at < tag.size();) {
    const char32_t character = base::next_character(tag, at);
    const bool kept = base::is_letter_or_digit(character) || character == '_' || character == '-';
    leaves_something = leaves_something || kept;
    if (kept && character >= 0x80) keeps_all = false;
  }
  return leaves_something;
}

class NameLint {
 public:
  NameLint(const LintedNode& entry, FindingList& findings) : entry_(entry), findings_(findings) {}

  void check_tags() {
    std::size_t index = 0;
    for (const JsonValue item : entry_.fields.tags) {
      const std::size_t at = index++;
      const std::optional<std::string> tag = item.is_null() ? "" : scalar_text(item);
      if (!tag || tag->empty()) continue;
      bool keeps_all = true;
      const bool names = tag_names(*tag, keeps_all);
      if (!names) {
        add(item, "/tags/" + std::to_string(at),
            "has no letter or digit: the topic's name cannot begin with it",
            "put a tag of ASCII letters, digits, _ and - first");
      } else if (!keeps_all) {
        add(item, "/tags/" + std::to_string(at),
            "has letters beyond ASCII, each of which is a dash in the topic's name",
            "put a tag of ASCII letters, digits, _ and - first");
      }
      if (names) return;
    }
  }

  void check_type() {
    const std::string& type = entry_.node.parts.node_type;
    const auto fits = [](char byte) {
      const char lower = static_cast<char>(byte | 0x20);
      return (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z') || byte == '.' ||
             byte == '_' || byte == '-';
    };
    if (std::ranges::all_of(type, fits)) return;
    add(entry_.fields.node_type, "/node_type",
        "has characters other than ASCII letters, digits, '.', '_' and '-', each of which is a "
        "dash in the topic's name",
        "name the type with those alone");
  }

  void check_length(const NamingScope& scope) {
    if (!base::is_ascii(scope.name_space.view())) return;  // said of the whole document
    const std::string asset = topic_asset(entry_.node.tags);
    const TopicName name = topic_name({.asset = asset,
                                       .node_type = entry_.node.parts.node_type,
                                       .node_id = entry_.node.node_id.view(),
                                       .version = scope.version.view(),
                                       .dry_run = scope.dry_run,
                                       .name_space = scope.name_space.view()},
                                      0);
    std::optional<std::string> why = illegal_topic(name.view());
    if (why)
      add(entry_.fields.node, "", *std::move(why), "shorten its tag, type, version or world");
  }

 private:
  void add(JsonValue where, const std::string& pointer, std::string message, std::string mend) {
    findings_.add(where.missing() ? entry_.fields.node : where,
                  {.rule = LintRule::ImpossibleName,
                   .path = entry_.path + pointer,
                   .node_id = entry_.node.node_id.text(),
                   .message = std::move(message),
                   .mend = std::move(mend)});
  }

  const LintedNode& entry_;
  FindingList& findings_;
};

void lint_missing(const IdentityReport& report, const std::vector<JsonValue>& entries,
                  FindingList& findings) {
  for (const IdentityReport::Missing& missing : report.missing) {
    const std::string path = base::json_pointer("/nodes", missing.index);
    for (const std::string& field : missing.fields) {
      if (field == "tags" || field == "interval") continue;  // a rule of their own
      findings.add(entries[missing.index], {.rule = LintRule::MissingField,
                                            .path = base::json_pointer(path, field),
                                            .node_id = missing.node_id,
                                            .message = "is missing or empty",
                                            .mend = "give the node a non-empty " + field});
    }
  }
}

}  // namespace

void lint_identity(JsonValue nodes, FindingList& findings) {
  const IdentityReport report = check_identity(nodes, std::nullopt);
  const std::vector<JsonValue> entries = entries_of(nodes);
  lint_missing(report, entries, findings);
  for (const IdentityReport::Conflict& conflict : report.conflicts) {
    findings.add(entries[conflict.index],
                 {.rule = LintRule::MissingField,
                  .path = base::json_pointer("/nodes", conflict.index) + "/schema_id",
                  .node_id = conflict.node_id,
                  .message = "is '" + conflict.schema_id + "', but schema_compat_id is '" +
                             conflict.schema_compat_id + "'",
                  .mend = "give one of them, or equal ones"});
  }
  for (const IdentityReport::Mismatch& mismatch : report.mismatches) {
    if (mismatch.node_id.empty()) continue;  // missing, which is said already
    const bool prefixed = mismatch.node_id.starts_with("blake3:");
    findings.add(entries[mismatch.index],
                 {.rule = LintRule::WrongId,
                  .path = base::json_pointer("/nodes", mismatch.index) + "/node_id",
                  .node_id = mismatch.node_id,
                  .message = prefixed ? "is not the id of the node's content"
                                      : "is not the id of the node's content, and has no blake3:",
                  .mend = "name it " + mismatch.expected});
  }
}

void lint_tag_query(const LintedNode& entry, FindingList& findings) {
  if (!entry.node.query) return;
  const TagQuerySources sources = tag_query_sources(entry.fields);
  const auto add = [&](const TagQuerySource& source, std::string message, std::string mend) {
    findings.add(source.value.missing() ? entry.fields.node : source.value,
                 {.rule = LintRule::BareTagQuery,
                  .path = entry.path + std::string(source.pointer),
                  .node_id = entry.node.node_id.text(),
                  .message = std::move(message),
                  .mend = std::move(mend)});
  };
  if (entry.node.query->tags.empty()) {
    add(sources.tags, "the query has no tags, so it finds nothing", "say which tags it reads");
  }
  if (!entry.node.query->has_interval) {
    add(sources.interval, "the query has no interval, so it finds nothing",
        "say the interval in seconds of what it reads");
  }
}

void lint_names(const LintedNode& entry, const NamingScope& scope, FindingList& findings) {
  NameLint names(entry, findings);
  names.check_tags();
  names.check_type();
  names.check_length(scope);
  if (!fits_two_topic_types(entry.node.parts.node_type)) return;
  const TopicType type = topic_type_of(entry.node.parts.node_type);
  findings.add(entry.fields.node_type,
               {.rule = LintRule::TwoTopicTypes,
                .path = entry.path + "/node_type",
                .node_id = entry.node.node_id.text(),
                .message = "reads like a raw stream and like one of orders; its topic is a " +
                           std::string(topic_type_name(type)),
                .mend = "name the type so that it says one of them"});
}

}  // namespace weir::graph
