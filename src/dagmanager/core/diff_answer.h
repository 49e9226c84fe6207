// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/blake3.h"
#include "dagmanager/core/diff_planner.h"

namespace weir::dagmanager {

/// One entry of the queue map, and what else belongs to its node.
struct AnswerEntry {
  std::string key;  ///< partition key, with "#ck=" unless switched off
  graph::TopicName topic;
  const graph::DagNode* node = nullptr;
  bool buffer = false;  ///< a BufferInstruction goes with it
};

/// One row of plan_only's decisions.
struct NodeDecision {
  std::string node_id;
  std::string_view decision;
  graph::TopicName topic;
  graph::ComputeKey compute_key;
  std::string reason;
};

/// The whole answer to a diff, before it is cut into chunks. Borrows the Dag it answers.
struct DiffAnswer {
  std::vector<AnswerEntry> entries;     ///< in submission order: the stream's order
  std::vector<NodeDecision> decisions;  ///< plan_only: one an entry
  std::vector<std::string> warnings;
  graph::SentinelId sentinel;
  graph::VersionLabel version;
  std::uint32_t crc32 = 0;
  base::Digest hash{};  ///< of all that a client keeps (section 3.8, `answer`)

  /// First 32 hex digits of the hash: the wire's `answer`.
  std::string answer_id() const;
};

/// Makes the answer of a finished plan. `chunked` entries are those with a topic (a refused node
/// has none).
DiffAnswer make_answer(const graph::Dag& dag, const DiffScope& scope, const DiffPlan& plan,
                       bool compute_key_in_key, bool with_decisions);

/// Entries [first, last) of one chunk.
struct ChunkRange {
  std::size_t first = 0;
  std::size_t last = 0;
};

/// Cuts an answer: at most kChunkEntriesMax entries and kChunkBytesMax bytes a chunk, at least one
/// chunk. Depends on the answer alone, so that a resumed stream is cut in the same places.
std::vector<ChunkRange> cut_chunks(const DiffAnswer& answer);

}  // namespace weir::dagmanager
