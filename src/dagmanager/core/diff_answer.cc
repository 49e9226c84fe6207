// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/diff_answer.h"

#include <array>
#include <string_view>

#include "dagmanager/core/limits.h"

namespace weir::dagmanager {
namespace {

// What protobuf adds at most: tags and lengths of a map entry, of an instruction, of a decision.
constexpr std::size_t kEntryOverhead = 24;
constexpr std::size_t kInstructionOverhead = 96;
constexpr std::size_t kDecisionOverhead = 40;
constexpr std::size_t kHeadOverhead = 256;

std::size_t wire_bytes(const AnswerEntry& entry) {
  std::size_t bytes = entry.key.size() + entry.topic.text().size() + kEntryOverhead;
  if (!entry.buffer) return bytes;
  const graph::DagNode& node = *entry.node;
  bytes += kInstructionOverhead + node.node_id.text().size() + node.parts.node_type.size() +
           node.parts.code_hash.size() + node.schema_hash.size() +
           node.parts.schema_compat_id.size();
  for (const std::string& tag : node.tags) bytes += tag.size() + 6;
  return bytes;
}

std::size_t wire_bytes(const NodeDecision& decision) {
  return decision.node_id.size() + decision.topic.text().size() +
         decision.compute_key.text().size() + decision.reason.size() + kDecisionOverhead;
}

/// Feeds texts to a hash, each with its length in front, so that no two sequences read alike.
class LengthPrefixed {
 public:
  void add(std::string_view text) {
    add(text.size());
    hash_.update(text);
  }
  void add(std::uint64_t number) {
    std::array<char, 8> bytes{};
    for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>((number >> (8 * i)) & 0xff);
    hash_.update({bytes.data(), bytes.size()});
  }
  base::Digest digest() const {
    base::Digest digest{};
    hash_.finish(digest);
    return digest;
  }

 private:
  base::Blake3 hash_;
};

/// All that a BufferInstruction says.
void add_instruction(LengthPrefixed& hash, const graph::DagNode& node) {
  hash.add(node.node_id.text());
  hash.add(node.parts.node_type);
  hash.add(node.parts.code_hash);
  hash.add(node.schema_hash);
  hash.add(static_cast<std::uint64_t>(node.parts.interval));
  hash.add(static_cast<std::uint64_t>(node.parts.period));
  hash.add(node.parts.schema_compat_id);
  hash.add(node.tags.size());
  for (const std::string& tag : node.tags) hash.add(tag);
}

base::Digest hash_answer(const DiffAnswer& answer) {
  LengthPrefixed hash;
  hash.add(answer.entries.size());
  for (const AnswerEntry& entry : answer.entries) {
    hash.add(entry.key);
    hash.add(entry.topic.text());
    hash.add(std::uint64_t{entry.buffer});
    if (entry.buffer) add_instruction(hash, *entry.node);
  }
  hash.add(answer.sentinel.text());
  hash.add(answer.version.text());
  return hash.digest();
}

}  // namespace

std::string DiffAnswer::answer_id() const { return base::to_hex(std::span(hash).first(16)); }

DiffAnswer make_answer(const graph::Dag& dag, const DiffScope& scope, const DiffPlan& plan,
                       bool compute_key_in_key, bool with_decisions) {
  DiffAnswer answer;
  answer.sentinel = scope.sentinel;
  answer.version = scope.version;
  answer.crc32 = dag.crc32;
  answer.warnings = plan.warnings;
  answer.entries.reserve(plan.nodes.size());
  for (const PlannedNode& node : plan.nodes) {
    const std::string interval = std::to_string(node.source->parts.interval);
    answer.entries.push_back(
        {.key = graph::partition_key(
             {.node_id = node.source->node_id.view(),
              .interval = interval,
              .bucket = node.source->bucket,
              .compute_key = compute_key_in_key ? node.compute_key.view() : std::string_view()}),
         .topic = node.topic,
         .node = node.source,
         .buffer = node.decision == Decision::Buffer});
    if (!with_decisions) continue;
    answer.decisions.push_back({node.source->node_id.text(), decision_text(node.decision),
                                node.topic, node.compute_key, node.reason});
  }
  answer.hash = hash_answer(answer);
  return answer;
}

std::vector<ChunkRange> cut_chunks(const DiffAnswer& answer) {
  std::vector<ChunkRange> chunks;
  std::size_t bytes = kHeadOverhead + answer.sentinel.text().size() + answer.version.text().size();
  const std::size_t head = bytes;
  for (const std::string& warning : answer.warnings) bytes += warning.size() + 6;
  ChunkRange chunk;
  for (std::size_t i = 0; i < answer.entries.size(); ++i) {
    std::size_t entry = wire_bytes(answer.entries[i]);
    if (!answer.decisions.empty()) entry += wire_bytes(answer.decisions[i]);
    // A chunk of warnings alone is possible; one of nothing is not.
    const bool holds_something = i > chunk.first || bytes > head;
    const bool full =
        i - chunk.first == kChunkEntriesMax || (holds_something && bytes + entry > kChunkBytesMax);
    if (full) {
      chunk.last = i;
      chunks.push_back(chunk);
      chunk.first = i;
      bytes = head;
    }
    bytes += entry;
  }
  chunk.last = answer.entries.size();
  chunks.push_back(chunk);
  return chunks;
}

}  // namespace weir::dagmanager
