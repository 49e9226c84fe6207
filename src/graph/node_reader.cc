// SPDX-License-Identifier: Apache-2.0
#include "graph/node_reader.h"

#include <optional>
#include <utility>

#include "base/blake3.h"
#include "graph/node_parts.h"
#include "graph/tag_query.h"

namespace weir::graph {

bool NodeReader::read(const NodeFields& fields, std::uint32_t index, DagNode& node) {
  const std::size_t faults_before = faults_.size();
  fields_ = &fields;
  node_ = &node;
  path_ = base::json_pointer("/nodes", index);
  node.index = index;
  read_id();
  required_text(fields.code_hash, "code_hash");
  node.schema_hash = required_text(fields.schema_hash, "schema_hash");
  TagQuerySpec query;
  read_identity_parts(fields, path_, node.parts, query, faults_);
  if (node.parts.node_type == kTagQueryType) node.query = std::move(query);
  check_length(fields.schema_compat_id, node.parts.schema_compat_id, "/schema_compat_id");
  node.config_hash = scalar_text_or_empty(fields.config_hash).value_or("");
  node.global = fields.global.is_bool() && fields.global.kind() == JsonKind::True;
  read_tags();
  read_inputs();
  read_name_and_bucket();
  read_artifacts();
  if (faults_.size() != faults_before) return false;
  node.canonical = canonical_bytes(node.parts);
  node.fingerprint = base::blake3(node.canonical);
  node.computed_id = node_id(node.fingerprint);
  return true;
}

std::string NodeReader::required_text(JsonValue value, std::string_view name) {
  std::optional<std::string> text = value.is_null() ? "" : scalar_text(value);
  if (!text) {
    // read_identity_parts says so of code_hash.
    if (name != "code_hash")
      refuse(value, "dag_shape", base::json_pointer("", name), "must be text");
    return {};
  }
  if (text->empty()) {
    refuse(fields_->node, "missing_field", base::json_pointer("", name),
           "is required: give the node a non-empty " + std::string(name));
  }
  return *std::move(text);
}

void NodeReader::read_id() {
  const std::string id = required_text(fields_->node_id, "node_id");
  check_length(fields_->node_id, id, "/node_id");
  if (id.find('#') != std::string::npos) {
    refuse(fields_->node_id, "name_illegal", "/node_id",
           "must not contain '#': clients cut queue_map keys there");
  }
  node_->node_id = NodeId(id);
}

void NodeReader::read_tags() {
  const JsonValue tags = fields_->tags;
  if (!is_list_or_null(tags)) {
    refuse(tags, "dag_shape", "/tags", "must be a list of tags");
    return;
  }
  if (tags.size() > limits_.tags_max) {
    refuse(tags, "dag_bounds", "/tags", "has more than " + std::to_string(limits_.tags_max));
    return;
  }
  std::size_t index = 0;
  node_->tags.reserve(tags.size());
  for (const JsonValue item : tags) {
    const std::size_t at = index++;
    std::optional<std::string> tag = item.is_null() ? "" : scalar_text(item);
    if (!tag) {
      refuse(item, "dag_shape", base::json_pointer("/tags", at), "must be text");
    } else if (tag->size() > limits_.text_bytes_max) {
      check_length(item, *tag, base::json_pointer("/tags", at));
    } else if (!tag->empty()) {
      node_->tags.push_back(std::move(*tag));
    }
  }
}

void NodeReader::read_inputs() {
  const JsonValue list = dependency_list(*fields_);
  if (!list.is_array()) return;
  const auto pointer = [&] { return base::json_pointer("", list.key()); };
  if (list.size() > limits_.inputs_max) {
    refuse(list, "dag_bounds", pointer(), "has more than " + std::to_string(limits_.inputs_max));
    return;
  }
  std::vector<Dependency> inputs = read_dependencies(list);
  node_->inputs.reserve(inputs.size());
  for (Dependency& input : inputs) {
    if (input.id.size() > limits_.text_bytes_max) {
      check_length(list, input.id, base::json_pointer(pointer(), input.index));
    }
    node_->inputs.push_back(std::move(input.id));
  }
}

void NodeReader::read_name_and_bucket() {
  node_->name = scalar_text_or_empty(fields_->name).value_or("");
  check_length(fields_->name, node_->name, "/name");
  const IntegerReading bucket = read_integer(fields_->bucket);
  if (bucket.state == IntegerState::NotAnInteger) {
    refuse(fields_->bucket, "dag_shape", "/bucket", "must be an integer");
  } else if (bucket.state == IntegerState::OutOfRange) {
    refuse(fields_->bucket, "dag_bounds", "/bucket", "must be within 64 bits");
  } else if (!fields_->bucket.is_null()) {
    node_->bucket = std::to_string(bucket.value);
  }
}

void NodeReader::read_artifacts() {
  const JsonValue artifacts = fields_->artifacts;
  if (artifacts.is_null()) return;
  if (!artifacts.is_array()) {
    refuse(artifacts, "artifact_invalid", "/artifacts", "must be a list");
    return;
  }
  if (artifacts.size() > limits_.artifacts_max) {
    refuse(artifacts, "artifact_invalid", "/artifacts",
           "has more than " + std::to_string(limits_.artifacts_max));
    return;
  }
  const std::string path = path_ + "/artifacts";
  std::size_t index = 0;
  for (const JsonValue entry : artifacts) {
    read_artifact(entry, base::json_pointer(path, index++), limits_, artifact_sizes_,
                  node_->artifacts, faults_);
  }
}

void NodeReader::check_length(JsonValue value, std::string_view text, std::string_view pointer) {
  if (text.size() <= limits_.text_bytes_max) return;
  refuse(value.missing() ? fields_->node : value, "dag_bounds", pointer,
         "has " + std::to_string(text.size()) + " bytes, more than " +
             std::to_string(limits_.text_bytes_max));
}

void NodeReader::refuse(JsonValue where, std::string_view reason, std::string_view pointer,
                        std::string text) {
  faults_.add(where, {std::string(reason), std::string(path_).append(pointer), std::move(text)});
}

}  // namespace weir::graph
