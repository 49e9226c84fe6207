// SPDX-License-Identifier: Apache-2.0
#include "graph/identity_check.h"

#include "base/crc32.h"
#include "base/text.h"
#include "graph/node_parts.h"
#include "graph/tag_query.h"

namespace weir::graph {
namespace {

constexpr std::string_view kFieldsCode = "E_NODE_ID_FIELDS";
constexpr std::string_view kSchemaCode = "E_SCHEMA_COMPAT_MISMATCH";
constexpr std::string_view kChecksumCode = "E_CHECKSUM_MISMATCH";
constexpr std::string_view kMismatchCode = "E_NODE_ID_MISMATCH";

std::string schema_text(JsonValue value) {
  return std::string(base::trim(scalar_text_or_empty(value).value_or("")));
}

std::vector<std::string> missing_fields(const CheckedNode& node) {
  const NodeFields& fields = node.fields;
  std::vector<std::string> missing;
  const auto need = [&](std::string_view name, bool given) {
    if (!given) missing.emplace_back(name);
  };
  need("node_id", !is_blank(fields.node_id));
  need("node_type", !is_blank(fields.node_type));
  need("code_hash", !is_blank(fields.code_hash));
  need("config_hash", !is_blank(fields.config_hash));
  need("schema_hash", !is_blank(fields.schema_hash));
  need("schema_compat_id",
       !schema_text(fields.schema_compat_id).empty() || !schema_text(fields.schema_id).empty());
  if (node.node_type == kTagQueryType) {
    // The gateway reports a missing interval as both.
    need("tags", !node.query.tags.empty() && node.query.has_interval);
    need("interval", node.query.has_interval);
  }
  return missing;
}

IdentityFinding finding(std::string_view code, std::uint32_t index, std::string text) {
  IdentityFinding made;
  made.code = code;
  made.path = base::json_pointer("/nodes", index);
  made.text = std::move(text);
  return made;
}

}  // namespace

std::string_view IdentityReport::code() const {
  if (!missing.empty()) return kFieldsCode;
  if (!conflicts.empty()) return kSchemaCode;
  if (provided_crc32 && *provided_crc32 != crc32) return kChecksumCode;
  if (!mismatches.empty()) return kMismatchCode;
  return {};
}

IdentityReport check_identity(JsonValue nodes, std::optional<std::uint32_t> provided_crc32) {
  IdentityReport report;
  report.provided_crc32 = provided_crc32;
  std::uint32_t index = 0;
  for (const JsonValue entry : nodes) {
    const std::uint32_t at = index++;
    if (!entry.is_object()) continue;
    const NodeFields fields = node_fields(entry);
    if (is_sentinel(fields)) continue;
    IdentityParts parts;
    TagQuerySpec query;
    FaultList faults;
    const bool sound = read_identity_parts(fields, {}, parts, query, faults);
    const std::string computed = sound ? node_id(canonical_bytes(parts)).text() : std::string();
    const std::string stated = scalar_text_or_empty(fields.node_id).value_or("");
    report.crc32 = node_ids_crc32(report.crc32, fields.node_id);
    check_node({.fields = fields,
                .index = at,
                .node_type = parts.node_type,
                .node_id = stated,
                .computed = computed,
                .query = query},
               report);
  }
  return report;
}

void check_node(const CheckedNode& node, IdentityReport& report) {
  std::vector<std::string> missing = missing_fields(node);
  const std::string id(node.node_id);
  if (!missing.empty()) report.missing.push_back({node.index, id, std::move(missing)});
  if (!node.fields.schema_id.is_null()) {
    const std::string compat = schema_text(node.fields.schema_compat_id);
    const std::string legacy = schema_text(node.fields.schema_id);
    if (!compat.empty() && !legacy.empty() && compat != legacy) {
      report.conflicts.push_back({node.index, id, compat, legacy});
    }
  }
  if (!node.computed.empty() && node.computed != node.node_id) {
    report.mismatches.push_back({node.index, id, std::string(node.computed)});
  }
}

std::vector<IdentityFinding> identity_findings(const IdentityReport& report) {
  std::vector<IdentityFinding> findings;
  findings.reserve(report.missing.size() + report.conflicts.size() + report.mismatches.size() + 1);
  for (const IdentityReport::Missing& node : report.missing) {
    findings.push_back(finding(kFieldsCode, node.index, "lacks " + base::join(node.fields, ", ")));
  }
  for (const IdentityReport::Conflict& node : report.conflicts) {
    findings.push_back(finding(kSchemaCode, node.index,
                               "schema_compat_id is '" + node.schema_compat_id +
                                   "', schema_id is '" + node.schema_id + "'"));
  }
  if (report.provided_crc32 && *report.provided_crc32 != report.crc32) {
    IdentityFinding checksum;
    checksum.code = kChecksumCode;
    checksum.path = "/nodes";
    checksum.text = "the checksum of the node ids is " + std::to_string(report.crc32) + ", not " +
                    std::to_string(*report.provided_crc32);
    findings.push_back(std::move(checksum));
  }
  for (const IdentityReport::Mismatch& node : report.mismatches) {
    findings.push_back(
        finding(kMismatchCode, node.index,
                "is named '" + node.node_id + "', its content '" + node.expected + "'"));
    findings.back().no_prefix = !node.node_id.starts_with("blake3:");
  }
  return findings;
}

std::uint32_t node_ids_crc32(std::uint32_t crc32, JsonValue node_id) {
  if (node_id.is_text()) return base::crc32(crc32, node_id.text());
  return base::crc32(crc32, scalar_text_or_empty(node_id).value_or(""));
}

}  // namespace weir::graph
