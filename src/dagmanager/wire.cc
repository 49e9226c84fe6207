// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/wire.h"

#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace weir::dagmanager {
namespace {

void fill_instruction(wire::BufferInstruction& out, const graph::DagNode& node) {
  out.set_node_id(node.node_id.text());
  out.set_node_type(node.parts.node_type);
  out.set_code_hash(node.parts.code_hash);
  out.set_schema_hash(node.schema_hash);
  out.set_interval(node.parts.interval);
  out.set_period(static_cast<std::int32_t>(node.parts.period));
  for (const std::string& tag : node.tags) out.add_tags(tag);
  out.set_lag(static_cast<std::int32_t>(std::max<std::int64_t>(node.parts.period, 0)));
  out.set_schema_compat_id(node.parts.schema_compat_id);
}

void fill_decision(wire::NodeDecision& out, const NodeDecision& decision) {
  out.set_node_id(decision.node_id);
  out.set_decision(std::string(decision.decision));
  out.set_topic(decision.topic.text());
  out.set_compute_key(decision.compute_key.text());
  out.set_reason(decision.reason);
}

grpc::ByteBuffer to_buffer(const wire::DiffChunk& chunk) {
  const grpc::Slice slice(chunk.SerializeAsString());
  return {&slice, 1};
}

/// Each text with its length in front, 8 bytes, the lowest first.
base::Digest hash_texts(std::initializer_list<std::string_view> texts) {
  base::Blake3 hash;
  for (const std::string_view text : texts) {
    std::array<char, 8> length{};
    for (std::size_t i = 0; i < 8; ++i) {
      length[i] = static_cast<char>((static_cast<std::uint64_t>(text.size()) >> (8 * i)) & 0xff);
    }
    hash.update({length.data(), length.size()}).update(text);
  }
  base::Digest digest{};
  hash.finish(digest);
  return digest;
}

}  // namespace

Result<wire::DiffRequest> parse_diff_request(const grpc::ByteBuffer& bytes) {
  wire::DiffRequest request;
  grpc::ByteBuffer copy(bytes);
  grpc::ProtoBufferReader reader(&copy);
  if (!reader.status().ok() || !request.ParseFromZeroCopyStream(&reader)) {
    return base::invalid_argument("dag_shape", "the request is not a DiffRequest message");
  }
  return request;
}

base::Digest hash_request(const wire::DiffRequest& request) {
  return hash_texts({request.strategy_id(), request.dag_json(), request.world_id(),
                     request.execution_domain(), request.as_of(), request.partition(),
                     request.dataset_fingerprint()});
}

base::Digest hash_refusal(const Error& error) {
  return hash_texts({base::code_name(error.code()), error.describe()});
}

std::uint32_t chunk_count(const DiffAnswer& answer) {
  return static_cast<std::uint32_t>(cut_chunks(answer).size());
}

std::vector<grpc::ByteBuffer> make_chunks(const DiffAnswer& answer, std::uint32_t first) {
  const std::vector<ChunkRange> ranges = cut_chunks(answer);
  std::vector<grpc::ByteBuffer> chunks;
  chunks.reserve(ranges.size());
  for (std::size_t i = first - 1; i < ranges.size(); ++i) {
    wire::DiffChunk chunk;
    auto& map = *chunk.mutable_queue_map();
    for (std::size_t at = ranges[i].first; at < ranges[i].last; ++at) {
      const AnswerEntry& entry = answer.entries[at];
      if (!entry.topic.empty()) map[entry.key] = entry.topic.text();
      if (entry.buffer) fill_instruction(*chunk.add_buffer_nodes(), *entry.node);
      if (!answer.decisions.empty()) fill_decision(*chunk.add_decisions(), answer.decisions[at]);
    }
    chunk.set_sentinel_id(answer.sentinel.text());
    chunk.set_version(answer.version.text());
    chunk.set_crc32(answer.crc32);
    chunk.set_chunk_index(static_cast<std::uint32_t>(i + 1));
    chunk.set_chunk_count(static_cast<std::uint32_t>(ranges.size()));
    chunk.set_answer(answer.answer_id());
    if (i == 0) {
      for (const std::string& warning : answer.warnings) chunk.add_warnings(warning);
    }
    chunks.push_back(to_buffer(chunk));
  }
  return chunks;
}

wire::NodeRecord make_node_record(const NodeRecord& node, const GraphIndex& index,
                                  const std::string& name) {
  wire::NodeRecord out;
  out.set_node_id(node.id.text());
  out.set_node_type(node.parts.node_type);
  out.set_interval(node.parts.interval);
  out.set_period(static_cast<std::int32_t>(node.parts.period));
  out.set_params_canon(node.parts.params_canon);
  for (const std::string& input : node.parts.dependencies) out.add_dependencies(input);
  out.set_schema_compat_id(node.parts.schema_compat_id);
  out.set_code_hash(node.parts.code_hash);
  out.set_schema_hash(node.schema_hash);
  for (const std::string& tag : node.tags) out.add_tags(tag);
  out.set_name(name);
  for (const RowId row : index.queues_of(node.row)) {
    const QueueView stored = index.queue(row);
    if (!stored.is_active()) continue;
    const QueueRecord queue = stored.record();
    wire::Binding& binding = *out.add_bindings();
    binding.set_compute_key(queue.compute_key.text());
    binding.set_topic(queue.topic.text());
    binding.set_world_id(queue.binding->context.world_id);
    binding.set_execution_domain(queue.binding->context.execution_domain);
    if (queue.buffering_since) {
      binding.set_buffering_since_ms(std::chrono::duration_cast<std::chrono::milliseconds>(
                                         queue.buffering_since->time_since_epoch())
                                         .count());
    }
  }
  return out;
}

}  // namespace weir::dagmanager
