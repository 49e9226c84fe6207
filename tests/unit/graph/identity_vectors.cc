// SPDX-License-Identifier: Apache-2.0
// Runs the golden vectors of contract section 2.11 and says how many hold. The file is the one in
// WEIR_IDENTITY_VECTORS, else the copy in tests/data.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/canonical_json.h"
#include "base/json.h"
#include "base/text.h"
#include "graph/compute_context.h"
#include "graph/dag.h"
#include "graph/identity_check.h"
#include "graph/node_identity.h"
#include "graph/topic.h"

namespace weir::graph {
namespace {

using Json = nlohmann::json;

/// What went wrong with one vector; nothing if it holds.
using Complaint = std::optional<std::string>;

Complaint expect_equal(const std::string& what, const Json& expected, const Json& actual) {
  if (expected == actual) return std::nullopt;
  return what + ": expected " + expected.dump() + ", got " + actual.dump();
}

std::string text_or_empty(const Json& value) {
  return value.is_string() ? value.get<std::string>() : std::string();
}

std::string decimal_or_empty(const Json& object, const char* name) {
  const Json value = object.value(name, Json());
  return value.is_null() ? std::string() : std::to_string(value.get<std::int64_t>());
}

std::string hex_of(const std::string& bytes) {
  return base::to_hex(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

struct NamedNode {
  std::string canonical;
  std::vector<Fault> faults;
};

Result<NamedNode> name_node(const Json& vector) {
  const std::string text = vector.at("input_json").get<std::string>();
  WEIR_TRY(const JsonDocument document, JsonDocument::parse(text));
  NamedNode named;
  IdentityParts parts;
  read_identity_parts(document.root(), "", parts, named.faults);
  named.canonical = canonical_bytes(parts);
  return named;
}

Complaint check_node_id(const Json& vector) {
  const Result<NamedNode> named = name_node(vector);
  if (!named.ok()) return named.error().describe();
  if (!named->faults.empty()) return named->faults.front().reason;
  if (auto wrong =
          expect_equal("canonical", vector.at("canonical_hex"), hex_of(named->canonical))) {
    return wrong;
  }
  std::set<std::string> taken;
  for (const Json& id : vector.value("existing_ids", Json::array())) taken.insert(id);
  const NodeId id = node_id_without_collision(
      named->canonical, [&](const NodeId& candidate) { return taken.contains(candidate.text()); });
  return expect_equal("node id", vector.at("expect"), id.text());
}

Complaint check_node_id_error(const Json& vector) {
  const Result<NamedNode> named = name_node(vector);
  if (!named.ok()) return named.error().describe();
  return expect_equal("reason", vector.at("expect_error"),
                      named->faults.empty() ? "" : named->faults.front().reason);
}

Complaint check_set_order(const Json& vector) {
  std::vector<std::string> items;
  for (const Json& item : vector.at("input")) {
    const auto document = JsonDocument::parse(item.dump());
    if (!document.ok()) return document.error().describe();
    items.push_back(base::canonical_json(document->root()));
  }
  std::ranges::sort(items);
  return expect_equal("order", vector.at("expect"), "[" + base::join(items, ",") + "]");
}

Complaint check_compute_key(const Json& vector) {
  const Json& input = vector.at("input");
  const Json root = {{"compute_context", input.at("context")}};
  const std::string text = root.dump();
  const auto document = JsonDocument::parse(text);
  if (!document.ok()) return document.error().describe();
  const ComputeContext context =
      evaluate_context(merge_context({}, read_context(document->root())));
  const auto or_null = [](const std::string& value) {
    return value.empty() ? Json() : Json(value);
  };
  const Json normalized = {
      {"world_id", context.world_id},
      {"execution_domain", context.execution_domain},
      {"as_of", or_null(context.as_of)},
      {"partition", or_null(context.partition)},
      {"dataset_fingerprint", or_null(context.dataset_fingerprint)},
      {"downgraded", context.downgrade != DowngradeReason::None},
      {"downgrade_reason", or_null(std::string(downgrade_text(context.downgrade)))},
      {"safe_mode", context.safe_mode},
  };
  if (auto wrong = expect_equal("context", vector.at("normalized"), normalized)) return wrong;
  const NodeId node(input.at("node_id").get<std::string>());
  return expect_equal("compute key", vector.at("expect"), compute_key(node, context).text());
}

Complaint check_partition_key(const Json& vector) {
  const Json& input = vector.at("input");
  const std::string id = input.at("node_id");
  const std::string interval = decimal_or_empty(input, "interval");
  const std::string bucket = decimal_or_empty(input, "bucket");
  const std::string salt = text_or_empty(input.value("compute_key", Json()));
  const std::string key =
      partition_key({.node_id = id, .interval = interval, .bucket = bucket, .compute_key = salt});
  if (auto wrong = expect_equal("key", vector.at("expect"), key)) return wrong;
  if (!vector.contains("expect_message_key")) return std::nullopt;
  return expect_equal("message key", vector.at("expect_message_key"),
                      message_key(key, text_or_empty(input.at("input_window_hash"))));
}

Complaint check_queue_map_key(const Json& vector) {
  const std::string key = vector.at("input");
  return expect_equal("node id", vector.at("expect"), std::string(queue_map_key_to_node_id(key)));
}

Complaint check_crc32(const Json& vector) {
  const auto document = JsonDocument::parse(vector.at("input").dump());
  if (!document.ok()) return document.error().describe();
  std::uint32_t crc = 0;
  for (const JsonValue id : document->root()) crc = node_ids_crc32(crc, id);
  return expect_equal("crc32", vector.at("expect"), crc);
}

Complaint check_version_label(const Json& vector) {
  const Json root = {{"nodes", Json::array()}, {"version", vector.at("input")}};
  const Result<Dag> dag = read_dag(root.dump());
  if (!dag.ok()) return dag.error().describe();
  return expect_equal("version", vector.at("expect"), dag->version.text());
}

Complaint check_namespace(const Json& vector) {
  const Json& input = vector.at("input");
  return expect_equal(
      "namespace", text_or_empty(vector.at("expect")),
      base::make_namespace(text_or_empty(input.at("world")), text_or_empty(input.at("domain"))));
}

Complaint check_namespace_from_text(const Json& vector) {
  return expect_equal("namespace", text_or_empty(vector.at("expect")),
                      base::namespace_from_text(text_or_empty(vector.at("input"))));
}

Complaint check_topic_name(const Json& vector) {
  constexpr unsigned kCandidatesMax = 100;
  const Json& input = vector.at("input");
  const std::string asset = input.at("asset");
  const std::string node_type = input.at("node_type");
  const std::string id = input.at("node_id");
  const std::string version = input.at("version");
  const std::string name_space = text_or_empty(input.value("namespace", Json()));
  const TopicNameParts parts = {.asset = asset,
                                .node_type = node_type,
                                .node_id = id,
                                .version = version,
                                .dry_run = input.value("dry_run", false),
                                .name_space = name_space};
  std::set<std::string> taken;
  for (const Json& name : input.value("existing", Json::array())) taken.insert(name);
  if (input.contains("legacy_code_hash")) {
    for (const TopicName& name :
         legacy_topic_names(parts, text_or_empty(input["legacy_code_hash"]))) {
      if (taken.contains(name.text())) {
        return expect_equal("topic", vector.at("expect"), name.text());
      }
    }
  }
  for (unsigned candidate = 0; candidate < kCandidatesMax; ++candidate) {
    const std::string name = topic_name(parts, candidate).text();
    if (!taken.contains(name)) return expect_equal("topic", vector.at("expect"), name);
  }
  return "no name is free";
}

Complaint check_identity_check(const Json& vector) {
  const std::string text = vector.at("input_json").get<std::string>();
  const auto document = JsonDocument::parse(text);
  if (!document.ok()) return document.error().describe();
  const IdentityReport report =
      check_identity(document->root(), vector.at("provided_crc32").get<std::uint32_t>());
  if (auto wrong = expect_equal("crc32", vector.at("computed_crc32"), report.crc32)) return wrong;
  if (auto wrong = expect_equal("code", text_or_empty(vector.at("expect_code")),
                                std::string(report.code()))) {
    return wrong;
  }
  const auto with_id = [](Json entry, const std::string& id) {
    if (!id.empty()) entry["node_id"] = id;
    return entry;
  };
  Json missing = Json::array();
  for (const auto& node : report.missing) {
    missing.push_back(with_id({{"index", node.index}, {"missing", node.fields}}, node.node_id));
  }
  Json conflicts = Json::array();
  for (const auto& node : report.conflicts) {
    conflicts.push_back(with_id({{"index", node.index},
                                 {"schema_compat_id", node.schema_compat_id},
                                 {"schema_id", node.schema_id}},
                                node.node_id));
  }
  Json mismatches = Json::array();
  for (const auto& node : report.mismatches) {
    mismatches.push_back(
        with_id({{"index", node.index}, {"expected", node.expected}}, node.node_id));
  }
  const std::map<std::string, Json> lists = {{"missing_fields", missing},
                                             {"schema_conflicts", conflicts},
                                             {"node_id_mismatch", mismatches}};
  for (const auto& [name, actual] : lists) {
    if (!vector.contains(name)) continue;
    if (auto wrong = expect_equal(name, vector.at(name), actual)) return wrong;
  }
  return std::nullopt;
}

using Check = Complaint (*)(const Json&);
const std::map<std::string, Check> kChecks = {
    {"node_id", check_node_id},
    {"node_id_error", check_node_id_error},
    {"node_id_collision", check_node_id},
    {"set_order", check_set_order},
    {"compute_key", check_compute_key},
    {"partition_key", check_partition_key},
    {"queue_map_key_to_node_id", check_queue_map_key},
    {"crc32", check_crc32},
    {"version_label", check_version_label},
    {"namespace", check_namespace},
    {"namespace_from_text", check_namespace_from_text},
    {"topic_name", check_topic_name},
    {"identity_check", check_identity_check},
};

int run() {
  const char* const given = std::getenv("WEIR_IDENTITY_VECTORS");
  const std::string path = given != nullptr && *given != '\0' ? given
                                                              : WEIR_SOURCE_DIR
                               "/tests/data/identity-vectors.json";
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object() || !document.contains("vectors")) {
    std::cerr << path << ": no vectors\n";
    return 1;
  }
  std::size_t holding = 0;
  for (const Json& vector : document["vectors"]) {
    const auto check = kChecks.find(vector.at("kind").get<std::string>());
    const Complaint wrong =
        check == kChecks.end() ? Complaint("unknown kind") : check->second(vector);
    if (wrong) {
      std::cerr << text_or_empty(vector.at("id")) << " (" << text_or_empty(vector.at("why"))
                << "): " << *wrong << '\n';
    } else {
      ++holding;
    }
  }
  const std::size_t count = document["vectors"].size();
  std::cout << "identity vectors: " << holding << " of " << count << " hold\n";
  return count > 0 && holding == count ? 0 : 1;
}

}  // namespace
}  // namespace weir::graph

int main() {
  try {
    return weir::graph::run();
  } catch (const std::exception& error) {  // the vector file lacks a field
    std::cerr << error.what() << '\n';
    return 1;
  }
}
