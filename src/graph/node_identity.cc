// SPDX-License-Identifier: Apache-2.0
#include "graph/node_identity.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <span>

#include "base/blake3.h"
#include "base/canonical_json.h"
#include "base/text.h"
#include "graph/node_parts.h"
#include "graph/tag_query.h"

namespace weir::graph {
namespace {

constexpr std::string_view kIdPrefix = "blake3:";

/// Reads one node's parts; each function adds what it finds wrong to the faults.
class PartsReader {
 public:
  PartsReader(const NodeFields& fields, std::string_view path, FaultList& faults)
      : fields_(fields), path_(path), faults_(faults) {}

  std::string text(JsonValue value, std::string_view name) {
    std::optional<std::string> text = scalar_text(value);
    if (!text) refuse(value, "dag_shape", name, "must be text");
    return text.value_or("");
  }

  std::int64_t integer(JsonValue value, std::string_view name, std::int64_t most) {
    const IntegerReading reading = read_integer(value);
    if (reading.state == IntegerState::NotAnInteger) {
      refuse(value, "dag_shape", name, "must be an integer");
      return 0;
    }
    if (reading.state == IntegerState::OutOfRange || reading.value > most ||
        reading.value < -most - 1) {
      refuse(value, "dag_bounds", name,
             "must be between " + std::to_string(-most - 1) + " and " + std::to_string(most));
      return 0;
    }
    return reading.value;
  }

  std::string schema_compat_id() {
    const std::string compat = schema_text(fields_.schema_compat_id, "schema_compat_id");
    const std::string legacy = schema_text(fields_.schema_id, "schema_id");
    if (!compat.empty() && !legacy.empty() && compat != legacy) {
      refuse(
          fields_.schema_id, "schema_compat_mismatch", "schema_id",
          "is '" + legacy + "', but schema_compat_id is '" + compat + "': give one, or equal ones");
    }
    return compat.empty() ? legacy : compat;
  }

  std::vector<std::string> dependencies() {
    list_shape(fields_.inputs, "inputs");
    list_shape(fields_.dependencies, "dependencies");
    const JsonValue list = dependency_list(fields_);
    if (!list.is_array()) return {};
    std::size_t index = 0;
    for (const JsonValue item : list) {
      if (item.is_array() || item.is_object()) {
        const std::string pointer = base::json_pointer(std::string(list.key()), index);
        refuse(item, "dag_shape", pointer, "must be a node id");
      }
      ++index;
    }
    std::vector<std::string> ids;
    for (Dependency& dependency : read_dependencies(list)) ids.push_back(std::move(dependency.id));
    std::ranges::sort(ids);
    return ids;
  }

 private:
  std::string schema_text(JsonValue value, std::string_view name) {
    const std::optional<std::string> text = scalar_text_or_empty(value);
    if (!text) refuse(value, "dag_shape", name, "must be text");
    return std::string(base::trim(text.value_or("")));
  }

  void list_shape(JsonValue value, std::string_view name) {
    if (!is_list_or_null(value)) refuse(value, "dag_shape", name, "must be a list of node ids");
  }

  void refuse(JsonValue where, std::string_view reason, std::string_view pointer,
              std::string text) {
    std::string path(path_);
    path.append("/").append(pointer);
    faults_.add(where, {std::string(reason), std::move(path), std::move(text)});
  }

  const NodeFields& fields_;
  std::string_view path_;
  FaultList& faults_;
};

}  // namespace

bool is_excluded_param(std::string_view key) {
  static constexpr std::array<std::string_view, 14> kExcluded = {
      "world",        "world_id", "world_ids", "execution_world",     "execution_domain", "domain",
      "domains",      "as_of",    "partition", "dataset_fingerprint", "timestamp",        "seed",
      "random_state", "env"};
  constexpr std::size_t kLongest = 19;
  const auto lower = [](char byte) {
    return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + ('a' - 'A')) : byte;
  };
  std::array<char, kLongest> buffer{};
  const std::size_t length = std::min(key.size(), buffer.size());
  std::ranges::transform(key.substr(0, length), buffer.begin(), lower);
  const std::string_view lowered(buffer.data(), length);
  if (lowered.starts_with("env_")) return true;
  return key.size() <= kLongest && std::ranges::find(kExcluded, lowered) != kExcluded.end();
}

bool read_identity_parts(const NodeFields& fields, std::string_view path, IdentityParts& parts,
                         TagQuerySpec& query, FaultList& faults) {
  const std::size_t faults_before = faults.size();
  PartsReader reader(fields, path, faults);
  parts.node_type = reader.text(fields.node_type, "node_type");
  parts.interval =
      reader.integer(fields.interval, "interval", std::numeric_limits<std::int64_t>::max());
  parts.period = reader.integer(fields.period, "period", std::numeric_limits<std::int32_t>::max());
  if (parts.node_type == kTagQueryType) {
    query = read_tag_query(fields, path, &faults);
    parts.params_canon = tag_query_json(query);
  } else {
    const JsonValue params = fields.params.is_null() ? fields.config : fields.params;
    parts.params_canon.clear();
    base::append_canonical_json(parts.params_canon, params, is_excluded_param);
  }
  parts.dependencies = reader.dependencies();
  parts.schema_compat_id = reader.schema_compat_id();
  parts.code_hash = reader.text(fields.code_hash, "code_hash");
  return faults.size() == faults_before;
}

bool read_identity_parts(JsonValue node, std::string_view path, IdentityParts& parts,
                         std::vector<Fault>& faults) {
  FaultList found;
  TagQuerySpec query;
  const bool sound = read_identity_parts(node_fields(node), path, parts, query, found);
  for (Fault& fault : std::move(found).in_document_order()) faults.push_back(std::move(fault));
  return sound;
}

std::string canonical_bytes(const IdentityParts& parts) {
  std::size_t size = parts.node_type.size() + parts.params_canon.size() +
                     parts.schema_compat_id.size() + parts.code_hash.size() + 64;
  for (const std::string& dependency : parts.dependencies) size += dependency.size() + 1;
  std::string bytes;
  bytes.reserve(size);
  bytes += parts.node_type;
  bytes += '|';
  bytes += std::to_string(parts.interval);
  bytes += '|';
  bytes += std::to_string(parts.period);
  bytes += '|';
  bytes += parts.params_canon;
  bytes += '|';
  for (const std::string& dependency : parts.dependencies) {
    if (&dependency != parts.dependencies.data()) bytes += ',';
    bytes += dependency;
  }
  bytes += '|';
  bytes += parts.schema_compat_id;
  bytes += '|';
  bytes += parts.code_hash;
  return bytes;
}

NodeId node_id(std::string_view canonical) { return node_id(base::blake3(canonical)); }

NodeId node_id(const base::Digest& fingerprint) {
  return NodeId(std::string(kIdPrefix) + base::to_hex(fingerprint));
}

NodeId node_id_without_collision(std::string_view canonical, const TakenByOther& taken) {
  NodeId id = node_id(canonical);
  for (unsigned n = 1; n <= kRehashesMax && taken(id); ++n) {
    std::array<std::uint8_t, 64> digest{};
    base::Blake3 hash;
    hash.update(canonical).update("|collision:").update(std::to_string(n)).finish(digest);
    id = NodeId(std::string(kIdPrefix) + base::to_hex(digest));
  }
  return id;
}

}  // namespace weir::graph
